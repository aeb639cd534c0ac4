"""Runs a script of the codebase as it stands on disk, edits included, once it and the configs agree."""

import os
import re
import shlex
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from . import api, live, shell, standing
from . import settings as settings_
from .errors import BadInput, ScriptFailed
from .model import Problem
from .settings import Settings


def run(
    path: Path, environment: Mapping[str, str], heard: Callable[[str], bool], *arguments: str, quiet: bool = False
) -> tuple[str, ...]:
    """Runs it to its end and gives the lines that nobody `heard`; one that stops raises with them.

    All are told as they come; `quiet` leaves out those that are heard, where the result soon says the same.
    """
    tell = live.lines(str(path))
    rest: list[str] = []

    def line(text: str) -> None:
        if not heard(text):
            rest.append(text)
        elif quiet:
            return
        tell(text)

    # Its python3 is the one that this runs in: what pipelines/ needs is installed there.
    own = {"PATH": os.pathsep.join((os.path.dirname(sys.executable), os.environ.get("PATH", os.defpath)))}
    reader = sys.executable if path.suffix == ".py" else "bash"
    ended = shell.run([reader, str(path.resolve()), *arguments], environment={**own, **environment}, line=line)
    if ended.code:
        raise ScriptFailed(_told(path, ended, rest), None)
    return tuple(rest)


def _told(path: Path, ended: shell.Ended, rest: list[str]) -> str:
    """What stopped a script: the end of what it said beside its good lines, which names the mend."""
    how = f"was ended by signal {-ended.code}" if ended.code < 0 else f"stopped with exit code {ended.code}"
    lines = rest[-shell.TOLD :] or ["it said nothing"]
    return "\n".join([f"{path} {how}:", *(f"  {text}" for text in lines)])


def settled(output_dir: str | os.PathLike[str] | None, *scripts: str) -> tuple[Path, Settings]:
    """The codebase and its settings, once all these scripts are there and say what its configs say."""
    folder = standing.folder(output_dir)
    problems = list(_missing(folder, scripts))
    if problems:
        raise BadInput(problems, "nothing was done")
    settings = api.settings_of(folder)
    problems = [problem for script in scripts for problem in disagreements(folder, script, settings)]
    if problems:
        raise BadInput(problems, "nothing was done")
    return Path(folder), settings


def _missing(folder: str, scripts: tuple[str, ...]) -> Iterator[Problem]:
    if not Path(folder).is_dir():
        yield Problem(message=f"there is no codebase {folder}", hint="call generate() first")
        return
    for script in scripts:
        if not Path(folder, script).is_file():
            yield Problem(message=f"there is no {Path(folder, script)}", hint='generate(project_id="...") writes it')


def disagreements(folder: str, script: str, settings: Settings) -> Iterator[Problem]:
    """What a script and the configs say differently about names that both have."""
    path = Path(folder, script)
    known = {
        "PROJECT": settings.project_id or "",
        "REGISTRY": settings.registry,
        "REGISTRY_LOCATION": settings.af_registry_location,
        "BUCKET": settings.bucket,
        "BUCKET_LOCATION": settings.gs_bucket_location,
        "RUNNER": settings.runner,
        "TRIGGER": "" if settings.run_local else settings.trigger,
        "TRIGGER_LOCATION": settings.cb_trigger_location,
        "REPOSITORY": settings.repository,
        "CONNECTION": settings.connection,
        "BRANCH": settings.csr_branch_name,
        "SERVICE": settings.service if settings.has_service else "",
        "SERVICE_LOCATION": settings.cloud_run_location,
        "TOPIC": settings.topic,
        "INGRESS": settings.ingress,
        "SCHEDULE": settings.schedule_id if settings.schedule else "",
        "SCHEDULE_LOCATION": settings.schedule_region,
        "CRON": settings.schedule or "",
        "TIME_ZONE": settings.schedule_time_zone,
    }
    hint = "call generate() again to bring them together, or change one of them"
    for name, said in assignments(path.read_text(encoding="utf-8")):
        if name in known and said != known[name]:
            message = f"{path} has {name}={said}, {folder}/{settings_.FILE} comes to {known[name] or 'none'}"
            yield Problem(message=message, hint=hint)


def assignments(text: str) -> Iterator[tuple[str, str]]:
    """The lines NAME=value of a script, as the shell reads them."""
    for name, value in re.findall(r"^([A-Z_]+)=(.*)$", text, re.MULTILINE):
        try:
            words = shlex.split(value, comments=True)
        except ValueError:
            continue  # a value over several lines is none of ours
        if len(words) <= 1:
            yield name, "".join(words)
