"""When something is due by the clock: a cron line held against what Cloud Scheduler takes, in words, and as times."""

import re
from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

UTC = ("Etc/UTC", "UTC")


class Field(NamedTuple):
    """One of the five fields of a line: what it says, its bounds, and names that stand for numbers."""

    what: str
    first: int
    last: int
    names: tuple[str, ...] = ()


FIELDS = (
    Field("the minute", 0, 59),
    Field("the hour", 0, 23),
    Field("the day of the month", 1, 31),
    Field("the month", 1, 12, tuple("JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC".split())),
    Field("the day of the week", 0, 7, tuple("SUN MON TUE WED THU FRI SAT".split())),
)
_NICKNAMES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_ORDER = "minute, hour, day of the month, month, day of the week, like 0 6 * * 1"
_LONGEST = 500


def plain(line: str) -> str:
    """The line with its fields apart by one blank each: what is written and compared."""
    return " ".join(line.split())


def fault(line: str) -> tuple[str, str] | None:
    """What is wrong with a line for Cloud Scheduler, to be read after it, and how to mend it."""
    fields = plain(line).split(" ")
    if meant := _NICKNAMES.get(plain(line).lower()):
        return "is a name for a time that Cloud Scheduler does not take", f"write {meant}"
    if len(line) > _LONGEST or not re.fullmatch(r"[A-Za-z0-9*,/?#@ \t\r\n-]*", line):
        return "is not a cron line", f"five fields of digits, names and * , - /: {_ORDER}"
    if len(fields) != 5:
        several = f"has {len(fields)} fields" if plain(line) else "is empty"
        return f"{several}, and a cron line has five", _ORDER
    for text, field in zip(fields, FIELDS, strict=True):
        if found := next(_faults(text, field), None):
            return found
    return _never(plain(line))


def _faults(text: str, field: Field) -> Iterator[tuple[str, str]]:
    """What is wrong with one field."""
    bounds = f"{field.first} to {field.last}" + (f", or {field.names[0]} to {field.names[-1]}" if field.names else "")
    for item in text.split(","):
        found = re.fullmatch(r"([^/-]+)(?:-([^/-]+))?(?:/([^/]+))?", item)
        if not found:
            yield f"has {text!r} for {field.what}", f"write {bounds}; * is every one, 1-5 a range, */2 each second one"
            return
        first, last, step = found.groups()
        numbers = [_number(each, field) for each in (first, last) if each is not None and each != "*"]
        if None in numbers or (first == "*" and last):
            upper = item.upper()
            slip = upper != item and next(_faults(upper, field), None) is None
            yield f"has {item!r} for {field.what}", f"in capitals: {upper}" if slip else f"write {bounds}"
        elif len(numbers) == 2 and numbers[0] > numbers[1]:  # type: ignore[operator]
            yield (
                f"has {item!r} for {field.what}, which ends before it starts",
                "write the lower end first",
            )
        elif step and not last and first != "*":
            yield f"has {item!r} for {field.what}", f"a step follows * or a range: {first}-{field.last}/{step}"
        elif step and (not step.isdecimal() or not 0 < int(step) <= field.last):
            yield f"has a step of {step} for {field.what}", f"choose 1 to {field.last}"


def _number(text: str, field: Field) -> int | None:
    """The number that a field's text is or stands for; nothing where it is none of that field."""
    if text in field.names:
        return field.names.index(text) + field.first
    return int(text) if re.fullmatch("[0-9]{1,2}", text) and field.first <= int(text) <= field.last else None


def _never(line: str) -> tuple[str, str] | None:
    """A day that no month has, which is found where somebody asks for the next time."""
    if next_times(line, UTC[0], datetime(2026, 1, 1), 1):
        return None
    return "names a day that never comes", "no month of those has it"


def next_times(line: str, zone: str, after: datetime, count: int) -> tuple[datetime, ...]:
    """The next times of a line after a moment, by the clocks of a time zone, in which the moment is taken too."""
    from itertools import islice
    from zoneinfo import ZoneInfo

    from cronsim import CronSim, CronSimError

    start = after.astimezone(ZoneInfo(zone)) if after.tzinfo else after
    try:
        return tuple(islice(CronSim(_restricting(line), start), count))
    except CronSimError:
        return ()


def in_words(line: str) -> str:
    """A line as one would say it: at 06:00 on Monday."""
    from cronsim import CronSim

    said = str(CronSim(_restricting(line), datetime(2026, 1, 1)).explain())
    return said[:1].lower() + said[1:]


def _restricting(line: str) -> str:
    """The line with a step over all days written as one over a range.

    To Cloud Scheduler a day is due that either field of days has, unless one of them is *; to cronsim, as to Debian's
    cron, */2 is such a star too.
    """
    minute, hour, day, month, weekday = line.split(" ")
    return " ".join((minute, hour, day.replace("*/", "1-31/"), month, weekday.replace("*/", "0-6/")))


def zone_fault(zone: str) -> tuple[str, str] | None:
    """What is wrong with the name of a time zone, and how to mend it."""
    from zoneinfo import available_timezones

    if zone in UTC:
        return None
    known = available_timezones() - {"Factory", "localtime"}
    if zone in known:
        return None
    from difflib import get_close_matches

    lower = {name.lower(): name for name in known}
    near = lower.get(zone.strip().lower()) or next(iter(get_close_matches(zone[:60], sorted(known), 1)), "")
    return "is no time zone of the tz database", f"did you mean {near}?" if near else "like Europe/Berlin or Etc/UTC"
