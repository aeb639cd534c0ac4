"""The stand-in's Vertex AI: Google's own client submits over gRPC, the steps really run, and who may not is told."""

import gzip
import io
import json
import subprocess
import sys
import tarfile
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from cloud import schedules, vertex
from cloud.faults import DROP, HANG
from cloud.images import Place, digest_of
from cloud.standin import PROJECT, Cloud, standin
from cloud.web import JSON
from cloud.world import World
from tools import need

from AutoMLOps import engine

pytest_plugins = ["cloud.fixture"]
pytestmark = [pytest.mark.slow, pytest.mark.thorough]

P = f"projects/{PROJECT}"
DEV = "dev@example.test"
RUNNER = f"runner@{PROJECT}.iam.gserviceaccount.com"
ACCOUNT = f"{P}/serviceAccounts/{RUNNER}"
REPOSITORY = f"{P}/locations/us-central1/repositories/images"
BUCKET, ROOT = "buckets/demo-bucket", "gs://demo-bucket/words/runs"
SERVICE = "us-central1-aiplatform.googleapis.com/google.cloud.aiplatform.v1.PipelineService"
CREATE = f"POST {SERVICE}/CreatePipelineJob"

WRITE = """
from kfp.dsl import Dataset, Output


def write(word: str, times: int, text: Output[Dataset]) -> int:
    with open(text.path, "w") as file:
        file.write(" ".join([word] * times))
    text.metadata["words"] = times
    return times
"""
COUNT = """
from kfp.dsl import Dataset, Input


def count(text: Input[Dataset], least: int) -> int:
    found = len(open(text.path).read().split())
    if found < least:
        raise ValueError(f"only {found} words")
    return found
"""
READ_BUCKET = """
from kfp.dsl import Dataset, Output


def write(word: str, times: int, text: Output[Dataset]) -> int:
    from google.cloud.storage import Client

    Client().bucket("demo-bucket").blob("words.txt").download_to_filename(text.path)
    return len(open(text.path).read().split())
"""
ENDLESS = WRITE.replace("return times", "import time; time.sleep(600)")
STEPS = {"write.py": WRITE, "count.py": COUNT}
CLIENT = """
import json, sys
from google.cloud import aiplatform

asked = json.loads(sys.argv[1])
aiplatform.init(project="demo-project", location="us-central1", api_transport=asked.pop("transport", None))
job = aiplatform.PipelineJob(display_name="words", **asked)
job.submit(service_account="RUNNER")
""".replace("RUNNER", RUNNER)
TRYING = (
    CLIENT.rpartition("job.submit")[0]
    + """
for _ in range(TIMES):
    try:
        job.submit(service_account="RUNNER")
    except Exception as error:
        print("refused:", type(error).__name__)
""".replace("RUNNER", RUNNER)
)


@pytest.fixture
def prepared(cloud: Cloud) -> Cloud:
    """A project in which a developer may submit and the runner may run, and neither may more."""
    return set_up(cloud)


def set_up(cloud: Cloud) -> Cloud:
    world = cloud.state
    world.enable("aiplatform", "artifactregistry", "iam", project=PROJECT)
    world.resources[ACCOUNT] = {"name": ACCOUNT, "projectId": PROJECT, "uniqueId": "1", "email": RUNNER}
    world.resources[BUCKET] = {"kind": "storage#bucket", "name": "demo-bucket", "projectNumber": "123456789012"}
    world.resources[REPOSITORY] = {"name": REPOSITORY, "format": "DOCKER"}
    world.grant(DEV, "roles/aiplatform.user", on=P)
    world.grant(DEV, "roles/serviceusage.serviceUsageConsumer", on=P)
    world.grant(DEV, "roles/iam.serviceAccountUser", on=ACCOUNT)
    world.grant(DEV, "roles/storage.legacyBucketReader", on=BUCKET)
    world.grant(RUNNER, "roles/aiplatform.user", on=P)
    world.grant(RUNNER, "roles/artifactregistry.reader", on=REPOSITORY)
    world.grant(RUNNER, "roles/storage.objectUser", on=BUCKET)
    return cloud


