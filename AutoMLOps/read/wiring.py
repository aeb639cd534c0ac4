"""Finds the pipelines that a program defines; a marked chain is written as the function that it means."""

import ast
from collections.abc import Callable, Mapping
from typing import NamedTuple

from ..model import Problem
from ..source import WIDTH, literal
from . import body as bodies
from .closure import without_marks
from .definitions import mark
from .marked import arguments, documented, identifier, params
from .program import Placed, Program
from .signature import evaluate
from .statements import Statement, dotted


class Found(NamedTuple):
    """A pipeline as it was found: its function as text, what is said of it, and the faults in saying it."""

    title: str
    description: str
    text: str
    cell: str
    line: int
    offset: int
    number: int
    marked: bool = False
    problems: tuple[Problem, ...] = ()
    statement: Statement | None = None  # what is known of a decorated one already


def pipelines(program: Program, live: bool, problems: list[Problem]) -> list[Found]:
    """Every pipeline. In a live notebook a later one of the same title is the mended one."""
    last = [places[-1] for places in program.bindings.values()]
    found = [_decorated(program, placed) for placed in last if mark(program, placed, "pipeline") is not None]
    cells = max((marked.number for marked in program.marked), default=0)
    for placed in program.calls:
        call = placed.statement.node.value if isinstance(placed.statement.node, ast.Expr) else None
        name = program.resolve(dotted(call.func)) if isinstance(call, ast.Call) else ""
        if name == "AutoMLOps.makePipeline" and isinstance(call, ast.Call):
            found.append(_made(program, placed, call))
        elif name == "AutoMLOps.makeComponent" and not (live and cells > placed.number):
            message = "AutoMLOps.makeComponent stands in a cell without %%define_component"
            hint = "make that the cell's first line"
            problems.append(Problem(message=message, hint=hint, cell=placed.cell, line=placed.line))
    found.sort(key=lambda item: item.number)
    if not live:
        return found
    named = [item for item in found if item.title] or found[-1:]
    return list({item.title: item for item in named}.values())


def _decorated(program: Program, placed: Placed) -> Found:
    problems: list[Problem] = []
    node = placed.statement.node
    name = getattr(node, "name", "pipeline")

    def wrong(message: str, hint: str) -> None:
        problems.append(
            Problem(message=f"the pipeline `{name}`{message}", hint=hint, cell=placed.cell, line=placed.line)
        )

    if not isinstance(node, ast.FunctionDef):
        wrong(" is not a plain function", "write `def`")
    said = _said(program, mark(program, placed, "pipeline"), wrong)
    statement = without_marks(program, placed)
    lost = placed.statement.text.count("\n") - statement.text.count("\n")
    return Found(
        title=said.get("name") or name.replace("_", "-"),
        description=said.get("description", ""),
        text=statement.text,
        cell=placed.cell,
        line=placed.line + lost,
        offset=placed.line + lost - 1,
        number=placed.number,
        problems=tuple(problems),
        statement=statement,
    )


def _said(program: Program, decorator: ast.expr | None, wrong: Callable[[str, str], None]) -> dict[str, str]:
    """The name and the description that the decorator was given."""
    said: dict[str, str] = {}
    if not isinstance(decorator, ast.Call):
        return said
    positional = zip(("name", "description"), decorator.args, strict=False)
    for key, node in [*positional, *((item.arg, item.value) for item in decorator.keywords)]:
        if key not in ("name", "description"):
            wrong(f": `{key or '**'}` is no setting of AutoMLOps.pipeline", "it takes name and description")
            continue
        try:
            value = evaluate(program, node)
        except ValueError as error:
            wrong(f": {key} is not constant ({error})", "write it out")
            continue
        if isinstance(value, str):
            said[key] = value
        elif value is not None:
            wrong(f": {key} is {value!r}, not a str", "write it in quotes")
    return said


