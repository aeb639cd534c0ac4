"""The picture of a pipeline: all of it, in its place, in words too, and harmless wherever it is shown."""

import json
import random
import re
import subprocess
import sys
from collections import Counter
from itertools import combinations
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tools import environment

from AutoMLOps import picture
from AutoMLOps.graph import Edge, Graph, Node, Shape
from AutoMLOps.model import State, TaskRun

SVG = "{http://www.w3.org/2000/svg}"


def drawn(names, edges=(), shapes=None, details=None, counts=None) -> Graph:
    """A graph of paths without "root/", in their order; an edge is "a b", or "a ~b" where b only waits."""
    shapes, details, counts = shapes or {}, details or {}, counts or {}
    nodes = tuple(
        Node(
            path=f"root/{name}",
            name=name.rpartition("/")[2],
            shape=shapes.get(name, Shape.STEP),
            parent=f"root/{name}".rpartition("/")[0],
            detail=details.get(name, ""),
            count=counts.get(name),
        )
        for name in names
    )
    pairs = [(before, after.lstrip("~"), "~" in after) for before, after in (edge.split() for edge in edges)]
    lines = tuple(Edge(before=f"root/{a}", after=f"root/{b}", order=order) for a, b, order in pairs)
    return Graph(name="some pipeline", nodes=nodes, edges=lines)


def task(path, state=State.SUCCEEDED, **more) -> TaskRun:
    name = path.rpartition("/")[2]
    return TaskRun(path=f"root/{path}", name=name, component=name, state=state, **more)


def parsed(graph, tasks=()) -> ElementTree.Element:
    return ElementTree.fromstring(picture.svg(graph, tasks))


def groups(svg) -> dict[str, ElementTree.Element]:
    return {each.get("data-node"): each for each in svg.iter(f"{SVG}g") if each.get("data-node")}


def ways(svg) -> dict[tuple[str, str, str], str]:
    found = [each for each in svg.iter(f"{SVG}path") if each.get("data-from")]
    return {(each.get("data-from"), each.get("data-to"), each.get("data-edge")): each.get("d") for each in found}


def texts(element) -> list[str]:
    return [each.text for each in element.findall(f"{SVG}text")]


def title(element) -> str:
    return element.find(f"{SVG}title").text


def frames(svg) -> dict[str, tuple[float, ...]]:
    """Where each node stands: left, top, right, bottom."""
    found = {}
    for path, group in groups(svg).items():
        x, y, width, height = (float(group.find(f"{SVG}rect").get(key)) for key in ("x", "y", "width", "height"))
        found[path] = (x, y, x + width, y + height)
    return found


def along(d: str) -> list[tuple[float, float]]:
    """Points on a way, close to each other."""
    points: list[tuple[float, float]] = []
    for letter, numbers in re.findall(r"([MVC])([^MVC]*)", d):
        values = [float(number) for number in re.findall(r"-?[\d.]+", numbers)]
        if letter == "M":
            points.append((values[0], values[1]))
            continue
        x, y = points[-1]
        a, b, end = (
            ((x, y), (x, values[0]), (x, values[0])) if letter == "V" else zip(values[::2], values[1::2], strict=True)
        )
        for step in range(1, 33):
            t, u = step / 32, 1 - step / 32
            points.append(
                tuple(
                    u**3 * p + 3 * u * u * t * q + 3 * u * t * t * r + t**3 * s
                    for p, q, r, s in zip((x, y), a, b, end, strict=True)
                )
            )
        assert letter == "C" or (a, b) != (end, end) or points[-1][0] == x
    return points


