"""plan(), provision() and deprovision(): the scripts on disk run as they stand, and what they say becomes a table."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import stubbing
from tools import environment

from AutoMLOps import AutoMLOps, BadInput, ScriptFailed
from AutoMLOps.cli import main
from AutoMLOps.outcomes import Provisioned, Row
from AutoMLOps.preflight import Check, Fate

SCRIPT = """
from AutoMLOps import AutoMLOps


@AutoMLOps.component
def one() -> int:
    return 1


@AutoMLOps.pipeline(name="wine")
def pipeline():
    one()
"""
SAYS = """#!/usr/bin/env bash
set -euo pipefail
PROJECT=demo-project
printf '%-8s %-8s %s (%s)\\n' created registry vertex-mlops-af 'holds the images (all of them)'
echo 'waiting 1 s for Google to show what was just made' >&2
printf '%-8s %-8s %s (%s)\\n' kept role 'roles/x on project demo-project for a@b.c' 'runs the steps'
"""


@pytest.fixture
def codebase(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("work.py").write_text(SCRIPT)
    AutoMLOps.generate(project_id="demo-project", notebook="work.py")
    return Path("AutoMLOps")


def script(codebase, text, name="provision_resources.sh"):
    (codebase / "provision" / name).write_text(text)


def test_what_the_script_says_becomes_a_table(codebase, capsys):
    script(codebase, SAYS)
    done = AutoMLOps.provision()
    assert done.rows == (
        Row(fate="created", kind="registry", name="vertex-mlops-af", why="holds the images (all of them)"),
        Row(fate="kept", kind="role", name="roles/x on project demo-project for a@b.c", why="runs the steps"),
    )
    assert str(done).splitlines()[0] == "AutoMLOps/provision/provision_resources.sh: 1 created"
    assert "<td" in done._repr_html_() and "waiting 1 s" in capsys.readouterr().err


def test_the_script_runs_as_it_stands_from_any_folder(codebase, tmp_path, monkeypatch):
    script(codebase, '#!/usr/bin/env bash\npwd >"$(dirname "$0")/ran"\n')
    monkeypatch.chdir("/")
    AutoMLOps.provision(tmp_path / "AutoMLOps")
    assert (tmp_path / "AutoMLOps/provision/ran").exists()


def test_a_script_that_stops_says_where_and_how_far_it_came(codebase):
    script(codebase, SAYS + "printf 'stopped at: %s\\n  %s\\n' 'making the bucket b' 'HTTPError 403: no' >&2\nexit 1\n")
    with pytest.raises(ScriptFailed) as raised:
        AutoMLOps.provision()
    told = str(raised.value)
    assert "provision_resources.sh stopped with exit code 1" in told and "stopped at: making the bucket b" in told
    assert "HTTPError 403: no" in told and "created" not in told
    assert [row.fate for row in raised.value.done.rows] == ["created", "kept"]


def test_configs_that_say_something_else_than_the_script_are_refused(codebase):
    configs = codebase / "configs/defaults.yaml"
    configs.write_text(configs.read_text().replace("af_registry_name: vertex-mlops-af", "af_registry_name: other"))
    with pytest.raises(BadInput, match=r"provision_resources.sh has REGISTRY=vertex-mlops-af, .* comes to other"):
        AutoMLOps.provision()


def test_without_a_codebase_or_a_project_the_error_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadInput, match=r"call generate\(\) first"):
        AutoMLOps.provision()
    Path("work.py").write_text(SCRIPT)
    AutoMLOps.generate(notebook="work.py")
    with pytest.raises(BadInput, match="project_id"):
        AutoMLOps.provision()


def test_deleting_data_has_to_be_said(codebase):
    script(codebase, 'echo "kept bucket b (DELETE_DATA=$DELETE_DATA)"\n', "deprovision_resources.sh")
    assert [row.why for row in AutoMLOps.deprovision().rows] == ["DELETE_DATA="]
    assert [row.why for row in AutoMLOps.deprovision(delete_data=True).rows] == ["DELETE_DATA=1"]


def test_the_terminal_has_both(codebase, capsys):
    script(codebase, SAYS)
    script(codebase, "echo 'removed bucket b (this pipeline made it)'\nexit 3\n", "deprovision_resources.sh")
    assert main(["provision"]) == 0
    assert "1 created" in capsys.readouterr().out
    assert main(["deprovision", "--output-dir", os.fspath(codebase), "--delete-data"]) == 1
    assert "stopped with exit code 3" in capsys.readouterr().err


def test_what_resources_are_called_stays_text():
    hostile = "<b>$(id)</b>"
    done = Provisioned(script=hostile, rows=(Row(fate="kept", kind=hostile, name=hostile, why=hostile),))
    assert "<b>" not in done._repr_html_().replace("<strong>", "") and hostile in str(done)


# ------------------------------------------------------------------------------- plans


class Checks(dict):
    """How each check comes out, and for what they were asked."""

    def __call__(self, settings, submits, builds):
        self.asked = (settings.project_id, submits)
        return tuple(Check(name=name, fate=fate, told=f"{name} is so", mend="mend it") for name, fate in self.items())


@pytest.fixture
def checks(monkeypatch):
    """checks["login"] = Fate.WRONG has that one come out wrong; as it is, all is well."""
    found = Checks(gcloud=Fate.OK, login=Fate.OK, project=Fate.OK, permissions=Fate.OK)
    monkeypatch.setattr("AutoMLOps.preflight.checks", found)
    return found


PLANS = """#!/usr/bin/env bash
echo "PLAN=${PLAN-}" >>asked
[[ $PLAN == offline || ! -e no-network ]] || { echo 'stopped at: asking Google' >&2; exit 4; }
echo 'create   bucket     b (holds it)'
echo 'a line of another kind'
"""


def asked():
    return Path("asked").read_text().split()


def test_a_plan_asks_and_shows_what_would_be_done(codebase, checks, capsys):
    script(codebase, PLANS)
    plan = AutoMLOps.plan()
    assert asked() == ["PLAN=1"] and not plan.unasked and not plan.problems
    assert plan.rows == (Row(fate="create", kind="bucket", name="b", why="holds it"),)
    assert checks.asked == ("demo-project", True)
    said = capsys.readouterr()
    assert said.err == "a line of another kind\n" and said.out == f"{plan}\n"


@pytest.mark.parametrize("name", ["gcloud", "login", "project"])
def test_where_nobody_can_be_asked_the_script_is_told_so_and_the_plan_says_so(codebase, checks, name):
    script(codebase, PLANS)
    checks[name] = Fate.WRONG
    plan = AutoMLOps.plan()
    assert asked() == ["PLAN=offline"] and plan.unasked == "nobody could be asked"
    assert "planned as if nothing were there: nobody could be asked" in str(plan)
    assert [problem.message for problem in plan.problems] == [f"{name} is so"] and len(plan.rows) == 1


@pytest.mark.parametrize(("name", "fate"), [("permissions", Fate.WRONG), ("login", Fate.UNKNOWN)])
def test_what_keeps_nobody_from_asking_leaves_the_plan_as_it_is(codebase, checks, name, fate):
    script(codebase, PLANS)
    checks[name] = fate
    plan = AutoMLOps.plan()
    assert asked() == ["PLAN=1"] and not plan.unasked and len(plan.problems) == (fate is Fate.WRONG)


def test_a_script_that_cannot_ask_plans_without_and_gives_the_reason(codebase, checks):
    script(codebase, PLANS)
    Path("no-network").touch()
    plan = AutoMLOps.plan()
    assert asked() == ["PLAN=1", "PLAN=offline"] and [row.name for row in plan.rows] == ["b"]
    assert "stopped with exit code 4" in plan.unasked and "stopped at: asking Google" in str(plan)


def test_a_codebase_that_is_pushed_needs_nothing_here_to_submit_with(codebase, checks):
    AutoMLOps.generate("demo-project", notebook="work.py", run_local=False, source_repo_type="csr")
    script(codebase, PLANS + "PROJECT=demo-project\n")
    AutoMLOps.plan()
    assert checks.asked == ("demo-project", False)


def test_every_line_of_a_generated_script_that_plans_is_understood(codebase, checks, capsys):
    github = {"source_repo_type": "github", "source_repo_name": "example/wine"}
    AutoMLOps.generate("demo-project", notebook="work.py", run_local=False, **github)
    capsys.readouterr()
    checks["login"] = Fate.WRONG
    plan = AutoMLOps.plan()
    assert not capsys.readouterr().err
    assert [row.name for row in plan.rows if row.fate == "needed"] == ["automlops-github"]
    assert {row.fate for row in plan.rows} <= {"create", "change", "needed"} and len(plan.rows) > 15
    assert all(row.role for row in plan.rows if row.kind == "role")


# ------------------------------------------------------------------------------- taking away


def test_what_would_be_taken_away_is_shown_before_it_is(codebase, capsys):
    script(codebase, stubbing.DEPROVISIONS, "deprovision_resources.sh")
    done = AutoMLOps.deprovision()
    assert stubbing.calls() == ["deprovision PLAN=1 DELETE_DATA=", "deprovision PLAN= DELETE_DATA="]
    said = capsys.readouterr()
    assert done.headline.endswith(": 1 removed") and not done.dry_run and said.out == f"{done}\n"
    shown, did = said.err.index("1 to remove (nothing was done yet)"), said.err.index("removed  bucket")
    assert shown < did and said.err.count("  remove   bucket") == 1


def test_a_dry_run_takes_nothing_away(codebase, capsys):
    script(codebase, stubbing.DEPROVISIONS, "deprovision_resources.sh")
    done = AutoMLOps.deprovision(dry_run=True, delete_data=True)
    assert stubbing.calls() == ["deprovision PLAN=1 DELETE_DATA=1"] and done.dry_run
    assert capsys.readouterr() == (f"{done}\n", "")


# ------------------------------------------------------------------------------- Ctrl-C


def test_ctrl_c_reaches_the_script_which_ends_in_its_own_way(codebase):
    script(codebase, "trap 'echo interrupted >ended; exit 1' INT\necho begun\nwhile :; do sleep 0.05; done\n")
    command = [sys.executable, "-m", "AutoMLOps.cli", "provision"]
    with subprocess.Popen(command, env=environment(), stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr.readline() == "begun\n"
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
        assert process.stderr.read().splitlines()[-1] == "automlops: interrupted"
    assert Path("ended").read_text() == "interrupted\n"
