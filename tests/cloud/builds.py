"""Cloud Build: builds that really run, step by step, each step a process in the room as the build's own service account.

A build is asked for by `begin`, which needs the world alone; `running` is what carries builds out while the cloud is there.
"""

import base64
import io
import os
import re
import signal
import subprocess
import sys
import tarfile
import threading
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from cloud import objects
from cloud.refusals import Refusal, Unknown
from cloud.routes import Call, answers
from cloud.web import JSON, Answer, Request
from cloud.world import World, member, now

if TYPE_CHECKING:
    from cloud.standin import Cloud

HERE = Path(__file__).resolve().parent
CB = "cloudbuild"
LOCATION = "projects/*/locations/*"
BUILD = f"{LOCATION}/builds/*"
UNDERSTOOD = frozenset("steps substitutions serviceAccount logsBucket options timeout source tags queueTtl".split())
OF_OPTIONS = frozenset("logging substitutionOption dynamicSubstitutions machineType env".split())
OF_STEPS = frozenset("id name args env dir entrypoint waitFor timeout".split())
BUILDERS = {"gcr.io/cloud-builders/docker": "docker", "gcr.io/cloud-builders/gcloud": "gcloud"}
PYTHON = re.compile(r"python:3(\.\d+)?(-slim)?")
KEY = re.compile(r"\$\$|\$\{([A-Z_][A-Z0-9_]*)\}|\$([A-Z_][A-Z0-9_]*)")
OF_TRIGGERS = frozenset(
    "TRIGGER_NAME COMMIT_SHA REVISION_ID SHORT_SHA REPO_NAME REPO_FULL_NAME BRANCH_NAME TAG_NAME REF_NAME TRIGGER_BUILD_CONFIG_PATH".split()
)
GOING_ON = ("QUEUED", "WORKING")


# ------------------------------------------------------------------------------- what is asked


@answers(f"POST {CB}/v1/{{parent={LOCATION}}}/builds", needs="cloudbuild.builds.create")
def create(call: Call, parent: str) -> JSON:
    _, project, _, location = parent.split("/")
    wanted = dict(call.body)
    account = call.world.canonical(wanted.get("serviceAccount", "").removeprefix("https://iam.googleapis.com/v1/"))
    if not account:
        raise Unknown("a build without a serviceAccount: which one it gets differs from organisation to organisation")
    if not call.world.permits(call.who, "iam.serviceAccounts.actAs", account):
        raise Refusal(403, f"caller does not have permission to act as service account {account}")
    builder = account.rpartition("/")[2]
    source = wanted.pop("source", {})
    found = begin(call.world, project=project, location=location, config=wanted, workspace=_source(call.world, source, builder),
                  substitutions={}, account=builder, source=source)  # fmt: skip
    return _operation(found, parent)


@answers(f"GET {CB}/v1/{{name={BUILD}}}", needs="cloudbuild.builds.get")
def describe(call: Call, name: str) -> JSON:
    return call.find(name)


@answers(f"GET {CB}/v1/{{parent={LOCATION}}}/builds", needs="cloudbuild.builds.list")
def list_all(call: Call, parent: str) -> JSON:
    wanted = re.fullmatch(r'trigger_id="(.+)"', call.request.asks("filter"))
    if call.request.asks("filter") and not wanted:
        raise Unknown(f"the filter of builds {call.request.asks('filter')!r}")
    newest = sorted(call.world.below(parent, "builds"), key=lambda each: each["createTime"], reverse=True)
    if wanted:
        newest = [each for each in newest if each.get("buildTriggerId") == wanted[1]]
    return {"builds": newest}


@answers(f"POST {CB}/v1/{{name={BUILD}}}:cancel", needs="cloudbuild.builds.update")
def cancel(call: Call, name: str) -> JSON:
    found = call.find(name)
    if found["status"] in GOING_ON:
        found.update(status="CANCELLED", finishTime=now())
    return found


@answers(f"GET {CB}/v1/{{name={LOCATION}/operations/*}}", needs="cloudbuild.builds.get")
def operation(call: Call, name: str) -> JSON:
    parent, _, key = name.rpartition("/operations/")
    return _operation(call.find(f"{parent}/builds/{base64.urlsafe_b64decode(key).decode()}"), parent)


@answers("GET storage/{bucket}/{object}", needs="storage.objects.get", on="buckets/{bucket}/objects/{object}")
@answers("GET storage/{bucket}/{object=*/*}", needs="storage.objects.get", on="buckets/{bucket}/objects/{object}")
@answers("GET storage/{bucket}/{object=*/*/*}", needs="storage.objects.get", on="buckets/{bucket}/objects/{object}")
def read_log(call: Call, bucket: str, object: str) -> JSON | Answer:
    """As browsers read an object, and gcloud the log of a build."""
    return objects.read(replace(call, request=replace(call.request, query={"alt": ["media"]})), bucket, object)


