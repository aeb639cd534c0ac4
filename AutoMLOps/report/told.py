"""A run as its page tells it: the tasks as a tree, in which each is told from its like."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence

from ..artifacts import among
from ..model import Run, State, TaskRun
from ..nouns import noun
from .traces import Evidence
from .words import as_json, brief, cut


@noun
class Line:
    """A task where it stands. `told` says what sets it apart from its like; a line without `leaf` holds others."""

    task: TaskRun
    anchor: str
    depth: int = 0
    where: tuple[str, ...] = ()
    told: str = ""
    leaf: bool = True

    @property
    def name(self) -> str:
        return self.task.path.rpartition("/")[2]

    @property
    def full(self) -> str:
        """Its name with all that it stands in."""
        return cut(" · ".join((self.name, *self.where)), 120)

    @property
    def apart(self) -> tuple[str, ...]:
        """What is told beside its name: the item of a loop or what else it stands in, what it was given."""
        return tuple(each for each in (*self.where[-1:], self.told) if each)


@noun
class Told:
    """What the page is made from."""

    run: Run
    lines: tuple[Line, ...]
    evidence: Mapping[str, Evidence]

    @property
    def leaves(self) -> list[Line]:
        return [line for line in self.lines if line.leaf]

    @property
    def failed(self) -> list[Line]:
        return [line for line in self.leaves if line.task.state is State.FAILED]

    @property
    def ended(self) -> float:
        return self.run.ended or max([self.run.started, *(max(t.started, t.ended) for t in self.run.tasks)])

    @property
    def span(self) -> float:
        return max(self.ended - self.run.started, 0.001)

    def took(self, task: TaskRun) -> float:
        """The seconds of a task that began, until now if it goes on."""
        return (task.ended or self.ended) - task.started


def anchor(run: Run, path: str) -> str:
    """The id of the section about a task: a link to "#step-3" opens it."""
    return _anchors(run).get(path, "")


def _anchors(run: Run) -> dict[str, str]:
    return {task.path: f"step-{number}" for number, task in enumerate(run.tasks, 1)}


def lines(run: Run) -> tuple[Line, ...]:
    """The tasks, each below what it stands in, as they began."""
    anchors = _anchors(run)
    told = _apart([task for task in run.tasks if not task.group])
    within: dict[str, list[TaskRun]] = {}
    for task in run.tasks:
        within.setdefault(_stands(task.path, anchors)[0], []).append(task)

    def below(path: str, depth: int, where: tuple[str, ...]) -> Iterator[Line]:
        for task in sorted(within.get(path, ()), key=lambda task: _order(task, anchors)):
            item = _stands(task.path, anchors)[1]
            line = Line(
                task=task,
                anchor=anchors[task.path],
                depth=depth,
                where=(*where, f"item {item}") if item else where,
                told=told.get(task.path, ""),
                leaf=task.path not in within,
            )
            yield line
            yield from below(task.path, depth + 1, (*line.where, line.name))

    return tuple(below("", 0, ()))


def _stands(path: str, known: Mapping[str, str]) -> tuple[str, str]:
    """The task that a task stands in, if any, and the number of the item, if that is a loop."""
    above = path.rpartition("/")[0]
    if above in known:
        return above, ""
    loop, _, item = above.rpartition("/")
    return (loop, item) if loop in known else ("", "")


def _order(task: TaskRun, known: Mapping[str, str]) -> tuple[int, float, str]:
    item = _stands(task.path, known)[1]
    return (int(item) if item else -1, task.started or float("inf"), task.path)


def kin(task: TaskRun) -> str:
    """The component of a step; kfp numbers it where it is used again, as in train-2."""
    return re.sub(r"-\d+$", "", task.component)


def _apart(steps: Sequence[TaskRun]) -> dict[str, str]:
    """What sets the runs of one component apart: the parameters that they do not share."""
    kindred: dict[str, list[TaskRun]] = {}
    for task in steps:
        kindred.setdefault(kin(task), []).append(task)
    found = {}
    for several in (each for each in kindred.values() if len(each) > 1):
        given = {task.path: json.loads(task.inputs) for task in several}
        known = [inputs for inputs in given.values() if inputs]  # a step that did not begin was given nothing
        names = dict.fromkeys(name for each in known for name, value in each.items() if not among(value))
        apart = [name for name in names if len({as_json(each.get(name)) for each in known}) > 1]
        for path, own in given.items():
            found[path] = cut(", ".join(f"{name}={brief(own[name])}" for name in apart if name in own), 80)
    return found
