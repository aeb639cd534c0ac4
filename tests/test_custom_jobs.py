"""custom_training_job_specs: a component runs as a custom job of Vertex AI in the cloud, and as it is on this machine."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from pictures import WINE
from tools import PREBUILT, environment, missing

from AutoMLOps import AutoMLOps, BadInput, cloud, codebase, read
from AutoMLOps.cli import main
from AutoMLOps.model import State
from AutoMLOps.nouns import replace
from AutoMLOps.settings import Settings, TrainingJob

SCRIPT = """
from AutoMLOps import AutoMLOps
from kfp.dsl import Dataset, Input, Output


@AutoMLOps.component
def load(data: Output[Dataset], words: str):
    with open(data.path, "w") as file:
        file.write(words)


@AutoMLOps.component
def train(data: Input[Dataset], depth: int = 3) -> list[int]:
    \"\"\"Counts.

    Args:
        depth: how deep
    \"\"\"
    with open(data.path) as file:
        return [len(file.read().split()) * depth]


@AutoMLOps.component(base_image="python:3.12-slim")
def tell(numbers: list[int], labels: str = "") -> int:
    print(numbers)
    return len(numbers)


@AutoMLOps.pipeline(name="words")
def words_pipeline(words: str):
    tell(numbers=train(data=load(words=words).outputs["data"]).output)
"""
JOBS = [
    {
        "component_spec": "train",
        "display_name": 'it\'s $(id) {{x}} "quoted" 🎉',
        "machine_type": "a2-highgpu-1g",
        "accelerator_type": "NVIDIA_TESLA_A100",
        "accelerator_count": 2,
        "replica_count": 3,
        "enable_web_access": True,
        "tensorboard": None,
    }
]
HERE = "us-central1-docker.pkg.dev/my-project-123/vertex-mlops-af/words"
DIGEST = "sha256:" + 64 * "0"
RUNNER = "vertex-pipelines@my-project-123.iam.gserviceaccount.com"


@pytest.fixture
def script(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("work.py").write_text(SCRIPT)
    return Path("work.py")


def told(jobs, text=SCRIPT):
    """What reading finds wrong, the package that makes the jobs aside."""
    found = read.pipeline(read.notebook("work.py", text), {"words": "a"}, jobs=tuple(jobs))
    return [str(each) for each in found.problems if "is not installed here" not in str(each)]


def job(component, **arguments):
    return TrainingJob(
        component=component, arguments=tuple((name, json.dumps(item)) for name, item in arguments.items())
    )


# ------------------------------------------------------------------------------- what cannot be one


def test_a_job_of_no_component_is_told_with_the_nearest():
    (near,) = told([job("trian"), job("train")])
    assert near == "custom_training_job_specs: the pipeline has no component 'trian' (did you mean train?)"
    (far,) = told([job("zzz")])
    assert far.endswith("(the components are load, tell, train)")


def test_a_component_with_a_name_of_the_job_s_own_is_told_where_it_stands():
    (fault,) = told([job("tell")])
    assert "`labels` of `tell` is a name that a custom job has for its own (call it `labels_`)" in fault
    assert "work.py" in fault and "line" in fault
    text = SCRIPT.replace("data: Output[Dataset], words", "gcp_resources: Output[Dataset], words")
    text = text.replace('data.path, "w"', 'gcp_resources.path, "w"').replace(
        'outputs["data"]', 'outputs["gcp_resources"]'
    )
    (fault,) = told([job("load")], text)
    assert "`gcp_resources` of `load`" in fault


def test_where_google_s_components_are_not_installed_the_extra_is_told():
    found = read.pipeline(read.notebook("work.py", SCRIPT), {"words": "a"}, jobs=(job("train"),))
    (fault,) = found.problems
    assert "google_cloud_pipeline_components is not installed here (pip install 'AutoMLOps[gcpc]')" in str(fault)


def test_a_compiled_pipeline_has_no_step_to_make_a_job_of(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("spec.json").write_text("{}")
    with pytest.raises(BadInput, match="the steps of a compiled pipeline run as they were compiled"):
        AutoMLOps.generate(notebook="spec.json", custom_training_job_specs=JOBS)


# ------------------------------------------------------------------------------- what it takes in the cloud


def test_a_job_needs_the_roles_of_one_whatever_the_steps_are_said_to_use():
    settings = Settings(project_id="my-project-123", custom_training_job_specs=(job("train_model"),))
    assert cloud.uses(settings, WINE) == ("vertex-jobs",)
    assert cloud.uses(replace(settings, steps_use=("bigquery",)), WINE) == ("bigquery", "vertex-jobs")
    bindings = {(each.role, each.name) for each in cloud.resources(settings, WINE).bindings}
    assert ("roles/iam.serviceAccountUser", RUNNER) in bindings


def test_an_account_that_a_job_names_is_owed_to_the_runner():
    theirs = "trainer@my-project-123.iam.gserviceaccount.com"
    jobs = (job("load_data", service_account=RUNNER), job("train_model", service_account=theirs))
    settings = Settings(project_id="my-project-123", custom_training_job_specs=jobs)
    owed = [each for each in cloud.resources(settings, WINE).owed if each.role == "roles/iam.serviceAccountUser"]
    assert [(each.member, each.name) for each in owed] == [(RUNNER, theirs)]


# ------------------------------------------------------------------------------- what is compiled, and what runs here


@pytest.fixture
def made(script, prebuilt):
    """The codebase, with Google's components at hand."""
    if prebuilt is None:
        missing(f"pip could not fetch {PREBUILT}")
    done = AutoMLOps.generate(
        "my-project-123", {"words": "a b"}, notebook=script, output_dir="words", custom_training_job_specs=JOBS
    )
    return done, Path("words")


