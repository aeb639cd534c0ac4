"""What a person sees of what was planned, made and started in the cloud: text in a terminal, HTML in a notebook."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from .display import Generated
from .markup import edged, escape, frame, headed, table
from .model import Problem
from .nouns import noun
from .preflight import Check, problems
from .preflight import Fate as Found

ROLE = re.compile(r"(\S+) on (.+) for (\S+)")
ADDRESS = re.compile(r"(https://[^\s<>\"']*[^\s<>\"'.,:;)])")
PLANS = ("create", "change", "remove")
DEEDS = ("created", "changed", "removed")
NEEDED = "needed"
WIDE = 64
AT_REST = ("keep", "kept", "gone")


@noun
class Row:
    """One resource or role, and what became of it: created, changed, kept or removed."""

    fate: str
    kind: str
    name: str
    why: str = ""

    @property
    def role(self) -> tuple[str, ...]:
        """A role in its parts: which, on what, for whom; empty for all that is none."""
        said = ROLE.fullmatch(self.name) if self.kind == "role" else None
        return said.groups() if said else ()


@noun
class Provisioned:
    """What a script did in the cloud, thing by thing; with `dry_run`, what it would do."""

    script: str
    rows: tuple[Row, ...]
    dry_run: bool = False

    def __str__(self) -> str:
        return "\n".join([self.headline, *_lines(self.rows)])

    __repr__ = __str__

    @property
    def headline(self) -> str:
        """One line: "provision/provision_resources.sh: 12 created, 3 changed", or "nothing to do"."""
        would = " (nothing was done yet)" if self.dry_run and _news(self.rows) else ""
        return f"{self.script}: {_tally(self.rows)}{would}"

    def _repr_html_(self) -> str:
        return frame(headed(self.headline), *_tables(self.rows, "would become" if self.dry_run else "became"))


@noun
class Planned:
    """What provisioning would do, and what stands in its way: `checks` and `rows`. `unasked` says why the rows are
    those of a project in which there is nothing yet, where nobody could be asked."""

    script: str
    checks: tuple[Check, ...]
    rows: tuple[Row, ...]
    unasked: str = ""

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What has to be mended first: what is wrong, and what a person has to do."""
        needed = () if self.unasked else [row for row in self.rows if row.fate == NEEDED]
        asked = (Problem(message=f"{row.kind} {row.name} is not there, or not yours", hint=row.why) for row in needed)
        wrong = problems(self.checks)
        blind = [Problem(message=f"nobody could be asked what is there: {self.unasked}")] if self.unasked else []
        return (*wrong, *([] if wrong else blind), *asked)

    @property
    def told(self) -> str:
        """Its numbers: "12 to create, 3 to change; 2 to mend first"."""
        first = f"; {len(self.problems)} to mend first" if self.problems else ""
        return f"{_tally(self.rows)}{first}"

    @property
    def headline(self) -> str:
        """One line: the script, and the numbers."""
        return f"{self.script}: {self.told}"

    @property
    def _note(self) -> str:
        return self.unasked and f"planned as if nothing were there: {self.unasked}"

    def __str__(self) -> str:
        note = [f"  {line}" for line in self._note.splitlines()]
        return "\n".join([self.headline, *_checked(self.checks), *note, *_lines(self.rows)])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        note = f'<p style="white-space:pre-wrap">{edged("note", "#c77700")} {escape(self._note)}</p>'
        return frame(
            headed(self.headline), _checks_html(self.checks), note if self._note else "", *_tables(self.rows, "would")
        )


@noun
class Deployed:
    """A run that was started: its name at Vertex AI, the page that shows it, its spec and the images of its steps."""

    job: str
    link: str
    spec: str
    images: tuple[str, ...]
    state: str = "submitted"

    @property
    def headline(self) -> str:
        """One line: the run, and how it is."""
        return f"{self.job}: {self.state}"

    def __str__(self) -> str:
        images = (f"  image  {image}" for image in self.images)
        return "\n".join([self.headline, f"  run    {self.link}", f"  spec   {self.spec}", *images])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        rows = [("spec", self.spec), *(("image", image) for image in self.images)]
        cells = [("run", link(self.link, self.job)), *((kind, coded(name)) for kind, name in rows)]
        return frame(headed(f"run {self.state}"), table(("what", "which"), cells))


