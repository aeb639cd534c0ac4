"""Reads the steps of a pipeline that are no Python functions of the notebook: containers, and what is imported."""

import ast
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from ..model import Origin, Other, Problem, slug
from . import google, kubeflow
from .constants import evaluate
from .program import Placed, Program
from .scopes import walked
from .signature import signature
from .statements import dotted

PREBUILT = "google_cloud_pipeline_components."
# What Google's prebuilt components reach, by the part of the package that they are in; elsewhere it is Vertex AI.
REACHED = {
    "bigquery": "google.cloud.bigquery",
    "dataflow": "google.cloud.dataflow",
    "dataproc": "google.cloud.dataproc",
}
STAGES = frozenset({"v1", "preview", "experimental", "_implementation"})


class Contained(NamedTuple):
    """A container component as it was read."""

    other: Other
    problems: tuple[Problem, ...] = ()


def container(program: Program, placed: Placed) -> Contained:
    """A function under dsl.container_component: its signature, and the image that it names."""
    name = placed.statement.binds[0]
    function = next(node for node in ast.parse(placed.statement.text).body if isinstance(node, ast.FunctionDef))
    function.returns = None  # a ContainerSpec, or not said: no output either way
    said = signature(program, function, f"container component `{name}`", placed.cell, placed.line - 1)
    other = Other(
        name=name,
        origin=Origin.CONTAINER,
        task=slug(name),
        inputs=tuple(said.inputs),
        outputs=tuple(said.outputs),
        image=_image(program, function),
        google=google.reached(frozenset(), placed.statement.text),
        cell=placed.cell,
        line=placed.line,
    )
    return Contained(other, tuple(said.problems))


def _image(program: Program, function: ast.FunctionDef) -> str:
    """The image of the ContainerSpec that a function returns; nothing where only running it would tell."""
    for node in ast.walk(function):
        if isinstance(node, ast.Call) and kubeflow.is_dsl(program.resolve(dotted(node.func)), "ContainerSpec"):
            given = [*(each.value for each in node.keywords if each.arg == "image"), *node.args[:1]]
            try:
                value = evaluate(program, given[0]) if given else ""
            except ValueError:
                return ""
            return value if isinstance(value, str) else ""
    return ""


def prebuilt(program: Program, trees: Iterable[ast.AST]) -> Iterator[Other]:
    """Google's prebuilt components among what is called, each once. What they take, only kfp can tell."""
    if not any(full.startswith(PREBUILT.rstrip(".")) for full in program.aliases.values()):
        return
    calls = (node for tree in trees for node in walked(tree) if isinstance(node, ast.Call))
    for name in dict.fromkeys(dotted(call.func) for call in calls):
        full = program.resolve(name)
        if full.startswith(PREBUILT):
            parts = [part for part in full.split(".")[1:-1] if part not in STAGES]
            reached = REACHED.get(parts[0] if parts else "", "google.cloud.aiplatform")
            yield Other(name=name, origin=Origin.IMPORTED, readable=False, google=(reached,))
