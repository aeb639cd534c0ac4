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


def found_in(texts, code, line):
    cells = tuple(Cell(label=f"cell {number}", text=text) for number, text in enumerate(texts, 1))
    found = place(Notebook(name="n", cells=cells), code, line)
    return found and (found[0].label, found[1])


EDITED = "def train(depth):\n    tree = depth\n    return 1 / 0\n"


@pytest.mark.parametrize(
    "other",
    [
        "def other():\n    return 1 / 0\n",
        "def train(depth):\n    return depth\n\n\ndef other():\n    return 1 / 0\n",
        "def other():\n    tree = depth\n    return 1 / 0\n",
        "return 1 / 0\n",
    ],
)
def test_an_equal_line_of_another_function_is_not_the_one(other):
    assert found_in(["def train(depth):\n    return depth\n", other], EDITED, 3) is None


@pytest.mark.parametrize("head", ["", "%matplotlib inline\n!pip list\n", "x = !ls\n", "x ==\n"])
def test_a_line_of_a_function_is_found_beside_magics_and_faults(head):
    at = head.count("\n") + 3
    assert found_in([f"{head}{EDITED}", "    return 1 / 0\n"], EDITED, 3) == ("cell 1", at)


def test_a_text_that_reaches_the_margin_ends_no_function():
    cell = 'def ask():\n    words = """\nselect *\n    """\n    run(words)\n'
    assert found_in([cell], cell, 5) == ("cell 1", 5)


def test_a_line_of_a_function_within_is_its_own():
    code = "def a():\n    def b():\n        go()\n    b()\n"
    assert found_in(["def b():\n    go()\n"], code, 3) == ("cell 1", 2)
    assert found_in(["def a():\n    def c():\n        go()\n    c()\n"], code, 3) is None


def test_the_line_that_defines_a_function_is_found():
    assert found_in([TRAIN], CODE, 8) == ("cell 1", 2)


MARK = "%%define_component\nAutoMLOps.makeComponent(name='tell', params=[])\n"


def test_a_line_of_a_marked_cell_needs_a_neighbour_or_to_stand_alone():
    code = "def tell():\n    for each in range(3):\n        print(each)\n    done()\n"
    cell = f"{MARK}for each in range(3):\n    print(each)\ndone()\n"
    assert found_in([cell, f"{MARK}print(each)\nother()\n"], code, 3) == ("cell 1", 4)
    assert found_in([f"{MARK}a()\nprint(each)\nb()\n"], code, 3) == ("cell 1", 4)
    assert found_in([f"{MARK}a()\nprint(each)\nb()\n", f"{MARK}print(each)\nc()\n"], code, 3) is None


def test_a_helper_does_not_claim_what_stands_below_it_in_a_marked_cell():
    body = "def half(x):\n    return x / 2\nif True:\n    print(half('a'))\n"
    code = "def tell():\n" + "".join(f"    {line}\n" for line in body.splitlines())
    assert found_in([MARK + body], code, 5) == ("cell 1", 6)
    assert found_in([MARK + body], code, 3) == ("cell 1", 4)


def test_a_line_outside_of_functions_needs_a_neighbour_or_to_stand_alone():
    code = "import os\n\nLIMIT = int('x')\n"
    assert found_in(["import os\nLIMIT = int('x')\n", "LIMIT = int('x')\n"], code, 3) == ("cell 1", 2)
    assert found_in(["LIMIT = int('x')\n"], code, 3) == ("cell 1", 1)
    assert found_in(["a = 1\nLIMIT = int('x')\n", "b = 1\nLIMIT = int('x')\n"], code, 3) is None
