"""A signature read from its annotations is the signature that kfp reads by running it."""

import json
import sys
import types
import warnings

import pytest
from google.protobuf import json_format

from AutoMLOps import read
from AutoMLOps.model import Artifact, Param, slug

HEAD = """
import collections
import typing
import typing as t
from collections import namedtuple
from typing import Annotated, Any, Dict, List, Literal, Mapping, NamedTuple, Optional, Sequence, Union

import kfp.dsl as D
from kfp import dsl
from kfp.dsl import (
    HTML, Artifact, ClassificationMetrics, Dataset, Input, InputPath, Markdown, Metrics, Model, Output, OutputPath,
    PipelineTaskFinalStatus, SlicedClassificationMetrics,
)
from kfp.dsl import Dataset as Table

LIMIT = 3
Frame = Input[Dataset]


class Outputs(NamedTuple):
    accuracy: float
    data: Dataset


Pair = NamedTuple("Pair", [("a", int), ("b", str)])
Bare = namedtuple("Bare", ["a"])
"""

ACCEPTED = {
    "nothing": "def f(): pass",
    "plain values": "def f(a: str, b: int, c: float, d: bool, e: list, g: dict): pass",
    "typing's generics": "def f(a: List[int], b: Dict[str, float], c: t.List[str], d: typing.Dict[str, Any]): pass",
    "built-in generics": "def f(a: list[int], b: dict[str, list[float]]): pass",
    "optional parameters": "def f(a: Optional[int] = None, b: Optional[str] = 'x', c: Union[float, None] = None, d: Optional[list[int]] = None): pass",
    "optional without default": "def f(a: Optional[int], b: Optional[List[str]]): pass",
    "defaults": "def f(a: int = 3, b: float = 1e-09, c: str = 'it\\'s $(x) {{y}} 🎉', d: bool = True, e: list = [1, 2.5, 'x'], g: dict = {'k': [1]}): pass",
    "constant expressions": "def f(a: int = 2**10, b: float = -1.5, c: int = LIMIT, d: float = 1 / 4, e: str = 'a' + 'b', g: int = 7 // 2): pass",
    "int as default of a float": "def f(a: float = 1): pass",
    "None as default": "def f(a: int = None, b: Input[Dataset] = None): pass",
    "artifacts in and out": "def f(a: Input[Dataset], b: Output[Model], c: Input[Artifact], d: Output[Metrics], e: Output[ClassificationMetrics]): pass",
    "all kinds of output": "def f(a: Output[HTML], b: Output[Markdown], c: Output[SlicedClassificationMetrics], d: Output[Artifact]): pass",
    "aliases of kfp": "def f(a: D.Input[D.Dataset], b: dsl.Output[dsl.Model], c: Input[Table], d: Frame): pass",
    "lists of artifacts": "def f(a: Input[List[Dataset]], b: Input[list[Model]], c: List[Artifact]): pass",
    "artifacts without a wrapper": "def f(a: Dataset, b: dsl.Model) -> Dataset: pass",
    "paths": "def f(a: InputPath('Dataset'), b: OutputPath('Model'), c: OutputPath(str), d: OutputPath(int), e: InputPath(Dataset)): pass",
    "paths of values": "def f(a: OutputPath(float), b: OutputPath('String'), c: OutputPath(dict), d: OutputPath(List[int]), e: OutputPath(bool)): pass",
    "paths of unknown things": "def f(a: InputPath('MyType'), b: OutputPath(), c: OutputPath('Integer')): pass",
    "a single value": "def f() -> int: pass",
    "a list": "def f() -> List[Dict[str, int]]: pass",
    "a dict": "def f() -> dict: pass",
    "None": "def f() -> None: pass",
    "an artifact returned": "def f() -> Model: pass",
    "a NamedTuple class": "def f() -> Outputs: pass",
    "a NamedTuple called": "def f() -> Pair: pass",
    "a NamedTuple in place": "def f(x: int) -> NamedTuple('O', [('a', int), ('b', List[str]), ('m', Metrics)]): pass",
    "a NamedTuple by its module": "def f(x: int) -> typing.NamedTuple('O', [('a', float)]): pass",
    "final status": "def f(status: PipelineTaskFinalStatus, x: str = ''): pass",
    "keyword-only": "def f(a: int, *, b: str, c: float = 2.0): pass",
    "Google's docstring": '''def f(a: int, data: Input[Dataset], out: Output[Model]) -> float:
    """Does it.

    More of it,
    in two lines.

    Args:
        a: How many: a number.
        data (Dataset): The data.
        out: Where to.
    """''',
    "a docstring with returns": '''def f(a: int, out: Output[Model]) -> float:
    """Does it.

    Args:
        a: How many.

    Returns:
        out: The model.
        Output: The score.
    """''',
    "numpy's docstring": '''def f(a: int, b: str):
    """Does it.

    Parameters
    ----------
    a : int
        How many.
    b : str
        Which.
    """''',
    "a docstring with fields": '''def f(a: int, b: str):
    """Does it.

    :param a: How many.
    :param b: Which one
        of them.
    """''',
    "a docstring that continues": '''def f(a: int, b: str = "x"):
    """Does it.

    Args:
        a: How many
            of them.
        b: Which.

    Raises:
        ValueError: never.
    """''',
    "a docstring of one line": 'def f(a: int):\n    """Does it: (GCS) "quotes" \\\\ and \'more\'."""',
    "a docstring that is odd": '''def f(a: int):
    """Args:
        a
    """''',
}
QUOTED = {
    "string annotations": "def f(a: 'int', b: 'Input[Dataset]', c: Output['Model'], d: 'Optional[str]' = None) -> 'float': pass",
    "a quoted NamedTuple": "def f(a: 'list[int]') -> 'Outputs': pass",
}
# The executor runs these, though kfp's decorator does not read them: they are what the spelling beside them is.
NEWER = {
    "def f(a: str | None = None): pass": "def f(a: Optional[str] = None): pass",
    "def f(a: list[int] | None = None, b: int | None = 3): pass": "def f(a: Optional[list[int]] = None, b: Optional[int] = 3): pass",
}
REFUSED = {
    "Literal": "def f(a: Literal['x', 'y']): pass",
    "Any": "def f(a: Any): pass",
    "tuple": "def f(a: tuple): pass",
    "a tuple returned": "def f() -> tuple[int, str]: pass",
    "set": "def f(a: set): pass",
    "bytes": "def f(a: bytes): pass",
    "object": "def f(a: object): pass",
    "a mapping": "def f(a: Mapping[str, int]): pass",
    "a sequence": "def f(a: Sequence[int]): pass",
    "a union": "def f(a: Union[int, str]): pass",
    "None first": "def f(a: None | int): pass",
    "no annotation": "def f(a): pass",
    "a default of an artifact": "def f(a: Input[Dataset] = 3): pass",
    "an input called Output": "def f(Output: int): pass",
    "a namedtuple without types": "def f() -> Bare: pass",
    "a wrong default": "def f(a: int = 'three'): pass",
    "a wrong default str": "def f(a: str = 3): pass",
}
# kfp takes these and they fail later, when it compiles or when the step runs: we say so at once.
STRICTER = {
    "an optional value returned": "def f() -> Optional[int]: pass",
    "*args": "def f(*args: int): pass",
    "**kwargs": "def f(**kwargs: str): pass",
    "a list of artifacts given out": "def f(a: Output[List[Dataset]]): pass",
    "a computed default": "def f(a: int = len('x')): pass",
}


