"""The stories: what each verb does, told in the order in which it happens."""

import os
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from types import FrameType
from typing import Any, NamedTuple

from . import compiled, disk, jupyter, read, render, standing, web
from . import settings as settings_
from .display import Generated
from .errors import BadInput
from .model import Notebook, Pipeline, Problem, Tree
from .nouns import replace
from .read.travel import short
from .settings import Settings

DEFAULTS = "configs/defaults.yaml"


def generate(
    project_id: str | None = None,
    pipeline_params: Mapping[str, Any] | None = None,
    *,
    notebook: str | os.PathLike[str] | None = None,
    pipeline: str | None = None,
    dry_run: bool = False,
    **settings: Any,
) -> Generated:
    """Writes the codebase of the pipeline that this notebook defines, and touches nothing else: no network, no cloud.

    Call it in the last cell. It reads the cells that ran, finds the components and the pipeline, and writes a
    repository into `AutoMLOps/`. Call it again whenever you like: a file that you edited stays as you left it, and
    the new version is put beside it as `<file>.new`. A component that the notebook loads by its URL is fetched, once.

    Args:
        project_id: The Google Cloud project. Without one, the files that name a project wait until you give it.
        pipeline_params: A value for each parameter of the pipeline. Left out, those of the last time are used.
        notebook: A notebook or script to read instead of the cells that ran; or a compiled pipeline of kfp or TFX, a
            .json or .yaml file, which is packaged as it is.
        pipeline: The name of the pipeline to take, where the notebook has several.
        dry_run: Show what would be written, and write nothing.
        **settings: Anything else that configs/defaults.yaml holds, and output_dir:

            af_registry_location, af_registry_name: the Artifact Registry repository for the images
            gs_bucket_name, gs_bucket_location: the bucket for artifacts and specs; {project_id}-bucket if left out
            pipeline_runner_sa: the service account that runs the steps
            steps_use: what the steps need a role for beyond the bucket, ["bigquery", "vertex-jobs"]; found if left out
            pipeline_job_location: the region where the pipeline runs
            extra_regions: regions to accept that are newer than AutoMLOps' own list
            enable_caching, labels: passed on with each run
            custom_training_job_specs: components that run as custom jobs of Vertex AI, each on machines of its own:
                [{"component_spec": "train", "machine_type": "n1-standard-8", "accelerator_type": "NVIDIA_TESLA_T4"}]
            base_image: what the image is built on; python:<this Python>-slim if left out
            images: "shared" for one image, "auto" for more where pins need it, "per-component" for one each
            naming_prefix: resources are named after it
            run_local: True drives the cloud from this machine; False has a push to the repository do it
            cb_trigger_name, cb_trigger_location: the trigger that a push fires
            source_repo_type, source_repo_name: where the repository is; read from git's remote origin if left out
            source_repo_connection, source_repo_secrets: Cloud Build's connection to it, and what makes one
            submission_service: True has a service on Cloud Run start the runs, for messages of a topic; a push asks it
            cloud_run_name, cloud_run_location, ingress, pubsub_topic_name: that service, who reaches it, and the topic
            schedule: a cron line such as "0 6 * * 1": runs start by the clock too, with run_local=False
            schedule_name, schedule_location, schedule_time_zone, schedule_engine: what it is called, where it is, by
                whose clocks it goes ("Europe/Berlin"), and what keeps the time: "cloud-scheduler" or "vertex"
            schedule_max_runs, schedule_concurrency, schedule_catch_up: with "vertex" how many runs it starts, how many
                there are at a time, and whether those that could not start at their time start later
            csr_name, csr_branch_name: the repository in Cloud Source Repositories; the branch, wherever it is
            parameter_values_path, pipeline_job_spec_path: two files of the codebase, where they shall lie elsewhere
            output_dir: the folder to write into; "AutoMLOps" if left out
            license_header: text to put on top of every file

            The names that earlier versions had for these are taken too.

    Returns:
        What became of each file, in `changes`, with `warnings` and `next_steps`; a notebook shows it as a tree, with
        the picture of the pipeline.

    Raises:
        BadInput: with every fault at once; then nothing was written.
        WriteError: when the folder cannot be written; then the old files stand.

    Example:
        AutoMLOps.generate(pipeline_params={"rows": 178, "depth": 3})  # all but what needs a project
        AutoMLOps.generate(project_id="my-project", pipeline_params={"rows": 178, "depth": 3})
    """
    result = from_call(
        project_id, pipeline_params, notebook=notebook, pipeline=pipeline, dry_run=dry_run, settings=settings
    )
    if notebook is None and jupyter.shell() is None:
        print(result)  # a script that calls this has no cell to show the result in
    return result


