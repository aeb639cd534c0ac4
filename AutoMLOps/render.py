"""Renders a Pipeline and its Settings into the Tree of files that is the generated codebase.

Templates hold the shape of each file; values enter them only through the filters below, each of which writes a value
so that the language it lands in reads back that very value.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import sys
import textwrap
from collections.abc import Callable, Iterator
from functools import cache, lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING, Literal, NamedTuple

from . import cloud, cron, graph, mermaid, picture, source
from .errors import BadInput
from .model import (
    Artifact,
    Component,
    File,
    Given,
    Import,
    Kind,
    Origin,
    Other,
    Param,
    Pipeline,
    Problem,
    Step,
    Tree,
    slug,
)
from .read.images import together
from .read.requirements import disputed
from .settings import Settings, table

if TYPE_CHECKING:
    import jinja2

WIDTH = 120


class Emit(NamedTuple):
    """One row of LAYOUT: a template, where its text goes, for what it is rendered again, and when it is left out."""

    template: str
    to: str
    each: Literal["pipeline", "image", "component", "loaded"] = "pipeline"
    when: Literal[
        "always",
        "project",
        "ci",
        "service",
        "clock",
        "unclock",
        "drawn",
        "images",
        "tags",
        "builds",
        "cloud builds",
        "given",
    ] = "always"


LAYOUT = (
    Emit(template=".gcloudignore.j2", to=".gcloudignore", when="builds"),
    Emit(template=".gitignore.j2", to=".gitignore"),
    Emit(template="README.md.j2", to="README.md"),
    Emit(template="cloudbuild.yaml.j2", to="cloudbuild.yaml", when="cloud builds"),
    Emit(template="components/component/component.yaml.j2", to="components/{name}/component.yaml", each="component"),
    Emit(template="components/image/.dockerignore.j2", to="components/{folder}/.dockerignore", each="image"),
    Emit(template="components/image/Dockerfile.j2", to="components/{folder}/Dockerfile", each="image"),
    Emit(template="components/image/requirements.txt.j2", to="components/{folder}/requirements.txt", each="image"),
    Emit(template="components/image/src/component.py.j2", to="components/{folder}/src/{name}.py", each="component"),
    Emit(template="components/loaded/component.yaml.j2", to="components/{name}/component.yaml", each="loaded"),
    Emit(template="configs/defaults.yaml.j2", to="configs/defaults.yaml"),
    Emit(template="docs/pipeline.svg.j2", to="docs/pipeline.svg", when="drawn"),
    Emit(template="pipelines/parameter_values.json.j2", to="{settings.parameter_values_path}"),
    Emit(template="pipelines/pipeline.py.j2", to="pipelines/pipeline.py"),
    Emit(template="pipelines/pipeline_spec.j2", to="pipelines/{spec}", when="given"),
    Emit(template="pipelines/pipeline_runner.py.j2", to="pipelines/pipeline_runner.py", when="project"),
    Emit(template="pipelines/pipeline_schedule.py.j2", to="pipelines/pipeline_schedule.py", when="clock"),
    Emit(template="pipelines/requirements.txt.j2", to="pipelines/requirements.txt"),
    Emit(template="provision/deprovision_resources.sh.j2", to="provision/deprovision_resources.sh", when="project"),
    Emit(template="provision/making.sh.j2", to="provision/making.sh", when="project"),
    Emit(template="provision/provision_resources.sh.j2", to="provision/provision_resources.sh", when="project"),
    Emit(template="provision/record.sh.j2", to="provision/record.sh", when="project"),
    Emit(template="provision/trigger.yaml.j2", to="provision/trigger.yaml", when="ci"),
    Emit(template="provision/unschedule.py.j2", to="provision/unschedule.py", when="unclock"),
    Emit(template="pytest.ini.j2", to="pytest.ini"),
    Emit(template="scripts/build_components.sh.j2", to="scripts/build_components.sh", when="builds"),
    Emit(template="scripts/build_pipeline_spec.sh.j2", to="scripts/build_pipeline_spec.sh"),
    Emit(template="scripts/content_tag.sh.j2", to="scripts/content_tag.sh", when="tags"),
    Emit(template="scripts/deploy_service.sh.j2", to="scripts/deploy_service.sh", when="service"),
    Emit(template="scripts/gcloud.sh.j2", to="scripts/gcloud.sh", when="project"),
    Emit(template="scripts/publish_to_topic.sh.j2", to="scripts/publish_to_topic.sh", when="service"),
    Emit(template="scripts/redrive.py.j2", to="scripts/redrive.py", when="service"),
    Emit(template="scripts/run_all.sh.j2", to="scripts/run_all.sh", when="project"),
    Emit(template="scripts/run_pipeline.sh.j2", to="scripts/run_pipeline.sh", when="project"),
    Emit(
        template="services/submission_service/.dockerignore.j2",
        to="services/submission_service/.dockerignore",
        when="service",
    ),
    Emit(
        template="services/submission_service/Dockerfile.j2",
        to="services/submission_service/Dockerfile",
        when="service",
    ),
    Emit(template="services/submission_service/main.py.j2", to="services/submission_service/main.py", when="service"),
    Emit(
        template="services/submission_service/openapi.json.j2",
        to="services/submission_service/openapi.json",
        when="service",
    ),
    Emit(
        template="services/submission_service/requirements.txt.j2",
        to="services/submission_service/requirements.txt",
        when="service",
    ),
    Emit(template="tests/conftest.py.j2", to="tests/conftest.py", when="images"),
    Emit(template="tests/test_component.py.j2", to="tests/test_{name}.py", each="component"),
    Emit(template="tests/test_pipeline.py.j2", to="tests/test_pipeline.py"),
)

# What pipelines/pipeline.py defines or calls by name: a component or a carried statement so named would break it.
RESERVED = frozenset(
    (
        "COMPONENTS",
        "Iterable",
        "OWN_IMAGES",
        "Path",
        "SystemExit",
        "argparse",
        "compiled",
        "component",
        "components",
        "described",
        "dict",
        "getattr",
    )
    + ("json", "json_format", "main", "ord", "print", "re", "sorted", "str", "upload", "written", "yaml")
)
# What it defines or calls beside that where steps run as custom jobs.
JOBS_RESERVED = frozenset(("JOBS", "as_job", "list", "os", "settled"))
PIPELINE_IMPORTS = (
    Import(module="argparse"),
    Import(module="json"),
    Import(module="re"),
    Import(module="pathlib", name="Path"),
)
COMPILING_IMPORTS = (Import(module="google.protobuf", name="json_format"),)
# What it takes to name the images that were built for components of ours, and to load a component.yaml.
NAMING_IMPORTS = (Import(module="collections.abc", name="Iterable"),)
LOADING_IMPORTS = (
    Import(module="yaml"),
    Import(module="kfp", name="components"),
)


def reserved(settings: Settings) -> frozenset[str]:
    """The names that a pipeline.py of these settings needs for itself."""
    return RESERVED | JOBS_RESERVED if settings.custom_training_job_specs else RESERVED


@lru_cache(maxsize=2)  # a notebook calls again and again, and what it says has seldom changed
def tree(pipeline: Pipeline, settings: Settings) -> Tree:
    """The whole codebase of a pipeline: the same input gives the same bytes."""
    images, own_images = _images(pipeline, settings), _own_images(pipeline, settings)
    built = (*own_images, *images)
    shared: dict[str, object] = {"pipeline": pipeline, "settings": settings, "images": images}
    shared |= {"own_images": own_images, "built": built}
    shared["cloud"] = cloud.resources(settings, pipeline) if settings.project_id else None
    shared["graph"] = graph.of_pipeline(pipeline)
    shared["spec"] = _spec(pipeline)
    shared |= {"several": len(images) > 1, "the_images": "the images" if len(built) > 1 else "the image"}
    files = [
        File(path=path, text=_headed(text, path, settings.license_header))
        for emit in LAYOUT
        if _wanted(emit, settings, images, bool(built), shared["graph"] is not None, pipeline.given is not None)
        for path, text in _emitted(emit, shared, pipeline, settings, images)
    ]
    return Tree(files=_distinct(sorted(files, key=lambda file: file.path)))


def _wanted(
    emit: Emit, settings: Settings, images: tuple[Image, ...], builds: bool, is_drawn: bool, is_given: bool
) -> bool:
    by_push = bool(settings.project_id) and not settings.run_local
    match emit.when:
        case "always":
            return True
        case "project":
            return bool(settings.project_id)
        case "ci":
            return by_push
        case "service":
            return by_push and settings.has_service
        case "clock":
            return bool(settings.project_id) and settings.has_native_schedule
        case "unclock":
            return bool(settings.project_id) and settings.unschedules
        case "drawn":
            return is_drawn
        case "given":
            return is_given
        case "images":
            return bool(images)
        case "tags":
            return builds or (by_push and settings.has_service)
        case "builds":
            return bool(settings.project_id) and builds
        case "cloud builds":
            return by_push or (bool(settings.project_id) and builds)


def _emitted(
    emit: Emit, shared: dict[str, object], pipeline: Pipeline, settings: Settings, images: tuple[Image, ...]
) -> Iterator[tuple[str, str]]:
    """The files of one row of LAYOUT, as (path, text)."""
    render = _template(emit.template).render
    match emit.each:
        case "pipeline":
            yield emit.to.format(settings=settings, spec=shared["spec"]), render(shared)
        case "image":
            for image in images:
                yield emit.to.format(folder=image.folder), render(shared, image=image)
        case "component":
            for image in images:
                for component in image.components:
                    path = emit.to.format(folder=image.folder, name=component.name)
                    yield path, render(component=component, image=image, slug=slug(component.name))
        case "loaded":
            for other in _loaded(pipeline):
                yield emit.to.format(name=other.name), render(other=other)


def _distinct(files: list[File]) -> tuple[File, ...]:
    """The files, unless two of them would be one where upper and lower case are the same."""
    seen: dict[str, str] = {}
    clashes = []
    for file in files:
        if file.path.lower() in seen:
            clashes.append(Problem(message=f"{seen[file.path.lower()]} and {file.path} cannot both be written"))
        seen[file.path.lower()] = file.path
    if clashes:
        raise BadInput(clashes)
    return tuple(files)


# A comment on the first two lines that Python, and pip in a file of requirements, take for the file's encoding.
CODING = r"(?:.*\n)?.*coding[:=]"
# A first line that BuildKit takes for a directive: syntax, escape, check.
DIRECTIVE = r"#\s*\w+\s*="


def _headed(text: str, path: str, header: str | None) -> str:
    """The text under the licence header, as comments; JSON has none."""
    if not header or path.endswith(".json"):
        return text
    if path.endswith((".md", ".svg")):
        return f"<!--\n{re.sub('-(?=-)', '- ', header)}\n-->\n\n{text}"
    comments = "".join(f"# {line}".rstrip() + "\n" for line in header.split("\n"))
    if path.endswith((".py", ".txt")) and re.match(CODING, comments):
        comments = f"# coding: utf-8\n{comments}"  # of two such lines the first one counts
    if path.endswith("/Dockerfile") and re.match(DIRECTIVE, comments):
        comments = f"#\n{comments}"  # after a comment that is no directive, none is
    start = text.index("\n") + 1 if text.startswith("#!") else 0
    return f"{text[:start]}{comments}\n{text[start:]}"


# ------------------------------------------------------------------------------- what the templates are given


class OwnImage(NamedTuple):
    """An image of the user's: its folder, which is how it is named, and its name in the registry."""

    path: str
    name: str
    own_base: None = None

    @property
    def folder(self) -> str:
        return self.path


