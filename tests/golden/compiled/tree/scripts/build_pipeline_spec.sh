#!/usr/bin/env bash
# Compiles the pipeline. Needs neither credentials nor network.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

python3 "$root/pipelines/pipeline.py" --output "$root"/scripts/pipeline_spec/pipeline_job.json "$@"
