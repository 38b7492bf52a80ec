# mtasts-milter, from outside: an MTA's end (milter_client.c) at its socket, and a real mtastsd.
# shellcheck shell=bash

milter_dir=$LAB_DIR/milter ask_socket=$LAB_DIR/milter/ask.sock socket=$LAB_DIR/milter/milter.sock
conf=$LAB_DIR/milter.conf log=$LAB_DIR/log/milter daemon_log=$LAB_DIR/log/milter-daemon
milter=$(dirname "$MTASTS")/mtasts-milter client=$LAB_TOOLS/milter_client
daemon='' keeper='' helpers=()
trap 'kill -CONT $daemon 2>/dev/null; kill -KILL $daemon $keeper "${helpers[@]}" 2>/dev/null' EXIT

# The lab's configuration, our sockets, and what else is given, of `milter` and at the top. Root
# starts both programs, and they become nobody.
configure() { # [MILTER-KEYS [TEXT…]]
  local keys=${1:-} user=''
  shift
  ! may_change_user || user='user = "nobody" group = "nogroup"'
  cat >"$conf" <<END
dns       { servers = {"127.0.0.1"} timeout = 2 trust_anchor = "$LAB_DIR/root.key" }
https     { ca_file = "$LAB_CA" allow_private = true timeout = 3 }
cache     { directory = "$cache" }
ask       { socket = "$ask_socket" deadline = 1 on_unknown = "${on_unknown:-deliver}" }
socketmap { listen = {} }
outcome   { socket = "$milter_dir/tlsrpt.sock" }
milter    { listen = "${listen:-unix:$socket}"
$keys }
$user
$*
END
}
may_change_user() { setpriv --reuid 65534 --regid 65534 --clear-groups true 2>/dev/null; }
sanitized() { grep -qE "__(a|t)san_init" "$milter"; }

# Waits until the command succeeds, five seconds at most.
until_so() { # COMMAND…
  local i
  for ((i = 0; i < 100; i++)); do "$@" && return; sleep 0.05; done
  return 1
}
gone() { ! kill -0 "$1" 2>/dev/null; }
is_socket() { [ -S "$1" ]; }
said() { grep -q -- "$1" "$log"; }
says() { if until_so said "$1"; then echo yes; else tail -n 3 "$log"; fi; }
times() { grep -c -- "$1" "$log"; } # TEXT: lines of the log that have it

start_daemon() {
  "$MTASTS"d --config "$conf" --foreground 2>>"$daemon_log" &
  daemon=$!
  disown
  until_so is_socket "$ask_socket"
}
stop_daemon() {
  kill "$daemon"
  until_so gone "$daemon"
  daemon=''
}

child_of() { # PID
  local children
  read -ra children <"/proc/$1/task/$1/children" # without a line's end
  [ ${#children[@]} -gt 0 ] && echo "${children[0]}"
}
# The first of the processes with this command line and with a child.
parent_called() { # COMMAND ARGUMENT…
  local process
  for process in /proc/[0-9]*; do
    [ "$(tr '\0' ' ' <"$process/cmdline")" = "$* " ] && child_of "${process#/proc/}" >/dev/null &&
      echo "${process#/proc/}" && return
  done 2>/dev/null
}

# $keeper and $filter are its two processes.
start_milter() { # [COMMAND…] that starts it
  [ ! -e "$log" ] || cat "$log" >>"$log.before"
  : >"$log"
  "$@" "$milter" --config "$conf" --foreground 2>>"$log" &
  keeper=$!
  until_so eval "said 'start version=' || gone $keeper"
  filter=$(child_of "$keeper" 2>/dev/null)
}
# $code is its exit status, within ten seconds.
await_milter() {
  {
    for ((i = 0; i < 200; i++)); do gone "$keeper" && break; sleep 0.05; done
    kill -KILL "$keeper"
    wait "$keeper"
    code=$?
  } 2>/dev/null
  keeper=''
}
stop_milter() { # [SIGNAL]
  kill "-${1:-TERM}" "$keeper"
  await_milter
}
reload() { # WHAT: and waits until it is done
  local before
  before=$(times 'reload')
  kill -HUP "$keeper"
  until_so eval "[ \$(times reload) -gt $before ]"
}
with() { # MILTER-KEYS [TEXT…]: another configuration
  configure "$@"
  reload
}

# The actions of the milter, joined by `|`.
talk() { "$client" "${milter_at:-$socket}" | paste -sd'|'; }

# One message from $from (a client's address; local), with the macros and parameters of MAIL.
# local:ADDRESS is a recipient whose mail stays here.
say_mail() { # QUEUE-ID RECIPIENT… [-- HEADER…]
  local queue=$1 word how=rcpt
  shift
  echo "${mail_macros:-}"
  echo "mail ${sender:-<sender@lab.example>} ${parameters:-}"
  for word; do
    case $word in
      --) how=header ;;
      local:*) printf 'macro R {rcpt_mailer} local\nrcpt <%s>\n' "${word#local:}" ;;
      *)
        [ $how = header ] || echo 'macro R {rcpt_mailer} esmtp'
        [ $how = header ] && echo "header $word" || echo "rcpt <$word>"
        ;;
    esac
  done
  printf 'macro E i %s\nend\n' "$queue"
}
message() { # as say_mail
  { printf 'new\nconnect %s\n' "${from:-local}"; say_mail "$@"; echo quit; } | talk
}
lines() { grep -o "queue=$1 .*" "$log"; } # QUEUE-ID

