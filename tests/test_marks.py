"""The words that mark a notebook's code."""

import pytest

from AutoMLOps import AutoMLOps


def test_a_component_stays_the_function_that_it_is():
    @AutoMLOps.component
    def bare(x: int) -> int:
        return x + 1

    @AutoMLOps.component(packages_to_install=["pandas"])
    def called(x: int) -> int:
        return x + 2

    assert (bare(1), called(1)) == (2, 3)
    assert (bare.__name__, called.__module__) == ("bare", __name__)


@pytest.mark.parametrize("mark", [AutoMLOps.pipeline, AutoMLOps.pipeline(name="p"), AutoMLOps.pipeline()])
def test_a_pipeline_is_not_called(mark):
    @mark
    def wine(x: int):
        """Trains."""

    with pytest.raises(TypeError, match=r"`wine` is a description.*generate\(\)"):
        wine(x=1)
    assert (wine.__name__, wine.__doc__) == ("wine", "Trains.")


@pytest.mark.parametrize(
    "call",
    [
        lambda: AutoMLOps.makeComponent(name="", params=[]),
        lambda: AutoMLOps.makeComponent(name="x", params="y"),
        lambda: AutoMLOps.makePipeline(name=3, params=[], pipeline=[]),
    ],
)
def test_what_makes_no_sense_is_said_at_once(call):
    with pytest.raises(TypeError, match="make"):
        call()


def test_the_calls_of_marked_cells_give_nothing():
    assert AutoMLOps.makeComponent(name="x", params=[{"name": "n", "type": int}]) is None
    assert AutoMLOps.makePipeline(name="x", params=[], pipeline=[]) is None


def test_names_that_are_not_there_are_said():
    with pytest.raises(AttributeError, match="'rehears'"):
        AutoMLOps.rehears  # noqa: B018
