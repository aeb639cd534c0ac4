"""The HTML that all parts of the page are written in: text, names, states, tables, folds."""

import re
import time
from collections.abc import Sequence
from html import escape
from itertools import zip_longest

from ..model import State
from ..nouns import noun
from ..picture import STATES
from .told import Line
from .words import tidy

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_NO_TEXT = re.compile(
    "[\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff"
    + "".join(f"{chr(p << 16 | 0xFFFE)}{chr(p << 16 | 0xFFFF)}" for p in range(1, 17))
    + "]"
)


@noun
class Part:
    """A section of the page; without anything inside it is left out."""

    title: str
    anchor: str
    inside: str


def text(words: object) -> str:
    """Any words as the text of an element or the value of an attribute: escaped, and without what no page may hold."""
    lines = str(words).replace("\r\n", "\n").replace("\r", "\n")
    return escape(_NO_TEXT.sub("\ufffd", _CONTROL.sub("", lines)))


def name(words: object, instead: str = "(no name)") -> str:
    """A name as text; where there is nothing to see of it, what stands for it."""
    return shown if (shown := text(words)).strip() else instead


def moment(when: float) -> str:
    there = time.localtime(when)
    machine, human = (time.strftime(form, there) for form in ("%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%d %H:%M:%S %Z"))
    return f'<time datetime="{machine}">{text(human)}</time>'


def icons() -> str:
    """The signs of the states, as the graph has them: told apart by their form, not by their colour alone."""
    drawn = "".join(
        f'<symbol id="icon-{state.value}" viewBox="0 0 16 16"><path class="sign" d="{STATES[state]}"/></symbol>'
        for state in State
    )
    return f'<svg class="defs" aria-hidden="true" width="0" height="0">{drawn}</svg>\n'


def icon(state: State) -> str:
    use = f'<use href="#icon-{state.value}"/>'
    return f'<svg class="icon {state.value}" aria-hidden="true" width="16" height="16">{use}</svg>'


def state(of: State) -> str:
    return f'<span class="state {of.value}">{icon(of)} {of.value}</span>'


def named(line: Line) -> str:
    """A step by its name, and small what sets it apart."""
    small = ", ".join(line.apart)
    return f"<bdi>{name(line.name)}</bdi>" + (f" <small><bdi>{text(small)}</bdi></small>" if small else "")


def linked(line: Line) -> str:
    return f'<a href="#{line.anchor}">{named(line)}</a>'


def error(said: str) -> str:
    """What was raised, large; where, below it."""
    first, _, rest = tidy(said).partition("\n")
    more = f"<pre>{text(rest)}</pre>" if rest.strip() else ""
    return f'<div class="error"><p><bdi>{name(first, "It said nothing.")}</bdi></p>{more}</div>'


def wide(inside: str, label: str, kind: str = "wide") -> str:
    """What scrolls within itself where the page is narrow, by the keyboard too."""
    return f'<div class="{kind}" tabindex="0" role="group" aria-label="{label}">{inside}</div>\n'


def scroll(inside: str, label: str, kind: str = "scroll") -> str:
    """A block that scrolls within itself, by the keyboard too."""
    return f'<pre class="{kind}" tabindex="0" role="group" aria-label="{text(label)}">{inside}</pre>\n'


def fold(label: str, said: str, block: str, is_open: bool = False) -> str:
    """A block that opens: what is in it, and how many lines."""
    count = said.count("\n") + 1
    told = f"{label}, {count} line{'s' * (count != 1)}"
    return f"<details{' open' * is_open}><summary>{told}</summary>{block}</details>\n"


def table(caption: str, heads: Sequence[str], rows: str, kinds: Sequence[str] = (), heard: bool = False) -> str:
    """A table of HTML that is ready. Its columns have kinds; a caption that says nothing new is only heard."""
    begin = "".join(
        f'<th scope="col"{_class(kind)}>{head}</th>' for head, kind in zip_longest(heads, kinds, fillvalue="")
    )
    return wide(
        f"<table><caption{_class('off' * heard)}>{caption}</caption>"
        f"<thead><tr>{begin}</tr></thead><tbody>{rows}</tbody></table>",
        caption,
    )


def _class(kind: str) -> str:
    return f' class="{kind}"' if kind else ""
