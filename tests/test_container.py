"""A component in what its container holds: kfp's executor without kfp's dependencies, and the pinned requirements."""

import json
import os
import shutil
import subprocess
import sys
import venv

import pytest
import yaml
from golden import ROOT


@pytest.fixture(scope="module")
def container(tmp_path_factory):
    """The environment that the Dockerfile of the decorated case makes, by the Dockerfile's own pip commands."""
    folder = tmp_path_factory.mktemp("container")
    shutil.copytree(ROOT / "decorated/tree", folder / "tree")
    venv.create(folder / "venv", with_pip=True)
    base = folder / "tree/components/component_base"
    run = (base / "Dockerfile").read_text().partition("RUN pip ")[2].partition("\n\n")[0]
    for command in ("pip " + run).replace("\\\n", " ").split("&&"):
        subprocess.run([folder / "venv/bin/python", "-m", *command.split()], cwd=base, check=True, timeout=300)
    return folder


def run(container, name, inputs, artifacts, tmp_path):
    """Runs a component by the command and arguments of its component.yaml, and returns what its executor wrote."""
    spec = yaml.safe_load((container / "tree/components" / name / "component.yaml").read_text())
    (definition,), (executor,) = spec["components"].values(), spec["deploymentSpec"]["executors"].values()
    outputs = definition["outputDefinitions"]
    kinds = {**definition.get("inputDefinitions", {}).get("artifacts", {}), **outputs.get("artifacts", {})}

    def artifact(key, path):
        return {"artifacts": [{"name": key, "uri": str(path), "type": kinds[key]["artifactType"], "metadata": {}}]}

    given = {
        "inputs": {
            "parameterValues": inputs,
            "artifacts": {key: artifact(key, path) for key, path in artifacts.items()},
        },
        "outputs": {
            "parameters": {key: {"outputFile": str(tmp_path / key)} for key in outputs.get("parameters", {})},
            "artifacts": {key: artifact(key, tmp_path / key) for key in outputs.get("artifacts", {})},
            "outputFile": str(tmp_path / "said.json"),
        },
    }
    command = [*executor["container"]["command"], *executor["container"]["args"]]
    source = str(container / "tree/components/component_base/src")
    argv = [part.replace("/pipelines/component/src", source).replace("{{$}}", json.dumps(given)) for part in command]
    environment = {"PATH": f"{container / 'venv/bin'}{os.pathsep}/usr/bin", "_KFP_RUNTIME": "true"}
    done = subprocess.run(argv, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads((tmp_path / "said.json").read_text())


def test_the_environment_holds_the_executor_and_the_pins_alone(container):
    listed = subprocess.run(
        [container / "venv/bin/python", "-m", "pip", "list", "--format=json"], capture_output=True, check=True
    )
    assert {item["name"] for item in json.loads(listed.stdout)} - {"pip", "setuptools"} == {"kfp", "six"}


def test_a_component_runs_with_its_helpers_constants_and_requirements(container, tmp_path):
    hostile = 'it\'s "$(id)" {{x}} 🎉'
    run(
        container,
        "collect",
        {"words": ["a", hostile], "note": hostile, "factor": 1e-09, "options": {"k": [1]}},
        {},
        tmp_path,
    )
    assert json.loads((tmp_path / "data").read_text()) == {
        "text": f"a, {hostile}",
        "six": True,
        "note": hostile,
        "factor": 1e-09,
        "k": [1],
    }


def test_a_named_tuple_metrics_and_markdown_come_out(container, tmp_path):
    (tmp_path / "in.json").write_text(json.dumps({"text": "a, bb"}))
    said = run(container, "summarise", {}, {"data": tmp_path / "in.json"}, tmp_path)
    assert said["parameterValues"] == {"lines": 1, "longest": "bb", "lengths": [5]}
    assert said["artifacts"]["scores"]["artifacts"][0]["metadata"] == {"length": 5}
    assert (tmp_path / "page").read_text() == "# 5"


def test_string_annotations_are_resolved_where_it_runs(container, tmp_path):
    said = run(container, "TrainModel", {"lengths": [1, 2], "longest": "bb", "flag": True}, {}, tmp_path)
    assert said["parameterValues"] == {"Output": 3.0}
    assert (tmp_path / "model").read_text() == "bb"


def test_the_image_is_for_this_python():
    assert sys.version_info >= (3, 11)
    assert "FROM python:3.11-slim" in (ROOT / "decorated/tree/components/component_base/Dockerfile").read_text()
