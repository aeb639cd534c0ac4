"""What starts builds: triggers, connections to hosts of code, repositories, secrets and custom roles, as the real gcloud and git meet them."""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from cloud import connections, sources, vault
from cloud.standin import NUMBER, OWNER, PROJECT, Cloud
from cloud.triggers import matches
from cloud.world import World
from test_cloud_standin import ask
from tools import need

pytest_plugins = ["cloud.fixture"]


def slow(test: Callable[..., None]) -> Callable[..., None]:
    """What takes seconds, and is left to where all of it is asked for."""
    return pytest.mark.thorough(pytest.mark.slow(test))


P = f"projects/{PROJECT}"
R = f"{P}/locations/us-central1"
DEV = "dev@example.test"
BUILDER = f"builder@{PROJECT}.iam.gserviceaccount.com"
ACCOUNT = f"{P}/serviceAccounts/{BUILDER}"
AGENT = f"service-{NUMBER}@gcp-sa-cloudbuild.iam.gserviceaccount.com"
HERE = ("--region=us-central1", f"--project={PROJECT}")
CB, SOURCE, SERVICES = (f"{name}.googleapis.com" for name in ("cloudbuild", "sourcerepo", "serviceusage"))
CONNECTION, REPOSITORY = f"{R}/connections/github", f"{R}/connections/github/repositories/wine"
REMOTE = "https://github.com/somebody/wine.git"
CODE = f"https://source.developers.google.com/p/{PROJECT}/r/wine"
PUSHED = {"repositoryEventConfig": {"repository": REPOSITORY, "push": {"branch": "^automlops$"}}}
ELSEWHERE = {"triggerTemplate": {"projectId": PROJECT, "repoName": "wine", "branchName": "^automlops$"}}
TRIGGER = {
    "name": "wine", "description": "builds the wine pipeline", "tags": ["automlops"], "filename": "ml/cloudbuild.yaml", "serviceAccount": ACCOUNT,
    "substitutions": {"_DIR": "ml", "_RUN": "true"}, "includedFiles": ["ml/**"],
}  # fmt: skip


def furnish(world: World) -> None:
    """A project in which everything that these commands ask about exists."""
    world.enable("cloudbuild", "secretmanager", "sourcerepo", "iam", project=PROJECT)
    asked(world, f"POST iam.googleapis.com/v1/{P}/serviceAccounts", {"accountId": "builder"})
    token = vault.keep(world, "pat")
    world.grant(AGENT, "roles/secretmanager.secretAccessor", token.partition("/versions/")[0])
    config = {"githubConfig": {"authorizerCredential": {"oauthTokenSecretVersion": token}, "appInstallationId": "7"}}
    asked(world, f"POST {CB}/v2/{R}/connections?connectionId=github", config)
    asked(world, f"POST {CB}/v2/{CONNECTION}/repositories?repositoryId=wine", {"remoteUri": REMOTE})
    asked(world, f"POST {SOURCE}/v1/{P}/repos", {"name": f"{P}/repos/wine"})
    world.grant(BUILDER, "roles/source.reader", f"{P}/repos/wine")


def asked(world: World, line: str, body):
    status, given = ask(world, line, body)
    assert status == 200 and "error" not in given, given
    return given


@pytest.fixture
def world() -> World:
    made = World()
    made.project(PROJECT, NUMBER)
    made.grant(OWNER, "roles/owner", on=P)
    furnish(made)
    return made


@pytest.fixture
def furnished(cloud: Cloud) -> Cloud:
    furnish(cloud.state)
    return cloud


def gcloud(cloud: Cloud, command: str, as_: str = OWNER, cwd: Path | None = None):
    return cloud.run("gcloud", *command.split(), f"--project={PROJECT}", "--quiet", as_=as_, cwd=cwd)


def written(folder: Path, **trigger) -> Path:
    """JSON is YAML."""
    (folder / "trigger.yaml").write_text(json.dumps({**TRIGGER, **trigger}))
    return folder


# who may


