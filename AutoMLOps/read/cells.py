"""Turns the text of a notebook or a script into cells, and a cell into plain Python."""

import json
import os
import re
import textwrap
from typing import NamedTuple

from ..errors import BadInput
from ..model import Cell, Notebook, Problem

MAGIC = "get_ipython"
MARKED = ("define_imports", "define_component", "define_kfp_pipeline")
# Cell magics that run their cell as Python in this kernel; any other holds another language, or a file's text.
PYTHON_MAGICS = frozenset({"time", "capture", "prun", *MARKED})


# How the names of compiled pipelines end.
COMPILED = (".json", ".yaml", ".yml")


def notebook(name: str, text: str, stop: int = 0) -> Notebook:
    """The code cells of a file: a notebook by its ending, a script with `# %%` cells, or one script whole.

    A compiled pipeline is one cell, for whoever reads those.
    """
    short = os.path.basename(name)
    if name.lower().endswith(COMPILED):
        return Notebook(name=short, cells=(Cell(label=short, text=text),))
    cells = _ipynb(short, text) if name.endswith(".ipynb") else _script(short, text)
    if not any(cell.text.strip() for cell in cells):
        raise BadInput([Problem(message=f"{short} has no code", hint="write a component and a pipeline into it first")])
    return Notebook(name=short, cells=cells, stop=stop)


def _ipynb(name: str, text: str) -> tuple[Cell, ...]:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadInput(
            [Problem(message=f"{name} is not a notebook: {error}", hint="save it again from Jupyter")]
        ) from error
    if not isinstance(content, dict) or not (isinstance(content.get("cells"), list) or "worksheets" in content):
        raise BadInput(
            [Problem(message=f"{name} is not a notebook: it has no cells", hint="save it again from Jupyter")]
        )
    if content.get("nbformat", 4) != 4 or not isinstance(content.get("cells"), list):
        content = _upgraded(name, text)
    _speaks_python(name, content)
    return tuple(
        Cell(label=f"cell {number}", text=_joined(cell.get("source", "")))
        for number, cell in enumerate(content["cells"], 1)
        if isinstance(cell, dict) and cell.get("cell_type") == "code"
    )


def _upgraded(name: str, text: str) -> dict[str, object]:
    import nbformat  # 0.1 s: only the formats of long ago need it

    try:
        return nbformat.reads(text, as_version=4)  # type: ignore[no-any-return, no-untyped-call]
    except Exception as error:
        raise BadInput(
            [Problem(message=f"{name} is not a notebook: {error}", hint="save it again from Jupyter")]
        ) from error


def _speaks_python(name: str, content: dict[str, object]) -> None:
    metadata = content.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    kernel, info = (
        part if isinstance(part, dict) else {} for part in (metadata.get("kernelspec"), metadata.get("language_info"))
    )
    language = str(info.get("name") or kernel.get("language") or "python")
    if language.lower() not in ("python", "ipython"):
        raise BadInput(
            [Problem(message=f"{name} is written in {language}", hint="AutoMLOps reads notebooks in Python")]
        )


def _joined(source: object) -> str:
    return "".join(map(str, source)) if isinstance(source, list) else str(source)


MARKER = r"# ?%%(?!define_)(?P<title>.*)"
MAGIC_MARKER = r"(?:# ?)?%%(?P<magic>define_\w+)\s*$"


def _script(name: str, text: str) -> tuple[Cell, ...]:
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").split("\n")
    if "%%" not in text:
        return (Cell(label=name, text="\n".join(lines)),)
    cells: list[Cell] = []
    start, code = 0, True
    for number, line in enumerate([*lines, "# %%"]):
        marker, magic = re.match(MARKER, line), re.match(MAGIC_MARKER, line)
        if not marker and not (magic and "\n".join(lines[start:number]).strip()):
            continue
        if code:
            cells.append(Cell(label=name, text=_uncommented(lines[start:number]), first_line=start + 1))
        start = number + bool(marker)
        code = not (marker and ("[markdown]" in marker["title"] or "[raw]" in marker["title"]))
    return tuple(cell for cell in cells if cell.text.strip())


def _uncommented(lines: list[str]) -> str:
    """A cell whose magic is written as a comment, so that the script stays Python, is that magic cell."""
    first = next((number for number, line in enumerate(lines) if line.strip()), 0)
    magic = re.match(MAGIC_MARKER, lines[first]) if lines else None
    return "\n".join([*lines[:first], f"%%{magic['magic']}", *lines[first + 1 :]] if magic else lines)


