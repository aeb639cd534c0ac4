"""A step that runs although the one before it may fail.

A postcard is sent, with a picture if the camera works.
"""

from AutoMLOps import AutoMLOps
from kfp import dsl
from kfp.dsl import PipelineTaskFinalStatus


@dsl.component
def photograph(light: int) -> str:
    assert light > 3, "too dark"
    return "harbour.png"


@dsl.component
def write(words: str, picture: str = "no picture") -> str:
    return f"{words} ({picture})"


@dsl.component
def stamp(status: PipelineTaskFinalStatus, cents: int = 95) -> int:
    return cents if status.state == "SUCCEEDED" else 0


@dsl.pipeline(name="postcard")
def postcard(light: int, words: str):
    taken = photograph(light=light)
    written = write(words=words, picture=taken.output).ignore_upstream_failure()
    stamp(cents=95).after(written).ignore_upstream_failure()


AutoMLOps.generate(pipeline_params={"light": 9, "words": "Wish you were here"})
