"""The generated service that starts runs as its own image, in a container: Pub/Sub's emulator pushes to it, in the stand-in cloud."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import golden
import pytest
from cloud import containers, vertex
from cloud.standin import PROJECT, Cloud
from submissions import CASE, Google, loaded, token, until
from test_cloud_vertex import ACCOUNT, BUCKET, ROOT, RUNNER, STEPS, compiled, pushed, set_up
from test_service_pubsub import emulator_of
from tools import need

pytest_plugins = ["cloud.fixture"]
pytestmark = [pytest.mark.slow, pytest.mark.thorough]

IMAGE = "localhost/submission-service:test"
SUBMITTER = f"submitter@{PROJECT}.iam.gserviceaccount.com"
EMULATOR = "127.0.0.1:8085"
# crun refuses two kinds of cgroups side by side; in this mount namespace there is one.
PODMAN = 'umount /sys/fs/cgroup/unified 2>/dev/null || :; exec podman --runtime=crun --cgroup-manager=cgroupfs "$@"'

# Publishes a message, and hands what the emulator pushes on to the service, with the token that Google would add.
POSTMAN = """
import http.server, json, sys, threading, time, urllib.error, urllib.request
emulator, name, token, data = sys.argv[1:]
taken = threading.Event()

def say(method, url, body, **headers):
    asked = urllib.request.Request(url, body, {"Content-Type": "application/json", **headers}, method=method)
    try:
        with urllib.request.urlopen(asked, timeout=60) as found:
            return found.status, found.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError as error:
        return 0, str(error)

class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        status, said = say("POST", "http://127.0.0.1:8080/push", body, Authorization=f"Bearer {token}")
        print(json.dumps([status, said]), flush=True)
        self.send_response(status or 502)
        self.end_headers()
        if status == 200:
            taken.set()

    def log_message(self, *words):
        pass

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
for url in ("http://127.0.0.1:8080/health", f"http://{emulator}/"):
    end = time.monotonic() + 60
    while not say("GET", url, None)[0]:
        assert time.monotonic() < end, url
        time.sleep(0.1)
