#!/bin/bash
# A postmaster's questions to the lab, and mail to its domains by each MTA: `make demo`, or tests/lab/lab demo.
# shellcheck disable=SC2154 # what the files of the MTAs set
set -u
here=$(cd "$(dirname "$0")" && pwd)
. "$here/servers.sh"
. "$here/table.sh"

# Of the tables `domains` and `deliveries`.
names=(good testing no-record two-records wrong-mx expired-certificate record-servfail)
mail_names=(no-starttls self-signed second-up)
names=("${names[@]/%/.example}" "${mail_names[@]/%/.mail.example}")
mtas=(exim postfix sendmail)
out=$LAB_DIR/demo
mkdir "$out" || exit 73

if [ -t 1 ] && [ -z "${NO_COLOR:-}" ] && [ "${TERM:-dumb}" != dumb ]; then
  paint() { printf '\033[%sm%s\033[0m' "$@"; } # CODE TEXT
else
  paint() { printf %s "$2"; }
fi
bold() { printf '\n%s\n' "$(paint 1 "$*")"; }
wrong() { printf 'wrong: %s (%s): expected %s, got %s\n' "$@" >>"$out/wrong"; }

mtasts() { "$MTASTS" --config "$LAB_CONF" "$@"; }

# The results that the tables expect for the ten: $verdicts, $outcomes, $proofs.
declare -A verdicts outcomes proofs
note_domain() {
  verdicts[$domain]=${expect%% *} proofs[$domain]=$proves
  case $expect in
    enforce\ y*) outcomes[$domain]=verified ;;
    enforce*) outcomes[$domain]='deferred none of its MX hosts' ;;
    *) outcomes[$domain]=tls ;;
  esac
}
note_delivery() {
  verdicts[$domain]=${policy%% *} outcomes[$domain]=$outcome proofs[$domain]=$proves
}

