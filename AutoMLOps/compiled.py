"""Reads a pipeline that was compiled elsewhere, by kfp or TFX: its spec is the source of the codebase."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from . import cloud, spec
from .model import Given, Notebook, Param, Pipeline, Problem, slug
from .nouns import replace
from .read.cells import COMPILED
from .read.closure import Owner
from .read.google import reached_by
from .read.pipeline import LONGEST_NAME, Reading, fitting
from .read.requirements import tools

AGAIN = "compile it again with kfp 2 or TFX 1"


def is_meant(source: Notebook) -> bool:
    """Whether a file is a compiled pipeline, by the ending of its name."""
    return source.name.lower().endswith(COMPILED)


def pipeline(source: Notebook, values: Mapping[str, object] | None, which: str | None = None) -> Reading:
    """The pipeline of a compiled spec, with every fault in it; what cannot be known of it is a warning.

    Without values none is demanded, as in reading a notebook.
    """
    text = source.cells[0].text
    document, problems, warnings = _document(source.name, text)
    found = problems or list(_faults(source.name, document))
    if found:
        return Reading(pipeline=None, problems=tuple(found), warnings=tuple(warnings))
    inner, config = document.get("pipelineSpec", document), document.get("runtimeConfig", {})
    judged, problems = _judged(source.name, inner)
    if judged is None:
        return Reading(pipeline=None, problems=tuple(problems), warnings=tuple(warnings))
    name = slug(judged.compiled.name)
    problems += _named(source.name, judged.compiled.name, which)
    parameters = {each.name: each for each in _parameters(inner)}
    owner = Owner(f"pipeline `{name}`", source.name, 0)
    given = {**_configured(config), **(values or {})}
    fitted = () if values is None else fitting(owner, parameters, given, problems)
    told = _told(text, inner, judged.compiled)
    return Reading(
        pipeline=None
        if problems
        else Pipeline(
            name=name,
            title=judged.compiled.name,
            function="",
            body="",
            description=str(inner["pipelineInfo"].get("description", "")),
            parameters=tuple(parameters.values()),
            values=fitted,
            tools=tuple(line for line in tools() if not re.match(r"kfp(?![\w.-])", line)),
            notebook=source.name,
            given=told,
        ),
        problems=tuple(problems),
        warnings=(*warnings, *_roots(inner, config), *_limits(judged), *_unseen(told)),
    )


# ------------------------------------------------------------------------------- the document


def _parsed(name: str, text: str) -> list[Any]:
    """The documents of a file: of JSON always one."""
    if name.lower().endswith(".json"):
        return [json.loads(text)]
    import yaml  # nothing else of generate() reads YAML

    return list(yaml.load_all(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)))  # noqa: S506 - safe, in C


def _document(name: str, text: str) -> tuple[Any, list[Problem], list[Problem]]:
    """What a file holds, what is wrong with that, and what is left out of it."""
    try:
        first, *others = _parsed(name, text) or [None]
        json.dumps([first, *others])
    except Exception as error:  # PyYAML and json have no common class for what they raise
        said = " ".join(str(error).split())
        return None, [Problem(message=f"{name} cannot be read: {said}", hint=AGAIN)], []
    if all(isinstance(each, dict) and each.keys() == {"platforms"} for each in others):
        names = ", ".join(sorted(platform for each in others for platform in each["platforms"]))
        message = f"what {name} says for {names} alone is left out: Vertex AI and rehearse() know nothing of it"
        return first, [], [Problem(message=message)] if others else []
    message = f"{name} holds {1 + len(others)} documents, and a pipeline is one"
    return None, [Problem(message=message, hint="give each pipeline a file, and a codebase, of its own")], []


def _faults(name: str, document: Any) -> Iterator[Problem]:
    """What is wrong with the shape of a document; nothing that only running it could tell."""

    def fault(message: str, hint: str = AGAIN) -> Problem:
        return Problem(message=f"{name} {message}", hint=hint)

    match document:
        case {"kind": "Workflow"}:
            yield fault("is a workflow of Argo, as kfp 1 compiled pipelines")
            return
        case {"implementation": _}:
            yield fault("is a component, not a pipeline", "call it in a pipeline, and compile that")
            return
        case {"pipelineSpec": dict(inner)} | ({"root": _} as inner) | ({"pipelineInfo": _} as inner):
            pass
        case _:
            yield fault("is no compiled pipeline", "kfp's compiler, or TFX's KubeflowV2DagRunner, writes one")
            return
    version = inner.get("schemaVersion")
    if not isinstance(version, str) or not re.fullmatch(r"2\.\d+\.\d+", version):
        yield fault(f"has the schemaVersion {version!r}, not 2.x")
        return
    yield from (fault(message) for message in _broken(inner))


def _broken(inner: Mapping[str, Any]) -> Iterator[str]:
    """The parts of a spec that are not there, or are not what they should be."""
    root, components = inner.get("root"), inner.get("components", {})
    executors = inner.get("deploymentSpec", {}).get("executors") if isinstance(inner.get("deploymentSpec"), dict) else 0
    if not isinstance(inner.get("pipelineInfo"), dict) or not isinstance(inner["pipelineInfo"].get("name"), str):
        yield "has no pipelineInfo with a name"
    if not isinstance(components, dict) or not isinstance(executors, dict):
        yield "has no components, or no deploymentSpec with executors"
    elif not isinstance(root, dict) or not _tasks(root):
        yield "has no root with tasks"
    else:
        for name, section in (("root", root), *components.items()):
            yield from _component(name, section, components, executors)
        for label, executor in executors.items():
            yield from _executor(label, executor)
        if ring := _ring("root", {"root": root, **components}, ()):
            yield f"has components that hold each other: {', '.join(ring)}"


def _tasks(section: Any) -> Mapping[str, Any]:
    """The tasks of a component that is a DAG."""
    match section:
        case {"dag": {"tasks": dict(tasks)}}:
            return tasks
    return {}


def _component(name: str, section: Any, components: Mapping[str, Any], executors: Mapping[str, Any]) -> Iterator[str]:
    if not isinstance(section, dict):
        yield f"has the component {name}, which is no mapping"
    elif "dag" in section:
        for task, said in _tasks(section).items():
            match said:
                case {"componentRef": {"name": str(wanted)}} if wanted in components:
                    continue
                case {"componentRef": {"name": str(wanted)}}:
                    yield f"has the task {task} of the component {wanted}, which is not there"
                case _:
                    yield f"has the task {task}, which names no component"
    elif section.get("executorLabel") not in executors:
        yield f"has the component {name}, which nothing executes"


def _executor(label: str, executor: Any) -> Iterator[str]:
    match executor:
        case {"container": {"image": str(image), **rest}} if image.strip():
            lists = (rest.get("command", []), rest.get("args", []))
            if not all(isinstance(each, list) and all(isinstance(word, str) for word in each) for each in lists):
                yield f"has the executor {label}, whose command or args are no list of text"
        case {"container": _}:
            yield f"has the executor {label}, whose container has no image"
        case dict() if executor:
            return
        case _:
            yield f"has the executor {label}, which says nothing"


def _ring(name: str, components: Mapping[str, Any], within: tuple[str, ...]) -> tuple[str, ...]:
    """Components each of which stands in the one before, and the first in the last."""
    if name in within:
        return within[within.index(name) :]
    names = {task["componentRef"]["name"] for task in _tasks(components.get(name)).values() if _names_one(task)}
    return next((ring for each in sorted(names) if (ring := _ring(each, components, (*within, name)))), ())


def _names_one(task: Any) -> bool:
    return isinstance(task, dict) and isinstance(task.get("componentRef"), dict) and "name" in task["componentRef"]


def _judged(name: str, inner: Mapping[str, Any]) -> tuple[spec.Judged | None, list[Problem]]:
    """The spec as values, with what refers to nothing in it."""
    try:
        judged = spec.judged(inner)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        message = f"{name} has a part that is not as kfp and TFX write it: {type(error).__name__}, {error}"
        return None, [Problem(message=message, hint=AGAIN)]
    found = [replace(each, message=f"{name}: {each.message}") for each in judged.faults]
    return judged, found


# ------------------------------------------------------------------------------- what it says of itself


def _named(name: str, title: str, which: str | None) -> Iterator[Problem]:
    clean = slug(title)
    if not clean[:1].isalpha() or len(clean) > LONGEST_NAME:
        hint = f"Vertex AI wants a letter first, then letters, digits and dashes, {LONGEST_NAME} at most"
        yield Problem(message=f"{name}: the pipeline's name cleans to `{clean}`", hint=hint)
    if which is not None and which not in (title, clean):
        yield Problem(message=f"there is no pipeline `{which}`", hint=f"{name} is `{title}`")


def _parameters(inner: Mapping[str, Any]) -> Iterator[Param]:
    """What a run takes; a parameter with a default may be left out."""
    section = inner["root"].get("inputDefinitions", {})
    told = section.get("parameters", {})
    for each in spec.declared({"parameters": told}):
        assert isinstance(each, Param)  # noqa: S101 - no artifacts were handed in
        description = str(told[each.name].get("description", ""))
        yield replace(each, optional=each.optional or each.default is not None, description=description)


def _configured(config: Mapping[str, Any]) -> dict[str, object]:
    """The values that a PipelineJob brings along, in the words of its schema or of the one before."""
    older = {name: spec.constant(value) for name, value in config.get("parameters", {}).items()}
    return {**older, **{name: spec.whole(value) for name, value in config.get("parameterValues", {}).items()}}


def _roots(inner: Mapping[str, Any], config: Mapping[str, Any]) -> Iterator[Problem]:
    root = config.get("gcsOutputDirectory") or inner.get("defaultPipelineRoot")
    if root:
        yield Problem(message=f"its own pipeline root, {root}, gives way to the pipeline's bucket")


def _limits(judged: spec.Judged) -> Iterator[Problem]:
    """What Vertex AI may well run, and this machine cannot."""
    for each in judged.limits:
        yield Problem(message=f"rehearse() cannot run it: {each.message}")
    foreign = [
        f"{task.name} {task.definition.body.reason}"
        for _, task in spec.walk(judged.compiled.root)
        if isinstance(task.definition.body, spec.Foreign)
    ]
    if foreign:
        yield Problem(message=f"rehearse() cannot run all of it: {', '.join(foreign)}")


# ------------------------------------------------------------------------------- what its steps are seen to use

PREBUILT = "google_cloud_pipeline_components.container"
JOBS = re.compile("custom_job|batch_prediction|hyperparameter|automl|deploy_model|remote_runner")


def _told(text: str, inner: Mapping[str, Any], compiled: spec.Compiled) -> Given:
    """The spec as it was given, and what can be seen of its steps."""
    steps = {task.name: task.definition.body for _, task in spec.walk(compiled.root)}
    containers = {name: body for name, body in steps.items() if isinstance(body, spec.Container)}
    seen = {name: _used(body) for name, body in containers.items()}
    return Given(
        text=text,
        spec=json.dumps(inner),
        steps=tuple((name, body.image) for name, body in containers.items()),
        uses=tuple(sorted({each for uses in seen.values() for each in uses or ()})),
        unseen=tuple(name for name, uses in seen.items() if uses is None),
    )


def _used(container: spec.Container) -> set[str] | None:
    """What a step uses beyond the bucket, by the code in its command; None where that holds no code."""
    if container.embedded:
        return set(cloud.used(reached_by(container.embedded), container.embedded))
    words = " ".join(container.words)
    if PREBUILT not in words:
        return None
    return {"bigquery"} if ".bigquery." in words else {"vertex-jobs"} if JOBS.search(words) else set()


def _unseen(given: Given) -> Iterator[Problem]:
    if given.unseen:
        message = (
            f"what the steps {', '.join(given.unseen)} use in Google Cloud cannot be seen: their images hold the code"
        )
        yield Problem(message=message, hint='steps_use=["bigquery", "vertex-jobs"] gives the roles, [] gives none')
