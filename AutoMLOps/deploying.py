"""The story of deploy(): a run from this machine by the codebase's scripts; or a push, and its trigger."""

import os
import re
import sys
from pathlib import Path

from . import api, codebase, disk, jupyter, live, preflight, repository, script, standing
from .errors import BadInput, ScriptFailed
from .model import Problem
from .outcomes import Deployed, Pushed
from .settings import Settings

ALL = "scripts/run_all.sh"
STEPS = ("scripts/build_pipeline_spec.sh", "scripts/run_pipeline.sh", ALL)
TRIGGER = "provision/trigger.yaml"
PROVISION = "provision/provision_resources.sh"
MADE = ".automlops/made"
IMAGES = "scripts/pipeline_spec/images"
TOLD = {"run: ": "link", "job: ": "job", "uploaded to ": "spec"}
CONSOLE = "https://console.cloud.google.com/cloud-build/builds"


def deploy(
    output_dir: str | os.PathLike[str] | None = None,
    *,
    wait: bool = False,
    notebook: str | os.PathLike[str] | None = None,
    message: str | None = None,
    hide_warnings: bool | None = None,
    precheck: bool | None = None,
) -> Deployed | Pushed:
    """Runs the pipeline on Vertex AI: from this machine, or by a push, as the setting run_local says.

    With run_local=True it runs scripts/run_all.sh as it stands on disk: builds what has to be built, compiles the
    pipeline with the images' digests, keeps the spec in the bucket and submits a run. With run_local=False it commits
    the codebase and the notebook and pushes them, never by force; the trigger then tests, builds and starts a run.

    Args:
        output_dir: The codebase; if left out, the one generated last, else the current folder or the AutoMLOps in it.
        wait: Stay until the run has ended, and fail if it failed; for run_local=True.
        notebook: The notebook to commit with the codebase; found, where Jupyter tells which one this is.
        message: What the commit says of itself.
        hide_warnings, precheck: Of older notebooks; what stands in the way is always looked for, and always told.

    Returns:
        The run's name, link, spec and images; or the commit, and where its builds appear.

    Raises:
        BadInput: when the codebase, its configs, git or this Python will not do; then nothing was done.
        ScriptFailed: when a script stopped, with the end of what it said.
        AutoMLOpsError: when git refused to commit or to push, with what it said.

    Example:
        AutoMLOps.deploy(wait=True)
    """
    return live.told(deployed(output_dir, wait=wait, notebook=notebook, message=message))


def run(run_local: bool | None = None) -> Deployed | Pushed:
    """The older name of deploy(), for a codebase that stands.

    Args:
        run_local: What the codebase was generated with; left out, that is what counts.

    Returns:
        What deploy() gives.

    Raises:
        BadInput: also when the codebase was generated with another run_local; then nothing was done.
    """
    folder = standing.folder(None)
    settings = api.settings_of(folder) if Path(folder).is_dir() else None
    if settings is not None and run_local not in (None, settings.run_local):
        message = f"run_local={run_local!r}, and {folder} was generated with run_local={settings.run_local}"
        hint = f"call generate(run_local={run_local!r}) first, or leave it out here"
        raise BadInput([Problem(message=message, hint=hint)], "nothing was done")
    return deploy()


def deployed(
    output_dir: str | os.PathLike[str] | None,
    *,
    wait: bool,
    notebook: str | os.PathLike[str] | None,
    message: str | None = None,
) -> Deployed | Pushed:
    """The story of deploy(), whoever is to see it."""
    folder = standing.folder(output_dir)
    settings = api.settings_of(folder) if Path(folder).is_dir() else None
    if settings is not None and not settings.run_local:
        check(settings, wait)
        folder_, settings = script.settled(folder, PROVISION, TRIGGER)
        return pushed(folder_, settings, notebook, message)
    folder_, _ = script.settled(folder, *((codebase.BUILD,) if codebase.builds(folder) else ()), *STEPS)
    return submitted(folder_, wait)


def check(settings: Settings, wait: bool) -> None:
    """Refuses to wait for what a push starts: it is Cloud Build that starts the run."""
    if wait and not settings.run_local:
        hint = "leave it out, and look at the builds, whose page the result links to"
        raise BadInput([Problem(message="wait=True is for run_local=True", hint=hint)], "nothing was done")


def submitted(folder: Path, wait: bool) -> Deployed:
    """A run, started by the scripts."""
    builds = codebase.builds(folder)
    if problems := preflight.problems(preflight.tools(builds=builds)):
        raise BadInput(problems, "nothing was done")
    told: dict[str, str] = {}

    def heard(text: str) -> bool:
        start = next((each for each in TOLD if text.startswith(each)), None)
        if start is not None:
            told[TOLD[start]] = text.removeprefix(start)
        return start is not None

    path = folder / ALL
    try:
        script.run(path, {}, heard, *(["--wait"] if wait else []))
    except ScriptFailed as stopped:
        begun = f"\nthe run that was started: {told['link']}" if "link" in told else ""
        raise ScriptFailed(f"{stopped}{begun}", None) from None
    if missing := sorted(set(TOLD.values()) - told.keys()):
        raise ScriptFailed(f"{path} ended well, and did not say the {', '.join(missing)} of a run", None)
    return Deployed(**told, images=_images(folder) if builds else (), state="succeeded" if wait else "submitted")


def _images(folder: Path) -> tuple[str, ...]:
    """The images that the scripts wrote down, by digest."""
    path = folder / IMAGES
    if not path.is_file():
        raise ScriptFailed(f"{folder / ALL} ended well, and left no {path}", None)
    return tuple(line.split()[0] for line in path.read_text(encoding="utf-8").splitlines() if line.strip())


def pushed(folder: Path, settings: Settings, notebook: str | os.PathLike[str] | None, message: str | None) -> Pushed:
    """A commit of the codebase, pushed to where the trigger watches."""
    also = [Path(notebook)] if notebook is not None else _own()
    _in_place(folder)
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
        triggered='"kind": "trigger"' in _record(folder),
    )


def _record(folder: Path) -> str:
    """What provisioning wrote down as made."""
    path = folder / MADE
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def _in_place(folder: Path) -> None:
    """Refuses a codebase that is not where the trigger looks for it: a repository was made, or moved, around it."""
    import yaml

    trigger = yaml.safe_load((folder / TRIGGER).read_text(encoding="utf-8"))
    said, place = trigger["substitutions"]["_DIR"], disk.place(folder)
    if said != place:
        message = f"{folder / TRIGGER} has the codebase at {said} in its repository, and it is at {place}"
        hint = "generate() writes where it is, and provision() has the trigger look there"
        raise BadInput([Problem(message=message, hint=hint)], "nothing was committed")


def _own() -> list[Path]:
    """The notebook that this was called in, or the script, as far as that is known; not what `python -m` runs."""
    main = sys.modules["__main__"]
    script_ = None if getattr(main, "__spec__", None) else getattr(main, "__file__", None)
    found = jupyter.path() if jupyter.shell() is not None else script_
    return [Path(found)] if found and re.search(r"[.](ipynb|py)$", found) and os.path.isfile(found) else []