def _operation(build: JSON, parent: str) -> JSON:
    kind = "type.googleapis.com/google.devtools.cloudbuild.v1"
    name = f"{parent}/operations/{base64.urlsafe_b64encode(build['id'].encode()).decode()}"
    made = {"name": name, "metadata": {"@type": f"{kind}.BuildOperationMetadata", "build": build}}
    if build["status"] in GOING_ON:
        return made
    if build["status"] == "SUCCESS":
        return {**made, "done": True, "response": {"@type": f"{kind}.Build", **build}}
    return {**made, "done": True, "error": {"code": 9, "message": build.get("statusDetail", build["status"])}}


def _source(world: World, source: JSON, builder: str) -> bytes:
    """The archive that the build is of, as far as its account may read it."""
    if not source:
        return b""
    if set(source) != {"storageSource"}:
        raise Unknown(f"the source of a build {source}")
    where = source["storageSource"]
    name = f"buckets/{where['bucket']}/objects/{where['object']}"
    if not world.permits(member(builder), "storage.objects.get", name):
        raise Refusal(400, f"could not resolve source: googleapi: Error 403: {builder} does not have storage.objects.get access to the "
                           "Google Cloud Storage object. Permission 'storage.objects.get' denied on resource (or it may not exist)., forbidden")  # fmt: skip
    if world.resources.get(name, {}).get("generation") != where.get("generation"):
        raise Refusal(400, f"could not resolve source: googleapi: Error 404: No such object: {where['bucket']}/{where['object']}, notFound")  # fmt: skip
    return world.content[name]


def begin(cloud: "Cloud | World", *, project: str, location: str, config: JSON, workspace: Path | bytes, substitutions: Mapping[str, str],
          account: str, trigger: str = "", source: JSON | None = None) -> JSON:  # fmt: skip
    """Queues a build and returns it, as builds.get shows it; its `status` changes in place, in `world.resources`, until it has ended.

    `config` is cloudbuild.yaml as a dictionary; `workspace` the folder that is to lie at /workspace (it is copied at once), or that as
    a tar archive; `account` the address of the service account that it runs as, whoever asks for it having been permitted to before.
    `substitutions` come before those of the config: those of a trigger (COMMIT_SHA, BRANCH_NAME, TRIGGER_NAME, _DIR, ...).
    `trigger` is the id of the trigger that began it: a build of a trigger may be given substitutions that it does not use.
    What Cloud Build would not take is a Refusal, what the stand-in does not know an Unknown; nothing is queued then.
    """
    world, turn = (cloud, nullcontext()) if isinstance(cloud, World) else (cloud.state, cloud.turn)
    found = world.projects[project]
    number, parent = str(uuid.uuid4()), f"projects/{project}/locations/{location}"
    _check_known(config)
    if world.account(account) not in world.resources:
        raise Refusal(400, f"could not find service account {account}")
    given = {**config.get("substitutions", {}), **substitutions}
    options = config.get("options", {})
    loose = bool(trigger) or options.get("substitutionOption") == "ALLOW_LOOSE"
    email = {"SERVICE_ACCOUNT_EMAIL": account, "SERVICE_ACCOUNT": f"projects/{project}/serviceAccounts/{account}"}
    built_in = {
        "PROJECT_ID": project,
        "PROJECT_NUMBER": found.number,
        "BUILD_ID": number,
        "LOCATION": location,
        **email,
    }
    filled = _substituted(config, given, built_in, loose)
    if not filled.get("logsBucket"):
        raise Refusal(400, "if 'build.service_account' is specified, the build must either (a) specify 'build.logs_bucket', (b) use the "
                           "REGIONAL_USER_OWNED_BUCKET build.options.default_logs_bucket_behavior option, or (c) use either "
                           "CLOUD_LOGGING_ONLY / NONE logging options")  # fmt: skip
    bucket = filled["logsBucket"].removeprefix("gs://").partition("/")[0]
    if not world.permits(member(account), "storage.buckets.get", f"buckets/{bucket}"):
        raise Refusal(400, f'invalid bucket "{bucket}"; service account {email["SERVICE_ACCOUNT"]} does not have access to the bucket')  # fmt: skip
    _check_steps(filled["steps"])
    build = {
        "name": f"projects/{found.number}/locations/{location}/builds/{number}", "id": number, "projectId": project, "status": "QUEUED",
        "createTime": now(), "queueTtl": "3600s", "timeout": "600s", **filled, "substitutions": dict(given),
        "serviceAccount": email["SERVICE_ACCOUNT"],
        "logUrl": f"https://console.cloud.google.com/cloud-build/builds;region={location}/{number}?project={found.number}",
        **({"source": source, "sourceProvenance": {"resolvedStorageSource": source.get("storageSource", {})}} if source else {}),
        **({"buildTriggerId": trigger} if trigger else {}),
    }  # fmt: skip
    name, archive = f"{parent}/builds/{number}", _packed(workspace) if isinstance(workspace, Path) else workspace
    with turn:
        world.uploads[name] = {}, archive
        world.resources[name] = build
    return build


