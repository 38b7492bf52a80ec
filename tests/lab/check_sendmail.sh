# Mail through real Sendmail, with mtastsd, contrib/sendmail and mtasts-milter. Needs root, and
# Sendmail in a root of its own (./roots). In CI (CI=1) it is a failure if it cannot run.
# shellcheck shell=bash
. "$here/sendmail.sh"

expect() { # WHAT RECIPIENT OUTCOME
  check "$1" "$(fated "$3")" "$(fate "$2")"
}

restart_mtastsd() { # as start_mtastsd
  stop mtastsd
  start_mtastsd "$@"
}
restart_sendmail() {
  stop sendmail
  start_sendmail
}
ask() { "$LAB_TOOLS/ask" "$SENDMAIL_DIR/run/ask.sock" "$@"; }
# Sendmail's test mode, in which it answers and sends nothing.
sendmail_bt() { # LINE…
  printf '%s\n' "$@" | in_root sendmail sendmail -bt "${bt_conf[@]}" 2>&1
}
bt_conf=()

# The whole table; each recipient is named after $as, the run.
deliver_all() {
  clear_queue
  each_delivery send_one
  wait
  settle
  each_delivery check_one
}
send_one() { send "$as@$domain" & }
check_one() {
  expect "$as, $name: $proves" "$as@$domain" "${words[$name]:-$outcome}"
  check_flagged
}

# The milter's log of that message.
check_flagged() {
  local verdict=${policy%% *} id=20260101T000000 mode=${policy%% *} protected=no risk='' line
  [ "$verdict" != - ] || verdict=none id=-
  if [ "$outcome" = 'deferred none of its MX hosts' ]; then
    risk=' at_risk=yes first_mx=[^ ]+ action=accept'
  elif [ "$verdict" = enforce ]; then
    protected=yes
  fi
  line="from=<sender@lab.example> domain=$domain verdict=$verdict mode=$mode id=$id mx=[0-9]+/[0-9]+"
  check "$as, $name: what the milter logs" "$line dane=none source=(network|cache) ms=[0-9]+$risk" \
    "$(milter_lines "$as@$domain")"
  case ${words[$name]:-$outcome} in
    verified* | tls* | clear*)
      check "$as, $name: its flag" "protected=$protected;verdict=$verdict;domain=$domain;id=$id" \
        "$(flags "$as@$domain")"
      ;;
  esac
}

# Several recipients in one message, several messages in one run through the queue.
check_together() {
  local i many=()
  clear_queue
  for i in {1..20}; do many+=("r$i@shared-enforce.mail.example"); done
  send "${many[@]}"
  send one@{shared-enforce,shared-none,shared-second,shared-testing}.mail.example
  send two@shared-{none,second}.mail.example
  send three@{nxdomain,self-signed,wrong-name}.mail.example
  send four@faulty-{enforce,none}.mail.example
  send five@{nxdomain,unlisted}.mail.example
  settle
  for i in "${many[@]}"; do expect 'twenty recipients' "$i" verified; done
  check 'twenty recipients, one delivery' 1 "$(grep -c 'to=r[0-9]*@' "$LAB_DIR/mail")"
  for i in shared-{enforce,none,second,testing}; do
    expect 'four domains on one MX' "one@$i.mail.example" verified
  done
  expect 'the first recipient has no policy' two@shared-none.mail.example tls
  expect 'the second is not taken along' two@shared-second.mail.example 'deferred certificate'
  expect 'one recipient fails for good' three@nxdomain.mail.example bounced
  expect 'the others do not' three@self-signed.mail.example 'deferred certificate'
  expect 'the others do not' three@wrong-name.mail.example 'deferred certificate'
  expect 'an MX with a bad certificate' four@faulty-enforce.mail.example 'deferred certificate'
  expect 'who goes to it in the same message waits too' four@faulty-none.mail.example 'deferred certificate'
  expect "Sendmail's limit: after one that fails for good an unlisted MX does so too" five@unlisted.mail.example bounced
  run_queue
  expect 'it goes by itself' two@shared-second.mail.example verified

  clear_queue
  for i in 1 2; do queue "q$i@good.mail.example"; queue "q$i@upper.mail.example"; done
  run_queue
  for i in 1 2; do
    expect 'one run through the queue' "q$i@good.mail.example" verified
    expect 'one run through the queue' "q$i@upper.mail.example" verified
  done
}

