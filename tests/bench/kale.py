"""Makes the environment of Kubeflow Kale 2.3.0, and times a notebook's trivial steps as Kale runs them locally."""

import json
import subprocess
import sys
import venv
from pathlib import Path

NAME, VERSION = "kubeflow-kale", "2.3.0"

RUN = """
import importlib.util, io, contextlib, logging, os, sys, tempfile, time
from kfp import local
logging.disable()
os.environ["_KFP_RUNTIME"] = "true"
local.init(runner=local.SubprocessRunner(use_venv=False), pipeline_root=tempfile.mkdtemp(dir="."))
spec = importlib.util.spec_from_file_location("made", sys.argv[1])
made = importlib.util.module_from_spec(spec)
spec.loader.exec_module(made)
with contextlib.redirect_stdout(io.StringIO()):
    began = time.perf_counter()
    made.auto_generated_pipeline()
    took = time.perf_counter() - began
print(took)
"""


def python(root: Path, given: str | None) -> Path:
    """The interpreter that has Kale: the one given, else that of .venv-kale in the clone, made once."""
    chosen = Path(given) if given else root / ".venv-kale" / "bin" / "python"
    if not given and not chosen.exists():
        print(f"making .venv-kale with {NAME}=={VERSION} (once; some minutes)", file=sys.stderr, flush=True)
        venv.create(chosen.parent.parent, clear=True, with_pip=True)
        pip = (str(chosen), "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
        if subprocess.run((*pip, f"{NAME}=={VERSION}")).returncode:
            raise SystemExit(f"pip could not install {NAME}=={VERSION}: install it anywhere, and give --kale PYTHON")
    return chosen.absolute()


def seconds(python: Path, count: int, folder: Path) -> float:
    """What so many chained steps take: converted by Kale, run by kfp.local in Kale's own environment."""
    (folder / "nb.ipynb").write_text(json.dumps(notebook(count)))
    _said(folder, str(python.parent / "kale"), "--nb", "nb.ipynb", "--pipeline_name", "chain")
    (made,) = (folder / ".kale").glob("*.kale.py")
    return float(_said(folder, str(python), "-c", RUN, str(made)).split()[-1])


def _said(folder: Path, *command: str) -> str:
    ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=1800)
    if ended.returncode:
        raise SystemExit(f"{command[0]} failed:\n{ended.stdout[-2000:]}\n{ended.stderr[-2000:]}")
    return ended.stdout


def notebook(count: int) -> dict[str, object]:
    """Steps as Kale reads them: a tag for each cell, and for the step before it."""
    cells = [_cell("number_0 = 0", "step:s0")]
    cells += [_cell(f"number_{n} = number_{n - 1} + 1", f"step:s{n}", f"prev:s{n - 1}") for n in range(1, count)]
    metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "kubeflow_notebook": {
            "experiment_name": "chain",
            "pipeline_name": "chain",
            "pipeline_description": "chain",
            "volumes": [],
        },
    }
    return {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 4}


def _cell(source: str, *tags: str) -> dict[str, object]:
    return {
        "cell_type": "code",
        "source": source,
        "metadata": {"tags": list(tags)},
        "execution_count": None,
        "outputs": [],
    }
