"""The gallery of errors: what is said of one mistake after another, to be read as a person would who made it.

Each room of it is a file in tests/golden_text/errors, each verb's help one in tests/golden_text/help;
`python tests/golden.py --accept` writes both anew, and the diff is the review.
"""

import contextlib
import io
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from unittest.mock import patch

import yaml
from golden import generate

from AutoMLOps import checking, disk, options, read, render, settings
from AutoMLOps.cli import main
from AutoMLOps.errors import AutoMLOpsError, BadInput
from AutoMLOps.model import Cell, File, Notebook, Tree

ROOT = Path(__file__).resolve().parent / "golden_text"
WIDTH = "100"  # of the terminal in which the help is read
IMPORTS = "from AutoMLOps import AutoMLOps\nfrom kfp import dsl\nfrom kfp.dsl import Dataset, Input, Model, Output"
Room = Mapping[str, str]


def pages() -> dict[str, str]:
    """Every file of it, by its path."""
    rooms = {"notebooks": notebooks, "settings": chosen, "terminal": typed, "folders": folders, "codebases": codebases}
    errors = {f"errors/{name}.txt": _told(room()) for name, room in rooms.items()}
    return {**errors, **{f"help/{name}.txt": text for name, text in helps().items()}}


def _told(room: Room) -> str:
    return "\n".join(f"=== {title}\n\n{text.rstrip()}\n" for title, text in room.items())


def helps() -> dict[str, str]:
    """The help of the command, and of each verb."""
    with patch.dict(os.environ, COLUMNS=WIDTH):
        whole = options.parser("<version>")
        verbs = [action for action in whole._actions if action.dest == "verb"]
        return {
            "automlops": whole.format_help(),
            **{name: each.format_help() for name, each in verbs[0].choices.items()},
        }


# ------------------------------------------------------------------------------- notebooks


def step(body: str = "pass", signature: str = "", name: str = "step") -> str:
    return f"@AutoMLOps.component\ndef {name}({signature}):\n    {body}"


def pipe(body: str = "step()", signature: str = "", name: str = "wine") -> str:
    return f"@AutoMLOps.pipeline(name={name!r})\ndef wine({signature}):\n    {body}"


def marked(made: str, body: str = "print(words)") -> str:
    return f"%%define_component\nAutoMLOps.makeComponent({made})\n{body}"


TWO = step("return 1", "a: int = 1, b: int = 2").replace("):", ") -> int:", 1)
NAMED = 'name="say", params=[{"name": "words", "type": "str"}]'

