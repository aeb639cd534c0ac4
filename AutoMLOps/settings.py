"""What the user chose: every setting checked once, against Google's own rules, with the names that follow from it.

An explicit argument wins, then `configs/defaults.yaml`, then the default. A setting is here once it has an effect.
"""

import json
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from typing import Any, Literal, NamedTuple

from . import cron
from .model import Problem, slug
from .nouns import noun
from .synonyms import SYNONYMS, UNSCHEDULED, Synonym


def _words(text: str) -> tuple[str, ...]:
    """A long table of names, as readable as a line of prose."""
    return tuple(text.split())


FILE = "configs/defaults.yaml"
MULTI_REGIONS = ("asia", "europe", "us")
BUCKET_REGIONS = ("asia", "eu", "us")  # the multi-regions of Cloud Storage, which calls Europe eu
REGIONS = _words(
    """
    africa-south1 asia-east1 asia-east2 asia-northeast1 asia-northeast2 asia-northeast3 asia-south1 asia-south2
    asia-southeast1 asia-southeast2 asia-southeast3 australia-southeast1 australia-southeast2 europe-central2
    europe-north1 europe-north2 europe-southwest1 europe-west1 europe-west2 europe-west3 europe-west4 europe-west6
    europe-west8 europe-west9 europe-west10 europe-west12 me-central1 me-central2 me-west1 northamerica-northeast1
    northamerica-northeast2 northamerica-south1 southamerica-east1 southamerica-west1 us-central1 us-east1 us-east4
    us-east5 us-east7 us-south1 us-west1 us-west2 us-west3 us-west4 us-west8
    """
)
RESERVED_LABELS = ("automlops-pipeline", "managed-by")
MOST_LABELS = 64 - len(RESERVED_LABELS)  # Google takes 64 on a resource

_REGISTRY_NAME = "vertex-mlops-af"
_TRIGGER_NAME = "automlops-trigger"
_SERVICE_NAME = "run-pipeline"
_TOPIC_NAME = "automlops-runs"
_SCHEDULE_NAME = "AutoMLOps-schedule"
_BASE_IMAGE = f"python:{sys.version_info.major}.{sys.version_info.minor}-slim"


@noun
class TrainingJob:
    """A component whose steps run as custom jobs of Vertex AI, each on a machine of its own.

    `arguments` are those of create_custom_training_job_from_component that were given, as (name, JSON text).
    """

    component: str
    arguments: tuple[tuple[str, str], ...] = ()

    @property
    def values(self) -> dict[str, Any]:
        """The arguments by name."""
        return {name: json.loads(text) for name, text in self.arguments}

    @property
    def machine(self) -> str:
        """What it runs on, for a reader."""
        said = {"machine_type": "n1-standard-4", "accelerator_count": 1, "replica_count": 1, **self.values}
        machine = str(said["machine_type"])
        machines = f"{said['replica_count']} {machine}" if said["replica_count"] > 1 else machine
        extra = f"{said['accelerator_count']} {said['accelerator_type']}" if said.get("accelerator_type") else ""
        return " with ".join(filter(None, (machines, extra)))


@noun
class Settings:
    """What was chosen, and as properties the names that follow from it. `chosen` makes one that is checked.

    Names that need a project are empty text as long as there is none.
    """

    project_id: str | None = None
    af_registry_location: str = "us-central1"
    af_registry_name: str = _REGISTRY_NAME
    gs_bucket_location: str = "us-central1"
    gs_bucket_name: str | None = None
    pipeline_runner_sa: str | None = None
    steps_use: tuple[str, ...] | None = None
    pipeline_job_location: str = "us-central1"
    parameter_values_path: str = "pipelines/runtime_parameters/pipeline_parameter_values.json"
    pipeline_job_spec_path: str = "scripts/pipeline_spec/pipeline_job.json"
    enable_caching: bool | None = None
    custom_training_job_specs: tuple["TrainingJob", ...] = ()
    labels: tuple[tuple[str, str], ...] = ()
    base_image: str = _BASE_IMAGE
    images: Literal["shared", "auto", "per-component"] = "shared"
    naming_prefix: str | None = None
    run_local: bool = True
    cb_trigger_location: str = "us-central1"
    cb_trigger_name: str = _TRIGGER_NAME
    source_repo_type: Literal["csr", "github", "gitlab"] | None = None
    source_repo_name: str | None = None
    source_repo_connection: str | None = None
    source_repo_secrets: tuple[tuple[str, str], ...] = ()
    csr_name: str = "AutoMLOps-repo"
    csr_branch_name: str = "automlops"
    submission_service: bool | None = None
    cloud_run_location: str = "us-central1"
    cloud_run_name: str = _SERVICE_NAME
    pubsub_topic_name: str = _TOPIC_NAME
    ingress: Literal["internal", "internal-and-cloud-load-balancing", "all"] = "internal"
    schedule: str | None = None
    schedule_engine: Literal["cloud-scheduler", "vertex"] = "cloud-scheduler"
    schedule_location: str = "us-central1"
    schedule_name: str = _SCHEDULE_NAME
    schedule_time_zone: str = cron.UTC[0]
    schedule_max_runs: int | None = None
    schedule_concurrency: int = 1
    schedule_catch_up: bool = False
    output_dir: str = "AutoMLOps"
    license_header: str | None = None
    extra_regions: tuple[str, ...] = ()
    # Not chosen, but found where the codebase is written: where that is in its git repository, and the images in it
    # that are built from Dockerfiles of the user's.
    repository_folder: str = "."
    own_images: tuple[str, ...] = ()

    @property
    def brings_packages(self) -> bool:
        """Whether the base image was chosen for what it holds: all but Python's own hold more than Python."""
        return re.match(r"(?:docker\.io/|(?:.*/)?library/)?python[:@]", self.base_image) is None

    @property
    def python_image(self) -> str:
        """An image with the Python of the base image, as far as its name tells, for what is no step of the pipeline."""
        found = re.search(r"(?:^|/)python:(3[.]\d+)", self.base_image)
        return f"python:{found[1]}-slim" if found else _BASE_IMAGE

    @property
    def registry(self) -> str:
        """The registry's name; under a prefix, the default name counts as not given, so that it follows the prefix."""
        if self.naming_prefix and self.af_registry_name == _REGISTRY_NAME:
            return f"{self.naming_prefix}-artifact-registry"
        return self.af_registry_name

    @property
    def trigger(self) -> str:
        """The name of the trigger; it follows a prefix as the registry's does."""
        if self.naming_prefix and self.cb_trigger_name == _TRIGGER_NAME:
            return f"{self.naming_prefix}-build-trigger"
        return self.cb_trigger_name

    @property
    def service(self) -> str:
        """The name of the service that starts runs; it follows a prefix as the registry's does."""
        if self.naming_prefix and self.cloud_run_name == _SERVICE_NAME:
            return f"{self.naming_prefix[:31].strip('-')}-submission-svc"
        return self.cloud_run_name

    @property
    def topic(self) -> str:
        """The topic whose messages start runs; it follows a prefix as the registry's does."""
        if self.naming_prefix and self.pubsub_topic_name == _TOPIC_NAME:
            return f"{self.naming_prefix}-runs"
        return self.pubsub_topic_name

    @property
    def has_service(self) -> bool:
        """Whether the service that starts runs is there: where it was asked for, or a schedule needs it."""
        if self.run_local:
            return False
        needed = bool(self.schedule) and not self.has_native_schedule
        return needed if self.submission_service is None else self.submission_service

    @property
    def has_native_schedule(self) -> bool:
        """Whether Vertex AI itself starts runs by the clock."""
        return bool(self.schedule) and self.schedule_engine == "vertex" and not self.run_local

    @property
    def schedule_region(self) -> str:
        """Where the schedule is: one of Vertex AI is where its runs are."""
        return self.pipeline_job_location if self.schedule_engine == "vertex" else self.schedule_location

    @property
    def unschedules(self) -> bool:
        """Whether a schedule of Vertex AI may have to be taken away: this one, or one from before another engine."""
        return bool(self.schedule) or self.schedule_engine == "vertex"

    @property
    def schedule_id(self) -> str:
        """The name of the schedule; it follows a prefix as the registry's does."""
        if self.naming_prefix and self.schedule_name == _SCHEDULE_NAME:
            return f"{self.naming_prefix}-schedule"
        return self.schedule_name

    @property
    def submitter(self) -> str:
        """The account that the service runs as, which starts runs."""
        return self._account(_fitting(self.service, "submitter"))

    @property
    def invoker(self) -> str:
        """The account whose tokens the service takes: Pub/Sub shows one with each message."""
        return self._account(_fitting(self.service, "invoker"))

    @property
    def host(self) -> str:
        """Where the repository is that the trigger watches: github, gitlab, or csr, Cloud Source Repositories."""
        return self.source_repo_type or "csr"

    @property
    def connection(self) -> str:
        """Cloud Build's connection to that host; Cloud Source Repositories needs none."""
        return "" if self.host == "csr" else self.source_repo_connection or f"automlops-{self.host}"

    @property
    def repository(self) -> str:
        """The repository's name: OWNER/NAME, or in Cloud Source Repositories its own alone."""
        return self.csr_name if self.host == "csr" else self.source_repo_name or ""

    @property
    def remote(self) -> str:
        """Where git pushes to."""
        if self.host == "csr":
            return f"https://source.developers.google.com/p/{self.project_id}/r/{self.csr_name}"
        return f"https://{self.host}.com/{self.repository}.git"

    @property
    def bucket(self) -> str:
        """The pipeline's bucket; a domain-scoped project's ':' and '.' become '-': a dot asks for a proven domain."""
        if self.gs_bucket_name or not self.project_id:
            return self.gs_bucket_name or ""
        project = re.sub("[:.]", "-", self.project_id)
        return "-".join(part for part in (project, self.naming_prefix, "bucket") if part)

    @property
    def runner(self) -> str:
        """The service account that the steps run as."""
        return self.pipeline_runner_sa or self._account("vertex-pipelines")

    def builder(self, pipeline: str) -> str:
        """The service account that builds this pipeline's images."""
        return self._account(_fitting(pipeline, "builder"))

    def image(self, pipeline: str, folder: str) -> str:
        """The image built from a folder under components/, without tag: short where there is no project."""
        name = f"{_path_component(pipeline)}/{_path_component(folder)}"
        if not self.project_id:
            return name
        return f"{self.af_registry_location}-docker.pkg.dev/{self.project_id.replace(':', '/')}/{self.registry}/{name}"

    def own_image(self, pipeline: str, path: str) -> str:
        """The image built from a folder of the user's, images/<name>, without tag."""
        return f"{self.image(pipeline, 'images')}/{_path_component(path.rpartition('/')[2])}"

    @property
    def accounts(self) -> str:
        """How this project's service accounts end; a domain-scoped one, `example.com:proj`, is `proj.example.com`."""
        if not self.project_id:
            return ""
        domain, _, project = self.project_id.rpartition(":")
        return f"@{project}{domain and f'.{domain}'}.iam.gserviceaccount.com"

    def _account(self, name: str) -> str:
        """A service account of this project."""
        return f"{name}{self.accounts}" if self.project_id else ""


