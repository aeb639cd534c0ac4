"""A compiled spec is read whole, and what its expressions and placeholders say is what they say on Vertex AI."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from AutoMLOps import spec
from AutoMLOps.errors import BadInput
from AutoMLOps.model import Kind
from AutoMLOps.spec import ExpressionError, Mistyped, parsed, value_of

INPUTS = {"n": 3, "f": 0.5, "s": "it's", "t": True, "none": None, "pipelinechannel--a-Output": 7}


def says(expression: str):
    """What an expression comes to, where `$n` is the input n."""
    for name in sorted(INPUTS, key=len, reverse=True):
        expression = expression.replace(f"${name}", f"inputs.parameter_values['{name}']")
    return value_of(parsed(expression), INPUTS)


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("int($pipelinechannel--a-Output) == 7", True),
        ("$n == 3", True),
        ("$n == 3.0", True),
        ("$n != 4", True),
        ("$f > 0.5", False),
        ("$f >= 5e-1", True),
        ("$f < double(1)", True),
        ("$n <= -1", False),
        ("-1.5 < $n", True),
        ("$t == true", True),
        ("$t", True),
        ("!$t", False),
        ("!!$t", True),
        ("!($n == 3) && int($n) == 4", False),
        ("!($n == 3) || int($n) == 3", True),
        ("$t || $t && false", True),
        ("($t || $t) && false", False),
        ("'a' == 'a'", True),
        ("'a' < 'b'", True),
        ('$s == "it\'s"', True),
        (r"$s == 'it\'s'", True),
        (r"'\n\t\\ \x41 \u00e9 \101' == " + r"'\u000a\u0009\\ A é A'", True),
        ("string(3.0) == '3'", True),
        ("string(true) == 'true'", True),
        ("int('12') + 0 == 12", ExpressionError),
        ("int('12') == 12", True),
        ("int(2.9) == 2", True),
        ("int(-2.9) == -2", True),
        ("double('0.5') == 0.5", True),
        ("$n == '3'", False),
        ("$n != '3'", True),
        ("$t == 1", False),
        ("$n < '3'", ExpressionError),
        ("$t > false", True),
        ("int('x') == 1", ExpressionError),
        ("int($t) == 1", ExpressionError),
        ("$none == 1", ExpressionError),
        ("false && $none == 1", False),
        ("$none == 1 && false", False),
        ("$none == 1 || true", True),
        ("$none == 1 || false", ExpressionError),
        ("$n && true", ExpressionError),
        ("$s == 'it's'", ExpressionError),
        (r"$s == 'C:\dir'", ExpressionError),
        ("$s == 'a\nb'", ExpressionError),
        ("'int(inputs.parameter_values['n'])' == 'a'", ExpressionError),
        ("$n == ", ExpressionError),
        ("== 3", ExpressionError),
        ("($n == 3", ExpressionError),
        ("$n == 3)", ExpressionError),
        ("$n = 3", ExpressionError),
        ("$n == nan", ExpressionError),
        ("$n == 3 4", ExpressionError),
        ("__import__('os')", ExpressionError),
        ("size($s) == 4", ExpressionError),
        ("(" * 5000 + "$t" + ")" * 5000, ExpressionError),
        ("", ExpressionError),
    ],
)
def test_expressions(expression, value):
    if value is ExpressionError:
        with pytest.raises(ExpressionError):
            says(expression)
    else:
        assert says(expression) is value


plain = st.text(st.characters(exclude_characters="'\"\\\n", exclude_categories=["Cs"]))
numbers = st.integers(-(10**6), 10**6) | st.floats(-1e6, 1e6).filter(lambda x: "e" in repr(x) or "." in repr(x))


@given(numbers, numbers, st.sampled_from(["==", "!=", "<", "<=", ">", ">="]))
def test_numbers_compare_as_python_compares_them(left, right, sign):
    expression = f"inputs.parameter_values['x'] {sign} {right!r}"
    assert value_of(parsed(expression), {"x": left}) is eval(f"left {sign} right")


@given(plain, plain)
def test_strings_without_quotes_compare_as_they_are(left, right):
    assert value_of(parsed(f"inputs.parameter_values['x'] == '{right}'"), {"x": left}) is (left == right)


@given(st.text("()!&|=<>' \"\\0129.eEinputs[]truefalsdobg_-", max_size=40))
def test_no_text_does_worse_than_an_expression_error(text):
    try:
        value_of(parsed(text), INPUTS)
    except ExpressionError as fault:
        assert str(fault) is not None


# Values


@pytest.mark.parametrize(
    ("value", "kind", "typed"),
    [
        (3.0, Kind.NUMBER_INTEGER, 3),
        ("3", Kind.NUMBER_INTEGER, 3),
        ("3.0", Kind.NUMBER_INTEGER, 3),
        (10**30, Kind.NUMBER_INTEGER, 10**30),
        (2.5, Kind.NUMBER_INTEGER, Mistyped),
        ("x", Kind.NUMBER_INTEGER, Mistyped),
        (True, Kind.NUMBER_INTEGER, Mistyped),
        (math.inf, Kind.NUMBER_INTEGER, Mistyped),
        (None, Kind.NUMBER_INTEGER, Mistyped),
        ([], Kind.NUMBER_INTEGER, Mistyped),
        (3, Kind.NUMBER_DOUBLE, 3.0),
        ("0.5", Kind.NUMBER_DOUBLE, 0.5),
        (False, Kind.NUMBER_DOUBLE, Mistyped),
        (True, Kind.BOOLEAN, True),
        ("False", Kind.BOOLEAN, False),
        (1, Kind.BOOLEAN, Mistyped),
        ("a", Kind.STRING, "a"),
        (1, Kind.STRING, "1"),
        (1.0, Kind.STRING, "1"),
        (1.5, Kind.STRING, "1.5"),
        (True, Kind.STRING, "true"),
        ({"a": [1]}, Kind.STRING, '{"a": [1]}'),
        ([1, 2.0, 2.5], Kind.LIST, [1, 2.0, 2.5]),
        ("[1]", Kind.LIST, [1]),
        ("{}", Kind.LIST, Mistyped),
        ({}, Kind.LIST, Mistyped),
        ({"a": 1}, Kind.STRUCT, {"a": 1}),
        ('{"a": 1}', Kind.STRUCT, {"a": 1}),
        ([], Kind.STRUCT, Mistyped),
    ],
)
def test_values_as_a_step_that_declares_their_kind_gets_them(value, kind, typed):
    if typed is Mistyped:
        with pytest.raises(Mistyped):
            spec.typed(value, kind)
    else:
        assert repr(spec.typed(value, kind)) == repr(typed)


def test_whole_numbers_of_the_spec_become_ints_however_deep():
    assert repr(spec.whole({"a": [1.0, {"b": 2.5, "c": -0.0}], "d": True, "e": 1e20})) == repr(
        {"a": [1, {"b": 2.5, "c": 0}], "d": True, "e": 10**20}
    )


# Placeholders

REQUEST = {
    "inputs": {
        "parameterValues": {"x": "it's", "n": 3, "f": 2.0, "d": {"a": 1.0}, "t": True},
        "artifacts": {"data": {"artifacts": [{"name": "data", "uri": "gs://b/d", "metadata": {"k": 1, "l": "m"}}]}},
    },
    "outputs": {
        "parameters": {"out": {"outputFile": "/o/out"}},
        "artifacts": {"model": {"artifacts": [{"name": "model", "uri": "/o/model"}]}},
        "outputFile": "/o/executor_output.json",
    },
}


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("{{$.inputs.parameters['x']}}", "it's"),
        ("<{{$.inputs.parameters['n']}}-{{$.inputs.parameters['f']}}>", "<3-2>"),
        ("{{$.inputs.parameters['d']}} {{$.inputs.parameters['t']}}", '{"a": 1} true'),
        ("{{$.inputs.artifacts['data'].uri}} {{$.inputs.artifacts['data'].path}}", "gs://b/d /gcs/b/d"),
        ("{{$.inputs.artifacts['data'].metadata['k']}}{{$.inputs.artifacts['data'].metadata['l']}}", "1m"),
        ("{{$.inputs.artifacts['data'].metadata}}", '{"k": 1, "l": "m"}'),
        ("{{$.outputs.artifacts['model'].uri}} {{$.outputs.parameters['out'].output_file}}", "/o/model /o/out"),
        ("{{$.outputs.output_file}}{{$.outputMetadataUri}}", "/o/executor_output.json{{$.outputMetadataUri}}"),
        ("{{$.inputs.parameters['d'].json_escape[1]}}", r"{\"a\": 1}"),
        ("{{$}}", json.dumps(REQUEST)),
        ("{{$.nothing.known}} {{other}} {x} ${y}", "{{$.nothing.known}} {{other}} {x} ${y}"),
    ],
)
def test_placeholders(text, meant):
    assert spec.filled(text, lambda inside: spec.looked_up(inside, REQUEST)) == meant.replace(
        "{{$.outputMetadataUri}}", "/o/executor_output.json"
    )


def test_what_a_placeholder_stands_for_is_not_read_again():
    request = {"inputs": {"parameterValues": {"x": "{{$.inputs.parameters['y']}}", "y": "no"}}}
    found = spec.filled("{{$.inputs.parameters['x']}}", lambda inside: spec.looked_up(inside, request))
    assert found == "{{$.inputs.parameters['y']}}"


def test_words_that_are_there_only_with_their_input():
    words = (
        '{"IfPresent": {"InputName": "a", "Then": ["--a", "{{$.inputs.parameters[\'a\']}}"], "Else": "--no-a"}}',
        '{"Concat": ["x=", {"IfPresent": {"InputName": "b", "Then": "b"}}]}',
        '{"IfPresent": {"InputName": "b", "Then": "b"}}',
        "plain",
    )
    assert spec.words(words, frozenset("a")) == ("--a", "{{$.inputs.parameters['a']}}", "x=", "plain")
    assert spec.words(words, frozenset("b")) == ("--no-a", "x=b", "b", "plain")


# Reading


def document(tasks: dict, **more) -> dict:
    return {
        "pipelineInfo": {"name": "p"},
        "components": {"comp-a": {"executorLabel": "exec-a"}},
        "deploymentSpec": {"executors": {"exec-a": {"container": {"image": "i"}}}},
        "root": {
            "dag": {"tasks": {name: {"componentRef": {"name": "comp-a"}, **task} for name, task in tasks.items()}}
        },
        **more,
    }


def test_a_pipeline_job_is_read_as_its_spec():
    assert spec.read({"displayName": "x", "pipelineSpec": document({"a": {}})}).name == "p"


@pytest.mark.parametrize(
    ("tasks", "said"),
    [
        ({"a": {"dependentTasks": ["b"]}, "b": {"dependentTasks": ["a"]}}, "these tasks wait for each other: "),
        ({"a": {"dependentTasks": ["z"]}}, "a waits for z, which is no task beside it"),
        ({"../a": {}}, "'../a' cannot name a task or an output"),
        ({"a": {"inputs": {"parameters": {"x": {"componentInputParameter": "y"}}}}}, "a is given y, which is no input"),
        (
            {"a": {"triggerPolicy": {"condition": "'it's' == 'x'"}}},
            "the condition of a is not a valid expression: 'it's'",
        ),
    ],
)
def test_what_is_unsound_is_told_before_anything_runs(tasks, said):
    with pytest.raises(BadInput) as raised:
        spec.read(document(tasks))
    assert said in str(raised.value)


def test_an_output_comes_from_a_task_within():
    outputs = {"parameters": {"o": {"valueFromParameter": {"producerSubtask": "z", "outputParameterKey": "Output"}}}}
    faulty = document({"a": {}})
    faulty["root"]["dag"]["outputs"] = outputs
    with pytest.raises(BadInput, match="the output o is to come from z, which is no task within"):
        spec.read(faulty)


def test_every_fault_is_told_at_once():
    tasks = {"a": {"dependentTasks": ["z"]}, "b": {"triggerPolicy": {"condition": "x ="}}}
    with pytest.raises(BadInput) as raised:
        spec.read(document(tasks))
    assert len(raised.value.problems) == 2


def test_the_pause_before_each_retry_grows_to_its_longest():
    policy = {"maxRetryCount": 5, "backoffDuration": "2.5s", "backoffFactor": 2.0, "backoffMaxDuration": "8s"}
    retry = spec.retry(policy)
    assert [retry.seconds(attempt) for attempt in range(1, 5)] == [2.5, 5.0, 8.0, 8.0]
    assert spec.retry({"maxRetryCount": 0}) is None


def test_the_keys_of_a_selector():
    assert spec.selected('parseJson(string_value)["a"]') == ("a",)
    assert spec.selected('parseJson(string_value)["a"][0]["b c"]') == ("a", 0, "b c")
    assert spec.selected("") == ()
