"""What has to be so before anything is made: answers to checks, and the asking with a gcloud that is a few lines long."""

import json
import os
import subprocess
import sys
import time

import pytest
from tools import environment

from AutoMLOps import preflight, rest, shell
from AutoMLOps.cloud import authority
from AutoMLOps.model import Problem
from AutoMLOps.nouns import replace
from AutoMLOps.preflight import Answers, Check, Fate, Held
from AutoMLOps.settings import Settings
from AutoMLOps.shell import Asked

WHO = "dev@example.test"
SETTINGS = Settings(project_id="demo-project")
WANTED = (preflight.USE, *authority(SETTINGS))
EVERYTHING = frozenset(permission for each in WANTED for permission in each.permissions)
TOKEN = "ya29.not-to-be-seen"


def info(version="528.0.0", account=WHO, **more):
    return Asked(
        code=0, said=json.dumps({"basic": {"version": version}, "config": {"account": account, "properties": more}})
    )


WELL = Answers(
    project="demo-project",
    wanted=WANTED,
    gcloud=info(),
    login=Asked(code=0),
    described=Asked(code=0, said='{"projectId": "demo-project", "lifecycleState": "ACTIVE"}'),
    billed=Asked(code=0, said="True\n"),
    held=Held(project=EVERYTHING),
    default=Asked(code=0),
    modules={"kfp": "2.17.0", "google-cloud-storage": ""},
)
ALL = ("gcloud", "login", "application-default credentials", "python", "project", "billing", "permissions")


def read(**changes):
    return tuple(preflight.read(replace(WELL, **changes)))


def wrong(found):
    return {each.name: each for each in found if each.fate is not Fate.OK}


def failing(complained, code=1):
    return Asked(code=code, complained=complained)


# the answers and what they come to


def test_where_all_is_well_each_check_says_so_and_nothing_is_to_be_mended():
    found = read()
    assert tuple(each.name for each in found) == ALL
    assert {each.fate for each in found} == {Fate.OK} and not any(each.mend for each in found)
    assert preflight.problems(found) == ()
    assert found[0].told == "gcloud 528.0.0" and found[3].told == "kfp 2.17.0, google-cloud-storage"


def test_what_only_submitting_takes_is_left_out_where_nothing_is_submitted():
    names = [each.name for each in read(default=None, modules=None)]
    assert names == ["gcloud", "login", "project", "billing", "permissions"]


REAUTH = "ERROR: (gcloud.auth.print-access-token) There was a problem refreshing your current auth tokens: ('invalid_grant: Token has been expired or revoked.')"
NO_NET = "ERROR: (gcloud.projects.describe) HTTPSConnectionPool(host='oauth2.googleapis.com', port=443): Max retries exceeded with url: /token (Caused by NameResolutionError('at 0x7f8'))"
DENIED = "ERROR: (gcloud.projects.describe) [dev@example.test] does not have permission to access projects instance [demo-project] (or it may not exist): The caller does not have permission"
OFF = "ERROR: (gcloud.billing.projects.describe) PERMISSION_DENIED: Cloud Billing API has not been used in project 1 before or it is disabled. reason: SERVICE_DISABLED"


