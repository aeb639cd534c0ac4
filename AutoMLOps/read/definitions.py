"""Finds the components that a program defines, decorated or marked; their faults are told when they are reached."""

import ast
from typing import NamedTuple

from ..model import Import, Problem
from . import kubeflow
from .closure import without_marks
from .marked import written
from .program import Placed, Program
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
    told: tuple[tuple[str, str], ...] = ()  # what a marked cell says of each of its params
    given: tuple[Import, ...] = ()
    problems: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()

    @property
    def function(self) -> ast.FunctionDef | None:
        """The definition's tree, its body left out; None where it is no plain function."""
        node = self.statement.node
        return node if isinstance(node, ast.FunctionDef) else None


class Mark(NamedTuple):
    """The decorator that makes a definition a component or a pipeline: AutoMLOps' own, or Kubeflow's."""

    node: ast.expr
    kubeflow: bool

    @property
    def given(self) -> list[tuple[str, ast.expr]]:
        """What it was given by name; `**` stands for what only running it can name."""
        keywords = self.node.keywords if isinstance(self.node, ast.Call) else []
        return [(keyword.arg or "**", keyword.value) for keyword in keywords]

    @property
    def positional(self) -> list[ast.expr]:
        return self.node.args if isinstance(self.node, ast.Call) else []


def mark(program: Program, placed: Placed, what: str) -> Mark | None:
    """The decorator `AutoMLOps.<what>` or `kfp.dsl.<what>` on a definition, called or bare."""
    for found in getattr(placed.statement.node, "decorator_list", []):
        name = program.resolve(dotted(found.func if isinstance(found, ast.Call) else found))
        if name == f"AutoMLOps.{what}" or kubeflow.is_dsl(name, what):
            return Mark(found, not name.startswith("AutoMLOps."))
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
    statement = without_marks(program, placed)
    lost = placed.statement.text.count("\n") - statement.text.count("\n")
    settings = _settings(program, name, placed)
    given = kubeflow.given(program, statement.needs) if settings.kubeflow else ()
    return Definition(
        name=name,
        text=statement.text,
        cell=placed.cell,
        line=placed.line + lost,
        offset=placed.line - placed.statement.first,
        number=placed.number,
        statement=statement._replace(needs=statement.needs | settings.functions),
        packages=settings.packages,
        base=settings.base,
        given=given,
        problems=tuple(settings.problems),
        warnings=tuple(settings.warnings),
    )


def _settings(program: Program, name: str, placed: Placed) -> kubeflow.Settings:
    """What the decorator was given."""
    decorator = mark(program, placed, "component")
    assert decorator  # noqa: S101 - only what has one is asked for
    settings = kubeflow.Settings(f"the component `{name}`", placed.cell, placed.line, decorator.kubeflow)
    if isinstance(placed.statement.node, ast.AsyncFunctionDef):
        settings.wrong(" is an async function", "write a plain one that calls asyncio.run")
    elif not isinstance(placed.statement.node, ast.FunctionDef):
        settings.wrong(" is a class", "decorate a function")
    if decorator.positional:
        settings.wrong(": its settings are given by name", "write packages_to_install=[...]")
    for key, value in decorator.given:
        settings.take(program, key, value)
    return settings


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
        told=found.told,
        given=found.given,
        problems=found.problems,
    )
