# This site's own TLS reports: what `mtasts report send` sends, to whom, how often, and what it does when something
# fails, or when it is killed. rfc8460.py checks each report that arrives, collector.py takes the POSTs.
# shellcheck shell=bash

dir=$LAB_DIR/report conf=$LAB_DIR/report.conf
record=${LAB_TOOLS%/tests/lab}/tests/tool/record_outcomes
day=$(date -u -d '-2 days' +%F) # its reports have all been due for a day
read -r _ _ users </proc/self/uid_map
owner=daemon
[ "$users" != 1 ] || owner=root # no other user is there
collector=''
trap 'kill -KILL $collector 2>/dev/null' EXIT

# What sendmail does is in the file `mode`; what it gets is kept.
fresh() { # [SETTING…]: an empty store, and nothing sent
  rm -rf "$dir"
  mkdir -p "$dir"/{cache,mails,posts}
  cat >"$dir/sendmail" <<END
#!/bin/bash
cd "$dir" || exit 70
mine=mails/\$\$
case \$(cat mode 2>/dev/null) in
  fail) echo 'queue is full' >&2; exit 75 ;;
  slow) sleep 60 & sleep 60 ;;
  short) sleep 0.05 ;;
  murder) kill -KILL "\$(sed -n 's/^PPid:\t//p' /proc/\$PPID/status)"; sleep 0.3 ;;
