"""What a person sees of the runs on record: a table, several side by side, where an artifact came from."""

import json
import os
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any, overload

from .errors import BadInput
from .model import Problem, Run, State, TaskRun
from .nouns import noun
from .records import recorded
from .report.artifacts import named, title
from .report.measures import logged
from .timeline import frame, place


@dataclass(frozen=True, slots=True)
class Runs(Sequence[Run]):
    """The runs on record, the newest first. `runs[0]` is the last one, `runs[:3]` the last three."""

    runs: tuple[Run, ...]

    def __len__(self) -> int:
        return len(self.runs)

    @overload
    def __getitem__(self, which: int) -> Run: ...
    @overload
    def __getitem__(self, which: slice) -> "Runs": ...
    def __getitem__(self, which: int | slice) -> "Run | Runs":
        return Runs(self.runs[which]) if isinstance(which, slice) else self.runs[which]

    def compare(self) -> "Comparison":
        """These runs side by side: their parameters, their metrics, their steps. `runs[:2].compare()`: the last two."""
        return Comparison(self.runs)

    def lineage(self, artifact: str | os.PathLike[str]) -> "Origin":
        """Where an artifact came from: of which step, made from what, and so on to the first. Named by its path, or as
        "step.output", which is the newest one of that name."""
        wanted = os.fspath(artifact)
        made = list(_made(self.runs))
        for one in made:
            if wanted in (one.uri, f"{one.task.name}.{one.name}") or os.path.abspath(wanted) == one.uri:
                return one
        known = ", ".join(dict.fromkeys(f"{one.task.name}.{one.name}" for one in made)) or "none"
        raise BadInput([Problem(message=f"no run on record made the artifact {wanted}", hint=f"there are: {known}")])

    def __str__(self) -> str:
        if not self.runs:
            return "no run is on record: AutoMLOps.rehearse() makes one"
        return _aligned([list(HEADS), *([*_row(run)] for run in self.runs)])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return frame(_table(HEADS, [_row(run) for run in self.runs])) if self.runs else frame(escape(str(self)))


HEADS = ("run", "state", "took", "parameters", "metrics")


def runs(output_dir: str | os.PathLike[str] | None = None) -> Runs:
    """The runs on record of a codebase, the newest first, with their parameters and metrics.

    Args:
        output_dir: The codebase; "AutoMLOps" if left out.

    Returns:
        A sequence of runs, which a notebook shows as a table. `.compare()` puts them side by side;
        `.lineage("train.model")` tells where an artifact came from.

    Example:
        AutoMLOps.runs()[:2].compare()
    """
    return Runs(recorded(os.fspath(output_dir or "AutoMLOps")))


def _row(run: Run) -> tuple[str, ...]:
    return (
        _name(run),
        run.state.value,
        f"{run.ended - run.started:.1f} s" if run.ended else "",
        _pairs(json.loads(run.parameters)),
        _pairs(metrics(run)),
    )


def _name(run: Run) -> str:
    return Path(run.folder).name


def _pairs(values: Mapping[str, object]) -> str:
    return ", ".join(f"{name}={_brief(value)}" for name, value in values.items())


def _brief(value: object) -> str:
    text = f"{value:.4g}" if isinstance(value, float) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:57]}..."


def metrics(run: Run) -> dict[str, Any]:
    """What the steps of a run logged as metrics; what was logged twice has its step's name, or its output's too."""
    found = [
        ((metric.name, f"{place(task)}.{metric.name}", f"{place(task)}.{metric.origin}.{metric.name}"), metric.value)
        for task in run.tasks
        if not task.group
        for metric in logged(task)
    ]
    often = Counter(name for names, _ in found for name in names)
    return {next((name for name in names if often[name] == 1), names[-1]): value for names, value in found}


# Side by side


@dataclass(frozen=True, slots=True)
class Comparison:
    """Runs side by side. `rows` has one for each parameter, metric and step, with a value for each run."""

    runs: tuple[Run, ...]

    @property
    def rows(self) -> dict[str, tuple[str, ...]]:
        told = [dict(_facts(run)) for run in self.runs]
        names = dict.fromkeys(name for each in told for name in each)
        return {name: tuple(each.get(name, "") for each in told) for name in names}

    @property
    def differences(self) -> dict[str, tuple[str, ...]]:
        """The rows in which the runs are not all alike; the times that steps took are left out."""
        return {name: values for name, values in self.rows.items() if len(set(values)) > 1 and name != "took"}

    def __str__(self) -> str:
        apart = self.differences
        rows = [[f"{'*' * (name in apart):1} {name}", *values] for name, values in self.rows.items()]
        return _aligned([["", *map(_name, self.runs)], *rows])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        apart = self.differences
        rows = [
            tuple(f"<strong>{escape(cell)}</strong>" if name in apart else escape(cell) for cell in (name, *values))
            for name, values in self.rows.items()
        ]
        return frame(_table(("", *map(_name, self.runs)), rows, escaped=True))


def _facts(run: Run) -> Iterator[tuple[str, str]]:
    yield "began", time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(run.started))
    yield "state", run.state.value
    yield "took", f"{run.ended - run.started:.1f} s" if run.ended else ""
    yield from ((f"parameter {name}", _brief(value)) for name, value in json.loads(run.parameters).items())
    yield from ((f"metric {name}", _brief(value)) for name, value in metrics(run).items())
    for task in run.tasks:
        if not task.group:
            yield f"step {place(task)}", "succeeded" if task.state is State.CACHED else task.state.value


# Where an artifact came from


@noun
class Origin:
    """An artifact, the step and run that made it, and the artifacts that step was given."""

    name: str
    uri: str
    kind: str
    task: TaskRun
    run: Run
    made: Mapping[str, "Origin"]

    @property
    def inputs(self) -> tuple["Origin", ...]:
        return tuple(
            self.made[artifact["uri"]] for _, artifact in named(self.task.inputs) if artifact["uri"] in self.made
        )

    @property
    def parameters(self) -> dict[str, Any]:
        files = {name for name, _ in named(self.task.inputs)}
        return {name: value for name, value in json.loads(self.task.inputs).items() if name not in files}

    def __str__(self) -> str:
        return "\n".join(_tree(self, 0))

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return frame(f"<pre>{escape(str(self))}</pre>")


def _made(runs: Sequence[Run]) -> Iterator[Origin]:
    """The artifacts that runs made. One that a later run took over is the earlier one's."""
    made: dict[str, Origin] = {}
    for run in runs:
        for task in run.tasks:
            for name, each in named(task.outputs) if not task.group else ():
                uri = each["uri"]
                if uri not in made or task.state is not State.CACHED:
                    made[uri] = Origin(name=name, uri=uri, kind=title(each), task=task, run=run, made=made)
    yield from made.values()


def _tree(origin: Origin, depth: int) -> Iterator[str]:
    given = _pairs(origin.parameters)
    indent = "    " * depth
    yield f"{indent}{origin.task.name}.{origin.name}  {origin.kind}  {origin.uri}"
    yield f"{indent}  by {place(origin.task)} in {_name(origin.run)}" + (f", given {given}" if given else "")
    for each in origin.inputs:
        yield from _tree(each, depth + 1)


# Tables


def _aligned(rows: list[list[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]], *, escaped: bool = False) -> str:
    told = [[cell if escaped else escape(cell) for cell in row] for row in rows]
    head = "".join(f'<th scope="col">{escape(each)}</th>' if each else "<td></td>" for each in heads)
    body = "".join(
        f'<tr><th scope="row">{row[0]}</th>{"".join(f"<td>{cell}</td>" for cell in row[1:])}</tr>' for row in told
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