@pytest.mark.parametrize(
    ("changes", "name", "fate", "told", "mend"),
    [
        ({"gcloud": info("438.0.0")}, "gcloud", Fate.WRONG, "too old: the scripts need 439.0.0 or later", "gcloud components update"),
        ({"gcloud": info("")}, "gcloud", Fate.UNKNOWN, "does not say which version", "gcloud version"),
        ({"gcloud": failing("gcloud did not answer", shell.LATE)}, "gcloud", Fate.UNKNOWN, "did not answer", "gcloud info"),
        ({"login": failing(NO_NET)}, "login", Fate.UNKNOWN, "login of dev@example.test could not be tried: HTTPSConnectionPool(host='oauth2.googleapis.com', port=443): Max retries exceeded with url: /token", ""),
        ({"default": failing("ERROR: (gcloud.x) Your default credentials were not found.")}, "application-default credentials", Fate.WRONG, "no login: Your default credentials were not found", "gcloud auth application-default login"),
        ({"default": failing(NO_NET)}, "application-default credentials", Fate.UNKNOWN, "have a login that could not be tried: HTTPSConnectionPool", ""),
        ({"default": failing("gone"), "default_file": "/keys/x.json"}, "application-default credentials", Fate.WRONG, "cannot log in by /keys/x.json, where GOOGLE_APPLICATION_CREDENTIALS leads them: gone", "unset GOOGLE_APPLICATION_CREDENTIALS; gcloud auth application-default login"),
        ({"modules": {"kfp": None, "google-cloud-aiplatform": "2.7", "google-cloud-storage": None}}, "python", Fate.WRONG, "no kfp, google-cloud-storage", "pip install kfp google-cloud-storage"),
        ({"described": failing(DENIED)}, "project", Fate.WRONG, "there is no project demo-project, or dev@example.test may not see it", "gcloud projects list"),
        ({"described": failing(NO_NET)}, "project", Fate.UNKNOWN, "could not be looked at: HTTPSConnectionPool", ""),
        ({"described": failing(OFF)}, "project", Fate.UNKNOWN, "has not been used", ""),
        ({"described": Asked(code=0, said='{"lifecycleState": "DELETE_REQUESTED"}')}, "project", Fate.WRONG, "not active but DELETE_REQUESTED", "gcloud projects undelete demo-project"),
        ({"billed": Asked(code=0, said="False\n")}, "billing", Fate.WRONG, "has no billing account", "gcloud billing projects link demo-project --billing-account=ID"),
        ({"billed": failing(DENIED)}, "billing", Fate.UNKNOWN, "could not be asked", "console.cloud.google.com/billing/linkedaccount?project=demo-project"),
        ({"held": Held(fault="503 try later")}, "permissions", Fate.UNKNOWN, "could not be asked: 503 try later", ""),
        ({"held": Held(project=EVERYTHING - {"iam.serviceAccounts.create"})}, "permissions", Fate.WRONG, "dev@example.test may not iam.serviceAccounts.create, which makes the service accounts", "gcloud projects add-iam-policy-binding demo-project --member=user:dev@example.test --role=roles/iam.serviceAccountAdmin"),
        ({"held": Held(project=EVERYTHING - {"serviceusage.services.use"})}, "permissions", Fate.WRONG, "serviceusage.services.use", "--role=roles/serviceusage.serviceUsageConsumer"),
    ],
)  # fmt: skip
def test_one_thing_that_is_wrong_alone_is_told_with_its_mend(changes, name, fate, told, mend):
    found = wrong(read(**changes))
    assert list(found) == [name] and found[name].fate is fate
    assert told in found[name].told and mend in found[name].mend and bool(mend) == bool(found[name].mend)
    assert "0x7f8" not in found[name].told
    assert bool(preflight.problems(found.values())) == (fate is Fate.WRONG)


def test_without_gcloud_only_what_needs_none_is_told():
    found = read(gcloud=failing("gcloud is not installed, or not on PATH", shell.MISSING), login=failing("", 127))
    assert [each.name for each in found] == ["gcloud", "python"]
    assert found[0] == Check(
        name="gcloud",
        fate=Fate.WRONG,
        told="gcloud is not installed, or not on PATH",
        mend="install it: https://cloud.google.com/sdk/docs/install",
    )


def test_the_oldest_gcloud_that_will_do_is_old_enough():
    assert read(gcloud=info("439.0.0"))[0] == Check(name="gcloud", fate=Fate.OK, told="gcloud 439.0.0")


def test_a_gcloud_that_was_slow_to_say_its_version_is_still_heard_on_the_rest():
    assert tuple(each.name for each in read(gcloud=failing("gcloud did not answer", shell.LATE))) == ALL


