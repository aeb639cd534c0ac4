"""What plain kfp.local gets wrong, and the right answer here: the day that one of these fails, kfp.local has learnt."""

import inspect
import json
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import List, Optional  # noqa: UP035  kfp reads these spellings

import kfp
import kfp_local
import pytest
import yaml
from kfp import compiler, dsl
from kfp.dsl import Artifact, Dataset, Input, Output, PipelineTaskFinalStatus, SlicedClassificationMetrics
from pipelines import count, flaky, inc, look, maybe, read, say, scores, total, write

from AutoMLOps import engine, spec
from AutoMLOps.errors import BadInput
from AutoMLOps.model import Run, State

# ruff: noqa: UP006, UP007, UP045, B006, SIM115  components are written as kfp reads them

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore:Compiling to JSON")]
step = partial(dsl.component, base_image="python", install_kfp_package=False)


@pytest.fixture(scope="module")
def local() -> Iterator[kfp_local.Local]:
    child = kfp_local.Local()
    yield child
    child.close()


class Both:
    """A pipeline run by plain kfp.local and by the engine."""

    def __init__(self, local: kfp_local.Local, folder: Path) -> None:
        self.local, self.folder = local, folder

    def compiled(self, pipeline) -> dict:
        path = self.folder / "spec.json"
        compiler.Compiler().compile(pipeline, str(path))
        return json.loads(path.read_text())

    def there(self, document: dict, values: dict, **more) -> dict:
        """What kfp.local made of it, with the names of the functions that it called."""
        said = self.local.run(document, values, self.folder / "local", **more)
        return {**said, "ran": [function for function, _ in kfp_local.calls(self.folder / "local/journal")]}

    def here(self, document: dict, values: dict, **more) -> Run:
        return engine.run(document, values, folder=self.folder / "run", pause=lambda *_: 0, **more)

    def __call__(self, pipeline, **values) -> tuple[dict, Run]:
        document = self.compiled(pipeline)
        return self.there(document, values), self.here(document, values)


@pytest.fixture
def both(local, tmp_path) -> Both:
    return Both(local, tmp_path)


def still(fault: bool, said: dict) -> None:
    """The fault is there; else it is gone, and says so."""
    told = {name: each for name, each in said.items() if name != "log"}
    assert fault, (
        f"gone from kfp {kfp.__version__}: kfp.local does otherwise now, so this case is to be rewritten: {told}"
    )


def states(run: Run) -> dict[str, str]:
    return {task.path.removeprefix("root/"): task.state.value for task in run.tasks}


def given(run: Run, path: str) -> dict:
    return json.loads(next(task for task in run.tasks if task.path == f"root/{path}").inputs)


def output(run: Run, path: str, name: str = "Output"):
    return json.loads(next(task for task in run.tasks if task.path == f"root/{path}").outputs)[name]


# Conditions


@dsl.pipeline
def bare_if():
    with dsl.If(scores(a=4).outputs["auc"] > 0.5):
        say(text="high")


def test_a_bare_if_on_a_named_output(both):
    said, run = both(bare_if)
    still(not said["error"] and said["ran"] == ["scores"] and "Could not resolve CEL parameter" in said["log"], said)
    assert states(run)["condition-1/say"] == "succeeded"


@dsl.pipeline
def if_else():
    scored = scores(a=4)
    with dsl.If(scored.outputs["auc"] > 0.5):
        say(text="high")
    with dsl.Else():
        say(text="low")


def test_with_an_else_kfp_local_is_right_too(both):
    said, run = both(if_else)
    assert (said["error"], said["ran"]) == ("", ["scores", "say"])
    assert states(run)["condition-branches-1/condition-2/say"] == "succeeded"


@dsl.pipeline
def quoted(text: str):
    with dsl.If(text == "yes"):
        say(text="yes")
    with dsl.Else():
        say(text="no")


def test_a_condition_on_a_text_that_holds_a_quote(both):
    said, run = both(quoted, text="it's")
    still(not said["error"] and said["ran"] == [] and "Condition evaluation failed" in said["log"], said)
    assert states(run)["condition-branches-1/condition-3/say-2"] == "succeeded"


@dsl.pipeline
def fields(items: List[dict]):
    with dsl.ParallelFor(items) as item, dsl.If(item.a == "x"):
        say(text="met")


