"""Turns what a component imports into the lines of its requirements.txt, pinned at the versions installed here.

Nothing is imported and nothing is asked over the network: a module's file is found as Python would find it, and the
distribution whose RECORD lists that file is the one to pin. So `google.cloud.storage` is google-cloud-storage, `cv2` is
whichever OpenCV is installed, and a file beside the notebook is known for what it is. Metadata is read for candidates
only: importing `importlib.metadata` alone takes longer than all of this.
"""

import os
import re
import sys
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from functools import lru_cache
from importlib.machinery import BYTECODE_SUFFIXES, EXTENSION_SUFFIXES, SOURCE_SUFFIXES
from itertools import combinations
from typing import Any, NamedTuple

from ..model import Component, Problem

OURS = {"AutoMLOps", "google_cloud_automlops", "kfp", "__main__"}  # the image has kfp's executor without being asked
NAMESPACES = {
    "azure",
    "azure.ai",
    "azure.storage",
    "google",
    "google.cloud",
    "google.cloud.devtools",
    "opentelemetry",
    "ruamel",
    "snowflake",
}
SUFFIXES = (*EXTENSION_SUFFIXES, *SOURCE_SUFFIXES, *BYTECODE_SUFFIXES)  # in the order in which Python looks
TOOLS = {
    "google-cloud-aiplatform": ">=1.60,!=2.0.0,<3",
    "google-cloud-storage": ">=2.10,<4",
    "kfp": ">=2.7,<3",
    "pyyaml": ">=6,<7",
}
# Import names that are not spelled like their distribution. The first is proposed; each of them covers the import.
KNOWN = {
    "Bio": "biopython",
    "Crypto": "pycryptodome",
    "MySQLdb": "mysqlclient",
    "OpenSSL": "pyopenssl",
    "PIL": "pillow pillow-simd",
    "attr": "attrs",
    "bs4": "beautifulsoup4",
    "cv2": "opencv-python opencv-python-headless opencv-contrib-python opencv-contrib-python-headless",
    "dateutil": "python-dateutil",
    "docx": "python-docx",
    "dotenv": "python-dotenv",
    "faiss": "faiss-cpu faiss-gpu",
    "fitz": "pymupdf",
    "git": "gitpython",
    "google.api": "googleapis-common-protos",
    "google.cloud.artifactregistry": "google-cloud-artifact-registry",
    "google.cloud.client": "google-cloud-core",
    "google.cloud.devtools.cloudbuild": "google-cloud-build",
    "google.cloud.exceptions": "google-cloud-core",
    "google.cloud.resourcemanager": "google-cloud-resource-manager",
    "google.cloud.secretmanager": "google-cloud-secret-manager",
    "google.oauth2": "google-auth",
    "google.protobuf": "protobuf",
    "google.rpc": "googleapis-common-protos",
    "googleapiclient": "google-api-python-client",
    "grpc": "grpcio",
    "jose": "python-jose",
    "jwt": "pyjwt",
    "mpl_toolkits": "matplotlib",
    "pkg_resources": "setuptools",
    "psycopg2": "psycopg2-binary psycopg2",
    "pylab": "matplotlib",
    "serial": "pyserial",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn scikit-learn-intelex",
    "skopt": "scikit-optimize",
    "snowflake.connector": "snowflake-connector-python",
    "tensorflow": "tensorflow tensorflow-cpu tensorflow-gpu tf-nightly",
    "umap": "umap-learn",
    "vertexai": "google-cloud-aiplatform",
    "yaml": "pyyaml",
    "zmq": "pyzmq",
}
PREBUILT = "google_cloud_pipeline_components"  # Google's components, which this package's extra installs
LIST_IT = "packages_to_install=[{!r}]"
ONE_LINE = "write one requirement to a line, such as 'pandas', 'pandas==2.2.0' or 'pkg @ https://...'"


class Pinned(NamedTuple):
    """What a component's requirements.txt says, and what is wrong with what was asked for."""

    lines: tuple[str, ...]
    problems: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()


class Requirement(NamedTuple):
    """One requirement line, taken apart and normalised, so that two spellings of it are equal."""

    name: str
    extras: str = ""
    specifier: str = ""
    url: str = ""
    marker: str = ""


