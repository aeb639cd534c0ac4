"""Finds the components of a program, decorated or marked, and reads each into a Component."""

import ast
import io
import keyword
import re
import sys
import tokenize
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from ..model import Component, Import, Problem
from ..source import WIDTH, docstring
from . import compose
from .closure import closure, without_marks
from .program import Marked, Placed, Program
from .requirements import Places, pinned
from .signature import Refused, Signature, evaluate, signature, unquoted
from .statements import Statement, dotted, statements

# What a marked cell may name in its params without importing it: its author need not know Kubeflow.
KFP_TYPES = (
    "Input",
    "Output",
    "InputPath",
    "OutputPath",
    "Artifact",
    "Dataset",
    "Model",
    "Metrics",
    "ClassificationMetrics",
    "HTML",
    "Markdown",
)
SHADOWED = frozenset(
    {"evaluate", "kfp", "google", "yaml", "numpy", "pandas", "sklearn", "torch", "tensorflow", "xgboost", "scipy"}
)
GOOGLE = (
    "google.cloud",
    "googleapiclient",
    "vertexai",
    "google.genai",
    "google.generativeai",
    "gcsfs",
    "pandas_gbq",
    "bigframes",
)
ADDRESS = re.compile(r"[\"'](?:gs|bq)://")


class Definition(NamedTuple):
    """A component as found: its function as text, and where it stands. `offset` turns its lines into the cell's."""

    name: str
    text: str
    cell: str
    line: int
    offset: int
    node: ast.FunctionDef
    statement: Statement
    packages: tuple[str, ...] = ()
    description: str = ""
    given: tuple[Import, ...] = ()


class Read(NamedTuple):
    """A component with the faults in it, and the modules that it imports."""

    component: Component
    modules: frozenset[str]
    problems: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()


def mark(program: Program, placed: Placed, what: str) -> ast.expr | None:
    """The decorator `AutoMLOps.<what>` on a definition, called or bare."""
    for found in getattr(placed.statement.node, "decorator_list", []):
        name = program.resolve(dotted(found.func if isinstance(found, ast.Call) else found))
        if name == f"AutoMLOps.{what}":
            return found  # type: ignore[no-any-return]
    return None


def definitions(program: Program, problems: list[Problem]) -> dict[str, Definition]:
    """Every component that the program defines, by name; the last definition of a name wins."""
    found: dict[str, Definition] = {}
    for name, places in program.bindings.items():
        decorator = mark(program, places[-1], "component")
        if decorator is not None:
            defined = _decorated(program, name, places[-1], decorator, problems)
            if defined:
                found[name] = defined
    for marked in program.marked:
        written = _marked(program, marked, problems)
        if written:
            found[written.name] = written
    return found


def _decorated(
    program: Program, name: str, placed: Placed, decorator: ast.expr, problems: list[Problem]
) -> Definition | None:
    node = placed.statement.node
    if not isinstance(node, ast.FunctionDef):
        kind = (
            "an async function: write a plain one that calls asyncio.run"
            if isinstance(node, ast.AsyncFunctionDef)
            else "a class: decorate a function"
        )
        problems.append(
            Problem(
                message=f"the component `{name}` is {kind.partition(':')[0]}",
                hint=kind.partition(": ")[2],
                cell=placed.cell,
                line=placed.line,
            )
        )
        return None
    packages: tuple[str, ...] = ()
    for keyword_ in decorator.keywords if isinstance(decorator, ast.Call) else []:
        if keyword_.arg == "packages_to_install":
            packages = _packages(program, name, placed, keyword_.value, problems)
        else:
            message = f"the component `{name}`: `{keyword_.arg or '**'}` is no setting of AutoMLOps.component"
            problems.append(
                Problem(message=message, cell=placed.cell, line=placed.line, hint="it takes packages_to_install")
            )
    if isinstance(decorator, ast.Call) and decorator.args:
        problems.append(
            Problem(
                message=f"the component `{name}`: say packages_to_install by name", cell=placed.cell, line=placed.line
            )
        )
    statement = without_marks(program, placed)
    lost = placed.statement.text.count("\n") - statement.text.count("\n")
    offset = placed.line + lost - node.lineno  # the node counts from where its piece of the cell begins
    return Definition(
        name=name,
        text=statement.text,
        cell=placed.cell,
        line=placed.line + lost,
        offset=offset,
        node=node,
        statement=statement,
        packages=packages,
    )


def _packages(program: Program, name: str, placed: Placed, node: ast.expr, problems: list[Problem]) -> tuple[str, ...]:
    try:
        value = evaluate(program, node)
    except ValueError as error:
        problems.append(
            Problem(
                message=f"the component `{name}`: packages_to_install is not constant ({error})",
                cell=placed.cell,
                line=placed.line,
                hint="write the list out",
            )
        )
        return ()
    if value is None:
        return ()
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return tuple(value)
    problems.append(
        Problem(
            message=f"the component `{name}`: packages_to_install is not a list of str",
            cell=placed.cell,
            line=placed.line,
            hint='write ["pandas", "scikit-learn==1.5.0"]',
        )
    )
    return ()


