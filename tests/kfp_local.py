"""Plain kfp.local in a process of its own, for it patches print: one compiled pipeline after another."""

import contextlib
import copy
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tools import environment

# What a step is given is noted before kfp's executor calls it; `flaky` fails the first time that a task is tried.
NOTED = """

from kfp.dsl import executor as _executor

_execute = _executor.Executor.execute


def _noted(self):
    import json, re, time

    place = re.sub("/attempt-[0-9]+", "", self.executor_output_path)
    with open({journal!r}, "a+") as file:
        file.seek(0)
        tried = json.dumps(place) in file.read()
        started, inputs = time.time(), self.executor_input.get("inputs", {{}})
        file.write(json.dumps([place, self.func.__name__, inputs]) + "\\n")
    if self.func.__name__ == "flaky" and not tried:
        raise SystemExit(1)
    try:
        return _execute(self)
    finally:
        with open({journal!r} + ".times", "a") as file:
            file.write(json.dumps([place, self.func.__name__, started, time.time()]) + "\\n")


_executor.Executor.execute = _noted
"""


def noted(document: dict, journal: Path) -> dict:
    """The spec, whose steps also write to the journal what they are given."""
    document = copy.deepcopy(document)
    for executor in document["deploymentSpec"]["executors"].values():
        if "ephemeral_component.py" in "".join(executor.get("container", {}).get("command", [])[:-1]):
            executor["container"]["command"][-1] += NOTED.format(journal=str(journal))
    return document


def calls(journal: Path) -> list[tuple[str, dict]]:
    """The function and inputs of each step that ran, with every try."""
    lines = journal.read_text().splitlines() if journal.exists() else []
    found = []
    for _, function, inputs in map(json.loads, lines):
        files = {name: each["artifacts"] for name, each in inputs.get("artifacts", {}).items()}
        found.append((function, {**inputs.get("parameterValues", {}), **files}))
    return found


def spans(journal: Path) -> list[tuple[str, float, float]]:
    """The function of each step that ran, and when it began and ended."""
    times = journal.with_name(journal.name + ".times")
    lines = times.read_text().splitlines() if times.exists() else []
    return [(function, begun, ended) for _, function, begun, ended in map(json.loads, lines)]


class Local:
    """`local.run(...)` says what kfp.local makes of a spec: {"outputs", "error", "log", "state", "print"}."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-W", "ignore", __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**environment(), "_KFP_RUNTIME": "false"},
        )

    def run(self, document: dict, values: dict, folder: Path, **more: Any) -> dict:
        folder.mkdir(parents=True, exist_ok=True)
        document = noted(document, folder / "journal")
        assert self.process.stdin and self.process.stdout
        asked = {"document": document, "values": values, "folder": str(folder), **more}
        self.process.stdin.write(json.dumps(asked) + "\n")
        self.process.stdin.flush()
        said = self.process.stdout.readline()
        assert said, f"kfp.local ended its process: {(folder / 'log').read_text()[-2000:]}"
        return {**json.loads(said), "log": (folder / "log").read_text(errors="replace")}

    def close(self) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=10)
        self.process.kill()
        self.process.wait()


# The child


def attempted(asked: dict) -> dict:
    import builtins

    from kfp import local
    from kfp.dsl import structures, yaml_component

    before = builtins.print
    local.init(
        local.SubprocessRunner(use_venv=asked.get("use_venv", False)),
        pipeline_root=f"{asked['folder']}/root",
        workspace_root=f"{asked['folder']}/workspace",
        raise_on_error=asked.get("raise_on_error", True),
    )
    said: dict = {"outputs": {}, "error": "", "state": ""}
    started = time.time()
    try:
        specification = structures.ComponentSpec.from_ir_dicts(asked["document"], {})
        component = yaml_component.YamlComponent(component_spec=specification, component_yaml="")
        task = component(**asked["values"])
        said |= {"outputs": {name: plain(each) for name, each in task.outputs.items()}, "state": task.state.name}
    except Exception as error:
        said["error"] = f"{type(error).__name__}: {error}"
    said |= {"patched": builtins.print is not before, "seconds": time.time() - started}
    builtins.print = before
    return said


def plain(value: Any) -> Any:
    from kfp.dsl import Artifact

    match value:
        case Artifact():
            return [{"title": value.schema_title, "uri": value.uri, "metadata": dict(value.metadata)}]
        case [Artifact(), *_]:
            return [plain(each)[0] for each in value]
    return value


def main() -> None:
    answers = os.fdopen(os.dup(1), "w")
    for line in sys.stdin:
        asked = json.loads(line)
        log = os.open(f"{asked['folder']}/log", os.O_CREAT | os.O_WRONLY | os.O_TRUNC)
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.close(log)
        said = attempted(asked)
        sys.stdout.flush()
        sys.stderr.flush()
        answers.write(json.dumps(said) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
