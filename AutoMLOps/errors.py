"""What can go wrong, as a tree.

AutoMLOpsError
├── BadInput        the notebook, the arguments or a file of settings: every fault at once, nothing was written
├── RunFailed       a rehearsal did not succeed; its `run` says how far it came, a StepFailed is its cause
├── ScriptFailed    a script of the codebase stopped: where, what it said, what to do; its `done` says how far it came
├── StepFailed      what a step of it raised: the whole traceback, as the step printed it
└── WriteError      the folder could not be written: the old tree stands, or the next call completes the new one
"""

from collections.abc import Iterable


class AutoMLOpsError(Exception):
    """The root: catch this to catch everything that AutoMLOps raises on purpose."""

    def _render_traceback_(self) -> list[str]:
        """What IPython shows: the message alone. The fault is in the notebook, not in our lines above it."""
        return [f"{type(self).__name__}: {self}"]


class BadInput(AutoMLOpsError):
    """Every fault found in what the user gave, listed together with how to mend each.

    `problems` holds them, each with its `message`, `hint`, `cell` and `line`.
    """

    def __init__(self, problems: Iterable[object], undone: str = "nothing was written") -> None:
        self.problems = tuple(problems)
        count = len(self.problems)
        head = f"{count} problem{'s' * (count != 1)}, {undone}"
        super().__init__("\n".join([f"{head}:", *(f"  - {problem}" for problem in self.problems)]))


class RunFailed(AutoMLOpsError):
    """A rehearsal failed: which step, what it was given, and the end of what it said. `run` holds the whole."""

    def __init__(self, message: str, run: object) -> None:
        self.run = run
        super().__init__(message)


class ScriptFailed(AutoMLOpsError):
    """A script of the codebase stopped; the message holds what it said. `done` is what it had done by then."""

    def __init__(self, message: str, done: object) -> None:
        self.done = done
        super().__init__(message)


class StepFailed(AutoMLOpsError):
    """What a step raised in its own process, with the traceback that it printed there."""


class WriteError(AutoMLOpsError):
    """The codebase could not be written; the message says which path, why, and what to do."""
