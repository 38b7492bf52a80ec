# shellcheck shell=bash disable=SC2154 # read by tests/tool/run.sh, whose t, is, has, one and dir it uses
# mtasts check without a network: options, exit codes and the first line for a monitoring system, JSON,
# a resolver that is dead. What it finds is in the lab (check_check.sh) and in tests/data/check.

mkdir check && cd check || exit 74
unknown() { printf 'MTA-STS UNKNOWN - %s%s%s' "$line" "$1" "$line"; }
# refused WHAT WORDS ARGUMENT…: exit 3, one line on standard error, the verdict line; with --json no output.
refused() {
  local what=$1 words=$2
  shift 2
  t "check: $what" 3 "$(unknown "$words")" "$(one "$words")" "$@"
  t "check: $what, JSON" 3 '' "$(one "$words")" --json "$@"
}
refused 'no domain' 'missing arguments' check
for bad in x..example 192.0.2.1 '[192.0.2.1]' example.com:25 '' 'a b' "$(printf '%064d.example' 0)"; do
  refused "a bad domain: $bad" 'not a domain' check "$bad"
done
refused 'a bad domain beside a good one' 'not a domain' check example.com .example
refused 'an unknown option' 'no such option' check --nosuch example.com
refused 'an option of another command' 'no such option' check --offline example.com
refused 'an unknown option before the command' 'no such option' --nosuch check example.com
refused 'an option without a value' 'needs a value' check example.com --expect
for bad in ENFORCE enforced 1; do
  refused "a mode: $bad" 'enforce, testing or none' check --expect "$bad" example.com
done
for bad in 0 -1 1.5 3601 30s 99999999999999999999; do
  refused "a timeout: $bad" '1 to 3600' check --timeout "$bad" example.com
done
for bad in 'a b' '[]' '[192.0.2.1' $'a\r\nMAIL' 'a_b..c' "$(printf '%0256d' 0)"; do
  refused "a name for EHLO: ${bad@Q}" 'host name, or an address' check --helo "$bad" example.com
done
refused 'no such configuration' 'No such file' --config nosuch check example.com
echo 'dns { timeout = "x" }' >bad.conf
refused 'a bad configuration' 'bad.conf:1' --config bad.conf check example.com
refused 'a resolver that is no address' 'nonsense' --cache cache --resolver nonsense check example.com
refused 'no such CA file' 'nosuch' --cache cache --ca-file nosuch check example.com
t 'check: a control byte is not echoed' 3 "$(unknown 'x1b')" "$(one 'x1b')" check $'\e[31m'
t 'check: a bar is not echoed' 3 "$(unknown 'a.x7cb')" "$(one 'a.b')" check 'a|b'
t 'check: --json behind a wrong option' 3 '' "$(one 'no such option')" check --nosuch --json example.com
t 'check: help' 0 "$(has 'check .*--no-smtp.*--expect.*--state.*--timeout.*--helo.*Examples')" '' check --help

# No DNS server answers: unknown, and nothing else. Text in a line of 80 columns, and on a terminal of 60.
echo 'dns { timeout = 1 }' >conf
dead=(--config conf --cache cache --resolver 127.0.0.1@1)
data='errors=0;;0;0 warnings=0;0;;0 unknown=[12];;;0 domains=[12];;;0 time=[0-9.]+s;;;0'
at='unknown check\.resolver'
t 'check: a dead resolver' 3 \
  $'MTA-STS UNKNOWN - a\\.example: 1 not judged \\(check\\.resolver\\); b\\.example: 1 not judged \\(check\\.resolver\\) \\| '"$data"$'\n\na\\.example\n  '"$at.*b\\.example.*$at.*" '' \
  "${dead[@]}" check a.example B.Example
is 'check: 80 columns' '' "$(sed 1d out | grep -E '.{81}')"
is 'check: no colours in a file' '' "$(grep -F $'\e' out)"
t 'check: a dead resolver, JSON' 3 \
  '\{"domain":"xn--bcher-kva\.example","status":"unknown","findings":\[\{"id":"check\.resolver","severity":"unknown","subject":"[^"]+","message":"[^"]+127\.0\.0\.1@1[^"]*","remedy":"[^"]+","rfc":null\}\]\}'$'\n''\{"domain":"a\.example".*\}'$'\n''\{"domain":"xn--bcher-kva\.example".*\}' '' \
  "${dead[@]}" --json check bücher.example a.example. BÜCHER.example
if command -v script >/dev/null; then
  script -qec "stty cols 60; TERM=xterm $MTASTS ${dead[*]} check a.example" /dev/null </dev/null >screen
  is 'check: colours on a terminal' yes "$(grep -qF $'\e[33m' screen && echo yes)"
  is 'check: no performance data on a terminal' '' "$(grep -F '|' screen)"
  is 'check: 60 columns' '' "$(sed 's/\x1b\[[0-9;]*[mK]//g; s/.*\r\(.\)/\1/; s/\r//' screen | grep -E '.{61}')"
fi
cd "$dir" || exit 74
