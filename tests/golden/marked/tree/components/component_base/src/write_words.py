"""it's "quoted" (GCS), $(whoami) `id` {braces} {{ jinja }} {% raw %} \\back 🎉"""

import json
from pathlib import Path

from kfp.dsl import Dataset, Output

LIMIT = 3


def shout(text):
    # helpers travel with their comments
    return text.upper() * LIMIT


def write_words(words: str, times: int, text: Output[Dataset]):
    """it's "quoted" (GCS), $(whoami) `id` {braces} {{ jinja }} {% raw %} \\back 🎉 and a second line: # not a comment

    Args:
        words: it's "quoted" (GCS), $(whoami) `id` {braces} {{ jinja }} {% raw %} \\back 🎉
        text: where (exactly) to write
    """
    banner = """
  kept as it
stands"""
    for _ in range(times):
        Path(text.path).write_text(json.dumps([shout(words), banner]))
