"""The corpus: every notebook generates, compiles to the spec that kfp makes of it alone, is drawn as that spec, and runs.

corpus/README.md says which construct is shown where.
"""

import ast
import contextlib
import html
import inspect
import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import browser
import drawings
import pytest
from differences import DIFFERENCES, alike
from plainly import RECKONED
from test_mermaid import said
from tools import CHECKOUT, PREBUILT, environment, missing

from AutoMLOps import AutoMLOps, codebase, engine, graph, picture, spec
from AutoMLOps.display import Generated
from AutoMLOps.errors import BadInput

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("corpus")]

CORPUS = CHECKOUT / "tests" / "corpus"
MANNERS = ("kubeflow", "decorated", "marked", "earlier")
FILES = {
    path.stem: path
    for manner in MANNERS
    for path in sorted((CORPUS / manner).iterdir())
    if path.suffix in (".py", ".ipynb")
}
VERBS = ("generate", "go", "launchAll")

USES_PREBUILT = ("google_artifacts",)


@dataclass(frozen=True, slots=True)
class Made:
    """What became of a notebook: the codebase and its spec, or the faults that were found."""

    folder: Path
    values: dict[str, object]
    generated: Generated | None
    faults: str = ""


def code(path: Path) -> str:
    """The Python of a notebook; its magics are no part of it."""
    if path.suffix == ".py":
        return path.read_text(encoding="utf-8")
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return "\n\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code").replace("%%", "# ")


def arguments(path: Path) -> dict[str, object]:
    """What the notebook gives to the verb that generates: literals, and names of literals."""
    tree = ast.parse(code(path))
    known: dict[str, object] = {}
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            with contextlib.suppress(ValueError):
                known[node.targets[0].id] = ast.literal_eval(node.value)
    (call,) = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in VERBS
    ]
    given = {word.arg: word.value for word in call.keywords}
    return {name: eval(ast.unparse(value), {}, known) for name, value in given.items()}  # noqa: S307


@pytest.fixture(scope="module")
def made(prebuilt, tmp_path_factory) -> dict[str, Made]:
    """Every notebook, generated into a folder of its own."""
    home = tmp_path_factory.mktemp("corpus")
    found = {}
    for name, path in FILES.items():
        if name in USES_PREBUILT and prebuilt is None:
            continue
        given = arguments(path)
        try:
            done = AutoMLOps.generate(notebook=path, output_dir=str(home / name), **given)
            found[name] = Made(home / name, given["pipeline_params"], done)
        except BadInput as error:
            found[name] = Made(home / name, given["pipeline_params"], None, str(error))
    return found


def compiled(paths: list[Path], prebuilt: Path | None, results: Path) -> dict[Path, dict]:
    """By the file that it comes from, what one process compiled."""
    command = [sys.executable, CHECKOUT / "tests" / "originals.py", results, *paths]
    path = os.pathsep.join(map(str, filter(None, (CHECKOUT, prebuilt))))
    subprocess.run(command, env={**environment(), "PYTHONPATH": path}, check=True, timeout=300, capture_output=True)
    return {Path(path): told for path, told in json.loads(results.read_text(encoding="utf-8")).items()}


def original(name: str) -> Path:
    """What kfp is given: the notebook, or the hand-written twin of one whose cells are no Python of kfp's."""
    twin = FILES[name].parent / "twins" / f"{name}.py"
    return twin if twin.exists() else FILES[name]


@pytest.fixture(scope="module")
def originals(prebuilt, tmp_path_factory) -> dict[str, dict]:
    told = compiled([original(name) for name in FILES], prebuilt, tmp_path_factory.mktemp("originals") / "specs.json")
    return {name: told[original(name)] for name in FILES}


@pytest.fixture(scope="module")
def ours(made, prebuilt, tmp_path_factory) -> dict[str, dict]:
    paths = {name: one.folder.resolve() / codebase.PIPELINE for name, one in made.items() if one.generated}
    told = compiled(list(paths.values()), prebuilt, tmp_path_factory.mktemp("ours") / "specs.json")
    return {name: told[path] for name, path in paths.items()}


def spec_of(name: str, made: dict[str, Made], ours: dict[str, dict]) -> dict:
    if name not in made:
        missing(f"pip could not fetch {PREBUILT}")
    assert not made[name].faults, made[name].faults
    assert "error" not in ours[name], ours[name]["error"]
    return ours[name]["spec"]


@pytest.mark.parametrize("name", FILES)
def test_it_compiles_to_the_spec_that_kfp_makes_of_it_alone(name, made, ours, originals):
    document = spec_of(name, made, ours)
    assert "error" not in originals[name], originals[name]["error"]
    assert alike(document) == alike(originals[name]["spec"])


