from kfp import dsl
from kfp.dsl import Dataset, Input, Markdown, Metrics, Output


@dsl.component
def watch(stops: list, delays: dict, rain: bool, line: str, seen: Output[Dataset]):
    pass


@dsl.component
def post(seen: Input[Dataset], limit: int, sign: Output[Markdown], numbers: Output[Metrics]):
    pass


@dsl.pipeline(name="bus-delays")
def bus_delays(stops: list, delays: dict, rain: bool, line: str, limit: int):
    watched = watch(stops=stops, delays=delays, rain=rain, line=line)
    post(seen=watched.outputs["seen"], limit=limit).after(watched)
