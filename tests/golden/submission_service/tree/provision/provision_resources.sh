#!/usr/bin/env bash
# Makes what words needs in the project my-project-123, and says why for each part.
# Safe to run again: what is there is kept, what is missing is made. It stops at the first failure.
# PLAN=1 asks what is there and says what would be made; PLAN=offline asks nothing, as if nothing were there.
# How it asks, makes and waits is in provision/making.sh: make, change and drop write, nothing else does.
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
SCHEDULE=AutoMLOps-schedule
SCHEDULE_LOCATION=us-central1
CRON='0 6 * * 1'
TIME_ZONE=Europe/Berlin

# shellcheck source=provision/making.sh
source provision/making.sh

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
    echo 'etag: ACAB' >"$found/blank-registry" # as Google calls every empty policy
  fi
}

WAYS=uniform_bucket_level_access,public_access_prevention,versioning_enabled,labels.managed-by # of a bucket

bucket() {
  # Of this project alone: a bucket of that name elsewhere is somebody else's, and making ours will say so.
  look bucket bucket gcloud storage buckets list --filter="name=$BUCKET" --format="value[separator='|']($WAYS)"
  if [[ ! -s $found/bucket ]]; then
    make bucket "the bucket $BUCKET" "$(entry bucket "$BUCKET" "$BUCKET_LOCATION" true)" \
      gcloud storage buckets create "gs://$BUCKET" --location="$BUCKET_LOCATION" --uniform-bucket-level-access \
      --public-access-prevention
    touch "$found/new-bucket"
    # While the accounts are made that it is to name.
    [[ -n ${PLAN-} ]] || ahead blank-bucket policy get-iam-policy bucket "$BUCKET" "$BUCKET_LOCATION" --format=yaml
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

# role ID PERMISSIONS TITLE WHY    A role of the project's own keeps its name for a while when it is deleted: then it is
# brought back.
role() {
  local id=$1 permissions=$2 why=$4 line
  line=$(entry own-role "$id" "" true)
  see "role-$id" role gcloud iam roles describe "$id" \
    --format='value[separator="|"](deleted,includedPermissions.list())'
  case $(<"$found/role-$id") in
    "|$permissions")
      ours "$line" || :
      said kept own-role "$id" "$why"
      ;;
    '')
      make role "the role $id" "$line" gcloud iam roles create "$id" --permissions="$permissions" --stage=GA --title="$3"
      said created own-role "$id" "$why"
      ;;
    True*)
      make role "the role $id, which was deleted" "$line" gcloud iam roles undelete "$id"
      change role "changing the role $id" gcloud iam roles update "$id" --permissions="$permissions"
      said created own-role "$id" "$why"
      ;;
    *)
      change role "changing the role $id" gcloud iam roles update "$id" --permissions="$permissions"
      said changed own-role "$id" "$why"
      ;;
  esac
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

# orphaned SUBSCRIPTION TOPICS    ends the script where a topic was deleted from under a subscription, to which Pub/Sub never
# brings what is published to a new topic of that name.
orphaned() {
  local mend="its topic was deleted: gcloud pubsub subscriptions delete $1 --project=$PROJECT"
  [[ $2 == *_deleted-topic_* ]] || return 1
  if [[ -n ${PLAN-} ]]; then
    said needed subscription "$1" "$mend"
    return
  fi
  echo "$mend" >"$found/orphaned.errors"
  stop "using the subscription $1" "$found/orphaned.errors" topic
}

