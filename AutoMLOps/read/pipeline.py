"""Reads the one pipeline of a program, decorated or marked, with all that it reaches."""

import ast
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import NamedTuple

from ..model import Component, Import, Notebook, Origin, Other, Param, Pipeline, Problem, slug
from ..nouns import replace
from ..settings import JOB_INPUTS, JOB_OUTPUT, Settings, TrainingJob, homeless
from ..source import WIDTH, literal
from . import body as bodies
from . import compose, travel
from .closure import Closure, Owner, closure
from .components import Read, component, modules
from .definitions import Definition, definitions, mark
from .docstrings import described as documented
from .images import together
from .loaded import Fetched, Wanted, loads, other
from .others import container, prebuilt
from .program import Program, program
from .requirements import PREBUILT, Pinned, Places, conflicts, pinned, search, tools
from .scopes import walked
from .signature import Refused, Signature, signature, unquoted
from .statements import Statement, bound, statements, unsound
from .wiring import Found, pipelines, reached, roots

LONGEST_FILE = 120  # an encrypted home takes 143 bytes, and test_ and .py.new stand around a component's name
LONGEST_NAME = 63  # as a label; a job's id has room for it and for the time behind it


class Reading(NamedTuple):
    """What came of reading: a pipeline where there is no problem, and what the user should know in any case."""

    pipeline: Pipeline | None
    problems: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()


class Surroundings(NamedTuple):
    """What reading must know of the world around the notebook."""

    images: str
    base_image: str
    own_images: tuple[str, ...]
    jobs: tuple[TrainingJob, ...]
    reserved: frozenset[str]
    places: Places
    fetched: Mapping[tuple[str, str], Fetched]

    def brought(self, defined: Definition) -> bool:
        """Whether the base image of a component was chosen for what it holds."""
        return Settings(base_image=defined.base or self.base_image).brings_packages


class Faults:
    """What reading collects on its way."""

    def __init__(self, problems: list[Problem], warnings: list[Problem]) -> None:
        self.problems = problems
        self.warnings = warnings

    def add(self, read: Read) -> None:
        self.problems += read.problems
        self.warnings += [warning for warning in read.warnings if warning not in self.warnings]


def pipeline(
    notebook: Notebook,
    values: Mapping[str, object] | None = None,
    *,
    which: str | None = None,
    live: bool = False,
    images: str = "shared",
    base_image: str = "",
    own_images: tuple[str, ...] = (),
    jobs: tuple[TrainingJob, ...] = (),
    reserved: frozenset[str] = frozenset(),
    beside: str = "",
    fetched: Mapping[tuple[str, str], Fetched] | None = None,
) -> Reading:
    """The pipeline that the notebook defines, with every fault in it.

    `values` are for its parameters; None asks for none. `which` names one pipeline of several. `live` cells come in the
    order of execution.
    `images` says which components share an image, `base_image` what it starts from unless they say so, `own_images`
    which of the user's own there are, `jobs` which components run as custom jobs. `reserved` names are taken in the
    generated pipeline.py. `beside` is the folder of the notebook's file: modules there are its own. `fetched` are the
    files and URLs that `wanted` asked for.
    """
    places = search((beside,) if beside else ())
    base = base_image or Settings().base_image
    where = Surroundings(
        images=images,
        base_image=base,
        own_images=own_images,
        jobs=jobs,
        reserved=reserved,
        places=places,
        fetched=fetched or {},
    )
    try:
        return _read(notebook, values, which, live, where)
    except (RecursionError, MemoryError):
        message = f"something in {notebook.name} is nested too deeply to be read"
        return Reading(pipeline=None, problems=(Problem(message=message, hint="break the longest expression up"),))


def _read(
    notebook: Notebook, values: Mapping[str, object] | None, which: str | None, live: bool, where: Surroundings
) -> Reading:
    read = program(notebook, live)
    faults = Faults(read.problems, read.warnings)
    defined, broken = definitions(read, live)
    faults.problems += broken
    all_ = pipelines(read, live, faults.problems)
    found = _one(read, all_, which, faults.problems)
    if found is None:
        return Reading(pipeline=None, problems=_unique(faults.problems), warnings=tuple(faults.warnings))
    made = _pipeline(read, found, [item for item in all_ if item is not found], defined, values, faults, where)
    problems = _unique(faults.problems)
    return Reading(pipeline=None if problems else made, problems=problems, warnings=tuple(faults.warnings))


