"""Runs a compiled pipeline on this machine: each step in a process of its own, by kfp's own executor.

What Vertex AI documents is followed: a task runs once all before it succeeded, or ended where its trigger says so; a
failure stops only what waits for it; every number of the spec that is whole arrives as an int. What a run leaves, for
each task under its path:

    <path>/input.json    what kfp's executor was given
    <path>/log.txt       what the step printed (the middle of a very long log is cut)
    <path>/outputs/      its artifacts, parameters and executor_output.json
    <path>/attempt-2/    the same for a second attempt

A step works in a scratch folder that goes when it ends, as a container's would. Processes that it leaves behind are
ended with it: those of its group and, where there is a /proc, those that left the group but kept its environment.
"""

import heapq
import itertools
import json
import os
import queue
import re
import select
import shutil
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from AutoMLOps import spec
from AutoMLOps.errors import BadInput
from AutoMLOps.model import Artifact, Kind, Param, Problem, Run, State, TaskRun
from AutoMLOps.spec import Container, Dag, Definition, Foreign, FromInput, FromTask, Importer, Retry, Task

FINAL = frozenset({State.SUCCEEDED, State.CACHED, State.SKIPPED, State.FAILED, State.CANCELLED})
DONE = frozenset({State.SUCCEEDED, State.CACHED})
KEPT = 1 << 20  # bytes of a log that are kept, half from its head and half from its tail
CUT_AT = 16 << 20  # bytes of a log at which it is cut while its step still runs

