"""Describes what a pipeline needs in its Google Cloud project, and why: the scripts, the README and the plan say this.

A role is bound to the one resource that it is needed on, and to the project only where Google knows no narrower place.
"""

import ast
import base64
import json
import re
from collections.abc import Iterable, Iterator
from enum import StrEnum
from functools import lru_cache

from . import cron
from .model import Origin, Pipeline
from .nouns import noun, replace
from .settings import Settings


class On(StrEnum):
    """What a role is bound to."""

    PROJECT = "project"
    REGISTRY = "registry"
    BUCKET = "bucket"
    ACCOUNT = "account"
    SECRET = "secret"
    DATASET = "dataset"
    TOPIC = "topic"
    SUBSCRIPTION = "subscription"
    SERVICE = "service"


@noun
class Api:
    """A service of Google that has to be switched on in the project."""

    name: str
    why: str


@noun
class Registry:
    """The Artifact Registry repository of the images; the pipelines of a project share it."""

    name: str
    location: str
    why: str
    costs: str


@noun
class Bucket:
    """The bucket of specs, logs and artifacts; the pipelines of a project share it."""

    name: str
    location: str
    why: str
    costs: str


@noun
class Account:
    """A service account. `shared` says that other pipelines use it too, `made` that it is of this project, so that it
    can be made there."""

    email: str
    title: str
    why: str
    shared: bool
    made: bool

    @property
    def id(self) -> str:
        """The part of the e-mail by which it is made."""
        return self.email.partition("@")[0]


@noun
class Role:
    """A role of the project's own, for what no role of Google's is narrow enough."""

    id: str
    title: str
    permissions: tuple[str, ...]
    why: str

    @property
    def granted(self) -> str:
        """The permissions as gcloud takes them, and shows them."""
        return ",".join(self.permissions)


@noun
class Trigger:
    """What starts a build when the repository's branch moves, and where that repository is.

    `connection` is empty for Cloud Source Repositories; `secrets` are what makes a connection without a person.
    """

    name: str
    location: str
    host: str
    connection: str
    repository: str
    remote: str
    branch: str
    folder: str
    secrets: tuple[tuple[str, str], ...]
    why: str

    @property
    def link(self) -> str:
        """What the repository is called in its connection."""
        return re.sub("[^a-zA-Z0-9-]", "-", self.repository)

    @property
    def path(self) -> str:
        """The folder as the start of a path in the repository."""
        return "" if self.folder == "." else f"{self.folder}/"

    @property
    def vaulted(self) -> tuple[tuple[str, str], ...]:
        """Of the secrets those that are kept in Secret Manager, by what each is."""
        return tuple((name, version) for name, version in self.secrets if name != "github_app")


@noun
class Topic:
    """A topic of Pub/Sub, and the one subscription on it."""

    name: str
    subscription: str
    why: str
    costs: str


@noun
class Service:
    """The service on Cloud Run that starts runs; the pipelines of a project share it, and each push deploys it.

    `audience` is what the tokens that it takes are for, `image` where its own image is kept, without tag.
    """

    name: str
    location: str
    audience: str
    ingress: str
    image: str
    submitter: Account
    invoker: Account
    topic: Topic
    dead_letters: Topic
    why: str
    costs: str


@noun
class Schedule:
    """What asks the service for runs by the clock: a job of Cloud Scheduler, which each pipeline has for itself.

    Its message names the pipeline alone: the values of a run are those of what was released last.
    """

    name: str
    location: str
    cron: str
    time_zone: str
    pipeline: str
    why: str
    costs: str

    @property
    def message(self) -> str:
        """What it publishes."""
        return json.dumps({"pipeline": self.pipeline})

    @property
    def data(self) -> str:
        """The message as Cloud Scheduler shows it."""
        return base64.b64encode(self.message.encode()).decode()


@noun
class Clock:
    """A schedule of Vertex AI itself, by which runs start: the build of a push makes it, by this role."""

    name: str
    location: str
    cron: str
    role: Role
    why: str
    costs: str


