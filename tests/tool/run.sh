#!/bin/bash
# The tool as people and scripts meet it: commands, exit codes, output, bad input. Needs no
# network and no rights. MTASTS names the tool (build/mtasts). Ends with `N passed, N failed`.
set -u
# shellcheck source=/dev/null
. "$(dirname "$0")/../environment.sh"
here=$(realpath "$(dirname "$0")")
MTASTS=$(realpath "${MTASTS:-build/mtasts}")
unset NO_COLOR
dir=$(mktemp -d)
trap 'chmod -R u+rwX "$dir"; rm -rf "$dir"' EXIT
cd "$dir" || exit 74
passed=0 failed=0
as=() # who runs it

# The result of each check by its name, in the file that CHECKS names (for tests/proof/faults).
note_check() { # ok|FAILED WHAT
  [ -z "${CHECKS:-}" ] || printf '%s\ttool: %s\n' "$1" "$2" >>"$CHECKS"
}

# t WHAT CODE STDOUT STDERR ARGUMENT…: runs the tool. STDOUT and STDERR are regular expressions
# for all of the output ('' for none, .* for any), whose last newline is not counted.
t() {
  local what=$1 code=$2 out=$3 err=$4 got
  shift 4
  "${as[@]}" "$MTASTS" "$@" >out 2>err <&0
  got=$?
  if [ "$got" = "$code" ] && [[ $(<out) =~ ^($out)$ ]] && [[ $(<err) =~ ^($err)$ ]]; then
    passed=$((passed + 1))
    note_check ok "$what"
    return
  fi
  failed=$((failed + 1))
  note_check FAILED "$what"
  printf 'FAILED %s: mtasts %s\n  exit %s, expected %s\n' "$what" "$*" "$got" "$code"
  printf '  expected output: %s\n  expected error:  %s\n' "$out" "$err"
  sed 's/^/  stdout: /' out
  sed 's/^/  stderr: /' err
}

# is WHAT EXPECTED GOT
is() {
  if [ "$2" = "$3" ]; then
    passed=$((passed + 1))
    note_check ok "$1"
  else
    failed=$((failed + 1))
    note_check FAILED "$1"
    printf 'FAILED %s\n  expected: %s\n  got:      %s\n' "$1" "$2" "$3"
  fi
}

# A pattern for one line that leads with mtasts and has the words in it.
one() { printf 'mtasts: %s%s%s' "$line" "$1" "$line"; }
line=$'[^\n]*'
# Any text, over all lines, with the words in it.
has() { printf '.*%s.*' "$1"; }

# An entry as `cache export` writes it. ID MODE FETCHED_AGO MAX_AGE DOMAIN
entry() {
  local now fetched
  now=$(date +%s)
  fetched=$((now - $3))
  printf '{"policy_domain":"%s","state":"policy","id":"%s","mode":"%s","max_age":%s,' "$5" "$1" "$2" "$4"
  printf '"mx":["mx1.%s","*.mail.%s"],"fetched":"%s","expires":"%s","checked":"%s",' "$5" "$5" \
    "$(stamp "$fetched")" "$(stamp $((fetched + $4)))" "$(stamp "$fetched")"
  printf '"next_check":"%s","failures":0,"error":null,"record":"valid","record_id":"%s",' \
    "$(stamp $((now + 3600)))" "$1"
  printf '"mx_state":"listed","mx_hosts":[{"host":"mx1.%s","preference":10,"dane":"none"},' "$5"
  printf '{"host":"other.example","preference":20,"dane":"none"}],"mx_expires":"%s"}\n' \
    "$(stamp $((now + 3600)))"
}
stamp() { date -u -d "@$1" +%Y-%m-%dT%H:%M:%SZ; }

# Help and usage
t 'help' 0 "$(has 'query.*warm.*cache import.*--config')" '' --help
t 'help, short' 0 "$(has Commands)" '' -h
t 'help as a command' 0 "$(has Commands)" '' help
t 'help of a command' 0 "$(has 'query.*--offline.*Examples')" '' help query
t 'help of two words' 0 "$(has 'cache list.*--filter')" '' help cache list
t 'help of a group' 0 "$(has 'cache export')" '' help cache
t 'a group and --help' 0 "$(has 'cache export')" '' cache --help
t 'a command and --help' 0 "$(has 'Examples')" '' warm --help
t '--help before the command' 0 "$(has 'Examples')" '' --help warm
t 'help of nothing known' 64 '' "$(one 'no such command')" help nosuch
t 'version' 0 'mtasts [0-9.]+' '' --version
t 'no command' 64 '' "$(one 'none given')"
t 'an unknown command' 64 '' "$(one 'nosuch: no such command')" nosuch
t 'a group alone' 64 '' "$(one 'help cache')" cache
t 'an unknown command of a group' 64 '' "$(one 'cache nosuch')" cache nosuch
t 'an unknown option' 64 '' "$(one '--nosuch: no such option')" --nosuch query example.com
t 'an unknown option after the command' 64 '' "$(one '--nosuch: no such option')" query --nosuch
t 'an unknown letter' 64 '' "$(one '-x: no such option')" -x query
t "another command's option" 64 '' "$(one '--offline: no such option')" warm --offline
t 'an option without its value' 64 '' "$(one '--config: this option needs a value')" --config
t 'a flag with a value' 64 '' "$(one 'takes no value')" --json=yes query x
t 'missing arguments' 64 '' "$(one 'query: missing arguments')" query
t 'too many arguments' 64 '' "$(one 'too many arguments')" policy parse a b
t 'a control byte is not echoed' 64 '' "$(one 'x1b')" $'\e[31m'

