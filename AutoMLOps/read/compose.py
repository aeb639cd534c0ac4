"""Writes down what was read: the module of a component, the statements that a pipeline carries."""

import ast
import builtins
from collections.abc import Iterable, Iterator
from textwrap import indent

from ..model import Import
from ..source import docstring, imports, literal
from .closure import Closure
from .program import Program
from .statements import Statement, bound, dotted

RESOLVED = "{name}.__annotations__ = typing.get_type_hints({name}, include_extras=True)"
SHOWN = "{name}.__signature__ = inspect.signature({name})"  # kfp's executor does not look through decorators


def module(
    program: Program, found: Closure, name: str, function: str, summary: str, quoted: bool, wrapped: bool
) -> str:
    """A component's file: what it says it does, imports, what travels from other cells, the function."""
    tails = {"typing": RESOLVED} if quoted else {}
    tails |= {"inspect": SHOWN} if wrapped else {}
    wanted = {*found.imports, *(Import(module=library) for library in tails)}
    parts = [docstring(summary.split("\n")[0] or f"The step {name}."), imports(wanted)]
    head = "\n\n".join(part for part in parts if part)
    carried = statements(program, found)
    tail = "\n".join(line.format(name=name) for line in tails.values())
    blocks = "\n\n\n".join(part for part in (carried, function, tail) if part)
    return f"{head}\n{_gap(head, carried or function)}{blocks}\n"


def _gap(head: str, after: str) -> str:
    return "\n" if not after.startswith(("def ", "async def ", "class ", "@")) else "\n\n"


def statements(program: Program, found: Closure) -> str:
    """The carried statements in their order: definitions apart, constants together."""
    text = ""
    for placed in found.statements:
        statement = found.written(program, placed)
        written = _checked(found, statement) if statement.how == "checking" else statement.text
        written = _deferred(program, statement) if program.future else written
        if not written:
            continue
        apart = (
            "\n\n\n"
            if _defines(statement) or text.rpartition("\n")[2].startswith((" ", "\t", ")")) or _opens(text)
            else "\n"
        )
        text += (apart if text else "") + written
    return text


def _defines(statement: Statement) -> bool:
    return statement.how in ("def", "class")


def _opens(text: str) -> bool:
    last = text.rpartition("\n\n\n")[2]
    return last.startswith(("def ", "async def ", "class ", "@"))


def _checked(found: Closure, statement: Statement) -> str:
    """A block for type checkers with the names that are needed and not imported for real."""
    real = set(map(bound, found.imports))
    wanted = [item for item in statement.imports if bound(item) in found.names - real]
    return "\n".join([statement.text.split("\n")[0], indent(imports(wanted), "    ")]) if wanted else ""


def _deferred(program: Program, statement: Statement) -> str:
    """Under `from __future__ import annotations`, an annotation that Python might not evaluate is quoted."""
    if statement.how not in ("def", "class"):
        return statement.text
    tree = ast.parse(statement.text)
    return rewritten(
        statement.text, [(node, literal(ast.unparse(node))) for node in _annotations(tree) if not _safe(program, node)]
    )


def rewritten(text: str, changes: Iterable[tuple[ast.expr, str]]) -> str:
    """A text with some of its expressions said in other words."""
    raw, starts = text.encode(), [0]
    for one in raw.split(b"\n"):
        starts.append(starts[-1] + len(one) + 1)
    for node, words in sorted(changes, key=lambda change: (change[0].lineno, change[0].col_offset), reverse=True):
        first = starts[node.lineno - 1] + node.col_offset
        last = starts[(node.end_lineno or node.lineno) - 1] + (node.end_col_offset or 0)
        raw = raw[:first] + words.encode() + raw[last:]
    return raw.decode()


def _safe(program: Program, node: ast.expr) -> bool:
    """Whether an annotation can be evaluated wherever it stands: built-in and imported types, and unions of them."""
    match node:
        case ast.Constant():
            return True
        case ast.Name(id=name):
            placed = program.last(name)
            return placed.statement.how == "import" if placed else name in dir(builtins)
        case ast.Attribute(value=value):
            return _safe(program, value)
        case ast.Subscript(value=ast.Name(id="list" | "dict" | "tuple" | "set" | "frozenset" | "type"), slice=inner):
            return _safe(program, inner)
        case ast.Subscript(value=value, slice=inner):
            return program.resolve(dotted(value)).startswith(("typing.", "kfp.dsl.")) and _safe(program, inner)
        case ast.Tuple(elts=parts):
            return all(_safe(program, part) for part in parts)
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return (
                not any(isinstance(part, ast.Constant) and isinstance(part.value, str) for part in (left, right))
                and _safe(program, left)
                and _safe(program, right)
            )
    return False


def _annotations(tree: ast.AST) -> Iterator[ast.expr]:
    for inner in ast.walk(tree):
        for annotation in (getattr(inner, "annotation", None), getattr(inner, "returns", None)):
            if isinstance(annotation, ast.expr):
                yield annotation
