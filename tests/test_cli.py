"""`automlops` in a terminal."""

import json
from pathlib import Path

import pytest
import yaml
from stubbing import RUN_ALL, calls, codebase, stub

from AutoMLOps.cli import main
from AutoMLOps.preflight import Check, Fate
from AutoMLOps.settings import Settings, table

SCRIPT = """
from AutoMLOps import AutoMLOps


@AutoMLOps.component
def step(words: str):
    print(words)


@AutoMLOps.pipeline
def words(words: str):
    step(words=words)
"""


@pytest.fixture
def notebook(tmp_path):
    (tmp_path / "deep").mkdir()
    path = tmp_path / "deep/work.py"
    path.write_text(SCRIPT)
    return path


def test_the_codebase_is_written_beside_the_notebook(notebook, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.json").write_text(json.dumps({"words": "hi"}))
    assert (
        main(
            [
                "generate",
                "deep/work.py",
                "--project-id",
                "my-project-123",
                "--params",
                "params.json",
                "--label",
                "team=a",
                "--no-enable-caching",
            ]
        )
        == 0
    )
    assert (notebook.parent / "AutoMLOps/README.md").exists()
    assert "enable_caching=False" in (notebook.parent / "AutoMLOps/pipelines/pipeline_runner.py").read_text()
    assert "created" in capsys.readouterr().out


def test_parameters_may_be_yaml(notebook, tmp_path):
    (tmp_path / "params.yaml").write_text("words: hi\n")
    assert (
        main(
            [
                "generate",
                str(notebook),
                "--params",
                str(tmp_path / "params.yaml"),
                "--output-dir",
                str(tmp_path / "out"),
            ]
        )
        == 0
    )
    assert (tmp_path / "out/README.md").exists()


def test_a_dry_run_writes_nothing(notebook, tmp_path, capsys):
    (tmp_path / "params.json").write_text('{"words": "hi"}')
    assert main(["generate", str(notebook), "--params", str(tmp_path / "params.json"), "--dry-run"]) == 0
    assert not (notebook.parent / "AutoMLOps").exists()
    assert "dry run" in capsys.readouterr().out


TWICE = '{"words": "hi", "words": "ho"}'


@pytest.mark.parametrize(
    "text", ["[1]", "3", "null", '"x"', "{", "", "[" * 100_000, '{"words": ' + "9" * 5000 + "}", TWICE]
)
def test_a_params_file_that_is_no_object_is_refused(notebook, tmp_path, capsys, text):
    (tmp_path / "params.json").write_text(text)
    assert main(["generate", str(notebook), "--params", str(tmp_path / "params.json")]) == 2
    assert "params.json" in capsys.readouterr().err
    assert not (notebook.parent / "AutoMLOps").exists()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--output-dir", ""], "argument --output-dir: it is empty: name a folder"),
        (["--label", "team=a", "--label", "team=b"], "--label gives team twice (leave one)"),
        (["--label", "=a"], "labels has the key ''"),
        (["--license-header", "a\x1b[31m"], "license_header has characters that no file can show"),
        (["--pipeline", "\udcff"], r"there is no pipeline `\udcff`"),
    ],
)
def test_what_a_terminal_may_slip_in_is_refused(notebook, options, told, capsys):
    try:
        ended = main(["generate", str(notebook), *options])
    except SystemExit as end:
        ended = end.code
    assert ended == 2 and told in capsys.readouterr().err
    assert not (notebook.parent / "AutoMLOps").exists()


@pytest.mark.parametrize("seconds", ["nan", "inf", "-1", "0", "1e300"])
def test_a_timeout_that_is_no_time_is_refused(notebook, tmp_path, monkeypatch, seconds, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["generate", str(notebook), "--params", str(_written(tmp_path)), "--output-dir", "AutoMLOps"]) == 0
    assert main(["rehearse", "--timeout", seconds]) == 2
    assert "1 problem, nothing ran" in (said := capsys.readouterr().err) and "write a number of seconds" in said


