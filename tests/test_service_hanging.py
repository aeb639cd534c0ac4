"""The generated service that starts runs, while Google does not answer: nothing waits that need not, and nothing is lost."""

import json
import re
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from submissions import PIPELINE, Google, Service, generated, listening, loaded, push, running, token, until

pytestmark = pytest.mark.slow
RUN = {"pipeline": PIPELINE, "parameters": {"word": "better"}}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return generated(tmp_path_factory.mktemp("service"))


@pytest.fixture
def google() -> Iterator[Google]:
    found = Google()
    yield found
    found.free.set()


def pushed(service: Service, shown: str, numbers: range) -> tuple[list[int], list[threading.Thread]]:
    """Messages of these numbers on their way, and the answers as they come."""
    answers: list[int] = []

    def ask(number: int) -> None:
        answers.append(service.post("/push", json.dumps(push(RUN, str(number))).encode(), shown))

    threads = [threading.Thread(target=ask, args=(number,)) for number in numbers]
    for thread in threads:
        thread.start()
    return answers, threads


def answered(service: Service, shown: str, numbers: range) -> list[int]:
    answers, threads = pushed(service, shown, numbers)
    for thread in threads:
        thread.join()
    return answers


def test_a_google_that_hangs_has_the_message_come_again_and_is_asked_for_one_run(folder: Path, google: Google) -> None:
    """Whether the run was made before it hung or not."""
    shown = token(loaded(folder, google))
    with listening(google) as address, running(folder, address, patience=2, deadline=20) as service:
        google.hanging = {"pipelineJobs": ["silent", "done", "half", "late"], "/o/": ["silent", "half", "late"]}
        assert answered(service, shown, range(7)) == [503] * 7
        google.hanging = {}
        assert answered(service, shown, range(7)) == [200] * 7
        assert set(google.jobs) == {f"{PIPELINE}-{number}" for number in range(7)} and google.dead == []


def test_a_dead_letter_that_could_not_be_put_away_comes_again(folder: Path, google: Google) -> None:
    shown, wrong = token(loaded(folder, google)), json.dumps(push(b"hello")).encode()
    with listening(google) as address, running(folder, address, patience=2, deadline=20) as service:
        google.hanging = {":publish": ["silent"]}
        assert service.post("/push", wrong, shown) == 503
        assert service.post("/push", wrong, shown) == 200
        assert len(google.dead) == 1


def test_what_hangs_holds_up_nothing_that_needs_no_google(folder: Path, google: Google) -> None:
    shown = token(loaded(folder, google))
    with listening(google) as address, running(folder, address, patience=600, deadline=600) as service:
        assert answered(service, shown, range(1)) == [200]
        google.hanging = {"pipelineJobs": ["silent"] * 100}
        answers, threads = pushed(service, shown, range(1, 100))
        until(lambda: google.asked["pipelineJobs"] > 20, "Google was not asked")
        assert service.get("/health") == 200
        assert answered(service, shown, range(1)) == [200], "a message that comes again"
        assert service.post("/runs", b'{"pipeline": ".."}', shown) == 404
        assert service.post("/runs", b"", "a.b.c") == 401
        assert answers == []
        google.hanging = {}
        google.free.set()
        for thread in threads:
            thread.join()
        assert set(answers) <= {200, 503}
        assert answered(service, shown, range(100)) == [200] * 100
        assert len(google.jobs) == 100 and google.dead == []


def test_what_waits_for_google_takes_no_longer_than_all_of_an_answer_may(folder: Path, google: Google) -> None:
    """Not even where the threads that ask Google are all taken, or a request does not end."""
    shown = token(loaded(folder, google))
    with listening(google) as address, running(folder, address, patience=20, deadline=2) as service:
        google.hanging = {"pipelineJobs": ["silent"] * 30}
        with socket.create_connection(("127.0.0.1", service.port), timeout=60) as slow:
            head = f"POST /push HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {shown}\r\nContent-Length: 100\r\n\r\n"
            slow.sendall(head.encode() + b"{")
            assert answered(service, shown, range(30)) == [503] * 30
            assert slow.recv(100).startswith(b"HTTP/1.1 503 ")
        google.free.set()
        google.hanging = {}
        until(lambda: set(answered(service, shown, range(30))) == {200}, "the messages were not taken")
        assert len(google.jobs) == 30


def test_the_service_answers_before_cloud_run_and_pubsub_give_up(folder: Path, google: Google) -> None:
    script = (folder.parents[1] / "provision/provision_resources.sh").read_text()
    given = {int(seconds) for seconds in re.findall(r"--(?:timeout|ack-deadline)=(\d+)", script)}
    assert given and min(given) > loaded(folder, google).DEADLINE
