"""The coloring book: one pipeline said in three ways comes to the same steps, and rehearses without a cloud."""

import json
from pathlib import Path

import nbformat
import pytest
import yaml
from nbclient import NotebookClient
from tools import CHECKOUT, environment

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("coloring book")]

BOOK = CHECKOUT / "example" / "coloring_book.ipynb"
WAYS = ("marked", "decorated", "kubeflow")
# What a type checker is told in code that is written for a marked cell; a person's own function does not say it.
EXCUSE = "  # type: ignore[valid-type]"


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """The folder that the book ran in, and what its cells showed, by their names."""
    folder = tmp_path_factory.mktemp("book")
    notebook = nbformat.read(BOOK, as_version=4)
    where = {"metadata": {"path": str(folder)}}
    NotebookClient(notebook, timeout=180, kernel_name="python3", resources=where).execute(env=environment())
    shown = {
        cell.id: "\n".join(output["data"]["text/plain"] for output in cell.outputs if "data" in output)
        for cell in notebook.cells
        if cell.cell_type == "code"
    }
    return folder, shown


def files(folder: Path, part: str) -> dict[str, object]:
    paths = [path for path in sorted((folder / part).rglob("*")) if path.is_file()]
    return {path.relative_to(folder).as_posix(): said(path) for path in paths}


def said(path: Path) -> object:
    """What a file says. A marked cell also describes what comes out, of which a docstring's `Args:` says nothing."""
    text = path.read_text(encoding="utf-8").replace(EXCUSE, "")
    if path.name != "component.yaml":
        return text
    interface = yaml.safe_load(text)
    for component in interface["components"].values():
        for group in component.get("outputDefinitions", {}).values():
            for output in group.values():
                output.pop("description", None)
    return interface


def test_it_is_stored_without_outputs_in_the_current_format():
    stored = json.loads(BOOK.read_text(encoding="utf-8"))
    nbformat.validate(stored)
    assert len({cell["id"] for cell in stored["cells"]}) == len(stored["cells"])
    code = [cell for cell in stored["cells"] if cell["cell_type"] == "code"]
    assert [(cell["outputs"], cell["execution_count"]) for cell in code] == [([], None)] * len(code)


@pytest.mark.parametrize("part", ["components", "tests", "configs", "scripts", "pipelines/runtime_parameters", "docs"])
def test_the_three_ways_give_the_same_files(ran, part):
    folder, _ = ran
    marked, decorated, kubeflow = (files(folder / way, part) for way in WAYS)
    assert marked
    assert marked == decorated == kubeflow


def test_the_pipelines_differ_in_the_name_of_their_function_alone(ran):
    folder, _ = ran
    marked, decorated, kubeflow = ((folder / way / "pipelines/pipeline.py").read_text() for way in WAYS)
    assert decorated == kubeflow
    assert marked.replace("def pipeline(", "def coloring_book(").replace("(pipeline.", "(coloring_book.") == decorated


def test_the_tree_is_trained_here_and_what_would_be_deployed_tells_penguins_apart(ran):
    _, shown = ran
    assert "coloring-book: succeeded" in shown["rehearse"]
    assert 'endpoint="nowhere: 3 kinds of penguins"' in shown["rehearse"]


def test_what_reaches_google_is_known_by_its_code(ran):
    folder, _ = ran
    conftest = (folder / "kubeflow/tests/conftest.py").read_text()
    assert '"create_dataset": "google.cloud.bigquery"' in conftest
    assert '"deploy_model": "google.cloud.aiplatform"' in conftest
