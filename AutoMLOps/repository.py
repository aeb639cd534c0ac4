"""The door to git: which repository a codebase is in, and how it is committed and pushed.

Nothing is ever forced, and nobody else's work is touched: what stands in the way is told instead.
"""

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from . import shell
from .errors import AutoMLOpsError, BadInput
from .model import Problem
from .nouns import noun

HOSTED = r"(?:https://(?:[^@/]+@)?|(?:ssh://)?git@)(github|gitlab)\.com[:/](.+?)(?:\.git)?/?"
CSR = r"https://(?:[^@/]+@)?source\.developers\.google\.com/p/([^/]+)/r/([^/]+)/?"
# What logs git in to Cloud Source Repositories is gcloud's own helper, named for this call alone.
HELPER = ("-c", "credential.https://source.developers.google.com.helper=gcloud.sh")
QUIET = {"GIT_TERMINAL_PROMPT": "0", "GIT_EDITOR": "true", "LC_ALL": "C"}
PATIENCE = 300.0  # seconds for a push
UNFINISHED = ("MERGE_HEAD", "CHERRY_PICK_HEAD", "REVERT_HEAD", "rebase-merge", "rebase-apply")


@noun
class Commit:
    """Where a branch of the remote is after publishing; not `fresh` where it was there before."""

    id: str
    remote: str
    fresh: bool


def origin(folder: str) -> tuple[str, str] | None:
    """The host and the name that the repository around a folder has for its remote origin; None where it has none.

    A host that nobody here knows is told as it is.
    """
    near = next((each for each in (Path(folder).absolute(), *Path(folder).absolute().parents) if each.is_dir()), Path())
    asked = _git(near, "config", "--get", "remote.origin.url")
    return hosted(asked.said.strip()) if asked.code == 0 else None


def hosted(url: str) -> tuple[str, str]:
    """Host and name of a repository's address, whatever way it is written."""
    if found := re.fullmatch(HOSTED, url):
        return found[1], found[2]
    if found := re.fullmatch(CSR, url):
        return "csr", found[2]
    return redacted(url), ""


def publish(folder: Path, also: Sequence[Path], remote: str, branch: str, message: str) -> Commit:
    """Commits a codebase, and what else belongs to it, on a branch, and pushes that."""
    root = _root(folder, branch, remote)
    paths = [each.resolve() for each in (folder, *also) if each.resolve().is_relative_to(root)]
    names = [each.relative_to(root).as_posix() for each in paths]
    target = _target(root, remote)
    problems = list(_hindrances(root, names, target, branch))
    if problems:
        raise BadInput(problems, "nothing was committed")
    if _said(root, "symbolic-ref", "--short", "--quiet", "HEAD") != branch:
        _done(root, "switch", "--create", branch, what=f"making the branch {branch}")
    _commit(root, names, message)
    here = _said(root, "rev-parse", "HEAD")
    if _remote_head(root, target, branch) == here:
        return Commit(id=here, remote=redacted(remote), fresh=False)
    _done(root, *HELPER, "push", target, f"HEAD:refs/heads/{branch}", what=f"pushing to {branch}")
    return Commit(id=here, remote=redacted(remote), fresh=True)


def _root(folder: Path, branch: str, remote: str) -> Path:
    """The work tree around the codebase; where there is none, the codebase becomes one."""
    version = shell.ask(("git", "--version"))
    if version.code:
        hint = "install git: https://git-scm.com/downloads"
        raise BadInput([Problem(message=version.complained or "git does not run", hint=hint)], "nothing was committed")
    asked = _git(folder, "rev-parse", "--show-toplevel")
    if asked.code == 0:
        return Path(asked.said.strip()).resolve()
    if "not a git repository" not in asked.complained:
        raise AutoMLOpsError(f"git cannot read the repository around {folder}: {_last(asked)}")
    _done(folder, "init", "--quiet", f"--initial-branch={branch}", what=f"making {folder} a repository")
    _done(folder, "remote", "add", "origin", remote, what="naming its remote")
    return folder.resolve()


def _target(root: Path, remote: str) -> str:
    """The remote by the name that this repository has for it, which may reach it another way; else by its address."""
    url = _said(root, "config", "--get", "remote.origin.url")
    return "origin" if url and hosted(url) == hosted(remote) else remote


