#!/usr/bin/env bash
# Compiles the pipeline. Needs neither credentials nor network.
# After build_components.sh, the spec names the image that it built.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

images=$root/scripts/pipeline_spec/images
if [[ -s $images ]]; then
  while read -r _ tag folder; do
    [[ $(bash "$root/scripts/content_tag.sh" "$folder") == "$tag" ]] || {
      echo "stopped: $folder changed since its image was built; run scripts/build_components.sh" >&2
      exit 1
    }
  done <"$images"
  set -- --images "$images" "$@"
fi
python3 "$root/pipelines/pipeline.py" --output "$root"/scripts/pipeline_spec/pipeline_job.json "$@"
