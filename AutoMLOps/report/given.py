"""Values and artifacts by their names: what the pipeline and each step were given, and gave."""

import json
from collections.abc import Mapping
from typing import Any

from ..artifacts import among, metadata, title
from .markup import fold, name, table, text
from .words import as_json, tidy

VALUE = 20_000  # characters of a value


def given(caption: str, said: str) -> str:
    """A table of what the JSON text holds; nothing if that is nothing."""
    rows = "".join(
        f'<tr><th scope="row"><bdi>{name(called.removeprefix("pipelinechannel--"))}</bdi></th>'
        f"<td>{_value(value)}</td></tr>"
        for called, value in json.loads(said).items()
    )
    return table(caption, ("Name", "Value"), rows, ("name",), heard=True) if rows else ""


def _value(value: object) -> str:
    if artifacts := among(value):
        return "".join(map(_artifact, artifacts))
    if isinstance(value, str):
        return _folded(value, "text", len(value)) if value else "<em>empty text</em>"
    short = as_json(value)
    return f"<code>{text(short)}</code>" if len(short) <= 80 else _folded(_indented(value), "JSON", len(short))


def _indented(value: object) -> str:
    """The JSON of a value, line by line, as far as it is shown."""
    parts: list[str] = []
    length = 0
    for part in json.JSONEncoder(indent=2, ensure_ascii=False).iterencode(value):
        parts.append(part)
        length += len(part)
        if length > VALUE:
            break
    return "".join(parts)


def _folded(said: str, kind: str, whole: int) -> str:
    """Some lines as they are; many in a fold, and of very many the first."""
    cut = f"\n[... {whole} characters in all]" if len(said) > VALUE else ""
    shown = tidy(said[:VALUE]) + cut
    count = shown.count("\n") + 1
    if count == 1 and len(shown) <= 80:
        return f"<code>{text(shown)}</code>"
    block = f"<pre>{text(shown)}</pre>"
    return fold(kind, shown, block) if count > 12 or len(shown) > 1500 else block


def _artifact(artifact: Mapping[str, Any]) -> str:
    known = metadata(artifact)
    said = {
        "name": f"<bdi>{text(artifact.get('name', ''))}</bdi>",
        "type": text(title(artifact)) or "artifact",
        "uri": f"<code>{text(artifact['uri'])}</code>",
        "metadata": _value(known) if known else "",
    }
    rows = "".join(f"<dt>{name}</dt><dd>{each}</dd>" for name, each in said.items() if each)
    return f'<dl class="artifact">{rows}</dl>'
