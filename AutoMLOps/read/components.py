"""Reads each component that the pipeline reaches: its signature, what travels with it, what it needs installed."""

import ast
import sys
from collections.abc import Iterable, Iterator
from functools import partial
from typing import NamedTuple

from ..model import Component, Import, Problem
from ..nouns import replace
from . import compose, google
from .closure import Closure, Owner, closure, is_mark
from .definitions import Definition
from .program import Program
from .requirements import Pinned, Places, pinned
from .signature import Signature, signature
from .statements import bound, dotted, unsound

SHADOWED = frozenset(
    {"evaluate", "kfp", "google", "yaml", "numpy", "pandas", "sklearn", "torch", "tensorflow", "xgboost", "scipy"}
)


class Read(NamedTuple):
    """A component with the faults in it, and the modules that it imports."""

    component: Component
    modules: frozenset[str]
    problems: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()


def component(program: Program, defined: Definition, brought: bool = False, places: Places | None = None) -> Read:
    """Reads one definition: signature, what travels with it, what must be installed for it."""
    function = defined.function
    if defined.problems or function is None:
        return Read(Component(name=defined.name, source=""), frozenset(), defined.problems)
    owner = Owner(f"component `{defined.name}`", defined.cell, defined.line, defined.number, _reads(program, defined))
    for item in defined.given:
        program.aliases.setdefault(bound(item), f"{item.module}.{item.name}".rstrip("."))
    said = signature(program, function, owner.name, defined.cell, defined.offset, dict(defined.told))
    own = {defined.name, *said.refused, *map(bound, defined.given)}
    found = closure(program, defined.statement.needs, owner, own=own, real=defined.statement.annotations)
    found.imports.update(defined.given)
    imported, pins = _installed(found, defined, brought, places)
    description = defined.description or said.description
    text = compose.module(
        program, found, defined.name, defined.text, description, said.quoted, _wrapped(program, function)
    )
    return Read(
        component=Component(
            name=defined.name,
            source=text,
            inputs=tuple(said.inputs),
            outputs=tuple(said.outputs),
            description=description,
            requirements=pins.lines,
            google=google.reached(imported, text),
            base=defined.base,
            cell=defined.cell,
            line=defined.line,
        ),
        modules=imported,
        problems=(*_faults(defined, said), *_said(defined, said), *found.problems, *pins.problems),
        warnings=(*defined.warnings, *found.warnings, *pins.warnings),
    )


def _reads(program: Program, defined: Definition) -> frozenset[str]:
    statement = defined.statement
    return statement.reads - statement.annotations if program.future else statement.reads


def _said(defined: Definition, said: Signature) -> list[Problem]:
    """The faults of a signature; a marked cell has no lines for its own, since its call is one statement."""
    return [replace(problem, line=defined.line) for problem in said.problems] if defined.marked else said.problems


def _wrapped(program: Program, function: ast.FunctionDef) -> bool:
    """Whether another library's decorator stays, behind which kfp's executor would not find the inputs."""
    marks = (mark.func if isinstance(mark, ast.Call) else mark for mark in function.decorator_list)
    return any(not is_mark(program.resolve(dotted(mark))) for mark in marks)


def _installed(
    found: Closure, defined: Definition, brought: bool, places: Places | None
) -> tuple[frozenset[str], Pinned]:
    """The modules that a component imports, and what to install for them.

    Of a `try` of imports one must be there, whichever; what only type checkers import need not be there at all.
    """
    carried = [placed.statement for placed in found.statements if placed.statement.how not in ("checking", "imports")]
    inner = (item for statement in (*carried, defined.statement) for item in statement.inner)
    imported = modules([*found.imports, *inner])
    needed = partial(pinned, listed=defined.packages, cell=defined.cell, line=defined.line, places=places)
    pins = needed(imported, brought=brought)
    for placed in found.statements:
        if placed.statement.how == "imports":
            either = modules(placed.statement.imports)
            more = needed(either, brought=True)
            enough = more.lines or any(module.partition(".")[0] in sys.stdlib_module_names for module in either)
            said = pins.warnings if enough else (*pins.warnings, *more.warnings)
            pins = pins._replace(lines=tuple(dict.fromkeys((*pins.lines, *more.lines))), warnings=said)
            imported |= either
    return imported, pins


def _faults(defined: Definition, said: Signature) -> Iterator[Problem]:
    if defined.name in sys.stdlib_module_names or defined.name in SHADOWED:
        message = (
            f"the component `{defined.name}` has the name of a module, and its file would stand in that module's place"
        )
        yield Problem(message=message, hint=f"call it `{defined.name}_step`", cell=defined.cell, line=defined.line)
    if any(item.module.startswith(".") for item in defined.statement.inner):
        message = f"component `{defined.name}` imports from a package around the notebook"
        yield Problem(message=message, hint="install it as a package", cell=defined.cell, line=defined.line)
    if fault := unsound(defined.text):
        message = f"component `{defined.name}` is no code that Python runs: {fault}"
        yield Problem(message=message, hint="mend the function", cell=defined.cell, line=defined.line)
    names = [port.name for port in said.outputs]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield Problem(
            message=f"component `{defined.name}` has two outputs called `{name}`", cell=defined.cell, line=defined.line
        )


def modules(imports: Iterable[Import]) -> frozenset[str]:
    """The modules of some imports, with the names taken from them: `google.cloud.storage`."""
    return frozenset(
        f"{item.module}.{item.name}" if item.name else item.module for item in imports if item.module[:1] != "."
    )
