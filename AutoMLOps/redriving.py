"""The story of redrive(): the codebase's own script publishes dead letters again, as it stands on disk."""

import os
import re

from . import live, script
from .errors import BadInput, ScriptFailed
from .model import Problem
from .outcomes import Row
from .overview import Redriven

REDRIVE = "scripts/redrive.py"
PROVISION = "provision/provision_resources.sh"
SAID = re.compile(r"(redriven|redrive|gone|kept) +(letter) +(.+?) \((.*)\)")


def redrive(
    output_dir: str | os.PathLike[str] | None = None, *, limit: int | None = None, dry_run: bool = False
) -> Redriven:
    """Publishes the dead letters of the pipeline again: the messages that no run came of.

    It runs scripts/redrive.py as it stands on disk. A letter leaves the dead letters once it is published, and says
    which run it asks for: none is lost and no run is started twice, also where this is cut off. Letters of other
    pipelines stay. Mend first what each says of itself: see status().

    Args:
        output_dir: The codebase; if left out, the one generated last, else the current folder or the AutoMLOps in it.
        limit: So many letters at most; if left out, all of them.
        dry_run: True shows them, and leaves them where they are.

    Returns:
        `rows`, one for each letter: the run that it asks for, and why there was none.

    Raises:
        BadInput: when there is no codebase with a submission_service, or its configs and scripts disagree.
        ScriptFailed: when the script stopped: what Google said, and what to do. Calling it again goes on from there.

    Example:
        AutoMLOps.redrive(limit=1)
    """
    return live.told(redriven(output_dir, limit, dry_run))


def redriven(output_dir: str | os.PathLike[str] | None, limit: int | None, dry_run: bool) -> Redriven:
    """The story of redrive(), whoever is to see it."""
    if limit is not None and limit < 1:
        hint = "leave it out for all of them"
        raise BadInput([Problem(message=f"limit={limit} is no number of letters", hint=hint)], "nothing was done")
    folder, settings = script.settled(output_dir, PROVISION)
    if not settings.has_service:
        hint = "generate(run_local=False, submission_service=True) gives it one, and dead letters are of that"
        raise BadInput([Problem(message=f"{folder} has no service that starts runs", hint=hint)], "nothing was done")
    path, _ = script.settled(output_dir, REDRIVE)
    rows: list[Row] = []

    def heard(text: str) -> bool:
        said = SAID.fullmatch(text)
        if said:
            rows.append(Row(fate=said[1], kind=said[2], name=said[3], why=said[4]))
        return said is not None

    words = [*(["--dry-run"] if dry_run else []), *([f"--limit={limit}"] if limit is not None else [])]
    try:
        script.run(path / REDRIVE, {}, heard, *words, quiet=dry_run)
    except ScriptFailed as stopped:
        done = Redriven(script=str(path / REDRIVE), rows=tuple(rows), dry_run=dry_run)
        raise ScriptFailed(str(stopped), done) from None
    return Redriven(script=str(path / REDRIVE), rows=tuple(rows), dry_run=dry_run)
