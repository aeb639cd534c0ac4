#!/usr/bin/env bash
# Builds the image with Cloud Build, unless the registry has one of these very files already.
# Names what is there by digest in scripts/pipeline_spec/images, with its tag and folder, for build_pipeline_spec.sh.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

PROJECT=my-project-123
REGION=us-central1
BUILDER=words-builder@my-project-123.iam.gserviceaccount.com
STAGING=gs://my-project-123-bucket/words/source

log=$(mktemp)
trap 'rm -f "$log"' EXIT

# shellcheck source=scripts/gcloud.sh
source scripts/gcloud.sh

# tagged FOLDER IMAGE    prints IMAGE, the tag of FOLDER's content, and FOLDER.
tagged() {
  local tag
  tag=$(bash scripts/content_tag.sh "$1" 2>"$log") || stop "taking the tag of $1" "$log" image
  printf '%s %s %s\n' "$2" "$tag" "$1"
}

wanted=$(
  tagged components/component_base us-central1-docker.pkg.dev/my-project-123/vertex-mlops-af/words/component_base
)

# references    prints the same lines with each image by digest, if the registry has them all.
references() {
  local image tag folder digest
  while read -r image tag folder; do
    digest=$(gcloud artifacts docker images describe "$image:$tag" --project="$PROJECT" \
      --format='value(image_summary.digest)' 2>"$log" </dev/null) || return
    printf '%s@%s %s %s\n' "$image" "$digest" "$tag" "$folder"
  done <<<"$wanted"
}

# submit    has Cloud Build build; again for a while, where it has not noticed yet what a new builder was given.
submit() {
  local pause
  for pause in 15 30 60 0; do
    gcloud builds submit . --project="$PROJECT" --region="$REGION" --config=cloudbuild.yaml \
      --gcs-source-staging-dir="$STAGING" 2>&1 | tee "$log" && return
    ((pause)) && grep -qE "could not resolve source|access to the bucket|$BUILDER does not have" "$log" || return 1
    ! grep -q 'https://console' "$log" || return 1 # that build did begin
    printf 'waiting %s s for Google to notice who may do what\n' "$pause" >&2
    sleep "$pause"
  done
}

if ! built=$(references); then
  grep -qiE 'not[ _]found' "$log" || stop "asking the registry for the image" "$log" image
  [[ -z ${IN_BUILD-} ]] || stop "finding the image that this build pushed" "$log" image
  submit || stop "the build; its log: $(grep -m 1 -oE 'https://console[^] ]+' "$log" || echo 'none was begun')" "$log" build
  built=$(references) || stop "asking the registry for what was built" "$log" image
fi
mkdir -p scripts/pipeline_spec
printf '%s\n' "$built" | tee scripts/pipeline_spec/images
