"""What a constant expression of a notebook comes to, without anything being run."""

import ast

import pytest

from AutoMLOps.model import Cell, Notebook
from AutoMLOps.read.constants import evaluate
from AutoMLOps.read.program import program


def value(expression: str, *cells: str) -> object:
    notebook = Notebook(name="n", cells=tuple(Cell(label=f"cell {at}", text=text) for at, text in enumerate(cells, 1)))
    return evaluate(program(notebook), ast.parse(expression, mode="eval").body)


@pytest.mark.parametrize(
    ("expression", "comes_to"),
    [
        ("NAME", "rain"),
        ("f'{NAME}-{2 ** 3}'", "rain-8"),
        ("{'a': [NAME, -1, +2.5, None, True]}", {"a": ["rain", -1, 2.5, None, True]}),
        ("['a'] + ['b']", ["a", "b"]),
        ("7 // 2 + 7 % 4 - 1 / 4", 5.75),
        ("'+'.join", None),
    ],
)
def test_literals_and_names_and_what_is_reckoned_with_them(expression, comes_to):
    if comes_to is None:
        with pytest.raises(ValueError, match="is no constant"):
            value(expression)
    else:
        assert value(expression, "NAME = 'rain'") == comes_to


@pytest.mark.parametrize("start", ["'ab'", "['a', 'b']", "[1]"])
def test_names_that_double_each_other_are_too_long_and_not_waited_for(start):
    cells = [f"N0 = {start}", *(f"N{at + 1} = N{at} + N{at}" for at in range(60))]
    with pytest.raises(ValueError, match="too long"):
        value("N60", *cells)


def test_lists_that_hold_each_other_twice_are_too_long_too():
    with pytest.raises(ValueError, match="too long"):
        value("N60", "N0 = [1]", *(f"N{at + 1} = [N{at}, N{at}]" for at in range(60)))


def test_numbers_that_are_squared_again_and_again_have_too_many_digits():
    with pytest.raises(ValueError, match="too (many digits|long)"):
        value("N60", "N0 = 2 ** 1000", *(f"N{at + 1} = N{at} * N{at}" for at in range(60)))


def test_what_is_nested_beyond_measure_is_said_to_be():
    with pytest.raises(ValueError, match="nested too deeply"):
        value("N3000", "N0 = 1", *(f"N{at + 1} = -N{at}" for at in range(3000)))


def test_a_name_that_stands_for_itself_is_no_constant():
    with pytest.raises(ValueError, match="`A` is no constant"):
        value("A", "A = A + 'x'")