class Image(NamedTuple):
    """One container image: its folder under components/, its name in the registry, and the components in it.

    `own_base` is what it starts from where that is an image of the user's.
    """

    folder: str
    name: str
    base: str
    kfp: str
    components: tuple[Component, ...]
    own_base: OwnImage | None = None

    @property
    def path(self) -> str:
        return f"components/{self.folder}"

    @property
    def requirements(self) -> tuple[str, ...]:
        """The lines of its requirements.txt."""
        lines = {line for component in self.components for line in component.requirements}
        return tuple(sorted(lines, key=lambda line: (line.lower(), line)))

    @property
    def brings_packages(self) -> bool:
        """Whether the base image was chosen for what is installed in it, so that it must stay importable."""
        return Settings(base_image=self.base).brings_packages

    @property
    def tester(self) -> str:
        """The image that its components are tested in."""
        return self.base if self.brings_packages else Settings(base_image=self.base).python_image


def _own_images(pipeline: Pipeline, settings: Settings) -> tuple[OwnImage, ...]:
    return tuple(OwnImage(path=path, name=settings.own_image(pipeline.name, path)) for path in settings.own_images)


def _images(pipeline: Pipeline, settings: Settings) -> tuple[Image, ...]:
    own = {image.path: image for image in _own_images(pipeline, settings)}

    def image(folder: str, components: tuple[Component, ...]) -> Image:
        base = components[0].base or settings.base_image
        return Image(
            folder=folder,
            name=settings.image(pipeline.name, folder),
            base=base,
            kfp=_kfp(pipeline),
            components=components,
            own_base=own.get(base),
        )

    groups = together(pipeline.components, settings.images, settings.base_image)
    return tuple(image(folder, group) for folder, group in zip(_folders(groups, settings), groups, strict=True))


