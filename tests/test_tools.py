"""Everything that is generated, judged by the tool that was made to judge it."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import golden
import pytest
import yaml
from pictures import BASED, CONTAINERS, GOOGLE, HOSTILE, KINDS, WINE, FakeGcloud, written
from pictures import OWN_IMAGES as OWN
from recording import RecordingGcloud
from tools import need

from AutoMLOps.model import Pipeline
from AutoMLOps.settings import TrainingJob

GITHUB = {
    "run_local": False,
    "source_repo_type": "github",
    "source_repo_name": "example/wine",
    "source_repo_secrets": (("github_app", "12"), ("token", "token/versions/1")),
    "repository_folder": "ml/AutoMLOps",
}
JOBS = (
    TrainingJob(
        component="train_model",
        arguments=(
            ("accelerator_type", '"NVIDIA_TESLA_T4"'),
            ("env", '[{"name": "DEPTH", "value": "' + 50 * "3" + '"}, {"name": "ROWS", "value": "9"}]'),
        ),
    ),
)
CASES = {
    "wine": (WINE, {}),
    "wine per-component": (WINE, {"images": "per-component"}),
    "wine without a project": (WINE, {"project_id": None}),
    "wine licensed": (WINE, {"license_header": "Copyright 'us'\n\nAll rights reserved.", "labels": (("a", "b"),)}),
    "wine by a push": (WINE, {"run_local": False, "images": "per-component"}),
    "wine by a push to github": (WINE, GITHUB),
    "google": (GOOGLE, {"images": "per-component", "enable_caching": True}),
    "images of the user's": (BASED, {"own_images": OWN}),
    "custom jobs": (BASED, {"own_images": OWN, "custom_training_job_specs": JOBS}),
    "images of the user's by a push": (BASED, {**GITHUB, "own_images": OWN}),
    "images of the user's alone": (CONTAINERS, {"own_images": OWN}),
    "containers": (CONTAINERS, {}),
    "containers by a push": (CONTAINERS, GITHUB),
    "containers without a project": (CONTAINERS, {"project_id": None}),
    "hostile": (HOSTILE, {"base_image": f"example.test/torch@sha256:{'0' * 64}"}),
    "kinds": (KINDS, {"naming_prefix": "x" * 45, "gs_bucket_name": "b" * 63}),
}
CLOCK = {"schedule": "0 6 * * 1", "schedule_time_zone": "Europe/Berlin", "schedule_engine": "vertex"}
CASES |= {
    "a schedule of Vertex AI": (WINE, {**GITHUB, **CLOCK, "schedule_max_runs": 3, "enable_caching": False}),
    "a schedule of Vertex AI, with the service": (CONTAINERS, {**GITHUB, **CLOCK, "submission_service": True}),
}
RUFF = ["check", "--isolated", "--line-length", "120", "--select", "E,F,W,B,I,S", "--no-cache"]
YAMLLINT = """
extends: default
ignore: pipeline_spec.yaml
rules:
  line-length: {max: 120, allow-non-breakable-inline-mappings: true}
  document-start: disable
