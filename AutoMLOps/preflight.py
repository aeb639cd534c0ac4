"""Finds out what has to be so before anything is made in Google Cloud: tools, logins, the project, permissions.

It asks gcloud and Google, and changes nothing. What the answers come to is decided apart from the asking, in `read`.
"""

import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any

from . import rest, shell
from .cloud import Authority, authority
from .model import Problem
from .nouns import noun, replace
from .rest import QUIET
from .settings import Settings
from .shell import Asked

# 439 is the first whose `storage buckets list` answers in the words that provisioning reads; 438 took
# `builds connections` out of beta, 402 `storage` itself. 528 is the one that this is tested with.
OLDEST = (439, 0, 0)
INSTALL = "https://cloud.google.com/sdk/docs/install"
CONSOLE = "https://console.cloud.google.com"
MODULES = {
    "kfp": "kfp",
    "google.cloud.aiplatform": "google-cloud-aiplatform",
    "google.cloud.storage": "google-cloud-storage",
}
# What running gcloud in the project's name takes, on top of what it does there; the role to switch on APIs has it too.
USE = Authority(
    on="api",
    role="roles/serviceusage.serviceUsageConsumer",
    permissions=("serviceusage.services.use",),
    why="lets requests count as the project's own",
)
INFO = "json(basic.version,config.account,config.paths.global_config_dir,config.properties.auth)"
LOST = (
    "Max retries|NewConnection|Name or service|Unable to find the server|[Cc]ould not reach"
    "|[Tt]imed out|[Cc]onnection (refused|reset|aborted)|UNAVAILABLE|INTERNAL|Internal Server Error"
)
NOTHING_THERE = 404
REFUSED = (401, 403)
# What the project need not grant: the one thing may do so, and may not be there yet.
NARROWER = {
    "builder": "gcloud iam service-accounts add-iam-policy-binding BUILDER --project={project}",
    "callers": "gcloud iam service-accounts add-iam-policy-binding SUBMITTER --project={project}",
    "secret": "gcloud secrets add-iam-policy-binding SECRET --project={project}",
}


class Fate(StrEnum):
    """How a check came out; unknown is what could not be asked."""

    OK = "ok"
    WRONG = "wrong"
    UNKNOWN = "unknown"


@noun
class Check:
    """One thing that has to be so: how it is, and the command or the page that mends it."""

    name: str
    fate: Fate
    told: str
    mend: str = ""


@noun
class Held:
    """The permissions of the caller on the project, and on the bucket where there is one; or why they are not known."""

    project: frozenset[str] = frozenset()
    bucket: frozenset[str] | None = None
    fault: str = ""


@noun
class Answers:
    """All that was answered. `login` and `default` are about tokens and hold none; of `key` and `default_key` each says
    whether that login is the key of a service account; `default` and `modules` are None where nobody asked."""

    project: str
    wanted: tuple[Authority, ...]
    gcloud: Asked
    login: Asked
    described: Asked
    billed: Asked
    held: Held
    key: bool = False
    default: Asked | None = None
    default_key: bool = False
    default_file: str = ""
    modules: Mapping[str, str | None] | None = None


def checks(settings: Settings, *, submits: bool, builds: bool = True) -> tuple[Check, ...]:
    """What has to be so in the project of the settings, and on this machine if it `submits` the pipeline. Whether the
    codebase `builds` images decides what it takes to provision for it.

    What cannot be asked as long as something else is wrong is left out.
    """
    if not settings.project_id:
        raise ValueError("there is no project to look at")
    wanted = (USE, *authority(settings, builds))
    return tuple(read(_answers(settings.project_id, settings.bucket, wanted, submits)))


def tools(*, builds: bool = True) -> tuple[Check, ...]:
    """What has to be on this machine to submit from it, and to build where that is to be done; nobody is asked."""
    if not builds:
        return (_python_check(_versions()),)
    here = any(os.access(os.path.join(folder, "gcloud"), os.X_OK) for folder in os.get_exec_path())
    mend = "" if here else f"install it: {INSTALL}"
    told = "gcloud is there" if here else "gcloud is not installed, or not on PATH"
    return Check(name="gcloud", fate=Fate.OK if here else Fate.WRONG, told=told, mend=mend), _python_check(_versions())


