"""Reads the body of a pipeline function: steps, wiring, and the mistakes that kfp compiles without a word."""

import ast
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial

from ..model import Argument, Artifact, Component, Kind, Origin, Other, Param, Problem, Source, Step, slug
from ..nouns import replace
from ..unfolded import unfolded
from . import kubeflow, loaded, travel
from .constants import evaluate
from .program import Program
from .scopes import walked
from .signature import Schema, schema
from .statements import dotted

BLOCKS = frozenset({"If", "Elif", "Else", "Condition", "ParallelFor", "ExitHandler"})


class Body:
    """What a pipeline function does, as far as that can be read without running it."""

    def __init__(
        self,
        program: Program,
        callees: Mapping[str, Component | Other],
        parameters: Mapping[str, Param | Artifact],
        owner: str,
        cell: str,
        offset: int,
    ) -> None:
        self.program, self.callees, self.parameters = program, callees, parameters
        self.owner, self.cell, self.offset = owner, cell, offset
        self.steps: list[Step] = []
        self.tasks: dict[str, Step] = {}
        self.called: dict[str, Component | Other] = {}  # by the step
        self.loops: set[str] = set()
        self.used: list[tuple[int, int, str]] = []
        self.counts: dict[str, int] = {}
        self.later: dict[str, list[str]] = {}
        self.problems: list[Problem] = []
        self.readable = True

    def wrong(self, node: ast.AST, message: str, hint: str = "") -> None:
        line = getattr(node, "lineno", 0) + self.offset
        self.problems.append(Problem(message=f"{self.owner}: {message}", hint=hint, cell=self.cell, line=line))


def read(body: Body, nodes: Sequence[ast.AST]) -> Body:
    """Walks the statements of a function in order, then looks at the whole: `nodes` are the function and all in it."""
    function = nodes[0]
    assert isinstance(function, ast.FunctionDef)
    for statement in unfolded(function, lambda node: _callee(body, node) is not None, partial(_function, body)):
        _statement(body, statement)
    late = _late(body, nodes)
    for node in nodes:
        if isinstance(node, ast.Call):
            _call_anywhere(body, node)
            _quote(body, node, late)
        elif isinstance(node, DECIDES):
            _choice(body, node, late)
        elif isinstance(node, ast.Attribute):
            _field(body, node)
    if len(body.used) > len(body.steps):
        body.readable = False  # a step is made where only running it tells how often: in a loop, a choice
    _order(body)
    _cycle(body, function)
    return body


def calls(body: Body, tree: ast.AST) -> Body:
    """Looks at the calls of components in a function that builds a part of the pipeline."""
    for node in walked(tree):
        if isinstance(node, ast.Call):
            _call_anywhere(body, node)
    return body


def _statement(body: Body, node: ast.stmt) -> None:
    match node:
        case (
            ast.Assign(targets=[ast.Name(id=name)], value=value)
            | ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value)
        ):
            step = _step(body, value)
            body.tasks.pop(name, None)
            if step:
                body.tasks[name] = step
            elif not isinstance(value, ast.Constant):
                body.readable = False
        case ast.Expr(value=ast.Call() as value):
            if not _step(body, value) and not _method(body, value):
                body.readable = False
        case ast.With(items=items, body=inner):
            for item in items:
                _block(body, item)
            for statement in inner:
                _statement(body, statement)
        case ast.Expr(value=ast.Constant()) | ast.Return() | ast.Pass():
            pass
        case _:
            body.readable = False


def _block(body: Body, item: ast.withitem) -> None:
    call = item.context_expr
    name = body.program.resolve(dotted(call.func)) if isinstance(call, ast.Call) else ""
    if not (name.startswith("kfp.") and name.rpartition(".")[2] in BLOCKS):
        body.readable = False
    if isinstance(item.optional_vars, ast.Name):
        body.loops.add(item.optional_vars.id)


