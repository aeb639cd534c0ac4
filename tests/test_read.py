"""How cells become a pipeline: the rules, one test for each."""

import ast
import json
import sys
from dataclasses import replace

import pytest

from AutoMLOps import read
from AutoMLOps.errors import BadInput
from AutoMLOps.model import Cell, Notebook, Source
from AutoMLOps.read.statements import statements

IMPORTS = "from AutoMLOps import AutoMLOps\nfrom kfp.dsl import Dataset, Input, Metrics, Model, Output\n"
TAIL = "\n@AutoMLOps.pipeline(name='p')\ndef p():\n    step()\n"


def reading(*cells, values=None, live=False, **how):
    """What is read from these cells, each a text."""
    label = "In[{}]" if live else "cell {}"
    notebook = Notebook(
        name="n.ipynb", cells=tuple(Cell(label=label.format(number), text=text) for number, text in enumerate(cells, 1))
    )
    return read.pipeline(notebook, values or {}, live=live, **how)


def source(*cells, **how):
    """The source of the component `step` that these cells define."""
    found = reading(IMPORTS, *cells, TAIL, **how)
    assert found.problems == ()
    assert found.pipeline
    (text,) = [component.source for component in found.pipeline.components if component.name == "step"]
    ast.parse(text)
    return text


def problem(*cells, **how):
    """The one problem that these cells have."""
    found = reading(IMPORTS, *cells, TAIL, **how)
    assert [str(problem) for problem in found.problems][1:] == []
    assert found.pipeline is None
    return str(found.problems[0])


def step(body, signature=""):
    return f"@AutoMLOps.component\ndef step({signature}):\n    {body}\n"


# --- what travels


def test_an_import_travels_pruned_name_by_name():
    text = source("from os.path import join, exists, split\nimport json, csv", step("print(join('a', 'b'), json)"))
    assert "from os.path import join\n" in text
    assert "exists" not in text and "csv" not in text


def test_imports_stand_as_isort_orders_them():
    text = source(
        "import pandas as pd\nimport sys\nfrom pathlib import Path\nimport json", step("print(pd, sys, Path, json)")
    )
    assert text.split("\n")[2:7] == ["import json", "import sys", "from pathlib import Path", "", "import pandas as pd"]


def test_a_function_travels_with_what_it_needs():
    text = source("import math\nBASE = 2\ndef root(x):\n    return math.sqrt(x) * BASE", step("print(root(4))"))
    assert text.index("import math") < text.index("BASE = 2") < text.index("def root") < text.index("def step")


def test_nested_functions_are_looked_into():
    assert "LIMIT = 3" in source(
        "LIMIT = 3", step("def inner():\n        return [LIMIT for _ in range(2)]\n    inner()")
    )


def test_local_names_hide_those_of_other_cells():
    assert "x = 1" not in source("x = 1", step("x = 2\n    print(x, [y for y in range(x)])")).split("def step")[0]


def test_decorators_defaults_and_annotations_are_needs():
    cells = "import functools\nSIZE = 3\nclass Point:\n    pass\ndef helper(a: Point, size=SIZE):\n    return a"
    text = source(
        cells,
        "cached = functools.lru_cache\n",
        step("return helper(None)").replace("@AutoMLOps.component", "@AutoMLOps.component\n@cached"),
    )
    assert (
        "class Point" in text
        and "SIZE = 3" in text
        and "cached = functools.lru_cache" in text
        and "@cached\ndef step" in text
    )


def test_string_annotations_are_needs():
    assert "class Point" in source(
        "class Point:\n    pass\ndef helper(a: 'Point'):\n    return a", step("helper(None)")
    )


def test_classes_travel_with_their_decorators():
    text = source(
        "from dataclasses import dataclass, field\n@dataclass\nclass Config:\n    names: list = field(default_factory=list)",
        step("Config()"),
    )
    assert "@dataclass\nclass Config" in text and "from dataclasses import dataclass, field" in text


def test_async_functions_travel():
    assert "async def fetch" in source("async def fetch():\n    return 1", step("print(fetch)"))


def test_a_try_of_imports_travels_whole():
    text = source(
        "try:\n    import ujson as json\nexcept ImportError:\n    import json", step("json.dumps({})"), base_image="tf"
    )
    assert "try:\n    import ujson as json\nexcept ImportError:\n    import json\n" in text


def test_type_checking_blocks_travel():
    cells = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from decimal import Decimal\ndef half(x: 'Decimal'):\n    return x / 2"
    text = source(cells, step("half(2)"))
    assert "if TYPE_CHECKING:\n    from decimal import Decimal" in text and "from typing import TYPE_CHECKING" in text


def test_a_signatures_types_are_imported_for_real():
    text = source(
        "from __future__ import annotations\nfrom typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from kfp.dsl import HTML",
        step("page.path", "page: Output[HTML]"),
    )
    assert "from kfp.dsl import HTML, Output" in text and "TYPE_CHECKING" not in text


@pytest.mark.parametrize(
    "value",
    [
        "3", "'text'", "[1, 2]", "{'a': 1}", "(1, 'b')", "-2.5", "2 ** 10", "not True", "f'{1}'", "[x * 2 for x in range(3)]", "lambda x: print(x)",
        "Path('data') / 'x.csv'", "re.compile('a+')", "namedtuple('P', 'x y')", "TypeVar('T')", "set('ab')", "frozenset([1])", "range(3)", "len('abc')",
        "dict(a=1)", "tuple([1])", "'a,b'.split(',')", "' x '.strip().upper()", "pathlib.Path('x')", "Enum('Colour', 'RED GREEN')", "OTHER.lower()",
        "math.pi", "Optional[int]",
    ],
)  # fmt: skip
def test_a_constant_travels(value):
    modules = "import math, pathlib, re\nfrom collections import namedtuple\nfrom enum import Enum\nfrom pathlib import Path\nfrom typing import Optional, TypeVar\nOTHER = 'X'"
    assert f"VALUE = {value}" in source(modules, f"VALUE = {value}", step("print(VALUE)"))


def test_the_last_binding_wins():
    text = source("N = 1", "N = 2", step("print(N)"))
    assert "N = 2" in text and "N = 1" not in text


def test_statements_keep_their_order_and_comments():
    text = source("A = 1  # one\n\n\ndef f():\n    # inside\n    return A\n", "B = 2", step("print(f(), B)"))
    assert text.index("A = 1  # one") < text.index("# inside") < text.index("B = 2")


def test_statements_on_one_line_travel_apart():
    text = source("A = 1; B = 2; print('no')", step("print(B)"))
    assert "B = 2\n" in text and "A = 1" not in text and "no" not in text


def test_dotted_imports_of_one_package_travel_together():
    text = source("import os.path\nimport os", "import xml.dom\nimport xml.sax", step("print(xml.dom, xml.sax)"))
    assert "import xml.dom\nimport xml.sax" in text


def test_another_component_travels_as_the_function_that_it_is():
    text = source(
        "@AutoMLOps.component(packages_to_install=[])\ndef other(x: int) -> int:\n    return x", step("print(other(1))")
    )
    assert "def other" in text and "AutoMLOps" not in text


