"""Writes marked cells as the functions that they mean."""

import ast
import io
import keyword
import re
import tokenize
from collections.abc import Iterator
from typing import NamedTuple

from ..model import Import, Problem
from ..source import WIDTH, docstring
from .constants import evaluate
from .program import Marked, Program
from .scopes import names
from .signature import Refused, unquoted
from .statements import dotted

# What a marked cell may name in its params without importing it: its author need not know Kubeflow.
KFP_TYPES = (
    "Input",
    "Output",
    "InputPath",
    "OutputPath",
    "Artifact",
    "Dataset",
    "Model",
    "Metrics",
    "ClassificationMetrics",
    "HTML",
    "Markdown",
)


class Written(NamedTuple):
    """A marked cell as a function: its text, how many lines of that stand above the cell's own code, and its faults."""

    name: str
    text: str = ""
    head: int = 0
    description: str = ""
    told: tuple[tuple[str, str], ...] = ()
    given: tuple[Import, ...] = ()
    problems: tuple[Problem, ...] = ()


def written(program: Program, marked: Marked) -> Written:
    """The function that a marked cell means; its name is known even where nothing else is right."""
    if marked.call is None:
        message = "a cell under %%define_component starts with AutoMLOps.makeComponent(name=..., params=[...])"
        return Written(name="", problems=(Problem(message=message, cell=marked.cell, line=marked.line),))
    faults: list[str] = []
    given = arguments(program, marked.call, ("name", "params", "description"), faults, raw=("params",))
    title = given.get("name")
    name = identifier(title) if isinstance(title, str) else ""
    if not name:
        faults.append(f"makeComponent needs a name that cleans to an identifier, not {title!r}")
    said = params(program, given.get("params"), faults)
    body, wrong = _body(program, marked, name, [param for param, _, _ in said])
    problems = (*(Problem(message=fault, cell=marked.cell, line=marked.line) for fault in faults), *wrong)
    description = str(given.get("description") or "")
    head = _head(name, [(param, text) for param, text, _ in said])
    if description.strip() or any(about for _, _, about in said):
        head += "\n" + documented(description or f"The step {name}.", said) + "\n"
    else:
        head += "\n"
    types = (ast.walk(ast.parse(text, mode="eval")) for _, text, _ in said)
    used = {node.id for tree in types for node in tree if isinstance(node, ast.Name)}
    imports = (Import(module="kfp.dsl", name=kind) for kind in KFP_TYPES if kind in used and not program.last(kind))
    told = tuple((param, about) for param, _, about in said)
    return Written(name, head + body, head.count("\n"), description, told, tuple(imports), problems)


def _head(name: str, params: list[tuple[str, str]]) -> str:
    """The first line of a function; kfp's OutputPath(str) is a call, which type checkers do not expect in a type."""
    excuses = {param: "  # type: ignore[valid-type]" if "Path(" in text else "" for param, text in params}
    line = f"def {name}({', '.join(f'{param}: {text}' for param, text in params)}):{max(excuses.values(), default='')}"
    if len(line) <= WIDTH:
        return line
    return "\n".join([f"def {name}(", *(f"    {param}: {text},{excuses[param]}" for param, text in params), "):"])


def arguments(
    program: Program, call: ast.Call, order: tuple[str, ...], faults: list[str], raw: tuple[str, ...] = ()
) -> dict[str, object]:
    """The arguments of makeComponent or makePipeline as values; those named in `raw` stay trees."""
    what = dotted(call.func).rpartition(".")[2]
    named = [*zip(order, call.args, strict=False), *((keyword_.arg, keyword_.value) for keyword_ in call.keywords)]
    found: dict[str, object] = {}
    for name, node in named:
        if name not in order:
            faults.append(f"{what} takes {', '.join(order)}; `{name or '**'}` is none of them")
            continue
        try:
            found[name] = node if name in raw else evaluate(program, node)
        except ValueError as error:
            faults.append(f"{what}: {name} is not constant ({error}): write it out")
    return found


def identifier(title: str) -> str:
    """A name cleaned to a Python identifier ("Train model" is `train_model`); nothing where that cannot be."""
    name = title if title.isidentifier() and title.isascii() else re.sub(r"[^0-9a-z_]+", "_", title.lower()).strip("_")
    return name if name.isidentifier() and not keyword.iskeyword(name) else ""


def params(program: Program, node: object, faults: list[str]) -> list[tuple[str, str, str]]:
    """(name, type as text, description) of each param of makeComponent or makePipeline."""
    if node is None:
        return []
    if not isinstance(node, ast.List | ast.Tuple):
        faults.append("params is a list of {'name': ..., 'type': ..., 'description': ...}")
        return []
    found = []
    for item in node.elts:
        entry = _entry(program, item, faults)
        if entry:
            found.append(entry)
    names = [name for name, _, _ in found]
    faults += [
        f"the param `{name}` is there twice" for name in sorted({name for name in names if names.count(name) > 1})
    ]
    return found