# record parse
t 'a valid record' 0 'valid, id 20260101T0000' '' record parse 'v=STSv1; id=20260101T0000;'
t 'a valid record, JSON' 0 '\{"valid":true,"id":"7"\}' '' --json record parse 'v=STSv1; id=7;'
t '--json after the command' 0 '\{"valid":true,"id":"7"\}' '' record parse --json 'v=STSv1; id=7;'
t '--json between the words' 0 '\{"valid":true,"id":"7"\}' '' record --json parse 'v=STSv1; id=7;'
t 'a record among others' 0 'valid, id 7' '' record parse 'v=spf1 -all' 'v=STSv1;id=7'
t 'no record' 65 '' "$(one absent)" record parse 'v=spf1 -all'
t 'no record, JSON' 65 '\{"valid":false,"error":"absent"\}' '' --json record parse 'v=spf1 -all'
t 'an empty text' 65 '\{"valid":false,"error":"absent"\}' '' --json record parse ''
t 'two records' 65 '\{"valid":false,"error":"[^"]+"\}' '' --json record parse 'v=STSv1; id=1;' 'v=STSv1; id=2;'
t 'a malformed record' 65 '' "$(one 'id')" record parse 'v=STSv1; id=a b;'
t 'a text that begins with a hyphen' 65 '' "$(one absent)" record parse -- '-v=STSv1; id=1;'

# policy
printf 'version: STSv1\nmode: enforce\nmx: mx1.example.com\nmx: *.mail.example.com\nmax_age: 604800\n' >good
printf 'version: STSv1\r\nmode: testing\r\nmx: a.example.\r\nmax_age: 99999999\r\n\r\n' >warned
printf 'version: STSv1\nmode: maybe\nmx: a.example\nmax_age: 1\n' >bad
mx='"mx1.example.com","\*.mail.example.com"'
t 'a policy' 0 "$(has 'enforce.*7 days.*mx1.example.com')" '' policy parse good
t 'a policy, JSON' 0 "\\{\"valid\":true,\"version\":\"STSv1\",\"mode\":\"enforce\",\"max_age\":604800,\"mx\":\\[$mx\\],\"warnings\":\\[\\]\\}" '' --json policy parse good
t 'a policy from standard input' 0 "$(has '"mode":"enforce"')" '' --json policy parse <good
t 'a policy from -' 0 "$(has '"mode":"enforce"')" '' --json policy parse - <good
t 'a policy with warnings' 0 "$(has 'warning: +line 3')" '' policy parse warned
t 'warnings, JSON' 0 "$(has '"max_age":31557600,.*"warnings":\[\{"line":3,"text":"[^"]+"\},')" '' --json policy parse warned
t 'an invalid policy' 65 '' "$(one 'bad: line 2: ')" policy parse bad
t 'an invalid policy, JSON' 65 '\{"valid":false,"error":"[^"]+","line":2\}' '' --json policy parse bad
t 'an empty policy' 65 '' "$(one 'standard input')" policy parse </dev/null
head -c 65537 /dev/zero | tr '\0' a >large
t 'a policy over 64 KiB' 65 "$(has '65536')" '' --json policy parse large
t 'endless input' 65 '' "$(one '65536')" policy parse - < <(yes)
t 'no such file' 66 '' "$(one 'nosuch: No such file')" policy parse nosuch
t 'a directory' 74 '' "$(one 'Is a directory')" policy parse .
t 'hosts that match' 0 "$(has 'MX1.example.com. matches mx1.example.com.*a.mail.*\*\.mail')" '' policy match good MX1.example.com. a.mail.example.com
t 'a host that does not' 1 "$(has 'matches no')" '' policy match good mail.example.com
t 'match, JSON' 1 '\{"host":"x","match":false,"pattern":null\}' '' --json policy match good x
t 'match, JSON, a wildcard' 0 '\{"host":"a.mail.example.com","match":true,"pattern":"\*.mail.example.com"\}' '' --json policy match good a.mail.example.com
t 'match with an invalid policy' 65 '' "$(one 'line 2')" policy match bad a.example
t 'match without a host' 64 '' "$(one 'missing arguments')" policy match good
t 'an address never matches' 1 "$(has 'no mx pattern')" '' policy match good '[192.0.2.1]'
t 'a new policy' 0 $'version: STSv1\nmode: enforce\nmx: a.example\nmx: \\*.b.example\nmx: c.example\nmax_age: 604800' '' policy new --mode enforce --mx A.example '*.b.example.' --mx c.example
t 'a new policy of mode none' 0 $'version: STSv1\nmode: none\nmax_age: 60' '' policy new --mode=none --max-age=60
t 'a new policy, JSON' 0 "$(has '"mode":"testing".*"mx":\["a.example"\].*"text":"version')" '' --json policy new --mode testing --mx a.example
t 'what it makes is valid' 0 '.*' '' policy parse - < <("$MTASTS" policy new --mode testing --mx a.example)
t 'no mode' 64 '' "$(one '--mode is missing')" policy new --mx a.example
t 'an unknown mode' 65 '' "$(one 'Enforce: no such mode')" policy new --mode Enforce --mx a.example
t 'enforce without mx' 64 '' "$(one 'needs --mx')" policy new --mode enforce
t 'a bad pattern' 65 '' "$(one 'a.\*.example: not an mx pattern')" policy new --mode enforce --mx 'a.*.example'
t 'a bad max_age' 65 '' "$(one '31557601: --max-age is')" policy new --mode none --max-age 31557601
t 'a max_age with a sign' 65 '' "$(one '-1: --max-age is')" policy new --mode none --max-age=-1
is 'a full disk is no success' 74 "$("$MTASTS" policy new --mode none >/dev/full 2>err; echo $?)"

# Configuration
printf 'cache { directory = "%s/cache" }\ndns { dnssec = "off" }\n' "$dir" >conf
c=(--config conf)
printf 'dns {\n  nosuch = 1\n}\n' >broken
t 'no such configuration' 66 '' "$(one nosuch)" --config nosuch cache list
t 'an unknown key' 78 '' "$(one 'broken:2')" --config broken cache list
t 'an unknown key, query' 78 '' "$(one 'broken:2')" --config broken query example.com
t 'a bad resolver' 64 '' "$(one 'nonsense: --resolver takes')" --resolver nonsense query example.com
t 'a link-local resolver without its interface' 64 '' "$(one 'as in fe80::53%eth0')" --resolver fe80::53 query example.com
t 'an interface that is not there' 69 '' "$(one 'fe80::53%nowhere0 cannot be asked: this machine has no such interface')" --resolver fe80::53%nowhere0 query example.com
t 'a bad number of jobs' 64 '' "$(one '0: --jobs is')" warm --jobs 0
t 'too many jobs' 64 '' "$(one '4097: --jobs is')" warm --jobs 4097
t 'a list that is not there' 66 '' "$(one nosuch)" "${c[@]}" warm nosuch
t 'refresh without a cache' 66 '' "$(one 'no cache here')" "${c[@]}" refresh
t 'refresh of all and of the due' 64 '' "$(one 'exclude each other')" "${c[@]}" refresh --all --due
t 'refresh of all and of one' 64 '' "$(one 'exclude each other')" "${c[@]}" refresh --all one.example
t 'refresh of no domain' 65 '' "$(one 'a..b: not a domain name')" "${c[@]}" refresh a..b
t 'refresh of no cache in particular' 64 '' "$(one 'name it with --cache')" --resolver 127.0.0.1 refresh one.example
t 'an empty list' 0 "$(has '0 domains')" '' "${c[@]}" warm /dev/null
rm -rf cache