def pushed(world: World, files: Mapping[str, str]) -> str:
    """An image with these files where steps lie, in the registry; its name, by digest."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, text in files.items():
            entry = tarfile.TarInfo(f"pipelines/component/src/{name}")
            entry.size = len(text.encode())
            archive.addfile(entry, io.BytesIO(text.encode()))
    place, layer = Place(REPOSITORY, "words/base"), gzip.compress(packed.getvalue())
    manifest = json.dumps({"schemaVersion": 2, "layers": [{"digest": digest_of(layer)}]}).encode()
    world.content[place.blob(digest_of(layer))] = layer
    world.content[place.version(digest_of(manifest))] = manifest
    world.resources[place.version(digest_of(manifest))] = {"name": place.version(digest_of(manifest))}
    return f"{place.uri}@{digest_of(manifest)}"


def compiled(image: str) -> JSON:
    """A pipeline of two steps, as kfp compiles it from components that name their source in an image."""

    def component(name: str, parameters: Mapping[str, str], **artifacts: JSON) -> JSON:
        shown = {key: {"parameterType": kind} for key, kind in parameters.items()}
        return {"executorLabel": f"exec-{name}", "outputDefinitions": {"parameters": {"Output": {"parameterType": "NUMBER_INTEGER"}}},
                "inputDefinitions": {"parameters": shown}} | artifacts  # fmt: skip

    def executor(name: str) -> JSON:
        path = f"/pipelines/component/src/{name}.py"
        command = ["python3", "-u", "-m", "kfp.dsl.executor_main", "--component_module_path", path]
        arguments = ["--executor_input", "{{$}}", "--function_to_execute", name]
        return {"container": {"image": image, "command": command, "args": arguments}}

    integer, dataset = "NUMBER_INTEGER", {"artifactType": {"schemaTitle": "system.Dataset", "schemaVersion": "0.0.1"}}
    write = component("write", {"word": "STRING", "times": integer})
    write["outputDefinitions"]["artifacts"] = {"text": dataset}
    count = component("count", {"least": integer})
    count["inputDefinitions"]["artifacts"] = {"text": dataset}
    return {
        "schemaVersion": "2.1.0", "sdkVersion": "kfp-2.17.0", "pipelineInfo": {"name": "words"},
        "components": {"comp-write": write, "comp-count": count},
        "deploymentSpec": {"executors": {f"exec-{name}": executor(name) for name in ("write", "count")}},
        "root": {
            "inputDefinitions": {"parameters": {
                "word": {"parameterType": "STRING"}, "times": {"parameterType": integer},
                "least": {"parameterType": integer, "defaultValue": 0.0, "isOptional": True},
            }},
            "dag": {"tasks": {
                "write": {"taskInfo": {"name": "write"}, "componentRef": {"name": "comp-write"}, "inputs": {"parameters": {
                    each: {"componentInputParameter": each} for each in ("word", "times")}}},
                "count": {"taskInfo": {"name": "count"}, "componentRef": {"name": "comp-count"}, "dependentTasks": ["write"],
                          "inputs": {"parameters": {"least": {"componentInputParameter": "least"}}, "artifacts": {
                              "text": {"taskOutputArtifact": {"outputArtifactKey": "text", "producerTask": "write"}}}}},
            }},
        },
    }  # fmt: skip


def asked(cloud: Cloud, folder: Path, files: Mapping[str, str] = STEPS, **more: Any) -> JSON:
    """What a client is given to make a job of."""
    template = folder / "words.json"
    template.write_text(json.dumps(compiled(pushed(cloud.state, files))))
    values = {"word": "a", "times": 3}
    return {"template_path": str(template), "pipeline_root": ROOT, "parameter_values": values, "job_id": "one", **more}


def run(cloud: Cloud, script: str, *given: Any) -> "subprocess.CompletedProcess[str]":
    return cloud.run(sys.executable, "-c", script, *map(json.dumps, given), as_=DEV, timeout=120)


def state(cloud: Cloud, given: JSON) -> str:
    """What becomes of a job that Google's client submits."""
    done = run(cloud, CLIENT, given)
    assert done.returncode == 0, done.stderr
    cloud.settle(timeout=60)
    return str(job(cloud, given["job_id"])["state"])


def refusals(done: "subprocess.CompletedProcess[str]") -> list[str]:
    return [line.split()[1] for line in done.stdout.splitlines() if line.startswith("refused: ")]


