"""The HTML of what a notebook shows: static and self-contained, since notebooks run no script of a stranger."""

from collections.abc import Iterable, Sequence


def escape(text: str) -> str:
    """Text as HTML shows it. The library's own costs more to import than all that generate() shows."""
    from html import escape as escaped

    return escaped(text)


def frame(*parts: str) -> str:
    return f'<div style="font-family:system-ui,sans-serif;line-height:1.5">{"".join(parts)}</div>'


def headed(text: str) -> str:
    return f"<p><strong>{escape(text)}</strong></p>"


def edged(text: str, colour: str, tag: str = "span") -> str:
    """A word with a colour beside it: no one colour can be read both on white and on black."""
    return f'<{tag} style="border-left:.4em solid {colour};padding-left:.35em">{escape(text)}</{tag}>'


def warned(warnings: Iterable[object]) -> str:
    items = "".join(f"<li>{edged('warning', '#c77700')} {escape(str(each))}</li>" for each in warnings)
    return f'<ul aria-label="warnings">{items}</ul>' if items else ""


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table, its cells HTML already; the first of each row names it."""
    left = 'style="text-align:left"'
    head = "".join(f'<th scope="col" {left}>{escape(each)}</th>' if each else "<td></td>" for each in heads)
    body = "".join(
        f'<tr><th scope="row" {left}>{row[0]}</th>{"".join(f"<td {left}>{cell}</td>" for cell in row[1:])}</tr>'
        for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
