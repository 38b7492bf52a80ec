# DANE: the table `dane`, asked for by `mtasts query` and sent mail through real Exim and Postfix; and
# the same if nothing can be validated. Sending needs root. The MTAs trust their
# resolver, which validates; ours only forwards, and we trust none.
# shellcheck shell=bash
# shellcheck disable=SC2154 # the columns of the table

declare -a signed_domains
declare -A answers
signed_question() { signed_domains+=("$domain"); }

# An answer as words: "-" is null, or no MX host.
flatten_dane='[.domain, .verdict, .dane, ([.mx // [] | .[].dane] | join(",")), .error.type, .error.detail]
  | map(. // "-" | if . == "" then "-" else . end) | @tsv'

ask_signed() { # [OPTION…]: into $answers
  local asked answer
  answers=()
  while IFS=$'\t' read -r asked answer; do
    answers[$asked]=$answer
  done < <(mtasts "$@" --json query "${signed_domains[@]}" 2>"$LAB_DIR/log/query" | jq -r "$flatten_dane")
}

check_answer() { # of what $through
  local verdict dane hosts error detail got_verdict got_dane got_hosts got_error got_detail
  local about="$through$name ($proves)"
  read -r verdict dane hosts error detail <<<"$query"
  IFS=$'\t' read -r got_verdict got_dane got_hosts got_error got_detail <<<"${answers[$domain]:-}"
  check "$about: verdict" "$verdict" "$got_verdict"
  check "$about: dane" "$dane" "$got_dane"
  check "$about: dane of each MX" "$hosts" "$got_hosts"
  check "$about: error.type" "$error" "$got_error"
  [ -z "$detail" ] || check "$about: error.detail" ".*$detail.*" "$got_detail"
}

check_queries() {
  each_signed signed_question
  ask_signed
  through='' each_signed check_answer
  cache=$cache-validator ask_signed --resolver "$VALIDATOR"
  through='a resolver that validates: ' each_signed check_answer
  cache=$cache-claimer ask_signed --resolver "$CLAIMER"
  through='a resolver that lies: ' each_signed check_answer
  check 'and for people' '10 a.mixed-enforce.dane ✓ 20 b.mixed-enforce.dane ✓ DANE' \
    "$(mtasts query mixed-enforce.dane | grep -o '[12]0 [ab][.].*' | xargs)"
}

# Where nothing can be validated: what we say of DANE that holds, of the same with a policy, and of DANE
# that is bogus.
blind=({good,dane-enforce,forged-mx}.dane)
check_blind() { # HOW VERDICTS DANE COMPLAINT SED-SCRIPT: the last over the configuration
  local how=$1 said
  sed "$5" "$LAB_CONF" >"$LAB_DIR/blind.conf"
  said=$("$MTASTS" --config "$LAB_DIR/blind.conf" --cache "$cache-$RANDOM" --json query "${blind[@]}" \
    2>"$LAB_DIR/log/query")
  check "$how: verdicts" "$2" "$(jq -r .verdict <<<"$said" | xargs)"
  check "$how: dane" "$3" "$(jq -r .dane <<<"$said" | xargs)"
  check "$how: the complaint" "$4" "$(cat "$LAB_DIR/log/query")"
}

check_blindness() {
  local stripped="s/127.0.0.1/$STRIPPER/" retired='s/root.key/retired.key/' missing='s/root.key/no.key/'
  local require='s/timeout = 2/& dnssec = "require"/' off='s/timeout = 2/& dnssec = "off"/'
  local sts='none enforce none' wait='defer defer defer' error='error error error' bogus='bogus bogus bogus'
  check_blind 'a path that strips signatures' "$sts" "$error" 'mtasts: DNSSEC: .*strips.*' "$stripped"
  check_blind 'a retired trust anchor' "$sts" "$error" 'mtasts: DNSSEC: .*out of date.*' "$retired"
  check_blind 'no trust anchor' "$sts" "$error" 'mtasts: DNSSEC: .*no.key: No such file.*' "$missing"
  check_blind 'dnssec = "require", signatures stripped' "$wait" "$bogus" 'mtasts: DNSSEC: .*require.*' \
    "$stripped;$require"
  check_blind 'dnssec = "require", a retired trust anchor' "$wait" "$bogus" 'mtasts: DNSSEC: .*require.*' \
    "$retired;$require"
  check_blind 'dnssec = "require", all well' 'dane dane defer' 'usable usable bogus' '' "$require"
  check_blind 'dnssec = "off"' "$sts" 'none none none' '' "$off"
}

# The MTA believes a resolver that validates, or one that only passes on.
believe() { # RESOLVER
  printf 'nameserver %s\noptions trust-ad edns0\n' "$1" >"$mta_etc/resolv.conf"
}

# `fated` and `fate` are those of the MTA that was sourced last.
expect() { # WHAT RECIPIENT OUTCOME
  check "$1" "$(fated "$3")" "$(fate "$2")"
}
# The outcome by the table, except for limits of the MTA.
check_mail() {
  local limit=${limits[$name]:-}
  expect "$as, $name: $proves${limit:+ ($as: $limit)}" "$as@$domain" "${limit:-$outcome}"
}

ask() { "$LAB_TOOLS/ask" "$mta_dir/run/ask.sock" "$@"; }
decision() { # DOMAIN…: verdict and DANE of each
  local domain
  for domain; do ask decision "$domain" | sed 's/^OK //' | jq -r '"\(.verdict) \(.dane)"'; done | paste -sd,
}
restart_mtastsd() { # as start_mtastsd
  stop mtastsd
  start_mtastsd "$@"
}

# With an empty log, after the last word of the one before.
restart_silent() { # as start_mtastsd
  stop mtastsd
  : >"$LAB_DIR/log/mtastsd"
  start_mtastsd "$@"
}

# mtastsd with DNSSEC switched off, or blind; with a cache that knows DANE from better days, and back.
check_mtastsd() {
  local broken="mtastsd: dnssec=broken detail=\"the root's DNSKEY comes without signatures\".*"
  says() { grep -E 'dnssec' "$LAB_DIR/log/mtastsd" | sort | uniq -c | sed 's/^ *//'; }
  restart_silent
  check 'mtastsd' 'dane usable,dane usable' "$(decision good.dane dane-enforce.dane)"
  says_ad() { # WORD: has it come to be said?
    for ((i = 0; i < 100; i++)); do
      grep -q " ad=$1: " "$LAB_DIR/log/mtastsd" && break
      sleep 0.05
    done
    grep -Eo ' ad=[a-z]*: ' "$LAB_DIR/log/mtastsd" | xargs
  }
  check "the MTA's resolver sets no AD bit: mtastsd says so" 'ad=missing:' "$(says_ad missing)"
  restart_silent 'dns { without_ad = "policy" }'
  says_ad missing >/dev/null
  check 'without the AD bit, the policy or TLS' 'encrypt unusable,enforce unusable,defer bogus' \
    "$(decision "${blind[@]}")"
  believe "$VALIDATOR"
  restart_silent 'dns { without_ad = "policy" }'
  check 'with it, DANE' 'ad=set: dane usable,dane usable,defer bogus' \
    "$(says_ad set) $(decision "${blind[@]}")"
  believe 127.0.0.1
  check "DANE of port 25 is not another port's" 'NOTFOUND ' "$(ask postfix '[implicit.dane]:587')"
  check 'Sendmail, which knows no DANE, gets the policy' \
    'OK secure match=mx.dane-enforce.dane servername=hostname' "$(ask sts dane-enforce.dane)"
  : >"$LAB_DIR/log/mtastsd"
  restart_mtastsd 'dns { dnssec = "off" }'
  check 'mtastsd, dnssec = "off"' 'none none,enforce none,none none' "$(decision "${blind[@]}")"
  check 'mtastsd, dnssec = "off": says so once' '1 mtastsd: dns.dnssec=off: .*' "$(says)"

  : >"$LAB_DIR/log/mtastsd"
  ask remove good.dane >/dev/null
  ask remove dane-enforce.dane >/dev/null
  restart_mtastsd "dns { servers = {\"$STRIPPER\"} }"
  check 'mtastsd, signatures stripped' 'none error,enforce error' "$(decision good.dane dane-enforce.dane)"
  check 'mtastsd, signatures stripped: says so once' "1 $broken" "$(says)"
  restart_mtastsd
  ask refresh good.dane >/dev/null
  check 'mtastsd sees again' 'dane usable' "$(decision good.dane)"

  restart_mtastsd 'override "good.dane" { mode = "none" }' 'override "forged-mx.dane" { mode = "none" }' \
    'override "mixed.dane" { mode = "enforce" mx = {"*.mixed.dane"} }' \
    'override "no-tlsa.dane" { mode = "enforce" mx = {"*.no-tlsa.dane"} }'
  check 'an override does not beat DANE, but one of mode none lets mail go if DNSSEC fails' \
    'dane usable,none bogus,dane usable,enforce none' "$(decision {good,forged-mx,mixed,no-tlsa}.dane)"
  check_exempt
}

# By the postmaster's word domains have no DANE: with a cache that knows of it, and with none; by the
# daemon, by the tool through it, by the tool alone with its cache, and by one that asks the DNS.
check_exempt() {
  local overrides=('override "good.dane" { dane = "off" }' 'override "bad-dane.dane" { dane = "off" }'
    'override "forged-mx.dane" { mode = "none" dane = "off" until = "2999-12-31" }'
    'override "dane-enforce.dane" { dane = "off" until = "2020-01-31" }')
  local domain exempt=({good,bad-dane,forged-mx,dane-enforce}.dane)
  local fates='none override none,enforce override none,none override none,dane cache usable'
  local words='"\(.verdict) \(.source) \(.dane)"'
  restart_mtastsd
  for domain in "${exempt[@]}"; do ask refresh "$domain" >/dev/null; done
  restart_silent "${overrides[@]}"
  check 'overrides with dane = "off"' "$fates" "$(printf '%s\n' "${exempt[@]}" | while read -r hop; do
    ask decision "$hop" | sed 's/^OK //' | jq -r "$words"; done | paste -sd,)"
  check 'they are logged once' '4 1' "$(grep -c 'mtastsd: override domain=' "$LAB_DIR/log/mtastsd") $(
    grep -c 'override domain=dane-enforce.dane dane=off until=2020-01-31: it has ended' "$LAB_DIR/log/mtastsd")"
  check "Postfix's words of them" 'NOTFOUND ,OK secure match=mx.bad-dane.dane servername=hostname,NOTFOUND ' \
    "$(printf '%s\n' "${exempt[@]:0:3}" | while read -r hop; do ask postfix "$hop"; done | paste -sd,)"
  mtastsd_conf "${overrides[@]}" 'user = "root"' 'group = "root"' >"$LAB_DIR/exempt.conf"
  tool() { "$MTASTS" --config "$LAB_DIR/exempt.conf" "$@" --json query "${exempt[@]}" |
    jq -r "$words" | paste -sd,; }
  check 'the tool, by mtastsd' "$fates" "$(tool)"
  stop mtastsd
  check 'the tool alone, by the cache' "$fates" "$(tool)"
  check 'the tool alone, by the DNS' "${fates//cache/network}" "$(tool --cache "$cache-exempt")"
}