TOKEN = f"--authorizer-token-secret-version={P}/secrets/pat/versions/1"
GITLAB = f"{TOKEN} --read-{TOKEN[2:]} --webhook-secret-secret-version={P}/secrets/pat/versions/1"
COMMANDS = [
    ("builds triggers list --region=us-central1", "cloudbuild.builds.viewer", P),
    ("builds triggers describe old --region=us-central1", "cloudbuild.builds.viewer", P),
    ("builds triggers import --source=trigger.yaml --region=us-central1", "cloudbuild.builds.editor", P),
    ("builds triggers delete old --region=us-central1", "cloudbuild.builds.editor", P),
    ("builds connections list --region=us-central1", "cloudbuild.connectionViewer", P),
    ("builds connections describe github --region=us-central1", "cloudbuild.connectionViewer", P),
    (f"builds connections create github new {TOKEN} --app-installation-id=8 --region=us-central1", "cloudbuild.connectionAdmin", P),
    (f"builds connections create gitlab new --host-uri=https://gitlab.com {GITLAB} --region=us-central1", "cloudbuild.connectionAdmin", P),
    ("builds connections delete empty --region=us-central1", "cloudbuild.connectionAdmin", P),
    ("builds repositories list --connection=github --region=us-central1", "cloudbuild.connectionViewer", P),
    ("builds repositories describe wine --connection=github --region=us-central1", "cloudbuild.connectionViewer", P),
    ("builds repositories create beer --connection=github --remote-uri=https://github.com/somebody/beer.git --region=us-central1", "cloudbuild.connectionAdmin", P),
    ("builds repositories delete wine --connection=github --region=us-central1", "cloudbuild.connectionAdmin", P),
    ("secrets describe pat", "secretmanager.viewer", f"{P}/secrets/pat"),
    ("secrets get-iam-policy pat", "secretmanager.viewer", f"{P}/secrets/pat"),
    (f"secrets add-iam-policy-binding pat --member=user:{DEV} --role=roles/secretmanager.viewer", "secretmanager.admin", f"{P}/secrets/pat"),
    (f"secrets remove-iam-policy-binding pat --member=serviceAccount:{AGENT} --role=roles/secretmanager.secretAccessor", "secretmanager.admin", f"{P}/secrets/pat"),
    ("source repos list", "source.reader", P),
    ("source repos describe wine", "source.reader", f"{P}/repos/wine"),
    ("source repos create beer", "source.admin", P),
    ("source repos delete wine", "source.admin", f"{P}/repos/wine"),
    ("iam roles list", "iam.roleAdmin", P),
    ("iam roles describe old", "iam.roleAdmin", P),
    ("iam roles create fresh --permissions=aiplatform.pipelineJobs.create", "iam.roleAdmin", P),
    ("iam roles update old --permissions=aiplatform.pipelineJobs.get", "iam.roleAdmin", P),
    ("iam roles delete old", "iam.roleAdmin", P),
    ("iam roles undelete gone", "iam.roleAdmin", P),
]  # fmt: skip


@slow
@pytest.mark.parametrize(("command", "role", "on"), COMMANDS, ids=[" ".join(each[0].split()[:4]) for each in COMMANDS])
def test_a_command_works_with_the_role_and_not_without(furnished, tmp_path, command, role, on):
    state = furnished.state
    asked(state, f"POST {CB}/v1/{R}/triggers", {**TRIGGER, **PUSHED, "name": "old"})
    asked(state, f"POST {CB}/v2/{R}/connections?connectionId=empty", {"gitlabConfig": {}})
    for name in ("old", "gone"):
        asked(state, f"POST iam.googleapis.com/v1/{P}/roles", {"roleId": name, "role": {"includedPermissions": []}})
    asked(state, f"DELETE iam.googleapis.com/v1/{P}/roles/gone", None)
    state.grant(DEV, "roles/iam.serviceAccountUser", ACCOUNT)
    state.grant(DEV, "roles/serviceusage.serviceUsageConsumer", P)
    written(tmp_path, **PUSHED)
    before = state.picture()
    refused = gcloud(furnished, command, DEV, tmp_path)
    assert refused.returncode == 1 and "denied" in refused.stderr
    assert state.picture() == before
    state.grant(DEV, f"roles/{role}", on)
    done = gcloud(furnished, command, DEV, tmp_path)
    assert done.returncode == 0, done.stderr
    reads = command.split()[2] in ("list", "describe", "get-iam-policy") or command.split()[1] in (
        "describe",
        "get-iam-policy",
    )
    assert (state.picture()["resources"] == before["resources"]) == (reads or "iam-policy" in command)


