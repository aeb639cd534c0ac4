"""What a compiled pipeline should come to, read from its JSON in the plainest way: the engine's oracle.

It shares nothing with the engine. Tasks are taken one after another, and a step is a Python function of its inputs; a
condition is Python once its signs are spelt so. An artifact is a list of {"title", "uri", "metadata"}, of one mostly.
"""

import ast
import json
import re
from collections import Counter
from collections.abc import Callable, Mapping
from graphlib import TopologicalSorter
from typing import Any

LOST = object()  # what a task that succeeded should have given, and did not


class Failed(Exception):
    """A step failed."""


def whole(value: Any) -> Any:
    """The spec holds 3 as 3.0."""
    match value:
        case float() if value == int(value):
            return int(value)
        case list():
            return [whole(each) for each in value]
        case dict():
            return {key: whole(each) for key, each in value.items()}
    return value


def spelt(value: Any) -> str:
    """A value inside a text."""
    return value if isinstance(value, str) else json.dumps(whole(value))


AS_DECLARED: dict[str, Callable[[Any], Any]] = {
    "STRING": spelt,
    "NUMBER_INTEGER": int,
    "NUMBER_DOUBLE": float,
    "BOOLEAN": lambda value: value == "true" if isinstance(value, str) else bool(value),
    "LIST": lambda value: json.loads(value) if isinstance(value, str) else list(value),
    "STRUCT": lambda value: json.loads(value) if isinstance(value, str) else dict(value),
    "TASK_FINAL_STATUS": dict,
}


