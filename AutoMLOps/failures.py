"""Reads in the log of a step why it failed."""

import ast
import itertools
import re
import signal
from collections.abc import Callable, Iterable, Iterator, Sequence

from .nouns import noun

HEADER = "Traceback (most recent call last):"
GROUP = "  + Exception Group "  # stands before the header of a group, whose lines have a margin
MARGIN = "  | "
LED = ("During handling of the above exception", "The above exception was the direct cause")
UNCAUGHT = (1, 120)  # what Python exits with: 120 where the end of its output could not be written either
LONGEST = 500  # characters of a line that are told
CUT = re.compile(r"\[\.\.\. \d+ bytes are left out here")

EXECUTOR = re.compile(r"\[KFP Executor [^\]\n]*\]: ")  # kfp sets it before all that is logged, the user's words too
EXECUTOR_SAYS = (
    "Looking for component `",
    "--component_module_path is not specified.",
    'Loading KFP component "',
    "Got executor_input:",
    "Did not write output file.",
    "Wrote executor output file to ",
)

ESCAPES = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"  # colours and the cursor
    r"|\x1b[\]PX^_][^\x07\x1b\n]*(?:\x07|\x1b\\)?"  # titles, links
    r"|\x1b[ -/]*[0-~]"
)
CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


@noun
class Raised:
    """The traceback that ended a step, with those that led to it, as it was printed. `frames` are those of the last,
    `said` is its exception, `before` what was printed above it all."""

    before: tuple[str, ...]
    chain: tuple[str, ...]
    frames: tuple[str, ...]
    said: tuple[str, ...]

    @property
    def exception(self) -> list[str]:
        """What was raised; of a group, each of its exceptions without where it came from."""
        return list(_members(self.said)) if self.said[0].startswith(MARGIN) else list(self.said)


def reason(code: int, log: str, *, file: str, function: str, text: str, explain: Callable[[str, int, str], str]) -> str:
    """Why a step failed: what it raised and where, else how it ended and the last that it printed.

    The function of the step is in `file`, which holds `text`; `explain` says more of a line there.
    """
    lines = ESCAPES.sub("", log).replace("\r\n", "\n").split("\n")
    found = raised(lines, died=code in UNCAUGHT) if code > 0 else None
    if found is None:
        return plain("\n".join([ended(code), *_last(own_words(lines), 10)]))
    said = found.exception
    at = _place(found.frames, file, function, text)
    number = re.search(r'", line (\d+)', at) if at else None
    where = [explain(function, int(number[1]) if number else 0, said[0]), at or "".join(found.frames[-1:])]
    how = ended(code) if code not in UNCAUGHT else ""
    printed = [f"  {line}" for line in _last(own_words(found.before), 5)]
    before = ["before that it printed:", *printed] if printed else []
    told = [*map(short, said[:20]), *["..."] * (len(said) > 20), *where, how, *before]
    return plain("\n".join(filter(None, told)))


def _place(frames: Sequence[str], file: str, function: str, text: str) -> str:
    """Where in the step's own file it failed; where kfp's executor did not like what it gave, its function."""
    own = [frame for frame in frames if f'{file}"' in frame]
    line = defined(text, function)
    if not own and line and any('executor.py"' in frame for frame in frames):
        return f'File "{file}", line {line}, in {function}'
    return own[-1] if own else ""


