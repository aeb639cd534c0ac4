"""What a compiled pipeline should come to, read from its JSON in the plainest way: the engine's oracle.

It shares nothing with the engine. Tasks are taken one after another, and a step is a Python function of its inputs; a
condition is Python once its signs are spelt so.
"""

import json
import re
from collections.abc import Callable, Mapping
from graphlib import TopologicalSorter
from typing import Any

LOST = object()  # what a task that succeeded should have given, and did not


class Failed(Exception):
    """A step failed."""


class Reference:
    """`states` holds how each task ended, by path, once `run` has been called; `step(function, inputs, last)` is a step,
    and `last` says how many times it has been tried before."""

    def __init__(self, document: Mapping[str, Any], step: Callable[[str, dict, int], dict]) -> None:
        self.document, self.step, self.states = document, step, {}

    def run(self, values: Mapping[str, Any]) -> tuple[bool, dict]:
        root = self.document["root"]
        return self.dag(root, self.defaulted(root, dict(values)), "root")

    def defaulted(self, component: Mapping[str, Any], inputs: dict) -> dict:
        declared = component.get("inputDefinitions", {}).get("parameters", {})
        defaults = {name: each["defaultValue"] for name, each in declared.items() if "defaultValue" in each}
        return {**defaults, **inputs}

    def dag(self, component: Mapping[str, Any], inputs: dict, path: str) -> tuple[bool, dict]:
        tasks = component["dag"]["tasks"]
        ends: dict[str, tuple[str, dict]] = {}
        for name in TopologicalSorter({name: self.before(task) for name, task in tasks.items()}).static_order():
            ends[name] = self.task(tasks[name], inputs, ends, f"{path}/{name}")
            self.states[f"{path}/{name}"] = ends[name][0]
        ok = all(state != "failed" for state, _ in ends.values())
        return ok, self.returned(component["dag"].get("outputs", {}), ends) if ok else {}

    def before(self, task: Mapping[str, Any]) -> set[str]:
        sources = task.get("inputs", {}).get("parameters", {}).values()
        found = {each[kind]["producerTask"] for each in sources for kind in each if kind.startswith("task")}
        return found | set(task.get("dependentTasks", []))

    def task(self, task: Mapping[str, Any], outer: dict, ends: dict, path: str) -> tuple[str, dict]:
        trigger = task.get("triggerPolicy", {})
        unhappy = [name for name in self.before(task) if ends[name][0] != "succeeded"]
        if unhappy and trigger.get("strategy") != "ALL_UPSTREAM_TASKS_COMPLETED":
            return "skipped", {}
        given = {
            name: self.value(each, outer, ends) for name, each in task.get("inputs", {}).get("parameters", {}).items()
        }
        component = self.document["components"][task["componentRef"]["name"]]
        inputs = self.defaulted(component, {name: value for name, value in given.items() if value is not None})
        try:
            if "condition" in trigger and not self.holds(trigger["condition"], inputs):
                return "skipped", {}
            return "succeeded", self.tried(task, component, inputs, path)
        except Failed:
            return "failed", {}

    def value(self, source: Mapping[str, Any], outer: dict, ends: dict) -> Any:
        """None is a value that is not there, for which a default may stand."""
        match source:
            case {"runtimeValue": {"constant": value}}:
                return value
            case {"componentInputParameter": name}:
                return outer.get(name)
            case {"taskOutputParameter": {"producerTask": name, "outputParameterKey": key}}:
                state, outputs = ends[name]
                return outputs.get(key, LOST) if state == "succeeded" else None
            case {"taskFinalStatus": {"producerTask": name}}:
                return ends[name][0].upper()
        raise AssertionError(source)

    def holds(self, condition: str, inputs: dict) -> bool:
        spelt = re.sub(r"inputs\.parameter_values\['(.*?)'\]", r"value('\1')", condition)
        spelt = re.sub(r"!(?!=)", " not ", spelt.replace("&&", " and ").replace("||", " or "))

        def value(name: str) -> Any:
            if inputs.get(name, LOST) is LOST:
                raise Failed
            return inputs[name]

        return eval(spelt, {"value": value, "int": int, "double": float, "true": True, "false": False})

    def tried(self, task: Mapping[str, Any], component: Mapping[str, Any], inputs: dict, path: str) -> dict:
        """The outputs of a task, which may be tried several times."""
        for last in range(task.get("retryPolicy", {}).get("maxRetryCount", 0) + 1):
            try:
                if "executorLabel" in component:
                    return self.stepped(component, inputs, last)
                if "parameterIterator" in task:
                    return self.looped(task["parameterIterator"], component, inputs, path)
                ok, outputs = self.dag(component, inputs, path)
                if ok:
                    return outputs
            except Failed:
                pass
        raise Failed

    def stepped(self, component: Mapping[str, Any], inputs: dict, last: int) -> dict:
        declared = component.get("inputDefinitions", {}).get("parameters", {})
        if any(
            inputs.get(name) is LOST or name not in inputs and not each.get("isOptional")
            for name, each in declared.items()
        ):
            raise Failed
        known = {name: value for name, value in inputs.items() if name in declared}
        return self.step(component["executorLabel"].removeprefix("exec-"), known, last)

    def looped(self, iterator: Mapping[str, Any], component: Mapping[str, Any], inputs: dict, path: str) -> dict:
        items = iterator["items"]
        over = json.loads(items["raw"]) if "raw" in items else inputs.get(items["inputParameter"], LOST)
        if over is LOST:
            raise Failed
        ends = [
            self.dag(component, {**inputs, iterator["itemInput"]: item}, f"{path}/{n}") for n, item in enumerate(over)
        ]
        if not all(ok for ok, _ in ends):
            raise Failed
        names = component.get("outputDefinitions", {}).get("parameters", {})
        return {name: [outputs[name] for _, outputs in ends if name in outputs] for name in names}

    def returned(self, section: Mapping[str, Any], ends: dict) -> dict:
        found = {}
        for name, each in section.get("parameters", {}).items():
            chosen = each.get("valueFromOneof", {}).get("parameterSelectors") or [each["valueFromParameter"]]
            gave = [ends[one["producerSubtask"]][1].get(one["outputParameterKey"], LOST) for one in chosen]
            if there := [value for value in gave if value is not LOST]:
                found[name] = there[0]
        return found
