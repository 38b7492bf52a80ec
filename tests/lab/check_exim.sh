# Mail through real Exim, with mtastsd, the plugin and contrib/exim. Needs root: Exim runs as
# itself. In CI (CI=1) it is a failure if it cannot run.
# shellcheck shell=bash
. "$here/exim.sh"

expect() { # WHAT RECIPIENT OUTCOME
  check "$1" "$(fated "$3")" "$(fate "$2")"
}

# The whole table by one configuration; each recipient is named after $as, the run.
deliver_all() { # CONFIGURATION
  local conf=$1
  clear_queue
  each_delivery send_one
  wait
  each_delivery check_one
}
send_one() { send "$conf" "$as@$domain" & }
check_one() { expect "$as, $name: $proves" "$as@$domain" "$outcome"; }

# The line in the main log about mail that a policy held back.
check_line() {
  case "$policy $outcome" in
    enforce*deferred*refused | *421 | *verified* | *bounced* | [!e]*) return ;;
  esac
  check "$name: one line says why" \
    "MTA-STS: deferred domain=$domain mx=[^ ]+ .*rule=\"[^\"]*RFC [^\"]*\" id=20260101T000000 .*remedy=\"mtasts query [^\"]*\"" \
    "$(grep -o "MTA-STS: deferred domain=$domain .*" "$EXIM_DIR/log/mainlog")"
}

# One session each, so that what was told is of that session.
check_outcomes() {
  told_one() { check_outcome exim; }
  start_tap || return
  as=plain deliver_all plain
  each_delivery told_one
  stop_tap
}

check_deliveries() {
  check_outcomes
  each_delivery check_line
  as=debian deliver_all debian
  check "Debian's macros for DKIM hold here too" '.* to=debian@good.mail.example .* dkim=yes .*' \
    "$(grep debian@good.mail.example "$LAB_DIR/mail")"
  as='split' deliver_all split
  check "Debian's macros for a smart host too" 'hosts_require_tls = smart.lab.example' \
    "$(exim relay -bP transport remote_smtp_opportunistic | grep ^hosts_require_tls)"
  check "Debian's macro for addresses that get no mail" '.*203.0.113.0/24' \
    "$(exim debian -be '${listnamed:mtasts_ignore}')"
}

# Mail to an alias, and its outcome, is about the name in the MX record.
check_alias() {
  reported() { # DOMAIN: result and MX of the failures that mtastsd knows of, each once
    grep -o "outcome domain=$1.mail.example .*" "$LAB_DIR/log/mtastsd" | grep -Eo '(result|mx)=[^ ]*' | sort -u | xargs
  }
  local name
  for name in alias alias-chain alias-listed alias-same alias-addresses testing-alias; do
    check "$name: nothing says that it was refused" '' \
      "$(reported $name)$(grep "MTA-STS: deferred domain=$name.mail.example" "$EXIM_DIR/log/mainlog")"
  done
  check 'alias: SNI' 'sni=mx.alias.mail.example' \
    "$(grep -E 'to=[a-z]*@alias.mail.example' "$LAB_DIR/mail" | grep -o 'sni=[^ ]*' | sort -u | xargs)"
  for name in alias-end alias-both; do
    check "$name: why" "mx=a.$name.mail.example result=certificate-host-mismatch" "$(reported $name)"
  done
  check 'alias-second: why' 'mx=mx.alias-second.mail.example result=certificate-not-trusted' "$(reported alias-second)"
  check 'alias-unlisted: why' 'mx=a.alias-unlisted.mail.example result=validation-failure' "$(reported alias-unlisted)"
  check 'testing-end: what is wrong' 'mx=a.testing-end.mail.example result=certificate-host-mismatch' "$(reported testing-end)"
  check 'testing-self: what is wrong' 'mx=mx.testing-self.mail.example result=certificate-not-trusted' "$(reported testing-self)"
  clear_queue
  send plain {one,two}@alias.mail.example three@alias-{addresses,end}.mail.example
  expect 'two recipients at an alias' one@alias.mail.example verified
  expect 'two recipients at an alias' two@alias.mail.example verified
  expect 'and at the second address of another' three@alias-addresses.mail.example verified
  expect 'and a certificate for the wrong name' three@alias-end.mail.example 'deferred certificate'
}

