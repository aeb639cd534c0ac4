"""Whatever text stands in a field, it comes out as that text: in Python, shell, YAML and JSON, judged by their own readers."""

import ast
import json
import os
import subprocess
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from AutoMLOps import AutoMLOps, BadInput, read, render
from AutoMLOps.model import Cell, Notebook
from AutoMLOps.read.cells import code
from AutoMLOps.read.statements import statements
from AutoMLOps.settings import chosen

HOSTILE = ["'", '"', '"""', "'''", "\\", "\n", "\r", "\t", "$(id)", "`id`", "${HOME}", "{{ 1 }}", "{% raw %}", "{#", "#", ": ", "- ", "&a", "*a", "!!x", "%s", "🎉", "\u2028", "\x85", "\ufeff", "é", "</script>", "|", ">", "@", "---", "null", "yes", "1e3", "0x1", "~", ";", "&&", "EOF", "\x0b", "\x1b[31m"]  # fmt: skip
texts = st.lists(
    st.one_of(st.sampled_from(HOSTILE), st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=8)),
    max_size=8,
).map("".join)
plain = st.recursive(
    st.one_of(texts, st.integers(-(2**40), 2**40), st.floats(allow_nan=False, allow_infinity=False), st.booleans()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(texts, inner, max_size=3)),
    max_leaves=5,
)
quick = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def source(description, title, about, default, nested):
    """A notebook with these texts in every field that takes text."""
    return f"""
from AutoMLOps import AutoMLOps

@AutoMLOps.component
def step(words: str = {default!r}, things: dict = {{"k": {nested!r}}}):
    {description!r}
    print(words, things)

@AutoMLOps.pipeline(name="a" + {title!r}, description={about!r})
def wiring(words: str = {default!r}):
    step(words=words)
    step(words={default!r}, things={{"k": {nested!r}}})
"""


def tree(text, values, **arguments):
    notebook = Notebook(name="n.py", cells=(Cell(label="n.py", text=text),))
    found = read.pipeline(notebook, values, reserved=render.RESERVED)
    assert found.problems == ()
    settings_, problems = chosen({"base_image": "python:3.11-slim", "project_id": "my-project-123", **arguments})
    assert problems == ()
    return {file.path: file.text for file in render.tree(found.pipeline, settings_).files}


@quick
@given(texts, texts, texts, texts, plain, texts, texts)
def test_hostile_text_survives_into_python_yaml_and_json(description, title, about, default, nested, value, header):
    if nested is None:
        return
    settings_, problems = chosen({"license_header": header})
    files = tree(
        source(description, title, about, default, nested),
        {"words": value},
        **({} if problems else {"license_header": header}),
    )
    trees = {path: ast.parse(text) for path, text in files.items() if path.endswith(".py")}
    (function,) = [node for node in trees["pipelines/pipeline.py"].body if getattr(node, "name", "") == "wiring"]
    said = {keyword.arg: ast.literal_eval(keyword.value) for keyword in function.decorator_list[0].keywords}
    assert said.get("display_name", said["name"]) == "a" + title
    assert said.get("description", "") == about
    assert ast.literal_eval(function.args.defaults[0]) == default
    component = yaml.safe_load(files["components/step/component.yaml"])
    parameters = component["components"]["comp-step"]["inputDefinitions"]["parameters"]
    assert parameters["words"]["defaultValue"] == default
    assert parameters["things"]["defaultValue"]["k"] == nested
    assert json.loads(files["pipelines/runtime_parameters/pipeline_parameter_values.json"]) == {"words": value}
    yaml.safe_load(files["cloudbuild.yaml"])
    yaml.safe_load(files["configs/defaults.yaml"])


@settings(max_examples=25, deadline=None)
@given(st.lists(texts, min_size=1, max_size=20))
def test_hostile_text_survives_into_shell(words):
    words = [word for word in words if "\x00" not in word]
    script = "\n".join(f"printf '%s\\0' {render.FILTERS['sh'](word)}" for word in words)
    said = (
        subprocess.run(["bash", "-euo", "pipefail", "-c", script], capture_output=True, check=True).stdout
        if words
        else b""
    )
    assert said.decode().split("\0")[:-1] == words


@settings(max_examples=15, deadline=None)
@given(texts, texts, texts)
def test_every_script_stays_valid_and_calls_nothing_hostile(title, about, header):
    _, problems = chosen({"license_header": header})
    files = tree(source("x", title, about, "y", 1), {}, **({} if problems else {"license_header": header}))
    for path, text in files.items():
        if path.endswith(".sh"):
            subprocess.run(["bash", "-n"], input=text.encode(), check=True)


@quick
@given(st.lists(texts, max_size=12))
def test_no_text_of_a_cell_makes_the_reader_fail(lines):
    notebook = Notebook(name="n.ipynb", cells=(Cell(label="cell 1", text="\n".join(lines)),))
    assert read.pipeline(notebook).problems


LINES = [
    "x = 1",
    "!ls",
    "%time f()",
    "y = !pwd",
    "'''",
    '"""',
    "(",
    ")",
    "f?",
    "if x:",
    "    !rm",
    "    pass",
    "x = (1 %",
    "2)",
    "# c",
    "\\",
    "text = '''",
    "!not a command",
]


@quick
@given(st.lists(st.sampled_from(LINES), max_size=12))
def test_python_that_needs_no_mending_is_not_touched(lines):
    text = "\n".join(lines)
    try:
        ast.parse(text)
    except SyntaxError:
        assert len(code(text).text.split("\n")) == len(lines or [""])
        return
    assert code(text).text == text


@quick
@given(
    st.lists(
        st.sampled_from(
            [
                "x = 1",
                "def f(a=1):\n    return a",
                "class A:\n    b = '''\nc\n'''",
                "if x:\n    y = 2\nelse:\n    y = 3",
                "z = (\n1,\n2)",
                "",
                "# words",
                "@f\ndef g(): pass",
            ]
        ),
        max_size=60,
    )
)
def test_a_script_cut_into_pieces_gives_the_statements_of_the_whole(parts):
    text = "\n".join(parts)
    whole = ast.parse(text).body
    lines = [(min([node.lineno, *(mark.lineno for mark in getattr(node, "decorator_list", []))])) for node in whole]
    found = statements(text)
    assert [statement.line for statement in found] == lines
    assert [ast.unparse(ast.parse(statement.text)) for statement in found] == [ast.unparse(node) for node in whole]


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(texts, st.one_of(st.none(), plain, st.binary(max_size=3)), max_size=3), st.one_of(plain, st.none())
)
def test_no_argument_makes_generate_fail_with_anything_but_one_clear_error(tmp_path_factory, more, params):
    folder = tmp_path_factory.mktemp("out")
    (folder / "n.py").write_text(source("d", "t", "a", "x", 1))
    more = {
        name: value
        for name, value in more.items()
        if name not in ("notebook", "pipeline", "dry_run", "pipeline_params", "project_id")
    }
    before = os.getcwd()
    os.chdir(folder)
    try:
        AutoMLOps.generate(notebook="n.py", pipeline_params=params, **more)
    except BadInput as error:
        assert error.problems and all(str(problem) for problem in error.problems)
        assert os.listdir(folder) == ["n.py"]
    finally:
        os.chdir(before)


@pytest.mark.parametrize("seed", range(3))
def test_a_path_is_no_text(seed, tmp_path):
    (tmp_path / "n.py").write_text(source("d", "t", "a", "x", seed))
    AutoMLOps.generate(notebook=Path(tmp_path / "n.py"), output_dir=tmp_path / "deep" / "out")
    assert (tmp_path / "deep/out/README.md").exists()