def compiled(folder, prebuilt, images):
    """What pipeline.py says as it compiles with these images, and the spec."""
    Path("images").write_text("".join(f"{image}\n" for image in images))
    command = [sys.executable, folder / codebase.PIPELINE, "--output", "spec.json", "--images", "images"]
    env = {**environment(), "PYTHONPATH": str(prebuilt)}
    ended = subprocess.run(command, env=env, capture_output=True, text=True, timeout=300)
    return ended, json.loads(Path("spec.json").read_text()) if ended.returncode == 0 else None


@pytest.mark.slow
def test_the_step_becomes_a_job_on_its_machine_with_the_image_by_digest(made, prebuilt):
    _, folder = made
    images = [f"{HERE}/{name}@{DIGEST}" for name in ("component_base", "component_base_python_3_12_slim")]
    ended, spec = compiled(folder, prebuilt, images)
    assert ended.returncode == 0, ended.stderr
    given = spec["components"]["comp-train"]["inputDefinitions"]["parameters"]
    one, others = given["worker_pool_specs"]["defaultValue"]
    assert one["machine_spec"] == {
        "machine_type": "a2-highgpu-1g",
        "accelerator_type": "NVIDIA_TESLA_A100",
        "accelerator_count": 2,
    }
    assert (one["replica_count"], others["replica_count"]) == (1, 2)
    assert [pool["container_spec"]["image_uri"] for pool in (one, others)] == [images[0], images[0]]
    assert given["display_name"]["defaultValue"] == JOBS[0]["display_name"]
    assert given["service_account"]["defaultValue"] == RUNNER
    assert given["enable_web_access"]["defaultValue"] is True and given["depth"]["description"] == "how deep"
    assert spec["components"]["comp-train"]["outputDefinitions"]["parameters"].keys() == {"Output", "gcp_resources"}
    launched, loaded, told = (
        spec["deploymentSpec"]["executors"][f"exec-{name}"]["container"] for name in ("train", "load", "tell")
    )
    assert "google_cloud_pipeline_components.container.v1.custom_job.launcher" in launched["command"]
    assert (loaded["image"], told["image"]) == tuple(images)


@pytest.mark.slow
def test_an_image_counts_where_only_a_job_runs_in_it_and_no_other_is_mistaken_for_it(made, prebuilt):
    _, folder = made
    pipeline = folder / codebase.PIPELINE
    text = pipeline.read_text().replace('load(words=words).outputs["data"]', "dsl.importer(words, dsl.Dataset).output")
    pipeline.write_text(text)  # no step but the job's runs in component_base
    ended, spec = compiled(folder, prebuilt, [f"{HERE}/component_base@{DIGEST}"])
    assert ended.returncode == 0, ended.stderr
    named = set(re.findall(f'{HERE}[^"]*', json.dumps(spec)))
    assert named == {f"{HERE}/component_base@{DIGEST}", f"{HERE}/component_base_python_3_12_slim"}
    ended, _ = compiled(folder, prebuilt, [f"{HERE}/component@{DIGEST}"])
    assert f"no step runs in {HERE}/component:" in ended.stderr


@pytest.mark.slow
def test_here_the_step_runs_as_it_is_also_where_google_s_components_are_not(made):
    done, folder = made
    assert PREBUILT in done.pipeline.tools and PREBUILT in (folder / "pipelines/requirements.txt").read_text()
    run = AutoMLOps.rehearse(output_dir=folder)
    assert run.state is State.SUCCEEDED
    assert {task.name: json.loads(task.outputs) for task in run.tasks}["train"] == {"Output": [6]}
    plain = {name: text for name, text in os.environ.items() if name != "PYTHONPATH"}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", folder]
    ended = subprocess.run(command, env=plain, capture_output=True, text=True, timeout=300)
    assert ended.returncode == 0 and "skipped" not in ended.stdout, ended.stdout


@pytest.mark.slow
def test_the_readme_says_which_step_is_a_job_and_on_what(made):
    readme = (made[1] / "README.md").read_text()
    (row,) = [line for line in readme.splitlines() if line.startswith("| train |")]
    assert row.endswith("as a custom job on 3 a2-highgpu-1g with 2 NVIDIA_TESLA_A100 |")
    assert "its machines are there while it runs" in readme


@pytest.mark.slow
def test_the_terminal_takes_them_from_a_file_and_keeps_them(made, script, capsys):
    Path("jobs.yaml").write_text(yaml.safe_dump(JOBS))
    words = ["generate", "work.py", "--output-dir", "words", "--custom-training-job-specs", "jobs.yaml"]
    assert main(words) == 0, capsys.readouterr().err
    kept = yaml.safe_load(Path("words/configs/defaults.yaml").read_text())["pipelines"]["custom_training_job_specs"]
    assert kept == [{name: value for name, value in JOBS[0].items() if value is not None}]
    before = Path("words/pipelines/pipeline.py").read_text()
    assert main(words[:4]) == 0 and Path("words/pipelines/pipeline.py").read_text() == before
    capsys.readouterr()
    Path("jobs.json").write_text("{")
    assert main([*words[:-1], "jobs.json"]) == 2
    assert "jobs.json cannot be read" in capsys.readouterr().err
