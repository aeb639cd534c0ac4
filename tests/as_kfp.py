"""Notebooks in Kubeflow's own syntax, compiled by kfp as they are and as the codebases that are generated of them."""

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from tools import environment

# Compiles each of [(script, function)], and prints their specs; what kfp says on the way goes elsewhere.
COMPILE = """
import contextlib, json, os, runpy, sys, warnings
from google.protobuf import json_format
warnings.simplefilter("ignore")
specs = []
for script, function in json.loads(sys.argv[1]):
    os.chdir(os.path.dirname(script))
    sys.argv = [script]
    with contextlib.redirect_stdout(sys.stderr):
        specs.append(json_format.MessageToDict(runpy.run_path(script)[function].pipeline_spec))
print(json.dumps(specs))
"""


def compiled(scripts: Iterable[tuple[Path, str]], packages: Iterable[Path] = ()) -> list[dict]:
    """What kfp compiles of the pipeline function in each script, all in one process, which knows `packages` too."""
    asked = json.dumps([(str(script.resolve()), function) for script, function in scripts])
    command = [sys.executable, "-c", COMPILE, asked]
    around = environment()
    around["PYTHONPATH"] = os.pathsep.join([around["PYTHONPATH"], *map(str, packages)])
    ended = subprocess.run(command, env=around, capture_output=True, text=True, timeout=300, check=False)
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


def plain(spec: Mapping) -> dict:
    """A spec less what is meant to differ: how steps of ours are started, and what their executors are called."""
    ours = {label for label, executor in _executors(spec).items() if _is_ours(executor)}
    executors = [(label, executor) for label, executor in _executors(spec).items() if label not in ours]
    names = {label: f"executor of {name}" for name, label in _labels(spec)}
    text = json.dumps({**spec, "deploymentSpec": {"executors": dict(executors)}}, sort_keys=True)
    for label, name in sorted(names.items(), key=lambda pair: -len(pair[0])):
        text = text.replace(json.dumps(label), json.dumps(name))
    found = json.loads(text)
    kept = {names[label]: {**_executors(spec)[label]["container"]} for label in ours}
    for container in kept.values():
        for word in ("image", "command", "args"):
            container.pop(word, None)
    found["deploymentSpec"]["executors"].update({name: {"container": each} for name, each in kept.items()})
    return found


def _executors(spec: Mapping) -> Mapping:
    return spec.get("deploymentSpec", {}).get("executors", {})


def _is_ours(executor: Mapping) -> bool:
    """Whether it runs a Python function, which the codebase keeps in a file of its own."""
    words = [*executor.get("container", {}).get("command", ()), *executor.get("container", {}).get("args", ())]
    return "--function_to_execute" in words


def _labels(spec: Mapping) -> Iterable[tuple[str, str]]:
    for name, component in spec["components"].items():
        if "executorLabel" in component:
            yield name, component["executorLabel"]
