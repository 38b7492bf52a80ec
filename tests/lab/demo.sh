#!/bin/bash
# A postmaster's questions to the lab: `make demo`, or tests/lab/lab demo.
set -u
here=$(cd "$(dirname "$0")" && pwd)
. "$here/table.sh"

domains="good testing mode-none no-record two-records wrong-mx expired-certificate not-found \
bad-mode record-servfail"

bold() { printf '\n\033[1m%s\033[0m\n' "$*"; }
[ -t 1 ] || bold() { printf '\n%s\n' "$*"; }

mtasts() { "$MTASTS" --config "$LAB_CONF" "$@"; }

# One domain of the table: is its verdict the expected one?
verdict() {
  case " $domains " in *" ${domain%.example} "*) ;; *) return ;; esac
  local got
  got=$(mtasts --json query --offline "$domain" | jq -r .verdict)
  [ "$got" = "${expect%% *}" ] && right=$((right + 1)) && return
  printf 'wrong: %s (%s): expected %s, got %s\n' "$domain" "$proves" "${expect%% *}" "$got" >&2
  wrong=$((wrong + 1))
}

cat <<'END'
A small Internet has been raised on this machine: name servers, web servers, certificates.
Ten domains in it publish, or fail to publish, an MTA-STS policy. What does a mail server
learn about each?
END
read -ra names <<<"$domains"
names=("${names[@]/%/.example}")
bold "$(fold -s -w 90 <<<"\$ mtasts query ${names[*]}" | sed '$!s/$/\\/')"
mtasts query "${names[@]}"
bold '$ mtasts cache list'
mtasts cache list

right=0 wrong=0
each_domain verdict
printf '\n%d of %d verdicts are right.\n' "$right" ${#names[@]}
[ "$right" = ${#names[@]} ] || exit 1
cat <<END

Next, ask about a real domain:
  build/mtasts query gmail.com
END
