"""What tests need of the machine: this checkout in a process that they start, and outside tools."""

import os
import shutil
import sys
from pathlib import Path
from typing import NoReturn

import pytest

CHECKOUT = Path(__file__).resolve().parent.parent

# Google's prebuilt components need a google-cloud-aiplatform below 2; their code alone is enough to compile.
PREBUILT = "google-cloud-pipeline-components==2.22.0"


def environment() -> dict[str, str]:
    """For a process that is to import this checkout, whatever is installed."""
    return {**os.environ, "PYTHONPATH": str(CHECKOUT)}


def need(name: str) -> str:
    """The path of a tool: beside this Python, where wheels put theirs, or on PATH.

    Where it is missing the test is skipped with its name, and fails instead under AUTOMLOPS_ALL_TOOLS=1.
    """
    places = (str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin")
    found = shutil.which(name, path=os.pathsep.join(places))
    return found or missing(f"{name} is not installed")


def missing(what: str) -> NoReturn:
    """Skips a test for what is not there, or fails it where every tool is asked for."""
    if os.environ.get("AUTOMLOPS_ALL_TOOLS") == "1":
        pytest.fail(f"{what}, and AUTOMLOPS_ALL_TOOLS=1 asks for every tool", pytrace=False)
    pytest.skip(what)
