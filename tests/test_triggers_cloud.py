"""plan(), provision() and deprovision() of a pipeline that a push starts: its connection, its repository, its trigger."""

import hashlib
from pathlib import Path
from typing import Any

import pytest
from cloud import connections, vault
from cloud.standin import NUMBER, OWNER, PROJECT, Cloud
from launches import VALUES, Called, caller
from test_cloud_standin import ask

pytest_plugins = ["cloud.fixture"]
pytestmark = [pytest.mark.slow, pytest.mark.thorough]

P = f"projects/{PROJECT}"
R = f"{P}/locations/us-central1"
TRIGGER = f"{R}/triggers/automlops-trigger"
CONNECTION = f"{R}/connections/automlops-github"
ROLE = f"{P}/roles/automlops_starts_runs"
AGENT = f"service-{NUMBER}@gcp-sa-cloudbuild.iam.gserviceaccount.com"
SOURCE = "run_local=False, source_repo_type='github', source_repo_name='example/words'"
SECRETS = "source_repo_secrets={'token': 'pat/versions/1', 'github_app': 12345}"
BECAME = {"create": "created", "change": "changed", "keep": "kept"}
Rows = list[list[str]]


@pytest.fixture
def call(cloud: Cloud, tmp_path: Path) -> Called:
    vault.keep(cloud.state, "pat")
    cloud.host("https://github.com/example/words.git")
    return caller(cloud, tmp_path)


def generate(call: Called, more: str = SECRETS) -> None:
    call(f"str(AutoMLOps.generate({PROJECT!r}, {VALUES!r}, notebook='work.py', {SOURCE}, {more}))")


def rows(call: Called, verb: str) -> Rows:
    """The rows of a verb, in an order of their own: what is done side by side is told as it is done."""
    found = call(f"[[each.kind, each.name, each.fate] for each in AutoMLOps.{verb}.rows]")
    assert isinstance(found, list), found
    return sorted(found)


def fates(found: Rows) -> set[str]:
    return {fate for _, _, fate in found}


def promised(found: Rows) -> Rows:
    return [[kind, name, BECAME[fate]] for kind, name, fate in found]


def files(folder: Path) -> dict[str, str]:
    """What is in a folder: but for the lock, which every call may take."""
    found = {path for path in folder.rglob("*") if path.is_file() and path.name != "lock"}
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in found}


def settled(picture: Any) -> Any:
    """The picture with the lines of records in order: what is made side by side is written down as it is done.

    Without what a bucket keeps of objects that were replaced or deleted.
    """
    match picture:
        case dict():
            return {name: settled(value) for name, value in picture.items() if "#" not in name}
        case list() | tuple():
            return [settled(value) for value in picture]
        case bytes():
            return sorted(picture.split(b"\n"))
    return picture


def without_apis(picture: Any) -> Any:
    return {name: value for name, value in picture.items() if name != "services"}


def test_what_plan_promises_is_what_provision_does_and_a_second_time_nothing(
    call: Called, cloud: Cloud, tmp_path: Path
) -> None:
    generate(call)
    before, disk = cloud.state.picture(), files(tmp_path)
    plan = rows(call, "plan()")
    assert [row for row in plan if row[2] == "keep"] == [["api", "storage.googleapis.com", "keep"]]
    assert [kind for kind, _, fate in plan if fate == "change"] == ["record"]
    assert ["trigger", "automlops-trigger", "create"] in plan
    assert cloud.writes() == [] and cloud.state.picture() == before and files(tmp_path) == disk
    assert rows(call, "provision()") == promised(plan)

    whole, made = cloud.state.picture(), len(cloud.writes())
    again = rows(call, "provision()")
    assert fates(again) == {"kept"} and [row[:2] for row in again] == [row[:2] for row in plan]
    assert len(cloud.writes()) == made and cloud.state.picture() == whole

    generate(call, "csr_branch_name='release'")
    plan = rows(call, "plan()")
    assert [row for row in plan if row[2] != "keep"] == [["trigger", "automlops-trigger", "change"]]
    assert len(cloud.writes()) == made
    assert rows(call, "provision()") == promised(plan)
    assert cloud.writes()[made:] == [f"PATCH cloudbuild.googleapis.com/v1/{TRIGGER}"]
    assert cloud.state.resources[TRIGGER]["repositoryEventConfig"]["push"] == {"branch": "^release$"}


