"""The nouns: every value that flows through the house, frozen."""

import re
from enum import StrEnum
from functools import lru_cache

from .nouns import noun


@noun
class Cell:
    """One cell of a notebook, or a whole script. `label` is how messages name it: "cell 7", "In[7]", "train.py"."""

    label: str
    text: str
    first_line: int = 1


@noun
class Notebook:
    """The cells that count, in order: everything a pipeline is read from. `stop` is the line of a running script that
    asked for it: what stands below is not the pipeline's."""

    name: str
    cells: tuple[Cell, ...]
    stop: int = 0


@noun
class Problem:
    """A fault (or a warning): what is wrong, where, and how to mend it."""

    message: str
    hint: str = ""
    cell: str = ""
    line: int = 0

    def __str__(self) -> str:
        where = f"{self.cell}, line {self.line}: " if self.cell and self.line else f"{self.cell}: " if self.cell else ""
        said = f"{where}{self.message}" + (f" ({self.hint})" if self.hint else "")
        return said.encode(errors="backslashreplace").decode()  # half of a character cannot be printed


@lru_cache(maxsize=4096)
def slug(name: str) -> str:
    """A name as kfp and Vertex AI write it: lower case, digits and single dashes."""
    return "-".join(part for part in re.split(r"[^0-9a-z]+", name.lower()) if part)


class Kind(StrEnum):
    """The types of value that travel between steps, by the names they have in a compiled spec."""

    STRING = "STRING"
    NUMBER_INTEGER = "NUMBER_INTEGER"
    NUMBER_DOUBLE = "NUMBER_DOUBLE"
    BOOLEAN = "BOOLEAN"
    LIST = "LIST"
    STRUCT = "STRUCT"
    TASK_FINAL_STATUS = "TASK_FINAL_STATUS"


@noun
class Param:
    """A value that goes into or comes out of a component or a pipeline. `default` is JSON text, or None without one.

    `items` is the type of what a list holds, as kfp spells it; empty where that is not said.
    """

    name: str
    kind: Kind
    default: str | None = None
    optional: bool = False
    description: str = ""
    items: str = ""


@noun
class Artifact:
    """A file that goes into or comes out of a component. `title` is its schema: "system.Dataset"."""

    name: str
    title: str
    version: str = "0.0.1"
    many: bool = False
    optional: bool = False
    description: str = ""


@noun
class Import:
    """One imported name: `import module as alias` (name empty), or `from module import name as alias`."""

    module: str
    name: str = ""
    alias: str = ""


@noun
class Component:
    """A step's code and signature. `source` is the whole module, `requirements` are lines of a requirements.txt."""

    name: str
    source: str
    inputs: tuple[Param | Artifact, ...] = ()
    outputs: tuple[Param | Artifact, ...] = ()
    description: str = ""
    requirements: tuple[str, ...] = ()
    google: tuple[str, ...] = ()  # the modules of Google services that it imports
    base: str = ""  # the image its container starts from, where it was given one of its own
    cell: str = ""
    line: int = 0


class Source(StrEnum):
    """Where an argument of a step comes from."""

    VALUE = "value"  # a literal: `of` is its JSON text
    PARAMETER = "parameter"  # a parameter of the pipeline: `of` is its name
    OUTPUT = "output"  # an output of another step: `of` is the step, `output` the output
    CODE = "code"  # anything else that Python can say: `of` is the expression


@noun
class Argument:
    """What a step is given for one input."""

    name: str
    source: Source
    of: str
    output: str = ""


@noun
class Step:
    """One call of a component in the pipeline. `name` is the task's name in the compiled spec."""

    name: str
    component: str
    arguments: tuple[Argument, ...] = ()
    after: tuple[str, ...] = ()


class Origin(StrEnum):
    """What a pipeline calls as a step, where that is no Python function of the notebook."""

    CONTAINER = "container"  # a container component, which travels as code
    PIPELINE = "pipeline"  # another pipeline, which travels as code
    LOADED = "loaded"  # a component.yaml that was loaded
    IMPORTER = "importer"  # kfp's own, for an artifact that exists already
    IMPORTED = "imported"  # from an installed package, as Google's prebuilt components are