# A cache that is not there
t 'list without a cache' 66 '' "$(one 'no cache here')" "${c[@]}" cache list
t 'clear without a cache' 66 '' "$(one 'no cache here')" "${c[@]}" cache clear --yes
is 'nothing was made' no "$([ -e cache ] && echo yes || echo no)"
t 'offline without a cache' 0 "$(has '"verdict":"unknown","source":"none"')" "$(one 'no cache here')" "${c[@]}" --json query --offline example.com
t 'import where nothing can be made' 73 '' "$(one 'directory above is missing')" --cache nosuch/cache cache import /dev/null

# A cache of six domains
{
  entry a1 enforce 60 604800 one.example
  entry b1 testing 60 604800 two.example
  entry c1 none 60 604800 three.example
  entry d1 enforce 7200 3600 lapsed.example
  entry e1 enforce 9000000 3600 long.lapsed.example
  printf '{"policy_domain":"none.example","state":"absent","checked":"%s","next_check":"%s","record":"absent"}\n' \
    "$(stamp "$(date +%s)")" "$(stamp $(($(date +%s) + 3600)))"
} >six
t 'import' 0 'imported 6, bad lines 0' '' "${c[@]}" cache import six
t 'import, JSON, standard input' 0 '\{"imported":6,"bad":0\}' '' "${c[@]}" --json cache import <six
t 'list' 0 "$(has 'DOMAIN +STATE.*lapsed.example +policy +enforce +d1 +2 +(1 hour|60 minutes) ago.*none.example +absent')" '' "${c[@]}" cache list
is 'list, JSON: keys' 'checked,error,expires,failures,fetched,id,max_age,mode,mx,next_check,policy_domain,state' \
  "$("$MTASTS" "${c[@]}" --json cache list | jq -rs '.[0] | keys - ["record","record_id","retry_at","mx_state","mx_hosts","mx_expires","dane","dane_expires"] | join(",")')"
list() { "$MTASTS" "${c[@]}" --json cache list "$@" | jq -rs '[.[].policy_domain] | sort | join(",")'; }
is 'list' lapsed.example,long.lapsed.example,none.example,one.example,three.example,two.example "$(list)"
is 'filter by mode' lapsed.example,long.lapsed.example,one.example "$(list --filter mode=enforce)"
is 'filter by modes' three.example,two.example "$(list --filter mode=testing,mode=none)"
is 'filter by mode and age' lapsed.example,long.lapsed.example "$(list --filter mode=enforce,expired)"
is 'filter by state' none.example "$(list --filter absent)"
is 'filter by name' lapsed.example,long.lapsed.example "$(list --filter 'domain=*lapsed.example')"
is 'two filters' long.lapsed.example "$(list --filter expired --filter 'domain=long.*')"
is 'filter what fails' '' "$(list --filter failing)"
is 'filter what is near its end' '' "$(list --filter expiring)"
{
  entry a1 enforce 60 604800 one.example | jq -c '. + {failures: 2, error: {type: "sts-policy-fetch-error", detail: "x"}}'
  entry c1 none 60 604800 three.example | jq -c '. + {failures: 2, error: {type: "sts-policy-fetch-error", detail: "x"}}'
  entry d1 enforce 7200 3600 lapsed.example | jq -c '. + {failures: 1, error: {type: "dns-error", detail: "x"}}'
  entry f1 enforce 3000 5000 ending.example
} >"failing"
"$MTASTS" --cache failing-cache cache import failing >/dev/null
failing() { "$MTASTS" --cache failing-cache --json cache list --filter "$1" | jq -rs '[.[].policy_domain] | sort | join(",")'; }
is 'what fails, but not of mode none' lapsed.example,one.example "$(failing failing)"
is 'what fails and is enforced' one.example "$(failing failing,domain=one.example)"
is 'what is near its end' ending.example "$(failing expiring)"
is 'stats of what fails, JSON' '2 1 1 true' "$("$MTASTS" --cache failing-cache --json cache stats |
  jq -r '"\(.failing) \(.failing_enforce) \(.expiring) \(.bytes_data > 0 and .bytes_data < .bytes_used)"')"
t 'stats of what fails' 0 "$(has 'failing +2.*--filter failing.*expiring +1.*--filter expiring.*oldest +fetched 50 minutes ago.*of data')" '' --cache failing-cache cache stats
t 'an unknown filter' 64 '' "$(one 'mode=maybe: no such filter')" "${c[@]}" cache list --filter mode=maybe
t 'show' 0 "$(has 'one.example.*enforce.*expires in 7 days.*mx1.one.example .*other.example .*not in the policy')" '' "${c[@]}" cache show ONE.example.
t 'show, JSON' 0 '\{"policy_domain":"one.example","state":"policy","id":"a1","mode":"enforce",.*' '' "${c[@]}" --json cache show one.example
t 'show of what is not there' 1 '' "$(one 'four.example: not in the cache')" "${c[@]}" cache show four.example
t 'show of several, one missing' 1 "$(has one.example)" "$(one four.example)" "${c[@]}" cache show one.example four.example
t 'show of no domain' 65 '' "$(one 'not a domain name')" "${c[@]}" cache show a..b
t 'stats' 0 "$(has 'domains +6.*5: 3 enforce, 1 testing, 1 none; 2 expired.*no policy +1.*space +\[ {20}\] 0\.0 % of map_size_max, 8\.0 GiB.* KiB for .* of data')" '' "${c[@]}" cache stats
is 'stats, JSON' '6 5 3 1 1 1 2 1073741824 8589934592' "$("$MTASTS" "${c[@]}" --json cache stats |
  jq -r '"\(.entries) \(.policies) \(.enforce) \(.testing) \(.none) \(.absent) \(.expired) \(.map_size) \(.map_size_max)"')"
