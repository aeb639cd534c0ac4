"""The stand-in cloud behaves as Google's does, as far as our commands can tell: held against its own requests and real gcloud."""

import json
import re
import signal
import subprocess
import sys
import textwrap
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from cloud import standin as parts
from cloud.faults import DROP, FOREVER, HANG
from cloud.objects import crc32c
from cloud.refusals import Refusal, Unknown
from cloud.roles import KNOWN, ROLES
from cloud.routes import ROUTES, answer
from cloud.standin import OWNER, PROJECT, Cloud, standin
from cloud.web import JSON, Request
from cloud.world import World
from tools import need

pytest_plugins = ["cloud.fixture"]

P = f"projects/{PROJECT}"
RUNNER = f"runner@{PROJECT}.iam.gserviceaccount.com"
DEV = "dev@example.test"
CRM, IAM, AR, STORAGE, SERVICES = (
    f"{name}.googleapis.com" for name in ("cloudresourcemanager", "iam", "artifactregistry", "storage", "serviceusage")
)
REPOSITORY = f"{P}/locations/us-central1/repositories/images"


@pytest.fixture
def world() -> World:
    made = World()
    made.project(PROJECT, "123456789012")
    made.enable("iam", "artifactregistry", project=PROJECT)
    made.grant(OWNER, "roles/owner", on=P)
    return made


def ask(
    world: World, line: str, body: JSON | bytes | None = None, who: str = OWNER, **headers: str
) -> tuple[int, JSON]:
    """What is answered to a principal: the status, and the body."""
    world.tokens[f"token of {who}"] = who
    method, _, url = line.partition(" ")
    parted = urlsplit(f"https://{url}")
    query: dict[str, list[str]] = {}
    for pair in filter(None, parted.query.split("&")):
        query.setdefault(pair.partition("=")[0], []).append(pair.partition("=")[2])
    content = body if isinstance(body, bytes) else json.dumps(body).encode() if body is not None else b""
    request = Request(
        method, parted.netloc, parted.path, query, {"authorization": f"Bearer token of {who}", **headers}, content
    )
    try:
        given = answer(world, request)
    except Refusal as refusal:
        given = refusal.answer(request.host)
    return given.status, given.body if isinstance(given.body, dict) else {"content": given.content}


def account(world: World, short: str = "runner", who: str = OWNER) -> tuple[int, JSON]:
    return ask(world, f"POST {IAM}/v1/{P}/serviceAccounts", {"accountId": short}, who)


def bucket(world: World, name: str = "pipeline-data", **more: JSON) -> tuple[int, JSON]:
    return ask(
        world, f"POST {STORAGE}/storage/v1/b?project={PROJECT}", {"name": name, "location": "us-central1", **more}
    )


def put(world: World, name: str, content: bytes, who: str = OWNER, into: str = "pipeline-data") -> tuple[int, JSON]:
    return ask(world, f"POST {STORAGE}/upload/storage/v1/b/{into}/o?uploadType=media&name={name}", content, who)


def bind(world: World, member: str, role: str, **more: str) -> tuple[int, JSON]:
    """As gcloud does it: reads the policy, and writes it with one binding more."""
    _, policy = ask(world, f"POST {CRM}/v1/{P}:getIamPolicy", {})
    policy["bindings"] = [*policy.get("bindings", []), {"role": role, "members": [member]}]
    return ask(world, f"POST {CRM}/v1/{P}:setIamPolicy", {"policy": {**policy, **more}})


# who may


WRITES = [
    ("iam.serviceAccounts.create", f"POST {IAM}/v1/{P}/serviceAccounts", {"accountId": "fresh-one"}, IAM),
    (
        "artifactregistry.repositories.create",
        f"POST {AR}/v1/{P}/locations/us-central1/repositories?repositoryId=images",
        {},
        AR,
    ),
    ("resourcemanager.projects.setIamPolicy", f"POST {CRM}/v1/{P}:setIamPolicy", {"policy": {}}, CRM),
    ("serviceusage.services.enable", f"POST {SERVICES}/v1/{P}/services/run.googleapis.com:enable", {}, SERVICES),
    ("iam.roles.create", f"POST {IAM}/v1/{P}/roles", {"roleId": "starter"}, IAM),
]


@pytest.mark.parametrize("permission, line, body, service", WRITES, ids=[each[0] for each in WRITES])
def test_a_caller_without_the_permission_is_told_which_it_is(world, permission, line, body, service):
    status, said = ask(world, line, body, DEV)
    assert (status, said["error"]["status"]) == (403, "PERMISSION_DENIED")
    assert f"Permission '{permission}' denied" in said["error"]["message"]
    assert said["error"]["details"][0]["reason"] == "IAM_PERMISSION_DENIED"
    assert said["error"]["details"][0]["metadata"]["permission"] == permission


