# `mtasts check` of every domain of the table `findings`, in one call: what it finds, and no more.
# shellcheck shell=bash
# shellcheck disable=SC2154 # the table's columns

. "$here/receivers.sh"

TIMEOUT=20 # a greeting takes 15 seconds
state=$LAB_DIR/check-state
# On a busy machine a handshake may take longer than the lab's other parts would wait.
conf=$LAB_DIR/check.conf
sed 's/timeout = 3/timeout = 10/; s/timeout = 2/timeout = 4/' "$LAB_CONF" >"$conf"
domains=()
declare -A found_of

if why=$(receivers_cannot_run); then
  skip "real mail servers: $why"
elif ! start_receivers; then
  why='they do not start'
  check 'real mail servers start' yes no
fi
absent() { [[ -n $why && $name == real-* ]]; } # a real server that cannot run here

add() { absent || domains+=("$domain"); }
each_checked add

run_check() { # OPTION… DOMAIN…: leaves $LAB_DIR/check.json; prints the exit code
  "${run_as[@]}" "$MTASTS" --config "$conf" --json check --state "$state" --timeout "$TIMEOUT" "$@" \
    >"$LAB_DIR/check.json" 2>"$LAB_DIR/check.err"
  echo $?
}

# Each domain and its findings, as id=severity, each once.
list='"\(.domain)\t\([.findings[] | "\(.id)=\(.severity)"] | unique | join(" "))"'
read_findings() {
  local name finds
  found_of=()
  while IFS=$'\t' read -r name finds; do found_of[$name]=${finds:--}; done \
    < <(jq -r "$list" "$LAB_DIR/check.json")
}

compare() {
  local wanted
  ! absent || return 0
  wanted=$(tr ' ' '\n' <<<"$finds" | sort | paste -sd' ')
  check "$domain ($proves)" "$wanted" "${found_of[$domain]:-no answer}"
}

began=$SECONDS
check 'all domains: exit code' 2 "$(run_check "${domains[@]}")"
took=$((SECONDS - began))
check 'all domains: complaints' '' "$(<"$LAB_DIR/check.err")"
check 'all domains: a line each, in their order' "$(printf '%s ' "${domains[@]}")" \
  "$(jq -r .domain "$LAB_DIR/check.json" | tr '\n' ' ')"
check "all domains: $took s" yes "$([ "$took" -le $((TIMEOUT + 14)) ] && echo yes)"
read_findings
each_checked compare

check 'every finding has words' '' "$(jq -r '.domain as $d | .findings[]
  | select((.message | length) < 10 or .subject == "" or
      ((.severity == "error" or .severity == "warning") and (.remedy | length) < 10))
  | "\($d) \(.id)"' "$LAB_DIR/check.json")"

# Exit codes, one for each severity.
one() { # DOMAIN [OPTION…]: "EXIT STATUS FINDINGS"
  local code
  code=$(run_check "${@:2}" "$1.check.example")
  read_findings
  echo "$code $(jq -r .status "$LAB_DIR/check.json") ${found_of[$1.check.example]}"
}
check 'nothing found' '0 ok -' "$(one good)"
check 'a warning' '1 warning tlsrpt.absent=warning' "$(one tlsrpt-absent)"
check 'an unknown' '3 unknown smtp.not-judged=unknown' "$(one smtp-busy)"
check 'an info' '0 ok policy.mx-unused=info' "$(one policy-unused)"
check 'without SMTP' '0 ok -' "$(one smtp-self-signed --no-smtp)"
check 'the mode is as expected' '0 ok policy.mode-testing=info' "$(one policy-testing --expect testing)"
check 'and as not' '2 error expect.mode=error policy.mode-testing=info' "$(one policy-testing --expect enforce)"

# The manners (rules 16 and 29).
before=$(grep -c 'mta-sts.smtp-multi-line' "$LAB_DIR/log/access")
check 'two domains of one host' '0 ok -' "$(one smtp-multi-line --helo probe.example)"
check 'one GET' 1 $(($(grep -c 'mta-sts.smtp-multi-line' "$LAB_DIR/log/access") - before))

if [ -z "$why" ]; then
  check 'real servers, one after the other' '0 ok -' "$(one real-postfix)"
  check 'the commands that Postfix saw' 'ehlo=1 starttls=1 quit=1 commands=3' "$(postfix_commands)"
  check 'postscreen has waited in vain' '' "$(grep PREGREET "$postfix_log")"
  check 'and let it pass' '.*PASS NEW.*' "$(grep "PASS" "$postfix_log" | tail -n 1)"
  check 'the commands that Exim saw' 'C=EHLO,STARTTLS,QUIT' "$(exim_commands)"
fi

# No private address is connected to (all of the lab's are such).
sed 's/allow_private = true//' "$conf" >"$LAB_DIR/public.conf"
"${run_as[@]}" "$MTASTS" --config "$LAB_DIR/public.conf" --json check --state "$state" good.check.example \
  >"$LAB_DIR/check.json" 2>"$LAB_DIR/check.err"
