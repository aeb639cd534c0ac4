"""Any pipeline, written as a user would write it: three hundred drawn by hypothesis, the same each time."""

import json
import re
import tempfile
import warnings
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Dict, List, NamedTuple, Optional  # noqa: UP035  kfp reads these spellings

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from kfp import compiler, dsl
from kfp.dsl import Artifact, Dataset, Input, Metrics, Model, Output, PipelineTaskFinalStatus
from reference import Failed

# ruff: noqa: UP006, UP007, UP045, SIM115  components are written as kfp reads them

SEED, COUNT = 20250117, 300

warnings.filterwarnings("ignore", category=FutureWarning)
warnings.filterwarnings("ignore", category=DeprecationWarning, module="kfp")
step = partial(dsl.component, base_image="python", install_kfp_package=False)


# The steps


@step
def inc(a: int, b: int = 2) -> int:
    assert a % 7 != 3, "some fail"
    return a + b


@step
def half(x: float) -> float:
    return x / 2


@step
def positive(x: float, strict: bool = False) -> bool:
    return x > 0 if strict else x >= 0


@step
def say(text: str = "nothing") -> str:
    return text


@step
def count(a: int) -> List[int]:
    return [a + n for n in range(a % 4)]


@step
def letters(text: str) -> List[str]:
    return list(text[:3])


@step
def biggest(xs: List[int]) -> int:
    return int(max([0, *xs]))


@step
def total(xs: List[int]) -> int:
    return sum(xs)


@step
def joined(xs: List[str]) -> str:
    return "".join(xs)


@step
def look(value: list) -> str:
    return repr(value)


@step
def profile(a: int, text: str) -> dict:
    return {"n": a, "text": text, "deep": {"ok": True, "xs": [a, 0.5]}}


@step
def keys(d: dict) -> str:
    return " ".join(sorted(d))


@step
def show(d: dict) -> str:
    return repr(sorted(d.items()))


@step
def scores(a: int) -> NamedTuple("Scores", [("auc", float), ("folds", List[int]), ("fine", bool), ("name", str)]):
    return (a / 4, [a, a + 1], a > 2, f"m{a}")


@step
def maybe(n: Optional[int] = None, text: Optional[str] = None, xs: Optional[list] = None) -> str:
    return f"{n!r} {text!r} {xs!r}"


@step
def flaky(a: int) -> int:
    return a


@step
def write(text: str, data: Output[Dataset]):
    data.metadata["length"] = len(text)
    open(data.path, "w").write(text)


@step
def train(data: Input[Dataset], model: Output[Model], metrics: Output[Metrics], rate: float = 0.5):
    metrics.log_metric("auc", rate)
    model.metadata["rate"] = rate
    open(model.path, "w").write(open(data.path).read() + "*")


@step
def read(data: Input[Dataset]) -> str:
    return open(data.path).read()


@step
def grade(model: Input[Model], data: Optional[Input[Dataset]] = None) -> float:
    return len(open(model.path).read()) / 2 + (data is not None)


@step
def read_all(data: Input[List[Dataset]]) -> str:
    return "+".join(open(each.path).read() for each in data)


@step
def where(data: Input[Dataset]) -> str:
    return f"{data.uri} {' '.join(sorted(data.metadata))}"


@step
def report(status: PipelineTaskFinalStatus, text: str = "x") -> str:
    return f"{status.state} {status.pipeline_task_name} {text}"


@step
def told(status: PipelineTaskFinalStatus, text: str = "default") -> str:
    return f"{status.state} {status.pipeline_task_name} {text}"


STEPS = [inc, half, positive, say, count, letters, biggest, total, joined, look, profile, keys, show, scores, maybe]
STEPS += [flaky, write, train, read, grade, read_all, where, report, told]
FUNCTIONS = {each.python_func.__name__: each for each in STEPS}


# Their signatures, for who writes pipelines of them. A kind is what kfp calls it, or one of these:

INT, FLOAT, BOOL, TEXT, INTS, TEXTS, DICT = "int", "float", "bool", "str", "List[int]", "List[str]", "dict"
ROWS, LISTS, DATA, MODEL, ALL_DATA = "List[dict]", "list", "Dataset", "Model", "List[Dataset]"
IMPORTED, FIELD = "Dataset that is only named", "whole number that kfp takes for a text"
MAYBE_INT, MAYBE_TEXT, MAYBE_LIST = "Optional[int]", "Optional[str]", "Optional[list]"
ARTIFACTS = (DATA, MODEL, ALL_DATA)