def faults(graph: Graph, tasks=()) -> list[str]:
    """What is wrong with where things stand: what overlaps, leaves its group or the picture, or is run through."""
    svg = parsed(graph, tasks)
    places, nodes = frames(svg), {node.path: node for node in graph.nodes}
    left, top, width, height = map(float, svg.get("viewBox").split())
    found = []
    for path, (x, y, right, bottom) in places.items():
        around = places.get(nodes[path].parent, (left, top, left + width, top + height))
        if not (around[0] <= x and around[1] <= y and right <= around[2] and bottom <= around[3]):
            found.append(f"{path} leaves what is around it")
    for a, b in combinations(places, 2):
        if nodes[a].parent == nodes[b].parent:
            one, other = places[a], places[b]
            if one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]:
                found.append(f"{a} and {b} overlap")
    for (before, after, _), d in ways(svg).items():
        points = along(d)
        (x, _, right, foot), (left_, head, right_, _) = places[before], places[after]
        if not (abs(points[0][0] - (x + right) / 2) < 0.2 and abs(points[0][1] - foot) < 0.2):
            found.append(f"{before} to {after} begins elsewhere")
        if not (abs(points[-1][0] - (left_ + right_) / 2) < 0.2 and abs(points[-1][1] - head) < 0.2):
            found.append(f"{before} to {after} ends elsewhere")
        for path, (west, north, east, south) in places.items():
            beside = nodes[path].parent == nodes[before].parent
            inner = [(px, py) for px, py in points if west + 1 < px < east - 1 and north + 1 < py < south - 1]
            if beside and inner:
                found.append(f"{before} to {after} runs through {path}")
    return found


def chain(count):
    names = [f"step-{n}" for n in range(count)]
    return drawn(names, [f"{a} {b}" for a, b in zip(names, names[1:], strict=False)])


def fan(count):
    names = [f"train-{n}" for n in range(count)]
    return drawn(["load", *names, "best"], [f"load {name}" for name in names] + [f"{name} best" for name in names])


def rows(count):
    """A fan whose arms have several steps each."""
    arms = [[f"load-{n}", f"train-{n}", f"evaluate-{n}"] for n in range(count)]
    edges = [
        f"{a} {b}" for arm in arms for a, b in [("start", arm[0]), *zip(arm, arm[1:], strict=False), (arm[2], "end")]
    ]
    return drawn(["start", *(name for arm in arms for name in arm), "end"], edges)


def mixed(count, seed):
    chance = random.Random(seed)
    pairs = {
        f"s{max(0, n - 1 - int(chance.expovariate(0.1)))} {'~' if chance.random() < 0.2 else ''}s{n}"
        for n in range(1, count)
        for _ in range(chance.choice([0, 1, 1, 2]))
    }
    known = {}
    for pair in sorted(pairs):
        known.setdefault(pair.replace("~", ""), pair)
    return drawn([f"s{n}" for n in range(count)], known.values())


NESTED = drawn(
    ["load", "exit-1", "exit-1/loop-2", "exit-1/loop-2/train", "exit-1/loop-2/or-3", "exit-1/loop-2/or-3/if-4"]
    + ["exit-1/loop-2/or-3/if-4/a", "exit-1/loop-2/or-3/if-4/b", "exit-1/loop-2/or-3/if-5", "exit-1/loop-2/or-3/if-5/c"]
    + ["exit-1/best", "exit-1/inner", "exit-1/inner/x", "close"],
    ["load exit-1", "exit-1 close", "exit-1/loop-2 exit-1/best", "exit-1/loop-2/train exit-1/loop-2/or-3"]
    + ["exit-1/loop-2/or-3/if-4/a ~exit-1/loop-2/or-3/if-4/b"],
    shapes={
        "exit-1": Shape.EXIT,
        "exit-1/loop-2": Shape.LOOP,
        "exit-1/loop-2/or-3": Shape.BRANCHES,
        "exit-1/loop-2/or-3/if-4": Shape.CONDITION,
        "exit-1/loop-2/or-3/if-5": Shape.CONDITION,
        "exit-1/inner": Shape.PIPELINE,
        "load": Shape.IMPORTER,
        "close": Shape.CONTAINER,
    },
    details={
        "exit-1/loop-2": "for each of depths",
        "exit-1/loop-2/or-3/if-4": 'if flip == "heads"',
        "exit-1/loop-2/or-3/if-5": "else",
        "close": "alpine",
    },
)
GRAPHS = {
    "nothing": drawn([]),
    "one": drawn(["alone"]),
    "a chain": chain(5),
    "a long chain": chain(100),
    "a fan": fan(98),
    "arms": rows(33),
    "alone": drawn([f"step-{n}" for n in range(100)]),
    "a shortcut": drawn(["a", "b", "c", "d"], ["a b", "b c", "c d", "a d", "a ~c"]),
    "groups": NESTED,
    "mixed": mixed(100, 1),
}
each_graph = pytest.mark.parametrize("graph", GRAPHS.values(), ids=GRAPHS)