OWN_IMAGE = re.compile("images/[a-z0-9]+(?:[._-][a-z0-9]+)*")


def is_own(image: str) -> bool:
    """Whether an image is one of the codebase's own, by how it is spelled: images/<name>, without a tag."""
    return OWN_IMAGE.fullmatch(image) is not None


def homeless(image: str, own_images: tuple[str, ...]) -> tuple[str, str] | None:
    """What is wrong with naming an image of the codebase's own that is not there, and how to mend it."""
    if not is_own(image) or image in own_images:
        return None
    there = f"there is {', '.join(own_images)}" if own_images else "images/ has none yet"
    return f"{image} has no Dockerfile", f"write it into {image}/ of the codebase; {there}"


def _fitting(name: str, duty: str) -> str:
    """What an account of a pipeline or a service is called: an account's name has 6 to 30 characters."""
    short, longest = slug(name), 29 - len(duty)
    if short != name or not short[:1].isalpha() or len(short) > longest:
        readable = (short if short[:1].isalpha() else f"p-{short}")[: longest - 7].strip("-")
        short = f"{readable}-{_hash(name, 6)}"
    return f"{short}-{duty}"


def misnamed(image: str) -> tuple[str, str] | None:
    """What is wrong with the name of a container image, and how to mend it."""
    return _against(_IMAGE, image)


def chosen(
    arguments: Mapping[str, object], saved: Mapping[str, object] | None = None
) -> tuple[Settings | None, tuple[Problem, ...]]:
    """The settings, or every fault in them together.

    `arguments` holds what the user wrote in the call and nothing else: None there wins over the file and means the
    default. Only settings that may be left open take None; elsewhere it is a fault, as an emptied line of the file is.
    A value of the file that an argument replaces is not judged. The names of earlier versions are taken in the call,
    and refused in the file, which is written with one name for each setting.
    """
    kept, problems = _from_file(saved)
    given, unknown = _from_call(arguments, kept)
    choices = {**{name: (choice,) for name, choice in kept.items()}, **given}
    values: dict[str, Any] = {}
    refused: set[str] = set()
    for setting in _SETTINGS:
        value, faults = _agreed(setting, choices.get(setting.name, ()))
        problems += faults
        refused |= {setting.name} if faults else set()
        values |= {} if faults or value is None else {setting.name: value}
    settings = Settings(**values)
    problems += _together(settings, choices, refused)
    problems += unknown
    return (None if problems else settings), tuple(problems)


def translated(arguments: Mapping[str, object], saved: object = None) -> dict[str, object]:
    """The arguments by the names of today, as far as each is sound and nothing speaks against it."""
    given, _ = _from_call(arguments, _from_file(saved)[0])
    readings = {setting.name: _agreed(setting, given[setting.name]) for setting in _SETTINGS if setting.name in given}
    return {name: value for name, (value, faults) in readings.items() if not faults}


def earlier(arguments: Mapping[str, object], saved: object = None) -> tuple[Problem, ...]:
    """What to tell of the names of earlier versions that a call was made with: what each was taken for."""
    given, _ = _from_call(arguments, _from_file(saved)[0])
    taken = sorted((choice.name, choice.becomes) for choices in given.values() for choice in choices if choice.name)
    said = (_plain(name) for name, value in arguments.items() if value is not None)
    idle = sorted(name for name in said if name in SYNONYMS and name not in _RENAMED)
    told = []
    if taken:
        names = ", ".join(f"{name} as {becomes}" for name, becomes in taken)
        told.append(Problem(message=f"taken by names of earlier versions: {names}", hint="write the new ones"))
    if idle:
        message = f"without effect here: {', '.join(idle)}"
        told.append(Problem(message=message, hint="leave it out" if len(idle) == 1 else "leave them out"))
    return tuple(told)


Table = tuple[tuple[str, tuple[tuple[str, object, str], ...]], ...]


def table(settings: Settings) -> Table:
    """What configs/defaults.yaml holds, in order: (section, ((name, value, comment), ...)).

    A name that was not given stays null, with what it becomes in the comment, so that changing `project_id` alone moves
    every name that follows from it. `output_dir` is left out: the file lives in it.
    """
    comments = _comments()
    values = {name: getattr(settings, name) for name in _NAMES}
    values |= {"labels": dict(settings.labels), "extra_regions": list(settings.extra_regions)}
    values["source_repo_secrets"] = dict(settings.source_repo_secrets)
    values["custom_training_job_specs"] = [
        {"component_spec": job.component, **job.values} for job in settings.custom_training_job_specs
    ]
    values["steps_use"] = None if settings.steps_use is None else list(settings.steps_use)
    return tuple(
        (section, tuple((name, values[name], comments[name]) for name in names)) for section, names in _SECTIONS.items()
    )