esac
stat -Lc %F /dev/stdin >>kinds
cat >\$mine.part && printf '%s\n' "\$@" >\$mine.args && mv \$mine.part \$mine.eml
END
  chmod 755 "$dir/sendmail"
  write_conf "$@"
  chown -R "$owner" "$dir" 2>/dev/null
}
write_conf() { # [SETTING…]: the last one counts
  {
    printf '%s\n' "cache { directory = \"$dir/cache\" }" 'dns { servers = {"127.0.0.1"} timeout = 2 }' \
      "https { ca_file = \"$LAB_CA\" allow_private = true timeout = 2 }" "user = \"$owner\"" 'log = "stderr"' \
      "report { organization = \"Lab\" contact = \"tls@sender.example\" from = \"reports@sender.example\" \
        sendmail = \"$dir/sendmail\" timeout = 5 }"
    [ $# = 0 ] || printf '%s\n' "$@"
  } >"$conf"
}
outcomes() { "$record" "$conf" "$day" && chown -R "$owner" "$dir/cache" 2>/dev/null; } # <datagrams
outcome() { # DOMAIN FAILED [TYPE [POLICY-DOMAIN]]: a datagram
  printf '{"dpv":"1","d":"%s","policies":[{"policy-type":%s,"policy-domain":"%s","policy-string":["x: %s"],"f":%s%s}]}\n' \
    "$1" "${3:-2}" "${4:-$1}" "$1" "$2" \
    "$([ "$2" = 0 ] || echo ',"t":1,"failure-details":[{"c":204,"s":"192.0.2.1","n":"mx.example","r":"2001:DB8:0::1"}]')"
}
report() { "$MTASTS" --config "$conf" "$@"; }
send_report() { report --json report send "$@" 2>>"$dir/err"; }
statuses() { jq -r '"\(.policy_domain | rtrimstr(".report.example")) \(.status)"' | sort | paste -sd,; }
checked() { # prints what rfc8460.py says of all mails
  find "$dir/mails" -name '*.eml' -print0 | sort -z | xargs -0r "$here/rfc8460.py" 2>&1
}
mails() { find "$dir/mails" -name '*.eml' | wc -l; }
wait_for_quiet() { # all sendmails have ended
  local i
  for ((i = 0; i < 100; i++)); do pgrep -f "$dir/sendmail" >/dev/null || return; sleep 0.1; done
}

"$here/collector.py" "$LAB_DIR/posts" https 127.0.0.1 8443 "$LAB_DIR/certs/rua.example."{crt,key} 2>/dev/null &
collector=$!
disown
await() { # ADDRESS PORT: until somebody listens there
  local i
  for ((i = 0; i < 200; i++)); do
    ! { : >"/dev/tcp/$1/$2"; } 2>/dev/null || return 0
    sleep 0.05
  done
}
await 127.0.0.1 8443

# Where each report goes
fresh
ln -sfn "$dir/posts" "$LAB_DIR/posts"
one_outcome() { outcome "$domain" 0 && outcome "$domain" 1; }
each_report one_outcome | outcomes
dry=$(send_report --day "$day" --dry-run)
check 'a dry run sends nothing' '0 0' "$(mails) $(find "$dir/posts" -name '*.gz' | wc -l)"
check 'a dry run remembers nothing' pending "$(report --json report status --day "$day" | jq -r .status | sort -u)"
send_report --day "$day" >"$dir/said"
check 'some wait: exit code' 75 $?
checked >"$dir/checked"
check 'each mail is as RFC 8460 has it' 0 "$(grep -vc '^{' "$dir/checked")"
check 'each POST is as RFC 8460 has it' '' \
  "$(find "$dir/posts" -name '*.gz' -print0 | xargs -0r "$here/rfc8460.py" 2>&1 >/dev/null)"
check 'the media type of a POST' 'Content-Type: application/tlsrpt.gzip' \
  "$(cat "$dir"/posts/*.head | grep -i ^content-type | sort -u | tr -d '\r')"
check 'standard input is a file' 'regular file' "$(sort -u "$dir/kinds")"
got_by() { # who got the report about $domain
  {
    jq -r --arg d "$domain" 'select(.domain == $d) | .to[]' "$dir/checked"
    cat "$dir"/posts/*.head | sed -n "s|^POST \(/[a-z0-9]*/${name%-of-two}\)$|\1|p"
  } | LC_ALL=C sort -u | paste -sd,
}
one_check() {
  check "$name: status: $proves" "$status" "$(jq -r --arg d "$domain" 'select(.policy_domain == $d) | .status' "$dir/said")"
  [ "$got" != - ] || got=''
  [ "$name" = cname ] || check "$name: who got it: $proves" "$(printf %s "$got" | sed 's/[+.]/\\&/g')" "$(got_by)"
  [ "$status" != sent ] || status=would-send
  [[ $name != @(redirected|moved|fails|closes|hangs|no-listener|no-address) ]] || status=would-send
  check "$name: dry run" "$status" "$(jq -r --arg d "$domain" 'select(.policy_domain == $d) | .status' <<<"$dry")"
}
each_report one_check
check 'the counts' '1 1' "$(jq -r '"\(.successful) \(.failed)"' "$dir/checked" | sort -u)"
check 'a failed rua says why' 'HTTP status 302 from rua.example: a redirect is not followed' \
  "$(jq -r 'select(.policy_domain == "redirected.report.example") | .rua[0].detail' "$dir/said")"
check 'next_attempt is set if a report waits, and only then' 'deferred:string,no-record:null,sent:null' \
  "$(jq -r '"\(.status):\(.next_attempt | type)"' "$dir/said" | sort -u | paste -sd,)"
before=$(mails)
send_report --day "$day" >"$dir/again"
check 'what was sent is not sent again' "$before" "$(mails)"
check 'but listed' "$(jq -s 'map(select(.status == "sent")) | length' "$dir/said")" \
  "$(jq -s 'map(select(.status == "sent")) | length' "$dir/again")"
check 'status says the same' "$(statuses <"$dir/again")" "$(report --json report status --day "$day" | statuses)"
check 'status for people' '.*plain.report.example +2 +1 +sent +mailto:a@plain.rx.example +20[0-9-]+ [0-9:]+ UTC +- *' \
  "$(report report status --day "$day" | grep ' plain.report')"

