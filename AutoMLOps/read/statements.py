"""Splits a cell into its top-level statements and says of each what it binds, needs and does."""

import ast
import re
import warnings
from collections.abc import Collection, Iterator
from functools import lru_cache
from typing import NamedTuple

from ..model import Import
from .scopes import children, names, walked

# Calls whose value depends on nothing but their arguments: an assignment that holds only these is a constant.
CONSTANT_CALLS = frozenset(
    {"set", "frozenset", "range", "len", "dict", "tuple"}
    | {f"pathlib.{kind}" for kind in ("Path", "PurePath", "PosixPath", "PurePosixPath", "PureWindowsPath")}
    | {"re.compile", "collections.namedtuple", "typing.NamedTuple", "typing.TypeVar"}
    | {f"enum.{form}" for form in ("Enum", "IntEnum", "StrEnum", "Flag", "IntFlag", "auto")}
    | {f"dataclasses.{form}" for form in ("dataclass", "field", "make_dataclass")}
)
STRING_METHODS = frozenset(name for name in dir(str) if not name.startswith("_"))
MUTATORS = frozenset(
    "append extend insert remove pop clear update setdefault popitem add discard sort reverse appendleft extendleft "
    "popleft rotate difference_update intersection_update symmetric_difference_update".split()
)
# What these hold differs from machine to machine: a constant made from it would freeze this one's.
STATE = frozenset(
    {"os.environ", "os.environb", "os.name", "os.sep"}
    | {f"sys.{name}" for name in "argv path modules platform executable prefix stdin stdout stderr".split()}
)
CARRY = re.compile(r"#\s*automlops:\s*carry\b")


class Statement(NamedTuple):
    """One top-level statement of one cell, as text and as facts; its tree is kept only where someone reads it later."""

    text: str
    line: int
    how: str  # "import", "imports" (a block of them), "def", "class", "assign", "expression", or another: "for", ...
    binds: tuple[str, ...] = ()
    needs: frozenset[str] = frozenset()
    reads: frozenset[str] = frozenset()
    imports: tuple[Import, ...] = ()
    star: str = ""
    calls: tuple[str, ...] = ()
    state: tuple[str, ...] = ()
    mutates: tuple[str, ...] = ()
    discarded: str = ""
    carry: bool = False
    annotations: frozenset[str] = frozenset()
    first: int = 1  # the line that its node counts its own first line as
    node: ast.stmt | None = None
    marks: tuple["Mark", ...] = ()
    core: frozenset[str] = frozenset()  # what it needs apart from its decorators
    inner: tuple[Import, ...] = ()  # every import inside it, those of function bodies included


class Mark(NamedTuple):
    """One decorator: its name, the names in it, and which lines of the statement it takes."""

    name: str
    names: frozenset[str]
    first: int
    last: int


def unsound(text: str) -> str:
    """Why Python does not compile what it has parsed: "'await' outside function"."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the notebook was told already
            compile(text, "cell", "exec", dont_inherit=True)
    except SyntaxError as error:
        return error.msg
    except (ValueError, RecursionError, MemoryError) as error:
        return str(error)
    return ""


@lru_cache(maxsize=4096)
def statements(text: str, carry: bool = False) -> tuple[Statement, ...]:
    """The top-level statements of a piece of Python, line numbers counted from 1."""
    return tuple(_statements(text, carry))


def _statements(text: str, carry: bool) -> Iterator[Statement]:
    lines = text.split("\n")
    for start, chunk, tree in _chunks(text):
        own = chunk.split("\n")
        for node in tree.body:
            first = _first(node, own)
            segment = _segment(chunk, own, node, first)
            commented = carry or bool(CARRY.search(segment)) or _comment_above(lines, start + first - 3)
            yield _statement(node, segment, start + first - 1, first, commented)


def _first(node: ast.stmt, lines: list[str]) -> int:
    """The line a statement begins on: that of its first `@`, which may stand above what it decorates with."""
    marks: list[ast.expr] = getattr(node, "decorator_list", [])
    first = min([node.lineno, *(mark.lineno for mark in marks)])
    while marks and first > 1 and not lines[first - 1].lstrip().startswith("@"):
        first -= 1
    return first


def _segment(chunk: str, lines: list[str], node: ast.stmt, first: int) -> str:
    """The statement's own lines, comments on them included; only its own part where it shares a line with another."""
    alone = not lines[first - 1][: node.col_offset].strip() or hasattr(node, "decorator_list")
    last = lines[(node.end_lineno or first) - 1]
    rest = last.encode()[node.end_col_offset or 0 :].decode().strip()
    if alone and (not rest or rest.startswith("#")):
        return "\n".join(lines[first - 1 : node.end_lineno]).rstrip()
    return ast.get_source_segment(chunk, node) or ast.unparse(node)


