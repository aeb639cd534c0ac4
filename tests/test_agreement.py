"""Three hundred pipelines, compiled by kfp, come to the same by the engine, a reference written apart from it, and kfp.local."""

import json
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import kfp_local
import pipelines
import pytest
from kfp.dsl.executor import Executor
from reference import Reference

from AutoMLOps import engine, graph, picture, spec
from AutoMLOps.model import Run
from AutoMLOps.processes import Job, Outcome

# What kfp.local 2.17 lacks or gets wrong, with the test of test_kfp_local that shows it.
UNSUPPORTED: dict[str, str] = {
    "a condition on a named output": "test_a_bare_if_on_a_named_output",
    "whole numbers in a list": "test_whole_numbers_in_lists",
    "a OneOf of artifacts": "test_one_of_artifacts",
    "a loop over a named list": "test_a_loop_over_a_named_list",
    "an artifact given to a pipeline": "test_a_pipeline_within_that_takes_an_artifact",
    "an optional parameter": "test_optional_parameters",
    "a number in a text": "test_a_number_in_a_text",
    "a default of a pipeline within": "test_a_default_of_a_pipeline_within",
    "an outer step's output in a loop": "test_what_a_loop_uses_from_outside",
    "a condition on a field of an item": "test_a_condition_on_a_field_of_an_item",
    "a text made of values for a group": "test_a_text_made_of_values_for_a_pipeline_within",
    "a retry of a group": "test_a_retry_of_a_pipeline_within",
    "a final status of one task": "test_the_final_status_of_one_task",
    "a placeholder": "test_placeholders_of_the_schedule",
    "an ignored upstream failure": "test_an_ignored_failure_gives_way_to_the_default",
}


@cache
def drawn() -> list[tuple[pipelines.Pipeline, dict]]:
    return pipelines.drawn(pipelines.COUNT, frozenset(UNSUPPORTED))


class Steps:
    """A runner: kfp's own executor, in this process."""

    def __init__(self) -> None:
        self.tries: Counter[str] = Counter()
        self.calls: list[tuple[str, str, dict]] = []

    def __call__(self, job: Job) -> Outcome:
        function = job.definition.body.function
        inputs = job.request["inputs"]
        files = {name: each["artifacts"] for name, each in inputs["artifacts"].items()}
        self.calls.append((job.path, function, {**inputs["parameterValues"], **files}))
        self.tries[job.path] += 1
        if function == "flaky" and self.tries[job.path] == 1:
            return Outcome(error="the first time it fails")
        try:
            Executor(job.request, pipelines.FUNCTIONS[function].python_func).execute()
        except (AssertionError, TypeError) as fault:
            return Outcome(error=str(fault))
        said = json.loads(Path(job.request["outputs"]["outputFile"]).read_text())
        artifacts = {name: each["artifacts"] for name, each in said.get("artifacts", {}).items()}
        return Outcome(parameters=said.get("parameterValues", {}), artifacts=artifacts)


def comparable(calls) -> list[str]:
    """Calls in an order of their own; a number is told from a text and a whole one from a real one."""
    return sorted(
        f"{path} {function} {sorted((name, repr(pipelines.content(value))) for name, value in inputs.items())}"
        for path, function, inputs in calls
    )


def shown(outputs: dict) -> dict:
    return {name: repr(pipelines.content(value)) for name, value in outputs.items()}


def referred(document: dict, values: dict, run: Run, folder: Path) -> tuple[Reference, bool, dict]:
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(run.started))
    known = {"pipeline_job_name": run.id, "pipeline_root": run.folder}
    known |= {"pipeline_job_create_time_utc": now, "pipeline_job_schedule_time_utc": now}
    folder.mkdir()
    reference = Reference(document, pipelines.Steps(folder), known)
    return reference, *reference.run(values)


@pytest.mark.slow
@pytest.mark.parametrize("number", range(pipelines.COUNT))
def test_the_engine_agrees_with_the_reference(number, tmp_path):
    pipeline, document = drawn()[number]
    steps = Steps()
    run = engine.run(
        document,
        pipeline.values,
        folder=tmp_path / "run",
        parallel=1 + number % 4,
        pause=lambda *_: 0,
        runner=steps,
    )
    reference, ok, outputs = referred(document, pipeline.values, run, tmp_path / "reference")
    about = f"{pipeline.text}\n\nwith {pipeline.values}"
    assert {task.path: task.state.value for task in run.tasks} == reference.states, about
    assert comparable(steps.calls) == comparable(reference.calls), about
    assert (run.state.value, shown(json.loads(run.outputs))) == ("succeeded" if ok else "failed", shown(outputs)), about


@pytest.mark.slow
@pytest.mark.parametrize("number", range(0, pipelines.COUNT, 20))
def test_the_engine_agrees_with_the_reference_in_processes_too(number, tmp_path):
    pipeline, document = drawn()[number]
    told = kfp_local.noted(document, tmp_path / "journal")
    run = engine.run(told, pipeline.values, folder=tmp_path / "run", pause=lambda *_: 0)
    reference, ok, outputs = referred(document, pipeline.values, run, tmp_path / "reference")
    about = f"{pipeline.text}\n\nwith {pipeline.values}"
    assert {task.path: task.state.value for task in run.tasks} == reference.states, about
    assert (run.state.value, shown(json.loads(run.outputs))) == ("succeeded" if ok else "failed", shown(outputs)), about


GRAMMAR = """dsl.If( dsl.Elif( dsl.Else( dsl.OneOf( dsl.ParallelFor( parallelism= dsl.Collected( dsl.ExitHandler( report( told(
    .ignore_upstream_failure( .set_retry( .after( dsl.importer( metadata= _PLACEHOLDER {t inner Optional[int] Optional[str]
    Optional[list] Input[Dataset] Input[List[Dataset]] Model int float str bool dict List[int] List[str] List[dict]
    read_all( train( = [ = None == != < <= > >= .a .b""".split()  # fmt: skip