@pytest.mark.parametrize("permission, line, body, service", WRITES, ids=[each[0] for each in WRITES])
def test_that_one_permission_is_enough(world, permission, line, body, service):
    ask(world, f"POST {IAM}/v1/{P}/roles", {"roleId": "just", "role": {"includedPermissions": [permission]}})
    world.grant(DEV, f"{P}/roles/just", on=P)
    assert ask(world, line, body, DEV)[0] == 200
    world.revoke(DEV, f"{P}/roles/just", on=P) if permission != "resourcemanager.projects.setIamPolicy" else None
    assert ask(world, line, body, DEV)[0] == 403


def test_a_role_on_one_resource_says_nothing_about_its_neighbour(world):
    for name in ("images", "others"):
        ask(world, f"POST {AR}/v1/{P}/locations/us-central1/repositories?repositoryId={name}", {})
    world.grant(DEV, "roles/artifactregistry.reader", on=REPOSITORY)
    assert ask(world, f"GET {AR}/v1/{REPOSITORY}", who=DEV)[0] == 200
    assert ask(world, f"GET {AR}/v1/{REPOSITORY.replace('images', 'others')}", who=DEV)[0] == 403
    assert ask(world, f"DELETE {AR}/v1/{REPOSITORY}", who=DEV)[0] == 403


def test_an_editor_makes_accounts_and_gives_nobody_a_role(world):
    world.grant(DEV, "roles/editor", on=P)
    assert account(world, who=DEV)[0] == 200
    assert ask(world, f"POST {CRM}/v1/{P}:setIamPolicy", {"policy": {}}, DEV)[0] == 403
    assert ask(world, f"POST {IAM}/v1/{P}/serviceAccounts/{RUNNER}:setIamPolicy", {"policy": {}}, DEV)[0] == 403


def test_what_one_may_is_answered_as_it_is_enforced(world):
    asked = ["iam.serviceAccounts.create", "iam.serviceAccounts.actAs", "storage.buckets.create"]
    world.grant(DEV, "roles/iam.serviceAccountUser", on=P)
    assert ask(world, f"POST {CRM}/v1/{P}:testIamPermissions", {"permissions": asked}, DEV) == (
        200,
        {"permissions": [asked[1]]},
    )
    assert ask(world, f"POST {CRM}/v1/{P}:testIamPermissions", {"permissions": asked})[1]["permissions"] == asked


def test_a_misspelt_permission_is_not_known(world):
    with pytest.raises(Unknown, match="iam.serviceAccount.create"):
        ask(world, f"POST {CRM}/v1/{P}:testIamPermissions", {"permissions": ["iam.serviceAccount.create"]})


def test_a_project_that_does_not_exist_looks_like_one_that_is_not_ours(world):
    assert ask(world, f"GET {CRM}/v1/projects/nobodys")[0] == 403


def test_a_stranger_is_told_to_log_in(world):
    request = Request("GET", CRM, f"/v1/{P}", {}, {"authorization": "Bearer stolen"}, b"")
    with pytest.raises(Refusal) as refusal:
        answer(world, request)
    assert refusal.value.status == 401


def test_requests_are_counted_against_no_project_that_does_not_allow_it(world):
    world.grant(DEV, "roles/resourcemanager.projectIamAdmin", on=P)
    line = f"GET {CRM}/v1/{P}"
    assert ask(world, line, who=DEV)[0] == 200
    status, said = ask(world, line, None, DEV, **{"x-goog-user-project": PROJECT})
    assert (status, said["error"]["details"][0]["reason"]) == (403, "USER_PROJECT_DENIED")


def test_an_api_that_is_off_answers_nothing_and_says_where_to_turn_it_on(world):
    world.projects[PROJECT].services.discard(AR)
    status, said = ask(world, f"GET {AR}/v1/{P}/locations/us-central1/repositories")
    assert (status, said["error"]["details"][1]["reason"]) == (403, "SERVICE_DISABLED")
    assert said["error"]["details"][1]["metadata"] == {"service": AR, "consumer": "projects/123456789012"}
    ask(world, f"POST {SERVICES}/v1/{P}/services:batchEnable", {"serviceIds": [AR]})
    assert ask(world, f"GET {AR}/v1/{P}/locations/us-central1/repositories")[0] == 200


def test_twenty_apis_are_turned_on_in_one_call_and_no_more(world):
    many = [f"service{number}.googleapis.com" for number in range(21)]
    assert ask(world, f"POST {SERVICES}/v1/{P}/services:batchEnable", {"serviceIds": many})[0] == 400
    assert ask(world, f"POST {SERVICES}/v1/{P}/services:batchEnable", {"serviceIds": many[:20]})[0] == 200


def test_nothing_is_turned_on_without_a_billing_account(world):
    world.projects[PROJECT].billed = False
    status, said = ask(world, f"POST {SERVICES}/v1/{P}/services/run.googleapis.com:enable", {})
    assert (status, said["error"]["status"]) == (400, "FAILED_PRECONDITION")


