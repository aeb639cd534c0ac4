"""rehearse(): the pipeline on disk runs on this machine."""

import json
import os
import subprocess
import sys
import threading
import time
from html.parser import HTMLParser
from pathlib import Path

import golden
import pytest
from tools import environment

from AutoMLOps import AutoMLOps, BadInput, RunFailed, StepFailed, WriteError, records
from AutoMLOps.cli import main
from AutoMLOps.model import State, TaskRun
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
    assert "skipped             condition-1  its condition was not met" in str(run)


def test_a_step_that_fails_fails_the_run_and_says_why(script):
    with pytest.raises(RunFailed) as raised:
        AutoMLOps.rehearse(pipeline_params={"words": "one", "least": 5}, notebook=script)
    said = str(raised.value)
    assert "step count failed" in said and "only 1 words" in said and "least=5" in said
    assert raised.value.run.state is State.FAILED
    (kept,) = records.recorded("AutoMLOps")
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
    assert records.recorded("AutoMLOps") == () and os.listdir("AutoMLOps/.automlops/runs") == []


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
    with pytest.raises(RunFailed, match="it took longer than 8 seconds"):
        AutoMLOps.rehearse(pipeline_params={"words": "a b c"}, notebook=script, timeout=8)


def test_what_is_run_is_never_committed(script):
    AutoMLOps.rehearse(pipeline_params={"words": "one"}, notebook=script)
    assert "/.automlops/*" in Path("AutoMLOps/.gitignore").read_text()
    assert Path("AutoMLOps/.automlops/runs").is_dir()


def test_a_second_generate_leaves_the_runs_alone(script):
    AutoMLOps.rehearse(pipeline_params={"words": "one"}, notebook=script)
    assert {change.fate for change in AutoMLOps.generate(notebook=script).changes} == {"same"}
    assert len(records.recorded("AutoMLOps")) == 1


# What stands in for the containers of a case, which do not run here.
CONTAINED = {
    "kubeflow": {
        "bottle": lambda crop, jars, jar: Path(jar.path).write_text(crop),
        "label_it": lambda text, jar: {"label": text},
        "taste": lambda jar: None,
    },
    "compiled": {"announce": lambda amount: None},
}


@pytest.mark.parametrize("case", golden.CASES)
def test_every_golden_case_runs(case, tmp_path):
    golden.generate(case, tmp_path / "made")
    if case == "no_project":
        assert AutoMLOps.rehearse(output_dir=str(tmp_path / "made")).state is State.SUCCEEDED
    else:
        run = AutoMLOps.rehearse(output_dir=str(tmp_path / "made"), stubs=CONTAINED.get(case))
        assert run.state is State.SUCCEEDED and len(run.tasks) >= 2


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


def test_other_values_for_one_run_leave_the_codebase_as_it_is(script):
    AutoMLOps.generate(notebook=script, pipeline_params={"words": "one", "least": 1})
    run = AutoMLOps.rehearse(parameters={"words": "a b c d"})
    assert json.loads(run.parameters) == {"words": "a b c d", "least": 1}
    assert '"words": "one"' in Path("AutoMLOps/pipelines/runtime_parameters/pipeline_parameter_values.json").read_text()
    with pytest.raises(BadInput, match="no parameter nothing"):
        AutoMLOps.rehearse(parameters={"nothing": 1})


def test_a_cached_run_takes_over_what_did_not_change(script):
    AutoMLOps.rehearse(pipeline_params={"words": "a b c"}, notebook=script)
    again = AutoMLOps.rehearse(cache=True)
    assert set(states(again).values()) == {State.CACHED} and "3 of them cached" in str(again)
    source = Path("AutoMLOps/components/component_base/src/count.py")
    source.write_text(source.read_text().replace("return found", "return found + 10"))
    changed = AutoMLOps.rehearse(cache=True)
    assert states(changed) == {
        "write": State.CACHED,
        "count": State.SUCCEEDED,
        "condition-1/tell": State.SUCCEEDED,
    }
    (source.parent / "beside.py").write_text("")
    assert states(AutoMLOps.rehearse(cache=True))["count"] is State.SUCCEEDED


def test_a_changed_pipeline_is_compiled_again_although_cached(script):
    AutoMLOps.rehearse(pipeline_params={"words": "a b c"}, notebook=script)
    path = Path("AutoMLOps/pipelines/pipeline.py")
    path.write_text(path.read_text().replace("> 2", "> 5"))
    assert "condition-1/tell" not in states(AutoMLOps.rehearse(cache=True))


def test_a_failure_names_the_line_that_the_user_wrote(script):
    with pytest.raises(RunFailed) as raised:
        AutoMLOps.rehearse(pipeline_params={"words": "one", "least": 5}, notebook=script)
    line = SCRIPT.split("\n").index('    assert found >= least, f"only {found} words"') + 1
    assert f"work.py, line {line}: assert found >= least" in str(raised.value)
    cause = raised.value.__cause__
    assert isinstance(cause, StepFailed)
    assert "Traceback (most recent call last)" in str(cause) and "AssertionError: only 1 words" in str(cause)


