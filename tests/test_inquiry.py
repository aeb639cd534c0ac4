"""How things stand: what Google is asked, and what its answers come to."""

import base64
import json
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from AutoMLOps import cloud, inquiry
from AutoMLOps.settings import Settings

SERVED = Settings(
    project_id="demo-project", run_local=False, submission_service=True, source_repo_type="csr", source_repo_name="rain"
)
IMAGE = f"{cloud.served(SERVED).image}@sha256:{'c0ffee' * 10}beef"


def service(image=IMAGE, ready="True", message=""):
    conditions = [{"type": "Ready", "status": ready, "lastTransitionTime": "2026-11-29T09:00:00Z", "message": message}]
    spec = {"template": {"spec": {"containers": [{"image": image}]}}}
    return {"spec": spec, "status": {"conditions": conditions, "latestReadyRevisionName": "run-pipeline-7"}}


def message(number, pipeline="rain", **attributes):
    data = base64.b64encode(json.dumps({"pipeline": pipeline}).encode()).decode()
    when = "2026-11-29T10:00:00.000Z"
    return {"ackId": f"ack-{number}", "message": {"messageId": number, "data": data, "publishTime": when, "attributes": attributes}}  # fmt: skip


def job(name="rain-17", **more):
    return {
        "name": f"projects/1/locations/us-central1/pipelineJobs/{name}",
        "state": "PIPELINE_STATE_SUCCEEDED",
        **more,
    }


class Google:
    """Answers by a word of the address; everything else is not there. What it was asked is `heard`."""

    def __init__(self, **answers):
        self.answers, self.heard = answers, []

    def __call__(self, where, body=None, method=None):
        self.heard.append((where, body))
        found = next((each for word, each in self.answers.items() if word in where), (404, {}))
        return found.pop(0) if isinstance(found, list) else found


def things(google, settings=SERVED):
    found = {}
    for each in inquiry.things(google, settings, "rain"):
        found.setdefault(each.kind, []).append(each)
    return found


def test_a_codebase_without_a_push_is_asked_about_its_runs_alone():
    google = Google(pipelineJobs=(200, {}))
    found = things(google, Settings(project_id="demo-project"))
    assert list(found) == ["run"] and found["run"][0].state == "none yet" and len(google.heard) == 1


def test_runs_are_asked_for_by_name_newest_first_and_no_more_than_are_shown():
    google = Google(pipelineJobs=(200, {"pipelineJobs": [job()] * 9}))
    assert len(things(google, Settings(project_id="demo-project"))["run"]) == inquiry.RUNS
    asked = urlsplit(google.heard[0][0])
    query = parse_qs(asked.query)
    assert asked.netloc == "us-central1-aiplatform.googleapis.com"
    assert query["filter"] == ['display_name="rain"'] and query["orderBy"] == ["create_time desc"]
    assert query["pageSize"] == ["5"]


@pytest.mark.parametrize(
    ("more", "told", "state"),
    [
        ({}, "", "succeeded"),
        ({"labels": {"automlops_message": "x"}}, "by the message 17", "succeeded"),
        ({"scheduleName": "projects/1/locations/l/schedules/9"}, "by the schedule 9", "succeeded"),
        ({"state": "PIPELINE_STATE_FAILED", "error": {"message": "step train failed"}}, "step train failed", "failed"),
        ({"state": "PIPELINE_STATE_RUNNING"}, "", "running"),
        ({"state": ""}, "", "unknown"),
    ],
)
def test_a_run_says_what_started_it_and_how_it_is(more, told, state):
    (found,) = things(Google(pipelineJobs=(200, {"pipelineJobs": [job(**more)]})))["run"]
    assert (found.told, found.state) == (told, state)
    assert found.link.endswith("/pipelines/runs/rain-17?project=demo-project")


def test_a_run_took_from_its_start_to_its_end_or_to_now():
    ended = job(startTime="2026-11-29T10:00:00Z", endTime="2026-11-29T10:01:30.5Z")
    begun = job(startTime=(datetime.now(UTC) - timedelta(hours=1)).isoformat())
    found = things(Google(pipelineJobs=(200, {"pipelineJobs": [ended, begun, job(createTime="2026-11-29T10:00:00Z")]})))
    first, second, third = found["run"]
    assert first.took == 90.5 and second.took >= 3600 and third.took is None and third.when


@pytest.mark.parametrize(
    ("answer", "state", "told"),
    [
        (service(), "ready", "run-pipeline-7, run-pipeline@sha256:c0ffeec0ffee"),
        (service(ready="False", message="no such image"), "not ready", "run-pipeline-7, run-pipeline@sha256:c0ffeec0ffee, no such image"),
        (service(ready="Unknown"), "starting", "run-pipeline-7, run-pipeline@sha256:c0ffeec0ffee"),
        (service("docker.io/library/python:3.11-slim"), "not deployed", "run-pipeline-7, a build deploys it after the next push"),
    ],
)  # fmt: skip
def test_the_service_is_ready_or_not_or_was_never_deployed(answer, state, told):
    (found,) = things(Google(namespaces=(200, answer)))["service"]
    assert (found.state, found.told, found.when) == (state, told, "2026-11-29T09:00:00Z")


