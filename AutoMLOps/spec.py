"""The compiled PipelineSpec as frozen values: what is in it, what its expressions say, what its placeholders mean."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Any, NamedTuple

from AutoMLOps.errors import BadInput
from AutoMLOps.model import Artifact, Kind, Param, Problem
from AutoMLOps.nouns import noun

EXECUTOR = "kfp.dsl.executor_main"
NAME = re.compile(r"(?!\.)[^/\0]+\Z")


# What a spec holds


@noun
class Constant:
    """A value that the spec itself holds, as JSON text; its strings may hold placeholders."""

    text: str


@noun
class FromInput:
    """An input of the DAG around the task."""

    name: str


@noun
class FromTask:
    """An output of another task of the same DAG."""

    task: str
    name: str


@noun
class Status:
    """How another task ended, for an exit task."""

    task: str


@noun
class Given:
    """One input of a task, where it comes from, and the keys that lead to the part of it that is meant."""

    name: str
    artifact: bool
    source: Constant | FromInput | FromTask | Status
    keys: tuple[str | int, ...] = ()


@noun
class Loop:
    """A ParallelFor: each item of `items` (JSON text), or of the input `over`, goes into the input `item`."""

    item: str
    artifact: bool
    items: str | None = None
    over: str = ""
    limit: int = 0  # how many at a time; 0 is as many as there are


@noun
class Retry:
    """How often a failed step starts again, and the seconds before each time."""

    times: int
    pause: float = 0.0
    factor: float = 2.0
    longest: float = 3600.0

    def seconds(self, attempt: int) -> float:
        """The pause after this attempt, the first of which is 1."""
        return float(min(self.pause * self.factor ** (attempt - 1), self.longest))


@noun
class Returned:
    """An output of a DAG: what the first of these tasks that ran gave; with `one`, a OneOf."""

    name: str
    artifact: bool
    choices: tuple[FromTask, ...]
    one: bool = False


@noun
class Container:
    """A step: the command and arguments of its container."""

    image: str
    command: tuple[str, ...]
    args: tuple[str, ...]
    env: tuple[tuple[str, str], ...] = ()

    @property
    def words(self) -> tuple[str, ...]:
        return (*self.command, *self.args)

    @property
    def function(self) -> str:
        """The Python function that kfp's executor is to call; empty for any other container."""
        runs_kfp = any(EXECUTOR in word for word in self.command)
        return after(self.words, "--function_to_execute") if runs_kfp else ""

    @property
    def embedded(self) -> str:
        """The source of a lightweight component, which its command carries along."""
        carries = len(self.command) > 1 and "ephemeral_component.py" in self.command[-2]
        return self.command[-1] if carries else ""

    @property
    def arguments(self) -> tuple[str, ...]:
        """What follows the executor's name, the path of the source left out."""
        rest = self.args
        if EXECUTOR in self.command:
            rest = (*self.command[self.command.index(EXECUTOR) + 1 :], *self.args)
        if "--component_module_path" in rest:
            place = rest.index("--component_module_path")
            rest = (*rest[:place], *rest[place + 2 :])
        return rest


@noun
class Importer:
    """A step that only names an artifact which exists already. Its URI is its input `uri` where it has one."""

    uri: str
    title: str
    version: str
    metadata: str = "{}"


@noun
class Foreign:
    """A step that this machine cannot run whatever is installed: `reason` says what it is."""

    reason: str


@noun
class Dag:
    """Tasks within: of the pipeline, a nested pipeline, a condition, a loop or an exit handler."""

    tasks: tuple["Task", ...]
    outputs: tuple[Returned, ...] = ()


@noun
class Definition:
    """A component of the spec: what goes in, what comes out, what it does."""

    name: str
    inputs: tuple[Param | Artifact, ...]
    outputs: tuple[Param | Artifact, ...]
    body: Dag | Container | Importer | Foreign


@noun
class Task:
    """One node of a DAG. `always` runs it however the tasks before it ended; `cacheable` lets an old result stand."""

    name: str
    title: str
    definition: Definition
    given: tuple[Given, ...] = ()
    after: tuple[str, ...] = ()
    condition: "Expression | None" = None
    always: bool = False
    loop: Loop | None = None
    retry: Retry | None = None
    cacheable: bool = False
    cache_key: str = ""


