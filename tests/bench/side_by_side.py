"""Times our generate() beside the peer's and beside plain writing. `run` starts it.

Ours and the peer's run in turn, each in a fresh process, so that what else the machine does falls on both; the ratio is
taken within each pair, and the median over the pairs is judged. No bound is a number of seconds. Ends with 1 when a
bound is missed.
"""

import argparse
import os
import platform
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import ground
import measure
import peer
import verdicts
from measure import Pythons, Size

TURNS = {3: 11, 20: 11, 100: 7, 500: 5}
FEW = 3  # turns where it is for information, or the size is another


def main() -> int:
    wanted = _arguments()
    pythons = Pythons(ours=sys.executable, peer=peer.python(measure.ROOT, wanted.peer))
    with _removed(ground.in_memory()) as place:
        print(_heading(ground.kind(place)), flush=True)
        measure.pair(pythons, 3, place / "turn")  # it does not count: it leaves byte code behind for all that follow
        sizes = [_size(pythons, wanted, components, place) for components in wanted.sizes]
    judged = verdicts.verdicts(sizes)
    print(verdicts.table(judged), verdicts.figures(sizes), sep="\n\n", flush=True)
    if wanted.disk:
        _tell_of_disk(pythons, wanted)
    return 0 if all(verdict.holds for verdict in judged) else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests/bench/run", description="Times generate() beside the peer's.")
    parser.add_argument(
        "--peer", metavar="PYTHON", help=f"has {peer.NAME} {peer.VERSION} (default: .venv-peer, made once)"
    )
    parser.add_argument("--sizes", metavar="N", type=int, nargs="+", default=list(TURNS), help="numbers of components")
    parser.add_argument("--pairs", metavar="N", type=int, help="pairs at each size (default: fewer where it is larger)")
    parser.add_argument("--no-disk", dest="disk", action="store_false", help="leave out the figures on a disk")
    return parser.parse_args()


def _size(pythons: Pythons, wanted: argparse.Namespace, components: int, place: Path) -> Size:
    turns = wanted.pairs or TURNS.get(components, FEW)
    print(f"{components} components, {turns} pairs", file=sys.stderr, flush=True)
    return measure.size(pythons, components, turns, place / "turn", again=True)


def _tell_of_disk(pythons: Pythons, wanted: argparse.Namespace) -> None:
    with _removed(ground.on_disk()) as place:
        print(f"\nFor information, on {ground.kind(place)}:\n", flush=True)
        sizes = [measure.size(pythons, count, FEW, place / "turn", again=False) for count in wanted.sizes]
        print(verdicts.for_information(sizes))


def _heading(on: str) -> str:
    note = "" if on == "tmpfs" else " No tmpfs with room was found: the disk has its say in every figure."
    return (
        f"Ours beside {peer.NAME} {peer.VERSION}: Python {platform.python_version()}, {os.cpu_count()} processors, "
        f"load {os.getloadavg()[0]:.1f}, on {on}.{note} Seconds are least / median over fresh processes in turn; "
        "a ratio is the median over the pairs. The floor starts Python, writes the bytes of our tree, and ends.\n"
    )


@contextmanager
def _removed(place: Path) -> Iterator[Path]:
    try:
        yield place
    finally:
        shutil.rmtree(place)


if __name__ == "__main__":
    sys.exit(main())