@noun
class Binding:
    """A role that an account has on something: `name` is that of the project, registry, bucket, account or secret.

    `member` is empty for the person who runs the scripts.
    """

    member: str
    role: str
    on: On
    name: str
    why: str
    shared: bool = True


@noun
class Policy:
    """The bindings on one thing, which are read and written together."""

    on: On
    name: str
    bindings: tuple[Binding, ...]


@noun
class Authority:
    """What provisioning takes: permissions on the project, a role that holds them, and for what.

    `on` is what it deals with, as the script names that: api, or one of On.
    """

    on: str
    role: str
    permissions: tuple[str, ...]
    why: str


@noun
class Resources:
    """All that a pipeline needs. `bindings` are granted by provisioning; `expected` are the operator's own, granted to
    nobody silently; `owed` is what only somebody else can grant; `authority` is what provisioning itself takes. A
    pipeline whose steps run in images of others has no registry, and a builder only where a push starts its runs."""

    project: str
    pipeline: str
    apis: tuple[Api, ...]
    registry: Registry | None
    bucket: Bucket
    runner: Account
    builder: Account | None
    role: Role | None
    trigger: Trigger | None
    service: Service | None
    schedule: Schedule | None
    clock: Clock | None
    bindings: tuple[Binding, ...]
    expected: tuple[Binding, ...]
    owed: tuple[Binding, ...]
    authority: tuple[Authority, ...]

    @property
    def accounts(self) -> tuple[Account, ...]:
        built = (self.builder,) if self.builder else ()
        served = (self.service.submitter, self.service.invoker) if self.service else ()
        return self.runner, *built, *served

    @property
    def roles(self) -> tuple[Role, ...]:
        """The project's own roles."""
        return (*((self.role,) if self.role else ()), *((self.clock.role,) if self.clock else ()))

    @property
    def policies(self) -> tuple[Policy, ...]:
        """What is granted, by what it is granted on: on the project and the bucket first, which wait for least."""
        places = dict.fromkeys((each.on, each.name) for each in self.bindings)
        return tuple(
            Policy(
                on=on, name=name, bindings=tuple(each for each in self.bindings if (each.on, each.name) == (on, name))
            )
            for on, name in sorted(places, key=lambda at: {On.PROJECT: 0, On.BUCKET: 1}.get(at[0], 2))
        )


@lru_cache(maxsize=4)
def resources(settings: Settings, pipeline: Pipeline) -> Resources:
    """What a pipeline needs in the project of its settings, which have one."""
    if not settings.project_id:
        raise ValueError(f"{pipeline.name} has no project: there is nothing to describe")
    extras = uses(settings, pipeline)
    service = served(settings)
    components = bool(pipeline.components or settings.own_images)
    builds = components or service is not None
    trigger = None if settings.run_local else _trigger(settings, builds)
    clock = _clock(settings) if settings.has_native_schedule else None
    schedule = _schedule(settings, pipeline) if service and settings.schedule and not clock else None
    runner = _runner(settings)
    builder = _builder(settings, pipeline, builds) if builds or trigger else None
    starter = service.submitter if service else builder if trigger else None
    starters = dict.fromkeys(each for each in (starter, builder if clock else None) if each)
    bindings = (
        *_running(settings, runner, extras, components),
        *(_building(settings, builder, builds) if builder else ()),
        *(_pushed(settings, builder, trigger) if builder and trigger else ()),
        *(_starting(settings, starter, runner) if starter else ()),
        *(_serving(settings, builder, service) if builder and service else ()),
        *(_scheduling(settings, clock, builder, runner, starter) if builder and clock else ()),
    )
    return Resources(
        project=settings.project_id,
        pipeline=pipeline.name,
        apis=_apis(extras, trigger, service, schedule, builds),
        registry=_registry(settings) if builds else None,
        bucket=_bucket(settings, builds, trigger),
        runner=runner,
        builder=builder,
        role=_starter("the service" if service else "a build look up images and") if trigger else None,
        trigger=trigger,
        service=service,
        schedule=schedule,
        clock=clock,
        bindings=tuple(sorted(bindings, key=lambda each: list(On).index(each.on))),
        expected=tuple(_operating(settings, runner, builder if components else None)),
        owed=tuple(_owed(settings, pipeline, runner, settings.builder(pipeline.name), extras, starters)),
        authority=authority(settings, builds),
    )


