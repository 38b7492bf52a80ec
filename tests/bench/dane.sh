#!/bin/bash
# The wall time of a cold decision by DANE, for domains with one, two and eight MX hosts, each host in a
# signed zone of its own. mtastsd asks a resolver that gives each answer 40 ms after its query:
#   LAB_SIGNED=tests/bench/dane_domains tests/lab/lab run tests/bench/dane.sh [ROUNDS]
# Interleaved rounds, each decision by a fresh daemon that knows nothing but the root's keys. Hosts are
# looked at side by side, so the longest chain of dependent queries is that of one host: fails if a
# decision takes more than 10 % longer than that chain, in the median of the rounds. The chain is that of
# the queries that mtastsd made: fails, too, if it made more of them in a row than are needed.
set -uo pipefail
rounds=${1:-9} most=110 steps_most=9
here=$(cd "$(dirname "$0")/../lab" && pwd)
# shellcheck disable=SC1091
. "$here/servers.sh"
# shellcheck disable=SC1091
. "$here/../bench/figure.sh"
domains=(one two eight)
declare -A hosts=([one]=1 [two]=2 [eight]=8) times=() ratios=() steps=()
log=$LAB_DIR/log/distant pid=''
trap '[ -z "$pid" ] || kill "$pid"; stop distant' EXIT
start distant || exit 70

raise_mtastsd() {
  local i
  dir=$(mktemp -d "$LAB_DIR/cold.XXXX")
  { cat "$LAB_CONF" && cat <<END; } >"$dir/mtasts.conf"
cache     { directory = "$dir/cache" }
dns       { servers = {"$DISTANT"} }
ask       { socket = "$dir/ask.sock" }
socketmap { listen = {"unix:$dir/socketmap.sock"} }
outcome   { socket = "$dir/tlsrpt.sock" }
END
  "$MTASTS"d --config "$dir/mtasts.conf" --foreground 2>"$dir/log" &
  pid=$!
  for ((i = 0; i < 100; i++)); do
    [ -S "$dir/ask.sock" ] && break
    sleep 0.05
  done
  sleep 0.2 # the root's keys
}

# Of queries each of which came after the answer to the one before: the most that there are, and how long
# they took.
# shellcheck disable=SC2016 # awk's
chain='$1 >= last { steps++; took += $2 - $1; last = $2 } END { print steps, took }'

# Microseconds in $took, of which queries in a row could not take less than $least.
decide() { # DOMAIN
  local began answer step dane
  raise_mtastsd
  : >"$log"
  began=${EPOCHREALTIME/./}
  answer=$("$LAB_TOOLS/ask" "$dir/ask.sock" decision "$1.dane")
  took=$((${EPOCHREALTIME/./} - began))
  kill "$pid"
  wait "$pid"
  pid=''
  read -r step waited < <(sort -n -k 2 "$log" | awk "$chain")
  steps[$1]+=" $step"
  dane=$(jq -r '[.verdict, .mx[].dane] | unique | join(" ")' <<<"${answer#OK }")
  [[ $dane == 'dane usable' && $(jq '.mx | length' <<<"${answer#OK }") == "${hosts[$1]}" ]] || {
    echo "dane: $1.dane: $answer" >&2
    tail -n 3 "$dir/log" >&2
    exit 70
  }
}

for ((round = 1; round <= rounds; round++)); do
  for domain in "${domains[@]}"; do
    decide "$domain"
    [ "$domain" != one ] || least=$waited
    times[$domain]+=" $took" ratios[$domain]+=" $((1000 * took / least))"
  done
done

bad=0
for domain in "${domains[@]}"; do
  # shellcheck disable=SC2086 # many words
  time=$(median ${times[$domain]}) ratio=$(median ${ratios[$domain]}) step=$(median ${steps[$domain]})
  echo "a cold decision by DANE, MX hosts: ${hosts[$domain]}; median of $rounds rounds:" \
    "$(tenth $((time / 100))) ms, $step queries in a row (at most $steps_most); $(tenth "$ratio") % of the" \
    "longest chain of dependent queries (at most $most %)"
  figure dane "a cold decision by DANE, MX hosts: ${hosts[$domain]}: $(tenth $((time / 100))) ms" \
    "the longest chain of dependent queries, each 40 ms" "≤ $most %" "$(tenth "$ratio") %" \
    "$(holds "ratio <= most * 10")" || bad=1
  figure dane "queries in a row for it, MX hosts: ${hosts[$domain]}" '' "≤ $steps_most queries" "$step queries" \
    "$(holds "step <= steps_most")" || bad=1
done
exit $bad
