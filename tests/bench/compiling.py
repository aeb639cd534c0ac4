"""Times compiling beside kfp and Kale: `make bench`, or this file by a Python that has this project's dependencies.

The generated pipelines/pipeline.py and kfp with the original of the same pipeline run in turn, whole processes; the
ratio is taken within each pair, and the median over the pairs is judged: that of processor time, which neighbours on
the machine blur least. Both have to come to the same tasks. Kale converts a notebook of as many steps, once.
"""

import argparse
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import fresh
import kale
from fresh import Taken
from verdicts import Verdict, table

ROOT = Path(__file__).resolve().parents[2]
SIZES = (10, 50, 200)
BOUND = 1.2  # times kfp's own time

IMPORTS = {"ours": "from AutoMLOps import AutoMLOps\n", "kfp": "from kfp import compiler, dsl\n"}
MARKS = {"ours": "AutoMLOps", "kfp": "dsl"}
COMPONENT = '''

@{mark}.component
def step_{number}(data: Input[Dataset], rows: int, made: Output[Dataset], rate: float = 0.5) -> int:
    """Step {number} of many.

    Args:
        data: What the step before made.
        rows: How many rows.
        rate: Which of them to keep.
    """
    with open(data.path) as source, open(made.path, "w") as target:
        kept = [line for number, line in enumerate(source) if number < rows * rate]
        target.writelines(kept)
    return len(kept)
'''
FIRST = '''

@{mark}.component
def begin(made: Output[Dataset]):
    """Begins."""
    with open(made.path, "w") as target:
        target.writelines(f"{{number}}\\n" for number in range(100))


@{mark}.pipeline(name="many-steps", description="Many steps.")
def pipeline(rows: int, rate: float = 0.9):
    t = begin()
'''
ENDS = {
    "ours": '\n\nAutoMLOps.generate(pipeline_params={"rows": 3})\n',
    "kfp": '\n\ncompiler.Compiler().compile(pipeline, "kfp.json")\n',
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """What was measured with so many components."""

    components: int
    pairs: tuple[tuple[Taken, Taken], ...]  # ours, kfp's
    kale: Taken | None

    @property
    def ratio(self) -> float:
        return median(ours.cpu / theirs.cpu for ours, theirs in self.pairs)


def main() -> int:
    wanted = _arguments()
    python = kale.python(ROOT, wanted.kale) if wanted.kale_too else None
    sizes = [_size(count, wanted.pairs, python) for count in SIZES]
    judged = [
        Verdict(
            bound=f"compiling {size.components} components: at most {BOUND} times kfp's own time",
            found=f"{size.ratio:.2f} times",
            holds=size.ratio <= BOUND,
        )
        for size in sizes
    ]
    print(f"\nCompiling, {wanted.pairs} pairs, load {os.getloadavg()[0]:.1f}:\n\n{table(judged)}\n\n{_figures(sizes)}")
    return 0 if all(verdict.holds for verdict in judged) else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests/bench/compiling.py", description="Times compiling beside others.")
    parser.add_argument("--pairs", type=int, default=7, metavar="N", help="how often each is measured")
    parser.add_argument("--kale", metavar="PYTHON", help=f"has {kale.NAME} {kale.VERSION} (default: .venv-kale)")
    parser.add_argument("--no-kale", dest="kale_too", action="store_false", help=f"leave out {kale.NAME}")
    return parser.parse_args()


def _size(count: int, times: int, kales: Path | None) -> Size:
    with tempfile.TemporaryDirectory(prefix="automlops-bench-") as place:
        folder = Path(place)
        (folder / "work.py").write_text(text("ours", count))
        (folder / "original.py").write_text(text("kfp", count))
        fresh.run((sys.executable, "work.py"), folder, python_path=ROOT)
        _pair(folder)  # byte code for all that follow
        pairs = tuple(_pair(folder) for _ in range(times))
        return Size(components=count, pairs=pairs, kale=_kale(kales, count, folder / "kale") if kales else None)


def text(tool: str, count: int) -> str:
    """The script of a pipeline of so many components, each of which takes from the one before."""
    parts = [IMPORTS[tool], "from kfp.dsl import Dataset, Input, Output\n"]
    parts += [COMPONENT.format(mark=MARKS[tool], number=number) for number in range(1, count)]
    steps = (
        f'    t = step_{number}(data=t.outputs["made"], rows=rows, rate=rate).set_memory_limit("1G")\n'
        for number in range(1, count)
    )
    return "".join([*parts, FIRST.format(mark=MARKS[tool]), *steps, ENDS[tool]])


def _pair(folder: Path) -> tuple[Taken, Taken]:
    ours = fresh.run((sys.executable, "AutoMLOps/pipelines/pipeline.py", "--output", "ours.json"), folder)
    theirs = fresh.run((sys.executable, "original.py"), folder)
    made, wanted = (json.loads((folder / name).read_text())["root"] for name in ("ours.json", "kfp.json"))
    if made != wanted:
        raise SystemExit(f"{folder}: the two specs have other tasks")
    return ours, theirs


def _kale(python: Path, count: int, folder: Path) -> Taken:
    folder.mkdir()
    (folder / "nb.ipynb").write_text(json.dumps(kale.notebook(count)))
    command = (str(python.parent / "kale"), "--nb", "nb.ipynb", "--pipeline_name", "chain")
    try:
        return fresh.run(command, folder)
    finally:
        shutil.rmtree(folder / ".kale", ignore_errors=True)


def _figures(sizes: Sequence[Size]) -> str:
    """Seconds of each by the clock and, behind the stroke, of the processor."""
    rows = ["| components | ours s | kfp s | times | Kale s |", "| --- | --- | --- | --- | --- |"]
    for size in sizes:
        ours, theirs = (_seconds([pair[which] for pair in size.pairs]) for which in (0, 1))
        converted = "not measured" if size.kale is None else _seconds([size.kale])
        rows.append(f"| {size.components} | {ours} | {theirs} | {size.ratio:.2f} | {converted} |")
    return "\n".join(rows)


def _seconds(taken: Sequence[Taken]) -> str:
    return f"{median(each.wall for each in taken):.2f} / {median(each.cpu for each in taken):.2f}"


if __name__ == "__main__":
    sys.exit(main())
