"""Pipelines made by hand, as a reader would have read them, and a gcloud to run their scripts against."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from AutoMLOps import render
from AutoMLOps.model import Argument, Artifact, Component, Import, Kind, Param, Pipeline, Source, Step
from AutoMLOps.nouns import replace
from AutoMLOps.settings import Settings

TOOLS = ("google-cloud-aiplatform==2.7.0", "kfp==2.17.0")
IMPORTS = (Import(module="kfp", name="dsl"),)

LOAD_DATA = '''"""Writes the wine data as CSV."""
from kfp.dsl import Dataset, Output
from sklearn.datasets import load_wine


def load_data(data: Output[Dataset], rows: int = 178):
    """Writes the wine data as CSV.

    Args:
        rows: How many rows to keep.
    """
    load_wine(as_frame=True).frame.head(rows).to_csv(data.path, index=False)
'''
TRAIN_MODEL = '''"""Fits a decision tree to the training data."""
import json
from pathlib import Path

import pandas as pd
from kfp.dsl import Dataset, Input, Metrics, Model, Output
from sklearn.tree import DecisionTreeClassifier

TARGET = "target"


def features(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.drop(columns=[TARGET])


def train_model(data: Input[Dataset], model: Output[Model], metrics: Output[Metrics], max_depth: int = 3) -> float:
    """Fits a decision tree to the training data.

    Args:
        data: The training data, CSV.
        max_depth: How deep the tree may grow.
    """
    frame = pd.read_csv(data.path)
    tree = DecisionTreeClassifier(max_depth=max_depth, random_state=0).fit(features(frame), frame[TARGET])
    accuracy = float(tree.score(features(frame), frame[TARGET]))
    metrics.log_metric("accuracy", accuracy)
    Path(model.path).write_text(json.dumps({"depth": tree.get_depth(), "classes": tree.classes_.tolist()}))
    return accuracy
'''
EVALUATE_MODEL = '''"""Says whether the model is good enough."""


def evaluate_model(accuracy: float, threshold: float = 0.8) -> str:
    """Says whether the model is good enough.

    Args:
        accuracy: What training measured.
        threshold: What is good enough.
    """
    return "deploy" if accuracy >= threshold else "keep"
'''
WINE = Pipeline(
    name="wine-quality",
    title="wine-quality",
    function="pipeline",
    description="Trains a decision tree on the wine data; it's small.",
    body="""@dsl.pipeline(name="wine-quality", description="Trains a decision tree on the wine data; it's small.")
def pipeline(rows: int, max_depth: int, threshold: float):
    data = load_data(rows=rows)
    trained = train_model(data=data.outputs["data"], max_depth=max_depth)
    evaluate_model(accuracy=trained.outputs["Output"], threshold=threshold)
