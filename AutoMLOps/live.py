"""Shows what goes on while it does: a run's picture or bar, a script's lines."""

import sys
import time
from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from . import jupyter
from .graph import Graph, Shape
from .markup import escape, frame, headed, warned
from .model import Problem, Run, State, TaskRun
from .picture import html
from .timeline import headline


class Shown(Protocol):
    """What has a picture of itself for notebooks, and a text for all others."""

    def _repr_html_(self) -> str: ...


class Picture:
    """The DAG under the running cell, drawn again as it changes; drawing may take a tenth of the time at most."""

    def __init__(self, graph: Graph, warnings: Sequence[Problem]) -> None:
        self.graph, self.warnings = graph, warnings
        self.tasks: dict[str, TaskRun] = {}
        self.show: Callable[[str, str], None] | None = None
        self.due = 0.0

    def __call__(self, news: Run | TaskRun) -> None:
        if isinstance(news, TaskRun):
            self.tasks[news.path] = news
        else:
            self.run = news
        now = time.monotonic()
        if now >= self.due or self.run.state is not State.RUNNING:
            self.draw()
            self.due = now + max(0.2, 10 * (time.monotonic() - now))

    def draw(self) -> None:
        text = headline(self.run, self.tasks.values())
        shown = frame(headed(text), html(self.graph, self.tasks.values()), warned(self.warnings))
        if self.show is None:
            self.show = jupyter.shown(shown, text)
        else:
            self.show(shown, text)

    def close(self) -> None:
        """Nothing is left to do: the picture stays."""


class Bar:
    """A bar in a terminal, on stderr; none where that is no terminal."""

    def __init__(self, graph: Graph, warnings: Sequence[Problem]) -> None:
        from tqdm.auto import tqdm

        for warning in warnings:
            print(f"warning: {warning}", file=sys.stderr)
        steps = sum(node.shape in (Shape.STEP, Shape.CONTAINER, Shape.IMPORTER) for node in graph.nodes)
        self.bar = tqdm(total=steps, desc=graph.name, unit="step", disable=None, leave=False)
        self.seen: set[str] = set()

    def __call__(self, news: Run | TaskRun) -> None:
        if isinstance(news, Run):
            self.bar.refresh()
        elif not news.group and news.state.over and news.path not in self.seen:
            self.seen.add(news.path)
            self.bar.total = max(self.bar.total or 0, len(self.seen))  # the items of a loop are not known beforehand
            self.bar.set_postfix_str(f"{news.name} {news.state.value}", refresh=False)
            self.bar.update()

    def close(self) -> None:
        self.bar.close()


def view(graph: Graph, warnings: Sequence[Problem]) -> Picture | Bar:
    """What fits where the call came from."""
    return Picture(graph, warnings) if jupyter.shell() is not None else Bar(graph, warnings)


def show(result: Shown) -> None:
    """Shows a result before the call that it is a part of has ended."""
    if jupyter.shell() is None:
        print(result, file=sys.stderr, flush=True)
    else:
        jupyter.shown(result._repr_html_(), str(result))


Result = TypeVar("Result")


def told(result: Result) -> Result:
    """A result, printed where nothing else shows it: a script has no cell, and no prompt that would answer with it."""
    if jupyter.shell() is None and not hasattr(sys, "ps1"):
        print(result, flush=True)
    return result


def line(text: str) -> None:
    """Says one thing before the call that it is a part of has ended."""
    if jupyter.shell() is None:
        print(text, file=sys.stderr, flush=True)
    else:
        jupyter.shown(frame(f"<p>{escape(text)}</p>"), text)


LINES = 12


def lines(title: str) -> Callable[[str], None]:
    """What tells the lines of a script as they come: the last of them under the cell, all of them on a terminal's
    stderr."""
    if jupyter.shell() is None:
        return lambda text: print(text, file=sys.stderr, flush=True)
    told: list[str] = []
    show = jupyter.shown(frame(f"<p>{escape(title)}</p>"), title)

    def tell(text: str) -> None:
        told.append(text)
        last = "\n".join(told[-LINES:])
        show(frame(f"<p>{escape(title)}</p><pre>{escape(last)}</pre>"), f"{title}\n{last}")

    return tell
