"""Arguments of a container that are put together, or there only where an input is given.

A printing press takes a text, perhaps a colour, perhaps a picture.
"""

from typing import Optional

from AutoMLOps import AutoMLOps
from kfp import dsl
from kfp.dsl import Artifact, Input, Output


@dsl.container_component
def press(
    text: str,
    sheet: Output[Artifact],
    copies: int = 1,
    colour: Optional[str] = None,
    picture: Optional[Input[Artifact]] = None,
):
    return dsl.ContainerSpec(
        image="docker.io/library/busybox:1.36",
        command=["print"],
        args=[
            dsl.ConcatPlaceholder(["--text=", text]),
            dsl.ConcatPlaceholder(["--to=", sheet.uri, "/", dsl.ConcatPlaceholder(["x", copies])]),
            dsl.IfPresentPlaceholder(input_name="colour", then=["--colour", colour], else_=["--grey"]),
            dsl.IfPresentPlaceholder(
                input_name="picture", then=dsl.ConcatPlaceholder(["--picture=", picture.path])
            ),
        ],
    )


@dsl.pipeline(name="printing-press")
def printing(text: str, colour: str = "blue"):
    first = press(text=text)
    press(text=text, copies=3, colour=colour, picture=first.outputs["sheet"])


AutoMLOps.generate(pipeline_params={"text": "It's fair"})