@pytest.mark.slow
def test_the_pipelines_are_of_the_whole_grammar():
    texts = [pipeline.text for pipeline, _ in drawn()]
    constructs = Counter(construct for pipeline, _ in drawn() for construct in pipeline.constructs)
    assert len(set(texts)) == pipelines.COUNT
    assert {word for word in GRAMMAR if sum(word in text for text in texts) < 5} == set()
    assert {name: constructs[name] for name in UNSUPPORTED if constructs[name] < 5} == {}
    negated = [document for _, document in drawn() if " && !(" in json.dumps(document)]
    assert len(negated) > 10


# kfp.local

COMPARED = 150


@pytest.fixture(scope="module")
def local() -> Iterator[kfp_local.Local]:
    child = kfp_local.Local()
    yield child
    child.close()


@cache
def supported() -> list[int]:
    """The pipelines that kfp.local should get right."""
    found = []
    for number, (pipeline, document) in enumerate(drawn()):
        if not pipeline.constructs & UNSUPPORTED.keys():
            with tempfile.TemporaryDirectory() as folder:
                reference = Reference(document, pipelines.Steps(Path(folder)))
                reference.run(pipeline.values)
            found += [number] * (not hollow(reference))
    return found


def hollow(reference: Reference) -> bool:
    """Whether a loop went over nothing, which kfp.local forgets: test_a_loop_over_nothing."""
    loops = [path for path, state in reference.states.items() if "/for-loop-" in path and state == "succeeded"]
    loops = [path for path in loops if path.rpartition("/")[2].startswith("for-loop-")]
    return not all(any(other.startswith(f"{path}/0/") for other in reference.states) for path in loops)


def loosely(calls) -> Counter[str]:
    """Calls without their places, in which 1 and 1.0 are one: kfp.local makes every number of a list a float, and hands
    the values of a text on beside it."""
    found = (
        (function, sorted((name, alike(value)) for name, value in inputs.items() if "pipelinechannel--" not in name))
        for function, inputs in calls
    )
    return Counter(f"{function} {inputs}" for function, inputs in found)


def alike(value) -> str:
    return repr(whole(pipelines.content(value)))


def whole(value):
    match value:
        case float() if value.is_integer():
            return int(value)
        case list():
            return [whole(each) for each in value]
        case dict():
            return {key: whole(each) for key, each in sorted(value.items())}
    return value


@pytest.mark.slow
@pytest.mark.parametrize("place", range(COMPARED))
def test_kfp_local_agrees_where_it_can(place, local, tmp_path):
    assert len(supported()) >= COMPARED, f"only {len(supported())} are without what kfp.local gets wrong"
    number = supported()[place]
    pipeline, document = drawn()[number]
    (tmp_path / "reference").mkdir()
    reference = Reference(document, pipelines.Steps(tmp_path / "reference"))
    ok, outputs = reference.run(pipeline.values)
    said = local.run(document, pipeline.values, tmp_path / "local")
    about = f"pipeline {number}:\n{pipeline.text}\n\nwith {pipeline.values}\n{said['error']}\n{tmp_path}/local/log says more"
    expected = loosely((function, inputs) for _, function, inputs in reference.calls)
    found = loosely(kfp_local.calls(tmp_path / "local/journal"))
    if ok:
        assert not said["error"], about
        assert found == expected, about
        assert {name: alike(value) for name, value in said["outputs"].items()} == {
            name: alike(value) for name, value in outputs.items()
        }, about
    else:  # it gives up on what is beside a failure, too
        assert "finished with status" in said["error"], about
        assert found <= expected, about


# The picture is the spec's own graph


def nodes_and_edges(document: dict) -> tuple[Counter[str], Counter[tuple[str, str, str]]]:
    """Every task, by path, and every pair of which the later waits for the earlier: read from the JSON alone."""
    nodes: Counter[str] = Counter()
    edges: Counter[tuple[str, str, str]] = Counter()

    def walk(component: dict, path: str) -> None:
        for name, task in component.get("dag", {}).get("tasks", {}).items():
            nodes[f"{path}/{name}"] += 1
            inputs = walked(task.get("inputs", {}))
            given = {each["producerTask"] for each in inputs if isinstance(each, dict) and "producerTask" in each}
            for earlier in given | set(task.get("dependentTasks", [])):
                edges[f"{path}/{earlier}", f"{path}/{name}", "data" if earlier in given else "order"] += 1
            walk(document["components"][task["componentRef"]["name"]], f"{path}/{name}")

    walk(document["root"], "root")
    return nodes, edges


def walked(value):
    yield value
    for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from walked(each)


def drawn_in(svg: str) -> tuple[Counter[str], Counter[tuple[str, str, str]]]:
    elements = list(ElementTree.fromstring(svg).iter())
    nodes = Counter(each.attrib["data-node"] for each in elements if "data-node" in each.attrib)
    edges = Counter(
        (each.attrib["data-from"], each.attrib["data-to"], each.attrib["data-edge"])
        for each in elements
        if "data-from" in each.attrib
    )
    return nodes, edges


@pytest.mark.slow
@pytest.mark.parametrize("number", range(pipelines.COUNT))
def test_the_picture_is_the_graph_of_the_spec_node_for_node_and_edge_for_edge(number):
    pipeline, document = drawn()[number]
    assert drawn_in(picture.svg(graph.of_spec(spec.read(document)))) == nodes_and_edges(document), pipeline.text
