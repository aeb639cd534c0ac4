"""The DAG of a pipeline: what kfp compiles and what was read of the notebook say the same."""

import hashlib
import importlib.util
import json
import random
import warnings

import pytest
from google.protobuf.json_format import MessageToDict
from pictures import HOSTILE, KINDS, WINE

from AutoMLOps import BadInput, graph, read, spec
from AutoMLOps.graph import Edge, Graph, Node, Shape

COMPONENTS = """
from AutoMLOps import AutoMLOps
from kfp import dsl
from kfp.dsl import Dataset, Input, Metrics, Output, PipelineTaskFinalStatus

LIMIT = 7


@AutoMLOps.component
def num(a: int = 1, b: int = 2) -> int:
    return a + b


@AutoMLOps.component
def word(t: str = "x") -> str:
    return t


@AutoMLOps.component
def listed(n: int = 2) -> list:
    return [n]


@AutoMLOps.component
def make(data: Output[Dataset], metrics: Output[Metrics]):
    pass


@AutoMLOps.component
def take(data: Input[Dataset], n: int = 1) -> int:
    return n


@AutoMLOps.component
def gather(ns: list) -> int:
    return len(ns)


@AutoMLOps.component
def close(status: PipelineTaskFinalStatus):
    pass


@AutoMLOps.component
def sweep(x: int = 1):
    pass


@AutoMLOps.pipeline(name="any")
def pipe(n: int, w: str, f: float, b: bool, l: list):  # noqa: E741
"""
VALUES = {"n": 1, "w": "x", "f": 0.5, "b": True, "l": [1]}


def step(path: str, name: str = "", shape: Shape = Shape.STEP, **more) -> Node:
    """A node by what follows "root/" in its path."""
    parent, _, last = f"root/{path}".rpartition("/")
    return Node(path=f"root/{path}", name=name or last, shape=shape, parent=parent, **more)


def edge(before: str, after: str, order: bool = False) -> Edge:
    return Edge(before=f"root/{before}", after=f"root/{after}", order=order)


def as_read(body: str):
    """The graph of a notebook with this pipeline function."""
    reading = read.pipeline(read.notebook("work.py", COMPONENTS + body), VALUES)
    assert reading.problems == () and reading.pipeline is not None
    return graph.of_pipeline(reading.pipeline)


def document(folder, body: str) -> dict:
    """The spec that kfp compiles of the same."""
    path = folder / f"wiring_{hashlib.sha256(body.encode()).hexdigest()}.py"  # by its own name: Python keeps byte code
    path.write_text((COMPONENTS + body).replace("@AutoMLOps.", "@dsl.").replace("from AutoMLOps import AutoMLOps", ""))
    found = importlib.util.spec_from_file_location("wiring", path)
    module = importlib.util.module_from_spec(found)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found.loader.exec_module(module)
    return MessageToDict(module.pipe.pipeline_spec)


def as_compiled(folder, body: str) -> Graph:
    return graph.of_spec(spec.read(document(folder, body)))


