"""runs(): what ran, side by side, and where an artifact came from."""

import json
from html.parser import HTMLParser

import pytest

from AutoMLOps import AutoMLOps, BadInput
from AutoMLOps.history import Runs, metrics
from AutoMLOps.model import Run, State, TaskRun
from AutoMLOps.nouns import replace
from AutoMLOps.timeline import Rehearsed


def artifact(uri, kind="system.Dataset", **metadata):
    return [{"name": "x", "uri": uri, "type": {"schemaTitle": kind}, "metadata": metadata}]


def step(name, inputs=None, outputs=None, state=State.SUCCEEDED, **changes):
    given = {"inputs": json.dumps(inputs or {}), "outputs": json.dumps(outputs or {})}
    timed = {"started": 1.0, "ended": 2.0, **changes}
    return TaskRun(**{"path": f"root/{name}", "name": name, "component": name, "state": state, **timed, **given})


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


def fixed(number, *more, cached=""):
    """A run whose first step gives the same path in every run."""
    state = State.CACHED if cached else State.SUCCEEDED
    load = step("load", {"number": number}, {"data": artifact("/fixed.csv")}, state, cached=cached, key="k")
    return replace(run(number, 1, 0.5), tasks=(load, *more))


def test_an_artifact_that_each_run_writes_to_the_same_place_is_the_newest_runs():
    several = Runs((fixed(3), fixed(2), fixed(1)))
    for name in ("load.data", "/fixed.csv"):
        assert several.lineage(name).run.id == "wine-3" and several.lineage(name).parameters == {"number": 3}
    assert Runs(several.runs[::-1]).lineage("load.data").run.id == "wine-3"
    assert several[1:].lineage("load.data").run.id == "wine-2"


def test_an_artifact_written_to_the_same_place_is_not_taken_for_that_of_the_run_it_was_cached_from():
    several = Runs((fixed(3, cached="/r/1"), fixed(2), fixed(1)))
    assert several.lineage("load.data").run.id == "wine-1"


def test_a_result_whose_maker_is_no_longer_on_record_is_of_the_step_that_took_it_over():
    origin = Runs((fixed(3, cached="/r/gone"), fixed(2))).lineage("load.data")
    assert (origin.run.id, origin.task.state) == ("wine-3", State.CACHED)


def test_a_step_that_was_cached_has_what_it_was_given_then():
    give = {"data": artifact("/fixed.csv")}
    use = step("use", give, {"model": artifact("/model")}, started=3.0, ended=4.0)
    again = replace(use, state=State.CACHED, cached="/r/1")
    origin = Runs((fixed(2, again, cached="/r/1"), fixed(1, use))).lineage("use.model")
    assert (origin.run.id, [each.run.id for each in origin.inputs]) == ("wine-1", ["wine-1"])


def test_a_step_that_passes_an_artifact_through_leads_to_its_first_maker():
    give = {"data": artifact("/fixed.csv")}
    same = step("same", give, {"same": artifact("/fixed.csv")}, started=3.0, ended=4.0)
    last = step("last", give, {"model": artifact("/model")}, started=5.0, ended=6.0)
    several = Runs((fixed(2, last, same), fixed(1, last, same)))
    told = str(several.lineage("last.model"))
    assert [line.split()[0] for line in told.splitlines()[::2]] == ["last.model", "same.same", "load.data"]
    assert "in 2" in told and "in 1" not in told


def test_steps_that_pass_an_artifact_round_at_the_same_moment_come_to_an_end():
    give = {"data": artifact("/fixed.csv")}
    names = ("one", "two", "three")
    tasks = [step(name, give, {"same": artifact("/fixed.csv")}, ended=1.0) for name in names]
    several = Runs(tuple(fixed(number, *tasks) for number in (3, 2, 1)))
    assert str(several.lineage("/fixed.csv")).count("/fixed.csv") == 4


def test_an_input_is_of_the_step_that_had_given_it_by_then():
    give = {"data": artifact("/fixed.csv")}
    slow, quick = (step(name, {}, give, started=at, ended=end) for name, at, end in (("s", 3.0, 9.0), ("q", 2.0, 4.0)))
    use = step("use", give, {"model": artifact("/model")}, started=5.0, ended=6.0)
    assert [each.task.name for each in Runs((fixed(1, use, slow, quick),)).lineage("use.model").inputs] == ["q"]