SHARED = "component_base"


def _folders(groups: tuple[tuple[Component, ...], ...], settings: Settings) -> list[str]:
    """The folder of each image: the component's own; or component_base, with what sets an image apart behind it: the
    name of a base that components chose, and where another image has that base, the first component."""
    if settings.images == "per-component":
        return [component.name for (component,) in groups]
    bases = [group[0].base or settings.base_image for group in groups]
    names = [SHARED if base == settings.base_image else f"{SHARED}_{_base_name(base)}" for base in bases]
    names = [
        f"{name}_{group[0].name}" if base in bases[:number] else name
        for number, (name, base, group) in enumerate(zip(names, bases, groups, strict=True))
    ]
    folded = [name.lower() for name in names]
    return [
        f"{name}_{sha256(base.encode()).hexdigest()[:6]}" if folded.count(name.lower()) > 1 else name
        for name, base in zip(names, bases, strict=True)
    ]


def _base_name(base: str) -> str:
    """What a folder says of a base image: python:3.11-slim is python_3_11_slim."""
    return "_".join(re.findall("[0-9a-z]+", base.partition("@")[0].rpartition("/")[2].lower()))


def _kfp(pipeline: Pipeline) -> str:
    """The pinned line of kfp among the tools: images need its executor at the version that compiles."""
    pinned = [tool for tool in pipeline.tools if re.match(r"kfp(?![\w.-])", tool)]
    if len(pinned) != 1:
        raise ValueError(f"the tools of {pipeline.name} should pin kfp once: {pipeline.tools}")
    return pinned[0]


def _definitions(items: tuple[Param | Artifact, ...]) -> list[tuple[str, dict[str, object]]]:
    """Inputs or outputs as the compiled spec has them: artifacts, then parameters, each by name."""
    groups: dict[str, dict[str, object]] = {"artifacts": {}, "parameters": {}}
    for item in sorted(items, key=lambda item: item.name):
        groups["artifacts" if isinstance(item, Artifact) else "parameters"][item.name] = _definition(item)
    return [(kind, group) for kind, group in groups.items() if group]


def _definition(item: Param | Artifact) -> dict[str, object]:
    definition: dict[str, object] = {}
    if isinstance(item, Artifact):
        definition["artifactType"] = {"schemaTitle": item.title, "schemaVersion": item.version}
        optional = item.optional
        if item.many:
            definition["isArtifactList"] = True
    else:
        definition["parameterType"] = str(item.kind)
        optional = item.optional or item.default is not None or item.kind == Kind.TASK_FINAL_STATUS
        if item.default is not None:
            definition["defaultValue"] = json.loads(item.default, parse_int=float)  # a spec's numbers are floats
    if optional:
        definition["isOptional"] = True
    if item.description:
        definition["description"] = item.description
    return definition


def _described(pipeline: Pipeline) -> list[str]:
    """The components whose inputs and outputs have descriptions, which kfp leaves behind as it loads them."""
    return [
        component.name
        for component in pipeline.components
        if any(item.description for item in (*component.inputs, *component.outputs))
    ]


def _lists(component: Component) -> list[tuple[str, str]]:
    """The outputs that are lists of other things than strings, which kfp takes them for, with their types."""
    values = (output for output in component.outputs if isinstance(output, Param))
    return [(output.name, f"List[{output.items}]") for output in values if output.items not in ("", "str")]


