"""Schedules, without a cloud: what a cron line may say, when it is due, and what settings have to be with it."""

import json
import os
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from random import Random
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim
from stubbing import NOTEBOOK

from AutoMLOps import AutoMLOps, BadInput, ScriptFailed, cron
from AutoMLOps.cli import main
from AutoMLOps.settings import Settings, chosen

CI = {"run_local": False, "source_repo_type": "csr"}


def settings(**given) -> Settings:
    made, problems = chosen(given)
    assert made is not None, problems
    return made


def fault(**given) -> str:
    made, problems = chosen(given)
    assert made is None and len(problems) == 1, problems
    return str(problems[0])


# ------------------------------------------------------------------------------- a cron line


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("0 6 * * 1", "at 06:00 on Monday"),
        ("0 6 * * MON-FRI", "at 06:00 on Monday through Friday"),
        ("*/15 * * * *", "every 15th minute of every hour"),
        ("5-59/15 * * * *", "every 15th minute from 5 through 59 of every hour"),
        ("30 5,17 1-7 JAN,JUN *", "at 05:30 and 17:30 on every day of month from 1 through 7 in January and June"),
        ("0 0 29 2 *", "at 00:00 on February 29"),
        ("00 06 * * 7", "at 06:00 on Sunday"),
        ("0 0 1 * SUN", "at 00:00 on the first day of month and on Sunday"),
        ("* * * * *", "every minute"),
    ],
)
def test_a_cron_line_is_taken_and_said_in_words(line, words):
    assert cron.fault(line) is None
    assert cron.in_words(line) == words


@pytest.mark.parametrize(
    ("line", "what", "hint"),
    [
        ("", "is empty", "minute, hour"),
        ("0 6 * *", "has 4 fields, and a cron line has five", "like 0 6 * * 1"),
        ("0 0 6 * * 1", "has 6 fields", "like 0 6 * * 1"),
        ("every 5 minutes", "has 3 fields", "like 0 6 * * 1"),
        ("@hourly", "a name for a time", "write 0 * * * *"),
        ("60 6 * * *", "has '60' for the minute", "0 to 59"),
        ("0 24 * * *", "has '24' for the hour", "0 to 23"),
        ("0 6 0 * *", "has '0' for the day of the month", "1 to 31"),
        ("0 6 * 13 *", "has '13' for the month", "1 to 12, or JAN to DEC"),
        ("0 6 * JANUARY *", "has 'JANUARY' for the month", "JAN to DEC"),
        ("0 6 * * mon-fri", "has 'mon-fri' for the day of the week", "in capitals: MON-FRI"),
        ("0 6 * * FRI-MON", "ends before it starts", "the lower end first"),
        ("5/15 * * * *", "has '5/15' for the minute", "5-59/15"),
        ("*/0 * * * *", "has a step of 0", "1 to 59"),
        ("*/90 * * * *", "has a step of 90", "1 to 59"),
        ("0 */24 * * *", "has a step of 24", "1 to 23"),
        ("1,,2 * * * *", "has '1,,2' for the minute", "0 to 59"),
        ("1-2-3 * * * *", "has '1-2-3' for the minute", "a range"),
        ("0 6 L * *", "has 'L' for the day of the month", "1 to 31"),
        ("0 6 ? * *", "has '?' for the day of the month", "1 to 31"),
        ("0 6 * * 5#2", "has '5#2' for the day of the week", "0 to 7"),
        ("0 6 30 2 *", "a day that never comes", "no month"),
        ("0 6 31 4,6 *", "a day that never comes", "no month"),
        ('0 0 * * "$(id)"', "is not a cron line", "five fields"),
        ("0 0 * * `id`", "is not a cron line", "five fields"),
        ("0 0 * * 1; rm -rf /", "is not a cron line", "five fields"),
        ("0 0 * * \u0661", "is not a cron line", "five fields"),
        ("0 0 * * 1\0", "is not a cron line", "five fields"),
        ("0 " * 300, "is not a cron line", "five fields"),
    ],
)
def test_what_cloud_scheduler_would_not_take_is_said_with_its_mend(line, what, hint):
    found = cron.fault(line)
    assert found is not None and what in found[0] and hint in found[1]


