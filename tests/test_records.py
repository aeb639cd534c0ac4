"""The record of a run: written as it goes, readable however it ended."""

import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from tools import environment

from AutoMLOps import records
from AutoMLOps.model import Run, State, TaskRun
from AutoMLOps.records import Recorder
from AutoMLOps.report.given import VALUE, given


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


# A task's values are written once


def test_a_value_is_written_once_however_often_its_task_changes(tmp_path):
    folder = records.begun(str(tmp_path))
    large, gave = json.dumps({"text": "in" * 5000}), json.dumps({"text": "out" * 5000})
    states = [{"state": State.RUNNING, "attempts": number} for number in range(1, 6)]
    states += [{"state": State.SUCCEEDED, "attempts": 5, "outputs": gave}] * 3
    with Recorder(folder) as recorder:
        recorder(run(folder))
        for changes in states:
            recorder(task(inputs=large, **changes))
            (read,) = records.recorded(str(tmp_path))
            assert read.tasks == (task(inputs=large, **changes),)
    written = (folder / records.RECORD).read_text()
    assert written.count("inin") == large.count("inin") and written.count("outout") == gave.count("outout")
    assert json.loads(written.splitlines()[3]) == {"task": {"path": "root/train", "attempts": 3}}


def test_whole_lines_of_each_change_are_read_too(tmp_path):
    folder = finished(tmp_path)
    lines = [
        {"run": {"name": "old", "id": "1", "state": "succeeded", "folder": "f", "tasks": []}},
        {"task": {"path": "root/a", "name": "a", "component": "a", "state": "running", "inputs": '{"x": 1}'}},
        {"task": {"path": "root/a", "name": "a", "component": "a", "state": "failed", "inputs": "{}", "error": "no"}},
    ]
    (folder / records.RECORD).write_text("\n".join(map(json.dumps, lines)))
    (read,) = records.recorded(str(tmp_path))
    assert read.tasks == (TaskRun(path="root/a", name="a", component="a", state=State.FAILED, error="no"),)


class Full:
    """A file on a disk that is full for a while."""

    def __init__(self, file):
        self.file, self.full = file, False

    def write(self, text):
        if self.full:
            raise OSError("No space left")
        self.file.write(text)

    def __getattr__(self, name):
        return getattr(self.file, name)


def test_what_a_full_disk_lost_is_told_with_the_next_change(tmp_path):
    folder = records.begun(str(tmp_path))
    with Recorder(folder) as recorder:
        recorder.file = Full(recorder.file)
        recorder(run(folder))
        recorder(task(state=State.RUNNING))
        recorder.file.full = True
        recorder(task(state=State.RUNNING, inputs='{"x": 1}', started=1.0))
        recorder.file.full = False
        recorder(task(state=State.SUCCEEDED, inputs='{"x": 1}', started=1.0, ended=2.0))
    (read,) = records.recorded(str(tmp_path))
    assert "No space left" in recorder.fault
    assert read.tasks == (task(state=State.SUCCEEDED, inputs='{"x": 1}', started=1.0, ended=2.0),)


# What does not fit


FINE = {
    "run": {"name": "odd", "id": "1", "state": "succeeded", "folder": "f", "started": 1.0},
    "task": {"path": "root/a", "name": "a", "component": "a", "state": "succeeded"},
}


@pytest.mark.parametrize(
    ("kind", "odd"),
    [
        *(("run", {"parameters": each}) for each in ("nope", "[]", "3", "", None, {"x": 1}, "[" * 100_000)),
        *(("run", {"started": each}) for each in ("yesterday", None, -1, 1e300, float("nan"), float("inf"), [1])),
        *(("run", {"state": each}) for each in ("odd", None, 3, ["failed"], {})),
        *(("run", {name: None}) for name in ("name", "id", "folder", "outputs", "ended", "error")),
        *(("task", {"inputs": each}) for each in ("nope", "[]", None, {})),
        *(("task", {name: 3}) for name in ("path", "name", "component", "state", "outputs", "log", "error", "cached")),
        *(("task", {name: "3"}) for name in ("started", "ended", "attempts", "group")),
        *(("task", {"path": each}) for each in ([], {}, None)),
    ],
)
def test_a_record_that_says_what_no_run_has_is_left_out(tmp_path, kind, odd):
    finished(tmp_path)
    other = records.begun(str(tmp_path))
    for lines, count in ((FINE, 2), ({**FINE, kind: {**FINE[kind], **odd}}, 1)):
        text = "\n".join(json.dumps({each: lines[each]}) for each in lines)
        (other / records.RECORD).write_text(text)
        assert len(records.recorded(str(tmp_path))) == count
    records.pruned(str(tmp_path))


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind in FINE for name in FINE[kind] if name != "started"])
def test_a_record_that_lacks_what_each_has_is_left_out(tmp_path, kind, name):
    other = records.begun(str(tmp_path))
    less = {key: value for key, value in FINE[kind].items() if key != name}
    (other / records.RECORD).write_text("\n".join(json.dumps({each: {**FINE, kind: less}[each]}) for each in FINE))
    assert records.recorded(str(tmp_path)) == ()