def _comment_above(lines: list[str], index: int) -> bool:
    return index >= 0 and lines[index].lstrip().startswith("#") and bool(CARRY.search(lines[index]))


CONTINUES = re.compile(r"(?:else|elif|except|finally|case)\b|[)\]}#]")


def _chunks(text: str, size: int = 40) -> Iterator[tuple[int, str, ast.Module]]:
    """Pieces of about `size` lines that parse on their own, with the line each starts at.

    Parsing a script of 500 components whole holds its whole tree in memory; piece by piece it does not. A cut inside
    brackets or a triple-quoted string does not parse, so the piece grows until it does.
    """
    lines = text.split("\n")
    start, wanted = 0, size
    while start < len(lines):
        end = start + wanted if len(lines) > 2 * size else len(lines)
        while end < len(lines) and (not lines[end].strip() or lines[end][0].isspace() or CONTINUES.match(lines[end])):
            end += 1
        chunk = "\n".join(lines[start:end])
        try:
            tree = ast.parse(chunk)
        except SyntaxError as error:
            if end >= len(lines):
                error.lineno = (error.lineno or 1) + start
                raise
            wanted *= 2
            continue
        yield start + 1, chunk, tree
        start, wanted = end, size


def _statement(node: ast.stmt, text: str, line: int, first: int, carry: bool) -> Statement:
    match node:
        case ast.Import() | ast.ImportFrom():
            return _import(node, text, line, carry)
        case ast.Try() if _only_imports(node):
            return _scoped(node, text, line, first, carry, "imports")
        case ast.If(test=ast.Name(id="TYPE_CHECKING") | ast.Attribute(attr="TYPE_CHECKING")):
            return _scoped(node, text, line, first, carry, "checking")
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            return _scoped(node, text, line, first, carry, "def", keep=True)
        case ast.ClassDef():
            return _scoped(node, text, line, first, carry, "class", keep=bool(node.decorator_list))
        case ast.Assign() | ast.AnnAssign():
            return _scoped(node, text, line, first, carry, "assign", keep=True)
        case ast.AugAssign():
            return _scoped(node, text, line, first, carry, "+=")
        case ast.Expr():
            return _scoped(node, text, line, first, carry, "expression", keep=isinstance(node.value, ast.Call))
        case ast.For() | ast.AsyncFor():
            return _scoped(node, text, line, first, carry, "for")
        case ast.With() | ast.AsyncWith():
            return _scoped(node, text, line, first, carry, "with")
        case _:
            return _scoped(node, text, line, first, carry, type(node).__name__.lower().removesuffix("star"))


def _import(node: ast.Import | ast.ImportFrom, text: str, line: int, carry: bool) -> Statement:
    if isinstance(node, ast.Import):
        found = [Import(module=name.name, alias=name.asname or "") for name in node.names]
    else:
        module = "." * node.level + (node.module or "")
        if node.names[0].name == "*":
            return Statement(text=text, line=line, how="import", star=module)
        found = [Import(module=module, name=name.name, alias=name.asname or "") for name in node.names]
    return Statement(
        text=text, line=line, how="import", binds=tuple(map(bound, found)), imports=tuple(found), carry=carry
    )


