"""What the tests share: the code, the compiled pipeline, and its steps, each run once as its container would run it."""

import importlib.util
import inspect
import json
import os
import re
import subprocess
import sys
import types
import typing
from functools import cache, partial
from graphlib import TopologicalSorter
from pathlib import Path

import pytest
from google.protobuf import json_format
from kfp import components, dsl

ROOT = Path(__file__).resolve().parent.parent
PARAMETERS = ROOT / "pipelines/runtime_parameters/pipeline_parameter_values.json"


def source(name):
    return ROOT / "components/component_base/src" / f"{name}.py"


@cache
def load(path):
    """A file as a module, under a name that cannot be another's."""
    spec = importlib.util.spec_from_file_location(f"generated_{path.stem}", path)
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def function():
    """function("x") is the function of the component x."""
    return lambda name: getattr(load(source(name)), name)


@pytest.fixture(scope="session")
def interface(function):
    """interface("x") is what the component.yaml of x says, and what kfp itself reads from its code."""

    def described(component):
        (section,) = json_format.MessageToDict(component.pipeline_spec)["components"].values()
        groups = [group for side in section.values() if isinstance(side, dict) for group in side.values()]
        for definition in (definition for group in groups for definition in group.values()):
            definition.pop("description", None)
        return section

    def both(name):
        written = components.load_component_from_file(str(ROOT / "components" / name / "component.yaml"))
        return described(written), described(dsl.component(spelt(function(name)), base_image="python"))

    return both


def spelt(function):
    """The function with `X | None` as Optional[X]: the executor of kfp takes both, its decorator the latter alone."""
    for name, kind in function.__annotations__.items():
        if isinstance(kind, types.UnionType):
            function.__annotations__[name] = typing.Union[kind.__args__]  # noqa: UP007
    return function


@pytest.fixture(scope="session")
def compiled(tmp_path_factory):
    """compiled(images) is the compiled spec that names these images."""

    def spec(images=()):
        output = tmp_path_factory.mktemp("compiled") / "spec.json"
        load(ROOT / "pipelines/pipeline.py").compiled(images, output)
        return json.loads(output.read_text(encoding="utf-8"), parse_float=number)

    return spec


def number(text):
    """A number of the spec, where every number is a float: a whole one arrives as int, as it does on Vertex AI."""
    value = float(text)
    return int(value) if value.is_integer() else value


@pytest.fixture(scope="session")
def pipeline(compiled, tmp_path_factory):
    return Pipeline(compiled(), tmp_path_factory.mktemp("steps"))


class Pipeline:
    """The compiled pipeline with its parameter values, whose steps run when a test first asks for them."""

    def __init__(self, spec, folder):
        self.spec, self.folder = spec, folder
        self.values = json.loads(PARAMETERS.read_text(encoding="utf-8"))
        self.dag = Dag(self, spec["root"], self.value)

    def value(self, kind, name):
        value = self.values.get(name)
        return self.spec["root"]["inputDefinitions"][kind][name].get("defaultValue") if value is None else value

    def steps(self, component):
        return [(dag, task) for dag, task in self.dag.walk() if dag.function(task) == component]

    def calls(self, component):
        """The arguments, by name, of each call of the component: what it is given, and where its outputs go."""
        takes = inspect.signature(getattr(load(source(component)), component)).parameters
        for dag, task in self.steps(component):
            given = dag.tasks[task].get("inputs", {}).values()
            outputs = dag.definition(task).get("outputDefinitions", {}).values()
            names = [name for group in given for name in group if not name.startswith("pipelinechannel--")]
            yield dict.fromkeys([*names, *(name for group in outputs for name in group if name in takes)])

    def run(self, component):
        """The names of the outputs of the component's first step, once it and what it needs have run."""
        for dag, task in self.steps(component):
            try:
                outputs = dag.run(task)
            except NotRun as reason:
                (pytest.skip if reason.harmless else partial(pytest.fail, pytrace=False))(f"{task} {reason.told}")
            return sorted(name for group in outputs.values() for name in group)
        pytest.skip(f"no step of the compiled pipeline uses {component}")


class NotRun(Exception):
    """Why a step gave nothing; harmless where it could not have run here."""

    def __init__(self, reason, said="", harmless=False):
        super().__init__(reason)
        self.reason, self.harmless, self.told = reason, harmless, f"{reason}\n{said}".strip()


