"""Cloud Build's triggers: which there are, and which builds a push starts."""

import os
import re
import subprocess
import tempfile
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tools import need

from cloud import builds
from cloud.refusals import Refusal, Unknown
from cloud.routes import Call, answers
from cloud.web import JSON
from cloud.world import World, now

if TYPE_CHECKING:
    from cloud.standin import Cloud

CB = "cloudbuild"
LOCATION = "projects/*/locations/*"
TRIGGER = f"{LOCATION}/triggers/*"
NAME = re.compile(r"[a-zA-Z0-9]([a-zA-Z0-9-]{0,62}[a-zA-Z0-9])?")
KEY = re.compile(r"_[A-Z0-9_]{1,100}")
NOT_RE2 = re.compile(r"\(\?(=|!|<[=!]|>|P=)|\\[1-9]")  # what its regular expressions do not have, and Python's have
SENT = frozenset("createTime id resourceName".split())
UNDERSTOOD = SENT | set(
    "description disabled filename ignoredFiles includedFiles name repositoryEventConfig serviceAccount substitutions tags triggerTemplate".split()
)
EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
SKIPPED = ("[skip ci]", "[ci skip]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Push:
    """A branch of a repository that shows a new commit: the first one of it, where there is no old one.

    `repository` is the name of a repository of Google's, or the address of another.
    """

    repository: str
    folder: Path
    branch: str
    old: str
    new: str


@answers(f"GET {CB}/v1/{{parent={LOCATION}}}/triggers", needs="cloudbuild.builds.list")
def list_all(call: Call, parent: str) -> JSON:
    return {"triggers": [_shown(parent, each) for each in call.world.below(parent, "triggers")]}


@answers(f"POST {CB}/v1/{{parent={LOCATION}}}/triggers", needs="cloudbuild.builds.create")
def create(call: Call, parent: str) -> JSON:
    world, wanted = call.world, _wanted(call, parent)
    short = wanted.setdefault("name", f"trigger-{next(world.numbers)}")
    name = f"{parent}/triggers/{short}"
    if name in world.resources:
        raise Refusal(409, f"trigger name {short} already exists")
    world.resources[name] = {**wanted, "id": str(uuid.uuid4()), "createTime": now()}
    return _shown(parent, world.resources[name])


@answers(f"GET {CB}/v1/{{name={TRIGGER}}}", needs="cloudbuild.builds.get")
def describe(call: Call, name: str) -> JSON:
    return _shown(name.rpartition("/triggers/")[0], call.world.resources[_find(call, name)])


@answers(f"PATCH {CB}/v1/{{name={TRIGGER}}}", needs="cloudbuild.builds.update")
def update(call: Call, name: str) -> JSON:
    """Takes the trigger that is sent in the place of the one that stands; its id and its date stay."""
    if call.request.asks("updateMask"):
        raise Unknown(f"an update mask of triggers: {call.request.line}")
    stands, parent = _find(call, name), name.rpartition("/triggers/")[0]
    wanted, found = _wanted(call, parent), call.world.resources[stands]
    if wanted.setdefault("name", found["name"]) != found["name"]:
        raise Unknown(f"a new name for a trigger: {wanted['name']}")
    call.world.resources[stands] = {**wanted, "id": found["id"], "createTime": found["createTime"]}
    return _shown(parent, call.world.resources[stands])


@answers(f"DELETE {CB}/v1/{{name={TRIGGER}}}", needs="cloudbuild.builds.update")
def delete(call: Call, name: str) -> JSON:
    del call.world.resources[_find(call, name)]
    return {}


@dataclass(slots=True)
class Triggered:
    """The builds that pushes start, a thread for each until it has begun; `unstarted` is what could not, and why.

    A test can put a function of its own in the place of `begin`, which otherwise is that of cloud.builds.
    """

    begin: Callable[..., Any] | None = None
    unstarted: list[str] = field(default_factory=list)
    threads: list[threading.Thread] = field(default_factory=list)

    def settle(self, timeout: float) -> None:
        """Waits until all have begun."""
        until = time.monotonic() + timeout
        while self.threads:
            self.threads[0].join(max(0.0, until - time.monotonic()))
            if self.threads[0].is_alive():
                raise TimeoutError(f"{self.threads[0].name} has started no build within {timeout:g} seconds")
            del self.threads[0]


def settle_builds(cloud: "Cloud", timeout: float) -> None:
    """Waits until all builds have ended, or the cloud does."""
    until = time.monotonic() + timeout
    while going := _going_on(cloud):
        if time.monotonic() > until:
            raise TimeoutError(f"{', '.join(going)} has not ended within {timeout:g} seconds")
        if cloud.closing.wait(0.05):
            return


def _going_on(cloud: "Cloud") -> list[str]:
    with cloud.turn:
        found = cloud.state.resources.items()
        return [name for name, each in found if "/builds/" in name and each["status"] in builds.GOING_ON]


def pushed(cloud: "Cloud", push: Push) -> None:
    """Starts what that push starts, each by itself."""
    if any(each in git(push.folder, "log", "-1", "--format=%B", push.new).lower() for each in SKIPPED):
        return
    changed = _changed(push)
    for name, found in cloud.state.resources.items():
        if "/triggers/" in name and _starts(cloud.state, found, push, changed):
            started = threading.Thread(target=_start, args=(cloud, name, dict(found), push), name=name, daemon=True)
            cloud.triggered.threads.append(started)
            started.start()


def matches(glob: str, path: str) -> bool:
    """Whether a path is one of those that includedFiles or ignoredFiles mean: * is within a folder, ** is anywhere."""
    text = ""
    for piece in re.split(r"(\*\*/|\*\*|\*|\?)", glob):
        text += {"**/": "(.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}.get(piece, re.escape(piece))
    return re.fullmatch(text, path) is not None


def _wanted(call: Call, parent: str) -> JSON:
    """The trigger that is sent, if it is one."""
    sent = {key: value for key, value in call.body.items() if key not in SENT}
    if strange := set(sent) - UNDERSTOOD:
        raise Unknown(f"of triggers {', '.join(sorted(strange))}")
    if "name" in sent and not NAME.fullmatch(sent["name"]):
        raise _invalid("trigger name must match " + NAME.pattern)
    if "filename" not in sent:
        raise _invalid("a trigger needs a build template")
    if odd := [key for key in sent.get("substitutions", {}) if not KEY.fullmatch(key)]:
        raise _invalid(f"substitution key {odd[0]} does not match {KEY.pattern}")
    _check_account(call, sent.get("serviceAccount", ""))
    return {**sent, **_checked_source(call, parent, sent)}


def _check_account(call: Call, account: str) -> None:
    """A trigger that names none is refused as new projects do it: they have no account that builds by default."""
    if not account:
        raise Refusal(400, "Request contains an invalid argument.")
    name = call.world.canonical(account)
    if not re.fullmatch(r"projects/[^/]+/serviceAccounts/[^/]+@[^/]+", name):
        raise _invalid(f"service account {account} is not of the form projects/PROJECT/serviceAccounts/ADDRESS")
    if not call.world.permits(call.who, "iam.serviceAccounts.actAs", name):
        raise Refusal(403, "generic::permission_denied: user does not have impersonation permission on the trigger service account "
                           f"specified: {account}")  # fmt: skip
    if not call.world.sees(name):
        raise _invalid(f"service account {account} does not exist")


def _checked_source(call: Call, parent: str, sent: JSON) -> JSON:
    world = call.world
    match sent:
        case {"repositoryEventConfig": {"repository": repository, "push": {"branch": branch}}, **rest} if (
            "triggerTemplate" not in rest
        ):
            name = world.canonical(repository)
            if name not in world.resources:
                raise Refusal(404, f"Resource '{name}' was not found")
            if not name.startswith(f"{parent}/connections/"):
                raise _invalid(f"the repository {repository} is not of the trigger's project and region")
            connection = world.resources[name.partition("/repositories/")[0]]
            kind = "GITHUB" if "githubConfig" in connection else "GITLAB"
            checked = {
                "repositoryEventConfig": {**sent["repositoryEventConfig"], "repository": name, "repositoryType": kind}
            }
        case {"triggerTemplate": {"repoName": repository, "branchName": branch} as template} if (
            "repositoryEventConfig" not in sent
        ):
            project = call.project(parent)
            template = {"projectId": project.id, **template}
            if f"projects/{template['projectId']}/repos/{repository}" not in world.resources:
                raise Refusal(400, "Repository mapping does not exist. Please visit https://console.cloud.google.com/cloud-build/triggers/"
                                   f"connect?project={project.number} to connect a repository to your project",
                              code="FAILED_PRECONDITION")  # fmt: skip
            checked = {"triggerTemplate": template}
        case _:
            raise Unknown(f"the event of a trigger: {sent}")
    _check_pattern(branch)
    return checked


def _check_pattern(pattern: str) -> None:
    try:
        re.compile(pattern)
    except re.error as error:
        raise _invalid(f"invalid branch regex {pattern!r}: {error}") from None
    if NOT_RE2.search(pattern):
        raise _invalid(f"invalid branch regex {pattern!r}: it is not one of RE2")


def _invalid(message: str) -> Refusal:
    return Refusal(400, f"generic::invalid_argument: {message}")


def _find(call: Call, name: str) -> str:
    """The name by which it stands: a trigger can be asked for by its id as well."""
    parent, _, key = name.rpartition("/triggers/")
    if name in call.world.resources:
        return name
    for each in call.world.below(parent, "triggers"):
        if each["id"] == key:
            return f"{parent}/triggers/{each['name']}"
    raise Refusal(404, "Requested entity was not found.")


def _shown(parent: str, found: JSON) -> JSON:
    return {**found, "resourceName": f"{parent}/triggers/{found['id']}"}


# what a push starts


def _starts(world: World, trigger: JSON, push: Push, changed: list[str]) -> bool:
    if trigger.get("disabled"):
        return False
    source, pattern = _listens(world, trigger)
    if source != push.repository or not re.search(pattern, push.branch):
        return False
    left = [each for each in changed if not any(matches(glob, each) for glob in trigger.get("ignoredFiles", []))]
    if trigger.get("ignoredFiles") and not left:
        return False
    included = trigger.get("includedFiles", [])
    return not included or any(matches(glob, each) for glob in included for each in left)


def _listens(world: World, trigger: JSON) -> tuple[str, str]:
    """The repository, as pushes name it, and the pattern of its branches."""
    if template := trigger.get("triggerTemplate"):
        return f"projects/{template['projectId']}/repos/{template['repoName']}", template["branchName"]
    event = trigger["repositoryEventConfig"]
    remote = world.resources.get(event["repository"], {}).get("remoteUri", "")
    return remote.removesuffix(".git").lower(), event["push"]["branch"]


def _changed(push: Push) -> list[str]:
    """The paths that differ; of a new branch, all there are."""
    return git(push.folder, "diff", "--name-only", "-z", push.old or EMPTY_TREE, push.new).split("\0")[:-1]


def _start(cloud: "Cloud", name: str, trigger: JSON, push: Push) -> None:
    try:
        if hindered := _begin(cloud, name, trigger, push):
            cloud.triggered.unstarted.append(f"{trigger['name']}: {hindered}")
    except Exception as fault:
        cloud.unknown.append(f"how to start a build for the trigger {trigger['name']}: {fault!r}")


def _begin(cloud: "Cloud", name: str, trigger: JSON, push: Push) -> str:
    """Starts the build; or says why it cannot be."""
    _, project, _, location, *_ = name.split("/")
    account = trigger["serviceAccount"].rpartition("/")[2]
    with cloud.turn:
        if hindered := _hindered(cloud.state, account, push):
            return hindered
    workspace = Path(tempfile.mkdtemp(prefix="workspace-", dir=cloud.scratch))
    git(workspace, "init", "--quiet")
    git(workspace, "fetch", "--quiet", "--depth=1", push.folder.as_uri(), push.new)
    git(workspace, "checkout", "--quiet", "--detach", push.new)
    if not (workspace / trigger["filename"]).is_file():
        return f"there is no {trigger['filename']} in {push.new}"
    begin, config = cloud.triggered.begin or builds.begin, _config(workspace / trigger["filename"])
    given = {**_built_in(trigger, push), **trigger.get("substitutions", {})}
    try:
        with cloud.turn:
            begin(cloud.state, project=project, location=location, config=config, workspace=workspace, substitutions=given,
                  account=account, trigger=trigger["id"])  # fmt: skip
    except Refusal as refusal:
        return refusal.message
    return ""


def _hindered(world: World, account: str, push: Push) -> str:
    """Why the source cannot be had: Google's repositories are read by the account that builds, others by Cloud Build itself."""
    who = f"serviceAccount:{account}"
    if push.repository.startswith("projects/") and not world.permits(who, "source.repos.get", push.repository):
        return f"{account} does not have source.repos.get on {push.repository}"
    return ""


def _built_in(trigger: JSON, push: Push) -> dict[str, str]:
    full = push.repository.removeprefix("https://").partition("/")[2]
    repository = push.repository.partition("/repos/")[2] or full.rpartition("/")[2]
    return {
        "BRANCH_NAME": push.branch, "COMMIT_SHA": push.new, "REF_NAME": push.branch, "REPO_FULL_NAME": full, "REPO_NAME": repository,
        "REVISION_ID": push.new, "SHORT_SHA": push.new[:7], "TRIGGER_BUILD_CONFIG_PATH": trigger["filename"], "TRIGGER_NAME": trigger["name"],
    }  # fmt: skip


def _config(file: Path) -> JSON:
    import yaml

    found: JSON = yaml.safe_load(file.read_text())
    return found


def git(folder: Path, *argv: str) -> str:
    done = subprocess.run((need("git"), *argv), cwd=folder, env=alone(), check=True, capture_output=True, text=True)
    return done.stdout


def alone(**told: str) -> dict[str, str]:
    """An environment in which git reads nobody's settings."""
    return {"PATH": os.environ["PATH"], "HOME": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", **told}
