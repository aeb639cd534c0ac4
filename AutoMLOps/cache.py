"""What earlier runs came to: a step whose code, inputs and requirements are as they were is not run again."""

import glob
import hashlib
import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from .model import Artifact, Run, TaskRun
from .processes import Job, Outcome, Runner, produced
from .spec import Container

OUTPUTS = "outputs"  # the folder that steps write to: what they put beside an artifact, as model.joblib, is of it
LARGE = 64 << 20
VOLATILE = re.compile(r"\{\{\$\.pipeline_")  # what is another in every run: its name, its root, its time


class Cache:
    """Keeps the key of every step, and where it may, answers from the runs before.

    `surroundings` says, for a component's function, what else its result hangs on: requirements and versions. Without
    `recall` nothing is answered from earlier runs; the keys are kept for later ones all the same.
    """

    def __init__(self, runs: Iterable[Run], surroundings: Callable[[str], str], *, recall: bool) -> None:
        self.surroundings = surroundings
        self.known: dict[str, tuple[str, TaskRun]] = {}
        self.digests: dict[tuple[str, int, int], str] = {}
        for run in runs if recall else ():  # the newest first
            for task in run.tasks:
                if task.key and task.state.good:
                    self.known.setdefault(task.key, (task.cached or run.folder, task))

    def through(self, runner: Runner, job: Job) -> Outcome:
        """An earlier result if there is one, else the runner's, with what a later run needs to find it."""
        key = self.key(job)
        if not key:
            return runner(job)
        outcome = self.recalled(job, key)
        if outcome:
            return outcome
        outcome = runner(job)
        if outcome.error or self.key(job) != key:  # a step that changes its own inputs cannot be told by them
            return outcome
        return replace(outcome, key=key, digest=self.digest(produced(job, outcome.artifacts)))

    def key(self, job: Job) -> str:
        """The hash of all that the result of a step hangs on; empty where it is not to be cached."""
        body = job.definition.body
        if not job.cacheable or not isinstance(body, Container) or any(map(VOLATILE.search, body.words)):
            return ""
        if job.cache_key:
            return hashed([job.definition.name, job.cache_key])
        inputs = job.request["inputs"]
        return hashed(
            [
                job.code,
                body.function,
                body.arguments,
                sorted(body.env),
                self.surroundings(body.function),
                [
                    (each.name, each.title if isinstance(each, Artifact) else each.kind)
                    for each in job.definition.outputs
                ],
                inputs["parameterValues"],
                self.digest({name: group["artifacts"] for name, group in inputs["artifacts"].items()}),
            ]
        )

    def recalled(self, job: Job, key: str) -> Outcome | None:
        folder, task = self.known.get(key, ("", None))
        if task is None:
            return None
        outputs: dict[str, Any] = json.loads(task.outputs)
        files = {each.name for each in job.definition.outputs if isinstance(each, Artifact)}
        artifacts = {name: value for name, value in outputs.items() if name in files}
        if self.digest(artifacts) != task.digest:
            return None  # what it left was changed or taken away since
        return Outcome(
            parameters={name: value for name, value in outputs.items() if name not in files},
            artifacts=artifacts,
            key=key,
            digest=task.digest,
            cached=folder,
            log=task.log,
        )

    def digest(self, artifacts: Mapping[str, list[dict[str, Any]]]) -> str:
        """The hash of artifacts: their types, what was said of them, and every byte of them that is on this machine."""
        return hashed(
            [
                (name, each.get("name"), each.get("type"), each.get("metadata"), self.content(str(each.get("uri", ""))))
                for name, several in sorted(artifacts.items())
                for each in several
            ]
        )

    def content(self, uri: str) -> str:
        if "://" in uri:
            return uri
        path = Path(uri)
        beside = sorted(path.parent.glob(f"{glob.escape(path.name)}?*")) if path.parent.name == OUTPUTS else []
        return hashed([(name, self.file(each)) for place in (path, *beside) for name, each in files(place)])

    def file(self, path: Path) -> str:
        """The hash of a file; of a large one, of its place, size and time, for it would be read in every run."""
        status = os.stat(path)
        mark = (str(path), status.st_mtime_ns, status.st_size)
        if status.st_size > LARGE:
            return hashed(mark)
        if mark not in self.digests:
            with path.open("rb") as file:
                self.digests[mark] = hashlib.file_digest(file, "sha256").hexdigest()
        return self.digests[mark]


def files(place: Path) -> Iterator[tuple[str, Path]]:
    """A file, or all within a folder, by their names; links are followed, once."""
    if place.is_file():
        yield place.name, place
    seen = set()
    for folder, inner, names in os.walk(place, followlinks=True):
        if os.path.realpath(folder) in seen:
            inner.clear()
            continue
        seen.add(os.path.realpath(folder))
        inner.sort()
        for path in (Path(folder, name) for name in sorted(names)):
            if path.is_file():
                yield os.path.relpath(path, place.parent), path


def hashed(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