# Partners whose TLSA records do not fit their certificates.
exempt_overrides=('override "bad-dane.dane" { dane = "off" }'
  'override "mismatch.dane" { mode = "none" dane = "off" until = "2999-12-31" }')

check_mail_by_exim() {
  local -A limits=(
    [cname-alias]='deferred certificate'  # it looks for TLSA records of the target alone
    [cname-outside]='deferred insecurely' # and sends nothing to an unsigned zone where DANE is the rule
  )
  send_one() { send "$conf" "$as@$domain" & }
  send_all() { # CONFIGURATION
    local conf=$1
    clear_queue
    each_signed send_one
    wait
    each_signed check_mail
  }
  believe "$VALIDATOR"
  told_one() { check_outcome exim; }
  start_tap || return
  as=exim send_all plain
  each_signed told_one
  stop_tap
  as=debian send_all debian
  stop mtastsd
  as=cached send_all plain
  start_mtastsd
  check "exim: our look at its event leaves it its error's number" '.* defer \(-38\) .*' \
    "$(fate exim@no-starttls.dane)"
  check 'exim: one line says why DANE stopped it' \
    'MTA-STS: deferred domain=cname-alias.dane mx=alias.cname-alias.dane .*result=dane-required .*' \
    "$(grep -o 'MTA-STS: deferred domain=cname-alias.dane .*' "$EXIM_DIR/log/mainlog" | head -n 1)"
  believe 127.0.0.1
  send plain blind@good.dane
  expect 'exim does not see DNSSEC: it waits' blind@good.dane 'deferred insecurely'
  believe "$VALIDATOR"
  run_queue plain
  expect 'exim sees again' blind@good.dane dane
  send smarthost smart@no-starttls.dane
  expect 'exim, a smart host with DANE' smart@no-starttls.dane 'dane implicit.dane'

  # It looks for TLSA records by itself, too: not if an override says that there are none.
  restart_mtastsd 'ask { deadline = 5 }' "${exempt_overrides[@]}"
  clear_queue
  send plain exempt@bad-dane.dane
  send plain exempt@mismatch.dane
  expect 'exim, dane = "off", by the policy' exempt@bad-dane.dane verified
  expect 'exim, dane = "off", no policy' exempt@mismatch.dane tls
  stop mtastsd
  send plain alone@bad-dane.dane
  expect 'exim, dane = "off", without mtastsd' alone@bad-dane.dane verified
  start_mtastsd 'ask { deadline = 5 }'
}

