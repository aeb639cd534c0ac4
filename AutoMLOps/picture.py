"""A graph as a picture: SVG that stands in a notebook or a page as it is, with no script and nothing from outside."""

import bisect
import heapq
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from math import ceil, dist, inf
from typing import NamedTuple

from . import artifacts
from .graph import ROOT, Edge, Graph, Node, Shape
from .model import State, TaskRun
from .nouns import noun

WIDTH = 880.0  # what a row may take at the top; each group within may take a little less
NAME, SMALL = 13.0, 11.0  # sizes of text
LINE = 15.0  # from one line of small text to the next
LONGEST = 190.0  # the widest a line of a step may be; a group's title may be twice as wide
PAD = 14.0  # inside a group's box
ICON = 20.0  # what an icon takes before the text
ROW, LANE, GAP = 36.0, 12.0, 22.0  # between rows, between two lanes of edges, between two boxes
TALL, FOLD = 1200.0, 48.0  # what is higher goes on in a column beside, this far away
SWEEPS = 6
MOST = 3  # edges that may pass from one column to the next
TOLD = 60  # steps that the description names

# Each has a contrast of at least 3 to 1 on white and on #111.
COLOURS = {
    State.WAITING: "#7f7f7f",
    State.RUNNING: "#3b7dd8",
    State.SUCCEEDED: "#2e8b57",
    State.CACHED: "#16889a",
    State.SKIPPED: "#7f7f7f",
    State.FAILED: "#d64541",
    State.CANCELLED: "#b8720a",
}
# In a square of 16: drawn with a line, so that each differs by its form too.
STATES = {
    State.WAITING: "M8 2a6 6 0 1 0 .01 0zM8 5v3.5l2 1.5",
    State.RUNNING: "M8 2a6 6 0 1 0 .01 0zM6.5 5.5v5l4.2-2.5z",
    State.SUCCEEDED: "M8 2a6 6 0 1 0 .01 0zM5.2 8.2l2 2 3.6-4.2",
    State.CACHED: "M2.6 6.4A6 6 0 1 1 2.6 9.6M2.2 3.4v3.2h3.2M6 8l1.6 1.7L10.4 6.4",
    State.SKIPPED: "M8 2a6 6 0 1 0 .01 0zM5.2 8h5.6",
    State.FAILED: "M5.2 2h5.6L14 5.2v5.6L10.8 14H5.2L2 10.8V5.2zM5.8 5.8l4.4 4.4M10.2 5.8l-4.4 4.4",
    State.CANCELLED: "M2.5 2.5h11v11h-11zM5.5 8h5",
}
SHAPES = {
    Shape.STEP: "M5 3.5L2 8l3 4.5M11 3.5L14 8l-3 4.5",
    Shape.CONTAINER: "M2.5 5L8 2l5.5 3v6L8 14l-5.5-3zM2.5 5L8 8l5.5-3M8 8v6",
    Shape.IMPORTER: "M8 2v7M5 6.5L8 9.5l3-3M2.5 10v3.5h11V10",
    Shape.CONDITION: "M8 1.5L14.5 8 8 14.5 1.5 8z",
    Shape.BRANCHES: "M8 2v4M8 6C8 9 3.5 8 3.5 12.5M8 6c0 3 4.5 2 4.5 6.5M2 11l1.5 2L5 11M11 11l1.5 2 1.5-2",
    Shape.LOOP: "M13.2 6A5.6 5.6 0 1 0 13.6 9M13.8 2.8V6.2h-3.4",
    Shape.EXIT: "M8 1.8l5.2 1.9v4.2c0 3-2.2 5.2-5.2 6.3-3-1.1-5.2-3.3-5.2-6.3V3.7z",
    Shape.PIPELINE: "M2.5 2.5h5v4h-5zM8.5 9.5h5v4h-5zM5 6.5v5h3.5",
}
GROUPS = frozenset({Shape.CONDITION, Shape.BRANCHES, Shape.LOOP, Shape.EXIT, Shape.PIPELINE})


def svg(graph: Graph, tasks: Iterable[TaskRun] = ()) -> str:
    """The picture of a graph; with the tasks of a run, how far each has come."""
    told = _told(graph, tuple(tasks))
    page = _page(graph, told)
    return "".join((_begun(graph, page, told, IN_A_PAGE), *_drawn(graph, page, told)))


def file(graph: Graph) -> str:
    """The picture as a file that stands alone, in the colours that the reader's system prefers: on a ground of its own,
    since what shows it may be light where the system is dark. One line for each thing, so that a diff can be read."""
    told = _told(graph, ())
    page = _page(graph, told)
    begin = _begun(graph, page, told, 'class="automlops"')
    return "\n".join((begin, LOOKS, _ground(page), *_drawn(graph, page, told), ""))


FRAME = '<div tabindex="0" role="group" aria-label="pipeline" style="overflow:auto;max-width:100%;max-height:42em">'


def html(graph: Graph, tasks: Iterable[TaskRun] = ()) -> str:
    """The picture in a frame that scrolls where it is larger than the page."""
    return f"{FRAME}{svg(graph, tasks)}</div>"


# What is told of a node


@noun
class Told:
    """How far a node has come, and the short lines that say so."""

    state: State | None = None
    lines: tuple[str, ...] = ()


