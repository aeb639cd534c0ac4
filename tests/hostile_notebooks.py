"""Notebooks that were meant well and came to harm: cells cut, swapped and mixed, values of other types, odd characters."""

from __future__ import annotations

import ast
import json
import random
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import hostile

from AutoMLOps.read import notebook

HERE = Path(__file__).resolve().parent
SEEDS = sorted(
    path
    for folder in ("tests/notebooks", "tests/golden", "tests/corpus", "example")
    for path in (HERE.parent / folder).rglob("*")
    if path.suffix in (".py", ".ipynb") and "tree" not in path.parts and path.name not in ("demo.py",)
)
ODD = ["\0", "\x0c", "\r", "\r\n", "\t", "\v", "\ufeff", "\u2028", "\x85", "\ud800", "ﬁ", "é", "\\", "'''", '"""', "(", ")", "[", "{", "}", ":", "=", "@", "%", "!", "?", "#", "%%", "%%define_component\n", "%%define_imports\n", "\n", "\n    ", "lambda: ", "await ", "yield ", "*", "**", "->", ":=", "f'{", "}'", "0x", "1_", "1e999", "9" * 400, "(" * 300, "-" * 3000, "if x:\n", "def step():\n", "return ", "del ", "global step\n", "from x import *\n", "import AutoMLOps as A\n", "async ", "match x:\n  case _: pass\n", "class ", "# %%\n", "# automlops: carry\n"]  # fmt: skip
WORDS = ["class", "match", "_", "__", "None", "self", "print", "AutoMLOps", "dsl", "kfp", "pipeline", "step", "ﬁt", "日本", "Output", "Input", "str", "x" * 200, "__init__", "pd", "component", "a.b", "1"]  # fmt: skip
EXPRESSIONS = ["None", "...", "1", "-1", "1.5", "1e999", "10**400", "True", "b'x'", "''", "'x'", "'\\ud800'", "'a\\nb'", "[]", "[1, 'a']", "{}", "{'name': 1}", "{**x}", "{None: 1}", "(1,)", "{1}", "x", "x.y", "x[0]", "f()", "f(*a, **k)", "lambda: 1", "[x for x in y]", "f'{x}'", "f'{1!r:>{2}}'", "1 if x else 2", "(x := 1)", "a < b < c", "not x", "1j", "int", "list[int]", "Optional[int]", "int | None", "None | int", "Union[int, None]", "'int'", "'not python('", "Input[Dataset]", "Output[Model]", "Input[int]", "List[Input[Dataset]]", "Output[List[Dataset]]", "NamedTuple('N', [('a', int)])", "NamedTuple('N', a=int)", "NamedTuple", "Dict[str, int]", "dsl.Output[dsl.Model]", "OutputPath(str)", "InputPath('Dataset')", "InputPath()", "dsl.PIPELINE_JOB_NAME_PLACEHOLDER", "dsl.If(x)", "dsl.ParallelFor([1])", "step()", "step().output", "step().outputs['x']", "AutoMLOps", "AutoMLOps.component", "__name__", "print", "os.environ['X']"]  # fmt: skip
JSON = [
    None,
    True,
    0,
    -1,
    1e308,
    "",
    "x",
    [],
    {},
    [[]],
    [None],
    {"a": 1},
    "\ud800",
    "code",
    "markdown",
    ["a\n", "b"],
    10**30,
]


class Harmed(NamedTuple):
    """A notebook's name, what is in its file, and the parameter values that it was once called with."""

    name: str
    content: bytes
    values: Mapping[str, object]


def harmed(draw: random.Random) -> Harmed:
    """One of the notebooks, harmed in one or several ways."""
    seed = draw.choice(SEEDS)
    text = seed.read_text(encoding="utf-8")
    cells = [cell.text for cell in notebook(seed.name, text).cells]
    beside = seed.with_name("arguments.json")
    values = (
        json.loads(beside.read_text()).get("pipeline_params", {})
        if beside.exists()
        else next(filter(None, map(_values, cells)), {})
    )
    if draw.random() < 0.1:
        return Harmed(seed.name, _file(draw, text), values)
    for _ in range(draw.choice((1, 1, 1, 1, 2, 4))):
        cells = draw.choice(WAYS)(draw, cells) or [""]
    if draw.random() < 0.5:
        return Harmed("n.py", "\n# %%\n".join(cells).encode("utf-8", "surrogatepass"), values)
    made = {"nbformat": 4, "cells": [{"cell_type": "code", "source": text} for text in cells]}
    return Harmed("n.ipynb", json.dumps(made).encode(), values)


def _values(cell: str) -> dict[str, object]:
    """The pipeline_params that a cell calls with, where they are written out."""
    try:
        nodes = list(ast.walk(ast.parse(cell)))
        return next(
            ast.literal_eval(node.value)
            for node in nodes
            if isinstance(node, ast.keyword) and node.arg == "pipeline_params"
        )
    except (SyntaxError, ValueError, StopIteration):
        return {}


