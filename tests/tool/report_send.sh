# shellcheck shell=bash disable=SC2154 # read by tests/tool/run.sh, whose t, is, has, one and dir it uses
# mtasts report send, status, selftest: what needs no network. tests/lab/check_report.sh has the rest.

record=$(dirname "$MTASTS")/tests/tool/record_outcomes
mkdir send && cd send || exit 74
day=$(date -u -d yesterday +%F) today=$(date -u +%F)
me=$(id -un) us=$(id -gn)
sender() { # [SETTING…]: a configuration
  printf 'cache { directory = "%s/cache" }\ndns { timeout = 1 }\nuser = "%s"\ngroup = "%s"\n' "$PWD" "$me" "$us"
  printf 'report { organization = "Org" contact = "tls@org.example" from = "tls@org.example" sendmail = "%s/sendmail" }\n' "$PWD"
  [ $# = 0 ] || printf '%s\n' "$@"
}
printf '#!/bin/sh\nprintf "%%s\\n" "$@" >%s/arguments\ncat >%s/message\n' "$PWD" "$PWD" >sendmail
chmod 755 sendmail
mkdir -p cache/outcomes # of this user: root stays root for it
sender >conf
s=(--config conf --resolver 127.0.0.1@1) # nobody answers there
for key in organization contact from; do
  sender "report { $key = \"\" }" >without
  for command in 'report send' 'report status' 'report selftest a@b.example'; do
    # shellcheck disable=SC2086 # words
    t "$command without $key" 78 '' "$(one "report.$key")" --config without $command
  done
done
t 'no date' 64 '' "$(one '2026-1-1: ')" "${s[@]}" report send --day 2026-1-1
t 'no such date' 64 '' "$(one '2026-02-30: ')" "${s[@]}" report status --day 2026-02-30
t 'a day that has not ended' 64 '' "$(one "$today: .*has not ended")" "${s[@]}" report send --day "$today"
t 'a day that has not begun' 64 '' "$(one '9999-12-31: .*has not ended')" "${s[@]}" report send --day 9999-12-31
t 'nothing was ever recorded' 0 '' '' "${s[@]}" report send
t 'nothing was ever recorded, a day' 0 '' '' "${s[@]}" --json report send --day "$day"
t 'nothing was ever recorded, status' 0 '' '' "${s[@]}" report status
is 'and nothing is made' '' "$(ls cache/outcomes)"
t 'selftest to no address' 64 '' "$(one 'nobody: the address has no')" "${s[@]}" report selftest nobody
t 'selftest' 0 "$(has 'DKIM-Signature.*d= org.example')" '' "${s[@]}" report selftest Me@b.example
is 'selftest: arguments' '-i,-f,tls@org.example,--,Me@b.example' "$(paste -sd, arguments)"
is 'selftest: a report without policies' '[]' "$("$MTASTS" --json report show message 2>/dev/null | jq -c .policies)"
sender 'report { sendmail = "/nonexistent/sendmail" }' >missing
t 'selftest without sendmail' 69 '' "$(one '/nonexistent/sendmail cannot be run')" --config missing report selftest a@b.example

if [ -x "$record" ]; then
  for domain in a.example b.example; do
    printf '5 {"d":"%s","policies":[{"policy-type":2,"policy-domain":"%s","f":0}]}\n' "$domain" "$domain"
  done | "$record" conf "$day"
  printf '{"d":"c.example","policies":[{"policy-type":9,"policy-domain":"c.example","f":1}]}\n' | "$record" conf "$today"
  fields='[.policy_domain,.day,.status,.attempts,.next_attempt,(.rua|length),.successful,.failed]'
  is 'status of a day before its reports' "[\"a.example\",\"$day\",\"pending\",0,null,0,5,0]" \
    "$("$MTASTS" --config conf --json report status | jq -c "$fields" | head -n 1)"
  is 'status of a day that goes on' "[\"c.example\",\"$today\",\"recording\",0,null,0,0,1]" \
    "$("$MTASTS" --config conf --json report status --day "$today" | jq -c "$fields")"
  t 'a day without outcomes' 0 '' '' "${s[@]}" --json report status --day 2020-01-01
  t 'a day without outcomes to send' 0 '' '' "${s[@]}" --json report send --day 2020-01-01
  is 'the DNS is silent: dry run' '75 deferred' \
    "$("$MTASTS" "${s[@]}" --json report send --day "$day" --dry-run >out; echo $? "$(jq -r .status out | sort -u)")"
  is 'and it is not remembered' pending "$("$MTASTS" --config conf --json report status | jq -r .status | sort -u)"
  is 'the DNS is silent' '75 deferred 1 string' \
    "$("$MTASTS" "${s[@]}" --json report send --day "$day" >out; echo $? "$(jq -r '"\(.status) \(.attempts) \(.next_attempt|type)"' out | sort -u)")"
  is 'and why' '"TXT _smtp._tls.a.example: no answer in 1 s"' "$(jq -c .detail out | head -n 1)"
  is 'the report-id is that of build' "$("$MTASTS" --config conf --json report build --day "$day" --dir built | jq -r .report_id | sort | paste -sd,)" \
    "$(jq -r .report_id out | sort | paste -sd,)"
  t 'status for people' 75 "$(has 'DAY +DOMAIN +SESSIONS +FAILED +REPORT +SENT TO +WHEN +WHY NOT.*a\.example +5 +0 +deferred +- +again ')" '' \
    "${s[@]}" report send --day "$day"
  for i in $(seq 60); do printf '{"d":"d%s.example","policies":[{"policy-type":9,"f":1}]}\n' "$i"; done | "$record" conf 2020-01-02
  is 'the DNS is silent for many: the rest is left out, and no attempt of theirs counts' '60 deferred, 75' \
    "$("$MTASTS" "${s[@]}" --json report send --day 2020-01-02 >out; code=$?; echo "$(jq -r .status out | uniq -c | paste -sd, | sed 's/^ *//'), $code")"
  is 'most of them' true "$(jq -s 'map(select(.attempts == 0 and .next_attempt and .detail == "no DNS server answers")) | length >= 28' out)"
  is 'and they stay what they were' pending "$("$MTASTS" --config conf --json report status --day 2020-01-02 | jq -r 'select(.attempts == 0).status' | sort -u)"
  sender "report { suppress = {\"a.example\"} success = false }" >quiet
  is 'suppressed and success-only need no DNS' 'success-only,success-only' \
    "$("$MTASTS" --config quiet --json report send --day "$day" | jq -r .status | paste -sd,)"
fi
cd .. || exit 74
