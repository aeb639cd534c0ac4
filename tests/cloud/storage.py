"""Cloud Storage: buckets and their policies."""

import re
from typing import Any

from cloud import policies
from cloud.refusals import Refusal
from cloud.routes import Call, answers
from cloud.web import JSON, Answer
from cloud.world import Policy, now

B = "storage/storage/v1/b"
BUCKET = "buckets/{bucket}"
LEGACY = {
    "roles/storage.legacyBucketOwner": ("projectEditor", "projectOwner"),
    "roles/storage.legacyBucketReader": ("projectViewer",),
    "roles/storage.legacyObjectOwner": ("projectEditor", "projectOwner"),
    "roles/storage.legacyObjectReader": ("projectViewer",),
}
PUBLIC = frozenset(("allUsers", "allAuthenticatedUsers"))
STALE = Refusal(412, "At least one of the pre-conditions you specified did not hold.")


@answers(f"GET {B}")
def list_all(call: Call) -> JSON:
    project = call.project(call.world.canonical(f"projects/{call.request.asks('project')}"))
    call.needs("storage.buckets.list", f"projects/{project.id}")
    prefix = call.request.asks("prefix")
    own = (each for name, each in sorted(call.world.resources.items()) if re.fullmatch("buckets/[^/]+", name))
    return {
        "kind": "storage#buckets",
        "items": [each for each in own if each["projectNumber"] == project.number and each["name"].startswith(prefix)],
    }


@answers(f"POST {B}")
def create(call: Call) -> JSON:
    project = call.project(call.world.canonical(f"projects/{call.request.asks('project')}"))
    call.needs("storage.buckets.create", f"projects/{project.id}")
    if not project.billed:
        raise Refusal(
            403, "The billing account for the owning project is disabled in state absent", reason="accountDisabled"
        )
    name = call.body["name"]
    if not re.fullmatch(r"[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]", name) or "google" in name or name.startswith("goog"):
        raise Refusal(400, f"Invalid bucket name: '{name}'")
    if taken := call.world.resources.get(f"buckets/{name}"):
        raise Refusal(409, "Your previous request to create the named bucket succeeded and you already own it."
                      if taken["projectNumber"] == project.number else
                      "The requested bucket name is not available. The bucket namespace is shared by all users of the system. "
                      "Please select a different name and try again.")  # fmt: skip
    made = {
        "kind": "storage#bucket", "id": name, "projectNumber": project.number, "metageneration": "1", "storageClass": "STANDARD",
        "timeCreated": now(), "updated": now(), "etag": "CAE=", "locationType": "region", "iamConfiguration": {},
        "selfLink": f"https://www.googleapis.com/storage/v1/b/{name}", **call.body, "location": call.body.get("location", "US").upper(),
    }  # fmt: skip
    call.world.resources[f"buckets/{name}"] = made
    call.world.policies[f"buckets/{name}"] = Policy(
        {role: tuple(f"{kind}:{project.id}" for kind in kinds) for role, kinds in LEGACY.items()}
    )
    return made


@answers(f"GET {B}/{{bucket}}", needs="storage.buckets.get", on=BUCKET)
def describe(call: Call, bucket: str) -> JSON:
    return call.find(f"buckets/{bucket}")


@answers(f"GET {B}/{{bucket}}/storageLayout", needs="storage.objects.list", on=BUCKET)
def layout(call: Call, bucket: str) -> JSON:
    found = call.find(f"buckets/{bucket}")
    return {"kind": "storage#storageLayout", "bucket": bucket, "location": found["location"], "locationType": "region",
            "hierarchicalNamespace": {"enabled": False}}  # fmt: skip


@answers(f"PATCH {B}/{{bucket}}", needs="storage.buckets.update", on=BUCKET)
def update(call: Call, bucket: str) -> JSON:
    found = call.find(f"buckets/{bucket}")
    if call.request.asks("ifMetagenerationMatch", found["metageneration"]) != found["metageneration"]:
        raise STALE
    merge(found, call.body)
    found.update(metageneration=str(int(found["metageneration"]) + 1), updated=now())
    return found


@answers(f"DELETE {B}/{{bucket}}", needs="storage.buckets.delete", on=BUCKET)
def delete(call: Call, bucket: str) -> Answer:
    world = call.world
    if any(name.startswith(f"buckets/{bucket}/objects/") for name in world.resources):
        raise Refusal(409, "The bucket you tried to delete is not empty.")
    del world.resources[f"buckets/{bucket}"]
    world.policies.pop(f"buckets/{bucket}", None)
    return Answer(204)


@answers(f"GET {B}/{{bucket}}/iam", needs="storage.buckets.getIamPolicy", on=BUCKET)
def get_policy(call: Call, bucket: str) -> JSON:
    return {
        "kind": "storage#policy",
        "resourceId": f"projects/_/buckets/{bucket}",
        **policies.read(call, f"buckets/{bucket}"),
    }


@answers(f"PUT {B}/{{bucket}}/iam", needs="storage.buckets.setIamPolicy", on=BUCKET)
def set_policy(call: Call, bucket: str) -> JSON:
    members = {each for binding in call.body.get("bindings", []) for each in binding.get("members", [])}
    guarded = call.find(f"buckets/{bucket}")["iamConfiguration"].get("publicAccessPrevention") == "enforced"
    if guarded and members & PUBLIC:
        raise Refusal(
            412,
            "The member bindings allUsers and allAuthenticatedUsers are not allowed since public access prevention is enforced.",
        )
    return {"kind": "storage#policy", **policies.write(call, f"buckets/{bucket}", call.body, STALE)}


@answers(f"GET {B}/{{bucket}}/iam/testPermissions", on=BUCKET)
def test_permissions(call: Call, bucket: str) -> JSON:
    asked = call.request.query.get("permissions", [])
    return {"kind": "storage#testIamPermissionsResponse", **policies.test(call, f"buckets/{bucket}", asked)}


def merge(found: JSON, wanted: dict[str, Any]) -> None:
    """As JSON merge patch has it: null takes away, objects go into each other."""
    for key, value in wanted.items():
        if value is None:
            found.pop(key, None)
        elif isinstance(value, dict):
            merge(found.setdefault(key, {}), value)
        else:
            found[key] = value
