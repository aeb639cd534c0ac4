#!/usr/bin/env bash
# Makes what words needs in the project my-project-123, and says why for each part.
# Safe to run again: what is there is kept, what is missing is made. It stops at the first failure.
# PLAN=1 asks what is there and says what would be made; PLAN=offline asks nothing, as if nothing were there.
# What it makes is written to .automlops/made and to the bucket: deprovision_resources.sh takes away that and no more.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

PROJECT=my-project-123
PIPELINE=words
REGISTRY=vertex-mlops-af
REGISTRY_LOCATION=us-central1
BUCKET=my-project-123-bucket
BUCKET_LOCATION=us-central1
RUNNER=vertex-pipelines@my-project-123.iam.gserviceaccount.com
BUILDER=words-builder@my-project-123.iam.gserviceaccount.com
ROLE=automlops_starts_runs
TRIGGER=automlops-trigger
TRIGGER_LOCATION=us-central1
REPOSITORY=example/words
BRANCH=automlops
CONNECTION=automlops-github
LINK=example-words
REMOTE=https://github.com/example/words.git
SERVICE=run-pipeline
SERVICE_LOCATION=us-central1
INGRESS=internal
AUDIENCE=automlops/my-project-123/run-pipeline
SUBMITTER=run-pipeline-submitter@my-project-123.iam.gserviceaccount.com
INVOKER=run-pipeline-invoker@my-project-123.iam.gserviceaccount.com
TOPIC=automlops-runs
SUBSCRIPTION=automlops-runs-push
DEAD_LETTERS=automlops-runs-dead-letters
LETTERBOX=automlops-runs-dead-letters

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
touch "$MADE" "$found/new-accounts" "$found/named"

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

# ahead NAME COMMAND...    asks before its turn, and keeps the answer as NAME; what fails is asked again in its turn.
ahead() {
  local name=$1
  shift
  if "$@" --project="$PROJECT" >"$found/$name.ahead" 2>/dev/null </dev/null; then
    mv "$found/$name.ahead" "$found/$name"
  fi
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

# registries FIELD [FLAG]    what the registry says of itself; nothing, where it is not there.
registries() {
  gcloud artifacts repositories list --location="$REGISTRY_LOCATION" --filter="name~/repositories/$REGISTRY\$" \
    --format="value($1)" "${@:2}"
}

# there LINE    whether a registry was made all the same: gcloud reads it afterwards, and may be refused that alone.
there() {
  [[ $1 == '{"kind": "registry",'* && -n $(registries format --project="$PROJECT" 2>/dev/null) ]]
}

# unasked ON API    whether there is nothing to look for, since the API is off.
unasked() {
  ! grep -qxF "$2" "$found/apis" && touch "$found/unasked-$1"
}

# was_made ON LINE ERRORS    whether gcloud says that something exists already since this run made it, and the answer was lost.
# What was not looked for before says so itself, or is somebody else's: the next run finds it there.
was_made() {
  grep -qiE 'already (exists|own)' "$3" || return 1
  [[ -e $found/unasked-$1 ]] || return 0
  case $2 in
    '{"kind": "registry",'*) registries 'labels.managed-by' --project="$PROJECT" ;;
    '{"kind": "account",'*)
      gcloud iam service-accounts list --filter="email=$(cut -d '"' -f 8 <<<"$2")" --format='value(displayName)' \
        --project="$PROJECT"
      ;;
  esac >"$found/mark" 2>/dev/null || :
  grep -qxE 'automlops|''Runs the steps of pipelines|Builds the images of .*|Starts runs of pipelines|Asks for runs of pipelines' "$found/mark" || {
    rm -f "$(note "$2")"
    return 1
  }
}