class Distribution(NamedTuple):
    """What is installed under one name: where its metadata lies, the normalised name, the version."""

    folder: str
    name: str
    version: str


class Origin(NamedTuple):
    """Where a distribution was installed from, when not from an index, and the URL that gives pip the same again."""

    url: str
    fetchable: str
    editable: bool


class Shelf(NamedTuple):
    """One folder of sys.path: the names in it, and the distributions whose metadata lies in it."""

    folder: str
    names: frozenset[str]
    distributions: tuple[Distribution, ...]


class Found(NamedTuple):
    """An imported name, cut to the part that says which package it is, and what that was found to be.

    With neither distribution nor file it is not installed; with a file alone, it is the user's own module.
    """

    name: str
    distribution: Distribution | None = None
    file: str = ""
    namespace: bool = False


Fault = tuple[str, str]  # a message and its hint
Places = tuple[tuple[str, int], ...]  # the folders of sys.path and when each last changed: what all memory hangs on
Spot = tuple[Shelf, str]  # a shelf and a path in it, spelled as RECORD spells it


def pinned(
    imports: Collection[str],
    listed: Sequence[str],
    *,
    cell: str = "",
    line: int = 0,
    brought: bool = False,
    places: "Places | None" = None,
) -> Pinned:
    """The listed lines as they were written, then an exact pin for each import that they do not cover.

    `brought` says that the base image was chosen and may hold what cannot be pinned here: such faults become warnings.
    `places` is where to look, by `search()`: whoever pins for many components asks for it once.
    """
    read = [(text, _requirement(text)) for text in listed]
    taken = {text.strip(): found for text, found in read if isinstance(found, Requirement)}
    refused = [
        Problem(message=found[0], hint=found[1], cell=cell, line=line)
        for _, found in read
        if not isinstance(found, Requirement)
    ]
    added, faults = _added(
        search() if places is None else places, frozenset(imports), frozenset(found.name for found in taken.values())
    )
    unpinned = [Problem(message=message, hint=hint, cell=cell, line=line) for message, hint in faults]
    problems, warnings = (refused, unpinned) if brought else (refused + unpinned, [])
    return Pinned((*taken, *added), tuple(problems), tuple(warnings))


def conflicts(components: Sequence[Component]) -> tuple[Problem, ...]:
    """The packages that components of one image ask for in ways that no single installation can meet."""
    problems = []
    for name, askers in sorted(_by_package(components).items()):
        clashing = _clashing(askers)
        if clashing:
            problems.append(_conflict(name, {said: askers[said] for said in clashing}))
    return tuple(problems)


def disputed(components: Sequence[Component]) -> tuple[str, ...]:
    """The names of those packages."""
    return tuple(sorted(name for name, askers in _by_package(components).items() if _clashing(askers)))


def tools() -> tuple[str, ...]:
    """What compiles and submits the pipeline, at the versions that are installed; bounded where they are not."""
    versions: dict[str, str] = {}
    for shelf in _shelves(search()):
        for distribution in shelf.distributions:
            if distribution.name in TOOLS and "+" not in distribution.version and not _origin(distribution):
                versions.setdefault(distribution.name, f"=={distribution.version}")
    return tuple(name + versions.get(name, bounds) for name, bounds in sorted(TOOLS.items()))


# What the imports need


@lru_cache(maxsize=1024)
def _added(
    places: Places, imports: frozenset[str], covered: frozenset[str]
) -> tuple[tuple[str, ...], tuple[Fault, ...]]:
    """The pins for what the listed packages do not cover, and the faults of what cannot be pinned."""
    lines: set[str] = set()
    faults: dict[str, Fault] = {}
    for name in sorted(imports):
        found = _found(places, name)
        if found is None or _is_covered(name, found, covered) or found.namespace and _is_prefix(found.name, imports):
            continue
        fault = _fault(places, found)
        if fault:
            faults.setdefault(found.distribution.name if found.distribution else found.name, fault)
        elif found.distribution:
            lines.add(f"{found.distribution.name}=={found.distribution.version}")
    return tuple(sorted(lines, key=lambda line: line.split("=="))), tuple(faults.values())


