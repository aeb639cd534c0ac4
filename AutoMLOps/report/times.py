"""When each step ran: a table with a bar for each."""

from bisect import bisect_left

from ..model import TaskRun
from .markup import Part, linked, named, state, table
from .told import Line, Told
from .words import seconds

STEPS = [factor * 10.0**power for power in range(-4, 1) for factor in (1, 2, 5)]
STEPS += [10, 20, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 604800]


def part(told: Told) -> Part:
    rows = "".join(_row(told, line) for line in told.lines)
    heads = ("Step", "State", "Began", "Took", f'<span class="off">When</span>{axis(told.span)}')
    inside = table("each step in its time", heads, rows, ("", "", "number", "number", "when"), heard=True)
    return Part(title="Timeline", anchor="timeline", inside=inside if rows else "")


def _row(told: Told, line: Line) -> str:
    task = line.task
    began, took, when = _times(told, task) if task.started else ("", "", "")
    notes = f" <small>{task.attempts} attempts</small>" if task.attempts > 1 else ""
    return (
        f'<tr><th scope="row" class="depth-{min(line.depth, 5)}">{linked(line) if line.leaf else named(line)}</th>'
        f"<td>{state(task.state)}{notes}</td>"
        f'<td class="number">{began}</td><td class="number">{took}</td><td class="when">{when}</td></tr>'
    )


def _times(told: Told, task: TaskRun) -> tuple[str, str, str]:
    begin, took = task.started - told.run.started, told.took(task)
    kind = "group" if task.group else task.state.value
    return f"+{seconds(begin)}", seconds(took), bar(begin, begin + took, told.span, kind)


def axis(span: float) -> str:
    """The marks of time above the bars, and the lines that each bar shows again."""
    marks = [(at, _share(at, span)) for at in ticks(span)]
    lines = "".join(f'<line class="grid" x1="{share}" x2="{share}" y1="0" y2="100%"/>' for _, share in marks)
    names = "".join(
        f'<text x="{share}" y="13" text-anchor="{_side(at / span)}">{_mark(at, span)}</text>' for at, share in marks
    )
    return (
        f'<svg class="bar axis" aria-hidden="true" width="100%" height="18">{names}</svg>'
        f'<svg class="defs" aria-hidden="true" width="0" height="0"><g id="time-grid">{lines}</g></svg>'
    )


def bar(begin: float, end: float, span: float, kind: str) -> str:
    """When something was: a bar from `begin` to `end` of `span` seconds, in the colour of its kind."""
    left = min(max(begin, 0.0), span)
    width = min(max(end - left, span / 200), span)
    left = min(left, span - width)
    return (
        '<svg class="bar" aria-hidden="true" width="100%" height="18"><use href="#time-grid"/>'
        f'<rect class="fill {kind}" x="{_share(left, span)}" width="{_share(width, span)}" y="3" height="12" rx="3"/>'
        "</svg>"
    )


def ticks(span: float) -> list[float]:
    """Round moments, four to eight of them, the first being 0."""
    step = STEPS[min(bisect_left(STEPS, span / 7), len(STEPS) - 1)]
    return [round(step * place, 9) for place in range(int(span / step) + 1)]


def _mark(at: float, span: float) -> str:
    if span <= 140:
        return f"{at:g} s"
    return f"{at / 60:g} min" if span < 7200 else f"{at / 3600:g} h"


def _side(share: float) -> str:
    return "start" if share < 0.02 else "end" if share > 0.93 else "middle"


def _share(at: float, span: float) -> str:
    return f"{100 * at / span:.2f}%"
