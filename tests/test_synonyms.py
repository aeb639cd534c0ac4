"""The names of earlier versions: what each is taken for, and the notebooks that were written with them."""

import inspect
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stubbing import calls, codebase
from tools import environment

from AutoMLOps import AutoMLOps, BadInput
from AutoMLOps.settings import Settings, chosen, earlier, table
from AutoMLOps.synonyms import SYNONYMS

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = ROOT / "tests" / "notebooks"
PROJECT = "my-project-123"
NAMES = {name for _, rows in table(Settings()) for name, _, _ in rows} | {"output_dir"}

# What the earlier versions' calls took, with the value that each left it at.
OF_1_3_4 = {
    "artifact_repo_location": "us-central1",
    "artifact_repo_name": None,
    "artifact_repo_type": "artifact-registry",
    "base_image": "python:3.9-slim",
    "build_trigger_location": "us-central1",
    "build_trigger_name": None,
    "custom_training_job_specs": None,
    "deployment_framework": "github-actions",
    "hide_warnings": True,
    "naming_prefix": "automlops-default-prefix",
    "orchestration_framework": "kfp",
    "pipeline_job_location": "us-central1",
    "pipeline_job_runner_service_account": None,
    "pipeline_job_submission_service_location": "us-central1",
    "pipeline_job_submission_service_name": None,
    "pipeline_job_submission_service_type": "cloud-functions",
    "precheck": True,
    "project_number": None,
    "provision_credentials_key": None,
    "provisioning_framework": "gcloud",
    "pubsub_topic_name": None,
    "schedule_location": "us-central1",
    "schedule_name": None,
    "schedule_pattern": "No Schedule Specified",
    "setup_model_monitoring": False,
    "source_repo_branch": "automlops",
    "source_repo_name": None,
    "source_repo_type": "github",
    "storage_bucket_location": "us-central1",
    "storage_bucket_name": None,
    "use_ci": False,
    "vpc_connector": "No VPC Specified",
    "workload_identity_pool": None,
    "workload_identity_provider": None,
    "workload_identity_service_account": None,
}
OF_1_0 = {
    "af_registry_location": "us-central1",
    "af_registry_name": "vertex-mlops-af",
    "cb_trigger_location": "us-central1",
    "cb_trigger_name": "automlops-trigger",
    "cloud_run_location": "us-central1",
    "cloud_run_name": "run-pipeline",
    "cloud_tasks_queue_location": "us-central1",
    "cloud_tasks_queue_name": "queueing-svc",
    "csr_branch_name": "automlops",
    "csr_name": "AutoMLOps-repo",
    "custom_training_job_specs": None,
    "gs_bucket_location": "us-central1",
    "gs_bucket_name": None,
    "parameter_values_path": "pipelines/runtime_parameters/pipeline_parameter_values.json",
    "pipeline_job_spec_path": "scripts/pipeline_spec/pipeline_job.json",
    "pipeline_runner_sa": None,
    "run_local": True,
    "schedule": "No Schedule Specified",
    "schedule_location": "us-central1",
    "schedule_name": "AutoMLOps-schedule",
    "schedule_pattern": "No Schedule Specified",
    "use_kfp_spec": False,
    "vpc_connector": "No VPC Specified",
}


def settings(**arguments: object) -> Settings:
    made, problems = chosen(arguments)
    assert made is not None, problems
    return made


def fault(**arguments: object) -> str:
    made, problems = chosen(arguments)
    assert made is None and len(problems) == 1, problems
    return str(problems[0])


# ------------------------------------------------------------------------------- the table


@pytest.mark.parametrize("name", sorted(OF_1_3_4.keys() | OF_1_0.keys()))
def test_every_name_of_earlier_versions_is_a_setting_or_in_the_table(name):
    assert (name in NAMES) != (name in SYNONYMS)


def test_the_table_has_no_name_that_no_earlier_version_had():
    assert SYNONYMS.keys() <= OF_1_3_4.keys() | OF_1_0.keys()
    assert {synonym.setting for synonym in SYNONYMS.values() if synonym.setting} <= NAMES