check 'private addresses: exit code' 2 $?
read_findings
check 'private addresses' 'host.private-address=error mx.private-address=error' "${found_of[good.check.example]}"

# Who answers no question is no fault of the domain.
check 'a dead resolver: exit code' 3 "$(run_check --resolver "$DROP" good.check.example record-case.check.example)"
read_findings
check 'a dead resolver' 'check.resolver=unknown' "${found_of[good.check.example]}"
check 'a dead resolver, another domain' 'check.resolver=unknown' "${found_of[record-case.check.example]}"

# Memory: the policy changes under one id, and is put back.
policy_file=$LAB_DIR/www/mta-sts.good.check.example/.well-known/mta-sts.txt
cp "$policy_file" "$LAB_DIR/policy.saved"
sed -i s/1209600/1209601/ "$policy_file"
check 'another policy under the same id' '1 warning change.id-unchanged=warning' "$(one good)"
cp "$LAB_DIR/policy.saved" "$policy_file"
check 'the policy is as it was' '0 ok -' "$(one good)"

# The memories: made if they are missing, damaged, in a place that cannot be, and of calls side by side.
state=$LAB_DIR/new/deep/state
check 'a directory of memories is made' '0 ok -' "$(one good)"
check 'with one file' good.check.example "$(ls -A "$state")"
echo '{' >"$state/good.check.example"
check 'a damaged memory' '0 ok check.state=info' "$(one good)"
check 'it is begun afresh' '0 ok -' "$(one good)"
state=$LAB_CONF
check 'a file in the place of the directory' '0 ok check.state=info' "$(one good)"
state=$LAB_DIR/check-beside
beside=()
for _ in 1 2 3 4 5 6; do
  mtasts --json check --state "$state" good.check.example >>"$LAB_DIR/beside.json" &
  beside+=($!)
done
wait "${beside[@]}"
check 'six calls side by side' '6 ok' "$(jq -r .status "$LAB_DIR/beside.json" | sort | uniq -c | xargs)"
check 'and nothing is left of them' good.check.example "$(ls -A "$state")"

# The verdict of a call with several domains names each of them.
mtasts check --state "$state" good.check.example tlsrpt-absent.check.example smtp-busy.check.example >"$LAB_DIR/check.text"
check 'several domains: exit code' 1 $?
check 'several domains: the verdict' 'MTA-STS WARNING - tlsrpt-absent\.check\.example: 1 warning \(tlsrpt\.absent\); smtp-busy\.check\.example: 1 not judged \(smtp\.not-judged\); good\.check\.example: no fault \| errors=0;.*' \
  "$(head -n 1 "$LAB_DIR/check.text")"
check 'no line but the first and those to be pasted is longer than 80 columns' '' \
  "$(sed 1d "$LAB_DIR/check.text" | grep -E '.{81}' | grep -vE '^    [^ ]+(\. IN .*)?$')"

# Results of reports beside a check of now.
of_report() { # RESULT NAME
  jq -cn --arg domain "$2.check.example" --arg result "$1" '{"organization-name": "Org", "report-id": "1",
    "contact-info": "a@org.example", "date-range": {"start-datetime": "2026-03-01T00:00:00Z",
    "end-datetime": "2026-03-01T23:59:59Z"}, "policies": [{"policy": {"policy-type": "sts", "policy-domain": $domain},
    "summary": {"total-successful-session-count": 1, "total-failure-session-count": 1},
    "failure-details": [{"result-type": $result, "failed-session-count": 1}]}]}' |
    "${run_as[@]}" "$MTASTS" --config "$conf" --json report show --check - | jq -r '.results[0].check.text'
}
while IFS='|' read -r result name wanted; do
  check "a report's $result of $name beside a check of now" "$wanted" "$(of_report "$result" "$name")"
done <<'CASES'
certificate-expired|smtp-expired|still so: smtp\.cert-expired mx\.smtp-expired\.check\.example \[.*\]
certificate-expired|good|not seen by a check of now
starttls-not-supported|smtp-refuses|still so: smtp\.starttls-refused mx\..*
certificate-not-trusted|smtp-plain|not judged: smtp\.starttls-missing mx\..*
certificate-not-trusted|smtp-busy|not judged: smtp\.not-judged mx\..*
sts-webpki-invalid|host-expired|still so: host\.cert-expired mta-sts\.host-expired\.check\.example
sts-policy-fetch-error|http-404|still so: http\.status https://mta-sts\.http-404\..*
sts-policy-invalid|http-404|not judged: http\.status .*
sts-policy-invalid|policy-bom|still so: policy\.invalid .*
sts-policy-invalid|good|not seen by a check of now
validation-failure|good|not judged: no handshake fails now; only the sender knows other causes
CASES

[ -n "$why" ] || drop_receivers