# --- what is refused, with its place and how to mend it


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ("import pandas as pd\nthing = pd.read_csv('x')", "a call (`pd.read_csv(...)`)"),
        ("from datetime import datetime\nthing = datetime.now()", "a call (`datetime.now(...)`)"),
        ("class SVC: pass\nthing = SVC()", "a call (`SVC(...)`)"),
        ("thing = open('x').read()", "a call"),
        ("import os\nthing = os.environ['HOME']", "`os.environ[...]`, which belongs to this machine"),
        ("import sys\nthing = sys.argv", "`sys.argv`, which belongs to this machine"),
        ("import matplotlib as m\nthing = m.rcParams['x']", "`m.rcParams[...]`"),
        ("for thing in range(3): pass", "bound by `for`"),
        ("with open('x') as thing: pass", "bound by `with`"),
        ("if True:\n    thing = 1", "bound by `if`"),
        ("while True:\n    thing = 1\n    break", "bound by `while`"),
        ("try:\n    thing = 1\nfinally:\n    print()", "bound by `try`"),
        ("thing = !ls", "a magic or a shell command"),
        ("%time thing = 3", "a magic or a shell command"),
        ("from math import *", "`from math import *`"),
        ("", "which no cell binds"),
        ("thing = 1\nthing += 1", "bound by `+=`"),
        ("thing = {}\nthing['a'] = 1", "changed in place"),
        ("thing = []\nthing.append(1)", "changed in place"),
        ("thing = []\nfor x in range(3):\n    thing.append(x)", "changed in place"),
        ("thing = {}\ndel thing['a']", "changed in place"),
        ("class thing: pass\nthing.a = 1", "changed in place"),
    ],
)
def test_what_may_not_travel_is_an_error_with_its_place(cell, words):
    said = problem(cell, step("print(thing)"))
    assert words in said and "thing" in said and "component `step`" in said
    assert said.startswith("cell 2, line ") or not cell or "import *" in cell
    assert said.endswith(")") and "(" in said  # the mend


def test_reading_a_name_whose_last_binding_comes_later_is_an_error():
    assert "reads `N` before its last value" in problem("N = 1", "M = N + 1", "N = 10", step("print(M, N)"))
    assert "reads `N` before its last value" in problem("N = 1\nN = N + 1", step("print(N)"))


def test_a_function_may_name_what_comes_later():
    source("def f():\n    return LATER", "LATER = 1", step("print(f())"))


def test_a_discarded_call_on_a_carried_import_is_a_warning():
    found = reading(IMPORTS, "import json\njson.loads('1')", step("json.dumps(1)"), TAIL)
    assert found.problems == ()
    assert ["`json.loads` does not travel" in str(warning) for warning in found.warnings] == [True]
    assert "json.loads" not in found.pipeline.components[0].source


@pytest.mark.parametrize(
    "cell",
    [
        "thing = dict(zip('ab', [1, 2]))  # automlops: carry",
        "# automlops: carry\nthing = sorted([2, 1])",
        "%%define_imports\nthing = sorted([1])",
    ],
)
def test_the_escape_carries_what_a_rule_refuses(cell):
    assert "thing = " in source(cell, step("print(thing)"))


def test_the_escape_carries_a_change_in_place():
    assert "thing.append(1)" in source("thing = []\nthing.append(1)  # automlops: carry", step("print(thing)"))


def test_the_escape_carries_only_what_is_needed():
    assert "unused" not in source("%%define_imports\nunused = sorted([1])\nthing = sorted([1])", step("print(thing)"))


def test_future_annotations_are_not_carried():
    text = source("from __future__ import annotations", step("print(data.path)", "data: Output[Dataset]"))
    assert "__future__" not in text


def test_future_annotations_that_name_what_is_not_there_yet_become_strings():
    text = source(
        "from __future__ import annotations\nclass Node:\n    def child(self) -> Node:\n        return self\n",
        step("Node()"),
    )
    assert 'def child(self) -> "Node":' in text
    exec(compile(text.replace("from kfp", "#"), "x", "exec"), {})  # noqa: S102


def test_string_annotations_of_a_component_are_resolved_at_the_end():
    text = source(step("print(data.path)", "data: 'Output[Dataset]', n: 'int' = 3"))
    assert text.endswith("step.__annotations__ = typing.get_type_hints(step, include_extras=True)\n")
    assert "import typing\n" in text and "from kfp.dsl import Dataset, Output" in text


def test_automlops_does_not_travel():
    assert "AutoMLOps is not there where a step runs" in problem(step("AutoMLOps.generate()"))


def test_what_exists_in_notebooks_alone_is_said():
    assert "exists in notebooks alone" in problem(step("display(1)"))


# --- magics and shell lines


@pytest.mark.parametrize(
    "line", ["!ls -la", "%matplotlib inline", "%time print(1)", "x = !pwd", "print?", "?print", "!pip install \\\n  x"]
)
def test_magic_and_shell_lines_never_travel(line):
    text = source(f"{line}\nA = 1", step("print(A)"))
    assert "A = 1" in text and "ls" not in text and "%" not in text and "get_ipython" not in text


def test_a_percent_in_a_string_is_no_magic():
    assert '"""\n%s\n!x\n"""' in source('!ls\nA = """\n%s\n!x\n"""', step("print(A)"))


def test_a_cell_of_another_language_is_no_python():
    source("%%bash\nfor x in; do (((", "%%writefile x.py\nA = 1", step("pass"))


def test_a_timed_cell_is_python():
    assert "A = 1" in source("%%time\nA = 1", step("print(A)"))


def test_a_form_feed_splits_no_line():
    assert "cell 2, line 3" in problem("A = 1\n\x0c\nthing = input()", step("print(thing)"))


# --- live or from a file


def test_cells_after_the_first_call_of_a_verb_do_not_count():
    found = reading(IMPORTS, step("pass"), TAIL, "AutoMLOps.generate(project_id='x')\nN = 1", "def broken(:")
    assert found.problems == ()


def test_a_verb_by_another_name_ends_the_program_too():
    found = reading(
        "import AutoMLOps as a\n@a.component\ndef step(): pass\n@a.pipeline\ndef p():\n    step()\n",
        "result = a.generate()",
        "def broken(:",
    )
    assert found.problems == ()


def test_live_the_last_definition_in_execution_order_wins():
    cells = (IMPORTS, step("print(1)"), TAIL, "AutoMLOps.generate()", step("print(2)"), "AutoMLOps.generate()")
    found = reading(*cells, live=True)
    assert "print(2)" in found.pipeline.components[0].source


def test_running_a_cell_again_adds_nothing():
    once = source("N = 1", "M = N + 1", step("print(M, N)"))
    assert source("N = 1", "M = N + 1", "N = 1", step("print(M, N)"), live=True) == once


def test_running_a_cell_again_after_a_change_counts():
    assert source("N = 1", "M = N + 1", "N = 10", "M = N + 1", step("print(M, N)"), live=True).count("N = 10") == 1


