"""The words that a notebook marks its code with; they mark, and collect nothing."""

from collections.abc import Callable, Sequence
from typing import Any, NoReturn, TypeVar, overload

Function = TypeVar("Function", bound=Callable[..., Any])

# Of older notebooks: where kfp writes what `output_component_file=f"{AutoMLOps.OUTPUT_DIR}/train.yaml"` asks for. kfp
# makes no folder for it, so it is one that is there: the current one. Nothing here reads that file.
OUTPUT_DIR = "."


@overload
def component(func: Function) -> Function: ...
@overload
def component(
    *, packages_to_install: Sequence[str] | None = None, base_image: str | None = None
) -> Callable[[Function], Function]: ...
def component(
    func: Function | None = None, *, packages_to_install: Sequence[str] | None = None, base_image: str | None = None
) -> Any:
    """Marks a function as a step of a pipeline. The function stays what it is: call it, test it.

    Its inputs are its parameters, typed: str, int, float, bool, list, dict, or `Input[Dataset]` and the like from
    kfp.dsl. Its outputs are parameters of type `Output[...]`, what it returns, or both. What it uses from other cells
    travels with it: imports, functions, classes and constants. Values of the kernel do not: take them as parameters.

    Args:
        packages_to_install: Lines of a requirements.txt. What they leave out is found from the imports.
        base_image: What its container starts from, in the place of the setting base_image. It gets an image of its
            own then, with the others that start from the same.

    Example:
        @AutoMLOps.component
        def train(data: Input[Dataset], model: Output[Model], depth: int = 3) -> float:
            ...
    """
    return func if func is not None else lambda decorated: decorated


def pipeline(func: Callable[..., Any] | None = None, *, name: str | None = None, description: str | None = None) -> Any:
    """Marks a function as the pipeline: its body calls components and wires them, in kfp's ordinary manner.

    Args:
        name: What the pipeline is called; the function's name if left out.
        description: What it does; the docstring if left out.

    Example:
        @AutoMLOps.pipeline(name="wine-quality", description="Trains a tree on the wine data.")
        def wine(depth: int = 3):
            data = load_data()
            train(data=data.outputs["data"], depth=depth)
    """
    return _not_called if func is None else _not_called(func)


def _not_called(func: Callable[..., Any]) -> Callable[..., NoReturn]:
    def refuse(*_: object, **__: object) -> NoReturn:
        raise TypeError(
            f"the pipeline `{func.__name__}` is a description, not called: "
            "AutoMLOps.generate() writes it out as a codebase"
        )

    refuse.__name__, refuse.__doc__, refuse.__module__ = func.__name__, func.__doc__, func.__module__
    refuse.__wrapped__ = func  # type: ignore[attr-defined]
    return refuse


def makeComponent(name: str, params: Sequence[dict[str, Any]] = (), description: str | None = None) -> None:  # noqa: N802
    """Names the component that the rest of its cell is the code of. The cell begins with `%%define_component`.

    Args:
        name: The component's name.
        params: Its inputs and outputs: `{"name": ..., "type": ..., "description": ...}`, the description at will. A
            type is str, int, float, bool, list or dict for a value that comes in, `"Input[Dataset]"` or
            `"Output[Model]"` and the like for files, which the code reads and writes at `<name>.path`, and
            `"OutputPath(float)"` for a value that goes out, which the code writes to the file of that name.
        description: What it does.

    Example:
        %%define_component
        AutoMLOps.makeComponent(
            name="count_lines",
            params=[{"name": "data", "type": "Input[Dataset]"}, {"name": "lines", "type": "OutputPath(int)"}],
        )
        with open(data.path) as rows, open(lines, "w") as file:
            file.write(str(len(rows.readlines())))
    """
    _words("makeComponent", name, params)


def makePipeline(  # noqa: N802
    name: str,
    params: Sequence[dict[str, Any]] = (),
    pipeline: Sequence[dict[str, Any]] = (),
    description: str | None = None,
) -> None:
    """Names the pipeline and its steps, which run one after the other in the order given.

    Args:
        name: The pipeline's name.
        params: Its parameters: `{"name": ..., "type": ..., "description": ...}`.
        pipeline: Its steps: `{"component_name": ..., "param_mapping": [(component_param, pipeline_param), ...]}`. In
            the place of a pipeline parameter, `"load_data.data"` is the output `data` of the step `load_data`.
        description: What it does.

    Example:
        AutoMLOps.makePipeline(
            name="lines",
            params=[{"name": "rows", "type": int}],
            pipeline=[
                {"component_name": "load_data", "param_mapping": [("rows", "rows")]},
                {"component_name": "count_lines", "param_mapping": [("data", "load_data.data")]},
            ],
        )
    """
    _words("makePipeline", name, params)


def clear_cache() -> None:
    """Of older notebooks: it emptied a folder of cells between two calls. None is kept here, so there is none to clear.

    The cells are read anew by each call, and what an abandoned one defined is not generated.
    """


def _words(what: str, name: object, params: object) -> None:
    """The cells are read as text later; this catches what a person would want to hear at once."""
    if not isinstance(name, str) or not name:
        raise TypeError(f"{what}: name is a str that is not empty, not {name!r}")
    if isinstance(params, str | bytes) or not isinstance(params, Sequence):
        raise TypeError(f"{what}: params is a list of {{'name': ..., 'type': ..., 'description': ...}}, not {params!r}")
