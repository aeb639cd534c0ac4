import copy
import enum
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from AutoMLOps.model import Problem
from AutoMLOps.settings import BUCKET_REGIONS, MOST_LABELS, MULTI_REGIONS, REGIONS, Settings, chosen, table

NAMES = tuple(name for name in Settings.__slots__ if name not in ("own_images", "repository_folder"))
PROJECT = "my-project-123"
DIGEST = "sha256:" + "0a" * 32


def settings(**arguments: object) -> Settings:
    made, problems = chosen(arguments)
    assert made is not None, problems
    return made


def fault(arguments: dict[str, object], saved: object = None) -> str:
    """The one fault of these, as a person reads it."""
    made, problems = chosen(arguments, saved)
    assert made is None
    assert len(problems) == 1, problems
    assert problems[0].hint
    return str(problems[0])


def read_back(made: Settings) -> object:
    """The settings after a trip through the file, as YAML and nothing else."""
    text = yaml.safe_dump({section: {name: value for name, value, _ in rows} for section, rows in table(made)})
    return yaml.safe_load(text)


class Region(enum.StrEnum):
    HERE = "europe-west4"


# A value for each argument of create_custom_training_job_from_component, as good as the next.
JOB: dict[str, object] = {
    "display_name": 'it\'s $(id) {{ x }} "quoted" 🎉',
    "replica_count": 2,
    "machine_type": "a2-highgpu-1g",
    "accelerator_type": "NVIDIA_TESLA_A100",
    "accelerator_count": 1,
    "boot_disk_type": "pd-standard",
    "boot_disk_size_gb": 200,
    "timeout": "3600.5s",
    "restart_job_on_worker_restart": True,
    "service_account": "trainer@my-project-123.iam.gserviceaccount.com",
    "encryption_spec_key_name": "projects/p/locations/l/keyRings/r/cryptoKeys/k",
    "tensorboard": "projects/1/locations/us-central1/tensorboards/2",
    "enable_web_access": False,
    "reserved_ip_ranges": ["a-range"],
    "nfs_mounts": [{"server": "10.0.0.1", "path": "/data", "mountPoint": "/mnt/data"}],
    "base_output_directory": "gs://my-bucket/jobs",
    "labels": {"team": "fraud"},
    "persistent_resource_id": "a-machine",
    "env": [{"name": "SIZE", "value": "3"}],
    "strategy": "SPOT",
    "max_wait_duration": "60s",
    "reservation_affinity_type": "SPECIFIC_RESERVATION",
    "reservation_affinity_key": "compute.googleapis.com/reservation-name",
    "reservation_affinity_values": ["projects/p/reservations/r"],
    "psc_interface_config": {"network_attachment": "projects/p/a", "dns_peering_configs": [{"domain": "d."}]},
}

GOOD: dict[str, tuple[object, ...]] = {
    "project_id": (PROJECT, "abcdef", "a" * 30, "a--b-c", "example.com:my-proj", "sub.example.co.uk:abc123", None),
    "af_registry_location": (*REGIONS, *MULTI_REGIONS, Region.HERE),
    "pipeline_job_location": (*REGIONS, Region.HERE),
    "af_registry_name": ("a", "vertex-mlops-af", "a" * 63, "a1"),
    "gs_bucket_location": (*REGIONS, *BUCKET_REGIONS, Region.HERE),
    "steps_use": ([], ["bigquery"], ("vertex-jobs", "bigquery"), None),
    "gs_bucket_name": ("abc", "a" * 63, "0-_-9", "a.b", "my_bucket", f"{'a' * 63}.{'b' * 63}.com", None),
    "pipeline_runner_sa": (
        "runner@my-project-123.iam.gserviceaccount.com",
        "vertex-pipelines@proj123.example.com.iam.gserviceaccount.com",
        "123456789012-compute@developer.gserviceaccount.com",
        "my-project-123@appspot.gserviceaccount.com",
        None,
    ),
    "parameter_values_path": ("values.json", "a/b_c-d/e.f.json", "pipelines/values.json", "configs/x.json", ".x.json"),
    "pipeline_job_spec_path": ("spec.json", "scripts/spec.json", "provision/spec.json"),
    "enable_caching": (True, False, None),
    "labels": (
        {},
        {"team": "fraud", "empty": "", "a_b-1": "1_-"},
        {"équipe": "données", "日本": "東京"},
        {"k" * 63: "v" * 63},
        {f"k{number}": "" for number in range(MOST_LABELS)},
        None,
    ),
    "custom_training_job_specs": (
        [],
        [{"component_spec": "train", "machine_type": "n1-standard-8", "accelerator_type": None}],
        ({"component_spec": "train", **JOB}, {"component_spec": "count"}),
        None,
    ),
    "base_image": (
        "python",
        "python:3.11-slim",
        "tensorflow/tensorflow:2.15.0-gpu",
        "localhost/x",
        "localhost:5000/a/b:c",
        "registry:5000/a",
        "us-docker.pkg.dev/vertex-ai/training/tf-cpu.2-13.py310:latest",
        f"gcr.io/p/i@{DIGEST}",
        f"gcr.io/p/i:{'t' * 128}@{DIGEST}",
        "a__b/c--d",
        None,
    ),
    "images": ("shared", "auto", "per-component"),
    "naming_prefix": ("a", "team-1", "a" * 45, None),
    "output_dir": ("AutoMLOps", "out put/é", "/tmp/x", "..", Path("a/b")),
    "license_header": ("Copyright 2026\nAll rights $(reserved) {{ x }} '\"", "", "\tindented", "emoji 🎉", None),
    "extra_regions": ([], ["mars-east1"], ("mars-east1", "u-germany-northeast1"), ["us-central1"], None),
    "run_local": (True, False),
    "cb_trigger_location": (*REGIONS, Region.HERE),
    "cb_trigger_name": ("a", "automlops-trigger", "My-Trigger1", "a" * 64),
    "source_repo_type": ("github", "gitlab", "csr", None),
    "source_repo_name": ("example/wine-quality", "group/sub.group/name", None),
    "source_repo_connection": ("a", "automlops-github", "a" * 63, None),
    "source_repo_secrets": (
        {},
        {"token": "github-token/versions/1", "github_app": 12345678},
        {"token": "projects/my-project-123/secrets/t/versions/latest", "read_token": "r/versions/2"},
        None,
    ),
    "csr_name": ("AutoMLOps-repo", "abc", "a" * 128),
    "csr_branch_name": ("automlops", "main", "feature/wine-1.2"),
    "submission_service": (False, None),
    "cloud_run_location": (*REGIONS, Region.HERE),
    "cloud_run_name": ("a", "run-pipeline", "a" * 49),
    "pubsub_topic_name": ("abc", "automlops-runs", "A.b_c~1", None),
    "ingress": ("internal", "internal-and-cloud-load-balancing", "all"),
    "schedule": ("No Schedule Specified", None),
    "schedule_engine": ("cloud-scheduler", "vertex"),
    "schedule_location": (*REGIONS, Region.HERE),
    "schedule_name": ("a", "AutoMLOps-schedule", "my_schedule", "a" * 500, None),
    "schedule_time_zone": ("Etc/UTC", "UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires"),
    "schedule_max_runs": (None,),
    "schedule_concurrency": (1,),
    "schedule_catch_up": (False,),
}