@noun
class Compiled:
    """A whole PipelineSpec."""

    name: str
    root: Definition


# Reading one


class Judged(NamedTuple):
    """A spec, what in it refers to nothing, and what of it this machine cannot run although it may be valid."""

    compiled: Compiled
    faults: tuple[Problem, ...]
    limits: tuple[Problem, ...]


def read(document: Mapping[str, Any]) -> Compiled:
    """The spec of a JSON document (a PipelineJob's `pipelineSpec` too); what is not valid in it is told at once."""
    compiled, faults, limits = judged(document.get("pipelineSpec", document))
    if faults or limits:
        raise BadInput((*faults, *limits))
    return compiled


def judged(document: Mapping[str, Any]) -> Judged:
    """The spec, whatever is wrong with it."""
    reader = Reader(document, problems=[], limits=[])
    name = document.get("pipelineInfo", {}).get("name", "pipeline")
    compiled = Compiled(name=name, root=reader.definition("root", document.get("root", {})))
    faults, limits = dict.fromkeys(reader.problems), dict.fromkeys(reader.limits)
    return Judged(compiled, tuple(faults), tuple(limits))


class Reader(NamedTuple):
    """The components and executors that tasks of the document refer to, and the faults and limits found on the way."""

    document: Mapping[str, Any]
    problems: list[Problem]
    limits: list[Problem]

    def definition(self, name: str, section: Mapping[str, Any]) -> Definition:
        definition = Definition(
            name=name.removeprefix("comp-"),
            inputs=tuple(declared(section.get("inputDefinitions", {}))),
            outputs=tuple(declared(section.get("outputDefinitions", {}))),
            body=self.dag(section["dag"]) if "dag" in section else self.executor(section.get("executorLabel", "")),
        )
        if isinstance(definition.body, Dag):
            self.problems.extend(unsound(definition.body, {each.name for each in definition.inputs}))
        names = [task.name for task in definition.body.tasks] if isinstance(definition.body, Dag) else []
        for word in (word for word in [*names, *(each.name for each in definition.outputs)] if not NAME.match(word)):
            self.limits.append(Problem(message=f"{word!r} cannot name a task or an output: it names a folder here"))
        return definition

    def dag(self, section: Mapping[str, Any]) -> Dag:
        tasks = tuple(self.task(name, task) for name, task in section.get("tasks", {}).items())
        return Dag(tasks=tasks, outputs=tuple(returned(section.get("outputs", {}))))

    def task(self, name: str, section: Mapping[str, Any]) -> Task:
        component = section["componentRef"]["name"]
        given = tuple(arguments(section.get("inputs", {})))
        produced = [g.source.task for g in given if isinstance(g.source, (FromTask, Status))]
        trigger = section.get("triggerPolicy", {})
        return Task(
            name=name,
            title=section.get("taskInfo", {}).get("name", name),
            definition=self.definition(component, self.document.get("components", {}).get(component, {})),
            given=given,
            after=tuple(dict.fromkeys([*section.get("dependentTasks", []), *produced])),
            condition=self.condition(name, trigger.get("condition", "")),
            always=trigger.get("strategy") in ("ALL_UPSTREAM_TASKS_COMPLETED", 2),
            loop=loop(section),
            retry=retry(section.get("retryPolicy")),
            cacheable=section.get("cachingOptions", {}).get("enableCache", False),
            cache_key=section.get("cachingOptions", {}).get("cacheKey", ""),
        )

    def condition(self, task: str, text: str) -> "Expression | None":
        try:
            return parsed(text) if text else None
        except ExpressionError as fault:
            message = f"the condition of {task} is not a valid expression: {text} ({fault})"
            hint = (
                "kfp writes the strings of a condition as they are, and compares only like with like: a string that"
                " holds a quote or a backslash, or a number compared with a string, does not survive it; compare"
                " in a step, and use its bool"
            )
            self.limits.append(Problem(message=message, hint=hint))
            return None

    def executor(self, label: str) -> Container | Importer | Foreign:
        match self.document.get("deploymentSpec", {}).get("executors", {}).get(label, {}):
            case {"container": container}:
                return Container(
                    image=container.get("image", ""),
                    command=tuple(container.get("command", ())),
                    args=tuple(container.get("args", ())),
                    env=tuple((each["name"], each.get("value", "")) for each in container.get("env", ())),
                )
            case {"importer": importer}:
                schema = importer.get("typeSchema", {})
                return Importer(
                    uri=str(constant(importer.get("artifactUri", {})) or ""),
                    title=titled(schema),
                    version=schema.get("schemaVersion", "0.0.1"),
                    metadata=json.dumps(whole(importer.get("metadata", {}))),
                )
            case {**other} if other:
                return Foreign(reason=f"is a {next(iter(other))}")
        # kfp loses the body of a group in a nested pipeline that is named like one outside of it
        return Foreign(reason="has no executor in the spec")


