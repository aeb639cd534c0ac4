"""go() and deploy() by a push: the commit, the build that its trigger starts, and the run that comes of it."""

import os
import re
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from cloud import vault, vertex
from cloud.standin import PROJECT, Cloud
from launches import VALUES, WORDS, caller
from tools import need

pytest_plugins = ["cloud.fixture"]
pytestmark = [pytest.mark.slow, pytest.mark.thorough]

REMOTE = "https://github.com/example/words.git"
PASSWORD, SECRET = "password-of-somebody", "token-in-the-vault"
GO = f"AutoMLOps.go({PROJECT!r}, {VALUES!r}, notebook='work.py', run_local=False"
CI = "source_repo_secrets={'token': 'pat/versions/1', 'github_app': 12345}"
PUSHED = "[done.deployed.commit, done.deployed.fresh, done.deployed.link, done.deployed.remote]"
DEPLOY = "(lambda done: [done.commit, done.fresh])(AutoMLOps.deploy(notebook='work.py'))"
GENERATE = "str(AutoMLOps.generate(notebook='work.py'))"


def git(cloud: Cloud, folder: Path, *words: str) -> str:
    done = cloud.run("git", "-C", str(folder), *words)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture
def repository(cloud: Cloud, tmp_path: Path) -> Path:
    """A work tree of somebody's, cloned from GitHub with the password in its address, and a folder for the notebook."""
    cloud.host(REMOTE, PASSWORD)
    vault.keep(cloud.state, "pat", SECRET)
    folder = tmp_path / "clone"
    folder.mkdir()
    git(cloud, folder, "init", "--initial-branch=main")
    git(cloud, folder, "remote", "add", "origin", REMOTE.replace("https://", f"https://dev:{PASSWORD}@"))
    git(cloud, folder, "config", "user.name", "Dev")
    git(cloud, folder, "config", "user.email", "dev@example.test")
    (folder / "README.md").write_text("somebody's\n")
    git(cloud, folder, "add", ".")
    git(cloud, folder, "commit", "--message=first")
    (folder / "ml").mkdir()
    return folder


def builds(cloud: Cloud) -> list[dict[str, Any]]:
    """The builds that were begun, once they have ended, the first one first."""
    cloud.settle()
    assert cloud.triggered.unstarted == []
    return [found for name, found in cloud.state.resources.items() if "/builds/" in name]


def jobs(cloud: Cloud) -> list[str]:
    return [name for name in cloud.state.resources if "/pipelineJobs/" in name]


def images(cloud: Cloud, job: str) -> dict[str, str]:
    """The digests of a job's images, by the last part of their names."""
    executors = cloud.state.resources[job]["pipelineSpec"]["deploymentSpec"]["executors"].values()
    return dict(re.findall(r"([^/\s]+)@(\S+)", " ".join(each["container"]["image"] for each in executors)))


def arrived(cloud: Cloud) -> list[str]:
    """What the registry was given: IMAGE/manifests/TAG."""
    found = (re.fullmatch(r"PUT \S+-docker.pkg.dev/v2/.*/(\S+/manifests/\S+)", line) for line in cloud.writes())
    return [each[1] for each in found if each]


def logs(cloud: Cloud) -> list[str]:
    return [text.decode() for name, text in cloud.state.content.items() if "/log-" in name]


def test_a_push_builds_what_changed_starts_a_run_and_tells_no_secret(cloud: Cloud, repository: Path) -> None:
    call = caller(cloud, repository / "ml")
    with started() as commands:
        done = call(f"(lambda done: {PUSHED})({GO}, {CI}, images='per-component'))")
        assert isinstance(done, list), done
        assert [build["status"] for build in builds(cloud)] == ["SUCCESS"], logs(cloud)
    commit, fresh, link, remote = done
    assert git(cloud, repository, "rev-parse", "HEAD") == commit and fresh
    assert remote == REMOTE and PASSWORD not in link
    committed = git(cloud, repository, "show", "--format=", "--name-only", "HEAD").splitlines()
    assert "ml/work.py" in committed and all(path.startswith("ml/") for path in committed)
    assert builds(cloud)[0]["substitutions"]["COMMIT_SHA"] == commit
    (job,) = jobs(cloud)
    assert vertex.outputs(cloud.state, job)["count"] == {"Output": 3}
    first = arrived(cloud)
    assert {each.partition("/")[0] for each in first} == {"write", "count"} and len(first) == 4

    (repository / "ml" / "work.py").write_text(
        WORDS.replace("len(file.read().split())", "10 * len(file.read().split())")
    )
    call(GENERATE)
    assert call(DEPLOY)[1] is True
    assert [build["status"] for build in builds(cloud)] == ["SUCCESS", "SUCCESS"], logs(cloud)
    assert {each.partition("/")[0] for each in arrived(cloud)[4:]} == {"count"}
    _, second = jobs(cloud)
    assert vertex.outputs(cloud.state, second)["count"] == {"Output": 30}
    before, after = images(cloud, job), images(cloud, second)
    assert before["write"] == after["write"] and before["count"] != after["count"]

    (repository / "README.md").write_text("another word\n")
    (repository / "ml" / "notes.txt").write_text("beside the codebase\n")
    git(cloud, repository, "add", ".")
    git(cloud, repository, "commit", "--message=other things")
    git(cloud, repository, "push", "origin", "HEAD:automlops")
    assert len(builds(cloud)) == 2 and len(jobs(cloud)) == 2
    assert call(DEPLOY)[1] is False, "there is nothing new"

    assert any("gcloud" in each for each in commands) and any("docker" in each for each in commands)
    words = [*cloud.state.tokens, SECRET]
    assert not [each for each in commands if any(word in each for word in words)]
    assert told(cloud, repository, [*words, PASSWORD]) == []


