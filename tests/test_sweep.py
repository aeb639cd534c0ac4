"""A few cases of the sweep, over the services that provisioning asks; `make sweep` runs them all."""

import re
import shutil
from pathlib import Path

import pytest
import sweep
from sweep import Case, Way
from tools import need

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("sweep")]

ACCOUNTS, BUCKETS = "POST iam.*/serviceAccounts", "POST storage.*/v1/b"
REGISTRIES, POLICY = "POST artifactregistry.*/repositories", "POST cloudresourcemanager.*:setIamPolicy"
HANDFUL = (
    ("provision", "403", REGISTRIES),
    ("provision", "429", POLICY),
    ("provision", "drop", BUCKETS),
    ("provision", "kill-after", ACCOUNTS),
    ("deprovision", "kill-after", "DELETE artifactregistry.*"),
)
SERVED = (
    ("provision", "403", "PUT pubsub.*/subscriptions/automlops-runs-push"),
    ("provision", "kill-after", "POST us-central1-run.*/services"),
    ("deprovision", "kill-after", "DELETE us-central1-run.*/services/run-pipeline"),
    ("deprovision", "kill", "DELETE pubsub.*/topics/automlops-runs"),
)
SWALLOWS = """#!/usr/bin/env bash
gcloud artifacts repositories create images --location=us-central1 --repository-format=docker --project=demo-project
echo 'created  registry images (whatever came of it)'
"""


@pytest.fixture(scope="module")
def ways(tmp_path_factory):
    """The clean run of both scripts, which all cases are held against."""
    need("gcloud")
    return sweep.ways(tmp_path_factory.mktemp("clean"))


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """The same where a push starts builds, and a service starts runs."""
    need("gcloud")
    chosen = {"run_local": False, "source_repo_type": "github", "submission_service": True}
    return sweep.ways(tmp_path_factory.mktemp("served"), **chosen)


@pytest.mark.parametrize(("script", "kind", "request_"), HANDFUL)
def test_a_fault_is_named_or_overcome_and_the_next_run_comes_to_the_same(ways, tmp_path, script, kind, request_):
    judged(ways[script], kind, request_, tmp_path)


@pytest.mark.thorough
@pytest.mark.parametrize(("script", "kind", "request_"), SERVED)
def test_so_it_is_with_the_service_that_starts_runs(served, tmp_path, script, kind, request_):
    judged(served[script], kind, request_, tmp_path)


def judged(way, kind, request_, place):
    line = next(line for line in way.lines if re.fullmatch(request_, line))
    found = sweep.outcome(Case(script=way.script, kind=kind, line=line), way, place)
    assert not found.misses, str(found)


def test_every_request_meets_every_kind_of_fault(ways):
    met = {(case.script, case.kind, case.line) for case in sweep.cases(ways, tuple(sweep.KINDS))}
    assert met == {(name, kind, line) for name, way in ways.items() for kind in sweep.KINDS for line in way.lines}


def test_what_a_log_says_went_well_is_not_done_again(tmp_path):
    line = "POST iam.googleapis.com/v1/projects/demo-project/serviceAccounts"
    well, ill, other = (Case(script="provision", kind="403", line=line, nth=nth) for nth in (1, 2, 10))
    log = tmp_path / "log"
    assert sweep.left([well, ill, other], None) == sweep.left([well, ill, other], log) == [well, ill, other]
    for case, misses in ((well, ()), (ill, ("it says: what is not so",))):
        sweep.keep(sweep.Outcome(case=case, misses=misses, how="stopped at: x, then converged", seconds=123.4), log)
    assert sweep.left([well, ill, other], log) == [ill, other]


def test_a_script_that_passes_over_its_failures_is_found_out(ways, tmp_path):
    way = swallowing(ways["provision"], tmp_path / "swallows")
    found = sweep.outcome(
        Case(script="provision", kind="403", line=next(each.line for each in way.asked)), way, tmp_path
    )
    told = " ".join(found.misses)
    assert "created registry images" in told and "what it is for was not done" in told, str(found)
    assert "comes to something else" in told


def swallowing(way: Way, folder: Path) -> Way:
    shutil.copytree(way.start.codebase, folder)
    (folder / "provision/provision_resources.sh").write_text(SWALLOWS)
    asked = tuple(each for each in way.asked if re.fullmatch(REGISTRIES, each.line))
    return Way(script="provision", start=sweep.Scene(way.start.world, folder), end=way.end, asked=asked)
