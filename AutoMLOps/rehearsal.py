"""The story of rehearse(): the codebase on disk, compiled and run on this machine."""

import difflib
import hashlib
import json
import os
import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache as once
from pathlib import Path
from types import MappingProxyType
from typing import Any

from . import (
    api,
    codebase,
    engine,
    environments,
    failures,
    graph,
    jupyter,
    live,
    processes,
    records,
    report,
    spec,
    standing,
)
from . import settings as settings_
from .cache import Cache
from .codebase import Codebase
from .errors import BadInput, RunFailed, StepFailed, WriteError
from .graph import Graph
from .model import Fate, Notebook, Problem, Run, State, TaskRun
from .nouns import named, noun
from .picture import html, svg
from .processes import Explain
from .read.google import reached_by
from .read.places import place
from .read.travel import short
from .timeline import REPORT, Rehearsed, failure

ENVIRONMENTS = ("kernel", "isolated")
LONGEST = 2_000_000  # seconds: Linux waits for a process in milliseconds, of which it takes 31 bits
OWN = ("parameters", "pipeline_params", "notebook", "pipeline", "stubs", "cache", "environment", "timeout")
MISSING = re.compile(r"ModuleNotFoundError: No module named '([^'.]+)")


def rehearse(
    pipeline_params: Mapping[str, Any] | None = None,
    *,
    parameters: Mapping[str, Any] | None = None,
    notebook: str | os.PathLike[str] | None = None,
    pipeline: str | None = None,
    stubs: Mapping[str, Callable[..., Any]] | None = None,
    cache: bool = False,
    environment: str = "kernel",
    timeout: float | None = None,
    **settings: Any,
) -> Rehearsed:
    """Runs the pipeline on this machine: no account, no cloud, no container.

    With pipeline_params (or a notebook) it generates the codebase first, and keeps your edits as generate() does. With
    neither, it runs the codebase as it stands. What runs is what Vertex AI would be given: the component sources on
    disk and the spec that pipelines/pipeline.py compiles, each step in a process of its own, side by side where they
    do not wait for each other.

    Args:
        pipeline_params: A value for each parameter of the pipeline; those of the last time if left out.
        parameters: Other values for some of them, for this run alone; nothing is generated.
        notebook: A notebook, script or compiled pipeline to read instead of the cells that ran.
        pipeline: The name of the pipeline to take, where the notebook has several.
        stubs: For steps that cannot run here, a function each by the step's name, called with the step's inputs and
            output artifacts: `{"deploy_model": lambda model: None}`.
        cache: True takes over from earlier runs the result of each step whose code, inputs and requirements are
            what they were.
        environment: "kernel" runs the steps with the packages of this Python; "isolated" builds an environment with
            the generated requirements alone, once, and proves that they suffice.
        timeout: Seconds that the whole may take.
        **settings: As for generate().

    Returns:
        How it went: `state`, and `tasks`, each with its state, inputs, outputs and log; a notebook shows it as a
        picture and a table. `report` is the path of a page with all of it. A record of it stays in the codebase's
        .automlops/runs/, which is never committed.

    Raises:
        BadInput: with every fault at once, before anything runs.
        RunFailed: when a step failed; its `run` holds the states, inputs and logs, its cause the step's traceback.

    Example:
        AutoMLOps.rehearse(pipeline_params={"rows": 178, "depth": 3})
        AutoMLOps.rehearse(parameters={"depth": 5}, cache=True)
    """
    generating = pipeline_params is not None or notebook is not None
    folder = (api.folder_of if generating else standing.folder)(settings.get("output_dir"))
    wishes = Wishes(
        parameters={} if parameters is None else parameters,
        stubs={} if stubs is None else stubs,
        cache=cache,
        environment=environment,
        timeout=timeout,
    )
    problems = [*_faults(wishes), *_idle(settings, generating)]
    if problems:
        raise BadInput(problems)
    warnings: tuple[Problem, ...] = ()
    if generating:
        done = api.from_call(
            None, pipeline_params, notebook=notebook, pipeline=pipeline, dry_run=False, settings=settings
        )
        warnings = done.warnings
    elif api.from_cells():
        warnings = _behind(pipeline, folder)
    result = rehearsed(folder, wishes, warnings=warnings, cells=_cells(notebook))
    if jupyter.shell() is None:
        print(result)  # a script that calls this has no cell to show the result in
    return result