def from_call(
    project_id: str | None,
    pipeline_params: Mapping[str, Any] | None,
    *,
    notebook: str | os.PathLike[str] | None,
    pipeline: str | None,
    dry_run: bool,
    settings: Mapping[str, Any],
) -> Generated:
    """Generates from where the call came from: a named file, the cells that ran, or the script that is running."""
    given = notebook
    notebook = settings_.path(given)
    if given is not None and notebook is None:
        message = f"notebook is of type {type(given).__name__}, not a path"
        raise BadInput([Problem(message=message, hint="write it as text, in quotes, or as a pathlib.Path")])
    asked = Asked(
        source(notebook),
        values=pipeline_params,
        settings=settings if project_id is None else {"project_id": project_id, **settings},
        which=pipeline,
        live=notebook is None and from_cells(),
        beside=os.path.dirname(os.path.abspath(notebook)) if notebook is not None else "",
    )
    return generated(asked, dry_run)


class Asked(NamedTuple):
    """What generate() was asked, wherever it was called: a notebook, or a script, and what was said of it."""

    source: Notebook
    values: Mapping[str, Any] | None = None
    settings: Mapping[str, Any] = {}
    which: str | None = None
    live: bool = False
    beside: str = ""


def generated(asked: Asked, dry_run: bool) -> Generated:
    """The story of generate(), whatever the cells came from."""
    return written(looked(asked), dry_run)


class Looked(NamedTuple):
    """What a call of generate() comes to before anything is written, with every fault of the notebook, of the settings
    and of the values."""

    folder: str
    settings: Settings | None
    reading: read.Reading
    problems: tuple[Problem, ...]
    warnings: tuple[Problem, ...]


def looked(asked: Asked, demanding: bool = True) -> Looked:
    """Reads what generate() reads. Unless it is `demanding`, it is no fault that the parameters have no values yet."""
    source, given = asked.source, {**asked.settings}
    folder = folder_of(given.get("output_dir"))
    saved, problems = _saved(folder)
    told = settings_.earlier(given, saved)
    found, unknown = _found({**given, **settings_.translated(given, saved)}, saved, folder)
    given |= found
    chosen, faults = settings_.chosen(given, saved)
    if chosen is not None:
        # What was compiled elsewhere names no image of this codebase.
        chosen = replace(chosen, own_images=() if compiled.is_meant(source) else disk.own_images(folder))
        faults = (*faults, *_homeless(chosen, folder), *_fixed(chosen, source))
    if chosen is not None and not chosen.run_local:
        chosen = replace(chosen, repository_folder=disk.place(folder))
    values, others = _values(asked.values, folder, chosen)
    wanted = values if demanding or values else None
    if compiled.is_meant(source):
        reading = compiled.pipeline(source, wanted, asked.which)
    else:
        reading = read.pipeline(
            source,
            wanted,
            which=asked.which,
            live=asked.live,
            images=(chosen or Settings()).images,
            base_image=(chosen or Settings()).base_image,
            own_images=(chosen or Settings()).own_images,
            jobs=(chosen or Settings()).custom_training_job_specs,
            reserved=render.reserved(chosen or Settings()),
            beside=asked.beside,
            fetched={
                (each.how, each.where): _fetched(each, asked.beside, folder) for each in read.wanted(source, asked.live)
            },
        )
    return Looked(
        folder=folder,
        settings=chosen,
        reading=reading,
        problems=(*problems, *unknown, *faults, *others, *reading.problems),
        warnings=(*reading.warnings, *told),
    )


def _homeless(chosen: Settings, folder: str) -> Iterator[Problem]:
    """What is wrong with the images of the user's, and with naming one that is not there."""
    for path in (path for path in chosen.own_images if not settings_.is_own(path)):
        hint = "up to 60 lower-case letters and digits, with . _ - between them"
        yield Problem(message=f"{folder}/{path} cannot give an image its name", hint=hint)
    if fault := settings_.homeless(chosen.base_image, chosen.own_images):
        yield Problem(message=f"base_image: {fault[0]}", hint=fault[1])


def _fixed(chosen: Settings, source: Notebook) -> Iterator[Problem]:
    """What was compiled elsewhere runs as it is: which step is a custom job was said there."""
    if chosen.custom_training_job_specs and compiled.is_meant(source):
        message = "custom_training_job_specs: the steps of a compiled pipeline run as they were compiled"
        yield Problem(message=message, hint="leave it out")


