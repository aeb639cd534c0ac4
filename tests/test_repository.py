"""The door to git, with git itself."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from desk import BRANCH, FILES, HOST, REMOTE, Desk
from hypothesis import given
from hypothesis import strategies as st

from AutoMLOps import disk, repository
from AutoMLOps.errors import AutoMLOpsError

pytest_plugins = ["desk_fixture"]


@pytest.fixture
def theirs(desk: Desk) -> Path:
    """Somebody's work tree with a codebase in it that was not committed yet."""
    root = desk.founded(desk.work / "repo")
    desk.codebase(root / "AutoMLOps")
    return root


def states(desk: Desk, root: Path) -> str:
    return desk.git("status", "--porcelain", "--untracked-files=all", at=root)


# A codebase that stands alone


def test_a_codebase_that_stands_alone_becomes_a_repository(desk):
    folder = desk.codebase(desk.work / "AutoMLOps")
    made = desk.publish(folder)
    assert made.fresh and made.remote == REMOTE
    assert desk.git("rev-parse", BRANCH, at=desk.server).strip() == made.id
    assert desk.git("symbolic-ref", "--short", "HEAD", at=folder).strip() == BRANCH
    assert desk.git("config", "remote.origin.url", at=folder).strip() == REMOTE
    assert desk.files() == {*FILES, disk.MANIFEST}


def test_a_second_call_with_nothing_changed_does_nothing(desk):
    folder = desk.codebase(desk.work / "AutoMLOps")
    first = desk.publish(folder)
    hook(desk, folder, "pre-push", "exit 1")
    hook(desk, folder, "pre-commit", "exit 1")
    again = desk.publish(folder)
    assert (again.id, again.fresh) == (first.id, False)
    assert desk.pushed() == ["generated"]


def test_an_edit_makes_one_commit(desk):
    folder = desk.codebase(desk.work / "AutoMLOps")
    desk.publish(folder)
    desk.write(folder / "README.md", "# better\n")
    (folder / "scripts/run_all.sh").unlink()
    desk.write(folder / "new.md", "")
    assert desk.publish(folder, message="second").fresh
    assert desk.pushed() == ["second", "generated"]
    assert desk.files() == {"README.md", "configs/defaults.yaml", "new.md", disk.MANIFEST}


def test_a_push_that_failed_is_made_good_by_the_next_call(desk):
    folder = desk.codebase(desk.work / "AutoMLOps")
    hook = desk.write(desk.server / "hooks/pre-receive", "#!/bin/sh\necho the budget is spent >&2\nexit 1\n")
    hook.chmod(0o755)
    with pytest.raises(AutoMLOpsError, match="(?s)is committed here.*call again to push.*the budget is spent"):
        desk.publish(folder)
    hook.unlink()
    assert desk.publish(folder).fresh
    assert desk.pushed() == ["generated"]


def test_a_codebase_made_anew_elsewhere_goes_on_from_what_was_pushed(desk):
    desk.publish(desk.codebase(desk.work / "one" / "AutoMLOps"))
    other = desk.codebase(desk.work / "two" / "AutoMLOps", {**FILES, "README.md": "# other\n"})
    said = desk.refusal(other)
    assert "has commits, and there is none here" in said
    desk.mended(said)
    assert (other / "README.md").read_text() == "# other\n"
    assert desk.publish(other, message="second").fresh
    assert desk.pushed() == ["second", "generated"]


# In somebody's work tree


def test_only_the_codebase_and_the_notebook_are_committed(desk, theirs):
    desk.write(theirs / "theirs.py", "x = 2\n")
    desk.write(theirs / "scratch.txt", "mine\n")
    notebook = desk.write(theirs / "train.ipynb", "{}")
    desk.publish(theirs / "AutoMLOps", notebook)
    assert states(desk, theirs) == " M theirs.py\n?? scratch.txt\n"
    assert desk.files() == {"theirs.py", "train.ipynb", *(f"AutoMLOps/{each}" for each in (*FILES, disk.MANIFEST))}
    assert desk.git("show", f"{BRANCH}:theirs.py", at=desk.server) == "x = 1\n"
    assert desk.git("rev-parse", "main", at=theirs) == desk.git("rev-parse", f"{BRANCH}~1", at=desk.server)


