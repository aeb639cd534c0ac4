"""IAM: service accounts and custom roles, both of which come back from the dead."""

import re

from cloud import policies
from cloud.refusals import Refusal
from cloud.roles import KNOWN
from cloud.routes import Call, answers
from cloud.web import JSON
from cloud.world import new_etag, same_etag

ACCOUNT = "projects/*/serviceAccounts/*"
ROLE = "projects/*/roles/*"


@answers("GET iam/v1/{parent=projects/*}/serviceAccounts", needs="iam.serviceAccounts.list")
def list_all(call: Call, parent: str) -> JSON:
    return {"accounts": [each for each in call.world.below(parent, "serviceAccounts") if call.world.sees(each["name"])]}


@answers("POST iam/v1/{parent=projects/*}/serviceAccounts", needs="iam.serviceAccounts.create")
def create(call: Call, parent: str) -> JSON:
    short, project, world = call.body["accountId"], call.project(parent), call.world
    if not re.fullmatch(r"[a-z][a-z0-9-]{4,28}[a-z0-9]", short):
        raise Refusal(400, "The account ID does not have a length between 6 and 30.")
    address = world.address(short, project.id)
    name = f"{parent}/serviceAccounts/{address}"
    if name in world.resources:
        raise Refusal(409, f"Service account {short} already exists within project projects/{project.id}.")
    number = f"{100000000000000000000 + next(world.numbers)}"
    world.resources[name] = {
        **call.body.get("serviceAccount", {}), "name": name, "projectId": project.id, "uniqueId": number, "email": address,
        "etag": "MDEwMjE5MjA=", "oauth2ClientId": number,
    }  # fmt: skip
    world.unseen[name] = world.late
    return world.resources[name]


@answers(f"GET iam/v1/{{name={ACCOUNT}}}", needs="iam.serviceAccounts.get")
def describe(call: Call, name: str) -> JSON:
    return _find(call, name)


@answers(f"PATCH iam/v1/{{name={ACCOUNT}}}", needs="iam.serviceAccounts.update")
def update(call: Call, name: str) -> JSON:
    found = _find(call, name)
    mask = re.sub(r"_(\w)", lambda letter: letter[1].upper(), call.body["updateMask"]).split(",")
    found.update({key: call.body.get("serviceAccount", {}).get(key, "") for key in mask})
    return found


@answers(f"DELETE iam/v1/{{name={ACCOUNT}}}", needs="iam.serviceAccounts.delete")
def delete(call: Call, name: str) -> JSON:
    found = _find(call, name)
    call.world.deleted[found["uniqueId"]] = call.world.resources.pop(name)
    call.world.unseen.pop(name, None)
    _rename(call, f"serviceAccount:{found['email']}", _ghost(found))
    return {}


@answers(f"POST iam/v1/{{name={ACCOUNT}}}:undelete")
def undelete(call: Call, name: str) -> JSON:
    found = call.world.deleted.get(name.rpartition("/")[2])
    if found is None:
        raise Refusal(404, f"Service account {name} does not exist.")
    call.needs("iam.serviceAccounts.undelete", f"projects/{found['projectId']}")
    if found["name"] in call.world.resources:
        raise Refusal(400, f"Service account {found['email']} already exists.", code="FAILED_PRECONDITION")
    call.world.resources[found["name"]] = call.world.deleted.pop(found["uniqueId"])
    _rename(call, _ghost(found), f"serviceAccount:{found['email']}")
    return {"restoredAccount": found}


@answers(f"POST iam/v1/{{name={ACCOUNT}}}:getIamPolicy", needs="iam.serviceAccounts.getIamPolicy")
def get_policy(call: Call, name: str) -> JSON:
    _find(call, name)
    return policies.read(call, name)


@answers(f"POST iam/v1/{{name={ACCOUNT}}}:setIamPolicy", needs="iam.serviceAccounts.setIamPolicy")
def set_policy(call: Call, name: str) -> JSON:
    _find(call, name)
    return policies.write(call, name, call.body["policy"])


@answers(f"POST iam/v1/{{name={ACCOUNT}}}:testIamPermissions")
def test_permissions(call: Call, name: str) -> JSON:
    return policies.test(call, name)