def _marked(program: Program, marked: Marked, problems: list[Problem]) -> Definition | None:
    """A marked cell written as the function that it means."""
    faults: list[str] = []
    given = arguments(program, marked.call, ("name", "params", "description"), faults, raw=("params",))
    title = given.get("name")
    name = identifier(title) if isinstance(title, str) else ""
    if not name:
        faults.append(f"makeComponent needs a name that cleans to an identifier, not {title!r}")
    params = _params(program, given.get("params"), faults)
    description = str(given.get("description") or "")
    body = _body(marked.text, name, faults)
    problems += [Problem(message=fault, cell=marked.cell, line=marked.line) for fault in faults]
    if faults:
        return None
    head = _head(name, [(param, text) for param, text, _ in params])
    doc = _doc(description, name, [(param, said) for param, _, said in params])
    text = f"{head}\n{doc}{body}"
    lines = len(f"{head}\n{doc}".split("\n")) - 1
    start = marked.line + len(ast.unparse(marked.call).split("\n"))
    names = {
        node.id
        for _, written, _ in params
        for node in ast.walk(ast.parse(written, mode="eval"))
        if isinstance(node, ast.Name)
    }
    imports = tuple(
        Import(module="kfp.dsl", name=found) for found in KFP_TYPES if found in names and not program.last(found)
    )
    (statement,) = statements(text)
    node = ast.parse(text).body[0]
    assert isinstance(node, ast.FunctionDef)  # noqa: S101 - it was written as one, a few lines up
    return Definition(
        name=name,
        text=text,
        cell=marked.cell,
        line=marked.line,
        offset=start - lines - 1,
        node=node,
        statement=statement,
        description=description,
        given=imports,
    )


def _head(name: str, params: list[tuple[str, str]]) -> str:
    """The first line of a function; kfp's OutputPath(str) is a call, which type checkers do not expect in a type."""
    excuses = {param: "  # type: ignore[valid-type]" if "Path(" in text else "" for param, text in params}
    line = f"def {name}({', '.join(f'{param}: {text}' for param, text in params)}):{max(excuses.values(), default='')}"
    if len(line) <= WIDTH:
        return line
    return "\n".join([f"def {name}(", *(f"    {param}: {text},{excuses[param]}" for param, text in params), "):"])


def arguments(
    program: Program, call: ast.Call, order: tuple[str, ...], faults: list[str], raw: tuple[str, ...] = ()
) -> dict[str, object]:
    """The arguments of makeComponent or makePipeline as values; those named in `raw` stay trees."""
    what = dotted(call.func).rpartition(".")[2]
    named = [*zip(order, call.args, strict=False), *((keyword_.arg, keyword_.value) for keyword_ in call.keywords)]
    found: dict[str, object] = {}
    for name, node in named:
        if name not in order:
            faults.append(f"{what} takes {', '.join(order)}; `{name or '**'}` is none of them")
            continue
        try:
            found[name] = node if name in raw else evaluate(program, node)
        except ValueError as error:
            faults.append(f"{what}: {name} is not constant ({error}): write it out")
    return found


def identifier(title: str) -> str:
    """A name cleaned to a Python identifier ("Train model" is `train_model`); nothing where that cannot be."""
    name = title if title.isidentifier() and title.isascii() else re.sub(r"[^0-9a-z_]+", "_", title.lower()).strip("_")
    return name if name.isidentifier() and not keyword.iskeyword(name) else ""


def _params(program: Program, node: object, faults: list[str]) -> list[tuple[str, str, str]]:
    """(name, type as text, description) of each param of makeComponent or makePipeline."""
    if node is None:
        return []
    if not isinstance(node, ast.List | ast.Tuple):
        faults.append("params is a list of {'name': ..., 'type': ..., 'description': ...}")
        return []
    found = []
    for item in node.elts:
        entry = _entry(program, item, faults)
        if entry:
            found.append(entry)
    names = [name for name, _, _ in found]
    faults += [
        f"the param `{name}` is there twice" for name in sorted({name for name in names if names.count(name) > 1})
    ]
    return found


params = _params


def _entry(program: Program, item: ast.expr, faults: list[str]) -> tuple[str, str, str] | None:
    if not isinstance(item, ast.Dict):
        faults.append(f"a param is {{'name': ..., 'type': ..., 'description': ...}}, not `{ast.unparse(item)}`")
        return None
    parts = {
        key.value: value for key, value in zip(item.keys, item.values, strict=True) if isinstance(key, ast.Constant)
    }
    extra = sorted(str(key) for key in parts.keys() - {"name", "type", "description"})
    if extra or len(parts) != len(item.keys) or not parts.keys() >= {"name", "type"}:
        faults.append(f"a param has name, type and, if you like, description: `{ast.unparse(item)}`")
        return None
    try:
        name, said = evaluate(program, parts["name"]), evaluate(program, parts.get("description", ast.Constant("")))
        written = ast.unparse(unquoted(parts["type"]))
    except (ValueError, Refused) as error:
        faults.append(f"a param is not constant ({error}): `{ast.unparse(item)}`")
        return None
    if not isinstance(name, str) or not name.isidentifier() or keyword.iskeyword(name):
        faults.append(f"the param name {name!r} is no identifier")
        return None
    return name, written, str(said or "")


