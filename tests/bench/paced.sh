#!/bin/bash
# Cached answers, 2,000 a second, while mtastsd looks up new domains, 64 at a time:
#   tests/lab/lab bench 1000 tests/bench/paced.sh
# Beside them the answers of a constant server at the same pace, while mtastsd gets the same look-ups.
# Interleaved rounds, each with a fresh daemon, a cache that knows none of the new domains and a flushed
# resolver. Fails if 99 % of the answers take more than 1.5 times as long, in the median of rounds.
set -uo pipefail
rounds=9 pace=2000 in_flight=64 cached=1000 most=150
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck disable=SC1091
. "$here/../lab/servers.sh"
# shellcheck disable=SC1091
. "$here/raise.sh"
# shellcheck disable=SC1091
. "$here/figure.sh"
cold=$(grep -c '^mta-sts\.h[0-9]*\.bench\.example ' "$LAB_DIR/certificates")
bench=$LAB_TOOLS/../bench/paced_bench
trap lower EXIT

# Sets $late and $usual, microseconds, and $rate, look-ups a second.
round() { # mtastsd|constant
  local dir stored
  unbound-control -c "$LAB_DIR/unbound.conf" flush_zone . >/dev/null
  dir=$(mktemp -d "$LAB_DIR/paced.XXXX")
  { cat "$LAB_CONF" && places "$dir"; } >"$dir/mtasts.conf"
  "$LAB_TOOLS/../bench/fill_cache" "$dir/cache" $cached secure && raise "$MTASTS"d "$dir" || return
  read -r late usual rate < <("$bench" "$1" "$dir/socketmap.sock" $cached "$cold" $pace $in_flight)
  lower
  stored=$("$MTASTS" --config "$dir/mtasts.conf" --json cache stats | jq .enforce)
  [ "$stored" = $((cached + cold)) ] || {
    echo "paced: $stored of $((cached + cold)) policies are in the cache" >&2
    return 1
  }
}

sides=(constant mtastsd)
declare -A lates=() usuals=() rates=()
row='%-9s %9s %9s %9s %9s %11s %11s %7s\n'
# shellcheck disable=SC2059 # the same format for all of the table
{
  printf "$row" '' mtastsd mtastsd constant constant 'new domains' 'beside the' ''
  printf "$row" us '99 %' '50 %' '99 %' '50 %' 'a second' constant '99 %'
  for ((i = 1; i <= rounds; i++)); do
    for side in "${sides[@]}"; do
      round "$side" || exit 70
      lates[$side]=$late usuals[$side]=$usual rates[$side]=$rate
    done
    sides=("${sides[1]}" "${sides[0]}") # who goes first changes
    ours+=("${lates[mtastsd]}") constants+=("${lates[constant]}")
    ratios+=($((100 * lates[mtastsd] / lates[constant])))
    printf "$row" "round $i" "${lates[mtastsd]}" "${usuals[mtastsd]}" "${lates[constant]}" "${usuals[constant]}" \
      "${rates[mtastsd]}" "${rates[constant]}" "${ratios[-1]} %"
  done
}
ratio=$(median "${ratios[@]}") late=$(median "${ours[@]}") constant=$(median "${constants[@]}")
echo "medians of $rounds rounds, $cold new domains, $in_flight at a time, $pace cached answers a second:" \
  "99 % within $late us, constant server $constant us: $ratio % (at most $most %)"
figure paced "99 % of cached answers, $pace a second, amid $in_flight look-ups of new domains: within $late µs" \
  "a constant server amid the same look-ups: $constant µs" "≤ $most %" "$ratio %" "$(holds "ratio <= most")"
