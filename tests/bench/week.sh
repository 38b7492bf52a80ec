#!/bin/bash
# A simulated week of mtastsd: tests/bench/week.sh BUILD-FOLDER DOMAINS. The cache is in memory where
# there is room for it.
set -u
cd "$(dirname "$0")/../.." || exit 70
build=$1 domains=$2
need=$((domains / 512)) # megabytes: two kilobytes a domain
room=$(df --output=avail -BM /dev/shm 2>/dev/null | tail -n 1 | tr -dc 0-9)
place=${TMPDIR:-/tmp}
[ "${room:-0}" -ge "$need" ] && place=/dev/shm
cache=$(mktemp -d "$place/mtasts-week-XXXXXX") || exit 70
trap 'rm -rf "$cache"' EXIT
"$build/tests/bench/week_bench" "$cache" "$domains"
