"""Says what the data holds."""

import json
from typing import NamedTuple

from kfp.dsl import Dataset, Input, Markdown, Metrics, Output

SEPARATOR = ", "


class Summary(NamedTuple):
    lines: int
    longest: str
    lengths: list


def summarise(data: Input[Dataset], page: Output[Markdown], scores: Output[Metrics], limit: int = 2**10) -> Summary:
    """Says what the data holds.

    Args:
        data: The words: as JSON.
        limit: How many (at most).
    """
    with open(data.path) as file:
        text = json.load(file)["text"]
    with open(page.path, "w") as file:
        file.write(f"# {len(text)}")
    scores.log_metric("length", len(text))
    return Summary(lines=min(limit, 1), longest=max(text.split(SEPARATOR), key=len), lengths=[len(text)])
