"""Scripts of the codebase run as they stand on disk, once they and the configs agree."""

import os
import re
import sys
from pathlib import Path

import pytest
from stubbing import NOTEBOOK, codebase, stub

from AutoMLOps import AutoMLOps, BadInput, ScriptFailed, script

GITLAB = {"run_local": False, "source_repo_type": "gitlab", "source_repo_name": "example/wine"}
SCRIPT = "provision/provision_resources.sh"
NAMES = {  # as the script has it, and what the configs come to
    "PROJECT": "demo-project",
    "REGISTRY": "vertex-mlops-af",
    "REGISTRY_LOCATION": "us-central1",
    "BUCKET": "demo-project-bucket",
    "BUCKET_LOCATION": "us-central1",
    "RUNNER": "vertex-pipelines@demo-project.iam.gserviceaccount.com",
    "TRIGGER": "automlops-trigger",
    "TRIGGER_LOCATION": "us-central1",
    "REPOSITORY": "example/wine",
    "CONNECTION": "automlops-gitlab",
    "BRANCH": "automlops",
}


@pytest.fixture
def written(tmp_path, monkeypatch):
    """A codebase with all its scripts as generated, for a push to GitLab."""
    monkeypatch.chdir(tmp_path)
    Path("work.py").write_text(NOTEBOOK)
    AutoMLOps.generate(project_id="demo-project", notebook="work.py", **GITLAB)
    return Path("AutoMLOps")


# ------------------------------------------------------------------------------- agreement


def test_what_was_generated_agrees(written):
    folder, settings = script.settled(None, SCRIPT, "provision/deprovision_resources.sh", "scripts/run_all.sh")
    said = dict(script.assignments((written / SCRIPT).read_text()))
    assert folder == written and {name: said[name] for name in NAMES} == {**NAMES, "TRIGGER": settings.trigger}


@pytest.mark.parametrize("name", NAMES)
def test_a_script_that_says_something_else_is_refused_by_name_with_both_values(written, name):
    path = written / SCRIPT
    said = dict(script.assignments(path.read_text()))[name]
    stub(written, SCRIPT, re.sub(rf"^{name}=.*$", f"{name}=other-one", path.read_text(), flags=re.MULTILINE))
    with pytest.raises(BadInput) as raised:
        script.settled(None, SCRIPT)
    (problem,) = raised.value.problems
    assert problem.message == f"{path} has {name}=other-one, AutoMLOps/configs/defaults.yaml comes to {said}"
    assert "generate()" in problem.hint and "nothing was done" in str(raised.value)


@pytest.mark.parametrize(
    ("setting", "value", "names"),
    [
        ("project_id", "other-project", {"PROJECT", "BUCKET", "RUNNER"}),
        ("af_registry_name", "other", {"REGISTRY"}),
        ("naming_prefix", "team", {"REGISTRY", "BUCKET", "TRIGGER"}),
        ("cb_trigger_name", "other", {"TRIGGER"}),
        ("run_local", "true", {"TRIGGER"}),
        ("source_repo_type", "csr", {"REPOSITORY", "CONNECTION"}),
        ("csr_branch_name", "other", {"BRANCH"}),
    ],
)
def test_configs_that_were_edited_since_are_refused_with_every_name_they_move(written, setting, value, names):
    configs = written / "configs/defaults.yaml"
    configs.write_text(re.sub(rf"^( *{setting}):.*$", rf"\1: {value}", configs.read_text(), flags=re.MULTILINE))
    with pytest.raises(BadInput) as raised:
        script.settled(None, SCRIPT)
    assert {re.search(r" has (\w+)=", problem.message)[1] for problem in raised.value.problems} == names


def test_the_faults_of_all_scripts_are_told_together(written):
    for name in (SCRIPT, "scripts/build_components.sh"):
        stub(written, name, "PROJECT=other-project\n")
    with pytest.raises(BadInput, match="2 problems, nothing was done"):
        script.settled(None, SCRIPT, "scripts/build_components.sh")


def test_values_are_read_as_the_shell_reads_them():
    text = "A='one'  # of two\nB=\nC=\"x y\"\nD='over\nlines'\n  E=inner\nF=$G\nH=one two\n"
    assert list(script.assignments(text)) == [("A", "one"), ("B", ""), ("C", "x y"), ("F", "$G")]


def test_every_script_that_is_missing_is_named(written):
    (written / SCRIPT).unlink()
    with pytest.raises(BadInput) as raised:
        script.settled(None, SCRIPT, "scripts/no.sh", "scripts/run_all.sh")
    assert [problem.message for problem in raised.value.problems] == [
        f"there is no {written / SCRIPT}",
        f"there is no {written / 'scripts/no.sh'}",
    ]


def test_without_a_project_it_says_to_give_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("work.py").write_text(NOTEBOOK)
    with pytest.raises(BadInput, match=r"call generate\(\) first"):
        script.settled(None, SCRIPT)
    AutoMLOps.generate(notebook="work.py")
    with pytest.raises(BadInput, match=r'generate\(project_id="\.\.\."\) writes it'):
        script.settled(None, SCRIPT)


# ------------------------------------------------------------------------------- running


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return codebase()


def nothing(text):
    return False


def test_the_python_of_a_script_is_the_one_that_this_runs_in(folder):
    path = stub(folder, "own.sh", 'command -v python3; echo "$PATH"; echo "$GIVEN $1"\n')
    python, places, given = script.run(path, {"GIVEN": "one"}, nothing, "two")
    assert os.path.dirname(python) == os.path.dirname(sys.executable) and given == "one two"
    assert places.split(":")[1:] == os.environ["PATH"].split(":")


def test_what_is_heard_is_not_among_the_rest_and_all_is_told_unless_it_is_to_be_quiet(folder, capsys):
    path = stub(folder, "own.sh", "echo good: 1\necho other >&2\n")
    for quiet, told in ((False, ["good: 1", "other"]), (True, ["other"])):
        assert script.run(path, {}, lambda text: text.startswith("good"), quiet=quiet) == ("other",)
        said = capsys.readouterr()
        assert said.err.splitlines() == told and not said.out


def test_a_script_that_fails_raises_with_the_end_of_what_it_said(folder):
    path = stub(folder, "own.sh", "seq 100\necho good: 1\necho 'stopped at: the bucket' >&2\nexit 7\n")
    with pytest.raises(ScriptFailed) as raised:
        script.run(path, {}, lambda text: text.startswith("good"))
    head, *lines = str(raised.value).splitlines()
    assert head == f"{path} stopped with exit code 7:" and lines[-2:] == ["  100", "  stopped at: the bucket"]
    assert "  1" not in lines and len(lines) <= 40


def test_a_script_that_says_nothing_or_is_killed_is_told_as_such(folder):
    for text, said in (("exit 1\n", "exit code 1:\n  it said nothing"), ("kill -9 $$\n", "ended by signal 9")):
        with pytest.raises(ScriptFailed, match=said):
            script.run(stub(folder, "own.sh", text), {}, nothing)
