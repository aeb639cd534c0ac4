"""Images are pushed, found and read, and builds run, as Google's registry and Cloud Build would have it: with the real gcloud."""

import gzip
import io
import json
import os
import re
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import golden
import pytest
import yaml
from cloud import builds, containers, images
from cloud.refusals import Refusal, Unknown
from cloud.routes import answer
from cloud.standin import OWNER, PROJECT, Cloud, standin
from cloud.web import JSON, Answer, Request
from cloud.world import World
from tools import need

pytest_plugins = ["cloud.fixture"]

P = f"projects/{PROJECT}"
REPOSITORY = f"{P}/locations/us-central1/repositories/images"
HOST = "us-central1-docker.pkg.dev"
IMAGE = f"{HOST}/{PROJECT}/images/pipe/component_base"
BUCKET = "pipeline-data"
BUILDER = f"builder@{PROJECT}.iam.gserviceaccount.com"
ACCOUNT = f"{P}/serviceAccounts/{BUILDER}"
DEV = "dev@example.test"
# Who builds from their own machine, and the account that the build runs as: nothing that they can do without.
GRANTS = {
    "to start builds": (DEV, "roles/cloudbuild.builds.editor", P),
    "to have them run as the builder": (DEV, "roles/iam.serviceAccountUser", ACCOUNT),
    "to upload the source and read the log": (DEV, "roles/storage.objectUser", f"buckets/{BUCKET}"),
    "to find the bucket": (DEV, "roles/storage.legacyBucketReader", f"buckets/{BUCKET}"),
    "to read the source and write the log": (BUILDER, "roles/storage.objectUser", f"buckets/{BUCKET}"),
    "to find the bucket of the log": (BUILDER, "roles/storage.legacyBucketReader", f"buckets/{BUCKET}"),
    "to push": (BUILDER, "roles/artifactregistry.writer", REPOSITORY),
}
PUSHES = {
    "id": "image", "name": "gcr.io/cloud-builders/docker", "entrypoint": "bash",
    "args": ["-euc", f"docker build app --tag {IMAGE}:one\ndocker push {IMAGE}:one\n"],
}  # fmt: skip


def says(text: str, **more: object) -> JSON:
    return {"name": "python:3.11-slim", "entrypoint": "bash", "args": ["-c", text], **more}


def set_up(world: World) -> World:
    """The state that a provisioned project is in, without anybody's roles."""
    world.enable("artifactregistry", "cloudbuild", "iam", project=PROJECT)
    world.resources |= {
        REPOSITORY: {"name": REPOSITORY, "format": "DOCKER"},
        ACCOUNT: {"name": ACCOUNT, "email": BUILDER, "projectId": PROJECT, "uniqueId": "1" * 21},
        f"buckets/{BUCKET}": {
            "name": BUCKET,
            "projectNumber": world.projects[PROJECT].number,
            "location": "US-CENTRAL1",
        },
    }
    return world


@pytest.fixture
def world() -> World:
    made = World()
    made.project(PROJECT, "123456789012")
    set_up(made).grant(*GRANTS["to find the bucket of the log"])
    return made


@pytest.fixture
def provisioned(cloud: Cloud) -> Cloud:
    set_up(cloud.state)
    for who, role, on in GRANTS.values():
        cloud.state.grant(who, role, on)
    return cloud


# ------------------------------------------------------------------------------- the registry


def ask(world: World, line: str, content: bytes = b"", who: str | None = DEV, **headers: str) -> Answer:
    method, _, path = line.partition(" ")
    path, _, query = path.partition("?")
    if who:
        world.tokens[f"token of {who}"] = who
        headers["authorization"] = f"Bearer token of {who}"
    asked = dict(pair.split("=") for pair in query.split("&")) if query else {}
    return images.answer(
        world, Request(method, HOST, path, {key: [value] for key, value in asked.items()}, headers, content)
    )


def layer(files: dict[str, str]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text.encode()))
    return gzip.compress(buffer.getvalue(), mtime=0)


