"""Which folder a verb acts on, where it is told none."""

import os
from pathlib import Path

import pytest

from AutoMLOps import standing


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def made(folder: Path) -> Path:
    """A folder that looks generated."""
    manifest = folder / standing.MANIFEST
    manifest.parent.mkdir(parents=True)
    manifest.write_text("{}")
    return folder


def test_it_is_the_one_that_is_named(here: Path) -> None:
    standing.generated(str(made(here / "last")))
    assert standing.folder("other/") == "other"
    assert standing.folder(Path("a/../b")) == "b"


def test_else_it_is_the_one_generated_last(here: Path) -> None:
    for name in ("first", "last"):
        made(here / name)
        standing.generated(name)
    assert standing.folder(None) == "last"


def test_the_last_one_is_found_from_another_folder_too(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made(here / "last")
    standing.generated("last")
    (here / "elsewhere").mkdir()
    monkeypatch.chdir(here / "elsewhere")
    assert standing.folder(None) == os.path.join(here, "last")


def test_one_that_was_taken_away_does_not_count(here: Path) -> None:
    standing.generated("last")
    assert standing.folder(None) == "AutoMLOps"


def test_else_it_is_the_current_folder_where_that_is_a_codebase(here: Path) -> None:
    made(here / ".")
    assert standing.folder(None) == "."