@each_graph
def test_every_node_and_every_edge_is_drawn_once(graph):
    svg = parsed(graph)
    nodes = [each.get("data-node") for each in svg.iter() if each.get("data-node")]
    edges = [(each.get("data-from"), each.get("data-to")) for each in svg.iter() if each.get("data-from")]
    assert Counter(nodes) == Counter(node.path for node in graph.nodes)
    assert Counter(edges) == Counter((edge.before, edge.after) for edge in graph.edges)
    assert {path: each.get("data-shape") for path, each in groups(svg).items()} == {
        node.path: node.shape.value for node in graph.nodes
    }
    assert set(ways(svg)) == {(edge.before, edge.after, "order" if edge.order else "data") for edge in graph.edges}


@each_graph
def test_nothing_overlaps_and_no_edge_runs_through_a_node(graph):
    assert faults(graph) == []


@pytest.mark.parametrize("seed", range(12))
def test_nothing_overlaps_however_the_steps_hang_together(seed):
    assert faults(mixed(20 + 8 * seed, seed)) == []


def test_a_fault_in_the_layout_would_be_seen(monkeypatch):
    monkeypatch.setattr(picture, "_apart", lambda wanted, *rest: list(wanted))
    assert faults(fan(6))


@given(st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11)), max_size=30), st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_nothing_overlaps_in_any_graph(pairs, chance):
    edges = sorted({f"s{min(pair)} s{max(pair)}" for pair in pairs if pair[0] != pair[1]})
    names = [f"s{n}" for n in range(12)]
    details = {name: "x" * chance.randrange(40) for name in names}
    assert faults(drawn(names, edges, shapes=dict.fromkeys(names, Shape.IMPORTER), details=details)) == []


@pytest.mark.parametrize(
    ("graph", "width", "height"), [(chain(100), 900, 2600), (fan(98), 1000, 1600), (rows(33), 1000, 1700)]
)
def test_a_hundred_steps_stay_on_a_page(graph, width, height):
    svg = parsed(graph)
    assert float(svg.get("width")) <= width and float(svg.get("height")) <= height


def test_edges_beyond_all_measure_are_still_drawn():
    names = [f"s{n}" for n in range(150)]
    steps = [f"{a} {b}" for a, b in zip(names, names[1:], strict=False)]
    graph = drawn(names, [*steps, *(f"s{n} s{n + 75}" for n in range(75))])
    assert len(ways(parsed(graph))) == len(graph.edges)


def test_what_has_one_way_through_is_one_straight_line():
    graph = drawn(
        ["a", "b", "c1", "c2", "c3", "d", "e"], ["a b", "b c1", "b c2", "b c3", "c1 d", "c2 d", "c3 d", "d e", "a e"]
    )
    places = frames(parsed(graph))
    assert len({round(places[f"root/{name}"][0] + places[f"root/{name}"][2], 1) for name in "abde"}) == 1


def test_rows_go_from_top_to_bottom():
    places = frames(parsed(GRAPHS["a shortcut"]))
    tops = [places[f"root/{name}"][1] for name in "abcd"]
    assert tops == sorted(set(tops))