def written(found: Looked, dry_run: bool) -> Generated:
    """Writes what was found to be without a fault."""
    pipeline, settings, folder = found.reading.pipeline, found.settings, found.folder
    if found.problems or settings is None or pipeline is None:
        raise BadInput(found.problems)
    tree = render.tree(pipeline, settings)
    _remember(tree, settings)
    changes = disk.write(tree, folder, dry_run)
    if not dry_run:
        standing.generated(folder)
    return Generated(
        folder=f"{folder}/",
        changes=changes,
        warnings=found.warnings,
        next_steps=tuple(_next(pipeline, settings, folder)),
        dry_run=dry_run,
        pipeline=pipeline,
    )


def _fetched(wanted: read.Wanted, beside: str, folder: str) -> read.Fetched:
    """The component.yaml that a notebook loads: of a URL the one that the codebase has from there, if it has."""
    try:
        if wanted.how == "file":
            return read.Fetched(text=disk.read_text(os.path.join(beside, wanted.where)))
        kept = _fetched_before(wanted, folder)
        return read.Fetched(text=web.text(wanted.where) if kept is None else kept)
    except BadInput as error:
        return read.Fetched(fault=str(error.problems[0]))
    except web.Unreachable as error:
        return read.Fetched(fault=str(error))


def _fetched_before(wanted: read.Wanted, folder: str) -> str | None:
    """What the codebase holds below the line that says where it is from."""
    path = os.path.join(folder, "components", wanted.name, "component.yaml")
    _, told, text = (disk.read_text(path) if os.path.isfile(path) else "").partition(f"# {wanted.told}\n")
    return text if told else None


def _found(
    given: Mapping[str, Any], saved: Mapping[str, Any] | None, folder: str
) -> tuple[dict[str, Any], list[Problem]]:
    """The repository to push to, as far as neither the call nor the file says it: git's remote origin tells."""
    section = saved.get("ci") if isinstance(saved, Mapping) else None
    said = {**section, **given} if isinstance(section, Mapping) else given
    wanted, told = said.get("source_repo_type"), said.get("source_repo_name") is not None
    if said.get("run_local", True) is not False or not (wanted is None or issubclass(type(wanted), str)):
        return {}, []  # a host that is no text is for the settings to refuse
    if wanted == "csr" or (wanted and told):
        return {}, []
    from . import repository  # here, as it starts git

    host, name = repository.origin(folder) or ("", "")
    if host and not name and not wanted:
        message = f"git's remote origin is {host}, and that is none of github.com, gitlab.com and Google's own"
        hint = "say where to push to: source_repo_type='github' and source_repo_name; or source_repo_type='csr'"
        return {}, [Problem(message=message, hint=hint)]
    if not name or (wanted and wanted != host):
        return {}, []
    key = "csr_name" if host == "csr" else "source_repo_name"
    named = said.get(key) is not None and (key in given or said[key] != getattr(Settings(), key))
    return {**({} if host == "csr" else {"source_repo_type": host}), key: said[key] if named else name}, []


def _next(pipeline: Pipeline, settings: Settings, folder: str) -> list[str]:
    steps = [f"read {folder}/README.md", f"run its tests: python -m pytest {folder}"]
    if settings.project_id:
        make = f"read {folder}/provision/provision_resources.sh, and have it make what the pipeline needs: provision()"
        return [*steps, "see what that would be, and whether it can: plan()", make, "run it on Google Cloud: deploy()"]
    return [*steps, 'add the files for Google Cloud: generate(project_id="...")']


def source(notebook: str | os.PathLike[str] | None) -> Notebook:
    """The named file; or the cells that ran; or the script that is running."""
    if notebook is not None:
        return read.notebook(os.fspath(notebook), disk.read_text(notebook))
    cells = jupyter.notebook() if from_cells() else None
    if cells is not None:
        return cells
    script = getattr(sys.modules["__main__"], "__file__", None)
    if not script or not script.endswith(".py"):
        raise BadInput(
            [
                Problem(
                    message="there is no notebook here",
                    hint="call it in a notebook, in a script, or name one: notebook='train.ipynb'",
                )
            ]
        )
    return read.notebook(script, disk.read_text(script), stop=_line_of_call())


def from_cells() -> bool:
    """Whether the cells that ran are meant: not where IPython runs a script, as `%run train.py` does."""
    if jupyter.shell() is None:
        return False
    names = vars(sys.modules["__main__"])
    frame = next((each for each in _callers() if each.f_globals is names), None)
    return frame is None or "__file__" not in names or frame.f_code.co_filename != os.path.abspath(names["__file__"])


