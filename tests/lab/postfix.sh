# Real Postfix in a root of its own, and mtastsd beside it: for a script that root runs inside the lab.
# Its main.cf is Debian's, with the settings of our README.md and the lab.
# shellcheck shell=bash
. "$here/root.sh"
. "$here/mtastsd.sh"

POSTFIX_DIR=$LAB_DIR/${of_other}postfix
mta_root=$(root_of postfix) mta_etc=$mta_root/etc mta_group=postfix mta_dir=$POSTFIX_DIR
postfix_log=$LAB_DIR/log/${of_other}postfix
# Mail that goes to a host of our own choice.
next_hops=('{host.lab.example=smtp:[implicit.mail.example]}'
  '{port.lab.example=smtp:[implicit.mail.example]:25}'
  '{service.lab.example=smtp:[implicit.mail.example]:smtp}'
  '{mx.lab.example=smtp:good.mail.example:25}'
  '{other.lab.example=smtp:[implicit-other.mail.example]}'
  "{address.lab.example=smtp:[${MAIL[plain]}]}")
unix_milter=unix:$POSTFIX_DIR/run/milter.sock inet_milter=inet:127.0.0.1:8892

# Postfix waits if main.cf is younger than two seconds, because it may still be written to.
postfix_conf() { # NAME=VALUE…
  in_root postfix postconf -e "$@" && touch -d '-1 minute' "$mta_etc/postfix/main.cf"
}

# Its root, which sets $postfix_version, the maps that this version asks, how it treats a
# policy differently from RFC 8461 ($limits), and its log texts that differ from Exim's ($words).
# shellcheck disable=SC2034 # for the caller
open_postfix() {
  raise_root postfix || return
  postfix_version=$(in_root postfix postconf -h mail_version) || return
  unix_map=socketmap:unix:$POSTFIX_DIR/run/socketmap.sock:postfix inet_map=socketmap:inet:127.0.0.1:8461:postfix
  limits=(
    [cn-only]=verified                            # it takes the CN where there is no subjectAltName
    [starttls-502]='bounced refused to start TLS' # a 5xx to STARTTLS is for good
    [testing-junk]='deferred Cannot start TLS'    # after a failed handshake it tries again later, and then in clear
    [no-policy-junk]='deferred Cannot start TLS'
  )
  words=()
  if knows_sts; then
    unix_map+=-tlsrpt inet_map+=-tlsrpt
  else
    limits[mx-name]=verified      # it compares match= with the names in the certificate, the MX's own with nothing
    limits[wildcard-two]=verified # to it `.x` is any number of labels
    limits[alias-both]=verified   # as mx-name: one listed name in the certificate is as good as another
    words[never-unlisted]='deferred none of its MX hosts' # of several MX hosts it names the fault of the last
  fi
}
# From 3.10.5 on it knows the MX patterns of a policy, and connects to no other host.
knows_sts() { printf '%s\n' 3.10.5 "$postfix_version" | sort -CV; }

raise_postfix() { # POLICY-MAPS [MILTER]
  raise_root postfix || return
  : >"$LAB_DIR/mail" # of other MTAs
  : >"$postfix_log"  # of other parts
  in_root postfix postsuper -d ALL 2>/dev/null # where Postfix is the machine's own MTA
  postfix_conf myhostname=sender.example mydestination=lab.example myorigin=lab.example \
    "inet_interfaces=${MAIL[this]}" relayhost= "transport_maps=inline:{${next_hops[*]}}" \
    local_recipient_maps= local_transport=discard: alias_maps= \
    smtp_tls_security_level=may smtp_tls_CAfile=/etc/ssl/certs/ca-certificates.crt smtp_tls_loglevel=1 \
    "smtp_tls_policy_maps=$1" \
    "smtpd_milters=${2:-}" 'non_smtpd_milters=$smtpd_milters' milter_default_action=accept \
    mynetworks=198.51.100.0/24 notify_classes= \
    smtp_connect_timeout=3 smtp_helo_timeout=3 smtp_starttls_timeout=3 default_destination_concurrency_failed_cohort_limit=0 \
    "maillog_file=$postfix_log" "maillog_file_prefixes=$LAB_DIR"
}

# As Debian's unit does. What Postfix finds in its chroot, Debian 12 copies there in front of it; from 3.9.1-7 on
# that is a part of `postfix start`.
fill_chroot() {
  grep -q configure-instance "$mta_root/usr/lib/postfix/sbin/post-install" ||
    in_root postfix /usr/lib/postfix/configure-instance.sh -
}
start_postfix() {
  local pid
  fill_chroot && in_root postfix postfix start >>"$postfix_log" 2>&1 &&
    read -r pid <"$mta_root/var/spool/postfix/pid/master.pid" &&
    echo "$pid" >"$LAB_DIR/postfix.started" && return # for `stop postfix`
  echo 'lab: Postfix does not start; it said:' >&2
  tail -n 5 "$postfix_log" >&2
  return 1
}

# None of its daemons in a chroot: Debian's master.cf has most of them in one.
leave_chroot() {
  local services
  mapfile -t services < <(in_root postfix postconf -F | sed -n 's|^\(.*\)/chroot = y$|\1/chroot=n|p')
  in_root postfix postconf -F "${services[@]}" && touch -d '-1 minute' "$mta_etc/postfix/master.cf"
}