def test_every_name_of_the_table_stands_in_its_page():
    section = (ROOT / "docs/from-google-cloud-automlops.md").read_text(encoding="utf-8")
    assert not [name for name in [*SYNONYMS, "source_repo_name"] if f"`{name}`" not in section]
    for synonym in SYNONYMS.values():
        assert not synonym.setting or re.search(rf"`{synonym.name}`.*\| .*`{synonym.setting}", section)


def test_the_defaults_of_1_0_given_one_by_one_are_the_defaults():
    assert settings(**OF_1_0) == Settings()


def test_the_defaults_of_1_3_4_are_taken_but_for_workflows_of_github():
    assert fault(**OF_1_3_4) == (
        "deployment_framework='github-actions' is not here yet: images are built by Cloud Build (leave it out)"
    )
    made = settings(**{**OF_1_3_4, "deployment_framework": "cloud-build"})
    assert made == Settings(
        base_image="python:3.9-slim", naming_prefix="automlops-default-prefix", source_repo_type="github"
    )


@pytest.mark.parametrize(
    ("given", "made"),
    [
        ({"artifact_repo_location": "europe"}, {"af_registry_location": "europe"}),
        ({"artifact_repo_name": "mine"}, {"af_registry_name": "mine"}),
        ({"build_trigger_location": "europe-west1"}, {"cb_trigger_location": "europe-west1"}),
        ({"build_trigger_name": "mine"}, {"cb_trigger_name": "mine"}),
        (
            {"pipeline_job_runner_service_account": "runner@my-project-123.iam.gserviceaccount.com"},
            {"pipeline_runner_sa": "runner@my-project-123.iam.gserviceaccount.com"},
        ),
        ({"source_repo_branch": "main"}, {"csr_branch_name": "main"}),
        ({"pipeline_job_submission_service_name": "mine"}, {"cloud_run_name": "mine"}),
        ({"pipeline_job_submission_service_location": "us-east1"}, {"cloud_run_location": "us-east1"}),
        ({"storage_bucket_location": "eu"}, {"gs_bucket_location": "eu"}),
        ({"storage_bucket_name": "mine"}, {"gs_bucket_name": "mine"}),
        ({"use_ci": True}, {"run_local": False}),
        ({"use_ci": False}, {"run_local": True}),
        ({"use_ci": None}, {}),
        ({"use_ci": True, "schedule_pattern": "0  9 * * MON"}, {"run_local": False, "schedule": "0 9 * * MON"}),
        ({"schedule_pattern": "No Schedule Specified"}, {}),
        ({"artifact_repo_name": None}, {}),
        ({"source_repo_type": "github", "source_repo_name": "a/b"}, {"source_repo_type": "github", "source_repo_name": "a/b"}),
        ({"source_repo_type": "csr", "source_repo_name": "letters"}, {"source_repo_type": "csr", "csr_name": "letters"}),
        ({"source_repo_type": "cloud-source-repositories", "source_repo_name": None}, {"source_repo_type": "csr"}),
        ({"project_number": 123456789012}, {}),
        ({"project_number": "123456789012"}, {}),
    ],
)  # fmt: skip
def test_an_earlier_name_sets_what_it_is_called_now(given, made):
    assert settings(**given) == Settings(**made)


def test_an_earlier_none_wins_over_the_file_and_means_the_default():
    saved = {"gcp": {"gs_bucket_name": "mine", "af_registry_name": "ours"}, "ci": {"run_local": False}}
    given = {"storage_bucket_name": None, "artifact_repo_name": None, "use_ci": None}
    assert chosen(given, saved) == (Settings(), ())


def test_the_file_s_host_tells_what_the_name_of_a_repository_is_of():
    saved = {"ci": {"source_repo_type": "csr"}}
    made, _ = chosen({"source_repo_name": "letters"}, saved)
    assert made == Settings(source_repo_type="csr", csr_name="letters")
    made, _ = chosen({"source_repo_name": "a/b", "source_repo_type": "gitlab"}, saved)
    assert made == Settings(source_repo_type="gitlab", source_repo_name="a/b")


