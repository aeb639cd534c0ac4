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
    _warm(pythons, ground.in_memory())
    print(_heading(), flush=True)
    sizes = _sizes(pythons, wanted, ground.in_memory(), wanted.pairs)
    judged = verdicts.verdicts(sizes)
    print(verdicts.table(judged), verdicts.figures(sizes), sep="\n\n", flush=True)
    if wanted.disk:
        place = ground.on_disk()
        print(f"\nFor information, on {ground.kind(place)}:\n", flush=True)
        print(verdicts.for_information(_sizes(pythons, wanted, place, min(wanted.pairs or FEW, FEW))))
    return 0 if all(verdict.holds for verdict in judged) else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests/bench/run", description="Times generate() beside the peer's.")
    parser.add_argument(
        "--peer", metavar="PYTHON", help=f"has {peer.NAME} {peer.VERSION}; default: .venv-peer, made once"
    )
    parser.add_argument("--sizes", metavar="N", type=int, nargs="+", default=list(TURNS), help="numbers of components")
    parser.add_argument("--pairs", metavar="N", type=int, help="pairs for each size; default: fewer for larger ones")
    parser.add_argument("--no-disk", dest="disk", action="store_false", help="leave out the figures on a disk")
    return parser.parse_args()


def _sizes(pythons: Pythons, wanted: argparse.Namespace, place: Path, turns: int | None) -> list[Size]:
    try:
        return [_size(pythons, count, turns or TURNS.get(count, FEW), place) for count in wanted.sizes]
    finally:
        shutil.rmtree(place)


def _size(pythons: Pythons, components: int, turns: int, place: Path) -> Size:
    print(f"{components} components, {turns} pairs", file=sys.stderr, flush=True)
    return measure.size(pythons, components, turns, place / "turn")


def _warm(pythons: Pythons, place: Path) -> None:
    """One pair that does not count: it leaves the byte code behind that both find from then on."""
    try:
        measure.pair(pythons, 3, place / "turn")
    finally:
        shutil.rmtree(place)


def _heading() -> str:
    place = ground.in_memory()
    on = ground.kind(place)
    place.rmdir()
    note = "" if on == "tmpfs" else " No tmpfs with room was found: the disk has its say in every figure."
    return (
        f"Ours beside {peer.NAME} {peer.VERSION}: Python {platform.python_version()}, {os.cpu_count()} processors, "
        f"load {os.getloadavg()[0]:.1f}, on {on}.{note} Times are least / median of fresh processes in turn; a ratio is "
        "the median over the pairs. The floor starts Python and writes the bytes of our tree, no more.\n"
    )


if __name__ == "__main__":
    sys.exit(main())