def test_a_project_of_a_domain_is_a_project(world):
    world.project("example.com:old", number="42").services.add(IAM)
    world.grant(OWNER, "roles/owner", on="projects/example.com:old")
    old = "runner@old.example.com.iam.gserviceaccount.com"
    assert ask(world, f"GET {CRM}/v1/projects/example.com:old")[1]["projectNumber"] == "42"
    assert ask(world, f"POST {CRM}/v1/projects/example.com:old:getIamPolicy", {})[0] == 200
    assert (
        ask(world, f"POST {IAM}/v1/projects/example.com:old/serviceAccounts", {"accountId": "runner"})[1]["email"]
        == old
    )
    assert ask(world, f"GET {IAM}/v1/projects/-/serviceAccounts/{old}")[1]["projectId"] == "example.com:old"


# policies


def test_a_policy_written_with_an_etag_of_before_is_refused(world):
    _, read = ask(world, f"POST {CRM}/v1/{P}:getIamPolicy", {})
    assert bind(world, "user:a@example.test", "roles/viewer")[0] == 200
    status, said = ask(world, f"POST {CRM}/v1/{P}:setIamPolicy", {"policy": read})
    assert (status, said["error"]["status"]) == (409, "ABORTED")
    assert world.bindings(P)["roles/viewer"] == ("user:a@example.test",)


def test_a_bucket_says_of_a_stale_etag_that_a_condition_does_not_hold(world):
    bucket(world)
    _, read = ask(world, f"GET {STORAGE}/storage/v1/b/pipeline-data/iam")
    ask(world, f"PUT {STORAGE}/storage/v1/b/pipeline-data/iam", read)
    assert ask(world, f"PUT {STORAGE}/storage/v1/b/pipeline-data/iam", read)[0] == 412


def test_a_member_that_does_not_exist_gets_no_role(world):
    status, said = bind(world, f"serviceAccount:{RUNNER}", "roles/aiplatform.user")
    assert (status, said["error"]["message"]) == (400, f"Service account {RUNNER} does not exist.")


def test_an_agent_of_googles_is_a_member(world):
    agent = "serviceAccount:service-123456789012@gcp-sa-pubsub.iam.gserviceaccount.com"
    assert bind(world, agent, "roles/pubsub.publisher")[0] == 200


def test_a_role_that_is_not_in_the_table_is_not_known(world):
    with pytest.raises(Unknown, match="roles/pubsub.admiral"):
        bind(world, "user:a@example.test", "roles/pubsub.admiral")


def test_a_condition_is_not_known_rather_than_passed_over(world):
    policy = {"bindings": [{"role": "roles/viewer", "members": [], "condition": {"expression": "false"}}]}
    with pytest.raises(Unknown, match="conditions"):
        ask(world, f"POST {CRM}/v1/{P}:setIamPolicy", {"policy": policy})


def test_an_etag_is_the_same_in_either_alphabet_of_base64(world):
    bind(world, "user:a@example.test", "roles/viewer")
    _, read = ask(world, f"POST {CRM}/v1/{P}:getIamPolicy", {})
    assert read["etag"].startswith("+/")
    read["etag"] = read["etag"].replace("+", "-").replace("/", "_")
    assert ask(world, f"POST {CRM}/v1/{P}:setIamPolicy", {"policy": read})[0] == 200


# what is late, and what comes back


def test_a_new_account_is_seen_late_by_readers_and_by_policies(world):
    world.late = 2
    assert account(world)[0] == 200
    assert ask(world, f"GET {IAM}/v1/projects/-/serviceAccounts/{RUNNER}")[0] == 404
    assert bind(world, f"serviceAccount:{RUNNER}", "roles/viewer")[0] == 400
    assert ask(world, f"GET {IAM}/v1/projects/-/serviceAccounts/{RUNNER}")[0] == 200
    assert bind(world, f"serviceAccount:{RUNNER}", "roles/viewer")[0] == 200


def test_a_deleted_account_leaves_a_ghost_in_the_policies_and_its_namesake_inherits_nothing(world):
    _, first = account(world)
    bind(world, f"serviceAccount:{RUNNER}", "roles/viewer")
    assert ask(world, f"DELETE {IAM}/v1/projects/-/serviceAccounts/{RUNNER}")[0] == 200
    ghost = f"deleted:serviceAccount:{RUNNER}?uid={first['uniqueId']}"
    assert world.bindings(P)["roles/viewer"] == (ghost,)
    _, second = account(world)
    assert second["uniqueId"] != first["uniqueId"]
    assert ask(world, f"GET {CRM}/v1/{P}", who=RUNNER)[0] == 403
    assert bind(world, "user:a@example.test", "roles/browser")[0] == 200, (
        "a ghost that stands in a policy may be written back"
    )


def test_an_account_comes_back_by_its_number_with_the_roles_that_it_had(world):
    _, made = account(world)
    bind(world, f"serviceAccount:{RUNNER}", "roles/viewer")
    ask(world, f"DELETE {IAM}/v1/{P}/serviceAccounts/{RUNNER}")
    line = f"POST {IAM}/v1/projects/-/serviceAccounts/{made['uniqueId']}:undelete"
    assert ask(world, line, {}, DEV)[0] == 403
    status, said = ask(world, line, {})
    assert (status, said["restoredAccount"]["email"]) == (200, RUNNER)
    assert world.bindings(P)["roles/viewer"] == (f"serviceAccount:{RUNNER}",)
    assert ask(world, f"GET {CRM}/v1/{P}", who=RUNNER)[0] == 200