@slow
def test_a_custom_role_gives_what_it_holds_until_it_is_deleted(furnished):
    assert gcloud(furnished, "iam roles create triggerReader --permissions=cloudbuild.builds.list").returncode == 0
    assert gcloud(furnished, "builds triggers list --region=us-central1", DEV).returncode == 1
    bound = (
        f"projects add-iam-policy-binding {PROJECT} --member=user:{DEV} --role={P}/roles/triggerReader --condition=None"
    )
    assert gcloud(furnished, bound).returncode == 0
    assert gcloud(furnished, "builds triggers list --region=us-central1", DEV).returncode == 0
    assert gcloud(furnished, "builds triggers describe wine --region=us-central1", DEV).returncode == 1
    assert gcloud(furnished, "iam roles delete triggerReader").returncode == 0
    assert gcloud(furnished, "builds triggers list --region=us-central1", DEV).returncode == 1


@slow
def test_gcloud_s_commands_about_secrets_are_counted_against_the_project_or_refused(furnished):
    furnished.state.grant(DEV, "roles/secretmanager.viewer", f"{P}/secrets/pat")
    refused = gcloud(furnished, "secrets describe pat", DEV)
    assert refused.returncode == 1 and "roles/serviceusage.serviceUsageConsumer" in refused.stderr


@slow
def test_the_number_of_a_project_is_told(furnished):
    told = gcloud(furnished, f"projects describe {PROJECT} --format=value(projectNumber)")
    assert told.stdout.strip() == NUMBER


# triggers


@slow
@pytest.mark.parametrize("source", [PUSHED, ELSEWHERE], ids=["connection", "csr"])
def test_an_import_creates_and_the_next_one_updates(furnished, tmp_path, source):
    command = f"builds triggers import --source=trigger.yaml {HERE[0]}"
    assert gcloud(furnished, command, cwd=written(tmp_path, **source)).returncode == 0
    assert [line.split()[0] for line in furnished.writes()[-2:]] == ["PATCH", "POST"]
    first, writes = furnished.state.resources[f"{R}/triggers/wine"], len(furnished.writes())
    assert gcloud(furnished, command, cwd=written(tmp_path, **source, description="another")).returncode == 0
    assert furnished.writes()[writes:] == [f"PATCH {CB}/v1/{R}/triggers/wine"]
    second = furnished.state.resources[f"{R}/triggers/wine"]
    assert second == {**first, "description": "another"}
    told = gcloud(
        furnished, f"builds triggers describe {first['id']} {HERE[0]} --format=value(description,resourceName)"
    )
    assert told.stdout.split("\t") == ["another", f"{R}/triggers/{first['id']}\n"]


WRONG = [
    ({**PUSHED, "serviceAccount": f"{P}/serviceAccounts/nobody@{PROJECT}.iam.gserviceaccount.com"}, 400, "does not exist"),
    ({**PUSHED, "serviceAccount": BUILDER}, 400, "not of the form"),
    ({**PUSHED, "serviceAccount": ""}, 400, "Request contains an invalid argument."),
    ({**PUSHED, "name": "-wine"}, 400, "trigger name"),
    ({**PUSHED, "substitutions": {"DIR": "ml"}}, 400, "substitution key DIR"),
    ({"repositoryEventConfig": {"repository": f"{CONNECTION}/repositories/no", "push": {"branch": "a"}}}, 404, "was not found"),
    ({"repositoryEventConfig": {"repository": REPOSITORY, "push": {"branch": "("}}}, 400, "invalid branch regex"),
    ({"repositoryEventConfig": {"repository": REPOSITORY, "push": {"branch": "(?!main)"}}}, 400, "RE2"),
    ({"triggerTemplate": {"repoName": "no", "branchName": "a"}}, 400, "Repository mapping does not exist"),
]  # fmt: skip


