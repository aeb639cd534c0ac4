"""A graph as Mermaid: every node and edge, whatever they are called."""

import dataclasses
import re
from xml.etree import ElementTree

import pytest
from drawings import SVG, block, faults, flowchart
from golden import CASES, ROOT
from hypothesis import given
from hypothesis import strategies as st
from pictures import HOSTILE, KINDS, NASTIEST, WINE

from AutoMLOps import graph, mermaid, picture, render
from AutoMLOps.graph import Edge, Graph, Node, Shape
from AutoMLOps.settings import Settings

PROJECT = Settings(project_id="my-project-123")
PUSHED = dataclasses.replace(PROJECT, run_local=False, source_repo_type="github", source_repo_name="example/wine")


def said(drawn: Graph):
    """What a flowchart of this graph has to say: what is in a group stands within it."""

    def walk(path):
        for node in drawn.nodes:
            if node.parent == path:
                yield node
                yield from walk(node.path)

    ordered = list(walk(graph.ROOT))
    names = {node.path: f"n{number}" for number, node in enumerate(drawn.nodes, 1)}
    places = {node.path: place for place, node in enumerate(ordered)}
    nodes = [(names.get(node.parent, ""), tuple(map(shown, node.titles))) for node in ordered]
    return nodes, {(places[edge.before], places[edge.after], edge.order) for edge in drawn.edges}


def shown(text: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in text)


def readme(pipeline=WINE, chosen=PROJECT) -> str:
    return next(file.text for file in render.tree(pipeline, chosen).files if file.path == "README.md")


def ups(count: int):
    return st.lists(st.tuples(st.integers(0, count - 1), st.integers(0, count - 1), st.booleans()), max_size=8)


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """Any steps, in groups two deep, called anything, with edges between those that stand side by side."""
    nodes: list[Node] = []
    for number in range(draw(st.integers(1, 9))):
        inside = [each.path for each in nodes if each.shape is Shape.LOOP and each.path.count("/") < 3]
        parent = draw(st.sampled_from([graph.ROOT, *inside]))
        shape, name, detail = draw(st.sampled_from(Shape)), draw(st.text(min_size=1)), draw(st.text())
        nodes.append(Node(path=f"{parent}/s-{number}", name=name, shape=shape, parent=parent, detail=detail))
    found = {}
    for one, other, order in draw(ups(len(nodes))):
        if one < other and nodes[one].parent == nodes[other].parent:
            found[one, other] = Edge(before=nodes[one].path, after=nodes[other].path, order=order)
    return Graph(name="any", nodes=tuple(nodes), edges=tuple(found.values()))


@given(graphs())
def test_every_node_and_edge_is_in_it_once(drawn):
    written = list(mermaid.lines(drawn))
    assert all(len(line.splitlines()) == 1 for line in written)
    assert flowchart("\n".join(written)) == said(drawn)


def test_a_flowchart_is_as_a_person_would_write_it():
    loop = Node(path="root/for-loop-1", name="for-loop-1", shape=Shape.LOOP, detail="for each of depths")
    train = Node(path="root/for-loop-1/train", name="train", shape=Shape.STEP, parent="root/for-loop-1")
    load = Node(path="root/load", name="load", shape=Shape.IMPORTER, detail="gs://wine/data.csv")
    ship = Node(path="root/ship", name="ship", shape=Shape.CONTAINER)
    edges = (Edge(before=load.path, after=loop.path), Edge(before=loop.path, after=ship.path, order=True))
    assert list(mermaid.lines(Graph(name="wine", nodes=(load, loop, train, ship), edges=edges))) == [
        "flowchart TD",
        '    n1[("load<br/>gs://wine/data.csv")]',
        '    subgraph n2["for each of depths"]',
        '        n3["train"]',
        "    end",
        '    n4[["ship"]]',
        "    n1 --> n2",
        "    n2 -.-> n4",
    ]


@pytest.mark.parametrize("text", [NASTIEST, "```\n# x", "%%{init: {}}%%", "end", "a]b}c", '"; x --> y', "<b>&amp;"])
def test_a_label_says_the_text_and_nothing_else(text):
    begin, inside, end = re.fullmatch(r'(")(.*)(")', mermaid.label(text)).groups()
    assert begin == end and not set('"`<>&%{}[]|\\~*$') & set(inside)
    assert re.sub(r"#(\d+);", lambda found: chr(int(found[1])), inside) == shown(text)