# Sendmail asks mtastsd alone. While that is away it sends nothing to other hosts, whatever our cache knows.
check_away() {
  local as domain
  clear_queue
  for as in away stalled; do
    if [ $as = away ]; then stop mtastsd; else start_mtastsd && kill -STOP "$(cat "$LAB_DIR/mtastsd.started")"; fi
    for domain in {good,testing,no-policy}.mail.example; do send "$as@$domain" & done
    send $as@{nxdomain,upper}.mail.example &
    wait
  done
  settle
  for as in away stalled; do
    expect "mtastsd $as, a policy in its cache" $as@good.mail.example held
    expect "mtastsd $as, mode testing" $as@testing.mail.example held
    expect "mtastsd $as, no policy" $as@no-policy.mail.example held
    expect "mtastsd $as, another recipient fails for good" $as@upper.mail.example held
  done
  kill -CONT "$(cat "$LAB_DIR/mtastsd.started")"
  run_queue
  for as in away stalled; do
    expect "mtastsd $as, and back" $as@good.mail.example verified
    expect "mtastsd $as, and back" $as@testing.mail.example tls
    expect "mtastsd $as, and back" $as@no-policy.mail.example tls
    expect "mtastsd $as, and back" $as@upper.mail.example verified
  done
}

# A record that cannot be looked up: a cached policy governs; without one, none does.
check_dns() {
  local domain=self-signed.mail.example
  unbound() { unbound-control -q -c "$LAB_DIR/unbound.conf" "$@"; }
  unbound local_zone "_mta-sts.$domain" refuse
  ask refresh $domain >/dev/null
  send cached@$domain
  ask remove $domain >/dev/null
  send nothing@$domain
  unbound local_zone_remove "_mta-sts.$domain"
  ask refresh $domain >/dev/null
  send again@$domain
  settle
  expect 'no DNS, a policy cached' cached@$domain 'deferred certificate'
  expect 'no DNS, nothing cached' nothing@$domain tls
  expect 'DNS again' again@$domain 'deferred certificate'
}

# mtastsd answers before Sendmail gives up, even if a policy host is slow.
check_unknown() {
  local domain=silent-after-tls.example
  restart_mtastsd 'https { timeout = 20 }'
  send deliver@$domain
  reload mtastsd 'https { timeout = 20 }' 'ask { on_unknown = "defer" }'
  send defer@$domain
  settle
  expect 'nothing known in time, on_unknown deliver' deliver@$domain tls
  expect 'nothing known in time, on_unknown defer' defer@$domain held
  kill -KILL "$(cat "$LAB_DIR/mtastsd.started")" # it would wait for the look-up
}