def wanted(notebook: Notebook, live: bool = False) -> tuple[Wanted, ...]:
    """The files and URLs that the notebook's pipelines load components from."""
    if not any("load_component_from_" in cell.text for cell in notebook.cells):
        return ()
    read = program(notebook, live)
    names = {name for item in pipelines(read, live, []) for name in reached(read, item)}
    found = [item for name, item in loads(read).items() if name in names and not item.problems]
    return tuple(item for item in found if item.how != "text")


def _unique(problems: list[Problem]) -> tuple[Problem, ...]:
    return tuple(dict.fromkeys(problems))


def _one(program: Program, all_: list[Found], which: str | None, problems: list[Problem]) -> Found | None:
    """The pipeline that is meant: the one that is named, else the one that no other calls."""
    if not (which is None or isinstance(which, str)):
        problems.append(
            Problem(message=f"pipeline is {travel.short(which)}, not a str", hint="write its name in quotes")
        )
        return None
    found = all_ if which is not None else roots(program, all_) or all_
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


def _inside(text: str) -> Iterator[ast.FunctionDef]:
    """The functions that are defined within a statement."""
    (whole,) = ast.parse(text).body
    yield from (node for node in ast.walk(whole) if isinstance(node, ast.FunctionDef) and node is not whole)


def _is_pipeline(decorator: ast.expr) -> bool:
    return ast.unparse(decorator).partition("(")[0].rpartition(".")[2] == "pipeline"


def _none(program: Program) -> Problem:
    hint = (
        "decorate a function with @AutoMLOps.pipeline or @dsl.pipeline, or call AutoMLOps.makePipeline(...) in a cell"
    )
    for placed in program.nested:
        inner = [node for node in _inside(placed.statement.text) if any(map(_is_pipeline, node.decorator_list))]
        if inner:
            message = f"`{inner[0].name}` is defined inside a `{placed.statement.how}`, which is not looked into"
            return Problem(
                message=message, hint="move it out", cell=placed.cell, line=placed.line + inner[0].lineno - 1
            )
    return Problem(message=f"{program.name} has no pipeline", hint=hint)


def _pipeline(
    program: Program,
    found: Found,
    beside: Sequence[Found],
    defined: Mapping[str, Definition],
    values: Mapping[str, object] | None,
    faults: Faults,
    where: Surroundings,
) -> Pipeline | None:
    function = _function(found, faults)
    if function is None:
        return None
    owner = Owner(f"pipeline `{found.title}`", found.cell, found.line, found.number)
    nodes = walked(function)
    loaded = loads(program)
    unknown = _unknown(nodes, found, {**defined, **loaded}, faults) if found.marked else set()
    said = signature(program, function, owner.name, found.cell, found.offset, dict(found.told))
    parameters = _parameters(function, said, owner, faults)
    needs = (found.statement or statements(found.text)[0]).needs
    steps = _steps(program, beside)
    carried = closure(program, needs, owner, own={*defined, *loaded, function.name, *unknown}, steps=steps)
    faults.problems += [*_placed(found, said.problems), *carried.problems]
    if fault := unsound(found.text):
        message = f"{owner.name} is no code that Python runs: {fault}"
        faults.problems.append(Problem(message=message, hint="mend the function", cell=found.cell, line=found.line))
    faults.warnings += carried.warnings
    needed = {*needs, *(name for placed in carried.statements for name in placed.statement.needs)}
    wanted = [item for name, item in defined.items() if name in needed]
    reads = {item.name: component(program, item, where.brought(item), where.places) for item in wanted}
    for read in reads.values():
        faults.add(read)
    components = {name: read.component for name, read in reads.items() if read.component.source}
    others = _loaded([item for name, item in loaded.items() if name in needed], where, faults)
    others |= _contained(program, carried, faults)
    others |= _within(program, carried, beside, defined, {**components, **others}, faults)
    body = _body(program, found, nodes, owner, {**components, **others}, parameters, carried)
    faults.problems += [*_placed(found, body.problems), *_shadows(reads), *_hidden(nodes, {**defined, **others}, owner)]
    faults.problems += _clashes(components, {function.name, *others}, carried, where.reserved, owner)
    in_turn = [name for _, _, name in sorted(body.used) if name in components]
    used = tuple(components[name] for name in dict.fromkeys([*in_turn, *components]))
    faults.problems += _homeless(used, where.own_images)
    for group in together(used, where.images, where.base_image):
        faults.problems += conflicts(group)
    bound_ = () if values is None else fitting(owner, parameters, values, faults.problems)
    faults.problems += _unfit(where.jobs, used)
    pins = _installed(carried, owner, where)
    faults.problems += pins.problems
    trees = (ast.parse(placed.statement.text) for placed in carried.statements)
    others |= {item.name: item for item in prebuilt(program, chain([function], trees))}
    _named(found, owner, bool(reads or others or body.used), faults)
    text, spelled = _spelled(found.text, function)
    described = found.description or said.description
    return Pipeline(
        name=slug(found.title),
        title=found.title,
        function=function.name,
        body=_decorator(found, described) + text,
        description=described,
        parameters=tuple(parameters.values()),
        components=used,
        others=tuple(others.values()),
        steps=tuple(body.steps) if body.readable else (),
        readable=body.readable,
        imports=_imports(program, carried, spelled | _optional(carried)),
        carried=compose.statements(program, carried),
        values=bound_,
        tools=tuple(sorted({*tools(), *pins.lines})),
        notebook=program.name,
    )