def _made(program: Program, placed: Placed, call: ast.Call) -> Found:
    """A makePipeline call: a chain of its components, in the order given."""
    faults: list[str] = []
    given = arguments(program, call, ("name", "params", "pipeline", "description"), faults, raw=("params",))
    title = given.get("name")
    if not isinstance(title, str):
        faults.append(f"makePipeline needs a name, not {title!r}")
    takes = params(program, given.get("params"), faults)
    chain = _chain(given.get("pipeline"), faults)
    known = {name: name for name, _, _ in takes}
    targets = {target for _, pairs in chain for _, target in pairs if "." not in target}
    for target in sorted(targets - known.keys()):
        what = f"param_mapping names `{target}`, no parameter of the pipeline"
        faults.append(f"makePipeline: {what}{_nearest(target, known)}")
    problems = tuple(Problem(message=fault, cell=placed.cell, line=placed.line) for fault in faults)
    description = str(given.get("description") or "")
    return Found(
        title=title if isinstance(title, str) else "",
        description=description,
        text="" if problems else _chained(str(title), description, takes, chain),
        cell=placed.cell,
        line=placed.line,
        offset=0,
        number=placed.number,
        marked=True,
        problems=problems,
    )


def _nearest(name: str, known: Mapping[str, str]) -> str:
    near = bodies.near(name, known)
    return f" ({near})" if near else ""


def _chain(value: object, faults: list[str]) -> list[tuple[str, list[tuple[str, str]]]]:
    chain = []
    for item in value if isinstance(value, list) else [None]:
        name = item.get("component_name") if isinstance(item, dict) else None
        mapping = item.get("param_mapping", []) if isinstance(item, dict) else None
        pairs = (
            [tuple(pair) for pair in mapping]
            if isinstance(mapping, list) and all(isinstance(pair, list) for pair in mapping)
            else [()]
        )
        if not isinstance(name, str) or any(
            len(pair) != 2 or not all(isinstance(part, str) for part in pair) for pair in pairs
        ):
            faults.append(
                "makePipeline: pipeline is a list of {'component_name': ..., "
                f"'param_mapping': [(component_param, pipeline_param), ...]}}, and {item!r} is not one of those"
            )
            continue
        chain.append((identifier(name) or name, [(str(key), str(given)) for key, given in pairs]))
    return chain


def _chained(
    title: str,
    description: str,
    params: list[tuple[str, str, str]],
    chain: list[tuple[str, list[tuple[str, str]]]],
) -> str:
    """The function of a chain: each step after the one before it, unless it takes something from that one anyway."""
    name = identifier(title).lower() or "pipeline"
    taken = {name for name, _ in chain}
    function = "pipeline" if "pipeline" not in taken else f"{name}_pipeline"
    lines = [_wrapped("", f"def {function}", [f"{param}: {written}" for param, written, _ in params], ":")]
    if any(text.strip() for _, _, text in params):
        lines.append(documented(description or f"The pipeline {title}.", params))
    tasks: list[str] = []
    counts: dict[str, int] = {}
    for component_name, pairs in chain:
        counts[component_name] = counts.get(component_name, 0) + 1
        task = f"{component_name}_task" + (f"_{counts[component_name]}" if counts[component_name] > 1 else "")
        fed = {given.partition(".")[0] for _, given in pairs if "." in given}
        after = f".after({tasks[-1]})" if tasks and tasks[-1].removesuffix("_task") not in fed else ""
        lines.append(
            _wrapped("    ", f"{task} = {component_name}", [f"{key}={_source(given)}" for key, given in pairs], after)
        )
        tasks.append(task)
    last = tasks[-1]
    lines[-1] = lines[-1].replace(f"{last} = ", "", 1)
    return "\n".join(lines)


def _wrapped(indent: str, head: str, parts: list[str], tail: str) -> str:
    line = f"{indent}{head}({', '.join(parts)}){tail}"
    if len(line) <= WIDTH:
        return line
    return "\n".join([f"{indent}{head}(", *(f"{indent}    {part}," for part in parts), f"{indent}){tail}"])


def _source(given: str) -> str:
    """`rows` is a pipeline parameter, `load_data.data` an output of a step before."""
    step, dot, output = given.partition(".")
    return f"{step}_task.outputs[{literal(output)}]" if dot else given
