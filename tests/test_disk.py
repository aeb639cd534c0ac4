import errno
import hashlib
import json
import os
import random
import stat
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from AutoMLOps import disk
from AutoMLOps.errors import BadInput, WriteError
from AutoMLOps.model import Fate, File, Tree

ROOT = Path(disk.__file__).parent.parent
PATHS = ("README.md", "a.py", "a.py.new", "components/b/c.py", "components/b/d.py", "components/e.sh", "scripts/x y.sh")
ONE = {"README.md": "# One\n", "scripts/run.sh": "#!/bin/sh\necho 1\n", "src/a/b.py": "x = 1\n"}
TWO = ONE | {"src/a/b.py": "x = 2\n"}


def tree(files):
    return Tree(files=tuple(File(path=path, text=text) for path, text in files.items()))


def put(folder, path, content):
    where = folder / path
    where.parent.mkdir(parents=True, exist_ok=True)
    where.write_bytes(content if isinstance(content, bytes) else content.encode())
    return where


def fates(changes):
    return {change.path: str(change.fate) for change in changes}


def files(folder):
    """What a user sees: every file, link and folder but those of `.automlops`."""
    found = {}
    for place, folders, names in os.walk(folder):
        here = Path(place).relative_to(folder)
        if place == str(folder) and ".automlops" in folders:
            folders.remove(".automlops")
        for name in (*folders, *names):
            where = Path(place, name)
            link, plain = where.is_symlink(), where.is_file()
            found[(here / name).as_posix()] = os.readlink(where) if link else where.read_bytes() if plain else None
    return found


def texts(folder):
    return {path: content.decode() for path, content in files(folder).items() if isinstance(content, bytes)}


def prints(folder):
    """Everything that a write could have touched, down to the clock and the inode."""
    stats = {path: path.lstat() for path in [folder, *folder.rglob("*")]}
    return {path: (s.st_mtime_ns, s.st_ino, s.st_mode, s.st_size) for path, s in stats.items()}


def manifest(folder):
    return json.loads((folder / ".automlops/manifest.json").read_text())


def sha(text):
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "out"


@pytest.fixture
def written(folder):
    disk.write(tree(ONE), folder)
    return folder


# What becomes of a file


def test_an_absent_file_is_created(folder):
    changes = disk.write(tree(ONE), str(folder))
    assert fates(changes) == dict.fromkeys(sorted(ONE), "created")
    assert [change.path for change in changes] == sorted(ONE)
    assert texts(folder) == ONE


def test_changes_come_sorted_whatever_the_order_of_the_tree(folder):
    changes = disk.write(tree({"z": "", "a/b": "", "a.b": "", "M": ""}), folder)
    assert [change.path for change in changes] == ["M", "a.b", "a/b", "z"]


def test_an_identical_file_is_the_same_and_untouched(written):
    before = prints(written)
    assert set(fates(disk.write(tree(ONE), written)).values()) == {"same"}
    assert prints(written) == before


def test_an_identical_file_that_was_there_first_is_adopted(folder):
    readme = put(folder, "README.md", ONE["README.md"])
    before = readme.stat()
    assert fates(disk.write(tree(ONE), folder))["README.md"] == "same"
    assert readme.stat() == before
    assert manifest(folder)["README.md"] == sha(ONE["README.md"])


def test_adopting_alone_writes_the_manifest_and_leaves_no_stage(folder):
    put(folder, "README.md", "# One\n")
    disk.write(tree({"README.md": "# One\n"}), folder)
    assert manifest(folder) == {"README.md": sha("# One\n")}
    assert sorted(os.listdir(folder / ".automlops")) == ["lock", "manifest.json"]


def test_an_unedited_file_is_changed_and_the_others_are_not_touched(written):
    before = (written / "README.md").stat()
    assert fates(disk.write(tree(TWO), written)) == {
        "README.md": "same",
        "scripts/run.sh": "same",
        "src/a/b.py": "changed",
    }
    assert texts(written) == TWO
    assert (written / "README.md").stat() == before