def push(world: World, tag: str, *layers: bytes, who: str = DEV) -> str:
    """The digest of an image of these layers."""
    path, parts = f"/v2/{PROJECT}/images/pipe/component_base", []
    for content in (b"{}", *layers):
        digest = images.digest_of(content)
        done = ask(world, f"POST {path}/blobs/uploads/?digest={digest}", content, who)
        assert done.status == 201, done.body
        parts.append({"digest": digest, "size": len(content)})
    manifest = json.dumps({"schemaVersion": 2, "config": parts[0], "layers": parts[1:]}).encode()
    done = ask(world, f"PUT {path}/manifests/{tag}", manifest, who, **{"content-type": images.KINDS[2]})
    assert done.status == 201, done.body
    return done.headers["Docker-Content-Digest"]


def refused(given: Answer) -> tuple[int, str]:
    assert isinstance(given.body, dict), given
    return given.status, given.body["errors"][0]["code"]


def test_the_files_of_an_image_are_its_layers_in_order_less_what_they_delete(world):
    world.grant(DEV, "roles/artifactregistry.writer", REPOSITORY)
    first = layer({"app/src/a": "1", "app/src/b": "2", "app/src/sub/c": "3", "app/src/sub/d": "4", "etc/x": "no"})
    second = layer({"app/src/b": "new", "app/src/.wh.a": "", "app/src/sub/.wh..wh..opq": "", "app/src/sub/e": "5"})
    digest = push(world, "one", first, second)
    expected = {"b": b"new", "sub/e": b"5"}
    assert images.files(world, f"{IMAGE}@{digest}", "app/src") == expected
    assert images.files(world, f"{IMAGE}:one", "/app/src/") == expected
    assert images.files(world, f"{IMAGE}:one", "")["etc/x"] == b"no"
    with pytest.raises(LookupError, match="not in the registry"):
        images.files(world, f"{IMAGE}:two", "app/src")


def test_a_folder_deleted_above_the_one_asked_for_takes_it_along(world):
    world.grant(DEV, "roles/artifactregistry.writer", REPOSITORY)
    push(world, "one", layer({"app/src/a": "1"}), layer({".wh.app": ""}))
    assert images.files(world, f"{IMAGE}:one", "app/src") == {}


def test_who_only_reads_pulls_and_does_not_push(world):
    world.grant(DEV, "roles/artifactregistry.writer", REPOSITORY)
    world.grant("reader@example.test", "roles/artifactregistry.reader", REPOSITORY)
    digest = push(world, "one", layer({"a": "1"}))
    path = f"/v2/{PROJECT}/images/pipe/component_base"
    assert ask(world, f"GET {path}/manifests/one", who="reader@example.test").headers["Docker-Content-Digest"] == digest
    assert refused(ask(world, f"POST {path}/blobs/uploads/", who="reader@example.test")) == (403, "DENIED")
    assert refused(ask(world, f"PUT {path}/manifests/two", b"{}", who="reader@example.test")) == (403, "DENIED")
    assert refused(ask(world, f"GET {path}/manifests/one", who="stranger@example.test")) == (403, "DENIED")


def test_a_registry_asks_who_is_there_and_takes_the_token_as_a_password(world):
    given = ask(world, "GET /v2/", who=None)
    assert given.status == 401
    assert given.headers["WWW-Authenticate"] == f'Bearer realm="https://{HOST}/v2/token",service="{HOST}"'
    world.tokens["ya29.x"] = DEV
    basic = "Basic b2F1dGgyYWNjZXNzdG9rZW46eWEyOS54"  # oauth2accesstoken:ya29.x
    assert ask(world, "GET /v2/token", who=None, authorization=basic).body["token"] == "ya29.x"
    assert ask(world, "GET /v2/", who=None, authorization=basic).status == 200
    assert ask(world, "GET /v2/", who=None, authorization="Bearer made-up").status == 401
    anonymous = ask(world, "GET /v2/token", who=None).body["token"]
    asked = ask(world, f"GET /v2/{PROJECT}/images/x/manifests/one", who=None, authorization=f"Bearer {anonymous}")
    assert refused(asked) == (403, "DENIED")


