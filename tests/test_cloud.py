"""What a pipeline needs in its project, and the scripts that make it and take it away."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest
import yaml
from pictures import CONTAINERS, GOOGLE, WINE, written
from recording import EMPTY, RecordingGcloud

from AutoMLOps import cloud, render
from AutoMLOps.cloud import AGENT, Binding, On, authority, resources
from AutoMLOps.model import Component, Origin, Other, Pipeline
from AutoMLOps.nouns import replace
from AutoMLOps.settings import Settings, chosen

PROJECT = Settings(project_id="my-project-123")
RUNNER = "vertex-pipelines@my-project-123.iam.gserviceaccount.com"
BUILDER = "wine-quality-builder@my-project-123.iam.gserviceaccount.com"


def using(*google: str, source: str = "def step():\n    pass\n") -> Pipeline:
    """A pipeline of one step that imports modules of Google."""
    return replace(WINE, components=(Component(name="step", source=source, google=google),), steps=())


def table(bindings: Iterable[Binding]) -> set[tuple[str, str, str]]:
    return {(each.member, each.role.removeprefix("roles/"), each.name) for each in bindings}


# ------------------------------------------------------------------------------- what there is to be


def test_what_the_wine_pipeline_needs() -> None:
    need = resources(PROJECT, WINE)
    assert [api.name.partition(".")[0] for api in need.apis] == [
        "aiplatform",
        "artifactregistry",
        "cloudbuild",
        "cloudresourcemanager",
        "iam",
        "storage",
    ]
    assert (need.registry.name, need.registry.location) == ("vertex-mlops-af", "us-central1")
    assert (need.bucket.name, need.bucket.location) == ("my-project-123-bucket", "us-central1")
    assert [(each.email, each.shared, each.made) for each in need.accounts] == [
        (RUNNER, True, True),
        (BUILDER, False, True),
    ]
    assert table(need.bindings) == {
        (RUNNER, "aiplatform.user", "my-project-123"),
        (RUNNER, "artifactregistry.reader", "vertex-mlops-af"),
        (RUNNER, "storage.objectUser", "my-project-123-bucket"),
        (BUILDER, "artifactregistry.writer", "vertex-mlops-af"),
        (BUILDER, "storage.objectUser", "my-project-123-bucket"),
        (BUILDER, "storage.legacyBucketReader", "my-project-123-bucket"),
    }
    assert table(need.expected) == {
        ("", "cloudbuild.builds.editor", "my-project-123"),
        ("", "serviceusage.serviceUsageConsumer", "my-project-123"),
        ("", "aiplatform.user", "my-project-123"),
        ("", "artifactregistry.reader", "vertex-mlops-af"),
        ("", "storage.objectUser", "my-project-123-bucket"),
        ("", "storage.legacyBucketReader", "my-project-123-bucket"),
        ("", "iam.serviceAccountUser", BUILDER),
        ("", "iam.serviceAccountUser", RUNNER),
    }


def test_names_follow_the_settings() -> None:
    need = resources(
        Settings(
            project_id="my-project-123",
            naming_prefix="fraud",
            af_registry_location="europe",
            gs_bucket_location="eu",
            pipeline_runner_sa="mine-own@my-project-123.iam.gserviceaccount.com",
        ),
        replace(WINE, name="a" * 40),
    )
    assert (need.registry.name, need.registry.location) == ("fraud-artifact-registry", "europe")
    assert (need.bucket.name, need.bucket.location) == ("my-project-123-fraud-bucket", "eu")
    assert need.runner.email.startswith("mine-own@") and need.runner.made
    assert re.fullmatch("a{15}-[0-9a-f]{6}-builder", need.builder.id)


EVERYTHING = using("google.cloud.bigquery", "google.cloud.aiplatform", source="model.deploy(endpoint)\n")


@pytest.mark.parametrize("pipeline", [WINE, GOOGLE, EVERYTHING])
def test_no_role_reaches_further_than_it_must(pipeline: Pipeline) -> None:
    need = resources(PROJECT, pipeline)
    for each in (*need.bindings, *need.expected):
        role = each.role.removeprefix("roles/")
        assert role not in ("owner", "editor", "viewer")
        assert each.why
        if each.on == On.PROJECT:
            assert not re.search(r"admin|^storage|serviceAccountUser|serviceAccountTokenCreator|Admin", role)
    assert len(table(need.bindings)) == len(need.bindings)
    assert need.policies and table(each for policy in need.policies for each in policy.bindings) == table(need.bindings)
    assert len({(policy.on, policy.name) for policy in need.policies}) == len(need.policies)


def test_only_accounts_that_provisioning_makes_or_is_told_of_are_given_roles() -> None:
    need = resources(PROJECT, EVERYTHING)
    assert {each.member for each in need.bindings} == {account.email for account in need.accounts}
    assert not any(each.member for each in need.expected)


def test_data_is_its_owner_s_to_give() -> None:
    assert table(resources(PROJECT, using("google.cloud.bigquery")).owed) == {(RUNNER, "bigquery.dataViewer", "")}
    assert not resources(PROJECT, WINE).owed
    readme = {file.path: file.text for file in render.tree(EVERYTHING, PROJECT).files}["README.md"]
    assert f"| {RUNNER} | `roles/bigquery.dataViewer` | each dataset that the steps use |" in readme


def test_the_readme_names_every_account_role_and_api() -> None:
    pipeline, need = EVERYTHING, resources(PROJECT, EVERYTHING)
    readme = {file.path: file.text for file in render.tree(pipeline, PROJECT).files}["README.md"]
    for each in (*need.bindings, *need.expected, *need.owed):
        place = "the project" if each.on == On.PROJECT else each.name
        assert re.search(rf"\| `{each.role}` \| [^|]*{re.escape(place)}[^|]* \| {re.escape(each.why)} \|", readme)
    assert all(f"`{api.name}`" in readme for api in need.apis)
    assert all(f"`{each.role}`" in readme for each in need.authority)


QUERIES = (RUNNER, "bigquery.jobUser", "my-project-123")
ROWS = (RUNNER, "bigquery.readSessionUser", "my-project-123")
ITSELF = (RUNNER, "iam.serviceAccountUser", RUNNER)


@pytest.mark.parametrize(
    ("pipeline", "more"),
    [
        (using("google.cloud.storage", "gs://"), set()),
        (using("google.cloud.bigquery"), {QUERIES, ROWS}),
        (using("pandas_gbq"), {QUERIES, ROWS}),
        (using("google.cloud.bigquery_datatransfer"), set()),
        (using("google.cloud.aiplatform"), set()),
        (using("google.cloud.aiplatform", source="aiplatform.CustomJob(display_name='x').run()"), {ITSELF}),
        (using("google.cloud.aiplatform", source="aiplatform.CustomJob.from_local_script('x')"), {ITSELF}),
        (using("google.cloud.aiplatform", source="Model('m').deploy(endpoint=e)"), {ITSELF}),
        (using("google.cloud.storage", source="app.deploy()"), set()),
        (using("vertexai", "google.cloud.bigquery", source="CustomTrainingJob()"), {QUERIES, ROWS, ITSELF}),
        (using("google.cloud.aiplatform", source="not python"), set()),
    ],
)
def test_what_a_component_uses_adds_just_the_role_for_it(pipeline: Pipeline, more: set[tuple[str, str, str]]) -> None:
    usual = table(resources(PROJECT, using()).bindings)
    assert table(resources(PROJECT, pipeline).bindings) == usual | more
    apis = {api.name for api in resources(PROJECT, pipeline).apis}
    assert ("bigquery.googleapis.com" in apis) is (QUERIES in more)


def test_a_setting_has_the_last_word_on_what_components_use() -> None:
    usual = table(resources(PROJECT, using()).bindings)
    assert table(resources(replace(PROJECT, steps_use=()), EVERYTHING).bindings) == usual
    assert table(resources(replace(PROJECT, steps_use=("bigquery",)), using()).bindings) == usual | {QUERIES, ROWS}


def test_images_of_steps_that_another_project_keeps_are_owed_to_the_runner() -> None:
    theirs = Other(name="box", origin=Origin.CONTAINER, image="us-docker.pkg.dev/their-project/tools/box:1")
    public = Other(name="out", origin=Origin.CONTAINER, image="us-docker.pkg.dev/vertex-ai/training/tf:1")
    need = resources(PROJECT, replace(WINE, others=(theirs, public)))
    assert table(need.owed) == {(RUNNER, "artifactregistry.reader", "tools of their-project")}


def test_googles_prebuilt_components_need_the_roles_of_what_they_start() -> None:
    def prebuilt(reached: str) -> Other:
        return Other(name="Op", origin=Origin.IMPORTED, google=(reached,))

    said = cloud.uses(PROJECT, replace(WINE, others=(prebuilt("google.cloud.bigquery"),)))
    assert said == ("bigquery",)
    assert cloud.uses(PROJECT, replace(WINE, others=(prebuilt("google.cloud.aiplatform"),))) == ("vertex-jobs",)


def test_a_runner_of_another_project_is_not_made_and_its_own_project_grants_acting_as_it() -> None:
    theirs = "runner@their-project.iam.gserviceaccount.com"
    need = resources(replace(PROJECT, pipeline_runner_sa=theirs, steps_use=("vertex-jobs",)), WINE)
    assert not need.runner.made and need.builder.made
    assert table(need.owed) == {(theirs, "iam.serviceAccountUser", theirs)}
    assert (theirs, "iam.serviceAccountUser", theirs) not in table(need.bindings)
    assert (theirs, "aiplatform.user", "my-project-123") in table(need.bindings)


def test_an_account_of_a_project_whose_name_ends_like_this_one_is_another_s() -> None:
    email = "runner@not-my-project-123.iam.gserviceaccount.com"
    assert not resources(replace(PROJECT, pipeline_runner_sa=email), WINE).runner.made


def test_without_a_project_there_is_nothing_to_describe() -> None:
    with pytest.raises(ValueError, match="no project"):
        resources(Settings(), WINE)


def test_every_kind_of_thing_has_a_role_that_provisions_it() -> None:
    here, by_push = authority(PROJECT), authority(CI)
    assert {each.on for each in here} == {
        "api",
        *(set(On) - {On.DATASET, On.SECRET, On.TOPIC, On.SUBSCRIPTION, On.SERVICE}),
    }
    assert {each.on for each in by_push} - {each.on for each in here} == {
        *("role", "trigger", "builder", "repository", "secret")
    }
    served = authority(replace(CI, submission_service=True))
    assert {each.on for each in served} - {each.on for each in by_push} == {"topic", "callers", "service"}
    assert all(each.permissions and each.why for each in served)


# ------------------------------------------------------------------------------- what a push starts

CI = replace(
    PROJECT,
    run_local=False,
    source_repo_type="github",
    source_repo_name="example/wine",
    source_repo_secrets=(("github_app", "12"), ("token", "token/versions/1")),
)


def test_a_push_needs_a_trigger_a_role_of_its_own_and_acting_as_the_runner() -> None:
    usual, need = table(resources(PROJECT, WINE).bindings), resources(CI, WINE)
    assert need.role and need.trigger and not resources(PROJECT, WINE).trigger
    assert table(need.bindings) - usual == {
        (BUILDER, f"projects/{CI.project_id}/roles/{need.role.id}", "my-project-123"),
        (BUILDER, "iam.serviceAccountUser", RUNNER),
        (AGENT, "secretmanager.secretAccessor", "token"),
    }
    assert {each.partition(".")[2] for each in need.role.permissions} == {
        *("pipelineJobs.create", "pipelineJobs.get", "services.use")
    }
    assert {api.name.partition(".")[0] for api in need.apis} >= {"secretmanager", "cloudresourcemanager"}


NATIVE = replace(CI, schedule="0 6 * * 1", schedule_time_zone="Europe/Berlin", schedule_engine="vertex")


def test_a_schedule_of_vertex_ai_takes_one_role_of_the_projects_own_for_the_builder_and_nothing_else() -> None:
    usual, need = resources(CI, WINE), resources(NATIVE, WINE)
    assert need.clock and (need.clock.name, need.clock.location) == ("AutoMLOps-schedule", "us-central1")
    assert need.clock.cron == "TZ=Europe/Berlin 0 6 * * 1"
    assert table(need.bindings) - table(usual.bindings) == {
        (BUILDER, f"projects/{CI.project_id}/roles/{need.clock.role.id}", "my-project-123"),
    }
    assert {each.removeprefix("aiplatform.schedules.") for each in need.clock.role.permissions} == {
        *("create", "delete", "list", "update")
    }
    assert (need.apis, need.accounts, need.service) == (usual.apis, usual.accounts, None)
    assert usual.clock is None and usual.roles == need.roles[:1]


def test_with_the_service_too_the_builder_acts_as_the_runner_for_the_schedule() -> None:
    need = resources(replace(NATIVE, submission_service=True), WINE)
    assert need.service and (BUILDER, "iam.serviceAccountUser", RUNNER) in table(need.bindings)
    theirs = "steps@other-project.iam.gserviceaccount.com"
    foreign = resources(replace(NATIVE, submission_service=True, pipeline_runner_sa=theirs), WINE)
    acting = {each.member for each in foreign.owed if each.role == "roles/iam.serviceAccountUser"}
    assert acting == {need.service.submitter.email, BUILDER}


def test_cloud_source_repositories_lets_the_builder_read_and_needs_no_connection() -> None:
    need = resources(replace(PROJECT, run_local=False), WINE)
    assert need.trigger and need.trigger.connection == "" and need.trigger.repository == "AutoMLOps-repo"
    assert (BUILDER, "source.reader", "my-project-123") in table(need.bindings)


def test_base_images_of_components_that_another_project_keeps_are_owed_once_for_each_registry() -> None:
    home = "us-docker.pkg.dev/somebody-else-1/bases"
    bases = dict(zip((each.name for each in WINE.components), (f"{home}/torch:1", f"{home}/tf:2", ""), strict=True))
    components = tuple(replace(each, base=bases[each.name]) for each in WINE.components)
    need = resources(PROJECT, replace(WINE, components=components))
    assert [(each.name, each.why) for each in need.owed if each.role == "roles/artifactregistry.reader"] == [
        ("bases of somebody-else-1", f"pulls {home}/tf:2, {home}/torch:1 to build on")
    ]


def test_a_base_image_of_another_project_is_its_owner_s_to_let_builds_pull() -> None:
    base = "europe-docker.pkg.dev/their-project/bases/torch:1"
    need = resources(replace(PROJECT, base_image=base), WINE)
    assert (BUILDER, "artifactregistry.reader", "bases of their-project") in table(need.owed)
    own = resources(replace(PROJECT, base_image="us-docker.pkg.dev/my-project-123/bases/torch:1"), WINE)
    assert not own.owed and not resources(PROJECT, WINE).owed


def test_a_runner_of_another_project_is_its_own_to_let_builds_act_as() -> None:
    theirs = "runner@their-project.iam.gserviceaccount.com"
    need = resources(replace(CI, pipeline_runner_sa=theirs), WINE)
    assert (BUILDER, "iam.serviceAccountUser", theirs) in table(need.owed)
    assert not any(each.on == On.ACCOUNT for each in need.bindings)


@pytest.mark.parametrize("settings", [CI, replace(PROJECT, run_local=False), replace(CI, source_repo_secrets=())])
def test_the_trigger_says_in_its_file_what_the_script_looks_for(settings: Settings) -> None:
    files = {file.path: file.text for file in render.tree(WINE, settings).files}
    trigger = yaml.safe_load(files["provision/trigger.yaml"])
    script = files["provision/provision_resources.sh"]
    watched = trigger.get("repositoryEventConfig", {}).get("push") or trigger["triggerTemplate"]
    branch = watched.get("branch", watched.get("branchName"))
    source = trigger.get("repositoryEventConfig", {}).get("repository") or trigger["triggerTemplate"]["repoName"]
    told = [",".join(trigger["tags"]), trigger["filename"], trigger["serviceAccount"]]
    told += [trigger["substitutions"]["_DIR"], trigger["substitutions"]["_RUN"]]
    assert f"WANTED='{'|'.join([*told, '', source, branch])}'" in script and "includedFiles" not in trigger
    build = yaml.safe_load(files["cloudbuild.yaml"])
    assert set(trigger["substitutions"]) == set(build["substitutions"])
    assert build["substitutions"]["_RUN"] == "false" and branch == "^automlops$"


def test_a_folder_within_the_repository_is_in_the_trigger() -> None:
    files = {file.path: file.text for file in render.tree(WINE, replace(CI, repository_folder="ml/AutoMLOps")).files}
    trigger = yaml.safe_load(files["provision/trigger.yaml"])
    assert trigger["filename"] == "ml/AutoMLOps/cloudbuild.yaml" and trigger["includedFiles"] == ["ml/AutoMLOps/**"]
    assert trigger["substitutions"]["_DIR"] == "ml/AutoMLOps"


# ------------------------------------------------------------------------------- with nothing to build


def test_where_nothing_is_built_there_is_no_registry_and_no_builder() -> None:
    need = resources(PROJECT, CONTAINERS)
    assert need.registry is None and need.accounts == (need.runner,)
    assert [api.name.partition(".")[0] for api in need.apis] == ["aiplatform", "cloudresourcemanager", "iam", "storage"]
    assert table(need.bindings) == {
        (RUNNER, "aiplatform.user", "my-project-123"),
        (RUNNER, "storage.objectUser", "my-project-123-bucket"),
    }
    assert not [each for each in (*need.expected, *need.authority) if re.search("build|registry", each.role)]


def test_a_push_that_builds_nothing_needs_a_builder_all_the_same_and_no_registry() -> None:
    need = resources(CI, CONTAINERS)
    builder = "only-containers-builder@my-project-123.iam.gserviceaccount.com"
    assert need.registry is None and need.builder.email == builder and need.trigger
    assert {(role, name) for member, role, name in table(need.bindings) if member == builder} == {
        ("projects/my-project-123/roles/automlops_starts_runs", "my-project-123"),
        ("storage.objectUser", "my-project-123-bucket"),
        ("storage.legacyBucketReader", "my-project-123-bucket"),
        ("iam.serviceAccountUser", RUNNER),
    }
    assert not [each for each in (*need.expected, *need.authority) if "artifactregistry" in each.role]


@pytest.mark.parametrize("settings", [{}, {"run_local": False}])
def test_the_scripts_make_and_take_away_what_there_is_without_a_registry(
    settings: dict[str, bool], tmp_path: Path
) -> None:
    folder, gcloud = written(tmp_path / "tree", CONTAINERS, **settings), RecordingGcloud(tmp_path / "bin")
    done = provisioned(folder, gcloud)
    assert done.returncode == 0, done.stdout + done.stderr
    assert not [call for call in gcloud.calls if "artifacts" in call]
    assert "builds" not in done.stdout.splitlines()[-1]
    gcloud.forget()
    taken = gcloud.run(folder / "provision/deprovision_resources.sh")
    assert taken.returncode == 0, taken.stderr
    assert ["storage", "rm"] in [call[:2] for call in gcloud.writes]


def test_images_of_the_users_alone_are_built_as_others_are() -> None:
    need = resources(replace(PROJECT, own_images=("images/tools",)), CONTAINERS)
    assert need.registry and need.builder and "cloudbuild.googleapis.com" in [api.name for api in need.apis]


def test_a_registry_that_an_earlier_pipeline_of_the_folder_made_is_still_taken_away(tmp_path: Path) -> None:
    folder, gcloud = written(tmp_path / "tree", CONTAINERS), RecordingGcloud(tmp_path / "bin")
    line = '{"kind": "registry", "name": "vertex-mlops-af", "location": "us-central1", "role": "", "member": "", '
    line += '"shared": true, "project": "my-project-123", "pipeline": "only-containers"}\n'
    (folder / ".automlops").mkdir()
    (folder / ".automlops/made").write_text(line)
    assert gcloud.run(folder / "provision/deprovision_resources.sh").returncode == 0
    assert ["artifacts", "repositories", "delete", "vertex-mlops-af"] in [call[:4] for call in gcloud.writes]


# ------------------------------------------------------------------------------- the settings


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"gs_bucket_location": "europe"}, "not a region"),
        ({"gs_bucket_location": "us-central1-a"}, "is a zone"),
        ({"steps_use": "bigquery"}, "a list"),
        ({"steps_use": ["big_query"]}, "did you mean bigquery?"),
        ({"steps_use": ["everything", 3]}, "of type int"),
        ({"storage_bucket_locatoin": "eu"}, "did you mean gs_bucket_location?"),
    ],
)
def test_a_setting_that_cannot_be_says_what_would_do(given: dict[str, object], said: str) -> None:
    settings, problems = chosen(given)
    assert settings is None and said in " ".join(map(str, problems))


def test_the_settings_of_the_cloud_are_taken() -> None:
    settings, problems = chosen({"gs_bucket_location": "eu", "steps_use": ["vertex-jobs", "bigquery"]})
    assert settings == Settings(gs_bucket_location="eu", steps_use=("bigquery", "vertex-jobs")) and not problems


# ------------------------------------------------------------------------------- provisioning

BUCKET = "gs://my-project-123-bucket"
FATE = re.compile(r"(created|changed|kept|removed|gone|create|change|keep|remove) +([\w-]+) +(.+) \((.+)\)")
APIS = "aiplatform artifactregistry cloudbuild cloudresourcemanager iam storage"
ENABLED = "\n".join(f"{name}.googleapis.com" for name in APIS.split())
WAYS = "True|enforced|True|automlops"


def there(bucket: str = WAYS, registry: str = "DOCKER", record: str = "", roles: bool = True) -> str:
    """What gcloud answers where everything is there already."""
    need = resources(PROJECT, WINE)

    def policy(on: str) -> str:
        found = [f"{each.role} serviceAccount:{each.member} " for each in need.bindings if each.on == on and roles]
        return "\n".join((*found, f"roles/owner serviceAccount:{RUNNER} "))

    answers = {
        "services list*": ENABLED,
        "artifacts repositories list*": registry,
        "storage buckets list*": bucket,
        "iam service-accounts list*": f"{RUNNER}\n{BUILDER}",
        "projects get-iam-policy*": policy("project"),
        "artifacts repositories get-iam-policy*": policy("registry"),
        "storage buckets get-iam-policy*": policy("bucket"),
        "storage cat*": record,
    }
    lines = (f"{render._sh(key)[:-2]}'*) printf '%s\\n' {render._sh(text)} ;;" for key, text in answers.items())
    return "\n".join((EMPTY, *lines))


def provisioned(folder: Path, gcloud: RecordingGcloud, **environment: str) -> subprocess.CompletedProcess[str]:
    return gcloud.run(folder / "provision/provision_resources.sh", **environment)


TITLED = "*'service-accounts describe'*) echo 'Runs the steps of pipelines' ;;"


def fates(said: subprocess.CompletedProcess[str]) -> dict[str, str]:
    """{kind and name: fate} of a script that came to its end."""
    assert said.returncode == 0, said.stderr
    lines = [line for line in said.stdout.split("\n") if line and not line.startswith("ready:")]
    matched = [FATE.fullmatch(line) for line in lines]
    assert all(matched), lines
    return {f"{found[2]} {found[3]}": found[1] for found in matched if found}


def made(folder: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (folder / ".automlops/made").read_text().splitlines()]


def names(folder: Path) -> set[str]:
    """What the record says was made, in short."""
    return {f"{each['kind']} {each['name']} {each['role']}".strip() for each in made(folder)}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return written(tmp_path / "tree")


@pytest.fixture
def gcloud(tmp_path: Path) -> RecordingGcloud:
    return RecordingGcloud(tmp_path / "bin")


ALL = {
    "pipeline wine-quality",
    "registry vertex-mlops-af",
    "bucket my-project-123-bucket",
    f"account {RUNNER}",
    f"account {BUILDER}",
    "project-role my-project-123 roles/aiplatform.user",
    "registry-role vertex-mlops-af roles/artifactregistry.reader",
    "registry-role vertex-mlops-af roles/artifactregistry.writer",
    "bucket-role my-project-123-bucket roles/storage.objectUser",
    "bucket-role my-project-123-bucket roles/storage.legacyBucketReader",
}


def test_in_an_empty_project_everything_is_made_and_written_down(folder: Path, gcloud: RecordingGcloud) -> None:
    said = fates(provisioned(folder, gcloud))
    assert {fate for key, fate in said.items() if not key.startswith("record")} == {"created"}
    assert len(said) == 6 + 1 + 1 + 2 + 6 + 1
    assert names(folder) == ALL and len(made(folder)) == 11
    assert not list((folder / ".automlops/making").iterdir())
    assert all("--project=my-project-123" in call for call in gcloud.calls)
    assert [call[:2] for call in gcloud.writes].count(["services", "enable"]) == 1
    assert next(call for call in gcloud.calls if call[:3] == ["storage", "buckets", "create"]) == [
        *("storage", "buckets", "create", BUCKET, "--location=us-central1", "--uniform-bucket-level-access"),
        *("--public-access-prevention", "--project=my-project-123"),
    ]
    assert gcloud.calls[-1][:2] == ["storage", "cp"] and gcloud.calls[-1][3] == f"{BUCKET}/wine-quality/made"
    accounts = [at for at, call in enumerate(gcloud.calls) if call[:3] == ["iam", "service-accounts", "create"]]
    roles = [at for at, call in enumerate(gcloud.calls) if re.search("(set|add)-iam-policy", " ".join(call[:4]))]
    assert max(accounts) < min(roles)


def test_where_everything_is_there_nothing_is_written(folder: Path, gcloud: RecordingGcloud) -> None:
    line = '{"kind": "pipeline", "name": "wine-quality", "location": "", "role": "", "member": "", "shared": false, '
    gcloud.answers(there(record=f'{line}"project": "my-project-123", "pipeline": "wine-quality"}}'))
    said = fates(provisioned(folder, gcloud))
    assert set(said.values()) == {"kept"} and len(said) == 17
    assert not gcloud.writes and len(gcloud.calls) <= 8
    assert names(folder) == {"pipeline wine-quality"}


def test_provisioning_again_changes_neither_record_nor_cloud(folder: Path, gcloud: RecordingGcloud) -> None:
    fates(provisioned(folder, gcloud))
    record = (folder / ".automlops/made").read_text()
    gcloud.answers(there(record=record.rstrip("\n")))
    gcloud.forget()
    assert set(fates(provisioned(folder, gcloud)).values()) == {"kept"}
    assert not gcloud.writes and (folder / ".automlops/made").read_text() == record


def test_what_the_record_and_the_policies_tell_is_not_asked_again(folder: Path, gcloud: RecordingGcloud) -> None:
    fates(provisioned(folder, gcloud))
    gcloud.answers(there(record=(folder / ".automlops/made").read_text().rstrip("\n")))
    gcloud.forget()
    said = fates(provisioned(folder, gcloud))
    assert set(said.values()) == {"kept"} and len(said) == 17
    assert len(gcloud.calls) == 6
    assert not [call for call in gcloud.calls if call[:2] == ["iam", "service-accounts"] or call[:3] == REGISTRIES]


REGISTRIES = ["artifacts", "repositories", "list"]


def test_an_account_that_is_gone_is_missed_in_the_policies_and_made_again(
    folder: Path, gcloud: RecordingGcloud
) -> None:
    fates(provisioned(folder, gcloud))
    gone = there(record=(folder / ".automlops/made").read_text().rstrip("\n"))
    gone = gone.replace(f"serviceAccount:{BUILDER}", f"deleted:serviceAccount:{BUILDER}?uid=1").replace(
        f"\n{BUILDER}", ""
    )
    gcloud.answers(gone)
    said = fates(provisioned(folder, gcloud))
    assert said[f"account {RUNNER}"] == "kept" and said[f"account {BUILDER}"] == "created"
    assert {fate for key, fate in said.items() if key.endswith(f"for {BUILDER}")} == {"created"}


@pytest.mark.parametrize("gone", ["storage cat", "storage buckets get-iam", "artifacts repositories get-iam"])
def test_what_is_asked_ahead_and_fails_is_asked_again_in_its_turn(
    gone: str, folder: Path, gcloud: RecordingGcloud
) -> None:
    fates(provisioned(folder, gcloud))
    once = "[[ -e $here/seen ]] || { touch $here/seen; echo 'API has not been used in project' >&2; exit 1; }"
    answers = there(record=(folder / ".automlops/made").read_text().rstrip("\n"))
    gcloud.answers(re.sub(rf"('{gone}.*?\*\) )", rf"\1{once}; ", answers))
    assert set(fates(provisioned(folder, gcloud)).values()) == {"kept"}
    assert "seen" in {path.name for path in gcloud.folder.iterdir()}


def test_the_record_in_the_bucket_keeps_what_another_clone_made(folder: Path, gcloud: RecordingGcloud) -> None:
    fates(provisioned(folder, gcloud))
    record = (folder / ".automlops/made").read_text()
    (folder / ".automlops/made").unlink()
    gcloud.answers(there(record=record.rstrip("\n")))
    assert set(fates(provisioned(folder, gcloud)).values()) == {"kept"}
    gcloud.answers(f"'storage cat'*) echo {render._sh(record)} ;;\n{TITLED}\n*describe*) echo automlops ;;")
    gcloud.forget()
    assert set(deprovisioned(folder, gcloud).values()) == {"removed"}
    assert len(gcloud.writes) == 10  # the record went with the bucket


@pytest.mark.parametrize(
    ("ways", "fate"),
    [
        ("True|enforced|True|automlops", "kept"),
        ("True|inherited|True|automlops", "changed"),
        ("False|inherited||", "kept"),
        ("True|enforced||platform-team", "kept"),
    ],
)
def test_a_bucket_of_ours_is_brought_back_in_form_and_one_of_others_is_left_as_it_is(
    ways: str, fate: str, folder: Path, gcloud: RecordingGcloud
) -> None:
    gcloud.answers(there(bucket=ways))
    assert fates(provisioned(folder, gcloud))["bucket my-project-123-bucket"] == fate
    updates = [call for call in gcloud.writes if call[:3] == ["storage", "buckets", "update"]]
    assert len(updates) == (fate == "changed")
    assert "bucket my-project-123-bucket" not in names(folder)


def test_a_role_that_is_held_on_a_condition_is_not_the_role(folder: Path, gcloud: RecordingGcloud) -> None:
    held = f"roles/aiplatform.user serviceAccount:{RUNNER} request.time < 1"
    gcloud.answers(f"'projects get-iam-policy'*) echo {render._sh(held)} ;;\n{there()}")
    assert fates(provisioned(folder, gcloud))[f"role roles/aiplatform.user on project my-project-123 for {RUNNER}"] == (
        "created"
    )


STEPS = {
    "services list": ("looking for apis", "serviceusage.serviceUsageAdmin"),
    "services enable": ("switching on aiplatform.googleapis.com", "serviceusage.serviceUsageAdmin"),
    "artifacts repositories list": ("looking for registry", "artifactregistry.admin"),
    "storage buckets list": ("looking for bucket", "storage.admin"),
    "iam service-accounts list": ("looking for accounts", "iam.serviceAccountAdmin"),
    "artifacts repositories create": ("making the registry vertex-mlops-af", "artifactregistry.admin"),
    "storage buckets create": ("making the bucket my-project-123-bucket", "storage.admin"),
    "storage buckets update": ("changing the bucket my-project-123-bucket", "storage.admin"),
    "iam service-accounts create": ("making the account vertex-pipelines@", "iam.serviceAccountAdmin"),
    "projects add-iam": ("making roles/aiplatform.user on project", "resourcemanager.projectIamAdmin"),
    "artifacts repositories get-iam": ("making roles/artifactregistry.reader on", "artifactregistry.admin"),
    "artifacts repositories set-iam": ("making roles/artifactregistry.reader on", "artifactregistry.admin"),
    "storage buckets get-iam": ("making roles/storage.objectUser on bucket", "storage.admin"),
    "storage buckets set-iam": ("making roles/storage.objectUser on bucket", "storage.admin"),
    "storage cp": ("copying the record to the bucket", "storage.admin"),
}


LOOKED_FOR = ("artifacts repositories list", "iam service-accounts list")  # where their API is on

FASTER = """'artifacts repositories set-iam'*)
  [[ -e $here/refused ]] || { touch "$here/refused"; echo 'concurrent policy changes' >&2; exit 1; } ;;"""


def test_the_policy_of_a_new_registry_is_read_only_where_somebody_else_was_faster(
    folder: Path, gcloud: RecordingGcloud
) -> None:
    def asked() -> list[str]:
        return [call[2] for call in gcloud.calls if call[:2] == ["artifacts", "repositories"] and "iam" in call[2]]

    assert fates(provisioned(folder, gcloud)) and asked() == ["set-iam-policy"]
    shutil.rmtree(folder / ".automlops")
    gcloud.forget()
    gcloud.answers(FASTER)
    assert fates(provisioned(folder, gcloud)) and asked() == ["set-iam-policy", "get-iam-policy", "set-iam-policy"]


@pytest.mark.parametrize("denied", STEPS)
def test_what_is_denied_stops_it_with_the_step_and_a_role_for_it(
    denied: str, folder: Path, gcloud: RecordingGcloud
) -> None:
    on = f"'services list'*) printf '%s\\n' {render._sh(ENABLED)} ;;" if denied in LOOKED_FOR else ""
    on = FASTER if denied == "artifacts repositories get-iam" else on
    gcloud.answers(f"{render._sh(denied)}*) echo 'PERMISSION_DENIED: not you' >&2; exit 1 ;;\n{on}")
    said = provisioned(folder, gcloud)
    step, role = STEPS[denied]
    assert said.returncode == 1 and "ready" not in said.stdout
    assert f"stopped at: {step}" in said.stderr and "PERMISSION_DENIED: not you" in said.stderr
    assert f"--role=roles/{role}\n" in said.stderr
    assert "then run provision/provision_resources.sh again" in said.stderr
    assert not list((folder / ".automlops/making").glob("*"))
    gcloud.answers("")
    fates(provisioned(folder, gcloud))
    assert names(folder) == ALL


def test_who_may_not_read_a_policy_is_told_the_step_and_a_role(folder: Path, gcloud: RecordingGcloud) -> None:
    denied = "'projects get-iam-policy'*) echo 'PERMISSION_DENIED: not you' >&2; exit 1 ;;"
    gcloud.answers(f"{denied}\n{there()}")
    said = provisioned(folder, gcloud)
    assert said.returncode == 1 and "stopped at: looking for policy of project" in said.stderr
    assert "--role=roles/resourcemanager.projectIamAdmin\n" in said.stderr


def test_what_was_being_made_when_it_was_cut_off_is_known_for_ours(folder: Path, gcloud: RecordingGcloud) -> None:
    gcloud.answers("'storage buckets create'*) kill -9 $PPID; sleep 1 ;;")
    assert provisioned(folder, gcloud).returncode == 1
    assert "bucket my-project-123-bucket" not in names(folder)
    gcloud.answers(there(bucket="True|enforced||"))
    assert fates(provisioned(folder, gcloud))["bucket my-project-123-bucket"] == "changed"
    assert "bucket my-project-123-bucket" in names(folder)


def test_what_exists_after_a_connection_was_lost_counts_as_made(folder: Path, gcloud: RecordingGcloud) -> None:
    enabled = f"'services list'*) printf '%s\\n' {render._sh(ENABLED)} ;;"
    gcloud.answers(f"'artifacts repositories create'*) echo 'ALREADY_EXISTS: already exists' >&2; exit 1 ;;\n{enabled}")
    assert fates(provisioned(folder, gcloud))["registry vertex-mlops-af"] == "created"
    assert "registry vertex-mlops-af" in names(folder)


OFF = {  # what has its API switched off, yet is there: what it says of itself, and how that is asked
    "registry vertex-mlops-af": ("automlops", "*'artifacts repositories create'*", "*'artifacts repositories list'*"),
    f"account {BUILDER}": ("Builds the images of wine-quality", "*'create wine-quality-builder'*", "*'accounts list'*"),
}


@pytest.mark.parametrize("thing", OFF)
def test_what_an_api_that_is_off_has_is_not_looked_for_and_ours_if_it_says_so(
    thing: str, folder: Path, gcloud: RecordingGcloud
) -> None:
    mark, create, ask = OFF[thing]
    exists = f"{create}) echo 'ALREADY_EXISTS: already exists' >&2; exit 1 ;;"
    gcloud.answers(f"{exists}\n{ask}) echo {render._sh(mark)} ;;")
    assert fates(provisioned(folder, gcloud))[thing] == "created"
    assert thing in names(folder)
    asked = [call for call in gcloud.calls if call[:3] in (REGISTRIES, ["iam", "service-accounts", "list"])]
    assert len(asked) == 1


@pytest.mark.parametrize("thing", OFF)
def test_what_an_api_that_is_off_has_of_others_is_not_recorded_and_the_next_run_finds_it(
    thing: str, folder: Path, gcloud: RecordingGcloud
) -> None:
    _, create, ask = OFF[thing]
    gcloud.answers(f"{create}) echo 'ALREADY_EXISTS: already exists' >&2; exit 1 ;;\n{ask}) echo ours ;;")
    said = provisioned(folder, gcloud)
    assert said.returncode == 1 and f"stopped at: making the {thing}" in said.stderr
    gcloud.answers(there(roles=False))
    assert fates(provisioned(folder, gcloud))[thing] == "kept"
    assert thing not in names(folder)


def test_a_bucket_s_name_that_somebody_else_has_is_not_recorded(folder: Path, gcloud: RecordingGcloud) -> None:
    gcloud.answers("'storage buckets create'*) echo '409: the requested bucket name is not available' >&2; exit 1 ;;")
    said = provisioned(folder, gcloud)
    assert said.returncode == 1 and "not available" in said.stderr
    assert "bucket my-project-123-bucket" not in names(folder)
    assert not list((folder / ".automlops/making").glob("*"))


def test_a_bucket_of_the_operator_in_another_project_is_not_recorded(folder: Path, gcloud: RecordingGcloud) -> None:
    gcloud.answers(
        "'storage buckets create'*) echo '409: Your previous request succeeded, you already own it.' >&2; exit 1 ;;"
    )
    said = provisioned(folder, gcloud)
    assert said.returncode == 1 and "stopped at: making the bucket" in said.stderr
    assert "bucket my-project-123-bucket" not in names(folder) and not list((folder / ".automlops/making").glob("*"))
    assert not [call for call in gcloud.writes if call[:3] == ["storage", "buckets", "update"]]


def test_a_bucket_whose_making_was_answered_late_is_this_run_s(folder: Path, gcloud: RecordingGcloud) -> None:
    owned = "touch $here/made; echo '409: Your previous request succeeded, you already own it.' >&2; exit 1"
    listed = f"[[ ! -e $here/made ]] || echo {BUCKET}"
    gcloud.answers(f"'storage buckets create'*) {owned} ;;\n'storage buckets list'*) {listed} ;;")
    assert fates(provisioned(folder, gcloud))["bucket my-project-123-bucket"] == "created"
    assert "bucket my-project-123-bucket" in names(folder)


def test_an_account_whose_own_policy_is_gone_is_looked_for_though_others_still_name_it(
    tmp_path: Path, gcloud: RecordingGcloud
) -> None:
    folder = written(tmp_path / "tree", steps_use=("vertex-jobs",))
    fates(provisioned(folder, gcloud))
    record = (folder / ".automlops/made").read_text().rstrip("\n")
    gcloud.answers(
        "'iam service-accounts get-iam-policy'*) echo 'NOT_FOUND: not found' >&2; exit 1 ;;\n"
        f"'iam service-accounts list'*) echo {BUILDER} ;;\n{there(record=record)}"
    )
    said = fates(provisioned(folder, gcloud, PLAN="1"))
    assert said[f"account {RUNNER}"] == "create" and said[f"account {BUILDER}"] == "keep"


def test_it_waits_for_an_account_that_google_shows_late(folder: Path, gcloud: RecordingGcloud) -> None:
    late = "echo 'INVALID_ARGUMENT: Service account does not exist.' >&2; exit 1"
    gcloud.answers(f"'projects add-iam'*) [[ -e $here/seen ]] || {{ touch $here/seen; {late}; }} ;;")
    said = provisioned(folder, gcloud)
    assert len(fates(said)) == 17 and "waiting 1 s before asking Google again" in said.stderr
    assert [call[:2] for call in gcloud.calls].count(["projects", "add-iam-policy-binding"]) == 2


@pytest.mark.parametrize(
    ("call", "complaint"),
    [
        ("'builds triggers describe'*", "PERMISSION_DENIED: Cloud Build API has not been used in project 1 before"),
        ("'pubsub topics describe'*", "PERMISSION_DENIED: Pub/Sub API has not been used in project 1 before"),
        ("'run deploy'*", "Permission 'iam.serviceaccounts.actAs' denied on service account x (or it may not exist)."),
    ],
)
def test_it_waits_for_what_was_just_switched_on_or_made(
    call: str, complaint: str, tmp_path: Path, gcloud: RecordingGcloud
) -> None:
    folder = written(tmp_path / "tree", run_local=False, submission_service=True)
    once = f"[[ -e $here/seen ]] || {{ touch $here/seen; echo {render._sh(complaint)} >&2; exit 1; }}"
    gcloud.answers(f"{call}) {once} ;;")
    said = provisioned(folder, gcloud)
    assert fates(said)["service run-pipeline"] == "created" and "waiting 1 s before asking Google again" in said.stderr


@pytest.mark.parametrize("subscription", ["automlops-runs-push", "automlops-runs-dead-letters"])
def test_a_subscription_whose_topic_was_deleted_is_named_with_the_way_out(
    subscription: str, tmp_path: Path, gcloud: RecordingGcloud
) -> None:
    folder = written(tmp_path / "tree", run_local=False, submission_service=True)
    gcloud.answers(f"'pubsub subscriptions describe {subscription}'*) echo '_deleted-topic_' ;;")
    mend = f"its topic was deleted: gcloud pubsub subscriptions delete {subscription} --project=my-project-123"
    assert f"needed   subscription {subscription} ({mend})" in provisioned(folder, gcloud, PLAN="1").stdout
    said = provisioned(folder, gcloud)
    assert said.returncode == 1 and f"stopped at: using the subscription {subscription}" in said.stderr
    assert mend in said.stderr


def test_a_service_that_was_made_and_does_not_come_up_is_written_down_and_taken_away(
    tmp_path: Path, gcloud: RecordingGcloud
) -> None:
    folder = written(tmp_path / "tree", run_local=False, submission_service=True)
    failing = "touch $here/made; echo 'Quota exceeded: the revision is not ready' >&2; exit 1"
    described = "[[ ! -e $here/made ]] || echo run-pipeline"
    gcloud.answers(f"'run deploy'*) {failing} ;;\n'run services describe'*) {described} ;;")
    assert provisioned(folder, gcloud).returncode == 1
    assert "service run-pipeline" not in names(folder)
    assert deprovisioned(folder, gcloud)["service run-pipeline"] == "removed"
    assert not list((folder / ".automlops/making").glob("*"))


@pytest.mark.parametrize(("ready", "deployed"), [("run-pipeline-2", False), ("run-pipeline-1", True), ("", True)])
def test_a_service_is_deployed_again_until_its_newest_revision_is_ready(
    ready: str, deployed: bool, tmp_path: Path, gcloud: RecordingGcloud
) -> None:
    folder = written(tmp_path / "tree", run_local=False, submission_service=True)
    image = re.search("^IMAGE=(.*)$", (folder / "scripts/deploy_service.sh").read_text(), re.MULTILINE)
    assert image
    runs = f"{image[1]}@sha256:12|run-pipeline-2|{ready}"
    gcloud.answers(
        f"'artifacts docker images describe'*) echo sha256:12 ;;\n'run services describe'*) echo '{runs}' ;;"
    )
    said = gcloud.run(folder / "scripts/deploy_service.sh")
    assert said.returncode == 0, said.stderr
    assert [call[:3] for call in gcloud.writes] == ([["run", "services", "update"]] if deployed else [])


def test_a_policy_that_was_cut_is_never_written(folder: Path, gcloud: RecordingGcloud) -> None:
    gcloud.answers("*'storage buckets get-iam-policy'*--format=yaml*) printf 'bindings:\\n- members:\\n' ;;")
    said = provisioned(folder, gcloud)
    assert said.returncode == 1 and "stopped at: making roles/storage.objectUser on bucket" in said.stderr
    assert not [call for call in gcloud.writes if call[:3] == ["storage", "buckets", "set-iam-policy"]]


STANDING = """\
auditConfigs:
- auditLogConfigs:
  - logType: DATA_READ
  service: storage.googleapis.com
