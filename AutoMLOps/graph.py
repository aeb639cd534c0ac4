"""The DAG of a pipeline as a value: its steps and groups, and which waits for which."""

import ast
import heapq
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from enum import StrEnum
from typing import Any

from . import spec
from .model import Artifact, Component, Kind, Origin, Other, Param, Pipeline, Step
from .nouns import noun
from .spec import Call, Compare, Compiled, Dag, Definition, FromTask, Input, Literal, Logic, Not, Status, Task
from .unfolded import unfolded

ROOT = "root"
FIRST = "the first that holds"  # what branches do
LONGEST, SHORT = 120, 32  # characters of a condition, and of a list of items, that are told
CHANNEL = "pipelinechannel--"


class Shape(StrEnum):
    """What a node is."""

    STEP = "step"
    CONTAINER = "container"  # a step that is no Python function
    IMPORTER = "importer"
    CONDITION = "condition"
    BRANCHES = "branches"  # what kfp puts around if, elif and else
    LOOP = "loop"
    EXIT = "exit"  # what an exit handler guards
    PIPELINE = "pipeline"  # one that is used as a step of another


@noun
class Node:
    """A step or a group. `path` says where it stands ("root/for-loop-1/train"), `parent` is the path around it, and
    `detail` tells in the user's words what it does: "if count > 2", "for each of depths". `count` is how many items a
    loop has, where the pipeline itself lists them, `limit` how many of them run at a time, 0 for all."""

    path: str
    name: str
    shape: Shape
    parent: str = ROOT
    detail: str = ""
    count: int | None = None
    limit: int = 0

    @property
    def titles(self) -> tuple[str, ...]:
        """What it is called, and what it does. A group that has no better name than kfp's own, condition-2, goes by
        what it does."""
        if self.detail and self.shape in NUMBERED and self.name == self.path.rpartition("/")[2]:
            return (self.detail,)
        return (self.name, self.detail) if self.detail else (self.name,)


NUMBERED = frozenset({Shape.CONDITION, Shape.BRANCHES, Shape.LOOP, Shape.EXIT})


@noun
class Edge:
    """`after` begins once `before` has ended: to take what it gave, or with `order` only to wait for it."""

    before: str
    after: str
    order: bool = False


@noun
class Graph:
    """Every node after those it waits for and after the group around it; edges join nodes that stand side by side."""

    name: str
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...] = ()


# Of a compiled spec


def of_spec(compiled: Compiled) -> Graph:
    """The graph of what kfp compiled."""
    known = {each.name: each.name for each in compiled.root.inputs}
    nodes = list(_nodes(compiled.root, ROOT, known))
    return _sorted(compiled.name, nodes, _edges(compiled.root, ROOT))


def _edges(definition: Definition, path: str) -> Iterator[Edge]:
    for task in definition.body.tasks if isinstance(definition.body, Dag) else ():
        given = {each.source.task for each in task.given if isinstance(each.source, FromTask | Status)}
        for name in task.after:
            yield Edge(before=f"{path}/{name}", after=f"{path}/{task.name}", order=name not in given)
        yield from _edges(task.definition, f"{path}/{task.name}")


def _nodes(definition: Definition, path: str, known: Mapping[str, str], around: Shape | None = None) -> Iterator[Node]:
    """The nodes within; `known` has the user's words for the inputs of what they stand in."""
    tasks = {task.name: task for task in definition.body.tasks} if isinstance(definition.body, Dag) else {}
    for task in tasks.values():
        shape = _shape(task)
        words = _given(task, known, tasks)
        yield Node(
            path=f"{path}/{task.name}",
            name=task.title,
            shape=shape,
            parent=path,
            detail=_cut(_detail(task, words, among=around is Shape.BRANCHES)),
            count=len(json.loads(task.loop.items)) if task.loop and task.loop.items is not None else None,
            limit=task.loop.limit if task.loop else 0,
        )
        yield from _nodes(task.definition, f"{path}/{task.name}", words, shape)


