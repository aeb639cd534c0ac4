"""The stories of AutoMLOps.schedules: what starts runs by the clock, looked at, paused, resumed, changed and deleted.

    AutoMLOps.schedules.list()
    AutoMLOps.schedules.pause()
    AutoMLOps.schedules.resume()
    AutoMLOps.schedules.update("30 7 * * MON-FRI")
    AutoMLOps.schedules.delete()

A schedule comes with `generate(schedule="0 6 * * 1", run_local=False)` and provision().
"""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol

from . import api, cron, live, native, scheduler, script, standing
from . import settings as settings_
from .errors import BadInput
from .model import Problem
from .settings import Settings
from .timetable import Schedule, Scheduled, Schedules

__all__ = ["delete", "list", "pause", "resume", "update"]


def __dir__() -> Iterable[str]:
    return __all__


PROVISION = "provision/provision_resources.sh"
Folder = str | os.PathLike[str] | None


class Engine(Protocol):
    """What keeps the time: a room that asks it for schedules and changes them."""

    def listed(self, settings: Settings) -> tuple[Schedule, ...]: ...
    def found(self, settings: Settings, pipeline: str) -> Schedule | None: ...
    def pause(self, settings: Settings, own: Schedule) -> None: ...
    def resume(self, settings: Settings, own: Schedule) -> None: ...
    def update(self, settings: Settings, own: Schedule, cron: str, time_zone: str) -> None: ...
    def delete(self, settings: Settings, own: Schedule) -> None: ...


def engine(settings: Settings) -> Engine:
    """The one that the settings choose."""
    match settings.schedule_engine:
        case "cloud-scheduler":
            return scheduler
        case "vertex":
            return native


def maker(settings: Settings) -> str:
    """What makes the schedule."""
    return "the next push" if settings.schedule_engine == "vertex" else "provision()"


def list(output_dir: Folder = None) -> Schedules:
    """Lists the schedules of the codebase's project that AutoMLOps made: of which pipeline, when, and how they are.

    It looks in the region of the codebase's own schedule, with gcloud's login, and changes nothing.

    Args:
        output_dir: The codebase; if left out, the one generated last, else the current folder or the AutoMLOps in it.

    Returns:
        The schedules, each with its `pipeline`, `cron`, `time_zone`, `state`, `next` and `last` run and `link`; a
        notebook shows them as a table.

    Raises:
        BadInput: when there is no codebase with a project.
        ScriptFailed: when gcloud could not be asked, with what it said.

    Example:
        AutoMLOps.schedules.list()
    """
    return live.told(listed(output_dir))


def pause(output_dir: Folder = None) -> Scheduled:
    """Pauses the codebase's own schedule: no run starts by the clock until resume().

    Neither provision() nor a push changes that.

    Args:
        output_dir: As for list().

    Returns:
        What became of it; "kept" where it was paused already.

    Raises:
        BadInput: when there is no such schedule, or it is another pipeline's.
        ScriptFailed: when gcloud refused, with what it said.

    Example:
        AutoMLOps.schedules.pause()
    """
    return live.told(turned(output_dir, pausing=True))


def resume(output_dir: Folder = None) -> Scheduled:
    """Resumes the codebase's own schedule: runs start by the clock again. What was due meanwhile is not made up for,
    unless with Vertex AI's own schedules and `schedule_catch_up=True`.

    Args:
        output_dir: As for list().

    Returns:
        What became of it; "kept" where it was not paused.

    Raises:
        BadInput, ScriptFailed: as for pause().

    Example:
        AutoMLOps.schedules.resume()
    """
    return live.told(turned(output_dir, pausing=False))


def update(
    schedule: str | None = None, *, schedule_time_zone: str | None = None, output_dir: Folder = None
) -> Scheduled:
    """Changes when the codebase's own schedule is due, at once and in the cloud alone, without provisioning.

    The codebase says what provision() makes, or the next push with Vertex AI's own schedules, and this does not edit
    it: it is committed, and its other clones would not know. So where its configs say otherwise the result warns of
    it; `generate(schedule=...)` with the same line is what makes it last. One that is paused stays so.

    Args:
        schedule: A cron line, such as "30 7 * * MON-FRI"; left out, it stays as it is.
        schedule_time_zone: By whose clocks, such as "Europe/Berlin"; left out, it stays as it is.
        output_dir: As for list().

    Returns:
        What became of it, with `warnings` where the configs say otherwise; "kept" where it was so already.

    Raises:
        BadInput: when that is no cron line or time zone; else as for pause().
        ScriptFailed: as for pause().

    Example:
        AutoMLOps.schedules.update("30 7 * * MON-FRI", schedule_time_zone="Europe/Berlin")
    """
    return live.told(updated(output_dir, schedule, schedule_time_zone))


def delete(output_dir: Folder = None) -> Scheduled:
    """Deletes the codebase's own schedule, and nothing else.

    Where the configs still have a schedule the result warns of it: provision() makes it again, or with Vertex AI's own
    schedules the next push.
    `generate(schedule=None)` is what leaves it out for good.

    Args:
        output_dir: As for list().

    Returns:
        What became of it, with `warnings` where the configs say otherwise.

    Raises:
        BadInput, ScriptFailed: as for pause().

    Example:
        AutoMLOps.schedules.delete()
    """
    return live.told(deleted(output_dir))


