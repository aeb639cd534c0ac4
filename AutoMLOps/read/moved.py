"""Finds imports by names that have moved since, and writes each as it is now."""

import ast
from collections.abc import Iterator

from ..model import Problem

KUBEFLOW, OLDER = "kfp.v2", "google_cloud_automlops"


def kubeflow(text: str, cell: str, offset: int) -> Iterator[Problem]:
    """Imports of `kfp.v2`: the kfp of today still gives it to a notebook, and no longer to a step."""
    for node, line in _imports(text, KUBEFLOW):
        hint = "leave it out: deploy() starts runs" if "kfp.v2.google" in ast.unparse(node) else f"write `{line}`"
        message = "kfp.v2 is kfp itself by now, and a step that imports it fails"
        yield Problem(message=message, hint=hint, cell=cell, line=node.lineno + offset)


def older(text: str, cell: str, offset: int) -> Iterator[Problem]:
    """Imports of the package that this one was: read as this one, which no kernel does."""
    for node, _ in _imports(text, OLDER):
        message = f"{OLDER} is read as AutoMLOps, and is not installed with it"
        hint = "write `from AutoMLOps import AutoMLOps`"
        yield Problem(message=message, hint=hint, cell=cell, line=node.lineno + offset)


def _imports(text: str, package: str) -> Iterator[tuple[ast.stmt, str]]:
    """The imports of a package in a piece of Python, functions included, and each without the package's last part."""
    if package.rpartition(".")[2] not in text:
        return
    stays = package.rpartition(".")[0]
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.Import(names=names) if any(_inside(name.name, package) for name in names):
                moved = [ast.alias(_moved(name.name, package, stays), name.asname) for name in names]
                yield node, ast.unparse(ast.Import(names=moved))
            case ast.ImportFrom(module=str(module), names=names, level=0) if _inside(module, package):
                moved_from = ast.ImportFrom(module=_moved(module, package, stays), names=names, level=0)
                yield node, ast.unparse(moved_from)
            case ast.ImportFrom(module=str(module), names=names, level=0) if module == stays and any(
                _inside(f"{module}.{name.name}", package) for name in names
            ):
                yield node, f"import {stays}"


def _inside(module: str, package: str) -> bool:
    return f"{module}.".startswith(f"{package}.")


def _moved(module: str, package: str, stays: str) -> str:
    return f"{stays}{module.removeprefix(package)}" if _inside(module, package) else module
