"""What a person sees of a result: text in a terminal, HTML in a notebook."""

from collections import Counter
from collections.abc import Iterator

from .markup import edged, escape, frame, headed, warned
from .model import Change, Changes, Fate, Pipeline
from .nouns import noun

SHOWN = 40
COLOURS = {
    Fate.CREATED: "#2e8b57",
    Fate.SAME: "#888",
    Fate.CHANGED: "#3b7dd8",
    Fate.KEPT: "#c77700",
    Fate.REMOVED: "#c0392b",
}
MARKS = {Fate.CREATED: "+", Fate.SAME: "=", Fate.CHANGED: "~", Fate.KEPT: "!", Fate.REMOVED: "-"}


@noun
class Generated(Changes):
    """What generate() did: `changes`, `warnings`, `next_steps`, and how to look at them."""

    pipeline: Pipeline | None = None

    def __str__(self) -> str:
        return "\n".join(_text(self))

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return _html(self)


def headline(done: Changes) -> str:
    """One line: "AutoMLOps/: 19 created, 2 kept", or "nothing to do"."""
    counts = Counter(change.fate for change in done.changes)
    told = ", ".join(f"{counts[fate]} {fate.value}" for fate in Fate if counts[fate] and fate is not Fate.SAME)
    would = " (dry run: nothing was written)" if done.dry_run else ""
    return f"{done.folder}: {told or f'nothing to do, {counts[Fate.SAME]} files are as they should be'}{would}"


def _text(done: Changes) -> Iterator[str]:
    yield headline(done)
    news = [change for change in done.changes if change.fate is not Fate.SAME]
    # What was kept or removed concerns the user's own work: all of it is told, however much was created.
    own = [change for change in news if change.fate in (Fate.KEPT, Fate.REMOVED)]
    rest = [change for change in news if change not in own] if own else news
    for change in [*own, *rest[:SHOWN]]:
        yield f"  {change.fate.value:8} {change.path}" + (f"  ({change.note})" if change.note else "")
    if len(rest) > SHOWN:
        yield f"  ... and {len(rest) - SHOWN} more"
    if done.warnings:
        yield "Warnings:"
        yield from (f"  - {warning}" for warning in done.warnings)
    if done.next_steps:
        yield "Next:"
        yield from (f"  - {step}" for step in done.next_steps)


def _html(done: Generated) -> str:
    files = sorted(done.changes, key=lambda change: change.path.split("/"))
    steps = "".join(f"<li><code>{escape(step)}</code></li>" for step in done.next_steps)
    return frame(
        headed(headline(done)),
        warned(done.warnings),
        _dag_html(done.pipeline) if done.pipeline else "",
        *_folder_html(files, 0, is_open=len(files) <= 2 * SHOWN),
        f"<p>Next:</p><ul>{steps}</ul>" if steps else "",
    )


def _dag_html(pipeline: Pipeline) -> str:
    """The steps and what they wait for, as far as that is known before the pipeline function has run."""
    from . import graph, picture  # generate() itself needs neither

    drawn = graph.of_pipeline(pipeline)
    if drawn is None:
        return "<p>Its picture comes with rehearse(): what the pipeline function makes shows only when it runs.</p>"
    return picture.html(drawn)


def _folder_html(changes: list[Change], depth: int, is_open: bool) -> Iterator[str]:
    yield '<ul style="list-style:none;padding-left:1.2em;margin:0">'
    position = 0
    while position < len(changes):
        parts = changes[position].path.split("/")
        if len(parts) == depth + 1:
            yield _file_html(changes[position], parts[-1])
            position += 1
            continue
        inside = [
            change
            for change in changes[position:]
            if change.path.split("/")[depth : depth + 1] == parts[depth : depth + 1]
            and len(change.path.split("/")) > depth + 1
        ]
        name = f"{escape(parts[depth])}/ {_tally(inside)}"
        yield f'<li><details{" open" * is_open}><summary style="padding:.25em 0">{name}</summary>'
        yield from _folder_html(inside, depth + 1, is_open)
        yield "</details></li>"
        position += len(inside)
    yield "</ul>"


def _tally(changes: list[Change]) -> str:
    counts = Counter(change.fate for change in changes)
    return " ".join(_small(fate, f"{MARKS[fate]}{counts[fate]}") for fate in Fate if counts[fate])


def _small(fate: Fate, text: str) -> str:
    return edged(text, COLOURS[fate], "small")


def _file_html(change: Change, name: str) -> str:
    note = f" <small>{escape(change.note)}</small>" if change.note else ""
    return f"<li>{escape(name)} {_small(change.fate, change.fate.value)}{note}</li>"
