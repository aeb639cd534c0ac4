"""What a person sees of a rehearsal: its steps in text, or as a table with a bar for when each ran."""

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from . import artifacts
from .failures import plain
from .markup import edged, escape, frame, headed, table, warned
from .model import Problem, Run, State, TaskRun
from .nouns import noun
from .picture import COLOURS

REPORT = "report.html"
HEAD = '<meta charset="utf-8">'


class Report(os.PathLike[str]):
    """Where the report of a run is: one HTML file. A notebook shows the whole of it."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __fspath__(self) -> str:
        return self.path

    def __repr__(self) -> str:
        return self.path

    def _repr_html_(self) -> str:
        if not os.path.isfile(self.path):
            return "<p>The run ended before its report was written.</p>"
        page = Path(self.path).read_text(encoding="utf-8")
        page = escape(page.replace(HEAD, f'{HEAD}<base href="about:srcdoc">', 1))  # its links lead within the frame
        style = "width:100%;height:40em;border:1px solid #8886"
        return f'<iframe sandbox="" srcdoc="{page}" title="The report of the run" style="{style}"></iframe>'


@noun
class Rehearsed(Run):
    """How a rehearsal went: `tasks` with their states, inputs, outputs and logs, and how to look at them.

    `report` is the path of an HTML page with all of it; in a notebook, `run.report` on a line of its own shows it.
    """

    warnings: tuple[Problem, ...] = ()
    picture: str = ""

    @property
    def report(self) -> Report:
        return Report(os.path.join(self.folder, REPORT))

    def __str__(self) -> str:
        return "\n".join(plain(line).replace("\n", " ") for line in _text(self))

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return _html(self)


def headline(run: Run, tasks: Iterable[TaskRun] | None = None) -> str:
    """One line: "wine-quality: succeeded in 3.2 s, 3 steps". The tasks of a run under way are known from elsewhere."""
    steps = [task for task in (run.tasks if tasks is None else tasks) if not task.group]
    took = f" in {run.ended - run.started:.1f} s" if run.ended else ""
    cached = sum(task.state is State.CACHED for task in steps)
    told = f", {cached} of them cached" if cached else ""
    return f"{run.name}: {run.state.value}{took}, {len(steps)} step{'s' * (len(steps) != 1)}{told}"


def failure(run: Run) -> str:
    """What to tell of a run that failed: which steps did, what they were given, the end of their logs; and where it was
    ended before its time, why, and what that ended."""
    failed = [task for task in run.tasks if task.state is State.FAILED and not task.group]
    lines = [headline(run), *_ended_early(run, failed)]
    for task in failed:
        lines.append(f"step {place(task)} failed, given {_cut(_given(task), 300)}")
        lines += [f"  {line}" for line in task.error.split("\n")]
        lines += [f"  its log: {task.log}"] * bool(task.log)
    return plain("\n".join([*lines, f"report: {os.path.join(run.folder, REPORT)}"]))


def _ended_early(run: Run, failed: Sequence[TaskRun]) -> Iterator[str]:
    """Why a run failed, where its steps do not say so, and the steps that were ended by it."""
    cancelled = [task for task in run.tasks if task.state is State.CANCELLED]
    if run.error and (cancelled or not failed):
        yield from (f"  {line}" for line in run.error.split("\n"))
    steps = [task for task in cancelled if not task.group]
    for told, several in (
        ("ended by this", [task for task in steps if task.started]),
        ("not begun", [task for task in steps if not task.started]),
    ):
        if several:
            yield _cut(f"  {told}: {', '.join(map(place, several))}", 300)


def place(task: TaskRun) -> str:
    """Where a task stands, without the root that all share."""
    return task.path.partition("/")[2] or task.path


def _shown(run: Run) -> list[TaskRun]:
    """The steps, in the order in which they ran, and the branches that were not taken."""
    shown = [task for task in run.tasks if not task.group or task.state is State.SKIPPED]
    return sorted(shown, key=lambda task: (task.started or float("inf"), task.path))


def _text(run: Rehearsed) -> Iterator[str]:
    yield headline(run)
    for task in _shown(run):
        yield f"  {task.state.value:9} {_seconds(task):>8}  {place(task)}  {_said(task, 100)}".rstrip()
    yield from (f"  warning: {warning}" for warning in run.warnings)
    yield f"  report: {run.report}"


def _seconds(task: TaskRun) -> str:
    return f"{task.ended - task.started:.2f} s" if task.ended and task.started else ""


def _said(task: TaskRun, length: int) -> str:
    """What a step gave, or why it was skipped."""
    return _cut(task.error, length) if task.state is State.SKIPPED else _outputs(task, length)


def _outputs(task: TaskRun, length: int) -> str:
    """Values as name=value; artifacts by name, with what the step said of them: metrics(accuracy=0.97)."""
    return _cut(", ".join(_output(name, value) for name, value in json.loads(task.outputs).items()), length)


def _given(task: TaskRun) -> str:
    """What a step was given: values as JSON, artifacts by name."""
    given = json.loads(task.inputs)
    return ", ".join(_output(name, value) for name, value in given.items()) or "nothing"


def _output(name: str, value: object) -> str:
    found = artifacts.among(value)
    if not found:
        return f"{name}={json.dumps(value, ensure_ascii=False)}"
    said = artifacts.metadata(found[0]) if len(found) == 1 else {}
    plain = {key: known for key, known in said.items() if not isinstance(known, dict | list)}  # no whole matrix
    told = ", ".join(f"{key}={json.dumps(known, ensure_ascii=False)}" for key, known in plain.items())
    return f"{name}({told})" if told else name


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 3] + "..."


def _html(run: Rehearsed) -> str:
    """The table; and where it does not stand under the cell already, the picture with its headline."""
    told = headed(headline(run)) + run.picture if run.picture else ""
    rows = table(("step", "state", "time", "when", "outputs"), (_row(run, task) for task in _shown(run)))
    return frame(told, rows, f"<p>report: <code>{escape(run.report.path)}</code></p>", warned(run.warnings))


def _row(run: Run, task: TaskRun) -> tuple[str, ...]:
    return (
        escape(place(task)),
        edged(task.state.value, COLOURS[task.state]),
        f'<span style="white-space:nowrap">{_seconds(task)}</span>',
        _bar(run, task),
        f"<code>{escape(_said(task, 200))}</code>",
    )


def _bar(run: Run, task: TaskRun) -> str:
    whole = run.ended - run.started
    if not task.started or whole <= 0:
        return ""
    begin = 100 * max(task.started - run.started, 0) / whole
    width = min(max(100 * (task.ended - task.started) / whole, 1), 100 - begin)
    bar = f"position:absolute;left:{begin:.1f}%;width:{width:.1f}%;height:100%;background:{COLOURS[task.state]}"
    return f'<div style="position:relative;width:12em;height:.8em;background:#8883"><div style="{bar}"></div></div>'