check_overrides() {
  local long
  printf -v long '"mx%d.long.example", ' {1..60}
  restart_mtastsd 'override "no-starttls.mail.example" { mode = "none" }' \
    'override "unlisted.mail.example" { mode = "testing" mx = {"mx.unlisted.mail.example"} }' \
    'override "good.mail.example" { mode = "enforce" mx = {"*.elsewhere.example"} }' \
    'override "no-policy.mail.example" { mode = "enforce" mx = {"mx.no-policy.mail.example"} }' \
    "override \"mode-none.mail.example\" { mode = \"enforce\" mx = {${long%, }} }" \
    "override \"testing.mail.example\" { mode = \"enforce\" mx = {${long%, }, \"mx.testing.mail.example\"} }" \
    'override "shared-second.mail.example" { mode = "enforce" mx = {"mx.elsewhere.example"} }'
  send override@{no-starttls,unlisted,good,no-policy,mode-none,testing}.mail.example
  send mistake@shared-{enforce,none,second}.mail.example
  settle
  expect 'override: none' override@no-starttls.mail.example clear
  expect 'override: testing' override@unlisted.mail.example tls
  expect 'override: other MX hosts' override@good.mail.example 'deferred none of its MX hosts'
  expect 'override: enforce' override@no-policy.mail.example 'deferred certificate'
  expect 'a policy that is too long for Sendmail' override@mode-none.mail.example held
  expect 'so long, but mtastsd knows what of it matters' override@testing.mail.example verified
  expect 'a domain forgets its MX host' mistake@shared-second.mail.example 'deferred none of its MX hosts'
  expect 'that holds up no other domain there' mistake@shared-enforce.mail.example verified
  expect 'that holds up no other domain there' mistake@shared-none.mail.example verified
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
  restart_mtastsd
  send hop@{host,mx,other,address}.lab.example hop@{upper,self-signed}.mail.example
  settle
  expect 'next hop in brackets' hop@host.lab.example 'verified implicit.mail.example'
  expect 'next hop without brackets' hop@mx.lab.example 'verified mx.good.mail.example'
  expect 'next hop that its policy does not list' hop@other.lab.example 'deferred none of its MX hosts'
  expect 'next hop that is an address' hop@address.lab.example clear
  expect 'by MX, in the same message' hop@upper.mail.example verified
  expect 'by MX, in the same message' hop@self-signed.mail.example 'deferred certificate'

  configure_sendmail "$unix_feature" "define(\`SMART_HOST', \`[implicit.mail.example]')dnl"
  restart_sendmail
  send smart@{no-starttls,unlisted,no-policy}.mail.example
  settle
  expect "a smart host's own policy" smart@no-starttls.mail.example 'verified implicit.mail.example'
  expect "a smart host's own policy" smart@unlisted.mail.example 'verified implicit.mail.example'
  expect "a smart host's own policy" smart@no-policy.mail.example 'verified implicit.mail.example'
}

# The site's own settings count as well.
check_house() {
  configure_sendmail "$unix_feature"
  printf 'LOCAL_TLS_RCPT\nRhouse@$*\t$#error $@ 4.7.1 $: "450 a rule of the house"\n' >>"$mta_etc/mail/sendmail.mc"
  in_root sendmail sh -c 'm4 /etc/mail/sendmail.mc >/etc/mail/sendmail.cf'
  access+=('Try_TLS:mx.upper.mail.example NO'
    TLS_Clt_Features:mx.{good,testing}'.mail.example Options=SSL_OP_NO_TLSv1_3')
  write_maps
  restart_sendmail
  send house@{good,no-policy}.mail.example
  send site@{good,testing,upper}.mail.example
  settle
  expect "the site's own rule" house@good.mail.example 'deferred a rule of the house'
  expect "the site's own rule" house@no-policy.mail.example 'deferred a rule of the house'
  check "the site's TLS options" '.* tls=TLSv1.2 sni=mx.good.mail.example' "$(fate site@good.mail.example)"
  check "the site's TLS options, no policy" '.* tls=TLSv1.2 sni=-' "$(fate site@testing.mail.example)"
  expect 'a host with which there is no TLS' site@upper.mail.example 'deferred did not offer TLS'
}

