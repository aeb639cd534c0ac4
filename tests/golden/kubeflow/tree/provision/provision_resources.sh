#!/usr/bin/env bash
# Makes what kitchen-garden needs in the project my-project, and says why for each part.
# Safe to run again: what is there is kept, what is missing is made. It stops at the first failure.
# PLAN=1 asks what is there and says what would be made; PLAN=offline asks nothing, as if nothing were there.
# What it makes is written to .automlops/made and to the bucket: deprovision_resources.sh takes away that and no more.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

PROJECT=my-project
PIPELINE=kitchen-garden
REGISTRY=vertex-mlops-af
REGISTRY_LOCATION=us-central1
BUCKET=my-project-bucket
BUCKET_LOCATION=us-central1
RUNNER=vertex-pipelines@my-project.iam.gserviceaccount.com
BUILDER=kitchen-garden-builder@my-project.iam.gserviceaccount.com

WAYS=uniform_bucket_level_access,public_access_prevention,versioning_enabled,labels.managed-by # of a bucket
MADE=.automlops/made
MAKING=.automlops/making
COPY=gs://$BUCKET/$PIPELINE/made
OURS="\"pipeline\": \"$PIPELINE\"}" # how a line of the record ends
found=$(mktemp -d)
trap 'wait; rm -rf "$found"' EXIT
if [[ -n ${PLAN-} ]]; then
  [[ ! -f $MADE ]] || cp "$MADE" "$found/made"
  MADE=$found/made MAKING=$found/making
fi
mkdir -p "$MAKING"
touch "$MADE" "$found/new-accounts"

# shellcheck source=scripts/gcloud.sh
source scripts/gcloud.sh

# What gcloud says where Google shows late what was just made.
EARLY='could not access secret|has not been used|does not exist|not[ _]found'

# begin JOB COMMAND...    does something beside what comes next, until it is awaited.
begin() {
  local job=$found/$1.job
  shift
  "$@" &
  echo $! >"$job"
}

# await JOB...    waits for what was begun, if it was, and ends the script where that stopped.
await() {
  local job failed=0
  for job; do
    job=$found/$job.job
    [[ -s $job ]] || continue
    wait "$(<"$job")" || failed=1 # it has said why
    rm "$job"
  done
  ((failed == 0)) || exit 1
}

# early ERRORS    whether a plan asked about what would be there by then: with the API off, nothing is.
early() {
  [[ -n ${PLAN-} ]] && grep -qiE "$EARLY" "$1"
}

# look NAME ON COMMAND...    asks what there is, and keeps the answer as NAME; nothing, where a plan asks too early.
look() {
  local name=$1 on=$2 errors=$found/$1.errors
  shift 2
  : >"$found/$name"
  [[ ${PLAN-} != offline ]] || return 0
  patiently "$EARLY|$BUSY" "$errors" "$@" >"$found/$name" || early "$errors" || stop "looking for ${name//-/ }" "$errors" "$on"
}

# see NAME ON COMMAND...    asks about one thing, and keeps the answer as NAME; nothing, where it is not there.
see() {
  local name=$1 on=$2 errors=$found/$1.errors
  shift 2
  : >"$found/$name"
  [[ ${PLAN-} != offline ]] || return 0
  patiently "$BUSY" "$errors" "$@" >"$found/$name" || absent "$errors" || early "$errors" \
    || stop "looking for the ${name//-/ }" "$errors" "$on"
}

# entry KIND NAME LOCATION SHARED [ROLE MEMBER]    a line of the record: one thing that was made.
entry() {
  printf '{"kind": "%s", "name": "%s", "location": "%s", "role": "%s", "member": "%s", "shared": %s, ' \
    "$1" "$2" "$3" "${5-}" "${6-}" "$4"
  printf '"project": "%s", "pipeline": "%s"}\n' "$PROJECT" "$PIPELINE"
}

# note LINE    where a line stands while what it says is being made.
note() {
  printf '%s/%s\n' "$MAKING" "$(cksum <<<"$1" | cut -d ' ' -f 1)"
}

