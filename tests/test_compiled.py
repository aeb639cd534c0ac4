"""A pipeline that was compiled elsewhere, packaged as it is."""

import json
import subprocess
import sys
from pathlib import Path

import golden
import pytest
import yaml

from AutoMLOps import AutoMLOps, BadInput, cloud, compiled, graph, read, spec
from AutoMLOps.cli import main
from AutoMLOps.settings import Settings

RAIN = golden.notebook("compiled").read_text(encoding="utf-8")
TFX_COMMAND = ["python", "-m", "tfx.orchestration.kubeflow.v2.container.kubeflow_v2_run_executor"]


def of(document, name="pipeline.json", values=None, which=None):
    """What is read from a document, or from a text."""
    text = document if isinstance(document, str) else json.dumps(document)
    return compiled.pipeline(read.notebook(name, text), values or {}, which)


def rain(**changes):
    """The spec of the golden case, with parts of it exchanged."""
    return {**yaml.safe_load(RAIN), **changes}


def tfx():
    """A pipeline as TFX compiles it: an older schema, types in schemas of their own, a resolver, an importer."""

    def artifact(title):
        return {"artifactType": {"instanceSchema": f"title: tfx.{title}\ntype: object\nproperties:\n"}}

    def text(value):
        return {"runtimeValue": {"constantValue": {"stringValue": value}}}

    def container(module):
        args = ["--executor_class_path", module, "--json_serialized_invocation_args", "{{$}}"]
        return {"container": {"image": "gcr.io/tfx-oss-public/tfx:1.14.0", "command": TFX_COMMAND, "args": args}}

    inner = {
        "pipelineInfo": {"name": "taxi"},
        "schemaVersion": "2.0.0",
        "sdkVersion": "tfx-0.30.0",
        "root": {
            "inputDefinitions": {"parameters": {"steps": {"type": "INT"}, "rate": {"type": "DOUBLE"}}},
            "dag": {
                "tasks": {
                    "ExampleGen": {
                        "componentRef": {"name": "ExampleGen"},
                        "taskInfo": {"name": "ExampleGen"},
                        "inputs": {"parameters": {"format": {"runtimeValue": {"constantValue": {"intValue": "6"}}}}},
                    },
                    "latest": {"componentRef": {"name": "latest"}, "taskInfo": {"name": "latest"}},
                    "words": {
                        "componentRef": {"name": "words"},
                        "taskInfo": {"name": "words"},
                        "inputs": {"parameters": {"uri": text("gs://bucket/words")}},
                    },
                    "Trainer": {
                        "componentRef": {"name": "Trainer"},
                        "taskInfo": {"name": "Trainer"},
                        "dependentTasks": ["ExampleGen", "latest"],
                        "inputs": {
                            "artifacts": {
                                "examples": {
                                    "taskOutputArtifact": {
                                        "outputArtifactKey": "examples",
                                        "producerTask": "ExampleGen",
                                    }
                                }
                            },
                            "parameters": {"steps": {"componentInputParameter": "steps"}},
                        },
                    },
                }
            },
        },
        "components": {
            "ExampleGen": {
                "executorLabel": "ExampleGen_executor",
                "inputDefinitions": {"parameters": {"format": {"type": "INT"}}},
                "outputDefinitions": {"artifacts": {"examples": artifact("Examples")}},
            },
            "latest": {
                "executorLabel": "latest_executor",
                "outputDefinitions": {"artifacts": {"model": artifact("Model")}},
            },
            "words": {
                "executorLabel": "words_executor",
                "inputDefinitions": {"parameters": {"uri": {"type": "STRING"}}},
                "outputDefinitions": {"artifacts": {"result": artifact("Schema")}},
            },
            "Trainer": {
                "executorLabel": "Trainer_executor",
                "inputDefinitions": {
                    "artifacts": {"examples": artifact("Examples")},
                    "parameters": {"steps": {"type": "INT"}},
                },
            },
        },
        "deploymentSpec": {
            "executors": {
                "ExampleGen_executor": container("tfx.extensions.google_cloud_big_query.example_gen.executor.Executor"),
                "latest_executor": {"resolver": {"outputArtifactQueries": {"model": {"filter": "state=LIVE"}}}},
                "words_executor": {
                    "importer": {
                        "artifactUri": {"constantValue": {"stringValue": "gs://bucket/words"}},
                        "typeSchema": {"instanceSchema": "title: tfx.Schema\ntype: object\n"},
                    }
                },
                "Trainer_executor": container("tfx.components.trainer.executor.GenericExecutor"),
            }
        },
    }
    config = {"gcsOutputDirectory": "gs://theirs/root", "parameters": {"steps": {"intValue": "7"}}}
    return {"displayName": "Taxi", "pipelineSpec": inner, "runtimeConfig": config}