def test_live_and_file_give_the_same_pipeline():
    cells = (IMPORTS, "N = 1", step("print(N)"), TAIL, "AutoMLOps.generate()")
    live, filed = reading(*cells, live=True).pipeline, reading(*cells).pipeline
    placeless = {"cell": "", "line": 0}
    assert replace(live, components=tuple(replace(item, **placeless) for item in live.components)) == replace(
        filed, components=tuple(replace(item, **placeless) for item in filed.components)
    )


def test_what_the_pipeline_does_not_reach_is_not_generated():
    found = reading(IMPORTS, step("pass"), step("input_that_is_missing").replace("def step", "def old"), TAIL)
    assert [component.name for component in found.pipeline.components] == ["step"]


def test_names_are_constants_alike_live_and_from_a_file():
    cells = (IMPORTS, step("pass"), "import time\nNAME = str(time.time())", TAIL.replace("'p'", "NAME"))
    assert [str(problem).partition(": ")[2] for problem in reading(*cells).problems] == [
        str(problem).partition(": ")[2] for problem in reading(*cells, live=True).problems
    ]
    assert "name is not constant (`str(time.time())` is no constant)" in str(reading(*cells).problems[0])


def test_names_may_be_carried_constants():
    found = reading(IMPORTS, step("pass"), "NAME = 'my ' + 'pipeline'", TAIL.replace("'p'", "NAME"))
    assert found.pipeline.title == "my pipeline"


# --- files


def test_a_saved_notebook_is_read(tmp_path):
    cells = [{"cell_type": "markdown", "source": "# x"}, {"cell_type": "code", "source": ["A = 1\n", "B = 2"]}]
    found = read.notebook("x.ipynb", json.dumps({"nbformat": 4, "cells": cells, "metadata": {}}))
    assert found.cells == (Cell(label="cell 2", text="A = 1\nB = 2"),)


def test_an_old_notebook_is_read():
    old = {
        "nbformat": 3,
        "nbformat_minor": 0,
        "metadata": {"name": ""},
        "worksheets": [
            {"cells": [{"cell_type": "code", "input": ["A = 1"], "language": "python", "outputs": []}], "metadata": {}}
        ],
    }
    assert read.notebook("x.ipynb", json.dumps(old)).cells[0].text == "A = 1"


def test_a_script_with_cells_says_the_lines_of_the_file():
    text = "# %%\nfrom AutoMLOps import AutoMLOps\n# %% [markdown]\n# words\n# %%\ndef broken(:\n"
    found = read.pipeline(read.notebook("dir/x.py", text))
    assert "x.py, line 6: invalid Python" in str(found.problems[0])


def test_a_script_may_hold_marked_cells():
    text = "# %%\nfrom AutoMLOps import AutoMLOps\n# %%define_component\nAutoMLOps.makeComponent(name='a', params=[])\nprint(1)\n# %%\nAutoMLOps.makePipeline(name='p', params=[], pipeline=[{'component_name': 'a'}])\n"
    assert read.pipeline(read.notebook("x.py", text)).problems == ()


def test_a_long_script_is_read_piece_by_piece():
    steps = "".join(
        f"\n@AutoMLOps.component\ndef step_{n}(\n    text: str = '''\ndef no(\n''',\n):\n    if text:\n        pass\n    else:\n        pass\n"
        for n in range(60)
    )
    calls = "".join(f"    step_{n}()\n" for n in range(60))
    found = read.pipeline(read.notebook("x.py", f"{IMPORTS}{steps}\n@AutoMLOps.pipeline\ndef p():\n{calls}"))
    assert found.problems == () and len(found.pipeline.components) == 60
    assert found.pipeline.components[59].line == 3 + 59 * 11 + 2


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("x.ipynb", "", "is not a notebook"),
        ("x.ipynb", "{", "is not a notebook"),
        ("x.ipynb", "[]", "has no cells"),
        ("x.ipynb", '{"nbformat": 4, "cells": [], "metadata": {}}', "has no code"),
        (
            "x.ipynb",
            '{"nbformat": 4, "cells": [{"cell_type": "code", "source": "x"}], "metadata": {"kernelspec": {"language": "R"}}}',
            "written in R",
        ),
        ("x.py", "\n  \n", "has no code"),
    ],
)
def test_what_is_no_notebook_is_said(name, text, words):
    with pytest.raises(BadInput, match=words):
        read.notebook(name, text)


def test_a_syntax_error_names_cell_and_line():
    said = problem("A = 1\ndef f(:\n    pass", step("pass"))
    assert said.startswith("cell 2, line 2: invalid Python")


@pytest.mark.parametrize(
    "text", ["x = " + "-" * 20_000 + "1", "x = " + "+".join("1" * 5000), "x = " + "(" * 500 + ")" * 500]
)
def test_what_is_nested_too_deeply_names_the_cell(text):
    assert "cell 2" in problem(text, step("pass"))


@pytest.mark.parametrize("kind", ["x." * 900 + "x", f"'{'x.' * 900}x'"])
def test_a_type_that_is_nested_too_deeply_is_one_problem(kind):
    assert "nested too deeply" in problem(step("pass", f"n: {kind}"))


# --- components


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        ([step("pass", "n: str = '\\ud800'")], "has a default that has half of a character"),
        ([step("'a \\ud800'")], "component `step`: the docstring has half of a character"),
        ([step("pass"), TAIL.replace("'p'", "'p\\ud800'")], "name has half of a character"),
        ([step("pass"), TAIL.replace("'p'", "'p', description='\\ud800'")], "description has half of a character"),
        ([step("pass", "n: int = 2**53 + 1")], "more digits than a number keeps on its way (pass it as text)"),
        ([step("pass", "n: int = 10**1000")], "more digits than a number keeps on its way (pass it as text)"),
    ],
)
def test_what_no_file_or_spec_can_hold_is_said_where_it_stands(cells, said):
    found = reading(IMPORTS, *cells, *([TAIL] if len(cells) == 1 else []))
    assert [str(each).startswith("cell ") and said in str(each) for each in found.problems] == [True]


@pytest.mark.parametrize("name", ["pipeline", "Pipeline", "n" * 121])
def test_a_component_whose_files_cannot_be_written_is_said(name):
    found = reading(IMPORTS, step("pass").replace("step", name), TAIL.replace("step", name))
    (one,) = found.problems
    assert one.cell == "cell 2" and ("tests/test_pipeline.py" in str(one) or "120 letters at most" in str(one))


@pytest.mark.parametrize("name", ["é1", "日本", "a·b", "ß"])
def test_a_component_is_called_by_a_name_that_files_and_images_take(name):
    found = reading(IMPORTS, step("pass").replace("step", name), TAIL.replace("step", name))
    assert [str(each) for each in found.problems] == [
        f"cell 2, line 2: the component `{name}` has more than a to z in its name, and files and images are called by it (rename it)"
    ]


@pytest.mark.parametrize("name", ["a b", "class", "_a", "", "$(id)", "ﬁ"])
def test_a_field_that_no_namedtuple_can_have_is_said(name):
    said = f"@AutoMLOps.component\ndef step() -> NamedTuple('Both', [({name!r}, str)]):\n    return ('x',)\n"
    assert f"the field {name!r}, which Python refuses" in problem("from typing import NamedTuple", said)


