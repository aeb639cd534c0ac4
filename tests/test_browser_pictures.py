"""The pictures of a generated README, as a host shows them: in an <img>, light and dark; and Mermaid's own drawing."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import chromium, html_faults, package, unreadable, window
from drawings import block, faults
from golden import ROOT
from playwright.sync_api import Browser
from test_graph import as_read

from AutoMLOps import mermaid, picture
from AutoMLOps.graph import Graph

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("browser")]

REGIONS = ("alsace", "mosel", "rioja", "douro", "napa", "barossa", "maipo")


def many() -> str:
    """Forty steps: for each of seven regions five that follow each other, and what brings them together."""
    lines = ["load = make()"]
    for region in REGIONS:
        lines += [
            f'{region} = take(data=load.outputs["data"], n=n).set_display_name("take {region}")',
            f'clean_{region} = num(a={region}.output).set_display_name("clean {region}")',
            f'train_{region} = num(a=clean_{region}.output).set_display_name("train {region}")',
            f'score_{region} = num(a=train_{region}.output, b=clean_{region}.output).set_display_name("score {region}")',
            f'report_{region} = sweep(x=score_{region}.output).set_display_name("report {region}")',
        ]
    lines.append("best = sweep(x=n).after(" + ", ".join(f"score_{region}" for region in REGIONS) + ")")
    lines += [
        "told = word(t=w).after(best)",
        "kept = listed(n=n).after(best)",
        "last = gather(ns=kept.output).after(told)",
    ]
    return "".join(f"    {line}\n" for line in lines)


BODIES = {
    "chain": """
    loaded = make()
    taken = take(data=loaded.outputs["data"], n=n)
    trained = num(a=taken.output)
    sweep(x=trained.output)
""",
    "diamond": """
    loaded = make()
    one = take(data=loaded.outputs["data"], n=n).set_display_name("train a tree")
    other = take(data=loaded.outputs["data"], n=3).set_display_name("train a forest")
    best = num(a=one.output, b=other.output).set_display_name("choose the better one")
    sweep(x=best.output)
""",
    "loop-in-condition": """
    loaded = make()
    rows = take(data=loaded.outputs["data"], n=n)
    with dsl.If(rows.output > 3, name="enough rows"):
        with dsl.ParallelFor([1, 2, 3], parallelism=2) as depth:
            trained = num(a=depth)
            sweep(x=trained.output)
    with dsl.Else():
        word(t=w)
""",
    "exit-handler": """
    told = close()
    with dsl.ExitHandler(told, name="whatever happens"):
        loaded = make()
        taken = take(data=loaded.outputs["data"], n=n)
        sweep(x=taken.output)
""",
    "forty-steps": many(),
}


@pytest.fixture(scope="module")
def graphs() -> dict[str, Graph]:
    return {name: as_read(body) for name, body in BODIES.items()}


@pytest.fixture(scope="module")
def drawings(graphs: dict[str, Graph], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the drawings, and of a page for each that shows it as a README is shown."""
    folder = tmp_path_factory.mktemp("drawings")
    for name, graph in graphs.items():
        (folder / f"{name}.svg").write_text(picture.file(graph), encoding="utf-8")
        (folder / f"{name}.html").write_text(PAGE.format(name=name), encoding="utf-8")
    return folder


PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{name}</title><meta name="color-scheme" content="light dark"><style>
main {{ max-width: 838px }} img {{ max-width: 100% }} @media (prefers-color-scheme: dark) {{ body {{ background: #0d1117 }} }}
</style></head><body><main><h1>{name}</h1><p><img src="{name}.svg" alt="The pipeline"></p></main></body></html>
"""


@pytest.fixture(scope="module")
def chrome() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def shots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = Path(os.environ.get("AUTOMLOPS_SCREENSHOTS") or tmp_path_factory.mktemp("screenshots"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_drawing_alone_can_be_read_and_asks_for_nothing(chrome, drawings, shots, scheme):
    with window(chrome, scheme, shots, size=(900, 700)) as seen:
        for name in BODIES:
            seen.page.goto((drawings / f"{name}.html").as_uri())
            assert seen.page.locator("img").evaluate("image => image.complete && image.naturalWidth > 50"), name
            seen.page.screenshot(path=shots / f"readme-{name}-{scheme}.png", full_page=True)
            seen.page.goto((drawings / f"{name}.svg").as_uri())
            assert not unreadable(seen.page.locator("svg")), name
        assert all(url.startswith(drawings.as_uri()) for url in seen.asked) and not seen.errors and not seen.scripts


def test_the_drawings_are_valid_svg(drawings):
    paths = [drawings / f"{name}.svg" for name in BODIES]
    assert [fault for path in paths for fault in faults(path.read_text(encoding="utf-8"))] == []
    assert html_faults(*paths) == []
    (fault,) = html_faults('<svg xmlns="http://www.w3.org/2000/svg"><rect nope="1"/></svg>')
    assert "nope" in fault


def test_mermaid_draws_the_same_graph(chrome, graphs, shots):
    readme = (ROOT / "by_push/tree/README.md").read_text(encoding="utf-8")
    with window(chrome, "light", shots) as seen:
        seen.page.set_content("<!DOCTYPE html><title>Mermaid</title><main></main>")
        seen.page.add_script_tag(path=package("@mermaid-js/tiny") / "dist" / "mermaid.tiny.js")
        for name, graph in graphs.items():
            parents = {node.parent for node in graph.nodes}
            groups = sum(node.path in parents for node in graph.nodes)
            drawn = seen.page.evaluate(DRAWN, "\n".join(mermaid.lines(graph)))
            seen.page.locator("main").screenshot(path=shots / f"mermaid-{name}.png")
            assert drawn == [len(graph.nodes) - groups, groups, len(graph.edges)], name
        assert seen.page.evaluate(DRAWN, block(readme, "flowchart LR")) == [7, 1, 6]
        seen.page.locator("main").screenshot(path=shots / "mermaid-push.png")
        assert not seen.outside and not seen.errors


# How many nodes, groups and edges Mermaid draws of a text.
DRAWN = """async text => {
    mermaid.initialize({startOnLoad: false});
    const {svg} = await mermaid.render('drawn', text);
    const main = document.querySelector('main');
    main.innerHTML = svg;
    return ['.node', '.cluster', '.flowchart-link'].map(each => main.querySelectorAll(each).length);
}"""