""",
    parameters=(
        Param(name="rows", kind=Kind.NUMBER_INTEGER),
        Param(name="max_depth", kind=Kind.NUMBER_INTEGER),
        Param(name="threshold", kind=Kind.NUMBER_DOUBLE),
    ),
    components=(
        Component(
            name="load_data",
            source=LOAD_DATA,
            description="Writes the wine data as CSV.",
            inputs=(Param(name="rows", kind=Kind.NUMBER_INTEGER, default="178", description="How many rows to keep."),),
            outputs=(Artifact(name="data", title="system.Dataset"),),
            requirements=("pandas==2.3.3", "scikit-learn==1.7.2"),
        ),
        Component(
            name="train_model",
            source=TRAIN_MODEL,
            description="Fits a decision tree to the training data.",
            inputs=(
                Artifact(name="data", title="system.Dataset", description="The training data, CSV."),
                Param(
                    name="max_depth", kind=Kind.NUMBER_INTEGER, default="3", description="How deep the tree may grow."
                ),
            ),
            outputs=(
                Artifact(name="model", title="system.Model"),
                Artifact(name="metrics", title="system.Metrics"),
                Param(name="Output", kind=Kind.NUMBER_DOUBLE),
            ),
            requirements=("pandas==2.3.3", "scikit-learn==1.7.2"),
        ),
        Component(
            name="evaluate_model",
            source=EVALUATE_MODEL,
            description="Says whether the model is good enough.",
            inputs=(
                Param(name="accuracy", kind=Kind.NUMBER_DOUBLE, description="What training measured."),
                Param(name="threshold", kind=Kind.NUMBER_DOUBLE, default="0.8", description="What is good enough."),
            ),
            outputs=(Param(name="Output", kind=Kind.STRING),),
        ),
    ),
    steps=(
        Step(
            name="load-data",
            component="load_data",
            arguments=(Argument(name="rows", source=Source.PARAMETER, of="rows"),),
        ),
        Step(
            name="train-model",
            component="train_model",
            arguments=(
                Argument(name="data", source=Source.OUTPUT, of="load-data", output="data"),
                Argument(name="max_depth", source=Source.PARAMETER, of="max_depth"),
            ),
        ),
        Step(
            name="evaluate-model",
            component="evaluate_model",
            arguments=(
                Argument(name="accuracy", source=Source.OUTPUT, of="train-model", output="Output"),
                Argument(name="threshold", source=Source.PARAMETER, of="threshold"),
            ),
        ),
    ),
    imports=IMPORTS,
    values=(("rows", "178"), ("max_depth", "3"), ("threshold", "0.8")),
    tools=TOOLS,
    notebook="quickstart.ipynb",
)


NASTY = (
    'it\'s "quoted" (GCS), $(rm -rf ~) `id` ${HOME} {{ x }} {% y %} {# z #} # not: a comment\\n \\ \\\\ % %s %(prog)s\n'
    "second line: 'yes' | * & ! @ <b>\tdé\u2028\x85\u00a0💥 \U0001d518 --- ... \"\"\" ''' \r end\\"
)
NASTIEST = f"{NASTY} {' '.join(NASTY.split() * 4)} {'x' * 150}"
SHOUT = """from kfp.dsl import Metrics, Output


def shout(text: str, sums: list, table: dict, metrics: Output[Metrics], flag: bool = True) -> str:
    metrics.log_metric("length", len(text))
    return text + str(sums) + str(table) + str(flag)
"""


def _hostile() -> Pipeline:
    body = f"""@dsl.pipeline(name="hostile", description={NASTIEST!r})  # noqa: E501
def hostile(text: str, sums: list, table: dict):
    said = shout(text=text, sums=sums, table=table)
    shout(text=said.outputs["Output"], sums=[1, 2.5], table={{"a": text}}, flag=False)
"""
    return Pipeline(
        name="hostile",
        title=NASTY,
        function="hostile",
        description=NASTIEST,
        body=body,
        parameters=(
            Param(name="text", kind=Kind.STRING, default=json.dumps(NASTY), description=NASTY),
            Param(name="sums", kind=Kind.LIST, description=NASTIEST),
            Param(name="table", kind=Kind.STRUCT, description="on"),
        ),
        components=(
            Component(
                name="shout",
                source=SHOUT,
                description=NASTIEST,
                inputs=(
                    Param(name="text", kind=Kind.STRING, description=NASTIEST),
                    Param(name="sums", kind=Kind.LIST, description=NASTY),
                    Param(name="table", kind=Kind.STRUCT, description="1e-09"),
                    Param(name="flag", kind=Kind.BOOLEAN, default="true", description="x" * 300),
                ),
                outputs=(
                    Artifact(name="metrics", title="system.Metrics", description="# - {a: b}"),
                    Param(name="Output", kind=Kind.STRING, description=NASTY),
                ),
            ),
        ),
        steps=(
            Step(
                name="shout",
                component="shout",
                arguments=tuple(
                    Argument(name=name, source=Source.PARAMETER, of=name) for name in ("text", "sums", "table")
                ),
            ),
            Step(
                name="shout-2",
                component="shout",
                arguments=(Argument(name="text", source=Source.OUTPUT, of="shout", output="Output"),),
            ),
        ),
        imports=IMPORTS,
        values=(
            ("text", json.dumps(NASTY)),
            ("sums", json.dumps([NASTY, 1, 1.5, 1e-9, None, True])),
            ("table", json.dumps({NASTY: NASTY, "on": {"null": "~"}})),
        ),
        tools=TOOLS,
        notebook="it's | a [notebook](x) $(id) `x`.ipynb",
    )


HOSTILE = _hostile()

EVERYTHING = """from typing import Dict, List, NamedTuple, Optional

