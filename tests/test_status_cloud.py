"""How things stand, asked of the stand-in cloud: the service, its messages, runs and builds."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cloud import pubsub
from cloud.faults import FOREVER
from cloud.standin import PROJECT, Cloud
from launches import VALUES, caller
from test_service_cloud import PROVISION, codebase, delivered, run

pytest_plugins = ["cloud.fixture"]
pytestmark = [pytest.mark.slow, pytest.mark.thorough]
__all__ = ["codebase"]

READER = "reader@example.test"
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


def deployed(cloud: Cloud, codebase: Path) -> None:
    """A push that deployed the service, and the run that its message asked for."""
    run(cloud, codebase, PROVISION)
    call = caller(cloud, codebase.parent)
    assert call("(lambda done: done.fresh)(AutoMLOps.deploy(notebook='work.py'))") is True
    cloud.settle()
    delivered(cloud, codebase, pubsub.published(cloud.state, "automlops-runs"))
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
    bad = published(cloud, codebase, '{"times": "many"}')
    delivered(cloud, codebase, [bad])
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


@pytest.mark.parametrize(
    ("pattern", "kind", "permission"),
    [
        ("run.googleapis.com/apis/serving", "service", "run.services.get"),
        ("GET pubsub", "topic", "pubsub.subscriptions.get"),
        ("POST pubsub.*:pull", "dead letters", "pubsub.subscriptions.consume"),
        ("monitoring", "waiting", "monitoring.timeSeries.list"),
        ("pipelineJobs", "run", "aiplatform.pipelineJobs.list"),
        ("cloudbuild", "build", "cloudbuild.builds.list"),
    ],
)
def test_a_question_that_is_refused_is_a_row_and_the_others_are_answered(
    cloud: Cloud, codebase: Path, standing: Callable[..., Rows], pattern: str, kind: str, permission: str
) -> None:
    run(cloud, codebase, PROVISION)
    cloud.fault(pattern, 403, times=FOREVER)
    found = standing()
    unknown = {each: rows for each, rows in found.items() if rows[0][1] == "unknown"}
    assert list(unknown) == [kind]
    ((_, _, told, mend),) = unknown[kind]
    assert permission in told and "add-iam-policy-binding" in mend


def test_a_viewer_sees_all_but_what_dead_letters_say(
    cloud: Cloud, codebase: Path, standing: Callable[..., Rows]
) -> None:
    run(cloud, codebase, PROVISION)
    for role in ("viewer", "serviceusage.serviceUsageConsumer"):
        cloud.state.grant(READER, f"roles/{role}", f"projects/{PROJECT}")
    found = standing(as_=READER)
    assert [kind for kind, rows in found.items() if rows[0][1] == "unknown"] == ["dead letters"]
    assert found["waiting"][1][:2] == ("automlops-runs-dead-letters", "0 messages")


def test_who_is_a_stranger_has_a_row_for_each_question_and_who_is_nobody_an_error(
    cloud: Cloud, codebase: Path, standing: Callable[..., Rows]
) -> None:
    run(cloud, codebase, PROVISION)
    found = standing(as_=READER)
    assert {rows[0][1] for rows in found.values()} == {"unknown"} and len(found) == 6
    said = caller(cloud, codebase.parent)(ROWS, as_=None)
    assert said.startswith("BadInput: 1 problem, nobody was asked:") and "gcloud auth login" in said


def test_a_pipeline_that_runs_from_here_has_runs_alone(cloud: Cloud, tmp_path: Path) -> None:
    call = caller(cloud, tmp_path)
    assert call(f"[AutoMLOps.generate({PROJECT!r}, {VALUES!r}, notebook='work.py'), 1][1]") == 1
    cloud.state.enable("aiplatform", project=PROJECT)
    assert [row[:3] for row in call(ROWS)] == [["run", "words", "none yet"]]
    done = cloud.run("gcloud", "--version")
    assert done.returncode == 0
    assert json.dumps(cloud.writes()) == "[]"