class Code(NamedTuple):
    """A cell's Python: `magic` is the cell magic it stood under, `skipped` how many lines precede the text."""

    text: str
    magic: str = ""
    skipped: int = 0


def code(text: str) -> Code:
    """The plain Python of a cell; notebook commands inside become lines that do nothing, or calls that never travel."""
    text = _taken(text.replace("\r\n", "\n").replace("\r", "\n"))  # as Python itself ends lines
    body = re.sub(BLANK, "", text)
    skipped = text[: len(text) - len(body)].count("\n")
    if not body.startswith("%%"):
        return Code(text=_without_commands(text))
    first, _, rest = body.partition("\n")
    words = first[2:].split()
    magic = words[0] if words else ""
    return Code(text=_without_commands(rest) if magic in PYTHON_MAGICS else "", magic=magic, skipped=skipped + 1)


# The patterns are compiled where they are used, since most cells need few of them.
HINT = r"(?m)^\s*[%!?]|=[ \t]*[%!]|\?[ \t]*$"
BLANK = r"\A(?:[ \t\f]*\n)+"
PROMPT = r"(?m)^[ \t]*(?:>>>|\.\.\.|In \[\d+\]:) ?"
ASKED = r"(?m);[ \t]*[\w.*]+\?{1,2}[ \t]*$"


def _taken(text: str) -> str:
    """A cell as IPython takes it: pasted prompts, a common indent and a question behind a semicolon are no fault."""
    first = re.sub(BLANK, "", text)
    if first.lstrip().startswith((">>> ", "In [")):
        return re.sub(PROMPT, "", text)
    if first[:1] in (" ", "\t"):
        return textwrap.dedent(text)
    return re.sub(ASKED, "", text) if "?" in text and not _parses(text) else text


COMMAND = (
    r"(?P<indent>\s*)(?:(?P<target>[\w.\[\]\"', ]+?)\s*=\s*)?(?P<mark>[%!?])(?!=)(?P<rest>.*)$"
    r"|(?P<asked>\s*[\w.*]+\?{1,2}\s*)$"
)


def _without_commands(text: str) -> str:
    """Lines such as `!ls`, `%time f()`, `x = !ls` and `name?` replaced; everything else untouched, line for line."""
    if not re.search(HINT, text) or _parses(text):
        return text
    lines = text.split("\n")
    inside = _continued(lines)
    number = 0
    while number < len(lines):
        found = None if inside[number] else re.match(COMMAND, lines[number])
        if found:
            number = _replace(lines, number, found)
        number += 1
    return "\n".join(lines)


ASSIGNED = r"time\w*\s+(\w+)\s*=(?!=)"
STOOD = "pass  # a notebook command stood here"


def _replace(lines: list[str], number: int, found: re.Match[str]) -> int:
    """Puts Python in the place of one command; a command that goes on behind a backslash takes its lines with it."""
    timed = re.match(ASSIGNED, found["rest"] or "")
    target, indent = found["target"] or (timed[1] if timed else ""), found["indent"] or ""
    while lines[number].endswith("\\") and number + 1 < len(lines):
        lines[number] = indent + STOOD
        number += 1
    lines[number] = f"{indent}{target} = {MAGIC}()" if target else indent + STOOD
    return number


def _parses(text: str) -> bool:
    try:
        compile(text, "cell", "exec", 0x400)  # ast.PyCF_ONLY_AST, without importing ast for it
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


TOKEN = r"#.*|\"\"\"|'''|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'|[(\[{]|[)\]}]"


def _continued(lines: list[str]) -> list[bool]:
    """For each line, whether it begins inside brackets or a triple-quoted string: there `%` is Python's own."""
    inside, depth, quote = [], 0, ""
    for number, line in enumerate(lines):
        inside.append(depth > 0 or bool(quote) or (number > 0 and lines[number - 1].endswith("\\")))
        if not inside[-1] and re.match(COMMAND, line):
            continue
        position = 0
        while position < len(line):
            if quote:
                end = line.find(quote, position)
                if end < 0:
                    break
                position, quote = end + 3, ""
                continue
            token = re.compile(TOKEN).search(line, position)
            if not token:
                break
            position = token.end()
            if token[0] in ('"""', "'''"):
                quote = token[0]
            elif token[0] in "([{":
                depth += 1
            elif token[0] in ")]}":
                depth = max(0, depth - 1)
    return inside
