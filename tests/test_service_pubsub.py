"""The real Pub/Sub emulator pushes to the generated service: every message is one run, whatever comes between."""

import json
import os
import random
import signal
import subprocess
import threading
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from submissions import (
    PIPELINE,
    Google,
    Service,
    free_port,
    generated,
    listening,
    loaded,
    running,
    serving,
    token,
    until,
)
from tools import need

TOPIC, SUBSCRIPTION = "v1/projects/p/topics/automlops-runs", "v1/projects/p/subscriptions/automlops-runs-push"


def emulator_of(gcloud: str) -> Path:
    return Path(gcloud).resolve().parent.parent / "platform" / "pubsub-emulator" / "bin" / "cloud-pubsub-emulator"


@contextmanager
def pubsub() -> Iterator[str]:
    """The emulator of Google's SDK, at its address."""
    gcloud = need("gcloud")
    need("java")
    if not emulator_of(gcloud).exists():
        need("the Pub/Sub emulator of gcloud")
    port = free_port()
    process = subprocess.Popen(
        (emulator_of(gcloud), "--host=127.0.0.1", f"--port={port}"),
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    address = f"http://127.0.0.1:{port}"
    try:
        until(lambda: answers(address), "the emulator did not come up")
        yield address
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def answers(address: str) -> bool:
    try:
        urllib.request.urlopen(address, timeout=5).close()
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True


def say(method: str, url: str, body: object) -> None:
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(url, json.dumps(body).encode(), headers, method=method)
    with urllib.request.urlopen(request, timeout=30) as found:
        found.read()


class Postman:
    """Stands between Pub/Sub and the service: adds the token that Google would, and delivers every message twice."""

    def __init__(self, shown: str) -> None:
        self.shown = shown
        self.service: Service | None = None
        self.delivered: Counter[str] = Counter()

    def handler(self) -> type[BaseHTTPRequestHandler]:
        postman = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                service = postman.service
                assert service
                # As Cloud Run does, it holds what comes while no instance is up; what an instance dies of is lost.
                until(lambda: service.get("/health") == 200, "the service did not come back")
                statuses = [service.post("/push", body, postman.shown) for _ in range(2)]
                postman.delivered[json.loads(body)["message"]["messageId"]] += len([each for each in statuses if each])
                self.send_response(statuses[-1] or 502)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                """Nothing."""

        return Handler


def carried(folder: Path, messages: int, kills: int, google: Google) -> Postman:
    """Publishes so many messages, and kills the service so often under way; returns when all have arrived."""
    postman = Postman(token(loaded(folder, google)))
    with (
        pubsub() as address,
        listening(google) as there,
        running(folder, there) as service,
        serving(postman.handler()) as here,
    ):
        postman.service = service
        say("PUT", f"{address}/{TOPIC}", {})
        retry = {"minimumBackoff": "0.1s", "maximumBackoff": "1s"}
        push = {"pushEndpoint": f"{here}/push"}
        say(
            "PUT",
            f"{address}/{SUBSCRIPTION}",
            {"topic": TOPIC.removeprefix("v1/"), "pushConfig": push, "ackDeadlineSeconds": 10, "retryPolicy": retry},
        )
        publisher = threading.Thread(target=publish, args=(address, messages))
        publisher.start()
        for kill in range(1, kills + 1):
            until(lambda: len(google.jobs) >= messages * kill // (kills + 1), f"no run came: {len(google.jobs)}", 120)  # noqa: B023
            service.kill()
            service.begin()
        publisher.join()
        until(lambda: len(google.jobs) >= messages, f"of {messages} messages {len(google.jobs)} became runs", 180)
        until(lambda: min(postman.delivered.values()) >= 2, "a message came once", 60)
    return postman


def publish(address: str, messages: int) -> None:
    import base64

    numbers = list(range(messages))
    random.Random(1).shuffle(numbers)
    for first in range(0, messages, 20):
        contents = [{"pipeline": PIPELINE, "parameters": {"times": number}} for number in numbers[first : first + 20]]
        sent = [{"data": base64.b64encode(json.dumps(each).encode()).decode()} for each in contents]
        say("POST", f"{address}/{TOPIC}:publish", {"messages": sent})


def held(google: Google, messages: int, postman: Postman) -> None:
    """Exactly one run for each message, with what that message said."""
    times = sorted(job["runtimeConfig"]["parameterValues"]["times"] for job in google.jobs.values())
    assert times == list(range(messages))
    assert set(google.jobs) == {f"{PIPELINE}-{number}" for number in postman.delivered}
    assert google.dead == []


@pytest.mark.slow
def test_messages_that_come_twice_to_a_service_that_dies_are_one_run_each(tmp_path: Path) -> None:
    google = Google()
    google.faults = {"pipelineJobs": [429, 500, 503, 500], "/o/": [503, 429]}
    held(google, 40, carried(generated(tmp_path), 40, 2, google))


@pytest.mark.slow
@pytest.mark.thorough
def test_a_thousand_messages_and_twenty_deaths(tmp_path: Path) -> None:
    google = Google()
    google.faults = {"pipelineJobs": [429, 500, 503] * 20}
    held(google, 1000, carried(generated(tmp_path), 1000, 20, google))