def test_what_somebody_staged_is_refused_by_name(desk, theirs):
    for name in ("a b.txt", "it's.txt", "-x", "é.txt", "new\nline"):
        desk.write(theirs / name, "")
        desk.git("add", "--", name, at=theirs)
    before = states(desk, theirs)
    said = desk.refusal(theirs / "AutoMLOps")
    assert all(each in said for each in ("a b.txt", "it's.txt", "-x", "é.txt", r"'new\nline'", "not this codebase's"))
    assert states(desk, theirs) == before
    desk.sh(re.search(r"git -C .+(?= unstages)", said, re.DOTALL)[0])
    assert desk.publish(theirs / "AutoMLOps").fresh


def test_what_is_staged_in_a_repository_without_a_commit_can_be_unstaged_as_told(desk):
    root = desk.work / "repo"
    desk.git("init", "--quiet", str(root))
    desk.write(root / "theirs.py", "")
    desk.git("add", "theirs.py", at=root)
    said = desk.refusal(desk.codebase(root / "AutoMLOps"))
    desk.sh(re.search(r"git -C .+(?= unstages)", said)[0])
    assert desk.publish(root / "AutoMLOps").fresh
    assert "theirs.py" not in desk.files()


def test_a_remote_that_moved_is_refused_with_the_command_that_mends_it(desk, theirs):
    desk.publish(theirs / "AutoMLOps")
    other = desk.work / "other"
    desk.git("clone", "--quiet", f"--branch={BRANCH}", REMOTE, str(other))
    desk.write(other / "more.md", "")
    desk.git("add", "more.md", at=other)
    desk.git("commit", "--quiet", "--message=more", at=other)
    desk.git("push", "--quiet", at=other)
    desk.write(theirs / "AutoMLOps/README.md", "# better\n")
    desk.write(theirs / "theirs.py", "x = 3\n")
    said = desk.refusal(theirs / "AutoMLOps")
    assert "has commits that are not here" in said
    desk.mended(said)
    desk.publish(theirs / "AutoMLOps", message="second")
    assert desk.pushed() == ["second", "more", "generated", "theirs"]
    assert states(desk, theirs) == " M theirs.py\n"


def test_a_branch_of_that_name_that_is_not_stood_on_is_refused(desk, theirs):
    desk.publish(theirs / "AutoMLOps")
    desk.git("checkout", "--quiet", "main", at=theirs)
    desk.codebase(theirs / "AutoMLOps", {**FILES, "new.md": ""})
    said = desk.refusal(theirs / "AutoMLOps")
    assert "on main, and there is a branch automlops already" in said and "csr_branch_name='main'" in said
    shutil.rmtree(theirs / "AutoMLOps")
    desk.mended(said)
    desk.codebase(theirs / "AutoMLOps", {**FILES, "new.md": ""})
    assert desk.publish(theirs / "AutoMLOps").fresh


def test_a_branch_of_that_name_that_only_the_remote_has_is_refused(desk, theirs):
    desk.publish(theirs / "AutoMLOps")
    clone = desk.work / "clone"
    desk.git("push", "--quiet", "origin", "main", at=theirs)
    desk.git("clone", "--quiet", "--branch=main", REMOTE, str(clone))
    desk.codebase(clone / "AutoMLOps", {**FILES, "new.md": ""})
    said = desk.refusal(clone / "AutoMLOps")
    shutil.rmtree(clone / "AutoMLOps")
    desk.mended(said)
    desk.codebase(clone / "AutoMLOps", {**FILES, "new.md": ""})
    desk.publish(clone / "AutoMLOps", message="second")
    assert desk.pushed() == ["second", "generated", "theirs"]


def test_a_detached_head_gets_the_branch(desk, theirs):
    desk.git("checkout", "--quiet", "--detach", at=theirs)
    desk.publish(theirs / "AutoMLOps")
    assert desk.git("symbolic-ref", "--short", "HEAD", at=theirs).strip() == BRANCH
    assert desk.pushed() == ["generated", "theirs"]


def test_a_shallow_clone_goes_on_from_where_the_branch_is(desk, theirs):
    desk.publish(theirs / "AutoMLOps")
    clone = desk.work / "clone"
    shallow = f"file://{desk.server}"
    desk.git("clone", "--quiet", "--depth=1", f"--branch={BRANCH}", shallow, str(clone))
    desk.git("remote", "set-url", "origin", REMOTE, at=clone)
    desk.write(clone / "AutoMLOps/README.md", "# better\n")
    assert desk.publish(clone / "AutoMLOps", message="second").fresh
    assert desk.pushed() == ["second", "generated", "theirs"]