def _shape(task: Task) -> Shape:
    match task.definition.body:
        case Dag() if task.loop:
            return Shape.LOOP
        case Dag() if task.condition:
            return Shape.CONDITION
        case Dag(tasks=within) if _made("condition-branches", task) and any(each.condition for each in within):
            return Shape.BRANCHES
        case Dag() if _made("exit-handler", task):
            return Shape.EXIT
        case Dag():
            return Shape.PIPELINE
        case spec.Importer():
            return Shape.IMPORTER
        case spec.Container(function=function) if function:
            return Shape.STEP
    return Shape.CONTAINER


def _made(kind: str, task: Task) -> bool:
    """Whether this is a group that kfp made: it numbers them, as in exit-handler-1."""
    return re.fullmatch(rf"{kind}-\d+", task.name) is not None and task.name == task.definition.name


def _given(task: Task, known: Mapping[str, str], beside: Mapping[str, Task]) -> dict[str, str]:
    """The user's words for the inputs of a task."""
    words = {}
    for each in task.given:
        match each.source:
            case spec.FromInput(name=name):
                words[each.name] = known.get(name, _plain(name))
            case FromTask(task=producer, name=name):
                words[each.name] = _made_by(beside[producer], name)
        if each.name in words and each.keys:
            words[each.name] += "".join(map(_key, each.keys))
    if task.loop:
        words[task.loop.item] = "item"
    return words


def _made_by(task: Task, name: str) -> str:
    """An output in words; one that leaves a group goes by the step within that makes it."""
    if isinstance(task.definition.body, Dag) and _shape(task) is not Shape.PIPELINE:
        within = {each.name: each for each in task.definition.body.tasks}
        choices = next((each.choices for each in task.definition.body.outputs if each.name == name), ())
        found = dict.fromkeys(_made_by(within[choice.task], choice.name) for choice in choices)
        return " or ".join(found) or _plain(name)
    return _output(task.name, _plain(name))


def _plain(name: str) -> str:
    return name.removeprefix(CHANNEL)


def _key(key: str | int) -> str:
    """The part of a value that a key leads to, as Python says it of an item."""
    return f".{key}" if str(key).isidentifier() else f"[{json.dumps(key, ensure_ascii=False)}]"


def _output(task: str, name: str) -> str:
    """An output in words: the only one of a step goes by the step's name."""
    return task if name == "Output" else f"{task}.{name}"


def _detail(task: Task, words: Mapping[str, str], among: bool) -> str:
    match task.definition.body:
        case spec.Container(image=image, function=function):
            return "" if function else image
        case spec.Importer(uri=uri):
            return uri
        case spec.Foreign(reason=reason):
            return reason
    if task.condition is not None:
        return _branch(task.condition, words) if among else f"if {said(task.condition, words)}"
    if task.loop:
        return _loop(task.loop, words)
    return FIRST if _shape(task) is Shape.BRANCHES else ""


def _loop(loop: spec.Loop, words: Mapping[str, str]) -> str:
    if loop.items is not None:
        return looped(_listed(loop.items), loop.limit, len(json.loads(loop.items)))
    return looped(words.get(loop.over, _plain(loop.over)), loop.limit, None)


def _listed(items: str) -> str:
    """The items of a loop as JSON, each as the spec holds it."""
    return json.dumps(spec.whole(json.loads(items)), ensure_ascii=False)


def looped(over: str, limit: int, count: int | None) -> str:
    """A loop in words; a list of items is told itself where it is short."""
    told = over if count is None or len(over) <= SHORT else f"{count} items"
    return f"for each of {told}" + (f", {limit} at a time" if limit else "")


def _branch(condition: spec.Expression, words: Mapping[str, str]) -> str:
    """The condition of an if, elif or else: kfp puts the negation of all that stand before it in front."""
    own = [each for each in _conjuncts(condition) if not isinstance(each, Not)]
    if not own:
        return "else"
    told = " and ".join(said(each, words) for each in own)
    return f"if {told}" if len(own) == len(_conjuncts(condition)) else f"else if {told}"


