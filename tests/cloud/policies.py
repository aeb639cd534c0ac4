"""Reading and writing IAM policies, as every API of Google's does it."""

from collections.abc import Iterator, Sequence

from cloud.refusals import Refusal, Unknown
from cloud.roles import KNOWN, ROLES
from cloud.routes import Call
from cloud.web import JSON
from cloud.world import Policy, same_etag


def read(call: Call, name: str) -> JSON:
    """A policy with conditions is shown to those alone who ask for that form of policies."""
    found = call.world.policy(name)
    if found.conditional and not {"3", 3} & {*_forms(call)}:
        raise Unknown(f"how the policy of {name} looks without its conditions")
    return found.shown


def _forms(call: Call) -> Iterator[str | int]:
    yield call.request.asks("optionsRequestedPolicyVersion")
    yield call.request.asks("options.requestedPolicyVersion")
    if call.request.content:
        yield call.body.get("options", {}).get("requestedPolicyVersion", 0)


def write(call: Call, name: str, wanted: JSON, stale: Refusal | None = None) -> JSON:
    """Takes a whole policy in the place of the one that stands, unless that one has changed since the writer read it."""
    stands = call.world.policy(name)
    if wanted.get("etag") and not same_etag(wanted["etag"], stands.etag):
        raise stale or Refusal(
            409,
            "There were concurrent policy changes. Please retry the whole read-modify-write with exponential backoff.",
            code="ABORTED",
        )
    if stands.conditional and wanted.get("version") != 3:
        raise Refusal(400, "Policies with conditions are written as version 3.")
    bindings: dict[str, tuple[str, ...]] = {}
    conditional = []
    for binding in wanted.get("bindings", []):
        if binding.get("condition"):
            if binding not in stands.conditional:
                raise Unknown(f"conditions of bindings: {binding['condition']}")
            conditional.append(binding)
            continue
        role, members = binding["role"], binding.get("members", [])
        _check_role(call, role)
        for each in members:
            if each not in stands.bindings.get(role, ()):
                _check_member(call, each)
        bindings[role] = tuple(dict.fromkeys((*bindings.get(role, ()), *members)))
    call.world.policies[name] = Policy(bindings, conditional=tuple(conditional))
    return call.world.policy(name).shown


def test(call: Call, name: str, asked: Sequence[str] | None = None) -> JSON:
    """Those of the permissions asked about that the caller has."""
    asked = call.body.get("permissions", []) if asked is None else asked
    if strange := sorted(set(asked) - KNOWN):
        raise Unknown(f"the permissions {', '.join(strange)}")
    has = [each for each in asked if call.world.permits(call.who, each, name)]
    return {"permissions": has} if has else {}


def _check_role(call: Call, role: str) -> None:
    if role in ROLES:
        return
    if role.startswith("roles/"):
        raise Unknown(f"the role {role}")
    if role not in call.world.resources or call.world.resources[role].get("deleted"):
        raise Refusal(400, f"Role {role} is not supported for this resource.")


def _check_member(call: Call, member: str) -> None:
    kind, _, address = member.partition(":")
    if member in ("allUsers", "allAuthenticatedUsers") or kind in (
        "user",
        "group",
        "domain",
        "projectOwner",
        "projectEditor",
        "projectViewer",
    ):
        return
    if kind == "serviceAccount" and (_of_google(call, address) or call.world.sees(call.world.account(address))):
        return
    if kind == "serviceAccount":
        raise Refusal(400, f"Service account {address} does not exist.")
    raise Refusal(400, f"Invalid argument: member {member} is of unknown type")


def _of_google(call: Call, address: str) -> bool:
    """The agents by which Google's services act; they have the project's number in their names."""
    name, _, domain = address.partition("@")
    agent = domain.startswith("gcp-sa-") or domain == "serverless-robot-prod.iam.gserviceaccount.com"
    return any(
        address
        in (
            f"{project.number}-compute@developer.gserviceaccount.com",
            f"{project.number}@cloudbuild.gserviceaccount.com",
        )
        or (agent and name == f"service-{project.number}")
        for project in call.world.projects.values()
    )
