"""What an error looks like."""

from AutoMLOps import AutoMLOpsError, BadInput, RunFailed, WriteError
from AutoMLOps.model import Problem


def test_every_fault_is_in_the_message_and_in_the_value():
    problems = [Problem(message="a", hint="b", cell="cell 2", line=3), Problem(message="c")]
    error = BadInput(problems)
    assert str(error) == "2 problems, nothing was written:\n  - cell 2, line 3: a (b)\n  - c"
    assert error.problems == tuple(problems)


def test_one_root_catches_all():
    assert {BadInput, RunFailed, WriteError} <= set(AutoMLOpsError.__subclasses__())


def test_ipython_shows_the_message_alone():
    assert WriteError("the disk is full")._render_traceback_() == ["WriteError: the disk is full"]