def _comments() -> dict[str, str]:
    """One line for each setting: what it does, and its choices. None holds a value of another."""
    return {
        "project_id": "the Google Cloud project; null: what needs none is generated",
        "af_registry_location": "where the images are kept: a region, or us, europe, asia",
        "af_registry_name": f"the Artifact Registry repository of the images; with a naming_prefix, {_REGISTRY_NAME} "
        "becomes <naming_prefix>-artifact-registry",
        "gs_bucket_location": "where the bucket is made: a region, or us, eu, asia",
        "gs_bucket_name": "the bucket of specs, logs and artifacts; null: <project_id>-bucket, or "
        "<project_id>-<naming_prefix>-bucket",
        "pipeline_runner_sa": "the service account that the steps run as; null: "
        "vertex-pipelines@<project_id>.iam.gserviceaccount.com",
        "steps_use": "what the steps use beyond the bucket, and need a role for: bigquery, vertex-jobs (custom jobs, "
        "deployments); null: found in their code",
        "pipeline_job_location": "the region that Vertex AI runs the pipeline in",
        "extra_regions": "regions to accept that are newer than AutoMLOps' own list",
        "naming_prefix": "goes into the names of bucket and registry, to keep teams apart in one project; null: none",
        "labels": "labels for each run, beside managed-by and automlops-pipeline: lower-case key: value",
        "parameter_values_path": "where the values of the pipeline's parameters are kept: a .json file of this folder",
        "pipeline_job_spec_path": "where the compiled pipeline is written: a .json file of this folder",
        "enable_caching": "true: steps whose inputs did not change are skipped; false: never; null: each step decides",
        "custom_training_job_specs": "components that run as custom jobs of Vertex AI, on machines of their own: a "
        "list of component_spec, the component's name, with machine_type, accelerator_type and what else "
        "create_custom_training_job_from_component takes; null: none",
        "base_image": "the image that the components' image starts from; its Python should fit the pinned requirements"
        "; images/<name>: the one built from that folder here",
        "images": "shared: one image for all components that start from one base image; auto: more where their pins "
        "need it; per-component: one for each",
        "run_local": "true: this machine builds, compiles and submits; false: a push to the repository has Cloud Build "
        "do it",
        "cb_trigger_location": "the region of the trigger that a push fires",
        "cb_trigger_name": f"the trigger; with a naming_prefix, {_TRIGGER_NAME} becomes <naming_prefix>-build-trigger",
        "source_repo_type": "where the repository is: github, gitlab or csr (Cloud Source Repositories); null: read "
        "from git's remote origin, csr where there is none",
        "source_repo_name": "OWNER/NAME of the repository on github or gitlab; null: read from git's remote origin",
        "source_repo_connection": "Cloud Build's connection to github or gitlab; null: automlops-github or "
        "automlops-gitlab",
        "source_repo_secrets": "for a connection to be made by a script: the version of a secret for each of "
        "token, read_token and webhook (gitlab), or for token (github), and github_app: the installation's number; "
        "none: a person makes it, once, in the console",
        "csr_name": "the repository in Cloud Source Repositories",
        "csr_branch_name": "the branch that the trigger watches",
        "submission_service": "true: a service on Cloud Run starts runs for messages of a Pub/Sub topic, a push's too; "
        "false: the build that a push starts starts the run itself; null: true where there is a schedule. With "
        "run_local: false alone",
        "cloud_run_location": "the region of that service",
        "cloud_run_name": f"the service, which the pipelines of a project share; with a naming_prefix, {_SERVICE_NAME} "
        "becomes <naming_prefix>-submission-svc",
        "pubsub_topic_name": f"its topic; with a naming_prefix, {_TOPIC_NAME} becomes <naming_prefix>-runs",
        "ingress": "from where that service is reached: internal (Pub/Sub of the project, its networks), "
        "internal-and-cloud-load-balancing, all; whoever calls it needs a token in any case",
        "schedule": "when runs start by the clock: 0 6 * * 1 is minute, hour, day of the month, month and day of the "
        "week; null: they do not. With run_local: false alone",
        "schedule_engine": "what keeps the time: cloud-scheduler, which asks the service for a run, or vertex, Vertex "
        "AI itself, which starts what the last push built, without a service",
        "schedule_location": "the region of the schedule; one of Vertex AI is where its runs are, by "
        "pipeline_job_location",
        "schedule_name": f"the schedule; with a naming_prefix, {_SCHEDULE_NAME} becomes <naming_prefix>-schedule",
        "schedule_time_zone": "by whose clocks: a name of the tz database, like Europe/Berlin",
        "schedule_max_runs": "how many runs it starts in all; null: no end. With schedule_engine: vertex alone",
        "schedule_concurrency": "how many of its runs there are at a time. With schedule_engine: vertex alone",
        "schedule_catch_up": "true: a run that is one too many, or was due while the schedule was paused, starts "
        "later; false: never. With schedule_engine: vertex alone",
        "license_header": "text put on top of every generated file, as comments; null: none",
    }


class _Fault(NamedTuple):
    """What is wrong with a value, to be read after the setting's name, and how to mend it."""

    what: str
    hint: str


class _Choice(NamedTuple):
    """A value, where it was said: in the file, or (no place) in the call; and by which earlier name, if by one."""

    value: object
    place: str = ""
    name: str = ""
    becomes: str = ""
    opposite: bool = False

    def problem(self, name: str, fault: _Fault) -> Problem:
        return Problem(message=f"{self.name or name} {fault.what}", hint=fault.hint, cell=self.place)


class _Rule(NamedTuple):
    """The form of a name; `traps` are usual slips, whatever the form says of them, with the hint that mends each."""

    what: str
    form: str
    longest: int
    hint: str
    traps: tuple[tuple[str, str], ...] = ()


_ID = "[a-z][a-z0-9-]{4,28}[a-z0-9]"  # of a project, and of a service account
_DOMAIN = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:[.][a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)+"
_PATH_COMPONENT = "[a-z0-9]+(?:(?:[.]|__?|-+)[a-z0-9]+)*"
_HOST = "[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"
_REGION_FORM = "[a-z]{1,20}(?:-[a-z]{1,20}){1,3}[0-9]{1,2}"

_PROJECT = _Rule(
    what="a Google Cloud project id",
    form=f"(?:{_DOMAIN}:)?{_ID}",
    longest=284,
    hint="6 to 30 lower-case letters, digits and hyphens, a letter first, no hyphen last",
    traps=(
        ("[0-9]+", "this is the project's number: `gcloud projects describe NUMBER` shows its projectId"),
        ("projects/.*", "leave off projects/"),
    ),
)
_BUCKET = _Rule(
    what="a bucket's name",
    form="(?=.{3})[a-z0-9][a-z0-9_-]{0,62}(?:[.][a-z0-9_-]{1,63})*(?<=[a-z0-9])",
    longest=222,
    hint="3 to 63 lower-case letters, digits, hyphens and underscores, a letter or digit first and last",
    traps=(
        ("gs://.*", "leave off gs://"),
        ("[^/]+/.*", "the bucket alone, without a folder"),
        ("[0-9]+(?:[.][0-9]+){3}", "a bucket is not named like an IP address"),
        ("goog.*|.*g[o0]{2}g[l1]e.*", "Google keeps names that begin with goog or contain google to itself"),
    ),
)
_REGISTRY = _Rule(
    what="an Artifact Registry repository's name",
    form="[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?",
    longest=63,
    hint="up to 63 lower-case letters, digits and hyphens, a letter first, no hyphen last",
    traps=((".*/.*", "the repository's own name alone, without location or project"),),
)
_PREFIX = _Rule(
    what="a prefix for names",
    form="[a-z](?:[a-z0-9-]*[a-z0-9])?",
    longest=63 - len("-artifact-registry"),
    hint="up to 45 lower-case letters, digits and hyphens, a letter first, no hyphen last",
)
_REGION = _Rule(
    what="a region's name",
    form=_REGION_FORM,
    longest=63,
    hint="a region looks like us-central1",
)
_ACCOUNT = _Rule(
    what="a service account's e-mail",
    form=f"{_ID}@{_ID}(?:[.]{_DOMAIN})?[.]iam[.]gserviceaccount[.]com"
    "|[0-9]{1,20}-compute@developer[.]gserviceaccount[.]com"
    f"|{_ID}(?:[.]{_DOMAIN})?@appspot[.]gserviceaccount[.]com",
    longest=320,
    hint="it looks like NAME@PROJECT.iam.gserviceaccount.com, "
    "with 6 to 30 lower-case letters, digits and hyphens in NAME",
    traps=(("(?i:serviceAccount):.*", "leave off serviceAccount:"),),
)
_IMAGE = _Rule(
    what="a container image",
    form=f"(?:(?:localhost|{_HOST}(?:[.]{_HOST})+|{_HOST}(?=:))(?::[0-9]{{1,5}})?/)?"
    f"{_PATH_COMPONENT}(?:/{_PATH_COMPONENT})*(?::[a-zA-Z0-9_][a-zA-Z0-9_.-]{{0,127}})?(?:@sha256:[0-9a-f]{{64}})?",
    longest=455,
    hint="it looks like python:3.11-slim or HOST/PATH:TAG or HOST/PATH@sha256:DIGEST, with PATH in lower case",
    traps=(("(?:docker|https?)://.*", "leave off what comes before the registry's host"),),
)

