# Mail through real Postfix, with mtastsd as its table of TLS policies, and mtasts-milter. Needs root,
# and Postfix in a root of its own (./roots). In CI (CI=1) it is a failure if it cannot run.
# shellcheck shell=bash
. "$here/postfix.sh"

expect() { # WHAT RECIPIENT OUTCOME
  check "$1" "$(fated "$3")" "$(fate "$2")"
}
expect_held() { # WHAT RECIPIENT: no policy was to be had
  expect "$1" "$2" 'deferred client TLS configuration problem'
}

restart_mtastsd() { # as start_mtastsd
  stop mtastsd
  start_mtastsd "$@"
}
restart_postfix() {
  stop postfix
  start_postfix
}
ask() { "$LAB_TOOLS/ask" "$POSTFIX_DIR/run/ask.sock" "$@"; }

# The whole table; each recipient is named after $as, the run.
deliver_all() {
  each_delivery send_one
  settle
  each_delivery check_one
}
send_one() { send "$as@$domain"; }
check_one() {
  local limit=${limits[$name]:-}
  expect "$as, $name: $proves${limit:+ (Postfix $postfix_version: $limit)}" "$as@$domain" \
    "${limit:-${words[$name]:-$outcome}}"
  if knows_sts && [ "$outcome" = 'deferred none of its MX hosts' ]; then
    check "$as, $name: the mail log names the host" ".*MX name '[^ ']*' does not match STS MX pattern for '$domain'" \
      "$(grep "STS MX pattern for '$domain'" "$postfix_log" | tail -n 1)"
  fi
  check_flagged "${limit:-$outcome}"
}

# The milter's log of that message.
check_flagged() { # OUTCOME
  local verdict=${policy%% *} id=20260101T000000 mode=${policy%% *} protected=no risk='' line
  [ "$verdict" != - ] || verdict=none id=-
  if [ "$outcome" = 'deferred none of its MX hosts' ]; then
    risk=' at_risk=yes first_mx=[^ ]+ action=accept'
  elif [ "$verdict" = enforce ]; then
    protected=yes
  fi
  line="from=<?sender@lab.example>? domain=$domain verdict=$verdict mode=$mode id=$id mx=[0-9]+/[0-9]+"
  check "$as, $name: what the milter logs" "$line dane=none source=(network|cache) ms=[0-9]+$risk" \
    "$(milter_lines "$as@$domain")"
  case $1 in
    verified* | tls* | clear*)
      check "$as, $name: its flag" "protected=$protected;verdict=$verdict;domain=$domain;id=$id" \
        "$(flags "$as@$domain")"
      ;;
  esac
}

declare -A flag=(
  [good]='protected=yes;verdict=enforce;domain=good.mail.example;id=20260101T000000'
  [testing]='protected=no;verdict=testing;domain=testing.mail.example;id=20260101T000000')

# Without its table Postfix delivers nothing to other hosts, whatever our cache on disk knows.
check_away() {
  local domain
  stop mtastsd
  for domain in {good,testing,no-policy}.mail.example lab.example; do send "away@$domain"; done
  settle
  expect_held 'mtastsd away, a policy in its cache' away@good.mail.example
  expect_held 'mtastsd away, mode testing' away@testing.mail.example
  expect_held 'mtastsd away, no policy' away@no-policy.mail.example
  check 'mtastsd away: mail to this host is delivered' 'sent none .* \|' "$(fate away@lab.example)"
  start_mtastsd
  flush
  expect 'mtastsd back' away@good.mail.example verified
  expect 'mtastsd back' away@testing.mail.example tls
  expect 'mtastsd back' away@no-policy.mail.example tls
  check 'mtastsd away: the milter reads the cache' "${flag[good]}" "$(flags away@good.mail.example)"
}

