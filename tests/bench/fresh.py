"""Runs a command in a fresh process, with what it took."""

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

MEBIBYTE = 1 << 20 if sys.platform == "darwin" else 1 << 10  # ru_maxrss is in bytes there, in kibibytes elsewhere


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What one process took, from its start to its end."""

    wall: float
    cpu: float
    memory: float  # the peak, in MiB
    call: float = 0.0  # of the wall, import + generate alone: neither the interpreter's start nor its end


def run(command: tuple[str, ...], folder: Path, python_path: Path | None = None) -> Taken:
    """Runs the command in the folder; one that fails ends the benchmark with what it said.

    A process's peak memory never reads lower than that of the process which started it, so this one stays small.
    """
    with open(folder / "said", "w+b") as said:
        begin = time.perf_counter()
        process = subprocess.Popen(command, cwd=folder, env=_environment(python_path), stdout=said, stderr=said)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - begin
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            said.seek(0)
            end = said.read().decode(errors="replace")[-2000:]
            raise SystemExit(f"{' '.join(command)} ended with {process.returncode} in {folder}:\n{end}")
    return Taken(wall=wall, cpu=usage.ru_utime + usage.ru_stime, memory=usage.ru_maxrss / MEBIBYTE)


def _environment(python_path: Path | None) -> dict[str, str]:
    """The same for every process: nothing of Python's own settings but the path, so that byte code is kept and read."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return plain if python_path is None else {**plain, "PYTHONPATH": str(python_path)}
