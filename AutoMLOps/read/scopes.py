"""Finds the names that a statement binds, needs and reads, by Python's own rules of scope."""

import ast
from collections.abc import Iterable, Iterator

Function = ast.FunctionDef | ast.AsyncFunctionDef
Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp


class Names:
    """`binds` in their order; `reads` are needed as the statement runs, `later` as what it defines is used."""

    def __init__(self, text: str) -> None:
        self.binds: tuple[str, ...] = ()
        self.reads: set[str] = set()
        self.later: set[str] = set()
        self.walrus = ":=" in text
        self.shares = "global" in text


def names(node: ast.stmt, text: str) -> Names:
    """The names of one top-level statement, its own decorators left out; its text tells what need not be looked for.

    Python's symtable would tell, but from 3.12 on it takes the variables of a comprehension for the module's.
    """
    if getattr(node, "decorator_list", None):
        node = type(node)(**{**vars(node), "decorator_list": []})
    found = Names(text)
    found.binds = tuple(dict.fromkeys(_bound([node], found.walrus)))
    _used(found, [node], frozenset(), frozenset(), now=True)
    return found


def children(node: ast.AST) -> list[ast.AST]:
    """What ast.iter_child_nodes gives, less the contexts, and quicker: every node of a notebook passes here."""
    found: list[ast.AST] = []
    for name in node._fields:
        value = getattr(node, name, None)
        if type(value) is list:
            found += [item for item in value if isinstance(item, ast.AST)]
        elif isinstance(value, ast.AST) and name != "ctx":
            found.append(value)
    return found


def walked(node: ast.AST) -> list[ast.AST]:
    """A node and all in it, in the order of ast.walk."""
    found = [node]
    for each in found:
        found += children(each)
    return found


def _bound(nodes: Iterable[ast.AST], walrus: bool) -> Iterator[str]:
    """The names bound in one scope, not in those inside it. Inside an expression only a `:=` can bind."""
    stack = list(nodes)[::-1]
    while stack:
        node = stack.pop()
        match node:
            case ast.Name():
                if isinstance(node.ctx, ast.Store):
                    yield node.id
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
            case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
                yield from (alias.asname or alias.name.partition(".")[0] for alias in aliases)
            case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
                yield from (inner.target.id for inner in walked(node) if isinstance(inner, ast.NamedExpr))
            case ast.Lambda():
                pass
            case _:
                captured = getattr(node, "name", None) if isinstance(node, CAPTURES) else getattr(node, "rest", None)
                if isinstance(captured, str):
                    yield captured
                stack += [child for child in children(node)[::-1] if walrus or _may_bind(child)]


def _may_bind(node: ast.AST) -> bool:
    return not isinstance(node, ast.expr) or isinstance(getattr(node, "ctx", None), ast.Store)


CAPTURES = (ast.ExceptHandler, ast.MatchAs, ast.MatchStar)


def _used(found: Names, nodes: Iterable[ast.AST], here: frozenset[str], outer: frozenset[str], now: bool) -> None:
    """Adds the global names that are used. `here` are the names of this scope and of those around it; `outer` the ones
    that a function inside sees, which leaves out those of a class."""
    stack = list(nodes)
    while stack:
        node = stack.pop()
        if isinstance(node, ast.Name):
            if node.id not in here and not isinstance(node.ctx, ast.Store):
                (found.reads if now else found.later).add(node.id)
        elif isinstance(node, Function):
            stack += _evaluated(node)
            _function(found, node.body, _parameters(node.args) | _types(node), outer)
        elif isinstance(node, ast.Lambda):
            stack += [*node.args.defaults, *filter(None, node.args.kw_defaults)]
            _function(found, [node.body], _parameters(node.args), outer)
        elif isinstance(node, ast.ClassDef):
            stack += [*node.decorator_list, *node.bases, *node.keywords]
            _class(found, node, outer | _types(node), now)
        elif isinstance(node, Comprehension):
            stack.append(node.generators[0].iter)
            own = frozenset(_bound([generator.target for generator in node.generators], False))
            _used(found, _inside(node), here | own, outer | own, now)
        else:
            if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name) and node.target.id not in here:
                (found.reads if now else found.later).add(node.target.id)
            stack += children(node)


def _class(found: Names, node: ast.ClassDef, outer: frozenset[str], now: bool) -> None:
    """A class body runs from top to bottom: what it reads before it binds it is the module's (`color: color = ...`)."""
    own: frozenset[str] = frozenset()
    for statement in node.body:
        _used(found, [statement], outer | own, outer, now)
        if not (isinstance(statement, ast.AnnAssign) and statement.value is None):
            own |= frozenset(_bound([statement], found.walrus))


def _function(found: Names, body: list[ast.stmt] | list[ast.expr], own: frozenset[str], outer: frozenset[str]) -> None:
    inside = outer | own | frozenset(_bound(body, found.walrus))
    if found.shares:
        inside -= {name for node in _own(body) if isinstance(node, ast.Global) for name in node.names}
    _used(found, body, inside, inside, now=False)


def _own(body: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """The statements of a function, without those of functions and classes inside it."""
    for node in body:
        yield node
        if isinstance(node, ast.stmt | ast.ExceptHandler | ast.match_case) and not isinstance(
            node, Function | ast.ClassDef
        ):
            yield from _own(child for child in ast.iter_child_nodes(node) if not isinstance(child, ast.expr))


def _parameters(spec: ast.arguments) -> frozenset[str]:
    found = [*spec.posonlyargs, *spec.args, *spec.kwonlyargs, *filter(None, [spec.vararg, spec.kwarg])]
    return frozenset(argument.arg for argument in found)


def _types(node: ast.AST) -> frozenset[str]:
    """The type parameters of `def f[T]` and `class A[T]`, from Python 3.12 on."""
    return frozenset(parameter.name for parameter in getattr(node, "type_params", ()))


def _evaluated(node: Function) -> Iterator[ast.AST]:
    """What runs when a function is defined: decorators, defaults, annotations."""
    spec = node.args
    yield from node.decorator_list
    yield from spec.defaults
    yield from filter(None, spec.kw_defaults)
    own = _types(node)
    for argument in [*spec.posonlyargs, *spec.args, *spec.kwonlyargs, *filter(None, [spec.vararg, spec.kwarg])]:
        if argument.annotation is not None and not (
            isinstance(argument.annotation, ast.Name) and argument.annotation.id in own
        ):
            yield argument.annotation
    if node.returns is not None and not (isinstance(node.returns, ast.Name) and node.returns.id in own):
        yield node.returns


def _inside(node: Comprehension) -> Iterator[ast.AST]:
    if isinstance(node, ast.DictComp):
        yield from (node.key, node.value)
    else:
        yield node.elt
    for number, generator in enumerate(node.generators):
        yield from generator.ifs
        yield generator.target
        if number:
            yield generator.iter
