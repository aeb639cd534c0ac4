"""The pieces of the benchmark of the service: what is slow, large or refused is seen to be."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from submissions import free_port

BENCH = Path(__file__).with_name("bench")
ANSWERS = """
import http.server, itertools, sys
statuses = itertools.cycle(map(int, sys.argv[2:]))
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(next(statuses))
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


@pytest.fixture
def serving(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(BENCH))
    import serving

    yield serving
    for name in set(sys.modules) - before:
        if (getattr(sys.modules[name], "__file__", None) or "").startswith(str(BENCH)):
            del sys.modules[name]


def turn(serving: ModuleType) -> Any:
    ours = serving.Served(up=0.2, first=0.5, resident=50, after=50, rate=2000, processor=0.0002, refused=0,
                          generator=0.1, jobs=1)  # fmt: skip
    peers = replace(ours, up=3, first=3, resident=200, after=200, rate=30, jobs=3)
    return serving.Turn(ours=ours, bare=replace(ours, rate=2500, jobs=0), peer=peers)


def missed(serving: ModuleType, *turns: Any) -> list[str]:
    return [verdict.bound for verdict in serving.verdicts(turns) if not verdict.holds]


def test_a_service_that_keeps_every_bound_misses_none(serving: ModuleType) -> None:
    assert missed(serving, turn(serving)) == []


@pytest.mark.parametrize(
    ("what", "bound"),
    [
        ({"up": 0.7}, "first 200"),
        ({"first": 0.7}, "first run"),
        ({"resident": 70}, "memory after the first run"),
        ({"after": 70}, "memory after messages that came again"),
        ({"jobs": 2}, "starts nothing"),
        ({"refused": 1}, "is taken"),
        ({"rate": 1200}, "bare framework"),
        ({"generator": 0.9}, "what asks"),
    ],
)
def test_each_bound_can_be_missed_and_no_other_is_with_it(
    serving: ModuleType, what: dict[str, float], bound: str
) -> None:
    found = turn(serving)
    (told,) = missed(serving, replace(found, ours=replace(found.ours, **what)))
    assert bound in told


def test_one_slow_turn_of_three_does_not_decide(serving: ModuleType) -> None:
    good = turn(serving)
    slow = replace(good, ours=replace(good.ours, up=9, rate=1))
    assert missed(serving, good, slow, good) == []
    assert len(missed(serving, good, slow, slow)) == 2


def loaded(tmp_path: Path, *command: str, again: int = 40) -> "subprocess.CompletedProcess[str]":
    """What load.py says of a server that is started by the command, with a port behind it and then statuses."""
    port = free_port()
    request = "POST /push HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}"
    asked = {
        "command": [command[0], *command[1:3], str(port), *command[3:]], "folder": str(tmp_path), "port": port,
        "log": str(tmp_path / "log"), "ready": request, "message": request, "again": again, "connections": 4,
    }  # fmt: skip
    return subprocess.run(
        (sys.executable, BENCH / "load.py", json.dumps(asked)), capture_output=True, text=True, timeout=100
    )


def test_what_a_server_took_is_measured_and_what_it_refused_is_counted(tmp_path: Path) -> None:
    # The first request is answered with 200; of the 44 that follow every fourth is not, and the last 40 are counted.
    done = loaded(tmp_path, sys.executable, "-c", ANSWERS, "200", "200", "500", "200")
    found = json.loads(done.stdout)
    assert found["refused"] == 10
    assert found["up"] <= found["first"] and found["generator"] > 0 and found["rate"] > 0
    assert 1 < found["resident"] <= found["after"] + 5


@pytest.mark.parametrize(("statuses", "why"), [(["503"], "this is no 200"), ([], "did not answer")])
def test_a_server_that_does_not_answer_as_it_should_is_not_measured(
    tmp_path: Path, statuses: list[str], why: str
) -> None:
    code = ANSWERS if statuses else "raise SystemExit(3)"
    done = loaded(tmp_path, sys.executable, "-c", code, *statuses)
    assert done.returncode and why in done.stderr and not done.stdout