good='X-MTA-STS: protected=yes; verdict=enforce; domain=good.example; id=20260101T000000'
flagged="add $good\|continue"
unknown='add X-MTA-STS: protected=no; verdict=unknown; domain=[a-z0-9.-]*; id=-\|continue'

check_headers() {
  local line='queue=Q1 from=<sender@lab.example> domain=good.example verdict=enforce mode=enforce id=20260101T000000 mx=1/1 dane=none source=network ms=[0-9]+'
  check 'a policy in mode enforce' "$flagged" "$(message Q1 a@good.example)"
  check 'its line' "$line" "$(lines Q1)"
  check 'two of one domain' "$flagged" "$(message Q2 a@good.example B@Good.Example.)"
  check 'one line for them' 1 "$(lines Q2 | wc -l)"
  check 'mode testing' 'add X-MTA-STS: protected=no; verdict=testing; domain=testing.example; .*\|continue' \
    "$(message Q3 a@testing.example)"
  check 'no policy' 'add X-MTA-STS: protected=no; verdict=none; domain=no-record.example; id=-\|continue' \
    "$(message Q4 a@no-record.example)"
  check 'a U-label' 'add .* domain=xn--bcher-kva.example; .*' "$(message Q5 'a@b\xc3\xbccher.example')"
  check 'an address literal' 'add X-MTA-STS: protected=no; verdict=none; domain=\[192.0.2.1\]; id=-\|continue' \
    "$(message Q6 'a@[192.0.2.1]')"
  check 'two domains: no header' continue "$(message Q7 a@good.example a@testing.example)"
  check 'a line for each, in alphabetical order' 'domain=good.example domain=testing.example' \
    "$(lines Q7 | grep -o 'domain=[^ ]*' | paste -sd' ')"
  check 'one of two stays here: no header' continue "$(message Q8 local:root@lab.example a@good.example)"
  check 'and no line for it' 'queue=Q8 .* domain=good.example .*' "$(lines Q8)"
  check 'all stay here' continue "$(message Q9 local:root@lab.example root)"
  check 'no line for them' '' "$(lines Q9)"
  check 'no queue id' 'queue=- from=<> .*' "$(
    printf '%s\n' new 'connect local' 'mail <>' 'rcpt <a@good.example>' end | talk >/dev/null
    lines -)"
}

check_forged() {
  local fields=('X-MTA-STS protected=yes;\sverdict=enforce' 'x-mta-sts yes' 'Subject X-MTA-STS:\syes'
    'X-MTA-STS2 yes' 'X-Mta-Sts')
  local deleted='delete X-MTA-STS 3\|delete X-MTA-STS 2\|delete X-MTA-STS 1'
  check 'forged headers, outbound' "$deleted\|$flagged" "$(message F1 a@good.example -- "${fields[@]}")"
  check 'and inbound' "$deleted\|continue" "$(from='inet 203.0.113.9' message F2 a@good.example -- "${fields[@]}")"
  check 'a recipient forges none' \
    'add X-MTA-STS: protected=no; verdict=none; domain=a\?protected\?yes\?x0a; id=-\|continue' \
    "$(message F3 'a@a;protected=yes\n')"
  check 'and no line' 'queue=F3 .* domain="a;protected=yes\\\\x0a" verdict=none .*' "$(lines F3)"
  check 'nor does a sender' 'queue=F4 from="<a verdict=none\\x0aqueue=F9>" domain=good.example verdict=enforce .*' \
    "$(sender='<a\sverdict=none\nqueue=F9>' message F4 a@good.example >/dev/null; lines F4)"
}