is 'stats, JSON: numbers' number,number "$("$MTASTS" "${c[@]}" --json cache stats | jq -r '"\(.bytes_used | type),\(.readers | type)"')"

# query --offline
off=("${c[@]}" query --offline)
answer() { "$MTASTS" "${off[@]}" --json "$1" | jq -r '[.domain, .policy_domain, .verdict, .source, .record.status, .policy.id] | map(. // "-") | join(" ")'; }
is 'enforce' 'One.Example. one.example enforce cache valid a1' "$(answer One.Example.)"
is 'testing' 'two.example two.example testing cache valid b1' "$(answer two.example)"
is 'mode none' 'three.example three.example none cache valid c1' "$(answer three.example)"
is 'expired' 'lapsed.example lapsed.example none cache valid -' "$(answer lapsed.example)"
is 'absent' 'none.example none.example none cache absent -' "$(answer none.example)"
is 'unknown' 'four.example four.example unknown none - -' "$(answer four.example)"
is 'in brackets, with a port' '[one.example]:25 one.example enforce cache valid a1' "$(answer '[one.example]:25')"
is 'an address' '[192.0.2.1] - none none - -' "$(answer '[192.0.2.1]')"
is 'a parent' '.example.com - none none - -' "$(answer .example.com)"
is 'a U-label' 'bücher.example xn--bcher-kva.example unknown none - -' "$(answer bücher.example)"
is 'the MX hosts' 'mx1.one.example 10 true other.example 20 false' "$("$MTASTS" "${off[@]}" --json one.example |
  jq -r '[.mx[] | "\(.host) \(.preference) \(.match)"] | join(" ")')"
t 'a report' 0 "$(has 'one.example.*verdict +enforce.*policy +enforce, id a1, max_age 7 days.*✓.*✗')" '' "${off[@]}" one.example
t 'a table' 0 "$(has 'DOMAIN +RECORD +POLICY +ID +MX +VERDICT.*two.example +valid +testing +b1 +1/2 +testing')" '' "${off[@]}" one.example two.example
t 'no domain among others' 65 "$(has 'one.example.*two.example')" "$(one 'a..b: not a domain name')" "${off[@]}" one.example a..b two.example
t 'no domain' 65 '' "$(one 'a..b: not a domain name')" "${off[@]}" --json a..b
t 'explain' 0 "$(has 'ms +RFC 8461 2 +policy domain: one.example.*cache: known')" '' "${off[@]}" --explain one.example
is 'explain, JSON' 'policy domain: one.example' "$("$MTASTS" "${off[@]}" --json --explain one.example | jq -r '.steps[0].text')"
t '--offline and --refresh' 64 '' "$(one 'exclude each other')" "${off[@]}" --refresh one.example
t 'no colours in a pipe' 0 "[^$(printf '\e')]*" '' "${off[@]}" one.example
t 'cached and not due: no look-up' 0 "$(has '"source":"cache"')" '' "${c[@]}" --resolver 127.0.0.1@9 --json query one.example
printf 'one.example # a comment\n\n# more\n two.example\n[192.0.2.1]\nthree.example' >list
t 'warm with all cached' 0 "$(has '3 domains.*3 were cached.*1 enforce, 1 testing, 1 none, 0 absent')" '' "${c[@]}" warm list
t 'warm, JSON' 0 "$(has '"policy_domain":"one.example".*"policy_domain":"three.example"')" "$(has '3 domains')" "${c[@]}" --json warm list
yes one.example | head -n 100 >many # more than is written at once: some of it is in mid-run
is 'a full disk in mid-run: exit code' 74 "$("$MTASTS" "${c[@]}" --json warm many >/dev/full 2>err; echo $?)"
is 'a full disk in mid-run: complaint' 'mtasts: standard output: No space left on device' "$(tail -n 1 err)"
with() { jq -c --arg soon "$(stamp $(($(date +%s) + 3600)))" '. + {dane: "none", dane_expires: $soon} + '"$1"; } # JSON: more of an entry
{
  entry g1 enforce 60 604800 one.dane.example | with '{dane: "usable"}'
  entry h1 testing 60 604800 two.dane.example | with '{dane: "usable"}'
  entry i1 enforce 60 604800 stale.example | with '{failures: 2, error: {type: "sts-policy-fetch-error", detail: "x"}}'
  entry j1 none 60 604800 stale.none.example | with '{failures: 2, error: {type: "sts-webpki-invalid", detail: "x"}}'
  # shellcheck disable=SC2016 # $soon is jq's
  tail -n 1 six | with '{mx_state: "listed", mx_expires: $soon, mx_hosts: [{host: "mx.none.example", preference: 10, dane: "none"}]}'
} >modes
printf 'cache { directory = "%s/modes-cache" }\n' "$dir" >modes.conf
"$MTASTS" --config modes.conf cache import modes >/dev/null
is 'where DANE is the verdict' 'dane dane' "$("$MTASTS" --config modes.conf --json query --offline {one,two}.dane.example | jq -r .verdict | xargs)"
t 'warm counts policies, whatever the verdict, and errors beside them' 0 \
  "$(has $'5 were cached\n2 enforce, 1 testing, 1 none, 1 absent\n2 errors:\n  1 sts-policy-fetch-error\n  1 sts-webpki-invalid')" '' \
  --config modes.conf warm < <(jq -r .policy_domain modes)