BAD: dict[str, tuple[tuple[object, str], ...]] = {
    "gs_bucket_location": (
        ("europe", "choose one region"),
        ("us-central1-a", "write its region, us-central1"),
        ("mars-east1", "extra_regions=['mars-east1']"),
    ),
    "steps_use": (
        ("bigquery", "a list"),
        (["big_query"], "did you mean bigquery?"),
        (["everything"], "choose from bigquery, vertex-jobs"),
        ([1], "in quotes"),
    ),
    "custom_training_job_specs": (
        ({"component_spec": "train"}, "write [{'component_spec'"),
        (["train"], "each is a dict with a component_spec"),
        ([{"machine_type": "n1-standard-8"}], "name the component"),
        ([{"component_spec": "train", "machine_typ": "x"}], "did you mean machine_type?"),
        ([{"component_spec": "train", "zzz": "x"}], "takes what create_custom_training_job_from_component takes"),
        ([{"component_spec": "train", "replica_count": "2"}], "replica_count is '2', not a whole number above 0"),
        ([{"component_spec": "train", "replica_count": True}], "replica_count is True"),
        ([{"component_spec": "train", "machine_type": 8}], "machine_type is int, not text"),
        ([{"component_spec": "train", "enable_web_access": "yes"}], "not True or False"),
        ([{"component_spec": "train", "timeout": 3600}], "like '3600s'"),
        ([{"component_spec": "train", "env": {"SIZE": "3"}}], "like [{'name': 'SIZE', 'value': '3'}]"),
        ([{"component_spec": "train", "labels": {"team": 1}}], "like {'team': 'fraud'}"),
        ([{"component_spec": "train", "reserved_ip_ranges": "a"}], "like ['one', 'two']"),
        ([{"component_spec": "train", "psc_interface_config": [1]}], "psc_interface_config is list, not a dict"),
        ([{"component_spec": "train", "env": [{"name": "A", "value": "\0"}]}], "no file can show"),
        ([{"component_spec": "train", "accelerator_count": 1}], "accelerator_count has no accelerator_type"),
        ([{"component_spec": "train", "reservation_affinity_key": "k"}], "has no reservation_affinity_type"),
        ([{"component_spec": "train", "network": "n", "psc_interface_config": {"a": "b"}}], "cannot stand together"),
        ([{"component_spec": "train"}, {"component_spec": "train"}], "has 'train' twice"),
    ),
    "project_id": (
        ("My Project!; rm -rf /", "not a Google Cloud project id"),
        ("abcde", "6 to 30"),
        ("a" * 31, "6 to 30"),
        ("1abcdef", "letter first"),
        ("abcdef-", "no hyphen last"),
        ("my_project", "hyphens"),
        ("My-Project", "my-project would do"),
        ("my-project\n", "my-project would do"),
        ("", "6 to 30"),
        ("com:my-proj", "6 to 30"),
        ("123456789012", "project's number"),
        (123456789012, "project's number"),
        ("projects/my-project", "leave off projects/"),
        ("proj\u0661ect", "6 to 30"),
    ),
    "af_registry_location": (
        ("mars-east1", "extra_regions=['mars-east1']"),
        ("us-centrall1", "the nearest is us-central1"),
        ("US-CENTRAL1", "the nearest is us-central1"),
        ("us-central1-a", "its region, us-central1"),
        ("eu", "choose one region"),
        ("global", "choose one region"),
        ("", "us-central1"),
        ("$(whoami)", "us-central1"),
    ),
    "pipeline_job_location": (("us", "choose one region"), ("europe-west4-b", "europe-west4"), ("x", "us-central1")),
    "af_registry_name": (
        ("My_Repo", "lower-case"),
        ("1a", "letter first"),
        ("a-", "no hyphen last"),
        ("a" * 64, "63"),
        ("projects/p/locations/l/repositories/r", "own name alone"),
    ),
    "gs_bucket_name": (
        ("My_Bucket..UPPER$(whoami)", "not a bucket's name"),
        ("ab", "3 to 63"),
        ("a" * 64, "3 to 63"),
        (f"{'a' * 64}.com", "3 to 63"),
        (".".join(["a" * 60] * 4), "3 to 63"),
        ("a..b", "not a bucket's name"),
        ("-abc", "first and last"),
        ("abc_", "first and last"),
        ("192.168.5.4", "IP address"),
        ("goog-bucket", "begin with goog"),
        ("my-g00gle-bucket", "contain google"),
        ("gs://my-bucket", "leave off gs://"),
        ("my-bucket/folder", "without a folder"),
        ("", "3 to 63"),
    ),
    "pipeline_runner_sa": (
        ("not-an-email", "not a service account's e-mail"),
        ("someone@example.com", "NAME@PROJECT"),
        ("short@my-project-123.iam.gserviceaccount.com", "6 to 30"),
        ("serviceAccount:runner@my-project-123.iam.gserviceaccount.com", "leave off serviceAccount:"),
        ("/home/me/key.json", "impersonate"),
        ('{"private_key": "hunter2"}', "impersonate"),
        ({"private_key": "hunter2"}, "impersonate"),
    ),
    "parameter_values_path": (
        ("/etc/x.json", "relative"),
        ("a\\b.json", "relative"),
        ("a//b.json", "relative"),
        ("a b.json", "relative"),
        ("-a.json", "relative"),
        ("é.json", "relative"),
        ("a\n.json", "relative"),
        ("", "relative"),
        ("a" * 200 + ".json", "up to 200"),
        ("../x.json", "leave off"),
        ("a/./x.json", "leave off"),
        ("values.yaml", ".json"),
        ("a/.json", ".json"),
        (".git/x.json", "in the way of .git"),
        ("a/.GIT/x.json", "in the way of .git"),
        (".automlops/manifest.json", "in the way of .automlops"),
        ("components/x.json", "in the way of components"),
        ("tests/x.json", "in the way of tests"),
        ("README.md/x.json", "in the way of readme.md"),
        ("configs/defaults.yaml/x.json", "in the way of configs/defaults.yaml"),
        ("pipelines/pipeline.py/x.json", "in the way of pipelines/pipeline.py"),
        ("scripts/pipeline_spec/pipeline_job.json", "each its own file"),
        ("scripts/Pipeline_Spec/pipeline_job.json", "each its own file"),
        ("scripts/pipeline_spec/pipeline_job.json/x.json", "each its own file"),
    ),
    "pipeline_job_spec_path": (("spec.txt", ".json"), ("scripts/run_all.sh/x.json", "in the way of")),
    "enable_caching": (("yes", "True, False or None"), (1, "True, False or None")),
    "labels": (
        (["a"], "not a dict"),
        ({"Team": "a"}, "'Team'"),
        ({"1a": "a"}, "letter first"),
        ({"": "a"}, "letter first"),
        ({"a": "B"}, "'B'"),
        ({"a": "b c"}, "'b c'"),
        ({"k" * 64: ""}, "63"),
        ({"日" * 43: ""}, "63"),
        ({"a": "v" * 64}, "63"),
        ({"cost": 1}, "quotes"),
        ({1: "a"}, "quotes"),
        ({"managed-by": "me"}, "leave it out"),
        ({"automlops-pipeline": "x"}, "leave it out"),
        ({f"k{number}": "" for number in range(MOST_LABELS + 1)}, f"at most {MOST_LABELS}"),
    ),
    "base_image": (
        ("Foo/bar", "foo/bar would do"),
        ("python:3.11 slim", "not a container image"),
        ("python:", "not a container image"),
        ("python:-x", "not a container image"),
        ("a___b", "not a container image"),
        ("python@sha256:abc", "DIGEST"),
        (f"python:{'t' * 129}", "not a container image"),
        ("docker://python", "leave off"),
        ("$(whoami)", "not a container image"),
        ("python\nRUN x", "not a container image"),
        ("", "not a container image"),
    ),
    "images": (("Shared", "did you mean shared?"), ("per_component", "did you mean per-component?"), ("", "choose")),
    "naming_prefix": (("Team", "team would do"), ("a" * 46, "45"), ("1a", "letter first"), ("a-", "no hyphen last")),
    "output_dir": (
        ("", "name the folder"),
        (" ", "name the folder"),
        ("a\0b", "control"),
        ("a\nb", "control"),
        ("/", "inside it"),
        ("//", "inside it"),
        ("C:\\", "inside it"),
        ("~", "Path.home()"),
        ("~/out", "Path.home()"),
        (Path("/"), "inside it"),
    ),
    "license_header": (("a\0b", "control"), ("\x1b[0m", "control"), ("\ud800", "control"), ("\uffff", "control")),
    "extra_regions": (
        ("mars-east1", "not a list"),
        (["Mars East"], "looks like"),
        (["mars-east1-a"], "looks like"),
        ([1], "in quotes"),
        ([["x"]], "in quotes"),
    ),
    "run_local": (("no", "True, False or None"), (0, "True, False or None")),
    "cb_trigger_location": (("us", "choose one region"), ("europe-west4-b", "europe-west4"), ("global", "one region")),
    "cb_trigger_name": (("a_b", "hyphens"), ("-a", "first and last"), ("a" * 65, "64"), ("$(id)", "hyphens")),
    "source_repo_type": (
        ("githb", "did you mean github?"),
        ("bitbucket", "not served yet"),
        ("mercurial", "choose github"),
        ("", "choose github"),
    ),
    "source_repo_name": (
        ("wine", "like example/wine-quality"),
        ("https://github.com/example/wine", "leave off the address"),
        ("a/b;id", "like example"),
        ("../b", "like example"),
    ),
    "source_repo_connection": (("projects/p/locations/l/connections/c", "own name alone"), ("A", "a would do")),
    "source_repo_secrets": (
        (["t"], "not a dict"),
        ({"tokn": "t/versions/1"}, "its keys are"),
        ({"token": "ghp_0123456789abcdef"}, "never what is in it"),
        ({"token": 3}, "never what is in it"),
        ({"github_app": "my-app"}, "installation"),
    ),
    "csr_name": (("a/b", "3 to 128"), ("ab", "3 to 128"), ("--force", "letter first")),
    "csr_branch_name": (
        ("refs/heads/main", "leave off"),
        ("-d", "within it"),
        ("a..b", "within it"),
        ("a b", "within it"),
        ("$(id)", "within it"),
    ),
    "submission_service": (("yes", "True, False or None"), (1, "True, False or None"), (True, "needs run_local=False")),
    "cloud_run_location": (("us", "choose one region"), ("europe-west4-b", "europe-west4")),
    "cloud_run_name": (("Run", "run would do"), ("a_b", "hyphens"), ("a-", "no hyphen last"), ("a" * 50, "49")),
    "pubsub_topic_name": (
        ("ab", "3 to 200"),
        ("google-runs", "not goog"),
        ("projects/p/topics/runs", "own name alone"),
        ("$(id)", "letters, digits"),
    ),
    "ingress": (("public", "choose from internal"), ("", "choose from")),
    "schedule": (
        ("every tuesday", "has 2 fields, and a cron line has five"),
        ('0 0 * * "$(id)"', "is not a cron line"),
        ("0 6 * * 8", "write 0 to 7, or SUN to SAT"),
        ("@daily", "write 0 0 * * *"),
        ("0 6 * * 1", "needs run_local=False"),
        (6, "in quotes"),
    ),
    "schedule_engine": (("cloud_scheduler", "did you mean cloud-scheduler?"), ("cron", "choose from")),
    "schedule_location": (("us", "choose one region"), ("europe-west4-b", "europe-west4")),
    "schedule_name": (
        ("my schedule", "up to 500"),
        ("$(id)", "letters, digits"),
        ("projects/p/locations/l/jobs/j", "own name alone"),
        ("--force", "no hyphen first"),
        ("a" * 501, "up to 500"),
    ),
    "schedule_time_zone": (
        ("europe/berlin", "did you mean Europe/Berlin?"),
        ("Mars/Olympus", "no time zone"),
        ("../../etc/passwd", "no time zone"),
        ("$(id)", "no time zone"),
        ("", "no time zone"),
    ),
    "schedule_max_runs": (
        ("3", "in digits, without quotes"),
        (0, "write 1 or more"),
        (True, "a whole number"),
        (2**31, "is no number of runs"),
        (3, "add schedule_engine='vertex', or leave it out"),
    ),
    "schedule_concurrency": ((-1, "write 1 or more"), (2.0, "a whole number"), (2, "add schedule_engine='vertex'")),
    "schedule_catch_up": (("yes", "without quotes"), (True, "add schedule_engine='vertex'")),
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name in NAMES for value in GOOD[name]])
def test_a_good_value_is_taken(name, value):
    made = settings(**{name: value})
    if isinstance(value, str) and name not in ("license_header", "schedule"):
        assert getattr(made, name) == value
        assert type(getattr(made, name)) is str


