"""Asks Google how things stand with a pipeline: its service, messages, runs and builds; it changes nothing."""

import base64
import json
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any, NamedTuple

from . import cloud, rest
from .nouns import noun
from .rest import Answer
from .settings import Settings

CONSOLE = "https://console.cloud.google.com"
RUNS = 5  # of the last ones
LETTERS = 100  # that are looked at; more are there to be counted
SHOWN = 5  # letters that are told one by one
COUNTED = "pubsub.googleapis.com/subscription/num_undelivered_messages"
LATELY = 900  # seconds: Cloud Monitoring counts once a minute, and tells some minutes later
PROVISIONED = "provision() makes it so"
OFF = "SERVICE_DISABLED|has not been used in project|API .*is disabled"
FIELDS = "name,displayName,state,createTime,startTime,endTime,labels,error.message,scheduleName"

Google = Callable[..., Answer]


@noun
class Thing:
    """One thing that is there, or should be: how it is, since when or from when, and where to see more of it.

    `took` is in seconds. What could not be asked is `unknown`; `told` says why, and `mend` what mends it.
    """

    kind: str
    name: str
    state: str
    when: str = ""
    took: float | None = None
    told: str = ""
    link: str = ""
    mend: str = ""


class Question(NamedTuple):
    """Something to ask, and about what."""

    kind: str
    name: str
    ask: Callable[[Google], Iterable[Thing]]


# What asking takes, by what is asked about: permissions, a role that has them, and how that is given to somebody.
PROJECT = "gcloud projects add-iam-policy-binding {project}"
TAKES = {
    "service": ("run.services.get", "run.viewer", PROJECT),
    "topic": ("pubsub.subscriptions.get", "pubsub.viewer", PROJECT),
    "waiting": ("monitoring.timeSeries.list", "monitoring.viewer", PROJECT),
    "dead letters": (
        "pubsub.subscriptions.consume",
        "pubsub.subscriber",
        "gcloud pubsub subscriptions add-iam-policy-binding {name} --project={project}",
    ),
    "run": ("aiplatform.pipelineJobs.list", "aiplatform.viewer", PROJECT),
    "build": ("cloudbuild.builds.get and cloudbuild.builds.list", "cloudbuild.builds.viewer", PROJECT),
}


