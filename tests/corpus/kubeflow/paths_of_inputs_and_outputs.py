"""Inputs and outputs as paths: files of a kind, and values that are written down.

A weaver's pattern.
"""

from AutoMLOps import AutoMLOps
from kfp import dsl
from kfp.dsl import Artifact, InputPath, OutputPath


@dsl.component
def draw(threads: int, pattern: OutputPath("Dataset"), knots: OutputPath(int)):
    with open(pattern, "w") as file:
        file.write("#." * threads)
    with open(knots, "w") as file:
        file.write(str(threads * 2))


@dsl.component
def weave(pattern: InputPath("Dataset"), knots: int, cloth: OutputPath("Artifact"), fringe: OutputPath(str)):
    with open(pattern) as source, open(cloth, "w") as target:
        target.write(source.read()[:knots])
    with open(fringe, "w") as file:
        file.write("|" * knots)


@dsl.component
def fold(cloth: InputPath(), fringe: str) -> int:
    with open(cloth) as file:
        return len(file.read()) + len(fringe)


@dsl.pipeline(name="weaver")
def weaver(threads: int = 8) -> int:
    drawn = draw(threads=threads)
    woven = weave(pattern=drawn.outputs["pattern"], knots=drawn.outputs["knots"])
    return fold(cloth=woven.outputs["cloth"], fringe=woven.outputs["fringe"]).output


AutoMLOps.generate(pipeline_params={"threads": 5})