def test_an_edited_file_is_kept_with_the_new_version_beside_it(written):
    put(written, "src/a/b.py", "mine")
    change = disk.write(tree(TWO), written)[2]
    assert (change.fate, change.note) == (Fate.KEPT, "edited; the new version is in src/a/b.py.new")
    assert texts(written) == TWO | {"src/a/b.py": "mine", "src/a/b.py.new": "x = 2\n"}


def test_a_foreign_file_counts_as_edited(folder):
    put(folder, "README.md", "theirs")
    change = disk.write(tree(ONE), folder)[0]
    assert (change.fate, change.note) == (
        Fate.KEPT,
        "not written by AutoMLOps; the new version is in README.md.new",
    )
    assert texts(folder) == ONE | {"README.md": "theirs", "README.md.new": "# One\n"}


def test_a_kept_file_is_kept_again_and_the_second_run_writes_nothing(written):
    put(written, "src/a/b.py", "mine")
    first = disk.write(tree(TWO), written)
    before = prints(written)
    second = disk.write(tree(TWO), written)
    assert second[2] == first[2]
    assert prints(written) == before


def test_a_link_counts_as_edited_and_is_never_written_through(written, tmp_path):
    target = put(tmp_path, "elsewhere.py", "x = 1\n")
    (written / "src/a/b.py").unlink()
    (written / "src/a/b.py").symlink_to(target)
    change = disk.write(tree(TWO), written)[2]
    assert (change.fate, change.note) == (Fate.KEPT, "not a plain file; the new version is in src/a/b.py.new")
    assert target.read_text() == "x = 1\n"
    assert os.readlink(written / "src/a/b.py") == str(target)


def test_a_link_to_nowhere_counts_as_edited(folder):
    folder.mkdir()
    (folder / "README.md").symlink_to("nowhere")
    assert fates(disk.write(tree(ONE), folder))["README.md"] == "kept"
    assert not (folder / "nowhere").exists()


def test_a_pipe_counts_as_edited_and_holds_nobody_up(folder):
    folder.mkdir()
    os.mkfifo(folder / "README.md")
    assert fates(disk.write(tree(ONE), folder))["README.md"] == "kept"
    assert stat.S_ISFIFO((folder / "README.md").stat().st_mode)


def test_a_file_that_the_user_deleted_is_created_again(written):
    (written / "README.md").unlink()
    change = disk.write(tree(ONE), written)[0]
    assert (change.fate, change.note) == (Fate.CREATED, "was deleted")
    assert texts(written) == ONE


def test_the_folder_may_be_deleted_and_comes_back(written):
    for path in ("src/a/b.py", "src/a", "src"):
        (written / path).unlink() if path.endswith(".py") else (written / path).rmdir()
    disk.write(tree(ONE), written)
    assert texts(written) == ONE


# The `.new` beside an edited file


def test_our_new_file_is_replaced_by_a_newer_one(written):
    put(written, "src/a/b.py", "mine")
    disk.write(tree(TWO), written)
    disk.write(tree(ONE | {"src/a/b.py": "x = 3\n"}), written)
    assert texts(written) == ONE | {"src/a/b.py": "mine", "src/a/b.py.new": "x = 3\n"}


def test_our_new_file_goes_when_the_edit_is_undone(written):
    put(written, "src/a/b.py", "mine")
    disk.write(tree(TWO), written)
    put(written, "src/a/b.py", ONE["src/a/b.py"])
    changes = disk.write(tree(TWO), written)
    assert fates(changes)["src/a/b.py"] == "changed"
    assert fates(changes)["src/a/b.py.new"] == "removed"
    assert texts(written) == TWO


def test_our_new_file_goes_when_the_user_moves_it_into_place_or_copies_it(written):
    put(written, "src/a/b.py", "mine")
    disk.write(tree(TWO), written)
    put(written, "src/a/b.py", TWO["src/a/b.py"])
    assert fates(disk.write(tree(TWO), written))["src/a/b.py"] == "same"
    assert texts(written) == TWO
    put(written, "src/a/b.py", "mine")
    disk.write(tree(ONE), written)
    os.replace(written / "src/a/b.py.new", written / "src/a/b.py")
    assert set(fates(disk.write(tree(ONE), written)).values()) == {"same"}
    assert texts(written) == ONE
    assert manifest(written) == {path: sha(text) for path, text in ONE.items()}