@pytest.mark.parametrize(("name", "value", "said"), [(name, *row) for name in NAMES for row in BAD[name]])
def test_a_bad_value_is_one_fault_that_says_how_to_mend_it(name, value, said):
    text = fault({name: value})
    assert name in text
    assert said in text
    assert len(text) < 400


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "value", [b"bytes", 3.5, object(), {1, 2}, print, type], ids=lambda value: type(value).__name__
)
def test_a_value_of_the_wrong_type_is_one_fault(name, value):
    assert name in fault({name: value})


def test_every_fault_of_every_custom_job_is_told_at_once():
    one = {"component_spec": "train", "replica_count": 0, "acelerator_type": "x", "accelerator_count": 1}
    _, problems = chosen({"custom_training_job_specs": [one, {"component_spec": "count", "timeout": "1h"}, 7]})
    assert [str(problem).partition("custom_training_job_specs ")[2].partition(" (")[0] for problem in problems] == [
        "of 'train' has 'acelerator_type', which a custom job does not take",
        "of 'train': replica_count is int, not a whole number above 0",
        "of 'train': accelerator_count has no accelerator_type",
        "of 'count': timeout is '1h', not a time in seconds",
        "has int as its 3. item",
    ]


def test_custom_jobs_are_kept_by_name_and_say_what_they_run_on():
    one, two = settings(custom_training_job_specs=GOOD["custom_training_job_specs"][2]).custom_training_job_specs
    assert (one.component, one.machine, one.values) == ("count", "n1-standard-4", {})
    assert (two.component, two.values) == ("train", JOB)
    assert two.machine == "2 a2-highgpu-1g with 1 NVIDIA_TESLA_A100"