def test_an_account_does_not_come_back_where_a_namesake_is(world):
    _, made = account(world)
    ask(world, f"DELETE {IAM}/v1/{P}/serviceAccounts/{RUNNER}")
    account(world)
    assert ask(world, f"POST {IAM}/v1/projects/-/serviceAccounts/{made['uniqueId']}:undelete", {})[0] == 400


def test_a_deleted_role_permits_nothing_and_bars_its_name_until_it_is_undeleted(world):
    role = f"{P}/roles/starter"
    made = {"roleId": "starter", "role": {"includedPermissions": ["iam.serviceAccounts.list"], "stage": "GA"}}
    line = f"GET {IAM}/v1/{P}/serviceAccounts"
    ask(world, f"POST {IAM}/v1/{P}/roles", made)
    world.grant(DEV, role, on=P)
    assert ask(world, line, who=DEV)[0] == 200
    ask(world, f"DELETE {IAM}/v1/{role}")
    assert ask(world, line, who=DEV)[0] == 403
    assert ask(world, f"POST {IAM}/v1/{P}/roles", made)[1]["error"]["status"] == "FAILED_PRECONDITION"
    assert ask(world, f"POST {IAM}/v1/{role}:undelete", {})[0] == 200
    assert ask(world, line, who=DEV)[0] == 200


def test_two_writers_of_a_role_are_told_of_each_other(world):
    ask(world, f"POST {IAM}/v1/{P}/roles", {"roleId": "starter", "role": {}})
    _, read = ask(world, f"GET {IAM}/v1/{P}/roles/starter")
    ask(world, f"PATCH {IAM}/v1/{P}/roles/starter", {**read, "title": "One"})
    assert ask(world, f"PATCH {IAM}/v1/{P}/roles/starter", {**read, "title": "Two"})[0] == 409
    assert world.resources[f"{P}/roles/starter"]["title"] == "One"


# buckets


def test_a_bucket_of_someone_else_is_told_apart_from_our_own(world):
    world.project("elsewhere")
    world.grant("other@example.test", "roles/owner", on="projects/elsewhere")
    ask(world, f"POST {STORAGE}/storage/v1/b?project=elsewhere", {"name": "taken"}, "other@example.test")
    bucket(world, "ours")
    assert "you already own it" in bucket(world, "ours")[1]["error"]["message"]
    assert "not available" in bucket(world, "taken")[1]["error"]["message"]
    assert ask(world, f"GET {STORAGE}/storage/v1/b/taken")[0] == 403
    assert ask(world, f"GET {STORAGE}/storage/v1/b/nowhere")[0] == 404


def test_no_bucket_with_public_access_prevention_is_opened_to_all(world):
    bucket(world, iamConfiguration={"publicAccessPrevention": "enforced"})
    _, policy = ask(world, f"GET {STORAGE}/storage/v1/b/pipeline-data/iam")
    policy["bindings"].append({"role": "roles/storage.objectViewer", "members": ["allUsers"]})
    assert ask(world, f"PUT {STORAGE}/storage/v1/b/pipeline-data/iam", policy)[0] == 412


def test_an_owner_reads_objects_by_the_buckets_own_policy(world):
    bucket(world)
    assert put(world, "a", b"1")[0] == 200
    for role in ("roles/storage.legacyBucketOwner", "roles/storage.legacyObjectOwner"):
        world.revoke(f"projectOwner:{PROJECT}", role, on="buckets/pipeline-data")
    assert ask(world, f"GET {STORAGE}/storage/v1/b/pipeline-data/o/a")[0] == 403


def test_who_may_only_create_objects_overwrites_none(world):
    bucket(world)
    world.grant(DEV, "roles/storage.objectCreator", on="buckets/pipeline-data")
    assert put(world, "a", b"1", DEV)[0] == 200
    status, said = put(world, "a", b"2", DEV)
    assert (status, "storage.objects.delete" in said["error"]["message"]) == (403, True)
    assert world.content["buckets/pipeline-data/objects/a"] == b"1"


def test_who_may_not_list_is_not_told_that_an_object_is_missing(world):
    bucket(world)
    world.grant(DEV, "roles/storage.legacyObjectReader", on="buckets/pipeline-data")
    assert ask(world, f"GET {STORAGE}/storage/v1/b/pipeline-data/o/a", who=DEV)[0] == 403
    world.grant(DEV, "roles/storage.objectViewer", on="buckets/pipeline-data")
    assert ask(world, f"GET {STORAGE}/storage/v1/b/pipeline-data/o/a", who=DEV)[0] == 404


