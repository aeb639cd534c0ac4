"""What all tests share: quick ones before slow ones, and the tools that they run."""

from collections.abc import Callable

import pytest
from tools import need


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.get_closest_marker("slow") is not None)


@pytest.fixture
def tool() -> Callable[[str], str]:
    """`tool("shellcheck")` is its path; without it the test is skipped, or fails where every tool is asked for."""
    return need