class Dag:
    """The tasks of the pipeline, or of a condition, loop or pipeline within it; conditions are taken as met."""

    def __init__(self, pipeline, definition, given):
        self.pipeline, self.given = pipeline, given  # given(kind, name) is an input of the whole
        self.tasks, self.outputs = definition["dag"]["tasks"], definition["dag"].get("outputs", {})
        self.done, self.within = {}, {}

    def definition(self, task):
        return self.pipeline.spec["components"][self.tasks[task]["componentRef"]["name"]]

    def executor(self, task):
        return self.pipeline.spec["deploymentSpec"]["executors"][self.definition(task)["executorLabel"]]

    def function(self, task):
        """The component whose code a task runs; None where the code is not ours."""
        container = self.executor(task).get("container", {})
        words = [*container.get("command", ()), *container.get("args", ()), ""]
        name = words[words.index("--function_to_execute") + 1] if "--function_to_execute" in words else ""
        return name if "--component_module_path" in words and source(name).exists() else None

    def walk(self):
        for task in self.tasks:
            if "dag" in self.definition(task):
                yield from self.inner(task).walk()
            else:
                yield self, task

    def inner(self, task):
        if task not in self.within:
            self.within[task] = Dag(self.pipeline, self.definition(task), partial(self.input, task))
        return self.within[task]

    def output(self, task, kind, name):
        """An output of a task; of a loop, which runs for its first item alone, a list of one."""
        if "dag" in self.definition(task):
            value = self.inner(task).returned(kind, name)
            looped = self.tasks[task].keys() & {"parameterIterator", "artifactIterator"}
            return [value] if looped and kind == "parameters" else value
        try:
            return self.run(task)[kind][name]
        except NotRun as reason:
            raise NotRun(f"needs {task}, which {reason}", harmless=reason.harmless) from None
        except KeyError:
            raise NotRun(f"needs {name} of {task}, which gave none") from None

    def returned(self, kind, name):
        """An output of the whole: of several branches that could give it, the first one's."""
        match self.outputs[kind][name]:
            case {"valueFromParameter": chosen} | {"valueFromOneof": {"parameterSelectors": [chosen, *_]}}:
                return self.output(chosen["producerSubtask"], kind, chosen["outputParameterKey"])
            case {"artifactSelectors": [chosen, *_]}:
                return self.output(chosen["producerSubtask"], kind, chosen["outputArtifactKey"])

    def input(self, task, kind, name):
        """What a task gets for an input: the item of a loop, the argument, or the default."""
        match self.tasks[task]:
            case {"parameterIterator": {"itemInput": item, "items": items}} if item == name:
                found = json.loads(items["raw"]) if "raw" in items else self.input(task, kind, items["inputParameter"])
                return self.first(found)
            case {"artifactIterator": {"itemInput": item, "items": {"inputArtifact": items}}} if item == name:
                return [self.first(self.input(task, kind, items))]
        definition = self.definition(task)["inputDefinitions"][kind][name]
        if name in self.tasks[task].get("inputs", {}).get(kind, {}):
            value = self.argument(task, kind, name)
        else:
            value = definition.get("defaultValue")
        return float(value) if definition.get("parameterType") == "NUMBER_DOUBLE" and value is not None else value

    def first(self, items):
        if not items:
            raise NotRun("is in a loop over nothing", harmless=True)
        return items[0]

    def argument(self, task, kind, name):
        source = self.tasks[task]["inputs"][kind][name]
        match source:
            case {"runtimeValue": {"constant": value}}:
                return self.filled(task, value)
            case {"taskFinalStatus": {"producerTask": producer}}:
                return {"state": "SUCCEEDED", "pipelineJobResourceName": "test", "pipelineTaskName": producer}
            case {"componentInputParameter": outer} | {"componentInputArtifact": outer}:
                value = self.given(kind, outer)
            case {"taskOutputParameter": {"producerTask": producer, "outputParameterKey": key}}:
                value = self.output(producer, kind, key)
            case {"taskOutputArtifact": {"producerTask": producer, "outputArtifactKey": key}}:
                value = self.output(producer, kind, key)
        for key in re.findall(r'\["(.*?)"\]', source.get("parameterExpressionSelector", "")):
            value = value[key]
        return value

    def filled(self, task, value):
        """A constant, with what other steps and parameters put into it."""
        match value:
            case str():
                return re.sub(
                    r"\{\{\$\.inputs\.parameters\['(.+?)'\]\}\}", lambda found: self.text(task, found[1]), value
                )
            case list():
                return [self.filled(task, item) for item in value]
            case dict():
                return {key: self.filled(task, item) for key, item in value.items()}
        return value

    def text(self, task, name):
        value = self.argument(task, "parameters", name)
        return value if isinstance(value, str) else json.dumps(value)

    def run(self, task):
        """The outputs of a task, which runs once; what it waits for runs before it."""
        if task not in self.done:
            for earlier in self.before(task):
                self.attempt(earlier)
            self.attempt(task)
        if isinstance(self.done[task], NotRun):
            raise self.done[task]
        return self.done[task]

    def before(self, task):
        """The tasks that a task waits for, directly or not, in an order that they can run in."""
        waits = {task: self.tasks[task].get("dependentTasks", [])}
        unseen = list(waits[task])
        while unseen:
            name = unseen.pop()
            if name not in waits:
                waits[name] = self.tasks[name].get("dependentTasks", [])
                unseen += waits[name]
        order = TopologicalSorter(waits).static_order()
        return [name for name in order if name != task and "dag" not in self.definition(name)]

    def attempt(self, task):
        if task not in self.done:
            try:
                self.done[task] = self.executed(task)
            except NotRun as reason:
                self.done[task] = reason

    def executed(self, task):
        definition, executor, name = self.definition(task), self.executor(task), self.function(task)
        if "importer" in executor:
            return {"artifacts": {"artifact": [self.imported(task, executor["importer"])]}}
        if name is None:
            raise NotRun("runs code that is not in this folder", harmless=True)
        inputs = definition.get("inputDefinitions", {})
        parameters = {key: self.input(task, "parameters", key) for key in inputs.get("parameters", {})}
        given = self.tasks[task].get("inputs", {}).get("artifacts", {})
        return execute(
            name,
            {key: value for key, value in parameters.items() if value is not None},
            {key: self.input(task, "artifacts", key) for key in inputs.get("artifacts", {}) if key in given},
            definition.get("outputDefinitions", {}),
            self.pipeline.folder / str(len(list(self.pipeline.folder.iterdir()))),
        )

    def imported(self, task, importer):
        uri, kind = self.input(task, "parameters", "uri"), importer["typeSchema"]
        if "://" in uri:
            raise NotRun(f"imports {uri}, which is not on this machine", harmless=True)
        return {"name": "artifact", "uri": uri, "type": kind, "metadata": importer.get("metadata", {})}