def _is_covered(name: str, found: Found, covered: frozenset[str]) -> bool:
    owner = found.distribution.name if found.distribution else ""
    return owner in covered or not covered.isdisjoint(_possible(name))


def _is_prefix(name: str, imports: Collection[str]) -> bool:
    """`google.cloud` says nothing beside `google.cloud.storage`."""
    return any(other.startswith(f"{name}.") for other in imports)


@lru_cache(maxsize=4096)
def _possible(name: str) -> tuple[str, ...]:
    """The distributions that an import may belong to by its name alone, likeliest first; never `google` for a part."""
    parts = re.sub(r"_v\d+\w*", "", name).split(".") if name.startswith("google.") else name.split(".")
    prefixes = [".".join(parts[:count]) for count in range(len(parts), 0, -1)]
    known = next((KNOWN[prefix] for prefix in prefixes if prefix in KNOWN), "")
    return tuple(known.split()) or tuple(_canonical(prefix) for prefix in prefixes if prefix not in NAMESPACES)


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


# Where a module's file is, and whose


@lru_cache(maxsize=4096)
def _found(places: Places, name: str) -> Found | None:
    """What an imported name is; None where no line is needed: the standard library, kfp and ourselves."""
    top, _, _ = name.partition(".")
    if top in sys.stdlib_module_names or top in OURS:
        return None
    if not all(part.isidentifier() for part in name.split(".")):  # a relative import
        return Found(name, file=f"{name.strip('.')}.py")
    shelves = _shelves(places)
    spot, cut, namespace = _walk([(shelf, "") for shelf in shelves], name)
    if spot is None:
        return _unfiled(shelves, cut, namespace)
    shelf, path = spot
    if shelf.folder in _standard():
        return None
    owner = _owner(shelf, path, name) or _editable(shelves, cut, shelf.folder)
    return Found(cut, owner or _by_the_book(cut, shelf.distributions), os.path.join(shelf.folder, path))


def _unfiled(shelves: Sequence[Shelf], name: str, namespace: bool) -> Found:
    """A name without a file: a folder of the user's, an editable install, a zip, or nothing."""
    top, _, _ = name.partition(".")
    own = [shelf for shelf in shelves if not shelf.distributions and _is_code(_inside(shelf, f"{top}/"))]
    if own:
        return Found(name, file=top)
    shared = top in NAMESPACES or any(top in shelf.names for shelf in shelves if shelf.distributions)
    if namespace and shared:
        return Found(name, namespace=True)
    name = name if shared else top
    zips = [shelf for shelf in shelves if os.path.isfile(shelf.folder)]
    return Found(name, _editable(shelves, name, "") or _by_the_book(name, zips))


def _is_code(names: frozenset[str]) -> bool:
    return any(name.endswith(".py") for name in names)


def _walk(folders: list[Spot], name: str) -> tuple[Spot | None, str, bool]:
    """The deepest file that a name reaches, the part that says which package it is, and whether it is a mere namespace.

    The deepest file decides, because distributions put modules into each other's packages.
    """
    file, cut, rest = None, "", name
    while rest and folders:
        part, _, rest = rest.partition(".")
        cut = cut if file else f"{cut}.{part}".lstrip(".")
        deeper, folders = _step(folders, part)
        file = deeper or file
    while not file and cut in NAMESPACES and rest:
        part, _, rest = rest.partition(".")
        cut = f"{cut}.{part}"
    return file, cut, not file and (bool(folders) or cut in NAMESPACES)


def _step(folders: list[Spot], part: str) -> tuple[Spot | None, list[Spot]]:
    """One name deeper, as Python goes: the first package or module wins, else its folders are one namespace."""
    portions = []
    for shelf, path in folders:
        names, package = _inside(shelf, path), f"{path}{part}/"
        inner = _inside(shelf, package) if part in names else frozenset()
        init = _with_suffix("__init__", inner)
        if init and f"{path}{part}".replace("/", ".") not in NAMESPACES:
            return (shelf, package + init), [(shelf, package)]
        module = _with_suffix(part, names)
        if module:
            return (shelf, path + module), []
        portions += [(shelf, package)] if inner - {"__pycache__"} else []
    return None, portions


def _inside(shelf: Shelf, path: str) -> frozenset[str]:
    return _names(os.path.join(shelf.folder, path)) if path else shelf.names


