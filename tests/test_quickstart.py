"""What a newcomer meets works as it stands: the quickstart notebook, and the README's first example."""

import json
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from tools import CHECKOUT, environment

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("quickstart")]

QUICKSTART = CHECKOUT / "example" / "quickstart.ipynb"


def execute(notebook: nbformat.NotebookNode, folder: Path) -> str:
    """Runs the notebook in a folder, and gives what its last code cell showed."""
    where = {"metadata": {"path": str(folder)}}
    NotebookClient(notebook, timeout=120, kernel_name="python3", resources=where).execute(env=environment())
    shown = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    results = [output["data"] for output in shown if output.output_type == "execute_result"]
    assert all("text/html" in data for data in results)
    return "\n".join(str(data["text/plain"]) for data in results)


def pytest_in(folder: Path) -> str:
    """What the tests in a folder print once they have passed."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def quickstart() -> nbformat.NotebookNode:
    return nbformat.read(QUICKSTART, as_version=4)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A folder in which the quickstart ran."""
    folder = tmp_path_factory.mktemp("quickstart")
    shown = execute(quickstart(), folder)
    assert "created  README.md" in shown and "wine-quickstart: succeeded" in shown
    return folder


def test_it_is_stored_without_outputs_in_the_current_format():
    stored = json.loads(QUICKSTART.read_text(encoding="utf-8"))
    nbformat.validate(stored)
    assert (stored["nbformat"], stored["nbformat_minor"]) == (4, 5)
    assert len({cell["id"] for cell in stored["cells"]}) == len(stored["cells"])
    code = [cell for cell in stored["cells"] if cell["cell_type"] == "code"]
    assert [(cell["outputs"], cell["execution_count"]) for cell in code] == [([], None)] * len(code)


def test_it_writes_a_codebase_with_its_three_steps(folder):
    code = {path.name for path in (folder / "AutoMLOps" / "components" / "component_base" / "src").iterdir()}
    assert code == {"load_data.py", "train_model.py", "evaluate_model.py"}
    readme = (folder / "AutoMLOps" / "README.md").read_text(encoding="utf-8")
    assert readme.startswith("# wine-quickstart\n")


def test_the_tests_that_it_writes_pass(folder):
    said = pytest_in(folder / "AutoMLOps")
    assert " passed" in said
    assert "skipped" not in said


def test_a_second_run_has_nothing_to_do_and_an_edit_is_kept(folder):
    assert "nothing to do" in execute(quickstart(), folder)
    readme = folder / "AutoMLOps" / "README.md"
    written = readme.read_bytes()
    readme.write_text("# Mine\n", encoding="utf-8")
    notebook = quickstart()
    (cell,) = [cell for cell in notebook.cells if cell.id == "generate"]
    cell.source = cell.source.replace('"trees": 50', '"trees": 60')
    said = execute(notebook, folder)
    assert readme.read_text(encoding="utf-8") == "# Mine\n"
    assert "kept     README.md" in said
    assert "changed  pipelines/runtime_parameters/pipeline_parameter_values.json" in said
    readme.write_bytes(written)


def test_load_ext_brings_the_magics_too(tmp_path):
    notebook = quickstart()
    first = next(cell for cell in notebook.cells if cell.cell_type == "code")
    first.source = "%load_ext AutoMLOps\nimport AutoMLOps"
    assert "created  README.md" in execute(notebook, tmp_path)


def test_the_tests_of_the_readme_s_example_pass(tmp_path):
    (example, *_) = re.findall(
        r"^```python\n(.*?)^```$", (CHECKOUT / "README.md").read_text(encoding="utf-8"), re.M | re.S
    )
    (tmp_path / "wine.py").write_text(example.partition("AutoMLOps.rehearse")[0], encoding="utf-8")
    command = [sys.executable, "wine.py"]
    ended = subprocess.run(command, cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=60)
    assert ended.returncode == 0, ended.stderr
    assert " passed" in pytest_in(tmp_path / "AutoMLOps")