# The name servers have A records for a domain, and of its MX records say nothing.
check_dns() {
  local lines='MTA-STS: deferred domain=good.mail.example' before
  unbound() { unbound-control -q -c "$LAB_DIR/unbound.conf" "$@"; }
  clear_queue
  before=$(grep -c "$lines" "$EXIM_DIR/log/mainlog")
  unbound local_zone good.mail.example refuse
  unbound local_data "good.mail.example A ${MAIL[tls]}"
  send plain dns@good.mail.example
  check 'no answer for MX: it waits' '== .* defer .* \|' "$(fate dns@good.mail.example)"
  check 'and not for a policy that lists no MX' "$before" \
    "$(grep -c "$lines" "$EXIM_DIR/log/mainlog")"
  unbound local_zone_remove good.mail.example
  run_queue plain
  expect 'and goes when there is one' dns@good.mail.example verified
}

check_daemon() {
  local began_to_wait
  stop mtastsd
  as=cached deliver_all plain
  start_mtastsd
  kill -STOP "$(cat "$LAB_DIR/mtastsd.started")"
  as=stalled deliver_all plain
  began_to_wait=$SECONDS
  send plain late@{good,self-signed,shared-none}.mail.example
  check 'a stalled daemon is waited for once a message' '[0-4]' $((SECONDS - began_to_wait))
  kill -CONT "$(cat "$LAB_DIR/mtastsd.started")"
  as=again deliver_all plain
}

# mtastsd is away and its cache has nothing to say. A message that waits must not be lost.
with_cache() { # HOW COMMAND…
  local how=$1 recipient=$1@good.mail.example
  shift
  (cd "$EXIM_DIR/cache" && "$@")
  send plain "$recipient"
  expect "mtastsd away, cache $how, on_unknown defer" "$recipient" 'deferred MTA-STS: nothing is known'
  rm -rf "$EXIM_DIR/cache"/*
  cp -p "$EXIM_DIR"/good-cache/* "$EXIM_DIR/cache"
}

check_cache_files() {
  local file
  stop mtastsd
  cp -rp "$EXIM_DIR/cache" "$EXIM_DIR/good-cache"
  write_mtastsd_conf 'ask { on_unknown = "defer" }'
  clear_queue
  with_cache empty rm data.mdb lock.mdb
  with_cache truncated truncate -s 5000 data.mdb
  with_cache corrupt dd if=/dev/urandom of=data.mdb bs=4096 seek=2 count=6 conv=notrunc status=none
  with_cache linked ln -sf "$EXIM_DIR/good-cache/data.mdb" data.mdb
  with_cache fifo sh -c 'rm data.mdb && mkfifo -m 666 data.mdb'
  send plain whole@good.mail.example
  expect 'the same with the cache whole' whole@good.mail.example verified
  start_mtastsd
  run_queue plain
  for file in empty truncated corrupt linked fifo; do
    expect "what waited for cache $file" "$file@good.mail.example" verified
  done

  stop mtastsd
  write_mtastsd_conf 'ask { on_unknown = "deliver" }'
  rm "$EXIM_DIR/cache"/*
  send plain unknown@good.mail.example
  expect 'mtastsd away, nothing cached, on_unknown deliver' unknown@good.mail.example tls
  start_mtastsd
}

# A plugin that is no good holds mail back. None is lost, and none comes in another way.
with_plugin() { # HOW WHERE
  local how=$1 recipient
  rm -f "$plugin"
  [ -z "$2" ] || install_plugin "$2"
  clear_queue
  for recipient in "$how"@{abort,good,no-policy}.mail.example; do
    send debian "$recipient" 2>/dev/null
    check "plugin $how: $recipient waits" '(== .* defer .*(exim-mtasts.so|no decision).*)? \|' \
      "$(fate "$recipient")"
  done
  check "plugin $how: all of it is in the queue" 3 "$(exim debian -bpc)"
  check_incoming "plugin $how"
  install_plugin "$built_plugin"
  run_queue debian
  expect "plugin $how, then mended" "$how@good.mail.example" verified
  expect "plugin $how, then mended" "$how@no-policy.mail.example" tls
}

# It crashes once there is a connection, in Exim's child: Exim freezes such a message.
check_crash_on_the_way() {
  clear_queue
  install_plugin "$LAB_TOOLS/crash.so"
  send debian way@testing.mail.example 2>/dev/null
  check 'a crash on the way: it waits' '== .* T=remote_smtp_.* defer .*signal 6.* \|' \
    "$(fate way@testing.mail.example)"
  check 'a crash on the way: it is in the queue' 1 "$(exim debian -bp | grep -c way@)"
  install_plugin "$built_plugin"
  run_queue debian
  expect 'a crash on the way, then mended' way@testing.mail.example tls
}

# A client talks to us: verification of sender and recipients, a relay that is denied, a message.
incoming() { # CONFIGURATION
  printf '%s\r\n' 'EHLO client.example' 'MAIL FROM:<a@nxdomain.mail.example>' \
    'RCPT TO:<root@lab.example>' RSET 'MAIL FROM:<a@no-starttls.mail.example>' \
    'RCPT TO:<a@good.mail.example>' 'RCPT TO:<nobody.of.that.name@lab.example>' \
    'RCPT TO:<root@lab.example>' DATA 'Subject: in' '' hello . QUIT |
    exim "$1" -bs -oMa 203.0.113.9 2>&1 | grep -v '^220 ' | sed 's/ id=.*//'
}
check_incoming() { # WHAT
  check "$1: incoming mail as without mtasts" '' "$(diff <(echo "$incoming_bare") <(incoming debian))"
  check "$1: addresses are verified as without" 'good@good.mail.example verified' \
    "$(exim debian -bv good@good.mail.example)"
}

