"""Reads what a docstring says of a function, its inputs and its outputs, as kfp's own parser does."""

import re
from collections.abc import Mapping
from functools import lru_cache
from inspect import cleandoc
from types import MappingProxyType
from typing import NamedTuple

RETURNS = ("Returns:\n", "Returns\n", "Return:\n", "Return\n")


class Described(NamedTuple):
    """The description, and what is said of each input and each output by name."""

    description: str = ""
    parameters: Mapping[str, str] = MappingProxyType({})
    returns: Mapping[str, str] = MappingProxyType({})


@lru_cache(maxsize=4096)
def described(text: str | None) -> Described:
    """What a cleaned docstring says."""
    if not text:
        return Described()
    simple = _simple(text)
    return simple if simple else _parsed(text)


HEADING = re.compile(r"^(Args|Arguments|Returns|Return):[ \t]*$", re.MULTILINE)
ENTRY = re.compile(r"(?P<name>\w+)(?: \([^()]*\))?: (?P<text>\S.*)")
ELSEWHERE = re.compile(r"^\s*[:@]\w|^\s*(?:---|===)|^[A-Z]\w+:?[ \t]*$", re.MULTILINE)


def _simple(text: str) -> Described | None:
    """Google's manner where it is unmistakable, which is nearly always; loading the parser costs 20 ms."""
    head, *sections = HEADING.split(text)
    if (
        any(ELSEWHERE.search(part) for part in [head, *sections[1::2]])
        or len(sections) > 2
        or sections[:1] in (["Returns"], ["Return"])
    ):
        return None
    parameters: dict[str, str] = {}
    for line in sections[1].strip("\n").split("\n") if sections else []:
        entry = ENTRY.fullmatch(line[4:]) if line.startswith("    ") else None
        if entry is None:
            return None
        parameters[entry["name"]] = entry["text"]
    return Described(description=_description(head), parameters=parameters)


def _description(head: str) -> str:
    short, _, long = cleandoc(head).partition("\n")
    return f"{short}\n{long.strip()}".strip() if short and long.strip() else short.strip()


def _parsed(text: str) -> Described:
    """Any other manner goes to the parser that kfp itself uses."""
    import docstring_parser

    parsed = docstring_parser.parse(text)
    short, long = parsed.short_description, parsed.long_description
    returns: dict[str, str] = {}
    keyword = next((keyword for keyword in RETURNS if keyword in text), None)
    if keyword:
        said = docstring_parser.parse(text.replace(keyword.strip(), "Args:")).params
        returns = {param.arg_name: param.description or "" for param in said}
    return Described(
        description=(f"{short}\n{long}" if short and long else short or "").strip(),
        parameters={param.arg_name: param.description or "" for param in parsed.params},
        returns=returns,
    )
