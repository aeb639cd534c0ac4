"""Runs one piece of rehearsing in a fresh process and prints the seconds it took: `steps.py WHAT COUNT`."""

import os
import sys
import tempfile
import time
import warnings
from pathlib import Path

WARM = 2  # steps that run before the watch is started: byte code is there for all


def main(what: str, count: int) -> None:
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        print(WHATS[what](count, Path(folder)))


def plain(count: int, folder: Path) -> float:
    def increase(number: int) -> int:
        return number + 1

    number, began = 0, time.perf_counter()
    for _ in range(count):
        number = increase(number)
    assert number == count
    return time.perf_counter() - began


def chain(count: int):
    """A pipeline of so many trivial steps, each waiting for the one before."""
    from kfp import dsl

    @dsl.component(install_kfp_package=False)
    def increase(number: int) -> int:
        return number + 1

    @dsl.pipeline(name="chain")
    def pipeline(number: int = 0) -> int:
        task = increase(number=number)
        for _ in range(count - 1):
            task = increase(number=task.output)
        return task.output

    return pipeline


def compiled(pipeline, folder: Path) -> dict:
    import json

    from kfp import compiler

    compiler.Compiler().compile(pipeline, str(folder / "spec.json"))
    return json.loads((folder / "spec.json").read_text())


def ours(count: int, folder: Path) -> float:
    import json

    from AutoMLOps import engine

    engine.run(compiled(chain(WARM), folder), {}, folder=folder / "warm")
    document = compiled(chain(count), folder)
    began = time.perf_counter()
    run = engine.run(document, {}, folder=folder / "run")
    took = time.perf_counter() - began
    assert json.loads(run.outputs) == {"Output": count}, run
    return took


def kfp_local(count: int, folder: Path) -> float:
    import logging

    from kfp import local

    os.environ["_KFP_RUNTIME"] = "true"  # for the steps: without it each of them loads the whole of kfp
    logging.disable()
    runner = local.SubprocessRunner(use_venv=False)
    local.init(runner=runner, pipeline_root=str(folder))
    return quietly(chain(count))


def quietly(pipeline) -> float:
    """The seconds of a call whose prints nobody sees."""
    import contextlib
    import io

    with contextlib.redirect_stdout(io.StringIO()):
        began = time.perf_counter()
        pipeline()
        return time.perf_counter() - began


def sleepers(count: int, folder: Path) -> float:
    """So many steps of two seconds each, none of which waits for another."""
    from kfp import dsl

    from AutoMLOps import engine

    @dsl.component(install_kfp_package=False)
    def rest(seconds: float):
        import time

        time.sleep(seconds)

    @dsl.pipeline(name="sleepers")
    def pipeline():
        for _ in range(count):
            rest(seconds=2.0)

    document = compiled(pipeline, folder)
    began = time.perf_counter()
    run = engine.run(document, {}, folder=folder / "run", parallel=2)
    took = time.perf_counter() - began
    assert run.state.value == "succeeded", run
    return took


SCRIPT = """
from AutoMLOps import AutoMLOps


@AutoMLOps.component
def increase(number: int) -> int:
    return number + 1


@AutoMLOps.pipeline(name="chain")
def chain(number: int):
    task = increase(number=number)
"""


def cached(count: int, folder: Path) -> str:
    """The whole of rehearse() over so many steps, and again with cache=True."""
    from AutoMLOps import rehearsal

    os.chdir(folder)
    steps = "    task = increase(number=task.output)\n" * (count - 1)
    Path("work.py").write_text(SCRIPT + steps)
    from AutoMLOps import api

    api.from_call(
        None, {"number": 0}, notebook="work.py", pipeline=None, dry_run=False, settings={"output_dir": "made"}
    )
    took = []
    for again in (False, True):
        began = time.perf_counter()
        run = rehearsal.rehearsed("made", rehearsal.Wishes(cache=again))
        took.append(time.perf_counter() - began)
        assert sum(task.state.value == ("cached" if again else "succeeded") for task in run.tasks) == count
    return f"{took[0]} {took[1]}"


WHATS = {"plain": plain, "ours": ours, "kfp.local": kfp_local, "sleepers": sleepers, "cached": cached}

if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
