"""rehearse() when steps, or the machine, misbehave: the run says what happened, nothing hangs, nothing stays behind."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from jupyter_client.manager import KernelManager
from tools import environment, need

from AutoMLOps import AutoMLOps, RunFailed, processes, records
from AutoMLOps.model import State

pytestmark = pytest.mark.slow

SCRIPT = """
from AutoMLOps import AutoMLOps
from kfp.dsl import Dataset, Output


@AutoMLOps.component
def odd(mark: str, data: Output[Dataset]) -> int:
    import os, signal, subprocess, sys, time
    {body}


@AutoMLOps.component
def after(number: int) -> int:
    return number + 1


@AutoMLOps.pipeline(name="odd")
def pipeline(mark: str):
    after(number=odd(mark=mark).outputs["Output"])
"""
GOOD = "return 1"


def write(body):
    Path("work.py").write_text(SCRIPT.replace("{body}", body))


def alive(mark):
    """The processes of this mark: in their arguments, in what they were started with, or in where they work."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            told = (
                (entry / "cmdline").read_bytes()
                + (entry / "environ").read_bytes()
                + os.readlink(entry / "cwd").encode()
            )
            state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if mark.encode() in told and state != "Z" and entry.name != str(os.getpid()):
            found.append(entry.name)
    return found


def gone(mark):
    """Whether all of the mark end soon: the kernel takes a moment to end a family."""
    deadline = time.monotonic() + 10
    while alive(mark) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not alive(mark)