def _with_suffix(stem: str, names: frozenset[str]) -> str:
    return next((stem + suffix for suffix in SUFFIXES if stem + suffix in names), "")


def _owner(shelf: Shelf, path: str, name: str) -> Distribution | None:
    """The distribution that installed a file, by its RECORD; those that the name suggests are asked first."""
    likely = _possible(name)
    ranked = sorted(shelf.distributions, key=lambda each: (each.name not in likely, each.name))
    return next((each for each in ranked if _holds(each, path, each.name in likely)), None)


def _holds(distribution: Distribution, path: str, likely: bool) -> bool:
    """Debian and old installers leave no RECORD: then a name that fits, or a declared top-level module, has to do."""
    record = _read(distribution, "RECORD")
    if record:
        return record.startswith(f"{path},".encode()) or f"\n{path},".encode() in record
    top = re.split(r"[/.]", path)[0]
    if not _described(distribution):  # what a broken uninstall left
        return False
    return likely or (top not in NAMESPACES and top.encode() in _read(distribution, "top_level.txt").split())


def _editable(shelves: Sequence[Shelf], name: str, folder: str) -> Distribution | None:
    """The editable install that brings a module: its files lie in the user's folder or behind a hook, in no RECORD."""
    for shelf in shelves:
        for distribution in shelf.distributions:
            if _is_editable(distribution) and _brings(distribution, name, folder):
                return distribution
    return None


def _is_editable(distribution: Distribution) -> bool:
    origin = _origin(distribution)
    return bool(origin and origin.editable)


def _brings(distribution: Distribution, name: str, folder: str) -> bool:
    declared = _read(distribution, "top_level.txt").decode(errors="replace").split()
    if declared:
        return name.partition(".")[0] in declared
    return distribution.name in _possible(name) or folder in _pth_lines(distribution)


def _pth_lines(distribution: Distribution) -> list[str]:
    """The folders that a distribution puts on sys.path."""
    names = re.findall(r"^([^,\n]+\.pth),", _read(distribution, "RECORD").decode(errors="replace"), re.MULTILINE)
    beside = Distribution(os.path.dirname(distribution.folder), "", "")
    lines = [line.strip() for name in names for line in _read(beside, name).decode(errors="replace").splitlines()]
    return [line for line in lines if line]


def _by_the_book(name: str, reasons: Collection[object]) -> Distribution | None:
    """What `importlib.metadata` knows, asked only for a reason: a zip on sys.path, a file in no RECORD."""
    if "." in name or not reasons:
        return None
    from importlib import metadata

    owners = sorted(filter(None, metadata.packages_distributions().get(name, ())))
    return Distribution("", _canonical(owners[0]), metadata.version(owners[0])) if owners else None


# What the environment holds


def search(beside: Sequence[str] = ()) -> Places:
    """The folders that Python searches and when each changed: installing anything changes one of them.

    `beside` are folders to search before sys.path: the notebook's own, where it is not the current one.
    """
    places: dict[str, int] = {}
    for entry in (*beside, *sys.path):
        folder = os.path.abspath(entry)
        try:
            places.setdefault(folder, os.stat(folder).st_mtime_ns)
        except OSError:
            continue
    return tuple(places.items())


@lru_cache(maxsize=8)
def _shelves(places: Places) -> tuple[Shelf, ...]:
    return tuple(_shelf(folder, changed) for folder, changed in places)


@lru_cache(maxsize=64)
def _shelf(folder: str, changed: int) -> Shelf:
    names = _names(folder)
    metadata = sorted(name for name in names if name.endswith((".dist-info", ".egg-info")) or name == "EGG-INFO")
    installed = (_distribution(os.path.join(folder, name), name) for name in metadata)
    return Shelf(folder, names, tuple(each for each in installed if each))


def _names(folder: str) -> frozenset[str]:
    try:
        return frozenset(os.listdir(folder))
    except OSError:
        return frozenset()


@lru_cache(maxsize=1)
def _standard() -> tuple[str, str]:
    folder = os.path.dirname(os.path.abspath(os.__file__))
    return folder, os.path.join(folder, "lib-dynload")