def job(cloud: Cloud, short: str = "one") -> JSON:
    return cloud.state.resources[f"{P}/locations/us-central1/pipelineJobs/{short}"]


# What runs


def test_a_job_that_is_submitted_runs_its_steps_and_keeps_what_they_gave(prepared: Cloud, tmp_path: Path) -> None:
    given = asked(prepared, tmp_path, labels={"team": "words"}, enable_caching=False)
    assert state(prepared, given) == "PIPELINE_STATE_SUCCEEDED"
    assert vertex.outputs(prepared.state, "one") == {"write": {"Output": 3, "text": b"a a a"}, "count": {"Output": 3}}
    assert prepared.writes() == [CREATE]
    assert {each.principal for each in prepared.requests if each.host.startswith("us-")} == {DEV}
    made = job(prepared)
    assert (made["labels"]["team"], made["serviceAccount"]) == ("words", RUNNER)
    assert made["name"] == "projects/123456789012/locations/us-central1/pipelineJobs/one"
    assert made["runtimeConfig"] == {"gcsOutputDirectory": ROOT, "parameterValues": {"word": "a", "times": 3}}
    tasks = made["pipelineSpec"]["root"]["dag"]["tasks"]
    assert [each["cachingOptions"] for each in tasks.values()] == [{"enableCache": False}] * 2
    place = f"{BUCKET}/objects/words/runs/123456789012/one/root/write/outputs"
    assert prepared.state.content[f"{place}/text"] == b"a a a"
    said = json.loads(prepared.state.content[f"{place}/executor_output.json"])
    assert said["artifacts"]["text"]["artifacts"][0]["uri"] == f"{ROOT}/123456789012/one/root/write/outputs/text"


def test_a_run_gives_what_a_rehearsal_of_the_same_spec_gives(prepared: Cloud, tmp_path: Path) -> None:
    assert state(prepared, asked(prepared, tmp_path)) == "PIPELINE_STATE_SUCCEEDED"
    for name, text in STEPS.items():
        (tmp_path / name).write_text(text)
    rehearsed = engine.run(
        json.loads((tmp_path / "words.json").read_text()),
        {"word": "a", "times": 3},
        folder=tmp_path / "run",
        source=lambda function: tmp_path / f"{function}.py",
    )
    given = {task.name: json.loads(task.outputs) for task in rehearsed.tasks}
    (text,) = given["write"].pop("text")
    ran = vertex.outputs(prepared.state, "one")
    assert ran["write"].pop("text") == Path(text["uri"]).read_bytes()
    assert ran == given


def test_a_client_waits_for_a_job_finds_it_again_and_lists_the_newest_first(prepared: Cloud, tmp_path: Path) -> None:
    script = """
job.wait()
again = aiplatform.PipelineJob(display_name="words", **{**asked, "job_id": "two"})
again.submit(service_account=SERVICE)
found = aiplatform.PipelineJob.get("one")
print(found.state.name, sorted(each.task_name for each in found.task_details), found.labels["team"])
print([each.name for each in aiplatform.PipelineJob.list()])
"""
    done = run(
        prepared, CLIENT + script.replace("SERVICE", repr(RUNNER)), asked(prepared, tmp_path, labels={"team": "words"})
    )
    assert done.returncode == 0, done.stderr
    assert "PIPELINE_STATE_SUCCEEDED ['count', 'write'] words\n['two', 'one']\n" in done.stdout


def test_over_rest_it_is_the_same(prepared: Cloud, tmp_path: Path) -> None:
    assert state(prepared, asked(prepared, tmp_path, transport="rest")) == "PIPELINE_STATE_SUCCEEDED"
    assert prepared.writes() == [
        f"POST us-central1-aiplatform.googleapis.com/v1/{P}/locations/us-central1/pipelineJobs"
    ]
    assert vertex.outputs(prepared.state, "one")["count"] == {"Output": 3}


def test_a_step_that_fails_fails_the_job_and_is_named(prepared: Cloud, tmp_path: Path) -> None:
    values = {"word": "a", "times": 3, "least": 5}
    done = run(prepared, f"{CLIENT}\njob.wait()", asked(prepared, tmp_path, parameter_values=values))
    assert done.returncode == 1
    assert "RuntimeError: Job failed with:" in done.stderr
    assert (
        "The DAG failed because some tasks failed. The failed tasks are: [count].; Job (project_id = demo-project"
        in done.stderr
    )
    count, write = sorted(job(prepared)["jobDetail"]["taskDetails"], key=lambda task: str(task["taskName"]))
    assert (write["state"], count["state"]) == ("SUCCEEDED", "FAILED")
    assert "ValueError: only 3 words" in count["error"]["message"]
    assert "error" not in write