def _written(folder):
    (folder / "params.json").write_text('{"words": "x"}')
    return folder / "params.json"


def test_a_picture_has_no_place_whose_name_is_no_path(notebook, capsys):
    assert main(["show", str(notebook), "--svg", "a\0b"]) == 2
    assert "is not a path" in capsys.readouterr().err


@pytest.mark.parametrize(
    "text",
    [
        TWICE,
        "words: hi\nwords: ho",
        "words: 2001-99-99",
        "words: !!int x",
        "words: !!python/name:os.system",
        "[" * 2000,
        "\0",
    ],
)
def test_a_params_file_that_is_no_yaml_is_refused(notebook, tmp_path, capsys, text):
    (tmp_path / "params.yaml").write_text(text)
    assert main(["generate", str(notebook), "--params", str(tmp_path / "params.yaml")]) == 2
    assert "params.yaml cannot be read" in capsys.readouterr().err
    assert not (notebook.parent / "AutoMLOps").exists()


def test_faults_are_told_on_stderr(notebook, capsys):
    assert main(["generate", str(notebook), "--project-id", "X", "--label", "team"]) == 2
    assert "NAME=VALUE" in capsys.readouterr().err
    assert main(["generate", str(notebook), "--project-id", "X"]) == 2
    said = capsys.readouterr().err
    assert "2 problems, nothing was written" in said and "project_id" in said and "`words`" in said


def test_a_missing_notebook_is_said(tmp_path, capsys):
    assert main(["generate", str(tmp_path / "no.ipynb")]) == 2
    assert "no.ipynb" in capsys.readouterr().err


def test_a_local_module_beside_the_notebook_is_known(notebook, capsys):
    (notebook.parent / "helpers.py").write_text("X = 1\n")
    notebook.write_text(SCRIPT.replace("print(words)", "import helpers"))
    assert main(["generate", str(notebook)]) == 2
    said = capsys.readouterr().err
    assert "helpers" in said and "not travel" in said


# ------------------------------------------------------------------------------- settings

SAID = {
    "run_local": (["--no-run-local"], False),
    "cb_trigger_location": (["--cb-trigger-location", "europe-west1"], "europe-west1"),
    "cb_trigger_name": (["--cb-trigger-name", "wine"], "wine"),
    "source_repo_type": (["--source-repo-type", "gitlab"], "gitlab"),
    "source_repo_name": (["--source-repo-name", "example/wine"], "example/wine"),
    "source_repo_connection": (["--source-repo-connection", "ours"], "ours"),
    "source_repo_secrets": (
        ["--source-repo-secret", "token=t/versions/1", "--source-repo-secret", "read_token=r/versions/2"]
        + ["--source-repo-secret", "webhook=w/versions/latest"],
        {"token": "t/versions/1", "read_token": "r/versions/2", "webhook": "w/versions/latest"},
    ),
    "csr_name": (["--csr-name", "wine-repo"], "wine-repo"),
    "csr_branch_name": (["--csr-branch-name", "release"], "release"),
    "submission_service": (["--submission-service"], True),
    "cloud_run_location": (["--cloud-run-location", "europe-west1"], "europe-west1"),
    "cloud_run_name": (["--cloud-run-name", "starts-runs"], "starts-runs"),
    "pubsub_topic_name": (["--pubsub-topic-name", "asks-for-runs"], "asks-for-runs"),
    "ingress": (["--ingress", "all"], "all"),
    "schedule": (["--schedule", "0 6 * * 1"], "0 6 * * 1"),
    "schedule_engine": (["--schedule-engine", "vertex"], "vertex"),
    "schedule_location": (["--schedule-location", "europe-west1"], "europe-west1"),
    "schedule_name": (["--schedule-name", "each-monday"], "each-monday"),
    "schedule_time_zone": (["--schedule-time-zone", "Europe/Berlin"], "Europe/Berlin"),
    "schedule_max_runs": (["--schedule-max-runs", "12"], 12),
    "schedule_concurrency": (["--schedule-concurrency", "2"], 2),
    "schedule_catch_up": (["--schedule-catch-up"], True),
}


