"""Times provisioning beside the peer's script, in the stand-in cloud: `make bench`, or this file by a Python with pytest.

Ours and theirs run in turn, each in a cloud of its own: once with everything to make, once with nothing left to do. The
ratio is taken within each pair, and the median over the pairs is judged. A script that makes less than a registry, a
bucket and an account with a role, or is refused anything, is not measured.

The stand-in answers at once, which Google does not. A second table, on which nothing is judged, has every answer take
a fifth of a second longer, as over a network.
"""

import argparse
import os
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

HERE = Path(__file__).resolve().parent
sys.path.insert(1, str(HERE.parent))

import fresh  # noqa: E402
import peer  # noqa: E402
import pytest  # noqa: E402
import work  # noqa: E402
from cloud.standin import OWNER, Cloud, standin  # noqa: E402
from measure import OUTPUT, ROOT, Pythons  # noqa: E402
from tools import need  # noqa: E402
from verdicts import Verdict, table  # noqa: E402
from work import Tool  # noqa: E402

BOUND = 0.6  # of the peer's time
NETWORK = 0.2  # seconds more for every answer
COMPONENTS = 3
PROJECT = "my-project-123"  # the one that the work is generated for
SCRIPT = Path(OUTPUT, "provision", "provision_resources.sh")
COUNTING = """#!/bin/sh
echo "$1" >>{calls}
exec {gcloud} "$@"
"""


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a script: its seconds, those of the processor, and the processes of gcloud that it started."""

    wall: float
    processor: float
    calls: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """A script run twice in one cloud."""

    first: Run
    again: Run


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    ours: Turn
    peer: Turn


def main() -> int:
    wanted = _arguments()
    try:
        need("gcloud")
        with tempfile.TemporaryDirectory(prefix="automlops-bench-") as folder:
            place = _made(Path(folder), wanted.peer)
            pairs = _pairs(place, wanted.pairs)
            slower = _pairs(place, wanted.pairs, NETWORK)
    except pytest.skip.Exception as reason:
        print(f"\nProvisioning is not measured: {reason}", flush=True)
        return 0
    judged = [_verdict(what, pairs, of) for what, of in RUNS.items()]
    print(f"\nProvisioning, {_conditions(pairs)}:\n\n{table(judged)}\n\n{_figures(pairs)}", flush=True)
    print(f"\nFor information, every answer {NETWORK} s later, as over a network:\n\n{_figures(slower)}", flush=True)
    return 0 if all(verdict.holds for verdict in judged) else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests/bench/provisions.py", description="Times provisioning.")
    parser.add_argument("--pairs", type=int, default=3, metavar="N", help="how often each is measured")
    parser.add_argument(
        "--peer", metavar="PYTHON", help=f"has {peer.NAME} {peer.VERSION} (default: .venv-peer, made once)"
    )
    return parser.parse_args()


def _made(place: Path, given: str | None) -> Path:
    """Both codebases, and byte code for all that follow."""
    with standin():
        pass  # where there can be no cloud, it says so before the peer is installed
    pythons = Pythons(ours=sys.executable, peer=peer.python(ROOT, given))
    _generate("ours", pythons.ours, place)
    _generate("peer", pythons.peer, place)
    _turn("ours", place)
    return place


def _pairs(place: Path, times: int, delay: float = 0) -> list[Pair]:
    pairs = []
    for number in range(1, times + 1):
        print(f"provisioning, pair {number} of {times}", file=sys.stderr, flush=True)
        pairs.append(Pair(ours=_turn("ours", place, delay), peer=_turn("peer", place, delay)))
    return pairs


def _generate(tool: Tool, python: str, place: Path) -> None:
    folder = place / tool
    folder.mkdir()
    (folder / "work.py").write_text(work.once(tool, COMPONENTS))
    fresh.run((python, "work.py"), folder, python_path=ROOT if tool == "ours" else None)


def _turn(tool: Tool, place: Path, delay: float = 0) -> Turn:
    """A fresh copy of the codebase, since a script may write down what it made, in a fresh cloud."""
    folder = place / "turn"
    shutil.copytree(place / tool, folder)
    try:
        with standin() as cloud:
            cloud.delay = delay
            cloud.state.project(PROJECT)
            cloud.state.grant(OWNER, "roles/owner", on=f"projects/{PROJECT}")
            first = _run(cloud, folder)
            _demand_all(tool, cloud)
            made = cloud.state.picture()
            again = _run(cloud, folder)
            if cloud.state.picture() != made:
                raise SystemExit(f"{tool}: provisioning again changed what the first had made")
            return Turn(first=first, again=again)
    finally:
        shutil.rmtree(folder)


def _run(cloud: Cloud, folder: Path) -> Run:
    """The script with a gcloud before the real one on PATH that counts: two milliseconds on each of its calls."""
    counting, calls = folder / "bin" / "gcloud", folder / "calls"
    counting.parent.mkdir(exist_ok=True)
    counting.write_text(COUNTING.format(calls=calls, gcloud=need("gcloud")))
    counting.chmod(0o755)
    calls.write_text("")
    outside = {"PATH": f"{counting.parent}{os.pathsep}{os.environ['PATH']}", "CLOUDSDK_CORE_PROJECT": PROJECT}
    asked, busy, begin = len(cloud.requests), _processor(), time.perf_counter()
    ended = cloud.run("bash", folder / SCRIPT, cwd=folder, env=outside)
    wall, busy = time.perf_counter() - begin, _processor() - busy
    refused = [each.line for each in cloud.requests[asked:] if each.status not in (200, 204, 206, 404)]
    if ended.returncode or refused:
        raise SystemExit(f"{folder / SCRIPT} ended with {ended.returncode}, refused {refused}:\n{ended.stderr[-2000:]}")
    return Run(wall=wall, processor=busy, calls=len(calls.read_text().splitlines()))


def _processor() -> float:
    """Seconds of the processor that ended processes have used, the stand-in's own not among them."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _demand_all(tool: Tool, cloud: Cloud) -> None:
    kinds = {name.split("/")[-2] for name in cloud.state.resources}
    members = {member for held in cloud.state.bindings(f"projects/{PROJECT}").values() for member in held}
    given = any(member.startswith("serviceAccount:") for member in members)
    if lacking := {"repositories", "buckets", "serviceAccounts"} - kinds or (set() if given else {"a role"}):
        raise SystemExit(f"{tool}: its script did not make {', '.join(sorted(lacking))}")


