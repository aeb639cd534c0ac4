"""What was said, in plain words: numbers, times, values, what a terminal showed."""

import json
from typing import TypeGuard

from ..failures import ESCAPES


def plain(said: str) -> str:
    """What a terminal would have left of it: no colours, and of a progress bar its last state."""
    lines = (line.rstrip("\r").rpartition("\r")[2] for line in ESCAPES.sub("", said).split("\n"))
    return "\n".join("".join(letter for letter in line if letter >= " " or letter == "\t") for line in lines)


def tidy(said: str) -> str:
    """Plain, without spaces at the ends of its lines, or lines of nothing around it."""
    return "\n".join(line.rstrip() for line in plain(said).split("\n")).strip("\n")


def is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def number(value: int | float) -> str:
    """Six digits of a number are enough to compare, and a whole number stays whole."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def seconds(span: float) -> str:
    """A time as people say it: 0.04 s, 3.2 s, 2 min 5 s, 1 h 3 min."""
    span = max(span, 0.0)
    if span < 9.995:
        return f"{span:.2f} s"
    if span < 59.95:
        return f"{span:.1f} s"
    minutes, rest = divmod(round(span), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def as_json(value: object, indent: int | None = None) -> str:
    return json.dumps(value, indent=indent, ensure_ascii=False)


def brief(value: object, length: int = 40) -> str:
    said = value if isinstance(value, str) else number(value) if is_number(value) else as_json(value)
    return cut(said, length)


def cut(said: str, length: int) -> str:
    return said if len(said) <= length else said[: length - 1] + "…"
