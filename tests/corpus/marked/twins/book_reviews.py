from kfp import dsl
from kfp.dsl import Artifact, Input, Output, OutputPath


@dsl.component
def gather(reviews: list, pages: Output[Artifact]):
    pass


@dsl.component
def grade(pages: Input[Artifact], least: int, stars: OutputPath(int)):
    """Praise, by the word."""


@dsl.component
def put_away(stars: int):
    pass


@dsl.pipeline(name="book-reviews")
def book_reviews(reviews: list, least: int, generous: int):
    gathered = gather(reviews=reviews)
    graded = grade(pages=gathered.outputs["pages"], least=least).after(gathered)
    put_away(stars=graded.outputs["stars"]).after(graded)