# ------------------------------------------------------------------------------- what components use

# Modules by which code queries BigQuery, and those by which it may start work in Vertex AI.
BIGQUERY = ("google.cloud.bigquery", "google.cloud.bigquery_storage", "pandas_gbq", "bigframes")
VERTEX = ("google.cloud.aiplatform", "google.cloud.aiplatform_v1", "google.cloud.aiplatform_v1beta1", "vertexai")
# What code calls to start work that runs as a service account.
STARTS = frozenset(
    ("batch_predict", "create_batch_prediction_job", "create_custom_job")
    + ("create_hyperparameter_tuning_job", "create_pipeline_job", "create_training_pipeline", "deploy", "deploy_model")
)


def uses(settings: Settings, pipeline: Pipeline) -> tuple[str, ...]:
    """What the steps use beyond the bucket, as the setting `steps_use` says, else their code; and custom jobs."""
    jobs = {"vertex-jobs"} if settings.custom_training_job_specs else set()
    if settings.steps_use is not None:
        return tuple(sorted({*settings.steps_use, *jobs}))
    found = {each for component in pipeline.components for each in used(component.google, component.source)}
    for other in pipeline.others:
        prebuilt = other.origin is Origin.IMPORTED  # Google's components of Vertex AI are made for that
        found |= {"bigquery"} if _reach(other.google, BIGQUERY) else set()
        found |= {"vertex-jobs"} if prebuilt and _reach(other.google, VERTEX) else set()
    return tuple(sorted({*found, *jobs, *(pipeline.given.uses if pipeline.given else ())}))


def used(google: tuple[str, ...], code: str) -> Iterator[str]:
    """What code that reaches Google by these modules uses."""
    if _reach(google, BIGQUERY):
        yield "bigquery"
    if _reach(google, VERTEX) and _starts(code):
        yield "vertex-jobs"


def _reach(google: tuple[str, ...], modules: tuple[str, ...]) -> bool:
    return any(module == each or module.startswith(f"{each}.") for module in google for each in modules)


def _starts(code: str) -> bool:
    """Whether the code calls what starts a job or deploys a model: `CustomJob(...)`, `model.deploy(...)`."""
    try:
        module = ast.parse(code)
    except SyntaxError:
        return False
    return any(name in STARTS or name.endswith("Job") for name in _called(module))


def _called(module: ast.Module) -> Iterator[str]:
    """The parts of every name that is called: CustomJob and run of `aiplatform.CustomJob.run()`, too."""
    for call in ast.walk(module):
        if isinstance(call, ast.Call):
            called = call.func
            while isinstance(called, ast.Attribute):
                yield called.attr
                called = called.value
            if isinstance(called, ast.Name):
                yield called.id


# ------------------------------------------------------------------------------- what there is to be


def _apis(
    extras: tuple[str, ...], trigger: Trigger | None, service: Service | None, schedule: Schedule | None, builds: bool
) -> tuple[Api, ...]:
    apis = {
        "cloudresourcemanager": "says who may do what in the project",
        "aiplatform": "runs the pipeline",
        "iam": "knows the service accounts",
        "storage": "keeps what the steps make",
    }
    if builds:
        apis |= {"artifactregistry": "keeps the images", "cloudbuild": "builds the images"}
    elif trigger:
        apis["cloudbuild"] = "tests and compiles the pipeline"
    if "bigquery" in extras:
        apis |= {"bigquery": "answers the queries of the steps", "bigquerystorage": "hands over what they find"}
    if trigger and trigger.host == "csr":
        apis["sourcerepo"] = "keeps the repository"
    if trigger and trigger.host != "csr":
        apis["secretmanager"] = f"keeps what Cloud Build needs to read from {trigger.host}"
    if service:
        apis |= {"pubsub": "carries what asks for runs", "run": "runs the service that starts them"}
    if schedule:
        apis["cloudscheduler"] = "asks for runs by the clock"
    return tuple(Api(name=f"{name}.googleapis.com", why=apis[name]) for name in sorted(apis))