def _hindrances(root: Path, names: list[str], target: str, branch: str) -> Iterator[Problem]:
    """All that speaks against committing these paths on that branch, and pushing it."""
    folder = Path(_said(root, "rev-parse", "--absolute-git-dir"))
    if unfinished := [each for each in UNFINISHED if (folder / each).exists()]:
        yield Problem(message=f"git is in the middle of something ({unfinished[0]})", hint="finish it, or abort it")
    ignored = [each for each in names if _git(root, "check-ignore", "--quiet", "--no-index", each).code == 0]
    for each in ignored:
        yield Problem(message=f"git ignores {each}", hint="take it out of .gitignore, or generate into another folder")
    if foreign := [each for each in _staged(root) if not _within(each, names)]:
        told = ", ".join(foreign[:5]) + (f" and {len(foreign) - 5} more" if len(foreign) > 5 else "")
        yield Problem(
            message=f"{told}: staged, and not this codebase's", hint="commit it first, or git restore --staged"
        )
    for key in ("user.name", "user.email"):
        if not _said(root, "config", "--get", key) and not os.environ.get(f"GIT_AUTHOR_{key[5:].upper()}"):
            yield Problem(message=f"git does not know your {key}", hint=f"git config --global {key} ...")
    yield from _of_branch(root, target, branch)


def _of_branch(root: Path, target: str, branch: str) -> Iterator[Problem]:
    """Whether the branch can be stood on, and the remote's be gone on from."""
    current = _said(root, "symbolic-ref", "--short", "--quiet", "HEAD")
    asked = _git(root, *HELPER, "ls-remote", "--heads", target, f"refs/heads/{branch}", timeout=PATIENCE)
    if asked.code:
        hint = "is the address right, and are you logged in? git ls-remote tries it"
        yield Problem(message=f"the remote {redacted(target)} does not answer: {_last(asked)}", hint=hint)
        return
    theirs = asked.said.split("\t")[0]
    known = theirs or _git(root, "show-ref", "--verify", "--quiet", f"refs/heads/{branch}").code == 0
    if current != branch and known:
        yield Problem(
            message=f"the work tree is on {current or 'no branch'}, and there is a branch {branch} already",
            hint=f"git switch {branch}; or generate(csr_branch_name={current or 'main'!r}) watches the other one",
        )
    elif theirs and _git(root, "merge-base", "--is-ancestor", theirs, "HEAD").code:
        hint = f"git pull --rebase {redacted(target)} {branch}, and call again"
        yield Problem(message=f"{branch} of {redacted(target)} has commits that are not here", hint=hint)


def _commit(root: Path, names: list[str], message: str) -> None:
    """Commits these paths, if anything of them changed; a commit that fails leaves nothing staged."""
    _done(root, "add", "--all", "--", *names, what="staging the codebase")
    if _git(root, "diff", "--cached", "--quiet").code == 0:
        return
    made = _git(root, "commit", "--quiet", f"--message={message}", timeout=PATIENCE)
    if made.code:
        _git(root, "reset", "--quiet", "--", *names)
        raise AutoMLOpsError(f"git did not commit:\n{_all(made)}")


def _remote_head(root: Path, target: str, branch: str) -> str:
    asked = _git(root, *HELPER, "ls-remote", "--heads", target, f"refs/heads/{branch}", timeout=PATIENCE)
    return asked.said.split("\t")[0] if asked.code == 0 else ""


def _staged(root: Path) -> list[str]:
    asked = _git(root, "diff", "--cached", "--name-only", "-z")
    return [each for each in asked.said.split("\0") if each]


def _within(path: str, names: list[str]) -> bool:
    return any(name in (".", path) or path.startswith(f"{name}/") for name in names)


def redacted(text: str) -> str:
    """Text without the user and password that an address in it may hold."""
    return re.sub(r"(?<=://)[^/@\s]+@", "", text)


def _git(folder: Path, *words: str, timeout: float = shell.PATIENCE) -> shell.Asked:
    return shell.ask(("git", "-C", str(folder), *words), environment=QUIET, timeout=timeout)


def _said(folder: Path, *words: str) -> str:
    return _git(folder, *words).said.strip()


def _done(folder: Path, *words: str, what: str) -> None:
    asked = _git(folder, *words, timeout=PATIENCE)
    if asked.code:
        raise AutoMLOpsError(f"{what} failed:\n{_all(asked)}")


def _all(asked: shell.Asked) -> str:
    lines = f"{asked.said}\n{asked.complained}".splitlines()
    return "\n".join(f"  {redacted(line)}" for line in lines[-shell.TOLD :] if line.strip())


def _last(asked: shell.Asked) -> str:
    lines = [redacted(line.strip()) for line in asked.complained.splitlines() if line.strip()]
    return next((line for line in lines if line.startswith(("fatal:", "error:"))), lines[-1] if lines else "no answer")
