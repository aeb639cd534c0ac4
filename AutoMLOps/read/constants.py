"""The value of an expression that is constant, through names bound to constants; nothing is ever run."""

import ast
from collections.abc import Callable
from dataclasses import dataclass

from . import travel
from .program import Program

OPERATIONS: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.Div: lambda a, b: a / b,
    ast.FloorDiv: lambda a, b: a // b,
    ast.Mod: lambda a, b: a % b,
}
PATIENCE = 1_000_000  # characters and parts; a few names that double each other come to more than a machine holds


def evaluate(program: Program, node: ast.AST) -> object:
    """What the expression comes to; ValueError where it is no constant, or one that nobody could want written out."""
    try:
        return _Reckoning(program).value(node)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


@dataclass(slots=True)
class _Reckoning:
    program: Program
    spent: int = 0

    def value(self, node: ast.AST, seen: tuple[str, ...] = ()) -> object:
        found = self._found(node, seen)
        self.spent += 1 + (len(found) if isinstance(found, str | list) else 0)
        if self.spent > PATIENCE:
            raise ValueError(f"`{_short_code(node)}` is too long")
        return found

    def _found(self, node: ast.AST, seen: tuple[str, ...]) -> object:
        match node:
            case ast.Constant(value=value) if value is None or isinstance(value, str | int | float):
                return value
            case ast.List(elts=items) | ast.Tuple(elts=items):
                return [self.value(item, seen) for item in items]
            case ast.Dict(keys=keys, values=values) if all(key is not None for key in keys):
                return {
                    _key(self.value(key, seen)): self.value(value, seen)
                    for key, value in zip(keys, values, strict=True)
                    if key
                }
            case ast.UnaryOp(op=ast.USub() | ast.UAdd() as sign, operand=operand):
                value = _number(self.value(operand, seen))
                return -value if isinstance(sign, ast.USub) else value
            case ast.BinOp(left=left, op=op, right=right):
                return _computed(op, self.value(left, seen), self.value(right, seen))
            case ast.JoinedStr(values=parts):
                return "".join(str(self.value(part, seen)) for part in parts)
            case ast.FormattedValue(value=inner, conversion=-1, format_spec=None):
                return self.value(inner, seen)
            case ast.Name(id=name) if name not in seen:
                placed = self.program.last(name)
                tree = placed.statement.node if placed and name not in self.program.mutated else None
                if (
                    isinstance(tree, ast.Assign | ast.AnnAssign)
                    and tree.value is not None
                    and placed
                    and placed.statement.binds == (name,)
                ):
                    return self.value(tree.value, (*seen, name))
                raise ValueError(f"`{name}` is no constant")
        raise ValueError(f"`{_short_code(node)}` is no constant")


def _short_code(node: ast.AST) -> str:
    text = ast.unparse(node)
    return text if len(text) <= 60 else text[:57] + "..."


def _key(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"the key {travel.short(value)} is not a str, and JSON has no other")
    return value


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{travel.short(value)} is no number")
    if isinstance(value, int) and value.bit_length() > PATIENCE:
        raise ValueError("a number of it has too many digits")
    return value


def _computed(op: ast.operator, left: object, right: object) -> object:
    if isinstance(op, ast.Add) and type(left) is type(right) and isinstance(left, str | list):
        return left + right  # type: ignore[operator]
    first, second = _number(left), _number(right)
    try:
        if isinstance(op, ast.Pow) and abs(second) <= 1024 and abs(first) <= 2**64:
            return first**second
        if type(op) in OPERATIONS:
            return OPERATIONS[type(op)](first, second)
    except (ArithmeticError, ValueError) as error:
        raise ValueError(str(error)) from error
    raise ValueError("an operation that is not followed")
