# shellcheck shell=bash
# What the scripts that call gcloud share, and source: how they speak, and how they stop. They set PROJECT.
export CLOUDSDK_CORE_DISABLE_PROMPTS=1 # nobody would see the question

# said FATE KIND NAME WHY    one line for each thing: what became of it or, under PLAN, what would.
said() {
  local fate=$1
  shift
  [[ -z ${PLAN-} ]] || fate=$(sed 's/^kept$/keep/; /^needed$/!s/^\(.*e\)d$/\1/' <<<"$fate")
  printf '%-8s %-10s %s (%s)\n' "$fate" "$@"
}

# stop WHAT ERRORS [ON]    ends the script with what gcloud said last, and what to do about it.
stop() {
  printf '%s\n' "$(
    printf '\nstopped at: %s\n' "$1"
    tail -n 20 "$2" | sed 's/^/  /'
    advise "$2" "${3-project}"
    printf 'then run %s again: it goes on from here\n' "${0#"$PWD"/}"
  )" >&2 # in one piece: what runs beside it may stop too
  exit 1
}

# advise ERRORS ON    what to do about what gcloud said of something.
advise() {
  local errors=$1 on=$2 console=https://console.cloud.google.com
  told() {
    grep -qiE "$1" "$errors"
  }
  if told 'have an active account|gcloud auth login|reauth|invalid_grant|refresh.*token'; then
    echo 'nobody is logged in, or not any more: gcloud auth login'
  elif told 'denied to enable service \[sourcerepo|projects instance .*Cloud Source Repositories API'; then
    echo 'Cloud Source Repositories is open to those alone who used it before June 2024: add a remote origin on GitHub or'
    echo 'GitLab and generate again, or choose source_repo_type and source_repo_name'
  elif told 'has not been used in project|SERVICE_DISABLED|API .*is disabled'; then
    echo 'that API is off: provision/provision_resources.sh switches it on; Google takes a minute to notice'
  elif told 'constraints/|organi[sz]ation.policy'; then
    echo "a policy of the organisation forbids it; who keeps those sees it at $console/iam-admin/orgpolicies?project=$PROJECT"
  elif told 'billing (account|to be enabled)|BILLING_DISABLED|billing is disabled'; then
    echo "the project is not paid for: $console/billing/linkedaccount?project=$PROJECT"
  elif told 'quota (metric|exceeded)|rate.?limit|RESOURCE_EXHAUSTED'; then
    echo "that is more than Google allows for now; wait, or ask for more: $console/iam-admin/quotas?project=$PROJECT"
  elif told 'bucket name is not available|bucket namespace is shared'; then
    echo 'somebody else has a bucket of that name: choose another gs_bucket_name'
  elif told 'permission|denied|forbidden|not authorized|have access|HTTPError 403|\[403\]'; then
    entitle "$errors" "$on"
  fi
}

# lacked ERRORS    the permission that gcloud says is missing.
lacked() {
  if grep -qiE 'permission to act as|impersonation permission|iam[.]serviceaccounts[.]actas' "$1"; then
    echo iam.serviceAccounts.actAs
  elif grep -qE 'forbidden from accessing the bucket|have access to the bucket' "$1"; then
    echo storage.buckets.get # whatever gcloud guesses beside that
  else
    sed 's/(gcloud[^)]*)//' "$1" \
      | grep -owE '(artifactregistry|cloudbuild|cloudscheduler|iam|pubsub|resourcemanager|run|secretmanager|serviceusage|source|storage)([.][a-zA-Z]+){2}' \
      | grep -vE 'googleapis|gserviceaccount|developers' | head -n 1 || :
  fi
}