bindings:
- condition:
    expression: |-
      request.time <
        timestamp("2030-01-01T00:00:00Z")
    title: 'soon: no more'
  members:
  - user:someone@example.test
  role: roles/storage.objectUser
- members:
  - projectViewer:my-project-123
  role: roles/storage.legacyBucketReader
- members:
  - projectOwner:my-project-123
  role: roles/storage.legacyBucketOwner
etag: -_9I=
version: 3
"""


def keeping(folder: Path) -> str:
    """A bucket with a policy, and what is written in its place kept as `set`."""
    (folder / "standing").write_text(STANDING)
    return "'storage buckets get-iam'*) cat $here/standing ;;\n'storage buckets set-iam'*) cp \"$5\" $here/set ;;"


def test_roles_are_added_to_a_policy_and_all_that_is_in_it_stays(folder: Path, gcloud: RecordingGcloud) -> None:
    gcloud.answers(keeping(gcloud.folder))
    fates(provisioned(folder, gcloud))
    standing, wrote = yaml.safe_load(STANDING), yaml.safe_load((gcloud.folder / "set").read_text())
    on_a_condition, reading, owning = standing["bindings"]
    reading["members"].insert(0, f"serviceAccount:{BUILDER}")
    user = {"role": "roles/storage.objectUser", "members": [f"serviceAccount:{RUNNER}", f"serviceAccount:{BUILDER}"]}
    assert wrote == {**standing, "bindings": [on_a_condition, reading, owning, user], "etag": "+/9I="}
    sets = [call for call in gcloud.writes if call[:4] == ["storage", "buckets", "set-iam-policy", BUCKET]]
    assert len(sets) == 1


def test_a_policy_that_moved_meanwhile_is_read_again(folder: Path, gcloud: RecordingGcloud) -> None:
    moved = "echo 'HTTPError 412: At least one of the pre-conditions you specified did not hold.' >&2; exit 1"
    answers = keeping(gcloud.folder)
    gcloud.answers(f"'storage buckets set-iam'*) cp \"$5\" $here/set; [[ -e $here/seen ]] || {{ touch $here/seen; sed -i "
                   f"'s/someone@/else@/; s/^etag: .*/etag: CAI=/' $here/standing; {moved}; }} ;;\n{answers}")  # fmt: skip
    said = fates(provisioned(folder, gcloud))
    assert said[f"role roles/storage.legacyBucketReader on bucket my-project-123-bucket for {BUILDER}"] == "created"
    wrote = yaml.safe_load((gcloud.folder / "set").read_text())
    assert wrote["etag"] == "CAI=" and "user:else@example.test" in str(wrote) and BUILDER in str(wrote)
    assert "bucket-role my-project-123-bucket roles/storage.legacyBucketReader" in names(folder)


def test_a_policy_with_nothing_in_it_is_given_roles(folder: Path, gcloud: RecordingGcloud) -> None:
    gcloud.answers(
        "'artifacts repositories get-iam'*) echo 'etag: ACAB' ;;\n'artifacts repositories set-iam'*) cp \"$6\" $here/set ;;"
    )
    fates(provisioned(folder, gcloud))
    wrote = yaml.safe_load((gcloud.folder / "set").read_text())
    assert wrote["etag"] == "ACAB" and {each["role"] for each in wrote["bindings"]} == {
        *("roles/artifactregistry.reader", "roles/artifactregistry.writer")
    }


def uploads(gcloud: RecordingGcloud) -> list[str]:
    """On what generation each copy of the record was to be replaced."""
    return [call[4] for call in gcloud.writes if call[:2] == ["storage", "cp"]]


def test_a_record_that_somebody_else_wrote_meanwhile_is_read_again_and_kept(
    folder: Path, gcloud: RecordingGcloud
) -> None:
    theirs = other("account", BUILDER).replace('"pipeline": "other"', '"pipeline": "wine-quality"')
    moved = "echo 'HTTPError 412: At least one of the pre-conditions you specified did not hold.' >&2; exit 1"
    (gcloud.folder / "theirs").write_text(f"{theirs}\n")
    gcloud.answers(
        f"'storage cp'*) [[ -e $here/seen ]] || {{ touch $here/seen; {moved}; }}; cp \"$3\" $here/copy ;;\n"
        "'storage objects describe'*) echo 17 ;;\n'storage cat'*) cat $here/theirs ;;"
    )
    assert fates(provisioned(folder, gcloud))[f"record {BUCKET}/wine-quality/made"] == "changed"
    assert uploads(gcloud) == ["--if-generation-match=0", "--if-generation-match=17"]
    lines = (gcloud.folder / "copy").read_text().splitlines()
    assert theirs in lines and set((folder / ".automlops/made").read_text().splitlines()) < set(lines)


def test_a_record_that_is_not_there_yet_is_written_where_none_is(folder: Path, gcloud: RecordingGcloud) -> None:
    gone = "echo 'gs://my-project-123-bucket/wine-quality/made not found: 404.' >&2; exit 1"
    gcloud.answers(f"'storage objects describe'*) {gone} ;;\n{there()}")
    assert fates(provisioned(folder, gcloud))[f"record {BUCKET}/wine-quality/made"] == "changed"
    assert uploads(gcloud) == ["--if-generation-match=0"]


def test_a_record_whose_generation_nobody_may_ask_for_is_not_replaced(folder: Path, gcloud: RecordingGcloud) -> None:
    gcloud.answers(f"'storage objects describe'*) echo 'PERMISSION_DENIED: not you' >&2; exit 1 ;;\n{there()}")
    said = provisioned(folder, gcloud)
    assert said.returncode == 1 and "stopped at: copying the record to the bucket" in said.stderr
    assert "PERMISSION_DENIED: not you" in said.stderr and not uploads(gcloud)


def test_what_is_asked_too_often_is_asked_again(folder: Path, gcloud: RecordingGcloud) -> None:
    busy = "echo 'RESOURCE_EXHAUSTED: Quota exceeded for requests per minute' >&2; exit 1"
    gcloud.answers(f"*'repositories create'*) [[ -e $here/seen ]] || {{ touch $here/seen; {busy}; }} ;;")
    assert fates(provisioned(folder, gcloud))["registry vertex-mlops-af"] == "created"


def test_a_registry_of_another_format_is_refused(folder: Path, gcloud: RecordingGcloud) -> None:
    gcloud.answers(there(registry="PYTHON"))
    said = provisioned(folder, gcloud)
    assert said.returncode == 1 and "choose another af_registry_name" in said.stderr


def test_a_runner_of_another_project_is_given_its_roles_and_not_made(tmp_path: Path, gcloud: RecordingGcloud) -> None:
    theirs = "runner@their-project.iam.gserviceaccount.com"
    folder = written(tmp_path / "theirs", pipeline_runner_sa=theirs, steps_use=("bigquery", "vertex-jobs"))
    said = fates(provisioned(folder, gcloud))
    assert (
        f"account {theirs}" not in said and said[f"role roles/bigquery.jobUser on project my-project-123 for {theirs}"]
    )
    created = [call for call in gcloud.calls if call[:3] == ["iam", "service-accounts", "create"]]
    assert [call[3] for call in created] == ["wine-quality-builder"]


NASTY = 'it\'s "quoted" $(touch /tmp/pwned) `id` ; & | * {{ x }} \\ -- --flag'


def test_no_value_becomes_more_than_a_word_of_the_shell(folder: Path, gcloud: RecordingGcloud) -> None:
    """The settings refuse such values; the scripts would hold even so."""
    need = resources(PROJECT, WINE)
    bindings = tuple(replace(each, member=NASTY, role=NASTY, why=NASTY, name=NASTY) for each in need.bindings)
    need = replace(
        need,
        project=NASTY,
        pipeline=NASTY,
        registry=replace(need.registry, name=NASTY, location=NASTY, why=NASTY),
        bucket=replace(need.bucket, name=NASTY, location=NASTY, why=NASTY),
        runner=replace(need.runner, email=NASTY, title=NASTY, why=NASTY),
        apis=(cloud.Api(name=NASTY, why=NASTY),),
        bindings=bindings,
    )
    nasty = replace(PROJECT, af_registry_name=NASTY, af_registry_location=NASTY)
    for name in ("provision", "deprovision"):
        script = folder / f"provision/{name}_resources.sh"
        script.write_text(render._template(f"provision/{name}_resources.sh.j2").render(cloud=need, settings=nasty))
    assert provisioned(folder, gcloud).returncode == 0
    assert ["services", "enable", NASTY, f"--project={NASTY}"] in gcloud.calls
    assert any(call[2:4] == ["create", f"gs://{NASTY}"] for call in gcloud.calls)
    assert any(call[2:5] == ["create", NASTY, f"--location={NASTY}"] for call in gcloud.calls)
    assert any(call[2:5] == ["create", NASTY, f"--display-name={NASTY}"] for call in gcloud.calls)
    assert any(f"--role={NASTY}" in call and f"--member=serviceAccount:{NASTY}" in call for call in gcloud.calls)
    assert all(f"--project={NASTY}" in call for call in gcloud.calls)
    said = gcloud.run(folder / "provision/deprovision_resources.sh")
    assert said.returncode == 1 and "a line that no script wrote" in said.stderr
    assert not Path("/tmp/pwned").exists()


# ------------------------------------------------------------------------------- deprovisioning


@pytest.fixture
def whole(folder: Path, gcloud: RecordingGcloud) -> Path:
    """A codebase that has made everything."""
    fates(provisioned(folder, gcloud))
    gcloud.forget()
    return folder


def deprovisioned(folder: Path, gcloud: RecordingGcloud, **environment: str) -> dict[str, str]:
    return fates(gcloud.run(folder / "provision/deprovision_resources.sh", **environment))


def test_what_was_made_is_taken_away_last_first(whole: Path, gcloud: RecordingGcloud) -> None:
    said = deprovisioned(whole, gcloud)
    assert set(said.values()) == {"removed"} and len(said) == 10
    assert (whole / ".automlops/made").read_text() == ""
    texts = [" ".join(call) for call in gcloud.writes]
    for gone, role in (
        ("artifacts repositories delete vertex-mlops-af", "artifacts repositories remove-iam"),
        (f"storage rm {BUCKET} ", "storage buckets remove-iam"),
        (f"service-accounts delete {RUNNER}", RUNNER),
        (f"service-accounts delete {BUILDER}", BUILDER),
    ):
        (at,) = [number for number, text in enumerate(texts) if gone in text]
        roles = [number for number, text in enumerate(texts) if role in text and "remove-iam" in text]
        assert roles and max(roles) < at
    assert all("--project=my-project-123" in call for call in gcloud.calls)
    assert not [call for call in gcloud.calls if "disable" in call]


def test_nothing_is_taken_away_that_was_there_before(folder: Path, gcloud: RecordingGcloud) -> None:
    gcloud.answers(there())
    fates(provisioned(folder, gcloud))
    gcloud.answers("")
    gcloud.forget()
    assert deprovisioned(folder, gcloud) == {}
    assert gcloud.writes == []


def other(kind: str, name: str, shared: str = "false") -> str:
    line = f'{{"kind": "{kind}", "name": "{name}", "location": "us-central1", "role": "", "member": "", '
    return f'{line}"shared": {shared}, "project": "my-project-123", "pipeline": "other"}}'


def test_what_is_shared_stays_while_another_pipeline_is_there(whole: Path, gcloud: RecordingGcloud) -> None:
    lines = f"{other('pipeline', 'other')}\n{other('account', 'other-builder@x')}"
    gcloud.answers(f"'storage cat'*) echo {render._sh(lines)} ;;")
    said = deprovisioned(whole, gcloud)
    assert {key for key, fate in said.items() if fate == "removed"} == {
        f"account {BUILDER}",
        f"role roles/artifactregistry.writer on registry vertex-mlops-af for {BUILDER}",
        f"role roles/storage.objectUser on bucket my-project-123-bucket for {BUILDER}",
        f"role roles/storage.legacyBucketReader on bucket my-project-123-bucket for {BUILDER}",
    }
    assert len(said) == 10 and (whole / ".automlops/made").read_text() == ""
    assert gcloud.calls[-1][:2] == ["storage", "cp"] and gcloud.calls[-1][3] == f"{BUCKET}/wine-quality/made"


DATA = f"'storage ls'*) echo {BUCKET}/wine-quality/runs/model#1 ;;"  # so that the bucket stays, and a record in it


def test_what_somebody_else_wrote_to_the_record_meanwhile_stays_in_it(whole: Path, gcloud: RecordingGcloud) -> None:
    """Between reading it and writing it anew another copy of this codebase provisioned something."""
    record = (whole / ".automlops/made").read_text()
    theirs = other("project-role", "my-project-123").replace('"pipeline": "other"', '"pipeline": "wine-quality"')
    (gcloud.folder / "record").write_text(record)
    moved = "echo 'HTTPError 412: At least one of the pre-conditions you specified did not hold.' >&2; exit 1"
    gcloud.answers(
        f"'storage cp'*) [[ -e $here/seen ]] || {{ touch $here/seen; echo {render._sh(theirs)} >>$here/record; {moved}; }}\n"
        f"cp \"$3\" $here/copy ;;\n{DATA}\n'storage cat'*) cat $here/record ;;\n"
        "'storage objects describe'*) wc -l <$here/record ;;"
    )
    deprovisioned(whole, gcloud)
    lines = record.count("\n")
    assert uploads(gcloud) == [f"--if-generation-match={lines}", f"--if-generation-match={lines + 1}"]
    bucket = next(line for line in record.splitlines() if line.startswith('{"kind": "bucket"'))
    assert (gcloud.folder / "copy").read_text().splitlines() == [bucket, theirs]
    assert (whole / ".automlops/made").read_text() == f"{bucket}\n"


def test_a_record_of_which_nothing_is_left_is_taken_away_as_it_was_read(folder: Path, gcloud: RecordingGcloud) -> None:
    gcloud.answers(there())  # all of it was there before: the record has the pipeline alone
    fates(provisioned(folder, gcloud))
    record = (folder / ".automlops/made").read_text().rstrip("\n")
    gcloud.answers(f"'storage cat'*) echo {render._sh(record)} ;;\n'storage objects describe'*) echo 17 ;;")
    gcloud.forget()
    deprovisioned(folder, gcloud)
    (gone,) = gcloud.writes
    assert gone[:4] == ["storage", "rm", f"{BUCKET}/wine-quality/made", "--if-generation-match=17"]


def test_a_record_that_may_not_be_looked_at_is_not_taken_away(whole: Path, gcloud: RecordingGcloud) -> None:
    denied = "echo 'PERMISSION_DENIED: not you' >&2; exit 1"
    gcloud.answers(f"{DATA}\n'storage objects describe'*) {denied} ;;")
    said = gcloud.run(whole / "provision/deprovision_resources.sh")
    assert said.returncode == 1 and "stopped at: copying the record to the bucket" in said.stderr
    assert "PERMISSION_DENIED: not you" in said.stderr and not uploads(gcloud)
    assert not [call for call in gcloud.writes if call[:2] == ["storage", "rm"]]


def test_the_record_of_a_pipeline_that_is_back_stays(folder: Path, gcloud: RecordingGcloud) -> None:
    """It had gone, and left the registry to the others; while that is taken away it provisions again."""
    gcloud.answers(there())
    fates(provisioned(folder, gcloud))
    left = other("own-role", "vertex-mlops-af", "true")
    gcloud.answers(
        f"'storage cat gs://my-project-123-bucket/other/made'*) printf '%s\\n' {render._sh(left)} {render._sh(other('pipeline', 'other'))} ;;\n"
        f"'storage cat'*) echo {render._sh(left)} ;;\n'storage objects describe'*) echo 17 ;;"
    )
    gcloud.forget()
    deprovisioned(folder, gcloud)
    assert not [call for call in gcloud.writes if call[2:3] == [f"{BUCKET}/other/made"]]


def test_the_last_pipeline_takes_away_what_those_before_it_left(folder: Path, gcloud: RecordingGcloud) -> None:
    gcloud.answers(there())
    fates(provisioned(folder, gcloud))
    left = f"{other('registry', 'vertex-mlops-af', 'true')}\n{other('bucket', 'my-project-123-bucket', 'true')}"
    gcloud.answers(f"'storage cat'*) echo {render._sh(left)} ;;\n{TITLED}\n*describe*) echo automlops ;;")
    assert deprovisioned(folder, gcloud) == {
        "bucket my-project-123-bucket": "removed",
        "registry vertex-mlops-af": "removed",
    }


def test_what_a_step_writes_into_the_bucket_cannot_have_other_things_taken_away(
    folder: Path, gcloud: RecordingGcloud
) -> None:
    gcloud.answers(there())
    fates(provisioned(folder, gcloud))
    ours = '"pipeline": "wine-quality"}'
    forged = [
        other("registry", "vertex-mlops-af", "true"),  # there before: it bears no label
        other("bucket", "my-project-123-bucket", "true"),
        other("registry", "their-registry").replace('"pipeline": "other"}', ours),
        other("account", "admin@my-project-123.iam.gserviceaccount.com").replace('"pipeline": "other"}', ours),
        other("account", RUNNER).replace('my-project-123", "pipe', 'their-project", "pipe'),
        other("project-role", "my-project-123").replace('"member": ""', '"member": "user:owner@example.test"'),
    ]
    gcloud.answers(f"'storage cat'*) printf '%s\\n' {' '.join(map(render._sh, forged))} ;;")
    assert deprovisioned(folder, gcloud) == {}
    gcloud.answers(
        f"'storage cat'*) echo {render._sh(forged[0])} ;;\n*describe*) echo PERMISSION_DENIED >&2; exit 1 ;;"
    )
    said = gcloud.run(folder / "provision/deprovision_resources.sh")
    assert said.returncode == 1 and "stopped at: reading labels" in said.stderr


@pytest.mark.parametrize("there", [True, False])
def test_a_trigger_that_the_bucket_alone_has_stays_and_one_that_is_gone_is_not_said_to(
    there: bool, tmp_path: Path, gcloud: RecordingGcloud
) -> None:
    """As after a run that was cut off: it took the trigger away, and the bucket's record has it still."""
    folder = written(tmp_path / "tree", run_local=False)
    line = other("trigger", "automlops-trigger").replace('"pipeline": "other"', '"pipeline": "wine-quality"')
    says = "echo automlops-trigger" if there else "echo 'NOT_FOUND: not found' >&2; exit 1"
    gcloud.answers(f"'storage cat'*) echo {render._sh(line)} ;;\n'builds triggers describe'*) {says} ;;")
    assert deprovisioned(folder, gcloud) == ({"trigger automlops-trigger": "kept"} if there else {})


