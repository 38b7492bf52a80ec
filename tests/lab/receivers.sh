# Real Postfix and Exim as receivers of mail, each with the certificate of its host: for a script that root
# runs inside the lab. Each logs which commands a client has sent.
# shellcheck shell=bash
. "$here/root.sh"
. "$here/postfix.sh"

receiver_host() { echo "mx.$1.check.example"; } # RECEIVER
exim_receiver=$LAB_DIR/receiver-exim

# Prints why they cannot run here; fails if they can.
receivers_cannot_run() {
  root_cannot_run postfix && return
  ! command -v exim4 >/dev/null && echo 'there is no Exim: apt-get install exim4-daemon-heavy'
}

# An address of its own for each smtpd; postscreen speaks TLS through tlsproxy, and hands on who has waited.
start_postfix_receivers() {
  local receiver host at=$LAB_DIR/certs
  raise_root postfix || return
  postfix_conf myhostname=lab.example mydestination=lab.example "inet_interfaces=${MAIL[real-postfix]},${MAIL[real-postscreen]}" \
    smtpd_tls_security_level=may postscreen_greet_wait=6s postscreen_greet_action=enforce \
    'postscreen_greet_banner=this is a teaser' "postscreen_access_list=" notify_classes= \
    "maillog_file=$postfix_log" "maillog_file_prefixes=$LAB_DIR" alias_maps=
  in_root postfix postconf -MX smtp/inet
  for receiver in real-postfix real-postscreen; do
    host=$at/$(receiver_host "$receiver")
    postfix_service "${MAIL[$receiver]}:25/inet" inet n - n - \
      "$([ $receiver = real-postfix ] && echo '- smtpd' || echo '1 postscreen')"
    in_root postfix postconf -P "${MAIL[$receiver]}:25/inet/smtpd_tls_cert_file=$host.crt" \
      "${MAIL[$receiver]}:25/inet/smtpd_tls_key_file=$host.key"
  done
  postfix_service smtpd/pass pass - - n - '- smtpd'
  postfix_service dnsblog/unix unix - - n - '0 dnsblog'
  postfix_service tlsproxy/unix unix - - n - '0 tlsproxy'
  in_root postfix postconf -P "smtpd/pass/smtpd_tls_cert_file=$host.crt" "smtpd/pass/smtpd_tls_key_file=$host.key"
  leave_chroot
  start_postfix
}
postfix_service() { # NAME/TYPE FIELD…
  in_root postfix postconf -Me "$1=${1%/*} ${*:2}"
}

exim_receiver_conf() {
  local host=$LAB_DIR/certs/mx.real-exim.check.example
  cat <<END
keep_environment =
primary_hostname = lab.example
local_interfaces = ${MAIL[real-exim]}
spool_directory = $exim_receiver
log_file_path = $exim_receiver/%slog
pid_file_path = $exim_receiver/pid
tls_advertise_hosts = *
tls_certificate = $host.crt
tls_privatekey = $host.key
log_selector = +smtp_no_mail +smtp_connection
acl_smtp_connect = check_connect
begin acl
check_connect:
  accept
    delay = 1s
END
}
start_exim_receiver() {
  local i
  mkdir -p "$exim_receiver" && chown Debian-exim: "$exim_receiver" || return
  install -o Debian-exim -m 600 "$LAB_DIR"/certs/mx.real-exim.check.example.{crt,key} "$exim_receiver" || return
  exim_receiver_conf | sed "s|$LAB_DIR/certs/mx|$exim_receiver/mx|" >"$exim_receiver/conf"
  exim4 -C "$exim_receiver/conf" -bd || return
  for ((i = 0; i < 100; i++)); do
    (: >"/dev/tcp/${MAIL[real-exim]}/25") 2>/dev/null && return
    sleep 0.05
  done
  return 1
}

start_receivers() { start_postfix_receivers && start_exim_receiver; }

# Other parts want a Postfix of their own.
drop_receivers() {
  in_root postfix postfix stop 2>/dev/null
  lower_root postfix
}

# The commands of the last client that did more than connect.
postfix_commands() { # as in "ehlo=1 starttls=1 quit=1 commands=3"
  grep -o 'ehlo=.*commands=.*' "$postfix_log" | tail -n 1
}
exim_commands() { # as in EHLO,STARTTLS,QUIT
  grep -o 'C=EHLO[A-Z,]*' "$exim_receiver/mainlog" | tail -n 1
}
