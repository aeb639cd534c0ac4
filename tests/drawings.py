"""Judges a drawing as a file of its own, and reads a graph back from Mermaid."""

import re
from collections import Counter
from xml.etree import ElementTree

SVG = "{http://www.w3.org/2000/svg}"
KNOWN = {f"{SVG}{name}" for name in ("svg", "title", "desc", "style", "g", "rect", "path", "text")}
REACHES = re.compile(r"url\(|@import|https?:|//|data:|javascript:", re.IGNORECASE)


def faults(text: str) -> list[str]:
    """What is wrong with an SVG file: what is no XML, what runs or reaches elsewhere, what is named twice, and words
    that do not begin within their box."""
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        return [f"no XML: {error}"]
    found = [f"a <{each.tag.removeprefix(SVG)}>" for each in root.iter() if each.tag not in KNOWN]
    for each in root.iter():
        for name, value in each.attrib.items():
            if name.lower().startswith("on") or name.rpartition("}")[2] in ("href", "src"):
                found.append(f"{name} on a <{each.tag.removeprefix(SVG)}>")
            if not name.startswith("data-") and REACHES.search(value):
                found.append(f"{name}={value!r} reaches elsewhere")
        if each.tag == f"{SVG}style" and REACHES.search(each.text or ""):
            found.append(f"a style reaches elsewhere: {each.text}")
    for name in ("id", "data-node"):
        seen = Counter(each.get(name) for each in root.iter() if each.get(name))
        found += [f"{name} {value!r} is there {count} times" for value, count in seen.items() if count > 1]
    return [*found, *_outside(root)]


def _outside(root: ElementTree.Element) -> list[str]:
    found = []
    left, top, width, height = map(float, root.get("viewBox", "").split())
    for group in (each for each in root.iter(f"{SVG}g") if each.get("data-node")):
        frame = group.find(f"{SVG}rect")
        assert frame is not None
        x, y, wide, high = (float(frame.get(name, "nan")) for name in ("x", "y", "width", "height"))
        if not (left <= x and top <= y and x + wide <= left + width and y + high <= top + height):
            found.append(f"{group.get('data-node')} leaves the drawing")
        for line in group.findall(f"{SVG}text"):
            at, base = float(line.get("x", "nan")), float(line.get("y", "nan"))
            if not (x < at < x + wide and y < base < y + high):
                found.append(f"{line.text!r} stands outside of {group.get('data-node')}")
    return found


# A flowchart of Mermaid, as mermaid.py writes it

NODE = re.compile(r'(n\d+)(?:\["(.*)"\]|\[\["(.*)"\]\]|\[\("(.*)"\)\]|\{\{"(.*)"\}\})')
GROUP = re.compile(r'subgraph (n\d+)\["(.*)"\]')
EDGE = re.compile(r"(n\d+) (-->|-\.->) (n\d+)")
Nodes = list[tuple[str, tuple[str, ...]]]  # the number of the group around it, and its lines


def flowchart(text: str) -> tuple[Nodes, set[tuple[int, int, bool]]]:
    """The nodes in their order, and the edges between them by their places in it; an order edge is True."""
    first, *rest = text.strip().splitlines()
    assert first == "flowchart TD", first
    nodes: Nodes = []
    edges, places, around = set(), {"": -1}, [""]
    for line in map(str.strip, rest):
        if line == "end":
            around.pop()
        elif edge := EDGE.fullmatch(line):
            edges.add((places[edge[1]], places[edge[3]], edge[2] == "-.->"))
        else:
            found = GROUP.fullmatch(line) or NODE.fullmatch(line)
            assert found, line
            name, *labels = found.groups()
            assert name not in places, f"{name} is there twice"
            places[name] = len(nodes)
            nodes.append((around[-1], tuple(map(_read, next(filter(None, labels)).split("<br/>")))))
            if line.startswith("subgraph"):
                around.append(name)
    assert around == [""], "a group does not end"
    return nodes, edges


def _read(label: str) -> str:
    assert '"' not in label and "`" not in label, label
    return re.sub(r"#(\d+);", lambda found: chr(int(found[1])), label)


def block(markdown: str, begins: str = "flowchart TD") -> str:
    """The block of Mermaid that begins so in a Markdown file."""
    (found,) = [
        each for each in re.findall(r"^```mermaid\n(.*?)^```$", markdown, re.M | re.S) if each.startswith(begins)
    ]
    return found