@pytest.mark.parametrize(
    "text", ["word " * 60 + "end", "x" * 300, "a: b :param c: d " * 20, "it's\n  two: lines", "@ : -- #"]
)
def test_a_param_of_a_marked_cell_is_described_as_it_says_however_long(text):
    params = [{"name": "n", "type": "int", "description": text}, {"name": "m", "type": "int", "description": "short"}]
    params += [{"name": "data", "type": "Output[Dataset]", "description": text}]
    cell = f"%%define_component\nAutoMLOps.makeComponent(name='step', params={params!r})\nprint(n, m, data)\n"
    takes = [{"name": "k", "type": "int", "description": text}]
    chain = [{"component_name": "step", "param_mapping": [("n", "k"), ("m", "k")]}]
    call = f"AutoMLOps.makePipeline(name='p', params={takes!r}, pipeline={chain!r})"
    found = reading(IMPORTS, cell, call, values={"k": 1})
    assert found.problems == ()
    (component,) = found.pipeline.components
    assert [each.description for each in component.inputs] == [text, "short"]
    assert [each.description for each in component.outputs] == [text]
    assert [each.description for each in found.pipeline.parameters] == [text]
    (function,) = [node for node in ast.parse(found.pipeline.body).body if isinstance(node, ast.FunctionDef)]
    import docstring_parser

    (told,) = docstring_parser.parse(ast.get_docstring(function)).params
    assert told.arg_name == "k" and (told.description or "").split() == text.split()


HOSTILE_CHAINS = [
    "[]",
    "{}",
    "[{'component_name': 'step'}, {'component_name': 'é(1);x'}]",
    "[{'component_name': 'step', 'param_mapping': [('n=print(1),n', 'k')]}]",
    "[{'component_name': 'step', 'param_mapping': [('n', 'print(1) or step.x')]}]",
    "[{'component_name': 'step', 'param_mapping': [('n', 'step.x.y')]}]",
    "[{'component_name': 'step', 'param_mapping': [('', '')]}]",
]


@pytest.mark.parametrize("chain", HOSTILE_CHAINS)
def test_a_mapping_holds_names_and_no_code(chain):
    cell = "%%define_component\nAutoMLOps.makeComponent(name='step', params=[{'name': 'n', 'type': int}])\nprint(n)\n"
    call = f"AutoMLOps.makePipeline(name='p', params=[{{'name': 'k', 'type': int}}], pipeline={chain})"
    found = reading(IMPORTS, cell, call, values={"k": 1})
    assert any("is not one of those" in str(each) for each in found.problems)


def test_a_description_may_hold_a_parenthesis():
    cell = "%%define_component\nAutoMLOps.makeComponent(name='step', params=[{'name': 'n', 'type': int, 'description': 'how many (at most).'}], description=\"Loads data (GCS), it's fast).\")\nprint(n)\n"
    found = reading(
        IMPORTS,
        cell,
        "AutoMLOps.makePipeline(name='p', params=[{'name': 'k', 'type': int}], pipeline=[{'component_name': 'step', 'param_mapping': [('n', 'k')]}])",
        values={"k": 1},
    )
    assert found.problems == ()
    (component,) = found.pipeline.components
    assert component.description == "Loads data (GCS), it's fast)."
    assert component.inputs[0].description == "how many (at most)."
    assert "    print(n)\n" in component.source


def test_what_a_marked_pipeline_says_of_its_parameters_is_kept():
    cell = "%%define_component\nAutoMLOps.makeComponent(name='step', params=[{'name': 'n', 'type': int}])\nprint(n)"
    chain = "[{'component_name': 'step', 'param_mapping': [('n', 'k')]}]"
    params = "[{'name': 'k', 'type': int, 'description': 'how many (at most)'}]"
    found = reading(
        IMPORTS, cell, f"AutoMLOps.makePipeline(name='p', params={params}, pipeline={chain})", values={"k": 1}
    )
    assert [param.description for param in found.pipeline.parameters] == ["how many (at most)"]
    assert ast.get_docstring(ast.parse(found.pipeline.body).body[0]).startswith("The pipeline p.\n\nArgs:")


def test_a_marked_cell_needs_no_import_of_kfp():
    cell = "%%define_component\nAutoMLOps.makeComponent(name='step', params=[{'name': 'data', 'type': 'Output[Dataset]'}])\nopen(data.path, 'w')\n"
    found = reading(
        "from AutoMLOps import AutoMLOps",
        cell,
        "AutoMLOps.makePipeline(name='p', params=[], pipeline=[{'component_name': 'step', 'param_mapping': []}])",
    )
    assert found.problems == ()
    assert "from kfp.dsl import Dataset, Output" in found.pipeline.components[0].source


def test_strings_over_lines_keep_their_text_in_a_marked_cell():
    cell = (
        "%%define_component\nAutoMLOps.makeComponent(name='step')\ntext = '''a\n  b\nc'''\nif text:\n    print(text)\n"
    )
    found = reading(IMPORTS, cell, "AutoMLOps.makePipeline(name='p', pipeline=[{'component_name': 'step'}])")
    tree = ast.parse(found.pipeline.components[0].source)
    assert "a\n  b\nc" in [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)]


def test_a_marked_chain_runs_in_the_order_given():
    define = "%%define_component\nAutoMLOps.makeComponent(name={!r}, params=[{}])\npass\n"
    data = "{'name': 'data', 'type': 'Output[Dataset]'}"
    cells = (define.format("a", data), define.format("b", ""), define.format("c", data.replace("Out", "In")))
    chain = "[{'component_name': 'a'}, {'component_name': 'b'}, {'component_name': 'c', 'param_mapping': [('data', 'a.data')]}]"
    found = reading(IMPORTS, *cells, f"AutoMLOps.makePipeline(name='p', params=[], pipeline={chain})")
    assert found.problems == ()
    assert [(item.name, item.after) for item in found.pipeline.steps] == [("a", ()), ("b", ("a",)), ("c", ("b",))]
    assert (
        found.pipeline.steps[2].arguments[0].of == "a" and found.pipeline.steps[2].arguments[0].source is Source.OUTPUT
    )


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("@AutoMLOps.component\nasync def step(): pass", "async function"),
        ("@AutoMLOps.component\nclass step: pass", "class"),
        ("@AutoMLOps.component(base='x')\ndef step(): pass", "`base` is no setting"),
        ("@AutoMLOps.component(packages_to_install='pandas')\ndef step(): pass", "not a list of str"),
        ("@AutoMLOps.component(packages_to_install=[x()])\ndef step(): pass", "not constant"),
        ("@AutoMLOps.component(base_image='My Image')\ndef step(): pass", "'My Image' is not a container image"),
        ("@AutoMLOps.component(base_image=['python'])\ndef step(): pass", "base_image is not a str"),
        ("@AutoMLOps.component(base_image=x())\ndef step(): pass", "base_image is not constant"),
        ("@AutoMLOps.component(packages_to_install=['pandas', 'a b c;'])\ndef step(): pass", "a b c"),
        ("@AutoMLOps.component\ndef step():\n    import nowhere_to_be_found", "nowhere_to_be_found"),
    ],
)
def test_a_bad_component_is_said(code, words):
    said = [str(problem) for problem in reading(IMPORTS, code, TAIL).problems]
    assert words in said[0]