check_milter() {
  local good=good.mail.example testing=testing.mail.example lines many
  reload milter "milter { networks = {\"${MAIL[this]}\"} local_domains = {\"lab.example\"} }"
  send mixed@{good.mail.example,lab.example}
  send two@{good,testing}.mail.example
  send one@$good another@$good
  send forged@$testing -- 'X-MTA-STS: protected=yes; verdict=enforce' 'x-mta-sts: forged'
  send no@$good -- 'TLS-Required: No'
  submit out@$good "${MAIL[this]}" 'X-MTA-STS: forged' >"$LAB_DIR/out"
  submit in@$good "${MAIL[plain]}" 'X-MTA-STS: forged' >>"$LAB_DIR/out"
  mapfile -t many < <(yes 'X-MTA-STS: forged' | head -10000)
  submit most@$good "${MAIL[this]}" "${many[@]:0:32}" >/dev/null
  check 'ten thousand forged flags' '550 5.7.1 the message has 10000 header fields named X-MTA-STS, .*' \
    "$(submit many@$good "${MAIL[plain]}" "${many[@]}")"
  settle
  check 'two domains: neither gets the other's flags' - "$(flags two@$good)"
  check 'two domains: neither gets the other's flags' - "$(flags two@$testing)"
  lines=$(milter_lines two@$good | grep -o 'domain=[^ ]* verdict=[^ ]*')
  check 'two domains: a line each' \
    "domain=$good verdict=enforce"$'\n'"domain=$testing verdict=testing" "$lines"
  check 'a colleague here is a recipient too' - "$(flags mixed@$good)"
  check 'but his domain is not looked up' "domain=$good" \
    "$(milter_lines mixed@$good | grep -o 'domain=[^ ]*')"
  check 'two recipients of one domain' "${flag[good]}" "$(flags one@$good)"
  check 'two recipients of one domain' "${flag[good]}" "$(flags another@$good)"
  check 'a forged flag is replaced' "${flag[testing]}" "$(flags forged@$testing)"
  check 'TLS-Required: No' "${flag[good]/=yes/=no};tls_required=no" "$(flags no@$good)"
  check 'by SMTP' '250 .*queued as .*250 .*queued as .*' "$(cat "$LAB_DIR/out")"
  check 'by SMTP, from one of our networks' "${flag[good]}" "$(flags out@$good)"
  check 'as many forged flags as are removed' "${flag[good]}" "$(flags most@$good)"
  check 'by SMTP, from elsewhere: no flag, nor a forged one' - "$(flags in@$good)"

  reload milter 'milter { on_at_risk = "quarantine" }'
  send hold@{good,unlisted}.mail.example
  settle
  check 'at risk, quarantine: held' 'hold hold@good.mail.example hold@unlisted.mail.example' "$(
    in_root postfix postqueue -j | jq -r 'select(.queue_name == "hold") |
      [.queue_name, .recipients[].address] | join(" ")')"
  reload milter "milter { on_at_risk = \"reject\" networks = {\"${MAIL[this]}\"} }"
  check 'at risk, reject: refused at once' \
    '550 5.7.1 unlisted.mail.example demands by its MTA-STS policy \(RFC 8461, id 20260101T000000\) .*' \
    "$(submit reject@unlisted.mail.example "${MAIL[this]}")"
  reload mtastsd 'site_mode = "monitor"'
  send week@$good
  settle
  check 'monitor: nothing is protected' "${flag[good]/=yes/=no}" "$(flags week@$good)"
  reload mtastsd

  stop milter
  send alone@$good
  settle
  expect 'milter away: mail goes' alone@$good verified
  check 'milter away: without a flag' - "$(flags alone@$good)"
}

# A record that cannot be looked up: a cached policy governs; without one, none does.
check_dns() {
  local domain=self-signed.mail.example
  unbound() { unbound-control -q -c "$LAB_DIR/unbound.conf" "$@"; }
  unbound local_zone "_mta-sts.$domain" refuse
  ask refresh $domain >/dev/null
  send cached@$domain
  settle
  expect 'no DNS, a policy cached' cached@$domain 'deferred certificate'
  ask remove $domain >/dev/null
  send nothing@$domain
  settle
  expect 'no DNS, nothing cached' nothing@$domain tls
  unbound local_zone_remove "_mta-sts.$domain"
  ask refresh $domain >/dev/null
  send again@$domain
  settle
  expect 'DNS again' again@$domain 'deferred certificate'
}