def test_what_this_version_does_not_know_is_ignored(tmp_path):
    other = records.begun(str(tmp_path))
    lines = [{each: {**FINE[each], "colour": ["red"]}} for each in FINE]
    text = "\n".join(map(json.dumps, [{"machine": {"cores": 2}}, *lines, {"task": "later"}]))
    (other / records.RECORD).write_text(text)
    (read,) = records.recorded(str(tmp_path))
    assert (read.name, [each.name for each in read.tasks]) == ("odd", ["a"])


# Which are kept


def aged(folder, days):
    then = time.time() - days * records.DAY
    os.utime(folder, (then, then))
    return folder


def test_folders_without_a_record_do_not_count_among_the_kept(tmp_path):
    good = [finished(tmp_path, number) for number in range(records.KEPT)]
    empty = [aged(records.begun(str(tmp_path)), 0.5) for _ in range(5)]
    (empty[0] / records.RECORD).write_text("nothing of a run")
    (empty[1] / records.RECORD).write_text('{"run": {"name": "half"}}')
    records.pruned(str(tmp_path))
    assert all(folder.exists() for folder in (*good, *empty))
    newest = finished(tmp_path, records.KEPT)
    records.pruned(str(tmp_path))
    assert [folder for folder in (*good, newest) if not folder.exists()] == good[:1]


def test_an_old_folder_without_a_record_goes_unless_it_is_the_newest_or_being_written(tmp_path):
    old, odd, written, newest = (records.begun(str(tmp_path)) for _ in range(4))
    (odd / records.RECORD).write_text("nothing of a run")
    with Recorder(written):
        for folder in (old, odd, written, newest):
            aged(folder, 2)
        records.pruned(str(tmp_path))
    assert [folder.exists() for folder in (old, odd, written, newest)] == [False, False, True, True]


def test_a_run_that_goes_on_is_kept_however_many_came_after_it(tmp_path):
    going = records.begun(str(tmp_path))
    with Recorder(going) as recorder:
        recorder(run(going))
        for number in range(records.KEPT + 2):
            finished(tmp_path, number)
        records.pruned(str(tmp_path))
        assert going.exists()
    records.pruned(str(tmp_path))
    assert not going.exists() and len(records.recorded(str(tmp_path))) == records.KEPT


def test_pruning_looks_into_no_value(tmp_path, monkeypatch):
    first = finished(tmp_path)
    said = f'"cached": {json.dumps(str(tmp_path))}'
    value = json.dumps({"text": said})
    folders = [finished(tmp_path, number, outputs=value, cached=str(first.resolve())) for number in range(records.KEPT)]
    seen, decode = [], json.loads
    monkeypatch.setattr(
        json, "loads", lambda text, *more, **named: (seen.append(text), decode(text, *more, **named))[1]
    )
    records.pruned(str(tmp_path))
    assert first.exists() and all(folder.exists() for folder in folders)
    assert not any("text" in text for text in seen)
    assert list(records._taken_over(folders[0] / records.RECORD)) == [str(first.resolve())]


def test_few_runs_are_not_read_past_their_beginning(tmp_path, monkeypatch):
    folders = [finished(tmp_path, number) for number in range(records.KEPT)]
    read, lines = [], records.lines
    monkeypatch.setattr(records, "lines", lambda path: (read.append(line) or line for line in lines(path)))
    records.pruned(str(tmp_path))
    assert len(read) == len(folders)


# What a report shows of large values


@pytest.mark.parametrize(
    "value",
    ["word " * 2_000_000, ["word"] * 400_000, {"a": {"b": "x" * 2_000_000}}, "\x1b[31m" * 400_000],
    ids=["text", "list", "one long text", "colours"],
)
def test_of_a_large_value_the_beginning_is_shown(value, monkeypatch):
    worked = []
    from AutoMLOps.report import given as room

    tidy = room.tidy
    monkeypatch.setattr(room, "tidy", lambda said: (worked.append(len(said)), tidy(said))[1])
    whole = len(value if isinstance(value, str) else json.dumps(value))
    page = given("Inputs", json.dumps({"x": value}))
    assert worked == [VALUE] and len(page) < 10 * VALUE and f"[... {whole} characters in all]" in page


def test_a_value_that_is_not_large_is_shown_whole():
    page = given("Inputs", json.dumps({"x": "a" * VALUE, "y": ["b" * 100] * 50}))
    assert "a" * VALUE in page and page.count("b" * 100) == 50 and "in all" not in page