# Private addresses
fresh "https { allow_private = false }"
outcome https.report.example 0 | outcomes
check 'a private address is refused' \
  'deferred address 127.0.0.1 of rua.example is private, .*' \
  "$(send_report --day "$day" | jq -r '"\(.status) \(.rua[0].detail)"')"

# The TLSA base domain
fresh
{
  outcome tlsa-one.report.example 0 1 base.report.example
  outcome tlsa-two.report.example 0 1 equal-base.report.example
} | outcomes
send_report --day "$day" >"$dir/said"
check 'TLSA: the MX host gets its report, unless an equal set of rua has it' \
  'base sent,equal-base suppressed,tlsa-one sent,tlsa-two sent' "$(statuses <"$dir/said")"
check 'TLSA: who got what' 'base.report.example host@rx.example,tlsa-one.report.example one@rx.example,tlsa-two.report.example a@rx.example b@rx.example' \
  "$(checked | jq -r '"\(.domain) \(.to | join(" "))"' | sort | paste -sd,)"

equal_base() { statuses | tr , '\n' | sed -n 's/^equal-base //p'; }
fresh
{
  outcome tlsa-two.report.example 0 1 equal-base.report.example
  outcome absent.report.example 0 1 equal-base.report.example
} | outcomes
check 'TLSA: one recipient domain gets no report: the MX host gets its own' sent "$(send_report --day "$day" | equal_base)"
fresh 'report { suppress = {"tlsa-two.report.example"} }'
outcome tlsa-two.report.example 0 1 equal-base.report.example | outcomes
check 'TLSA: the recipient domain is suppressed, the MX host is not' sent "$(send_report --day "$day" | equal_base)"
fresh
{
  outcome tlsa-two.report.example 0 1 equal-base.report.example
  outcome servfail.report.example 0 1 equal-base.report.example
} | outcomes
check "TLSA: it waits for a recipient domain's DNS, but not for ever" deferred,deferred,deferred,sent \
  "$(for _ in 1 2 3 4; do send_report --day "$day" | equal_base; done | paste -sd,)"
fresh 'report { suppress = {"b@rx.example"} }'
outcome tlsa-two.report.example 1 1 equal-base.report.example | outcomes
check 'TLSA: each rua says why it gets nothing' \
  'mailto:b@rx.example report.suppress has it,mailto:a@rx.example gets the report about tlsa-two.report.example, which has these sessions' \
  "$(send_report --day "$day" | jq -r 'select(.policy_domain == "equal-base.report.example") | .rua[] | .uri + " " + .detail' | paste -sd,)"

# A full store: nothing is sent of which the end could not be stored, and each report is looked at
fresh
awk -v names='plain two twice blanks' 'BEGIN {
  long = sprintf("%060d.%060d.%060d", 0, 0, 0)
  for (n = split(names, name, " "); n > 0; n--)
    for (policy = 0; policy < 4; policy++)
      for (i = 0; i < 900; i++)
        printf "{\"d\":\"%s.report.example\",\"policies\":[{\"policy-type\":2,\"policy-string\":[\"%d\"],\"f\":1,\"failure-details\":[{\"c\":204,\"n\":\"mx%d.%s.example\"}]}]}\n", name[n], policy, i, long
}' | outcomes
write_conf 'outcome { max_size = 1048576 }'
: >"$dir/err"
check 'a full store: no report is sent, none is passed over' '74 blanks deferred,plain deferred,twice deferred,two deferred' \
  "$(send_report --day "$day" >"$dir/said"; echo "$? $(statuses <"$dir/said")")"
check 'it says so once' '1 0' "$(grep -c 'cannot be used' "$dir/err") $(mails)"
write_conf
check 'with room again they go' 'blanks sent,plain sent,twice sent,two sent' "$(send_report --day "$day" | statuses)"