def decorates(found: Collection[Statement]) -> bool:
    """Whether a cell under %%define_component says in Kubeflow's manner what the component is: a decorated function."""
    return any(statement.how == "def" and statement.marks for statement in found)


def bound(item: Import) -> str:
    """The name that an import gives."""
    return item.alias or item.name or item.module.partition(".")[0]


def _only_imports(node: ast.Try) -> bool:
    blocks = [node.body, node.orelse, node.finalbody, *(handler.body for handler in node.handlers)]
    imports, flags = (ast.Import, ast.ImportFrom), (ast.Import, ast.ImportFrom, ast.Pass)
    if not isinstance(node.body[0], imports):
        return False
    return all(
        isinstance(inner, flags) or (isinstance(inner, ast.Assign) and isinstance(inner.value, ast.Constant))
        for block in blocks
        for inner in block
    )  # fmt: skip


def _scoped(node: ast.stmt, text: str, line: int, first: int, carry: bool, how: str, keep: bool = False) -> Statement:
    marks = tuple(_marks(node, text, first))
    found = names(node, text)
    inner = tuple(_imports(node)) if "import" in text else ()
    named = frozenset(name for mark in marks for name in mark.names)
    quoted, annotations = _annotations(node)
    visitor = _Doings()
    visitor.look(node)
    return Statement(
        text=text,
        line=line,
        how=how,
        binds=() if isinstance(node, ast.AnnAssign) and node.value is None else found.binds,
        needs=quoted | named | found.reads | found.later,
        reads=named | found.reads,
        imports=tuple(visitor.imports),
        calls=tuple(visitor.calls),
        state=tuple(visitor.state),
        mutates=tuple(dict.fromkeys(visitor.mutates)),
        discarded=visitor.discarded,
        carry=carry,
        annotations=annotations,
        first=first,
        node=_lean(node) if keep else None,
        marks=marks,
        core=quoted | found.reads | found.later,
        inner=inner,
    )


def _lean(node: ast.stmt) -> ast.stmt:
    """A function without its body but for the docstring: of hundreds of components, the bodies fill the memory."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        node.body = node.body[:1] if ast.get_docstring(node, clean=False) is not None else []
    return node


def _imports(node: ast.AST) -> Iterator[Import]:
    """The imports inside a statement, found without looking into expressions, which hold none."""
    if isinstance(node, ast.Import | ast.ImportFrom):
        said = _import(node, "", 0, False)
        yield from (Import(module=said.star),) if said.star else said.imports
    for block in ("body", "orelse", "finalbody", "handlers", "cases"):
        inside = getattr(node, block, ())
        for statement in inside if isinstance(inside, list) else ():
            yield from _imports(statement)


def _marks(node: ast.stmt, text: str, first: int) -> Iterator[Mark]:
    """The decorators, each with all its lines: the `@` may stand above the name, and a bracket below it."""
    found = getattr(node, "decorator_list", ())
    lines = text.split("\n") if found else []
    for mark in found:
        start, end = mark.lineno - first, (mark.end_lineno or mark.lineno) - first
        while start and not lines[start].lstrip().startswith("@"):
            start -= 1
        while lines[end + 1].strip() and not lines[end + 1].strip(" \t)"):
            end += 1
        names = frozenset(inner.id for inner in walked(mark) if isinstance(inner, ast.Name))
        name = dotted(mark.func if isinstance(mark, ast.Call) else mark)
        yield Mark(name=name, names=names, first=start, last=end)


def without(text: str, marks: Collection[Mark]) -> str:
    """A definition's text less the lines of some of its decorators."""
    if not marks:
        return text
    dropped = {number for mark in marks for number in range(mark.first, mark.last + 1)}
    return "\n".join(line for number, line in enumerate(text.split("\n")) if number not in dropped)


def _annotations(node: ast.stmt) -> tuple[frozenset[str], frozenset[str]]:
    """The names inside string annotations of a definition, and all names in its annotations."""
    quoted: set[str] = set()
    names: set[str] = set()
    for annotation in _annotated(node):
        _annotation(annotation, quoted, names)
    return frozenset(quoted), frozenset(names | quoted)