def test_another_work_tree_of_a_repository_is_one(desk, theirs):
    tree = desk.work / "tree"
    desk.git("worktree", "add", "--quiet", "--detach", str(tree), at=theirs)
    desk.codebase(tree / "ml/AutoMLOps")
    assert disk.place(tree / "ml/AutoMLOps") == "ml/AutoMLOps"
    desk.publish(tree / "ml/AutoMLOps")
    assert "ml/AutoMLOps/README.md" in desk.files()
    assert states(desk, theirs).startswith("?? AutoMLOps/")


def test_a_codebase_in_a_submodule_is_pushed_to_its_remote(desk):
    inner = desk.founded(desk.work / "inner")
    outer = desk.founded(desk.work / "outer")
    desk.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(inner), "sub", at=outer)
    desk.git("remote", "set-url", "origin", REMOTE, at=outer / "sub")
    desk.codebase(outer / "sub/AutoMLOps")
    assert disk.place(outer / "sub/AutoMLOps") == "AutoMLOps"
    desk.publish(outer / "sub/AutoMLOps")
    assert "AutoMLOps/README.md" in desk.files()


def test_a_broken_work_tree_is_told_and_nothing_is_made_in_it(desk):
    desk.write(desk.work / "repo/.git", "gitdir: /nowhere/at/all\n")
    folder = desk.codebase(desk.work / "repo/AutoMLOps")
    with pytest.raises(AutoMLOpsError, match="mend that first"):
        desk.publish(folder)
    assert not (folder / ".git").exists()


def test_an_empty_folder_named_dot_git_is_no_repository(desk, theirs):
    (theirs / "ml/.git").mkdir(parents=True)
    assert disk.place(theirs / "ml/AutoMLOps") == "ml/AutoMLOps"


def test_a_folder_that_is_a_link_is_committed_where_it_leads(desk, theirs):
    (desk.work / "link").symlink_to(theirs / "AutoMLOps")
    assert disk.place(desk.work / "link") == "AutoMLOps"
    desk.publish(desk.work / "link")
    assert "AutoMLOps/README.md" in desk.files()


@pytest.mark.parametrize(
    "name", ["a b", "it's", '"q"', "new\nline", "-x", "--all", "é漢", "*", ":(top)", "[a]", "end "]
)
def test_a_folder_may_have_any_name(desk, name):
    root = desk.founded(desk.work / f"r{name}")
    desk.write(root / "scratch.txt", "")
    desk.codebase(root / name)
    desk.publish(root / name)
    assert desk.files() == {"theirs.py", *(f"{name}/{each}" for each in (*FILES, disk.MANIFEST))}
    assert states(desk, root) == "?? scratch.txt\n"


# What git leaves out


@pytest.mark.parametrize("rule", ["AutoMLOps/", "*"])
def test_a_codebase_that_git_ignores_is_refused(desk, theirs, rule):
    desk.write(theirs / ".gitignore", f"{rule}\n")
    assert "git ignores AutoMLOps (take it out of .gitignore" in desk.refusal(theirs / "AutoMLOps")


def test_a_codebase_that_git_ignores_is_refused_even_where_it_has_files_of_it(desk, theirs):
    desk.git("add", "AutoMLOps", at=theirs)
    desk.git("commit", "--quiet", "--message=theirs too", at=theirs)
    desk.write(theirs / ".gitignore", "AutoMLOps/\n")
    assert "git ignores AutoMLOps (take it out of .gitignore" in desk.refusal(theirs / "AutoMLOps")


def test_a_file_of_the_codebase_that_git_ignores_is_refused_by_name(desk, theirs):
    desk.write(theirs / ".gitignore", "configs/\n")
    said = desk.refusal(theirs / "AutoMLOps")
    assert "git ignores AutoMLOps/configs/defaults.yaml" in said and "check-ignore -v" in said


def test_what_the_codebase_itself_ignores_stays_out(desk, theirs):
    desk.write(theirs / "AutoMLOps/.gitignore", "__pycache__/\n")
    desk.write(theirs / "AutoMLOps/__pycache__/a.pyc", "")
    desk.publish(theirs / "AutoMLOps")
    assert not any("pycache" in each for each in desk.files())


