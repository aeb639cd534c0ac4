"""Python text as it should stand in a generated file: import blocks, literals, docstrings."""

import ast
import json
import re
import sys
import textwrap
from collections.abc import Iterable

from .model import Import

WIDTH = 120
PLAIN = re.compile(
    r"[\w ./:,=<>-]{0,60}", re.ASCII
)  # text that stands in quotes as it is, in Python and in a docstring


def imports(wanted: Iterable[Import]) -> str:
    """The import block of a file: each name once, standard library first, in the order that isort and ruff expect."""
    sections: dict[int, set[Import]] = {}
    for item in wanted:
        sections.setdefault(_section(item.module), set()).add(item)
    return "\n\n".join(_block(sections[number]) for number in sorted(sections))


def _section(module: str) -> int:
    top = module.partition(".")[0]
    return 0 if top == "__future__" else 1 if top in sys.stdlib_module_names else 2


def _block(items: set[Import]) -> str:
    plain = sorted(
        {(item.module, item.alias) for item in items if not item.name}, key=lambda pair: (_natural(pair[0]), pair[1])
    )
    lines = [f"import {module}" + (f" as {alias}" if alias and alias != module else "") for module, alias in plain]
    from_modules = sorted({item.module for item in items if item.name}, key=_natural)
    for module in from_modules:
        named = [item for item in items if item.module == module and item.name]
        bare = sorted({item.name for item in named if not item.alias or item.alias == item.name}, key=_member)
        renamed = sorted(
            {(item.name, item.alias) for item in named if item.alias and item.alias != item.name},
            key=lambda pair: (_member(pair[0]), pair[1]),
        )
        statements = [(_member(bare[0]), _from(module, bare))] if bare else []
        statements += [(_member(name), f"from {module} import {name} as {alias}") for name, alias in renamed]
        lines += [text for _, text in sorted(statements)]
    return "\n".join(lines)


def _from(module: str, names: list[str]) -> str:
    line = f"from {module} import {', '.join(names)}"
    return (
        line if len(line) <= WIDTH else "\n".join([f"from {module} import (", *(f"    {name}," for name in names), ")"])
    )


def _member(name: str) -> tuple[int, list[tuple[int, str | int]], str]:
    order = 0 if name.isupper() and len(name) > 1 else 1 if name[:1].isupper() else 2
    return order, _natural(name), name


def _natural(text: str) -> list[tuple[int, str | int]]:
    return [(0, int(part)) if part.isdigit() else (1, part) for part in re.split(r"(\d+)", text.lower()) if part]


def literal(value: object, column: int = 0) -> str:
    """A Python literal of a JSON-like value, strings in double quotes; long ones broken over lines that fit.

    `column` is where the literal starts, so that a long string knows when to break.
    """
    if isinstance(value, str) and PLAIN.fullmatch(value):
        return f'"{value}"'
    text = _literal(value)
    if isinstance(value, str) and len(text) + column > WIDTH:
        indent = "    " * (column and 2)
        parts = _pieces(value, WIDTH - len(indent) - 6)
        text = "(\n" + "".join(f"{indent}{_literal(part)}\n" for part in parts) + f"{indent[4:]})"
    if ast.literal_eval(text) != value and value == value:
        raise ValueError(f"not a literal: {value!r}")
    return text


def block(value: object, indent: int = 0) -> str:
    """A literal of a dict, each of its entries on a line, and those of what is in it where one line is too short."""
    margin = "    " * (indent + 1)
    match value:
        case dict():
            entries, ends = [(f"{_literal(key)}: ", item) for key, item in value.items()], "{}"
        case list():
            entries, ends = [("", item) for item in value], "[]"
        case _:
            return literal(value)
    lines = [f"{margin}{key}{_fitting(item, indent + 1, len(margin + key))},\n" for key, item in entries]
    return f"{ends[0]}\n{''.join(lines)}{margin[4:]}{ends[1]}"


def _fitting(value: object, indent: int, column: int) -> str:
    line = literal(value)
    return block(value, indent) if value and (indent < 2 or column + len(line) >= WIDTH) else line


def _literal(value: object) -> str:
    match value:
        case None | bool():
            return repr(value)
        case int():
            return repr(value)
        case float():
            if value != value or value in (float("inf"), float("-inf")):
                raise ValueError(f"{value} has no literal")
            return repr(value)
        case str():
            return _quoted(value)
        case list() | tuple():
            inside = ", ".join(map(_literal, value))
            return f"[{inside}]" if isinstance(value, list) else f"({inside}{',' * (len(value) == 1)})"
        case dict():
            return "{" + ", ".join(f"{_literal(key)}: {_literal(item)}" for key, item in value.items()) + "}"
    raise ValueError(f"{type(value).__name__} has no literal")


def _quoted(text: str) -> str:
    single = repr(text)
    if single[0] == '"' or '"' in text:
        return single
    return f'"{single[1:-1]}"'.replace(r"\'", "'")


def _pieces(text: str, width: int) -> list[str]:
    """The text cut at spaces into pieces whose literals fit the width."""
    pieces, current = [], ""
    for word in re.findall(r"\S*\s+|\S+", text):
        while len(_quoted(word)) > width:
            cut = max(1, width // 10)
            if current:
                pieces.append(current)
            pieces.append(word[:cut])
            current, word = "", word[cut:]
        if current and len(_quoted(current + word)) > width:
            pieces.append(current)
            current = ""
        current += word
    return [*pieces, current] if current else pieces


def docstring(text: str, indent: int = 0) -> str:
    """A docstring that reads as the text does; long lines are wrapped at words."""
    if PLAIN.fullmatch(text):
        return f'"""{text.strip()}"""'
    margin = " " * indent
    lines: list[str] = []
    for line in text.strip().split("\n"):
        escaped = "".join(_shown(char) for char in line).rstrip()
        lead = escaped[: len(escaped) - len(escaped.lstrip())]
        hanging = lead and f"{lead}    "  # or what goes on would look like the next entry to who reads docstrings
        wrapped = textwrap.wrap(
            escaped, WIDTH - indent - 6, subsequent_indent=hanging, break_long_words=False, break_on_hyphens=False
        )
        lines += wrapped or [""]
    body = f"\n{margin}".join(lines).replace(f"\n{margin}\n", "\n\n").replace(f"\n{margin}\n", "\n\n")
    body = re.sub(r'"(?=""|\Z)', r'\\"', body)
    return f'"""{body}"""' if len(lines) == 1 else f'"""{body}\n{margin}"""'


def _shown(char: str) -> str:
    if char == "\\":
        return "\\\\"
    if char == "\t" or char.isprintable():
        return char
    return json.dumps(char)[1:-1] if ord(char) < 0x10000 and not 0xD800 <= ord(char) <= 0xDFFF else repr(char)[1:-1]
