"""What a person sees of the runs on record: a table, several side by side, where an artifact came from."""

import json
import os
import re
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, overload

from . import nouns, standing
from .artifacts import named, title
from .errors import BadInput
from .markup import escape, frame, table
from .model import Problem, Run, State, TaskRun
from .nouns import noun
from .records import recorded
from .report.measures import logged
from .timeline import Rehearsed, place


@dataclass(frozen=True, slots=True)
class Runs(Sequence[Run]):
    """The runs on record, the newest first. `runs[0]` is the last one, step by step, `runs[0].report` its page,
    `runs[:3]` the last three."""

    runs: tuple[Run, ...]

    def __len__(self) -> int:
        return len(self.runs)

    @overload
    def __getitem__(self, which: int) -> Rehearsed: ...
    @overload
    def __getitem__(self, which: slice) -> "Runs": ...
    def __getitem__(self, which: int | slice) -> "Rehearsed | Runs":
        return Runs(self.runs[which]) if isinstance(which, slice) else _showing(self.runs[which])

    def compare(self) -> "Comparison":
        """These runs side by side: their parameters, their metrics, their steps. `runs[:2].compare()`: the last two."""
        return Comparison(self.runs)

    def lineage(self, artifact: str | os.PathLike[str]) -> "Origin":
        """Where an artifact came from: of which step, made from what, and so on to the first. Named by its path, or as
        "step.output", which is the newest one of that name."""
        wanted = os.fspath(artifact)
        names = (wanted, os.path.abspath(wanted))
        past = _Past.of(self.runs)
        for one in past.made:
            if one.uri in names or _called(one) == wanted:
                return past.first(one)
        message = f"no run on record made the artifact {_line(wanted)}"
        raise BadInput([Problem(message=message, hint=f"there are: {_known(past.made)}")])

    def __str__(self) -> str:
        if not self.runs:
            return "no run is on record: AutoMLOps.rehearse() makes one"
        return _aligned([list(HEADS), *([*_row(run)] for run in self.runs)])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        if not self.runs:
            return frame(escape(str(self)))
        return frame(table(HEADS, [[_html(cell) for cell in _row(run)] for run in self.runs]))


HEADS = ("run", "state", "took", "parameters", "metrics")
IN_A_CELL = 6
KNOWN = 20


def runs(output_dir: str | os.PathLike[str] | None = None) -> Runs:
    """The runs on record of a codebase, the newest first, with their parameters and metrics.

    Args:
        output_dir: The codebase; if left out, the one generated last, else the current folder or the AutoMLOps in it.

    Returns:
        A sequence of runs, which a notebook shows as a table; `[0]` is the last one, and its `report` the page that
        shows it. `.compare()` puts runs side by side; `.lineage("train.model")` tells where an artifact came from.

    Example:
        AutoMLOps.runs()
        AutoMLOps.runs()[:2].compare()
    """
    return Runs(recorded(standing.folder(output_dir)))


def _showing(run: Run) -> Rehearsed:
    """The run as rehearse() gives it: with a table of its steps, and its report."""
    return run if isinstance(run, Rehearsed) else Rehearsed(**nouns.named(run))


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
    return _some((f"{name}={_brief(value)}" for name, value in values.items()), len(values), IN_A_CELL)


def _some(words: Iterable[str], count: int, limit: int) -> str:
    """The first of many, and how many more there are."""
    more = f", and {count - limit} more" if count > limit else ""
    return ", ".join(islice(words, limit)) + more


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

TIMES = ("began", "took")  # these differ from run to run, and tell nothing


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
        """The rows in which the runs are not all alike; when they began and what they took is left out."""
        return {name: values for name, values in self.rows.items() if len(set(values)) > 1 and name not in TIMES}

    def __str__(self) -> str:
        apart = self.differences
        rows = [[f"{'*' * (name in apart):1} {name}", *values] for name, values in self.rows.items()]
        return _aligned([["", *map(_name, self.runs)], *rows])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        apart = self.differences
        rows = [
            tuple(f"<strong>{_html(cell)}</strong>" if name in apart else _html(cell) for cell in (name, *values))
            for name, values in self.rows.items()
        ]
        return frame(table(("", *map(_line, map(_name, self.runs))), rows))


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


When = tuple[int, float, int]  # which run, counted from the oldest; when the step began in it; which step it was