def listed(output_dir: Folder) -> Schedules:
    """The story of list(), whoever is to see it."""
    _, settings, _ = _codebase(output_dir)
    found = engine(settings).listed(settings)
    return Schedules(
        project=str(settings.project_id),
        location=settings.schedule_region,
        own=settings.schedule_id,
        schedules=found,
    )


def turned(output_dir: Folder, *, pausing: bool) -> Scheduled:
    """The story of pause(), and of resume()."""
    _, settings, own = _own(output_dir)
    if own.paused == pausing:
        return Scheduled(fate="kept", schedule=own)
    clock = engine(settings)
    (clock.pause if pausing else clock.resume)(settings, own)
    return Scheduled(fate="paused" if pausing else "resumed", schedule=clock.found(settings, own.pipeline) or own)


def updated(output_dir: Folder, line: str | None, zone: str | None) -> Scheduled:
    """The story of update()."""
    problems = [*_faults(line, zone)]
    if problems:
        raise BadInput(problems, "nothing was changed")
    folder, settings, own = _own(output_dir)
    line, zone = cron.plain(line) if line is not None else own.cron, zone or own.time_zone
    clock, fate, now = engine(settings), "kept", own
    if (line, zone) != (own.cron, own.time_zone):
        clock.update(settings, own, line, zone)
        fate, now = "changed", clock.found(settings, own.pipeline) or own
        if own.paused and not now.paused:  # neither engine says that a change leaves it paused
            clock.pause(settings, now)
            now = clock.found(settings, own.pipeline) or now
    return Scheduled(fate=fate, schedule=now, warnings=tuple(_at_odds(folder, settings, line, zone)))


def deleted(output_dir: Folder) -> Scheduled:
    """The story of delete()."""
    folder, settings, own = _own(output_dir)
    engine(settings).delete(settings, own)
    hint = "generate(schedule=None), then provision(), leaves it out for good"
    message = f"{folder}/{settings_.FILE} has schedule {settings.schedule}: {maker(settings)} makes it again"
    return Scheduled(
        fate="deleted", schedule=own, warnings=(Problem(message=message, hint=hint),) if settings.schedule else ()
    )


def _faults(line: str | None, zone: str | None) -> Iterator[Problem]:
    """What is wrong with what update() was given."""
    if line is None and zone is None:
        yield Problem(message="there is nothing to change", hint='like update("30 7 * * MON-FRI")')
    if line is not None and (fault := cron.fault(line)):
        yield Problem(message=f"schedule {line[:60]!r} {fault[0]}", hint=fault[1])
    if zone is not None and (fault := cron.zone_fault(zone)):
        yield Problem(message=f"schedule_time_zone {zone[:60]!r} {fault[0]}", hint=fault[1])


def _at_odds(folder: str, settings: Settings, line: str, zone: str) -> Iterator[Problem]:
    """What the configs say otherwise, which provision() would go back to."""
    kept = {"schedule": settings.schedule, "schedule_time_zone": settings.schedule_time_zone}
    now = {"schedule": line, "schedule_time_zone": zone}
    said = [f"{name} {value or 'none'}" for name, value in kept.items() if value != now[name]]
    if said:
        given = ", ".join(f"{name}={value!r}" for name, value in now.items() if value != kept[name])
        message = f"{folder}/{settings_.FILE} has {' and '.join(said)}: {maker(settings)} goes back to that"
        yield Problem(message=message, hint=f"generate({given}) makes it last")


def _codebase(output_dir: Folder) -> tuple[str, Settings, str]:
    """The codebase that a call is about, its settings, and the name of its pipeline."""
    folder = standing.folder(output_dir)
    path = Path(folder, PROVISION)
    if not path.is_file():
        hint = 'generate(project_id="...") writes it' if os.path.isdir(folder) else "call generate() first"
        raise BadInput([Problem(message=f"there is no {path}", hint=hint)], "nothing was done")
    pipeline = dict(script.assignments(path.read_text(encoding="utf-8"))).get("PIPELINE", "")
    return folder, api.settings_of(folder), pipeline


def _own(output_dir: Folder) -> tuple[str, Settings, Schedule]:
    """The codebase, its settings, and its own schedule, if it is there and is its own."""
    folder, settings, pipeline = _codebase(output_dir)
    own = engine(settings).found(settings, pipeline)
    if own is None:
        where = f"{settings.schedule_id} in {settings.schedule_region} of {settings.project_id}"
        there = f"{maker(settings)} makes it" if settings.schedule else 'give generate() one: schedule="0 6 * * 1"'
        raise BadInput([Problem(message=f"there is no schedule {where}", hint=there)], "nothing was done")
    if own.pipeline != pipeline:
        whose = f"the pipeline {own.pipeline}" if own.pipeline else "somebody else"
        message = f"the schedule {own.name} is of {whose}, not of {pipeline}"
        hint = "choose another schedule_name, or a naming_prefix"
        raise BadInput([Problem(message=message, hint=hint)], "nothing was done")
    return folder, settings, own
