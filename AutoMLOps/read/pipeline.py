"""Reads the one pipeline of a program, decorated or marked, with all that it reaches."""

import ast
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from ..model import Component, Import, Notebook, Param, Pipeline, Problem, slug
from ..source import literal
from . import body as bodies
from . import compose
from .closure import closure, without_marks
from .components import Definition, Read, arguments, component, definitions, identifier, mark, params
from .program import Placed, Program, program
from .requirements import Places, conflicts, search, tools
from .signature import evaluate, misfit, signature
from .statements import dotted, statements

LONGEST_NAME = 128


class Reading(NamedTuple):
    """What came of reading: a pipeline where there is no problem, and what the user should know in any case."""

    pipeline: Pipeline | None
    problems: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()


class Found(NamedTuple):
    """A pipeline as it was found: its function as text, and what its decorator or its call says of it."""

    title: str
    description: str
    text: str
    cell: str
    line: int
    offset: int
    marked: bool = False


class Surroundings(NamedTuple):
    """What reading must know of the world around the notebook."""

    shared: bool
    brought: bool
    reserved: frozenset[str]
    places: Places


@dataclass(slots=True, kw_only=True, eq=False, repr=False)
class Faults:
    """What reading collects on its way."""

    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)

    def add(self, read: Read) -> None:
        self.problems += read.problems
        self.warnings += [warning for warning in read.warnings if warning not in self.warnings]


def pipeline(
    notebook: Notebook,
    values: Mapping[str, object] | None = None,
    *,
    which: str | None = None,
    live: bool = False,
    shared: bool = True,
    brought: bool = False,
    reserved: frozenset[str] = frozenset(),
    beside: str = "",
) -> Reading:
    """The pipeline that the notebook defines, with every fault in it.

    `values` are for its parameters. `which` names one pipeline of several. `live` cells come in the order of execution.
    `shared` says that all components go into one image, `brought` that the user chose its base. `reserved` names are
    taken in the generated pipeline.py. `beside` is the folder of the notebook's file: modules there are its own.
    """
    read = program(notebook, live)
    faults = Faults(problems=read.problems, warnings=read.warnings)
    defined = definitions(read, faults.problems)
    if not live:
        faults.problems += _twice(read)
    found = _one(read, which, faults.problems)
    if found is None:
        return Reading(pipeline=None, problems=_unique(faults.problems), warnings=tuple(faults.warnings))
    where = Surroundings(shared=shared, brought=brought, reserved=reserved, places=search((beside,) if beside else ()))
    made = _pipeline(read, found, defined, values or {}, faults, where)
    problems = _unique(faults.problems)
    return Reading(pipeline=None if problems else made, problems=problems, warnings=tuple(faults.warnings))


def _unique(problems: list[Problem]) -> tuple[Problem, ...]:
    return tuple(dict.fromkeys(problems))


def _twice(program: Program) -> list[Problem]:
    """In a file, two different components of one name are a mistake; in a live notebook the later is the edited one."""
    said = []
    for first, second in program.redefined:
        if mark(program, first, "component") is not None and mark(program, second, "component") is not None:
            name = second.statement.binds[0]
            said.append(
                Problem(
                    message=f"the component `{name}` exists twice, first in {first.cell}, line {first.line}",
                    hint="rename or remove one",
                    cell=second.cell,
                    line=second.line,
                )
            )
    return said


def _one(program: Program, which: str | None, problems: list[Problem]) -> Found | None:
    found = _found(program, problems)
    chosen = [item for item in found if which is None or which in (item.title, slug(item.title))]
    if len(chosen) == 1:
        return chosen[0]
    if len(chosen) > 1:
        names = ", ".join(f"`{item.title}` ({item.cell}, line {item.line})" for item in chosen)
        problems.append(
            Problem(
                message=f"there are {len(chosen)} pipelines: {names}",
                hint=f"choose one with pipeline={chosen[-1].title!r}, and another with an output_dir of its own",
            )
        )
    elif found:
        names = ", ".join(f"`{item.title}`" for item in found)
        problems.append(Problem(message=f"there is no pipeline `{which}`", hint=f"there is {names}"))
    elif not problems:
        problems.append(_none(program))
    return None


