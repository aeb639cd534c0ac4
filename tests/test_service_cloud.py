"""The service that starts runs, from provisioning to a run by a message and back: in the stand-in cloud."""

from pathlib import Path
from typing import Any

import pytest
from cloud import pubsub, vault, vertex
from cloud.standin import NUMBER, PROJECT, Cloud
from cloud.world import member
from deliveries import delivered
from launches import VALUES, WORDS, caller
from privileges import place
from provisioned import DEPROVISION, PROVISION, provisioned, run

from AutoMLOps import read
from AutoMLOps.cloud import Resources, resources
from AutoMLOps.provisioning import SAID
from AutoMLOps.settings import Settings

pytest_plugins = ["cloud.fixture"]
pytestmark = [pytest.mark.slow, pytest.mark.thorough, pytest.mark.xdist_group("service")]

REMOTE = "https://github.com/example/words.git"
SECRETS = {"token": "pat/versions/1", "github_app": 12345}
CI = f"run_local=False, submission_service=True, source_repo_secrets={SECRETS!r}"


def table() -> Resources:
    found = read.pipeline(read.notebook("work.py", WORDS), VALUES).pipeline
    assert found
    settings = Settings(project_id=PROJECT, run_local=False, submission_service=True, source_repo_type="github",
                        source_repo_name="example/words", source_repo_secrets=(("github_app", "12345"), ("token", "pat/versions/1")))  # fmt: skip
    return resources(settings, found)


@pytest.fixture
def codebase(cloud: Cloud, tmp_path: Path) -> Path:
    """Generated in a work tree that is to be pushed to GitHub."""
    cloud.host(REMOTE)
    vault.keep(cloud.state, "pat")
    for words in ("init --quiet --initial-branch=main", f"remote add origin {REMOTE}", "config user.name Dev",
                  "config user.email dev@example.test"):  # fmt: skip
        assert cloud.run("git", "-C", str(tmp_path), *words.split()).returncode == 0
    call = caller(cloud, tmp_path)
    assert call(f"[AutoMLOps.generate({PROJECT!r}, {VALUES!r}, notebook='work.py', {CI}), 1][1]") == 1
    return tmp_path / "AutoMLOps"


def test_provisioned_twice_and_taken_away_the_world_is_as_before(cloud: Cloud, codebase: Path) -> None:
    before = cloud.state.picture()
    first = run(cloud, codebase, PROVISION)
    resources = table()
    held = {
        (each.partition(":")[2], role, on)
        for on in cloud.state.policies
        for role, members in cloud.state.bindings(on).items()
        for each in members
        if not each.startswith(("project", "user:"))
    }
    assert held == {
        (row.member.replace("PROJECT_NUMBER", NUMBER), row.role, place(row, resources)) for row in resources.bindings
    }
    picture = cloud.state.picture()
    writes = len(cloud.writes())
    again = run(cloud, codebase, PROVISION)
    assert any(line.startswith("created") for line in first.splitlines())
    assert not [line for line in again.splitlines() if line.startswith(("created", "changed"))], again
    assert cloud.state.picture() == picture and len(cloud.writes()) == writes
    run(cloud, codebase, DEPROVISION, DELETE_DATA="1")
    after = cloud.state.picture()
    assert set(after["resources"]) - set(before["resources"]) == {f"projects/{PROJECT}/roles/automlops_starts_runs"}
    assert {on: roles for on, roles in after["policies"].items() if on in before["policies"]} == before["policies"]
    run(cloud, codebase, PROVISION)
    again = cloud.state.picture()
    assert set(again["resources"]) == set(picture["resources"]) and again["policies"] == picture["policies"]


