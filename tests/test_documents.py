"""--json: one document of a known shape, whatever becomes of a verb, and nothing else on standard output."""

import json
import os
import subprocess
import sys

import pytest
from stubbing import RUN_ALL, codebase, stub
from test_cli import GO, LOGIN, SCRIPT
from tools import CHECKOUT, environment

from AutoMLOps import documents
from AutoMLOps.cli import VERBS, main
from AutoMLOps.errors import BadInput, RunFailed, ScriptFailed
from AutoMLOps.history import Comparison, Runs
from AutoMLOps.model import Problem, Run, State, TaskRun
from AutoMLOps.outcomes import Pushed

KEYS = {"schema", "verb", "exit_code", "result", "problems", "warnings", "error"}
TASK = TaskRun(path="root/a", name="a", component="a", state=State.FAILED, error="E", outputs='{"x": NaN}', log="a.txt")
RUN = Run(name="wine", id="wine-1", state=State.FAILED, folder="/nowhere", tasks=(TASK,), parameters='{"n": 1}')


def said(capsys) -> dict:
    return whole(capsys.readouterr().out)


def whole(text: str) -> dict:
    """The document, which has all keys and nothing that JSON does not know."""

    def unknown(word):
        raise AssertionError(f"{word} is no JSON")

    found = json.loads(text, parse_constant=unknown)
    assert set(found) == KEYS and found["schema"] == 1
    return found


