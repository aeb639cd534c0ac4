"""Environment variables of a step.

A lighthouse blinks in its own rhythm.
"""

from AutoMLOps import AutoMLOps
from kfp import dsl

RHYTHM = "3"


@dsl.component
def blink(name: str) -> str:
    import os

    return f"{name} blinks {os.environ.get('BLINKS', '0')} times, {os.environ.get('COLOUR', 'white')}"


@dsl.component
def chart(entry: str) -> int:
    return len(entry)


@dsl.pipeline(name="lighthouse")
def lighthouse(name: str) -> int:
    blinked = blink(name=name).set_env_variable("BLINKS", RHYTHM)
    blinked.set_env_variable(name="COLOUR", value='red & "white"')
    return chart(entry=blinked.output).output


AutoMLOps.generate(pipeline_params={"name": "Skerryvore"})
