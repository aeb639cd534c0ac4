"""`automlops check`: everything is told, and nothing is written."""

import json

import pytest
from golden import generate

from AutoMLOps import checking, disk
from AutoMLOps.cli import main

GOOD = """
from AutoMLOps import AutoMLOps
import os

os.umask(0o22)


@AutoMLOps.component
def say(word: str):
    print(word)


@AutoMLOps.pipeline(name="words")
def words(word: str):
    say(word=word)
"""
BAD = GOOD.replace("print(word)", "print(word, frame)").replace("say(word=word)", "say(word=word, loud=True)")


def files(folder) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture
def notebook(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "work.py").write_text(GOOD)
    return tmp_path / "work.py"


def test_a_good_notebook_needs_no_values_and_is_told_what_would_be_written(notebook, tmp_path, capsys):
    before = files(tmp_path)
    assert main(["check", "work.py"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "work.py: nothing to mend" and said[1].startswith("AutoMLOps/: ") and "dry run" in said[1]
    assert len(said) == 2 and files(tmp_path) == before


def test_every_fault_and_warning_is_told_with_its_place(notebook, tmp_path, capsys):
    notebook.write_text(BAD)
    (tmp_path / "values.json").write_text('{"word": 3, "more": 1}')
    assert main(["check", "work.py", "--project-id", "My Project", "--params", "values.json"]) == 1
    said = capsys.readouterr()
    assert not said.err and said.out.startswith("work.py: ")
    for told in ("project_id", "`frame`", "loud", "`word`", "`more`", "line "):
        assert told in said.out, told
    assert not (tmp_path / "AutoMLOps").exists()


def test_it_is_the_same_that_generate_says(notebook, capsys):
    notebook.write_text(BAD)
    assert main(["generate", "work.py"]) == 2
    generated = {line for line in capsys.readouterr().err.splitlines() if line.startswith("  - ")}
    assert main(["check", "work.py"]) == 1
    checked = {line for line in capsys.readouterr().out.splitlines() if line.startswith("  - ")}
    assert checked == {line for line in generated if "pipeline_params" not in line}


def test_a_notebook_is_checked_against_the_codebase_that_is_there(notebook, tmp_path, capsys):
    (tmp_path / "values.json").write_text('{"word": "hi"}')
    assert main(["generate", "work.py", "--params", "values.json"]) == 0
    (tmp_path / "AutoMLOps/README.md").write_text("mine")
    notebook.write_text(GOOD.replace("say", "tell"))
    capsys.readouterr()
    assert main(["check", "work.py"]) == 0
    said = capsys.readouterr().out
    assert "  kept     README.md  (edited; the new version is in README.md.new)" in said
    assert "  removed  components/say/component.yaml  (no longer part of the pipeline)" in said
    assert (tmp_path / "AutoMLOps/components/say/component.yaml").exists()


def test_what_stands_in_the_way_of_writing_is_a_problem(notebook, tmp_path, capsys):
    (tmp_path / "AutoMLOps").mkdir()
    (tmp_path / "AutoMLOps/__init__.py").touch()
    assert main(["check", "work.py"]) == 1
    assert "is a Python package" in capsys.readouterr().out


# ------------------------------------------------------------------------------- a codebase


@pytest.fixture
def codebase(tmp_path):
    generate("by_push", tmp_path / "made")
    return tmp_path / "made"


def told(codebase) -> list[str]:
    before = files(codebase)
    found = checking.codebase(str(codebase))
    assert files(codebase) == before
    return str(found).replace(f"{codebase}", "made").splitlines()


def test_a_codebase_as_it_was_generated_is_well(codebase):
    first, second = told(codebase)
    assert first == "made: nothing to mend"
    assert second.endswith("files were written by generating, and are as they were")


def test_edits_deletions_and_new_versions_that_wait_are_told(codebase):
    (codebase / "README.md").write_text("mine")
    (codebase / "pytest.ini").unlink()
    generate("by_push", codebase)
    (codebase / "cloudbuild.yaml").unlink()
    assert told(codebase)[1:] == [
        f"{len(disk.written(codebase))} files were written by generating; 3 of them are not as they were:",
        "  kept     README.md  (edited)",
        "  kept     README.md.new  (waits to be taken over into README.md)",
        "  removed  cloudbuild.yaml  (was deleted)",
    ]


@pytest.mark.parametrize(
    ("path", "old", "new", "problem"),
    [
        ("configs/defaults.yaml", "run_local: false", "run_local: maybe", "run_local"),
        ("configs/defaults.yaml", "run_local: false", "run_lokal: false", "did you mean run_local?"),
        ("configs/defaults.yaml", "gcp:", "gcp: [", "is not valid YAML"),
        (
            "configs/defaults.yaml",
            "project_id: my-project-123",
            "project_id: other-project",
            "has PROJECT=my-project-123",
        ),
        ("pipelines/runtime_parameters/pipeline_parameter_values.json", "{", "[", "is not valid JSON"),
        (
            "pipelines/runtime_parameters/pipeline_parameter_values.json",
            "{",
            '{"a": 1, "a": 2,',
            "is not valid JSON: a stands",
        ),
        (".automlops/manifest.json", "{", "[", "is not what AutoMLOps wrote"),
    ],
)
def test_what_was_edited_into_a_fault_is_told(codebase, path, old, new, problem, capsys):
    text = (codebase / path).read_text()
    assert old in text
    (codebase / path).write_text(text.replace(old, new, 1))
    assert main(["check", str(codebase)]) == 1
    assert problem in capsys.readouterr().out


def test_a_write_that_was_cut_off_is_told(codebase):
    journal = {"token": "x", "deeds": [], "manifest": json.loads((codebase / ".automlops/manifest.json").read_text())}
    (codebase / ".automlops/journal.json").write_text(json.dumps(journal))
    assert told(codebase)[:3] == [
        "made: 1 warning",
        "Warnings:",
        "  - a write was cut off, and the codebase is not whole (the next generate() completes it)",
    ]


def test_a_folder_that_is_none_and_settings_for_a_folder_are_refused(codebase, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    assert main(["check", str(tmp_path / "empty")]) == 1
    assert "holds no generated codebase" in capsys.readouterr().out
    assert main(["check", str(codebase), "--project-id", "my-project"]) == 2
    assert "--project-id is for generating (check a NOTEBOOK with them)" in capsys.readouterr().err