def _annotated(node: ast.stmt) -> Iterator[ast.expr]:
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            spec = node.args
            for argument in [*spec.posonlyargs, *spec.args, *spec.kwonlyargs, *filter(None, [spec.vararg, spec.kwarg])]:
                if argument.annotation:
                    yield argument.annotation
            if node.returns:
                yield node.returns
        case ast.AnnAssign():
            yield node.annotation
        case ast.ClassDef():
            for inner in node.body:
                yield from _annotated(inner)


def _annotation(node: ast.AST, quoted: set[str], names: set[str], plain: bool = False) -> None:
    """A string is an annotation too, except where it is a value: in a call, in `Literal[...]`."""
    match node:
        case ast.Name(id=name):
            names.add(name)
        case ast.Constant(value=str(text)) if not plain:
            quoted |= names_in(text)
        case ast.Call():
            plain = True
        case ast.Subscript(value=value) if dotted(value).rpartition(".")[2] in ("Literal", "Annotated"):
            plain = True
    for child in children(node):
        _annotation(child, quoted, names, plain)


@lru_cache(maxsize=1024)
def names_in(text: str) -> frozenset[str]:
    """The names in an expression given as text; none where it is no expression."""
    try:
        return frozenset(
            node.id for node in ast.walk(ast.parse(text.strip(), mode="eval")) if isinstance(node, ast.Name)
        )
    except (SyntaxError, ValueError):
        return frozenset()


def names_of(annotation: ast.expr) -> set[str]:
    """All names in an annotation, those in strings of it included."""
    names: set[str] = set()
    _annotation(annotation, names, names)
    return names


def dotted(node: ast.AST) -> str:
    """`a.b.c` for a chain of attributes that starts at a name, else nothing."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else ""


class _Doings:
    """Collects what a statement does the moment it runs: calls, state that it reads, things changed in place."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.state: list[str] = []
        self.mutates: list[str] = []
        self.imports: list[Import] = []
        self.discarded = ""

    def look(self, node: ast.AST) -> None:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                for part in [*node.decorator_list, *node.args.defaults, *filter(None, node.args.kw_defaults)]:
                    self.look(part)
                return
            case ast.Lambda(args=spec):
                for part in [*spec.defaults, *filter(None, spec.kw_defaults)]:
                    self.look(part)
                return
            case ast.Import() | ast.ImportFrom():
                star = _import(node, "", 0, False)
                self.imports += star.imports
            case ast.Expr(value=ast.Call(func=ast.Attribute() as func)):
                self.discarded = self.discarded or dotted(func)
            case ast.Call(func=ast.Attribute(value=ast.Constant(value=str()) | ast.JoinedStr(), attr=name)):
                self.calls.append("str." + name)
            case ast.Call(func=func):
                self.calls.append(dotted(func) or _method(func) or ast.unparse(func))
                if isinstance(func, ast.Attribute) and func.attr in MUTATORS and _root(func):
                    self.mutates.append(_root(func))
            case ast.Attribute() | ast.Subscript() if isinstance(node.ctx, ast.Load):
                self._state(node)
            case ast.Attribute() | ast.Subscript() if _root(node):
                self.mutates.append(_root(node))
            case ast.AugAssign(target=ast.Name(id=name)):
                self.mutates.append(name)
        for child in children(node):
            self.look(child)

    def _state(self, node: ast.Attribute | ast.Subscript) -> None:
        chain = dotted(node.value if isinstance(node, ast.Subscript) else node)
        if chain:
            self.state.append(chain + "[]" * isinstance(node, ast.Subscript))


def _method(func: ast.AST) -> str:
    """`str.upper` for a string method on the value of another expression: `"a b".split()[0].upper()`."""
    if (
        isinstance(func, ast.Attribute)
        and func.attr in STRING_METHODS
        and isinstance(func.value, ast.Call | ast.Subscript | ast.BinOp)
    ):
        return "str." + func.attr
    return ""


def _root(node: ast.AST) -> str:
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Call):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else ""
