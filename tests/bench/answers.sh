#!/bin/bash
# mtastsd's cached answers beside a constant server's: tests/bench/answers.sh BUILD [DOMAINS]
# shellcheck disable=SC2154 # raise.sh sets pid
set -uo pipefail
build=$1 domains=${2:-1000}
# shellcheck disable=SC1091
. "$(dirname "$0")/figure.sh"
# shellcheck disable=SC1091
. "$(dirname "$0")/raise.sh"
dir=$(mktemp -d)
trap 'lower; rm -rf "$dir"' EXIT

places_alone "$dir" >"$dir/mtasts.conf"
"$build/tests/bench/fill_cache" "$dir/cache" "$domains" && raise "$build/mtastsd" "$dir" || exit 70
echo "$domains cached domains, medians of interleaved rounds beside a server of constant answers;" \
  "8 x 16: sixteen requests at once on each of eight connections"
bad=0
{
  "$build/tests/bench/answer_bench" "$dir/socketmap.sock" "$pid" "$domains" \
    postfix postfix-tlsrpt sts || worst $?
  "$build/tests/bench/answer_bench" "$dir/ask.sock" "$pid" "$domains" decision entry || worst $?
  if [ -x "$build/tests/bench/plugin_bench" ]; then
    plugin=$build/exim-mtasts.so
    MTASTS_CONFIG=$dir/mtasts.conf \
      "$build/tests/bench/plugin_bench" ask "$plugin" "$dir/ask.sock" "$domains" || worst $?
    sed 's/ask.sock/nobody.sock/' "$dir/mtasts.conf" >"$dir/alone.conf"
    chmod -R o+rX "$dir" # the plugin never reads as root
    MTASTS_CONFIG=$dir/alone.conf \
      "$build/tests/bench/plugin_bench" read "$plugin" "$dir/cache" "$domains" || worst $?
  fi
} 2>"$dir/why"
[ $bad = 0 ] || tail -n 3 "$dir/log" >&2
cat "$dir/why" >&2 # the reason is the last line
exit $bad
