"""The step count_words."""

import json
from pathlib import Path

from kfp.dsl import Dataset, Input, Metrics, Output, OutputPath


def count_words(text: Input[Dataset], number: OutputPath(int), metrics: Output[Metrics]):  # type: ignore[valid-type]
    count = len(json.loads(Path(text.path).read_text())[0].split())
    metrics.log_metric("count", count)
    Path(number).write_text(str(count))