def _conjuncts(condition: spec.Expression) -> list[spec.Expression]:
    match condition:
        case Logic(operator="&&", left=left, right=right):
            return [*_conjuncts(left), *_conjuncts(right)]
    return [condition]


def said(expression: spec.Expression, words: Mapping[str, str]) -> str:
    """An expression as Python would say it, with the user's words for the inputs; casts are kfp's own and left out."""
    match expression:
        case Literal(value):
            return repr(value) if isinstance(value, bool | float) else json.dumps(value, ensure_ascii=False)
        case Input(name):
            return words.get(name, _plain(name))
        case Call(_, argument):
            return said(argument, words)
        case Not(operand):
            return f"not ({said(operand, words)})"
        case Compare(operator, left, right):
            return f"{said(left, words)} {operator} {said(right, words)}"
    word = "and" if expression.operator == "&&" else "or"
    return f"({said(expression.left, words)}) {word} ({said(expression.right, words)})"


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


# Of a pipeline that was read


def of_pipeline(pipeline: Pipeline) -> Graph | None:
    """The graph of a pipeline as it was read, the one that kfp would compile; None where only kfp can tell."""
    if pipeline.given:
        return of_spec(spec.judged(json.loads(pipeline.given.spec)).compiled)
    if not pipeline.readable or not pipeline.steps:
        return None
    words = {each.name: each.name for each in pipeline.parameters}
    reading = Reading(pipeline, _function(pipeline.body, pipeline.function), pipeline.steps, words)
    try:
        reading.read()
    except Unclear:
        return None
    return reading.graph()


def _function(text: str, name: str) -> ast.FunctionDef:
    functions = (node for node in ast.parse(text).body if isinstance(node, ast.FunctionDef))
    return next(node for node in functions if node.name == name)


class Unclear(Exception):
    """Something in a pipeline function that only running it can tell."""


class Place:
    """A node as long as its name and what is around it may still change: kfp sees an `else` after the `if`."""

    def __init__(self, name: str, shape: Shape, around: "Place | None", title: str = "") -> None:
        self.name, self.shape, self.around, self.title = name, shape, around, title
        self.detail = ""
        self.count: int | None = None
        self.limit = 0
        self.follows = False  # it is an elif
        self.last: Place | None = None  # the last group within

    def above(self) -> "list[Place]":
        """The groups around it from the outermost, and itself."""
        found = [self]
        while found[-1].around:
            found.append(found[-1].around)
        return found[::-1]

    @property
    def path(self) -> str:
        return "/".join(place.name for place in self.above())


