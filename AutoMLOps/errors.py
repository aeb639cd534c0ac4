"""What can go wrong, as a tree.

AutoMLOpsError
├── BadInput        the notebook, the arguments or a file of settings: every fault at once, nothing was written
└── WriteError      the folder could not be written: the old tree stands, or the next call completes the new one
"""

from collections.abc import Iterable


class AutoMLOpsError(Exception):
    """The root: catch this to catch everything that AutoMLOps raises on purpose."""


class BadInput(AutoMLOpsError):
    """Every fault found in what the user gave, listed together with how to mend each."""

    def __init__(self, problems: Iterable[object]) -> None:
        self.problems = tuple(problems)
        count = len(self.problems)
        head = "1 problem, nothing was written" if count == 1 else f"{count} problems, nothing was written"
        super().__init__("\n".join([f"{head}:", *(f"  - {problem}" for problem in self.problems)]))


class WriteError(AutoMLOpsError):
    """The codebase could not be written; the message says which path, why, and what to do."""
