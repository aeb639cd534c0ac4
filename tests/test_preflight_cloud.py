"""What has to be so before anything is made, asked of the stand-in cloud with the real gcloud."""

import json
import shlex
import shutil
import sys

import pytest
from cloud.faults import DROP, FOREVER
from cloud.standin import OWNER, PROJECT, Cloud
from tools import CHECKOUT

from AutoMLOps.settings import Settings

pytest_plugins = ["cloud.fixture"]
pytestmark = [pytest.mark.slow, pytest.mark.thorough]

CALL = """
import json, sys
from AutoMLOps import preflight
from AutoMLOps.settings import Settings
found = preflight.checks(Settings(**json.loads(sys.argv[1])), submits=True)
print(json.dumps([[each.name, each.fate, each.told, each.mend] for each in found]))
"""
BEFORE = ["gcloud", "login", "application-default credentials", "python"]
ALL = [*BEFORE, "project", "billing", "permissions"]
READER = "reader@example.test"


@pytest.fixture
def checks(cloud: Cloud, tmp_path):
    """checks() is what they came to: name, fate, told and mend of each."""
    for module in ("google/cloud/aiplatform", "google/cloud/storage", "kfp"):  # there is no need to have them installed
        (tmp_path / module).mkdir(parents=True)
        (tmp_path / module / "__init__.py").write_text("raise ImportError('was imported')")

    def check(as_=OWNER, env=None, **settings):
        given = json.dumps({"project_id": PROJECT, **settings})
        paths = f"{CHECKOUT}:{tmp_path}"
        done = cloud.run(sys.executable, "-c", CALL, given, as_=as_, env={"PYTHONPATH": paths, **(env or {})})
        assert done.returncode == 0, done.stderr
        assert "ya29" not in done.stdout + done.stderr
        return json.loads(done.stdout)

    yield check
    assert cloud.writes() == []


def fates(found):
    return [(name, fate) for name, fate, _, _ in found]


def fine(names):
    return [(name, "ok") for name in names]


def test_for_the_owner_all_is_well_and_nothing_is_written(checks, cloud):
    before = cloud.state.picture()
    assert fates(checks()) == fine(ALL)
    assert cloud.state.picture() == before


def test_the_owner_of_a_bucket_that_is_there_has_what_it_takes(checks, cloud):
    bucket = Settings(project_id=PROJECT).bucket
    made = cloud.run("gcloud", "storage", "buckets", "create", f"gs://{bucket}", f"--project={PROJECT}", "--location=us-central1", "--uniform-bucket-level-access")  # fmt: skip
    assert made.returncode == 0, made.stderr
    cloud.requests.clear()
    assert fates(checks()) == fine(ALL)
    assert f"GET storage.googleapis.com/storage/v1/b/{bucket}/iam/testPermissions" in {
        each.line for each in cloud.requests
    }


def test_who_has_not_logged_in_is_told_both_logins_and_nothing_of_the_project(checks):
    found = checks(as_=None)
    assert fates(found) == [("gcloud", "ok"), ("login", "wrong"), (BEFORE[2], "wrong"), ("python", "ok")]
    assert found[1][3] == "gcloud auth login" and found[2][3] == "gcloud auth application-default login"


def test_a_login_that_was_revoked_is_told(checks, cloud):
    cloud.environment(OWNER)  # which makes the login
    cloud.state.tokens.clear()
    found = checks()
    assert fates(found)[1:3] == [("login", "wrong"), (BEFORE[2], "wrong")] and len(found) == 4
    assert OWNER in found[1][2]


def test_a_viewer_lacks_five_roles_and_an_admin_is_told_how_to_give_them(checks, cloud):
    cloud.state.grant(READER, "roles/viewer", f"projects/{PROJECT}")
    found = checks(as_=READER)
    assert fates(found) == [*fine(ALL[:-1]), *[("permissions", "wrong")] * 5]
    for _, _, _, mend in found[-5:]:
        done = cloud.run(*shlex.split(mend))
        assert done.returncode == 0, f"{mend}\n{done.stderr}"
    cloud.requests.clear()
    assert fates(checks(as_=READER)) == fine(ALL)


def test_a_project_of_another_name_is_told_alone(checks):
    found = checks(project_id="another-project")
    assert fates(found) == [*fine(BEFORE), ("project", "wrong")]
    assert "another-project" in found[-1][2] and found[-1][3] == "gcloud projects list"


def test_a_project_that_nobody_pays_for_is_told(checks, cloud):
    cloud.state.projects[PROJECT].billed = False
    found = checks()
    assert [each for each in fates(found) if each[1] != "ok"] == [("billing", "wrong")]
    assert "gcloud billing projects link" in found[-2][3]


def test_who_may_not_ask_about_billing_is_shown_where_to_look(checks, cloud):
    cloud.fault("GET cloudbilling", 403, times=FOREVER)
    found = checks()
    assert [each for each in fates(found) if each[1] != "ok"] == [("billing", "unknown")]
    assert f"billing/linkedaccount?project={PROJECT}" in found[-2][3]


def test_where_google_does_not_answer_about_permissions_they_are_unknown(checks, cloud):
    cloud.fault("testIamPermissions", DROP, times=FOREVER)
    assert [each for each in fates(checks()) if each[1] != "ok"] == [("permissions", "unknown")]


def test_where_logins_cannot_be_renewed_for_now_they_are_unknown(checks, cloud):
    cloud.fault("oauth2.googleapis.com/token", 503, times=FOREVER)
    found = checks()
    assert fates(found)[1:3] == [("login", "unknown"), (BEFORE[2], "unknown")]
    assert not [each for each in fates(found) if each[1] == "wrong"]


def test_the_token_is_in_the_words_and_the_logs_of_no_process(checks, cloud, tmp_path):
    real, heard = shutil.which("gcloud"), tmp_path / "heard"
    script = tmp_path / "bin/gcloud"
    script.parent.mkdir()
    script.write_text(f'#!/bin/sh\nprintf "%s " "$@" >>{heard}; env >>{heard}\nexec {real} "$@"\n')
    script.chmod(0o755)
    assert fates(checks(env={"PATH": f"{script.parent}:{cloud.environment()['PATH']}"})) == fine(ALL)
    (token,) = cloud.state.tokens
    assert "auth print-access-token" in heard.read_text() and token not in heard.read_text()
    logs = [each.read_text() for each in (cloud.scratch / "homes").rglob("logs/**/*.log")]
    assert not [each for each in logs if token in each]
