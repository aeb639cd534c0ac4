#!/usr/bin/env bash
# Takes away what provision_resources.sh made for words-it-s-quoted-gcs-whoami-id-braces-jinja-raw-back, and nothing
# else.
# What that was is in .automlops/made and in the bucket. What pipelines share stays while another one is there.
# APIs stay on, and a bucket with data in it stays. DELETE_DATA=1 deletes it with all of that, for good.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

PROJECT=example.com:my-project
PIPELINE=words-it-s-quoted-gcs-whoami-id-braces-jinja-raw-back
REGISTRY=vertex-mlops-af
REGISTRY_LOCATION=us-central1
BUCKET=my-own-bucket
RUNNER=runner-of-it@my-project.example.com.iam.gserviceaccount.com
BUILDER=words-it-s-quot-9918f0-builder@my-project.example.com.iam.gserviceaccount.com

MADE=.automlops/made
export CLOUDSDK_CORE_DISABLE_PROMPTS=1 # nobody would see the question
found=$(mktemp -d)
trap 'rm -rf "$found"' EXIT
errors=$found/errors
mkdir -p .automlops
touch "$MADE"

# ---- What this script says and asks

# said FATE KIND NAME WHY    one line for each thing: what became of it.
said() {
  printf '%-8s %-8s %s (%s)\n' "$@"
}

# stop WHAT ERRORS ON    ends the script with what gcloud said last, and what to do about it.
stop() {
  {
    printf '\nstopped at: %s\n' "$1"
    tail -n 20 "$2" | sed 's/^/  /'
    if grep -qiE 'permission|denied|forbidden|403' "$2"; then
      printf 'if it is for want of a role, %s has it; one who may give it to you runs:\n' "$(role_for "$3")"
      printf '  gcloud projects add-iam-policy-binding %s --member=user:YOU --role=%s\n' "$PROJECT" "$(role_for "$3")"
    fi
    printf 'then run %s again: it goes on from here\n' "provision/${0##*/}"
  } >&2
  exit 1
}

# role_for ON    a role that holds what this script asks of something.
role_for() {
  case $1 in
    api) echo roles/serviceusage.serviceUsageAdmin ;;
    registry) echo roles/artifactregistry.admin ;;
    bucket) echo roles/storage.admin ;;
    account) echo roles/iam.serviceAccountAdmin ;;
    project) echo roles/resourcemanager.projectIamAdmin ;;
  esac
}

# absent ERRORS    whether a command failed for no other reason than that what it is about is not there.
absent() {
  grep -qiE 'matched no objects|not[ _]found|does not exist' "$1" && ! grep -qiE 'permission|denied|forbidden' "$1"
}

# plausible    of a record in the bucket, where a step can write, the lines about what this pipeline has to do with.
plausible() {
  local ours='"serviceAccount:'
  grep -F "\"project\": \"$PROJECT\"" \
    | grep -F -e "\"name\": \"$REGISTRY\"" -e "\"name\": \"$BUCKET\"" -e "\"name\": \"$RUNNER\"" \
      -e "\"name\": \"$BUILDER\"" -e "\"name\": \"$PROJECT\"" -e "\"name\": \"$PIPELINE\"" \
    | grep -F -e '"member": ""' -e "\"member\": $ours$RUNNER\"" -e "\"member\": $ours$BUILDER\"" || :
}

# policy VERB ON NAME LOCATION ...    gcloud's command for who may do what on something.
policy() {
  local verb=$1 on=$2 name=$3 location=$4
  shift 4
  case $on in
    project) gcloud projects "$verb" "$name" "$@" ;;
    registry) gcloud artifacts repositories "$verb" "$name" --location="$location" "$@" ;;
    bucket) gcloud storage buckets "$verb" "gs://$name" "$@" ;;
    account) gcloud iam service-accounts "$verb" "$name" "$@" ;;
  esac
}

# remove ON KIND WHAT COMMAND...    takes something away; what is not there any more is gone already.
remove() {
  local on=$1 kind=$2 what=$3 fate=removed
  shift 3
  if ! "$@" --project="$PROJECT" >/dev/null 2>"$errors" </dev/null; then
    absent "$errors" || stop "removing the $kind $what" "$errors" "$on"
    fate=gone
  fi
  said "$fate" "$kind" "$what" 'this pipeline made it'
}

# forget LINE    takes a line out of the record, once it is no longer true.
forget() {
  grep -vxF "$1" "$MADE" >"$MADE.part" || :
  mv "$MADE.part" "$MADE"
}

# look_into BUCKET    lists what is in a bucket beside records, older versions included, as $found/data.
look_into() {
  gcloud storage ls "gs://$1/**" --all-versions --project="$PROJECT" >"$found/objects" 2>"$errors" \
    || absent "$errors" || stop "looking into the bucket $1" "$errors" bucket
  grep -vE '/made#[0-9]+$' "$found/objects" >"$found/data" || :
}

