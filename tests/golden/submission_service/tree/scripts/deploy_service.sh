#!/usr/bin/env bash
# Has the service that starts runs be what services/submission_service says, from the image that was built of it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

PROJECT=my-project-123
SERVICE=run-pipeline
SERVICE_LOCATION=us-central1
IMAGE=us-central1-docker.pkg.dev/my-project-123/vertex-mlops-af/submission-service/run-pipeline
RUNS='spec.template.spec.containers[0].image,status.latestCreatedRevisionName,status.latestReadyRevisionName'

log=$(mktemp)
trap 'rm -f "$log"' EXIT

# shellcheck source=scripts/gcloud.sh
source scripts/gcloud.sh

tag=$(bash scripts/content_tag.sh services/submission_service)
digest=$(patiently "$BUSY" "$log" gcloud artifacts docker images describe "$IMAGE:$tag" \
  --format='value(image_summary.digest)') || stop 'asking the registry for the image of the service' "$log" image
runs=$(patiently "$BUSY" "$log" gcloud run services describe "$SERVICE" --region="$SERVICE_LOCATION" \
  --format="value[separator='|']($RUNS)") || stop "looking for the service $SERVICE" "$log" deploy
# One that was deployed and never came up is deployed again.
IFS='|' read -r image newest ready <<<"$runs"
if [[ $image == "$IMAGE@$digest" && $newest == "$ready" ]]; then
  echo "the service $SERVICE runs this already"
  exit
fi
# It was made with a command of its own, which answers nobody: the image's takes its place.
patiently "$BUSY" "$log" gcloud run services update "$SERVICE" --region="$SERVICE_LOCATION" --image="$IMAGE@$digest" \
  --command='' --args='' >/dev/null || stop "deploying the service $SERVICE" "$log" deploy
echo "the service $SERVICE is deployed: $IMAGE@$digest"