# make ON WHAT LINES COMMAND...    makes what is not there, and writes to the record its line, or one for each of several.
make() {
  local on=$1 what=$2 lines=$3 line errors
  shift 3
  [[ -z ${PLAN-} ]] || return 0
  errors=$(mktemp "$found/XXXXXX")
  while IFS= read -r line; do
    printf '%s\n' "$line" >"$(note "$line")"
  done <<<"$lines"
  if ! patiently "$EARLY|$BUSY" "$errors" "$@" >/dev/null && ! was_made "$on" "$lines" "$errors"; then
    if grep -qiE 'permission|denied|forbidden|invalid|quota|not available' "$errors" && ! there "$lines"; then
      while IFS= read -r line; do
        rm -f "$(note "$line")"
      done <<<"$lines"
    fi
    stop "making $what" "$errors" "$on"
  fi
  while IFS= read -r line; do
    record "$line"
  done <<<"$lines"
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
  if [[ -e $found/policy-of-registry ]] && ours "$line"; then
    said kept registry "$REGISTRY" "$why"
    return
  fi
  unasked registry artifactregistry.googleapis.com || look registry registry registries format
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

bucket() {
  # Of this project alone: a bucket of that name elsewhere is somebody else's, and making ours will say so.
  look bucket bucket gcloud storage buckets list --filter="name=$BUCKET" --format="value[separator='|']($WAYS)"
  if [[ ! -s $found/bucket ]]; then
    make bucket "the bucket $BUCKET" "$(entry bucket "$BUCKET" "$BUCKET_LOCATION" true)" \
      gcloud storage buckets create "gs://$BUCKET" --location="$BUCKET_LOCATION" --uniform-bucket-level-access \
      --public-access-prevention
    touch "$found/new-bucket"
  fi
}

# managed    whether the bucket is one that this pipeline or another one made.
managed() {
  ours "$(entry bucket "$BUCKET" "$BUCKET_LOCATION" true)" || grep -q '|automlops$' "$found/bucket"
}

# The bucket takes roles on the whole of it alone, is never public, and keeps older versions of what is replaced.
# One that was there before keeps its own ways.
bucket_ways() {
  local fate=kept
  [[ -s $found/bucket ]] || fate=created
  if [[ $(<"$found/bucket") != 'True|enforced|True|automlops' ]] && managed; then
    # Creating one takes neither versioning nor labels.
    change bucket "changing the bucket $BUCKET" gcloud storage buckets update "gs://$BUCKET" --uniform-bucket-level-access \
      --public-access-prevention --versioning --update-labels=managed-by=automlops
    [[ $fate == created ]] || fate=changed
  fi
  said "$fate" bucket "$BUCKET" 'holds artifacts, compiled pipelines, sources to build and build logs'
}

# accounts EMAIL...    asks which accounts there are, unless policies that were read ahead name these: Google calls one that
# was deleted otherwise in them.
accounts() {
  local email
  for email; do
    grep -qsF " serviceAccount:$email " "$found"/policy-of-* || break
    echo "$email" >>"$found/named"
  done
  if [[ $(grep -c . "$found/named") == "$#" ]]; then
    mv "$found/named" "$found/accounts"
  elif unasked account iam.googleapis.com; then
    : >"$found/accounts"
  else
    look accounts account gcloud iam service-accounts list --format='value(email)'
  fi
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
  local why='lets the service start a run, and do nothing else in Vertex AI' permissions=aiplatform.pipelineJobs.create,aiplatform.pipelineJobs.get,serviceusage.services.use line
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

# read_policy HOW ON NAME LOCATION    who has which role on something, on which condition: `look` asks now, and `ahead` where
# an earlier run gave a role on it.
read_policy() {
  local how=$1 on=$2 policy=policy-of-$2
  [[ ! $on =~ ^(secret|account|topic)$ ]] || policy=$policy-$3
  [[ ! -e $found/$policy ]] || return 0
  shift
  set -- policy get-iam-policy "$@" --flatten='bindings[].members' \
    --format='value[separator=" "](bindings.role,bindings.members,bindings.condition.expression)'
  if [[ $how == look ]]; then
    look "$policy" "$on" "$@"
  elif grep -qF "{\"kind\": \"$on-role\", \"name\": \"$4\"," "$MADE"; then
    ahead "$policy" "$@"
  fi
}

# given ON NAME LOCATION EMAIL ROLE    whether somebody has a role on something already. A policy is read once, and not for
# what this run made, on which nobody was given anything, nor for an account that it made, which was given nothing.
given() {
  local policy=policy-of-$1
  [[ ! $1 =~ ^(secret|account|topic)$ ]] || policy=$policy-$2
  ! grep -qxF "$4" "$found/new-accounts" && [[ ! -e $found/new-$1 ]] || return 1
  read_policy look "$1" "$2" "$3"
  grep -qxF "$5 serviceAccount:$4 " "$found/$policy"
}

# enlarged POLICY MORE    a policy as gcloud prints it, with roles for more: MORE has a line ROLE MEMBER for each. All else in it
# stays as it is, what holds on a condition too.
enlarged() {
  awk -v more="$2" '
    BEGIN {
      while ((getline <more) > 0) lacking[$1] = lacking[$1] "  - " $2 "\n"
    }
    function end_binding() {
      if (role in lacking && !conditional) {
        sub(/members:\n/, "&" lacking[role], text)
        delete lacking[role]
      }
      printf "%s", text
      text = role = conditional = ""
    }
    function end_bindings() {
      for (role in lacking) printf "- members:\n%s  role: %s\n", lacking[role], role
      within = 0
    }
    /^(- |[^ -])/ { end_binding() }
    within && /^[^ -]/ { end_bindings() }
    /^bindings:$/ { within = 1 }
    within && /^(-| ) condition:$/ { conditional = 1 }
    within && /^  role: / { role = $2 }
    # gcloud storage prints an etag in the one alphabet of base64, and reads it in the other.
    /^etag: / { gsub(/-/, "+"); gsub(/_/, "/") }
    { text = text $0 "\n" }
    END {
      end_binding()
      if (within) end_bindings()
    }
  ' "$1"
}

# bind ON NAME LOCATION [ROLE MEMBER]... --project=PROJECT    gives several roles on something at once: writes its policy as
# it is, and these. By its etag Google refuses that where the policy has moved meanwhile; patiently begins anew then.
bind() {
  local on=$1 name=$2 location=$3 file
  shift 3
  file=$(mktemp "$found/XXXXXX")
  policy get-iam-policy "$on" "$name" "$location" --format=yaml "${@: -1}" >"$file" || return
  grep -qx bindings: "$file" || echo bindings: >>"$file"
  while (($# > 1)); do
    printf '%s %s\n' "$1" "$2" >>"$file.more"
    shift 2
  done
  enlarged "$file" "$file.more" >"$file.whole"
  policy set-iam-policy "$on" "$name" "$location" "$file.whole" "$1"
}

# roles ON NAME LOCATION [EMAIL SHARED ROLE WHY]...    gives roles on something, but for those that its policy has already.
roles() {
  local on=$1 name=$2 location=$3 line what='' lines=() pairs=() rows=()
  shift 3
  while (($#)); do
    line=$(entry "$on-role" "$name" "$location" "$2" "$3" "serviceAccount:$1")
    asked "$line"
    if given "$on" "$name" "$location" "$1" "$3"; then
      ours "$line" || :
      said kept role "$3 on $on $name for $1" "$4"
    else
      what="$what${what:+, }$3 on $on $name for $1"
      lines+=("$line")
      pairs+=("$3" "serviceAccount:$1")
      rows+=("$3 on $on $name for $1" "$4")
    fi
    shift 4
  done
  [[ -n ${lines[0]-} ]] || return 0
  if [[ -n ${lines[1]-} ]]; then
    make "$on" "$what" "$(printf '%s\n' "${lines[@]}")" bind "$on" "$name" "$location" "${pairs[@]}"
  else
    make "$on" "$what" "${lines[0]}" policy add-iam-policy-binding "$on" "$name" "$location" \
      --member="${pairs[1]}" --role="${pairs[0]}" --condition=None
  fi
  set -- "${rows[@]}"
  while (($#)); do
    said created role "$1" "$2"
    shift 2
  done
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
  if [[ -z $stage ]]; then
    make repository "the connection $CONNECTION" "$line" \
      gcloud builds connections create github "$CONNECTION" --region="$TRIGGER_LOCATION" \
      --app-installation-id=12345678 \
      --authorizer-token-secret-version=projects/my-project-123/secrets/github-token/versions/1
    said created connection "$CONNECTION" "$why"
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

WANTED='automlops,words|cloudbuild.yaml|projects/my-project-123/serviceAccounts/words-builder@my-project-123.iam.gserviceaccount.com|.|true||projects/my-project-123/locations/us-central1/connections/automlops-github/repositories/example-words|^automlops$'

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

# ---- The service that starts runs, the topic that calls it, and what becomes of messages that no run came of

# topic NAME WHY
topic() {
  local line
  line=$(entry topic "$1" "" true)
  asked "$line"
  see "topic-$1" topic gcloud pubsub topics describe "$1" --format='value(name)'
  if [[ -s $found/topic-$1 ]]; then
    ours "$line" || :
    said kept topic "$1" "$2"
  else
    make topic "the topic $1" "$line" gcloud pubsub topics create "$1" --labels=managed-by=automlops
    said created topic "$1" "$2"
  fi
}

# Nobody takes messages out of it but a person.
letterbox() {
  local why='keeps, for a month, the messages that no run came of, with the reason' line
  line=$(entry subscription "$LETTERBOX" "" true)
  asked "$line"
  see letterbox topic gcloud pubsub subscriptions describe "$LETTERBOX" --format='value(name)'
  if [[ -s $found/letterbox ]]; then
    ours "$line" || :
    said kept subscription "$LETTERBOX" "$why"
  else
    make topic "the subscription $LETTERBOX" "$line" gcloud pubsub subscriptions create "$LETTERBOX" \
      --topic="$DEAD_LETTERS" --expiration-period=never --message-retention-duration=31d --labels=managed-by=automlops
    said created subscription "$LETTERBOX" "$why"
  fi
}

# Until a build deploys the service, what stands there takes no message: it answers that it cannot, and they come again.
service() {
  local why='starts the runs that messages ask for' line
  line=$(entry service "$SERVICE" "$SERVICE_LOCATION" true)
  asked "$line"
  see service service gcloud run services describe "$SERVICE" --region="$SERVICE_LOCATION" \
    --format='value[separator="|"](metadata.labels.managed-by,status.url)'
  case $(<"$found/service") in
    'automlops|'*)
      ours "$line" || :
      said kept service "$SERVICE" "$why"
      ;;
    '')
      make service "the service $SERVICE" "$line" gcloud run deploy "$SERVICE" --region="$SERVICE_LOCATION" \
        --image=docker.io/library/python:3.11-slim --command=python3 --args=-m,http.server,8080 \
        --no-allow-unauthenticated --service-account="$SUBMITTER" --add-custom-audiences="$AUDIENCE" \
        --ingress="$INGRESS" --concurrency=10 --max-instances=4 --cpu=1 --memory=512Mi --timeout=60 \
        --labels=managed-by=automlops
      said created service "$SERVICE" "$why"
      see service service gcloud run services describe "$SERVICE" --region="$SERVICE_LOCATION" \
        --format='value[separator="|"](metadata.labels.managed-by,status.url)'
      ;;
    *)
      if [[ -n ${PLAN-} ]]; then
        said needed service "$SERVICE" 'one of that name is somebody else'"'"'s: choose another cloud_run_name'
        return
      fi
      echo 'there is one of that name already, of somebody else: choose another cloud_run_name' >"$found/service.errors"
      stop "making the service $SERVICE" "$found/service.errors" service
      ;;
  esac
}

# Pub/Sub calls the service as the invoker; what the service does not take in twenty tries is a dead letter.
pushing() {
  local why='takes the messages that ask for runs, and brings them to the service' line url
  line=$(entry subscription "$SUBSCRIPTION" "" true)
  asked "$line"
  url=$(cut -d '|' -f 2 "$found/service")/push
  see push topic gcloud pubsub subscriptions describe "$SUBSCRIPTION" --format='value(pushConfig.pushEndpoint)'
  if [[ ! -s $found/push ]]; then
    make topic "the subscription $SUBSCRIPTION" "$line" gcloud pubsub subscriptions create "$SUBSCRIPTION" --topic="$TOPIC" \
      --push-endpoint="$url" --push-auth-service-account="$INVOKER" --push-auth-token-audience="$AUDIENCE" \
      --ack-deadline=60 --min-retry-delay=10s --max-retry-delay=600s --expiration-period=never \
      --dead-letter-topic="$DEAD_LETTERS" --max-delivery-attempts=20 --labels=managed-by=automlops
    said created subscription "$SUBSCRIPTION" "$why"
  else
    ours "$line" || :
    if [[ $(<"$found/push") == "$url" || ! -s $found/service ]]; then
      said kept subscription "$SUBSCRIPTION" "$why"
    else
      change topic "changing the subscription $SUBSCRIPTION" gcloud pubsub subscriptions modify-push-config "$SUBSCRIPTION" \
        --push-endpoint="$url" --push-auth-service-account="$INVOKER" --push-auth-token-audience="$AUDIENCE"
      said changed subscription "$SUBSCRIPTION" "$why"
    fi
  fi
}

served() {
  topic "$TOPIC" 'takes the messages that ask for runs, and brings them to the service'
  topic "$DEAD_LETTERS" 'keeps, for a month, the messages that no run came of, with the reason'
  letterbox
  service
  pushing
}

# ---- Who may do what: each policy read once, then given what it lacks

project_roles() {
  roles project "$PROJECT" global \
    "$RUNNER" true roles/aiplatform.user 'runs the steps and records what came of them' \
    "$SUBMITTER" true projects/my-project-123/roles/automlops_starts_runs 'starts runs' \
    "$BUILDER" false roles/serviceusage.serviceUsageConsumer 'has gcloud ask in the project'"'"'s name'
}

registry_roles() {
  roles registry "$REGISTRY" "$REGISTRY_LOCATION" \
    "$RUNNER" true roles/artifactregistry.reader 'pulls the images' \
    "$BUILDER" false roles/artifactregistry.writer 'pushes the images'
}

bucket_roles() {
  roles bucket "$BUCKET" "$BUCKET_LOCATION" \
    "$RUNNER" true roles/storage.objectUser 'reads and writes what the steps exchange' \
    "$BUILDER" false roles/storage.objectUser 'reads the sources to build and writes build logs' \
    "$BUILDER" false roles/storage.legacyBucketReader 'finds the bucket before writing logs to it' \
    "$SUBMITTER" true roles/storage.objectViewer 'reads what the builds released'
}

account_roles_4() {
  roles account "$RUNNER" global \
    "$SUBMITTER" true roles/iam.serviceAccountUser 'has steps run as it'
}

account_roles_5() {
  roles account "$SUBMITTER" global \
    "$BUILDER" false roles/iam.serviceAccountUser 'has the service run as it'
}

secret_roles_6() {
  roles secret github-token global \
    "$AGENT" true roles/secretmanager.secretAccessor 'connects Cloud Build to github'
}

topic_roles_7() {
  roles topic "$DEAD_LETTERS" global \
    "$SUBMITTER" true roles/pubsub.publisher 'puts there what no run can come of' \
    "$POSTMAN" true roles/pubsub.publisher 'puts there what the service never took'
}

topic_roles_8() {
  roles topic "$TOPIC" global \
    "$BUILDER" false roles/pubsub.publisher 'asks for a run after a push'
}

subscription_roles() {
  roles subscription "$SUBSCRIPTION" global \
    "$POSTMAN" true roles/pubsub.subscriber 'takes it out of the topic'
}

service_roles() {
  roles service "$SERVICE" "$SERVICE_LOCATION" \
    "$INVOKER" true roles/run.invoker 'calls the service' \
    "$BUILDER" false roles/run.developer 'deploys the service'
}

# recorded    asks what the bucket's records say: the copy of this one, and those of other pipelines.
recorded() {
  [[ ! -e $found/records ]] || return 0
  : >"$found/records"
  [[ ! -e $found/new-bucket && ${PLAN-} != offline ]] || return 0
  patiently "$BUSY" "$found/record.errors" gcloud storage cat "gs://$BUCKET/*/made" >"$found/records" \
    || absent "$found/record.errors" || stop "reading the records in the bucket" "$found/record.errors" bucket
}

# drop    takes away what this pipeline made once and nothing above asks for now: roles, a trigger, the service and its
# topics. What pipelines share stays while another one is there.
drop() {
  local line kind name location role member
  touch "$found/asked"
  for kind in '(project|registry|bucket|account|secret|topic|subscription|service)-role' trigger subscription service topic; do
    grep -E "^[{]\"kind\": \"$kind\"" "$MADE" | grep -F "\"project\": \"$PROJECT\"" | grep -vxF -f "$found/asked" || :
  done >"$found/needless"
  while IFS= read -r line <&3; do
    [[ $line == *'"shared": false'* || $(grep -cvF "$OURS" "$found/records") == 0 ]] || continue
    IFS='"' read -r _ _ _ kind _ _ _ name _ _ _ location _ _ _ role _ _ _ member _ <<<"$line"
    if [[ $kind == trigger ]]; then
      set -- trigger "$name" gcloud builds triggers delete "$name" --region="$location"
    elif [[ $kind == service ]]; then
      set -- service "$name" gcloud run services delete "$name" --region="$location"
    elif [[ $kind == topic || $kind == subscription ]]; then
      set -- "$kind" "$name" gcloud pubsub "${kind}s" delete "$name"
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

# whole    the bucket's copy, and what was made from here.
whole() {
  touch "$found/dropped"
  plausible <"$found/record" | cat - "$MADE" | awk 'NF && !seen[$0]++' \
    | awk -v dropped="$found/dropped" 'BEGIN { while ((getline line <dropped) > 0) gone[line] } !($0 in gone)'
}

# hand_over --project=PROJECT    puts the whole record in the place of the bucket's copy. Google refuses that where somebody
# else, with another copy of this codebase, was faster; patiently begins anew then.
hand_over() {
  local generation='' errors=$found/copy.errors
  if [[ -e $found/new-bucket ]]; then
    rm "$found/new-bucket" # nobody should have written to it; if somebody did, the next try reads that
  else
    generation=$(gcloud storage objects describe "$COPY" --format='value(generation)' "$1" 2>"$errors") \
      || absent "$errors" || { cat "$errors" >&2 && return 1; }
    : >"$found/copy"
    [[ -z $generation ]] || gcloud storage cat "$COPY" "$1" >"$found/copy" || return
    grep -F "$OURS" "$found/copy" >"$found/record" || :
    whole >"$found/all"
  fi
  gcloud storage cp "$found/all" "$COPY" --if-generation-match="${generation:-0}" "$1"
}

# keep_record    the bucket's copy has what was made from here, and from other copies of this codebase.
keep_record() {
  local fate=kept
  grep -F "$OURS" "$found/records" >"$found/record" || :
  whole >"$found/all"
  if ! cmp -s <(sort "$found/all") <(sort "$found/record"); then
    change bucket "copying the record to the bucket" hand_over
    fate=changed
  fi
  said "$fate" record "$COPY" 'tells deprovision_resources.sh what to take away'
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

# What an earlier run gave roles on is there in all likelihood: who has them is asked at once.
if [[ ${PLAN-} != offline ]]; then
  begin ahead-project read_policy ahead project "$PROJECT" global
  begin ahead-registry read_policy ahead registry "$REGISTRY" "$REGISTRY_LOCATION"
  begin ahead-bucket read_policy ahead bucket "$BUCKET" "$BUCKET_LOCATION"
  begin ahead-account-4 read_policy ahead account "$RUNNER" global
  begin ahead-account-5 read_policy ahead account "$SUBMITTER" global
  begin ahead-topic-6 read_policy ahead topic "$DEAD_LETTERS" global
  begin ahead-topic-7 read_policy ahead topic "$TOPIC" global
  begin ahead-subscription read_policy ahead subscription "$SUBSCRIPTION" global
  begin ahead-service read_policy ahead service "$SERVICE" "$SERVICE_LOCATION"
  if grep -qF "{\"kind\": \"bucket-role\", \"name\": \"$BUCKET\"," "$MADE"; then
    begin ahead-records ahead records gcloud storage cat "gs://$BUCKET/*/made"
  fi
fi
look apis api gcloud services list --enabled --format='value(config.name)'
want aiplatform.googleapis.com 'runs the pipeline'
want artifactregistry.googleapis.com 'keeps the images'
want cloudbuild.googleapis.com 'builds the images'
want cloudresourcemanager.googleapis.com 'says who may do what in the project'
want iam.googleapis.com 'knows the service accounts'
want pubsub.googleapis.com 'carries what asks for runs'
want run.googleapis.com 'runs the service that starts them'
want secretmanager.googleapis.com 'keeps what Cloud Build needs to read from github'
want storage.googleapis.com 'keeps what the steps make'
[[ -z ${missing[*]-} ]] || begin apis switch_on

needs cloudbuild.googleapis.com
begin trigger see trigger trigger gcloud builds triggers describe "$TRIGGER" --region="$TRIGGER_LOCATION" \
  --format="value[separator='|']($TRIGGERED)"
begin connection look connection repository gcloud builds connections list --region="$TRIGGER_LOCATION" \
  --filter="name~/connections/$CONNECTION\$" \
  --format='value[separator=" "](installationState.stage,installationState.actionUri)'
needs iam.googleapis.com
await ahead-project ahead-registry ahead-bucket ahead-account-4 ahead-account-5 ahead-topic-6 ahead-topic-7 ahead-subscription ahead-service
begin accounts accounts "$RUNNER" "$BUILDER" "$SUBMITTER" "$INVOKER"
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
begin account-2 account "$BUILDER" false 'Builds the images of words' \
  'builds the images'
begin account-3 account "$SUBMITTER" true 'Starts runs of pipelines' \
  'starts runs, as the service'
begin account-4 account "$INVOKER" true 'Asks for runs of pipelines' \
  'speaks for Pub/Sub when it calls the service'
await account-1 account-2 account-3 account-4 role
needs pubsub.googleapis.com
needs run.googleapis.com
begin served served

if [[ ${PLAN-} == offline ]]; then
  number=PROJECT_NUMBER
else
  number=$(patiently "$EARLY|$BUSY" "$found/number.errors" gcloud projects describe "$PROJECT" \
    --format='value(projectNumber)') || stop 'asking for the number of the project' "$found/number.errors" project
fi
AGENT=service-$number@gcp-sa-cloudbuild.iam.gserviceaccount.com # Cloud Build itself
# As this one Pub/Sub itself acts.
POSTMAN=service-$number@gcp-sa-pubsub.iam.gserviceaccount.com

begin roles-1 project_roles
await registry
begin roles-2 registry_roles
await bucket
begin roles-3 bucket_roles
begin roles-4 account_roles_4
begin roles-5 account_roles_5
begin roles-6 secret_roles_6
await served
begin roles-7 topic_roles_7
await served
begin roles-8 topic_roles_8
await served
begin roles-9 subscription_roles
await served
begin roles-10 service_roles
await ahead-records
begin recorded recorded
await roles-1 roles-2 roles-3 roles-4 roles-5 roles-6 roles-7 roles-8 roles-9 roles-10 recorded apis connection
begin bucket-ways bucket_ways

# ---- What a push starts

connection
repository
[[ -e $found/claimed ]] || trigger

drop
keep_record
await bucket-ways

[[ -n ${PLAN-} ]] || printf '\nready: a push to %s builds what changed and starts a run\n' "$BRANCH"