# One message. Postfix delivers it when it likes: see `settle`.
send() { # RECIPIENT… [-- HEADER-FIELD…]
  local recipients=()
  while [ $# -gt 0 ] && [ "$1" != -- ]; do
    recipients+=("$1")
    shift
  done
  { [ $# -lt 2 ] || printf '%s\n' "${@:2}"; printf 'Subject: from the lab\n\nhello\n'; } |
    in_root postfix sendmail -f sender@lab.example "${recipients[@]}"
}

# One message by SMTP, from another host; prints Postfix's reply.
submit() { # RECIPIENT CLIENT [HEADER-FIELD…]
  printf '%s\r\n' "${@:3}" 'Subject: from the lab' '' hello |
    curl -sv --interface "$2" --mail-from sender@lab.example --mail-rcpt "$1" -T - \
      "smtp://${MAIL[this]}" 2>&1 | tr -d '\r' | sed -n 's/^< //p' | grep -v ^221 | tail -n 1
}

# Waits until all that was sent has been tried, and the log says so.
settle() {
  local i mark=lab-$RANDOM$RANDOM
  for ((i = 0; i < 600; i++)); do
    [ -n "$(find "$mta_root"/var/spool/postfix/{maildrop,incoming,active} -type f -print -quit)" ] || break
    sleep 0.05
  done
  in_root postfix postlog -t lab $mark 2>/dev/null
  for ((i = 0; i < 100; i++)); do
    grep -q $mark "$postfix_log" && return
    sleep 0.02
  done
}

# All that waits is tried once more.
flush() {
  local waiting before i
  attempts() { grep -c ' status=' "$postfix_log"; }
  waiting=$(in_root postfix postqueue -j | jq -s 'map(.recipients | length) | add + 0')
  before=$(attempts)
  in_root postfix postqueue -f
  for ((i = 0; i < 200 && $(attempts) < before + waiting; i++)); do sleep 0.05; done
  settle
}

# What the log says last of a recipient, how that connection was made, and how many messages to it were
# taken, and how:
#   sent mx.good.mail.example[198.51.100.1]:25 Verified (250 taken) | 1 tls=TLSv1.3
fate() { # RECIPIENT
  local log taken
  log=$(awk -v "to=to=<$1>," '
    $7 " " $8 " " $9 == "TLS connection established" { tls[$5, $11] = $6 }
    $7 ~ /^to=/ {
      host = $8
      gsub(/^relay=|,$/, "", host)
      if (!(($5, $6, host) in made)) {
        made[$5, $6, host] = ($5, host ":") in tls ? tls[$5, host ":"] : "clear"
        delete tls[$5, host ":"]
      }
      if ($7 == to && match($0, / status=[a-z]+ /))
        last = substr($0, RSTART + 8, RLENGTH - 8) host " " made[$5, $6, host] " " substr($0, RSTART + RLENGTH)
    }
    END { print last }' "$postfix_log")
  taken=$(grep -E "to=([^ ]*,)?$1[, ]" "$LAB_DIR/mail" | grep -Eo 'tls=[^ ]*' | uniq -c | xargs)
  echo "$log |${taken:+ $taken}"
}

# What the header fields X-MTA-STS of what came say, each but once.
flags() { # RECIPIENT
  grep -E "to=([^ ]*,)?$1[, ]" "$LAB_DIR/mail" | grep -Eo 'flag=[^ ]*' | cut -d= -f2- | sort -u
}

# The milter's log lines of the last message to this recipient: a line a domain, without the queue id.
milter_lines() { # RECIPIENT
  local queue
  queue=$(sed -n "s/.* \([0-9A-F]*\): to=<$1>, .*/\1/p" "$postfix_log" | tail -n 1)
  sed -n "s/^mtasts-milter: queue=$queue //p" "$LAB_DIR/log/milter"
}

declare -A limits words

# The log text that an outcome of the table `deliveries` or `dane` stands for, a regular expression. The table has
# Exim's words for the reasons of deferral.
fated() { # OUTCOME
  local host=${1#* }
  [[ $1 == *' '* ]] || host='[^ ]*'
  case $1 in
    verified* | dane*) echo "sent $host\\[[^ ]* Verified .* \\| 1 tls=TLSv1.[23]" ;;
    encrypted* | tls*) echo "sent $host\\[[^ ]* (Untrusted|Trusted) .* \\| 1 tls=TLSv1.[23]" ;;
    clear*) echo "sent $host\\[[^ ]* clear .* \\| 1 tls=no" ;;
    'deferred did not offer TLS') echo 'deferred .*TLS is required, but was not offered.* \|' ;;
    'deferred certificate') echo 'deferred .*Server certificate not (trusted|verified).* \|' ;;
    'deferred none of its MX hosts')
      if knows_sts; then
        echo 'deferred none clear \(server unavailable or unable to receive mail\) \|'
      else
        echo 'deferred .*Server certificate not verified.* \|'
      fi
      ;;
    'deferred TLS') echo 'deferred .*(Cannot start TLS|refused to start TLS|Server certificate not verified).* \|' ;;
    'deferred RFC 7672') echo 'deferred .*(client TLS configuration problem|Host not found, try again).* \|' ;;
    deferred*) echo "deferred .*${1#* }.* \\|" ;;
    bounced*) echo 'bounced .* \|' ;;
  esac
}
