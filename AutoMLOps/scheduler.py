"""Schedules by Cloud Scheduler: asked for, paused, changed and deleted by gcloud."""

import json
from collections.abc import Mapping
from typing import Any

from . import shell
from .errors import ScriptFailed
from .rest import QUIET
from .settings import Settings
from .timetable import Schedule, moment

CONSOLE = "https://console.cloud.google.com/cloudscheduler"
MENDS = (
    (("have an active account", "gcloud auth login", "Reauthentication", "invalid_grant"), "gcloud auth login"),
    (
        ("SERVICE_DISABLED", "has not been used in project"),
        "the Cloud Scheduler API is off: provision() switches it on",
    ),
    (("PERMISSION_DENIED", "lacks IAM permission"), "it takes roles/cloudscheduler.admin on the project"),
    (("is not installed",), "install it: https://cloud.google.com/sdk/docs/install"),
)


def listed(settings: Settings) -> tuple[Schedule, ...]:
    """Those of the project that AutoMLOps made, in the region of the settings."""
    found = _asked(settings, "list")
    jobs = found if isinstance(found, list) else []
    return tuple(sorted((_schedule(job, settings) for job in jobs if _ours(job)), key=lambda each: each.name))


def found(settings: Settings, pipeline: str) -> Schedule | None:  # noqa: ARG001
    """The one that the settings name, whosever it is: no two have one name."""
    job = _asked(settings, "describe", settings.schedule_id)
    return _schedule(job, settings) if isinstance(job, dict) else None


def pause(settings: Settings, own: Schedule) -> None:
    _asked(settings, "pause", own.name)


def resume(settings: Settings, own: Schedule) -> None:
    _asked(settings, "resume", own.name)


def update(settings: Settings, own: Schedule, cron: str, time_zone: str) -> None:
    """Changes when it is due, and nothing else."""
    _asked(settings, "update", "pubsub", own.name, f"--schedule={cron}", f"--time-zone={time_zone}")


def delete(settings: Settings, own: Schedule) -> None:
    _asked(settings, "delete", own.name)


def _asked(settings: Settings, *words: str) -> object:
    """What `gcloud scheduler jobs` answers; nothing, where what it is about is not there."""
    where = (f"--location={settings.schedule_location}", f"--project={settings.project_id}", "--format=json")
    asked = shell.ask(("gcloud", "scheduler", "jobs", *words, *where), environment=QUIET)
    if not asked.code:
        try:
            return json.loads(asked.said) if asked.said.strip() else {}
        except ValueError:
            return {}
    if "NOT_FOUND" in asked.complained and "PERMISSION_DENIED" not in asked.complained:
        return None
    lines = asked.complained.strip().splitlines()[-shell.TOLD :]
    mend = next((each for signs, each in MENDS if any(sign in asked.complained for sign in signs)), "")
    told = [f"gcloud scheduler jobs {' '.join(words)} failed:", *(f"  {line}" for line in lines)]
    raise ScriptFailed("\n".join([*told, *([mend] if mend else [])]), None)


def _ours(job: Mapping[str, Any]) -> bool:
    return _marks(job).get("managed-by") == "automlops"


def _marks(job: Mapping[str, Any]) -> Mapping[str, Any]:
    marks = job.get("pubsubTarget", {}).get("attributes", {})
    return marks if isinstance(marks, dict) else {}


def _schedule(job: Mapping[str, Any], settings: Settings) -> Schedule:
    _, _, _, location, _, name = str(job.get("name", "")).split("/")
    status = job.get("status", {})
    code = status.get("code", 0)
    state = str(job.get("state", ""))
    return Schedule(
        name=name,
        pipeline=str(_marks(job).get("automlops-pipeline", "")),
        location=location,
        cron=str(job.get("schedule", "")),
        time_zone=str(job.get("timeZone", "")),
        state=state,
        next=moment(job.get("scheduleTime")) if state == "ENABLED" else None,
        last=moment(job.get("lastAttemptTime")),
        fault=str(status.get("message") or f"code {code}") if code else "",
        link=f"{CONSOLE}?project={settings.project_id}",
    )