# The rules by themselves: what they make of an answer, of {verify} and of a certificate.
judged() { # ANSWER VERIFY HOST NAME-IN-CERTIFICATE
  printf 'a.example\t%s\n' "$1" | in_root sendmail makemap hash /etc/mail/sts
  sendmail_bt '.D{rcpt_addr}u@a.example' '.Dha.example' ".D{verify}$2" ".D{server_name}$3" ".C{cert_altnames}$4" \
    'Local_tls_rcpt u@a.example' | sed -n 's/^Local_tls_rcpt *returns: *//p'
}
check_rules() {
  local ok='u @ a \. example' error='\$# error .*' pool='secure match=.pool.example servername=hostname' long
  sed 's|^Ksts .*|Ksts hash -T<TMPF> /etc/mail/sts|' "$mta_etc/mail/sendmail.cf" >"$mta_etc/mail/rules.cf"
  bt_conf=(-C /etc/mail/rules.cf)
  check 'a wildcard certificate' "$ok" "$(judged "$pool" OK a.pool.example '*.pool.example')"
  check 'a wildcard certificate, upper case' "$ok" "$(judged "$pool" OK A.Pool.example '*.pool.EXAMPLE')"
  check 'a wildcard certificate, two labels' "$error has another name.*" \
    "$(judged "${pool/pool/b.pool}" OK a.b.pool.example '*.pool.example')"
  check 'a wildcard pattern, two labels' "$error does not list .*" \
    "$(judged "$pool" OK a.b.pool.example '*.b.pool.example')"
  pool='secure match=mx.example:pool.example servername=hostname'
  check 'the second of a list' "$ok" "$(judged "$pool" OK pool.example pool.example)"
  check 'a wildcard for a top-level domain' "$error has another name.*" "$(judged "$pool" OK pool.example '*.example')"
  check 'an MX whose name ends as a listed one' "$error does not list .*" \
    "$(judged "$pool" OK carpool.example carpool.example)"
  check 'an MX below a listed one' "$error does not list .*" "$(judged "$pool" OK a.pool.example a.pool.example)"
  check 'an answer that is cut off' "$error does not understand .*" \
    "$(judged 'secure match=a.pool.example' OK a.pool.example a.pool.example)"
  printf -v long 'mx%d.pool.example:' {1..30}
  pool="secure match=${long%:} servername=hostname"
  check 'the last of a long list' "$ok" "$(judged "$pool" OK mx30.pool.example mx30.pool.example)"
  check 'an MX whose name begins as the last one' "$error does not list .*" \
    "$(judged "$pool" OK mx30.pool.exampl mx30.pool.exampl)"
  printf -v long 'm%d.a.b:' {1..110}
  check 'a list that is too long' "$error no decision .*" \
    "$(judged "secure match=${long%:} servername=hostname" OK m1.a.b m1.a.b)"
  check 'TLS with anybody' "$ok" "$(judged encrypt FAIL a.pool.example b.example)"
  check 'TLS with anybody, and there is none' "$error no TLS with .*" \
    "$(judged encrypt NONE a.pool.example b.example)"
  check 'DANE, which is not for Sendmail' "$error no TLS with .*" "$(judged dane-only TEMP a.pool.example b.example)"
  bt_conf=()
}

