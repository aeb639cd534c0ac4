"""Least privilege: with exactly the roles of the table every flow passes, and without any one of them its flow stops."""

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, nullcontext
from typing import Any

import pytest
from cloud import vertex
from cloud.roles import ROLES
from cloud.standin import PROJECT, standin
from launches import caller
from privileges import (
    BY_PUSH,
    MAKER,
    PERSON,
    PUSHER,
    SECRETS,
    Prepared,
    asking,
    built,
    entitled,
    generated,
    git,
    holder,
    in_a_work_tree,
    name_of,
    pipeline,
    place,
)
from provisioned import PROVISION
from tools import need

from AutoMLOps import preflight
from AutoMLOps.cloud import AGENT, Authority, Binding, On, authority, resources
from AutoMLOps.nouns import replace
from AutoMLOps.settings import Settings

# Permissions of `authority` that making everything for the first time does not ask for, and what does.
UNSEEN = {
    "iam.serviceAccounts.getIamPolicy": "steps start jobs as the runner, or a build has steps run as it",
    "iam.serviceAccounts.setIamPolicy": "steps start jobs as the runner, or a build has steps run as it",
    "artifactregistry.repositories.getIamPolicy": "the registry was there already, and somebody may have roles on it",
    "artifactregistry.repositories.list": "the API was on already, so that there may be a registry",
    "iam.serviceAccounts.list": "the API was on already, so that there may be accounts",
    "iam.roles.undelete": "the role was deleted, and is brought back",
    "iam.roles.update": "the role says something else than it should",
    "storage.objects.delete": "the record in the bucket is written anew",
}
# What it asks for beside them, and why the table need not say so.
BESIDE = {"resourcemanager.projects.get": "plan() has looked at the project before it looks at permissions"}


HERE = Settings(project_id=PROJECT)
FROM_HERE, FROM_GITHUB = resources(HERE, pipeline()), resources(BY_PUSH, pipeline())
RUNNER, BUILDER = FROM_HERE.runner.email, FROM_HERE.builder.email


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prepared]:
    """Provisioned to run from here, by somebody who may do exactly that."""
    need("gcloud")
    with standin() as cloud:
        made = Prepared(cloud, tmp_path_factory.mktemp("here"), FROM_HERE)
        generated(cloud, made.folder)
        entitled(made, HERE)
        with asking(MAKER, made.asked):
            done = made.run(PROVISION, as_=MAKER)
        assert done.returncode == 0, done.stderr
        for each in FROM_HERE.expected:
            made.grant(PERSON, each.role, place(each, FROM_HERE))
        yield made


@pytest.fixture(scope="module")
def pushed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prepared]:
    """Provisioned to run after a push, in two goes: acting as the builder takes a builder."""
    need("gcloud")
    with standin() as cloud:
        made = Prepared(cloud, tmp_path_factory.mktemp("pushed"), FROM_GITHUB)
        in_a_work_tree(made)
        entitled(made, BY_PUSH)
        with asking(MAKER, made.asked):
            first = made.run(PROVISION, as_=MAKER)
            assert first.returncode == 1 and "stopped at: making the trigger" in first.stderr, first.stderr
            assert "want of iam.serviceAccounts.actAs, roles/iam.serviceAccountUser has it" in first.stderr
            assert (MAKER, "roles/iam.serviceAccountUser", builder()) not in made.held()
            made.follow(first.stderr)
            again = made.run(PROVISION, as_=MAKER)
        assert again.returncode == 0, again.stderr
        yield made


def builder() -> str:
    return f"projects/{PROJECT}/serviceAccounts/{BUILDER}"


# ------------------------------------------------------------------------------- the table itself

HOSTS: tuple[dict[str, Any], ...] = (
    {},
    {"run_local": False, "source_repo_type": "csr"},
    {"run_local": False, "source_repo_type": "csr", "submission_service": True},
    {"run_local": False, "source_repo_type": "gitlab", "source_repo_name": "a/b", "source_repo_secrets": SECRETS[:1]},
)