def _idle(settings: Mapping[str, Any], generating: bool) -> Iterator[Problem]:
    """Words that have no effect: settings where nothing is generated, and slips in this call's own."""
    known = {name for _, rows in settings_.table(settings_.Settings()) for name, _, _ in rows}
    for name in settings:
        meant = difflib.get_close_matches(name, OWN, 1, 0.8)
        if meant and name not in known:
            yield Problem(message=f"rehearse() has no {name}", hint=f"did you mean {meant[0]}?")
        elif not generating and name != "output_dir":
            hint = "give pipeline_params or notebook as well; the codebase's own settings are in its configs"
            yield Problem(message=f"{name} is for generating, and nothing is generated here", hint=hint)


def _behind(pipeline: str | None, folder: str) -> tuple[Problem, ...]:
    """What to say where the cells have moved on since the codebase was written."""
    try:
        output = {"output_dir": folder}
        done = api.from_call(None, None, notebook=None, pipeline=pipeline, dry_run=True, settings=output)
    except BadInput:
        return ()  # this notebook holds no pipeline as it stands: the codebase is another's, or its own affair
    count = sum(change.fate in (Fate.CREATED, Fate.CHANGED, Fate.REMOVED) for change in done.changes)
    message = f"the cells changed since the codebase was generated: {count} files would be other ones"
    return (Problem(message=message, hint="call generate(), or give pipeline_params here"),) if count else ()


def _cells(notebook: str | os.PathLike[str] | None) -> Notebook | None:
    """The cells that a failing line may be from; none where the call came from no notebook."""
    try:
        return api.source(notebook)
    except BadInput:
        return None


@noun
class Wishes:
    """What is asked of a rehearsal."""

    parameters: Mapping[str, Any] = MappingProxyType({})
    stubs: Mapping[str, Callable[..., Any]] = MappingProxyType({})
    cache: bool = False
    environment: str = "kernel"
    timeout: float | None = None


def _faults(wishes: Wishes) -> Iterator[Problem]:
    for name in ("parameters", "stubs"):
        given = getattr(wishes, name)
        if not isinstance(given, Mapping) or not all(isinstance(key, str) for key in given):
            yield Problem(message=f"{name} is {short(given)}, not a dict by name", hint=f'write {name}={{"name": ...}}')
    if wishes.environment not in ENVIRONMENTS:
        hint = f"write one of {', '.join(map(repr, ENVIRONMENTS))}"
        yield Problem(message=f"environment is {short(wishes.environment)}", hint=hint)
    timeout = wishes.timeout
    if timeout is not None and (type(timeout) not in (int, float) or not 0 < timeout <= LONGEST):
        yield Problem(message=f"timeout is {short(timeout)}", hint=f"write a number of seconds, {LONGEST} at most")