@pytest.mark.parametrize("name", NAMES)
def test_a_fault_of_the_file_names_the_file(name):
    section = next((section for section, rows in table(Settings()) if name in [row[0] for row in rows]), "gcp")
    assert fault({}, {section: {name: 3.5}}).startswith(f"configs/defaults.yaml: {name} ")


def test_a_key_in_place_of_an_account_is_never_shown():
    for key in ('{"private_key": "hunter2"}', {"private_key": "hunter2"}, "-----BEGIN hunter2", "/hunter2/k.json"):
        assert "hunter2" not in fault({"pipeline_runner_sa": key})


def test_all_faults_are_told_together():
    bad = {name: rows[0][0] for name, rows in BAD.items()}
    _, problems = chosen({**bad, "projct_id": "x", "vpc_connector": "mine"}, {"gpc": {}, "images": []})
    assert len(problems) == len(bad) + 4


def test_every_bad_label_is_told():
    _, problems = chosen({"labels": {"A": "x", "b": "Y", "managed-by": "z"}})
    assert len(problems) == 3


# -- who wins


def test_an_argument_wins_over_the_file_and_the_file_over_the_default():
    saved = {"gcp": {"project_id": "from-file", "pipeline_job_location": "europe-west4"}}
    made, _ = chosen({"project_id": "from-call"}, saved)
    assert made == Settings(project_id="from-call", pipeline_job_location="europe-west4")


