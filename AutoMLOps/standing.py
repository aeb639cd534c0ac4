"""Which codebase a verb acts on, where it is told none."""

import os

MANIFEST = ".automlops/manifest.json"

# The folder that this process generated last: as it was called, and where that was.
_LAST: list[tuple[str, str]] = []


def generated(last: str) -> None:
    """Remembers a folder that was just written: the verbs that follow act on it."""
    _LAST[:] = [(last, os.path.abspath(last))]


def folder(given: str | os.PathLike[str] | None) -> str:
    """The folder that a verb acts on: the one it is given; else the one generated last; else the current one, where
    that is a codebase; else ./AutoMLOps."""
    if given:
        return os.path.normpath(given)
    for called, place in _LAST:
        if os.path.isfile(os.path.join(place, MANIFEST)):
            return called if os.path.abspath(called) == place else place
    return "." if os.path.isfile(MANIFEST) else "AutoMLOps"
