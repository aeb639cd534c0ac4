"""The step write."""

from kfp.dsl import Dataset, Output


def write(words: Output[Dataset], word: str, times: int):
    with open(words.path, "w") as file:
        file.write(" ".join([word] * times))
