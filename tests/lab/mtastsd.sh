# mtastsd and mtasts-milter for a real MTA. A script that sources this sets
#   mta_root    the MTA's root directory
#   mta_etc     its /etc, as seen from here
#   mta_group   the group whose members may ask
#   mta_dir     the directory of cache/ and of the sockets in run/
# and may set
#   run_under     the words of a command that both programs are run by: valgrind with its options
#   start_seconds how long a program may take to start (4)
# shellcheck shell=bash

# The build tree: this machine's, or that of the other Debian (`make other`).
built=${LAB_TOOLS%/tests/lab}${debian:+-other}
built_mtastsd=$built/mtastsd built_milter=$built/mtasts-milter
run_under=() start_seconds=4

# For mtastsd and the milter, which give up root, and for their clients. The last setting counts.
mtastsd_conf() { # [SETTING…]
  cat <<END
cache     { directory = "$mta_dir/cache" }
dns       { servers = {"127.0.0.1"} timeout = 2 trust_anchor = "$LAB_DIR/root.key" }
https     { ca_file = "$LAB_CA" allow_private = true timeout = 3 }
ask       { socket = "$mta_dir/run/ask.sock" deadline = 2 }
socketmap { listen = {"unix:$mta_dir/run/socketmap.sock", "inet:127.0.0.1:8461"} }
outcome   { socket = "$mta_dir/run/tlsrpt.sock" }
milter    { listen = "unix:$mta_dir/run/milter.sock" }
user      = "daemon"
group     = "$mta_group"
log       = "stderr"
END
  [ $# = 0 ] || printf '%s\n' "$@"
}

write_mtastsd_conf() { # as mtastsd_conf
  mkdir -p "$mta_etc/mtasts" && mtastsd_conf "$@" >"$mta_etc/mtasts/mtasts.conf"
}

start_mtastsd() { # as mtastsd_conf
  local i
  mkdir -p "$mta_dir"/{run,cache}
  chroot "$mta_root" chown "daemon:$mta_group" "$mta_dir"/{run,cache} && chmod 2750 "$mta_dir"/{run,cache} &&
    write_mtastsd_conf "$@" || return
  rm -f "$mta_dir/run/ask.sock"
  chroot "$mta_root" "${run_under[@]}" "$built_mtastsd" --foreground >>"$LAB_DIR/log/mtastsd" 2>&1 &
  disown
  echo $! >"$LAB_DIR/mtastsd.started" # for `stop mtastsd`
  for ((i = 0; i < 50 * start_seconds; i++)); do
    [ -S "$mta_dir/run/ask.sock" ] && return
    sleep 0.02
  done
  echo 'lab: mtastsd does not listen; it said:' >&2
  tail -n 5 "$LAB_DIR/log/mtastsd" >&2
  return 1
}

# With the configuration that was written last.
start_milter() {
  local i log=$LAB_DIR/log/milter before
  starts() { grep -c '^mtasts-milter: start ' "$log"; }
  touch "$log"
  before=$(starts)
  chroot "$mta_root" "${run_under[@]}" "$built_milter" --foreground >>"$log" 2>&1 &
  disown
  echo $! >"$LAB_DIR/milter.started" # for `stop milter`
  for ((i = 0; i < 50 * start_seconds; i++)); do
    [ "$(starts)" -gt "$before" ] && return
    sleep 0.02
  done
  echo 'lab: mtasts-milter does not start; it said:' >&2
  tail -n 5 "$log" >&2
  return 1
}

# Makes mtastsd or the milter reload its configuration.
reload() { # PROGRAM CONFIGURATION, as mtastsd_conf
  local i program=$1 before
  reloads() { grep -c ": reload " "$LAB_DIR/log/$program"; }
  before=$(reloads)
  write_mtastsd_conf "${@:2}"
  kill -HUP "$(cat "$LAB_DIR/$program.started")"
  for ((i = 0; i < 50 * start_seconds && $(reloads) == before; i++)); do sleep 0.02; done
}

# Takes the place of mtastsd's outcome socket: keeps each datagram as a line of $LAB_DIR/datagrams, and passes it
# on. For one mtastsd: stop_tap before the next one starts. $tap_at is the socket's path, if it is another.
tap_at=
start_tap() {
  local i at=${tap_at:-$mta_dir/run/tlsrpt.sock}
  : >"$LAB_DIR/datagrams"
  mv "$at" "$at.mtastsd" || return
  perl -MSocket -e '$| = 1; my $at = shift;
    socket(S, AF_UNIX, SOCK_DGRAM, 0) && bind(S, sockaddr_un($at)) && chmod(0666, $at) or die "$!\n";
    socket(OUT, AF_UNIX, SOCK_DGRAM, 0) or die "$!\n";
    while (defined(recv(S, $_, 1 << 17, 0))) {
      send(OUT, $_, 0, sockaddr_un("$at.mtastsd"));
      s/\n/ /g;
      print "$_\n";
    }' "$at" >>"$LAB_DIR/datagrams" 2>&1 &
  disown
  echo $! >"$LAB_DIR/tap.started"
  for ((i = 0; i < 100; i++)); do
    [ -S "$at" ] && return
    sleep 0.02
  done
  return 1
}
stop_tap() {
  stop tap
  mv -f "${tap_at:-$mta_dir/run/tlsrpt.sock}"{.mtastsd,}
}

# The outcomes in $LAB_DIR/datagrams for a domain, in the words of the table `outcomes`.
told_outcomes() { # DOMAIN
  jq -r --arg d "$1" 'select(.d == $d) | .policies[] |
    {"1": "tlsa", "2": "sts", "9": "none"}["\(."policy-type")"] +
    ([."failure-details"[]?.c | "!\(.)"] | add // "") +
    if .f == ((."failure-details" // []) | length) then "" else " f=\(.f)" end' "$LAB_DIR/datagrams" | xargs
}

# Compares what was told of a domain with the table `outcomes`.
check_outcome() { # COLUMN: exim, postfix-tlsrpt, postfix-log, sendmail-log
  local key=$name line exim postfix_tlsrpt postfix_log_told sendmail_log_told expected
  [[ $domain != *.dane ]] || key=$domain
  line=$(grep -E "^$key +\\|" "$here/outcomes")
  IFS='|' read -r _ exim postfix_tlsrpt postfix_log_told sendmail_log_told <<<"$line"
  case $1 in
    exim) expected=$exim ;;
    postfix-tlsrpt) expected=$postfix_tlsrpt ;;
    postfix-log) expected=$postfix_log_told ;;
    sendmail-log) expected=$sendmail_log_told ;;
  esac
  trim expected
  check "outcomes, $1, $domain: $proves" "${expected#-}" "$(told_outcomes "$domain")"
}

# `mtasts outcome follow`, as this MTA's root has it.
follow_log() { # LOG OPTION…
  chroot "$mta_root" "$built/mtasts" outcome follow --file "$1" --position "$LAB_DIR/follow.position" "${@:2}"
}