def test_a_notebook_that_git_ignores_is_refused_by_name_unless_git_has_it_already(desk, theirs):
    desk.write(theirs / ".gitignore", "*.ipynb\n")
    notebook = desk.write(theirs / "train.ipynb", "{}")
    assert "git ignores train.ipynb" in desk.refusal(theirs / "AutoMLOps", notebook)
    desk.git("add", "--force", "train.ipynb", at=theirs)
    desk.publish(theirs / "AutoMLOps", notebook)
    assert "train.ipynb" in desk.files()


def test_a_notebook_outside_the_repository_stays_where_it_is(desk):
    notebook = desk.write(desk.work / "train.ipynb", "{}")
    desk.publish(desk.codebase(desk.work / "AutoMLOps"), notebook)
    assert desk.files() == {*FILES, disk.MANIFEST}


def test_a_notebook_that_is_not_there_is_refused(desk, theirs):
    assert "there is no" in desk.refusal(theirs / "AutoMLOps", theirs / "no.ipynb")


# What is not finished


def test_a_merge_in_progress_is_refused(desk, theirs):
    desk.git("checkout", "--quiet", "-b", "side", at=theirs)
    desk.git("commit", "--quiet", "--allow-empty", "--message=side", at=theirs)
    desk.git("checkout", "--quiet", "main", at=theirs)
    desk.git("merge", "--quiet", "--no-commit", "--no-ff", "side", at=theirs)
    assert "in the middle of something (MERGE_HEAD)" in desk.refusal(theirs / "AutoMLOps")


def test_a_rebase_in_progress_is_refused(desk, theirs):
    desk.write(theirs / "theirs.py", "x = 2\n")
    desk.git("commit", "--quiet", "--all", "--message=two", at=theirs)
    desk.git("rebase", "--quiet", "--exec=false", "HEAD~1", at=theirs, fails=True)
    assert "in the middle of something (rebase-merge)" in desk.refusal(theirs / "AutoMLOps")


def test_a_conflict_that_a_stash_left_in_the_codebase_is_refused(desk, theirs):
    desk.publish(theirs / "AutoMLOps")
    readme = theirs / "AutoMLOps/README.md"
    desk.write(readme, "# one\n")
    desk.git("stash", "--quiet", at=theirs)
    desk.write(readme, "# two\n")
    desk.git("commit", "--quiet", "--all", "--message=two", at=theirs)
    desk.git("stash", "pop", at=theirs, fails=True)
    assert "AutoMLOps/README.md: in conflict" in desk.refusal(theirs / "AutoMLOps")
    assert desk.pushed() == ["generated", "theirs"]


# Hooks, keys and names


def hook(desk: Desk, root: Path, name: str, text: str) -> None:
    desk.write(root / f".git/hooks/{name}", f"#!/bin/sh\n{text}\n").chmod(0o755)


@pytest.mark.parametrize("start", ["main", "--detach", BRANCH])
def test_a_commit_that_a_hook_refuses_leaves_index_and_branch_as_they_were(desk, theirs, start):
    if start == BRANCH:
        desk.git("checkout", "--quiet", "-b", BRANCH, at=theirs)
    else:
        desk.git("checkout", "--quiet", start, at=theirs)
    readme = desk.write(theirs / "AutoMLOps/README.md", "# staged\n")
    desk.git("add", "AutoMLOps/README.md", at=theirs)
    desk.write(readme, "# on disk\n")
    hook(desk, theirs, "pre-commit", "echo too long a line; exit 1")
    before = states(desk, theirs), desk.git("branch", "--all", at=theirs), desk.git("ls-files", "--stage", at=theirs)
    with pytest.raises(AutoMLOpsError, match="(?s)mend what is said here and call again.*too long a line"):
        desk.publish(theirs / "AutoMLOps")
    after = states(desk, theirs), desk.git("branch", "--all", at=theirs), desk.git("ls-files", "--stage", at=theirs)
    assert after == before
    assert readme.read_text() == "# on disk\n"
    assert desk.pushed() == []


def test_a_hook_that_refuses_the_first_commit_of_all_leaves_nothing_staged(desk):
    root = desk.work / "repo"
    desk.git("init", "--quiet", "--initial-branch=main", str(root))
    hook(desk, root, "pre-commit", "exit 1")
    with pytest.raises(AutoMLOpsError, match="call again"):
        desk.publish(desk.codebase(root / "AutoMLOps"))
    assert desk.git("ls-files", at=root) == ""
    assert desk.git("symbolic-ref", "--short", "HEAD", at=root) == "main\n"


