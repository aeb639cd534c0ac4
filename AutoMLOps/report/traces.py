"""Reads the traces that a run left of each step: its logs, its code, the documents that it wrote."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ..artifacts import named, title
from ..model import Run, TaskRun
from ..nouns import noun, replace
from .words import plain

LOGS = 8_000_000  # bytes of all logs together, and of one at most and at least
LOG, LEAST = 200_000, 20_000
DOCUMENT, DOCUMENTS = 1_000_000, 8_000_000  # bytes of an HTML or Markdown artifact, and of all together


@noun
class Document:
    """An HTML or Markdown artifact. `missing` says why its text is not here."""

    name: str
    place: str
    markdown: bool = False
    text: str = ""
    missing: str = ""


@noun
class Evidence:
    """What a step left: the log of its last attempt and of those before it, its code, what it wrote to be read."""

    log: str | None = None
    earlier: tuple[str, ...] = ()
    code: str | None = None
    requirements: str | None = None
    documents: tuple[Document, ...] = ()


def evidence(run: Run) -> Mapping[str, Evidence]:
    """Reads what each step of a run left, by the step's path. A file that is not there is left out."""
    folder = Path(run.folder)
    steps = [task for task in run.tasks if not task.group]
    limit = max(LEAST, min(LOG, LOGS // max(len(steps), 1)))
    room, found = DOCUMENTS, {}
    for task in steps:
        documents = tuple(_documents(task, room))
        room -= sum(len(document.text) for document in documents)
        log, earlier = _logs(folder / task.path, task, limit)
        found[task.path] = Evidence(
            log=log,
            earlier=earlier,
            code=_read(folder / "code" / f"{task.component}.py", LOG),
            requirements=_read(folder / "code" / f"{task.component}.txt", LOG),
            documents=documents,
        )
    return found


def _logs(home: Path, task: TaskRun, limit: int) -> tuple[str | None, tuple[str, ...]]:
    """The log of the last attempt, and those of the attempts before it, in their order."""
    last = Path(task.log) if task.log else home / "log.txt"
    attempts = sorted(home.glob("attempt-*/log.txt"), key=lambda path: int(path.parent.name.rpartition("-")[2]))
    before = [path for path in [home / "log.txt", *attempts] if path != last]
    earlier = [_read(path, limit // 4) for path in before[: max(task.attempts - 1, 0)]]
    return _read(last, limit), tuple(log for log in earlier if log is not None)


def _read(path: Path, limit: int) -> str | None:
    """The text of a file: of a long one the head and the tail, with what is between them told."""
    try:
        with path.open("rb") as file:
            size = path.stat().st_size
            if size <= limit:
                return _decoded(file.read(limit))
            head = file.read(limit // 2)
            file.seek(size - limit // 2)
            between = f"\n[... {size - limit // 2 * 2} bytes are left out here: the whole is in {path} ...]\n"
            return _decoded(head) + between + _decoded(file.read(limit // 2))
    except (OSError, ValueError):  # ValueError: the path holds what no path may
        return None


def _decoded(said: bytes) -> str:
    return plain(said.decode("utf-8", errors="replace"))


def _documents(task: TaskRun, room: int) -> Iterator[Document]:
    for name, artifact in named(task.outputs):
        if title(artifact) in ("system.HTML", "system.Markdown"):
            document = _document(name, artifact, room)
            room -= len(document.text)
            yield document


def _document(name: str, artifact: Mapping[str, Any], room: int) -> Document:
    place, limit = str(artifact["uri"]), min(DOCUMENT, room)
    document = Document(name=name, place=place, markdown=title(artifact) == "system.Markdown")
    try:
        if not Path(place).is_file():
            return replace(document, missing="its file is not on this machine")
        with Path(place).open("rb") as file:
            found = file.read(limit + 1)
    except (OSError, ValueError) as fault:
        return replace(document, missing=str(fault))
    if len(found) > limit:
        return replace(document, missing="it is too long for a page that holds all")
    return replace(document, text=found.decode("utf-8", errors="replace"))