def test_a_gcloud_that_does_not_run_is_told_with_what_it_said():
    found = read(gcloud=failing("bash: python3: command not found\n"), modules=None)
    assert [each.told for each in found] == ["gcloud does not run: bash: python3: command not found"]


@pytest.mark.parametrize(
    ("account", "complained", "told"),
    [
        (None, "ERROR: (gcloud.auth.print-access-token) You do not currently have an active account selected.\nPlease run:", "nobody is logged in to gcloud: You do not currently have an active account selected"),
        (WHO, REAUTH, "the login of dev@example.test cannot be used: There was a problem refreshing"),
    ],
)  # fmt: skip
def test_where_nobody_is_logged_in_the_project_is_not_asked_about(account, complained, told):
    found = read(gcloud=info(account=account), login=failing(complained))
    assert tuple(each.name for each in found) == ALL[:4]
    assert found[1].fate is Fate.WRONG and found[1].told.startswith(told) and found[1].mend == "gcloud auth login"


def test_a_project_that_is_not_there_is_told_alone_not_with_what_follows_from_it():
    found = read(described=failing(DENIED), billed=failing(DENIED), held=Held(fault="403"))
    assert [each.name for each in found if each.fate is not Fate.OK] == ["project"]


def test_several_faults_are_told_together_and_become_problems_in_order():
    found = read(
        gcloud=info("400.0.0"),
        modules={"kfp": None},
        billed=Asked(code=0, said="False"),
        held=Held(project=frozenset()),
    )
    told = preflight.problems(found)
    assert [each.name for each in found if each.fate is Fate.WRONG] == [
        "gcloud",
        "python",
        "billing",
        *["permissions"] * 5,
    ]
    assert len(told) == 8 and told[1] == Problem(message=found[3].told, hint="pip install kfp")


def test_the_role_that_switches_on_apis_is_not_asked_for_beside_the_one_that_uses_them():
    found = wrong(read(held=Held(project=EVERYTHING - {"serviceusage.services.use", "serviceusage.services.enable"})))
    assert "roles/serviceusage.serviceUsageAdmin" in found["permissions"].mend and len(found) == 1


def test_what_the_one_thing_may_grant_too_is_no_fault_when_the_project_does_not():
    settings = Settings(project_id="demo-project", run_local=False)
    wanted = (preflight.USE, *authority(settings))
    every = frozenset(permission for each in wanted for permission in each.permissions)
    found = wrong(read(wanted=wanted, held=Held(project=every - {"iam.serviceAccounts.actAs"})))
    assert found["permissions"].fate is Fate.UNKNOWN and "in all of demo-project" in found["permissions"].told
    assert wrong(read(wanted=wanted, held=Held(project=every))) == {}


BUCKET = next(each for each in WANTED if each.on == "bucket")
BASIC = EVERYTHING - {each for each in EVERYTHING if preflight._is_of_buckets(each)}  # as an owner has it


@pytest.mark.parametrize(
    ("held", "missing"),
    [
        (Held(project=BASIC), ()),
        (Held(project=BASIC, bucket=EVERYTHING), ()),
        (Held(project=BASIC, bucket=frozenset(BUCKET.permissions) - {"storage.objects.get"}), ("storage.objects.get",)),
        (Held(project=frozenset(BUCKET.permissions)), ()),
        (Held(project=frozenset()), BUCKET.permissions),
        (Held(project=BASIC - {"storage.buckets.create"}, bucket=EVERYTHING - {"storage.buckets.create"}), ("storage.buckets.create",)),
    ],
    ids=["owner before", "owner after", "bucket that refuses", "storage.admin", "nothing", "cannot make one"],
)  # fmt: skip
def test_what_is_in_buckets_is_granted_by_the_bucket_or_to_who_owns_the_project(held, missing):
    assert preflight.lacks(BUCKET, held) == missing