def test_none_in_the_call_takes_an_open_setting_back_to_its_default():
    saved = {
        "pipelines": {"enable_caching": True},
        "images": {"base_image": "python:3.9"},
        "gcp": {"labels": {"a": "b"}},
    }
    assert chosen({"enable_caching": None, "base_image": None, "labels": None}, saved) == (Settings(), ())


@pytest.mark.parametrize("name", [name for name in NAMES if None not in GOOD[name]])
def test_none_where_a_value_is_needed_is_a_fault_that_names_the_default(name):
    assert f"leave it out for the default, {getattr(Settings(), name)}" in fault({name: None})


def test_a_value_of_the_file_that_the_call_replaces_is_not_judged():
    assert chosen({"project_id": PROJECT}, {"gcp": {"project_id": "Bad One"}})[1] == ()


def test_nothing_given_is_the_default():
    for saved in (None, {}, {"gcp": None, "images": {}}):
        assert chosen({}, saved) == (Settings(), ())


def test_a_region_that_is_new_is_let_through_by_name():
    made = settings(pipeline_job_location="mars-east1", af_registry_location="mars-east1", extra_regions=["mars-east1"])
    assert made.extra_regions == ("mars-east1",)


def test_labels_and_regions_keep_no_order_of_writing():
    assert settings(labels={"b": "1", "a": "2"}) == settings(labels={"a": "2", "b": "1"})
    assert settings(extra_regions=["b-east1", "a-east1", "b-east1"]).extra_regions == ("a-east1", "b-east1")


def test_the_home_folder_is_not_an_output_folder(monkeypatch):
    monkeypatch.setenv("HOME", "/somewhere/me")
    assert "inside it" in fault({"output_dir": "/somewhere/me/"})
    assert settings(output_dir="/somewhere/me/out")


def test_every_line_end_of_a_licence_is_a_newline():
    assert settings(license_header="a\r\nb\rc\u2028d\x0be\x85f\n").license_header == "a\nb\nc\nd\ne\nf"


# -- the repository and its trigger


def test_a_host_goes_by_its_older_name_too():
    assert settings(source_repo_type="cloud-source-repositories").host == "csr"
    assert settings(source_repo_type="GitHub").host == "github"


def test_the_repository_decides_what_its_connection_and_address_are():
    github = settings(project_id=PROJECT, source_repo_type="github", source_repo_name="example/wine")
    assert (github.connection, github.repository) == ("automlops-github", "example/wine")
    assert github.remote == "https://github.com/example/wine.git"
    csr = settings(project_id=PROJECT)
    assert (csr.connection, csr.repository) == ("", "AutoMLOps-repo")
    assert csr.remote == f"https://source.developers.google.com/p/{PROJECT}/r/AutoMLOps-repo"


def test_a_trigger_follows_the_prefix_unless_it_is_given():
    assert settings(naming_prefix="fraud").trigger == "fraud-build-trigger"
    assert settings(naming_prefix="fraud", cb_trigger_name="mine").trigger == "mine"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"source_repo_type": "github"}, "source_repo_name is needed for github"),
        ({"source_repo_secrets": {"token": "t/versions/1"}}, "csr takes none at all"),
        (
            {"source_repo_type": "gitlab", "source_repo_name": "a/b", "source_repo_secrets": {"token": "t/versions/1"}},
            "gitlab takes read_token, token, webhook",
        ),
        (
            {
                "source_repo_type": "github",
                "source_repo_name": "a/b",
                "source_repo_secrets": {"token": "projects/other-project/secrets/t/versions/1", "github_app": 1},
            },
            "in other-project",
        ),
    ],
)
def test_what_a_trigger_lacks_is_told_where_there_is_to_be_one(given, said):
    assert said in fault({"project_id": PROJECT, "run_local": False, **given})
    assert chosen({"project_id": PROJECT, **given})[0]