def unlogged(login: Asked) -> tuple[Problem, ...]:
    """Why nobody can be asked with the login that gcloud has, as the checks say it."""
    nothing = Asked(code=0)
    asked = Answers(
        project="", wanted=(), gcloud=_gcloud("info", f"--format={INFO}"), login=login, described=nothing,
        billed=nothing, held=Held(),
    )  # fmt: skip
    first = [_gcloud_check(asked.gcloud), *([_login_check(asked)] if asked.gcloud.code in (0, shell.LATE) else [])]
    found = [each for each in first if each.fate is not Fate.OK]
    told = tuple(Problem(message=each.told, hint=each.mend) for each in found)
    return told or (Problem(message="gcloud gave no token to ask with", hint="gcloud auth login"),)


def problems(found: Iterable[Check]) -> tuple[Problem, ...]:
    """What is wrong among the checks."""
    return tuple(Problem(message=each.told, hint=each.mend) for each in found if each.fate is Fate.WRONG)


# ------------------------------------------------------------------------------- asking


def _answers(project: str, bucket: str, wanted: tuple[Authority, ...], submits: bool) -> Answers:
    """Asks everything side by side: each call of gcloud takes half a second of its own."""
    from concurrent.futures import ThreadPoolExecutor

    pool = ThreadPoolExecutor(max_workers=6)
    try:
        rights = pool.submit(_rights, project, bucket, wanted)  # the longest: one question after the other
        described = pool.submit(_gcloud, "projects", "describe", project, "--format=json")
        billed = pool.submit(_gcloud, "billing", "projects", "describe", project, "--format=value(billingEnabled)")
        default = pool.submit(_unread, "auth", "application-default", "print-access-token") if submits else None
        gcloud = pool.submit(_gcloud, "info", f"--format={INFO}")
        modules = _versions() if submits else None
        login, held = rights.result()
        answers = Answers(
            project=project,
            wanted=wanted,
            gcloud=gcloud.result(),
            login=login,
            described=described.result(),
            billed=billed.result(),
            held=held,
            default=default.result() if default else None,
            modules=modules,
        )
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    return _with_keys(answers)


def _gcloud(*words: str) -> Asked:
    return shell.ask(("gcloud", *words), environment=QUIET)


def _unread(*words: str) -> Asked:
    return shell.ask(("gcloud", *words), environment=QUIET, unread=True)


def _with_keys(answers: Answers) -> Answers:
    """The answers with what the files of the two logins say of themselves."""
    given = os.environ.get("GOOGLE_APPLICATION_CREDENTIALS", "")
    file = gcloud_of(answers.gcloud).file
    return replace(answers, key=_is_key(file), default_key=_is_key(given), default_file=given)


def _is_key(file: str) -> bool:
    """Whether a file holds the key of a service account: it says so in its "type"."""
    try:
        login = json.loads(Path(file).read_bytes()) if file else None
    except (OSError, ValueError):
        return False
    return isinstance(login, dict) and login.get("type") == "service_account"


def _versions() -> dict[str, str | None]:
    """The version of each package that submits pipelines, by the name pip knows it under; None where it is missing."""
    return {package: _version(package) if _is_there(module) else None for module, package in MODULES.items()}


def _is_there(module: str) -> bool:
    from importlib.util import find_spec

    try:
        return find_spec(module) is not None
    except (ImportError, ValueError):  # of a package around it that is missing, or is something else
        return False


def _version(package: str) -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _rights(project: str, bucket: str, wanted: tuple[Authority, ...]) -> tuple[Asked, Held]:
    """Whether gcloud has a login that holds, and what it may do."""
    login, google = rest.login()
    if google is None:
        return login, Held(fault="gcloud gave no token to ask with")
    names = [permission for each in wanted for permission in each.permissions]
    return login, _held(google, project, bucket, names)