def _registry(settings: Settings) -> Registry:
    return Registry(
        name=settings.registry,
        location=settings.af_registry_location,
        why="holds the images that the steps run in",
        costs="the storage of the images, by size and month",
    )


def _bucket(settings: Settings, builds: bool, trigger: Trigger | None) -> Bucket:
    logs = ", compiled pipelines and build logs" if trigger else " and compiled pipelines"
    return Bucket(
        name=settings.bucket,
        location=settings.gs_bucket_location,
        why=f"holds artifacts{', compiled pipelines, sources to build and build logs' if builds else logs}",
        costs="the storage of all of that, older versions and what was deleted within a week included",
    )


def _runner(settings: Settings) -> Account:
    """The account of the steps. Pipelines of a project share it unless each is given its own; nobody can tell which."""
    return Account(
        email=settings.runner,
        title="Runs the steps of pipelines",
        why="runs the steps",
        shared=True,
        made=settings.runner.endswith(settings.accounts),
    )


def _builder(settings: Settings, pipeline: Pipeline, builds: bool) -> Account:
    email, title = settings.builder(pipeline.name), f"Builds the images of {pipeline.name}"
    why = "builds the images" if builds else "compiles the pipeline and starts its runs"
    return Account(email=email, title=title[:100], why=why, shared=False, made=True)


STARTS_RUNS = "automlops_starts_runs"


def _starter(who: str) -> Role:
    return Role(
        id=STARTS_RUNS,
        title="Starts runs of pipelines",
        permissions=("aiplatform.pipelineJobs.create", "aiplatform.pipelineJobs.get", "serviceusage.services.use"),
        why=f"lets {who} start a run, and do nothing else in Vertex AI",
    )


SCHEDULES_RUNS = "automlops_schedules_runs"


def _clock(settings: Settings) -> Clock:
    return Clock(
        name=settings.schedule_id,
        location=settings.schedule_region,
        cron=f"TZ={settings.schedule_time_zone} {settings.schedule}",
        role=Role(
            id=SCHEDULES_RUNS,
            title="Schedules runs of pipelines",
            permissions=tuple(f"aiplatform.schedules.{verb}" for verb in ("create", "delete", "list", "update")),
            why="lets a build find its schedule, and make, change or replace it",
        ),
        why="starts runs of what the last push built, by the clock",
        costs="nothing beside the runs that it starts",
    )


def _trigger(settings: Settings, builds: bool) -> Trigger:
    return Trigger(
        name=settings.trigger,
        location=settings.cb_trigger_location,
        host=settings.host,
        connection=settings.connection,
        repository=settings.repository,
        remote=settings.remote,
        branch=settings.csr_branch_name,
        folder=settings.repository_folder,
        secrets=settings.source_repo_secrets,
        why=f"tests, {'builds what changed' if builds else 'compiles'} and starts a run when the branch moves",
    )


def served(settings: Settings) -> Service | None:
    """The service that starts runs, where the settings have one."""
    return _service(settings) if settings.has_service else None


def _service(settings: Settings) -> Service:
    def account(email: str, title: str, why: str) -> Account:
        return Account(email=email, title=title, why=why, shared=True, made=True)

    dead = Topic(
        name=f"{settings.topic}-dead-letters",
        subscription=f"{settings.topic}-dead-letters",
        why="keeps, for a month, the messages that no run came of, with the reason",
        costs="the storage of those messages after their first day",
    )
    return Service(
        name=settings.service,
        location=settings.cloud_run_location,
        audience=f"automlops/{settings.project_id}/{settings.service}",
        ingress=settings.ingress,
        image=settings.image("submission-service", settings.service),
        submitter=account(settings.submitter, "Starts runs of pipelines", "starts runs, as the service"),
        invoker=account(settings.invoker, "Asks for runs of pipelines", "speaks for Pub/Sub when it calls the service"),
        topic=Topic(
            name=settings.topic,
            subscription=f"{settings.topic}-push",
            why="takes the messages that ask for runs, and brings them to the service",
            costs="nothing while nobody publishes",
        ),
        dead_letters=dead,
        why="starts the runs that messages ask for",
        costs="nothing while nobody asks: it goes down to no instance",
    )