NOTEBOOKS: dict[str, tuple[str, ...]] = {
    "a table that another cell read": (
        'import pandas as pd\n\nwines = pd.read_csv("wines.csv")',
        step("print(wines.shape)"),
        pipe(),
    ),
    "a value of the environment": ('import os\n\nHOME = os.environ["HOME"]', step("print(HOME)"), pipe()),
    "a name that nothing defines": (step("print(wines)"), pipe()),
    "a name that a loop leaves behind": ("for last in range(3):\n    pass", step("print(last)"), pipe()),
    "a name that a with statement opens": (
        'with open("a.txt") as file:\n    pass',
        step("print(file)"),
        pipe(),
    ),
    "what a shell command answered": ("files = !ls", step("print(files)"), pipe()),
    "a star import": ("from math import *", step("print(sqrt(4))"), pipe()),
    "a constant that is changed in place": ('chosen = {}\nchosen["depth"] = 3', step("print(chosen)"), pipe()),
    "a list that grows in another cell": ("found = []", "found.append(1)", step("print(found)"), pipe()),
    "a constant of a constant that changes later": ("N = 1\nM = N + 1\nN = 10", step("print(M)"), pipe()),
    "a module that is not installed": ("import no_such_package_at_all", step("print(no_such_package_at_all)"), pipe()),
    "a component without an annotation": (step("print(rows)", "rows"), pipe("step(rows=1)")),
    "a component that takes any number of arguments": (step("print(rows)", "*rows: int"), pipe()),
    "a type that cannot travel": (step("print(rows)", "rows: set"), pipe("step(rows=1)")),
    "a tuple as an input": (step("print(rows)", "rows: tuple"), pipe("step(rows=1)")),
    "a default that is no constant": ("import time", step("print(at)", "at: float = time.time()"), pipe()),
    "a component called like a module": (step(name="random"), pipe("random()")),
    "a component called like one of pipeline.py's own names": (step(name="compiled"), pipe("compiled()")),
    "a component that is no function": ("@AutoMLOps.component\nclass Step:\n    pass", pipe("Step()")),
    "a component inside an if": (f"if True:\n    {step().replace(chr(10), chr(10) + '    ')}", pipe()),
    "a positional argument": (TWO, pipe("step(1)")),
    "an argument that the component does not have": (TWO, pipe("step(c=1)")),
    "an argument that is missing": (step("print(rows)", "rows: int"), pipe()),
    "a text where a number is taken": (TWO, pipe('step(a="three")')),
    "an output that the component does not give": (TWO, pipe('one = step()\n    step(a=one.outputs["score"])')),
    "a component that is not there": (step(), pipe("step()\n    stepp()")),
    "an if over a parameter": (TWO, pipe("if rows > 3:\n        step()", "rows: int = 3")),
    "a for over an output": (TWO, pipe("one = step()\n    for each in one.output:\n        step()")),
    "a condition on a text with a quote": (
        TWO,
        pipe('with dsl.If(word == "it\'s"):\n        step()', "word: str = ''"),
    ),
    "steps that wait for each other": (
        TWO,
        pipe("one = step()\n    two = step(a=one.output)\n    one.after(two)"),
    ),
    "a pipeline without an annotation": (TWO, pipe("step(a=rows)", "rows")),
    "no pipeline at all": (step(),),
    "two pipelines": (TWO, pipe(name="red"), pipe(name="white").replace("def wine", "def white")),
    "a pipeline inside an if": (step(), f"if True:\n    {pipe().replace(chr(10), chr(10) + '    ')}"),
    "a pipeline whose name has no letter": (step(), pipe(name="!!!")),
    "a pipeline whose name is too long": (step(), pipe(name="wine-" * 20)),
    "a decorator's argument that is no literal": (
        "import os",
        step().replace("component", "component(packages_to_install=os.listdir())"),
        pipe(),
    ),
    "a parameter that has no value": (TWO, pipe("step(a=rows)", "rows: int")),
    "kfp's old name": ("from kfp.v2 import dsl", step(), pipe()),
    "a marked cell whose component is not literal": (
        "NAMES = [1]",
        marked("name=str(NAMES), params=[]", "print(1)"),
        'AutoMLOps.makePipeline(name="wine", pipeline=[])',
    ),
    "a marked component that is not there": (
        marked(NAMED),
        'AutoMLOps.makePipeline(name="wine", pipeline=[{"component_name": "sag", "param_mapping": []}])',
    ),
    "a marked parameter that is not mapped": (
        marked(NAMED),
        'AutoMLOps.makePipeline(name="wine", pipeline=[{"component_name": "say", "param_mapping": []}])',
    ),
    "a marked parameter that the pipeline does not have": (
        marked(NAMED),
        'AutoMLOps.makePipeline(name="wine", pipeline=[{"component_name": "say",'
        ' "param_mapping": [("words", "text")]}])',
    ),
    "a marked cell without a call of makeComponent": ("%%define_component\nprint(1)", pipe()),
    "several faults at once": (
        "import os\n\nHOME = os.environ['HOME']",
        step("print(HOME, lost)", "rows"),
        pipe("step(1)\n    step(row=1)"),
    ),
}


def notebooks() -> Room:
    return {title: _read(cells) for title, cells in NOTEBOOKS.items()}


def _read(cells: tuple[str, ...]) -> str:
    texts = (IMPORTS, *cells)
    found = tuple(Cell(label=f"cell {number}", text=text) for number, text in enumerate(texts, 1))
    reading = read.pipeline(Notebook(name="wine.ipynb", cells=found), {}, reserved=render.RESERVED)
    assert reading.problems, f"nothing is wrong with {cells}"
    return str(BadInput(reading.problems))


# ------------------------------------------------------------------------------- settings

