"""Finds the ground that the processes write on: memory for the comparison, disk for information."""

import os
import shutil
import tempfile
from pathlib import Path

ROOM = 256 << 20  # five hundred components, both trees, with space to spare


def in_memory() -> Path:
    """A new folder on a tmpfs, where no disk has a say; in the usual temporary place if there is none."""
    found = next((path for path in (Path("/dev/shm"), Path("/run/shm"), Path("/tmp")) if _is_roomy_tmpfs(path)), None)
    return Path(tempfile.mkdtemp(prefix="automlops-bench-", dir=found))


def on_disk() -> Path:
    """A new folder where files outlive a restart, which is a disk nearly everywhere; `kind` says what it is here."""
    return Path(tempfile.mkdtemp(prefix="automlops-bench-", dir="/var/tmp" if os.path.isdir("/var/tmp") else None))


def kind(path: Path) -> str:
    """The file system that holds the path: tmpfs, ext4, and the like."""
    mounts = Path("/proc/mounts")
    if not mounts.exists():
        return "an unknown file system"
    lines = [line.split() for line in mounts.read_text().splitlines()]
    around = [(point, name) for _, point, name, *_ in lines if path.resolve().is_relative_to(point)]
    return max(around, key=lambda mount: len(mount[0]))[1]


def _is_roomy_tmpfs(path: Path) -> bool:
    return path.is_dir() and os.access(path, os.W_OK) and kind(path) == "tmpfs" and shutil.disk_usage(path).free > ROOM
