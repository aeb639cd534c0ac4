"""What is seen of a run while it goes on: a picture in a notebook, a bar in a terminal."""

import io
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from tools import environment

from AutoMLOps import live
from AutoMLOps.graph import Graph, Node, Shape
from AutoMLOps.model import Problem, Run, State, TaskRun

GRAPH = Graph(
    name="wine",
    nodes=(
        Node(path="root/load", name="load", shape=Shape.STEP),
        Node(path="root/loop", name="loop", shape=Shape.LOOP),
        Node(path="root/loop/train", name="train", shape=Shape.STEP, parent="root/loop"),
    ),
)


def run(state=State.RUNNING, **changes):
    return Run(**{"name": "wine", "id": "1", "state": state, "folder": "/r", "started": 1.0, **changes})


def task(name, state, path=""):
    return TaskRun(path=path or f"root/{name}", name=name, component=name, state=state)


@pytest.fixture
def shown(monkeypatch):
    """The pictures that a notebook was given, one after another."""
    pictures = []

    def show(html, text):
        pictures.append((html, text))
        return show

    monkeypatch.setattr(live.jupyter, "shown", show)
    monkeypatch.setattr(live.jupyter, "shell", lambda: object())
    return pictures


def test_a_notebook_sees_the_picture_at_once_and_as_it_ends(shown):
    view = live.view(GRAPH, [Problem(message="it <reaches> Google")])
    view(run())
    for number in range(200):
        view(task("train", State.RUNNING, f"root/loop/{number}/train"))
    view(run(State.SUCCEEDED, ended=3.0))
    view.close()
    assert 2 <= len(shown) < 100  # not one for each step
    html, text = shown[-1]
    assert text == "wine: succeeded in 2.0 s, 200 steps" and 'data-node="root/loop/train"' in html
    assert "it &lt;reaches&gt; Google" in html


def test_a_heartbeat_draws_what_was_left_out(shown, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(live.time, "monotonic", lambda: now[0])
    view = live.view(GRAPH, [])
    view(run())
    now[0] = 0.1
    view(task("load", State.RUNNING))
    before = len(shown)
    now[0] = 1.1
    view(run(tasks=(task("load", State.RUNNING),)))
    assert (before, len(shown)) == (1, 2) and shown[-1][0] != shown[0][0]


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_terminal_sees_a_bar_that_knows_of_loops(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    view = live.view(GRAPH, [Problem(message="it reaches Google")])
    view(run())
    view(task("load", State.SUCCEEDED))
    for number in range(4):
        view(task("train", State.SUCCEEDED, f"root/loop/{number}/train"))
    view(task("loop", State.SUCCEEDED))
    assert (view.bar.n, view.bar.total) == (6, 6)
    view.close()
    assert "warning: it reaches Google" in sys.stderr.getvalue() and "wine" in sys.stderr.getvalue()


def test_a_file_or_a_pipe_sees_no_bar(monkeypatch):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    view = live.view(GRAPH, [])
    view(run())
    view(task("load", State.SUCCEEDED))
    view.close()
    assert sys.stderr.getvalue() == ""


CELLS = [
    """from AutoMLOps import AutoMLOps

@AutoMLOps.component
def slow(seconds: float) -> float:
    import time
    time.sleep(seconds)
    if seconds > 1:
        raise ValueError("too slow")
    return seconds

@AutoMLOps.pipeline(name="slow")
def pipeline(seconds: float):
    first = slow(seconds=0.1)
    slow(seconds=seconds).after(first)
""",
    "run = AutoMLOps.rehearse(pipeline_params={'seconds': 0.5})",
    "AutoMLOps.rehearse(parameters={'seconds': 1.2})",
]


@pytest.mark.slow
def test_in_a_kernel_the_picture_follows_the_run_and_stays(tmp_path):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in CELLS])
    updates = []

    class Client(NotebookClient):
        def process_message(self, message, cell, cell_index):
            if message["msg_type"] == "update_display_data":
                updates.append(message["content"]["data"]["text/html"])
            return super().process_message(message, cell, cell_index)

    client = Client(
        notebook, timeout=120, allow_errors=True, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    )
    client.execute(env=environment())
    good, bad = notebook.cells[1].outputs, notebook.cells[2].outputs
    assert [each.output_type for each in good] == ["display_data"]
    assert "slow: succeeded" in good[0].data["text/plain"] and 'data-node="root/slow-2"' in good[0].data["text/html"]
    assert len(updates) >= 4 and len(set(updates)) > 3
    assert [each.output_type for each in bad] == ["display_data", "error"]
    assert "slow: failed" in bad[0].data["text/plain"]
    told = "\n".join(bad[1].traceback)
    assert 'In[1], line 8: raise ValueError("too slow")' in told and "rehearsal.py" not in told


@pytest.mark.slow
def test_a_script_prints_how_it_went(tmp_path):
    Path(tmp_path, "work.py").write_text("\n".join(CELLS[:2]))
    ended = subprocess.run(
        [sys.executable, "work.py"], cwd=tmp_path, capture_output=True, text=True, check=True, env=environment()
    )
    assert ended.stdout.startswith("slow: succeeded") and "report:" in ended.stdout
    assert ended.stderr == ""
