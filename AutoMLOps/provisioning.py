"""The stories of provision() and deprovision(): the codebase's own scripts, run as they stand on disk."""

import os
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

from . import api, live, shell
from . import settings as settings_
from .display import Provisioned, Row
from .errors import BadInput, ScriptFailed
from .model import Problem
from .settings import Settings

PROVISION = "provision/provision_resources.sh"
DEPROVISION = "provision/deprovision_resources.sh"
SAID = re.compile(r"(created|changed|kept|removed|gone) +(\S+) +(.+?)(?: \((.+)\))?")


def provision(output_dir: str | os.PathLike[str] | None = None) -> Provisioned:
    """Makes what the pipeline needs in your Google Cloud project: APIs, registry, bucket, service accounts, roles.

    It runs provision/provision_resources.sh as it stands on disk, edits included: read it first, it says what it makes
    and why. What is there already is kept, so calling it again does nothing. It uses gcloud, with your login.

    Args:
        output_dir: The codebase; "AutoMLOps" if left out.

    Returns:
        What became of each resource and role; a notebook shows it as a table.

    Raises:
        BadInput: when there is no codebase with a project, or its configs say something else than the script.
        ScriptFailed: when the script stopped: where, what gcloud said, and what to do next. Calling it again goes on
            from there.

    Example:
        AutoMLOps.provision()
    """
    return _carried_out(PROVISION, output_dir, {})


def deprovision(output_dir: str | os.PathLike[str] | None = None, *, delete_data: bool = False) -> Provisioned:
    """Takes away what provision() made for this pipeline, and nothing else.

    It runs provision/deprovision_resources.sh as it stands on disk. What was there before stays, and so does what other
    pipelines share, and the APIs.

    Args:
        output_dir: The codebase; "AutoMLOps" if left out.
        delete_data: True takes away the bucket although there is something in it.

    Returns:
        What became of each resource and role.

    Raises:
        BadInput, ScriptFailed: as for provision().

    Example:
        AutoMLOps.deprovision()
    """
    return _carried_out(DEPROVISION, output_dir, {"DELETE_DATA": "1" if delete_data else ""})


def _carried_out(script: str, output_dir: str | os.PathLike[str] | None, environment: dict[str, str]) -> Provisioned:
    folder = api.folder_of(output_dir)
    path = Path(folder, script)
    problems = list(_faults(folder, path))
    if problems:
        raise BadInput(problems)
    rows: list[Row] = []
    tell = live.lines(str(path))

    def line(text: str) -> None:
        said = SAID.fullmatch(text)
        if said:
            rows.append(Row(fate=said[1], kind=said[2], name=said[3], why=said[4] or ""))
        tell(text)

    ended = shell.run(["bash", str(path.resolve())], environment=environment, line=line)
    done = Provisioned(script=str(path), rows=tuple(rows))
    if ended.code:
        raise ScriptFailed(_told(path, ended), done)
    return done


def _told(path: Path, ended: shell.Ended) -> str:
    """What stopped a script: what it said after its last good line, which names the mend."""
    lines = [text for text in ended.told if not SAID.fullmatch(text)]
    how = f"was ended by signal {-ended.code}" if ended.code < 0 else f"stopped with exit code {ended.code}"
    return "\n".join([f"{path} {how}:", *(f"  {text}" for text in lines or ["it said nothing"])])


def _faults(folder: str, path: Path) -> Iterator[Problem]:
    if not path.is_file():
        hint = 'generate(project_id="...") writes it' if Path(folder).is_dir() else "call generate() first"
        yield Problem(message=f"there is no {path}", hint=hint)
        return
    for name, said, wanted in _disagreements(path, api.settings_of(folder)):
        hint = "call generate() again to bring them together, or change one of them"
        yield Problem(message=f"{path} has {name}={said}, {folder}/{settings_.FILE} comes to {wanted}", hint=hint)


def _disagreements(path: Path, settings: Settings) -> Iterator[tuple[str, str, str]]:
    """What a script and the configs say differently about names that both have."""
    known = {
        "PROJECT": settings.project_id or "",
        "REGISTRY": settings.registry,
        "REGISTRY_LOCATION": settings.af_registry_location,
        "BUCKET": settings.bucket,
        "BUCKET_LOCATION": settings.gs_bucket_location,
        "RUNNER": settings.runner,
    }
    for name, said in _assignments(path.read_text(encoding="utf-8")):
        if name in known and said != known[name]:
            yield name, said, known[name]


def _assignments(text: str) -> Iterator[tuple[str, str]]:
    """The lines NAME=value of a script, as the shell reads them."""
    for name, value in re.findall(r"^([A-Z_]+)=(.*)$", text, re.MULTILINE):
        try:
            words = shlex.split(value, comments=True)
        except ValueError:
            continue  # a value over several lines is none of ours
        if len(words) <= 1:
            yield name, "".join(words)