def test_a_hook_that_changes_a_file_and_refuses_is_satisfied_by_the_next_call(desk, theirs):
    hook(
        desk, theirs, "pre-commit", "grep -q neat AutoMLOps/README.md || { echo neat >> AutoMLOps/README.md; exit 1; }"
    )
    with pytest.raises(AutoMLOpsError):
        desk.publish(theirs / "AutoMLOps")
    desk.publish(theirs / "AutoMLOps")
    assert desk.git("show", f"{BRANCH}:AutoMLOps/README.md", at=desk.server) == "# wine\nneat\n"
    assert states(desk, theirs) == ""


def test_a_hook_that_changes_a_file_and_adds_it_has_its_way(desk, theirs):
    hook(desk, theirs, "pre-commit", "echo neat >> AutoMLOps/README.md; git add AutoMLOps/README.md")
    desk.publish(theirs / "AutoMLOps")
    assert desk.git("show", f"{BRANCH}:AutoMLOps/README.md", at=desk.server) == "# wine\nneat\n"
    assert states(desk, theirs) == ""
    assert not desk.publish(theirs / "AutoMLOps").fresh


def test_a_commit_that_is_interrupted_leaves_index_and_branch_as_they_were(desk, theirs):
    hook(desk, theirs, "pre-commit", f"kill -INT {os.getpid()}; sleep 60")
    with pytest.raises(KeyboardInterrupt):
        desk.publish(theirs / "AutoMLOps")
    assert states(desk, theirs).startswith("?? AutoMLOps/")
    assert desk.git("branch", at=theirs) == "* main\n"
    (theirs / ".git/hooks/pre-commit").unlink()
    assert desk.publish(theirs / "AutoMLOps").fresh


def test_hooks_are_found_where_the_config_says(desk, theirs):
    desk.write(desk.home / "hooks/pre-commit", "#!/bin/sh\necho from elsewhere\nexit 1\n").chmod(0o755)
    desk.git("config", "--global", "core.hooksPath", str(desk.home / "hooks"))
    with pytest.raises(AutoMLOpsError, match="from elsewhere"):
        desk.publish(theirs / "AutoMLOps")


def test_a_commit_that_cannot_be_signed_is_told(desk, theirs):
    desk.git("config", "--global", "commit.gpgsign", "true")
    desk.git("config", "--global", "gpg.program", "false")
    with pytest.raises(AutoMLOpsError, match="(?s)nothing was committed.*gpg failed to sign"):
        desk.publish(theirs / "AutoMLOps")
    assert states(desk, theirs).startswith("?? AutoMLOps/")


@pytest.mark.parametrize("key", ["user.name", "user.email"])
def test_who_commits_is_never_guessed(desk, theirs, key):
    desk.git("config", "--global", "--unset", key)
    assert "git config --global user.name" in desk.refusal(theirs / "AutoMLOps")


def test_who_commits_may_be_said_by_the_environment(desk, theirs, monkeypatch):
    desk.git("config", "--global", "--remove-section", "user")
    for who in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{who}_NAME", "Bob")
        monkeypatch.setenv(f"GIT_{who}_EMAIL", "bob@example.com")
    assert desk.publish(theirs / "AutoMLOps").fresh


# The remote, and git itself


def test_a_remote_that_is_not_there_is_told_before_anything_is_committed(desk, theirs):
    shutil.rmtree(desk.server)
    assert "does not answer" in (said := desk.refusal(theirs / "AutoMLOps")) and "ls-remote origin tries it" in said
    assert states(desk, theirs).startswith("?? AutoMLOps/")