def test_a_bucket_with_versions_keeps_what_was_overwritten_and_is_not_empty(world):
    bucket(world, versioning={"enabled": True})
    _, first = put(world, "a", b"1")
    put(world, "a", b"2")
    ask(world, f"DELETE {STORAGE}/storage/v1/b/pipeline-data/o/a")
    here = f"{STORAGE}/storage/v1/b/pipeline-data/o"
    assert ask(world, f"GET {here}")[1].get("items") is None
    assert [each["size"] for each in ask(world, f"GET {here}?versions=true")[1]["items"]] == ["1", "1"]
    assert ask(world, f"GET {here}/a?alt=media&generation={first['generation']}")[1] == {"content": b"1"}
    assert ask(world, f"DELETE {STORAGE}/storage/v1/b/pipeline-data")[0] == 409


def test_an_upload_meant_for_a_new_object_does_not_replace_one(world):
    bucket(world)
    put(world, "a", b"1")
    assert put(world, "a&ifGenerationMatch=0", b"2")[0] == 412


def test_a_large_object_arrives_in_pieces_and_is_read_in_ranges(world):
    bucket(world)
    begun = f"POST {STORAGE}/upload/storage/v1/b/pipeline-data/o?uploadType=resumable"
    assert ask(world, begun, {"name": "large"})[0] == 200
    (ticket,) = (name.removeprefix("uploads/") for name in world.uploads)
    more = f"PUT {STORAGE}/upload/storage/v1/b/pipeline-data/o?uploadType=resumable&upload_id={ticket}"
    assert ask(world, more, b"0123", **{"content-range": "bytes 0-3/10"})[0] == 308
    assert ask(world, more, b"456789", **{"content-range": "bytes 4-9/10"})[0] == 200
    read = f"GET {STORAGE}/storage/v1/b/pipeline-data/o/large?alt=media"
    assert ask(world, read) == (200, {"content": b"0123456789"})
    assert ask(world, read, range="bytes=2-4") == (206, {"content": b"234"})
    assert ask(world, read, range="bytes=8-") == (206, {"content": b"89"})
    assert ask(world, read, range="bytes=10-")[0] == 416


def test_a_listing_shows_folders_as_prefixes(world):
    bucket(world)
    for name in ("a/1", "a/2", "b"):
        put(world, name, b"")
    found = ask(world, f"GET {STORAGE}/storage/v1/b/pipeline-data/o?delimiter=/")[1]
    assert ([each["name"] for each in found["items"]], found["prefixes"]) == (["b"], ["a/"])


def test_the_checksum_is_castagnolis():
    assert crc32c(b"123456789") == 0xE3069283


# the whole of it


def test_no_route_asks_for_a_permission_that_no_role_has():
    asked = {each.needs for each in ROUTES} - {""}
    assert asked <= KNOWN
    assert len(asked) > 30


def test_only_owners_editors_and_users_of_an_account_may_act_as_it():
    assert {role for role, held in ROLES.items() if "iam.serviceAccounts.actAs" in held} == {
        "roles/owner", "roles/editor", "roles/iam.serviceAccountUser"
    }  # fmt: skip


def test_one_request_is_one_route(world):
    lines = [
        f"GET {CRM}/v1/{P}",
        f"POST {IAM}/v1/{P}/serviceAccounts/{RUNNER}:undelete",
        f"GET {STORAGE}/storage/v1/b/x/o/a%2Fb",
    ]
    for line in lines:
        method, _, url = line.partition(" ")
        host, _, path = url.partition("/")
        assert (
            sum((each.method, each.host) == (method, host) and bool(each.path.fullmatch(f"/{path}")) for each in ROUTES)
            == 1
        ), line


def test_a_picture_of_two_equal_worlds_is_equal(world):
    account(world)
    before = world.picture()
    ask(world, f"DELETE {IAM}/v1/{P}/serviceAccounts/{RUNNER}")
    assert world.picture() != before
    account(world)
    assert world.picture() == before


# through the network


FETCH = """
import os, sys, urllib.request
token = open(os.environ["CLOUDSDK_CONFIG"] + "/token").read()
url, content = sys.argv[1], sys.argv[2].encode() if sys.argv[2:] else None
print(urllib.request.urlopen(urllib.request.Request(url, content, {"Authorization": f"Bearer {token}"})).read().decode())
"""


def fetch(cloud: Cloud, *asked: str, **how) -> subprocess.CompletedProcess:
    """One request from within, by nothing but Python: a URL, and what is posted to it."""
    return cloud.run(sys.executable, "-c", FETCH, *asked, **how)


@pytest.mark.slow
def test_a_request_from_within_reaches_the_world_as_its_principal(cloud):
    cloud.state.grant(DEV, "roles/browser", on=P)
    done = fetch(cloud, f"https://{CRM}/v1/{P}", as_=DEV)
    assert json.loads(done.stdout)["projectNumber"] == "123456789012", done.stderr
    assert [(each.line, each.principal, each.status) for each in cloud.requests] == [(f"GET {CRM}/v1/{P}", DEV, 200)]
    assert cloud.writes() == []


