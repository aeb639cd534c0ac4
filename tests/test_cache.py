"""A step whose code, inputs and requirements are as they were is not run again."""

import json
from pathlib import Path

import pytest
from kfp import dsl
from kfp.dsl import Dataset, Input, Output
from test_engine import add, compiled, fetch, folder, say, step, write  # noqa: F401 - folder is a fixture

from AutoMLOps import engine
from AutoMLOps.cache import Cache
from AutoMLOps.model import Run, State

# ruff: noqa: F811 - the fixture


@step
def tick(path: str, by: int = 1) -> int:
    """Counts its own runs in a file that nothing knows of."""
    import os

    count = int(open(path).read()) if os.path.exists(path) else 0  # noqa: SIM115
    with open(path, "w") as file:
        file.write(str(count + by))
    return count


@pytest.fixture
def again(tmp_path):
    """again(document, **values) runs it, knowing all the runs before."""
    before: list[Run] = []

    def run(document, *, recall=True, surroundings="", **values):
        cache = Cache(tuple(reversed(before)), lambda function: surroundings, recall=recall)
        folder = tmp_path / f"run-{len(before)}"
        before.append(engine.run(document, values, folder=folder, cache=cache, pause=lambda retry, attempt: 0))
        return before[-1]

    return run


def states(run):
    """The states of the steps in the order in which they began."""
    steps = sorted((task for task in run.tasks if not task.group), key=lambda task: task.started)
    return [task.state.value for task in steps]


@dsl.pipeline
def chain(text: str):
    written = write(text=text)
    fetched = fetch(data=written.outputs["data"])
    say(text=fetched.output)


def test_the_second_run_takes_all_over(again):
    document = compiled(chain)
    first, second = again(document, text="it's 🎉"), again(document, text="it's 🎉")
    assert states(first) == ["succeeded"] * 3 and states(second) == ["cached"] * 3
    assert second.state is State.SUCCEEDED
    assert [task.outputs for task in second.tasks] == [task.outputs for task in first.tasks]
    assert [task.cached for task in second.tasks] == [first.folder] * 3
    assert [task.log for task in second.tasks] == [task.log for task in first.tasks]
    third = again(document, text="it's 🎉")
    assert [task.cached for task in third.tasks] == [first.folder] * 3


def test_a_step_that_is_cached_did_not_run(again, tmp_path):
    @dsl.pipeline
    def count(path: str):
        tick(path=path)

    path = tmp_path / "count"
    again(compiled(count), path=str(path))
    again(compiled(count), path=str(path))
    assert path.read_text() == "1"


def test_without_recall_every_step_runs_and_is_known_later(again):
    document = compiled(chain)
    again(document, text="a")
    assert states(again(document, text="a", recall=False)) == ["succeeded"] * 3
    assert states(again(document, text="a")) == ["cached"] * 3


def test_what_changed_runs_again_and_what_hangs_on_it_if_its_result_differs(again):
    document = compiled(chain)
    again(document, text="aa")
    assert states(again(document, text="bb")) == ["succeeded"] * 3
    changed = json.loads(json.dumps(document).replace("file.read()", "file.read().strip() + ''"))
    assert changed != document
    assert states(again(changed, text="aa")) == ["cached", "succeeded", "cached"]


def test_other_surroundings_are_another_result(again):
    document = compiled(chain)
    again(document, text="a", surroundings="pandas==2.2.0")
    assert states(again(document, text="a", surroundings="pandas==2.2.1")) == ["succeeded"] * 3


@pytest.mark.parametrize("harm", [Path.unlink, lambda path: path.write_text("other")], ids=["gone", "changed"])
def test_a_result_whose_files_are_not_what_they_were_is_made_again(again, harm):
    document = compiled(chain)
    first = again(document, text="abc")
    harm(Path(first.folder, "root/write/outputs/data"))
    second = again(document, text="abc")
    assert states(second)[0] == "succeeded" and '"Output": "abc3"' in "".join(task.outputs for task in second.tasks)


def test_what_failed_is_not_remembered(again):
    @step
    def odd(n: int) -> int:
        assert n % 2
        return n

    @dsl.pipeline
    def numbers(n: int):
        doubled = add(a=n, b=n)
        odd(n=doubled.output)

    document = compiled(numbers)
    assert states(again(document, n=1)) == ["succeeded", "failed"]
    assert states(again(document, n=1)) == ["cached", "failed"]


def test_a_step_that_is_not_to_be_cached_runs(again):
    @dsl.pipeline
    def numbers(n: int):
        doubled = add(a=n, b=n).set_caching_options(enable_caching=False)
        add(a=doubled.output)

    document = compiled(numbers)
    again(document, n=1)
    assert sorted(states(again(document, n=1))) == ["cached", "succeeded"]