@pytest.fixture
def mark(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return f"mark-{os.getpid()}-{tmp_path.name}"


def rehearsed(mark, **how):
    """The run, whether it succeeded or not."""
    try:
        return AutoMLOps.rehearse(pipeline_params={"mark": mark}, notebook="work.py", **how)
    except RunFailed as failed:
        return failed.run


CASES = {
    "kills itself": ("os.kill(os.getpid(), signal.SIGKILL)", State.FAILED, "killed by SIGKILL"),
    "kills its group": ("os.killpg(0, signal.SIGKILL)", State.FAILED, "killed by SIGKILL"),
    "exits 0 without outputs": ("os._exit(0)", State.FAILED, "without a value for its output Output"),
    "exits 3": ("sys.exit(3)", State.FAILED, "exit code 3"),
    "crashes": ("import ctypes; ctypes.string_at(0)", State.FAILED, "killed by SIGSEGV"),
    "prints 100 MB": ("for _ in range(100): print('x' * (1 << 20))\n    return 1", State.SUCCEEDED, ""),
    "prints bytes that are no text": (
        "sys.stdout.buffer.write(bytes(range(256)) * 100); sys.stdout.flush()\n    raise ValueError('so')",
        State.FAILED,
        "ValueError: so",
    ),
    "writes an output twice": (
        "for each in ('one', 'two'):\n        open(data.path, 'w').write(each)\n    return 1",
        State.SUCCEEDED,
        "",
    ),
    "leaves a child": (
        "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)', mark], start_new_session=True)\n"
        "    return 1",
        State.SUCCEEDED,
        "",
    ),
    "kills who started it": (
        "os.kill(os.getppid(), signal.SIGKILL); time.sleep(600)",
        State.FAILED,
        "killed by SIGKILL",
    ),
    "kills the whole family": (
        "with open(f'/proc/{os.getppid()}/stat') as file:\n        above = int(file.read().rpartition(')')[2].split()[1])\n"
        "    os.kill(above, signal.SIGKILL); time.sleep(600)",
        State.FAILED,
        "the process that starts the steps has ended",
    ),
    "leaves a grandchild that forked twice": (
        "if os.fork() == 0:\n        os.setsid()\n        if os.fork() == 0:\n            time.sleep(600)\n"
        "        os._exit(0)\n    return 1",
        State.SUCCEEDED,
        "",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_step_that(case, mark):
    body, state, said = CASES[case]
    write(body)
    run = rehearsed(mark)
    odd = next(task for task in run.tasks if task.name == "odd")
    assert (run.state, odd.state) == (state, state) and said in odd.error
    assert Path(odd.log).stat().st_size < processes.KEPT + 500
    if case == "kills the whole family":  # who would end the step is gone: the kernel does
        assert gone(mark) and gone(run.folder)
    assert not alive(mark) and not alive(run.folder)
    (kept,) = records.recorded("AutoMLOps")
    assert kept == records_of(run)
    assert "odd" in Path(run.folder, "report.html").read_text(encoding="utf-8")
    write(GOOD)
    assert rehearsed(mark).state is State.SUCCEEDED


def records_of(run):
    """The run alone, without what rehearse() adds to look at it."""
    from AutoMLOps.model import Run

    return Run(**{name: getattr(run, name) for name in Run.__slots__})


def test_a_step_that_never_ends_is_ended_with_its_children_in_time(mark):
    write(
        "subprocess.Popen(['sleep', '600'], env={**os.environ, 'X': mark}, start_new_session=True)\n    time.sleep(600)"
    )
    run = rehearsed(mark, timeout=8)
    assert run.state is State.FAILED and "longer than 8 seconds" in run.error
    assert not alive(mark) and not alive(run.folder)
    write(GOOD)
    assert rehearsed(mark).state is State.SUCCEEDED


def test_a_step_that_another_kills_fails_and_says_so(mark):
    write("open('started', 'w').close(); time.sleep(600)")
    script = "from AutoMLOps import AutoMLOps\nAutoMLOps.rehearse(pipeline_params={'mark': 'm'}, notebook='work.py')\n"
    with subprocess.Popen(
        [sys.executable, "-c", script], env=environment(), stderr=subprocess.PIPE, text=True
    ) as program:
        started = waited_for("AutoMLOps/.automlops/runs/*/root/odd/scratch/started")
        (step,) = alive(str(started.parent))
        os.kill(int(step), signal.SIGKILL)
        assert "killed by SIGKILL" in program.communicate(timeout=60)[1]


def waited_for(pattern):
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        found = list(Path().glob(pattern))
        if found:
            return found[0].resolve()
        time.sleep(0.02)
    raise AssertionError(f"no {pattern} in time")


def test_a_killed_engine_leaves_no_step_and_a_record_that_says_so(mark):
    write("open('started', 'w').close(); time.sleep(600)")
    script = "from AutoMLOps import AutoMLOps\nAutoMLOps.rehearse(pipeline_params={'mark': 'm'}, notebook='work.py')\n"
    with subprocess.Popen([sys.executable, "-c", script], env=environment()) as program:
        started = waited_for("AutoMLOps/.automlops/runs/*/root/odd/scratch/started")
        (going,) = AutoMLOps.runs()
        assert going.state is State.RUNNING
        program.kill()
    assert gone(str(started.parents[3]))
    (left,) = AutoMLOps.runs()
    assert (left.state, left.error) == (State.CANCELLED, records.ENDED)
    assert {task.name: task.state.value for task in left.tasks} == {"odd": "cancelled", "after": "cancelled"}
    write(GOOD)
    assert rehearsed(mark).state is State.SUCCEEDED and len(AutoMLOps.runs()) == 2


def test_a_killed_kernel_leaves_no_step_and_the_next_one_goes_on(mark, tmp_path):
    write("open('started', 'w').close(); time.sleep(600)")
    manager = KernelManager(kernel_name="python3")
    manager.start_kernel(cwd=str(tmp_path), env=environment())
    client = manager.client()
    client.start_channels()
    client.wait_for_ready(timeout=60)
    client.execute(
        "from AutoMLOps import AutoMLOps; AutoMLOps.rehearse(pipeline_params={'mark': 'm'}, notebook='work.py')"
    )
    started = waited_for("AutoMLOps/.automlops/runs/*/root/odd/scratch/started")
    manager.shutdown_kernel(now=True)
    client.stop_channels()
    assert gone(str(started.parents[3]))
    assert [run.state for run in AutoMLOps.runs()] == [State.CANCELLED]
    write(GOOD)
    assert rehearsed(mark).state is State.SUCCEEDED


FULL = """
set -e
mkdir full && mount -t tmpfs -o size=6m none full && cd full && cp ../work.py .
"{python}" -c "
from AutoMLOps import AutoMLOps
try:
    AutoMLOps.rehearse(pipeline_params={{'mark': 'm'}}, notebook='work.py')
except AutoMLOps.RunFailed as failed:
    print(failed)
"
rm -f filler AutoMLOps/.automlops/runs/*/root/odd/outputs/data
sed -i 's/    fill.*/    return 1/' work.py
"{python}" -c "
from AutoMLOps import AutoMLOps
AutoMLOps.rehearse(pipeline_params={{'mark': 'm'}}, notebook='work.py')
print([run.state.value for run in AutoMLOps.runs()])
"
"""


def test_a_full_disk_fails_the_step_and_the_next_run_works(mark):
    unshare = need("unshare")
    if subprocess.run([unshare, "-m", "mount", "-t", "tmpfs", "none", "/mnt"], check=False).returncode:
        pytest.skip("this machine lets nobody mount a tmpfs")
    write("fill = open(data.path, 'wb')\n    fill.write(bytes(20 << 20))")
    ended = subprocess.run(
        [unshare, "-m", "bash", "-c", FULL.format(python=sys.executable)],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "step odd failed" in ended.stdout and "No space left on device" in ended.stdout
    assert ended.stdout.strip().splitlines()[-1] == "['succeeded', 'failed']", ended.stdout


def test_an_interrupted_cell_ends_all_and_says_nothing_of_our_own(mark, tmp_path):
    write("open('started', 'w').close(); time.sleep(600)")
    manager = KernelManager(kernel_name="python3")
    manager.start_kernel(cwd=str(tmp_path), env=environment())
    client = manager.client()
    client.start_channels()
    client.wait_for_ready(timeout=60)
    client.execute(
        "from AutoMLOps import AutoMLOps; AutoMLOps.rehearse(pipeline_params={'mark': 'm'}, notebook='work.py')"
    )
    started = waited_for("AutoMLOps/.automlops/runs/*/root/odd/scratch/started")
    manager.interrupt_kernel()
    reply = client.get_shell_msg(timeout=60)
    assert reply["content"]["ename"] == "KeyboardInterrupt"
    assert gone(str(started.parents[3]))
    client.execute("print('still here')")
    assert client.get_shell_msg(timeout=60)["content"]["status"] == "ok"
    client.stop_channels()
    manager.shutdown_kernel(now=True)
    assert [run.state for run in AutoMLOps.runs()] == [State.CANCELLED]