def _container(component: Component, image: Image) -> dict[str, object]:
    """How the component runs: kfp's executor on its own source file."""
    path = f"/pipelines/component/src/{component.name}.py"
    return {
        "image": image.name,
        "command": ["python3", "-u", "-m", "kfp.dsl.executor_main", "--component_module_path", path],
        "args": ["--executor_input", "{{$}}", "--function_to_execute", component.name],
    }


def _import_block(pipeline: Pipeline, built: tuple[Image | OwnImage, ...], settings: Settings) -> str:
    """Our imports and the pipeline's as one block."""
    if pipeline.given:
        reading = () if _spec(pipeline).endswith(".json") else (Import(module="yaml"),)
        return source.imports((*PIPELINE_IMPORTS, *reading))
    naming = NAMING_IMPORTS if built else ()
    loading = LOADING_IMPORTS if pipeline.components or _loaded(pipeline) else ()
    jobs = (Import(module="os"),) if settings.custom_training_job_specs else ()
    return source.imports((*PIPELINE_IMPORTS, *COMPILING_IMPORTS, *naming, *loading, *jobs, *pipeline.imports))


def _jobs(settings: Settings) -> str:
    """What each custom job is made with; it runs as the account of the steps, as they do, unless it names another."""
    account = {"service_account": settings.runner} if settings.runner else {}
    return source.block({job.component: {**account, **job.values} for job in settings.custom_training_job_specs})


def _spec(pipeline: Pipeline) -> str:
    """The name of the file with the spec of a pipeline that was compiled elsewhere."""
    return f"pipeline_spec{os.path.splitext(pipeline.notebook)[1].lower()}"


def _unseen(given: Given) -> str:
    """The steps whose code nothing here can see."""
    return " and ".join(filter(None, (", ".join(given.unseen[:-1]), given.unseen[-1])))


def _containers(pipeline: Pipeline) -> Iterator[tuple[str, ...]]:
    """One row for each step of such a pipeline that runs in a container."""
    for name, image in pipeline.given.steps if pipeline.given else ():
        yield _md(name), f"`{_line(image)}`"


def _google(pipeline: Pipeline) -> dict[str, str]:
    """The components that reach Google, with the modules by which they do."""
    return {component.name: ", ".join(component.google) for component in pipeline.components if component.google}


def _tests(image: Image, first: bool) -> list[str]:
    """The tests of an image's components; the first image's also that of the pipeline."""
    return [*(["tests/test_pipeline.py"] * first), *(f"tests/test_{each.name}.py" for each in image.components)]


def _elsewhere(images: tuple[Image, ...]) -> dict[str, str]:
    """The folders of those components whose code is not in the shared image."""
    apart = [image for image in images if image.folder != SHARED]
    return {component.name: image.folder for image in apart for component in image.components}


def _outputs(component: Component) -> list[str]:
    return sorted(output.name for output in component.outputs)


def _build_region(settings: Settings) -> str:
    """Where images are built: beside the registry, unless that spans regions, which Cloud Build does not."""
    location = settings.af_registry_location
    return location if "-" in location else settings.pipeline_job_location


def _values(pipeline: Pipeline) -> dict[str, object]:
    return {name: json.loads(text) for name, text in pipeline.values}


# ------------------------------------------------------------------------------- what the README says of the pipeline

PYTHON_TYPES = {
    Kind.STRING: "str",
    Kind.NUMBER_INTEGER: "int",
    Kind.NUMBER_DOUBLE: "float",
    Kind.BOOLEAN: "bool",
    Kind.LIST: "list",
    Kind.STRUCT: "dict",
    Kind.TASK_FINAL_STATUS: "status",
}


def _steps(pipeline: Pipeline, images: tuple[Image, ...], settings: Settings) -> Iterator[tuple[str, ...]]:
    """One row for each step; for each component where the steps show only once the pipeline is compiled."""
    homes: dict[str, tuple[Component | Other, str]] = {
        component.name: (component, _link(f"components/{image.folder}/src/{component.name}.py"))
        for image in images
        for component in image.components
    }
    for job in (job for job in settings.custom_training_job_specs if job.component in homes):
        component, home = homes[job.component]
        homes[job.component] = (component, f"{home}, as a custom job on {_md(job.machine)}")
    homes |= {other.name: (other, _home(other)) for other in pipeline.others}
    homes |= {"importer": (IMPORTER, _home(IMPORTER))} if _imports(pipeline) else {}
    calls = [(_called(step), step.component) for step in pipeline.steps if step.component in homes]
    for step, name in calls if pipeline.readable and calls else [(name, name) for name in homes]:
        component, home = homes[name]
        takes = ", ".join(item.name for item in component.inputs)
        gives = ", ".join(map(_given, component.outputs))
        yield _md(step), _md(takes), _md(gives), home


def _imports(pipeline: Pipeline) -> bool:
    names = {other.name for other in pipeline.others} | {component.name for component in pipeline.components}
    return "importer" not in names and any(step.component == "importer" for step in pipeline.steps)


IMPORTER = Other(
    name="importer",
    origin=Origin.IMPORTER,
    inputs=(Param(name="uri", kind=Kind.STRING),),
    outputs=(Artifact(name="artifact", title="system.Artifact"),),
)


def _home(other: Other) -> str:
    """Where the code is of a step that is no Python function of the notebook."""
    match other.origin:
        case Origin.CONTAINER:
            return f"{_md(other.image) or 'an image'}, by {_link('pipelines/pipeline.py')}"
        case Origin.PIPELINE:
            return f"a pipeline, in {_link('pipelines/pipeline.py')}"
        case Origin.LOADED:
            return _link(f"components/{other.name}/component.yaml")
        case Origin.IMPORTER:
            return "kfp's own: an artifact that exists already"
        case Origin.IMPORTED:
            return "Google's, of google-cloud-pipeline-components"