@pytest.mark.parametrize(("fault", "status", "words"), WRONG)
def test_a_trigger_that_is_wrong_is_refused(world, fault, status, words):
    given, said = ask(world, f"POST {CB}/v1/{R}/triggers", {**TRIGGER, **fault})
    assert given == status and words in said["error"]["message"]
    assert not world.below(R, "triggers")


def test_a_trigger_is_of_the_region_of_its_repository(world):
    other = R.replace("us-central1", "europe-west1")
    status, said = ask(world, f"POST {CB}/v1/{other}/triggers", {**TRIGGER, **PUSHED})
    assert status == 400 and "region" in said["error"]["message"]


def test_who_makes_or_changes_a_trigger_must_be_permitted_to_act_as_its_account(world):
    world.grant(DEV, "roles/cloudbuild.builds.editor", P)
    status, said = ask(world, f"POST {CB}/v1/{R}/triggers", {**TRIGGER, **PUSHED}, DEV)
    assert (
        status == 403
        and "does not have impersonation permission on the trigger service account" in said["error"]["message"]
    )
    world.grant(DEV, "roles/iam.serviceAccountUser", ACCOUNT)
    assert ask(world, f"POST {CB}/v1/{R}/triggers", {**TRIGGER, **PUSHED}, DEV)[0] == 200
    world.revoke(DEV, "roles/iam.serviceAccountUser", ACCOUNT)
    assert ask(world, f"PATCH {CB}/v1/{R}/triggers/wine", {**TRIGGER, **PUSHED}, DEV)[0] == 403
    assert ask(world, f"DELETE {CB}/v1/{R}/triggers/wine", None, DEV)[0] == 200


# connections


@slow
@pytest.mark.parametrize("kind", ["github", "gitlab"])
def test_a_connection_whose_secret_cloud_build_may_not_read_is_refused(furnished, kind):
    furnished.state.revoke(AGENT, "roles/secretmanager.secretAccessor", f"{P}/secrets/pat")
    credentials = {"github": f"{TOKEN} --app-installation-id=8", "gitlab": f"--host-uri=https://gitlab.com {GITLAB}"}[
        kind
    ]
    command = f"builds connections create {kind} new {credentials} {HERE[0]}"
    refused = gcloud(furnished, command)
    assert refused.returncode == 1 and "secretmanager.versions.access" in refused.stderr and AGENT in refused.stderr
    assert f"{R}/connections/new" not in furnished.state.resources
    bound = (
        f"secrets add-iam-policy-binding pat --member=serviceAccount:{AGENT} --role=roles/secretmanager.secretAccessor"
    )
    assert gcloud(furnished, bound).returncode == 0
    done = gcloud(furnished, command)
    assert done.returncode == 0, done.stderr
    assert furnished.state.resources[f"{R}/connections/new"]["installationState"] == {"stage": "COMPLETE"}


def test_a_secret_that_is_not_there_or_is_off_cannot_be_read(world):
    who = f"serviceAccount:{AGENT}"
    assert vault.readable(world, who, f"projects/{NUMBER}/secrets/pat/versions/latest")
    assert not vault.readable(world, who, f"{P}/secrets/pat/versions/2")
    assert not vault.readable(world, f"user:{DEV}", f"{P}/secrets/pat/versions/1")
    world.resources[f"{P}/secrets/pat/versions/1"]["state"] = "DISABLED"
    assert not vault.readable(world, who, f"{P}/secrets/pat/versions/1")