Google = Callable[..., tuple[int, dict[str, Any]]]


def _held(google: Google, project: str, bucket: str, wanted: list[str]) -> Held:
    where = f"https://cloudresourcemanager.googleapis.com/v1/projects/{project}:testIamPermissions"
    found = _permissions(*google(where, {"permissions": wanted}))
    own = [each for each in wanted if _is_of_buckets(each) and each not in found.project]
    if found.fault or not own:
        return found
    of_bucket = f"https://storage.googleapis.com/storage/v1/b/{bucket}/iam/testPermissions"
    status, said = google(rest.address(of_bucket, permissions=own))
    if status == NOTHING_THERE:
        return found
    there = Held() if status in REFUSED else _permissions(status, said)
    return replace(found, bucket=there.project, fault=there.fault)


def _permissions(status: int, said: Mapping[str, Any]) -> Held:
    """An answer about permissions: without any, Google leaves the list out."""
    if status != 200:
        return Held(fault=rest.fault((status, said)))
    listed = said.get("permissions", [])
    return Held(project=frozenset(str(each) for each in listed)) if isinstance(listed, list) else Held()


# ------------------------------------------------------------------------------- what the answers come to


@noun
class Gcloud:
    """What gcloud says of itself: its version, who is logged in, as whom that acts, and the file of the login."""

    version: str
    account: str
    acting: str
    file: str


def gcloud_of(asked: Asked) -> Gcloud:
    """The answer of `gcloud info`."""
    found = rest.read(asked.said)

    def at(*path: str) -> str:
        here: Any = found
        for each in path:
            here = here.get(each) if isinstance(here, dict) else None
        return here if isinstance(here, str) else ""

    account, folder = at("config", "account"), at("config", "paths", "global_config_dir")
    own = str(Path(folder, "legacy_credentials", account, "adc.json")) if folder and account else ""
    impersonated = at("config", "properties", "auth", "impersonate_service_account", "value")
    return Gcloud(
        version=at("basic", "version"),
        account=account,
        acting=impersonated.split(",")[-1].strip() or account,
        file=at("config", "properties", "auth", "credential_file_override", "value") or own,
    )


def read(answers: Answers) -> Iterator[Check]:
    """The checks, in the order in which they are best mended."""
    gcloud = _gcloud_check(answers.gcloud)
    runs = answers.gcloud.code in (0, shell.LATE)
    login = _login_check(answers)
    yield gcloud
    if runs:
        yield login
        yield from [_default_check(answers, answers.default)] if answers.default else ()
    if answers.modules is not None:
        yield _python_check(answers.modules)
    if runs and login.fate is not Fate.WRONG:
        project = _project_check(answers)
        yield project
        if project.fate is not Fate.WRONG:
            yield _billing_check(answers)
            yield from _permission_checks(answers)


def _gcloud_check(asked: Asked) -> Check:
    def check(fate: Fate, told: str, mend: str = "") -> Check:
        return Check(name="gcloud", fate=fate, told=told, mend=mend)

    if asked.code == shell.MISSING:
        return check(Fate.WRONG, asked.complained, f"install it: {INSTALL}")
    if asked.code == shell.LATE:
        return check(Fate.UNKNOWN, asked.complained, "gcloud info")
    if asked.code:
        return check(Fate.WRONG, f"gcloud does not run: {_reason(asked)}", f"install it anew: {INSTALL}")
    version = gcloud_of(asked).version
    numbers = tuple(int(each) for each in re.findall(r"\d+", version)[:3])
    if not numbers:
        return check(Fate.UNKNOWN, "gcloud does not say which version it is", "gcloud version")
    if numbers < OLDEST:
        oldest = ".".join(map(str, OLDEST))
        return check(
            Fate.WRONG, f"gcloud {version} is too old: the scripts need {oldest} or later", "gcloud components update"
        )
    return check(Fate.OK, f"gcloud {version}")