def test_a_bucket_that_cannot_be_looked_into_is_not_deleted(whole: Path, gcloud: RecordingGcloud) -> None:
    gcloud.answers("'storage ls'*) echo 'denied on resource (or it does not exist)' >&2; exit 1 ;;")
    said = gcloud.run(whole / "provision/deprovision_resources.sh")
    assert said.returncode == 1 and "stopped at: looking into the bucket" in said.stderr
    assert not [call for call in gcloud.writes if call[:2] == ["storage", "rm"]]
    assert "bucket my-project-123-bucket" in names(whole)


@pytest.mark.parametrize(
    ("data", "delete", "fate"),
    [
        (f"{BUCKET}/wine-quality/runs/model#1", "", "kept"),
        (f"{BUCKET}/wine-quality/runs/model#1", "1", "removed"),
        (f"{BUCKET}/wine-quality/made#1\n{BUCKET}/wine-quality/made#2", "", "removed"),
    ],
)
def test_a_bucket_with_data_stays_unless_told(
    data: str, delete: str, fate: str, whole: Path, gcloud: RecordingGcloud
) -> None:
    gcloud.answers(f"'storage ls'*) echo {render._sh(data)} ;;")
    said = deprovisioned(whole, gcloud, **({"DELETE_DATA": delete} if delete else {}))
    assert said["bucket my-project-123-bucket"] == fate
    assert names(whole) == ({"bucket my-project-123-bucket"} if fate == "kept" else set())


