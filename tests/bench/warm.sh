# shellcheck shell=bash disable=SC1091,SC2034,SC2154
# shellcheck disable=SC1091,SC2034,SC2154 # of the files that it reads, and that read it
# What benches of cold look-ups share: the hosts of `lab bench N`, and `mtasts warm` over them. A script that sources
# this has set $here.
. "$here/../lab/servers.sh"
. "$here/figure.sh"
benches=$LAB_TOOLS/../bench
list=$LAB_DIR/bench.domains
grep -o 'h[0-9]*\.bench\.example' "$LAB_DIR/certificates" >"$list"
count=$(wc -l <"$list")

flush() { unbound-control -c "$LAB_DIR/unbound.conf" flush_zone . >/dev/null; }

# Looks all of them up with an empty cache and a flushed resolver. Sets $wall and $cpu, microseconds, and
# $peak, KiB; fails if a policy was not stored.
warm() { # CONFIGURATION JOBS
  local cache stored
  flush
  cache=$(mktemp -d "$LAB_DIR/warm.XXXX")
  "$benches/spent" "$cache/spent" "$MTASTS" --config "$1" --cache "$cache/cache" \
    warm --jobs "$2" "$list" >"$cache/said" 2>&1
  read -r wall cpu peak <"$cache/spent"
  stored=$("$MTASTS" --config "$1" --cache "$cache/cache" --json cache stats | jq .enforce)
  [ "$stored" = "$count" ] || {
    echo "$stored of $count policies were stored:" >&2
    tail -n 5 "$cache/said" >&2
    return 1
  }
}