def _unchained(node: ast.expr) -> tuple[ast.expr, list[ast.Call]]:
    """`f(x).set_cpu_limit("4").after(a)` as `f(x)` and the calls that follow it."""
    calls: list[ast.Call] = []
    while isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and not dotted(node.func):
        calls.append(node)
        node = node.func.value
    return node, calls


def _step(body: Body, node: ast.expr) -> Step | None:
    base, calls = _unchained(node)
    callee = _callee(body, base)
    if callee is None or not isinstance(base, ast.Call):
        return None
    after = tuple(name for call in calls if _called(call) == "after" for name in _mentioned(body, *call.args))
    step = Step(
        name=_fresh(body, (isinstance(callee, Other) and callee.task) or slug(callee.name)),
        component=callee.name,
        arguments=tuple(_arguments(body, callee, base)),
        after=after,
    )
    body.steps.append(step)
    body.called[step.name] = callee
    return step


def _callee(body: Body, node: ast.expr) -> Component | Other | None:
    """What an expression calls, if that makes a step."""
    if not isinstance(node, ast.Call):
        return None
    if isinstance(node.func, ast.Name) and node.func.id in body.callees:
        return body.callees[node.func.id]
    return _importer(body, node) if kubeflow.is_dsl(body.program.resolve(dotted(node.func)), "importer") else None


def _function(body: Body, node: ast.expr) -> str:
    """The name of a function that is called, without its module."""
    return body.program.resolve(dotted(node)).rpartition(".")[2]


def _importer(body: Body, call: ast.Call) -> Other:
    """kfp's importer, whose one output is of the class that the call names."""
    kinds = [each.value for each in call.keywords if each.arg == "artifact_class"] or call.args[1:2]
    title, version = (schema(body.program, kinds[0]) if kinds else None) or Schema("system.Artifact")
    gives = Artifact(name="artifact", title=title, version=version)
    takes = Param(name="uri", kind=Kind.STRING)
    return Other(name="importer", origin=Origin.IMPORTER, task="importer", inputs=(takes,), outputs=(gives,))


def _fresh(body: Body, name: str) -> str:
    """The task's name as kfp makes it unique: the second call of `train` is `train-2`."""
    number = body.counts[name] = body.counts.get(name, 0) + 1
    return name if number == 1 else f"{name}-{number}"