def test_every_line_that_is_taken_is_one_that_the_library_takes_and_is_due_some_day():
    random = Random(7)
    pieces = "* 0 1 5 6 7 12 23 30 31 59 60 */2 */5 1-5 5-1 1-31/2 MON JAN mon 1,3 SUN-SAT L 2/3 -".split()
    taken = 0
    for _ in range(4000):
        line = " ".join(random.choice(pieces) for _ in range(5))
        if cron.fault(line) is None:
            taken += 1
            next(CronSim(line, datetime(2026, 1, 1)))
            assert cron.in_words(line)
    assert taken > 100


def test_the_next_times_are_by_the_clocks_of_the_time_zone():
    berlin = ZoneInfo("Europe/Berlin")
    after = datetime(2026, 3, 28, 12, tzinfo=UTC)
    assert cron.next_times("0 6 * * *", "Europe/Berlin", after, 2) == (
        datetime(2026, 3, 29, 6, tzinfo=berlin),
        datetime(2026, 3, 30, 6, tzinfo=berlin),
    )
    summer = cron.next_times("0 6 * * *", "Europe/Berlin", after, 1)[0]
    assert summer.astimezone(UTC) == datetime(2026, 3, 29, 4, tzinfo=UTC)


def test_a_day_is_due_that_either_field_of_days_has_unless_one_is_a_star():
    def days(line: str) -> list[int]:
        return [each.day for each in cron.next_times(line, "Etc/UTC", datetime(2026, 6, 1, 1, tzinfo=UTC), 5)]

    assert days("0 0 10 * 1") == [8, 10, 15, 22, 29]
    assert days("0 0 */10 * 1") == [8, 11, 15, 21, 22]
    assert days("0 0 */10 * *") == [11, 21, 1, 11, 21]
    assert list(islice((each.day for each in CronSim("0 0 */10 * 1", datetime(2026, 6, 1, 1))), 1)) != [8]


# ------------------------------------------------------------------------------- settings


def test_blanks_of_a_cron_line_make_no_difference():
    assert settings(**CI, schedule=" 0  6\t* * 1\n").schedule == "0 6 * * 1"


def test_a_schedule_brings_the_service_that_starts_its_runs():
    assert settings(**CI, schedule="0 6 * * 1").has_service
    assert settings(**CI, schedule="0 6 * * 1", submission_service=True).has_service
    assert settings(**CI, submission_service=True).has_service
    assert not settings(**CI).has_service
    assert not settings(**CI, schedule="No Schedule Specified").has_service
    assert not settings().has_service


def test_a_schedule_without_that_service_is_one_error():
    said = fault(**CI, schedule="0 6 * * 1", submission_service=False)
    assert said.startswith(
        "submission_service is False, and its service is what starts the runs of schedule '0 6 * * 1'"
    )
    assert "leave submission_service out, or the schedule" in said


@pytest.mark.parametrize("given", [{}, {"submission_service": None}, {"submission_service": False}])
def test_a_schedule_needs_a_push_and_says_so_once(given):
    assert fault(schedule="0 6 * * 1", **given).startswith("schedule needs run_local=False")
    assert fault(schedule_pattern="0 6 * * 1", use_ci=False).startswith("schedule_pattern needs run_local=False")


def test_the_schedule_is_named_after_a_prefix_unless_it_has_a_name_of_its_own():
    assert settings().schedule_id == "AutoMLOps-schedule"
    assert settings(naming_prefix="team").schedule_id == "team-schedule"
    assert settings(naming_prefix="team", schedule_name="mondays").schedule_id == "mondays"