def _schedule(settings: Settings, pipeline: Pipeline) -> Schedule:
    """Nobody is given a role for it: Cloud Scheduler publishes by its own agent's, to any topic of its project."""
    line = settings.schedule or ""
    return Schedule(
        name=settings.schedule_id,
        location=settings.schedule_location,
        cron=line,
        time_zone=settings.schedule_time_zone,
        pipeline=pipeline.name,
        why=f"asks for a run {cron.in_words(line)}, by the clocks of {settings.schedule_time_zone}",
        costs="Cloud Scheduler's fee for a job, by the month, paused or not; three of a billing account are free",
    )


# The accounts by which Cloud Build and Pub/Sub themselves act; the project's number is looked up when it is needed.
AGENT = "service-PROJECT_NUMBER@gcp-sa-cloudbuild.iam.gserviceaccount.com"
POSTMAN = "service-PROJECT_NUMBER@gcp-sa-pubsub.iam.gserviceaccount.com"


def secret(version: str) -> str:
    """The secret's own name, of NAME/versions/1 or its longer form."""
    return re.sub("^projects/[^/]*/secrets/|/versions/.*$", "", version)


# ------------------------------------------------------------------------------- who may do what


def _running(settings: Settings, runner: Account, extras: tuple[str, ...], builds: bool) -> Iterator[Binding]:
    """What the steps need, as the runner."""

    def grant(role: str, on: On, name: str, why: str) -> Binding:
        return Binding(member=runner.email, role=f"roles/{role}", on=on, name=name, why=why)

    project = str(settings.project_id)
    yield grant("aiplatform.user", On.PROJECT, project, "runs the steps and records what came of them")
    if "bigquery" in extras:
        yield grant("bigquery.jobUser", On.PROJECT, project, "runs the queries of the steps")
        yield grant("bigquery.readSessionUser", On.PROJECT, project, "takes over what they find, many rows at a time")
    if builds:
        yield grant("artifactregistry.reader", On.REGISTRY, settings.registry, "pulls the images")
    yield grant("storage.objectUser", On.BUCKET, settings.bucket, "reads and writes what the steps exchange")
    if "vertex-jobs" in extras and runner.made:
        yield grant("iam.serviceAccountUser", On.ACCOUNT, runner.email, "starts jobs and deploys models as itself")


def _building(settings: Settings, builder: Account, builds: bool) -> Iterator[Binding]:
    """What a build needs, as the builder, also one that has no image to build."""

    def grant(role: str, on: On, name: str, why: str) -> Binding:
        return Binding(member=builder.email, role=f"roles/{role}", on=on, name=name, why=why, shared=False)

    if builds:
        yield grant("artifactregistry.writer", On.REGISTRY, settings.registry, "pushes the images")
    writes = "reads the sources to build" if builds else "keeps the compiled pipeline"
    yield grant("storage.objectUser", On.BUCKET, settings.bucket, f"{writes} and writes build logs")
    yield grant("storage.legacyBucketReader", On.BUCKET, settings.bucket, "finds the bucket before writing logs to it")


def _pushed(settings: Settings, builder: Account, trigger: Trigger) -> Iterator[Binding]:
    """What a build needs that a push started, to have what was pushed; and what Cloud Build needs to see the push."""
    if trigger.host == "csr":
        why, project = "reads what was pushed", str(settings.project_id)
        yield Binding(
            member=builder.email, role="roles/source.reader", on=On.PROJECT, name=project, why=why, shared=False
        )
    for name in dict.fromkeys(secret(version) for _, version in trigger.vaulted):
        why = f"connects Cloud Build to {trigger.host}"
        yield Binding(member=AGENT, role="roles/secretmanager.secretAccessor", on=On.SECRET, name=name, why=why)


