"""The generated service that starts runs, in this process or one of its own, and the little of Google that it asks."""

import base64
import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import golden

CASE = "submission_service"
PIPELINE = "words"
SPEC: dict[str, Any] = {
    "pipelineInfo": {"name": PIPELINE},
    "root": {
        "inputDefinitions": {
            "parameters": {
                "word": {"parameterType": "STRING"},
                "times": {"parameterType": "NUMBER_INTEGER"},
                "rate": {"parameterType": "NUMBER_DOUBLE", "isOptional": True},
                "loud": {"parameterType": "BOOLEAN", "defaultValue": False},
                "list": {"parameterType": "LIST", "isOptional": True},
                "more": {"parameterType": "STRUCT", "isOptional": True},
            }
        }
    },
}
RELEASE: dict[str, Any] = {
    "location": "us-central1",
    "job": {
        "displayName": PIPELINE,
        "pipelineSpec": SPEC,
        "runtimeConfig": {"gcsOutputDirectory": "gs://b/words/runs", "parameterValues": {"word": "good", "times": 3}},
        "serviceAccount": "vertex-pipelines@p.iam.gserviceaccount.com",
    },
}


class Google:
    """Cloud Storage, Vertex AI, Pub/Sub and the keys of tokens: what exists, what was asked, and how it fails."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {f"{PIPELINE}/release/job.json": json.dumps(RELEASE).encode()}
        self.jobs: dict[str, Any] = {}
        self.dead: list[dict[str, Any]] = []
        self.asked: Counter[str] = Counter()
        self.read: set[str] = set()
        self.faults: dict[str, list[int]] = {}
        self.hang: float = 0
        self.hanging: dict[str, list[str]] = {}
        self.free = threading.Event()
        self.turn = threading.Lock()

    def hangs(self, url: str) -> str:
        """How it hangs this time, of what `hanging` holds by what is asked: silent, done (and silent), half or late."""
        with self.turn:
            kind = kind_of(url)
            found = self.hanging[kind].pop(0) if self.hanging.get(kind) else ""
            if found == "silent":
                self.asked[kind] += 1
            return found

    def answer(self, method: str, url: str, body: bytes) -> tuple[int, bytes]:
        """What it says to a request; `faults` holds statuses to answer first, by what is asked."""
        path, query = urlsplit(url).path, parse_qs(urlsplit(url).query)
        kind = kind_of(url)
        with self.turn:
            self.asked[kind] += 1
            if self.faults.get(kind):
                return self.faults[kind].pop(0), b'{"error": {"message": "not now"}}'
        if kind == "certs":
            return 200, json.dumps({"1": keys()[1]}).encode()
        if kind == "/o/":
            name = unquote(path.partition("/o/")[2])
            self.read.add(name)
            return (200, self.objects[name]) if name in self.objects else (404, b"{}")
        if kind == "pipelineJobs":
            return self._job(query["pipelineJobId"][0], json.loads(body))
        self.dead += json.loads(body)["messages"]
        return 200, b"{}"

    def _job(self, name: str, job: dict[str, Any]) -> tuple[int, bytes]:
        with self.turn:
            if name in self.jobs:
                return 409, b'{"error": {"status": "ALREADY_EXISTS"}}'
            self.jobs[name] = job
        time.sleep(self.hang)
        return 200, json.dumps({**job, "name": name}).encode()


def kind_of(url: str) -> str:
    return next(word for word in ("certs", "/o/", "pipelineJobs", ":publish") if word in urlsplit(url).path)


class Session:
    """The service's session with that Google, without a network."""

    def __init__(self, google: Google) -> None:
        self.google = google

    def request(self, method: str, url: str, timeout: object, params: Mapping[str, str] | None = None,
                json: object = None) -> Any:  # fmt: skip
        import requests

        prepared = requests.Request(method, url, params=params, json=json).prepare()
        body = prepared.body.encode() if isinstance(prepared.body, str) else prepared.body or b""
        found = requests.Response()
        found.status_code, found._content = self.google.answer(method, prepared.url or "", body)
        return found


@cache
def keys() -> tuple[bytes, str, bytes]:
    """A private key, its public half, which stands for Google's; and a private key of somebody else."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    def private(key: rsa.RSAPrivateKey) -> bytes:
        form = serialization.PrivateFormat.TraditionalOpenSSL
        return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())

    ours, theirs = (rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2))
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    public = ours.public_key().public_bytes(serialization.Encoding.PEM, form).decode()
    return private(ours), public, private(theirs)


def token(service: ModuleType, *, forged: bool = False, **claims: object) -> str:
    """A token of the invoker's for the service, or one that says something else."""
    from google.auth import crypt, jwt

    now = int(time.time())
    said = {"iss": "https://accounts.google.com", "aud": service.AUDIENCE, "email": service.INVOKER,
            "email_verified": True, "iat": now, "exp": now + 3600, **claims}  # fmt: skip
    private, _, other = keys()
    return jwt.encode(crypt.RSASigner.from_string(other if forged else private, key_id="1"), said).decode()


