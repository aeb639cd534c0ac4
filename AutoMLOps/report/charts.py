"""Confusion matrices and ROC curves, drawn as HTML and SVG without any script."""

import math
from collections.abc import Iterator, Sequence

from .markup import name, text
from .measures import Curve, Matrix, Point
from .words import number

WIDEST = 30  # classes of a confusion matrix that is drawn
FINEST = 300  # points of a curve that are drawn
SHADES = 10  # classes of colour of a heat map: heat-0 to heat-9
LEFT, TOP, SIDE = 46, 10, 250  # of the square in which a curve is drawn


def matrix(drawn: Matrix) -> str:
    """A heat map, shaded by the share of each row: a table, so that it can be read aloud, copied and printed."""
    wide = len(drawn.labels)
    if wide > WIDEST:
        return f"<p>The confusion matrix has {wide} classes: too many to be shown here.</p>"
    heads = "".join(f'<th scope="col">{name(label)}</th>' for label in drawn.labels)
    body = "".join(
        f'<tr><th scope="row">{name(label)}</th>{"".join(_cells(row))}</tr>'
        for label, row in zip(drawn.labels, drawn.rows, strict=True)
    )
    return (
        f'<table class="matrix"><thead><tr><td></td><th scope="colgroup" colspan="{wide}">predicted</th></tr>'
        f'<tr><th scope="col">actual</th>{heads}</tr></thead><tbody>{body}</tbody></table>'
    )


def _cells(row: Sequence[float]) -> Iterator[str]:
    whole = sum(row)
    for cell in row:
        share = cell / whole if whole else 0.0
        part = f" <small>{share:.0%}</small>" if whole else ""
        yield f'<td class="heat-{min(int(share * SHADES), SHADES - 1)}">{number(cell)}{part}</td>'


def curve(drawn: Curve, of: str) -> str:
    """The curve with its axes, and the diagonal that chance would give."""
    shown = _thinned(drawn.points)
    path = " ".join(f"{_x(x)},{_y(y)}" for x, y, _ in shown)
    label = f"ROC curve of {of}: area under the curve {drawn.area:.3f}"
    return (
        f'<svg class="roc" role="img" aria-label="{text(label)}" viewBox="0 0 310 304" width="310" height="304">'
        f"{''.join(_axes())}"
        f'<polygon class="under" points="{_x(0)},{_y(0)} {path} {_x(1)},{_y(0)}"/>'
        f'<line class="chance" x1="{_x(0)}" y1="{_y(0)}" x2="{_x(1)}" y2="{_y(1)}"/>'
        f'<text class="chance-name" x="{_x(0.62)}" y="{_y(0.52)}">chance</text>'
        f'<polyline class="curve" points="{path}"/>{"".join(_dots(shown))}</svg>'
    )


def _thinned(points: Sequence[Point]) -> list[Point]:
    step = max(1, math.ceil(len(points) / FINEST))
    return [*points[:-1:step], points[-1]]


def _axes() -> Iterator[str]:
    for tenth in (0, 0.25, 0.5, 0.75, 1):
        yield f'<line class="grid" x1="{_x(tenth)}" y1="{_y(0)}" x2="{_x(tenth)}" y2="{_y(1)}"/>'
        yield f'<line class="grid" x1="{_x(0)}" y1="{_y(tenth)}" x2="{_x(1)}" y2="{_y(tenth)}"/>'
        yield f'<text x="{_x(tenth)}" y="{_y(0) + 16:g}" text-anchor="middle">{tenth:g}</text>'
        yield f'<text x="{LEFT - 7}" y="{_y(tenth) + 4:g}" text-anchor="end">{tenth:g}</text>'
    yield f'<text class="axis" x="{_x(0.5)}" y="{_y(0) + 36:g}" text-anchor="middle">false positive rate</text>'
    turned = f'transform="rotate(-90)" x="{-_y(0.5):g}" y="12" text-anchor="middle"'
    yield f'<text class="axis" {turned}>true positive rate</text>'


def _dots(points: Sequence[Point]) -> Iterator[str]:
    """The points of a short curve, each with its threshold."""
    for x, y, at in points if len(points) <= 40 else ():
        if at is not None:
            said = f"threshold {at:.3g}: {y:.3g} of the positives found, {x:.3g} of the negatives taken for them"
            yield f'<circle class="dot" cx="{_x(x)}" cy="{_y(y)}" r="2.5"><title>{said}</title></circle>'


def _x(rate: float) -> float:
    return round(LEFT + SIDE * rate, 1)


def _y(rate: float) -> float:
    return round(TOP + SIDE * (1 - rate), 1)
