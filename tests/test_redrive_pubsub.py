"""Dead letters of the real Pub/Sub emulator are redriven by the generated script, killed under way: no run is doubled."""

import base64
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from submissions import PIPELINE, Google, Service, generated, listening, loaded, push, running, serving, token, until
from test_service_pubsub import Postman, pubsub, say

pytestmark = pytest.mark.slow

TOPIC, DEAD = "projects/demo-project/topics/automlops-runs", "projects/demo-project/topics/automlops-runs-dead-letters"
PUSH, LETTERBOX = (each.replace("topics", "subscriptions") for each in (f"{TOPIC}-push", DEAD))
SENT, SOURCE = "2026-11-29T14:30:00.120Z", "CloudPubSubDeadLetterSource"  # as the emulator writes them, too
# The script as it stands, at other addresses, with nobody to log in, and holding letters no longer than a test waits.
RUN = """
import importlib.util, sys
path, pubsub, google, *sys.argv[1:] = sys.argv[1:]
spec = importlib.util.spec_from_file_location("redrive", path)
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
module.PUBSUB, module.RUNS = pubsub + "/v1/projects/demo-project", google + "/v1/pipelineJobs"
module.HELD, module.token = 2, lambda: "token"
module.main()
"""


class Unwell(Google):
    """A Google whose Vertex AI answers nothing well until it is `well`, and starts some runs without saying so."""

    def __init__(self) -> None:
        super().__init__()
        self.well = False

    def answer(self, method: str, url: str, body: bytes) -> tuple[int, bytes]:
        if method == "GET" and "pipelineJobs" in url:
            (wanted,) = parse_qs(urlsplit(url).query)["filter"]
            mark = wanted.removeprefix('labels.automlops_message="').rstrip('"')
            found = [name for name, job in self.jobs.items() if job.get("labels", {}).get("automlops_message") == mark]
            return 200, json.dumps(
                {"pipelineJobs": [{"name": f"projects/1/pipelineJobs/{name}"} for name in found]}
            ).encode()
        if "pipelineJobs" in url and not self.well:
            if json.loads(body)["runtimeConfig"]["parameterValues"]["times"] == 100:
                super().answer(method, url, body)  # and the answer is lost
            return 503, b"{}"
        return super().answer(method, url, body)


class Between:
    """Stands between the script and Pub/Sub, and keeps what it is told to keep waiting."""

    def __init__(self, pubsub: str) -> None:
        self.pubsub, self.heard = pubsub, Counter[str]()
        self.hangs = ""

    def handler(self) -> type[BaseHTTPRequestHandler]:
        between = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                what = self.path.rpartition(":")[2]
                between.heard[what] += 1
                if what == between.hangs:
                    return
                status, content = told(f"{between.pubsub}{self.path}", body)
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *args: object) -> None:
                """Nothing."""

        return Handler


def told(url: str, body: bytes) -> tuple[int, bytes]:
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=30) as found:
            return int(found.status), found.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


@contextmanager
def carrying(google: Unwell, folder: Path) -> Iterator[tuple[str, str, Service]]:
    """The emulator with the topics as provisioning makes them, and the service that it pushes to."""
    postman = Postman(token(loaded(folder, google)))
    with (
        pubsub() as address,
        listening(google) as there,
        running(folder, there) as service,
        serving(postman.handler()) as here,
    ):
        postman.service = service
        for topic in (TOPIC, DEAD):
            say("PUT", f"{address}/v1/{topic}", {})
        say("PUT", f"{address}/v1/{LETTERBOX}", {"topic": DEAD})
        say("PUT", f"{address}/v1/{PUSH}", {
            "topic": TOPIC, "pushConfig": {"pushEndpoint": f"{here}/push"}, "ackDeadlineSeconds": 10,
            "retryPolicy": {"minimumBackoff": "0.1s", "maximumBackoff": "0.2s"},
        })  # fmt: skip
        yield address, there, service


def publish(address: str, topic: str, *contents: Any, **attributes: str) -> None:
    data = [base64.b64encode(json.dumps(each).encode()).decode() for each in contents]
    say(
        "POST",
        f"{address}/v1/{topic}:publish",
        {"messages": [{"data": each, "attributes": attributes} for each in data]},
    )


def letters(address: str, count: int) -> list[dict[str, Any]]:
    """So many dead letters, once they are there; then they are put back."""
    at, found = f"{address}/v1/{LETTERBOX}", {}

    def pulled() -> bool:
        time.sleep(0.2)
        _, said = told(f"{at}:pull", json.dumps({"maxMessages": 100, "returnImmediately": True}).encode())
        found.update({each["message"]["messageId"]: each for each in json.loads(said).get("receivedMessages", [])})
        return len(found) >= count

    until(pulled, f"there were not {count} dead letters", 120)
    say(
        "POST",
        f"{at}:modifyAckDeadline",
        {"ackIds": [each["ackId"] for each in found.values()], "ackDeadlineSeconds": 0},
    )
    return [each["message"] for each in found.values()]


def asks(times: int, pipeline: str = PIPELINE) -> dict[str, Any]:
    return {"pipeline": pipeline, "parameters": {"times": times}}


def test_letters_of_both_kinds_become_one_run_each_though_the_script_is_killed_between_publishing_and_taking(
    tmp_path: Path,
) -> None:
    google, folder = Unwell(), generated(tmp_path)
    script = folder.parents[1] / "scripts/redrive.py"
    with carrying(google, folder) as (address, there, service):
        between = Between(address)
        envelope = {**push(asks(100), "9"), "deliveryAttempt": 1}
        envelope["message"]["publishTime"] = SENT
        assert service.post("/push", json.dumps(envelope).encode(), token(loaded(folder, google))) == 503
        given_up = {f"{SOURCE}DeliveryCount": "20", f"{SOURCE}TopicPublishTime": SENT}
        publish(address, DEAD, *(asks(times) for times in (1, 2, 3, 100)), **given_up)
        assert [job["runtimeConfig"]["parameterValues"]["times"] for job in google.jobs.values()] == [100]
        publish(address, DEAD, asks(7), run="17", why="its parameter times was text")
        publish(address, DEAD, asks(8, "rain"))
        google.well = True
        with serving(between.handler()) as way:
            argv = (sys.executable, "-c", RUN, str(script), way, there)
            between.hangs = "acknowledge"
            for _ in range(3):  # each publishes one, or finds its run, and is killed before it takes it
                before = between.heard["acknowledge"]
                process = subprocess.Popen(argv, stdout=subprocess.DEVNULL, start_new_session=True)
                until(lambda before=before: between.heard["acknowledge"] > before, "nothing was to be taken", 60)
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            between.hangs = ""
            letters(address, 6)  # what it held has come back, and nothing was taken
            done = subprocess.run(argv, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        fates = Counter(line.split()[0] for line in done.stdout.splitlines())
        assert fates == {"redriven": 4, "gone": 1, "kept": 1}, done.stdout
        until(lambda: len(google.jobs) >= 5, "the runs did not start", 60)
        (left,) = letters(address, 1)
        assert json.loads(base64.b64decode(left["data"]))["pipeline"] == "rain"
    times = sorted(job["runtimeConfig"]["parameterValues"]["times"] for job in google.jobs.values())
    assert times == [1, 2, 3, 7, 100] and f"{PIPELINE}-17" in google.jobs