def test_vertex_ai_itself_needs_no_service_and_has_settings_of_its_own():
    native = {"schedule": "0 6 * * 1", "schedule_engine": "vertex"}
    made = settings(**CI, **native, schedule_max_runs=3, schedule_concurrency=2, schedule_catch_up=True)
    assert made.has_native_schedule and not made.has_service
    assert (made.schedule_max_runs, made.schedule_concurrency, made.schedule_catch_up) == (3, 2, True)
    assert settings(**CI, **native, submission_service=True).has_service
    assert not settings(**CI, **native, submission_service=False).has_service
    assert not settings(**CI, schedule="0 6 * * 1").has_native_schedule
    assert fault(**native).startswith("schedule needs run_local=False (the build of a push makes it)")


def test_a_schedule_of_vertex_ai_is_where_its_runs_are():
    native = {**CI, "schedule": "0 6 * * 1", "schedule_engine": "vertex", "pipeline_job_location": "europe-west1"}
    assert settings(**native, schedule_location="europe-west1").has_native_schedule
    said = fault(**native, schedule_location="europe-west4")
    assert said.startswith("schedule_location is europe-west4, and Vertex AI keeps a schedule where its runs are")
    assert fault(**native, schedule_name="a" * 129).startswith("schedule_name is too long for Vertex AI")


# ------------------------------------------------------------------------------- AutoMLOps.schedules

# gcloud as far as schedules ask it: what there is stands in jobs.json, what it was told in calls.
GCLOUD = """#!/usr/bin/env python3
import json, pathlib, sys
here = pathlib.Path(__file__).parent
words = [word for word in sys.argv[1:] if not word.startswith("--")][2:]
flags = dict(word[2:].partition("=")[::2] for word in sys.argv[1:] if word.startswith("--"))
jobs = json.loads((here / "jobs.json").read_text())
verb, name = words[0], words[-1]
with (here / "calls").open("a") as calls:
    print(verb, *(f"{key}={flags[key]}" for key in ("schedule", "time-zone") if key in flags), file=calls)
if fault := (here / "fault").read_text():
    sys.exit(fault)
assert flags["project"] == "demo-project" and flags["location"] == "us-central1", flags
if verb == "list":
    print(json.dumps(list(jobs.values())))
elif name not in jobs:
    sys.exit("ERROR: (gcloud.scheduler.jobs) NOT_FOUND: Job not found.")
elif verb == "describe":
    print(json.dumps(jobs[name]))
elif verb == "delete":
    del jobs[name]
else:
    if verb == "update":
        jobs[name] |= {"schedule": flags["schedule"], "timeZone": flags["time-zone"]}
    else:
        jobs[name]["state"] = {"pause": "PAUSED", "resume": "ENABLED"}[verb]
(here / "jobs.json").write_text(json.dumps(jobs))
"""
JOB = {
    "name": "projects/demo-project/locations/us-central1/jobs/AutoMLOps-schedule",
    "schedule": "0 6 * * 1",
    "timeZone": "Europe/Berlin",
    "state": "ENABLED",
    "scheduleTime": "2026-11-30T05:00:00Z",
    "lastAttemptTime": "2026-11-23T05:00:00.120000Z",
    "status": {},
    "pubsubTarget": {"attributes": {"managed-by": "automlops", "automlops-pipeline": "wine"}},
}


