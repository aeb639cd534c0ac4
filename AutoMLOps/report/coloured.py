"""Python code as HTML, in colours."""

import tokenize
from collections.abc import Iterator
from itertools import accumulate
from keyword import iskeyword

from .markup import text

KINDS = {tokenize.STRING: "string", tokenize.COMMENT: "comment", tokenize.NUMBER: "literal"}


def coloured(code: str, failed: int = 0) -> str:
    """A span for each line; the one that failed is marked."""
    shown = "\n".join(line.rstrip() for line in code.rstrip().split("\n"))
    return "\n".join(
        f'<span class="line{" failed" * (number == failed)}">{line}</span>'
        for number, line in enumerate("".join(_pieces(shown)).split("\n"), 1)
    )


def _pieces(code: str) -> Iterator[str]:
    """The code in pieces; one that has a colour never goes over the end of a line."""
    done = 0
    for kind, begin, end in _words(code):
        yield text(code[done:begin])
        yield "\n".join(
            f'<span class="{kind}">{text(part)}</span>' * bool(part) for part in code[begin:end].split("\n")
        )
        done = end
    yield text(code[done:])


def _words(code: str) -> Iterator[tuple[str, int, int]]:
    """The words that have a colour, from where to where, up to where the text stops being Python."""
    lines = [f"{line}\n" for line in code.split("\n")]
    begins = [0, *accumulate(map(len, lines))]
    source = iter(lines)
    try:
        for word in tokenize.generate_tokens(lambda: next(source, "")):
            if kind := "keyword" if word.type == tokenize.NAME and iskeyword(word.string) else KINDS.get(word.type):
                (row, column), (last, end) = word.start, word.end
                yield kind, begins[row - 1] + column, begins[last - 1] + end
    except (tokenize.TokenError, SyntaxError):
        return
