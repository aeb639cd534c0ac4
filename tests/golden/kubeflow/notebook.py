# %% [markdown]
# # Kubeflow's own syntax: every kind of step that it knows

# %%
from typing import NamedTuple

from AutoMLOps import AutoMLOps
from kfp import components, dsl
from kfp.dsl import Dataset, Input, Metrics, Model, Output

LEAST = 0.5


# %%
@dsl.component(base_image="python:3.11")
def plant(beds: int, garden: Output[Dataset]) -> int:
    """Plants some beds.

    Args:
        beds: How many.
        garden: What grows in each.
    """
    with open(garden.path, "w") as file:
        file.write("\n".join("carrots" for _ in range(beds)))
    return beds


# %%
class Harvest(NamedTuple):
    kilograms: float
    crop: str


# %%
@dsl.component
def weigh(garden: Input[Dataset], metrics: Output[Metrics]) -> Harvest:
    """Weighs what grew."""
    with open(garden.path) as file:
        crops = file.read().split("\n")
    metrics.log_metric("beds", len(crops))
    return Harvest(len(crops) * 1.5, crops[0])


# %%
@dsl.container_component
def bottle(crop: str, jar: Output[Model], jars: int = 2):
    """Bottles it."""
    return dsl.ContainerSpec(
        image="docker.io/library/busybox:1.36",
        command=["sh", "-c", 'mkdir -p "$(dirname "$2")" && echo "$0 in $1 jars" > "$2"'],
        args=[crop, jars, jar.path],
    )


# %%
label = components.load_component_from_file("label.yaml")
taste = components.load_component_from_text("""
name: Taste
inputs:
  - {name: jar, type: Model}
implementation:
  container:
    image: docker.io/library/busybox:1.36
    command: [cat, {inputPath: jar}]
""")


# %%
@dsl.pipeline(name="harvest", description="Plants and weighs.")
def harvest(beds: int = 3) -> float:
    planted = plant(beds=beds)
    return weigh(garden=planted.outputs["garden"]).outputs["kilograms"]


# %%
@dsl.pipeline(name="kitchen-garden", description="From the bed to the jar.")
def kitchen_garden(beds: int, crop: str = "carrots"):
    grown = harvest(beds=beds)
    last_year = dsl.importer(artifact_uri="gs://a-garden/last-year", artifact_class=Model)
    taste(jar=last_year.output).set_display_name("Last year")
    with dsl.If(grown.output > LEAST):
        bottled = bottle(crop=crop)
        label(text=crop, jar=bottled.outputs["jar"])
        taste(jar=bottled.outputs["jar"])


# %%
AutoMLOps.generate()
