"""Kubeflow's names, however they were imported.

Seeds that germinate.
"""

import kfp
import kfp.dsl as kfp_dsl
from AutoMLOps import AutoMLOps
from kfp import dsl as language
from kfp.dsl import Input, Output, component
from kfp.dsl import pipeline as seed_pipeline


@component
def sow(seeds: int, bed: Output[language.Dataset]):
    with open(bed.path, "w") as file:
        file.write("." * seeds)


@kfp.dsl.component
def water(bed: Input[kfp_dsl.Dataset], litres: float) -> int:
    with open(bed.path) as file:
        return int(len(file.read()) * min(litres, 1.0))


@kfp_dsl.component(base_image="python:3.11")
def weed(shoots: int) -> int:
    return shoots - shoots // 10


@seed_pipeline(name="seed-bed")
def bed(seeds: int = 50):
    sown = sow(seeds=seeds)
    with language.ParallelFor([0.5, 1.0]) as litres:
        shoots = water(bed=sown.outputs["bed"], litres=litres)
        with kfp.dsl.If(shoots.output > 20):
            weed(shoots=shoots.output)


AutoMLOps.generate(pipeline_params={"seeds": 44})