@pytest.mark.parametrize("case", CASES)
def test_a_readme_and_its_drawing_show_the_same_graph(case):
    tree = ROOT / case / "tree"
    nodes, edges = flowchart(block((tree / "README.md").read_text(encoding="utf-8")))
    svg = ElementTree.parse(tree / "docs/pipeline.svg").getroot()
    titles = {
        each.get("data-node"): each.find(f"{SVG}text").text for each in svg.iter(f"{SVG}g") if each.get("data-node")
    }
    drawn = [
        (titles[each.get("data-from")], titles[each.get("data-to")], each.get("data-edge") == "order")
        for each in svg.iter(f"{SVG}path")
        if each.get("data-edge")
    ]
    assert sorted(titles.values()) == sorted(lines[0] for _, lines in nodes)
    assert sorted(drawn) == sorted((nodes[a][1][0], nodes[b][1][0], order) for a, b, order in edges)


@pytest.mark.parametrize("pipeline", [WINE, HOSTILE], ids=lambda pipeline: pipeline.name)
def test_a_readme_shows_the_pipeline(pipeline):
    drawn = graph.of_pipeline(pipeline)
    assert drawn and flowchart(block(readme(pipeline))) == said(drawn)
    assert f"![The pipeline: {len(drawn.nodes)} steps](docs/pipeline.svg)" in readme(pipeline)


def test_what_only_a_run_can_tell_is_drawn_by_a_command():
    assert "mermaid" not in readme(KINDS) and "`automlops show . --svg docs/pipeline.svg`" in readme(KINDS)
    assert not [file.path for file in render.tree(KINDS, PROJECT).files if file.path.startswith("docs/")]


def test_a_push_is_shown_where_there_is_a_trigger():
    assert "flowchart LR" not in readme()
    shown = block(readme(WINE, PUSHED), "flowchart LR")
    assert shown.splitlines()[1:7] == [
        '    push["push to automlops"] --> trigger["trigger<br/>automlops-trigger"]',
        '    subgraph build["Cloud Build"]',
        '        test1["test the steps"]',
        '        image1["build the image"]',
        '        compile["compile, with the digests"] --> upload["upload the spec<br/>my-project-123-bucket"]',
        "        test1 --> compile",
    ]
    several = block(readme(WINE, dataclasses.replace(PUSHED, images="per-component")), "flowchart LR")
    assert several.count("--> compile") == 2 * len(WINE.components) and '"build train_model"' in several


@pytest.mark.parametrize("header", [None, "(c) -- x --> y --- <svg>&"])
def test_a_drawing_is_sound(header):
    for pipeline in (WINE, HOSTILE):
        tree = render.tree(pipeline, dataclasses.replace(PROJECT, license_header=header)).files
        assert not faults(next(file.text for file in tree if file.path == "docs/pipeline.svg"))


@given(graphs())
def test_any_graph_is_a_sound_drawing(drawn):
    assert not faults(picture.file(drawn))


BASE = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 99 99">{}</svg>'
BOX = '<g data-node="a"><rect x="1" y="1" width="20" height="20"/><text x="{}" y="{}">a</text></g>'


@pytest.mark.parametrize(
    ("inside", "fault"),
    [
        ("<g>", "no XML"),
        ("<script/>", "a <script>"),
        ('<rect onclick="x"/>', "onclick on a <rect>"),
        ('<g href="#a"/>', "href on a <g>"),
        ('<rect fill="url(https://example.org)"/>', "reaches elsewhere"),
        ("<style>@import 'x'</style>", "reaches elsewhere"),
        ('<g id="a"/><g id="a"/>', "id 'a' is there 2 times"),
        (BOX.format(30, 9), "stands outside of a"),
        (BOX.format(9, 30), "stands outside of a"),
        (BOX.format(9, 9).replace("20", "120"), "leaves the drawing"),
    ],
)
def test_the_judge_sees_what_is_wrong(inside, fault):
    assert not faults(BASE.format(BOX.format(9, 9)))
    assert any(fault in each for each in faults(BASE.format(inside)))