@pytest.mark.parametrize("name", ["random", "statistics", "evaluate", "json"])
def test_a_component_named_like_a_module_is_refused_with_a_name(name):
    found = reading(IMPORTS, f"@AutoMLOps.component\ndef {name}(): pass", TAIL.replace("step", name))
    assert f"`{name}_step`" in str(found.problems[0])


def test_a_component_named_like_an_imported_module_is_refused():
    found = reading(
        IMPORTS, "@AutoMLOps.component\ndef nbformat(): pass", step("import nbformat"), TAIL + "    nbformat()\n"
    )
    assert any("name of a module that a component imports" in str(problem) for problem in found.problems)


def test_in_a_file_a_component_that_exists_twice_is_refused():
    assert "exists twice, first in cell 2, line 1" in problem(step("print(1)"), step("print(2)"))


@pytest.mark.parametrize("where", ["if True:", "def outer():", "class Outer:"])
def test_a_pipeline_defined_inside_something_is_said(where):
    found = reading(IMPORTS, step("pass"), f"{where}\n    @AutoMLOps.pipeline\n    def p():\n        step()\n")
    assert "is defined inside" in str(found.problems[0])


def test_names_are_cleaned_for_vertex():
    code = "@AutoMLOps.component\ndef TrainModel(): pass\n@AutoMLOps.component\ndef _prep__data(): pass\n"
    found = reading(
        IMPORTS,
        code,
        "@AutoMLOps.pipeline(name='My Pipeline (v2)!')\ndef p():\n    TrainModel()\n    _prep__data()\n    TrainModel()\n",
    )
    assert [item.name for item in found.pipeline.steps] == ["trainmodel", "prep-data", "trainmodel-2"]
    assert [item.name for item in found.pipeline.components] == ["TrainModel", "_prep__data"]
    assert found.pipeline.name == "my-pipeline-v2"


def test_two_names_that_are_one_to_vertex_are_refused():
    code = "@AutoMLOps.component\ndef TrainModel(): pass\n@AutoMLOps.component\ndef trainmodel(): pass\n"
    found = reading(IMPORTS, code, "@AutoMLOps.pipeline\ndef p():\n    TrainModel()\n    trainmodel()\n")
    assert "both `trainmodel` to Vertex AI" in str(found.problems[0])


def test_a_component_whose_name_is_taken_is_refused():
    found = reading(
        IMPORTS, step("pass").replace("step", "main"), TAIL.replace("step", "main"), reserved=frozenset({"main"})
    )
    assert "`main_step`" in str(found.problems[0])


# --- pipelines


def test_no_pipeline():
    assert "has no pipeline" in str(reading("A = 1").problems[0])


def test_two_pipelines_and_the_choice_of_one():
    cells = (IMPORTS, step("pass"), TAIL, "@AutoMLOps.pipeline(name='q')\ndef q():\n    step()\n")
    assert "there are 2 pipelines" in str(reading(*cells).problems[0])
    assert reading(*cells, which="q").pipeline.title == "q"
    assert "there is no pipeline `r`" in str(reading(*cells, which="r").problems[0])


COMPONENTS = """
@AutoMLOps.component
def load(data: Output[Dataset], rows: int = 3): pass
@AutoMLOps.component
def fit(data: Input[Dataset], depth: int, rate: float = 0.1) -> float: pass
@AutoMLOps.component
def tell(score: float, words: str = '', flag: bool = True): pass
"""


def body(*lines, signature="rows: int = 3, depth: int = 2, words: str = 'x'", **how):
    text = "\n    ".join(lines)
    return reading(
        IMPORTS, COMPONENTS, f"from kfp import dsl\n@AutoMLOps.pipeline\ndef p({signature}):\n    {text}\n", **how
    )


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (["load(3)"], "called with positional arguments"),
        (["load(row=3)"], "no input `row` (did you mean `rows`?)"),
        (["fit(depth=1)"], "called without `data`"),
        (["lod()"], "which no cell binds"),
        (["a = load()", "fit(data=a.outputs['dta'], depth=1)"], "has no output `dta`"),
        (
            ["a = load()", "fit(data=a.output, depth=a.output)"],
            "`depth` takes an int, and the output `data` of `load` is a Dataset",
        ),
        (["a = load()", "fit(data=a.output, depth=words)"], "the pipeline parameter `words` is a str"),
        (["a = load()", "fit(data=a.output, depth='3')"], "is '3', not an int"),
        (["a = load()", "fit(data=a.output, depth=3, rate=1)"], "write 1.0"),
        (["fit(data='x', depth=3)"], "takes an artifact, not the value 'x'"),
        (["a = load()", "b = load()", "a.after(b)", "b.after(a)"], "in a circle: load"),
        (["if rows > 3:", "    load()", "else:", "    load()"], "Python's `if` over `rows`"),
        (["a = load()", "for x in a.output:", "    load()"], "Python's `for` over `a.output`"),
        (["a = load()", 'with dsl.If(words == "it\'s"):', "    load()"], "a quote in it"),
        (["[load() for _ in words]"], "Python's `for` over `words`"),
        (["with dsl.ParallelFor([1, 2]) as i:", "    if i:", "        load()"], "Python's `if` over `i`"),
        (["x = 1"], "has no steps"),
    ],
)
def test_a_mistake_in_the_wiring_is_said_with_its_line(lines, words):
    found = body(*lines)
    said = [str(problem) for problem in found.problems]
    assert words in said[0]
    assert said[0].startswith("cell 3")


def test_every_fault_is_told_at_once():
    found = body("load(row=3)", "fit(depth='x')", "lod()", values={"rows": "x", "nope": 1})
    assert len(found.problems) >= 6


def test_the_wiring_is_read():
    found = body(
        "a = load(rows=rows)",
        "b = fit(data=a.outputs['data'], depth=depth).set_cpu_limit('2')",
        "with dsl.If(b.output > 0.5):",
        "    tell(score=b.output, words='hi').after(a)",
    )
    assert found.problems == ()
    assert found.pipeline.readable
    assert [(item.name, item.after) for item in found.pipeline.steps] == [
        ("load", ()),
        ("fit", ()),
        ("tell", ("load",)),
    ]
    assert [
        (given.name, given.source.value, given.of, given.output) for given in found.pipeline.steps[2].arguments
    ] == [("score", "output", "fit", "Output"), ("words", "value", '"hi"', "")]


def test_a_step_whose_output_is_returned_at_once_is_a_step():
    found = body("return load(rows=3).outputs['data']")
    assert found.problems == () and [item.name for item in found.pipeline.steps] == ["load"]