def _steps(program: Program, beside: Sequence[Found]) -> dict[int, Statement]:
    """The definitions that stay steps where a pipeline carries them, as they stand there: containers, and the other
    pipelines. They run as they are defined, so that is when all that they need is read."""
    last = [places[-1] for places in program.bindings.values()]
    contained = [placed for placed in last if mark(program, placed, "container_component")]
    steps = {placed.number: placed.statement._replace(reads=placed.statement.needs) for placed in contained}
    for item in beside:
        placed = program.last(item.function)
        if placed and item.statement and not item.problems:
            native = placed.statement if item.kubeflow else _as_kubeflow(item, item.statement)
            steps[placed.number] = native._replace(reads=native.needs)
    return steps


def _as_kubeflow(found: Found, statement: Statement) -> Statement:
    """A pipeline that another one calls, under the decorator that kfp knows."""
    function = ast.parse(found.text).body[0]
    assert isinstance(function, ast.FunctionDef)  # noqa: S101 - anything else has been told
    described = found.description or documented(ast.get_docstring(function, clean=True)).description
    text, _ = _spelled(found.text, function)
    return statement._replace(text=_decorator(found, described) + text)


def _optional(carried: Closure) -> set[Import]:
    """What the parameters of carried pipelines are spelled with beyond what they were."""
    texts = (carried.steps[number].text for number in carried.carried if number in carried.steps)
    spelled = any("Optional[" in text for text in texts)
    return {Import(module="typing", name="Optional")} if spelled else set()


def _loaded(wanted: Sequence[Wanted], where: Surroundings, faults: Faults) -> dict[str, Other]:
    """The components that were loaded as YAML."""
    found = {}
    for item in wanted:
        faults.problems += item.problems
        fetched = Fetched(text=item.where) if item.how == "text" else where.fetched.get((item.how, item.where))
        read = None if item.problems else other(item, fetched or Fetched(fault="it was not looked for"))
        if isinstance(read, Other):
            found[item.name] = read
        elif read:
            faults.problems.append(read)
    return found


def _contained(program: Program, carried: Closure, faults: Faults) -> dict[str, Other]:
    """The container components that the pipeline reaches."""
    found = {}
    for placed in carried.statements:
        if mark(program, placed, "container_component"):
            read = container(program, placed)
            faults.problems += read.problems
            found[read.other.name] = read.other
    return found


