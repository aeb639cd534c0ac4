"""Unfolds a pipeline function: each step in a statement of its own, and outputs by no other name than their step's."""

import ast
import copy
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeVar

IsStep = Callable[[ast.expr], bool]
Called = Callable[[ast.expr], str]
Node = TypeVar("Node", bound=ast.AST)
TUPLES = ("NamedTuple", "namedtuple")
CHOSEN = ("OneOf", "Collected")
VALUED = (ast.Assign, ast.AnnAssign, ast.Expr, ast.Return)


def unfolded(function: ast.FunctionDef, is_step: IsStep, called: Called) -> list[ast.stmt]:
    """The statements of a pipeline function as they are run, for whoever reads one step after the other.

    `b(x=a().output)` becomes `made_1 = a()` and `b(x=made_1.output)`; `a, b = x(), y()` becomes two statements; after
    `taken = dsl.OneOf(...)` or `taken = step.output` that value stands for `taken`; the NamedTuple of a return value is
    left out. What is not understood stays as it is. `is_step` tells a call that makes a step, `called` the name of a
    function without its module.
    """
    calls = sum(is_step(node) for node in ast.walk(function) if isinstance(node, ast.Call))
    statements = list(_opened(function.body))
    made = [node for node in statements if isinstance(node, VALUED) and node.value and _chain(node.value, is_step)]
    names, others = (sum(isinstance(node, ast.Assign) for node in each) for each in (made, statements))
    if calls == len(made) and names == others:
        return function.body
    arguments = (*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs)
    stored = (node for node in ast.walk(function) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store))
    bound = Counter([*(each.arg for each in arguments), *(node.id for node in stored)])
    return Unfolding(is_step, called, bound).statements(copy.deepcopy(function.body))


