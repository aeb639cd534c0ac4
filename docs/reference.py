"""The reference, out of the code: calls and what they give, settings, earlier names, the command line, errors."""

import argparse
import inspect
import os
import re
import sys
import typing
from collections.abc import Callable, Iterator
from unittest.mock import patch

import docstring_parser

from AutoMLOps import AutoMLOps, errors, options, settings
from AutoMLOps.synonyms import SYNONYMS

WIDTH = 88  # of a line of help, as the page has room for it
FIRST = (  # in the order in which a person meets them; the others follow
    *("component", "pipeline", "makeComponent", "makePipeline"),
    *("generate", "rehearse", "runs", "go", "plan", "provision", "deploy", "status", "redrive", "deprovision"),
    *(f"schedules.{verb}" for verb in ("list", "pause", "resume", "update", "delete")),
)
SECTIONS = {
    "gcp": "What it has in Google Cloud",
    "pipelines": "The pipeline and its runs",
    "images": "Images",
    "ci": "Runs by a push",
    "files": "The files",
}


def calls() -> str:
    """Every public function, its signature and its docstring; and every constant."""
    public = {name: getattr(AutoMLOps, name) for name in AutoMLOps.__all__ if name != "schedules"}
    public |= {f"schedules.{name}": getattr(AutoMLOps.schedules, name) for name in AutoMLOps.schedules.__all__}
    public = {name: each for name, each in public.items() if inspect.isfunction(each)}
    constants = {name: getattr(AutoMLOps, name) for name in AutoMLOps.__all__ if type(getattr(AutoMLOps, name)) is str}
    told = [*(name for name in FIRST if name in public), *(name for name in public if name not in FIRST)]
    lines = [line for name in told for line in _call(name, public[name])]
    for name, value in constants.items():
        lines += ["", f"## {name}", "", f"`{value!r}`"]
    return "\n".join(lines)


def _call(name: str, function: Callable[..., object]) -> Iterator[str]:
    told = docstring_parser.parse(inspect.getdoc(function) or "", docstring_parser.DocstringStyle.GOOGLE)
    yield from ["", f"## {name}", "", "```python", _signature(name, function), "```", ""]
    yield from [told.short_description or "", "", told.long_description or "", ""]
    if told.params:
        yield from ["**Takes**", ""]
        yield from (line for param in told.params for line in _param(param.arg_name, param.description or ""))
    if told.returns:
        yield from ["", "**Gives**", "", told.returns.description or ""]
    if told.raises:
        yield from ["", "**Raises**", ""]
        yield from (f"- `{each.type_name}`: {_joined(each.description)}" for each in told.raises)
    for example in told.examples:
        yield from ["", "**Example**", "", "```python", (example.description or "").strip("\n"), "```"]


def _signature(name: str, function: Callable[..., object]) -> str:
    """As it is written, without the modules that its types come from."""
    signature = inspect.signature(function)
    words = [_plain(str(each)) for each in signature.parameters.values()]
    words = [re.sub(r"Optional\[(\w+)\]", r"\1 | None", each) for each in words]
    stars = [at for at, each in enumerate(signature.parameters.values()) if each.kind is each.KEYWORD_ONLY]
    if stars:
        words.insert(stars[0], "*")
    given = "".join(f"    {word},\n" for word in words)
    return f"AutoMLOps.{name}(\n{given})" if words else f"AutoMLOps.{name}()"


def _plain(written: str) -> str:
    """Types without the modules that they come from."""
    return re.sub(r"\b(?:[A-Za-z_]+\.)+(?=[A-Z])|\bos\.|~", "", written)


def _param(name: str, description: str) -> Iterator[str]:
    """A parameter; where its description goes on with lines of `name, name: what`, each is a row of its own."""
    yield f"- `{name}`: "
    rows = False
    for line in filter(None, map(str.strip, description.splitlines())):
        row = re.fullmatch(r"([a-z_]+(?:, [a-z_]+)*): (.*)", line)
        rows = rows or bool(row)
        if row:
            yield f"  - {', '.join(f'`{each}`' for each in row[1].split(', '))}: {row[2]}"
        else:
            yield f"\n  {line}" if rows else f"  {line}"


def _joined(text: str | None) -> str:
    return " ".join((text or "").split())


def results() -> str:
    """What the verbs give: each class with its words, fields and what it can be asked for; then what those hold."""
    makers: dict[type, list[str]] = {}
    for name in (name for name in FIRST if name in AutoMLOps.VERBS):
        given = typing.get_type_hints(getattr(AutoMLOps, name))["return"]
        for each in typing.get_args(given) or (given,):
            makers.setdefault(each, []).append(f"`{name}()`")
    held = {part: [f"`.{name}`"] for each in makers for name, part in _parts(each)}
    among = {part: names for part, names in held.items() if not any(issubclass(each, part) for each in makers)}
    return "\n".join(line for each, names in {**makers, **among}.items() for line in _result(each, names))