def _entry(program: Program, item: ast.expr, faults: list[str]) -> tuple[str, str, str] | None:
    if not isinstance(item, ast.Dict):
        faults.append(f"a param is {{'name': ..., 'type': ..., 'description': ...}}, not `{ast.unparse(item)}`")
        return None
    parts = {
        key.value: value for key, value in zip(item.keys, item.values, strict=True) if isinstance(key, ast.Constant)
    }
    extra = sorted(str(key) for key in parts.keys() - {"name", "type", "description"})
    if extra or len(parts) != len(item.keys) or not parts.keys() >= {"name", "type"}:
        faults.append(f"a param has name, type and, if you like, description: `{ast.unparse(item)}`")
        return None
    try:
        name, said = evaluate(program, parts["name"]), evaluate(program, parts.get("description", ast.Constant("")))
        written = ast.unparse(unquoted(parts["type"]))
    except (ValueError, Refused) as error:
        faults.append(f"a param is not constant ({error}): `{ast.unparse(item)}`")
        return None
    if not isinstance(name, str) or not name.isidentifier() or keyword.iskeyword(name):
        faults.append(f"the param name {name!r} is no identifier")
        return None
    return name, written, str(said or "")


def documented(summary: str, params: list[tuple[str, str, str]]) -> str:
    """A docstring that says what a function and its params are, in the manner that kfp reads descriptions from."""
    lines = [" ".join(summary.split())]
    if any(text for _, _, text in params):
        told = ((name, " ".join(text.split())) for name, _, text in params)
        lines += ["", "Args:", *(f"    {name}: {text}" for name, text in told if text)]
    return "    " + docstring("\n".join(lines), indent=4)


def _body(program: Program, marked: Marked, name: str, params: list[str]) -> tuple[str, tuple[Problem, ...]]:
    """The cell's code as a function's body: indented, strings over several lines left as they are."""
    tree = ast.parse(marked.text)
    faults = [*_unfit(tree, name), *_rebound(program, marked, tree, name, params)]
    problems = (Problem(message=said, cell=marked.cell, line=marked.begins + line) for line, said in faults)
    kept = _string_lines(marked.text)
    lines = (
        f"    {line.lstrip(FEED)}" if line.strip() and number not in kept else line
        for number, line in enumerate(marked.text.split("\n"), 1)
    )
    return "\n".join(lines) if tree.body else "    pass", tuple(problems)


FEED = "\f"  # a form feed may stand before a line of a module, but not before its indent


def _unfit(tree: ast.Module, name: str) -> Iterator[tuple[int, str]]:
    cell = f"the marked cell `{name}`"
    for node in _own(tree):
        line = getattr(node, "lineno", 0)
        match node:
            case ast.Return(value=ast.Constant(value=None) | None):
                pass
            case ast.Return():
                yield line, f"`return` in {cell} gives a value to nobody: give it to an Output[...] param"
            case ast.Yield() | ast.YieldFrom() | ast.Await() | ast.AsyncFor() | ast.AsyncWith():
                yield line, f"{cell} awaits or yields, which a step cannot: use asyncio.run"
            case ast.ImportFrom(names=[ast.alias(name="*")]):
                yield line, f"{cell} has a star import, which no function may have: import by name"
            case ast.ImportFrom(module="__future__"):
                yield line, f"{cell} imports from __future__, which only a file's first line can"


def _rebound(
    program: Program, marked: Marked, tree: ast.Module, name: str, params: list[str]
) -> Iterator[tuple[int, str]]:
    """As a function, the cell cannot read another cell's name and then bind it: that name is its own throughout."""
    each = [(node, names(node, marked.text)) for node in tree.body]
    bound = {other for _, found in each for other in found.binds}
    known = set(params)
    for node, found in each:
        for other in sorted((found.reads & bound) - known):
            if program.last(other):
                said = f"the marked cell `{name}` reads `{other}` of another cell and gives it a new value"
                yield node.lineno, f"{said}: give that another name"
        known |= {*found.binds, *found.reads}


def _own(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
            yield child
            yield from _own(child)


def _string_lines(text: str) -> set[int]:
    """The lines that begin inside a string: indenting them would change its value."""
    kept: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if tokenize.tok_name[token.type] in ("STRING", "FSTRING_MIDDLE"):
            kept.update(range(token.start[0] + 1, token.end[0] + 1))
    return kept
