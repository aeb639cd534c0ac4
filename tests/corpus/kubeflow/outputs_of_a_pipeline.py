"""What a pipeline gives back: values and artifacts, by name.

A coin collection is sorted and valued.
"""

from typing import NamedTuple

from AutoMLOps import AutoMLOps
from kfp import dsl
from kfp.dsl import Dataset, Input, Metrics, Output


@dsl.component
def sort(coins: dict, tray: Output[Dataset]) -> int:
    """Coins by year.

    Returns:
        The oldest year.
    """
    with open(tray.path, "w") as file:
        file.write("\n".join(f"{year} {count}" for year, count in sorted(coins.items())))
    return min(int(year) for year in coins)


@dsl.component
def value(tray: Input[Dataset], metrics: Output[Metrics]) -> float:
    with open(tray.path) as file:
        worth = sum((2000 - int(line.split()[0])) * int(line.split()[1]) for line in file)
    metrics.log_metric("worth", worth)
    return worth / 100


@dsl.pipeline(name="coin-collection")
def collection(
    coins: dict,
) -> NamedTuple("Valued", oldest=int, worth=float, tray=Dataset, metrics=Metrics):
    sorted_out = sort(coins=coins)
    valued = value(tray=sorted_out.outputs["tray"])
    Valued = NamedTuple("Valued", oldest=int, worth=float, tray=Dataset, metrics=Metrics)
    return Valued(
        oldest=sorted_out.outputs["Output"],
        worth=valued.outputs["Output"],
        tray=sorted_out.outputs["tray"],
        metrics=valued.outputs["metrics"],
    )


AutoMLOps.generate(pipeline_params={"coins": {"1888": 2, "1950": 3}})
