"""What a generated codebase says, as it lies on disk: its images, the code in them, what they install."""

import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from .nouns import noun

COMPONENTS = "components"
PIPELINE = "pipelines/pipeline.py"
BUILD = "scripts/build_components.sh"


def builds(folder: str | os.PathLike[str]) -> bool:
    """Whether there are images to build: the steps of some pipelines run in images of others alone."""
    return os.path.isfile(os.path.join(folder, BUILD)) or any(Path(folder, COMPONENTS).glob("*/Dockerfile"))


@noun
class Image:
    """One image: the folder with its Dockerfile, requirements.txt and src/."""

    folder: Path
    requirements: str
    kfp: str = "kfp"  # the requirement that brings the executor
    python: str = ""  # the version of Python in its base, as far as the base's name tells

    @property
    def name(self) -> str:
        return self.folder.name


@dataclass(frozen=True, slots=True)
class Codebase:
    """The images of a codebase, and the files of its components' functions, each with its image."""

    folder: Path
    images: tuple[Image, ...]
    sources: Mapping[str, tuple[Path, Image]]

    def image(self, function: str) -> Image | None:
        """Where the code of a component is: in an image of its own, or in the shared one."""
        return self.sources[function][1] if function in self.sources else None

    def source(self, function: str) -> Path | None:
        return self.sources[function][0] if function in self.sources else None

    def beside(self, function: str) -> str:
        """A hash of what else lies beside a component's code, which it may import; components that it does not
        mention are left out."""
        own = self.source(function)
        if own is None:
            return ""
        text = _text(own)
        theirs = {each.name for each in (self.folder / COMPONENTS).iterdir() if each.is_dir()}
        apart = {f"{name}.py" for name in theirs if name == function or not re.search(rf"\b{re.escape(name)}\b", text)}
        files = sorted(each for each in own.parent.rglob("*") if each.is_file() and each.name not in apart)
        parts = [each.relative_to(own.parent).as_posix().encode() + b"\0" + each.read_bytes() for each in files]
        return hashlib.sha256(b"\0".join(parts)).hexdigest()


def read(folder: str) -> Codebase:
    home = Path(folder)
    images = tuple(_images(home / COMPONENTS))
    files = ((path, image) for image in images for path in (image.folder / "src").glob("*.py"))
    return Codebase(home, images, {path.stem: (path.resolve(), image) for path, image in files})


def _images(home: Path) -> Iterator[Image]:
    for source in sorted(home.glob("*/src")):
        dockerfile = _text(source.parent / "Dockerfile")
        kfp = re.search(r"--no-deps ['\"]?(kfp[^\s'\"]*)", dockerfile)
        python = re.search(r"^FROM \S*\bpython:(\d+\.\d+)", dockerfile, re.MULTILINE)
        yield Image(
            folder=source.parent,
            requirements=_text(source.parent / "requirements.txt"),
            kfp=kfp[1] if kfp else "kfp",
            python=python[1] if python else "",
        )


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
