"""Secret Manager: secrets that a test has put there, who may read them, and whether a version can be read."""

from cloud import policies
from cloud.routes import Call, answers
from cloud.web import JSON
from cloud.world import World, now

SM = "secretmanager"
SECRET = "projects/*/secrets/*"
VERSION = f"{SECRET}/versions/*"


def keep(world: World, name: str, value: str = "a secret", project: str = "demo-project") -> str:
    """Puts a secret there, or a version more; the name of the version is returned."""
    secret = f"projects/{project}/secrets/{name}"
    world.resources.setdefault(
        secret, {"name": secret, "createTime": now(), "etag": '"16211daf29e5e0"', "replication": {"automatic": {}}}
    )
    version = f"{secret}/versions/{len(world.below(secret, 'versions')) + 1}"
    world.resources[version] = {"name": version, "createTime": now(), "state": "ENABLED"}
    world.content[version] = value.encode()
    return version


def readable(world: World, who: str, version: str) -> bool:
    """Whether somebody, in the words of a policy, may read that version; `latest` is the newest."""
    name = world.canonical(version)
    secret, _, key = name.partition("/versions/")
    project = world.project_of(name)
    if project is None or f"{SM}.googleapis.com" not in project.services:
        return False
    there = world.below(secret, "versions") if key == "latest" else [world.resources.get(name, {})]
    return any(each.get("state") == "ENABLED" for each in there) and world.permits(
        who, "secretmanager.versions.access", name
    )


@answers(f"GET {SM}/v1/{{parent=projects/*}}/secrets", needs="secretmanager.secrets.list")
def list_all(call: Call, parent: str) -> JSON:
    return {"secrets": [_shown(call, each) for each in call.world.below(parent, "secrets")]}


@answers(f"GET {SM}/v1/{{name={SECRET}}}", needs="secretmanager.secrets.get")
def describe(call: Call, name: str) -> JSON:
    return _shown(call, call.find(name))


@answers(f"GET {SM}/v1/{{name={VERSION}}}", needs="secretmanager.versions.get")
def describe_version(call: Call, name: str) -> JSON:
    return _shown(call, call.find(name))


@answers(f"GET {SM}/v1/{{name={SECRET}}}:getIamPolicy", needs="secretmanager.secrets.getIamPolicy")
def get_policy(call: Call, name: str) -> JSON:
    call.find(name)
    return policies.read(call, name)


@answers(f"POST {SM}/v1/{{name={SECRET}}}:setIamPolicy", needs="secretmanager.secrets.setIamPolicy")
def set_policy(call: Call, name: str) -> JSON:
    call.find(name)
    return policies.write(call, name, call.body["policy"])


@answers(f"POST {SM}/v1/{{name={SECRET}}}:testIamPermissions")
def test_permissions(call: Call, name: str) -> JSON:
    return policies.test(call, name)


def _shown(call: Call, found: JSON) -> JSON:
    """Its names have the project's number in them."""
    project, _, rest = found["name"].removeprefix("projects/").partition("/")
    return {**found, "name": f"projects/{call.world.projects[project].number}/{rest}"}