def _check_known(config: JSON) -> None:
    strange = {*config} - UNDERSTOOD | {*config.get("options", {})} - OF_OPTIONS
    for step in config.get("steps", []):
        strange |= {*step} - OF_STEPS
    if strange:
        raise Unknown(f"{', '.join(sorted(strange))} of a build")
    if config.get("options", {}).get("logging") not in (None, "LEGACY", "GCS_ONLY"):
        raise Unknown(f"logs of a build in {config['options']['logging']}")
    if not config.get("steps"):
        raise Refusal(400, "invalid build: no build steps specified")


def _check_steps(steps: Sequence[JSON]) -> None:
    before: set[str] = set()
    for number, step in enumerate(steps):
        if step["name"] not in BUILDERS and not PYTHON.fullmatch(step["name"]):
            raise Unknown(f"the builder {step['name']}")
        for each in step.get("waitFor", []):
            if each != "-" and each not in before:
                raise Refusal(
                    400, f'invalid build: invalid build step #{number}: wait_for "{each}" is not a previous step ID'
                )
        if step.get("id") in before:
            raise Refusal(400, f'invalid build: step ID "{step["id"]}" is not unique')
        before |= {step["id"]} if "id" in step else set()


def _substituted(config: JSON, given: Mapping[str, str], built_in: Mapping[str, str], loose: bool) -> JSON:
    """The config with its $KEYs filled in; every key must have a value, and every value, unless `loose`, a key."""
    for key in given:
        if not re.fullmatch(r"_[A-Z0-9_]+", key) and key not in OF_TRIGGERS:
            raise Refusal(400, f'invalid build: invalid .substitutions field: substitution key "{key}" does not respect format '
                               '"^_[A-Z0-9_]+$" and is not an overridable built-in substitutions')  # fmt: skip
    values = {**dict.fromkeys(OF_TRIGGERS, ""), **given, **built_in}
    faults: dict[str, None] = {}
    used: set[str] = set()

    def value(key: re.Match[str]) -> str:
        name = key[1] or key[2]
        if name is None:
            return "$"
        used.add(name)
        if name not in values and name.startswith("_"):
            faults[f'key "{name}" in the template is not matched in the substitution data'] = None
        elif name not in values:
            faults[
                f"invalid value for 'build.substitutions': key in the template \"{name}\" is not a valid built-in substitution"
            ] = None
        return values.get(name, "")

    def fill(part: Any) -> Any:
        match part:
            case str():
                return KEY.sub(value, part)
            case list():
                return [fill(each) for each in part]
            case dict():
                return {name: fill(each) for name, each in part.items()}
        return part

    filled = {name: part if name == "substitutions" else fill(part) for name, part in config.items()}
    if not loose:
        unused = (
            f'key "{key}" in the substitution data is not matched in the template' for key in given if key not in used
        )
        faults |= dict.fromkeys(unused)
    if faults:
        raise Refusal(400, f"generic::invalid_argument: {';'.join(faults)}")
    return filled


def _packed(folder: Path) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.add(folder, arcname=".")
    return buffer.getvalue()


# ------------------------------------------------------------------------------- what is done


@contextmanager
def running(cloud: "Cloud") -> Iterator[None]:
    """While this lasts, builds that are queued are carried out, each in threads of its own; those at work end with the cloud."""
    at_work: list[threading.Thread] = []
    watch = threading.Thread(target=_watch, args=(cloud, at_work), daemon=True)
    watch.start()
    try:
        yield
    finally:
        cloud.closing.set()
        for each in (watch, *at_work):
            each.join()