def _loaded(pipeline: Pipeline) -> list[Other]:
    return [other for other in pipeline.others if other.origin is Origin.LOADED]


def _contained(pipeline: Pipeline) -> list[Other]:
    """The steps that run in images of others."""
    ours = (Origin.PIPELINE, Origin.IMPORTER)
    return [other for other in pipeline.others if other.origin not in ours]


def _whole(text: str) -> str:
    """A text as it was given."""
    return text


def _boxes(images: tuple[Image, ...], own_images: tuple[OwnImage, ...]) -> Iterator[tuple[str, ...]]:
    """One row for each image: what it starts from, and what runs in it or starts from it."""
    for own in own_images:
        users = ", ".join(image.folder for image in images if image.own_base == own)
        yield f"[{_md(own.path)}]({_word(own.path)}/Dockerfile)", "what you wrote there", _md(users)
    for image in images:
        names = ", ".join(component.name for component in image.components)
        yield f"[{_md(image.folder)}](components/{_word(image.folder)}/Dockerfile)", _md(image.base), _md(names)


def _disputes(images: tuple[Image, ...]) -> Iterator[str]:
    """Why an image is apart from the first one with its base: a sentence for each that is."""
    for number, image in enumerate(images):
        home = next(each for each in images if each.base == image.base)
        names = ", ".join(map(_md, disputed((*home.components, *image.components))))
        if names and home is not images[number]:
            yield f"{_md(image.folder)} is apart from {_md(home.folder)}, as they ask for other versions of {names}."


def _parameters(pipeline: Pipeline) -> Iterator[tuple[str, ...]]:
    for parameter in pipeline.parameters:
        default = "None" if parameter.optional else "required"
        if parameter.default is not None:
            default = json.dumps(json.loads(parameter.default), ensure_ascii=False)
        yield _md(parameter.name), PYTHON_TYPES[parameter.kind], _md(default), _md(parameter.description)


def _made_again(settings: Settings) -> list[str]:
    """The paths of what the scripts make, each once."""
    folder, spec = "scripts/pipeline_spec/", settings.pipeline_job_spec_path
    return [folder] if spec.startswith(folder) else [folder, spec]


def _made(resources: cloud.Resources) -> Iterator[tuple[str, ...]]:
    """What provisioning makes, why, and what it costs to leave it there."""
    registry, bucket = resources.registry, resources.bucket
    if registry:
        yield f"registry {_md(registry.name)} ({registry.location})", registry.why, registry.costs
    yield f"bucket {_md(bucket.name)} ({bucket.location})", bucket.why, bucket.costs
    for account in resources.accounts:
        yield f"account {_md(account.email)}", account.why, "nothing"
    trigger = resources.trigger
    for role in resources.roles:
        yield f"role {_md(role.id)} ({', '.join(f'`{_word(each)}`' for each in role.permissions)})", role.why, "nothing"
    if trigger:
        where = "Cloud Source Repositories" if trigger.host == "csr" else f"{trigger.host}, by {trigger.connection}"
        yield f"repository {_md(trigger.repository)} ({where})", "is what the trigger watches", "nothing from here"
        branch = f"trigger {_md(trigger.name)} ({trigger.location}, branch {_md(trigger.branch)})"
        yield branch, trigger.why, "nothing while nobody pushes"
    if clock := resources.clock:
        what = f"schedule {_md(clock.name)} in Vertex AI ({clock.location}), which a push makes: {_md(clock.cron)}"
        yield what, clock.why, clock.costs
    if service := resources.service:
        yield f"service {_md(service.name)} on Cloud Run ({service.location})", service.why, service.costs
        for topic in (service.topic, service.dead_letters):
            yield f"topic {_md(topic.name)}, subscription {_md(topic.subscription)}", topic.why, topic.costs
    if schedule := resources.schedule:
        yield f"schedule {_md(schedule.name)} ({schedule.location}): {_md(schedule.cron)}", schedule.why, schedule.costs


def _due(schedule: cloud.Schedule) -> str:
    """When a schedule asks for runs, in words."""
    return f"{cron.in_words(schedule.cron)}, by the clocks of {schedule.time_zone}"


def _roles(bindings: tuple[cloud.Binding, ...]) -> Iterator[tuple[str, ...]]:
    """Who has which role on what, and why; the person who runs the scripts has no name here."""
    for each in bindings:
        place = {cloud.On.PROJECT: "the project", cloud.On.DATASET: "each dataset that the steps use"}.get(each.on)
        what = (f"`{_word(each.role)}`", place or f"the {each.on} {_md(each.name)}", each.why)
        yield (_md(each.member), *what) if each.member else what


def _authority(resources: cloud.Resources) -> Iterator[tuple[str, ...]]:
    for each in resources.authority:
        yield f"`{_word(each.role)}`", each.why


def _apis(apis: tuple[cloud.Api, ...]) -> str:
    return ", ".join(f"`{_word(api.name)}`" for api in apis)


# ------------------------------------------------------------------------------- what the scripts say of the cloud


def _provisioned(resources: cloud.Resources) -> str:
    return f"Makes what {resources.pipeline} needs in the project {resources.project}, and says why for each part."


def _deprovisioned(resources: cloud.Resources) -> str:
    return f"Takes away what provision_resources.sh made for {resources.pipeline}, and nothing else."


def _place(resources: cloud.Resources, policy: cloud.Policy) -> str:
    """What a policy is of, as words of provision_resources.sh: its kind, name and location."""
    match policy.on:
        case cloud.On.PROJECT | cloud.On.REGISTRY | cloud.On.BUCKET | cloud.On.SUBSCRIPTION | cloud.On.SERVICE:
            name = f'"${policy.on.upper()}"'
        case cloud.On.ACCOUNT | cloud.On.TOPIC:
            name = _account(resources, policy.name)
        case _:
            name = _sh(policy.name)
    located = (cloud.On.REGISTRY, cloud.On.BUCKET, cloud.On.SERVICE)
    location = f'"${policy.on.upper()}_LOCATION"' if policy.on in located else "global"
    return f"{policy.on} {name} {location}"


