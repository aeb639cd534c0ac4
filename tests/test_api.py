"""generate(): the story from a notebook to a folder, and what it says when something is wrong."""

import copy
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from AutoMLOps import AutoMLOps, BadInput, standing

REPOSITORY = Path(__file__).resolve().parent.parent
SCRIPT = """
from AutoMLOps import AutoMLOps


@AutoMLOps.component
def step(words: str = "hello", count: int = 1):
    print(words * count)


@AutoMLOps.pipeline
def words_pipeline(words: str, count: int = 2):
    step(words=words, count=count)
"""


@pytest.fixture
def script(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "work.py").write_text(SCRIPT)
    return "work.py"


def generate(script, **how):
    return AutoMLOps.generate(notebook=script, **{"pipeline_params": {"words": "x"}, **how})


def values():
    return json.loads(Path("AutoMLOps/pipelines/runtime_parameters/pipeline_parameter_values.json").read_text())


def test_the_arguments_are_not_changed(script):
    params, labels = {"words": "x", "count": 3}, {"team": "a"}
    before = copy.deepcopy((params, labels))
    generate(script, pipeline_params=params, labels=labels, project_id="my-project-123")
    assert (params, labels) == before


def test_without_a_project_nothing_names_one(script):
    result = generate(script)
    assert not Path("AutoMLOps/cloudbuild.yaml").exists()
    assert any("project_id" in step for step in result.next_steps)
    assert not [
        path
        for path in Path("AutoMLOps").rglob("*")
        if path.is_file()
        and "None" in path.read_text().replace("None = ", "").replace("-> None", "")
        and path.suffix in (".yaml", ".md", ".sh")
    ]


def test_the_settings_of_the_last_time_stay(script):
    generate(script, project_id="my-project-123", pipeline_job_location="europe-west4")
    generate(script)
    assert "europe-west4" in Path("AutoMLOps/pipelines/pipeline_runner.py").read_text()


def test_a_setting_edited_in_the_file_counts_and_an_argument_wins(script):
    generate(script, project_id="my-project-123")
    path = Path("AutoMLOps/configs/defaults.yaml")
    path.write_text(
        path.read_text().replace("pipeline_job_location: us-central1", "pipeline_job_location: europe-west4")
    )
    result = generate(script)
    assert {change.path: change.fate for change in result.changes}["configs/defaults.yaml"] == "same"
    assert "europe-west4" in Path("AutoMLOps/pipelines/pipeline_runner.py").read_text()
    generate(script, pipeline_job_location="asia-east1")
    assert "asia-east1" in Path("AutoMLOps/pipelines/pipeline_runner.py").read_text()


def test_parameter_values_of_the_last_time_stay_where_none_are_given(script):
    generate(script, pipeline_params={"words": "kept", "count": 5})
    AutoMLOps.generate(notebook=script)
    assert values() == {"words": "kept", "count": 5}


def test_every_fault_is_told_at_once_and_nothing_is_written(script):
    with pytest.raises(BadInput) as raised:
        generate(
            script,
            project_id="My Project!; rm -rf /",
            gs_bucket_name="My_Bucket..UPPER$(whoami)",
            pipeline_job_location="mars-east1",
            pipeline_runner_sa="not-an-email",
            af_registry_nam="x",
            pipeline_params={"count": "3", "more": 1},
        )
    said = str(raised.value)
    for word in (
        "project_id",
        "gs_bucket_name",
        "mars-east1",
        "not-an-email",
        "af_registry_name",
        "`words`",
        "`count`",
        "`more`",
    ):
        assert word in said
    assert len(raised.value.problems) == 8
    assert os.listdir() == ["work.py"]


class Mute:
    """What answers nothing that it is asked."""

    __repr__ = __str__ = __eq__ = __bool__ = __fspath__ = lambda self, *_: 1 / 0
    __hash__ = object.__hash__


class Unread(Mapping):
    """A mapping that cannot be read."""

    __getitem__ = __iter__ = __len__ = lambda self, *_: 1 / 0


@pytest.mark.parametrize("params", [[1], "x", 3, {1: 2}, {Mute(): 1}, {None: 1}, Unread(), Mute()])
def test_parameters_that_are_no_dict_of_names_are_said_once(script, params):
    with pytest.raises(BadInput, match="pipeline_params") as raised:
        generate(script, pipeline_params=params)
    assert len([each for each in raised.value.problems if "no value for" not in str(each)]) == 1
    assert os.listdir() == ["work.py"]


