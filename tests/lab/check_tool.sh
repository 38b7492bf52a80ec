# The tool beside a running mtastsd: the same answers, and mtastsd does the work; and what happens
# when it does not.
# shellcheck shell=bash

conf=$LAB_DIR/tool.conf
socket=$LAB_DIR/tool-ask.sock
daemon=''
trap 'kill -KILL $daemon 2>/dev/null' EXIT

# DEADLINE DIRECTORY
tool_conf() {
  sed "s|^cache .*|cache { directory = \"$2\" }|" "$LAB_CONF"
  printf 'ask { socket = "%s" deadline = %s }\n' "$socket" "$1"
  printf 'socketmap { listen = {"unix:%s/tool-socketmap.sock"} }\n' "$LAB_DIR"
  printf 'outcome { socket = "%s/tool-outcome.sock" }\n' "$LAB_DIR"
  printf 'override "http2.example" { mode = "enforce" mx = {"mx.other.example"} until = "2099-01-01" }\n'
}

tool() { "${run_as[@]}" "$MTASTS" --config "$conf" "$@"; }

start_daemon() { # with $conf
  local i
  "${LAB_TOOLS%/tests/lab}/mtastsd" --config "$conf" --foreground >>"$LAB_DIR/log/mtastsd" 2>&1 &
  daemon=$!
  disown
  for ((i = 0; i < 200; i++)); do
    [ "$(tool --json cache stats 2>/dev/null | jq '.daemon | type')" = '"object"' ] && return
    sleep 0.05
  done
  echo "checks: mtastsd does not answer; it said:" >&2
  tail -n 5 "$LAB_DIR/log/mtastsd" >&2
}

stop_daemon() {
  local i
  kill -CONT "$daemon" 2>/dev/null
  kill "$daemon" 2>/dev/null
  for ((i = 0; i < 500; i++)); do
    kill -0 "$daemon" 2>/dev/null || break
    sleep 0.02
  done
  daemon=''
}

run() { # COMMAND…: leaves $LAB_DIR/out and err; prints the exit code
  "$@" >"$LAB_DIR/out" 2>"$LAB_DIR/err"
  echo $?
}

fetches() { # NAME: how often its policy was asked for
  grep -c "mta-sts.$1.example" "$LAB_DIR/log/access"
}

verdicts() { jq -r '"\(.policy_domain | rtrimstr(".example")) \(.verdict) \(.source)"' "$LAB_DIR/out" | paste -sd, -; }

said=$'[^\n]*'
tool_conf 5 "$LAB_DIR/tool-cache" >"$conf"
start_daemon

# All domains, with mtastsd and without it, are answered alike but for the times, and for who of the
# resolver and us gave up first.
questions=()
question() { questions+=("$asked"); }
each_domain question
stable='del(.policy.fetched, .policy.expires) | if .error.type == "dns-error" then del(.error.detail)
  elif .error then .error.detail |= sub("within [0-9.]+ s"; "within N s") else . end'
check 'query of all domains: exit code' 0 "$(run tool --json query "${questions[@]}")"
jq -c "$stable" "$LAB_DIR/out" >"$LAB_DIR/with"
check 'query of all domains: complaints' '' "$(<"$LAB_DIR/err")"
check 'it was mtastsd that stored them' yes \
  "$([ "$(tool --json cache stats | jq .entries)" -gt 50 ] && echo yes)"
tool --cache "$LAB_DIR/tool-alone" --json query "${questions[@]}" | jq -c "$stable" >"$LAB_DIR/without"
check 'query of all domains: as many answers' "${#questions[@]}" "$(wc -l <"$LAB_DIR/with")"
check 'query of all domains: the same without mtastsd' '' "$(diff "$LAB_DIR/with" "$LAB_DIR/without")"

tool --json query good.example http2.example no-record.example >"$LAB_DIR/out"
check 'query of what is cached' 'good enforce cache,http2 enforce override,no-record none cache' "$(verdicts)"
jq -c . "$LAB_DIR/out" >"$LAB_DIR/with"
tool --json query --offline good.example http2.example no-record.example >"$LAB_DIR/without"
check 'and offline' '' "$(diff "$LAB_DIR/with" "$LAB_DIR/without")"

