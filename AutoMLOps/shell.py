"""Runs a script or a tool: its lines as they come, its exit code and the end of what it said."""

import os
import signal
import subprocess
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from .nouns import noun

TOLD = 40  # lines of the end of what it said that are kept
GRACE = 10.0  # seconds to end after an interrupt


@noun
class Ended:
    """How a command ended: its exit code (less than 0: the signal that ended it), and the end of what it said."""

    code: int
    told: tuple[str, ...]


def run(
    command: Sequence[str],
    *,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
    line: Callable[[str], None] = lambda text: None,
) -> Ended:
    """Runs a command to its end, in a session of its own; `line` is given each line it prints, on either stream.

    Ctrl-C is passed on, and what still runs some seconds later is killed: a script that provisions can say how far it
    came.
    """
    told: deque[str] = deque(maxlen=TOLD)
    process = subprocess.Popen(
        command,
        cwd=folder,
        env={**os.environ, **(environment or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    assert process.stdout
    try:
        for text in process.stdout:
            told.append(text.rstrip("\n"))
            line(told[-1])
        return Ended(code=process.wait(), told=tuple(told))
    finally:
        _end(process)


def _end(process: "subprocess.Popen[str]") -> None:
    """Ends what still runs of it: first as Ctrl-C would, then whatever is left of its group."""
    if process.poll() is None:
        _signal(process, signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            process.wait(GRACE)
    _signal(process, signal.SIGKILL)
    process.wait()
    assert process.stdout
    process.stdout.close()


def _signal(process: "subprocess.Popen[str]", number: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)