# So many wait for a slow policy host that there is no room for Postfix.
check_unknown() {
  local domain=silent-after-tls.example crowd i
  restart_mtastsd 'https { timeout = 20 }'
  "$LAB_TOOLS/ask" -c "$POSTFIX_DIR/run/socketmap.sock" 256 postfix $domain >/dev/null &
  crowd=$!
  for ((i = 0; i < 100 && $(count waiting) < 256; i++)); do sleep 0.02; done
  send deliver@$domain
  settle
  expect 'nothing known in time, on_unknown deliver' deliver@$domain tls
  reload mtastsd 'https { timeout = 20 }' 'ask { on_unknown = "defer" }'
  send defer@$domain
  settle
  expect_held 'nothing known in time, on_unknown defer' defer@$domain
  check 'the mail log says why' \
    ".* temporary error: the MTA-STS policy of $domain could not be looked up in time, and on_unknown .*" \
    "$(grep 'temporary error' "$postfix_log" | tail -n 1)"
  check 'both while the look-up went on' 1 "$(count in_flight)"
  kill $crowd
  wait $crowd 2>/dev/null
  kill -KILL "$(cat "$LAB_DIR/mtastsd.started")" # it would wait for the look-up
}
count() { ask stats . | sed 's/^OK //' | jq ".$1"; } # COUNTER

check_overrides() {
  restart_mtastsd 'override "no-starttls.mail.example" { mode = "none" }' \
    'override "unlisted.mail.example" { mode = "testing" mx = {"mx.unlisted.mail.example"} }' \
    'override "good.mail.example" { mode = "enforce" mx = {"*.elsewhere.example"} }' \
    'override "no-policy.mail.example" { mode = "enforce" mx = {"mx.no-policy.mail.example"} }'
  send override@{no-starttls,unlisted,good,no-policy}.mail.example
  settle
  expect 'override: none' override@no-starttls.mail.example clear
  expect 'override: testing' override@unlisted.mail.example tls
  expect 'override: other MX hosts' override@good.mail.example 'deferred none of its MX hosts'
  expect 'override: enforce' override@no-policy.mail.example 'deferred certificate'
}

check_monitor() {
  restart_mtastsd 'site_mode = "monitor"'
  send monitor@{good,unlisted,no-starttls,self-signed}.mail.example
  settle
  expect 'monitor' monitor@good.mail.example tls
  expect 'monitor, an MX not listed' monitor@unlisted.mail.example tls
  expect 'monitor, no STARTTLS' monitor@no-starttls.mail.example clear
  expect 'monitor, a bad certificate' monitor@self-signed.mail.example tls
}

# RFC 8461 section 3.4: if mail goes to a smart host, the policy is that host's.
check_next_hops() {
  local hop
  restart_mtastsd
  send hop@{host,port,service,mx,other,address}.lab.example
  settle
  for hop in host port service; do
    expect "next hop in brackets: $hop" "hop@$hop.lab.example" 'verified implicit.mail.example'
  done
  expect 'next hop without brackets' hop@mx.lab.example 'verified mx.good.mail.example'
  expect 'next hop that its policy does not list' hop@other.lab.example 'deferred none of its MX hosts'
  expect 'next hop that is an address' hop@address.lab.example clear
  restart_mtastsd 'socketmap { bracketed = false }'
  send free@{host,other,mx}.lab.example
  settle
  expect 'not bracketed' free@host.lab.example 'tls implicit.mail.example'
  expect 'not bracketed, not listed' free@other.lab.example 'tls implicit-other.mail.example'
  expect 'without brackets there is a policy' free@mx.lab.example 'verified mx.good.mail.example'
}

check_relayhost() {
  restart_mtastsd
  postfix_conf 'relayhost=[implicit.mail.example]:25'
  restart_postfix
  send relay@no-starttls.mail.example
  settle
  expect "the relay host's own policy" relay@no-starttls.mail.example 'verified implicit.mail.example'
}