def _within(
    program: Program,
    carried: Closure,
    beside: Sequence[Found],
    defined: Collection[str],
    callees: Mapping[str, Component | Other],
    faults: Faults,
) -> dict[str, Other]:
    """The pipelines that this one calls, those first that another one of them calls."""
    found: dict[str, Other] = {}
    for item in beside:
        function = _function(item, faults) if item.number in carried.carried else None
        if function is None:
            continue
        owner = f"pipeline `{item.title}`"
        said = signature(program, function, owner, item.cell, item.offset)
        takes = {port.name: port for port in said.inputs}
        body = bodies.Body(program, {**callees, **found}, takes, owner, item.cell, item.offset)
        nodes = walked(function)
        bodies.read(body, nodes)
        place = Owner(owner, item.cell, item.line)
        faults.problems += [*said.problems, *body.problems, *_hidden(nodes, {*defined, *callees, *found}, place)]
        found[item.function] = Other(
            name=item.function,
            origin=Origin.PIPELINE,
            task=slug(item.title),
            inputs=tuple(said.inputs),
            outputs=tuple(said.outputs),
            steps=tuple(body.steps) if body.readable else (),
            readable=body.readable,
            cell=item.cell,
            line=item.line,
        )
    return found


def _function(found: Found, faults: Faults) -> ast.FunctionDef | None:
    faults.problems += found.problems
    faults.warnings += found.warnings
    if found.problems:
        return None
    try:
        function = ast.parse(found.text).body[0]
    except SyntaxError as error:
        message = f"the pipeline `{found.title}` cannot be written as Python: {error.msg}"
        hint = "check the names in its params and mappings"
        faults.problems.append(Problem(message=message, hint=hint, cell=found.cell, line=found.line))
        return None
    return function if isinstance(function, ast.FunctionDef) else None


def _placed(found: Found, problems: list[Problem]) -> list[Problem]:
    """A marked chain is one statement of its cell: that is the place of all faults in it."""
    return [replace(problem, line=found.line) for problem in problems] if found.marked else problems


def _unknown(nodes: Iterable[ast.AST], found: Found, defined: Mapping[str, object], faults: Faults) -> set[str]:
    """A marked chain names its components in words: those that do not exist."""
    called = (node.func for node in nodes if isinstance(node, ast.Call))
    unknown = {func.id for func in called if isinstance(func, ast.Name) and func.id not in defined}
    for name in sorted(unknown):
        hint = bodies.near(name, defined) or f"there is {', '.join(f'`{other}`' for other in defined) or 'none yet'}"
        message = f"pipeline `{found.title}`: there is no component `{name}`"
        faults.problems.append(Problem(message=message, hint=hint, cell=found.cell, line=found.line))
    return unknown


def _parameters(function: ast.FunctionDef, said: Signature, owner: Owner, faults: Faults) -> dict[str, Param]:
    for port in said.inputs:
        if not isinstance(port, Param):
            message = f"the parameter `{port.name}` is an artifact, which no parameter value can give"
            faults.problems.append(owner.problem(message, "make it in a first step"))
    for argument in function.args.kwonlyargs:
        message = f"the parameter `{argument.arg}` stands behind a `*`, which kfp does not take"
        faults.problems.append(owner.problem(message, "remove the `*`"))
    return {port.name: port for port in said.inputs if isinstance(port, Param)}


def _body(
    program: Program,
    found: Found,
    nodes: Sequence[ast.AST],
    owner: Owner,
    callees: Mapping[str, Component | Other],
    parameters: Mapping[str, Param],
    carried: Closure,
) -> bodies.Body:
    """The body as read; functions that it calls to build a part of itself are held to the same rules."""

    def made(name: str, cell: str, offset: int, takes: Mapping[str, Param]) -> bodies.Body:
        return bodies.Body(program=program, callees=callees, parameters=takes, owner=name, cell=cell, offset=offset)

    body = bodies.read(made(owner.name, found.cell, found.offset, parameters), nodes)
    for placed in carried.statements:
        if placed.statement.how == "def" and placed.number not in carried.steps:
            part = made(f"`{placed.statement.binds[0]}`", placed.cell, placed.line - 1, {})
            body.problems += bodies.calls(part, ast.parse(placed.statement.text)).problems
    return body


