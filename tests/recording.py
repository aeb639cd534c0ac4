"""A gcloud that writes down what it is told: it knows of nothing, unless a test says what it answers."""

from __future__ import annotations

import base64
import os
import subprocess
from pathlib import Path

GCLOUD = """#!/usr/bin/env bash
# One write for each call: scripts call it side by side.
here=$(dirname "$0")
printf '%s\\n' "$(printf '%s\\0' "$@" | base64 -w0)" >>"$here/calls"
[[ ! -e $here/answers ]] || . "$here/answers"
"""

# A policy with nothing in it has an etag all the same.
EMPTY = "*get-iam-policy*--format=yaml*) echo 'etag: ACAB' ;;"


class RecordingGcloud:
    """A folder for PATH with a gcloud in it; `answers` is what that does for a call, in bash: a case over "$*"."""

    def __init__(self, folder: Path, answers: str = "") -> None:
        self.folder = folder
        folder.mkdir()
        (folder / "gcloud").write_text(GCLOUD)
        (folder / "gcloud").chmod(0o755)
        self.answers(answers)

    def answers(self, cases: str) -> None:
        (self.folder / "answers").write_text(f'case "$*" in\n{cases}\n{EMPTY}\n*) ;;\nesac\n')

    def run(self, script: Path, **environment: str) -> subprocess.CompletedProcess[str]:
        path = os.pathsep.join((str(self.folder), os.environ["PATH"]))
        environment = {"PATH": path, "CLOUDSDK_CORE_PROJECT": "another-project", **environment}
        return subprocess.run([str(script)], cwd="/", env=environment, capture_output=True, text=True, timeout=120)

    @property
    def calls(self) -> list[list[str]]:
        lines = (self.folder / "calls").read_text().split() if (self.folder / "calls").exists() else []
        return [base64.b64decode(line).decode().split("\0")[:-1] for line in lines]

    @property
    def writes(self) -> list[list[str]]:
        """The calls that would change something."""
        reads = {"list", "describe", "get-iam-policy", "cat", "ls"}
        return [call for call in self.calls if not reads & set(call[:4])]

    def forget(self) -> None:
        (self.folder / "calls").unlink(missing_ok=True)
