"""What a person meets in JupyterLab and in a run's report: shown whole, light and dark, usable by all, from nowhere else."""

import json
import os
import re
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from itertools import chain, pairwise
from pathlib import Path

import nbformat
import pytest
from browser import LIMIT, Scheme, Window, axe, chromium, document, html_faults, telling, unreadable, window
from playwright.sync_api import Browser, Locator, Page, expect
from tools import CHECKOUT, environment, need

from AutoMLOps import report as reports
from AutoMLOps.graph import Edge, Graph, Node, Shape
from AutoMLOps.model import Problem, Run, State, TaskRun
from AutoMLOps.picture import svg
from AutoMLOps.timeline import Rehearsed

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("browser")]

QUICKSTART = CHECKOUT / "example" / "quickstart.ipynb"
STEPS = ("load-data", "train-model", "evaluate-model")
NODES = {f"root/{step}" for step in STEPS}
EDGES = {
    ("root/load-data", "root/train-model"),
    ("root/load-data", "root/evaluate-model"),
    ("root/train-model", "root/evaluate-model"),
}
LOOKS = {  # what the system prefers, and the theme that was chosen in JupyterLab
    "light": ("light", "JupyterLab Light"),
    "dark": ("dark", "JupyterLab Dark"),
    "dark-on-light": ("light", "JupyterLab Dark"),
}
expect.set_options(timeout=LIMIT * 1000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lab:
    """A JupyterLab that serves a folder on loopback, with settings of its own."""

    folder: Path
    settings: Path
    url: str

    def choose(self, plugin: str, **settings: object) -> None:
        """What a person would choose in the settings editor; a page that opens next has it."""
        path = self.settings / f"{plugin.replace(':', '/')}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(settings), encoding="utf-8")


@pytest.fixture(scope="module")
def shots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the pictures go: the folder that AUTOMLOPS_SCREENSHOTS names, or a temporary one."""
    chosen = os.environ.get("AUTOMLOPS_SCREENSHOTS")
    folder = Path(chosen) if chosen else tmp_path_factory.mktemp("screenshots")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="module")
def chrome() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    home = tmp_path_factory.mktemp("jupyter")
    folder = home / "work"
    folder.mkdir()
    shutil.copy(QUICKSTART, folder)
    with served(folder, home) as url:
        lab = Lab(folder=folder, settings=home / "settings", url=url)
        lab.choose("@jupyterlab/notebook-extension:tracker", windowingMode="none")  # every cell is in the page
        lab.choose("@jupyterlab/apputils-extension:notification", fetchNews="false", checkForUpdates=False)
        yield lab


@contextmanager
def served(folder: Path, home: Path) -> Iterator[str]:
    """The address of a JupyterLab that runs as long as this lasts."""
    places = {
        "JUPYTER_CONFIG_DIR": "config",
        "JUPYTER_DATA_DIR": "data",
        "JUPYTER_RUNTIME_DIR": "runtime",
        "JUPYTERLAB_SETTINGS_DIR": "settings",
        "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
        "IPYTHONDIR": "ipython",
    }
    command = [need("jupyter-lab"), *SERVER, f"--ServerApp.root_dir={folder}"]
    log = home / "jupyter.log"
    with log.open("wb") as said:
        process = subprocess.Popen(
            [*command, f"--IdentityProvider.token={secrets.token_hex()}"],
            cwd=folder,
            env={**environment(), **{name: str(home / place) for name, place in places.items()}},
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            start_new_session=True,
        )
    try:
        yield _address(process, home / "runtime", log)
    finally:
        _ended(process)


SERVER = [
    "--no-browser",
    "--allow-root",
    "--ServerApp.ip=127.0.0.1",
    "--ServerApp.port=18888",
    "--ServerApp.port_retries=200",
    "--LabApp.extension_manager=readonly",
    "--LabApp.news_url=None",
]


def _address(process: subprocess.Popen[bytes], runtime: Path, log: Path) -> str:
    """Where the server listens, which it writes down once it does."""
    written = runtime / f"jpserver-{process.pid}.json"

    def address() -> str | None:
        assert process.poll() is None, f"JupyterLab ended:\n{log.read_text()}"
        with suppress(OSError, ValueError):
            said = json.loads(written.read_text(encoding="utf-8"))
            return f"{said['url']}lab/tree/quickstart.ipynb?reset&token={said['token']}"
        return None

    return until(address, lambda: f"JupyterLab did not start:\n{log.read_text()}")


def _ended(process: subprocess.Popen[bytes]) -> None:
    """Asked to end, which ends its kernels too; made to, with all in its group, where it does not."""
    process.terminate()
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(30)


def until(found: Callable[[], str | None], otherwise: Callable[[], str]) -> str:
    """What is found, once it is."""
    end = time.monotonic() + LIMIT
    while (result := found()) is None:
        assert time.monotonic() < end, otherwise()
        time.sleep(0.1)
    return result


# The notebook


@dataclass(frozen=True, slots=True, kw_only=True)
class Notebook:
    """The quickstart as JupyterLab shows it."""

    opened: Window
    look: str
    order: tuple[str, ...]

    @property
    def page(self) -> Page:
        return self.opened.page

    def seen(self, cell: str, shots: Path) -> Locator:
        """What a code cell shows below it, in one piece or several; a picture is taken."""
        outputs = self.page.locator(".jp-CodeCell").nth(self.order.index(cell)).locator(".jp-RenderedHTMLCommon")
        outputs.first.evaluate("output => output.scrollIntoView()")
        expect(outputs.last).to_be_visible()
        self.page.screenshot(path=shots / f"jupyterlab-{cell}-{self.look}.png")
        return outputs


@contextmanager
def opened(chrome: Browser, lab: Lab, look: str, shots: Path) -> Iterator[Notebook]:
    scheme, theme = LOOKS[look]
    lab.choose("@jupyterlab/apputils-extension:themes", theme=theme)
    order = tuple(cell.id for cell in nbformat.read(QUICKSTART, as_version=4).cells if cell.cell_type == "code")
    with window(chrome, scheme, shots) as seen:
        page = seen.page
        page.add_locator_handler(page.locator(".jp-Dialog button.jp-mod-accept"), lambda button: button.click())
        page.goto(lab.url, wait_until="domcontentloaded")
        expect(page.locator("body")).to_have_attribute("data-jp-theme-name", theme)
        expect(page.locator(".jp-CodeCell")).to_have_count(len(order))
        expect(page.locator(".jp-StatusBar-TextItem", has_text=KERNEL_WAITS)).to_be_visible()
        page.add_style_tag(content="html, body { height: 100% }")  # else axe takes all in it as hidden
        yield Notebook(opened=seen, look=look, order=order)


# One text for both: a notebook whose kernel is still to come calls itself idle too, and forgets what it is told to run.
KERNEL_WAITS = re.compile(r"^(?!No Kernel).+ \| Idle$")


@pytest.fixture(scope="module")
def ran(chrome: Browser, lab: Lab, shots: Path) -> nbformat.NotebookNode:
    """The notebook as JupyterLab saved it once a person had run it from top to bottom."""
    with opened(chrome, lab, "light", shots) as notebook:
        page = notebook.page
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.locator("[data-command='runmenu:run-all']").click()
        page.wait_for_function(ENDED)
        none(page.locator(COMPLAINTS).all_inner_texts())
        page.keyboard.press("Control+s")
        expect(page.locator(".jp-Document.jp-mod-dirty, .lm-TabBar-tab.jp-mod-dirty")).to_have_count(0)
        assert notebook.opened.outside == []
    return nbformat.read(lab.folder / "quickstart.ipynb", as_version=4)


COMPLAINTS = ".jp-OutputArea-output:is([data-mime-type$='.error'], [data-mime-type$='.stderr'])"
# All wait with a star from the click on; where one fails, those after it go back to no number.
ENDED = """() => {
    const prompts = [...document.querySelectorAll('.jp-CodeCell .jp-InputArea-prompt')].map(each => each.textContent);
    return /\\d/.test(prompts[0]) && !prompts.some(prompt => prompt.includes('*'));
}"""


def none(faults: list[str]) -> None:
    """Fails with all of them, each in full."""
    assert not faults, "\n".join(["", *faults])


def shown(notebook: nbformat.NotebookNode, cell: str, kind: str) -> str:
    (found,) = [each for each in notebook.cells if each.id == cell]
    return "\n".join(output.data[kind] for output in found.outputs if "data" in output)


def test_the_notebook_runs_from_its_first_cell_to_its_last(ran):
    counts = [cell.execution_count for cell in ran.cells if cell.cell_type == "code"]
    assert counts == list(range(1, len(counts) + 1))


@pytest.fixture(scope="module", params=LOOKS)
def notebook(
    chrome: Browser, lab: Lab, ran: nbformat.NotebookNode, shots: Path, request: pytest.FixtureRequest
) -> Iterator[Notebook]:
    """What a person sees who opens the notebook that ran."""
    with opened(chrome, lab, request.param, shots) as notebook:
        yield notebook
        assert (notebook.opened.outside, notebook.opened.errors) == ([], [])


def test_jupyterlab_shows_each_file_that_was_written(notebook, ran, shots):
    written = re.findall(r"^  created +(\S+)", shown(ran, "generate", "text/plain"), re.MULTILINE)
    assert "README.md" in written
    with telling(notebook.opened, shots):
        words = " ".join(notebook.seen("generate", shots).all_inner_texts()).split()
        assert {path.rpartition("/")[2] for path in written} <= set(words)


def test_jupyterlab_shows_how_each_step_ended(notebook, shots):
    with telling(notebook.opened, shots):
        outputs = notebook.seen("rehearse", shots)
        assert "wine-quickstart: succeeded" in "\n".join(outputs.all_inner_texts())
        rows = outputs.locator("tr").all_inner_texts()
        assert all(any(step in row and "succeeded" in row for row in rows) for step in STEPS)


@pytest.mark.parametrize("cell", ["generate", "rehearse"])
def test_jupyterlab_shows_an_output_that_all_can_use(notebook, shots, cell):
    with telling(notebook.opened, shots):
        none(axe(notebook.seen(cell, shots)))


@pytest.mark.parametrize(("cell", "state"), [("generate", None), ("rehearse", "succeeded")])
def test_jupyterlab_shows_the_graph_of_the_steps(notebook, shots, cell, state):
    with telling(notebook.opened, shots):
        legible(notebook.seen(cell, shots).locator("svg:has([data-node])"), state)


def legible(drawing: Locator, state: str | None) -> None:
    """Each step and each edge of the quickstart is there to be seen, and says how far it came."""
    assert drawing.count() == 1
    nodes = drawing.locator("[data-node]").all()
    assert {node.get_attribute("data-node") for node in nodes} == NODES
    assert {node.get_attribute("data-shape") for node in nodes} == {"step"}
    assert {node.get_attribute("data-state") for node in nodes} == {state}
    edges = drawing.locator("path[data-edge]").all()
    assert {(edge.get_attribute("data-from"), edge.get_attribute("data-to")) for edge in edges} == EDGES
    assert all(edge.evaluate("edge => edge.getTotalLength()") > 5 for edge in edges)
    none(unreadable(drawing))


# Its outputs, wherever else they are shown


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("cell", ["generate", "rehearse"])
def test_an_output_is_usable_by_all_in_a_page_of_its_own(chrome, ran, shots, tmp_path, cell, scheme):
    page = tmp_path / "output.html"
    page.write_text(document(shown(ran, cell, "text/html")), encoding="utf-8")
    none(usable(chrome, page, scheme, shots / f"output-{cell}-{scheme}.png"))


def usable(chrome: Browser, path: Path, scheme: Scheme, shot: Path) -> list[str]:
    """What is wrong with a page that is all in one file, with all that it folds; its pictures are taken."""
    with window(chrome, scheme, shot.parent) as seen:
        seen.page.goto(path.as_uri())
        seen.page.screenshot(path=shot, full_page=True)
        if seen.page.locator("details:not([open])").count():
            seen.page.evaluate("document.querySelectorAll('details').forEach(folded => folded.open = true)")
            seen.page.screenshot(path=shot.with_stem(f"{shot.stem}-unfolded"), full_page=True)
        asked = [f"it asks for {url}" for url in seen.asked if url != path.as_uri()]
        scripts = [f"a script ran: {url}" for url in seen.scripts]
        drawn = [unreadable(drawing) for drawing in seen.page.locator("svg:has([data-node])").all()]
        return [*asked, *seen.errors, *scripts, *chain(*drawn), *axe(seen.page)]


# The report


@pytest.fixture
def report(lab: Lab, ran: nbformat.NotebookNode) -> Path:
    """What the one rehearsal left."""
    (found,) = lab.folder.glob("AutoMLOps/.automlops/runs/*/report.html")
    return found


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_report_is_usable_by_all_and_complete_in_one_file(chrome, report, shots, scheme):
    none(usable(chrome, report, scheme, shots / f"report-{scheme}.png"))


def test_the_report_shows_the_graph_of_the_steps(chrome, report, shots):
    with window(chrome, "light", shots) as seen:
        seen.page.goto(report.as_uri())
        legible(seen.page.locator("svg:has([data-node])"), "succeeded")


def test_the_outputs_and_the_report_are_valid_html(ran, report):
    none(html_faults(*(document(shown(ran, cell, "text/html")) for cell in ("generate", "rehearse")), report))


def test_the_report_fits_a_small_screen(chrome, report, shots):
    with window(chrome, "light", shots, size=(360, 640)) as seen:
        seen.page.goto(report.as_uri())
        seen.page.screenshot(path=shots / "report-small.png", full_page=True)
        assert seen.page.evaluate("document.documentElement.scrollWidth") <= 360


def test_the_report_is_read_with_the_keyboard_alone(chrome, report, shots):
    with window(chrome, "light", shots) as seen:
        page = seen.page
        page.goto(report.as_uri())
        for step in STEPS:
            summary = page.locator("summary", has_text=step).first
            tabbed(page, summary)
            assert summary.evaluate("summary => getComputedStyle(summary).outlineStyle") != "none"
            was = is_open(summary)
            page.keyboard.press("Enter")
            assert is_open(summary) is not was


def tabbed(page: Page, target: Locator) -> None:
    """Presses Tab until the target has the focus."""
    for _ in range(300):
        page.keyboard.press("Tab")
        if target.evaluate("target => target === document.activeElement"):
            return
    pytest.fail(f"Tab does not reach {target.inner_text()!r}")


def is_open(summary: Locator) -> bool:
    return bool(summary.evaluate("summary => summary.parentElement.open"))


# A run in which all that can be told is told


def every_state() -> tuple[Graph, Run, dict[str, reports.Evidence]]:
    """One step for each state, one after the other; the one that failed says why, the last measured and wrote."""
    names = [*(state.value for state in State), "measures"]
    nodes = tuple(Node(path=f"root/{name}", name=name, shape=Shape.STEP) for name in names)
    edges = tuple(Edge(before=before.path, after=after.path) for before, after in pairwise(nodes))
    tasks = tuple(_task(State(name)) for name in names[:-1])
    tasks += (replace(_task(State.SUCCEEDED), path="root/measures", name="measures", outputs=json.dumps(MEASURED)),)
    run = Run(
        name="wine",
        id="wine-1",
        state=State.FAILED,
        folder="/nowhere",
        started=100.0,
        ended=110.0,
        tasks=tasks,
        parameters='{"depths": [1, 2], "rows": 178}',
    )
    read = (
        reports.Document(
            name="page", place="page.html", text="<!DOCTYPE html><html lang='en'><title>A page</title><p>Told</html>"
        ),
        reports.Document(
            name="note", place="note.md", markdown=True, text="# A note\n\n| a | b |\n| - | - |\n| 1 | 2 |\n"
        ),
    )
    left = reports.Evidence(
        log="it began\nit ended\n",
        earlier=("it stumbled\n",),
        code=CODE,
        requirements="pandas==2.2.0\n",
        documents=read,
    )
    return Graph(name="wine", nodes=nodes, edges=edges), run, {"root/measures": left, "root/failed": left}


def _task(state: State) -> TaskRun:
    told = TaskRun(path=f"root/{state.value}", name=state.value, component=state.value, state=state, attempts=2)
    if state is State.FAILED:
        told = replace(
            told, error='Traceback:\n  File "failed.py", line 3, in failed\nValueError: no rows', log="log.txt"
        )
    if state in (State.WAITING, State.SKIPPED):
        return told
    return replace(told, started=101.0, ended=0.0 if state is State.RUNNING else 103.5, inputs='{"depth": 3}')


CODE = 'def failed(depth: int) -> str:\n    """Fails."""\n    raise ValueError("no rows")  # as meant\n'
MEASURED = {
    "metrics": [
        {
            "name": "metrics",
            "uri": "/nowhere",
            "type": {"schemaTitle": "system.Metrics"},
            "metadata": {"accuracy": 0.97},
        }
    ],
    "scores": [
        {
            "name": "scores",
            "uri": "/nowhere",
            "type": {"schemaTitle": "system.ClassificationMetrics"},
            "metadata": {
                "confusionMatrix": {
                    "annotationSpecs": [{"displayName": "red"}, {"displayName": "white"}],
                    "rows": [{"row": [9, 1]}, {"row": [0, 5]}],
                },
                "confidenceMetrics": [
                    {"falsePositiveRate": 0.0, "recall": 0.0, "confidenceThreshold": 0.9},
                    {"falsePositiveRate": 0.3, "recall": 0.8, "confidenceThreshold": 0.5},
                    {"falsePositiveRate": 1.0, "recall": 1.0, "confidenceThreshold": 0.1},
                ],
            },
        }
    ],
}


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The run of all states: its report, and what a notebook shows of it."""
    graph, run, evidence = every_state()
    drawn, warnings = svg(graph, run.tasks), (Problem(message="the cells changed", hint="call generate()"),)
    rehearsed = Rehearsed(**{field: getattr(run, field) for field in Run.__slots__}, warnings=warnings, picture=drawn)
    pages = {"report": reports.page(run, drawn, evidence, warnings), "output": document(rehearsed._repr_html_())}
    folder = tmp_path_factory.mktemp("told")
    for name, text in pages.items():
        (folder / f"{name}.html").write_text(text, encoding="utf-8")
    return {name: folder / f"{name}.html" for name in pages}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["report", "output"])