@pytest.mark.parametrize("earlier", [True, False])
def test_a_new_file_of_the_user_is_never_lost(written, earlier):
    put(written, "src/a/b.py", "mine")
    if earlier:
        disk.write(tree(TWO), written)
    put(written, "src/a/b.py.new", "merging")
    put(written, "src/a/b.py.new.2", "and this")
    change = disk.write(tree(ONE | {"src/a/b.py": "x = 3\n"}), written)[2]
    assert change.note == "edited; the new version is in src/a/b.py.new.3"
    beside = {"src/a/b.py.new": "merging", "src/a/b.py.new.2": "and this", "src/a/b.py.new.3": "x = 3\n"}
    assert texts(written) == ONE | {"src/a/b.py": "mine"} | beside
    before = prints(written)
    disk.write(tree(ONE | {"src/a/b.py": "x = 3\n"}), written)
    assert prints(written) == before


def test_a_new_file_never_takes_the_place_of_a_file_of_the_tree(folder):
    put(folder, "a", "mine")
    disk.write(tree({"a": "1", "a.new": "2", "a.new.2/b": "3"}), folder)
    assert texts(folder) == {"a": "mine", "a.new": "2", "a.new.2/b": "3", "a.new.3": "1"}


# Files of an earlier tree


def test_a_stale_file_is_removed_with_the_folders_it_leaves_empty(written):
    changes = disk.write(tree({"README.md": "# One\n"}), written)
    assert fates(changes) == {"README.md": "same", "scripts/run.sh": "removed", "src/a/b.py": "removed"}
    assert files(written) == {"README.md": b"# One\n"}
    assert manifest(written) == {"README.md": sha("# One\n")}


def test_a_folder_with_something_of_the_user_in_it_stays(written):
    put(written, "src/note.txt", "mine")
    disk.write(tree({"README.md": "# One\n"}), written)
    assert files(written) == {"README.md": b"# One\n", "src": None, "src/note.txt": b"mine"}


def test_an_edited_stale_file_is_kept_and_named_until_it_is_gone(written):
    put(written, "src/a/b.py", "mine")
    for _ in range(2):
        change = disk.write(tree({"README.md": "# One\n"}), written)[-1]
        assert (change.path, change.fate) == ("src/a/b.py", Fate.KEPT)
        assert change.note == "no longer part of the pipeline, and was edited"
        assert manifest(written)["src/a/b.py"] == sha("x = 1\n")
    (written / "src/a/b.py").unlink()
    assert fates(disk.write(tree({"README.md": "# One\n"}), written)) == {"README.md": "same"}
    assert "src/a/b.py" not in manifest(written)


def test_a_stale_file_behind_a_link_that_leads_out_is_not_touched(written, tmp_path):
    os.rename(written / "src", tmp_path / "moved")
    (written / "src").symlink_to(tmp_path / "moved")
    disk.write(tree({"README.md": "# One\n"}), written)
    assert (tmp_path / "moved/a/b.py").read_text() == "x = 1\n"


# Modes


def test_a_script_is_executable_and_other_files_are_not_under_the_users_umask(folder):
    old = os.umask(0o027)
    try:
        disk.write(tree(ONE), folder)
    finally:
        os.umask(old)
    assert stat.S_IMODE((folder / "scripts/run.sh").stat().st_mode) == 0o750
    assert stat.S_IMODE((folder / "README.md").stat().st_mode) == 0o640


def test_a_script_that_lost_its_mode_gets_it_back_and_is_still_the_same(written):
    script = written / "scripts/run.sh"
    script.chmod(0o640)
    before = script.stat()
    assert set(fates(disk.write(tree(ONE), written, dry_run=True)).values()) == {"same"}
    assert stat.S_IMODE(script.stat().st_mode) == 0o640
    assert set(fates(disk.write(tree(ONE), written)).values()) == {"same"}
    assert stat.S_IMODE(script.stat().st_mode) == 0o750
    assert script.stat().st_mtime_ns == before.st_mtime_ns