def test_a_failure_tells_what_the_step_printed_before(script):
    Path("work.py").write_text(SCRIPT.replace("    assert found", "    print('found', found)\n    assert found"))
    with pytest.raises(RunFailed, match=r"before that it printed:\n +found 1\n"):
        AutoMLOps.rehearse(pipeline_params={"words": "one", "least": 5}, notebook=script)


GOOGLE = SCRIPT.replace("    print(number)", "    from google.cloud import storage\n    print(number, storage)")


def test_steps_that_reach_google_are_named_before_they_run(script, capsys):
    Path("work.py").write_text(GOOGLE)
    run = AutoMLOps.rehearse(pipeline_params={"words": "one"}, notebook=script)
    said = "condition-1/tell reaches Google, with your credentials: google.cloud.storage"
    assert [said in str(warning) for warning in run.warnings] == [True]
    assert f"warning: {said}" in capsys.readouterr().err
    assert AutoMLOps.rehearse(stubs={"tell": lambda number: None}).warnings == ()


def test_where_this_environment_is_not_the_images_a_rehearsal_says_so(script):
    AutoMLOps.generate(notebook=script, pipeline_params={"words": "one"})
    Path("AutoMLOps/components/component_base/requirements.txt").write_text("no-such-package==1\n")
    (warning,) = AutoMLOps.rehearse().warnings
    assert "no-such-package is not installed here" in str(warning)


def test_an_unknown_environment_is_refused_with_the_known_ones(script):
    AutoMLOps.generate(notebook=script, pipeline_params={"words": "one"})
    with pytest.raises(BadInput, match="'kernel', 'isolated'"):
        AutoMLOps.rehearse(environment="docker")


@pytest.mark.slow
def test_requirements_that_miss_a_package_fail_in_an_isolated_environment(script):
    Path("work.py").write_text(SCRIPT.replace("    print(number)", "    import six\n    print(number, six)"))
    AutoMLOps.generate(notebook=script, pipeline_params={"words": "a b c"})
    assert AutoMLOps.rehearse(environment="isolated").state is State.SUCCEEDED
    requirements = Path("AutoMLOps/components/component_base/requirements.txt")
    requirements.write_text("\n".join(line for line in requirements.read_text().split("\n") if "six" not in line))
    assert AutoMLOps.rehearse().state is State.SUCCEEDED
    with pytest.raises(RunFailed, match=r"six is not in components/component_base/requirements.txt: list it"):
        AutoMLOps.rehearse(environment="isolated")


def test_the_report_stands_alone_and_holds_the_code_that_ran(script):
    run = AutoMLOps.rehearse(pipeline_params={"words": "a b c"}, notebook=script)
    page = Path(run.report).read_text()
    assert page.startswith("<!DOCTYPE html>") and "<script" not in page and "least" in page
    assert 'data-node="root/condition-1/tell"' in page
    assert str(run.report) in str(run) and "srcdoc" in run.report._repr_html_()
    source = Path("AutoMLOps/components/component_base/src/count.py")
    assert Path(run.folder, "code", "count.py").read_text() == source.read_text()


def test_a_failed_run_has_a_report_too(script):
    with pytest.raises(RunFailed) as raised:
        AutoMLOps.rehearse(pipeline_params={"words": "one", "least": 5}, notebook=script)
    report = Path(raised.value.run.folder, "report.html")
    assert f"report: {report}" in str(raised.value) and "only 1 words" in report.read_text()


def test_the_runs_are_there_to_compare(script):
    AutoMLOps.rehearse(pipeline_params={"words": "a b c"}, notebook=script)
    AutoMLOps.rehearse(parameters={"words": "a"})
    both = AutoMLOps.runs()
    assert [json.loads(run.parameters)["words"] for run in both] == ["a", "a b c"]
    assert both.compare().differences["parameter words"] == ('"a"', '"a b c"')
    assert both.lineage("write.data").run.id == both[0].id


def test_the_terminal_takes_values_for_one_run(script, capsys):
    AutoMLOps.generate(notebook=script, pipeline_params={"words": "one"})
    assert main(["rehearse", "--parameter", "words=a b c", "--parameter", "least=2", "--cache"]) == 0
    (run,) = records.recorded("AutoMLOps")
    assert json.loads(run.parameters) == {"words": "a b c", "least": 2}
    assert main(["rehearse", "--parameter", "words"]) == 2
    assert "write NAME=VALUE" in capsys.readouterr().err


UNDERSCORED = SCRIPT.replace("def tell(", "def tell_all(").replace("        tell(", "        tell_all(")


@pytest.mark.parametrize("name", ["tell_all", "tell-all", "Tell_All"])
def test_a_stub_is_named_as_the_user_names_the_step(script, name):
    Path("work.py").write_text(UNDERSCORED)
    said = []
    AutoMLOps.rehearse(
        pipeline_params={"words": "a b c"}, notebook=script, stubs={name: lambda number: said.append(number)}
    )
    assert said == [3]


