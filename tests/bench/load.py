"""Starts one server, asks it one message, and then the same again and again: `load.py ASKED`, which is JSON.

It prints as JSON what that took: see serving.py. A server is spawned here so that its start is timed where it happens.
"""

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

LIMIT = 120  # seconds, for the first answer and for all the others
TICKS = os.sysconf("SC_CLK_TCK")
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.I)


def main(asked: dict[str, Any]) -> dict[str, Any]:
    ready, message = asked["ready"].encode(), asked["message"].encode()
    with open(asked["log"], "wb") as log:
        begin = time.perf_counter()
        server = subprocess.Popen(asked["command"], cwd=asked["folder"], stdout=log, stderr=log, start_new_session=True)
        try:
            once(asked["port"], ready, server)
            up = time.perf_counter() - begin
            if message != ready:
                once(asked["port"], message, server)
            first = time.perf_counter() - begin
            resident = sum(map(memory, family(server.pid)))
            asyncio.run(again(asked, message, asked["again"] // 10))  # so that what is loaded late is loaded
            busy, mine, begin = busy_of(server.pid), time.process_time(), time.perf_counter()
            refused = asyncio.run(again(asked, message, asked["again"]))
            took = time.perf_counter() - begin
            return {
                "up": up,
                "first": first,
                "resident": resident,
                "after": sum(map(memory, family(server.pid))),
                "rate": asked["again"] / took,
                "processor": (busy_of(server.pid) - busy) / asked["again"],
                "refused": refused,
                "generator": (time.process_time() - mine) / took,
            }
        finally:
            os.killpg(server.pid, signal.SIGTERM)
            server.wait()


def once(port: int, request: bytes, server: "subprocess.Popen[bytes]") -> None:
    """Asks until there is an answer, which has to be a 200."""
    end = time.monotonic() + LIMIT
    while time.monotonic() < end and server.poll() is None:
        with suppress(ConnectionError), socket.create_connection(("127.0.0.1", port), timeout=LIMIT) as connection:
            connection.sendall(request)
            said = connection.recv(65536)
            if said and not is_200(said):
                raise SystemExit(f"this is no 200: {said[:2000]!r}")
            if said:
                return
        time.sleep(0.001)
    raise SystemExit(f"the server did not answer; it ended with {server.poll()}")


def is_200(said: bytes) -> bool:
    return said.startswith(b"HTTP/1.1 200 ")


async def again(asked: dict[str, Any], request: bytes, count: int) -> int:
    """The same request so often, over connections that are kept, each with one request under way; how many were refused."""
    loop, left = asyncio.get_running_loop(), iter(range(count))
    callers = [Caller(request, left, loop.create_future()) for _ in range(asked["connections"])]
    async with asyncio.timeout(LIMIT):
        for caller in callers:
            await loop.create_connection(lambda caller=caller: caller, "127.0.0.1", asked["port"])  # type: ignore[misc]
        return sum(await asyncio.gather(*(caller.done for caller in callers)))


class Caller(asyncio.Protocol):
    """One connection: what comes is read no further than needed to know where an answer ends."""

    def __init__(self, request: bytes, left: Iterator[int], done: "asyncio.Future[int]") -> None:
        self.request, self.left, self.done = request, left, done
        self.said, self.refused = b"", 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._ask()

    def data_received(self, data: bytes) -> None:
        self.said += data
        head, found, body = self.said.partition(b"\r\n\r\n")
        length = LENGTH.search(head)
        if found and length and len(body) >= int(length[1]):
            self.refused += not is_200(self.said)
            self.said = b""
            self._ask()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(error or ConnectionError("the server ended the connection"))

    def _ask(self) -> None:
        if next(self.left, None) is None:
            self.done.set_result(self.refused)
            self.transport.close()
        else:
            self.transport.write(self.request)


def family(leader: int) -> list[Path]:
    """The processes of the server: those of the session that it leads."""
    found = []
    for each in Path("/proc").iterdir():
        with suppress(OSError):
            if each.name.isdecimal() and int(stat(each)[3]) == leader:
                found.append(each)
    return found


def stat(process: Path) -> list[str]:
    """What /proc says of it, from its state on: behind the name, which may hold anything."""
    return (process / "stat").read_text().rpartition(")")[2].split()


def busy_of(leader: int) -> float:
    """Seconds of the processor that the server has used."""
    return sum(int(ticks) for each in family(leader) for ticks in stat(each)[11:13]) / TICKS


def memory(process: Path) -> float:
    """What of it lies in memory, in MiB."""
    lines = (process / "status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) / 1024


if __name__ == "__main__":
    print(json.dumps(main(json.loads(sys.argv[1]))))