from kfp.dsl import Dataset, Input, InputPath, Metrics, Model, Output, OutputPath


def everything(
    s: str,
    i: int,
    f: float,
    b: bool,
    l: list,  # noqa: E741
    d: Dict[str, int],
    data: Input[Dataset],
    raw: InputPath("CSV"),
    metrics: Output[Metrics],
    text: OutputPath(str),
    count: OutputPath(int),
    files: OutputPath("Dataset"),
    opt: Optional[str] = None,
    three: Optional[int] = 3,
    tiny: float = 1e-9,
    big: float = 1e16,
    items: List[float] = [1, 2.5, 1e-9],  # noqa: B006
    empty: str = "",
    y: str = "on",
    off: bool = False,
    nested: dict = {"a": [1, {"b": 1}]},  # noqa: B006
    many: Input[List[Model]] = None,
) -> NamedTuple("Outputs", [("auc", float), ("names", list)]):
    assert (type(i), type(f), type(b), l, d) == (int, float, bool, [1, 2.5, "x"], {"a": 1})
    assert opt is None and three == 3 and items == [1, 2.5, 1e-9] and y == "on"
    with open(data.path) as source, open(raw) as other:
        assert source.read() == other.read() == "made"
    for path, content in ((text, "hello"), (count, "3"), (files, "f")):
        with open(path, "w") as target:
            target.write(content)
    metrics.log_metric("m", f)
    return (0.5, [s])
"""
MAKE = """from kfp.dsl import Dataset


def make() -> Dataset:
    return "made"
"""
NOTHING = """def nothing():
    pass
"""
COUNTED = """from typing import Any, Dict, List

from kfp.dsl import Dataset, Input


def counted(number: int, each: List[Dataset], one: Input[Dataset], names: list, info: Dict[str, Any]) -> int:
    assert type(number) is int and number == 3 and names == ["s"] and info == {"a": "3 and s", "n": [1, 2.5]}, info
    assert len(each) == 1
    return number
"""
PLUS = """def plus(number: int, by: int = 1) -> int:
    assert type(number) is int and type(by) is int
    return number + by
"""
CLOSE = """from kfp.dsl import PipelineTaskFinalStatus


def close(status: PipelineTaskFinalStatus, note: str = "done"):
    assert status.state == "SUCCEEDED"
"""
KINDS = Pipeline(
    name="kinds",
    title="Kinds",
    function="kinds",
    carried="STEP = 2",
    body="""@dsl.pipeline(name="kinds")
def kinds(s: str, i: int = 3, f: float = 1.0):
    closing = close()
    made = make()
    with dsl.ExitHandler(closing):
        all_ = everything(s=s, i=i, f=f, b=True, l=[1, 2.5, "x"], d={"a": 1}, data=made.output, raw=made.output)
        nothing().after(all_)
        with dsl.ParallelFor([1, 2]) as item:
            plus(number=item, by=STEP)
            again = make()
        with dsl.ParallelFor([{"a": 1, "b": [1]}]) as entry:
            plus(number=entry.a)
        with dsl.ParallelFor(all_.outputs["names"]):
            nothing()
        with dsl.If(i == 99):
            first = plus(number=all_.outputs["count"], by=0)
        with dsl.Else():
            other = plus(number=i)
        counted(
            number=dsl.OneOf(first.output, other.output),
            each=dsl.Collected(again.output),
            one=made.output,
            names=all_.outputs["names"],
            info={"a": f"{i} and {s}", "n": [1, 2.5]},
        )