@pytest.mark.parametrize(
    ("account", "member"),
    [
        (WHO, "user:dev@example.test"),
        ("ci@demo-project.iam.gserviceaccount.com", "serviceAccount:ci@demo-project.iam.gserviceaccount.com"),
        ("principal://iam.googleapis.com/x/subject/y", "principal://iam.googleapis.com/x/subject/y"),
        (None, "user:YOU"),
    ],
)
def test_the_mend_names_the_member_as_policies_do(account, member):
    found = wrong(read(gcloud=info(account=account), held=Held(project=frozenset())))
    assert f" --member={member} --role=" in found["permissions"].mend


def test_a_key_is_remarked_on_and_no_fault():
    found = {each.name: each for each in read(key=True, default_key=True)}
    assert {each.fate for each in found.values()} == {Fate.OK}
    assert "none is needed" in found["login"].told and "Workload Identity Federation" in found["login"].told
    assert "--impersonate-service-account" in found["application-default credentials"].told


def test_who_impersonates_is_told_as_whom_it_acts_and_that_is_who_lacks():
    robot = "robot@demo-project.iam.gserviceaccount.com"
    asked = info(auth={"impersonate_service_account": {"value": f"first@demo-project.iam.gserviceaccount.com,{robot}"}})
    found = read(gcloud=asked, held=Held(project=frozenset()))
    assert found[1].told == f"gcloud acts as {robot}, impersonated by {WHO}"
    assert f"--member=serviceAccount:{robot}" in wrong(found)["permissions"].mend
    refused = read(gcloud=asked, login=failing(f"ERROR: (gcloud) PERMISSION_DENIED: Failed to impersonate [{robot}]."))
    assert f"{robot} --member=user:{WHO} --role=roles/iam.serviceAccountTokenCreator" in refused[1].mend


def test_an_answer_that_is_no_json_is_no_login_and_no_version():
    found = read(gcloud=Asked(code=0, said="[1]"), described=Asked(code=0, said="<html>"))
    assert found[0].fate is Fate.UNKNOWN and found[1].told == "gcloud acts as its login says"
    assert wrong(found)["project"].told == "project demo-project is not active but in no state that Google names"


# permissions as Google is asked about them


def asked_of(*answers):
    """A Google that gives these answers in order; and what it was asked."""
    left, heard = list(answers), []

    def google(where, body=None):
        heard.append((where, body))
        return left.pop(0)

    return google, heard


NAMES = ["iam.serviceAccounts.create", "storage.buckets.create", "storage.objects.get"]


def test_the_bucket_is_asked_only_about_what_the_project_does_not_grant():
    google, heard = asked_of((200, {"permissions": NAMES}))
    assert preflight._held(google, "p", "b", NAMES) == Held(project=frozenset(NAMES))
    assert heard == [
        ("https://cloudresourcemanager.googleapis.com/v1/projects/p:testIamPermissions", {"permissions": NAMES})
    ]


@pytest.mark.parametrize(
    ("answer", "held"),
    [
        ((404, {}), Held(project=frozenset(NAMES[:2]))),
        ((403, {}), Held(project=frozenset(NAMES[:2]), bucket=frozenset())),
        ((200, {"permissions": NAMES[2:]}), Held(project=frozenset(NAMES[:2]), bucket=frozenset(NAMES[2:]))),
        ((503, {"error": {"message": "later"}}), Held(project=frozenset(NAMES[:2]), bucket=frozenset(), fault="503 later")),
    ],
)  # fmt: skip
def test_a_bucket_may_be_missing_closed_open_or_silent(answer, held):
    google, heard = asked_of((200, {"permissions": NAMES[:2]}), answer)
    assert preflight._held(google, "p", "b", NAMES) == held
    assert heard[1] == (
        "https://storage.googleapis.com/storage/v1/b/b/iam/testPermissions?permissions=storage.objects.get",
        None,
    )


