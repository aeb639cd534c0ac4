#!/usr/bin/env bash
# content_tag.sh FOLDER    prints the tag of the image that is built from FOLDER: its content.
# The same files are never built twice, and a tag never changes its meaning.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../$1"

sum=(sha256sum)
command -v sha256sum >/dev/null || sum=(shasum -a 256) # macOS

what=(Dockerfile requirements.txt src)
[[ -d src ]] || what=(.) # the service
find "${what[@]}" -type f ! -name '*.new' ! -path '*/.*' ! -path '*/__pycache__/*' -print0 \
  | LC_ALL=C sort -z | xargs -0 "${sum[@]}" | "${sum[@]}" | cut -c1-16
