"""plant: its component.yaml and its code agree, and it runs on what the pipeline gives it."""

import inspect


def test_its_module_imports(function):
    assert callable(function("plant"))


def test_its_component_yaml_says_what_its_code_takes_and_gives(interface):
    written, derived = interface("plant")
    assert written == derived


def test_its_calls_bind(function, pipeline):
    for arguments in pipeline.calls("plant"):
        inspect.signature(function("plant")).bind(**arguments)


def test_it_runs_and_gives_what_it_says(pipeline):
    assert pipeline.run("plant") == ["Output", "garden"]