def _file(draw: random.Random, text: str) -> bytes:
    """A file that is no whole notebook any more."""
    content = bytearray(text.encode())
    match draw.randrange(4):
        case 0:
            return bytes(content[: draw.randrange(len(content) + 1)])
        case 1:
            for _ in range(draw.randrange(1, 20)):
                content[draw.randrange(len(content))] = draw.randrange(256)
            return bytes(content)
        case 2:
            return draw.randbytes(draw.randrange(300))
    try:
        made = json.loads(text)
    except ValueError:
        return bytes(content[::-1])
    for _ in range(draw.randrange(1, 5)):
        _replace(draw, made)
    return json.dumps(made).encode()


def _replace(draw: random.Random, made: Any) -> None:
    """Puts other JSON somewhere into it, or takes a part out."""
    while isinstance(made, dict | list) and made:
        key = draw.choice(list(made) if isinstance(made, dict) else range(len(made)))
        if draw.random() < 0.4 or not isinstance(made[key], dict | list):
            if draw.random() < 0.3:
                del made[key]
            else:
                made[key] = draw.choice(JSON)
            return
        made = made[key]


def _cut(draw: random.Random, cells: list[str]) -> list[str]:
    number = draw.randrange(len(cells))
    begin = draw.randrange(len(cells[number]) + 1)
    end = begin + draw.choice((1, 3, 10, 100))
    return [*cells[:number], cells[number][:begin] + cells[number][end:], *cells[number + 1 :]]


def _inserted(draw: random.Random, cells: list[str]) -> list[str]:
    number = draw.randrange(len(cells))
    place = draw.randrange(len(cells[number]) + 1)
    odd = draw.choice(ODD) if draw.random() < 0.8 else draw.choice(hostile.ALL)
    return [*cells[:number], cells[number][:place] + odd + cells[number][place:], *cells[number + 1 :]]


def _shuffled(draw: random.Random, cells: list[str]) -> list[str]:
    return draw.sample(cells, len(cells))


def _doubled(draw: random.Random, cells: list[str]) -> list[str]:
    return [*cells, draw.choice(cells)]


def _dropped(draw: random.Random, cells: list[str]) -> list[str]:
    number = draw.randrange(len(cells))
    return [*cells[:number], *cells[number + 1 :]]


def _renamed(draw: random.Random, cells: list[str]) -> list[str]:
    """A name is another one, everywhere."""
    names = sorted(
        {word for cell in cells for word in cell.replace("(", " ").replace(",", " ").split() if word.isidentifier()}
    )
    one, other = draw.choice(names or ["x"]), draw.choice(WORDS + names)
    return [cell.replace(one, other) for cell in cells]


def _ended(draw: random.Random, cells: list[str]) -> list[str]:
    end = draw.choice(("\r", "\r\n", "\n\n", "\n\t", "\x0c\n", "\\\n"))
    return [cell.replace("\n", end) if draw.random() < 0.7 else cell for cell in cells]


def _regrown(draw: random.Random, cells: list[str]) -> list[str]:
    """A part of the code is another part: of another type, of another cell, or not there."""
    number = draw.randrange(len(cells))
    head, body = _head(cells[number])
    try:
        tree = ast.parse(body)
        pool = [node for cell in cells for node in ast.walk(ast.parse(_head(cell)[1])) if isinstance(node, ast.expr)]
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return _inserted(draw, cells)
    for _ in range(draw.choice((1, 1, 1, 3))):
        _grow(draw, tree, pool)
    try:
        text = head + ast.unparse(ast.fix_missing_locations(tree))
    except Exception:  # a tree that is no Python
        return _cut(draw, cells)
    return [*cells[:number], text, *cells[number + 1 :]]


def _head(cell: str) -> tuple[str, str]:
    first, _, rest = cell.partition("\n")
    return (f"{first}\n", rest) if first.startswith("%%") else ("", cell)


def _grow(draw: random.Random, tree: ast.AST, pool: list[ast.expr]) -> None:
    places = list(_places(tree))
    if not places:
        return
    put, old = draw.choice(places)
    if isinstance(old, ast.stmt):
        put(
            draw.choice([ast.Pass(), ast.Return(value=None), ast.parse("x += 1").body[0], ast.parse("x = f()").body[0]])
        )
    else:
        new = (
            draw.choice(pool) if pool and draw.random() < 0.4 else ast.parse(draw.choice(EXPRESSIONS), mode="eval").body
        )
        put(new)


def _places(tree: ast.AST) -> Iterator[tuple[Callable[[ast.AST], None], ast.AST]]:
    """Each expression and statement with what puts another in its place."""
    for node in ast.walk(tree):
        for name, value in ast.iter_fields(node):
            if isinstance(value, ast.expr):
                yield (lambda new, node=node, name=name: setattr(node, name, new)), value
            for place, item in enumerate(value) if isinstance(value, list) else ():
                if isinstance(item, ast.expr | ast.stmt):
                    yield (lambda new, value=value, place=place: value.__setitem__(place, new)), item


WAYS = (
    _cut,
    _inserted,
    _inserted,
    _shuffled,
    _doubled,
    _dropped,
    _renamed,
    _ended,
    _regrown,
    _regrown,
    _regrown,
    _regrown,
)
