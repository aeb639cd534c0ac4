"""Finds what a piece of code needs from the other cells, and whether each part of that may travel with it."""

import builtins
from collections.abc import Collection, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import NamedTuple

from ..model import Import, Problem
from . import kubeflow
from .program import OURS, Placed, Program
from .statements import CONSTANT_CALLS, STATE, STRING_METHODS, Statement, bound, unsound, without

TYPES = ("typing.", "typing_extensions.", "collections.abc.", "kfp.dsl.")  # whose subscripts are types, not state
NOTEBOOK_ONLY = frozenset({"display", "get_ipython", "In", "Out", "_", "__"})
MODULE = frozenset(
    "__name__ __file__ __doc__ __builtins__ __spec__ __annotations__ __class__ __qualname__ __module__".split()
)
GIVEN = (frozenset(dir(builtins)) | MODULE) - NOTEBOOK_ONLY  # IPython puts its own among the builtins
ESCAPE = "or end its line with `# automlops: carry` to take it along as it stands"
MEND = "pass it as a parameter, or make it inside the component"


class Closure:
    """What travels: imported names, statements in their order; and the faults found on the way. `steps` are the
    definitions that stay steps of a pipeline where they travel to, by number, as they stand there."""

    def __init__(self, steps: Mapping[int, Statement] = MappingProxyType({})) -> None:
        self.steps = steps
        self.imports: set[Import] = set()
        self.carried: dict[int, Placed] = {}
        self.names: set[str] = set()
        self.problems: list[Problem] = []
        self.warnings: list[Problem] = []

    @property
    def statements(self) -> list[Placed]:
        return [self.carried[number] for number in sorted(self.carried)]

    def written(self, program: Program, placed: Placed) -> Statement:
        """A statement as it stands where it travels to."""
        return self.steps.get(placed.number) or without_marks(program, placed)


class Owner(NamedTuple):
    """Whose needs they are: a component or a pipeline, where it stands, and what its definition reads as it runs."""

    name: str
    cell: str
    line: int
    number: int = 0
    reads: frozenset[str] = frozenset()

    def problem(self, message: str, hint: str) -> Problem:
        return Problem(message=f"{self.name}: {message}", hint=hint, cell=self.cell, line=self.line)


def closure(
    program: Program,
    names: Iterable[str],
    owner: Owner,
    own: Collection[str] = (),
    real: Collection[str] = (),
    steps: Mapping[int, Statement] = MappingProxyType({}),
) -> Closure:
    """Everything that `names` need, transitively. `own` names are the owner's business (components in a pipeline);
    `real` names must exist at run time even where they are imported for type checkers alone (a signature's types)."""
    found = Closure(steps)
    queue: list[tuple[str, Placed | None]] = [(name, None) for name in sorted(set(names) - set(own), reverse=True)]
    while queue:
        name, through = queue.pop()
        if name in found.names:
            continue
        found.names.add(name)
        placed = program.last(name)
        if placed is None:
            if name not in GIVEN:
                found.problems.append(_unbound(program, name, owner, through))
            continue
        problem = _refused(program, name, placed, owner.name) or _misplaced(program, found, name, placed, owner.name)
        if problem:
            found.problems.append(problem)
        elif name in real and placed.statement.how == "checking":
            found.imports.update(item for item in placed.statement.imports if bound(item) == name)
        else:
            queue += [
                (other, placed) for other in sorted(_take(program, found, name) - set(own) - found.names, reverse=True)
            ]
    found.problems += _unsound(program, found, owner.name)
    _in_order(program, found, owner)
    _discarded(program, found, owner.name)
    return found


def _take(program: Program, found: Closure, name: str) -> frozenset[str]:
    """Adds what binds a name; returns what that needs in turn."""
    needs: frozenset[str] = frozenset()
    for placed in program.bindings[name]:
        if placed.statement.how == "import":
            found.imports.update(item for item in placed.statement.imports if bound(item) == name)
        else:
            found.carried[placed.number] = placed
            needs |= found.written(program, placed).needs
    for placed in program.touching.get(name, ()):
        found.carried[placed.number] = placed
        needs |= placed.statement.needs
    return needs


