"""disk.write under kill -9, on full and read-only disks, in vanished folders, beside other writers."""

import errno
import fcntl
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

from AutoMLOps import disk
from AutoMLOps.errors import WriteError
from AutoMLOps.model import Fate, File, Tree

ROOT = Path(disk.__file__).parent.parent
CALLS = ("open", "write", "replace", "unlink", "mkdir", "rmdir", "chmod", "fsync")
ALL_TOOLS = os.environ.get("AUTOMLOPS_ALL_TOOLS") == "1"

OLD = {
    "README.md": "# Old\n",
    "gone/deep/stale.py": "stale\n",
    "gone/edited.py": "stale too\n",
    "run.sh": "#!/bin/sh\necho old\n",
    "same.txt": "same\n",
    "src/kept.py": "old\n",
    "src/undone.py": "old\n",
}
NEW = {
    "README.md": "# New\n",
    "docs/a/new.md": "new\n",
    "run.sh": "#!/bin/sh\necho new\n",
    "same.txt": "same\n",
    "src/foreign.py": "ours\n",
    "src/kept.py": "new\n",
    "src/undone.py": "newer\n",
}


def tree(files):
    return Tree(files=tuple(File(path=path, text=text) for path, text in files.items()))


def put(folder, path, text):
    where = folder / path
    where.parent.mkdir(parents=True, exist_ok=True)
    where.write_text(text)


def nothing(folder):
    """A folder that is not there yet."""


def lived_in(folder):
    """A folder with everything in it: edits, a `.new` that is not needed any more, foreign files, a repository."""
    disk.write(tree(OLD), folder)
    put(folder, "src/undone.py", "edit\n")
    disk.write(tree(OLD | {"src/undone.py": "new\n"}), folder)
    put(folder, "src/undone.py", OLD["src/undone.py"])
    for path in ("src/kept.py", "gone/edited.py", "src/foreign.py", "mine/note.txt", ".git/index"):
        put(folder, path, f"the user's {path}\n")
    (folder / "src/link").symlink_to("../mine")


FOLDERS = pytest.mark.parametrize("prepare", [nothing, lived_in])


def seen(folder):
    """What a user sees: paths, contents, modes; a folder has no content."""
    found = {}
    for where in sorted(folder.rglob("*")):
        path = where.relative_to(folder).as_posix()
        if path.split("/")[0] != ".automlops":
            link, plain = where.is_symlink(), where.is_file()
            content = os.readlink(where) if link else where.read_text() if plain else None
            found[path] = (where.lstat().st_mode, content)
    return found


def contents(folder):
    return {path: content for path, (_, content) in seen(folder).items() if content is not None}


def whole(folder):
    """What a user sees, and what the next call will know."""
    memory = folder / ".automlops/manifest.json"
    return seen(folder), memory.read_text() if memory.exists() else None


def theirs(folder):
    """What must not be touched at all, down to the clock: the user's files, and what is the same in both trees."""
    mine = [path for path, content in contents(folder).items() if "user's" in content or content == "same\n"]
    return {path: ((folder / path).lstat().st_mtime_ns, contents(folder)[path]) for path in mine}


@pytest.fixture
def tmp_path(tmp_path):
    """In memory where there is such a place: thousands of small folders are made here."""
    if not os.access("/dev/shm", os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir="/dev/shm") as place:
        yield Path(place)


@pytest.fixture
def scratch():
    """Old folders of a test are many: they go at its end."""
    made = []
    yield made
    for folder in made:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def fresh(tmp_path, scratch):
    """A prepared folder, as often as wanted, each equal to the first down to the clock."""

    def copied(prepare):
        first, copy = tmp_path / prepare.__name__, tmp_path / f"{prepare.__name__}{len(scratch)}"
        if not first.exists():
            prepare(first)
        scratch.append(copy)
        if first.exists():
            shutil.copytree(first, copy, symlinks=True)
        return copy

    return copied


@pytest.fixture
def expected(fresh):
    """What an uninterrupted write gives."""

    def completed(prepare):
        folder = fresh(prepare)
        disk.write(tree(NEW), folder)
        return whole(folder)

    return completed