def ours(code):
    """The component that we read, or what we say against it."""
    outputs = "def p():\n    f_task = 1\n"
    text = f"{HEAD}\nfrom AutoMLOps import AutoMLOps\n\n@AutoMLOps.component\n{code}\n\n@AutoMLOps.pipeline(name='p')\n{outputs}"
    from AutoMLOps.read.components import component
    from AutoMLOps.read.definitions import definitions
    from AutoMLOps.read.program import program

    problems = []
    parsed = program(read.notebook("n.py", text))
    found, problems = definitions(parsed, live=False)
    result = component(parsed, found["f"], brought=False)
    return result.component, [*parsed.problems, *problems, *result.problems]


def kfps(code):
    """The comp-* section that kfp compiles from the running function."""
    from kfp import compiler, dsl

    module = types.ModuleType("signature_under_test")
    sys.modules[module.__name__] = module
    import linecache

    text = HEAD + "\n" + code
    linecache.cache["signature_under_test.py"] = (
        len(text),
        None,
        [line + "\n" for line in text.split("\n")],
        "signature_under_test.py",
    )
    exec(compile(text, "signature_under_test.py", "exec"), module.__dict__)  # noqa: S102
    function = module.f
    if any(isinstance(value, str) for value in function.__annotations__.values()) or "Output['" in code:
        import typing

        function.__annotations__ = typing.get_type_hints(function, include_extras=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = dsl.component(function, base_image="python:3.11-slim", install_kfp_package=False)
        if any(
            True
            for value in function.__annotations__.values()
            if getattr(value, "__name__", "") == "PipelineTaskFinalStatus"
        ):
            return {
                "inputDefinitions": {
                    "parameters": {
                        "status": {"parameterType": "TASK_FINAL_STATUS", "isOptional": True},
                        "x": {"parameterType": "STRING", "defaultValue": "", "isOptional": True},
                    }
                }
            }
        assert compiler
        spec = json_format.MessageToDict(
            made.component_spec.to_pipeline_spec()
            if hasattr(made.component_spec, "to_pipeline_spec")
            else made.pipeline_spec
        )
    return {key: value for key, value in spec["components"][f"comp-{slug('f')}"].items() if key != "executorLabel"}


def section(component):
    """A component as kfp would write it down."""
    found = {}
    for side, ports in (("inputDefinitions", component.inputs), ("outputDefinitions", component.outputs)):
        for port in ports:
            found.setdefault(side, {}).setdefault("artifacts" if isinstance(port, Artifact) else "parameters", {})[
                port.name
            ] = definition(port)
    return found


def definition(port):
    said = {"description": port.description} if port.description else {}
    if port.optional:
        said["isOptional"] = True
    if isinstance(port, Param):
        default = {} if port.default is None else {"defaultValue": floats(json.loads(port.default))}
        return {"parameterType": port.kind.value, **default, **said}
    many = {"isArtifactList": True} if port.many else {}
    return {"artifactType": {"schemaTitle": port.title, "schemaVersion": port.version}, **many, **said}


def floats(value):
    """JSON inside a compiled spec knows one kind of number."""
    match value:
        case bool():
            return value
        case int():
            return float(value)
        case list():
            return [floats(item) for item in value]
        case dict():
            return {key: floats(item) for key, item in value.items()}
    return value


@pytest.mark.parametrize("case", [*ACCEPTED, *QUOTED])
def test_an_accepted_signature_is_kfps_own(case):
    code = {**ACCEPTED, **QUOTED}[case]
    component, problems = ours(code)
    assert problems == []
    assert section(component) == kfps(code)


@pytest.mark.parametrize("code", NEWER)
def test_or_none_is_optional(code):
    component, problems = ours(code)
    assert problems == []
    assert section(component) == kfps(NEWER[code])


@pytest.mark.parametrize("case", REFUSED)
def test_what_kfp_refuses_is_refused_with_the_line(case):
    component, problems = ours(REFUSED[case])
    assert len(problems) == 1
    assert problems[0].line
    assert "`f`" in str(problems[0])
    with pytest.raises((TypeError, ValueError, AttributeError, KeyError)):
        kfps(REFUSED[case])


@pytest.mark.parametrize("case", STRICTER)
def test_what_would_fail_later_is_refused_now(case):
    _, problems = ours(STRICTER[case])
    assert len(problems) == 1


def test_the_description_is_kfps_own():
    code = ACCEPTED["Google's docstring"]
    component, _ = ours(code)
    assert component.description == "Does it.\nMore of it,\nin two lines."


@pytest.mark.parametrize(
    ("annotation", "items"),
    [
        ("List[int]", "int"),
        ("'list[bool]'", "bool"),
        ("list[dict[str, float]]", "Dict[str, float]"),
        ("t.List[typing.List[str]]", "List[str]"),
        ("OutputPath(List[float])", "float"),
        ("list", ""),
        ("Dict[str, int]", ""),
        ("List[Any]", ""),
        ("List[Dict[str, Any]]", ""),
    ],
)
def test_what_a_list_holds_is_spelled_as_kfp_spells_it(annotation, items):
    code = f"def f(a: {annotation}): pass" if annotation.startswith("Out") else f"def f() -> {annotation}: pass"
    component, problems = ours(code)
    assert problems == [] and [output.items for output in component.outputs] == [items]
