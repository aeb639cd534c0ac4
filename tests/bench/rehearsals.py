"""Times rehearsing beside plain calls, kfp.local and Kale: `make bench`, or this file by a Python that has kfp.

Each figure is the median over turns in which the tools run one after another, each in a fresh process. Bounds are
ratios but for the overhead of a step, which is a bound on seconds: it is what a person waits.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

import kale
from verdicts import Verdict, table

STEPS = Path(__file__).with_name("steps.py")
ROOT = Path(__file__).resolve().parents[2]
CHAIN, FEWER, MANY, CACHED, SLEEPERS, KALES = 20, 100, 500, 50, 4, 3
OVERHEAD, PARALLEL, LINEAR, AGAIN = 0.08, 1.15, 1.25, 0.1


def main() -> int:
    wanted = _arguments()
    chains = [(_steps("ours", CHAIN), _steps("kfp.local", CHAIN), _steps("plain", CHAIN)) for _ in range(wanted.turns)]
    ours = median((mine - plain) / CHAIN for mine, _, plain in chains)
    theirs = median((local - plain) / CHAIN for _, local, plain in chains)
    judged = [
        Verdict(
            bound=f"overhead of a trivial step over a plain call: at most {OVERHEAD} s",
            found=f"{ours:.3f} s",
            holds=ours <= OVERHEAD,
        ),
        Verdict(
            bound="a trivial step: never slower than under kfp.local",
            found=f"{ours:.3f} s beside {theirs:.3f} s, {theirs / ours:.1f} times faster",
            holds=all(mine <= local for mine, local, _ in chains),
        ),
        _parallel(wanted.turns),
        _linear(),
        _again(wanted.turns),
    ]
    if wanted.kale_too:
        judged.append(_kale(wanted.kale, ours))
    print(f"\nRehearsing, {wanted.turns} turns, load {os.getloadavg()[0]:.1f}:\n\n{table(judged)}", flush=True)
    return 0 if all(verdict.holds for verdict in judged) else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests/bench/rehearsals.py", description="Times rehearsing beside others.")
    parser.add_argument("--turns", type=int, default=5, metavar="N", help="how often each is measured")
    parser.add_argument("--kale", metavar="PYTHON", help=f"has {kale.NAME} {kale.VERSION} (default: .venv-kale)")
    parser.add_argument("--no-kale", dest="kale_too", action="store_false", help=f"leave out {kale.NAME}")
    return parser.parse_args()


def _parallel(turns: int) -> Verdict:
    least = 2.0 * SLEEPERS / 2
    took = median(_steps("sleepers", SLEEPERS) for _ in range(turns))
    return Verdict(
        bound=f"{SLEEPERS} independent steps of 2 s, two at a time: at most {PARALLEL} times {least:g} s",
        found=f"{took / least:.2f} times",
        holds=took <= PARALLEL * least,
    )


def _linear() -> Verdict:
    small, large = _steps("ours", FEWER) / FEWER, _steps("ours", MANY) / MANY
    return Verdict(
        bound=f"a step of {MANY} against one of {FEWER}: at most {LINEAR} times",
        found=f"{large / small:.2f} times ({1000 * small:.0f} to {1000 * large:.0f} ms)",
        holds=large <= LINEAR * small,
    )


def _again(turns: int) -> Verdict:
    pairs = [tuple(map(float, _said("cached", CACHED).split())) for _ in range(turns)]
    share = median(second / first for first, second in pairs)
    return Verdict(
        bound=f"rehearse(cache=True) of {CACHED} steps that did not change: at most {AGAIN} of the first",
        found=f"{share:.3f} ({median(second for _, second in pairs):.2f} s of {median(first for first, _ in pairs):.2f} s)",
        holds=share <= AGAIN,
    )


def _kale(given: str | None, ours: float) -> Verdict:
    python = kale.python(ROOT, given)
    with tempfile.TemporaryDirectory() as folder:
        took = kale.seconds(python, KALES, Path(folder)) / KALES
    return Verdict(
        bound=f"a trivial step: faster than {kale.NAME} {kale.VERSION}'s under kfp.local",
        found=f"{ours:.3f} s beside {took:.2f} s, {took / ours:.0f} times faster",
        holds=ours < took,
    )


def _steps(what: str, count: int) -> float:
    return float(_said(what, count))


def _said(what: str, count: int) -> str:
    command = (sys.executable, str(STEPS), what, str(count))
    outside = {**os.environ, "PYTHONPATH": str(ROOT)}
    ended = subprocess.run(command, env=outside, capture_output=True, text=True, timeout=600)
    if ended.returncode:
        raise SystemExit(f"{what}: {ended.stderr[-2000:]}")
    return ended.stdout.strip().splitlines()[-1]


if __name__ == "__main__":
    sys.exit(main())