def _doc(description: str, name: str, said: list[tuple[str, str]]) -> str:
    """The docstring of a marked cell's function, in the manner that kfp reads descriptions from."""
    if not description.strip() and not any(text for _, text in said):
        return ""
    lines = [" ".join(description.split()) or f"The step {name}."]
    if any(text for _, text in said):
        lines += ["", "Args:", *(f"    {name}: {' '.join(text.split())}" for name, text in said if text.strip())]
    return "    " + docstring("\n".join(lines), indent=4) + "\n"


def _body(text: str, name: str, faults: list[str]) -> str:
    """The cell's code as a function's body: indented, strings over several lines left as they are."""
    try:
        tree = ast.parse(text)
    except SyntaxError as error:  # the cell parsed whole before, so this is a body cut in an odd place
        faults.append(f"the code below makeComponent is no Python on its own: {error.msg}")
        return "    pass"
    faults += list(_unfit(tree, name))
    if not tree.body:
        return "    pass"
    kept = _string_lines(text)
    return "\n".join(
        f"    {line}" if line.strip() and number not in kept else line
        for number, line in enumerate(text.split("\n"), 1)
    )


def _unfit(tree: ast.Module, name: str) -> Iterator[str]:
    for node in _own(tree):
        match node:
            case ast.Return(value=value) if value is not None and not (
                isinstance(value, ast.Constant) and value.value is None
            ):
                yield f"`return` in the marked cell `{name}` gives a value to nobody: give it to an Output[...] param"
            case ast.Yield() | ast.YieldFrom() | ast.Await() | ast.AsyncFor() | ast.AsyncWith():
                yield f"the marked cell `{name}` awaits or yields, which a step cannot: use asyncio.run"
            case ast.ImportFrom(names=[ast.alias(name="*")]):
                yield f"the marked cell `{name}` has a star import, which no function may have: import by name"
            case ast.ImportFrom(module="__future__"):
                yield f"the marked cell `{name}` imports from __future__, which only a file's first line can"


def _own(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
            yield child
            yield from _own(child)


def _string_lines(text: str) -> set[int]:
    """The lines that begin inside a string: indenting them would change its value."""
    kept: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if tokenize.tok_name[token.type] in ("STRING", "FSTRING_MIDDLE"):
            kept.update(range(token.start[0] + 1, token.end[0] + 1))
    return kept


def component(program: Program, defined: Definition, brought: bool = False, places: Places | None = None) -> Read:
    """Reads one definition: signature, what travels with it, what must be installed for it."""
    owner = f"component `{defined.name}`"
    for item in defined.given:
        program.aliases.setdefault(item.name, f"kfp.dsl.{item.name}")
    said = signature(program, defined.node, owner, defined.cell, defined.offset)
    own = {defined.name, *(item.name for item in defined.given)}
    found = closure(
        program, defined.statement.needs, owner, defined.cell, defined.line, own=own, real=defined.statement.annotations
    )
    found.imports.update(defined.given)
    text = compose.module(
        program, found, defined.name, defined.text, defined.description or said.description, said.quoted
    )
    carried = (item for placed in found.statements for item in (*placed.statement.inner, *placed.statement.imports))
    modules = _modules([*found.imports, *defined.statement.inner, *carried])
    pins = pinned(modules, defined.packages, cell=defined.cell, line=defined.line, brought=brought, places=places)
    return Read(
        component=Component(
            name=defined.name,
            source=text,
            inputs=tuple(said.inputs),
            outputs=tuple(said.outputs),
            description=defined.description or said.description,
            requirements=pins.lines,
            google=_google(modules, text),
            cell=defined.cell,
            line=defined.line,
        ),
        modules=modules,
        problems=(*_names(defined, said), *said.problems, *found.problems, *pins.problems),
        warnings=(*found.warnings, *pins.warnings),
    )


def _names(defined: Definition, said: Signature) -> Iterator[Problem]:
    if defined.name in sys.stdlib_module_names or defined.name in SHADOWED:
        message = (
            f"the component `{defined.name}` has the name of a module, and its file would stand in that module's place"
        )
        yield Problem(message=message, hint=f"call it `{defined.name}_step`", cell=defined.cell, line=defined.line)
    names = [port.name for port in said.outputs]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield Problem(
            message=f"component `{defined.name}` has two outputs called `{name}`", cell=defined.cell, line=defined.line
        )


def _modules(imports: Iterable[Import]) -> frozenset[str]:
    """The modules of some imports, with the names taken from them: `google.cloud.storage`."""
    return frozenset(
        f"{item.module}.{item.name}" if item.name else item.module for item in imports if item.module[:1] != "."
    )


def _google(modules: frozenset[str], text: str) -> tuple[str, ...]:
    """The ways in which a component reaches Google: modules of its services, addresses in its code."""
    found = {module for module in modules if module.startswith(GOOGLE)}
    return (
        *sorted({".".join(module.split(".")[:3]) for module in found}),
        *(["gs://"] if ADDRESS.search(text) else []),
    )
