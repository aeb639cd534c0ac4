"""Reads a function's signature from its annotations alone, as kfp would after running it."""

import ast
from collections.abc import Iterator, Mapping
from keyword import iskeyword
from typing import NamedTuple

from ..model import Artifact, Kind, Param, Problem
from . import travel
from .constants import evaluate
from .docstrings import Described, described
from .program import Program
from .statements import dotted, names_of

PARAMETERS = {
    "str": Kind.STRING,
    "int": Kind.NUMBER_INTEGER,
    "float": Kind.NUMBER_DOUBLE,
    "bool": Kind.BOOLEAN,
    "list": Kind.LIST,
    "dict": Kind.STRUCT,
    "typing.List": Kind.LIST,
    "typing.Dict": Kind.STRUCT,
}
ARTIFACTS = {
    f"kfp.dsl.{name}": f"system.{name}"
    for name in (
        "Artifact",
        "Model",
        "Dataset",
        "Metrics",
        "ClassificationMetrics",
        "SlicedClassificationMetrics",
        "HTML",
        "Markdown",
    )
}
GOOGLE = "google_cloud_pipeline_components.types.artifact_types."
FINAL_STATUS = "kfp.dsl.PipelineTaskFinalStatus"
TYPES = "str, int, float, bool, list, dict, Input[...] or Output[...] of an artifact"
SINGLE = "Output"


class Schema(NamedTuple):
    """What a class of artifacts is called in a compiled spec."""

    title: str
    version: str = "0.0.1"


class Refused(Exception):
    """A type that cannot travel; the sentence says why, `hint` how to mend it where that is not a matter of types."""

    def __init__(self, reason: str, hint: str = "") -> None:
        super().__init__(reason)
        self.hint = hint


class Signature:
    """A component's interface as found, with the faults in it."""

    def __init__(self, description: str) -> None:
        self.inputs: list[Param | Artifact] = []
        self.outputs: list[Param | Artifact] = []
        self.description = description
        self.problems: list[Problem] = []
        self.quoted = False
        self.refused: set[str] = set()


def signature(
    program: Program, node: ast.FunctionDef, owner: str, cell: str, offset: int, told: Mapping[str, str] | None = None
) -> Signature:
    """The inputs and outputs of a component function; every fault in it is listed, none raised. `told` is what a marked
    cell says of its params, which are found in the docstring otherwise."""
    said = ast.get_docstring(node, clean=True) or ""
    documented = described(said)._replace(parameters=told, returns=told) if told else described(said)
    found = Signature(documented.description)
    if why := travel.halved(said):
        message = f"{owner}: the docstring {why}"
        found.problems.append(Problem(message=message, cell=cell, line=node.lineno + offset, hint="leave it out"))
    for argument, default in _arguments(node, found, owner, cell, offset):
        try:
            _argument(program, found, documented, argument, default)
        except Refused as reason:
            message = f"{owner}: the parameter `{argument.arg}` {reason}"
            found.refused |= names_of(argument.annotation) if argument.annotation else set()
            found.inputs.append(Param(name=argument.arg, kind=Kind.STRING, optional=True))  # so that one fault is one
            found.problems.append(
                Problem(message=message, cell=cell, line=argument.lineno + offset, hint=reason.hint or f"use {TYPES}")
            )
    try:
        _returned(program, found, documented, node.returns)
    except Refused as reason:
        message = f"{owner}: what it returns {reason}"
        found.problems.append(
            Problem(
                message=message,
                cell=cell,
                line=node.lineno + offset,
                hint=f"return {TYPES.partition(', Input')[0]}, a NamedTuple of them or an artifact",
            )
        )
    return found


def _arguments(
    node: ast.FunctionDef, found: Signature, owner: str, cell: str, offset: int
) -> Iterator[tuple[ast.arg, ast.expr | None]]:
    spec = node.args
    for stars, extra in (("*", spec.vararg), ("**", spec.kwarg)):
        if extra is None:
            continue
        message = f"{owner}: `{stars}{extra.arg}` cannot be an input: a step's inputs have names and types"
        found.problems.append(Problem(message=message, cell=cell, line=extra.lineno + offset, hint="name each input"))
    for extra in spec.posonlyargs:
        message = f"{owner}: `{extra.arg}` is positional only, and kfp passes inputs by name"
        found.problems.append(Problem(message=message, cell=cell, line=extra.lineno + offset, hint="remove the `/`"))
    padding: list[ast.expr | None] = [None] * (len(spec.args) - len(spec.defaults))
    yield from zip(spec.args, [*padding, *spec.defaults][-len(spec.args) :] if spec.args else [], strict=False)
    yield from zip(spec.kwonlyargs, spec.kw_defaults, strict=True)