def _told(graph: Graph, tasks: tuple[TaskRun, ...]) -> dict[str, Told]:
    if not tasks:
        return {node.path: Told() for node in graph.nodes}
    loops = {node.path for node in graph.nodes if node.shape is Shape.LOOP}
    runs: dict[str, list[TaskRun]] = {}
    items: dict[str, dict[str, list[TaskRun]]] = {}
    for task in tasks:
        path, seen = _place(task.path, loops)
        runs.setdefault(path, []).append(task)
        for loop, item in seen:
            items.setdefault(loop, {}).setdefault(item, []).append(task)
    told: dict[str, Told] = {}
    for node in graph.nodes:
        found = runs.get(node.path, [])
        around = told.get(node.parent, Told()).state
        state = _together([task.state for task in found]) if found else _unseen(around)
        lines = [_progress(node, state, found, items.get(node.path, {}))]
        told[node.path] = Told(state=state, lines=(*lines, *_metrics(found)))
    return told


def _place(path: str, loops: set[str]) -> tuple[str, list[tuple[str, str]]]:
    """The node that a task belongs to: its path without the numbers of items; and which item of which loop it is of."""
    place, whole = "", ""
    seen = []
    for part in path.split("/"):
        whole = f"{whole}/{part}" if whole else part
        if place in loops:
            loop, place = place, f"{place}/"
            seen.append((loop, whole))
        elif place.endswith("/"):
            place += part
        else:
            place = f"{place}/{part}" if place else part
    return place, seen


def _together(states: Sequence[State]) -> State:
    """One state for all the times that a node ran."""
    for state in (State.FAILED, State.CANCELLED, State.RUNNING):
        if state in states:
            return state
    left = states.count(State.WAITING)
    if left:
        return State.WAITING if left == len(states) else State.RUNNING
    for state in (State.SUCCEEDED, State.CACHED):
        if state in states:
            return state
    return State.SKIPPED


def _unseen(around: State | None) -> State:
    """The state of what never had its turn."""
    return State.WAITING if around is None or not around.over else State.SKIPPED


def _progress(node: Node, state: State, runs: Sequence[TaskRun], items: Mapping[str, list[TaskRun]]) -> str:
    took = _took(runs)
    if node.shape is Shape.LOOP and len(runs) == 1 and (items or state is State.SUCCEEDED):
        done = sum(all(task.state.over for task in tasks) for tasks in items.values())
        more = state is State.RUNNING and node.limit and node.count is None  # not all of them are known yet
        return _listed(f"{done} done" if more else f"{done} of {max(len(items), node.count or 0)} done", took)
    if len(runs) > 1:
        done = sum(task.state.over for task in runs)
        taken = sum(task.state is not State.SKIPPED for task in runs)
        ended = f"{taken} of {done} times" if taken < done else f"{done} times"
        return _listed(ended if done == len(runs) else f"{done} of {len(runs)} done", took)
    return took if state is State.SUCCEEDED and took else _listed(state.value, took)


def _listed(*words: str) -> str:
    return ", ".join(filter(None, words))


def _took(runs: Sequence[TaskRun]) -> str:
    """From the first start to the last end, once all have ended."""
    begun = [task for task in runs if task.started]
    if not begun or not all(task.state.over for task in runs):
        return ""
    return seconds(max(task.ended for task in begun) - min(task.started for task in begun))


