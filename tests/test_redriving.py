"""The verbs status and redrive on a codebase: what they run, what they ask, and what they say."""

import json
from datetime import UTC, datetime

import pytest
from stubbing import codebase, stub

from AutoMLOps import AutoMLOps, rest, watching
from AutoMLOps.cli import main
from AutoMLOps.errors import BadInput, ScriptFailed
from AutoMLOps.inquiry import Thing
from AutoMLOps.nouns import replace
from AutoMLOps.settings import Settings
from AutoMLOps.shell import Asked
from AutoMLOps.timetable import Schedule

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


DUE = datetime(2026, 11, 30, 6, tzinfo=UTC).timestamp()
MONDAYS = Schedule(
    name="AutoMLOps-schedule", pipeline="wine", location="us-central1", cron="0 6 * * 1", time_zone="Etc/UTC",
    state="ENABLED", next=DUE, last=DUE - 7 * 86400, fault="", link="https://console.cloud.google.com/cloudscheduler",
)  # fmt: skip


@pytest.fixture
def clock(monkeypatch):
    """scheduled() is what a codebase with a schedule is told of `found`, or of what that raises."""

    def scheduled(found):
        def listed(settings):
            if isinstance(found, Exception):
                raise found
            return found

        monkeypatch.setattr("AutoMLOps.scheduler.listed", listed)
        return watching.scheduled(Settings(project_id="demo-project", run_local=False, schedule="0 6 * * 1"), "wine")

    return scheduled


def test_a_schedule_is_told_when_it_is_due_and_was_and_what_failed(clock):
    other = replace(MONDAYS, name="theirs", pipeline="beer")
    (row,) = clock((MONDAYS, other))
    assert (row.state, row.when) == ("enabled", "2026-11-23T06:00:00Z")
    assert row.told.endswith(", Etc/UTC, next 2026-11-30 06:00") and row.link == MONDAYS.link
    (row,) = clock((replace(MONDAYS, state="PAUSED", next=None, last=None, fault="code 5"),))
    assert (row.state, row.when) == ("paused", "") and row.told.endswith("Etc/UTC, the last time failed: code 5")


def test_a_schedule_that_is_not_there_or_cannot_be_asked_about_is_a_row(clock):
    (row,) = clock(())
    assert (row.name, row.state) == ("AutoMLOps-schedule", "missing")
    (row,) = clock(ScriptFailed("gcloud scheduler jobs list failed:\n  PERMISSION_DENIED", None))
    assert row.state == "unknown" and "PERMISSION_DENIED" in row.told and "\n" not in row.told
    assert watching.scheduled(Settings(project_id="demo-project"), "wine") == ()