def _starting(settings: Settings, starter: Account, runner: Account) -> Iterator[Binding]:
    """What starts runs needs for that: the service, or the build where there is none."""

    def grant(role: str, on: On, name: str, why: str) -> Binding:
        return Binding(member=starter.email, role=role, on=on, name=name, why=why, shared=starter.shared)

    project, role = str(settings.project_id), f"projects/{settings.project_id}/roles/{STARTS_RUNS}"
    yield grant(role, On.PROJECT, project, "starts runs" if starter.shared else "starts a run after a push")
    if runner.made:
        yield grant("roles/iam.serviceAccountUser", On.ACCOUNT, runner.email, "has steps run as it")


def _serving(settings: Settings, builder: Account, service: Service) -> Iterator[Binding]:
    """What the service needs beside that, who calls it, and who deploys it."""

    def grant(member: str, role: str, on: On, name: str, why: str, shared: bool = True) -> Binding:
        return Binding(member=member, role=f"roles/{role}", on=on, name=name, why=why, shared=shared)

    submitter, invoker, build = service.submitter.email, service.invoker.email, builder.email
    dead, push = service.dead_letters.name, service.topic.subscription
    yield grant(submitter, "storage.objectViewer", On.BUCKET, settings.bucket, "reads what the builds released")
    yield grant(submitter, "pubsub.publisher", On.TOPIC, dead, "puts there what no run can come of")
    yield grant(POSTMAN, "pubsub.publisher", On.TOPIC, dead, "puts there what the service never took")
    yield grant(POSTMAN, "pubsub.subscriber", On.SUBSCRIPTION, push, "takes it out of the topic")
    yield grant(invoker, "run.invoker", On.SERVICE, service.name, "calls the service")
    yield grant(
        build,
        "serviceusage.serviceUsageConsumer",
        On.PROJECT,
        str(settings.project_id),
        "has gcloud ask in the project's name",
        shared=False,
    )
    yield grant(build, "pubsub.publisher", On.TOPIC, service.topic.name, "asks for a run after a push", shared=False)
    yield grant(build, "run.developer", On.SERVICE, service.name, "deploys the service", shared=False)
    yield grant(build, "iam.serviceAccountUser", On.ACCOUNT, submitter, "has the service run as it", shared=False)


def _scheduling(
    settings: Settings, clock: Clock, builder: Account, runner: Account, starter: Account | None
) -> Iterator[Binding]:
    """What a build needs to make the schedule, whose runs act as the runner."""

    def grant(role: str, on: On, name: str, why: str) -> Binding:
        return Binding(member=builder.email, role=role, on=on, name=name, why=why, shared=False)

    project = str(settings.project_id)
    yield grant(f"projects/{project}/roles/{clock.role.id}", On.PROJECT, project, "makes the schedule after a push")
    if runner.made and starter != builder:
        yield grant("roles/iam.serviceAccountUser", On.ACCOUNT, runner.email, "has steps run as it")


def _operating(settings: Settings, runner: Account, builder: Account | None) -> Iterator[Binding]:
    """What the person needs who builds and submits from here; without a builder, there is nothing to build."""

    def need(role: str, on: On, name: str, why: str) -> Binding:
        return Binding(member="", role=f"roles/{role}", on=on, name=name, why=why)

    project = str(settings.project_id)
    if builder:
        yield need("cloudbuild.builds.editor", On.PROJECT, project, "starts builds")
    yield need("serviceusage.serviceUsageConsumer", On.PROJECT, project, "has gcloud ask in the project's name")
    yield need("aiplatform.user", On.PROJECT, project, "starts runs and watches them")
    if builder:
        yield need("artifactregistry.reader", On.REGISTRY, settings.registry, "looks up the digests of images")
        yield need("storage.objectUser", On.BUCKET, settings.bucket, "uploads sources and reads build logs")
        yield need("storage.legacyBucketReader", On.BUCKET, settings.bucket, "finds the bucket before uploading to it")
        yield need("iam.serviceAccountUser", On.ACCOUNT, builder.email, "has builds run as it")
    else:
        yield need("storage.objectUser", On.BUCKET, settings.bucket, "uploads the compiled pipeline")
    yield need("iam.serviceAccountUser", On.ACCOUNT, runner.email, "has steps run as it")


