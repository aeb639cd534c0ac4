"""How a step reaches Google: the modules of its services, and addresses in its code."""

import ast
import re
from collections.abc import Iterator

MODULES = (
    "google.cloud",
    "googleapiclient",
    "vertexai",
    "google.genai",
    "google.generativeai",
    "gcsfs",
    "pandas_gbq",
    "bigframes",
)
ADDRESS = re.compile(r"[\"'](?:gs|bq)://")


def reached(imported: frozenset[str], text: str) -> tuple[str, ...]:
    """What code that imports these modules reaches: `google.cloud.bigquery`, or `gs://` by address alone."""
    found = {module for module in imported if module.startswith(MODULES)}
    return (
        *sorted({".".join(module.split(".")[:3]) for module in found}),
        *(["gs://"] if ADDRESS.search(text) else []),
    )


def reached_by(code: str) -> tuple[str, ...]:
    """The same of a component's source; nothing of one that is not Python."""
    try:
        return reached(frozenset(_imported(ast.parse(code))), code)
    except SyntaxError:
        return ()


def _imported(module: ast.Module) -> Iterator[str]:
    for node in ast.walk(module):
        match node:
            case ast.Import(names=names):
                yield from (alias.name for alias in names)
            case ast.ImportFrom(module=str(name), names=names, level=0):
                yield from (f"{name}.{alias.name}" for alias in names)