""",
    parameters=(
        Param(name="s", kind=Kind.STRING),
        Param(name="i", kind=Kind.NUMBER_INTEGER, default="3"),
        Param(name="f", kind=Kind.NUMBER_DOUBLE, default="1.0"),
    ),
    components=(
        Component(
            name="everything",
            source=EVERYTHING,
            inputs=(
                Param(name="s", kind=Kind.STRING),
                Param(name="i", kind=Kind.NUMBER_INTEGER),
                Param(name="f", kind=Kind.NUMBER_DOUBLE),
                Param(name="b", kind=Kind.BOOLEAN),
                Param(name="l", kind=Kind.LIST),
                Param(name="d", kind=Kind.STRUCT),
                Artifact(name="data", title="system.Dataset"),
                Artifact(name="raw", title="system.Artifact"),
                Param(name="opt", kind=Kind.STRING, optional=True),
                Param(name="three", kind=Kind.NUMBER_INTEGER, default="3", optional=True),
                Param(name="tiny", kind=Kind.NUMBER_DOUBLE, default="1e-9"),
                Param(name="big", kind=Kind.NUMBER_DOUBLE, default="1e16"),
                Param(name="items", kind=Kind.LIST, default="[1, 2.5, 1e-9]"),
                Param(name="empty", kind=Kind.STRING, default='""'),
                Param(name="y", kind=Kind.STRING, default='"on"'),
                Param(name="off", kind=Kind.BOOLEAN, default="false"),
                Param(name="nested", kind=Kind.STRUCT, default='{"a": [1, {"b": 1}]}'),
                Artifact(name="many", title="system.Model", many=True, optional=True),
            ),
            outputs=(
                Artifact(name="metrics", title="system.Metrics"),
                Param(name="text", kind=Kind.STRING),
                Param(name="count", kind=Kind.NUMBER_INTEGER),
                Artifact(name="files", title="system.Dataset"),
                Param(name="auc", kind=Kind.NUMBER_DOUBLE),
                Param(name="names", kind=Kind.LIST),
            ),
        ),
        Component(name="make", source=MAKE, outputs=(Artifact(name="Output", title="system.Dataset"),)),
        Component(name="nothing", source=NOTHING),
        Component(
            name="counted",
            source=COUNTED,
            inputs=(
                Param(name="number", kind=Kind.NUMBER_INTEGER),
                Artifact(name="each", title="system.Dataset", many=True),
                Artifact(name="one", title="system.Dataset"),
                Param(name="names", kind=Kind.LIST),
                Param(name="info", kind=Kind.STRUCT),
            ),
            outputs=(Param(name="Output", kind=Kind.NUMBER_INTEGER),),
        ),
        Component(
            name="plus",
            source=PLUS,
            inputs=(
                Param(name="number", kind=Kind.NUMBER_INTEGER),
                Param(name="by", kind=Kind.NUMBER_INTEGER, default="1"),
            ),
            outputs=(Param(name="Output", kind=Kind.NUMBER_INTEGER),),
        ),
        Component(
            name="close",
            source=CLOSE,
            inputs=(
                Param(name="status", kind=Kind.TASK_FINAL_STATUS),
                Param(name="note", kind=Kind.STRING, default='"done"'),
            ),
        ),
    ),
    readable=False,
    imports=IMPORTS,
    values=(("s", '"s"'), ("i", "3")),
    tools=TOOLS,
)

FETCH = """from google.cloud import storage
from kfp.dsl import Dataset, Output


def fetch(data: Output[Dataset], bucket: str) -> int:
    storage.Client().bucket(bucket).blob("data.csv").download_to_filename(data.path)
    return 1
"""
COUNT = """from kfp.dsl import Dataset, Input


def count(data: Input[Dataset]) -> int:
    with open(data.path) as source:
        return len(source.readlines())
"""
GOOGLE = Pipeline(
    name="reaches-google",
    title="Reaches Google",
    function="pipeline",
    body="""@dsl.pipeline(name="reaches-google")
def pipeline(bucket: str):
    fetched = fetch(bucket=bucket)
    count(data=fetched.outputs["data"])
    alone()
