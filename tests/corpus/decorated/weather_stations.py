"""Every station reads its rain; the wettest is told. A script without cells."""

from typing import List, NamedTuple

from AutoMLOps import AutoMLOps
from kfp import dsl

STATIONS = ["Zugspitze", "Arkona", "Aachen"]


class Wettest(NamedTuple):
    station: str
    millimetres: float


@AutoMLOps.component
def read(station: str, month: int) -> float:
    return float(len(station) * month % 50)


@AutoMLOps.component
def wettest(rain: List[float], stations: List[str]) -> NamedTuple("Wettest", station=str, millimetres=float):
    most = max(rain)
    return Wettest(stations[rain.index(most)], most)


@AutoMLOps.component
def tell(station: str, millimetres: float) -> str:
    return f"{station}: {millimetres:g} mm"


@AutoMLOps.pipeline(name="weather-stations")
def stations(month: int = 7) -> str:
    with dsl.ParallelFor(STATIONS, parallelism=2) as station:
        rain = read(station=station, month=month)
    found = wettest(rain=dsl.Collected(rain.output), stations=STATIONS)
    return tell(station=found.outputs["station"], millimetres=found.outputs["millimetres"]).output


if __name__ == "__main__":
    AutoMLOps.generate(pipeline_params={"month": 11})
