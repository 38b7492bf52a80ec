#!/bin/bash
# TLS reports that arrived: tests/bench/received.sh BUILD-FOLDER COUNT
# `mtasts report show` over so many reports (two policies of five details, gzip in mail, one Maildir) beside
# `gzip -dc | jq .` over the same JSON, in interleaved rounds; and its memory beside that of a tenth of them. Fails if
# it takes more than 0.7 times as long, or as much CPU, or if memory grows by more than 16 MiB.
# shellcheck disable=SC2016,SC2034 # jq is a word of text; limit is read by holds
set -uo pipefail
build=$1 count=$2 most=0.7 grows=16384 # KiB
# shellcheck disable=SC1091
. "$(dirname "$0")/figure.sh"
parent=/dev/shm
[ "$(df --output=avail -k $parent 2>/dev/null | tail -1)" -gt 500000 ] 2>/dev/null || parent=${TMPDIR:-/tmp}
dir=$(mktemp -d "$parent/mtasts-received.XXXX") || exit 70
trap 'rm -rf "$dir"' EXIT
python3 "$(dirname "$0")/received.py" "$dir/all" "$count" "$dir/all.gz" || exit 70
python3 "$(dirname "$0")/received.py" "$dir/tenth" $((count / 10)) "$dir/tenth.gz" || exit 70

spend() { "$build/tests/bench/spent" "$dir/spent" "$@" >"$dir/out" && read -r wall cpu peak <"$dir/spent"; }
show() { spend "$build/mtasts" --json report show "$1"; }
show "$dir/all" || exit 70
[ "$(jq .reports "$dir/out")" = "$count" ] || { echo "not all reports are read: $(jq -c '[.reports,.duplicates]' "$dir/out")"; exit 70; }
walls=() cpus=() peaks=() peaks_tenth=()
for _ in 1 2 3 4 5 6 7; do
  spend sh -c 'gzip -dc "$1" | jq .' - "$dir/all.gz" || exit 70
  plain_wall=$wall plain_cpu=$cpu
  show "$dir/all" || exit 70
  walls+=($((wall * 1000 / plain_wall))) cpus+=($((cpu * 1000 / plain_cpu))) peaks+=("$peak")
  show "$dir/tenth" || exit 70
  peaks_tenth+=("$peak")
done
wall=$(median "${walls[@]}") cpu=$(median "${cpus[@]}")
grown=$(($(median "${peaks[@]}") - $(median "${peaks_tenth[@]}")))
bad=0
limit=$(awk "BEGIN { print $most * 1000 }")
times() { awk "BEGIN { printf \"%.2f\", $1 / 1000 }"; }
echo "$count reports: $(times "$wall") times the time and $(times "$cpu") times the CPU of gzip -dc | jq . (at most $most)," \
  "$grown KiB more than a tenth of them (at most $grows)"
figure received "time, $count reports in a Maildir" '`gzip -dc | jq .`' "≤ $most times" "$(times "$wall") times" \
  "$(holds "wall <= limit")" || bad=1
figure received "CPU, $count reports in a Maildir" '`gzip -dc | jq .`' "≤ $most times" "$(times "$cpu") times" \
  "$(holds "cpu <= limit")" || bad=1
figure received "memory, $count reports" 'a tenth of them' "≤ $grows KiB more" "$grown KiB more" \
  "$(holds "grown <= grows")" || bad=1
exit $bad
