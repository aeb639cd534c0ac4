from kfp import dsl
from kfp.dsl import OutputPath


@dsl.component
def open_the_hives(hives: int, frames: OutputPath(int)):
    pass


@dsl.component
def spin_fill(frames: int, jars: OutputPath(float)):
    pass


@dsl.pipeline(name="honey-harvest", display_name="Honey Harvest")
def honey_harvest(hives: int):
    opened = open_the_hives(hives=hives)
    spin_fill(frames=opened.outputs["frames"]).after(opened)