def test_a_condition_on_a_field_of_an_item(both):
    said, run = both(fields, items=[{"a": "x"}, {"a": "y"}])
    still(not said["error"] and said["ran"] == [], said)
    found = states(run)
    assert (found["for-loop-1/0/condition-2"], found["for-loop-1/1/condition-2"]) == ("succeeded", "skipped")


# Numbers


@dsl.pipeline
def numbers(xs: List[int] = [1, 2]):
    look(value=[3, {"k": 4}])
    look(value=xs)


def test_whole_numbers_in_lists(both):
    said, run = both(numbers)
    inputs = sorted(repr(each["value"]) for _, each in kfp_local.calls(both.folder / "local/journal"))
    still(inputs == ["[1.0, 2.0]", "[3.0, {'k': 4.0}]"], said)
    assert (output(run, "look"), output(run, "look-2")) == ("[3, {'k': 4}]", "[1, 2]")


@dsl.pipeline
def summed() -> int:
    with dsl.ParallelFor([1, 2, 4]) as x:
        more = inc(a=x)
    return total(xs=dsl.Collected(more.output)).output


def test_collected_whole_numbers_are_summed(both):
    said, run = both(summed)
    still("finished with status" in said["error"] and said["ran"][-1] == "total", said)
    assert "float" in said["log"]
    assert run.outputs == '{"Output": 13}'


@dsl.pipeline
def numbered(n: int = 3) -> str:
    return say(text=f"{inc(a=2).output} {n}").output


def test_a_number_in_a_text(both):
    said, run = both(numbered)
    still(said["outputs"] == {"Output": "4.0 3.0"}, said)
    assert run.outputs == '{"Output": "4 3"}'


# Artifacts


@dsl.pipeline
def either(n: int) -> str:
    with dsl.If(n == 1):
        one = write(text="one")
    with dsl.Else():
        other = write(text="other")
    return read(data=dsl.OneOf(one.outputs["data"], other.outputs["data"])).output


def test_one_of_artifacts(both):
    said, run = both(either, n=2)
    still("Expected 1 artifact in ArtifactSelectorSpec. Got: 2" in said["error"], said)
    assert run.outputs == '{"Output": "other"}'


@dsl.pipeline
def inner(data: Input[Dataset]) -> str:
    return read(data=data).output


@dsl.pipeline
def outer() -> str:
    return inner(data=write(text="a").outputs["data"]).output


def test_a_pipeline_within_that_takes_an_artifact(both):
    said, run = both(outer)
    still("data" in said["error"] and said["ran"] == ["write"], said)
    assert run.outputs == '{"Output": "a"}'


# Loops


@dsl.pipeline
def folds() -> List[int]:
    with dsl.ParallelFor(scores(a=1).outputs["folds"]) as fold:
        more = inc(a=fold)
    return dsl.Collected(more.output)


def test_a_loop_over_a_named_list(both):
    said, run = both(folds)
    still("not found" in said["error"] and said["ran"] == ["scores"], said)
    assert run.outputs == '{"Output": [3, 4]}'


@dsl.pipeline
def nothing() -> List[int]:
    with dsl.ParallelFor(count(a=0).output) as x:
        more = inc(a=x)
    return dsl.Collected(more.output)


def test_a_loop_over_nothing(both):
    said, run = both(nothing)
    still("task 'for-loop-1' not found" in said["error"], said)
    assert run.outputs == '{"Output": []}'


@dsl.pipeline
def uses():
    before = say(text="before")
    with dsl.ParallelFor(["x", "y"]):
        say(text=before.output)


def test_what_a_loop_uses_from_outside(both):
    said, run = both(uses)
    texts = sorted(each["text"] for _, each in kfp_local.calls(both.folder / "local/journal"))
    still(not said["error"] and texts == ["before", "x", "y"], said)
    assert [given(run, f"for-loop-2/{n}/say-2")["text"] for n in range(2)] == ["before", "before"]


@step
def sleeps(seconds: float):
    import time

    time.sleep(seconds)


@dsl.pipeline
def four():
    with dsl.ParallelFor([0.5, 0.5, 0.5, 0.5]) as seconds:
        sleeps(seconds=seconds)