# Nobody takes messages out of it but a person.
letterbox() {
  local why='keeps, for a month, the messages that no run came of, with the reason' line
  line=$(entry subscription "$LETTERBOX" "" true)
  asked "$line"
  see letterbox topic gcloud pubsub subscriptions describe "$LETTERBOX" --format='value(topic)'
  if orphaned "$LETTERBOX" "$(<"$found/letterbox")"; then
    return
  elif [[ -s $found/letterbox ]]; then
    ours "$line" || :
    said kept subscription "$LETTERBOX" "$why"
  else
    make topic "the subscription $LETTERBOX" "$line" gcloud pubsub subscriptions create "$LETTERBOX" \
      --topic="$DEAD_LETTERS" --expiration-period=never --message-retention-duration=31d --labels=managed-by=automlops
    said created subscription "$LETTERBOX" "$why"
  fi
}

served_at() {
  see service service gcloud run services describe "$SERVICE" --region="$SERVICE_LOCATION" \
    --format='value[separator="|"](metadata.labels.managed-by,metadata.annotations."run.googleapis.com/ingress",status.url)'
}

# Until a build deploys the service, what stands there takes no message: it answers that it cannot, and they come again.
service() {
  local why='starts the runs that messages ask for' line
  line=$(entry service "$SERVICE" "$SERVICE_LOCATION" true)
  asked "$line"
  served_at
  case $(<"$found/service") in
    "automlops|$INGRESS|"*)
      ours "$line" || :
      said kept service "$SERVICE" "$why"
      ;;
    'automlops|'*)
      ours "$line" || :
      change service "changing the service $SERVICE" gcloud run services update "$SERVICE" --region="$SERVICE_LOCATION" \
        --ingress="$INGRESS"
      said changed service "$SERVICE" "$why"
      ;;
    '')
      make service "the service $SERVICE" "$line" gcloud run deploy "$SERVICE" --region="$SERVICE_LOCATION" \
        --image=docker.io/library/python:3.11-slim --command=python3 --args=-m,http.server,8080 \
        --no-allow-unauthenticated --service-account="$SUBMITTER" --add-custom-audiences="$AUDIENCE" \
        --ingress="$INGRESS" --concurrency=10 --max-instances=4 --cpu=1 --memory=512Mi --timeout=60 \
        --labels=managed-by=automlops
      said created service "$SERVICE" "$why"
      served_at
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
  url=$(cut -d '|' -f 3 "$found/service")/push
  see push topic gcloud pubsub subscriptions describe "$SUBSCRIPTION" \
    --format="value[separator='|'](pushConfig.pushEndpoint,topic,deadLetterPolicy.deadLetterTopic)"
  if orphaned "$SUBSCRIPTION" "$(<"$found/push")"; then
    return
  elif [[ ! -s $found/push ]]; then
    make push "the subscription $SUBSCRIPTION" "$line" gcloud pubsub subscriptions create "$SUBSCRIPTION" --topic="$TOPIC" \
      --push-endpoint="$url" --push-auth-service-account="$INVOKER" --push-auth-token-audience="$AUDIENCE" \
      --ack-deadline=60 --min-retry-delay=10s --max-retry-delay=600s --expiration-period=never \
      --dead-letter-topic="$DEAD_LETTERS" --max-delivery-attempts=20 --labels=managed-by=automlops
    said created subscription "$SUBSCRIPTION" "$why"
  else
    ours "$line" || :
    if [[ $(cut -d '|' -f 1 "$found/push") == "$url" || ! -s $found/service ]]; then
      said kept subscription "$SUBSCRIPTION" "$why"
    else
      change push "changing the subscription $SUBSCRIPTION" gcloud pubsub subscriptions modify-push-config "$SUBSCRIPTION" \
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

# ---- The schedule: a job of Cloud Scheduler, which publishes to the topic what asks for a run

MESSAGE='{"pipeline": "words"}'
SHOWN=eyJwaXBlbGluZSI6ICJ3b3JkcyJ9 # the message, as Cloud Scheduler says it
# What is asked about it, and the answer that is hoped for, but for the first word, which is whether it is paused.
SCHEDULED=state,pubsubTarget.attributes.managed-by,pubsubTarget.attributes.automlops-pipeline,pubsubTarget.data
SCHEDULED=$SCHEDULED,pubsubTarget.topicName,schedule,timeZone,retryConfig.retryCount
MEANT="automlops|$PIPELINE|$SHOWN|projects/$PROJECT/topics/$TOPIC|$CRON|$TIME_ZONE|3"

