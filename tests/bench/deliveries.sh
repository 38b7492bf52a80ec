#!/bin/bash
# Deliveries a second by Exim to a receiver on loopback, over verified TLS: with contrib/exim and
# its MTASTS_PRELOAD, mtastsd and a policy in mode enforce, beside a transport that demands the same of
# TLS and knows no policy.
#   tests/lab/lab run tests/bench/deliveries.sh
# Interleaved rounds, each a queue run over as many messages; fails if the median of the ratios
# is below 95 %.
# shellcheck disable=SC2154 # mta_root is of exim.sh
set -uo pipefail
rounds=${1:-15} messages=40 least=95
here=$(cd "$(dirname "$0")/../lab" && pwd)
# shellcheck disable=SC1091
. "$here/servers.sh"
# shellcheck disable=SC1091
. "$here/exim.sh"
# shellcheck disable=SC1091
. "$here/../bench/figure.sh"

why=$(exim_cannot_run) && { echo "deliveries: not measured: $why" >&2; exit 69; }
raise_exim && start_mtastsd || exit 70
trap 'stop mtastsd; umount "$mta_root/var/spool/exim4" "$mta_root$EXIM_DIR/control" 2>/dev/null' EXIT

# The same configuration without contrib/exim, and with its demands of TLS, in the place of one that
# Exim trusts; with a queue of its own.
sed -e '/^\.include/d' -e "1i spool_directory = $EXIM_DIR/control" \
  -e '/^  driver = dnslookup/a \  dnssec_request_domains = *' \
  -e '/^  driver = smtp/r /dev/stdin' "$EXIM_DIR/plain.conf" >"$EXIM_DIR/bare.conf" <<'END'
  multi_domain = false
  hosts_require_tls = *
  hosts_nopass_tls = *
  tls_verify_certificates = system
  tls_verify_hosts = *
  tls_verify_cert_hostnames = *
  tls_tempfail_tryclear = false
  tls_sni = $host
  hosts_try_dane = *
END
sed -i '1i MTASTS_PRELOAD = yes' "$EXIM_DIR/plain.conf"
mkdir "$EXIM_DIR/control"
# In memory both of them: how a disk's file system finds room for a new file depends on the directory.
for queue in "$mta_root$EXIM_DIR/control" "$mta_root/var/spool/exim4"; do
  mount -t tmpfs -o mode=750 tmpfs "$queue" && chown Debian-exim: "$queue" || exit 70
done

rate() { # CONFIGURATION: messages a second, in `rate`
  local i began took
  for ((i = 0; i < messages; i++)); do
    exim "$1" -odq -f sender@lab.example postmaster@good.mail.example <<<$'Subject: bench\n\nhello'
  done
  began=${EPOCHREALTIME/./}
  exim "$1" -q
  took=$((${EPOCHREALTIME/./} - began))
  [ "$(exim "$1" -bpc)" = 0 ] || {
    echo "deliveries: $1: $(exim "$1" -bpc) messages were not delivered" >&2
    exit 70
  }
  rate=$((messages * 10000000 / took))
}

rate bare && rate plain # both warm
for ((round = 1; round <= rounds; round++)); do
  # Who goes first changes, or a machine that slows down would count against one of them.
  if ((round % 2)); then
    rate bare && control=$rate
    rate plain
  else
    rate plain && first=$rate
    rate bare && control=$rate rate=$first
  fi
  ratios+=($((1000 * rate / control))) ours+=("$rate") controls+=("$control")
done
ratio=$(median "${ratios[@]}")
with=$(tenth "$(median "${ours[@]}")") without=$(tenth "$(median "${controls[@]}")")
echo "medians of $rounds rounds: $with deliveries a second with mtasts, $without without:" \
  "$(tenth "$ratio") % (at least $least %)"
figure deliveries "deliveries by Exim with contrib/exim, MTASTS_PRELOAD and an enforce policy: $with a second" \
  "the same demands of TLS by configuration: $without a second" "≥ $least %" "$(tenth "$ratio") %" \
  "$(holds "ratio >= least * 10")"