def test_a_changed_setting_of_the_service_is_one_change_of_it(cloud: Cloud, codebase: Path) -> None:
    provisioned(cloud, codebase)
    ((name, made),) = services(cloud)
    call = caller(cloud, codebase.parent)
    assert call("[AutoMLOps.generate(notebook='work.py', ingress='all'), 1][1]") == 1
    writes = len(cloud.writes())
    assert fates(run(cloud, codebase, PROVISION)) == ["changed service run-pipeline"]
    assert [line.partition(" ")[0] for line in cloud.writes()[writes:]] == ["PUT"]
    ((same, changed),) = services(cloud)
    assert same == name and changed["metadata"]["annotations"]["run.googleapis.com/ingress"] == "all"
    assert changed["spec"]["template"]["spec"] == made["spec"]["template"]["spec"]

    assert call("[AutoMLOps.generate(notebook='work.py', cloud_run_location='europe-west1'), 1][1]") == 1
    said = fates(run(cloud, codebase, PROVISION))
    assert "created service run-pipeline" in said and "removed service run-pipeline" in said
    assert "changed subscription automlops-runs-push" in said
    ((moved, found),) = services(cloud)
    assert moved.split("/")[3] == "europe-west1" and name not in cloud.state.policies
    push = cloud.state.resources[f"projects/{PROJECT}/subscriptions/automlops-runs-push"]["pushConfig"]
    assert push["pushEndpoint"] == f"{found['status']['url']}/push"
    assert set(cloud.state.bindings(moved)) == {"roles/run.invoker", "roles/run.developer"}
    writes = len(cloud.writes())
    assert fates(run(cloud, codebase, PROVISION)) == [] and len(cloud.writes()) == writes


def services(cloud: Cloud) -> list[tuple[str, dict[str, Any]]]:
    return [(name, found) for name, found in cloud.state.resources.items() if "/services/" in name]


def fates(said: str) -> list[str]:
    """FATE KIND NAME of what was not kept."""
    rows = (SAID.fullmatch(line) for line in said.splitlines())
    return [f"{row[1]} {row[2]} {row[3]}" for row in rows if row and row[1] != "kept" and row[2] != "record"]


def test_without_the_service_again_it_is_taken_away_and_builds_start_runs_themselves(
    cloud: Cloud, codebase: Path
) -> None:
    provisioned(cloud, codebase)
    call = caller(cloud, codebase.parent)
    assert call("[AutoMLOps.generate(notebook='work.py', submission_service=False), 1][1]") == 1
    assert not (codebase / "services").exists()
    said = run(cloud, codebase, PROVISION)
    removed = {line.split()[1] for line in said.splitlines() if line.startswith("removed")}
    assert removed == {"role", "service", "subscription", "topic"}
    kinds = ("/topics/", "/subscriptions/", "/services/")
    assert not [name for name in cloud.state.resources if any(kind in name for kind in kinds)]
    starts = f"projects/{PROJECT}/roles/automlops_starts_runs"
    assert cloud.state.bindings(f"projects/{PROJECT}")[starts] == (
        member(f"words-builder@{PROJECT}.iam.gserviceaccount.com"),
    )
    assert not [line for line in run(cloud, codebase, PROVISION).splitlines() if not line.startswith("kept")][:-2]


def test_a_push_deploys_the_service_and_a_message_to_it_is_the_run(cloud: Cloud, codebase: Path) -> None:
    provisioned(cloud, codebase)
    call = caller(cloud, codebase.parent)
    assert call("(lambda done: done.fresh)(AutoMLOps.deploy(notebook='work.py'))") is True
    cloud.settle()
    builds = [found for name, found in cloud.state.resources.items() if "/builds/" in name]
    logs = [text.decode() for name, text in cloud.state.content.items() if "/log-" in name]
    assert [build["status"] for build in builds] == ["SUCCESS"], logs
    assert not [name for name in cloud.state.resources if "/pipelineJobs/" in name], "the build starts none itself"
    (message,) = pubsub.published(cloud.state, "automlops-runs")
    assert [status for status, _ in brought(cloud, codebase, [message, message])] == [200, 200]
    cloud.settle()
    (job,) = [name for name in cloud.state.resources if "/pipelineJobs/" in name]
    assert job.endswith(f"words-{message['messageId']}")
    assert vertex.outputs(cloud.state, job)["count"] == {"Output": 3}

    run(cloud, codebase, "scripts/publish_to_topic.sh", '{"times": 5}')
    run(cloud, codebase, "scripts/publish_to_topic.sh", '{"times": "many"}')
    said = brought(cloud, codebase, pubsub.published(cloud.state, "automlops-runs")[1:])
    assert [each["outcome"] for _, each in said] == ["started", "dead letter"]
    cloud.settle()
    assert vertex.outputs(cloud.state, said[0][1]["job"])["count"] == {"Output": 5}
    (dead,) = pubsub.published(cloud.state, "automlops-runs-dead-letters")
    assert "times is a NUMBER_INTEGER" in dead["attributes"]["why"]


def brought(cloud: Cloud, codebase: Path, messages: list[dict[str, Any]]) -> list[tuple[int, dict[str, str]]]:
    """What the deployed service answers to messages."""
    ((name, _),) = services(cloud)
    return delivered(cloud, name, messages, codebase.parent)
