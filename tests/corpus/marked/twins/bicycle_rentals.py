from kfp import dsl
from kfp.dsl import Input, Metrics, Model, Output, OutputPath


@dsl.component
def learn(days: list, model: Output[Model], scores: Output[Metrics]):
    pass


@dsl.component
def foresee(model: Input[Model], sunshine: float, bicycles: OutputPath(float)):
    pass


@dsl.pipeline(name="bicycle-rentals")
def bicycle_rentals(days: list, sunshine: float):
    learnt = learn(days=days)
    foresee(model=learnt.outputs["model"], sunshine=sunshine).after(learnt)
