"""Finds the components that a program defines, decorated or marked; their faults are told when they are reached."""

import ast
from collections.abc import Callable
from typing import NamedTuple

from ..model import Import, Problem
from ..settings import misnamed
from .closure import without_marks
from .marked import written
from .program import Placed, Program
from .signature import evaluate
from .statements import Statement, dotted, statements


class Definition(NamedTuple):
    """A component as found: its function as text, and where it stands. `offset` turns its lines into the cell's."""

    name: str
    text: str
    cell: str
    line: int
    offset: int
    number: int
    statement: Statement
    marked: bool = False
    packages: tuple[str, ...] = ()
    base: str = ""
    description: str = ""
    given: tuple[Import, ...] = ()
    problems: tuple[Problem, ...] = ()

    @property
    def function(self) -> ast.FunctionDef | None:
        """The definition's tree, its body left out; None where it is no plain function."""
        node = self.statement.node
        return node if isinstance(node, ast.FunctionDef) else None


def mark(program: Program, placed: Placed, what: str) -> ast.expr | None:
    """The decorator `AutoMLOps.<what>` on a definition, called or bare."""
    for found in getattr(placed.statement.node, "decorator_list", []):
        name = program.resolve(dotted(found.func if isinstance(found, ast.Call) else found))
        if name == f"AutoMLOps.{what}":
            return found  # type: ignore[no-any-return]
    return None


def definitions(program: Program, live: bool) -> tuple[dict[str, Definition], list[Problem]]:
    """Every component by name, the last of a name; and the faults that belong to none.

    In a live notebook a later definition is the mended one. In a file, two of one name are a mistake.
    """
    all_ = [
        _decorated(program, name, places[-1])
        for name, places in program.bindings.items()
        if _is_component(program, places[-1])
    ]
    all_ += [_marked(program, number) for number in range(len(program.marked))]
    found: dict[str, Definition] = {}
    problems = [] if live else _twice(program)
    for definition in sorted(all_, key=lambda item: item.number):
        other = found.get(definition.name)
        if other and not live:
            problems.append(_again(definition.name, other, definition))
        if definition.name:
            found[definition.name] = definition
        elif not live or definition.number == max(item.number for item in program.marked):
            problems += definition.problems
    return found, problems


def _is_component(program: Program, placed: Placed) -> bool:
    return mark(program, placed, "component") is not None


def _twice(program: Program) -> list[Problem]:
    """Decorated functions whose name a later one took over."""
    pairs = [pair for pair in program.redefined if all(_is_component(program, placed) for placed in pair)]
    return [_again(second.statement.binds[0], first, second) for first, second in pairs]


def _again(name: str, first: Placed | Definition, second: Placed | Definition) -> Problem:
    message = f"the component `{name}` exists twice, first in {first.cell}, line {first.line}"
    return Problem(message=message, hint="rename or remove one", cell=second.cell, line=second.line)


def _decorated(program: Program, name: str, placed: Placed) -> Definition:
    problems: list[Problem] = []
    statement = without_marks(program, placed)
    lost = placed.statement.text.count("\n") - statement.text.count("\n")
    packages, base = _settings(program, name, placed, problems)
    return Definition(
        name=name,
        text=statement.text,
        cell=placed.cell,
        line=placed.line + lost,
        offset=placed.line - placed.statement.first,
        number=placed.number,
        statement=statement,
        packages=packages,
        base=base,
        problems=tuple(problems),
    )


def _settings(program: Program, name: str, placed: Placed, problems: list[Problem]) -> tuple[tuple[str, ...], str]:
    """What the decorator was given: packages, and a base image."""

    def wrong(message: str, hint: str) -> None:
        problems.append(
            Problem(message=f"the component `{name}`{message}", hint=hint, cell=placed.cell, line=placed.line)
        )

    if isinstance(placed.statement.node, ast.AsyncFunctionDef):
        wrong(" is an async function", "write a plain one that calls asyncio.run")
    elif not isinstance(placed.statement.node, ast.FunctionDef):
        wrong(" is a class", "decorate a function")
    packages: tuple[str, ...] = ()
    base = ""
    decorator = mark(program, placed, "component")
    for keyword in decorator.keywords if isinstance(decorator, ast.Call) else []:
        if keyword.arg == "packages_to_install":
            packages = _packages(program, keyword.value, wrong)
        elif keyword.arg == "base_image":
            base = _base(program, keyword.value, wrong)
        else:
            hint = "it takes packages_to_install and base_image"
            wrong(f": `{keyword.arg or '**'}` is no setting of AutoMLOps.component", hint)
    if isinstance(decorator, ast.Call) and decorator.args:
        wrong(": its settings are given by name", "write packages_to_install=[...]")
    return packages, base


def _packages(program: Program, node: ast.expr, wrong: Callable[[str, str], None]) -> tuple[str, ...]:
    try:
        value = evaluate(program, node)
    except ValueError as error:
        wrong(f": packages_to_install is not constant ({error})", "write the list out")
        return ()
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return tuple(value)
    if value is not None:
        wrong(": packages_to_install is not a list of str", 'write ["pandas", "scikit-learn==1.5.0"]')
    return ()


def _base(program: Program, node: ast.expr, wrong: Callable[[str, str], None]) -> str:
    try:
        value = evaluate(program, node)
    except ValueError as error:
        wrong(f": base_image is not constant ({error})", "write the image's name out")
        return ""
    fault = misnamed(value) if isinstance(value, str) else None
    if fault:
        wrong(f": base_image {fault[0]}", fault[1])
    elif value is not None and not isinstance(value, str):
        wrong(": base_image is not a str", 'write "python:3.11-slim"')
    return value if isinstance(value, str) and not fault else ""


def _marked(program: Program, number: int) -> Definition:
    """A marked cell as a definition; where it is broken, its text is not read any further."""
    marked = program.marked[number]
    found = written(program, marked)
    broken = bool(found.problems) or not found.text
    (statement,) = statements("pass" if broken else found.text)
    return Definition(
        name=found.name,
        text=found.text,
        cell=marked.cell,
        line=marked.line,
        offset=marked.begins - found.head,
        number=marked.number,
        statement=statement,
        marked=True,
        description=found.description,
        given=found.given,
        problems=found.problems,
    )