# More fields of our name than are removed. The MTA gets no request about any of them.
check_header_limit() {
  local many few order='the message has 33 header fields named X-MTA-STS, which only this site may add, among 34: .*'
  local huge='the message has 2 header fields named X-MTA-STS, .* among 160002: .*'
  mapfile -t many < <(printf 'X-MTA-STS yes\n%.0s' {1..33})
  few=("${many[@]:1}")
  check 'as many as are removed' "$(printf 'delete X-MTA-STS %d\\|' {32..1})$flagged" \
    "$(message N1 a@good.example -- "${few[@]}")"
  check 'one more' "550 5.7.1 $order" "$(message N2 a@good.example -- 'Subject x' "${many[@]}")"
  check 'its line' 'queue=N2 from=<sender@lab.example> header=X-MTA-STS header_fields=33/34 header_limit=32 action=reject' \
    "$(lines N2)"
  check 'and inbound' "550 5.7.1 $order" "$(from='inet 203.0.113.9' message N3 a@good.example -- 'Subject x' "${many[@]}")"
  check 'two, behind very many others' "550 5.7.1 $huge" "$(
    { printf 'new\nconnect local\n'; say_mail N4 a@good.example | grep -v ^end
      yes 'header a b' | head -160000; printf 'header X-MTA-STS yes\n%.0s' 1 2; echo end; } | talk)"
  with 'on_header_limit = "tempfail" header_limit = 2'
  check 'tempfail' '451 4.7.1 the message has 3 header fields .*' "$(message N5 a@good.example -- "${many[@]:0:3}")"
  with 'on_header_limit = "quarantine" header_limit = 2'
  check 'quarantine, and no flag' 'quarantine the message has 3 header fields .*\|continue' \
    "$(message N6 a@good.example -- "${many[@]:0:3}")"
  with 'on_header_limit = "accept" header_limit = 2'
  check 'accept, and no flag' continue "$(message N7 a@good.example -- "${many[@]:0:3}")"
  check 'its lines' 'accept enforce' \
    "$(lines N7 | sed -n 's/.*action=\(.*\)/\1/p; s/.* verdict=\([a-z]*\) .*/\1/p' | xargs)"
  with
}

check_outbound() {
  local who
  for who in 'inet 127.0.0.1' 'inet6 ::1' local unknown; do
    check "outbound: $who" "$flagged" "$(from=$who message O1 a@good.example)"
  done
  from='inet 203.0.113.9'
  check 'not outbound' continue "$(message O2 a@good.example)"
  check 'no line for it' '' "$(lines O2)"
  check 'authenticated' "$flagged" "$(mail_macros='macro M {auth_authen} user' message O3 a@good.example)"
  with 'networks = {"203.0.113.0/24", "2001:db8::/32"} outbound = {}'
  check 'networks' "$flagged" "$(message O4 a@good.example)"
  check 'networks, IPv6' "$flagged" "$(from='inet6 2001:db8::1' message O5 a@good.example)"
  from=
  check 'outbound = {}' continue "$(mail_macros='macro M {auth_authen} user' message O6 a@good.example)"
  with 'relayhost = "[good.example]:587"'
  check 'a smart host' "$flagged" "$(message O7 a@no-record.example b@testing.example)"
  check 'its line alone' 'queue=O7 .* domain=good.example .*' "$(lines O7)"
  check 'and nothing for what stays here' continue "$(message O8 local:a@lab.example)"
  with 'relayhost = "bücher.example"'
  check 'a smart host with a U-label' 'add .*verdict=enforce; domain=xn--bcher-kva.example; .*' \
    "$(message O9 a@no-record.example)"
  with 'relayhost = "[192.0.2.1]"'
  check 'a smart host without a name' 'add .* verdict=none; domain=\[192.0.2.1\]; .*' "$(message O10 a@good.example)"
  with
}

check_scopes() {
  with 'header_scope = "all" header = "X-Sts"'
  check 'all: all' 'add X-Sts: protected=all\|continue' "$(message H1 a@good.example b@http2.example)"
  check 'all: some' 'add X-Sts: protected=some\|continue' "$(message H2 a@good.example b@no-record.example local:c)"
  check 'all: none' 'add X-Sts: protected=none\|continue' "$(message H3 b@no-record.example)"
  with 'header_scope = "never"'
  check 'never' 'delete X-MTA-STS 1\|continue' "$(message H4 a@good.example -- 'X-MTA-STS yes')"
  with
}

