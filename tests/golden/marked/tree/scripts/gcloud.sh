# shellcheck shell=bash
# What the scripts that call gcloud share, and source: how they speak, and how they stop. They set PROJECT.
export CLOUDSDK_CORE_DISABLE_PROMPTS=1 # nobody would see the question

# said FATE KIND NAME WHY    one line for each thing: what became of it or, under PLAN, what would.
said() {
  local fate=$1
  shift
  [[ -z ${PLAN-} ]] || fate=$(sed 's/^kept$/keep/; s/^\(.*e\)d$/\1/' <<<"$fate")
  printf '%-8s %-10s %s (%s)\n' "$fate" "$@"
}

# stop WHAT ERRORS [ON]    ends the script with what gcloud said last, and what to do about it.
stop() {
  {
    printf '\nstopped at: %s\n' "$1"
    tail -n 20 "$2" | sed 's/^/  /'
    advise "$2" "${3-project}"
    printf 'then run %s again: it goes on from here\n' "${0#"$PWD"/}"
  } >&2
  exit 1
}

# advise ERRORS ON    what to do about what gcloud said of something.
advise() {
  local errors=$1 on=$2 who permission console=https://console.cloud.google.com
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
  elif told 'billing'; then
    echo "the project is not paid for: $console/billing/linkedaccount?project=$PROJECT"
  elif told 'quota|rate.?limit|RESOURCE_EXHAUSTED'; then
    echo "that is more than Google allows for now; wait, or ask for more: $console/iam-admin/quotas?project=$PROJECT"
  elif told 'bucket name is not available|bucket namespace is shared'; then
    echo 'somebody else has a bucket of that name: choose another gs_bucket_name'
  elif told 'permission|denied|forbidden|403'; then
    permission=$(grep -oE '[a-z]+\.[a-zA-Z]+\.[a-zA-Z]+' "$errors" | grep -vE 'googleapis|gserviceaccount' | head -n 1 || :)
    who=$(gcloud config get account 2>/dev/null || :)
    [[ $who == *gserviceaccount.com ]] && who=serviceAccount:$who || who=user:${who:-YOU}
    [[ $permission != *.actAs ]] || on=builder
    printf 'if it is for want of %s, %s has it; one who may give it to you runs:\n' \
      "${permission:-a role}" "$(role_for "$on")"
    printf '  gcloud projects add-iam-policy-binding %s --member=%s --role=%s\n' "$PROJECT" "$who" "$(role_for "$on")"
  fi
}

# role_for ON    a role that holds what the scripts ask of something.
role_for() {
  case $1 in
    api) echo roles/serviceusage.serviceUsageAdmin ;;
    registry) echo roles/artifactregistry.admin ;;
    bucket) echo roles/storage.admin ;;
    account) echo roles/iam.serviceAccountAdmin ;;
    project) echo roles/resourcemanager.projectIamAdmin ;;
    builder) echo roles/iam.serviceAccountUser ;;
    build) echo roles/cloudbuild.builds.editor ;;
    image) echo roles/artifactregistry.reader ;;
  esac
}

# absent ERRORS    whether a command failed for no other reason than that what it is about is not there.
absent() {
  grep -qiE 'matched no objects|not[ _]found|does not exist' "$1" && ! grep -qiE 'permission|denied|forbidden' "$1"
}

# plausible    of a record in the bucket, where a step can write, the lines about what this pipeline has to do with.
plausible() {
  grep -F '"project": "'"$PROJECT"'"' \
    | grep -E '"name": "(my-project-123|it-s-quoted-gcs-whoami-id-braces-jinja-raw-back|vertex-mlops-af|my-project-123-bucket|vertex-pipelines@my-project-123[.]iam[.]gserviceaccount[.]com|it-s-quoted-gcs-f3ff85-builder@my-project-123[.]iam[.]gserviceaccount[.]com)"' \
    | grep -E '"member": "(|serviceAccount:(vertex-pipelines@my-project-123[.]iam[.]gserviceaccount[.]com|it-s-quoted-gcs-f3ff85-builder@my-project-123[.]iam[.]gserviceaccount[.]com))"' || :
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
  esac
}
