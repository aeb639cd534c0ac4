# shellcheck shell=bash
# The record of what was made: .automlops/made here, and a copy of it in the bucket, for other copies of this codebase and
# for the pipelines that share things with it. provision_resources.sh and deprovision_resources.sh source this.

MADE=.automlops/made
# shellcheck disable=SC2034 # it is for those who source this
COPY=gs://$BUCKET/$PIPELINE/made
# shellcheck disable=SC2034
OURS="\"pipeline\": \"$PIPELINE\"}" # how a line of the record ends
found=$(mktemp -d)
trap 'wait; rm -rf "$found"' EXIT
if [[ -n ${PLAN-} ]]; then
  [[ ! -f $MADE ]] || cp "$MADE" "$found/made"
  MADE=$found/made
fi
mkdir -p "${MADE%/*}"
touch "$MADE"

# plausible    of a record in the bucket, where a step can write, the lines about what this pipeline has to do with.
plausible() {
  grep -F '"project": "'"$PROJECT"'"' \
    | grep -E '"name": "(my-project|kitchen-garden|vertex-mlops-af|my-project-bucket|vertex-pipelines@my-project[.]iam[.]gserviceaccount[.]com|kitchen-garden-builder@my-project[.]iam[.]gserviceaccount[.]com)"' \
    | grep -E '"member": "(|serviceAccount:(vertex-pipelines@my-project[.]iam[.]gserviceaccount[.]com|kitchen-garden-builder@my-project[.]iam[.]gserviceaccount[.]com))"' || :
}

# joined GONE    lines of a record, and those made from here, but for those in the file GONE.
joined() {
  cat - "$MADE" | awk -v gone="$1" '
    BEGIN { while ((getline line <gone) > 0) seen[line] = 1 }
    NF && !seen[$0]++
  '
}

# exchange COPY REST --project=PROJECT    has REST write to $found/left what of a record in the bucket, which it finds in
# $found/copy, is to be there, and puts that in its place; the record goes where nothing is left. Google refuses that where
# somebody else was faster, with another copy of this codebase; patiently begins anew then.
exchange() {
  local generation errors=$found/copy.errors
  generation=$(gcloud storage objects describe "$1" --format='value(generation)' "$3" 2>"$errors") \
    || absent "$errors" || { cat "$errors" >&2 && return 1; }
  : >"$found/copy"
  [[ -z $generation ]] || gcloud storage cat "$1" "$3" >"$found/copy" || return
  "$2" || return
  if cmp -s "$found/copy" "$found/left"; then
    return
  elif [[ -s $found/left ]]; then
    gcloud storage cp "$found/left" "$1" --if-generation-match="${generation:-0}" "$3"
  else
    gcloud storage rm "$1" --if-generation-match="$generation" "$3"
  fi
}