# refresh
before=$(fetches good)
check 'query --refresh' 0 "$(run tool --json query --refresh good.example no-record.example)"
check 'query --refresh: answers' 'good enforce network,no-record none network' "$(verdicts)"
check 'query --refresh: fetches' $((before + 1)) "$(fetches good)"
check 'refresh of one' 0 "$(run tool refresh good.example)"
check 'refresh of one: summary' "1 domains in ${said}; 0 were cached"$'\n'"1 enforce$said" "$(<"$LAB_DIR/out")"
check 'refresh of one: fetches' $((before + 2)) "$(fetches good)"
check 'refresh' "0 domains in .*" "$(tool refresh)"
policies=$(tool --json cache stats | jq .policies)
check 'refresh --all' "$policies domains in .*" "$(tool refresh --all)"
check 'refresh --all: fetches' $((before + 3)) "$(fetches good)"
check 'refresh without mtastsd' "1 domains in ${said}; 0 were cached"$'\n'"0 enforce, 1 testing$said" \
  "$(tool --cache "$LAB_DIR/tool-alone" refresh testing.example)"

# changes
check 'cache remove' 0 "$(run tool cache remove good.example no-record.example)"
check 'cache remove: how many' 'removed 2' "$(<"$LAB_DIR/out")"
check_error 'cache remove of what is not there' 1 'good.example: not in the cache' tool cache remove good.example
check 'cache show of what was removed' 1 "$(run tool cache show good.example)"
tool query good.example testing.example >"$LAB_DIR/out"
tool cache export >"$LAB_DIR/export"
check 'cache remove of some' 0 "$(run tool cache remove good.example testing.example mode-none.example)"
check 'cache import' 0 "$(run tool cache import "$LAB_DIR/export")"
check 'cache import: how many' "imported $(wc -l <"$LAB_DIR/export"), bad lines 0" "$(<"$LAB_DIR/out")"
check 'import of an export loses nothing' '' "$(tool cache export | diff "$LAB_DIR/export" -)"
sed '2s/.*/{"policy_domain":"x"}/' "$LAB_DIR/export" >"$LAB_DIR/export.bad"
check_error 'cache import with a bad line' 65 'line 2: ' tool cache import "$LAB_DIR/export.bad"
for change in clear expire compact 'verify --repair'; do
  # shellcheck disable=SC2086
  check_error "cache $change while mtastsd runs" 75 'mtastsd is running' tool cache $change
done
check 'nothing was lost by that' "$(wc -l <"$LAB_DIR/export")" "$(tool --json cache list | wc -l)"

# warm
printf '%s\n' "${questions[@]}" >"$LAB_DIR/list"
for name in good testing no-record; do tool cache remove "$name.example" >"$LAB_DIR/out" 2>&1; done
total=$(grep -vc '^\[' "$LAB_DIR/list")
check 'warm of all domains' 0 "$(run tool warm "$LAB_DIR/list")"
check 'warm of all domains: summary' "$total domains in .*" "$(<"$LAB_DIR/out")"
check 'warm through a pipe, JSON' "$total" "$(tool --json warm --jobs 300 <"$LAB_DIR/list" 2>"$LAB_DIR/err" | wc -l)"

check 'cache stats' "${said}tool-cache.*mtastsd +[1-9][0-9]* requests: .*" "$(tool cache stats)"
stats=$(tool cache stats)
check 'cache stats: look-ups' '  look-ups  [1-9][0-9]*, of those refreshes [0-9]+; in flight [0-9]+, waiting [0-9]+' \
  "$(grep '^  look-ups ' <<<"$stats")"
check 'cache stats: failures by type' '  failed    [1-9][0-9]* sts-policy-fetch-error, .*[1-9][0-9]* record-invalid' \
  "$(grep '^  failed ' <<<"$stats")"
check 'cache stats: waits' '  waits     50 % within [0-9]+ ms, 90 % (within|past) [0-9]+ ms, 99 % (within|past) [0-9]+ ms' \
  "$(grep '^  waits ' <<<"$stats")"
check 'cache stats, JSON: waits' true "$(tool --json cache stats |
  jq '.daemon | ([.waits[]] | add) == .misses and (.waits | has("10") and has("more")) and .waited_ms > 0')"
check 'cache stats, JSON' true "$(tool --json cache stats | jq '.daemon.requests > 100 and .daemon.hits > 0')"

