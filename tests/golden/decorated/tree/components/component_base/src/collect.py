"""Collects words. it's "quoted" (GCS), $(whoami) `id` {braces} {{ jinja }} {% raw %} \\back 🎉"""

import json
from typing import Optional

from kfp.dsl import Dataset, Output

SEPARATOR = ", "


def joined(words: list[str]) -> str:
    """Helpers travel, docstrings and all."""
    return SEPARATOR.join(words)


def collect(
    data: Output[Dataset],
    words: Optional[list] = None,
    options: Optional[dict] = None,
    factor: float = 1e-09,
    note: Optional[str] = None,
):
    'Collects words. it\'s "quoted" (GCS), $(whoami) `id` {braces} {{ jinja }} {% raw %} \\back 🎉'
    import six

    with open(data.path, "w") as file:
        text = joined([str(word) for word in words or []])
        json.dump({"text": text, "six": six.PY3, "note": note, "factor": factor, **(options or {})}, file)
