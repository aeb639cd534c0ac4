#!/usr/bin/env bash
# Compiles the pipeline. Needs neither credentials nor network.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

python3 pipelines/pipeline.py --output scripts/pipeline_spec/pipeline_job.json "$@"