def rehearsed(
    folder: str, wishes: Wishes, *, warnings: tuple[Problem, ...] = (), cells: Notebook | None = None
) -> Rehearsed:
    """Compiles and runs a codebase, and remembers how it went."""
    began = time.monotonic()
    if not Path(folder, codebase.PIPELINE).is_file():
        hint = "give pipeline_params, or call generate() first"
        raise BadInput([Problem(message=f"{folder} holds no generated codebase", hint=hint)])
    if problems := [*_faults(wishes)]:
        raise BadInput(problems, "nothing ran")
    values = {**api.values_of(folder), **wishes.parameters}
    earlier = records.recorded(folder) if wishes.cache else ()
    try:
        kept = records.begun(folder)
    except OSError as error:
        raise WriteError(f"the record of a run cannot be written to {folder}: {error}") from error
    try:
        document = _compiled(folder, kept, earlier, wishes.timeout)
        compiled, code = spec.read(document), codebase.read(folder)
        python = _isolated(code) if wishes.environment == "isolated" else lambda function: sys.executable
        texts = _keep_code(compiled, code, kept)
        warnings = (*warnings, *_reaching(compiled, code, wishes.stubs), *environments.differences(code.images))
        drawn = graph.of_spec(compiled)
        view = live.view(drawn, warnings)
        with records.Recorder(kept) as recorder:

            def watch(news: Run | TaskRun) -> None:
                recorder(news)
                view(news)

            try:
                run = engine.run(
                    document,
                    values,
                    folder=kept,
                    source=_unchanged(code, texts),
                    python=python,
                    stubs=wishes.stubs,
                    cache=Cache(earlier, _surroundings(code, python), recall=wishes.cache),
                    explain=_explain(code, cells, wishes.environment == "isolated"),
                    timeout=wishes.timeout,
                    since=began,
                    watch=watch,
                )
            finally:
                view.close()
    except BadInput as error:
        raise BadInput(error.problems, "nothing ran") from None
    finally:
        if not (kept / records.RECORD).is_file() or not (kept / records.RECORD).stat().st_size:
            records.dropped(kept)  # nothing ran, so there is nothing to remember
    if recorder.fault:
        warnings = (*warnings, Problem(message=f"the record of this run is not whole: {recorder.fault}"))
    return _told(run, drawn, warnings, folder)


def _unchanged(code: Codebase, texts: Mapping[str, str]) -> Callable[[str], Path | None]:
    """The source of a component, while it says what it said when the run began: the record tells no other."""

    def source(function: str) -> Path | None:
        path = code.source(function)
        if path and function in texts and path.read_text(encoding="utf-8") != texts[function]:
            raise engine.Unmet(f"{path} was changed while the run went on: rehearse again")
        return path

    return source


def _compiled(folder: str, kept: Path, earlier: Iterable[Run], timeout: float | None) -> Mapping[str, Any]:
    """The compiled spec; an earlier run's, where that may be taken and nothing it is made of has changed."""
    key, target = _ingredients(folder), kept / "spec.json"
    records.put(kept / "spec.key", key)
    for run in earlier:
        before = Path(run.folder)
        if (before / "spec.key").is_file() and (before / "spec.key").read_text() == key:
            records.put(target, (before / "spec.json").read_text(encoding="utf-8"))
            found: Mapping[str, Any] = json.loads(target.read_text(encoding="utf-8"))
            return found
    return processes.compiled(Path(folder, codebase.PIPELINE).resolve(), target, timeout)