check_plugin() {
  incoming_bare=$(incoming bare)
  check 'an incoming message is taken, another is not' $'.*550 .*relay not permitted.*250 OK.*' "$incoming_bare"
  check_incoming 'plugin well'
  with_plugin missing ''
  with_plugin not-an-object "$here/check_exim.sh"
  with_plugin crashing "$LAB_TOOLS/crash.so"
  check_crash_on_the_way
}

check_connections() {
  local i many=() domain
  clear_queue
  for i in {1..20}; do many+=("r$i@shared-enforce.mail.example"); done
  send plain "${many[@]}"
  for i in "${many[@]}"; do expect 'twenty recipients' "$i" verified; done
  check 'twenty recipients, one delivery' 1 "$(grep -c 'to=r[0-9]*@' "$LAB_DIR/mail")"

  send plain one@shared-{enforce,second,testing,none}.mail.example
  expect 'four domains on one MX' one@shared-enforce.mail.example verified
  expect 'four domains on one MX' one@shared-second.mail.example verified
  expect 'four domains on one MX' one@shared-testing.mail.example tls
  expect 'four domains on one MX' one@shared-none.mail.example tls

  for i in 1 2 3; do
    queue=-odqs send plain "q$i@shared-none.mail.example"
    queue=-odqs send plain "q$i@shared-enforce.mail.example"
  done
  # Exim routes them in the background.
  for i in {1..100}; do
    [ "$(grep -c 'explicitly queued' "$EXIM_DIR/log/mainlog")" -lt 6 ] || break
    sleep 0.05
  done
  run_queue plain
  for i in 1 2 3; do
    expect 'queued for one MX' "q$i@shared-enforce.mail.example" verified
    expect 'queued for one MX' "q$i@shared-none.mail.example" tls
  done
  check 'no connection carries both verified and unverified mail' '' \
    "$(sed -nE 's/.*@shared-(enforce|none).* (connection=.*)/\2 \1/p' "$LAB_DIR/mail" | sort -u |
      cut -d' ' -f1 | uniq -d)"

  send plain first@faulty-enforce.mail.example
  send plain second@faulty-none.mail.example
  expect 'an MX with a bad certificate' first@faulty-enforce.mail.example 'deferred certificate'
  expect 'its failure defers no other domain' second@faulty-none.mail.example tls
  send plain third@faulty-{enforce,none}.mail.example
  expect 'one message to both' third@faulty-enforce.mail.example 'deferred retry time'
  expect 'one message to both' third@faulty-none.mail.example tls
  send plain ipv6@mta-sts.ipv6-only.example
  expect 'over IPv6, where nothing listens' ipv6@mta-sts.ipv6-only.example 'deferred refused'
}