def test_a_step_that_is_made_inside_an_argument_is_a_step_before():
    found = body("b = fit(data=load(rows=3).outputs['data'], depth=1)")
    assert found.problems == () and [item.name for item in found.pipeline.steps] == ["load", "fit"]
    assert found.pipeline.steps[1].arguments[0].of == "load"


def test_a_step_that_is_made_as_often_as_python_says_hides_the_wiring():
    found = body("b = fit(data=(load(rows=3) if LIMIT else load(rows=4)).outputs['data'], depth=1)")
    assert not found.pipeline or not found.pipeline.readable


def test_a_body_that_cannot_be_read_without_running_it_says_so():
    found = body("tasks = [load() for _ in range(3)]")
    assert found.problems == () and not found.pipeline.readable and found.pipeline.steps == ()


def test_a_helper_may_build_part_of_the_pipeline():
    found = reading(
        IMPORTS,
        COMPONENTS,
        "def prepare(rows):\n    return load(rows=rows)\n",
        "@AutoMLOps.pipeline\ndef p(rows: int = 3):\n    prepare(rows)\n",
    )
    assert found.problems == ()
    assert "def prepare" in found.pipeline.carried and [item.name for item in found.pipeline.components] == ["load"]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"rows": "3"}, "`rows` is '3', not an int"),
        ({"rows": 3.5}, "not an int"),
        ({"rows": True}, "not an int"),
        ({"more": 1}, "has no parameter `more`"),
        ({"row": 1}, "did you mean `rows`?"),
        ({"words": object()}, "not a str"),
    ],
)
def test_parameter_values_that_do_not_fit_are_refused(values, words):
    found = body("load(rows=rows)", signature="rows: int = 3, words: str = 'x'", values=values)
    assert words in str(found.problems[0])


def test_a_missing_value_is_refused():
    assert "no value for `rows`" in str(body("load(rows=rows)", signature="rows: int").problems[0])


def test_values_keep_the_order_of_the_signature_and_are_not_changed():
    values = {"words": "it's $(x) {{y}} 🎉\n", "rows": 4}
    found = body("load(rows=rows)", "tell(score=1.0, words=words)", values=values)
    assert found.pipeline.values == (("rows", "4"), ("words", json.dumps(values["words"], ensure_ascii=False)))
    assert values == {"words": "it's $(x) {{y}} 🎉\n", "rows": 4}


def test_components_that_pin_one_package_differently_are_found():
    code = "@AutoMLOps.component(packages_to_install=['pandas=={}'])\ndef {}(): pass\n"
    cells = (
        IMPORTS,
        code.format("1.5.3", "a"),
        code.format("2.2.0", "b"),
        "@AutoMLOps.pipeline\ndef p():\n    a()\n    b()\n",
    )
    assert "pandas" in str(reading(*cells).problems[0]) and "images='auto'" in str(reading(*cells).problems[0])
    assert reading(*cells, images="per-component").problems == ()
    assert reading(*cells, images="auto").problems == ()


def test_components_of_two_base_images_may_pin_one_package_differently():
    code = "@AutoMLOps.component(packages_to_install=['pandas=={}'], base_image='python:3.{}')\ndef {}(): pass\n"
    tail = "@AutoMLOps.pipeline\ndef p():\n    a()\n    b()\n"
    apart = (IMPORTS, code.format("1.5.3", "10", "a"), code.format("2.2.0", "12", "b"), tail)
    found = reading(*apart)
    assert found.problems == ()
    assert [component.base for component in found.pipeline.components] == ["python:3.10", "python:3.12"]
    assert reading(*apart[:2], apart[2].replace("3.12", "3.10"), tail).problems
    assert reading(
        *apart[:2],
        code.format("2.2.0", "12", "b").replace(", base_image='python:3.12'", ""),
        tail,
        base_image="python:3.10",
    ).problems


def test_a_base_image_of_the_users_has_to_be_there():
    code = "@AutoMLOps.component(base_image='images/trainer')\ndef step(): pass\n"
    said = str(reading(IMPORTS, code, TAIL, own_images=("images/tools",)).problems[0])
    assert said.startswith("cell 2, line 2: component `step`: images/trainer has no Dockerfile")
    assert "there is images/tools" in said
    assert reading(IMPORTS, code, TAIL, own_images=("images/trainer",)).problems == ()


def test_one_component_that_pins_a_package_twice_is_told_whatever_the_images():
    code = "@AutoMLOps.component(packages_to_install=['pandas==1.5.3', 'pandas==2.2.0'])\ndef step(): pass\n"
    assert "keep one of the lines" in str(reading(IMPORTS, code, TAIL, images="per-component").problems)


# --- scopes


@pytest.mark.parametrize(
    ("code", "binds", "reads", "later"),
    [
        ("x = [y * k for y in z if y > m]", "x", "k z m", ""),
        ("x = {a: b for a in [1] for b in a}", "x", "", ""),
        ("x = [(last := y) for y in z]", "x last", "z", ""),
        ("x += y", "x", "x y", ""),
        ("a, (b, *c) = d", "a b c", "d", ""),
        ("f = lambda a, b=c: a + b + d", "f", "c", "d"),
        ("def f(a, b=c, *d, e: g = 1, **h) -> i:\n    j = a\n    return j, k", "f", "c g i", "k"),
        (
            "def f():\n    global a\n    a = b\n    def g():\n        nonlocal_ = a\n        return nonlocal_, c",
            "f",
            "",
            "b a c",
        ),
        ("def f():\n    x = 1\n    def g():\n        return x\n    return g", "f", "", ""),
        ("def f():\n    return [f for f in range(3)], [x for x in y]", "f", "", "range y"),
        ("def f():\n    import a.b, c as d\n    from e import g\n    return a, d, g, h", "f", "", "h"),
        (
            "def f():\n    try:\n        pass\n    except E as e:\n        print(e)\n    with o() as w:\n        w\n    for i in r:\n        i",
            "f",
            "",
            "E print o r",
        ),
        (
            "def f(v):\n    match v:\n        case {'k': a, **rest}:\n            return a, rest\n        case [b, *c] | b as d:\n            return b, c, d\n        case K(e):\n            return e",
            "f",
            "",
            "K",
        ),
        (
            "class A(B, metaclass=M):\n    x: T = y\n    z = x\n    def g(self, q=z):\n        return x, self, __class__",
            "A",
            "B M T y",
            "x __class__",
        ),
        ("@deco(arg)\ndef f(): pass", "f", "deco arg", ""),
        ("for i in r:\n    print(i)", "i", "r print i", ""),
        ("del a", "", "a", ""),
        ("import a.b as c, d.e", "c d", "", ""),
    ],
)
def test_names_are_found_by_pythons_scopes(code, binds, reads, later):
    (statement,) = statements(code)
    assert (set(statement.binds), statement.reads) == (set(binds.split()), set(reads.split()))
    assert statement.needs - statement.reads == set(later.split()) - statement.reads


@pytest.mark.skipif(sys.version_info < (3, 12), reason="needs the syntax of Python 3.12")
def test_type_parameters_are_no_globals():
    (statement,) = statements("def first[T](items: list[T]) -> T:\n    return items[0]")
    assert statement.needs <= {"list", "T"}