def is_writing(name, arguments):
    return name != "open" or bool(arguments[1] & (os.O_CREAT | os.O_WRONLY | os.O_RDWR))


def at_call(number, act):
    """Wraps what disk.py uses of os, so that `act` happens in place of the numbered call that writes."""
    count = 0

    def wrapped(name, original):
        def call(*arguments, **options):
            nonlocal count
            if is_writing(name, arguments):
                count += 1
                if count == number:
                    return act(name, original, arguments)
            return original(*arguments, **options)

        return call

    return {name: wrapped(name, getattr(os, name)) for name in CALLS}


def die(when):
    def act(name, original, arguments):
        if when == "after":
            with suppress(OSError):
                original(*arguments)
        if when == "half" and name == "write":
            original(arguments[0], bytes(arguments[1])[: len(arguments[1]) // 2])
        os.kill(os.getpid(), signal.SIGKILL)

    return act


def in_a_child(folder, files, number, act):
    """Runs disk.write in a child with `act` at one call. True: it was killed there; False: it came to its end."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            for name, call in at_call(number, act).items():
                setattr(os, name, call)
            disk.write(tree(files), folder)
            status = 0
        finally:
            os._exit(status)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return True
    assert os.WEXITSTATUS(status) == 0
    return False


def interruptions(fresh, prepare, when="before"):
    """The folder after a kill at the first call that writes, at the second, and so on to the end."""
    for number in range(1, 1000):
        folder = fresh(prepare)
        if not in_a_child(folder, NEW, number, die(when)):
            assert number > 20
            return
        yield number, folder


# kill -9


@FOLDERS
@pytest.mark.parametrize("when", ["before", "half", "after"])
def test_after_a_kill_at_any_call_the_tree_is_old_or_new_or_completed_by_the_next_call(fresh, expected, prepare, when):
    start, end = fresh(prepare), expected(prepare)
    old, mine = whole(start), theirs(start)
    tally = {"old": 0, "new": 0, "completed": 0}
    for number, folder in interruptions(fresh, prepare, when):
        journal = (folder / ".automlops/journal.json").exists()
        state = "completed" if journal else "old" if whole(folder) == old else "new" if whole(folder) == end else "torn"
        assert state in tally, f"call {number}"
        tally[state] += 1
        assert theirs(folder).items() >= mine.items()
        disk.write(tree(NEW), folder)
        assert whole(folder) == end, f"call {number}"
        assert theirs(folder).items() >= mine.items()
        assert sorted(os.listdir(folder / ".automlops")) == ["lock", "manifest.json"]
    assert tally["old"] >= 4 and tally["completed"] >= 10 and tally["new"] >= 1


@FOLDERS
def test_the_next_call_completes_the_interrupted_write_before_its_own(fresh, expected, prepare):
    end = expected(prepare)
    third = {"README.md": "# Third\n"}
    for _, folder in interruptions(fresh, prepare):
        if (folder / ".automlops/journal.json").exists():
            changes = disk.write(tree(third), folder)
            stale = {change.path for change in changes if change.fate is Fate.REMOVED}
            assert stale >= {"docs/a/new.md", "run.sh", "same.txt"}
            assert (folder / "README.md").read_text() == "# Third\n"
            disk.write(tree(NEW), folder)
            edited = {p: c for p, (_, c) in seen(folder).items() if c and "user's" in c}
            assert edited == {p: c for p, (_, c) in end[0].items() if c and "user's" in c}


@FOLDERS
def test_a_dry_run_after_a_kill_writes_nothing_and_decides_what_the_next_call_does(fresh, prepare):
    for number, folder in interruptions(fresh, prepare):
        before = [(path, path.lstat().st_mtime_ns) for path in sorted(folder.parent.rglob("*"))]
        would = disk.write(tree(NEW), folder, dry_run=True)
        assert [(path, path.lstat().st_mtime_ns) for path in sorted(folder.parent.rglob("*"))] == before
        assert disk.write(tree(NEW), folder) == would, f"call {number}"


@FOLDERS
def test_edits_between_the_kill_and_the_next_call_are_kept(fresh, prepare):
    edit = "the user's edit meanwhile"
    for number, folder in interruptions(fresh, prepare):
        edited = ("README.md", "docs/a/new.md", "gone/deep/stale.py", "src/kept.py.new", "src/undone.py")
        for path in edited:
            put(folder, path, edit)
        changes = {change.path: change for change in disk.write(tree(NEW), folder)}
        assert {(folder / path).read_text() for path in edited} == {edit}, f"call {number}"
        for path in ("README.md", "docs/a/new.md", "src/undone.py"):
            name = changes[path].note.rpartition(" is in ")[2]
            assert (folder / name).read_text() == NEW[path], f"call {number}"
        before = whole(folder)
        disk.write(tree(NEW), folder)
        assert whole(folder) == before


def test_the_completing_call_may_itself_be_killed_anywhere(fresh, expected):
    end = expected(lived_in)
    stopped = [number for number, folder in interruptions(fresh, lived_in) if (folder / disk.JOURNAL).exists()]
    for first in (stopped[0], stopped[len(stopped) // 2], stopped[-1]):
        for second in range(1, 1000):
            folder = fresh(lived_in)
            assert in_a_child(folder, NEW, first, die("before"))
            killed = in_a_child(folder, NEW, second, die("before"))
            disk.write(tree(NEW), folder)
            assert whole(folder) == end, (first, second)
            if not killed:
                break


def test_a_file_that_a_power_cut_left_empty_is_written_by_the_next_call(fresh, expected):
    end = expected(nothing)
    for _, folder in interruptions(fresh, nothing):
        if (folder / "README.md").exists() and (folder / disk.JOURNAL).exists():
            (folder / "README.md").write_text("")
            disk.write(tree(NEW), folder)
            assert whole(folder) == end


def test_the_journal_is_durable_before_it_counts_and_no_other_file_is_waited_for(fresh, monkeypatch):
    folder, calls = fresh(lived_in), []

    def noted(name, original):
        def call(*arguments):
            known = name == "replace" or os.readlink(f"/proc/self/fd/{arguments[0]}")
            calls.append((name, Path(arguments[1] if name == "replace" else known).relative_to(folder).as_posix()))
            return original(*arguments)

        return call

    for name in ("fsync", "replace"):
        monkeypatch.setattr(os, name, noted(name, getattr(os, name)))
    disk.write(tree(NEW), folder)
    commit = [("fsync", ".automlops/stage/journal"), ("replace", ".automlops/journal.json"), ("fsync", ".automlops")]
    assert calls[:3] == commit
    assert {name for name, _ in calls[3:]} == {"replace"}
    assert calls[-1] == ("replace", ".automlops/manifest.json")


def test_what_no_journal_speaks_of_is_cleared_away(fresh):
    folder = fresh(lived_in)
    put(folder, ".automlops/stage/journal", "half a jour")
    put(folder, ".automlops/stage/next", "half a fi")
    disk.write(tree(OLD), folder)
    assert sorted(os.listdir(folder / ".automlops")) == ["lock", "manifest.json"]


def test_a_folder_that_became_a_link_between_the_kill_and_the_next_call_is_not_written_through(fresh, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    for _, folder in interruptions(fresh, nothing):
        if (folder / disk.JOURNAL).exists() and not (folder / "src").exists():
            (folder / "src").symlink_to(tmp_path / "elsewhere")
            disk.write(tree({"README.md": "# New\n"}), folder)
            assert list((tmp_path / "elsewhere").iterdir()) == []
            assert contents(folder) == {"README.md": "# New\n", "src": str(tmp_path / "elsewhere")}


def tool(name, *arguments):
    """The tool, if it is there and may do its work here; else the test is skipped, or fails where all must be."""
    try:
        works = subprocess.run([name, *arguments], capture_output=True).returncode == 0
    except FileNotFoundError:
        works = False
    if not works and ALL_TOOLS:
        pytest.fail(f"{name} is needed, and does not work here")
    if not works:
        pytest.skip(name)
    return name


def test_a_kill_at_any_real_system_call_that_writes(fresh, expected, tmp_path):
    strace = tool("strace", "-o", "/dev/null", "true")
    end, mine = expected(lived_in), theirs(fresh(lived_in))
    code = f"""if True:
        import json, sys; sys.path.insert(0, {str(ROOT)!r})
        from AutoMLOps import disk; from AutoMLOps.model import File, Tree
        disk.write(Tree(files=tuple(File(path=p, text=t) for p, t in json.loads(sys.argv[1]).items())), sys.argv[2])"""
    kills = 0
    for calls in ("write", "fsync", "?mkdir,?mkdirat", "?rmdir", "?unlink,?unlinkat", "?rename,?renameat,?renameat2"):
        for number in range(1, 1000):
            folder = fresh(lived_in)
            inject = f"inject={calls}:signal=SIGKILL:when={number}"
            child = [sys.executable, "-I", "-S", "-B", "-c", code, json.dumps(NEW), str(folder)]
            run = subprocess.run([strace, "-qq", "-f", "-o", "/dev/null", "-e", f"trace={calls}", "-e", inject, *child])
            assert theirs(folder).items() >= mine.items()
            disk.write(tree(NEW), folder)
            assert whole(folder) == end, f"{calls} {number}"
            if run.returncode == 0:
                break
            kills += 1
    assert kills > 20


# What the system refuses


def refuse(number):
    def act(name, original, arguments):
        raise OSError(number, os.strerror(number))

    return act


def refused(monkeypatch, folder, number, code):
    """The error of a write with one call refused; None when there was no such call, or it could be done without."""
    with monkeypatch.context() as patch:
        for name, call in at_call(number, refuse(code)).items():
            patch.setattr(os, name, call)
        try:
            disk.write(tree(NEW), folder)
        except WriteError as error:
            return str(error)
    return None


@FOLDERS
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EIO, errno.EDQUOT])
def test_a_refusal_at_any_call_is_one_error_and_the_old_tree_stands_or_is_completed(
    fresh, expected, monkeypatch, prepare, code
):
    old, end, told = seen(fresh(prepare)), expected(prepare), []
    for number in range(1, 100):
        folder = fresh(prepare)
        message = refused(monkeypatch, folder, number, code)
        if message:
            told.append(message)
            assert str(folder) in message and os.strerror(code).lower() in message.lower() and "To do: " in message
            if "Nothing was changed" in message:
                assert seen(folder) == old
                assert not (folder / ".automlops/stage").exists()
            else:
                assert "the next call completes it" in message
                assert (folder / ".automlops/journal.json").exists()
        disk.write(tree(NEW), folder)
        assert contents(folder) == {path: text for path, (_, text) in end[0].items() if text is not None}
    assert len(told) > 20
    assert len({"Nothing was changed" in message for message in told}) == 2


@FOLDERS
def test_a_disk_that_fills_up_while_writing_takes_half_of_a_file(fresh, expected, prepare):
    """RLIMIT_FSIZE is a disk that is full at some byte of a file: real short writes, then a real error."""
    old, end = seen(fresh(prepare)), expected(prepare)
    for limit in (0, 1, 100, 1000):
        folder, child = fresh(prepare), os.fork()
        if child == 0:
            told = ""
            try:
                resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
                disk.write(tree(NEW), folder)
            except WriteError as error:
                told = str(error)
            finally:
                os._exit(0 if "file too large" in told and "Nothing was changed" in told else 1)
        assert os.waitpid(child, 0)[1] == 0, f"limit {limit}"
        assert seen(folder) == old
        disk.write(tree(NEW), folder)
        assert whole(folder) == end


@pytest.mark.parametrize("number", range(1, 12))
def test_a_folder_that_vanishes_is_one_error(fresh, monkeypatch, number):
    folder = fresh(lived_in)

    def vanish(name, original, arguments):
        shutil.rmtree(folder)
        return original(*arguments)

    with monkeypatch.context() as patch:
        calls = at_call(number, vanish)
        for name in ("write", "replace", "fsync", "mkdir"):  # rmtree itself needs the others
            patch.setattr(os, name, calls[name])
        with pytest.raises(WriteError, match="cannot be written: no such file or directory"):
            disk.write(tree(NEW), folder)
    assert not folder.exists(), sorted(folder.rglob("*"))


@pytest.fixture
def mounted(tmp_path):
    """Runs Python with mounts of its own, made by a line of shell."""
    unshare = tool("unshare", "-m", "mount", "-t", "tmpfs", "none", "/mnt")

    def run(mount, code):
        setup = f"import sys; sys.path[:0] = [{str(ROOT)!r}, {str(ROOT / 'tests')!r}]; from test_disk_faults import *\n"
        script = f'set -e; {mount}; exec "$@"'
        child = [unshare, "-m", "sh", "-c", script, "sh", sys.executable, "-c", setup + code]
        done = subprocess.run(child, capture_output=True, text=True, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    return run


def test_a_full_disk_is_one_error_and_the_old_tree_stands(mounted):
    said = mounted(
        "mkdir full; mount -t tmpfs -o size=128k none full",
        """if True:
        folder = Path("full/out").absolute(); disk.write(tree(OLD), folder); old = whole(folder)
        big = OLD | {f"big/{n}": "x" * 10_000 for n in range(30)}
        try: disk.write(tree(big), folder)
        except WriteError as error: print(error)
        assert whole(folder) == old and not (folder / ".automlops/stage").exists()
        disk.write(tree(NEW), folder)""",
    )
    assert re.search("full/out.* cannot be written: no space left on device. Nothing was changed. To do: free", said)


def test_a_disk_that_fills_up_after_the_journal_is_completed_when_there_is_space(mounted):
    said = mounted(
        "mkdir full; mount -t tmpfs -o size=512k none full",
        """if True:
        folder = Path("full/out").absolute(); disk.write(tree(OLD), folder)
        big = OLD | {f"big/{n}": "x" * 10_000 for n in range(30)}
        try: disk.write(tree(big), folder)
        except WriteError as error: print(error)
        assert (folder / ".automlops/journal.json").exists()
        os.system("mount -o remount,size=2m full")
        print({str(change.fate) for change in disk.write(tree(big), folder)}, contents(folder) == big)""",
    )
    assert "no space left on device. The write is not complete: the next call completes it. To do: free" in said
    assert said.endswith("{'same'} True")


def test_a_read_only_disk_is_one_error(mounted):
    said = mounted(
        "mkdir ro; mount -t tmpfs none ro",
        """if True:
        folder = Path("ro/out").absolute(); lived_in(folder); old = whole(folder)
        os.system("mount -o remount,ro ro")
        disk.write(tree(NEW), folder, dry_run=True)
        try: disk.write(tree(NEW), folder)
        except WriteError as error: print(error)
        assert whole(folder) == old""",
    )
    assert "cannot be written: read-only file system. Nothing was changed. To do: choose a folder on a disk" in said


def test_a_folder_mounted_from_elsewhere_gets_its_files_too(mounted):
    said = mounted(
        "mkdir -p out/src other; mount -t tmpfs none out/src",
        """if True:
        folder = Path("out").absolute()
        for files in (OLD, NEW): disk.write(tree(files), folder)
        print(contents(folder) == NEW, len(os.listdir("out/src")) == 3)""",
    )
    assert said == "True True"


def across(original):
    """os.replace, as if `src` were another disk."""

    def replace(old, new):
        if "/src/" in new and "/src/" not in old and os.path.isdir(os.path.dirname(new)):
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        return original(old, new)

    return replace


def test_a_kill_while_writing_to_another_disk_leaves_nothing_behind(fresh, expected, monkeypatch):
    monkeypatch.setattr(os, "replace", across(os.replace))
    end = expected(lived_in)
    left = 0
    for number, folder in interruptions(fresh, lived_in):
        left += any("automlops-" in path for path in contents(folder))
        disk.write(tree(NEW), folder)
        assert whole(folder) == end, f"call {number}"
    assert left > 0


# Others at the same time


def test_an_error_of_one_process_leaves_the_stage_of_another_alone(fresh, monkeypatch):
    folder = fresh(lived_in)
    put(folder, ".automlops/stage/journal", "half a jour")
    with hold(folder), monkeypatch.context() as patch:
        patch.setattr(os, "open", lambda *_: refuse(errno.EIO)("open", None, ()))
        for dry_run in (True, False):
            with pytest.raises(WriteError, match="input/output error. Nothing was changed"):
                disk.write(tree(NEW), folder, dry_run=dry_run)
    assert (folder / ".automlops/stage/journal").exists()


def test_a_working_folder_that_vanished_is_one_error(fresh, tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    (tmp_path / "here").rmdir()
    with pytest.raises(WriteError, match="no such file or directory. Nothing was changed"):
        disk.write(tree(NEW), "out")


def test_an_edit_at_any_moment_of_our_writing_is_kept(fresh, monkeypatch):
    """At any call but the rename itself: between the last look and that, there is nothing to wait for."""
    spared, edit = 0, "the user's edit meanwhile"
    for number in range(1, 100):
        folder, edited = fresh(lived_in), []

        def act(name, original, arguments, folder=folder, edited=edited):
            paths = [path for path in ("README.md", "src/undone.py") if (folder / path).read_text() == OLD[path]]
            if name != "replace":
                edited += [put(folder, path, edit) or path for path in paths]
            return original(*arguments)

        with monkeypatch.context() as patch:
            for name, call in at_call(number, act).items():
                patch.setattr(os, name, call)
            changes = {change.path: change for change in disk.write(tree(NEW), folder)}
        for path in edited:
            spared += 1
            assert (folder / path).read_text() == edit, (number, path)
            beside = folder / changes[path].note.rpartition(" is in ")[2]
            assert changes[path].fate is Fate.KEPT and beside.read_text() == NEW[path]
        for path in edited:
            (folder / path).write_text(OLD[path])  # the edit is undone: what we last wrote there is still known
            assert {c.path: c.fate for c in disk.write(tree(NEW), folder)}[path] is Fate.CHANGED, (number, path)
            assert (folder / path).read_text() == NEW[path]
            assert not any(found.startswith(f"{path}.new") for found in contents(folder))
    assert spared > 20


def hold(folder):
    folder.joinpath(".automlops").mkdir(parents=True, exist_ok=True)
    lock = open(folder / ".automlops/lock", "w")  # noqa: SIM115
    fcntl.flock(lock, fcntl.LOCK_EX)
    return lock


def test_a_folder_that_another_process_writes_is_an_error_after_a_while(fresh, monkeypatch):
    monkeypatch.setattr(disk, "PATIENCE", 0.05)
    folder = fresh(lived_in)
    old = whole(folder)
    with hold(folder), pytest.raises(WriteError, match="is being written by another process: waited 0.05 s for .*lock"):
        disk.write(tree(NEW), folder)
    assert whole(folder) == old
    disk.write(tree(NEW), folder)


def test_a_lock_that_comes_free_in_time_is_waited_for(fresh, expected):
    folder = fresh(lived_in)
    lock = hold(folder)
    threading.Timer(0.1, lock.close).start()
    start = time.monotonic()
    disk.write(tree(NEW), folder)
    assert time.monotonic() - start > 0.09
    assert whole(folder) == expected(lived_in)


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.ENOTSUP])
def test_a_disk_without_locks_is_written_all_the_same(fresh, expected, monkeypatch, code):
    def unsupported(*_):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(fcntl, "flock", unsupported)
    folder = fresh(lived_in)
    disk.write(tree(NEW), folder)
    assert whole(folder) == expected(lived_in)


def test_two_processes_that_write_at_once_end_with_one_tree_whole(tmp_path):
    folder = tmp_path / "out"
    trees = [{f"{n % 5}/{n}": f"{who} {n}\n" for n in range(30)} | {who: who} for who in ("a", "b")]
    children = []
    for files in trees:
        children.append(os.fork())
        if children[-1] == 0:
            status = 1
            try:
                for _ in range(15):
                    assert all(change.fate is not Fate.KEPT for change in disk.write(tree(files), folder))
                status = 0
            finally:
                os._exit(status)
    assert [os.waitpid(child, 0)[1] for child in children] == [0, 0]
    assert contents(folder) in trees