_TRIGGER = _Rule(
    what="a trigger's name",
    form="[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,62}[a-zA-Z0-9])?",
    longest=64,
    hint="up to 64 letters, digits and hyphens, a letter or digit first and last",
)
_CONNECTION = _Rule(
    what="a connection's name",
    form="[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?",
    longest=63,
    hint="up to 63 lower-case letters, digits and hyphens, a letter first, no hyphen last",
    traps=(("projects/.*", "the connection's own name alone, what comes after connections/"),),
)
_REPOSITORY = _Rule(
    what="OWNER/NAME of a repository",
    form="[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,98}[A-Za-z0-9_-])?(?:/[A-Za-z0-9_.-]{0,98}[A-Za-z0-9_-])+",
    longest=200,
    hint="like example/wine-quality",
    traps=(("(?:https?|ssh)://.*|git@.*", "leave off the address of the host, and .git"),),
)
_CSR = _Rule(
    what="the name of a repository",
    form="[A-Za-z](?:[A-Za-z0-9_-]{1,126}[A-Za-z0-9])",
    longest=128,
    hint="3 to 128 letters, digits, hyphens and underscores, a letter first, a letter or digit last",
)
_SERVICE = _Rule(
    what="the name of a service on Cloud Run",
    form="[a-z](?:[a-z0-9-]{0,47}[a-z0-9])?",
    longest=49,
    hint="up to 49 lower-case letters, digits and hyphens, a letter first, no hyphen last",
)
_TOPIC = _Rule(
    what="a topic's name",
    form="(?!goog)[A-Za-z][A-Za-z0-9._~-]{2,199}",
    longest=200,
    hint="3 to 200 letters, digits and . _ ~ -, a letter first, and not goog",
    traps=(("projects/.*", "the topic's own name alone, what comes after topics/"),),
)
_SCHEDULE = _Rule(
    what="a schedule's name",
    form="[A-Za-z0-9_-]+",
    longest=500,
    hint="up to 500 letters, digits, hyphens and underscores",
    traps=(("projects/.*", "the schedule's own name alone, what comes after jobs/"), ("-.*", "no hyphen first")),
)
_BRANCH = _Rule(
    what="a branch's name",
    form="(?!.*(?:[.]lock$|[.][.]|//|@[{]))[A-Za-z0-9_](?:[A-Za-z0-9_./-]{0,198}[A-Za-z0-9_-])?",
    longest=200,
    hint="letters, digits, and . _ - / within it",
    traps=(("refs/heads/.*", "leave off refs/heads/"),),
)
_SECRET = _Rule(
    what="a version of a secret",
    form=f"(?:projects/(?:{_DOMAIN}:)?{_ID}/secrets/)?[A-Za-z0-9_-]{{1,255}}/versions/(?:[1-9][0-9]{{0,9}}|latest)",
    longest=600,
    hint="it looks like NAME/versions/1: the secret's name in Secret Manager, never what is in it",
)

_KEY = r"(?s)\s*[{\[].*|.*private_?key.*|.*-----BEGIN.*|.*[.](?:json|p12|pem)\s*"
_KEYLESS = (
    "no key is needed: give the account's e-mail, and act as it with "
    "`gcloud auth application-default login --impersonate-service-account=EMAIL`"
)
_UNWRITABLE = "[^\t\n\x20-\x7e\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"  # YAML cannot hold these, nor comments


def _read(setting: "_Setting", value: object) -> tuple[object, tuple[_Fault, ...]]:
    """A value as Settings holds it, or its faults; None leaves the default."""
    if value is not None:
        return setting.read(value)
    default = getattr(Settings(), setting.name)
    fault = _Fault("is empty", f"give it a value, or leave it out for the default, {default}")
    return None, (() if setting.open else (fault,))


def _agreed(setting: "_Setting", choices: tuple[_Choice, ...]) -> tuple[object, list[Problem]]:
    """What the choices of one setting come to, by whatever names they were made; or what is wrong with them."""
    readings = [_chosen(setting, choice) for choice in choices]
    problems = [
        choice.problem(setting.name, fault)
        for choice, (_, faults) in zip(choices, readings, strict=True)
        for fault in faults
    ]
    if problems or not choices:
        return None, problems
    default = getattr(Settings(), setting.name)
    values = [default if value is None else value for value, _ in readings]
    if any(value != values[0] for value in values):
        return None, [_at_odds(setting, choices)]
    return values[0], []


def _chosen(setting: "_Setting", choice: _Choice) -> tuple[object, tuple[_Fault, ...]]:
    """One choice, read. An earlier name takes None for any setting: there it stands for the default."""
    if choice.name and choice.value is None:
        return None, ()
    value, faults = _read(setting, choice.value)
    return (not value if choice.opposite and not faults else value), faults


def _at_odds(setting: "_Setting", choices: tuple[_Choice, ...]) -> Problem:
    said = [f"{choice.name or setting.name}={_shown(choice.value)}" for choice in choices]
    old = ", ".join(choice.name for choice in choices if choice.name)
    names = "opposites" if any(choice.opposite for choice in choices) else "names of one setting"
    message = f"{' and '.join(said)} do not agree, and are {names}"
    return Problem(message=message, hint=f"leave out {old}")


def _of(value: object, kind: type) -> bool:
    """isinstance by the real type alone, as a value's own `__class__` may say or raise anything."""
    return issubclass(type(value), kind)


def _plain(value: object) -> str | None:
    """Text as plain str, whatever a subclass adds to it (an enum, numpy's); None for anything that is not text."""
    return str.__str__(value) if _of(value, str) and isinstance(value, str) else None


def _said(text: str) -> str:
    """A value for a message: quoted, escaped, and short."""
    return repr(text if len(text) <= 60 else f"{text[:57]}...")


def _shown(value: object) -> str:
    """Any value for a message: text, True, False and None as themselves; of all else the type."""
    text = _plain(value)
    if text is not None:
        return _said(text)
    return repr(value) if value is None or type(value) is bool else type(value).__name__


def _hash(text: str, length: int) -> str:
    from hashlib import sha256

    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:length]


def _path_component(name: str) -> str:
    """A name as part of an image's path; one that had to change, or looks as if it had, ends in a hash of itself."""
    if re.fullmatch(_PATH_COMPONENT, name) and len(name) <= 60 and not re.search("-[0-9a-f]{8}$", name):
        return name
    words = re.findall("[0-9a-z]+", re.sub("(?<=[a-z0-9])(?=[A-Z])", "_", name).lower())
    return f"{'_'.join(words)[:50].strip('_') or 'image'}-{_hash(name, 8)}"


def _nearest(name: str, known: Iterable[str]) -> str:
    """The known name that was probably meant, or nothing."""
    from difflib import get_close_matches

    return next(iter(get_close_matches(name[:80].strip().lower(), sorted(known), 1)), "")


def _wrong_type(value: object, wanted: str, hint: str) -> _Fault:
    return _Fault(f"is of type {type(value).__name__}, not {wanted}", hint)


def _against(rule: _Rule, text: str) -> _Fault | None:
    trap = next((hint for form, hint in rule.traps if re.fullmatch(form, text, re.DOTALL)), "")
    if not trap and len(text) <= rule.longest and re.fullmatch(rule.form, text):
        return None
    lower = text.strip().lower()
    slip = f"; {lower} would do" if not trap and lower != text and _against(rule, lower) is None else ""
    return _Fault(f"{_said(text)} is not {rule.what}", trap or f"{rule.hint}{slip}")


_Reading = tuple[object, tuple[_Fault, ...]]


def _text(check: Callable[[str], _Fault | None]) -> Callable[[object], _Reading]:
    """Reads a setting that is text, and judges it."""

    def read(value: object) -> _Reading:
        text = _plain(value)
        if text is None:
            return None, (_wrong_type(value, "text", "write it as text, in quotes"),)
        fault = check(text)
        return text, ((fault,) if fault else ())

    return read


def _named(rule: _Rule) -> Callable[[object], _Reading]:
    return _text(lambda text: _against(rule, text))


def _project(value: object) -> _Reading:
    """A project id; its number arrives as an int from a file that does not quote it."""
    if type(value) is int and 0 < value < 10**30:
        value = str(value)
    return _named(_PROJECT)(value)


def _runner(value: object) -> _Reading:
    """A service account's e-mail; a key in its place is refused without being shown."""
    text = _plain(value)
    if _of(value, dict) or (text is not None and re.fullmatch(_KEY, text)):
        return None, (_Fault("is a service account's key, and keys are not taken", _KEYLESS),)
    return _named(_ACCOUNT)(value)


def _flag(value: object) -> _Reading:
    fault = _wrong_type(value, "True, False or None", "write True, False or None, without quotes")
    return value, (() if _of(value, bool) else (fault,))


def _count(value: object) -> _Reading:
    """A whole number of things, one at least."""
    if type(value) is not int:
        return None, (_wrong_type(value, "a whole number", "write it in digits, without quotes"),)
    fault = None if 0 < value < 2**31 else _Fault("is no number of runs", "write 1 or more")
    return value, ((fault,) if fault else ())


_HOSTS = {
    "cloud-source-repositories": "csr",
    "source-repositories": "csr",
    "github.com": "github",
    "gitlab.com": "gitlab",
}