# --- what people really write


def test_a_class_body_reads_the_modules_name_before_it_binds_its_own():
    text = source(
        "from dataclasses import dataclass\nfrom datetime import date\nLR = 0.1\n@dataclass\nclass R:\n    date: date\n    LR: float = LR",
        step("R(1)"),
    )
    assert "from datetime import date" in text and "LR = 0.1" in text


def test_a_class_bodys_own_names_are_its_own():
    assert "x = sorted" not in source("x = sorted([1])", "class A:\n    x = 1\n    y = x", step("A()"))


def test_another_librarys_decorator_stays_and_shows_the_signature():
    text = source(
        "import functools\ndef retry(f):\n    @functools.wraps(f)\n    def g(**k):\n        return f(**k)\n    return g\n",
        step("pass").replace("\ndef step", "\n@retry\ndef step"),
    )
    assert text.endswith("step.__signature__ = inspect.signature(step)\n") and "import inspect" in text


@pytest.mark.parametrize(
    "line",
    [
        "@(\n    AutoMLOps.component\n)",
        "@AutoMLOps.component(\n    packages_to_install=[],\n)",
        "@AutoMLOps.component\n# a comment",
        "@  AutoMLOps.component",
    ],
)
def test_a_decorator_may_take_several_lines(line):
    text = source(f"{line}\ndef step():\n    pass\n")
    assert "AutoMLOps" not in text and "def step():\n    pass" in text


def test_lines_count_from_the_cell_whatever_the_decorators():
    cell = "import functools\nkeep = functools.lru_cache\n\n@AutoMLOps.component\n# why\n@keep\ndef step(\n    a: int = 1,\n    b: set = 2,\n):\n    pass\n"
    assert problem(cell).startswith("cell 2, line 9: component `step`: the parameter `b`")


@pytest.mark.parametrize("body", ["df = df.dropna()", "df *= 2", "for df in [df]:\n    pass"])
def test_a_marked_cell_that_rebinds_a_notebook_name_is_said(body):
    cells = (
        "df = 2",
        f"%%define_component\nAutoMLOps.makeComponent(name='a')\nprint(1)\n{body}\n",
        "AutoMLOps.makePipeline(name='p', pipeline=[{'component_name': 'a'}])",
    )
    (said,) = map(str, reading(IMPORTS, *cells).problems)
    assert said.startswith("cell 3, line 4") and "gives it a new value" in said


@pytest.mark.parametrize(
    "change",
    [
        "last = thing.pop()",
        "_ = thing.append(1)",
        "[thing.append(i) for i in range(3)]",
        "thing[0], other = 1, 2",
        "thing[0]: int = 3",
    ],
)
def test_changes_in_place_are_seen_wherever_they_stand(change):
    assert "changed in place" in problem(f"thing = [1]\n{change}", step("print(thing)"))


def test_saying_the_whole_value_again_mends_a_change_in_place():
    assert "thing = {'a': 1}" in source("thing = {}\nthing['a'] = 1", "thing = {'a': 1}", step("print(thing)"))


@pytest.mark.parametrize("cell", ["class A: pass\nclass A(A): pass", "def A(): pass\ndef A(prev=A): pass"])
def test_a_definition_that_reads_its_own_earlier_self_is_refused(cell):
    assert "reads `A` before its last value" in problem(cell, step("A()"))


def test_an_import_that_changes_its_meaning_is_held_to_the_order():
    assert "reads `P` before" in problem(
        "from math import pi as P\nX = P * 2\nfrom math import e as P", step("print(X, P)")
    )


def test_a_components_own_defaults_are_held_to_the_order():
    assert "reads `N` before" in problem("N = 1", step("print(N)", "n: int = N"), "N = 10")


def test_a_needed_name_inside_a_helper_is_said_where_the_helper_stands():
    assert problem("def g():\n    return zork", step("g()")).startswith(
        "cell 2, line 1: component `step` carries `g`, which uses `zork`"
    )


@pytest.mark.parametrize(
    "cells",
    [
        ("%%define_component\nAutoMLOps.makeComponent(name='step', params=[{'nme': 1}])\npass",),
        ("AutoMLOps.makeComponent(name='step', params=[])",),
        ("AutoMLOps.makePipeline(name='p', pipeline=[{'component': 'step'}])",),
        ("@AutoMLOps.component\nasync def old(): pass",),
    ],
)
def test_live_a_mended_cell_mends(cells):
    good = (
        "%%define_component\nAutoMLOps.makeComponent(name='step', params=[])\nprint(1)",
        "AutoMLOps.makePipeline(name='p', pipeline=[{'component_name': 'step'}])",
    )
    assert reading(IMPORTS, *cells, *good, live=True).problems == ()


def test_live_a_renamed_pipeline_function_is_the_same_pipeline():
    found = reading(IMPORTS, step("pass"), TAIL, TAIL.replace("def p", "def q"), live=True)
    assert found.pipeline.function == "q"


def test_live_the_later_of_a_marked_and_a_decorated_component_wins():
    marked = "%%define_component\nAutoMLOps.makeComponent(name='step')\nprint('marked')"
    assert (
        "marked"
        not in reading(IMPORTS, marked, step("print('decorated')"), TAIL, live=True).pipeline.components[0].source
    )
    assert "exists twice" in str(reading(IMPORTS, marked, step("pass"), TAIL).problems[0])


@pytest.mark.parametrize(
    "cell", ["    A = 1\n    B = 2", ">>> A = 1\n>>> B = 2", "A = 1; B = 2\nn = 3; A?", "   \nA = 1"]
)
def test_a_cell_is_taken_as_ipython_takes_it(cell):
    assert "A = 1" in source(cell, step("print(A)"))


def test_blank_lines_may_stand_before_a_magic():
    found = reading(
        IMPORTS,
        "  \n\n%%define_component\nAutoMLOps.makeComponent(name='a', params=[{'name': 'x', 'type': set}])\nprint(1)",
        "AutoMLOps.makePipeline(name='p', params=[], pipeline=[{'component_name': 'a', 'param_mapping': []}])",
    )
    assert [str(problem).partition(": ")[0] for problem in found.problems][0] == "cell 2, line 4"


def test_one_of_several_imports_is_enough():
    text = source(
        "try:\n    import not_there_at_all as xp\nexcept ImportError:\n    import json as xp", step("xp.dumps(1)")
    )
    assert "import not_there_at_all as xp" in text


def test_what_only_type_checkers_import_need_not_be_installed():
    cells = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from not_there_at_all import A, B\ndef f(x: 'A'): pass"
    text = source(cells, step("f(1)"))
    assert "    from not_there_at_all import A\n" in text


def test_a_relative_import_is_refused():
    assert "imported from a package around the notebook" in problem("from .utils import x", step("x()"))
    assert "imports from a package around the notebook" in problem(step("from .utils import x"))


def test_string_methods_on_the_items_of_a_list_are_constant():
    assert "LOWER = [c.lower() for c in COLUMNS]" in source(
        "COLUMNS = ['A']\nLOWER = [c.lower() for c in COLUMNS]", step("print(LOWER)")
    )


