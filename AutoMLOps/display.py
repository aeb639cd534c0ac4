"""What a person sees of a result: text in a terminal, HTML in a notebook."""

from collections import Counter
from collections.abc import Iterator

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
        return "".join(_html(self))


def escape(text: str) -> str:
    """Text as HTML shows it. The library's own costs more to import than all else here."""
    from html import escape as escaped

    return escaped(text)


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


def _html(done: Generated) -> Iterator[str]:
    """Static and self-contained: notebooks run no script of a stranger, and load nothing from outside."""
    yield '<div style="font-family:system-ui,sans-serif;line-height:1.5">'
    yield f"<p><strong>{escape(headline(done))}</strong></p>"
    if done.warnings:
        yield '<ul aria-label="warnings">'
        yield from (
            f'<li><span style="{_edge(Fate.KEPT)}">warning</span> {escape(str(warning))}</li>'
            for warning in done.warnings
        )
        yield "</ul>"
    if done.pipeline:
        yield _dag_html(done.pipeline)
    yield from _folder_html(
        sorted(done.changes, key=lambda change: change.path.split("/")), 0, is_open=len(done.changes) <= 2 * SHOWN
    )
    if done.next_steps:
        yield "<p>Next:</p><ul>"
        yield from (f"<li><code>{escape(step)}</code></li>" for step in done.next_steps)
        yield "</ul>"
    yield "</div>"


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
    return " ".join(
        f'<small style="{_edge(fate)}">{MARKS[fate]}{counts[fate]}</small>' for fate in Fate if counts[fate]
    )


def _edge(fate: Fate) -> str:
    """The colour of a fate, beside its word: no one colour can be read both on white and on black."""
    return f"border-left:.4em solid {COLOURS[fate]};padding-left:.35em"


def _file_html(change: Change, name: str) -> str:
    note = f" <small>{escape(change.note)}</small>" if change.note else ""
    return f'<li>{escape(name)} <small style="{_edge(change.fate)}">{change.fate.value}</small>{note}</li>'


# Resources


@noun
class Row:
    """One resource or role, and what became of it: created, changed, kept or removed."""

    fate: str
    kind: str
    name: str
    why: str = ""


@noun
class Provisioned:
    """What a script did in the cloud, thing by thing."""

    script: str
    rows: tuple[Row, ...]

    def __str__(self) -> str:
        lines = (f"  {row.fate:8} {row.kind:9} {row.name}" + (f"  ({row.why})" if row.why else "") for row in self.rows)
        return "\n".join([self.headline, *lines])

    __repr__ = __str__

    @property
    def headline(self) -> str:
        """One line: "provision/provision_resources.sh: 12 created", or "nothing to do"."""
        counts = Counter(row.fate for row in self.rows)
        news = ", ".join(f"{count} {fate}" for fate, count in counts.items() if fate != "kept")
        return f"{self.script}: {news or f'nothing to do, {len(self.rows)} are as they should be'}"

    def _repr_html_(self) -> str:
        heads = "".join(f'<th scope="col" style="text-align:left">{head}</th>' for head in ("", "what", "name", "why"))
        rows = "".join(
            "<tr>" + "".join(f'<td style="text-align:left">{escape(cell)}</td>' for cell in cells) + "</tr>"
            for cells in ((row.fate, row.kind, row.name, row.why) for row in self.rows)
        )
        table = f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>" if rows else ""
        return f"<div><p><strong>{escape(self.headline)}</strong></p>{table}</div>"