# An interrupted run, and the same list again: only the rest is asked for.
interrupted() { # leaves $LAB_DIR/out and err; prints the exit code
  local pid i
  "$MTASTS" --config "$conf" --cache "$LAB_DIR/tool-interrupted" warm --jobs 1 "$LAB_DIR/list.interrupted" \
    >"$LAB_DIR/out" 2>"$LAB_DIR/err" &
  pid=$!
  for ((i = 0; i < 100 && $(fetches testing) == before; i++)); do sleep 0.05; done
  sleep 0.3 # the next host is silent for three seconds
  kill -INT "$pid"
  wait "$pid"
  echo $?
}
printf '%s.example\n' good no-record testing silent mode-none http2 >"$LAB_DIR/list.interrupted"
before=$(fetches testing)
check 'interrupted: exit code' 130 "$(set -m && interrupted)" # without job control, SIGINT is ignored behind &
check 'interrupted: complaint' 'mtasts: warm: interrupted; what was learnt is stored' "$(<"$LAB_DIR/err")"
check 'interrupted: summary' "3 domains in $said"$'\n'"1 enforce, 1 testing, 0 none, 1 absent" "$(<"$LAB_DIR/out")"
again() { "$MTASTS" --config "$conf" --cache "$LAB_DIR/tool-interrupted" warm "$LAB_DIR/list.interrupted"; }
before=$(fetches testing)
check 'interrupted, and again' "6 domains in ${said}; 3 were cached"$'\n'"${said}"$'\n1 errors:\n  1 sts-policy-fetch-error' "$(again)"
check 'interrupted, and again: not asked twice' "$before" "$(fetches testing)"

