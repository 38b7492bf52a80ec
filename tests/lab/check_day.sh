# A day in the life of a site. Exim, Postfix and Sendmail deliver to the lab's domains; mtastsd records what they met,
# all in one store. A faked clock ends the day, and the reports leave through Exim by SMTP. rfc8460.py checks what
# arrives, and its counts are those of the deliveries. Needs root: MTAs run as themselves.
# shellcheck shell=bash

today=$(date -u +%F)
day_dir=$LAB_DIR/day got=$day_dir/got
collector=''
trap 'kill -KILL $collector 2>/dev/null' EXIT
mkdir -p "$got" && chmod 777 "$day_dir"

# Two sessions that succeed, and one for each kind of fault; from each MTA.
recipients=(a@good.mail.example b@good.mail.example a@wrong-name.mail.example a@expired.mail.example
  a@no-starttls.mail.example)
settings() {
  echo "outcome { socket = \"$mta_dir/run/tlsrpt.sock\" directory = \"$day_dir/outcomes\" }"
  echo 'report { organization = "Lab" contact = "tls@lab.example" from = "reports@lab.example" }'
}

raise_collector() {
  "$here/collector.py" "$got" smtp "${MAIL[collector]}" 25 2>/dev/null &
  collector=$!
  disown
  local i
  for ((i = 0; i < 200; i++)); do
    ! { : >"/dev/tcp/${MAIL[collector]}/25"; } 2>/dev/null || return 0
    sleep 0.05
  done
  return 1
}

by_exim() {
  local recipient
  for recipient in "${recipients[@]}"; do send plain "$recipient"; done
}
by_log() { # LOG: what an MTA that does not report itself has logged
  local recipient
  for recipient in "${recipients[@]}"; do send "$recipient"; done
  settle
  follow_log "$1" --from-start --once 2>"$day_dir/followed"
  local code=$?
  rm -f "$LAB_DIR/follow.position" # other parts begin at the start, too
  return $code
}

# The sums and the result types of the report about a domain that has arrived.
arrived() { # DOMAIN
  jq -r --arg d "$1" 'select(.domain == $d) | "\(.successful) \(.failed) \(.details | to_entries | map("\(.key)=\(.value)") | sort | join(" "))"' \
    "$day_dir/checked" | xargs
}

check_reports() {
  local i
  check 'the day that goes on is not sent' 64 "$("$MTASTS" report send --day "$today" >/dev/null 2>&1; echo $?)"
  faketime -f '+1d' "$MTASTS" --json report send --day "$today" >"$day_dir/sent" 2>"$day_dir/said"
  check 'each report is sent once' "$(printf '%s sent 1,' {expired,good,no-starttls,wrong-name}.mail.example)" \
    "$(jq -r 'select(.status != "no-record") | "\(.policy_domain) \(.status) \(.attempts)"' "$day_dir/sent" | sort | tr '\n' ','; cat "$day_dir/said")"
  for ((i = 0; i < 400; i++)); do
    [ "$(find "$got" -name '*.eml' | wc -l)" -lt 4 ] || break
    sleep 0.05
  done
  check 'what arrives is as RFC 8460 has it' 0 "$("$here/rfc8460.py" "$got"/*.eml >"$day_dir/checked" 2>"$day_dir/faults"; echo $?; cat "$day_dir/faults")"
  check 'six sessions succeeded' '6 0' "$(arrived good.mail.example)"
  check 'no STARTTLS, three times' '0 3 starttls-not-supported=3' "$(arrived no-starttls.mail.example)"
  check 'another name, three times' '0 3 certificate-host-mismatch=3' "$(arrived wrong-name.mail.example)"
  # Sendmail's log does not say that a certificate has expired.
  check 'expired, three times' '0 3 certificate-expired=2 validation-failure=1' "$(arrived expired.mail.example)"
  check 'a second run sends nothing' 4 \
    "$(faketime -f '+1d' "$MTASTS" report send --day "$today" >/dev/null; find "$got" -name '*.eml' | wc -l)"
}

if grep -qE '__(a|t)san_init' "$LAB_TOOLS/../../mtasts"; then
  skip 'faketime cannot be loaded before a sanitizer'
elif ! command -v faketime >/dev/null; then
  skip 'there is no faketime: apt-get install faketime'
elif why=$(
  . "$here/exim.sh"
  exim_cannot_run || root_cannot_run postfix || root_cannot_run sendmail
); then
  skip "$why"
else
  . "$here/sendmail.sh"
  raise_sendmail "$inet_feature" && start_mtastsd "$(settings)" && start_milter && start_sendmail && by_log "$sendmail_log"
  check 'Sendmail has delivered' 0 $?
  stop sendmail
  stop milter
  stop mtastsd
  . "$here/postfix.sh"
  open_postfix && raise_postfix "$inet_map" && start_mtastsd "$(settings)" && start_postfix && by_log "$postfix_log"
  check 'Postfix has delivered' 0 $?
  stop postfix
  stop mtastsd
  . "$here/exim.sh"
  raise_exim && tool_in_root exim && raise_collector && start_mtastsd "$(settings)"
  check 'Exim, and who takes the reports' 0 $?
  cp "$EXIM_DIR/debian.conf" "$mta_etc/exim4/exim4.conf" # what sendmail of that root reads
  by_exim
  sleep 1 # outcomes are on disk within a second
  check_reports
  stop mtastsd
fi
