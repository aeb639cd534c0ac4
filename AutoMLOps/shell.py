"""Runs a script or a tool: its lines as they come or its answer as a whole, and its exit code."""

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
PATIENCE = 60.0  # seconds for an answer
TIDYING = 2.0  # seconds to end by itself once it is told to
MISSING, LATE = 127, 124  # exit codes, as the shell and timeout(1) have them


@noun
class Ended:
    """How a command ended: its exit code (less than 0: the signal that ended it), and the end of what it said."""

    code: int
    told: tuple[str, ...]


@noun
class Asked:
    """What a command answered: its exit code, what it printed and what it complained of.

    What it printed may be a secret, so a picture of the answer leaves it out.
    """

    code: int
    said: str = ""
    complained: str = ""

    def __repr__(self) -> str:
        return f"Asked(code={self.code}, complained={self.complained!r})"


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


def ask(
    command: Sequence[str],
    *,
    environment: Mapping[str, str | None] | None = None,
    timeout: float = PATIENCE,
    unread: bool = False,
) -> Asked:
    """Runs a command to its end, in a session of its own and with nobody to answer its questions.

    A variable of the environment that is None is taken out of it; `unread` throws away what the command prints. One
    that is not there has the code MISSING, one that is killed since it takes too long LATE, and `complained` says so.
    """
    try:
        process = subprocess.Popen(
            command,
            env={name: each for name, each in {**os.environ, **(environment or {})}.items() if each is not None},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL if unread else subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,
        )
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return Asked(code=MISSING, complained=f"{command[0]} is not installed, or not on PATH")
    with process:
        try:
            said, complained = process.communicate(timeout=timeout)
            return Asked(code=process.returncode, said=said or "", complained=complained)
        except subprocess.TimeoutExpired:
            return Asked(code=LATE, complained=f"{command[0]} did not answer within {timeout:g} seconds")
        finally:
            if process.poll() is None:
                _signal(process, signal.SIGTERM)  # git, for one, takes its locks away
                with suppress(subprocess.TimeoutExpired):
                    process.wait(TIDYING)
            _signal(process, signal.SIGKILL)


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
