"""One person's machine with git on it, and a host's bare repositories on disk, reached under its addresses."""

import re
import subprocess
from pathlib import Path

import pytest

from AutoMLOps import disk, repository
from AutoMLOps.errors import BadInput

HOST = "https://github.com/"
REMOTE = f"{HOST}example/wine.git"
BRANCH = "automlops"
FILES = {"README.md": "# wine\n", "configs/defaults.yaml": "a: 1\n", "scripts/run_all.sh": "#!/bin/bash\n"}


class Desk:
    """One person's machine: a home, a folder to work in, and the repositories of a host."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.work = home / "work"
        self.server = home / "server" / "example" / "wine.git"
        self.work.mkdir(parents=True)

    def git(self, *words: str, at: Path | None = None, fails: bool = False) -> str:
        done = subprocess.run(["git", *words], cwd=at or self.work, capture_output=True, text=True, check=False)
        assert fails or done.returncode == 0, done.stderr
        return done.stdout

    def sh(self, text: str) -> None:
        done = subprocess.run(["bash", "-euc", text], cwd=self.home, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{text}\n{done.stdout}{done.stderr}"

    def write(self, path: Path, text: str) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def codebase(self, folder: Path, files: dict[str, str] = FILES) -> Path:
        for name, text in files.items():
            self.write(folder / name, text)
        manifest = ", ".join(f'"{name}": ""' for name in files)
        self.write(folder / disk.MANIFEST, f"{{{manifest}}}")
        return folder

    def founded(self, folder: Path, branch: str = "main", files: dict[str, str] | None = None) -> Path:
        """Somebody's repository, with a commit of theirs, whose origin is the host's."""
        self.git("init", "--quiet", f"--initial-branch={branch}", str(folder))
        for name, text in (files or {"theirs.py": "x = 1\n"}).items():
            self.write(folder / name, text)
        self.git("add", "--all", at=folder)
        self.git("commit", "--quiet", "--message=theirs", at=folder)
        self.git("remote", "add", "origin", REMOTE, at=folder)
        return folder

    def pushed(self, branch: str = BRANCH) -> list[str]:
        """The subjects of the server's commits, the newest first."""
        return self.git("log", "--format=%s", branch, "--", at=self.server, fails=True).splitlines()

    def files(self, branch: str = BRANCH) -> set[str]:
        said = self.git("ls-tree", "-r", "-z", "--name-only", branch, at=self.server)
        return {each for each in said.split("\0") if each}

    def publish(self, folder: Path, *also: Path, message: str = "generated") -> repository.Commit:
        return repository.publish(folder, also, REMOTE, BRANCH, message)

    def refusal(self, folder: Path, *also: Path) -> str:
        with pytest.raises(BadInput, match="nothing was committed") as caught:
            self.publish(folder, *also)
        return str(caught.value)

    def mended(self, said: str) -> None:
        """Runs what a message says to run: from the first `git -C` to the end of the last such command."""
        found = re.search(r"git -C .+?(?=, and call| goes on| \(git stash|, then)", said)
        assert found, said
        self.sh(found[0])
