"""The real Pub/Sub emulator pushes to the generated service: every message is one run, whatever comes between."""

import base64
import json
import os
import random
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from submissions import (
    PIPELINE,
    RELEASE,
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
from tools import environment, need

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


def say(method: str, url: str, body: object) -> dict[str, Any]:
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(url, json.dumps(body).encode(), headers, method=method)
    with urllib.request.urlopen(request, timeout=30) as found:
        return dict(json.loads(found.read()))


class Postman:
    """Stands between Pub/Sub and the service: adds the token that Google would, and delivers every message twice."""

    def __init__(self, shown: str) -> None:
        self.shown = shown
        self.service: Service | None = None
        self.delivered: Counter[str] = Counter()
        self.taken: set[str] = set()
        self.numbers: dict[str, int] = {}

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
                message = json.loads(body)["message"]["messageId"]
                statuses = []
                for _ in range(2):
                    statuses.append(service.post("/push", body, postman.shown))
                    if statuses[-1] == 200:
                        postman.taken.add(message)
                postman.delivered[message] += len([each for each in statuses if each])
                self.send_response(statuses[-1] or 502)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                """Nothing."""

        return Handler


End = Callable[[Service, Google, Postman], None]


def killed(service: Service, google: Google, postman: Postman) -> None:
    service.kill()


def stopped(service: Service, google: Google, postman: Postman) -> None:
    """As Cloud Run stops it: whatever it has started a run for, it answers before it ends."""
    assert service.stop() in (0, -signal.SIGTERM)
    until(lambda: set(google.jobs) == runs(postman.taken), "a run was started that nobody was told of")


def runs(messages: Iterable[str]) -> set[str]:
    return {f"{PIPELINE}-{message}" for message in messages}


def carried(codebase: Path, messages: int, ends: int, end: End, google: Google) -> Postman:
    """Publishes so many messages, and ends the service so often under way; returns when all have arrived."""
    folder = codebase / "services/submission_service"
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
        publisher = threading.Thread(target=publish, args=(address, messages, postman))
        publisher.start()
        for number in range(1, ends + 1):
            until(lambda: len(google.jobs) >= messages * number // (ends + 1), f"no run came: {len(google.jobs)}", 120)  # noqa: B023
            end(service, google, postman)
            service.begin()
        publisher.join()
        until(lambda: len(google.jobs) >= messages, f"of {messages} messages {len(google.jobs)} became runs", 180)
        until(lambda: min(postman.delivered.values()) >= 2, "a message came once", 60)
    return postman


def publish(address: str, messages: int, postman: Postman) -> None:
    numbers = list(range(messages))
    random.Random(1).shuffle(numbers)
    for first in range(0, messages, 20):
        some = numbers[first : first + 20]
        contents = [{"pipeline": PIPELINE, "parameters": {"times": number}} for number in some]
        sent = [{"data": base64.b64encode(json.dumps(each).encode()).decode()} for each in contents]
        said = say("POST", f"{address}/{TOPIC}:publish", {"messages": sent})
        postman.numbers.update(zip(said["messageIds"], some, strict=True))


def held(google: Google, messages: int, postman: Postman) -> None:
    """Exactly one run for each message, with what that message said."""
    assert len(postman.numbers) == messages
    said = {name: job["runtimeConfig"]["parameterValues"]["times"] for name, job in google.jobs.items()}
    assert said == {f"{PIPELINE}-{message}": number for message, number in postman.numbers.items()}
    assert google.dead == []


def releasing(codebase: Path) -> Google:
    """Google, with the pipeline of a codebase released in it."""
    spec = codebase / "scripts/pipeline_spec/pipeline_job.json"
    argv = (sys.executable, codebase / "pipelines/pipeline.py", "--output", spec)
    subprocess.run(argv, check=True, env=environment(), timeout=120)
    google = Google()
    job = {**RELEASE["job"], "pipelineSpec": json.loads(spec.read_text())}
    google.objects[f"{PIPELINE}/release/job.json"] = json.dumps({**RELEASE, "job": job}).encode()
    return google


def carried_out(job: dict[str, Any], codebase: Path, folder: Path) -> Any:
    """What the last step of a job gives that is run to its end, as the stand-in's Vertex AI runs it."""
    folder.mkdir()
    (folder / "components").symlink_to(codebase / "components")
    values = job["runtimeConfig"]["parameterValues"]
    (folder / "job.json").write_text(json.dumps({"pipelineSpec": job["pipelineSpec"], "parameterValues": values}))
    argv = (sys.executable, Path(__file__).parent / "cloud/steps.py", folder)
    done = subprocess.run(argv, env=environment(), capture_output=True, text=True, timeout=120)
    *news, last = [json.loads(line) for line in done.stdout.splitlines()]
    assert last["ended"] == "succeeded", done.stdout + done.stderr
    outputs = {each["task"]["path"]: json.loads(each["task"]["outputs"]) for each in news if "task" in each}
    return next(outputs[path]["Output"] for path in outputs if path.endswith("/count"))


@pytest.fixture
def codebase(tmp_path: Path) -> Path:
    return generated(tmp_path).parents[1]


@pytest.mark.slow
def test_messages_that_come_twice_to_a_service_that_dies_are_one_run_each(codebase: Path) -> None:
    google = Google()
    google.faults = {"pipelineJobs": [429, 500, 503, 500], "/o/": [503, 429]}
    held(google, 40, carried(codebase, 40, 2, killed, google))


@pytest.mark.slow
def test_a_service_that_is_stopped_under_way_answers_for_every_run_that_it_started(codebase: Path) -> None:
    google = Google()
    google.hang = 0.2
    held(google, 40, carried(codebase, 40, 2, stopped, google))


@pytest.mark.slow
@pytest.mark.thorough
def test_a_thousand_messages_and_twenty_deaths(codebase: Path, tmp_path: Path) -> None:
    """And ten of their runs, to the end: each counts as many words as its own message asked for."""
    google = releasing(codebase)
    google.faults = {"pipelineJobs": [429, 500, 503] * 20}
    postman = carried(codebase, 1000, 20, killed, google)
    held(google, 1000, postman)
    some = random.Random(2).sample(sorted(postman.numbers), 10)
    given = {each: carried_out(google.jobs[f"{PIPELINE}-{each}"], codebase, tmp_path / each) for each in some}
    assert given == {each: postman.numbers[each] for each in some}
