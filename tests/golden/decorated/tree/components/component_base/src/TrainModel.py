"""The step TrainModel."""

import typing
from typing import Optional

from kfp.dsl import Model, Output

HOSTILE = 'it\'s "quoted" (GCS), $(whoami) `id` {braces} {{ jinja }} {% raw %} \\back 🎉'


class Shelf:
    def copy(self) -> "Shelf":
        return Shelf()


def TrainModel(lengths: list, longest: str, flag: bool, model: Output[Model], parent: "Optional[str]" = None) -> float:
    print(Shelf().copy(), HOSTILE)
    with open(model.path, "w") as file:
        file.write(longest)
    return float(sum(lengths))


TrainModel.__annotations__ = typing.get_type_hints(TrainModel, include_extras=True)