class Unanswered(Exception):
    """Google gave another answer than what was asked for."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(rest.fault(answer))
        self.status = answer[0]


def things(google: Google, settings: Settings, pipeline: str) -> tuple[Thing, ...]:
    """How all of it stands, asked side by side."""
    from concurrent.futures import ThreadPoolExecutor

    pool = ThreadPoolExecutor(max_workers=8)
    try:
        asked = [
            pool.submit(_answered, google, str(settings.project_id), each) for each in questions(settings, pipeline)
        ]
        return tuple(thing for each in asked for thing in each.result())
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def questions(settings: Settings, pipeline: str) -> Iterator[Question]:
    """What there is to ask; not about what the codebase does not have."""
    project = str(settings.project_id)
    if service := cloud.served(settings):
        dead, topic = service.dead_letters, service.topic
        yield Question("service", service.name, partial(_service, project=project, service=service))
        yield Question("topic", topic.name, partial(_topic, project=project, topic=topic))
        yield Question("waiting", topic.name, partial(_waiting, project=project, topics=(topic, dead)))
        yield Question("dead letters", dead.name, partial(_letters, project=project, dead=dead, pipeline=pipeline))
    where = settings.pipeline_job_location
    yield Question("run", pipeline, partial(_runs, project=project, region=where, pipeline=pipeline))
    if not settings.run_local:
        name, where = settings.trigger, settings.cb_trigger_location
        yield Question("build", name, partial(_builds, project=project, region=where, trigger=name))


def _answered(google: Google, project: str, question: Question) -> tuple[Thing, ...]:
    """What was answered; where that was no answer, why, and what mends it."""
    try:
        return tuple(question.ask(google))
    except Unanswered as fault:
        return (_unknown(question, project, fault),)


def _unknown(question: Question, project: str, fault: Unanswered) -> Thing:
    permission, role, give = TAKES[question.kind]
    state, told, mend, you = "unknown", str(fault), "", "--member=user:YOU --role=roles/"
    if re.search(OFF, told):
        api = f"{permission.partition('.')[0]}.googleapis.com"
        state, told = "off", f"{api} is switched off in {project}"
        mend = f"gcloud services enable {api} --project={project}" if question.kind == "waiting" else PROVISIONED
    elif "serviceusage" in told:
        mend = f"{PROJECT.format(project=project)} {you}serviceusage.serviceUsageConsumer"
    elif fault.status == 403:
        told = f"that takes {permission}: {told}"
        mend = f"{give.format(project=project, name=question.name)} {you}{role}"
    return Thing(kind=question.kind, name=question.name, state=state, told=told, mend=mend)


def _hoped(answer: Answer) -> dict[str, Any] | None:
    """What was answered; nothing, where what was asked about is not there."""
    status, said = answer
    if status not in (200, 404):
        raise Unanswered(answer)
    return said if status == 200 else None


# ------------------------------------------------------------------------------- the service and its messages


def _service(google: Google, project: str, service: cloud.Service) -> Iterator[Thing]:
    host = f"https://{service.location}-run.googleapis.com"
    found = _hoped(google(f"{host}/apis/serving.knative.dev/v1/namespaces/{project}/services/{service.name}"))
    if found is None:
        yield Thing(kind="service", name=service.name, state="missing", mend=PROVISIONED)
        return
    status, (container, *_) = found.get("status", {}), found["spec"]["template"]["spec"]["containers"]
    conditions = {each.get("type"): each for each in status.get("conditions", ())}
    ready = conditions.get("Ready", {})
    state = {"True": "ready", "False": "not ready"}.get(ready.get("status", ""), "starting")
    image = str(container["image"])
    if not image.startswith(service.image):
        state, image = "not deployed", "a build deploys it after the next push"
    revision, why = status.get("latestReadyRevisionName", ""), ready.get("message", "")
    yield Thing(
        kind="service",
        name=service.name,
        state=state,
        when=ready.get("lastTransitionTime", ""),
        told=", ".join(filter(None, (revision, _brief(image), why))),
        link=f"{CONSOLE}/run/detail/{service.location}/{service.name}?project={project}",
    )


def _brief(image: str) -> str:
    """An image by its own name, and as much of its digest as tells it from others."""
    return re.sub("(@sha256:.{12}).*", r"\1", image.rpartition("/")[2])


def _topic(google: Google, project: str, topic: cloud.Topic) -> Iterator[Thing]:
    """Whether what is published goes on to the service."""
    found = _hoped(google(f"https://pubsub.googleapis.com/v1/projects/{project}/subscriptions/{topic.subscription}"))
    link = f"{CONSOLE}/cloudpubsub/subscription/detail/{topic.subscription}?project={project}"
    if found is None:
        yield Thing(kind="topic", name=topic.name, state="missing", mend=PROVISIONED)
    elif found.get("pushConfig", {}).get("pushEndpoint"):
        yield Thing(kind="topic", name=topic.name, state="delivers", told="its messages go to the service", link=link)
    else:
        told = "its messages wait, and the service is brought none"
        yield Thing(kind="topic", name=topic.name, state="stopped", told=told, link=link, mend=PROVISIONED)


def _waiting(google: Google, project: str, topics: tuple[cloud.Topic, ...]) -> Iterator[Thing]:
    """How many messages nobody has taken yet: as counted a few minutes ago, which takes none of them."""
    now, names = time.time(), {topic.subscription: topic.name for topic in topics}
    chosen = ", ".join(f'"{each}"' for each in names)
    where = rest.address(
        f"https://monitoring.googleapis.com/v3/projects/{project}/timeSeries",
        **{
            "filter": f'metric.type = "{COUNTED}" AND resource.labels.subscription_id = one_of({chosen})',
            "interval.startTime": moment(now - LATELY),
            "interval.endTime": moment(now),
        },
    )
    said = _hoped(google(where)) or {}
    counted = {
        each["resource"]["labels"]["subscription_id"]: each["points"][0]
        for each in said.get("timeSeries", ())
        if each.get("points")
    }
    for subscription, name in names.items():
        if point := counted.get(subscription):
            count, when = int(point["value"]["int64Value"]), point["interval"]["endTime"]
            told = f"{count} message{'s' * (count != 1)}"
            yield Thing(kind="waiting", name=name, state=told, when=when, told="as Cloud Monitoring counted then")


def _letters(google: Google, project: str, dead: cloud.Topic, pipeline: str) -> Iterator[Thing]:
    """What the dead letters say. They are looked at as the console does: taken out for a moment, and put back."""
    at = f"https://pubsub.googleapis.com/v1/projects/{project}/subscriptions/{dead.subscription}"
    found: dict[str, dict[str, Any]] = {}
    held: list[str] = []
    try:
        while len(found) < LETTERS:
            said = _hoped(google(f"{at}:pull", {"maxMessages": LETTERS, "returnImmediately": True}))
            if said is None:
                yield Thing(kind="dead letters", name=dead.name, state="missing", mend=PROVISIONED)
                return
            if not (received := said.get("receivedMessages")):
                break
            held += [each["ackId"] for each in received]
            found |= {each["message"]["messageId"]: each["message"] for each in received}
    finally:
        if held:
            google(f"{at}:modifyAckDeadline", {"ackIds": held, "ackDeadlineSeconds": 0})
    yield from _told(dead, list(found.values()), pipeline)


def _told(dead: cloud.Topic, letters: list[dict[str, Any]], pipeline: str) -> Iterator[Thing]:
    ours = [each for each in letters if asks_for(each) == pipeline]
    count = f"{len(ours)}{' or more' * (len(letters) >= LETTERS)}"
    told = f"{len(letters) - len(ours)} of other pipelines" if len(ours) < len(letters) else ""
    state, mend = (f"{count} of {pipeline}", "redrive() tries them again") if ours else (f"none of {pipeline}", "")
    yield Thing(kind="dead letters", name=dead.name, state=state, told=told, mend=mend)
    for each in ours[:SHOWN]:
        said = each.get("attributes", {})
        tries = said.get("CloudPubSubDeadLetterSourceDeliveryCount")
        why = said.get("why") or (f"the service did not take it in {tries} tries" if tries else "it does not say why")
        name = shown(said.get("run") or each["messageId"])
        yield Thing(kind="dead letter", name=name, state="waits", when=each.get("publishTime", ""), told=shown(why))


def shown(text: str) -> str:
    """Text that anybody may have written: one line, and nothing that commands a terminal."""
    return " ".join("".join(each if each.isprintable() else " " for each in text).split())


def asks_for(message: Mapping[str, Any]) -> str:
    """The pipeline that a message asks for a run of; none, where it is no such message."""
    try:
        content = json.loads(base64.b64decode(message.get("data", "")))
    except (ValueError, RecursionError):
        return ""
    name = content.get("pipeline") if isinstance(content, dict) else None
    return name if isinstance(name, str) else ""


# ------------------------------------------------------------------------------- runs and builds


def _runs(google: Google, project: str, region: str, pipeline: str) -> Iterator[Thing]:
    where = rest.address(
        f"https://{region}-aiplatform.googleapis.com/v1/projects/{project}/locations/{region}/pipelineJobs",
        filter=f'display_name="{pipeline}"',
        orderBy="create_time desc",
        pageSize=RUNS,
        readMask=FIELDS,
    )
    found = (_hoped(google(where)) or {}).get("pipelineJobs", [])
    for job in found[:RUNS]:
        name = job["name"].rpartition("/")[2]
        told = filter(None, (_starter(job, name, pipeline), job.get("error", {}).get("message", "")))
        yield Thing(
            kind="run",
            name=name,
            state=_word(job.get("state", ""), "PIPELINE_STATE_"),
            when=job.get("startTime") or job.get("createTime", ""),
            took=_took(job.get("startTime", ""), job.get("endTime", "")),
            told=": ".join(told),
            link=f"{CONSOLE}/vertex-ai/locations/{region}/pipelines/runs/{name}?project={project}",
        )
    if not found:
        yield Thing(kind="run", name=pipeline, state="none yet")


def _starter(job: Mapping[str, Any], name: str, pipeline: str) -> str:
    """What started a run, where it says."""
    if schedule := job.get("scheduleName", ""):
        return f"by the schedule {schedule.rpartition('/')[2]}"
    if "automlops_message" in job.get("labels", {}):
        return f"by the message {name.removeprefix('p-').removeprefix(f'{pipeline}-')}"
    return ""


def _builds(google: Google, project: str, region: str, trigger: str) -> Iterator[Thing]:
    """The trigger, and the build that it started last."""
    within = f"https://cloudbuild.googleapis.com/v1/projects/{project}/locations/{region}"
    found = _hoped(google(f"{within}/triggers/{trigger}"))
    if found is None:
        yield Thing(kind="trigger", name=trigger, state="missing", mend=PROVISIONED)
        return
    link = f"{CONSOLE}/cloud-build/triggers;region={region}/edit/{found['id']}?project={project}"
    yield Thing(kind="trigger", name=trigger, state="off" if found.get("disabled") else "on", link=link)
    said = _hoped(google(rest.address(f"{within}/builds", filter=f'trigger_id="{found["id"]}"', pageSize=RUNS))) or {}
    for build in said.get("builds", [])[:1]:
        given = build.get("substitutions", {})
        commit, branch = given.get("SHORT_SHA") or given.get("COMMIT_SHA", "")[:7], given.get("BRANCH_NAME", "")
        yield Thing(
            kind="build",
            name=build["id"],
            state=_word(build.get("status", "")),
            when=build.get("startTime") or build.get("createTime", ""),
            took=_took(build.get("startTime", ""), build.get("finishTime", "")),
            told=" ".join(filter(None, (commit and f"of {commit}", branch and f"on {branch}"))),
            link=build.get("logUrl", ""),
        )


def _word(state: str, before: str = "") -> str:
    """A state of Google's as a word."""
    return state.removeprefix(before).replace("_", " ").lower() or "unknown"


def _took(start: str, end: str) -> float | None:
    """Seconds from a start to an end, or to now."""
    try:
        begun = datetime.fromisoformat(start)
        ended = datetime.fromisoformat(end) if end else datetime.now(UTC)
    except ValueError:
        return None
    return max(0.0, (ended - begun).total_seconds())


def moment(at: float) -> str:
    """Seconds since 1970 as Google writes a moment."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
