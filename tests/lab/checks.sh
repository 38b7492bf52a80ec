#!/bin/bash
# The query lab's checks; tests/lab/lab test [PART…] runs them.
#   checks.sh [PART…]      each part is a process of its own (./part). The last line is `N passed, N failed`
# A part that fails, dies or hangs takes no other along: what it started is ended, and the lab's servers are
# raised again. LAB_PARTS is the directory of the parts' files, LAB_PART_SECONDS how long one may take.
set -u
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../environment.sh"
. "$here/servers.sh"
passed=0 failed=0
counts=$LAB_DIR/part.counts

[ -x "$MTASTS" ] || {
  echo "checks: $MTASTS is not built. Run: make" >&2
  exit 69
}
# shellcheck disable=SC2046
[ $# -gt 0 ] || set -- $(sed 's/#.*//' "$here/lanes")

# The processes in this network namespace, which is the lab's own.
ours() {
  local process namespace
  namespace=$(readlink /proc/self/ns/net)
  for process in /proc/[0-9]*; do
    [ "$(readlink "$process/ns/net" 2>/dev/null)" != "$namespace" ] || echo "${process#/proc/}"
  done
}

# Is it one of the lab's servers, or a child of one? A part may have started it again.
serves_the_lab() { # PID
  local pid=$1
  while [ "${pid:-1}" -gt 1 ]; do
    [[ $servers != *" $pid "* ]] || return 0
    pid=$(sed -n 's/^PPid:\t//p' "/proc/$pid/status" 2>/dev/null)
  done
  return 1
}

# Ends processes that a part has left running.
clean_up() { # PID… that were there before
  local server pid servers=' ' before=" $* "
  for server in "${part_servers[@]}"; do stop "$server"; done
  for server in "${lab_servers[@]}"; do servers+="$(cat "$LAB_DIR/$server.started" 2>/dev/null) "; done
  for pid in $(ours); do
    [[ $before == *" $pid "* ]] || serves_the_lab "$pid" || kill -KILL "$pid" 2>/dev/null
  done
}

# A part that failed may have ended one of the lab's servers, or left unbound with other data.
restore_servers() { # FAILED
  local server
  for server in "${lab_servers[@]}"; do
    case "$server $1" in unbound\ [1-9]* | validator\ [1-9]*) stop "$server" ;; esac
    answers "$server" || { stop "$server" && start "$server"; }
  done
}

run_part() { # PART
  local before status p=0 f=0
  rm -f "$counts"
  before=$(ours)
  timeout --foreground -k "${LAB_PART_GRACE:-10}" "${LAB_PART_SECONDS:-1200}" "$here/part" "$1"
  status=$?
  if ! read -r p f _ 2>/dev/null <"$counts"; then
    echo "FAILED $1: it ended before its last check (exit status $status)"
    f=1
  fi
  passed=$((passed + p)) failed=$((failed + f))
  # shellcheck disable=SC2086 # a list of words
  clean_up $before
  restore_servers "$f"
}

for part; do
  began=$SECONDS
  run_part "$part"
  printf '%s: %d s\n' "$part" $((SECONDS - began))
done
printf '%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" = 0 ]