def test_a_mode_that_the_user_chose_stands_on_a_same_file(written):
    (written / "README.md").chmod(0o600)
    (written / "scripts/run.sh").chmod(0o700)
    before = prints(written)
    disk.write(tree(ONE), written)
    assert prints(written) == before


def test_a_file_that_becomes_a_script_becomes_executable(folder):
    disk.write(tree({"run": "x"}), folder)
    disk.write(tree({"run": "#!/bin/sh\n"}), folder)
    assert os.access(folder / "run", os.X_OK) and (folder / "run").stat().st_mode & 0o100


# The manifest, and what else is in `.automlops`


def test_the_manifest_is_sorted_a_path_a_line_and_stable(folder):
    paths = {"z": "", "a": "", "ünï/\"q'": "", "a b": ""}
    disk.write(tree(paths), folder)
    lines = (folder / ".automlops/manifest.json").read_text().splitlines(keepends=True)
    assert lines[0] == "{\n" and lines[-1] == "}\n"
    assert [json.loads(f"{{{line.rstrip().rstrip(',')}}}") for line in lines[1:-1]] == [
        {path: sha("")} for path in sorted(paths)
    ]


def test_the_manifest_does_not_depend_on_the_hash_seed(tmp_path):
    code = f"""if True:
        import sys; sys.path.insert(0, {str(ROOT)!r})
        from AutoMLOps import disk; from AutoMLOps.model import File, Tree
        files = tuple(File(path=f"{{n % 7}}/{{n}}", text=str(n)) for n in range(60))
        disk.write(Tree(files=files), sys.argv[1])"""
    made = []
    for seed in ("1", "2"):
        out = tmp_path / seed
        subprocess.run([sys.executable, "-c", code, str(out)], check=True, env={**os.environ, "PYTHONHASHSEED": seed})
        made.append((out / ".automlops/manifest.json").read_bytes())
    assert made[0] == made[1] and len(json.loads(made[0])) == 60


def test_only_the_manifest_and_the_lock_are_left_behind(written):
    put(written, "README.md", "mine")
    disk.write(tree(TWO), written)
    assert sorted(os.listdir(written / ".automlops")) == ["lock", "manifest.json"]


def test_other_files_in_automlops_are_left_alone(written):
    put(written, ".automlops/made", "record")
    put(written, ".automlops/runs/1/log", "log")
    disk.write(tree(TWO), written)
    assert (written / ".automlops/made").read_text() == "record"
    assert (written / ".automlops/runs/1/log").read_text() == "log"


@pytest.mark.parametrize(
    "text", ["<<<<<<< HEAD\n", "[]", '{"a": 1}', '{"../a": "0"}', '{"a": "0", "/b": "0"}', "[" * 100_000, "\udcff"]
)
def test_a_manifest_that_is_not_ours_is_an_error_that_names_it(written, text):
    (written / ".automlops/manifest.json").write_text(text, encoding="utf-8", errors="surrogateescape")
    before = prints(written)
    with pytest.raises(BadInput, match=r"\.automlops/manifest\.json is not what AutoMLOps wrote"):
        disk.write(tree(TWO), written)
    assert prints(written) == before


@pytest.mark.parametrize("text", [None, ""])
def test_without_a_manifest_whatever_differs_counts_as_edited(written, text):
    (written / ".automlops/manifest.json").unlink()
    if text is not None:
        put(written, ".automlops/manifest.json", text)
    assert fates(disk.write(tree(TWO), written)) == {
        "README.md": "same",
        "scripts/run.sh": "same",
        "src/a/b.py": "kept",
    }


NOT_OURS = [
    "",
    "{",
    "{}",
    "[" * 100_000,
    "\udcff",
    '{"token": "0", "manifest": {}, "deeds": [["../x","x","t","1",""]]}',
    '{"token": "/../../../x", "manifest": {}, "deeds": [["README.md","README.md","t","1",""]]}',
    '{"token": 0, "manifest": {}, "deeds": []}',
]


