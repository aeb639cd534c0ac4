"""A small codebase whose scripts are stubs: bash that says what a test has it say, and touches no cloud."""

from pathlib import Path
from typing import Any

from AutoMLOps import AutoMLOps

NOTEBOOK = """
from AutoMLOps import AutoMLOps


@AutoMLOps.component
def one() -> int:
    return 1


@AutoMLOps.pipeline(name="wine")
def pipeline():
    one()
"""
PROVISION, DEPROVISION = "provision/provision_resources.sh", "provision/deprovision_resources.sh"
RUN_ALL = "scripts/run_all.sh"
# What it is asked to do is written down; what it says depends on whether it is a plan.
PROVISIONS = """#!/usr/bin/env bash
echo "provision PLAN=${PLAN-}" >>calls
if [[ -n ${PLAN-} ]]; then
  echo 'create   bucket     demo-project-bucket (holds what the steps make)'
else
  echo 'created  bucket     demo-project-bucket (holds what the steps make)'
fi
"""
DEPROVISIONS = """#!/usr/bin/env bash
echo "deprovision PLAN=${PLAN-} DELETE_DATA=${DELETE_DATA-}" >>calls
if [[ -n ${PLAN-} ]]; then echo 'remove   bucket     b (ours)'; else echo 'removed  bucket     b (ours)'; fi
"""
SAYS = """run: https://console.cloud.google.com/vertex-ai/runs/wine-1?project=demo-project
job: projects/1/locations/us-central1/pipelineJobs/wine-1
uploaded to gs://demo-project-bucket/wine/specs/abc.json
"""
RUNS = f"""#!/usr/bin/env bash
set -euo pipefail
echo "run_all $*" >>calls
mkdir -p "$(dirname "$0")/pipeline_spec"
echo 'host/one@sha256:abc 123 components/one' >"$(dirname "$0")/pipeline_spec/images"
cat <<'END'
building
{SAYS}END
"""


def codebase(**settings: Any) -> Path:
    """The codebase of work.py, written into this folder, with stubs for scripts."""
    Path("work.py").write_text(NOTEBOOK)
    AutoMLOps.generate(project_id="demo-project", notebook="work.py", **settings)
    folder = Path(settings.get("output_dir", "AutoMLOps"))
    stub(folder, PROVISION, PROVISIONS)
    stub(folder, DEPROVISION, DEPROVISIONS)
    stub(folder, RUN_ALL, RUNS)
    return folder


def stub(folder: Path, script: str, text: str) -> Path:
    (folder / script).write_text(text)
    return folder / script


def calls() -> list[str]:
    """What was run so far, from this folder."""
    return Path("calls").read_text().splitlines() if Path("calls").exists() else []