# Outcomes that come after the report was made
outcome plain.report.example 1 | outcomes
check 'status has the counts of the report that was sent' 'plain.report.example: 1 sessions came after its report was made; no report has them 3600' \
  "$(report --json report status --day "$day" 2>&1 | jq -rR 'fromjson? // . | if type == "string" then . else select(.policy_domain == "plain.report.example") | .failed end' | sort -n | tr '\n' ' ' | sed 's/mtasts: //; s/ $//')"

# sendmail fails, hangs, is missing
fresh 'report { timeout = 1 }' && outcome plain.report.example 1 | outcomes
echo fail >"$dir/mode"
check 'sendmail fails' "deferred $dir/sendmail ended with status 75: queue is full" \
  "$(send_report --day "$day" | jq -r '"\(.status) \(.rua[0].detail)"')"
echo slow >"$dir/mode"
check 'sendmail hangs' "deferred $dir/sendmail took more than 1 s \(report.timeout\) and was killed" \
  "$(send_report --day "$day" | jq -r '"\(.status) \(.rua[0].detail)"')"
check 'and nothing of it is left' '' "$(pgrep -f "$dir/sendmail"; pgrep -u "$owner" -f 'sleep 60')"
echo murder >"$dir/mode"
send_report --day "$day" >/dev/null
wait_for_quiet
echo ok >"$dir/mode"
check 'killed while sendmail reads: one whole mail' '1 0' "$(mails) $(checked | grep -vc '^{')"
check 'killed before the answer came: sent again' sent "$(send_report --day "$day" | jq -r .status)"
check 'the same bytes' '2 1' "$(mails) $(sha256sum "$dir"/mails/*.eml | cut -d' ' -f1 | sort -u | wc -l)"
fresh "report { sendmail = \"$dir/nosuch\" }" && outcome plain.report.example 0 | outcomes
check_error 'sendmail is missing' 75 "$dir/nosuch cannot be run" "$MTASTS" --config "$conf" report send --day "$day"

# The report stays what it was, whatever is configured later
fresh && outcome plain.report.example 1 | outcomes
echo fail >"$dir/mode"
identity=$(send_report --day "$day" | jq -r .report_id)
write_conf 'report { organization = "Another" from = "other@sender.example" }'
echo ok >"$dir/mode"
check 'a repeat is the same report' "$identity" "$(send_report --day "$day" | jq -r .report_id)"
check 'and the same mail' 'reports@sender.example' "$(checked | jq -r .from)"

# Suppression, and days without failures
fresh 'report { suppress = {"A@plain.rx.example", "two.report.example", "b@twice.rx.example"} success = false }'
{
  outcome plain.report.example 1
  outcome two.report.example 1
  outcome twice.report.example 1
  outcome blanks.report.example 0
} | outcomes
send_report --day "$day" >"$dir/said"
check 'suppressed, success-only' 'blanks success-only,plain suppressed,twice sent,two suppressed' "$(statuses <"$dir/said")"
check 'of two addresses one' a@twice.rx.example "$(checked | jq -r '.to[]')"
check 'success-only is not remembered' pending \
  "$(report --json report status --day "$day" | jq -r 'select(.policy_domain == "blanks.report.example") | .status')"
write_conf
send_report --day "$day" >"$dir/said"
check 'without the setting they go' 'blanks sent,plain sent,twice sent,two sent' "$(statuses <"$dir/said")"

# Several at once, and killed at any moment
fresh && cp "$here/reports" "$dir/table"
many=(plain two twice equal blanks strings other-txt encoded hyphen comma-at-end)
for name in "${many[@]}"; do outcome "$name.report.example" 1; done | outcomes
echo short >"$dir/mode"
(for _ in 1 2 3 4; do send_report --day "$day" >/dev/null & done; wait)
check 'four at once send each report once' "${#many[@]}" "$(mails)"
check 'those that wait say so' '[1-9].*' "$(grep -c 'another report send runs; waiting' "$dir/err")"
check 'and all are sent' sent "$(report --json report status --day "$day" | jq -r .status | sort -u)"
fresh
for name in "${many[@]}"; do outcome "$name.report.example" 1; done | outcomes
echo short >"$dir/mode"
kills=0
for ((i = 0; i < 60; i++)); do
  (timeout -s KILL "0.$(printf %03d $((RANDOM % 150 + 5)))" "$MTASTS" --config "$conf" report send --day "$day") >/dev/null 2>&1
  [ $? != 137 ] || kills=$((kills + 1))
