"""The site of the pages: it builds, its reference is whole, and it can be read from a folder, without a network."""

import os
import re
import subprocess
import sys
import typing
from html import unescape
from pathlib import Path

import pages
import pytest
from browser import axe, chromium, window
from tools import CHECKOUT, environment

from AutoMLOps import AutoMLOps, AutoMLOpsError
from AutoMLOps.settings import Settings, table
from AutoMLOps.synonyms import SYNONYMS

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("site")]

PUBLIC = {name: getattr(AutoMLOps, name) for name in AutoMLOps.__all__ if name not in ("AutoMLOps", "schedules")}
PUBLIC |= {f"schedules.{name}": getattr(AutoMLOps.schedules, name) for name in AutoMLOps.schedules.__all__}
ERRORS = {name for name, value in PUBLIC.items() if isinstance(value, type)}
PATH = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)))


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """The site, as `make docs` builds it."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-n", "-W", "--keep-going", "-q", "-d", f"{folder}.trees"]
    ended = subprocess.run([*command, "docs", folder], cwd=CHECKOUT, capture_output=True, text=True, timeout=300)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return folder


@pytest.fixture(scope="module")
def reference(site) -> dict[str, str]:
    """The pages of the reference, as the text that a reader sees."""
    parts = {path.stem: path.read_text(encoding="utf-8") for path in (site / "reference").glob("*.html")}
    return {name: unescape(re.sub("<[^>]*>", "", html)) for name, html in parts.items()}


def words(text: str) -> str:
    """Text as it reads: quotes and dashes may be printed another way."""
    return " ".join(re.findall(r"\w+", text))


def test_every_page_has_its_place_in_the_contents(site):
    first = (site / "index.html").read_text(encoding="utf-8")
    for page in pages.PAGES[1:]:
        name = page.relative_to(CHECKOUT / "docs").with_suffix(".html").as_posix()
        assert name == "index.html" or f'<a class="reference internal" href="{name}">' in first


def test_the_reference_has_every_public_name_with_its_words(reference):
    for name, value in PUBLIC.items():
        told = (value.__doc__ or "").split("\n\n")[0] if callable(value) else value
        page = reference["errors" if name in ERRORS else "calls"]
        assert re.search(rf"\b{name}\b", page) and words(told) in words(page), name


def test_the_reference_has_every_setting_with_its_comment(reference):
    for _, rows in table(Settings()):
        for name, _, told in rows:
            assert name in reference["settings"] and words(told) in words(reference["settings"]), name


def test_the_reference_has_every_earlier_name(reference):
    assert not [name for name in SYNONYMS if not re.search(rf"\b{name}\b", reference["earlier-names"])]


def test_the_reference_has_every_verb_of_the_command(reference):
    said = subprocess.run(["automlops", "--help"], env=environment() | {"PATH": PATH}, capture_output=True, text=True)
    verbs = re.findall(r"^  (\w+)  ", said.stdout.partition("verbs:")[2].partition("examples:")[0], re.MULTILINE)
    assert len(verbs) >= 7 and all(f"usage: automlops {verb} " in reference["command-line"] for verb in verbs)


def test_no_page_asks_for_anything_from_elsewhere(site):
    asks = r"""<(?!a\b)[^>]*\b(?:src|href|srcset|action|data)=["']?(?:https?:)?//|url\(["']?(?:https?:)?//|@import"""
    for path in site.rglob("*"):
        if path.suffix in (".html", ".css", ".svg"):
            assert not re.search(asks, path.read_text(encoding="utf-8")), path


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_site_can_be_read_by_all_from_a_folder(site, scheme, tmp_path):
    shots = Path(os.environ.get("AUTOMLOPS_SCREENSHOTS") or tmp_path)
    addresses = {name: (site / f"{name}.html").as_uri() for name in ("index", "from-functions", "reference/settings")}
    with chromium() as browser, window(browser, scheme, shots) as opened:
        for name, address in addresses.items():
            opened.page.goto(address)
            opened.page.screenshot(path=shots / f"docs-{name.replace('/', '-')}-{scheme}.png", full_page=True)
        assert not opened.outside and not opened.errors
        opened.page.goto(f"{(site / 'search.html').as_uri()}?q=requirements")
        opened.page.get_by_role("link", name="Requirements", exact=True).last.wait_for()
        assert not opened.outside and not opened.errors
        for name, address in addresses.items():
            opened.page.goto(address)
            assert not axe(opened.page.locator("article")), name  # the frame around it is the theme's


def test_the_reference_has_every_result_with_its_fields(reference):
    for verb in set(AutoMLOps.VERBS) - {"launchAll", "run"}:
        given = typing.get_type_hints(getattr(AutoMLOps, verb))["return"]
        for each in typing.get_args(given) or (given,):
            assert words(each.__doc__) in words(reference["results"]), each
            assert not [name for name in each.__annotations__ if f".{name}" not in reference["results"]]


def test_the_errors_are_all_that_the_package_raises():
    assert {error.__name__ for error in (AutoMLOpsError, *AutoMLOpsError.__subclasses__())} == ERRORS
