"""Schedules of Vertex AI itself: the build of a push makes, changes and keeps one, and provisioning takes it away."""

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from cloud import schedules, vault, vertex
from cloud.standin import PROJECT, Cloud
from launches import VALUES, caller
from provisioned import DEPROVISION, HURRIED, PROVISION, provisioned, run

pytest_plugins = ["cloud.fixture"]
pytestmark = [pytest.mark.slow, pytest.mark.thorough, pytest.mark.xdist_group("schedules of Vertex AI")]

REMOTE = "https://github.com/example/words.git"
SECRETS = {"token": "pat/versions/1", "github_app": 12345}
NAME = "AutoMLOps-schedule"
CI = f"run_local=False, source_repo_secrets={SECRETS!r}"
MORNINGS = "schedule='0 6 * * 1', schedule_time_zone='Europe/Berlin', schedule_engine='vertex'"
RUNNER = f"vertex-pipelines@{PROJECT}.iam.gserviceaccount.com"
BUILDER = f"words-builder@{PROJECT}.iam.gserviceaccount.com"


@pytest.fixture
def codebase(cloud: Cloud, tmp_path: Path) -> Path:
    """Generated in a work tree that is to be pushed to GitHub, and provisioned."""
    cloud.host(REMOTE)
    vault.keep(cloud.state, "pat")
    for words in ("init --quiet --initial-branch=main", f"remote add origin {REMOTE}", "config user.name Dev",
                  "config user.email dev@example.test"):  # fmt: skip
        assert cloud.run("git", "-C", str(tmp_path), *words.split()).returncode == 0
    call = caller(cloud, tmp_path)
    assert call(f"[AutoMLOps.generate({PROJECT!r}, {VALUES!r}, notebook='work.py', {CI}, {MORNINGS}), 1][1]") == 1
    return tmp_path / "AutoMLOps"


def generate(cloud: Cloud, codebase: Path, **more: Any) -> None:
    """Again, with other settings; the notebook is as it was left."""
    text, call = (codebase.parent / "work.py").read_text(), caller(cloud, codebase.parent)
    (codebase.parent / "work.py").write_text(text)
    said = ", ".join(f"{name}={value!r}" for name, value in more.items())
    assert call(f"[AutoMLOps.generate(notebook='work.py', {said}), 1][1]") == 1


def push(cloud: Cloud, codebase: Path) -> list[str]:
    """What the build of a push asks about schedules."""
    before, git = len(cloud.requests), ("git", "-C", str(codebase.parent))
    with (codebase / "README.md").open("a") as file:
        file.write("\nA line more.\n")  # something has to change
    for words in (
        ["add", "--all"],
        ["commit", "--quiet", "--message=work"],
        ["push", "--quiet", "origin", "HEAD:automlops"],
    ):
        done = cloud.run(*git, *words)
        assert done.returncode == 0, done.stderr
    cloud.settle()
    logs = [text.decode() for name, text in cloud.state.content.items() if "/log-" in name]
    builds = [found for name, found in cloud.state.resources.items() if "/builds/" in name]
    assert {build["status"] for build in builds} == {"SUCCESS"}, logs[-1]
    return asked(cloud, before)


def asked(cloud: Cloud, before: int) -> list[str]:
    """The requests about schedules since then, without what tells one schedule from another."""
    lines = [each.line for each in cloud.requests[before:] if "/schedules" in each.path]
    return [re.sub(r" \S+/schedules(?:/\d+)?", "", line) for line in lines]


def kept(cloud: Cloud) -> list[dict[str, Any]]:
    return [found for name, found in cloud.state.resources.items() if "/schedules/" in name]


def make(cloud: Cloud, codebase: Path, as_: str = BUILDER) -> tuple[list[str], str]:
    """What the last step of a build asks about schedules and says, without what came before it."""
    done = cloud.run("bash", codebase / "scripts/build_pipeline_spec.sh", cwd=codebase, env=HURRIED)
    assert done.returncode == 0, done.stdout + done.stderr
    spec = codebase / "scripts/pipeline_spec/pipeline_job.json"
    spec.write_text(re.sub(r'(docker.pkg.dev/[^"@]+)"', rf'\1@sha256:{"0" * 64}"', spec.read_text()))
    before = len(cloud.requests)
    done = cloud.run(sys.executable, codebase / "pipelines/pipeline_schedule.py", cwd=codebase, as_=as_)
    return asked(cloud, before), (done.stdout + done.stderr).strip()


