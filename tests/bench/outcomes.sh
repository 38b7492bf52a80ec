#!/bin/bash
# Outcomes recorded by mtastsd, 2,000 a second: tests/bench/outcomes.sh BUILD
# Fails if they take more than 5 % of a core, or if one of them is not in the store.
# shellcheck disable=SC2154 # raise.sh sets pid
set -uo pipefail
build=$1
# shellcheck disable=SC1091
. "$(dirname "$0")/raise.sh"
dir=$(mktemp -d)
trap 'lower; rm -rf "$dir"' EXIT

places_alone "$dir" >"$dir/mtasts.conf"
raise "$build/mtastsd" "$dir" || exit 70
"$build/tests/bench/outcome_bench" "$dir/tlsrpt.sock" "$pid" | tee "$dir/said"
status=${PIPESTATUS[0]}
told=$(tail -n 1 "$dir/said")
recorded=$("$build/mtasts" --config "$dir/mtasts.conf" --json cache stats | jq .daemon.outcomes_recorded)
[ "$recorded" = "$told" ] || { echo "outcomes: $recorded of $told are recorded" >&2; exit 70; }
exit "$status"
