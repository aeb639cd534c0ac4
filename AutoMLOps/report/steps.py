"""Each step on the page: what it was given and gave, what it wrote, its log, its code."""

import re

from ..failures import own_words
from ..model import State, TaskRun
from . import documents
from .coloured import coloured
from .given import given
from .markup import Part, error, fold, icon, linked, moment, named, scroll, text
from .told import Line, Told, kin
from .traces import Evidence
from .words import seconds, tidy

ANCHOR = "steps"
WHY = {
    State.WAITING: "It has not begun.",
    State.RUNNING: "It was still running when this page was written.",
    State.CACHED: "It did not run again: its outputs are those of an earlier run with the same inputs and code.",
    State.SKIPPED: "It was skipped: its condition was not met, or what it waits for did not succeed.",
    State.CANCELLED: "It was cancelled before it ended.",
}

Code = tuple[str | None, str | None]  # of a component, and what it requires


def part(told: Told) -> Part:
    seen: dict[Code, Line] = {}
    return Part(title="Steps", anchor=ANCHOR, inside="".join(_step(line, told, seen) for line in told.leaves))


def _step(line: Line, told: Told, seen: dict[Code, Line]) -> str:
    task = line.task
    left = told.evidence.get(task.path, Evidence())
    took = seconds(told.took(task)) if task.started else ""
    first = seen.setdefault((left.code, left.requirements), line)
    inside = (
        (error(task.error) if task.error else "")
        + _facts(task, took)
        + _sides(line)
        + "".join(map(documents.framed, left.documents))
        + _log(line, left)
        + _code(line, left, first)
    )
    return (
        f'<details class="step {task.state.value}"{" open" * (task.state is State.FAILED)}>'
        f"<summary>{icon(task.state)} <h3>{named(line)}</h3> {_brief(task, took)}</summary>\n"
        f'<div id="{line.anchor}" class="inside">{inside}</div></details>\n'
    )


def _brief(task: TaskRun, took: str) -> str:
    words = [task.state.value, took, f"{task.attempts} attempts" if task.attempts > 1 else ""]
    return f'<span class="brief {task.state.value}">{" · ".join(word for word in words if word)}</span>'


def _facts(task: TaskRun, took: str) -> str:
    facts = {
        "state": task.state.value,
        "began": moment(task.started) if task.started else "",
        "ended": moment(task.ended) if task.ended else "",
        "took": took,
        "attempts": str(task.attempts) if task.attempts else "",
        "component": _told(task.component),
        "path": _told(task.path),
        "outputs from": _told(task.cached),
        "log file": _told(task.log),
    }
    rows = "".join(f"<div><dt>{name}</dt><dd>{fact}</dd></div>" for name, fact in facts.items() if fact)
    why = f"<p>{WHY[task.state]}</p>" if task.state in WHY else ""
    return f'{why}<dl class="facts">{rows}</dl>\n'


def _told(said: str) -> str:
    return f"<code>{text(said)}</code>" if said else ""


def _sides(line: Line) -> str:
    """What went in, what came out."""
    both = (("Inputs", line.task.inputs), ("Outputs", line.task.outputs))
    tables = ((title, given(f"{title.lower()} of {text(line.full)}", said)) for title, said in both)
    return "".join(f"<h4>{title}</h4>\n{table}" for title, table in tables if table)


def _log(line: Line, left: Evidence) -> str:
    if left.log is None:
        return ""
    whole = tidy(left.log)
    own = "\n".join(own_words(whole.split("\n"))).strip("\n")
    printed = scroll(text(own), f"log of {line.full}") if own else "<p>It printed nothing.</p>\n"
    said = [("the whole log, with what kfp's executor said", whole)] if own != whole.strip("\n") else []
    said += [(f"attempt {number}", tidy(log)) for number, log in enumerate(left.earlier, 1)]
    folds = (fold(label, log, scroll(text(log), f"{label}, {line.full}")) for label, log in said)
    return f"<h4>Log</h4>\n{printed}{''.join(folds)}"


def _code(line: Line, left: Evidence, first: Line) -> str:
    """What ran, where it is shown first; a link to that from the other steps."""
    parts = []
    if left.code is not None:
        block = scroll(coloured(left.code, _line_that_failed(line.task)), f"code of {line.full}", "scroll code")
        parts.append(fold("code", left.code.rstrip(), block, is_open=line.task.state is State.FAILED))
    if required := tidy(left.requirements or ""):
        parts.append(fold("requirements", required, f"<pre>{text(required)}</pre>"))
    shown = "".join(parts) if first is line else f"<p>The same as {linked(first)}.</p>\n"
    return f"<h4>Code</h4>\n{shown}" if parts else ""


def _line_that_failed(task: TaskRun) -> int:
    """The line of its own code at which a step failed, or 0."""
    for stem, number in re.findall(r'File "(?:[^"]*[/\\])?([^"/\\]+)\.py", line (\d{1,6})', task.error):
        if stem == "ephemeral_component" or re.sub(r"[^a-z0-9]+", "-", stem.lower()) == kin(task):
            return int(number)
    return 0