def unsound(dag: Dag, inputs: set[str]) -> Iterator[Problem]:
    """What refers to nothing, and what waits for itself: kfp compiles both."""
    waits = {task.name: task.after for task in dag.tasks}
    gives = {task.name: {each.name for each in task.definition.outputs} for task in dag.tasks}
    for task in dag.tasks:
        for name in (name for name in task.after if name not in waits):
            yield Problem(message=f"{task.name} waits for {name}, which is no task beside it")
        for given in task.given:
            if isinstance(given.source, FromTask) and given.source.name not in gives.get(given.source.task, ()):
                message = f"{task.name} is given {given.source.name}, which {given.source.task} does not give"
                yield Problem(message=message, hint="kfp forgets a OneOf that only a condition uses: give it to a step")
            if isinstance(given.source, FromInput) and given.source.name not in inputs:
                message = f"{task.name} is given {given.source.name}, which is no input of what it stands in"
                hint = (
                    "kfp writes `item.a` inside a string so: give item.a to a step of its own"
                    if "-subvar-" in message
                    else ""
                )
                yield Problem(message=message, hint=hint)
    for each in dag.outputs:
        for choice in (choice for choice in each.choices if choice.task not in waits):
            yield Problem(message=f"the output {each.name} is to come from {choice.task}, which is no task within")
    try:
        TopologicalSorter(waits).prepare()
    except CycleError as cycle:
        yield Problem(message=f"these tasks wait for each other: {', '.join(cycle.args[1][:-1])}")


def declared(section: Mapping[str, Any]) -> Iterator[Param | Artifact]:
    """The inputs or outputs that a component declares."""
    for name, each in section.get("parameters", {}).items():
        kind = each.get("parameterType", OLDER.get(each.get("type", "STRING"), each.get("type")))
        yield Param(
            name=name,
            kind=Kind(kind) if kind in Kind.__members__ else Kind.STRUCT,  # TASK_CONFIG, which is a struct
            default=json.dumps(whole(each["defaultValue"])) if each.get("defaultValue") is not None else None,
            optional=each.get("isOptional", False),
        )
    for name, each in section.get("artifacts", {}).items():
        schema = each.get("artifactType", {})
        yield Artifact(
            name=name,
            title=titled(schema),
            version=schema.get("schemaVersion", "0.0.1"),
            many=each.get("isArtifactList", False),
            optional=each.get("isOptional", False),
        )


# What the types of parameters were called up to schema version 2.0.0, which TFX wrote for long.
OLDER = {"INT": "NUMBER_INTEGER", "DOUBLE": "NUMBER_DOUBLE"}


def titled(schema: Mapping[str, Any]) -> str:
    """The title of an artifact's type; TFX has it in a schema of its own."""
    found = re.search(r"^title: *(\S+)", str(schema.get("instanceSchema", "")), re.MULTILINE)
    return str(schema.get("schemaTitle", found[1] if found else "system.Artifact"))


def constant(section: Mapping[str, Any]) -> Any:
    """A value that a spec holds, in the words of its schema or of the one before; None where it holds none."""
    match section.get("constantValue", section):
        case {"intValue": value}:
            return int(value)
        case {"stringValue": value} | {"doubleValue": value} | {"constant": value}:
            return value
    return None


def arguments(section: Mapping[str, Any]) -> Iterator[Given]:
    """What a task says about each of its inputs."""
    for kind in ("parameters", "artifacts"):
        for name, each in section.get(kind, {}).items():
            yield Given(
                name=name,
                artifact=kind == "artifacts",
                source=source(each),
                keys=selected(each.get("parameterExpressionSelector", "")),
            )


