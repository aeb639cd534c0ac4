"""A compiled pipeline runs on this machine as it would on Vertex AI, and says how it went."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Dict, List, NamedTuple, Optional  # noqa: UP035  kfp reads these spellings

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kfp import compiler, dsl
from kfp.dsl import Artifact, Dataset, Input, Metrics, Model, Output, OutputPath, PipelineTaskFinalStatus
from reference import Failed, Reference

from AutoMLOps import engine, processes
from AutoMLOps.errors import BadInput
from AutoMLOps.model import Run, State, TaskRun

# kfp's components are written as kfp reads them: annotated in its own terms, importing where they use
# ruff: noqa: UP006, UP007, UP045, B006, B008, SIM115

warnings.filterwarnings("ignore", category=FutureWarning)
step = partial(dsl.component, base_image="python", install_kfp_package=False)


@step
def add(a: int, b: int = 2) -> int:
    return a + b


@step
def numbers(n: int = 3) -> List[int]:
    return list(range(1, n + 1))


@step
def total(xs: List[int]) -> int:
    return sum(xs)


@step
def scores() -> NamedTuple("Scores", [("auc", float), ("folds", list)]):
    return (0.7, [1, 2])


@step
def say(text: str) -> str:
    print(text)
    return text


@step
def fails(text: str = "boom") -> str:
    raise ValueError(text)


@step
def write(text: str, data: Output[Dataset]):
    data.metadata["length"] = len(text)
    with open(data.path, "w") as file:
        file.write(text)


@step
def fetch(data: Input[Dataset]) -> str:
    with open(data.path) as file:
        return file.read() + str(data.metadata.get("length", ""))


@step
def fetch_all(data: Input[List[Dataset]]) -> str:
    return "".join(open(each.path).read() for each in data)


@step
def kind(value: dict) -> str:
    return repr(value)


@step
def report(status: PipelineTaskFinalStatus, text: str = "x") -> str:
    return f"{status.state} {status.pipeline_task_name} {status.error_code} {status.error_message} {text}"


def compiled(pipeline) -> dict:
    compiler_output = Path(os.environ["PYTEST_FOLDER"]) / "spec.json"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        compiler.Compiler().compile(pipeline, str(compiler_output))
    return json.loads(compiler_output.read_text())


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTEST_FOLDER", str(tmp_path))
    return tmp_path / "run"


@pytest.fixture
def play(folder):
    """play(pipeline, a=1) compiles it and runs it with these values."""

    def played(pipeline, timeout=60, **values) -> Run:
        return engine.run(compiled(pipeline), values, folder=folder, timeout=timeout, pause=lambda retry, attempt: 0)

    return played


def states(run: Run) -> dict[str, str]:
    return {task.path.removeprefix("root/"): task.state.value for task in run.tasks}


def task(run: Run, path: str):
    return next(task for task in run.tasks if task.path == f"root/{path}")


def output(run: Run, path: str, name: str = "Output"):
    return json.loads(task(run, path).outputs)[name]


# Lines, values, artifacts


def test_a_line_of_steps(play, folder):
    @dsl.pipeline
    def line(x: int = 5) -> int:
        first = add(a=x)
        return add(a=first.output, b=10).output

    run = play(line)
    assert (run.state, run.outputs, run.error) == (State.SUCCEEDED, '{"Output": 17}', "")
    assert states(run) == {"add": "succeeded", "add-2": "succeeded"}
    assert task(run, "add").inputs == '{"a": 5, "b": 2}'
    assert Path(task(run, "add").log).read_text().count("KFP Executor")
    assert sorted(path.name for path in folder.iterdir()) == ["root"]
    assert sorted(path.name for path in (folder / "root/add").iterdir()) == ["input.json", "log.txt", "outputs"]


def test_numbers_stay_what_they_are(play):
    @dsl.pipeline
    def typed(xs: List[int] = [1, 2], d: Dict = {"a": 1, "b": [2.0, 2.5]}, f: float = 3.0) -> int:
        @step
        def show(xs: list, d: dict, f: float, n: int, flag: bool) -> str:
            return repr((xs, d, f, n, flag))

        show(xs=xs, d=d, f=f, n=3, flag=True)
        show(xs=[1, 2.5, {"k": 1}], d={"a": 1}, f=2.0, n=0, flag=False)
        return total(xs=xs).output

    run = play(typed)
    assert output(run, "show") == "([1, 2], {'a': 1, 'b': [2, 2.5]}, 3.0, 3, True)"
    assert output(run, "show-2") == "([1, 2.5, {'k': 1}], {'a': 1}, 2.0, 0, False)"
    assert run.outputs == '{"Output": 3}'


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({}, "the parameter n has no value"),
        ({"n": "3"}, 'the parameter n is "3", which is not a NUMBER_INTEGER'),
        ({"n": 2.5}, "the parameter n is 2.5, which is not a NUMBER_INTEGER"),
        ({"n": True}, "the parameter n is true, which is not a NUMBER_INTEGER"),
        ({"n": {1}}, "the parameter n is {1}, which JSON cannot hold"),
        ({"n": 1, "m": 1}, "the pipeline has no parameter m (it has n)"),
    ],
)
def test_values_that_do_not_fit_are_told_before_anything_runs(play, folder, values, said):
    @dsl.pipeline
    def one(n: int):
        add(a=n)

    with pytest.raises(BadInput, match=".*") as raised:
        play(one, **values)
    assert said in str(raised.value)
    assert not folder.exists()


def test_every_kind_of_output(play):
    @step
    def gives(
        text: OutputPath(str),
        number: OutputPath(int),
        real: OutputPath(float),
        flag: OutputPath(bool),
        d: OutputPath(dict),
    ) -> NamedTuple("Out", [("xs", list), ("ok", bool), ("whole", float)]):
        for path, said in [(text, "1"), (number, "2"), (real, "3"), (flag, "True"), (d, '{"a": 1}')]:
            with open(path, "w") as file:
                file.write(said)
        return ([1, 2.0], True, 4)

    @dsl.pipeline
    def outputs():
        gives()

    run = play(outputs)
    expected = {
        "text": "1",
        "number": 2,
        "real": 3.0,
        "flag": True,
        "d": {"a": 1},
        "xs": [1, 2.0],
        "ok": True,
        "whole": 4.0,
    }
    assert repr({name: output(run, "gives", name) for name in expected}) == repr(expected)


def test_artifacts_travel_with_their_metadata(play, folder):
    @step
    def train(data: Input[Dataset], model: Output[Model], metrics: Output[Metrics]) -> Artifact:
        metrics.log_metric("auc", 0.9)
        model.framework = "none"
        model.metadata["size"] = 3
        open(model.path, "w").write(open(data.path).read())
        return Artifact(uri=model.uri + "-elsewhere", metadata={"k": [1]})

    @step
    def look(model: Input[Model], other: Input[Artifact], none: Optional[Input[Dataset]] = None) -> str:
        return repr(
            (open(model.path).read(), model.metadata, type(model).__name__, other.uri[-10:], other.metadata, none)
        )

    @dsl.pipeline
    def artifacts():
        trained = train(data=write(text="hello").outputs["data"])
        look(model=trained.outputs["model"], other=trained.outputs["Output"])

    run = play(artifacts)
    assert run.state is State.SUCCEEDED
    shown = "('hello', {'framework': 'none', 'size': 3}, 'Model', '-elsewhere', {'k': [1]}, None)"
    assert output(run, "look") == shown
    (model,) = output(run, "train", "model")
    assert model["type"] == {"schemaTitle": "system.Model", "schemaVersion": "0.0.1"}
    assert model["uri"] == str(folder / "root/train/outputs/model")
    assert output(run, "train", "metrics")[0]["metadata"] == {"auc": 0.9}


def test_an_artifact_at_a_path_of_its_own_is_brought_home(play):
    @step
    def train(model: Output[Model]):
        model.custom_path = "here.bin"
        open("here.bin", "w").write("weights")

    @step
    def look(model: Input[Model]) -> str:
        return open(model.path).read()

    @dsl.pipeline
    def custom():
        look(model=train().outputs["model"])

    assert output(play(custom), "look") == "weights"


def test_a_step_sees_an_empty_folder_that_goes_with_it(play, folder):
    @step
    def messy() -> list:
        import os
        from pathlib import Path

        Path("scratch.txt").write_text("x" * 10)
        return [os.path.basename(os.getcwd()), sorted(os.listdir(".")), os.environ["CUSTOM"]]

    @dsl.pipeline
    def mess():
        messy().set_env_variable("CUSTOM", "it's")

    run = play(mess)
    assert output(run, "messy")[2] == "it's"
    assert not list(folder.rglob("scratch*"))


# What kfp.local gets wrong (kfp 2.17)


def test_a_bare_if_on_a_named_output(play):
    @dsl.pipeline
    def bare():
        with dsl.If(scores().outputs["auc"] > 0.5):
            say(text="high")

    assert states(play(bare)) == {
        "scores": "succeeded",
        "condition-1": "succeeded",
        "condition-1/say": "succeeded",
    }


def test_an_if_on_a_string_with_a_quote_is_an_error_that_says_so(play):
    @dsl.pipeline
    def quoted(text: str):
        with dsl.If(text == "it's"):
            say(text="yes")

    with pytest.raises(
        BadInput, match="the condition of condition-1 is not a valid expression.*a string that holds a quote"
    ):
        play(quoted, text="it's")


def test_a_condition_that_compares_a_value_holding_a_quote(play):
    @dsl.pipeline
    def quoted(text: str, other: str):
        with dsl.If(text == other):
            say(text="yes")

    assert states(play(quoted, text="it's' || 'a' == 'a", other="it's"))["condition-1"] == "skipped"


def test_collected_integers_are_summed(play):
    @dsl.pipeline
    def summed() -> int:
        with dsl.ParallelFor([1, 2, 3]) as x:
            more = add(a=x)
        return total(xs=dsl.Collected(more.output)).output

    assert play(summed).outputs == '{"Output": 12}'


@pytest.mark.parametrize(("x", "parameter", "artifact"), [(3, 3, "1"), (4, 4, "2"), (7, 5, "3")])
def test_one_of_parameters_and_artifacts(play, x, parameter, artifact):
    @dsl.pipeline
    def either(x: int) -> str:
        with dsl.If(x == 3):
            a, d = add(a=1), write(text="1")
        with dsl.Elif(x == 4):
            b, e = add(a=2), write(text="2")
        with dsl.Else():
            c, f = add(a=3), write(text="3")
        add(a=dsl.OneOf(a.output, b.output, c.output), b=0)
        return fetch(data=dsl.OneOf(d.outputs["data"], e.outputs["data"], f.outputs["data"])).output

    run = play(either, x=x)
    assert (output(run, "add-4"), json.loads(run.outputs)) == (parameter, {"Output": artifact + "1"})
    assert Counter(states(run).values())["skipped"] == 2


def test_a_loop_over_a_named_list(play):
    @dsl.pipeline
    def folds() -> List[int]:
        with dsl.ParallelFor(numbers().output) as fold:
            x = add(a=fold, b=10)
        return dsl.Collected(x.output)

    assert play(folds).outputs == '{"Output": [11, 12, 13]}'


def test_a_loop_over_a_list_of_a_named_output(play):
    @step
    def named() -> NamedTuple("Named", [("xs", List[str]), ("n", int)]):
        return (["a", "b"], 1)

    @dsl.pipeline
    def looped() -> List[str]:
        with dsl.ParallelFor(named().outputs["xs"]) as x:
            said = say(text=x)
        return dsl.Collected(said.output)

    assert play(looped).outputs == '{"Output": ["a", "b"]}'


def test_a_nested_pipeline_takes_and_gives_artifacts(play):
    @dsl.pipeline
    def inner(data: Input[Dataset], n: int = 2, o: Optional[str] = None) -> NamedTuple(
        "I", [("s", str), ("d", Dataset)]
    ):
        said = fetch(data=data)
        written = write(text=f"{said.output}!")
        return NamedTuple("I", [("s", str), ("d", Dataset)])(said.output, written.outputs["data"])

    @dsl.pipeline
    def outer() -> str:
        nested = inner(data=write(text="a").outputs["data"])
        say(text=nested.outputs["s"])
        return fetch(data=nested.outputs["d"]).output

    run = play(outer)
    assert run.outputs == '{"Output": "a1!3"}'
    assert output(run, "say") == "a1"


@pytest.mark.parametrize(("given", "said"), [({}, "None inner deep"), ({"t": "x"}, "'x' inner x")])
def test_optional_parameters_without_a_value(play, given, said):
    @step
    def shows(t: Optional[str] = None, u: str = "inner", v: Optional[str] = "deep") -> str:
        return f"{t!r} {u} {v}"

    @dsl.pipeline
    def nested(t: Optional[str] = None) -> str:
        return shows(t=t, v=t).output

    @dsl.pipeline
    def outer(t: Optional[str] = None) -> str:
        return nested(t=t).output

    assert json.loads(play(outer, **given).outputs) == {"Output": said}


def test_a_text_or_a_loop_that_needs_a_value_which_is_not_there(play):
    @dsl.pipeline
    def optional(t: Optional[str] = None, xs: Optional[List[str]] = None):
        say(text=f"{t}!")
        with dsl.ParallelFor(xs) as x:
            say(text=x)

    run = play(optional)
    assert states(run) == {"say": "failed", "for-loop-1": "failed"}
    assert task(run, "say").error == "a text that it is given needs a value: t has no value"
    assert task(run, "for-loop-1").error == "there is nothing to loop over: xs has no value"


def test_placeholders(play, folder):
    @dsl.pipeline
    def named(x: int = 3):
        say(text=dsl.PIPELINE_JOB_NAME_PLACEHOLDER)
        say(text=f"{dsl.PIPELINE_JOB_CREATE_TIME_UTC_PLACEHOLDER}/{dsl.PIPELINE_JOB_SCHEDULE_TIME_UTC_PLACEHOLDER}")
        say(text=f"{dsl.PIPELINE_TASK_NAME_PLACEHOLDER} {dsl.PIPELINE_ROOT_PLACEHOLDER} {add(a=x).output} {x}")
        say(text=dsl.PIPELINE_JOB_ID_PLACEHOLDER)
        say(text=dsl.PIPELINE_JOB_RESOURCE_NAME_PLACEHOLDER)
        kind(value={"a": [f"{x}!", dsl.PIPELINE_TASK_NAME_PLACEHOLDER]})

    run = play(named)
    assert output(run, "say") == run.id
    day = time.strftime("%Y-%m-%dT", time.gmtime(run.started))
    assert [part[:11] for part in output(run, "say-2").split("/")] == [day, day]
    assert output(run, "say-3") == f"say-3 {folder} 5 3"
    assert output(run, "say-4").isdigit()
    assert output(run, "say-5").endswith(f"/pipelineJobs/{run.id}")
    assert output(run, "kind") == "{'a': ['3!', 'kind']}"


def test_values_that_look_like_placeholders_are_left_alone(play):
    @dsl.pipeline
    def odd(text: str):
        say(text=say(text=text).output)

    text = "{{$.pipeline_job_name}} {{$}} ${x} $(y) {z} '\"\n\t🎉"
    assert output(play(odd, text=text), "say-2") == text


def test_an_ignored_failure_gives_way_to_the_default(play):
    @step
    def say_default(text: str = "default") -> str:
        return text

    @dsl.pipeline
    def ignored():
        clean = fails()
        say_default(text=clean.output).ignore_upstream_failure()

    run = play(ignored)
    assert (run.state, output(run, "say-default")) == (State.FAILED, "default")
    assert states(run) == {"fails": "failed", "say-default": "succeeded"}


def test_an_ignored_upstream_that_succeeds_is_used(play):
    @step
    def told(status: PipelineTaskFinalStatus, text: str = "default") -> str:
        return f"{status.state} {text}"

    @dsl.pipeline
    def ignored():
        told(text=say(text="given").output).ignore_upstream_failure()

    run = play(ignored)
    assert (run.state, output(run, "told")) == (State.SUCCEEDED, "SUCCEEDED given")


# Conditions and loops


@pytest.mark.parametrize("x", [0, 1, 2])
def test_nested_conditions_and_what_waits_for_them(play, x):
    @dsl.pipeline
    def nested(x: int):
        with dsl.If(x > 0):
            one = add(a=x)
            with dsl.If(one.output >= 4):
                two = say(text="deep")
                say(text=two.output)

    found = states(play(nested, x=x))
    deep = {"condition-1/add": "succeeded", "condition-1/condition-2": "succeeded" if x == 2 else "skipped"}
    assert {path: found.get(path) for path in deep} == (deep if x else dict.fromkeys(deep))
    assert ("condition-1/condition-2/say-2" in found) is (x == 2)


def test_loops_in_loops_over_fields_of_their_items(play):
    @dsl.pipeline
    def nested(items: List[dict] = [{"a": 1, "b": [1, 2]}, {"a": 2, "b": []}]):
        with dsl.ParallelFor(items) as item:
            x = add(a=item.a)
            with dsl.ParallelFor(item.b) as y:
                add(a=y)
            with dsl.If(item.a == 2):
                say(text="two")
        total(xs=dsl.Collected(x.output))

    run = play(nested)
    assert run.state is State.SUCCEEDED
    assert output(run, "total") == 7
    found = states(run)
    assert [path for path in found if path.endswith("add-2")] == [
        "for-loop-1/0/for-loop-2/0/add-2",
        "for-loop-1/0/for-loop-2/1/add-2",
    ]
    assert (found["for-loop-1/0/condition-3"], found["for-loop-1/1/condition-3/say"]) == ("skipped", "succeeded")


def test_a_loop_within_a_condition_over_nothing(play):
    @dsl.pipeline
    def empty(n: int):
        with dsl.If(n < 5):
            with dsl.ParallelFor(numbers(n=n).output) as x:
                y = add(a=x)
            total(xs=dsl.Collected(y.output))

    run = play(empty, n=0)
    assert output(run, "condition-1/total") == 0
    assert states(run)["condition-1/for-loop-2"] == "succeeded"


def test_items_of_a_loop_written_in_the_pipeline(play):
    @step
    def gathered(xs: List[str]) -> str:
        return "".join(xs)

    @dsl.pipeline
    def items():
        with dsl.ParallelFor([{"b": "x", "c": [1, 2.5]}, {"b": "y", "c": []}]) as item:
            said = say(text=item.b)
            say(text=item.c)
        with dsl.ParallelFor([1, 2]) as n:
            add(a=n)
            say(text=f"{n}!")
        gathered(xs=dsl.Collected(said.output))

    run = play(items)
    assert output(run, "gathered") == "xy"
    assert output(run, "for-loop-2/0/say-2") == "[1, 2.5]"
    assert [output(run, f"for-loop-4/{n}/say-3") for n in range(2)] == ["1!", "2!"]
    assert [output(run, f"for-loop-4/{n}/add") for n in range(2)] == [3, 4]


def test_a_field_of_an_item_inside_a_text_is_what_kfp_compiles_to_nothing(play):
    @dsl.pipeline
    def spelt(items: List[dict]):
        with dsl.ParallelFor(items) as item:
            say(text=f"{item.a}!")

    with pytest.raises(BadInput, match="is given items-loop-item-subvar-a, which is no input.*give item.a to a step"):
        play(spelt, items=[{"a": 1}])


def test_artifacts_collected_and_looped_over(play):
    @dsl.pipeline
    def each(data: List[Dataset]) -> List[str]:
        with dsl.ParallelFor(data) as one:
            said = fetch(data=one)
        return dsl.Collected(said.output)

    @dsl.pipeline
    def collected() -> str:
        with dsl.ParallelFor(["a", "b", "c"]) as text:
            written = write(text=text)
        each(data=dsl.Collected(written.outputs["data"]))
        return fetch_all(data=dsl.Collected(written.outputs["data"])).output

    run = play(collected)
    assert run.outputs == '{"Output": "abc"}'
    assert output(run, "each") == ["a1", "b1", "c1"]


def together(run: Run, name: str) -> int:
    """How many tasks of this name ran at one time, at most."""
    spans = [(task.started, task.ended) for task in run.tasks if task.name == name]
    return max(sum(start <= moment < end for start, end in spans) for moment, _ in spans)


@step
def slow():
    import time

    time.sleep(0.4)


@pytest.mark.parametrize(("limit", "most"), [(0, 4), (1, 1), (2, 2)])
def test_a_loop_runs_as_many_items_at_once_as_it_may(folder, limit, most):
    @dsl.pipeline
    def limited():
        with dsl.ParallelFor([1, 2, 3, 4], parallelism=limit):
            slow()

    run = engine.run(compiled(limited), {}, folder=folder, parallel=8)
    assert run.state is State.SUCCEEDED
    assert together(run, "slow") == most


def test_independent_steps_run_side_by_side_bounded_by_the_cores(folder):
    @dsl.pipeline
    def wide():
        for _ in range(3):
            slow()

    run = engine.run(compiled(wide), {}, folder=folder, parallel=2)
    spans = sorted((task.started, task.ended) for task in run.tasks)
    assert spans[1][0] < spans[0][1]
    assert spans[2][0] >= min(spans[0][1], spans[1][1])


# Failures


def test_a_failure_stops_what_waits_for_it_alone(play):
    @dsl.pipeline
    def two():
        say(text=fails().output)
        say(text=say(text="other").output)

    run = play(two)
    assert run.state is State.FAILED
    assert states(run) == {"fails": "failed", "say": "skipped", "say-2": "succeeded", "say-3": "succeeded"}
    assert run.error == "The DAG failed because some tasks failed. The failed tasks are: [fails]."
    assert task(run, "fails").error.splitlines()[0] == "ValueError: boom"
    assert ", in fails" in task(run, "fails").error


def test_an_exit_task_is_told_how_it_ended(play):
    @dsl.pipeline
    def exits(fail: bool):
        with dsl.ExitHandler(report(text="bye")):
            with dsl.If(fail == True):  # noqa: E712  kfp reads the comparison
                fails()
            say(text="within")

    run = play(exits, fail=True)
    assert run.state is State.FAILED
    assert output(run, "report") == (
        "FAILED exit-handler-1 9 The DAG failed because some tasks failed. The failed tasks are: [condition-2]. bye"
    )
    assert states(run)["exit-handler-1/say"] == "succeeded"


def test_an_exit_task_after_success(play):
    @dsl.pipeline
    def exits():
        with dsl.ExitHandler(report()):
            say(text="within")

    run = play(exits)
    assert (run.state, output(run, "report")) == (State.SUCCEEDED, "SUCCEEDED exit-handler-1 None None x")


def test_a_failed_item_fails_its_loop_once_the_others_are_done(play):
    @step
    def picky(n: int) -> int:
        assert n != 1, f"not {n}"
        return n

    @dsl.pipeline
    def looped():
        with dsl.ParallelFor([1, 2, 3], parallelism=1) as n:
            x = picky(n=n)
        total(xs=dsl.Collected(x.output))

    run = play(looped)
    found = states(run)
    assert [found[f"for-loop-2/{n}/picky"] for n in range(3)] == ["failed", "succeeded", "succeeded"]
    assert (found["for-loop-2"], found["total"], run.state) == ("failed", "skipped", State.FAILED)
    assert task(run, "for-loop-2/0/picky").error.splitlines()[0] == "AssertionError: not 1"


def test_a_retry_starts_again_until_it_may_not(folder):
    @step
    def flaky(marker: str, times: int) -> int:
        with open(marker, "a") as file:
            file.write(".")
        tries = len(open(marker).read())
        assert tries > times, f"try {tries}"
        return tries

    @dsl.pipeline
    def retried(marker: str):
        for times in (2, 5):
            flaky(marker=f"{marker}{times}", times=times).set_retry(3, backoff_duration="2s", backoff_factor=3)

    waited = []

    def pause(retry, attempt):
        waited.append(retry.seconds(attempt))
        return 0.0

    values = {"marker": str(folder.parent / "marker")}
    run = engine.run(compiled(retried), values, folder=folder, pause=pause)
    assert states(run) == {"flaky": "succeeded", "flaky-2": "failed"}
    assert [(task.attempts, task.error[:22]) for task in run.tasks] == [(3, ""), (4, "AssertionError: try 4\n")]
    assert sorted(waited) == [2.0, 2.0, 6.0, 6.0, 18.0]
    assert (folder / "root/flaky/attempt-3/log.txt").is_file()


def test_an_output_that_was_not_written_is_named(play):
    @step
    def forgets(text: OutputPath(str)) -> int:
        pass

    @dsl.pipeline
    def missing():
        say(text=forgets().outputs["text"])

    run = play(missing)
    assert task(run, "forgets").error == "it ended without a value for its output Output"
    assert states(run) == {"forgets": "failed", "say": "skipped"}


def test_an_output_that_is_not_of_its_type(play):
    @step
    def wrong(n: OutputPath(int)):
        open(n, "w").write("abc")

    @dsl.pipeline
    def mistyped():
        wrong()

    assert "the output n cannot be read as a NUMBER_INTEGER" in task(play(mistyped), "wrong").error


@pytest.mark.parametrize(
    ("body", "state", "said"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "failed", "killed by SIGKILL"),
        ("import os; os._exit(0)", "failed", "it ended without a value for its output Output"),
        ("import os; os._exit(7)", "failed", "exit code 7"),
        ("import sys; sys.exit('no luck')", "failed", "no luck"),
        ("import os; os.write(1, bytes(range(256)) * 100); raise ValueError('\\udcff \\x00')", "failed", "ValueError:"),
        ("import json; json.loads('{')", "failed", "json.decoder.JSONDecodeError: Expecting property name"),
        ("import nowhere", "failed", "ModuleNotFoundError: No module named 'nowhere'"),
    ],
)
def test_steps_that_go_wrong(folder, body, state, said):
    run = engine.run(alone(body), {}, folder=folder)
    assert states(run) == {"odd": state}
    assert said in task(run, "odd").error
    assert run.state is State.FAILED


def alone(body: str) -> dict:
    """The spec of a pipeline of one step with this body."""

    @dsl.pipeline
    def one():
        odd()

    document = compiled(one)
    for executor in document["deploymentSpec"]["executors"].values():
        executor["container"]["command"][-1] = f"def odd() -> int:\n    {body}\n"
    return document


@step
def odd() -> int:
    return 1


def test_a_number_that_json_does_not_have(play):
    @step
    def measure() -> float:
        return float("nan")

    @dsl.pipeline
    def measured():
        measure()

    assert task(play(measured), "measure").error == "its output Output holds NaN, which cannot travel as JSON"


def test_the_error_names_the_line_of_the_component(folder):
    run = engine.run(alone("import json; json.loads('{')"), {}, folder=folder)
    assert task(run, "odd").error.splitlines()[-1].endswith('ephemeral_component.py", line 2, in odd')


def test_a_pipeline_within_is_tried_again_as_a_whole(folder):
    @step
    def flaky(a: int) -> int:
        import os

        assert "attempt-2" in os.getcwd()
        return a

    @dsl.pipeline
    def inner(x: int) -> int:
        return flaky(a=add(a=x).output).output

    @dsl.pipeline
    def outer() -> int:
        return inner(x=1).set_retry(1).output

    run = engine.run(compiled(outer), {}, folder=folder, pause=lambda *_: 0)
    assert (run.state, run.outputs) == (State.SUCCEEDED, '{"Output": 3}')


def test_a_flood_of_output_is_cut(folder):
    run = engine.run(
        alone("print('head'); [print('x' * 1023) for _ in range(50 << 10)]; print('tail'); return 1"), {}, folder=folder
    )
    log = Path(task(run, "odd").log)
    assert run.state is State.SUCCEEDED
    assert log.stat().st_size < processes.KEPT + 500
    text = log.read_text()
    assert "head" in text and "tail" in text and "bytes are left out here" in text


def test_more_input_than_an_argument_holds(play):
    @dsl.pipeline
    def large(text: str):
        @step
        def measure(text: str) -> int:
            return len(text)

        measure(text=text)

    assert output(play(large, text="é" * 1_000_000), "measure") == 1_000_000


PROGRAM = """
import json, sys
from pathlib import Path
from AutoMLOps import engine

