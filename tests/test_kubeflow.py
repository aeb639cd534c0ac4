"""A pipeline in Kubeflow's own syntax comes out as the spec that kfp compiles of it, and runs here."""

import json
import re
import subprocess
import sys
from typing import NamedTuple

import pytest
from as_kfp import compiled, plain
from tools import CHECKOUT

from AutoMLOps import AutoMLOps, BadInput, cloud, graph, read, spec
from AutoMLOps.settings import Settings


class Case(NamedTuple):
    """A script, the function that is its pipeline, values for it, and files that lie beside it."""

    text: str
    function: str = "pipe"
    values: dict | None = None
    files: dict | None = None


STEPS = """
from typing import List, NamedTuple, Optional

import kfp
from kfp import dsl
from kfp.dsl import Artifact, Dataset, Input, Metrics, Model, Output, component

IMAGE = "python:3.11"


@component(base_image=IMAGE, packages_to_install=["pyyaml"])
def make(data: Output[Dataset], rows: int = 3) -> int:
    '''Makes rows.

    Args:
        rows: How many.
        data: The rows.

    Returns:
        Output: How many there are.
    '''
    import yaml

    print(yaml.__name__)
    with open(data.path, "w") as file:
        file.write("x" * rows)
    return rows


@dsl.component(base_image=IMAGE)
def score(data: Input[Dataset], metrics: Output[Metrics], rows: int, scale: float = 1.5) -> NamedTuple(
    "Outputs", [("score", float), ("good", str)]
):
    metrics.log_metric("score", rows * scale)
    return (rows * scale, "yes")


@kfp.dsl.component
def tell(text: str, extra: Optional[List[int]] = None):
    print(text, extra)


"""
CASES = {
    "decorated": Case(
        STEPS
        + """
@dsl.pipeline(name="wine-quality", description="Says how good it is.")
def pipe(rows: int = 4, text: str = "so"):
    made = make(rows=rows)
    scored = score(data=made.outputs["data"], rows=made.outputs["Output"])
    scored.set_display_name("How good").set_caching_options(False).set_retry(num_retries=2)
    with dsl.If(scored.outputs["score"] > 2.0, name="good"):
        tell(text=text).set_cpu_limit("1").set_memory_limit("2G")
    with dsl.ParallelFor(["a", "b"], parallelism=1) as item:
        tell(text=item, extra=[1, 2]).after(made)
"""
    ),
    "named in words, without a name, with a root": Case(
        STEPS
        + """
ROOT = "gs://some-bucket"


@dsl.pipeline(name="Wine & more", display_name="Wine, and more", pipeline_root=f"{ROOT}/runs")
def pipe():
    '''Tells.'''
    tell(text="a")
"""
    ),
    "bare": Case(
        STEPS
        + """
@dsl.pipeline
def its_own_name(text: Optional[str] = None):
    tell(text="a")
    tell(text="b", extra=[1]).set_caching_options(False)
""",
        "its_own_name",
    ),
}


