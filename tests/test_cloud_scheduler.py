"""The stand-in's Cloud Scheduler behaves as Google's does, as far as our commands can tell."""

from typing import Any

import pytest
from cloud import pubsub, scheduler
from cloud.refusals import Unknown
from cloud.standin import OWNER, PROJECT
from cloud.world import World
from test_cloud_standin import ask

P = f"projects/{PROJECT}"
PARENT = f"{P}/locations/us-central1"
NAME = f"{PARENT}/jobs/mondays"
API = "cloudscheduler.googleapis.com/v1"
TOPIC = f"{P}/topics/runs"
JOB: dict[str, Any] = {
    "name": NAME, "schedule": "0 6 * * 1", "timeZone": "Europe/Berlin",
    "pubsubTarget": {"topicName": TOPIC, "data": "e30=", "attributes": {"a": "b"}},
}  # fmt: skip
DEV = "dev@example.test"


@pytest.fixture
def world() -> World:
    made = World()
    made.project(PROJECT, "123456789012")
    made.enable("cloudscheduler", "pubsub", project=PROJECT)
    made.grant(OWNER, "roles/owner", on=P)
    made.resources[TOPIC] = {"name": TOPIC}
    return made


def create(world: World, who: str = OWNER, **more: Any) -> tuple[int, Any]:
    return ask(world, f"POST {API}/{PARENT}/jobs", {**JOB, **more}, who)


def test_a_job_has_a_life_of_its_own(world: World) -> None:
    status, made = create(world)
    assert status == 200 and made["state"] == "ENABLED" and made["retryConfig"]["minBackoffDuration"] == "5s"
    assert create(world)[0] == 409
    assert ask(world, f"GET {API}/{PARENT}/jobs")[1]["jobs"] == [made]
    assert ask(world, f"POST {API}/{NAME}:pause", {})[1]["state"] == "PAUSED"
    assert ask(world, f"POST {API}/{NAME}:pause", {})[0] == 400
    changed = {"schedule": "30 7 * * *", "timeZone": "Etc/UTC", "pubsubTarget": {"data": "eA=="}}
    status, found = ask(world, f"PATCH {API}/{NAME}?updateMask=schedule,pubsubTarget.data", changed)
    assert status == 200 and found["state"] == "PAUSED"
    assert [found["schedule"], found["timeZone"]] == ["30 7 * * *", "Europe/Berlin"], "the mask alone counts"
    assert found["pubsubTarget"] == {**JOB["pubsubTarget"], "data": "eA=="}
    assert ask(world, f"POST {API}/{NAME}:resume", {})[1]["state"] == "ENABLED"
    assert ask(world, f"POST {API}/{NAME}:resume", {})[0] == 400
    assert ask(world, f"DELETE {API}/{NAME}") == (200, {})
    assert [ask(world, f"{method} {API}/{NAME}")[0] for method in ("GET", "DELETE")] == [404, 404]


@pytest.mark.parametrize(
    "wrong",
    [
        {"schedule": "every monday"},
        {"schedule": "0 6 30 2 *"},
        {"timeZone": "Mars/Olympus"},
        {"name": f"{PARENT}/jobs/a.b"},
        {"pubsubTarget": {"topicName": "projects/another/topics/runs", "data": "e30="}},
        {"pubsubTarget": {"topicName": "runs", "data": "e30="}},
        {"pubsubTarget": {"topicName": TOPIC}},
    ],
)
def test_what_can_never_work_is_refused(world: World, wrong: dict[str, Any]) -> None:
    assert create(world, **wrong)[0] == 400
    assert not [name for name in world.resources if "/jobs/" in name]


def test_what_it_does_not_know_is_the_test_s_fault(world: World) -> None:
    with pytest.raises(Unknown):
        create(world, httpTarget={"uri": "https://example.test"})


@pytest.mark.parametrize(
    ("line", "permission"),
    [
        (f"POST {API}/{PARENT}/jobs", "create"),
        (f"GET {API}/{PARENT}/jobs", "list"),
        (f"GET {API}/{NAME}", "get"),
        (f"PATCH {API}/{NAME}?updateMask=schedule", "update"),
        (f"POST {API}/{NAME}:pause", "pause"),
        (f"POST {API}/{NAME}:resume", "enable"),
        (f"DELETE {API}/{NAME}", "delete"),
    ],
)
def test_each_method_takes_its_permission_and_the_api(world: World, line: str, permission: str) -> None:
    world.resources[NAME] = {**JOB, "state": "PAUSED" if permission == "enable" else "ENABLED"}
    world.grant(DEV, "roles/pubsub.admin", on=P)
    body = {**JOB, "name": f"{NAME}-2"} if permission == "create" else JOB
    sent = None if line.startswith(("GET", "DELETE")) else body
    status, said = ask(world, line, sent, DEV)
    assert status == 403 and f"cloudscheduler.jobs.{permission}" in said["error"]["message"]
    world.grant(DEV, "roles/cloudscheduler.admin", on=P)
    assert ask(world, line, sent, DEV)[0] == 200
    world.projects[PROJECT].services.discard("cloudscheduler.googleapis.com")
    assert ask(world, line, sent, DEV)[0] == 403


def test_fired_it_publishes_its_message_as_nobody_who_was_given_a_role(world: World) -> None:
    create(world)
    assert scheduler.fire(world, "mondays")
    (message,) = pubsub.published(world, "runs")
    assert [message["data"], message["attributes"]] == ["e30=", {"a": "b"}]
    assert world.resources[NAME]["status"] == {} and world.resources[NAME]["lastAttemptTime"]
    del world.resources[TOPIC]
    assert not scheduler.fire(world, "mondays") and world.resources[NAME]["status"] == {"code": 5}
    world.resources[TOPIC] = {"name": TOPIC}
    ask(world, f"POST {API}/{NAME}:pause", {})
    assert not scheduler.fire(world, "mondays") and len(pubsub.published(world, "runs")) == 1
