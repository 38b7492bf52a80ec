# Real Sendmail in a root of its own, mtastsd and mtasts-milter beside it: for a script that root runs
# inside the lab. Its sendmail.mc is Debian's, with the settings of our README.md and the lab.
# shellcheck shell=bash
. "$here/root.sh"
. "$here/mtastsd.sh"

SENDMAIL_DIR=$LAB_DIR/${of_other}sendmail
# Sendmail is root when it asks: the sockets' group may be mtastsd's own.
mta_root=$(root_of sendmail) mta_etc=$mta_root/etc mta_group=daemon mta_dir=$SENDMAIL_DIR
sendmail_log=$LAB_DIR/log/${of_other}sendmail
unix_feature="FEATURE(\`mtasts', \`unix:$SENDMAIL_DIR/run/socketmap.sock')dnl" inet_feature="FEATURE(\`mtasts')dnl"
# Mail that goes to a host of our own choice.
next_hops=('host.lab.example esmtp:[implicit.mail.example]'
  'mx.lab.example esmtp:good.mail.example'
  'other.lab.example esmtp:[implicit-other.mail.example]'
  "address.lab.example esmtp:[${MAIL[plain]}]")
# A rule of the house: TLS to this host.
access=('Connect:198.51.100 RELAY' {GreetPause,ClientRate,ClientConn}':198.51.100 0'
  'TLS_Srv:mx.house-rule.mail.example ENCR:112')

# Debian's sendmail.mc, with README.md's lines for mtasts, and the lab's. What it prints is m4's.
configure_sendmail() { # LINE…
  local lines
  lines=$(printf '%s\n' 'include(`/etc/mail/tls/starttls.m4'\'')dnl' "$@" \
    "INPUT_MAIL_FILTER(\`mtasts', \`S=unix:$SENDMAIL_DIR/run/milter.sock, F=T, T=C:10s;S:10s;R:30s;E:30s')dnl" \
    "DAEMON_OPTIONS(\`Family=inet, Name=lab, Port=smtp, Addr=${MAIL[this]}')dnl" \
    "LOCAL_DOMAIN(\`lab.example')dnl" "FEATURE(\`mailertable')dnl" "FEATURE(\`accept_unresolvable_domains')dnl" \
    "define(\`confDELIVERY_MODE', \`interactive')dnl" "define(\`confTO_CONNECT', \`3s')dnl" \
    "define(\`confQUEUE_LA', \`1000')dnl" "define(\`confREFUSE_LA', \`1000')dnl") # however busy the machine
  awk -v lines="$lines" '
    /^DAEMON_OPTIONS/ { sub(/Port=/, "Listen=100, Port=") } # we send more than ten messages at once
    /^MASQUERADE_AS/ { $0 = "MASQUERADE_AS(`lab.example'\'')dnl" }
    /^MAILER_DEFINITIONS/ { print lines }
    { print }' "$mta_etc/mail/sendmail.mc.debian" >"$mta_etc/mail/sendmail.mc"
  { in_root sendmail m4 /etc/mail/sendmail.mc >"$mta_etc/mail/sendmail.cf"; } 2>&1
}

write_maps() {
  printf '%s\n' "${next_hops[@]}" >"$mta_etc/mail/mailertable"
  printf '%s\n' "${access[@]}" | cat "$mta_etc/mail/access.debian" - >"$mta_etc/mail/access"
  in_root sendmail sh -c 'for map in mailertable access; do makemap hash /etc/mail/$map </etc/mail/$map; done'
}