def _login_check(answers: Answers) -> Check:
    found = gcloud_of(answers.gcloud)

    def check(fate: Fate, told: str, mend: str = "") -> Check:
        return Check(name="login", fate=fate, told=told, mend=mend)

    if answers.login.code and _unreached(answers.login):
        whose = f"the login of {found.account}" if found.account else "the login of gcloud"
        return check(Fate.UNKNOWN, f"{whose} could not be tried: {_reason(answers.login)}")
    if answers.login.code and not found.account:
        told = f"nobody is logged in to gcloud: {_reason(answers.login)}"
        return check(Fate.WRONG, told, "gcloud auth login")
    if answers.login.code:
        told = f"the login of {found.account} cannot be used: {_reason(answers.login)}"
        return check(Fate.WRONG, told, _login_mend(answers.login, found))
    told = f"gcloud acts as {found.acting or 'its login says'}"
    if found.acting != found.account:
        told += f", impersonated by {found.account or 'its login'}"
    if answers.key:
        told += (
            ", by a key; none is needed: log in as yourself and impersonate it (gcloud config set"
            " auth/impersonate_service_account EMAIL), or away from your machine use Workload Identity Federation"
        )
    return check(Fate.OK, told)


def _login_mend(asked: Asked, found: Gcloud) -> str:
    if "impersonate" not in asked.complained or found.acting == found.account:
        return "gcloud auth login"
    who, role = _member(found.account), "roles/iam.serviceAccountTokenCreator"
    return f"gcloud iam service-accounts add-iam-policy-binding {found.acting} --member={who} --role={role}"


def _default_check(answers: Answers, asked: Asked) -> Check:
    given = answers.default_file

    def check(fate: Fate, told: str, mend: str = "") -> Check:
        return Check(
            name="application-default credentials", fate=fate, told=f"Google's Python clients {told}", mend=mend
        )

    if asked.code and _unreached(asked):
        return check(Fate.UNKNOWN, f"have a login that could not be tried: {_reason(asked)}")
    if asked.code and given:
        told = f"cannot log in by {given}, where GOOGLE_APPLICATION_CREDENTIALS leads them: {_reason(asked)}"
        return check(Fate.WRONG, told, "unset GOOGLE_APPLICATION_CREDENTIALS; gcloud auth application-default login")
    if asked.code:
        return check(Fate.WRONG, f"have no login: {_reason(asked)}", "gcloud auth application-default login")
    if answers.default_key:
        told = (
            "have a login, the key of a service account; none is needed: gcloud auth application-default login"
            " --impersonate-service-account=EMAIL, or away from your machine Workload Identity Federation"
        )
        return check(Fate.OK, told)
    return check(Fate.OK, "have a login")


def _python_check(modules: Mapping[str, str | None]) -> Check:
    missing = [package for package, version in modules.items() if version is None]
    if missing:
        told = f"this Python has no {', '.join(missing)}, which submits the pipeline"
        return Check(name="python", fate=Fate.WRONG, told=told, mend=f"pip install {' '.join(missing)}")
    told = ", ".join(f"{package} {version}".strip() for package, version in modules.items())
    return Check(name="python", fate=Fate.OK, told=told)


def _project_check(answers: Answers) -> Check:
    project, asked = answers.project, answers.described

    def check(fate: Fate, told: str, mend: str = "") -> Check:
        return Check(name="project", fate=fate, told=told, mend=mend)

    if asked.code and _denied(asked):
        who = gcloud_of(answers.gcloud).acting or "who is logged in"
        told = f"there is no project {project}, or {who} may not see it: to Google that is the same answer"
        return check(Fate.WRONG, told, "gcloud projects list")
    if asked.code:
        return check(Fate.UNKNOWN, f"project {project} could not be looked at: {_reason(asked)}")
    state = str(rest.read(asked.said).get("lifecycleState", ""))
    if state != "ACTIVE":
        told = f"project {project} is not active but {state or 'in no state that Google names'}"
        return check(Fate.WRONG, told, f"gcloud projects undelete {project}" if state == "DELETE_REQUESTED" else "")
    return check(Fate.OK, f"project {project} is active")