# --- what is read


def test_a_compiled_pipeline_has_no_code_of_ours_and_the_parameters_of_its_root():
    found = of(RAIN, "pipeline.yaml", {"rows": 3}).pipeline
    assert found.components == () and found.given.text == RAIN
    assert [(each.name, each.kind, each.default, each.optional) for each in found.parameters] == [
        ("rows", "NUMBER_INTEGER", "4", True),
        ("say", "BOOLEAN", "false", True),
        ("scale", "NUMBER_DOUBLE", "0.5", True),
    ]
    assert found.values == (("rows", "3"),) and found.description == "Adds up the rain."
    assert not [line for line in found.tools if line.startswith("kfp")]


def test_json_and_yaml_are_the_same_pipeline():
    assert graph.of_pipeline(of(rain()).pipeline) == graph.of_pipeline(of(RAIN, "pipeline.yml").pipeline)


def test_its_graph_is_that_of_the_spec():
    found = graph.of_pipeline(of(RAIN, "pipeline.yaml").pipeline)
    assert found == graph.of_spec(spec.read(yaml.safe_load(RAIN)))


def test_a_job_brings_its_values_along_and_they_give_way_to_those_given():
    config = {"gcsOutputDirectory": "gs://theirs/root", "parameterValues": {"rows": 8.0, "scale": 3.0}}
    found = of({"displayName": "Rain", "pipelineSpec": rain(), "runtimeConfig": config}, values={"scale": 1.5})
    assert found.pipeline.values == (("rows", "8"), ("scale", "1.5"))
    assert "gs://theirs/root, gives way" in str(found.warnings[0])


def test_what_is_for_kubernetes_alone_is_left_out_and_told():
    found = of(f"{RAIN}\n---\nplatforms:\n  kubernetes:\n    deploymentSpec: {{}}\n", "pipeline.yaml")
    assert found.pipeline and "for kubernetes alone is left out" in str(found.warnings[0])


def test_what_steps_use_is_seen_where_their_commands_hold_the_code():
    text = RAIN.replace("import kfp\\n", "import kfp\\nfrom google.cloud import bigquery\\n", 1)
    document = yaml.safe_load(text)
    words = ["python3", "-m", "google_cloud_pipeline_components.container.v1.custom_job.launcher"]
    document["deploymentSpec"]["executors"]["exec-announce"]["container"]["command"] = words
    found = of(document)
    assert found.pipeline.given.uses == ("bigquery", "vertex-jobs") and found.pipeline.given.unseen == ()
    assert cloud.uses(Settings(), found.pipeline) == ("bigquery", "vertex-jobs")
    assert cloud.uses(Settings(steps_use=()), found.pipeline) == ()


def test_steps_whose_images_hold_the_code_are_named():
    found = of(RAIN, "pipeline.yaml")
    assert found.pipeline.given.unseen == ("announce",) and "steps_use" in str(found.warnings[-1])


def test_images_that_registries_of_this_or_another_project_keep_are_owed_to_the_account_of_the_steps():
    document = rain()
    for name, image in {
        "exec-gather": "us-docker.pkg.dev/my-project-123/tools/rain:1",
        "exec-total": "us-docker.pkg.dev/theirs-4567/sums/total@sha256:1",
        "exec-announce": "us-docker.pkg.dev/vertex-ai/training/tf-cpu.2-13.py310:latest",
    }.items():
        document["deploymentSpec"]["executors"][name]["container"]["image"] = image
    need = cloud.resources(Settings(project_id="my-project-123"), of(document).pipeline)
    assert [(each.name, each.role) for each in need.owed] == [
        ("tools of my-project-123", "roles/artifactregistry.reader"),
        ("sums of theirs-4567", "roles/artifactregistry.reader"),
    ]