def test_what_a_push_needs_can_be_said(notebook, tmp_path):
    (tmp_path / "params.json").write_text('{"words": "hi"}')
    options = [word for words, _ in SAID.values() for word in words]
    given = ["--project-id", "my-project-123", "--params", str(tmp_path / "params.json")]
    given += ["--pipeline-job-location", "europe-west1"]  # where its schedule is, too
    assert main(["generate", str(notebook), *given, *options]) == 0
    section = yaml.safe_load((notebook.parent / "AutoMLOps/configs/defaults.yaml").read_text())["ci"]
    assert section == {name: value for name, (_, value) in SAID.items()}


def test_every_setting_has_an_option_with_the_settings_own_words(capsys):
    for verb in ("generate", "rehearse", "go"):
        with pytest.raises(SystemExit):
            main([verb, "--help"])
        said = "".join(capsys.readouterr().out.split()).replace("-", "")
        for name, told in rows():
            singular = {"labels": "label", "extra_regions": "extra_region", "source_repo_secrets": "source_repo_secret"}
            assert f"{singular.get(name, name)}".replace("_", "") in said, f"{verb} has no option for {name}"
            assert "".join(told.split()).replace("-", "") in said


def rows():
    return [(name, told) for _, lines in table(Settings()) for name, _, told in lines]


@pytest.mark.parametrize("words", [words for words, _ in SAID.values()])
def test_settings_are_refused_where_nothing_is_generated(tmp_path, monkeypatch, capsys, words):
    monkeypatch.chdir(tmp_path)
    assert main(["rehearse", *words]) == 2
    option = words[0].replace("--no-", "--")
    assert f"{option} is for generating (name the NOTEBOOK too" in capsys.readouterr().err


def test_a_secret_without_its_key_is_told_by_its_option(notebook, capsys):
    assert main(["generate", str(notebook), "--source-repo-secret", "pat/versions/1"]) == 2
    assert "--source-repo-secret pat/versions/1 (write NAME=VALUE)" in capsys.readouterr().err


# ------------------------------------------------------------------------------- verbs of the cloud

LOGIN = Check(name="login", fate=Fate.WRONG, told="nobody is logged in", mend="gcloud auth login")
GO = ["go", "work.py", "--project-id", "demo-project"]


@pytest.fixture
def checks(monkeypatch):
    """What looking ahead finds: nothing, until a test puts something there."""
    found = []
    monkeypatch.setattr("AutoMLOps.preflight.tools", lambda builds: ())
    monkeypatch.setattr("AutoMLOps.preflight.checks", lambda settings, submits, builds: tuple(found))
    return found


@pytest.fixture
def folder(tmp_path, monkeypatch, checks, capsys):
    """A codebase in the current folder, whose scripts are stubs; what writing it printed is read already."""
    monkeypatch.chdir(tmp_path)
    yield codebase()


def test_a_plan_is_shown_on_stdout_and_ends_well(folder, capsys):
    assert main(["plan"]) == 0 and calls() == ["provision PLAN=1"]
    said = capsys.readouterr()
    assert said.out.startswith("AutoMLOps/provision/provision_resources.sh: 1 to create\n") and not said.err
    assert said.out.count("  create   bucket") == 1


def test_a_plan_with_something_to_mend_first_ends_with_1(folder, checks, capsys):
    checks.append(LOGIN)
    assert main(["plan", "--output-dir", str(folder)]) == 1
    said = capsys.readouterr()
    assert "1 to mend first" in said.out and "-> gcloud auth login" in said.out and not said.err


def test_the_help_of_plan_says_how_it_ends(capsys):
    with pytest.raises(SystemExit):
        main(["plan", "--help"])
    assert "exits with 1" in " ".join(capsys.readouterr().out.split())