def _billing_check(answers: Answers) -> Check:
    asked, page = answers.billed, f"{CONSOLE}/billing/linkedaccount?project={answers.project}"
    if asked.code:
        told = f"whether {answers.project} is paid for could not be asked: {_reason(asked)}"
        return Check(name="billing", fate=Fate.UNKNOWN, told=told, mend=f"look at {page}")
    if asked.said.strip() != "True":
        told = f"project {answers.project} has no billing account: Google makes nothing in it"
        mend = f"gcloud billing projects link {answers.project} --billing-account=ID, or {page}"
        return Check(name="billing", fate=Fate.WRONG, told=told, mend=mend)
    return Check(name="billing", fate=Fate.OK, told=f"project {answers.project} is paid for")


def _permission_checks(answers: Answers) -> Iterator[Check]:
    """One for each thing that the caller may not do, or one for all."""
    if answers.held.fault:
        told = f"what you may do in {answers.project} could not be asked: {answers.held.fault}"
        yield Check(name="permissions", fate=Fate.UNKNOWN, told=told)
        return
    who = gcloud_of(answers.gcloud).acting
    lacking = {each.on: (each, found) for each in answers.wanted if (found := lacks(each, answers.held))}
    for wanted, missing in lacking.values():  # of the two on APIs the later, whose role holds the other's permission
        yield _lacking_check(answers.project, who, wanted, missing)
    if not lacking:
        told = f"{who or 'your login'} may do all that provisioning takes"
        yield Check(name="permissions", fate=Fate.OK, told=told)


def _lacking_check(project: str, who: str, wanted: Authority, missing: tuple[str, ...]) -> Check:
    narrower = wanted.on in NARROWER
    place = f" in all of {project}" if narrower else ""
    command = NARROWER.get(wanted.on, "gcloud projects add-iam-policy-binding {project}").format(project=project)
    return Check(
        name="permissions",
        fate=Fate.UNKNOWN if narrower else Fate.WRONG,
        told=f"{who or 'your login'} may not {', '.join(missing)}{place}, which {wanted.why}",
        mend=f"{command} --member={_member(who)} --role={wanted.role}",
    )


def lacks(wanted: Authority, held: Held) -> tuple[str, ...]:
    """The permissions that are not held.

    What is in buckets is no matter of the basic roles: owners of a project have that by the policy of the bucket, from
    when they make it. Where there is no bucket yet, who may make it and write the project's policy counts as one.
    """
    has = held.project | (held.bucket or frozenset())
    owns = {"storage.buckets.create", "resourcemanager.projects.setIamPolicy"} <= held.project
    later = held.bucket is None and owns
    return tuple(each for each in wanted.permissions if each not in has and not (later and _is_of_buckets(each)))


def _is_of_buckets(permission: str) -> bool:
    """Whether the policy of a bucket can grant it: not the making and listing of buckets."""
    return permission.startswith("storage.") and permission not in ("storage.buckets.create", "storage.buckets.list")


def _member(who: str) -> str:
    if "://" in who:
        return who
    return f"serviceAccount:{who}" if who.endswith("gserviceaccount.com") else f"user:{who or 'YOU'}"


def _reason(asked: Asked) -> str:
    """What gcloud complained of, in one line."""
    lines = [line.strip() for line in asked.complained.splitlines() if line.strip()]
    error = next((line for line in lines if line.startswith("ERROR:")), lines[-1] if lines else "")
    told = re.sub(r"^ERROR: (\(\S+\) )?| \(Caused by .*", "", error)
    return told.rstrip(".:") or f"it ended with exit code {asked.code}"


def _denied(asked: Asked) -> bool:
    """Whether Google said that there is no such thing, or none for this caller."""
    off = re.search(r"SERVICE_DISABLED|has not been used in project", asked.complained)
    return not off and bool(re.search(r"does not have permission|PERMISSION_DENIED|not found", asked.complained, re.I))


def _unreached(asked: Asked) -> bool:
    """Whether it is the network that failed, and not the login."""
    return asked.code == shell.LATE or bool(re.search(LOST, asked.complained))