@noun
class Other:
    """What a pipeline calls as a step that is no Python function of the notebook.

    `name` is what it is called by, `task` what kfp calls its tasks after. `image` is what a container runs in, as far
    as its text tells; `python` says that it runs a Python function by kfp's executor. A loaded one has its `text`, and
    the words `told` that say where that is from. A pipeline has its own `steps`, none where only running it could tell
    (`readable`). `google` are the services that it reaches.
    """

    name: str
    origin: Origin
    task: str = ""
    inputs: tuple[Param | Artifact, ...] = ()
    outputs: tuple[Param | Artifact, ...] = ()
    image: str = ""
    python: bool = False
    text: str = ""
    told: str = ""
    steps: tuple[Step, ...] = ()
    readable: bool = True
    google: tuple[str, ...] = ()
    cell: str = ""
    line: int = 0


@noun
class Given:
    """A pipeline that was compiled elsewhere: its file as it was given, the spec in it as JSON, and what can be seen.

    `steps` are those that run in a container, with its image. `uses` is what they use beyond the bucket, as far as
    their commands hold the code; `unseen` are the steps whose code their images hold.
    """

    text: str
    spec: str
    steps: tuple[tuple[str, str], ...] = ()
    uses: tuple[str, ...] = ()
    unseen: tuple[str, ...] = ()


@noun
class Pipeline:
    """What a notebook says: components, how they are wired, and the code of the wiring.

    `function` names the pipeline function, `body` is its text (decorated), `carried` the statements that it needs
    before it, `imports` what those import. `others` are the steps that are no components of ours. `steps` is empty
    where the body cannot be read without running it (`readable`). `values` are the values of its parameters for a run,
    as (name, JSON text). `name` is clean enough for a resource (`wine-quality`), `title` is what the user called it.
    `tools` are the pinned packages that compile it and submit it. One that was compiled elsewhere is `given`, and has
    no code.
    """

    name: str
    title: str
    function: str
    body: str
    description: str = ""
    parameters: tuple[Param, ...] = ()
    components: tuple[Component, ...] = ()
    others: tuple[Other, ...] = ()
    steps: tuple[Step, ...] = ()
    readable: bool = True
    imports: tuple[Import, ...] = ()
    carried: str = ""
    values: tuple[tuple[str, str], ...] = ()
    tools: tuple[str, ...] = ()
    notebook: str = ""
    given: Given | None = None


@noun
class File:
    """One file of a tree. It is executable when its text starts with `#!`."""

    path: str
    text: str


@noun
class Tree:
    """A whole codebase, path by path, sorted."""

    files: tuple[File, ...]


class Fate(StrEnum):
    """What became of a file."""

    CREATED = "created"
    SAME = "same"
    CHANGED = "changed"
    KEPT = "kept"  # the user's edit stands; the new version is beside it
    REMOVED = "removed"


@noun
class Change:
    """One file and what became of it; `note` says more where there is more to say."""

    path: str
    fate: Fate
    note: str = ""


@noun
class Changes:
    """What generating did, or with `dry_run` would do."""

    folder: str
    changes: tuple[Change, ...]
    warnings: tuple[Problem, ...] = ()
    next_steps: tuple[str, ...] = ()
    dry_run: bool = False


class State(StrEnum):
    """How far a step, or a whole run, has come."""

    WAITING = "waiting"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    CACHED = "cached"
    SKIPPED = "skipped"  # a condition was not met, or what it waits for did not succeed
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def over(self) -> bool:
        """Whether nothing more will become of it."""
        return self not in (State.WAITING, State.RUNNING)

    @property
    def good(self) -> bool:
        """Whether it gave what it was to give, now or in an earlier run."""
        return self in (State.SUCCEEDED, State.CACHED)


@noun
class TaskRun:
    """One task of a run: a step, or (`group`) a condition, loop, exit handler or pipeline that holds others.

    `path` says where it stands: "root/for-loop-1/0/train" is the task train of the first item. Times are seconds since
    the epoch, 0 where there is none yet. `log` is the file with what the last attempt printed. `key` is the hash of all
    that went into a step, `digest` of the files that came out; `cached` is the folder of the run that both are from.
    """

    path: str
    name: str
    component: str
    state: State = State.WAITING
    group: bool = False
    started: float = 0.0
    ended: float = 0.0
    inputs: str = "{}"
    outputs: str = "{}"
    log: str = ""
    error: str = ""
    attempts: int = 0
    cached: str = ""
    key: str = ""
    digest: str = ""


@noun
class Run:
    """A run of a compiled pipeline on this machine, as far as it has come. `parameters` and `outputs` are JSON text."""

    name: str
    id: str
    state: State
    folder: str
    started: float = 0.0
    ended: float = 0.0
    tasks: tuple[TaskRun, ...] = ()
    parameters: str = "{}"
    outputs: str = "{}"
    error: str = ""
