"""What travels as JSON between notebook, files and steps; and what to write in the place of what does not."""

import json
import math
import re
from typing import NamedTuple

from ..model import Kind

DEEPEST = 30  # a compiled spec is a message of protobuf, which reads back no more than some thirty levels of dicts
LONE = "[\ud800-\udfff]"  # halves of a character: no file can hold one

TAKES: dict[Kind, tuple[tuple[type, ...], str]] = {
    Kind.STRING: ((str,), "a str"),
    Kind.NUMBER_INTEGER: ((int,), "an int"),
    Kind.NUMBER_DOUBLE: ((int, float), "a float"),
    Kind.BOOLEAN: ((bool,), "a bool"),
    Kind.LIST: ((list, tuple), "a list"),
    Kind.STRUCT: ((dict,), "a dict"),
    Kind.TASK_FINAL_STATUS: ((), "something to pass: kfp fills it"),
}
# What stands in notebooks in the place of a plain value, by what it can do, and how its plain value is written.
PLAINLY = (
    ("tolist", "write its plain value: .tolist()"),  # numpy, pandas
    ("isoformat", "write it as text: .isoformat()"),
    ("to_dict", "write .to_dict()"),
    ("__fspath__", "write it as text: str(...)"),
    ("decode", "write it as text: .decode()"),
    ("as_integer_ratio", "write float(...)"),
)


class Misfit(NamedTuple):
    """Why a value does not travel, to be read after its name, and what to write instead where that is known."""

    why: str
    mend: str = ""


class _Stays(Exception):
    """Found on the way through a value: what does not travel."""

    def __init__(self, why: str, mend: str) -> None:
        super().__init__(why)
        self.misfit = Misfit(why, mend)


def misfit(kind: Kind, value: object) -> Misfit | None:
    """Why a value does not fit a parameter's type, as in "is 'abc', not an int"; None where it fits."""
    types, name = TAKES[kind]
    if not _of(value, *types) or (_of(value, bool) and kind is not Kind.BOOLEAN):
        return Misfit(f"is {short(value)}, not {name}", _mend(value))
    return stays(value)


def stays(value: object) -> Misfit | None:
    """Why a value cannot travel at all; None where it can."""
    try:
        _plain(value)
    except _Stays as found:
        return found.misfit
    return None


def holds_none(value: object) -> bool:
    """Whether None is anywhere inside: kfp cannot compile that."""
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return any(item is None or holds_none(item) for item in inside)


def text(value: object) -> str:
    """The JSON of a value that fits: of a dict, what it holds, whatever a subclass says of that."""
    return json.dumps(_plain(value), ensure_ascii=False)


def halved(value: str) -> str:
    """What is wrong with text that no file can hold, to be read after its name; nothing where it can be held."""
    return f"has half of a character in {short(value)}, which no file can hold" if re.search(LONE, value) else ""


def short(value: object) -> str:
    """A value for a message, on one line, cut where it is long; one that cannot be shown, by its type."""
    try:
        said = repr(value)
    except Exception:  # a foreign object's own fault; a number of thousands of digits; a list in a list in a list ...
        return f"one of type {type(value).__name__}"
    shown = " ".join(said.split()) if said.isascii() else "".join(char if char.isprintable() else " " for char in said)
    return shown if len(shown) <= 60 else f"{shown[:57]}..."


def _of(value: object, *types: type) -> bool:
    """isinstance by the real type alone, as a value's own `__class__` may say anything."""
    return issubclass(type(value), types)


def _plain(value: object, room: int = DEEPEST) -> object:
    """The value in JSON's own types."""
    if not room:
        raise _Stays(f"is nested more than {DEEPEST} levels deep, or holds itself", "pass it as a file, or as text")
    if value is None or _of(value, bool):
        return value
    if _of(value, str) and isinstance(value, str):
        return _text(str.__str__(value))
    verb = "is" if room == DEEPEST else "holds"
    if _of(value, int) and isinstance(value, int):
        return _whole(int.__int__(value), verb)
    if _of(value, float) and isinstance(value, float):
        return _finite(float.__float__(value), verb)
    if _of(value, list) and isinstance(value, list):
        return [_plain(item, room - 1) for item in list.__iter__(value)]
    if _of(value, tuple) and isinstance(value, tuple):
        return [_plain(item, room - 1) for item in tuple.__iter__(value)]
    if _of(value, dict) and isinstance(value, dict):
        return {_key(key): _plain(item, room - 1) for key, item in dict.items(value)}
    raise _Stays(f"{verb} {short(value)}, which JSON cannot hold", _mend(value))


def _text(value: str) -> str:
    if why := halved(value):
        raise _Stays(why, "leave it out")
    return value


def _whole(value: int, verb: str) -> int:
    """A spec's numbers are floats, as JSON's are to most of its readers."""
    try:
        exact = float(value) == value
    except OverflowError:
        exact = False
    if not exact:
        raise _Stays(f"{verb} {short(value)}, more digits than a number keeps on its way", "pass it as text")
    return value


def _finite(value: float, verb: str) -> float:
    if not math.isfinite(value):
        raise _Stays(f"{verb} {value}, which JSON cannot hold", "leave it out, or write what stands for it")
    return value


def _key(key: object) -> str:
    if not (_of(key, str) and isinstance(key, str)):
        raise _Stays(f"has the key {short(key)}, and JSON's keys are text", "write its keys in quotes")
    return _text(str.__str__(key))


def _mend(value: object) -> str:
    """How the plain value of this one is written, where its type tells."""
    if _of(value, str, int, float, list, tuple, dict):
        return ""
    if _of(value, set, frozenset, range):
        return "write list(...)"
    members = getattr(type(value), "_value2member_map_", None)
    if members is not None:
        return "write its .value"
    return next((mend for name, mend in PLAINLY if hasattr(type(value), name)), "")