def test_a_repository_that_is_not_there_and_an_api_that_is_off_are_told(world):
    world.grant(DEV, "roles/artifactregistry.admin", P)
    assert refused(ask(world, f"GET /v2/{PROJECT}/other/x/tags/list")) == (404, "NAME_UNKNOWN")
    assert refused(ask(world, f"GET /v2/{PROJECT}/images/x/tags/list")) == (404, "NAME_UNKNOWN")
    assert refused(ask(world, f"GET /v2/{PROJECT}/images/x/manifests/one")) == (404, "MANIFEST_UNKNOWN")
    world.projects[PROJECT].services.discard("artifactregistry.googleapis.com")
    off = ask(world, f"GET /v2/{PROJECT}/images/x/tags/list")
    assert refused(off) == (403, "DENIED") and "has not been used" in off.body["errors"][0]["message"]


def test_what_is_pushed_must_be_whole_and_have_its_digest(world):
    world.grant(DEV, "roles/artifactregistry.writer", REPOSITORY)
    path, wrong = f"/v2/{PROJECT}/images/x", images.digest_of(b"other")
    assert refused(ask(world, f"POST {path}/blobs/uploads/?digest={wrong}", b"this")) == (400, "DIGEST_INVALID")
    manifest = json.dumps({"config": {"digest": wrong, "size": 5}, "layers": []}).encode()
    given = ask(world, f"PUT {path}/manifests/one", manifest, **{"content-type": images.KINDS[2]})
    assert refused(given) == (404, "MANIFEST_BLOB_UNKNOWN")
    begun = ask(world, f"POST {path}/blobs/uploads/").headers["Location"].removeprefix(f"https://{HOST}")
    assert ask(world, f"PATCH {begun}", b"oth").headers["Range"] == "0-2"
    assert ask(world, f"PUT {begun}?digest={wrong}", b"er").status == 201
    assert ask(world, f"GET {path}/blobs/{wrong}").content == b"other"
    assert refused(ask(world, f"PATCH {begun}", b"more")) == (404, "BLOB_UPLOAD_UNKNOWN")


def test_a_tag_moves_unless_the_repository_forbids_it(world):
    world.grant(DEV, "roles/artifactregistry.writer", REPOSITORY)
    push(world, "one", layer({"a": "1"}))
    moved = push(world, "one", layer({"a": "2"}))
    assert images.find(world, f"{IMAGE}:one")[1] == moved
    world.resources[REPOSITORY]["dockerConfig"] = {"immutableTags": True}
    push(world, "one", layer({"a": "2"}))
    with pytest.raises(AssertionError, match="tag immutability"):
        push(world, "one", layer({"a": "3"}))
    assert images.find(world, f"{IMAGE}:one")[1] == moved


def test_a_repository_takes_its_images_along_when_it_is_deleted(world):
    world.grant(DEV, "roles/artifactregistry.admin", P)
    push(world, "one", layer({"a": "1"}))
    headers = {"authorization": f"Bearer token of {DEV}"}
    answer(world, Request("DELETE", "artifactregistry.googleapis.com", f"/v1/{REPOSITORY}", {}, headers, b""))
    assert not [name for name in (*world.resources, *world.content) if name.startswith(REPOSITORY)]


# ------------------------------------------------------------------------------- what a build may say


def begin(
    world: World, *steps: JSON, substitutions: dict[str, str] | None = None, trigger: str = "", **config: object
) -> JSON:
    whole = {"steps": list(steps), "logsBucket": f"gs://{BUCKET}", **config}
    return builds.begin(world, project=PROJECT, location="us-central1", config=whole, workspace=b"", account=BUILDER,
                        substitutions=substitutions or {}, trigger=trigger)  # fmt: skip


def test_substitutions_are_filled_in_and_two_dollars_are_one(world):
    text = "$PROJECT_ID ${_DIR} $$HOME $${x} ${image%:*} $lower [$COMMIT_SHA] $BUILD_ID"
    made = begin(world, says(text), substitutions={"_DIR": "here"})
    assert made["steps"][0]["args"][1] == f"{PROJECT} here $HOME ${{x}} ${{image%:*}} $lower [] {made['id']}"
    assert made["substitutions"] == {"_DIR": "here"}


