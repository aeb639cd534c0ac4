"""Pipelines made by hand, that the tests share: what a reader would have read."""

from __future__ import annotations

from AutoMLOps.model import Argument, Artifact, Component, Import, Kind, Param, Pipeline, Source, Step

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
    body='''@dsl.pipeline(name="wine-quality", description="Trains a decision tree on the wine data; it's small.")
def pipeline(rows: int, max_depth: int, threshold: float):
    data = load_data(rows=rows)
    trained = train_model(data=data.outputs["data"], max_depth=max_depth)
    evaluate_model(accuracy=trained.outputs["Output"], threshold=threshold)
''',
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
            inputs=(
                Param(name="rows", kind=Kind.NUMBER_INTEGER, default="178", description="How many rows to keep."),
            ),
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
                Param(
                    name="threshold", kind=Kind.NUMBER_DOUBLE, default="0.8", description="What is good enough."
                ),
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