def _argument(
    program: Program, found: Signature, documented: Described, argument: ast.arg, default: ast.expr | None
) -> None:
    if argument.annotation is None:
        raise Refused("has no type")
    if argument.arg == SINGLE:
        raise Refused("has the name that kfp gives to a single returned value", "rename it")
    annotation = unquoted(argument.annotation, found)
    inner, _ = without_optional(program, annotation)
    kind = _wrapper(program, inner)
    text = documented.parameters.get(argument.arg, "")
    if kind in ("Output", "OutputPath"):
        found.outputs.append(
            _port(program, found, inner, argument.arg, documented.returns.get(argument.arg, ""), False)
        )
        return
    port = _port(program, found, inner, argument.arg, text, default is not None)
    if isinstance(port, Artifact):
        if default is not None and not (isinstance(default, ast.Constant) and default.value is None):
            raise Refused("is an artifact: its only default can be None")
        found.inputs.append(port)
        return
    if port.kind is Kind.TASK_FINAL_STATUS:
        found.inputs.append(Param(name=argument.arg, kind=port.kind, optional=True, description=text))
        return
    value = _default(program, port, default)
    found.inputs.append(
        Param(name=port.name, kind=port.kind, default=value, optional=default is not None, description=text)
    )


def _default(program: Program, port: Param, node: ast.expr | None) -> str | None:
    if node is None:
        return None
    try:
        value = evaluate(program, node)
    except ValueError as error:
        raise Refused(f"has a default that is not a constant ({error})", "write the value out") from error
    if value is None:
        return None
    found = travel.misfit(port.kind, value)
    if not found and travel.holds_none(value):
        found = travel.Misfit("holds None, and kfp has no word for that inside a default")
    if found:
        raise Refused(f"has a default that {found.why}", found.mend or "give it a default of its type")
    return travel.text(value)