done 2>/dev/null # bash tells of each
wait_for_quiet
send_report --day "$day" >/dev/null
check 'killed again and again: all are sent' sent "$(report --json report status --day "$day" | jq -r .status | sort -u)"
check 'and no mail is half' 0 "$(checked | grep -vc '^{')"
check 'each domain has one report, as often as it came' "${#many[@]}" "$(checked | jq -r '"\(.domain) \(.report_id) \(.message_id) \(.file) \(.sha256)"' | sort -u | wc -l)"
check "it was really killed ($kills times)" '[1-9].*' "$kills"

# The timer's runs: the clock is another for them
if grep -q __asan_init "$MTASTS"; then
  skip 'faketime cannot be loaded before a sanitizer'
elif command -v faketime >/dev/null; then
  at() { # MINUTE COMMAND…: since the midnight that ends the day
    faketime -f "@$(date -u -d "$day + 1 day + $1 minutes" '+%F %T')" "${@:2}"
  }
  export DONT_FAKE_MONOTONIC=1
  fresh && for name in "${many[@]}"; do outcome "$name.report.example" 1; done | outcomes
  echo fail >"$dir/mode"
  check 'a day that goes on' 64 "$(at -5 "$MTASTS" --config "$conf" report send --day "$day" >/dev/null 2>&1; echo $?)"
  check 'its status' recording "$(at -5 "$MTASTS" --config "$conf" --json report status --day "$day" | jq -r .status | sort -u)"
  check 'nothing is due at midnight' '0 0' "$(at 0 "$MTASTS" --config "$conf" report send >/dev/null; echo $?) $(mails)"
  for ((minute = 0; minute <= 1700; minute += 20)); do
    at $minute "$MTASTS" --config "$conf" --json report send 2>/dev/null
  done >"$dir/runs"
  check 'attempts of each report in a day of failures' '[4-9]|1[0-6]' \
    "$(report --json report status --day "$day" | jq -r .attempts | sort -u)"
  check 'and then it has expired' expired "$(report --json report status --day "$day" | jq -r .status | sort -u)"
  fresh && for name in "${many[@]}"; do outcome "$name.report.example" 1; done | outcomes
  for ((minute = 0; minute <= 260; minute += 20)); do
    at $minute "$MTASTS" --config "$conf" report send >/dev/null 2>&1
    mails
  done >"$dir/spread"
  check 'within four hours all are sent' "${#many[@]}" "$(tail -n 2 "$dir/spread" | head -n 1)"
  check 'but not at once' '[4-9]|1[0-9]' "$(sort -u "$dir/spread" | wc -l)"
  fresh && for name in "${many[@]}"; do outcome "$name.report.example" 1; done | outcomes
  check 'a day that was missed is not sent by the timer' '0 0' "$(at 2880 "$MTASTS" --config "$conf" report send >"$dir/said" 2>&1; echo "$(mails) $(wc -l <"$dir/said")")"
  check 'but by name' "${#many[@]}" "$(at 2880 "$MTASTS" --config "$conf" report send --day "$day" >/dev/null 2>&1; mails)"
  fresh 'report { success = false }' && for name in "${many[@]}"; do outcome "$name.report.example" 0; done | outcomes
  check 'days without failures are not listed by each run' '0 0' "$(at 500 "$MTASTS" --config "$conf" report send >"$dir/said" 2>&1; echo "$? $(wc -l <"$dir/said")")"
else
  skip 'there is no faketime: apt-get install faketime'
fi
