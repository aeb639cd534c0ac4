"""The story of rehearse(): the codebase on disk, compiled and run on this machine."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from . import api, engine, jupyter, runs
from .errors import BadInput, RunFailed
from .model import Fate, Problem, Run, State
from .timeline import Rehearsed, failure


def rehearse(
    pipeline_params: Mapping[str, Any] | None = None,
    *,
    notebook: str | os.PathLike[str] | None = None,
    pipeline: str | None = None,
    stubs: Mapping[str, Callable[..., Any]] | None = None,
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
        notebook: A notebook or script to read instead of the cells that ran.
        pipeline: The name of the pipeline to take, where the notebook has several.
        stubs: For steps that cannot run here, a function each by the step's name, called with the step's inputs.
        timeout: Seconds that the whole may take.
        **settings: As for generate().

    Returns:
        How it went, step by step, with outputs and logs; a notebook shows it as a table. A record of it stays in the
        codebase's .automlops/runs/, which is never committed.

    Raises:
        BadInput: with every fault at once, before anything runs.
        RunFailed: when a step failed; its `run` holds the states, inputs and logs.

    Example:
        AutoMLOps.rehearse(pipeline_params={"rows": 178, "depth": 3})
    """
    folder = api.folder_of(settings.get("output_dir"))
    warnings: tuple[Problem, ...] = ()
    if pipeline_params is not None or notebook is not None:
        done = api.from_call(
            None, pipeline_params, notebook=notebook, pipeline=pipeline, dry_run=False, settings=settings
        )
        warnings = done.warnings
    elif jupyter.shell() is not None:
        warnings = _behind(pipeline, settings)
    return rehearsed(folder, stubs=stubs or {}, timeout=timeout, warnings=warnings)


def _behind(pipeline: str | None, settings: Mapping[str, Any]) -> tuple[Problem, ...]:
    """What to say where the cells have moved on since the codebase was written."""
    try:
        done = api.from_call(None, None, notebook=None, pipeline=pipeline, dry_run=True, settings=settings)
    except BadInput:
        return ()  # this notebook holds no pipeline as it stands: the codebase is another's, or its own affair
    count = sum(change.fate in (Fate.CREATED, Fate.CHANGED, Fate.REMOVED) for change in done.changes)
    message = f"the cells changed since the codebase was generated: {count} files would be other ones"
    return (Problem(message=message, hint="call generate(), or give pipeline_params here"),) if count else ()


def rehearsed(
    folder: str,
    *,
    stubs: Mapping[str, Callable[..., Any]] = MappingProxyType({}),
    timeout: float | None = None,
    warnings: tuple[Problem, ...] = (),
) -> Rehearsed:
    """Compiles and runs a codebase, and remembers how it went."""
    pipeline = Path(folder, "pipelines", "pipeline.py")
    if not pipeline.is_file():
        hint = "give pipeline_params, or call generate() first"
        raise BadInput([Problem(message=f"{folder} holds no generated codebase", hint=hint)])
    values = api.values_of(folder)
    kept = runs.begun(folder)
    try:
        spec = engine.compiled(pipeline.resolve(), kept / "spec.json")
        run = engine.run(spec, values, folder=kept, source=_sources(folder), stubs=stubs, timeout=timeout)
    except BadInput:
        runs.dropped(kept)  # nothing ran, so there is nothing to remember
        raise
    runs.record(run)
    return _told(run, warnings)


def _told(run: Run, warnings: tuple[Problem, ...]) -> Rehearsed:
    if run.state is State.CANCELLED:
        raise KeyboardInterrupt
    if run.state is not State.SUCCEEDED:
        raise RunFailed(failure(run), run)
    return Rehearsed(**{name: getattr(run, name) for name in Run.__slots__}, warnings=warnings)


def _sources(folder: str) -> Callable[[str], Path | None]:
    """Where the code of a component is: in the shared image, or in one of its own."""

    def source(name: str) -> Path | None:
        places = (Path(folder, "components", image, "src", f"{name}.py") for image in ("component_base", name))
        return next((place.resolve() for place in places if place.is_file()), None)

    return source
