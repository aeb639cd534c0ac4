#!/usr/bin/env bash
# Makes what auto-images needs in the project my-project-123, and says why for each part.
# Safe to run again: what is there is kept, what is missing is made. It stops at the first failure.
# PLAN=1 asks what is there and says what would be made; PLAN=offline asks nothing, as if nothing were there.
# What it makes is written to .automlops/made and to the bucket: deprovision_resources.sh takes away that and no more.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

PROJECT=my-project-123
PIPELINE=auto-images
REGISTRY=vertex-mlops-af
REGISTRY_LOCATION=us-central1
BUCKET=my-project-123-bucket
BUCKET_LOCATION=us-central1
RUNNER=vertex-pipelines@my-project-123.iam.gserviceaccount.com
BUILDER=auto-images-builder@my-project-123.iam.gserviceaccount.com
ROLE=automlops_starts_runs
TRIGGER=automlops-trigger
TRIGGER_LOCATION=us-central1
REPOSITORY=example/auto-images
BRANCH=automlops
CONNECTION=automlops-github
LINK=example-auto-images
REMOTE=https://github.com/example/auto-images.git

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

# A role of the project's own keeps its name for a while when it is deleted: then it is brought back.
role() {
  local why='lets a build look up images and start a run, and do nothing else in Vertex AI' permissions=aiplatform.pipelineJobs.create,aiplatform.pipelineJobs.get,serviceusage.services.use line
  line=$(entry own-role "$ROLE" "" true)
  see role role gcloud iam roles describe "$ROLE" \
    --format='value[separator="|"](deleted,includedPermissions.list())'
  case $(<"$found/role") in
    "|$permissions")
      ours "$line" || :
      said kept own-role "$ROLE" "$why"
      ;;
    '')
      make role "the role $ROLE" "$line" gcloud iam roles create "$ROLE" --permissions="$permissions" --stage=GA \
        --title='Starts runs of pipelines'
      said created own-role "$ROLE" "$why"
      ;;
    True*)
      make role "the role $ROLE, which was deleted" "$line" gcloud iam roles undelete "$ROLE"
      change role "changing the role $ROLE" gcloud iam roles update "$ROLE" --permissions="$permissions"
      said created own-role "$ROLE" "$why"
      ;;
    *)
      change role "changing the role $ROLE" gcloud iam roles update "$ROLE" --permissions="$permissions"
      said changed own-role "$ROLE" "$why"
      ;;
  esac
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

# The connection is a person's to make, who may speak for the account on github, unless secrets of
# theirs in Secret Manager speak for them.
connection() {
  local why='lets Cloud Build see github' line stage page
  local console="https://console.cloud.google.com/cloud-build/repositories/2nd-gen?project=$PROJECT"
  line=$(entry connection "$CONNECTION" "$TRIGGER_LOCATION" true)
  read -r stage page <"$found/connection" || :
  if [[ $stage == COMPLETE ]]; then
    ours "$line" || :
    said kept connection "$CONNECTION" "$why"
    return
  fi
  if [[ -n ${PLAN-} ]]; then
    said needed connection "$CONNECTION" "a person makes it, once, in $TRIGGER_LOCATION: ${page:-$console}"
    return
  fi
  keep_record >/dev/null # the rest is made, and this may be all that is left of here tomorrow
  {
    printf '\nstopped at: connecting Cloud Build to github, which takes a person, once\n'
    printf '  open %s\n' "${page:-$console}"
    printf '  and finish or make the connection %s in %s; source_repo_secrets has the script make it instead\n' \
      "$CONNECTION" "$TRIGGER_LOCATION"
    printf 'then run %s again: it goes on from here\n' "${0#"$PWD"/}"
  } >&2
  exit 1
}

repository() {
  local why='is what the trigger watches' line
  line=$(entry repository "$LINK" "$TRIGGER_LOCATION/connections/$CONNECTION" true)
  if [[ -s $found/connection ]]; then
    look repository repository gcloud builds repositories list --connection="$CONNECTION" \
      --region="$TRIGGER_LOCATION" --filter="name~/repositories/$LINK\$" --format='value(name)'
  fi
  if [[ -s $found/repository ]]; then
    ours "$line" || :
    said kept repository "$LINK" "$why"
  else
    make repository "the repository $REPOSITORY" "$line" gcloud builds repositories create "$LINK" \
      --connection="$CONNECTION" --region="$TRIGGER_LOCATION" --remote-uri="$REMOTE"
    said created repository "$LINK" "$why"
  fi
}

# The trigger is what provision/trigger.yaml says.
TRIGGERED='tags.list(),filename,serviceAccount,substitutions._DIR,substitutions._RUN,includedFiles.list()'
TRIGGERED=$TRIGGERED,repositoryEventConfig.repository,repositoryEventConfig.push.branch,disabled

WANTED='automlops,auto-images|cloudbuild.yaml|projects/my-project-123/serviceAccounts/auto-images-builder@my-project-123.iam.gserviceaccount.com|.|true||projects/my-project-123/locations/us-central1/connections/automlops-github/repositories/example-auto-images|^automlops$'

