"""What a person sees of how things stand in the cloud, and of dead letters: text in a terminal, HTML in a notebook."""

from collections import Counter
from collections.abc import Iterator

from .inquiry import Thing
from .markup import edged, escape, frame, headed, table
from .nouns import noun
from .outcomes import Row, aligned, coded, link, linked, mending
from .picture import seconds

GOOD, BUSY, BAD, DOUBTFUL = "#2e8b57", "#3b7dd8", "#c0392b", "#c77700"
COLOURS = {
    **dict.fromkeys(("ready", "delivers", "succeeded", "success", "on", "enabled", "active"), GOOD),
    **dict.fromkeys(("running", "pending", "queued", "working", "starting"), BUSY),
    **dict.fromkeys(("not ready", "missing", "failed", "failure", "timeout", "internal error", "expired"), BAD),
    **dict.fromkeys(("unknown", "not deployed", "stopped", "off", "waits", "paused", "cancelled"), DOUBTFUL),
}
BECAME = {"redriven": "redriven", "redrive": "to redrive", "gone": "taken out, for its run had been started"}


@noun
class Status:
    """How things stood with a pipeline when Google was `asked`: a row for each; times are in UTC."""

    pipeline: str
    project: str
    asked: str
    rows: tuple[Thing, ...]

    @property
    def headline(self) -> str:
        """One line: the pipeline, where, and when that was asked."""
        return f"{self.pipeline} in {self.project}, {moment(self.asked)} UTC"

    def __str__(self) -> str:
        return "\n".join([self.headline, *_lines(self.rows)])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        heads = ("what", "name", "is", "since", "took", "told")
        return frame(headed(self.headline), table(heads, map(_cells, self.rows)))


def moment(text: str) -> str:
    """A moment of Google's, to the minute."""
    return text[:16].replace("T", " ")


def _took(thing: Thing) -> str:
    return "" if thing.took is None else seconds(thing.took)


def _lines(rows: tuple[Thing, ...]) -> Iterator[str]:
    """A line for each, with its page at the end; what mends it below, where it can be copied."""
    columns = aligned([(each.kind, each.name, each.state, moment(each.when), _took(each)) for each in rows])
    for row, line in zip(rows, columns, strict=True):
        yield "  ".join(filter(None, (f"  {line}", row.told, row.link))).rstrip()
        if row.mend:
            yield f"    -> {row.mend}"


def _cells(thing: Thing) -> tuple[str, ...]:
    state = edged(thing.state, COLOURS.get(thing.state, "#888"))
    told = "<br>".join(filter(None, (linked(thing.told), mending(thing.mend))))
    name = link(thing.link, thing.name) if thing.link else coded(thing.name)
    return escape(thing.kind), name, state, escape(moment(thing.when)), escape(_took(thing)), told


@noun
class Redriven:
    """What became of dead letters, one by one; with `dry_run`, what would become of them."""

    script: str
    rows: tuple[Row, ...]
    dry_run: bool = False

    @property
    def headline(self) -> str:
        """One line: "AutoMLOps/scripts/redrive.py: 2 redriven", or "nothing to do"."""
        counts = Counter(row.fate for row in self.rows)
        told = [f"{counts[fate]} {word}" for fate, word in BECAME.items() if counts[fate]]
        kept = [f"{row.name} {row.why} kept" for row in self.rows if row.fate == "kept"]
        would = " (nothing was done yet)" if self.dry_run and told else ""
        return f"{self.script}: {', '.join([*(told or ['nothing to do']), *kept])}{would}"

    def __str__(self) -> str:
        names = aligned([(row.fate, row.name) for row in self._letters])
        lines = (f"  {name}  ({row.why})" for name, row in zip(names, self._letters, strict=True))
        return "\n".join([self.headline, *lines])

    __repr__ = __str__

    @property
    def _letters(self) -> list[Row]:
        return [row for row in self.rows if row.fate != "kept"]

    def _repr_html_(self) -> str:
        heads = ("run", "would be" if self.dry_run else "was", "why there was none")
        cells = [(coded(row.name), edged(BECAME[row.fate], GOOD), escape(row.why)) for row in self._letters]
        return frame(headed(self.headline), table(heads, cells) if cells else "")