@noun
class Pushed:
    """A commit that was pushed, and the page on which its builds appear; not `fresh` where it was there already.
    `triggered` says whether this codebase's record knows of a trigger."""

    remote: str
    branch: str
    commit: str
    link: str
    fresh: bool
    triggered: bool = True

    @property
    def headline(self) -> str:
        """One line: the commit, and where it is now."""
        if self.fresh:
            then = (
                "the trigger builds it" if self.triggered else "provision() makes the trigger that builds such a push"
            )
            return f"pushed {self.commit[:12]} to {self.branch} of {self.remote}: {then}"
        return f"nothing to do: {self.branch} of {self.remote} has {self.commit[:12]} already"

    def __str__(self) -> str:
        return f"{self.headline}\n  builds {self.link}"

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return frame(headed(self.headline), f"<p>{link(self.link, 'its builds')}</p>")


@noun
class Launched:
    """What go() did: what was `generated`, `planned`, `provisioned` and `deployed`, as far as it went."""

    generated: Generated
    planned: Planned
    provisioned: Provisioned | None = None
    deployed: Deployed | Pushed | None = None

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What has to be mended before it can go further than the plan."""
        return self.planned.problems

    @property
    def _dry(self) -> str:
        return f"dry run, nothing was made in Google Cloud: {self.planned.told}"

    def __str__(self) -> str:
        done = [self.provisioned.headline] if self.provisioned else []
        return "\n".join([*done, str(self.deployed or self._dry)])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        done = self.provisioned
        made = folded(done.headline, *_tables(done.rows, "became")) if done else ""
        return frame(made, self.deployed._repr_html_() if self.deployed else headed(self._dry))


# ------------------------------------------------------------------------------- numbers


def _news(rows: Iterable[Row]) -> list[Row]:
    """The rows that are not as they were: what waits for a person first, then what is made, changed, taken away."""
    order = [NEEDED, *chain(*zip(PLANS, DEEDS, strict=True))]
    places = {fate: place for place, fate in enumerate(order)}
    return sorted((row for row in rows if row.fate not in AT_REST), key=lambda row: places.get(row.fate, len(order)))


def _rest(rows: Iterable[Row]) -> list[Row]:
    return [row for row in rows if row.fate in AT_REST]


def _tally(rows: Sequence[Row]) -> str:
    """How many of each: "12 to create, 3 to change", "12 created", or that there is nothing to do."""
    counts = Counter(row.fate for row in rows)
    plans = [f"{counts[fate]} to {fate}" for fate in PLANS if counts[fate]]
    deeds = [f"{counts[fate]} {fate}" for fate in DEEDS if counts[fate]]
    return ", ".join([*plans, *deeds]) or f"nothing to do{_kept(rows)}"


def _kept(rows: Iterable[Row]) -> str:
    match len(_rest(rows)):
        case 0:
            return ""
        case 1:
            return ", 1 is as it should be"
        case count:
            return f", {count} are as they should be"


# ------------------------------------------------------------------------------- text


def _lines(rows: Sequence[Row]) -> Iterator[str]:
    """A line for each, what waits for a person first and what was kept last; a role's parts in columns of their own."""
    ordered = [*_news(rows), *_rest(rows)]
    roles = iter(aligned([(row.role[0], f"on {row.role[1]}", f"for {row.role[2]}") for row in ordered if row.role]))
    names = iter(aligned([(row.name,) for row in ordered if not row.role]))
    for row in ordered:
        line = f"  {row.fate:8} {row.kind:10} {next(roles if row.role else names)}"
        yield (f"{line}  ({row.why})" if row.why else line).rstrip()


def aligned(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """The cells of each row in columns; one that is very long moves no other."""
    widths = [max((len(text) for text in column if len(text) <= WIDE), default=0) for column in zip(*rows, strict=True)]
    return ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)) for row in rows]