@pytest.mark.slow
def test_a_request_that_is_not_known_is_a_501_and_fails_the_test():
    need("unshare")
    with pytest.raises(AssertionError, match=f"does not know GET {CRM}/v1/liens"), standin() as cloud:
        assert "501" in fetch(cloud, f"https://{CRM}/v1/liens").stderr
    with pytest.raises(ZeroDivisionError) as raised, standin() as cloud:
        fetch(cloud, f"https://{CRM}/v1/liens")
        raise ZeroDivisionError
    assert f"does not know GET {CRM}/v1/liens" in raised.value.__notes__[0]


@pytest.mark.slow
def test_a_name_that_is_not_googles_leads_nowhere_and_fails_the_test():
    need("unshare")
    with pytest.raises(AssertionError, match="does not know the host packages.example.com"), standin() as cloud:
        assert "Name or service not known" in fetch(cloud, "https://packages.example.com/simple").stderr


@pytest.mark.slow
def test_where_namespaces_are_not_permitted_a_test_is_skipped_or_fails_where_all_tools_are_asked_for(monkeypatch):
    need("unshare")
    monkeypatch.setattr("cloud.room._apart", lambda: ("sh", "-c", "echo Operation not permitted >&2; exit 1"))
    monkeypatch.delenv("AUTOMLOPS_ALL_TOOLS", raising=False)
    with pytest.raises(pytest.skip.Exception, match="not to be had here: Operation not permitted"), standin():
        pass
    monkeypatch.setenv("AUTOMLOPS_ALL_TOOLS", "1")
    with pytest.raises(pytest.fail.Exception, match="Operation not permitted"), standin():
        pass


@pytest.mark.slow
def test_nothing_leaves_the_machine(cloud):
    program = "import socket; socket.create_connection(('1.1.1.1', 443), timeout=5)"
    assert "Network is unreachable" in cloud.run(sys.executable, "-c", program).stderr


@pytest.mark.slow
def test_a_command_runs_where_it_is_told_and_sees_no_account_but_its_own(cloud, tmp_path, monkeypatch):
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/real/key.json")
    monkeypatch.setenv("CLOUDSDK_CORE_ACCOUNT", "me@example.com")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy")
    script = tmp_path / "say"
    script.write_text("#!/bin/sh\npwd\nenv\n")
    script.chmod(0o755)
    done = cloud.run(script, cwd=tmp_path, env={"CLOUDSDK_CORE_PROJECT": "ambient"})
    first, *variables = done.stdout.splitlines()
    assert first == str(tmp_path)
    assert "CLOUDSDK_CORE_PROJECT=ambient" in variables
    assert not [
        each for each in variables if each.startswith(("GOOGLE_APPLICATION", "CLOUDSDK_CORE_ACCOUNT", "HTTPS_PROXY"))
    ]
    assert not [each for each in variables if "ya29" in each], "a token is in a file, not in the environment"


FAULTS = [
    (403, "HTTP Error 403"),
    (429, "HTTP Error 429"),
    (500, "HTTP Error 500"),
    (503, "HTTP Error 503"),
    (DROP, "RemoteDisconnected|closed|EOF"),
]


@pytest.mark.slow
def test_faults_strike_the_requests_that_they_name_as_often_as_they_are_told(cloud):
    url = f"https://{CRM}/v1/{P}"
    for how, said in FAULTS:
        fault = cloud.fault(f"GET {CRM}/v1/projects", how, nth=2)
        outcomes = [fetch(cloud, url) for _ in range(3)]
        assert [each.returncode for each in outcomes] == [0, 1, 0], how
        assert re.search(said, outcomes[1].stderr), outcomes[1].stderr
        assert (fault.met, cloud.requests[-2].status) == (1, 0 if how == DROP else how)
        cloud.faults.clear()
    cloud.fault("GET", 503, times=FOREVER)
    assert [fetch(cloud, url).returncode for _ in range(2)] == [1, 1]


@pytest.mark.slow
def test_an_answer_may_be_lost_after_its_request_had_its_effect(cloud):
    cloud.state.enable("iam", project=PROJECT)
    cloud.fault("POST .*serviceAccounts", DROP, after=True)
    assert fetch(cloud, f"https://{IAM}/v1/{P}/serviceAccounts", '{"accountId": "runner"}').returncode == 1
    assert f"{P}/serviceAccounts/{RUNNER}" in cloud.state.resources


@pytest.mark.slow
def test_a_request_that_hangs_does_so_until_its_command_is_killed(cloud):
    cloud.fault("GET", HANG)
    asking = cloud.start(sys.executable, "-c", FETCH, f"https://{CRM}/v1/{P}")
    _until(lambda: cloud.faults[0].met)
    assert asking.poll() is None
    asking.send_signal(signal.SIGKILL)
    assert asking.wait(timeout=10) == -signal.SIGKILL
    assert fetch(cloud, f"https://{CRM}/v1/{P}").returncode == 0, "others are answered meanwhile"


def _until(true, limit: float = 60) -> None:
    end = time.monotonic() + limit
    while not true():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.01)