# wrong-mx has a policy that lists none of its MX hosts.
check_at_risk() {
  local why='wrong-mx.example demands by its MTA-STS policy \(RFC 8461, id 20260101T000000\) that mail goes only .* such as mail.elsewhere.example: .*'
  local at='add X-MTA-STS: protected=no; verdict=enforce; domain=wrong-mx.example; .*\|continue'
  check 'at risk: accept' "$at" "$(message R1 a@wrong-mx.example)"
  check 'its line' 'queue=R1 .* mx=0/1 .* at_risk=yes first_mx=mail.elsewhere.example action=accept' "$(lines R1)"
  with 'on_at_risk = "quarantine"'
  check 'at risk: quarantine' "quarantine $why\|$at" "$(message R2 a@wrong-mx.example)"
  check 'where the MTA has none' 'tempfail' \
    "$({ printf '%s\n' 'new 6 0x13' 'connect local'; say_mail R3 a@wrong-mx.example; } | talk)"
  with 'on_at_risk = "tempfail"'
  check 'at risk: tempfail' "451 4.7.1 $why" "$(message R4 a@good.example a@wrong-mx.example)"
  check 'some MX hosts are listed' "add .*protected=yes; .*" "$(message R5 a@some-mx.example)"
  with 'on_at_risk = "reject"'
  check 'at risk: reject' "550 5.7.1 $why was not sent; .*" "$(message R6 a@wrong-mx.example a@good.example)"
  check 'its lines' '- reject' "$(lines R6 | sed 's/.*action=/ /; s/.* ms=.*/-/' | xargs)"
  check 'a null MX is not at risk' "add .*" "$(message R7 a@null-mx.example)"
  check_recheck
  check 'TLS-Required: No spares it' "${at/.\*/.*; tls_required=no}" "$(message R8 a@wrong-mx.example -- 'TLS-Required No')"
  check 'its line' '.* action=accept tls_required=no' "$(lines R8)"
  with
}

# As if the record had been looked up an hour ago.
age() { # DOMAIN
  local hour_ago
  hour_ago=$(date -u -d '1 hour ago' +%FT%TZ)
  "$MTASTS" --config "$conf" cache export |
    jq -c "select(.policy_domain == \"$1\") | .checked = \"$hour_ago\"" |
    "$MTASTS" --config "$conf" cache import
}

# Before anything fails for good the record is looked up again, where that was not done in the last
# minute.
check_recheck() {
  local why='.* 4.7.1 wrong-mx.example demands .*'
  age wrong-mx.example
  unbound-control -q -c "$LAB_DIR/unbound.conf" local_zone _mta-sts.wrong-mx.example refuse
  check 'reject, where the record cannot be looked up' "451 4.7.1 $demands" "$(message R10 a@wrong-mx.example)"
  check 'its line' '.* error=dns-error at_risk=yes .* action=tempfail' "$(lines R10)"
  unbound-control -q -c "$LAB_DIR/unbound.conf" local_zone_remove _mta-sts.wrong-mx.example
  age wrong-mx.example
  check 'reject, when it can again' "550 5.7.1 $demands" "$(message R11 a@wrong-mx.example)"
  kill -STOP "$daemon"
  check 'reject, if it cannot be looked up' "451 4.7.1 $demands" "$(message R12 a@wrong-mx.example)"
  kill -CONT "$daemon"
  restart_milter # which would not ask for half a minute
}

check_tls_required() {
  local honoured="add ${good/yes/no}; tls_required=no\|continue"
  check 'TLS-Required: No' "$honoured" "$(message T1 a@good.example -- 'tls-required NO')"
  check 'its line' '.* tls_required=no' "$(lines T1)"
  check 'folded' "$honoured" "$(message T2 a@good.example -- 'TLS-Required \r\n\sNo\r\n\s')"
  check 'twice' "$flagged" "$(message T3 a@good.example -- 'TLS-Required No' 'TLS-Required No')"
  check 'twice, and not alike' "$flagged" "$(message T4 a@good.example -- 'TLS-Required No' 'TLS-Required Yes')"
  check 'another value' "$flagged" "$(message T5 a@good.example -- 'TLS-Required Yes')"
  check 'an empty value' "$flagged" "$(message T6 a@good.example -- 'TLS-Required')"
  check 'REQUIRETLS goes before it' "$flagged" \
    "$(parameters='SIZE=1 RequireTLS' message T7 a@good.example -- 'TLS-Required No')"
  check 'and its line says nothing' '.* ms=[0-9]*' "$(lines T7)"
  check 'a parameter that only looks like it' "$honoured" \
    "$(parameters='REQUIRETLS=x XREQUIRETLS REQUIRETL' message T8 a@good.example -- 'TLS-Required No')"
}

check_monitor() {
  configure 'on_at_risk = "reject"' 'site_mode = "monitor"'
  kill -HUP "$daemon"
  reload
  check 'monitor: nothing is protected' "add ${good/yes/no}\|continue" "$(message M1 a@good.example)"
  check 'monitor: nothing is refused' 'add .*\|continue' "$(message M2 a@wrong-mx.example)"
  check 'but logged' '.* at_risk=yes .* action=accept site_mode=monitor' "$(lines M2)"
  configure
  kill -HUP "$daemon"
  reload
}

# mtastsd, away and stalled