def source(section: Mapping[str, Any]) -> Constant | FromInput | FromTask | Status:
    match section:
        case {"runtimeValue": {"constant": _} | {"constantValue": _} as value}:
            return Constant(text=json.dumps(whole(constant(value))))
        case {"runtimeValue": {"runtimeParameter": str(name)}}:
            return FromInput(name=name)
        case {"componentInputParameter": str(name)} | {"componentInputArtifact": str(name)}:
            return FromInput(name=name)
        case {"taskOutputParameter": {"producerTask": str(task), "outputParameterKey": str(key)}}:
            return FromTask(task=task, name=key)
        case {"taskOutputArtifact": {"producerTask": str(task), "outputArtifactKey": str(key)}}:
            return FromTask(task=task, name=key)
        case {"taskFinalStatus": {"producerTask": str(task)}}:
            return Status(task=task)
    return Constant(text="null")


def selected(selector: str) -> tuple[str | int, ...]:
    """The keys of a selector: `parseJson(string_value)["a"]` is ("a",)."""
    found = re.findall(r'\[(?:"((?:[^"\\]|\\.)*)"|(\d+))\]', selector)
    return tuple(int(number) if number else key for key, number in found)


def loop(section: Mapping[str, Any]) -> Loop | None:
    limit = int(section.get("iteratorPolicy", {}).get("parallelismLimit", 0))
    match section:
        case {"parameterIterator": {"itemInput": item, "items": {"raw": raw}}}:
            return Loop(item=item, artifact=False, items=json.dumps(whole(json.loads(raw))), limit=limit)
        case {"parameterIterator": {"itemInput": item, "items": {"inputParameter": over}}}:
            return Loop(item=item, artifact=False, over=over, limit=limit)
        case {"artifactIterator": {"itemInput": item, "items": {"inputArtifact": over}}}:
            return Loop(item=item, artifact=True, over=over, limit=limit)
    return None


def retry(policy: Mapping[str, Any] | None) -> Retry | None:
    if not policy or not policy.get("maxRetryCount"):
        return None
    return Retry(
        times=int(policy["maxRetryCount"]),
        pause=duration(policy.get("backoffDuration", "0s")),
        factor=float(policy.get("backoffFactor", 2.0)),
        longest=duration(policy.get("backoffMaxDuration", "3600s")),
    )


def duration(text: str) -> float:
    """Seconds, from a protobuf duration such as "1.5s"."""
    return float(text.removesuffix("s") or 0)


def returned(section: Mapping[str, Any]) -> Iterator[Returned]:
    """What a DAG gives, and from which of its tasks."""
    for name, each in section.get("parameters", {}).items():
        match each:
            case {"valueFromParameter": one}:
                yield Returned(name=name, artifact=False, choices=(chosen(one),))
            case {"valueFromOneof": {"parameterSelectors": several}}:
                yield Returned(name=name, artifact=False, choices=tuple(map(chosen, several)), one=True)
    for name, each in section.get("artifacts", {}).items():
        choices = tuple(map(chosen, each.get("artifactSelectors", ())))
        yield Returned(name=name, artifact=True, choices=choices, one=len(choices) > 1)


def chosen(selector: Mapping[str, str]) -> FromTask:
    key = selector.get("outputParameterKey") or selector.get("outputArtifactKey", "")
    return FromTask(task=selector["producerSubtask"], name=key)


def after(words: tuple[str, ...], flag: str) -> str:
    """The word that follows a flag."""
    return words[words.index(flag) + 1] if flag in words[:-1] else ""


def walk(definition: Definition, path: str = "root") -> Iterator[tuple[str, Task]]:
    """Every task within, with its path."""
    if isinstance(definition.body, Dag):
        for task in definition.body.tasks:
            yield f"{path}/{task.name}", task
            yield from walk(task.definition, f"{path}/{task.name}")


# Values


def whole(value: Any) -> Any:
    """A value of the spec, where every number is a float: a whole one becomes an int, as Vertex AI writes it in JSON.

    The spec cannot tell 1.0 from 1, so neither can a list or dict that a step is given from it; a scalar that is
    declared NUMBER_DOUBLE becomes a float again by `typed`.
    """
    match value:
        case float() if value.is_integer():
            return int(value)
        case list():
            return [whole(each) for each in value]
        case dict():
            return {key: whole(each) for key, each in value.items()}
    return value


