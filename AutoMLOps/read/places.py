"""Finds where in a notebook a line of generated code was written."""

import ast
import re
from collections.abc import Sequence

from ..model import Cell, Notebook
from ..nouns import noun

DEF = re.compile(r"( *)(?:async +)?def +(\w+)")
MAGIC = re.compile(r"^([ \t]*)[%!].*", re.MULTILINE)
MARKED = re.compile(r"^\s*(?:%%define_component\b|(?:\w+\.)*makeComponent\()", re.MULTILINE)


@noun
class Found:
    """A line of a cell that reads as the one that is looked for."""

    cell: Cell
    lines: Sequence[str]  # of the cell
    at: int


def place(notebook: Notebook, code: str, number: int) -> tuple[Cell, int] | None:
    """The cell and the line of it that line `number` of the code is from; None where it is from none.

    A component's lines are its cell's, but for their indentation. An equal line is the one that was meant where it
    stands in the same function; where it stands in none, as in a marked cell, where its neighbours are equal too or no
    other line is like it. Of several that one is taken whose lines around it are most alike; the last of them where
    that decides nothing.
    """
    own = code.split("\n")
    at = number - 1
    if not 0 <= at < len(own) or not own[at].strip():
        return None
    alike = [
        Found(cell=cell, lines=lines, at=there)
        for cell in notebook.cells
        for lines in [cell.text.split("\n")]
        for there, line in enumerate(lines)
        if line.strip() == own[at].strip()
    ]
    alone = len({(found.cell.text, found.at) for found in alike}) == 1
    function = _holder(code, number)
    meant = [found for found in alike if _is_of(found, function, alone or _neighbours(own, at, found.lines, found.at))]
    if not meant:
        return None
    best = max(reversed(meant), key=lambda found: _alike(own, at, found.lines, found.at))
    return best.cell, best.cell.first_line + best.at


def _is_of(found: Found, function: str, likely: bool) -> bool:
    """Whether a line stands in the function, or in none and is likely the one."""
    theirs = _holder(found.cell.text, found.at + 1)
    if theirs:
        return theirs == function
    return likely and (not function or MARKED.search(found.cell.text) is not None)


def _holder(code: str, number: int) -> str:
    """The innermost function that holds a line."""
    try:
        tree = ast.parse(MAGIC.sub(r"\1pass", code))
    except (SyntaxError, ValueError):
        return _above(code.split("\n"), number - 1)
    holders = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.lineno <= number <= (node.end_lineno or 0)
    ]
    return max(holders, key=lambda node: node.lineno).name if holders else ""


def _above(lines: Sequence[str], at: int) -> str:
    """The function that holds a line, by the indentation alone: a cell need not be Python throughout."""
    margin = len(lines[at]) - len(lines[at].lstrip())
    for there in range(at, -1, -1):
        opened = DEF.match(lines[there])
        if opened and (there == at or len(opened[1]) < margin):
            return opened[2]
    return ""


def _neighbours(own: Sequence[str], at: int, theirs: Sequence[str], there: int) -> bool:
    """Whether the next line above or below, of those that are not blank, is equal."""

    def beside(lines: Sequence[str]) -> str:
        return next((line.strip() for line in lines if line.strip()), "")

    above, below = beside(own[:at][::-1]), beside(own[at + 1 :])
    return bool(above and above == beside(theirs[:there][::-1]) or below and below == beside(theirs[there + 1 :]))


def _alike(own: Sequence[str], at: int, theirs: Sequence[str], there: int) -> int:
    """How many lines in a row are the same in both, this one among them."""
    above = _run(zip(reversed(own[:at]), reversed(theirs[:there]), strict=False))
    return above + _run(zip(own[at:], theirs[there:], strict=False))


def _run(pairs: "zip[tuple[str, str]]") -> int:
    count = 0
    for one, other in pairs:
        if one.strip() != other.strip():
            break
        count += 1
    return count
