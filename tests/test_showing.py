"""`automlops show`: a graph from whatever holds one, in every form."""

import json
from xml.etree import ElementTree

import pytest
import yaml
from drawings import faults, flowchart
from golden import generate

from AutoMLOps import showing
from AutoMLOps.cli import main
from AutoMLOps.errors import BadInput

PLAIN = """
from AutoMLOps import AutoMLOps


@AutoMLOps.component
def load(rows: int) -> int:
    return rows


@AutoMLOps.component
def train(rows: int):
    print(rows)


@AutoMLOps.pipeline(name="wine")
def wine(rows: int):
    loaded = load(rows=rows)
    train(rows=loaded.output)
"""
HIDDEN = PLAIN.replace("    train(rows=loaded.output)", "    for n in range(2):\n        train(rows=n)")
SPEC = {
    "schemaVersion": "2.1.0",
    "pipelineInfo": {"name": "wine"},
    "root": {"dag": {"tasks": {"load": {"componentRef": {"name": "comp-load"}, "taskInfo": {"name": "load"}}}}},
    "components": {"comp-load": {"executorLabel": "exec-load"}},
    "deploymentSpec": {"executors": {"exec-load": {"container": {"image": "example/load"}}}},
}


@pytest.fixture
def notebook(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    (tmp_path / "wine.py").write_text(PLAIN)
    return tmp_path / "wine.py"


def test_a_notebook_is_drawn_as_text_and_needs_no_values(notebook, capsys):
    assert main(["show", "wine.py"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "wine: 2 steps" and any("│ load " in line for line in said) and "▼" in "".join(said)


def test_each_form_is_written_where_it_was_asked_for(notebook, tmp_path, capsys):
    assert main(["show", "wine.py", "--svg", "docs/wine.svg", "--html", "wine.html", "--mermaid"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("docs/wine.svg: wine, 2 steps\nwine.html: wine, 2 steps\nflowchart TD\n")
    assert flowchart(said.partition("\nwine.html: wine, 2 steps\n")[2])[0] == [("", ("load",)), ("", ("train",))]
    assert not faults((tmp_path / "docs/wine.svg").read_text())
    assert "<h1>wine</h1>" in (tmp_path / "wine.html").read_text()
    assert main(["show", "wine.py", "--svg", "-"]) == 0
    assert ElementTree.fromstring(capsys.readouterr().out).get("role") == "img"


def test_a_file_that_cannot_be_written_is_told(notebook, tmp_path, capsys):
    (tmp_path / "taken").write_text("")
    assert main(["show", "wine.py", "--svg", "taken/wine.svg"]) == 1
    assert "taken" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["spec.json", "spec.yaml", "job.json"])
def test_a_compiled_pipeline_is_drawn(notebook, tmp_path, name):
    document = {"pipelineSpec": SPEC} if name == "job.json" else SPEC
    text = json.dumps(document) if name.endswith(".json") else yaml.safe_dump(document) + "---\nplatforms: {}\n"
    (tmp_path / name).write_text(text)
    (node,) = showing.found(name).nodes
    assert (node.path, node.detail) == ("root/load", "example/load")


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("a.json", "{", "cannot be read"),
        ("a.yaml", "a: [", "cannot be read"),
        ("a.json", "[" * 100_000, "cannot be read"),
        ("a.yaml", "a: 2001-99-99", "cannot be read"),
        ("a.yaml", "a: !!bool x", "cannot be read"),
        ("a.yaml", "", "no compiled pipeline"),
        ("a.json", "[]", "no compiled pipeline"),
        ("a.json", '{"root": 1}', "schemaVersion"),
        ("a.py", "x = 1", "has no pipeline"),
    ],
)
def test_what_holds_no_pipeline_is_refused(notebook, tmp_path, name, text, told):
    (tmp_path / name).write_text(text)
    with pytest.raises(BadInput, match=told):
        showing.found(name)


def test_a_folder_that_is_no_codebase_is_refused(notebook, tmp_path, capsys):
    assert main(["show", "."]) == 2
    assert "1 problem, nothing was drawn" in capsys.readouterr().err


@pytest.mark.slow
def test_what_only_a_run_can_tell_is_compiled_first(notebook, tmp_path):
    notebook.write_text(HIDDEN)
    assert [node.name for node in showing.found("wine.py").nodes] == ["load", "train", "train-2"]
    assert not list(tmp_path.glob("*.json"))


@pytest.mark.slow
def test_a_codebase_is_drawn_as_it_stands(tmp_path):
    generate("by_push", tmp_path / "made")
    path = tmp_path / "made/pipelines/pipeline.py"
    path.write_text(path.read_text().replace('name="words"', 'name="mine"'))
    before = sorted(tmp_path.rglob("*"))
    drawn = showing.found(str(tmp_path / "made"))
    assert drawn.name == "mine" and [node.name for node in drawn.nodes] == ["write", "count"]
    assert [each for each in sorted(tmp_path.rglob("*")) if each not in before] == []
