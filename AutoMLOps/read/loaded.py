"""Finds the components that a notebook loads as YAML, and reads what each takes and gives."""

import ast
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from ..model import Artifact, Kind, Origin, Other, Param, Problem, slug
from .constants import evaluate
from .program import Placed, Program
from .signature import ARTIFACTS
from .statements import dotted

LOADERS = {
    "load_component_from_file": ("file", "file_path"),
    "load_component_from_text": ("text", "text"),
    "load_component_from_url": ("url", "url"),
}
KINDS = {
    "int": Kind.NUMBER_INTEGER,
    "integer": Kind.NUMBER_INTEGER,
    "double": Kind.NUMBER_DOUBLE,
    "float": Kind.NUMBER_DOUBLE,
    "str": Kind.STRING,
    "string": Kind.STRING,
    "text": Kind.STRING,
    "bool": Kind.BOOLEAN,
    "boolean": Kind.BOOLEAN,
    "dict": Kind.STRUCT,
    "jsonobject": Kind.STRUCT,
    "list": Kind.LIST,
    "jsonarray": Kind.LIST,
}
TITLES = {title.removeprefix("system.").lower(): title for title in ARTIFACTS.values()}
FINAL_STATUS = "PipelineTaskFinalStatus"
MEND = "what kfp loads is a component that it compiled, or one in the form of Kubeflow Pipelines 1"


class Wanted(NamedTuple):
    """A component.yaml that a cell loads: what it is called there, and the file or URL it is in, or its text."""

    name: str
    how: str  # "file", "url" or "text"
    where: str
    cell: str
    line: int
    problems: tuple[Problem, ...] = ()

    @property
    def told(self) -> str:
        """Where the text is from, as the first line of its file says."""
        return f"From {'a text in the notebook' if self.how == 'text' else ' '.join(self.where.split())}"


class Fetched(NamedTuple):
    """What came of looking for a component.yaml: its text, or why there is none."""

    text: str = ""
    fault: str = ""


def loads(program: Program) -> dict[str, Wanted]:
    """Every component that a cell loads, by the name that it gives it; the last of a name."""
    found = (_load(program, name, places[-1]) for name, places in program.bindings.items())
    return {each.name: each for each in found if each}


def is_loader(program: Program, node: ast.AST) -> bool:
    """Whether an expression is a call of one of kfp's loaders, however it was imported."""
    if not isinstance(node, ast.Call):
        return False
    module, _, name = program.resolve(dotted(node.func)).rpartition(".")
    return name in LOADERS and module.startswith("kfp.components")


def _load(program: Program, name: str, placed: Placed) -> Wanted | None:
    node = placed.statement.node
    call = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
    if not isinstance(call, ast.Call) or not is_loader(program, call):
        return None
    how, word = LOADERS[program.resolve(dotted(call.func)).rpartition(".")[2]]
    problems: list[Problem] = []

    def wrong(message: str, hint: str) -> None:
        problems.append(Problem(message=f"`{name}`: {message}", hint=hint, cell=placed.cell, line=placed.line))

    if placed.statement.binds != (name,):
        wrong("a loaded component gets one name", "load it in a statement of its own")
    where = _where(program, call, how, word, wrong)
    return Wanted(name, how, where, placed.cell, placed.line, tuple(problems))


def _where(program: Program, call: ast.Call, how: str, word: str, wrong: Callable[[str, str], None]) -> str:
    given = dict(zip([word], call.args, strict=False)) | {each.arg or "**": each.value for each in call.keywords}
    if given.keys() - {word}:
        message = f"{', '.join(sorted(given.keys() - {word}))} is not taken: nothing that a notebook knows goes along"
        wrong(message, "save the component beside the notebook, and load it from that file")
    try:
        value = _path(program, given[word]) if word in given else None
    except ValueError as error:
        wrong(f"what it is loaded from is not constant ({error})", "write it out")
        return ""
    if not isinstance(value, str) or not value:
        wrong(f"{word} is {value!r}, not a str", "write it in quotes")
        return ""
    return value


def _path(program: Program, node: ast.expr) -> object:
    """A constant, also where it is put together as a path."""
    match node:
        case ast.Call(func=func, args=parts) if parts and program.resolve(dotted(func)) in ("os.path.join", *PATHS):
            return "/".join(str(_path(program, part)).rstrip("/") for part in parts)
        case ast.BinOp(left=left, op=ast.Div(), right=right):
            return f"{str(_path(program, left)).rstrip('/')}/{_path(program, right)}"
    return evaluate(program, node)