@answers("GET iam/v1/{parent=projects/*}/roles", needs="iam.roles.list")
def list_roles(call: Call, parent: str) -> JSON:
    with_deleted = call.request.wants("showDeleted")
    return {"roles": [each for each in call.world.below(parent, "roles") if with_deleted or not each.get("deleted")]}


@answers("POST iam/v1/{parent=projects/*}/roles", needs="iam.roles.create")
def create_role(call: Call, parent: str) -> JSON:
    short, world = call.body["roleId"], call.world
    name = f"{parent}/roles/{short}"
    if not re.fullmatch(r"[a-zA-Z0-9_.]{3,64}", short):
        raise Refusal(
            400, f"The role_id ({short}) is invalid: it must have 3 to 64 of letters, digits, underscores and periods."
        )
    if world.resources.get(name, {}).get("deleted"):
        raise Refusal(400, f"You can't create a role with role_id ({short}) where there is an existing role with that role_id in a "
                           "deleted state.", code="FAILED_PRECONDITION")  # fmt: skip
    if name in world.resources:
        raise Refusal(409, f"A role named {short} in {parent} already exists.")
    role = call.body.get("role", {})
    _check_permissions(role)
    world.resources[name] = {**role, "name": name, "etag": new_etag()}
    return world.resources[name]


@answers(f"GET iam/v1/{{name={ROLE}}}", needs="iam.roles.get")
def describe_role(call: Call, name: str) -> JSON:
    return call.find(name)


@answers(f"PATCH iam/v1/{{name={ROLE}}}", needs="iam.roles.update")
def update_role(call: Call, name: str) -> JSON:
    found = call.find(name)
    if found.get("deleted"):
        raise Refusal(400, f"You can't update a role that is deleted: {name}", code="FAILED_PRECONDITION")
    if "etag" in call.body and not same_etag(call.body["etag"], found["etag"]):
        raise Refusal(409, "There were concurrent role changes.", code="ABORTED")
    mask = call.request.asks("updateMask", "title,description,includedPermissions,stage").split(",")
    changed = {key: call.body[key] for key in mask if key in call.body}
    _check_permissions(changed)
    found.update(changed, etag=new_etag())
    return found


@answers(f"DELETE iam/v1/{{name={ROLE}}}", needs="iam.roles.delete")
def delete_role(call: Call, name: str) -> JSON:
    found = call.find(name)
    found.update(deleted=True, etag=new_etag())
    return found


@answers(f"POST iam/v1/{{name={ROLE}}}:undelete", needs="iam.roles.undelete")
def undelete_role(call: Call, name: str) -> JSON:
    found = call.find(name)
    if not found.pop("deleted", False):
        raise Refusal(400, f"The role {name} is not deleted.", code="FAILED_PRECONDITION")
    found["etag"] = new_etag()
    return found


@answers("POST iam/v1/permissions:queryTestablePermissions")
def testable(call: Call) -> JSON:
    return {
        "permissions": [{"name": each, "stage": "GA", "customRolesSupportLevel": "SUPPORTED"} for each in sorted(KNOWN)]
    }


def _find(call: Call, name: str) -> JSON:
    if not call.world.sees(name):
        raise Refusal(404, f"Unknown service account: {name.rpartition('/')[2]}")
    return call.world.resources[name]


def _ghost(account: JSON) -> str:
    """How policies show a member that was deleted: one made anew under its name is another."""
    return f"deleted:serviceAccount:{account['email']}?uid={account['uniqueId']}"


def _rename(call: Call, old: str, new: str) -> None:
    for name, policy in call.world.policies.items():
        if any(old in members for members in policy.bindings.values()):
            renamed = {
                role: tuple(new if each == old else each for each in members)
                for role, members in policy.bindings.items()
            }
            call.world.policies[name] = policy.having(renamed)


def _check_permissions(role: JSON) -> None:
    if strange := [each for each in role.get("includedPermissions", []) if each not in KNOWN]:
        raise Refusal(400, f"Permission {strange[0]} is not valid.")