check_away() {
  local i began
  stop_daemon
  for i in 1 2 3; do check 'mtastsd away: the cache governs' "$flagged" "$(message A1 a@good.example)"; done
  check 'nothing cached: deliver' "$unknown" "$(message A2 a@uncached.example)"
  check 'that it is away is logged once' 1 "$(times 'does not answer')"
  on_unknown=defer with
  check 'nothing cached: defer' \
    '451 4.7.1 the MTA-STS policy of uncached.example cannot be looked up at the moment: please try again later' \
    "$(message A3 a@good.example a@uncached.example)"
  check 'its lines' 'enforce unknown tempfail' \
    "$(lines A3 | sed 's/.* verdict=\([a-z]*\) .*\( action=.*\)/\1\2/; s/.* verdict=\([a-z]*\) .*/\1/; s/action=//' | xargs)"
  check 'what is cached is not deferred' "$flagged" "$(message A4 a@good.example)"
  check 'TLS-Required: No is not deferred' 'add .*verdict=unknown.*\|continue' \
    "$(message A5 a@uncached.example -- 'TLS-Required No')"
  with 'on_at_risk = "reject"'
  check 'reject, if it cannot be looked up' "451 4.7.1 $demands" "$(message A6 a@wrong-mx.example)"
  with
  start_daemon
  for i in 1 2 3; do check 'mtastsd is back' "$flagged" "$(message A7 a@good.example)"; done
  check 'that it is back is logged once' 1 "$(times 'answers again')"
  check 'and nothing else' 1 "$(times 'does not answer')"

  kill -STOP "$daemon"
  began=$EPOCHREALTIME
  check 'mtastsd stalled: the cache governs' "$flagged" "$(message S1 a@good.example)"
  check 'the deadline holds' yes "$(took "$began" 1.2 2.5)"
  began=$EPOCHREALTIME
  for i in 1 2 3; do message S2 a@good.example a@uncached.example >/dev/null; done
  check 'later messages do not wait' yes "$(took "$began" 0 1)"
  check 'it is logged once' 2 "$(times 'does not answer')"
  kill -CONT "$daemon"
  restart_milter
}
took() { # BEGAN LEAST MOST: seconds
  awk "BEGIN { t = $EPOCHREALTIME - $1; print (t >= $2 && t < $3 ? \"yes\" : t) }"
}

# Load

