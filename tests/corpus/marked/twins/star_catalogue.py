from kfp import dsl
from kfp.dsl import HTML, ClassificationMetrics, Dataset, Input, Output, OutputPath


@dsl.component
def observe(plates: Output[Dataset], nights: int):
    pass


@dsl.component
def log(words: str, entry: OutputPath(str)):
    pass


@dsl.component
def print_catalogue(
    plates: Input[Dataset], title: str, page: Output[HTML], matrix: Output[ClassificationMetrics]
):
    pass


@dsl.pipeline(name="star-catalogue")
def star_catalogue(nights: int, words: str):
    observed = observe(nights=nights)
    logged = log(words=words).after(observed)
    print_catalogue(plates=observed.outputs["plates"], title=logged.outputs["entry"]).after(logged)
