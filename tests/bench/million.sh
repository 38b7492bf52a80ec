#!/bin/bash
# mtastsd with a million cached domains: tests/bench/million.sh BUILD
# Its start beside one with an empty cache, after an end in order and after kill -9; its anonymous memory at
# rest and after 100,000 different domains; the cost of an answer. Fails if the start takes more than 1.2
# times as long (1.5 after kill -9), if it has 8 MiB or more at rest, grows by more than 8 MiB, or if an
# answer costs too much (answer_bench.c).
# shellcheck disable=SC2154 # raise.sh sets pid
set -uo pipefail
build=$1 domains=1000000 asked=100000 start_most=1.2 killed_most=1.5 memory_most=8192 # KiB
parent=/dev/shm
[ "$(df --output=avail -k $parent 2>/dev/null | tail -1)" -gt 1000000 ] 2>/dev/null || parent=${TMPDIR:-/tmp}
# shellcheck disable=SC1091
. "$(dirname "$0")/figure.sh"
# shellcheck disable=SC1091
. "$(dirname "$0")/raise.sh"
dir=$(mktemp -d "$parent/mtasts-million.XXXX")
trap 'lower; rm -rf "$dir"' EXIT

configure() { # NAME
  mkdir "$dir/$1"
  { places_alone "$dir/$1" && cat <<END; } >"$dir/$1/mtasts.conf"
override "override.example" { mode = "enforce" mx = {"mx.override.example"} until = "2100-01-01" }
END
}
configure empty
configure full
"$build/tests/bench/fill_cache" "$dir/full/cache" $domains || exit 70

read -r full empty ratio < <("$build/tests/bench/start_bench" "$build/mtastsd" \
  "$dir/full/mtasts.conf" "$dir/full/socketmap.sock" "$dir/empty/mtasts.conf" "$dir/empty/socketmap.sock")
[ -n "${ratio:-}" ] || exit 70
bad=0
echo "start to first answer, medians: $full ms with $domains cached domains, $empty ms with none:" \
  "$ratio times as long (at most $start_most)"
figure million "start to first answer, $domains cached domains" 'with an empty cache' "≤ $start_most times" \
  "$ratio times" "$(awk "BEGIN { print $ratio <= $start_most ? \"ok\" : \"missed\" }")" || bad=1

read -r full empty ratio < <("$build/tests/bench/start_bench" -k "$build/mtastsd" \
  "$dir/full/mtasts.conf" "$dir/full/socketmap.sock" "$dir/empty/mtasts.conf" "$dir/empty/socketmap.sock")
[ -n "${ratio:-}" ] || exit 70
echo "the same after kill -9: $full ms with $domains cached domains, $empty ms with none:" \
  "$ratio times as long (at most $killed_most)"
figure million "start to first answer after kill -9, $domains cached domains" 'with an empty cache' \
  "≤ $killed_most times" "$ratio times" "$(awk "BEGIN { print $ratio <= $killed_most ? \"ok\" : \"missed\" }")" || bad=1

rm -f "$dir/full"/*.sock
raise "$build/mtastsd" "$dir/full" || exit 70
anonymous() { awk '/^RssAnon:/ { print $2 }' "/proc/$pid/status"; }
sleep 3
rest=$(anonymous)
"$build/tests/bench/ask_bench" "$dir/full/socketmap.sock" $asked || exit 70
served=$(anonymous)
echo "anonymous memory with $domains cached domains: $rest KiB at rest (below $memory_most)," \
  "$((served - rest)) KiB more after $asked of them (at most $memory_most)"
figure million "anonymous memory at rest, $domains cached domains" '' "≤ $((memory_most - 1)) KiB" "$rest KiB" \
  "$(holds "rest < memory_most")" || bad=1
figure million "the same after serving $asked of them" 'at rest' "≤ $memory_most KiB more" \
  "$((served - rest)) KiB more" "$(holds "served - rest <= memory_most")" || bad=1

echo "answers from $domains cached domains, medians of interleaved rounds:"
"$build/tests/bench/answer_bench" -c "$dir/full/cache" "$dir/full/socketmap.sock" "$pid" $domains \
  postfix postfix-tlsrpt sts || worst $?
"$build/tests/bench/answer_bench" -c "$dir/full/cache" "$dir/full/ask.sock" "$pid" $domains \
  decision entry || worst $?
exit $bad