@pytest.mark.parametrize(("tags", "whose"), [(["automlops", "beer"], "the pipeline beer"), ([], "somebody else")])
def test_somebody_else_s_trigger_is_refused_before_anything_is_made(
    call: Called, cloud: Cloud, tags: list[str], whose: str
) -> None:
    account = f"{P}/serviceAccounts/other@{PROJECT}.iam.gserviceaccount.com"
    theirs = {"name": "automlops-trigger", "id": "1", "filename": "theirs.yaml", "serviceAccount": account}
    cloud.state.resources[TRIGGER] = {**theirs, "tags": tags, "triggerTemplate": {"repoName": "a", "branchName": "b"}}
    cloud.state.enable("cloudbuild", project=PROJECT)
    generate(call)
    before = cloud.state.picture()
    ((name, hint),) = call("[[each.message, each.hint] for each in AutoMLOps.plan().problems]")
    assert "automlops-trigger" in name and whose in hint and "cb_trigger_name" in hint
    told = call("str(AutoMLOps.provision())")
    assert told.startswith("ScriptFailed:") and whose in told and "cb_trigger_name" in told
    assert without_apis(cloud.state.picture()) == without_apis(before)


def test_two_pipelines_share_what_they_can_and_the_last_one_takes_it_away(
    call: Called, cloud: Cloud, tmp_path: Path
) -> None:
    first = cloud.state.picture()
    generate(call)
    made = rows(call, "provision()")
    alone = settled(cloud.state.picture())

    beer = tmp_path / "beer"
    beer.mkdir()
    other = caller(cloud, beer)
    (beer / "work.py").write_text((beer / "work.py").read_text().replace('name="words"', 'name="beer"'))
    generate(other, f"{SECRETS}, cb_trigger_name='beer-trigger'")
    rows(other, "provision()")
    both = cloud.state.picture()
    assert {name for name in both["resources"] if "/triggers/" in name} == {TRIGGER, f"{R}/triggers/beer-trigger"}

    taken = rows(other, "deprovision()")
    assert ["trigger", "beer-trigger", "removed"] in taken
    assert {kind for kind, _, fate in taken if fate == "kept"} <= {"role", "pipeline"}
    assert settled(cloud.state.picture()) == alone

    writes, there, disk = len(cloud.writes()), cloud.state.picture(), files(tmp_path)
    dry = rows(call, "deprovision(dry_run=True)")
    assert len(cloud.writes()) == writes and cloud.state.picture() == there and files(tmp_path) == disk
    gone = rows(call, "deprovision()")
    assert [[kind, name] for kind, name, _ in gone] == [[kind, name] for kind, name, _ in dry]
    assert fates(dry) == {"remove", "keep"} and fates(gone) <= {"removed", "gone", "kept"}
    assert [name for _, name, fate in gone if fate == "kept"] == ["automlops_starts_runs"]
    things = {(kind, name) for kind, name, fate in made if fate == "created" and kind != "api"}
    assert things == {(kind, name) for kind, name, _ in gone}
    left = without_apis(cloud.state.picture())
    assert left["resources"].pop(ROLE) and left == without_apis(first)

    cloud.state.resources[ROLE]["deleted"] = True  # by a person
    writes = len(cloud.writes())
    assert ["own-role", "automlops_starts_runs", "created"] in rows(call, "provision()")
    assert f"POST iam.googleapis.com/v1/{ROLE}:undelete" in cloud.writes()[writes:]
    assert settled(cloud.state.picture()) == alone


def test_a_connection_that_takes_a_person_stops_it_with_the_link_and_then_goes_on(call: Called, cloud: Cloud) -> None:
    console = f"https://console.cloud.google.com/cloud-build/repositories/2nd-gen?project={PROJECT}"
    told = call(f"str(AutoMLOps.go({PROJECT!r}, {VALUES!r}, notebook='work.py', {SOURCE}))")
    assert told.startswith("BadInput:") and "automlops-github" in told and console in told and cloud.writes() == []
    told = call("str(AutoMLOps.provision())")
    assert "exit code 1" in told and f"open {console}" in told and "automlops-github" in told

    cloud.state.grant(AGENT, "roles/secretmanager.admin", P)
    begun = f"POST cloudbuild.googleapis.com/v2/{R}/connections?connectionId=automlops-github"
    assert ask(cloud.state, begun, {"githubConfig": {}}, OWNER)[0] == 200
    page, writes = cloud.state.resources[CONNECTION]["installationState"]["actionUri"], len(cloud.writes())
    ((message, hint),) = call("[[each.message, each.hint] for each in AutoMLOps.plan().problems]")
    assert "automlops-github" in message and page in hint and len(cloud.writes()) == writes

    connections.click(cloud.state, CONNECTION)
    done = rows(call, "provision()")
    assert ["connection", "automlops-github", "kept"] in done and ["trigger", "automlops-trigger", "created"] in done
    assert cloud.state.resources[TRIGGER]["repositoryEventConfig"]["repository"].startswith(CONNECTION)
