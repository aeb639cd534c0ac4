#!/usr/bin/env bash
# Makes what words-it-s-quoted-gcs-whoami-id-braces-jinja-raw-back needs in the project example.com:my-project, and says
# why for each part.
# Safe to run again: what is there is kept, what is missing is made. It stops at the first failure.
# PLAN=1 asks what is there and says what would be made; PLAN=offline asks nothing, as if nothing were there.
# How it asks, makes and waits is in provision/making.sh: make, change and drop write, nothing else does.
# What it makes is written to .automlops/made and to the bucket: deprovision_resources.sh takes away that and no more.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

PROJECT=example.com:my-project
PIPELINE=words-it-s-quoted-gcs-whoami-id-braces-jinja-raw-back
REGISTRY=vertex-mlops-af
REGISTRY_LOCATION=us-central1
BUCKET=my-own-bucket
BUCKET_LOCATION=us-central1
RUNNER=runner-of-it@my-project.example.com.iam.gserviceaccount.com
BUILDER=words-it-s-quot-9918f0-builder@my-project.example.com.iam.gserviceaccount.com

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

# ---- Who may do what: each policy read once, then given what it lacks

project_roles() {
  roles project "$PROJECT" global \
    "$RUNNER" true roles/aiplatform.user 'runs the steps and records what came of them'
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

# ---- All of it: each thing begins as soon as what it needs is there, beside the others

# So that those who share something with it see it.
record "$(entry pipeline "$PIPELINE" "" false)"
# The bucket takes longest, and Storage is on already in nearly every project.
begin bucket bucket

# What an earlier run gave roles on is there in all likelihood: who has them is asked at once.
if [[ ${PLAN-} != offline ]]; then
  begin ahead-project read_policy ahead project "$PROJECT" global
  begin ahead-bucket read_policy ahead bucket "$BUCKET" "$BUCKET_LOCATION"
  begin ahead-registry read_policy ahead registry "$REGISTRY" "$REGISTRY_LOCATION"
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
want storage.googleapis.com 'keeps what the steps make'
[[ -z ${missing[*]-} ]] || begin apis switch_on

needs iam.googleapis.com
await ahead-project ahead-bucket ahead-registry
begin accounts accounts "$RUNNER" "$BUILDER"
needs artifactregistry.googleapis.com
begin registry registry

await accounts
begin account-1 account "$RUNNER" true 'Runs the steps of pipelines' \
  'runs the steps'
begin account-2 account "$BUILDER" false 'Builds the images of words-it-s-quoted-gcs-whoami-id-braces-jinja-raw-back' \
  'builds the images'
await account-1 account-2

begin roles-project project_roles
await bucket
begin roles-bucket bucket_roles
await registry
begin roles-registry registry_roles
await ahead-records
begin recorded recorded
await roles-bucket
begin bucket-ways bucket_ways
await roles-project roles-bucket roles-registry recorded apis

drop
keep_record
finish

[[ -n ${PLAN-} ]] || printf '\nready: scripts/run_all.sh builds, compiles and starts a run\n'
