"""rehearse(): the pipeline on disk runs on this machine."""

import json
import os
from html.parser import HTMLParser
from pathlib import Path

import golden
import pytest

from AutoMLOps import AutoMLOps, BadInput, RunFailed, runs
from AutoMLOps.cli import main
from AutoMLOps.model import Run, State, TaskRun
from AutoMLOps.timeline import Rehearsed

SCRIPT = """
from AutoMLOps import AutoMLOps
from kfp import dsl
from kfp.dsl import Dataset, Input, Output


@AutoMLOps.component
def write(data: Output[Dataset], words: str):
    with open(data.path, "w") as file:
        file.write(words)


@AutoMLOps.component
def count(data: Input[Dataset], least: int = 1) -> int:
    with open(data.path) as file:
        found = len(file.read().split())
    assert found >= least, f"only {found} words"
    return found


@AutoMLOps.component
def tell(number: int):
    print(number)


@AutoMLOps.pipeline(name="words")
def words_pipeline(words: str, least: int = 1):
    written = write(words=words)
    counted = count(data=written.outputs["data"], least=least)
    with dsl.If(counted.output > 2):
        tell(number=counted.output)
"""


@pytest.fixture
def script(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("work.py").write_text(SCRIPT)
    return "work.py"


def states(run):
    return {task.path.removeprefix("root/"): task.state for task in run.tasks if not task.group}


def test_it_generates_and_runs_without_a_project(script):
    run = AutoMLOps.rehearse(pipeline_params={"words": "it's $(id) {{x}} 🎉"}, notebook=script)
    assert run.state is State.SUCCEEDED
    assert json.loads(next(task for task in run.tasks if task.name == "count").outputs) == {"Output": 4}
    assert set(states(run).values()) == {State.SUCCEEDED}
    assert Path("AutoMLOps/README.md").exists()


def test_it_leaves_nothing_beside_the_sources(script):
    AutoMLOps.rehearse(pipeline_params={"words": "one"}, notebook=script)
    assert not list(Path("AutoMLOps").rglob("__pycache__"))


def test_without_arguments_it_runs_the_codebase_as_it_stands(script):
    AutoMLOps.generate(notebook=script, pipeline_params={"words": "one"})
    source = Path("AutoMLOps/components/component_base/src/count.py")
    source.write_text(source.read_text().replace("return found", "return found + 10"))
    run = AutoMLOps.rehearse()
    assert json.loads(next(task for task in run.tasks if task.name == "count").outputs) == {"Output": 11}


def test_a_step_whose_condition_is_not_met_is_skipped(script):
    run = AutoMLOps.rehearse(pipeline_params={"words": "one"}, notebook=script)
    assert run.state is State.SUCCEEDED and "tell" not in states(run)
    assert "skipped             condition-1" in str(run)


def test_a_step_that_fails_fails_the_run_and_says_why(script):
    with pytest.raises(RunFailed) as raised:
        AutoMLOps.rehearse(pipeline_params={"words": "one", "least": 5}, notebook=script)
    said = str(raised.value)
    assert "step count failed" in said and "only 1 words" in said and '"least": 5' in said
    assert raised.value.run.state is State.FAILED
    (kept,) = runs.recorded("AutoMLOps")
    assert kept == raised.value.run


def test_without_a_codebase_the_error_says_what_to_do(script):
    with pytest.raises(BadInput, match="call generate"):
        AutoMLOps.rehearse()


def test_a_pipeline_that_does_not_compile_is_said_and_leaves_no_run(script):
    AutoMLOps.generate(notebook=script, pipeline_params={"words": "one"})
    path = Path("AutoMLOps/pipelines/pipeline.py")
    path.write_text(path.read_text().replace("least=least", "least=words"))
    with pytest.raises(BadInput, match="does not compile"):
        AutoMLOps.rehearse()
    assert runs.recorded("AutoMLOps") == () and os.listdir("AutoMLOps/.automlops/runs") == []


def test_a_step_that_is_no_python_of_ours_is_refused_or_stubbed(script):
    AutoMLOps.generate(notebook=script, pipeline_params={"words": "one two three"})
    Path("AutoMLOps/components/component_base/src/tell.py").unlink()
    with pytest.raises(BadInput, match="tell"):
        AutoMLOps.rehearse()
    said = []
    AutoMLOps.rehearse(stubs={"tell": lambda number: said.append(number)})
    assert said == [3]


def test_a_run_that_takes_too_long_is_ended(script):
    Path("work.py").write_text(SCRIPT.replace("    print(number)", "    import time; time.sleep(60)"))
    with pytest.raises(RunFailed):
        AutoMLOps.rehearse(pipeline_params={"words": "a b c"}, notebook=script, timeout=1.5)


def test_what_is_run_is_never_committed(script):
    AutoMLOps.rehearse(pipeline_params={"words": "one"}, notebook=script)
    assert "/.automlops/*" in Path("AutoMLOps/.gitignore").read_text()
    assert Path("AutoMLOps/.automlops/runs").is_dir()


def test_a_second_generate_leaves_the_runs_alone(script):
    AutoMLOps.rehearse(pipeline_params={"words": "one"}, notebook=script)
    assert {change.fate for change in AutoMLOps.generate(notebook=script).changes} == {"same"}
    assert len(runs.recorded("AutoMLOps")) == 1


@pytest.mark.parametrize("case", golden.CASES)
def test_every_golden_case_runs(case, tmp_path):
    golden.generate(case, tmp_path / "made")
    if case == "no_project":
        assert AutoMLOps.rehearse(output_dir=str(tmp_path / "made")).state is State.SUCCEEDED
    else:
        run = AutoMLOps.rehearse(output_dir=str(tmp_path / "made"))
        assert run.state is State.SUCCEEDED and len(run.tasks) >= 2


def test_the_oldest_runs_go(tmp_path):
    for number in range(runs.KEPT + 3):
        folder = runs.begun(str(tmp_path))
        runs.record(Run(name=f"r{number}", id="x", state=State.SUCCEEDED, folder=str(folder)))
    kept = runs.recorded(str(tmp_path))
    assert len(kept) == runs.KEPT and kept[0].name == f"r{runs.KEPT + 2}"


def test_a_record_that_cannot_be_read_is_left_out(tmp_path):
    folder = runs.begun(str(tmp_path))
    (folder / runs.RECORD).write_text("{")
    assert runs.recorded(str(tmp_path)) == ()


class Balanced(HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.tags = [], set()

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)
        self.tags.add(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_table_is_balanced_and_escapes_what_the_users_data_says():
    hostile = "<script>alert(1)</script>"
    task = TaskRun(
        path=f"root/{hostile}",
        name=hostile,
        component="c",
        state=State.SUCCEEDED,
        started=1.0,
        ended=2.0,
        outputs=json.dumps({"Output": hostile}),
    )
    run = Rehearsed(name=hostile, id="x", state=State.SUCCEEDED, folder=hostile, started=0.5, ended=2.5, tasks=(task,))
    page = Balanced()
    page.feed(run._repr_html_())
    assert page.open == [] and "script" not in page.tags
    assert "left:25.0%;width:50.0%" in run._repr_html_()
    assert "1 step" in str(run) and "1.00 s" in str(run)


def test_the_terminal_rehearses_a_notebook_and_a_codebase(script, tmp_path, capsys):
    (tmp_path / "p.json").write_text('{"words": "a b c"}')
    assert main(["rehearse", script, "--params", "p.json"]) == 0
    assert main(["rehearse"]) == 0
    assert main(["rehearse", "--output-dir", "AutoMLOps", "--timeout", "60"]) == 0
    assert capsys.readouterr().out.count("words: succeeded") == 3
    (tmp_path / "p.json").write_text('{"words": "a", "least": 3}')
    assert main(["rehearse", script, "--params", "p.json"]) == 1
    assert "only 1 words" in capsys.readouterr().err