def test_a_push_makes_the_schedule_and_what_it_starts_runs_to_its_end(cloud: Cloud, codebase: Path) -> None:
    said = run(cloud, codebase, PROVISION)
    assert f"created  schedule   {NAME} (the next push makes it: TZ=Europe/Berlin 0 6 * * 1)" in said
    assert kept(cloud) == [] and not any("/services/" in name for name in cloud.state.resources)
    assert push(cloud, codebase) == ["GET", "POST"]
    (made,) = kept(cloud)
    assert (made["displayName"], made["cron"], made["state"]) == (NAME, "TZ=Europe/Berlin 0 6 * * 1", "ACTIVE")
    job = made["createPipelineJobRequest"]["pipelineJob"]
    assert (job["serviceAccount"], job["runtimeConfig"]["parameterValues"]) == (RUNNER, VALUES)
    assert job["labels"].items() >= {"managed-by": "automlops", "automlops-pipeline": "words"}.items()
    assert "@sha256:" in json.dumps(job["pipelineSpec"]["deploymentSpec"])
    first = schedules.fire(cloud.state, NAME)
    cloud.jobs.look()
    cloud.settle()
    assert first and cloud.state.resources[first]["state"] == "PIPELINE_STATE_SUCCEEDED"
    assert vertex.outputs(cloud.state, first)["count"] == {"Output": 3}
    assert push(cloud, codebase) == ["GET"]


def test_one_schedule_is_changed_kept_and_replaced_and_stays_paused(cloud: Cloud, codebase: Path) -> None:
    provisioned(cloud, codebase)
    requests, said = make(cloud, codebase)
    assert requests == ["GET", "POST"] and said.startswith("schedule created, active: TZ=Europe/Berlin 0 6 * * 1\n")
    assert make(cloud, codebase)[0] == ["GET"]
    (made,) = kept(cloud)
    made["state"] = "PAUSED"
    generate(cloud, codebase, schedule="30 5 * * *", schedule_catch_up=True)
    requests, said = make(cloud, codebase)
    assert requests == ["GET", "PATCH"] and said.startswith("schedule changed, paused: TZ=Europe/Berlin 30 5 * * *")
    (changed,) = kept(cloud)
    assert (changed["name"], changed["state"], changed["allowQueueing"]) == (made["name"], "PAUSED", True)
    (sent,) = [each for each in cloud.requests if each.method == "PATCH" and "/schedules/" in each.path]
    assert sent.query["updateMask"] == ["cron,allowQueueing"]

    cloud.state.resuming = True
    generate(cloud, codebase, schedule="45 5 * * *")
    assert make(cloud, codebase)[0] == ["GET", "PATCH", "POST:pause"] and kept(cloud)[0]["state"] == "PAUSED"
    call = caller(cloud, codebase.parent)
    assert call("AutoMLOps.schedules.update('50 5 * * *').schedule.state") == "PAUSED"
    assert kept(cloud)[0]["state"] == "PAUSED"
    cloud.state.resuming = False

    generate(cloud, codebase, schedule_max_runs=2, schedule_concurrency=3)
    assert make(cloud, codebase)[0] == ["GET", "PATCH"]
    generate(cloud, codebase, schedule_max_runs=None)
    assert make(cloud, codebase)[0] == ["GET", "POST", "POST:pause", "DELETE"], "Google empties no field"
    (other,) = kept(cloud)
    assert other["name"] != made["name"] and "maxRunCount" not in other
    assert (other["state"], other["maxConcurrentRunCount"], other["maxConcurrentActiveRunCount"]) == (
        "PAUSED",
        "3",
        "3",
    )


def test_a_schedule_that_has_made_all_of_its_runs_begins_anew_only_where_it_says_something_else(
    cloud: Cloud, codebase: Path
) -> None:
    generate(cloud, codebase, schedule_max_runs=1)
    provisioned(cloud, codebase)
    make(cloud, codebase)
    schedules.fire(cloud.state, NAME)
    values = codebase / "pipelines/runtime_parameters/pipeline_parameter_values.json"
    values.write_text(json.dumps({**VALUES, "times": 4}))
    requests, said = make(cloud, codebase)
    assert requests == ["GET"] and said.startswith("schedule kept, completed")
    generate(cloud, codebase, schedule_max_runs=3)
    assert make(cloud, codebase)[0] == ["GET", "POST", "DELETE"]
    (made,) = kept(cloud)
    assert (made["state"], made["maxRunCount"]) == ("ACTIVE", "3")
    assert made["createPipelineJobRequest"]["pipelineJob"]["runtimeConfig"]["parameterValues"]["times"] == 4


def test_what_others_call_alike_stays_and_a_double_goes(cloud: Cloud, codebase: Path) -> None:
    provisioned(cloud, codebase)
    make(cloud, codebase)
    (made,) = kept(cloud)
    place = f"projects/{PROJECT}/locations/us-central1/schedules"
    theirs, double = json.loads(json.dumps(made)), json.loads(json.dumps(made))
    theirs["createPipelineJobRequest"]["pipelineJob"]["labels"]["automlops-pipeline"] = "other"
    theirs["name"], double["name"], double["createTime"] = f"{place}/1", f"{place}/2", "2020-01-01T00:00:00Z"
    cloud.state.resources |= {f"{place}/1": theirs, f"{place}/2": double}
    assert make(cloud, codebase)[0] == ["GET", "DELETE"]
    assert [each["name"] for each in kept(cloud)] == [made["name"], f"{place}/1"]
    said = run(cloud, codebase, DEPROVISION, DELETE_DATA="1")
    assert f"removed  schedule   {NAME} (this pipeline made it)" in said
    assert [each["name"] for each in kept(cloud)] == [f"{place}/1"]