class Mistyped(ValueError):
    """A value that cannot be what it is declared to be."""


def typed(value: Any, kind: Kind) -> Any:
    """A value as a step that declares this kind receives it.

    Numbers in lists and dicts stay what they are. The items of loops are declared STRING by kfp whatever they are, so
    a number may arrive as text and text be wanted of a number.
    """
    try:
        match kind, value:
            case (Kind.STRING, str()) | (Kind.BOOLEAN, bool()):
                return value
            case Kind.STRING, _:
                return text(value)
            case ((Kind.NUMBER_INTEGER | Kind.NUMBER_DOUBLE), bool()):
                raise ValueError
            case Kind.NUMBER_INTEGER, _:
                number = (
                    float(value) if isinstance(value, str) and not re.fullmatch(r"\s*[-+]?\d+\s*", value) else value
                )
                if int(number) != number and not isinstance(number, str):
                    raise ValueError
                return int(number)
            case Kind.NUMBER_DOUBLE, _:
                return float(value)
            case Kind.BOOLEAN, str() if value.lower() in ("true", "false"):
                return value.lower() == "true"
            case (Kind.LIST, list()) | (Kind.STRUCT | Kind.TASK_FINAL_STATUS, dict()):
                return value
            case ((Kind.LIST | Kind.STRUCT), str()):
                parsed_value = json.loads(value)
                if isinstance(parsed_value, list if kind is Kind.LIST else dict):
                    return parsed_value
    except (ValueError, TypeError, OverflowError):
        pass
    raise Mistyped(f"{brief(value)} is not a {kind}")


def brief(value: Any) -> str:
    """A value for a message."""
    return json.dumps(value, default=repr)[:80]


def text(value: Any) -> str:
    """A value as it appears inside a string: text as it is, all else as JSON, whole numbers without a point."""
    return value if isinstance(value, str) else json.dumps(whole(value))


# Placeholders

PLACEHOLDER = re.compile(r"\{\{\$([^{}]*)\}\}")


def filled(value: Any, resolve: Callable[[str], str | None]) -> Any:
    """A constant whose placeholders say what they stand for; `resolve` is told what is between `{{$` and `}}`."""
    match value:
        case str():
            return PLACEHOLDER.sub(lambda found: resolved(found, resolve), value)
        case list():
            return [filled(each, resolve) for each in value]
        case dict():
            return {filled(key, resolve): filled(each, resolve) for key, each in value.items()}
    return value


def resolved(found: re.Match[str], resolve: Callable[[str], str | None]) -> str:
    meant = resolve(found[1])
    return found[0] if meant is None else meant


def parameter(inside: str) -> str:
    """The input parameter that a placeholder names, empty for any other."""
    found = re.match(r"\.inputs\.parameters\['(.+?)'\]", inside)
    return found[1] if found else ""


def looked_up(inside: str, request: Mapping[str, Any]) -> str | None:
    """What a placeholder about inputs and outputs stands for, from the executor input; None for one unknown."""
    if not inside:
        return json.dumps(request)
    if inside.endswith(".json_escape[1]"):
        meant = looked_up(inside.removesuffix(".json_escape[1]"), request)
        return None if meant is None else json.dumps(meant)[1:-1]
    inputs, outputs = request.get("inputs", {}), request.get("outputs", {})
    match re.split(r"\['|'\]\.?", inside.removeprefix(".")):
        case ["inputs.parameters", name, *_]:
            value = inputs.get("parameterValues", {}).get(name)
            return "null" if value is None else text(value)
        case ["outputs.parameters", name, *_]:
            return text(outputs.get("parameters", {}).get(name, {}).get("outputFile"))
        case [("inputs.artifacts" | "outputs.artifacts") as side, name, what, *more]:
            group = inputs if side.startswith("inputs") else outputs
            items = group.get("artifacts", {}).get(name, {}).get("artifacts") or [{}]
            return described(items[0], what, [each for each in more if each])
        case ["outputs.output_file"] | ["outputMetadataUri"]:
            return text(outputs.get("outputFile"))
    return None


