"""Makes a folder equal to a Tree, through a journal, so that no edit is lost and no write is left half done.

    look -> decide -> commit (the journal is renamed into place) -> carry out, file by file -> remember (the manifest)

What was decided is a value, and what carries it out is the same code for a write and for one that was interrupted:
the next call finds the journal and goes on. `.automlops/manifest.json` holds the sha256 of every file as it was last
written here; a file that no longer has it was edited, and stands.
"""

import errno
import hashlib
import itertools
import json
import os
import re
import stat
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import NamedTuple, NoReturn

from .errors import BadInput, WriteError
from .model import Change, Fate, File, Problem, Tree

HOME = ".automlops"
MANIFEST = f"{HOME}/manifest.json"
JOURNAL = f"{HOME}/journal.json"
LOCK = f"{HOME}/lock"
STAGE = f"{HOME}/stage"
PATIENCE = 5.0  # seconds to wait for another process that writes into the same folder

ABSENT = ""  # what is found where nothing is, in place of a sha256
ODD = "odd"  # a symbolic link, a folder, a device: never ours
_EMPTY = hashlib.sha256(b"").hexdigest()

_NOT_FOLLOWED = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)  # Windows has the second only
_READ = os.O_RDONLY | _NOT_FOLLOWED | getattr(os, "O_NONBLOCK", 0)  # a pipe must not hold us up
_MAKE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NOT_FOLLOWED
_ODD = (errno.ELOOP, errno.EMLINK, errno.ENXIO)  # what opening a link, a link on FreeBSD, a socket says
_LOCKLESS = (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS)  # bucket mounts and some network disks know no locks
_CHUNK = 1 << 20

Place = str | os.PathLike[str]


class _Deed(NamedTuple):
    """One file to replace, or with no text to remove, if `old` is still what is there."""

    path: str
    of: str  # the file of the tree that it stands for: not `path` when this is the `.new` beside an edited one
    text: str | None
    new: str
    old: str


class _Journal(NamedTuple):
    """Everything that remains to be done, whole in one file, and the manifest as it will be."""

    token: str
    deeds: tuple[_Deed, ...]
    manifest: Mapping[str, str]


class _Verdict(NamedTuple):
    """What is decided about one path, and what the manifest says of it afterwards."""

    change: Change | None = None
    deed: _Deed | None = None
    remembered: tuple[tuple[str, str], ...] = ()
    unexecutable: bool = False


class _Plan(NamedTuple):
    """What becomes of each file, what must be done for it, and the manifest afterwards."""

    changes: tuple[Change, ...]
    deeds: tuple[_Deed, ...]
    manifest: Mapping[str, str]
    unexecutable: tuple[str, ...]  # scripts that are right, but cannot be run


class _Disk(NamedTuple):
    """The folder as it is found. `pending` is what an interrupted write will make of it: (path, sha256) -> sha256."""

    root: str
    manifest: Mapping[str, str]
    astray: Mapping[str, Problem]
    pending: Mapping[tuple[str, str], str]

    def look(self, path: str, hoped: bytes | None = None, digest: str = "") -> tuple[str, int]:
        found, mode = _look(f"{self.root}/{path}", hoped, digest)
        return (self.pending.get((path, found), found) if self.pending else found), mode


def write(tree: Tree, folder: Place, dry_run: bool = False) -> tuple[Change, ...]:
    """Makes the folder become the tree and says what became of each file; with `dry_run`, what would.

    Edited files stand, and the new version is written beside them. Running it twice changes nothing the second time.
    """
    _check(tree)
    with _translated(folder):
        root = os.path.abspath(folder)
        if problems := (*_misplaced(root), *obstacles(tree, root)):
            raise BadInput(problems)
        if dry_run:
            return _decide(tree, _found(root, _interrupted(root))).changes
        with _locked(root):
            _resume(root)
            disk = _found(root, None)
            return _carry_out(disk, _decide(tree, disk))