""",
    parameters=(Param(name="bucket", kind=Kind.STRING),),
    components=(
        Component(
            name="fetch",
            source=FETCH,
            inputs=(Param(name="bucket", kind=Kind.STRING),),
            outputs=(Artifact(name="data", title="system.Dataset"), Param(name="Output", kind=Kind.NUMBER_INTEGER)),
            requirements=("google-cloud-storage==3.17.1",),
            google=("google.cloud.storage",),
        ),
        Component(
            name="count",
            source=COUNT,
            inputs=(Artifact(name="data", title="system.Dataset"),),
            outputs=(Param(name="Output", kind=Kind.NUMBER_INTEGER),),
        ),
        Component(
            name="alone",
            source="def alone() -> int:\n    return 1\n",
            outputs=(Param(name="Output", kind=Kind.NUMBER_INTEGER),),
        ),
    ),
    steps=(
        Step(name="fetch", component="fetch"),
        Step(
            name="count",
            component="count",
            arguments=(Argument(name="data", source=Source.OUTPUT, of="fetch", output="data"),),
        ),
        Step(name="alone", component="alone"),
    ),
    imports=IMPORTS,
    values=(("bucket", '"some-bucket"'),),
    tools=TOOLS,
)


# A step that starts from an image of the user's.
OWN_IMAGES = ("images/tools", "images/trainer")
BASED = replace(
    WINE,
    components=tuple(
        replace(each, base="images/trainer" if each.name == "train_model" else "") for each in WINE.components
    ),
)


# A pipeline of steps in images of others: there is no code of ours in it, and nothing to build.
CONTAINERS = Pipeline(
    name="only-containers",
    title="Only containers",
    function="pipeline",
    carried="""@dsl.container_component
def shout(word: str):
    return dsl.ContainerSpec(image="alpine:3.20", command=["echo"], args=[word])
""",
    body="""@dsl.pipeline(name="only-containers")
def pipeline(word: str = "hey"):
    first = shout(word=word)
    shout(word=word).after(first)
""",
    parameters=(Param(name="word", kind=Kind.STRING, default='"hey"'),),
    readable=False,
    imports=IMPORTS,
    values=(("word", '"ho"'),),
    tools=TOOLS,
)


def written(folder: Path, pipeline: Pipeline = WINE, project_id: str | None = "my-project-123", **chosen: Any) -> Path:
    """The codebase of a pipeline, in a folder."""
    settings = Settings(project_id=project_id, **{"base_image": "python:3.11-slim", **chosen})
    for file in render.tree(pipeline, settings).files:
        path = folder / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(file.text, encoding="utf-8", newline="")
        if file.text.startswith("#!"):
            path.chmod(0o755)
    return folder


GCLOUD = """#!/usr/bin/env bash
# A gcloud that writes down what it is told, and answers as a registry that holds what was built.
here=$(dirname "$0")
printf '%s\\0' "$@" | base64 -w0 >>"$here/calls"
echo >>"$here/calls"
case "$*" in
  *"images describe"*)
    [[ ! -e $here/denied ]] || { echo "PERMISSION_DENIED: no reading here" >&2; exit 1; }
    [[ -e $here/built ]] || { echo "ERROR: (gcloud.artifacts.docker.images.describe) Image not found." >&2; exit 1; }
    echo "sha256:0123456789abcdef" ;;
  *"builds submit"*)
    echo "Logs are available at [ https://console.cloud.google.com/cloud-build/builds/1?project=1 ]." >&2
    [[ ! -e $here/broken ]] || { echo "pip: no such package" ; exit 1; }
    touch "$here/built" ;;
esac
"""


class FakeGcloud:
    """A folder for PATH with a gcloud in it, and what that was told."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        (folder / "gcloud").write_text(GCLOUD)
        (folder / "gcloud").chmod(0o755)

    def says(self, state: str) -> None:
        """`denied`, `broken` or `built`."""
        (self.folder / state).touch()

    def run(self, script: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
        path = os.pathsep.join((str(self.folder), str(Path(sys.executable).parent), os.environ["PATH"]))
        return subprocess.run(
            [str(script), *arguments], cwd="/", env={"PATH": path}, capture_output=True, text=True, timeout=120
        )

    @property
    def calls(self) -> list[list[str]]:
        lines = (self.folder / "calls").read_text().split() if (self.folder / "calls").exists() else []
        return [base64.b64decode(line).decode().split("\0")[:-1] for line in lines]
