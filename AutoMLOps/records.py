"""The record of rehearsals: a folder for each in the codebase's `.automlops/runs/`, the newest of which are kept.

A record is written while its run goes on, a line of JSON for each thing that happened, so that it can be read however
the run ended: `{"run": ...}` as it begins and as it ends, `{"task": ...}` each time a task changes, with its path and
the fields that are not as its last line had them. It stays locked for as long as the process that writes it lives.
"""

import json
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import IO, Any

from .model import Run, State, TaskRun
from .nouns import named, replace

HOME = ".automlops/runs"
RECORD = "run.jsonl"
KEPT = 20
DAY = 24 * 60 * 60.0
ENDED = "the process that ran it ended before it did"


def begun(codebase: str) -> Path:
    """A new folder for a run, named by the time, so that the names sort as the runs did."""
    home = Path(codebase, HOME)
    home.mkdir(parents=True, exist_ok=True)
    while True:
        now = time.time_ns()
        folder = home / f"{time.strftime('%Y%m%d-%H%M%S', time.localtime(now // 10**9))}-{now // 1000 % 10**6:06}"
        try:
            folder.mkdir()
        except FileExistsError:
            continue
        return folder


class Recorder:
    """Writes down what it is told of a run. What cannot be written (a full disk) is in `fault`: the run goes on."""

    def __init__(self, folder: Path) -> None:
        self.fault = ""
        self.told: dict[str, dict[str, Any]] = {}
        self.file: IO[str] = (folder / RECORD).open("a", encoding="utf-8")
        locked(self.file, patience=1.0)  # a reader may have it for a moment

    def __call__(self, news: Run | TaskRun) -> None:
        match news:
            case TaskRun():
                self.changed(news)
            case Run(state=State.RUNNING, tasks=tasks) if tasks:
                pass  # it is still running: nothing happened
            case Run():
                self.write({"run": named(replace(news, tasks=()))})

    def changed(self, task: TaskRun) -> None:
        """A task's fields that are not as they were told last: a value that many lines would repeat may be large."""
        now, before = named(task), self.told.get(task.path, {})
        news = {name: value for name, value in now.items() if name not in before or before[name] != value}
        if self.write({"task": {"path": task.path, **news}}):
            self.told[task.path] = now

    def write(self, line: dict[str, Any]) -> bool:
        try:
            self.file.write(json.dumps(line) + "\n")
            self.file.flush()
        except OSError as error:
            self.fault = str(error)
            self.told.clear()  # what was told may be lost: it is told again
            return False
        return True

    def __enter__(self) -> "Recorder":
        return self

    def __exit__(self, *exception: object) -> None:
        try:
            self.file.close()
        except OSError as error:
            self.fault = str(error)


def locked(file: IO[str], patience: float = 0.0) -> bool:
    """Takes the lock of a record, which goes with the process that has it; False where another has it."""
    try:
        import fcntl
    except ImportError:  # no such locks here: a run that was cut off is taken to be over
        return True
    end = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= end:
                return False
            time.sleep(0.001)
        except OSError:
            return True  # a file system without locks
        else:
            return True


def recorded(codebase: str) -> tuple[Run, ...]:
    """The runs of a codebase, the newest first; one whose record cannot be read is left out."""
    return tuple(run for path in sorted(Path(codebase, HOME).glob(f"*/{RECORD}"), reverse=True) for run in read(path))


def read(path: Path) -> Iterator[Run]:
    """The run that a record tells of; none where it tells of none, or of what no run has."""
    told: dict[str, Any] = {}
    tasks: dict[str, dict[str, Any]] = {}
    try:
        for kind, said in _told(path):
            (told if kind == "run" else tasks.setdefault(said["path"], {})).update(said)
        run = Run(**{**_fitting(told, RUN), "tasks": tuple(TaskRun(**_fitting(each, TASK)) for each in tasks.values())})
    except (ValueError, TypeError, KeyError, RecursionError):
        return
    yield cut_off(run, path)