@pytest.mark.parametrize("text", NOT_OURS)
def test_a_journal_that_is_not_ours_is_an_error_that_names_it(written, text):
    (written / ".automlops/journal.json").write_text(text, encoding="utf-8", errors="surrogateescape")
    with pytest.raises(BadInput, match=r"journal\.json is not what AutoMLOps wrote"):
        disk.write(tree(TWO), written)
    assert texts(written) == ONE and not (written.parent / "x").exists()


# A dry run


@pytest.mark.parametrize("prepared", [False, True])
def test_a_dry_run_decides_the_same_and_writes_nothing(folder, prepared):
    if prepared:
        disk.write(tree(ONE | {"stale": "1", "stale2": "2"}), folder)
        put(folder, "src/a/b.py", "mine")
        put(folder, "stale2", "mine")
        (folder / "README.md").unlink()
    before = prints(folder) if prepared else None
    would = disk.write(tree(TWO), folder, dry_run=True)
    assert prints(folder) == before if prepared else not folder.exists()
    assert disk.write(tree(TWO), folder) == would


# What may not be


@pytest.mark.parametrize(
    "paths",
    [
        ["/a"],
        ["../a"],
        ["a/../b"],
        ["a/.."],
        ["."],
        ["./a"],
        [""],
        ["a//b"],
        ["a/"],
        ["a\0b"],
        ["a\\b"],
        ["C:/a"],
        [".automlops/x"],
        [".AutoMLOps/x"],
        [".automlops"],
        [".git/config"],
        [".GIT/config"],
        ["sub/.git/config"],
        [".git"],
        ["a", "a"],
        ["a", "A"],
        ["a", "a/b"],
        ["a/b/c", "A/B"],
    ],
)
def test_a_tree_that_is_no_folder_is_refused(folder, paths):
    with pytest.raises(ValueError, match="tree"):
        disk.write(Tree(files=tuple(File(path=path, text="") for path in paths)), folder)
    assert not folder.exists()


@pytest.mark.parametrize("path", [".gitignore", ".github/x.yml", "a..b", "...", ".automlops.md", "a b/é", "ab:c"])
def test_a_tree_with_odd_but_proper_names_is_taken(folder, path):
    disk.write(tree({path: "x"}), folder)
    assert texts(folder) == {path: "x"}


def test_a_file_where_a_folder_must_be_is_named_before_anything_is_written(folder):
    put(folder, "src", "mine")
    (problem,) = disk.obstacles(tree(ONE), folder)
    assert problem.message == f"{folder}/src is a file, where a folder must be"
    assert "move it away" in problem.hint
    before = prints(folder)
    with pytest.raises(BadInput, match="src is a file"):
        disk.write(tree(ONE), folder)
    assert prints(folder) == before


def test_a_folder_where_a_file_must_be_is_named_before_anything_is_written(folder):
    put(folder, "README.md/x", "mine")
    before = prints(folder)
    with pytest.raises(BadInput, match="README.md is a folder, where a file must be"):
        disk.write(tree(ONE), folder, dry_run=True)
    with pytest.raises(BadInput, match="README.md is a folder, where a file must be"):
        disk.write(tree(ONE), folder)
    assert prints(folder) == before


def test_all_obstacles_are_named_together(folder, tmp_path):
    put(folder, "README.md/x", "")
    put(folder, "src", "")
    (folder / "scripts").symlink_to(tmp_path)
    assert len(disk.obstacles(tree(ONE), folder)) == 3


@pytest.mark.parametrize("inside", [".git", ".", "nowhere", ".automlops"])
def test_a_link_to_a_folder_that_is_not_of_the_tree_is_an_obstacle(written, inside):
    (written / ".git").mkdir()
    disk.write(tree({"README.md": "# One\n"}), written)
    (written / "src").symlink_to(inside)
    (problem,) = disk.obstacles(tree(ONE), written)
    assert f"{written}/src is a link to" in problem.message