t 'warm from a pipe' 0 "$(has '3 were cached')" '' "${c[@]}" warm < <(cat list)
t 'warm with a bad line' 65 "$(has '1 domains.*1 line was')" "$(one 'standard input: line 1: not a domain name')" "${c[@]}" warm < <(printf 'a..b\none.example\n')
printf '\xef\xbb\xbfone.example\r\ntwo.example # %02000d\r\none.example\r\n' 0 >windows
t 'warm with a list from Windows, a long comment, one domain twice' 0 "$(has '3 domains.*3 were cached.*2 enforce, 1 testing')" '' "${c[@]}" warm windows
printf '%1020s one.example\n' '' >long
t 'warm with a line that is cut in a name' 65 "$(has '0 domains.*1 line was')" "$(one 'long: line 1: the line is too long')" "${c[@]}" warm long
as=(prlimit --nofile=400:400)
t 'warm with fewer open files than jobs' 0 "$(has '3 were cached')" "$(one '--jobs: 1000 would need more than the 400 open files .* it is 100 ')" \
  "${c[@]}" warm --jobs 1000 list
as=(prlimit --nofile=400:4000)
t 'warm with as many open files as may be' 0 "$(has '3 were cached')" '' "${c[@]}" warm --jobs 1000 list
as=()
# The output on a terminal of so many columns: a line each time that the bar is drawn or erased.
terminal() { # COLUMNS ARGUMENT…
  script -qefc "stty cols $1; exec $(printf '%q ' "$MTASTS" "${c[@]}" "${@:2}")" /dev/null </dev/null |
    sed 's/\x1b\[K//g' | tr '\r' '\n' | grep -v '^$'
}
is 'the bar of a terminal' '[                              ] 0/4  0/s' "$(terminal 80 warm list | head -n 1)"
is 'the bar of a narrow one' '[        ] 0/4  0/s' "$(terminal 20 warm list | head -n 1)"
is 'no bar has room' '0/4  0/s' "$(terminal 16 warm list | head -n 1)"
is 'not even the numbers have' '0/4' "$(terminal 4 warm list | head -n 1)"
is 'nothing of the bar stays' '3 domains' "$(terminal 80 warm list | tail -n 2 | head -n 1 | cut -c 1-9)"
is 'nor before a complaint of the list' 'mtasts: /proc/self/mem: Input/output error' "$(terminal 80 warm /proc/self/mem | grep mem)"
printf 'https { ca_file = "%s/nosuch.pem" }\n' "$dir" | cat conf - >nopem
echo four.example >uncached
is 'nor before one of the network' "mtasts: HTTPS: CA bundle $dir/nosuch.pem" "$(terminal 80 --config nopem warm uncached | grep -o '.*nosuch.pem')"
is 'nor before one of a line' 'mtasts: bad: line 1: not a domain name' "$(echo a..b >bad; terminal 80 warm bad | grep 'line 1')"
t 'refresh with none due' 0 "$(has '0 domains')" '' "${c[@]}" refresh
t 'refresh --due is the same' 0 "$(has '0 domains')" '' "${c[@]}" refresh --due
printf 'override "one.example" { mode = "none" until = "2099-01-01" }\noverride "two.example" { mode = "enforce" mx = {"x.example"} until = "2020-01-01" }\n' | cat conf - >overrides
is 'an override' 'none override' "$("$MTASTS" --config overrides --json query one.example | jq -r '"\(.verdict) \(.source)"')"
is 'an override that has ended' 'testing cache' "$("$MTASTS" --config overrides --json query two.example | jq -r '"\(.verdict) \(.source)"')"

# Export, import, changes
"$MTASTS" "${c[@]}" cache export >export1
t 'import of an export' 0 'imported 6, bad lines 0' '' --cache copy cache import export1
is 'export is lossless' '' "$("$MTASTS" --cache copy cache export | diff export1 - 2>&1)"
printf 'not JSON\n%s\n{"policy_domain":"x.example"}\n' "$(head -1 export1)" >mixed
t 'bad lines are named, the rest imported' 65 'imported 1, bad lines 2' $'mtasts: mixed: line 1: [^\n]*\nmtasts: mixed: line 3: [^\n]*' --cache mixedcache cache import mixed
head -c 3000000 /dev/zero | tr '\0' x >endless
t 'a line without end' 65 'imported 0, bad lines 1' "$(one 'line 1: ')" --cache copy cache import endless
t 'remove' 0 'removed 2' '' --cache copy cache remove two.example THREE.example.
t 'remove what is not there' 1 'removed 1' "$(one 'two.example: not in the cache')" --cache copy cache remove two.example none.example
t 'expire' 0 'removed 1' '' --cache copy cache expire
t 'verify' 0 '2 domains, 0 damaged' '' --cache copy cache verify
t 'verify, JSON' 0 '\{"entries":2,"corrupt":0,"removed":0\}' '' --cache copy --json cache verify
t 'verify --repair' 0 '2 domains, 0 damaged, 0 removed' '' --cache copy cache verify --repair
t 'compact' 0 '[0-9.]+ KiB before, [0-9.]+ KiB after' '' --cache copy cache compact
t 'compact, JSON' 0 '\{"before":[0-9]+,"after":[0-9]+\}' '' --cache copy --json cache compact
t 'all is there after compact' 0 '2 domains, 0 damaged' '' --cache copy cache verify
t 'clear' 0 '\{"removed":2\}' '' --cache copy --json cache clear </dev/null
t 'list of an empty cache' 0 '' '' --cache copy --json cache list
is 'only one writes' 75 "$(flock copy/writer.lock "$MTASTS" --cache copy cache clear 2>err; echo $?)"
is 'who locks is not overridden' 0 "$(flock cache/writer.lock "$MTASTS" "${c[@]}" cache list >out 2>&1; echo $?)"

