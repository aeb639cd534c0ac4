"""The page: its parts in their order.

It runs no script and loads nothing, which its Content-Security-Policy makes sure of. All that a step, a notebook or a
pipeline said stands in it as text. What steps wrote as HTML or Markdown is shown in frames that may do nothing.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

from ..model import Problem, Run, State
from . import metrics, steps, times
from .given import given
from .markup import Part, error, icon, icons, linked, moment, name, named, state, text, wide
from .style import STYLE
from .told import Line, Told, lines
from .traces import Evidence
from .words import cut, seconds

POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:; base-uri 'none'; form-action 'none'"
)


def page(run: Run, picture: str, evidence: Mapping[str, Evidence], warnings: Sequence[Problem] = ()) -> str:
    """The whole report. `picture` is the SVG of the pipeline's graph, and goes in as it is."""
    told = Told(run=run, lines=lines(run), evidence=evidence)
    parts = [
        _failures(told),
        _warned(warnings),
        metrics.part(told),
        _graph(picture),
        times.part(told),
        Part(title="Parameters", anchor="parameters", inside=given("parameters", run.parameters)),
        Part(title="Outputs", anchor="outputs", inside=given("outputs", run.outputs)),
        steps.part(told),
    ]
    shown = [part for part in parts if part.inside]
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n{_head(run)}<body>\n{icons()}'
        f'<a class="skip" href="#top">Skip to the report</a>\n{_header(told)}'
        f'<div class="frame">\n{_contents(told, shown)}<main id="top" tabindex="-1">\n'
        f"{''.join(map(_section, shown))}</main>\n</div>\n"
        f"<footer><p>Record: <code>{text(run.folder)}</code></p></footer>\n</body>\n</html>\n"
    )


def _head(run: Run) -> str:
    return (
        '<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n<meta name="referrer" content="no-referrer">\n'
        f"<title>{name(cut(run.name, 40), 'pipeline')}: {run.state.value}</title>\n"
        f'<link rel="icon" href="data:,">\n<style>{STYLE}</style>\n</head>\n'
    )


def _header(told: Told) -> str:
    run = told.run
    counts = Counter(line.task.state for line in told.leaves)
    chips = "".join(f"<li>{state(each)} <strong>{counts[each]}</strong></li>" for each in State if counts[each])
    count = sum(not task.group for task in run.tasks)
    took = f"in {seconds(run.ended - run.started)}" if run.ended else "so far"
    when = f", began {moment(run.started)}" if run.started else ""
    return (
        f'<header class="{run.state.value}">\n<p>Rehearsal on this machine</p>\n'
        f"<h1><bdi>{name(run.name, 'pipeline')}</bdi></h1>\n"
        f'<p class="verdict">{icon(run.state)} {run.state.value} <span>{took}</span></p>\n'
        f"<p>{count} step{'s' * (count != 1)}{when}. Run <code>{text(run.id)}</code></p>\n"
        f'{f"""<ul class="chips">{chips}</ul>""" if chips else ""}</header>\n'
    )


def _contents(told: Told, shown: Sequence[Part]) -> str:
    links = "".join(
        f'<li><a href="#{part.anchor}">{part.title}</a></li>' for part in shown if part.anchor != steps.ANCHOR
    )
    listed = "".join(f'<li class="depth-{min(line.depth, 5)}">{_link(line)}</li>' for line in told.lines)
    below = f'<h2><a href="#{steps.ANCHOR}">Steps</a></h2><ul>{listed}</ul>' if listed else ""
    return f'<nav aria-label="contents"><ul>{links}</ul>{below}</nav>\n'


def _link(line: Line) -> str:
    of = line.task.state
    told = f'{icon(of)} {named(line)}<span class="off"> {of.value}</span>'
    return f'<a href="#{line.anchor}">{told}</a>' if line.leaf else f"<span>{told}</span>"


def _section(part: Part) -> str:
    return (
        f'<section id="{part.anchor}" aria-labelledby="{part.anchor}-title">\n'
        f'<h2 id="{part.anchor}-title">{part.title}</h2>\n{part.inside}</section>\n'
    )


def _failures(told: Told) -> Part:
    run, failed = told.run, told.failed
    title = "What went wrong" if failed or run.state is State.FAILED else "What happened"
    cards = "".join(f"<li><h3>{linked(line)}</h3>{error(line.task.error)}</li>" for line in failed)
    skipped = sum(line.task.state is State.SKIPPED for line in told.leaves)
    after = f"<p>{skipped} more {'was' if skipped == 1 else 'were'} skipped.</p>" if skipped else ""
    inside = f'<ul class="cards">{cards}</ul>{after}\n' if cards else f"{error(run.error)}\n" if run.error else ""
    return Part(title=title, anchor="failures", inside=inside)


def _warned(warnings: Sequence[Problem]) -> Part:
    said = "".join(f"<li><bdi>{text(warning)}</bdi></li>" for warning in warnings)
    return Part(title="Warnings", anchor="warnings", inside=f'<ul class="warnings">{said}</ul>\n' if said else "")


def _graph(picture: str) -> Part:
    inside = wide(picture, "graph of the pipeline", "wide graph")
    return Part(title="Graph", anchor="graph", inside=inside if picture else "")
