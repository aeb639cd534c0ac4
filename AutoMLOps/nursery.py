"""A Python that has loaded kfp's executor, and starts each step as a copy of itself. It is run as text, never imported.

Starting Python and loading the executor is most of what a small step takes; a copy has both already. Three kinds of
process are at work:

    the nursery   takes orders on stdin, a line of JSON each, and ends all there is when stdin ends
    its guards    one for each step: starts it, tells its exit code, and first ends what it left behind, however deep
    the steps     are kfp's executor, in a folder and a session of their own

Each dies with its parent. Who leaves its family is adopted by its guard: that, and dying with a parent, is Linux's.
"""

import gc
import json
import os
import select
import signal
import sys
import time
from contextlib import suppress
from typing import Any

DIE_WITH_PARENT, ADOPT = 1, 36  # options of prctl


def main() -> list[str]:
    """Serves until it is over; returns in the process of a step alone, with the executor's arguments."""
    orders, news = os.dup(0), os.dup(1)
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(null, 1)
    deaths, wake = os.pipe()
    os.set_blocking(deaths, False)
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    prctl(ADOPT, 1)
    guards: dict[int, int] = {}
    unread = b""
    while True:
        ready, _, _ = select.select([orders, deaths], [], [])
        if deaths in ready:
            os.read(deaths, 1 << 16)
            bury(guards, news)
        if orders in ready:
            chunk = os.read(orders, 1 << 16)
            if not chunk:
                end_children()
                os._exit(0)
            *lines, unread = (unread + chunk).split(b"\n")
            for order in map(json.loads, lines):
                nursery, guard = os.getpid(), os.fork()
                if not guard:
                    signal.set_wakeup_fd(-1)
                    for each in (orders, deaths, wake):
                        os.close(each)
                    return guarded(order, nursery, news)
                guards[guard] = order["step"]


def guarded(order: dict[str, Any], nursery: int, news: int) -> list[str]:
    """What a guard does: it returns in its step."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    die_with(nursery)
    prctl(ADOPT, 1)
    guard, step = os.getpid(), os.fork()
    if not step:
        os.close(news)
        return begun(order, guard)
    code = None
    while code is None:
        pid, status = os.waitpid(-1, 0)
        code = os.waitstatus_to_exitcode(status) if pid == step else None
    end_children()
    tell(news, order["step"], code)
    os._exit(0)


def begun(order: dict[str, Any], guard: int) -> list[str]:
    """The last that a step does of ours: it goes where it is to work, and is told what to do."""
    os.setsid()
    die_with(guard)
    log = os.open(order["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)
    os.chdir(order["folder"])
    os.environ.update(order["environment"])
    with open(order["arguments"], encoding="utf-8") as file:
        arguments: list[str] = json.load(file)
    return arguments


def bury(guards: dict[int, int], news: int) -> None:
    """Sees who died. A guard that was killed has told nothing, and leaves its own to the nursery."""
    orphans = False
    with suppress(ChildProcessError):
        while (dead := os.waitpid(-1, os.WNOHANG))[0]:
            step = guards.pop(dead[0], None)
            orphans = orphans or step is None or dead[1] != 0
            if step is not None and dead[1] != 0:
                tell(news, step, -signal.SIGKILL)
    if orphans:
        for pid in set(children()) - guards.keys():
            kill(pid)


def end_children() -> None:
    """Ends the children of this process, and those that become its children by that."""
    for _ in range(5000):  # one that the kernel holds cannot be waited for
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        for pid in children():
            kill(pid)
        time.sleep(0.001)


def children() -> list[int]:
    own, found = str(os.getpid()), []
    for name in os.listdir("/proc") if os.path.isdir("/proc") else ():
        with suppress(OSError, IndexError):
            if name.isdigit():
                with open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as file:
                    if file.read().rpartition(")")[2].split()[1] == own:
                        found.append(int(name))
    return found


def kill(pid: int) -> None:
    with suppress(OSError):
        os.kill(pid, signal.SIGKILL)


def tell(news: int, step: int, code: int) -> None:
    with suppress(OSError):
        os.write(news, json.dumps({"step": step, "code": code}).encode() + b"\n")


def die_with(parent: int) -> None:
    prctl(DIE_WITH_PARENT, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def prctl(option: int, value: int) -> None:
    if C is not None:
        C.prctl(option, value, 0, 0, 0)


if __name__ == "__main__":
    C = None
    with suppress(ImportError, OSError, AttributeError):
        import ctypes

        C = ctypes.CDLL(None)
        C.prctl  # noqa: B018 - not every system has it

    from kfp.dsl.executor_main import executor_main  # type: ignore[import-untyped]

    gc.collect()
    gc.freeze()
    sys.argv[1:] = main()
    executor_main()