def _line_of_call() -> int:
    """The line of the running script, at its top level, that led here: what stands above it is the pipeline's."""
    names = vars(sys.modules["__main__"])
    frames = (each for each in _callers() if each.f_globals is names and each.f_code.co_name == "<module>")
    return next((each.f_lineno for each in reversed(list(frames))), 0)


def _callers() -> Iterator[FrameType]:
    """The frames that led here, the nearest first."""
    frame = sys._getframe().f_back
    while frame is not None:
        yield frame
        frame = frame.f_back


def folder_of(given: object) -> str:
    """The folder to write into; what is no path at all is for the settings to refuse."""
    path = settings_.path(given)
    return os.path.normpath(path) if path else "AutoMLOps"


# The text of the settings last written in this process, and what it says: reading it back needs no YAML then.
_WRITTEN: dict[str, Mapping[str, Any]] = {}


def _remember(tree: Tree, settings: Settings) -> None:
    text = next(file.text for file in tree.files if file.path == DEFAULTS)
    _WRITTEN.clear()
    _WRITTEN[text] = {section: {name: value for name, value, _ in rows} for section, rows in settings_.table(settings)}


def settings_of(folder: str) -> Settings:
    """The settings that a codebase's configs come to."""
    saved, problems = _saved(folder)
    chosen, faults = settings_.chosen({}, saved)
    if problems or faults or chosen is None:
        raise BadInput([*problems, *faults])
    return chosen


def values_of(folder: str) -> Mapping[str, Any]:
    """The parameter values that a codebase holds."""
    values, problems = _values(None, folder, settings_of(folder))
    if problems:
        raise BadInput(problems)
    return values


def _saved(folder: str) -> tuple[Mapping[str, Any] | None, list[Problem]]:
    """The settings of the last time, as the user may have edited them."""
    path = os.path.join(folder, DEFAULTS)
    if not os.path.isfile(path):
        return None, []
    text = disk.read_text(path)
    if text in _WRITTEN:
        return _WRITTEN[text], []
    import yaml  # only where there is something new to read

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(text)  # safe, in C where that is built
    try:
        found = loader.get_single_node()
        twice = [Problem(message=f"{name} is there twice", hint="leave one", cell=DEFAULTS) for name in _twice(found)]
        return (loader.construct_document(found) if found else None), twice
    except Exception as error:  # beside YAML's own errors, what a date or number that is none raises, or a deep nest
        message = f"{path} is not valid YAML: {' '.join(str(error).split())}"
        return None, [Problem(message=message, hint="mend it, or delete it to start from the defaults")]


def _twice(found: Any) -> Iterator[str]:
    """The names that stand twice in the file, or in a section of it: YAML would take the last and say nothing."""
    sections = [section for _, section in _pairs(found)]
    for mapping in (found, *sections):
        counts = Counter(key.value for key, _ in _pairs(mapping) if key.id == "scalar")
        yield from sorted(name for name, count in counts.items() if count > 1)


def _pairs(node: Any) -> list[tuple[Any, Any]]:
    return node.value if node is not None and node.id == "mapping" else []


def _values(given: object, folder: str, settings: Settings | None) -> tuple[Mapping[str, Any], list[Problem]]:
    """The parameter values: those given, else those of the last time."""
    if isinstance(given, Mapping):
        return _given(given)
    if given is not None:
        return {}, [
            Problem(message=f"pipeline_params is {type(given).__name__}, not a dict", hint="write {'rows': 178}")
        ]
    return _kept(os.path.join(folder, settings.parameter_values_path) if settings else "")


def _given(given: Mapping[object, Any]) -> tuple[Mapping[str, Any], list[Problem]]:
    try:
        values = {**given}
    except Exception as error:  # a foreign mapping's own fault, whatever it is
        message = f"pipeline_params cannot be read: {type(error).__name__}"
        return {}, [Problem(message=message, hint="write a dict, {'rows': 178}")]
    wrong = [f"pipeline_params: the name {short(key)} is not a str" for key in values if not isinstance(key, str)]
    problems = [Problem(message=message, hint="write the name in quotes") for message in wrong]
    return {key: value for key, value in values.items() if isinstance(key, str)}, problems


def _kept(path: str) -> tuple[Mapping[str, Any], list[Problem]]:
    """The values that a codebase holds, as the user may have edited them."""
    if not os.path.isfile(path):
        return {}, []
    try:
        found = disk.read_json(path)
    except (ValueError, RecursionError) as error:
        return {}, [Problem(message=f"{path} is not valid JSON: {error}", hint="mend it, or give pipeline_params")]
    if isinstance(found, dict):
        return found, []
    return {}, [
        Problem(message=f"{path} is not an object of names and values", hint="mend it, or give pipeline_params")
    ]