def _unsound(program: Program, found: Closure, owner: str) -> Iterator[Problem]:
    """What a notebook runs and a module does not, such as `await` outside of functions."""
    for placed in found.statements:
        if fault := unsound(found.written(program, placed).text):
            message = f"{owner} would take along `{placed.statement.text[:60]}`, which is no code of a module: {fault}"
            yield Problem(message=message, cell=placed.cell, line=placed.line, hint=MEND)


def without_marks(program: Program, placed: Placed) -> Statement:
    """The definition without AutoMLOps' and kfp's own decorators: those mean nothing where it travels to."""
    statement = placed.statement
    ours = [mark for mark in statement.marks if is_mark(program.resolve(mark.name))]
    if not ours:
        return statement
    kept = {name for mark in statement.marks if mark not in ours for name in mark.names}
    dropped = {name for mark in ours for name in mark.names} - kept
    text = without(statement.text, ours)
    needs, reads = statement.needs - (dropped - statement.core), statement.reads - (dropped - statement.core)
    return statement._replace(text=text, needs=needs, reads=reads, marks=())


def is_mark(name: str) -> bool:
    return name.partition(".")[0] in OURS or name.startswith("kfp.")


def _unbound(program: Program, name: str, owner: Owner, through: Placed | None) -> Problem:
    message = f"{owner.name} uses `{name}`, which no cell binds"
    if through:
        message = (
            f"{owner.name} carries `{', '.join(through.statement.binds)}`, which uses `{name}`, which no cell binds"
        )
    hint = f"import or define it in a cell above, {MEND}"
    if name in NOTEBOOK_ONLY:
        hint = f"`{name}` exists in notebooks alone: leave it out of the component"
    elif program.stars:
        star = f"from {program.stars[0].statement.star} import *"
        hint = f"if it comes from `{star}`, import it by name: star imports do not travel"
    cell, line = (through.cell, through.line) if through else (owner.cell, owner.line)
    return Problem(message=message, cell=cell, line=line, hint=hint)


def _refused(program: Program, name: str, placed: Placed, owner: str) -> Problem | None:
    """The reason why a binding may not travel, if there is one."""
    statement = placed.statement
    if statement.carry:
        return None
    if _is_ours(statement, name):
        return Problem(
            message=f"{owner} uses `{name}`: AutoMLOps is not there where a step runs",
            cell=placed.cell,
            line=placed.line,
            hint="keep its calls out of the component",
        )
    if statement.how not in ("import", "imports", "checking", "def", "class", "assign"):
        message = f"{owner} uses `{name}`, which is bound by `{statement.how}`"
        return Problem(message=message, cell=placed.cell, line=placed.line, hint=f"{MEND}, {ESCAPE}")
    if any(item.module.startswith(".") for item in statement.imports if bound(item) == name):
        message = f"{owner} uses `{name}`, which is imported from a package around the notebook"
        hint = "put its code into a cell, or install it as a package and import that"
        return Problem(message=message, cell=placed.cell, line=placed.line, hint=hint)
    changed = program.mutated.get(name)
    if changed and statement.how in ("assign", "class", "def"):
        message = f"{owner} uses `{name}`, which is changed in place after it was made"
        return Problem(
            message=message,
            cell=changed.cell,
            line=changed.line,
            hint=f"say its whole value in one statement, or {MEND}",
        )
    reason = _changeable(program, statement) if statement.how == "assign" else ""
    if not reason:
        return None
    if any(kubeflow.is_decorator(program.resolve(call)) for call in statement.calls):
        hint = "write it above the function: @dsl.component(...)"
        message = f"{owner} uses `{name}`, which is bound by {reason}"
        return Problem(message=message, cell=placed.cell, line=placed.line, hint=hint)
    return Problem(
        message=f"{owner} uses `{name}`, which is bound by {reason}",
        cell=placed.cell,
        line=placed.line,
        hint=f"{MEND}, {ESCAPE}",
    )


