"""Turns a notebook into a program: its statements in order, and what each name is bound to in the end."""

import ast
from typing import NamedTuple

from ..model import Cell, Import, Notebook, Problem
from . import moved
from .cells import code
from .statements import Statement, bound, decorates, dotted, statements

OURS = frozenset({"AutoMLOps", "google_cloud_automlops"})
BLOCKS = frozenset({"if", "try", "with", "for", "while", "match", "def", "class"})
VERBS = frozenset({"AutoMLOps.generate", "AutoMLOps.rehearse", "AutoMLOps.go", "AutoMLOps.launchAll"})


class Placed(NamedTuple):
    """A statement and where it stands: the cell's label, the line in that cell, and its number in the whole program."""

    statement: Statement
    cell: str
    offset: int
    number: int

    @property
    def line(self) -> int:
        return self.statement.line + self.offset


class Marked(NamedTuple):
    """A cell under `%%define_component`: its makeComponent call if it has one, and the code that becomes the body."""

    call: ast.Call | None
    text: str
    cell: str
    line: int
    number: int
    begins: int = 0  # the line of the cell that the body begins on


class Program:
    """Everything that the cells say, filled once by `program` and only read afterwards."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.bindings: dict[str, list[Placed]] = {}
        self.mutated: dict[str, Placed] = {}
        self.discarded: dict[str, list[Placed]] = {}
        self.touching: dict[str, list[Placed]] = {}
        self.aliases: dict[str, str] = {}
        self.stars: list[Placed] = []
        self.marked: list[Marked] = []
        self.calls: list[Placed] = []
        self.nested: list[Placed] = []
        self.problems: list[Problem] = []
        self.warnings: list[Problem] = []
        self.future = False
        self.count = 0
        self.redefined: list[tuple[Placed, Placed]] = []

    def resolve(self, name: str) -> str:
        """A dotted name as its module knows it: `D.Input` is `kfp.dsl.Input` after `import kfp.dsl as D`."""
        root, dot, rest = name.partition(".")
        full = self.aliases.get(root, root) + dot + rest
        full = full.removeprefix(f"{moved.OLDER}.")
        while full.startswith("AutoMLOps.AutoMLOps"):
            full = full.removeprefix("AutoMLOps.")
        return full

    def last(self, name: str) -> Placed | None:
        found = self.bindings.get(name)
        return found[-1] if found else None


def program(notebook: Notebook, whole_until_last: bool = False) -> Program:
    """Reads the cells in order, up to the first call of a verb.

    In a live notebook (`whole_until_last`) earlier calls have run already: only the running cell, the last, is cut.
    """
    result = Program(notebook.name)
    for number, cell in enumerate(notebook.cells):
        cut = not whole_until_last or number == len(notebook.cells) - 1
        if _read(result, cell, cut, notebook.stop):
            break
    return result


def _read(program: Program, cell: Cell, cut: bool, stop: int) -> bool:
    """Adds one cell; says whether it called a verb, which ends the program."""
    plain = code(cell.text)
    offset = plain.skipped + cell.first_line - 1
    try:
        found = statements(plain.text, plain.magic == "define_imports")
    except SyntaxError as error:
        where = (error.lineno or 1) + offset
        program.problems.append(
            Problem(
                message=f"invalid Python: {error.msg}", cell=cell.label, line=where, hint="run the cell and mend it"
            )
        )
        return False
    except (ValueError, RecursionError, MemoryError) as error:
        said = str(error) or "it is nested too deeply"  # of which Python's parser says MemoryError, and nothing more
        program.problems.append(
            Problem(message=f"invalid Python: {said}", cell=cell.label, hint="run the cell and mend it")
        )
        return False
    if plain.magic == "define_component" and not decorates(found):
        program.problems += moved.kubeflow(plain.text, cell.label, offset)
        _mark(program, found, cell, offset, plain.text)
        return False
    for statement in found:
        program.count += 1
        placed = Placed(statement=statement, cell=cell.label, offset=offset, number=program.count)
        if placed.line <= stop < placed.line + statement.text.count("\n") + 1 or (stop and placed.line > stop):
            return True
        if cut and not stop and any(program.resolve(call) in VERBS for call in statement.calls):
            return True
        _add(program, placed)
        program.problems += moved.kubeflow(statement.text, cell.label, placed.line - 1)
        program.warnings += moved.older(statement.text, cell.label, placed.line - 1)
    return False


def _mark(program: Program, found: tuple[Statement, ...], cell: Cell, offset: int, text: str) -> None:
    """Takes a marked cell: its first statement is the call, found as code, and the lines after that are the body."""
    first = found[0] if found else None
    call = first.node.value if first and isinstance(first.node, ast.Expr) else None
    program.count += 1
    if not first or not isinstance(call, ast.Call) or not program.resolve(dotted(call.func)).endswith("makeComponent"):
        program.marked.append(Marked(call=None, text="", cell=cell.label, line=offset + 1, number=program.count))
        return
    end = first.line - 1 + len(first.text.split("\n"))
    if len(found) > 1 and found[1].line <= end:
        message = "code stands behind makeComponent(...) on its line"
        problem = Problem(message=message, hint="put it on lines below", cell=cell.label, line=end + offset)
        program.problems.append(problem)
    lines = text.split("\n")[end:]
    while lines and not lines[0].strip():
        del lines[0]
        end += 1
    body = "\n".join(lines).rstrip()
    program.marked.append(Marked(call, body, cell.label, first.line + offset, program.count, end + offset))


def _add(program: Program, placed: Placed) -> None:
    statement = placed.statement
    if statement.how == "import" and any(item.module == "__future__" for item in statement.imports):
        program.future |= "annotations" in statement.binds
        return
    if statement.star:
        program.stars.append(placed)
    if statement.how == "expression":
        program.calls.append(placed)
    elif statement.how in BLOCKS and "AutoMLOps" in statement.text:
        program.nested.append(placed)
    for name in statement.binds:
        _bind(program, name, placed)
        program.mutated.pop(name, None)
    touched = {*statement.mutates, statement.discarded.partition(".")[0]} - {""}
    for name in touched if statement.carry else ():
        program.touching.setdefault(name, []).append(placed)
    for name in () if statement.carry else statement.mutates:
        program.mutated.setdefault(name, placed)
    if statement.discarded and not statement.carry:
        program.discarded.setdefault(statement.discarded.partition(".")[0], []).append(placed)
    for name in statement.binds:
        program.aliases.pop(name, None)
    for item in statement.imports:
        program.aliases[bound(item)] = _full(item)


def _full(item: Import) -> str:
    if item.name:
        return f"{item.module}.{item.name}"
    return item.module if item.alias else item.module.partition(".")[0]


def _bind(program: Program, name: str, placed: Placed) -> None:
    """The last binding wins; a cell run again, or an import said again, adds nothing."""
    known = program.bindings.get(name)
    if not known:
        program.bindings[name] = [placed]
    elif _again(program, known[-1], placed):
        pass
    elif _submodule(known[-1].statement) and _submodule(placed.statement):
        known.append(placed)  # `import google.cloud.storage` and `import google.cloud.bigquery` both bind `google`
    else:
        if placed.statement.how == known[-1].statement.how == "def":
            program.redefined.append((known[-1], placed))
        program.bindings[name] = [placed]


def _again(program: Program, before: Placed, now: Placed) -> bool:
    if before.statement.text != now.statement.text:
        return before.statement.how == now.statement.how == "import" and set(now.statement.imports) <= set(
            before.statement.imports
        )
    return all(
        found.number < before.number
        for name in now.statement.reads
        if (found := program.last(name)) and found is not before
    )


def _submodule(statement: Statement) -> bool:
    return statement.how == "import" and all(not item.name and not item.alias for item in statement.imports)
