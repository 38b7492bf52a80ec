# shellcheck shell=bash
# mtastsd for a bench, in a directory of its own: mtasts.conf, cache/, ask.sock, socketmap.sock, log.

# The directories of its cache and its sockets, for mtasts.conf.
places() { # DIRECTORY
  cat <<END
cache     { directory = "$1/cache" }
ask       { socket = "$1/ask.sock" }
socketmap { listen = {"unix:$1/socketmap.sock"} }
outcome   { socket = "$1/tlsrpt.sock" }
END
}

# All of mtasts.conf for a bench without look-ups: there is no resolver.
places_alone() { # DIRECTORY
  places "$1"
  cat <<END
dns       { servers = {"127.0.0.1@9"} dnssec = "off" }
user      = "$(id -un)"
group     = "$(id -gn)"
END
}

# Starts it, and waits until it can be asked. Sets $pid.
raise() { # PROGRAM DIRECTORY
  local i
  "$1" --config "$2/mtasts.conf" --foreground 2>"$2/log" &
  pid=$!
  for ((i = 0; i < 200; i++)); do
    [ -S "$2/ask.sock" ] && [ -S "$2/socketmap.sock" ] && return
    kill -0 $pid 2>/dev/null || break
    sleep 0.05
  done
  tail -n 3 "$2/log" >&2
  return 1
}

# Ends it, if it is up.
lower() {
  [ -n "${pid:-}" ] || return 0
  kill "$pid" 2>/dev/null
  wait "$pid"
  pid=
}