def _host(value: object) -> _Reading:
    """Where the repository is, also by its older name."""
    text = _plain(value)
    if text is None:
        return None, (_wrong_type(value, "text", "write it as text, in quotes"),)
    host = _HOSTS.get(text.lower(), text.lower())
    if host in ("csr", "github", "gitlab"):
        return host, ()
    if host in ("bitbucket", "bitbucket-cloud", "secure-source-manager"):
        return None, (_Fault(f"{_said(text)} is not served yet", "choose github, gitlab or csr"),)
    nearest = _nearest(host, ("csr", "github", "gitlab"))
    hint = f"did you mean {nearest}?" if nearest else "choose github, gitlab or csr"
    return None, (_Fault(f"{_said(text)} is not a host of repositories", hint),)


_SECRETS = ("github_app", "read_token", "token", "webhook")


def _secrets(value: object) -> _Reading:
    """Versions of secrets as sorted pairs, and the number of an app; never the secrets themselves."""
    if not _of(value, dict) or not isinstance(value, dict):
        return None, (_wrong_type(value, "a dict", 'write {"token": "NAME/versions/1"}'),)
    pairs = [(_plain(key), str(text) if type(text) is int else _plain(text)) for key, text in dict.items(value)]
    faults = tuple(sorted(fault for key, text in pairs if (fault := _secret(key, text))))
    return (None if faults else tuple(sorted((str(key), str(text)) for key, text in pairs))), faults


def _secret(key: str | None, text: str | None) -> _Fault | None:
    """What is wrong with one of them, without showing what may be the secret itself."""
    if key not in _SECRETS:
        return _Fault(f"has the key {_said(key or '')}", f"its keys are {', '.join(_SECRETS)}")
    if key == "github_app":
        return (
            None
            if re.fullmatch("[1-9][0-9]{0,19}", text or "")
            else _Fault("has no number for github_app", _GITHUB_APP)
        )
    if text is None or _against(_SECRET, text):
        return _Fault(f"does not name a version of a secret for {key}", _SECRET.hint)
    return None


_GITHUB_APP = "it is the last part of the address of the installation's page on github.com"


def _images(text: str) -> _Fault | None:
    choices = ("shared", "auto", "per-component")
    if text in choices:
        return None
    nearest = _nearest(text.replace("_", "-"), choices)
    hint = f"did you mean {nearest}?" if nearest else f"choose from {', '.join(choices)}"
    return _Fault(f"{_said(text)} is not a way to build images", hint)


def _ingress(text: str) -> _Fault | None:
    choices = ("internal", "internal-and-cloud-load-balancing", "all")
    return None if text in choices else _Fault(f"{_said(text)} is no ingress", f"choose from {', '.join(choices)}")


_ENGINES = ("cloud-scheduler", "vertex")


def _engine(text: str) -> _Fault | None:
    if text in _ENGINES:
        return None
    nearest = _nearest(text.replace("_", "-"), _ENGINES)
    hint = f"did you mean {nearest}?" if nearest else f"choose from {', '.join(_ENGINES)}"
    return _Fault(f"{_said(text)} is nothing that keeps the time", hint)


def _cron(value: object) -> _Reading:
    """A cron line, its fields one blank apart; what earlier versions wrote for none is none."""
    text = _plain(value)
    if text is None or text == UNSCHEDULED:
        return _text(lambda text: None)(value) if text is None else (None, ())
    fault = cron.fault(text)
    if fault:
        return None, (_Fault(f"{_said(text)} {fault[0]}", fault[1]),)
    return cron.plain(text), ()


def _zone(text: str) -> _Fault | None:
    fault = cron.zone_fault(text)
    return _Fault(f"{_said(text)} {fault[0]}", fault[1]) if fault else None


def _labels(value: object) -> _Reading:
    """Labels as sorted pairs, so that the order they were written in changes no file."""
    if not _of(value, dict) or not isinstance(value, dict):
        return None, (_wrong_type(value, "a dict", 'write {"team": "fraud"}'),)
    pairs = [(_plain(key), _plain(text)) for key, text in dict.items(value)]
    faults = sorted(fault for key, text in pairs if (fault := _label(key, text)))
    if len(pairs) > MOST_LABELS:
        faults.append(_Fault(f"are {len(pairs)}", f"at most {MOST_LABELS} beside those that AutoMLOps sets"))
    return (None if faults else tuple(sorted((str(key), str(text)) for key, text in pairs))), tuple(faults)


def _label(key: str | None, text: str | None) -> _Fault | None:
    """Google's rule of labels: 63 characters and 128 bytes of lower-case letters of any script, digits, _ and -."""
    rule = "up to 63 lower-case letters, digits, _ and -"
    if key is None:
        return _Fault("has a key that is not text", "write keys and values in quotes")
    if key in RESERVED_LABELS:
        return _Fault(f"has the key {_said(key)}", "AutoMLOps sets this one itself: leave it out")
    if not key or not _is_label(key) or not key[0].isalpha():
        return _Fault(f"has the key {_said(key)}", f"{rule}, a letter first")
    if text is None:
        return _Fault(f"has a value for {_said(key)} that is not text", "write keys and values in quotes")
    return None if _is_label(text) else _Fault(f"has the value {_said(text)} for {_said(key)}", rule)


def _is_label(text: str) -> bool:
    from unicodedata import category

    if len(text) > 63 or not all(char in "_-" or category(char) in ("Ll", "Lo", "Nd", "Nl", "No") for char in text):
        return False
    return len(text.encode()) <= 128


def _regions(value: object) -> _Reading:
    """Regions that are newer than our list; each must at least look like one."""
    if not (_of(value, list) or _of(value, tuple)) or not isinstance(value, list | tuple):
        return None, (_wrong_type(value, "a list", 'write ["us-central1"]'),)
    items = list.__iter__(value) if isinstance(value, list) else tuple.__iter__(value)
    readings = [_named(_REGION)(item) for item in items]
    regions = sorted({str(text) for text, _ in readings})
    faults = tuple(sorted({fault for _, found in readings for fault in found}))
    return (None if faults else tuple(regions)), faults


_EXTRAS = ("bigquery", "vertex-jobs")


def _steps_use(value: object) -> _Reading:
    """What the steps use beyond the bucket; an empty list: nothing, whatever their code looks like."""
    if not (_of(value, list) or _of(value, tuple)) or not isinstance(value, list | tuple):
        return None, (_wrong_type(value, "a list", 'write ["bigquery"], or [] for nothing'),)
    items = list.__iter__(value) if isinstance(value, list) else tuple.__iter__(value)
    texts = [(item, _plain(item)) for item in items]
    faults = tuple(sorted({_extra_fault(item, text) for item, text in texts if text not in _EXTRAS}))
    return (None if faults else tuple(sorted({str(text) for _, text in texts}))), faults


def _extra_fault(item: object, text: str | None) -> _Fault:
    if text is None:
        return _Fault(f"has an item of type {type(item).__name__}", "write each in quotes")
    nearest = _nearest(text.replace("_", "-"), _EXTRAS)
    hint = f"did you mean {nearest}?" if nearest else f"choose from {', '.join(_EXTRAS)}"
    return _Fault(f"has {_said(text)}, which is nothing that a role is known for", hint)


def _is_text(value: object) -> bool:
    return type(value) is str


def _is_count(value: object) -> bool:
    return type(value) is int and 0 < value < 2**31


def _is_seconds(value: object) -> bool:
    return type(value) is str and re.fullmatch(r"[0-9]{1,12}(?:[.][0-9]{1,9})?s", value) is not None


def _is_list_of(each: Callable[[object], bool], value: object) -> bool:
    return type(value) in (list, tuple) and isinstance(value, list | tuple) and all(map(each, value))


def _are_texts(value: object) -> bool:
    return _is_list_of(_is_text, value)


def _is_words(value: object) -> bool:
    """Whether it is a dict of text."""
    return type(value) is dict and all(map(_is_text, (*value, *value.values())))


def _are_words(value: object) -> bool:
    return _is_list_of(_is_words, value)


def _is_interface(value: object) -> bool:
    """Whether it is a dict of text, and of lists of dicts of text."""
    return type(value) is dict and all(
        _is_text(key) and (_is_text(each) or _are_words(each)) for key, each in value.items()
    )


class _Kind(NamedTuple):
    """What an argument of a job may be, how that is called, and how it is written."""

    fits: Callable[[object], bool]
    what: str
    hint: str