def test_each_state_is_told_so_that_all_can_use_it(chrome, told, shots, name, scheme):
    none(usable(chrome, told[name], scheme, shots / f"states-{name}-{scheme}.png"))


def test_each_state_is_told_in_valid_html(told):
    none(html_faults(*told.values()))
    for path in told.values():
        assert set(re.findall('data-state="(.*?)"', path.read_text(encoding="utf-8"))) == set(State)


HOSTILE = """<!DOCTYPE html><html lang="en"><title>A page</title><p>What the step drew</p>
<img src="https://outside.test/a.png" alt="" onerror="document.body.append('an error was handled')">
<script>document.body.append('a script ran')</script></html>"""


def test_a_page_that_a_step_wrote_is_shown_and_can_do_nothing(chrome, shots, tmp_path):
    _, run, _ = every_state()
    written = reports.Document(name="page", place="page.html", text=HOSTILE)
    path = tmp_path / "report.html"
    path.write_text(reports.page(run, "", {"root/failed": reports.Evidence(documents=(written,))}), encoding="utf-8")
    with window(chrome, "light", shots) as seen:
        # the frame loads once it is near, and says what became of its picture
        with seen.page.expect_console_message(lambda said: "outside.test" in said.text or "ERR_" in said.text):
            seen.page.goto(path.as_uri())
            frame = seen.page.locator("details iframe")
            frame.evaluate("frame => { frame.closest('details').open = true; frame.scrollIntoView(); }")
        drawn = seen.page.frame_locator("iframe").locator("body")
        expect(drawn).to_contain_text("What the step drew")
        assert drawn.inner_text().strip() == "What the step drew"
        assert seen.outside == []
        assert [error for error in seen.errors if not re.search("Content Security Policy|is sandboxed", error)] == []