def _opened(statements: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    """Statements, and those within `with`."""
    for statement in statements:
        yield statement
        if isinstance(statement, ast.With):
            yield from _opened(statement.body)


def _chain(node: ast.expr, is_step: IsStep) -> list[ast.Call]:
    """The calls of `f(x).set_cpu_limit("4").after(a)`, the first one first, where that makes a step."""
    calls: list[ast.Call] = []
    while isinstance(node, ast.Call):
        calls.append(node)
        if not isinstance(node.func, ast.Attribute) or not isinstance(node.func.value, ast.Call):
            return calls[::-1] if is_step(node) else []
        node = node.func.value
    return []


class Unfolding(ast.NodeTransformer):
    """One function as it is unfolded: how often each name is bound in it, and the outputs that stand for names."""

    def __init__(self, is_step: IsStep, called: Called, bound: Mapping[str, int]) -> None:
        self.is_step, self.called, self.bound = is_step, called, bound
        self.outputs: dict[str, ast.expr] = {}
        self.before: list[ast.stmt] = []
        self.own: ast.expr | None = None
        self.made = 0
        self.held = False  # within an expression whose parts are evaluated once, many times or never

    def statements(self, statements: Sequence[ast.stmt]) -> list[ast.stmt]:
        return [each for statement in statements for each in self.statement(statement)]

    def statement(self, node: ast.stmt) -> list[ast.stmt]:
        match node:
            case ast.Assign(targets=[ast.Tuple(elts=names)], value=ast.Tuple(elts=values)) if _apart(names, values):
                pairs = zip(names, values, strict=True)
                return self.statements([ast.copy_location(ast.Assign([name], value), node) for name, value in pairs])
            case ast.Assign(targets=[ast.Name()], value=ast.Call(func=func)) if self.called(func) in TUPLES:
                return []
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if self.is_output(name, value):
                self.outputs[name] = self.visit(value)
                return self.taken()
            case ast.With(items=[item, *others], body=body):
                item.context_expr = self.visit(item.context_expr)
                begun = self.taken()
                inner = [ast.copy_location(ast.With(others, body), node)] if others else body
                return [*begun, ast.copy_location(ast.With([item], self.statements(inner)), node)]
            case ast.Assign(value=value) | ast.Expr(value=value) | ast.AnnAssign(value=ast.expr() as value):
                self.own = value
                node.value = self.visit(value)
                return [*self.taken(), *self.own_left(node, value)]
            case ast.Return(value=ast.expr() as value):
                node.value = self.visit(value)
                return [*self.taken(), node]
        return [node]

    def taken(self) -> list[ast.stmt]:
        """The steps that were found inside the statement, to stand before it."""
        before, self.before = self.before, []
        return before

    def own_left(self, node: ast.Assign | ast.AnnAssign | ast.Expr, value: ast.expr) -> list[ast.stmt]:
        """What is left of a statement: where its step came apart, the name of that stands for the one given here."""
        if isinstance(value, ast.Call) and isinstance(node.value, ast.Name):
            match node:
                case ast.Expr():
                    return []
                case ast.Assign(targets=[ast.Name(id=name)]) if self.bound[name] == 1:
                    self.outputs[name] = node.value
                    return []
        return [node]

    def is_output(self, name: str, value: ast.expr) -> bool:
        """Whether a name is but another one of an output of steps, which is the same wherever it stands."""
        match value:
            case ast.Attribute(attr="output") | ast.Subscript(value=ast.Attribute(attr="outputs")):
                pass
            case ast.Call(func=func) if self.called(func) in CHOSEN:
                pass
            case _:
                return False
        inside = (each.id for each in ast.walk(value) if isinstance(each, ast.Name))
        return self.bound[name] == 1 and all(self.bound[each] <= 1 for each in inside)

    def visit_Name(self, node: ast.Name) -> ast.expr:  # noqa: N802
        return self.outputs.get(node.id, node) if isinstance(node.ctx, ast.Load) else node

    def visit_Call(self, node: ast.Call) -> ast.expr:  # noqa: N802
        chain = _chain(node, self.is_step)
        if not chain or self.held:
            return self.generic_visit(node)  # type: ignore[return-value]
        first, *later = chain
        before = [*self.before, *self.made_in(first)]
        inside = [self.made_in(call) for call in later]
        if node is self.own and not any(inside):
            self.before = before
            return node
        name = self.fresh()
        made, later = (first, later) if any(inside) else (node, [])
        self.before = [*before, _located(ast.Assign([ast.Name(name, ast.Store())], made), node)]
        for call, steps in zip(later, inside, strict=False):
            call.func = _located(ast.Attribute(ast.Name(name, ast.Load()), _method(call), ast.Load()), node)
            self.before += [*steps, _located(ast.Expr(call), node)]
        return _located(ast.Name(name, ast.Load()), node)

    def made_in(self, call: ast.Call) -> list[ast.stmt]:
        """The steps made in the arguments of a call, which Python makes before it calls."""
        around, self.before = self.before, []
        call.args = [self.visit(value) for value in call.args]
        call.keywords = [self.visit(keyword) for keyword in call.keywords]
        made, self.before = self.before, around
        return made

    def fresh(self) -> str:
        self.made += 1
        return f"made_{self.made}" if f"made_{self.made}" not in self.bound else self.fresh()

    def hold(self, node: ast.AST) -> ast.AST:
        """Steps in it stay, as only running it tells which are made, and how often."""
        held, self.held = self.held, True
        node = self.generic_visit(node)
        self.held = held
        return node

    visit_Lambda = visit_IfExp = visit_BoolOp = visit_NamedExpr = hold  # noqa: N815
    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = hold  # noqa: N815


def _located(new: Node, old: ast.AST) -> Node:
    return ast.fix_missing_locations(ast.copy_location(new, old))


def _method(call: ast.Call) -> str:
    assert isinstance(call.func, ast.Attribute)  # noqa: S101 - all but the first of a chain are
    return call.func.attr


def _apart(names: Sequence[ast.expr], values: Sequence[ast.expr]) -> bool:
    """Whether names may get their values one after the other."""
    given = {name.id for name in names if isinstance(name, ast.Name)}
    read = {node.id for value in values for node in ast.walk(value) if isinstance(node, ast.Name)}
    return len(given) == len(names) == len(values) and not given & read
