"""A schedule by Cloud Scheduler, from go() to a run by the clock and back: in the stand-in cloud."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
import test_service_cloud as service
from cloud import pubsub, scheduler, vault, vertex
from cloud.standin import OWNER, PROJECT, Cloud
from launches import VALUES, Called, caller
from provisioned import DEPROVISION, PROVISION, provisioned, run

pytest_plugins = ["cloud.fixture"]
pytestmark = [pytest.mark.slow, pytest.mark.thorough, pytest.mark.xdist_group("schedules")]

REMOTE = service.REMOTE
HOST = "cloudscheduler.googleapis.com"
PARENT = f"projects/{PROJECT}/locations/us-central1/jobs"
JOB = f"{PARENT}/AutoMLOps-schedule"
CI = f"run_local=False, source_repo_secrets={service.SECRETS!r}"
MONDAYS = "schedule='0 6 * * 1', schedule_time_zone='Europe/Berlin'"
THEIRS = {
    "name": JOB, "schedule": "0 0 * * *", "timeZone": "Etc/UTC", "state": "ENABLED",
    "pubsubTarget": {"topicName": f"projects/{PROJECT}/topics/automlops-runs", "data": "e30=",
                     "attributes": {"managed-by": "automlops", "automlops-pipeline": "beer"}},
}  # fmt: skip


@pytest.fixture
def call(cloud: Cloud, tmp_path: Path) -> Called:
    """Calls AutoMLOps in a work tree that is to be pushed to GitHub."""
    cloud.host(REMOTE)
    vault.keep(cloud.state, "pat")
    for words in ("init --quiet --initial-branch=main", f"remote add origin {REMOTE}", "config user.name Dev",
                  "config user.email dev@example.test"):  # fmt: skip
        assert cloud.run("git", "-C", str(tmp_path), *words.split()).returncode == 0
    return caller(cloud, tmp_path)


def generate(call: Called, more: str = MONDAYS) -> None:
    given = f"{PROJECT!r}, {VALUES!r}, notebook='work.py', {CI}, {more}"
    assert call(f"[AutoMLOps.generate({given}), 1][1]") == 1


def rows(said: str, kind: str) -> list[list[str]]:
    """What a script said of all things of a kind: its fate, its name."""
    return [[line.split()[0], line.split()[2]] for line in said.splitlines() if line.split()[1:2] == [kind]]


def written(cloud: Cloud, since: int) -> list[str]:
    return cloud.writes()[since:]


def job(cloud: Cloud) -> dict[str, Any]:
    found: dict[str, Any] = cloud.state.resources[JOB]
    return found


def test_a_schedule_is_made_once_and_changed_by_one_request(cloud: Cloud, call: Called, tmp_path: Path) -> None:
    generate(call)
    codebase = tmp_path / "AutoMLOps"
    plan = call("[[each.fate, each.kind, each.name, each.why] for each in AutoMLOps.plan().rows]")
    assert ["create", "schedule", "AutoMLOps-schedule",
            "asks for a run at 06:00 on Monday, by the clocks of Europe/Berlin"] in plan  # fmt: skip
    assert cloud.writes() == []

    said = run(cloud, codebase, PROVISION)
    assert rows(said, "schedule") == [["created", "AutoMLOps-schedule"]]
    found, target = job(cloud), job(cloud)["pubsubTarget"]
    assert [found["schedule"], found["timeZone"], found["state"]] == ["0 6 * * 1", "Europe/Berlin", "ENABLED"]
    assert target["topicName"] == f"projects/{PROJECT}/topics/automlops-runs"
    assert json.loads(base64.b64decode(target["data"])) == {"pipeline": "words"}

    writes, picture = len(cloud.writes()), cloud.state.picture()
    assert rows(run(cloud, codebase, PROVISION), "schedule") == [["kept", "AutoMLOps-schedule"]]
    assert written(cloud, writes) == [] and cloud.state.picture() == picture

    generate(call, "schedule='30 7 * * MON-FRI'")
    assert rows(run(cloud, codebase, PROVISION, PLAN="1"), "schedule") == [["change", "AutoMLOps-schedule"]]
    assert rows(run(cloud, codebase, PROVISION), "schedule") == [["changed", "AutoMLOps-schedule"]]
    assert written(cloud, writes) == [f"PATCH {HOST}/v1/{JOB}"]
    assert job(cloud)["schedule"] == "30 7 * * MON-FRI"


def test_without_a_cron_line_again_it_is_taken_away(cloud: Cloud, call: Called, tmp_path: Path) -> None:
    generate(call)
    codebase = tmp_path / "AutoMLOps"
    provisioned(cloud, codebase)
    writes = len(cloud.writes())
    generate(call, "schedule=None, submission_service=True")
    assert rows(run(cloud, codebase, PROVISION, PLAN="1"), "schedule") == [["remove", "AutoMLOps-schedule"]]
    assert JOB in cloud.state.resources and written(cloud, writes) == []
    assert rows(run(cloud, codebase, PROVISION), "schedule") == [["removed", "AutoMLOps-schedule"]]
    assert [line for line in written(cloud, writes) if HOST in line] == [f"DELETE {HOST}/v1/{JOB}"]
    assert JOB not in cloud.state.resources


def test_taken_away_it_is_exactly_ours(cloud: Cloud, call: Called, tmp_path: Path) -> None:
    generate(call)
    codebase, theirs = tmp_path / "AutoMLOps", f"{PARENT}/beer-schedule"
    cloud.state.resources[theirs] = {**THEIRS, "name": theirs}
    before = set(cloud.state.resources)
    provisioned(cloud, codebase)
    assert rows(run(cloud, codebase, DEPROVISION, DELETE_DATA="1"), "schedule") == [["removed", "AutoMLOps-schedule"]]
    assert set(cloud.state.resources) - before == {f"projects/{PROJECT}/roles/automlops_starts_runs"}
    assert theirs in cloud.state.resources


def test_paused_resumed_changed_and_deleted_by_gcloud_as_it_is(cloud: Cloud, call: Called, tmp_path: Path) -> None:
    generate(call)
    cloud.state.enable("cloudscheduler", project=PROJECT)
    marks = {"managed-by": "automlops", "automlops-pipeline": "words"}
    cloud.state.resources[JOB] = {
        **THEIRS, "schedule": "0 6 * * 1", "timeZone": "Europe/Berlin", "scheduleTime": "2026-11-30T05:00:00Z",
        "pubsubTarget": {**THEIRS["pubsubTarget"], "attributes": marks},
    }  # fmt: skip
    row = "(each.pipeline, each.cron, each.time_zone, each.state, each.next)"
    assert call(f"[{row} for each in AutoMLOps.schedules.list()]") == [
        ["words", "0 6 * * 1", "Europe/Berlin", "ENABLED", 1796014800.0]
    ]
    fates = [call(f"AutoMLOps.schedules.{verb}().fate") for verb in ("pause", "pause")]
    assert fates == ["paused", "kept"]
    assert call("AutoMLOps.schedules.update('30 7 * * MON-FRI').schedule.cron") == "30 7 * * MON-FRI"
    assert [job(cloud)["state"], job(cloud)["pubsubTarget"]["attributes"]] == ["PAUSED", marks]
    assert call("AutoMLOps.schedules.resume().schedule.state") == "ENABLED"
    assert call("AutoMLOps.schedules.delete().fate") == "deleted"
    assert [line for line in cloud.writes() if HOST in line] == [
        f"POST {HOST}/v1/{JOB}:pause", f"PATCH {HOST}/v1/{JOB}", f"POST {HOST}/v1/{JOB}:resume", f"DELETE {HOST}/v1/{JOB}",
    ]  # fmt: skip
    assert "there is no schedule AutoMLOps-schedule" in call("str(AutoMLOps.schedules.pause())")
    cloud.state.revoke(OWNER, "roles/owner", on=f"projects/{PROJECT}")
    assert "it takes roles/cloudscheduler.admin on the project" in call("str(AutoMLOps.schedules.list())")


def test_a_paused_schedule_stays_paused_whatever_else_changes(cloud: Cloud, call: Called, tmp_path: Path) -> None:
    generate(call)
    codebase = tmp_path / "AutoMLOps"
    provisioned(cloud, codebase)
    job(cloud)["state"] = "PAUSED"
    writes = len(cloud.writes())
    said = run(cloud, codebase, PROVISION)
    assert "kept     schedule   AutoMLOps-schedule (somebody paused it, and it stays so" in said
    assert written(cloud, writes) == []
    generate(call, "schedule='30 7 * * MON-FRI'")
    run(cloud, codebase, PROVISION)
    assert [job(cloud)["state"], job(cloud)["schedule"]] == ["PAUSED", "30 7 * * MON-FRI"]
    assert written(cloud, writes) == [f"PATCH {HOST}/v1/{JOB}"]

    cloud.state.resuming, writes = True, len(cloud.writes())
    generate(call, "schedule='45 7 * * MON-FRI'")
    run(cloud, codebase, PROVISION)
    assert [job(cloud)["state"], job(cloud)["schedule"]] == ["PAUSED", "45 7 * * MON-FRI"]
    assert call("AutoMLOps.schedules.update('50 7 * * MON-FRI').schedule.state") == "PAUSED"
    assert job(cloud)["state"] == "PAUSED"
    assert written(cloud, writes) == [f"PATCH {HOST}/v1/{JOB}", f"POST {HOST}/v1/{JOB}:pause"] * 2


def test_the_schedule_of_another_pipeline_is_refused_before_anything_is_made(
    cloud: Cloud, call: Called, tmp_path: Path
) -> None:
    generate(call)
    codebase = tmp_path / "AutoMLOps"
    cloud.state.enable("cloudscheduler", "cloudbuild", project=PROJECT)
    cloud.state.resources[JOB] = {**THEIRS}
    plan = call("[[each.kind, each.why] for each in AutoMLOps.plan().rows if each.fate == 'needed']")
    assert [
        "schedule",
        "one of that name is of the pipeline beer: choose another schedule_name, or a naming_prefix",
    ] in plan
    said = call("str(AutoMLOps.provision())")
    assert "there is one of that name already, of the pipeline beer" in said
    assert "choose another schedule_name, or a naming_prefix" in said
    assert cloud.state.resources[JOB] == THEIRS
    assert not [line for line in cloud.writes() if "services:batchEnable" not in line]

    generate(call, f"{MONDAYS}, schedule_name='words-on-mondays'")
    provisioned(cloud, codebase)
    assert f"{PARENT}/words-on-mondays" in cloud.state.resources and cloud.state.resources[JOB] == THEIRS


def test_one_that_became_another_pipeline_s_is_neither_dropped_nor_taken_away(
    cloud: Cloud, call: Called, tmp_path: Path
) -> None:
    generate(call)
    codebase = tmp_path / "AutoMLOps"
    provisioned(cloud, codebase)
    cloud.state.resources[JOB] = {**THEIRS}
    assert "of the pipeline beer" in call("str(AutoMLOps.provision())")
    assert rows(run(cloud, codebase, DEPROVISION, DELETE_DATA="1"), "schedule") == [["gone", "AutoMLOps-schedule"]]
    assert cloud.state.resources[JOB] == THEIRS

    del cloud.state.resources[JOB]
    run(cloud, codebase, PROVISION)
    cloud.state.resources[JOB] = {**THEIRS}
    generate(call, "schedule=None")
    run(cloud, codebase, PROVISION)
    assert cloud.state.resources[JOB] == THEIRS


def test_by_the_clock_the_released_pipeline_runs_with_the_values_of_then(
    cloud: Cloud, call: Called, tmp_path: Path
) -> None:
    generate(call)
    codebase = tmp_path / "AutoMLOps"
    provisioned(cloud, codebase)
    assert call("(lambda done: done.fresh)(AutoMLOps.deploy(notebook='work.py'))") is True
    cloud.settle()
    after_push = len(pubsub.published(cloud.state, "automlops-runs"))
    assert scheduler.fire(cloud.state, "AutoMLOps-schedule")
    assert outcome(cloud, codebase, after_push) == {"Output": 3}

    (release,) = [name for name in cloud.state.content if name.endswith("/words/release/job.json")]
    released = json.loads(cloud.state.content[release])
    released["job"]["runtimeConfig"]["parameterValues"]["times"] = 5
    cloud.state.content[release] = json.dumps(released).encode()
    after_push = len(pubsub.published(cloud.state, "automlops-runs"))
    assert scheduler.fire(cloud.state, "AutoMLOps-schedule")
    assert outcome(cloud, codebase, after_push) == {"Output": 5}

    job(cloud)["state"] = "PAUSED"
    assert not scheduler.fire(cloud.state, "AutoMLOps-schedule")


def outcome(cloud: Cloud, codebase: Path, since: int) -> Any:
    """What the one run came to that the messages since then asked for."""
    (message,) = pubsub.published(cloud.state, "automlops-runs")[since:]
    ((status, said),) = service.brought(cloud, codebase, [message])
    assert (status, said["outcome"]) == (200, "started"), said
    cloud.settle()
    return vertex.outputs(cloud.state, said["job"])["count"]


@pytest.mark.parametrize(
    "given",
    [
        {"schedule": '0 0 * * "$(id)"'},
        {"schedule": "0 6 * * 1", "schedule_time_zone": "$(id)"},
        {"schedule": "0 6 * * 1", "schedule_name": "`id`"},
        {"schedule": "0 6 * * 1", "schedule_location": "us-central1; id"},
    ],
)
def test_hostile_values_are_one_error_and_nothing_is_written(
    cloud: Cloud, call: Called, tmp_path: Path, given: dict[str, str]
) -> None:
    said = call(f"str(AutoMLOps.generate({PROJECT!r}, {VALUES!r}, notebook='work.py', {CI}, **{given!r}))")
    assert said.startswith("BadInput: 1 problem, nothing was written:") and list(given)[-1] in said
    assert not (tmp_path / "AutoMLOps").exists() and not cloud.requests