# -- names that are not settings


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("projct_id", "did you mean project_id?"),
        ("Project_ID", "did you mean project_id?"),
        ("base_imgae", "did you mean base_image?"),
        ("storage_bukcet_name", "did you mean gs_bucket_name?"),
        ("zzz", "the settings are af_registry_location"),
        ("provision_credentials_key", "no key is needed"),
        ("x\ny" * 99, "not a setting"),
        (7, "text, not int"),
        (None, "text, not NoneType"),
    ],
)
def test_an_unknown_name_is_a_fault_with_the_nearest_one(name, said):
    text = fault_of_name(name)
    assert said in text
    assert "\n" not in text


def fault_of_name(name: object) -> str:
    _, (problem,) = chosen({name: "x"})
    _, (in_file,) = chosen({}, {"gcp": {name: "x"}})
    assert str(in_file) == f"configs/defaults.yaml: {problem}"
    return str(problem)


@pytest.mark.parametrize(
    ("saved", "said"),
    [
        ([], "holds list instead of sections"),
        ("text", "holds str instead of sections"),
        (3, "holds int instead of sections"),
        ({"gcp": []}, "section gcp holds list instead of settings"),
        ({"gpc": {}}, "did you mean gcp?"),
        ({"zzz": {}}, "its sections are gcp, pipelines, images, ci, files"),
        ({"project_id": "abcdef"}, "put it under gcp:"),
        ({"schedule": "x"}, "put it under ci:"),
        ({"vpc_connector": "x"}, "vpc_connector is not a setting: the service that starts runs is on Cloud Run"),
        ({"gcp": {"storage_bucket_name": "mine"}}, "a name of earlier versions (write gs_bucket_name)"),
        ({"ci": {"use_ci": True}}, "a name of earlier versions (write run_local, its opposite)"),
        ({"gcp": {"schedule_pattern": None}, "tooling": {"use_ci": True}}, "move the folder away"),
        ({"gcp": {"enable_caching": True}}, "put it under pipelines:"),
        ({"gcp": {"output_dir": "x"}}, "not kept in the file"),
        ({1: {}}, "text, not int"),
        ({"gcp": {True: 1}}, "text, not bool"),
        ({"gcp": {"af_registry_location": None}}, "is empty"),
    ],
)
def test_a_file_of_the_wrong_shape_is_a_fault_that_names_it(saved, said):
    text = fault({}, saved)
    assert text.startswith("configs/defaults.yaml: ")
    assert said in text


# -- the names that follow


def test_names_follow_the_project():
    made = settings(project_id=PROJECT)
    assert made.bucket == "my-project-123-bucket"
    assert made.runner == "vertex-pipelines@my-project-123.iam.gserviceaccount.com"
    assert made.registry == "vertex-mlops-af"
    assert made.builder("wine-quality") == "wine-quality-builder@my-project-123.iam.gserviceaccount.com"
    assert made.image("wine-quality", "component_base") == (
        "us-central1-docker.pkg.dev/my-project-123/vertex-mlops-af/wine-quality/component_base"
    )


def test_names_follow_the_prefix_unless_they_are_given():
    made = settings(project_id=PROJECT, naming_prefix="team")
    assert (made.bucket, made.registry) == ("my-project-123-team-bucket", "team-artifact-registry")
    made = settings(project_id=PROJECT, naming_prefix="team", gs_bucket_name="mine", af_registry_name="ours")
    assert (made.bucket, made.registry) == ("mine", "ours")


def test_names_of_a_domain_scoped_project():
    made = settings(project_id="example.com:my-proj")
    assert made.bucket == "example-com-my-proj-bucket"
    assert made.runner == "vertex-pipelines@my-proj.example.com.iam.gserviceaccount.com"
    assert made.builder("wine") == "wine-builder@my-proj.example.com.iam.gserviceaccount.com"
    assert made.image("wine", "a") == "us-central1-docker.pkg.dev/example.com/my-proj/vertex-mlops-af/wine/a"


def test_without_a_project_no_name_pretends_to_have_one():
    made = settings()
    assert (made.bucket, made.runner, made.builder("wine")) == ("", "", "")
    assert made.image("wine", "component_base") == "wine/component_base"


@pytest.mark.parametrize(
    "given_names",
    [
        {"project_id": "google.com:my-proj"},
        {"project_id": "a" * 30, "naming_prefix": "b" * 45},
        {"project_id": "a-very-long-name.of-a-domain.example.com:a-long-project-name"},
    ],
)
def test_a_bucket_name_that_cannot_follow_asks_for_one(given_names):
    assert "give gs_bucket_name" in fault(given_names)
    assert settings(**given_names, gs_bucket_name="mine")


@pytest.mark.parametrize(
    ("pipeline", "name"),
    [
        ("a", "a-builder"),
        ("w" * 22, "w" * 22 + "-builder"),
        ("w" * 23, "w" * 15 + "-[0-9a-f]{6}-builder"),
        ("2024-wine", "p-2024-wine-[0-9a-f]{6}-builder"),
        ("Wine Quality", "wine-quality-[0-9a-f]{6}-builder"),
        ("日本", "p-[0-9a-f]{6}-builder"),
    ],
)
def test_the_builder_is_named_after_its_pipeline(pipeline, name):
    account, _, domain = settings(project_id=PROJECT).builder(pipeline).partition("@")
    assert re.fullmatch(name, account)
    assert domain == "my-project-123.iam.gserviceaccount.com"