# schedules VERB ATTRIBUTES ...    makes or changes it.
schedules() {
  gcloud scheduler jobs "$1" pubsub "$SCHEDULE" --location="$SCHEDULE_LOCATION" --schedule="$CRON" \
    --time-zone="$TIME_ZONE" --topic="projects/$PROJECT/topics/$TOPIC" --message-body="$MESSAGE" \
    --max-retry-attempts=3 "--$2=managed-by=automlops,automlops-pipeline=$PIPELINE" "${@:3}"
}

# still_paused --project=PROJECT    pauses it, unless changing it has left it paused.
still_paused() {
  local state
  state=$(gcloud scheduler jobs describe "$SCHEDULE" --location="$SCHEDULE_LOCATION" --format='value(state)' "$1") || return
  [[ $state == PAUSED ]] || gcloud scheduler jobs pause "$SCHEDULE" --location="$SCHEDULE_LOCATION" "$1"
}

schedule() {
  local why='asks for a run at 06:00 on Monday, by the clocks of Europe/Berlin' line state
  line=$(entry schedule "$SCHEDULE" "$SCHEDULE_LOCATION" false)
  asked "$line"
  state=$(cut -d '|' -f 1 "$found/schedule")
  [[ $state != PAUSED ]] || why='somebody paused it, and it stays so until somebody resumes it'
  if [[ -z $state ]]; then
    make schedule "the schedule $SCHEDULE" "$line" schedules create attributes \
      --description='Made by AutoMLOps: asks for runs of words'
    said created schedule "$SCHEDULE" "$why"
  elif [[ $(<"$found/schedule") == "ENABLED|$MEANT" || $(<"$found/schedule") == "PAUSED|$MEANT" ]]; then
    ours "$line" || :
    said kept schedule "$SCHEDULE" "$why"
  else
    change schedule "changing the schedule $SCHEDULE" schedules update update-attributes
    [[ $state != PAUSED ]] || change schedule "leaving the schedule $SCHEDULE paused" still_paused
    said changed schedule "$SCHEDULE" "$why"
  fi
}

# One of that name that is not this pipeline's is left alone, and nothing else is made. It is this pipeline's if it says
# so, or if it says nothing and the record has it.
unoccupied() {
  local line theirs remedy='choose another schedule_name, or a naming_prefix'
  line=$(entry schedule "$SCHEDULE" "$SCHEDULE_LOCATION" false)
  [[ -s $found/schedule ]] || return 0
  theirs=$(cut -d '|' -f 3 "$found/schedule")
  [[ $theirs != "$PIPELINE" ]] || return 0
  [[ -n $theirs ]] || ! grep -qxF "$line" "$MADE" || return 0
  theirs=${theirs:+the pipeline $theirs}
  if [[ -n ${PLAN-} ]]; then
    asked "$line"
    said needed schedule "$SCHEDULE" "one of that name is of ${theirs:-somebody else}: $remedy"
    touch "$found/occupied"
    return
  fi
  printf 'there is one of that name already, of %s: %s\n' "${theirs:-somebody else}" "$remedy" >"$found/schedule.errors"
  stop "making the schedule $SCHEDULE" "$found/schedule.errors" schedule
}

# ---- Who may do what: each policy read once, then given what it lacks

project_roles() {
  roles project "$PROJECT" global \
    "$RUNNER" true roles/aiplatform.user 'runs the steps and records what came of them' \
    "$SUBMITTER" true projects/my-project-123/roles/automlops_starts_runs 'starts runs' \
    "$BUILDER" false roles/serviceusage.serviceUsageConsumer 'has gcloud ask in the project'"'"'s name'
}