@pytest.mark.parametrize("chosen", HOSTS)
@pytest.mark.parametrize("use", [(), ("bigquery", "vertex-jobs")])
def test_no_row_is_wider_than_its_purpose(chosen: dict[str, Any], use: tuple[str, ...]) -> None:
    table = resources(replace(Settings(project_id=PROJECT), steps_use=use, **chosen), pipeline())
    for row in (*table.bindings, *table.expected, *table.owed):
        role = row.role.removeprefix("roles/")
        assert role not in ("owner", "editor", "viewer"), row
        if row.on is On.PROJECT:
            assert not role.endswith(("admin", "Admin")) and not role.startswith("storage."), row
            assert role != "iam.serviceAccountUser", row
    assert not {each.role for each in table.authority} & {"roles/owner", "roles/editor", "roles/viewer"}


# ------------------------------------------------------------------------------- provisioning

EITHER = pytest.mark.parametrize(("which", "settings"), [("here", HERE), ("pushed", BY_PUSH)], ids=["here", "pushed"])


def slow(test: Callable[..., None]) -> Callable[..., None]:
    """What takes seconds, is left to where all of it is asked for, and shares worlds that take long to make."""
    return pytest.mark.xdist_group("privileges")(pytest.mark.thorough(pytest.mark.slow(test)))


@slow
@EITHER
def test_provisioning_gives_the_rows_of_the_table_and_nothing_else(
    which: str, settings: Settings, request: pytest.FixtureRequest
) -> None:
    world: Prepared = request.getfixturevalue(which)
    own = {found for found in world.held() if found[0] not in (PERSON, MAKER)}
    assert own == {(holder(row), row.role, place(row, world.table)) for row in world.table.bindings}


@slow
@EITHER
def test_provisioning_asks_for_the_permissions_of_the_table_and_no_other(
    which: str, settings: Settings, request: pytest.FixtureRequest
) -> None:
    world: Prepared = request.getfixturevalue(which)
    said = {permission for each in (preflight.USE, *authority(settings)) for permission in each.permissions}
    assert world.asked - said <= set(BESIDE)
    assert said - world.asked <= set(UNSEEN)


@slow
@pytest.mark.parametrize("row", authority(BY_PUSH), ids=name_of)
def test_provisioning_stops_without_one_of_its_roles(row: Authority, pushed: Prepared) -> None:
    on = {"builder": builder(), "secret": f"projects/{PROJECT}/secrets/pat"}.get(row.on, f"projects/{PROJECT}")
    with ExitStack() as missing:
        missing.enter_context(pushed.lacking("triggers"))
        for each in FROM_GITHUB.bindings:
            if row.on == each.on == On.PROJECT:
                missing.enter_context(pushed.without(holder(each), each.role, place(each, FROM_GITHUB)))
        missing.enter_context(pushed.without(MAKER, row.role, on))
        done = pushed.run(PROVISION, as_=MAKER)
        assert done.returncode == 1, f"{row.role} is not needed: {done.stdout}"
        assert any(each in done.stderr for each in row.permissions), done.stderr
        pushed.follow(done.stderr)
        assert (MAKER, row.role, on) in pushed.held(), done.stderr


# ------------------------------------------------------------------------------- a run from here

UPLOAD = f"gs://{FROM_HERE.bucket.name}/words/specs"
STAGES: dict[str, tuple[str, ...]] = {
    "build": ("scripts/build_components.sh",),
    "keep": ("scripts/build_pipeline_spec.sh", "--upload", UPLOAD),
    "run": ("scripts/run_pipeline.sh", "--wait"),
}


def stages(row: Binding) -> list[str]:
    """All of them, beginning with the one that a row is likely to be about."""
    runs = RUNNER in (row.member, row.name) or row.role.startswith("roles/aiplatform.")
    return sorted(STAGES, key=lambda each: each != "run") if runs else list(STAGES)


@pytest.fixture(scope="module")
def deployed(here: Prepared) -> Prepared:
    """The same after a run by somebody who holds exactly what is expected."""
    done = caller(here.cloud, here.folder)(
        "(lambda done: [done.state, done.job])(AutoMLOps.deploy(wait=True))", as_=PERSON
    )
    assert isinstance(done, list) and done[0] == "succeeded", done
    assert vertex.outputs(here.cloud.state, done[1])["count"] == {"Output": 3}
    return here


@slow
def test_a_run_from_here_needs_no_more_than_the_table(deployed: Prepared) -> None:
    rows = (*FROM_HERE.bindings, *FROM_HERE.expected)
    assert {found for found in deployed.held() if found[0] != MAKER} == {
        (holder(row), row.role, place(row, FROM_HERE)) for row in rows
    }


