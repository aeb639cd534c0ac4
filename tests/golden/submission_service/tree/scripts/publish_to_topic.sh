#!/usr/bin/env bash
# Asks for a run of what was released last, by a message to the topic; the service starts it.
# publish_to_topic.sh ['{"NAME": VALUE}']    with other values for some of the pipeline's parameters.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

PROJECT=my-project-123
PIPELINE=words
TOPIC=automlops-runs

log=$(mktemp)
trap 'rm -f "$log"' EXIT

# shellcheck source=scripts/gcloud.sh
source scripts/gcloud.sh

values=${1-}
printf -v message '{"pipeline": "%s", "parameters": %s}' "$PIPELINE" "${values:-"{}"}"
patiently "$BUSY" "$log" gcloud pubsub topics publish "$TOPIC" --message="$message" --format='value(messageIds)' \
  || stop "publishing to $TOPIC" "$log" publish