@pytest.mark.parametrize(
    ("folder", "path"),
    [
        ("component_base", "component_base"),
        ("prep__data", "prep__data"),
        ("TrainModel", "train_model-[0-9a-f]{8}"),
        ("_prep__data", "prep_data-[0-9a-f]{8}"),
        ("prep___data", "prep_data-[0-9a-f]{8}"),
        ("x" * 61, "x{50}-[0-9a-f]{8}"),
        ("日本", "image-[0-9a-f]{8}"),
    ],
)
def test_a_component_s_folder_becomes_a_valid_image_path(folder, path):
    assert re.fullmatch(f"wine/{path}", Settings().image("wine", folder))


@given(st.text(), st.text())
def test_a_builder_is_always_a_valid_account_of_its_own(one, other):
    made = Settings(project_id=PROJECT)
    assert re.fullmatch(r"[a-z]([-a-z0-9]*[a-z0-9])", made.builder(one).partition("@")[0])
    assert 6 <= len(made.builder(one).partition("@")[0]) <= 30
    assert settings(pipeline_runner_sa=made.builder(one))
    assert (made.builder(one) == made.builder(other)) == (one == other)


NAME = st.text(alphabet="aB_1-", max_size=8) | st.text()


@given(NAME, NAME, st.sampled_from([None, PROJECT, "example.com:my-proj"]))
@example("TrainModel", Settings().image("p", "TrainModel").partition("/")[2], None)
def test_an_image_is_always_valid_and_never_another_s(one, other, project):
    made = Settings(project_id=project)
    assert settings(base_image=made.image("wine", one))
    assert settings(base_image=made.image(one, other))
    assert (made.image("wine", one) == made.image("wine", other)) == (one == other)


# -- the file


def test_the_file_holds_every_setting_but_its_own_folder_with_a_comment_of_one_line():
    rows = [row for _, rows in table(Settings()) for row in rows]
    assert sorted(name for name, _, _ in rows) == sorted(set(NAMES) - {"output_dir"})
    assert all(comment and "\n" not in comment for _, _, comment in rows)


def test_names_that_follow_stay_null_and_no_comment_holds_a_value():
    rows = {row[0]: row[1:] for _, rows in table(settings(project_id=PROJECT, naming_prefix="team")) for row in rows}
    assert rows["gs_bucket_name"][0] is None and rows["pipeline_runner_sa"][0] is None
    assert "<project_id>-<naming_prefix>-bucket" in rows["gs_bucket_name"][1]
    assert not [name for name, (_, comment) in rows.items() if PROJECT in comment or "team-" in comment]


def test_a_new_project_in_the_file_moves_every_name_that_follows():
    saved = read_back(settings(project_id=PROJECT))
    saved["gcp"]["project_id"] = "another-project"
    assert chosen({}, saved)[0] == Settings(project_id="another-project")


def good_arguments():
    return st.fixed_dictionaries({}, optional={name: st.sampled_from(values) for name, values in GOOD.items()})


@given(good_arguments())
def test_what_the_file_holds_reads_back_as_the_same_settings(arguments):
    made, problems = chosen(arguments)
    if made is None:  # a region that only another draw would have let through, or a bucket that cannot follow
        assert problems
        return
    assert chosen({"output_dir": made.output_dir}, read_back(made)) == (made, ())


@given(st.text())
@example("null")
@example("a\r\nb: 1\u2028c\x85")
def test_any_licence_that_is_taken_reads_back_the_same(text):
    made, _ = chosen({"license_header": text})
    if made is not None:
        assert chosen({}, read_back(made)) == (made, ())


# -- hostile values

ALLOWED = {
    "project_id": r"[a-z0-9.:-]+",
    "af_registry_location": r"[a-z0-9-]+",
    "af_registry_name": r"[a-z0-9-]+",
    "gs_bucket_name": r"[a-z0-9._-]+",
    "pipeline_runner_sa": r"[a-z0-9@.-]+",
    "pipeline_job_location": r"[a-z0-9-]+",
    "parameter_values_path": r"[A-Za-z0-9._/-]+",
    "pipeline_job_spec_path": r"[A-Za-z0-9._/-]+",
    "base_image": r"[A-Za-z0-9._/:@-]+",
    "images": r"shared|auto|per-component",
    "naming_prefix": r"[a-z0-9-]+",
    "gs_bucket_location": r"[a-z0-9-]+",
    "cb_trigger_location": r"[a-z0-9-]+",
    "cb_trigger_name": r"[A-Za-z0-9-]+",
    "source_repo_type": r"csr|github|gitlab",
    "source_repo_name": r"[A-Za-z0-9_./-]+",
    "source_repo_connection": r"[a-z0-9-]+",
    "csr_name": r"[A-Za-z0-9_-]+",
    "csr_branch_name": r"[A-Za-z0-9_./-]+",
    "cloud_run_location": r"[a-z0-9-]+",
    "cloud_run_name": r"[a-z0-9-]+",
    "pubsub_topic_name": r"[A-Za-z0-9._~-]+",
    "ingress": r"internal|internal-and-cloud-load-balancing|all",
    "output_dir": r"[^\x00-\x1f\x7f\ud800-\udfff]+",
    "license_header": r"[^\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+",
}
HOSTILE = (
    st.text()
    | st.text(alphabet="ab1-_./:@$(){}'\"\n\r\0 ~\\é", max_size=40)
    | st.sampled_from(["$(id)", "`id`", "a;b", "'", '"', "{{ x }}", "{% x %}", "\n", "a\n", "..", "\ud800", "🎉"])
    | st.sampled_from([value for values in GOOD.values() for value in values if isinstance(value, str)])
    | st.builds("".join, st.tuples(st.sampled_from([PROJECT, "a/b.json", "us-central1", "python:3"]), st.text()))
)


