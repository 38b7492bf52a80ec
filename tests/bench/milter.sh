#!/bin/bash
# Messages a second through real Postfix with mtasts-milter, beside a milter that takes part in the
# same steps and does nothing in them:
#   tests/lab/lab run tests/bench/milter.sh [ROUNDS]
# Interleaved rounds, over one connection and over twenty; fails if the median of the ratios is
# below 97 %.
# shellcheck disable=SC2154 # unix_milter and mta_root are of postfix.sh
set -uo pipefail
rounds=${1:-15} least=97
here=$(cd "$(dirname "$0")/../lab" && pwd)
# shellcheck disable=SC1091
. "$here/servers.sh"
# shellcheck disable=SC1091
. "$here/postfix.sh"
# shellcheck disable=SC1091
. "$here/../bench/figure.sh"

why=$(root_cannot_run postfix) && { echo "milter: not measured: $why" >&2; exit 69; }
noop=$LAB_TOOLS/../bench/noop_milter
noop_pid=
# shellcheck disable=SC2317 # called by the trap
clean() {
  stop postfix
  stop milter
  stop mtastsd
  [ -z "$noop_pid" ] || kill "$noop_pid"
}
trap clean EXIT

# The destination does not matter: the mail is discarded.
open_postfix && raise_postfix '' '' && start_mtastsd 'milter { local_mailers = {"local"} }' && start_milter || exit 70
chroot "$mta_root" "$noop" "unix:$POSTFIX_DIR/run/noop.sock" >/dev/null 2>&1 &
noop_pid=$!
for ((i = 0; i < 100; i++)); do
  [ -S "$POSTFIX_DIR/run/noop.sock" ] && break
  sleep 0.02
done
chmod 666 "$POSTFIX_DIR/run/noop.sock"
leave_chroot
in_root postfix postconf -M 'sink/unix=sink unix - - n - - discard' \
  "2501/inet=2501 inet n - n - - smtpd -o smtpd_milters=$unix_milter" \
  "2502/inet=2502 inet n - n - - smtpd -o smtpd_milters=unix:$POSTFIX_DIR/run/noop.sock"
postfix_conf transport_maps= default_transport=sink: smtpd_client_connection_rate_limit=0 \
  mynetworks=127.0.0.0/8 inet_interfaces=127.0.0.1 smtpd_peername_lookup=no in_flow_delay=0
start_postfix || exit 70

sent=0 # by way of mtasts-milter
rate() { # PORT CONNECTIONS MESSAGES: tenths of messages a second, in `rate`
  local began took
  [ "$1" != 2501 ] || sent=$((sent + $3))
  began=${EPOCHREALTIME/./}
  in_root postfix smtp-source -d -s "$2" -m "$3" -f sender@lab.example -t postmaster@good.mail.example \
    "127.0.0.1:$1" || exit 70
  took=$((${EPOCHREALTIME/./} - began))
  rate=$(($3 * 10000000 / took))
  settle
}

bad=0
for connections in 1 20; do
  messages=$((connections == 1 ? 300 : 800)) ratios=() ours=() theirs=()
  rate 2501 $connections 100 && rate 2502 $connections 100 # both warm
  for ((round = 1; round <= rounds; round++)); do
    # Who goes first changes, or a machine that slows down would count against one of them.
    if ((round % 2)); then
      rate 2502 $connections $messages && control=$rate
      rate 2501 $connections $messages
    else
      rate 2501 $connections $messages && first=$rate
      rate 2502 $connections $messages && control=$rate rate=$first
    fi
    ratios+=($((1000 * rate / control))) ours+=("$rate") theirs+=("$control")
  done
  ratio=$(median "${ratios[@]}")
  with=$(tenth "$(median "${ours[@]}")") without=$(tenth "$(median "${theirs[@]}")")
  echo "milter, $connections connections, medians of $rounds rounds: $with messages a second, $without" \
    "with one that does nothing: $(tenth "$ratio") % (at least $least %)"
  figure milter "messages through Postfix and mtasts-milter, connections: $connections: $with a second" \
    "a milter that does nothing in the same steps: $without a second" "≥ $least %" "$(tenth "$ratio") %" \
    "$(holds "ratio >= least * 10")" || bad=1
done
logged=$(grep -c ' domain=good.mail.example ' "$LAB_DIR/log/milter")
[ "$logged" = $sent ] || { echo "milter: of $sent messages $logged were looked at" >&2; bad=1; }
exit $bad