def _misplaced(program: Program, found: Closure, name: str, placed: Placed, owner: str) -> Problem | None:
    """A step that is used where no pipeline is: nothing of a pipeline is there where a step runs."""
    if placed.number in found.steps or not any(_is_step(program.resolve(mark.name)) for mark in placed.statement.marks):
        return None
    message, hint = f"{owner} uses `{name}`, which is a step", "call it in a pipeline"
    if any(kubeflow.is_dsl(program.resolve(mark.name), "notebook_component") for mark in placed.statement.marks):
        message, hint = f"`{name}` is made of a notebook, which is not read", "write its code as a component"
    return Problem(message=message, cell=placed.cell, line=placed.line, hint=hint)


def _is_step(name: str) -> bool:
    kinds = ("pipeline", "container_component", "notebook_component")
    return name == "AutoMLOps.pipeline" or any(kubeflow.is_dsl(name, kind) for kind in kinds)


def _is_ours(statement: Statement, name: str) -> bool:
    return statement.how == "import" and any(
        bound(item) == name and item.module.partition(".")[0] in OURS for item in statement.imports
    )


def _changeable(program: Program, statement: Statement) -> str:
    """What makes an assignment more than a constant: a call outside the closed list, or the state of this machine."""
    for call in statement.calls:
        if not _constant_call(program, call):
            return "a magic or a shell command" if call == "get_ipython" else f"a call (`{call}(...)`)"
    for chain in statement.state:
        root = chain.partition(".")[0].removesuffix("[]")
        full = program.resolve(chain.removesuffix("[]"))
        imported = _how(program, root) in ("import", "imports") and not full.startswith(TYPES)
        if imported and (chain.endswith("[]") or any(full == state or full.startswith(state + ".") for state in STATE)):
            return f"`{chain.replace('[]', '[...]')}`, which belongs to this machine"
    return ""


def _how(program: Program, name: str) -> str:
    placed = program.last(name)
    return placed.statement.how if placed else ""


def _constant_call(program: Program, call: str) -> bool:
    if call in CONSTANT_CALLS and _how(program, call) == "":
        return True
    if program.resolve(call) in CONSTANT_CALLS - {"set", "dict"} and "." in program.resolve(call):
        return True
    root, _, method = call.rpartition(".")
    first = root.partition(".")[0]
    return method in STRING_METHODS and bool(root) and (root == "str" or _how(program, first) in ("assign", ""))


def _in_order(program: Program, found: Closure, owner: Owner) -> None:
    """A carried statement must not read, as it runs, a name that is bound (again) only after it."""
    for placed in found.statements:
        if placed.statement.carry or placed.statement.how == "checking":
            continue
        statement = found.written(program, placed)
        reads = statement.reads - statement.annotations if program.future else statement.reads
        what = f"{owner.name} carries this statement, which"
        found.problems += _early(program, reads & found.names, placed.number, what, placed.cell, placed.line)
    if owner.number:
        found.problems += _early(program, owner.reads & found.names, owner.number, owner.name, owner.cell, owner.line)


def _early(program: Program, reads: Collection[str], number: int, what: str, cell: str, line: int) -> Iterator[Problem]:
    for name in sorted(reads):
        last = program.bindings[name][0] if program.bindings.get(name) else None
        if last and last.number >= number:
            where = "the same statement" if last.number == number else f"{last.cell}, line {last.line}"
            message = f"{what} reads `{name}` before its last value is set ({where})"
            hint = f"give the values different names, or move the last `{name}` above"
            yield Problem(message=message, cell=cell, line=line, hint=hint)


def _discarded(program: Program, found: Closure, owner: str) -> None:
    """Calls such as `pd.set_option(...)` change a module that travels, but do not travel themselves."""
    for name in sorted(map(bound, found.imports)):
        changed = program.mutated.get(name)
        for placed in [*program.discarded.get(name, []), *([changed] if changed else [])]:
            if program.resolve(name).partition(".")[0] in OURS:
                continue
            what = placed.statement.discarded or placed.statement.text.split("\n")[0]
            message = f"`{what}` does not travel with {owner}"
            found.warnings.append(
                Problem(
                    message=message,
                    cell=placed.cell,
                    line=placed.line,
                    hint="if the component needs its effect, call it inside",
                )
            )
