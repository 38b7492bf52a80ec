#!/bin/bash
# A postmaster's questions to the lab, and mail to its domains: `make demo`, or tests/lab/lab demo.
set -u
here=$(cd "$(dirname "$0")" && pwd)
. "$here/servers.sh"
. "$here/table.sh"
. "$here/exim.sh"

# Of the tables `domains` and `deliveries`.
names=(good testing no-record two-records wrong-mx expired-certificate record-servfail)
mail_names=(no-starttls self-signed second-up)
names=("${names[@]/%/.example}" "${mail_names[@]/%/.mail.example}")

bold() { printf '\n\033[1m%s\033[0m\n' "$*"; }
[ -t 1 ] || bold() { printf '\n%s\n' "$*"; }
wrong() {
  printf 'wrong: %s (%s): expected %s, got %s\n' "$@" >&2
  wrong=$((wrong + 1))
}

mtasts() { "$MTASTS" --config "$LAB_CONF" "$@"; }

# What the tables expect of the ten: $verdicts, $outcomes, $proofs.
declare -A verdicts outcomes proofs
note_domain() {
  verdicts[$domain]=${expect%% *} proofs[$domain]=$proves
  case $expect in
    enforce\ y*) outcomes[$domain]=verified ;;
    enforce*) outcomes[$domain]='deferred MTA-STS' ;;
    *) outcomes[$domain]=tls ;;
  esac
}
note_delivery() {
  verdicts[$domain]=${policy%% *} outcomes[$domain]=$outcome proofs[$domain]=$proves
}

check_verdicts() {
  local domain got
  for domain in "${names[@]}"; do
    got=$(mtasts --json query --offline "$domain" | jq -r .verdict)
    [ "$got" = "${verdicts[$domain]}" ] ||
      wrong "$domain" "${proofs[$domain]}" "${verdicts[$domain]}" "$got"
  done
}

row() { printf '%-28s %-9s %-24s %.36s\n' "$@"; }

# What became of a message, and the main log's words for it.
show_fate() { # DOMAIN
  local did why log
  log=$(fate "postmaster@$1")
  why=$(grep -Eo '\b(X|CV)=[^: ]+' <<<"$log" | paste -sd' ')
  case $log in
    '=> '*'T=remote_smtp_mtasts '*'CV=yes'*) did='delivered, TLS verified' ;;
    '=> '*' X=TLS'*) did='delivered over TLS' ;;
    '=> '*) did='delivered in clear' ;;
    '== '*)
      did=deferred
      why=$(grep -o 'policy .* lists none of its MX hosts' <<<"$log" ||
        sed -nE "s/.*MTA-STS: deferred domain=$1 .* result=([^ ]*).*/\1/p" "$EXIM_DIR/log/mainlog")
      why=${why/ of $1/}
      ;;
    *) did=bounced ;;
  esac
  row "$1" "${verdicts[$1]}" "$did" "$why"
  [[ $log =~ ^$(fated "${outcomes[$1]}")$ ]] ||
    wrong "$1" "${proofs[$1]}" "${outcomes[$1]}" "$log"
}

send_mail() {
  local domain
  # shellcheck disable=SC2119 # no settings but the lab's
  raise_exim && start_mtastsd || exit
  bold '$ for domain in …; do exim4 -odi postmaster@$domain <message; done'
  for domain in "${names[@]}"; do send debian "postmaster@$domain" & done
  wait
  row DOMAIN VERDICT 'WHAT EXIM DID' WHY
  for domain in "${names[@]}"; do show_fate "$domain"; done
  bold "\$ grep 'MTA-STS: deferred' mainlog"
  sed -n 's/.*\(MTA-STS: deferred\)/\1/p' "$EXIM_DIR/log/mainlog" | fold -s -w 96 |
    sed 's/ *$//;/^MTA-STS/!s/^/    /'
  stop mtastsd
}

cat <<'END'
A small Internet has been raised on this machine: name servers, web servers, mail servers,
certificates. Ten domains in it publish, or fail to publish, an MTA-STS policy. What does a mail
server learn about each?
END
bold "$(fold -s -w 90 <<<"\$ mtasts query ${names[*]}" | sed '$!s/$/\\/')"
mtasts query "${names[@]}"
bold '$ mtasts cache list'
mtasts cache list

wrong=0
each_domain note_domain
each_delivery note_delivery
check_verdicts
printf '\n%d of %d verdicts are right.\n' $((${#names[@]} - wrong)) ${#names[@]}
if why=$(exim_cannot_run); then
  printf '\nNo mail is sent: %s.\n' "$why"
else
  printf '\nAnd what becomes of mail to them, by Exim in the configuration of Debian?\n'
  send_mail
fi
[ "$wrong" = 0 ] || exit 1
cat <<END

Next, ask about a real domain:
  build/mtasts query gmail.com
END