def test_a_remote_that_asks_for_a_password_is_told_and_not_waited_for(desk, theirs):
    serve = (
        "import http.server as h\n"
        "class H(h.BaseHTTPRequestHandler):\n"
        "    def do_GET(self):\n"
        "        self.send_response(401); self.send_header('WWW-Authenticate', 'Basic realm=x'); self.end_headers()\n"
        "    def log_message(self, *a): pass\n"
        "s = h.HTTPServer(('127.0.0.1', 0), H); print(s.server_port, flush=True); s.serve_forever()"
    )
    with subprocess.Popen([sys.executable, "-c", serve], stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout
            address = f"http://127.0.0.1:{server.stdout.readline().strip()}/"
            desk.git("config", "--global", "--remove-section", f"url.{desk.home}/server/")
            desk.git("config", "--global", f"url.{address}.insteadOf", HOST)
            said = desk.refusal(theirs / "AutoMLOps")
        finally:
            server.kill()
    assert "terminal prompts disabled" in said and "may you read and write it?" in said


def test_a_repository_of_somebody_else_is_told_with_git_s_own_mend(desk, theirs, monkeypatch):
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    with pytest.raises(AutoMLOpsError, match="(?s)dubious ownership.*git config --global --add safe.directory"):
        desk.publish(theirs / "AutoMLOps")
    assert not (theirs / "AutoMLOps/.git").exists()


def stand_in(desk: Desk, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """Puts a script before git on PATH; `$REAL` in it is git."""
    real = shutil.which("git")
    desk.write(desk.home / "bin/git", f"#!/bin/sh\nREAL={shlex.quote(str(real))}\n{text}\n").chmod(0o755)
    monkeypatch.setenv("PATH", f"{desk.home / 'bin'}{os.pathsep}{os.environ['PATH']}")


def test_a_machine_without_git_is_told(desk, theirs, monkeypatch):
    env = shutil.which("env")
    (desk.home / "bin").mkdir()
    (desk.home / "bin/env").symlink_to(str(env))
    monkeypatch.setenv("PATH", str(desk.home / "bin"))
    assert "git is not installed" in desk.refusal(theirs / "AutoMLOps")


@pytest.mark.parametrize(
    ("said", "will_do"),
    [("git version 2.12.5", False), ("git version 1.8.3.1", False), ("git version 2.13.0 (Apple Git-1)", True)],
)
def test_a_git_that_is_too_old_is_told(desk, theirs, monkeypatch, said, will_do):
    stand_in(desk, monkeypatch, f'[ "$1" = --version ] && {{ echo "{said}"; exit; }}\nexec "$REAL" "$@"')
    if will_do:
        assert desk.publish(theirs / "AutoMLOps").fresh
    else:
        assert f"{said} is too old, 2.13 is the oldest" in desk.refusal(theirs / "AutoMLOps")


def test_nothing_is_asked_of_git_that_came_after_the_oldest(desk, monkeypatch):
    log = desk.home / "log"
    stand_in(desk, monkeypatch, f'printf "%s\\n" "$*" >> {shlex.quote(str(log))}\nexec "$REAL" "$@"')
    desk.publish(desk.codebase(desk.work / "AutoMLOps"))
    said = log.read_text()
    assert not re.search(r" (switch|restore) |--initial-branch|--pathspec-from-file|--force|-f ", said)
    assert len(said.splitlines()) < 25


# Secrets, and what the caller's own git says


def test_a_password_in_the_origin_is_nowhere_to_be_seen(desk, theirs, monkeypatch):
    log = desk.home / "log"
    secret = "ghp_s3cret"
    desk.git("remote", "set-url", "origin", f"https://ada:{secret}@github.com/example/wine.git", at=theirs)
    desk.git("config", "--global", f"url.{desk.home}/server/.insteadOf", f"https://ada:{secret}@github.com/")
    stand_in(desk, monkeypatch, f'printf "%s\\n" "$*" >> {shlex.quote(str(log))}\nexec "$REAL" "$@"')
    config = (theirs / ".git/config").read_text()
    assert repository.origin(str(theirs / "AutoMLOps")) == ("github", "example/wine")
    assert secret not in repr(desk.publish(theirs / "AutoMLOps"))
    assert " push origin " in log.read_text()
    shutil.rmtree(desk.server)
    assert secret not in desk.refusal(theirs / "AutoMLOps")
    desk.git("config", "--global", "--remove-section", f"url.{desk.home}/server/")
    desk.git("config", "--global", "http.proxy", "http://127.0.0.1:9")
    said = desk.refusal(theirs / "AutoMLOps")
    assert "does not answer" in said and secret not in said
    assert secret not in log.read_text() and "gcloud.sh" not in log.read_text()
    assert config == (theirs / ".git/config").read_text()


def test_the_helper_of_google_is_named_for_its_own_host_alone(desk, monkeypatch):
    log = desk.home / "log"
    stand_in(desk, monkeypatch, f'printf "%s\\n" "$*" >> {shlex.quote(str(log))}\nexec "$REAL" "$@"')
    google = "https://source.developers.google.com/p/proj/r/wine"
    desk.git("config", "--global", f"url.{desk.server}.insteadOf", google)
    repository.publish(desk.codebase(desk.work / "AutoMLOps"), (), google, BRANCH, "generated")
    helped = [line for line in log.read_text().splitlines() if "gcloud.sh" in line]
    assert len(helped) == 2 and all("credential.https://source.developers.google.com.helper" in line for line in helped)
    assert desk.pushed() == ["generated"]


def test_what_the_caller_s_own_git_says_leads_nobody_astray(desk, theirs, monkeypatch):
    other = desk.founded(desk.work / "other")
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other))
    monkeypatch.setenv("GIT_INDEX_FILE", str(other / ".git/index"))
    monkeypatch.setenv("GIT_PREFIX", "sub/")
    monkeypatch.setenv("GIT_GLOB_PATHSPECS", "1")
    desk.publish(theirs / "AutoMLOps")
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_GLOB_PATHSPECS"):
        monkeypatch.delenv(name)
    assert desk.pushed() == ["generated", "theirs"]
    assert states(desk, other) == "" and desk.git("branch", at=other) == "* main\n"