# --- TFX


def test_a_pipeline_of_tfx_is_read_in_its_own_words():
    found = of(tfx(), values={"rate": 0.5})
    assert found.problems == ()
    assert [(each.name, each.kind) for each in found.pipeline.parameters] == [
        ("steps", "NUMBER_INTEGER"),
        ("rate", "NUMBER_DOUBLE"),
    ]
    assert found.pipeline.values == (("steps", "7"), ("rate", "0.5"))
    drawn = graph.of_pipeline(found.pipeline)
    assert {node.name for node in drawn.nodes} == {"ExampleGen", "latest", "words", "Trainer"}
    tasks = {task.name: task for _, task in spec.walk(spec.judged(json.loads(found.pipeline.given.spec)).compiled.root)}
    assert tasks["ExampleGen"].given[0].source == spec.Constant(text="6")
    assert tasks["ExampleGen"].definition.outputs[0].title == "tfx.Examples"
    assert tasks["words"].definition.body.uri == "gs://bucket/words"


def test_what_of_tfx_this_machine_cannot_run_is_told():
    said = " ".join(map(str, of(tfx(), values={"rate": 0.5}).warnings))
    assert "latest is a resolver" in said and "ExampleGen, Trainer use in Google Cloud cannot be seen" in said


def test_a_condition_in_another_tongue_is_no_fault_and_rehearse_says_so():
    document = tfx()
    task = document["pipelineSpec"]["root"]["dag"]["tasks"]["Trainer"]
    task["triggerPolicy"] = {"condition": "inputs.artifacts['examples'].artifacts[0].metadata['x'] == 1"}
    found = of(document, values={"rate": 0.5})
    assert found.problems == () and any("rehearse() cannot run it" in str(each) for each in found.warnings)
    with pytest.raises(BadInput, match="not a valid expression"):
        spec.read(document)


# --- what is wrong


def without(name):
    return {key: value for key, value in rain().items() if key != name}


def broken(**tasks):
    """The spec with some of its root's tasks exchanged."""
    root = rain()["root"]
    return rain(root={**root, "dag": {"tasks": {**root["dag"]["tasks"], **tasks}}})


def executed(**executors):
    return rain(deploymentSpec={"executors": {**rain()["deploymentSpec"]["executors"], **executors}})


RING = {
    "components": {
        **rain()["components"],
        "comp-condition-1": {"dag": {"tasks": {"again": {"componentRef": {"name": "comp-condition-1"}}}}},
    }
}


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ("[1, 2", "cannot be read"),
        ("{}", "is no compiled pipeline"),
        ("[]", "is no compiled pipeline"),
        ('"text"', "is no compiled pipeline"),
        ({"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "spec": {}}, "as kfp 1 compiled"),
        ({"name": "x", "implementation": {"container": {}}}, "is a component, not a pipeline"),
        (rain(schemaVersion="1.0.0"), "schemaVersion '1.0.0'"),
        (without("schemaVersion"), "schemaVersion None"),
        (without("pipelineInfo"), "no pipelineInfo with a name"),
        (without("deploymentSpec"), "no deploymentSpec with executors"),
        (rain(deploymentSpec=[]), "no deploymentSpec with executors"),
        (rain(root={}), "no root with tasks"),
        (broken(odd={}), "the task odd, which names no component"),
        (broken(odd={"componentRef": {"name": "comp-odd"}}), "the component comp-odd, which is not there"),
        (broken(odd={"componentRef": {"name": "comp-gather"}, "dependentTasks": ["nobody"]}), "waits for nobody"),
        (broken(odd={"componentRef": {"name": "comp-gather"}, "inputs": 3}), "not as kfp and TFX write it"),
        (rain(components={**rain()["components"], "comp-odd": {}}), "comp-odd, which nothing executes"),
        (executed(odd={"container": {"image": ""}}), "container has no image"),
        (executed(odd={"container": {"image": "x", "command": "ls"}}), "no list of text"),
        (executed(odd={}), "which says nothing"),
        (rain(**RING), "hold each other: comp-condition-1"),
        (rain(pipelineInfo={"name": "9 lives"}), "cleans to `9-lives`"),
    ],
)
def test_a_bad_spec_is_told_with_what_is_wrong(document, words):
    found = of(document)
    assert found.pipeline is None and words in " ".join(map(str, found.problems))