@slow
def test_a_connection_waits_until_somebody_has_clicked(furnished):
    begin = f"builds connections create github waiting {HERE[0]}"
    refused = gcloud(furnished, begin)
    assert (
        refused.returncode == 1
        and "could not assert Secret Manager permissions" in refused.stderr
        and AGENT in refused.stderr
    )
    furnished.state.grant(AGENT, "roles/secretmanager.admin", P)
    told = gcloud(furnished, begin).stdout.splitlines()
    assert told[0] == "PENDING_USER_OAUTH" and told[2].startswith(
        "https://accounts.google.com/AccountChooser?continue="
    )
    link = f"builds repositories create beer --connection=waiting --remote-uri=https://github.com/somebody/beer.git {HERE[0]}"
    early = gcloud(furnished, link)
    assert early.returncode == 1 and "installation_state COMPLETE (current state: PENDING_USER_OAUTH)" in early.stderr
    connections.click(furnished.state, f"{R}/connections/waiting")
    assert gcloud(furnished, link).returncode == 0
    with pytest.raises(LookupError):
        connections.click(furnished.state, f"{R}/connections/waiting")


def test_a_token_without_an_installation_leaves_the_app_to_be_installed(world):
    config = {"githubConfig": {"authorizerCredential": {"oauthTokenSecretVersion": f"{P}/secrets/pat/versions/1"}}}
    asked(world, f"POST {CB}/v2/{R}/connections?connectionId=half", config)
    assert world.resources[f"{R}/connections/half"]["installationState"]["stage"] == "PENDING_INSTALL_APP"


@pytest.mark.parametrize(
    ("short", "remote", "status"),
    [
        ("beer", REMOTE, 409),
        ("wine", "https://github.com/a/b.git", 409),
        ("beer", "https://gitlab.com/a/b.git", 400),
        ("-", REMOTE, 400),
    ],
)
def test_a_repository_is_one_of_its_host_and_there_is_it_once(world, short, remote, status):
    assert (
        ask(world, f"POST {CB}/v2/{CONNECTION}/repositories?repositoryId={short}", {"remoteUri": remote})[0] == status
    )


def test_a_connection_with_repositories_stays(world):
    assert ask(world, f"DELETE {CB}/v2/{CONNECTION}")[0] == 400
    assert ask(world, f"DELETE {CB}/v2/{REPOSITORY}")[0] == 200
    assert ask(world, f"DELETE {CB}/v2/{CONNECTION}")[0] == 200


# Cloud Source Repositories


@slow
def test_cloud_source_repositories_are_closed_to_who_comes_late(cloud):
    refused = gcloud(cloud, "services enable sourcerepo.googleapis.com")
    assert (
        refused.returncode == 1 and "Permission denied to enable service [sourcerepo.googleapis.com]" in refused.stderr
    )
    off = gcloud(cloud, "source repos create wine")
    assert off.returncode == 1 and "has not been used in project" in off.stderr
    cloud.state.projects[PROJECT].sources = True
    assert gcloud(cloud, "services enable sourcerepo.googleapis.com").returncode == 0
    assert gcloud(cloud, "source repos create wine").returncode == 0
    assert cloud.state.resources[f"{P}/repos/wine"]["url"] == CODE


def test_the_name_of_a_deleted_repository_is_not_to_be_had_at_once(world):
    assert ask(world, f"DELETE {SOURCE}/v1/{P}/repos/wine")[0] == 200
    assert ask(world, f"POST {SOURCE}/v1/{P}/repos", {"name": f"{P}/repos/wine"})[0] == 409


def test_many_services_with_a_closed_one_are_not_enabled_at_all(world):
    world.projects[PROJECT].services.discard(SOURCE)
    before = set(world.projects[PROJECT].services)
    wanted = {"serviceIds": ["run.googleapis.com", SOURCE]}
    assert ask(world, f"POST {SERVICES}/v1/{P}/services:batchEnable", wanted)[0] == 403
    assert world.projects[PROJECT].services == before


# pushes


