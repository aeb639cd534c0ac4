"""What all tests share: quick ones before slow ones, and the tools that they run."""

import sys
from collections.abc import Callable

import pytest
from tools import need

from AutoMLOps import standing


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.get_closest_marker("slow") is not None)


@pytest.fixture(autouse=True)
def no_prompt(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever an earlier test left behind, nobody sits at a prompt: IPython says so by its name for that."""
    monkeypatch.delattr(sys, "ps1", raising=False)


@pytest.fixture(autouse=True)
def no_codebase(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing was generated before: each test is a kernel of its own."""
    monkeypatch.setattr(standing, "_LAST", [])


@pytest.fixture
def tool() -> Callable[[str], str]:
    """`tool("shellcheck")` is its path; without it the test is skipped, or fails where every tool is asked for."""
    return need
