"""Conditions of every kind of value and comparison, one within another.

A gate of a river lock opens, or does not.
"""

from AutoMLOps import AutoMLOps
from kfp import dsl


@dsl.component
def level(upper: float, lower: float) -> float:
    return round(upper - lower, 2)


@dsl.component
def line_up(boats: list) -> int:
    return len(boats)


@dsl.component
def gate(what: str, boats: int = 0) -> str:
    return f"{what} for {boats}"


@dsl.component
def check(open_gates: bool) -> bool:
    return not open_gates


@dsl.pipeline(name="river-lock")
def lock(upper: float, lower: float, boats: list, night: bool, keeper: str = "Ada"):
    height = level(upper=upper, lower=lower)
    waiting = line_up(boats=boats)
    clear = check(open_gates=False)
    with dsl.If(height.output > 0.5, name="water is apart"):
        filled = gate(what="fill", boats=waiting.output)
        with dsl.If(waiting.output >= 2):
            opened = gate(what="open", boats=waiting.output).after(filled)
            with dsl.If(night == True):  # noqa: E712
                gate(what="light").after(opened)
    with dsl.If(waiting.output == 0):
        gate(what="rest")
    with dsl.Condition(keeper != "nobody", name="somebody is there"):
        gate(what="greet")
    with dsl.If(clear.output == True):  # noqa: E712
        with dsl.If(upper <= lower):
            gate(what="drain")
        with dsl.Else():
            gate(what="hold")


AutoMLOps.generate(pipeline_params={"upper": 3.5, "lower": 2.25, "boats": ["Heron", "Otter"], "night": True})
