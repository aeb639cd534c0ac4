#!/usr/bin/env bash
# Takes away what provision_resources.sh made for kitchen-garden, and nothing else.
# What that was is in .automlops/made and in the bucket. What pipelines share stays while another one is there.
# APIs stay on, and a bucket with data in it stays, as does a repository in Cloud Source Repositories. DELETE_DATA=1
# deletes these with all that is in them, for good.
# PLAN=1 says what would be taken away, and takes nothing.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

PROJECT=my-project
PIPELINE=kitchen-garden
REGISTRY=vertex-mlops-af
REGISTRY_LOCATION=us-central1
BUCKET=my-project-bucket
# What accounts of ours are called, as one regular expression.
TITLES='Runs the steps of pipelines|Builds the images of .*'

# shellcheck source=scripts/gcloud.sh
source scripts/gcloud.sh
# shellcheck source=provision/record.sh
source provision/record.sh
errors=$found/errors

# remove ON KIND WHAT COMMAND...    takes something away; what is not there any more is gone already.
remove() {
  local on=$1 kind=$2 what=$3 fate=removed
  shift 3
  if [[ -z ${PLAN-} ]] && ! patiently "$BUSY" "$errors" "$@" >/dev/null; then
    absent "$errors" || stop "removing the $kind $what" "$errors" "$on"
    fate=gone
  fi
  said "$fate" "$kind" "$what" 'this pipeline made it'
}

# forget LINE    takes a line out of the record, once it is no longer true.
forget() {
  grep -vxF "$1" "$MADE" >"$MADE.part" || (($? == 1)) # nothing is left
  mv "$MADE.part" "$MADE"
}

# look_into BUCKET    lists what is in a bucket beside records, older versions included, as $found/data.
look_into() {
  patiently "$BUSY" "$errors" gcloud storage ls "gs://$1/**" --all-versions >"$found/objects" \
    || absent "$errors" || stop "looking into the bucket $1" "$errors" bucket
  grep -vE '/made#[0-9]+$' "$found/objects" >"$found/data" || :
}

# label ON FIELD COMMAND...    asks what something says of itself; nothing, where it is not there.
label() {
  local on=$1 field=$2
  shift 2
  patiently "$BUSY" "$errors" "$@" --format="value($field)" >"$found/label" \
    || absent "$errors" || stop 'reading labels' "$errors" "$on"
}

# unproven ON LINE COMMAND...    says that something stays which is there, and does not say itself who made it.
unproven() {
  local on=$1 line=$2
  label "$on" name "${@:3}"
  [[ ! -s $found/label ]] || said kept "$(cut -d '"' -f 4 <<<"$line")" "$name" 'only the bucket says that this pipeline made it'
  : >"$found/label"
}

# believed    of lines that only the bucket's records have, where a step can write, those that the things themselves
# do not belie. What says nothing of itself is taken away only where .automlops/made says so, too.
believed() {
  local line name location
  while IFS= read -r line; do
    name=$(cut -d '"' -f 8 <<<"$line")
    location=$(cut -d '"' -f 12 <<<"$line")
    echo automlops >"$found/label"
    case $line in
      '{"kind": "registry",'*)
        label registry labels.managed-by gcloud artifacts repositories describe "$REGISTRY" --location="$REGISTRY_LOCATION"
        ;;
      '{"kind": "bucket",'*) label bucket labels.managed-by gcloud storage buckets describe "gs://$BUCKET" ;;
      '{"kind": "account",'*)
        label account displayName gcloud iam service-accounts describe "$name"
        if grep -qxE "$TITLES" "$found/label"; then echo automlops >"$found/label"; else : >"$found/label"; fi
        ;;
      '{"kind": "service",'*)
        label service metadata.labels.managed-by gcloud run services describe "$name" --region="$location"
        ;;
      '{"kind": "schedule",'*)
        label schedule pubsubTarget.attributes.automlops-pipeline gcloud scheduler jobs describe "$name" --location="$location"
        if [[ $line == *"\"pipeline\": \"$(<"$found/label")\"}" ]]; then echo automlops >"$found/label"; else : >"$found/label"; fi
        ;;
      '{"kind": "topic",'*) label topic labels.managed-by gcloud pubsub topics describe "$name" ;;
      '{"kind": "subscription",'*) label topic labels.managed-by gcloud pubsub subscriptions describe "$name" ;;
      '{"kind": "trigger",'*) unproven trigger "$line" gcloud builds triggers describe "$name" --region="$location" ;;
      '{"kind": "connection",'*) unproven repository "$line" gcloud builds connections describe "$name" --region="$location" ;;
      '{"kind": "repository",'*'/connections/'*)
        unproven repository "$line" gcloud builds repositories describe "$name" --connection="${location##*/}" \
          --region="${location%%/*}"
        ;;
      '{"kind": "repository",'*) unproven repository "$line" gcloud source repos describe "$name" ;;
    esac
    [[ $(<"$found/label") != automlops ]] || printf '%s\n' "$line" >>"$found/more"
  done
}