check_hundred() {
  local began domains=() recipients=()
  collect() { [[ $asked = *[![:print:]\[]* ]] || domains+=("$asked"); }
  LC_ALL=C each_domain collect
  domains=("${domains[@]:0:100}")
  recipients=("${domains[@]/#/a@}")
  began=$EPOCHREALTIME
  check 'a hundred domains' continue "$(message L1 "${recipients[@]}")"
  check 'one deadline for all' yes "$(took "$began" 0 2.5)"
  check 'a line for each' "${#domains[@]}" "$(lines L1 | grep -o ' domain=[^ ]*' | sort -u | wc -l)"
}

# 1,000 messages on 20 connections; header and log line of each agree.
check_crowd() {
  local domains=(good testing no-record mode-none wrong-mx some-mx http2)
  "$client" -m "$socket" 20 50 "${domains[@]/%/.example}" >"$LAB_DIR/crowd"
  check 'a thousand messages' 1000 "$(grep -cE \
    '^Q[0-9]+-[0-9]+ ([a-z0-9-]+\.example): protected=(yes|no); verdict=[a-z]+; domain=\1; id=(-|2026.*)$' "$LAB_DIR/crowd")"
  check 'each with its line' '' "$(diff \
    <(sed -E 's/(Q[^ ]*) .* verdict=([a-z]*); domain=([^;]*); id=(.*)/\1 \3 \2 \4/' "$LAB_DIR/crowd" | sort) \
    <(sed -nE 's/.*queue=(Q[0-9]+-[0-9]+) .* domain=([^ ]*) verdict=([a-z]*) mode=[^ ]* id=([^ ]*) .*/\1 \2 \3 \4/p' "$log" | sort))"
  check 'good.example is protected in all' '' "$(grep ' good.example: protected=no' "$LAB_DIR/crowd")"
}

# Sessions that end in every state. Each step is replied to, as libmilter drops what it has not read
# when an MTA hangs up.

session=('new 6 0x1ff 0x7f' 'connect inet 127.0.0.1' 'helo client' 'macro M i Q1 {auth_authen} user' 'mail <a@lab.example>'
  'macro R {rcpt_mailer} esmtp' 'rcpt <a@good.example>' 'rcpt <b@testing.example>' 'header X-MTA-STS yes' 'header Subject x' 'eoh'
  'body text' 'macro E i Q1')

# Each beginning of a session, and what follows it.
beginnings() { # COMMAND…
  local count
  for ((count = 1; count <= ${#session[@]}; count++)); do
    printf '%s\n' "${session[@]:0:count}" "$@"
  done
}
descriptors() { find "/proc/$filter/fd" -mindepth 1 | wc -l; }
resident() { awk '/^VmRSS/ { print $2 }' "/proc/$filter/status"; } # KiB

garbage=('raw \xff\xff\xff\xff' 'raw \x00\x00\x00\x00' 'raw \x7f\xff\xff\xffMx' 'raw \x00\x20\x00\x00Mx' 'raw \x00\x00\x00\x01'
  'send O' 'send O \x00\x00\x00\x06' 'send C' 'send C x\x004' 'send C x\x004\x00\x00999.1.1.1\x00' 'send C x\x00Z\x00\x00x\x00'
  'send M' 'send M x' 'send R' 'send R \x00' 'send L' 'send L x' 'send L x\x00' 'send D' 'send D M' 'send D Mi' 'send D Q\x00x'
  'send ~ x' 'send B' 'send E' 'send N' 'send A x' 'send K')

check_ends() {
  local round before_fds before_rss what
  for what in cut quit abort; do
    check "sessions that $what in every state" '' "$(beginnings $what 'new' cut | talk)"
  done
  check 'aborted, and then another message' "$(printf 'delete X-MTA-STS 1|continue|%.0s' {1..6} | sed 's/|$//; s/|/\\|/g')" "$(
    for count in 9 10 11 12 13; do
      printf '%s\n' "${session[@]:0:count}" abort "${session[@]:4:9}" end quit
    done | talk | sed 's/$/|delete X-MTA-STS 1|continue/')"
  check 'another session on the same connection' "$flagged\|$flagged" "$(
    { printf '%s\n' new 'connect local'; say_mail E1 a@good.example
      printf '%s\n' again 'connect local'; say_mail E2 a@good.example; } | talk)"
  check 'split at every byte' "$(for ((i = 0; i < 40; i++)); do printf '%s' "|$flagged"; done | sed 's/^|//; s/||/|/g; s/continue|add/continue\\|add/g')" "$(
    for ((i = 1; i <= 40; i++)); do
      printf 'split 0\nnew\nsplit %d\nconnect local\n' "$i"
      say_mail E3 a@good.example
      echo quit
    done | talk)"
  for what in "${garbage[@]}"; do
    printf '%s\n' 'silent' "$what" cut
    printf '%s\n' "${session[@]:0:1}" "$what" cut
    beginnings "$what" cut
  done | talk >/dev/null
  check 'after garbage in every state' "$flagged" "$(message E4 a@good.example)"

  round() {
    for what in cut quit abort "${garbage[@]:0:8}"; do beginnings "$what" cut; done
  }
  for round in {1..30}; do round; done | talk >/dev/null
  before_rss=$(resident)
  for round in {1..100}; do round; done | talk >/dev/null
  # Up to four connections to mtastsd are kept.
  check 'no descriptor is left' yes "$(
    until_so eval "[ \$(descriptors) -le $((descriptors_at_start + 4)) ]" && echo yes)"
  sanitized || check 'no memory is left' yes "$([ $(($(resident) - before_rss)) -lt 300 ] && echo yes || echo "$before_rss $(resident)")"
}

check_old_mta() {
  check 'an MTA of version 2' "$flagged" "$(
    { printf '%s\n' 'new 2 0x1f 0x7f' 'connect local'; say_mail V1 a@good.example; } | talk)"
  check 'one that can leave out nothing' "$flagged" "$(
    { printf '%s\n' 'new 6 0x1ff 0x100000' 'connect local' 'helo x'
      say_mail V2 a@good.example -- 'Subject x' | sed 's/^end/eoh\nbody x\nend/'; } | talk)"
  check 'one that cannot change headers' continue "$(
    { printf '%s\n' 'new 6 0x20' 'connect local'; say_mail V3 a@good.example -- 'X-MTA-STS x'; } | talk)"
}

# Signals

check_reload() {
  local i
  begin_message
  with 'header = "X-New"'
  check 'reload: the next message' "${flagged/X-MTA-STS/X-New}" "$(message G1 a@good.example)"
  printf '%s\n' end "$(say_mail G2 a@good.example | grep -v ^end)" >&5
  end_message
  check 'one under way ends as it began' "begun\|$flagged\|${flagged/X-MTA-STS/X-New}" "$ended"
  configure 'header = "X New"'
  reload
  check 'a bad file is named, and its line' yes "$(says "reload: $conf:[0-9]*: milter.header.*; the old configuration stays in force")"
  check 'and changes nothing' "${flagged/X-MTA-STS/X-New}" "$(message G3 a@good.example)"
  rm "$conf"
  reload
  check 'nor does a missing one' "${flagged/X-MTA-STS/X-New}" "$(message G4 a@good.example)"
  listen="unix:$milter_dir/other.sock" with
  check 'what needs a restart is named' yes "$(says 'only after a restart: milter.listen')"
  configure
  "$client" -m "$socket" 4 200 good.example >"$LAB_DIR/crowd" &
  helpers+=($!)
  for i in {1..50}; do
    kill -HUP "$keeper"
    sleep 0.01
  done
  until_so gone "${helpers[-1]}"
  check 'fifty reloads in a row: none is lost' 800 "$(grep -c 'good.example: protected=yes' "$LAB_DIR/crowd")"
  check 'and it goes on' "$flagged" "$(message G5 a@good.example)"
}

