"""The pipeline compiles, its steps run in the image that was built, and its parameter values fit."""

import pytest

DIGEST = "sha256:" + 64 * "0"
IMAGES = {
    "us-central1-docker.pkg.dev/my-project-123/vertex-mlops-af/words/component_base",
}
TYPES = {
    "BOOLEAN": (bool,),
    "LIST": (list,),
    "NUMBER_DOUBLE": (float, int),
    "NUMBER_INTEGER": (int,),
    "STRING": (str,),
    "STRUCT": (dict,),
}


def test_every_step_of_ours_runs_in_the_image_that_was_built(compiled):
    spec = compiled([f"{image}@{DIGEST}" for image in IMAGES])
    named = {executor.get("container", {}).get("image") for executor in spec["deploymentSpec"]["executors"].values()}
    assert not named & IMAGES
    assert {f"{image}@{DIGEST}" for image in IMAGES} <= named


def test_every_parameter_has_a_value_and_no_value_is_left_over(takes, values):
    required = {name for name, definition in takes.items() if not definition.get("isOptional")}
    assert required <= values.keys() <= takes.keys()


def test_every_value_is_of_its_parameters_type(takes, values):
    for name, value in values.items():
        if value is None and takes[name].get("isOptional"):
            continue
        kind = takes[name]["parameterType"]
        assert type(value) in TYPES[kind], f"{name} is {value!r}, and the pipeline takes a {kind}"


@pytest.fixture
def takes(pipeline):
    return pipeline.spec["root"].get("inputDefinitions", {}).get("parameters", {})


@pytest.fixture
def values(pipeline):
    return pipeline.values
