"""Whatever is in a notebook, generate() writes a codebase that reads as Python, or says what is wrong and writes nothing."""

import json
import os
import random
from pathlib import Path

import pytest
from hostile_notebooks import SEEDS, Harmed, harmed
from hypothesis import given, settings
from hypothesis import strategies as st

from AutoMLOps import AutoMLOps, BadInput

HEAD = "from AutoMLOps import AutoMLOps\n"
STEP = "@AutoMLOps.component\ndef step(words: str = 'a'):\n    print(words)\n"
WIRING = "@AutoMLOps.pipeline(name='p')\ndef p():\n    step()\n"
WHOLE = HEAD + STEP + WIRING


def judged(folder: Path, given: Harmed, **how: object) -> bool:
    """Whether a codebase came of it; all that is promised of the one and of the other."""
    (folder / given.name).write_bytes(given.content)
    before = sorted(os.listdir(folder))
    try:
        AutoMLOps.generate(notebook=folder / given.name, pipeline_params=given.values, output_dir=folder / "out", **how)
    except BadInput as error:
        assert error.problems and sorted(os.listdir(folder)) == before
        assert all(each.message and (each.hint or each.cell) for each in error.problems), error
        assert str(error).encode()
        return False
    for path in (folder / "out").rglob("*.py"):
        compile(path.read_text(encoding="utf-8"), path.name, "exec")
    return True


SOME = st.integers(0, 10**9)


@settings(max_examples=80, deadline=None)
@given(SOME)
def test_any_harm_to_a_notebook_is_one_clear_error_or_none(tmp_path_factory, seed):
    judged(tmp_path_factory.mktemp("harmed"), harmed(random.Random(seed)))


@pytest.mark.slow
@pytest.mark.thorough
@settings(max_examples=800, deadline=None)
@given(SOME, st.sampled_from(["shared", "auto", "per-component"]), st.sampled_from([None, "my-project-123"]))
def test_much_harm_to_notebooks_is_one_clear_error_or_none(tmp_path_factory, seed, images, project):
    judged(tmp_path_factory.mktemp("harmed"), harmed(random.Random(seed)), images=images, project_id=project)


def test_the_harm_leaves_some_notebooks_whole_enough(tmp_path):
    """Or nothing would be known of what is written."""
    came = 0
    for seed in range(25):
        (tmp_path / str(seed)).mkdir()
        came += judged(tmp_path / str(seed), harmed(random.Random(seed)))
    assert 2 < came < 23 and len(SEEDS) > 20


TEXTS = {
    "a hundred thousand comments": HEAD + "# words\n" * 100_000 + STEP + WIRING,
    "ends of lines of all kinds": WHOLE.replace("print(words)", "print('''a\r\nb\rc\n''')").replace("\n@", "\r\n@"),
    "carriage returns alone": WHOLE.replace("\n", "\r"),
    "tabs": WHOLE.replace("    ", "\t"),
    "form feeds": WHOLE.replace("@", "\x0c\n@").replace("    print", "\x0c    print"),
    "a name in other letters": WHOLE.replace("step", "ｓｔｅｐ"),
    "a constant in other letters": HEAD + "ﬁ = 1\n" + STEP.replace("print(words)", "print(fi)") + WIRING,
    "ends of lines within text": HEAD + "X = '''a\u2028b\x85c\x1cd\x0be'''\n" + STEP.replace("words)", "X)") + WIRING,
    "an encoding that is none": "# coding: latin-1\n" + WHOLE.replace("'a'", "'é'"),
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_what_python_takes_is_taken(text, tmp_path):
    assert judged(tmp_path, Harmed("n.py", text.encode(), {}))


@pytest.mark.slow
def test_a_cell_of_ten_megabytes_is_taken(tmp_path):
    text = f"{HEAD}X = '''{'x' * 10_000_000}'''\n{STEP}{WIRING}"
    assert judged(tmp_path, Harmed("n.py", text.encode(), {}))


CELLS = json.dumps({"cells": [{"cell_type": "code", "source": WHOLE}]})
BROKEN = {
    "nothing": b"",
    "random bytes": random.Random(1).randbytes(1000),
    "UTF-16": WHOLE.encode("utf-16"),
    "a notebook cut short": CELLS[:-30].encode(),
    "deep JSON": b"[" * 100_000,
    "deep cells": b'{"cells":' + b"[" * 50_000 + b"]" * 50_000 + b"}",
    "a long number": b'{"nbformat": ' + b"9" * 5000 + b', "cells": []}',
    "no cells": b'{"cells": null, "worksheets": []}',
    "cells that are none": b'{"cells": [1, null, "x", [], {}]}',
    "a source that is none": b'{"cells": [{"cell_type": "code", "source": [["x"], {"a": 1}, null]}]}',
    "a format that is none": b'{"nbformat": [], "cells": []}',
    "a language that is none": b'{"metadata": {"language_info": {"name": {"a": "\\ud800"}}}, "cells": []}',
    "half of a character": json.dumps({"cells": [{"cell_type": "code", "source": "# \ud800\n" + WHOLE}]}).encode(),
    "NUL": json.dumps({"cells": [{"cell_type": "code", "source": "\0" + WHOLE}]}).encode(),
}


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN)
@pytest.mark.parametrize("name", ["n.ipynb", "n.py"])
def test_a_file_that_is_no_notebook_is_one_clear_error(name, content, tmp_path):
    assert not judged(tmp_path, Harmed(name, content, {}))


SAME = {
    "by NFKC": HEAD + STEP + STEP.replace("step", "ｓｔｅｐ").replace("print", "repr") + WIRING,
    "to Vertex AI": HEAD + STEP + STEP.replace("step", "Step") + WIRING.replace("step()", "step()\n    Step()"),
    "to Vertex AI, by its dashes": HEAD + STEP.replace("step", "a_b") + STEP.replace("step", "a__b") + WIRING.replace("step()", "a_b()\n    a__b()"),
    "as a module": WHOLE.replace("step", "json"),
    "as the pipeline's test": WHOLE.replace("step", "pipeline"),
}  # fmt: skip


@pytest.mark.parametrize("text", SAME.values(), ids=SAME)
def test_names_that_are_one_are_one_clear_error(text, tmp_path):
    assert not judged(tmp_path, Harmed("n.py", text.encode(), {}))
