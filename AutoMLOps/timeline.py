"""What a person sees of a rehearsal: its steps in text, or as a table with a bar for when each ran."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape

from .model import Problem, Run, State, TaskRun

COLOURS = {
    State.WAITING: "#888",
    State.RUNNING: "#3b7dd8",
    State.SUCCEEDED: "#2e8b57",
    State.CACHED: "#2e8b57",
    State.SKIPPED: "#888",
    State.FAILED: "#c0392b",
    State.CANCELLED: "#c77700",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsed(Run):
    """How a rehearsal went: `tasks` with their states, inputs, outputs and logs, and how to look at them."""

    warnings: tuple[Problem, ...] = ()

    def __str__(self) -> str:
        return "\n".join(_text(self))

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return "".join(_html(self))


def headline(run: Run) -> str:
    """One line: "wine-quality: succeeded in 3.2 s, 3 steps"."""
    count = sum(not task.group for task in run.tasks)
    took = f" in {run.ended - run.started:.1f} s" if run.ended else ""
    return f"{run.name}: {run.state.value}{took}, {count} step{'s' * (count != 1)}"


def failure(run: Run) -> str:
    """What to tell of a run that failed: which steps did, what they were given, the end of their logs."""
    failed = [task for task in run.tasks if task.state is State.FAILED and not task.group]
    lines = [headline(run), *(f"  {line}" for line in run.error.split("\n") if run.error and not failed)]
    for task in failed:
        lines.append(f"step {place(task)} failed, given {_cut(task.inputs, 300)}")
        lines += [f"  {line}" for line in task.error.split("\n")]
        lines += [f"  its log: {task.log}"] * bool(task.log)
    return "\n".join(lines)


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
        yield f"  {task.state.value:9} {_seconds(task):>8}  {place(task)}  {_outputs(task, 100)}".rstrip()
    yield from (f"  warning: {warning}" for warning in run.warnings)
    yield f"  record: {run.folder}"


def _seconds(task: TaskRun) -> str:
    return f"{task.ended - task.started:.2f} s" if task.ended and task.started else ""


def _outputs(task: TaskRun, length: int) -> str:
    """Values as name=value; artifacts by name, with what the step said of them: metrics(accuracy=0.97)."""
    return _cut(", ".join(_output(name, value) for name, value in json.loads(task.outputs).items()), length)


def _output(name: str, value: object) -> str:
    if not (isinstance(value, list) and value and all(isinstance(item, dict) and "uri" in item for item in value)):
        return f"{name}={json.dumps(value, ensure_ascii=False)}"
    said = value[0].get("metadata") or {} if len(value) == 1 else {}
    told = ", ".join(f"{key}={json.dumps(known, ensure_ascii=False)}" for key, known in said.items())
    return f"{name}({told})" if told else name


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 3] + "..."


def _html(run: Rehearsed) -> Iterator[str]:
    """Static and self-contained: notebooks run no script of a stranger, and load nothing from outside."""
    yield '<div style="font-family:system-ui,sans-serif;line-height:1.5">'
    yield f'<p><strong style="color:{COLOURS[run.state]}">{escape(headline(run))}</strong></p>'
    if run.warnings:
        yield f"<ul>{''.join(f'<li>{escape(str(warning))}</li>' for warning in run.warnings)}</ul>"
    yield '<table><thead><tr><th scope="col">step</th><th scope="col">state</th><th scope="col">time</th>'
    yield '<th scope="col">when</th><th scope="col">outputs</th></tr></thead><tbody>'
    for task in _shown(run):
        yield _row(run, task)
    yield f"</tbody></table><p>record: <code>{escape(run.folder)}</code></p></div>"


def _row(run: Run, task: TaskRun) -> str:
    left = 'style="text-align:left"'
    return (
        f'<tr><th scope="row" {left}>{escape(place(task))}</th>'
        f'<td style="color:{COLOURS[task.state]}">{task.state.value}</td><td>{_seconds(task)}</td>'
        f"<td>{_bar(run, task)}</td><td {left}><code>{escape(_outputs(task, 200))}</code></td></tr>"
    )


def _bar(run: Run, task: TaskRun) -> str:
    whole = run.ended - run.started
    if not task.started or whole <= 0:
        return ""
    begin = 100 * max(task.started - run.started, 0) / whole
    width = min(max(100 * (task.ended - task.started) / whole, 1), 100 - begin)
    bar = f"position:absolute;left:{begin:.1f}%;width:{width:.1f}%;height:100%;background:{COLOURS[task.state]}"
    return f'<div style="position:relative;width:12em;height:.8em;background:#8883"><div style="{bar}"></div></div>'