def _none(program: Program) -> Problem:
    hint = "decorate a function with @AutoMLOps.pipeline, or call AutoMLOps.makePipeline(...) in a cell"
    for placed in program.nested:
        tree = ast.parse(placed.statement.text)
        inner = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.decorator_list]
        if inner:
            message = f"`{inner[0].name}` is defined inside a `{placed.statement.how}`, which is not looked into"
            return Problem(
                message=message, hint="move it out", cell=placed.cell, line=placed.line + inner[0].lineno - 1
            )
    return Problem(message=f"{program.name} has no pipeline", hint=hint)


def _found(program: Program, problems: list[Problem]) -> list[Found]:
    found = []
    for places in program.bindings.values():
        decorator = mark(program, places[-1], "pipeline")
        if decorator is not None:
            found.append(_decorated(program, places[-1], decorator, problems))
    named: dict[str, Found] = {}
    for placed in program.calls:
        call = placed.statement.node.value if isinstance(placed.statement.node, ast.Expr) else None
        if isinstance(call, ast.Call) and program.resolve(dotted(call.func)) == "AutoMLOps.makePipeline":
            made = _made(program, placed, call, problems)
            named.pop(made.title if made else "", None)
            named |= {made.title: made} if made else {}
        elif isinstance(call, ast.Call) and program.resolve(dotted(call.func)) == "AutoMLOps.makeComponent":
            problems.append(
                Problem(
                    message="AutoMLOps.makeComponent stands in a cell without %%define_component",
                    hint="make that the cell's first line",
                    cell=placed.cell,
                    line=placed.line,
                )
            )
    return [item for item in [*found, *named.values()] if item]


def _decorated(program: Program, placed: Placed, decorator: ast.expr, problems: list[Problem]) -> Found:
    node = placed.statement.node
    name = getattr(node, "name", "pipeline")
    said: dict[str, object] = {"name": None, "description": None}
    if not isinstance(node, ast.FunctionDef):
        problems.append(
            Problem(
                message=f"the pipeline `{name}` is not a plain function",
                hint="write `def`",
                cell=placed.cell,
                line=placed.line,
            )
        )
    call = decorator if isinstance(decorator, ast.Call) else None
    for key, value in (
        [*zip(("name", "description"), call.args, strict=False), *((item.arg, item.value) for item in call.keywords)]
        if call
        else []
    ):
        if key not in said:
            problems.append(
                Problem(
                    message=f"the pipeline `{name}`: `{key or '**'}` is no setting of AutoMLOps.pipeline",
                    hint="it takes name and description",
                    cell=placed.cell,
                    line=placed.line,
                )
            )
            continue
        try:
            said[key] = evaluate(program, value)
        except ValueError as error:
            problems.append(
                Problem(
                    message=f"the pipeline `{name}`: {key} is not constant ({error})",
                    hint="write it out",
                    cell=placed.cell,
                    line=placed.line,
                )
            )
    problems += [
        Problem(message=f"the pipeline `{name}`: {key} is {value!r}, not a str", cell=placed.cell, line=placed.line)
        for key, value in said.items()
        if value is not None and not isinstance(value, str)
    ]
    text = without_marks(program, placed).text
    lost = len(placed.statement.text.split("\n")) - len(text.split("\n"))
    title = said["name"] if isinstance(said["name"], str) else name.replace("_", "-")
    return Found(
        title=str(title),
        description=str(said["description"] or ""),
        text=text,
        cell=placed.cell,
        line=placed.line + lost,
        offset=placed.line + lost - 1,
    )


def _made(program: Program, placed: Placed, call: ast.Call, problems: list[Problem]) -> Found | None:
    """A makePipeline call written as the function that it means: a chain of its components, in the order given."""
    faults: list[str] = []
    given = arguments(program, call, ("name", "params", "pipeline", "description"), faults, raw=("params",))
    title = given.get("name")
    if not isinstance(title, str):
        faults.append(f"makePipeline needs a name, not {title!r}")
    signature_ = params(program, given.get("params"), faults)
    chain = _chain(given.get("pipeline"), faults)
    problems += [Problem(message=fault, cell=placed.cell, line=placed.line) for fault in faults]
    if faults:
        return None
    description = str(given.get("description") or "")
    text = _chained(str(title), signature_, chain)
    return Found(
        title=str(title),
        description=description,
        text=text,
        cell=placed.cell,
        line=placed.line,
        offset=placed.line,
        marked=True,
    )


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


