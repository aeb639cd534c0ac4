#!/usr/bin/env bash
# Copyright 2026 The Team
# All of it's "ours" (c) */ --> {{ x }}

# Compiles the pipeline. Needs neither credentials nor network.
# After build_components.sh, the spec names the images that it built.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

images=scripts/pipeline_spec/images
[[ ! -s $images ]] || set -- --images "$images" "$@"
python3 pipelines/pipeline.py --output out/spec.json "$@"
