"""How things stand, asked of the stand-in cloud: the service, its messages, runs and builds."""

import base64
import json
import os
import re
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cloud import pubsub
from cloud.faults import FOREVER, HANG
from cloud.standin import PROJECT, Cloud
from launches import VALUES, caller
from provisioned import provisioned, run
from starlette.testclient import TestClient
from submissions import Google, loaded, token, until
from test_service_cloud import brought, codebase

pytest_plugins = ["cloud.fixture"]
pytestmark = [pytest.mark.slow, pytest.mark.thorough]
__all__ = ["codebase"]

READER = "reader@example.test"
LETTERBOX = "automlops-runs-dead-letters"
DEAD = f"projects/{PROJECT}/topics/{LETTERBOX}"
REDRIVEN = "[[row.fate, row.name] for row in AutoMLOps.redrive({}).rows]"
ROWS = "[[row.kind, row.name, row.state, row.told, row.mend] for row in AutoMLOps.status().rows]"
Rows = dict[str, list[tuple[str, str, str, str]]]


@pytest.fixture
def standing(cloud: Cloud, codebase: Path) -> Callable[..., Rows]:
    """standing() is how things stand: name, state, told and mend of each row, by its kind."""
    call = caller(cloud, codebase.parent)
    cloud.state.enable("monitoring", project=PROJECT)

    def asked(**more: Any) -> Rows:
        before = cloud.state.picture()
        cloud.requests.clear()
        said = call(ROWS, **more)
        assert isinstance(said, list), said
        assert cloud.writes() == [] and cloud.state.picture() == before
        assert not [each for each in cloud.requests if each.path.endswith(":acknowledge")]
        found: Rows = {}
        for kind, *rest in said:
            found.setdefault(kind, []).append(tuple(rest))
        return found

    return asked