# A message that is under way, each step of it replied to, and ends when it is asked to: $ended is
# what became of it.
begin_message() {
  rm -f "$LAB_DIR"/open-{session,said}
  mkfifo "$LAB_DIR/open-session"
  "$client" "$socket" <"$LAB_DIR/open-session" >"$LAB_DIR/open-said" &
  helpers+=($!)
  exec 5>"$LAB_DIR/open-session"
  printf '%s\n' 'new 6 0x1ff 0x7f' 'connect local' 'mail <a@lab.example>' 'rcpt <a@good.example>' 'say begun' >&5
  until_so grep -qs begun "$LAB_DIR/open-said"
}
end_message() {
  echo end >&5
  exec 5>&-
  until_so gone "${helpers[-1]}"
  ended=$(paste -sd'|' "$LAB_DIR/open-said")
}

check_stop() {
  local began
  begin_message
  echo abort >&5
  began=$EPOCHREALTIME
  stop_milter
  end_message
  check 'SIGTERM: exit code' 0 $code
  check 'at once, where no message is under way' yes "$(took "$began" 0 1.5)"
  check 'the totals are logged' yes "$(says 'stop messages=[0-9]* outbound=[0-9]* at_risk=[0-9]* held=[0-9]*')"
  check 'no message was under way' 0 "$(times 'cut off')"
  check 'the socket is gone' '' "$(find "$milter_dir" -name milter.sock)"

  start_milter
  begin_message
  kill "$keeper"
  until_so eval "[ ! -S $socket ]"
  check 'SIGTERM: no other message comes in' refused "$(message Z1 a@good.example)"
  end_message
  check 'and the one under way ends' "begun\|$flagged" "$ended"
  await_milter
  check 'then it stops' 0 $code

  listen=inet:127.0.0.1:8892 configure
  start_milter
  check 'an inet listener' "$flagged" "$(milter_at=8892 message Z2 a@good.example)"
  socket=8892 begin_message
  kill "$keeper"
  sleep 0.3
  check 'SIGTERM: nothing is served there' '(refused|closed)' "$(milter_at=8892 timeout 3 "$client" 8892 <<<$'new' | paste -sd'|')"
  end_message
  check 'and the message under way ends' "begun\|$flagged" "$ended"
  await_milter
  check 'then it stops' 0 $code

  configure
  start_milter
  begin_message
  kill "$keeper"
  until_so eval "[ ! -S $socket ]"
  began=$EPOCHREALTIME
  kill "$keeper"
  await_milter
  check 'a second SIGTERM: exit code' 70 $code
  check 'at once' yes "$(took "$began" 0 1.5)"
  end_message
  check 'which cuts the message off' 'begun\|closed' "$ended"

  start_milter
  stop_milter KILL
  check 'SIGKILL of the keeper ends the filter' yes "$(until_so gone "$filter" && echo yes)"
  start_milter
  kill -KILL "$filter"
  await_milter
  check 'SIGKILL of the filter ends the keeper' 70 $code
  check 'and that is logged' yes "$(says 'the filter was ended by signal 9')"
}

# The socket

exit_code() { # COMMAND…
  "$@" >"$LAB_DIR/out" 2>&1
  echo $?
}