def test_each_verb_prints_its_result_once_on_stdout(folder, capsys):
    for verb, last in (("provision", "created  bucket"), ("deploy", "image  host/one"), ("deprovision", "removed  b")):
        assert main([verb]) == 0
        said = capsys.readouterr()
        assert said.out.count(last) == 1 and said.out.splitlines()[-1].strip().startswith(last), verb


def test_deploy_hands_on_what_it_is_told(folder, capsys, monkeypatch):
    assert main(["deploy", "--wait"]) == 0 and calls() == ["run_all --wait"]
    assert ": succeeded" in capsys.readouterr().out
    monkeypatch.setattr("AutoMLOps.deploying.deployed", lambda *given, **more: (given, more))
    assert main(["deploy", "--notebook", "work.py", "--message", "a new one", "--output-dir", "deep"]) == 0
    told = {"wait": False, "notebook": Path("work.py"), "message": "a new one"}
    assert capsys.readouterr().out == f"{((Path('deep'),), told)}\n"


def test_deprovision_can_only_show(folder, capsys):
    assert main(["deprovision", "--dry-run", "--delete-data"]) == 0
    assert calls() == ["deprovision PLAN=1 DELETE_DATA=1"]
    assert "1 to remove (nothing was done yet)" in capsys.readouterr().out


def test_go_shows_what_comes_before_on_stderr_and_the_run_on_stdout(folder, capsys):
    assert main([*GO, "--wait"]) == 0
    assert calls() == ["provision PLAN=1", "provision PLAN=", "run_all --wait"]
    said = capsys.readouterr()
    assert [line.split()[0] for line in said.out.splitlines()] == [
        "AutoMLOps/provision/provision_resources.sh:",
        "projects/1/locations/us-central1/pipelineJobs/wine-1:",
        *["run", "spec", "image"],
    ]
    order = [said.err.index(each) for each in ("AutoMLOps/: ", ": 1 to create", "created  bucket", "building")]
    assert order == sorted(order)


def test_go_writes_beside_the_notebook_as_generate_does(folder, tmp_path, monkeypatch, capsys):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert main(["go", "../work.py", "--project-id", "demo-project"]) == 0
    assert calls()[-1] == "run_all " and not Path("AutoMLOps").exists()
    assert "../AutoMLOps/: " in capsys.readouterr().err


def test_go_can_stop_at_the_plan(folder, checks, capsys):
    (folder / "README.md").unlink()
    assert main([*GO, "--dry-run"]) == 0 and calls() == ["provision PLAN=1"] and (folder / "README.md").exists()
    assert capsys.readouterr().out == "dry run, nothing was made in Google Cloud: 1 to create\n"
    checks.append(LOGIN)
    assert main([*GO, "--dry-run"]) == 1
    assert capsys.readouterr().out.endswith("1 to create; 1 to mend first\n")


def test_go_ends_with_2_before_anything_is_made_where_something_is_to_be_mended(folder, checks, capsys):
    checks.append(LOGIN)
    assert main(GO) == 2 and calls() == ["provision PLAN=offline"]
    said = capsys.readouterr()
    assert not said.out and "nothing was made in Google Cloud:\n  - nobody is logged in" in said.err


def test_go_takes_the_settings_of_generate(folder, capsys):
    assert main([*GO, "--no-enable-caching", "--label", "team=a", "--dry-run"]) == 0
    configs = yaml.safe_load((folder / "configs/defaults.yaml").read_text())
    assert {"team": "a"} in [section.get("labels") for section in configs.values()]
    assert main([*GO, "--af-registry-name", "Not A Name"]) == 2
    assert "nothing was written" in capsys.readouterr().err


def test_a_script_that_fails_ends_with_1(folder, capsys):
    stub(folder, RUN_ALL, "echo 'stopped at: the build' >&2\nexit 3\n")
    assert main(["deploy"]) == 1
    said = capsys.readouterr()
    assert not said.out and "automlops: AutoMLOps/scripts/run_all.sh stopped with exit code 3" in said.err