def test_a_link_that_leads_out_is_an_obstacle_and_nothing_is_written_there(folder, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    folder.mkdir()
    (folder / "src").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(BadInput, match=f"src is a link to {tmp_path}/elsewhere"):
        disk.write(tree(ONE), folder)
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_automlops_as_a_link_that_leads_out_is_an_obstacle(folder, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    folder.mkdir()
    (folder / ".automlops").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(BadInput, match="automlops is a link to"):
        disk.write(tree(ONE), folder)
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_link_to_a_folder_inside_is_the_users_choice(folder):
    (folder / "code").mkdir(parents=True)
    (folder / "src").symlink_to("code")
    disk.write(tree(ONE), folder)
    assert (folder / "code/a/b.py").read_text() == "x = 1\n"
    disk.write(tree({}), folder)
    assert files(folder) == {"code": None, "src": "code"}


def test_a_folder_without_faults_has_no_problems(written, tmp_path):
    assert disk.obstacles(tree(ONE), written) == disk.obstacles(tree(ONE), tmp_path / "not/yet") == ()
    assert not (tmp_path / "not").exists()


def test_a_python_package_is_no_output_folder(folder):
    put(folder, "__init__.py", "")
    with pytest.raises(BadInput, match="is a Python package.*output_dir"):
        disk.write(tree(ONE), folder)
    assert files(folder) == {"__init__.py": b""} and not (folder / ".automlops").exists()


def test_a_file_is_no_output_folder_nor_is_a_place_below_one(tmp_path):
    put(tmp_path, "file", "mine")
    for place in ("file", "file/below/it"):
        with pytest.raises((BadInput, WriteError), match=f"{tmp_path}/file"):
            disk.write(tree(ONE), tmp_path / place)
    assert (tmp_path / "file").read_text() == "mine"


def test_a_text_that_utf8_cannot_hold_is_refused_before_anything_is_written(written):
    before = texts(written)
    with pytest.raises(ValueError):
        disk.write(tree(TWO | {"README.md": "\udc80"}), written)
    assert texts(written) == before == ONE


# Reading


def test_text_is_read_with_plain_newlines_and_without_a_byte_order_mark(tmp_path):
    path = put(tmp_path, "x", b"\xef\xbb\xbfa\r\n\xc3\xa9\r")
    assert disk.read_text(path) == disk.read_text(str(path)) == "a\né\n"


def test_what_was_written_is_read(folder):
    text = "".join(map(chr, range(0xD7FF))).replace("\r", "")
    disk.write(tree({"x": text}), folder)
    assert disk.read_text(folder / "x") == text


@pytest.mark.parametrize(
    ("path", "content", "message"),
    [
        ("missing", None, "missing cannot be read: no such file or directory (check the spelling"),
        ("", None, "cannot be read: is a directory (name a file, not a folder)"),
        ("bad", b"a\nb\xff\n", "bad, line 2: this is not UTF-8 text: byte 0xff cannot be read (save it as UTF-8)"),
        ("a\0b", None, "is not a path: embedded null byte"),
    ],
)
def test_what_cannot_be_read_is_told_with_what_to_do(tmp_path, path, content, message):
    if content:
        put(tmp_path, path, content)
    with pytest.raises(BadInput) as caught:
        disk.read_text(tmp_path / path)
    assert message in str(caught.value) and str(caught.value).startswith("1 problem")


def test_a_file_that_may_not_be_read_is_told(tmp_path, monkeypatch):
    def refuse(*_):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("builtins.open", refuse)
    with pytest.raises(BadInput, match="cannot be read: permission denied .allow it"):
        disk.read_text(tmp_path / "x")


# Importing


def test_importing_the_room_brings_no_heavy_module():
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); import AutoMLOps.disk; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, text=True, check=True).stdout
    assert not {"tempfile", "shutil", "subprocess", "fcntl", "asyncio", "random"} & set(loaded.split())


# Any edits