PATHS = ("str", "pathlib.Path", "pathlib.PurePath", "os.fspath")


def other(wanted: Wanted, fetched: Fetched) -> Other | Problem:
    """The component in a text, or what is wrong with it."""
    try:
        if fetched.fault:
            raise ValueError(fetched.fault)
        return _described(wanted, fetched.text, _document(fetched.text))
    except ValueError as error:
        message = f"the component `{wanted.name}` cannot be loaded: {error}"
        return Problem(message=message, hint=MEND if not fetched.fault else "", cell=wanted.cell, line=wanted.line)


def _document(text: str) -> Mapping[str, Any]:
    import yaml  # only a notebook that loads components pays for it

    try:
        documents = list(yaml.load_all(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)))  # noqa: S506
    except yaml.YAMLError as error:
        raise ValueError(f"it is no YAML ({' '.join(str(error).split())})") from error
    if not documents or not isinstance(documents[0], dict):
        raise ValueError("it is no description of a component")
    return documents[0]


def _described(wanted: Wanted, text: str, document: Mapping[str, Any]) -> Other:
    if "implementation" in document:
        return _of_v1(wanted, text, document)
    try:
        name = document["pipelineInfo"]["name"]
        section = document["components"].get(f"comp-{slug(name)}", document["root"])
        container = document["deploymentSpec"]["executors"].get(section.get("executorLabel"), {}).get("container", {})
        inputs = tuple(_declared(section.get("inputDefinitions", {})))
        outputs = tuple(_declared(section.get("outputDefinitions", {})))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"it lacks what a compiled component has ({error!r})") from error
    words = [str(word) for word in (*container.get("command", ()), *container.get("args", ()))]
    return Other(
        name=wanted.name,
        origin=Origin.LOADED,
        task=slug(name),
        inputs=inputs,
        outputs=outputs,
        image=str(container.get("image", "")),
        python=any("kfp.dsl.executor_main" in word for word in words) and "--function_to_execute" in words,
        text=text,
        told=wanted.told,
        readable="executorLabel" in section,
        cell=wanted.cell,
        line=wanted.line,
    )


def _declared(section: Mapping[str, Any]) -> Iterator[Param | Artifact]:
    for name, each in section.get("parameters", {}).items():
        optional = bool(each.get("isOptional", "defaultValue" in each))
        kind = each["parameterType"]
        yield Param(name=name, kind=Kind(kind) if kind in Kind.__members__ else Kind.STRUCT, optional=optional)
    for name, each in section.get("artifacts", {}).items():
        schema, many = each["artifactType"], bool(each.get("isArtifactList"))
        version, optional = schema.get("schemaVersion", "0.0.1"), bool(each.get("isOptional"))
        yield Artifact(name=name, title=schema["schemaTitle"], version=version, many=many, optional=optional)


def _of_v1(wanted: Wanted, text: str, document: Mapping[str, Any]) -> Other:
    """A component in the form of Kubeflow Pipelines 1, whose names kfp cleans."""
    try:
        container = document["implementation"]["container"]
        inputs = tuple(_port(each) for each in document.get("inputs") or ())
        outputs = tuple(_port(each) for each in document.get("outputs") or ())
        image = str(container["image"])
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"it lacks what a component has ({error!r})") from error
    return Other(
        name=wanted.name,
        origin=Origin.LOADED,
        task=slug(str(document.get("name", "name"))),
        inputs=inputs,
        outputs=outputs,
        image=image,
        text=text,
        told=wanted.told,
        cell=wanted.cell,
        line=wanted.line,
    )


def _port(each: Mapping[str, Any]) -> Param | Artifact:
    name = re.sub("[^_0-9a-z]+", "_", str(each["name"]).lower()).strip("_")
    kind = each.get("type")
    word = kind.removeprefix("typing.").partition("[")[0] if isinstance(kind, str) else ""
    optional = bool(each.get("optional")) or "default" in each
    if word == FINAL_STATUS:
        return Param(name=name, kind=Kind.TASK_FINAL_STATUS, optional=True)
    if word.lower() in KINDS:
        return Param(name=name, kind=KINDS[word.lower()], optional=optional)
    google = re.fullmatch(r"google.[A-Za-z]+", word)
    title = word if google else TITLES.get(word.lower(), "system.Artifact")
    return Artifact(name=name, title=title, optional=optional)
