"""Judges what was measured, and tells it as Markdown."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from fresh import Taken
from measure import Pair, Size

FASTER = {3: 5, 20: 6, 100: 10, 500: 10}  # import and generate, in a fresh process
SECOND = 10  # the second call in one process
LARGEST, MEMORY = 500, 60  # MiB
SMALLER, GROWTH = 100, 1.25  # a component more costs about the same at either size


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One bound, and whether it holds."""

    bound: str
    found: str
    holds: bool


def verdicts(sizes: Sequence[Size]) -> list[Verdict]:
    """Every bound on the sizes that were measured."""
    return [*map(_faster, sizes), *map(_second, sizes), *_memory(sizes), *_growth(sizes)]


def _faster(size: Size) -> Verdict:
    least = FASTER.get(size.components, min(FASTER.values()))
    return _at_least(f"import + generate, {size.components} components", least, size.faster)


def _second(size: Size) -> Verdict:
    return _at_least(f"second call, {size.components} components", SECOND, size.second_faster)


def _at_least(what: str, least: float, found: float) -> Verdict:
    return Verdict(bound=f"{what}: at least {least} times faster", found=f"{found:.1f} times", holds=found >= least)


def _memory(sizes: Sequence[Size]) -> Iterator[Verdict]:
    for size in sizes:
        if size.components == LARGEST:
            peak = max(pair.ours.memory for pair in size.pairs)
            bound = f"peak memory, {LARGEST} components: under {MEMORY} MiB"
            yield Verdict(bound=bound, found=f"{peak:.1f} MiB", holds=peak < MEMORY)


def _growth(sizes: Sequence[Size]) -> Iterator[Verdict]:
    """Of what comes on top of the smallest size; by processor time, which neighbours on the machine blur least."""
    cpu = {size.components: min(pair.ours.cpu for pair in size.pairs) for size in sizes}
    base = min(cpu)
    if base < SMALLER and {SMALLER, LARGEST} <= cpu.keys():
        small, large = ((cpu[count] - cpu[base]) / (count - base) for count in (SMALLER, LARGEST))
        bound = f"growth, a component at {LARGEST} against one at {SMALLER}: at most {GROWTH} times"
        found = f"{large / small:.2f} times ({1000 * small:.2f} to {1000 * large:.2f} ms)"
        yield Verdict(bound=bound, found=found, holds=large <= GROWTH * small)


def table(verdicts: Iterable[Verdict]) -> str:
    """The bounds as a table."""
    rows = [("PASS" if verdict.holds else "MISS", verdict.bound, verdict.found) for verdict in verdicts]
    return _markdown(("", "bound", "measured"), rows)


def figures(sizes: Iterable[Size]) -> str:
    """The figures behind them: seconds as least / median, memory at its peak."""
    return _markdown(
        ("components", "ours s", "peer s", "faster", "whole process s", "peer's s", "faster", "CPU s", "peer CPU s")
        + ("thriftier", "MiB", "peer MiB")
        + ("floor s", "over floor", "second s", "peer second s", "faster"),
        [(*_first_call(size), *_floor(size), *_second_call(size)) for size in sizes],
    )


def for_information(sizes: Iterable[Size]) -> str:
    """The first call alone, where no bound is set."""
    header = (
        "components",
        "ours s",
        "peer s",
        "faster",
        "whole process s",
        "peer's s",
        "faster",
        "CPU s",
        "peer CPU s",
    )
    header = (*header, "thriftier", "MiB", "peer MiB")
    rows = [(*_first_call(size), *_floor(size)) for size in sizes]
    return _markdown((*header, "floor s", "over floor"), rows)


def _first_call(size: Size) -> tuple[str, ...]:
    return (
        str(size.components),
        _seconds(size, lambda pair: pair.ours.call),
        _seconds(size, lambda pair: pair.peer.call),
        f"{size.faster:.1f}",
        _seconds(size, lambda pair: pair.ours.wall),
        _seconds(size, lambda pair: pair.peer.wall),
        f"{size.whole_faster:.1f}",
        _seconds(size, lambda pair: pair.ours.cpu),
        _seconds(size, lambda pair: pair.peer.cpu),
        f"{size.thriftier:.1f}",
        _peak(pair.ours for pair in size.pairs),
        _peak(pair.peer for pair in size.pairs),
    )


def _floor(size: Size) -> tuple[str, str]:
    return _seconds(size, lambda pair: pair.floor.wall), f"{size.over_floor:.1f}"


def _second_call(size: Size) -> tuple[str, str, str]:
    ours, theirs = zip(*size.second_calls, strict=True)
    return _least_and_median(ours), _least_and_median(theirs), f"{size.second_faster:.1f}"


def _seconds(size: Size, of: Callable[[Pair], float]) -> str:
    return _least_and_median([of(pair) for pair in size.pairs])


def _least_and_median(seconds: Sequence[float]) -> str:
    return f"{min(seconds):.3f} / {median(seconds):.3f}"


def _peak(taken: Iterable[Taken]) -> str:
    return f"{max(one.memory for one in taken):.1f}"


def _markdown(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    ruler = ("---",) * len(header)
    return "\n".join(f"| {' | '.join(row)} |" for row in (header, ruler, *rows))
