"""Images of the user's own, and none at all: built, named by digest and run in the stand-in cloud."""

import json
from pathlib import Path

import golden
import pytest
from cloud import vertex
from cloud.standin import PROJECT, Cloud
from launches import VALUES, WORDS, caller

pytest_plugins = ["cloud.fixture"]
pytestmark = [pytest.mark.slow, pytest.mark.thorough]

TOLD = "(lambda done: [done.job, done.spec, list(done.images)])"


def kept(cloud: Cloud, spec: str) -> dict:
    bucket, _, path = spec.removeprefix("gs://").partition("/")
    return json.loads(cloud.state.content[f"buckets/{bucket}/objects/{path}"])


def builds(cloud: Cloud) -> int:
    return len([name for name in cloud.state.resources if "/builds/" in name])


def test_a_step_runs_on_an_image_of_the_users_and_a_change_in_that_builds_both_anew(cloud: Cloud, tmp_path: Path):
    call = caller(cloud, tmp_path)
    based = "@AutoMLOps.component(base_image='images/trainer')\ndef count"
    (tmp_path / "work.py").write_text(WORDS.replace("@AutoMLOps.component\ndef count", based), encoding="utf-8")
    own = tmp_path / "AutoMLOps/images/trainer"
    own.mkdir(parents=True)
    (own / "Dockerfile").write_text("FROM python:3.11-slim\nCOPY words /words\n")
    (own / "words").write_text("one\n")
    job, spec, images = call(f"{TOLD}(AutoMLOps.go({PROJECT!r}, {VALUES!r}, notebook='work.py').deployed)")
    cloud.settle()
    assert vertex.outputs(cloud.state, job)["count"] == {"Output": 3}
    names = [image.partition("@")[0].rpartition("words/")[2] for image in images]
    assert names == ["images/trainer", "component_base", "component_base_trainer"]
    executors = kept(cloud, spec)["deploymentSpec"]["executors"].values()
    assert {each["container"]["image"] for each in executors} == set(images[1:]) and builds(cloud) == 1
    (own / "words").write_text("two\n")
    again = call(f"{TOLD}(AutoMLOps.deploy())")[2]
    assert builds(cloud) == 2 and again[0] != images[0] and again[1] == images[1]


def test_a_compiled_pipeline_is_made_ready_and_submitted_without_a_build(cloud: Cloud, tmp_path: Path):
    call = caller(cloud, tmp_path)
    (tmp_path / "rain.yaml").write_text(golden.notebook("compiled").read_text(encoding="utf-8"), encoding="utf-8")
    _, spec, images = call(f"{TOLD}(AutoMLOps.go({PROJECT!r}, {{'rows': 4}}, notebook='rain.yaml').deployed)")
    assert images == [] and builds(cloud) == 0
    assert not [name for name in cloud.state.resources if "/repositories/" in name]
    assert kept(cloud, spec)["pipelineInfo"]["name"] == "rainfall"
    (submitted,) = [found for name, found in cloud.state.resources.items() if "/pipelineJobs/" in name]
    assert submitted["pipelineSpec"] == kept(cloud, spec)
    assert call("[row.fate for row in AutoMLOps.deprovision().rows if row.kind == 'bucket']") == ["kept"]