# $why says of each domain why its policy holds back no mail.
declare -A why
check_verdicts() {
  local domain got because right=0
  for domain in "${names[@]}"; do
    IFS=$'\t' read -r got because < <(mtasts --json query --offline "$domain" |
      jq -r '[.verdict, .error.type // (.policy | values | "mode " + .mode) // "no record"] | @tsv')
    why[$domain]=$because
    if [ "$got" = "${verdicts[$domain]}" ]; then
      right=$((right + 1))
    else
      wrong "$domain" "${proofs[$domain]}" "${verdicts[$domain]}" "$got"
    fi
  done
  printf '\n%d of %d verdicts are right.\n' $right ${#names[@]}
}

# The MTAs' files define functions of the same names: each by_MTA has a subshell. It writes a line a
# domain (DOMAIN WHAT WHY) to $out/MTA, and the log lines for a postmaster to $out/MTA.log;
# if it cannot run here, the reason to $out/MTA.not.
declare -A limits words # a file may say what its MTA does differently

# A bare `wait` in a subshell may wait for a process substitution of its parent, for ever (bash 5.2).
at_once() { # COMMAND…: with each recipient
  local domain pids=()
  for domain in "${names[@]}"; do
    "$@" "postmaster@$domain" &
    pids+=($!)
  done
  wait "${pids[@]}"
}

by_exim() {
  . "$here/exim.sh"
  ! exim_cannot_run >"$out/exim.not" || return 0
  # shellcheck disable=SC2119 # no settings but the lab's
  raise_exim && start_mtastsd || return
  at_once send debian
  reason() { # DOMAIN FATE
    grep -o 'lists none of its MX hosts' <<<"$2" ||
      sed -nE "s/.*MTA-STS: deferred domain=$1 .* result=([^ ]*).*/\1/p" "$EXIM_DIR/log/mainlog"
  }
  tell exim >"$out/exim"
  find_line Exim 'MTA-STS: deferred domain=no-starttls' "$EXIM_DIR/log/mainlog" mainlog >"$out/exim.log"
}

by_postfix() {
  . "$here/postfix.sh"
  ! root_cannot_run postfix >"$out/postfix.not" || return 0
  open_postfix && raise_postfix "$inet_map" "$inet_milter" && start_mtastsd "milter { listen = \"$inet_milter\" }" &&
    start_milter && start_postfix || return
  for domain in "${names[@]}"; do send "postmaster@$domain"; done
  settle
  reason() { sed -E 's/[^(]*\((.*)\) \|.*/\1/; s/.* but (was not offered) by .*/TLS \1/' <<<"$2"; }
  tell postfix >"$out/postfix"
  find_line Postfix 'no-starttls.* status=deferred' "$postfix_log" mail.log >"$out/postfix.log"
  tell_of_milter
}

by_sendmail() {
  . "$here/sendmail.sh"
  ! root_cannot_run sendmail >"$out/sendmail.not" || return 0
  # shellcheck disable=SC2119 # no settings but the lab's
  raise_sendmail "$inet_feature" && start_mtastsd && start_milter && start_sendmail || return
  at_once send
  settle
  reason() { sed -E "s/.* MTA-STS: (.*); see: .*/\1/; s/ of $1//; s/[^ ]*\.example/the MX/" <<<"$2"; }
  tell sendmail >"$out/sendmail"
  find_line Sendmail 'reject=.* MTA-STS: .*no-starttls' "$sendmail_log" mail.log >"$out/sendmail.log"
  tell_of_milter
}

# The result of each message, from the log and from the receiver.
tell() { # MTA
  local domain log what because name expected
  for domain in "${names[@]}"; do
    log=$(fate "postmaster@$domain")
    what=$(what_it_did "$log")
    case $what in
      verified) because="to $(grep "to=postmaster@$domain " "$LAB_DIR/mail" | grep -o 'sni=[^ ]*' | cut -d= -f2)" ;;
      deferred | bounced) because=$(reason "$domain" "$log") ;;
      *) because=${why[$domain]} ;;
    esac
    printf '%s\t%s\t%s\n' "$domain" "$what" "$because"
    name=${domain%.mail.example}
    expected=${limits[$name]:-${words[$name]:-${outcomes[$domain]}}}
    [[ $log =~ ^$(fated "$expected")$ ]] || wrong "$domain by ${1^}" "${proofs[$domain]}" "$expected" "$log"
  done
}
what_it_did() { # FATE
  local outcome
  for outcome in verified tls clear 'deferred .*' bounced; do
    [[ $1 =~ ^$(fated "$outcome")$ ]] && echo "${outcome% *}" && return
  done
  echo '?'
}

find_line() { # PROGRAM PATTERN LOG ITS-NAME
  bold "$1: \$ grep '$2' $4"
  grep -m 1 -- "$2" "$3" | fold -s -w 96 | sed 's/ *$//;2,$s/^/    /' | grep . ||
    wrong "$1" 'what a postmaster finds' "$2" nothing
}

# For the first MTA that has one.
tell_of_milter() {
  local flag
  [ ! -e "$out/milter" ] || return 0
  flag=$(flags postmaster@good.example | sed 's/;/; /g')
  {
    find_line mtasts-milter at_risk=yes "$LAB_DIR/log/milter" mail.log
    bold 'What it put into the header of the message to good.example:'
    printf 'X-MTA-STS: %s\n' "$flag"
  } >"$out/milter"
  [[ $flag == 'protected=yes; verdict=enforce; domain=good.example; id='* ]] ||
    wrong good.example 'the header field of the milter' protected=yes "$flag"
}

send_mail() {
  local mta server
  for mta in "${mtas[@]}"; do
    ("by_$mta") || wrong "${mta^}" 'mail to ten domains' 'that it starts' 'what it said above'
    for server in "${part_servers[@]}"; do stop "$server"; done
  done
}

cell() { # WHAT
  local text
  printf -v text '%-10s' "$1"
  case $1 in
    verified) paint 32 "$text" ;;
    deferred | bounced) paint 33 "$text" ;;
    '?') paint 31 "$text" ;;
    *) printf %s "$text" ;;
  esac
}

