"""Runs a compiled pipeline on this machine: whose turn it is, what each step is given, what became of it.

What Vertex AI documents is followed: a task runs once all before it succeeded, or ended where its trigger says so; a
failure stops only what waits for it; every number of the spec that is whole arrives as an int. What a run leaves, for
each task under its path:

    <path>/input.json    what kfp's executor was given
    <path>/log.txt       what the step printed (the middle of a very long log is cut)
    <path>/outputs/      its artifacts, parameters and executor_output.json
    <path>/attempt-2/    the same for a second attempt
"""

import heapq
import itertools
import json
import os
import queue
import re
import sys
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

from AutoMLOps import spec
from AutoMLOps.cache import Cache
from AutoMLOps.errors import BadInput
from AutoMLOps.model import Artifact, Kind, Param, Problem, Run, State, TaskRun, slug
from AutoMLOps.processes import Explain, Job, Outcome, Processes, Runner, planned, produced
from AutoMLOps.read import travel
from AutoMLOps.spec import Container, Dag, Definition, Foreign, FromInput, FromTask, Importer, Retry, Task
from AutoMLOps.stubs import Stub, stubbed

WAS = {State.SKIPPED: "was skipped", State.FAILED: "failed"}
BEAT = 1.0  # seconds after which a watcher hears of the run although nothing happened

Source = Callable[[str], Path | None]
Watch = Callable[[Run | TaskRun], None]


@dataclass(frozen=True, slots=True)
class Absent:
    """No value, and why. With `fault` no default may stand in for it: a task succeeded without giving it."""

    reason: str
    fault: bool = False


class Unmet(Exception):
    """Why a task cannot start though its turn has come."""


# The story


def run(
    document: Mapping[str, Any],
    values: Mapping[str, Any],
    *,
    folder: Path,
    source: Source = lambda function: None,
    python: Callable[[str], str] = lambda function: sys.executable,
    parallel: int | None = None,
    timeout: float | None = None,
    since: float | None = None,
    watch: Watch = lambda news: None,
    stubs: Mapping[str, Stub] = MappingProxyType({}),
    cache: Cache | None = None,
    explain: Explain = lambda function, line, said: "",
    pause: Callable[[Retry, int], float] = Retry.seconds,
    runner: Runner | None = None,
) -> Run:
    """Runs a compiled PipelineSpec with these parameter values, and says how it went.

    `source` names the file of a component's function and `python` the interpreter that runs it; `parallel` steps run
    side by side, as many as there are cores unless told; a `timeout` in seconds is for the whole, which began at
    `since` on the monotonic clock. `watch` is told of the run as it begins, every second, and as it ends, and of each
    task that changes. `stubs` stand in for tasks, by name; `cache` may know what a step comes to; `explain` says more
    of a failure; `pause` is what a retry waits. Ctrl-C ends every process and gives a run that says CANCELLED. Raises
    BadInput before anything runs where the spec, the values or a step cannot be run here.
    """
    compiled = spec.read(document)
    stubs = by_slug(stubs)
    problems = [*misfits(compiled.root, values), *misplaced(compiled.root, stubs)]
    if runner is None:
        hindered = hindered_in(compiled.root, source, stubs)
        problems += [
            Problem(
                message=f"{task} cannot run here: it {why}",
                hint=f"stubs={{{task.rpartition('/')[2]!r}: ...}} stands in for it",
            )
            for task, why in hindered
        ]
    if problems:
        raise BadInput(problems)
    processes = Processes(python, explain, str(folder))
    runner = runner or processes
    runner = partial(cache.through, runner) if cache else runner
    play = Play(compiled, folder.resolve(), source, runner, parallel or cores(), watch, stubs, pause)
    with processes:
        return play.through(values, timeout, time.monotonic() if since is None else since)


def unrunnable(
    document: Mapping[str, Any], source: Source, stubs: Mapping[str, Stub] = MappingProxyType({})
) -> tuple[tuple[str, str], ...]:
    """The tasks that need more than this machine's Python, each with the reason, before anything runs."""
    return tuple(hindered_in(spec.read(document).root, source, by_slug(stubs)))


def hindered_in(root: Definition, source: Source, stubs: Mapping[str, Stub]) -> Iterator[tuple[str, str]]:
    for path, task in spec.walk(root):
        reason = hindrance(task.definition, source) if standing_in(task, stubs) is None else ""
        if reason:
            yield path, reason


def by_slug(stubs: Mapping[str, Stub]) -> dict[str, Stub]:
    """Stubs by the names of their steps as kfp writes them: deploy_model and deploy-model are one."""
    return {slug(name): stub for name, stub in stubs.items()}