def test_a_push_that_breaks_a_step_ends_in_its_test(cloud: Cloud, repository: Path) -> None:
    call = caller(cloud, repository / "ml")
    broken = WORDS.replace(
        "    with open(words.path) as", "    raise RuntimeError('on purpose')\n    with open(words.path) as"
    )
    (repository / "ml" / "work.py").write_text(broken)
    done = call(f"(lambda done: {PUSHED})({GO}, {CI}))")
    assert isinstance(done, list), done
    (build,) = builds(cloud)
    assert build["status"] == "FAILURE", logs(cloud)
    failed = [step["id"] for step in build["steps"] if step.get("status") == "FAILURE"]
    assert failed == ["test component_base"], logs(cloud)
    assert "on purpose" in logs(cloud)[0] and jobs(cloud) == []
    assert "start a run" not in re.findall(r'Starting Step #\d+ - "(.+)"', logs(cloud)[0])


GIT = {f"GIT_{who}_{what}": "dev@example.test" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}


def test_a_codebase_that_stands_alone_goes_to_cloud_source_repositories(cloud: Cloud, tmp_path: Path) -> None:
    cloud.state.projects[PROJECT].sources = True
    call = caller(cloud, tmp_path)
    bare = {**GIT, "GIT_CONFIG_COUNT": "0"}  # nobody set up git for Google's repositories here
    done = call(f"(lambda done: {PUSHED})({GO}))", **bare)
    assert isinstance(done, list), done
    (build,) = builds(cloud)
    assert build["status"] == "SUCCESS", logs(cloud)
    assert (build["substitutions"]["COMMIT_SHA"], build["substitutions"]["_DIR"]) == (done[0], ".")
    (job,) = jobs(cloud)
    assert vertex.outputs(cloud.state, job)["count"] == {"Output": 3}
    assert f"projects/{PROJECT}/repos/AutoMLOps-repo" in cloud.state.resources
    assert call(DEPLOY, **bare) == [done[0], False], "there is nothing new"
    assert len(builds(cloud)) == 1


def test_where_cloud_source_repositories_are_closed_the_choices_are_told(cloud: Cloud, tmp_path: Path) -> None:
    before = cloud.state.picture()
    refused = caller(cloud, tmp_path)(f"str({GO}))", **GIT)
    assert refused.startswith("ScriptFailed:") and refused.count("stopped at:") == 1
    for word in ("Cloud Source Repositories", "GitHub", "GitLab", "source_repo_type", "source_repo_name"):
        assert word in refused
    assert cloud.state.picture() == before


@contextmanager
def started() -> Iterator[set[str]]:
    """The command lines of the processes that are seen while this lasts."""
    found: set[str] = set()
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(0.05):
            for number in filter(str.isdecimal, os.listdir("/proc")):
                try:
                    found.add(Path("/proc", number, "cmdline").read_text(errors="replace").replace("\0", " "))
                except OSError:
                    continue  # it has ended by now

    watching = threading.Thread(target=watch, daemon=True)
    watching.start()
    try:
        yield found
    finally:
        ended.set()
        watching.join()


def told(cloud: Cloud, repository: Path, words: list[str]) -> list[str]:
    """Where one of these words stands that should be nobody's to read."""
    bare = cloud.scratch / "git/github.com/example/words.git"
    batch = (need("git"), "-C", bare, "cat-file", "--batch-all-objects", "--batch", "--buffer")
    objects = subprocess.run(batch, check=True, capture_output=True).stdout.decode(errors="replace")
    kept = {
        name: text.decode(errors="replace") for name, text in cloud.state.content.items() if "/secrets/" not in name
    }
    places = {
        **{
            path.as_posix(): path.read_text(errors="replace")
            for path in (repository / "ml").rglob("*")
            if path.is_file()
        },
        **kept,
        "the commits": objects,
        "what was asked": "\n".join(f"{each.line} {each.query}" for each in cloud.requests),
        "what exists": repr(cloud.state.resources),
    }
    return [where for where, text in places.items() if any(word in text for word in words)]
