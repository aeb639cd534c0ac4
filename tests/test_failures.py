"""Why a step failed, read in its log; and how a failed run is told."""

import json
from pathlib import Path

import pytest

from AutoMLOps import AutoMLOps, RunFailed
from AutoMLOps.failures import LONGEST, own_words, plain, raised, reason
from AutoMLOps.model import Kind, Param, Run, State, TaskRun
from AutoMLOps.processes import Job, ending, from_file, said_by
from AutoMLOps.spec import Container, Definition
from AutoMLOps.timeline import failure

FILE = "/code/train.py"
TEXT = "import os\n\n\ndef train(n: int) -> int:\n    return n\n"
INPUT = '{\n    "inputs": {\n        "x": 1\n    }\n}'
START = f"""[KFP Executor 2026-01-01 10:00:00,000 INFO]: Looking for component `train` in --component_module_path `{FILE}`
[KFP Executor 2026-01-01 10:00:00,001 INFO]: Loading KFP component "train" from {FILE} (directory "/code")
[KFP Executor 2026-01-01 10:00:00,002 INFO]: Got executor_input:
{INPUT}
"""
EXECUTOR = """  File "<string>", line 166, in <module>
  File "/lib/kfp/dsl/executor_main.py", line 101, in executor_main
    output_file = executor.execute()
  File "/lib/kfp/dsl/executor.py", line 453, in execute
    result = self.func(**func_kwargs)
"""
OWN = f'  File "{FILE}", line 5, in train\n    return n\n           ^\n'
HEADER = "Traceback (most recent call last):\n"
DIED = f"{HEADER}{EXECUTOR}{OWN}"
HANDLED = f"[KFP Executor 2026-01-01 10:00:01,000 ERROR]: bad\n{HEADER}{OWN}ZeroDivisionError: division by zero\n"
WHERE = ["cell 3, line 2", f'File "{FILE}", line 5, in train']


def explain(function, line, said):
    return {5: "cell 3, line 2", 4: "cell 3, line 1"}.get(line, "")


def told(log, code=1):
    return reason(code, log, file=FILE, function="train", text=TEXT, explain=explain).split("\n")


def test_an_exception_is_told_with_where_it_was_raised_and_what_was_printed_before():
    found = told(f"{START}one\ntwo\n{DIED}ValueError: no\n")
    assert found == ["ValueError: no", *WHERE, "before that it printed:", "  one", "  two"]


def test_where_nothing_was_printed_nothing_is_told_of_it():
    assert told(f"{START}{DIED}ValueError: no\n") == ["ValueError: no", *WHERE]


@pytest.mark.parametrize("begun", ["training", "who? ", "  so far: ", "\r1/3\r2/3"])
def test_a_line_that_was_not_ended_hides_no_traceback(begun):
    found = told(f"{START}{begun}{DIED}ValueError: no\n")
    assert found[:3] == ["ValueError: no", *WHERE]
    assert found[3:] == ["before that it printed:", f"  {begun}".replace("\r1/3\r", "")]


@pytest.mark.parametrize("code", [1, 3])
def test_what_was_handled_and_logged_is_no_reason_where_more_was_printed(code):
    assert told(f"{START}{HANDLED}went on\n", code) == [
        f"exit code {code}",
        "bad",
        *(HEADER + OWN).strip("\n").split("\n"),
        "ZeroDivisionError: division by zero",
        "went on",
    ]


def test_what_was_logged_last_is_the_reason_with_its_exit_code():
    expected = ["ZeroDivisionError: division by zero", *WHERE]
    assert told(START + HANDLED, 1) == [*expected, "before that it printed:", "  bad"]
    assert told(START + HANDLED, 3) == [*expected, "exit code 3", "before that it printed:", "  bad"]


def test_of_several_tracebacks_the_one_that_the_step_died_of_counts():
    assert told(f"{START}{HANDLED}{DIED}ValueError: no\n{HANDLED}bye\n")[:1] == ["ValueError: no"]


def test_a_child_that_died_as_the_step_would_is_no_reason_for_another_exit():
    assert told(f"{START}{DIED}ValueError: of a fork\nthe child failed\n", 3)[0] == "exit code 3"