def _distribution(folder: str, name: str) -> Distribution | None:
    """Name and version stand in the folder's name, else METADATA is opened. pip leaves a broken `~ame` behind."""
    told = re.fullmatch(r"([A-Za-z0-9].*)-(\d[^-]*)\.dist-info", name)
    if told:
        return Distribution(folder, _canonical(told[1]), told[2])
    text = _described(Distribution(folder, "", "")).decode(errors="replace")
    fields = [re.search(rf"^{field}: *(\S+)", text, re.MULTILINE) for field in ("Name", "Version")]
    values = [field[1] for field in fields if field]
    return Distribution(folder, _canonical(values[0]), values[1]) if len(values) == 2 and name[0] != "~" else None


def _described(distribution: Distribution) -> bytes:
    """An .egg-info may be a folder or one file."""
    return _read(distribution, "METADATA") or _read(distribution, "PKG-INFO") or _read(distribution, "")


def _read(distribution: Distribution, name: str) -> bytes:
    """One file of a distribution's metadata, empty where there is none."""
    if not distribution.folder:
        return b""
    try:
        with open(os.path.join(distribution.folder, name) if name else distribution.folder, "rb") as file:
            return file.read()
    except OSError:
        return b""


def _origin(distribution: Distribution) -> Origin | None:
    """Where an install came from when that was no index (PEP 610). conda's build folder means nothing."""
    folder, name = os.path.split(distribution.folder)
    if name.endswith(".egg-info") and name.count("-") == 1:  # `setup.py develop`: the metadata lies beside the source
        return Origin(f"file://{folder}", "", True)
    text = _read(distribution, "direct_url.json")
    if not text or _read(distribution, "INSTALLER").strip() == b"conda":
        return None
    import json

    with suppress(ValueError, LookupError, TypeError, AttributeError):
        told = json.loads(text)
        return Origin(told["url"], _fetchable(told), bool(told.get("dir_info", {}).get("editable")))
    return None


def _fetchable(told: dict[str, Any]) -> str:
    """The URL that pip takes: with the commit, the hash and the subfolder that were recorded."""
    url, vcs, recorded = told["url"], told.get("vcs_info"), told.get("archive_info", {}).get("hash")
    inside = f"subdirectory={told['subdirectory']}" if "subdirectory" in told else ""
    fragment = "&".join(part for part in (recorded, inside) if part)
    whole = f"{vcs['vcs']}+{url}@{vcs['commit_id']}" if vcs else str(url)
    return f"{whole}#{fragment}" if fragment else whole


# What is wrong, and how to mend it


def _fault(places: Places, found: Found) -> Fault | None:
    """Why an import cannot become a pin; None where it can."""
    installed = found.distribution
    if installed is None:
        return _homeless(found) if found.namespace or found.file else _missing(places, found.name)
    origin = _origin(installed)
    if origin:
        return _from_elsewhere(found.name, installed, origin)
    plain = isinstance(_requirement(f"{installed.name}=={installed.version}"), Requirement)
    return None if plain and "+" not in installed.version else _local_version(found.name, installed)


def _missing(places: Places, name: str) -> Fault:
    if name.partition(".")[0] == PREBUILT:
        return f"{PREBUILT} is not installed here", "pip install 'AutoMLOps[gcpc]'"
    proposed = _by_pipreqs(places, name) or _possible(name)[0]
    hint = f"write {LIST_IT.format(proposed)}, or install it here, so that its version can be pinned"
    return f"{name!r} is imported, but neither listed in packages_to_install nor installed here", hint


def _homeless(found: Found) -> Fault:
    if found.namespace:
        hint = f"import the part that is used: from {found.name} import ..."
        return f"import {found.name!r} alone names no package", hint
    message = f"{found.name!r} is a file of this machine ({os.path.basename(found.file)})"
    hint = "put its code into a cell, or make it a package and list where that can be fetched"
    return f"{message}: it does not travel into the image", hint


def _from_elsewhere(name: str, installed: Distribution, origin: Origin) -> Fault:
    """An install from a repository, an archive or a folder: the line that fetches the same again, where one exists."""
    manner = "is an editable install of" if origin.editable else "comes from"
    message = f"{name!r} {manner} {installed.name!r}, which was installed from {origin.url}: no index has that version"
    if origin.url.startswith("file:"):
        line = f"{installed.name} @ git+https://<its repository>@<commit>"
        return message, f"publish it and list that version, or write {LIST_IT.format(line)}"
    return message, f"write {LIST_IT.format(f'{installed.name} @ {origin.fetchable}')}"