def place(folder: Place) -> str:
    """Where a folder is in the git repository around it, as a path with /; "." where it is, or will be, one itself."""
    here = root = os.path.realpath(folder)
    while not _is_work_tree(root):
        if root == os.path.dirname(root):
            return "."
        root = os.path.dirname(root)
    return os.path.relpath(here, root).replace(os.sep, "/")


def _is_work_tree(folder: str) -> bool:
    """Whether git takes it for one: its .git is a file, as in another work tree or a submodule, or has a HEAD."""
    mark = os.path.join(folder, ".git")
    return os.path.isfile(mark) or os.path.lexists(os.path.join(mark, "HEAD"))


def own_images(folder: Place) -> tuple[str, ...]:
    """The folders with a Dockerfile of the user's, each an image of the codebase: images/<name>."""
    home = os.path.join(folder, "images")
    names = sorted(os.listdir(home)) if os.path.isdir(home) else ()
    return tuple(f"images/{name}" for name in names if os.path.isfile(os.path.join(home, name, "Dockerfile")))


def written(folder: Place) -> tuple[str, ...]:
    """The files of the codebase, as they were last written here; none where that is not known."""
    with _translated(folder):
        return tuple(_manifest(os.path.abspath(folder)))


def edits(folder: Place) -> tuple[Change, ...]:
    """What became of each file since it was written here: it is the same, was edited, or was deleted; and the new
    versions that still lie beside edited files."""
    with _translated(folder):
        root = os.path.abspath(folder)
        disk = _found(root, _interrupted(root))
        return tuple(change for path in sorted(disk.manifest) if (change := _since(path, disk)))


def _since(path: str, disk: _Disk) -> Change | None:
    found, _ = disk.look(path)
    aside = re.fullmatch(_ASIDE, path)
    if aside and aside[1] in disk.manifest:  # whoever took over what is new may leave it or delete it
        note = f"waits to be taken over into {aside[1]}"
        return Change(path=path, fate=Fate.KEPT, note=note) if found != ABSENT else None
    if found == ABSENT:
        return Change(path=path, fate=Fate.REMOVED, note="was deleted")
    if found == disk.manifest[path]:
        return Change(path=path, fate=Fate.SAME)
    return Change(path=path, fate=Fate.KEPT, note="not a plain file" if found == ODD else "edited")


def is_interrupted(folder: Place) -> bool:
    """Whether a write into the folder was cut off, and is still to be completed."""
    with _translated(folder):
        return _interrupted(os.path.abspath(folder)) is not None


def put(path: Place, text: str) -> None:
    """Writes a file of the user's own, wherever they want it."""
    if "\0" in os.fspath(path):
        raise BadInput([Problem(message=f"{os.fspath(path)!r} is not a path", hint="check the path")])
    with _translated(path):
        os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
        with open(path, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)


def read_text(path: Place) -> str:
    """The text of a file that the user gave, with plain newlines."""
    try:
        with open(path, "rb") as file:
            content = file.read()
        return content.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        message = f"this is not UTF-8 text: byte 0x{error.object[error.start]:02x} cannot be read"
        raise BadInput([Problem(message=message, hint="save it as UTF-8", cell=str(path), line=line)]) from error
    except OSError as error:
        reason, hint = _explained(error, "check the path")
        raise BadInput([Problem(message=f"{path} cannot be read: {reason}", hint=hint)]) from error
    except ValueError as error:
        raise BadInput([Problem(message=f"{str(path)!r} is not a path: {error}", hint="check the path")]) from error


def read_json(path: Place) -> object:
    """What a file of JSON holds; of a name that stands twice in one object, only one value would count."""
    return json.loads(read_text(path), object_pairs_hook=_once)


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"{next(name for name in names if names.count(name) > 1)} stands in it twice")
    return found


def obstacles(tree: Tree, folder: Place) -> tuple[Problem, ...]:
    """What stands where a file or a folder of the tree must be."""
    with _translated(folder):
        root = os.path.abspath(folder)
        if not os.path.isdir(root):
            return ()
        paths = [file.path for file in tree.files]
        blocked = [path for path in paths if _is_folder(f"{root}/{path}")]
        astray = _astray(root, [*paths, LOCK, f"{STAGE}/next"])
    hint = "move it away, or choose another output_dir"
    in_the_way = [Problem(message=f"{root}/{path} is a folder, where a file must be", hint=hint) for path in blocked]
    return (*dict.fromkeys(astray.values()), *in_the_way)


