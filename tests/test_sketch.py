"""A graph in letters: all of it, joined as it is, and no wider than the terminal where that can be."""

import re

import pytest
from test_picture import chain, drawn, fan, rows

from AutoMLOps import sketch
from AutoMLOps.graph import Graph, Shape

DIAMOND = drawn(["a", "b", "c", "d", "e"], ["a b", "a c", "b d", "c d", "d ~e"])


def test_a_diamond():
    assert (
        "\n".join(sketch.lines(DIAMOND, 80))
        == """\
       ┌─────────┐
       │ a       │
       └────┬────┘
            │
     ┌──────┴─────┐
     │            │
     ▼            ▼
┌─────────┐  ┌─────────┐
│ b       │  │ c       │
└────┬────┘  └────┬────┘
     │            │
     └──────┬─────┘
            │
            ▼
       ┌─────────┐
       │ d       │
       └────┬────┘
            │
            │
            ▽
       ┌─────────┐
       │ e       │
       └─────────┘
▽ only waits, and takes nothing"""
    )


def test_a_group_is_a_frame_around_what_is_in_it():
    shapes, details = {"loop": Shape.LOOP}, {"loop": "for each of [1, 2, 3], 2 at a time"}
    graph = drawn(["load", "loop", "loop/train"], ["load loop"], shapes, details)
    assert (
        "\n".join(list(sketch.lines(graph, 80))[-8:])
        == """\
                    ▼
┌───────────────────────────────────────┐
│ ↻ for each of [1, 2, 3], 2 at a time  │
│                                       │
│              ┌─────────┐              │
│              │ train   │              │
│              └─────────┘              │
└───────────────────────────────────────┘"""
    )


GRAPHS = {"chain": chain(40), "fan": fan(9), "rows": rows(4), "diamond": DIAMOND}


@pytest.mark.parametrize("columns", [80, 120, 200])
@pytest.mark.parametrize("name", GRAPHS)
def test_every_step_is_in_it_whole_and_nothing_is_wider_than_the_terminal(name, columns):
    lines = list(sketch.lines(GRAPHS[name], columns))
    assert max(map(len, lines)) <= columns
    written = re.findall(r"│ ([\w-]+) +(?=│)", "\n".join(lines))
    assert sorted(written) == sorted(node.name for node in GRAPHS[name].nodes)


@pytest.mark.parametrize("name", GRAPHS)
def test_what_leaves_a_step_arrives_at_those_that_it_leads_to(name):
    graph = GRAPHS[name]
    lines = list(sketch.lines(graph, 120))
    found = {edge for node in graph.nodes for edge in followed(lines, graph, node.name)}
    assert {(edge.before.rpartition("/")[2], edge.after.rpartition("/")[2]) for edge in graph.edges} <= found


def followed(lines: list[str], graph: Graph, name: str) -> set[tuple[str, str]]:
    """The steps that a pen comes to which leaves the foot of a step and never goes up."""
    (start,) = [(y, line) for y, line in enumerate(lines) if re.search(rf"│ {re.escape(name)} +│", line)]
    y, line = start
    left = line.index(f"│ {name} ")
    pens = [(y + 1, x) for x in range(left, line.index("│", left + 1)) if lines[y + 1][x] == "┬"]
    seen: set[tuple[int, int]] = set()
    reached = set()
    while pens:
        y, x = pens.pop()
        if (y, x) in seen:
            continue
        seen.add((y, x))
        sign = lines[y][x]
        if sign in "▼▽":
            reached.add((name, word(lines[y + 2], x)))
            continue
        if sign in "│┐┌├┤┬┼":
            pens.append((y + 1, x))
        if sign in "─┐┘┤┴┬┼" and (y, x) not in [(y, x) for y, x in pens] and lines[y][x - 1] in "─└┌├┴┬┼":
            pens.append((y, x - 1))
        if sign in "─└┌├┴┬┼" and x + 1 < len(lines[y]) and lines[y][x + 1] in "─┐┘┤┴┬┼":
            pens.append((y, x + 1))
    return reached


def word(line: str, x: int) -> str:
    """The name in the frame around this place."""
    return line[line.rindex("│", 0, x) + 1 : line.index("│", x)].strip()


def test_letters_that_are_as_wide_as_two_and_those_that_cannot_be_shown_keep_the_frame_straight():
    graph = drawn(["a", "b"], ["a b"], details={"a": "葡萄酒 wine", "b": "bell\x07 and \x1b[31mred"})
    lines = list(sketch.lines(graph, 80))
    assert not [line for line in lines if not line.isprintable()]
    (told,) = [line for line in lines if "葡萄酒" in line]
    frame = next(line for line in lines if "┌" in line)
    assert len(told) + 3 == len(frame)