_TEXT = _Kind(_is_text, "text", "write it in quotes")
_COUNT = _Kind(_is_count, "a whole number above 0", "like 1, without quotes")
_YES_OR_NO = _Kind(lambda value: type(value) is bool, "True or False", "write it without quotes")
_SECONDS = _Kind(_is_seconds, "a time in seconds", "like '3600s'")
_TEXTS = _Kind(_are_texts, "a list of text", "like ['one', 'two']")
_DICT = _Kind(_is_words, "a dict of text", "like {'team': 'fraud'}")
_DICTS = _Kind(_are_words, "a list of dicts of text", "like [{'name': 'SIZE', 'value': '3'}]")
_INTERFACE = _Kind(_is_interface, "a dict", "like {'network_attachment': 'projects/...'}")
# What create_custom_training_job_from_component takes, in its order.
_JOB_ARGUMENTS = {
    "display_name": _TEXT,
    "replica_count": _COUNT,
    "machine_type": _TEXT,
    "accelerator_type": _TEXT,
    "accelerator_count": _COUNT,
    "boot_disk_type": _TEXT,
    "boot_disk_size_gb": _COUNT,
    "timeout": _SECONDS,
    "restart_job_on_worker_restart": _YES_OR_NO,
    "service_account": _TEXT,
    "network": _TEXT,
    "encryption_spec_key_name": _TEXT,
    "tensorboard": _TEXT,
    "enable_web_access": _YES_OR_NO,
    "reserved_ip_ranges": _TEXTS,
    "nfs_mounts": _DICTS,
    "base_output_directory": _TEXT,
    "labels": _DICT,
    "persistent_resource_id": _TEXT,
    "env": _DICTS,
    "strategy": _TEXT,
    "max_wait_duration": _SECONDS,
    "reservation_affinity_type": _TEXT,
    "reservation_affinity_key": _TEXT,
    "reservation_affinity_values": _TEXTS,
    "psc_interface_config": _INTERFACE,
}
# What a custom job takes and gives by these names, beside the component's own inputs and outputs.
JOB_INPUTS = frozenset(
    {*_JOB_ARGUMENTS, "location", "project", "worker_pool_specs"}
    - {"replica_count", "machine_type", "accelerator_type", "accelerator_count", "boot_disk_type", "boot_disk_size_gb"}
    - {"nfs_mounts", "env", "reservation_affinity_type", "reservation_affinity_key", "reservation_affinity_values"}
)
JOB_OUTPUT = "gcp_resources"


def _jobs(value: object) -> _Reading:
    """The components that run as custom jobs, by name, so that the order they were written in changes no file."""
    if type(value) not in (list, tuple) or not isinstance(value, list | tuple):
        hint = "write [{'component_spec': 'train_model', 'machine_type': 'n1-standard-8'}]"
        return None, (_wrong_type(value, "a list", hint),)
    faults: list[_Fault] = []
    jobs: dict[str, TrainingJob] = {}
    for number, item in enumerate(value, 1):
        found = _job_faults(item, number)
        job = None if found or type(item) is not dict else _job(item)
        if job and job.component in jobs:
            found = [_Fault(f"has {_said(job.component)} twice", "leave one")]
        faults += found
        jobs |= {job.component: job} if job else {}
    return (None if faults else tuple(jobs[name] for name in sorted(jobs))), tuple(faults)


def _job(item: Mapping[str, object]) -> TrainingJob:
    """None leaves an argument as it is where it is left out."""
    given = [(name, item[name]) for name in _JOB_ARGUMENTS if item.get(name) is not None]
    return TrainingJob(
        component=str(item["component_spec"]),
        arguments=tuple((name, json.dumps(each, sort_keys=True)) for name, each in given),
    )


def _job_faults(item: object, number: int) -> list[_Fault]:
    """What is wrong with one of them, which is called by its component where it has one."""
    if type(item) is not dict:
        return [_Fault(f"has {type(item).__name__} as its {number}. item", "each is a dict with a component_spec")]
    component = item.get("component_spec")
    if not _is_text(component) or not component:
        return [_Fault(f"has no component_spec in its {number}. item", "name the component, in quotes")]
    where = f"of {_said(component)}"
    faults = [_job_unknown(name, where) for name in item if name not in {*_JOB_ARGUMENTS, "component_spec"}]
    given = {name: item[name] for name in _JOB_ARGUMENTS if item.get(name) is not None}
    for name, each in given.items():
        kind = _JOB_ARGUMENTS[name]
        if not kind.fits(each):
            faults.append(_Fault(f"{where}: {name} is {_shown(each)}, not {kind.what}", kind.hint))
        elif any(re.search(_UNWRITABLE, text) for text in _texts_in(each)):
            faults.append(_Fault(f"{where}: {name} has characters that no file can show", "leave them out"))
    return [*faults, *_job_together(given, where)]


def _texts_in(value: object) -> Iterator[str]:
    """All text in a value, however deep."""
    match value:
        case str():
            yield value
        case dict():
            yield from _texts_in([*value, *value.values()])
        case list() | tuple():
            for each in value:
                yield from _texts_in(each)


def _job_unknown(name: object, where: str) -> _Fault:
    text = _plain(name)
    nearest = _nearest(text or "", _JOB_ARGUMENTS)
    hint = f"did you mean {nearest}?" if nearest else "it takes what create_custom_training_job_from_component takes"
    return _Fault(f"{where} has {_shown(name)}, which a custom job does not take", hint)


def _job_together(given: Mapping[str, object], where: str) -> Iterator[_Fault]:
    """What an argument asks of the others."""
    if "accelerator_count" in given and not given.get("accelerator_type"):
        yield _Fault(f"{where}: accelerator_count has no accelerator_type", "like 'NVIDIA_TESLA_T4', or leave both out")
    if given.get("network") and given.get("psc_interface_config"):
        yield _Fault(f"{where}: network and psc_interface_config cannot stand together", "leave one")
    for name in ("reservation_affinity_key", "reservation_affinity_values"):
        if name in given and not given.get("reservation_affinity_type"):
            yield _Fault(f"{where}: {name} has no reservation_affinity_type", "like 'SPECIFIC_RESERVATION'")


_OURS = ("components", "images", "services", "tests", ".automlops", ".git", ".github")
_FILES = _words(
    """
    readme.md makefile cloudbuild.yaml .gitignore .gcloudignore .gitlab-ci.yml configs/defaults.yaml
    pipelines/pipeline.py pipelines/pipeline_runner.py pipelines/requirements.txt
    provision/provision_resources.sh provision/deprovision_resources.sh provision/provisioning_configs
    scripts/build_components.sh scripts/build_pipeline_spec.sh scripts/content_tag.sh
    scripts/deploy_service.sh scripts/publish_to_topic.sh
    scripts/run_all.sh scripts/run_pipeline.sh
    """
)


def _path(text: str) -> _Fault | None:
    """A path inside the codebase; plain characters, as it is also typed in shells and becomes part of addresses."""
    parts = text.lower().split("/")
    if len(text) > 200 or not re.fullmatch("[A-Za-z0-9_.][A-Za-z0-9_.-]*(?:/[A-Za-z0-9_.][A-Za-z0-9_.-]*)*", text):
        return _Fault(
            f"{_said(text)} is not a path inside the generated folder",
            "like pipelines/values.json: relative, with /, up to 200 letters, digits, dots, underscores and hyphens",
        )
    if {".", ".."} & set(parts):
        return _Fault(f"{_said(text)} does not name its folders plainly", "leave off . and ..")
    if not re.search("[^/.][^/]*[.]json$", text):
        return _Fault(f"{_said(text)} is not a JSON file", "let its name end in .json")
    taken = next((path for path in _FILES if f"{'/'.join(parts)}/".startswith(f"{path}/")), "")
    taken = taken or next((part for part in parts if part == ".git"), "") or (parts[0] if parts[0] in _OURS else "")
    return _Fault(f"{_said(text)} is in the way of {taken}", "choose another folder") if taken else None


def path(value: object) -> str | None:
    """A path as text, from text or a Path; None for anything that is no path."""
    try:
        return _plain(os.fspath(value) if isinstance(value, os.PathLike) else value)
    except Exception:  # a foreign object's own fault, whatever it is
        return None


def _folder(value: object) -> _Reading:
    """The folder to write, as text: a Path is taken too."""
    text = path(value)
    if text is None:
        return None, (_wrong_type(value, "a path", "write it as text, in quotes, or as a pathlib.Path"),)
    fault = _folder_fault(text)
    return text, ((fault,) if fault else ())