@dataclass(frozen=True)
class Use:
    """A component: what it must be given, what it may be given, what it gives, and the construct that it is."""

    takes: dict[str, str]
    gives: dict[str, str]
    may: dict[str, str] = field(default_factory=dict)
    construct: str = ""


USES = {
    "inc": Use({"a": INT}, {"Output": INT}, {"b": INT}),
    "half": Use({"x": FLOAT}, {"Output": FLOAT}),
    "positive": Use({"x": FLOAT}, {"Output": BOOL}, {"strict": BOOL}),
    "say": Use({}, {"Output": TEXT}, {"text": TEXT}),
    "count": Use({"a": INT}, {"Output": INTS}),
    "letters": Use({"text": TEXT}, {"Output": TEXTS}),
    "biggest": Use({"xs": INTS}, {"Output": INT}),
    "total": Use({"xs": INTS}, {"Output": INT}, construct="whole numbers in a list"),
    "joined": Use({"xs": TEXTS}, {"Output": TEXT}),
    "look": Use({"value": LISTS}, {"Output": TEXT}, construct="whole numbers in a list"),
    "profile": Use({"a": INT, "text": TEXT}, {"Output": DICT}),
    "keys": Use({"d": DICT}, {"Output": TEXT}),
    "show": Use({"d": DICT}, {"Output": TEXT}, construct="whole numbers in a list"),
    "scores": Use({"a": INT}, {"auc": FLOAT, "folds": INTS, "fine": BOOL, "name": TEXT}),
    "maybe": Use({}, {"Output": TEXT}, {"n": MAYBE_INT, "text": MAYBE_TEXT, "xs": MAYBE_LIST}, "an optional parameter"),
    "flaky": Use({"a": INT}, {"Output": INT}),
    "write": Use({"text": TEXT}, {"data": DATA}),
    "train": Use({"data": DATA}, {"model": MODEL}, {"rate": FLOAT}),
    "read": Use({"data": DATA}, {"Output": TEXT}),
    "grade": Use({"model": MODEL}, {"Output": FLOAT}, {"data": DATA}),
    "read_all": Use({"data": ALL_DATA}, {"Output": TEXT}),
    "where": Use({"data": IMPORTED}, {"Output": TEXT}),
}
LITERALS = {
    INT: st.integers(0, 9).map(repr),
    FLOAT: st.sampled_from(["0.0", "0.5", "1.0", "-2.5", "3.0"]),
    BOOL: st.booleans().map(repr),
    TEXT: st.sampled_from(["a", "be", "sea", "", "x y", "é"]).map(repr),
    INTS: st.lists(st.integers(0, 9), max_size=3).map(repr),
    TEXTS: st.lists(st.sampled_from(["a", "b", "cc"]), max_size=3).map(repr),
    DICT: st.sampled_from([{}, {"a": 1}, {"b": [1, 2.5], "c": {"d": "e"}}]).map(repr),
    ROWS: st.lists(st.fixed_dictionaries({"a": st.integers(0, 9), "b": st.sampled_from("xyz")}), max_size=2).map(repr),
    LISTS: st.sampled_from([[], [1, 2.5, "a"], [[1], {"k": 2}], [1.0, True]]).map(repr),
}
WIDER = {MAYBE_INT: [INT], MAYBE_TEXT: [TEXT], MAYBE_LIST: [INTS, TEXTS], LISTS: [INTS, TEXTS], INT: [FIELD]}
COLLECTED = {INT: INTS, TEXT: TEXTS, INTS: LISTS, TEXTS: LISTS, LISTS: LISTS, DATA: ALL_DATA, ALL_DATA: ALL_DATA}


# Pipelines


@dataclass(frozen=True)
class Pipeline:
    """A pipeline's text, the values to run it with, and the constructs of the grammar that it uses."""

    text: str
    values: dict
    constructs: frozenset[str]


@dataclass(frozen=True)
class Known:
    """Something that a step can be given: `task` is the variable of the step beside it that gives it."""

    expression: str
    kind: str
    task: str = ""
    item: bool = False


