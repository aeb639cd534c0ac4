from kfp import dsl


@dsl.component
def plant(bulbs: int, bed: dsl.Output[dsl.Dataset]):
    pass


@dsl.component
def bloom(bed: dsl.Input[dsl.Dataset], month: int) -> int:
    return month


@dsl.pipeline(name="garden")
def garden(bulbs: int):
    planted = plant(bulbs=bulbs)
    with dsl.ParallelFor([3, 4, 5]) as month:
        bloom(bed=planted.outputs["bed"], month=month)
