"""The whole tree of each golden case, and the gallery of help and errors, as they were reviewed."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import gallery
import nbformat
import pytest
from golden import CASES, ROOT, arguments, generate, notebook, tree

from AutoMLOps.cli import VERBS

REPOSITORY = Path(__file__).resolve().parent.parent
KEPT = {
    path.relative_to(gallery.ROOT).as_posix(): path.read_text(encoding="utf-8") for path in gallery.ROOT.rglob("*.txt")
}
AGAIN = "python tests/golden.py --accept, and read the diff"


@pytest.mark.parametrize("case", CASES)
def test_a_case_gives_its_tree(case, tmp_path):
    generate(case, tmp_path / "made")
    assert tree(tmp_path / "made") == tree(ROOT / case / "tree")


@pytest.mark.parametrize("case", CASES)
def test_scripts_are_executable_and_the_rest_is_not(case, tmp_path):
    generate(case, tmp_path / "made")
    files = [path for path in (tmp_path / "made").rglob("*") if path.is_file() and ".automlops" not in path.parts]
    scripts = {path for path in files if path.read_bytes().startswith(b"#!")}
    assert {path for path in files if os.access(path, os.X_OK)} == scripts
    sourced = {"gcloud.sh", "making.sh", "record.sh"}
    assert {path.name for path in files if path.suffix == ".sh"} - {path.name for path in scripts} <= sourced


@pytest.mark.parametrize("case", CASES)
def test_what_provisioning_begins_is_waited_for_by_its_name(case):
    script = ROOT / case / "tree/provision/provision_resources.sh"
    lines = script.read_text().splitlines() if script.exists() else []
    begun = {line.split()[1] for line in lines if line.strip().startswith("begin ")}
    awaited = {word for line in lines if line.startswith("await ") for word in line.split()[1:]}
    assert begun - awaited <= {"apis", "bucket-ways"}  # for which needs() and finish() wait


@pytest.mark.parametrize("case", CASES)
def test_a_second_run_changes_nothing(case, tmp_path):
    generate(case, tmp_path / "made")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "made").rglob("*")}
    again = generate(case, tmp_path / "made")
    assert {change.fate for change in again.changes} == {"same"}
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "made").rglob("*")} == before


@pytest.mark.parametrize("case", CASES)
def test_a_dry_run_says_the_same_and_writes_nothing(case, tmp_path):
    said = generate(case, tmp_path / "made", dry_run=True)
    assert not (tmp_path / "made").exists()
    assert generate(case, tmp_path / "made").changes == said.changes


@pytest.mark.parametrize("seed", ["0", "1", "4242"])
def test_the_same_input_gives_the_same_bytes_under_any_hash_seed(seed, tmp_path):
    code = f"import sys; sys.path[:0] = [{str(REPOSITORY)!r}, {str(REPOSITORY / 'tests')!r}]; import golden; [golden.generate(case, sys.argv[1] + '/' + case) for case in golden.CASES]"
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True, env={**os.environ, "PYTHONHASHSEED": seed})
    for case in CASES:
        assert tree(tmp_path / case) == tree(ROOT / case / "tree")


@pytest.mark.parametrize("case", ["marked", "decorated", "kubeflow"])
def test_a_live_kernel_gives_the_same_tree(case, tmp_path):
    from nbclient import NotebookClient

    cells = nbformat.read(notebook(case), as_version=4) if case == "marked" else _cells(case)
    (tmp_path / "settings_of_the_case.py").write_text(f"ARGUMENTS = {arguments(case)!r}\n", encoding="utf-8")
    for beside in (ROOT / case).glob("*.yaml"):  # what the notebook loads
        shutil.copy(beside, tmp_path)
    path = f"{REPOSITORY}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    NotebookClient(cells, timeout=120, resources={"metadata": {"path": str(tmp_path)}}).execute(
        env={**os.environ, "PYTHONPATH": path}
    )
    wanted = {
        name: text.replace("notebook.py", "this notebook").replace("notebook.ipynb", "this notebook")
        for name, text in tree(ROOT / case / "tree").items()
    }
    assert tree(tmp_path / "AutoMLOps") == wanted
    (result,) = [output["data"] for output in cells.cells[-1].outputs if output.output_type == "execute_result"]
    assert "README.md" in result["text/html"] and "README.md" in result["text/plain"]


def _cells(case):
    """The script as a notebook of one cell for each statement group, the last of which calls generate."""
    text = notebook(case).read_text(encoding="utf-8").removesuffix("AutoMLOps.generate()\n")
    cells = [nbformat.v4.new_code_cell(part) for part in text.split("\n\n\n")]
    cells.append(
        nbformat.v4.new_code_cell("import settings_of_the_case\n\nAutoMLOps.generate(**settings_of_the_case.ARGUMENTS)")
    )
    return nbformat.v4.new_notebook(
        cells=cells, metadata={"kernelspec": {"name": "python3", "language": "python", "display_name": "Python 3"}}
    )


@pytest.mark.parametrize("case", CASES)
def test_the_generated_tests_pass(case, tmp_path):
    shutil.copytree(ROOT / case / "tree", tmp_path / "tree")
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=tmp_path / "tree",
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert "skipped" not in run.stdout


# ------------------------------------------------------------------------------- the gallery


@pytest.fixture(scope="module")
def pages():
    return gallery.pages()


@pytest.mark.parametrize("path", sorted(KEPT))
def test_a_page_of_the_gallery_says_what_was_reviewed(pages, path):
    assert pages.get(path) == KEPT[path], AGAIN


def test_every_page_is_kept(pages):
    assert pages.keys() == KEPT.keys(), AGAIN


def test_every_verb_has_its_help_and_examples():
    assert {f"help/{name}.txt" for name in (*VERBS, "automlops")} == {path for path in KEPT if path.startswith("help/")}
    assert all("examples:\n" in KEPT[f"help/{name}.txt"] for name in VERBS if name != "completion")


def test_at_least_sixty_mistakes_are_shown():
    assert sum(text.count("=== ") for path, text in KEPT.items() if path.startswith("errors/")) >= 60