def _account(resources: cloud.Resources, name: str) -> str:
    """The variable of provision_resources.sh that holds the e-mail of an account, or the name of a topic."""
    names = {resources.runner.email: "RUNNER", cloud.AGENT: "AGENT", cloud.POSTMAN: "POSTMAN"}
    if resources.builder:
        names[resources.builder.email] = "BUILDER"
    if service := resources.service:
        names |= {service.submitter.email: "SUBMITTER", service.invoker.email: "INVOKER"}
        names |= {service.topic.name: "TOPIC", service.dead_letters.name: "DEAD_LETTERS"}
    return f'"${names[name]}"' if name in names else _sh(name)


def _names(resources: cloud.Resources) -> str:
    """The names of all that provisioning makes, as a regular expression of grep takes one of them."""
    trigger = resources.trigger
    names = [resources.project, resources.pipeline]
    names += [each.name for each in (resources.registry, resources.bucket) if each]
    names += [account.email for account in resources.accounts]
    names += [role.id for role in resources.roles]
    names += [resources.clock.name] if resources.clock else []
    if trigger:
        names += [trigger.name, trigger.link if trigger.connection else trigger.repository]
        names += [trigger.connection] if trigger.connection else []
        names += dict.fromkeys(cloud.secret(version) for _, version in trigger.vaulted)
    if service := resources.service:
        topics = (service.topic, service.dead_letters)
        names += dict.fromkeys((service.name, *(name for each in topics for name in (each.name, each.subscription))))
    names += [resources.schedule.name] if resources.schedule else []
    return "|".join(map(_plainly, names))


def _members(resources: cloud.Resources) -> str:
    """Whom provisioning gives roles to, likewise."""
    given = dict.fromkeys(each.member for each in resources.bindings)
    return "|".join(_plainly(each).replace("PROJECT_NUMBER", "[0-9]+") for each in given)


def _titles(resources: cloud.Resources) -> str:
    """What the accounts are called that this pipeline, or another one of the project, makes."""
    served = (resources.service.submitter.title, resources.service.invoker.title) if resources.service else ()
    return "|".join((resources.runner.title, "Builds the images of .*", *served))


def _plainly(text: str) -> str:
    """A name in a regular expression that stands between single quotes."""
    return _word(text).replace(".", "[.]")


_FLAGS = {
    "github_app": "--app-installation-id",
    "read_token": "--read-authorizer-token-secret-version",
    "token": "--authorizer-token-secret-version",
    "webhook": "--webhook-secret-secret-version",
}


def _credentials(resources: cloud.Resources) -> Iterator[str]:
    """The flags by which gcloud makes a connection: they name secrets, and hold none."""
    assert resources.trigger  # noqa: S101 - the template asks only where there is one
    if resources.trigger.host == "gitlab":
        yield "--host-uri=https://gitlab.com"
    for name, version in resources.trigger.secrets:
        full = "/" in version and not version.startswith("projects/")
        yield f"{_FLAGS[name]}={f'projects/{resources.project}/secrets/{version}' if full else version}"


def _triggered(resources: cloud.Resources) -> str:
    """What gcloud says of the trigger when it is as provision/trigger.yaml has it."""
    trigger = resources.trigger
    assert trigger and resources.builder  # noqa: S101 - the template asks only where there is one
    account = f"projects/{resources.project}/serviceAccounts/{resources.builder.email}"
    of = _watched(resources) if trigger.connection else trigger.repository
    tags = f"automlops,{resources.pipeline}"
    return "|".join(
        (tags, f"{trigger.path}cloudbuild.yaml", account, trigger.folder, "true")
        + (trigger.path and f"{trigger.path}**", of, _branch(trigger))
    )


def _watched(resources: cloud.Resources) -> str:
    """The full name of the repository in its connection."""
    trigger = resources.trigger
    assert trigger  # noqa: S101 - the template asks only where there is one
    place = f"projects/{resources.project}/locations/{trigger.location}"
    return f"{place}/connections/{trigger.connection}/repositories/{trigger.link}"


def _branch(trigger: cloud.Trigger) -> str:
    """The branch and no other, as Cloud Build's regular expressions have it."""
    return f"^{re.sub('[.]', '[.]', trigger.branch)}$"


def _given(output: Param | Artifact) -> str:
    kind = PYTHON_TYPES[output.kind] if isinstance(output, Param) else output.title.rpartition(".")[2]
    article = "an" if kind[0] in "AEIOaeio" else "a"
    return f"{article} {kind}" if output.name == "Output" else f"{output.name} ({kind})"


def _listed(components: tuple[Component, ...], before: str) -> str:
    """A sentence that lists the components by name."""
    *names, last = [component.name for component in components]
    return f"{before}{', '.join(names)} and {last}." if names else f"{before}{last}."


def _about(component: Component, image: Image) -> str:
    """The first line of a component.yaml."""
    source_file = f"{'' if image.folder == component.name else f'../{image.folder}/'}src/{component.name}.py"
    return f"The input and output of {component.name}, and the container that runs it. The code: {source_file}"


def _introduced(pipeline: Pipeline, settings: Settings) -> str:
    """The docstring of pipeline.py."""
    command = f"python pipelines/pipeline.py --output {settings.pipeline_job_spec_path}"
    described = f"\n\n{pipeline.description}" if pipeline.description.strip() else ""
    does = "Check it and write it out" if pipeline.given else "Compile it"
    return (
        f"The pipeline {pipeline.name}{', as it was compiled' * bool(pipeline.given)}.{described}\n\n{does}:  {command}"
    )