def test_steps_reach_the_cloud_as_the_account_that_runs_them(prepared: Cloud, tmp_path: Path) -> None:
    upload = "from google.cloud.storage import Client; Client().bucket('demo-bucket').blob('words.txt').upload_from_string('a b c d')"
    assert prepared.run(sys.executable, "-c", upload, as_=RUNNER).returncode == 0
    assert state(prepared, asked(prepared, tmp_path, STEPS | {"write.py": READ_BUCKET})) == "PIPELINE_STATE_SUCCEEDED"
    assert vertex.outputs(prepared.state, "one")["write"] == {"Output": 4, "text": b"a b c d"}
    assert "GET storage.googleapis.com/download/storage/v1/b/demo-bucket/o/words.txt" in [
        each.line for each in prepared.requests if each.principal == RUNNER
    ]


def test_a_template_is_read_from_the_bucket_that_a_client_put_it_into(prepared: Cloud, tmp_path: Path) -> None:
    prepared.state.grant(DEV, "roles/storage.objectUser", on=BUCKET)
    spec = json.dumps(compiled(pushed(prepared.state, STEPS)))
    upload = """
import json, sys
from google.cloud.storage import Client
Client(project="demo-project").bucket("demo-bucket").blob("specs/words.json").upload_from_string(json.loads(sys.argv[1]))
"""
    done = run(prepared, upload, spec)
    assert done.returncode == 0, done.stderr
    assert prepared.state.content[f"{BUCKET}/objects/specs/words.json"] == spec.encode()
    given = asked(prepared, tmp_path, template_path="gs://demo-bucket/specs/words.json")
    assert state(prepared, given) == "PIPELINE_STATE_SUCCEEDED"


def test_a_job_that_is_cancelled_ends_with_its_steps(prepared: Cloud, tmp_path: Path) -> None:
    script = """
import time
while not any(each.state.name == "RUNNING" for each in job.task_details):
    time.sleep(0.05)
job.cancel()
"""
    done = run(prepared, CLIENT + script, asked(prepared, tmp_path, STEPS | {"write.py": ENDLESS}))
    assert done.returncode == 0, done.stderr
    prepared.settle(timeout=30)
    assert job(prepared)["state"] == "PIPELINE_STATE_CANCELLED"
    assert [each["state"] for each in job(prepared)["jobDetail"]["taskDetails"]] == ["CANCELLED", "CANCELLED"]


def test_a_job_that_still_runs_ends_with_the_cloud(tmp_path: Path) -> None:
    need("gcloud")
    before = threading.enumerate()
    with standin() as cloud:
        set_up(cloud)
        done = run(cloud, CLIENT, asked(cloud, tmp_path, STEPS | {"write.py": ENDLESS}))
        assert done.returncode == 0, done.stderr
        assert job(cloud)["state"] == "PIPELINE_STATE_RUNNING"
        (process,), (thread,) = cloud.jobs.processes.values(), cloud.jobs.threads.values()
    assert process.returncode is not None
    assert not thread.is_alive()
    assert not [each for each in threading.enumerate() if each not in before]
    assert job(cloud)["state"] == "PIPELINE_STATE_FAILED"


# Who may


@pytest.mark.parametrize(
    ("role", "on", "said"),
    [
        ("roles/aiplatform.user", P, f"PermissionDenied: 403 Permission 'aiplatform.pipelineJobs.create' denied on resource '//aiplatform.googleapis.com/{P}/locations/us-central1'"),
        ("roles/iam.serviceAccountUser", ACCOUNT, f"PermissionDenied: 403 You do not have permission to act as service_account: {RUNNER}"),
    ],
    ids=["create", "act as"],
)  # fmt: skip
def test_who_may_not_submit_is_told_the_permission(
    prepared: Cloud, tmp_path: Path, role: str, on: str, said: str
) -> None:
    prepared.state.revoke(DEV, role, on=on)
    done = run(prepared, CLIENT, asked(prepared, tmp_path))
    assert done.returncode == 1
    assert said in done.stderr
    assert not prepared.state.below(f"{P}/locations/us-central1", "pipelineJobs")