V1 = """name: Shout It
description: Says it louder.
inputs:
- {name: Input 1, type: String, default: 'x', optional: true}
- {name: Rows, type: Integer}
- {name: data, type: Dataset}
- {name: other, type: SomeType, optional: true}
outputs:
- {name: Out Model, type: Model}
- {name: said, type: String}
implementation:
  container:
    image: alpine:3
    command: [sh, -c, 'echo "$0" > "$1"']
    args: [{inputValue: Input 1}, {outputPath: said}, {inputPath: data}, {outputPath: Out Model}, {inputValue: Rows}]
"""
V2 = """# PIPELINE DEFINITION
# Name: double-it
# Description: Doubles.
#              It does.
# Inputs:
#    n: int
components:
  comp-double-it:
    executorLabel: exec-double-it
    inputDefinitions:
      parameters:
        n: {parameterType: NUMBER_INTEGER}
        by: {parameterType: NUMBER_DOUBLE, defaultValue: 2.0, isOptional: true}
    outputDefinitions:
      artifacts:
        data:
          artifactType: {schemaTitle: system.Dataset, schemaVersion: 0.0.1}
      parameters:
        Output: {parameterType: NUMBER_INTEGER}
deploymentSpec:
  executors:
    exec-double-it:
      container:
        image: alpine:3
        command: [echo, '{{$.inputs.parameters["n"]}}']
pipelineInfo:
  name: double-it
root:
  dag:
    tasks:
      double-it:
        cachingOptions: {enableCache: true}
        componentRef: {name: comp-double-it}
        taskInfo: {name: double-it}
schemaVersion: 2.1.0
sdkVersion: kfp-2.9.0
"""
CASES |= {
    "nested": Case(
        STEPS
        + """
LIMIT = 2
Given = NamedTuple("Given", [("good", str), ("model", Dataset)])


@dsl.pipeline(name="the inner one", description="Inside.")
def inner(rows: int, data: Input[Dataset], text: str = "in") -> Given:
    scored = score(data=data, rows=rows)
    with dsl.If(scored.outputs["score"] > LIMIT):
        tell(text=text)
    again = make(rows=rows)
    return Given(scored.outputs["good"], again.outputs["data"])


@dsl.pipeline
def middle(rows: int = 3):
    made = make(rows=rows)
    inside = inner(rows=rows, data=made.outputs["data"])
    tell(text=inside.outputs["good"])


@dsl.pipeline(name="outer")
def pipe(rows: int = 4, text: str = "so"):
    made = make(rows=rows)
    first = inner(rows=made.outputs["Output"], data=made.outputs["data"])
    second = inner(rows=7, data=first.outputs["model"], text=text).after(made)
    middle().after(second)
"""
    ),
    "nested, an output given back": Case(
        STEPS
        + """
@dsl.pipeline(name="the-inner", description="Inside.")
def inner(rows: Optional[int] = None) -> int:
    return make(rows=3).outputs["Output"]


@dsl.pipeline(name="outer")
def pipe(rows: int = 4):
    inside = inner(rows=rows)
    make(rows=inside.output)
"""
    ),
    "containers": Case(
        STEPS
        + """
TOOL = "alpine:3"


@dsl.container_component
def box(text: str, model: Output[Model], data: Input[Dataset], said: dsl.OutputPath(str), times: int = 3):
    '''Boxes it.

    Args:
        text: What.
    '''
    return dsl.ContainerSpec(
        image=TOOL,
        command=["sh", "-c", dsl.ConcatPlaceholder(["echo ", text])],
        args=[dsl.IfPresentPlaceholder(input_name="times", then=["--times", times]), model.path, data.uri, said],
    )


@dsl.pipeline(name="boxes")
def pipe(rows: int = 4):
    made = make(rows=rows)
    boxed = box(text="hi", data=made.outputs["data"])
    tell(text=boxed.outputs["said"])
    box(text=boxed.outputs["said"], data=made.outputs["data"], times=2).set_cpu_limit("2").set_env_variable("A", "b")
"""
    ),
    "loaded": Case(
        STEPS
        + f"""
import os
from kfp import components
from kfp.components import load_component_from_text as from_text

HERE = "."
shout = components.load_component_from_file(os.path.join(HERE, "shout.yaml"))
double = from_text('''{V2}''')


@dsl.pipeline(name="loaded")
def pipe(rows: int = 4):
    made = make(rows=rows)
    doubled = double(n=rows)
    shouted = shout(rows=doubled.outputs["Output"], data=made.outputs["data"])
    shout(rows=2, data=doubled.outputs["data"], input_1=shouted.outputs["said"]).after(made)
""",
        files={"shout.yaml": V1},
    ),
    "importers": Case(
        STEPS
        + """
from kfp.dsl import importer


class Table(Artifact):
    schema_title = "system.Table"
    schema_version = "1.2.3"


@dsl.container_component
def look(table: Input[Table], made: Output[Table]):
    return dsl.ContainerSpec(image="alpine:3", args=[table.uri, made.path])


@dsl.pipeline(name="importers")
def pipe(uri: str = "gs://a/b", rows: int = 3):
    one = dsl.importer(artifact_uri="gs://c/d", artifact_class=Dataset, reimport=True, metadata={"rows": rows})
    two = importer(uri, Dataset)
    score(data=one.output, rows=rows)
    score(data=two.output, rows=rows).after(one)
    table = importer(artifact_uri="gs://e", artifact_class=Table)
    looked = look(table=table.output)
    look(table=looked.outputs["made"])
"""
    ),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder for each case: the script, what lies beside it, and the codebase generated of it."""
    home = tmp_path_factory.mktemp("kubeflow")
    for number, case in enumerate(CASES.values()):
        place = home / str(number)
        place.mkdir()
        (place / "work.py").write_text(case.text)
        for name, text in (case.files or {}).items():
            (place / name).write_text(text)
    return lambda name: home / str(list(CASES).index(name))


@pytest.fixture(scope="module")
def generated(folder):
    """What generate() gave of each case, its codebase beside the script."""

    def made(name: str, case: Case):
        written = str(folder(name) / "codebase")
        return AutoMLOps.generate(
            notebook=folder(name) / "work.py", output_dir=written, pipeline_params=case.values or {}
        )

    return {name: made(name, case) for name, case in CASES.items()}


@pytest.fixture(scope="module")
def specs(folder, generated):
    """Of each case what kfp compiles of the script, and what it compiles of the codebase."""
    asked = []
    for name, case in CASES.items():
        asked += [
            (folder(name) / "work.py", case.function),
            (folder(name) / "codebase/pipelines/pipeline.py", case.function),
        ]
    found = compiled(asked)
    return dict(zip(CASES, zip(found[::2], found[1::2], strict=True), strict=True))


@pytest.mark.parametrize("name", CASES)
def test_the_spec_is_kfps_own(specs, name):
    original, ours = specs[name]
    assert plain(ours) == plain(original)


@pytest.mark.parametrize("name", CASES)
def test_what_was_read_is_drawn_as_what_kfp_compiles(specs, generated, name):
    assert graph.of_pipeline(generated[name].pipeline) == graph.of_spec(spec.read(specs[name][0]))


def reading(text: str, values=None, **how):
    return read.pipeline(read.notebook("work.py", STEPS + text), values or {}, **how)


PIPE = "@dsl.pipeline\ndef pipe():\n    step()\n"


def step(decorator: str, body: str = "pass", signature: str = "") -> str:
    return f"@dsl.component({decorator})\ndef step({signature}):\n    {body}\n"


def made(text: str):
    """The component `step` of a script, and what is warned of."""
    found = reading(text + PIPE)
    assert found.problems == ()
    (component,) = found.pipeline.components
    return component, [str(each) for each in found.warnings]


def test_the_base_image_and_the_packages_are_read_as_constants():
    component, warnings = made(step("base_image=f'{IMAGE}-slim'"))
    assert (component.base, warnings) == ("python:3.11-slim", [])
    component, _ = made("PACKAGES = ['pyyaml==6.0.2']\n" + step("packages_to_install=PACKAGES"))
    assert (component.base, component.requirements) == ("", ("pyyaml==6.0.2",))


def test_a_base_image_that_is_no_constant_is_an_error_with_its_line():
    found = reading("import os\n" + step("base_image=os.environ['IMAGE']") + PIPE)
    assert "base_image is not constant" in str(found.problems[0])
    assert "work.py, line" in str(found.problems[0])


def test_a_base_image_may_bring_what_is_not_installed_here():
    body = "import nowhere_to_be_found\n    nowhere_to_be_found.x()"
    assert "nowhere_to_be_found" in str(reading(step("base_image='python:3.11'", body) + PIPE).problems[0])
    _, warnings = made(step("base_image='gcr.io/deeplearning-platform-release/tf2-cpu.2-6:latest'", body))
    assert "nowhere_to_be_found" in warnings[0]


@pytest.mark.parametrize(
    "decorator",
    [
        "output_component_file=f'{AutoMLOps.OUTPUT_DIR}/step.yaml'",
        "install_kfp_package=False",
        "use_venv=True",
        "pip_index_urls=None",
    ],
)
def test_what_has_its_effect_already_is_taken_without_a_word(decorator):
    assert made(step(decorator))[1] == []


@pytest.mark.parametrize(
    ("decorator", "says"),
    [
        ("kfp_package_path='kfp==2.9.0'", "kfp_package_path has no effect here"),
        ("pip_index_urls=['https://example.org/simple']", "`--index-url` line"),
        ("pip_trusted_hosts=['example.org']", "`--trusted-host` line"),
        ("target_image='example.org/mine'", "target_image has no effect here"),
    ],
)
def test_what_is_done_otherwise_is_told(decorator, says):
    (warning,) = made(step(decorator))[1]
    assert says in warning


@pytest.mark.parametrize(
    ("decorator", "says"),
    [
        ("embedded_artifact_path='data'", "embedded_artifact_path cannot be followed"),
        ("task_config_passthroughs=[]", "for Kubernetes alone"),
        ("packages=['pandas']", "`packages` is no setting of dsl.component"),
        ("**{'base_image': 'x'}", "`**` is no setting of dsl.component"),
        ("packages_to_install='pandas'", "not a list of str"),
        ("base_image=3", "base_image is not a str"),
    ],
)
def test_what_cannot_be_followed_is_an_error(decorator, says):
    (problem,) = reading(step(decorator) + PIPE).problems
    assert says in str(problem)


def test_names_that_kfp_gives_every_component_need_no_import():
    component, _ = made(step("", "print(HTML, Callable, dsl, kfp.__name__, get_uri)"))
    assert "from typing import Callable" in component.source
    assert "from kfp.dsl import HTML, get_uri" in component.source
    assert "import kfp\n" in component.source


def test_our_own_decorator_gives_no_names():
    ours = "from AutoMLOps import AutoMLOps\n@AutoMLOps.component\ndef step():\n    print(HTML)\n"
    assert "`HTML`, which no cell binds" in str(reading(ours + PIPE).problems[0])


def test_additional_functions_travel_though_nothing_calls_them_by_name():
    text = "def one():\n    return 1\n\n\n" + step("additional_funcs=[one]", "print(globals()['one']())")
    assert "def one():" in made(text)[0].source


def test_what_a_component_uses_of_other_cells_travels():
    assert "LIMIT = 3" in made("LIMIT = 3\n" + step("", "print(LIMIT)"))[0].source


def test_both_syntaxes_mix():
    text = """
from AutoMLOps import AutoMLOps

@AutoMLOps.component
def ours() -> str:
    return "x"

@AutoMLOps.pipeline
def pipe():
    tell(text=ours().output)
"""
    assert {each.name for each in reading(text).pipeline.components} == {"ours", "tell"}


@pytest.mark.parametrize(
    ("decorator", "says"),
    [
        ("name=str(1)", "name is not constant"),
        ("title='x'", "`title` is no setting of dsl.pipeline"),
    ],
)
def test_what_a_pipeline_decorator_cannot_be_given_is_an_error(decorator, says):
    text = step("") + f"@dsl.pipeline({decorator})\ndef pipe():\n    step()\n"
    assert says in str(reading(text).problems[0])


def test_a_root_of_its_own_stays_in_the_spec_and_is_told():
    found = reading(step("") + "@dsl.pipeline(pipeline_root='gs://b/r')\ndef pipe():\n    step()\n")
    assert 'pipeline_root="gs://b/r"' in found.pipeline.body
    assert "runs go below the bucket of the settings, not below gs://b/r" in str(found.warnings[0])


def only_others(text: str, tmp_path, files=None):
    """A codebase in which no step is ours, and what kfp compiles of it and of the original."""
    (tmp_path / "work.py").write_text(text)
    for name, content in (files or {}).items():
        (tmp_path / name).write_text(content)
    written = tmp_path / "codebase"
    AutoMLOps.generate(notebook=tmp_path / "work.py", output_dir=str(written), project_id="a-project")
    return written, compiled([(tmp_path / "work.py", "pipe"), (written / "pipelines/pipeline.py", "pipe")])


@pytest.mark.parametrize(
    "text",
    [
        """
from kfp import dsl

@dsl.container_component
def box(text: str):
    return dsl.ContainerSpec(image="alpine:3", args=[text])

@dsl.pipeline
def pipe(text: str = "x"):
    box(text=text)
""",
        """
from kfp import components, dsl
box = components.load_component_from_file("box.yaml")

@dsl.pipeline
def pipe(rows: int = 2):
    box(n=rows)
""",
    ],
    ids=["a container", "a loaded one"],
)
def test_a_pipeline_of_others_alone_needs_no_image(text, tmp_path):
    written, (original, ours) = only_others(text, tmp_path, {"box.yaml": V2})
    assert plain(ours) == plain(original)
    assert not (written / "components/component_base").exists()
    assert "box" in (written / "README.md").read_text()


# ------------------------------------------------------------------------------- components that are loaded

LOADS = "from kfp import components, dsl\n"
LOADED = "\n@dsl.pipeline\ndef pipe():\n    step(n=1)\n"


@pytest.mark.parametrize(
    ("load", "says"),
    [
        ("components.load_component_from_file(input())", "what it is loaded from is not constant"),
        ("components.load_component_from_file(3)", "file_path is 3, not a str"),
        ("components.load_component_from_url('https://x.org/a', auth=('me', 'word'))", "auth is not taken"),
        ("components.load_component_from_text('{')", "it is no YAML"),
        ("components.load_component_from_text('text')", "no description of a component"),
        ("components.load_component_from_text('name: x')", "it lacks what a compiled component has"),
        ("components.load_component_from_text('implementation: {}')", "it lacks what a component has"),
        ("components.load_component_from_file('nowhere.yaml')", "it was not looked for"),
    ],
)
def test_what_cannot_be_loaded_is_an_error_with_its_line(load, says):
    found = read.pipeline(read.notebook("work.py", f"{LOADS}step = {load}\n{LOADED}"))
    assert says in str(found.problems[0])
    assert found.problems[0].line == 2


def test_calls_of_what_is_loaded_are_checked():
    text = f"{LOADS}step = components.load_component_from_text('''{V2}''')\n"
    wrong = text + "@dsl.pipeline\ndef pipe():\n    step(m=1)\n"
    said = [str(problem) for problem in read.pipeline(read.notebook("work.py", wrong)).problems]
    assert any("`step` has no input `m`" in each for each in said)
    assert any("`step` is called without `n`" in each for each in said)


def test_what_no_pipeline_uses_is_not_wanted():
    text = f"{LOADS}a = components.load_component_from_file('a.yaml')\nstep = components.load_component_from_file('b.yaml')\n"
    wanted = read.wanted(read.notebook("work.py", text + LOADED))
    assert [(each.name, each.how, each.where) for each in wanted] == [("step", "file", "b.yaml")]


def test_a_file_that_is_not_there_is_told_with_its_path(tmp_path):
    (tmp_path / "work.py").write_text(f"{LOADS}step = components.load_component_from_file('gone.yaml')\n{LOADED}")
    with pytest.raises(BadInput, match="gone.yaml"):
        AutoMLOps.generate(notebook=tmp_path / "work.py", output_dir=str(tmp_path / "codebase"))
    assert not (tmp_path / "codebase").exists()


def test_a_component_at_a_url_is_fetched_once_and_kept(served, tmp_path):
    address, asked = served({"/step.yaml": (200, V2)})
    (tmp_path / "work.py").write_text(
        f"{LOADS}step = components.load_component_from_url('{address}/step.yaml')\n{LOADED}"
    )

    def generate():
        return AutoMLOps.generate(
            notebook=tmp_path / "work.py", output_dir=str(tmp_path / "codebase"), license_header="Ours"
        )

    generate()
    written = (tmp_path / "codebase/components/step/component.yaml").read_text()
    assert written == f"# Ours\n\n# From {address}/step.yaml\n{V2}"
    assert {change.fate for change in generate().changes} == {"same"}
    assert asked == ["/step.yaml"]
    (tmp_path / "codebase/components/step/component.yaml").unlink()
    generate()
    assert (tmp_path / "codebase/components/step/component.yaml").read_text() == written
    assert asked == ["/step.yaml", "/step.yaml"]


def test_a_load_within_a_pipeline_function_is_told_where_to_stand():
    text = f"{LOADS}\n@dsl.pipeline\ndef pipe():\n    step = components.load_component_from_file('a.yaml')\n    step(n=1)\n"
    (problem,) = read.pipeline(read.notebook("work.py", text)).problems
    assert "load it in a cell of its own" in str(problem)


# ------------------------------------------------------------------------------- steps in the wrong place


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("@dsl.pipeline\ndef inner():\n    tell(text='a')\n\n@dsl.component\ndef step():\n    inner()\n", "is a step"),
        (
            "@dsl.container_component\ndef box():\n    return dsl.ContainerSpec(image='a')\n\n"
            "@dsl.component\ndef step():\n    box()\n",
            "is a step",
        ),
        ("@dsl.notebook_component(notebook_path='a.ipynb')\ndef step():\n    pass\n", "made of a notebook"),
        (
            "class Own(Artifact):\n    schema_title = 'my.Own'\n\n@dsl.component\ndef step(a: Output[Own]):\n    pass\n",
            "my.Own",
        ),
    ],
)
def test_a_step_that_is_used_wrongly_is_told(text, says):
    assert says in str(reading(text + PIPE).problems[0])


def test_a_component_that_is_made_by_a_call_is_told_how_to_write_it():
    text = "def plain():\n    pass\n\nstep = dsl.component(plain, base_image='python:3.11')\n"
    assert "write it above the function: @dsl.component(...)" in str(reading(text + PIPE).problems[0])


def test_several_pipelines_that_do_not_call_each_other_are_a_choice():
    text = step("") + "@dsl.pipeline\ndef one():\n    step()\n\n@dsl.pipeline\ndef two():\n    step()\n"
    assert "choose one with pipeline=" in str(reading(text).problems[0])
    assert reading(text, which="one").pipeline.name == "one"


def test_a_pipeline_that_another_calls_may_be_chosen_by_name():
    text = step("") + "@dsl.pipeline\ndef inner():\n    step()\n\n@dsl.pipeline\ndef outer():\n    inner()\n"
    assert reading(text).pipeline.name == "outer"
    chosen = reading(text, which="inner").pipeline
    assert (chosen.name, chosen.others) == ("inner", ())


def test_our_own_pipelines_nest_too():
    text = """
from AutoMLOps import AutoMLOps

@AutoMLOps.pipeline(name="The inner", description="In it.")
def inner(rows: int | None = None) -> int:
    made = make(rows=3)
    return made.outputs["Output"]

@AutoMLOps.pipeline
def pipe():
    make(rows=inner(rows=2).output)
"""
    pipeline = reading(text).pipeline
    assert '@dsl.pipeline(name="the-inner", display_name="The inner", description="In it.")' in pipeline.carried
    assert "def inner(rows: Optional[int] = None) -> int:" in pipeline.carried
    assert "AutoMLOps" not in pipeline.carried


# ------------------------------------------------------------------------------- Google's prebuilt components

GOOGLE = """
from google_cloud_pipeline_components.types import artifact_types
from google_cloud_pipeline_components.types.artifact_types import VertexModel
from google_cloud_pipeline_components.v1.bigquery import BigqueryQueryJobOp
from google_cloud_pipeline_components.v1 import custom_job
from kfp import dsl
from kfp.dsl import Input


@dsl.component(packages_to_install=["google-cloud-pipeline-components"])
def take(model: Input[VertexModel], table: Input[artifact_types.BQTable]):
    print(model.uri, table.uri)


@dsl.pipeline(name="google")
def pipe(project: str, query: str = "SELECT 1"):
    asked = BigqueryQueryJobOp(project=project, query=query, location="US")
    pools = [{"machine_spec": {"machine_type": "n1-standard-4"}}]
    custom_job.CustomTrainingJobOp(project=project, display_name="x", worker_pool_specs=pools).after(asked)
    model = dsl.importer(artifact_uri="https://a/models/m", artifact_class=artifact_types.VertexModel)
    take(model=model.output, table=asked.outputs["destination_table"])
"""


def test_googles_components_that_are_not_installed_are_told_with_the_extra():
    found = read.pipeline(read.notebook("work.py", GOOGLE), {"project": "p"})
    assert {str(each).partition(": ")[2] for each in found.problems} == {
        "google_cloud_pipeline_components is not installed here (pip install 'AutoMLOps[gcpc]')"
    }


GCPC = re.search(r'"gcpc": \["(.+?)"\]', (CHECKOUT / "setup.py").read_text())[1]


@pytest.mark.slow
@pytest.mark.thorough
def test_googles_components_travel_as_imports_with_the_roles_that_they_need(tmp_path, monkeypatch):
    packages = tmp_path / "packages"
    install = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", packages, GCPC]
    subprocess.run(install, check=True, timeout=300)
    monkeypatch.syspath_prepend(str(packages))
    (tmp_path / "work.py").write_text(GOOGLE)
    written = tmp_path / "codebase"
    done = AutoMLOps.generate("a-project", {"project": "p"}, notebook=tmp_path / "work.py", output_dir=str(written))
    scripts = [(tmp_path / "work.py", "pipe"), (written / "pipelines/pipeline.py", "pipe")]
    original, ours = compiled(scripts, [packages])
    assert plain(ours) == plain(original)
    assert any(line.startswith("google-cloud-pipeline-components==") for line in done.pipeline.tools)
    assert cloud.uses(Settings(project_id="a-project"), done.pipeline) == ("bigquery", "vertex-jobs")
    readme = (written / "README.md").read_text()
    assert "BigqueryQueryJobOp" in readme and "custom\\_job.CustomTrainingJobOp" in readme.replace(
        "custom_job", "custom\\_job"
    )


# ------------------------------------------------------------------------------- older manners


def test_an_import_of_kfp_v2_is_one_error_that_says_the_line_of_today():
    text = "from kfp.v2 import dsl\nfrom kfp.v2.dsl import component\n\n@component\ndef step():\n    pass\n\n"
    said = [str(each) for each in read.pipeline(read.notebook("work.py", text + PIPE)).problems]
    assert said == [
        "work.py, line 1: kfp.v2 is kfp itself by now, and a step that imports it fails (write `from kfp import dsl`)",
        "work.py, line 2: kfp.v2 is kfp itself by now, and a step that imports it fails (write `from kfp.dsl import component`)",
    ]


def test_a_script_may_hold_the_cell_magics_as_comments():
    text = f"# %%define_imports\n{STEPS}\n# %%define_component\n{step('')}\n# %%define_kfp_pipeline\n{PIPE}"
    assert read.pipeline(read.notebook("work.py", text)).pipeline.name == "pipe"


def test_what_configures_kubernetes_stays_in_the_code_and_is_told():
    text = step("") + "@dsl.pipeline(pipeline_config=dsl.PipelineConfig())\ndef pipe():\n    step()\n"
    found = reading(text)
    assert "pipeline_config=dsl.PipelineConfig()" in found.pipeline.body
    assert "Vertex AI knows no pipeline_config" in str(found.warnings[0])


def test_a_variable_that_hides_a_component_is_told_in_an_inner_pipeline_too():
    text = step("") + "@dsl.pipeline\ndef inner():\n    step = step()\n\n@dsl.pipeline\ndef pipe():\n    inner()\n"
    assert "the variable `step` hides the component of that name" in str(reading(text).problems)


THEIRS = """
components:
  comp-train:
    executorLabel: exec-train
    outputDefinitions:
      parameters:
        Output: {parameterType: STRING}
deploymentSpec:
  executors:
    exec-train:
      container:
        image: python:3.11
        args: [--executor_input, '{{$}}', --function_to_execute, train]
        command:
        - sh
        - -ec
        - python3 -m kfp.dsl.executor_main --component_module_path ephemeral_component.py "$@"
        - |
          from kfp import dsl

          def train() -> str:
              return "theirs"
pipelineInfo: {name: train}
root:
  dag:
    tasks:
      train:
        componentRef: {name: comp-train}
        taskInfo: {name: train}
schemaVersion: 2.1.0
"""


def test_a_loaded_function_runs_its_own_code_beside_one_of_ours_that_is_called_alike(tmp_path):
    (tmp_path / "theirs.yaml").write_text(THEIRS)
    (tmp_path / "work.py").write_text(
        f"""{LOADS}
theirs = components.load_component_from_file("theirs.yaml")

@dsl.component
def train() -> str:
    return "ours"

@dsl.pipeline
def pipe():
    train()
    theirs()
"""
    )
    run = AutoMLOps.rehearse({}, notebook=tmp_path / "work.py", output_dir=str(tmp_path / "codebase"))
    assert {json.loads(task.outputs)["Output"] for task in run.tasks} == {"ours", "theirs"}
    kept = {path.read_text() for path in (tmp_path / "codebase").glob(".automlops/runs/*/code/*.py")}
    assert {"ours" in text for text in kept} == {True, False}