def _install(pipeline: Pipeline, images: tuple[Image, ...]) -> str:
    """The command that brings what tests and scripts need; images that ask for different things may not agree."""
    folders = {image.requirements: image.folder for image in reversed(images) if image.requirements}
    files = ["pipelines/requirements.txt"]
    if not _differ(images):
        files += [f"components/{name}/requirements.txt" for name in folders.values()]
    return f"pip install {' '.join(f'-r {file}' for file in files)} pytest"


def _differ(images: tuple[Image, ...]) -> bool:
    """Whether the images ask for different packages, which may not agree in one environment."""
    return len({image.requirements for image in images if image.requirements}) > 1


def _called(step: Step) -> str:
    """What a step is called to its readers: as its component, unless that has more than one step."""
    return step.component if slug(step.component) == step.name else step.name


# ------------------------------------------------------------------------------- filters

# Text that YAML takes for text without quotes, inside {} and [] too: words, paths, flags, addresses, versions.
PLAIN = re.compile(r"-{0,2}[A-Za-z_/](?:[\w./+@()'-]|[ :](?=[\w./+@()'-]))*|\d+(?:\.\d+){2,}", re.ASCII)
YAML_WORDS = frozenset(("y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf"))
# What YAML takes for a line end, refuses, or does not show; JSON would leave it as it is.
YAML_UNSHOWN = "[\x7f-\xa0\xad\u2028\u2029\u200b-\u200f\u202a-\u202e\ud800-\udfff\ufeff\ufffe\uffff]"


def _yaml(value: object, indent: int | None = None, column: int = 0) -> str:
    """YAML that 1.1 and 1.2 read alike. With `indent`, what follows `key:`, on lines of its own if one is too short.

    An emitter of our own: importing PyYAML would cost more than all the rendering.
    """
    flow = _flow(value)
    if indent is None:
        return flow
    if len(flow) + column < WIDTH or not value:
        return f" {flow}"
    margin = " " * indent
    match value:
        case dict():
            keys = [(f"{_flow(key)}:", item) for key, item in value.items()]
            return "".join(f"\n{margin}{key}{_yaml(item, indent + 2, indent + len(key))}" for key, item in keys)
        case list() | tuple():
            return "".join(f"\n{margin}-{_yaml(item, indent + 2, indent + 1)}" for item in value)
        case str() if len(value) > 1:
            return f' "{_folded(flow if flow[0] == chr(34) else json.dumps(value), indent, column)}"'
    return f" {flow}"


def _flow(value: object) -> str:
    match value:
        case str():
            return _scalar(value)
        case None | bool():
            return json.dumps(value)
        case int():
            return str(int(value))
        case float():
            return _float(value)
        case list() | tuple():
            return f"[{', '.join(map(_flow, value))}]"
        case dict():
            return "{" + ", ".join(f"{_flow(key)}: {_flow(item)}" for key, item in value.items()) + "}"
    raise TypeError(f"{type(value).__name__} has no place in YAML")


def _float(value: float) -> str:
    """A float that YAML 1.1 also takes for one: `1e-09` is text there, `1.0e-09` a number."""
    text = json.dumps(value, allow_nan=False)
    return text if "." in text else re.sub("(?=e)", ".0", text)


@lru_cache(4096)
def _scalar(text: str) -> str:
    if PLAIN.fullmatch(text) and text.lower() not in YAML_WORDS:
        return text
    quoted = json.dumps(text, ensure_ascii=False)
    return quoted if quoted.isprintable() else re.sub(YAML_UNSHOWN, lambda found: f"\\u{ord(found[0]):04x}", quoted)


def _folded(quoted: str, indent: int, column: int) -> str:
    """The inside of a quoted scalar over several lines; a line end after a backslash is not part of the text."""
    units = re.findall(r"\\u....|\\.|[^\\]", quoted[1:-1])
    lines = [""]
    room = WIDTH - column - 4
    for unit in units:
        if len(lines[-1]) + len(unit) > room:
            head, space, tail = lines[-1].rpartition(" ")
            head, tail = (
                (head, f"\\ {tail}") if space and len(head) > room // 2 and not head.endswith("\\") else (lines[-1], "")
            )
            lines[-1:] = [head, tail]
            room = WIDTH - indent - 2
        lines[-1] += "\\ " if unit == " " and not lines[-1] and len(lines) > 1 else unit
    return f"\\\n{' ' * indent}".join(lines)


def _sh(value: object) -> str:
    """A shell word that stands for this text, whatever is in it."""
    text = str(value)
    if "\0" in text:
        raise ValueError("a shell word cannot hold a NUL character")
    return shlex.quote(text)


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False)


def _comment(text: str, indent: int = 0) -> str:
    """Text as comment lines: whatever ends a line in some language, or cannot be shown, is a space here."""
    plain = _line(text)
    width = WIDTH - indent - 2
    lines = [plain] if len(plain) <= width else textwrap.wrap(plain, width, break_on_hyphens=False)
    return f"\n{' ' * indent}".join(f"# {line}" for line in lines)


def _line(text: str) -> str:
    if text.isprintable() and text.isascii() and "  " not in text:
        return text.strip()
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())


# What Markdown would read as its own: some anywhere, `_` where it could begin or end emphasis, some only at the start,
# and `#` also where it would close a heading.
MARKDOWN = re.compile(
    r"[\\`*\[\]<>|$~]|(?<= )#(?=#*$)|&(?=[#\w]+;)|(?<![^\W_])_|_(?![^\W_])"
    r"|^(?:[-+](?=\s|$)|[#=>]|-(?=-)|\d+(?=[.)](?:\s|$)))"
)