def ended(code: int) -> str:
    """How a process ended, by its exit code."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"


def raised(lines: Sequence[str], died: bool = True) -> Raised | None:
    """The traceback that a step `died` of: it comes down to the executor. Else one that is the last of the log.

    What was logged of exceptions that were handled is neither, nor is a traceback in the text of an exception.
    """
    starts = [at for at, line in enumerate(lines) if line.endswith(HEADER) and not re.match(r" +\| ", line)]
    fatal = next((at for at in reversed(starts) if died and _uncaught(_frames(lines, at))), None)
    last = fatal if fatal is not None else next((at for at in starts[-1:] if _ends(lines, at)), None)
    return None if last is None else _whole(lines, starts, last)


def _whole(lines: Sequence[str], starts: Sequence[int], last: int) -> Raised:
    """The traceback that starts at `last`, with those that led to it."""
    first, end = last, last + 1 + len(_frames(lines, last))
    while (above := [at for at in starts if at < first - 1]) and lines[first - 2].startswith(LED):
        first = above[-1]
    head = lines[first].removesuffix(HEADER)
    margin = GROUP if head.endswith(GROUP) else ""
    before, chain = [*lines[:first], head.removesuffix(margin)], [margin + HEADER, *lines[first + 1 : end]]
    if first >= 2 and lines[first - 1] == '"""':  # of another process, whose text stands in for its exception
        before, chain = [*lines[: first - 2]], [*lines[first - 2 : end]]
    return Raised(
        before=tuple(before),
        chain=tuple(chain),
        frames=tuple(line.strip() for line in _frames(lines, last) if line.startswith('  File "')),
        said=tuple("\n".join(lines[end:]).rstrip().split("\n")),
    )


def _frames(lines: Sequence[str], at: int) -> list[str]:
    """The lines of a traceback below its header, without the margin of a group."""
    margin = MARGIN if lines[at].endswith(GROUP + HEADER) else ""
    rest = (lines[each] for each in range(at + 1, len(lines)))
    below = itertools.takewhile(lambda line: line.startswith(margin + "  "), rest)
    return [line.removeprefix(margin) for line in below]


def _uncaught(frames: Sequence[str]) -> bool:
    """Whether a traceback begins where steps do: in the nursery, which hands over to kfp's executor."""
    files = [line for line in frames if line.startswith('  File "')]
    return len(files) > 1 and files[0].startswith('  File "<string>"') and 'executor_main.py"' in files[1]


def _ends(lines: Sequence[str], at: int) -> bool:
    """Whether nothing stands below a traceback but the line, or the group, that it is of."""
    said = [line for line in lines[at + 1 + len(_frames(lines, at)) :] if line.strip()]
    if lines[at].endswith(GROUP + HEADER):
        return bool(said) and all(re.match(r" +[|+]", line) for line in said)
    return len(said) == 1 and re.match(r"[\w.]+(:|$)", said[0]) is not None


def _members(said: Iterable[str]) -> Iterator[str]:
    for line in said:
        margin = re.match(r"( +)\| ", line)
        words = line[margin.end() :] if margin else line
        if not (words.startswith("  ") or words.endswith(HEADER) or words.startswith(LED)):
            yield "  " * (len(margin[1]) // 2 - 1) + words if margin else words


def own_words(lines: Iterable[str]) -> Iterator[str]:
    """What a step printed and logged itself: not what kfp's executor tells, nor the executor input."""
    lines = list(lines)
    told = False
    for at, line in enumerate(lines):
        if told:
            told = line != "}" and (not CUT.match(line) or "}" in lines[at:])
            continue
        prefix = EXECUTOR.search(line)
        words = line[prefix.end() :] if prefix else ""
        if not prefix:
            yield line
        elif not words.startswith(EXECUTOR_SAYS):
            yield line[: prefix.start()] + words
        else:
            told = words == "Got executor_input:"
            yield from [line[: prefix.start()]] * bool(prefix.start())


def _last(lines: Iterable[str], count: int) -> list[str]:
    """The last lines that hold something, and of a progress bar its last state."""
    left = (line.rstrip("\r").rpartition("\r")[2] for line in lines)
    return [short(line) for line in left if line.strip()][-count:]


def defined(text: str, function: str) -> int:
    """The line at which a function is defined, or 0."""
    try:
        body = ast.parse(text).body
    except (SyntaxError, ValueError):
        return 0
    found = (each for each in body if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef))
    return next((each.lineno for each in found if each.name == function), 0)


def plain(said: str) -> str:
    """It without colours and controls: nothing that commands a terminal."""
    return CONTROLS.sub("", ESCAPES.sub("", said).replace("\r\n", "\n").replace("\r", " "))


def short(line: str) -> str:
    return line if len(line) <= LONGEST else f"{line[:LONGEST]}..."