def described(artifact: Mapping[str, Any], what: str, keys: list[str]) -> str | None:
    match what, keys:
        case (("uri" | "name"), []):
            return text(artifact.get(what, ""))
        case "path", []:
            return re.sub("^gs://", "/gcs/", text(artifact.get("uri", "")))
        case "metadata", []:
            return text(artifact.get("metadata", {}))
        case "metadata", [key]:
            return text(artifact.get("metadata", {}).get(key))
    return None


def words(container: tuple[str, ...], given: frozenset[str]) -> tuple[str, ...]:
    """The words of a command, where IfPresent and Concat stand for more words, or fewer."""
    return tuple(word for each in container for word in structured(each, given))


def structured(word: str, given: frozenset[str]) -> list[str]:
    if word.startswith(('{"IfPresent": ', '{"Concat": ')):
        return flat(json.loads(word), given)
    return [word]


def flat(placeholder: Any, given: frozenset[str]) -> list[str]:
    match placeholder:
        case str():
            return [placeholder]
        case list():
            return [word for each in placeholder for word in flat(each, given)]
        case {"Concat": list(parts)}:
            return ["".join(flat(parts, given))]
        case {"IfPresent": {"InputName": str(name), **branches}}:
            return flat(branches.get("Then" if name in given else "Else") or [], given)
    return []


# Expressions


class ExpressionError(ValueError):
    """An expression that does not parse, or that compares what cannot be compared."""


class Literal(NamedTuple):
    value: Any


class Input(NamedTuple):
    name: str


class Call(NamedTuple):
    function: str
    argument: "Expression"


class Not(NamedTuple):
    operand: "Expression"


class Compare(NamedTuple):
    operator: str
    left: "Expression"
    right: "Expression"


class Logic(NamedTuple):
    operator: str
    left: "Expression"
    right: "Expression"


Expression = Literal | Input | Call | Not | Compare | Logic

# Compiled where they are used: a picture is drawn without them.
TOKEN = r"""\s*(?:
      (?P<input>inputs\.parameter_values\[\s*(?:'[^'\\\n]*'|"[^"\\\n]*")\s*\])
    | (?P<number>-?(?:\d+\.\d*(?:[eE][-+]?\d+)?|\.\d+(?:[eE][-+]?\d+)?|\d+[eE][-+]?\d+|\d+)u?)(?![\w.'"])
    | (?P<string>'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*")
    | (?P<word>[A-Za-z_]\w*)
    | (?P<sign>==|!=|<=|>=|&&|\|\||[<>!()])
    )"""
ESCAPE = (
    r"""\\(?:([abfnrtv\\?"'`])|[xX]([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})"""
    r"""|([0-3][0-7]{2})|(.))"""
)
PLAIN = dict(zip("abfnrtv", "\a\b\f\n\r\t\v", strict=True))
CASTS = frozenset({"int", "double", "string", "bool"})


def parsed(expression: str) -> Expression:
    """The subset of CEL that kfp writes: inputs, literals and casts, compared, and joined by &&, ||, ! and brackets."""
    try:
        return Parser(list(tokens(expression))).whole()
    except RecursionError:
        raise ExpressionError("it is nested too deep") from None


def tokens(expression: str) -> Iterator[tuple[str, str]]:
    place, end, token = 0, len(expression.rstrip()), re.compile(TOKEN, re.VERBOSE)
    while place < end:
        found = token.match(expression, place)
        if found is None or found.lastgroup is None:
            raise ExpressionError(f"at {expression[place : place + 20].strip()!r}")
        yield found.lastgroup, found[found.lastgroup]
        place = found.end()


