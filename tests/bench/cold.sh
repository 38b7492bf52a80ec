#!/bin/bash
# Compares cold look-ups per second (`mtasts warm`) with bare TLS handshakes per second with the same hosts:
#   tests/lab/lab bench 1000 tests/bench/cold.sh
# With DNSSEC validated and without. `example` is not signed, which the root proves once for all of them:
# a domain whose parent is signed has a DS query and a signature to itself.
# Interleaved rounds; each of the three is a fresh process with an empty cache and a flushed resolver.
# Fails if the look-ups reach less than 65 % of the handshakes, in the median of the rounds: the
# machine may be busy with other things, but both halves of a round see the same of it. The servers share
# its processors, so the CPU time of a handshake and of a look-up is shown as well: it does not include the servers'.
# shellcheck disable=SC2154 # warm.sh sets them
set -uo pipefail
rounds=9 least=65
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck disable=SC1091
. "$here/warm.sh"
sed 's/^dns .*timeout = 2/& dnssec = "off"/' "$LAB_CONF" >"$LAB_DIR/off.conf"

# Sets $rate, a second, and $each, microseconds of CPU.
handshakes() {
  flush
  "$benches/spent" "$LAB_DIR/spent" "$benches/handshake_bench" "$LAB_CA" "$WEB" "$count" >/dev/null || return
  read -r wall cpu _ <"$LAB_DIR/spent"
  rate=$((count * 1000000 / wall)) each=$((cpu / count))
}
look_ups() { # CONFIGURATION
  warm "$1" 64 || return
  rate=$((count * 1000000 / wall)) each=$((cpu / count))
}

sides=(handshakes "look_ups $LAB_CONF" "look_ups $LAB_DIR/off.conf")
declare -A rates=() cpus=()
for ((round = 1; round <= rounds; round++)); do
  # Who goes first changes, or a machine that slows down would count against one of them.
  if ((round % 2)); then order=(0 1 2); else order=(2 1 0); fi
  for side in "${order[@]}"; do
    # shellcheck disable=SC2086 # words of a command
    ${sides[side]} || exit 70
    rates[$side]=$rate cpus[$side]=$each
  done
  handshake=${rates[0]} look_up=${rates[1]} plain=${rates[2]}
  ratio=$((100 * look_up / handshake)) plain_ratio=$((100 * plain / handshake))
  cpu_ratio=$((100 * cpus[0] / cpus[1]))
  echo "round $round: $look_up cold look-ups, $plain without DNSSEC, $handshake handshakes a second:" \
    "$ratio %, $plain_ratio %; CPU ${cpus[1]}, ${cpus[2]}, ${cpus[0]} us each"
  all_look_ups+=("$look_up") all_plain+=("$plain") all_handshakes+=("$handshake")
  ratios+=("$ratio") plain_ratios+=("$plain_ratio") cpu_ratios+=("$cpu_ratio")
done
ratio=$(median "${ratios[@]}")
echo "medians of $rounds rounds, $count hosts, 64 in flight: $(median "${all_look_ups[@]}") cold" \
  "look-ups, $(median "${all_handshakes[@]}") handshakes a second: $ratio % (at least $least %);" \
  "without DNSSEC $(median "${all_plain[@]}") look-ups, $(median "${plain_ratios[@]}") %;" \
  "by CPU time, with DNSSEC, $(median "${cpu_ratios[@]}") %"
figure cold "look-ups a second, 64 in flight" 'bare TLS handshakes with verification, one thread' "≥ $least %" \
  "$ratio %" "$(holds "ratio >= least")"
