"""The verbs status and redrive on a codebase: what they run, what they ask, and what they say."""

import json

import pytest
from stubbing import codebase, stub

from AutoMLOps import AutoMLOps, rest
from AutoMLOps.cli import main
from AutoMLOps.errors import BadInput, ScriptFailed
from AutoMLOps.inquiry import Thing
from AutoMLOps.shell import Asked

REDRIVE = "scripts/redrive.py"
SERVED = {"run_local": False, "submission_service": True, "source_repo_type": "github", "source_repo_name": "e/wine"}
SAYS = """
import sys
print("redriven letter     17 (times (all) is text)")
print("kept     letter     2 (of other pipelines)")
print("nothing of it", sys.argv[1:])
"""


@pytest.fixture
def folder(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    made = codebase(**SERVED)
    stub(made, "provision/provision_resources.sh", "PIPELINE=wine\n")
    stub(made, REDRIVE, SAYS)
    capsys.readouterr()
    return made


def test_the_script_of_the_codebase_is_run_and_its_letters_are_told(folder, capsys):
    done = AutoMLOps.redrive(limit=3)
    assert [(row.fate, row.name, row.why) for row in done.rows] == [
        ("redriven", "17", "times (all) is text"),
        ("kept", "2", "of other pipelines"),
    ]
    said = capsys.readouterr()
    assert "['--limit=3']" in said.err and f"{folder / REDRIVE}: 1 redriven, 2 of other pipelines kept" in said.out


def test_in_a_terminal_it_is_one_document(folder, capsys):
    assert main(["redrive", "--dry-run", "--limit", "2", "--json"]) == 0
    said = capsys.readouterr()
    assert json.loads(said.out)["result"]["dry_run"] is True and "['--dry-run', '--limit=2']" in said.err


def test_a_script_that_stops_says_what_it_had_done(folder):
    stub(folder, REDRIVE, SAYS + "sys.exit('stopped: no')")
    with pytest.raises(ScriptFailed, match="stopped: no") as stopped:
        AutoMLOps.redrive()
    assert [row.fate for row in stopped.value.done.rows] == ["redriven", "kept"]


@pytest.mark.parametrize("limit", [0, -1])
def test_a_limit_is_a_number_of_letters(folder, limit):
    with pytest.raises(BadInput, match="no number of letters"):
        AutoMLOps.redrive(limit=limit)


def test_without_a_service_there_is_nothing_to_redrive(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    stub(codebase(), "provision/provision_resources.sh", "PIPELINE=wine\n")
    assert main(["redrive"]) == 2
    assert "has no service that starts runs" in capsys.readouterr().err


def test_status_asks_about_the_pipeline_of_the_codebase_and_its_project(folder, monkeypatch, capsys):
    asked = []

    def login(project):
        asked.append(project)
        return Asked(code=0), rest.Google("token", project)

    row = Thing(kind="run", name="wine-1", state="succeeded")
    monkeypatch.setattr("AutoMLOps.rest.login", login)
    monkeypatch.setattr("AutoMLOps.inquiry.things", lambda google, settings, pipeline: asked.append(pipeline) or (row,))
    assert main(["status", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["result"]
    assert asked == ["demo-project", "wine"] and told["rows"][0]["name"] == "wine-1" and told["pipeline"] == "wine"
    assert main(["status"]) == 0
    assert capsys.readouterr().out.splitlines()[1:] == ["  run  wine-1  succeeded"]


@pytest.mark.parametrize(
    ("login", "info", "told"),
    [
        (Asked(code=1, complained="ERROR: You do not have an active account"), {"account": None}, "gcloud auth login"),
        (Asked(code=1, complained="ERROR: Max retries exceeded"), {"account": "a@b"}, "could not be tried"),
        (Asked(code=127, complained="gcloud is not installed, or not on PATH"), None, "install it"),
        (Asked(code=0), {"account": "a@b"}, "gcloud gave no token"),
    ],
)
def test_where_nobody_is_logged_in_it_says_so_as_the_checks_do(folder, monkeypatch, capsys, login, info, told):
    said = json.dumps({"basic": {"version": "528.0.0"}, "config": info})
    answer = Asked(code=0, said=said) if info else login
    monkeypatch.setattr("AutoMLOps.rest.login", lambda project: (login, None))
    monkeypatch.setattr("AutoMLOps.preflight._gcloud", lambda *words: answer)
    assert main(["status"]) == 2
    heard = capsys.readouterr().err
    assert "nobody was asked" in heard and told in heard
