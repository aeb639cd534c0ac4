#!/usr/bin/env bash
# Copyright 2026 The Team
# All of it's "ours" (c) */ --> {{ x }}

# Builds what has to be built, compiles the pipeline, submits a run; takes what run_pipeline.sh takes.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

"$here/build_components.sh"
"$here/build_pipeline_spec.sh"
"$here/run_pipeline.sh" "$@"
