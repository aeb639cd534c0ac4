"""A marathon: heats are pipelines of their own, within the whole."""

from typing import List

from AutoMLOps import AutoMLOps
from kfp import dsl
from kfp.dsl import Dataset, Input, Output

PACE = 300  # seconds for a kilometre


@AutoMLOps.component
def start(runners: list, field: Output[Dataset]):
    with open(field.path, "w") as file:
        file.write("\n".join(runners))


@AutoMLOps.component
def run(field: Input[Dataset], kilometres: float) -> List[float]:
    with open(field.path) as file:
        return [kilometres * (PACE + 10 * len(name.strip())) for name in file]


@AutoMLOps.component
def first(seconds: List[float]) -> float:
    return min(seconds)


@AutoMLOps.component
def record(half: float, full: float) -> bool:
    return full < 2.1 * half


@AutoMLOps.pipeline(name="heat")
def heat(field: Input[Dataset], kilometres: float = 21.1) -> float:
    ran = run(field=field, kilometres=kilometres)
    return first(seconds=ran.output).output


@AutoMLOps.pipeline(name="marathon")
def marathon(runners: list):
    field = start(runners=runners)
    half = heat(field=field.outputs["field"])
    full = heat(field=field.outputs["field"], kilometres=42.2).set_display_name("the whole way")
    record(half=half.output, full=full.output)


AutoMLOps.generate(pipeline_params={"runners": ["Abebe", "Rosa", "Emil"]})
