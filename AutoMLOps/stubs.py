"""Carries out one attempt at a step by calling the function that stands in for it."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from .model import Artifact
from .processes import Job, Outcome

Stub = Callable[..., Any]


@dataclass(slots=True, kw_only=True)
class StubArtifact:
    """An artifact as a stub sees it: enough of kfp's own. A stub may change an output's `uri` and `metadata`."""

    name: str
    uri: str
    metadata: dict[str, Any]

    @property
    def path(self) -> str:
        return self.uri.replace("gs://", "/gcs/", 1) if self.uri.startswith("gs://") else self.uri


def stubbed(job: Job, stub: Stub) -> Outcome:
    """Calls a stub, in a thread, with the step's inputs and output artifacts by name; it returns the output parameters
    as a dict, or the value of the only one."""
    inputs, outputs = job.request["inputs"], job.request["outputs"]
    job.outputs.mkdir(parents=True, exist_ok=True)
    given = {name: list(map(seen, group["artifacts"])) for name, group in inputs["artifacts"].items()}
    many = {each.name for each in job.definition.inputs if isinstance(each, Artifact) and each.many}
    files = {name: several if name in many else several[0] for name, several in given.items()}
    made = {name: seen(group["artifacts"][0]) for name, group in outputs["artifacts"].items()}
    result = stub(**inputs["parameterValues"], **files, **made)
    if not isinstance(result, dict) or len(outputs["parameters"]) == 1 and not outputs["parameters"].keys() & result:
        result = dict.fromkeys(outputs["parameters"], result)
    return Outcome(
        parameters=json.loads(json.dumps(result, allow_nan=False)),
        artifacts={name: [{"uri": each.uri, "metadata": each.metadata}] for name, each in made.items()},
    )


def seen(artifact: Mapping[str, Any]) -> StubArtifact:
    return StubArtifact(name=artifact["name"], uri=artifact["uri"], metadata=dict(artifact["metadata"]))
