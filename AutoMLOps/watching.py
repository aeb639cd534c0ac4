"""The story of status(): how things stand in the cloud with the pipeline of a codebase."""

import os
from datetime import UTC, datetime

from . import inquiry, live, preflight, rest, schedules, script
from .errors import BadInput, ScriptFailed
from .inquiry import Thing
from .overview import Status, moment
from .settings import Settings
from .timetable import Schedule

PROVISION = "provision/provision_resources.sh"


def status(output_dir: str | os.PathLike[str] | None = None) -> Status:
    """Shows how things stand in your Google Cloud project with the pipeline: one table, and nothing is changed.

    Its last runs on Vertex AI, and its schedule; where a push starts them, the trigger and its last build; with a
    submission_service the service, its topic, how many messages wait, and what the dead letters say. What you may not
    look at is a row that says which permission that takes. It uses gcloud's login.

    Args:
        output_dir: The codebase; if left out, the one generated last, else the current folder or the AutoMLOps in it.

    Returns:
        `rows`, one for each thing: its `kind`, `name`, `state`, `when`, `took`, what is `told` of it and its `link`; a
        notebook shows them as a table.

    Raises:
        BadInput: when there is no codebase with a project, or nobody is logged in to gcloud.

    Example:
        AutoMLOps.status()
    """
    return live.told(stood(output_dir))


def stood(output_dir: str | os.PathLike[str] | None) -> Status:
    """The story of status(), whoever is to see it."""
    from concurrent.futures import ThreadPoolExecutor

    folder, settings = script.settled(output_dir, PROVISION)
    login, google = rest.login(str(settings.project_id))
    if google is None:
        raise BadInput(preflight.unlogged(login), "nobody was asked")
    text = (folder / PROVISION).read_text(encoding="utf-8")
    pipeline = dict(script.assignments(text)).get("PIPELINE", folder.name)
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    with ThreadPoolExecutor(max_workers=1) as beside:
        clock = beside.submit(scheduled, settings, pipeline)
        rows = inquiry.things(google, settings, pipeline)
        return Status(pipeline=pipeline, project=str(settings.project_id), asked=now, rows=(*rows, *clock.result()))


def scheduled(settings: Settings, pipeline: str) -> tuple[Thing, ...]:
    """What starts runs by the clock, where the codebase has a schedule."""
    if not settings.schedule:
        return ()
    try:
        found = schedules.engine(settings).listed(settings)
    except ScriptFailed as fault:
        told = " ".join(str(fault).split())
        return (Thing(kind="schedule", name=settings.schedule_id, state="unknown", told=told),)
    own = tuple(_schedule(each) for each in found if each.pipeline == pipeline)
    missing = Thing(kind="schedule", name=settings.schedule_id, state="missing", mend=inquiry.PROVISIONED)
    return own or (missing,)


def _schedule(each: Schedule) -> Thing:
    due = f"next {moment(inquiry.moment(each.next))}" if each.next is not None else ""
    fault = f"the last time failed: {each.fault}" if each.fault else ""
    return Thing(
        kind="schedule",
        name=each.name,
        state=each.state.lower(),
        when=inquiry.moment(each.last) if each.last is not None else "",
        told=", ".join(filter(None, (f"{each.words}, {each.time_zone}", due, fault))),
        link=each.link,
    )