SETTINGS: dict[str, Any] = {
    "a project id in capitals": {"project_id": "My Project!"},
    "a project id that would run a command": {"project_id": "a; rm -rf /"},
    "a project that is a number": {"project_id": 123456},
    "a bucket that is none": {"project_id": "my-project", "gs_bucket_name": "My_Bucket..X"},
    "a bucket given as an address": {"project_id": "my-project", "gs_bucket_name": "gs://wines"},
    "a region of another planet": {"pipeline_job_location": "mars-east1"},
    "a region where no bucket can be": {"gs_bucket_location": "global"},
    "a registry with an underscore": {"af_registry_name": "my_registry"},
    "a service account that is no address": {"pipeline_runner_sa": "wine-runner"},
    "a setting with a slip in its name": {"projekt_id": "my-project"},
    "a setting that is nobody's": {"colour": "red"},
    "an old and a new name that disagree": {"gs_bucket_name": "one-bucket", "storage_bucket_name": "other-bucket"},
    "a framework that is not here yet": {"provisioning_framework": "terraform"},
    "a key where none is taken": {"provision_credentials_key": "key.json"},
    "a schedule in words": {"schedule": "every monday"},
    "a schedule that would run a command": {"schedule_pattern": '0 0 * * "$(id)"'},
    "a schedule with an hour too late": {"schedule": "0 24 * * MON"},
    "a schedule on a day that never comes": {"schedule": "0 6 30 2 *"},
    "a schedule where nothing starts by itself": {"schedule": "0 6 * * 1", "project_id": "my-project"},
    "a schedule without what starts its runs": {
        "schedule": "0 6 * * 1", "run_local": False, "submission_service": False, "project_id": "my-project",
        "source_repo_type": "csr",
    },
    "what only Vertex AI's own schedules can do": {
        "schedule": "0 6 * * 1", "run_local": False, "project_id": "my-project",
        "schedule_max_runs": 3, "schedule_concurrency": 2, "schedule_catch_up": True,
    },
    "a schedule of Vertex AI away from its runs": {
        "schedule": "0 6 * * 1", "schedule_engine": "vertex", "schedule_location": "europe-west4",
        "run_local": False, "project_id": "my-project",
    },
    "a time zone of another planet": {"schedule_time_zone": "Mars/Olympus"},
    "labels in capitals": {"labels": {"Team": "Wine"}},
    "labels that are a list": {"labels": ["team"]},
    "a flag that is a word": {"enable_caching": "yes"},
    "images of another kind": {"images": "one"},
    "a base image with a blank": {"base_image": "python 3.11"},
    "a prefix that ends in a dash": {"naming_prefix": "wine-"},
    "values kept outside of the codebase": {"parameter_values_path": "../values.json"},
    "a spec that is no JSON": {"pipeline_job_spec_path": "spec.yaml"},
    "a repository without its owner": {
        "run_local": False, "source_repo_type": "github", "source_repo_name": "wine", "project_id": "my-project"
    },
    "a host that is none": {"run_local": False, "source_repo_type": "svn", "project_id": "my-project"},
    "a branch with a blank": {"run_local": False, "csr_branch_name": "my branch"},
    "something that the steps do not use": {"steps_use": ["gpu"]},
    "three at once": {"project_id": "X", "images": "one", "labels": {"A": "b"}},
}  # fmt: skip
CONFIGS: dict[str, str] = {
    "a section that there is none of": "gpc:\n  project_id: my-project\n",
    "a setting in another section": "images:\n  project_id: my-project\n",
    "an earlier name in the file": "gcp:\n  storage_bucket_name: wines\n",
    "sections that are a list": "- gcp\n",
    "a section that is a text": "gcp: my-project\n",
    "a configuration of google-cloud-automlops": "gcp: {}\ntooling: {}\n",
}


def chosen() -> Room:
    given = {title: _chosen(case, None) for title, case in SETTINGS.items()}
    return {**given, **{f"in the file, {title}": _chosen({}, yaml.safe_load(text)) for title, text in CONFIGS.items()}}


def _chosen(given: Mapping[str, Any], saved: object) -> str:
    _, problems = settings.chosen(given, saved)
    assert problems, f"nothing is wrong with {given} and {saved}"
    return str(BadInput(problems))


# ------------------------------------------------------------------------------- the terminal

SCRIPT = "\n\n\n".join([IMPORTS, step("print(rows)", "rows: int"), pipe("step(rows=rows)", "rows: int")])
FILES = {
    "wine.py": SCRIPT,
    "bad.ipynb": "{",
    "empty.py": "",
    "list.json": "[1]",
    "broken.yaml": "rows: [1",
    "more.json": '{"rows": 3, "depth": 4}',
    "word.json": '{"rows": "three"}',
    "spec.json": "{}",
}
TYPED: dict[str, str] = {
    "no verb": "",
    "an option that the verb does not have": "generate wine.py --bogus",
    "a slip in an option": "generate wine.py --projekt-id my-project",
    "an option without its value": "generate wine.py --project-id",
    "no notebook": "generate",
    "two notebooks": "show wine.py empty.py",
    "a notebook that is not there": "check none.ipynb",
    "a notebook that is a folder": "generate folder",
    "a notebook that is no JSON": "generate bad.ipynb",
    "a script with nothing in it": "check empty.py",
    "no values": "generate wine.py",
    "values that are a list": "generate wine.py --params list.json",
    "values that are no YAML": "generate wine.py --params broken.yaml",
    "values that are not there": "generate wine.py --params none.json",
    "a value too many": "generate wine.py --params more.json",
    "a value of another type": "generate wine.py --params word.json",
    "a label without a value": "generate wine.py --label team",
    "a setting where nothing is generated": "rehearse --project-id my-project",
    "a setting for a folder": "check folder --images auto",
    "a rehearsal where there is no codebase": "rehearse --output-dir folder",
    "a plan where there is no codebase": "plan --output-dir folder",
    "a deployment where there is no codebase": "deploy --output-dir none",
    "a folder without a codebase": "check folder",
    "a picture of a folder without a codebase": "show folder",
    "a picture of a spec that is none": "show spec.json",
    "a picture that cannot be written": "show wine.py --svg wine.py/wine.svg",
}


