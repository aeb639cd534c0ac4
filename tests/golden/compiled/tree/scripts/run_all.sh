#!/usr/bin/env bash
# Compiles the pipeline, keeps the spec in the bucket under a name that is its content, submits a run; takes what
# run_pipeline.sh takes.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

bash "$here/build_pipeline_spec.sh" --upload gs://my-project-123-bucket/rainfall/specs
bash "$here/run_pipeline.sh" "$@"
