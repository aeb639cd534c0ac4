"""The scripts of a codebase in the stand-in cloud. Tests of what comes after provisioning share what it made: the same script
on the same state is run once, and what it changed is done again."""

import hashlib
import os
import sys
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cloud.standin import PROJECT, Asked, Cloud

PROVISION, DEPROVISION = "provision/provision_resources.sh", "provision/deprovision_resources.sh"
HURRIED = {  # its python3 is this one, and nothing is worth waiting for
    "PATH": os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"])),
    "BASH_FUNC_sleep%%": "() { :; }",
}
# Of a world, what a script can change; who is logged in is each cloud's own.
PARTS = ("resources", "content", "policies", "deleted", "uploads", "published", "held", "unseen")


@dataclass(frozen=True, slots=True)
class Change:
    """What became of names: those that are new or another thing, and those that are gone."""

    put: Mapping[str, Any]
    gone: frozenset[str]

    def again(self, names: dict[str, Any]) -> None:
        for name in self.gone:
            names.pop(name, None)
        names |= deepcopy(dict(self.put))


@dataclass(frozen=True, slots=True, kw_only=True)
class Provisioning:
    """What one run said, asked for and changed."""

    said: str
    asked: tuple[Asked, ...]
    world: Mapping[str, Change]
    services: frozenset[str]
    files: Change


_KNOWN: dict[str, Provisioning] = {}


def run(cloud: Cloud, codebase: Path, script: str, *words: str, **env: str) -> str:
    done = cloud.run(codebase / script, *words, cwd=codebase, env={**HURRIED, **env})
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def provisioned(cloud: Cloud, codebase: Path) -> str:
    """What provisioning says, whose request log and effects are as if it had run here."""
    assert not cloud.faults, "where something is to go wrong it has to be run"
    state = cloud.state
    begin = repr([sorted(_files(codebase).items()), state.picture(), sorted(state.deleted), state.late])
    key = hashlib.sha256(begin.encode()).hexdigest()
    if key not in _KNOWN:
        _KNOWN[key] = _run(cloud, codebase)
        return _KNOWN[key].said
    known = _KNOWN[key]
    with cloud.turn:
        for part, change in known.world.items():
            change.again(getattr(state, part))
        state.enable(*known.services, project=PROJECT)
        cloud.requests.extend(known.asked)
    for path in known.files.gone:
        (codebase / path).unlink()
    for path, content in known.files.put.items():
        (codebase / path).parent.mkdir(parents=True, exist_ok=True)
        (codebase / path).write_bytes(content)
    return known.said


def _run(cloud: Cloud, codebase: Path) -> Provisioning:
    state, asked = cloud.state, len(cloud.requests)
    before, files = {part: deepcopy(getattr(state, part)) for part in PARTS}, _files(codebase)
    said = run(cloud, codebase, PROVISION)
    return Provisioning(
        said=said,
        asked=tuple(cloud.requests[asked:]),
        world={part: _change(before[part], getattr(state, part)) for part in PARTS},
        services=frozenset(state.projects[PROJECT].services),
        files=_change(files, _files(codebase)),
    )


def _change(before: Mapping[str, Any], after: Mapping[str, Any]) -> Change:
    put = {name: deepcopy(found) for name, found in after.items() if name not in before or before[name] != found}
    return Change(put, frozenset(before) - frozenset(after))


def _files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