class Gcloud:
    """A gcloud on PATH, with jobs that a test puts there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "gcloud").write_text(GCLOUD)
        (folder / "gcloud").chmod(0o755)
        (folder / "fault").write_text("")
        self.has(JOB)

    def has(self, *jobs: dict[str, object]) -> None:
        (self.folder / "jobs.json").write_text(json.dumps({str(job["name"]).rpartition("/")[2]: job for job in jobs}))

    @property
    def writes(self) -> list[str]:
        calls = self.folder / "calls"
        found = calls.read_text().splitlines() if calls.exists() else []
        return [call for call in found if call not in ("list", "describe")]


@pytest.fixture
def gcloud(tmp_path, monkeypatch) -> Gcloud:
    (tmp_path / "bin").mkdir()
    made = Gcloud(tmp_path / "bin")
    monkeypatch.setenv("PATH", os.pathsep.join((str(made.folder), os.environ["PATH"])))
    monkeypatch.chdir(tmp_path)
    Path("work.py").write_text(NOTEBOOK)
    AutoMLOps.generate(
        project_id="demo-project", notebook="work.py", **CI, schedule="0 6 * * 1", schedule_time_zone="Europe/Berlin"
    )
    return made


def test_list_tells_of_each_schedule_of_ours_when_it_is_due_and_was(gcloud):
    other = {**JOB, "name": JOB["name"] + "-2", "state": "PAUSED", "schedule": "*/5 * * * *", "status": {"code": 5}}
    other["pubsubTarget"] = {"attributes": {"managed-by": "automlops", "automlops-pipeline": "beer"}}
    gcloud.has(JOB, other, {**JOB, "name": JOB["name"] + "-3", "pubsubTarget": {}})
    found = AutoMLOps.schedules.list()
    assert [(each.pipeline, each.state) for each in found] == [("wine", "ENABLED"), ("beer", "PAUSED")]
    assert [(each.next, each.last) for each in found] == [(1796014800.0, 1795410000.12), (None, 1795410000.12)]
    lines = str(found).splitlines()
    assert lines[0] == "demo-project, us-central1: 2 schedules made by AutoMLOps"
    for said in ("wine", "0 6 * * 1 (at 06:00 on Monday)", "Europe/Berlin", "enabled", "Mon 30 Nov 2026 06:00"):
        assert said in lines[2]
    assert "which failed: code 5" in lines[3] and "every fifth minute" in lines[3]
    page = found._repr_html_()
    assert 'href="https://console.cloud.google.com/cloudscheduler?project=demo-project"' in page and "<table>" in page
    gcloud.has()
    assert str(AutoMLOps.schedules.list()) == "demo-project, us-central1: no schedules made by AutoMLOps"
    assert gcloud.writes == []


def test_pause_and_resume_do_it_once(gcloud):
    fates = [getattr(AutoMLOps.schedules, verb)().fate for verb in ("resume", "pause", "pause", "resume")]
    assert fates == ["kept", "paused", "kept", "resumed"]
    assert gcloud.writes == ["pause", "resume"]
    assert AutoMLOps.schedules.pause().schedule.next is None


def test_update_changes_it_once_and_says_what_the_configs_say(gcloud):
    done = AutoMLOps.schedules.update("30  7 * * MON-FRI")
    assert (done.fate, done.schedule.cron, done.schedule.time_zone) == ("changed", "30 7 * * MON-FRI", "Europe/Berlin")
    assert [str(each) for each in done.warnings] == [
        "AutoMLOps/configs/defaults.yaml has schedule 0 6 * * 1: provision() goes back to that "
        "(generate(schedule='30 7 * * MON-FRI') makes it last)"
    ]
    assert AutoMLOps.schedules.update("30 7 * * MON-FRI").fate == "kept"
    assert AutoMLOps.schedules.update(schedule_time_zone="Etc/UTC").schedule.cron == "30 7 * * MON-FRI"
    back = AutoMLOps.schedules.update("0 6 * * 1", schedule_time_zone="Europe/Berlin")
    assert back.fate == "changed" and back.warnings == ()
    assert gcloud.writes == [
        "update schedule=30 7 * * MON-FRI time-zone=Europe/Berlin",
        "update schedule=30 7 * * MON-FRI time-zone=Etc/UTC",
        "update schedule=0 6 * * 1 time-zone=Europe/Berlin",
    ]


def test_delete_takes_it_away_and_says_that_provisioning_makes_it_again(gcloud):
    done = AutoMLOps.schedules.delete()
    assert done.fate == "deleted" and "provision() makes it again" in str(done) and gcloud.writes == ["delete"]
    with pytest.raises(BadInput, match="there is no schedule AutoMLOps-schedule .*provision\\(\\) makes it"):
        AutoMLOps.schedules.delete()


@pytest.mark.parametrize("given", [{}, {"schedule": '0 0 * * "$(id)"'}, {"schedule_time_zone": "$(id)"}])
def test_update_with_nothing_or_with_nonsense_asks_nobody(gcloud, given):
    with pytest.raises(BadInput, match="1 problem, nothing was changed"):
        AutoMLOps.schedules.update(**given)
    assert not (gcloud.folder / "calls").exists()


@pytest.mark.parametrize("whose", [{"managed-by": "automlops", "automlops-pipeline": "beer"}, {}])
def test_another_s_schedule_is_left_alone(gcloud, whose):
    gcloud.has({**JOB, "pubsubTarget": {"attributes": whose}})
    for call in (
        AutoMLOps.schedules.pause,
        AutoMLOps.schedules.delete,
        lambda: AutoMLOps.schedules.update("0 7 * * 1"),
    ):
        with pytest.raises(BadInput, match="the schedule AutoMLOps-schedule is of .*, not of wine .*schedule_name"):
            call()
    assert gcloud.writes == []


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("PERMISSION_DENIED: lacks IAM permission cloudscheduler.jobs.get", "roles/cloudscheduler.admin"),
        ("You do not currently have an active account selected.", "gcloud auth login"),
        ("SERVICE_DISABLED: Cloud Scheduler API has not been used in project", "provision() switches it on"),
    ],
)
def test_where_gcloud_refuses_it_is_said_with_its_mend(gcloud, fault, said):
    (gcloud.folder / "fault").write_text(f"ERROR: {fault}")
    with pytest.raises(ScriptFailed) as raised:
        AutoMLOps.schedules.pause()
    assert fault in str(raised.value) and said in str(raised.value)


def test_without_a_codebase_or_a_project_it_is_said(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("AutoMLOps.standing._LAST", [])
    with pytest.raises(BadInput, match="call generate"):
        AutoMLOps.schedules.list()
    Path("work.py").write_text(NOTEBOOK)
    AutoMLOps.generate(notebook="work.py")
    with pytest.raises(BadInput, match="project_id"):
        AutoMLOps.schedules.list()


def test_the_terminal_does_the_same_and_gives_one_document(gcloud, capsys):
    def said(*words: str) -> dict:
        capsys.readouterr()
        assert main(["schedules", *words, "--json"]) == 0
        return json.loads(capsys.readouterr().out)

    assert said()["result"]["schedules"][0]["cron"] == said("list")["result"]["schedules"][0]["cron"] == "0 6 * * 1"
    assert [said(verb)["result"]["fate"] for verb in ("pause", "pause", "resume")] == ["paused", "kept", "resumed"]
    changed = said("update", "--schedule", "0 7 * * 1")
    assert (
        changed["result"]["schedule"]["cron"] == "0 7 * * 1"
        and "provision() goes back" in changed["warnings"][0]["message"]
    )
    assert said("delete")["result"]["fate"] == "deleted"
    assert main(["schedules", "pause", "--schedule", "0 7 * * 1"]) == 2
    assert "schedules pause changes no time" in capsys.readouterr().err
    assert main(["schedules", "stop"]) == 2


def test_plan_says_when_runs_start_next(gcloud):
    from AutoMLOps.provisioning import _due

    (check,) = _due(settings(**CI, schedule="0 6 * * 1", schedule_time_zone="Europe/Berlin"))
    assert check.told.startswith("0 6 * * 1 is at 06:00 on Monday, by the clocks of Europe/Berlin: on Mon ")
    assert check.told.count(" at 06:00") == 3 and not [*_due(settings())]
