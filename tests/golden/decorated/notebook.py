"""Decorated functions, with every character that hurts."""
from __future__ import annotations

import json
from typing import NamedTuple, Optional

from AutoMLOps import AutoMLOps
from kfp import dsl
from kfp.dsl import Artifact, Dataset, Input, Markdown, Metrics, Model, Output

HOSTILE = 'it\'s "quoted" (GCS), $(whoami) `id` {braces} {{ jinja }} {% raw %} \\back 🎉'
SEPARATOR = ", "


class Summary(NamedTuple):
    lines: int
    longest: str
    lengths: list


def joined(words: list[str]) -> str:
    """Helpers travel, docstrings and all."""
    return SEPARATOR.join(words)


class Shelf:
    def copy(self) -> Shelf:
        return Shelf()


@AutoMLOps.component(packages_to_install=["six==1.16.0"])
def collect(
    data: Output[Dataset],
    words: Optional[list] = None,
    options: Optional[dict] = None,
    factor: float = 1e-09,
    note: Optional[str] = None,
):
    'Collects words. it\'s "quoted" (GCS), $(whoami) `id` {braces} {{ jinja }} {% raw %} \\back 🎉'
    import six

    with open(data.path, "w") as file:
        text = joined([str(word) for word in words or []])
        json.dump({"text": text, "six": six.PY3, "note": note, "factor": factor, **(options or {})}, file)


@AutoMLOps.component
def summarise(data: Input[Dataset], page: Output[Markdown], scores: Output[Metrics], limit: int = 2**10) -> Summary:
    """Says what the data holds.

    Args:
        data: The words: as JSON.
        limit: How many (at most).
    """
    with open(data.path) as file:
        text = json.load(file)["text"]
    with open(page.path, "w") as file:
        file.write(f"# {len(text)}")
    scores.log_metric("length", len(text))
    return Summary(lines=min(limit, 1), longest=max(text.split(SEPARATOR), key=len), lengths=[len(text)])


@AutoMLOps.component
def TrainModel(lengths: list, longest: str, flag: bool, model: Output[Model], parent: "Optional[str]" = None) -> float:
    print(Shelf().copy(), HOSTILE)
    with open(model.path, "w") as file:
        file.write(longest)
    return float(sum(lengths))


@AutoMLOps.component
def _tell(score: float, text: str):
    print(score, text)


@AutoMLOps.pipeline(name="Words: " + HOSTILE, description='it\'s "quoted" (GCS), $(whoami) `id` {braces} {{ jinja }} {% raw %} \\back 🎉\nand a second line: # not a comment')
def words_pipeline(words: list, flag: bool = True, text: str = HOSTILE, threshold: float = 0.5):
    """The description above wins.

    Args:
        text: it's "quoted" (GCS), $(whoami) `id` {braces} {{ jinja }} {% raw %} back 🎉
    """
    collected = collect(words=words, note="it's here")
    summary = summarise(data=collected.outputs["data"]).set_display_name("Summarise")
    trained = TrainModel(
        lengths=summary.outputs["lengths"], longest=summary.outputs["longest"], flag=flag
    ).set_cpu_limit("2")
    with dsl.If(trained.outputs["Output"] > threshold, name="good enough"):
        _tell(score=trained.outputs["Output"], text=text)
    _tell(score=0.5, text=HOSTILE).after(trained)


AutoMLOps.generate()