def test_what_is_gone_already_does_not_stop_it(whole: Path, gcloud: RecordingGcloud) -> None:
    gcloud.answers("*remove-iam*|*delete*|'storage rm'*) echo 'NOT_FOUND: not found' >&2; exit 1 ;;")
    assert set(deprovisioned(whole, gcloud).values()) == {"gone"}
    assert names(whole) == set()


def test_a_service_that_is_gone_already_does_not_stop_it_in_the_words_that_gcloud_has_for_that(
    tmp_path: Path, gcloud: RecordingGcloud
) -> None:
    folder = written(tmp_path / "tree", run_local=False, submission_service=True)
    fates(provisioned(folder, gcloud))
    gone = "ERROR: (gcloud.run.services.delete) Service [run-pipeline] could not be found."
    gcloud.answers(f"'run services delete'*) echo {render._sh(gone)} >&2; exit 1 ;;")
    assert deprovisioned(folder, gcloud)["service run-pipeline"] == "gone"
    assert "service run-pipeline" not in names(folder)


def test_denied_it_stops_and_goes_on_from_there(whole: Path, gcloud: RecordingGcloud) -> None:
    gcloud.answers("'iam service-accounts delete'*) echo 'PERMISSION_DENIED: not you' >&2; exit 1 ;;")
    said = gcloud.run(whole / "provision/deprovision_resources.sh")
    assert said.returncode == 1 and "stopped at: removing the account" in said.stderr
    assert "--role=roles/iam.serviceAccountAdmin" in said.stderr
    before = names(whole)
    assert f"account {RUNNER}" in before and not [name for name in before if "-role" in name]
    gcloud.answers("")
    deprovisioned(whole, gcloud)
    assert names(whole) == set()


