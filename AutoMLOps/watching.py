"""The story of status(): how things stand in the cloud with the pipeline of a codebase."""

import os
from datetime import UTC, datetime

from . import inquiry, live, preflight, rest, script
from .errors import BadInput
from .overview import Status

PROVISION = "provision/provision_resources.sh"


def status(output_dir: str | os.PathLike[str] | None = None) -> Status:
    """Shows how things stand in your Google Cloud project with the pipeline: one table, and nothing is changed.

    Its last runs on Vertex AI; where a push starts them, the trigger and its last build; with a submission_service the
    service, its topic, how many messages wait, and what the dead letters say. What you may not look at is a row that
    says which permission that takes. It uses gcloud's login.

    Args:
        output_dir: The codebase; if left out, the one generated last, else the current folder or the AutoMLOps in it.

    Returns:
        `rows`, one for each thing: its `kind`, `name`, `state`, `when`, `took`, what is `told` of it and its `link`; a
        notebook shows them as a table.

    Raises:
        BadInput: when there is no codebase with a project, or nobody is logged in to gcloud.

    Example:
        AutoMLOps.status()
    """
    return live.told(stood(output_dir))


def stood(output_dir: str | os.PathLike[str] | None) -> Status:
    """The story of status(), whoever is to see it."""
    folder, settings = script.settled(output_dir, PROVISION)
    login, google = rest.login(str(settings.project_id))
    if google is None:
        raise BadInput(preflight.unlogged(login), "nobody was asked")
    text = (folder / PROVISION).read_text(encoding="utf-8")
    pipeline = dict(script.assignments(text)).get("PIPELINE", folder.name)
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    rows = inquiry.things(google, settings, pipeline)
    return Status(pipeline=pipeline, project=str(settings.project_id), asked=now, rows=rows)