def typed() -> Room:
    with _ground() as folder:
        (folder / "folder").mkdir()
        for name, text in FILES.items():
            (folder / name).write_text(text, encoding="utf-8")
        return {f"{title}: automlops {words}".rstrip(): _typed(words, folder) for title, words in TYPED.items()}


def _typed(words: str, folder: Path) -> str:
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        code = main(words.split())
    assert code, f"nothing is wrong with {words}"
    return f"{_placed(said.getvalue(), folder).rstrip()}\n[exit code {code}]"


@contextlib.contextmanager
def _ground() -> Iterator[Path]:
    """A folder of its own to stand in."""
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            yield Path(folder)
        finally:
            os.chdir(before)


def _placed(text: str, folder: Path) -> str:
    for place in (os.path.realpath(folder), str(folder)):
        text = text.replace(place, "<folder>")
    return text.replace(sys.executable, "python")


# ------------------------------------------------------------------------------- folders and codebases

TREE = Tree(files=(File(path="README.md", text="a"), File(path="docs/wine.svg", text="b")))


def _package(folder: Path) -> None:
    (folder / "__init__.py").touch()


def _file_for_a_folder(folder: Path) -> None:
    (folder / "docs").touch()


def _folder_for_a_file(folder: Path) -> None:
    (folder / "README.md").mkdir()


def _link_that_leads_out(folder: Path) -> None:
    (folder / "docs").symlink_to(folder.parent)


def _broken_manifest(folder: Path) -> None:
    (folder / ".automlops").mkdir()
    (folder / ".automlops/manifest.json").write_text("[")


def _broken_journal(folder: Path) -> None:
    (folder / ".automlops").mkdir()
    (folder / ".automlops/journal.json").write_text("{}")


def _file(folder: Path) -> None:
    folder.rmdir()
    folder.touch()


FOLDERS: dict[str, Callable[[Path], None]] = {
    "a Python package": _package,
    "a file where a folder must be": _file_for_a_folder,
    "a folder where a file must be": _folder_for_a_file,
    "a link that leads out": _link_that_leads_out,
    "a manifest that is none": _broken_manifest,
    "a journal that is none": _broken_journal,
    "a file": _file,
}


def folders() -> Room:
    return {f"the folder is or holds {title}": _written(made) for title, made in FOLDERS.items()}


def _written(made: Callable[[Path], None]) -> str:
    with _ground() as ground:
        folder = ground / "AutoMLOps"
        folder.mkdir()
        made(folder)
        try:
            disk.write(TREE, folder)
        except AutoMLOpsError as error:
            return _placed(f"{type(error).__name__}: {error}", ground)
    raise AssertionError("it was written")


VALUES = "pipelines/runtime_parameters/pipeline_parameter_values.json"
CONFIG = "configs/defaults.yaml"
EDITS: dict[str, tuple[str, str, str]] = {
    "a flag that is neither": (CONFIG, "run_local: false", "run_local: maybe"),
    "a slip in a name": (CONFIG, "run_local: false", "run_lokal: false"),
    "YAML that is none": (CONFIG, "gcp:", "gcp: ["),
    "another project than the script has": (CONFIG, "project_id: my-project-123", "project_id: other-project"),
    "values that are no JSON": (VALUES, "{", "["),
    "values that are a list": (VALUES, json.dumps({"word": "good", "times": 3}, indent=2), "[1]"),
    "a script that was edited": ("README.md", "words", "words!"),
}


def codebases() -> Room:
    with _ground() as ground:
        generate("by_push", ground / "made")
        return {title: _checked(ground, *edit) for title, edit in EDITS.items()}


def _checked(ground: Path, path: str, old: str, new: str) -> str:
    file = ground / "made" / path
    text = file.read_text(encoding="utf-8")
    assert old in text, f"{path} has no {old}"
    file.write_text(text.replace(old, new, 1), encoding="utf-8")
    try:
        return _placed(str(checking.codebase("made")), ground)
    finally:
        file.write_text(text, encoding="utf-8")


def accept() -> None:
    """Writes every page anew."""
    shutil.rmtree(ROOT, ignore_errors=True)
    for path, text in pages().items():
        (ROOT / path).parent.mkdir(parents=True, exist_ok=True)
        (ROOT / path).write_text(text, encoding="utf-8")
