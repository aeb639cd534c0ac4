"""A pipeline from a file, as a step of another one.

A painter buys a canvas that is ready, and paints.
"""

from AutoMLOps import AutoMLOps
from kfp import components, dsl
from kfp.dsl import Artifact, Input

canvas = components.load_component_from_file("loaded/canvas.yaml")


@dsl.component
def paint(canvas: Input[Artifact], colours: list) -> str:
    return f"{len(colours)} colours on {canvas.uri}"


@dsl.component
def measure(wall: int) -> int:
    return wall // 3


@dsl.pipeline(name="painting")
def painting(wall: int, colours: list):
    width = measure(wall=wall)
    ready = canvas(width=width.output)
    paint(canvas=ready.output, colours=colours)
    canvas(width=20, coats=5).set_display_name("a small one")


AutoMLOps.generate(pipeline_params={"wall": 300, "colours": ["umber", "ochre"]})
