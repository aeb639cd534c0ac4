"""Finds where in a notebook a line of generated code was written."""

from ..model import Cell, Notebook


def place(notebook: Notebook, code: str, number: int) -> tuple[Cell, int] | None:
    """The cell and the line of it that line `number` of the code is from; None where it is from none.

    A component's lines are its cell's, but for their indentation. A line that stands in several cells is from the one
    whose lines around it are most alike; the last of them where that decides nothing.
    """
    own = [line.strip() for line in code.split("\n")]
    at = number - 1
    if not 0 <= at < len(own) or not own[at]:
        return None
    found = [
        (_alike(own, at, theirs, there), cell, there + 1)
        for cell in notebook.cells
        for theirs in [[line.strip() for line in cell.text.split("\n")]]
        for there, line in enumerate(theirs)
        if line == own[at]
    ]
    if not found:
        return None
    _, cell, line = max(reversed(found), key=lambda each: each[0])
    return cell, cell.first_line + line - 1


def _alike(own: list[str], at: int, theirs: list[str], there: int) -> int:
    """How many lines in a row are the same in both, this one among them."""
    above = _run(zip(reversed(own[:at]), reversed(theirs[:there]), strict=False))
    return above + _run(zip(own[at:], theirs[there:], strict=False))


def _run(pairs: "zip[tuple[str, str]]") -> int:
    count = 0
    for one, other in pairs:
        if one != other:
            break
        count += 1
    return count
