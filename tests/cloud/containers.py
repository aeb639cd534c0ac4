"""What `docker build` of a build's steps is made by: a packer of files, or buildah, where that is asked for.

Containers are built outside the room, with this machine's network, on a base made of Debian's packages in the place of python:3.11-slim;
they are pushed from within it. What pip needs of this machine is mounted while it runs, and is not part of the image.
"""

import configparser
import fcntl
import json
import os
import shutil
import socketserver
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from tools import CHECKOUT, need

ASKED = "CLOUD_BUILDAH"  # set to 1, real containers are built
BASE = "docker.io/library/python:3.11-slim"
CACHE = CHECKOUT / ".cache" / "containers"
PACKAGES = "python3,python3-venv,python3-pip,ca-certificates"


@contextmanager
def engine(folder: Path) -> Iterator[Mapping[str, str]]:
    """The variables by which the docker of a build's steps finds what builds for it."""
    images = {"CLOUD_IMAGES": str(folder / "images")}
    if os.environ.get(ASKED) != "1":
        yield images
        return
    settings = base()
    folder.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix="cb-") as short,  # the path of a socket may have but a hundred letters
        _Server(Path(short) / "builder", settings) as server,
    ):
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield {**images, **settings, "CLOUD_BUILDER": str(server.server_address)}
        finally:
            server.shutdown()
            thread.join()
            forget(*server.built)


def buildah(*argv: str | Path) -> str:
    """What buildah says, in the storage of this checkout."""
    done = subprocess.run(
        (need("buildah"), *argv), env={**os.environ, **storage()}, check=True, capture_output=True, text=True
    )
    return done.stdout


def build(folder: Path, tag: str) -> None:
    """An image of the Dockerfile in a folder."""
    base()
    with tempfile.TemporaryDirectory(prefix="pip-") as pip:
        buildah("bud", "--isolation=chroot", "--pull-never", f"--tag={tag}", *mounts(Path(pip)), folder)


def forget(*references: str) -> None:
    """Takes images out of the storage, those that were left by a build that failed included."""
    for each in references:
        subprocess.run(
            (need("buildah"), "rmi", "--force", each), env={**os.environ, **storage()}, check=False, capture_output=True
        )


def storage() -> dict[str, str]:
    """A storage of our own: of the machine's nothing is seen or changed."""
    file = CACHE / "storage.conf"
    if not file.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        text = '[storage]\ndriver = "{}"\ngraphroot = "{}"\nrunroot = "{}"\n'
        drivers = (text.format(each, CACHE / f"graph-{each}", CACHE / f"run-{each}") for each in ("overlay", "vfs"))
        file.write_text(next(each for each in drivers if _works(each)))
    return {"CONTAINERS_STORAGE_CONF": str(file)}


def _works(conf: str) -> bool:
    trial = CACHE / "trial.conf"
    trial.write_text(conf)
    env = {**os.environ, "CONTAINERS_STORAGE_CONF": str(trial)}
    return subprocess.run(
        (need("buildah"), "from", "--name=trial", "scratch"), env=env, capture_output=True
    ).returncode == 0 and (
        subprocess.run((need("buildah"), "rm", "trial"), env=env, capture_output=True).returncode == 0
    )


def base() -> dict[str, str]:
    """Sees to it that there is something under the name of python:3.11-slim, made once; the variables that lead to the storage."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        settings = storage()
        if BASE not in buildah("images", "--format", "{{.Name}}:{{.Tag}}").split():
            _make_base()
    return settings


def _make_base() -> None:
    with tempfile.TemporaryDirectory(prefix="base-", dir=CACHE) as folder:
        root = Path(folder) / "root"
        path = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"))  # it asks for chroot
        argv = (need("debootstrap"), "--variant=minbase", f"--include={PACKAGES}", "bookworm", root)
        made = subprocess.run(argv, env={**os.environ, "PATH": path}, capture_output=True, text=True)
        if made.returncode:
            raise RuntimeError(f"debootstrap failed: {made.stdout[-2000:]}{made.stderr[-2000:]}")
        (root / "usr/bin/python").symlink_to("python3")
        for each in (root / "var/cache/apt/archives", root / "var/lib/apt/lists"):
            shutil.rmtree(each, ignore_errors=True)
        archive = Path(folder) / "root.tar"
        subprocess.run(("tar", "-C", root, "-cf", archive, "."), check=True)
        name = buildah("from", "scratch").strip()
        buildah("add", name, archive, "/")
        buildah("config", "--cmd", "python3", name)
        buildah("commit", "--rm", name, BASE)


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True

    def __init__(self, where: Path, settings: Mapping[str, str]) -> None:
        super().__init__(str(where), _Builder)
        self.settings = settings
        self.built: list[str] = []


class _Builder(socketserver.StreamRequestHandler):
    """Builds what it is asked for; answers with what buildah says, and last with how it ended."""

    server: _Server

    def handle(self) -> None:
        asked = json.loads(self.rfile.readline())
        self.server.built.extend(asked["tags"])
        with tempfile.TemporaryDirectory(prefix="pip-") as folder:
            argv = (
                need("buildah"), "bud", "--isolation=chroot", "--pull-never", *(f"--tag={each}" for each in asked["tags"]),
                *(f"--build-arg={name}={value}" for name, value in asked["arguments"].items()), *mounts(Path(folder)),
                f"--file={asked['file']}", asked["folder"],
            )  # fmt: skip
            process = subprocess.Popen(
                argv, env={**os.environ, **self.server.settings}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
            )
            assert process.stdout
            for line in process.stdout:
                self.wfile.write(line)
            self.wfile.write(f"\nended {process.wait()}\n".encode())


def mounts(folder: Path) -> list[str]:
    """What pip is configured by on this machine, its certificates and its folders of wheels, where a RUN will look for them."""
    said = subprocess.run(
        (sys.executable, "-m", "pip", "config", "list"), check=True, capture_output=True, text=True
    ).stdout
    pairs = [
        line.partition("=")[::2] for line in said.splitlines() if line.startswith(("global.", "install.", ":env:."))
    ]
    settings = {name.rpartition(".")[2]: value.strip("'\"").replace("\\n", "\n") for name, value in pairs}
    config = configparser.RawConfigParser()
    config["global"] = settings
    with (folder / "pip.conf").open("w") as file:
        config.write(file)
    (folder / "pip.conf").chmod(0o644)
    words = " ".join(settings.values()).split()
    local = {urlsplit(each).path for each in words if each.startswith(("/", "file:///"))}
    local = {each.removesuffix("/simple") for each in local}  # an index's pages lead to files beside them
    return [
        f"--volume={folder / 'pip.conf'}:/etc/pip.conf:ro",
        *(f"--volume={each}:{each}:ro" for each in sorted(local) if Path(each).exists()),
    ]