_PUBLIC = ("deeplearning-platform-release", "vertex-ai")  # projects of Google's whose images anybody may pull


def _foreign(image: str, project: str | None) -> str:
    """The Artifact Registry repository of another project than this that an image is in; nothing for any other."""
    found = re.match(r"[a-z0-9-]+-docker[.]pkg[.]dev/((?:[^/]+[.][^/]+/)?[^/]+)/([^/]+)/", image)
    return f"{found[2]} of {found[1]}" if found and found[1].replace("/", ":") not in (project, *_PUBLIC) else ""


def _kept_elsewhere(images: Iterable[str], project: str | None) -> dict[str, tuple[str, ...]]:
    """The images that are kept in other projects than this, by the registry that each is in."""
    found = sorted(set(images))
    homes = {image: _foreign(image, project) for image in found}
    return {home: tuple(image for image in found if homes[image] == home) for home in homes.values() if home}


def _given(pipeline: Pipeline) -> tuple[tuple[str, str], ...]:
    """The steps of a pipeline that was compiled elsewhere, with their images."""
    return pipeline.given.steps if pipeline.given else ()


def _owed(
    settings: Settings,
    pipeline: Pipeline,
    runner: Account,
    builder: str,
    extras: tuple[str, ...],
    starters: Iterable[Account],
) -> Iterator[Binding]:
    """What the runner needs of others: data belongs to its owner, and a runner of another project to that one."""

    def owe(role: str, on: On, name: str, why: str) -> Binding:
        return Binding(member=runner.email, role=f"roles/{role}", on=on, name=name, why=why)

    if "bigquery" in extras:
        yield owe("bigquery.dataViewer", On.DATASET, "", "reads it; roles/bigquery.dataEditor to write to it, too")
    bases = (component.base or settings.base_image for component in pipeline.components)
    for registry, images in _kept_elsewhere(bases, settings.project_id).items():
        why = f"pulls {', '.join(images)} to build on"
        yield replace(owe("artifactregistry.reader", On.REGISTRY, registry, why), member=builder)
    run = [*(other.image for other in pipeline.others), *(image for _, image in _given(pipeline))]
    granted = f"{settings.registry} of {settings.project_id}" if pipeline.components or settings.own_images else ""
    for registry, images in _kept_elsewhere(run, None).items():
        if registry != granted:
            yield owe("artifactregistry.reader", On.REGISTRY, registry, f"pulls {', '.join(images)} to run")
    for other in sorted(
        {each for job in settings.custom_training_job_specs if (each := job.values.get("service_account"))}
    ):
        if other != runner.email:
            yield owe("iam.serviceAccountUser", On.ACCOUNT, other, "starts custom jobs that run as it")
    if "vertex-jobs" in extras and not runner.made:
        yield owe("iam.serviceAccountUser", On.ACCOUNT, runner.email, "starts jobs and deploys models as itself")
    if not runner.made:
        for each in starters:
            yield replace(
                owe("iam.serviceAccountUser", On.ACCOUNT, runner.email, "has steps run as it"), member=each.email
            )


_POLICIES = ("getIamPolicy", "setIamPolicy")


def authority(settings: Settings, builds: bool = True) -> tuple[Authority, ...]:
    """What the person needs who provisions: to ask Google of it beforehand, and to name it where it is missing.

    Where nothing `builds` images, no registry is made.
    """
    served = settings.has_service
    making = (each for each in _MAKING if builds or served or each.on != "registry")
    return (
        *making,
        *(() if settings.run_local else _triggering(settings)),
        *(_SERVING if served else ()),
        *(_SCHEDULING if served and settings.schedule and not settings.has_native_schedule else ()),
    )