# Which remote


def test_a_remote_of_another_name_is_known_by_its_address(desk, theirs):
    desk.git("remote", "set-url", "origin", "git@github.com:fork/wine.git", at=theirs)
    desk.git("remote", "add", "up.stream", "https://GitHub.com/Example/Wine", at=theirs)
    assert repository._target(theirs, REMOTE) == "up.stream"


@pytest.mark.parametrize(
    ("to", "target"), [("git@github.com:fork/wine.git", REMOTE), ("git@github.com:example/wine", "origin")]
)
def test_an_origin_that_pushes_elsewhere_is_not_pushed_to(desk, theirs, to, target):
    desk.git("config", "remote.origin.pushurl", to, at=theirs)
    assert repository._target(theirs, REMOTE) == target


def test_an_origin_that_fetches_from_elsewhere_is_not_asked(desk, theirs):
    desk.git("remote", "set-url", "origin", "git@github.com:fork/wine.git", at=theirs)
    desk.git("config", "remote.origin.pushurl", REMOTE, at=theirs)
    assert repository._target(theirs, REMOTE) == REMOTE


def test_a_repository_of_that_name_in_another_project_is_another(desk, theirs):
    google = "https://source.developers.google.com/p/{}/r/wine"
    desk.git("remote", "set-url", "origin", google.format("other"), at=theirs)
    assert repository._target(theirs, google.format("mine")) == google.format("mine")
    assert repository._target(theirs, google.format("other")) == "origin"


def test_an_address_that_the_config_writes_shorter_is_read_in_full(desk, theirs):
    desk.git("config", "--global", "url.git@gitlab.com:.insteadOf", "gl:")
    desk.git("remote", "set-url", "origin", "gl:group/sub/wine", at=theirs)
    assert repository.origin(str(theirs / "not/yet/there")) == ("gitlab", "group/sub/wine")


def test_where_there_is_no_repository_or_no_origin_there_is_none_to_tell(desk):
    assert repository.origin(str(desk.work)) is None
    desk.git("init", "--quiet")
    assert repository.origin(str(desk.work)) is None


ADDRESSES = [
    ("https://github.com/example/wine.git", ("github", "example/wine")),
    ("https://github.com/example/wine", ("github", "example/wine")),
    ("https://github.com/example/wine/", ("github", "example/wine")),
    ("https://github.com/example/wine.git/", ("github", "example/wine")),
    ("https://www.github.com/example/wine.js", ("github", "example/wine.js")),
    ("HTTPS://GitHub.COM/Example/Wine.git", ("github", "Example/Wine")),
    ("https://github.com:443/example/wine", ("github", "example/wine")),
    ("https://ada:p@ss@github.com/example/wine", ("github", "example/wine")),
    ("git@github.com:example/wine.git", ("github", "example/wine")),
    ("org-123@github.com:example/wine.git", ("github", "example/wine")),
    ("github.com:example/wine", ("github", "example/wine")),
    ("git@github.com:/example/wine", ("github", "example/wine")),
    ("ssh://git@github.com/example/wine.git", ("github", "example/wine")),
    ("ssh://git@ssh.github.com:443/example/wine.git", ("github", "example/wine")),
    ("git@gitlab.com:group/sub/deep/wine.git", ("gitlab", "group/sub/deep/wine")),
    ("https://gitlab.com/group/sub/wine", ("gitlab", "group/sub/wine")),
    ("https://source.developers.google.com/p/proj/r/wine", ("csr", "wine")),
    ("https://source.developers.google.com/p/example.com:proj/r/wine/", ("csr", "wine")),
    ("ssh://ada@example.com@source.developers.google.com:2022/p/proj/r/wine", ("csr", "wine")),
    ("https://github.example.com/example/wine.git", ("https://github.example.com/example/wine.git", "")),
    ("https://github.com.evil.org/example/wine", ("https://github.com.evil.org/example/wine", "")),
    ("https://notgithub.com/example/wine", ("https://notgithub.com/example/wine", "")),
    ("https://evil.org/github.com/example/wine", ("https://evil.org/github.com/example/wine", "")),
    ("https://evil.org/@github.com/example/wine", ("https://evil.org/@github.com/example/wine", "")),
    ("https://ada:secret@git.example.com/a/b", ("https://git.example.com/a/b", "")),
    ("/srv/git/wine.git", ("/srv/git/wine.git", "")),
    ("../wine", ("../wine", "")),
    ("", ("", "")),
]


