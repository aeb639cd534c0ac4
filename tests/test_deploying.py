"""deploy() by a push: which repository, which commit, and what is refused before it."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from desk import BRANCH, REMOTE, Desk
from launches import VALUES, WORDS
from tools import environment

from AutoMLOps import api, deploying
from AutoMLOps.errors import AutoMLOpsError, BadInput

pytest_plugins = ["desk_fixture"]


@pytest.fixture
def root(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Somebody's repository at GitHub, in whose folder ml they work."""
    made = desk.founded(desk.work / "repo", files={"ml/work.py": WORDS})
    monkeypatch.chdir(made / "ml")
    return made


def generate(**settings: object) -> None:
    api.from_call(
        "my-project",
        VALUES,
        notebook="work.py",
        pipeline=None,
        dry_run=False,
        settings={"run_local": False, "base_image": "python:3.11-slim", **settings},
    )


def configs() -> dict[str, object]:
    return yaml.safe_load(Path("AutoMLOps/configs/defaults.yaml").read_text(encoding="utf-8"))["ci"]


def test_a_push_takes_the_codebase_and_the_notebook_to_where_origin_is(desk, root):
    generate()
    Path("work.py").write_text(f"{WORDS}\n", encoding="utf-8")
    made = deploying.deploy(notebook="work.py")
    assert (made.remote, made.branch, made.fresh) == (REMOTE, BRANCH, True)
    assert made.commit == desk.git("rev-parse", BRANCH, at=desk.server).strip()
    assert desk.pushed() == ["The pipeline words, as generated", "theirs"]
    assert {"ml/AutoMLOps/cloudbuild.yaml", "ml/AutoMLOps/provision/trigger.yaml"} <= desk.files()
    assert desk.git("show", f"{BRANCH}:ml/work.py", at=desk.server).endswith("\n\n")
    assert desk.git("status", "--porcelain", at=root) == ""


def test_a_second_push_of_the_same_does_nothing(desk, root):
    generate()
    first = deploying.deploy(notebook="work.py")
    generate()
    again = deploying.deploy(notebook="work.py")
    assert (again.commit, again.fresh) == (first.commit, False)
    assert "nothing to do" in again.headline


def test_a_commit_says_what_it_is_told_to(desk, root):
    generate()
    deploying.deploy(notebook="work.py", message='-m # it\'s "quoted"\n\nand more')
    assert desk.pushed()[0] == '-m # it\'s "quoted"'


def test_a_codebase_that_is_not_where_the_trigger_looks_is_refused_until_it_is(desk, root):
    generate()
    shutil.rmtree(root / ".git")
    with pytest.raises(BadInput, match=r"has the codebase at ml/AutoMLOps in its repository, and it is at \. \(gen"):
        deploying.deploy(notebook="work.py")
    assert not Path("AutoMLOps/.git").exists()
    generate()
    assert deploying.deploy(notebook="work.py").fresh
    assert "cloudbuild.yaml" in desk.files()


@pytest.mark.parametrize("name", ["it's", "é 漢", "1", "true", "a: b"])
def test_a_codebase_in_a_folder_of_any_name_is_where_the_trigger_looks(desk, root, name):
    generate(output_dir=name)
    assert deploying.deploy(name, notebook="work.py").fresh


def test_no_file_of_a_generated_codebase_is_ignored_by_its_own_rules(desk, root):
    generate()
    deploying.deploy(notebook="work.py")
    kept = desk.git("ls-files", "--", "AutoMLOps", at=root / "ml").splitlines()
    there = [each for each in Path("AutoMLOps").rglob("*") if each.is_file() and ".automlops" not in each.parts]
    assert {each.as_posix() for each in there} <= set(kept)


def test_rules_of_the_repository_that_would_leave_files_out_are_refused(desk, root):
    desk.write(root / ".gitignore", "*.sh\n")
    generate()
    with pytest.raises(BadInput, match=r"git ignores ml/AutoMLOps/.+\.sh.+check-ignore -v"):
        deploying.deploy(notebook="work.py")


def test_a_script_that_deploys_is_committed_with_its_codebase(desk, root):
    Path("call.py").write_text("from AutoMLOps import deploying; deploying.deploy()", encoding="utf-8")
    generate()
    subprocess.run([sys.executable, "call.py"], check=True, env=environment(), capture_output=True)
    assert "ml/call.py" in desk.files()


def test_what_python_runs_as_a_module_is_nobody_s_notebook(desk, root):
    Path("tool.py").write_text("from AutoMLOps import deploying; deploying.deploy()", encoding="utf-8")
    generate()
    subprocess.run([sys.executable, "-m", "tool"], check=True, env=environment(), capture_output=True)
    assert "ml/tool.py" not in desk.files()


def test_a_server_that_refuses_is_told_in_its_own_words(desk, root):
    generate()
    desk.write(desk.server / "hooks/pre-receive", "#!/bin/sh\necho protected branch >&2\nexit 1\n").chmod(0o755)
    with pytest.raises(AutoMLOpsError, match="(?s)call again to push it.*protected branch"):
        deploying.deploy(notebook="work.py")


# Which repository generate() finds


@pytest.mark.parametrize(
    ("url", "said", "type_", "name"),
    [
        (REMOTE, {}, "github", "example/wine"),
        (REMOTE, {"source_repo_name": "fork/wine"}, "github", "fork/wine"),
        (REMOTE, {"source_repo_type": "github"}, "github", "example/wine"),
        (REMOTE, {"source_repo_type": "csr"}, "csr", None),
        ("git@gitlab.com:a/b/c.git", {}, "gitlab", "a/b/c"),
        ("https://ghe.example.com/a/b", {"source_repo_type": "github", "source_repo_name": "a/b"}, "github", "a/b"),
    ],
)
def test_the_repository_is_what_was_said_and_else_what_origin_is(desk, root, url, said, type_, name):
    desk.git("remote", "set-url", "origin", url, at=root)
    generate(**said)
    assert (configs()["source_repo_type"], configs()["source_repo_name"]) == (type_, name)
    before = configs()
    generate()
    assert configs() == before


def test_an_origin_elsewhere_is_told_by_its_own_name_and_without_its_password(desk, root):
    desk.git("remote", "set-url", "origin", "https://ada:secret@git.example.com/a/b", at=root)
    with pytest.raises(BadInput) as caught:
        generate()
    assert "1 problem" in str(caught.value) and "origin is https://git.example.com/a/b, and" in str(caught.value)
    assert "source_repo_type='csr'" in str(caught.value)


def test_an_origin_of_another_host_than_the_one_said_gives_no_name(desk, root):
    with pytest.raises(BadInput, match="source_repo_name is needed for gitlab"):
        generate(source_repo_type="gitlab")


@pytest.mark.parametrize(("saved", "name"), [({}, "wine"), ({"csr_name": "edited"}, "edited")])
def test_a_name_in_the_file_stands_before_the_one_of_origin(desk, root, saved, name):
    desk.git("remote", "set-url", "origin", "https://source.developers.google.com/p/my-project/r/wine", at=root)
    generate(run_local=True, **saved)
    generate()
    assert (configs()["source_repo_type"], configs()["csr_name"]) == (None, name)  # which comes to csr
