"""Schedules, without a cloud: what a cron line may say, when it is due, and what settings have to be with it."""

from datetime import UTC, datetime
from itertools import islice
from random import Random
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim

from AutoMLOps import cron
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