@pytest.mark.parametrize(
    ("text", "given", "told"),
    [
        ("$TAG", {}, 'key in the template "TAG" is not a valid built-in substitution'),
        ("$_TAG", {}, 'key "_TAG" in the template is not matched in the substitution data'),
        ("x", {"_TAG": "1"}, 'key "_TAG" in the substitution data is not matched in the template'),
        ("$TAG", {"TAG": "1"}, 'substitution key "TAG" does not respect format'),
    ],
)
def test_a_substitution_that_does_not_match_is_refused(world, text, given, told):
    with pytest.raises(Refusal, match=re.escape(told)):
        begin(world, says(text), substitutions=given)
    assert not world.below(f"{P}/locations/us-central1", "builds")


def test_a_trigger_may_give_substitutions_that_are_not_used(world):
    made = begin(world, says("$BRANCH_NAME"), substitutions={"_RUN": "true", "BRANCH_NAME": "main"}, trigger="t-1")
    assert made["steps"][0]["args"][1] == "main" and made["buildTriggerId"] == "t-1"
    assert begin(world, says("x"), substitutions={"_RUN": "1"}, options={"substitutionOption": "ALLOW_LOOSE"})


def test_a_build_that_cloud_build_would_not_take_is_refused(world):
    with pytest.raises(Refusal, match="no build steps"):
        begin(world)
    with pytest.raises(Refusal, match='wait_for "b" is not a previous step ID'):
        begin(world, says("x", id="a", waitFor=["b"]), says("y", id="b"))
    with pytest.raises(Refusal, match='step ID "a" is not unique'):
        begin(world, says("x", id="a"), says("y", id="a"))
    with pytest.raises(Refusal, match=r"must either \(a\) specify"):
        begin(world, says("x"), logsBucket="")
    with pytest.raises(Refusal, match='invalid bucket "elsewhere"'):
        begin(world, says("x"), logsBucket="gs://elsewhere")


def test_what_the_stand_in_does_not_know_of_a_build_fails_the_test(world):
    with pytest.raises(Unknown, match="the builder gcr.io/kaniko"):
        begin(world, {"name": "gcr.io/kaniko"})
    with pytest.raises(Unknown, match="availableSecrets"):
        begin(world, says("x"), availableSecrets={})
    with pytest.raises(Unknown, match="script"):
        begin(world, {"name": "python:3.11-slim", "script": "x"})
    with pytest.raises(Unknown, match="CLOUD_LOGGING_ONLY"):
        begin(world, says("x"), options={"logging": "CLOUD_LOGGING_ONLY"})


# ------------------------------------------------------------------------------- with the real gcloud


def submit(
    cloud: Cloud, folder: Path, *steps: JSON, more: tuple[str, ...] = (), as_: str = DEV, **config: object
) -> "subprocess.CompletedProcess[str]":
    whole = {
        "steps": list(steps),
        "serviceAccount": ACCOUNT,
        "logsBucket": f"gs://{BUCKET}",
        "options": {"logging": "GCS_ONLY"},
        **config,
    }
    (folder / "cloudbuild.yaml").write_text(json.dumps(whole))
    return cloud.run("gcloud", "builds", "submit", ".", f"--project={PROJECT}", "--region=us-central1", "--config=cloudbuild.yaml",
                     f"--gcs-source-staging-dir=gs://{BUCKET}/source", *more, cwd=folder, as_=as_)  # fmt: skip