@dataclass(eq=False)
class Block:
    """Statements at one depth, and what they can refer to."""

    depth: int
    known: list[Known]
    lines: list[str] = field(default_factory=list)
    own: list[Known] = field(default_factory=list)  # what its statements gave
    tasks: list[str] = field(default_factory=list)
    looped: bool = False
    top: bool = False

    def gave(self, *several: Known) -> None:
        self.known.extend(several)
        self.own.extend(several)


class Author:
    """Writes a pipeline from choices that hypothesis makes, without the constructs that it is told to do without."""

    def __init__(self, draw, without: frozenset[str]) -> None:
        self.draw, self.without = draw, without
        self.number, self.nested = 0, 0
        self.texts: list[str] = []
        self.constructs: set[str] = set()

    def pick(self, choices):
        return self.draw(st.sampled_from(list(choices)))

    def chance(self, one_in: int) -> bool:
        return self.draw(st.integers(1, one_in)) == one_in

    def may(self, construct: str, one_in: int = 1) -> bool:
        """Whether to use a construct; it is noted."""
        if construct in self.without or one_in > 1 and not self.chance(one_in):
            return False
        self.constructs.add(construct)
        return True

    def name(self, word: str) -> str:
        self.number += 1
        return f"{word}{self.number}"

    # A pipeline is a signature and a block

    def pipeline(self) -> tuple[str, dict]:
        parameters, values = [], {}
        for kind in self.draw(
            st.lists(st.sampled_from([*LITERALS, ROWS, ROWS, *self.optional]), min_size=1, max_size=5)
        ):
            if kind == LISTS:
                continue
            name = f"p{len(parameters)}"
            default = "None" if kind in self.optional else self.draw(LITERALS[kind]) if self.chance(3) else ""
            parameters.append((name, kind, default))
            if default and self.chance(2):
                continue
            literal = LITERALS[{MAYBE_INT: INT, MAYBE_TEXT: TEXT, MAYBE_LIST: INTS}.get(kind, kind)]
            values[name] = ast_value(self.draw(literal))
        self.written("pipeline", parameters, depth=0)
        return "\n\n".join(self.texts), values

    @property
    def optional(self) -> list[str]:
        return [] if "an optional parameter" in self.without else [MAYBE_INT, MAYBE_TEXT, MAYBE_LIST]

    def written(self, name: str, parameters: list, depth: int) -> dict[str, str]:
        """Writes the function of a pipeline; what it returns, by name."""
        if any(default == "None" for *_, default in parameters):
            self.constructs.add("an optional parameter")
        ordered = sorted(parameters, key=lambda each: each[2] != "")
        block = Block(depth, [Known(each, kind) for each, kind, _ in ordered], top=True)
        for each in [known for known in block.known if known.kind == ALL_DATA]:
            self.loop_(block, each)
        self.statements(block)
        returned = {f"r{n}": each for n, each in enumerate(self.returnable(block))}
        kinds = {key: each.kind for key, each in returned.items()}
        fields = ", ".join(f"({key!r}, {kind})" for key, kind in kinds.items())
        shape = f'NamedTuple("Given", [{fields}])'
        if returned:
            block.lines.append(f"return {shape}({', '.join(each.expression for each in returned.values())})")
        signature = ", ".join(
            f"{each}: {f'Input[{kind}]' if kind in ARTIFACTS else kind}" + (f" = {default}" if default else "")
            for each, kind, default in ordered
        )
        arrow = f" -> {shape}" if returned else ""
        self.texts.append(f"@dsl.pipeline\ndef {name}({signature}){arrow}:\n" + indented(block.lines))
        return kinds

    def returnable(self, block: Block) -> list[Known]:
        there = {each.expression: each for each in block.own if each.kind != IMPORTED}
        return [each for each in list(there.values())[-4:] if self.chance(2)]

    # Statements

    def statements(self, block: Block) -> None:
        words = ["step"] * 6 + ["maybe", "told", "importer"]
        if block.depth < 3:
            words += ["if", "branches", "loop", "loop", "nested"]
        if block.top and self.may("an exit handler", 4):
            self.exit_handler(block)
        for _ in range(self.draw(st.integers(1, max(1, 5 - block.depth)))):
            getattr(self, f"{self.pick(words)}_")(block)

    def given(self, kind: str, block: Block, group: bool = False) -> str:
        """Something of this kind: a literal, or what is known; empty where there is nothing."""
        kinds = {kind, *WIDER.get(kind, ())}
        known = [each.expression for each in block.known if each.kind in kinds]
        literals = LITERALS.get({MAYBE_INT: INT, MAYBE_TEXT: TEXT, MAYBE_LIST: LISTS}.get(kind, kind))
        if (
            kind == TEXT
            and (not group or self.may("a text made of values for a group"))
            and self.may("a text made of values", 5)
        ):
            return self.made_of(block)
        if kind == TEXT and self.may("a placeholder", 12):
            word = self.pick(["TASK_NAME", "JOB_NAME", "ROOT", "JOB_CREATE_TIME_UTC", "JOB_SCHEDULE_TIME_UTC"])
            return f"dsl.PIPELINE_{word}_PLACEHOLDER"
        if known and (literals is None or not self.chance(4)):
            return self.pick(known[-6:])
        return self.draw(literals) if literals is not None else ""

    def made_of(self, block: Block) -> str:
        kinds = [TEXT]
        kinds += [INT, FLOAT, BOOL] if "a number in a text" not in self.without else []
        kinds += [MAYBE_TEXT] if self.optional else []
        known = [each for each in block.known if each.kind in kinds and not each.expression.startswith("one")]
        known = [each for each in known if not each.item or "." not in each.expression]  # kfp loses `item.a` in a text
        if not known:
            return self.draw(LITERALS[TEXT])
        chosen = [self.pick(known) for _ in range(self.draw(st.integers(1, 2)))]
        if any(each.kind in (INT, FLOAT, BOOL) for each in chosen):
            self.constructs.add("a number in a text")
        return "f'" + "-".join(f"{{{each.expression}}}" for each in chosen) + "!'"

    def step_(self, block: Block) -> None:
        able = [
            name
            for name, use in USES.items()
            if use.construct not in self.without
            and all(kind in LITERALS or any(each.kind == kind for each in block.known) for kind in use.takes.values())
            and (name != "flaky" or "a retry" not in self.without and not ("flaky" in self.without and block.looped))
        ]
        rare = (
            "scores",
            "scores",
            "write",
            "count",
            "read",
            "read_all",
            "read_all",
            "train",
            "train",
            "grade",
            "grade",
        )
        able += [name for name in rare if name in able] * 2
        self.call(self.pick(able), block)

    def call(self, name: str, block: Block, **fixed: str) -> list[Known]:
        use, variable = USES[name], self.name("t")
        arguments = {each: fixed.get(each) or self.given(kind, block) for each, kind in use.takes.items()}
        for each, kind in use.may.items():
            if self.chance(2) and (found := fixed.get(each) or self.given(kind, block)):
                arguments[each] = found
        if use.construct:
            self.constructs.add(use.construct)
        self.placed(variable, f"{name}({spelt(arguments)})", block)
        if self.may("a retry", 2 if name == "flaky" else 6):
            block.lines.append(f"{variable}.set_retry({self.draw(st.integers(1, 2))}, backoff_duration='0s')")
        single = list(use.gives) == ["Output"]
        found = [
            Known(f"{variable}.output" if single else f'{variable}.outputs["{key}"]', kind, variable)
            for key, kind in use.gives.items()
        ]
        block.gave(*found)
        return found

    def placed(self, variable: str, call: str, block: Block) -> None:
        block.lines.append(f"{variable} = {call}")
        if block.tasks and self.chance(6):
            block.lines.append(f"{variable}.after({self.pick(block.tasks)})")
        block.tasks.append(variable)

    def upstream(self, block: Block) -> list[Known]:
        return [each for each in block.own if each.task in block.tasks and each.kind == TEXT]

    def maybe_(self, block: Block) -> None:
        """A step that takes what failed as though it had not been given."""
        if not self.upstream(block) or not self.may("an ignored upstream failure"):
            return self.step_(block)
        variable = self.name("t")
        given = self.pick(self.upstream(block)).expression
        block.lines += [f"{variable} = say(text={given})", f"{variable}.ignore_upstream_failure()"]
        block.tasks.append(variable)
        block.gave(Known(f"{variable}.output", TEXT, variable))
        return None

    def told_(self, block: Block) -> None:
        if not self.upstream(block) or not self.may("a final status of one task"):
            return self.step_(block)
        variable = self.name("t")
        given = self.pick(self.upstream(block)).expression
        block.lines += [f"{variable} = told(text={given})", f"{variable}.ignore_upstream_failure()"]
        block.tasks.append(variable)
        block.gave(Known(f"{variable}.output", TEXT, variable))
        return None

    def importer_(self, block: Block) -> None:
        if not self.may("an importer"):
            return None
        variable = self.name("t")
        texts = [each.expression for each in block.known if each.kind == TEXT and each.task]
        uri = self.pick(texts) if texts and self.chance(3) else repr(f"gs://bucket/{variable}")
        ints = [each.expression for each in block.known if each.kind == INT and not each.item and not each.task]
        metadata = f"{{'k': 'v', 'n': {self.pick(ints) if ints and self.chance(2) else 1}}}"
        call = f"dsl.importer(artifact_uri={uri}, artifact_class=Dataset, metadata={metadata})"
        self.placed(variable, call, block)
        block.gave(Known(f"{variable}.output", IMPORTED, variable))
        return self.call("where", block, data=f"{variable}.output") and None

    # Groups

    def within(self, block: Block, *items: Known, looped: bool = False) -> Block:
        known = block.known
        if looped and "an outer step's output in a loop" in self.without:
            known = [each for each in known if re.fullmatch(r"p\d+", each.expression)]
        inner = Block(block.depth + 1, [*known, *items], looped=block.looped or looped)
        self.statements(inner)
        text = "\n".join(inner.lines)
        outer = {each.task or each.expression.partition(".")[0] for each in block.known if each.task or each.item}
        if looped and any(re.search(rf"\b{each}\b", text) for each in outer):
            self.constructs.add("an outer step's output in a loop")
        return inner

    def condition(self, block: Block) -> str:
        able = [each for each in block.known if each.kind in (INT, FLOAT, BOOL, TEXT, FIELD, MAYBE_INT)]
        if "an optional parameter" in self.without:
            able = [each for each in able if each.kind != MAYBE_INT]
        fields = [each for each in able if each.item and "." in each.expression]
        if "a condition on a field of an item" in self.without:
            able = [each for each in able if each not in fields]
        able = [
            each for each in able if each not in fields or each.expression.startswith("row")
        ]  # kfp loses the others
        if not able:
            block.lines.append(f"{(variable := self.name('t'))} = inc(a={self.draw(LITERALS[INT])})")
            block.tasks.append(variable)
            able = [Known(f"{variable}.output", INT, variable)]
            block.gave(*able)
        rare = [each for each in able if "outputs[" in each.expression or each.item and "." in each.expression]
        unset = [each for each in able if each.kind == MAYBE_INT]
        left = self.pick(rare if rare and self.chance(2) else unset if unset and self.chance(3) else able[-5:])
        kind = INT if left.kind in (FIELD, MAYBE_INT) else left.kind
        same = [each.expression for each in able if each.kind == kind and each is not left and each.item == left.item]
        right = self.pick(same) if same and left.kind == kind and self.chance(3) else self.draw(LITERALS[kind])
        if "outputs[" in left.expression + right:
            self.constructs.add("a condition on a named output")
        if left.item and "." in left.expression:
            self.constructs.add("a condition on a field of an item")
        signs = ["==", "!="]
        if left.kind != FIELD and kind != BOOL and (kind != TEXT or self.chance(2)):
            signs = ["<", "<=", ">", ">=", "=="]
        return f"{left.expression} {self.pick(signs)} {right}"

    def if_(self, block: Block) -> None:
        condition = self.condition(block)
        if "outputs[" in condition and "a condition on a named output" in self.without:
            return self.step_(block)
        self.constructs.add("a bare If")
        inner = self.within(block)
        block.lines += [f"with dsl.If({condition}):", *indent(inner.lines)]
        return None

    def branches_(self, block: Block) -> None:
        """If, perhaps Elif, perhaps Else with a OneOf of what each gives."""
        words = ["If"] + ["Elif"] * self.draw(st.integers(0, 1)) + ["Else"] * (not self.chance(4))
        if len(words) == 1:
            return self.if_(block)
        kind = self.pick([INT, TEXT, DATA, DATA])
        if kind == DATA and not self.may("a OneOf of artifacts"):
            kind = TEXT
        conditions = [self.condition(block) for word in words if word != "Else"]
        if any("outputs[" in each for each in conditions) and "a condition on a named output" in self.without:
            return self.step_(block)
        chosen = []
        for word, condition in zip(words, [*conditions, ""], strict=False):
            inner = self.within(block)
            maker = {INT: "inc", TEXT: "say", DATA: "write"}[kind]
            fixed = {INT: {"a": "4"}, TEXT: {"text": repr(word)}, DATA: {"text": repr(word)}}[kind]
            chosen += self.call(maker, inner, **fixed)
            block.lines += [f"with dsl.{word}({condition}):", *indent(inner.lines)]
        self.constructs.add("If and Else")
        if words[-1] == "Else" and self.may("a OneOf"):
            variable = self.name("one")
            block.lines.append(f"{variable} = dsl.OneOf({', '.join(each.expression for each in chosen)})")
            block.gave(Known(variable, kind, item=True))
        return None

    def loop_(self, block: Block, over: Known | None = None) -> None:
        item = self.name("x")
        if "a loop over a named list" not in self.without and self.chance(4):
            self.call("scores", block)
        lists = [
            each
            for each in block.known
            if each.kind in (INTS, TEXTS, ROWS, ALL_DATA) and "Collected" not in each.expression
        ]
        if "a loop over a named list" in self.without:
            lists = [each for each in lists if "outputs[" not in each.expression]
        if "a loop over artifacts" in self.without:
            lists = [each for each in lists if each.kind != ALL_DATA]
        named = [each for each in lists if "outputs[" in each.expression]
        rows = [each for each in lists if each.kind == ROWS]
        if (named or rows) and self.chance(2) or lists and self.chance(3):
            over = over or self.pick([*named, *rows] or lists)
        if over:
            items, kind = over.expression, over.kind
            self.constructs |= {"a loop over a named list"} if "outputs[" in items else set()
            self.constructs |= {"a loop over artifacts"} if kind == ALL_DATA else set()
        else:
            kind = self.pick([INTS, TEXTS, ROWS, ROWS])
            literal = {
                INTS: LITERALS[INTS],
                TEXTS: LITERALS[TEXTS],
                ROWS: st.just("[{'a': 1, 'b': 2}, {'a': 4, 'b': 5}]"),
            }
            items = self.draw(literal[kind].filter(lambda each: each != "[]"))
        match kind:
            case "List[int]":
                found = [Known(item, INT, item=True)]
            case "List[str]":
                found = [Known(item, TEXT, item=True)]
            case "List[Dataset]":
                found = [Known(item, DATA, item=True)]
            case _ if items.startswith("["):
                found = [Known(f"{item}.a", INT, item=True), Known(f"{item}.b", INT, item=True)]
            case _:
                item = self.name("row")
                found = [Known(f"{item}.b", TEXT, item=True), Known(f"{item}.a", FIELD, item=True)]
        inner = self.within(block, *found, looped=True)
        if self.chance(4):
            self.call("write", inner)
        if item.startswith("row") and "a condition on a field of an item" not in self.without and self.chance(2):
            self.if_(inner)
        self.constructs.add("a loop")
        parallelism = f", parallelism={self.draw(st.integers(1, 2))}" if self.may("a limit of a loop", 3) else ""
        block.lines += [f"with dsl.ParallelFor({items}{parallelism}) as {item}:", *indent(inner.lines)]
        for each in inner.own:
            gathered = COLLECTED.get(each.kind)
            if gathered is None or "OneOf" in each.expression or each.expression.startswith("one"):
                continue
            if gathered == LISTS and not self.may("collected from loops in loops", 2):
                continue
            if gathered == ALL_DATA and not self.may("collected artifacts"):
                continue
            source = each.expression.removeprefix("dsl.Collected(").removesuffix(")")
            block.gave(Known(f"dsl.Collected({source})", gathered))
        if block.depth < 2 and any(each.kind == ALL_DATA for each in block.own):
            self.nested_(block)

    def nested_(self, block: Block) -> None:
        if self.nested >= 3:
            return self.step_(block)
        self.nested += 1
        name = self.name("inner")
        if "an artifact given to a pipeline" not in self.without and self.chance(3):
            (written,) = self.call("write", block)
            if self.chance(2):
                self.call("train", block, data=written.expression)
        wanted = {each.kind for each in block.known if each.kind in (INT, TEXT, FLOAT, INTS, TEXTS, DICT)}
        if "an artifact given to a pipeline" not in self.without:
            wanted |= {each.kind for each in block.known if each.kind in ARTIFACTS}
        parameters: list[tuple[str, str, str]] = []
        for kind in sorted(wanted):
            if kind in ARTIFACTS or self.chance(2):
                parameters.append((f"p{len(parameters)}", kind, ""))
                if kind in ARTIFACTS:
                    self.constructs.add("an artifact given to a pipeline")
        if "a loop over artifacts" in self.without:
            parameters = [each for each in parameters if each[1] != ALL_DATA]
        parameters.append((f"p{len(parameters)}", INT, "3"))
        if self.optional and self.chance(3):
            parameters.append((f"p{len(parameters)}", self.pick([MAYBE_INT, MAYBE_TEXT]), "None"))
        gives = self.written(name, parameters, block.depth + 1)
        arguments = {
            each: found
            for each, kind, default in parameters
            if (not default or "a default of a pipeline within" in self.without or self.chance(2))
            and (found := self.given(kind, block, group=True))
        }
        if len(arguments) < len(parameters):
            self.constructs.add("a default of a pipeline within")
        variable = self.name("t")
        self.constructs.add("a pipeline within")
        self.placed(variable, f"{name}({spelt(arguments)})", block)
        if self.may("a retry of a group", 4):
            block.lines.append(f"{variable}.set_retry(1, backoff_duration='0s')")
        block.gave(*(Known(f'{variable}.outputs["{key}"]', kind, variable) for key, kind in gives.items()))
        return None

    def exit_handler(self, block: Block) -> None:
        text = self.pick([each.expression for each in block.known if each.kind == TEXT] or ["'bye'"])
        inner = self.within(block)
        block.lines += [f"with dsl.ExitHandler(report(text={text})):", *indent(inner.lines)]


