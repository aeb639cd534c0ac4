"""Compiles many notebooks by kfp alone, or many codebases by their own pipeline.py: all of them in one process.

originals.py RESULTS FILE...     a notebook, a script, or the pipelines/pipeline.py of a codebase, each by its name

RESULTS becomes a JSON object by file: the spec, or the error that kfp raised. In a notebook the marks of this package
stand for those of kfp, and its verbs do nothing.
"""

import importlib.util
import inspect
import json
import os
import re
import sys
import tempfile
import warnings
from pathlib import Path
from types import ModuleType

from google.protobuf.json_format import MessageToDict
from kfp import dsl
from kfp.dsl.graph_component import GraphComponent

MARKERS = re.compile(r"^%%define_\w+$", re.MULTILINE)


class Marks(ModuleType):
    """Takes the place of this package in an original."""

    component, pipeline = staticmethod(dsl.component), staticmethod(dsl.pipeline)

    def __init__(self, folder: str) -> None:
        super().__init__("AutoMLOps")
        self.AutoMLOps, self.OUTPUT_DIR = self, folder

    def __getattr__(self, name: str):
        if name.startswith("__"):
            raise AttributeError(name)
        return lambda *_, **__: None


def text(path: Path) -> str:
    """The code of a notebook as one module, cell magics taken off."""
    if path.suffix == ".py":
        return path.read_text(encoding="utf-8")
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return "\n\n".join(MARKERS.sub("", "".join(cell["source"])) for cell in cells if cell["cell_type"] == "code")


def original(path: Path, folder: Path) -> dict:
    """What kfp makes of the last pipeline that a notebook defines."""
    written = folder / f"original_{abs(hash(path))}.py"  # kfp asks Python for a function's source
    written.write_text(text(path), encoding="utf-8")
    os.chdir(path.parent)
    pipelines = [each for each in vars(_run(written)).values() if isinstance(each, GraphComponent)]
    assert not pipelines[-1].platform_spec.platforms, "what is for Kubernetes alone is no part of a spec"
    return MessageToDict(pipelines[-1].pipeline_spec)


def generated(path: Path, folder: Path) -> dict:
    """What the pipeline.py of a codebase writes."""
    output = folder / "spec.json"
    compiled = _run(path).compiled
    compiled(*[[]] * ("images" in inspect.signature(compiled).parameters), output)
    return json.loads(output.read_text(encoding="utf-8"))


def _run(path: Path) -> ModuleType:
    found = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def main(results: Path, paths: list[Path]) -> None:
    warnings.simplefilter("ignore")
    sys.dont_write_bytecode = True
    told = {}
    with tempfile.TemporaryDirectory() as folder:
        sys.modules["AutoMLOps"] = sys.modules["google_cloud_automlops"] = Marks(folder)
        for path in paths:
            of = generated if path.parts[-2:] == ("pipelines", "pipeline.py") else original
            try:
                told[str(path)] = {"spec": of(path, Path(folder))}
            except Exception as error:
                told[str(path)] = {"error": f"{type(error).__name__}: {error}"}
    results.write_text(json.dumps(told), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), [Path(each).resolve() for each in sys.argv[2:]])
