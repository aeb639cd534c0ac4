"""The door to IPython: the cells that ran, and the magics."""

import os
import sys
from collections.abc import Callable
from typing import Any

from .model import Cell, Notebook

RAISED = "_automlops_raised"


def shell() -> Any:
    """The running IPython, or None. Never imports IPython: where it runs, it is imported already."""
    module = sys.modules.get("IPython")
    return module.get_ipython() if module is not None and hasattr(module, "get_ipython") else None


def notebook() -> Notebook | None:
    """What ran so far, in the order of execution, the running cell last; None outside IPython.

    Cells that raised are left out. Only their text is read: no value of the kernel ever reaches the pipeline.
    """
    ipython = shell()
    if ipython is None:
        return None
    history = list(ipython.history_manager.input_hist_raw)
    raised = set(getattr(ipython, RAISED, ())) | set(getattr(ipython.history_manager, "exceptions", ()))
    running = len(history) - 1
    cells = [
        Cell(label=f"In[{number}]", text=text)
        for number, text in enumerate(history)
        if text.strip() and (number not in raised or number == running)
    ]
    return Notebook(name="this notebook", cells=tuple(cells))


def path() -> str | None:
    """The file of the running notebook, where its front end tells."""
    ipython = shell()
    told = (ipython.user_ns.get("__vsc_ipynb_file__") if ipython else None, os.environ.get("JPY_SESSION_NAME"))
    return next((each for each in told if isinstance(each, str) and each.endswith(".ipynb")), None)


def shown(html: str, text: str) -> Callable[[str, str], None]:
    """Shows HTML under the running cell (text, where a front end knows no HTML), and gives what puts other in its
    place."""
    from IPython.display import display

    handle = display(_bundle(html, text), raw=True, display_id=True)  # type: ignore[no-untyped-call]

    def show(html: str, text: str) -> None:
        if handle is not None:
            handle.update(_bundle(html, text), raw=True)

    return show


def _bundle(html: str, text: str) -> dict[str, str]:
    return {"text/html": html, "text/plain": text}


def register(ipython: Any = None) -> None:
    """Adds the magics and the watch for cells that raise; a second call changes nothing."""
    ipython = ipython or shell()
    if ipython is None or hasattr(ipython, RAISED):
        return
    raised: set[int] = set()
    setattr(ipython, RAISED, raised)

    def watch(result: Any) -> None:
        if result is not None and not result.success and result.execution_count is not None:
            raised.add(result.execution_count)

    def define_imports(line: str, cell: str) -> None:
        """Runs the cell; what it imports and defines travels with the components that need it, no questions asked."""
        _execute(ipython, cell)

    def define_component(line: str, cell: str) -> None:
        """Marks the cell as a component: runs its makeComponent call alone; the code below is the component's body.

        A cell that defines its component in Kubeflow's syntax, as a decorated function, is run.
        """
        call = _call(cell)
        _execute(ipython, call or cell, {**_types(), **ipython.user_ns} if call else None)

    def define_kfp_pipeline(line: str, cell: str) -> None:
        """Runs the cell, which holds a pipeline in Kubeflow's syntax."""
        _execute(ipython, cell)

    ipython.events.register("post_run_cell", watch)
    ipython.register_magic_function(define_imports, "cell")
    ipython.register_magic_function(define_component, "cell")
    ipython.register_magic_function(define_kfp_pipeline, "cell")


def _call(cell: str) -> str:
    """The makeComponent call, found as code: a parenthesis in its description ends nothing. Nothing where the cell
    has a decorated function in its stead."""
    from .read.cells import code
    from .read.statements import decorates, dotted, statements

    found = statements(code(cell).text)
    first = next(iter(found), None)
    if decorates(found):
        return ""
    value = getattr(first.node, "value", None) if first else None
    if first is None or not dotted(getattr(value, "func", None) or value).endswith("makeComponent"):  # type: ignore[arg-type]
        raise ValueError("a cell under %%define_component starts with AutoMLOps.makeComponent(name=..., params=[...])")
    return first.text


class _Type:
    """Stands for a type of Kubeflow's in a marked cell whose author need not import it."""

    def __class_getitem__(cls, item: object) -> type:
        return cls

    def __init__(self, *_: object) -> None:
        """Taken as `OutputPath(str)` too."""


def _types() -> dict[str, type]:
    from .read.marked import KFP_TYPES

    return dict.fromkeys(KFP_TYPES, _Type)


def _execute(ipython: Any, text: str, names: dict[str, Any] | None = None) -> None:
    """Runs text in the user's names. Not by run_cell: that would tell every watcher of cells about it twice."""
    transformed = ipython.transform_cell(text)
    name = ipython.compile.cache(transformed, ipython.execution_count, text)
    exec(compile(transformed, name, "exec"), ipython.user_ns if names is None else names)  # noqa: S102 - it is the user's own cell, run on their word