_MAKING = (
    Authority(
        on="api",
        role="roles/serviceusage.serviceUsageAdmin",
        permissions=("serviceusage.services.list", "serviceusage.services.enable"),
        why="switches on the APIs",
    ),
    Authority(
        on="registry",
        role="roles/artifactregistry.admin",
        permissions=tuple(f"artifactregistry.repositories.{verb}" for verb in ("create", "get", "list", *_POLICIES)),
        why="makes the registry and says who may use it",
    ),
    Authority(
        on="bucket",
        role="roles/storage.admin",
        permissions=tuple(f"storage.buckets.{verb}" for verb in ("create", "get", "list", "update", *_POLICIES))
        + ("storage.objects.create", "storage.objects.delete", "storage.objects.get", "storage.objects.list"),
        why="makes the bucket, says who may use it and keeps the record in it",
    ),
    Authority(
        on="account",
        role="roles/iam.serviceAccountAdmin",
        permissions=tuple(f"iam.serviceAccounts.{verb}" for verb in ("create", "list", *_POLICIES)),
        why="makes the service accounts",
    ),
    Authority(
        on="project",
        role="roles/resourcemanager.projectIamAdmin",
        permissions=tuple(f"resourcemanager.projects.{verb}" for verb in _POLICIES),
        why="says who may do what in the whole project",
    ),
)


def _triggering(settings: Settings) -> Iterator[Authority]:
    """What it takes beyond that to have a push start builds."""
    yield Authority(
        on="role",
        role="roles/iam.roleAdmin",
        permissions=tuple(f"iam.roles.{verb}" for verb in ("create", "get", "undelete", "update")),
        why="makes the role by which builds start runs",
    )
    yield Authority(
        on="trigger",
        role="roles/cloudbuild.builds.editor",
        permissions=tuple(f"cloudbuild.builds.{verb}" for verb in ("create", "get", "update")),
        why="makes the trigger",
    )
    yield Authority(
        on="builder",
        role="roles/iam.serviceAccountUser",
        permissions=("iam.serviceAccounts.actAs",),
        why="has the trigger's builds run as the builder, which it needs on that account alone",
    )
    if settings.host == "csr":
        yield Authority(
            on="repository",
            role="roles/source.admin",
            permissions=("source.repos.create", "source.repos.list"),
            why="makes the repository",
        )
        return
    yield Authority(
        on="repository",
        role="roles/cloudbuild.connectionAdmin",
        permissions=tuple(
            f"cloudbuild.{kind}.{verb}"
            for kind in ("connections", "repositories")
            for verb in ("create", "get", "list")
        ),
        why=f"connects Cloud Build to {settings.host} and to the repository there",
    )
    if settings.source_repo_secrets:
        yield Authority(
            on="secret",
            role="roles/secretmanager.admin",
            permissions=tuple(f"secretmanager.secrets.{verb}" for verb in _POLICIES),
            why="says who may read the secrets of the connection, which it needs on them alone",
        )


_SERVING = (
    Authority(
        on="topic",
        role="roles/pubsub.admin",
        permissions=(
            *(f"pubsub.topics.{verb}" for verb in ("attachSubscription", "create", "get", *_POLICIES)),
            *(f"pubsub.subscriptions.{verb}" for verb in ("create", "get", "update", *_POLICIES)),
        ),
        why="makes the topics and subscriptions and says who may use them",
    ),
    Authority(
        on="callers",
        role="roles/iam.serviceAccountUser",
        permissions=("iam.serviceAccounts.actAs",),
        why="has the service run as one account and Pub/Sub call it as another, which it needs on those two alone",
    ),
    Authority(
        on="service",
        role="roles/run.admin",
        permissions=tuple(f"run.services.{verb}" for verb in ("create", "get", "update", *_POLICIES)),
        why="makes the service and says who may call it",
    ),
)

_SCHEDULING = (
    Authority(
        on="schedule",
        role="roles/cloudscheduler.admin",
        permissions=tuple(f"cloudscheduler.jobs.{verb}" for verb in ("create", "get", "update")),
        why="makes the schedule",
    ),
)
