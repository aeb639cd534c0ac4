"""Carries out one attempt at a step, in a process of its own by kfp's own executor.

A step works in a scratch folder that goes when it ends, as a container's would, and so does all that it started. The
processes themselves are started by a nursery, which has loaded the executor once for all.
"""

import itertools
import json
import math
import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import failures
from .errors import BadInput
from .model import Artifact, Kind, Param, Problem, Tree
from .spec import Container, Definition

KEPT = 1 << 20  # bytes of a log that are kept, half from its head and half from its tail
BEAT = 1.0  # seconds between looks at a log that grows
CUT_AT = 16 << 20  # bytes of a log at which it is cut while its step still runs

Explain = Callable[[str, int, str], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One attempt at a step, all placeholders filled: what a runner is given."""

    path: str
    definition: Definition
    folder: Path
    arguments: tuple[str, ...] = ()
    request: Mapping[str, Any]  # the executor input
    source: Path | None = None
    stub: Callable[..., Any] | None = None
    cacheable: bool = False
    cache_key: str = ""  # what the user said to know its result by

    @property
    def function(self) -> str:
        return self.definition.body.function if isinstance(self.definition.body, Container) else ""

    @property
    def code(self) -> str:
        """What runs: the codebase's own source, or what the spec carries along."""
        assert isinstance(self.definition.body, Container)
        return self.source.read_text(encoding="utf-8") if self.source else self.definition.body.embedded

    @property
    def log(self) -> Path:
        return self.folder / "log.txt"

    @property
    def outputs(self) -> Path:
        return self.folder / "outputs"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What an attempt came to: outputs as kfp's executor writes them, or an error.

    `key` is the hash of all that went into it and `digest` the hash of the files that came out. Where it was taken from
    an earlier run, `cached` is that run's folder and `log` what the step printed then.
    """

    parameters: Mapping[str, Any] = field(default_factory=dict)
    artifacts: Mapping[str, list[dict[str, Any]]] = field(default_factory=dict)
    error: str = ""
    key: str = ""
    digest: str = ""
    cached: str = ""
    log: str = ""


Runner = Callable[[Job], Outcome]


# What it answers


def planned(artifact: Artifact, outputs: Path) -> dict[str, Any]:
    return {
        "name": artifact.name,
        "uri": str(outputs / artifact.name),
        "type": {"schemaTitle": artifact.title, "schemaVersion": artifact.version},
        "metadata": {},
    }


def produced(job: Job, artifacts: Mapping[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """The output artifacts of a step: as they were planned, with what the step said of them."""
    found = {}
    for each in job.definition.outputs:
        if isinstance(each, Artifact):
            plan = planned(each, job.outputs)
            found[each.name] = [
                {**plan, **{key: said[key] for key in ("name", "uri", "metadata") if said.get(key)}}
                for said in artifacts.get(each.name) or [{}]
            ]
    return found


# Processes


# Steps load kfp's executor alone, say at once what they say, and leave no byte code beside the user's sources.
OURS = {"_KFP_RUNTIME": "true", "PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1"}


# Has a pipeline.py leave its steps as they are: no custom job of Vertex AI can run on this machine.
PLAINLY = {"AUTOMLOPS_PLAIN_STEPS": "true"}


def compiled(pipeline: Path, into: Path, timeout: float | None = None) -> dict[str, Any]:
    """The spec that a codebase's own pipeline.py compiles: kfp is loaded there, not here."""
    try:
        ended = subprocess.run(
            [sys.executable, str(pipeline), "--output", str(into)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=timeout,
            env={**os.environ, **PLAINLY},
        )
    except subprocess.TimeoutExpired:
        raise BadInput([Problem(message=f"{pipeline} did not compile within {timeout:g} seconds")]) from None
    if ended.returncode:
        said = "\n".join((ended.stderr or ended.stdout).strip().split("\n")[-5:])
        hint = f"python {pipeline} --output spec.json says more"
        raise BadInput([Problem(message=f"{pipeline} does not compile: {said}", hint=hint)])
    found: dict[str, Any] = json.loads(into.read_text(encoding="utf-8"))
    return found


def spec_of(pipeline: Path) -> dict[str, Any]:
    """The spec that a pipeline.py compiles, of which nothing is kept."""
    with tempfile.TemporaryDirectory() as scratch:
        return compiled(pipeline.resolve(), Path(scratch, "spec.json"))


def spec_of_draft(tree: Tree, pipeline: str) -> dict[str, Any]:
    """The same of a codebase that is not written yet."""
    with tempfile.TemporaryDirectory() as scratch:
        for file in tree.files:
            path = Path(scratch, file.path)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(file.text, encoding="utf-8")
        return compiled(Path(scratch, pipeline), Path(scratch, "spec.json"))


NURSERY = Path(__file__).with_name("nursery.py")
NOT_THEIRS = {"CLUSTER_SPEC", "MPLBACKEND"}  # what a notebook's or cluster's own environment would change in a step
THIS_PYTHON = {"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV"}
CARRIED = "ephemeral_component.py"
GONE = 1 << 10  # no exit code is as large: the nursery itself has ended
PATIENCE = 10.0  # seconds for a nursery to end what it has


class Processes:
    """Steps as child processes. Leaving the context ends those that still run, and what they started.

    `python` is the interpreter for a component's function; `explain` says more of a failure, given the function, the
    line of its source and what it raised. `name` is to be seen where processes are listed.
    """

    def __init__(self, python: Callable[[str], str], explain: Explain, name: str) -> None:
        self.python, self.explain, self.name = python, explain, name
        self.lock = threading.Lock()
        self.nurseries: dict[str, Nursery] = {}
        self.threads: set[threading.Thread] = set()
        self.over = False

    def __enter__(self) -> "Processes":
        return self

    def __exit__(self, *exception: object) -> None:
        while True:
            try:
                return self.stop()
            except KeyboardInterrupt:
                continue  # a second Ctrl-C, before it was put off

    def stop(self) -> None:
        with undisturbed():
            with self.lock:
                self.over = True
                nurseries, threads = list(self.nurseries.values()), list(self.threads)
            for nursery in nurseries:
                nursery.end()
            for thread in threads:
                thread.join()

    def __call__(self, job: Job) -> Outcome:
        with self.lock:
            if self.over:
                return Outcome(error="the run has ended")
            self.threads.add(threading.current_thread())
        try:
            return self.attempt(job)
        finally:
            with self.lock:
                self.threads.discard(threading.current_thread())

    def attempt(self, job: Job) -> Outcome:
        scratch = job.folder / "scratch"
        scratch.mkdir(parents=True)
        job.outputs.mkdir()
        arguments = ["--component_module_path", str(self.module(job, scratch)), *job.arguments]
        (job.folder / "input.json").write_text(json.dumps(arguments), encoding="utf-8")
        job.log.touch()
        try:
            code = self.carried_out(job, scratch)
            return answer(job, scratch) if code == 0 else Outcome(error=reason(code, job, self.explain))
        except Lost as fault:
            return Outcome(error=str(fault))
        finally:
            shutil.rmtree(scratch, ignore_errors=True)

    def module(self, job: Job, scratch: Path) -> Path:
        """The file with the step's code: the codebase's own, or one with what the spec carries along."""
        if job.source is not None:
            return job.source.resolve()
        path = scratch / CARRIED
        path.write_text(job.code, encoding="utf-8")
        return path

    def carried_out(self, job: Job, scratch: Path) -> int:
        """The exit code of the step's process, once it and all that it started have ended."""
        assert isinstance(job.definition.body, Container)
        code = self.nursery(self.python(job.function)).started(
            log=str(job.log),
            folder=str(scratch),
            arguments=str(job.folder / "input.json"),
            environment={**dict(job.definition.body.env), **OURS},
        )
        ended = None
        while ended is None:
            try:
                ended = code(BEAT)
            except queue.Empty:
                cut(job.log, CUT_AT)
        cut(job.log, KEPT)
        return ended

    def nursery(self, python: str) -> "Nursery":
        with self.lock:
            if self.over:
                raise Lost("the run has ended")
            if python not in self.nurseries:
                self.nurseries[python] = Nursery(python, self.name)
            return self.nurseries[python]


class Lost(Exception):
    """There is nobody to start a step, and why."""


class Nursery:
    """The process that starts steps with one interpreter."""

    def __init__(self, python: str, name: str) -> None:
        self.said = tempfile.TemporaryFile()  # noqa: SIM115 - it is closed as the process ends
        self.process = subprocess.Popen(
            [python, "-u", "-c", NURSERY.read_text(encoding="utf-8"), name],
            cwd=os.sep,
            env=surroundings(python),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.said,
            start_new_session=True,
        )
        self.count = itertools.count(1)
        self.lock = threading.Lock()
        self.waiting: dict[int, queue.SimpleQueue[int]] = {}
        self.over = False
        self.listener = threading.Thread(target=self.listen, daemon=True)
        self.listener.start()

    def started(self, **order: object) -> Callable[[float], int]:
        """Starts a step; gives what waits for its exit code, some seconds at most."""
        answer: queue.SimpleQueue[int] = queue.SimpleQueue()
        with self.lock:
            number = next(self.count)
            self.waiting[number] = answer
            try:
                assert self.process.stdin
                self.process.stdin.write(json.dumps({"step": number, **order}).encode() + b"\n")
                self.process.stdin.flush()
            except (OSError, ValueError):
                self.over = True
            if self.over:
                answer.put(GONE)

        def code(patience: float) -> int:
            found = answer.get(timeout=patience)
            if found == GONE:
                raise Lost(self.epitaph())
            return found

        return code

    def listen(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            news = json.loads(line)
            with self.lock:
                answer = self.waiting.pop(news["step"], None)
            if answer:
                answer.put(news["code"])
        with self.lock:
            self.over = True
            for answer in self.waiting.values():
                answer.put(GONE)

    def epitaph(self) -> str:
        self.said.seek(0)
        said = self.said.read().decode(errors="replace").strip().splitlines()[-5:]
        return "\n".join(["the process that starts the steps has ended", *said])

    def end(self) -> None:
        """Ends the process, its steps, and all that those started."""
        assert self.process.stdin
        with suppress(OSError):
            self.process.stdin.close()
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self.listener.join(PATIENCE)
        assert self.process.stdout
        self.process.stdout.close()
        self.said.close()


def surroundings(python: str) -> dict[str, str]:
    """The environment variables of steps: this process's, but for what is about this process alone."""
    here = {name: value for name, value in os.environ.items() if name not in NOT_THEIRS} | OURS
    if python == sys.executable:
        return here
    others = {name: value for name, value in here.items() if name not in THIS_PYTHON}
    return others | {
        "PYTHONNOUSERSITE": "1",
        "PATH": f"{os.path.dirname(python)}{os.pathsep}{here.get('PATH', '')}",
    }


def cut(log: Path, limit: int) -> None:
    """Leaves the head and the tail of a log that is longer than the limit, and says how much went."""
    with suppress(OSError):
        size = log.stat().st_size
        if size <= limit + 200:
            return
        half = KEPT // 2
        with log.open("r+b") as file:
            head = file.read(half)
            file.seek(-half, os.SEEK_END)
            tail = file.read()
            file.seek(len(head))
            file.write(f"\n[... {size - 2 * half} bytes are left out here ...]\n".encode() + tail)
            file.truncate()


@contextmanager
def undisturbed() -> Iterator[None]:
    """Puts off Ctrl-C, so that a second one does not leave processes behind."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def answer(job: Job, scratch: Path) -> Outcome:
    """What a step that ended well gave."""
    try:
        said = said_by(job)
        files = {each.name: each for each in job.definition.outputs if isinstance(each, Param)}
        written = {name: job.outputs / name for name in files if (job.outputs / name).is_file()}
        parameters = {name: from_file(files[name], path) for name, path in written.items()}
        artifacts = {name: group.get("artifacts", []) for name, group in said.get("artifacts", {}).items()}
        settle_custom_paths(artifacts, scratch)
        return Outcome(parameters={**said.get("parameterValues", {}), **parameters}, artifacts=artifacts)
    except (ValueError, OSError) as fault:
        return Outcome(error=str(fault))


def said_by(job: Job) -> dict[str, Any]:
    path = job.outputs / "executor_output.json"
    said = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    assert isinstance(said, dict)
    for name, value in said.get("parameterValues", {}).items():
        refused(f"its output {name}", value)
    for name, group in said.get("artifacts", {}).items():
        for artifact in group.get("artifacts", []):
            for key, value in (artifact.get("metadata") or {}).items():
                refused(f"{key} in the metadata of its output {name}", value)
    return said


def refused(what: str, value: Any) -> None:
    """NaN and the infinities, which Python writes, are not JSON: what holds them would not be read."""
    match value:
        case float() if not math.isfinite(value):
            raise ValueError(f"{what} holds {json.dumps(value)}, which cannot travel as JSON")
        case dict():
            for each in value.values():
                refused(what, each)
        case list():
            for each in value:
                refused(what, each)


def from_file(param: Param, path: Path) -> Any:
    """An output parameter that was written to its OutputPath: text as it is, all else as JSON."""
    try:
        written = path.read_text(encoding="utf-8")
        match param.kind:
            case Kind.STRING:
                return written
            case Kind.BOOLEAN:
                return json.loads(written.lower())
        found = json.loads(written)
    except ValueError as fault:
        raise ValueError(f"the output {param.name} cannot be read as a {param.kind}: {fault}") from None
    refused(f"its output {param.name}", found)
    return found


def settle_custom_paths(artifacts: Mapping[str, list[dict[str, Any]]], scratch: Path) -> None:
    """Copies an artifact that a step put at a `custom_path` to where its URI says, as its container's end would."""
    for artifact in (each for several in artifacts.values() for each in several):
        custom, uri = artifact.get("custom_path"), artifact.get("uri", "")
        if custom and "://" not in uri and (scratch / custom).exists() and not Path(uri).exists():
            Path(uri).parent.mkdir(parents=True, exist_ok=True)
            (shutil.copytree if (scratch / custom).is_dir() else shutil.copy2)(scratch / custom, uri)


def reason(code: int, job: Job, explain: Explain) -> str:
    """Why a step failed, from its exit code and its log."""
    file = str(job.source.resolve()) if job.source else CARRIED
    try:
        text = job.code
    except (OSError, ValueError):
        text = ""  # it went, or is no text: that is why
    return failures.reason(code, ending(job.log), file=file, function=job.function, text=text, explain=explain)


def ending(log: Path) -> str:
    """What is kept of what a step printed."""
    with log.open("rb") as file:
        file.seek(-min(log.stat().st_size, 2 * KEPT), os.SEEK_END)
        return file.read().decode(errors="replace")
