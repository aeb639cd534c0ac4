"""The story of deploy(): a run from this machine by the codebase's scripts; or a push, and its trigger."""

import os
import re
import sys
from pathlib import Path

from . import api, jupyter, preflight, repository, script
from .errors import BadInput, ScriptFailed
from .outcomes import Deployed, Pushed
from .settings import Settings

ALL = "scripts/run_all.sh"
STEPS = ("scripts/build_components.sh", "scripts/build_pipeline_spec.sh", "scripts/run_pipeline.sh", ALL)
TRIGGER = "provision/trigger.yaml"
PROVISION = "provision/provision_resources.sh"
IMAGES = "scripts/pipeline_spec/images"
TOLD = {"run: ": "link", "job: ": "job", "uploaded to ": "spec"}
CONSOLE = "https://console.cloud.google.com/cloud-build/builds"


def deploy(
    output_dir: str | os.PathLike[str] | None = None,
    *,
    wait: bool = False,
    notebook: str | os.PathLike[str] | None = None,
    message: str | None = None,
) -> Deployed | Pushed:
    """Runs the pipeline on Vertex AI: from this machine, or by a push, as the setting run_local says.

    With run_local=True it runs scripts/run_all.sh as it stands on disk: builds what has to be built, compiles the
    pipeline with the images' digests, keeps the spec in the bucket and submits a run. With run_local=False it commits
    the codebase and the notebook and pushes them, never by force; the trigger then tests, builds and starts a run.

    Args:
        output_dir: The codebase; "AutoMLOps" if left out.
        wait: Stay until the run has ended, and fail if it failed; for run_local=True.
        notebook: The notebook to commit with the codebase; found, where Jupyter tells which one this is.
        message: What the commit says of itself.

    Returns:
        The run's name, link, spec and images; or the commit, and where its builds appear.

    Raises:
        BadInput: when the codebase, its configs, git or this Python will not do; then nothing was done.
        ScriptFailed: when a script stopped, with the end of what it said.

    Example:
        AutoMLOps.deploy(wait=True)
    """
    folder = api.folder_of(output_dir)
    settings = api.settings_of(folder) if Path(folder).is_dir() else None
    if settings is not None and not settings.run_local:
        folder_, settings = script.settled(folder, PROVISION, TRIGGER)
        return pushed(folder_, settings, notebook, message)
    folder_, _ = script.settled(folder, *STEPS)
    return submitted(folder_, wait)


def submitted(folder: Path, wait: bool) -> Deployed:
    """A run, started by the scripts."""
    if problems := preflight.problems(preflight.tools()):
        raise BadInput(problems, "nothing was done")
    told: dict[str, str] = {}

    def heard(text: str) -> bool:
        start = next((each for each in TOLD if text.startswith(each)), None)
        if start is not None:
            told[TOLD[start]] = text.removeprefix(start)
        return start is not None

    path = folder / ALL
    script.run(path, {}, heard, *(["--wait"] if wait else []))
    if missing := sorted(set(TOLD.values()) - told.keys()):
        raise ScriptFailed(f"{path} ended well, and did not say the {', '.join(missing)} of a run", None)
    lines = (folder / IMAGES).read_text(encoding="utf-8").splitlines()
    images = tuple(line.split()[0] for line in lines if line.strip())
    return Deployed(**told, images=images, state="succeeded" if wait else "submitted")


def pushed(folder: Path, settings: Settings, notebook: str | os.PathLike[str] | None, message: str | None) -> Pushed:
    """A commit of the codebase, pushed to where the trigger watches."""
    also = [Path(notebook)] if notebook is not None else _own()
    text = (folder / PROVISION).read_text(encoding="utf-8")
    pipeline = dict(script.assignments(text)).get("PIPELINE", folder.name)
    commit = repository.publish(
        folder, also, settings.remote, settings.csr_branch_name, message or f"The pipeline {pipeline}, as generated"
    )
    return Pushed(
        remote=commit.remote,
        branch=settings.csr_branch_name,
        commit=commit.id,
        link=f"{CONSOLE};region={settings.cb_trigger_location}?project={settings.project_id}",
        fresh=commit.fresh,
    )


def _own() -> list[Path]:
    """The notebook that this was called in, or the script, as far as that is known."""
    found = jupyter.path() if jupyter.shell() is not None else getattr(sys.modules["__main__"], "__file__", None)
    return [Path(found)] if found and re.search(r"[.](ipynb|py)$", found) and os.path.isfile(found) else []