class Reference:
    """`states` holds how each task ended, by path, once `run` has been called, and `calls` the path and inputs of each
    step that ran, with every try. `step(function, inputs, last)` is a step: `last` says how many times it has been tried
    before. `known` says what the placeholders of the whole run stand for."""

    def __init__(
        self,
        document: Mapping[str, Any],
        step: Callable[[str, dict, int], dict],
        known: Mapping[str, str] | None = None,
    ) -> None:
        self.document, self.step, self.known = document, step, dict(known or {})
        self.states: dict[str, str] = {}
        self.calls: list[tuple[str, str, dict]] = []
        self.tries: Counter[str] = Counter()

    def run(self, values: Mapping[str, Any]) -> tuple[bool, dict]:
        root = self.document["root"]
        declared = root.get("inputDefinitions", {}).get("parameters", {})
        given = {name: AS_DECLARED[declared[name]["parameterType"]](value) for name, value in values.items()}
        return self.dag(root, self.defaulted(root, given), "root")

    def defaulted(self, component: Mapping[str, Any], inputs: dict) -> dict:
        declared = component.get("inputDefinitions", {}).get("parameters", {})
        defaults = {name: whole(each["defaultValue"]) for name, each in declared.items() if "defaultValue" in each}
        return {**defaults, **inputs}

    # A DAG and its tasks

    def dag(self, component: Mapping[str, Any], inputs: dict, path: str) -> tuple[bool, dict]:
        tasks = component["dag"].get("tasks", {})
        ends: dict[str, tuple[str, dict]] = {}
        for name in TopologicalSorter({name: self.before(task) for name, task in tasks.items()}).static_order():
            ends[name] = self.task(tasks[name], inputs, ends, f"{path}/{name}")
            self.states[f"{path}/{name}"] = ends[name][0]
        ok = all(state != "failed" for state, _ in ends.values())
        return ok, self.returned(component["dag"].get("outputs", {}), ends) if ok else {}

    def sources(self, task: Mapping[str, Any]) -> dict[str, dict]:
        given = task.get("inputs", {})
        return {**given.get("parameters", {}), **given.get("artifacts", {})}

    def before(self, task: Mapping[str, Any]) -> set[str]:
        sources = self.sources(task).values()
        found = {each[kind]["producerTask"] for each in sources for kind in each if kind.startswith("task")}
        return found | set(task.get("dependentTasks", []))

    def task(self, task: Mapping[str, Any], outer: dict, ends: dict, path: str) -> tuple[str, dict]:
        trigger = task.get("triggerPolicy", {})
        unhappy = [name for name in self.before(task) if ends[name][0] != "succeeded"]
        if unhappy and trigger.get("strategy") != "ALL_UPSTREAM_TASKS_COMPLETED":
            return "skipped", {}
        component = self.document["components"][task["componentRef"]["name"]]
        try:
            inputs = self.given(task, component, outer, ends, path)
            if "condition" in trigger and not self.holds(trigger["condition"], self.comparable(component, inputs)):
                return "skipped", {}
            return "succeeded", self.tried(task, component, inputs, path)
        except Failed:
            return "failed", {}

    # What a task is given

    def given(self, task: Mapping[str, Any], component: Mapping[str, Any], outer: dict, ends: dict, path: str) -> dict:
        """The inputs of a task. None is a value that is not there, for which a default may stand."""
        sources = self.sources(task)
        fixed = {name: each["runtimeValue"]["constant"] for name, each in sources.items() if "runtimeValue" in each}
        found = {name: self.value(each, outer, ends) for name, each in sources.items() if name not in fixed}
        found |= {name: self.filled(whole(value), found, path) for name, value in fixed.items()}
        return self.defaulted(component, {name: value for name, value in found.items() if value is not None})

    def value(self, source: Mapping[str, Any], outer: dict, ends: dict) -> Any:
        match source:
            case {"componentInputParameter": name} | {"componentInputArtifact": name}:
                return self.selected(outer.get(name), source.get("parameterExpressionSelector", ""))
            case {"taskFinalStatus": {"producerTask": name}}:
                error = {"error": {"code": 9}} if ends[name][0] == "failed" else {}
                return {"state": ends[name][0].upper(), "pipelineTaskName": name, **error}
            case {"taskOutputParameter": {"producerTask": name, "outputParameterKey": key}}:
                pass
            case {"taskOutputArtifact": {"producerTask": name, "outputArtifactKey": key}}:
                pass
            case _:
                raise AssertionError(source)
        state, outputs = ends[name]
        return outputs.get(key, LOST) if state == "succeeded" else None

    def selected(self, value: Any, selector: str) -> Any:
        """The field of an item that is meant: `parseJson(string_value)["a"]`."""
        if not selector or value is None:
            return value
        fields = json.loads(value) if isinstance(value, str) else value
        key = selector.split('["')[1].removesuffix('"]')
        if key not in fields:
            raise Failed
        return fields[key]

    def filled(self, value: Any, inputs: dict, path: str) -> Any:
        match value:
            case list():
                return [self.filled(each, inputs, path) for each in value]
            case dict():
                return {key: self.filled(each, inputs, path) for key, each in value.items()}
            case str():
                return re.sub(r"\{\{\$\.(.*?)\}\}", lambda found: self.meant(found[1], inputs, path), value)
        return value

    def meant(self, placeholder: str, inputs: dict, path: str) -> str:
        if placeholder == "pipeline_task_name":
            return path.rsplit("/")[-1]
        if placeholder in self.known:
            return self.known[placeholder]
        named = re.fullmatch(r"inputs\.parameters\['(.*)'\]", placeholder)
        assert named, placeholder
        if inputs.get(named[1]) is None or inputs[named[1]] is LOST:
            raise Failed
        return spelt(inputs[named[1]])

    # Conditions

    def comparable(self, component: Mapping[str, Any], inputs: dict) -> dict:
        """kfp declares the fields of items to be strings, whatever they are."""
        declared = component.get("inputDefinitions", {}).get("parameters", {})
        strings = {name for name, each in declared.items() if each["parameterType"] == "STRING"}
        return {
            name: spelt(value) if name in strings and value is not LOST else value for name, value in inputs.items()
        }

    def holds(self, condition: str, inputs: dict) -> bool:
        spelt = re.sub(r"inputs\.parameter_values\['(.*?)'\]", r"value('\1')", condition)
        spelt = re.sub(r"!(?!=)", " not ", spelt.replace("&&", " and ").replace("||", " or "))

        def value(name: str) -> Any:
            if inputs.get(name, LOST) is LOST:
                raise Failed
            return inputs[name]

        space = {"value": value, "int": int, "double": float, "true": True, "false": False}
        truth = self.truth(ast.parse(spelt.strip(), mode="eval").body, space)
        if truth is None:
            raise Failed
        return truth

    def truth(self, node: ast.expr, space: dict) -> bool | None:
        """None where a value is missing. As CEL says, of `A && B` a side that is false decides whatever the other is."""
        match node:
            case ast.BoolOp(op=operator, values=values):
                ends, decisive = [self.truth(each, space) for each in values], isinstance(operator, ast.Or)
                return decisive if decisive in ends else None if None in ends else not decisive
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                end = self.truth(operand, space)
                return None if end is None else not end
        try:
            return eval(compile(ast.Expression(node), "condition", "eval"), space)
        except Failed:
            return None

    # What a task does

    def tried(self, task: Mapping[str, Any], component: Mapping[str, Any], inputs: dict, path: str) -> dict:
        """The outputs of a task, which may be tried several times."""
        for _ in range(task.get("retryPolicy", {}).get("maxRetryCount", 0) + 1):
            try:
                if "executorLabel" in component:
                    return self.stepped(component, inputs, path)
                if "parameterIterator" in task or "artifactIterator" in task:
                    return self.looped(task, component, inputs, path)
                ok, outputs = self.dag(component, inputs, path)
                if ok:
                    return outputs
            except Failed:
                pass
        raise Failed

    def stepped(self, component: Mapping[str, Any], inputs: dict, path: str) -> dict:
        executor = self.document["deploymentSpec"]["executors"][component["executorLabel"]]
        if "importer" in executor:
            return self.imported(executor["importer"], component, inputs, path)
        known = {}
        for name, each in self.declared(component, "inputDefinitions").items():
            value = inputs.get(name)
            if value is LOST or value is None and not each.get("isOptional"):
                raise Failed
            if value is not None:
                known[name] = AS_DECLARED[each["parameterType"]](value) if "parameterType" in each else value
        function = after(executor["container"]["args"], "--function_to_execute")
        self.calls.append((path, function, known))
        self.tries[path] += 1
        gave = self.step(function, known, self.tries[path] - 1)
        return {
            name: AS_DECLARED[each["parameterType"]](gave[name]) if "parameterType" in each else gave[name]
            for name, each in self.declared(component, "outputDefinitions").items()
        }

    def declared(self, component: Mapping[str, Any], side: str) -> dict:
        section = component.get(side, {})
        return {**section.get("parameters", {}), **section.get("artifacts", {})}

    def imported(
        self, importer: Mapping[str, Any], component: Mapping[str, Any], inputs: dict, path: str
    ) -> dict[str, list[dict]]:
        if inputs.get("uri", LOST) is LOST and "constant" not in importer["artifactUri"]:
            raise Failed
        artifact = {
            "title": importer["typeSchema"]["schemaTitle"],
            "uri": inputs.get("uri", importer["artifactUri"].get("constant")),
            "metadata": self.filled(whole(importer.get("metadata", {})), inputs, path),
        }
        return {name: [artifact] for name in self.declared(component, "outputDefinitions")}

    def looped(self, task: Mapping[str, Any], component: Mapping[str, Any], inputs: dict, path: str) -> dict:
        iterator = task.get("parameterIterator") or task["artifactIterator"]
        items = iterator["items"]
        name = items.get("inputParameter") or items.get("inputArtifact")
        over = whole(json.loads(items["raw"])) if name is None else inputs.get(name, LOST)
        if over is LOST:
            raise Failed
        if "artifactIterator" in task:
            over = [[each] for each in over]
        ends = [
            self.dag(component, {**inputs, iterator["itemInput"]: item}, f"{path}/{n}") for n, item in enumerate(over)
        ]
        if not all(ok for ok, _ in ends):
            raise Failed
        gave: dict = {}
        for name, each in self.declared(component, "outputDefinitions").items():
            found = [outputs[name] for _, outputs in ends if name in outputs]
            gave[name] = found if "parameterType" in each else [one for several in found for one in several]
        return gave

    def returned(self, section: Mapping[str, Any], ends: dict) -> dict:
        found = {}
        for name, each in {**section.get("parameters", {}), **section.get("artifacts", {})}.items():
            chosen = each.get("artifactSelectors") or each.get("valueFromOneof", {}).get("parameterSelectors")
            gave = []
            for one in chosen or [each["valueFromParameter"]]:
                key = one.get("outputParameterKey") or one.get("outputArtifactKey")
                gave.append(ends[one["producerSubtask"]][1].get(key, LOST))
            if there := [value for value in gave if value is not LOST]:
                found[name] = there[0]
        return found


def after(words: list[str], flag: str) -> str:
    return words[words.index(flag) + 1]