# mtastsd stops answering, and is gone. The signal reaches its threads some time later.
pause_daemon() {
  kill -STOP "$daemon"
  while grep -qv '^State:.T' <(grep -h ^State: "/proc/$daemon/task"/*/status); do sleep 0.01; done
}
pause_daemon
check 'stopped: exit code' 0 "$(run tool --json query good.example)"
check 'stopped: answer' 'good enforce cache' "$(verdicts)"
check 'stopped: complaint' "mtasts: $socket: mtastsd does not answer; going on without it" "$(<"$LAB_DIR/err")"
check 'stopped: a domain that is not cached' 'never-asked none network' \
  "$(tool --json query never-asked.example 2>/dev/null >"$LAB_DIR/out"; verdicts)"
check 'stopped: cache compact' 75 "$(run tool cache compact)"
kill -CONT "$daemon"
check 'awake: complaint' '' "$(tool query good.example 2>&1 >"$LAB_DIR/out")"
check 'stopped on the way: exit code' 69 "$({
  echo good.example
  sleep 1
  pause_daemon
  echo testing.example
} | run tool --json warm)"
check 'stopped on the way: answers' 'good enforce cache' "$(verdicts)"
rest='.the same list again asks only for the rest.'
check 'stopped on the way: complaint' "1 domains.*mtasts: warm: mtastsd does not answer; stopped after 1 domains $rest" "$(<"$LAB_DIR/err")"
stop_daemon
check 'gone: complaint' '' "$(tool query good.example 2>&1 >"$LAB_DIR/out")"
check 'gone: cache compact' 0 "$(run tool cache compact)"

# mtastsd goes in mid-run, with the look-up of a silent host in flight: the run ends there and writes
# nothing itself, so that mtastsd can come back. The same list then asks only for the rest.
left() { # COMMAND ARGUMENT…: what takes mtastsd away; leaves $LAB_DIR/out and err, and $code
  local pid i before
  before=$(fetches testing)
  tool "${@:2}" --jobs 1 "$LAB_DIR/list.interrupted" >"$LAB_DIR/out" 2>"$LAB_DIR/err" &
  pid=$!
  for ((i = 0; i < 100 && $(fetches testing) == before; i++)); do sleep 0.05; done
  sleep 0.3
  $1
  wait "$pid"
  code=$?
}
crash_daemon() { kill -KILL "$daemon"; }
restart_daemon() { stop_daemon && start_daemon; } # it waits for the host
three=$'[^\n]*\n1 enforce, 1 testing, 0 none, 1 absent\n'
tool_conf 5 "$LAB_DIR/tool-crashed" >"$conf"
start_daemon
before=$(fetches http2)
left crash_daemon warm
check 'crashed on the way: exit code' 69 "$code"
check 'crashed on the way: complaint' "mtasts: warm: mtastsd has gone; stopped after 3 domains $rest" "$(<"$LAB_DIR/err")"
check 'crashed on the way: summary' "3 domains in ${three%?}" "$(<"$LAB_DIR/out")"
check 'crashed on the way: no other process asks' "$before" "$(fetches http2)"
start_daemon
check 'crashed, and again' "6 domains in ${said}; 3 were cached.*" "$(tool warm "$LAB_DIR/list.interrupted")"
stop_daemon
tool_conf 5 "$LAB_DIR/tool-restarted" >"$conf"
start_daemon
left restart_daemon --json warm
check 'restarted on the way, JSON: exit code' 69 "$code"
check 'restarted on the way, JSON: answers' 'good enforce network,no-record none network,testing testing network,silent none network' "$(verdicts)"
check 'restarted on the way, JSON: summary and complaint' \
  "4 domains in ${three}1 errors:${said}"$'\n'"${said}"$'\n'"mtasts: warm: mtastsd has gone; stopped after 4 domains $rest" "$(<"$LAB_DIR/err")"
stop_daemon

# mtastsd has no answer in time: these hosts are silent for as long as one waits, three seconds.
tool_conf 0.3 "$LAB_DIR/tool-slow" >"$conf"
start_daemon
check 'no answer in time' $'[^\n]*unknown\n[^\n]*mtastsd has no answer yet; ask again' \
  "$(tool query silent.example | grep -E 'verdict|why')"
printf '%s\n' drip.example good.example >"$LAB_DIR/list"
check 'warm without an answer in time' "2 domains.*1 enforce.*1 of which mtastsd has no answer yet" "$(tool warm "$LAB_DIR/list")"
sleep 4
check 'the answers later' 'silent none cache,drip none cache' "$(tool --json query silent.example drip.example >"$LAB_DIR/out"; verdicts)"
stop_daemon

# The resolver is dead: the cached policy governs, and the error says why (RFC 8461 section 3.3).
tool_conf 0.3 "$LAB_DIR/tool-dead" | sed 's|^dns .*|dns { servers = {"127.0.0.1@9"} dnssec = "off" timeout = 1 }|' >"$conf"
"$MTASTS" --config "$LAB_CONF" --cache "$LAB_DIR/tool-dead" query good.example >"$LAB_DIR/out" 2>&1
check 'a dead resolver, without mtastsd' 69 "$(run tool --json query --refresh good.example)"
check 'a dead resolver, without mtastsd: answer' 'good enforce stale' "$(verdicts)"
start_daemon
check 'a dead resolver' 69 "$(run tool --json query --refresh good.example)"
check 'a dead resolver: answer' 'good enforce stale' "$(verdicts)"
check 'a dead resolver: error' dns-error "$(jq -r .error.type "$LAB_DIR/out")"
check 'a dead resolver: complaint' "mtasts: resolver: 127.0.0.1@9: no answer${said}" "$(<"$LAB_DIR/err")"
stop_daemon

# A user who may not use the socket does without mtastsd. Only root can change to another user.
if setpriv --reuid 65534 --regid 65534 --clear-groups true 2>/dev/null; then
  start_daemon
  ordinary=$LAB_DIR/tool-ordinary
  install -d -o 65534 -g 65534 "$ordinary"
  cp "$MTASTS" "$LAB_DIR/mtasts-tool" # the build tree may be root's alone
  MTASTS_WAS=$MTASTS MTASTS=$LAB_DIR/mtasts-tool
  run_as=(setpriv --reuid 65534 --regid 65534 --clear-groups)
  tool_conf 5 "$ordinary" >"$LAB_DIR/tool-ordinary.conf"
  conf=$LAB_DIR/tool-ordinary.conf
  check 'socket without permission: exit code' 0 "$(run tool -v --json query good.example)"
  check 'socket without permission: answer' 'good enforce network' "$(verdicts)"
  check 'socket without permission: -v' "mtasts: ${said}no permission to ask mtastsd; going on without it" "$(<"$LAB_DIR/err")"
  check 'socket without permission, silent' '' "$(tool query good.example 2>&1 >"$LAB_DIR/out")"
  MTASTS=$MTASTS_WAS run_as=()
  stop_daemon
fi
