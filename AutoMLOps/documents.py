"""What a verb came to as one JSON document: the shape that docs/terminal.md promises."""

import json
import math
import os
from collections.abc import Iterable, Mapping
from typing import Any

from .checking import Checked
from .display import Generated
from .errors import AutoMLOpsError, BadInput, RunFailed, ScriptFailed
from .graph import Graph
from .history import Comparison, Runs, metrics
from .model import Change, Problem, Run, TaskRun
from .nouns import named
from .outcomes import Deployed, Launched, Planned, Provisioned, Pushed
from .overview import Redriven, Status
from .showing import Shown
from .timeline import REPORT
from .timetable import Scheduled, Schedules, document

Document = dict[str, Any]
SCHEMA = 1  # raised when a key goes away or means something else; keys may be added without


def of(verb: str, result: object, code: int) -> str:
    """The document of a verb that gave a result."""
    return _written(verb, code, _result(result), getattr(result, "problems", ()), getattr(result, "warnings", ()))


def of_fault(verb: str, fault: BaseException, code: int) -> str:
    """The document of a verb that failed; with what it had done by then, where the fault tells."""
    done = fault.run if isinstance(fault, RunFailed) else fault.done if isinstance(fault, ScriptFailed) else None
    problems = fault.problems if isinstance(fault, BadInput) else ()
    kind = type(fault).__name__ if isinstance(fault, AutoMLOpsError) else KINDS.get(type(fault), "Usage")
    error = {"type": kind, "message": str(fault) or "interrupted"}
    return _written(verb, code, _result(done) if done is not None else None, problems, (), error)


KINDS: Mapping[type[BaseException], str] = {KeyboardInterrupt: "Interrupted"}


def _written(
    verb: str,
    code: int,
    result: Document | None,
    problems: Iterable[object],
    warnings: Iterable[object],
    error: Document | None = None,
) -> str:
    whole = {
        "schema": SCHEMA,
        "verb": verb,
        "exit_code": code,
        "result": result,
        "problems": [_problem(each) for each in problems],
        "warnings": [_problem(each) for each in warnings],
        "error": error,
    }
    return json.dumps(_plain(whole), ensure_ascii=False, indent=2, allow_nan=False)


def _problem(problem: object) -> Document:
    if not isinstance(problem, Problem):
        return {"message": str(problem), "hint": None, "cell": None, "line": None}
    told = named(problem)
    return {"message": told["message"], **{key: told[key] or None for key in ("hint", "cell", "line")}}


def _plain(value: object) -> object:
    """The value as JSON knows it: a number that is none is its name."""
    match value:
        case float() if not math.isfinite(value):
            return str(value)
        case dict():
            return {str(key): _plain(each) for key, each in value.items()}
        case list() | tuple():
            return [_plain(each) for each in value]
        case os.PathLike():
            return os.fspath(value)
    return value


def _result(result: object) -> Document:
    match result:
        case Generated():
            name = result.pipeline.name if result.pipeline else None
            files, next_steps = _files(result.changes), list(result.next_steps)
            told = {"folder": result.folder, "dry_run": result.dry_run, "pipeline": name}
            return {**told, "files": files, "next": next_steps}
        case Checked():
            return {"place": result.of, "files": _files(result.changes)}
        case Shown():
            return {"place": result.of, **_graph(result.graph)}
        case Run():
            return _run(result)
        case Runs():
            return {"runs": [{**_run(run), "metrics": metrics(run)} for run in result]}
        case Comparison():
            rows = {name: list(values) for name, values in result.rows.items()}
            return {"runs": [run.id for run in result.runs], "rows": rows, "differences": list(result.differences)}
        case Planned():
            checks = [{**named(each), "fate": each.fate.value} for each in result.checks]
            return {"script": result.script, "checks": checks, "rows": _rows(result), "unasked": result.unasked or None}
        case Provisioned() | Redriven():
            return {"script": result.script, "dry_run": result.dry_run, "rows": _rows(result)}
        case Status():
            things = [{key: None if each == "" else each for key, each in named(row).items()} for row in result.rows]
            return {**named(result), "rows": things}
        case Deployed() | Pushed():
            return {"kind": type(result).__name__.lower(), **named(result)}
        case Schedules():
            told = {name: getattr(result, name) for name in ("project", "location", "own")}
            return {**told, "schedules": [document(each) for each in result]}
        case Scheduled():
            return {"fate": result.fate, "schedule": document(result.schedule)}
        case Launched():
            parts = {name: getattr(result, name) for name in ("generated", "planned", "provisioned", "deployed")}
            return {name: None if part is None else _result(part) for name, part in parts.items()}
    raise TypeError(f"{type(result).__name__} has no document")


def _files(changes: Iterable[Change]) -> list[Document]:
    return [{"path": each.path, "fate": each.fate.value, "note": each.note or None} for each in changes]


def _rows(result: Planned | Provisioned | Redriven) -> list[Document]:
    return [{**named(row), "why": row.why or None} for row in result.rows]


def _graph(graph: Graph) -> Document:
    nodes = [
        {"path": node.path, "name": node.name, "shape": node.shape.value, "parent": node.parent, "detail": node.detail}
        for node in graph.nodes
    ]
    edges = [{"from": edge.before, "to": edge.after, "order": edge.order} for edge in graph.edges]
    return {"name": graph.name, "nodes": nodes, "edges": edges}


def _run(run: Run) -> Document:
    told = {name: getattr(run, name) for name in ("id", "name", "folder", "started", "ended")}
    report = os.path.join(run.folder, REPORT)
    return {
        **told,
        "state": run.state.value,
        "error": run.error or None,
        "report": report if os.path.isfile(report) else None,
        "parameters": json.loads(run.parameters),
        "outputs": json.loads(run.outputs),
        "tasks": [_task(task) for task in run.tasks],
    }


def _task(task: TaskRun) -> Document:
    told = {name: getattr(task, name) for name in ("path", "name", "component", "group", "started", "ended")}
    return {
        **told,
        "state": task.state.value,
        "attempts": task.attempts,
        "inputs": json.loads(task.inputs),
        "outputs": json.loads(task.outputs),
        "error": task.error or None,
        "log": task.log or None,
        "cached": task.cached or None,
    }
