"""Artifact Registry: its repositories."""

import re

from cloud import policies
from cloud.refusals import Refusal
from cloud.routes import Call, answers
from cloud.web import JSON
from cloud.world import now

AR = "artifactregistry"
LOCATION = "projects/*/locations/*"
REPOSITORY = f"{LOCATION}/repositories/*"
LOCATIONS = ("europe-west1", "us-central1")
CHANGEABLE = frozenset(("description", "labels", "dockerConfig"))


@answers(f"GET {AR}/v1beta2/{{name=projects/*}}/locations", needs="artifactregistry.locations.list")
@answers(f"GET {AR}/v1/{{name=projects/*}}/locations", needs="artifactregistry.locations.list")
def locations(call: Call, name: str) -> JSON:
    return {"locations": [{"name": f"{name}/locations/{each}", "locationId": each} for each in LOCATIONS]}


@answers(f"GET {AR}/v1/{{parent={LOCATION}}}/repositories", needs="artifactregistry.repositories.list")
def list_all(call: Call, parent: str) -> JSON:
    return {"repositories": call.world.below(parent, "repositories")}


@answers(f"POST {AR}/v1/{{parent={LOCATION}}}/repositories", needs="artifactregistry.repositories.create")
def create(call: Call, parent: str) -> JSON:
    short = call.request.asks("repositoryId")
    name, world = f"{parent}/repositories/{short}", call.world
    if not re.fullmatch(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?", short):
        raise Refusal(400, f"Invalid repository id: {short}")
    if name in world.resources:
        raise Refusal(409, "the repository already exists")
    world.resources[name] = {**call.body, "name": name, "createTime": now(), "updateTime": now(), "satisfiesPzi": True}
    return _done(call, parent, world.resources[name])


@answers(f"GET {AR}/v1/{{name={REPOSITORY}}}", needs="artifactregistry.repositories.get")
def describe(call: Call, name: str) -> JSON:
    location, project, short = name.split("/")[3], name.split("/")[1], name.split("/")[5]
    return {**call.find(name), "registryUri": f"{location}-docker.pkg.dev/{project}/{short}"}


@answers(f"PATCH {AR}/v1/{{name={REPOSITORY}}}", needs="artifactregistry.repositories.update")
def update(call: Call, name: str) -> JSON:
    found = call.find(name)
    for field in call.request.asks("updateMask").split(","):
        key = re.sub(r"_(\w)", lambda letter: letter[1].upper(), field.partition(".")[0])
        if key not in CHANGEABLE:
            raise Refusal(400, f"field {field} cannot be updated")
        found.pop(key, None)
        found |= {key: call.body[key]} if key in call.body else {}
    found["updateTime"] = now()
    return found


@answers(f"DELETE {AR}/v1/{{name={REPOSITORY}}}", needs="artifactregistry.repositories.delete")
def delete(call: Call, name: str) -> JSON:
    call.find(name)
    call.world.policies.pop(name, None)
    for kept in (call.world.resources, call.world.content, call.world.uploads):
        for each in [each for each in kept if each == name or each.startswith(f"{name}/")]:
            del kept[each]
    return _done(call, name.rpartition("/repositories/")[0], {"@type": "type.googleapis.com/google.protobuf.Empty"})


@answers(f"GET {AR}/v1/{{name={REPOSITORY}}}:getIamPolicy", needs="artifactregistry.repositories.getIamPolicy")
def get_policy(call: Call, name: str) -> JSON:
    call.find(name)
    return policies.read(call, name)


@answers(f"POST {AR}/v1/{{name={REPOSITORY}}}:setIamPolicy", needs="artifactregistry.repositories.setIamPolicy")
def set_policy(call: Call, name: str) -> JSON:
    call.find(name)
    return policies.write(call, name, call.body["policy"])


@answers(f"POST {AR}/v1/{{name={REPOSITORY}}}:testIamPermissions")
def test_permissions(call: Call, name: str) -> JSON:
    return policies.test(call, name)


def _done(call: Call, parent: str, response: JSON) -> JSON:
    kind = {"@type": "type.googleapis.com/google.devtools.artifactregistry.v1.Repository"}
    return {
        "name": f"{parent}/operations/{next(call.world.numbers):032x}",
        "done": True,
        "response": {**kind, **response},
    }