@pytest.mark.parametrize(
    ("role", "on", "said"),
    [
        ("roles/artifactregistry.reader", REPOSITORY, 'Permission "artifactregistry.repositories.downloadArtifacts" denied on resource'),
        ("roles/storage.objectUser", BUCKET, "does not have `[storage.objects.get, storage.objects.create, storage.objects.list]` IAM permission(s)"),
        ("roles/aiplatform.user", P, "Permission 'aiplatform.metadataStores.get' denied on resource"),
    ],
    ids=["pull", "bucket", "metadata"],
)  # fmt: skip
def test_a_runner_that_may_not_fails_the_job_and_is_named(
    prepared: Cloud, tmp_path: Path, role: str, on: str, said: str
) -> None:
    prepared.state.revoke(RUNNER, role, on=on)
    assert state(prepared, asked(prepared, tmp_path)) == "PIPELINE_STATE_FAILED"
    assert said in job(prepared)["error"]["message"]
    assert RUNNER in job(prepared)["error"]["message"]
    assert "jobDetail" not in job(prepared)


def test_an_image_that_is_not_in_the_registry_fails_the_job(prepared: Cloud, tmp_path: Path) -> None:
    given = asked(prepared, tmp_path)
    for name in [each for each in prepared.state.resources if "/versions/" in each]:
        del prepared.state.resources[name]
    assert state(prepared, given) == "PIPELINE_STATE_FAILED"
    assert "Failed to pull the image" in job(prepared)["error"]["message"]


def test_an_api_that_is_off_is_said(prepared: Cloud, tmp_path: Path) -> None:
    prepared.state.projects[PROJECT].services.discard("aiplatform.googleapis.com")
    done = run(prepared, CLIENT, asked(prepared, tmp_path))
    assert "PermissionDenied: 403 Vertex AI API has not been used in project 123456789012" in done.stderr
    assert 'reason: "SERVICE_DISABLED"' in done.stderr


# What goes wrong


def test_a_job_id_is_taken_once_and_has_to_be_well_spelt(prepared: Cloud, tmp_path: Path) -> None:
    script = """
from google.cloud import aiplatform_v1 as v1
client = v1.PipelineServiceClient(client_options={"api_endpoint": "us-central1-aiplatform.googleapis.com"})
for name in "one", "One", "1st", "one_more", "x" * 129:
    try:
        client.create_pipeline_job(parent="projects/demo-project/locations/us-central1", pipeline_job=job.gca_resource,
                                   pipeline_job_id=name)
    except Exception as error:
        print("refused:", type(error).__name__, error)
"""
    done = run(prepared, CLIENT + script, asked(prepared, tmp_path))
    assert refusals(done) == ["AlreadyExists"] + ["InvalidArgument"] * 4, done.stderr
    assert (
        'The PipelineJob "projects/123456789012/locations/us-central1/pipelineJobs/one" already exists.' in done.stdout
    )


def test_a_value_of_another_kind_than_declared_is_refused(prepared: Cloud, tmp_path: Path) -> None:
    given = asked(prepared, tmp_path, parameter_values={"word": "a", "times": "three"})
    done = run(prepared, CLIENT, given)
    assert 'InvalidArgument: 400 Invalid value of times: expected the type NUMBER_INTEGER, got "three"' in done.stderr
    spec = json.loads((tmp_path / "words.json").read_text())
    spec["root"]["inputDefinitions"]["parameters"]["times"] = {"parameterType": "NUMBER_DOUBLE", "defaultValue": 1e-5}
    (tmp_path / "words.json").write_text(json.dumps(spec))  # 1e-05, which the client reads as YAML does: as text
    done = run(prepared, CLIENT, {**given, "parameter_values": {"word": "a"}})
    assert 'InvalidArgument: 400 Invalid value of times: expected the type NUMBER_DOUBLE, got "1e-05"' in done.stderr


