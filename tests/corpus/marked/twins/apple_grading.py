from kfp import dsl
from kfp.dsl import OutputPath


@dsl.component
def sieve(millimetres: list, big: OutputPath(int)):
    pass


@dsl.component
def box(big: int, size: int):
    pass


@dsl.pipeline(name="apple-grading")
def apple_grading(millimetres: list, size: int):
    sieved = sieve(millimetres=millimetres)
    box(big=sieved.outputs["big"], size=size).after(sieved)
