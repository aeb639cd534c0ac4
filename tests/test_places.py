"""A line of generated code is found again in the notebook."""

import pytest

from AutoMLOps.model import Cell, Notebook
from AutoMLOps.read.places import place

HELPER = "import os\n\n\ndef half(number):\n    return number / 2\n"
TRAIN = (
    "@AutoMLOps.component\ndef train(depth: int) -> float:\n    # grow it\n    tree = half(depth)\n    return tree\n"
)
MARKED = "%%define_component\nAutoMLOps.makeComponent(name='tell', params=[])\nwords = 'hello'\nprint(words)\n"
NOTEBOOK = Notebook(
    name="n.ipynb",
    cells=(Cell(label="cell 2", text=HELPER), Cell(label="cell 3", text=TRAIN), Cell(label="cell 5", text=MARKED)),
)
CODE = '''"""The step train."""


def half(number):
    return number / 2


def train(depth: int) -> float:
    # grow it
    tree = half(depth)
    return tree
'''


@pytest.mark.parametrize(
    ("line", "found"),
    [(5, ("cell 2", 5)), (10, ("cell 3", 4)), (11, ("cell 3", 5)), (1, None), (2, None), (0, None), (99, None)],
)
def test_a_line_is_found_in_its_cell(line, found):
    told = place(NOTEBOOK, CODE, line)
    assert (told and (told[0].label, told[1])) == found


def test_the_body_of_a_marked_cell_is_found_though_it_is_indented():
    code = "def tell():\n    words = 'hello'\n    print(words)\n"
    found = place(NOTEBOOK, code, 3)
    assert found and (found[0].label, found[1]) == ("cell 5", 4)


def test_of_equal_lines_the_one_with_the_likest_neighbours_is_meant():
    one = Cell(label="cell 1", text="def a(x):\n    y = x\n    return y\n")
    two = Cell(label="cell 2", text="def b(x):\n    z = x\n    return y\n")
    found = place(Notebook(name="n", cells=(one, two)), "def a(x):\n    y = x\n    return y\n", 3)
    assert found and found[0].label == "cell 1"


def test_of_a_cell_that_ran_twice_the_last_is_meant():
    cells = tuple(Cell(label=f"In[{number}]", text=TRAIN) for number in (1, 2))
    found = place(Notebook(name="n", cells=cells), CODE, 10)
    assert found and found[0].label == "In[2]"


def test_a_cell_of_a_script_counts_from_the_scripts_first_line():
    cells = (Cell(label="train.py", text=TRAIN, first_line=11),)
    found = place(Notebook(name="train.py", cells=cells), CODE, 10)
    assert found and found[1] == 14