def build_of(cloud: Cloud) -> JSON:
    (found,) = cloud.state.below(f"{P}/locations/us-central1", "builds")
    return found


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A folder to build from: an image of one file."""
    folder = tmp_path / "source"
    (folder / "app/src").mkdir(parents=True)
    (folder / "app/src/step.py").write_text("X = 1\n")
    (folder / "app/Dockerfile").write_text(
        "FROM python:3.11-slim\nRUN pip install x\nCOPY src /pipelines/component/src\n"
    )
    return folder


@pytest.mark.slow
@pytest.mark.thorough
def test_a_build_runs_its_steps_and_gcloud_prints_its_log(provisioned, source):
    (source / "sub").mkdir()
    (source / "sub/word").write_text("from the folder\n")
    done = submit(
        provisioned, source, says("cat word; echo $$GREETING $_WHOM; pwd > ../where", id="first", dir="sub", env=["GREETING=hello"]),
        says("test -s where && python3 -c 'import sys; print(sys.prefix)' && gcloud config get account", id="second"),
        more=("--substitutions=_WHOM=you",),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert 'Step #0 - "first": from the folder\nStep #0 - "first": hello you\n' in done.stdout
    assert f'Step #1 - "second": {sys.prefix}\n' in done.stdout and BUILDER in done.stdout
    assert build_of(provisioned)["status"] == "SUCCESS"
    assert [step["status"] for step in build_of(provisioned)["steps"]] == ["SUCCESS", "SUCCESS"]


@pytest.mark.slow
@pytest.mark.thorough
def test_a_step_that_fails_fails_the_build_and_those_after_it_do_not_run(provisioned, source):
    done = submit(provisioned, source, says("echo so far; exit 3", id="bad"), says("echo never", id="after"))
    assert done.returncode != 0
    assert 'Step #0 - "bad": so far' in done.stdout and "never" not in done.stdout
    assert "step exited with non-zero status: 3" in done.stdout + done.stderr
    found = build_of(provisioned)
    assert (found["status"], found["failureInfo"]["type"]) == ("FAILURE", "USER_BUILD_STEP")


@pytest.mark.slow
@pytest.mark.thorough
def test_steps_run_beside_each_other_where_they_wait_for_nothing(provisioned, source):
    wait = "for i in $(seq 200); do test -e {} && exit 0; sleep 0.05; done; exit 1"
    done = submit(
        provisioned, source, says(f"touch a; {wait.format('b')}".replace("$(", "$$("), id="a"),
        says(f"touch b; {wait.format('a')}".replace("$(", "$$("), id="b", waitFor=["-"]), says("ls a b", id="c", waitFor=["a", "b"]),
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.thorough
def test_a_build_that_takes_longer_than_it_may_is_ended(provisioned, source):
    done = submit(provisioned, source, says("sleep 300"), timeout="1s")
    assert done.returncode != 0 and "timed out" in done.stdout + done.stderr
    assert build_of(provisioned)["status"] == "TIMEOUT"


@pytest.mark.slow
@pytest.mark.thorough
def test_a_build_is_cancelled_by_gcloud(provisioned, source):
    begun = submit(
        provisioned, source, says("touch begun; sleep 300"), says("touch after"), more=("--async", "--format=value(id)")
    )
    assert begun.returncode == 0, begun.stderr
    ended = provisioned.run("gcloud", "builds", "cancel", begun.stdout.strip(), "--region=us-central1", as_=DEV)
    assert ended.returncode == 0, ended.stderr
    provisioned.settle()
    assert build_of(provisioned)["status"] == "CANCELLED"
    assert not list(provisioned.scratch.glob("builds/*/workspace/after"))


@pytest.mark.slow
@pytest.mark.thorough
def test_a_build_pushes_and_gcloud_finds_the_image_and_no_other(provisioned, source):
    provisioned.state.grant(DEV, "roles/artifactregistry.reader", REPOSITORY)
    provisioned.state.grant(
        DEV, "roles/serviceusage.serviceUsageConsumer", P
    )  # `gcloud artifacts` counts against the project
    done = submit(provisioned, source, PUSHES)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "packing files: what the Dockerfile RUNs is not run" in done.stdout
    describe = ("gcloud", "artifacts", "docker", "images", "describe", "--format=value(image_summary.digest)")
    found = provisioned.run(*describe, f"{IMAGE}:one", as_=DEV)
    assert found.returncode == 0, found.stderr
    digest = found.stdout.strip()
    assert images.files(provisioned.state, f"{IMAGE}@{digest}", "pipelines/component/src") == {"step.py": b"X = 1\n"}
    missing = provisioned.run(*describe, f"{IMAGE}:two", as_=DEV)
    assert missing.returncode != 0 and "Image not found." in missing.stderr
    listed = provisioned.run("gcloud", "artifacts", "docker", "images", "list", IMAGE, "--include-tags", "--format=csv[no-heading](version,tags)", as_=DEV)  # fmt: skip
    assert listed.stdout.strip() == f"{digest},one"
    pushed = [each for each in provisioned.requests if each.host == HOST and each.method == "PUT"]
    assert {each.principal for each in pushed} == {BUILDER}


TOLD = {
    "to start builds": "cloudbuild.builds.create",
    "to have them run as the builder": "act as service account",
    "to upload the source and read the log": "storage.objects.create",
    "to find the bucket": "forbidden from accessing the bucket",
    "to read the source and write the log": "storage.objects.get",
    "to find the bucket of the log": "does not have access to the bucket",
    "to push": "artifactregistry.repositories.uploadArtifacts",
}


@pytest.mark.slow
@pytest.mark.thorough
@pytest.mark.parametrize("purpose", GRANTS)
def test_each_missing_permission_is_refused(provisioned, source, purpose):
    who, role, on = GRANTS[purpose]
    provisioned.state.revoke(who, role, on)
    done = submit(provisioned, source, PUSHES)
    assert done.returncode != 0
    assert TOLD[purpose] in done.stdout + done.stderr, done.stderr
    assert not [name for name in provisioned.state.resources if "/packages/" in name]


@pytest.mark.slow
@pytest.mark.thorough
def test_a_builder_that_may_not_write_the_log_builds_nothing(provisioned, source):
    provisioned.state.revoke(*GRANTS["to read the source and write the log"])
    provisioned.state.grant(BUILDER, "roles/storage.objectViewer", f"buckets/{BUCKET}")
    done = submit(provisioned, source, PUSHES)
    assert done.returncode != 0 and "storage.objects.create" in done.stderr
    assert build_of(provisioned)["failureInfo"]["type"] == "LOGGING_FAILURE"
    assert not [name for name in provisioned.state.resources if "/packages/" in name]


@pytest.mark.slow
@pytest.mark.thorough
def test_gcloud_is_told_of_a_substitution_that_nobody_knows(provisioned, source):
    done = submit(provisioned, source, says("echo $_UNHEARD_OF"))
    assert done.returncode != 0
    assert 'key "_UNHEARD_OF" in the template is not matched in the substitution data' in done.stderr


@pytest.mark.slow
@pytest.mark.thorough
def test_a_build_begun_from_a_folder_runs_as_one_that_was_submitted(provisioned, source):
    made = builds.begin(provisioned, project=PROJECT, location="us-central1", workspace=source, account=BUILDER, trigger="t-1",
                        config={"steps": [says("cat app/src/step.py; echo $_DIR")], "logsBucket": f"gs://{BUCKET}/logs"},
                        substitutions={"_DIR": "mine", "COMMIT_SHA": "0" * 40})  # fmt: skip
    (source / "app/src/step.py").unlink()  # it was taken as it was
    until = time.monotonic() + 60
    while made["status"] in builds.GOING_ON and time.monotonic() < until:
        time.sleep(0.05)
    assert made["status"] == "SUCCESS"
    log = provisioned.state.content[f"buckets/{BUCKET}/objects/logs/log-{made['id']}.txt"].decode()
    assert "Step #0: X = 1\nStep #0: mine\n" in log


@pytest.mark.slow
@pytest.mark.thorough
def test_a_build_ends_with_the_cloud(tmp_path):
    need("gcloud")
    marker = f"{tmp_path.name}.{time.monotonic_ns()}"
    with standin() as cloud:
        set_up(cloud.state)
        cloud.state.grant(BUILDER, "roles/storage.objectUser", f"buckets/{BUCKET}")
        cloud.state.grant(*GRANTS["to find the bucket of the log"])
        made = begin_in(cloud, says(f"touch {tmp_path}/begun; exec -a {marker} sleep 600"))
        until = time.monotonic() + 60
        while not (tmp_path / "begun").exists() and time.monotonic() < until:
            time.sleep(0.02)
    assert made["status"] == "CANCELLED"
    commands = [file.read_bytes() for file in Path("/proc").glob("[0-9]*/cmdline") if file.exists()]
    assert not [each for each in commands if each.startswith(marker.encode())]


def begin_in(cloud: Cloud, *steps: JSON) -> JSON:
    return builds.begin(cloud, project=PROJECT, location="us-central1", workspace=b"", account=BUILDER, substitutions={},
                        config={"steps": list(steps), "logsBucket": f"gs://{BUCKET}"})  # fmt: skip


# ------------------------------------------------------------------------------- a generated codebase


@pytest.fixture
def codebase(tmp_path: Path) -> Path:
    """A golden case, generated for the stand-in's project."""
    golden.generate("marked", tmp_path / "codebase", project_id=PROJECT)
    return tmp_path / "codebase"


