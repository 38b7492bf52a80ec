# shellcheck shell=bash disable=SC2154 # read by tests/tool/run.sh after report_views.sh, whose functions it uses
# mtasts report watch: what is new since the last look. Reports are of the last days: the clock is that of the machine.
mkdir watch watch/box && cd watch || exit 74
ago() { date -u -d "$1 days ago" +%F; }
# put ORGANIZATION DAYS-AGO FAILED [RESULT]: a report of 1000 sessions in the box
put() {
  report "$1-$2-$3" "$(day "$(ago "$2")") | .\"organization-name\"=\"$1\" | .policies[0].summary={\"total-successful-session-count\":$((1000 - $3)),\"total-failure-session-count\":$3} |
    .policies[0].\"failure-details\"=(if $3 > 0 then [{\"result-type\":\"${4:-certificate-expired}\",\"failed-session-count\":$3,\"receiving-mx-hostname\":\"mx.example.com\"}] else [] end)" >"box/$1-$2-$3"
}
watch() { "$MTASTS" --json report watch --state state.json "$@" box; }
alerts() { jq -c '[.first,.new.days,[.alerts[].id]]'; }
for i in $(seq 2 12); do put Daily "$i" 1; put Other "$i" 0; done
is 'the first look' '[true,22,[]]' "$(watch --fail-over 3x | alerts)"
is 'nothing new' '[false,0,[]]' "$(watch --fail-over 3x | alerts)"
t 'nothing new says nothing' 0 '' '' report watch --state state.json --fail-over 3x box
put Daily 1 1
put Other 1 2 dnssec-invalid
cp state.json kept.json
is 'a result type appears' '[false,2,["result-appeared"]]' "$(watch --fail-over 3x | alerts)"
is 'it is said once' '[false,0,[]]' "$(watch --fail-over 3x | alerts)"
cp kept.json state.json
t 'an alert that no option hands over' 1 "$(has 'example\.com: dnssec-invalid appeared on')" '' report watch --state state.json box
cp kept.json state.json
t 'an alert by command' 0 "$(has dnssec-invalid)" '' report watch --state state.json --command 'cat >got' box
is 'what the command got' 'example.com: dnssec-invalid appeared on' "$(head -n 1 got | cut -d ' ' -f 1-4)"
: >got
t 'no alert, no command' 0 '' '' report watch --state state.json --command 'echo called >got' box
is 'it was not called' '' "$(<got)"
cp kept.json state.json
t 'a command that fails: the next look tries again' 75 "$(has dnssec-invalid)" "$(one 'status 3')" report watch --state state.json --command 'exit 3' box
is 'the state is kept' "$(<kept.json)" "$(<state.json)"
t 'a command that reads nothing' 0 "$(has dnssec-invalid)" '' report watch --state state.json --command true box
cp kept.json state.json
printf '#!/bin/sh\n{ printf "%%s " "$@"; echo; cat; } >mailed\n' >sendmail
chmod +x sendmail
SENDMAIL=./sendmail t 'an alert by mail' 0 "$(has dnssec-invalid)" '' report watch --state state.json --mail postmaster@example.com box
is 'the mail' '-i -- postmaster@example.com |To: postmaster@example.com|Subject: TLS reports: 1 alert|MIME-Version: 1.0' "$(head -n 4 mailed | paste -sd '|')"
is 'its text' 1 "$(sed '1,/^$/d' mailed | grep -c 'dnssec-invalid appeared')"
for wrong in '-x@y' 'a b@c' noat $'a@b\nBcc: c'; do t "no address: $wrong" 64 '' "$(one 'no mail address')" report watch --state state.json --mail="$wrong" box; done

# A rate that passes the limit, and comes back
rm box/Other-1-2 state.json
watch --fail-over 3x >/dev/null
put Daily 0 400
is 'a rate passes a multiple' '[false,1,["failures-over"]]' "$(watch --fail-over 3x | alerts)"
is 'that too is said once' '[false,0,[]]' "$(watch --fail-over 3x | alerts)"
rm box/Daily-0-400
put Daily 0 0
is 'and that it is over' '[false,0,["failures-under"]]' "$(watch --fail-over 3x | alerts)"
put Daily 0 20
rm box/Daily-0-0
is 'a rate passes a percentage' '["failures-over"]' "$(watch --fail-over 1.9 | jq -c '[.alerts[].id]')"

# Silence
rm box/* state.json
for i in $(seq 4 14); do put Daily "$i" 0; done
for i in 4 7 9 12 14 20 21; do put Now-and-then "$i" 0; done
is 'three days are no silence yet: two of them are over' '[]' "$(rm box/Daily-4-0; put Daily 3 0; watch | jq -c '[.alerts[].id]')"
rm box/Daily-3-0 state.json
put Daily 4 0
is 'a daily reporter is silent' '["reporter-silent Daily"]' "$(watch | jq -c '[.alerts[] | .id + " " + (.text | split(" ")[0])]')"
is 'silence is said once' '[]' "$(watch | jq -c '[.alerts[].id]')"
put Daily 1 0
is 'it is back' '["reporter-returned"]' "$(watch | jq -c '[.alerts[].id]')"

# More alerts than there is room for: the last one says so
rm box/* state.json
put Daily 1 0
watch >/dev/null
report many "$(day "$(ago 1)") | .\"organization-name\"=\"Many\" | .policies[0].\"failure-details\"=[range(80) | {\"result-type\":\"type-\(.)\",\"failed-session-count\":1}]" >box/many
is 'many alerts' '50 alerts-left-out 31 more alerts are left out.' "$(watch | jq -r '"\(.alerts | length) \(.alerts[-1] | .id + " " + .text)"')"
is 'they are said once' '0' "$(watch | jq '.alerts | length')"
rm box/many

# The state
echo '{"version":1}' >other.json
t 'a file that is no state is kept' 65 '' "$(one 'no state of report watch')" report watch --state other.json box
is 'it is as it was' '{"version":1}' "$(<other.json)"
t 'a state that cannot be written' 73 '.*' "$(one 'cannot be created')" report watch --state nosuch/state.json box
cp state.json kept.json
t 'a directory that is missing is no silence' 66 '' "$(one 'no such file')" report watch --state state.json nosuch
is 'and no look' "$(<kept.json)" "$(<state.json)"
STATE_DIRECTORY=$PWD t 'the state in the directory of a unit' 0 '.*' '' report watch box
is 'it is there' report-watch.json "$(echo report-watch*)"
report evil "$(day "$(ago 1)") | .policies[0].\"failure-details\"[0].\"result-type\"=\"x\\u001b[31m\\u202e\"" >box/evil
is 'no control character' '' "$("$MTASTS" report watch --state state.json --command 'cat >got' box 2>&1 | cat - got | LC_ALL=C grep -nP "$evil")"
cd "$dir" || exit 74