def _md(text: str) -> str:
    """Text on one line of Markdown, also in a table's cell, that shows as the text it is."""
    return MARKDOWN.sub(_marked, _line(text))


def _marked(found: re.Match[str]) -> str:
    if found[0].isdigit():
        return f"{found[0]}\\"
    return {"<": "&lt;", ">": "&gt;", "&": "&amp;"}.get(found[0], f"\\{found[0]}")


def _word(text: str) -> str:
    """A name that needs no quoting anywhere: an image, a path."""
    if not re.fullmatch(r"[\w.:/@+-]+", text, re.ASCII):
        raise ValueError(f"not a plain name: {text!r}")
    return text


def _code(text: str) -> str:
    """Code of the user's, as it stands."""
    return text.strip("\n")


def _defines(code: str) -> bool:
    """Whether code begins with a definition, which stands two lines apart."""
    return code.startswith(("@", "def ", "async def ", "class "))


def _one_line(text: str) -> str:
    """Text that is a line of its own: a requirement, a command."""
    if text.splitlines() not in ([text], []):
        raise ValueError(f"more than one line: {text!r}")
    return text


def _link(path: str) -> str:
    """A link of Markdown to a file of the tree."""
    return f"[{_md(path.rpartition('/')[2])}]({_word(path)})"


def _row(cells: tuple[str, ...]) -> str:
    """A row of a table of Markdown, from cells that are Markdown already."""
    return f"| {' | '.join(cells)} |".replace("  ", " ")


def _name(text: str) -> str:
    """An identifier of Python."""
    if not text.isidentifier():
        raise ValueError(f"not an identifier: {text!r}")
    return text


FILTERS: dict[str, Callable[..., object]] = {
    "about": _about,
    "account": _account,
    "apis": _apis,
    "authority": _authority,
    "boxes": _boxes,
    "branch": _branch,
    "build_region": _build_region,
    "code": _code,
    "comment": _comment,
    "contained": _contained,
    "container": _container,
    "containers": _containers,
    "count": picture.count,
    "credentials": _credentials,
    "defines": _defines,
    "definitions": _definitions,
    "deprovisioned": _deprovisioned,
    "described": _described,
    "differ": _differ,
    "disputes": _disputes,
    "doc": source.docstring,
    "elsewhere": _elsewhere,
    "google": _google,
    "imports": _import_block,
    "install": _install,
    "introduced": _introduced,
    "jobs": _jobs,
    "json": _json,
    "label": mermaid.label,
    "line": _one_line,
    "link": _link,
    "loaded": _loaded,
    "listed": _listed,
    "lists": _lists,
    "due": _due,
    "made": _made,
    "made_again": _made_again,
    "md": _md,
    "members": _members,
    "mermaid": mermaid.lines,
    "name": _name,
    "names": _names,
    "outputs": _outputs,
    "parameters": _parameters,
    "place": _place,
    "provisioned": _provisioned,
    "py": source.literal,
    "roles": _roles,
    "row": _row,
    "sh": _sh,
    "steps": _steps,
    "svg": picture.file,
    "table": table,
    "tests": _tests,
    "titles": _titles,
    "triggered": _triggered,
    "unseen": _unseen,
    "values": _values,
    "watched": _watched,
    "whole": _whole,
    "word": _word,
    "yaml": _yaml,
}


@cache
def _template(name: str) -> jinja2.Template:
    return _environment().get_template(name)


@cache
def _environment() -> jinja2.Environment:
    """Jinja as the templates expect it, made once; imported here, so that importing AutoMLOps does not pay for it."""
    import jinja2

    def defined(filter_: Callable[..., object]) -> Callable[..., object]:
        def checked(value: object, *arguments: object) -> object:
            if isinstance(value, jinja2.Undefined):
                raise jinja2.UndefinedError(f"a filter was given nothing: {value._undefined_message}")
            return filter_(value, *arguments)

        return checked

    here = os.path.dirname(os.path.realpath(__file__))
    inside = os.path.join(here, "templates")
    folder = inside if os.path.isdir(inside) else os.path.join(os.path.dirname(here), "templates")
    # No autoescape: it is for HTML, and what is written here is Python, shell, YAML and Markdown, each by its filter.
    environment = jinja2.Environment(  # noqa: S701
        loader=jinja2.FileSystemLoader(folder),
        bytecode_cache=_bytecode_cache(),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        optimized=False,
        auto_reload=False,
        cache_size=-1,
    )
    environment.filters = {name: defined(filter_) for name, filter_ in FILTERS.items()}
    return environment


def _bytecode_cache() -> jinja2.BytecodeCache | None:
    """Compiled templates, kept beside this module's own bytecode where Python may keep that: 30 ms become 4.

    Jinja checks each against the text of its template; what cannot be read counts as absent.
    """
    import jinja2

    if not __spec__.cached:
        return None
    folder = os.path.dirname(__spec__.cached)
    writes = not sys.dont_write_bytecode and os.access(folder, os.W_OK)

    class Kept(jinja2.FileSystemBytecodeCache):
        def load_bytecode(self, bucket: jinja2.bccache.Bucket) -> None:
            try:
                super().load_bytecode(bucket)
            except Exception:  # cut short by a crash, or not ours: pickle and marshal raise what they like
                bucket.reset()

        def dump_bytecode(self, bucket: jinja2.bccache.Bucket) -> None:
            if writes:
                super().dump_bytecode(bucket)

    return Kept(folder, f"render.%s.jinja2-{jinja2.__version__}.{sys.implementation.cache_tag}.cache")
