"""Schedules of Vertex AI itself: asked for, paused, changed and deleted in REST, since no command of gcloud does."""

from collections.abc import Iterator, Mapping
from typing import Any

from . import rest
from .errors import ScriptFailed
from .rest import Google
from .settings import Settings
from .timetable import Schedule, moment

CONSOLE = "https://console.cloud.google.com/vertex-ai"
REFUSED = 403
Found = Mapping[str, Any]


def listed(settings: Settings) -> tuple[Schedule, ...]:
    """Those of the project that AutoMLOps made, in the region of the settings."""
    made = (
        _schedule(each, settings) for each in _all(_login(), settings) if _labels(each).get("managed-by") == "automlops"
    )
    return tuple(sorted(made, key=lambda each: (each.name, each.pipeline)))


def found(settings: Settings, pipeline: str) -> Schedule | None:
    """The one that the settings name, if pushes of the pipeline made it: several pipelines may call theirs alike."""
    there = _own(_login(), settings, pipeline)
    return _schedule(there, settings) if there else None


def pause(settings: Settings, own: Schedule) -> None:
    _change(settings, own, ":pause", body={})


def resume(settings: Settings, own: Schedule) -> None:
    _change(settings, own, ":resume", body={"catchUp": settings.schedule_catch_up})


def update(settings: Settings, own: Schedule, cron: str, time_zone: str) -> None:
    """Changes when it is due, and nothing else."""
    _change(settings, own, "?updateMask=cron", "PATCH", {"cron": f"TZ={time_zone} {cron}"})


def delete(settings: Settings, own: Schedule) -> None:
    _change(settings, own, "", "DELETE")


def _change(settings: Settings, own: Schedule, path: str, method: str | None = None, body: object = None) -> None:
    google = _login()
    there = _own(google, settings, own.pipeline)
    if there:
        _asked(google, settings, f"{there['name']}{path}", method, body)


def _own(google: Google, settings: Settings, pipeline: str) -> Found | None:
    """The newest of that name that the pipeline made; a push takes away the others, if there are any."""
    ours = {"managed-by": "automlops", "automlops-pipeline": pipeline}
    named = (each for each in _all(google, settings) if each.get("displayName") == settings.schedule_id)
    made = [each for each in named if ours.items() <= _labels(each).items()]
    return max(made, key=lambda each: str(each.get("createTime", "")), default=None)


def _all(google: Google, settings: Settings) -> Iterator[Found]:
    """All schedules of the project in the region, page by page."""
    place, page = f"projects/{settings.project_id}/locations/{settings.schedule_region}/schedules", ""
    while True:
        said = _asked(google, settings, rest.address(place, pageToken=page) if page else place)
        yield from (each for each in said.get("schedules", []) if isinstance(each, dict))
        page = str(said.get("nextPageToken", ""))
        if not page:
            return


def _login() -> Google:
    """Vertex AI, asked as who gcloud is logged in as: once for all that a call asks."""
    login, google = rest.login()
    if google is None:
        told = login.complained.strip() or "gcloud gave no token"
        raise ScriptFailed(f"nobody is logged in: {told}\ngcloud auth login", None)
    return google


def _asked(google: Google, settings: Settings, path: str, method: str | None = None, body: object = None) -> Found:
    """What Vertex AI answers."""
    answer = google(f"https://{settings.schedule_region}-aiplatform.googleapis.com/v1/{path}", body, method)
    if answer[0] == 200:
        return answer[1]
    mend = "\nit takes roles/aiplatform.user on the project" if answer[0] == REFUSED else ""
    raise ScriptFailed(f"Vertex AI was asked for {path.partition('?')[0]}: {rest.fault(answer)}{mend}", None)


def _labels(schedule: Found) -> Found:
    run = schedule.get("createPipelineJobRequest", {}).get("pipelineJob", {})
    labels = run.get("labels", {})
    return labels if isinstance(labels, dict) else {}


def _schedule(said: Found, settings: Settings) -> Schedule:
    _, _, _, location, _, number = str(said.get("name", "")).split("/")
    zone, line = _parts(str(said.get("cron", "")))
    state = str(said.get("state", ""))
    return Schedule(
        name=str(said.get("displayName", "")),
        pipeline=str(_labels(said).get("automlops-pipeline", "")),
        location=location,
        cron=line,
        time_zone=zone,
        state=state,
        next=moment(said.get("nextRunTime")) if state == "ACTIVE" else None,
        last=moment(said.get("lastScheduledRunResponse", {}).get("scheduledRunTime")),
        fault="",
        link=f"{CONSOLE}/locations/{location}/pipelines/schedules/{number}?project={settings.project_id}",
    )


def _parts(cron: str) -> tuple[str, str]:
    """The time zone of a line, and the line without it."""
    zone, blank, line = cron.partition(" ")
    return (zone.partition("=")[2], line) if blank and "TZ=" in zone else ("Etc/UTC", cron)