def test_every_fault_of_a_spec_is_told_at_once():
    found = of(broken(one={}, two={"componentRef": {"name": "comp-two"}}))
    assert len(found.problems) == 2


@pytest.mark.parametrize(
    "text", ["a: [", "when: 2024-01-01", "a: 1\n---\nb: 2\n", "{1: 2}\n--- !!python/object:os.x {}"]
)
def test_yaml_that_holds_no_pipeline_is_told(text):
    assert of(text, "pipeline.yaml").problems


def test_values_are_held_against_its_parameters():
    said = " ".join(map(str, of(RAIN, "pipeline.yaml", {"rows": "x", "row": 1}).problems))
    assert "`rows` is 'x', not an int" in said and "no parameter `row`" in said
    assert "no value for `rate`" in " ".join(map(str, of(tfx()).problems))


def test_another_pipeline_than_the_one_in_it_is_not_there():
    assert "there is no pipeline `snow`" in str(of(RAIN, "pipeline.yaml", which="snow").problems[0])
    assert of(RAIN, "pipeline.yaml", which="rainfall").pipeline


# --- what is made of it


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("rain.yaml").write_text(RAIN, encoding="utf-8")
    return tmp_path


def test_the_terminal_takes_it_as_it_takes_a_notebook(folder, capsys):
    assert main(["generate", "rain.yaml"]) == 0
    assert Path("AutoMLOps/pipelines/pipeline_spec.yaml").read_text(encoding="utf-8") == RAIN
    assert "cannot be seen" in capsys.readouterr().out


def test_it_is_rehearsed_as_it_stands(folder):
    run = AutoMLOps.rehearse({"rows": 4, "scale": 2.0}, notebook="rain.yaml", stubs={"announce": lambda amount: None})
    states = {task.name: task.state for task in run.tasks}
    assert states["gather"] == states["total"] == "succeeded" and states["condition-1"] == "skipped"
    assert '"Output": 12' in next(task.outputs for task in run.tasks if task.name == "total")


def test_an_edited_spec_is_checked_when_it_is_written_out(folder):
    AutoMLOps.generate(notebook="rain.yaml")
    path = Path("AutoMLOps/pipelines/pipeline_spec.yaml")
    path.write_text(path.read_text(encoding="utf-8").replace("schemaVersion: 2.1.0", ""), encoding="utf-8")
    command = [sys.executable, "AutoMLOps/pipelines/pipeline.py", "--output", "spec.json"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode and "it has no schemaVersion" in ended.stderr


CLIENT = """
import json, sys
from google.auth.credentials import AnonymousCredentials
from google.cloud import aiplatform

job = aiplatform.PipelineJob(
    display_name="x", template_path="spec.json", pipeline_root="gs://b/r", parameter_values=json.loads(sys.argv[1]),
    project="my-project-123", location="us-central1", credentials=AnonymousCredentials(),
)
config = job._gca_resource.runtime_config
print(sorted(config.parameter_values or config.parameters))
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("document", "values"), [(rain(), {"rows": 3}), (tfx(), {"steps": 3, "rate": 0.5})], ids=["kfp", "tfx"]
)
def test_the_client_of_vertex_ai_takes_what_is_written_out(document, values, folder):
    Path("given.json").write_text(json.dumps(document), encoding="utf-8")
    AutoMLOps.generate(notebook="given.json", pipeline_params=values)
    subprocess.run([sys.executable, "AutoMLOps/pipelines/pipeline.py", "--output", "spec.json"], check=True)
    ended = subprocess.run(
        [sys.executable, "-c", CLIENT, json.dumps(values)], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout == f"{sorted(values)}\n"
