"""Holds the walls of the house: floors, doors, and an import that does nothing but import."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tools import environment

from AutoMLOps import render

PACKAGE = Path(render.__file__).parent
FLOORS = {
    "errors": 0,
    "nouns": 0,
    "model": 1,
    "marks": 1,
    "artifacts": 0,
    "markup": 0,
    "source": 2,
    "synonyms": 1,
    "cron": 1,
    "unfolded": 2,
    "settings": 2,
    "read": 3,
    "cloud": 3,
    "render": 6,
    "spec": 3,
    "failures": 3,
    "disk": 4,
    "jupyter": 4,
    "compiled": 4,
    "graph": 4,
    "codebase": 4,
    "standing": 0,
    "processes": 4,
    "shell": 4,
    "web": 4,
    "records": 4,
    "nursery": 4,
    "picture": 5,
    "mermaid": 5,
    "environments": 5,
    "stubs": 5,
    "cache": 5,
    "engine": 6,
    "timeline": 6,
    "display": 6,
    "rest": 5,
    "preflight": 6,
    "repository": 5,
    "report": 6,
    "inquiry": 6,
    "outcomes": 7,
    "overview": 8,
    "timetable": 7,
    "native": 9,
    "scheduler": 9,
    "history": 7,
    "live": 7,
    "api": 8,
    "rehearsal": 9,
    "script": 9,
    "provisioning": 10,
    "deploying": 10,
    "watching": 11,
    "redriving": 10,
    "schedules": 10,
    "launching": 11,
    "options": 3,
    "completion": 3,
    "sketch": 6,
    "showing": 9,
    "checking": 10,
    "documents": 12,
    "cli": 13,
    "__init__": 13,
}
MODULES = sorted(PACKAGE.rglob("*.py"))
NAMES = [path.relative_to(PACKAGE).as_posix() for path in MODULES]
each_module = pytest.mark.parametrize("path", MODULES, ids=NAMES)

NEVER = {"IPython", "kfp", "google", "subprocess", "multiprocessing", "socket", "urllib", "http", "requests"}
DOORS = {  # who may touch what: steps and pip are processes, a notebook's picture is IPython's to show
    "processes": {"subprocess"},
    "shell": {"subprocess"},
    "nursery": {"kfp"},  # it is run as the process that steps are copies of, and never imported
    "jupyter": {"IPython"},
    "web": {"urllib", "http"},  # a component.yaml that a notebook loads by its URL
    "rest": {"urllib", "http"},  # what no command of gcloud asks: what may this login do, which runs are there
}
LAZY = {"jinja2", "yaml", "nbformat", "packaging", "docstring_parser", "tqdm", "markdown_it", "cronsim", "zoneinfo"}
WRITES = set(
    "chmod hardlink_to makedirs mkdir mkstemp removedirs rename renames rmdir rmtree symlink_to touch truncate"
    " unlink write_bytes write_text".split()
)
WRITES_OF_OS = set("link mkfifo open remove replace symlink write".split())
STARTS = set("fork forkpty popen posix_spawn startfile system".split())


def room(path: Path) -> str:
    """The room that a module is in: its own name, or that of its folder, `read` or `report`."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return parts[0]


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imports(path: Path) -> Iterator[str]:
    """The modules that a module imports, in full, wherever in it; `from . import a` is AutoMLOps.a."""
    package = ["AutoMLOps", *path.relative_to(PACKAGE).parent.parts]
    for node in ast.walk(tree(path)):
        match node:
            case ast.Import(names=names):
                yield from (alias.name for alias in names)
            case ast.ImportFrom(module=module, names=names, level=0):
                assert module
                yield from [f"AutoMLOps.{alias.name}" for alias in names] if module == "AutoMLOps" else [module]
            case ast.ImportFrom(module=None, names=names, level=level):
                yield from (".".join([*package[: len(package) - level + 1], alias.name]) for alias in names)
            case ast.ImportFrom(module=module, level=level):
                yield ".".join([*package[: len(package) - level + 1], str(module)])


def at_the_top(path: Path) -> Iterator[str]:
    """The packages that importing a module loads: not those imported in functions or for types alone."""
    for node in tree(path).body:
        match node:
            case ast.Import(names=names):
                yield from (alias.name.partition(".")[0] for alias in names)
            case ast.ImportFrom(module=str(module), level=0):
                yield module.partition(".")[0]


def calls(path: Path) -> Iterator[tuple[str, str, ast.Call]]:
    """(what it is called on, what is called, the call)"""
    for node in ast.walk(tree(path)):
        match node:
            case ast.Call(func=ast.Name(id=name)):
                yield "", name, node
            case ast.Call(func=ast.Attribute(value=value, attr=name)):
                yield ast.unparse(value), name, node


