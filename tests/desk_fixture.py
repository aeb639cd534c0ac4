"""The desk as a pytest fixture: this machine's own git config plays no part."""

import os
from pathlib import Path

import pytest
from desk import HOST, Desk


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    for name in [each for each in os.environ if each.startswith(("GIT_", "SSH_")) or each == "EMAIL"]:
        monkeypatch.delenv(name)
    made = Desk(tmp_path / "home")
    monkeypatch.setenv("HOME", str(made.home))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(made.home / ".gitconfig"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(made.home))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    made.git("config", "--global", "user.name", "Ada")
    made.git("config", "--global", "user.email", "ada@example.com")
    made.git("config", "--global", f"url.{made.home}/server/.insteadOf", HOST)
    made.git("init", "--quiet", "--bare", str(made.server))
    return made