@noun
class Origin:
    """An artifact, the step and run that made it, and the artifacts that step was given."""

    name: str
    uri: str
    kind: str
    task: TaskRun
    run: Rehearsed
    when: When
    past: "_Past"

    @property
    def inputs(self) -> tuple["Origin", ...]:
        found = (self.past.given(self, artifact["uri"]) for _, artifact in named(self.task.inputs))
        return tuple(each for each in found if each)

    @property
    def parameters(self) -> dict[str, Any]:
        files = {name for name, _ in named(self.task.inputs)}
        return {name: value for name, value in json.loads(self.task.inputs).items() if name not in files}

    def __str__(self) -> str:
        return "\n".join(_tree(self))

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return frame(f"<pre>{escape(str(self))}</pre>")


class _Past:
    """What the steps of all runs gave, the newest first. What a step was given was there before that step, so that
    one who goes back from artifact to artifact comes to an end."""

    made: tuple[Origin, ...]
    by_uri: Mapping[str, Sequence[Origin]]

    @classmethod
    def of(cls, runs: Iterable[Run]) -> "_Past":
        past = cls()
        oldest_first = sorted(reversed(list(runs)), key=lambda run: run.started)
        made = [one for age, run in enumerate(oldest_first) for one in past.outputs(_showing(run), age)]
        past.made = tuple(sorted(made, key=lambda one: one.when, reverse=True))
        by_uri: dict[str, list[Origin]] = {}
        for one in past.made:
            by_uri.setdefault(one.uri, []).append(one)
        past.by_uri = by_uri
        return past

    def outputs(self, run: Rehearsed, age: int) -> Iterator[Origin]:
        for number, task in enumerate(run.tasks):
            for name, each in named(task.outputs) if not task.group else ():
                if isinstance(uri := each["uri"], str):
                    when = (age, task.started, number)
                    yield Origin(name=name, uri=uri, kind=title(each), task=task, run=run, when=when, past=self)

    def given(self, to: Origin, uri: object) -> Origin | None:
        """Where the step that made one artifact had another from: of its own run the last step to have given it by
        then, else of the last run before that did."""
        if not isinstance(uri, str):
            return None
        before = [one for one in self.by_uri.get(uri, ()) if one.when < to.when]
        here = [one for one in before if one.when[0] == to.when[0]]
        done = [one for one in here if one.task.ended <= to.task.started]
        found = max(done, key=lambda one: one.task.ended, default=None) or next(iter(here or before), None)
        return found and self.first(found)

    def first(self, one: Origin) -> Origin:
        """The artifact where it was made: a result taken over is of the earlier run, where that is on record."""
        while one.task.state is State.CACHED and (earlier := self.taken_from(one)):
            one = earlier
        return one

    def taken_from(self, one: Origin) -> Origin | None:
        folder = one.task.cached
        alike = [
            other
            for other in self.by_uri[one.uri]
            if other.when[0] < one.when[0]
            and (other.name, other.task.key) == (one.name, one.task.key)
            and (other.run.folder == folder if folder else other.task.state is not State.CACHED)
        ]
        return max(alike, key=lambda other: (other.task.path == one.task.path, other.when), default=None)


def _called(origin: Origin) -> str:
    return f"{origin.task.name}.{origin.name}"


def _known(made: Sequence[Origin]) -> str:
    """The names of artifacts there are: of the newest run first, each run's in the order of its steps."""
    names = dict.fromkeys(
        _line(_called(one)) for one in sorted(made, key=lambda one: (-one.when[0], one.when[1], one.when[2]))
    )
    return _some(names, len(names), KNOWN) or "none"


def _tree(origin: Origin) -> Iterator[str]:
    """An artifact and what it was made from, each further in; what came from the same one twice is told once."""
    told: set[tuple[When, str, str]] = set()
    to_tell = [(origin, 0)]
    while to_tell:
        one, depth = to_tell.pop()
        indent, given = "    " * depth, _pairs(one.parameters)
        again = (mark := (one.when, one.name, one.uri)) in told
        yield _line(f"{indent}{_called(one)}  {one.kind}  {one.uri}") + ("  (told above)" if again else "")
        if not again:
            told.add(mark)
            by = f"{indent}  by {place(one.task)} in {_name(one.run)}"
            yield _line(by + (f", given {given}" if given else ""))
            to_tell += [(each, depth + 1) for each in reversed(one.inputs)]


# Tables


_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def _line(words: str) -> str:
    """Words that stay on their line and do nothing to the screen."""
    return _CONTROL.sub("\ufffd", words)


def _html(words: str) -> str:
    return escape(_line(words))


def _aligned(rows: list[list[str]]) -> str:
    rows = [[_line(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)