# ---- What there is to take away

# What provisioning was making when it was cut off, or when it failed: that may be there all the same.
for note in .automlops/making/*; do
  [[ -f $note ]] || continue # there are none
  grep -qxF -f "$note" "$MADE" || cat "$note" >>"$MADE"
  [[ -n ${PLAN-} ]] || rm "$note"
done

# The records of all pipelines that use the bucket, this one's included; none where the bucket is gone.
patiently "$BUSY" "$errors" gcloud storage cat "gs://$BUCKET/*/made" >"$found/records" \
  || absent "$errors" || stop 'reading the records in the bucket' "$errors" bucket
grep -F "$OURS" "$found/records" >"$found/ours" || :
grep -vF "$OURS" "$found/records" >"$found/theirs" || :
others=$(sed -n 's/^{"kind": "pipeline", "name": "\([a-z0-9-]*\)".*/\1/p' "$found/theirs" | sort -u | tr '\n' ' ')

# What a pipeline that is gone left to the others is for the last one to take away.
[[ -n $others ]] || cat "$found/theirs" >>"$found/ours"
plausible <"$found/ours" \
  | awk -v made="$MADE" 'BEGIN { while ((getline line <made) > 0) known[line] } !($0 in known)' >"$found/said"
touch "$found/more"
believed <"$found/said"
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
    service) remove service service "$name" gcloud run services delete "$name" --region="$location" ;;
    topic | subscription) remove topic "$kind" "$name" gcloud pubsub "${kind}s" delete "$name" ;;
    schedule)
      remove schedule schedule "$name" unschedule "$name" "$location" "${BASH_REMATCH[8]}"
      ;;
    clock)
      said kept schedule "$name" "generate(schedule_engine='vertex') brings what takes it out of Vertex AI"
      return
      ;;
    trigger) remove trigger trigger "$name" gcloud builds triggers delete "$name" --region="$location" ;;
    repository)
      if [[ $location == */connections/* ]]; then
        remove repository repository "$name" gcloud builds repositories delete "$name" \
          --connection="${location##*/}" --region="${location%%/*}"
      elif [[ ${DELETE_DATA-} != 1 ]]; then
        said kept repository "$name" 'it has code in it; DELETE_DATA=1 deletes that too'
        return
      else
        remove repository repository "$name" gcloud source repos delete "$name"
      fi
      ;;
    connection)
      remove repository connection "$name" gcloud builds connections delete "$name" --region="$location"
      ;;
    own-role) said kept own-role "$name" 'nobody has it; Google would block its name for weeks' ;;
    registry) remove registry registry "$name" gcloud artifacts repositories delete "$name" --location="$location" ;;
    account) remove account account "$name" gcloud iam service-accounts delete "$name" ;;
    bucket)
      look_into "$name"
      if [[ ${DELETE_DATA-} != 1 && -s $found/data ]]; then
        said kept bucket "$name" 'it has data in it; DELETE_DATA=1 deletes that too'
        return
      fi
      remove bucket bucket "$name" gcloud storage rm "gs://$name" --recursive
      [[ $name != "$BUCKET" ]] || touch "$found/no-bucket"
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
[[ -z ${PLAN-} && ! -e $found/no-bucket ]] || exit 0

# ---- The record in the bucket says what is left

PROJECT=my-project

# rest    what is left from here, and what was written to the copy since it was read above.
rest() {
  grep -vxF -f "$MADE" "$found/records" >"$found/done" || :
  joined "$found/done" <"$found/copy" >"$found/left"
}

# taken_over    nothing, unless the pipeline is back, and has written to its record since that was read above.
taken_over() {
  cp "$found/copy" "$found/left" || return
  [[ $(joined "$found/records" <"$found/copy" | grep -cvxF -f "$MADE") != 0 ]] || : >"$found/left"
}

keep() {
  patiently "$BUSY" "$errors" exchange "$@" >/dev/null \
    || absent "$errors" || stop 'copying the record to the bucket' "$errors" bucket
}
keep "$COPY" rest
if [[ -z $others ]]; then
  while IFS= read -r each <&3; do
    keep "gs://$BUCKET/$each/made" taken_over
  done 3< <(sed -n 's/.*"pipeline": "\([a-z0-9-]*\)"}$/\1/p' "$found/theirs" | sort -u)
else
  : >"$MADE" # what is left is the others' now: the last of them finds it in the bucket
fi