def ast_value(literal: str):
    return eval(literal, {"__builtins__": {}})


def spelt(arguments: dict[str, str]) -> str:
    return ", ".join(f"{name}={given}" for name, given in arguments.items())


def indent(lines: list[str]) -> list[str]:
    return [f"    {line}" for line in lines]


def indented(lines: list[str]) -> str:
    return "\n".join(indent(lines))


@st.composite
def pipelines(draw, without: frozenset[str] = frozenset()) -> Pipeline:
    """Half of them do without the constructs named, so that they are simple enough for whoever lacks those."""
    author = Author(draw, without if draw(st.booleans()) else frozenset())
    text, values = author.pipeline()
    return Pipeline(text, values, frozenset(author.constructs))


def drawn(count: int, without: frozenset[str]) -> list[tuple[Pipeline, dict]]:
    """That many pipelines with their specs, different from each other and the same each time.

    hypothesis varies what it drew before: of those that it draws, every third is taken.
    """
    found: dict[str, Pipeline] = {}

    @seed(SEED)
    @settings(
        max_examples=6 * count,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(pipelines(without))
    def collect(pipeline: Pipeline) -> None:
        found.setdefault(pipeline.text, pipeline)

    collect()
    drawn = list(found.values())[::3]
    several = [(pipeline, document) for pipeline in drawn if (document := compiled(pipeline))]
    assert len(several) >= max(count, len(drawn) * 3 // 4), f"kfp compiles {len(several)} of {len(drawn)}"
    return several[:count]


# Compiled by kfp, and carried out in this process


def compiled(pipeline: Pipeline) -> dict | None:
    """The spec that kfp itself compiles.

    None where it does not, or where the spec refers to what is not there: a loop over a list that a condition within
    compares, an If that ends with an inner Else, a loop within conditions that makes no use of its item, groups of a
    pipeline within that are called as groups around it.
    """
    space = {**FUNCTIONS, "dsl": dsl, "Input": Input, "Dataset": Dataset, "Model": Model}
    space |= {"List": List, "Dict": Dict, "Optional": Optional, "NamedTuple": NamedTuple}
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        code = compile(pipeline.text, "pipeline", "exec")
        path = Path(folder) / "spec.json"
        try:
            exec(code, space)
        except (NameError, SyntaxError):
            raise
        except Exception:
            return None
        compiler.Compiler().compile(space["pipeline"], str(path))
        document = json.loads(path.read_text())
        return document if sound(document) else None


def sound(document: dict) -> bool:
    """Whether what tasks are given is there."""
    components = document["components"]
    for component in [document["root"], *components.values()]:
        there = declared(component, "inputDefinitions")
        dag = component.get("dag", {})
        tasks, text = dag.get("tasks", {}), json.dumps(dag.get("outputs", {}))
        if "dag" not in component and "executorLabel" not in component:
            return False
        if set(re.findall(r'"producerSubtask": "([^"]+)"', text)) - tasks.keys():
            return False
        for task in tasks.values():
            for each in [*task.get("inputs", {}).get("parameters", {}).values(), *artifacts(task)]:
                match each:
                    case {"componentInputParameter": name} | {"componentInputArtifact": name}:
                        if name not in there:
                            return False
                    case {"taskOutputParameter": {"producerTask": task, "outputParameterKey": key}} | {
                        "taskOutputArtifact": {"producerTask": task, "outputArtifactKey": key}
                    }:
                        if key not in declared(components[tasks[task]["componentRef"]["name"]], "outputDefinitions"):
                            return False
    return True


def artifacts(task: dict) -> list[dict]:
    return list(task.get("inputs", {}).get("artifacts", {}).values())


def declared(component: dict, side: str) -> set[str]:
    section = component.get(side, {})
    return {*section.get("parameters", {}), *section.get("artifacts", {})}


KINDS = {"system.Dataset": Dataset, "system.Model": Model, "system.Metrics": Metrics, "system.Artifact": Artifact}


class Steps:
    """The steps as plain functions, for the reference; the artifacts that they make are files of this folder."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.made = folder, 0

    def __call__(self, function: str, inputs: dict, last: int) -> dict:
        if function == "flaky" and last == 0:
            raise Failed
        component = FUNCTIONS[function].component_spec
        files = {name: each for name, each in component.outputs.items() if each.type.startswith("system.")}
        made = {name: self.planned(each.type.partition("@")[0]) for name, each in files.items()}
        given = {name: self.given(value, component.inputs[name]) for name, value in inputs.items()}
        try:
            result = FUNCTIONS[function].python_func(**given, **made)
        except (AssertionError, TypeError):
            raise Failed from None
        names = [name for name in component.outputs if name not in files]
        gave = dict(zip(names, result if len(names) > 1 else [result], strict=True)) if names else {}
        return gave | {
            name: [{"title": each.schema_title, "uri": each.uri, "metadata": dict(each.metadata)}]
            for name, each in made.items()
        }

    def planned(self, title: str) -> Artifact:
        self.made += 1
        return KINDS[title](uri=str(self.folder / str(self.made)))

    def given(self, value, declared):
        if declared.type == "PipelineTaskFinalStatus":
            return SimpleNamespace(state=value["state"], pipeline_task_name=value["pipelineTaskName"])
        if not declared.type.startswith("system."):
            return value
        several = [KINDS[each["title"]](uri=each["uri"], metadata=each["metadata"]) for each in value]
        if declared.is_artifact_list:
            return several or None  # kfp's executor gives a step None for a list of no artifacts
        return several[0]


def content(value):
    """A value for comparing: of an artifact its type, text and metadata; of a status what every machine says alike."""
    match value:
        case [{"metadata": _}, *_]:
            return [described(each) for each in value]
        case {"pipelineTaskName": name, "state": state} | {"pipeline_task_name": name, "state": state}:
            return {"pipelineTaskName": name, "state": state}
    return value


def described(artifact: dict) -> list:
    path = Path(artifact.get("uri", ""))
    title = artifact["title"] if "title" in artifact else artifact["type"]["schemaTitle"]
    return [title, path.read_text() if path.is_file() else artifact.get("uri", ""), artifact.get("metadata", {})]
