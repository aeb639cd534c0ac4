"""The pages of docs/ and the README as what they say can be done: their blocks of code, and how to run them.

A page is run as a notebook: its blocks of Python are cells, in order, in one kernel; those of bash are `%%bash` cells of
it. A block without a language is what the block before it gives, or the tree of the folder that it names. A comment
right above a block says what else it is:

<!-- file: train.py -->                       a file to be written, not code to be run
<!-- in: AutoMLOps/configs/defaults.yaml -->  lines of a file that is there by then
<!-- fails -->                                code that ends with an error
<!-- run by tests/test_x.py::test_y -->       that test runs it
<!-- not run: why -->                         nobody does

<!-- begins with other.md -->, anywhere on a page, has the first block of that page beside it run before its own.
"""

import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
from markdown_it import MarkdownIt
from nbclient import NotebookClient
from tools import CHECKOUT

PAGES = (CHECKOUT / "README.md", *sorted((CHECKOUT / "docs").rglob("*.md")))
LIMIT = 240  # seconds, for one block: a busy machine is no fault
COMMENT = re.compile(r"\s*<!--\s*(.*?)\s*-->\s*", re.DOTALL)
BEGINS = re.compile(r"<!-- begins with (\S+) -->")
COLOURS = re.compile("\x1b\\[[0-9;]*m")
BRANCH = re.compile("^((?:│   |    )*)[├└]── (\\S+)")
# What is another one each time, and what the pages may therefore say otherwise.
VARIES = (
    (re.compile(r"\b\d+(?:\.\d+)? s\b"), "0 s"),
    (re.compile(r"\b\d{8}-\d{6}-\d{6}\b"), "<run>"),
    (re.compile(r"\brain-\d{14}\b"), "rain-<time>"),
    (re.compile(r"\b[0-9a-f]{16}(?:[0-9a-f]{48})?\b"), "<hash>"),
    (re.compile(r"projects/(?:\d+|\.\.\.)/locations"), "projects/<number>/locations"),
    (re.compile(r"\b\d+ (?=to create|to change|created|changed)"), "N "),
    (re.compile(r"==[0-9][\w.]*"), "==<installed>"),
    (re.compile(r" +"), " "),  # columns are as wide as what stands in them
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A block of code, where it stands, and what the comment above it says: ("file", "train.py")."""

    place: str
    language: str
    text: str
    mark: tuple[str, str] = ("", "")

    @property
    def runs(self) -> bool:
        return self.language in ("python", "bash") and self.mark[0] in ("", "fails")

    @property
    def is_tree(self) -> bool:
        return not self.language and self.text.splitlines()[0].endswith("/") and "── " in self.text

    @property
    def cell(self) -> str:
        return f"%%bash\nset -euo pipefail\n{self.text}" if self.language == "bash" else self.text


def blocks(page: Path) -> tuple[Block, ...]:
    """The blocks of a page, in order."""
    name = page.relative_to(CHECKOUT) if page.is_relative_to(CHECKOUT) else page
    return tuple(_blocks(name.as_posix(), page.read_text(encoding="utf-8")))


def _blocks(name: str, text: str) -> Iterator[Block]:
    comment = ""
    for token in MarkdownIt().parse(text):
        if token.type == "fence":
            (first, _) = token.map or (0, 0)
            yield Block(
                place=f"{name}:{first + 1}", language=token.info.strip(), text=token.content, mark=_mark(comment)
            )
        found = COMMENT.fullmatch(token.content) if token.type == "html_block" else None
        comment = found[1] if found else ""


def _mark(comment: str) -> tuple[str, str]:
    for word in ("file:", "in:", "not run:", "run by"):
        if comment.startswith(word):
            return word.rstrip(":"), comment.removeprefix(word).strip()
    return comment, ""


def all_of(page: Path) -> tuple[Block, ...]:
    """The blocks of a page, after those that it begins with."""
    begins = BEGINS.search(page.read_text(encoding="utf-8"))
    first = [block for block in blocks(page.parent / begins[1]) if block.runs][:1] if begins else []
    return (*first, *blocks(page))


def notebook(page: Path) -> nbformat.NotebookNode:
    """What is to be run of a page; the files among its blocks are written by cells too."""
    cells = []
    for block in all_of(page):
        source = f"%%writefile {block.mark[1]}\n{block.text}" if block.mark[0] == "file" else block.cell
        if block.runs or block.mark[0] == "file":
            cells.append(nbformat.v4.new_code_cell(source.rstrip("\n"), metadata={"place": block.place}))
    return nbformat.v4.new_notebook(cells=cells)


def execute(page: nbformat.NotebookNode, folder: Path, environment: Mapping[str, str]) -> None:
    """Runs a page in a folder, to its end, whatever fails."""
    where = {"metadata": {"path": str(folder)}}
    waits = {"timeout": LIMIT, "startup_timeout": LIMIT}
    client = NotebookClient(page, kernel_name="python3", resources=where, allow_errors=True, **waits)
    client.execute(env=dict(environment))


def faults(page: Path, ran: nbformat.NotebookNode, folder: Path) -> Iterator[str]:
    """Where a page says something else than what came of it in that folder."""
    gave = {cell.metadata.place: (cell, _gave(cell)) for cell in ran.cells}
    last = ""
    for block in all_of(page):
        if block.runs:
            cell, last = gave[block.place]
            failed = any(output.output_type == "error" for output in cell.outputs)
            if failed != (block.mark[0] == "fails"):
                yield f"{block.place}: {'it failed' if failed else 'it did not fail'}: {last}"
        elif block.mark[0] == "in":
            text = (folder / block.mark[1]).read_text(encoding="utf-8")
            if not re.search(_pattern(block.text), _same(text)):
                yield f"{block.place}: not in {block.mark[1]}, which is\n{text}"
        elif block.is_tree:
            yield from (f"{block.place}: {fault}" for fault in _tree_faults(block.text, folder))
        elif not block.language and not block.mark[0] and not re.fullmatch(_pattern(block.text), _same(last)):
            yield f"{block.place}: what it gave is\n{last}"


def _gave(cell: Mapping[str, Any]) -> str:
    """What a cell printed and came to, or how it failed."""
    return COLOURS.sub("", "".join(_said(output) for output in cell["outputs"]))


def _said(output: Any) -> str:
    match output.output_type:
        case "stream":
            return output.text if output.name == "stdout" else ""
        case "execute_result":
            return f"{output.data['text/plain']}\n"
        case "error":
            return "\n".join([*output.traceback, ""])
    return ""


def _same(text: str) -> str:
    """Text without what is another one each time."""
    for pattern, word in VARIES:
        text = pattern.sub(word, text)
    return "\n".join(line.rstrip() for line in text.strip().splitlines()) + "\n"


def _pattern(text: str) -> str:
    """Text as a page has it: a line `...` is any lines, `...` in a line anything."""
    return "".join(_line(line) for line in _same(text).splitlines())


def _line(line: str) -> str:
    return "(?:.*\n)*" if line.strip() == "..." else re.escape(line).replace(r"\.\.\.", ".*") + "\n"


def _tree_faults(text: str, folder: Path) -> Iterator[str]:
    """What a tree shows that is not there, and what is there beside what it shows, except where names begin with a dot."""
    shown: dict[Path, set[str]] = {}
    root, *lines = text.splitlines()
    at = [folder / root]
    for line in lines:
        branch = BRANCH.match(line)
        if branch:
            depth = len(branch[1]) // 4
            here, name = at[depth], branch[2]
            shown.setdefault(here, set()).add(name.split("/")[0])
            at[depth + 1 :] = [here / name]
            if not (here / name).exists():
                yield f"{here / name} is not there"
    for here, names in shown.items():
        there = {path.name for path in here.iterdir() if not path.name.startswith((".", "__"))}
        if "..." not in names and there - names:
            yield f"{here} has {', '.join(sorted(there - names))} too"


if __name__ == "__main__":  # within a stand-in: executes the notebook that it is given, where it lies
    import os

    given = nbformat.read(sys.argv[1], as_version=4)
    execute(given, Path(), os.environ)
    nbformat.write(given, sys.argv[1])