def _is_folder(where: str) -> bool:
    try:
        return stat.S_ISDIR(os.lstat(where).st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False


def _misplaced(root: str) -> tuple[Problem, ...]:
    if os.path.lexists(f"{root}/__init__.py"):
        message = f"{root} is a Python package: generated files in it would shadow its modules"
        return (Problem(message=message, hint="choose another output_dir"),)
    if os.path.lexists(root) and not os.path.isdir(root):
        return (Problem(message=f"{root} is not a folder", hint="choose another output_dir, or move it away"),)
    return ()


def _check(tree: Tree) -> None:
    """A tree that cannot be a folder, on any file system, is a fault of ours."""
    folders = {folder.casefold() for folder in _folders(file.path for file in tree.files)}
    seen: set[str] = set()
    for file in tree.files:
        name = file.path.casefold()
        if not _is_proper(file.path):
            raise ValueError(f"not a path inside a tree: {file.path!r}")
        if name in seen or name in folders:
            raise ValueError(f"two files of a tree at one path: {file.path!r}")
        seen.add(name)


_IMPROPER = re.compile(r"[\0\\]|(?:^|/)(?:[.]{0,2}|[.]git)(?:/|$)|^[a-z]:|^[.]automlops(?:/|$)", re.IGNORECASE)


def _is_proper(path: str) -> bool:
    return not _IMPROPER.search(path)


def _folders(paths: Iterable[str]) -> set[str]:
    """Every folder that these files need, and the folders of those."""
    found: set[str] = set()
    for path in paths:
        folder = path.rpartition("/")[0]
        while folder and folder not in found:
            found.add(folder)
            folder = folder.rpartition("/")[0]
    return found


def _astray(root: str, paths: Iterable[str]) -> dict[str, Problem]:
    """The folders of these files that are none, or that lead out of the root, each with what is wrong."""
    found: dict[str, Problem] = {}
    for folder in sorted(_folders(paths)):
        if problem := found.get(folder.rpartition("/")[0]) or _wrong(root, folder):
            found[folder] = problem
    return found


def _wrong(root: str, folder: str) -> Problem | None:
    where = f"{root}/{folder}"
    try:
        mode = os.lstat(where).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return None
    if stat.S_ISDIR(mode) or (stat.S_ISLNK(mode) and _stays(root, where)):
        return None
    hint = "move it away, or choose another output_dir"
    if stat.S_ISLNK(mode):
        return Problem(message=f"{where} is a link to {os.path.realpath(where)}, where a folder must be", hint=hint)
    return Problem(message=f"{where} is a file, where a folder must be", hint=hint)


def _stays(root: str, link: str) -> bool:
    """A link to another folder of the same tree may be meant; one that leads out, or into git's own folder, may not."""
    base, real = os.path.realpath(root) + os.sep, os.path.realpath(link)
    inside = real.startswith(base) and real[len(base) :].split(os.sep)[0] not in (".git", HOME)
    return inside and os.path.isdir(real)


def _sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _look(where: str, hoped: bytes | None = None, digest: str = "") -> tuple[str, int]:
    """The sha256 of the file and its mode; what equals `hoped` is not hashed, since `digest` is known."""
    try:
        fd = os.open(where, _READ)
    except (FileNotFoundError, NotADirectoryError):
        return ABSENT, 0
    except OSError as error:
        if error.errno in _ODD:
            return ODD, 0
        raise
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            return ODD, 0
        content = _slurp(fd, status.st_size)
    finally:
        os.close(fd)
    return (digest if content == hoped else _sha(content)), status.st_mode


def _slurp(fd: int, size: int) -> bytes:
    content = os.read(fd, size + 1)
    if len(content) == size:
        return content
    return content + b"".join(iter(lambda: os.read(fd, _CHUNK), b""))  # it grew, or a network disk gave it in parts


def _found(root: str, journal: _Journal | None) -> _Disk:
    manifest = journal.manifest if journal else _manifest(root)
    pending = {(deed.path, deed.old): deed.new for deed in journal.deeds} if journal else {}
    return _Disk(root, manifest, _astray(root, manifest), pending)


def _decide(tree: Tree, disk: _Disk) -> _Plan:
    paths = [file.path for file in tree.files]
    taken = {name.casefold() for name in _folders(paths).union(paths)}
    verdicts = [_verdict(file, disk, taken) for file in tree.files]
    used = {path for verdict in verdicts for path, _ in verdict.remembered}.union(paths)
    known = used.union(disk.manifest)
    verdicts += [_leftover(path, disk, known) for path in sorted(disk.manifest) if path not in used]
    return _Plan(
        changes=tuple(sorted((v.change for v in verdicts if v.change), key=lambda change: change.path)),
        deeds=tuple(v.deed for v in verdicts if v.deed),
        manifest=dict(sorted(pair for v in verdicts for pair in v.remembered)),
        unexecutable=tuple(v.change.path for v in verdicts if v.change and v.unexecutable),
    )


def _fate(found: str, new: str, old: str | None) -> Fate:
    """The whole of it: what is there, what should be, and what was last written here."""
    if found == ABSENT:
        return Fate.CREATED
    if found == new:
        return Fate.SAME
    return Fate.CHANGED if found == old else Fate.KEPT


def _verdict(file: File, disk: _Disk, taken: set[str]) -> _Verdict:
    data = file.text.encode()
    new, old = _sha(data), disk.manifest.get(file.path)
    found, mode = disk.look(file.path, data, new)
    fate = _fate(found, new, old)
    if fate is Fate.KEPT:
        return _kept(file, data, new, found, disk, taken)
    note = "was deleted" if fate is Fate.CREATED and old else ""
    change = Change(path=file.path, fate=fate, note=note)
    deed = None if fate is Fate.SAME else _Deed(file.path, file.path, file.text, new, found)
    return _Verdict(change, deed, ((file.path, new),), not deed and _is_script(file.text) and not mode & stat.S_IXUSR)


def _is_script(text: str) -> bool:
    return text.startswith("#!")


def _kept(file: File, data: bytes, new: str, found: str, disk: _Disk, taken: set[str]) -> _Verdict:
    """The edit stands; the new version goes beside it."""
    old = disk.manifest.get(file.path)
    name, aside = _beside(file.path, data, new, disk.look, disk.manifest, taken)
    why = "not a plain file" if found == ODD else "edited" if old else "not written by AutoMLOps"
    change = Change(path=file.path, fate=Fate.KEPT, note=f"{why}; the new version is in {name}")
    deed = None if aside == new else _Deed(name, file.path, file.text, new, aside)
    return _Verdict(change, deed, ((file.path, old), (name, new)) if old else ((name, new),))


def _beside(
    path: str,
    data: bytes,
    new: str,
    look: Callable[[str, bytes, str], tuple[str, int]],
    ours: Mapping[str, str],
    taken: Iterable[str] = (),
) -> tuple[str, str]:
    """The first name beside an edited file where nothing of the user's is, with what is there now."""
    names = itertools.chain((f"{path}.new",), (f"{path}.new.{number}" for number in itertools.count(2)))
    for name in names:
        found = look(name, data, new)[0]
        if name.casefold() not in taken and (found in (ABSENT, new) or found == ours.get(name)):
            return name, found
    raise AssertionError("unreachable: the names never end")


_ASIDE = r"(?s)(.+)[.]new(?:[.][0-9]+)?"


def _leftover(path: str, disk: _Disk, known: set[str]) -> _Verdict:
    """A file of an earlier tree, or a `.new` that is not needed any more: it goes, unless it was edited."""
    old = disk.manifest[path]
    found = ABSENT if path.rpartition("/")[0] in disk.astray else disk.look(path)[0]
    match = re.fullmatch(_ASIDE, path)
    aside = bool(match and match[1] in known)
    if found == old:
        note = "no longer needed" if aside else "no longer part of the pipeline"
        return _Verdict(Change(path=path, fate=Fate.REMOVED, note=note), _Deed(path, path, None, ABSENT, old))
    if found == ABSENT or aside:  # an edited `.new` is the user's own file from now on
        return _Verdict()
    return _Verdict(_stale(path), None, ((path, old),))


def _stale(path: str) -> Change:
    return Change(path=path, fate=Fate.KEPT, note="no longer part of the pipeline, and was edited")


def _carry_out(disk: _Disk, plan: _Plan) -> tuple[Change, ...]:
    for path in plan.unexecutable:
        where = f"{disk.root}/{path}"
        mode = stat.S_IMODE(os.stat(where).st_mode)
        os.chmod(where, mode | (mode & 0o444) >> 2)  # whoever may read it may run it
    if plan.deeds:
        journal = _Journal(os.urandom(4).hex(), plan.deeds, plan.manifest)
        _commit(disk.root, journal)
        surprises = _complete(disk.root, journal, blank=ABSENT)
        return tuple(surprises.get(change.path, change) for change in plan.changes)
    if plan.manifest != disk.manifest:
        _folder(disk.root, STAGE)
        _remember(disk.root, plan.manifest)
    return plan.changes


def _commit(root: str, journal: _Journal) -> None:
    """From the rename on, the write will be completed, by this call or the next. One fsync makes all of it durable."""
    _folder(root, STAGE)
    staged = f"{root}/{STAGE}/journal"
    _make(staged, _pages(journal), durable=True)
    os.replace(staged, f"{root}/{JOURNAL}")
    if sys.platform != "win32":
        fd = os.open(f"{root}/{HOME}", os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)


def _pages(journal: _Journal) -> Iterator[bytes]:
    """The journal as JSON, a deed a line, in pieces: the whole text of a large tree is never in memory twice."""
    head = json.dumps({"token": journal.token, "manifest": dict(journal.manifest)})
    page, size = [head[:-1], ', "deeds": ['], 0
    for number, deed in enumerate(journal.deeds):
        line = json.dumps([deed.path, deed.of, deed.text, deed.new, deed.old])
        page.append(f",\n{line}" if number else f"\n{line}")
        size += len(line)
        if size > _CHUNK:
            yield "".join(page).encode()
            page, size = [], 0
    yield "".join([*page, "\n]}\n"]).encode()


def _make(where: str, pages: Iterable[bytes], mode: int = 0o644, durable: bool = False) -> None:
    fd = os.open(where, _MAKE, mode)
    try:
        for page in pages:
            while page:
                page = page[os.write(fd, page) :]
        if durable:
            os.fsync(fd)
    finally:
        os.close(fd)


def _complete(root: str, journal: _Journal, blank: str) -> dict[str, Change]:
    """Carries out what the journal says, and gives what turned out differently, by path.

    `blank` is the sha256 of what holds nothing of the user's: it may be replaced though the journal expects another.
    """
    astray = _astray(root, (deed.path for deed in journal.deeds))
    manifest, surprises = dict(journal.manifest), {}
    for deed in journal.deeds:
        blocked = deed.path.rpartition("/")[0] in astray
        if change := _skip(deed, manifest) if blocked else _do(root, journal.token, deed, manifest, blank):
            surprises[change.path] = change
    for deed in journal.deeds:
        if deed.text is None and deed.path.rpartition("/")[0] not in astray:
            _prune(root, deed.path)
    _remember(root, manifest)
    os.unlink(f"{root}/{JOURNAL}")
    return surprises


def _do(root: str, token: str, deed: _Deed, manifest: dict[str, str], blank: str) -> Change | None:
    """One deed, unless the file was edited since it was decided."""
    where, allowed = f"{root}/{deed.path}", (deed.old, ABSENT, blank)
    try:
        found = _look(where)[0] if deed.text is None else _put(root, deed.path, deed.text, token, allowed)
        if found == deed.new:
            return None
        if found not in allowed:
            return _spare(root, token, deed, manifest)
        if deed.text is None:
            os.unlink(where)
    except OSError as error:
        error.filename = where  # not the staged file, which means nothing to the reader
        raise
    return None


def _skip(deed: _Deed, manifest: dict[str, str]) -> Change | None:
    """What is there now is not ours to touch; the manifest goes on saying what we last wrote."""
    if deed.old != ABSENT and deed.path == deed.of:
        manifest[deed.path] = deed.old
    else:
        manifest.pop(deed.path, None)
    return _stale(deed.path) if deed.text is None else None


def _spare(root: str, token: str, deed: _Deed, manifest: dict[str, str]) -> Change | None:
    """An edit made while we were writing: it stands, and the new version goes beside it."""
    skipped = _skip(deed, manifest)
    if deed.text is None:
        return skipped
    disk = _Disk(root, {}, {}, {})
    while True:
        name, found = _beside(deed.of, deed.text.encode(), deed.new, disk.look, {})
        if found == deed.new or _put(root, name, deed.text, token, (found,)) == found:
            break
    manifest[name] = deed.new
    return Change(path=deed.of, fate=Fate.KEPT, note=f"edited; the new version is in {name}")


def _put(root: str, path: str, text: str, token: str, allowed: tuple[str, ...]) -> str:
    """One file, whole or not at all; says what was there, which stands if it is not allowed to go."""
    staged = f"{root}/{STAGE}/next"
    mode = 0o755 if _is_script(text) else 0o644
    _make(staged, (text.encode(),), mode)
    try:
        return _move(root, staged, path, allowed)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
    near = _near(root, path, token)  # the folder is mounted from elsewhere
    os.unlink(staged)
    _make(near, (text.encode(),), mode)
    return _move(root, near, path, allowed)


def _near(root: str, path: str, token: str) -> str:
    return os.path.join(root, path.rpartition("/")[0], f"{HOME}-{token}")


def _move(root: str, staged: str, path: str, allowed: tuple[str, ...]) -> str:
    """The last look is the last thing before the rename: an edit has no time to slip in between."""
    where = f"{root}/{path}"
    found = _look(where)[0]
    if found not in allowed:
        os.unlink(staged)
        return found
    try:
        os.replace(staged, where)
    except FileNotFoundError:
        _folder(root, path.rpartition("/")[0])
        os.replace(staged, where)
    return found


def _folder(root: str, path: str) -> None:
    """Makes a folder below the root, never the root: if that vanished, somebody meant it."""
    for folder in itertools.accumulate(path.split("/") if path else (), "{}/{}".format):
        with suppress(FileExistsError):
            os.mkdir(f"{root}/{folder}")


def _prune(root: str, path: str) -> None:
    """Removes the folders that a removed file leaves empty."""
    while path := path.rpartition("/")[0]:
        try:
            os.rmdir(f"{root}/{path}")
        except FileNotFoundError:
            continue
        except OSError:
            return


def _remember(root: str, manifest: Mapping[str, str]) -> None:
    """A path a line, sorted: it is committed with the files, and merged."""
    lines = ",\n".join(f'  {json.dumps(path)}: "{digest}"' for path, digest in sorted(manifest.items()))
    staged = f"{root}/{STAGE}/manifest"
    _make(staged, (f"{{\n{lines}\n}}\n".encode(),))
    os.replace(staged, f"{root}/{MANIFEST}")


def _manifest(root: str) -> dict[str, str]:
    try:
        text = _stored(f"{root}/{MANIFEST}")
        found = json.loads(text or "{}")  # empty after a power cut at the wrong moment: all files count as edited
        if all(_is_proper(path) and isinstance(digest, str) for path, digest in found.items()):
            return dict(found)
    except (ValueError, AttributeError, RecursionError):
        pass
    hint = "restore it with git; or delete it, and every file that differs counts as edited"
    raise BadInput([Problem(message=f"{root}/{MANIFEST} is not what AutoMLOps wrote", hint=hint)])


def _interrupted(root: str) -> _Journal | None:
    """What a write that was stopped left to do."""
    try:
        text = _stored(f"{root}/{JOURNAL}")
        if text is None:
            return None
        found = json.loads(text)
        deeds = tuple(_Deed(*fields) for fields in found["deeds"])
        proper = all(_is_proper(path) for path in (*found["manifest"], *(deed.path for deed in deeds)))
        if proper and re.fullmatch("[0-9a-z]+", found["token"]):  # it is part of a file's name
            return _Journal(found["token"], deeds, found["manifest"])
    except (ValueError, TypeError, KeyError, RecursionError):
        pass
    hint = "delete it: files that it had not reached yet count as they stand"
    raise BadInput([Problem(message=f"{root}/{JOURNAL} is not what AutoMLOps wrote", hint=hint)])


def _stored(where: str) -> str | None:
    try:
        with open(where, encoding="utf-8") as file:
            return file.read()
    except (FileNotFoundError, NotADirectoryError):
        return None


def _resume(root: str) -> None:
    """Completes a write that was stopped, and clears away what one that never began left behind."""
    _clear(root)
    journal = _interrupted(root)
    if not journal:
        return
    for near in {_near(root, deed.path, journal.token) for deed in journal.deeds}:
        with suppress(FileNotFoundError, NotADirectoryError):
            os.unlink(near)
    _folder(root, STAGE)
    # A power cut can leave a file that we had renamed into place with nothing in it: there is no edit to lose in that.
    _complete(root, journal, blank=_EMPTY)


def _clear(root: str) -> None:
    """What cannot be cleared away now is in nobody's way; the next call tries again."""
    with suppress(OSError):
        for name in os.listdir(f"{root}/{STAGE}"):
            os.unlink(f"{root}/{STAGE}/{name}")
        os.rmdir(f"{root}/{STAGE}")


@contextmanager
def _locked(root: str) -> Iterator[None]:
    """One writer at a time. The lock dies with its process, and its file stays: taking it away would let two in."""
    os.makedirs(f"{root}/{HOME}", exist_ok=True)
    fd = os.open(f"{root}/{LOCK}", os.O_RDWR | os.O_CREAT | _NOT_FOLLOWED, 0o644)
    try:
        _wait(fd, root)
        try:
            yield
        finally:
            if not os.path.lexists(f"{root}/{JOURNAL}"):
                _clear(root)
    finally:
        os.close(fd)


def _wait(fd: int, root: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not _grabbed(fd):
        if time.monotonic() > deadline:
            message = f"{root} is being written by another process: waited {PATIENCE:g} s for {root}/{LOCK}"
            raise WriteError(f"{message}. Nothing was changed. Let it finish, then call again")
        time.sleep(0.02)


def _grabbed(fd: int) -> bool:
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    except OSError as error:
        if error.errno not in _LOCKLESS:
            raise
    return True


@contextmanager
def _translated(folder: Place) -> Iterator[None]:
    """Whatever the system refuses becomes one sentence: which path, why, what to do, and how things stand."""
    try:
        yield
    except OSError as error:
        _give_up(os.fspath(folder), error)


def _give_up(folder: str, error: OSError) -> NoReturn:
    committed = os.path.lexists(f"{folder}/{JOURNAL}")
    reason, hint = _explained(error, "mend that")
    where = error.filename or f"{folder}/{HOME}"
    state = "The write is not complete: the next call completes it" if committed else "Nothing was changed"
    raise WriteError(f"{where} cannot be written: {reason}. {state}. To do: {hint}, then call again") from error


_HINTS = {
    errno.ENOSPC: "free some space on that disk",
    errno.EDQUOT: "free some space, or ask for a larger quota",
    errno.EFBIG: "raise the limit on the size of files (ulimit -f)",
    errno.EROFS: "choose a folder on a disk that may be written",
    errno.EACCES: "allow it (see the owner and the mode of the file and its folder)",
    errno.EPERM: "allow it (see the owner and the mode of the file and its folder)",
    errno.ENOENT: "check the spelling, and that the folder is there",
    errno.EISDIR: "name a file, not a folder",
}


def _explained(error: OSError, otherwise: str) -> tuple[str, str]:
    reason = error.strerror or str(error)
    return reason[:1].lower() + reason[1:], _HINTS.get(error.errno or 0, otherwise)
