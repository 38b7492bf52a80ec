#!/bin/bash
# Cold look-ups a second (`mtasts warm`) beside bare TLS handshakes a second with the same hosts:
#   tests/lab/lab bench 1000 tests/bench/cold.sh
# With DNSSEC validated and without. `example` is not signed, which the root proves once for all of them:
# a domain whose parent is signed has a DS query and a signature to itself.
# Interleaved rounds; each of the three is a fresh process with an empty cache and a flushed resolver.
# Fails where the look-ups reach less than 65 % of the handshakes, in the median of the rounds: the
# machine may be busy with other things, but both halves of a round see the same of it.
set -uo pipefail
rounds=9 least=65
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck disable=SC1091
. "$here/../lab/servers.sh"
# shellcheck disable=SC1091
. "$here/figure.sh"
list=$LAB_DIR/bench.domains
grep -o 'h[0-9]*\.bench\.example' "$LAB_DIR/certificates" >"$list"
count=$(wc -l <"$list")
sed 's/^dns .*timeout = 2/& dnssec = "off"/' "$LAB_CONF" >"$LAB_DIR/off.conf"

flush() { unbound-control -c "$LAB_DIR/unbound.conf" flush_zone . >/dev/null; }

handshakes() {
  "$LAB_TOOLS/../bench/handshake_bench" "$LAB_CA" "$WEB" "$count" | cut -d. -f1
}

look_ups() { # CONFIGURATION
  local cache began stored
  cache=$(mktemp -d "$LAB_DIR/cold.XXXX")
  began=${EPOCHREALTIME/./}
  "$MTASTS" --config "$1" --cache "$cache" warm --jobs 64 "$list" >/dev/null 2>&1
  local took=$((${EPOCHREALTIME/./} - began))
  stored=$("$MTASTS" --config "$1" --cache "$cache" --json cache stats | jq .enforce)
  [ "$stored" = "$count" ] || {
    echo "cold: $stored of $count policies were stored" >&2
    return 1
  }
  echo $((count * 1000000 / took))
}

for ((round = 1; round <= rounds; round++)); do
  flush
  handshake=$(handshakes) || exit 1
  flush
  look_up=$(look_ups "$LAB_CONF") || exit 1
  flush
  plain=$(look_ups "$LAB_DIR/off.conf") || exit 1
  ratio=$((100 * look_up / handshake)) plain_ratio=$((100 * plain / handshake))
  echo "round $round: $look_up cold look-ups, $plain without DNSSEC, $handshake handshakes a second:" \
    "$ratio %, $plain_ratio %"
  all_look_ups+=("$look_up") all_plain+=("$plain") all_handshakes+=("$handshake")
  ratios+=("$ratio") plain_ratios+=("$plain_ratio")
done
ratio=$(median "${ratios[@]}")
echo "medians of $rounds rounds, $count hosts, 64 in flight: $(median "${all_look_ups[@]}") cold" \
  "look-ups, $(median "${all_handshakes[@]}") handshakes a second: $ratio % (at least $least %);" \
  "without DNSSEC $(median "${all_plain[@]}") look-ups, $(median "${plain_ratios[@]}") %"
figure cold "look-ups a second, 64 in flight" 'bare TLS handshakes with verification, one thread' "≥ $least %" \
  "$ratio %" "$(holds "ratio >= least")"
