"""Inputs that may be left out: defaults of steps and of the pipeline, and values that are not there at all.

A ferry's timetable, with or without a bank holiday.
"""

from typing import Dict, List, Optional

from AutoMLOps import AutoMLOps
from kfp import dsl


@dsl.component
def departures(first: int = 6, last: int = 22, every: int = 2, holiday: Optional[str] = None) -> List[int]:
    hours = list(range(first, last + 1, every))
    return hours[::2] if holiday else hours


@dsl.component
def crossing(
    hours: List[int],
    minutes: Dict[str, int] = {"calm": 25, "rough": 40},
    weather: str = "calm",
    surcharge: float = 1e-09,
    note: Optional[str] = None,
    stops: Optional[list] = None,
    extra: Optional[dict] = None,
    night: bool = False,
) -> str:
    stops = stops or ["harbour", "island"]
    return f"{len(hours)} crossings of {minutes[weather]} minutes, {' to '.join(stops)}{', ' + note if note else ''}"


@dsl.pipeline(name="ferry-timetable")
def timetable(last: int = 20, holiday: Optional[str] = None, weather: str = "rough", note: str = "no cars") -> str:
    hours = departures(last=last, holiday=holiday)
    return crossing(hours=hours.output, weather=weather, note=note).output


AutoMLOps.generate(pipeline_params={"last": 18})
