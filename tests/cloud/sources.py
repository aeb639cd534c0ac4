"""Where code is pushed to: Cloud Source Repositories, and other hosts of which a test holds the repositories."""

import base64
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

from tools import need

from cloud import policies, triggers
from cloud.refusals import Refusal, Unknown
from cloud.routes import Call, answers
from cloud.triggers import alone, git
from cloud.web import JSON, Answer, Request
from cloud.world import World, member

if TYPE_CHECKING:
    from cloud.standin import Cloud

SR = "sourcerepo"
REPO = "projects/*/repos/*"
GOOGLE = "source.developers.google.com"
HOSTS = (GOOGLE, "github.com", "gitlab.com")
SETUP = {  # as Google's guide sets git up, and as a script has it that nobody answers
    "GIT_CONFIG_COUNT": "1",
    "GIT_CONFIG_KEY_0": f"credential.https://{GOOGLE}.helper",
    "GIT_CONFIG_VALUE_0": "gcloud.sh",
    "GIT_TERMINAL_PROMPT": "0",
}
SPOKEN = re.compile(r"/(?P<path>.+?)(?:\.git)?/(?P<verb>info/refs|git-upload-pack|git-receive-pack)")


@answers(f"GET {SR}/v1/{{parent=projects/*}}/repos", needs="source.repos.list")
def list_all(call: Call, parent: str) -> JSON:
    return {"repos": call.world.below(parent, "repos")}


@answers(f"POST {SR}/v1/{{parent=projects/*}}/repos", needs="source.repos.create")
def create(call: Call, parent: str) -> JSON:
    name, world = call.world.canonical(call.body["name"]), call.world
    short = name.rpartition("/")[2]
    if name.rpartition("/repos/")[0] != parent or not re.fullmatch(r"[A-Za-z0-9_][-._A-Za-z0-9]{0,127}", short):
        raise Refusal(400, f"Invalid repository name: {short}")
    if name in world.resources or name in world.deleted:
        raise Refusal(409, "Requested entity already exists")
    project = call.project(parent).id
    world.resources[name] = {"name": name, "url": f"https://{GOOGLE}/p/{project}/r/{short}"}
    return world.resources[name]


@answers(f"GET {SR}/v1/{{name={REPO}}}", needs="source.repos.get")
def describe(call: Call, name: str) -> JSON:
    return call.find(name)


@answers(f"DELETE {SR}/v1/{{name={REPO}}}", needs="source.repos.delete")
def delete(call: Call, name: str) -> JSON:
    """Its name is not to be had again for days."""
    call.find(name)
    call.world.deleted[name] = call.world.resources.pop(name)
    call.world.policies.pop(name, None)
    return {}


@answers(f"GET {SR}/v1/{{name={REPO}}}:getIamPolicy", needs="source.repos.getIamPolicy")
def get_policy(call: Call, name: str) -> JSON:
    call.find(name)
    return policies.read(call, name)


@answers(f"POST {SR}/v1/{{name={REPO}}}:setIamPolicy", needs="source.repos.setIamPolicy")
def set_policy(call: Call, name: str) -> JSON:
    call.find(name)
    return policies.write(call, name, call.body["policy"])


def folder(scratch: Path, url: str) -> Path:
    """Where the bare repository of an address lies."""
    parted = urlsplit(url)
    return scratch / "git" / parted.netloc / f"{parted.path.strip('/').removesuffix('.git').lower()}.git"


def make(where: Path) -> Path:
    if not where.exists():
        where.mkdir(parents=True)
        git(where, "init", "--quiet", "--bare", "--initial-branch=main")
        git(where, "config", "uploadpack.allowAnySHA1InWant", "true")
    return where