@given(st.fixed_dictionaries({}, optional={name: HOSTILE for name in NAMES}))
def test_hostile_text_gives_settings_of_allowed_characters_or_problems(arguments):
    made, problems = chosen(arguments)
    assert (made is None) == bool(problems)
    assert all(isinstance(problem, Problem) and str(problem).isprintable() for problem in problems)
    for name in arguments if made else ():
        value = getattr(made, name)
        assert value is None or re.fullmatch(ALLOWED[name], value)


@given(st.sampled_from(NAMES), HOSTILE)
def test_hostile_text_alone_gives_settings_of_allowed_characters_or_one_problem(name, text):
    made, problems = chosen({name: text})
    assert len(problems) == (made is None)
    if made is not None and name in ALLOWED and getattr(made, name) is not None:
        assert re.fullmatch(ALLOWED[name], getattr(made, name))


@given(st.dictionaries(HOSTILE, HOSTILE))
def test_labels_that_are_taken_hold_letters_digits_and_two_signs(labels):
    made, _ = chosen({"labels": labels})
    if made is not None:
        assert dict(made.labels) == labels
        assert all(all(char.isalnum() or char in "_-" for char in key + text) for key, text in made.labels)


class Liar:
    """An object that raises at whatever is asked of it."""

    def __getattribute__(self, name):
        raise RuntimeError(name)

    __eq__ = __hash__ = __repr__ = __str__ = __bool__ = __len__ = __iter__ = __fspath__ = lambda self: 1 / 0


class LyingText(str):
    __eq__ = __hash__ = __repr__ = __str__ = __len__ = __getitem__ = lambda self, *_: 1 / 0


class LyingDict(dict):
    items = keys = values = __iter__ = __len__ = __getitem__ = lambda self, *_: 1 / 0


class LyingList(list):
    __iter__ = __len__ = __getitem__ = lambda self, *_: 1 / 0


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.binary() | HOSTILE | st.dates() | st.builds(object),
    lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(HOSTILE | st.integers(), inner),
)


@given(st.dictionaries(st.sampled_from(NAMES) | HOSTILE | st.integers(), ANYTHING))
def test_no_argument_whatever_raises(arguments):
    made, problems = chosen(arguments)
    assert (made is None) == bool(problems)


@given(ANYTHING | st.dictionaries(st.sampled_from(["gcp", "pipelines", "images"]) | HOSTILE, ANYTHING))
def test_no_file_whatever_raises(saved):
    made, problems = chosen({}, saved)
    assert (made is None) == bool(problems)
    assert all(problem.cell == "configs/defaults.yaml" for problem in problems)


LIES = {
    "object": lambda: Liar(),
    "text": lambda: LyingText("x y"),
    "dict": lambda: LyingDict(a=1),
    "list": lambda: LyingList([1]),
    "list of one": lambda: [Liar()],
    "dict of one": lambda: {"a": Liar()},
}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("lie", LIES)
def test_an_object_that_lies_is_a_fault_and_no_exception(name, lie):
    made, problems = chosen({name: LIES[lie]()})
    assert (made is None) == bool(problems)


@given(st.dictionaries(st.sampled_from(NAMES) | HOSTILE, ANYTHING), st.randoms())
def test_the_order_of_writing_changes_nothing(arguments, random):
    items = list(arguments.items())
    random.shuffle(items)
    assert chosen(arguments) == chosen(dict(items))


@given(good_arguments(), st.randoms())
def test_the_order_of_the_file_changes_nothing(arguments, random):
    made, _ = chosen(arguments)
    saved = read_back(made or Settings())
    saved["zzz"] = saved["aaa"] = 1
    items = [
        (section, dict(random.sample(list(rows.items()), len(rows))) if rows != 1 else 1)
        for section, rows in saved.items()
    ]
    random.shuffle(items)
    assert chosen({}, saved) == chosen({}, dict(items))


@given(good_arguments())
def test_what_the_caller_passed_is_not_touched(arguments):
    saved = read_back(Settings(labels=(("a", "b"),), extra_regions=("mars-east1",)))
    before = copy.deepcopy((arguments, saved))
    made, _ = chosen(arguments, saved)
    if made is not None:
        table(made)[0][1][0]
    assert (arguments, saved) == before


def test_importing_it_is_cheap_and_brings_no_heavy_module():
    code = "import sys, AutoMLOps.settings; print(*{'yaml', 'jinja2', 'difflib', 'hashlib', 'kfp'} & set(sys.modules))"
    root = str(Path(__file__).parent.parent)
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={**os.environ, "PYTHONPATH": root}
    )
    assert run.stdout.strip() == ""