def stamped(cloud: Cloud, messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Messages as Pub/Sub brings them: with the moment at which they were published."""
    return [{**each, "publishTime": cloud.state.published[each["messageId"]]} for each in messages]


def deployed(cloud: Cloud, codebase: Path) -> None:
    """A push that deployed the service, and the run that its message asked for."""
    provisioned(cloud, codebase)
    call = caller(cloud, codebase.parent)
    assert call("(lambda done: done.fresh)(AutoMLOps.deploy(notebook='work.py'))") is True
    cloud.settle()
    brought(cloud, codebase, stamped(cloud, pubsub.published(cloud.state, "automlops-runs")))
    cloud.settle()


def published(cloud: Cloud, codebase: Path, values: str) -> dict[str, Any]:
    run(cloud, codebase, "scripts/publish_to_topic.sh", values)
    return pubsub.published(cloud.state, "automlops-runs")[-1]


def test_what_is_deployed_is_seen_with_its_runs_builds_and_dead_letters(
    cloud: Cloud, codebase: Path, standing: Callable[..., Rows]
) -> None:
    made = {kind: rows for kind, rows in standing().items() if kind != "waiting"}
    assert {rows[0][1] for rows in made.values()} == {"off"}
    deployed(cloud, codebase)
    call = caller(cloud, codebase.parent)
    bad = published(cloud, codebase, '{"times": "many"}')
    brought(cloud, codebase, stamped(cloud, [bad]))
    tired = published(cloud, codebase, '{"times": 4}')
    pubsub.forward(cloud.state, tired, "automlops-runs-push", 20)
    found = standing()
    ((name, state, told, _),) = found["service"]
    assert (name, state) == ("run-pipeline", "ready") and "run-pipeline-00002" in told and "@sha256:" in told
    assert found["topic"][0][1] == "delivers"
    assert [row[:2] for row in found["waiting"]] == [
        ("automlops-runs", "3 messages"),  # which nobody pushes in the stand-in
        ("automlops-runs-dead-letters", "2 messages"),
    ]
    assert [row[1] for row in found["dead letters"]] == ["2 of words"]
    (first, second) = found["dead letter"]
    assert first[0] == bad["messageId"] and "times is a NUMBER_INTEGER" in first[2]
    assert "did not take it in 20 tries" in second[2]
    ((job, state, told, _),) = found["run"]
    message = pubsub.published(cloud.state, "automlops-runs")[0]["messageId"]
    assert (job, state, told) == (f"words-{message}", "succeeded", f"by the message {message}")
    assert [row[1] for row in found["trigger"]] == ["on"]
    assert [row[1] for row in found["build"]] == ["success"]
    assert re.fullmatch("of [0-9a-f]{7} on automlops", found["build"][0][2])
    jobs = next(each for each in cloud.requests if each.path.endswith("/pipelineJobs"))
    assert jobs.query["filter"] == ['display_name="words"'] and jobs.query["pageSize"] == ["5"]

    done = call(REDRIVEN.format("dry_run=True"))
    assert done == [["redrive", bad["messageId"]], ["redrive", done[1][1]]]
    assert len(pubsub.waiting(cloud.state, LETTERBOX)) == 2
    assert [each[0] for each in call(REDRIVEN.format(""))] == ["redriven", "redriven"]
    assert pubsub.waiting(cloud.state, LETTERBOX) == []
    again = pubsub.published(cloud.state, "automlops-runs")[-2:]
    said = brought(cloud, codebase, stamped(cloud, [*again, *again]))
    assert [each["outcome"] for _, each in said] == ["dead letter", "started", "dead letter", "started before"]
    cloud.settle()
    (_, newer) = standing()["run"][::-1]
    assert newer[:2] == (f"words-{again[1]['attributes']['run']}", "succeeded")


def emptied(cloud: Cloud) -> None:
    """A project in which topics and subscriptions are as provisioning makes them, and nothing else is there yet."""
    cloud.state.enable("aiplatform", "cloudbuild", "monitoring", "pubsub", "run", project=PROJECT)
    within = f"projects/{PROJECT}"
    for topic in ("automlops-runs", LETTERBOX):
        cloud.state.resources[f"{within}/topics/{topic}"] = {"name": f"{within}/topics/{topic}"}
    cloud.state.resources[f"{within}/subscriptions/{LETTERBOX}"] = {"topic": f"{within}/topics/{LETTERBOX}"}
    cloud.state.resources[f"{within}/subscriptions/automlops-runs-push"] = {
        "topic": f"{within}/topics/automlops-runs",
        "pushConfig": {"pushEndpoint": "https://run-pipeline.run.app/push"},
        "deadLetterPolicy": {"deadLetterTopic": f"{within}/topics/{LETTERBOX}"},
    }


ASKED = {
    "service": ("run.googleapis.com/apis/serving", "run.services.get"),
    "topic": ("GET pubsub", "pubsub.subscriptions.get"),
    "dead letters": ("POST pubsub.*:pull", "pubsub.subscriptions.consume"),
    "waiting": ("monitoring", "monitoring.timeSeries.list"),
    "run": ("pipelineJobs", "aiplatform.pipelineJobs.list"),
    "trigger": ("cloudbuild", "cloudbuild.builds.list"),
}


def test_a_question_that_is_refused_is_a_row_and_the_others_are_answered(
    cloud: Cloud, codebase: Path, standing: Callable[..., Rows]
) -> None:
    emptied(cloud)
    assert {kind: rows[0][1] for kind, rows in standing().items()} == {
        "service": "missing", "topic": "delivers", "waiting": "0 messages", "dead letters": "none of words",
        "run": "none yet", "trigger": "missing",
    }  # fmt: skip
    for kind, (pattern, permission) in ASKED.items():
        cloud.faults.clear()
        cloud.fault(pattern, 403, times=FOREVER)
        (row,) = [(each, *rows[0]) for each, rows in standing().items() if rows[0][1] == "unknown"]
        assert row[0] == {"trigger": "build"}.get(kind, kind)
        assert permission in row[3] and "add-iam-policy-binding" in row[4]
    cloud.faults.clear()
    for role in ("viewer", "serviceusage.serviceUsageConsumer"):
        cloud.state.grant(READER, f"roles/{role}", f"projects/{PROJECT}")
    found = standing(as_=READER)
    assert [kind for kind, rows in found.items() if rows[0][1] == "unknown"] == ["dead letters"]
    cloud.state.revoke(READER, "roles/viewer", f"projects/{PROJECT}")
    assert {rows[0][1] for rows in standing(as_=READER).values()} == {"unknown"}
    said = caller(cloud, codebase.parent)(ROWS, as_=None)
    assert said.startswith("BadInput: 1 problem, nobody was asked:") and "gcloud auth login" in said


def test_a_redrive_that_is_killed_between_publishing_and_taking_starts_no_second_run(
    cloud: Cloud, codebase: Path, tmp_path: Path
) -> None:
    emptied(cloud)
    script, call = codebase / "scripts/redrive.py", caller(cloud, tmp_path)
    for name, attributes in (("words", {"run": "17", "why": "no"}), ("words", {}), ("rain", {"run": "18"})):
        content = json.dumps({"pipeline": name, "parameters": {"times": 3}}).encode()
        letter = {"data": base64.b64encode(content).decode(), "attributes": attributes}
        pubsub.put(cloud.state, DEAD, [letter])
    cloud.fault(":acknowledge", HANG, times=FOREVER)
    process = cloud.start(sys.executable, script, cwd=codebase)
    until(lambda: bool(again(cloud)), "nothing was published")
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert len(pubsub.waiting(cloud.state, LETTERBOX)) == 3
    cloud.faults.clear()
    cloud.state.held.clear()  # what nobody holds any more comes again
    assert sorted(each[0] for each in call(REDRIVEN.format(""))) == ["kept", "redriven", "redriven"]
    (left,) = pubsub.waiting(cloud.state, LETTERBOX)
    assert left["attributes"] == {"run": "18"} and not pubsub.held(cloud.state, left["messageId"])
    google = Google()
    service = loaded(codebase / "services/submission_service", google)
    with TestClient(service.app) as client:
        for each in again(cloud):
            headers = {"Authorization": f"Bearer {token(service)}"}
            assert client.post("/push", json={"message": each}, headers=headers).status_code == 200
    runs = [each["attributes"]["run"] for each in again(cloud)]
    assert len(runs) == 3 and sorted(google.jobs) == sorted({f"words-{each}" for each in runs})


def test_who_may_take_letters_and_may_not_publish_loses_none(cloud: Cloud, codebase: Path, tmp_path: Path) -> None:
    emptied(cloud)
    call = caller(cloud, tmp_path)
    cloud.state.grant(READER, "roles/serviceusage.serviceUsageConsumer", f"projects/{PROJECT}")
    assert "pubsub.subscriber" in call(REDRIVEN.format(""), as_=READER)
    cloud.state.grant(READER, "roles/pubsub.subscriber", f"projects/{PROJECT}/subscriptions/{LETTERBOX}")
    content = base64.b64encode(b'{"pipeline": "words"}').decode()
    pubsub.put(cloud.state, DEAD, [{"data": content, "attributes": {"run": "17"}}])
    assert "topics add-iam-policy-binding automlops-runs" in call(REDRIVEN.format(""), as_=READER)
    assert len(pubsub.waiting(cloud.state, LETTERBOX)) == 1
    cloud.state.grant(READER, "roles/pubsub.publisher", f"projects/{PROJECT}/topics/automlops-runs")
    assert call(REDRIVEN.format(""), as_=READER) == [["redriven", "17"]]
    assert pubsub.waiting(cloud.state, LETTERBOX) == []


def again(cloud: Cloud) -> list[dict[str, Any]]:
    """What was published with the run that it asks for."""
    return [each for each in pubsub.published(cloud.state, "automlops-runs") if "run" in each.get("attributes", {})]


def test_a_pipeline_that_runs_from_here_has_runs_alone(cloud: Cloud, tmp_path: Path) -> None:
    call = caller(cloud, tmp_path)
    assert call(f"[AutoMLOps.generate({PROJECT!r}, {VALUES!r}, notebook='work.py'), 1][1]") == 1
    cloud.state.enable("aiplatform", project=PROJECT)
    assert [row[:3] for row in call(ROWS)] == [["run", "words", "none yet"]]
    done = cloud.run("gcloud", "--version")
    assert done.returncode == 0
    assert json.dumps(cloud.writes()) == "[]"