@pytest.mark.parametrize("name", ["notebook", "output_dir", "pipeline"])
@pytest.mark.parametrize("value", [3, b"work.py", ["work.py"], Mute()], ids=["number", "bytes", "list", "mute"])
def test_a_path_or_name_that_is_none_is_said_once(script, name, value):
    with pytest.raises(BadInput, match=f"{name} is ") as raised:
        AutoMLOps.generate(**{"notebook": script, "pipeline_params": {"words": "x"}, name: value})
    assert len(raised.value.problems) == 1 and os.listdir() == ["work.py"]


def test_a_host_that_answers_nothing_is_said(script):
    with pytest.raises(BadInput, match="source_repo_type is of type Mute"):
        generate(script, run_local=False, source_repo_type=Mute())


def test_an_error_can_be_printed_whatever_it_is_about(script):
    with pytest.raises(BadInput) as raised:
        generate(script, pipeline_params={"words": "x", "\ud800": 1}, pipeline="\ud800")
    assert str(raised.value).encode() and "\\ud800" in str(raised.value)


BROKEN = """
a: [ | - 1 | gcp: 3 | gcp: {project: x} | \x00 | gcp: {labels: 2001-99-99} | gcp: {labels: !!int x} | gcp: {labels: !!bool x}
| gcp: {labels: !!float x} | gcp: {labels: !!timestamp x} | gcp: !!python/name:os.system x | &a {gcp: *a} | gcp: *a | ? [a] : b
| gcp: {project_id: my-project-123, project_id: my-project-124} | gcp: {} \n gcp: {} | --- {} \n --- {} | gcp: {=: 1}
| gcp: {null: 1} | gcp: {1: 1, 1.5: 2, true: 3, .nan: 4, 2001-01-01: 5}
"""
DEEP, LONG = f"gcp: {'[' * 2000}{']' * 2000}", f"gcp: {{labels: {'9' * 5000}}}"


@pytest.mark.parametrize(
    "text", [*(each.strip().replace(r"\n", "\n").replace(r"\x00", "\0") for each in BROKEN.split("|")), DEEP, LONG]
)
def test_a_broken_file_of_settings_is_said(script, text):
    generate(script)
    Path("AutoMLOps/configs/defaults.yaml").write_text(text)
    with pytest.raises(BadInput, match=r"configs.defaults\.yaml"):
        generate(script)


def test_a_bomb_of_aliases_is_taken_apart_as_quickly_as_it_is_written(script):
    generate(script)
    lines = ["labels: &a0 [x, x]", *(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 20))]
    Path("AutoMLOps/configs/defaults.yaml").write_text("\n  ".join(["gcp:", *lines]))
    with pytest.raises(BadInput, match="labels is of type list"):
        generate(script)


@pytest.mark.parametrize("text", ["{", "[]", "[" * 100_000, '{"words": "\\ud800"}', '{"count": ' + "9" * 5000 + "}"])
def test_a_broken_file_of_values_is_said(script, text):
    generate(script)
    Path("AutoMLOps/pipelines/runtime_parameters/pipeline_parameter_values.json").write_text(text)
    with pytest.raises(BadInput, match=r"pipeline_parameter_values\.json|`words` has half of a character"):
        AutoMLOps.generate(notebook=script)


def test_a_folder_that_is_a_package_is_refused(script):
    Path("AutoMLOps").mkdir()
    Path("AutoMLOps/__init__.py").write_text("")
    with pytest.raises(BadInput, match="is a Python package"):
        generate(script)


def test_a_missing_notebook_is_said():
    with pytest.raises(BadInput, match="nowhere.ipynb"):
        AutoMLOps.generate(notebook="nowhere.ipynb")


def test_a_step_that_needs_a_local_module_says_so(script, tmp_path):
    (tmp_path / "helpers.py").write_text("X = 1\n")
    (tmp_path / "work.py").write_text(SCRIPT.replace("print(words", "import helpers\n    print(words"))
    with pytest.raises(BadInput, match="helpers"):
        generate(script)


def test_several_pipelines_live_in_folders_of_their_own(script):
    Path("work.py").write_text(SCRIPT + SCRIPT.partition("\n\n\n")[2].replace("words_pipeline", "other"))
    with pytest.raises(BadInput, match="2 pipelines|exists twice"):
        generate(script)
    Path("work.py").write_text(SCRIPT + "\n\n@AutoMLOps.pipeline\ndef other(words: str):\n    step(words=words)\n")
    generate(script, pipeline="other", output_dir="one")
    generate(script, pipeline="words-pipeline", output_dir="two")
    assert "other" in Path("one/pipelines/pipeline.py").read_text()
    assert "def words_pipeline" in Path("two/pipelines/pipeline.py").read_text()