def test_what_google_loses_on_the_way_is_made_once(cloud: Cloud, codebase: Path) -> None:
    provisioned(cloud, codebase)
    cloud.fault("POST .*/schedules", 503, after=True)
    requests, said = make(cloud, codebase)
    assert requests == ["GET", "POST", "GET"] and "schedule kept, active" in said
    assert len(kept(cloud)) == 1


def test_each_permission_of_the_builder_is_needed(cloud: Cloud, codebase: Path) -> None:
    generate(cloud, codebase, schedule_max_runs=2)
    provisioned(cloud, codebase)
    role = cloud.state.resources[f"projects/{PROJECT}/roles/automlops_schedules_runs"]
    held = [f"aiplatform.schedules.{each}" for each in ("create", "delete", "list", "update")]
    assert role["includedPermissions"] == held

    def refused(permission: str) -> None:
        lacking = f"aiplatform.schedules.{permission}"
        role["includedPermissions"] = [each for each in held if each != lacking]
        said = make(cloud, codebase)[1]
        assert said.startswith("the schedule was not set: 403 ") and lacking in said
        assert "provision/provision_resources.sh gives it" in said
        role["includedPermissions"] = held

    refused("list")
    refused("create")
    account = f"projects/{PROJECT}/serviceAccounts/{RUNNER}"
    cloud.state.revoke(BUILDER, "roles/iam.serviceAccountUser", on=account)
    assert "act as" in make(cloud, codebase)[1] and kept(cloud) == []
    cloud.state.grant(BUILDER, "roles/iam.serviceAccountUser", on=account)
    assert make(cloud, codebase)[1].startswith("schedule created")
    generate(cloud, codebase, schedule="30 5 * * *")
    refused("update")
    assert make(cloud, codebase)[1].startswith("schedule changed")
    generate(cloud, codebase, schedule_max_runs=None)
    refused("delete")
    assert make(cloud, codebase)[1].startswith("schedule ") and len(kept(cloud)) == 1


@pytest.mark.parametrize(
    "settings", [{"schedule": None}, {"schedule_engine": "cloud-scheduler"}, {"schedule_name": "noons"}]
)
def test_what_is_not_asked_for_any_more_provisioning_takes_away(
    cloud: Cloud, codebase: Path, settings: dict[str, Any]
) -> None:
    provisioned(cloud, codebase)
    make(cloud, codebase)
    generate(cloud, codebase, **settings)
    assert f"remove   schedule   {NAME} (nothing needs it any more)" in run(cloud, codebase, PROVISION, PLAN="1")
    assert len(kept(cloud)) == 1
    said = run(cloud, codebase, PROVISION)
    assert f"removed  schedule   {NAME} (nothing needs it any more)" in said and kept(cloud) == []
    role = cloud.state.bindings(f"projects/{PROJECT}").get(f"projects/{PROJECT}/roles/automlops_schedules_runs", ())
    assert bool(role) == ("schedule_name" in settings)
    assert "\nremoved " not in run(cloud, codebase, PROVISION)


def test_the_calls_of_schedules_see_it_pause_it_change_it_and_delete_it(cloud: Cloud, codebase: Path) -> None:
    provisioned(cloud, codebase)
    call = caller(cloud, codebase.parent)
    assert "there is no schedule AutoMLOps-schedule" in call("AutoMLOps.schedules.pause()")
    make(cloud, codebase)
    (made,) = kept(cloud)
    theirs = json.loads(json.dumps(made))
    theirs["createPipelineJobRequest"]["pipelineJob"]["labels"]["automlops-pipeline"] = "other"
    theirs["name"] = f"projects/{PROJECT}/locations/us-central1/schedules/1"
    cloud.state.resources[theirs["name"]] = theirs
    seen = call(
        "[[each.pipeline, each.name, each.cron, each.time_zone, each.state] for each in AutoMLOps.schedules.list()]"
    )
    assert seen == [[each, NAME, "0 6 * * 1", "Europe/Berlin", "ACTIVE"] for each in ("other", "words")]
    before = len(cloud.requests)
    done = call(
        "[done.fate for done in (AutoMLOps.schedules.pause(), AutoMLOps.schedules.pause(),"
        " AutoMLOps.schedules.update('30 7 * * 1'), AutoMLOps.schedules.resume())]"
    )
    assert done == ["paused", "kept", "changed", "resumed"]
    assert [each for each in asked(cloud, before) if each != "GET"] == ["POST:pause", "PATCH", "POST:resume"]
    (made, other) = kept(cloud)
    assert (made["cron"], made["state"], other) == ("TZ=Europe/Berlin 30 7 * * 1", "ACTIVE", theirs)
    assert make(cloud, codebase)[0] == ["GET", "PATCH"], "the next push goes back to what the codebase says"
    said = call("str(AutoMLOps.schedules.delete())")
    assert "the next push makes it again" in said and kept(cloud) == [theirs]
