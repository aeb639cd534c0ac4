"""A small pipeline, and what calls AutoMLOps on it from within the stand-in cloud, as a user's script would."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cloud.standin import OWNER, Cloud
from tools import CHECKOUT

WORDS = """
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
"""
VALUES = {"word": "good", "times": 3}
CALL = """
import json, sys
from AutoMLOps import AutoMLOps, AutoMLOpsError, launching
launching.NOTICE = 0.0  # the stand-in notices at once
try:
    print(json.dumps(eval(sys.argv[1])))
except AutoMLOpsError as error:
    print(json.dumps(f"{type(error).__name__}: {error}"))
"""
Called = Callable[..., Any]


def caller(cloud: Cloud, folder: Path) -> Called:
    """called("AutoMLOps.provision()", "rows") is what it gave, or its error as text."""

    def call(expression: str, as_: str | None = OWNER, **environment: str) -> Any:
        you = {f"GIT_{who}_{what}": "dev@example.test" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        env = {"PYTHONPATH": str(CHECKOUT), **you, **environment}
        ended = cloud.run(sys.executable, "-c", CALL, expression, cwd=folder, env=env, as_=as_)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return json.loads(ended.stdout.splitlines()[-1])

    (folder / "work.py").write_text(WORDS, encoding="utf-8")
    return call
