#!/bin/bash
# mtastsd's cached answers beside a constant server's: tests/bench/answers.sh BUILD [DOMAINS]
# The daemon runs in a directory of its own with a cache filled by `mtasts cache import`.
set -uo pipefail
build=$1 domains=${2:-1000}
# shellcheck disable=SC1091
. "$(dirname "$0")/cached.sh"
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
cached_domains "$domains" | "$build/mtasts" --config "$dir/mtasts.conf" cache import >/dev/null || exit 1

"$build/mtastsd" --config "$dir/mtasts.conf" --foreground 2>"$dir/log" &
pid=$!
for ((i = 0; i < 100; i++)); do
  [ -S "$dir/ask.sock" ] && break
  kill -0 $pid 2>/dev/null || break
  sleep 0.05
done
echo "$domains cached domains, medians of interleaved rounds beside a server of constant answers;" \
  "8 x 16: sixteen requests at once on each of eight connections"
bad=0
"$build/tests/bench/answer_bench" "$dir/socketmap.sock" $pid "$domains" \
  postfix postfix-tlsrpt sts decision || bad=1
"$build/tests/bench/answer_bench" "$dir/ask.sock" $pid "$domains" entry || bad=1
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
