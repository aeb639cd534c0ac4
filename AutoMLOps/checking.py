"""The story of `automlops check`: all that can be known of a notebook or a codebase without writing anything."""

import os
from collections.abc import Iterator
from pathlib import Path

from . import api, disk, script
from .display import headline
from .errors import BadInput
from .model import Change, Fate, Problem
from .nouns import noun
from .standing import MANIFEST

SCRIPTS = ("provision/provision_resources.sh", "provision/deprovision_resources.sh")


@noun
class Checked:
    """What was found: `problems` have to be mended, `warnings` should be read; `changes` is what generating would do,
    or, of a codebase, what became of its files since it was generated."""

    of: str
    problems: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()
    changes: tuple[Change, ...] = ()
    told: str = ""

    def __str__(self) -> str:
        return "\n".join(_text(self))


def _text(found: Checked) -> Iterator[str]:
    counts = (_count(found.problems, "problem"), _count(found.warnings, "warning"))
    yield f"{found.of}: {', '.join(filter(None, counts)) or 'nothing to mend'}"
    yield from (f"  - {problem}" for problem in found.problems)
    if found.warnings:
        yield "Warnings:"
        yield from (f"  - {warning}" for warning in found.warnings)
    if found.told:
        yield found.told
    for change in found.changes:
        if change.fate not in (Fate.SAME, Fate.CREATED):
            yield f"  {change.fate.value:8} {change.path}" + (f"  ({change.note})" if change.note else "")


def _count(found: tuple[Problem, ...], word: str) -> str:
    return f"{len(found)} {word}{'s' * (len(found) != 1)}" if found else ""


def notebook(asked: api.Asked) -> Checked:
    """What generate() would say to the same; values for the pipeline's parameters may be left out."""
    source, found = asked.source, api.looked(asked, demanding=False)
    if found.problems:
        return Checked(of=source.name, problems=found.problems, warnings=found.warnings)
    try:
        done = api.written(found, dry_run=True)
    except BadInput as error:
        return Checked(of=source.name, problems=_all(error), warnings=found.warnings)
    return Checked(of=source.name, warnings=found.warnings, changes=done.changes, told=headline(done))


def codebase(folder: str) -> Checked:
    """Whether its configs, its values and its scripts are valid and agree, and what was edited."""
    if not Path(folder, MANIFEST).is_file():
        hint = "name a notebook, or the folder that generate() wrote"
        return Checked(of=folder, problems=(Problem(message=f"{folder} holds no generated codebase", hint=hint),))
    problems, warnings = [*_unsound(folder)], []
    changes: tuple[Change, ...] = ()
    try:
        if disk.is_interrupted(folder):
            hint = "the next generate() completes it"
            warnings.append(Problem(message="a write was cut off, and the codebase is not whole", hint=hint))
        changes = disk.edits(folder)
    except BadInput as error:
        problems += _all(error)
    return Checked(
        of=folder,
        problems=tuple(problems),
        warnings=tuple(warnings),
        changes=changes,
        told=_since(changes) if changes else "",
    )


def _unsound(folder: str) -> Iterator[Problem]:
    try:
        settings = api.settings_of(folder)
    except BadInput as error:
        yield from _all(error)
        return
    try:
        api.values_of(folder)
    except BadInput as error:
        yield from _all(error)
    for name in SCRIPTS:
        if os.path.isfile(os.path.join(folder, name)):
            yield from script.disagreements(folder, name, settings)


def _all(error: BadInput) -> tuple[Problem, ...]:
    return tuple(each for each in error.problems if isinstance(each, Problem))


def _since(changes: tuple[Change, ...]) -> str:
    """What became of the files, in numbers."""
    apart = sum(change.fate is not Fate.SAME for change in changes)
    told = f"{len(changes)} files were written by generating"
    return f"{told}; {apart} of them are not as they were:" if apart else f"{told}, and are as they were"