def test_what_is_asked_amiss_is_told_at_once_and_nothing_is_written(script):
    with pytest.raises(BadInput) as raised:
        AutoMLOps.rehearse(
            pipeline_params={"words": "a"},
            notebook=script,
            parameters=["words"],
            stubs=[],
            environment="isolatd",
            timeout="5",
            parametres={"words": "b"},
        )
    told = str(raised.value)
    assert "5 problems" in told and "did you mean parameters?" in told and not Path("AutoMLOps").exists()


def test_a_stub_for_no_step_is_refused_with_the_steps_there_are(script):
    AutoMLOps.generate(notebook=script, pipeline_params={"words": "a"})
    with pytest.raises(
        BadInput, match=r"stubs has tel, which is no step \(the steps are tell, count, write\)"
    ) as raised:
        AutoMLOps.rehearse(stubs={"tel": print})
    assert "1 problem, nothing ran" in str(raised.value)
    with pytest.raises(BadInput, match="the stub of tell is 5, not a function"):
        AutoMLOps.rehearse(stubs={"tell": 5})


def test_a_setting_where_nothing_is_generated_is_refused(script):
    AutoMLOps.generate(notebook=script, pipeline_params={"words": "a"})
    with pytest.raises(BadInput, match="base_image is for generating"):
        AutoMLOps.rehearse(base_image="python:3.12-slim")


def test_the_terminal_takes_a_file_of_values_without_a_notebook_and_no_settings(script, capsys):
    AutoMLOps.generate(notebook=script, pipeline_params={"words": "one"})
    Path("p.json").write_text('{"words": "a b c d", "least": 2}')
    assert main(["rehearse", "--params", "p.json", "--parameter", "least=3"]) == 0
    assert json.loads(records.recorded("AutoMLOps")[0].parameters) == {"words": "a b c d", "least": 3}
    assert main(["rehearse", "--project-id", "my-project"]) == 2
    assert "--project-id is for generating" in capsys.readouterr().err


def test_a_source_that_changes_under_a_run_stops_its_step(script):
    Path("work.py").write_text(
        SCRIPT.replace('    with open(data.path, "w")', '    import time; time.sleep(1)\n    with open(data.path, "w")')
    )
    AutoMLOps.generate(notebook=script, pipeline_params={"words": "one"})
    source = Path("AutoMLOps/components/component_base/src/count.py")

    def later():
        while not list(Path("AutoMLOps/.automlops/runs").glob("*/root/write/log.txt")):
            time.sleep(0.01)
        source.write_text(source.read_text().replace("return found", "return 0"))

    edit = threading.Thread(target=later)
    edit.start()
    with pytest.raises(RunFailed, match=r"count.py was changed while the run went on: rehearse again"):
        AutoMLOps.rehearse()
    edit.join()


def test_a_folder_that_cannot_be_written_is_one_error(script):
    AutoMLOps.generate(notebook=script, pipeline_params={"words": "one"})
    Path("AutoMLOps/.automlops/runs").write_text("a file")
    with pytest.raises(WriteError, match="the record of a run cannot be written"):
        AutoMLOps.rehearse()


def test_time_runs_while_it_compiles_and_nothing_is_left(script):
    AutoMLOps.generate(notebook=script, pipeline_params={"words": "one"})
    path = Path("AutoMLOps/pipelines/pipeline.py")
    path.write_text("import time\ntime.sleep(60)\n" + path.read_text())
    with pytest.raises(BadInput, match="did not compile within 0.5 seconds"):
        AutoMLOps.rehearse(timeout=0.5)
    assert os.listdir("AutoMLOps/.automlops/runs") == []


def test_a_component_that_another_imports_counts_for_its_cache(script):
    AutoMLOps.rehearse(pipeline_params={"words": "a b c"}, notebook=script)
    folder = Path("AutoMLOps/components/component_base/src")
    (folder / "count.py").write_text((folder / "count.py").read_text() + "\nimport tell as other\n")
    AutoMLOps.rehearse()
    (folder / "tell.py").write_text((folder / "tell.py").read_text() + "\nMORE = 1\n")
    assert states(AutoMLOps.rehearse(cache=True))["count"] is State.SUCCEEDED


@pytest.mark.slow
def test_a_script_that_ipython_runs_is_the_script(script):
    Path("work.py").write_text(
        SCRIPT + "\nrun = AutoMLOps.rehearse(pipeline_params={'words': 'a b c'})\nprint(run.state)\n"
    )
    command = [sys.executable, "-m", "IPython", "--colors=NoColor", "work.py"]
    ended = subprocess.run(command, capture_output=True, text=True, env=environment(), timeout=120, check=False)
    assert "succeeded" in ended.stdout, ended.stdout + ended.stderr