def _called(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else ""


def _mentioned(body: Body, *nodes: ast.AST) -> list[str]:
    """The steps whose task variables appear in some expressions."""
    names = (inner.id for node in nodes for inner in walked(node) if isinstance(inner, ast.Name))
    return [body.tasks[name].name for name in names if name in body.tasks]


def _method(body: Body, call: ast.Call) -> bool:
    """`task.after(other)` as a statement of its own: an order that is added once all steps are known."""
    root = call.func
    while isinstance(root, ast.Attribute | ast.Call):
        root = root.value if isinstance(root, ast.Attribute) else root.func
    if not isinstance(root, ast.Name) or root.id not in body.tasks:
        return isinstance(call.func, ast.Name) and call.func.id == "print"
    if _called(call) == "after":
        body.later.setdefault(body.tasks[root.id].name, []).extend(_mentioned(body, *call.args))
    return True


def _arguments(body: Body, component: Component | Other, call: ast.Call) -> Iterator[Argument]:
    ports = {port.name: port for port in component.inputs}
    if isinstance(component, Other) and component.origin is Origin.IMPORTER:
        yield from _of_importer(body, ports["uri"], call)
        return
    for keyword in call.keywords:
        if keyword.arg is None:
            body.readable = False
        elif keyword.arg in ports:
            yield _argument(body, ports[keyword.arg], keyword.value)


def _of_importer(body: Body, port: Param | Artifact, call: ast.Call) -> Iterator[Argument]:
    """What an importer takes by its call: where the artifact is; and what it is told of it, as code."""
    named = dict(zip(("artifact_uri", "artifact_class", "reimport", "metadata"), call.args, strict=False))
    named |= {each.arg: each.value for each in call.keywords if each.arg}
    if "artifact_uri" in named:
        yield _argument(body, port, named["artifact_uri"])
    for step in dict.fromkeys(_mentioned(body, named["metadata"]) if "metadata" in named else ()):
        yield Argument(name="metadata", source=Source.OUTPUT, of=step)


def _argument(body: Body, port: Param | Artifact, node: ast.expr) -> Argument:
    match node:
        case ast.Name(id=name) if name in body.parameters:
            _fits(body, node, port, body.parameters[name], f"the pipeline parameter `{name}`")
            return Argument(name=port.name, source=Source.PARAMETER, of=name)
        case ast.Attribute(value=ast.Name(id=name), attr="output") if name in body.tasks:
            return _output(body, port, node, body.tasks[name], "")
        case ast.Subscript(
            value=ast.Attribute(value=ast.Name(id=name), attr="outputs"), slice=ast.Constant(value=str(key))
        ) if name in body.tasks:
            return _output(body, port, node, body.tasks[name], key)
    if not _mentioned(body, node) and not any(
        isinstance(inner, ast.Name) and inner.id in body.parameters for inner in walked(node)
    ):
        try:
            value = evaluate(body.program, node)
        except ValueError:
            return Argument(name=port.name, source=Source.CODE, of=ast.unparse(node))
        return Argument(name=port.name, source=Source.VALUE, of=_value(body, node, port, value))
    return Argument(name=port.name, source=Source.CODE, of=ast.unparse(node))


def _value(body: Body, node: ast.expr, port: Param | Artifact, value: object) -> str:
    """A value as JSON, where it is one that the input takes."""
    if isinstance(port, Artifact):
        message = f"`{port.name}` takes an artifact, not the value {travel.short(value)}"
        body.wrong(node, message, "pass the output of a step")
        return ""
    found = travel.misfit(port.kind, value)
    if value is None:
        found = travel.Misfit("is None, which cannot be passed: leave it out")
    elif not found and port.kind is Kind.NUMBER_DOUBLE and isinstance(value, int):
        found = travel.Misfit(f"is {value}, an int, and kfp wants a float: write {float(value)}")
    elif not found and travel.holds_none(value):
        found = travel.Misfit("holds None, and kfp has no word for that inside a value")
    if found:
        body.wrong(node, f"the value for `{port.name}` {found.why}", found.mend)
        return ""
    return travel.text(value)


def _output(body: Body, port: Param | Artifact, node: ast.expr, step: Step, key: str) -> Argument:
    outputs = {output.name: output for output in body.called[step.name].outputs}
    if not key and len(outputs) == 1:
        key = next(iter(outputs))
    if key not in outputs:
        names = ", ".join(f'outputs["{name}"]' for name in outputs) or "none"
        body.wrong(
            node,
            f"the step `{step.component}` has no output `{key}`"
            if key
            else f"`.output` of `{step.component}` is not one output",
            f"its outputs: {names}",
        )
    else:
        _fits(body, node, port, outputs[key], f"the output `{key}` of `{step.component}`")
    return Argument(name=port.name, source=Source.OUTPUT, of=step.name, output=key)


def _fits(body: Body, node: ast.expr, port: Param | Artifact, given: Param | Artifact, what: str) -> None:
    """Whether kfp would let this travel there: values of one type, artifacts of one schema or of the general one."""
    match port, given:
        case Param(), Param():
            fits = port.kind == given.kind
        case Artifact(), Artifact():
            fits = port.many == given.many and (
                port.title == given.title or "system.Artifact" in (port.title, given.title)
            )
        case _:
            fits = False
    if not fits:
        body.wrong(node, f"`{port.name}` takes {_what(port)}, and {what} is {_what(given)}")


def _what(port: Param | Artifact) -> str:
    if isinstance(port, Param):
        return {
            Kind.STRING: "a str",
            Kind.NUMBER_INTEGER: "an int",
            Kind.NUMBER_DOUBLE: "a float",
            Kind.BOOLEAN: "a bool",
            Kind.LIST: "a list",
            Kind.STRUCT: "a dict",
        }.get(port.kind, "a final status")
    return ("a list of " if port.many else "a ") + port.title.removeprefix("system.")


def _call_anywhere(body: Body, node: ast.Call) -> None:
    """Whatever stands around it, a call of a component takes its inputs by name, all of those without a default."""
    if loaded.is_loader(body.program, node):
        body.wrong(node, "a component is loaded inside the function", "load it in a cell of its own, above")
    component = _callee(body, node)
    if component is None:
        return
    body.used.append((node.lineno, node.col_offset, component.name))
    if isinstance(component, Other) and component.origin is Origin.IMPORTER:
        return
    ports = {port.name: port for port in component.inputs}
    if node.args:
        body.wrong(
            node,
            f"`{component.name}` is called with positional arguments",
            f"kfp takes them by name: {', '.join(f'{name}=...' for name in ports)}",
        )
        return
    given = {keyword.arg for keyword in node.keywords}
    for keyword in node.keywords:
        if keyword.arg and keyword.arg not in ports:
            hint = near(keyword.arg, ports) or f"its inputs: {', '.join(ports) or 'none'}"
            body.wrong(keyword.value, f"`{component.name}` has no input `{keyword.arg}`", hint)
    missing = [name for name, port in ports.items() if not port.optional and name not in given]
    if missing and None not in given:
        body.wrong(
            node,
            f"`{component.name}` is called without {', '.join(f'`{name}`' for name in missing)}",
            "give it a value, or a default in the component",
        )


def near(name: str, known: Mapping[str, object]) -> str:
    import difflib  # only on the way to an error

    found = difflib.get_close_matches(name, list(known), 1)
    return f"did you mean `{found[0]}`?" if found else ""


def _late(body: Body, nodes: Iterable[ast.AST]) -> set[str]:
    """The names whose values are known only when the pipeline runs: parameters, tasks, and what is made of them."""
    late = {*body.parameters, *body.loops}
    pairs = [pair for node in nodes if isinstance(node, ast.stmt | ast.NamedExpr) for pair in _assigned(node)]
    while True:
        more = {name for name, value in pairs if name not in late and _is_late(body, late, value)}
        if not more:
            return late
        late |= more


def _assigned(node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    """Each name that a statement gives a value, with that value; a loop over a display gives its elements."""
    match node:
        case ast.Assign(targets=[ast.Tuple(elts=names)], value=ast.Tuple(elts=values)) if len(names) == len(values):
            pairs = list(zip(names, values, strict=True))
        case ast.Assign(targets=[target], value=value) | ast.NamedExpr(target=target, value=value):
            pairs = [(target, value)]
        case ast.For(target=target, iter=ast.List(elts=values) | ast.Tuple(elts=values)):
            pairs = [(target, value) for value in values]
        case _:
            return
    yield from ((target.id, value) for target, value in pairs if isinstance(target, ast.Name))


def _is_late(body: Body, late: set[str], node: ast.expr) -> bool:
    """Whether an expression is itself such a value: a list that holds tasks is not, it can be looped over."""
    base, _ = _unchained(node)
    while isinstance(base, ast.Attribute | ast.Subscript):
        base, _ = _unchained(base.value)
    if isinstance(base, ast.Call):
        return _callee(body, base) is not None
    return isinstance(base, ast.Name) and base.id in late


# What kfp has for itself on the item of a loop, where it gives a field of the item by any other name.
TAKEN = frozenset(
    ("channel_type", "from_pipeline_channel", "from_raw_items", "full_name", "is_with_items_loop_argument")
    + ("items_or_pipeline_channel", "name", "pattern", "pipeline", "task", "task_name", "value")
)


def _field(body: Body, node: ast.Attribute) -> None:
    """`item.name` is no field of the item: it compiles to the name that kfp has for the item, the same each round."""
    if node.attr in TAKEN and isinstance(node.value, ast.Name) and node.value.id in body.loops - body.tasks.keys():
        message = f"`{ast.unparse(node)}` is not the field `{node.attr}` of the item: kfp has that name for itself"
        body.wrong(node, message, f"give the field another name, such as `{node.attr}_`")


# The nodes in which Python itself decides.
DECIDES = (ast.If, ast.IfExp, ast.While, ast.Assert, ast.Match, ast.BoolOp, ast.For, ast.comprehension)


def _choice(body: Body, node: ast.AST, late: set[str]) -> None:
    """Python's own `if` and `for` run while the pipeline is compiled: over a value known only later they mislead."""
    for word, instead, part in _chosen(node):
        inside = [inner for inner in walked(part) if isinstance(inner, ast.expr)] if instead == "dsl.If" else [part]
        found = [inner for inner in inside if _is_late(body, late, inner)]
        if found:
            what = ast.unparse(found[0])
            message = f"Python's `{word}` over `{what}`, whose value is known only when the pipeline runs"
            body.wrong(node, message, f"write `with {instead}(...)`")
            return


def _chosen(node: ast.AST) -> Iterator[tuple[str, str, ast.expr]]:
    """What Python itself decides on in a node: the word for it, what to write instead, and the expression."""
    match node:
        case ast.If(test=test) | ast.IfExp(test=test):
            yield "if", "dsl.If", test
        case ast.While(test=test) | ast.Assert(test=test):
            yield type(node).__name__.lower(), "dsl.If", test
        case ast.Match(subject=subject):
            yield "match", "dsl.If", subject
        case ast.BoolOp(values=values):
            yield from (("and" if isinstance(node.op, ast.And) else "or", "dsl.If", value) for value in values)
        case ast.For(iter=iterable):
            yield from (("for", "dsl.ParallelFor", part) for part in _walked(iterable))
        case ast.comprehension(iter=iterable, ifs=tests):
            yield from (("for", "dsl.ParallelFor", part) for part in _walked(iterable))
            yield from (("if", "dsl.If", test) for test in tests)


def _walked(node: ast.expr) -> Iterator[ast.expr]:
    """What a loop walks over: the arguments of zip and enumerate, else the expression itself."""
    match node:
        case ast.Call(func=ast.Name(id="zip" | "enumerate" | "reversed" | "list" | "sorted" | "range"), args=parts):
            for part in parts:
                yield from _walked(part)
        case _:
            yield node


def _quote(body: Body, node: ast.Call, late: set[str]) -> None:
    """A quote in a string that a condition compares with compiles to an expression that no engine can read."""
    if not node.args:
        return
    if body.program.resolve(dotted(node.func)) not in CONDITIONS:
        return
    for inner in walked(node.args[0]):
        if isinstance(inner, ast.Constant | ast.Name) and getattr(inner, "id", "") not in late:
            try:
                value = evaluate(body.program, inner)
            except ValueError:
                continue
            if isinstance(value, str) and "'" in value:
                hint = "compare inside a component, and make the condition on what that returns"
                body.wrong(inner, f"a condition on {value!r}: a quote in it compiles to an invalid expression", hint)


CONDITIONS = frozenset({"kfp.dsl.If", "kfp.dsl.Elif", "kfp.dsl.Condition"})


def _order(body: Body) -> None:
    body.steps = [replace(step, after=(*step.after, *body.later.get(step.name, ()))) for step in body.steps]


def _cycle(body: Body, function: ast.FunctionDef) -> None:
    """kfp compiles a cycle without a word, and such a pipeline never starts."""
    from graphlib import CycleError, TopologicalSorter

    before = {
        step.name: [*step.after, *(argument.of for argument in step.arguments if argument.source is Source.OUTPUT)]
        for step in body.steps
    }
    try:
        TopologicalSorter(before).prepare()
    except CycleError as error:
        path = " -> ".join(reversed(error.args[1]))
        body.wrong(function, f"the steps wait for each other in a circle: {path}", "take one `.after` out")
