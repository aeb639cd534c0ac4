"""The door to git: which repository a codebase is in, and how it is committed and pushed.

Nothing is ever forced, and nobody else's work is touched: what stands in the way is told instead. What fails before
the push leaves the index and the branch as they were.
"""

import re
import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from . import disk, shell
from .errors import AutoMLOpsError, BadInput
from .model import Problem
from .nouns import noun

_HOST = r"(?:(?:www|ssh|altssh)[.])?(github|gitlab)[.]com"
HOSTED = rf"(?i:(?:(?:https?|ssh)://(?:[^/]*@)?{_HOST}(?::\d+)?/|(?:[^/@:]+@)?{_HOST}:))/*([^?#]+?)(?i:[.]git)?/*"
CSR = r"(?i:https|ssh)://(?:[^/]*@)?(?i:source[.]developers[.]google[.]com)(?::\d+)?/p/([^/]+)/r/([^?#]+?)/*"
# What logs git in to Cloud Source Repositories is gcloud's own helper, named for that host and for this call alone.
HELPER = ("-c", "credential.https://source.developers.google.com.helper=gcloud.sh")
# What git tells its own hooks, and those hooks would tell us: where another repository is.
CALLERS = (
    "GIT_DIR GIT_WORK_TREE GIT_COMMON_DIR GIT_INDEX_FILE GIT_PREFIX GIT_NAMESPACE GIT_OBJECT_DIRECTORY"
    " GIT_ALTERNATE_OBJECT_DIRECTORIES GIT_QUARANTINE_PATH GIT_SHALLOW_FILE GIT_GRAFT_FILE"
    " GIT_LITERAL_PATHSPECS GIT_GLOB_PATHSPECS GIT_NOGLOB_PATHSPECS GIT_ICASE_PATHSPECS"
).split()
QUIET: dict[str, str | None] = {"GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C", **dict.fromkeys(CALLERS)}
PLAINLY = "--literal-pathspecs"  # a path that reads like a pattern is a path
OLDEST = (2, 13)  # the first that knows rev-parse --absolute-git-dir
LARGE = 10_000_000  # bytes; keys are small
PATIENCE = 900.0  # seconds for a commit and a push: hooks may test, and make their environments first
UNFINISHED = ("MERGE_HEAD", "CHERRY_PICK_HEAD", "REVERT_HEAD", "rebase-merge", "rebase-apply", "BISECT_LOG")
SHOWN = 5  # names told of many


@noun
class Commit:
    """Where a branch of the remote is after publishing; not `fresh` where it was there before."""

    id: str
    remote: str
    fresh: bool


@noun
class _Stand:
    """Where a work tree is, and where it is to be pushed; no `head` before its first commit."""

    root: Path
    helper: tuple[str, ...]
    target: str
    branch: str
    current: str
    head: str

    def command(self, *words: str) -> str:
        """A command of git, for a person to run."""
        return shlex.join(("git", "-C", str(self.root), *words))

    @property
    def fetched(self) -> str:
        """The target as a person writes it for a command that asks it."""
        return redacted(self.target)


def origin(folder: str) -> tuple[str, str] | None:
    """The host and the name that the repository around a folder has for its remote origin; None where it has none.

    A host that nobody here knows is told as it is.
    """
    near = next((each for each in (Path(folder).absolute(), *Path(folder).absolute().parents) if each.is_dir()), Path())
    asked = _git(near, "config", "--get", "remote.origin.url")
    if asked.code:
        return None
    written = hosted(asked.said.strip())
    return written if written[1] else hosted(_said(near, "ls-remote", "--get-url", "origin"))


def hosted(url: str) -> tuple[str, str]:
    """Host and name of a repository's address, whatever way it is written."""
    if found := re.fullmatch(HOSTED, url):
        return (found[1] or found[2]).lower(), found[3]
    if found := re.fullmatch(CSR, url):
        return "csr", found[2]
    return redacted(url), ""