class User:
    """Somebody who does anything to the folder, with bytes that no generator writes."""

    def __init__(self, folder, chance):
        self.folder, self.chance, self.count = folder, chance, 0
        self.outside = put(folder.parent, "outside/file", "user outside")

    def act(self):
        act = self.chance(
            [self.change, self.delete, self.create, self.rename, self.chmod, self.link, self.edit_new, self.mkdir]
        )
        with suppress(FileExistsError, IsADirectoryError, NotADirectoryError, FileNotFoundError):  # then nobody can
            act()

    def words(self):
        self.count += 1
        return f"{self.chance(['', '#!'])}user {self.count}"

    def some(self):
        found = [path for path, content in files(self.folder).items() if content is not None]
        return self.folder / self.chance(sorted([*found, *PATHS]))

    def write(self, where):
        if where.is_symlink():
            where.unlink()
        put(self.folder, where.relative_to(self.folder), self.words())

    def change(self):
        self.write(self.some())

    def create(self):
        self.write(self.folder / self.chance([*PATHS, "mine.txt", "components/mine.txt", "components/b/c.py.new.2"]))

    def edit_new(self):
        self.write(Path(f"{self.some()}.new"))

    def delete(self):
        self.some().unlink()

    def rename(self):
        old, new = self.some(), self.some()
        if old.is_file() and not os.path.lexists(new):
            old.rename(new)

    def chmod(self):
        where = self.some()
        if not where.is_symlink():
            where.chmod(self.chance([0o600, 0o644, 0o755]))

    def link(self):
        where = self.some()
        target = self.chance([self.outside, Path("a.py"), Path("nowhere"), self.outside.parent])
        where.unlink(missing_ok=True)
        where.symlink_to(target)

    def mkdir(self):
        (self.folder / self.chance(["components", "empty", "components/b", "README.md"])).mkdir(parents=True)

    def owns(self):
        found = files(self.folder)
        return {path: c for path, c in found.items() if isinstance(c, str) or (c is not None and b"user" in c)}


def check_a_write(user, wanted):
    """Nothing of the user's vanishes, the new version is there to be had, and a second run changes nothing."""
    folder, mine = user.folder, user.owns()
    if disk.obstacles(tree(wanted), folder):
        before = prints(folder)
        with pytest.raises(BadInput):
            disk.write(tree(wanted), folder)
        assert prints(folder) == before
        return False
    would = disk.write(tree(wanted), folder, dry_run=True)
    changes = disk.write(tree(wanted), folder)
    assert changes == would
    found = files(folder)
    assert {path: found.get(path) for path in mine} == mine
    assert user.outside.read_text() == "user outside"
    for change in changes:
        at = change.note.rpartition(" is in ")[2] if change.fate is Fate.KEPT and change.path in wanted else change.path
        if change.path in wanted:
            assert found[at] == wanted[change.path].encode()
    before = prints(folder)
    assert set(fates(disk.write(tree(wanted), folder)).values()) <= {"same", "kept"}
    assert prints(folder) == before
    return True


def a_version(chance):
    paths = [path for path in PATHS if chance([True, True, True, False])]
    return {path: f"{chance(['', '#!'])}made {path} {chance('1234')}" for path in paths}


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda fd: None)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(draw=st.data())
def test_whatever_the_user_does_nothing_of_it_is_lost(draw, quick):
    def chance(options):
        return draw.draw(st.sampled_from(options))

    with tempfile.TemporaryDirectory() as place:
        user = User(Path(place, "out"), chance)
        for _ in range(draw.draw(st.integers(1, 4))):
            check_a_write(user, a_version(chance))
            for _ in range(draw.draw(st.integers(0, 4))):
                user.act()
        check_a_write(user, a_version(chance))


def test_two_thousand_random_edits_and_regenerations_lose_nothing(tmp_path, quick):
    chance = random.Random(20).choice
    done, writes = 0, 0
    for start in range(20):
        (tmp_path / str(start)).mkdir()
        user = User(tmp_path / str(start) / "out", chance)
        disk.write(tree(a_version(chance)), user.folder)
        for _ in range(50):
            user.act()
            user.act()
            done += 2
            writes += check_a_write(user, a_version(chance))
    assert done == 2000 and writes > 300