@pytest.fixture
def folder(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("AutoMLOps.preflight.tools", lambda **_: ())
    monkeypatch.setattr("AutoMLOps.preflight.checks", lambda *_, **__: ())
    made = codebase()
    capsys.readouterr()
    return made


@pytest.fixture
def script(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "words.py").write_text(SCRIPT)
    (tmp_path / "params.json").write_text('{"words": "hi"}')
    return ["words.py", "--params", "params.json", "--json"]


def test_generate_tells_each_file(script, capsys):
    assert main(["generate", *script]) == 0
    told = said(capsys)
    assert (told["verb"], told["exit_code"], told["error"], told["problems"]) == ("generate", 0, None, [])
    result = told["result"]
    assert (result["folder"], result["pipeline"], result["dry_run"]) == ("AutoMLOps/", "words", False)
    assert {"path": "README.md", "fate": "created", "note": None} in result["files"] and result["next"]


def test_faults_are_told_in_it_with_their_place(script, tmp_path, capsys):
    (tmp_path / "words.py").write_text(SCRIPT.replace("print(words)", "print(lost)"))
    assert main(["generate", *script]) == 2
    captured = capsys.readouterr()
    told = whole(captured.out)
    (problem,) = told["problems"]
    assert problem["cell"] == "words.py" and problem["line"] == 6 and "`lost`" in problem["message"] and problem["hint"]
    assert told["error"]["type"] == "BadInput" and told["result"] is None and "`lost`" in captured.err


def test_check_and_show(script, tmp_path, capsys):
    assert main(["check", *script]) == 0
    assert {each["fate"] for each in said(capsys)["result"]["files"]} == {"created"}
    assert main(["check", "words.py", "--project-id", "X", "--json"]) == 1
    told = said(capsys)
    assert "project_id" in told["problems"][0]["message"] and told["error"] is None and told["exit_code"] == 1
    assert main(["show", "words.py", "--json"]) == 0
    node = {"path": "root/step", "name": "step", "shape": "step", "parent": "root", "detail": ""}
    assert said(capsys)["result"] == {"place": "words.py", "name": "words", "nodes": [node], "edges": []}


@pytest.mark.parametrize(
    "words",
    [
        ["--json"],
        ["bogus", "--json"],
        ["plan", "--json", "--bogus"],
        ["show", "--json", "a", "b"],
        ["plan", "--jsn", "--json"],
    ],
)
def test_a_wrong_call_is_told_in_it_too(words, capsys):
    assert main(words) == 2
    told = said(capsys)
    assert told["error"]["type"] == "Usage" and told["verb"] == (words[0] if words[0] in VERBS else "")


def test_the_verbs_of_the_cloud(folder, capsys, monkeypatch):
    assert main(["plan", "--json"]) == 0
    told = said(capsys)["result"]
    assert told["rows"][0]["kind"] == "bucket" and told["checks"] == [] and told["unasked"] is None
    assert main(["provision", "--json"]) == 0
    assert said(capsys)["result"]["rows"][0]["fate"] == "created"
    assert main(["deploy", "--json"]) == 0
    assert said(capsys)["result"]["kind"] == "deployed"
    assert main([*GO, "--json"]) == 0
    told = said(capsys)["result"]
    assert set(told) == {"generated", "planned", "provisioned", "deployed"} and told["deployed"]["images"]
    assert main(["deprovision", "--dry-run", "--json"]) == 0
    assert said(capsys)["result"]["dry_run"] is True
    monkeypatch.setattr("AutoMLOps.preflight.checks", lambda *_, **__: (LOGIN,))
    assert main(["plan", "--json"]) == 1
    told = said(capsys)
    assert (
        told["problems"][0]["hint"] == "gcloud auth login" and told["result"]["checks"][0]["fate"] == LOGIN.fate.value
    )


def test_a_script_that_stops_is_told_with_what_it_had_done(folder, capsys):
    stub(folder, RUN_ALL, "echo 'stopped at: the build' >&2\nexit 3\n")
    assert main(["deploy", "--json"]) == 1
    assert said(capsys)["error"]["type"] == "ScriptFailed"
    stub(folder, "provision/provision_resources.sh", "echo 'created  bucket  b'\nexit 1\n")
    assert main(["provision", "--json"]) == 1
    assert said(capsys)["result"]["rows"] == [{"fate": "created", "kind": "bucket", "name": "b", "why": None}]


def test_a_run_is_told_with_its_tasks():
    told = whole(documents.of_fault("rehearse", RunFailed("it failed", RUN), 1))
    task = told["result"]["tasks"][0]
    assert told["result"]["state"] == "failed" and told["result"]["parameters"] == {"n": 1}
    assert (task["path"], task["state"], task["outputs"], task["log"]) == ("root/a", "failed", {"x": "nan"}, "a.txt")
    (run,) = whole(documents.of("runs", Runs((RUN,)), 0))["result"]["runs"]
    assert run["metrics"] == {} and run["id"] == "wine-1" and run["report"] is None
    told = whole(documents.of("runs", Comparison((RUN, RUN)), 0))["result"]
    assert told["runs"] == ["wine-1", "wine-1"] and told["differences"] == [] and told["rows"]


def test_a_push_and_what_is_no_problem_of_ours():
    pushed = Pushed(remote="r", branch="b", commit="c", link="l", fresh=True)
    assert whole(documents.of("deploy", pushed, 0))["result"]["kind"] == "pushed"
    told = whole(documents.of_fault("go", BadInput(["text", Problem(message="m")]), 2))
    assert told["problems"] == [{"message": each, "hint": None, "cell": None, "line": None} for each in ("text", "m")]
    assert whole(documents.of_fault("go", ScriptFailed("s", None), 1))["result"] is None
    with pytest.raises(TypeError):
        documents.of("plan", 3, 0)


def test_an_interrupt_is_told(monkeypatch, capsys):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("AutoMLOps.provisioning.planned", interrupted)
    assert main(["plan", "--json"]) == 130
    assert said(capsys)["error"] == {"type": "Interrupted", "message": "interrupted"}


@pytest.mark.slow
def test_nothing_else_is_on_standard_output_when_steps_print(script, tmp_path):
    command = [sys.executable, "-m", "AutoMLOps.cli", "rehearse", *script]
    ended = subprocess.run(command, cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=120)
    result = whole(ended.stdout)["result"]
    assert ended.returncode == 0 and result["state"] == "succeeded", ended.stderr
    assert os.path.isfile(tmp_path / result["report"]) and [task["state"] for task in result["tasks"]] == ["succeeded"]
    command = [sys.executable, "-m", "AutoMLOps.cli", "runs", "--json"]
    ended = subprocess.run(command, cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=60)
    assert [run["id"] for run in whole(ended.stdout)["result"]["runs"]] == [result["id"]]


def test_the_page_about_it_names_every_key():
    page = (CHECKOUT / "docs/terminal.md").read_text(encoding="utf-8")
    told = whole(documents.of("runs", Runs((RUN,)), 0))
    (run,) = told["result"]["runs"]
    for key in {*told, *run, *run["tasks"][0], "nodes", "edges", "files", "checks", "rows", "generated", "deployed"}:
        assert f"`{key}`" in page, key
