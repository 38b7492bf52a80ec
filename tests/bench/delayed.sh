#!/bin/bash
# Cold look-ups a second, up to 1,000 in flight, with 50 ms added to every DNS answer and to all bytes of policy hosts
# (twice in each fetch: their part of the handshake, and the reply); beside the same without the delay:
#   tests/lab/lab bench 2000 tests/bench/delayed.sh
# Both go through a forwarder and a relay (forward.c, relay.c), that of the other without any delay.
# Interleaved rounds, each a fresh process with an empty cache and a flushed resolver. Fails if the rate
# is less than 80 % of that without the delay, in the median of rounds, or if 128 MiB of resident memory
# are exceeded once.
# shellcheck disable=SC2034,SC2153,SC2154 # servers.sh and warm.sh set and use them
set -uo pipefail
rounds=${1:-5} in_flight=1000 delay=50 least=80 most=128
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck disable=SC1091
. "$here/warm.sh" # sets count, wall, cpu, peak
ulimit -n "$(ulimit -Hn)"
trap 'stop distant; stop relay' EXIT

stop nginx
NGINX=127.0.0.6
sed -i "s/listen $WEB:443/listen $NGINX:443/" "$LAB_DIR"/{nginx,sites}.conf
start nginx || exit 70

# The lab's own patience is made for hosts that fail: here a thousand shake hands at once.
sed -e "s/^dns .*/dns { servers = {\"$DISTANT\"} trust_anchor = \"${LAB_DIR//\//\\/}\\/root.key\" }/" \
  -e '/^https /s/ timeout = [0-9]*//' "$LAB_CONF" >"$LAB_DIR/far.conf"

# Sets $rate, look-ups a second.
look_ups() { # MILLISECONDS
  DISTANCE=$1
  stop distant
  stop relay
  start distant && start relay && warm "$LAB_DIR/far.conf" $in_flight || return
  rate=$((count * 1000000 / wall))
  peaks+=("$peak")
}

order=(0 "$delay")
each=() cpus=() tops=() # by the delay
for ((round = 1; round <= rounds; round++)); do
  for distance in "${order[@]}"; do
    look_ups "$distance" || exit 70
    each[distance]=$rate cpus[distance]=$((cpu / count)) tops[distance]=$((peak / 1024))
  done
  order=("${order[1]}" "${order[0]}") # who goes first changes
  rate=${each[delay]} near=${each[0]}
  ratio=$((100 * rate / near))
  echo "round $round: $rate look-ups a second with the delay, $near without: $ratio %;" \
    "CPU ${cpus[delay]} and ${cpus[0]} us each; peak ${tops[delay]} and ${tops[0]} MiB"
  rates+=("$rate") nears+=("$near") ratios+=("$ratio")
done
ratio=$(median "${ratios[@]}") rate=$(median "${rates[@]}") near=$(median "${nears[@]}")
peak=$(printf '%s\n' "${peaks[@]}" | sort -n | tail -n 1)
peak=$(((peak + 1023) / 1024))
echo "medians of $rounds rounds, $count hosts, up to $in_flight in flight: $rate look-ups a second with $delay ms" \
  "more, $near without: $ratio % (at least $least %); at most $peak MiB resident (limit $most MiB)"
bad=0
what="cold look-ups, up to $in_flight in flight, $delay ms added to every DNS answer and HTTPS reply"
figure delayed "$what: $rate a second" "without the delay: $near a second" "≥ $least %" "$ratio %" \
  "$(holds "ratio >= least")" || bad=1
figure delayed "peak resident memory of mtasts warm then" "" "≤ $most MiB" "$peak MiB" \
  "$(holds "peak <= most")" || bad=1
exit $bad