# ------------------------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"setup_model_monitoring": True}, "setup_model_monitoring=True is not here yet"),
        ({"provisioning_framework": "terraform"}, "made by scripts of gcloud (leave it out)"),
        ({"provisioning_framework": "pulumi"}, "is not here yet"),
        ({"orchestration_framework": "tfx"}, "written for Kubeflow (kfp)"),
        ({"artifact_repo_type": "jfrog"}, "images are kept in Artifact Registry"),
        ({"precheck": False}, "what is missing is always looked for"),
        ({"use_kfp_spec": 0}, "use_kfp_spec=int is not here yet"),
        ({"vpc_connector": "mine"}, "is not here yet"),
        ({"workload_identity_pool": "mine"}, "workflows on GitHub"),
        ({"cloud_tasks_queue_name": "mine"}, "is not here yet"),
        ({"project_number": [1]}, "project_number=list is not here yet: it is looked up (leave it out)"),
        ({"provision_credentials_key": "/hunter2.json"}, "provision_credentials_key is not taken (no key is needed"),
        ({"source_repo_type": "bitbucket"}, "source_repo_type 'bitbucket' is not served yet"),
    ],
)  # fmt: skip
def test_what_is_not_here_is_said(given, said):
    text = fault(**given)
    assert said in text and "hunter2" not in text and "secret" not in text


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"storage_bucket_name": "gs://mine"}, "storage_bucket_name 'gs://mine' is not a bucket's name (leave off gs://)"),
        ({"use_ci": "yes"}, "use_ci is of type str"),
        ({"artifact_repo_location": "mars-east1"}, "artifact_repo_location 'mars-east1' is not a region"),
        ({"source_repo_type": "csr", "source_repo_name": "a/b"}, "source_repo_name 'a/b' is not the name of a repository"),
        ({"pipeline_job_runner_service_account": {"private_key": "x"}}, "pipeline_job_runner_service_account is a service account's key"),
        ({"stroage_bucket_name": "x"}, "did you mean gs_bucket_name?"),
    ],
)  # fmt: skip
def test_a_fault_is_told_by_the_name_that_was_written(given, said):
    assert said in fault(**given)


def test_two_names_of_one_setting_that_agree_are_one():
    assert settings(use_ci=True, run_local=False) == Settings(run_local=False)
    assert settings(storage_bucket_name="mine", gs_bucket_name="mine") == Settings(gs_bucket_name="mine")
    assert settings(source_repo_type="csr", source_repo_name="ours", csr_name="ours").csr_name == "ours"
    assert settings(source_repo_type="csr", source_repo_name=None, csr_name="ours").csr_name == "ours"
    assert settings(artifact_repo_name=None, af_registry_name="vertex-mlops-af") == Settings()
    assert settings(use_ci=None, run_local=True) == Settings()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            {"storage_bucket_name": "mine", "gs_bucket_name": "ours"},
            "gs_bucket_name='ours' and storage_bucket_name='mine' do not agree, and are names of one setting "
            "(leave out storage_bucket_name)",
        ),
        (
            {"use_ci": True, "run_local": True},
            "run_local=True and use_ci=True do not agree, and are opposites (leave out use_ci)",
        ),
        (
            {"storage_bucket_name": None, "gs_bucket_name": "ours"},
            "gs_bucket_name='ours' and storage_bucket_name=None do not agree, and are names of one setting "
            "(leave out storage_bucket_name)",
        ),
        (
            {"source_repo_type": "csr", "source_repo_name": "mine", "csr_name": "ours"},
            "source_repo_name='mine' and csr_name='ours' do not agree, and are names of one setting "
            "(leave out source_repo_name)",
        ),
    ],
)
def test_two_names_of_one_setting_at_odds_are_one_fault_that_names_both(given, said):
    assert fault(**given) == said