# The commands that README.md gives a postmaster to try.
check_readme() {
  local domain=good.mail.example both
  check '/map sts' ".*returns secure match=mx.$domain servername=hostname \\(0\\)$" \
    "$(sendmail_bt "/map sts $domain" | grep map_lookup)"
  check '/map sts, no policy' '.*no match \(68\)$' "$(sendmail_bt '/map sts no-policy.mail.example' | grep map_lookup)"
  both='\*\*\* ERROR: FEATURE\(mtasts\) .* FEATURE\(sts\): .*'
  check 'both features: m4 says so' "$both" "$(configure_sendmail "$unix_feature" "FEATURE(\`sts')dnl")"
  check 'in the other order too' "$both" "$(configure_sendmail "FEATURE(\`sts')dnl" "$unix_feature")"
  check 'alone: m4 says nothing' '' "$(configure_sendmail "$unix_feature")"
}

declare -A flag=(
  [good]='protected=yes;verdict=enforce;domain=good.mail.example;id=20260101T000000'
  [testing]='protected=no;verdict=testing;domain=testing.mail.example;id=20260101T000000')

check_milter() {
  local good=good.mail.example testing=testing.mail.example lines many
  reload milter "milter { networks = {\"${MAIL[this]}\"} }"
  send mixed@{good,testing}.mail.example
  send alone@$good another@$good
  send forged@$testing -- 'X-MTA-STS: protected=yes; verdict=enforce' 'x-mta-sts: forged'
  send no@$good -- 'TLS-Required: No'
  submit "${MAIL[this]}" out@$good -- 'X-MTA-STS: forged' >/dev/null
  submit "${MAIL[plain]}" in@$good -- 'X-MTA-STS: forged' >/dev/null
  mapfile -t many < <(yes 'X-MTA-STS: forged' | head -1000) # it takes 32 KiB of header fields
  submit "${MAIL[this]}" most@$good -- "${many[@]:0:32}" >/dev/null
  check 'a thousand forged flags' '550 5.7.1 the message has 1000 header fields named X-MTA-STS, .*' \
    "$(submit "${MAIL[plain]}" many@$good -- "${many[@]}")"
  settle
  check 'two domains: neither gets the other's flags' - "$(flags mixed@$good)"
  check 'two domains: neither gets the other's flags' - "$(flags mixed@$testing)"
  lines=$(milter_lines mixed@$good | grep -o 'domain=[^ ]* verdict=[^ ]*')
  check 'two domains: a line each' \
    "domain=$good verdict=enforce"$'\n'"domain=$testing verdict=testing" "$lines"
  check 'two recipients of one domain' "${flag[good]}" "$(flags alone@$good)"
  check 'two recipients of one domain' "${flag[good]}" "$(flags another@$good)"
  check 'a forged flag is replaced' "${flag[testing]}" "$(flags forged@$testing)"
  check 'TLS-Required: No' "${flag[good]/=yes/=no};tls_required=no" "$(flags no@$good)"
  check 'from one of our networks' "${flag[good]}" "$(flags out@$good)"
  check 'as many forged flags as are removed' "${flag[good]}" "$(flags most@$good)"
  check 'from elsewhere: no flag, nor a forged one' - "$(flags in@$good)"

  reload milter 'milter { on_at_risk = "reject" }'
  check 'at risk, reject: refused at once' \
    '550 5.7.1 unlisted.mail.example demands by its MTA-STS policy \(RFC 8461, id 20260101T000000\) .*' \
    "$(submit 127.0.0.1 reject@unlisted.mail.example)"
  reload milter 'milter { on_at_risk = "quarantine" }'
  send hold@{good,unlisted}.mail.example
  check 'at risk, quarantine: held' 1 "$(in_root sendmail sendmail -Am -bp -qQ 2>&1 | grep -c 'QUARANTINE: ')"
  stop milter
  check 'milter away: mail waits outside (F=T)' '451 .*' "$(submit 127.0.0.1 without@$good)"
}

# What the log tells of those deliveries.
check_outcomes() {
  told_one() { check_outcome sendmail-log; }
  start_tap || return
  follow_log "$sendmail_log" --from-start --once 2>"$LAB_DIR/out"
  check 'outcome follow: what it cannot tell' '.*not_told=[1-9][0-9]* .* no_tls_lines=0 not_checked=[1-9].*' "$(<"$LAB_DIR/out")"
  stop_tap
  each_delivery told_one
}

if why=$(root_cannot_run sendmail); then
  skip "$why"
elif raise_sendmail "$inet_feature" && start_mtastsd && start_milter && start_sendmail; then
  as=inet deliver_all
  check_outcomes
  configure_sendmail "$unix_feature"
  restart_sendmail
  as=unix deliver_all
  check_together
  check_away
  check_dns
  check_unknown
  check_overrides
  check_monitor
  check_next_hops
  check_house
  check_rules
  check_readme
  restart_mtastsd
  restart_sendmail
  stop milter # it remembers that mtastsd stalled
  start_milter
  check_milter
  stop sendmail
  stop mtastsd
  stop syslog
else
  failed=$((failed + 1))
fi