class Clone:
    """A working copy with its own commits, and the builds that its pushes started."""

    def __init__(self, cloud: Cloud, folder: Path) -> None:
        self.cloud, self.folder, self.begun = cloud, folder, []
        cloud.triggered.begin = lambda world, **given: self.begun.append(given)
        folder.mkdir()
        self.git("init", "--quiet", "--initial-branch=automlops")

    def git(self, *argv: str) -> str:
        who = {
            f"GIT_{role}_{what}": "dev@example.test" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
        }
        done = subprocess.run(
            (need("git"), *argv), cwd=self.folder, env={**os.environ, **who}, check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    def commit(self, message: str = "a change", **files: str) -> str:
        for name, text in files.items():
            path = self.folder / name.replace("__", "/").replace("_yaml", ".yaml")
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", message)
        return self.git("rev-parse", "HEAD")

    def push(self, to: str = REMOTE, branch: str = "automlops", as_: str | None = DEV):
        done = self.cloud.run("git", "push", to, f"HEAD:{branch}", as_=as_, cwd=self.folder)
        self.cloud.settle()
        return done


@pytest.fixture
def clone(furnished, tmp_path) -> Clone:
    furnished.host(REMOTE)
    made = Clone(furnished, tmp_path / "clone")
    asked(furnished.state, f"POST {CB}/v1/{R}/triggers", {**TRIGGER, **PUSHED})
    made.commit(ml__cloudbuild_yaml="steps: []\n", other="1")
    return made


@slow
def test_a_push_on_the_branch_starts_one_build_of_its_commit(clone):
    assert clone.push().returncode == 0
    commit = clone.git("rev-parse", "HEAD")
    [build] = clone.begun
    assert (build["project"], build["location"], build["account"]) == (PROJECT, "us-central1", BUILDER)
    assert (
        build["config"] == {"steps": []} and build["trigger"] == clone.cloud.state.resources[f"{R}/triggers/wine"]["id"]
    )
    assert sorted(each.name for each in build["workspace"].iterdir()) == [".git", "ml", "other"]
    assert build["substitutions"] == {
        "_DIR": "ml", "_RUN": "true", "BRANCH_NAME": "automlops", "COMMIT_SHA": commit, "REF_NAME": "automlops",
        "REPO_FULL_NAME": "somebody/wine", "REPO_NAME": "wine", "REVISION_ID": commit, "SHORT_SHA": commit[:7],
        "TRIGGER_BUILD_CONFIG_PATH": "ml/cloudbuild.yaml", "TRIGGER_NAME": "wine",
    }  # fmt: skip
    assert clone.push().returncode == 0 and len(clone.begun) == 1, "nothing was new"


@slow
def test_what_a_push_starts_is_a_build_of_cloud_build_s(clone):
    state, clone.cloud.triggered.begin = clone.cloud.state, None
    state.enable("storage", project=PROJECT)
    asked(
        state,
        f"POST storage.googleapis.com/storage/v1/b?project={PROJECT}",
        {"name": "logs", "location": "us-central1"},
    )
    state.grant(BUILDER, "roles/storage.legacyBucketReader", "buckets/logs")
    wanted = {
        "steps": [{"name": "python:3.11-slim", "args": ["true"]}],
        "logsBucket": "gs://logs",
        "options": {"logging": "GCS_ONLY"},
    }
    clone.commit(ml__cloudbuild_yaml=json.dumps(wanted))
    assert clone.push().returncode == 0
    assert not clone.cloud.triggered.unstarted
    [build] = [each for name, each in state.resources.items() if name.startswith(f"{R}/builds/")]
    assert build["buildTriggerId"] == state.resources[f"{R}/triggers/wine"]["id"] and build["serviceAccount"] == ACCOUNT
    assert build["substitutions"]["COMMIT_SHA"] == clone.git("rev-parse", "HEAD")
    assert build["status"] == "FAILURE" and "storage.objects.create" in json.dumps(build), (
        "its account may not write its log"
    )


@slow
def test_only_what_the_trigger_listens_to_starts_a_build(clone):
    assert clone.push(branch="main").returncode == 0 and not clone.begun
    assert clone.push().returncode == 0 and len(clone.begun) == 1, "of a new branch every file counts"
    clone.commit(other="2")
    assert clone.push().returncode == 0 and len(clone.begun) == 1
    clone.commit("not this one [skip ci]", ml__step="1")
    assert clone.push().returncode == 0 and len(clone.begun) == 1
    clone.commit(ml__step="2", other="3")
    assert clone.push().returncode == 0 and len(clone.begun) == 2
    assert (clone.begun[1]["workspace"] / "ml/step").read_text() == "2"
    clone.cloud.state.resources[f"{R}/triggers/wine"]["disabled"] = True
    clone.commit(ml__step="3")
    assert clone.push().returncode == 0 and len(clone.begun) == 2
    assert not clone.cloud.triggered.unstarted


@slow
def test_a_commit_without_the_config_starts_nothing_and_that_is_told(clone):
    clone.git("rm", "--quiet", "ml/cloudbuild.yaml")
    commit = clone.commit(ml__step="1")
    assert clone.push().returncode == 0 and not clone.begun
    assert clone.cloud.triggered.unstarted == [f"wine: there is no ml/cloudbuild.yaml in {commit}"]


@slow
def test_a_host_takes_pushes_from_who_knows_the_password_and_of_what_it_has(clone):
    clone.cloud.host(REMOTE, password="secret")
    refused = clone.push()
    assert refused.returncode == 128 and "could not read Username" in refused.stderr
    assert clone.push(REMOTE.replace("https://", "https://somebody:secret@")).returncode == 0
    assert len(clone.begun) == 1
    missing = clone.push("https://github.com/somebody/beer.git")
    assert missing.returncode == 128 and "not found" in missing.stderr


@slow
def test_a_push_to_google_s_own_repository_needs_its_permission(clone):
    state = clone.cloud.state
    del state.resources[f"{R}/triggers/wine"]
    asked(state, f"POST {CB}/v1/{R}/triggers", {**TRIGGER, **ELSEWHERE})
    state.grant(DEV, "roles/source.reader", f"{P}/repos/wine")
    refused = clone.push(CODE)
    assert refused.returncode == 128 and "403" in refused.stderr and not clone.begun
    assert clone.push(CODE, as_=None).returncode == 128
    state.grant(DEV, "roles/source.writer", f"{P}/repos/wine")
    assert clone.push(CODE).returncode == 0
    [build] = clone.begun
    assert build["substitutions"]["REPO_NAME"] == "wine" and build["substitutions"]["_DIR"] == "ml"
    state.revoke(BUILDER, "roles/source.reader", f"{P}/repos/wine")
    clone.commit(ml__step="1")
    assert clone.push(CODE).returncode == 0 and len(clone.begun) == 1
    assert clone.cloud.triggered.unstarted == [f"wine: {BUILDER} does not have source.repos.get on {P}/repos/wine"]
    copied = clone.cloud.run("git", "clone", "--quiet", CODE, "copy", "--branch=automlops", as_=DEV, cwd=clone.folder)
    assert copied.returncode == 0 and (clone.folder / "copy/ml/step").read_text() == "1"


def test_a_fresh_repository_of_a_host_is_empty(tmp_path):
    where = sources.make(sources.folder(tmp_path, REMOTE))
    assert (
        where == tmp_path / "git/github.com/somebody/wine.git"
        and (where / "HEAD").read_text() == "ref: refs/heads/main\n"
    )


@pytest.mark.parametrize(
    ("glob", "path", "found"),
    [
        ("ml/**", "ml/a/b.py", True),
        ("ml/**", "mlx/a", False),
        ("*.py", "a.py", True),
        ("*.py", "a/b.py", False),
        ("**/*.py", "b.py", True),
        ("**/*.py", "a/b/c.py", True),
        ("a?c", "abc", True),
        ("a?c", "a/c", False),
        ("a.c", "abc", False),
    ],
)
def test_globs_mean_paths_as_cloud_build_has_it(glob, path, found):
    assert matches(glob, path) == found
