"""What the steps of a run measured: numbers, confusion matrices and ROC curves, as values."""

import json
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any, TypeGuard

from ..artifacts import metadata, named, title
from ..model import TaskRun
from ..nouns import noun
from .words import is_number

DRAWN = ("confusionMatrix", "confidenceMetrics", "evaluationSlices")


@noun
class Metric:
    """One number (or what else a step logged as one). `origin` is the output that it is in; none if returned."""

    origin: str
    name: str
    value: object


@noun
class Matrix:
    """How often each class (a row) was taken for each class (a column)."""

    labels: tuple[str, ...]
    rows: tuple[tuple[float, ...], ...]

    @property
    def total(self) -> float:
        return sum(map(sum, self.rows))

    @property
    def right(self) -> float:
        """The share that was taken for what it is."""
        return sum(row[place] for place, row in enumerate(self.rows)) / self.total if self.total else 0.0


Point = tuple[float, float, float | None]


@noun
class Curve:
    """A ROC curve: false positive rate, true positive rate and threshold of each point, from (0, 0) to (1, 1)."""

    points: tuple[Point, ...]

    @property
    def area(self) -> float:
        """The area under it, by trapezoids."""
        return sum((right[0] - left[0]) * (right[1] + left[1]) / 2 for left, right in pairwise(self.points))


def measured(task: TaskRun) -> Iterator[Metric]:
    """The numbers that a step returned, and the metrics that it logged."""
    for name, value in json.loads(task.outputs).items():
        if is_number(value):
            yield Metric(origin="", name=name, value=value)
    yield from logged(task)


def logged(task: TaskRun) -> Iterator[Metric]:
    for output, artifact in named(task.outputs):
        if title(artifact).endswith("Metrics"):
            for part, said in classified(artifact):
                origin = f"{output}, {part}" if part else output
                yield from (Metric(origin=origin, name=name, value=said[name]) for name in said if name not in DRAWN)
                if curve := curve_of(said):
                    yield Metric(origin=origin, name="area under ROC", value=curve.area)


def classified(artifact: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """What was said of an artifact: of the whole, without a name, and of each slice of sliced metrics."""
    whole = metadata(artifact)
    yield "", whole
    for each in _list(whole.get("evaluationSlices")):
        match each:
            case {"sliceClassificationMetrics": dict() as inside, **rest}:
                yield str(rest.get("slice", "")), inside


def matrix_of(said: Mapping[str, Any]) -> Matrix | None:
    """The confusion matrix in an artifact's metadata, if there is a whole one."""
    match said.get("confusionMatrix"):
        case {"annotationSpecs": list(specs), "rows": list(rows)}:
            labels = tuple(str(each.get("displayName", "")) if isinstance(each, dict) else str(each) for each in specs)
            cells = tuple(tuple(_list(row.get("row") if isinstance(row, dict) else row)) for row in rows)
            square = len(cells) == len(labels) > 0 and all(len(row) == len(labels) for row in cells)
            if square and all(_counts(cell) for row in cells for cell in row):
                return Matrix(labels=labels, rows=cells)
    return None


def curve_of(said: Mapping[str, Any]) -> Curve | None:
    """The ROC curve in an artifact's metadata, if there is one; what is no rate is left out of it."""
    found: list[Point] = []
    for each in _list(said.get("confidenceMetrics")):
        match each:
            case {"falsePositiveRate": x, "recall": y, **rest} if _is_rate(x) and _is_rate(y):
                at = rest.get("confidenceThreshold")
                found.append((float(x), float(y), float(at) if _counts(at) else None))
    if not found:
        return None
    found.sort(key=lambda point: point[:2])
    first: list[Point] = [] if found[0][:2] == (0, 0) else [(0.0, 0.0, None)]
    last: list[Point] = [] if found[-1][:2] == (1, 1) else [(1.0, 1.0, None)]
    return Curve(points=(*first, *found, *last))


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _counts(value: object) -> TypeGuard[int | float]:
    return is_number(value) and 0 <= value <= 1e15


def _is_rate(value: object) -> TypeGuard[int | float]:
    return is_number(value) and 0 <= value <= 1