# record LINE    writes down what was made, at once.
record() {
  grep -qxF "$1" "$MADE" || printf '%s\n' "$1" >>"$MADE"
  rm -f "$(note "$1")"
}

# asked LINE    remembers that this run came by what a line is about.
asked() {
  printf '%s\n' "$1" >>"$found/asked"
}

# ours LINE    whether the record has it: also what a run was making when it was cut off.
ours() {
  [[ ! -e $(note "$1") ]] || record "$1"
  grep -qxF "$1" "$MADE"
}

registries() {
  gcloud artifacts repositories list --location="$REGISTRY_LOCATION" --filter="name~/repositories/$REGISTRY\$" \
    --format='value(format)' "$@"
}

# there LINE    whether a registry was made all the same: gcloud reads it afterwards, and may be refused that alone.
there() {
  [[ $1 == '{"kind": "registry",'* && -n $(registries --project="$PROJECT" 2>/dev/null) ]]
}

# make ON WHAT LINE COMMAND...    makes something that is not there, and writes LINE to the record.
make() {
  local on=$1 what=$2 line=$3 errors
  shift 3
  [[ -z ${PLAN-} ]] || return 0
  errors=$(mktemp "$found/XXXXXX")
  printf '%s\n' "$line" >"$(note "$line")"
  if ! patiently "$EARLY|$BUSY" "$errors" "$@" >/dev/null && ! grep -qiE 'already (exists|own)' "$errors"; then
    ! grep -qiE 'permission|denied|forbidden|invalid|quota|not available' "$errors" || there "$line" || rm -f "$(note "$line")"
    stop "making $what" "$errors" "$on"
  fi
  record "$line"
}

# change ON STEP COMMAND...    changes something that is there; the step says what is done to it.
change() {
  local on=$1 step=$2 errors
  shift 2
  [[ -z ${PLAN-} ]] || return 0
  errors=$(mktemp "$found/XXXXXX")
  patiently "$EARLY|$BUSY" "$errors" "$@" >/dev/null || stop "$step" "$errors" "$on"
}

# ---- The resources

registry() {
  local why='holds the images that the steps run in' line
  line=$(entry registry "$REGISTRY" "$REGISTRY_LOCATION" true)
  look registry registry registries
  if [[ -s $found/registry ]]; then
    ours "$line" || :
    grep -qxF DOCKER "$found/registry" || {
      echo "$REGISTRY holds other things than images: choose another af_registry_name" >"$found/registry.errors"
      stop "using the registry $REGISTRY" "$found/registry.errors" registry
    }
    said kept registry "$REGISTRY" "$why"
  else
    make registry "the registry $REGISTRY" "$line" gcloud artifacts repositories create "$REGISTRY" \
      --location="$REGISTRY_LOCATION" --repository-format=docker --labels=managed-by=automlops
    said created registry "$REGISTRY" "$why"
    touch "$found/new-registry"
  fi
}

# managed LINE    whether the bucket is one that this pipeline or another one made.
managed() {
  ours "$1" || grep -q '|automlops$' "$found/bucket"
}

# The bucket takes roles on the whole of it alone, is never public, and keeps older versions of what is replaced.
# One that was there before keeps its own ways.
bucket() {
  local why='holds artifacts, compiled pipelines, sources to build and build logs' line fate=kept
  line=$(entry bucket "$BUCKET" "$BUCKET_LOCATION" true)
  # Of this project alone: a bucket of that name elsewhere is somebody else's, and making ours will say so.
  look bucket bucket gcloud storage buckets list --filter="name=$BUCKET" --format="value[separator='|']($WAYS)"
  if [[ ! -s $found/bucket ]]; then
    make bucket "the bucket $BUCKET" "$line" gcloud storage buckets create "gs://$BUCKET" \
      --location="$BUCKET_LOCATION" --uniform-bucket-level-access --public-access-prevention
    fate=created
    touch "$found/new-bucket"
  fi
  if [[ $(<"$found/bucket") != 'True|enforced|True|automlops' ]] && managed "$line"; then
    # Creating one takes neither versioning nor labels.
    change bucket "changing the bucket $BUCKET" gcloud storage buckets update "gs://$BUCKET" --uniform-bucket-level-access \
      --public-access-prevention --versioning --update-labels=managed-by=automlops
    [[ $fate == created ]] || fate=changed
  fi
  said "$fate" bucket "$BUCKET" "$why"
}

