"""Cloud Build's connections to hosts of code, of the second generation, and the repositories in them."""

import re
from collections.abc import Iterator
from urllib.parse import quote, urlsplit

from cloud import policies, vault
from cloud.refusals import Refusal, Unknown
from cloud.routes import Call, answers
from cloud.web import JSON
from cloud.world import Project, World, new_etag, now

CB = "cloudbuild"
LOCATION = "projects/*/locations/*"
CONNECTION = f"{LOCATION}/connections/*"
REPOSITORY = f"{CONNECTION}/repositories/*"
API = "type.googleapis.com/google.devtools.cloudbuild.v2"
ID = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9\-._~%!$&'()*+,;=@]{0,99}")
COMPLETE = {"stage": "COMPLETE"}
AUTHORISE = ("Please log in to https://github.com using a robot account and then follow this link to authorize Cloud Build to access "
             "that account. After authorization, your GitHub authorization token will be stored in Cloud Secret Manager.")  # fmt: skip
INSTALL = "Please follow this link to install the Cloud Build GitHub App."
APP = "https://github.com/apps/google-cloud-build/installations/new"


def agent(project: Project) -> str:
    """By whom Cloud Build acts in a project, in the words of a policy."""
    return f"serviceAccount:service-{project.number}@gcp-sa-cloudbuild.iam.gserviceaccount.com"


def click(world: World, name: str, installation: int = 42) -> None:
    """What a person does in the browser: authorises Cloud Build on GitHub, whose token it keeps, and installs its app."""
    found, project = world.resources[name], world.project_of(name)
    if project is None or not found["installationState"]["stage"].startswith("PENDING_"):
        raise LookupError(f"nobody waits for a click on {name}")
    token = vault.keep(world, f"{name.rpartition('/')[2]}-github-oauthtoken", project=project.id)
    world.grant(agent(project), "roles/secretmanager.secretAccessor", on=token.partition("/versions/")[0])
    found["githubConfig"] = {
        "authorizerCredential": {"oauthTokenSecretVersion": token, "username": "robot"},
        "appInstallationId": str(installation),
    }
    found["installationState"] = COMPLETE


@answers(f"GET {CB}/v2/{{parent={LOCATION}}}/connections", needs="cloudbuild.connections.list")
def list_all(call: Call, parent: str) -> JSON:
    return {"connections": call.world.below(parent, "connections")}


@answers(f"POST {CB}/v2/{{parent={LOCATION}}}/connections", needs="cloudbuild.connections.create")
def create(call: Call, parent: str) -> JSON:
    short = call.request.asks("connectionId")
    name, world = f"{parent}/connections/{short}", call.world
    if not ID.fullmatch(short):
        raise Refusal(400, "Malformed name")
    if name in world.resources:
        raise Refusal(409, f"Resource '{name}' already exists")
    project = call.project(parent)
    for secret in _secrets(call.body):
        if not vault.readable(world, agent(project), secret):
            return _failed(call, parent, 9, _unreadable(project, secret))
    state = _installation(call, name, project)
    world.resources[name] = {
        **call.body, "name": name, "createTime": now(), "updateTime": now(), "etag": new_etag(), "reconciling": False, "installationState": state,
    }  # fmt: skip
    return _done(call, parent, {"@type": f"{API}.Connection", **world.resources[name]})


@answers(f"GET {CB}/v2/{{name={CONNECTION}}}", needs="cloudbuild.connections.get")
def describe(call: Call, name: str) -> JSON:
    return _find(call, name)


@answers(f"DELETE {CB}/v2/{{name={CONNECTION}}}", needs="cloudbuild.connections.delete")
def delete(call: Call, name: str) -> JSON:
    _find(call, name)
    if call.world.below(name, "repositories"):
        raise Refusal(400, f"Resource '{name}' has nested resources", code="FAILED_PRECONDITION")
    return _remove(call, name)


@answers(f"GET {CB}/v2/{{name={CONNECTION}}}:getIamPolicy", needs="cloudbuild.connections.getIamPolicy")
def get_policy(call: Call, name: str) -> JSON:
    _find(call, name)
    return policies.read(call, name)


@answers(f"POST {CB}/v2/{{name={CONNECTION}}}:setIamPolicy", needs="cloudbuild.connections.setIamPolicy")
def set_policy(call: Call, name: str) -> JSON:
    _find(call, name)
    return policies.write(call, name, call.body["policy"])


@answers(f"GET {CB}/v2/{{parent={CONNECTION}}}/repositories", needs="cloudbuild.repositories.list")
def list_repositories(call: Call, parent: str) -> JSON:
    return {"repositories": call.world.below(parent, "repositories")}