def _checked(checks: Iterable[Check]) -> Iterator[str]:
    """A line for each check, what is wrong first, with what mends it below, where it can be copied."""
    ordered = _worst_first(checks)
    width = max((len(each.name) for each in ordered), default=0)
    for each in ordered:
        yield f"  {each.fate.value:8} {each.name:{width}}  {each.told}"
        if each.mend:
            yield f"  {'':8} {'':{width}}  -> {each.mend}"


def _worst_first(checks: Iterable[Check]) -> list[Check]:
    return sorted(checks, key=lambda each: (Found.WRONG, Found.UNKNOWN, Found.OK).index(each.fate))


# ------------------------------------------------------------------------------- HTML

COLOURS = {
    "create": "#2e8b57",
    "created": "#2e8b57",
    "change": "#3b7dd8",
    "changed": "#3b7dd8",
    "needed": "#c77700",
    "remove": "#c0392b",
    "removed": "#c0392b",
    "ok": "#2e8b57",
    "wrong": "#c0392b",
    "unknown": "#c77700",
}
CHECKED = ("check", "is", "what was found", "what mends it")


def _tables(rows: Sequence[Row], became: str) -> Iterator[str]:
    """What is news as tables, and what was kept folded away."""
    news, rest = _news(rows), _rest(rows)
    yield from _columns(news, became)
    if rest:
        yield folded(_kept(rows).removeprefix(", "), *_columns(rest, became))


def _columns(rows: Sequence[Row], became: str) -> Iterator[str]:
    """Resources as one table and roles as another: a role is a role on something for somebody."""
    things = [(_text(row.name), escape(row.kind), _fate(row.fate), linked(row.why)) for row in rows if not row.role]
    roles = [(*map(_text, row.role), _fate(row.fate), linked(row.why)) for row in rows if row.role]
    if things:
        yield table(("name", "what", became, "why"), things)
    if roles:
        yield table(("role", "on", "for whom", became, "why"), roles)


def _checks_html(checks: Sequence[Check]) -> str:
    """The checks as a table; folded where all is well."""
    cells = [
        (escape(each.name), _fate(each.fate.value), linked(each.told), mending(each.mend))
        for each in _worst_first(checks)
    ]
    if not cells:
        return ""
    if all(each.fate is Found.OK for each in checks):
        return folded(
            f"{len(cells)} check{'s' * (len(cells) > 1)}, all well", table(CHECKED[:3], [cell[:3] for cell in cells])
        )
    return table(CHECKED, cells)


def folded(summary: str, *parts: str) -> str:
    """What is there to be opened by who asks for it."""
    return f'<details><summary style="padding:.25em 0">{escape(summary)}</summary>{"".join(parts)}</details>'


def linked(text: str) -> str:
    """Text as HTML, with the addresses of pages in it to be followed."""
    parts = ADDRESS.split(text)
    return "".join(link(part, part) if ADDRESS.fullmatch(part) else escape(part) for part in parts)


def link(address: str, text: str) -> str:
    """What leads to a page; only to one that is served over HTTPS, since scripts say where."""
    if not ADDRESS.fullmatch(address):
        return f"{escape(text)} {coded(address)}"
    return f'<a href="{escape(address)}">{_text(text)}</a>'


def mending(text: str) -> str:
    return linked(text) if ADDRESS.search(text) or not text else coded(text)


def _fate(fate: str) -> str:
    return edged(fate, COLOURS.get(fate, "#888"))


def coded(text: str) -> str:
    return f'<code style="overflow-wrap:anywhere">{escape(text)}</code>'


def _text(text: str) -> str:
    """A name that breaks where its parts meet; within a part only where that is longer than a column should be."""
    parts = re.split("(?<=[/@:])", text)
    told = "<wbr>".join(map(escape, parts))
    return f'<span style="overflow-wrap:anywhere">{told}</span>' if max(map(len, parts)) > WIDE // 2 else told