# Those who judge


FAULTY = """<script>console.error("ran")</script><img src="https://outside.test/a.png" onload="0">
<iframe title="x" sandbox="" srcdoc="<img src=https://framed.test/b.png>"></iframe><p style="color: #777; background: #888">faint</p><ul><p>astray</ul>"""


def test_a_page_that_is_none_of_this_is_found_out(chrome, tmp_path):
    page = tmp_path / "faulty.html"
    page.write_text(document(FAULTY), encoding="utf-8")
    told = "\n".join(usable(chrome, page, "dark", tmp_path / "faulty.png"))
    assert "it asks for https://outside.test/a.png" in told
    assert "net::ERR_NAME_NOT_RESOLVED" in told
    assert "ran" in told.split("\n")
    assert f"a script ran: {page.as_uri()}" in told
    assert "image-alt" in told and "color-contrast" in told
    faults = "\n".join(html_faults(page))
    assert "Element “p” not allowed as child of element “ul”" in faults and "An “img” element must have" in faults


def test_a_drawing_that_cannot_be_read_is_found_out(chrome, shots):
    node = '<g data-node="a"><rect width="40" height="20" fill="#222"/><text y="15" fill="#333">far too long</text></g>'
    with window(chrome, "light", shots) as seen:
        seen.page.set_content(document(f'<svg width="200" height="50">{node}</svg>'))
        spilled, dim = unreadable(seen.page.locator("svg"))
        assert spilled == "'far too long' does not fit its place"
        assert dim.startswith("'far too long' has a contrast of 1.2")
