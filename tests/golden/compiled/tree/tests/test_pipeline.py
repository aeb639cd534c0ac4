"""The pipeline compiles, and its parameter values fit. Its steps run in images of others, which nothing here has."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PARAMETERS = ROOT / "pipelines/runtime_parameters/pipeline_parameter_values.json"
TYPES = {
    "BOOLEAN": (bool,),
    "DOUBLE": (float, int),
    "INT": (int,),
    "LIST": (list,),
    "NUMBER_DOUBLE": (float, int),
    "NUMBER_INTEGER": (int,),
    "STRING": (str,),
    "STRUCT": (dict,),
}


def test_every_parameter_has_a_value_and_no_value_is_left_over(takes, values):
    required = {name for name, definition in takes.items() if not definition.get("isOptional")}
    assert required <= values.keys() <= takes.keys()


def test_every_value_is_of_its_parameters_type(takes, values):
    for name, value in values.items():
        if value is None and takes[name].get("isOptional"):
            continue
        kind = takes[name].get("parameterType") or takes[name]["type"]
        assert type(value) in TYPES[kind], f"{name} is {value!r}, and the pipeline takes a {kind}"


@pytest.fixture(scope="module")
def takes(tmp_path_factory):
    output = tmp_path_factory.mktemp("compiled") / "spec.json"
    subprocess.run([sys.executable, str(ROOT / "pipelines/pipeline.py"), "--output", str(output)], check=True)
    spec = json.loads(output.read_text(encoding="utf-8"))
    return spec["root"].get("inputDefinitions", {}).get("parameters", {})


@pytest.fixture
def values():
    return json.loads(PARAMETERS.read_text(encoding="utf-8"))
