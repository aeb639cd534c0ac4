"""A graph as lines of text for a terminal: the drawing's own layout, in letters."""

from collections.abc import Iterator, Mapping
from itertools import pairwise

from . import picture
from .graph import Graph, Shape
from .picture import Box, Way

LETTER, LINE = 7.8, 10.0  # of the drawing's measure, what a letter takes across and a line takes down
UP, DOWN, LEFT, RIGHT = 1, 2, 4, 8
SIGNS = " ╵╷│╴┘┐┤╶└┌├─┴┬┼"  # by the ways that lead out of a place
TAKES, WAITS = "▼", "▽"
ICONS = {Shape.CONDITION: "◇", Shape.BRANCHES: "◇", Shape.LOOP: "↻"}


def lines(graph: Graph, columns: int) -> Iterator[str]:
    """The graph, as wide as so many columns where that can be."""
    page = picture.placed(graph, columns * LETTER, _width)
    canvas = Canvas()
    feet = {box.node.path: _box(canvas, box) for box in page.boxes}
    turns = _turns(page.ways)
    for way in page.ways:
        _way(canvas, way, feet[way.edge.before], turns)
    yield from canvas.lines()
    if any(edge.order for edge in graph.edges):
        yield f"{WAITS} only waits, and takes nothing"


class Canvas:
    """Places for letters: lines, which join where they meet, below words, which cover them."""

    def __init__(self) -> None:
        self.ways: dict[tuple[int, int], int] = {}
        self.letters: dict[tuple[int, int], str] = {}

    def down(self, x: int, top: int, bottom: int) -> None:
        for y in range(top, bottom):
            self.join(x, y, DOWN)
            self.join(x, y + 1, UP)

    def across(self, y: int, begin: int, end: int) -> None:
        for x in range(min(begin, end), max(begin, end)):
            self.join(x, y, RIGHT)
            self.join(x + 1, y, LEFT)

    def join(self, x: int, y: int, way: int) -> None:
        self.ways[x, y] = self.ways.get((x, y), 0) | way

    def write(self, x: int, y: int, text: str) -> None:
        for letter in text:
            self.letters[x, y] = letter
            x += 1
            if picture.is_wide(letter):
                self.letters[x, y] = ""  # covered by the letter before it
                x += 1

    def lines(self) -> Iterator[str]:
        rows: dict[int, dict[int, str]] = {}
        for (x, y), sign in [*((place, SIGNS[way]) for place, way in self.ways.items()), *self.letters.items()]:
            rows.setdefault(y, {})[x] = sign
        for y in range(max(rows, default=-1) + 1):
            row = rows.get(y, {})
            yield "".join(row.get(x, " ") for x in range(max(row, default=-1) + 1)).rstrip()


def _width(text: str, _: float) -> float:
    """All letters are of one size here, and as wide as one or as two."""
    return LETTER * sum(1 + picture.is_wide(letter) for letter in text)


def _box(canvas: Canvas, box: Box) -> int:
    """Draws a node, and gives the line on which its frame ends."""
    left, top = _x(box.x), _y(box.y)
    right = _x(box.x + box.width)
    foot = _y(box.y + box.height) - 1 if box.node.shape in picture.GROUPS else top + len(box.lines) + 1
    for y in (top, foot):
        canvas.across(y, left, right)
    for x in (left, right):
        canvas.down(x, top, foot)
    icon = ICONS.get(box.node.shape)
    for number, line in enumerate(box.lines, 1):
        shown = "".join(letter if letter.isprintable() else " " for letter in line)
        canvas.write(left + 2, top + number, f"{icon} {shown}" if icon and number == 1 else shown)
    return foot


def _x(place: float) -> int:
    return round(place / LETTER)


def _y(place: float) -> int:
    return round(place / LINE)


Turn = tuple[int, int, int]  # from where across, on which line it leaves, on which it arrives


def _steps(way: Way) -> Iterator[tuple[Turn, int]]:
    """Each turn of a way, and where across it leads."""
    for (x, _, end), (to, top, _) in pairwise(way.falls):
        yield (_x(x), _y(end), _y(top)), _x(to)


def _turns(ways: tuple[Way, ...]) -> Mapping[Turn, int]:
    """The line on which each turn goes across. Turns between the same lines share one where they lead to the very same
    places; else each has its own, while there are enough, so that what crosses does not look joined."""
    leads: dict[Turn, set[int]] = {}
    for way in ways:
        for turn, to in _steps(way):
            leads.setdefault(turn, set()).add(to)
    found: dict[tuple[int, int], dict[frozenset[int], int]] = {}
    lines: dict[Turn, int] = {}
    for (x, end, top), places in sorted(leads.items()):
        if places != {x}:
            taken = found.setdefault((end, top), {})
            number = taken.setdefault(frozenset(places), len(taken))
            lines[x, end, top] = end + 1 + number % max(top - end - 2, 1)
    return lines


def _way(canvas: Canvas, way: Way, foot: int, turns: Mapping[Turn, int]) -> None:
    at = foot
    steps = list(_steps(way))
    for (x, end, top), to in steps:
        across = turns.get((x, end, top), top) if x != to else top - 1
        canvas.down(x, at, across)
        canvas.across(across, x, to)
        at = across
        canvas.down(to, at, top - 1)
        at = top - 1
    x, y = steps[-1][1], steps[-1][0][2]
    canvas.write(x, y - 1, WAITS if way.edge.order else TAKES)