def stand_up(cloud: Cloud, codebase: Path) -> None:
    """What the provisioning script of the codebase comes to, as far as builds need it."""
    config = yaml.safe_load((codebase / "cloudbuild.yaml").read_text())
    account, bucket = config["serviceAccount"], config["logsBucket"].split("/")[2]
    repository = re.search(rf"{HOST}/{PROJECT}/([^/]+)/", config["steps"][0]["args"][1])[1]
    place, email = f"{P}/locations/us-central1/repositories/{repository}", account.rpartition("/")[2]
    cloud.state.enable("artifactregistry", "cloudbuild", project=PROJECT)
    cloud.state.resources |= {
        place: {"name": place, "format": "DOCKER"},
        account: {"name": account, "email": email, "projectId": PROJECT, "uniqueId": "1" * 21},
    }
    made = cloud.run("gcloud", "storage", "buckets", "create", f"gs://{bucket}", "--location=us-central1")
    assert made.returncode == 0, made.stderr
    cloud.state.grant(email, "roles/artifactregistry.writer", place)
    for role in ("objectUser", "legacyBucketReader"):
        cloud.state.grant(email, f"roles/storage.{role}", f"buckets/{bucket}")


def components(codebase: Path) -> dict[str, bytes]:
    folder = codebase / "components/component_base/src"
    return {path.name: path.read_bytes() for path in folder.glob("*.py")}


