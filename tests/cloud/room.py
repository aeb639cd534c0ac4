"""A private network and mount namespace, in which a command reaches loopback and nothing else."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import pytest
from tools import need

HERE = Path(__file__).resolve().parent
APIS = """accounts aiplatform apikeys artifactregistry bigquery cloudbilling cloudbuild cloudfunctions cloudkms
    cloudresourcemanager cloudscheduler compute containeranalysis developerconnect eventarc iam iamcredentials logging
    monitoring oauth2 orgpolicy pubsub run secretmanager serviceusage sourcerepo storage sts www""".split()
REGIONS = ("us-central1", "europe-west1")
NAMES = (
    *(f"{api}.googleapis.com" for api in APIS),
    *(f"{region}-{api}.googleapis.com" for region in REGIONS for api in ("aiplatform", "run", "cloudfunctions")),
    *(f"{region}-docker.pkg.dev" for region in REGIONS),
    "accounts.google.com",
    *("source.developers.google.com", "github.com", "gitlab.com"),
)


@dataclass(frozen=True, slots=True)
class Room:
    """The namespaces, held by one process; and the sockets that were opened in them and are served from out here."""

    process: "subprocess.Popen[bytes]"
    web: socket.socket
    names: socket.socket

    def command(self, argv: Sequence[str], cwd: Path) -> list[str]:
        """That command, within: the process that is started becomes the command itself, so a signal to it is one to the command."""
        user = [] if os.geteuid() == 0 else ["--user", "--preserve-credentials"]
        return ["nsenter", f"--target={self.process.pid}", *user, "--net", "--mount", f"--wd={cwd}", "--", *argv]

    def clear(self) -> None:
        """Ends what still runs within: a command that was killed leaves what it had started."""
        while left := list(self._within()):
            for handle in left:
                with suppress(ProcessLookupError):
                    signal.pidfd_send_signal(handle, signal.SIGKILL)
                os.close(handle)
            time.sleep(0.01)

    def _within(self) -> Iterator[int]:
        """Handles of the processes in this network, but for the one that holds it; a number alone might be another's by now."""
        network = os.readlink(f"/proc/{self.process.pid}/ns/net")
        for number in (int(each) for each in os.listdir("/proc") if each.isdecimal() and int(each) != self.process.pid):
            with suppress(OSError):
                handle = os.pidfd_open(number)
                try:
                    within = os.readlink(f"/proc/{number}/ns/net") == network
                except OSError:
                    within = False
                if within:
                    yield handle
                else:
                    os.close(handle)


@contextmanager
def room(scratch: Path) -> Iterator[Room]:
    need("nsenter")
    hosts, resolver = scratch / "hosts", scratch / "resolv.conf"
    hosts.write_text("".join(f"127.0.0.1 {name}\n" for name in ("localhost", socket.gethostname(), *NAMES)))
    resolver.write_text("nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
    ours, theirs = socket.socketpair()
    with ours:
        with theirs:
            process = subprocess.Popen(
                (*_apart(), sys.executable, "-S", "-E", HERE / "inside.py", str(theirs.fileno()), hosts, resolver),
                pass_fds=(theirs.fileno(),),
                stderr=subprocess.PIPE,
            )
        try:
            said, handles, *_ = socket.recv_fds(ours, 16, 2)
            if said != b"ready":
                _not_permitted(process)
            web, names = (socket.socket(fileno=handle) for handle in handles)
            with web, names:
                yield Room(process, web, names)
        finally:
            ours.close()
            process.wait(timeout=10)


def _apart() -> tuple[str, ...]:
    return (need("unshare"), *(() if os.geteuid() == 0 else ("--map-root-user",)), "--net", "--mount")


def _not_permitted(process: "subprocess.Popen[bytes]") -> NoReturn:
    said = process.communicate(timeout=10)[1].decode().strip()
    message = f"a private network namespace is not to be had here: {said}"
    if os.environ.get("AUTOMLOPS_ALL_TOOLS") == "1":
        pytest.fail(message, pytrace=False)
    pytest.skip(message)