@pytest.mark.parametrize("name", FILES)
def test_it_is_drawn_as_its_spec(name, made, ours):
    drawn = graph.of_spec(spec.read(spec_of(name, made, ours)))
    read = graph.of_pipeline(made[name].generated.pipeline)
    assert read in (None, drawn)
    text = picture.file(drawn)
    assert drawings.faults(text) == []
    shown = ElementTree.fromstring(text)
    nodes = [each.get("data-node") for each in shown.iter() if each.get("data-node")]
    edges = [each for each in shown.iter() if each.get("data-from")]
    assert sorted(nodes) == sorted(node.path for node in drawn.nodes)
    assert sorted((each.get("data-from"), each.get("data-to"), each.get("data-edge")) for each in edges) == sorted(
        (edge.before, edge.after, "order" if edge.order else "data") for edge in drawn.edges
    )
    readme = (made[name].folder / "README.md").read_text(encoding="utf-8")
    assert (read is None) == ("```mermaid\nflowchart TD" not in readme)
    if read:
        assert drawings.flowchart(drawings.block(readme)) == said(drawn)


@pytest.fixture(scope="module")
def drawn(ours) -> dict[str, graph.Graph]:
    """The graph of every spec."""
    return {name: graph.of_spec(spec.read(told["spec"])) for name, told in ours.items() if "spec" in told}


def test_the_w3c_s_checker_finds_nothing_in_the_drawings(drawn):
    assert browser.html_faults(*map(picture.file, drawn.values())) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_browser_shows_every_drawing_whole_and_plainly(scheme, drawn, tmp_path):
    """AUTOMLOPS_SCREENSHOTS=<folder> keeps the sheet."""
    sheet = "\n".join(f"<h2>{html.escape(name)}</h2>{picture.html(each)}" for name, each in drawn.items())
    page = tmp_path / "sheet.html"
    page.write_text(browser.document(sheet), encoding="utf-8")
    shots = Path(os.environ.get("AUTOMLOPS_SCREENSHOTS", tmp_path))
    with browser.chromium() as chrome, browser.window(chrome, scheme, shots) as opened:
        opened.page.goto(page.as_uri())
        assert opened.page.locator("svg").count() == len(drawn)
        assert browser.faint(opened.page.locator("main")) == []
        assert opened.page.evaluate(BEYOND) == []
        opened.page.screenshot(path=shots / f"corpus-{scheme}.png", full_page=True)
    assert opened.outside == [] and opened.errors == [] and opened.scripts == []


# The words of a drawing that leave its frame, as the browser set them.
BEYOND = """() => [...document.querySelectorAll('svg')].flatMap(svg => {
    const frame = svg.getBoundingClientRect();
    return [...svg.querySelectorAll('text')].filter(text => {
        const box = text.getBoundingClientRect();
        return box.left < frame.left || box.right > frame.right || box.top < frame.top || box.bottom > frame.bottom;
    }).map(text => text.textContent);
})"""


@pytest.mark.parametrize("name", RECKONED)
def test_it_runs_here_and_comes_to_what_plain_python_says(name, made, ours, tmp_path):
    document = spec_of(name, made, ours)
    source = codebase.read(str(made[name].folder)).source
    run = engine.run(document, made[name].values, folder=tmp_path / "run", source=source)
    assert run.state == "succeeded", run
    found = {task.path.removeprefix("root/"): json.loads(task.outputs or "{}") for task in run.tasks}
    found[""] = json.loads(run.outputs)
    for path, outputs in RECKONED[name](**made[name].values).items():
        assert {key: _content(found[path][key]) for key in outputs} == outputs, path


def _content(value: object) -> object:
    """An output as what it holds: of metrics, their numbers."""
    match value:
        case [{"metadata": metadata}]:
            return metadata
        case _:
            return value


# ------------------------------------------------------------------------------- the corpus itself


def test_the_readme_says_where_each_file_is_shown():
    told = (CORPUS / "README.md").read_text(encoding="utf-8")
    linked = re.findall(r"\]\(([a-z][^)]+)\)", told)
    assert sorted(set(linked)) == sorted(path.relative_to(CORPUS).as_posix() for path in FILES.values())


def test_there_is_enough_of_each_manner():
    counts = {manner: sum(path.parent.name == manner for path in FILES.values()) for manner in MANNERS}
    assert len(FILES) >= 44
    assert counts["kubeflow"] >= 20 and counts["decorated"] >= 10 and counts["marked"] >= 8 and counts["earlier"] >= 4
    assert len(RECKONED) >= 15 and RECKONED.keys() <= FILES.keys()


def test_a_twin_stands_beside_a_notebook():
    twins = {path.stem for path in CORPUS.glob("*/twins/*.py")}
    assert twins <= FILES.keys()
    assert {name for name, path in FILES.items() if "makeComponent" in path.read_text(encoding="utf-8")} <= twins


def test_the_docs_list_the_differences_that_are_meant():
    page = (CHECKOUT / "docs" / "kubeflow-differences.md").read_text(encoding="utf-8")
    rows = [f"| {difference.what} | {difference.why} |" for difference in DIFFERENCES]
    assert [row for row in rows if row not in page] == []
    assert page.count("\n| ") == 1 + len(rows)


def test_what_is_reckoned_is_a_function_of_the_parameters(made):
    for name, function in RECKONED.items():
        assert set(inspect.signature(function).parameters) == set(made[name].values), name