def standing_in(task: Task, stubs: Mapping[str, Stub]) -> Stub | None:
    """The stub of a task, by any of its names; the stubs are by slug."""
    return next((stubs[name] for name in names(task) if name in stubs), None)


def names(task: Task) -> Iterator[str]:
    """What a user may call a task: as the spec does, as it is shown, or as its component is called, all as slugs; kfp
    numbers the tasks of a component that is used again, as in train-2."""
    body = task.definition.body
    yield slug(task.name)
    yield slug(task.title)
    yield re.sub(r"-\d+$", "", slug(task.name))
    yield slug(body.function if isinstance(body, Container) and body.function else task.definition.name)


def misplaced(root: Definition, stubs: Mapping[str, Stub]) -> Iterator[Problem]:
    """The stubs that stand in for no step, or are no functions."""
    steps = [task for _, task in spec.walk(root) if not isinstance(task.definition.body, Dag)]
    known = {name for task in steps for name in names(task)}
    for name, stub in stubs.items():
        if name not in known:
            there = ", ".join(dict.fromkeys(task.name for task in steps))
            yield Problem(message=f"stubs has {name}, which is no step", hint=f"the steps are {there}")
        elif not callable(stub):
            yield Problem(message=f"the stub of {name} is {stub!r}, not a function")


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
        elif unfit := travel.stays(value):
            yield Problem(message=f"the parameter {name} {unfit.why}", hint=unfit.mend)
        elif value is not None and misfit(value, param):
            yield Problem(message=f"the parameter {name} is {spec.brief(value)}, which is not a {param.kind}")
    for each in root.inputs:
        if isinstance(each, Artifact) and not each.optional:
            yield Problem(message=f"the pipeline takes the artifact {each.name}, which cannot be given here")


def misfit(value: Any, param: Param) -> bool:
    """A value given for a pipeline's parameter is taken as it is: text is not read as a number."""
    try:
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

    def through(self, values: Mapping[str, Any], timeout: float | None, since: float) -> Run:
        deadline = None if timeout is None else since + timeout
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
        self.result = replace(self.result, parameters=json.dumps(parameters))
        self.watch(self.result)
        self.unfold(self.frame("root", root.body, parameters, {}, None))

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
        patience = max(0.0, min(moments) - time.monotonic()) if moments else BEAT
        try:
            self.finish(*self.ended.get(timeout=min(patience, BEAT)))
        except queue.Empty:
            if deadline is not None and time.monotonic() >= deadline:
                raise Late from None
            self.tell()
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

    def unfold(self, frame: Frame) -> None:
        for node in frame.nodes.values():
            self.tasks[node.path] = TaskRun(
                path=node.path,
                name=node.task.title,
                component=node.task.definition.name,
                group=isinstance(node.task.definition.body, Dag),
            )
            self.watch(self.tasks[node.path])
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
            self.unfold(node.waiting.popleft())
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
        if node.state is not State.WAITING or not all(each.state.over for each in reversed(before)):
            return
        missed = [each for each in before if not each.state.good]
        if missed and not node.task.always:
            node.error = ", ".join(f"{each.task.title} {WAS[each.state]}" for each in missed)
            self.settle(node, State.SKIPPED)
        else:
            self.begin(node)

    def begin(self, node: Node) -> None:
        node.attempt += 1
        try:
            parameters, artifacts = self.gather(node)
            condition = node.task.condition
            if condition is not None and not spec.truth(condition, compared(node.task.definition, parameters)):
                node.error = "its condition was not met"
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
            self.unfold(frame)

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
            log = outcome.log or self.tasks[node.path].log
            self.note(node, key=outcome.key, digest=outcome.digest, cached=outcome.cached, log=log)
            self.settle(node, State.CACHED if outcome.cached else State.SUCCEEDED)

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
        if state.good:
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
            if not task.state.over:
                self.tasks[path] = replace(task, state=State.CANCELLED, ended=now if task.started else 0.0)
                self.watch(self.tasks[path])
        self.result = replace(self.result, state=state, ended=now, error=why)
        self.tell()

    def note(self, node: Node, **changes: Any) -> None:
        self.tasks[node.path] = replace(self.tasks[node.path], **changes)
        if "state" in changes:
            self.watch(self.tasks[node.path])

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
                if value is not None and producer.state.good:
                    return value
                if producer.state.good:
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
            cacheable=node.task.cacheable,
            cache_key=node.task.cache_key,
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