# entitle ERRORS ON    who lacks a permission on something, and the command that gives it, on no more than it is for.
entitle() {
  local permission who role on=project name=$PROJECT location='' of=--project=$PROJECT
  local builder=kitchen-garden-builder@my-project.iam.gserviceaccount.com
  permission=$(lacked "$1")
  who=$(grep -oE '[^][/ ]+@[^][ ]+ does not have' "$1" | cut -d ' ' -f 1 | head -n 1 || :)
  if grep -q '^Step #' "$1"; then # what a build says, the builder was told
    [[ -n $permission ]] || return 0
    who=$builder
  fi
  who=${who:-$(gcloud config get auth/impersonate_service_account 2>/dev/null || :)}
  who=${who:-$(gcloud config get account 2>/dev/null || :)}
  case $2,$permission in
    *,iam.serviceAccounts.actAs) on=account role=roles/iam.serviceAccountUser ;;
    *,serviceusage.services.use) role=roles/serviceusage.serviceUsageConsumer ;;
    image,*) on=registry role=roles/artifactregistry.reader ;;
    build,artifactregistry.*) on=registry role=roles/artifactregistry.writer ;;
    build,storage.buckets.*) on=bucket role=roles/storage.legacyBucketReader ;;
    build,storage.*) on=bucket role=roles/storage.objectUser ;;
    build,*) role=roles/cloudbuild.builds.editor ;;
    api,*) role=roles/serviceusage.serviceUsageAdmin ;;
    registry,*) role=roles/artifactregistry.admin ;;
    bucket,*) role=roles/storage.admin ;;
    account,*) role=roles/iam.serviceAccountAdmin ;;
    project,*) role=roles/resourcemanager.projectIamAdmin ;;
    *) role=roles/resourcemanager.projectIamAdmin ;;
  esac
  case $on in
    project) of='' ;;
    registry) name=vertex-mlops-af location=us-central1 ;;
    bucket) name=my-project-bucket ;;
    account) name=$builder ;;
    secret) name=$(grep -oE 'secrets/[a-zA-Z0-9_-]+' "$1" | cut -d / -f 2 | head -n 1 || :) ;;
  esac
  if [[ $who == "$builder" ]]; then
    printf '%s lacks %s, which %s has: run provision/provision_resources.sh;\n' "$who" "${permission:-a role}" "$role"
    echo 'if that has just given it, wait: Google takes some minutes to notice'
    return
  fi
  [[ $who == *gserviceaccount.com ]] && who=serviceAccount:$who || who=user:${who:-YOU}
  printf 'if it is for want of %s, %s has it; one who may give it to you runs:\n' "${permission:-a role}" "$role"
  (
    gcloud() { echo "  gcloud $*"; }
    policy add-iam-policy-binding "$on" "${name:-NAME}" "$location" ${of:+"$of"} --member="$who" --role="$role"
  )
}

# What gcloud says where a policy moved meanwhile, or Google is asked too often.
# shellcheck disable=SC2034 # it is for those who source this
BUSY='concurrent|pre-condition|HTTPError 4(12|29)|per minute|rate.?limit'

# patiently WHEN ERRORS COMMAND...    runs it, and again for a minute where it failed for a reason that passes.
patiently() {
  local when=$1 errors=$2 pause
  shift 2
  for pause in 1 2 4 8 15 30 0; do
    "$@" --project="$PROJECT" 2>"$errors" </dev/null && return
    [[ -z ${PLAN-} ]] && ((pause)) && grep -qiE "$when" "$errors" || return 1
    printf 'waiting %s s before asking Google again\n' "$pause" >&2
    sleep "$pause"
  done
}

# absent ERRORS    whether a command failed for no other reason than that what it is about is not there.
absent() {
  grep -qiE 'matched no objects|not[ _]found|not be found|does not exist|cannot find service' "$1" && ! grep -qiE 'permission|denied|forbidden' "$1"
}

# unschedule NAME LOCATION PIPELINE --project=PROJECT    deletes a schedule of a pipeline; one of that name that says it is
# another's is not the one that was meant.
unschedule() {
  local whose
  whose=$(gcloud scheduler jobs describe "$1" --location="$2" --format='value(pubsubTarget.attributes.automlops-pipeline)' \
    "$4") || return
  if [[ -n $whose && $whose != "$3" ]]; then
    echo "not found: $1 is of the pipeline $whose by now" >&2
    return 1
  fi
  gcloud scheduler jobs delete "$1" --location="$2" "$4"
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
    secret) gcloud secrets "$verb" "$name" "$@" ;;
    service) gcloud run services "$verb" "$name" --region="$location" "$@" ;;
    topic | subscription) gcloud pubsub "${on}s" "$verb" "$name" "${@/--condition=None/--quiet}" ;; # they know no conditions
  esac
}
