"""The Python that steps run in: the running one, and how an image differs from it; or one built as that image is."""

import hashlib
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from . import shell
from .codebase import Image
from .errors import BadInput
from .model import Problem

if TYPE_CHECKING:
    from packaging.requirements import Requirement

HOME = ".automlops/environments"
KEPT = 4
READY = "ready"


def built(image: Image, codebase: Path, say: Callable[[str], None]) -> str:
    """The interpreter of an environment with what an image installs and nothing else; it is built once, and kept."""
    key = hashlib.sha256("\0".join([image.requirements, image.kfp, sys.version, sys.base_prefix]).encode()).hexdigest()
    home = (codebase / HOME).resolve()
    folder = home / key[:16]
    home.mkdir(parents=True, exist_ok=True)
    with _alone(home / f"{folder.name}.lock"):
        if not (folder / READY).is_file():
            say(f"building an environment with {image.name}/requirements.txt (once; a minute or more)")
            _build(image, folder)
        (folder / READY).touch()
    _prune(home)
    return _python_in(folder)


def _python_in(folder: Path) -> str:
    return str(folder / "bin" / "python")


def _build(image: Image, folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    path = image.folder / "requirements.txt"
    pip = (_python_in(folder), "-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--quiet")
    hint = f"mend {path}, which the image is built with too"
    _done((sys.executable, "-m", "venv", str(folder)), "no environment can be made", "is Python's venv installed?")
    _done((*pip, "--no-deps", image.kfp), f"{image.kfp} cannot be installed", hint)
    _done((*pip, "-r", str(path)), f"{path} cannot be installed", hint)
    (folder / READY).touch()


def _done(command: tuple[str, ...], failed: str, hint: str) -> None:
    ended = shell.run(command, environment={"PYTHONPATH": "", "PYTHONHOME": ""})  # empty is as if they were not set
    if ended.code:
        errors = [line for line in ended.told if line.startswith("ERROR")] or ended.told
        raise BadInput([Problem(message=f"{failed}: {' '.join(errors[-5:])}", hint=hint)])


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """One process at a time builds an environment; the others wait for it."""
    with path.open("a") as file:
        try:
            import fcntl
        except ImportError:  # no such locks here
            yield
            return
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _prune(home: Path) -> None:
    ready = sorted(home.glob(f"*/{READY}"), key=lambda path: path.stat().st_mtime, reverse=True)
    for old in ready[KEPT:]:
        shutil.rmtree(old.parent, ignore_errors=True)


def differences(images: Iterable[Image]) -> Iterator[Problem]:
    """Where the running Python has other things than an image will have: what passes here may fail there."""
    hint = "rehearse(environment='isolated') runs the steps with what the image installs"
    for image in images:
        found = [*_python(image), *_packages(image.requirements)]
        if found:
            message = f"this environment is not that of components/{image.name}: {'; '.join(found)}"
            yield Problem(message=message, hint=hint)


def _python(image: Image) -> Iterator[str]:
    here = f"{sys.version_info.major}.{sys.version_info.minor}"
    if image.python and image.python != here:
        yield f"Python is {here} here, {image.python} there"


def _packages(requirements: str) -> Iterator[str]:
    for wanted in _wanted(requirements):
        here = installed(wanted.name)
        if here is None:
            yield f"{wanted.name} is not installed here"
        elif not wanted.specifier.contains(here, prereleases=True):
            yield f"{wanted.name} is {here} here, {wanted.specifier} there"


def installed(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def versions(requirements: str) -> list[str]:
    """What of some requirements is installed in the running Python, version by version."""
    return [f"{wanted.name} {installed(wanted.name)}" for wanted in _wanted(requirements)]


def _wanted(requirements: str) -> "Iterator[Requirement]":
    """The requirements that count on this machine; comments and options of pip's are passed over."""
    from packaging.requirements import InvalidRequirement, Requirement

    for line in requirements.splitlines():
        with suppress(InvalidRequirement):
            wanted = Requirement(line.partition(" #")[0].strip())
            if wanted.marker is None or wanted.marker.evaluate():
                yield wanted
