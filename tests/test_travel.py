"""What travels as JSON between notebook, files and steps; and what is said of what does not."""

import datetime
import decimal
import enum
import json
import pathlib

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from AutoMLOps.model import Kind
from AutoMLOps.read.travel import DEEPEST, misfit, short, stays, text


class Colour(enum.Enum):
    RED = "red"


class Word(enum.StrEnum):
    RED = "red"


class Level(enum.IntEnum):
    HIGH = 3


class Odd(dict):
    """A dict that says something else of itself than it holds."""

    items = keys = values = __iter__ = __len__ = __getitem__ = lambda self, *_: 1 / 0


class Mute:
    __repr__ = lambda self: 1 / 0  # noqa: E731


def nested(levels: int, inner: object = 1) -> object:
    for _ in range(levels):
        inner = {"a": inner}
    return inner


CYCLE: list[object] = []
CYCLE.append(CYCLE)
NUMBER, DICT, LIST, STRING = Kind.NUMBER_INTEGER, Kind.STRUCT, Kind.LIST, Kind.STRING


@pytest.mark.parametrize(
    ("kind", "value", "said"),
    [
        (STRING, "it's", '"it\'s"'),
        (STRING, "\0\x85\u2028🎉", '"\\u0000\x85\u2028🎉"'),
        (STRING, Word.RED, '"red"'),
        (STRING, np.str_("red"), '"red"'),
        (NUMBER, Level.HIGH, "3"),
        (NUMBER, 2**53, str(2**53)),
        (NUMBER, -(2**70), str(-(2**70))),
        (Kind.NUMBER_DOUBLE, np.float64(1.5), "1.5"),
        (Kind.NUMBER_DOUBLE, 1e-9, "1e-09"),
        (Kind.BOOLEAN, True, "true"),
        (LIST, (1, [None, 2.5]), "[1, [null, 2.5]]"),
        (DICT, Odd(a=[1]), '{"a": [1]}'),
        (DICT, nested(DEEPEST - 1), json.dumps(nested(DEEPEST - 1))),
    ],
)
def test_what_travels_reads_back_as_it_was(kind, value, said):
    assert misfit(kind, value) is None
    assert text(value) == said


@pytest.mark.parametrize(
    ("kind", "value", "why", "mend"),
    [
        (NUMBER, "3", "is '3', not an int", ""),
        (NUMBER, True, "is True, not an int", ""),
        (NUMBER, 3.0, "is 3.0, not an int", ""),
        (NUMBER, np.int64(3), "is np.int64(3), not an int", "write its plain value: .tolist()"),
        (NUMBER, 2**53 + 1, "is 9007199254740993, more digits than a number keeps on its way", "pass it as text"),
        pytest.param(NUMBER, 10**5000, "is one of type int, more digits than a number keeps on its way", "pass it as text", id="10**5000"),
        (Kind.NUMBER_DOUBLE, float("nan"), "is nan, which JSON cannot hold", "leave it out, or write what stands for it"),
        (Kind.NUMBER_DOUBLE, decimal.Decimal("1.5"), "is Decimal('1.5'), not a float", "write float(...)"),
        (Kind.BOOLEAN, np.bool_(True), "is np.True_, not a bool", "write its plain value: .tolist()"),
        (STRING, pathlib.PurePosixPath("a"), "is PurePosixPath('a'), not a str", "write it as text: str(...)"),
        (STRING, Colour.RED, "is <Colour.RED: 'red'>, not a str", "write its .value"),
        (STRING, b"a", "is b'a', not a str", "write it as text: .decode()"),
        (STRING, pd.Timestamp("2026-01-01"), "is Timestamp('2026-01-01 00:00:00'), not a str", "write it as text: .isoformat()"),
        (STRING, Mute(), "is one of type Mute, not a str", ""),
        (STRING, "a\ud800", "has half of a character in 'a\\ud800', which no file can hold", "leave it out"),
        (LIST, {1}, "is {1}, not a list", "write list(...)"),
        (LIST, np.array([1]), "is array([1]), not a list", "write its plain value: .tolist()"),
        (LIST, [np.int64(3)], "holds np.int64(3), which JSON cannot hold", "write its plain value: .tolist()"),
        (LIST, [datetime.date(2026, 1, 1)], "holds datetime.date(2026, 1, 1), which JSON cannot hold", "write it as text: .isoformat()"),
        (LIST, [float("inf")], "holds inf, which JSON cannot hold", "leave it out, or write what stands for it"),
        (LIST, CYCLE, "is nested more than 30 levels deep, or holds itself", "pass it as a file, or as text"),
        (DICT, pd.DataFrame({"a": [1]}), "is a 0 1, not a dict", "write .to_dict()"),
        (DICT, nested(DEEPEST), "is nested more than 30 levels deep, or holds itself", "pass it as a file, or as text"),
        (DICT, {1: "a"}, "has the key 1, and JSON's keys are text", "write its keys in quotes"),
        (DICT, {"a": {None: 1}}, "has the key None, and JSON's keys are text", "write its keys in quotes"),
        (DICT, {"\udfff": 1}, "has half of a character in '\\udfff', which no file can hold", "leave it out"),
    ],
)  # fmt: skip
def test_what_does_not_travel_is_told_with_what_to_write_instead(kind, value, why, mend):
    assert misfit(kind, value) == (why, mend)


def test_a_compiled_spec_takes_the_deepest_value_that_travels():
    from google.protobuf import json_format
    from kfp.pipeline_spec import pipeline_spec_pb2

    value = nested(DEEPEST - 1)
    definition = {"parameters": {"a": {"parameterType": "STRUCT", "defaultValue": value}}}
    spec = json_format.ParseDict({"root": {"inputDefinitions": definition}}, pipeline_spec_pb2.PipelineSpec())
    read = json_format.MessageToDict(spec)
    assert read["root"]["inputDefinitions"]["parameters"]["a"]["defaultValue"] == value


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.binary() | st.text() | st.builds(Mute),
    lambda inner: st.lists(inner) | st.tuples(inner) | st.dictionaries(st.text() | st.integers(), inner),
)


@given(ANYTHING)
def test_anything_travels_as_it_is_or_is_refused_in_one_line(value):
    found = stays(value)
    if found:
        assert found.why.isprintable() and found.mend.isprintable()
    else:
        assert typed(json.loads(text(value))) == typed(value)
    assert short(value).isprintable() and len(short(value)) <= 60


def typed(value: object) -> object:
    """A value in which 1, 1.0 and True differ, and a tuple is a list."""
    if isinstance(value, dict):
        return {key: typed(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [typed(item) for item in value]
    return type(value), value
