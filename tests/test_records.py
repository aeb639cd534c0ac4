"""The record of a run: written as it goes, readable however it ended."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from tools import environment

from AutoMLOps import records
from AutoMLOps.model import Run, State, TaskRun
from AutoMLOps.records import Recorder


def run(folder, **changes):
    return Run(**{"name": "wine", "id": "wine-1", "state": State.RUNNING, "folder": str(folder), **changes})


def task(name="train", **changes):
    return TaskRun(**{"path": f"root/{name}", "name": name, "component": name, **changes})


def finished(home, number=0, **changes):
    folder = records.begun(str(home))
    done = task(state=State.SUCCEEDED, started=1.0, ended=2.0, **changes)
    with Recorder(folder) as recorder:
        recorder(run(folder))
        recorder(done)
        recorder(run(folder, state=State.SUCCEEDED, name=f"r{number}", tasks=(done,)))
    return folder


def test_a_record_gives_back_what_was_told(tmp_path):
    folder = records.begun(str(tmp_path))
    told = run(folder, started=1.0, parameters='{"depth": 3}')
    with Recorder(folder) as recorder:
        recorder(told)
        recorder(task(state=State.RUNNING, started=1.5))
        recorder(task(state=State.FAILED, started=1.5, ended=2.0, error='it\'s "broken" \ud800 🎉'))
        last = replace(told, state=State.FAILED, ended=3.0, error="no", tasks=(task(),))
        recorder(last)
    (read,) = records.recorded(str(tmp_path))
    (step,) = read.tasks
    assert replace(read, tasks=()) == replace(last, tasks=())
    assert (step.state, step.error, recorder.fault) == (State.FAILED, 'it\'s "broken" \ud800 🎉', "")


def test_each_line_is_there_as_soon_as_it_is_told(tmp_path):
    folder = records.begun(str(tmp_path))
    with Recorder(folder) as recorder:
        recorder(run(folder))
        recorder(task(state=State.RUNNING))
        (read,) = records.recorded(str(tmp_path))
        assert (read.state, read.tasks[0].state) == (State.RUNNING, State.RUNNING)


def test_a_heartbeat_is_no_news(tmp_path):
    folder = records.begun(str(tmp_path))
    with Recorder(folder) as recorder:
        recorder(run(folder))
        for _ in range(3):
            recorder(run(folder, tasks=(task(),)))
    assert len((folder / records.RECORD).read_text().splitlines()) == 1


@pytest.mark.parametrize("lost", range(2, 60, 7))
def test_a_line_cut_short_loses_nothing_but_itself(tmp_path, lost):
    folder = finished(tmp_path)
    path = folder / records.RECORD
    path.write_bytes(path.read_bytes()[:-lost])
    (read,) = records.recorded(str(tmp_path))
    assert read.state is State.CANCELLED and read.error == records.ENDED
    assert [each.state for each in read.tasks] == [State.SUCCEEDED]


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"run": {}}', '{"task": {"path": "x"}}', "\0" * 50])
def test_what_is_no_record_is_left_out(tmp_path, text):
    finished(tmp_path)
    other = records.begun(str(tmp_path))
    (other / records.RECORD).write_text(text)
    (other.parent / "empty").mkdir()
    assert [each.name for each in records.recorded(str(tmp_path))] == ["r0"]


HALF_WAY = """
import sys, time
from AutoMLOps import records
from AutoMLOps.model import Run, State, TaskRun

folder = records.begun(".")
recorder = records.Recorder(folder)
recorder(Run(name="wine", id="1", state=State.RUNNING, folder=str(folder), started=time.time()))
recorder(TaskRun(path="root/a", name="a", component="a", state=State.RUNNING, started=time.time()))
recorder(TaskRun(path="root/b", name="b", component="b"))
print("written", flush=True)
time.sleep(600)
"""


def test_the_record_of_a_killed_process_says_so(tmp_path):
    command = [sys.executable, "-c", HALF_WAY]
    with subprocess.Popen(command, cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout and process.stdout.readline() == "written\n"
        (going,) = records.recorded(str(tmp_path))
        assert going.state is State.RUNNING
        process.kill()
    (left,) = records.recorded(str(tmp_path))
    assert (left.state, left.error) == (State.CANCELLED, records.ENDED)
    assert [each.state for each in left.tasks] == [State.CANCELLED, State.CANCELLED]
    assert left.ended >= left.started > 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_a_full_disk_is_a_fault_of_the_record_not_of_the_run(tmp_path):
    folder = records.begun(str(tmp_path))
    (folder / records.RECORD).symlink_to("/dev/full")
    with Recorder(folder) as recorder:
        recorder(run(folder))
        recorder(task())
    assert "No space left" in recorder.fault


def test_the_oldest_runs_go(tmp_path):
    for number in range(records.KEPT + 3):
        finished(tmp_path, number)
    records.pruned(str(tmp_path))
    kept = records.recorded(str(tmp_path))
    assert len(kept) == records.KEPT and kept[0].name == f"r{records.KEPT + 2}"


def test_a_run_whose_results_a_kept_one_took_over_stays(tmp_path):
    first, second = finished(tmp_path, 0), finished(tmp_path, 1)
    for number in range(2, records.KEPT + 3):
        finished(tmp_path, number, cached=str(first.resolve()))
    records.pruned(str(tmp_path))
    assert first.exists() and not second.exists()


def test_a_file_is_put_whole_or_not_at_all(tmp_path):
    records.put(tmp_path / "a" / "b.txt", "one \ud800")
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["b.txt"]
    assert json.dumps((tmp_path / "a" / "b.txt").read_text()) == '"one ?"'