def serve(cloud: "Cloud", request: Request) -> Answer:
    """git's own protocol over HTTPS. What a push has changed is looked at when it is done, and starts builds."""
    spoken = SPOKEN.fullmatch(request.path)
    if spoken is None:
        raise Unknown(request.line)
    writes = "git-receive-pack" in (request.asks("service"), spoken["verb"])
    address = f"https://{request.host}/{spoken['path']}"
    refused = _refused_by_google if request.host == GOOGLE else _refused_elsewhere
    if no := refused(cloud, request, spoken["path"], writes):
        return no
    where = make(folder(cloud.scratch, address))
    before = _branches(where)
    given = _backend(cloud.scratch, where, request, spoken["verb"])
    if writes and request.method == "POST":
        _tell(cloud, _name(spoken["path"]) if request.host == GOOGLE else address.lower(), where, before)
    return given


def _refused_by_google(cloud: "Cloud", request: Request, path: str, writes: bool) -> Answer | None:
    world, name = cloud.state, _name(path)
    principal = world.tokens.get(_password(request))
    if principal is None:
        return _who_is_it("Invalid authentication credentials.")
    project = world.project_of(name)
    if project is None or f"{SR}.googleapis.com" not in project.services or not _may(world, principal, writes, name):
        verb = "update" if writes else "get"
        return Answer(403, f"Permission 'source.repos.{verb}' denied on '{name}' (or it may not exist).".encode())
    return None if name in world.resources else Answer(404, b"Repository not found.")


def _may(world: World, principal: str, writes: bool, name: str) -> bool:
    return world.permits(member(principal), "source.repos.update" if writes else "source.repos.get", name)


def _refused_elsewhere(cloud: "Cloud", request: Request, path: str, writes: bool) -> Answer | None:
    """One that does not ask for a password lets anyone do anything; which of the two there is, the test says."""
    password = cloud.hosted.get(f"https://{request.host}/{path}".lower())
    if password is None:
        return Answer(404, b"Repository not found.")
    if password and _password(request) != password:
        return _who_is_it("Invalid username or token.")
    return None


def _who_is_it(message: str) -> Answer:
    return Answer(401, message.encode(), {"WWW-Authenticate": 'Basic realm="git"'})


def _password(request: Request) -> str:
    kind, _, value = request.headers.get("authorization", "").partition(" ")
    return base64.b64decode(value).decode().partition(":")[2] if kind.lower() == "basic" else ""


def _name(path: str) -> str:
    """The name of a repository of Google's that goes by p/PROJECT/r/NAME."""
    found = re.fullmatch(r"p/([^/]+)/r/([^/]+)", path)
    return f"projects/{found[1]}/repos/{found[2]}" if found else "projects/-/repos/-"


def _branches(where: Path) -> dict[str, str]:
    lines = git(where, "for-each-ref", "--format=%(refname:lstrip=2) %(objectname)", "refs/heads").splitlines()
    return {name: commit for name, _, commit in (line.partition(" ") for line in lines)}


def _tell(cloud: "Cloud", repository: str, where: Path, before: dict[str, str]) -> None:
    for branch, new in _branches(where).items():
        if (old := before.get(branch, "")) != new:
            triggers.pushed(cloud, triggers.Push(repository=repository, folder=where, branch=branch, old=old, new=new))


def _backend(scratch: Path, where: Path, request: Request, verb: str) -> Answer:
    root = scratch / "git"
    told = {
        "GIT_PROJECT_ROOT": str(root),
        "GIT_HTTP_EXPORT_ALL": "1",
        "PATH_INFO": f"/{where.relative_to(root)}/{verb}",
        "QUERY_STRING": urlencode(request.query, doseq=True),
        "REQUEST_METHOD": request.method,
        "REMOTE_USER": "somebody",
        "CONTENT_TYPE": request.headers.get("content-type", ""),
        "CONTENT_LENGTH": str(len(request.content)),
        "HTTP_CONTENT_ENCODING": request.headers.get("content-encoding", ""),
        "GIT_PROTOCOL": request.headers.get("git-protocol", ""),
    }
    done = subprocess.run(
        (need("git"), "http-backend"), input=request.content, env=alone(**told), check=True, capture_output=True
    )
    head, _, body = done.stdout.partition(b"\r\n\r\n")
    headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
    status = int(headers.pop("Status", "200").partition(" ")[0])
    return Answer(status, body, headers)