@pytest.mark.parametrize(
    "text",
    [
        'first line\n\nTraceback (most recent call last):\n  File "x", line 3\nfoo',
        'job failed:\nTraceback (most recent call last):\n  File "runpy.py", line 1, in <module>\n'
        '  File "/lib/kfp/dsl/executor_main.py", line 101, in executor_main\nOSError: there',
        "a\n\nDuring handling of the above exception, another\n\nTraceback (most recent call last):\nfoo: b",
        "Traceback (most recent call last):",
    ],
)
def test_a_traceback_in_the_text_of_an_exception_is_text(text):
    found = told(f"{START}{DIED}RuntimeError: {text}\n")
    lines = [line for line in f"RuntimeError: {text}".split("\n") if line]
    assert found == [*lines, *WHERE]


GROUP = f"""  + Exception Group Traceback (most recent call last):
{"".join(f"  | {line}" + chr(10) for line in (EXECUTOR + OWN).splitlines())}  | ExceptionGroup: several (2 sub-exceptions)
  +-+---------------- 1 ----------------
    | Traceback (most recent call last):
    |   File "/code/other.py", line 9, in half
    |     1/0
    | ZeroDivisionError: division by zero
    +---------------- 2 ----------------
    | ExceptionGroup: inner (1 sub-exception)
    +-+---------------- 1 ----------------
      | OSError: o
      +------------------------------------
"""


@pytest.mark.parametrize("begun", ["", "training"])
def test_a_group_of_exceptions_is_told_with_its_members_and_its_place(begun):
    printed = ["before that it printed:", f"  {begun}"] if begun else []
    assert told(f"{START}{begun}{GROUP}") == [
        "ExceptionGroup: several (2 sub-exceptions)",
        "  ZeroDivisionError: division by zero",
        "  ExceptionGroup: inner (1 sub-exception)",
        "    OSError: o",
        *WHERE,
        *printed,
    ]


def test_a_group_that_was_logged_is_the_reason_only_at_the_end():
    logged = GROUP.replace('"<string>"', '"other.py"')
    assert told(START + logged)[0] == "ExceptionGroup: several (2 sub-exceptions)"
    assert told(f"{START}{logged}went on\n")[0] == "exit code 1"


def test_what_led_to_an_exception_belongs_to_its_traceback():
    led = "The above exception was the direct cause of the following exception:"
    first = f"{HEADER}{OWN}ZeroDivisionError: division by zero\n"
    log = f"{START}{HANDLED}mine\n{first}\n{led}\n\n{DIED}ValueError: no\n"
    found = raised(log.split("\n"))
    assert found and "\n".join(found.chain) + "\n" == f"{first}\n{led}\n\n{DIED}"
    assert (found.before[-2:], found.said) == (("mine", ""), ("ValueError: no",))
    assert told(log)[:3] == ["ValueError: no", *WHERE]


def test_the_text_of_another_processs_exception_is_not_what_was_printed():
    led = "The above exception was the direct cause of the following exception:"
    remote = f'multiprocessing.pool.RemoteTraceback: \n"""\n{HEADER}  File "pool.py", line 1, in worker\nOSError\n"""'
    assert told(f"{START}mine\n{remote}\n\n{led}\n\n{DIED}OSError\n") == [
        "OSError",
        *WHERE,
        "before that it printed:",
        "  mine",
    ]


def test_a_long_line_is_cut_and_many_are_counted():
    found = told(f"{START}{'x' * 9000}\n{DIED}ValueError: {'y' * 300_000}\n")
    assert found[0] == f"ValueError: {'y' * (LONGEST - 12)}..." and found[1:3] == WHERE
    assert found[-1] == f"  {'x' * LONGEST}..."
    many = told(f"{START}{DIED}ValueError: 0\n" + "".join(f"{n}\n" for n in range(1, 100)))
    assert many[19:] == ["19", "...", *WHERE]


def test_all_that_is_kept_of_a_log_is_read(tmp_path):
    log = tmp_path / "log.txt"
    log.write_text(f"{START}{DIED}ValueError: {'y' * 900_000}\n")
    assert told(ending(log))[1:] == WHERE


