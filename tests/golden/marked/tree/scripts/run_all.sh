#!/usr/bin/env bash
# Builds what has to be built, compiles the pipeline, submits a run; takes what run_pipeline.sh takes.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

bash "$here/build_components.sh"
bash "$here/build_pipeline_spec.sh"
bash "$here/run_pipeline.sh" "$@"