bucket_roles() {
  roles bucket "$BUCKET" "$BUCKET_LOCATION" \
    "$RUNNER" true roles/storage.objectUser 'reads and writes what the steps exchange' \
    "$BUILDER" false roles/storage.objectUser 'reads the sources to build and writes build logs' \
    "$BUILDER" false roles/storage.legacyBucketReader 'finds the bucket before writing logs to it' \
    "$SUBMITTER" true roles/storage.objectViewer 'reads what the builds released'
}

registry_roles() {
  roles registry "$REGISTRY" "$REGISTRY_LOCATION" \
    "$RUNNER" true roles/artifactregistry.reader 'pulls the images' \
    "$BUILDER" false roles/artifactregistry.writer 'pushes the images'
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

# ---- All of it: each thing begins as soon as what it needs is there, beside the others

# What an earlier run gave roles on is there in all likelihood: who has them is asked at once.
if [[ ${PLAN-} != offline ]]; then
  begin ahead-project read_policy ahead project "$PROJECT" global
  begin ahead-bucket read_policy ahead bucket "$BUCKET" "$BUCKET_LOCATION"
  begin ahead-registry read_policy ahead registry "$REGISTRY" "$REGISTRY_LOCATION"
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
want cloudscheduler.googleapis.com 'asks for runs by the clock'
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
needs cloudscheduler.googleapis.com
begin schedule see schedule schedule gcloud scheduler jobs describe "$SCHEDULE" --location="$SCHEDULE_LOCATION" \
  --format="value[separator='|']($SCHEDULED)"
needs iam.googleapis.com
await ahead-project ahead-bucket ahead-registry ahead-account-4 ahead-account-5 ahead-topic-6 ahead-topic-7 ahead-subscription ahead-service
begin accounts accounts "$RUNNER" "$BUILDER" "$SUBMITTER" "$INVOKER"
await trigger schedule
unclaimed
unoccupied

# So that those who share something with it see it.
record "$(entry pipeline "$PIPELINE" "" false)"
needs storage.googleapis.com
begin bucket bucket
needs artifactregistry.googleapis.com
begin registry registry
begin role-1 role automlops_starts_runs \
  aiplatform.pipelineJobs.create,aiplatform.pipelineJobs.get,serviceusage.services.use \
  'Starts runs of pipelines' 'lets the service start a run, and do nothing else in Vertex AI'

await accounts
begin account-1 account "$RUNNER" true 'Runs the steps of pipelines' \
  'runs the steps'
begin account-2 account "$BUILDER" false 'Builds the images of words' \
  'builds the images'
begin account-3 account "$SUBMITTER" true 'Starts runs of pipelines' \
  'starts runs, as the service'
begin account-4 account "$INVOKER" true 'Asks for runs of pipelines' \
  'speaks for Pub/Sub when it calls the service'
await account-1 account-2 account-3 account-4 role-1
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

begin roles-project project_roles
await bucket
begin roles-bucket bucket_roles
await registry
begin roles-registry registry_roles
begin roles-account-4 account_roles_4
begin roles-account-5 account_roles_5
begin roles-secret-6 secret_roles_6
await served
begin roles-topic-7 topic_roles_7
await served
begin roles-topic-8 topic_roles_8
await served
begin roles-subscription subscription_roles
await served
begin roles-service service_roles
await ahead-records
begin recorded recorded
await roles-bucket
begin bucket-ways bucket_ways
await roles-project roles-bucket roles-registry roles-account-4 roles-account-5 roles-secret-6 roles-topic-7 roles-topic-8 roles-subscription roles-service recorded apis connection

# ---- What a push starts

connection
repository
[[ -e $found/claimed ]] || trigger

# ---- What the clock starts

[[ -e $found/occupied ]] || schedule

drop
keep_record
finish

[[ -n ${PLAN-} ]] || printf '\nready: a push to %s builds what changed and starts a run\n' "$BRANCH"