BODIES = {
    "one step": """
    num()
""",
    "a value, an artifact and an order": """
    a = num(a=n)
    data = make().after(a)
    take(data=data.outputs["data"], n=a.output)
    sweep().after(data, a)
""",
    "an order given later, and an order beside a value": """
    a = num()
    c = num(a=a.output).after(a)
    d = word()
    d.after(c).after(a)
""",
    "a text that mentions steps": """
    a = num()
    c = word()
    word(t=f"{a.output} and {c.output} of {w}")
""",
    "a name that is used again": """
    a = num()
    a = num(a=a.output)
    num(a=a.output)
""",
    "names of its own": """
    a = num().set_display_name("Größe <1> & co")
    a.set_caching_options(False)
    with dsl.If(a.output > 1, name="big"):
        word().set_display_name("x")
    with dsl.ParallelFor([1], name="each one"):
        word()
""",
    "conditions of all kinds": """
    a = num()
    c = word()
    with dsl.If(a.output > LIMIT):
        sweep()
    with dsl.If(3 < n):
        sweep()
    with dsl.If(c.output == "it is é"):
        sweep()
    with dsl.If(f < 0.5):
        sweep()
    with dsl.If(b == True):  # noqa: E712
        sweep()
    with dsl.If(a.output == n):
        sweep()
    with dsl.If(n != -1):
        with dsl.Condition(w == "x"):
            num(a=a.output)
""",
    "if, elif and else": """
    a = num()
    with dsl.If(a.output > 1):
        first = word(t="1")
        num(a=a.output)
    with dsl.Elif(a.output > 0):
        second = word(t="2")
    with dsl.Elif(n > 4):
        third = word(t="3")
    with dsl.Else():
        with dsl.If(n > 5):
            word()
        with dsl.Else():
            num()
        last = word(t="4")
    word(t=dsl.OneOf(first.output, second.output, third.output, last.output))
""",
    "an elif without an else takes in what follows": """
    with dsl.ParallelFor([1, 2]):
        with dsl.If(n > 1):
            num()
        with dsl.Elif(n > 0):
            num()
        word()
    listed()
    with dsl.If(n > 2):
        num()
    with dsl.Else():
        num()
""",
    "loops over lists, parameters and outputs": """
    xs = listed()
    with dsl.ParallelFor([1, 2], parallelism=1) as item:
        num(a=item)
    with dsl.ParallelFor(l) as item:
        made = num()
        with dsl.If(item == "x"):
            word()
    with dsl.ParallelFor(xs.output) as item:
        word(t=f"{item}").after(made)
    gather(ns=dsl.Collected(made.output))
    with dsl.ParallelFor(["a long one, and another of the kind", "ü"]) as item:
        word(t=item)
""",
    "loops within loops": """
    with dsl.ParallelFor([{"a": "p"}, {"a": "q"}]) as outer:
        given = word(t=outer.a)
        with dsl.ParallelFor(["x", "y"]) as inner:
            made = num()
            word(t=inner).after(given)
        gather(ns=dsl.Collected(made.output))
""",
    "an exit handler that hears how it went": """
    closing = close()
    with dsl.ExitHandler(closing, name="guard"):
        a = num()
        with dsl.If(a.output > 1):
            num(a=a.output)
""",
    "an exit handler that does not": """
    closing = sweep()
    other = num()
    with dsl.ExitHandler(closing):
        a = make()
        take(data=a.outputs["data"])
    num(a=other.output)
""",
    "steps made inside of others, and outputs by other names": """
    first, second = num(a=num().output), word(t=f"{word().output}!")
    taken = first.output
    with dsl.ParallelFor(listed(n=taken).output) as item, dsl.If(word(t=item).output == "x"):
        take(data=make().after(second).outputs["data"], n=num(a=taken).output)
    one = num()
    with dsl.If(taken > 1):
        high = word()
    with dsl.Else():
        low = word(t=second.output)
    chosen = dsl.OneOf(high.output, low.output)
    word(t=chosen).after(one, sweep())
""",
    "several groups in one statement": """
    with dsl.If(n > 1), dsl.ParallelFor([1, 2]) as item:
        num(a=item)
""",
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_what_was_read_is_the_graph_that_kfp_compiles(tmp_path, body):
    assert as_read(body) == as_compiled(tmp_path, body)


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_every_task_of_the_spec_is_a_node_and_every_dependency_an_edge(tmp_path, body):
    compiled = document(tmp_path, body)
    found = graph.of_spec(spec.read(compiled))
    nodes, edges = set(), set()

    def look(dag: dict, path: str) -> None:
        for name, task in dag["tasks"].items():
            nodes.add(f"{path}/{name}")
            given = json.dumps(task.get("inputs", {}))
            for other in dag["tasks"]:
                if f'"producerTask": "{other}"' in given:
                    edges.add((f"{path}/{other}", f"{path}/{name}", False))
                elif other in task.get("dependentTasks", []):
                    edges.add((f"{path}/{other}", f"{path}/{name}", True))
            inside = compiled["components"][task["componentRef"]["name"]]
            if "dag" in inside:
                look(inside["dag"], f"{path}/{name}")

    look(compiled["root"]["dag"], "root")
    assert {node.path for node in found.nodes} == nodes
    assert {(each.before, each.after, each.order) for each in found.edges} == edges
    assert len(found.nodes) == len(nodes) and len(found.edges) == len(edges)


def test_steps_in_a_row_are_joined_by_what_they_hand_on():
    assert graph.of_pipeline(WINE) == Graph(
        name="wine-quality",
        nodes=(step("load-data"), step("train-model"), step("evaluate-model")),
        edges=(edge("load-data", "train-model"), edge("train-model", "evaluate-model")),
    )


def test_data_wins_over_order_where_both_join_two_steps():
    found = as_read(BODIES["an order given later, and an order beside a value"])
    assert edge("num", "num-2") in found.edges and edge("num", "word", order=True) in found.edges


def test_a_text_that_only_mentions_its_own_inputs_joins_nothing():
    assert graph.of_pipeline(HOSTILE).edges == (edge("shout", "shout-2"),)


def test_details_are_in_the_words_of_the_pipeline():
    details = {node.path: node.detail for node in as_read(BODIES["if, elif and else"]).nodes if node.detail}
    within = "root/condition-branches-1"
    assert details == {
        within: "the first that holds",
        f"{within}/condition-2": "if num > 1",
        f"{within}/condition-3": "else if num > 0",
        f"{within}/condition-4": "else if n > 4",
        f"{within}/condition-5": "else",
        f"{within}/condition-5/condition-branches-6": "the first that holds",
        f"{within}/condition-5/condition-branches-6/condition-7": "if n > 5",
        f"{within}/condition-5/condition-branches-6/condition-8": "else",
    }


def test_a_loop_tells_what_it_goes_over():
    nodes = as_read(BODIES["loops over lists, parameters and outputs"]).nodes
    found = {node.detail: (node.count, node.limit) for node in nodes if node.shape is Shape.LOOP}
    assert found == {
        "for each of [1, 2], 1 at a time": (2, 1),
        "for each of l": (None, 0),
        "for each of listed": (None, 0),
        "for each of 2 items": (2, 0),
    }


def test_what_is_waited_for_comes_first_and_numbers_count():
    body = "    last = num()\n" + "".join(f"    a{n} = num()\n    last.after(a{n})\n" for n in range(2, 12))
    assert [node.name for node in as_read(body).nodes] == [*(f"num-{n}" for n in range(2, 12)), "num"]


@pytest.mark.parametrize(
    "body",
    [
        "    for x in range(3):\n        num(a=x)\n",
        "    a = num()\n    word().set_env_variable('A', a.output)\n",
        "    with dsl.ParallelFor(sorted([2, 1])) as item:\n        num(a=item)\n",
        "    with dsl.ParallelFor([1, 2]) as item:\n        with dsl.If(item == 1):\n            num()\n",
    ],
    ids=["a for of Python", "an output in a setting", "items that are computed", "an item of no known kind"],
)
def test_what_only_kfp_can_tell_has_no_graph_yet(body):
    assert as_read(body) is None


def test_a_pipeline_that_cannot_be_read_has_no_graph_yet():
    assert not KINDS.readable and graph.of_pipeline(KINDS) is None


SHAPES = {
    "pipelineInfo": {"name": "shapes"},
    "root": {
        "dag": {
            "tasks": {
                "box": {"componentRef": {"name": "comp-box"}},
                "fetch": {"componentRef": {"name": "comp-fetch"}},
                "inner": {
                    "componentRef": {"name": "comp-inner"},
                    "dependentTasks": ["box"],
                    "taskInfo": {"name": "In"},
                },
                "exit-handler-9": {"componentRef": {"name": "comp-inner"}},
            }
        }
    },
    "components": {
        "comp-box": {"executorLabel": "exec-box"},
        "comp-fetch": {"executorLabel": "exec-fetch"},
        "comp-inner": {"dag": {"tasks": {"job": {"componentRef": {"name": "comp-job"}}}}},
        "comp-job": {"executorLabel": "exec-job"},
    },
    "deploymentSpec": {
        "executors": {
            "exec-box": {"container": {"image": "alpine:3", "command": ["true"]}},
            "exec-fetch": {"importer": {"artifactUri": {"constant": "gs://b/x"}}},
            "exec-job": {"customJob": {}},
        }
    },
}


def test_shapes_tell_what_a_step_is_and_a_pipeline_named_like_a_group_is_a_pipeline():
    assert graph.of_spec(spec.read(SHAPES)) == Graph(
        name="shapes",
        nodes=(
            step("box", shape=Shape.CONTAINER, detail="alpine:3"),
            step("exit-handler-9", shape=Shape.PIPELINE),
            step("exit-handler-9/job", shape=Shape.CONTAINER, detail="is a customJob"),
            step("fetch", shape=Shape.IMPORTER, detail="gs://b/x"),
            step("inner", "In", Shape.PIPELINE),
            step("inner/job", shape=Shape.CONTAINER, detail="is a customJob"),
        ),
        edges=(edge("box", "inner", order=True),),
    )


def one_of(outputs: dict) -> dict:
    """A spec whose branches make one of two words, and a condition on what they made."""
    taken = {"taskOutputParameter": {"producerTask": "condition-branches-1", "outputParameterKey": "made"}}
    reference = "inputs.parameter_values['pipelinechannel--made']"
    when = {"triggerPolicy": {"condition": f"{reference} == '1'"}, "componentRef": {"name": "comp-then"}}
    branch = {"triggerPolicy": {"condition": "true"}, "componentRef": {"name": "comp-branch"}}
    tasks = {
        "condition-branches-1": {"componentRef": {"name": "comp-condition-branches-1"}},
        "condition-4": {**when, "inputs": {"parameters": {"pipelinechannel--made": taken}}},
    }
    step = {"componentRef": {"name": "comp-word"}}
    inner = {"word": step, "word-2": step}
    declared = {"parameters": {name: {"parameterType": "STRING"} for name in outputs.get("parameters", {})}}
    branches = {"dag": {"tasks": {"a": branch, "b": branch}, "outputs": outputs}, "outputDefinitions": declared}
    return {
        "root": {"dag": {"tasks": tasks}},
        "components": {
            "comp-condition-branches-1": branches,
            "comp-branch": {"dag": {"tasks": inner, "outputs": {"parameters": {"Output": chosen("word")}}}},
            "comp-then": {"dag": {"tasks": {"word": step}}},
            "comp-word": {"executorLabel": "exec-word"},
        },
        "deploymentSpec": {"executors": {"exec-word": {"container": {"image": "alpine"}}}},
    }


def chosen(task: str) -> dict:
    return {"valueFromParameter": {"producerSubtask": task, "outputParameterKey": "Output"}}


def test_an_output_goes_by_the_step_that_makes_it_even_from_within_groups():
    selected = {"parameterSelectors": [{"producerSubtask": name, "outputParameterKey": "Output"} for name in "ab"]}
    found = graph.of_spec(spec.read(one_of({"parameters": {"made": {"valueFromOneof": selected}}})))
    assert found.nodes[-2] == step("condition-4", shape=Shape.CONDITION, detail='if word == "1"')


def test_what_a_group_does_not_give_is_refused():
    with pytest.raises(BadInput, match="condition-4 is given made, which condition-branches-1 does not give"):
        spec.read(one_of({}))


class Author:
    """Writes pipeline functions by chance, of all that can be read without running them."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.lines: list[str] = []
        self.made = 0

    def body(self, depth: int = 1, seen: tuple = (), items: tuple = ()) -> list[tuple[str, str]]:
        own: list[tuple[str, str]] = []
        for _ in range(self.chance.randint(1, 4)):
            known = [*seen, *own]
            choice = self.chance.random()
            if choice < 0.6 or depth > 3:
                own.append(self.step(depth, known))
            elif choice < 0.8:
                self.branches(depth, known, items)
            else:
                own += self.loop(depth, known, items)
        return own

    def write(self, depth: int, line: str) -> None:
        self.lines.append("    " * depth + line)

    def of(self, known, component: str) -> list[str]:
        return [name for name, what in known if what == component]

    def step(self, depth, known) -> tuple[str, str]:
        self.made += 1
        name, what = f"t{self.made}", self.chance.choice(["num", "word", "listed", "make"])
        number, data = self.number(depth, known), self.of(known, "make")
        call = f"{what}()"
        if what == "num" and number:
            call = f"num(a={number})"
        elif what == "word" and number:
            call = f'word(t=f"{{{number}}} {{w}}")'
        elif what == "make" and data:
            call, what = f'take(data={self.chance.choice(data)}.outputs["data"])', "num"
        if known and self.chance.random() < 0.3:
            call += f".after({self.chance.choice(known)[0]})"
        self.write(depth, f"{name} = {call}")
        return name, what

    def number(self, depth, known) -> str:
        """A number that a step made: of one that has a name, by another name, or made where it is needed."""
        numbers, choice = self.of(known, "num"), self.chance.random()
        if choice < 0.15:
            return self.chance.choice(["num().output", "num(a=num().after(num()).output).outputs['Output']"])
        if not numbers:
            return ""
        if choice > 0.85:
            self.made += 1
            self.write(depth, f"k{self.made} = {self.chance.choice(numbers)}.output")
            return f"k{self.made}"
        return f"{self.chance.choice(numbers)}.output"

    def condition(self, known) -> str:
        numbers = [f"{name}.output" for name in self.of(known, "num")]
        return self.chance.choice(["n > 3", "w == 'x'", "LIMIT <= n", *(f"{each} != 2" for each in numbers)])

    def branches(self, depth, known, items) -> None:
        self.write(depth, f"with dsl.If({self.condition(known)}):")
        self.body(depth + 1, known, items)
        ends = self.chance.random()
        for _ in range(self.chance.choice([0, 0, 1, 2])):
            self.write(depth, f"with dsl.Elif({self.condition(known)}):")
            self.body(depth + 1, known, items)
            ends /= 2
        if ends < 0.6:
            self.write(depth, "with dsl.Else():")
            self.body(depth + 1, known, items)

    def loop(self, depth, known, items) -> list[tuple[str, str]]:
        over = self.chance.choice(["[1, 2]", "['a', 'ü']", *(f"{name}.output" for name in self.of(known, "listed"))])
        self.write(depth, f"with dsl.ParallelFor({over}{self.chance.choice(['', ', parallelism=2'])}):")
        inside = self.of(self.body(depth + 1, known, (*items, over)), "num")
        if not inside:
            return []
        self.made += 1
        self.write(depth, f"t{self.made} = gather(ns=dsl.Collected({self.chance.choice(inside)}.output))")
        return [(f"t{self.made}", "num")]


@pytest.mark.slow
def test_whatever_is_read_is_the_graph_that_kfp_compiles(tmp_path):
    same = 0
    for seed in range(100):
        author = Author(seed)
        author.body()
        body = "\n".join(author.lines) + "\n"
        try:
            compiled = as_compiled(tmp_path, body)
        except Exception:  # noqa: BLE001, S112 - kfp refuses it, or compiles what cannot run: then there is no graph
            continue
        assert as_read(body) == compiled, body
        same += 1
    assert same > 50, f"kfp compiled only {same}"