def _folder_fault(text: str) -> _Fault | None:
    home = os.environ.get("HOME") or os.environ.get("USERPROFILE")
    path = os.path.normpath(text)
    if not text.strip():
        return _Fault("is empty", "name the folder to write")
    if re.search("[\x00-\x1f\x7f\ud800-\udfff]", text):
        return _Fault(f"{_said(text)} has characters that a folder cannot have", "leave out control characters")
    if text.startswith("~"):
        return _Fault(f"{_said(text)} starts with ~, which only a shell understands", "write Path.home() / ... instead")
    if re.fullmatch(r"[/\\]*|[A-Za-z]:[/\\]*", path) or (home and path == os.path.normpath(home)):
        return _Fault(f"{_said(text)} is a whole disk or home folder", "name a folder inside it")
    return None


def _header(value: object) -> _Reading:
    """A licence header, its lines ended by newlines alone: any other line end would end a comment early."""
    text = _plain(value)
    if text is None:
        return _text(lambda text: None)(value)
    lines = "\n".join(text.splitlines()).strip("\n")
    fault = _Fault("has characters that no file can show", "leave out control characters")
    return (lines if lines.strip() else None), ((fault,) if re.search(_UNWRITABLE, lines) else ())


class _Setting(NamedTuple):
    """A row of the table of settings: its section in the file, how it is read, whether it may be left open (None)."""

    name: str
    section: str
    read: Callable[[object], _Reading]
    open: bool = False


_SETTINGS = (
    _Setting("project_id", "gcp", _project, open=True),
    _Setting("af_registry_location", "gcp", _text(lambda text: None)),
    _Setting("af_registry_name", "gcp", _named(_REGISTRY)),
    _Setting("gs_bucket_location", "gcp", _text(lambda text: None)),
    _Setting("gs_bucket_name", "gcp", _named(_BUCKET), open=True),
    _Setting("pipeline_runner_sa", "gcp", _runner, open=True),
    _Setting("steps_use", "gcp", _steps_use, open=True),
    _Setting("pipeline_job_location", "gcp", _text(lambda text: None)),
    _Setting("extra_regions", "gcp", _regions, open=True),
    _Setting("naming_prefix", "gcp", _named(_PREFIX), open=True),
    _Setting("labels", "gcp", _labels, open=True),
    _Setting("run_local", "ci", _flag),
    _Setting("cb_trigger_location", "ci", _text(lambda text: None)),
    _Setting("cb_trigger_name", "ci", _named(_TRIGGER)),
    _Setting("source_repo_type", "ci", _host, open=True),
    _Setting("source_repo_name", "ci", _named(_REPOSITORY), open=True),
    _Setting("source_repo_connection", "ci", _named(_CONNECTION), open=True),
    _Setting("source_repo_secrets", "ci", _secrets, open=True),
    _Setting("csr_name", "ci", _named(_CSR)),
    _Setting("csr_branch_name", "ci", _named(_BRANCH)),
    _Setting("submission_service", "ci", _flag, open=True),
    _Setting("cloud_run_location", "ci", _text(lambda text: None)),
    _Setting("cloud_run_name", "ci", _named(_SERVICE)),
    _Setting("pubsub_topic_name", "ci", _named(_TOPIC), open=True),
    _Setting("ingress", "ci", _text(_ingress)),
    _Setting("schedule", "ci", _cron, open=True),
    _Setting("schedule_engine", "ci", _text(_engine)),
    _Setting("schedule_location", "ci", _text(lambda text: None)),
    _Setting("schedule_name", "ci", _named(_SCHEDULE), open=True),
    _Setting("schedule_time_zone", "ci", _text(_zone)),
    _Setting("schedule_max_runs", "ci", _count, open=True),
    _Setting("schedule_concurrency", "ci", _count),
    _Setting("schedule_catch_up", "ci", _flag),
    _Setting("parameter_values_path", "pipelines", _text(_path)),
    _Setting("pipeline_job_spec_path", "pipelines", _text(_path)),
    _Setting("enable_caching", "pipelines", _flag, open=True),
    _Setting("custom_training_job_specs", "pipelines", _jobs, open=True),
    _Setting("base_image", "images", _named(_IMAGE), open=True),
    _Setting("images", "images", _text(_images)),
    _Setting("license_header", "files", _header, open=True),
    _Setting("output_dir", "", _folder),
)
_NAMES = tuple(setting.name for setting in _SETTINGS)
_SECTIONS = {
    section: tuple(setting.name for setting in _SETTINGS if setting.section == section)
    for section in ("gcp", "pipelines", "images", "ci", "files")
}
_RENAMED = {synonym.name: synonym.setting for synonym in SYNONYMS.values() if synonym.setting}


def _unknown(name: object, place: str = "") -> Problem:
    """What is said of a name that is not a setting."""
    text = _plain(name)
    if text is None:
        hint = f"the settings are {', '.join(sorted(_NAMES))}"
        return Problem(message=f"a setting's name is text, not {type(name).__name__}", hint=hint, cell=place)
    if text in SYNONYMS:
        return _elsewhere(SYNONYMS[text], place)
    nearest = _nearest(text, {*_NAMES, *_RENAMED})
    meant = _RENAMED.get(nearest, nearest)
    hint = f"did you mean {meant}?" if meant else f"the settings are {', '.join(sorted(_NAMES))}"
    return Problem(message=f"{_said(text)} is not a setting", hint=hint, cell=place)


def _elsewhere(synonym: Synonym, place: str) -> Problem:
    """What is said of an earlier name where it is not taken: in the file."""
    if synonym.name == _CREDENTIALS_KEY:
        return Problem(message=f"{synonym.name} is not taken", hint=_KEYLESS, cell=place)
    if not synonym.setting:
        return Problem(message=f"{synonym.name} is not a setting: {synonym.why}", hint="leave it out", cell=place)
    message = f"{synonym.name} is a name of earlier versions"
    return Problem(message=message, hint=f"write {synonym.becomes}", cell=place)


_CREDENTIALS_KEY = "provision_credentials_key"


def _asked(synonym: Synonym, value: object) -> Iterator[Problem]:
    """What is said in the call of an earlier name that is no setting here: nothing, where it asks for nothing."""
    text = _plain(value)
    if not synonym.asks(value if text is None else text):
        return
    if synonym.name == _CREDENTIALS_KEY:
        yield Problem(message=f"{synonym.name} is not taken", hint=_KEYLESS)
        return
    yield Problem(message=f"{synonym.name}={_shown(value)} is not here yet: {synonym.why}", hint="leave it out")


_Given = dict[str, tuple[_Choice, ...]]


def _from_call(arguments: Mapping[str, object], kept: Mapping[str, _Choice]) -> tuple[_Given, list[Problem]]:
    """The choices of the call, each under its setting, by whatever name it was made; and what is no choice."""
    said = {name: value for name, value in ((_plain(name), value) for name, value in arguments.items()) if name}
    made: dict[str, list[_Choice]] = {}
    for name in (*_NAMES, *_RENAMED):
        if name in said:
            setting, choice = _meant(name, said, kept)
            made.setdefault(setting, []).append(choice)
    wishes = (SYNONYMS[name] for name in said if name in SYNONYMS and name not in _RENAMED)
    problems = [problem for wish in wishes for problem in _asked(wish, said[wish.name])]
    problems += (_unknown(name) for name in arguments if _plain(name) not in _NAMES and _plain(name) not in SYNONYMS)
    return {name: tuple(made[name]) for name in _NAMES if name in made}, sorted(problems, key=str)


def _meant(name: str, said: Mapping[str, object], kept: Mapping[str, _Choice]) -> tuple[str, _Choice]:
    """The setting that a name stands for, and what was chosen for it."""
    synonym = SYNONYMS.get(name)
    if synonym is not None:
        choice = _Choice(said[name], name=name, becomes=synonym.becomes, opposite=synonym.opposite)
        return synonym.setting, choice
    if name == "source_repo_name" and said[name] is not None and _in_csr(said, kept):
        return "csr_name", _Choice(said[name], name=name, becomes="csr_name")
    return name, _Choice(said[name])


def _in_csr(said: Mapping[str, object], kept: Mapping[str, _Choice]) -> bool:
    """Whether the repository is said to be in Cloud Source Repositories, where earlier versions had one name for it."""
    host = said["source_repo_type"] if "source_repo_type" in said else kept.get("source_repo_type", _Choice(None)).value
    return host is not None and _host(host) == ("csr", ())


