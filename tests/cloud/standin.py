"""The stand-in cloud as a test holds it: commands that run in it, what exists there, and what was asked."""

import os
import re
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from cloud import (
    accounts,
    artifacts,
    builds,
    connections,
    execution,
    images,
    login,
    monitoring,
    objects,
    projects,
    pubsub,
    rpc,
    run,
    scheduler,
    schedules,
    sources,
    storage,
    triggers,
    vault,
    vertex,
)
from cloud.authority import Authority, authority
from cloud.faults import Fault
from cloud.names import refusing
from cloud.refusals import Refusal, Unknown
from cloud.room import NAMES, Room, room
from cloud.routes import answer, principal_of
from cloud.web import Answer, Request, serving
from cloud.world import World

UNDERSTOOD = (
    accounts,
    artifacts,
    builds,
    connections,
    images,
    login,
    monitoring,
    objects,
    projects,
    pubsub,
    run,
    scheduler,
    schedules,
    sources,
    storage,
    triggers,
    vault,
    vertex,
)  # each adds its routes when it is imported
PROJECT = "demo-project"
NUMBER = "123456789012"
OWNER = "owner@example.test"
LIMIT = 300  # seconds, for one command: a busy machine is no fault
EXPECTED_IN_VAIN = re.compile(
    r"(^|\.)metadata(\.google\.internal)?$"
)  # where a machine of Google's would find its account
READING = re.compile(r"^/[\w.]+/(Get|List)\w+$")  # methods of gRPC, which are POSTs all of them


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request that came, and what it was answered; 0 where the connection ended without an answer."""

    method: str
    host: str
    path: str
    query: Mapping[str, list[str]]
    content: bytes
    principal: str | None
    status: int

    @property
    def line(self) -> str:
        return f"{self.method} {self.host}{unquote(self.path)}"

    @property
    def writes(self) -> bool:
        """Whether it may change what exists; some that only read are POSTs."""
        reads = self.path.endswith(
            (":getIamPolicy", ":testIamPermissions", "/token", "/git-upload-pack", ":pull", ":modifyAckDeadline")
        ) or READING.search(self.path)
        return self.method not in ("GET", "HEAD") and not reads


@dataclass(slots=True)
class Cloud:
    room: Room
    authority: Authority
    scratch: Path
    state: World = field(default_factory=World)
    requests: list[Asked] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    delay: float = 0  # seconds that every answer takes longer, as over a network
    closing: threading.Event = field(default_factory=threading.Event)
    turn: threading.RLock = field(default_factory=threading.RLock)
    hosted: dict[str, str] = field(default_factory=dict)
    triggered: triggers.Triggered = field(default_factory=triggers.Triggered)
    jobs: execution.Jobs = field(init=False)

    def __post_init__(self) -> None:
        self.jobs = execution.Jobs(self.state, self.turn, self.start, self.scratch, self.unknown.append)

    def run(self, *argv: str | Path, as_: str | None = OWNER, cwd: Path | None = None, env: Mapping[str, str] | None = None,
            timeout: float = LIMIT) -> "subprocess.CompletedProcess[str]":  # fmt: skip
        """Runs a command, or a script by its path, as a principal; as nobody, who has not logged in, for None."""
        process = self.start(
            *argv, as_=as_, cwd=cwd, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        try:
            said, complained = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise
        return subprocess.CompletedProcess([str(each) for each in argv], process.returncode, said, complained)

    def start(self, *argv: str | Path, as_: str | None = OWNER, cwd: Path | None = None, env: Mapping[str, str] | None = None,
              **options: Any) -> "subprocess.Popen[Any]":  # fmt: skip
        """Starts one, for a test that means to interrupt it: a signal to what it returns is a signal to the command.

        It leads a process group; whatever of it is left ends with the cloud.
        """
        return subprocess.Popen(self.command(argv, cwd), env=self.environment(as_, env), stdin=subprocess.DEVNULL,
                                   start_new_session=True, **options)  # fmt: skip

    def command(self, argv: Sequence[str | Path], cwd: Path | None = None) -> list[str]:
        return self.room.command([str(each) for each in argv], Path(cwd or Path.cwd()).absolute())

    def environment(self, as_: str | None = OWNER, env: Mapping[str, str] | None = None) -> dict[str, str]:
        """That of the caller, without what would lead its commands to a real account or past the stand-in."""
        with self.turn:
            folder = self.scratch / "homes" / (as_ or "nobody")
            own = login.environment(folder, self.authority, self.state, as_, PROJECT)
        strange = re.compile(
            r"(CLOUDSDK|GOOGLE|GCLOUD|GCE|BOTO|AWS)_|STORAGE_EMULATOR_HOST$|(https?|all|no)_proxy$", re.I
        )
        kept = {name: value for name, value in os.environ.items() if not strange.match(name)}
        return {**kept, **own, **sources.SETUP, **(env or {})}

    def fault(self, pattern: str, how: int | str, **when: Any) -> Fault:
        """The next request whose `METHOD host/path` holds the pattern goes wrong; see Fault."""
        made = Fault(re.compile(pattern), how, **when)
        self.faults.append(made)
        return made

    def writes(self) -> list[str]:
        """The requests that may have changed something, in order."""
        return [each.line for each in self.requests if each.writes]

    def host(self, url: str, password: str = "") -> Path:
        """Makes a repository on github.com or gitlab.com, which takes pushes from whoever knows the password, if there is one."""
        self.hosted[url.removesuffix(".git").lower()] = password
        return sources.make(sources.folder(self.scratch, url))

    def settle(self, timeout: float = LIMIT) -> None:
        """Waits until every build has ended, those of triggers with them, and every job of Vertex AI."""
        self.triggered.settle(timeout)
        triggers.settle_builds(self, timeout)
        self.jobs.settle(timeout)

    @property
    def ignorance(self) -> str:
        """What it was asked and does not know, which is a fault of the test, of the code tested, or of the stand-in."""
        return self.unknown and "the stand-in does not know " + "; ".join(dict.fromkeys(self.unknown)) or ""

    def _handle(self, request: Request) -> Answer:
        status = 0
        if self.delay:
            self.closing.wait(self.delay)
        try:
            given = self._answer(request)
            status = given.status
            return given
        finally:
            self._log(request, status)

    def _answer(self, request: Request) -> Answer:
        with self.turn:
            fault = next((each for each in self.faults if each.meets(request)), None)
            if fault is None:
                return self._from_world(request)
            if fault.after:
                self._from_world(request)
        return fault.strike(request, self.closing)

    def _from_world(self, request: Request) -> Answer:
        try:
            if request.host in sources.HOSTS:
                return sources.serve(self, request)
            known = images.answer if images.serves(request.host) else answer
            given = known(self.state, request.rest)
            self.jobs.look()
            return given
        except Refusal as refusal:
            return refusal.answer(request.host)
        except Unknown as unknown:
            self.unknown.append(str(unknown))
            return Refusal(501, f"the stand-in does not know {unknown}").answer(request.host)
        except Exception as fault:
            self.unknown.append(f"{request.line}, which it stumbled over: {fault!r}")
            raise

    def _log(self, request: Request, status: int) -> None:
        with self.turn:
            self.requests.append(
                Asked(method=request.method, host=request.host, path=request.path, query=request.query, content=request.content,
                      principal=principal_of(self.state, request), status=status)
            )  # fmt: skip

    def _asked_for(self, name: str) -> None:
        if name not in NAMES and not EXPECTED_IN_VAIN.search(name):
            self.unknown.append(f"the host {name}")


@contextmanager
def standin() -> Iterator[Cloud]:
    """A cloud with one project, which is paid for and has one owner; it ends with an error if it was asked what it does not know."""
    with tempfile.TemporaryDirectory(prefix="cloud-") as folder:
        scratch = Path(folder)
        trusted = authority(scratch)
        with room(scratch) as private:
            cloud = Cloud(private, trusted, scratch)
            cloud.state.project(PROJECT, NUMBER)
            cloud.state.grant(OWNER, "roles/owner", on=f"projects/{PROJECT}")
            with (
                rpc.speaking(scratch, cloud._handle) as lead,
                serving(private.web, trusted, cloud._handle, lead),
                refusing(private.names, cloud._asked_for),
                builds.running(cloud),
            ):
                try:
                    yield cloud
                except BaseException as error:
                    error.add_note(cloud.ignorance or "The stand-in knew all that it was asked.")
                    raise
                finally:
                    cloud.closing.set()
                    cloud.jobs.close()
                    private.clear()
                    cloud.jobs.settle(LIMIT)
    if cloud.unknown:
        raise AssertionError(cloud.ignorance)
