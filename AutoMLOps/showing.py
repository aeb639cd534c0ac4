"""The story of `automlops show`: the graph of a notebook, a codebase or a compiled pipeline, drawn as was asked."""

import os
from collections.abc import Mapping
from pathlib import Path

from . import api, codebase, disk, graph, mermaid, picture, processes, read, render, sketch, spec
from .errors import BadInput
from .graph import Graph
from .markup import escape
from .model import Problem
from .nouns import noun
from .settings import Settings

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
    return _of_source(place, which)


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
    return graph.of_spec(spec.read(processes.spec_of(path)))


def _of_source(place: str, which: str | None) -> Graph:
    source = read.notebook(place, disk.read_text(place))
    settings = {"output_dir": os.path.join(os.path.dirname(place), "AutoMLOps")}
    asked = api.Asked(source, settings=settings, which=which, beside=os.path.dirname(os.path.abspath(place)))
    reading = api.looked(asked, demanding=False).reading
    if reading.pipeline is None:
        raise BadInput(reading.problems, UNDONE)
    drawn = graph.of_pipeline(reading.pipeline)
    if drawn is not None:
        return drawn
    draft = render.tree(reading.pipeline, Settings())
    return graph.of_spec(spec.read(processes.spec_of_draft(draft, codebase.PIPELINE)))