def _local_version(name: str, installed: Distribution) -> Fault:
    """A build such as torch 2.5.0+cu121; or a version that no index can have, since it is none."""
    public = re.match(r"\d+(\.\d+)*", installed.version)
    proposed = LIST_IT.format(f"{installed.name}=={public[0]}" if public else installed.name)
    message = f"{name!r} is {installed.name} {installed.version}, a local version: the package index has no such build"
    own = f"{installed.name} @ https://..."
    return message, f"write {proposed} for the index's own build, or {own!r} for the wheel of this one"


def _by_pipreqs(places: Places, name: str) -> str:
    """What the table of the optional pipreqs says; read as a file, since importing pipreqs imports IPython."""
    spot, _, _ = _walk([(shelf, "") for shelf in _shelves(places)], "pipreqs")
    if spot is None or name in KNOWN:
        return ""
    folder = os.path.dirname(os.path.join(spot[0].folder, spot[1]))
    table = _read(Distribution(folder, "", ""), "mapping").decode(errors="replace")
    told = re.search(rf"^{re.escape(name)}:([\w.-]+)$", table, re.MULTILINE | re.ASCII)
    return _canonical(told[1]) if told else ""


# Requirement lines


@lru_cache(maxsize=4096)
def _requirement(text: str) -> Requirement | Fault:
    """One line, taken apart; or why it cannot stand in a requirements.txt.

    Lines are text that pip obeys, so what is not one plain requirement is refused: newlines, options, comments,
    continuations. Most lines match a pattern; `packaging`, which is slow to import, judges the others.
    """
    text = text.strip()
    plain = re.fullmatch(_plain(), text, re.ASCII)
    if plain:
        return Requirement(_canonical(plain[1]), _listed(plain[2] or "", _canonical), _listed(plain[3] or ""))
    refusal = _refusal(text)
    if refusal:
        return refusal
    return _from_url(text) if re.match(r"[a-z+]+://", text) else _parsed(text)


@lru_cache(maxsize=1)
def _plain() -> str:
    name = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"
    bound = r"(?:==|>=|<=|!=|<|>) *\d+(?:\.\d+)*(?:(?:a|b|rc)\d+)?(?:\.post\d+)?"
    extras = rf"\[ *({name}(?: *, *{name})*) *\]"
    return rf"(?!\S+\.(?:whl|zip|tar\.gz)$)({name}) *(?:{extras})? *({bound}(?: *, *{bound})*)?"


def _listed(text: str, tidy: Callable[[str], str] = str) -> str:
    return ",".join(sorted(tidy("".join(part.split())) for part in text.split(","))) if text else ""


def _refusal(text: str) -> Fault | None:
    """The ways in which a line would be more than one requirement, or one that only this machine can meet."""
    shown = repr(text if len(text) <= 80 else f"{text[:77]}...")
    if not (text.isascii() and text.isprintable()) or "\\" in text or re.search(r"(^|\s)#", text) or not text:
        return f"{shown} in packages_to_install is not one line with one requirement", ONE_LINE
    if re.search(r"(^|\s)-", text):
        return f"{shown} in packages_to_install holds an option of pip", ONE_LINE
    if _is_path(text):
        mend = "publish it and list where it can be fetched, or put its code into a cell"
        return f"{shown} in packages_to_install is a path of this machine: the image does not have it", mend
    return None


def _is_path(text: str) -> bool:
    local = re.match(r"[./~]|[A-Za-z]:[/\\]", text) or ("://" not in text and re.search(r"\.(whl|zip|tar\.gz)$", text))
    return bool(local or re.search(r"(^|[\s+@])file:", text))