class Reading:
    """The statements of a pipeline function, as kfp would meet them: it numbers groups as they begin, and the group
    that it puts around an if and its elif ends with an else. Without one, it takes in what follows."""

    def __init__(
        self,
        pipeline: Pipeline,
        function: ast.FunctionDef,
        steps: Iterable[Step],
        words: dict[str, str],
        root: "Place | None" = None,
    ) -> None:
        self.pipeline, self.function, self.words = pipeline, function, words
        self.steps = iter(steps)
        callees: tuple[Component | Other, ...] = (*pipeline.components, *pipeline.others)
        self.callees = {each.name: each for each in callees}
        self.blocks = {each.alias or each.name: each.name for each in pipeline.imports if each.module == "kfp.dsl"}
        self.constants = dict(_constants(pipeline.carried))
        self.root = root or Place(ROOT, Shape.PIPELINE, None)
        self.open = [self.root]  # the groups that have not ended, the innermost last
        self.places: list[Place] = []
        self.tasks: dict[str, tuple[Place, Component | Other]] = {}
        self.joints: list[tuple[Place, Place, bool]] = []
        self.groups = 0
        self.items: set[str] = set()  # the variables of loops
        self.hearing: set[Place] = set()  # the steps that are told how the one before them ended

    def edge(self, joint: "tuple[Place, Place, bool]") -> Edge | None:
        before, after, order = joint
        return _beside(before, after, order and after not in self.hearing)

    def read(self) -> None:
        self.statements(unfolded(self.function, lambda node: self.callee(node) is not None, self.called))
        if next(self.steps, None) is not None:
            raise Unclear

    def graph(self) -> Graph:
        nodes = [
            Node(
                path=place.path,
                name=place.title or place.name,
                shape=place.shape,
                parent=place.path.rpartition("/")[0],
                detail=_cut(place.detail),
                count=place.count,
                limit=place.limit,
            )
            for place in self.places
        ]
        return _sorted(self.pipeline.name, nodes, filter(None, map(self.edge, self.joints)))

    def statements(self, statements: Iterable[ast.stmt]) -> None:
        for statement in statements:
            match statement:
                case (
                    ast.Assign(targets=[ast.Name(id=name)], value=value)
                    | ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value)
                ):
                    self.named(name, value)
                case ast.Expr(value=ast.Call() as call):
                    if not self.step(call):
                        self.method(call)
                case ast.With(items=items, body=inner):
                    ends = [self.block(item) for item in items]
                    self.statements(inner)
                    del self.open[-sum(ends) :]

    def named(self, name: str, value: ast.expr) -> None:
        made = self.step(value)
        constant = None if made else self.constant(value)
        for known in (self.tasks, self.words, self.constants):
            known.pop(name, None)
        self.items.discard(name)
        if made:
            self.tasks[name] = made
        else:
            self.constants[name] = constant

    def step(self, node: ast.expr) -> "tuple[Place, Component | Other] | None":
        base, calls = _unchained(node)
        callee = self.callee(base)
        if callee is None or not isinstance(base, ast.Call):
            return None
        step = next(self.steps, None)
        if step is None or step.component != callee.name:
            raise Unclear
        place = Place(step.name, Shape.STEP, self.open[-1])
        self.places.append(place)
        if isinstance(callee, Other):
            self.look_into(place, callee, base)
        for value in (*base.args, *(keyword.value for keyword in base.keywords)):
            self.join(place, self.mentioned(value))
        for call in calls:
            self.said_of(place, callee, call)
        return place, callee

    def callee(self, node: ast.expr) -> Component | Other | None:
        """What an expression calls, if that makes a step."""
        match node:
            case ast.Call(func=ast.Name(id=name)) if name in self.callees:
                return self.callees[name]
            case ast.Call(func=func) if self.called(func) == "importer":
                gives = Artifact(name="artifact", title="system.Artifact")
                return Other(name="importer", origin=Origin.IMPORTER, outputs=(gives,))
        return None

    def called(self, function: ast.expr) -> str:
        """The name of a function without its module, of kfp's as kfp calls it."""
        match function:
            case ast.Name(id=name):
                return self.blocks.get(name, name)
            case ast.Attribute(attr=name):
                return name
        return ""

    def look_into(self, place: Place, callee: Other, call: ast.Call) -> None:
        """What a step is that is no Python function of the notebook, and what is in it."""
        match callee.origin:
            case Origin.PIPELINE if callee.readable:
                place.shape = Shape.PIPELINE
                self.within(place, callee, call)
            case Origin.CONTAINER | Origin.LOADED if callee.image and callee.readable:
                place.shape = Shape.STEP if callee.python else Shape.CONTAINER
                place.detail = "" if callee.python else callee.image
            case Origin.IMPORTER:
                place.shape, address = Shape.IMPORTER, _argument(call, 0, "artifact_uri")
                if address is None or isinstance(address, ast.JoinedStr):
                    raise Unclear
                place.detail = "" if self.is_late(address) else str(self.constant(address))
            case _:
                raise Unclear

    def within(self, place: Place, callee: Other, call: ast.Call) -> None:
        """The steps of a pipeline that is a step of this one, with the words of this one for what it is given."""
        words = {each.name: each.name for each in callee.inputs}
        for keyword in call.keywords:
            if keyword.arg and self.is_late(keyword.value):
                with suppress(Unclear):
                    words[keyword.arg] = self.channel(keyword.value)
        function = _function(self.pipeline.carried, callee.name)
        reading = Reading(self.pipeline, function, callee.steps, words, place)
        reading.read()
        self.places += reading.places
        self.hearing |= reading.hearing
        self.joints += reading.joints

    def method(self, call: ast.Call) -> None:
        """`task.after(other)` as a statement of its own."""
        base, calls = _unchained(call)
        match base:
            case ast.Call(func=ast.Attribute(value=ast.Name(id=name))) if name in self.tasks:
                for each in (base, *calls):
                    self.said_of(*self.tasks[name], each)

    def said_of(self, place: Place, callee: Component | Other, call: ast.Call) -> None:
        """What is said of a step behind the call that made it."""
        method = call.func.attr if isinstance(call.func, ast.Attribute) else ""
        if method == "after":
            names = (each.id for value in call.args for each in ast.walk(value) if isinstance(each, ast.Name))
            self.join(place, [self.tasks[name][0] for name in names if name in self.tasks], order=True)
        elif method == "set_display_name":
            place.title = self.word(_argument(call, 0, "name"))
        elif method == "set_container_image" and place.shape is Shape.CONTAINER:
            place.detail = self.word(_argument(call, 0, "name"))
        elif method == "ignore_upstream_failure" and _hears(callee):
            self.hearing.add(place)
        elif any(self.mentioned(value) for value in (*call.args, *(each.value for each in call.keywords))):
            raise Unclear

    def join(self, place: Place, producers: Iterable[Place], order: bool = False) -> None:
        self.joints += [(producer, place, order) for producer in producers]

    def mentioned(self, node: ast.AST) -> list[Place]:
        """The steps whose outputs an expression takes."""
        within = [node] if isinstance(node, ast.Name | ast.Constant) else list(ast.walk(node))
        taken = [
            inner.value.id
            for inner in within
            if isinstance(inner, ast.Attribute)
            and inner.attr in ("output", "outputs")
            and isinstance(inner.value, ast.Name)
            and inner.value.id in self.tasks
        ]
        named = [inner.id for inner in within if isinstance(inner, ast.Name) and inner.id in self.tasks]
        if len(taken) != len(named):
            raise Unclear
        return [self.tasks[name][0] for name in taken]

    # Groups

    def block(self, item: ast.withitem) -> int:
        """A group begins; and how many end where its statements do."""
        call = item.context_expr
        if not isinstance(call, ast.Call):
            raise Unclear
        match self.called(call.func):
            case "If" | "Condition":
                place = self.group(Shape.CONDITION, "condition", call, 1)
                place.detail = f"if {self.condition(place, call)}"
            case "Elif":
                self.branches()
                place = self.group(Shape.CONDITION, "condition", call, 1)
                place.detail = f"else if {self.condition(place, call)}"
                place.follows = True
            case "Else":
                self.branches()
                self.group(Shape.CONDITION, "condition", call, 0).detail = "else"
                return 2
            case "ParallelFor":
                self.loop(call, item.optional_vars)
            case "ExitHandler":
                self.guarded(call)
            case _:
                raise Unclear
        return 1

    def group(self, shape: Shape, kind: str, call: ast.Call, named: int) -> Place:
        """A group that kfp numbers; `named` is the place of the argument that may name it."""
        self.groups += 1
        title = _argument(call, named, "name")
        place = Place(f"{kind}-{self.groups}", shape, self.open[-1], self.word(title) if title else "")
        self.begun(place)
        return place

    def begun(self, place: Place) -> None:
        self.places.append(place)
        self.open[-1].last = place
        self.open.append(place)

    def branches(self) -> None:
        """The group around an if and what follows it comes into being with the first elif or else."""
        last = self.open[-1].last
        if last is None or last.shape is not Shape.CONDITION:
            raise Unclear
        if not last.follows:
            self.groups += 1
            branches = Place(last.name.replace("condition-", "condition-branches-"), Shape.BRANCHES, self.open[-1])
            branches.detail = FIRST
            last.name, last.around = f"condition-{self.groups}", branches
            self.begun(branches)

    def condition(self, place: Place, call: ast.Call) -> str:
        match _argument(call, 0, "condition"):
            case ast.Compare(left=left, ops=[operator], comparators=[right]) if type(operator) in OPERATORS:
                sign, turned = OPERATORS[type(operator)]
            case _:
                raise Unclear
        self.join(place, [*self.mentioned(left), *self.mentioned(right)])
        if self.is_late(left):
            return f"{self.operand(left, right)} {sign} {self.operand(right, left)}"
        return f"{self.operand(right, left)} {turned} {self.operand(left, right)}"

    def is_late(self, node: ast.expr) -> bool:
        names = [inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)]
        return any(name in self.words or name in self.tasks for name in names)

    def operand(self, node: ast.expr, other: ast.expr) -> str:
        if self.is_late(node):
            return self.channel(node)
        value = self.constant(node)
        if not isinstance(value, bool | int | float | str) or not self.is_late(other):
            raise Unclear
        base = other.value if isinstance(other, ast.Attribute) else other
        if isinstance(base, ast.Name) and base.id in self.items and not isinstance(value, str):
            raise Unclear  # kfp knows no kinds of items
        return said(Literal(value), {})

    def channel(self, node: ast.expr) -> str:
        """A value that is known only when the pipeline runs, in words."""
        match node:
            case ast.Name(id=name) if name in self.words:
                return self.words[name]
            case ast.Attribute(value=ast.Name(id=name), attr="output") if name in self.tasks:
                place, component = self.tasks[name]
                if len(component.outputs) == 1:
                    return _output(place.name, component.outputs[0].name)
            case ast.Subscript(
                value=ast.Attribute(value=ast.Name(id=name), attr="outputs"), slice=ast.Constant(value=str(key))
            ) if name in self.tasks:
                return _output(self.tasks[name][0].name, key)
            case ast.Attribute(value=ast.Name(id=name), attr=key) if name in self.items:
                return f"item{_key(key)}"
        raise Unclear

    def loop(self, call: ast.Call, variable: ast.expr | None) -> None:
        items, limit = _argument(call, 0, "items"), _argument(call, 2, "parallelism")
        if items is None:
            raise Unclear
        late = self.is_late(items)
        self.groups += not late  # kfp gives the items of a list a number too
        place = self.group(Shape.LOOP, "for-loop", call, 1)
        if late:
            self.join(place, self.mentioned(items))
            told = self.channel(items)
        else:
            told, place.count = self.listed(items)
        place.limit = self.number(limit) if limit else 0
        place.detail = looped(told, place.limit, place.count)
        if isinstance(variable, ast.Name):
            self.tasks.pop(variable.id, None)
            self.words[variable.id] = "item"
            self.items.add(variable.id)

    def listed(self, items: ast.expr) -> tuple[str, int]:
        """The items of a list, and how many."""
        match self.constant(items):
            case list() as values:
                with suppress(TypeError, ValueError):
                    return _listed(json.dumps(values)), len(values)
        raise Unclear

    def guarded(self, call: ast.Call) -> None:
        """An exit handler: its exit task runs after all that stands within, and stands outside."""
        match _argument(call, 0, "exit_task"):
            case ast.Name(id=name) if name in self.tasks:
                exit_task, component = self.tasks[name]
            case _:
                raise Unclear
        place = self.group(Shape.EXIT, "exit-handler", call, 1)
        exit_task.around = self.root
        self.join(exit_task, [place], order=not _hears(component))

    def number(self, node: ast.expr) -> int:
        value = self.constant(node)
        if value is not None and not isinstance(value, int):
            raise Unclear
        return int(value or 0)

    def word(self, node: ast.expr | None) -> str:
        value = self.constant(node) if node is not None else None
        if not isinstance(value, str):
            raise Unclear
        return value

    def constant(self, node: ast.expr) -> Any:
        if isinstance(node, ast.Name) and node.id in self.constants:
            return self.constants[node.id]
        try:
            return ast.literal_eval(node)
        except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
            raise Unclear from None


