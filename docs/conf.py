"""How Sphinx builds this folder: `make docs`.

Pages are Markdown, as a repository's host shows them; what the code itself says best is put in while building, by
reference.py.
"""

import re
import sys
from pathlib import Path

from sphinx.application import Sphinx

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import reference  # noqa: E402 - it lies beside this file

from AutoMLOps import __version__  # noqa: E402 - this checkout's, whatever is installed

project = "AutoMLOps"
version = release = __version__
html_title = f"AutoMLOps {__version__}"
extensions = ["myst_parser"]
html_theme = "furo"
html_copy_source = html_show_copyright = html_show_sphinx = False
html_show_search_summary = False  # it would have to read other pages, which a page in a folder may not
myst_heading_anchors = 3
highlight_language = "text"
pygments_style, pygments_dark_style = "a11y-high-contrast-light", "github-dark"
html_static_path = ["style"]
html_css_files = ["site.css"]


def setup(app: Sphinx) -> None:
    app.connect("source-read", completed)


def completed(app: Sphinx, page: str, text: list[str]) -> None:
    """Puts in what a page takes from the code, and the contents beside every page, which are the links of the first.

    A link to a file that is no page, beside or above this folder, becomes one to a copy of that file.
    """
    outside = "../" * (page.count("/") + 1)
    text[0] = re.sub(rf"\]\(({re.escape(outside)}[^)#]+)(?:#[^)]*)?\)", r"](path:\1)", text[0])
    if page.startswith("reference/"):
        text[0] += reference.PAGES[page.removeprefix("reference/")]()
    if page == "index":
        text[0] += "".join(contents(text[0]))


def contents(index: str) -> list[str]:
    """A part of the contents for each heading of the first page, with the pages that are linked below it."""
    parts = re.split(r"^## (.+)$", index, flags=re.MULTILINE)[1:]
    pages = [re.findall(r"\]\(([\w/-]+)\.md\)", below) for below in parts[1::2]]
    return [
        "\n".join(["", "```{toctree}", ":hidden:", f":caption: {heading}", *linked, "```", ""])
        for heading, linked in zip(parts[::2], pages, strict=True)
    ]