def test_what_knows_the_run_runs(again):
    @dsl.pipeline
    def named():
        say(text=dsl.PIPELINE_JOB_NAME_PLACEHOLDER)
        say(text="x")

    document = compiled(named)
    again(document)
    assert sorted(states(again(document))) == ["cached", "succeeded"]


def test_a_key_of_the_users_stands_for_inputs_and_code(again, tmp_path):
    @dsl.pipeline
    def count(path: str, by: int):
        tick(path=path, by=by).set_caching_options(True, cache_key="as I say")

    document = compiled(count)
    again(document, path=str(tmp_path / "count"), by=1)
    assert states(again(document, path=str(tmp_path / "count"), by=2)) == ["cached"]


def test_the_items_of_a_loop_are_remembered_one_by_one(again):
    @dsl.pipeline
    def loop(ns: list):
        with dsl.ParallelFor(ns) as n:
            add(a=n)

    document = compiled(loop)
    again(document, ns=[1, 2, 3])
    assert sorted(states(again(document, ns=[2, 4]))) == ["cached", "succeeded"]


def test_a_folder_is_compared_with_all_that_is_in_it(again):
    @step
    def spread(data: Output[Dataset]):
        import os

        os.makedirs(os.path.join(data.path, "in"))
        with open(os.path.join(data.path, "in", "a"), "w") as file:
            file.write("one")

    @step
    def count_files(data: Input[Dataset]) -> int:
        import os

        return sum(len(files) for _, _, files in os.walk(data.path))

    @dsl.pipeline
    def folders():
        count_files(data=spread().outputs["data"])

    document = compiled(folders)
    first = again(document)
    assert states(again(document)) == ["cached", "cached"]
    Path(first.folder, "root/spread/outputs/data/in/b").write_text("two")
    assert states(again(document)) == ["succeeded", "cached"]


@step
def beside(data: Output[Dataset], text: str):
    """As joblib and numpy do, it puts a suffix of its own after the name."""
    with open(data.path + ".txt", "w") as file:
        file.write(text)


@step
def fetch_beside(data: Input[Dataset]) -> str:
    with open(data.path + ".txt") as file:
        return file.read()


@dsl.pipeline
def suffixed(text: str):
    fetch_beside(data=beside(text=text).outputs["data"])


def test_what_lies_beside_an_artifact_under_its_name_is_of_it(again):
    document = compiled(suffixed)
    first = again(document, text="one")
    assert '"Output": "two"' in "".join(task.outputs for task in again(document, text="two").tasks)
    Path(first.folder, "root/beside/outputs/data.txt").unlink()
    assert '"Output": "one"' in "".join(task.outputs for task in again(document, text="one").tasks)


def test_a_step_that_changes_its_inputs_is_never_taken_over(again):
    @step
    def clean(data: Input[Dataset]) -> int:
        with open(data.path, "w") as file:
            file.write("clean")
        return 1

    @dsl.pipeline
    def cleaned(text: str):
        written = write(text=text)
        done = clean(data=written.outputs["data"])
        fetch(data=written.outputs["data"]).after(done)

    document = compiled(cleaned)
    for _ in range(2):
        assert '"Output": "clean5"' in "".join(task.outputs for task in again(document, text="dirty").tasks)


def test_what_a_folder_links_to_is_of_it(again, tmp_path):
    (tmp_path / "far").mkdir()
    (tmp_path / "far" / "a").write_text("one")

    @step
    def link(data: Output[Dataset], to: str):
        import os

        os.mkdir(data.path)
        os.symlink(to, os.path.join(data.path, "far"))
        os.symlink(data.path, os.path.join(data.path, "round"))

    @step
    def follow(data: Input[Dataset]) -> str:
        with open(data.path + "/far/a") as file:
            return file.read()

    @dsl.pipeline
    def linked(to: str):
        follow(data=link(to=to).outputs["data"])

    document = compiled(linked)
    again(document, to=str(tmp_path / "far"))
    (tmp_path / "far" / "a").write_text("two")
    assert '"Output": "two"' in "".join(task.outputs for task in again(document, to=str(tmp_path / "far")).tasks)


def test_a_large_file_is_known_by_its_time(again, monkeypatch):
    monkeypatch.setattr("AutoMLOps.cache.LARGE", 3)
    document = compiled(chain)
    first = again(document, text="abcdef")
    assert states(again(document, text="abcdef")) == ["cached"] * 3
    path = Path(first.folder, "root/write/outputs/data")
    path.write_text("ABCDEF")
    assert states(again(document, text="abcdef"))[0] == "succeeded"
