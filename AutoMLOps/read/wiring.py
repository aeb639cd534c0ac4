"""Finds the pipelines that a program defines; a marked chain is written as the function that it means."""

import ast
from collections.abc import Mapping
from typing import NamedTuple

from ..model import Problem
from ..source import WIDTH, literal
from . import body as bodies
from . import travel
from .closure import without_marks
from .constants import evaluate
from .definitions import mark
from .marked import arguments, documented, identifier, params
from .program import Placed, Program
from .statements import Statement, dotted, names_of


class Found(NamedTuple):
    """A pipeline as it was found: its function as text, what is said of it, and the faults in saying it. `kept` are
    arguments of Kubeflow's decorator that mean there what they mean here, as text."""

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
    function: str = ""
    kubeflow: bool = False
    shown: str = ""  # its display name, where that is not its name
    kept: tuple[tuple[str, str], ...] = ()
    told: tuple[tuple[str, str], ...] = ()  # what a marked chain says of each of its params
    warnings: tuple[Problem, ...] = ()


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


def roots(program: Program, found: list[Found]) -> list[Found]:
    """The pipelines that no other one calls."""
    called = {name for item in found for name in reached(program, item) if name != item.function}
    return [item for item in found if item.function not in called]


def reached(program: Program, found: Found) -> set[str]:
    """The names that a pipeline needs, and those that these need in turn."""
    names: set[str] = set()
    waiting = set(found.statement.needs) if found.statement else set()
    while waiting:
        name = waiting.pop()
        names.add(name)
        placed = program.last(name)
        waiting |= placed.statement.needs - names if placed else frozenset()
    return names


def _decorated(program: Program, placed: Placed) -> Found:
    node = placed.statement.node
    name = getattr(node, "name", "pipeline")
    decorator = mark(program, placed, "pipeline")
    assert decorator  # noqa: S101 - only what has one is asked for
    said = Said(f"the pipeline `{name}`", placed, decorator.kubeflow)
    if not isinstance(node, ast.FunctionDef):
        said.wrong(" is not a plain function", "write `def`")
    for key, value in [*zip(("name", "description"), decorator.positional, strict=False), *decorator.given]:
        said.take(program, key, value)
    statement = without_marks(program, placed)
    lost = placed.statement.text.count("\n") - statement.text.count("\n")
    title = said.texts.get("name") or name.replace("_", "-")
    return Found(
        title=title,
        description=said.texts.get("description", ""),
        text=statement.text,
        cell=placed.cell,
        line=placed.line + lost,
        offset=placed.line + lost - 1,
        number=placed.number,
        problems=tuple(said.problems),
        statement=statement._replace(needs=statement.needs | said.needs),
        function=name,
        kubeflow=decorator.kubeflow,
        shown=said.texts.get("display_name", "") if decorator.kubeflow else title,
        kept=tuple(said.kept),
        warnings=tuple(said.warnings),
    )


class Said:
    """What a pipeline's decorator was given, taken word by word."""

    def __init__(self, owner: str, placed: Placed, kubeflow: bool) -> None:
        self.owner, self.placed, self.kubeflow = owner, placed, kubeflow
        self.texts: dict[str, str] = {}
        self.kept: list[tuple[str, str]] = []
        self.needs: frozenset[str] = frozenset()
        self.problems: list[Problem] = []
        self.warnings: list[Problem] = []

    def wrong(self, message: str, hint: str) -> None:
        self.problems.append(self._problem(message, hint))

    def _problem(self, message: str, hint: str) -> Problem:
        return Problem(message=f"{self.owner}{message}", hint=hint, cell=self.placed.cell, line=self.placed.line)

    def take(self, program: Program, key: str, node: ast.expr) -> None:
        """Takes one setting."""
        match key:
            case "name" | "description":
                self._text(program, key, node)
            case "display_name" if self.kubeflow:
                self._text(program, key, node)
            case "pipeline_root" if self.kubeflow:
                self._text(program, key, node)
                if key in self.texts:
                    self.kept.append((key, literal(self.texts[key])))
                    hint = "that is where the account of the steps may write; leave pipeline_root out"
                    told = f": runs go below the bucket of the settings, not below {self.texts[key]}"
                    self.warnings.append(self._problem(told, hint))
            case "pipeline_config" if self.kubeflow:
                self.kept.append((key, ast.unparse(node)))
                self.needs |= names_of(node)
                hint = "it stays in pipelines/pipeline.py, for Kubeflow on Kubernetes"
                self.warnings.append(self._problem(": Vertex AI knows no pipeline_config", hint))
            case _ if self.kubeflow:
                self.wrong(f": `{key}` is no setting of dsl.pipeline", "write those that it has by name")
            case _:
                self.wrong(f": `{key}` is no setting of AutoMLOps.pipeline", "it takes name and description")

    def _text(self, program: Program, key: str, node: ast.expr) -> None:
        try:
            value = evaluate(program, node)
        except ValueError as error:
            self.wrong(f": {key} is not constant ({error})", "write it out")
            return
        if isinstance(value, str) and (why := travel.halved(value)):
            self.wrong(f": {key} {why}", "leave it out")
        elif isinstance(value, str):
            self.texts[key] = value
        elif value is not None:
            self.wrong(f": {key} is {value!r}, not a str", "write it in quotes")


def _made(program: Program, placed: Placed, call: ast.Call) -> Found:
    """A makePipeline call: a chain of its components, in the order given."""
    faults: list[str] = []
    given = arguments(program, call, ("name", "params", "pipeline", "description"), faults, raw=("params",))
    title = given.get("name")
    if not isinstance(title, str):
        faults.append(f"makePipeline needs a name, not {travel.short(title)}")
    said = ((key, travel.halved(str(given.get(key) or ""))) for key in ("name", "description"))
    faults += [f"makePipeline: {key} {why}: leave it out" for key, why in said if why]
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
        shown=str(title or ""),
        told=tuple((param, about) for param, _, about in takes),
    )


def _nearest(name: str, known: Mapping[str, str]) -> str:
    near = bodies.near(name, known)
    return f" ({near})" if near else ""


def _chain(value: object, faults: list[str]) -> list[tuple[str, list[tuple[str, str]]]]:
    chain = []
    for item in value if isinstance(value, list) and value else [value]:
        name = item.get("component_name") if isinstance(item, dict) else None
        mapping = item.get("param_mapping", []) if isinstance(item, dict) else None
        pairs = (
            [tuple(pair) for pair in mapping]
            if isinstance(mapping, list) and all(isinstance(pair, list) for pair in mapping)
            else [()]
        )
        if (
            not isinstance(name, str)
            or not (identifier(name) or name.isidentifier())
            or not all(len(pair) == 2 and all(map(_names, pair)) for pair in pairs)
        ):
            faults.append(
                "makePipeline: pipeline is a list of {'component_name': ..., 'param_mapping': "
                f"[(component_param, pipeline_param), ...]}}, and {travel.short(item)} is not one of those"
            )
            continue
        chain.append((identifier(name) or name, [(str(key), str(given)) for key, given in pairs]))
    return chain


def _names(part: object) -> bool:
    """Whether it can name a parameter, or an output of a step; anything else would be code in pipeline.py."""
    return isinstance(part, str) and part.count(".") < 2 and all(map(str.isidentifier, part.split(".")))


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
