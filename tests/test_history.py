"""runs(): what ran, side by side, and where an artifact came from."""

import json
from html.parser import HTMLParser

import pytest

from AutoMLOps import AutoMLOps, BadInput
from AutoMLOps.history import Runs, metrics
from AutoMLOps.model import Run, State, TaskRun


def artifact(uri, kind="system.Dataset", **metadata):
    return [{"name": "x", "uri": uri, "type": {"schemaTitle": kind}, "metadata": metadata}]


def step(name, inputs=None, outputs=None, state=State.SUCCEEDED):
    given = {"inputs": json.dumps(inputs or {}), "outputs": json.dumps(outputs or {})}
    return TaskRun(path=f"root/{name}", name=name, component=name, state=state, started=1.0, ended=2.0, **given)


def run(number, depth, accuracy, *, state=State.SUCCEEDED, train=State.SUCCEEDED):
    data, model, scores = f"/r/{number}/data", f"/r/{number}/model", f"/r/{number}/scores"
    tasks = (
        step("load", {"rows": 10}, {"data": artifact(data)}),
        step(
            "train",
            {"data": artifact(data), "depth": depth},
            {"model": artifact(model, "system.Model"), "scores": artifact(scores, "system.Metrics", accuracy=accuracy)},
            train,
        ),
    )
    return Run(
        name="wine",
        id=f"wine-{number}",
        state=state,
        folder=f"/r/{number}",
        started=10.0 * number,
        ended=10.0 * number + 2,
        parameters=json.dumps({"depth": depth, "rows": 10}),
        tasks=tasks,
    )


RUNS = Runs((run(2, 4, 0.93), run(1, 3, 0.9)))


class Tags(HTMLParser):
    def __init__(self, html):
        super().__init__()
        self.found, self.said = [], ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.found.append(tag)

    def handle_data(self, data):
        self.said += data


def test_runs_are_a_sequence_the_newest_first():
    assert len(RUNS) == 2 and RUNS[0].id == "wine-2" and [each.id for each in RUNS[1:]] == ["wine-1"]


def test_runs_tell_their_parameters_and_metrics():
    text = str(RUNS)
    newer, older = text.splitlines()[1:]
    assert "depth=4, rows=10" in newer and newer.endswith("accuracy=0.93")
    assert "depth=3, rows=10" in older and older.endswith("accuracy=0.9")


def test_no_runs_say_what_to_do(tmp_path):
    none = AutoMLOps.runs(tmp_path)
    assert len(none) == 0 and "AutoMLOps.rehearse()" in str(none) and "AutoMLOps.rehearse()" in none._repr_html_()


def test_a_metric_that_two_steps_log_is_named_by_its_step():
    other = step("check", outputs={"m": artifact("/m", "system.Metrics", accuracy=0.5, loss=1)})
    found = metrics(Run(**{**vars_of(RUNS[0]), "tasks": (*RUNS[0].tasks, other)}))
    assert found == {"train.accuracy": 0.93, "check.accuracy": 0.5, "loss": 1}


def test_a_metric_that_one_step_logs_twice_is_named_by_its_output_too():
    logged = (("fit", 0.9), ("held", 0.5))
    twice = {name: artifact(f"/{name}", "system.Metrics", accuracy=value) for name, value in logged}
    found = metrics(Run(**{**vars_of(RUNS[0]), "tasks": (step("check", outputs=twice),)}))
    assert found == {"check.fit.accuracy": 0.9, "check.held.accuracy": 0.5}


def test_the_area_under_a_curve_is_a_metric():
    points = [{"falsePositiveRate": 0.25, "recall": 0.75}]
    scores = artifact("/s", "system.ClassificationMetrics", confidenceMetrics=points)
    found = metrics(Run(**{**vars_of(RUNS[0]), "tasks": (step("check", outputs={"scores": scores}),)}))
    assert found == {"area under ROC": 0.75}


def vars_of(one):
    return {name: getattr(one, name) for name in Run.__slots__}


def test_a_comparison_tells_the_differences():
    compared = RUNS.compare()
    assert compared.rows["parameter rows"] == ("10", "10")
    apart = compared.differences
    assert apart["parameter depth"] == ("4", "3") and apart["metric accuracy"] == ("0.93", "0.9")
    assert "parameter rows" not in apart and "took" not in apart
    assert "* parameter depth" in str(compared) and "  parameter rows" in str(compared)
    assert "<strong>parameter depth</strong>" in compared._repr_html_()


def test_a_cached_step_is_no_difference_and_a_missing_one_is():
    cached, short = run(3, 4, 0.93, train=State.CACHED), run(4, 4, 0.93)
    short = Run(**{**vars_of(short), "tasks": short.tasks[:1]})
    apart = Runs((cached, RUNS[0])).compare().differences
    assert not any(name.startswith("step") for name in apart)
    assert Runs((cached, short)).compare().differences["step train"] == ("succeeded", "")


def test_lineage_goes_back_to_the_first_step():
    origin = RUNS.lineage("train.model")
    assert (origin.uri, origin.run.id, origin.task.name, origin.parameters) == (
        "/r/2/model",
        "wine-2",
        "train",
        {"depth": 4},
    )
    (data,) = origin.inputs
    assert (data.task.name, data.parameters, data.inputs) == ("load", {"rows": 10}, ())
    assert str(origin).splitlines()[2].startswith("    load.data  system.Dataset")


def test_lineage_is_asked_by_path_too():
    assert RUNS.lineage("/r/1/model").run.id == "wine-1"


def test_a_result_taken_over_is_the_run_that_made_it():
    taken = run(2, 3, 0.9, train=State.CACHED)
    original = run(1, 3, 0.9)
    taken = Run(
        **{
            **vars_of(taken),
            "tasks": (taken.tasks[0], step("train", outputs=json.loads(original.tasks[1].outputs), state=State.CACHED)),
        }
    )
    assert Runs((taken, original)).lineage("/r/1/model").run.id == "wine-1"


def test_an_artifact_that_nobody_made_is_said_with_those_there_are():
    with pytest.raises(BadInput, match=r"there are: load.data, train.model, train.scores"):
        RUNS.lineage("train.nothing")


def test_what_users_say_stays_text():
    hostile = "<script>alert(1)</script>"
    bad = Run(**{**vars_of(run(1, hostile, hostile)), "folder": f"/r/{hostile}"})
    several = Runs((bad, RUNS[0]))
    for html in (several._repr_html_(), several.compare()._repr_html_(), several.lineage("train.model")._repr_html_()):
        tags = Tags(html)
        assert "script" not in tags.found and {"div"} <= set(tags.found)
    assert hostile in Tags(several._repr_html_()).said