def test_what_is_not_there_is_missing():
    assert {kind: rows[0].state for kind, rows in things(Google()).items()} == {
        "service": "missing", "topic": "missing", "dead letters": "missing", "run": "none yet", "trigger": "missing"
    }  # fmt: skip


@pytest.mark.parametrize(("endpoint", "state"), [("https://x.run.app/push", "delivers"), ("", "stopped")])
def test_a_topic_delivers_unless_somebody_stopped_it(endpoint, state):
    google = Google(**{"subscriptions/automlops-runs-push": (200, {"pushConfig": {"pushEndpoint": endpoint}})})
    assert things(google)["topic"][0].state == state


def test_dead_letters_are_told_counted_and_put_back():
    letters = [message(str(number), run=f"r{number}", why="no") for number in range(7)]
    others = [message("x", "wind"), message("y", pipeline=None)]
    google = Google(**{":pull": [(200, {"receivedMessages": letters + others}), (200, {})], ":modify": (200, {})})
    found = things(google)
    assert found["dead letters"][0].state == "7 of rain" and found["dead letters"][0].told == "2 of other pipelines"
    assert [each.name for each in found["dead letter"]] == [f"r{number}" for number in range(inquiry.SHOWN)]
    (back,) = [body for where, body in google.heard if where.endswith(":modifyAckDeadline")]
    assert back == {"ackIds": [each["ackId"] for each in letters + others], "ackDeadlineSeconds": 0}
    assert not [where for where, _ in google.heard if where.endswith((":acknowledge", ":publish"))]


def test_a_letter_commands_no_terminal():
    """Whoever may publish may write what it says of itself."""
    letter = message("1", run="\x1b]0;x\x07\n7", why="no\x1b[2J\r\x9b31mred")
    google = Google(**{":pull": [(200, {"receivedMessages": [letter]}), (200, {})], ":modify": (200, {})})
    (found,) = things(google)["dead letter"]
    assert (found.name, found.told) == ("]0;x 7", "no [2J 31mred")


def test_letters_are_put_back_also_where_a_later_pull_is_refused():
    google = Google(**{":pull": [(200, {"receivedMessages": [message("1")]}), (503, {})], ":modify": (200, {})})
    assert things(google)["dead letters"][0].state == "unknown"
    assert [body for where, body in google.heard if where.endswith(":modifyAckDeadline")]


def test_messages_that_wait_are_counted_without_taking_them():
    points = [{"interval": {"endTime": "2026-11-29T10:00:00Z"}, "value": {"int64Value": "1"}}]
    label = {"labels": {"subscription_id": "automlops-runs-dead-letters"}}
    google = Google(monitoring=(200, {"timeSeries": [{"resource": label, "points": points}]}))
    (found,) = things(google)["waiting"]
    assert (found.name, found.state) == ("automlops-runs-dead-letters", "1 message")


REFUSED = {"error": {"message": "Permission denied"}}
OFF = {"error": {"message": "Cloud Run Admin API has not been used in project 1 before or it is disabled."}}
CHARGED = {"error": {"message": "Caller does not have required permission serviceusage.services.use"}}


@pytest.mark.parametrize(
    ("answer", "state", "told", "mend"),
    [
        ((403, REFUSED), "unknown", "run.services.get", "--role=roles/run.viewer"),
        ((403, OFF), "off", "run.googleapis.com is switched off", "provision()"),
        ((403, CHARGED), "unknown", "403 Caller", "--role=roles/serviceusage.serviceUsageConsumer"),
        ((503, {"error": {"message": "later"}}), "unknown", "503 later", ""),
        ((0, {"reason": "timed out"}), "unknown", "timed out", ""),
    ],
)
def test_what_cannot_be_asked_is_one_row_with_its_reason_and_mend(answer, state, told, mend):
    found = things(Google(namespaces=answer, pipelineJobs=(200, {})))
    (row,) = found["service"]
    assert row.state == state and told in row.told and mend in row.mend and bool(mend) == bool(row.mend)
    assert found["run"][0].state == "none yet"


def test_the_last_build_of_the_trigger_is_told_with_its_commit():
    build = {"id": "b1", "status": "FAILURE", "createTime": "2026-11-29T10:00:00Z", "logUrl": "https://console.cloud.google.com/b1",
             "substitutions": {"SHORT_SHA": "c0ffee1", "BRANCH_NAME": "automlops"}}  # fmt: skip
    google = Google(
        **{"/triggers/": (200, {"id": "t1", "disabled": True}), "/builds": (200, {"builds": [build, build]})}
    )
    found = things(google)
    assert found["trigger"][0].state == "off"
    (last,) = found["build"]
    assert (last.state, last.told, last.link) == ("failure", "of c0ffee1 on automlops", build["logUrl"])
    asked = next(where for where, _ in google.heard if "/builds" in where)
    assert parse_qs(urlsplit(asked).query)["filter"] == ['trigger_id="t1"']