Source = Callable[[str], Path | None]
Watch = Callable[[Run], None]
Stub = Callable[..., Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One attempt at a step, all placeholders filled: what a runner is given."""

    path: str
    definition: Definition
    folder: Path
    arguments: tuple[str, ...] = ()
    request: Mapping[str, Any]  # the executor input
    source: Path | None = None
    stub: "Stub | None" = None

    @property
    def log(self) -> Path:
        return self.folder / "log.txt"

    @property
    def outputs(self) -> Path:
        return self.folder / "outputs"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What an attempt came to: outputs as kfp's executor writes them, or an error."""

    parameters: Mapping[str, Any] = field(default_factory=dict)
    artifacts: Mapping[str, list[dict[str, Any]]] = field(default_factory=dict)
    error: str = ""


Runner = Callable[[Job], Outcome]


@dataclass(frozen=True, slots=True)
class Absent:
    """No value, and why. With `fault` no default may stand in for it: a task succeeded without giving it."""

    reason: str
    fault: bool = False


class Unmet(Exception):
    """Why a task cannot start though its turn has come."""


# The story


# Steps load kfp's executor alone, say at once what they say, and leave no byte code beside the user's sources.
OURS = {"_KFP_RUNTIME": "true", "PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1"}


def run(
    document: Mapping[str, Any],
    values: Mapping[str, Any],
    *,
    folder: Path,
    source: Source = lambda function: None,
    python: str = sys.executable,
    parallel: int | None = None,
    timeout: float | None = None,
    watch: Watch = lambda run: None,
    stubs: Mapping[str, Stub] = MappingProxyType({}),
    pause: Callable[[Retry, int], float] = Retry.seconds,
    runner: Runner | None = None,
) -> Run:
    """Runs a compiled PipelineSpec with these parameter values, and says how it went.

    `source` names the file of a component's function; `parallel` steps run side by side, as many as there are cores
    unless told; a `timeout` in seconds is for the whole. `watch` is called with each new state of the run. `stubs`
    stand in for tasks, by name; `pause` is what a retry waits. Ctrl-C ends every process and gives a run that says
    CANCELLED. Raises BadInput before anything runs where the spec, the values or a step cannot be run here.
    """
    compiled = spec.read(document)
    problems = [*misfits(compiled.root, values)]
    if runner is None:
        hindered = unrunnable(document, source, stubs)
        problems += [Problem(message=f"{task} cannot run here: it {why}") for task, why in hindered]
    if problems:
        raise BadInput(problems)
    processes = Processes(python)
    play = Play(compiled, folder.resolve(), source, runner or processes, parallel or cores(), watch, stubs, pause)
    with processes:
        return play.through(values, timeout)


def compiled(pipeline: Path, into: Path, python: str = sys.executable) -> dict[str, Any]:
    """The spec that a codebase's own pipeline.py compiles: kfp is loaded there, not here."""
    ended = subprocess.run(
        [python, str(pipeline), "--output", str(into)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if ended.returncode:
        said = "\n".join((ended.stderr or ended.stdout).strip().split("\n")[-5:])
        hint = f"python {pipeline} --output spec.json says more"
        raise BadInput([Problem(message=f"{pipeline} does not compile: {said}", hint=hint)])
    found: dict[str, Any] = json.loads(into.read_text(encoding="utf-8"))
    return found


def unrunnable(
    document: Mapping[str, Any], source: Source, stubs: Mapping[str, Stub] = MappingProxyType({})
) -> tuple[tuple[str, str], ...]:
    """The tasks that need more than this machine's Python, each with the reason, before anything runs."""
    tasks = [(path, task) for path, task in spec.walk(spec.read(document).root) if standing_in(task, stubs) is None]
    found = ((path, hindrance(task.definition, source)) for path, task in tasks)
    return tuple((path, reason) for path, reason in found if reason)


def standing_in(task: Task, stubs: Mapping[str, Stub]) -> Stub | None:
    """The stub of a task: kfp numbers the tasks of a component that is used again, as in train-2."""
    return stubs.get(task.name) or stubs.get(re.sub(r"-\d+$", "", task.name))


def hindrance(definition: Definition, source: Source) -> str:
    match definition.body:
        case Foreign(reason=reason):
            return reason
        case Container() as body if not body.function:
            return f"runs the container {body.image}, not a Python function"
        case Container() as body if not body.embedded and source(body.function) is None:
            return f"calls {body.function}, whose source is not here"
    return ""


def misfits(root: Definition, values: Mapping[str, Any]) -> Iterator[Problem]:
    """What is wrong with the values for the parameters of a pipeline."""
    declared = {each.name: each for each in root.inputs if isinstance(each, Param)}
    for name in sorted(values.keys() - declared.keys()):
        yield Problem(message=f"the pipeline has no parameter {name}", hint=f"it has {', '.join(declared) or 'none'}")
    for name, param in declared.items():
        value = values.get(name)
        if value is None and param.default is None and not param.optional:
            yield Problem(message=f"the parameter {name} has no value")
        elif value is not None and misfit(value, param):
            yield Problem(message=f"the parameter {name} is {spec.brief(value)}, which is not a {param.kind}")
    for each in root.inputs:
        if isinstance(each, Artifact) and not each.optional:
            yield Problem(message=f"the pipeline takes the artifact {each.name}, which cannot be given here")


def misfit(value: Any, param: Param) -> bool:
    """A value given for a pipeline's parameter is taken as it is, text is not read as a number; and it must be JSON."""
    try:
        json.dumps(value, allow_nan=False)
        return isinstance(value, str) is not isinstance(spec.typed(value, param.kind), str)
    except (TypeError, ValueError):
        return True


def cores() -> int:
    """The cores that this process may use."""
    try:
        return max(1, len(os.sched_getaffinity(0)))
    except AttributeError:
        return os.cpu_count() or 1


# The play: DAGs, their nodes, and whose turn it is


@dataclass(slots=True, eq=False)
class Frame:
    """A DAG at work: of the pipeline, of a group, or of one item of a loop."""

    path: str
    dag: Dag
    parameters: dict[str, Any]
    artifacts: dict[str, Any]
    parent: "Node | None"
    nodes: dict[str, "Node"] = field(default_factory=dict)
    left: int = 0


@dataclass(slots=True, eq=False)
class Node:
    """A task at work."""

    frame: Frame
    task: Task
    path: str
    state: State = State.WAITING
    error: str = ""
    attempt: int = 0
    parameters: dict[str, Any] = field(default_factory=dict)
    artifacts: dict[str, Any] = field(default_factory=dict)
    frames: list[Frame] = field(default_factory=list)
    waiting: deque[Frame] = field(default_factory=deque)
    left: int = 0
    following: list["Node"] = field(default_factory=list)
    id: str = field(default_factory=lambda: str(uuid.uuid4().int >> 66))


class Late(Exception):
    """The run took longer than it may."""


class Play:
    """One run. Only the thread that calls `through` changes anything; steps run in threads that put back what came."""

    def __init__(
        self,
        compiled: spec.Compiled,
        folder: Path,
        source: Source,
        runner: Runner,
        parallel: int,
        watch: Watch,
        stubs: Mapping[str, Stub],
        pause: Callable[[Retry, int], float],
    ) -> None:
        self.compiled, self.folder, self.source = compiled, folder, source
        self.runner, self.parallel, self.watch = runner, parallel, watch
        self.stubs, self.pause = stubs, pause
        self.started = time.time()
        stamp = time.strftime("%Y%m%d%H%M%S", time.gmtime(self.started))
        self.id = f"{compiled.name}-{stamp}-{uuid.uuid4().hex[:6]}"
        self.number = str(uuid.uuid4().int >> 66)
        self.result = Run(name=compiled.name, id=self.id, state=State.RUNNING, folder=str(folder), started=self.started)
        self.tasks: dict[str, TaskRun] = {}
        self.turn: deque[Node | Frame] = deque()  # what may be able to go on
        self.ready: deque[tuple[Node, Job]] = deque()  # steps that wait for a core
        self.running: set[Node] = set()
        self.timers: list[tuple[float, int, Node]] = []  # retries that wait
        self.ended: queue.SimpleQueue[tuple[Node, Job, Outcome]] = queue.SimpleQueue()
        self.count = itertools.count()

    def through(self, values: Mapping[str, Any], timeout: float | None) -> Run:
        deadline = None if timeout is None else time.monotonic() + timeout
        try:
            self.start(values)
            while self.turn or self.ready or self.running or self.timers:
                self.go_on()
                self.launch()
                self.wait(deadline)
        except KeyboardInterrupt:
            self.cancel("interrupted", State.CANCELLED)
        except Late:
            self.cancel(f"it took longer than {timeout:g} seconds", State.FAILED)
        return self.result

    def start(self, values: Mapping[str, Any]) -> None:
        root, parameters = self.compiled.root, {}
        for each in root.inputs:
            if isinstance(each, Param) and values.get(each.name) is not None:
                parameters[each.name] = spec.typed(values[each.name], each.kind)
            elif isinstance(each, Param) and each.default is not None:
                parameters[each.name] = json.loads(each.default)
        assert isinstance(root.body, Dag)
        self.open(self.frame("root", root.body, parameters, {}, None))
        self.tell()

    def go_on(self) -> None:
        while self.turn:
            match self.turn.popleft():
                case Frame() as frame:
                    self.close(frame)
                case node:
                    self.consider(node)

    def launch(self) -> None:
        while self.ready and len(self.running) < self.parallel:
            node, job = self.ready.popleft()
            self.running.add(node)
            log = "" if job.stub else str(job.log)
            started = self.tasks[node.path].started or time.time()
            self.note(node, state=State.RUNNING, started=started, attempts=node.attempt, log=log, error="")
            threading.Thread(target=self.perform, args=(node, job), daemon=True).start()

    def perform(self, node: Node, job: Job) -> None:
        try:
            outcome = stubbed(job, job.stub) if job.stub else self.runner(job)
        except BaseException as error:  # a fault of the machine, such as a full disk, is the step's failure
            outcome = Outcome(error=f"{type(error).__name__}: {error}")
        self.ended.put((node, job, outcome))

    def wait(self, deadline: float | None) -> None:
        """Sleeps until a step has ended, a retry is due or time is up."""
        if not (self.running or self.timers) or self.turn:
            return
        moments = [moment for moment in (deadline, self.timers[0][0] if self.timers else None) if moment is not None]
        patience = max(0.0, min(moments) - time.monotonic()) if moments else None
        try:
            self.finish(*self.ended.get(timeout=patience))
        except queue.Empty:
            if deadline is not None and time.monotonic() >= deadline:
                raise Late from None
        while self.timers and self.timers[0][0] <= time.monotonic():
            self.begin(heapq.heappop(self.timers)[2])

    # A DAG opens and closes

    def frame(
        self, path: str, dag: Dag, parameters: dict[str, Any], artifacts: dict[str, Any], parent: Node | None
    ) -> Frame:
        frame = Frame(path, dag, parameters, artifacts, parent, left=len(dag.tasks))
        frame.nodes = {task.name: Node(frame, task, f"{path}/{task.name}") for task in dag.tasks}
        for node in frame.nodes.values():
            for name in node.task.after:
                frame.nodes[name].following.append(node)
        return frame

    def open(self, frame: Frame) -> None:
        for node in frame.nodes.values():
            self.tasks[node.path] = TaskRun(
                path=node.path,
                name=node.task.title,
                component=node.task.definition.name,
                group=isinstance(node.task.definition.body, Dag),
            )
        self.turn.extend(frame.nodes.values())
        if not frame.nodes:
            self.turn.append(frame)

    def close(self, frame: Frame) -> None:
        """All its nodes have ended: the task that the DAG belongs to goes on."""
        node = frame.parent
        if node is None:
            return self.end(frame)
        node.left -= 1
        if node.waiting:
            self.open(node.waiting.popleft())
        if node.left:
            return None
        failed = [each for each in node.frames if self.failed(each)]
        if failed:
            return self.fail(node, self.blame(failed))
        if node.task.loop:
            self.collect(node)
        else:
            node.parameters, node.artifacts = self.outputs(frame)
        return self.settle(node, State.SUCCEEDED)

    def end(self, frame: Frame) -> None:
        failed = self.failed(frame)
        parameters, artifacts = ({}, {}) if failed else self.outputs(frame)
        self.result = replace(
            self.result,
            state=State.FAILED if failed else State.SUCCEEDED,
            ended=time.time(),
            outputs=shown(parameters, artifacts),
            error=self.blame([frame]) if failed else "",
        )
        self.tell()

    def failed(self, frame: Frame) -> bool:
        return any(node.state is State.FAILED for node in frame.nodes.values())

    def blame(self, frames: list[Frame]) -> str:
        names = [node.task.title for each in frames for node in each.nodes.values() if node.state is State.FAILED]
        return f"The DAG failed because some tasks failed. The failed tasks are: [{', '.join(dict.fromkeys(names))}]."

    def outputs(self, frame: Frame) -> tuple[dict[str, Any], dict[str, Any]]:
        """What a DAG gives: of the tasks that could give it, the first one that did."""
        found: tuple[dict[str, Any], dict[str, Any]] = {}, {}
        for each in frame.dag.outputs:
            for choice in each.choices:
                node = frame.nodes[choice.task]
                value = (node.artifacts if each.artifact else node.parameters).get(choice.name)
                if value is not None:
                    found[each.artifact][each.name] = value
                    break
        return found

    def collect(self, node: Node) -> None:
        """The outputs of a loop: lists of what its items gave, in their order; an item that gave none is left out."""
        each_gave = [self.outputs(frame) for frame in node.frames]
        for each in node.task.definition.outputs:
            if isinstance(each, Param):
                given = [parameters[each.name] for parameters, _ in each_gave if each.name in parameters]
                node.parameters[each.name] = given
            else:
                found = [artifacts[each.name] for _, artifacts in each_gave if each.name in artifacts]
                node.artifacts[each.name] = [artifact for several in found for artifact in several]

    # A node waits, begins, and ends

    def consider(self, node: Node) -> None:
        """Begins a node if its turn has come."""
        before = [node.frame.nodes[name] for name in node.task.after]
        if node.state is not State.WAITING or any(each.state not in FINAL for each in reversed(before)):
            return
        if not node.task.always and any(each.state not in DONE for each in before):
            self.settle(node, State.SKIPPED)
        else:
            self.begin(node)

    def begin(self, node: Node) -> None:
        node.attempt += 1
        try:
            parameters, artifacts = self.gather(node)
            condition = node.task.condition
            if condition is not None and not spec.truth(condition, compared(node.task.definition, parameters)):
                return self.settle(node, State.SKIPPED)
            self.note(node, inputs=shown(present(parameters), present(artifacts)))
            match node.task.definition.body:
                case Dag() as dag:
                    self.enter(node, dag, parameters, artifacts)
                case Importer() as importer:
                    self.bring(node, importer, parameters)
                case (Container() | Foreign()) as body:
                    node.state = State.RUNNING
                    self.ready.append((node, self.job(node, body, parameters, artifacts)))
        except (Unmet, spec.Mistyped, spec.ExpressionError) as fault:
            node.error = str(fault)
            self.settle(node, State.FAILED)

    def enter(self, node: Node, dag: Dag, parameters: dict[str, Any], artifacts: dict[str, Any]) -> None:
        node.state = State.RUNNING
        self.note(node, state=State.RUNNING, started=time.time(), attempts=node.attempt)
        if node.task.loop is None:
            node.frames = [self.frame(node.path, dag, parameters, artifacts, node)]
        else:
            node.frames = [
                self.frame(f"{node.path}/{place}", dag, {**parameters, **some}, {**artifacts, **files}, node)
                for place, (some, files) in enumerate(items(node.task.loop, parameters, artifacts))
            ]
            if not node.frames:
                self.collect(node)
                return self.settle(node, State.SUCCEEDED)
        limit = (node.task.loop and node.task.loop.limit) or len(node.frames)
        node.waiting, node.left = deque(node.frames[limit:]), len(node.frames)
        for frame in node.frames[:limit]:
            self.open(frame)

    def bring(self, node: Node, importer: Importer, parameters: dict[str, Any]) -> None:
        """An importer: the artifact exists already, and nothing is kept here that could be reimported."""
        given = present(parameters)
        resolve = self.meaning(node, {"inputs": {"parameterValues": given}})
        artifact = {
            "name": "artifact",
            "uri": spec.text(given.get("uri", importer.uri)),
            "type": {"schemaTitle": importer.title, "schemaVersion": importer.version},
            "metadata": spec.filled(json.loads(importer.metadata), resolve),
        }
        for each in node.task.definition.outputs:
            node.artifacts[each.name] = [artifact]
        self.settle(node, State.SUCCEEDED)

    def finish(self, node: Node, job: Job, outcome: Outcome) -> None:
        """A step has ended."""
        self.running.discard(node)
        error = outcome.error
        try:
            if not error:
                node.parameters = received(node.task.definition, outcome.parameters)
                node.artifacts = produced(job, outcome.artifacts)
        except (spec.Mistyped, Unmet) as fault:
            error = str(fault)
        if error:
            self.fail(node, error)
        else:
            self.settle(node, State.SUCCEEDED)

    def fail(self, node: Node, error: str) -> None:
        """A failure, which its retry policy may let pass."""
        node.error = error
        retry = node.task.retry
        if retry is None or node.attempt > retry.times:
            return self.settle(node, State.FAILED)
        due = time.monotonic() + self.pause(retry, node.attempt)
        heapq.heappush(self.timers, (due, next(self.count), node))
        self.note(node, state=State.WAITING, error=error)

    def settle(self, node: Node, state: State) -> None:
        """A node has ended; what waits for it may go on."""
        node.state = state
        if state in DONE:
            node.error = ""
        now = 0.0 if state is State.SKIPPED else time.time()
        started = self.tasks[node.path].started or now
        outputs = shown(node.parameters, node.artifacts)
        self.note(node, state=state, error=node.error, started=started, ended=now, outputs=outputs)
        node.frame.left -= 1
        self.turn.extend(node.following)
        if not node.frame.left:
            self.turn.append(node.frame)

    def cancel(self, why: str, state: State) -> None:
        """Ends all that has not ended."""
        now = time.time()
        for path, task in self.tasks.items():
            if task.state not in FINAL:
                self.tasks[path] = replace(task, state=State.CANCELLED, ended=now if task.started else 0.0)
        self.result = replace(self.result, state=state, ended=now, error=why)
        self.tell()

    def note(self, node: Node, **changes: Any) -> None:
        self.tasks[node.path] = replace(self.tasks[node.path], **changes)
        if "state" in changes:
            self.tell()

    def tell(self) -> None:
        self.result = replace(self.result, tasks=tuple(self.tasks.values()))
        self.watch(self.result)

    # What a task is given

    def gather(self, node: Node) -> tuple[dict[str, Any], dict[str, Any]]:
        """The inputs of a task: what it is given, else its defaults. What is missing is Absent, with its reason."""
        found: tuple[dict[str, Any], dict[str, Any]] = {}, {}
        for given in node.task.given:
            if not isinstance(given.source, spec.Constant):
                found[given.artifact][given.name] = part(self.input(node.frame, given), given)
        resolve = self.meaning(node, {"inputs": {"parameterValues": found[0]}})
        for given in node.task.given:
            if isinstance(given.source, spec.Constant):
                found[given.artifact][given.name] = spec.filled(json.loads(given.source.text), resolve)
        for each in node.task.definition.inputs:
            value = found[isinstance(each, Artifact)].get(each.name, Absent("it is not given"))
            if isinstance(each, Param) and each.default is not None and vacant(value):
                found[0][each.name] = spec.filled(json.loads(each.default), resolve)
        return found

    def input(self, frame: Frame, given: spec.Given) -> Any:
        match given.source:
            case FromInput(name=name):
                holder = frame.artifacts if given.artifact else frame.parameters
                return holder.get(name, Absent(f"{name.removeprefix('pipelinechannel--')} has no value"))
            case FromTask(task=task, name=name):
                producer = frame.nodes[task]
                value = (producer.artifacts if given.artifact else producer.parameters).get(name)
                if value is not None and producer.state in DONE:
                    return value
                if producer.state in DONE:
                    return Absent(f"{task} gave no {name.removeprefix('pipelinechannel--')}", fault=True)
                return Absent(f"{task} {'was skipped' if producer.state is State.SKIPPED else 'failed'}")
            case spec.Status(task=task):
                return self.status(frame.nodes[task])
        raise AssertionError(given)

    def status(self, node: Node) -> dict[str, Any]:
        """The final status of a task, as an exit task receives it; the code is google.rpc's FAILED_PRECONDITION."""
        status: dict[str, Any] = {
            "state": node.state.name,
            "pipelineJobResourceName": self.resource,
            "pipelineTaskName": node.task.name,
        }
        if node.state is State.FAILED:
            status["error"] = {"code": 9, "message": node.error}
        return status

    @property
    def resource(self) -> str:
        return f"projects/local/locations/local/pipelineJobs/{self.id}"

    def meaning(self, node: Node, request: Mapping[str, Any]) -> Callable[[str], str | None]:
        """What placeholders mean in a task."""
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.started))
        known = {
            ".pipeline_job_name": self.id,
            ".pipeline_job_resource_name": self.resource,
            ".pipeline_job_uuid": self.number,
            ".pipeline_task_name": node.task.name,
            ".pipeline_task_uuid": node.id,
            ".pipeline_root": str(self.folder),
            ".pipeline_job_create_time_utc": now,
            ".pipeline_job_schedule_time_utc": now,
        }
        values = request.get("inputs", {}).get("parameterValues", {})

        def resolve(inside: str) -> str | None:
            if isinstance(missing := values.get(spec.parameter(inside)), Absent):
                raise Unmet(f"a text that it is given needs a value: {missing.reason}")
            return known[inside] if inside in known else spec.looked_up(inside, request)

        return resolve

    def job(self, node: Node, body: Container | Foreign, parameters: dict[str, Any], artifacts: dict[str, Any]) -> Job:
        folder = attempted(self.folder / node.path, node.attempt)
        request = requested(node.task.definition, folder / "outputs", parameters, artifacts)
        job = Job(
            path=node.path,
            definition=node.task.definition,
            folder=folder,
            request=request,
            stub=standing_in(node.task, self.stubs),
        )
        if job.stub or isinstance(body, Foreign):
            return job
        resolve = self.meaning(node, request)
        given = frozenset([*request["inputs"]["parameterValues"], *request["inputs"]["artifacts"]])
        return replace(
            job,
            arguments=tuple(spec.filled(word, resolve) for word in spec.words(body.arguments, given)),
            source=None if body.embedded else self.source(body.function),
        )


def attempted(folder: Path, attempt: int) -> Path:
    """The folder of an attempt; within a group that runs again, one that is not there yet."""
    while attempt > 1 and (folder / f"attempt-{attempt}").exists() or attempt == 1 and folder.exists():
        attempt += 1
    return folder if attempt == 1 else folder / f"attempt-{attempt}"


def vacant(value: Any) -> bool:
    return isinstance(value, Absent) and not value.fault


def present(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if not isinstance(value, Absent)}


def compared(definition: Definition, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs of a condition. kfp calls the fields of items strings, and writes what they are compared with so."""
    strings = {each.name for each in definition.inputs if isinstance(each, Param) and each.kind is Kind.STRING}
    return {name: spec.text(value) if name in strings else value for name, value in present(parameters).items()}


def part(value: Any, given: spec.Given) -> Any:
    """The part of a value that is meant: `item.a`."""
    if isinstance(value, Absent) or not given.keys:
        return value
    try:
        value = json.loads(value) if isinstance(value, str) else value
        for key in given.keys:
            value = value[key]
    except (KeyError, IndexError, TypeError, ValueError):
        raise Unmet(f"{spec.brief(value)} has no {'.'.join(map(str, given.keys))}") from None
    return value


def items(
    loop: spec.Loop, parameters: dict[str, Any], artifacts: dict[str, Any]
) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """The inputs that each item of a loop adds."""
    if loop.artifact:
        found = artifacts.get(loop.over, Absent("it is not given"))
    else:
        found = (
            json.loads(loop.items) if loop.items is not None else parameters.get(loop.over, Absent("it is not given"))
        )
    if isinstance(found, Absent):
        raise Unmet(f"there is nothing to loop over: {found.reason}")
    if isinstance(found, str):
        found = spec.typed(found, Kind.LIST)
    if not isinstance(found, list):
        raise Unmet(f"{spec.brief(found)} is no list to loop over")
    for each in found:
        yield ({}, {loop.item: [each]}) if loop.artifact else ({loop.item: each}, {})


def shown(parameters: Mapping[str, Any], artifacts: Mapping[str, Any]) -> str:
    return json.dumps({**parameters, **artifacts})


# What a step is told, and what it answers


def requested(
    definition: Definition, outputs: Path, parameters: Mapping[str, Any], artifacts: Mapping[str, Any]
) -> dict[str, Any]:
    """The executor input of a step."""
    values, files = {}, {}
    for each in definition.inputs:
        value = (parameters if isinstance(each, Param) else artifacts).get(each.name, Absent("it is not given"))
        if value is None:
            value = Absent("it is null")
        if isinstance(value, Absent):
            if value.fault or not each.optional:
                raise Unmet(f"it needs {each.name}: {value.reason}")
        elif isinstance(each, Param):
            values[each.name] = typed(each, value)
        else:
            files[each.name] = {"artifacts": value}
    return {
        "inputs": {"parameterValues": values, "artifacts": files},
        "outputs": {
            "parameters": {
                each.name: {"outputFile": str(outputs / each.name)}
                for each in definition.outputs
                if isinstance(each, Param)
            },
            "artifacts": {
                each.name: {"artifacts": [planned(each, outputs)]}
                for each in definition.outputs
                if isinstance(each, Artifact)
            },
            "outputFile": str(outputs / "executor_output.json"),
        },
    }


def planned(artifact: Artifact, outputs: Path) -> dict[str, Any]:
    return {
        "name": artifact.name,
        "uri": str(outputs / artifact.name),
        "type": {"schemaTitle": artifact.title, "schemaVersion": artifact.version},
        "metadata": {},
    }


def typed(param: Param, value: Any) -> Any:
    try:
        return spec.typed(value, param.kind)
    except spec.Mistyped as fault:
        raise spec.Mistyped(f"{param.name}: {fault}") from None


def received(definition: Definition, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The output parameters that a step gave, as their kinds. To leave one out is a failure, as it is in Kubeflow."""
    declared = [each for each in definition.outputs if isinstance(each, Param)]
    for each in declared:
        if parameters.get(each.name) is None:
            raise Unmet(f"it ended without a value for its output {each.name}")
    return {each.name: typed(each, parameters[each.name]) for each in declared}


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


# Stubs


@dataclass(slots=True, kw_only=True)
class StubArtifact:
    """An artifact as a stub sees it: enough of kfp's own. A stub may change an output's `uri` and `metadata`."""

    name: str
    uri: str
    metadata: dict[str, Any]

    @property
    def path(self) -> str:
        return self.uri.replace("gs://", "/gcs/", 1) if self.uri.startswith("gs://") else self.uri


def stubbed(job: Job, stub: Stub) -> Outcome:
    """Calls a stub, in a thread, with the step's inputs and output artifacts by name; it returns the output parameters
    as a dict, or the value of the only one."""
    inputs, outputs = job.request["inputs"], job.request["outputs"]
    job.outputs.mkdir(parents=True, exist_ok=True)
    given = {name: list(map(seen, group["artifacts"])) for name, group in inputs["artifacts"].items()}
    many = {each.name for each in job.definition.inputs if isinstance(each, Artifact) and each.many}
    files = {name: several if name in many else several[0] for name, several in given.items()}
    made = {name: seen(group["artifacts"][0]) for name, group in outputs["artifacts"].items()}
    result = stub(**inputs["parameterValues"], **files, **made)
    if not isinstance(result, dict) or len(outputs["parameters"]) == 1 and not outputs["parameters"].keys() & result:
        result = dict.fromkeys(outputs["parameters"], result)
    return Outcome(
        parameters=json.loads(json.dumps(result, allow_nan=False)),
        artifacts={name: [{"uri": each.uri, "metadata": each.metadata}] for name, each in made.items()},
    )


def seen(artifact: Mapping[str, Any]) -> StubArtifact:
    return StubArtifact(name=artifact["name"], uri=artifact["uri"], metadata=dict(artifact["metadata"]))


# Processes

LAUNCH = """
import json, runpy, sys
try:
    import ctypes
    ctypes.CDLL(None).prctl(1, 9)
except (ImportError, OSError, AttributeError):
    pass
with open(sys.argv[1], encoding="utf-8") as file:
    sys.argv[1:] = json.load(file)
runpy.run_module("kfp.dsl.executor_main", run_name="__main__", alter_sys=True)
"""  # the arguments come in a file, for the executor input may be longer than an argument can be; on Linux the kernel
# kills the step when the thread that waits for it is gone, as when this process is killed

NOT_THEIRS = {"CLUSTER_SPEC", "MPLBACKEND"}  # what a notebook's or cluster's own environment would change in a step
MARK = "AUTOMLOPS_STEPS"  # in the environment of a step and of all that it starts, however deep


class Processes:
    """Steps as child processes. Leaving the context ends those that still run, and what they started."""

    def __init__(self, python: str) -> None:
        self.python = python
        self.mark = uuid.uuid4().hex
        self.count = itertools.count(1)
        self.lock = threading.Lock()
        self.live: dict[int, subprocess.Popen[bytes]] = {}
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
                live, threads = list(self.live.values()), list(self.threads)
            for process in live:
                end(process)
            for thread in threads:
                thread.join()

    def __call__(self, job: Job) -> Outcome:
        thread = threading.current_thread()
        with self.lock:
            if self.over:
                return Outcome(error="the run has ended")
            self.threads.add(thread)
        try:
            return self.attempt(job)
        finally:
            with self.lock:
                self.threads.discard(thread)

    def attempt(self, job: Job) -> Outcome:
        scratch = job.folder / "scratch"
        scratch.mkdir(parents=True)
        job.outputs.mkdir()
        arguments = ["--component_module_path", str(self.module(job, scratch)), *job.arguments]
        (job.folder / "input.json").write_text(json.dumps(arguments), encoding="utf-8")
        mark = f"{self.mark}-{next(self.count)}."
        try:
            code = self.carried_out(job, scratch, mark)
            return answer(job, scratch) if code == 0 else Outcome(error=reason(code, job))
        finally:
            shutil.rmtree(scratch, ignore_errors=True)

    def module(self, job: Job, scratch: Path) -> Path:
        """The file with the step's code: the codebase's own, or what the spec carries along."""
        if job.source is not None:
            return job.source.resolve()
        assert isinstance(job.definition.body, Container)
        path = scratch / "ephemeral_component.py"
        path.write_text(job.definition.body.embedded, encoding="utf-8")
        return path

    def carried_out(self, job: Job, scratch: Path, mark: str) -> int:
        """The exit code of the step's process, once it and all that it started have ended."""
        assert isinstance(job.definition.body, Container)
        environment = {name: value for name, value in os.environ.items() if name not in NOT_THEIRS}
        marks = environment.get(MARK, "") + mark
        environment |= {**dict(job.definition.body.env), **OURS, MARK: marks}
        with job.log.open("ab") as log, self.lock:
            if self.over:
                return -signal.SIGKILL
            process = subprocess.Popen(
                [self.python, "-u", "-c", LAUNCH, str(job.folder / "input.json")],
                cwd=scratch,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            self.live[process.pid] = process
        try:
            await_end(process, job.log)
            end(process)
            return process.wait()
        finally:
            with self.lock:
                del self.live[process.pid]
            end_strays(mark)
            cut(job.log, KEPT)


def await_end(process: subprocess.Popen[bytes], log: Path) -> None:
    """Returns when the process has ended, its number not free yet; meanwhile a log that grows for ever is cut."""
    try:
        handle = os.pidfd_open(process.pid)
    except (AttributeError, OSError):
        process.wait()
        return
    try:
        poll = select.poll()
        poll.register(handle, select.POLLIN)
        while not poll.poll(1000):
            cut(log, CUT_AT)
    finally:
        os.close(handle)


def end(process: subprocess.Popen[bytes]) -> None:
    """Kills a process with its group."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def end_strays(mark: str) -> None:
    """Kills the processes that carry the mark in their environment, until there are none."""
    for _ in range(1000):  # one that the kernel holds cannot be waited for
        if not [pid for pid in marked(mark) if killed(pid)]:
            return
        time.sleep(0.001)


def marked(mark: str) -> list[int]:
    word, found = mark.encode(), []
    for entry in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):
            if word in entry.read_bytes():
                found.append(int(entry.parent.name))
    return found


def killed(pid: int) -> bool:
    with suppress(OSError):
        os.kill(pid, signal.SIGKILL)
        return True
    return False


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
    said = json.loads(path.read_text(encoding="utf-8"), parse_constant=refused) if path.is_file() else {}
    assert isinstance(said, dict)
    return said


def refused(constant: str) -> None:
    """NaN and the infinities, which Python writes, are not JSON: the executor's output would not be read."""
    raise ValueError(f"what it gave holds {constant}, which cannot travel as JSON")


def from_file(param: Param, path: Path) -> Any:
    """An output parameter that was written to its OutputPath: text as it is, all else as JSON."""
    try:
        written = path.read_text(encoding="utf-8")
        match param.kind:
            case Kind.STRING:
                return written
            case Kind.BOOLEAN:
                return json.loads(written.lower())
        return json.loads(written, parse_constant=refused)
    except ValueError as fault:
        raise ValueError(f"the output {param.name} cannot be read as a {param.kind}: {fault}") from None


def settle_custom_paths(artifacts: Mapping[str, list[dict[str, Any]]], scratch: Path) -> None:
    """Copies an artifact that a step put at a `custom_path` to where its URI says, as its container's end would."""
    for artifact in (each for several in artifacts.values() for each in several):
        custom, uri = artifact.get("custom_path"), artifact.get("uri", "")
        if custom and "://" not in uri and (scratch / custom).exists() and not Path(uri).exists():
            Path(uri).parent.mkdir(parents=True, exist_ok=True)
            (shutil.copytree if (scratch / custom).is_dir() else shutil.copy2)(scratch / custom, uri)


def reason(code: int, job: Job) -> str:
    """Why a step failed: what it raised and where, else the end of its log."""
    how = f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
    with job.log.open("rb") as file:
        file.seek(-min(job.log.stat().st_size, 1 << 16), os.SEEK_END)
        lines = file.read().decode(errors="replace").splitlines()
    starts = [place for place, line in enumerate(lines) if line.startswith("Traceback (most recent call last)")]
    if code < 0 or not starts:
        return "\n".join([how, *lines[-10:]])
    frames = list(itertools.takewhile(lambda line: line.startswith("  "), lines[starts[-1] + 1 :]))
    places = [line.strip() for line in frames if line.startswith("  File ")]
    own = str(job.source.resolve()) if job.source else "ephemeral_component.py"
    where = [place for place in places if own in place] or places
    return "\n".join([*lines[starts[-1] + 1 + len(frames) :][:20], *where[-1:]])