run = engine.run(json.loads(Path(sys.argv[1]).read_text()), {}, folder=Path(sys.argv[2]), parallel=3)
print(run.state.value, *{task.state.value for task in run.tasks})
"""


@pytest.mark.slow
@pytest.mark.parametrize("moment", [0.3, 0.45, 0.6])
def test_an_interrupt_at_any_moment_leaves_no_process(folder, moment):
    @dsl.pipeline
    def many():
        with dsl.ParallelFor([1, 2, 3, 4, 5, 6, 7, 8, 9]):
            slow()

    document = folder.parent / "many.json"
    document.write_text(json.dumps(compiled(many)))
    program = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, document, folder],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parent.parent,
    )
    time.sleep(moment)
    while not folder.exists():
        time.sleep(0.01)
    for _ in range(3):
        program.send_signal(signal.SIGINT)
        time.sleep(0.002)
    program.wait(timeout=30)
    assert not alive(str(folder))


# Nothing is left running

DETACHED = (
    "import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)', '{mark}'],"
    " start_new_session=True)"
)


def alive(mark: str) -> list[str]:
    found = subprocess.run(["ps", "-eo", "pid,stat,args"], capture_output=True, text=True, check=True).stdout
    return [line for line in found.splitlines() if mark in line and " Z" not in line]


def test_a_detached_child_ends_with_its_step(folder):
    mark = f"mark-{os.getpid()}-detached"
    run = engine.run(alone(DETACHED.format(mark=mark) + "; return 1"), {}, folder=folder)
    assert run.state is State.SUCCEEDED
    assert not alive(mark)


def test_a_run_that_takes_too_long_is_ended(folder):
    mark = f"mark-{os.getpid()}-late"
    run = engine.run(
        alone(DETACHED.format(mark=mark) + "; import time; time.sleep(600)"), {}, folder=folder, timeout=1.5
    )
    assert (run.state, run.error) == (State.FAILED, "it took longer than 1.5 seconds")
    assert states(run) == {"odd": "cancelled"}
    assert not alive(mark)


def test_an_interrupt_ends_everything(folder):
    mark = f"mark-{os.getpid()}-interrupted"
    document = alone(DETACHED.format(mark=mark) + "; open('started', 'w').close(); import time; time.sleep(600)")

    def interrupt():
        while not list(folder.rglob("started")):
            time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt).start()
    run = engine.run(document, {}, folder=folder)
    assert (run.state, states(run)) == (State.CANCELLED, {"odd": "cancelled"})
    assert not alive(mark)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the kernel ends them on Linux alone")
def test_steps_do_not_outlive_a_killed_parent(folder):
    document = folder.parent / "one.json"
    document.write_text(json.dumps(alone("open('started', 'w').close(); import time; time.sleep(600)")))
    program = subprocess.Popen([sys.executable, "-c", PROGRAM, document, folder], cwd=Path(__file__).parent.parent)
    while not list(folder.rglob("started")):
        time.sleep(0.02)
    program.kill()
    program.wait()
    for _ in range(100):
        if not alive(str(folder)):
            break
        time.sleep(0.05)
    assert not alive(str(folder))


def test_a_watcher_that_raises_leaves_nothing_running(folder):
    mark = f"mark-{os.getpid()}-watched"

    def watch(news):
        if isinstance(news, TaskRun) and news.state is State.RUNNING:
            raise RuntimeError("seen enough")

    with pytest.raises(RuntimeError, match="seen enough"):
        engine.run(alone(f"import time; time.sleep(600) # {mark}"), {}, folder=folder, watch=watch)
    assert not alive(str(folder))


def test_a_watcher_sees_each_step_start_and_end(folder):
    seen = []
    engine.run(alone("return 1"), {}, folder=folder, watch=lambda news: seen.append((type(news), news.state)))
    assert seen == [
        (Run, State.RUNNING),
        (TaskRun, State.WAITING),
        (TaskRun, State.RUNNING),
        (TaskRun, State.SUCCEEDED),
        (Run, State.SUCCEEDED),
    ]


def test_a_watcher_hears_of_a_long_step_while_nothing_happens(folder, monkeypatch):
    monkeypatch.setattr(engine, "BEAT", 0.05)
    seen = []
    engine.run(alone("import time; time.sleep(0.5)"), {}, folder=folder, watch=lambda news: seen.append(news))
    assert sum(isinstance(news, Run) and news.state is State.RUNNING for news in seen) > 2


def test_runs_in_threads_do_not_meet(folder):
    documents = [alone(f"import time; time.sleep(0.2); return {n}") for n in range(2)]
    runs = {}
    threads = [
        threading.Thread(target=lambda n=n: runs.update({n: engine.run(documents[n], {}, folder=folder / str(n))}))
        for n in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [output(runs[n], "odd") for n in range(2)] == [0, 1]


# Importers, and what cannot run here


def test_an_importer_names_what_exists(play):
    @step
    def look(model: Input[Model]) -> str:
        return repr((model.uri, model.path, model.metadata))

    @dsl.pipeline
    def imported(name: str, n: int = 3):
        model = dsl.importer(
            artifact_uri=f"gs://bucket/{name}",
            artifact_class=Model,
            metadata={"k": name, "n": n, "f": f"{name}-{n}", "x": 1},
        )
        look(model=model.output)
        dsl.importer(artifact_uri=say(text="/tmp/here").output, artifact_class=Dataset, reimport=True)

    run = play(imported, name="x")
    metadata = {"f": "x-3", "k": "x", "n": "3", "x": 1}
    assert output(run, "look") == repr(("gs://bucket/x", "/gcs/bucket/x", metadata))
    assert output(run, "importer-2", "artifact")[0]["uri"] == "/tmp/here"


def test_steps_that_need_their_own_container_are_found_before_anything_runs(play, folder):
    @dsl.container_component
    def shell(text: str):
        return dsl.ContainerSpec(image="alpine", command=["echo"], args=[text])

    @dsl.pipeline
    def mixed():
        with dsl.If(say(text="a").output == "b"):
            shell(text="hi")

    assert engine.unrunnable(compiled(mixed), lambda name: None) == (
        ("root/condition-1/shell", "runs the container alpine, not a Python function"),
    )
    job = compiled(mixed)
    job["deploymentSpec"]["executors"]["exec-shell"] = {"customJob": {}}
    assert engine.unrunnable(job, lambda name: None) == (("root/condition-1/shell", "is a customJob"),)
    mend = r"root/condition-1/shell cannot run here: it runs the container alpine.*stubs={'shell': \.\.\.} stands in for it"
    with pytest.raises(BadInput, match=mend):
        play(mixed)
    assert not folder.exists()


def test_a_component_whose_code_is_a_file(folder):
    """As in a generated codebase: the container runs the file, and here the file of that name is run."""
    document = alone("return 1")
    for executor in document["deploymentSpec"]["executors"].values():
        command = [
            "python3",
            "-u",
            "-m",
            "kfp.dsl.executor_main",
            "--component_module_path",
            "/pipelines/component/src/odd.py",
        ]
        args = ["--executor_input", "{{$}}", "--function_to_execute", "odd"]
        executor["container"] = {"image": "x", "command": command, "args": args}
    source = folder.parent / "src" / "odd.py"
    source.parent.mkdir()
    (source.parent / "beside.py").write_text("N = 41\n")
    source.write_text("from beside import N\n\n\ndef odd() -> int:\n    return N + 1\n")
    assert engine.unrunnable(document, lambda name: None) == (("root/odd", "calls odd, whose source is not here"),)
    run = engine.run(document, {}, folder=folder, source={"odd": source}.get)
    assert output(run, "odd") == 42


# Any pipeline: the engine agrees with the reference


STEPS = {
    "inc": "def inc(a: int, b: int = 2) -> int:\n    assert a % 7 != 3\n    return a + b\n",
    "many": "def many(a: int) -> list:\n    return [a + n for n in range(a % 4)]\n",
    "add_up": "def add_up(xs: list) -> int:\n    return sum(xs)\n",
    "still": "def still(a: int = 5) -> int:\n    return a\n",
    "flaky": "def flaky(a: int) -> int:\n    import os\n    assert 'attempt' in os.getcwd()\n    return a\n",
}
INT, LIST = "NUMBER_INTEGER", "LIST"
TAKES = {
    "inc": {"a": {"parameterType": INT}, "b": {"parameterType": INT, "isOptional": True, "defaultValue": 2}},
    "many": {"a": {"parameterType": INT}},
    "add_up": {"xs": {"parameterType": LIST}},
    "still": {"a": {"parameterType": INT, "isOptional": True, "defaultValue": 5}},
    "flaky": {"a": {"parameterType": INT}},
}
GIVES = {"inc": INT, "many": LIST, "add_up": INT, "still": INT, "flaky": INT}


def python_step(function: str, inputs: dict, last: int) -> dict:
    """A step of STEPS, in this process."""
    if function == "flaky" and last == 0:
        raise Failed
    try:
        space: dict = {}
        exec(STEPS[function].replace("    assert 'attempt' in os.getcwd()\n", ""), space)
        return {"Output": space[function](**inputs)}
    except AssertionError:
        raise Failed from None


def python_runner(job: engine.Job) -> engine.Outcome:
    found = job.folder.name.removeprefix("attempt-")
    try:
        values = job.request["inputs"]["parameterValues"]
        return engine.Outcome(
            parameters=python_step(job.definition.body.function, values, int(found) - 1 if found.isdigit() else 0)
        )
    except Failed:
        return engine.Outcome(error="AssertionError")


class Author:
    """Writes a pipeline's spec, as kfp would, from choices that hypothesis makes."""

    def __init__(self, draw) -> None:
        self.draw, self.components, self.count = draw, {}, 0

    def document(self) -> dict:
        for name, takes in TAKES.items():
            self.components[f"comp-{name}"] = {
                "executorLabel": f"exec-{name}",
                "inputDefinitions": {"parameters": takes},
                "outputDefinitions": {"parameters": {"Output": {"parameterType": GIVES[name]}}},
            }
        root = self.dag({"x": INT, "xs": LIST}, depth=0)
        outputs = root.pop("types")
        root["outputDefinitions"] = {"parameters": {name: {"parameterType": kind} for name, kind in outputs.items()}}
        return {
            "components": self.components,
            "deploymentSpec": {"executors": {f"exec-{name}": {"container": container(name)} for name in TAKES}},
            "pipelineInfo": {"name": "any"},
            "root": root,
            "schemaVersion": "2.1.0",
        }

    def pick(self, choices):
        return self.draw(st.sampled_from(list(choices)))

    def name(self, word: str) -> str:
        self.count += 1
        return f"{word}-{self.count}"

    def dag(self, inputs: dict, depth: int) -> dict:
        """A DAG of one to four tasks, all that it could return, and the types of that."""
        tasks: dict = {}
        gave: list = []  # (task, output, type)
        for _ in range(self.draw(st.integers(1, 4))):
            words = ["step", "step", "step"] + ["if", "branches", "loop", "nested", "exit"] * (depth < 3)
            getattr(self, f"{self.pick(words)}_")(tasks, gave, inputs, depth)
        returned, types = {}, {}
        for task, key, kind in gave:
            returned[f"{task}-{key}"] = {"valueFromParameter": {"producerSubtask": task, "outputParameterKey": key}}
            types[f"{task}-{key}"] = kind
        return {
            "dag": {"tasks": tasks, "outputs": {"parameters": returned}},
            "inputDefinitions": {"parameters": {name: {"parameterType": kind} for name, kind in inputs.items()}},
            "types": types,
        }

    def source(self, kind: str, gave: list, inputs: dict) -> dict:
        """Something of this type that a task can be given."""
        constant = self.draw(st.integers(0, 9)) if kind == INT else self.draw(st.lists(st.integers(0, 9), max_size=3))
        choices = [{"runtimeValue": {"constant": constant}}]
        choices += [{"componentInputParameter": name} for name, each in inputs.items() if each == kind]
        for task, key, each in gave:
            if each == kind:
                choices.append({"taskOutputParameter": {"producerTask": task, "outputParameterKey": key}})
        return self.pick(choices)

    def added(self, tasks: dict, gave: list, name: str, component: str, given: dict, **more) -> dict:
        tasks[name] = {
            "componentRef": {"name": component},
            "inputs": {"parameters": given},
            "taskInfo": {"name": name},
            **more,
        }
        if gave and self.draw(st.integers(0, 3)) == 0:
            tasks[name]["dependentTasks"] = [self.pick(gave)[0]]
        if self.draw(st.integers(0, 5)) == 0 and component == "comp-still" and "triggerPolicy" not in more:
            tasks[name]["triggerPolicy"] = {"strategy": "ALL_UPSTREAM_TASKS_COMPLETED"}
        return tasks[name]

    def step_(self, tasks, gave, inputs, depth, component=None) -> None:
        component = component or self.pick(TAKES)
        name = self.name(component)
        given = {}
        for each, takes in TAKES[component].items():
            if not takes.get("isOptional") or self.draw(st.booleans()):
                given[each] = self.source(takes["parameterType"], gave, inputs)
        retry = {"retryPolicy": {"maxRetryCount": 1}} if self.draw(st.booleans()) else {}
        self.added(tasks, gave, name, f"comp-{component}", given, **retry)
        gave.append((name, "Output", GIVES[component]))

    def group(self, word: str, tasks, gave, inputs, depth, names: dict, **more) -> tuple[str, dict]:
        """A task that is a DAG, given something for each of these names; and the types of what it returns."""
        name = self.name(word)
        within = self.dag({**names, **more.pop("items", {})}, depth + 1)
        types = within.pop("types")
        self.components[f"comp-{name}"] = within
        given = {each: self.source(kind, gave, inputs) for each, kind in names.items()}
        self.added(tasks, gave, name, f"comp-{name}", given, **more)
        within["outputDefinitions"] = {"parameters": {each: {"parameterType": kind} for each, kind in types.items()}}
        return name, types

    def condition(self, name: str) -> str:
        term = f"int(inputs.parameter_values['{name}']) {self.pick(['==', '!=', '<', '<=', '>', '>='])} {self.draw(st.integers(0, 9))}"
        return self.pick([term, f"!({term})", f"!({term}) && {term}", f"({term}) || {term.replace('int(', 'double(')}"])

    def if_(self, tasks, gave, inputs, depth) -> None:
        policy = {"condition": self.condition("c")}
        name, types = self.group("condition", tasks, gave, inputs, depth, {"c": INT}, triggerPolicy=policy)
        gave.extend((name, key, kind) for key, kind in types.items())

    def branches_(self, tasks, gave, inputs, depth) -> None:
        """If, Else, and a OneOf of what both give."""
        name, inner, given = self.name("branches"), {}, {"c": self.source(INT, gave, inputs)}
        condition, chosen = self.condition("c"), []
        for policy in (condition, f"!({condition})"):
            branch, types = self.group(
                "branch", inner, [], {"c": INT}, depth, {"c": INT}, triggerPolicy={"condition": policy}
            )
            inner[branch]["inputs"]["parameters"]["c"] = {"componentInputParameter": "c"}
            numbers = [key for key, kind in types.items() if kind == INT]
            chosen += [{"producerSubtask": branch, "outputParameterKey": key} for key in numbers[:1]]
        outputs = {"one": {"valueFromOneof": {"parameterSelectors": chosen}}} if len(chosen) == 2 else {}
        self.components[f"comp-{name}"] = {
            "dag": {"tasks": inner, "outputs": {"parameters": outputs}},
            "inputDefinitions": {"parameters": {"c": {"parameterType": INT}}},
            "outputDefinitions": {"parameters": {key: {"parameterType": INT} for key in outputs}},
        }
        self.added(tasks, gave, name, f"comp-{name}", given)
        gave.extend((name, key, INT) for key in outputs)

    def loop_(self, tasks, gave, inputs, depth) -> None:
        names = {"k": INT}
        if self.draw(st.booleans()):
            items = {"raw": json.dumps(self.draw(st.lists(st.integers(0, 9), max_size=3)))}
        else:
            items, names = {"inputParameter": "over"}, {"k": INT, "over": LIST}
        more = {"iteratorPolicy": {"parallelismLimit": self.pick([1, 2])}} if self.draw(st.booleans()) else {}
        name, types = self.group(
            *("loop", tasks, gave, inputs, depth, names),
            items={"item": INT},
            parameterIterator={"itemInput": "item", "items": items},
            **more,
        )
        within = self.components[f"comp-{name}"]
        within["outputDefinitions"] = {"parameters": {key: {"parameterType": LIST} for key in types}}
        gave.extend((name, key, LIST if kind == INT else "LISTS") for key, kind in types.items())

    def nested_(self, tasks, gave, inputs, depth) -> None:
        name, types = self.group("nested", tasks, gave, inputs, depth, {"a": INT, "bs": LIST})
        gave.extend((name, key, kind) for key, kind in types.items())

    def exit_(self, tasks, gave, inputs, depth) -> None:
        name, _ = self.group("exit-handler", tasks, gave, inputs, depth, {"a": INT})
        last = self.name("still")
        policy = {"strategy": "ALL_UPSTREAM_TASKS_COMPLETED"}
        task = self.added(tasks, [], last, "comp-still", {}, triggerPolicy=policy)
        task["dependentTasks"] = [name]


