"""Puts pages before judges: a real browser that reaches nothing but this machine, axe, and the W3C's checker."""

import json
import os
import re
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.sync_api import Browser, Locator, Page, sync_playwright
from tools import CHECKOUT, need

Scheme = Literal["light", "dark"]
LIMIT = 120  # seconds, for whatever is waited for: a busy machine is no fault
# None has dependencies: this pins everything.
PACKAGES = {"axe-core": "4.14.1", "vnu-jar": "26.9.27", "@mermaid-js/tiny": "12.0.0"}
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
HERE = r"file:///|(data|blob|about):|(http|ws)://127\.0\.0\.1[:/]"
ELSEWHERE = re.compile(f"^(?!{HERE})")
OFFLINE = [
    "--no-sandbox",  # root in a container has none
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-proxy-server",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A page, and what it did on its own: URLs that it asked for, errors that it wrote, scripts that it brought.

    What its own Content-Security-Policy refused was not asked. What a frame within it asked for, Playwright may miss; it
    fails to load, as all does that is outside, and that is among the errors.
    """

    page: Page
    asked: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    scripts: list[str] = field(default_factory=list)

    @property
    def outside(self) -> list[str]:
        """What it asked of another machine; it was given none of it."""
        return [url for url in self.asked if ELSEWHERE.match(url)]


@contextmanager
def chromium() -> Iterator[Browser]:
    """The machine's own Chromium; Playwright downloads none."""
    path = need("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=OFFLINE, timeout=LIMIT * 1000)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def window(browser: Browser, scheme: Scheme, shots: Path, size: tuple[int, int] = (1200, 900)) -> Iterator[Window]:
    """A fresh window of a person who likes it light or dark."""
    width, height = size
    context = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": height})
    context.set_default_timeout(LIMIT * 1000)
    context.route(ELSEWHERE, lambda route: route.abort())
    page = context.new_page()
    opened = Window(page=page)
    _watch(opened)
    try:
        with telling(opened, shots):
            yield opened
    finally:
        context.close()


@contextmanager
def telling(opened: Window, shots: Path) -> Iterator[None]:
    """What fails within says what the page looked like."""
    try:
        yield
    except BaseException as error:
        if not getattr(error, "__notes__", []):
            error.add_note(_seen(opened, shots))
        raise


def _watch(opened: Window) -> None:
    page = opened.page
    page.on("request", lambda request: opened.asked.append(request.url))
    page.on("requestfailed", lambda request: opened.asked.remove(request.url) if request.failure == "csp" else None)
    page.on("websocket", lambda socket: opened.asked.append(socket.url))
    page.on("pageerror", lambda error: opened.errors.append(str(error)))
    page.on("console", lambda said: opened.errors.append(said.text) if said.type == "error" else None)
    debugger = page.context.new_cdp_session(page)
    debugger.on("Debugger.scriptParsed", lambda said: opened.scripts.append(said["url"]) if said["url"] else None)
    debugger.send("Debugger.enable")


def _seen(opened: Window, shots: Path) -> str:
    """The page as it stood, in words and as a picture."""
    shot, text = shots / f"failed-{os.getpid()}-{id(opened)}.png", ""
    with suppress(Exception):  # a page that crashed has neither
        opened.page.screenshot(path=shot, timeout=10_000)
        text = opened.page.locator("body").inner_text(timeout=10_000)
    told = f"The page {opened.page.url} looked like {shot}; its errors: {opened.errors}; its text:"
    return f"{told}\n{text if len(text) < 2000 else f'{text[:1000]} ... {text[-1000:]}'}"


def axe(judged: Page | Locator) -> list[str]:
    """What axe finds that keeps people from using a page, or these parts of it."""
    page = judged if isinstance(judged, Page) else judged.page
    if not page.evaluate("typeof axe === 'object'"):
        page.evaluate((package("axe-core") / "axe.min.js").read_text(encoding="utf-8"))
    choice = {"runOnly": {"type": "tag", "values": RULES}}
    if isinstance(judged, Page):
        found = page.evaluate("choice => axe.run(document, choice)", choice)
    else:
        found = judged.evaluate_all("(nodes, choice) => axe.run({include: nodes}, choice)", choice)
    judged_rules = {rule["id"] for rule in found["passes"] + found["violations"] + found["incomplete"]}
    assert "color-contrast" in judged_rules, "axe saw no words to judge: there are none, or they look hidden to it"
    return [_violation(fault) for fault in found["violations"]]


def _violation(fault: dict[str, Any]) -> str:
    places = [f"{node['html'][:200]}\n  {' '.join(node['failureSummary'].split())}" for node in fault["nodes"]]
    return "\n".join([f"{fault['id']}: {fault['help']}, in {len(places)} places:", *places[:3]])


def faint(drawing: Locator) -> list[str]:
    """The words and signs of an SVG drawing that are hard to see on what is painted below them: axe passes those over."""
    ratios = [(what, least, _contrast(paint, below)) for what, least, paint, below in drawing.evaluate(PAINTED)]
    return [f"{what!r} has a contrast of {ratio:.2f}, not {least}" for what, least, ratio in ratios if ratio < least]


# What is drawn in a node, the contrast that it needs, its colour, and the colours below it from the page's upwards.
PAINTED = """drawing => {
    const fill = shape => { const style = getComputedStyle(shape); return [style.fill, +style.fillOpacity]; };
    const stroke = shape => { const style = getComputedStyle(shape); return [style.stroke, +style.strokeOpacity]; };
    const pages = [];
    for (let around = drawing; around; around = around.parentElement)
        pages.unshift([getComputedStyle(around).backgroundColor, 1]);
    pages.push(...[...drawing.querySelectorAll(':scope > rect')].map(fill));
    return [...drawing.querySelectorAll('[data-node]')].flatMap(node => {
        const below = [...pages, ...[...node.querySelectorAll(':scope > rect')].map(fill)];
        const words = [...node.querySelectorAll('text')].map(text => [text.textContent, 4.5, fill(text), below]);
        const signs = [...node.querySelectorAll(':scope > path')];
        const sign = `the sign of ${node.dataset.node}`;
        return [...words, ...signs.map(path => [sign, node.dataset.state ? 3 : 1.5, stroke(path), below])];
    });
}"""
Paint = tuple[str, float]


def _contrast(paint: Paint, below: list[Paint]) -> float:
    """WCAG's ratio between a colour and what lies below it, painted layer upon layer."""
    ground = (255.0, 255.0, 255.0)
    for layer in below:
        ground = _painted(layer, ground)
    light, dark = sorted((_luminance(_painted(paint, ground)), _luminance(ground)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _painted(paint: Paint, ground: tuple[float, ...]) -> tuple[float, ...]:
    colour, opacity = paint
    if colour == "none":
        return ground
    numbers = [float(number) for number in re.findall(r"[\d.]+", colour)]
    assert re.match(r"rgba?\(", colour) and len(numbers) in (3, 4), f"{colour} is no colour that this can mix"
    *tones, alpha = [*numbers, 1.0][:4]
    alpha *= opacity
    return tuple(alpha * tone + (1 - alpha) * under for tone, under in zip(tones, ground, strict=True))


def _luminance(colour: tuple[float, ...]) -> float:
    parts = [tone / 255 for tone in colour]
    red, green, blue = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def unreadable(drawing: Locator) -> list[str]:
    """What cannot be read in the picture of a graph, in this light and with the fonts that are there."""
    return [*(f"{what!r} does not fit its place" for what in drawing.evaluate(SPILLED)), *faint(drawing)]


# The words that stick out of the shape of their node, in the fonts that are really there; the nodes, out of the drawing.
SPILLED = """drawing => {
    const within = (inner, outer) => inner.left >= outer.left - 1 && inner.right <= outer.right + 1
        && inner.top >= outer.top - 1 && inner.bottom <= outer.bottom + 1 && inner.width > 0 && inner.height > 0;
    const box = element => element.getBoundingClientRect();
    const spilled = [];
    for (const node of drawing.querySelectorAll('[data-node]')) {
        const shape = node.querySelector('rect, path, polygon, ellipse, circle');
        if (!within(box(node), box(drawing))) spilled.push(node.dataset.node);
        for (const text of node.querySelectorAll('text'))
            if (!within(box(text), box(shape))) spilled.push(text.textContent);
    }
    return spilled;
}"""


def html_faults(*documents: str | Path) -> list[str]:
    """What the W3C's checker says against documents of HTML, or of SVG alone: texts, or files."""
    jar = package("vnu-jar") / "build" / "dist" / "vnu.jar"
    java = [need("java"), "-Xss8m", "-XX:TieredStopAtLevel=1", "-jar", jar]  # a small stack is too small for its schema
    with tempfile.TemporaryDirectory() as folder:
        for number, document in enumerate(documents, 1):
            text = document.read_text(encoding="utf-8") if isinstance(document, Path) else document
            ending = "svg" if text.startswith("<svg") else "html"
            Path(folder, f"{number}.{ending}").write_text(text, encoding="utf-8")
        command = [*java, "--also-check-svg", "--format", "json", "--stdout", "--exit-zero-always", folder]
        ended = subprocess.run(command, capture_output=True, timeout=LIMIT)
    assert ended.returncode == 0, ended.stderr.decode()
    return [_fault(said, documents) for said in json.loads(ended.stdout)["messages"]]


def _fault(said: dict[str, Any], documents: tuple[str | Path, ...]) -> str:
    document = documents[int(Path(said["url"]).stem) - 1]
    name = document if isinstance(document, Path) else "text"
    return f"{name}, line {said.get('lastLine')}: {said['message']}: {said.get('extract', '')}"


def package(name: str) -> Path:
    """The folder of a package of npm in its pinned version, fetched once into the checkout's .cache."""
    home = CHECKOUT / ".cache" / f"{name}-{PACKAGES[name]}"
    if not home.exists():
        home.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=home.parent) as draft:
            _fetch(name, Path(draft))
            with suppress(OSError):  # another test was first, and brought the same
                os.rename(draft, home)
    return home / "node_modules" / name


def _fetch(name: str, folder: Path) -> None:
    quiet = ["--ignore-scripts", "--no-audit", "--no-fund", "--no-save"]
    command = [need("npm"), "install", *quiet, "--prefix", folder, f"{name}@{PACKAGES[name]}"]
    ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=2 * LIMIT)
    if ended.returncode != 0:
        pytest.fail(f"npm could not fetch {name}@{PACKAGES[name]}:\n{ended.stderr}", pytrace=False)


def document(fragment: str) -> str:
    """The smallest page around a piece of HTML, in the colours that the reader's system prefers."""
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>A notebook\'s output</title>'
        '<meta name="color-scheme" content="light dark"><style>body { background: #fff; color: #111 }'
        " @media (prefers-color-scheme: dark) { body { background: #111; color: #eee } }</style></head>"
        f"<body><main><h1>A notebook's output</h1>\n{fragment}\n</main></body></html>\n"
    )