def _chained(title: str, params: list[tuple[str, str, str]], chain: list[tuple[str, list[tuple[str, str]]]]) -> str:
    """The function of a chain: each step after the one before it, unless it takes something from that one anyway."""
    name = identifier(title).lower() or "pipeline"
    taken = {name for name, _ in chain}
    function = "pipeline" if "pipeline" not in taken else f"{name}_pipeline"
    lines = [_wrapped("", f"def {function}", [f"{param}: {written}" for param, written, _ in params], ":")]
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
    if len(line) <= 120:
        return line
    return "\n".join([f"{indent}{head}(", *(f"{indent}    {part}," for part in parts), f"{indent}){tail}"])


def _source(given: str) -> str:
    """`rows` is a pipeline parameter, `load_data.data` an output of a step before."""
    step, dot, output = given.partition(".")
    return f"{step}_task.outputs[{literal(output)}]" if dot else given


def _pipeline(
    program: Program,
    found: Found,
    defined: dict[str, Definition],
    values: Mapping[str, object],
    faults: Faults,
    where: Surroundings,
) -> Pipeline | None:
    try:
        function = ast.parse(found.text).body[0]
    except SyntaxError as error:
        faults.problems.append(
            Problem(
                message=f"the pipeline `{found.title}` cannot be written as Python: {error.msg}",
                hint="check the names in its params and mappings",
                cell=found.cell,
                line=found.line,
            )
        )
        return None
    if not isinstance(function, ast.FunctionDef):
        return None
    owner = f"pipeline `{found.title}`"
    _known(function, found, defined, faults)
    said = signature(program, function, owner, found.cell, found.offset)
    parameters = {port.name: port for port in said.inputs if isinstance(port, Param)}
    faults.problems += said.problems
    faults.problems += [
        Problem(
            message=f"{owner}: the parameter `{port.name}` is an artifact, which no parameter value can give",
            hint="make it in a first step",
            cell=found.cell,
            line=found.line,
        )
        for port in said.inputs
        if not isinstance(port, Param)
    ]
    (statement,) = statements(found.text)
    carried = closure(program, statement.needs, owner, found.cell, found.line, own={*defined, function.name})
    faults.problems += carried.problems
    faults.warnings += carried.warnings
    reached = {*statement.needs, *(name for placed in carried.statements for name in placed.statement.needs)}
    reads = {
        name: component(program, item, where.brought, where.places) for name, item in defined.items() if name in reached
    }
    for read in reads.values():
        faults.add(read)
    components = {name: read.component for name, read in reads.items()}
    body = bodies.read(
        bodies.Body(
            program=program,
            components=components,
            parameters=parameters,
            owner=owner,
            cell=found.cell,
            offset=found.offset,
        ),
        function,
    )
    faults.problems += body.problems
    faults.problems += _shadows(reads, components) + _clashes(components, function.name, where.reserved, found)
    used = tuple(components[name] for name in dict.fromkeys([*(name for _, _, name in sorted(body.used)), *components]))
    if where.shared:
        faults.problems += conflicts(used)
    described = found.description or said.description
    bound = _values(found, parameters, values, faults.problems)
    if not components and not faults.problems:
        faults.problems.append(
            Problem(message=f"{owner} has no steps", hint="call a component in it", cell=found.cell, line=found.line)
        )
    name = slug(found.title)
    if not name or len(name) > LONGEST_NAME:
        faults.problems.append(
            Problem(
                message=f"{owner}: the name cleans to `{name}`",
                hint="use letters and digits, 128 at most",
                cell=found.cell,
                line=found.line,
            )
        )
    return Pipeline(
        name=name,
        title=found.title,
        function=function.name,
        body=_decorator(name, found.title, described) + found.text,
        description=described,
        parameters=tuple(parameters.values()),
        components=used,
        steps=tuple(body.steps) if body.readable else (),
        readable=body.readable,
        imports=tuple(
            sorted(
                {*carried.imports, Import(module="kfp", name="dsl")},
                key=lambda item: (item.module, item.name, item.alias),
            )
        ),
        carried=compose.statements(program, carried),
        values=bound,
        tools=tools(),
        notebook=program.name,
    )


