# mtastsd after a kill: it answers at once from a large cache, and checks the cache in the background.
# shellcheck shell=bash

start_conf=$LAB_DIR/start.conf start_log=$LAB_DIR/log/start start_socket=$LAB_DIR/run/start.sock start_daemon=''
domains=40000 # past the size that is checked before the first answer
trap 'kill $start_daemon 2>/dev/null' EXIT

start_again() {
  local i
  : >"$start_log"
  "$MTASTS"d --config "$start_conf" --foreground 2>>"$start_log" &
  start_daemon=$!
  for ((i = 0; i < 400; i++)); do
    grep -q 'start version=' "$start_log" && return
    sleep 0.01
  done
}
kill_it() {
  kill -KILL $start_daemon
  wait $start_daemon 2>/dev/null
}
ask_it() { "$LAB_TOOLS/ask" "$start_socket" postfix "$1" 2>/dev/null; }
logs() { # TEXT: it comes to say that within twenty seconds
  local i
  for ((i = 0; i < 200; i++)); do grep -q -- "$1" "$start_log" && echo yes && return; sleep 0.1; done
  tail -n 3 "$start_log"
}
healthz() { curl -sS http://127.0.0.1:8464/healthz; }
spoil() { # PAGES: garbage in so many, from the middle of the file on
  local pages=$(($(stat -c %s "$cache/data.mdb") / 4096))
  dd if=/dev/urandom of="$cache/data.mdb" bs=4096 seek=$((pages / 2)) count="$1" conv=notrunc 2>/dev/null
}

{
  cat "$LAB_CONF"
  printf '%s\n' "cache { directory = \"$cache\" }" "ask { socket = \"$LAB_DIR/run/start-ask.sock\" }" \
    "outcome { socket = \"$LAB_DIR/run/start-outcome.sock\" }" "socketmap { listen = {\"unix:$start_socket\"} }" \
    'metrics { listen = "127.0.0.1:8464" }' "user = \"$(id -un)\" group = \"$(id -gn)\""
} >"$start_conf"
mkdir -p "$LAB_DIR/run"
mtasts query good.example >"$LAB_DIR/out"
mtasts cache export | awk -v n=$domains '{ print; for (i = 0; i < n; i++) { line = $0
  gsub(/"good\.example"/, sprintf("\"d%d.good.example\"", i), line); print line } }' >"$LAB_DIR/many"
check 'a large cache' 0 "$(mtasts cache import "$LAB_DIR/many" >/dev/null 2>&1; echo $?)"
secure='OK secure match=mx.good.example .*'

start_again
check 'closed in order: nothing is checked' '' "$(grep 'not closed' "$start_log")"
check 'an answer' "$secure" "$(ask_it d77.good.example)"
kill_it

start_again
check 'after a kill' "$secure" "$(ask_it d77.good.example)"
check 'after a kill: a new domain' 'NOTFOUND.*' "$(ask_it testing.example)"
check 'after a kill: health' ok "$(healthz)"
check 'after a kill: it is said' yes "$(logs 'was not closed in order')"
check 'after a kill: all is checked' yes "$(logs 'is checked, and sound')"
check 'after the check' "$secure" "$(ask_it d78.good.example)"
check 'after the check: what was learnt meanwhile' yes "$(for _ in {1..100}; do
  mtasts cache show testing.example >/dev/null 2>&1 && echo yes && break; sleep 0.1; done)"
kill_it

start_again
kill $start_daemon
wait $start_daemon
check 'ended while it checks' 0 $?
kill_it 2>/dev/null
check 'and nothing is lost' 0 "$(mtasts cache verify >/dev/null 2>&1; echo $?)"

start_again
kill_it
spoil 2
start_again
logs 'is damaged' >/dev/null
kill_it
check 'killed while it salvages' yes "$([ -e "$cache/salvage" ] && [ -e "$cache/data.mdb.damaged" ] && echo yes || echo no)"
start_again
check 'and goes on: it answers at once' "$secure" "$(ask_it d79.good.example)"
check 'and goes on: all is salvaged' yes "$(logs 'what could be read of it is in a new one')"
check 'and goes on: behind the first answers' yes "$(awk '/start version=/ { start = NR } /in a new one/ { end = NR }
  END { print start && start < end ? "yes" : "no" }' "$start_log")"
check 'and goes on: it counts' 1 "$(curl -sS http://127.0.0.1:8464/metrics | awk '/^mtasts_cache_damages_total/ { print $2 }')"
check 'and goes on: few are lost' yes "$([ "$(mtasts --json cache stats | jq .policies)" -gt $((domains - 200)) ] && echo yes)"
kill_it
spoil 2
start_again
check 'damaged' "$secure" "$(ask_it good.example)"
check 'damaged: it is said' yes "$(logs 'what could be read of it is in a new one')"
check 'damaged: it answers' "$secure" "$(ask_it good.example)"
check 'damaged: few are lost' yes "$([ "$(mtasts --json cache stats | jq .policies)" -gt $((domains - 200)) ] && echo yes)"
check 'damaged: health, after its next looks' ok "$(sleep 12; healthz)"
check 'damaged: no mark is left' no "$([ -e "$cache/salvage" ] && echo yes || echo no)"
check 'damaged: the new file is sound' 0 "$(mtasts cache verify >/dev/null 2>&1; echo $?)"
kill $start_daemon
wait $start_daemon
check 'it ends' 0 $?

# A damaged cache that was written two hours from now: the clock is behind, whatever replaces the file
head -c 20000 /dev/urandom >"$cache/data.mdb"
touch -d '+2 hours' "$cache/data.mdb"
start_again
check 'damaged, and the clock behind: it is said' yes "$(logs 'clock=behind')"
kill $start_daemon
wait $start_daemon
check 'it ends then, too' 0 $?