# account EMAIL SHARED TITLE WHY
account() {
  local line
  line=$(entry account "$1" "" "$2")
  if grep -qxF "$1" "$found/accounts"; then
    ours "$line" || :
    said kept account "$1" "$4"
  else
    make account "the account $1" "$line" gcloud iam service-accounts create "${1%%@*}" --display-name="$3"
    said created account "$1" "$4"
    echo "$1" >>"$found/new-accounts"
  fi
}

# given ON NAME LOCATION EMAIL ROLE    whether somebody has a role on something already. A policy is read once, and not for
# what this run made, on which nobody was given anything, nor for an account that it made, which was given nothing.
given() {
  local policy=policy-of-$1
  [[ $1 != secret ]] || policy=$policy-$2
  ! grep -qxF "$4" "$found/new-accounts" && [[ ! -e $found/new-$1 ]] || return 1
  [[ -e $found/$policy ]] || look "$policy" "$1" policy get-iam-policy "$1" "$2" "$3" --flatten='bindings[].members' \
    --format='value[separator=" "](bindings.role,bindings.members,bindings.condition.expression)'
  grep -qxF "$5 serviceAccount:$4 " "$found/$policy"
}

# grant ON NAME LOCATION EMAIL SHARED ROLE WHY    gives a role on something, unless its policy has it already.
grant() {
  local member=serviceAccount:$4 role=$6 line name="$6 on $1 $2 for $4"
  line=$(entry "$1-role" "$2" "$3" "$5" "$role" "$member")
  asked "$line"
  if given "$1" "$2" "$3" "$4" "$role"; then
    ours "$line" || :
    said kept role "$name" "$7"
  else
    make "$1" "$name" "$line" policy add-iam-policy-binding "$1" "$2" "$3" \
      --member="$member" --role="$role" --condition=None
    said created role "$name" "$7"
  fi
}

# ---- Who may do what: each policy read once, then given what it lacks

project_roles() {
  grant project "$PROJECT" global "$RUNNER" true roles/aiplatform.user \
    'runs the steps and records what came of them'
}

registry_roles() {
  grant registry "$REGISTRY" "$REGISTRY_LOCATION" "$RUNNER" true roles/artifactregistry.reader \
    'pulls the images'
  grant registry "$REGISTRY" "$REGISTRY_LOCATION" "$BUILDER" false roles/artifactregistry.writer \
    'pushes the images'
}

bucket_roles() {
  grant bucket "$BUCKET" "$BUCKET_LOCATION" "$RUNNER" true roles/storage.objectUser \
    'reads and writes what the steps exchange'
  grant bucket "$BUCKET" "$BUCKET_LOCATION" "$BUILDER" false roles/storage.objectUser \
    'reads the sources to build and writes build logs'
  grant bucket "$BUCKET" "$BUCKET_LOCATION" "$BUILDER" false roles/storage.legacyBucketReader \
    'finds the bucket before writing logs to it'
}

# recorded    asks what the bucket's records say: the copy of this one, and those of other pipelines.
recorded() {
  touch "$found/records"
  [[ ! -e $found/new-bucket && ${PLAN-} != offline ]] || return 0
  patiently "$BUSY" "$found/record.errors" gcloud storage cat "gs://$BUCKET/*/made" >"$found/records" \
    || absent "$found/record.errors" || stop "reading the records in the bucket" "$found/record.errors" bucket
}