def _from_file(saved: object) -> tuple[dict[str, _Choice], list[Problem]]:
    """The settings of the file, whatever it parsed to, and what is wrong with its shape."""
    if saved is None:
        return {}, []
    if not isinstance(saved, Mapping):
        hint = f"its sections are {', '.join(_SECTIONS)}"
        return {}, [Problem(message=f"holds {type(saved).__name__} instead of sections", hint=hint, cell=FILE)]
    if any(_plain(title) == "tooling" for title in saved):  # a section that it never had here
        message = "is of google-cloud-automlops: this folder holds what that generated"
        return {}, [Problem(message=message, hint="move the folder away, or choose another output_dir", cell=FILE)]
    kept: dict[str, _Choice] = {}
    problems: list[Problem] = []
    for title, content in saved.items():
        if _plain(title) in _SECTIONS and (content is None or isinstance(content, Mapping)):
            section = str(_plain(title))
            kept |= {name: _Choice(content[name], FILE) for name in _SECTIONS[section] if content and name in content}
            problems += (_misplaced(name, section) for name in content or () if _plain(name) not in _SECTIONS[section])
        else:
            problems.append(_no_section(title, content))
    return kept, sorted(problems, key=str)


def _no_section(title: object, content: object) -> Problem:
    text = _plain(title)
    if text in _SECTIONS:
        message = f"section {text} holds {type(content).__name__} instead of settings"
        return Problem(message=message, hint="write name: value, one on each line", cell=FILE)
    if text in _NAMES or text in SYNONYMS or text is None:
        return _misplaced(title, "")
    meant = _nearest(text, _SECTIONS)
    hint = f"did you mean {meant}?" if meant else f"its sections are {', '.join(_SECTIONS)}"
    return Problem(message=f"{_said(text)} is not a section", hint=hint, cell=FILE)


def _misplaced(name: object, section: str) -> Problem:
    """A name that the section of the file does not have: of another section, or of none."""
    home = next((setting.section for setting in _SETTINGS if setting.name == _plain(name)), None)
    if home is None:
        return _unknown(name, FILE)
    if home == "":
        hint = "leave it out: the folder that holds the file is the one"
        return Problem(message=f"{name} is not kept in the file", hint=hint, cell=FILE)
    here = f"in section {section}" if section else "outside its section"
    return Problem(message=f"{name} is {here}", hint=f"put it under {home}:", cell=FILE)


def _together(settings: Settings, choices: Mapping[str, tuple[_Choice, ...]], refused: Set[str]) -> Iterator[Problem]:
    """The faults that show only when settings are seen together, between those that were not refused before."""
    for name, fault in _together_faults(settings):
        if not refused & {name, *_LOOKS_AT.get(name, ())}:
            yield next(iter(choices.get(name, ())), _Choice(None)).problem(name, fault)


_LOOKS_AT = {
    "pipeline_job_spec_path": ("parameter_values_path",),
    "gs_bucket_name": ("project_id", "naming_prefix"),
    "submission_service": ("run_local", "schedule"),
    "schedule": ("run_local", "schedule_engine"),
    "schedule_name": ("schedule_engine",),
    "schedule_max_runs": ("schedule_engine",),
    "schedule_concurrency": ("schedule_engine",),
    "schedule_catch_up": ("schedule_engine",),
}


def _together_faults(settings: Settings) -> Iterator[tuple[str, _Fault]]:
    regions = (*REGIONS, *settings.extra_regions)
    if fault := _location(settings.af_registry_location, (*regions, *MULTI_REGIONS)):
        yield "af_registry_location", fault
    if fault := _location(settings.gs_bucket_location, (*regions, *BUCKET_REGIONS)):
        yield "gs_bucket_location", fault
    if fault := _location(settings.pipeline_job_location, regions):
        yield "pipeline_job_location", fault
    if fault := _location(settings.cb_trigger_location, regions):
        yield "cb_trigger_location", fault
    if fault := _location(settings.cloud_run_location, regions):
        yield "cloud_run_location", fault
    if fault := _location(settings.schedule_location, regions):
        yield "schedule_location", fault
    if settings.submission_service and settings.run_local:
        yield "submission_service", _Fault("needs run_local=False", "a push builds and deploys the service")
    yield from _schedule_faults(settings)
    yield from _repository_faults(settings)
    if fault := _same_place(settings.parameter_values_path, settings.pipeline_job_spec_path):
        yield "pipeline_job_spec_path", fault
    if not settings.gs_bucket_name and settings.project_id and (fault := _against(_BUCKET, settings.bucket)):
        follows = "project_id and naming_prefix" if settings.naming_prefix else "project_id"
        what = f"would be {_said(settings.bucket)} after {follows}, which is not {_BUCKET.what}"
        yield "gs_bucket_name", _Fault(what, f"give gs_bucket_name; {fault.hint}")


def _schedule_faults(settings: Settings) -> Iterator[tuple[str, _Fault]]:
    """What a schedule needs beside itself."""
    native = settings.schedule_engine == "vertex"
    if settings.schedule and settings.run_local:
        why = "the build of a push makes it" if native else "a push builds and deploys the service that starts its runs"
        yield "schedule", _Fault("needs run_local=False", why)
    elif settings.schedule and settings.submission_service is False and not native:
        what = f"is False, and its service is what starts the runs of schedule {settings.schedule!r}"
        hint = "leave submission_service out, or the schedule; with schedule_engine='vertex' there is no need of it"
        yield "submission_service", _Fault(what, hint)
    yield from _native_faults(settings) if native else _foreign_faults(settings)


_NATIVE_NAME = 128  # characters that Vertex AI shows of a schedule


def _native_faults(settings: Settings) -> Iterator[tuple[str, _Fault]]:
    """What Vertex AI does not take of a schedule."""
    if settings.schedule_location not in (Settings().schedule_location, settings.pipeline_job_location):
        what = f"is {settings.schedule_location}, and Vertex AI keeps a schedule where its runs are"
        yield "schedule_location", _Fault(what, "leave it out: pipeline_job_location says where that is")
    if len(settings.schedule_id) > _NATIVE_NAME:
        yield "schedule_name", _Fault("is too long for Vertex AI", f"write {_NATIVE_NAME} characters or less")


def _foreign_faults(settings: Settings) -> Iterator[tuple[str, _Fault]]:
    """What only Vertex AI's own schedules can do."""
    for name in ("schedule_max_runs", "schedule_concurrency", "schedule_catch_up"):
        if getattr(settings, name) != getattr(Settings(), name):
            yield name, _Fault("is for Vertex AI's own schedules", "add schedule_engine='vertex', or leave it out")


_CREDENTIALS = {"csr": set(), "github": {"token", "github_app"}, "gitlab": {"token", "read_token", "webhook"}}


def _repository_faults(settings: Settings) -> Iterator[tuple[str, _Fault]]:
    """What the trigger's repository lacks, where there is to be a trigger."""
    if settings.run_local:
        return
    host, given = settings.host, {name for name, _ in settings.source_repo_secrets}
    if host != "csr" and not settings.source_repo_name:
        yield (
            "source_repo_name",
            _Fault(f"is needed for {host}", "like example/wine-quality; or add git's remote origin"),
        )
    if given and given != (wanted := _CREDENTIALS[host]):
        keys = ", ".join(sorted(wanted)) or "none at all"
        yield "source_repo_secrets", _Fault(f"has {', '.join(sorted(given))}", f"{host} takes {keys}")
    for name, secret in settings.source_repo_secrets:
        project = re.match("projects/([^/]+)/", secret)
        if project and settings.project_id and project[1] != settings.project_id:
            yield (
                "source_repo_secrets",
                _Fault(f"has the {name} in {project[1]}", "keep it in the pipeline's own project"),
            )


def _location(text: str, known: tuple[str, ...]) -> _Fault | None:
    """A location that Google has; what to write instead of a zone, a multi-region, a slip, or a region that is new."""
    if text in known:
        return None
    zone = re.fullmatch(f"({_REGION_FORM})-[a-z]", text)
    if zone:
        return _Fault(f"{_said(text)} is a zone", f"write its region, {zone[1]}")
    if text in (*MULTI_REGIONS, "eu", "global"):
        return _Fault(f"{_said(text)} is not a region", "choose one region, like us-central1 or europe-west4")
    nearest = _nearest(text, known) or "for example us-central1"
    newer = f"; if it is newer than this list, extra_regions=[{text!r}] lets it through"
    hint = f"the nearest is {nearest}" if "example" not in nearest else nearest
    return _Fault(
        f"{_said(text)} is not a region of Google Cloud",
        hint + (newer if _against(_REGION, text) is None else ""),
    )


def _same_place(values: str, spec: str) -> _Fault | None:
    """Two files need two places, also where upper and lower case are one, and neither can be the other's folder."""
    one, other = values.lower(), spec.lower()
    if one != other and not one.startswith(f"{other}/") and not other.startswith(f"{one}/"):
        return None
    return _Fault(f"{_said(spec)} is the place of parameter_values_path, {_said(values)}", "give each its own file")
