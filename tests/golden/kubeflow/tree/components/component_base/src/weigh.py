"""Weighs what grew."""

from typing import NamedTuple

from kfp.dsl import Dataset, Input, Metrics, Output


class Harvest(NamedTuple):
    kilograms: float
    crop: str


def weigh(garden: Input[Dataset], metrics: Output[Metrics]) -> Harvest:
    """Weighs what grew."""
    with open(garden.path) as file:
        crops = file.read().split("\n")
    metrics.log_metric("beds", len(crops))
    return Harvest(len(crops) * 1.5, crops[0])
