"""provision() and deprovision() drive the real gcloud against the stand-in cloud, as a user's notebook would."""

import json
import shutil
import subprocess
import sys

import pytest
from cloud.faults import FOREVER
from cloud.standin import OWNER, PROJECT, Cloud
from pictures import written
from test_provisioning import SCRIPT
from tools import CHECKOUT

pytest_plugins = ["cloud.fixture"]
pytestmark = pytest.mark.slow

CALL = """
import json, sys
from AutoMLOps import AutoMLOps, AutoMLOpsError
try:
    done = eval(sys.argv[1])
    print(json.dumps([[row.fate, row.kind, row.name] for row in done.rows]))
except AutoMLOpsError as error:
    print(json.dumps(f"{type(error).__name__}: {error}"))
"""


@pytest.fixture
def called(cloud: Cloud, tmp_path):
    """called("AutoMLOps.provision()") is what it gave: its rows, or its error as text."""

    def call(expression, as_=OWNER):
        ended = cloud.run(
            sys.executable, "-c", CALL, expression, cwd=tmp_path, env={"PYTHONPATH": str(CHECKOUT)}, as_=as_
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return json.loads(ended.stdout.splitlines()[-1])

    (tmp_path / "work.py").write_text(SCRIPT)
    call(f"(AutoMLOps.generate({PROJECT!r}, notebook='work.py'), type('', (), {{'rows': ()}}))[1]")
    return call


def settled(picture):
    """The picture with the lines of records in order: what is made side by side is written down as it is done."""
    match picture:
        case dict():
            return {name: settled(value) for name, value in picture.items()}
        case list() | tuple():
            return [settled(value) for value in picture]
        case bytes():
            return sorted(picture.split(b"\n"))
    return picture


def fates(rows):
    return {fate for fate, _, _ in rows}


def test_what_is_provisioned_is_kept_and_taken_away_and_nothing_else(called, cloud):
    before = cloud.state.picture()
    made = called("AutoMLOps.provision()")
    assert {kind for fate, kind, _ in made if fate == "created"} == {"api", "registry", "bucket", "account", "role"}
    assert {kind for fate, kind, _ in made if fate == "changed"} <= {"record"}
    whole, written = cloud.state.picture(), len(cloud.writes())
    again = called("AutoMLOps.provision()")
    assert fates(again) == {"kept"}
    assert len(cloud.writes()) == written and cloud.state.picture() == whole
    gone = called("AutoMLOps.deprovision()")
    things = {(kind, name) for fate, kind, name in made if fate == "created" and kind != "api"}
    assert things == {(kind, name) for fate, kind, name in gone if fate in ("removed", "gone") and kind != "record"}
    after = cloud.state.picture()
    assert {name: after[name] for name in after if name != "services"} == {
        name: before[name] for name in before if name != "services"
    }
    assert "created" in fates(called("AutoMLOps.provision()"))
    assert settled(cloud.state.picture()) == settled(whole)


def test_who_may_not_is_told_the_step_and_a_role(called, cloud):
    cloud.state.grant("reader@example.test", "roles/viewer", f"projects/{PROJECT}")
    told = called("AutoMLOps.provision()", as_="reader@example.test")
    assert told.startswith("ScriptFailed:") and "stopped at:" in told and "roles/" in told
    assert "created" not in told


def test_a_fault_that_lasts_stops_it_and_the_next_call_goes_on(called, cloud):
    cloud.fault(r"POST artifactregistry.*/repositories", 403, times=FOREVER)
    told = called("AutoMLOps.provision()")
    assert told.startswith("ScriptFailed:") and "making the registry" in told
    cloud.faults.clear()
    assert "created" in fates(called("AutoMLOps.provision()"))
    assert fates(called("AutoMLOps.provision()")) == {"kept"}


@pytest.mark.thorough
def test_two_who_provision_in_the_same_minute_lose_nothing_of_each_other_or_of_others(cloud, tmp_path):
    """Two copies of one codebase, whose steps use different things: what either makes is in the bucket's record."""
    soon = {"title": "soon", "expression": 'request.time < timestamp("2030-01-01T00:00:00Z")'}
    cloud.state.grant_on_condition("someone@example.test", "roles/browser", f"projects/{PROJECT}", soon)
    uses = {"queries": ("bigquery",), "jobs": ("vertex-jobs",)}
    copies = [written(tmp_path / name, project_id=PROJECT, steps_use=used) for name, used in uses.items()]
    running = [provisioning(cloud, copy) for copy in copies]
    for each in running:
        said, complained = each.communicate()
        assert each.returncode == 0, said + complained
    (record,) = (found for name, found in cloud.state.content.items() if name.endswith("/made"))
    made = [(copy / ".automlops/made").read_text().splitlines() for copy in copies]
    assert set(record.decode().splitlines()) == {line for lines in made for line in lines}
    assert not set(made[0]) <= set(made[1]) and not set(made[1]) <= set(made[0])
    assert cloud.state.policy(f"projects/{PROJECT}").conditional[0]["condition"] == soon
    recorded = {
        (line["role"], line["member"]) for line in map(json.loads, record.decode().splitlines()) if line["role"]
    }
    held = {
        (role, each) for on in cloud.state.policies for role, who in cloud.state.bindings(on).items() for each in who
    }
    assert recorded == {(role, who) for role, who in held if who.startswith("serviceAccount:")}


@pytest.mark.thorough
def test_two_who_take_it_away_in_the_same_minute_leave_nothing(cloud, tmp_path):
    before = cloud.state.picture()
    first = written(tmp_path / "first", project_id=PROJECT)
    done = cloud.run("bash", first / "provision/provision_resources.sh")
    assert done.returncode == 0, done.stderr
    second = shutil.copytree(first, tmp_path / "second")
    running = [deprovisioning(cloud, each) for each in (first, second)]
    for each in running:
        said, complained = each.communicate()
        assert each.returncode == 0, said + complained
    after = cloud.state.picture()
    assert {**after, "services": []} == {**before, "services": []}
    assert not any((each / ".automlops/made").read_text() for each in (first, second))


def provisioning(cloud, codebase):
    script = codebase / "provision/provision_resources.sh"
    return cloud.start("bash", script, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def deprovisioning(cloud, codebase):
    script, all_of_it = codebase / "provision/deprovision_resources.sh", {"DELETE_DATA": "1"}
    return cloud.start("bash", script, env=all_of_it, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