def test_a_fault_in_submitting_is_the_clients_to_tell_and_one_in_reading_is_not_seen(
    prepared: Cloud, tmp_path: Path
) -> None:
    for how in (403, 429, 500, 503, DROP):
        prepared.fault(CREATE, how)
    for how in (429, 503):
        prepared.fault(f"{SERVICE}/GetPipelineJob", how)
    script = f'{TRYING.replace("TIMES", "6")}\nprint("read:", job.state.name)'
    done = run(prepared, script, asked(prepared, tmp_path))
    assert done.returncode == 0, done.stderr
    kinds = "PermissionDenied ResourceExhausted InternalServerError ServiceUnavailable ServiceUnavailable"
    assert refusals(done) == kinds.split()
    assert "read: PIPELINE_STATE_" in done.stdout
    assert [each.status for each in prepared.requests if each.path.endswith("/GetPipelineJob")] == [429, 503, 200]
    assert [each.status for each in prepared.requests if each.path.endswith("/CreatePipelineJob")] == [
        403,
        429,
        500,
        503,
        0,
        200,
    ]


def test_a_job_whose_answer_is_lost_was_made_and_is_not_made_twice(prepared: Cloud, tmp_path: Path) -> None:
    prepared.fault(CREATE, 503, after=True)
    done = run(prepared, TRYING.replace("TIMES", "2"), asked(prepared, tmp_path))
    assert refusals(done) == ["ServiceUnavailable", "AlreadyExists"], done.stderr
    prepared.settle(timeout=60)
    assert job(prepared)["state"] == "PIPELINE_STATE_SUCCEEDED"


def test_a_request_that_hangs_ends_by_the_clients_own_patience(prepared: Cloud, tmp_path: Path) -> None:
    prepared.fault(CREATE, HANG)
    patient = CLIENT.replace("job.submit(", "job.submit(create_request_timeout=1, ")
    assert "DeadlineExceeded: 504" in run(prepared, patient, asked(prepared, tmp_path)).stderr


def test_a_method_that_nobody_knows_is_unimplemented_and_fails_the_test() -> None:
    need("gcloud")
    models = """
from google.cloud import aiplatform
aiplatform.init(project="demo-project", location="us-central1")
aiplatform.Model.list()
"""
    unknown = "does not know POST us-central1-aiplatform.*ModelService/ListModels"
    with pytest.raises(AssertionError, match=unknown), standin() as cloud:
        done = run(set_up(cloud), models)
    assert "MethodNotImplemented: 501" in done.stderr


# What is asked by the clock

ASK = """
import json, sys
import google.auth
from google.auth.transport.requests import AuthorizedSession

session = AuthorizedSession(google.auth.default()[0])
for method, path, body in json.loads(sys.argv[1]):
    answer = session.request(method, "https://us-central1-aiplatform.googleapis.com/v1/" + path, json=body)
    print(json.dumps([answer.status_code, answer.json()]))
"""
PARENT = f"{P}/locations/us-central1"


def said(cloud: Cloud, *requests: tuple[str, str, JSON | None], as_: str = DEV) -> list[tuple[int, JSON]]:
    """What is answered to requests in REST, one after the other."""
    done = cloud.run(sys.executable, "-c", ASK, json.dumps(requests), as_=as_, timeout=120)
    assert done.returncode == 0, done.stderr
    return [(status, body) for status, body in map(json.loads, done.stdout.splitlines())]


def schedule(cloud: Cloud, **more: Any) -> JSON:
    run = {"displayName": "words", "pipelineSpec": compiled(pushed(cloud.state, STEPS)), "serviceAccount": RUNNER,
           "runtimeConfig": {"gcsOutputDirectory": ROOT, "parameterValues": {"word": "a", "times": 3}}}  # fmt: skip
    return {"displayName": "mornings", "cron": "TZ=Europe/Berlin 0 6 * * 1", "maxConcurrentRunCount": 1,
            "createPipelineJobRequest": {"parent": PARENT, "pipelineJob": run}, **more}  # fmt: skip