def _told(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """What the lines of a record say of the run and of its tasks, in their order."""
    for line in lines(path):
        with suppress(json.JSONDecodeError):  # the line that was being written when all ended
            match json.loads(line):
                case {"run": dict(said)}:
                    yield "run", said
                case {"task": dict(said)}:
                    yield "task", said


def lines(path: Path) -> Iterator[str]:
    try:
        with path.open(encoding="utf-8", errors="replace", newline="\n") as file:
            yield from file
    except OSError:
        return


# What fits


def _text(value: object) -> bool:
    return isinstance(value, str)


def _flag(value: object) -> bool:
    return isinstance(value, bool)


def _moment(value: object) -> bool:
    """Seconds since the epoch, up to a year of four digits, which is what a calendar can tell."""
    return isinstance(value, int | float) and 0 <= value < 250_000_000_000


def _count(value: object) -> bool:
    return isinstance(value, int) and value >= 0


def _object(value: object) -> bool:
    return isinstance(value, str) and isinstance(json.loads(value), dict)


Fields = Mapping[str, Callable[[object], bool]]
BOTH: Fields = MappingProxyType(
    {"name": _text, "state": _text, "started": _moment, "ended": _moment, "outputs": _object, "error": _text}
)
RUN: Fields = MappingProxyType({**BOTH, "id": _text, "folder": _text, "parameters": _object})
TASK: Fields = MappingProxyType(
    {
        **BOTH,
        **dict.fromkeys(("path", "component", "log", "cached", "key", "digest"), _text),
        **{"group": _flag, "inputs": _object, "attempts": _count},
    }
)


def _fitting(said: Mapping[str, Any], fields: Fields) -> dict[str, Any]:
    """The fields that this version knows; ValueError where one holds what it cannot hold."""
    known = {name: value for name, value in said.items() if name in fields}
    odd = [name for name, value in known.items() if not fields[name](value)]
    if odd:
        raise ValueError(f"not what a record says: {', '.join(odd)}")
    return {**known, "state": State(known["state"])}


def cut_off(run: Run, path: Path) -> Run:
    """The run as it is, or where nobody goes on with it, as it was left."""
    if run.state is not State.RUNNING:
        return run
    if going_on(path):
        return run
    tasks = tuple(
        replace(task, state=State.CANCELLED, error=ENDED) if not task.state.over else task for task in run.tasks
    )
    ended = max([run.started, *(task.ended or task.started for task in tasks)])
    return replace(run, state=State.CANCELLED, error=ENDED, ended=ended, tasks=tasks)


CACHED = re.compile(r'"cached": ("(?:[^"\\]|\\.)+")')  # in the text of another field its quotes would be escaped


def pruned(codebase: str) -> None:
    """Lets go of the oldest runs beyond those kept, but for those whose results the kept ones took over; and of what
    a run left that never got as far as a record."""
    folders = sorted((path for path in Path(codebase, HOME).iterdir() if path.is_dir()), reverse=True)
    told = [folder for folder in folders if _begins(folder / RECORD) or going_on(folder / RECORD)]
    empty = [folder for folder in folders[1:] if folder not in told and _age(folder) > DAY]
    old = told[KEPT:]
    needed = {cached for folder in told[:KEPT] for cached in _taken_over(folder / RECORD)} if old else set()
    for folder in (*old, *empty):
        if str(folder.resolve()) not in needed and not going_on(folder / RECORD):
            shutil.rmtree(folder, ignore_errors=True)


def _begins(path: Path) -> bool:
    """Whether it tells of a run; no more of it is read than says so."""
    try:
        return any(kind == "run" and Run(**_fitting(said, RUN)) for kind, said in _told(path))
    except (ValueError, TypeError, KeyError, RecursionError):
        return False


def going_on(path: Path) -> bool:
    """Whether a process is writing it."""
    try:
        with path.open(encoding="utf-8") as file:
            return not locked(file)
    except OSError:
        return False


def _age(folder: Path) -> float:
    try:
        return time.time() - folder.stat().st_mtime
    except OSError:
        return 0.0


def _taken_over(path: Path) -> Iterator[str]:
    """The folders of the runs whose results it has; the values beside them may be large, and are not looked into."""
    for line in lines(path):
        for found in CACHED.findall(line):
            with suppress(json.JSONDecodeError):
                yield json.loads(found)


def dropped(folder: Path) -> None:
    """Takes away the folder of a run that never began."""
    shutil.rmtree(folder, ignore_errors=True)


def put(path: Path, text: str) -> None:
    """Writes a file of a run, whole or not at all."""
    draft = path.with_name(f"{path.name}.draft")
    draft.parent.mkdir(parents=True, exist_ok=True)
    draft.write_text(text, encoding="utf-8", errors="replace")
    os.replace(draft, path)
