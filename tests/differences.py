"""Where the spec of a codebase differs from the one that kfp compiles from the same notebook, and why it has to."""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Spec = dict[str, Any]
Container = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Difference:
    """What differs, on purpose, the reason, and how it is taken out of a spec and of its Python components."""

    what: str
    why: str
    without: Callable[[Spec, list[Container]], None]


def _image(spec: Spec, containers: list[Container]) -> None:
    for container in containers:
        del container["image"]


def _command(spec: Spec, containers: list[Container]) -> None:
    for container in containers:
        del container["command"], container["args"]


def _version(spec: Spec, containers: list[Container]) -> None:
    del spec["sdkVersion"]


DIFFERENCES = (
    Difference(
        "the `image` of a Python component",
        "Its code and its pinned packages are in an image of the codebase, by digest once it is built; kfp starts from"
        " a plain Python image, or the component's `base_image`, and installs at every start.",
        _image,
    ),
    Difference(
        "the `command` and `args` of a Python component",
        "They run the component's own file in the image; kfp carries its source in the spec as text.",
        _command,
    ),
    Difference(
        "`sdkVersion`",
        "It names the kfp that compiled: here the one that pipelines/requirements.txt pins.",
        _version,
    ),
)


def alike(spec: Spec) -> Spec:
    """A spec without what is meant to differ. Containers that are no Python components keep all that they have."""
    rest = copy.deepcopy(spec)
    executors = rest.get("deploymentSpec", {}).get("executors", {}).values()
    containers = [each["container"] for each in executors if "kfp.dsl.executor_main" in str(each.get("container"))]
    for difference in DIFFERENCES:
        difference.without(rest, containers)
    return rest
