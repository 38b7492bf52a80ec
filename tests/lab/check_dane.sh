# DANE: the table `dane`, asked for by `mtasts query` and sent mail through real Exim and Postfix; and
# what becomes of it where nothing can be validated. Sending needs root. The MTAs believe their
# resolver, which validates; ours only passes on, and we believe none.
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
  local cache=$cache
  each_signed signed_question
  ask_signed
  through='' each_signed check_answer
  cache=$cache-validator
  ask_signed --resolver "$VALIDATOR"
  through='a resolver that validates: ' each_signed check_answer
  cache=$cache-claimer
  ask_signed --resolver "$CLAIMER"
  through='a resolver that lies: ' each_signed check_answer
}

# Where nothing can be validated: what we say of DANE that holds, of the same with a policy, and of DANE
# that is bogus.
blind=({good,dane-enforce,forged-mx}.dane)
check_blind() { # HOW VERDICTS DANE [SED-SCRIPT over the configuration]
  local how=$1 verdicts=$2 dane=$3 said
  sed "${4:-}" "$LAB_CONF" >"$LAB_DIR/blind.conf"
  said=$("$MTASTS" --config "$LAB_DIR/blind.conf" --cache "$cache-$RANDOM" --json query "${blind[@]}" 2>&1)
  check "$how: verdicts" "$verdicts" "$(jq -r .verdict <<<"$said" | xargs)"
  check "$how: dane" "$dane" "$(jq -r .dane <<<"$said" | sort -u)"
}

check_blindness() {
  local stripped="s/127.0.0.1/$STRIPPER/" retired='s/root.key/retired.key/' missing='s/root.key/no.key/'
  local require='s/timeout = 2/& dnssec = "require"/' off='s/timeout = 2/& dnssec = "off"/'
  check_blind 'a path that strips signatures' 'none enforce none' error "$stripped"
  check_blind 'a retired trust anchor' 'none enforce none' error "$retired"
  check_blind 'no trust anchor' 'none enforce none' error "$missing"
  check_blind 'dnssec = "require", signatures stripped' 'defer defer defer' 'bogus|error' "$stripped;$require"
  check_blind 'dnssec = "require", a retired trust anchor' 'defer defer defer' 'bogus|error' "$retired;$require"
  check_blind 'dnssec = "require" where all is well' 'dane dane defer' $'bogus\nusable' "$require"
  check_blind 'dnssec = "off"' 'none enforce none' none "$off"
}

# The MTA believes a resolver that validates.
validate() { printf 'nameserver %s\noptions trust-ad edns0\n' "$VALIDATOR" >"$mta_etc/resolv.conf"; }

# `fated` and `fate` are those of the MTA that was sourced last.
expect() { # WHAT RECIPIENT OUTCOME
  check "$1" "$(fated "$3")" "$(fate "$2")"
}
# What the table says of mail, but where the MTA has its limits.
check_mail() {
  local limit=${limits[$name]:-}
  expect "$as, $name: $proves${limit:+ ($as: $limit)}" "$as@$domain" "${limit:-$outcome}"
}

check_mail_by_exim() {
  local as=exim
  local -A limits=(
    [cname-alias]='deferred certificate'  # it looks for TLSA records of the target alone
    [cname-outside]='deferred insecurely' # and sends nothing to an unsigned zone where DANE is required
  )
  send_one() { send plain "$as@$domain" & }
  clear_queue
  each_signed send_one
  wait
  each_signed check_mail
}

check_mail_by_postfix() {
  local as=postfix
  local -A limits=()
  send_one() { send "$as@$domain"; }
  each_signed send_one
  settle
  each_signed check_mail
}

start stripper && start claimer || failed=$((failed + 1))
check_queries
check_blindness

. "$here/exim.sh"
if why=$(exim_cannot_run); then
  skip "$why"
elif raise_exim && validate && start_mtastsd; then
  check_mail_by_exim
  stop mtastsd
  cp "$LAB_DIR/resolv.conf" "$mta_etc/resolv.conf"
else
  failed=$((failed + 1))
fi

. "$here/postfix.sh"
if why=$(root_cannot_run postfix); then
  skip "$why"
elif raise_postfix "$inet_map" && postfix_conf smtp_dns_support_level=dnssec && validate &&
  start_mtastsd && start_postfix; then
  check_mail_by_postfix
  stop postfix
  stop mtastsd
  cp "$LAB_DIR/resolv.conf" "$mta_etc/resolv.conf"
else
  failed=$((failed + 1))
fi
stop claimer
stop stripper
