"""Measures one size of work: both tools in turn, and plain writing of the same files."""

import ast
import marshal
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

import fresh
import work
from fresh import Taken
from work import Tool

ROOT = Path(__file__).resolve().parents[2]
FLOOR = Path(__file__).with_name("floor.py")
OUTPUT = "AutoMLOps"  # the folder that both tools write


@dataclass(frozen=True, slots=True, kw_only=True)
class Pythons:
    """The interpreter of each tool."""

    ours: str
    peer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One turn: the same work by both tools, and our files written plainly."""

    ours: Taken
    peer: Taken
    floor: Taken


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """What was measured with so many components."""

    components: int
    pairs: tuple[Pair, ...]
    second_calls: tuple[tuple[float, float], ...]  # seconds: ours, the peer's

    @property
    def faster(self) -> float:
        return median(pair.peer.call / pair.ours.call for pair in self.pairs)

    @property
    def whole_faster(self) -> float:
        return median(pair.peer.wall / pair.ours.wall for pair in self.pairs)

    @property
    def thriftier(self) -> float:
        return median(pair.peer.cpu / pair.ours.cpu for pair in self.pairs)

    @property
    def over_floor(self) -> float:
        return median(pair.ours.wall / pair.floor.wall for pair in self.pairs)

    @property
    def second_faster(self) -> float:
        return median(theirs / ours for ours, theirs in self.second_calls)


def size(pythons: Pythons, components: int, turns: int, ground: Path, *, again: bool) -> Size:
    """So many turns of ours and the peer's: one call in each process, then, where asked, two."""
    return Size(
        components=components,
        pairs=tuple(pair(pythons, components, ground) for _ in range(turns)),
        second_calls=tuple(second_calls(pythons, components, ground) for _ in range(turns if again else 0)),
    )


def pair(pythons: Pythons, components: int, ground: Path) -> Pair:
    """One call of each in a fresh process and an empty folder, then the floor: start Python, write the bytes, end."""
    with _emptied(ground):
        ours = _run("ours", pythons.ours, work.once("ours", components), ground)
        theirs = _run("peer", pythons.peer, work.once("peer", components), ground)
        _demand(ground, components)
        tree = _packed(ground / "ours" / OUTPUT, ground / "tree")
        floor = fresh.run((pythons.ours, str(FLOOR), str(tree), str(ground / "floor")), ground)
    return Pair(ours=ours, peer=theirs, floor=floor)


def second_calls(pythons: Pythons, components: int, ground: Path) -> tuple[float, float]:
    """The seconds of the second call, when nothing has changed since the first: ours, the peer's."""
    with _emptied(ground):
        _run("ours", pythons.ours, work.twice("ours", components), ground)
        _run("peer", pythons.peer, work.twice("peer", components), ground)
        _demand(ground, components)
        ours, theirs = (float((ground / tool / "second_call").read_text()) for tool in ("ours", "peer"))
    return ours, theirs


def _run(tool: Tool, python: str, script: str, ground: Path) -> Taken:
    folder = ground / tool
    folder.mkdir()
    (folder / "work.py").write_text(script)
    taken = fresh.run((python, "work.py"), folder, python_path=ROOT if tool == "ours" else None)
    return replace(taken, call=float((folder / "first_call").read_text()))


def _demand(ground: Path, components: int) -> None:
    """Whoever wrote less than the work is not measured: each component's source is there, and is Python."""
    for tool in ("ours", "peer"):
        sources = list((ground / tool / OUTPUT).glob("components/component_base/src/step_*.py"))
        if len(sources) != components:
            raise SystemExit(f"{tool}: {len(sources)} sources for {components} components")
        for source in sources:
            ast.parse(source.read_text(), filename=str(source))


def _packed(folder: Path, into: Path) -> Path:
    """The files of a tree as one file that floor.py reads."""
    files = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    into.write_bytes(marshal.dumps(files))
    return into


@contextmanager
def _emptied(ground: Path) -> Iterator[None]:
    """The ground is empty before a turn and after it."""
    ground.mkdir()
    try:
        yield
    finally:
        shutil.rmtree(ground)
