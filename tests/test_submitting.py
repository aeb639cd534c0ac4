"""deploy() from this machine: scripts/run_all.sh is run, and what it says is the run."""

from pathlib import Path

import pytest
from stubbing import RUN_ALL, RUNS, SAYS, calls, codebase, stub

from AutoMLOps import AutoMLOps, BadInput, ScriptFailed
from AutoMLOps.outcomes import Deployed
from AutoMLOps.preflight import Check, Fate

RUN = Deployed(
    job="projects/1/locations/us-central1/pipelineJobs/wine-1",
    link="https://console.cloud.google.com/vertex-ai/runs/wine-1?project=demo-project",
    spec="gs://demo-project-bucket/wine/specs/abc.json",
    images=("host/one@sha256:abc",),
)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("AutoMLOps.preflight.tools", lambda builds: ())
    return codebase()


def test_a_run_is_its_job_its_page_its_spec_and_its_images(folder, capsys):
    assert AutoMLOps.deploy() == RUN
    said = capsys.readouterr()
    assert calls() == ["run_all "] and "building" in said.err and said.out == f"{RUN}\n"


def test_wait_is_handed_on_and_the_run_has_succeeded_then(folder):
    assert AutoMLOps.deploy(wait=True).state == "succeeded" and calls() == ["run_all --wait"]


@pytest.mark.parametrize("line", SAYS.splitlines())
def test_a_script_that_does_not_say_all_of_it_is_not_taken_for_a_run(folder, line):
    stub(folder, RUN_ALL, RUNS.replace(f"{line}\n", ""))
    lacks = {"run": "link", "job": "job", "upl": "spec"}[line[:3]]
    with pytest.raises(ScriptFailed, match=f"run_all.sh ended well, and did not say the {lacks} of a run"):
        AutoMLOps.deploy()


def test_a_script_that_says_nothing_is_not_taken_for_a_run(folder):
    stub(folder, RUN_ALL, "echo hello\n")
    with pytest.raises(ScriptFailed, match="did not say the job, link, spec of a run"):
        AutoMLOps.deploy()


def test_a_script_that_leaves_no_images_is_not_taken_for_a_run(folder):
    stub(folder, RUN_ALL, RUNS.replace("/images", "/other"))
    with pytest.raises(ScriptFailed, match="left no AutoMLOps/scripts/pipeline_spec/images"):
        AutoMLOps.deploy()


def test_a_codebase_without_images_of_its_own_leaves_none(folder, monkeypatch):
    Path(folder, "scripts/build_components.sh").unlink()
    for path in Path(folder).glob("components/*/Dockerfile"):
        path.unlink()
    asked = []
    monkeypatch.setattr("AutoMLOps.preflight.tools", lambda builds: asked.append(builds) or ())
    assert AutoMLOps.deploy().images == () and asked == [False]


def test_a_script_that_fails_raises_with_what_it_said_and_nothing_is_shown(folder, capsys):
    stub(folder, RUN_ALL, "echo 'stopped at: the build; its log: https://example.test/log' >&2\nexit 1\n")
    with pytest.raises(ScriptFailed, match="run_all.sh stopped with exit code 1:\n  stopped at: the build") as raised:
        AutoMLOps.deploy()
    assert "that was started" not in str(raised.value) and not capsys.readouterr().out


def test_a_run_that_fails_while_it_is_waited_for_is_named(folder):
    stub(folder, RUN_ALL, f"{RUNS}\necho 'the run failed' >&2\nexit 1\n")
    with pytest.raises(ScriptFailed, match="the run failed") as raised:
        AutoMLOps.deploy(wait=True)
    assert str(raised.value).splitlines()[-1] == f"the run that was started: {RUN.link}"


def test_what_is_missing_on_this_machine_is_told_before_anything_runs(folder, monkeypatch):
    wrong = Check(name="gcloud", fate=Fate.WRONG, told="gcloud is not installed", mend="install it")
    monkeypatch.setattr("AutoMLOps.preflight.tools", lambda builds: (wrong,))
    with pytest.raises(BadInput, match="nothing was done:\n  - gcloud is not installed"):
        AutoMLOps.deploy()
    assert not calls()


def test_each_script_that_it_takes_has_to_be_there(folder):
    for name in ("build_components", "build_pipeline_spec", "run_pipeline", "run_all"):
        Path(folder, f"scripts/{name}.sh").unlink()
    with pytest.raises(BadInput, match="4 problems, nothing was done"):
        AutoMLOps.deploy()


def test_without_a_codebase_the_error_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadInput, match=r"call generate\(\) first"):
        AutoMLOps.deploy()