TEN = """10 problems, nothing was written:
  - af_registry_name='mine' and artifact_repo_name='ours' do not agree, and are names of one setting (leave out artifact_repo_name)
  - storage_bucket_name 'My_Bucket' is not a bucket's name (3 to 63 lower-case letters, digits, hyphens and underscores, a letter or digit first and last; my_bucket would do)
  - run_local=True and use_ci=True do not agree, and are opposites (leave out use_ci)
  - schedule_pattern '59 11 * * 8' has '8' for the day of the week (write 0 to 7, or SUN to SAT)
  - build_trigger_location 'europe-west1-b' is a zone (write its region, europe-west1)
  - 'base_imgae' is not a setting (did you mean base_image?)
  - deployment_framework='github-actions' is not here yet: images are built by Cloud Build (leave it out)
  - provision_credentials_key is not taken (no key is needed: give the account's e-mail, and act as it with `gcloud auth application-default login --impersonate-service-account=EMAIL`)
  - provisioning_framework='terraform' is not here yet: resources are made by scripts of gcloud (leave it out)
  - setup_model_monitoring=True is not here yet: deployed models are not watched (leave it out)"""


def test_ten_faults_are_one_error_that_teaches(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadInput) as raised:
        AutoMLOps.generate(
            PROJECT,
            {"customers": [], "threshold": 0.5},
            notebook=NOTEBOOKS / "churn.py",
            storage_bucket_name="My_Bucket",
            use_ci=True,
            run_local=True,
            build_trigger_location="europe-west1-b",
            artifact_repo_name="ours",
            af_registry_name="mine",
            deployment_framework="github-actions",
            provisioning_framework="terraform",
            schedule_pattern="59 11 * * 8",
            setup_model_monitoring=True,
            provision_credentials_key="key.json",
            base_imgae="python:3.9",
        )
    assert str(raised.value) == TEN
    assert not Path("AutoMLOps").exists()


class Liar:
    """What nobody should ask anything: it says no to everything."""

    def __getattribute__(self, name: str) -> object:
        raise RuntimeError(name)

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("eq")

    def __str__(self) -> str:
        raise RuntimeError("str")

    __hash__ = None  # type: ignore[assignment]
    __repr__ = __str__


HOSTILE = {"a liar": Liar(), "a number too long to say": 10**5000, "a list": [], "a dict": {}}
SOME = [None, True, False, "mine", "ours", "us-central1", "europe-west1", "gcloud", "csr", "github", "a/b", "", 7]
EACH = st.fixed_dictionaries(
    {}, optional={name: st.sampled_from([*SOME, *HOSTILE]) for name in sorted(NAMES | SYNONYMS.keys())}
)


@given(EACH, st.randoms(use_true_random=False))
def test_any_names_in_any_order_give_one_answer_and_nothing_raises(drawn, random):
    arguments = {name: HOSTILE.get(value, value) if isinstance(value, str) else value for name, value in drawn.items()}
    made, problems = chosen(arguments)
    assert (made is None) == bool(problems) and all(problem.hint for problem in problems)
    items = list(arguments.items())
    random.shuffle(items)
    assert chosen(dict(items)) == (made, problems)
    assert earlier(dict(items)) == earlier(arguments)


SOUND = {
    "artifact_repo_location": ("europe-west1", "us-central1"),
    "artifact_repo_name": ("mine", "ours"),
    "build_trigger_location": ("europe-west1", "us-central1"),
    "build_trigger_name": ("mine", "ours"),
    "pipeline_job_runner_service_account": ("runner@my-project-123.iam.gserviceaccount.com", "other1@my-project-123.iam.gserviceaccount.com"),
    "source_repo_branch": ("main", "dev"),
    "storage_bucket_location": ("eu", "us-central1"),
    "storage_bucket_name": ("mine", "ours"),
    "use_ci": (True, False),
}  # fmt: skip
PAIRS = st.dictionaries(st.sampled_from(sorted(SOUND)), st.tuples(*2 * [st.none() | st.integers(0, 1)]))