@pytest.mark.slow
def test_what_a_killed_command_started_ends_with_the_cloud(tmp_path):
    need("unshare")
    with standin() as cloud:
        asking = cloud.start("sh", "-c", f"sleep 600 & echo $! > {tmp_path}/child; wait")
        _until(lambda: (tmp_path / "child").exists() and (tmp_path / "child").read_text().strip())
        asking.kill()
        child = Path("/proc", (tmp_path / "child").read_text().strip())
        assert child.exists()
    _until(lambda: not child.exists() or "\nState:\tZ" in (child / "status").read_text())


# real gcloud

BIND = ("gcloud", "projects", "add-iam-policy-binding", PROJECT, "--member=user:x@example.test", "--role=roles/browser")

WALKS = {
    "project": """
        gcloud services enable run.googleapis.com aiplatform.googleapis.com --project={p}
        gcloud services list --enabled --project={p} --format='value(config.name)' | grep -x run.googleapis.com
        gcloud projects describe {p} --format='value(projectNumber)' | grep -x 123456789012
        gcloud projects add-iam-policy-binding {p} --member=user:x@example.test --role=roles/browser --condition=None
        gcloud projects get-iam-policy {p} --format=json | grep x@example.test
        gcloud projects remove-iam-policy-binding {p} --member=user:x@example.test --role=roles/browser --condition=None
        gcloud billing projects describe {p} --format='value(billingEnabled)' | grep -x True
        """,
    "registry": """
        gcloud artifacts repositories create images --repository-format=docker --location=us-central1 --project={p} --labels=a=b
        gcloud artifacts repositories list --location=us-central1 --project={p} --format='value(name)' | grep -x images
        gcloud artifacts repositories update images --location=us-central1 --project={p} --description=new --update-labels=c=d
        gcloud artifacts repositories describe images --location=us-central1 --project={p} --format='value(description)' | grep -x new
        gcloud artifacts repositories add-iam-policy-binding images --location=us-central1 --project={p} --member=user:x@example.test --role=roles/artifactregistry.reader
        gcloud artifacts repositories get-iam-policy images --location=us-central1 --project={p} | grep x@example.test
        """,
    "bucket": """
        gcloud storage buckets create gs://our-data --location=us-central1 --project={p} --uniform-bucket-level-access --public-access-prevention
        gcloud storage buckets update gs://our-data --versioning --update-labels=a=b
        gcloud storage buckets describe gs://our-data --format='value(versioning_enabled,public_access_prevention,labels.a)' | grep -x 'True.enforced.b'
        gcloud storage buckets list --project={p} --format='value(name)' | grep -x our-data
        gcloud storage buckets add-iam-policy-binding gs://our-data --member=user:x@example.test --role=roles/storage.objectUser
        gcloud storage cp "$0" gs://our-data/scripts/walk
        gcloud storage cat gs://our-data/scripts/walk | cmp - "$0"
        gcloud storage ls gs://our-data/scripts/ | grep -x gs://our-data/scripts/walk
        """,
    "accounts": """
        gcloud iam service-accounts create runner --project={p} --display-name=Runner
        gcloud iam service-accounts list --project={p} --format='value(email)' | grep -x {runner}
        gcloud iam service-accounts add-iam-policy-binding {runner} --member=user:x@example.test --role=roles/iam.serviceAccountUser --project={p}
        gcloud iam service-accounts get-iam-policy {runner} --project={p} | grep x@example.test
        number=$(gcloud iam service-accounts describe {runner} --format='value(uniqueId)')
        gcloud iam service-accounts delete {runner} --quiet --project={p}
        gcloud iam service-accounts undelete "$number" --project={p}
        gcloud iam roles create starter --project={p} --permissions=aiplatform.pipelineJobs.create
        gcloud iam roles update starter --project={p} --add-permissions=aiplatform.pipelineJobs.get --quiet
        gcloud iam roles delete starter --project={p}
        gcloud iam roles undelete starter --project={p}
        """,
}  # fmt: skip
CLEARED = """
    gcloud storage rm --recursive gs://our-data --quiet
    gcloud artifacts repositories delete images --location=us-central1 --project={p} --quiet
    """


def script(path: Path, lines: str) -> Path:
    lines = (
        textwrap.dedent(lines)
        .strip()
        .format(p=PROJECT, runner=RUNNER)
        .replace("grep -x demo-project/", "grep -x projects/demo-project/")
    )
    path.write_text(f"#!/usr/bin/env bash\nset -euo pipefail\n{lines}\n")
    path.chmod(0o755)
    return path