@pytest.mark.parametrize(
    ("answer", "fault"),
    [((0, {"reason": "timed out"}), "timed out"), ((403, {"error": {"message": "no"}}), "403 no"), ((500, {}), "500")],
)
def test_a_project_that_does_not_answer_is_a_reason(answer, fault):
    assert preflight._held(asked_of(answer)[0], "p", "b", NAMES) == Held(fault=fault)


# the asking


GCLOUD = """#!/bin/sh
printf '%s\\n' "$*" >>"$HEARD"; env >>"$HEARD.env"
case "$*" in
  info*) echo '{"basic": {"version": "528.0.0"}, "config": {"account": "dev@example.test", "paths": {"global_config_dir": "'"$CONFIG"'"}}}' ;;
  'auth print-access-token') echo "$TOKEN" ;;
  'auth application-default print-access-token') echo "$TOKEN" ;;
  'projects describe'*) echo '{"lifecycleState": "ACTIVE"}' ;;
  'billing projects describe'*) echo True ;;
  *) exit 9 ;;
esac
"""


@pytest.fixture
def gcloud(tmp_path, monkeypatch):
    """A gcloud of a few lines on PATH, and a Google that permits everything; the words that it was called with."""
    (tmp_path / "bin").mkdir()
    script = tmp_path / "bin/gcloud"
    script.write_text(GCLOUD.replace("$TOKEN", TOKEN).replace("$CONFIG", str(tmp_path)))
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{script.parent}:/usr/bin:/bin")
    monkeypatch.setenv("HEARD", str(tmp_path / "heard"))
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    monkeypatch.setattr(rest.Google, "__call__", lambda self, where, body=None: (200, body or {}))
    monkeypatch.setattr(preflight, "MODULES", {"json": "kfp"})
    return tmp_path


def test_gcloud_is_asked_few_questions_and_the_token_is_in_none_of_them(gcloud):
    found = preflight.checks(SETTINGS, submits=True)
    assert {each.name: each.fate for each in found} == dict.fromkeys(ALL, Fate.OK)
    heard = sorted((gcloud / "heard").read_text().splitlines())
    assert [line.split(" --")[0] for line in heard] == [
        "auth application-default print-access-token",
        "auth print-access-token",
        "billing projects describe demo-project",
        "info",
        "projects describe demo-project",
    ]
    assert TOKEN not in repr(found) + "".join(heard) + (gcloud / "heard.env").read_text()
    assert "CLOUDSDK_CORE_DISABLE_FILE_LOGGING=1" in (gcloud / "heard.env").read_text()


def test_no_token_is_among_the_answers(gcloud):
    answers = preflight._answers("demo-project", "bucket", WANTED, submits=True)
    assert answers.default == answers.login == Asked(code=0, said="", complained="")


def test_the_clients_login_is_asked_about_only_by_who_submits(gcloud):
    names = [each.name for each in preflight.checks(SETTINGS, submits=False)]
    assert names == ["gcloud", "login", "project", "billing", "permissions"]
    assert "application-default" not in (gcloud / "heard").read_text()


def test_a_token_that_is_none_asks_nothing_and_shows_nowhere(gcloud, monkeypatch):
    script = gcloud / "bin/gcloud"
    script.write_text(script.read_text().replace(f"echo {chr(34)}{TOKEN}", f"echo {chr(34)}a line\n{TOKEN}"))
    monkeypatch.setattr(rest.Google, "__call__", lambda *_: pytest.fail("Google was asked"))
    found = preflight.checks(SETTINGS, submits=False)
    assert found[-1].fate is Fate.UNKNOWN and "gcloud gave no token" in found[-1].told and TOKEN not in repr(found)