@given(PAIRS)
def test_old_and_new_together_are_one_meaning_or_a_fault_that_names_both(drawn):
    arguments: dict[str, object] = {}
    wanted, at_odds = {}, []
    for name, (old, new) in drawn.items():
        synonym, values = SYNONYMS[name], SOUND[name]
        meant = [value if not synonym.opposite else not value for value in values]
        arguments |= {name: values[old]} if old is not None else {}
        arguments |= {synonym.setting: meant[new]} if new is not None else {}
        if old is not None and new is not None and old != new:
            at_odds.append((name, synonym.setting))
        elif old is not None or new is not None:
            wanted[synonym.setting] = meant[old if old is not None else new]
    made, problems = chosen(arguments)
    assert len(problems) == len(at_odds)
    assert all(any(old in str(each) and new in str(each) for each in problems) for old, new in at_odds)
    assert made == (None if at_odds else Settings(**wanted))


# ------------------------------------------------------------------------------- what is told


def test_what_was_taken_for_what_is_told():
    given = {"use_ci": True, "storage_bucket_name": "mine", "precheck": True, "project_number": None}
    assert [str(each) for each in earlier(given)] == [
        "taken by names of earlier versions: storage_bucket_name as gs_bucket_name, use_ci as run_local, its opposite "
        "(write the new ones)",
        "without effect here: precheck (leave it out)",
    ]
    assert earlier({"gs_bucket_name": "mine", "run_local": False}) == ()


# ------------------------------------------------------------------------------- the notebooks


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with a gcloud that nobody is logged in to."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "gcloud").write_text("#!/bin/sh\necho 'ERROR: (gcloud) nobody is logged in' >&2\nexit 1\n")
    (tmp_path / "bin" / "gcloud").chmod(0o755)
    return tmp_path