"""


def judged(name: str, *arguments: str | Path, cwd: Path) -> None:
    """Fails with what the tool said, unless it found nothing."""
    ended = subprocess.run([need(name), *map(str, arguments)], cwd=cwd, capture_output=True, text=True, timeout=300)
    assert ended.returncode == 0, f"{ended.stdout}\n{ended.stderr}"


@pytest.fixture(params=[*CASES, *golden.CASES], scope="module")
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Pipeline | None]:
    if request.param in golden.CASES:
        folder = tmp_path_factory.mktemp("golden") / "AutoMLOps"
        return Path(shutil.copytree(golden.ROOT / request.param / "tree", folder)), None
    pipeline, chosen = CASES[request.param]
    return written(tmp_path_factory.mktemp("case") / "AutoMLOps", pipeline, **chosen), pipeline


@pytest.fixture
def tree(case: tuple[Path, Pipeline]) -> Path:
    return case[0]


@pytest.fixture
def ours(case: tuple[Path, Pipeline]) -> list[Path]:
    """The Python files whose every line is ours; the code of two of the pictures is odd on purpose."""
    folder, pipeline = case
    files = [path for path in folder.rglob("*.py") if pipeline not in (HOSTILE, KINDS) or path.parent.name != "src"]
    return sorted(files)


@pytest.mark.parametrize("inside", [True, False])
def test_ruff_finds_nothing(inside: bool, tree: Path, ours: list[Path]) -> None:
    allowed = 'lint.per-file-ignores = {"**/tests/*" = ["S101", "S603"]}'
    files = [path.relative_to(tree) if inside else path for path in ours]
    judged("ruff", *RUFF, "--config", allowed, *files, cwd=tree if inside else Path("/"))


def test_ruff_would_format_our_files_as_they_are(tree: Path, ours: list[Path]) -> None:
    written_by_the_user = {"src"} | ({"pipelines"} if "hostile" in (tree / "README.md").read_text() else set())
    files = [path for path in ours if path.parent.name not in written_by_the_user]
    judged("ruff", "format", "--isolated", "--line-length", "120", "--no-cache", "--check", *files, cwd=tree)


def test_mypy_finds_nothing(tree: Path, ours: list[Path], tmp_path_factory: pytest.TempPathFactory) -> None:
    cache = tmp_path_factory.getbasetemp() / "mypy"
    for folder in sorted({path.parent for path in ours}):
        files = [path for path in ours if path.parent == folder]
        judged("mypy", "--ignore-missing-imports", "--cache-dir", cache, *files, cwd=tree)


def scripts(tree: Path) -> list[Path]:
    found = sorted([*tree.glob("scripts/*.sh"), *tree.glob("provision/*.sh")])
    in_cloud, builds = ((tree / name).exists() for name in ("scripts/run_all.sh", "scripts/build_components.sh"))
    tagged, serves = (tree / "scripts/content_tag.sh").exists(), (tree / "services").exists()
    assert len(found) == 1 + tagged + in_cloud * (7 + builds) + 2 * serves
    return found


def test_shellcheck_finds_nothing(tree: Path) -> None:
    judged("shellcheck", "--external-sources", *scripts(tree), cwd=tree)


def test_shfmt_would_change_nothing(tree: Path) -> None:
    judged("shfmt", "-i", "2", "-ci", "-bn", "-d", *scripts(tree), cwd=tree)


def test_scripts_keep_to_what_bash_3_2_knows(tree: Path) -> None:
    """What macOS has: no mapfile, no associative arrays, no ${x,,}; and an empty array is unset there."""
    for script in scripts(tree):
        text = script.read_text()
        sourced = script.name in ("gcloud.sh", "making.sh", "record.sh") and "# shellcheck shell=bash\n" in text
        assert sourced or (text.startswith("#!/usr/bin/env bash\n") and "\nset -euo pipefail\n" in text)
        assert not [
            word
            for word in ("mapfile", "readarray", "declare -A", "BASHPID", "wait -n", ",,}", "^^}", "|&", "&>>")
            if word in text
        ]


def test_hadolint_finds_nothing(tree: Path) -> None:
    if files := sorted(tree.glob("components/*/Dockerfile")):
        judged("hadolint", *files, cwd=tree)


def test_cloud_build_knows_every_field(tree: Path) -> None:
    if (tree / "cloudbuild.yaml").exists():
        judged("check-jsonschema", "--builtin-schema", "vendor.cloudbuild", "cloudbuild.yaml", cwd=tree)


def test_every_substitution_of_cloud_build_is_declared_and_used(tree: Path) -> None:
    if not (tree / "cloudbuild.yaml").exists():
        return
    text = (tree / "cloudbuild.yaml").read_text()
    build = yaml.safe_load(text)
    assert set(re.findall(r"(?<!\$)\$\{?(\w+)", text.partition("substitutions:")[0])) == set(build["substitutions"])
    for step in build["steps"]:
        script = step["args"][-1].replace("$$", "$")
        subprocess.run(["bash", "-n", "-c", script], check=True)


def test_yamllint_finds_nothing(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "yamllint.yaml").write_text(YAMLLINT)
    judged("yamllint", "--strict", "-c", tmp_path / "yamllint.yaml", ".", cwd=tree)


@pytest.mark.slow
@pytest.mark.parametrize("images", ["shared", "per-component"])
def test_gcloud_knows_every_command_that_the_scripts_give_it(images: str, tmp_path: Path) -> None:
    """The commands that a run really gives, each against the real command tree, which needs no network."""
    need("gcloud")
    folder, fake = written(tmp_path / "tree", images=images), FakeGcloud(tmp_path / "bin")
    assert fake.run(folder / "scripts/build_components.sh").returncode == 0
    commands = {tuple(call[:4]): call for call in fake.calls}
    assert len(commands) >= 2
    for command in commands.values():
        assert not fault_of(command)


THERE = """\
*'services list'*) printf '%s.googleapis.com\\n' artifactregistry cloudbuild iam sourcerepo storage ;;
*'buckets list'*) echo 'True|inherited||automlops' ;;
*'artifacts repositories list'*) echo DOCKER ;;
*'roles describe'*) echo 'True|of.old' ;;
*'connections list'*) echo COMPLETE ;;
*'triggers describe'*) echo 'automlops,wine-quality|otherwise' ;;
*'scheduler jobs describe'*) echo 'PAUSED|automlops|wine-quality|otherwise' ;;"""


# What tells one form of a command from another: flags and the command's own words, not the names of things.
FORM = re.compile(r"--|[a-z]+$|(get|set|add|remove)-iam-policy")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("chosen", "least"),
    [({}, 31), (GITHUB, 49), ({"run_local": False}, 42), ({**GITHUB, "schedule": "0 6 * * 1"}, 70)],
    ids=["here", "github", "csr", "clock"],
)
def test_gcloud_knows_every_command_that_provisioning_gives_it(
    chosen: dict[str, object], least: int, tmp_path: Path
) -> None:
    """In an empty project, in one that has it all, ours or others', and on taking it away: a command of each form."""
    gcloud = RecordingGcloud(tmp_path / "bin")
    folder = written(tmp_path / "tree", steps_use=("bigquery", "vertex-jobs"), **chosen)
    provision = folder / "provision/provision_resources.sh"
    made = folder / ".automlops/made"
    for answers, ours in (("", ""), (THERE, '"'), (THERE, '"kind": "trigger"')):
        recorded = made.read_text() if made.exists() else ""
        made.parent.mkdir(exist_ok=True)
        made.write_text("".join(line for line in recorded.splitlines(keepends=True) if ours in line))
        gcloud.answers(answers)
        ended = gcloud.run(provision)
        assert ended.returncode == 0, ended.stderr
    made.write_text(recorded)
    gcloud.answers("")
    assert gcloud.run(folder / "provision/deprovision_resources.sh", DELETE_DATA="1").returncode == 0
    forms = {tuple(word.partition("=")[0] for word in call if FORM.match(word)): call for call in gcloud.calls}
    assert len(forms) >= least
    for command in forms.values():
        assert not fault_of(command)