show_mail() {
  local domain mta what reason because
  bold "$(printf '%-29s%-9s%-10s%-10s%-10s%s' DOMAIN VERDICT "${mtas[@]^^}" WHY)"
  for domain in "${names[@]}"; do
    printf '%-29s%-9s' "$domain" "${verdicts[$domain]}"
    because=
    for mta in "${mtas[@]}"; do
      IFS=$'\t' read -r _ what reason < <(grep "^$domain"$'\t' "$out/$mta" 2>/dev/null)
      cell "${what:--}"
      because=${because:-$reason}
    done
    printf '%.32s\n' "$because"
  done
}

# A postmaster's own domain, and what is wrong with another.
show_check() { # DOMAIN CODE WORD
  local got code
  bold "\$ mtasts check $1"
  got=$(mtasts check --state "$out/check" "$1")
  code=$?
  printf '%s\n' "$got"
  [[ $code = "$2" && $got == *"$3"* ]] || wrong "$1" 'mtasts check' "$2 $3" "$code ${got%%$'\n'*}"
}

# A day's report about a domain, as this site sends it: by HTTPS to an address in the domain's TLSRPT record.
show_report() {
  local domain=https.report.example day conf=$out/report.conf got=$out/got said i
  day=$(date -u -d '-2 days' +%F) # its report is due
  mkdir "$got"
  printf '%s\n' "cache { directory = \"$out/outcomes\" }" 'dns { servers = {"127.0.0.1"} timeout = 2 }' \
    "https { ca_file = \"$LAB_CA\" allow_private = true }" 'user = "root"' 'log = "stderr"' \
    'report { organization = "Sender" contact = "tls@sender.example" from = "reports@sender.example" }' >"$conf"
  mkdir "$out/outcomes"
  "${LAB_TOOLS%/tests/lab}/tests/tool/record_outcomes" "$conf" "$day" <<END
38 {"d":"$domain","policies":[{"policy-type":2,"policy-domain":"$domain","policy-string":["version: STSv1","mode: testing","mx: mx.$domain","max_age: 604800"],"mx-host":["mx.$domain"],"f":0}]}
2 {"d":"$domain","policies":[{"policy-type":2,"policy-domain":"$domain","policy-string":["version: STSv1","mode: testing","mx: mx.$domain","max_age: 604800"],"mx-host":["mx.$domain"],"f":1,"t":1,"failure-details":[{"c":202,"s":"192.0.2.1","n":"mx.$domain","r":"198.51.100.2"}]}]}
END
  "$here/collector.py" "$got" https 127.0.0.1 8443 "$LAB_DIR/certs/rua.example."{crt,key} 2>/dev/null &
  for ((i = 0; i < 200; i++)); do
    ! { : >/dev/tcp/127.0.0.1/8443; } 2>/dev/null || break
    sleep 0.05
  done
  bold "\$ mtasts report send --day $day"
  said=$("$MTASTS" --config "$conf" report send --day "$day" 2>&1)
  printf '%s\n' "$said"
  kill $! && wait $! 2>/dev/null
  bold "At the other end: \$ mtasts report show report.json.gz"
  mtasts report show "$got"/*.gz || wrong "$domain" 'the report that arrived' 'that it is shown' "$said"
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

each_domain note_domain
each_delivery note_delivery
check_verdicts
cat <<'END'

And what becomes of mail to them? Debian's Exim, Postfix and Sendmail send a message to each.
"verified" is delivered over TLS to a listed MX with a good certificate, "tls" and "clear"
delivered without that demand; "deferred" waits for the domain to mend itself.
END
send_mail
if compgen -G "$out/*.log" >/dev/null; then show_mail; fi
for mta in "${mtas[@]}"; do
  [ ! -s "$out/$mta.not" ] || bold "No mail by ${mta^}: $(cat "$out/$mta.not")."
done
cat "$out"/{exim.log,postfix.log,sendmail.log,milter} 2>/dev/null
cat <<'END'

The other half: is my own domain right? One that is, and one that is not.
END
show_check good.check.example 0 'MTA-STS OK'
show_check smtp-all-wrong.check.example 2 smtp.cert-name
cat <<'END'

And each day this site reports to the domains that ask for it (RFC 8460) how mail to them went.
END
show_report
if [ -e "$out/wrong" ]; then
  cat "$out/wrong" >&2
  exit 1
fi
cat <<END

Next, ask about a real domain:
  build/mtasts query gmail.com
END
