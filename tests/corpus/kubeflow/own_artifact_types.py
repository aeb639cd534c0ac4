"""Artifact types of one's own, beside those of Kubeflow.

Maps of mountain paths.
"""

from AutoMLOps import AutoMLOps
from kfp import dsl
from kfp.dsl import Artifact, Input, Output


class Map(Artifact):
    schema_title = "google.HikingMap"
    schema_version = "0.2.0"


@dsl.component
def survey(peaks: list, drawn: Output[Map]):
    with open(drawn.path, "w") as file:
        file.write(" - ".join(peaks))


@dsl.component
def hike(drawn: Input[Map]) -> int:
    with open(drawn.path) as file:
        return len(file.read().split(" - "))


@dsl.pipeline(name="mountain-paths")
def paths(peaks: list) -> int:
    return hike(drawn=survey(peaks=peaks).outputs["drawn"]).output


AutoMLOps.generate(pipeline_params={"peaks": ["Watzmann", "Hocheck"]})