OPERATORS: dict[type[ast.cmpop], tuple[str, str]] = {
    ast.Eq: ("==", "=="),
    ast.NotEq: ("!=", "!="),
    ast.Lt: ("<", ">"),
    ast.LtE: ("<=", ">="),
    ast.Gt: (">", "<"),
    ast.GtE: (">=", "<="),
}


def _constants(carried: str) -> Iterator[tuple[str, Any]]:
    """The plain values that the code around the pipeline function gives names."""
    for node in ast.parse(carried).body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                with suppress(ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
                    yield name, ast.literal_eval(value)


def _unchained(node: ast.expr) -> tuple[ast.expr, list[ast.Call]]:
    """`f(x).set_cpu_limit("4").after(a)` as `f(x)` and the calls that follow it."""
    calls: list[ast.Call] = []
    while isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Call):
        calls.append(node)
        node = node.func.value
    return node, calls


def _argument(call: ast.Call, place: int, name: str) -> ast.expr | None:
    """An argument of a call, by place or by name."""
    return next((each.value for each in call.keywords if each.arg == name), None) or (
        call.args[place] if len(call.args) > place else None
    )


def _hears(callee: Component | Other) -> bool:
    """Whether a step takes how another one ended."""
    return any(isinstance(each, Param) and each.kind is Kind.TASK_FINAL_STATUS for each in callee.inputs)