def outlook(folder: Path, remote: str, branch: str) -> tuple[Problem, ...]:
    """What would speak against publishing a codebase, as far as that shows beforehand; nothing is changed."""
    if problem := _too_old(shell.ask(("git", "--version"), environment=QUIET)):
        return (problem,)
    around = _git(folder, "rev-parse", "--show-toplevel")
    root = Path(around.said.removesuffix("\n")).resolve() if around.code == 0 else folder.resolve()
    stand = _stand(root, remote, branch)
    asked = _git(root, *stand.helper, "ls-remote", "--heads", stand.target, f"refs/heads/{branch}")
    if asked.code:  # one of Google's own may be made by provisioning
        theirs = () if stand.helper else _silent(stand, asked)
    else:
        theirs = _of_branch(stand, _commit_of(asked.said, branch)) if around.code == 0 else ()
    ours = _of_paths(stand, folder, [folder.resolve().relative_to(root).as_posix()]) if around.code == 0 else ()
    return (*ours, *_of_you(root), *theirs)


def publish(folder: Path, also: Sequence[Path], remote: str, branch: str, message: str) -> Commit:
    """Commits a codebase, and what else belongs to it, on a branch, and pushes that."""
    root = _root(folder, remote)
    paths = [each.resolve() for each in (folder, *also) if each.resolve().is_relative_to(root)]
    names = [each.relative_to(root).as_posix() for each in paths]
    stand = _stand(root, remote, branch)
    asked = _git(root, *stand.helper, "ls-remote", "--heads", stand.target, f"refs/heads/{branch}")
    theirs = _commit_of(asked.said, branch)
    missing = [Problem(message=f"there is no {each}", hint="save it first") for each in also if not each.exists()]
    ours = [*_of_paths(stand, folder, names), *_of_you(root)]
    problems = [*missing, *ours, *(_silent(stand, asked) if asked.code else _of_branch(stand, theirs))]
    if problems:
        raise BadInput(problems, "nothing was committed")
    with _restored(stand, names):
        _commit(stand, names, message)
    here = _said(root, "rev-parse", "HEAD")
    if theirs != here:
        _push(stand, here)
    return Commit(id=here, remote=redacted(remote), fresh=theirs != here)


def _root(folder: Path, remote: str) -> Path:
    """The work tree around the codebase; where there is none, the codebase becomes one."""
    version = shell.ask(("git", "--version"), environment=QUIET)
    if problem := _too_old(version):
        raise BadInput([problem], "nothing was committed")
    asked = _git(folder, "rev-parse", "--show-toplevel")
    if asked.code == 0:
        return Path(asked.said.removesuffix("\n")).resolve()
    if "not a git repository (or any" not in asked.complained:
        raise AutoMLOpsError(f"git cannot work in the repository around {folder}, mend that first:\n{_all(asked)}")
    _done(folder, "init", "--quiet", what=f"making {folder} a repository")
    _done(folder, "remote", "add", "origin", remote, what="naming its remote")
    return folder.resolve()


def _too_old(version: shell.Asked) -> Problem | None:
    hint = "https://git-scm.com/downloads has it"
    if version.code:
        return Problem(message="git is not installed, or does not run", hint=hint)
    number = re.search(r"(\d+)[.](\d+)", version.said)
    if number and (int(number[1]), int(number[2])) < OLDEST:
        needed = ".".join(map(str, OLDEST))
        return Problem(message=f"{version.said.strip()} is too old, {needed} is the oldest that will do", hint=hint)
    return None


def _stand(root: Path, remote: str, branch: str) -> _Stand:
    return _Stand(
        root=root,
        helper=HELPER if hosted(remote)[0] == "csr" else (),
        target=_target(root, remote),
        branch=branch,
        current=_said(root, "symbolic-ref", "--short", "--quiet", "HEAD"),
        head=_said(root, "rev-parse", "--verify", "--quiet", "HEAD"),
    )


def _target(root: Path, remote: str) -> str:
    """The remote by the name that this repository has for it, which may reach it another way; else by its address.

    A name will do if all that it fetches from and pushes to is that one repository.
    """
    asked = _git(root, "config", "-z", "--get-regexp", r"^remote\..*\.(push)?url$")
    same: dict[str, bool] = {}
    for key, _, url in (each.partition("\n") for each in asked.said.split("\0") if each):
        name = key.removeprefix("remote.").rpartition(".")[0]
        same[name] = same.get(name, True) and _whole(url) == _whole(remote)
    names = [name for name, is_it in same.items() if is_it]
    return "origin" if "origin" in names else next(iter(names), remote)


