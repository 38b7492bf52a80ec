# Errors of the user or this host: each ends with one clear line and its exit code.
# shellcheck shell=bash

bad=$LAB_DIR/bad
config() { # LINE…: a configuration of these lines
  printf '%s\n' "$@" >"$bad"
}

check_error 'an unknown option' 64 no-such mtasts --no-such query good.example
check_error 'an unknown command' 64 no-such mtasts no-such
check_error 'query without a domain' 64 . mtasts query
check_error 'query of no domain name' 65 'a\.\.b' mtasts query a..b

config 'https {' '  timeout = 3' '  no_such = 1' '}'
check_error 'an unknown key' 78 'bad:3' "$MTASTS" --config "$bad" query good.example
config 'https {' '  timeout = soon' '}'
check_error 'a value of the wrong kind' 78 'bad:2' "$MTASTS" --config "$bad" query good.example
config 'user = "nobody-of-that-name"'
check_error 'a user who does not exist' 78 'bad:1' "$MTASTS" --config "$bad" query good.example
check_error 'a configuration that is not there' 66 "$bad.not" \
  "$MTASTS" --config "$bad.not" query good.example

check_error 'no resolver' 69 '127\.0\.0\.9' mtasts --resolver 127.0.0.9 query good.example
check 'the resolver is back: its failure is not held against the domain' enforce \
  "$(mtasts --json query good.example | jq -r .verdict)"
check_error 'a resolver that is no address' 6[45] nonsense mtasts --resolver nonsense query good.example
check_error 'no CA bundle' 66 "$bad.pem" mtasts --ca-file "$bad.pem" query testing.example
check_error 'a CA bundle without certificates' '65|78' bad mtasts --ca-file "$bad" query testing.example

# A cache that cannot be: /proc takes no directories, not even root's.
check_error 'a cache that cannot be made' '73|77' /proc/no "$MTASTS" --config "$LAB_CONF" \
  --cache /proc/no cache import /dev/null
mtasts query good.example >"$LAB_DIR/out"
cp -r "$cache" "$cache-cut"
truncate -s 5000 "$cache-cut/data.mdb"
check_error 'a truncated cache' '65|74' data "$MTASTS" --config "$LAB_CONF" --cache "$cache-cut" cache list
head -c 65536 /dev/urandom >"$cache-cut/data.mdb"
check_error 'a cache of random bytes' '65|74' data "$MTASTS" --config "$LAB_CONF" --cache "$cache-cut" cache list

# The default: a policy host at a private address is not asked.
sed 's/allow_private = true//' "$LAB_CONF" >"$bad"
check 'private addresses are refused' 'none sts-policy-fetch-error' "$("$MTASTS" --config "$bad" \
  --cache "$cache-private" --json query good.example | jq -r '"\(.verdict) \(.error.type)"')"
