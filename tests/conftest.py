"""What all tests share: this checkout in every process that they start, and quick tests before slow ones."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from tools import need

CHECKOUT = Path(__file__).resolve().parent.parent

# Kernels and scripts that tests start import this checkout, whatever is installed beside it.
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(CHECKOUT), os.environ.get("PYTHONPATH")]))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.get_closest_marker("slow") is not None)


@pytest.fixture
def checkout() -> Path:
    """The root of this checkout."""
    return CHECKOUT


@pytest.fixture
def tool() -> Callable[[str], str]:
    """`tool("shellcheck")` is its path; without it the test is skipped, or fails where every tool is asked for."""
    return need
