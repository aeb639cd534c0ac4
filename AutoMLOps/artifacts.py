"""The artifacts among what a step was given or gave."""

import json
from collections.abc import Iterator, Mapping
from typing import Any


def named(said: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The artifacts in the JSON text of inputs or outputs, each with the name of the one it belongs to."""
    for name, value in json.loads(said).items():
        yield from ((name, artifact) for artifact in among(value))


def among(value: object) -> list[dict[str, Any]]:
    """The artifacts that an input or output consists of; none where it is a plain value."""
    found = isinstance(value, list) and all(isinstance(each, dict) and "uri" in each for each in value)
    return value if found and isinstance(value, list) else []


def title(artifact: Mapping[str, Any]) -> str:
    """What kind it is, as in system.Model; none of what a step returned that only looks like an artifact."""
    kind = artifact.get("type")
    return str(kind.get("schemaTitle", "")) if isinstance(kind, dict) else ""


def metadata(artifact: Mapping[str, Any]) -> dict[str, Any]:
    """What a step said of it; a step may have put there what has no names."""
    found = artifact.get("metadata")
    return found if isinstance(found, dict) else {}