# Programs log to /dev/log. The root gets a /dev of its own for that.
start_syslog() {
  local device i
  mount -t tmpfs -o mode=755 tmpfs "$mta_root/dev" || return
  for device in null zero random urandom; do
    touch "$mta_root/dev/$device" && mount --bind "/dev/$device" "$mta_root/dev/$device" || return
  done
  perl -MSocket -e '$| = 1; socket(S, AF_UNIX, SOCK_DGRAM, 0) && bind(S, sockaddr_un(shift)) or die "$!\n";
    while (defined(recv(S, $_, 8192, 0))) { s/^<\d+>.{15} //; print "$_\n" }' \
    "$mta_root/dev/log" >>"$sendmail_log" 2>&1 &
  disown
  echo $! >"$LAB_DIR/syslog.started" # for `stop syslog`
  for ((i = 0; i < 100; i++)); do
    [ -S "$mta_root/dev/log" ] && return
    sleep 0.02
  done
  return 1
}

raise_sendmail() { # LINE-OF-SENDMAIL.MC…
  raise_root sendmail && start_syslog || return
  : >"$LAB_DIR/mail" # of other MTAs
  clear_queue # where Sendmail is the machine's own MTA
  install -d "$mta_root"/run/sendmail/{mta,msp,stampdir} &&
    in_root sendmail chown -R smmta:smmsp /run/sendmail &&
    ln -sf "$LAB_CA" "$mta_etc/ssl/certs/$(openssl x509 -noout -hash -in "$LAB_CA").0" &&
    ln -sf "$(realpath "$here/../../contrib/sendmail/mtasts.m4")" "$mta_root/usr/share/sendmail/cf/feature/" &&
    cp "$mta_etc/mail/sendmail.mc" "$mta_etc/mail/sendmail.mc.debian" &&
    cp "$mta_etc/mail/access" "$mta_etc/mail/access.debian" && write_maps || return
  echo 'sender: /dev/null' >>"$mta_etc/mail/aliases"
  configure_sendmail "$@" && in_root sendmail newaliases >/dev/null
}

start_sendmail() {
  local i
  chroot "$mta_root" /usr/sbin/sendmail -bD >>"$sendmail_log" 2>&1 &
  disown
  echo $! >"$LAB_DIR/sendmail.started" # for `stop sendmail`
  for ((i = 0; i < 200; i++)); do
    (: >"/dev/tcp/${MAIL[this]}/25") 2>/dev/null && return
    sleep 0.05
  done
  echo 'lab: Sendmail does not listen; it said:' >&2
  tail -n 5 "$sendmail_log" >&2
  return 1
}

# One message by SMTP; Sendmail has tried to deliver it when this returns. Prints what it replied.
submit() { # CLIENT RECIPIENT… [-- HEADER-FIELD…]
  local to=() server=${MAIL[this]} client=$1
  [ "$client" != 127.0.0.1 ] || server=127.0.0.1
  shift
  while [ $# -gt 0 ] && [ "$1" != -- ]; do
    to+=(--mail-rcpt "$1")
    shift
  done
  { [ $# -lt 2 ] || printf '%s\r\n' "${@:2}"; printf '%s\r\n' 'Subject: from the lab' '' hello; } |
    curl -sv --interface "$client" --mail-from sender@lab.example "${to[@]}" -T - "smtp://$server" 2>&1 |
    tr -d '\r' | sed -n 's/^< //p' | grep -v ^221 | tail -n 1
}
send() { # RECIPIENT… [-- HEADER-FIELD…]
  local reply
  reply=$(submit 127.0.0.1 "$@")
  [[ $reply == '250 2.0.0 '* ]] || echo "lab: Sendmail does not take mail for $*: $reply" >&2
}
queue() { # RECIPIENT…: a message that waits for `run_queue`
  printf '%s\n' 'Subject: from the lab' '' hello | in_root sendmail sendmail -Am -odq -f sender@lab.example "$@"
}

# Waits until all of Sendmail's lines are in the log.
settle() {
  local i mark=lab-$RANDOM$RANDOM
  in_root sendmail logger -u /dev/log $mark
  for ((i = 0; i < 200; i++)); do
    grep -q $mark "$sendmail_log" && return
    sleep 0.02
  done
}

clear_queue() { rm -f "$mta_root"/var/spool/mqueue/*; }
# All that waits is tried once more, one message after the other.
run_queue() {
  in_root sendmail sendmail -Am -qf >/dev/null 2>&1
  settle
}

# How the last connection for a recipient was made, what the log says of it, what was wrong with the
# recipient, and how many messages to it were taken, and how:
#   mx.good.mail.example OK Sent (taken) | 1 tls=TLSv1.3 sni=mx.good.mail.example
fate() { # RECIPIENT
  local log taken
  log=$(awk -v "who=$1" '
    function after(mark) { return substr($0, index($0, mark) + length(mark)) }
    / STARTTLS=client, relay=.* verify=/ { verify[$1, $3] = after(" verify="); sub(/,.*/, "", verify[$1, $3]) }
    index($0, " ruleset=tls_rcpt, arg1=" who ",") { why = " " after(" reject=") }
    $3 ~ /^to=/ && index(substr($3, 4), who) {
      relay = after(" relay=")
      sub(/[ ,].*/, "", relay)
      tls = ($1, "relay=" relay ",") in verify ? verify[$1, "relay=" relay ","] : "clear"
      sub(/\.$/, "", relay)
      last = relay " " tls " " after(" stat=")
      if (/ stat=Sent/)
        why = ""
    }
    END { print last why }' "$sendmail_log")
  taken=$(grep -E "to=([^ ]*,)?$1[, ]" "$LAB_DIR/mail" | grep -Eo 'tls=[^ ]* sni=[^ ]*' | uniq -c | xargs)
  echo "$log |${taken:+ $taken}"
}

# What the header fields X-MTA-STS of what came say, each but once.
flags() { # RECIPIENT
  grep -E "to=([^ ]*,)?$1[, ]" "$LAB_DIR/mail" | grep -Eo 'flag=[^ ]*' | cut -d= -f2- | sort -u
}

# The milter's log lines of the last message to this recipient: a line a domain, without the queue id.
milter_lines() { # RECIPIENT
  local queue
  queue=$(sed -nE "s/.* ([0-9A-Za-z]*): to=([^ ]*,)?<$1>,.*/\1/p" "$sendmail_log" | tail -n 1)
  sed -n "s/^mtasts-milter: queue=$queue //p" "$LAB_DIR/log/milter"
}

# The table has Exim's words for it.
declare -A words=(
  [closes]='deferred TLS'
  [testing-junk]='deferred TLS handshake failed' # after a failed handshake it never goes on in clear
  [no-policy-junk]='deferred TLS handshake failed'
  [never-unlisted]='deferred none of its MX hosts' # of several MX hosts it names the fault of the last
  [mx-name]='deferred certificate'
  [house-rule]='deferred encryption too weak')

# The log text that an outcome of the table `deliveries` stands for, a regular expression. The table has
# Exim's words for the reasons of deferral. SNI has the host's name if a policy requires it.
fated() { # OUTCOME
  local host=${1#* } held=' Deferred.* 450 4\.7\.0 .*\.\.\. MTA-STS: ' see='; see: mtasts query [^ ]* \|'
  [[ $1 == *' '* ]] || host='[^ ]*'
  case $1 in
    verified*) echo "$host OK Sent .* \| 1 tls=TLSv1.[23] sni=$host" ;;
    tls*) echo "$host (OK|FAIL) Sent .* \| 1 tls=TLSv1.[23] sni=-" ;;
    clear*) echo "$host clear Sent .* \| 1 tls=no sni=-" ;;
    'deferred did not offer TLS') echo ".* clear$held.* does no STARTTLS$see" ;;
    'deferred certificate') echo ".* (FAIL$held.* is not verified \(FAIL\)|OK${held}the certificate of .* has another name)$see" ;;
    'deferred none of its MX hosts') echo ".* OK${held}the policy of .* does not list .*$see" ;;
    'deferred TLS') echo ".*$held.*$see" ;;
    held) echo ".*${held}mtastsd has no answer on the policy of .*$see" ;;
    deferred*) echo ".* Deferred.*${1#* }.* \|" ;;
    bounced*) echo '.* (Host unknown|Service unavailable).* \|' ;;
  esac
}