@pytest.mark.parametrize(
    ("code", "said"),
    [(-9, "killed by SIGKILL"), (-11, "killed by SIGSEGV"), (-40, "killed by signal 40"), (4, "exit code 4")],
)
def test_a_death_without_words_is_told_with_the_steps_own_last_ones(code, said):
    assert told(f"{START}mine\n\nmine too\n", code) == [said, "mine", "mine too"]
    assert told(START, code) == [said]


def test_what_a_step_logs_is_its_own_words_and_what_the_executor_tells_is_not():
    log = (
        f"{START}[KFP Executor 2026-01-01 10:00:00,003 INFO]: epoch 1\n[KFP Executor 2026-01-01 10:00:00,004 WARNING]: "
        "Wrote a model\nso far[KFP Executor 2026-01-01 10:00:00,005 INFO]: Wrote executor output file to /x.\n"
        "[KFP Executor 2026-01-01 10:00:00,006 INFO]: Did not write output file."
    )
    assert list(own_words(log.split("\n"))) == ["epoch 1", "Wrote a model", "so far"]


@pytest.mark.parametrize("rest", ["end of the text\n    }\n}\nmine", "mine"])
def test_where_the_executor_input_was_cut_what_stands_below_it_is_kept(rest):
    head = START.partition('"x"')[0] + "\n"
    assert list(own_words(f"{head}[... 99 bytes are left out here ...]\n{rest}".split("\n")))[-1:] == ["mine"]


def test_what_the_executor_refuses_points_at_the_function():
    said = "ValueError: Function `train` returned value of type <class 'str'>; want type <class 'int'>"
    inside = '  File "/lib/kfp/dsl/executor.py", line 234, in handle_single_return_value\n    raise ValueError(\n'
    assert told(f"{START}{HEADER}{EXECUTOR}{inside}{said}\n") == [
        said,
        "cell 3, line 1",
        f'File "{FILE}", line 4, in train',
    ]


@pytest.mark.parametrize(
    ("said", "left"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x9b1mbold", "bold"),
        ("\x1b]8;;http://a\x07link\x1b]8;;\x1b\\", "link"),
        ("a\0b\x7f\x85c\td", "abc\td"),
        ("one\rtwo\r\nthree", "one two\nthree"),
    ],
)
def test_nothing_that_commands_a_terminal_is_told(said, left):
    assert plain(said) == left
    assert told(f"{DIED}ValueError: {said}\n")[0].split(": ")[1] == left.split("\n")[0]


# What it gave


def job(folder: Path) -> Job:
    body = Container(image="python", command=(), args=())
    definition = Definition(name="f", inputs=(), outputs=(), body=body)
    return Job(path="root/f", definition=definition, folder=folder, request={})


@pytest.mark.parametrize(
    ("gave", "said"),
    [
        ('{"parameterValues": {"loss": NaN}}', "its output loss holds NaN"),
        ('{"parameterValues": {"all": {"a": [1, -Infinity]}}}', "its output all holds -Infinity"),
        ('{"parameterValues": {"n": 1e999}}', "its output n holds Infinity"),
        (
            '{"artifacts": {"metrics": {"artifacts": [{"metadata": {"ok": 1, "loss": NaN}}]}}}',
            "loss in the metadata of its output metrics holds NaN",
        ),
    ],
)
def test_a_number_that_json_does_not_have_is_told_with_its_output(tmp_path, gave, said):
    (tmp_path / "outputs").mkdir()
    (tmp_path / "outputs/executor_output.json").write_text(gave)
    with pytest.raises(ValueError, match=f"^{said}, which cannot travel as JSON$"):
        said_by(job(tmp_path))


def test_a_file_with_a_number_that_json_does_not_have_is_told_with_its_output(tmp_path):
    (tmp_path / "n").write_text("NaN")
    with pytest.raises(ValueError, match="^its output n holds NaN"):
        from_file(Param(name="n", kind=Kind.NUMBER_DOUBLE), tmp_path / "n")


# A run


def task(name, state, **more):
    return TaskRun(path=f"root/{name}", name=name, component=name, state=state, **more)