def at_once(spans: list[tuple[float, float]]) -> int:
    """How many ran at one time, at most."""
    return max(sum(begun <= moment < ended for begun, ended in spans) for moment, _ in spans)


def test_a_loop_runs_more_than_two_items_at_once(both):
    document = both.compiled(four)
    said = both.there(document, {})
    still(at_once([span for _, *span in kfp_local.spans(both.folder / "local/journal")]) <= 2, said)
    run = both.here(document, {}, parallel=4)
    assert at_once([(task.started, task.ended) for task in run.tasks if task.name == "sleeps"]) == 4


@dsl.pipeline
def independent():
    for _ in range(3):
        sleeps(seconds=0.5)


def test_independent_tasks_run_side_by_side(both):
    document = both.compiled(independent)
    said = both.there(document, {})
    still(at_once([span for _, *span in kfp_local.spans(both.folder / "local/journal")]) == 1, said)
    run = both.here(document, {}, parallel=3)
    assert at_once([(task.started, task.ended) for task in run.tasks]) == 3


@dsl.pipeline
def two():
    with dsl.ParallelFor([0.2, 0.8]) as seconds:
        sleeps(seconds=seconds)


def test_print_is_as_it_was_afterwards(both):
    before = print
    said, run = both(two)
    still(said["patched"], said)
    assert run.state is State.SUCCEEDED
    assert print is before


# What is not given, and what fails


@dsl.pipeline
def absent(text: Optional[str] = None) -> str:
    return maybe(n=1, text=text, xs=[1]).output


def test_optional_parameters(both):
    said, run = both(absent)
    still(said["outputs"] != json.loads(run.outputs), said)
    assert run.outputs == '{"Output": "1 None [1]"}'


@dsl.pipeline
def left_out() -> str:
    return maybe(text="a").output


def test_an_optional_number_of_a_step(both):
    said, run = both(left_out)
    still("int() argument must be" in said["error"], said)
    assert run.outputs == json.dumps({"Output": "None 'a' None"})


@dsl.pipeline
def with_default(p0: int = 3, p1: int = 4) -> int:
    return inc(a=p0, b=p1).output


@dsl.pipeline
def without(p1: int) -> int:
    return with_default(p0=1).output


def test_a_default_of_a_pipeline_within(both):
    said, run = both(without, p1=40)
    still(said["outputs"] == {"Output": 41}, said)
    assert run.outputs == '{"Output": 5}'


@dsl.pipeline
def shouting(text: str) -> str:
    return say(text=text).output


@dsl.pipeline
def made(word: str) -> str:
    return shouting(text=f"{word}!").output


def test_a_text_made_of_values_for_a_pipeline_within(both):
    said, run = both(made, word="hi")
    still(said["outputs"] != {"Output": "hi!"}, said)
    assert run.outputs == '{"Output": "hi!"}'


@dsl.pipeline
def shaky() -> int:
    return flaky(a=1).output


@dsl.pipeline
def again() -> int:
    return shaky().set_retry(1, backoff_duration="0s").output


def test_a_retry_of_a_pipeline_within(both):
    document = kfp_local.noted(both.compiled(again), both.folder / "journal")
    said, run = both.there(both.compiled(again), {}), both.here(document, {})
    still("finished with status" in said["error"] and said["ran"] == ["flaky"], said)
    assert (run.state, run.outputs) == (State.SUCCEEDED, '{"Output": 1}')


@step
def boom() -> str:
    raise ValueError("out of luck")


@dsl.pipeline
def defaulted():
    say(text=boom().output).ignore_upstream_failure()


def test_an_ignored_failure_gives_way_to_the_default(both):
    said, run = both(defaulted)
    still("Tried to get output 'Output' from task 'boom'" in said["error"] and said["ran"] == ["boom"], said)
    assert output(run, "say") == "nothing"


@step
def told(status: PipelineTaskFinalStatus, text: str = "default") -> str:
    return f"{status.state} {text}"


@dsl.pipeline
def passed_on() -> str:
    ended = told(text=say(text="a").output).ignore_upstream_failure()
    return say(text=ended.output).output


def test_the_final_status_of_one_task(both):
    said, run = both(passed_on)
    still("task 'told' not found" in said["error"], said)
    assert run.outputs == '{"Output": "SUCCEEDED a"}'