def ran(name: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """A notebook of 1.3.4, run as the script that it is, its import line changed."""
    (folder / name).write_text((NOTEBOOKS / name).read_text(encoding="utf-8"), encoding="utf-8")
    path = os.pathsep.join((str(folder / "bin"), os.environ["PATH"]))
    return subprocess.run(
        [sys.executable, name], cwd=folder, env={**environment(), "PATH": path}, capture_output=True, text=True, timeout=120
    )  # fmt: skip


def configs() -> str:
    return Path("AutoMLOps/configs/defaults.yaml").read_text(encoding="utf-8")


def test_a_notebook_with_every_argument_of_1_3_4_generates(here):
    done = ran("forest.py", here)
    assert done.returncode == 0, done.stderr
    assert "use_ci as run_local, its opposite" in done.stdout and "deployment_framework" in done.stdout
    assert "run_local: true" in configs() and "naming_prefix: forest" in configs()
    assert "packaging" in Path("AutoMLOps/components/component_base/requirements.txt").read_text()


def test_a_notebook_that_pushes_generates_its_trigger_and_goes_on_to_provision(here):
    done = ran("forecast.py", here)
    assert "ScriptFailed" in done.stderr and "nobody is logged in" in done.stderr  # by gcloud, in provision()
    trigger = Path("AutoMLOps/provision/trigger.yaml").read_text(encoding="utf-8")
    assert "weekly-sales-build-trigger" in trigger and "main" in trigger
    assert "source_repo_name: example/weekly-sales" in configs() and "gs_bucket_location: eu" in configs()


def test_a_notebook_that_launches_all_generates_and_shows_its_plan(here):
    done = ran("churn.py", here)
    assert "BadInput" in done.stderr and "nothing was made in Google Cloud" in done.stderr
    assert re.search("create +bucket +churn-files", done.stderr) and "af_registry_name: churn-images" in configs()


def test_a_notebook_of_cloud_source_repositories_keeps_its_repository(here):
    done = ran("archive.py", here)
    assert done.returncode == 0, done.stderr
    assert "source_repo_name as csr_name" in done.stdout
    assert "csr_name: letters" in configs() and "source_repo_name: null" in configs()


def test_marked_cells_and_go_run_in_a_kernel_as_they_did(here):
    from nbclient import NotebookClient

    cells = nbformat.read(NOTEBOOKS / "colours.ipynb", as_version=4)
    path = os.pathsep.join((str(here / "bin"), os.environ["PATH"]))
    NotebookClient(cells, timeout=120, allow_errors=True, resources={"metadata": {"path": str(here)}}).execute(
        env={**environment(), "PATH": path}
    )
    failed = [(cell.source, out.evalue) for cell in cells.cells for out in cell.get("outputs", ()) if out.output_type == "error"]  # fmt: skip
    ((source, said),) = failed
    assert source.startswith("AutoMLOps.go(") and "nothing was made in Google Cloud" in said
    assert {path.name for path in Path("AutoMLOps/components").iterdir()} == {"brightest", "component_base", "mix_colours"}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("forest.py", {"data_path": "trees.csv"}),
        ("forecast.py", {}),
        ("churn.py", {}),
        ("archive.py", {}),
        ("colours.ipynb", {"path": "colours.json", "count": 3}),
    ],
)
def test_what_the_notebooks_say_runs_here(name, parameters, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    values = {"customers": [["ada", 0.9]], "threshold": 0.5} if name == "churn.py" else {}
    values |= {"rows": 9} if name == "forest.py" else {}
    values |= {"days": 7, "day": 8, "version": "1"} if name == "forecast.py" else {}
    values |= {"count": 3} if name == "archive.py" else {}
    values |= {key: str(tmp_path / value) if isinstance(value, str) else value for key, value in parameters.items()}
    done = AutoMLOps.rehearse(pipeline_params=values, notebook=NOTEBOOKS / name)
    assert done.state == "succeeded"


# ------------------------------------------------------------------------------- the other names


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("AutoMLOps.preflight.tools", lambda builds: ())
    monkeypatch.setattr("AutoMLOps.preflight.checks", lambda settings, submits, builds: ())
    return codebase()


def test_provision_and_deploy_take_what_they_took(folder):
    AutoMLOps.provision(hide_warnings=False)
    AutoMLOps.deploy(precheck=True, hide_warnings=False)
    assert calls() == ["provision PLAN=", "run_all "]


def test_use_ci_reads_the_repository_from_git_s_origin_as_run_local_does(folder):
    subprocess.run(["git", "init", "-q"], check=True)
    subprocess.run(["git", "remote", "add", "origin", "git@github.com:example/wine.git"], check=True)
    AutoMLOps.generate(project_id="demo-project", notebook="work.py", use_ci=True, output_dir="pushed")
    assert "source_repo_name: example/wine" in Path("pushed/configs/defaults.yaml").read_text(encoding="utf-8")
    host = "cloud-source-repositories"
    AutoMLOps.generate(
        project_id="demo-project", notebook="work.py", use_ci=True, source_repo_type=host, output_dir="kept"
    )
    kept = Path("kept/configs/defaults.yaml").read_text(encoding="utf-8")
    assert "source_repo_type: csr" in kept and "csr_name: AutoMLOps-repo" in kept


def test_launch_all_is_go(folder):
    done = AutoMLOps.launchAll("demo-project", {}, notebook="work.py", use_ci=False, hide_warnings=True)
    assert calls() == ["provision PLAN=1", "provision PLAN=", "run_all "] and done.deployed.job.endswith("wine-1")
    assert "The older name of go()" in inspect.getdoc(AutoMLOps.launchAll)


def test_run_deploys_what_stands(folder):
    assert AutoMLOps.run(run_local=True).job.endswith("wine-1")
    AutoMLOps.run()
    assert calls() == ["run_all ", "run_all "]
    assert "The older name of deploy()" in inspect.getdoc(AutoMLOps.run)


def test_run_does_not_contradict_the_codebase(folder):
    with pytest.raises(BadInput, match=r"generated with run_local=True \(call generate\(run_local=False\) first"):
        AutoMLOps.run(run_local=False)
    assert not calls()


def test_clear_cache_leaves_everything_as_it_is(folder):
    before = sorted(Path().rglob("*"))
    assert AutoMLOps.clear_cache() is None
    assert sorted(Path().rglob("*")) == before


@pytest.mark.parametrize(("name", "said"), [("monitor", "not watched yet")])
def test_a_name_that_is_gone_says_why(name, said):
    with pytest.raises(AttributeError, match=said):
        getattr(AutoMLOps, name)


def test_the_folder_that_kfp_writes_components_to_is_there(folder):
    assert Path(AutoMLOps.OUTPUT_DIR).is_dir()


@pytest.mark.parametrize("value", [True, False])
def test_whether_the_syntax_is_kubeflows_need_not_be_said(value):
    assert settings(use_kfp_spec=value) == Settings()


def test_a_folder_of_the_earlier_package_is_told_as_one_fault(folder):
    Path("AutoMLOps/configs/defaults.yaml").write_text("gcp:\n  artifact_repo_name: a\ntooling:\n  use_ci: false\n")
    with pytest.raises(BadInput, match="1 problem.*\n.*move the folder away"):
        AutoMLOps.generate(project_id="demo-project", notebook="work.py")


# ------------------------------------------------------------------------------- the import lines


STEP = """

@AutoMLOps.component
def one(data: Output[Dataset]):
    {inner}
    open(data.path, "w").close()


@AutoMLOps.pipeline
def wine():
    one()
"""


def generated(text: str) -> object:
    Path("work.py").write_text(text)
    return AutoMLOps.generate(notebook="work.py")


@pytest.mark.parametrize(
    ("line", "now"),
    [
        ("from kfp.v2.dsl import Dataset, Output", "write `from kfp.dsl import Dataset, Output`"),
        ("import kfp.v2.dsl as D", "write `import kfp.dsl as D`"),
        ("import json, kfp.v2 as kfp2", "write `import json, kfp as kfp2`"),
        ("from kfp.v2 import compiler, dsl", "write `from kfp import compiler, dsl`"),
        ("from kfp.v2 import *", "write `from kfp import *`"),
        ("from kfp import v2", "write `import kfp`"),
        ("from kfp.v2.google.client import AIPlatformClient", "leave it out: deploy() starts runs"),
        (
            "try:\n    from kfp.v2 import dsl\nexcept ImportError:\n    from kfp import dsl",
            "write `from kfp import dsl`",
        ),
    ],
)
def test_an_import_of_kfp_v2_is_a_fault_that_says_the_line_of_today(line, now, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = f"from AutoMLOps import AutoMLOps\nfrom kfp.dsl import Dataset, Output\n{line}\n{STEP.format(inner='pass')}"
    where = 4 if line.startswith("try") else 3
    with pytest.raises(BadInput) as raised:
        generated(text)
    told = f"work.py, line {where}: kfp.v2 is kfp itself by now, and a step that imports it fails ({now})"
    assert told in list(map(str, raised.value.problems))


def test_an_import_of_kfp_v2_inside_a_step_is_found_where_it_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = f"from AutoMLOps import AutoMLOps\nfrom kfp.dsl import Dataset, Output\n{STEP}"
    with pytest.raises(BadInput, match="1 problem.*\n.*line 7: kfp.v2 is kfp itself by now.*`from kfp import dsl`"):
        generated(text.format(inner="from kfp.v2 import dsl"))
    assert not generated(text.format(inner="print('kfp.v2')")).warnings


def test_an_import_of_kfp_v2_in_a_marked_cell_is_found_where_it_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    cells = nbformat.read(NOTEBOOKS / "colours.ipynb", as_version=4)
    cells.cells[3].source += "\nfrom kfp.v2 import dsl"
    Path("work.ipynb").write_text(json.dumps(cells))
    with pytest.raises(BadInput, match="cell 4, line 13: kfp.v2 is"):
        AutoMLOps.generate(notebook="work.ipynb", pipeline_params={"count": 1, "path": "x"})


def test_a_notebook_with_the_old_import_line_is_read_and_told_the_new_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = f"from google_cloud_automlops import AutoMLOps\nfrom kfp.dsl import Dataset, Output\n{STEP.format(inner='pass')}"
    (warning,) = generated(f"{text}\nAutoMLOps.launchAll('x', {{}})\nimport kfp.v2\n").warnings
    assert str(warning) == (
        "work.py, line 1: google_cloud_automlops is read as AutoMLOps, and is not installed with it "
        "(write `from AutoMLOps import AutoMLOps`)"
    )
