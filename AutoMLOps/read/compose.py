"""Writes down what was read: the module of a component, the statements that a pipeline carries."""

import ast
from collections.abc import Iterable

from ..model import Import
from ..source import docstring, imports, literal
from .closure import Closure, without_marks
from .program import Program
from .statements import Statement

RESOLVED = "{name}.__annotations__ = typing.get_type_hints({name}, include_extras=True)"


def module(program: Program, found: Closure, name: str, function: str, summary: str, quoted: bool) -> str:
    """A component's file: what it says it does, imports, what travels from other cells, the function."""
    wanted = {*found.imports, Import(module="typing")} if quoted else found.imports
    tail = RESOLVED.format(name=name) if quoted else ""
    parts = [docstring(summary.split("\n")[0] or f"The step {name}."), imports(wanted)]
    head = "\n\n".join(part for part in parts if part)
    carried = statements(program, found)
    blocks = "\n\n\n".join(part for part in (function, tail) if part)
    lead = f"{carried}\n\n\n" if carried else ""
    return f"{head}\n{_gap(head, carried or function)}{lead}{blocks}\n"


def _gap(head: str, after: str) -> str:
    return "\n" if not after.startswith(("def ", "async def ", "class ", "@")) else "\n\n"


def statements(program: Program, found: Closure) -> str:
    """The carried statements in their order: definitions apart, constants together."""
    text = ""
    for placed in found.statements:
        statement = without_marks(program, placed)
        written = _deferred(program, found, statement) if program.future else statement.text
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


def _deferred(program: Program, found: Closure, statement: Statement) -> str:
    """Under `from __future__ import annotations` some annotations name what is not there yet: those become strings."""
    if statement.how not in ("def", "class") or not _early(program, found, statement):
        return statement.text
    spots = sorted(_annotation_spots(ast.parse(statement.text).body[0]), reverse=True)
    raw = statement.text.encode()
    starts = [0]
    for one in raw.split(b"\n"):
        starts.append(starts[-1] + len(one) + 1)
    for (line, column), (last, end) in spots:
        first, stop = starts[line - 1] + column, starts[last - 1] + end
        raw = raw[:first] + literal(raw[first:stop].decode()).encode() + raw[stop:]
    return raw.decode()


def _early(program: Program, found: Closure, statement: Statement) -> bool:
    """Whether an annotation names something bound later, or only for type checkers."""
    for name in statement.annotations & found.names:
        placed = program.last(name)
        if placed and (
            placed.statement.how == "checking" or (placed.statement.how != "import" and name in statement.binds)
        ):
            return True
        if placed and placed.statement.how != "import" and placed.number > _number(found, statement):
            return True
    return False


def _number(found: Closure, statement: Statement) -> int:
    return next((placed.number for placed in found.statements if placed.statement.binds == statement.binds), 0)


def _annotation_spots(node: ast.AST) -> Iterable[tuple[tuple[int, int], tuple[int, int]]]:
    for inner in ast.walk(node):
        for annotation in (getattr(inner, "annotation", None), getattr(inner, "returns", None)):
            if isinstance(annotation, ast.expr) and not isinstance(annotation, ast.Constant):
                yield (
                    (annotation.lineno, annotation.col_offset),
                    (annotation.end_lineno or 0, annotation.end_col_offset or 0),
                )
