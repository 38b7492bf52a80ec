# shellcheck shell=bash
# figure PART WHAT BESIDE MUST GOT ok|missed: writes a figure and its limit as a line of the file that
# BENCH_FIGURES names, and returns true if it is ok. MUST is `≤ NUMBER UNIT` or `≥ NUMBER UNIT`, GOT a number of
# the same unit, if the report is to draw a bar.
figure() {
  [ -z "${BENCH_FIGURES:-}" ] || printf '%s\t%s\t%s\t%s\t%s\t%s\n' "$@" >>"$BENCH_FIGURES"
  [ "$6" = ok ]
}
worst() { [ "$bad" -ge "$1" ] || bad=$1; } # STATUS: of several benches, in $bad
holds() { if (($1)); then echo ok; else echo missed; fi; } # EXPRESSION, of bash's arithmetic

median() { printf '%s\n' "$@" | sort -n | sed -n "$((($# + 1) / 2))p"; }
tenth() { echo "$(($1 / 10)).$(($1 % 10))"; }
