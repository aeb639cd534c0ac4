"""count: its component.yaml and its code agree, and it runs on what the pipeline gives it."""

import inspect


def test_its_module_imports(function):
    assert callable(function("count"))


def test_its_component_yaml_says_what_its_code_takes_and_gives(interface):
    written, derived = interface("count")
    assert written == derived


def test_its_calls_bind(function, pipeline):
    for arguments in pipeline.calls("count"):
        inspect.signature(function("count")).bind(**arguments)


def test_it_runs_and_gives_what_it_says(pipeline):
    assert pipeline.run("count") == ["Output"]