check_socket() {
  configure 'mode = 0640'
  rm -f "$socket"
  start_milter
  ! may_change_user || check 'the socket' '640 nobody nogroup' "$(stat -c '%a %U %G' "$socket")"
  ! may_change_user || check 'root has become nobody' '(65534 ?){16}' "$(
    awk '/^(Uid|Gid):/ { $1 = ""; print }' "/proc/$keeper/status" "/proc/$filter/status" | xargs)"
  check 'another server is there already' 75 "$(exit_code "$milter" --config "$conf" --foreground)"
  check 'which is logged' ".*milter.sock: another server listens there: process ($keeper|$filter) \(mtasts-milter\)" "$(cat "$LAB_DIR/out")"
  check 'and left alone' "$flagged" "$(message K1 a@good.example)"
  kill -STOP "$keeper"
  kill -KILL "$filter"
  stop_milter KILL
  check 'what a dead one left' yes "$([ -S "$socket" ] && echo yes)"
  if may_change_user; then
    configure 'mode = 0660 group = "daemon"'
    start_milter
    check 'is replaced' "$flagged" "$(message K2 a@good.example)"
    check "its section's group" '660 daemon' "$(stat -c '%a %G' "$socket")"
    stop_milter
  fi
  listen=unix:/nonexistent/dir/milter.sock configure
  check 'a socket that cannot be made' 73 "$(exit_code "$milter" --config "$conf" --foreground)"
  configure
  check '--check-config' 0 "$(exit_code "$milter" --config "$conf" --check-config)"
  echo 'milter { listen = "x" }' >"$LAB_DIR/bad.conf"
  check 'a bad configuration' 78 "$(exit_code "$milter" --config "$LAB_DIR/bad.conf")"
  check 'a missing one' 66 "$(exit_code "$milter" --config "$LAB_DIR/missing.conf")"
  check 'in the background: the command returns' 0 "$(exit_code "$milter" --config "$conf")"
  check 'when it serves' "$flagged" "$(message K3 a@good.example)"
  keeper=$(parent_called "$milter" --config "$conf")
  kill "$keeper"
  check 'and stops' yes "$(until_so gone "$keeper" && echo yes)"
  local closed
  for closed in '<&-' '2>&-' '<&- >&- 2>&-'; do
    timeout -s KILL 10 bash -c "trap '' CHLD; exec '$milter' --config '$conf' $closed"
    check "with $closed: the command returns" 0 $?
    check "with $closed: it serves" "$flagged" "$(message K4 a@good.example)"
    keeper=$(parent_called "$milter" --config "$conf")
    kill "$keeper"
    check "with $closed: it stops" yes "$(until_so gone "$keeper" && echo yes)"
  done
  keeper=''
}

check_removed() {
  configure
  start_milter
  rm "$socket"
  check 'a socket that was removed is made again' yes "$(for ((i = 0; i < 300; i++)); do
    [ -S "$socket" ] && echo yes && break; sleep 0.1; done)"
  check 'which is logged' yes "$(says 'was removed: a new socket is in its place')"
  sleep 6 # libmilter's poll
  check 'it serves there' "$flagged" "$(message K5 a@good.example)"
  stop_milter
  check 'and removes it' '' "$(find "$milter_dir" -name milter.sock)"
}

check_systemd() {
  local listens
  "$LAB_TOOLS/ask" -l "$milter_dir/notify" >"$LAB_DIR/notified" &
  listens=$!
  helpers+=("$listens")
  until_so is_socket "$milter_dir/notify"
  export NOTIFY_SOCKET=$milter_dir/notify
  start_milter "$client" -a "$milter_dir/given.sock"
  unset NOTIFY_SOCKET
  check 'a socket of systemd' "$flagged" "$(milter_at=$milter_dir/given.sock message Y1 a@good.example)"
  check 'no other is made' '' "$(find "$milter_dir" -name milter.sock)"
  reload
  until_so eval "[ \$(grep -c READY=1 $LAB_DIR/notified) = 2 ]"
  socket=$milter_dir/given.sock begin_message
  kill "$keeper"
  sleep 0.3
  echo new | timeout 1 "$client" "$milter_dir/given.sock" >"$LAB_DIR/out" 2>&1
  check 'SIGTERM: who comes waits for the next one' 124 $?
  end_message
  check 'and the message under way ends' "begun\|$flagged" "$ended"
  await_milter
  check 'then it stops' 0 $code
  check 'systemd is notified' 'READY=1 RELOADING=1 MONOTONIC_USEC=[0-9]+ READY=1 STOPPING=1' \
    "$(paste -sd' ' "$LAB_DIR/notified")"
  check 'the socket is left' yes "$([ -S "$milter_dir/given.sock" ] && echo yes)"
  kill "$listens" # or a part that waits for all of its children waits for this one
  wait "$listens" 2>/dev/null
}

restart_milter() {
  stop_milter
  start_milter
}

if [ ! -x "$milter" ]; then
  check 'mtasts-milter is built' yes no
  return 0
fi
demands='wrong-mx.example demands by its MTA-STS policy .*'
mkdir -m 777 "$milter_dir"
configure
start_daemon
start_milter
descriptors_at_start=$(descriptors)
check_headers
check_forged
check_header_limit
check_outbound
check_scopes
check_tls_required
check_at_risk
check_monitor
check_hundred
check_crowd
check_ends
check_old_mta
check_reload
check_away
check_stop
check_socket
check_removed
check_systemd
stop_daemon
check 'no sanitizer has found anything' '' "$(grep -E 'ERROR: |runtime error|WARNING: ThreadSanitizer' "$log" "$log.before")"