def container(name: str) -> dict:
    """A lightweight component, as kfp compiles it."""
    command = ["sh", "-ec", "python3 -m kfp.dsl.executor_main .../ephemeral_component.py", STEPS[name]]
    return {"image": "x", "command": command, "args": ["--executor_input", "{{$}}", "--function_to_execute", name]}


@st.composite
def documents(draw) -> dict:
    return Author(draw).document()


VALUES = st.fixed_dictionaries({"x": st.integers(0, 9), "xs": st.lists(st.integers(0, 9), max_size=3)})
quietly = settings(deadline=None, suppress_health_check=list(HealthCheck), print_blob=False)


def agrees(run: Run, document: dict, values: dict) -> None:
    reference = Reference(document, python_step)
    ok, outputs = reference.run(values)
    assert {task.path: task.state.value for task in run.tasks} == reference.states
    assert (run.state.value, json.loads(run.outputs)) == ("succeeded" if ok else "failed", outputs)


@settings(quietly, max_examples=250)
@given(documents(), VALUES, st.integers(1, 4))
def test_any_pipeline_comes_to_what_the_reference_says(document, values, parallel):
    run = engine.run(
        document, values, folder=Path("/nowhere"), parallel=parallel, pause=lambda *_: 0, runner=python_runner
    )
    agrees(run, document, values)


