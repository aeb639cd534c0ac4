"""Cloud Scheduler: jobs that publish to a topic; a clock does not tick, a test lets one fire."""

import re
from copy import deepcopy
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from cloud import pubsub
from cloud.refusals import Refusal, Unknown
from cloud.routes import Call, answers
from cloud.web import JSON, Answer
from cloud.world import World, now

CS = "cloudscheduler"
JOB = "projects/*/locations/*/jobs/*"
NAME = re.compile(r"[A-Za-z0-9_-]{1,500}")
RETRIES = {"maxRetryDuration": "0s", "minBackoffDuration": "5s", "maxBackoffDuration": "3600s", "maxDoublings": 5}
GIVEN = frozenset("name description schedule timeZone pubsubTarget retryConfig".split())
FIELDS = frozenset(
    ("description", "schedule", "timeZone", "retryConfig.retryCount")
    + tuple(f"pubsubTarget.{field}" for field in ("topicName", "data", "attributes"))
)


@answers(f"POST {CS}/v1/{{parent=projects/*/locations/*}}/jobs", needs="cloudscheduler.jobs.create")
def create(call: Call, parent: str) -> JSON:
    """Who may make one may have it publish to any topic of the project: nobody is asked about that topic."""
    name = call.body["name"]
    if name in call.world.resources:
        raise Refusal(409, f"Job {name} already exists.")
    call.world.resources[name] = _checked(name, {**call.body, "state": "ENABLED"})
    return call.world.resources[name]


@answers(f"GET {CS}/v1/{{parent=projects/*/locations/*}}/jobs", needs="cloudscheduler.jobs.list")
def list_all(call: Call, parent: str) -> JSON:
    found = call.world.below(parent, "jobs")
    return {"jobs": found} if found else {}


@answers(f"GET {CS}/v1/{{name={JOB}}}", needs="cloudscheduler.jobs.get")
def describe(call: Call, name: str) -> JSON:
    return _found(call, name)


@answers(f"PATCH {CS}/v1/{{name={JOB}}}", needs="cloudscheduler.jobs.update")
def update(call: Call, name: str) -> JSON:
    """What the mask names, and nothing else; one that is paused stays so, unless the world is `resuming`."""
    changed, mask = deepcopy(_found(call, name)), call.request.asks("updateMask").split(",")
    if not set(mask) <= FIELDS:
        raise Unknown(f"a change of {', '.join(mask)} of a job of Cloud Scheduler")
    for field in mask:
        outer, _, inner = field.partition(".")
        if inner:
            changed[outer] = {**changed.get(outer, {}), inner: call.body.get(outer, {}).get(inner)}
        else:
            changed[outer] = call.body.get(outer)
    if call.world.resuming:
        changed["state"] = "ENABLED"
    call.world.resources[name] = _checked(name, changed)
    return call.world.resources[name]


@answers(f"POST {CS}/v1/{{name={JOB}}}:pause", needs="cloudscheduler.jobs.pause")
def pause(call: Call, name: str) -> JSON:
    return _turned(call, name, "ENABLED", "PAUSED")


@answers(f"POST {CS}/v1/{{name={JOB}}}:resume", needs="cloudscheduler.jobs.enable")
def resume(call: Call, name: str) -> JSON:
    return _turned(call, name, "PAUSED", "ENABLED")


@answers(f"DELETE {CS}/v1/{{name={JOB}}}", needs="cloudscheduler.jobs.delete")
def delete(call: Call, name: str) -> Answer:
    _found(call, name)
    del call.world.resources[name]
    return Answer(200, {})


def fire(world: World, name: str, project: str = "demo-project") -> bool:
    """What the clock does: the job of that name publishes its message; whether it did, as a paused one does not.

    It publishes as Cloud Scheduler's own agent, which Google gives that right in the agent's project alone.
    """
    (found,) = [each for key, each in world.resources.items() if key.endswith(f"/jobs/{name}") and "schedule" in each]
    if found["state"] != "ENABLED":
        return False
    target, moment = found["pubsubTarget"], datetime.now(UTC)
    found["lastAttemptTime"], found["scheduleTime"] = now(), _next(found, moment)
    reachable = target["topicName"].startswith(f"projects/{project}/") and target["topicName"] in world.resources
    found["status"] = {} if reachable else {"code": 5}
    if reachable:
        pubsub.put(world, target["topicName"], [{key: target[key] for key in ("data", "attributes") if key in target}])
    return reachable


def _found(call: Call, name: str) -> JSON:
    if name not in call.world.resources:
        raise Refusal(404, "Job not found.")
    return call.world.resources[name]


def _turned(call: Call, name: str, before: str, after: str) -> JSON:
    found = _found(call, name)
    if found["state"] != before:
        raise Refusal(400, f"Job must be {before} to be {'paused' if after == 'PAUSED' else 'resumed'}.")
    found |= {"state": after, "userUpdateTime": now()}
    return found


def _checked(name: str, job: JSON) -> JSON:
    """A job as it is shown, if it may be."""
    strange = set(job) - GIVEN - {"state", "userUpdateTime", "scheduleTime", "lastAttemptTime", "status"}
    if strange or "pubsubTarget" not in job:
        raise Unknown(f"a job of Cloud Scheduler with {', '.join(sorted(strange)) or 'no topic'}")
    if not NAME.fullmatch(name.rpartition("/")[2]):
        raise Refusal(400, f"Job name {name} is invalid.")
    target = job["pubsubTarget"]
    if not re.fullmatch(f"projects/{name.split('/')[1]}/topics/[^/]+", target.get("topicName", "")):
        raise Refusal(400, "PubsubTarget.topic_name must be a topic of the job's own project.")
    if not target.get("data") and not target.get("attributes"):
        raise Refusal(400, "Pubsub message must contain either non-empty data, or at least one attribute.")
    job = {"timeZone": "Etc/UTC", **job, "retryConfig": {**RETRIES, **job.get("retryConfig", {})}}
    return {**job, "userUpdateTime": now(), "scheduleTime": _next(job, datetime.now(UTC))}


def _next(job: JSON, after: datetime) -> str:
    try:
        due = next(CronSim(job["schedule"], after.astimezone(ZoneInfo(job["timeZone"]))))
    except (CronSimError, OSError, ValueError, LookupError, StopIteration) as error:
        raise Refusal(400, "Schedule or time zone is invalid.") from error
    return due.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