def _ingredients(folder: str) -> str:
    """A hash of all that a compiled spec is made of."""
    files = [
        path
        for part in ("pipelines", codebase.COMPONENTS, "configs")
        for path in sorted(Path(folder, part).rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    ]
    told = [sys.executable, str(environments.installed("kfp"))]
    for path in files:
        told += [path.relative_to(folder).as_posix(), hashlib.sha256(path.read_bytes()).hexdigest()]
    return hashlib.sha256("\0".join(told).encode()).hexdigest()


def _reaching(compiled: spec.Compiled, code: Codebase, stubs: Mapping[str, Callable[..., Any]]) -> Iterator[Problem]:
    """The steps that reach Google services, to be named before they do."""
    for path, task in spec.walk(compiled.root):
        body = task.definition.body
        if not isinstance(body, spec.Container) or engine.standing_in(task, engine.by_slug(stubs)):
            continue
        source = None if body.embedded else code.source(body.function)
        found = reached_by(source.read_text(encoding="utf-8") if source else body.embedded)
        if found:
            message = f"{path.partition('/')[2]} reaches Google, with your credentials: {', '.join(found)}"
            yield Problem(message=message, hint=f"stubs={{{body.function or task.name!r}: ...}} stands in for it")


def _isolated(code: Codebase) -> Callable[[str], str]:
    """The interpreter for each component: of an environment with its image's requirements, and nothing else."""

    def say(words: str) -> None:
        print(words, file=sys.stderr, flush=True)

    built = {image.name: environments.built(image, code.folder, say) for image in code.images}

    def python(function: str) -> str:
        image = code.image(function)
        return built[image.name] if image else sys.executable

    return python


def _surroundings(code: Codebase, python: Callable[[str], str]) -> Callable[[str], str]:
    """What the result of a component hangs on besides its code and its inputs."""

    @once
    def surroundings(function: str) -> str:
        image, runs_in = code.image(function), python(function)
        requirements = image.requirements if image else ""
        versions = environments.versions(requirements) if runs_in == sys.executable else ["isolated"]
        return json.dumps([sys.version, requirements, versions, code.beside(function)])

    return surroundings


def _explain(code: Codebase, cells: Notebook | None, isolated: bool) -> Explain:
    """What more there is to say of a failure: where the user wrote the line; what is not installed, and why."""

    def explain(function: str, line: int, said: str) -> str:
        source, image = code.source(function), code.image(function)
        lines = []
        text = source.read_text(encoding="utf-8") if source and line else ""
        found = place(cells, text, line) if cells and text else None
        if found:
            cell, number = found
            lines.append(f"{cell.label}, line {number}: {text.splitlines()[line - 1].strip()}")
        missing = MISSING.match(said)
        if missing and image:
            lines.append(_missing(missing[1], image.name, isolated))
        return "\n".join(lines)

    return explain


def _missing(module: str, image: str, isolated: bool) -> str:
    if isolated:
        mend = f"list it, packages_to_install=[{module!r}], or import it where generate() sees it"
        return f"{module} is not in components/{image}/requirements.txt: {mend}"
    return f"{module} is not installed in this environment: install it, or rehearse with environment='isolated'"


def _keep_code(compiled: spec.Compiled, code: Codebase, kept: Path) -> dict[str, str]:
    """Copies of what will run, so that the record stays true when the codebase moves on; the sources by function."""
    texts = {}
    for _, task in spec.walk(compiled.root):
        body = task.definition.body
        if not isinstance(body, spec.Container):
            continue
        source = None if body.embedded else code.source(body.function)
        image = code.image(body.function) if source else None
        text = source.read_text(encoding="utf-8") if source else body.embedded
        if source:
            texts[body.function] = text
        if text:
            records.put(kept / "code" / f"{task.definition.name}.py", text)
        if image:
            records.put(kept / "code" / f"{task.definition.name}.txt", image.requirements)
    return texts


def _told(run: Run, drawn: Graph, warnings: tuple[Problem, ...], folder: str) -> Rehearsed:
    try:
        records.put(Path(run.folder, REPORT), report.page(run, svg(drawn, run.tasks), report.evidence(run), warnings))
    except OSError as error:
        warnings = (*warnings, Problem(message=f"the report could not be written: {error}"))
    records.pruned(folder)
    if run.state is State.CANCELLED:
        raise KeyboardInterrupt
    if run.state is not State.SUCCEEDED:
        raise RunFailed(failure(run), run) from _cause(run)
    picture = html(drawn, run.tasks) if jupyter.shell() is None else ""  # else it stands under the cell already
    return Rehearsed(**named(run), warnings=warnings, picture=picture)


def _cause(run: Run) -> StepFailed | None:
    """The traceback of the first step that failed."""
    failed = sorted(
        (task for task in run.tasks if task.state is State.FAILED and task.log), key=lambda task: task.ended
    )
    for task in failed:
        found = failures.raised(failures.plain(processes.ending(Path(task.log))).split("\n"))
        if found:
            lines = map(failures.short, [*found.chain, *found.said[:200]])
            return StepFailed("\n".join([f"in the step {task.name}", *lines]))
    return None
