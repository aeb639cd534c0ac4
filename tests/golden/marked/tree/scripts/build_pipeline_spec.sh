#!/usr/bin/env bash
# Compiles the pipeline. Needs neither credentials nor network.
# After build_components.sh, the spec names the image that it built.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

images=scripts/pipeline_spec/images
[[ ! -s $images ]] || set -- --images "$images" "$@"
python3 pipelines/pipeline.py --output scripts/pipeline_spec/pipeline_job.json "$@"
