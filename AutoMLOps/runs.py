"""The record of rehearsals: a folder for each in the codebase's `.automlops/runs/`, the newest of which are kept."""

import json
import os
import shutil
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from .model import Run, State, TaskRun

HOME = ".automlops/runs"
RECORD = "run.json"
KEPT = 20


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


def record(run: Run) -> None:
    """Writes down what became of a run, and lets go of the oldest runs beyond those kept."""
    folder = Path(run.folder)
    draft = folder / f"{RECORD}.draft"
    draft.write_text(json.dumps(asdict(run), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    os.replace(draft, folder / RECORD)
    for old in sorted(path for path in folder.parent.iterdir() if path.is_dir())[:-KEPT]:
        shutil.rmtree(old, ignore_errors=True)


def recorded(codebase: str) -> tuple[Run, ...]:
    """The runs of a codebase, the newest first; one whose record cannot be read is left out."""
    found = []
    for path in sorted(Path(codebase, HOME).glob(f"*/{RECORD}"), reverse=True):
        try:
            found.append(_run(json.loads(path.read_text(encoding="utf-8"))))
        except (OSError, ValueError, TypeError, KeyError):
            continue
    return tuple(found)


def _run(said: dict[str, Any]) -> Run:
    tasks = tuple(TaskRun(**{**task, "state": State(task["state"])}) for task in said["tasks"])
    return Run(**{**said, "state": State(said["state"]), "tasks": tasks})


def dropped(folder: Path) -> None:
    """Takes away the folder of a run that never began."""
    shutil.rmtree(folder, ignore_errors=True)
