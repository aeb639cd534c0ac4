"""AutoMLOps turns a Jupyter notebook into a production MLOps repository.

    from AutoMLOps import AutoMLOps

    @AutoMLOps.component
    def train(...): ...

    @AutoMLOps.pipeline(name="my-pipeline")
    def my_pipeline(...): ...

    AutoMLOps.rehearse(pipeline_params={...})                           # runs it here, without a cloud
    AutoMLOps.generate(project_id="my-project", pipeline_params={...})  # the codebase, for Google Cloud too
    AutoMLOps.go(project_id="my-project", pipeline_params={...})        # all the way to a run on Vertex AI
    AutoMLOps.status()                                                  # how things stand there
    AutoMLOps.runs()                                                    # the rehearsals so far
    AutoMLOps.schedules.list()                                          # what starts runs by the clock

Each of these has help of its own: `AutoMLOps.generate?` in a notebook, `help(AutoMLOps.generate)` elsewhere. A notebook
that knows nothing of decorators marks its cells with %%define_imports and %%define_component instead: see
`AutoMLOps.makeComponent?`. Pipelines in Kubeflow's own syntax are taken as they are.

`import AutoMLOps` gives the same module. Importing it configures nothing, reads nothing, and outside IPython registers
nothing.
"""

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

from .errors import AutoMLOpsError, BadInput, RunFailed, ScriptFailed, StepFailed, WriteError
from .marks import OUTPUT_DIR, clear_cache, component, makeComponent, makePipeline, pipeline

if TYPE_CHECKING:
    from . import schedules as schedules
    from .api import generate as generate
    from .deploying import deploy as deploy
    from .deploying import run as run
    from .history import runs as runs
    from .launching import go as go
    from .launching import launchAll as launchAll
    from .provisioning import deprovision as deprovision
    from .provisioning import plan as plan
    from .provisioning import provision as provision
    from .redriving import redrive as redrive
    from .rehearsal import rehearse as rehearse
    from .watching import status as status

__version__ = "2.0.0"
__all__ = [
    "OUTPUT_DIR",
    "AutoMLOps",
    "AutoMLOpsError",
    "BadInput",
    "RunFailed",
    "ScriptFailed",
    "StepFailed",
    "WriteError",
    "clear_cache",
    "component",
    "deploy",
    "deprovision",
    "generate",
    "go",
    "launchAll",
    "makeComponent",
    "makePipeline",
    "pipeline",
    "plan",
    "provision",
    "redrive",
    "rehearse",
    "run",
    "runs",
    "schedules",
    "status",
]

AutoMLOps = sys.modules[__name__]
sys.modules[f"{__name__}.AutoMLOps"] = AutoMLOps


VERBS = {
    "deploy": "deploying",
    "deprovision": "provisioning",
    "generate": "api",
    "go": "launching",
    "launchAll": "launching",
    "plan": "provisioning",
    "provision": "provisioning",
    "redrive": "redriving",
    "rehearse": "rehearsal",
    "run": "deploying",
    "runs": "history",
    "status": "watching",
}
GONE = {
    "monitor": "deployed models are not watched yet",
}


def __getattr__(name: str) -> Any:
    """The verbs load what they need when they are first used: importing stays quick."""
    if name == "schedules":
        return import_module(".schedules", __name__)
    if name in VERBS:
        return globals().setdefault(name, getattr(import_module(f".{VERBS[name]}", __name__), name))
    if name in GONE:
        raise AttributeError(f"AutoMLOps has no {name}: {GONE[name]}")
    raise AttributeError(
        f"AutoMLOps has no {name!r}; it has {', '.join(each for each in __all__ if each != 'AutoMLOps')}"
    )


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def load_ipython_extension(ipython: Any) -> None:
    """What `%load_ext AutoMLOps` calls."""
    from .jupyter import register

    register(ipython)


if "IPython" in sys.modules:
    load_ipython_extension(None)
