"""The service that starts runs, from provisioning to a run by a message and back: in the stand-in cloud."""

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from cloud import images, pubsub, vault, vertex
from cloud.standin import NUMBER, PROJECT, Cloud
from cloud.world import member
from launches import VALUES, WORDS, caller

from AutoMLOps import read
from AutoMLOps.cloud import Binding, On, Resources, resources
from AutoMLOps.settings import Settings

pytest_plugins = ["cloud.fixture"]
pytestmark = [pytest.mark.slow, pytest.mark.thorough]

REMOTE = "https://github.com/example/words.git"
PROVISION, DEPROVISION = "provision/provision_resources.sh", "provision/deprovision_resources.sh"
SECRETS = {"token": "pat/versions/1", "github_app": 12345}
CI = f"run_local=False, submission_service=True, source_repo_secrets={SECRETS!r}"
HURRIED = {
    "PATH": os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"])),
    "BASH_FUNC_sleep%%": "() { :; }",
}

# Brings a message to the service as its image has it, with its own account's credentials, as Cloud Run would.
DELIVER = """
import base64, json, os, sys, time
sys.path.insert(0, sys.argv[1])
os.environ["K_SERVICE"] = "run-pipeline"
import main
from starlette.testclient import TestClient
now = time.time()
said = {"iss": "https://accounts.google.com", "aud": main.AUDIENCE, "email": main.INVOKER, "email_verified": True, "iat": now, "exp": now + 60}
token = ".".join(("e30", base64.urlsafe_b64encode(json.dumps(said).encode()).decode().rstrip("="), "SIGNATURE_REMOVED_BY_GOOGLE"))
with TestClient(main.app) as client:
    for message in json.loads(sys.argv[2]):
        found = client.post("/push", json={"message": message}, headers={"Authorization": f"Bearer {token}"})
        print(json.dumps([found.status_code, found.json()]))
"""


def table() -> Resources:
    found = read.pipeline(read.notebook("work.py", WORDS), VALUES).pipeline
    assert found
    settings = Settings(project_id=PROJECT, run_local=False, submission_service=True, source_repo_type="github",
                        source_repo_name="example/words", source_repo_secrets=(("github_app", "12345"), ("token", "pat/versions/1")))  # fmt: skip
    return resources(settings, found)


def place(row: Binding, resources: Resources) -> str:
    """What a role is bound to, as the stand-in names it."""
    assert resources.registry and resources.service
    within = f"projects/{PROJECT}"
    return {
        On.PROJECT: f"projects/{row.name}",
        On.REGISTRY: f"{within}/locations/{resources.registry.location}/repositories/{row.name}",
        On.BUCKET: f"buckets/{row.name}",
        On.ACCOUNT: f"{within}/serviceAccounts/{row.name}",
        On.SECRET: f"{within}/secrets/{row.name}",
        On.TOPIC: f"{within}/topics/{row.name}",
        On.SUBSCRIPTION: f"{within}/subscriptions/{row.name}",
        On.SERVICE: f"{within}/locations/{resources.service.location}/services/{row.name}",
    }[row.on]


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


def run(cloud: Cloud, codebase: Path, script: str, *words: str, **env: str) -> str:
    done = cloud.run(codebase / script, *words, cwd=codebase, env={**HURRIED, **env})
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


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


def test_without_the_service_again_it_is_taken_away_and_builds_start_runs_themselves(
    cloud: Cloud, codebase: Path
) -> None:
    run(cloud, codebase, PROVISION)
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
    run(cloud, codebase, PROVISION)
    call = caller(cloud, codebase.parent)
    assert call("(lambda done: done.fresh)(AutoMLOps.deploy(notebook='work.py'))") is True
    cloud.settle()
    builds = [found for name, found in cloud.state.resources.items() if "/builds/" in name]
    logs = [text.decode() for name, text in cloud.state.content.items() if "/log-" in name]
    assert [build["status"] for build in builds] == ["SUCCESS"], logs
    assert not [name for name in cloud.state.resources if "/pipelineJobs/" in name], "the build starts none itself"
    (message,) = pubsub.published(cloud.state, "automlops-runs")
    assert [status for status, _ in delivered(cloud, codebase, [message, message])] == [200, 200]
    cloud.settle()
    (job,) = [name for name in cloud.state.resources if "/pipelineJobs/" in name]
    assert job.endswith(f"words-{message['messageId']}")
    assert vertex.outputs(cloud.state, job)["count"] == {"Output": 3}

    run(cloud, codebase, "scripts/publish_to_topic.sh", '{"times": 5}')
    run(cloud, codebase, "scripts/publish_to_topic.sh", '{"times": "many"}')
    said = delivered(cloud, codebase, pubsub.published(cloud.state, "automlops-runs")[1:])
    assert [each["outcome"] for _, each in said] == ["started", "dead letter"]
    cloud.settle()
    assert vertex.outputs(cloud.state, said[0][1]["job"])["count"] == {"Output": 5}
    (dead,) = pubsub.published(cloud.state, "automlops-runs-dead-letters")
    assert "times is a NUMBER_INTEGER" in dead["attributes"]["why"]


def delivered(cloud: Cloud, codebase: Path, messages: list[dict[str, Any]]) -> list[tuple[int, dict[str, str]]]:
    """What the deployed service answers to messages, by the account that it runs as."""
    resources = table()
    assert resources.service
    name = place(Binding(member="", role="", on=On.SERVICE, name=resources.service.name, why=""), resources)
    spec = cloud.state.resources[name]["spec"]["template"]["spec"]
    assert not spec["containers"][0].get("command"), "the placeholder's command is gone"
    assert cloud.state.permits(member(resources.service.invoker.email), "run.routes.invoke", name)
    folder = codebase.parent / "container"
    folder.mkdir(exist_ok=True)
    for path, content in images.files(cloud.state, spec["containers"][0]["image"], "service").items():
        (folder / path).write_bytes(content)
    done = cloud.run(sys.executable, "-c", DELIVER, folder, json.dumps(messages), as_=spec["serviceAccountName"])
    assert done.returncode == 0, done.stderr
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    return [(status, said) for status, said in (each for each in answers if isinstance(each, list))]