def test_a_renamed_component_leaves_nothing_behind(script):
    generate(script)
    Path("work.py").write_text(SCRIPT.replace("step", "greet"))
    result = generate(script)
    removed = {change.path for change in result.changes if change.fate == "removed"}
    assert removed == {"components/step/component.yaml", "components/component_base/src/step.py", "tests/test_step.py"}
    assert not Path("AutoMLOps/components/step").exists()


def test_an_edit_is_kept_and_the_new_version_is_beside_it(script):
    generate(script)
    path = Path("AutoMLOps/components/component_base/src/step.py")
    path.write_text("# mine\n")
    result = generate(script)
    assert path.read_text() == "# mine\n"
    assert "def step" in Path(f"{path}.new").read_text()
    assert "kept     components/component_base/src/step.py" in str(result)


def run(*lines, cwd):
    return subprocess.run(
        [sys.executable, "script.py"],
        cwd=cwd,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        check=False,
    )


def test_a_script_that_calls_generate_is_its_own_notebook(tmp_path):
    (tmp_path / "script.py").write_text(
        SCRIPT
        + "\nif __name__ == '__main__':\n    AutoMLOps.generate(pipeline_params={'words': 'x'})\n    broken = open('nowhere')\n"
    )
    done = run(cwd=tmp_path)
    assert "created" in done.stdout and "FileNotFoundError" in done.stderr
    assert (tmp_path / "AutoMLOps/components/step/component.yaml").exists()


def test_a_script_may_generate_twice_each_time_from_what_stands_above(tmp_path):
    second = "@AutoMLOps.pipeline\ndef second(words: str):\n    step(words=words)\n"
    calls = (
        "AutoMLOps.generate(pipeline_params={'words': 'x'}, output_dir='one')\n",
        "AutoMLOps.generate(\n    pipeline_params={'words': 'x'},\n    output_dir='two', pipeline='second')\n",
    )
    (tmp_path / "script.py").write_text(SCRIPT + calls[0] + second + calls[1])
    assert run(cwd=tmp_path).stderr == ""
    assert "second" in (tmp_path / "two/pipelines/pipeline.py").read_text()


def test_without_a_notebook_the_error_says_what_to_do(tmp_path):
    code = "from AutoMLOps import AutoMLOps\nAutoMLOps.generate()"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        check=False,
    )
    assert "notebook='train.ipynb'" in done.stderr


def test_nothing_is_contacted_and_no_heavy_library_is_loaded(tmp_path):
    (tmp_path / "script.py").write_text(
        SCRIPT
        + "import socket, sys\nsocket.socket = None\nAutoMLOps.generate(pipeline_params={'words': 'x'}, project_id='my-project-123')\n"
        "print([name for name in sys.modules if name.partition('.')[0] in ('kfp', 'IPython', 'nbformat', 'yaml', 'subprocess') or name.startswith('google.cloud.')])\n"
    )
    assert run(cwd=tmp_path).stdout.endswith("[]\n")


def test_the_verbs_that_follow_act_on_what_was_generated_last_and_not_on_a_dry_run(script):
    generate(script, output_dir="one")
    generate(script, output_dir="two", dry_run=True)
    assert standing.folder(None) == "one"


def test_a_base_image_of_the_users_own_is_found_in_the_codebase_and_left_as_it_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("work.py").write_text(
        "from AutoMLOps import AutoMLOps\n\n\n@AutoMLOps.component\ndef step():\n    pass\n\n\n"
        "@AutoMLOps.pipeline(name='p')\ndef p():\n    step()\n"
    )
    with pytest.raises(BadInput, match="base_image: images/trainer has no Dockerfile .*images/ has none yet"):
        AutoMLOps.generate(notebook="work.py", base_image="images/trainer")
    for name in ("trainer", "My Tools"):
        Path("AutoMLOps/images", name).mkdir(parents=True)
        Path("AutoMLOps/images", name, "Dockerfile").write_text("FROM scratch\n")
    with pytest.raises(BadInput, match="AutoMLOps/images/My Tools cannot give an image its name"):
        AutoMLOps.generate(notebook="work.py", base_image="images/trainer")
    Path("AutoMLOps/images/My Tools/Dockerfile").unlink()
    done = AutoMLOps.generate(notebook="work.py", base_image="images/trainer")
    assert not [change for change in done.changes if change.path.startswith("images/")]
    assert Path("AutoMLOps/images/trainer/Dockerfile").read_text() == "FROM scratch\n"
    assert "ARG BASE=p/images/trainer:cache" in Path("AutoMLOps/components/component_base/Dockerfile").read_text()
    assert AutoMLOps.generate(notebook="work.py").changes[0].fate == "same"
