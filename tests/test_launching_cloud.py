"""go(), all the way: the notebook becomes a codebase, the cloud is made ready, and the pipeline runs in it."""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from cloud import vertex
from cloud.standin import PROJECT, Cloud
from launches import VALUES, caller
from tools import CHECKOUT

pytest_plugins = ["cloud.fixture"]
pytestmark = pytest.mark.slow

QUICKSTART = CHECKOUT / "example" / "quickstart.ipynb"
GO = f"""\
done = AutoMLOps.go(project_id={PROJECT!r}, pipeline_params={{"test_share": 0.4, "trees": 5}}, wait=True)
done"""
LOOK = (
    "import json; print(json.dumps([done.deployed.job, done.deployed.state, done.deployed.images, done.deployed.spec]))"
)
COMPARED = """\
tasks = [task for task in AutoMLOps.rehearse().tasks if not task.group]
print(json.dumps({task.path.removeprefix("root/"): json.loads(task.outputs) for task in tasks}))"""
EXECUTE = """
import sys
import nbformat
from nbclient import NotebookClient
notebook = nbformat.read(sys.argv[1], as_version=4)
NotebookClient(notebook, timeout=240, kernel_name="python3", resources={"metadata": {"path": "."}}).execute()
nbformat.write(notebook, sys.argv[1])
"""


@pytest.fixture
def notebook(cloud: Cloud, tmp_path: Path) -> nbformat.NotebookNode:
    """The quickstart, as it ran within the cloud with go() in the place of generate(), and rehearsed afterwards."""
    notebook = nbformat.read(QUICKSTART, as_version=4)
    cells = {cell.id: cell for cell in notebook.cells}
    cells["generate"].source, cells["rehearse"].source = GO, f"{LOOK}\n{COMPARED}"
    nbformat.write(notebook, tmp_path / "quickstart.ipynb")
    ended = cloud.run(
        sys.executable, "-c", EXECUTE, "quickstart.ipynb", cwd=tmp_path, env={"PYTHONPATH": str(CHECKOUT)}
    )
    assert ended.returncode == 0, ended.stderr[-3000:]
    return nbformat.read(tmp_path / "quickstart.ipynb", as_version=4)


def shown(notebook: nbformat.NotebookNode, cell: str) -> Iterator[str]:
    """What a cell showed as HTML, in order."""
    (found,) = [each for each in notebook.cells if each.id == cell]
    yield from (output["data"]["text/html"] for output in found.outputs if "text/html" in output.get("data", {}))


def printed(notebook: nbformat.NotebookNode, cell: str) -> list[object]:
    (found,) = [each for each in notebook.cells if each.id == cell]
    text = "".join(
        output.text for output in found.outputs if output.output_type == "stream" and output.name == "stdout"
    )
    return [json.loads(line) for line in text.splitlines() if line.startswith(("[", "{"))]


def test_the_quickstart_with_go_runs_in_the_cloud_and_gives_what_its_rehearsal_gives(
    cloud: Cloud, notebook: nbformat.NotebookNode, tmp_path: Path
) -> None:
    (job, state, images, spec), rehearsed = printed(notebook, "rehearse")
    assert state == "succeeded" and all("@sha256:" in image for image in images)
    html = list(shown(notebook, "generate"))
    assert any("to create" in each for each in html) and any("created" in each for each in html)
    assert job.rpartition("/")[2] in html[-1]

    # The spec in the bucket names the images that were built, and is what was submitted.
    bucket, _, path = spec.removeprefix("gs://").partition("/")
    kept = json.loads(cloud.state.content[f"buckets/{bucket}/objects/{path}"])
    executors = kept["deploymentSpec"]["executors"].values()
    assert {each["container"]["image"] for each in executors} == set(images)
    (submitted,) = [found for name, found in cloud.state.resources.items() if "/pipelineJobs/" in name]
    assert submitted["pipelineSpec"] == kept and submitted["labels"]["automlops-pipeline"] == "wine-quickstart"
    assert submitted["serviceAccount"] == f"vertex-pipelines@{PROJECT}.iam.gserviceaccount.com"

    # Its steps ran, and made what they make here.
    made = vertex.outputs(cloud.state, job)
    assert set(made) == set(rehearsed) and len(made) == 3
    for task, outputs in rehearsed.items():
        for name, value in outputs.items():
            match value:
                case [{"uri": uri}]:
                    local = Path(uri)
                    assert made[task][name] == (local.read_bytes() if local.is_file() else None), (task, name)
                case _:
                    assert made[task][name] == value, (task, name)
    assert_nothing_secret(cloud, tmp_path)


def assert_nothing_secret(cloud: Cloud, tmp_path: Path) -> None:
    """No token is in a file here, in the bucket, or in an address that was asked."""
    tokens = [token.encode() for token in cloud.state.tokens]
    files = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert tokens and (tmp_path / "AutoMLOps/.automlops/made") in files
    assert not [path for path, content in files.items() if any(token in content for token in tokens)]
    kept = [name for name, content in cloud.state.content.items() if any(token in content for token in tokens)]
    assert not kept and not [
        each.path for each in cloud.requests if any(token.decode() in each.path for token in tokens)
    ]


def test_run_all_from_another_folder_under_another_ambient_project(cloud: Cloud, tmp_path: Path) -> None:
    call = caller(cloud, tmp_path)
    assert call(f"AutoMLOps.generate({PROJECT!r}, {VALUES!r}, notebook='work.py').folder") == "AutoMLOps/"
    cloud.state.project("other-project")
    cloud.state.grant("owner@example.test", "roles/owner", on="projects/other-project")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    env = {
        "CLOUDSDK_CORE_PROJECT": "other-project",
        "GOOGLE_CLOUD_PROJECT": "other-project",
        "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
    }
    for script in ("provision/provision_resources.sh", "scripts/run_all.sh"):
        done = cloud.run("bash", tmp_path / "AutoMLOps" / script, cwd=elsewhere, env=env)
        assert done.returncode == 0, done.stdout + done.stderr
    cloud.settle()
    (name,) = re.findall("^job: (.*)$", done.stdout, re.MULTILINE)
    assert vertex.outputs(cloud.state, name)["count"] == {"Output": 3}
    assert not [name for name in cloud.state.resources if name.startswith("projects/other-project/")]
    assert not list(elsewhere.iterdir())
    again = cloud.run("bash", tmp_path / "AutoMLOps/scripts/run_all.sh", cwd=elsewhere, env=env)
    assert again.returncode == 0 and len([name for name in cloud.state.resources if "/builds/" in name]) == 1