def unquoted(node: ast.expr, found: Signature | None = None) -> ast.expr:
    """The annotation behind a string annotation."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        text = node.value
        try:
            node = ast.parse(text.strip(), mode="eval").body
        except (SyntaxError, ValueError) as error:
            raise Refused(f"has the type {text!r}, which is no Python") from error
        if found:
            found.quoted = True
    return node


def without_optional(program: Program, node: ast.expr) -> tuple[ast.expr, bool]:
    """`Optional[X]`, `X | None` and `Union[X, None]` as X. `None | X` stays: kfp does not read it."""
    node = _alias(program, node)
    match node:
        case ast.Subscript(value=value, slice=inner) if _named(program, value) == "typing.Optional":
            return unquoted(inner), True
        case ast.Subscript(value=value, slice=ast.Tuple(elts=[inner, ast.Constant(value=None)])) if (
            _named(program, value) == "typing.Union"
        ):
            return unquoted(inner), True
        case ast.BinOp(left=inner, op=ast.BitOr(), right=ast.Constant(value=None)):
            return unquoted(inner), True
    return node, False


def _named(program: Program, node: ast.AST) -> str:
    """The full name of a type, through import aliases and through constants that name one."""
    if isinstance(node, ast.Name) and node.id not in program.aliases and node.id not in program.bindings:
        return node.id  # `int`, as most are: nothing to look up
    name = dotted(node)
    full = program.resolve(name)
    placed = program.last(name) if name else None
    if placed and placed.statement.how == "assign" and isinstance(placed.statement.node, ast.Assign | ast.AnnAssign):
        value = placed.statement.node.value
        return _named(program, value) if value is not None and dotted(value) not in ("", name) else full
    return _canonical(full)


def _canonical(name: str) -> str:
    """kfp and typing offer the same names in several places."""
    tail = name.rpartition(".")[2]
    if name.startswith(("kfp.dsl.", "kfp.v2.dsl.")):
        return f"kfp.dsl.{tail}"
    if name.startswith(("typing_extensions.", "builtins.")):
        return f"typing.{tail}" if name.startswith("typing_") else tail
    return name


def _alias(program: Program, node: ast.expr) -> ast.expr:
    """What a constant that holds a whole type stands for: `Table = Input[Dataset]`."""
    if not isinstance(node, ast.Name) or node.id not in program.bindings:
        return node
    placed = program.last(node.id)
    kept = placed.statement.node if placed and placed.statement.how == "assign" else None
    return kept.value if isinstance(kept, ast.Assign) and not isinstance(kept.value, ast.Call) else node


def _wrapper(program: Program, node: ast.expr) -> str:
    node = _alias(program, node)
    match node:
        case ast.Subscript(value=value):
            name = _named(program, value)
        case ast.Call(func=func):
            name = _named(program, func)
        case _:
            name = _named(program, node)
    return name.removeprefix("kfp.dsl.") if name.startswith("kfp.dsl.") else ""


def _port(
    program: Program, found: Signature, node: ast.expr, name: str, description: str, optional: bool
) -> Param | Artifact:
    """The input or output that one annotation declares."""
    node = _alias(program, node)
    wrapper = _wrapper(program, node)
    match node:
        case ast.Subscript(slice=inner) if wrapper in ("Input", "Output"):
            return _artifact(program, unquoted(inner, found), name, description, optional, wrapper)
        case ast.Call() if wrapper in ("InputPath", "OutputPath"):
            return _path(program, node, name, description, optional)
        case _ if wrapper in ("InputPath", "OutputPath"):
            raise Refused(f"is `{wrapper}` without a type: write {wrapper}('Dataset') or {wrapper}(str)")
        case _ if _is_artifact(program, node):
            return _artifact(program, node, name, description, optional, "Input")
    if _named(program, node) == FINAL_STATUS:
        return Param(name=name, kind=Kind.TASK_FINAL_STATUS, optional=True, description=description)
    return _value(program, node, name, description, optional)


def _value(program: Program, node: ast.expr, name: str, description: str, optional: bool) -> Param:
    kind, held = parameter(program, node), items(program, node)
    return Param(name=name, kind=kind, optional=optional, description=description, items=held)


def _is_artifact(program: Program, node: ast.expr) -> bool:
    element = _element(program, node)
    return schema(program, element if element is not None else node) is not None


def schema(program: Program, node: ast.expr, seen: tuple[str, ...] = ()) -> Schema | None:
    """The schema of a class of artifacts: of kfp, of Google, or of a class in a cell that says its own."""
    name = _named(program, node)
    if name in ARTIFACTS:
        return Schema(ARTIFACTS[name])
    if name.startswith(GOOGLE):
        return Schema(f"google.{name.removeprefix(GOOGLE)}")
    placed = program.last(name) if name not in seen else None
    if placed is None or placed.statement.how != "class":
        return None
    return _own_schema(program, placed.statement.text, (*seen, name))


def _own_schema(program: Program, text: str, seen: tuple[str, ...]) -> Schema | None:
    """What a class says of itself, over what the class says that it is made from."""
    node = ast.parse(text).body[0]
    bases = (schema(program, base, seen) for base in getattr(node, "bases", ()))
    found = next((base for base in bases if base), None)
    for inner in getattr(node, "body", ()) if found else ():
        match inner:
            case ast.Assign(targets=[ast.Name(id="schema_title")], value=ast.Constant(value=str(title))) if found:
                found = found._replace(title=title)
            case ast.Assign(targets=[ast.Name(id="schema_version")], value=ast.Constant(value=str(version))) if found:
                found = found._replace(version=version)
    return found


def _element(program: Program, node: ast.expr) -> ast.expr | None:
    """X of `list[X]` and `List[X]`."""
    if isinstance(node, ast.Subscript) and _named(program, node.value) in ("list", "typing.List"):
        return unquoted(node.slice)
    return None


def _artifact(program: Program, node: ast.expr, name: str, description: str, optional: bool, wrapper: str) -> Artifact:
    element = _element(program, node)
    found = schema(program, node if element is None else element)
    if found is None:
        raise Refused(f"has the type `{ast.unparse(node)}`, which is no artifact")
    if not found.title.startswith(("system.", "google.")):
        raise Refused(f"has the schema {found.title!r}, and kfp takes those of system and google", "name it system.X")
    if element is not None and wrapper == "Output":
        raise Refused("gives a list of artifacts, which a component cannot: only the pipeline collects them")
    many = element is not None
    return Artifact(
        name=name, title=found.title, version=found.version, many=many, optional=optional, description=description
    )


def _path(program: Program, node: ast.Call, name: str, description: str, optional: bool) -> Param | Artifact:
    inner = node.args[0] if node.args else next((keyword.value for keyword in node.keywords), None)
    if inner is None or (isinstance(inner, ast.Constant) and inner.value is None):
        return Artifact(name=name, title="system.Artifact", optional=optional, description=description)
    if isinstance(inner, ast.Constant) and isinstance(inner.value, str):
        text = inner.value
        kinds = {
            "integer": "int",
            "string": "str",
            "text": "str",
            "double": "float",
            "boolean": "bool",
            "jsonobject": "dict",
            "jsonarray": "list",
        }
        plain = kinds.get(text.lower(), text.lower())
        if plain in PARAMETERS:
            return Param(name=name, kind=PARAMETERS[plain], optional=optional, description=description)
        titles = {title.removeprefix("system.").lower(): title for title in ARTIFACTS.values()}
        return Artifact(
            name=name, title=titles.get(text.lower(), "system.Artifact"), optional=optional, description=description
        )
    found = schema(program, inner)
    if found:
        title, version = found
        return Artifact(name=name, title=title, version=version, optional=optional, description=description)
    return _value(program, inner, name, description, optional)


def parameter(program: Program, node: ast.expr) -> Kind:
    """The type of a plain value."""
    node = _alias(program, node)
    base = node.value if isinstance(node, ast.Subscript) else node
    kind = PARAMETERS.get(_named(program, base))
    if kind is None or (isinstance(node, ast.Subscript) and kind not in (Kind.LIST, Kind.STRUCT)):
        raise Refused(f"has the type `{ast.unparse(node)}`, which cannot travel between steps")
    return kind


def items(program: Program, node: ast.expr) -> str:
    """The type of what a list holds, as kfp spells it: `List[dict[str, int]]` holds `Dict[str, int]`."""
    element = _element(program, _alias(program, node))
    return _spelled(program, element) if element is not None else ""


SPELLED = {**{name: name for name in PARAMETERS if "." not in name}, "typing.List": "List", "typing.Dict": "Dict"}


def _spelled(program: Program, node: ast.expr) -> str:
    """A type of values as kfp spells it, and nothing for one that it does not know."""
    node = _alias(program, unquoted(node))
    if not isinstance(node, ast.Subscript):
        return SPELLED.get(_named(program, node), "")
    base = SPELLED.get(_named(program, node.value), "").capitalize()
    held = [
        _spelled(program, each) for each in (node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice])
    ]
    return f"{base}[{', '.join(held)}]" if base in ("List", "Dict") and all(held) else ""


def _returned(program: Program, found: Signature, documented: Described, node: ast.expr | None) -> None:
    if node is None or (isinstance(node, ast.Constant) and node.value is None):
        return
    node = unquoted(node, found)
    fields = _fields(program, node)
    if fields is None:
        if without_optional(program, node)[1]:
            raise Refused("may be None: an output always has a value")
        found.outputs.append(_port(program, found, node, SINGLE, documented.returns.get(SINGLE, ""), False))
        return
    for name, annotation in fields:
        found.outputs.append(
            _port(program, found, unquoted(annotation, found), name, documented.returns.get(name, ""), False)
        )


def _fields(program: Program, node: ast.expr) -> list[tuple[str, ast.expr]] | None:
    """The fields of a NamedTuple, in any of its spellings: a class, a call assigned to a name, a call in place."""
    if isinstance(node, ast.Call):
        return _called_fields(program, node)
    node = _alias(program, node)
    placed = program.last(node.id) if isinstance(node, ast.Name) else None
    if placed is None:
        return None
    tree = placed.statement.node or ast.parse(placed.statement.text).body[0]
    match tree:
        case ast.ClassDef(bases=bases, body=body) if any(
            _named(program, base) == "typing.NamedTuple" for base in bases
        ):
            return [
                (inner.target.id, inner.annotation)
                for inner in body
                if isinstance(inner, ast.AnnAssign) and isinstance(inner.target, ast.Name)
            ]
        case ast.Assign(value=ast.Call() as call):
            return _called_fields(program, call)
    return None


def _called_fields(program: Program, call: ast.Call) -> list[tuple[str, ast.expr]] | None:
    name = _named(program, call.func)
    if name == "collections.namedtuple":
        raise Refused("is a namedtuple without types: use typing.NamedTuple")
    if name != "typing.NamedTuple":
        return None
    pairs = (
        call.args[1]
        if len(call.args) > 1
        else next((keyword.value for keyword in call.keywords if keyword.arg == "fields"), None)
    )
    if not isinstance(pairs, ast.List | ast.Tuple):
        return [(keyword.arg, keyword.value) for keyword in call.keywords if keyword.arg]
    found = []
    for pair in pairs.elts:
        match pair:
            case ast.Tuple(elts=[ast.Constant(value=str(field_name)), annotation]):
                if not _is_field(field_name):
                    raise Refused(f"is a NamedTuple with the field {travel.short(field_name)}, which Python refuses")
                found.append((field_name, annotation))
            case _:
                raise Refused("is a NamedTuple whose fields are not written out as (name, type)")
    return found


def _is_field(name: str) -> bool:
    """Whether a NamedTuple can have a field of that name, by which it is also found."""
    from unicodedata import normalize

    plain = name.isidentifier() and not iskeyword(name) and not name.startswith("_")
    return plain and (name.isascii() or normalize("NFKC", name) == name)
