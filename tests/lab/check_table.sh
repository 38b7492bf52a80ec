# Every domain of the table, all asked for in one call, each answer against its expectation.
# shellcheck shell=bash

declare -a questions
declare -A answers_of

question() { questions+=("$asked"); }

# An answer as words: "-" is null.
flatten='[.domain, .policy_domain, .verdict,
  ([.mx // [] | .[] | if .match then "y" else "n" end] | join("")),
  .record.status, .policy.mode, .error.type, .error.detail]
  | map(. // "-" | if . == "" then "-" else . end) | @tsv'

compare() {
  local got_domain got_verdict got_mx got_record got_mode got_error got_detail
  local verdict matches status error detail mode=-
  read -r verdict matches status error detail <<<"$expect"
  IFS=$'\t' read -r got_domain got_verdict got_mx got_record got_mode got_error got_detail \
    <<<"${answers_of[$asked]:-}"
  # A valid record without an error leads to a policy, and its mode is the verdict.
  [ "$status $error" = 'valid -' ] && mode=$verdict
  [ "$asked" = '[192.0.2.1]' ] && domain=-
  local about="$asked ($proves)"
  check "$about: policy_domain" "$domain" "$got_domain"
  check "$about: verdict" "$verdict" "$got_verdict"
  check "$about: MX match" "$matches" "$got_mx"
  check "$about: record.status" "$status" "$got_record"
  check "$about: policy.mode" "$mode" "$got_mode"
  check "$about: error.type" "$error" "$got_error"
  [ "$detail" = - ] || check "$about: error.detail" ".*($detail).*" "$got_detail"
}

each_domain question
mtasts --json query "${questions[@]}" >"$LAB_DIR/table.json"
check 'query of all domains: exit code' 0 $?
while IFS=$'\t' read -r asked answer; do
  answers_of[$asked]=$answer
done < <(jq -r "$flatten" "$LAB_DIR/table.json")
[ -s "$LAB_DIR/table.json" ] && each_domain compare
