# The cache and its commands, with a few domains of each kind.
# shellcheck shell=bash

states() { # [OPTION…]: "domain state" of each entry, on one line
  mtasts --json cache list "$@" | jq -r '"\(.policy_domain | rtrimstr(".example")) \(.state)"' |
    sort | paste -sd, -
}

exit_code() {
  "$@" >"$LAB_DIR/out" 2>&1
  echo $?
}

fill() {
  mtasts query good.example testing.example mode-none.example no-record.example \
    two-records.example not-found.example >"$LAB_DIR/out"
}

all='good policy,mode-none policy,no-record absent,not-found error,testing policy,two-records invalid'
fill
check 'cache list' "$all" "$(states)"
check 'cache list --filter' 'good policy' "$(states --filter mode=enforce)"
check 'cache show' 'enforce 86400 mx.good.example 20260101T000000' "$(mtasts --json cache show \
  good.example | jq -r '"\(.mode) \(.max_age) \(.mx | join(",")) \(.id)"')"
check 'cache show of what is not there' 1 "$(exit_code mtasts cache show nowhere.example)"
check 'cache stats' '6 3 1 1 1 0' "$(mtasts --json cache stats |
  jq -r '"\(.entries) \(.policies) \(.enforce) \(.testing) \(.none) \(.expired)"')"

mtasts cache export >"$LAB_DIR/export"
check 'cache export' 6 "$(wc -l <"$LAB_DIR/export")"
check 'cache clear' 0 "$(exit_code mtasts cache clear)"
check 'cache list after clear' '' "$(states)"
check 'cache import' 0 "$(exit_code mtasts cache import "$LAB_DIR/export")"
check 'cache list after import' "$all" "$(states)"
check 'import of an export loses nothing' same "$(mtasts cache export |
  cmp -s - "$LAB_DIR/export" && echo same)"

check 'cache remove' 0 "$(exit_code mtasts cache remove testing.example no-record.example)"
check 'cache list after remove' 'good policy,mode-none policy,not-found error,two-records invalid' \
  "$(states)"
mtasts query max-age-zero.example >"$LAB_DIR/out"
check 'an expired policy is counted' 1 "$(mtasts --json cache stats | jq .expired)"
check 'cache expire' 0 "$(exit_code mtasts cache expire)"
check 'cache expire keeps it for a week' 1 "$(mtasts --json cache stats | jq .expired)"
mtasts cache export | jq -c 'if .policy_domain == "good.example" then . + {
  fetched: "2020-01-01T00:00:00Z", expires: "2020-01-02T00:00:00Z"} else . end' >"$LAB_DIR/export"
mtasts cache import "$LAB_DIR/export" >"$LAB_DIR/out"
mtasts cache expire >"$LAB_DIR/out"
left='max-age-zero policy,mode-none policy,not-found error,two-records invalid'
check 'and removes what expired long ago' "$left" "$(states)"
check 'cache verify' 0 "$(exit_code mtasts cache verify)"
check 'cache compact' 0 "$(exit_code mtasts cache compact)"
check 'cache list after compact' "$left" "$(states)"

# A backup, and its place in a cache directory of its own
check 'cache backup' 0 "$(exit_code mtasts cache backup "$LAB_DIR/backup.mdb")"
mtasts cache export >"$LAB_DIR/export"
mkdir "$LAB_DIR/put-back"
cp "$LAB_DIR/backup.mdb" "$LAB_DIR/put-back/data.mdb"
check 'a backup has all that the cache has' same "$("$MTASTS" --cache "$LAB_DIR/put-back" cache export |
  cmp -s - "$LAB_DIR/export" && echo same)"

# If root started the lab: the same with an ordinary user's own cache.
if setpriv --reuid 65534 --regid 65534 --clear-groups true 2>/dev/null; then
  cache=$LAB_DIR/ordinary
  install -d -o 65534 -g 65534 "$cache"
  cp "$MTASTS" "$LAB_DIR/mtasts" # the build tree may be root's alone
  MTASTS_WAS=$MTASTS MTASTS=$LAB_DIR/mtasts
  run_as=(setpriv --reuid 65534 --regid 65534 --clear-groups)
  fill
  check 'cache list as an ordinary user' "$all" "$(states)"
  # Root opens that cache as its user, and yet writes where only root may.
  install -d -m 700 "$LAB_DIR/safe"
  check 'backup by root of the cache of another' 0 \
    "$(exit_code "$MTASTS" --cache "$cache" cache backup "$LAB_DIR/safe/backup")"
  check 'which is for root alone' "$(id -u) 600" "$(stat -c '%u %a' "$LAB_DIR/safe/backup")"
  ln -s safe "$LAB_DIR/link-to-safe"
  check 'root follows no link to it' 77 \
    "$(exit_code "$MTASTS" --cache "$cache" cache backup "$LAB_DIR/link-to-safe/backup")"
  check 'an ordinary user writes nothing there' 77 "$(exit_code mtasts cache backup "$LAB_DIR/safe/other")"
  MTASTS=$MTASTS_WAS run_as=()
fi