@answers(f"POST {CB}/v2/{{parent={CONNECTION}}}/repositories", needs="cloudbuild.repositories.create")
def create_repository(call: Call, parent: str) -> JSON:
    short, remote = call.request.asks("repositoryId"), call.body.get("remoteUri", "")
    name, world, connection = f"{parent}/repositories/{short}", call.world, _find(call, parent)
    if not ID.fullmatch(short):
        raise Refusal(400, "Malformed name")
    if (stage := connection["installationState"]["stage"]) != "COMPLETE":
        raise Refusal(400, f"connection must have installation_state COMPLETE (current state: {stage})",
                      code="FAILED_PRECONDITION")  # fmt: skip
    if name in world.resources or remote in (each["remoteUri"] for each in world.below(parent, "repositories")):
        raise Refusal(409, f"Resource '{name}' already exists")
    if urlsplit(remote)[:2] != ("https", _host(connection)) or not remote.endswith(".git"):
        raise Refusal(400, f"invalid remote URI {remote!r}")
    world.resources[name] = {
        "name": name,
        "remoteUri": remote,
        "createTime": now(),
        "updateTime": now(),
        "etag": new_etag(),
    }
    return _done(call, parent.rpartition("/connections/")[0], {"@type": f"{API}.Repository", **world.resources[name]})


@answers(f"GET {CB}/v2/{{name={REPOSITORY}}}", needs="cloudbuild.repositories.get")
def describe_repository(call: Call, name: str) -> JSON:
    return _find(call, name)


@answers(f"DELETE {CB}/v2/{{name={REPOSITORY}}}", needs="cloudbuild.repositories.delete")
def delete_repository(call: Call, name: str) -> JSON:
    _find(call, name)
    return _remove(call, name)


def _find(call: Call, name: str) -> JSON:
    if name not in call.world.resources:
        raise Refusal(404, f"Resource '{name}' was not found")
    return call.world.resources[name]


def _remove(call: Call, name: str) -> JSON:
    del call.world.resources[name]
    call.world.policies.pop(name, None)
    return _done(call, name.partition("/connections/")[0], {"@type": "type.googleapis.com/google.protobuf.Empty"})


def _secrets(config: JSON) -> Iterator[str]:
    for key, value in config.items():
        if isinstance(value, dict):
            yield from _secrets(value)
        elif key.endswith("SecretVersion"):
            yield value


def _unreadable(project: Project, secret: str) -> str:
    account = agent(project).partition(":")[2]
    return (f'could not access secret "{secret}" with service account "{account}": generic::permission_denied: '
            f"Permission 'secretmanager.versions.access' denied for resource '{secret}' (or it may not exist).")  # fmt: skip


def _installation(call: Call, name: str, project: Project) -> JSON:
    """How far a connection is, which credentials complete; without any, Cloud Build must be able to keep those it will be given."""
    match call.body:
        case {"gitlabConfig": dict()}:
            return COMPLETE
        case {"githubConfig": {"authorizerCredential": dict(), "appInstallationId": _}}:
            return COMPLETE
        case {"githubConfig": {"authorizerCredential": dict()}}:
            return {"stage": "PENDING_INSTALL_APP", "message": INSTALL, "actionUri": APP}
        case {"githubConfig": dict()}:
            _check_keeping(call, project)
            return {"stage": "PENDING_USER_OAUTH", "message": AUTHORISE, "actionUri": _link(name, project)}
    raise Unknown(f"the connection {call.body}")


def _check_keeping(call: Call, project: Project) -> None:
    who, on = agent(project), f"projects/{project.id}"
    wanted = ("secretmanager.secrets.create", "secretmanager.secrets.setIamPolicy")
    kept = f"{vault.SM}.googleapis.com" in project.services
    if not kept or not all(call.world.permits(who, each, on) for each in wanted):
        raise Refusal(
            400,
            "could not assert Secret Manager permissions. Make sure that Secret Manager is enabled in your GCP project and that the Cloud "
            f"Build P4SA ({who.partition(':')[2]}) has permissions {' and '.join(wanted)}.",
            code="FAILED_PRECONDITION",
        )


def _link(name: str, project: Project) -> str:
    location, short = name.split("/")[3], name.split("/")[5]
    connection = quote(f"projects/{project.number}/locations/{location}/connections/{short}", safe="")
    page = f"https://console.cloud.google.com/m/gcb/github/locations/{location}/oauth_v2?connection_name={connection}"
    return f"https://accounts.google.com/AccountChooser?continue={quote(page, safe='')}"


def _host(connection: JSON) -> str:
    uri = connection.get("gitlabConfig", {}).get("hostUri", "https://gitlab.com")
    return "github.com" if "githubConfig" in connection else urlsplit(uri).netloc


def _done(call: Call, parent: str, response: JSON) -> JSON:
    return {**_operation(call, parent), "response": response}


def _failed(call: Call, parent: str, code: int, message: str) -> JSON:
    return {**_operation(call, parent), "error": {"code": code, "message": message}}


def _operation(call: Call, parent: str) -> JSON:
    return {"name": f"{parent}/operations/operation-{next(call.world.numbers):016x}", "done": True}