def _watch(cloud: "Cloud", at_work: list[threading.Thread]) -> None:
    while not cloud.closing.wait(0.05):
        with cloud.turn:
            queued = [
                (name, each)
                for name, each in cloud.state.resources.items()
                if "/builds/" in name and each["status"] == "QUEUED"
            ]
            for name, build in queued:
                build.update(status="WORKING", startTime=now())
                thread = threading.Thread(target=_carry_out, args=(cloud, name, build), daemon=True)
                at_work.append(thread)
                thread.start()


def _carry_out(cloud: "Cloud", name: str, build: JSON) -> None:
    from cloud import containers

    folder = cloud.scratch / "builds" / build["id"]
    log = Log(cloud, build)
    try:
        with containers.engine(folder) as engine:
            Work(cloud, build, folder, log, engine).do(cloud.state.uploads.pop(name)[1])
    except Failure as failure:
        _end(cloud, build, failure.status, {"type": failure.kind, "detail": failure.detail})
    except BaseException as fault:  # a tool that is not installed is no Exception
        with cloud.turn:
            cloud.unknown.append(f"the build {build['id']}, which it stumbled over: {fault!r}")
        _end(cloud, build, "INTERNAL_ERROR", {"type": "FAILURE_TYPE_UNSPECIFIED", "detail": repr(fault)})
    else:
        _end(cloud, build, "SUCCESS")


def _end(cloud: "Cloud", build: JSON, status: str, failure: JSON | None = None) -> None:
    with cloud.turn:
        if build["status"] in GOING_ON:
            build.update(status=status, finishTime=now())
            build.update({"failureInfo": failure, "statusDetail": failure["detail"]} if failure else {})


class Failure(Exception):
    """What ends a build before its time."""

    def __init__(self, status: str, kind: str, detail: str) -> None:
        super().__init__(detail)
        self.status, self.kind, self.detail = status, kind, detail


@dataclass(slots=True)
class Log:
    """The log of a build, an object in its bucket that grows."""

    cloud: "Cloud"
    build: JSON

    @property
    def name(self) -> str:
        bucket, _, folder = self.build["logsBucket"].removeprefix("gs://").partition("/")
        return f"buckets/{bucket}/objects/{folder.rstrip('/') + '/' if folder else ''}log-{self.build['id']}.txt"

    def begin(self) -> None:
        builder = self.build["serviceAccount"].rpartition("/")[2]
        with self.cloud.turn:
            if not self.cloud.state.permits(member(builder), "storage.objects.create", self.name):
                raise Failure("FAILURE", "LOGGING_FAILURE", "Failure setting up GCS logging: failed to create GCS logging client: error "
                              f"creating logfile: googleapi: Error 403: {builder} does not have storage.objects.create access to the "
                              "Google Cloud Storage object., forbidden")  # fmt: skip
        self.say(f'starting build "{self.build["id"]}"', "")

    def say(self, *lines: str) -> None:
        text, world = "".join(f"{line}\n" for line in lines).encode(), self.cloud.state
        with self.cloud.turn:
            content = world.content.get(self.name, b"") + text
            if self.name not in world.resources:
                self._create(content)
            world.content[self.name] = content
            world.resources[self.name].update(size=str(len(content)), updated=now())

    def _create(self, content: bytes) -> None:
        _, bucket, _, name = self.name.split("/", 3)
        query = {"uploadType": ["media"], "name": [name]}
        request = Request("POST", "storage.googleapis.com", "/upload", query, {"content-type": "text/plain"}, content)
        objects.upload(Call(self.cloud.state, request, member(self.build["serviceAccount"].rpartition("/")[2])), bucket)