def _whole(url: str) -> tuple[str, ...]:
    """All that tells one repository from another: on Google's host the project too, on others no upper case."""
    found = re.fullmatch(CSR, url)
    return found.groups() if found else tuple(each.lower() for each in hosted(url))


def _of_paths(stand: _Stand, folder: Path, names: list[str]) -> Iterator[Problem]:
    """All that speaks against committing these paths now."""
    home = Path(_git(stand.root, "rev-parse", "--absolute-git-dir").said.removesuffix("\n"))
    if unfinished := [each for each in UNFINISHED if (home / each).exists()]:
        hint = f"finish it, or abort it: {stand.command('status')} says how"
        yield Problem(message=f"git is in the middle of something ({unfinished[0]})", hint=hint)
    yield from _ignored(stand, folder, names)
    yield from _keys(stand, names)
    states = _staged(stand.root)
    if unmerged := [path for path, state in states.items() if state == "U"]:
        hint = f"resolve it, and {stand.command('add', '--', *unmerged[:SHOWN])}"
        yield Problem(message=f"{_some(unmerged)}: in conflict", hint=hint)
    if foreign := [path for path, state in states.items() if state != "U" and not _within(path, names)]:
        hint = f"commit it first, or {stand.command('reset', '--', *foreign[:SHOWN])} unstages it"
        yield Problem(message=f"{_some(foreign)}: staged, and not this codebase's", hint=hint)


def _ignored(stand: _Stand, folder: Path, names: list[str]) -> Iterator[Problem]:
    """What git would leave out: all of the codebase, or files of it that the build would miss."""
    if _git(stand.root, "check-ignore", "--quiet", "--no-index", "--", f"./{names[0]}").code == 0:
        hint = "take it out of .gitignore, or generate into another folder"
        yield Problem(message=f"git ignores {names[0]}", hint=hint)
        return
    files = [each for each in disk.written(folder) if (folder / each).exists()]
    paths = [f"./{each}" for each in (*(f"{names[0]}/{file}" for file in files), *names[1:])]
    asked = _git(stand.root, "check-ignore", "--", *paths)
    if asked.code == 0:
        left = [each.removeprefix("./") for each in asked.said.splitlines()]
        hint = f"change the rule that {stand.command('check-ignore', '-v', '--', left[0])} shows"
        yield Problem(message=f"git ignores {_some(left)}", hint=hint)


def _keys(stand: _Stand, names: list[str]) -> Iterator[Problem]:
    """Private keys among what would be committed: a repository is no place for one."""
    words = ("ls-files", "-z", "--others", "--modified", "--exclude-standard", "--", *(f"./{each}" for each in names))
    for path in filter(None, _git(stand.root, PLAINLY, *words).said.split("\0")):
        file = stand.root / path
        if file.is_file() and file.stat().st_size < LARGE and b"PRIVATE KEY-----" in file.read_bytes():
            hint = "take it out of the folder, and out of use if anybody may have seen it; no key is needed"
            yield Problem(message=f"{path} holds a private key", hint=hint)


def _of_you(root: Path) -> Iterator[Problem]:
    """Whether git knows whose commits these are, and need not guess it from the name of the machine."""
    for each in ("AUTHOR", "COMMITTER"):
        asked = _git(root, "-c", "user.useConfigOnly=true", "var", f"GIT_{each}_IDENT")
        if asked.code:
            hint = 'git config --global user.name "..." and git config --global user.email ... say it'
            yield Problem(message=f"git does not know who you are: {_last(asked)}", hint=hint)
            return


def _silent(stand: _Stand, asked: shell.Asked) -> Iterator[Problem]:
    tries = stand.command(*stand.helper, "ls-remote", stand.fetched)
    logs_in = "gcloud auth login logs in, provision() makes the repository; " if stand.helper else ""
    hint = f"{logs_in}{tries} tries it: does it exist, and may you read and write it?"
    yield Problem(message=f"the remote {stand.fetched} does not answer: {_last(asked)}", hint=hint)