def execute(name, parameters, artifacts, outputs, folder):
    """Runs a component's file in a process of its own, by kfp's executor, and reads what it gave."""
    folder.mkdir()
    types = {key: definition["artifactType"] for key, definition in outputs.get("artifacts", {}).items()}
    said, files = folder / "said.json", {key: folder / key for key in outputs.get("parameters", {})}
    request = {
        "inputs": {
            "parameterValues": parameters,
            "artifacts": {key: {"artifacts": items} for key, items in artifacts.items()},
        },
        "outputs": {
            "parameters": {key: {"outputFile": str(path)} for key, path in files.items()},
            "artifacts": {
                key: {"artifacts": [{"name": key, "uri": str(folder / key), "type": kind, "metadata": {}}]}
                for key, kind in types.items()
            },
            "outputFile": str(said),
        },
    }
    ended = subprocess.run(
        [
            *(sys.executable, "-m", "kfp.dsl.executor_main", "--component_module_path", str(source(name))),
            *("--function_to_execute", name, "--executor_input", json.dumps(request)),
        ],
        env={**os.environ, "_KFP_RUNTIME": "true"},
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if ended.returncode:
        raise NotRun("failed", said="\n".join(ended.stdout.splitlines()[-20:]))
    answer = json.loads(said.read_text(encoding="utf-8"))
    written = {key: path.read_text(encoding="utf-8") for key, path in files.items() if path.is_file()}
    return {
        "parameters": {
            **{key: text if is_text(outputs, key) else json.loads(text) for key, text in written.items()},
            **answer.get("parameterValues", {}),
        },
        "artifacts": {
            key: [{**item, "type": types[key]} for item in group["artifacts"]]
            for key, group in answer.get("artifacts", {}).items()
        },
    }


def is_text(outputs, key):
    return outputs["parameters"][key]["parameterType"] == "STRING"