def _parsed(text: str) -> Requirement | Fault:
    from packaging.requirements import InvalidRequirement
    from packaging.requirements import Requirement as Judge

    try:
        read = Judge(text)
    except InvalidRequirement:
        return f"{text!r} in packages_to_install is not a requirement", ONE_LINE
    if read.url and not isinstance(_from_url(read.url), Requirement):
        return f"{text!r} in packages_to_install holds no URL that pip can fetch", ONE_LINE
    extras = _listed(",".join(read.extras), _canonical)
    return Requirement(
        _canonical(read.name), extras, _listed(str(read.specifier)), read.url or "", str(read.marker or "")
    )


def _from_url(url: str) -> Requirement | Fault:
    """A bare URL: its name is what `#egg=` says, else the last part of its path as far as that reads like a name."""
    if not re.fullmatch(r"(?:https?|(?:git|hg|svn|bzr)\+(?:https?|ssh|git))://[^\s/]+/\S+", url):
        return f"{url!r} in packages_to_install holds no URL that pip can fetch", ONE_LINE
    egg = re.search(r"[#&]egg=([\w.-]+)", url)
    last = re.split(r"[#?]", url)[0].rstrip("/").rpartition("/")[2]
    guess = re.split(r"\.git(?:@|$)|@|-\d|\.(?:zip|tar|whl)", last)[0]
    return Requirement(_canonical(egg[1] if egg else guess), url=url)


# What components of one image ask for together

Askers = dict[
    Requirement, list[tuple[str, Component]]
]  # each requirement with the lines that say it and who wrote them


def _by_package(components: Iterable[Component]) -> dict[str, Askers]:
    packages: dict[str, Askers] = {}
    for component in components:
        for text in component.requirements:
            read = _requirement(text)
            said = read if isinstance(read, Requirement) else Requirement(text)
            packages.setdefault(said.name, {}).setdefault(said, []).append((text, component))
    return packages


def _clashing(said: Collection[Requirement]) -> list[Requirement]:
    """Those of one package's requirements that another of them excludes."""
    pairs = [pair for pair in combinations(said, 2) if _clash(*pair)]
    return [each for each in said if any(each in pair for pair in pairs)]


def _clash(one: Requirement, other: Requirement) -> bool:
    if not (_applies(one.marker) and _applies(other.marker)):
        return False
    if one.url or other.url:
        return one.url != other.url and all(each.url or _is_exact(each) for each in (one, other))
    if not (one.specifier and other.specifier) or one.specifier == other.specifier:
        return False
    return not _can_be_met(f"{one.specifier},{other.specifier}")


def _is_exact(said: Requirement) -> bool:
    return said.specifier.startswith("==") and "*" not in said.specifier and "," not in said.specifier


@lru_cache(maxsize=256)
def _applies(marker: str) -> bool:
    """Whether a marker holds in the image: Linux, with this kernel's Python."""
    if not marker:
        return True
    from packaging.markers import Marker

    return Marker(marker).evaluate({"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix"})


def _can_be_met(bounds: str) -> bool:
    """Whether any version meets all bounds: those that they name are tried, one just above each, and both ends."""
    from packaging.specifiers import SpecifierSet
    from packaging.version import VERSION_PATTERN, Version

    asked = SpecifierSet(bounds)
    named = [each.version.removesuffix(".*") for each in asked]
    versions = [
        Version(text) for text in named if re.fullmatch(rf"\s*{VERSION_PATTERN}\s*", text, re.VERBOSE | re.IGNORECASE)
    ]
    bases = [version.base_version for version in versions]
    tried = ["0", "99999", *named, *bases, *(f"{base}.0.0.1" for base in bases)]
    return any(asked.contains(version, prereleases=True) for version in tried)


def _conflict(name: str, askers: Askers) -> Problem:
    """Who asks for what: for each line the first component that has it."""
    first = [said[0] for said in askers.values()]
    told = " and ".join(
        f"{component.name!r} has {text!r}" + _others(said)
        for (text, component), said in zip(first, askers.values(), strict=True)
    )
    last = first[-1][1]
    alone = len({component.name for _, component in first}) == 1
    message = f"one image cannot hold what is asked of {name!r}: {told}"
    hint = "keep one of the lines" if alone else "agree on one version, or let images='auto' give them an image each"
    return Problem(message=message, hint=hint, cell=last.cell, line=last.line)


def _others(said: list[tuple[str, Component]]) -> str:
    return f" (and {len(said) - 1} more)" if len(said) > 1 else ""
