"""Kubeflow's own words: what its decorators were given, and what that means here."""

import ast
import builtins
import typing
from collections.abc import Iterable

from ..model import Import, Problem
from ..settings import misnamed
from .constants import evaluate
from .program import Program
from .statements import names_of

ROOMS = ("kfp.dsl", "kfp.v2.dsl")
# What kfp imports for a component that it wraps, so that its code need not: kfp, dsl, these of dsl, all of typing.
AT_RUN_TIME = frozenset(
    "Input Output InputPath OutputPath PipelineTaskFinalStatus Artifact ClassificationMetrics Dataset HTML Markdown "
    "Metrics Model SlicedClassificationMetrics get_uri".split()
)
BUILT_IN = frozenset(dir(builtins))
# An image is built once, with the packages and kfp's executor in it: nothing is installed when a step starts.
DONE = frozenset({"install_kfp_package", "use_venv"})
ELSEWHERE = {
    "kfp_package_path": "the image has kfp's executor at the version that compiles the pipeline",
    "pip_index_urls": "the image installs from the index that pip has where it is built: an `--index-url` line in its "
    "requirements.txt changes that, and stays",
    "pip_trusted_hosts": "the image installs as pip is set where it is built: a `--trusted-host` line in its "
    "requirements.txt changes that, and stays",
    "target_image": "the image is built by this codebase and has its name, from base_image",
}
REFUSED = {
    "embedded_artifact_path": "files do not travel into an image: read them from the bucket, as an artifact",
    "task_config_passthroughs": "it is for Kubernetes alone, and Vertex AI knows nothing of the kind",
}


def is_dsl(name: str, what: str) -> bool:
    """Whether a full name is this one of kfp.dsl, wherever in it that is kept."""
    return name.startswith(ROOMS) and name.rpartition(".")[2] == what


def is_decorator(name: str) -> bool:
    """Whether a full name is what makes a step or a pipeline of a function."""
    return any(is_dsl(name, what) for what in ("component", "container_component", "pipeline"))


def given(program: Program, names: Iterable[str]) -> tuple[Import, ...]:
    """The imports behind names that kfp gives to every component it wraps, where no cell binds them."""
    free = sorted(name for name in names if program.last(name) is None and name not in BUILT_IN)
    return tuple(found for name in free if (found := _given(name)))


def _given(name: str) -> Import | None:
    if name in ("kfp", "dsl"):
        return Import(module="kfp", name="dsl" if name == "dsl" else "")
    if name in AT_RUN_TIME:
        return Import(module="kfp.dsl", name=name)
    return Import(module="typing", name=name) if name in typing.__all__ else None


class Settings:
    """What a component's decorator was given, taken word by word; `wrong` is called with a message and its mend."""

    def __init__(self, owner: str, cell: str, line: int, kubeflow: bool) -> None:
        self.owner, self.cell, self.line, self.kubeflow = owner, cell, line, kubeflow
        self.packages: tuple[str, ...] = ()
        self.base = ""
        self.functions: frozenset[str] = frozenset()
        self.problems: list[Problem] = []
        self.warnings: list[Problem] = []

    def wrong(self, message: str, hint: str) -> None:
        self.problems.append(self._problem(message, hint))

    def _problem(self, message: str, hint: str) -> Problem:
        return Problem(message=f"{self.owner}{message}", hint=hint, cell=self.cell, line=self.line)

    def take(self, program: Program, key: str, node: ast.expr) -> None:
        """Takes one setting."""
        if isinstance(node, ast.Constant) and node.value is None:
            return
        match key:
            case "packages_to_install":
                self.packages = self._packages(program, node)
            case "base_image":
                self.base = self._image(program, node)
            case "additional_funcs" if self.kubeflow:
                self.functions = frozenset(names_of(node))
            case "output_component_file" if self.kubeflow:
                pass  # kfp's own decorator writes it, in the kernel
            case _ if self.kubeflow and key in DONE:
                pass
            case _ if self.kubeflow and key in ELSEWHERE:
                self.warnings.append(self._problem(f": {key} has no effect here", ELSEWHERE[key]))
            case _ if self.kubeflow and key in REFUSED:
                self.wrong(f": {key} cannot be followed", REFUSED[key])
            case _ if self.kubeflow:
                self.wrong(f": `{key}` is no setting of dsl.component", "write those that it has by name")
            case _:
                self.wrong(
                    f": `{key}` is no setting of AutoMLOps.component", "it takes packages_to_install and base_image"
                )

    def _packages(self, program: Program, node: ast.expr) -> tuple[str, ...]:
        try:
            value = evaluate(program, node)
        except ValueError as error:
            self.wrong(f": packages_to_install is not constant ({error})", "write the list out")
            return ()
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            return tuple(value)
        if value is not None:
            self.wrong(": packages_to_install is not a list of str", 'write ["pandas", "scikit-learn==1.5.0"]')
        return ()

    def _image(self, program: Program, node: ast.expr) -> str:
        try:
            value = evaluate(program, node)
        except ValueError as error:
            self.wrong(f": base_image is not constant ({error})", "write the image's name out")
            return ""
        fault = misnamed(value) if isinstance(value, str) else None
        if fault:
            self.wrong(f": base_image {fault[0]}", fault[1])
        elif value is not None and not isinstance(value, str):
            self.wrong(": base_image is not a str", 'write "python:3.11-slim"')
        return value if isinstance(value, str) and not fault else ""
