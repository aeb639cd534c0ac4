#!/usr/bin/env bash
# Builds what has to be built, compiles the pipeline, keeps the spec in the bucket under a name that is its content,
# submits a run; takes what run_pipeline.sh takes.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

bash "$here/build_components.sh"
bash "$here/build_pipeline_spec.sh" --upload gs://my-project-123-bucket/words/specs
bash "$here/run_pipeline.sh" "$@"
