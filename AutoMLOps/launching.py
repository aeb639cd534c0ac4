"""The story of go(): the notebook becomes a codebase, the plan is shown, the cloud made ready, the pipeline run."""

import os
import time
from collections.abc import Mapping
from typing import Any

from . import api, deploying, live, provisioning, standing
from .display import Generated
from .errors import BadInput
from .nouns import replace
from .outcomes import Launched

NOTICE = 60.0  # seconds, in which Google notices nearly always what accounts were just given


def go(
    project_id: str | None = None,
    pipeline_params: Mapping[str, Any] | None = None,
    *,
    notebook: str | os.PathLike[str] | None = None,
    pipeline: str | None = None,
    dry_run: bool = False,
    wait: bool = False,
    **settings: Any,
) -> Launched:
    """Takes the pipeline of this notebook to Vertex AI: generate(), plan(), provision(), deploy().

    The codebase is written first and the plan is shown; what stands in the way is told, with what mends it, before
    anything is made. Read what was generated with dry_run=True, which stops after the plan.

    Args:
        project_id: The Google Cloud project; the one of the last time if left out.
        pipeline_params: A value for each parameter of the pipeline. Left out, those of the last time are used.
        notebook: A notebook, script or compiled pipeline to read instead of the cells that ran.
        pipeline: The name of the pipeline to take, where the notebook has several.
        dry_run: Write the codebase and show the plan, and make nothing in Google Cloud.
        wait: Stay until the run has ended, and fail if it failed; for run_local=True.
        **settings: As for generate(), and in particular:

            run_local: True drives the cloud from this machine; False has a push to the repository do it
            csr_name, csr_branch_name: the repository in Cloud Source Repositories, and the branch that starts builds
            source_repo_type, source_repo_name: the repository elsewhere; read from git's remote origin if left out
            cb_trigger_name, cb_trigger_location: the trigger

    Returns:
        What each of the four did: `generated`, `planned`, `provisioned`, `deployed`.

    Raises:
        BadInput: with every fault at once; then nothing was made in Google Cloud.
        ScriptFailed: when a script stopped, with what it said; calling it again goes on from there.
        AutoMLOpsError: when git refused to commit or to push, with what it said.

    Example:
        AutoMLOps.go(project_id="my-project", pipeline_params={"rows": 178, "depth": 3})
    """
    generated = api.from_call(
        project_id, pipeline_params, notebook=notebook, pipeline=pipeline, dry_run=False, settings=settings
    )
    return live.told(launched(generated, settings.get("output_dir"), dry_run=dry_run, wait=wait, notebook=notebook))


def launchAll(  # noqa: N802
    project_id: str | None = None, pipeline_params: Mapping[str, Any] | None = None, **settings: Any
) -> Launched:
    """The older name of go(), by which google-cloud-automlops knows it.

    Args:
        project_id: The Google Cloud project.
        pipeline_params: A value for each parameter of the pipeline.
        **settings: All that go() takes, by its names of today or by those of google-cloud-automlops.

    Returns:
        What go() gives.
    """
    return go(project_id, pipeline_params, **settings)


def launched(
    generated: Generated,
    output_dir: str | os.PathLike[str] | None,
    *,
    dry_run: bool,
    wait: bool,
    notebook: str | os.PathLike[str] | None,
) -> Launched:
    """The story of go() from when the codebase is written, whoever is to see it."""
    settings = api.settings_of(standing.folder(output_dir))
    deploying.check(settings, wait)
    live.show(generated if dry_run else replace(generated, next_steps=()))  # the next steps are those that follow
    planned = provisioning.planned(output_dir)
    live.show(planned)
    if dry_run:
        return Launched(generated=generated, planned=planned)
    if planned.problems:
        raise BadInput(planned.problems, "nothing was made in Google Cloud")
    provisioned = provisioning.provisioned(output_dir)
    if not settings.run_local and any((row.fate, row.kind) == ("created", "role") for row in provisioned.rows):
        live.line(f"waiting {NOTICE:g} s for Google to notice who may do what: the push starts a build at once")
        time.sleep(NOTICE)
    deployed = deploying.deployed(output_dir, wait=wait, notebook=notebook)
    return Launched(generated=generated, planned=planned, provisioned=provisioned, deployed=deployed)