@dataclass(slots=True)
class Work:
    """One build as it is done."""

    cloud: "Cloud"
    build: JSON
    folder: Path
    log: Log
    engine: Mapping[str, str]
    failed: threading.Event = field(default_factory=threading.Event)
    failures: list[Failure] = field(default_factory=list)
    until: float = 0

    def do(self, archive: bytes) -> None:
        self.until = time.monotonic() + float(self.build["timeout"].removesuffix("s"))
        self.log.begin()
        self._lay_out(archive)
        self.log.say("BUILD")
        done = [threading.Event() for _ in self.build["steps"]]
        threads = [threading.Thread(target=self._take, args=(number, done), daemon=True) for number in range(len(done))]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        if self.failures:
            self.log.say("ERROR", f"ERROR: {self.failures[0].detail.removeprefix('Build step failure: ')}")
            raise self.failures[0]
        self.log.say("PUSH", "DONE")

    @property
    def workspace(self) -> Path:
        return self.folder / "workspace"

    def _lay_out(self, archive: bytes) -> None:
        for each in (self.workspace, self.folder / "home", self.folder / "bin"):
            each.mkdir(parents=True)
        (self.folder / "bin" / "docker").symlink_to(HERE / "docker")
        if where := self.build.get("source", {}).get("storageSource"):
            self.log.say(
                "FETCHSOURCE",
                f"Fetching storage object: gs://{where['bucket']}/{where['object']}#{where['generation']}",
            )
        if archive:
            with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
                opened.extractall(self.workspace, filter="data")

    def _take(self, number: int, done: Sequence[threading.Event]) -> None:
        step = self.build["steps"][number]
        for earlier in self._awaited(number):
            done[earlier].wait()
        try:
            if not self.failed.is_set():
                self._run(number, step)
        except Failure as failure:
            step["status"] = failure.status
            self.failures.append(failure)
            self.failed.set()
        except Exception as fault:
            self.failures.append(Failure("INTERNAL_ERROR", "FAILURE_TYPE_UNSPECIFIED", repr(fault)))
            self.failed.set()
        finally:
            done[number].set()

    def _awaited(self, number: int) -> list[int]:
        """Without a waitFor all steps before; with one, those that it names."""
        steps = self.build["steps"][:number]
        wanted = self.build["steps"][number].get("waitFor")
        return [at for at, each in enumerate(steps) if not wanted or each.get("id") in wanted]

    def _run(self, number: int, step: JSON) -> None:
        title = f"Step #{number}" + (f' - "{step["id"]}"' if "id" in step else "")
        self.log.say(f"Starting {title}", f"{title}: Already have image (with digest): {step['name']}")
        step.update(status="WORKING", timing={"startTime": now()})
        process = subprocess.Popen(self.cloud.command(_argv(step), self._place(step)), env=self._environment(step), text=True,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, errors="replace",
                                   start_new_session=True)  # fmt: skip
        reader = threading.Thread(target=self._pass_on, args=(process.stdout, title), daemon=True)
        reader.start()
        ended = self._await(process, self._limit(step))
        reader.join(5)
        step["timing"]["endTime"] = now()
        if ended or process.returncode:
            why = ended or f"step exited with non-zero status: {process.returncode}"
            status = {"": "FAILURE", "timed out": "TIMEOUT"}.get(ended, "CANCELLED")
            raise Failure(
                status, "USER_BUILD_STEP", f'Build step failure: build step {number} "{step["name"]}" failed: {why}'
            )
        step["status"] = "SUCCESS"
        self.log.say(f"Finished {title}")

    def _place(self, step: JSON) -> Path:
        place: Path = self.workspace / step.get("dir", "").removeprefix("/workspace").lstrip("/")
        place.mkdir(parents=True, exist_ok=True)
        return place

    def _environment(self, step: JSON) -> dict[str, str]:
        """That of the builder's account on a machine of Google's, with our docker and the Python of the tests at hand."""
        given = self.cloud.environment(self.build["serviceAccount"].rpartition("/")[2])
        path = os.pathsep.join(
            (str(self.folder / "bin"), str(Path(sys.executable).parent), given.get("PATH", os.defpath))
        )
        said = dict(
            each.partition("=")[::2] for each in (*self.build.get("options", {}).get("env", []), *step.get("env", []))
        )
        return {**given, "HOME": str(self.folder / "home"), "PATH": path, **self.engine, **said}

    def _limit(self, step: JSON) -> float:
        own = float(step["timeout"].removesuffix("s")) if "timeout" in step else float("inf")
        return min(self.until, time.monotonic() + own)

    def _await(self, process: "subprocess.Popen[str]", until: float) -> str:
        """Why it was ended, or nothing."""
        while process.poll() is None:
            reason = (
                "timed out" if time.monotonic() > until
                else "the cloud is gone" if self.cloud.closing.is_set()
                else "another step failed" if self.failed.is_set()
                else "cancelled" if self.build["status"] == "CANCELLED" else ""
            )  # fmt: skip
            if reason:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                return reason
            time.sleep(0.02)
        return "the cloud is gone" if self.cloud.closing.is_set() else ""

    def _pass_on(self, said: IO[str] | None, title: str) -> None:
        """What a step says, as it says it; many lines at once where they come faster than they are written."""
        assert said
        for line in said:
            self.log.say(f"{title}: {line.rstrip()}")


def _argv(step: JSON) -> list[str]:
    args = step.get("args", [])
    entrypoint = step.get("entrypoint") or BUILDERS.get(step["name"])
    if not entrypoint and not args:
        raise Failure("FAILURE", "USER_BUILD_STEP", f"{step['name']} is given nothing to run")
    return [entrypoint, *args] if entrypoint else list(args)
