"""The stories of plan(), provision() and deprovision(): the codebase's own scripts, run as they stand on disk."""

import os
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from . import codebase, cron, live, preflight, repository, script
from .errors import ScriptFailed
from .outcomes import Planned, Provisioned, Row
from .settings import Settings

PROVISION = "provision/provision_resources.sh"
DEPROVISION = "provision/deprovision_resources.sh"
FATES = "created|changed|kept|removed|gone|needed|create|change|keep|remove"
SAID = re.compile(rf"({FATES}) +(\S+) +(.+?)(?: \((.+)\))?")


def plan(output_dir: str | os.PathLike[str] | None = None) -> Planned:
    """Shows what provision() would make, change and keep in your Google Cloud project, and what stands in its way.

    First it looks whether gcloud is there, who is logged in, and whether the project, its billing and your permissions
    will do; then it runs provision/provision_resources.sh in a mode in which that asks and makes nothing. Without a
    login it plans as if nothing were there, and says so.

    Args:
        output_dir: The codebase; if left out, the one generated last, else the current folder or the AutoMLOps in it.

    Returns:
        `checks`, each with what mends it, and `rows`, one for each resource and role, with its reason; a notebook
        shows both as tables. `problems` is what has to be mended first.

    Raises:
        BadInput: when there is no codebase with a project, or its configs say something else than the script.

    Example:
        AutoMLOps.plan()
    """
    return live.told(planned(output_dir))


def planned(output_dir: str | os.PathLike[str] | None) -> Planned:
    """The story of plan(), whoever is to see it."""
    folder, settings = script.settled(output_dir, PROVISION)
    checks = (
        *preflight.checks(settings, submits=settings.run_local, builds=codebase.builds(folder)),
        *_pushing(folder, settings),
        *_due(settings),
    )
    names = {each.name: each.fate for each in checks}
    reached = all(names.get(name) is not preflight.Fate.WRONG for name in ("gcloud", "login", "project"))
    path = folder / PROVISION
    if reached:
        try:
            return Planned(script=str(path), checks=checks, rows=_rows(path, {"PLAN": "1"}))
        except ScriptFailed as stopped:
            reason = str(stopped)
    else:
        reason = "nobody could be asked"
    return Planned(script=str(path), checks=checks, rows=_rows(path, {"PLAN": "offline"}), unasked=reason)


def _pushing(folder: Path, settings: Settings) -> Iterator[preflight.Check]:
    """Whether the codebase can be pushed, where a push is to start builds."""
    if settings.run_local:
        return
    problems = repository.outlook(folder, settings.remote, settings.csr_branch_name)
    for each in problems:
        wrong = preflight.Fate.WRONG
        yield preflight.Check(name="repository", fate=wrong, told=each.message, mend=each.hint or "")
    if not problems:
        told = f"the codebase can be pushed to {settings.csr_branch_name} of {settings.remote}"
        yield preflight.Check(name="repository", fate=preflight.Fate.OK, told=told)


def _due(settings: Settings) -> Iterator[preflight.Check]:
    """When runs start by the clock, where they are to: in words, and the next times."""
    if line := settings.schedule:
        zone = settings.schedule_time_zone
        times = cron.next_times(line, zone, datetime.now(UTC), 2)
        told = f"{line} is {cron.in_words(line)}, by the clocks of {zone}: on " + ", then on ".join(
            f"{each:%a %d %b %Y at %H:%M}" for each in times
        )
        yield preflight.Check(name="schedule", fate=preflight.Fate.OK, told=told)


def provision(output_dir: str | os.PathLike[str] | None = None, *, hide_warnings: bool | None = None) -> Provisioned:
    """Makes what the pipeline needs in your Google Cloud project: APIs, registry, bucket, service accounts, roles.

    It runs provision/provision_resources.sh as it stands on disk, edits included: read it first, it says what it makes
    and why. What is there already is kept, so calling it again does nothing. It uses gcloud, with your login.

    Args:
        output_dir: The codebase; if left out, the one generated last, else the current folder or the AutoMLOps in it.
        hide_warnings: Of older notebooks; what stands in the way is always told.

    Returns:
        What became of each resource and role; a notebook shows it as a table.

    Raises:
        BadInput: when there is no codebase with a project, or its configs say something else than the script.
        ScriptFailed: when the script stopped: where, what gcloud said, and what to do next. Calling it again goes on
            from there.

    Example:
        AutoMLOps.provision()
    """
    return live.told(provisioned(output_dir))


def provisioned(output_dir: str | os.PathLike[str] | None) -> Provisioned:
    """The story of provision(), whoever is to see it."""
    folder, _ = script.settled(output_dir, PROVISION)
    path = folder / PROVISION
    return Provisioned(script=str(path), rows=_rows(path, {}))


def deprovision(
    output_dir: str | os.PathLike[str] | None = None, *, delete_data: bool = False, dry_run: bool = False
) -> Provisioned:
    """Takes away what provision() made for this pipeline, and nothing else.

    It runs provision/deprovision_resources.sh as it stands on disk: first in a mode in which that takes nothing away,
    to show what it would do, then to do it. What was there before stays, and so does what other pipelines share, and
    the APIs.

    Args:
        output_dir: The codebase; if left out, the one generated last, else the current folder or the AutoMLOps in it.
        delete_data: True takes away the bucket although there is something in it, and a repository in Cloud Source
            Repositories that provisioning made, with the code in it: for good.
        dry_run: True stops after showing what would be done.

    Returns:
        What became, or would become, of each resource and role.

    Raises:
        BadInput, ScriptFailed: as for provision().

    Example:
        AutoMLOps.deprovision(dry_run=True)
    """
    return live.told(deprovisioned(output_dir, delete_data, dry_run))


def deprovisioned(output_dir: str | os.PathLike[str] | None, delete_data: bool, dry_run: bool) -> Provisioned:
    """The story of deprovision(), whoever is to see it."""
    folder, _ = script.settled(output_dir, DEPROVISION)
    path, data = folder / DEPROVISION, {"DELETE_DATA": "1" if delete_data else ""}
    plan = Provisioned(script=str(path), rows=_rows(path, {**data, "PLAN": "1"}), dry_run=True)
    if dry_run:
        return plan
    live.show(plan)
    return Provisioned(script=str(path), rows=_rows(path, data))


def _rows(path: Path, environment: dict[str, str]) -> tuple[Row, ...]:
    """What a script says it did with each thing; what it had done by then goes with the error that stops it."""
    rows: list[Row] = []

    def heard(text: str) -> bool:
        said = SAID.fullmatch(text)
        if said:
            rows.append(Row(fate=said[1], kind=said[2], name=said[3], why=said[4] or ""))
        return said is not None

    try:
        script.run(path, {"PLAN": "", **environment}, heard, quiet="PLAN" in environment)
    except ScriptFailed as stopped:
        raise ScriptFailed(str(stopped), Provisioned(script=str(path), rows=tuple(rows))) from None
    return tuple(rows)