def _beside(producer: Place, consumer: Place, order: bool) -> Edge | None:
    """The edge between what stands side by side: the two, or the groups around them that do."""
    for before, after in zip(producer.above(), consumer.above(), strict=False):
        if before is not after:
            return Edge(before=before.path, after=after.path, order=order)
    return None


# In order


def _sorted(name: str, nodes: Iterable[Node], edges: Iterable[Edge]) -> Graph:
    """The one order that a graph has: what is waited for first, then by name; what stands in a group follows it."""
    levels: dict[str, list[Node]] = {}
    for node in nodes:
        levels.setdefault(node.parent, []).append(node)
    joined: dict[tuple[str, str], Edge] = {}
    for edge in edges:
        known = joined.setdefault((edge.before, edge.after), edge)
        if known.order and not edge.order:
            joined[edge.before, edge.after] = edge
    following: dict[str, list[str]] = {}
    for edge in joined.values():
        following.setdefault(edge.before, []).append(edge.after)
    ordered = tuple(_walked(ROOT, levels, following))
    place = {node.path: number for number, node in enumerate(ordered)}
    lines = sorted(joined.values(), key=lambda edge: (place[edge.before], place[edge.after]))
    return Graph(name=name, nodes=ordered, edges=tuple(lines))


def _walked(path: str, levels: Mapping[str, list[Node]], following: Mapping[str, list[str]]) -> Iterator[Node]:
    for node in _level(levels.get(path, []), following):
        yield node
        yield from _walked(node.path, levels, following)


def _level(nodes: list[Node], following: Mapping[str, list[str]]) -> Iterator[Node]:
    by_path = {node.path: node for node in nodes}
    waits = dict.fromkeys(by_path, 0)
    for path in by_path:
        for after in following.get(path, ()):
            waits[after] += 1
    ready = [(_natural(path), path) for path, count in waits.items() if not count]
    heapq.heapify(ready)
    while ready:
        _, path = heapq.heappop(ready)
        yield by_path[path]
        for after in following.get(path, ()):
            waits[after] -= 1
            if not waits[after]:
                heapq.heappush(ready, (_natural(after), after))


def _natural(text: str) -> tuple[tuple[str, int, str], ...]:
    """train-2 comes before train-10."""
    parts = re.findall(r"([^0-9]*)([0-9]*)", text)
    return tuple((word, len(number.lstrip("0")), number) for word, number in parts)
