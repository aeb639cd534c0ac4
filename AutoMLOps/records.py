"""The record of rehearsals: a folder for each in the codebase's `.automlops/runs/`, the newest of which are kept.

A record is written while its run goes on, a line of JSON for each thing that happened, so that it can be read however
the run ended: `{"run": ...}` as it begins and as it ends, `{"task": ...}` each time a task changes. It stays locked
for as long as the process that writes it lives.
"""

import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import IO, Any

from .model import Run, State, TaskRun

HOME = ".automlops/runs"
RECORD = "run.jsonl"
KEPT = 20
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
        self.file: IO[str] = (folder / RECORD).open("a", encoding="utf-8")
        locked(self.file)

    def __call__(self, news: Run | TaskRun) -> None:
        match news:
            case TaskRun():
                self.write({"task": asdict(news)})
            case Run(state=State.RUNNING, tasks=tasks) if tasks:
                pass  # it is still running: nothing happened
            case Run():
                self.write({"run": asdict(replace(news, tasks=()))})

    def write(self, line: dict[str, Any]) -> None:
        try:
            self.file.write(json.dumps(line) + "\n")
            self.file.flush()
        except OSError as error:
            self.fault = str(error)

    def __enter__(self) -> "Recorder":
        return self

    def __exit__(self, *exception: object) -> None:
        try:
            self.file.close()
        except OSError as error:
            self.fault = str(error)


def locked(file: IO[str]) -> bool:
    """Takes the lock of a record, which goes with the process that has it; False where another has it."""
    try:
        import fcntl
    except ImportError:  # no such locks here: a run that was cut off is taken to be over
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True  # a file system without locks
    return True


def recorded(codebase: str) -> tuple[Run, ...]:
    """The runs of a codebase, the newest first; one whose record cannot be read is left out."""
    return tuple(run for path in sorted(Path(codebase, HOME).glob(f"*/{RECORD}"), reverse=True) for run in read(path))


def read(path: Path) -> Iterator[Run]:
    """The run that a record tells of; none where it tells of none."""
    runs: list[Run] = []
    tasks: dict[str, TaskRun] = {}
    for line in lines(path):
        with suppress(ValueError, TypeError, KeyError):  # the line that was being written when all ended
            match json.loads(line):
                case {"task": dict(said)}:
                    tasks[said["path"]] = TaskRun(**{**said, "state": State(said["state"])})
                case {"run": dict(said)}:
                    runs.append(Run(**{**said, "state": State(said["state"]), "tasks": ()}))
    if runs:
        yield cut_off(replace(runs[-1], tasks=tuple(tasks.values())), path)


def lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8", errors="replace").split("\n")
    except OSError:
        return []


def cut_off(run: Run, path: Path) -> Run:
    """The run as it is, or where nobody goes on with it, as it was left."""
    if run.state is not State.RUNNING:
        return run
    with path.open(encoding="utf-8") as file:
        if not locked(file):
            return run
    unfinished = (State.WAITING, State.RUNNING)
    tasks = tuple(
        replace(task, state=State.CANCELLED, error=ENDED) if task.state in unfinished else task for task in run.tasks
    )
    ended = max([run.started, *(task.ended or task.started for task in tasks)])
    return replace(run, state=State.CANCELLED, error=ENDED, ended=ended, tasks=tasks)


def pruned(codebase: str) -> None:
    """Lets go of the oldest runs beyond those kept, but for those whose results the kept ones took over."""
    folders = sorted((path for path in Path(codebase, HOME).iterdir() if path.is_dir()), reverse=True)
    kept = folders[:KEPT]
    needed = {task.cached for folder in kept for run in read(folder / RECORD) for task in run.tasks}
    for old in folders[KEPT:]:
        if str(old.resolve()) not in needed:
            shutil.rmtree(old, ignore_errors=True)


def dropped(folder: Path) -> None:
    """Takes away the folder of a run that never began."""
    shutil.rmtree(folder, ignore_errors=True)


def put(path: Path, text: str) -> None:
    """Writes a file of a run, whole or not at all."""
    draft = path.with_name(f"{path.name}.draft")
    draft.parent.mkdir(parents=True, exist_ok=True)
    draft.write_text(text, encoding="utf-8", errors="replace")
    os.replace(draft, path)
