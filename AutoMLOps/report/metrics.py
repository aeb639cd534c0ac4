"""The metrics on the page: in tables, the runs of one component side by side, and drawn."""

from collections.abc import Iterator, Sequence

from ..artifacts import named
from . import charts
from .markup import Part, linked, name, table, text, wide
from .measures import Metric, classified, curve_of, matrix_of, measured
from .told import Line, Told, kin
from .words import as_json, brief, cut, is_number, number

FIGURES = 4  # that are seen at once

Measured = tuple[Line, tuple[Metric, ...]]


def part(told: Told) -> Part:
    kindred: dict[str, list[Measured]] = {}
    for line in told.leaves:
        if found := tuple(measured(line.task)):
            kindred.setdefault(kin(line.task), []).append((line, found))
    single = [several[0] for several in kindred.values() if len(several) == 1]
    compared = "".join(_compared(of, several) for of, several in kindred.items() if len(several) > 1)
    return Part(title="Metrics", anchor="metrics", inside=_listed(single) + compared + _figures(told))


def _listed(single: Sequence[Measured]) -> str:
    rows = "".join(
        f'<tr><th scope="row">{linked(line)}</th><td><bdi>{text(metric.origin) or "returned"}</bdi></td>'
        f"<td><bdi>{name(metric.name)}</bdi></td>{_cell(metric.value)}</tr>"
        for line, metrics in single
        for metric in metrics
    )
    heads, kinds = ("Step", "Output", "Metric", "Value"), ("", "", "", "number")
    return table("metrics of each step", heads, rows, kinds) if rows else ""


def _compared(of: str, several: Sequence[Measured]) -> str:
    """The runs of one component: a row for each, a column for each metric."""
    columns = dict.fromkeys((metric.origin, metric.name) for _, metrics in several for metric in metrics)
    rows = []
    for line, metrics in several:
        known = {(metric.origin, metric.name): metric.value for metric in metrics}
        cells = (_cell(known[column]) if column in known else "<td></td>" for column in columns)
        rows.append(f'<tr><th scope="row">{linked(line)}</th>{"".join(cells)}</tr>')
    heads = (f"<bdi>{name(each)}</bdi> <small>{text(origin) or 'returned'}</small>" for origin, each in columns)
    return table(f"{text(of)}, run by run", ("Step", *heads), "".join(rows), ("", *["number"] * len(columns)))


def _cell(value: object) -> str:
    """Numbers with their digits below each other; a title tells those that are left out."""
    if not is_number(value):
        return f'<td class="said"><bdi>{text(brief(value, 200))}</bdi></td>'
    short, whole = brief(value), cut(as_json(value), 60)
    title = f' title="{text(whole)}"' if short != whole else ""
    return f'<td class="number"{title}>{text(short)}</td>'


def _figures(told: Told) -> str:
    figures = [figure for line in told.leaves for figure in _drawn(line)]
    shown = f'<div class="figures">{"".join(figures[:FIGURES])}</div>\n' if figures else ""
    rest = figures[FIGURES:]
    more = f'<details><summary>{len(rest)} more</summary><div class="figures">{"".join(rest)}</div></details>\n'
    return shown + (more if rest else "")


def _drawn(line: Line) -> Iterator[str]:
    """The confusion matrices and ROC curves of a step."""
    for output, artifact in named(line.task.outputs):
        for part, said in classified(artifact):
            of = " · ".join(each for each in (line.name, *line.apart, output, part) if each)
            link = f'<a href="#{line.anchor}"><bdi>{text(of)}</bdi></a>'
            if matrix := matrix_of(said):
                right = f"{matrix.right:.1%} of {number(matrix.total)} on the diagonal"
                yield _figure(charts.matrix(matrix), f"{link}: confusion matrix, {right}", of)
            if curve := curve_of(said):
                yield _figure(charts.curve(curve, of), f"{link}: ROC curve, area {curve.area:.3f}", of)


def _figure(drawn: str, caption: str, of: str) -> str:
    return f"<figure>{wide(drawn, text(of))}<figcaption>{caption}</figcaption></figure>\n"