def _homeless(components: Iterable[Component], own_images: tuple[str, ...]) -> Iterator[Problem]:
    """Base images of the codebase's own that are not there."""
    for item in components:
        if fault := homeless(item.base, own_images):
            yield Problem(message=f"component `{item.name}`: {fault[0]}", hint=fault[1], cell=item.cell, line=item.line)


def _installed(carried: Closure, owner: Owner, where: Surroundings) -> Pinned:
    """What the wiring itself imports is needed where the pipeline is compiled, beside kfp, and what wraps a job."""
    inner = [
        item for placed in carried.statements if placed.statement.how != "checking" for item in placed.statement.inner
    ]
    imported = {*modules([*carried.imports, *inner]), *([PREBUILT] if where.jobs else [])}
    return pinned(imported, (), cell=owner.cell, line=owner.line, places=where.places)


def _unfit(jobs: tuple[TrainingJob, ...], components: Sequence[Component]) -> Iterator[Problem]:
    """What keeps a component from running as a custom job: it is not there, or has a name of the job's own."""
    from difflib import get_close_matches

    there = {component.name: component for component in components}
    for job in jobs:
        found = there.get(job.component)
        if found is None:
            near = next(iter(get_close_matches(job.component, there, 1)), "")
            hint = f"did you mean {near}?" if near else f"the components are {', '.join(sorted(there)) or 'none'}"
            message = f"custom_training_job_specs: the pipeline has no component {travel.short(job.component)}"
            yield Problem(message=message, hint=hint)
            continue
        taken = sorted(JOB_INPUTS & {item.name for item in found.inputs})
        taken += sorted({JOB_OUTPUT} & {item.name for item in found.outputs})
        for name in taken:
            message = (
                f"custom_training_job_specs: `{name}` of `{found.name}` is a name that a custom job has for its own"
            )
            yield Problem(message=message, hint=f"call it `{name}_`", cell=found.cell, line=found.line)


def _hidden(nodes: Iterable[ast.AST], defined: Collection[str], owner: Owner) -> Iterator[Problem]:
    """`load = load()` makes `load` a variable of the body, and the component is out of reach."""
    for node in nodes:
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and node.id in defined:
            message = f"the variable `{node.id}` hides the component of that name"
            yield owner.problem(message, f"call the variable `{node.id}_task`")


def _named(found: Found, owner: Owner, steps: bool, faults: Faults) -> None:
    name = slug(found.title)
    if not steps and not faults.problems:
        faults.problems.append(owner.problem("it has no steps", "call a component in it"))
    if not name[:1].isalpha() or len(name) > LONGEST_NAME:
        hint = f"Vertex AI wants a letter first, then letters, digits and dashes, {LONGEST_NAME} at most"
        faults.problems.append(owner.problem(f"the name cleans to `{name}`", hint))


def _spelled(text: str, function: ast.FunctionDef) -> tuple[str, set[Import]]:
    """The function with the types of its parameters as kfp's decorator reads them: unquoted, `X | None` as Optional."""
    changes: list[tuple[ast.expr, str]] = []
    annotations = [argument.annotation for argument in function.args.args if argument.annotation]
    spelled: set[Import] = set()
    for annotation in annotations:
        try:
            plain = unquoted(annotation)
        except Refused:
            continue  # which was told where the signature was read
        if isinstance(plain, ast.BinOp) and isinstance(plain.right, ast.Constant):
            changes.append((annotation, f"Optional[{ast.unparse(plain.left)}]"))
            spelled.add(Import(module="typing", name="Optional"))
        elif plain is not annotation:
            changes.append((annotation, ast.unparse(plain)))
    return compose.rewritten(text, changes) if changes else text, spelled


def _imports(program: Program, carried: Closure, spelled: set[Import]) -> tuple[Import, ...]:
    """What pipeline.py imports for the pipeline; `dsl` by one name only, however the notebook spelled its import."""
    own = {item for item in carried.imports if not (bound(item) == "dsl" and program.resolve("dsl") == "kfp.dsl")}
    wanted = {*own, *spelled, Import(module="kfp", name="dsl")}
    return tuple(sorted(wanted, key=lambda item: (item.module, item.name, item.alias)))