def test_a_types_alias_is_what_it_stands_for():
    assert reading(IMPORTS, "Maybe = int | None", step("pass", "n: Maybe = None"), TAIL).problems == ()


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (["a = load()", "b = fit(data=a.output, depth=1)", "if b.output > 0.5:", "    load()"], "`if` over `b"),
        (["u = rows", "if u:", "    load()"], "`if` over `u`"),
        (["match rows:", "    case 1:", "        load()"], "`match` over `rows`"),
        (["rows and load()"], "`and` over `rows`"),
        (["[load() for x in range(3) if rows]"], "`if` over `rows`"),
        (["a, b = load(), load()", "if a.output:", "    load()"], "`if` over `a"),
        (["for t in [load(), load()]:", "    if t.output:", "        load()"], "`if` over `t"),
        (["load = load()"], "hides the component"),
        (["a = load()", "fit(data=a.output, depth=1, rate=None)"], "is None, which cannot be passed"),
    ],
)
def test_a_choice_of_pythons_over_a_late_value_is_said(lines, words):
    assert words in str(body(*lines).problems[0])


@pytest.mark.parametrize(
    "lines",
    [
        ["a, b = load(), load()", "for t in [a, b]:", "    load().after(t)"],
        ["for n in (1, 2):", "    load(rows=n)"],
        ["ts = [load(), load()]", "for t in ts:", "    load().after(t)"],
        ["for t, n in zip([load(), load()], [1, 2]):", "    load(rows=n).after(t)"],
    ],
)
def test_a_loop_over_a_list_of_tasks_is_ordinary_python(lines):
    assert body(*lines).problems == ()


def test_a_field_of_an_item_that_kfp_has_for_itself_is_said():
    loop = ["with dsl.ParallelFor([{'rows_': 1}]) as item:", "    load(rows=item.{})"]
    assert body(loop[0], loop[1].format("rows_")).problems == ()
    (problem,) = body(loop[0], loop[1].format("name")).problems
    assert "`item.name` is not the field `name` of the item" in str(problem) and "`name_`" in str(problem)
    assert body("t = load()", "load().after(t)", "print(t.name)").problems == ()


def test_the_names_that_kfp_has_on_an_item_are_known():
    from kfp.dsl.for_loop import LoopParameterArgument

    from AutoMLOps.read.body import TAKEN

    item = LoopParameterArgument(items=[1], name_code="1", channel_type="Integer")
    assert {name for name in {*dir(item), *vars(item)} if not name.startswith("_")} == TAKEN


def test_a_quote_in_a_condition_is_found_through_a_constant():
    cells = (
        IMPORTS,
        COMPONENTS,
        "from kfp import dsl\nQ = \"it's\"\n@AutoMLOps.pipeline\ndef p(words: str = 'x'):\n    with dsl.If(words == Q):\n        load()\n",
    )
    assert "a quote in it" in str(reading(*cells).problems[0])


def test_a_helper_that_builds_a_part_is_held_to_the_rules():
    found = reading(
        IMPORTS, COMPONENTS, "def part():\n    return load(2)\n", "@AutoMLOps.pipeline\ndef p():\n    part()\n"
    )
    assert str(found.problems[0]).startswith("cell 3, line 2: `part`: `load` is called with positional arguments")


def test_pipeline_parameters_are_spelled_as_kfp_reads_them():
    found = body("load(rows=rows)", signature="rows: 'int' = 3, words: str | None = None")
    assert "def p(rows: int = 3, words: Optional[str] = None)" in found.pipeline.body
    assert ("typing", "Optional") in [(item.module, item.name) for item in found.pipeline.imports]


def test_names_that_pipeline_py_needs_are_not_taken():
    found = reading(IMPORTS, step("pass"), "json = 3\n", TAIL + "    print(json)\n", reserved=frozenset({"json"}))
    assert "the name `json` is taken" in str(found.problems[0])


def test_dsl_is_imported_once_however_it_was_imported():
    found = reading(
        IMPORTS, "import kfp.dsl as dsl", step("pass"), TAIL + "    with dsl.ParallelFor([1]) as i:\n        step()\n"
    )
    assert [(item.module, item.name) for item in found.pipeline.imports] == [("kfp", "dsl")]


@pytest.mark.parametrize("name", ["2024 churn", "x" * 64, "☃", ""])
def test_a_name_that_vertex_would_not_take_is_refused(name):
    found = reading(IMPORTS, step("pass"), TAIL.replace("'p'", repr(name)))
    assert "a letter first" in str(found.problems[0]) if name else found.pipeline.name == "p"


def test_a_wrong_type_is_one_fault():
    assert "`n` has the type `integer`" in problem("", step("pass", "n: 'integer'"))


def test_a_mapping_to_no_parameter_names_the_nearest():
    cell = (
        "%%define_component\nAutoMLOps.makeComponent(name='a', params=[{'name': 'rows', 'type': int}])\nprint(rows)\n"
    )
    chain = "[{'component_name': 'a', 'param_mapping': [('rows', 'rowss')]}]"
    found = reading(
        IMPORTS, cell, f"AutoMLOps.makePipeline(name='p', params=[{{'name': 'rows', 'type': int}}], pipeline={chain})"
    )
    assert [str(said) for said in found.problems] == [
        "cell 3, line 1: makePipeline: param_mapping names `rowss`, no parameter of the pipeline (did you mean `rows`?)"
    ]


def test_what_the_wiring_imports_is_installed_where_it_is_compiled():
    cells = (
        IMPORTS,
        COMPONENTS,
        "import six\n@AutoMLOps.pipeline\ndef p():\n    for n in range(six.PY3 + 1):\n        load(rows=n)\n",
    )
    assert any(line.startswith("six==") for line in reading(*cells).pipeline.tools)


def test_components_of_a_module_beside_the_notebook_are_refused(tmp_path, monkeypatch):
    (tmp_path / "comps.py").write_text("def a(): pass\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    found = reading(IMPORTS, COMPONENTS, "import comps\n@AutoMLOps.pipeline\ndef p():\n    comps.a()\n    load()\n")
    assert "comps" in str(found.problems[0])


@pytest.mark.parametrize(
    ("before", "inside", "said"),
    [
        ("KEY = await {1}", "print(KEY)", "would take along `KEY = await {1}`, which is no code of a module"),
        ("KEY = 1", "await KEY", "is no code that Python runs: 'await' outside async function"),
        ("KEY = 1", "*KEY", "is no code that Python runs: can't use starred expression here"),
    ],
)
def test_what_python_parses_and_no_module_runs_is_told(before, inside, said):
    step = f"@AutoMLOps.component\ndef step():\n    {inside}"
    assert any(said in str(problem) for problem in reading(IMPORTS, before, step, TAIL).problems)


def test_a_pipeline_that_python_does_not_compile_is_told():
    whole = "@AutoMLOps.component\ndef step():\n    pass\n", TAIL + "    await step()\n"
    assert any("pipeline `p` is no code that Python runs" in str(each) for each in reading(IMPORTS, *whole).problems)