@pytest.mark.slow
@settings(quietly, max_examples=20)
@given(documents(), VALUES)
def test_any_pipeline_does_so_in_processes(document, values):
    with tempfile.TemporaryDirectory() as folder:
        run = engine.run(document, values, folder=Path(folder), pause=lambda *_: 0)
        agrees(run, document, values)


# Stubs, and whole codebases


def test_a_stub_stands_in_for_what_cannot_run_here(play, folder):
    @dsl.container_component
    def deploy(model: Input[Model], name: str, endpoint: Output[Artifact], url: OutputPath(str)):
        return dsl.ContainerSpec(image="gcr.io/x", command=["deploy"], args=[name, model.uri, endpoint.uri, url])

    @step
    def look(endpoint: Input[Artifact]) -> str:
        return f"{endpoint.uri} {endpoint.metadata}"

    @dsl.pipeline
    def deployed() -> str:
        model = dsl.importer(artifact_uri="gs://b/m", artifact_class=Model, metadata={"k": 1})
        deploy(model=model.output, name="one")
        second = deploy(model=model.output, name="two")
        say(text=second.outputs["url"])
        return look(endpoint=second.outputs["endpoint"]).output

    def stub(model, name, endpoint):
        endpoint.uri, endpoint.metadata["of"] = f"https://{name}", model.path
        if name == "one":
            raise OSError("no quota")
        return f"{name} {model.metadata}"

    run = engine.run(compiled(deployed), {}, folder=folder, stubs={"deploy": stub})
    assert states(run) == {
        **{"importer": "succeeded", "deploy": "failed", "deploy-2": "succeeded"},
        **{"say": "succeeded", "look": "succeeded"},
    }
    assert task(run, "deploy").error == "OSError: no quota"
    assert output(run, "say") == "two {'k': 1}"
    assert output(run, "look") == "https://two {'of': '/gcs/b/m'}"


GOLDEN = Path(__file__).parent / "golden"


@pytest.mark.slow
@pytest.mark.parametrize("case", ["decorated", "marked"])
def test_a_generated_codebase_runs(folder, case):
    tree = GOLDEN / case / "tree"
    output_file = folder.parent / "spec.json"
    program = tree / "pipelines/pipeline.py"
    subprocess.run([sys.executable, program, "--output", output_file], check=True, capture_output=True, timeout=60)
    values = json.loads((tree / "pipelines/runtime_parameters/pipeline_parameter_values.json").read_text())
    document = json.loads(output_file.read_text())

    def source(name: str) -> Path | None:
        path = tree / "components/component_base/src" / f"{name}.py"
        return path if path.is_file() else None

    assert engine.unrunnable(document, source) == ()
    run = engine.run(document, values, folder=folder, source=source)
    assert run.state is State.SUCCEEDED, [task.error for task in run.tasks]