class Parser:
    """Recursive descent, loosest binding first: ||, &&, comparison, !, the rest."""

    def __init__(self, left: list[tuple[str, str]]) -> None:
        self.left = left[::-1]

    def whole(self) -> Expression:
        expression = self.either()
        if self.left:
            raise ExpressionError(f"at {self.left[-1][1]!r}")
        return expression

    def accept(self, *signs: str) -> str:
        """The next token, taken, if it is one of these signs."""
        if self.left and self.left[-1][0] == "sign" and self.left[-1][1] in signs:
            return self.left.pop()[1]
        return ""

    def either(self) -> Expression:
        expression = self.both()
        while self.accept("||"):
            expression = Logic("||", expression, self.both())
        return expression

    def both(self) -> Expression:
        expression = self.comparison()
        while self.accept("&&"):
            expression = Logic("&&", expression, self.comparison())
        return expression

    def comparison(self) -> Expression:
        expression = self.unary()
        while sign := self.accept("==", "!=", "<", "<=", ">", ">="):
            expression = Compare(sign, expression, self.unary())
        return expression

    def unary(self) -> Expression:
        return Not(self.unary()) if self.accept("!") else self.primary()

    def bracketed(self) -> Expression:
        expression = self.either()
        if not self.accept(")"):
            raise ExpressionError("a bracket is not closed")
        return expression

    def primary(self) -> Expression:
        if self.accept("("):
            return self.bracketed()
        match self.left.pop() if self.left else ("end", ""):
            case "input", word:
                return Input(word[word.index("[") + 1 : -1].strip()[1:-1])
            case "number", word:
                word = word.removesuffix("u")
                return Literal(int(word) if re.fullmatch(r"-?\d+", word) else float(word))
            case "string", word:
                return Literal(re.sub(ESCAPE, unescaped, word[1:-1]))
            case "word", ("true" | "false") as word:
                return Literal(word == "true")
            case "word", word if word in CASTS and self.accept("("):
                return Call(word, self.bracketed())
            case _, word:
                raise ExpressionError(f"at {word!r}" if word else "it ends too early")


def unescaped(found: re.Match[str]) -> str:
    plain, *codes, octal, other = found.groups()
    if other is not None:
        raise ExpressionError(f"\\{other} is no escape")
    if plain is not None:
        return PLAIN.get(plain, plain)
    return chr(int(octal, 8)) if octal is not None else chr(int(next(code for code in codes if code is not None), 16))


def value_of(expression: Expression, inputs: Mapping[str, Any]) -> Any:
    """What an expression comes to.

    As in CEL, numbers compare with each other whether int or double; values of different kinds are not equal, and to
    order them is an error. An input without a value is an error too, except where the other side of && or || decides.
    """
    match expression:
        case Literal(value):
            return value
        case Input(name):
            if inputs.get(name) is None:
                raise ExpressionError(f"{name.removeprefix('pipelinechannel--')} has no value")
            return inputs[name]
        case Call(function, argument):
            return cast(function, value_of(argument, inputs))
        case Not(operand):
            return not truth(operand, inputs)
        case Compare(operator, left, right):
            return compared(operator, value_of(left, inputs), value_of(right, inputs))
        case Logic(operator, left, right):
            return joined(operator == "||", left, right, inputs)


def truth(expression: Expression, inputs: Mapping[str, Any]) -> bool:
    value = value_of(expression, inputs)
    if not isinstance(value, bool):
        raise ExpressionError(f"{json.dumps(value)} is neither true nor false")
    return value


def joined(decisive: bool, left: Expression, right: Expression, inputs: Mapping[str, Any]) -> bool:
    """&& and ||: a side that decides does so even where the other is an error."""
    try:
        if truth(left, inputs) is decisive:
            return decisive
    except ExpressionError:
        if truth(right, inputs) is decisive:
            return decisive
        raise
    return truth(right, inputs)


def cast(function: str, value: Any) -> Any:
    try:
        match function, value:
            case "string", _:
                return text(value)
            case "bool", (bool() | "true" | "false"):
                return value in (True, "true")
            case "int", (int() | float() | str()) if not isinstance(value, bool):
                return int(value)
            case "double", (int() | float() | str()) if not isinstance(value, bool):
                return float(value)
    except (ValueError, OverflowError):
        pass
    raise ExpressionError(f"{json.dumps(value)} is no {function}")


def compared(operator: str, left: Any, right: Any) -> bool:
    if family(left) != family(right):
        if operator in ("==", "!="):
            return operator == "!="
        raise ExpressionError(f"{json.dumps(left)} {operator} {json.dumps(right)}: they cannot be ordered")
    match operator:
        case "==":
            return bool(left == right)
        case "!=":
            return bool(left != right)
        case "<":
            return bool(left < right)
        case "<=":
            return bool(left <= right)
        case ">":
            return bool(left > right)
    return bool(left >= right)


def family(value: Any) -> str:
    return "number" if isinstance(value, (int, float)) and not isinstance(value, bool) else type(value).__name__
