#!/usr/bin/env bash
# Submits the compiled pipeline to Vertex AI and prints the link to its run; --wait stays until it has ended.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

python3 "$root/pipelines/pipeline_runner.py" "$@"
