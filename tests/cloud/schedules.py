"""Vertex AI's schedules: made, changed, paused and taken away; a clock does not tick, a test lets one fire."""

import re
from copy import deepcopy

from cloud import vertex
from cloud.refusals import Refusal, Unknown
from cloud.routes import Call, answers
from cloud.web import JSON
from cloud.world import World, now

AI = vertex.AI
LOCATION = vertex.LOCATION
SCHEDULE = f"{LOCATION}/schedules/*"
GIVEN = frozenset(
    "displayName startTime endTime cron maxRunCount maxConcurrentRunCount maxConcurrentActiveRunCount allowQueueing "
    "createPipelineJobRequest".split()
)
FIELD = r"(\*|[\d/,*-]+|[A-Za-z,-]+)"
CRON = re.compile(rf"((CRON_)?TZ=[\w+/-]+ )?{FIELD}( {FIELD}){{4}}")
EMPTY = {"@type": "type.googleapis.com/google.protobuf.Empty"}


@answers(f"POST {AI}/v1/{{parent={LOCATION}}}/schedules", needs="aiplatform.schedules.create")
def create(call: Call, parent: str) -> JSON:
    sent = _given(call.body)
    for needed in ("displayName", "cron", "maxConcurrentRunCount", "createPipelineJobRequest"):
        if not sent.get(needed):
            raise Refusal(400, f"Required field is missing: schedule.{needed}")
    _check(call, parent, sent)
    name, moment = f"{parent}/schedules/{7000000000000000000 + next(call.world.numbers)}", now()
    shown = vertex.numbered(name, call.project(parent).number)
    call.world.resources[name] = {
        **sent, "name": shown, "state": "ACTIVE", "startTime": moment, "createTime": moment, "updateTime": moment,
    }  # fmt: skip
    return call.world.resources[name]


@answers(f"GET {AI}/v1/{{parent={LOCATION}}}/schedules", needs="aiplatform.schedules.list")
def list_all(call: Call, parent: str) -> JSON:
    found = call.world.below(parent, "schedules")
    if wanted := call.request.asks("filter"):
        named = re.fullmatch(r'display_name="([^"*]+)"', wanted)
        if not named:
            raise Unknown(f"schedules by the filter {wanted!r}")
        found = [each for each in found if each["displayName"] == named[1]]
    return {"schedules": found} if found else {}


@answers(f"GET {AI}/v1/{{name={SCHEDULE}}}", needs="aiplatform.schedules.get")
def describe(call: Call, name: str) -> JSON:
    return call.find(name)


@answers(f"PATCH {AI}/v1/{{name={SCHEDULE}}}", needs="aiplatform.schedules.update")
def update(call: Call, name: str) -> JSON:
    """What the mask names, and nothing else; what is there cannot be emptied, and what is completed not be changed."""
    found, sent = call.find(name), _given({key: each for key, each in call.body.items() if key != "name"})
    mask = [_camel(each) for each in filter(None, call.request.asks("updateMask").split(","))]
    if not mask or set(mask) - GIVEN:
        raise Refusal(400, f"Invalid update mask: {call.request.asks('updateMask')!r}")
    if found["state"] == "COMPLETED":
        raise Refusal(400, "Only an active or paused Schedule can be updated.", code="FAILED_PRECONDITION")
    emptied = [each for each in mask if each in found and each not in sent]
    if emptied:
        raise Refusal(400, f"Non-empty fields cannot be unset: {', '.join(emptied)}")
    changed = {**found, **{key: sent[key] for key in mask if key in sent}}
    _check(call, name.rpartition("/schedules/")[0], changed)
    found.update(changed, updateTime=now(), **({"state": "ACTIVE"} if call.world.resuming else {}))
    return found


@answers(f"POST {AI}/v1/{{name={SCHEDULE}}}:pause", needs="aiplatform.schedules.update")
def pause(call: Call, name: str) -> JSON:
    found = call.find(name)
    if found["state"] != "ACTIVE":
        raise Refusal(400, "Only an active Schedule can be paused.", code="FAILED_PRECONDITION")
    found.update(state="PAUSED", lastPauseTime=now(), updateTime=now())
    return {}


@answers(f"POST {AI}/v1/{{name={SCHEDULE}}}:resume", needs="aiplatform.schedules.update")
def resume(call: Call, name: str) -> JSON:
    found = call.find(name)
    if found["state"] != "PAUSED":
        raise Refusal(400, "Only a paused Schedule can be resumed.", code="FAILED_PRECONDITION")
    found.update(state="ACTIVE", lastResumeTime=now(), updateTime=now(), catchUp=bool(call.body.get("catchUp")))
    return {}


@answers(f"DELETE {AI}/v1/{{name={SCHEDULE}}}", needs="aiplatform.schedules.delete")
def delete(call: Call, name: str) -> JSON:
    call.find(name)
    del call.world.resources[name]
    parent = name.rpartition("/schedules/")[0]
    return {"name": f"{parent}/operations/{next(call.world.numbers)}", "done": True, "response": EMPTY}


def fire(world: World, name: str) -> str | None:
    """What the clock does: the schedule of that display name makes its job, whose name is returned; a paused or
    completed one makes none. The next request, or `cloud.jobs.look()`, begins it."""
    (found,) = [each for key, each in world.resources.items() if "/schedules/" in key and each["displayName"] == name]
    if found["state"] != "ACTIVE":
        return None
    asked, moment = found["createPipelineJobRequest"], now()
    parent, short = world.canonical(asked["parent"]), f"scheduled-{next(world.numbers)}"
    job, number = f"{parent}/pipelineJobs/{short}", found["name"].split("/")[1]
    world.resources[job] = {
        **deepcopy(asked["pipelineJob"]), "name": vertex.numbered(job, number), "state": "PIPELINE_STATE_PENDING",
        "createTime": moment, "updateTime": moment, "scheduleName": found["name"],
    }  # fmt: skip
    found["startedRunCount"] = str(int(found.get("startedRunCount", "0")) + 1)
    found["lastScheduledRunResponse"] = {"scheduledRunTime": moment, "runResponse": f"{{'name': '{job}'}}"}
    if found["startedRunCount"] == found.get("maxRunCount"):
        found["state"] = "COMPLETED"
    return job


def _given(sent: JSON) -> JSON:
    """What a caller may say of a schedule, without what is nothing; whole numbers of 64 bits are text in JSON."""
    strange = set(sent) - GIVEN
    if strange:
        raise Unknown(f"{', '.join(sorted(strange))} of a schedule")
    counts = ("maxRunCount", "maxConcurrentRunCount", "maxConcurrentActiveRunCount")
    return {key: str(each) if key in counts else deepcopy(each) for key, each in sent.items() if each}


def _check(call: Call, parent: str, schedule: JSON) -> None:
    """Whether it may be: its cron, where its runs are to be, and whether who asks may have one run so."""
    if not CRON.fullmatch(schedule["cron"]):
        raise Refusal(400, f"Invalid cron expression: {schedule['cron']!r}")
    asked = schedule["createPipelineJobRequest"]
    if call.world.canonical(asked.get("parent", "")) != parent:
        raise Refusal(400, f"The parent of create_pipeline_job_request must be {parent}")
    vertex.check(call, asked.get("pipelineJob", {}))


def _camel(name: str) -> str:
    return re.sub("_(.)", lambda found: found[1].upper(), name)