@slow
@pytest.mark.parametrize("row", (*FROM_HERE.expected, *FROM_HERE.bindings), ids=name_of)
def test_a_run_from_here_stops_without_one_row(row: Binding, deployed: Prepared) -> None:
    taken = holder(row), row.role, place(row, FROM_HERE)
    with deployed.without(*taken):
        told = next(filter(None, (stopped(deployed, stage) for stage in stages(row))), "")
        assert told, f"nothing needs {row}"
        assert names(row, told), told
        if not row.member:
            assert row.role in told, told
            deployed.follow(told)
            assert taken in deployed.held(), told


def stopped(world: Prepared, stage: str) -> str:
    """What a stage said, if it stopped. There is something to build, and to run afterwards."""
    with world.lacking("packages") if stage == "build" else nullcontext():
        done = world.run(*STAGES[stage])
    return f"{done.stdout}{done.stderr}" if done.returncode else ""


def names(row: Binding, told: str) -> bool:
    """Whether an error says a permission of the role, or the account that may not be acted as."""
    permissions = set(ROLES.get(row.role, ())) | set(FROM_GITHUB.role.permissions if FROM_GITHUB.role else ())
    if row.role == "roles/storage.legacyBucketReader":  # Google names no permission there, but what it was about
        return "bucket" in told or "GCS logging" in told
    return any(each in told for each in permissions) or (row.on is On.ACCOUNT and row.name in told)


# ------------------------------------------------------------------------------- a push

# The runner's own rows are those of a run from here, where a run is waited for.
OF_PUSHES = [row for row in FROM_GITHUB.bindings if row.member != RUNNER and row.member != AGENT]


@pytest.fixture(scope="module")
def watched(pushed: Prepared) -> Prepared:
    """The same after a push by somebody who holds nothing has led to a run."""
    git(pushed, "add", ".")
    git(pushed, "commit", "--quiet", "--message=first")
    status, told = built(pushed)
    assert status == "SUCCESS", told
    (job,) = (name for name in pushed.cloud.state.resources if "/pipelineJobs/" in name)
    assert vertex.outputs(pushed.cloud.state, job)["count"] == {"Output": 3}
    return pushed


@slow
def test_a_push_needs_nobody_but_the_accounts_of_the_table(watched: Prepared) -> None:
    assert not [found for found in watched.held() if found[0] in (PUSHER, PERSON)]
    asked = {each.principal for each in watched.cloud.requests if "aiplatform" in each.host}
    assert asked <= {RUNNER, BUILDER, None}


@slow
@pytest.mark.parametrize(
    "row",  # without the bucket's own row no build is even made: a run from here shows that one
    [row for row in OF_PUSHES if row.role != "roles/storage.legacyBucketReader"],
    ids=name_of,
)
def test_a_push_leads_to_no_run_without_one_row(row: Binding, watched: Prepared) -> None:
    before = runs(watched)
    with watched.lacking("packages"), watched.without(holder(row), row.role, place(row, FROM_GITHUB)):
        status, told = built(watched)
    assert status == "FAILURE" and runs(watched) == before, f"nothing needs {row}"
    assert names(row, told), told


def runs(world: Prepared) -> int:
    return sum("/pipelineJobs/" in name for name in world.cloud.state.resources)


@slow
@pytest.mark.parametrize("row", [row for row in FROM_GITHUB.bindings if row.member == AGENT], ids=name_of)
def test_cloud_build_cannot_be_connected_without_its_row(row: Binding, pushed: Prepared) -> None:
    ungranted = pushed.codebase / "provision/ungranted.sh"
    text, number = re.subn(
        r"^begin \S+ secret_roles.*$", "", (pushed.codebase / PROVISION).read_text(), flags=re.MULTILINE
    )
    assert number == 1
    ungranted.write_text(text)
    ungranted.chmod(0o755)
    taken = holder(row), row.role, place(row, FROM_GITHUB)
    with pushed.lacking("triggers"), pushed.lacking("connections"), pushed.without(*taken):
        done = pushed.run("provision/ungranted.sh", as_=MAKER)
    ungranted.unlink()
    assert done.returncode == 1 and "making the connection" in done.stderr, done.stderr
    assert holder(row) in done.stderr and "secretmanager.versions.access" in done.stderr