# label ON COMMAND...    asks who manages something; nobody does what is not there.
label() {
  local on=$1
  shift
  "$@" --format='value(labels.managed-by)' --project="$PROJECT" >"$found/label" 2>"$errors" </dev/null \
    || absent "$errors" || stop 'reading labels' "$errors" "$on"
}

# believed    of lines that only the bucket's records have, those that the labels of registry and bucket do not belie.
believed() {
  local line
  while IFS= read -r line; do
    echo automlops >"$found/label"
    case $line in
      '{"kind": "registry",'*)
        label registry gcloud artifacts repositories describe "$REGISTRY" --location="$REGISTRY_LOCATION"
        ;;
      '{"kind": "bucket",'*)
        label bucket gcloud storage buckets describe "gs://$BUCKET"
        ;;
    esac
    [[ $(<"$found/label") != automlops ]] || printf '%s\n' "$line"
  done
}

# ---- What there is to take away

# The records of all pipelines that use the bucket, this one's included; none where the bucket is gone.
gcloud storage cat "gs://$BUCKET/*/made" --project="$PROJECT" >"$found/records" 2>"$errors" \
  || absent "$errors" || stop 'reading the records in the bucket' "$errors" bucket
ours="\"pipeline\": \"$PIPELINE\"}"
grep -F "$ours" "$found/records" >"$found/ours" || :
grep -vF "$ours" "$found/records" >"$found/theirs" || :
others=$(sed -n 's/^{"kind": "pipeline", "name": "\([^"]*\)".*/\1/p' "$found/theirs" | sort -u | tr '\n' ' ')

# What a pipeline that is gone left to the others is for the last one to take away.
[[ -n $others ]] || cat "$found/theirs" >>"$found/ours"
plausible <"$found/ours" | grep -vxF -f "$MADE" >"$found/said" || :
believed <"$found/said" >"$found/more"
awk 'NF && !seen[$0]++' "$found/more" "$MADE" >"$MADE.part"
mv "$MADE.part" "$MADE"

# ---- Taking it away, what was made last first

field='"([^"]*)"'
form="^\{\"kind\": $field, \"name\": $field, \"location\": $field, \"role\": $field, \"member\": $field"
form="$form, \"shared\": (true|false), \"project\": $field, \"pipeline\": $field\}\$"

take_away() {
  local line=$1 kind name location role member shared name_of_role=
  [[ $line =~ $form ]] || {
    echo "$line" >"$errors"
    stop "reading .automlops/made, which has a line that no script wrote" "$errors" project
  }
  kind=${BASH_REMATCH[1]} name=${BASH_REMATCH[2]} location=${BASH_REMATCH[3]}
  role=${BASH_REMATCH[4]} member=${BASH_REMATCH[5]} shared=${BASH_REMATCH[6]}
  PROJECT=${BASH_REMATCH[7]}
  [[ -z $role ]] || name_of_role="$role on ${kind%-role} $name for ${member#*:}"
  if [[ $shared == true && -n $others ]]; then
    said kept "${kind#*-}" "${name_of_role:-$name}" "used by ${others% } too"
    return
  fi
  case $kind in
    pipeline) ;;
    registry) remove registry registry "$name" gcloud artifacts repositories delete "$name" --location="$location" ;;
    account) remove account account "$name" gcloud iam service-accounts delete "$name" ;;
    bucket)
      look_into "$name"
      if [[ ${DELETE_DATA-} != 1 && -s $found/data ]]; then
        said kept bucket "$name" 'it has data in it; DELETE_DATA=1 deletes that too'
        return
      fi
      remove bucket bucket "$name" gcloud storage rm "gs://$name" --recursive
      ;;
    *-role)
      remove "${kind%-role}" role "$name_of_role" \
        policy remove-iam-policy-binding "${kind%-role}" "$name" "$location" --member="$member" --role="$role" \
        --condition=None
      ;;
  esac
  forget "$line"
}

sed '1!G;h;$!d' "$MADE" >"$found/backwards" # tac, which macOS lacks
while IFS= read -r line <&3; do
  take_away "$line"
done 3<"$found/backwards"

# ---- The record in the bucket, if that is still there, says what is left

PROJECT=example.com:my-project
record=gs://$BUCKET/$PIPELINE/made
[[ -n $others ]] || record="gs://$BUCKET/*/made" # what pipelines that are gone had left was taken over above
gcloud storage rm "$record" --project="$PROJECT" >/dev/null 2>"$errors" \
  || absent "$errors" || stop 'removing the record from the bucket' "$errors" bucket
if [[ -s $MADE ]]; then
  gcloud storage cp "$MADE" "gs://$BUCKET/$PIPELINE/made" --project="$PROJECT" >/dev/null 2>"$errors" \
    || absent "$errors" || stop 'copying the record to the bucket' "$errors" bucket
  [[ -z $others ]] || : >"$MADE" # what is left is the others' now: the last of them finds it in the bucket
fi