def _of_branch(stand: _Stand, theirs: str) -> Iterator[Problem]:
    """Whether the branch can be stood on, and the remote's be gone on from."""
    branch, fetched = stand.branch, stand.fetched
    if theirs and not stand.head:
        yield _unbegun(stand)
    elif stand.current != branch and (theirs or _has(stand.root, branch)):
        yield _elsewhere(stand)
    elif theirs and _git(stand.root, "merge-base", "--is-ancestor", theirs, "HEAD").code:
        pull = stand.command(*stand.helper, "pull", "--rebase", "--autostash", fetched, branch)
        yield Problem(message=f"{branch} of {fetched} has commits that are not here", hint=f"{pull}, and call again")


def _unbegun(stand: _Stand) -> Problem:
    fetch = stand.command(*stand.helper, "fetch", stand.fetched, stand.branch)
    stand_on = stand.command("symbolic-ref", "HEAD", f"refs/heads/{stand.branch}")
    go_on = stand.command("reset", "FETCH_HEAD")
    message = f"{stand.branch} of {stand.fetched} has commits, and there is none here"
    hint = f"{fetch} && {stand_on} && {go_on} goes on from them and leaves your files as they are"
    return Problem(message=message, hint=hint)


def _elsewhere(stand: _Stand) -> Problem:
    branch, words = stand.branch, ("fetch", stand.fetched, f"{stand.branch}:{stand.branch}")
    fetch = "" if _has(stand.root, branch) else f"{stand.command(*stand.helper, *words)} && "
    switch = f"{fetch}{stand.command('checkout', branch)} (git stash -u first, if files are in its way)"
    message = f"the work tree is on {stand.current or 'no branch'}, and there is a branch {branch} already"
    instead = f"generate(csr_branch_name={stand.current or 'main'!r}) has that one watched"
    return Problem(message=message, hint=f"{switch}, then generate(); or {instead}")


def _has(root: Path, branch: str) -> bool:
    return _git(root, "show-ref", "--verify", "--quiet", f"refs/heads/{branch}").code == 0


@contextmanager
def _restored(stand: _Stand, names: list[str]) -> Iterator[None]:
    """Whatever fails or is interrupted within: what was staged is staged again, and the branch is the one it was."""
    before = _said(stand.root, "write-tree")
    try:
        yield
    except BaseException:
        _git(stand.root, PLAINLY, "reset", "--quiet", before, "--", *names)
        if stand.current != stand.branch:
            there = f"refs/heads/{stand.current}"
            _git(stand.root, *(("symbolic-ref", "HEAD", there) if stand.current else ("checkout", "--detach")))
            _git(stand.root, "branch", "-d", stand.branch)
        raise


def _commit(stand: _Stand, names: list[str], message: str) -> None:
    """Commits these paths on the branch, if anything of them changed."""
    if stand.current != stand.branch:
        _done(stand.root, "checkout", "--quiet", "-b", stand.branch, what=f"making the branch {stand.branch}")
    _done(stand.root, PLAINLY, "add", "--all", "--", *names, what="staging the codebase")
    if _git(stand.root, "diff", "--cached", "--quiet").code:
        what = "the commit (mend what is said here and call again; nothing was committed)"
        _done(stand.root, "commit", "--quiet", f"--message={message}", what=what)


def _push(stand: _Stand, here: str) -> None:
    what = (
        f"pushing to {stand.branch} ({here[:12]} is committed here: mend what is said below, and call again to push it)"
    )
    _done(stand.root, *stand.helper, "push", stand.target, f"HEAD:refs/heads/{stand.branch}", what=what)


def _commit_of(said: str, branch: str) -> str:
    rows = (line.split("\t") for line in said.splitlines())
    return next((row[0] for row in rows if row[1:] == [f"refs/heads/{branch}"]), "")


def _staged(root: Path) -> dict[str, str]:
    """What is staged, by path: a letter for each, U where it is in conflict."""
    said = _git(root, "diff", "--cached", "--name-status", "--no-renames", "-z").said.split("\0")
    return dict(zip(said[1::2], said[::2], strict=False))


def _within(path: str, names: list[str]) -> bool:
    return any(name in (".", path) or path.startswith(f"{name}/") for name in names)


def _some(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(name if name.isprintable() else ascii(name) for name in names[:SHOWN]) + more


def redacted(text: str) -> str:
    """Text without the user and password that an address in it may hold, even where they were badly written."""
    return re.sub(r"(?<=://)(?:[^/\s]*@|[^/\s:]*:(?!\d+/)\S*@)", "", text, flags=re.ASCII)


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