@given(st.lists(st.text(min_size=1), min_size=1, max_size=4, unique=True))
@settings(deadline=None)
def test_any_name_comes_back_from_the_picture(names):
    names = [re.sub("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "?", name) for name in names]
    nodes = tuple(
        Node(path=f"root/{place}-{name}", name=name, shape=Shape.CONDITION if place else Shape.STEP, detail=name)
        for place, name in enumerate(names)
    )
    edges = tuple(Edge(before=nodes[0].path, after=node.path) for node in nodes[1:])
    svg = parsed(Graph(name=names[0], nodes=nodes, edges=edges))
    found = groups(svg)
    assert set(found) == {node.path for node in nodes}
    assert all(title(found[node.path]).startswith(node.name) for node in nodes)
    assert {(before, after) for before, after, _ in ways(svg)} == {(edge.before, edge.after) for edge in edges}


@given(st.text())
def test_a_character_that_xml_cannot_hold_is_written_as_python_writes_it(name):
    svg = parsed(Graph(name="p", nodes=(Node(path="root/x", name=name + "\0\ud800\uffff", shape=Shape.STEP),)))
    assert r"\x00\ud800\uffff (step)" in title(groups(svg)["root/x"])


def test_a_long_name_is_shortened_in_its_middle_and_told_in_full():
    name = "fetch_customer_transactions_of_the_last_quarter_from_warehouse"
    (group,) = groups(parsed(drawn([name]))).values()
    (shown,) = texts(group)
    assert shown.startswith("fetch_cust") and shown.endswith("warehouse") and "…" in shown and len(shown) < 40
    assert title(group) == f"{name} (step)"


def test_short_names_and_details_stand_as_they_are():
    found = groups(parsed(NESTED))
    assert texts(found["root/close"]) == ["close", "alpine"]
    assert texts(found["root/exit-1/loop-2"]) == ["for each of depths"]
    assert texts(found["root/exit-1/loop-2/or-3/if-4"]) == ['if flip == "heads"']


@each_graph
@pytest.mark.parametrize("tasks", [(), (task("a", State.RUNNING), task("alone", State.RUNNING))], ids=["plain", "run"])
def test_it_holds_nothing_that_acts_or_loads_or_leaks(graph, tasks):
    text = picture.svg(graph, tasks)
    assert not re.search(r"<script|<foreignObject|<image|<use|href|url\(|@import|\son\w+=|\sid=", text, re.IGNORECASE)
    assert set(re.findall(r"https?://[^\"]*", text)) == {"http://www.w3.org/2000/svg"}
    for sheet in re.findall("<style>(.*?)</style>", text):
        rules = re.sub(r"@keyframes automlops-[\w-]+\{[^}]*\}\}", "", sheet).removeprefix(
            "@media (prefers-reduced-motion:no-preference){"
        )
        assert {rule.partition("{")[0] for rule in rules.split("}") if rule} == {".automlops-running"}


def test_only_what_runs_moves_and_not_for_who_wants_no_motion():
    still, moving = picture.svg(chain(2), [task("step-0")]), picture.svg(chain(2), [task("step-0", State.RUNNING)])
    assert "animation" not in still
    assert moving.count('class="automlops-running"') == 1
    assert "@media (prefers-reduced-motion:no-preference){.automlops-running{animation" in moving


@each_graph
def test_the_same_graph_is_the_same_picture(graph):
    assert picture.svg(graph) == picture.svg(graph)


def test_another_process_draws_the_same():
    code = "import test_picture as t; print(*map(t.picture.svg, t.GRAPHS.values()))"
    path = f"{environment()['PYTHONPATH']}:{environment()['PYTHONPATH']}/tests"
    texts = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**environment(), "PYTHONPATH": path, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        ).stdout
        for hash_seed in ("1", "2")
    }
    assert texts == {" ".join(map(picture.svg, GRAPHS.values())) + "\n"}


def test_it_says_in_words_what_it_shows():
    svg = parsed(
        drawn(["load", "train", "evaluate", "tell"], ["load train", "train evaluate", "load evaluate", "train ~tell"])
    )
    assert svg.get("role") == "img"
    assert title(svg) == "some pipeline: 4 steps"
    told = svg.find(f"{SVG}desc").text
    assert told == "4 steps: load, train after load, evaluate after train and load, tell after train"


def test_groups_are_not_counted_as_steps_and_states_are_said():
    svg = parsed(NESTED, [task("load"), task("exit-1", State.FAILED, group=True)])
    told = svg.find(f"{SVG}desc").text
    assert told.startswith("8 steps: load (succeeded), exit-1 after load (failed), loop-2 in exit-1 (skipped)")


def test_the_words_have_an_end():
    told = parsed(drawn([f"{n}{'x' * 500}" for n in range(500)])).find(f"{SVG}desc").text
    assert told.endswith("and 440 more") and len(told) < 5000
    gathered = parsed(fan(98)).find(f"{SVG}desc").text
    assert "and 40 more" in gathered


def luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("state", State)
def test_the_colour_of_a_state_stands_out_on_light_and_on_dark(state):
    light = luminance(picture.COLOURS[state])
    assert (luminance("#ffffff") + 0.05) / (light + 0.05) >= 3
    assert (light + 0.05) / (luminance("#111111") + 0.05) >= 3


def test_no_two_states_look_alike_without_their_colour():
    assert set(picture.STATES) == set(State) and len(set(picture.STATES.values())) == len(State)
    assert set(picture.SHAPES) == set(Shape) and len(set(picture.SHAPES.values())) == len(Shape)


