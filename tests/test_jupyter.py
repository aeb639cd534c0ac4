"""The door to IPython, in a real IPython."""

import pytest
from IPython.core.interactiveshell import InteractiveShell

from AutoMLOps import jupyter

STEP = "@AutoMLOps.component\ndef step(n: int):\n    print(n)\n"
PIPELINE = "@AutoMLOps.pipeline\ndef p(n: int = 1):\n    step(n=n)\n"


@pytest.fixture
def shell(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / ".ipython"))
    InteractiveShell.clear_instance()
    shell = InteractiveShell.instance()
    yield shell
    shell.run_line_magic("reset", "-f")
    InteractiveShell.clear_instance()


def run(shell, *cells):
    """Runs cells as a front end does; returns what the last one gave."""
    for cell in cells:
        result = shell.run_cell(cell, store_history=True)
    return result


def test_loading_the_extension_twice_changes_nothing(shell):
    run(shell, "%load_ext AutoMLOps")
    callbacks = list(shell.events.callbacks["post_run_cell"])
    run(
        shell,
        "%reload_ext AutoMLOps",
        "from AutoMLOps import AutoMLOps\nAutoMLOps.load_ipython_extension(get_ipython())",
    )
    assert shell.events.callbacks["post_run_cell"] == callbacks
    assert {"define_imports", "define_component"} <= shell.magics_manager.magics["cell"].keys()


def test_cells_that_raised_do_not_count(shell):
    run(shell, "%load_ext AutoMLOps", "A = 1", "B = 2\nraise ValueError", "C = (", "D = 3")
    labels = [cell.label for cell in jupyter.notebook().cells]
    assert labels == ["In[1]", "In[2]", "In[5]"]


def test_generate_reads_what_ran(shell, tmp_path):
    result = run(shell, "from AutoMLOps import AutoMLOps", STEP, PIPELINE, "AutoMLOps.generate()")
    assert result.success
    assert (tmp_path / "AutoMLOps/components/step/component.yaml").exists()
    assert "AutoMLOps/" in repr(result.result) and "<details" in result.result._repr_html_()


def test_an_edited_cell_wins_and_nothing_below_the_call_counts(shell, tmp_path):
    run(
        shell,
        "from AutoMLOps import AutoMLOps",
        STEP,
        PIPELINE,
        STEP.replace("print(n)", "print(-n)"),
        "AutoMLOps.generate()\nsyntax_error_is_not_here = 1",
    )
    assert "print(-n)" in next((tmp_path / "AutoMLOps").rglob("src/step.py")).read_text()


def test_a_rehearsal_warns_where_the_cells_have_moved_on(shell):
    imports = "from AutoMLOps import AutoMLOps"
    same = run(shell, imports, STEP, PIPELINE, "AutoMLOps.generate()", "AutoMLOps.rehearse()").result
    assert same.state == "succeeded" and same.warnings == ()
    moved = run(shell, STEP.replace("print(n)", "print(-n)"), "AutoMLOps.rehearse()").result
    assert "the cells changed since" in str(moved)


def test_define_component_runs_the_call_alone(shell):
    cell = '%%define_component\nAutoMLOps.makeComponent(name="a", params=[], description="Loads (GCS).")\nran = True\n'
    result = run(shell, "from AutoMLOps import AutoMLOps\nAutoMLOps.load_ipython_extension(get_ipython())", cell)
    assert result.success and "ran" not in shell.user_ns


def test_define_component_without_the_call_raises(shell):
    assert isinstance(run(shell, "%load_ext AutoMLOps", "%%define_component\nx = 1").error_in_exec, ValueError)


KUBEFLOW = """%%define_component
@dsl.component(base_image="python:3.11", output_component_file=f"{AutoMLOps.OUTPUT_DIR}/step.yaml")
def step(n: int):
    print(n)
"""


def test_cells_in_kubeflows_syntax_are_run_and_read(shell, tmp_path):
    imports = "%%define_imports\nfrom AutoMLOps import AutoMLOps\nfrom kfp import dsl"
    pipeline = "%%define_kfp_pipeline\n@dsl.pipeline(name='one-step')\ndef pipe(n: int = 1):\n    step(n=n)\n"
    result = run(shell, "%load_ext AutoMLOps", imports, KUBEFLOW, pipeline, "AutoMLOps.generate(use_kfp_spec=True)")
    assert result.success
    assert shell.user_ns["pipe"].pipeline_spec.pipeline_info.name == "one-step"
    assert "exec-step" in (tmp_path / "step.yaml").read_text()
    assert "def step(n: int):" in next((tmp_path / "AutoMLOps").rglob("src/step.py")).read_text()


def test_define_imports_runs_its_cell_and_tells_each_watcher_once(shell):
    seen = []
    shell.events.register("post_run_cell", seen.append)
    run(shell, "%load_ext AutoMLOps", "%%define_imports\nimport json as j\n!true\nvalue = 3")
    assert (shell.user_ns["value"], len(seen)) == (3, 2)


def test_an_error_in_a_magic_cell_is_the_cells_own(shell):
    result = run(shell, "%load_ext AutoMLOps", "%%define_imports\nimport nowhere_at_all")
    assert isinstance(result.error_in_exec, ModuleNotFoundError)
    assert [cell.label for cell in jupyter.notebook().cells] == ["In[1]", "In[2]"]  # the running cell is always there


def test_outside_ipython_there_is_no_shell():
    InteractiveShell.clear_instance()
    assert jupyter.shell() is None and jupyter.notebook() is None
    jupyter.register()
