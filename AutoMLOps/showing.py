"""The story of `automlops show`: the graph of a notebook, a codebase or a compiled pipeline, drawn as was asked."""

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from . import api, codebase, disk, graph, mermaid, picture, processes, read, render, sketch, spec
from .errors import BadInput
from .graph import Graph
from .markup import escape
from .model import Problem
from .nouns import noun
from .settings import Settings

SPECS = (".json", ".yaml", ".yml")
UNDONE = "nothing was drawn"


@noun
class Shown:
    """A graph, where it is from, and the text that shows it."""

    of: str
    graph: Graph
    text: str

    def __str__(self) -> str:
        return self.text


def found(place: str, which: str | None = None) -> Graph:
    """The graph of a notebook or script, of a codebase's folder, or of a compiled pipeline. Where only a run of the
    pipeline function can tell, kfp compiles it, in a process of its own."""
    if os.path.isdir(place):
        return _of_codebase(place)
    if place.endswith(SPECS):
        return _of_spec(place, disk.read_text(place))
    return _of_notebook(place, which)


def sketched(place: str, drawn: Graph, columns: int) -> Shown:
    """The graph as text, as wide as the terminal."""
    head = f"{drawn.name}: {picture.count(drawn)}"
    return Shown(of=place, graph=drawn, text="\n".join([head, *sketch.lines(drawn, columns)]))


def written(place: str, drawn: Graph, forms: Mapping[str, str]) -> Shown:
    """The graph in each of these forms, in the file that is named; where "-" is, its text is what is shown."""
    texts = []
    for form, path in forms.items():
        text = FORMS[form](drawn)
        if path == "-":
            texts.append(text.rstrip("\n"))
        else:
            disk.put(path, text)
            texts.append(f"{path}: {drawn.name}, {picture.count(drawn)}")
    return Shown(of=place, graph=drawn, text="\n".join(texts))


def _page(drawn: Graph) -> str:
    """A whole page with the drawing in it."""
    name = escape(drawn.name)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width">\n'
        f"<title>{name}</title>\n"
        "<style>:root { color-scheme: light dark } body { font-family: system-ui, sans-serif; margin: 2em }</style>\n"
        f"</head>\n<body>\n<main>\n<h1>{name}</h1>\n{picture.html(drawn)}\n</main>\n</body>\n</html>\n"
    )


def _mermaid(drawn: Graph) -> str:
    return "\n".join([*mermaid.lines(drawn), ""])


FORMS = {"svg": picture.file, "html": _page, "mermaid": _mermaid}


def _of_codebase(folder: str) -> Graph:
    path = Path(folder, codebase.PIPELINE)
    if not path.is_file():
        hint = "name a notebook, a compiled pipeline, or the folder that generate() wrote"
        raise BadInput([Problem(message=f"{folder} holds no generated codebase", hint=hint)], UNDONE)
    return _compiled(processes.spec_of(path))


def _of_notebook(place: str, which: str | None) -> Graph:
    source = read.notebook(place, disk.read_text(place))
    beside = os.path.dirname(os.path.abspath(place))
    settings = {"output_dir": os.path.join(os.path.dirname(place), "AutoMLOps")}
    reading = api.looked(source, None, None, which=which, beside=beside, demanding=False, settings=settings).reading
    if reading.pipeline is None:
        raise BadInput(reading.problems, UNDONE)
    drawn = graph.of_pipeline(reading.pipeline)
    if drawn is not None:
        return drawn
    return _compiled(processes.spec_of_draft(render.tree(reading.pipeline, Settings()), codebase.PIPELINE))


def _of_spec(place: str, text: str) -> Graph:
    documents = list(_documents(place, text))
    first = documents[0] if documents else None
    within = first.get("pipelineSpec", first) if isinstance(first, dict) else None
    if not isinstance(first, dict) or not isinstance(within, dict) or not isinstance(within.get("root"), dict):
        hint = "name what kfp's compiler wrote, a notebook, or a codebase's folder"
        raise BadInput([Problem(message=f"{place} is no compiled pipeline", hint=hint)], UNDONE)
    return _compiled(first)


def _documents(place: str, text: str) -> Iterator[object]:
    """What a file of JSON, or of YAML, holds: kfp writes a second document for what is a platform's own."""
    import yaml

    try:
        if place.endswith(".json"):
            yield json.loads(text)
        else:
            yield from yaml.load_all(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - safe, in C
    except Exception as error:  # beside YAML's own errors, what a date or number that is none raises, or a deep nest
        message = f"{place} cannot be read: {' '.join(str(error).split())}"
        raise BadInput([Problem(message=message, hint="name what kfp's compiler wrote")], UNDONE) from None


def _compiled(document: Mapping[str, Any]) -> Graph:
    try:
        return graph.of_spec(spec.read(document))
    except (KeyError, TypeError, AttributeError) as error:
        message = f"this is no compiled pipeline: {type(error).__name__} at {error}"
        raise BadInput([Problem(message=message, hint="compile it again with kfp 2")], UNDONE) from None