def _known(function: ast.FunctionDef, found: Found, defined: dict[str, Definition], faults: Faults) -> None:
    """A marked chain names its components in words: say which of them do not exist before anything else complains."""
    if not found.marked:
        return
    for node in ast.walk(function):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id not in defined:
            names = ", ".join(f"`{name}`" for name in defined) or "none yet"
            faults.problems.append(
                Problem(
                    message=f"pipeline `{found.title}`: there is no component `{node.func.id}`",
                    hint=f"there is {names}",
                    cell=found.cell,
                    line=found.line,
                )
            )


def _shadows(reads: Mapping[str, Read], components: Mapping[str, Component]) -> list[Problem]:
    """kfp's executor looks for modules beside a component first: no component may be called like an imported one."""
    imported = {module.partition(".")[0] for read in reads.values() for module in read.modules}
    return [
        Problem(
            message=f"the component `{name}` has the name of a module that a component imports",
            hint=f"call it `{name}_step`",
            cell=item.cell,
            line=item.line,
        )
        for name, item in components.items()
        if name in imported
    ]


def _clashes(
    components: Mapping[str, Component], function: str, reserved: frozenset[str], found: Found
) -> list[Problem]:
    problems = [
        Problem(
            message=f"the name `{name}` is taken in the generated pipeline.py",
            hint=f"call it `{name}_step`",
            cell=found.cell,
            line=found.line,
        )
        for name in sorted({*components, function} & reserved)
    ]
    seen: dict[str, str] = {}
    for name, item in components.items():
        other = seen.setdefault(slug(name), name)
        if not slug(name):
            problems.append(
                Problem(
                    message=f"the component `{name}` has no letter or digit in its name",
                    hint="rename it",
                    cell=item.cell,
                    line=item.line,
                )
            )
        elif other != name:
            problems.append(
                Problem(
                    message=f"the components `{other}` and `{name}` are both `{slug(name)}` to Vertex AI",
                    hint="rename one",
                    cell=item.cell,
                    line=item.line,
                )
            )
    return problems


def _decorator(name: str, title: str, description: str) -> str:
    parts = [f"name={literal(name)}"]
    parts += [f"display_name={literal(title)}"] if title != name else []
    parts += [f"description={literal(description)}"] if description else []
    line = f"@dsl.pipeline({', '.join(parts)})"
    if len(line) <= 120:
        return line + "\n"
    parts[-1] = f"description={literal(description, 16)}" if description else parts[-1]
    return "\n".join(["@dsl.pipeline(", *(f"    {part}," for part in parts), ")"]) + "\n"


def _values(
    found: Found, parameters: Mapping[str, Param], values: Mapping[str, object], problems: list[Problem]
) -> tuple[tuple[str, str], ...]:
    """The parameter values, in the order of the signature, each checked against its type."""
    bound = []
    owner = f"pipeline `{found.title}`"
    for name, param in parameters.items():
        if name not in values:
            if not param.optional:
                problems.append(
                    Problem(
                        message=f"pipeline_params has no value for `{name}` of {owner}",
                        hint="add it, or give the parameter a default",
                    )
                )
            continue
        reason = misfit(param.kind, values[name]) if not (values[name] is None and param.optional) else ""
        if reason:
            problems.append(
                Problem(message=f"pipeline_params: `{name}` {reason}", hint=f"{owner} wants {param.kind.value}")
            )
        else:
            bound.append((name, json.dumps(values[name], ensure_ascii=False)))
    for name in values:
        if name not in parameters:
            near = bodies.near(str(name), parameters)
            problems.append(
                Problem(
                    message=f"pipeline_params: {owner} has no parameter `{name}`",
                    hint=near or f"it has {', '.join(parameters) or 'none'}",
                )
            )
    return tuple(bound)
