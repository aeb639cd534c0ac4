"""What a step wrote to be read, in a frame that may do nothing."""

from .markup import name, text
from .traces import Document

PAPER = """
:root { color-scheme: light dark; }
body { font: 16px/1.55 system-ui, sans-serif; margin: 1rem; overflow-wrap: anywhere; }
table { border-collapse: collapse; }
th, td { border: 1px solid #8888; padding: .3rem .7rem; }
code, pre { font: .9em ui-monospace, monospace; background: #8882; border-radius: 4px; padding: .1em .3em; }
pre { padding: .7rem; overflow-x: auto; }
pre code { background: none; padding: 0; }
img { max-width: 100%; }
blockquote { margin-left: 0; padding-left: 1rem; border-left: 4px solid #8888; }
"""


def framed(document: Document) -> str:
    """As it is, or why it is not here."""
    kind = "Markdown" if document.markdown else "HTML"
    head = f"<h4>{kind}: <bdi>{name(document.name)}</bdi></h4>\n"
    where = f"<code>{text(document.place)}</code>"
    if document.missing:
        return f"{head}<p>Not shown here, since {text(document.missing)}: {where}</p>\n"
    inside = _markdown(document.text) if document.markdown else document.text
    height = min(120 + 30 * document.text.count("\n"), 420) if document.markdown else 420
    about = f'class="{kind.lower()}" title="{kind} {text(document.name)}" height="{height}"'
    return (
        f'{head}<iframe {about} sandbox="" loading="lazy" srcdoc="{text(inside)}"></iframe>\n'
        f'<p class="note">Shown without scripts and without anything from outside: {where}</p>\n'
    )


def _markdown(said: str) -> str:
    from markdown_it import MarkdownIt

    body = MarkdownIt("js-default", {"html": False}).render(said)
    head = f"<head><title>Markdown</title><style>{PAPER}</style></head>"
    return f'<!DOCTYPE html><html lang="en">{head}<body>{body}</body></html>'
