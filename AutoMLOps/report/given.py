"""Values and artifacts by their names: what the pipeline and each step were given, and gave."""

import json
from collections.abc import Mapping
from typing import Any

from .artifacts import among, metadata, title
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
        return _folded(value, "text") if value else "<em>empty text</em>"
    short = as_json(value)
    return f"<code>{text(short)}</code>" if len(short) <= 80 else _folded(as_json(value, indent=2), "JSON")


def _folded(said: str, kind: str) -> str:
    """Some lines as they are; many in a fold, and of very many the first."""
    shown = tidy(said)
    cut = f"\n[... {len(shown) - VALUE} more characters]" if len(shown) > VALUE else ""
    shown = shown[:VALUE] + cut
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
