# One domain whose record and policy change while its policy is in the cache. Every question
# comes from a new process.
# shellcheck shell=bash

name=change.example
serial=1
policy_file=$LAB_DIR/www/mta-sts.$name/.well-known/mta-sts.txt

# Publishes an id, or no record if it is empty.
record() { # ID
  serial=$((serial + 1))
  {
    printf '$TTL 1\n@ SOA ns.example. hostmaster.example. %d 3600 600 86400 1\n' "$serial"
    printf '@ NS ns.example.\n@ MX 10 mx\nmta-sts A %s\n' "$WEB"
    [ -z "$1" ] || printf '_mta-sts TXT "v=STSv1; id=%s"\n' "$1"
  } >"$LAB_DIR/zones/$name"
  stop nsd && start nsd
  unbound-control -c "$LAB_DIR/unbound.conf" flush_zone "$name" >/dev/null
}

policy() { # MODE MAX_AGE
  printf '%s\n' 'version: STSv1' "mode: $1" "mx: mx.$name" "max_age: $2" >"$policy_file"
}

expect() { # WHAT "VERDICT SOURCE ID RECORD ERROR" [OPTION…]
  local what=$1 wanted=$2
  shift 2
  check "$what" "$wanted" "$(mtasts --json query "$@" "$name" 2>/dev/null | jq -r '[.verdict, .source,
    .policy.id, .record.status, .error.type] | map(. // "-") | join(" ")')"
}

# How many the resolver and the web server have seen.
requests() {
  unbound-control -c "$LAB_DIR/unbound.conf" stats_noreset | grep '^total.num.queries='
  wc -l <"$LAB_DIR/log/access"
}

mkdir -p "${policy_file%/*}"
policy enforce 86400
record a1
expect 'first question' 'enforce network a1 valid -'
seen=$(requests)
expect 'second question' 'enforce cache a1 valid -'
check 'a cached answer asks no server' "$seen" "$(requests)"

policy testing 86400
record a2
expect 'a new id that is not due yet' 'enforce cache a1 valid -'
expect 'a new id and policy' 'testing network a2 valid -' --refresh

rm "$policy_file"
record a3
expect 'a new id, its policy missing' 'testing stale a2 valid sts-policy-fetch-error' --refresh

policy enforce 86400
expect 'its policy there at last' 'enforce network a3 valid -' --refresh

policy Enforce 86400
record a4
expect 'a new id, its policy invalid' 'enforce stale a3 valid sts-policy-invalid' --refresh

record ''
expect 'the record gone, the policy unexpired' 'enforce stale a3 absent record-invalid' --refresh

policy testing 86400
record a5
stop nginx
expect 'the web server down' 'enforce stale a3 valid sts-policy-fetch-error' --refresh
start nginx
stop unbound
expect 'the resolver down' 'enforce stale a3 error dns-error' --refresh
expect 'and asked offline' 'enforce (cache|stale) a3 .*' --offline
start unbound
expect 'both up again' 'testing network a5 valid -' --refresh

policy none 86400
record a6
expect 'mode none in place of a policy' 'none network a6 valid -' --refresh
expect 'mode none from the cache' 'none cache a6 valid -'

policy enforce 2
record a7
expect 'a policy for two seconds' 'enforce network a7 valid -' --refresh
record ''
sleep 2
expect 'expired, the record gone' 'none network - absent -'

name=never-asked.example
expect 'a domain never asked for, offline' 'unknown none - - -' --offline