# Our advice for one of the limits: a 5xx to STARTTLS holds mail back, as RFC 8461 section 5 asks.
advice='regexp:{{/^5(\.[0-9.]+ TLS is required, but host .* refused to start TLS: .*)/ 4$$1}}'
check_advice() {
  postfix_conf relayhost= "smtp_delivery_status_filter=$advice"
  restart_postfix
  send advice@{starttls-502,null-mx}.mail.example
  settle
  expect 'advice: a 5xx to STARTTLS' advice@starttls-502.mail.example 'deferred refused to start TLS'
  expect 'advice: what else is for good' advice@null-mx.mail.example bounced
}

# Prepares that; $told_at becomes the setting of mtasts.conf.
told_at=()
chroot_outcomes() {
  knows_sts || return 0
  told_at=("outcome { socket = \"$outcome_socket\" }")
  tap_at=$mta_root$outcome_socket
  install -d -m 2750 "$mta_root${outcome_socket%/*}" &&
    chroot "$mta_root" chown daemon:postfix "${outcome_socket%/*}" &&
    postfix_conf smtp_tlsrpt_enable=yes smtp_tlsrpt_socket_name=mtasts/tlsrpt.sock
}

# Postfix in its chroot tells at a socket below its queue directory, or its log is read.
outcome_socket=/var/spool/postfix/mtasts/tlsrpt.sock
check_outcomes() {
  if knows_sts; then
    told_by_socket() { check_outcome postfix-tlsrpt; }
    each_delivery told_by_socket
    stop_tap
    check_own_mail
  else
    told_by_log() { check_outcome postfix-log; }
    start_tap || return
    follow_log "$postfix_log" --from-start --once 2>"$LAB_DIR/out"
    check 'outcome follow: what it cannot tell' '.*not_told=[1-9][0-9]* .* no_tls_lines=0 not_checked=[1-9].*' "$(<"$LAB_DIR/out")"
    each_delivery told_by_log
    check_killed
    stop_tap
  fi
}

# Report mail is not reported on (RFC 8460 section 5.3).
check_own_mail() {
  start_tap || return
  send own@good.mail.example -- 'TLS-Required: No'
  settle
  stop_tap
  check 'TLS-Required: No: delivered' 'sent .*' "$(fate own@good.mail.example)"
  check 'TLS-Required: No: not told' '' "$(cat "$LAB_DIR/datagrams")"
}

# outcome follow is killed again and again; what is told is the same.
check_killed() {
  local i
  : >"$LAB_DIR/datagrams"
  for i in {1..40}; do send "killed$i@good.mail.example"; done
  for i in {1..12}; do
    follow_log "$postfix_log" >/dev/null 2>&1 &
    disown
    sleep 0.2
    kill -KILL $! 2>/dev/null
  done
  settle
  follow_log "$postfix_log" --once 2>/dev/null
  sleep 0.2
  check 'outcome follow, killed: no outcome is lost or doubled' 40 \
    "$(jq -r 'select(.d == "good.mail.example") | .d' "$LAB_DIR/datagrams" | wc -l)"
}

house='inline:{house-rule.mail.example=encrypt}'
if why=$(root_cannot_run postfix); then
  skip "$why"
elif open_postfix && raise_postfix "$house, $inet_map" "$inet_milter" &&
  chroot_outcomes && start_mtastsd "milter { listen = \"$inet_milter\" }" "${told_at[@]}" && start_milter && start_postfix; then
  ! knows_sts || start_tap
  as=chroot deliver_all
  check_outcomes
  stop postfix
  stop milter
  leave_chroot
  postfix_conf "smtp_tls_policy_maps=$house, $unix_map" "smtpd_milters=$unix_milter"
  write_mtastsd_conf
  start_milter
  start_postfix
  as=postfix deliver_all
  check_away
  check_milter
  check_dns
  check_unknown
  check_overrides
  check_monitor
  check_next_hops
  check_relayhost
  check_advice
  stop postfix
  stop mtastsd
else
  failed=$((failed + 1))
fi
