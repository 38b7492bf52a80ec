#!/bin/bash
# mtastsd's cached answers beside a constant server's: tests/bench/answers.sh BUILD [DOMAINS]
# The daemon runs in a directory of its own with a cache filled by `mtasts cache import`.
set -uo pipefail
build=$1 domains=${2:-1000}
dir=$(mktemp -d)
pid=
# shellcheck disable=SC2317 # called by the trap
clean() {
  [ -z "$pid" ] || kill "$pid" 2>/dev/null
  wait
  rm -rf "$dir"
}
trap clean EXIT

cat >"$dir/mtasts.conf" <<END
cache     { directory = "$dir/cache" }
dns       { servers = {"127.0.0.1@9"} dnssec = "off" }
ask       { socket = "$dir/ask.sock" }
socketmap { listen = {"unix:$dir/socketmap.sock"} }
outcome   { socket = "$dir/tlsrpt.sock" }
user      = "$(id -un)"
group     = "$(id -gn)"
END
at() { date -u -d "$1" +%Y-%m-%dT%H:%M:%SZ; }
line='{"policy_domain":"domain-%06.0f.mail.example.com","state":"policy","id":"20260101T000000",
"mode":"enforce","max_age":604800,"mx":["mx1.mail.example.com","*.mail.example.com"],
"fetched":"'$(at now)'","expires":"'$(at '7 days')'","checked":"'$(at now)'","next_check":"'$(at '6 hours')'",
"record":"valid","record_id":"20260101T000000","mx_state":"listed","mx_expires":"'$(at '6 hours')'",
"mx_hosts":[{"host":"mx1.mail.example.com","preference":10,"dane":"none"}]}'
seq -f "${line//$'\n'/}" 0 $((domains - 1)) |
  "$build/mtasts" --config "$dir/mtasts.conf" cache import >/dev/null || exit 1

"$build/mtastsd" --config "$dir/mtasts.conf" --foreground 2>"$dir/log" &
pid=$!
for ((i = 0; i < 100; i++)); do
  [ -S "$dir/ask.sock" ] && break
  kill -0 $pid 2>/dev/null || break
  sleep 0.05
done
echo "$domains cached domains:"
bad=0
"$build/tests/bench/answer_bench" "$dir/socketmap.sock" $pid postfix "$domains" || bad=1
"$build/tests/bench/answer_bench" "$dir/ask.sock" $pid entry "$domains" || bad=1
"$build/tests/bench/answer_bench" "$dir/ask.sock" $pid decision "$domains" || bad=1
if [ -x "$build/tests/bench/plugin_bench" ]; then
  plugin=$build/exim-mtasts.so
  MTASTS_CONFIG=$dir/mtasts.conf \
    "$build/tests/bench/plugin_bench" ask "$plugin" "$dir/ask.sock" "$domains" || bad=1
  sed 's/ask.sock/nobody.sock/' "$dir/mtasts.conf" >"$dir/alone.conf"
  chmod -R o+rX "$dir" # the plugin never reads as root
  MTASTS_CONFIG=$dir/alone.conf \
    "$build/tests/bench/plugin_bench" read "$plugin" "$dir/cache" "$domains" || bad=1
fi
[ $bad = 0 ] || tail -n 3 "$dir/log" >&2
exit $bad
