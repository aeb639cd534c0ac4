"""go(): generate, plan, provision, deploy, each told as it comes and the result at the end."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from stubbing import NOTEBOOK, PROVISION, PROVISIONS, calls, codebase, stub
from tools import environment

from AutoMLOps import AutoMLOps, BadInput, ScriptFailed, jupyter
from AutoMLOps.preflight import Check, Fate

LOGIN = Check(name="login", fate=Fate.WRONG, told="nobody is logged in", mend="gcloud auth login")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("AutoMLOps.preflight.tools", lambda builds: ())
    monkeypatch.setattr("AutoMLOps.preflight.checks", lambda settings, submits, builds: ())
    return codebase()


def go(**more):
    return AutoMLOps.go("demo-project", notebook="work.py", **more)


def test_it_generates_plans_provisions_and_deploys_in_this_order(folder):
    done = go()
    assert calls() == ["provision PLAN=1", "provision PLAN=", "run_all "]
    assert done.generated.folder == "AutoMLOps/" and [row.fate for row in done.planned.rows] == ["create"]
    assert [row.fate for row in done.provisioned.rows] == ["created"] and done.deployed.job.endswith("wine-1")
    assert not done.problems


def test_a_dry_run_writes_the_codebase_and_runs_the_plan_alone(folder):
    Path("AutoMLOps/README.md").unlink()
    done = go(dry_run=True)
    assert calls() == ["provision PLAN=1"] and Path("AutoMLOps/README.md").exists()
    assert done.provisioned is None and done.deployed is None
    assert str(done) == "dry run, nothing was made in Google Cloud: 1 to create"


def test_what_stands_in_the_way_is_told_before_anything_is_made(folder, monkeypatch):
    monkeypatch.setattr("AutoMLOps.preflight.checks", lambda settings, submits, builds: (LOGIN,))
    told = r"1 problem, nothing was made in Google Cloud:\n  - nobody is logged in \(gcloud auth login\)"
    with pytest.raises(BadInput, match=told):
        go()
    assert calls() == ["provision PLAN=offline"]
    assert go(dry_run=True).problems[0].message == "nobody is logged in"


def test_what_a_person_has_to_do_stands_in_the_way_too(folder):
    stub(folder, PROVISION, PROVISIONS + "echo 'needed   connection c (a person makes it)'\n")
    with pytest.raises(BadInput, match=r"connection c is not there, or not yours \(a person makes it\)"):
        go()
    assert calls() == ["provision PLAN=1"]


def test_faults_of_the_call_are_told_before_anything_runs(folder):
    with pytest.raises(BadInput, match="nothing was written"):
        go(af_registry_name="Not A Name")
    assert not calls()


def test_provisioning_that_stops_keeps_it_from_deploying(folder):
    stub(folder, PROVISION, PROVISIONS + "[[ -n ${PLAN-} ]] || { echo 'stopped at: the bucket' >&2; exit 1; }\n")
    with pytest.raises(ScriptFailed, match="stopped at: the bucket"):
        go()
    assert calls() == ["provision PLAN=1", "provision PLAN="]


def test_wait_is_handed_on(folder):
    assert go(wait=True).deployed.state == "succeeded" and calls()[-1] == "run_all --wait"


def test_the_codebase_may_be_in_another_folder(folder):
    codebase(output_dir="deep/one")
    assert go(output_dir="deep/one").generated.folder == "deep/one/" and calls()[-1] == "run_all "


# ------------------------------------------------------------------------------- who sees what


def test_in_a_terminal_what_comes_before_is_on_stderr_and_the_result_on_stdout_once(folder, capsys):
    done = go()
    said = capsys.readouterr()
    assert said.out == f"{done}\n"
    order = [said.err.index(each) for each in ("AutoMLOps/: ", str(done.planned), "building")]
    assert order == sorted(order) and said.err.count("  create   bucket") == 1 and "Next:" not in said.err


def test_a_dry_run_tells_the_next_steps(folder, capsys):
    done = go(dry_run=True)
    assert str(done.generated) in capsys.readouterr().err and "Next:" in str(done.generated)


VERBS = {
    "plan": "AutoMLOps.plan()",
    "provision": "AutoMLOps.provision()",
    "deprovision": "AutoMLOps.deprovision()",
    "deploy": "AutoMLOps.deploy()",
    "go": "AutoMLOps.go('demo-project', notebook='work.py')",
}


@pytest.mark.parametrize("verb", VERBS)
def test_a_script_sees_the_result_of_each_verb_once(folder, capsys, verb):
    done = eval(VERBS[verb])  # noqa: S307 - the five lines above
    assert capsys.readouterr().out == f"{done}\n"


@pytest.mark.parametrize("verb", VERBS)
def test_in_a_notebook_the_cell_shows_it_and_nothing_is_printed(folder, capsys, monkeypatch, verb):
    shown = []
    monkeypatch.setattr(jupyter, "shell", lambda: object())
    monkeypatch.setattr(jupyter, "shown", lambda html, text: shown.append(text) or (lambda html, text: None))
    done = eval(VERBS[verb])  # noqa: S307 - the five lines above
    assert not "".join(capsys.readouterr()) and str(done) not in shown
    results = [text for text in shown if not text.endswith(".sh")]  # the others are of scripts as they run
    assert len(results) == {"go": 2, "deprovision": 1}.get(verb, 0)
    assert verb != "go" or results[0].startswith("AutoMLOps/: ") and results[1] == str(done.planned)


@pytest.mark.parametrize("verb", VERBS)
def test_at_a_prompt_that_answers_with_the_result_it_is_not_printed_too(folder, capsys, monkeypatch, verb):
    monkeypatch.setattr(sys, "ps1", ">>> ", raising=False)
    eval(VERBS[verb])  # noqa: S307 - the five lines above
    assert not capsys.readouterr().out


def test_a_script_that_holds_the_pipeline_can_launch_itself(folder):
    call = "preflight.tools = lambda builds: ()\npreflight.checks = lambda settings, submits, builds: ()\nAutoMLOps.go('demo-project')\n"
    Path("work.py").write_text(f"{NOTEBOOK}\nfrom AutoMLOps import preflight\n{call}")
    ended = subprocess.run([sys.executable, "work.py"], env=environment(), capture_output=True, text=True, timeout=120)
    assert ended.returncode == 0, ended.stderr
    assert [line.split(" ")[0] for line in ended.stdout.splitlines()][1:] == [
        "projects/1/locations/us-central1/pipelineJobs/wine-1:",
        *[""] * 3,
    ]
    assert re.search("AutoMLOps/: .*kept", ended.stderr)
    assert calls() == ["provision PLAN=1", "provision PLAN=", "run_all "]