def _shadows(reads: Mapping[str, Read]) -> Iterator[Problem]:
    """kfp's executor looks for modules beside a component first: no component may be called like an imported one."""
    imported = {module.partition(".")[0] for read in reads.values() for module in read.modules}
    for name in sorted(imported & reads.keys()):
        item = reads[name].component
        message = f"the component `{name}` has the name of a module that a component imports"
        yield Problem(message=message, hint=f"call it `{name}_step`", cell=item.cell, line=item.line)


def _clashes(
    components: Mapping[str, Component], own: set[str], carried: Closure, reserved: frozenset[str], owner: Owner
) -> Iterator[Problem]:
    """Names that the generated pipeline.py needs for itself, and names that Vertex AI would not tell apart."""
    theirs = {name for placed in carried.statements for name in placed.statement.binds}
    renamed = {item.alias for item in carried.imports if item.alias not in ("", item.name)}
    for name in sorted({*components, *own, *theirs, *renamed} & reserved):
        yield owner.problem(f"the name `{name}` is taken in the generated pipeline.py", f"call it `{name}_step`")
    seen: dict[str, str] = {}
    for name, item in components.items():
        if not name.isascii():
            message = f"the component `{name}` has more than a to z in its name, and files and images are called by it"
            yield Problem(message=message, hint="rename it", cell=item.cell, line=item.line)
            continue
        other = seen.setdefault(slug(name), name)
        if name.casefold() == "pipeline":
            message = f"the component `{name}` would be tested in tests/test_pipeline.py, as the pipeline itself is"
            yield Problem(message=message, hint=f"call it `{name}_step`", cell=item.cell, line=item.line)
        if len(name) > LONGEST_FILE:
            message = f"the name of the component `{travel.short(name)}` is too long for the files that it is given to"
            yield Problem(message=message, hint=f"{LONGEST_FILE} letters at most", cell=item.cell, line=item.line)
        if not slug(name):
            message = f"the component `{name}` has no letter or digit in its name"
            yield Problem(message=message, hint="rename it", cell=item.cell, line=item.line)
        elif other != name:
            message = f"the components `{other}` and `{name}` are both `{slug(name)}` to Vertex AI"
            yield Problem(message=message, hint="rename one", cell=item.cell, line=item.line)


def _decorator(found: Found, description: str) -> str:
    name = slug(found.title)
    parts = [f"name={literal(name)}"]
    parts += [f"display_name={literal(found.shown)}"] if found.shown not in ("", name) else []
    parts += [f"{key}={text}" for key, text in found.kept]
    parts += [f"description={literal(description)}"] if description else []
    line = f"@dsl.pipeline({', '.join(parts)})"
    if len(line) <= WIDTH:
        return line + "\n"
    parts[-1] = f"description={literal(description, 16)}" if description else parts[-1]
    return "\n".join(["@dsl.pipeline(", *(f"    {part}," for part in parts), ")"]) + "\n"


def fitting(
    owner: Owner, parameters: Mapping[str, Param], values: Mapping[str, object], problems: list[Problem]
) -> tuple[tuple[str, str], ...]:
    """The parameter values, in the order of the signature, each checked against its type."""
    given = []
    for name, param in parameters.items():
        value = values.get(name)
        unfit = travel.misfit(param.kind, value) if value is not None or not param.optional else None
        if name not in values and not param.optional:
            message = f"pipeline_params has no value for `{name}` of {owner.name}"
            problems.append(Problem(message=message, hint="add it, or give the parameter a default"))
        elif unfit and name in values:
            hint = unfit.mend or f"{owner.name} takes that"
            problems.append(Problem(message=f"pipeline_params: `{name}` {unfit.why}", hint=hint))
        elif name in values:
            given.append((name, travel.text(value)))
    for name in values:
        if name not in parameters:
            hint = bodies.near(str(name), parameters) or f"it has {', '.join(parameters) or 'none'}"
            problems.append(Problem(message=f"pipeline_params: {owner.name} has no parameter `{name}`", hint=hint))
    return tuple(given)