# drop    takes away what this pipeline made once and nothing above asks for now: roles, and a trigger. What pipelines share
# stays while another one is there.
drop() {
  local line kind name location role member
  touch "$found/asked"
  grep -E '^[{]"kind": "((project|registry|bucket|account|secret)-role|trigger)"' "$MADE" | grep -F "\"project\": \"$PROJECT\"" \
    | grep -vxF -f "$found/asked" >"$found/needless" || :
  while IFS= read -r line <&3; do
    [[ $line == *'"shared": false'* || $(grep -cvF "$OURS" "$found/records") == 0 ]] || continue
    IFS='"' read -r _ _ _ kind _ _ _ name _ _ _ location _ _ _ role _ _ _ member _ <<<"$line"
    if [[ $kind == trigger ]]; then
      set -- trigger "$name" gcloud builds triggers delete "$name" --region="$location"
    else
      set -- role "$role on ${kind%-role} $name for ${member#*:}" policy remove-iam-policy-binding "${kind%-role}" \
        "$name" "$location" --member="$member" --role="$role" --condition=None
    fi
    [[ -n ${PLAN-} ]] || patiently "$BUSY" "$found/drop.errors" "${@:3}" >/dev/null || absent "$found/drop.errors" \
      || stop "removing the $1 $2" "$found/drop.errors" "${kind%-role}"
    echo "$line" >>"$found/dropped"
    grep -vxF "$line" "$MADE" >"$MADE.part" || :
    mv "$MADE.part" "$MADE"
    said removed "$1" "$2" 'nothing needs it any more'
  done 3<"$found/needless"
}

# keep_record    the bucket's copy has what was made from here, and from other copies of this codebase.
keep_record() {
  touch "$found/dropped"
  grep -F "$OURS" "$found/records" >"$found/record" || :
  plausible <"$found/record" | cat - "$MADE" | awk 'NF && !seen[$0]++' \
    | awk -v dropped="$found/dropped" 'BEGIN { while ((getline line <dropped) > 0) gone[line] } !($0 in gone)' >"$found/all"
  if cmp -s "$found/all" "$found/record"; then
    said kept record "$COPY" 'tells deprovision_resources.sh what to take away'
  else
    change bucket "copying the record to the bucket" gcloud storage cp "$found/all" "$COPY"
    said changed record "$COPY" 'tells deprovision_resources.sh what to take away'
  fi
}

# ---- The APIs: one question, and one call for all that are missing

missing=() whys=()
want() {
  if grep -qxF "$1" "$found/apis"; then
    said kept api "$1" "$2"
  else
    missing+=("$1")
    whys+=("$2")
  fi
}

switch_on() {
  local api at=0
  change api "switching on ${missing[*]}" gcloud services enable "${missing[@]}"
  for api in "${missing[@]}"; do
    said created api "$api" "${whys[at]}"
    at=$((at + 1))
  done
}

# needs API    waits until it is on: those that were off are switched on together.
needs() {
  grep -qxF "$1" "$found/apis" || await apis
}

# ---- All of it: each thing begins as soon as what it needs is there, beside the others

# So that those who share something with it see it.
record "$(entry pipeline "$PIPELINE" "" false)"
# The bucket takes longest, and Storage is on already in nearly every project.
begin bucket bucket

look apis api gcloud services list --enabled --format='value(config.name)'
want aiplatform.googleapis.com 'runs the pipeline'
want artifactregistry.googleapis.com 'keeps the images'
want cloudbuild.googleapis.com 'builds the images'
want cloudresourcemanager.googleapis.com 'says who may do what in the project'
want iam.googleapis.com 'knows the service accounts'
want storage.googleapis.com 'keeps what the steps make'
[[ -z ${missing[*]-} ]] || begin apis switch_on

needs iam.googleapis.com
begin accounts look accounts account gcloud iam service-accounts list --format='value(email)'
needs artifactregistry.googleapis.com
begin registry registry

await accounts
begin account-1 account "$RUNNER" true 'Runs the steps of pipelines' \
  'runs the steps'
begin account-2 account "$BUILDER" false 'Builds the images of kitchen-garden' \
  'builds the images'
await account-1 account-2

begin roles-1 project_roles
await registry
begin roles-2 registry_roles
await bucket
begin roles-3 bucket_roles
begin recorded recorded
await roles-1 roles-2 roles-3 recorded apis

drop
keep_record

[[ -n ${PLAN-} ]] || printf '\nready: scripts/run_all.sh builds, compiles and starts a run\n'
