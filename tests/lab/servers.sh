# The lab's addresses and servers. A script that runs inside `lab run` may source this to end a
# server and start it again.
# shellcheck shell=bash

DNS=10.8.0.53 DROP=10.8.0.54                                            # name servers
# Resolvers, beside 127.0.0.1: one that validates; two that lie and one far away (forward.c).
VALIDATOR=127.0.0.2 STRIPPER=127.0.0.3 CLAIMER=127.0.0.4 DISTANT=127.0.0.5
DISTANCE=40 # milliseconds, there and back
WEB=10.8.0.1 IPV6=fd00:8::1 H2=10.8.0.2 ROGUE=10.8.0.3 REFUSED=10.8.0.4 # policy hosts
UNREACHABLE=10.99.0.1                                                   # of no host
NGINX=$WEB # where nginx listens; elsewhere while it is $DISTANCE away, behind a relay
# Mail servers: addresses and behaviours (smtp.c); the host that sends.
declare -A MAIL=([tls]=198.51.100.1 [plain]=198.51.100.2 [refuses-454]=198.51.100.3
  [refuses-502]=198.51.100.4 [junk]=198.51.100.5 [down]=198.51.100.6 [second]=198.51.100.7
  [old]=198.51.100.8
  [this]=198.51.100.25
  [collector]=198.51.100.26
  # for the table `findings`
  [slow]=198.51.100.31 [busy-421]=198.51.100.32 [blocked-554]=198.51.100.33 [greylists]=198.51.100.34
  [multi-line]=198.51.100.35 [silent]=198.51.100.36 [closes]=198.51.100.37 [web]=198.51.100.38
  [endless]=198.51.100.39 [old-tls]=198.51.100.40 [future-tls]=198.51.100.41 [injects]=198.51.100.42
  [hangs-up]=198.51.100.43
  [real-postfix]=198.51.100.51 [real-postscreen]=198.51.100.52 [real-exim]=198.51.100.53) # receivers.sh
NO_ROUTE=2001:db8::25 # an address of a family to which the lab has no route

# What the lab raises, in this order, and what a script that runs in it may start, in the order of their ends.
lab_servers=(nsd unbound validator nginx rogue smtp)
# shellcheck disable=SC2034 # for who sources this
part_servers=(tap sendmail syslog postfix milter mtastsd distant claimer stripper relay)

serve_mail() {
  local behaviour receivers=()
  for behaviour in "${!MAIL[@]}"; do
    case $behaviour in
      down | this | collector | real-*) ;; # collector.py may be there
      second) receivers+=("${MAIL[second]}=tls") ;; # MTAs take hosts at one address for one
      *) receivers+=("${MAIL[$behaviour]}=$behaviour") ;;
    esac
  done
  exec "$LAB_TOOLS/smtp" "$LAB_DIR/certs" "$LAB_DIR/mail" "${receivers[@]}"
}

serve() { # SERVER: in the foreground
  case $1 in
    nsd) exec nsd -d -c "$LAB_DIR/nsd.conf" ;;
    unbound | validator) exec unbound -d -c "$LAB_DIR/$1.conf" ;;
    nginx) exec nginx -e stderr -p "$LAB_DIR" -c nginx.conf -g 'daemon off;' ;;
    rogue) exec "$LAB_TOOLS/rogue" "$LAB_DIR/certs" "$ROGUE" "$DROP" ;;
    smtp) serve_mail ;;
    stripper) exec "$LAB_TOOLS/forward" "$STRIPPER" 127.0.0.1 strip ;;
    claimer) exec "$LAB_TOOLS/forward" "$CLAIMER" 127.0.0.1 claim ;;
    distant) exec "$LAB_TOOLS/forward" "$DISTANT" 127.0.0.1 "$DISTANCE" ;;
    relay) exec "$LAB_TOOLS/relay" "$WEB" "$NGINX" 443 "$DISTANCE" ;;
  esac
}

answers() { # SERVER
  local at
  case $1 in
    nsd) at=$DNS/53 ;;
    unbound) at=127.0.0.1/53 ;;
    validator) at=$VALIDATOR/53 ;;
    nginx) at=$NGINX/443 ;;
    relay) at=$WEB/443 ;;
    rogue) at=$ROGUE/443 ;;
    smtp) at=${MAIL[tls]}/25 ;;
    stripper) dig +time=1 +tries=1 "@$STRIPPER" . SOA >/dev/null && return ;;
    claimer) dig +time=1 +tries=1 "@$CLAIMER" . SOA >/dev/null && return ;;
    distant) dig +time=1 +tries=1 "@$DISTANT" . SOA >/dev/null && return ;;
  esac
  (: >"/dev/tcp/$at") 2>/dev/null
}

start() { # SERVER
  local i
  serve "$1" >>"$LAB_DIR/log/$1" 2>&1 &
  disown # or bash reports its end
  echo $! >"$LAB_DIR/$1.started"
  for ((i = 0; i < 200; i++)); do
    answers "$1" && return
    kill -0 $! 2>/dev/null || break
    sleep 0.05
  done
  echo "lab: $1 does not answer; it said:" >&2
  tail -n 5 "$LAB_DIR/log/$1" >&2
  return 1
}

stop() { # SERVER
  local pid i
  pid=$(cat "$LAB_DIR/$1.started" 2>/dev/null) || return 0
  kill "$pid" 2>/dev/null
  for ((i = 0; i < 250; i++)); do
    kill -0 "$pid" 2>/dev/null || break
    sleep 0.02
  done
  rm -f "$LAB_DIR/$1.started"
}