def test_without_gcloud_on_path_it_says_so(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    found = preflight.checks(SETTINGS, submits=False)
    assert [(each.name, each.fate) for each in found] == [("gcloud", Fate.WRONG)]


def test_keys_are_known_by_their_type_and_nothing_of_them_is_told(gcloud, monkeypatch):
    key = json.dumps({"type": "service_account", "private_key": "PRIVATE-WORDS", "client_email": "x@y"})
    (gcloud / "key.json").write_text(key)
    own = gcloud / "legacy_credentials/dev@example.test/adc.json"
    own.parent.mkdir(parents=True)
    own.write_text(key)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(gcloud / "key.json"))
    found = {each.name: each for each in preflight.checks(SETTINGS, submits=True)}
    assert {each.fate for each in found.values()} == {Fate.OK} and "PRIVATE-WORDS" not in repr(found)
    assert "by a key" in found["login"].told and "the key of" in found["application-default credentials"].told


@pytest.mark.parametrize("text", ['{"type": "authorized_user"}', "[]", "no json", "\xff"])
def test_any_other_file_is_no_key(tmp_path, text):
    (tmp_path / "login.json").write_text(text, encoding="latin-1")
    assert not preflight._is_key(str(tmp_path / "login.json"))
    assert not preflight._is_key(str(tmp_path / "missing")) and not preflight._is_key("")


FOUND = """
import sys
from AutoMLOps import preflight
preflight.MODULES = {"pip": "pip", "colorsys": "no-such-package", "nowhere.at.all": "a", "json.scanner.deep": "b"}
found = preflight._versions()
print(bool(found.pop("pip")), found, {"pip", "colorsys"} & set(sys.modules))
"""


def test_packages_are_found_without_being_imported():
    ended = subprocess.run([sys.executable, "-c", FOUND], capture_output=True, text=True, env=environment(), timeout=60)
    assert ended.stdout.strip() == "True {'no-such-package': '', 'a': None, 'b': None} set()", ended.stderr


def test_settings_without_a_project_have_nothing_to_look_at():
    with pytest.raises(ValueError, match="no project"):
        preflight.checks(Settings(), submits=False)


# shell.ask, by which it asks


def python(code):
    return [sys.executable, "-c", code]


def test_an_answer_keeps_its_two_streams_apart_and_its_picture_leaves_out_what_was_said():
    asked = shell.ask(python("import sys; print('one'); print('two', file=sys.stderr); sys.exit(3)"))
    assert asked == Asked(code=3, said="one\n", complained="two\n")
    assert repr(asked) == r"Asked(code=3, complained='two\n')"


def test_what_is_unread_is_thrown_away():
    assert shell.ask(python("print('secret')"), unread=True) == Asked(code=0)


def test_nobody_answers_its_questions_and_variables_are_added():
    asked = shell.ask(
        python("import os, sys; print(repr(sys.stdin.read()), os.environ['WORD'])"), environment={"WORD": "x"}
    )
    assert asked.said == "'' x\n"


def test_a_command_that_is_not_there_is_an_answer(tmp_path):
    asked = shell.ask(["no-such-command"])
    assert asked == Asked(code=127, complained="no-such-command is not installed, or not on PATH")
    (tmp_path / "closed").write_text("")
    assert shell.ask([str(tmp_path / "closed")]).code == shell.MISSING


def test_one_that_takes_too_long_is_killed_with_its_children(tmp_path):
    mark = tmp_path / "pid"
    asked = shell.ask(["sh", "-c", f"sleep 600 & echo $! >{mark}; wait"], timeout=1)
    assert asked == Asked(code=shell.LATE, complained="sh did not answer within 1 seconds")
    with pytest.raises(ProcessLookupError):  # a child that nobody has waited for yet is a zombie for a moment
        for _ in range(200):
            _alive(int(mark.read_text()))
            time.sleep(0.05)


def _alive(number):
    os.kill(number, 0)
    with open(f"/proc/{number}/stat") as stat:
        if stat.read().rpartition(")")[2].split()[0] == "Z":
            raise ProcessLookupError


def test_it_leads_a_session_of_its_own_so_that_ctrl_c_passes_it_by():
    assert shell.ask(python("import os; print(os.getsid(0) == os.getpid())")).said == "True\n"