def _parts(given: type) -> Iterator[tuple[str, type]]:
    """The classes that the fields of a result hold several of."""
    for name, kind in _fields(given):
        if typing.get_origin(kind) is tuple and isinstance(typing.get_args(kind)[0], type):
            part = typing.get_args(kind)[0]
            yield from [(name, part)] if part.__module__.startswith("AutoMLOps.") else []


def _fields(given: type) -> Iterator[tuple[str, object]]:
    for base in reversed(given.__mro__):
        yield from getattr(base, "__annotations__", {}).items()


def _result(given: type, makers: list[str]) -> Iterator[str]:
    yield from ["", f"## {given.__name__}", "", f"Of {' and '.join(makers)}. {inspect.getdoc(given)}", ""]
    yield from ["| | |", "|---|---|"]
    yield from (f"| `.{name}` | {_type(kind)} |" for name, kind in _fields(given))
    for name, value in inspect.getmembers(given):
        if not name.startswith("_") and isinstance(value, property):
            told = _joined(inspect.getdoc(value)) or _type(typing.get_type_hints(value.fget)["return"])
            yield f"| `.{name}` | {told} |"
        elif name in vars(given) and not name.startswith("_") and inspect.isfunction(value):
            yield f"| `.{name}()` | {_joined(inspect.getdoc(value))} |"


def _type(kind: object) -> str:
    return f"`{_plain(inspect.formatannotation(kind))}`".replace(" | ", "` or `")


def settings_table() -> str:
    """Every setting with its default and the comment that it has in configs/defaults.yaml."""
    lines = []
    for section, rows in settings.table(settings.Settings()):
        lines += ["", f"## {SECTIONS[section]}", "", f"In `configs/defaults.yaml` below `{section}:`.", ""]
        lines += ["| setting | default | what it is |", "|---|---|---|"]
        lines += [f"| `{name}` | {_default(value)} | {_cell(told)} |" for name, value, told in rows]
    folder = settings.Settings().output_dir
    told = f"`output_dir`, `{folder}` if left out, is the folder to write: an argument alone, as the file lies in it."
    return "\n".join([*lines, "", told, ""])


def _default(value: object) -> str:
    running = f"python:{sys.version_info.major}.{sys.version_info.minor}-"
    return "none" if value in (None, {}, []) else f"`{value}`".replace(running, "python:<the running Python>-")


def _cell(text: str) -> str:
    """Prose in a cell of a table, its placeholders and patterns left as they are."""
    return re.sub(r"([|<>*_])", r"\\\1", text)


def earlier_names() -> str:
    """Every name that a setting had earlier, with what it is here."""
    renamed = [each for each in SYNONYMS.values() if each.setting]
    others = [each for each in SYNONYMS.values() if not each.setting]
    lines = ["", "## Other names of a setting", "", "| name then | here |", "|---|---|"]
    lines += [f"| `{each.name}` | `{each.setting}`{', its opposite' * each.opposite} |" for each in sorted(renamed)]
    lines += ["", "## Names without a setting", ""]
    lines += ["`None` is taken everywhere: it is how a thing was left open.", ""]
    lines += ["| name then | taken with | because |", "|---|---|---|"]
    lines += [f"| `{each.name}` | {_taken(each)} | {_cell(each.why)} |" for each in sorted(others)]
    return "\n".join([*lines, ""])


def _taken(synonym: object) -> str:
    if synonym.whatever:
        return "any text or number"
    return ", ".join(f"`{value!r}`" for value in synonym.takes) or "nothing else"


def command_line() -> str:
    """The help of the command and of each verb, as a terminal shows it."""
    with patch.dict(os.environ, COLUMNS=str(WIDTH)):
        parser = options.parser("")
        (verbs,) = (each for each in parser._actions if isinstance(each, argparse._SubParsersAction))
        helps = {"automlops": parser, **{f"automlops {verb}": each for verb, each in verbs.choices.items()}}
        lines = [["", f"## {name}", "", "```text", each.format_help().rstrip(), "```"] for name, each in helps.items()]
    return "\n".join(line for each in lines for line in [*each, ""])


def error_tree() -> str:
    """The errors as a tree, and what each says of itself."""
    _, tree = (inspect.getdoc(errors) or "").split("\n\n", 1)
    lines = ["", "```text", tree, "```", ""]
    for error in (errors.AutoMLOpsError, *errors.AutoMLOpsError.__subclasses__()):
        lines += [f"## {error.__name__}", "", inspect.getdoc(error) or "", ""]
    return "\n".join(lines)


PAGES = {
    "calls": calls,
    "results": results,
    "settings": settings_table,
    "earlier-names": earlier_names,
    "command-line": command_line,
    "errors": error_tree,
}