def fault_of(command: list[str]) -> str:
    """What gcloud's own linter says against a command; it ends with 0 whatever it says, so its answer counts.

    It joins a flag that takes no value with the word after it, so that such a flag has to come last in what it is given.
    """
    flags = sorted((word for word in command if word.startswith("--")), key=lambda word: "=" not in word)
    words = [*(word for word in command if not word.startswith("--")), *flags]
    text = shlex.join(["gcloud", *words])
    said = subprocess.run(
        [need("gcloud"), "meta", "lint-gcloud-commands", "--command-string", text], capture_output=True, text=True
    )
    (answer,) = json.loads(said.stdout)
    return "" if answer["success"] else f"{text}: {answer['error_message']}"


@pytest.mark.slow
def test_gcloud_s_linter_finds_a_flag_that_is_not_one() -> None:
    need("gcloud")
    assert "--nope" in fault_of(["services", "list", "--nope=1", "--project=my-project-123"])


@pytest.mark.slow
def test_gcloud_would_upload_the_components_and_nothing_else(tmp_path: Path) -> None:
    folder = written(tmp_path / "tree")
    for name in (".env", ".git/config", ".venv/bin/python", "notes.txt", "scripts/pipeline_spec/pipeline_job.json"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("x")
    for name in (".ipynb_checkpoints/load_data.py", ".load_data.py.swp", "load_data.py.new"):
        (folder / "components/component_base/src" / name).parent.mkdir(exist_ok=True)
        (folder / "components/component_base/src" / name).write_text("x")
    ended = subprocess.run(
        [need("gcloud"), "meta", "list-files-for-upload"], cwd=folder, capture_output=True, text=True, timeout=120
    )
    assert ended.returncode == 0, ended.stderr
    base = "components/component_base"
    names = ("evaluate_model", "load_data", "train_model")
    assert set(ended.stdout.split()) == {
        *(f"{base}/{name}" for name in (".dockerignore", "Dockerfile", "requirements.txt")),
        *(f"{base}/src/{name}.py" for name in names),
        *(f"components/{name}/component.yaml" for name in names),
        "scripts/content_tag.sh",
    }


@pytest.mark.slow
@pytest.mark.parametrize("requirements", [(), ("packaging==24.1",)])
def test_pip_takes_the_requirements_even_if_there_are_none(requirements: tuple[str, ...], tmp_path: Path) -> None:
    components = tuple(replace(component, requirements=requirements) for component in WINE.components)
    folder = written(tmp_path, replace(WINE, components=components))
    path = folder / "components/component_base/requirements.txt"
    options = ("--dry-run", "--no-deps", "--no-index", "--disable-pip-version-check")
    said = subprocess.run(
        [sys.executable, "-m", "pip", "install", *options, "-r", path], capture_output=True, text=True
    )
    assert said.returncode == 0 if not requirements else "packaging==24.1" in said.stderr, said.stderr


def test_git_leaves_out_what_is_made_again(tmp_path: Path) -> None:
    git = need("git")
    folder = written(tmp_path / "tree")
    kept = (".automlops/manifest.json", ".automlops/made")
    left = (
        ".automlops/runs/1/x",
        ".automlops/lock",
        ".automlops/making/1",
        "a/__pycache__/x.pyc",
        "a/.ipynb_checkpoints/x.py",
        "README.md.new",
        "scripts/pipeline_spec/images",
    )
    for name in (*kept, *left):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("x")
    subprocess.run([git, "init", "-q"], cwd=folder, check=True)
    command = [git, "ls-files", "--others", "--exclude-standard"]
    listed = set(subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout.split("\n"))
    assert set(kept) <= listed and not set(left) & listed
