"""What all tests share: quick ones before slow ones, and the tools that they run."""

import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest
from tools import CHECKOUT, PREBUILT, need

from AutoMLOps import standing


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def turn(item: pytest.Item) -> tuple[bool, bool]:
        """The slow ones last, and of these the groups first: each is one worker's, and the rest fills up what is left."""
        return item.get_closest_marker("slow") is not None, item.get_closest_marker("xdist_group") is None

    items.sort(key=turn)


@pytest.fixture(autouse=True)
def no_prompt(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever an earlier test left behind, nobody sits at a prompt: IPython says so by its name for that."""
    monkeypatch.delattr(sys, "ps1", raising=False)


@pytest.fixture(autouse=True)
def no_codebase(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing was generated before: each test is a kernel of its own."""
    monkeypatch.setattr(standing, "_LAST", [])


@pytest.fixture
def served() -> Iterator[Callable[[dict[str, tuple[int, str | bytes]]], tuple[str, list[str]]]]:
    """`served({"/a": (200, "text")})` answers on this machine: its address, and a list of the paths that were asked
    for. With a status of 302 the text is where else to look."""
    servers: list[HTTPServer] = []

    def serve(answers: dict[str, tuple[int, str | bytes]]) -> tuple[str, list[str]]:
        asked: list[str] = []

        class Answers(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked.append(self.path)
                status, said = answers.get(self.path, (404, "nothing"))
                self.send_response(status)
                if status == 302:
                    self.send_header("Location", str(said))
                self.end_headers()
                self.wfile.write(said if isinstance(said, bytes) else said.encode())

            def log_message(self, *_: object) -> None:
                """Says nothing."""

        server = HTTPServer(("127.0.0.1", 0), Answers)
        servers.append(server)
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}", asked

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def tool() -> Callable[[str], str]:
    """`tool("shellcheck")` is its path; without it the test is skipped, or fails where every tool is asked for."""
    return need


@pytest.fixture(scope="module")
def prebuilt() -> Iterator[Path | None]:
    """The folder of Google's prebuilt components, fetched once into the checkout's .cache and importable here."""
    folder = CHECKOUT / ".cache" / PREBUILT.replace("==", "-")
    if not folder.exists():
        folder.parent.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as draft:
            command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", draft, PREBUILT]
            if subprocess.run(command, timeout=300).returncode == 0:
                with contextlib.suppress(OSError):  # another worker was first, and brought the same
                    os.rename(draft, folder)
    with pytest.MonkeyPatch.context() as patched:
        patched.syspath_prepend(folder)
        yield folder if folder.exists() else None