# ------------------------------------------------------------------------------- what it needs no more


def test_a_role_that_nothing_needs_any_more_is_taken_away_and_forgotten(
    tmp_path: Path, gcloud: RecordingGcloud
) -> None:
    with_queries = written(tmp_path / "tree", steps_use=("bigquery",))
    fates(provisioned(with_queries, gcloud))
    record = (with_queries / ".automlops/made").read_text()
    without = written(tmp_path / "tree")
    gcloud.answers(there(record=record.rstrip("\n")))
    planned = fates(provisioned(without, gcloud, PLAN="1"))
    assert (without / ".automlops/made").read_text() == record
    gcloud.forget()
    said = fates(provisioned(without, gcloud))
    dropped = {
        f"role roles/bigquery.{role} on project my-project-123 for {RUNNER}" for role in ("jobUser", "readSessionUser")
    }
    assert {key for key, fate in said.items() if fate == "removed"} == dropped
    assert {key for key, fate in planned.items() if fate == "remove"} == dropped
    assert names(without) == ALL
    assert [call[1] for call in gcloud.writes if call[0] == "projects"] == ["remove-iam-policy-binding"] * 2


def test_a_shared_role_stays_while_another_pipeline_is_there(tmp_path: Path, gcloud: RecordingGcloud) -> None:
    folder = written(tmp_path / "tree", steps_use=("bigquery",))
    fates(provisioned(folder, gcloud))
    record = (folder / ".automlops/made").read_text()
    gcloud.answers(there(record=f"{other('pipeline', 'other')}\n{record.rstrip(chr(10))}"))
    assert set(fates(provisioned(written(tmp_path / "tree"), gcloud)).values()) == {"kept"}


def test_without_pushes_the_trigger_and_what_builds_could_do_are_taken_away(
    tmp_path: Path, gcloud: RecordingGcloud
) -> None:
    fates(provisioned(written(tmp_path / "tree", run_local=False), gcloud))
    gcloud.answers(there(record=(tmp_path / "tree/.automlops/made").read_text().rstrip("\n")))
    said = fates(provisioned(written(tmp_path / "tree"), gcloud))
    gone = {key.partition(" on ")[0] for key, fate in said.items() if fate == "removed"}
    assert gone == {
        "trigger automlops-trigger",
        "role projects/my-project-123/roles/automlops_starts_runs",
        "role roles/source.reader",
        "role roles/iam.serviceAccountUser",
    }
