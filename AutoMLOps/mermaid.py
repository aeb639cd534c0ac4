"""A graph as Mermaid: text that GitHub and GitLab draw where it stands in a Markdown file."""

from collections.abc import Iterator, Mapping

from .graph import ROOT, Edge, Graph, Node, Shape

# How a node is framed, by what it is; a group with something in it is a frame around that.
FRAMES = {
    Shape.CONTAINER: ("[[", "]]"),
    Shape.IMPORTER: ("[(", ")]"),
    Shape.CONDITION: ("{{", "}}"),
    Shape.BRANCHES: ("{{", "}}"),
}
INDENT = "    "


def lines(graph: Graph) -> Iterator[str]:
    """The graph as the lines of a flowchart: every node and every edge once."""
    levels: dict[str, list[Node]] = {}
    for node in graph.nodes:
        levels.setdefault(node.parent, []).append(node)
    names = {node.path: f"n{number}" for number, node in enumerate(graph.nodes, 1)}
    yield "flowchart TD"
    yield from _level(ROOT, levels, names, INDENT)
    for edge in graph.edges:
        yield f"{INDENT}{names[edge.before]} {_arrow(edge)} {names[edge.after]}"


def _level(path: str, levels: Mapping[str, list[Node]], names: Mapping[str, str], indent: str) -> Iterator[str]:
    for node in levels.get(path, ()):
        text = label(*node.titles)
        if node.path in levels:
            yield f"{indent}subgraph {names[node.path]}[{text}]"
            yield from _level(node.path, levels, names, indent + INDENT)
            yield f"{indent}end"
        else:
            begin, end = FRAMES.get(node.shape, ("[", "]"))
            yield f"{indent}{names[node.path]}{begin}{text}{end}"


def _arrow(edge: Edge) -> str:
    """What only waits is dotted, as in the drawing."""
    return "-.->" if edge.order else "-->"


def label(*texts: str) -> str:
    """Texts one below the other, between quotes; what is neither a letter nor known to be harmless is written by its
    number, since Mermaid reads some signs as its own even there."""
    return f'"{"<br/>".join("".join(map(_letter, text)) for text in texts)}"'


HARMLESS = frozenset(" -_.,:/=+?!'()")


def _letter(letter: str) -> str:
    if letter.isalnum() or letter in HARMLESS:
        return letter
    return f"#{ord(letter)};" if letter.isprintable() else " "
