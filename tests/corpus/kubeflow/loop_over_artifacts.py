"""A loop over artifacts that were collected, and what becomes of each.

Films of a festival are shown, and shown again in the places that asked for them.
"""

from typing import List

from AutoMLOps import AutoMLOps
from kfp import dsl
from kfp.dsl import Dataset, Input, Output


@dsl.component
def develop(title: str, film: Output[Dataset]):
    with open(film.path, "w") as file:
        file.write(f"{title} {len(title) * 10}")


@dsl.component
def minutes(film: Input[Dataset]) -> int:
    with open(film.path) as file:
        return int(file.read().split()[-1])


@dsl.component
def evening(minutes: List[int], pause: int) -> int:
    return sum(minutes) + pause * (len(minutes) - 1)


@dsl.pipeline(name="laboratory")
def laboratory(titles: List[str]) -> List[Dataset]:
    with dsl.ParallelFor(titles) as title:
        developed = develop(title=title)
    return dsl.Collected(developed.outputs["film"])


@dsl.pipeline(name="film-festival")
def festival(titles: List[str], pause: int = 15) -> int:
    films = laboratory(titles=titles)
    with dsl.ParallelFor(items=films.output, parallelism=1) as film:
        shown = minutes(film=film)
    return evening(minutes=dsl.Collected(shown.output), pause=pause).output


AutoMLOps.generate(pipeline_params={"titles": ["Metropolis", "Nosferatu", "M"]})