@pytest.mark.slow
def test_gcloud_does_what_provisioning_asks_of_it_with_roles_that_just_suffice(cloud, tmp_path):
    cloud.state.enable("iam", "artifactregistry", project=PROJECT)
    roles = "iam.serviceAccountAdmin iam.roleAdmin artifactregistry.admin storage.admin resourcemanager.projectIamAdmin serviceusage.serviceUsageAdmin"
    for role in roles.split():
        cloud.state.grant(DEV, f"roles/{role}", on=P)
    with ThreadPoolExecutor() as side_by_side:
        walks = [
            side_by_side.submit(cloud.run, "bash", "-x", script(tmp_path / name, lines), as_=DEV)
            for name, lines in WALKS.items()
        ]
    for done in (each.result() for each in walks):
        assert done.returncode == 0, done.stderr[-3000:]
    members = ("user:x@example.test",)
    assert cloud.state.bindings(f"{P}/serviceAccounts/{RUNNER}") == {"roles/iam.serviceAccountUser": members}
    assert cloud.state.permissions(f"{P}/roles/starter") == [
        "aiplatform.pipelineJobs.create",
        "aiplatform.pipelineJobs.get",
    ]
    assert cloud.state.bindings(REPOSITORY) == {"roles/artifactregistry.reader": members}
    assert cloud.state.bindings("buckets/our-data")["roles/storage.objectUser"] == members
    assert cloud.state.resources[REPOSITORY]["labels"] == {"a": "b", "c": "d"}
    assert cloud.state.content["buckets/our-data/objects/scripts/walk"] == (tmp_path / "bucket").read_bytes()
    done = cloud.run("bash", "-x", script(tmp_path / "clear", CLEARED), as_=DEV)
    assert done.returncode == 0, done.stderr[-3000:]
    assert not [name for name in cloud.state.resources if name.startswith(("buckets/", REPOSITORY))]
    assert {each.principal for each in cloud.requests if each.host != "oauth2.googleapis.com"} == {DEV}


@pytest.mark.slow
def test_gcloud_reads_our_refusals_as_googles(cloud):
    listed = f"gcloud artifacts repositories list --location=us-central1 --project={PROJECT} --quiet"
    repositories = tuple(listed.split())
    assert "has not been used in project 123456789012" in cloud.run(*repositories).stderr
    cloud.state.enable("artifactregistry", project=PROJECT)
    denied = cloud.run(*BIND, as_=DEV)
    assert denied.returncode == 1
    assert f"[{DEV}] does not have permission to access projects instance [{PROJECT}:getIamPolicy]" in denied.stderr
    assert "permission: resourcemanager.projects.getIamPolicy" in denied.stderr
    cloud.state.grant(DEV, "roles/artifactregistry.reader", on=P)
    assert "serviceusage.services.use" in cloud.run(*repositories, as_=DEV).stderr
    missing = cloud.run("gcloud", "storage", "buckets", "describe", "gs://nowhere")
    assert "gs://nowhere not found: 404" in missing.stderr
    nobody = cloud.run("gcloud", "projects", "describe", PROJECT, as_=None)
    assert (nobody.returncode, "do not currently have an active account" in nobody.stderr) == (1, True), nobody.stderr
    accounts = cloud.run("gcloud", "auth", "list", "--format=value(account,status)", as_=DEV)
    assert accounts.stdout.split() == [DEV, "*"]


@pytest.mark.slow
def test_gcloud_gets_over_a_passing_fault_but_not_over_a_policy_that_changed_under_it(cloud):
    fault = cloud.fault(f"POST {CRM}/v1/{P}:getIamPolicy", 503)
    done = cloud.run(*BIND)
    assert (done.returncode, fault.met) == (0, 1), done.stderr
    assert cloud.state.bindings(P)["roles/browser"] == ("user:x@example.test",)
    before = cloud.state.policy(P)
    cloud.fault(f"POST {CRM}/v1/{P}:setIamPolicy", 409)
    done = cloud.run(*BIND)
    assert (done.returncode, "subject of a conflict" in done.stderr) == (1, True), done.stderr
    assert cloud.state.policy(P) == before


@pytest.mark.slow
def test_of_two_gclouds_that_bind_at_once_no_binding_is_lost_unseen(cloud):
    """The etag's purpose: whoever comes second is told, so what exited with 0 has its binding."""
    people = [f"user:{name}@example.test" for name in ("a", "b")]
    both = [
        cloud.start(
            *BIND[:4], f"--member={each}", "--role=roles/viewer", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        for each in people
    ]
    codes = [each.wait(timeout=120) for each in both]
    assert 0 in codes
    bound = cloud.state.bindings(P)["roles/viewer"]
    assert set(bound) == {each for each, code in zip(people, codes, strict=True) if code == 0}


@pytest.mark.slow
def test_googles_storage_client_finds_its_login_and_its_bucket(cloud):
    program = """
        from google.cloud import storage
        made = storage.Client().create_bucket("from-python", location="us-central1")
        made.blob("a folder/ä.txt").upload_from_string("text")
        print(made.blob("a folder/ä.txt").download_as_text(), [each.name for each in storage.Client().list_blobs("from-python")])
    """
    done = cloud.run(sys.executable, "-c", textwrap.dedent(program))
    assert done.stdout.strip() == "text ['a folder/ä.txt']", done.stderr


def test_the_modules_that_answer_are_those_that_are_named():
    assert {each.__name__.rpartition(".")[2] for each in parts.UNDERSTOOD} == {
        each.handler.__module__.rpartition(".")[2] for each in ROUTES
    }