# Exim passes a connection in clear to the process of the next message: it is one session.
check_reused() {
  local i domain=no-policy-tls.mail.example told connections
  clear_queue
  : >"$EXIM_DIR/log/mainlog"
  start_tap || return
  for i in {1..6}; do queue=-odqs send plain "reused$i@$domain"; done
  for i in {1..100}; do
    [ "$(grep -c 'explicitly queued' "$EXIM_DIR/log/mainlog")" -lt 6 ] || break
    sleep 0.05
  done
  run_queue plain
  stop_tap
  for i in {1..6}; do
    check 'a connection that is reused' '[=-]> .* T=remote_smtp_opportunistic .* \| 1 tls=no' "$(fate "reused$i@$domain")"
  done
  connections=$(grep -E 'to=reused[0-9]@' "$LAB_DIR/mail" | grep -o 'connection=.*' | sort -u | wc -l)
  told=$(jq -r 'select(.d == "'$domain'") | .policies[].f' "$LAB_DIR/datagrams" | wc -l)
  check 'a connection is reused' '[1-5]' "$connections"
  check 'and told once' "$connections" "$told"
}

# `exim -bt` shows the routing of an address, and delivers nothing.
check_shown() {
  start_tap || return
  exim plain -bt shown@unlisted.mail.example >/dev/null 2>&1
  stop_tap
  check 'exim -bt tells of no outcome' '' "$(cat "$LAB_DIR/datagrams")"
}

check_not_required() {
  local told
  clear_queue
  told=$(grep -c 'outcome domain=' "$LAB_DIR/log/mtastsd")
  send plain no@{self-signed,unlisted,no-starttls}.mail.example -- 'TLS-Required: No'
  expect 'TLS-Required: No' no@self-signed.mail.example tls
  expect 'TLS-Required: No' no@unlisted.mail.example tls
  expect 'TLS-Required: No' no@no-starttls.mail.example clear
  check 'TLS-Required: No is logged' '.* R=mtasts_tls_required_no .*' "$(fate no@unlisted.mail.example)"
  check 'and not reported' "$told" "$(grep -c 'outcome domain=' "$LAB_DIR/log/mtastsd")"
  send plain twice@unlisted.mail.example -- 'TLS-Required: No' 'TLS-Required: No'
  expect 'TLS-Required: No, twice' twice@unlisted.mail.example 'deferred MTA-STS'
  send plain yes@unlisted.mail.example -- 'TLS-Required: Yes'
  expect 'TLS-Required: something else' yes@unlisted.mail.example 'deferred MTA-STS'
}

check_monitor() {
  stop mtastsd
  start_mtastsd 'site_mode = "monitor"'
  clear_queue
  send plain monitor@{good,unlisted,no-starttls,self-signed}.mail.example
  expect 'monitor' monitor@good.mail.example tls
  expect 'monitor, an MX not listed' monitor@unlisted.mail.example tls
  expect 'monitor, no STARTTLS' monitor@no-starttls.mail.example clear
  expect 'monitor, a bad certificate' monitor@self-signed.mail.example tls
  check 'monitor: what would be' 'no-starttls self-signed unlisted' \
    "$(grep -o 'MTA-STS: would defer domain=[^. ]*' "$EXIM_DIR/log/mainlog" | cut -d= -f2 | sort | paste -sd' ')"
  stop mtastsd
  start_mtastsd
}

check_smarthost() {
  send smarthost smart@no-starttls.mail.example
  expect "a smart host's own policy" smart@no-starttls.mail.example 'verified implicit.mail.example'
  send relay relay@no-starttls.mail.example
  expect "the same in Debian's configuration" relay@no-starttls.mail.example 'verified implicit.mail.example'
  sed -i 's/^MTASTS_SMARTHOST = .*/MTASTS_SMARTHOST = implicit-other.mail.example/' "$EXIM_DIR/smarthost.conf"
  send smarthost smart@good.mail.example
  expect 'a smart host that its policy does not list' smart@good.mail.example 'deferred MTA-STS: .*implicit-other'
}

if why=$(exim_cannot_run); then
  skip "$why"
elif raise_exim && start_mtastsd 'ask { deadline = 30 }' 'https { timeout = 25 }'; then
  # All of the table at once, and nothing known yet.
  check_deliveries
  check_alias
  check_dns
  check_daemon
  check_cache_files
  check_plugin
  check_connections
  check_reused
  check_shown
  check_not_required
  check_monitor
  check_smarthost
  # Of our crash; Exim 4.98 adds a backtrace.
  check 'nothing else in the panic log' '' "$(grep -Ev \
    'exim-mtasts.so|SIGSEGV|crashed|from transport process|^[)]?$|( backtrace| ---|\[0x[0-9a-f]+\])$' "$EXIM_DIR/log/paniclog")"
  stop mtastsd
else
  failed=$((failed + 1))
fi
