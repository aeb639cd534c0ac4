"""Where the spec of a codebase differs from the one that kfp compiles from the same notebook, and why it has to."""

import copy
from collections.abc import Callable
from dataclasses import dataclass

Spec = dict


@dataclass(frozen=True, slots=True)
class Difference:
    """What differs, on purpose, the reason, and how it is taken out of a spec."""

    what: str
    why: str
    without: Callable[[Spec], None]


def _containers(spec: Spec) -> list[dict]:
    executors = spec.get("deploymentSpec", {}).get("executors", {}).values()
    return [each["container"] for each in executors if "executor_main" in str(each.get("container"))]


def _image(spec: Spec) -> None:
    for container in _containers(spec):
        container.pop("image")


def _command(spec: Spec) -> None:
    for container in _containers(spec):
        container.pop("command"), container.pop("args")


def _version(spec: Spec) -> None:
    spec.pop("sdkVersion")


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
    for difference in reversed(DIFFERENCES):  # by its command a Python component is known
        if difference.without is not _command:
            difference.without(rest)
    _command(rest)
    return rest
