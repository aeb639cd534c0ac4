"""`automlops` in a terminal."""

import json

import pytest

from AutoMLOps.cli import main

SCRIPT = """
from AutoMLOps import AutoMLOps


@AutoMLOps.component
def step(words: str):
    print(words)


@AutoMLOps.pipeline
def words(words: str):
    step(words=words)
"""


@pytest.fixture
def notebook(tmp_path):
    (tmp_path / "deep").mkdir()
    path = tmp_path / "deep/work.py"
    path.write_text(SCRIPT)
    return path


def test_the_codebase_is_written_beside_the_notebook(notebook, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.json").write_text(json.dumps({"words": "hi"}))
    assert (
        main(
            [
                "generate",
                "deep/work.py",
                "--project-id",
                "my-project-123",
                "--params",
                "params.json",
                "--label",
                "team=a",
                "--no-enable-caching",
            ]
        )
        == 0
    )
    assert (notebook.parent / "AutoMLOps/README.md").exists()
    assert "enable_caching=False" in (notebook.parent / "AutoMLOps/pipelines/pipeline_runner.py").read_text()
    assert "created" in capsys.readouterr().out


def test_parameters_may_be_yaml(notebook, tmp_path):
    (tmp_path / "params.yaml").write_text("words: hi\n")
    assert (
        main(
            [
                "generate",
                str(notebook),
                "--params",
                str(tmp_path / "params.yaml"),
                "--output-dir",
                str(tmp_path / "out"),
            ]
        )
        == 0
    )
    assert (tmp_path / "out/README.md").exists()


def test_a_dry_run_writes_nothing(notebook, tmp_path, capsys):
    (tmp_path / "params.json").write_text('{"words": "hi"}')
    assert main(["generate", str(notebook), "--params", str(tmp_path / "params.json"), "--dry-run"]) == 0
    assert not (notebook.parent / "AutoMLOps").exists()
    assert "dry run" in capsys.readouterr().out


@pytest.mark.parametrize("text", ["[1]", "3", "null", '"x"', "{", ""])
def test_a_params_file_that_is_no_object_is_refused(notebook, tmp_path, capsys, text):
    (tmp_path / "params.json").write_text(text)
    assert main(["generate", str(notebook), "--params", str(tmp_path / "params.json")]) == 2
    assert "params.json" in capsys.readouterr().err
    assert not (notebook.parent / "AutoMLOps").exists()


def test_faults_are_told_on_stderr(notebook, capsys):
    assert main(["generate", str(notebook), "--project-id", "X", "--label", "team"]) == 2
    assert "NAME=VALUE" in capsys.readouterr().err
    assert main(["generate", str(notebook), "--project-id", "X"]) == 2
    said = capsys.readouterr().err
    assert "2 problems, nothing was written" in said and "project_id" in said and "`words`" in said


def test_a_missing_notebook_is_said(tmp_path, capsys):
    assert main(["generate", str(tmp_path / "no.ipynb")]) == 2
    assert "no.ipynb" in capsys.readouterr().err


def test_a_local_module_beside_the_notebook_is_known(notebook, capsys):
    (notebook.parent / "helpers.py").write_text("X = 1\n")
    notebook.write_text(SCRIPT.replace("print(words)", "import helpers"))
    assert main(["generate", str(notebook)]) == 2
    said = capsys.readouterr().err
    assert "helpers" in said and "not travel" in said
