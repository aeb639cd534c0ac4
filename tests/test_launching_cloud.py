"""go(), all the way: the notebook becomes a codebase, the cloud is made ready, and the pipeline runs in it."""

from pathlib import Path

import pytest
from cloud import vault, vertex
from cloud.standin import PROJECT, Cloud
from launches import VALUES, caller

pytest_plugins = ["cloud.fixture"]
pytestmark = pytest.mark.slow

GO = f"AutoMLOps.go({PROJECT!r}, {VALUES!r}, notebook='work.py'"
JOB = "vars(done.deployed) if hasattr(done.deployed, '__dict__') else None"


def test_go_from_here_to_a_run_whose_steps_give_what_the_rehearsal_gives(cloud: Cloud, tmp_path: Path) -> None:
    call = caller(cloud, tmp_path)
    job = call(f"(lambda done: [done.deployed.job, done.deployed.state, done.deployed.link])({GO}, wait=True))")
    assert isinstance(job, list), job
    name, state, link = job
    assert state == "succeeded" and name.rpartition("/")[2] in link
    found = vertex.outputs(cloud.state, name)
    assert found["count"] == {"Output": 3} and found["write"]["words"] == b"good good good"


# ------------------------------------------------------------------------------- by a push

REMOTE = "https://github.com/example/words.git"
PUSHED = "[done.deployed.commit, done.deployed.fresh, done.deployed.link]"
CI = ", run_local=False, source_repo_secrets={'token': 'pat/versions/1', 'github_app': 12345}"


def git(cloud: Cloud, folder: Path, *words: str) -> str:
    done = cloud.run("git", "-C", str(folder), *words)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture
def repository(cloud: Cloud, tmp_path: Path) -> Path:
    """A work tree of somebody's, cloned from GitHub, with the notebook in a folder of it."""
    cloud.host(REMOTE)
    vault.keep(cloud.state, "pat")
    folder = tmp_path / "clone"
    folder.mkdir()
    for words in (("init", "--initial-branch=main"), ("remote", "add", "origin", REMOTE)):
        git(cloud, folder, *words)
    git(cloud, folder, "config", "user.name", "Dev")
    git(cloud, folder, "config", "user.email", "dev@example.test")
    (folder / "README.md").write_text("somebody's\n")
    git(cloud, folder, "add", ".")
    git(cloud, folder, "commit", "--message=first")
    (folder / "ml").mkdir()
    return folder


def builds_of(cloud: Cloud) -> list[dict[str, object]]:
    return [found for name, found in cloud.state.resources.items() if "/builds/" in name]


def jobs_of(cloud: Cloud) -> list[str]:
    return [name for name in cloud.state.resources if "/pipelineJobs/" in name]


def test_a_push_tests_builds_what_changed_and_starts_a_run(cloud: Cloud, repository: Path) -> None:
    call = caller(cloud, repository / "ml")
    done = call(f"(lambda done: {PUSHED})({GO}{CI}))")
    assert isinstance(done, list), done
    cloud.settle()
    assert [build["status"] for build in builds_of(cloud)] == ["SUCCESS"], log(cloud)
    (job,) = jobs_of(cloud)
    assert vertex.outputs(cloud.state, job)["count"] == {"Output": 3}
    assert git(cloud, repository, "show", "--format=", "--name-only", "HEAD").splitlines()[-1] == "ml/work.py"
    assert git(cloud, repository, "rev-parse", "HEAD") == done[0]


def log(cloud: Cloud) -> str:
    return "\n".join(text.decode() for name, text in cloud.state.content.items() if "/objects/log-" in name)