RUNS: Mapping[str, Callable[[Turn], Run]] = {
    "provisioning everything": lambda turn: turn.first,
    "provisioning again, with nothing to do": lambda turn: turn.again,
}


def _figures(pairs: Sequence[Pair]) -> str:
    """Medians over the pairs; the ratio is that of each pair."""
    head = ("", "share", "ours s", "peer s", "CPU s", "peer CPU s", "gcloud", "peer gcloud")
    rows = [head, ("---",) * len(head)]
    for what, of in RUNS.items():
        both = [(of(pair.ours), of(pair.peer)) for pair in pairs]
        rows.append(
            (
                what,
                f"{_share(both):.2f}",
                *(f"{median(run.wall for run in runs):.1f}" for runs in zip(*both, strict=True)),
                *(f"{median(run.processor for run in runs):.1f}" for runs in zip(*both, strict=True)),
                *(f"{median(run.calls for run in runs):g}" for runs in zip(*both, strict=True)),
            )
        )
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _share(both: Sequence[tuple[Run, Run]]) -> float:
    return median(ours.wall / theirs.wall for ours, theirs in both)


def _conditions(pairs: Sequence[Pair]) -> str:
    return f"{len(pairs)} pairs, {os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}"


def _verdict(what: str, pairs: Sequence[Pair], of: Callable[[Turn], Run]) -> Verdict:
    share = _share([(of(pair.ours), of(pair.peer)) for pair in pairs])
    return Verdict(
        bound=f"{what}: at most {BOUND} of {peer.NAME} {peer.VERSION}'s", found=f"{share:.2f}", holds=share <= BOUND
    )


if __name__ == "__main__":
    sys.exit(main())