topic, subscription = f"projects/p/topics/{name}", f"projects/p/subscriptions/{name}"
wanted = {"topic": topic, "pushConfig": {"pushEndpoint": f"http://127.0.0.1:{server.server_port}/push"}}
say("PUT", f"http://{emulator}/v1/{topic}", b"{}")
say("PUT", f"http://{emulator}/v1/{subscription}", json.dumps(wanted).encode())
say("POST", f"http://{emulator}/v1/{topic}:publish", json.dumps({"messages": [{"data": data}]}).encode())
assert taken.wait(60), "no message was taken"
"""


@pytest.fixture
def released(cloud: Cloud, tmp_path: Path) -> Path:
    """The service's folder, in a project where the pipeline words is released and the service's account may start it."""
    set_up(cloud)
    cloud.state.grant(SUBMITTER, "roles/storage.objectViewer", on=BUCKET)
    cloud.state.grant(SUBMITTER, "roles/aiplatform.user", on=f"projects/{PROJECT}")
    cloud.state.grant(SUBMITTER, "roles/iam.serviceAccountUser", on=ACCOUNT)
    values = {"word": "good", "times": 3}
    job = {
        "displayName": "words",
        "pipelineSpec": compiled(pushed(cloud.state, STEPS)),
        "runtimeConfig": {"gcsOutputDirectory": ROOT, "parameterValues": values},
        "serviceAccount": RUNNER,
    }
    file = tmp_path / "job.json"
    file.write_text(json.dumps({"location": "us-central1", "job": job}))
    put = cloud.run(
        "gcloud", "storage", "cp", file, f"gs://{BUCKET.partition('/')[2]}/words/release/job.json", as_=RUNNER
    )
    assert put.returncode == 0, put.stderr
    golden.generate(CASE, tmp_path / "codebase", project_id=PROJECT, gs_bucket_name=BUCKET.partition("/")[2])
    return tmp_path / "codebase/services/submission_service"


@pytest.fixture
def image(released: Path) -> Iterator[str]:
    for tool in ("buildah", "podman", "crun", "debootstrap"):
        need(tool)
    if os.geteuid():
        pytest.skip("debootstrap, buildah and podman are run as root here")
    containers.build(released, IMAGE)
    yield IMAGE
    containers.forget(IMAGE)


def contained(cloud: Cloud, image: str) -> "subprocess.Popen[str]":
    """The service as Cloud Run starts it, with less: nothing can be written, and no capability is left."""
    own = cloud.environment(SUBMITTER)
    credentials, trusted = f"{own['CLOUDSDK_CONFIG']}/application_default_credentials.json", own["REQUESTS_CA_BUNDLE"]
    return cloud.start(
        "bash", "-c", PODMAN, "podman", "run", "--rm", "--replace", "--name=submission-service", "--network=host", "--cgroups=disabled",
        "--read-only", "--read-only-tmpfs=false", "--cap-drop=all", "--security-opt=no-new-privileges",
        "--ulimit=nofile=1024:1024", "--ulimit=nproc=4096:4096",
        f"--volume={credentials}:/credentials.json:ro", "--env=GOOGLE_APPLICATION_CREDENTIALS=/credentials.json",
        f"--volume={trusted}:/trusted.pem:ro", "--env=REQUESTS_CA_BUNDLE=/trusted.pem",
        "--env=K_SERVICE=run-pipeline", "--env=NO_GCE_CHECK=true", image,
        env=containers.storage(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def test_the_image_runs_with_nothing_to_write_to_takes_a_message_and_ends_what_it_has_begun(
    cloud: Cloud, released: Path, image: str
) -> None:
    gcloud = need("gcloud")
    need("java")
    container = contained(cloud, image)
    cloud.start(emulator_of(gcloud), f"--host={EMULATOR.partition(':')[0]}", f"--port={EMULATOR.partition(':')[2]}",
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip
    shown = f"{token(loaded(released, Google())).rpartition('.')[0]}.SIGNATURE_REMOVED_BY_GOOGLE"

    def message(name: str, data: str) -> "subprocess.Popen[str]":
        return cloud.start("python3", "-c", POSTMAN, EMULATOR, name, shown, data, stdout=subprocess.PIPE, text=True)

    first, _ = message("one", "eyJwaXBlbGluZSI6ICJ3b3JkcyIsICJwYXJhbWV0ZXJzIjogeyJ0aW1lcyI6IDd9fQ==").communicate()
    status, said = json.loads(first.splitlines()[-1])
    assert status == 200 and json.loads(said)["outcome"] == "started", first
    cloud.settle()
    assert vertex.outputs(cloud.state, json.loads(said)["job"])["count"] == {"Output": 7}

    inspected = cloud.run("bash", "-c", PODMAN, "podman", "inspect", "--format={{.State.Pid}}", "submission-service",
                          env=containers.storage())  # fmt: skip
    about = Path(f"/proc/{int(inspected.stdout)}/status").read_text().splitlines()
    its = dict(line.split(":\t", 1) for line in about)
    assert its["Uid"].split() == ["10001"] * 4 and int(its["CapEff"], 16) == 0 and its["NoNewPrivs"] == "1"

    cloud.delay = 1
    before = len(cloud.requests)
    second = message("two", "eyJwaXBlbGluZSI6ICJ3b3JkcyJ9")
    until(lambda: any("job.json" in each.line for each in cloud.requests[before:]), "no message came")
    container.send_signal(signal.SIGTERM)
    status, said = json.loads(second.communicate()[0].splitlines()[-1])
    assert status == 200 and json.loads(said)["outcome"] == "started"
    log, _ = container.communicate(timeout=30)
    assert container.returncode == 0, log
    assert [json.loads(line)["message"] for line in log.splitlines()] == ["started", "started"]
