#!/bin/bash
# CPU a cached decision, of a process that reads the cache, while mtastsd refreshes 200 policies a second
# there, each by DNS and HTTPS; beside the same while mtastsd idles:
#   tests/lab/lab bench 1000 tests/bench/refreshing.sh [DOMAINS]
# Interleaved rounds (readers_bench.c). Fails if the median of the ratios is above 1.2, or if a policy
# was not fetched again.
set -uo pipefail
domains=${1:-100000} pace=200
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck disable=SC1091
. "$here/../lab/servers.sh"
# shellcheck disable=SC1091
. "$here/raise.sh"
hosts=$(grep -c '^mta-sts\.h[0-9]*\.bench\.example ' "$LAB_DIR/certificates")
benches=$LAB_TOOLS/../bench
dir=$(mktemp -d "$LAB_DIR/refreshing.XXXX")
trap lower EXIT

{ cat "$LAB_CONF" && places "$dir"; } >"$dir/mtasts.conf"
"$benches/fill_cache" "$dir/cache" "$domains" || exit 70
seq -f 'h%.0f.bench.example' 0 $((hosts - 1)) |
  "$MTASTS" --config "$dir/mtasts.conf" warm - >/dev/null 2>&1
raise "$MTASTS"d "$dir" || exit 70
sleep 1.1 # what is fetched from now on is younger by the second
began=$(date +%s)
status=0
"$benches/readers_bench" refreshing "$dir/cache" "$domains" "$dir/ask.sock" "$hosts" $pace \
  >"$dir/said" 2>&1 || status=$?
fetched=$("$MTASTS" --config "$dir/mtasts.conf" --json cache list --filter 'domain=*.bench.example' |
  jq --argjson began "$began" 'select((.fetched | fromdate) >= $began) | 1' | wc -l)
[ "$fetched" = "$hosts" ] || {
  echo "refreshing: $fetched of $hosts policies were fetched again" >>"$dir/said"
  [ $status != 0 ] || status=1
}
# If it failed, the reason is the last line.
[ $status = 0 ] || grep -v ': start ' "$dir/log" | tail -n 3
cat "$dir/said"
exit $status