check_mail_by_postfix() {
  local as=postfix
  local -A limits=()
  send_one() { send "$as@$domain"; }
  each_signed send_one
  settle
  each_signed check_mail

  # Its resolver has nothing against a forgery: we have.
  send_bogus() { [[ $outcome != *'RFC 7672' ]] || send "$as@$domain"; }
  check_bogus() {
    [[ $outcome == *'RFC 7672' ]] || return
    outcome='deferred client TLS configuration problem' check_mail
  }
  limits=([host-servfail]='deferred Host not found') # of which no resolver knows the address
  stop postfix
  believe 127.0.0.1
  start_postfix
  as=blind each_signed send_bogus
  send blind@good.dane
  settle
  as=blind each_signed check_bogus
  expect 'postfix does not see DNSSEC: it waits' blind@good.dane 'deferred non DNSSEC destination'
  stop postfix
  believe "$VALIDATOR"
  postfix_conf 'relayhost=[implicit.dane]:25'
  start_postfix
  flush
  expect 'postfix sees again, with a relay host that has DANE' blind@good.dane 'dane implicit.dane'
  stop postfix
  postfix_conf 'relayhost='
  restart_mtastsd "${exempt_overrides[@]}"
  start_postfix
  send exempt@bad-dane.dane
  send exempt@mismatch.dane
  settle
  expect 'postfix, dane = "off", by the policy' exempt@bad-dane.dane verified
  expect 'postfix, dane = "off", no policy' exempt@mismatch.dane tls
}

. "$here/exim.sh"
start stripper && start claimer || failed=$((failed + 1))
check_queries
check_blindness
if why=$(exim_cannot_run); then
  skip "$why"
elif raise_exim && start_mtastsd 'ask { deadline = 5 }'; then
  sed -i 's/^MTASTS_SMARTHOST = .*/MTASTS_SMARTHOST = implicit.dane/' "$EXIM_DIR/smarthost.conf"
  check_mail_by_exim
  believe 127.0.0.1
  check_mtastsd
  stop mtastsd
else
  failed=$((failed + 1))
fi

. "$here/postfix.sh"
if why=$(root_cannot_run postfix); then
  skip "$why"
elif open_postfix && raise_postfix "$inet_map" && postfix_conf smtp_dns_support_level=dnssec && believe "$VALIDATOR" &&
  start_mtastsd && start_postfix; then
  check_mail_by_postfix
  stop postfix
  stop mtastsd
else
  failed=$((failed + 1))
fi
stop claimer
stop stripper