# A socket in the place of mtastsd's
printf 'ask { socket = "%s/gone.sock" }\n' "$dir" | cat conf - >gone
t 'not there' 0 "$(has '3 were cached')" '' --config gone warm list
perl -MIO::Socket::UNIX -e 'IO::Socket::UNIX->new(Local => "gone.sock", Listen => 1)'
t 'no longer there' 0 "$(has '3 were cached')" '' --config gone warm list
listener() { # REPLY: a server at gone.sock that says that to each peer, and is silent then
  rm -f gone.sock
  perl -MIO::Socket::UNIX -e '$s = IO::Socket::UNIX->new(Local => "gone.sock", Listen => 9);
    $SIG{PIPE} = "IGNORE"; alarm 60; while ($c = $s->accept) { syswrite $c, $ARGV[0]; push @c, $c }' -- "$1" &
  listener=$!
  until [ -S gone.sock ]; do sleep 0.02; done
}
listener ''
t 'one who does not answer' 0 "$(has '3 were cached')" "$(one 'gone.sock: mtastsd does not answer; going on')" --config gone warm list
t 'one who does not answer, and does not matter' 0 "$(has '"verdict":"enforce"')" '' --config gone --json query --offline one.example
t 'one who does not answer, another cache' 0 "$(has '"verdict":"enforce"')" '' --config gone --cache cache --json query one.example
is 'the writer who does not answer' 75 "$(flock cache/writer.lock "$MTASTS" --config gone cache compact 2>err; echo $?)"
is 'and who it is' 'mtastsd is running' "$(grep -o 'mtastsd is running' err)"
kill "$listener"
listener 'HTTP/1.1 400 Bad Request'
t 'one who speaks of other things' 0 "$(has '3 were cached')" "$(one 'is not understood; going on')" --config gone warm list
kill "$listener"
listener '5:hello,'
t 'one who answers nonsense' 0 "$(has '3 were cached')" "$(one 'is not understood; going on')" --config gone warm list
kill "$listener"
listener '5:OK {},3:OK ,'
t 'one who answers more nonsense' 69 "$(has '0 domains')" "$(one 'warm: what mtastsd answers is not understood; stopped after 0 domains .*the rest')" --config gone warm list
t 'the same, refresh' 69 "$(has '0 domains')" "$(one 'refresh: what mtastsd answers is not understood; stopped after 0 domains .what was learnt is stored.')" --config gone refresh one.example
t 'the same, JSON' 0 "$(has '"policy_domain":"one.example","verdict":"enforce"')" "$(one 'is not understood; going on')" --config gone --json query one.example
kill "$listener"
wait "$listener" 2>/dev/null
is 'another writer is not taken for mtastsd' 75 "$(flock cache/writer.lock "$MTASTS" --config gone cache expire 2>err; echo $?)"
is 'and it is said' 'another process is writing this cache' "$(grep -o 'another process is writing this cache' err)"

# Damaged and forbidden caches
cp -r cache damaged
perl -0pi -e 's/mx1\.one\.example/mx1.0ne.example/g' damaged/data.mdb
t 'a damaged value is named' 65 '6 domains, 1 damaged; .*' "$(one 'one.example: the stored value is damaged')" --cache damaged cache verify
t 'a damaged value is a miss' 0 "$(has '"verdict":"unknown"')" '' --cache damaged --json query --offline one.example
t 'show says so' 65 '' "$(one 'damaged')" --cache damaged cache show one.example
t 'export leaves it out' 65 '.*' "$(one 'damaged and left out')" --cache damaged cache export
t 'repair removes it' 0 '6 domains, 1 damaged, 1 removed' "$(one 'one.example: the stored value')" --cache damaged cache verify --repair
t 'and all is well' 0 '5 domains, 0 damaged' '' --cache damaged cache verify
cp -r cache cut
truncate -s 5000 cut/data.mdb
t 'a cache that was cut' 74 '' "$(one 'cut: data.mdb is damaged')" --cache cut cache list
t 'a cache that was cut, to write' 74 '' "$(one 'cut: data.mdb is damaged')" --cache cut cache clear
t 'query goes on without it' 0 "$(has '"verdict":"unknown"')" "$(one 'cut: data.mdb is damaged')" --cache cut --json query --offline one.example
is 'it is left as it is' 5000 "$(stat -c %s cut/data.mdb)"
cp -r cache inside
size=$(stat -c %s inside/data.mdb)
head -c $((size - 8192)) /dev/urandom | dd of=inside/data.mdb bs=4096 seek=2 conv=notrunc status=none
t 'garbage behind the first pages' 74 '' "$(one 'inside: data.mdb is damaged')" --cache inside cache list
cp -r inside kept-inside
t 'salvage of what garbage left' 0 '0 domains salvaged, [0-9]+ places damaged' "$(one 'inside: the damaged file is kept as data.mdb.damaged')" --cache inside cache salvage
t 'and the new cache' 0 '0 domains, 0 damaged' '' --cache inside cache verify
cp -r cache hurt
perl -e 'open F, "+<", "hurt/data.mdb"; seek F, 4096 * 2 + 10, 0; print F chr 0x12; for (3 .. (-s F) / 4096 - 1) { seek F, 4096 * $_ + 11, 0; print F chr 0x80 }' 
t 'flags of pages in memory' 74 '' "$(one 'hurt: data.mdb is damaged.*mtasts cache salvage')" --cache hurt cache list
rm -rf hurt
cp -r cache hurt
perl -e 'open F, "+<", "hurt/data.mdb"; for (0, 1) { seek F, 4096 * $_ + 96, 0; print F "x" }'
t 'a count that is wrong' 74 '' "$(one 'hurt: data.mdb is damaged')" --cache hurt cache list
t 'all is salvaged' 0 '\{"domains":6,"damaged":0\}' "$(one 'is kept as')" --cache hurt --json cache salvage
is 'and as it was' '' "$(diff <("$MTASTS" --cache cache cache export) <("$MTASTS" --cache hurt cache export))"
t 'salvage of a sound cache' 0 '0 domains salvaged, 0 places damaged' "$(one 'nothing is damaged')" --cache hurt cache salvage
t 'salvage of a file' 0 '6 domains salvaged, 0 places damaged' '' --cache salvaged cache salvage hurt/data.mdb.damaged
t 'salvage of no file' 66 '' "$(one nosuch)" --cache salvaged cache salvage nosuch
cp -r cache rest
cp rest/data.mdb rest/data.mdb.damaged
touch rest/salvage
t 'remove before all is salvaged' 75 'removed 0' "$(one 'rest: what a damaged cache held is not all salvaged yet.*run mtasts cache salvage first')" --cache rest cache remove one.example
t 'the rest is salvaged' 0 '6 domains salvaged, 0 places damaged' "$(one 'is kept as')" --cache rest cache salvage
t 'and remove' 0 'removed 1' '' --cache rest cache remove one.example
t 'which does not come back' 0 '0 domains salvaged, 0 places damaged' "$(one 'nothing is damaged')" --cache rest cache salvage
rm rest/data.mdb
t 'a damaged file alone is salvaged' 0 '6 domains salvaged, 0 places damaged' "$(one 'is kept as')" --cache rest cache salvage
t 'salvage where no cache is' 66 '' "$(one 'no cache here')" --cache nothing cache salvage
cp -r cache noise
head -c 65536 /dev/urandom >noise/data.mdb
t 'a cache of random bytes' 74 '' "$(one 'noise: data.mdb is damaged')" --cache noise cache list

