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

# ---- Who may do what: each policy read once, then given what it lacks

project_roles() {
  roles project "$PROJECT" global \
    "$RUNNER" true roles/aiplatform.user 'runs the steps and records what came of them' \
    "$BUILDER" false projects/my-project-123/roles/automlops_starts_runs 'starts a run after a push'
}

bucket_roles() {
  roles bucket "$BUCKET" "$BUCKET_LOCATION" \
    "$RUNNER" true roles/storage.objectUser 'reads and writes what the steps exchange' \
    "$BUILDER" false roles/storage.objectUser 'reads the sources to build and writes build logs' \
    "$BUILDER" false roles/storage.legacyBucketReader 'finds the bucket before writing logs to it'
}

registry_roles() {
  roles registry "$REGISTRY" "$REGISTRY_LOCATION" \
    "$RUNNER" true roles/artifactregistry.reader 'pulls the images' \
    "$BUILDER" false roles/artifactregistry.writer 'pushes the images'
}

account_roles() {
  roles account "$RUNNER" global \
    "$BUILDER" false roles/iam.serviceAccountUser 'has steps run as it'
}

secret_roles_5() {
  roles secret github-token global \
    "$AGENT" true roles/secretmanager.secretAccessor 'connects Cloud Build to github'
}

# ---- All of it: each thing begins as soon as what it needs is there, beside the others

# What an earlier run gave roles on is there in all likelihood: who has them is asked at once.
if [[ ${PLAN-} != offline ]]; then
  begin ahead-project read_policy ahead project "$PROJECT" global
  begin ahead-bucket read_policy ahead bucket "$BUCKET" "$BUCKET_LOCATION"
  begin ahead-registry read_policy ahead registry "$REGISTRY" "$REGISTRY_LOCATION"
  begin ahead-account read_policy ahead account "$RUNNER" global
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
await ahead-project ahead-bucket ahead-registry ahead-account
begin accounts accounts "$RUNNER" "$BUILDER"
await trigger
unclaimed

# So that those who share something with it see it.
record "$(entry pipeline "$PIPELINE" "" false)"
needs storage.googleapis.com
begin bucket bucket
needs artifactregistry.googleapis.com
begin registry registry
begin role-1 role automlops_starts_runs \
  aiplatform.pipelineJobs.create,aiplatform.pipelineJobs.get,serviceusage.services.use \
  'Starts runs of pipelines' 'lets a build look up images and start a run, and do nothing else in Vertex AI'

await accounts
begin account-1 account "$RUNNER" true 'Runs the steps of pipelines' \
  'runs the steps'
begin account-2 account "$BUILDER" false 'Builds the images of words' \
  'builds the images'
await account-1 account-2 role-1

if [[ ${PLAN-} == offline ]]; then
  number=PROJECT_NUMBER
else
  number=$(patiently "$EARLY|$BUSY" "$found/number.errors" gcloud projects describe "$PROJECT" \
    --format='value(projectNumber)') || stop 'asking for the number of the project' "$found/number.errors" project
fi
AGENT=service-$number@gcp-sa-cloudbuild.iam.gserviceaccount.com # Cloud Build itself

begin roles-project project_roles
await bucket
begin roles-bucket bucket_roles
await registry
begin roles-registry registry_roles
begin roles-account account_roles
begin roles-secret-5 secret_roles_5
await ahead-records
begin recorded recorded
await roles-bucket
begin bucket-ways bucket_ways
await roles-project roles-bucket roles-registry roles-account roles-secret-5 recorded apis connection

# ---- What a push starts

connection
repository
[[ -e $found/claimed ]] || trigger

drop
keep_record
finish

[[ -n ${PLAN-} ]] || printf '\nready: a push to %s builds what changed and starts a run\n' "$BRANCH"