def test_a_schedule_that_fires_makes_a_run_until_it_is_paused_or_has_made_all_of_them(prepared: Cloud) -> None:
    ((status, made),) = said(prepared, ("POST", f"{PARENT}/schedules", schedule(prepared, maxRunCount=2)))
    assert (status, made["state"], made["maxRunCount"]) == (200, "ACTIVE", "2")
    first = schedules.fire(prepared.state, "mornings")
    name = made["name"]
    assert [each for each, _ in said(prepared, ("POST", f"{name}:pause", {}))] == [200]
    assert schedules.fire(prepared.state, "mornings") is None
    assert [each for each, _ in said(prepared, ("POST", f"{name}:resume", {"catchUp": True}))] == [200]
    assert schedules.fire(prepared.state, "mornings") and schedules.fire(prepared.state, "mornings") is None
    prepared.jobs.look()
    prepared.settle(timeout=60)
    assert first and prepared.state.resources[first]["state"] == "PIPELINE_STATE_SUCCEEDED"
    assert prepared.state.resources[first]["scheduleName"] == name
    assert vertex.outputs(prepared.state, first)["count"] == {"Output": 3}
    (_, listed), (_, none), (_, shown) = said(
        prepared,
        ("GET", f'{PARENT}/schedules?filter=display_name="mornings"', None),
        ("GET", f'{PARENT}/schedules?filter=display_name="evenings"', None),
        ("GET", name, None),
    )
    assert (listed, none) == ({"schedules": [shown]}, {})
    assert (shown["state"], shown["startedRunCount"], shown["catchUp"]) == ("COMPLETED", "2", True)
    closed = said(prepared, ("PATCH", f"{name}?updateMask=cron", {"cron": "0 7 * * *"}), ("POST", f"{name}:pause", {}))
    assert [(status, body["error"]["status"]) for status, body in closed] == [(400, "FAILED_PRECONDITION")] * 2
    ((_, gone), (status, _)) = said(prepared, ("DELETE", name, None), ("GET", name, None))
    assert (gone["done"], status) == (True, 404)


def test_of_a_schedule_the_mask_says_what_is_changed_and_nothing_is_emptied(prepared: Cloud) -> None:
    ((_, made),) = said(prepared, ("POST", f"{PARENT}/schedules", schedule(prepared, maxRunCount=2)))
    name = made["name"]
    changes = said(
        prepared,
        ("PATCH", f"{name}?updateMask=cron", {"cron": "0 7 * * *", "allowQueueing": True}),
        ("PATCH", f"{name}?updateMask=max_run_count,allow_queueing", {"maxRunCount": "3", "allowQueueing": True}),
        ("PATCH", f"{name}?updateMask=maxRunCount", {}),
        ("PATCH", f"{name}?updateMask=state", {}),
        ("PATCH", name, {"cron": "0 8 * * *"}),
        ("PATCH", f"{name}?updateMask=cron", {"cron": "every morning"}),
    )
    assert [status for status, _ in changes] == [200, 200, 400, 400, 400, 400]
    first, second = changes[0][1], changes[1][1]
    assert (first["cron"], first.get("allowQueueing"), first["maxRunCount"]) == ("0 7 * * *", None, "2")
    assert (second["cron"], second["allowQueueing"], second["maxRunCount"]) == ("0 7 * * *", True, "3")


def test_who_may_not_act_as_the_runs_account_makes_no_schedule_and_changes_none(prepared: Cloud) -> None:
    sent = schedule(prepared)
    ((_, made),) = said(prepared, ("POST", f"{PARENT}/schedules", sent))
    prepared.state.revoke(DEV, "roles/iam.serviceAccountUser", on=ACCOUNT)
    refused = said(
        prepared,
        ("POST", f"{PARENT}/schedules", sent),
        ("PATCH", f"{made['name']}?updateMask=create_pipeline_job_request", sent),
    )
    assert [(status, "act as" in body["error"]["message"]) for status, body in refused] == [(403, True)] * 2
    prepared.state.revoke(DEV, "roles/aiplatform.user", on=P)
    for verb, request in {
        "create": ("POST", f"{PARENT}/schedules", sent), "list": ("GET", f"{PARENT}/schedules", None),
        "get": ("GET", made["name"], None), "delete": ("DELETE", made["name"], None),
    }.items():  # fmt: skip
        ((status, body),) = said(prepared, request)
        assert (status, f"aiplatform.schedules.{verb}" in body["error"]["message"]) == (403, True)
    changes = [("PATCH", f"{made['name']}?updateMask=cron", sent), *((("POST", f"{made['name']}:{verb}", {})) for verb in ("pause", "resume"))]  # fmt: skip
    for status, body in said(prepared, *changes):
        assert (status, "aiplatform.schedules.update" in body["error"]["message"]) == (403, True)
