"""Runs the steps of one pipeline job; a script of its own, which runs within the stand-in cloud as the job's account.

Given: a folder with job.json, a pipelineSpec and its parameterValues, and components/, the code of its images. Tells on
its standard output, a line of JSON for each, how tasks change, and at last how the run ended.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any, TextIO

from AutoMLOps import codebase, engine
from AutoMLOps.errors import BadInput
from AutoMLOps.model import Run, TaskRun
from AutoMLOps.nouns import named


def main(folder: Path, said: TextIO) -> None:
    job, code = json.loads((folder / "job.json").read_text()), codebase.read(str(folder))

    def tell(**news: Any) -> None:
        said.write(json.dumps(news) + "\n")
        said.flush()

    def watch(news: Run | TaskRun) -> None:
        if isinstance(news, TaskRun):
            tell(task=named(news))

    try:
        run = engine.run(
            job["pipelineSpec"], job["parameterValues"], folder=folder / "run", source=code.source, watch=watch
        )
    except BadInput as error:
        tell(ended="failed", error=str(error))
    else:
        tell(ended=run.state, error=run.error)


if __name__ == "__main__":
    with os.fdopen(os.dup(1), "w") as told:
        os.dup2(2, 1)  # what anything else prints is no news of the run
        main(Path(sys.argv[1]), told)