@pytest.mark.parametrize(("url", "told"), ADDRESSES)
def test_an_address_is_read_whatever_way_it_is_written(url, told):
    assert repository.hosted(url) == told


word = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]{0,10}", fullmatch=True)
password = st.text(
    st.characters(min_codepoint=33, max_codepoint=0x24F, exclude_characters="/"), min_size=3, max_size=20
)
FORMS: list[Callable[[str, str, str], str]] = [
    lambda host, name, user: f"https://{host}.com/{name}",
    lambda host, name, user: f"https://{user}:x@{host}.com/{name}.git",
    lambda host, name, user: f"{user}@{host}.com:{name}.git",
    lambda host, name, user: f"ssh://{user}@{host}.com:22/{name}/",
]


@given(st.sampled_from(FORMS), st.sampled_from(["github", "gitlab"]), st.lists(word, min_size=2, max_size=4), word)
def test_whatever_is_written_into_an_address_is_read_from_it(form, host, parts, user):
    assert repository.hosted(form(host, "/".join(parts), user)) == (host, "/".join(parts))


@given(
    word,
    password,
    st.sampled_from(["github.com/a/b", "example.org:8443/x@1", "h"]),
    st.sampled_from(["", "fatal: '", "a\n"]),
)
def test_a_password_is_never_told(user, secret, rest, before):
    told = repository.redacted(f"{before}https://{user}:{secret}@{rest}")
    assert told == f"{before}https://{rest}" or secret not in told


def test_a_user_is_not_told_either():
    assert repository.redacted("ssh://ada@example.com@h.org:2022/p x https://tok@h") == "ssh://h.org:2022/p x https://h"
    assert (
        repository.redacted("https://h.org:8443/a@b and git@github.com:a/b")
        == "https://h.org:8443/a@b and git@github.com:a/b"
    )


@given(word, st.text("abc/@:?#%", min_size=4, max_size=12).map(lambda text: f"pw{text}pw"))
def test_a_password_that_is_badly_written_is_not_told_either(user, secret):
    assert secret not in repository.redacted(f"unable to access 'https://{user}:{secret}@github.com/a/b'")


# What would speak against it, beforehand


def test_nothing_speaks_against_a_codebase_that_can_be_pushed_and_looking_changes_nothing(desk, theirs):
    alone = desk.codebase(desk.work / "AutoMLOps")
    before = states(desk, theirs)
    assert repository.outlook(alone, REMOTE, BRANCH) == ()
    assert repository.outlook(theirs / "AutoMLOps", REMOTE, BRANCH) == ()
    assert not (alone / ".git").exists() and states(desk, theirs) == before


def test_what_would_be_refused_is_told_beforehand(desk, theirs):
    desk.write(theirs / "other.py", "y = 2\n")
    desk.git("add", "other.py", at=theirs)
    shutil.rmtree(desk.server)
    told = " ".join(map(str, repository.outlook(theirs / "AutoMLOps", REMOTE, BRANCH)))
    assert "other.py: staged, and not this codebase's" in told and "the remote origin does not answer" in told


def test_a_repository_that_provisioning_would_make_need_not_answer_yet(desk):
    csr = "https://source.developers.google.com/p/demo-project/r/not-there"
    assert repository.outlook(desk.codebase(desk.work / "AutoMLOps"), csr, BRANCH) == ()
