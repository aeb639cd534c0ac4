"""What a person sees of schedules: text in a terminal, HTML in a notebook."""

from collections.abc import Iterator
from datetime import UTC, datetime

from . import cron
from .markup import escape, frame, headed, table, warned
from .model import Problem
from .nouns import named, noun

HEADS = ("pipeline", "schedule", "when", "by the clocks of", "state", "next", "last")


@noun
class Schedule:
    """A schedule that AutoMLOps made: of which pipeline, when it is due, and how it is.

    `state` is as Google has it: ENABLED, PAUSED and others. Times are seconds since 1970; `next` is none while nothing
    is due, `last` none before the first time. `fault` is what the last time failed of.
    """

    name: str
    pipeline: str
    location: str
    cron: str
    time_zone: str
    state: str
    next: float | None
    last: float | None
    fault: str
    link: str

    @property
    def paused(self) -> bool:
        return self.state == "PAUSED"

    @property
    def words(self) -> str:
        """When it is due, as one would say it; the line itself where somebody wrote one of another kind."""
        return cron.in_words(self.cron) if cron.fault(self.cron) is None else self.cron

    def __str__(self) -> str:
        return "\n".join(_aligned([_cells(self)]))

    __repr__ = __str__


@noun
class Schedules:
    """The schedules of a project in one region that AutoMLOps made; `own` is the name of the codebase's own."""

    project: str
    location: str
    own: str
    schedules: tuple[Schedule, ...]

    def __iter__(self) -> Iterator[Schedule]:
        return iter(self.schedules)

    def __len__(self) -> int:
        return len(self.schedules)

    @property
    def headline(self) -> str:
        """One line: how many there are, and where."""
        count = len(self) or "no"
        return f"{self.project}, {self.location}: {count} schedule{'' if len(self) == 1 else 's'} made by AutoMLOps"

    def __str__(self) -> str:
        rows = [HEADS, *map(_cells, self)] if len(self) else []
        return "\n".join([self.headline, *(f"  {line}" for line in _aligned(rows))])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return frame(headed(self.headline), table(HEADS, map(_html, self)) if len(self) else "")


@noun
class Scheduled:
    """What became of a schedule: paused, resumed, changed or deleted; or kept, where it was so already."""

    fate: str
    schedule: Schedule
    warnings: tuple[Problem, ...] = ()

    @property
    def headline(self) -> str:
        """One line: what became of it."""
        told = "nothing to do: it is so already" if self.fate == "kept" else self.fate
        return f"{self.schedule.name}: {told}"

    def __str__(self) -> str:
        told = () if self.fate == "deleted" else _aligned([HEADS, _cells(self.schedule)])
        return "\n".join(
            [self.headline, *(f"  {each}" for each in told), *(f"  note: {each}" for each in self.warnings)]
        )

    __repr__ = __str__

    def _repr_html_(self) -> str:
        told = "" if self.fate == "deleted" else table(HEADS, [_html(self.schedule)])
        return frame(headed(self.headline), told, warned(self.warnings))


def moment(text: object) -> float | None:
    """Seconds since 1970, of a time as Google writes it."""
    try:
        return datetime.fromisoformat(str(text)).timestamp()
    except ValueError:
        return None


def document(schedule: Schedule) -> dict[str, object]:
    """A schedule for a program."""
    return {**named(schedule), "fault": schedule.fault or None}


def _cells(schedule: Schedule) -> tuple[str, ...]:
    due, last = (_clock(moment, schedule.time_zone) for moment in (schedule.next, schedule.last))
    last = f"{last}, which failed: {schedule.fault}" if schedule.fault else last
    when = f"{schedule.cron} ({schedule.words})" if schedule.words != schedule.cron else schedule.cron
    return schedule.pipeline, schedule.name, when, schedule.time_zone, schedule.state.lower(), due, last


def _html(schedule: Schedule) -> list[str]:
    cells = list(map(escape, _cells(schedule)))
    cells[1] = f'<a href="{escape(schedule.link)}">{cells[1]}</a>'
    return cells


def _clock(moment: float | None, zone: str) -> str:
    """A moment by the clocks of a time zone, or by those of UTC, where this machine does not know the zone."""
    if moment is None:
        return "-"
    from zoneinfo import ZoneInfo

    try:
        return f"{datetime.fromtimestamp(moment, ZoneInfo(zone)):%a %d %b %Y %H:%M}"
    except (OSError, LookupError, ValueError):
        return f"{datetime.fromtimestamp(moment, UTC):%a %d %b %Y %H:%M} UTC"


def _aligned(rows: list[tuple[str, ...]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows]
