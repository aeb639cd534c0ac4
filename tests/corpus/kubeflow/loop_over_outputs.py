"""Loops over what steps and the pipeline are given: how many rounds there are is known once they run.

Counts of birds, by species.
"""

from typing import Dict, List, NamedTuple

from AutoMLOps import AutoMLOps
from kfp import dsl


@dsl.component
def species(sightings: List[str]) -> List[str]:
    return sorted(set(sightings))


@dsl.component
def places(names: List[str]) -> NamedTuple("Places", wet=List[str], dry=List[Dict[str, str]]):
    from typing import NamedTuple

    Places = NamedTuple("Places", wet=list, dry=list)
    return Places([name for name in names if len(name) > 5], [{"bird": name} for name in names if len(name) <= 5])


@dsl.component
def number(of: str, sightings: List[str]) -> int:
    return sightings.count(of)


@dsl.component
def look(where: str) -> str:
    return f"look at {where}"


@dsl.component
def rings(names: List[str]) -> List[int]:
    return [100 * len(name) for name in names]


@dsl.component
def band(ring: int) -> int:
    return ring + 1


@dsl.component
def total(numbers: List[int]) -> int:
    return sum(numbers)


@dsl.pipeline(name="bird-count")
def count(sightings: List[str], hides: List[str] = ["reed", "dune"]) -> int:
    found = species(sightings=sightings)
    with dsl.ParallelFor(items=found.output, parallelism=1) as bird:
        counted = number(of=bird, sightings=sightings)
    with dsl.ParallelFor(hides) as hide:
        look(where=hide)
    apart = places(names=found.output)
    with dsl.ParallelFor(apart.outputs["wet"]) as wet:
        look(where=wet)
    with dsl.ParallelFor(apart.outputs["dry"]) as dry:
        look(where=dry.bird)
    with dsl.ParallelFor(rings(names=found.output).output) as ring:
        band(ring=ring)
    return total(numbers=dsl.Collected(counted.output)).output


AutoMLOps.generate(pipeline_params={"sightings": ["heron", "bittern", "heron", "teal"]})