cp -r cache later
perl -0pi -e 's/mtasts 2/mtasts 3/g' later/data.mdb
sum=$(sha256sum <later/data.mdb)
for words in 'cache list' 'cache expire' 'cache compact' 'cache salvage' 'cache import export1' 'cache backup b'; do
  # shellcheck disable=SC2086
  t "a cache of a later version: $words" 74 '' "$(one 'later: data.mdb has format 3, and this version of mtasts reads format 2: it is left as it is')" --cache later $words
done
t 'query goes on without one of a later version' 0 "$(has '"verdict":"unknown"')" "$(one 'data.mdb has format 3')" --cache later --json query --offline one.example
is 'a cache of a later version is left as it is' "$sum" "$(sha256sum <later/data.mdb)"

# Backups
mkdir store
in_store() { find store -mindepth 1 -printf '%f\n' | sort | paste -sd' '; }
t 'backup' 0 '6 domains, [0-9.]+ KiB' '' "${c[@]}" cache backup store/b.mdb
is 'backup: for its owner alone' '600 1' "$(stat -c '%a %h' store/b.mdb)"
t 'an earlier one is replaced, JSON' 0 '\{"domains":6,"damaged":0,"bytes":[0-9]+\}' '' "${c[@]}" --json cache backup store/b.mdb
: >store/empty
t 'so is an empty file' 0 '6 domains, .*' '' "${c[@]}" cache backup store/empty
is 'nothing else is left there' 'b.mdb empty' "$(in_store)"
echo precious >store/text
ln -s text store/link
t 'another file is not' 73 '' "$(one 'store/text: is there, and is no backup')" "${c[@]}" cache backup store/text
t 'nor a link' 73 '' "$(one 'store/link: is there, and is no regular')" "${c[@]}" cache backup store/link
t 'nor the data of a cache' 73 '' "$(one 'cache/data.mdb: belongs to a cache')" "${c[@]}" cache backup cache/data.mdb
t 'nor a directory' 73 '' "$(one 'store: is there, and is no regular file')" "${c[@]}" cache backup store
is 'and all is as it was' 'precious text 6' "$(cat store/text) $(readlink store/link) $("$MTASTS" "${c[@]}" cache list --json | wc -l)"
t 'backup to standard output' 64 '' "$(one 'cache export writes')" "${c[@]}" cache backup -
t 'backup without a name' 64 '' "$(one 'missing')" "${c[@]}" cache backup
t 'backup to nowhere' 73 '' "$(one 'nosuch/b: No such file')" "${c[@]}" cache backup nosuch/b
t 'backup of no cache' 66 '' "$(one 'no cache here')" --cache nothing cache backup store/none
t 'backup of a damaged cache' 74 '' "$(one 'noise: data.mdb is damaged')" --cache noise cache backup store/none
is 'nothing is left of those' 'b.mdb empty link text' "$(in_store)"
mkdir restored
cp store/b.mdb restored/data.mdb
is 'a backup is read as it is' '' "$("$MTASTS" --cache restored cache export | diff export1 - 2>&1)"
t 'and has no damage' 0 '6 domains, 0 damaged' '' --cache restored cache verify
t 'it is written, too' 0 'removed 1' '' --cache restored cache remove one.example
cp store/b.mdb restored/data.mdb
is 'and is all there' '' "$("$MTASTS" --cache restored cache export | diff export1 - 2>&1)"
t 'a backup is salvaged into another cache' 0 '6 domains salvaged, 0 places damaged' '' --cache merged cache salvage store/b.mdb
cp -r cache bad-value
perl -0pi -e 's/mx1\.one\.example/mx1.0ne.example/g' bad-value/data.mdb
t 'a damaged value is left out' 65 '5 domains, .*; 1 damaged, and left out' '' --cache bad-value cache backup store/bad
is 'the bar of a backup is wiped away' '6 domains' "$(terminal 80 --cache cache cache backup store/b.mdb | tail -n 1 | cut -c 1-9)"

: >file
t 'a file in the place of the cache' 73 '' "$(one 'file')" --cache file cache import six
echo over.example >over-list

# Disks that are full, or may only be read. A cache that cannot be opened, created or written costs a
# warning, not the answer, and what is in it is still read.
printf 'override "over.example" { mode = "enforce" mx = {"x.example"} }\n' | cat conf - >over
mkdir full
if unshare -rm mount -t tmpfs none full 2>/dev/null; then
  cp -r cache kept
  on() { # SCRIPT: the tool's world in the directory `full`
    as=(unshare -rm sh -c "$1"' && exec "$@"' sh)
  }
  on 'mount -t tmpfs -o size=64k none full && { cat /dev/zero >full/filler 2>/dev/null; true; }'
  t 'a full disk, query' 0 "$(has '"verdict":"enforce"')" "$(one 'full/c: .*No space left on device')" --config over --cache full/c --json query over.example
  t 'a full disk, warm' 0 "$(has '1 domains')" "$(one 'No space left on device')" --config over --cache full/c warm over-list
  t 'a full disk, refresh' 73 '' "$(one 'No space left on device')" --config over --cache full/c refresh over.example
  t 'a full disk, import' 73 '' "$(one 'No space left on device')" --cache full/c cache import six
  on 'mount -t tmpfs -o size=2m none full && cp -r kept full/c && : >full/c/lock.mdb && { cat /dev/zero >full/filler 2>/dev/null; true; }'
  t 'a disk that became full' 0 "$(has '"verdict":"enforce".*"source":"cache"')" "$(one 'No space left on device')" --config conf --cache full/c --json query one.example
  t 'a disk that became full, offline' 0 "$(has '"verdict":"enforce".*"source":"cache"')" "$(one 'No space left on device')" --cache full/c --json query --offline one.example
  t 'a disk that became full, list' 74 '' "$(one 'No space left on device')" --cache full/c cache list
  on 'mount -t tmpfs -o size=8k none full'
  t 'a full disk, backup' 74 '' "$(one 'full/b: cannot be written: No space left on device')" --cache kept cache backup full/b
  on 'mount --bind kept full && mount -o remount,bind,ro full'
  t 'a file system that may only be read, backup' 77 '' "$(one 'full/b: Read-only file system')" --cache kept cache backup full/b
  t 'a file system that may only be read' 0 "$(has '"verdict":"enforce".*"source":"cache"')" "$(one 'read-only file system')" --config conf --cache full --json query one.example
  t 'the same, list' 0 '.*one.example.*' '' --cache full cache list
  t 'the same, import' 77 '' "$(one 'read-only file system')" --cache full cache import six
  t 'the same, a new cache' 77 '' "$(one 'read-only file system')" --cache full/c cache import six
  as=()