@dsl.pipeline
def one_boom():
    boom()


def test_the_text_of_an_exception_is_part_of_the_answer(both):
    document = both.compiled(one_boom)
    said = both.there(document, {})
    still("out of luck" not in said["error"] and "ValueError: out of luck" in said["log"], said)
    (task,) = both.here(document, {}).tasks
    assert task.error.splitlines()[0] == "ValueError: out of luck"


def test_a_failure_is_told_from_a_success(both):
    document = both.compiled(one_boom)
    said = both.there(document, {}, raise_on_error=False)
    still((said["error"], said["state"], said["ran"]) == ("", "FINAL", ["boom"]), said)
    run = both.here(document, {})
    assert (run.state, run.tasks[0].state) == (State.FAILED, State.FAILED)


@dsl.pipeline
def beside():
    boom()
    inc(a=3)


def test_a_failure_does_not_stop_what_stands_beside_it(both):
    said, run = both(beside)
    still(len(said["ran"]) == 1, said)
    assert states(run) == {"boom": "failed", "inc": "failed"}


# Placeholders


@dsl.pipeline
def scheduled() -> str:
    return say(text=dsl.PIPELINE_JOB_SCHEDULE_TIME_UTC_PLACEHOLDER).output


def test_placeholders_of_the_schedule(both):
    said, run = both(scheduled)
    still("IndexError" in said["error"] and said["ran"] == [], said)
    assert json.loads(run.outputs)["Output"] == time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(run.started))


# Containers


@dsl.container_component
def shell(text: str, url: dsl.OutputPath(str)):
    return dsl.ContainerSpec(image="alpine", command=["sh", "-c"], args=['echo "$0" > "$1"', text, url])


@dsl.container_component
def upload(display_name: str, model: Output[Artifact]):
    """Google's own components are of this form."""
    return dsl.ContainerSpec(
        image="gcr.io/ml-pipeline/google-cloud-pipeline-components:2.22.0",
        command=["python3", "-u", "-m", "google_cloud_pipeline_components.container.v1.model.upload_model.launcher"],
        args=["--type", "UploadModel", "--payload", display_name, "--executor_input", "{{$}}"],
    )


@dsl.container_component
def custom_job(
    gcp_resources: dsl.OutputPath(str),
    display_name: str = "job",
    project: str = "{{$.pipeline_google_cloud_project_id}}",
):
    """As create_custom_training_job_from_component writes it: the project's default is a placeholder of Vertex AI."""
    return dsl.ContainerSpec(
        image="gcr.io/ml-pipeline/google-cloud-pipeline-components:2.22.0",
        command=["python3", "-u", "-m", "google_cloud_pipeline_components.container.v1.custom_job.launcher"],
        args=["--type", "CustomJob", "--payload", display_name, "--project", project, "--gcp_resources", gcp_resources],
    )


@dsl.pipeline
def shelled():
    say(text=shell(text="hi").outputs["url"])


@dsl.pipeline
def uploaded():
    upload(display_name="wine")


@dsl.pipeline
def wrapped():
    custom_job()


REFUSED = "only supports running Lightweight Python Components"


@pytest.mark.parametrize(
    ("pipeline", "task", "said", "stub"),
    [
        (shelled, "shell", f"{REFUSED}. You are attempting to run a Container Component", lambda text: f"{text}!"),
        (uploaded, "upload", f"{REFUSED}. You are attempting to run a Container Component", lambda **_: {}),
        (wrapped, "custom-job", "IndexError: list index out of range", lambda **_: "job-1"),
    ],
    ids=["a container", "one of Google's", "a custom job"],
)
def test_containers_are_named_before_anything_runs_and_a_stub_may_stand_in(both, pipeline, task, said, stub):
    document = both.compiled(pipeline)
    found = both.there(document, {})
    still(said in found["error"], found)
    with pytest.raises(BadInput, match=f"root/{task} cannot run here: it runs the container"):
        both.here(document, {})
    assert not (both.folder / "run").exists()
    run = both.here(document, {}, stubs={task: stub})
    assert run.state is State.SUCCEEDED
    assert pipeline is not shelled or given(run, "say") == {"text": "hi!"}


@dsl.pipeline
def one_inc() -> int:
    return inc(a=1).output


