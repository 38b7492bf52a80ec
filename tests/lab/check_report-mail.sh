# Reports through real MTAs: Exim and Postfix take them from `mtasts report send`, deliver them by SMTP although the
# policy of the receiving domain fails, and tell nothing of that session. Needs root: MTAs run as themselves.
# shellcheck shell=bash

day=$(date -u -d '-2 days' +%F) today=$(date -u +%F)
record=${LAB_TOOLS%/tests/lab}/tests/tool/record_outcomes
got=$LAB_DIR/report-mail
collector=''
trap 'kill -KILL $collector 2>/dev/null' EXIT

settings='report { organization = "Lab" contact = "tls@lab.example" from = "reports@lab.example" }'
datagram='{"d":"mail-report.example","policies":[{"policy-type":2,"policy-domain":"mail-report.example","f":0}]}'

arrived() { # waits until a mail has come; prints what rfc8460.py says of it
  local i
  for ((i = 0; i < 400; i++)); do
    [ -z "$(find "$got" -name '*.eml')" ] || break
    sleep 0.05
  done
  "$here/rfc8460.py" "$got"/*.eml 2>&1
}
recorded() { # the sessions of today that mtastsd knows of
  sleep 2 # outcomes are on disk within a second
  "$MTASTS" --json report status --day "$today" | jq -r '"\(.policy_domain) \(.successful) \(.failed)"' | paste -sd,
}

check_reports() { # MTA
  local before
  rm -f "$got"/*
  check "$1: mail to that domain waits, as its policy says" '(==|deferred) .*' "$(fate x@rx.enforced.example)"
  before=$(recorded)
  in_root "$1" "$record" /etc/mtasts/mtasts.conf "$day" <<<"$datagram"
  "$MTASTS" --json report send --day "$day" >"$got/said" 2>"$got/err"
  check "$1: a report is sent" 'sent 1' "$(jq -r '"\(.status) \(.attempts)"' "$got/said" || cat "$got/err")"
  arrived >"$got/checked"
  check "$1: it arrives in clear, as RFC 8460 has it" 'mail-report.example tls@rx.enforced.example reports@lab.example 1' \
    "$(jq -r '"\(.domain) \(.to[0]) \(.from) \(.successful)"' "$got/checked" 2>&1 || cat "$got/checked")"
  check "$1: its envelope" 'MAIL FROM:<reports@lab.example>.*RCPT TO:<tls@rx.enforced.example>.*' "$(cat "$got"/*.head)"
  check "$1: again nothing is sent" 1 "$("$MTASTS" report send --day "$day" >/dev/null; find "$got" -name '*.eml' | wc -l)"
  check "$1: no outcome of the session that carried it" "$before" "$(recorded)"
  "$MTASTS" report selftest test@rx.enforced.example >"$got/said" 2>&1
  check "$1: selftest says what to look for" '.*DKIM-Signature.*d= lab.example.*' "$(<"$got/said")"
}

raise_collector() { # once for both MTAs
  [ -z "$collector" ] || return 0
  mkdir -p "$got"
  "$here/collector.py" "$got" smtp "${MAIL[collector]}" 25 2>/dev/null &
  collector=$!
  disown
  local i
  for ((i = 0; i < 200; i++)); do
    ! { : >"/dev/tcp/${MAIL[collector]}/25"; } 2>/dev/null || return 0
    sleep 0.05
  done
}

. "$here/exim.sh"
if why=$(exim_cannot_run); then
  skip "$why"
elif raise_exim && tool_in_root exim && raise_collector && start_mtastsd "$settings"; then
  # The macros of Debian's configuration, as docs/tlsrpt.md has them.
  { echo 'DKIM_SIGN_HEADERS = _DKIM_SIGN_HEADERS:=TLS-Report-Domain:=TLS-Report-Submitter'; cat "$EXIM_DIR/debian.conf"; } \
    >"$mta_etc/exim4/exim4.conf"
  send debian x@rx.enforced.example
  check_reports exim
  check 'exim: and so are the fields of the report' '.*h=[^;]*TLS-Report-Submitter:TLS-Report-Domain:.*' \
    "$(sed -n '/^DKIM-Signature/I,/^[A-Z]/p' "$(find "$got" -name '*.eml' | head -n 1)" | tr -d '\r\n\t ')"
  stop mtastsd
else
  failed=$((failed + 1))
fi

. "$here/postfix.sh"
if why=$(root_cannot_run postfix); then
  skip "$why"
elif open_postfix && tool_in_root postfix && raise_postfix "$inet_map" && raise_collector && start_mtastsd "$settings" && start_postfix; then
  # Before 3.10 it knows no TLS-Required: reports go by a transport of their own, as docs/tlsrpt.md has it.
  if ! printf '%s\n' 3.10 "$postfix_version" | sort -CV; then
    postfix_conf 'sender_dependent_default_transport_maps=inline:{{reports@lab.example=reports:}}'
    in_root postfix postconf -M \
      'reports/unix=reports unix - - y - - smtp -o { smtp_tls_policy_maps = } -o { smtp_tls_security_level = may }'
    touch -d '-1 minute' "$mta_etc/postfix/master.cf"
    in_root postfix postfix reload 2>/dev/null
  fi
  send x@rx.enforced.example
  settle
  check_reports postfix
  stop postfix
  stop mtastsd
else
  failed=$((failed + 1))
fi
