# shellcheck shell=bash
# How provision_resources.sh makes things, which sources this: it asks what is there, makes what is missing, once, beside
# other things, and writes down what it made. scripts/gcloud.sh is how it speaks to Google.

# shellcheck source=scripts/gcloud.sh
source scripts/gcloud.sh
# shellcheck source=provision/record.sh
source provision/record.sh

MAKING=${MADE%/*}/making
mkdir -p "$MAKING"
touch "$found/new-accounts" "$found/named"

# What gcloud says where Google shows late what was just made, or that an API was just switched on.
FRESH='has not been used'
EARLY="could not access secret|$FRESH|does not exist|not[ _]found|on service account .*may not exist"

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

# finish    waits for all that is still going on, so that nothing fails unheard.
finish() {
  local job
  for job in "$found"/*.job; do
    job=${job##*/}
    await "${job%.job}"
  done
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
  patiently "$FRESH|$BUSY" "$errors" "$@" >"$found/$name" || absent "$errors" || early "$errors" \
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

# there LINE    whether something was made all the same: gcloud looks at it afterwards, and may be refused that alone, or find
# that it does not come up.
there() {
  case $1 in
    '{"kind": "registry",'*) [[ -n $(registries format --project="$PROJECT" 2>/dev/null) ]] ;;
    '{"kind": "service",'*)
      [[ -n $(gcloud run services describe "$SERVICE" --region="$SERVICE_LOCATION" --format='value(metadata.name)' \
        --project="$PROJECT" 2>/dev/null) ]]
      ;;
    *) return 1 ;;
  esac
}

# unasked ON API    whether there is nothing to look for, since the API is off.
unasked() {
  ! grep -qxF "$2" "$found/apis" && touch "$found/unasked-$1"
}

# was_made ON LINE ERRORS    whether gcloud says that something exists already since this run made it, and the answer was lost.
# What was not looked for before says so itself, or is somebody else's: the next run finds it there.
was_made() {
  grep -qiE 'already (exists|own)' "$3" || return 1
  [[ -e $found/unasked-$1 || $2 == '{"kind": "bucket",'* ]] || return 0
  case $2 in
    # Of this project: one that is the operator's own in another is not this run's.
    '{"kind": "bucket",'*)
      gcloud storage buckets list --filter="name=$BUCKET" --format='value(name)' --project="$PROJECT" | sed 's/.*/automlops/'
      ;;
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
    if grep -qiE 'permission|denied|forbidden|not authorized|invalid|quota|not available' "$errors" && ! there "$lines"; then
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

# ---- Accounts

# accounts EMAIL...    asks which accounts there are, unless policies that were read ahead name these. Google calls one that
# was deleted otherwise in them, though not at once: one whose own policy was asked for ahead in vain is looked for.
accounts() {
  local email
  for email; do
    grep -qsF " serviceAccount:$email " "$found"/policy-of-* || break
    ! grep -qF "{\"kind\": \"account-role\", \"name\": \"$email\"," "$MADE" || [[ -e $found/policy-of-account-$email ]] || break
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

# ---- Roles: each policy read once, then given what it lacks

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
  if [[ -e $found/blank-$on ]]; then
    mv "$found/blank-$on" "$file" # of what this run made; if somebody was faster after all, the next try reads
  else
    policy get-iam-policy "$on" "$name" "$location" --format=yaml "${@: -1}" >"$file" || return
  fi
  grep -qx bindings: "$file" || echo bindings: >>"$file"
  while (($# > 1)); do
    printf '%s %s\n' "$1" "$2"
    shift 2
  done >"$file.more" || return
  # Never one that was cut: without its etag it would take the place of whatever there is.
  if ! enlarged "$file" "$file.more" >"$file.whole" || ! grep -q '^etag: ' "$file.whole"; then
    echo "who may do what on $name could not be written down whole, so nothing was changed" >&2
    return 1
  fi
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

# ---- The record

# recorded    asks what the bucket's records say: the copy of this one, and those of other pipelines.
recorded() {
  [[ ! -e $found/records ]] || return 0
  : >"$found/records"
  [[ ! -e $found/new-bucket && ${PLAN-} != offline ]] || return 0
  patiently "$BUSY" "$found/record.errors" gcloud storage cat "gs://$BUCKET/*/made" >"$found/records" \
    || absent "$found/record.errors" || stop "reading the records in the bucket" "$found/record.errors" bucket
}

# drop    takes away what this pipeline made once and nothing above asks for now: a schedule, roles, a trigger, the service
# and its topics. What pipelines share stays while another one is there.
drop() {
  local line kind name location role member
  touch "$found/asked"
  for kind in schedule '(project|registry|bucket|account|secret|topic|subscription|service)-role' \
    trigger clock subscription service topic; do
    grep -E "^[{]\"kind\": \"$kind\"" "$MADE" | grep -F "\"project\": \"$PROJECT\"" | grep -vxF -f "$found/asked" || :
  done >"$found/needless"
  while IFS= read -r line <&3; do
    [[ $line == *'"shared": false'* || $(grep -cvF "$OURS" "$found/records") == 0 ]] || continue
    IFS='"' read -r _ _ _ kind _ _ _ name _ _ _ location _ _ _ role _ _ _ member _ <<<"$line"
    if [[ $kind == clock ]]; then
      set -- schedule "$name" stop_clock "$name" "$location" "$PIPELINE"
    elif [[ $kind == trigger ]]; then
      set -- trigger "$name" gcloud builds triggers delete "$name" --region="$location"
    elif [[ $kind == schedule ]]; then
      set -- schedule "$name" unschedule "$name" "$location" "$PIPELINE"
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
    grep -vxF "$line" "$MADE" >"$MADE.part" || (($? == 1)) # nothing is left
    mv "$MADE.part" "$MADE"
    said removed "$1" "$2" 'nothing needs it any more'
  done 3<"$found/needless"
}

# whole    the bucket's copy as it was read, and what was made from here.
whole() {
  touch "$found/dropped"
  grep -F "$OURS" "$found/copy" >"$found/record" || (($? == 1)) || return
  plausible <"$found/record" | joined "$found/dropped" >"$found/left"
}

# hand_over --project=PROJECT    puts the whole record in the place of the bucket's copy.
hand_over() {
  if [[ -e $found/new-bucket ]]; then
    rm "$found/new-bucket" # nobody should have written to it; if somebody did, the next try reads that
    gcloud storage cp "$found/left" "$COPY" --if-generation-match=0 "$1"
  else
    exchange "$COPY" whole "$1"
  fi
}

# keep_record    the bucket's copy has what was made from here, and from other copies of this codebase.
keep_record() {
  local fate=kept
  cp "$found/records" "$found/copy"
  whole
  if ! cmp -s <(sort "$found/left") <(sort "$found/record"); then
    change bucket "copying the record to the bucket" hand_over
    fate=changed
  fi
  said "$fate" record "$COPY" 'tells deprovision_resources.sh what to take away'
}
