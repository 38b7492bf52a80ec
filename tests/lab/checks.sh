#!/bin/bash
# The query lab's checks; tests/lab/lab test [PART…] runs them.
# A part is a file check_PART.sh. The last line is `N passed, N failed`.
set -u
here=$(cd "$(dirname "$0")" && pwd)
. "$here/servers.sh"
. "$here/table.sh"
passed=0 failed=0

check() { # WHAT EXPECTED GOT: EXPECTED is a regular expression for the whole of GOT
  if [[ $3 =~ ^($2)$ ]]; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    printf 'FAILED %s\n  expected: %s\n  got:      %s\n' "$1" "$2" "$3"
  fi
}

# The part $part cannot run here. In CI that is a failure, where it is not a matter of the build.
skip() { # WHY
  echo "$part: SKIPPED: $1"
  [ -z "${CI:-}" ] || [[ $1 == *sanitizer* ]] || failed=$((failed + 1))
}

mtasts() { # ARGUMENT…: the tool with the cache $cache, as whom $run_as says
  "${run_as[@]}" "$MTASTS" --config "$LAB_CONF" --cache "$cache" "$@"
}

# One that goes wrong: its exit code, and that it says why in one line that leads with its name.
check_error() { # WHAT CODE WORD COMMAND…
  local what=$1 code=$2 word=$3 said text='[[:print:]]*'
  shift 3
  said=$("$@" 2>&1 >/dev/null </dev/null)
  check "$what: exit code" "$code" $?
  check "$what: message" "mtasts: $text$word$text" "$said"
}

[ -x "$MTASTS" ] || {
  echo "checks: $MTASTS is not built. Run: make" >&2
  exit 69
}
[ $# -gt 0 ] || set -- table changes cache input daemon tool milter exim postfix sendmail dane
for part; do
  began=$SECONDS
  cache=$LAB_DIR/cache-$part
  run_as=()
  [ -e "$here/check_$part.sh" ] || {
    echo "checks: no such part: $part" >&2
    exit 64
  }
  . "$here/check_$part.sh"
  printf '%s: %d s\n' "$part" $((SECONDS - began))
done
printf '%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" = 0 ]