fi

# Root gives up root before it opens a cache or the network.
if [ "$(id -u)" = 0 ] && setpriv --reuid 65534 --regid 65534 --clear-groups true 2>/dev/null; then
  printf 'user = "nobody"\ngroup = "nogroup"\n' | cat conf - >nobodys
  chmod 600 nobodys
  who() { # CACHE: the user, the capabilities and "no new privileges" of a command that works there
    local pid i
    rm -f lines
    mkfifo lines
    exec 9<>lines
    "$MTASTS" --config nobodys --cache "$1" warm <&9 >out 2>err 9<&- &
    pid=$!
    for ((i = 0; i < 500; i++)); do
      find "/proc/$pid/fd" -lname '*data.mdb' | grep -q . && break
      sleep 0.02
    done
    awk '/^(Uid|CapEff|CapPrm|NoNewPrivs)/ { printf "%s ", $2 }' "/proc/$pid/status"
    kill -9 "$pid"
    wait "$pid" 2>/dev/null
    exec 9>&-
  }
  none='0000000000000000 0000000000000000'
  cp -r cache nobodys-cache
  chown -R 65534:65534 nobodys-cache
  is "who works in another user's cache" "65534 $none 1 " "$(who nobodys-cache)"
  is 'and the owner of what is made there' 65534 "$(stat -c %u nobodys-cache/writer.lock)"
  is "who works in root's own cache" "0 $none 1 " "$(who cache)"
  is 'who works in a new cache' "65534 $none 1 " "$(who new-cache)"
  is 'and whose that is' '65534 750' "$(stat -c '%u %a' new-cache)"
  cp -r nobodys-cache open-cache
  chmod 777 open-cache
  chown root open-cache
  is 'who works in a cache that anybody may write to' "65534 $none 1 " "$(who open-cache)"
  t 'a configuration and a cache that only root comes to' 0 '.*one.example.*' '' --config nobodys --cache nobodys-cache cache list
  t 'the same, in two steps' 0 "$(has '0 domains')" '' --config nobodys --cache nobodys-cache refresh
  if cp /etc/ssl/certs/ca-certificates.crt roots-own.pem 2>/dev/null; then
    chmod 600 roots-own.pem
    t 'certificates that only root may read' 0 "$(has '0 domains')" '' --config nobodys --cache nobodys-cache --ca-file roots-own.pem warm /dev/null
  fi
  cp six roots-own
  chmod 600 roots-own
  t 'an input that only root may read' 0 'imported 6, bad lines 0' '' --config nobodys --cache nobodys-cache cache import roots-own
  cp -r nobodys-cache linked
  chown -R 65534:65534 linked
  ln -sf "$dir/roots-own" linked/lock.mdb
  before=$(sha256sum roots-own)
  t 'a link in the place of a file' 77 '' "$(one 'a symbolic link')" --config nobodys --cache linked cache stats
  is 'and what it points to' "$before" "$(sha256sum roots-own)"
  cp -r nobodys-cache forged
  head -c 40960 /dev/urandom | dd of=forged/data.mdb bs=4096 seek=2 conv=notrunc status=none
  chown -R 65534:65534 forged
  stat -c 'closed in order: %d %i, %s bytes, %.9Y, %.9Z' forged/data.mdb >forged/writer.lock
  t 'a forged stamp' 74 '' "$(one 'forged: data.mdb is damaged')" --config nobodys --cache forged cache list
fi

# shellcheck source=/dev/null
. "$here/report.sh"
# shellcheck source=/dev/null
. "$here/report_send.sh"
# shellcheck source=/dev/null
. "$here/report_build.sh"
# shellcheck source=/dev/null
. "$here/report_views.sh"
# shellcheck source=/dev/null
. "$here/report_check.sh"
# shellcheck source=/dev/null
. "$here/report_watch.sh"
# shellcheck source=/dev/null
. "$here/publish.sh"
# shellcheck source=/dev/null
. "$here/check.sh"

if [ "$(id -u)" = 0 ]; then # who may do anything: be another user
  cp "$MTASTS" mtasts
  MTASTS=$dir/mtasts
  chmod 755 "$dir"
  chown -R 65534:65534 "$dir"
  as=(setpriv --reuid 65534 --regid 65534 --clear-groups)
fi
mkdir -m 0555 shut
t 'a directory where nothing may be made' 77 '' "$(one 'permission denied')" --cache shut/cache cache import six
t 'the same, query' 0 "$(has '"verdict":"enforce"')" "$(one 'permission denied')" --config over --cache shut/cache --json query over.example
t 'the same, warm' 0 "$(has '1 domains')" "$(one 'permission denied')" --config over --cache shut/cache warm over-list
t 'the same, refresh' 77 '' "$(one 'permission denied')" --config over --cache shut/cache refresh over.example
t 'a file in the place of the cache, query' 0 "$(has '"verdict":"enforce"')" "$(one 'file: is not a directory')" --config over --cache file --json query over.example
chmod 0 cache/data.mdb
t 'a cache that may not be read' 77 '' "$(one 'permission denied')" "${c[@]}" cache list
chmod 0 conf
t 'a configuration that may not be read' 77 '' "$(one conf)" "${c[@]}" cache list
printf '%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" = 0 ]
