"""Texts that are put together of values, and constants beside them.

A letter to a lighthouse keeper.
"""

from AutoMLOps import AutoMLOps
from kfp import dsl

PLACE = "Bell Rock"
OPTIONS = {"lamps": 2, "keepers": ["Ann", "Bo"], "quote": 'it\'s "calm"'}


@dsl.component
def weather(day: int) -> str:
    return "fog" if day % 2 else "sun"


@dsl.component
def waves(day: int) -> int:
    return day % 5


@dsl.component
def letter(text: str, options: dict = {}, lines: list = [], sure: float = 1.0) -> int:
    return len(text) + len(options) + len(lines)


@dsl.pipeline(name="letter-to-a-keeper")
def write(day: int, name: str) -> int:
    sky, sea = weather(day=day), waves(day=day)
    letter(text=f"Dear {name}, {sky.output} and waves of {sea.output} at {PLACE} on day {day}.")
    return letter(text=PLACE, options=OPTIONS, lines=[sky.output, sea.output, 3], sure=0.25).output


AutoMLOps.generate(pipeline_params={"day": 3, "name": "Ann"})