@pytest.mark.parametrize("state", State)
def test_a_state_is_told_by_icon_colour_and_word(state):
    tasks = [task("a", state, started=100.0, ended=101.5), task("b", State.WAITING)]
    group = groups(parsed(drawn(["a", "b"]), tasks))["root/a"]
    (icon,) = group.findall(f"{SVG}path")
    assert icon.get("d") == picture.STATES[state] and icon.get("stroke") == picture.COLOURS[state]
    assert group.get("data-state") == state.value and state.value in title(group)
    words = {State.SUCCEEDED: "1.5 s", State.WAITING: "waiting", State.RUNNING: "running"}
    assert texts(group) == ["a", words.get(state, f"{state.value}, 1.5 s")]


def test_without_a_run_there_are_no_states():
    assert "data-state" not in picture.svg(NESTED)


LOOP = drawn(
    ["loop-1", "loop-1/train", "loop-1/if-2", "loop-1/if-2/tell"],
    ["loop-1/train loop-1/if-2"],
    shapes={"loop-1": Shape.LOOP, "loop-1/if-2": Shape.CONDITION},
    details={"loop-1": "for each of xs", "loop-1/if-2": "if train > 1"},
)


def measured(**values) -> str:
    said = {"name": "metrics", "uri": "m", "type": {"schemaTitle": "system.Metrics"}, "metadata": values}
    other = {"name": "model", "uri": "n", "type": {"schemaTitle": "system.Model"}, "metadata": {"depth": 3}}
    return json.dumps({"metrics": [said], "model": [other], "Output": 0.5, "names": ["a"]})


def of_loop(tasks, graph=LOOP) -> dict[str, list[str]]:
    return {path.removeprefix("root/"): texts(group) for path, group in groups(parsed(graph, tasks)).items()}


def test_a_loop_says_how_many_of_how_many_are_done():
    tasks = [
        task("loop-1", State.RUNNING, group=True, started=1.0),
        task("loop-1/0/train", started=1.0, ended=2.0, outputs=measured(accuracy=0.91234567, n=3)),
        task("loop-1/0/if-2", State.SKIPPED, group=True),
        task("loop-1/1/train", State.CACHED, started=2.0, ended=2.0, outputs=measured(accuracy=0.97, n=3)),
        task("loop-1/1/if-2", group=True, started=2.0, ended=3.0),
        task("loop-1/1/if-2/tell", started=2.0, ended=3.0),
        task("loop-1/2/train", State.RUNNING, started=2.0),
        task("loop-1/2/if-2", State.WAITING, group=True),
    ]
    assert of_loop(tasks) == {
        "loop-1": ["for each of xs", "2 of 3 done"],
        "loop-1/train": ["train", "2 of 3 done", "accuracy 0.9123 to 0.97", "n 3"],
        "loop-1/if-2": ["if train > 1", "2 of 3 done"],
        "loop-1/if-2/tell": ["tell", "1.0 s"],
    }
    states = {path: group.get("data-state") for path, group in groups(parsed(LOOP, tasks)).items()}
    assert states["root/loop-1/train"] == "running" and states["root/loop-1/if-2/tell"] == "succeeded"


def test_once_a_loop_has_ended_its_steps_say_how_often_they_ran():
    tasks = [task("loop-1", group=True, started=1.0, ended=5.0)]
    tasks += [task(f"loop-1/{n}/train", started=1.0 + n, ended=2.0 + n) for n in range(3)]
    tasks += [task(f"loop-1/{n}/if-2", State.SKIPPED, group=True) for n in range(2)]
    tasks += [task("loop-1/2/if-2", group=True, started=4.0, ended=5.0)]
    told = of_loop(tasks)
    assert told["loop-1"] == ["for each of xs", "3 of 3 done, 4.0 s"]
    assert told["loop-1/train"] == ["train", "3 times, 3.0 s"]
    assert told["loop-1/if-2"] == ["if train > 1", "1 of 3 times, 1.0 s"]