def run(*tasks, error=""):
    return Run(name="r", id="1", state=State.FAILED, folder="/f", started=1.0, ended=2.0, tasks=tasks, error=error)


LATE = "it took longer than 5 seconds"


def test_a_time_out_is_told_beside_the_steps_that_failed_with_those_that_it_ended():
    steps = [
        task("a", State.FAILED, started=1.0, error="ValueError: no"),
        task("b", State.CANCELLED, started=1.0),
        task("loop", State.CANCELLED, started=1.0, group=True),
        task("loop/0/c", State.CANCELLED, started=1.0),
        task("d", State.CANCELLED),
    ]
    assert failure(run(*steps, error=LATE)).split("\n")[1:-1] == [
        f"  {LATE}",
        "  ended by this: b, loop/0/c",
        "  not begun: d",
        "step a failed, given nothing",
        "  ValueError: no",
    ]


def test_that_steps_failed_is_not_told_twice():
    said = failure(run(task("a", State.FAILED, error="no"), error="The DAG failed because some tasks failed."))
    assert "DAG" not in said and "step a failed" in said


def test_what_a_step_was_given_commands_no_terminal():
    said = failure(run(task("a", State.FAILED, error="\x1b[2Jno", inputs=json.dumps({"x": "a\x9b2Jb\x7f"}))))
    assert 'given x="ab"' in said and "\n  no\n" in said and "\x1b" not in said


# As rehearse() tells it

SCRIPT = """
from AutoMLOps import AutoMLOps
from kfp.dsl import Metrics, Output


@AutoMLOps.component
def odd(mark: str, metrics: Output[Metrics]) -> int:
    import logging, os, sys, time
    {body}


@AutoMLOps.component
def slow() -> int:
    import time
    time.sleep({seconds})
    return 1


@AutoMLOps.pipeline(name="odd")
def pipeline(mark: str):
    odd(mark=mark)
    slow()
"""
LINE = "work.py, line 9: "


@pytest.fixture
def failed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def failing(body, seconds=0, **how):
        Path("work.py").write_text(SCRIPT.replace("{body}", body).replace("{seconds}", str(seconds)))
        with pytest.raises(RunFailed) as raised:
            AutoMLOps.rehearse(pipeline_params={"mark": "m"}, notebook="work.py", **how)
        return str(raised.value)

    return failing


@pytest.mark.slow
@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("input('who? ')", ["EOFError: EOF when reading a line", LINE + "input("]),
        ("raise ValueError('y' * 900_000)", ["ValueError: yyy", LINE + "raise ValueError"]),
        ("raise ExceptionGroup('g', [OSError('o')])", ["ExceptionGroup: g", "    OSError: o", LINE]),
        (
            "raise RuntimeError('first line\\n\\nTraceback (most recent call last):\\n  File \"x\", line 3\\nfoo')",
            ["  RuntimeError: first line\n", LINE],
        ),
        ("logging.info('epoch 1'); sys.exit('no data')", ["  exit code 1\n  epoch 1\n  no data\n"]),
        ("os.kill(os.getpid(), 40)", ["  killed by signal 40\n"]),
        ("return 'one'", ["ValueError: Function `odd` returned", "work.py, line 7: def odd(", "line 6, in odd"]),
        ("metrics.log_metric('loss', float('nan'))\n    return 1", ["  loss in the metadata of its output metrics"]),
    ],
)
def test_a_step_that_fails_in_an_odd_way(failed, body, said):
    told = failed(body)
    assert [each for each in said if each not in told] == [], told
    assert "KFP Executor" not in told and len(told) < 3000


@pytest.mark.slow
def test_a_step_that_handled_what_it_logged_failed_of_something_else(failed):
    body = "try:\n        1 / 0\n    except Exception:\n        logging.exception('bad')\n    print('went on')\n    sys.exit(3)"
    told = failed(body)
    assert "  exit code 3\n  bad\n" in told and "  went on\n" in told


@pytest.mark.slow
def test_a_time_out_after_a_failure_is_told_with_it(failed):
    told = failed("raise ValueError('no')", seconds=60, timeout=6)
    assert "it took longer than" in told and "  ended by this: slow\n" in told and "  ValueError: no\n" in told
