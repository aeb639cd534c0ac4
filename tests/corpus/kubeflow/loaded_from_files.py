"""Components from files beside the notebook, in the form of today and in an older one.

A mill grinds and weighs; only the sacks are filled here.
"""

from AutoMLOps import AutoMLOps
from kfp import components, dsl
from kfp.components import load_component_from_file
from kfp.dsl import Dataset, Output

mill = components.load_component_from_file("loaded/mill.yaml")
scale = load_component_from_file("loaded/scale.yaml")


@dsl.component
def fill(sacks: int, grain: Output[Dataset]):
    with open(grain.path, "w") as file:
        file.write("grain\n" * sacks)


@dsl.component
def price(kilograms: float) -> float:
    return kilograms * 1.2


@dsl.pipeline(name="mill-on-the-brook")
def brook(sacks: int) -> float:
    filled = fill(sacks=sacks)
    ground = mill(grain=filled.outputs["grain"], fineness=4)
    coarse = mill(grain=filled.outputs["grain"])
    scale(flour=coarse.outputs["flour"], unit="pound")
    return price(kilograms=scale(flour=ground.outputs["flour"]).outputs["weight"]).output


AutoMLOps.generate(pipeline_params={"sacks": 3})
