"""The stand-in cloud as a pytest fixture."""

from collections.abc import Iterator

import pytest
from tools import need

from cloud.standin import Cloud, standin


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    """A cloud of the test's own; where it cannot be had the test is skipped, or fails where every tool is asked for."""
    need("gcloud")
    with standin() as made:
        yield made
