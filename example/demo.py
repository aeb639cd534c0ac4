"""Runs the quickstart as a visitor would, in the folder demo/, and shows what it wrote."""

import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

HERE = Path(__file__).resolve().parent
DEMO = HERE.parent / "demo"
CODEBASE = DEMO / "AutoMLOps"
COLOURS = re.compile("\x1b\\[[0-9;]*m")


def main() -> int:
    shutil.rmtree(DEMO, ignore_errors=True)
    DEMO.mkdir()
    notebook = nbformat.read(HERE / "quickstart.ipynb", as_version=4)
    print("Running example/quickstart.ipynb in demo/ ...\n", flush=True)
    try:
        client(notebook).execute()
    except CellExecutionError as error:
        print(f"The notebook failed in this cell:\n\n{COLOURS.sub('', str(error))}", file=sys.stderr)
        return 1
    nbformat.write(notebook, DEMO / "quickstart.ipynb")
    print("demo/AutoMLOps/", *tree(CODEBASE), sep="\n")
    print("\nThe pipeline, as it ran on this machine:\n")
    print(*(f"    {line}" for line in shown(notebook, "rehearse").split("\n")), sep="\n")
    print("\ndemo/AutoMLOps/README.md begins:\n")
    print(*(f"    {line}".rstrip() for line in head(CODEBASE / "README.md")), sep="\n")
    (report,) = CODEBASE.glob(".automlops/runs/*/report.html")
    print(NEXT.format(report=report.relative_to(HERE.parent)))
    return 0


NEXT = """
What you can do now:
    {report}
                                                 is the report of the run: open it in a browser
    .venv/bin/python -m pytest demo/AutoMLOps    compiles the pipeline and runs its steps here, without an account
    demo/quickstart.ipynb                        is the notebook as it ran; open it in Jupyter and change a step
    README.md                                    says how to do the same with a notebook of yours"""


def client(notebook: nbformat.NotebookNode) -> NotebookClient:
    where = {"metadata": {"path": DEMO}}
    quiet = ["--log-level=ERROR"]  # the kernel of ipykernel 7 warns of its own connection
    return NotebookClient(notebook, timeout=300, kernel_name="python3", resources=where, extra_arguments=quiet)


def shown(notebook: nbformat.NotebookNode, cell: str) -> str:
    """What a cell of the notebook gave, as text."""
    (found,) = [each for each in notebook.cells if each.id == cell]
    return "\n".join(output["data"]["text/plain"] for output in found.outputs if "data" in output)


def head(readme: Path) -> list[str]:
    """What stands above the first section."""
    return readme.read_text(encoding="utf-8").partition("\n## ")[0].splitlines()


def tree(folder: Path, indent: str = "") -> Iterator[str]:
    """The folder's lines, files before folders; what AutoMLOps keeps for itself is left out."""
    entries = sorted(folder.iterdir(), key=lambda path: (path.is_dir(), path.name))
    shown = [path for path in entries if path.name != ".automlops"]
    for path in shown:
        branch, below = ("└── ", "    ") if path == shown[-1] else ("├── ", "│   ")
        yield f"{indent}{branch}{path.name}{'/' * path.is_dir()}"
        if path.is_dir():
            yield from tree(path, indent + below)


if __name__ == "__main__":
    sys.exit(main())