def seconds(time: float) -> str:
    if time < 60:
        return f"{time:.1f} s" if time >= 0.1 else f"{time:.2f} s"
    minutes, rest = divmod(round(time), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def _metrics(runs: Sequence[TaskRun]) -> tuple[str, ...]:
    """What the steps measured, "accuracy 0.97"; of several runs from the least to the most."""
    found: dict[str, list[float | str]] = {}
    for task in runs:
        for name, value in _measured(task.outputs):
            found.setdefault(name, []).append(value)
    return tuple(f"{name} {_range(values)}" for name, values in list(found.items())[:3])


def _measured(outputs: str) -> Iterator[tuple[str, float | str]]:
    for _, artifact in artifacts.named(outputs):
        if artifacts.title(artifact) == "system.Metrics":
            for name, measure in artifacts.metadata(artifact).items():
                if isinstance(measure, (int, float, str)):
                    yield name, measure


def _range(values: Sequence[float | str]) -> str:
    numbers = [value for value in values if isinstance(value, (int, float)) and not isinstance(value, bool)]
    if len(numbers) < len(values):
        return str(values[-1])
    least, most = _short(min(numbers)), _short(max(numbers))
    return least if least == most else f"{least} to {most}"


def _short(number: float) -> str:
    return str(number) if isinstance(number, int) and abs(number) < 10**9 else f"{number:.4g}"


# Where everything stands


class Box(NamedTuple):
    """A node in its place, and the lines in it, the first of which is its name or title."""

    node: Node
    x: float
    y: float
    width: float
    height: float
    lines: tuple[str, ...]


class Way(NamedTuple):
    """An edge in its place: straight down each of these (x, from, to), in a curve from one to the next."""

    edge: Edge
    falls: tuple[tuple[float, float, float], ...]


class Page(NamedTuple):
    """What stands in a level, from its own corner."""

    boxes: tuple[Box, ...]
    ways: tuple[Way, ...]
    width: float
    height: float


Measure = Callable[[str, float], float]  # how wide a text is in a size


def placed(graph: Graph, width: float, measure: Measure) -> Page:
    """Where everything stands in a picture of this width that is as high as it need be."""
    return _page(graph, _told(graph, ()), width, inf, measure)


def _page(
    graph: Graph,
    told: Mapping[str, Told],
    width: float = WIDTH,
    tall: float = TALL,
    measure: Measure | None = None,
) -> Page:
    """Lays out the innermost groups first: in the level around it, a group is a box like any other."""
    levels: dict[str, list[Node]] = {ROOT: []}
    edges: dict[str, list[Edge]] = {}
    around, depths = {node.path: node.parent for node in graph.nodes}, {ROOT: 0}
    for node in graph.nodes:
        levels.setdefault(node.parent, []).append(node)
        depths[node.path] = depths[node.parent] + 1
    for edge in graph.edges:
        edges.setdefault(around[edge.before], []).append(edge)
    pages: dict[str, Page] = {}
    for path in sorted(levels, key=lambda path: -depths[path]):
        limit = max(width - 2 * PAD * depths[path], 3 * LONGEST)
        boxes = [_box(node, told[node.path], pages.get(node.path), measure or _wide) for node in levels[path]]
        pages[path] = _level(boxes, edges.get(path, []), limit, tall)
    return _whole(pages)


def _whole(pages: Mapping[str, Page]) -> Page:
    """Puts each level into the box of its group."""
    boxes: list[Box] = []
    ways: list[Way] = []
    left = [(ROOT, 0.0, 0.0)]
    while left:
        path, x, y = left.pop()
        for box in pages[path].boxes:
            box = box._replace(x=box.x + x, y=box.y + y)
            boxes.append(box)
            if box.node.path in pages:
                inside = pages[box.node.path]
                top = box.y + box.height - inside.height - PAD
                left.append((box.node.path, box.x + (box.width - inside.width) / 2, top))
        for way in pages[path].ways:
            ways.append(_moved(way, x, y))
    return pages[ROOT]._replace(boxes=tuple(boxes), ways=tuple(ways))


def _box(node: Node, told: Told, inside: Page | None, measure: Measure) -> Box:
    """A node with its size, not in its place yet."""
    if node.shape in GROUPS:
        return _group(node, told, inside or Page((), (), 0, 0), measure)
    lines = (node.name, *filter(None, (node.detail, *told.lines)))
    shown = tuple(_shortened(line, LONGEST, SMALL if place else NAME, measure) for place, line in enumerate(lines))
    widest = max(measure(line, SMALL if place else NAME) for place, line in enumerate(shown))
    return Box(node, 0, 0, max(widest, 40) + ICON + 2 * 10, 30 + LINE * (len(shown) - 1), shown)


def _group(node: Node, told: Told, inside: Page, measure: Measure) -> Box:
    """A box around a level, with a title."""
    title, *more = node.titles
    second = _listed(*more, *told.lines)
    shown = tuple(
        _shortened(line, 2 * LONGEST, size, measure) for line, size in ((title, NAME), (second, SMALL)) if line
    )
    widest = max(measure(line, size) for line, size in zip(shown, (NAME * 1.14, SMALL), strict=False)) + ICON
    head = 30 + LINE * (len(shown) - 1)
    height = head + inside.height + PAD if inside.boxes else head
    return Box(node, 0, 0, max(widest, inside.width) + 2 * PAD, height, shown)


NARROW = frozenset("iljtfrI.,:;'|!()[]` -/\\")
BROAD = frozenset("mwMW@%&#+=<>~")


def _wide(text: str, size: float) -> float:
    """About how wide a text is: no font can be asked, so rather too much."""
    return size * sum(map(_letter, text))


def _letter(letter: str) -> float:
    if letter in NARROW:
        return 0.38
    if letter in BROAD:
        return 0.86
    if letter > "\u1100" and is_wide(letter):
        return 1.05
    return 0.7 if letter.isupper() else 0.6


def is_wide(letter: str) -> bool:
    """Whether it takes as much room as two others."""
    from unicodedata import east_asian_width  # here, as few names have such letters

    return east_asian_width(letter) in "WF"


def _shortened(text: str, width: float, size: float, measure: Measure) -> str:
    """The text on one line, its middle left out where it is too long."""
    text = " ".join(text.split()) or text
    if measure(text, size) <= width:
        return text
    room, head, tail = width - size, "", ""
    for front, back in zip(text, reversed(text), strict=True):
        if measure(head + front + back + tail, size) > room:
            break
        head, tail = head + front, back + tail
    return f"{head.rstrip()}…{tail.lstrip()}"


# A level: rows from top to bottom, an order in each row, then a place


def _level(boxes: Sequence[Box], edges: Sequence[Edge], limit: float, tall: float) -> Page:
    """What hangs together is laid out together, and such parts stand side by side."""
    joined: dict[str, set[str]] = {box.node.path: {box.node.path} for box in boxes}
    for edge in edges:
        one, other = sorted((joined[edge.before], joined[edge.after]), key=len)
        if one is not other:
            other |= one
            joined.update(dict.fromkeys(one, other))
    parts: dict[int, tuple[list[Box], list[Edge]]] = {}
    for box in boxes:
        parts.setdefault(id(joined[box.node.path]), ([], []))[0].append(box)
    for edge in edges:
        parts[id(joined[edge.before])][1].append(edge)
    return _packed([_part(own, ways, limit, tall) for own, ways in parts.values()], limit)


def _packed(parts: Sequence[Page], limit: float) -> Page:
    """Parts side by side as far as there is room, the low ones under each other beside a high one."""
    shelves: list[Page] = []
    shelf: list[Page] = []
    if sum(part.width + 2 * GAP for part in parts) > limit:
        parts = sorted(parts, key=lambda part: -part.height)
    for part in parts:
        if shelf and shelf[-1].height + GAP + part.height <= shelf[0].height and part.width <= shelf[-1].width * 1.2:
            shelf[-1] = _joined([shelf[-1], part], across=False)
        elif shelf and sum(each.width + 2 * GAP for each in shelf) + part.width > limit:
            shelves.append(_joined(shelf, across=True))
            shelf = [part]
        else:
            shelf.append(part)
    return _joined([*shelves, _joined(shelf, across=True)], across=False)


def _joined(parts: Sequence[Page], *, across: bool) -> Page:
    """Several parts as one: from left to right, or one below the other and in the middle."""
    width = max((part.width for part in parts), default=0.0)
    boxes: list[Box] = []
    ways: list[Way] = []
    x = y = 0.0
    for part in parts:
        left = x if across else (width - part.width) / 2
        boxes += [box._replace(x=box.x + left, y=box.y + y) for box in part.boxes]
        ways += [_moved(way, left, y) for way in part.ways]
        x, y = (x + part.width + 2 * GAP, y) if across else (x, y + part.height + GAP)
    if across:
        return Page(tuple(boxes), tuple(ways), max(x - 2 * GAP, 0), max((part.height for part in parts), default=0.0))
    return Page(tuple(boxes), tuple(ways), width, max(y - GAP, 0))


def _moved(way: Way, x: float, y: float) -> Way:
    return way._replace(falls=tuple((at + x, begin + y, end + y) for at, begin, end in way.falls))


def _part(boxes: Sequence[Box], edges: Sequence[Edge], limit: float, tall: float) -> Page:
    """Sugiyama's way: rows by the longest way there, an order with few crossings, edges as straight as can be."""
    if len(boxes) == 1:
        return Page((boxes[0],), (), boxes[0].width, boxes[0].height)
    number = {box.node.path: place for place, box in enumerate(boxes)}
    pairs = [(number[edge.before], number[edge.after]) for edge in edges]
    widths = [box.width for box in boxes]
    points = Points(widths, _rows(widths, pairs, limit))
    points.thread(pairs)
    points.settle()
    return _folded(_placed(boxes, edges, pairs, points), limit, tall)


def _rows(widths: Sequence[float], pairs: Sequence[tuple[int, int]], limit: float) -> list[int]:
    """The row of each box: below all that it waits for, and no row wider than the limit."""
    before: list[list[int]] = [[] for _ in widths]
    after: list[list[int]] = [[] for _ in widths]
    for begin, end in pairs:
        before[end].append(begin)
        after[begin].append(end)
    rows = [0] * len(widths)
    for box in range(len(widths)):
        rows[box] = max((rows[each] + 1 for each in before[box]), default=0)
    for box in reversed(range(len(widths))):
        if after[box] and len(after[box]) >= len(before[box]):
            rows[box] = min(rows[each] for each in after[box]) - 1
    for box in range(len(widths)):
        if before[box] and len(before[box]) >= len(after[box]):
            rows[box] = max(rows[each] for each in before[box]) + 1
    taken = {row: place for place, row in enumerate(sorted(set(rows)))}
    rows = [taken[row] for row in rows]
    used: dict[int, float] = {}
    for box, row in enumerate(rows):
        used[row] = used.get(row, -GAP) + widths[box] + GAP
    return rows if max(used.values(), default=0) <= limit else _filled(widths, before, after, limit)


def _filled(
    widths: Sequence[float], before: Sequence[list[int]], after: Sequence[list[int]], limit: float
) -> list[int]:
    """Rows that are filled one by one. What follows the row above goes first, so that chains stay together."""
    rows = [0] * len(widths)
    waits = [len(each) for each in before]
    ready = [(0, box) for box, count in enumerate(waits) if not count]
    row, room, first = 0, limit, 0
    later: list[int] = []

    def row_ends(of: int, box: int, room: float) -> bool:
        return widths[box] > room and room < limit or of != first and room < limit / 3

    while ready or later:
        if not ready or row_ends(*ready[0], room):
            for box in later:
                heapq.heappush(ready, (-row - 1, box))
            row, room, later = row + 1, limit, []
            continue
        of, box = heapq.heappop(ready)
        first = of if room == limit else first
        rows[box], room = row, room - widths[box] - GAP
        for each in after[box]:
            waits[each] -= 1
            if not waits[each]:
                later.append(each)
    return rows


class Points:
    """What stands in the rows: boxes, and the lanes by which long edges pass through the rows between their ends.

    Edges that leave the same box, or that reach the same one, share a lane.
    """

    def __init__(self, widths: Sequence[float], rows: Sequence[int]) -> None:
        self.widths = list(widths)
        self.boxes = len(widths)
        self.rows = list(rows)
        self.up: list[list[int]] = [[] for _ in widths]
        self.down: list[list[int]] = [[] for _ in widths]
        self.x: list[float] = []
        self.order: list[list[int]] = []
        self.ways: dict[tuple[int, int], list[int]] = {}

    def thread(self, pairs: Sequence[tuple[int, int]]) -> None:
        """Leads each edge through the rows between its ends."""
        long = [pair for pair in pairs if self.rows[pair[1]] - self.rows[pair[0]] > 1]
        leaving, reaching = Counter(begin for begin, _ in long), Counter(end for _, end in long)
        lanes: dict[tuple[int, bool], dict[int, int]] = {}
        most = 12 * self.boxes + 200
        self.ways = {pair: [] for pair in pairs}
        for begin, end in sorted(long, key=lambda pair: self.rows[pair[1]] - self.rows[pair[0]]):
            shared = (begin, True) if leaving[begin] >= reaching[end] else (end, False)
            if len(self.rows) < most:
                self.ways[begin, end] = self.lane(lanes.setdefault(shared, {}), begin, end)
        joints = ((a, b) for pair, lane in self.ways.items() for a, b in pairwise((pair[0], *lane, pair[1])))
        for a, b in dict.fromkeys(joints):
            self.down[a].append(b)
            self.up[b].append(a)

    def lane(self, known: dict[int, int], begin: int, end: int) -> list[int]:
        """One point in each row on the way; those that are known are shared."""
        for row in range(self.rows[begin] + 1, self.rows[end]):
            if row not in known:
                known[row] = len(self.rows)
                self.rows.append(row)
                self.widths.append(0.0)
                self.up.append([])
                self.down.append([])
        return [known[row] for row in range(self.rows[begin] + 1, self.rows[end])]

    def settle(self) -> None:
        """An order in each row, by the middle of what each point is joined to; then a place."""
        self.order = [[] for _ in range(max(self.rows, default=-1) + 1)]
        for point, row in enumerate(self.rows):
            self.order[row].append(point)
        best, fewest = [row[:] for row in self.order], self.crossings()
        for sweep in range(SWEEPS):
            if not fewest:
                break
            self.sweep(self.down if sweep % 2 else self.up, self.order[::-1] if sweep % 2 else self.order)
            crossings = self.crossings()
            if crossings < fewest:
                best, fewest = [row[:] for row in self.order], crossings
        self.order = best
        self.place()

    def sweep(self, joined: Sequence[list[int]], rows: Sequence[list[int]]) -> None:
        place = {point: float(at) for row in rows for at, point in enumerate(row)}
        for row in rows:
            row.sort(key=lambda point: _mean([place[each] for each in joined[point]], place[point]))
            place.update((point, float(at)) for at, point in enumerate(row))

    def crossings(self) -> int:
        place = {point: at for row in self.order for at, point in enumerate(row)}
        found = 0
        for row in self.order:
            seen: list[int] = []
            for point in row:
                ends = sorted(place[each] for each in self.down[point])
                found += sum(len(seen) - bisect.bisect_right(seen, end) for end in ends)
                for end in ends:
                    bisect.insort(seen, end)
        return found

    def place(self) -> None:
        """Where each stands: near the middle of what it is joined to, in the order of its row, no row too far out."""
        self.x = [0.0] * len(self.rows)
        rows = [(row, [self.space(a, b) for a, b in pairwise(row)]) for row in self.order]
        ends = [(self.widths[row[0]] + self.widths[row[-1]]) / 2 for row in self.order]
        widest = max((sum(gaps) + end for (_, gaps), end in zip(rows, ends, strict=True)), default=0.0)
        for row, gaps in rows:
            at = -sum(gaps) / 2
            for point, gap in zip(row, [*gaps, 0.0], strict=True):
                self.x[point] = at
                at += gap
        still = 0  # ways, one after the other, on which nothing moved
        for joined, way in [(self.up, rows), (self.down, rows[::-1])] * 4:
            before = self.x[:]
            for row, gaps in way:
                wanted = [_mean([self.x[each] for each in joined[point]], self.x[point]) for point in row]
                weights = [1.0 if point < self.boxes else 4.0 for point in row]
                least = (self.widths[row[0]] - widest) / 2
                most = (widest - self.widths[row[-1]]) / 2 - sum(gaps)
                for point, at in zip(row, _apart(wanted, gaps, weights, least, most), strict=True):
                    self.x[point] = at
            still = still + 1 if self.x == before else 0
            if still == 2:
                break
        self.straighten(rows, widest + 2 * GAP)

    def straighten(self, rows: Sequence[tuple[list[int], list[float]]], widest: float) -> None:
        """Moves the points of a lane, and boxes that follow only each other, above each other if there is room."""
        beside: dict[int, tuple[int | None, float, int | None, float]] = {}
        for row, gaps in rows:
            for at, point in enumerate(row):
                left, right = (row[at - 1] if at else None), (row[at + 1] if at + 1 < len(row) else None)
                beside[point] = (left, gaps[at - 1] if at else 0.0, right, gaps[at] if right is not None else 0.0)

        def room(point: int) -> tuple[float, float]:
            left, before, right, behind = beside[point]
            edge = (widest - self.widths[point]) / 2
            return (
                self.x[left] + before if left is not None else -edge,
                self.x[right] - behind if right is not None else edge,
            )

        for chain in sorted(self.chains(), key=len, reverse=True) * 2:
            run: list[int] = []
            least, most = -widest, widest
            for point in chain:
                low, high = room(point)
                if run and max(least, low) > min(most, high):
                    self.align(run, least, most)
                    run, least, most = [], -widest, widest
                run.append(point)
                least, most = max(least, low), min(most, high)
            self.align(run, least, most)

    def align(self, run: Sequence[int], least: float, most: float) -> None:
        middle = sum(self.x[point] for point in run) / len(run)
        for point in run:
            self.x[point] = min(max(middle, least), most)

    def chains(self) -> list[list[int]]:
        """Points that would best stand straight below each other."""
        heirs = [self.middle(point, self.down[point]) for point in range(len(self.rows))]
        follows = {
            heir: point
            for point, heir in enumerate(heirs)
            if heir is not None and self.middle(heir, self.up[heir]) == point
        }
        heads = [point for point in range(len(self.rows)) if point not in follows]
        below = {point: heir for heir, point in follows.items()}
        chains = []
        for head in heads:
            chain = [head]
            while chain[-1] in below:
                chain.append(below[chain[-1]])
            if len(chain) > 1:
                chains.append(chain)
        return chains

    def middle(self, point: int, joined: Sequence[int]) -> int | None:
        """Of its neighbours in a row the one in the middle, of its own kind if any is; of an even number none is."""
        own = [each for each in joined if (each < self.boxes) is (point < self.boxes)] or joined
        return sorted(own, key=lambda each: self.x[each])[len(own) // 2] if len(own) % 2 else None

    def space(self, left: int, right: int) -> float:
        """How far apart the middles of two neighbours are at least."""
        boxes = (left < self.boxes) + (right < self.boxes)
        return (self.widths[left] + self.widths[right]) / 2 + (LANE, (LANE + GAP) / 2, GAP)[boxes]


def _mean(values: Sequence[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise


def _apart(
    wanted: Sequence[float], gaps: Sequence[float], weights: Sequence[float], least: float, most: float
) -> list[float]:
    """The places nearest to those wanted that keep the gaps: those that would overlap move as one block. The first is
    at `least` or right of it, and at `most` or left of it."""
    offset, offsets = 0.0, [0.0]
    for gap in gaps:
        offset += gap
        offsets.append(offset)
    blocks: list[tuple[float, float, int]] = []  # where, how heavy, how many
    for place, off, weight in zip(wanted, offsets, weights, strict=True):
        at, heavy, count = place - off, weight, 1
        while blocks and blocks[-1][0] > at:
            other, mass, more = blocks.pop()
            at, heavy, count = (at * heavy + other * mass) / (heavy + mass), heavy + mass, count + more
        blocks.append((at, heavy, count))
    flat = [at for at, _, count in blocks for _ in range(count)]
    return [min(max(at, least), most) + off for at, off in zip(flat, offsets, strict=True)]


def _placed(boxes: Sequence[Box], edges: Sequence[Edge], pairs: Sequence[tuple[int, int]], points: Points) -> Page:
    """The level in numbers: rows one below the other, everything right of its left side."""
    sides = [(points.x[point] - points.widths[point] / 2, points.widths[point]) for point in range(len(points.x))]
    left = min((side for side, _ in sides), default=0.0)
    width = max((side + wide for side, wide in sides), default=0.0) - left
    heights = [max((boxes[point].height for point in row if point < len(boxes)), default=0.0) for row in points.order]
    tops, top = [], 0.0
    for row, height in zip(points.order, heights, strict=True):
        tops.append(top)
        reach = max((abs(points.x[point] - points.x[each]) for point in row for each in points.down[point]), default=0)
        top += height + ROW + min(reach / 30, 24)
    placed = tuple(
        box._replace(x=sides[point][0] - left, y=tops[points.rows[point]]) for point, box in enumerate(boxes)
    )

    def fall(point: int) -> tuple[float, float, float]:
        row = points.rows[point]
        begin = tops[row] + (boxes[point].height if point < len(boxes) else 0.0)
        return points.x[point] - left, begin, tops[row] + heights[row]

    ways = []
    for edge, (begin, end) in zip(edges, pairs, strict=True):
        last = points.x[end] - left
        foot = tops[points.rows[end]]
        ways.append(Way(edge, (*map(fall, (begin, *points.ways[begin, end])), (last, foot, foot))))
    return Page(placed, tuple(ways), width, tops[-1] + heights[-1])


def _folded(page: Page, limit: float, tall: float) -> Page:
    """A high and narrow part as columns from left to right, cut where few edges pass."""
    pitch = page.width + FOLD
    count = min(int((limit + FOLD) // pitch), ceil(page.height / tall * 1.5))
    if page.height <= tall or count < 2:
        return page
    begins = sorted(way.falls[0][1] for way in page.ways)
    ends = sorted(way.falls[-1][1] for way in page.ways)

    def passing(top: float) -> int:
        return bisect.bisect_left(begins, top) - bisect.bisect_left(ends, top)

    tops = sorted({box.y for box in page.boxes})
    cuts = [0.0]
    for part in range(1, count):
        goal = page.height * part / count
        near = [top for top in tops if abs(top - goal) < page.height / count / 4 and top > cuts[-1]]
        if near and passing(best := min(near, key=lambda top: (passing(top), abs(top - goal)))) <= MOST:
            cuts.append(best)
    return _columns(page, cuts, pitch) if len(cuts) > 1 else page


def _columns(page: Page, cuts: Sequence[float], pitch: float) -> Page:
    """The part cut at these heights. What leads from one column to the next goes up between them."""

    def column(y: float) -> int:
        return bisect.bisect_right(cuts, y) - 1

    def moved(x: float, begin: float, end: float) -> tuple[float, float, float]:
        place = column(begin)
        return x + place * pitch, begin - cuts[place] + FOLD / 2, end - cuts[place] + FOLD / 2

    boxes = []
    for box in page.boxes:
        x, y, _ = moved(box.x, box.y, box.y)
        boxes.append(box._replace(x=x, y=y))
    ways = []
    for way in page.ways:
        falls = [moved(*way.falls[0])]
        for (_, begin, _), fall in pairwise(way.falls):
            if column(begin) != column(fall[1]):
                between = column(fall[1]) * pitch - FOLD / 2
                falls.append((between, falls[-1][2], FOLD / 2))
            falls.append(moved(*fall))
        ways.append(way._replace(falls=tuple(falls)))
    foot = max(box.y + box.height for box in boxes)
    return Page(tuple(boxes), tuple(ways), len(cuts) * pitch - FOLD, foot + FOLD / 2)


# Drawn


IN_A_PAGE = 'style="color:var(--jp-ui-font-color1,currentColor)"'
LOOKS = (
    "<style>.automlops{color:#1f2328}.automlops-ground{fill:#fff;stroke:#d1d9e0}@media (prefers-color-scheme:dark)"
    "{.automlops{color:#e6edf3}.automlops-ground{fill:#0d1117;stroke:#3d444d}}</style>"
)


def _ground(page: Page) -> str:
    """What a drawing that stands alone is painted on, up to its edges."""
    wide, high, edge = page.width + 2 * PAD - 1, page.height + 2 * PAD - 1, _n(0.5 - PAD)
    frame = f'x="{edge}" y="{edge}" width="{_n(wide)}" height="{_n(high)}" rx="7"'
    return f'<rect class="automlops-ground" {frame}/>'


def _begun(graph: Graph, page: Page, told: Mapping[str, Told], looks: str) -> str:
    """The drawing's own frame and its words for who cannot see it; `looks` says where its colour is from."""
    wide, high = page.width + 2 * PAD, page.height + 2 * PAD
    title = f"{graph.name}: {count(graph)}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" width="{_n(wide)}" height="{_n(high)}"'
        f' viewBox="{_n(-PAD)} {_n(-PAD)} {_n(wide)} {_n(high)}" font-family="system-ui,sans-serif"'
        f' font-size="{_n(NAME)}" {looks} fill="currentColor">'
        f"<title>{_text(title)}</title><desc>{_text(_described(graph, told))}</desc>"
    )


def _drawn(graph: Graph, page: Page, told: Mapping[str, Told]) -> Iterator[str]:
    if any(each.state is State.RUNNING for each in told.values()):
        yield PULSE
    for box in page.boxes:
        if box.node.shape in GROUPS:
            yield _box_drawn(box, told[box.node.path])
    names = {node.path: node.name for node in graph.nodes}
    yield '<g fill="none" stroke="currentColor" stroke-width="1.4" opacity=".6">'
    joining = Counter(way.edge.after for way in page.ways if way.edge.order and len(way.falls) > 2)
    for way in page.ways:
        yield _way_drawn(way, names, joining[way.edge.after] > 1)
    heads = dict.fromkeys(way.falls[-1][:2] for way in page.ways)
    arrows = "".join(f"M{_n(x)} {_n(y)}l-4-7h8z" for x, y in heads)
    if arrows:
        yield f'<path d="{arrows}" fill="currentColor" stroke="none"/>'
    yield "</g>"
    for box in page.boxes:
        if box.node.shape not in GROUPS:
            yield _box_drawn(box, told[box.node.path])
    yield "</svg>"


PULSE = (
    "<style>@media (prefers-reduced-motion:no-preference){.automlops-running{animation:automlops-running 1.6s"
    " ease-in-out infinite}}@keyframes automlops-running{50%{opacity:.35}}</style>"
)


def _box_drawn(box: Box, told: Told) -> str:
    node, state = box.node, told.state
    group = node.shape in GROUPS
    colour = COLOURS[state] if state else "currentColor"
    fill = "" if group else f'<rect {_frame(box)} fill="{colour}" fill-opacity=".06" stroke="none"/>'
    dashes = ' stroke-dasharray="5 4"' if state is State.SKIPPED else ""
    strength = ".35" if state is None else ".6" if group else "1"
    said = f' data-state="{state.value}"' if state else ""
    running = ' class="automlops-running"' if state is State.RUNNING else ""
    icon = STATES[state] if state else SHAPES[node.shape]
    return (
        f'<g data-node="{_attribute(node.path)}" data-shape="{node.shape.value}"{said}>'
        f"<title>{_text(_title(node, told))}</title>{fill}"
        f'<rect {_frame(box)} fill="currentColor" fill-opacity="{".03" if group else "0"}" stroke="{colour}"'
        f' stroke-opacity="{strength}"{dashes}/>'
        f'<path{running} transform="translate({_n(box.x + 10)} {_n(box.y + 7)})" d="{icon}" fill="none"'
        f' stroke="{colour}" stroke-width="1.6" stroke-linecap="round" stroke-linejoin="round"/>'
        f"{_lines(box, group)}</g>"
    )


def _frame(box: Box) -> str:
    return f'x="{_n(box.x)}" y="{_n(box.y)}" width="{_n(box.width)}" height="{_n(box.height)}" rx="7"'


def _lines(box: Box, group: bool) -> str:
    x, y = box.x + 10 + ICON, box.y + 20
    first, *rest = box.lines
    weight = ' font-weight="600"' if group else ""
    lines = [f'<text x="{_n(x)}" y="{_n(y)}"{weight}>{_text(first)}</text>']
    for number, line in enumerate(rest, 1):
        small = f'font-size="{_n(SMALL)}" fill-opacity=".75"'
        lines.append(f'<text x="{_n(x)}" y="{_n(y + LINE * number)}" {small}>{_text(line)}</text>')
    return "".join(lines)


class Bend(NamedTuple):
    """A curve of a way: from where it is to where it leads, and how far it goes straight on at both ends."""

    x: float
    end: float
    leave: float
    reach: float
    at: float
    top: float

    @property
    def length(self) -> float:
        """As near as some short lines come to it."""
        points = []
        for step in range(25):
            t, u = step / 24, 1 - step / 24
            across = (u**3 + 3 * u * u * t) * self.x + (3 * u * t * t + t**3) * self.at
            down = u**3 * self.end + 3 * u * u * t * self.leave + 3 * u * t * t * self.reach + t**3 * self.top
            points.append((across, down))
        return sum(dist(one, other) for one, other in pairwise(points))


def _bends(way: Way) -> Iterator[Bend]:
    (x, _, end), *rest = way.falls
    is_rising = False
    for at, top, bottom in rest:
        rises = bottom < top
        if is_rising is not rises:  # it turns round, between two columns
            leave, reach = end + (-FOLD if is_rising else FOLD) / 2, top + (FOLD if rises else -FOLD) / 2
        else:
            leave = reach = (end + top) / 2
        if at != x:
            yield Bend(x, end, leave, reach, at, top)
        x, end, is_rising = at, bottom, rises


def _way_drawn(way: Way, names: Mapping[str, str], joins: bool) -> str:
    parts = [f"M{_n(way.falls[0][0])} {_n(way.falls[0][1])}"]
    for x, end, leave, reach, at, top in _bends(way):
        parts.append(f"V{_n(end)}C{_n(x)} {_n(leave)} {_n(at)} {_n(reach)} {_n(at)} {_n(top)}")
    parts.append(f"V{_n(way.falls[-1][2])}")
    edge = way.edge
    before, after = names[edge.before], names[edge.after]
    title = f"{after} waits for {before}" if edge.order else f"{after} takes what {before} gave"
    kind = f'data-edge="order" stroke-dasharray="{DASH} {DASH}"' if edge.order else 'data-edge="data"'
    phase = f' stroke-dashoffset="{_n(-_length(way) % (2 * DASH))}"' if edge.order and joins else ""
    return (
        f'<path data-from="{_attribute(edge.before)}" data-to="{_attribute(edge.after)}" {kind}{phase}'
        f' d="{"".join(parts)}"><title>{_text(title)}</title></path>'
    )


DASH = 4


def _length(way: Way) -> float:
    """How long a way is. Dashes that are counted from its end lie on those of the ways that it joins."""
    bends = list(_bends(way))
    turns = [way.falls[0][1], *(each for bend in bends for each in (bend.end, bend.top)), way.falls[-1][2]]
    straight = sum(abs(end - begin) for begin, end in zip(turns[::2], turns[1::2], strict=True))
    return straight + sum(bend.length for bend in bends)


def _title(node: Node, told: Told) -> str:
    """All there is to say of a node, for who points at it."""
    what = f"{node.name} ({node.shape.value})"
    more = [node.detail, told.state.value if told.state else "", *told.lines]
    return "; ".join(filter(None, (what, *dict.fromkeys(more))))


def count(graph: Graph) -> str:
    """How many steps it has: "3 steps"."""
    steps = sum(node.shape not in GROUPS for node in graph.nodes)
    return f"{steps} step{'s' * (steps != 1)}"


def _described(graph: Graph, told: Mapping[str, Told]) -> str:
    """The graph in words, for who cannot see it."""
    names = {node.path: _clipped(node.name) for node in graph.nodes}
    before: dict[str, list[str]] = {}
    for edge in graph.edges:
        before.setdefault(edge.after, []).append(names[edge.before])
    shown = [_in_words(node, before.get(node.path, []), names, told[node.path]) for node in graph.nodes[:TOLD]]
    more = len(graph.nodes) - len(shown)
    return f"{count(graph)}: {', '.join(shown)}{f' and {more} more' if more else ''}"


def _in_words(node: Node, before: Sequence[str], names: Mapping[str, str], told: Told) -> str:
    words = [names[node.path]]
    if node.parent in names:
        words.append(f"in {names[node.parent]}")
    if before:
        more = [f"{len(before) - 4} more"] if len(before) > 5 else []
        words.append(f"after {' and '.join([*before[: 4 if more else 5], *more])}")
    if told.state:
        words.append(f"({told.state.value})")
    return " ".join(words)


def _clipped(name: str) -> str:
    return name if len(name) <= 60 else f"{name[:59]}…"


def _n(number: float) -> str:
    """A number with at most one digit behind the point."""
    return f"{round(number, 1) + 0.0:.1f}".removesuffix(".0")


BARRED = "[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"


def _text(text: str) -> str:
    """Text in XML. A character that XML cannot hold is written as Python writes it."""
    if not text.isprintable():  # what can be shown can be written, and the pattern is slow to compile
        text = re.sub(BARRED, lambda found: ascii(found[0])[1:-1], text)
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\r", "&#13;")


def _attribute(text: str) -> str:
    """Text between double quotes in XML."""
    return _text(text).replace('"', "&quot;").replace("\t", "&#9;").replace("\n", "&#10;")