def test_a_containerized_python_component_runs_from_its_source(both):
    document = both.compiled(one_inc)
    for executor in document["deploymentSpec"]["executors"].values():
        executor["container"]["command"] = ["python3", "-m", "kfp.dsl.executor_main"]
    said = both.there(document, {})
    still("You are attempting to run a Containerized Python Component" in said["error"], said)
    source = both.folder / "inc.py"
    source.write_text(inspect.getsource(inc.python_func).removeprefix("@step\n"))
    run = both.here(document, {}, source={"inc": source}.get)
    assert run.outputs == '{"Output": 3}'


# What it costs


def test_a_step_runs_in_the_python_that_is_there(both, monkeypatch):
    """A venv of its own for each task is empty: it takes pip and the network, some 17 seconds, to hold kfp."""

    @step
    def prefix() -> str:
        import sys

        return sys.prefix

    @dsl.pipeline
    def one() -> str:
        return prefix().output

    document = both.compiled(one)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    child = kfp_local.Local()
    try:
        said = Both(child, both.folder).there(document, {}, use_venv=True)
    finally:
        child.close()
    still("No module named 'kfp'" in said["log"] and "finished with status" in said["error"], said)
    assert json.loads(both.here(document, {}).outputs) == {"Output": sys.prefix}


def test_no_step_installs_kfp_when_it_starts(both, monkeypatch):
    @dsl.component(base_image="python")
    def plain() -> int:
        return 1

    @dsl.pipeline
    def one() -> int:
        return plain().output

    document = both.compiled(one)
    (executor,) = document["deploymentSpec"]["executors"].values()
    command = " ".join(executor["container"]["command"])
    assert f"pip install --quiet --no-warn-script-location 'kfp=={kfp.__version__}'" in command
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_LOG", str(both.folder / "pip.log"))
    child = kfp_local.Local()
    try:
        said = Both(child, both.folder).there(document, {})
    finally:
        child.close()
    still((both.folder / "pip.log").exists(), said)
    (both.folder / "pip.log").unlink()
    assert both.here(document, {}).outputs == '{"Output": 1}'
    assert not (both.folder / "pip.log").exists()


# What is broken inside kfp itself


@step
def sliced(metrics: Output[SlicedClassificationMetrics]):
    metrics.log_roc_reading("all", 0.5, 0.9, 0.1)


@dsl.pipeline
def slices():
    sliced()


def test_metrics_in_slices_fail_with_their_reason(both):
    said, run = both(slices)
    still("has no attribute '_sliced_metrics'" in said["log"] and "finished with status" in said["error"], said)
    assert run.tasks[0].error.startswith("AttributeError: 'SlicedClassificationMetrics' object has no attribute")


def test_a_configured_pipeline_is_two_documents_and_the_first_is_the_spec(both):
    @dsl.pipeline(pipeline_config=dsl.PipelineConfig(workspace=dsl.WorkspaceConfig(size="1Gi")))
    def configured() -> str:
        return say(text="a").output

    path = both.folder / "spec.yaml"
    compiler.Compiler().compile(configured, str(path))
    documents = list(yaml.safe_load_all(path.read_text()))
    still(len(documents) == 2 and "platforms" in documents[1], {"documents": len(documents)})
    assert spec.read(documents[0]).name == "configured"
    assert both.here(documents[0], {}).outputs == '{"Output": "a"}'


def test_a_whole_run_may_be_given_a_time(both):
    """kfp has no timeout for a task, nor for a local run."""
    tasks = [name for name in dir(dsl.PipelineTask) if "timeout" in name]
    runs = [name for name in inspect.signature(kfp.local.init).parameters if "timeout" in name]
    still(tasks == runs == [], {"tasks": tasks, "runs": runs})

    @dsl.pipeline
    def long():
        sleeps(seconds=600.0)

    run = both.here(both.compiled(long), {}, timeout=1.5)
    assert (run.state, run.error) == (State.FAILED, "it took longer than 1.5 seconds")
    assert states(run) == {"sleeps": "cancelled"}


# The table of what kfp.local is not asked


def test_every_construct_that_kfp_local_is_spared_is_shown_here():
    from test_agreement import UNSUPPORTED

    assert set(UNSUPPORTED.values()) <= {name for name in globals() if name.startswith("test_")}
