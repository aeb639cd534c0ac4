# A pipeline of two steps, which a push to GitHub tests, builds and starts.
from AutoMLOps import AutoMLOps
from kfp.dsl import Dataset, Input, Output


@AutoMLOps.component
def write(words: Output[Dataset], word: str, times: int):
    with open(words.path, "w") as file:
        file.write(" ".join([word] * times))


@AutoMLOps.component
def count(words: Input[Dataset]) -> int:
    with open(words.path) as file:
        return len(file.read().split())


@AutoMLOps.pipeline(name="words")
def pipeline(word: str, times: int):
    written = write(word=word, times=times)
    count(words=written.outputs["words"])
