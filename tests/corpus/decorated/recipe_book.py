# %% [markdown]
# # A recipe book
# A step takes the pages that many steps wrote.

# %%
from typing import List

from AutoMLOps import AutoMLOps
from kfp import dsl
from kfp.dsl import Dataset, Input, Markdown, Output


# %%
def heading(dish: str) -> str:
    return dish.title()


# %%
@AutoMLOps.component
def write(dish: str, page: Output[Dataset]):
    with open(page.path, "w") as file:
        file.write(f"{heading(dish)}\n")


# %%
@AutoMLOps.component
def bind(pages: Input[List[Dataset]], book: Output[Markdown]) -> List[str]:
    titles = []
    for page in pages:
        with open(page.path) as file:
            titles.append(file.readline().strip())
    with open(book.path, "w") as file:
        file.writelines(f"- {title}\n" for title in titles)
    return titles


# %%
@AutoMLOps.component
def index(titles: List[str]) -> str:
    return ", ".join(sorted(titles))


# %%
@AutoMLOps.pipeline(name="recipe-book")
def book(dishes: List[str]) -> str:
    with dsl.ParallelFor(dishes) as dish:
        written = write(dish=dish)
    bound = bind(pages=dsl.Collected(written.outputs["page"]))
    return index(titles=bound.outputs["Output"]).output


# %%
AutoMLOps.generate(pipeline_params={"dishes": ["potato soup", "apple cake", "bean stew"]})
