#!/usr/bin/env bash
# Copyright 2026 The Team
# All of it's "ours" (c) */ --> {{ x }}

# Builds the images with Cloud Build, unless the registry has one of these very files already.
# Names what is there by digest in scripts/pipeline_spec/images, for build_pipeline_spec.sh.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

PROJECT=my-project-123
REGION=europe-west4
STAGING=gs://my-project-123-team-a-bucket/two-images/source

log=$(mktemp)
trap 'rm -f "$log"' EXIT

# reference FOLDER IMAGE    prints IMAGE by digest, if the registry has it with the content of FOLDER.
reference() {
  local tag digest
  tag=$(scripts/content_tag.sh "$1") || return
  digest=$(gcloud artifacts docker images describe "$2:$tag" --project="$PROJECT" \
    --format='value(image_summary.digest)' 2>"$log") || return
  printf '%s@%s\n' "$2" "$digest"
}

references() {
  reference components/older europe-docker.pkg.dev/my-project-123/team-a-artifact-registry/two-images/older \
    && reference components/newer europe-docker.pkg.dev/my-project-123/team-a-artifact-registry/two-images/newer
}

stop() {
  printf '\nstopped at: %s\n' "$1" >&2
  tail -n 20 "$log" >&2
  exit 1
}

if ! built=$(references); then
  grep -qiE 'not[ _]found' "$log" || stop "asking the registry for the image"
  gcloud builds submit . --project="$PROJECT" --region="$REGION" --config=cloudbuild.yaml \
    --gcs-source-staging-dir="$STAGING" 2>&1 | tee "$log" \
    || stop "the build; its log: $(grep -m 1 -oE 'https://console[^] ]+' "$log" || echo 'none was begun')"
  built=$(references) || stop "asking the registry for the image that was built"
fi
mkdir -p scripts/pipeline_spec
printf '%s\n' "$built" | tee scripts/pipeline_spec/images