@pytest.mark.slow
@pytest.mark.thorough
def test_a_codebase_that_was_provisioned_builds_its_image_once(cloud, codebase):
    provisioned = cloud.run("provision/provision_resources.sh", cwd=codebase)
    assert provisioned.returncode == 0, provisioned.stderr
    done = cloud.run("scripts/build_components.sh", cwd=codebase)
    assert done.returncode == 0, done.stdout + done.stderr
    (reference,) = (line.split()[0] for line in (codebase / "scripts/pipeline_spec/images").read_text().splitlines())
    assert images.files(cloud.state, reference, "pipelines/component/src") == components(codebase)
    before = len(cloud.writes())
    again = cloud.run("scripts/build_components.sh", cwd=codebase)
    assert again.returncode == 0 and again.stdout.split()[0] == reference
    assert [line for line in cloud.writes()[before:] if "/builds" in line or HOST in line] == []
    (codebase / "components/component_base/src/tell.py").open("a").write("# changed\n")
    changed = cloud.run("scripts/build_components.sh", cwd=codebase)
    assert changed.returncode == 0, changed.stdout + changed.stderr
    assert changed.stdout.splitlines()[-1].split()[0] != reference


@pytest.mark.slow
@pytest.mark.thorough
def test_a_codebase_is_built_by_buildah_into_an_image_that_runs(cloud, codebase, monkeypatch):
    need("buildah")
    need("debootstrap")
    if os.geteuid():
        pytest.skip("debootstrap and buildah are run as root here")
    monkeypatch.setenv(containers.ASKED, "1")
    settings = containers.base()
    stand_up(cloud, codebase)
    done = cloud.run("scripts/build_components.sh", cwd=codebase)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "building with buildah" in done.stdout
    (reference,) = (line.split()[0] for line in (codebase / "scripts/pipeline_spec/images").read_text().splitlines())
    assert images.files(cloud.state, reference, "pipelines/component/src") == components(codebase)
    assert images.files(cloud.state, reference, "etc").get("pip.conf", b"") == b""
    token = (Path(cloud.environment(OWNER)["CLOUDSDK_CONFIG"]) / "token").read_text()
    pulled = cloud.run(
        "buildah", "from", "--pull-always", "--creds", f"oauth2accesstoken:{token}", reference, env=settings
    )
    assert pulled.returncode == 0, pulled.stderr
    name = pulled.stdout.split()[-1]
    try:
        called = cloud.run(
            "buildah",
            "run",
            "--isolation=chroot",
            name,
            "--",
            "python3",
            "-m",
            "kfp.dsl.executor_main",
            "--help",
            env=settings,
        )
        assert called.returncode == 0 and "--function_to_execute" in called.stdout, called.stderr
    finally:
        containers.buildah("rm", name)
        containers.forget(reference)