def test_a_long_chain_is_told_to_its_end_and_what_two_took_only_once():
    tasks = [step("step0", {}, {"x": artifact("/0")}, started=1.0, ended=1.0)]
    for number in range(1, 1100):
        before = artifact(f"/{number - 1}")
        give = {"left": before, "right": before}
        at = {"started": float(number), "ended": float(number)}
        tasks.append(step(f"step{number}", give, {"x": artifact(f"/{number}")}, **at))
    origin = Runs((replace(run(1, 1, 0.5), tasks=tuple(tasks)),)).lineage("step1099.x")
    lines = str(origin).splitlines()
    assert sum("step0.x" in line for line in lines) == 2
    assert sum("told above" in line for line in lines) == 1099


def test_what_only_looks_like_an_artifact_is_no_fault():
    odd = step("odd", {"a": [{"uri": {}}]}, {"b": [{"uri": ["x"]}], "c": artifact("/c")})
    origin = Runs((replace(run(1, 1, 0.5), tasks=(odd,)),)).lineage("odd.c")
    assert origin.inputs == () and str(origin).startswith("odd.c")


def test_the_artifacts_there_are_may_be_many():
    many = tuple(step(f"s{number}", {}, {"x": artifact(f"/{number}")}) for number in range(50))
    with pytest.raises(BadInput, match=r"there are: s0\.x, .*s19\.x, and 30 more\)$"):
        Runs((replace(run(1, 1, 0.5), tasks=many),)).lineage("nothing.x")


def test_one_run_shows_its_steps_and_has_its_report():
    one = RUNS[0]
    assert isinstance(one, Rehearsed) and str(one).splitlines()[0] == "wine: succeeded in 2.0 s, 2 steps"
    assert one.report.path == "/r/2/report.html" and "<table>" in one._repr_html_() and one.warnings == ()
    assert [type(each) for each in RUNS] == [Rehearsed] * 2 and RUNS[0] == next(iter(RUNS))
    assert RUNS.lineage("train.model").run == one and Runs((one,))[0] is one


def test_of_many_parameters_and_metrics_the_first_are_in_the_table():
    tasks = tuple(
        step("train", {}, {"m": artifact("/m", "system.Metrics", accuracy=number)}, path=f"root/loop/{number}/train")
        for number in range(100)
    )
    values = json.dumps({f"p{number}": number for number in range(8)})
    flooded = replace(run(1, 1, 0.5), parameters=values, tasks=tasks)
    row = str(Runs((flooded,))).splitlines()[1]
    assert "p5=5, and 2 more" in row and "p6" not in row
    assert "loop/5/train.accuracy=5, and 94 more" in row and len(row) < 400
    assert "and 94 more" in Runs((flooded,))._repr_html_()
    assert len(metrics(flooded)) == 100 and len(Runs((flooded,)).compare().rows) == 3 + 8 + 100 + 100


def test_when_runs_began_is_no_difference():
    compared = RUNS.compare()
    assert len(set(compared.rows["began"])) == 2 and "began" not in compared.differences
    assert not any(line.startswith("* began") for line in str(compared).splitlines())


HOSTILE = "a\nb\x1b[2Jc\r\x00\x9b\u2028\u202e\ud800z"


def test_control_characters_neither_break_a_line_nor_reach_the_screen():
    tasks = (
        step(HOSTILE, {HOSTILE: HOSTILE}, {HOSTILE: artifact(HOSTILE, HOSTILE)}),
        step("m", {}, {"m": artifact("/m", "system.Metrics", **{HOSTILE: HOSTILE})}),
    )
    values = {"folder": f"/r/{HOSTILE}", "parameters": json.dumps({HOSTILE: HOSTILE}), "tasks": tasks}
    several = Runs((replace(run(1, 1, 0.5), **values),))
    compared, origin = several.compare(), several.lineage(HOSTILE)
    with pytest.raises(BadInput) as refused:
        several.lineage(f"no{HOSTILE}")
    assert len(str(several).splitlines()) == 2
    assert len(str(compared).splitlines()) == 1 + len(compared.rows) and len(str(origin).splitlines()) == 2
    shown = (str(several), str(compared), str(origin), str(refused.value))
    for text in (*shown, *(each._repr_html_() for each in (several, compared, origin))):
        assert "\ufffd" in text and not set(text.replace("\n", "")) & set(HOSTILE.replace("\n", "")) - set("abc[2Jz")
        assert text.encode()
