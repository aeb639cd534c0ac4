"""What a person sees of what was planned, made and started in the cloud: text in a terminal, HTML in a notebook."""

from collections import Counter
from collections.abc import Sequence

from .display import Generated
from .markup import edged, escape, frame, headed, table, warned
from .model import Problem
from .nouns import noun
from .preflight import Check, problems


@noun
class Row:
    """One resource or role, and what became of it: created, changed, kept or removed."""

    fate: str
    kind: str
    name: str
    why: str = ""


@noun
class Provisioned:
    """What a script did in the cloud, thing by thing; with `dry_run`, what it would do."""

    script: str
    rows: tuple[Row, ...]
    dry_run: bool = False

    def __str__(self) -> str:
        lines = (f"  {row.fate:8} {row.kind:9} {row.name}" + (f"  ({row.why})" if row.why else "") for row in self.rows)
        return "\n".join([self.headline, *lines])

    __repr__ = __str__

    @property
    def headline(self) -> str:
        """One line: "provision/provision_resources.sh: 12 created", or "nothing to do"."""
        counts = Counter(row.fate for row in self.rows)
        news = ", ".join(f"{count} {fate}" for fate, count in counts.items() if fate not in ("kept", "keep"))
        would = " (nothing was done yet)" if self.dry_run and news else ""
        return f"{self.script}: {news or f'nothing to do, {len(self.rows)} are as they should be'}{would}"

    def _repr_html_(self) -> str:
        return frame(headed(self.headline), _rows_html(self.rows, "would become" if self.dry_run else "became"))


ROW_COLOURS = {
    "create": "#2e8b57",
    "created": "#2e8b57",
    "change": "#3b7dd8",
    "changed": "#3b7dd8",
    "needed": "#c77700",
    "remove": "#c0392b",
    "removed": "#c0392b",
}


def _rows_html(rows: Sequence[Row], became: str) -> str:
    """The rows as a table, each fate with its colour."""
    cells = [
        (escape(row.name), escape(row.kind), edged(row.fate, ROW_COLOURS.get(row.fate, "#888")), escape(row.why))
        for row in rows
    ]
    return table(("name", "what", became, "why"), cells) if cells else ""


CHECK_COLOURS = {"ok": "#2e8b57", "wrong": "#c0392b", "unknown": "#c77700"}


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
        needed = (Problem(message=f"{row.kind} {row.name} is not there", hint=row.why) for row in self.rows)
        asked = (
            ()
            if self.unasked
            else tuple(each for each, row in zip(needed, self.rows, strict=True) if row.fate == "needed")
        )
        return (*problems(self.checks), *asked)

    @property
    def headline(self) -> str:
        counts = Counter(row.fate for row in self.rows)
        told = ", ".join(f"{count} to {fate}" for fate, count in counts.items() if fate != "needed")
        first = f"; {len(self.problems)} to mend first" if self.problems else ""
        return f"{self.script}: {told or 'nothing to do'}{first}"

    @property
    def _note(self) -> str:
        return self.unasked and f"planned as if nothing were there: {self.unasked}"

    def __str__(self) -> str:
        checks = (
            f"  {each.fate.value:8} {each.name}: {each.told}" + (f" -> {each.mend}" if each.mend else "")
            for each in self.checks
        )
        rows = (f"  {row.fate:8} {row.kind:10} {row.name}" + (f"  ({row.why})" if row.why else "") for row in self.rows)
        return "\n".join([self.headline, *checks, *([self._note] if self._note else []), *rows])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        checks = [
            (
                escape(each.name),
                edged(each.fate.value, CHECK_COLOURS[each.fate.value]),
                escape(each.told),
                f"<code>{escape(each.mend)}</code>" if each.mend else "",
            )
            for each in self.checks
        ]
        return frame(
            headed(self.headline),
            table(("check", "is", "what was found", "what mends it"), checks),
            warned([self._note] if self._note else []),
            _rows_html(self.rows, "would"),
        )


@noun
class Deployed:
    """A run that was started: its name at Vertex AI, the page that shows it, its spec and the images of its steps."""

    job: str
    link: str
    spec: str
    images: tuple[str, ...]
    state: str = "submitted"

    def __str__(self) -> str:
        images = (f"  image  {image}" for image in self.images)
        return "\n".join([f"{self.job}: {self.state}", f"  run    {self.link}", f"  spec   {self.spec}", *images])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        rows = [("spec", self.spec), *(("image", image) for image in self.images)]
        cells = [(escape(kind), f"<code>{escape(name)}</code>") for kind, name in rows]
        link = f'<p><a href="{escape(self.link)}">{escape(self.job)}</a></p>'
        return frame(headed(f"run {self.state}"), link, table(("what", "which"), cells))


@noun
class Pushed:
    """A commit that was pushed, and the page on which its builds appear; not `fresh` where it was there already."""

    remote: str
    branch: str
    commit: str
    link: str
    fresh: bool

    @property
    def headline(self) -> str:
        if self.fresh:
            return f"pushed {self.commit[:12]} to {self.branch} of {self.remote}: the trigger builds it"
        return f"nothing to do: {self.branch} of {self.remote} has {self.commit[:12]} already"

    def __str__(self) -> str:
        return f"{self.headline}\n  builds {self.link}"

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return frame(headed(self.headline), f'<p><a href="{escape(self.link)}">builds</a></p>')


@noun
class Launched:
    """What go() did: what was `generated`, `planned`, `provisioned` and `deployed`, as far as it went."""

    generated: Generated
    planned: Planned
    provisioned: Provisioned | None = None
    deployed: Deployed | Pushed | None = None

    def __str__(self) -> str:
        return str(self.deployed or "dry run: nothing was made in Google Cloud")

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return self.deployed._repr_html_() if self.deployed else frame(headed(str(self)))