def generated(folder: Path) -> Path:
    """The folder of the service in a codebase that has one."""
    golden.generate(CASE, folder / "codebase")
    return folder / "codebase" / "services" / "submission_service"


def loaded(folder: Path, google: Google) -> ModuleType:
    """The service's module, which asks that Google."""
    name = f"submission_service_{id(google)}"
    spec = importlib.util.spec_from_file_location(name, folder / "main.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.google = lambda: Session(google)
    module.certificates._ask = lambda: {"1": keys()[1]}
    return module


def push(data: object, number: str = "1", **attributes: str) -> dict[str, Any]:
    """A message as Pub/Sub pushes it."""
    content = data if isinstance(data, bytes) else json.dumps(data).encode()
    message = {"data": base64.b64encode(content).decode(), "messageId": number, "attributes": attributes}
    return {"message": message, "subscription": "projects/p/subscriptions/automlops-runs-push"}


# ---- As a process


SERVE = """
import importlib.util, sys
import requests, uvicorn
main, port, google, patience, deadline = sys.argv[1:]
spec = importlib.util.spec_from_file_location("main", main)
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
session = requests.Session()
session.mount("http://", requests.adapters.HTTPAdapter(pool_maxsize=40))
module.google = lambda: session
module.AI = module.STORAGE = module.PUBSUB = google
module.CERTIFICATES = google + "/certs"
module.PATIENCE = (2, float(patience))
module.DEADLINE = float(deadline)
uvicorn.run(module.app, http="h11", host="127.0.0.1", port=int(port), access_log=False, log_level="warning", timeout_graceful_shutdown=9)
"""


@contextmanager
def listening(google: Google) -> Iterator[str]:
    """That Google at an address of this machine."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            hangs = google.hangs(self.path)
            if hangs == "silent":
                return self._wait()
            status, content = google.answer(self.command, self.path, body)
            if hangs == "done":
                return self._wait()
            if hangs == "late":
                google.free.wait()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content[:1] if hangs == "half" else content)
            if hangs == "half":
                self._wait()

        def _wait(self) -> None:
            google.free.wait()
            self.close_connection = True

        do_GET = do_POST = _answer

        def log_message(self, format: str, *args: object) -> None:
            """Nothing: what was asked is in `google.asked`."""

    with serving(Handler) as address:
        yield address


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A service that was killed ends its connections, which is no news."""


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    server = _Server(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


class Service:
    """The service as a process, which may be killed and begun again."""

    def __init__(self, folder: Path, google: str, patience: float, deadline: float) -> None:
        self.port = free_port()
        times = str(patience), str(deadline)
        self.argv = (sys.executable, "-c", SERVE, str(folder / "main.py"), str(self.port), google, *times)
        self.log = folder.parent / "service.log"
        self.begin()

    def begin(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self.argv, stdout=log, stderr=log, env={**os.environ, "PYTHONPATH": ""})
        until(lambda: self.get("/health") == 200, "the service did not come up")

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> int:
        """As Cloud Run stops it; what it ended with is returned."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=30)

    def get(self, path: str) -> int:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as found:
                return int(found.status)
        except OSError:
            return 0

    def post(self, path: str, body: bytes, token: str) -> int:
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", body, headers)
        try:
            with urllib.request.urlopen(request, timeout=60) as found:
                return int(found.status)
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return 0

    @property
    def resident(self) -> int:
        """Its memory, in KiB."""
        return self._memory("VmRSS:")

    @property
    def peak(self) -> int:
        """The most that it ever was."""
        return self._memory("VmHWM:")

    def _memory(self, which: str) -> int:
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith(which))


@contextmanager
def running(folder: Path, google: str, patience: float = 3, deadline: float = 50) -> Iterator[Service]:
    """The service; `patience` and `deadline` are the seconds that it waits for Google, and takes in all."""
    service = Service(folder, google, patience, deadline)
    try:
        yield service
    finally:
        service.kill()


def until(true: Callable[[], bool], otherwise: str, seconds: float = 60) -> None:
    """Waits for something to be so."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, otherwise
        time.sleep(0.02)