def test_a_loop_counts_the_items_that_have_not_begun_where_they_are_known():
    known = drawn(["l", "l/a"], shapes={"l": Shape.LOOP}, counts={"l": 5})
    tasks = [task("l", State.RUNNING, group=True), task("l/0/a", started=1.0, ended=2.0), task("l/1/a", State.RUNNING)]
    assert of_loop(tasks, known)["l"] == ["l", "1 of 5 done"]
    (loop, inner) = known.nodes
    some = Graph(name="p", nodes=(Node(path=loop.path, name="l", shape=Shape.LOOP, limit=2), inner))
    assert of_loop(tasks, some)["l"] == ["l", "1 done"]


def test_a_loop_over_nothing_is_done():
    tasks = [task("loop-1", group=True, started=1.0, ended=1.0)]
    told = of_loop(tasks)
    assert told["loop-1"] == ["for each of xs", "0 of 0 done, 0.00 s"]
    assert told["loop-1/if-2/tell"] == ["tell", "skipped"]


def test_a_loop_within_a_loop_gathers_all_its_rounds():
    inner = drawn(["l", "l/m", "l/m/a"], shapes={"l": Shape.LOOP, "l/m": Shape.LOOP})
    tasks = [task("l", group=True), *(task(f"l/{n}/m", group=True) for n in range(2))]
    tasks += [task(f"l/{n}/m/{k}/a", State.FAILED if n else State.SUCCEEDED) for n in range(2) for k in range(3)]
    svg = parsed(inner, tasks)
    assert groups(svg)["root/l/m/a"].get("data-state") == "failed"
    assert texts(groups(svg)["root/l/m/a"])[1] == "6 times"


@pytest.mark.parametrize(
    ("states", "together"),
    [
        ("succeeded succeeded", "succeeded"),
        ("succeeded skipped", "succeeded"),
        ("cached skipped", "cached"),
        ("skipped skipped", "skipped"),
        ("waiting waiting", "waiting"),
        ("succeeded waiting", "running"),
        ("succeeded running", "running"),
        ("failed running", "failed"),
        ("cancelled succeeded", "cancelled"),
    ],
)
def test_several_rounds_have_one_state(states, together):
    tasks = [task("loop-1", State.RUNNING, group=True)]
    tasks += [task(f"loop-1/{n}/train", State(state)) for n, state in enumerate(states.split())]
    assert groups(parsed(LOOP, tasks))["root/loop-1/train"].get("data-state") == together


def test_what_stands_in_a_branch_not_taken_was_skipped_and_what_is_still_to_come_waits():
    graph = drawn(["if-1", "if-1/a", "if-2", "if-2/b"], shapes={"if-1": Shape.CONDITION, "if-2": Shape.CONDITION})
    svg = parsed(graph, [task("if-1", State.SKIPPED, group=True), task("if-2", State.WAITING, group=True)])
    assert groups(svg)["root/if-1/a"].get("data-state") == "skipped"
    assert groups(svg)["root/if-2/b"].get("data-state") == "waiting"


def test_metrics_are_told_below_the_name_and_other_outputs_are_not():
    tasks = [task("a", started=1.0, ended=1.25, outputs=measured(accuracy=0.9712345, rows=178, kind="tree", deep=[1]))]
    assert texts(groups(parsed(drawn(["a"]), tasks))["root/a"]) == [
        "a",
        "0.2 s",
        "accuracy 0.9712",
        "rows 178",
        "kind tree",
    ]


@pytest.mark.parametrize(
    ("time", "words"), [(0.034, "0.03 s"), (1.24, "1.2 s"), (59.94, "59.9 s"), (90, "1 min 30 s"), (7260, "2 h 1 min")]
)
def test_times_are_short(time, words):
    assert picture.seconds(time) == words


def test_the_frame_scrolls_and_holds_the_picture():
    assert picture.html(NESTED) == f"{picture.FRAME}{picture.svg(NESTED)}</div>"
    assert "overflow:auto" in picture.FRAME and 'tabindex="0"' in picture.FRAME  # to be scrolled by the keyboard


def test_metadata_that_has_no_names_is_no_metric():
    outputs = json.dumps({"m": [{"uri": "/m", "type": {"schemaTitle": "system.Metrics"}, "metadata": ["odd"]}]})
    ran = TaskRun(path="root/a", name="a", component="a", state=State.SUCCEEDED, outputs=outputs)
    drawn = picture.svg(Graph(name="p", nodes=(Node(path="root/a", name="a", shape=Shape.STEP),)), [ran])
    assert 'data-state="succeeded"' in drawn and "odd" not in drawn
