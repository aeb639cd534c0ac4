"""provision() and deprovision(): the scripts on disk run as they stand, and what they say becomes a table."""

import os
from pathlib import Path

import pytest

from AutoMLOps import AutoMLOps, BadInput, ScriptFailed
from AutoMLOps.cli import main
from AutoMLOps.outcomes import Provisioned, Row

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