trigger() {
  local why='tests, builds what changed and starts a run when the branch moves' line
  line=$(entry trigger "$TRIGGER" "$TRIGGER_LOCATION" false)
  asked "$line"
  if [[ ! -s $found/trigger ]]; then
    make trigger "the trigger $TRIGGER" "$line" gcloud builds triggers import --source=provision/trigger.yaml \
      --region="$TRIGGER_LOCATION"
    said created trigger "$TRIGGER" "$why"
  elif [[ $(<"$found/trigger") == "$WANTED|" ]]; then
    ours "$line" || :
    said kept trigger "$TRIGGER" "$why"
  elif [[ $(<"$found/trigger") == *'|True' ]]; then
    ours "$line" || :
    said kept trigger "$TRIGGER" 'somebody switched it off, and it stays off: the console switches it on'
  else
    change trigger "changing the trigger $TRIGGER" gcloud builds triggers import --source=provision/trigger.yaml \
      --region="$TRIGGER_LOCATION"
    said changed trigger "$TRIGGER" "$why"
  fi
}

# One of that name that is not this pipeline's is left alone, and nothing else is made. It is this pipeline's if it says
# so and watches the same repository, or if the record has it.
unclaimed() {
  local tags theirs remedy='choose another cb_trigger_name, or a naming_prefix'
  tags=$(cut -d '|' -f 1 "$found/trigger")
  [[ -s $found/trigger ]] || return 0
  [[ $tags != automlops,"$PIPELINE" || $(cut -d '|' -f 7 "$found/trigger") != "$(cut -d '|' -f 7 <<<"$WANTED")" ]] \
    || return 0
  ! grep -qxF "$(entry trigger "$TRIGGER" "$TRIGGER_LOCATION" false)" "$MADE" || return 0
  theirs=${tags/#automlops,/the pipeline }
  if [[ -n ${PLAN-} ]]; then
    said needed trigger "$TRIGGER" "one of that name is of ${theirs:-somebody else}: $remedy"
    touch "$found/claimed"
    return
  fi
  printf 'there is one of that name already, of %s: %s\n' "${theirs:-somebody else}" "$remedy" >"$found/trigger.errors"
  stop "making the trigger $TRIGGER" "$found/trigger.errors" trigger
}

# ---- Who may do what: each policy read once, then given what it lacks

project_roles() {
  grant project "$PROJECT" global "$RUNNER" true roles/aiplatform.user \
    'runs the steps and records what came of them'
  grant project "$PROJECT" global "$BUILDER" false projects/my-project-123/roles/automlops_starts_runs \
    'starts a run after a push'
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

account_roles() {
  grant account "$RUNNER" global "$BUILDER" false roles/iam.serviceAccountUser \
    'has steps run as it'
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

look apis api gcloud services list --enabled --format='value(config.name)'
want aiplatform.googleapis.com 'runs the pipeline'
want artifactregistry.googleapis.com 'keeps the images'
want cloudbuild.googleapis.com 'builds the images'
want cloudresourcemanager.googleapis.com 'says who may do what in the project'
want iam.googleapis.com 'knows the service accounts'
want secretmanager.googleapis.com 'keeps what Cloud Build needs to read from github'
want storage.googleapis.com 'keeps what the steps make'
[[ -z ${missing[*]-} ]] || begin apis switch_on

needs iam.googleapis.com
begin accounts look accounts account gcloud iam service-accounts list --format='value(email)'
needs cloudbuild.googleapis.com
begin trigger see trigger trigger gcloud builds triggers describe "$TRIGGER" --region="$TRIGGER_LOCATION" \
  --format="value[separator='|']($TRIGGERED)"
begin connection look connection repository gcloud builds connections list --region="$TRIGGER_LOCATION" \
  --filter="name~/connections/$CONNECTION\$" \
  --format='value[separator=" "](installationState.stage,installationState.actionUri)'
await trigger
unclaimed

# So that those who share something with it see it.
record "$(entry pipeline "$PIPELINE" "" false)"
needs storage.googleapis.com
begin bucket bucket
needs artifactregistry.googleapis.com
begin registry registry
begin role role

await accounts
begin account-1 account "$RUNNER" true 'Runs the steps of pipelines' \
  'runs the steps'
begin account-2 account "$BUILDER" false 'Builds the images of auto-images' \
  'builds the images'
await account-1 account-2 role

begin roles-1 project_roles
await registry
begin roles-2 registry_roles
await bucket
begin roles-3 bucket_roles
begin roles-4 account_roles
begin recorded recorded
await roles-1 roles-2 roles-3 roles-4 recorded apis connection

# ---- What a push starts

connection
repository
[[ -e $found/claimed ]] || trigger

drop
keep_record

[[ -n ${PLAN-} ]] || printf '\nready: a push to %s builds what changed and starts a run\n' "$BRANCH"