def test_every_module_has_a_floor():
    assert {room(path) for path in MODULES} == set(FLOORS)


@each_module
def test_a_module_imports_only_from_lower_floors(path):
    own = room(path)
    ours = {name.split(".")[1] for name in imports(path) if name.startswith("AutoMLOps.")}
    # `from . import __version__` and the like name what __init__ holds, the top floor
    higher = {name for name in ours - {own} if FLOORS.get(name, FLOORS["__init__"]) >= FLOORS[own]}
    assert not higher or own == "cli" and higher <= {"__version__"}, f"{own} imports {higher}"


@each_module
def test_no_module_imports_processes_networks_ipython_kfp_or_google(path):
    found = {name.partition(".")[0] for name in imports(path)}
    assert not found & (NEVER - DOORS.get(room(path), set()))
    started = {
        name for on, name, _ in calls(path) if on == "os" and (name in STARTS or name.startswith(("exec", "spawn")))
    }
    assert started == ({"fork"} if room(path) == "nursery" else set())


@each_module
def test_what_is_slow_to_load_is_loaded_where_it_is_used(path):
    assert not LAZY & set(at_the_top(path))


@each_module
def test_only_disk_writes(path):
    if room(path) in (
        "disk",
        "processes",
        "nursery",
        "stubs",
        "environments",
        "records",
    ):  # the codebase; runs and their steps
        return
    assert not {"shutil", "tempfile", "fcntl"} & set(imports(path))
    assert not [ast.unparse(call) for on, name, call in calls(path) if is_a_write(on, name, call)]


def is_a_write(on: str, name: str, call: ast.Call) -> bool:
    if on == "os":
        return name in WRITES | WRITES_OF_OS
    if name == "open":
        place = 0 if on else 1  # Path.open(mode), open(file, mode)
        mode = next((word.value for word in call.keywords if word.arg == "mode"), None)
        mode = mode or (call.args[place] if len(call.args) > place else ast.Constant("r"))
        return not (isinstance(mode, ast.Constant) and set(str(mode.value)) <= set("rbt"))
    return name in WRITES


@pytest.mark.parametrize(
    ("code", "writes"),
    [
        ("open(path)", False),
        ("open(path, 'rb')", False),
        ("open(path, mode)", True),
        ("open(path, mode='a')", True),
        ("path.open()", False),
        ("path.open('r+')", True),
        ("text.replace('a', 'b')", False),
        ("os.replace(a, b)", True),
        ("path.write_text('')", True),
    ],
)
def test_writes_are_told_from_reads(tmp_path, monkeypatch, code, writes):
    (tmp_path / "case.py").write_text(code)
    assert [is_a_write(*call) for call in calls(tmp_path / "case.py")] == [writes]


def fresh(code: str) -> str:
    """What a fresh Python prints."""
    command = [sys.executable, "-c", code]
    ended = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=60)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.strip()


def test_importing_loads_nothing_heavy():
    loaded = fresh("import sys; before = set(sys.modules); import AutoMLOps; print(*set(sys.modules) - before)").split()
    tops = {name.partition(".")[0] for name in loaded}
    assert "AutoMLOps" in tops
    assert not tops & (LAZY | NEVER | {"logging", "importlib_metadata", "pandas"})


STATE = """
import atexit, builtins, logging, os, signal, sys, threading, warnings
def state():
    return (
        *(list(each) for each in (logging.root.handlers, sys.meta_path, sys.path, sys.path_hooks, warnings.filters)),
        *(logging.root.level, sys.excepthook, sys.displayhook, signal.getsignal(signal.SIGINT), atexit._ncallbacks()),
        *(dict(os.environ), os.getcwd(), threading.active_count(), sorted(vars(builtins))),
    )
before = state()
import AutoMLOps
print(before == state())
"""


def test_importing_changes_nothing_around_it():
    assert fresh(STATE) == "True"


def test_importing_beside_an_ipython_that_does_not_run_registers_nothing():
    assert fresh("import IPython, AutoMLOps\nprint(IPython.get_ipython(), AutoMLOps.jupyter.shell())") == "None None"


def test_both_ways_to_import_it_give_the_same_module():
    code = (
        "import AutoMLOps as one\n"
        "from AutoMLOps import AutoMLOps as two\n"
        "import AutoMLOps.AutoMLOps as three\n"
        "print(one is two is three, callable(one.generate), sorted(set(one.__all__) - set(dir(one))))"
    )
    assert fresh(code) == "True True []"
