# mtastsd, from outside: over its sockets, by its signals, its log and its files.
# shellcheck shell=bash

ask_socket=$LAB_DIR/run/ask.sock map_socket=$LAB_DIR/run/socketmap.sock
outcome_socket=$LAB_DIR/run/tlsrpt.sock conf=$LAB_DIR/mtastsd.conf log=$LAB_DIR/log/mtastsd
daemon='' idle='' run_with=()
trap 'kill $daemon $idle 2>/dev/null' EXIT

# The lab's configuration, our sockets, and what else is given. Root starts it, and becomes nobody.
configure() { # TEXT…
  {
    cat "$LAB_CONF"
    printf '%s\n' "cache { directory = \"$cache\" }" \
      "ask { socket = \"$ask_socket\" deadline = 2 }" \
      "socketmap { listen = {\"unix:$map_socket\", \"inet:127.0.0.1:8461\"} mode = 0666 }" \
      "outcome { socket = \"$outcome_socket\" }" "metrics { listen = \"127.0.0.1:8463\" }" "$@"
    ! may_change_user || printf 'user = "nobody" group = "nogroup"\n'
  } >"$conf"
}

may_change_user() { setpriv --reuid 65534 --regid 65534 --clear-groups true 2>/dev/null; }

# Runs mtastsd until it is ready; $daemon is its process.
start_daemon() {
  local i
  : >"$log"
  "${run_with[@]}" "$MTASTS"d --config "$conf" --foreground 2>>"$log" &
  daemon=$!
  for ((i = 0; i < 100; i++)); do
    said 'start version=' && return
    kill -0 $daemon 2>/dev/null || return
    sleep 0.05
  done
}

# Sends it a signal; $code is its exit status, within ten seconds.
stop_daemon() { # [SIGNAL]
  local i
  kill "-${1:-TERM}" "$daemon"
  {
    for ((i = 0; i < 200; i++)); do
      kill -0 "$daemon" || break
      sleep 0.05
    done
    kill -KILL "$daemon"
    wait "$daemon"
    code=$?
  } 2>/dev/null
}

said() { grep -q -- "$1" "$log"; }
says() { # TEXT: it comes to say that within three seconds
  local i
  for ((i = 0; i < 60; i++)); do said "$1" && echo yes && return; sleep 0.05; done
  tail -n 3 "$log"
}

ask() { "$LAB_TOOLS/ask" "$@" 2>&1; }
decision() { # DOMAIN [MAP]: verdict, source, id and error
  ask "$ask_socket" "${2:-decision}" "$1.example" | sed -n 's/^OK //p' |
    jq -r '[.verdict, .source, .policy.id, .error.type] | map(. // "-") | join(" ")'
}
postfix() { ask "$map_socket" "${2:-postfix}" "$1"; } # KEY [MAP]
# The additional attributes for Postfix 3.10 and later, for a policy with one mx.
report() { # DOMAIN MODE
  printf ' policy_type=sts policy_domain=%s mx_host_pattern=mx.%s' "$1" "$1"
  printf ' \\{ policy_string = %s \\}' 'version: STSv1' "mode: $2" 'max_age: 86400' "mx: mx.$1"
}
count() { ask "$ask_socket" stats . | sed 's/^OK //' | jq ".$1"; } # COUNTER
comes_to() { # COUNTER NUMBER
  local i
  for ((i = 0; i < 100 && $(count "$1") != $2; i++)); do sleep 0.05; done
  count "$1"
}
fetches() { grep -c "mta-sts.$1.example" "$LAB_DIR/log/access"; } # DOMAIN
exit_code() { # COMMAND…
  "$@" >"$LAB_DIR/out" 2>&1
  echo $?
}
seconds() { # COMMAND…: how long it took, in whole ones
  local began=$EPOCHREALTIME
  "$@" >/dev/null
  awk "BEGIN { printf \"%d\", $EPOCHREALTIME - $began + 0.2 }"
}

# The command line
configure
check '--check-config' "$conf: ok" "$("$MTASTS"d --check-config --config "$conf")"
echo 'cache { size = 1 }' >"$LAB_DIR/bad.conf"
"$MTASTS"d --check-config --config "$LAB_DIR/bad.conf" 2>"$log"
check '--check-config of a bad file: exit code' 78 $?
check '--check-config of a bad file: message' yes "$(says "mtastsd: .*bad.conf:1: .*size")"

# Answers
start_daemon
check 'enforce, asked for first' 'enforce network 20260101T000000 -' "$(decision good)"
check 'enforce, from the cache' 'enforce cache 20260101T000000 -' "$(decision good)"
check 'testing' 'testing network .* -' "$(decision testing)"
check 'mode none' 'none network .* -' "$(decision mode-none)"
check 'no record' 'none network - -' "$(decision no-record)"
check 'no policy behind the record' 'none network - sts-policy-fetch-error' "$(decision not-found)"
check 'certificate that fails' 'none network - sts-webpki-invalid' "$(decision self-signed)"
check 'no policy domain' 'OK .*"policy_domain":null.*' "$(ask "$ask_socket" decision '[192.0.2.1]')"
check 'no domain at all' 'PERM .*' "$(ask "$ask_socket" decision 'a b')"

check 'postfix: enforce' 'OK secure match=mx.good.example servername=hostname' "$(postfix good.example)"
check 'postfix: wildcard' 'OK secure match=\.wildcard-mx\.example servername=hostname' \
  "$(postfix wildcard-mx.example)"
check 'postfix: as it writes next hops' "$(postfix good.example)" "$(postfix '[good.example]:25')"
check 'postfix: and services' "$(postfix good.example)" "$(postfix '[good.example]:submission')"
for key in testing.example mode-none.example no-record.example .good.example '[192.0.2.1]' 'a b'; do
  check "postfix: $key" 'NOTFOUND ' "$(postfix "$key")"
done
secure='OK secure match=mx.good.example servername=hostname'
check 'postfix-tlsrpt: enforce' "$secure$(report good.example enforce)" \
  "$(postfix '[good.example]:25' postfix-tlsrpt)"
check 'QUERYwithTLSRPT: enforce' "$secure$(report good.example enforce)" \
  "$(postfix good.example QUERYwithTLSRPT)"
check 'postfix-tlsrpt: testing' 'NOTFOUND ' "$(postfix testing.example postfix-tlsrpt)"
check 'postfix-tlsrpt: a failed discovery' 'NOTFOUND ' "$(postfix not-found.example postfix-tlsrpt)"
check 'QUERY: enforce' "$secure" "$(postfix good.example QUERY)"
check 'sts: enforce' "$secure" "$(postfix good.example sts)"
check 'sts: testing' 'NOTFOUND ' "$(postfix testing.example sts)"
check 'sts: more hosts than Sendmail takes' 'TEMP .* lists more MX hosts .*' "$(postfix many-mx.example sts)"
check 'sts: of many, those that matter' \
  'OK secure match=mx.few-of-many.example:mx7.few-of-many.example servername=hostname' \
  "$(postfix few-of-many.example sts)"
check 'postfix-tlsrpt: a hundred hosts' 'OK secure match=mx.many-mx.example:.*mx: mx100.many-mx.example \}' \
  "$(postfix many-mx.example postfix-tlsrpt)"

# Policies whose text would say something to the MTA.
for map in postfix sts; do
  check "$map: a forged extension" 'OK secure match=mx.forged-extension.example servername=hostname' \
    "$(postfix forged-extension.example $map)"
done
check 'postfix-tlsrpt: a forged extension' \
  "OK secure match=mx.forged-extension.example servername=hostname$(report forged-extension.example enforce)" \
  "$(postfix forged-extension.example postfix-tlsrpt)"
for domain in forged-mx forged-braces forged-list; do
  for map in postfix postfix-tlsrpt sts; do
    check "$map: $domain" 'NOTFOUND ' "$(postfix $domain.example $map)"
  done
done
check 'the MTAs may not remove' 'NOTFOUND ' "$(ask "$map_socket" remove testing.example)"
check 'nor did they' 'testing cache .*' "$(decision testing)"
check 'nor do they get the whole decision' "$secure" "$(postfix good.example decision)"
check 'which is logged once' "mtastsd: socketmap: there is no map remove: .*" "$(grep 'there is no map' "$log")"
exec 3<>/dev/tcp/127.0.0.1/8461
printf '20:postfix good.example,' >&3
read -rd , -t 3 reply <&3
exec 3>&-
check 'over TCP' '51:OK secure match=mx.good.example servername=hostname' "$reply"

# Look-ups
before=$(fetches http2)
check 'fifty ask at once' 50 "$(ask -c "$ask_socket" 50 decision http2.example | grep -c '"enforce"')"
check 'and are worth one fetch' $((before + 1)) "$(fetches http2)"
check 'in time' 2 "$(seconds ask "$ask_socket" decision record-dropped.example)"
check 'too late is unknown' 'unknown none - -' "$(decision silent-after-tls)"
check 'and the look-up goes on' 0 "$(comes_to in_flight 0)"
check 'to its end' 'none cache - sts-policy-fetch-error' "$(decision silent-after-tls)"
before=$(fetches good)
check 'refresh' 'enforce network 20260101T000000 -' "$(decision good refresh)"
check 'refresh fetches' $((before + 1)) "$(fetches good)"
check 'remove' 'OK removed' "$(ask "$ask_socket" remove good.example)"
check 'remove what is not there' 'NOTFOUND ' "$(ask "$ask_socket" remove good.example)"
check 'removed' 'enforce network 20260101T000000 -' "$(decision good)"
check 'stats' 'OK \{"requests":[0-9]+,.*\}' "$(ask "$ask_socket" stats .)"

# Peers
check 'malformed: only that connection is closed' yes "$(
  printf 'no netstring' | timeout 3 "$LAB_TOOLS/ask" -r "$ask_socket" && echo yes)"
check 'oversized: likewise' yes "$(
  printf '99999999:x' | timeout 3 "$LAB_TOOLS/ask" -r "$map_socket" && echo yes)"
check 'they are counted' 2 "$(count malformed)"
"$LAB_TOOLS/ask" -i "$map_socket" 500 >"$LAB_DIR/idle" &
idle=$!
check '500 connections, idle' 50[01] "$(comes_to connections 501)"
check 'harm no other' 'enforce cache .*' "$(decision good)"
kill $idle
wait $idle 2>/dev/null
idle=''

# Outcomes
outcome='{"dpv":"1","d":"good.example","policies":[{"policy-type":2,"failure-details":[{"c":203,"n":"mx.good.example"}],"f":1}]}'
printf '%s' "$outcome" | ask -d "$outcome_socket"
check 'an outcome is logged' yes \
  "$(says 'outcome domain=good.example policy=sts result=certificate-not-trusted mx=mx.good.example')"
printf 'nonsense' | ask -d "$outcome_socket"
check 'one that is none' '1' "$(comes_to outcome_malformed 1)"

# Metrics
page() { curl -s --max-time 5 "http://127.0.0.1:8463/$1"; } # PATH
metric() { page metrics | awk -v series="$1" '$1 == series { print $2 }'; } # SERIES
metric_comes_to() { # SERIES NUMBER: within ten seconds
  local i
  for ((i = 0; i < 100 && $(metric "$1") != $2; i++)); do sleep 0.1; done
  metric "$1"
}
health_comes_to() { # CODE: within ten seconds; prints code and words
  local i
  for ((i = 0; i < 100; i++)); do
    [ "$(curl -s -o "$LAB_DIR/out" -w '%{http_code}' 'http://127.0.0.1:8463/healthz')" = "$1" ] && break
    sleep 0.1
  done
  paste -sd' ' "$LAB_DIR/out"
}
http_code() { curl -s -o "$LAB_DIR/out" --max-time 5 -w '%{http_code}' "$@"; } # OPTION… URL
check '/healthz' ok "$(page healthz)"
check 'metrics: the counters' "$(count hits) $(count misses) $(count webpki_failures)" "$(
  metric mtasts_cache_hits_total) $(metric mtasts_cache_misses_total) $(
  metric 'mtasts_lookup_failures_total{type="sts-webpki-invalid"}')"
check 'metrics: answers that waited' "$(metric mtasts_cache_misses_total)" "$(
  metric 'mtasts_answer_wait_seconds_bucket{le="+Inf"}')"
check 'metrics: domains' "$(mtasts --json cache stats | jq -r '"\(.policies) \(.absent)"')" "$(
  metric 'mtasts_cache_domains{state="policy"}') $(metric 'mtasts_cache_domains{state="absent"}')"
enforced=$(mtasts --json cache stats | jq .enforce)
check 'metrics: the census' "$enforced" "$(metric_comes_to 'mtasts_policies{mode="enforce"}' "$enforced")"
check 'metrics: HEAD' 200 "$(http_code -I http://127.0.0.1:8463/metrics)"
check 'metrics: another path' 404 "$(http_code http://127.0.0.1:8463/)"
check 'metrics: another method' 405 "$(http_code -d x http://127.0.0.1:8463/metrics)"
exec 3<>/dev/tcp/127.0.0.1/8463
printf 'nonsense\r\n' >&3
check 'metrics: no request' 'HTTP/1.1 400 Bad Request.*' "$(timeout 8 cat <&3)"
exec 3>&-
check 'metrics: what our dashboard and alerts name is there' '' "$(comm -13 \
  <(page metrics | grep -o '^mtasts_[a-z_]*' | sort -u) \
  <(grep -oh 'mtasts_[a-z_]*' contrib/prometheus/*.yml contrib/grafana/*.json | grep -v '^mtasts_watch_' | sort -u))"
check 'metrics: they do name some' yes "$([ "$(grep -oh 'mtasts_[a-z_]*' contrib/prometheus/*.yml |
  sort -u | wc -l)" -gt 5 ] && echo yes)"

# Reload
configure 'override "good.example" { mode = "none" }'
kill -HUP $daemon
check 'reload' yes "$(says 'reload overrides=1 site_mode=enforce')"
check 'the override is in force' 'none override .* -' "$(decision good)"
configure 'override "good.example" { mode = "nonsense" }'
line=$(grep -n nonsense "$conf" | cut -d: -f1)
kill -HUP $daemon
check 'a bad file is named, and its line' yes "$(says "reload: .*mtastsd.conf:$line: .*old configuration")"
check 'and changes nothing' 'none override .* -' "$(decision good)"
configure 'socketmap { plain_level = "may" }'
kill -HUP $daemon
check 'plain_level' yes "$(says 'reload overrides=0 site_mode=enforce')"
# As systemd reloads: the unit's commands in turn, until one fails
reload_unit() { # UNIT PROGRAM
  local command
  while read -r command; do
    command=${command//@PREFIX@\/sbin\/$2 /$MTASTS${2#mtasts} --config $conf }
    MAINPID=$daemon bash -c "$command" 2>&1 || return
  done < <(sed -n 's/^ExecReload=//p' "$here/../../contrib/systemd/$1")
}
cp "$conf" "$LAB_DIR/good.conf"
configure 'override "good.example" { mode = "worse nonsense" }'
for program in mtastsd mtasts-milter; do
  out=$(reload_unit $program.service $program)
  check "systemctl reload $program with a mistake: exit code" 78 $?
  check 'and its words' ".*mtastsd.conf:$(grep -n nonsense "$conf" | cut -d: -f1): .*" "$out"
done
check 'a bad file did not come to the daemon' 1 "$(grep -c 'old configuration' "$log")"
cp "$LAB_DIR/good.conf" "$conf"
check 'systemctl reload without one' 0 "$(reload_unit mtastsd.service mtastsd >/dev/null; echo $?)"
check 'is a reload' yes "$(for ((i = 0; i < 60; i++)); do [ "$(grep -c 'reload overrides=0' "$log")" = 2 ] && echo yes && break; sleep 0.05; done)"
check 'plain_level: testing' "OK may$(report testing.example testing)" \
  "$(postfix testing.example postfix-tlsrpt)"
for pair in not-found:sts-policy-fetch-error no-mode:sts-policy-invalid self-signed:sts-webpki-invalid; do
  domain=${pair%:*}.example
  check "plain_level: ${pair#*:}" "OK may policy_type=sts policy_domain=$domain policy_failure=${pair#*:}" \
    "$(postfix "$domain" postfix-tlsrpt)"
  check "plain_level, another map: ${pair#*:}" 'NOTFOUND ' "$(postfix "$domain")"
done
check 'plain_level: enforce' "$secure$(report good.example enforce)" "$(postfix good.example postfix-tlsrpt)"
check 'plain_level: no record' 'NOTFOUND ' "$(postfix no-record.example postfix-tlsrpt)"
configure 'dns { servers = {"127.0.0.1@5999"} dnssec = "off" timeout = 1 }'
kill -HUP $daemon
check 'section dns is taken up' yes "$(says 'dns servers=127.0.0.1@5999 was_servers=127.0.0.1@53')"
check 'a resolver that is not there is logged' yes \
  "$(says 'dns=broken servers=127.0.0.1@5999' || says 'dns=broken servers=127.0.0.1@5999')"
check 'what is cached stays in force' 'enforce cache .*' "$(decision good)"
configure 'https { timeout = 9 }' 'site_mode = "monitor"' 'shared { url = "redis://127.0.0.1:1/0" }'
kill -HUP $daemon
check 'that it works again, too' yes "$(says 'dns=works servers=127.0.0.1@53 after=')"
check 'what needs a restart is named' yes "$(says 'only after a restart: https')"
check 'what this version does not do is logged' yes "$(says 'shared.url: .* not .* yet')"
check 'monitor mode is logged' yes "$(says 'site_mode=monitor: nothing is enforced')"
check 'monitor mode enforces nothing' 'NOTFOUND ' "$(postfix good.example)"
check 'and by the metrics' 1 "$(metric 'mtasts_site_mode{mode="monitor"}')"
kill -USR1 $daemon
check 'SIGUSR1 logs the counters' yes "$(says 'stats {"requests"')"

# One writer
sed "s|$LAB_DIR/run/|$LAB_DIR/run2/|; s/:8461/:8462/; s/:8463/:8464/" "$conf" >"$LAB_DIR/second.conf"
check 'a second daemon on the same cache' 75 \
  "$(exit_code "$MTASTS"d --config "$LAB_DIR/second.conf" --foreground)"
check 'and at the same sockets' 75 "$(exit_code "$MTASTS"d --config "$conf" --foreground)"
check 'leave the first alone' 'enforce cache .*' "$(decision good)"

# Memory and privileges
anonymous() { awk '/^RssAnon/ { print $2 }' /proc/$daemon/status; } # KiB
if ! grep -qE "__(a|t)san_init" "$MTASTS"d; then
  for ((i = 0; i < 15 && $(anonymous) >= 8192; i++)); do sleep 1; done # it gives memory back
  check 'memory at rest' yes "$([ "$(anonymous)" -lt 8192 ] && echo yes)"
fi
printf 'mtastsd at rest: %d KiB anonymous memory, limit 8192\n' "$(anonymous)"
if may_change_user; then
  check 'root has become nobody' '65534 65534 65534 65534 65534 65534 65534 65534' "$(
    awk '/^(Uid|Gid):/ { $1 = ""; print }' /proc/$daemon/status | xargs)"
  check 'nobody owns the cache' '65534 750' "$(stat -c '%u %a' "$cache")"
  check 'and the sockets, each of its own mode' '65534 660 65534 666 65534 660' \
    "$(stat -c '%u %a' "$ask_socket" "$map_socket" "$outcome_socket" | xargs)"
fi

# The end
ask "$ask_socket" remove silent-after-tls.example >/dev/null
ask "$ask_socket" decision silent-after-tls.example >"$LAB_DIR/waiting" &
waiting=$!
comes_to in_flight 1 >/dev/null
stop_daemon
check 'SIGTERM: exit code' 0 $code
wait $waiting
check 'who waits is answered' '.*"verdict":"unknown".*' "$(cat "$LAB_DIR/waiting")"
check 'the sockets are gone' '' "$(ls "$LAB_DIR/run")"
check 'totals are logged' yes "$(says 'stop {"requests"')"
check 'what is in use is kept' '4198400 640' "$(stat -c '%s %a' "$cache/use")"

# A log that is not read
configure
mkfifo "$LAB_DIR/unread"
exec 4<>"$LAB_DIR/unread"
"$MTASTS"d --config "$conf" --foreground 2>&4 &
daemon=$!
for ((i = 0; i < 60; i++)); do [ -S "$outcome_socket" ] && break; sleep 0.05; done
long=$(printf '%060d.' 0 0 0 0)example
for ((i = 0; i < 200; i++)); do
  printf '%s' "${outcome//good.example/$long}" | timeout 3 "$LAB_TOOLS/ask" -d "$outcome_socket" || break
done
check 'a log that is not read: outcomes are taken' 200 "$i"
check 'and questions answered' 'enforce cache' "$(
  timeout 3 "$LAB_TOOLS/ask" "$ask_socket" decision good.example |
    sed 's/^OK //' | jq -r '.verdict + " " + .source')"
stop_daemon
exec 4>&-

# A system log that does not read
if may_change_user; then
  configure 'log = "syslog"'
  mkdir "$LAB_DIR/dev"
  "$LAB_TOOLS/ask" -l "$LAB_DIR/dev/log" >"$LAB_DIR/syslogged" &
  idle=$!
  for ((i = 0; i < 60; i++)); do [ -S "$LAB_DIR/dev/log" ] && break; sleep 0.05; done
  chmod 666 "$LAB_DIR/dev/log"
  : >"$log"
  # shellcheck disable=SC2016 # the inner shell's
  NOTIFY_SOCKET=@nobody unshare -m bash -c 'for f in null zero random urandom; do
      : >"$1/$f" && mount --bind "/dev/$f" "$1/$f" || exit; done
    mount --rbind "$1" /dev && exec "$2" --config "$3"' _ "$LAB_DIR/dev" "$MTASTS"d "$conf" &
  daemon=$!
  for ((i = 0; i < 100; i++)); do grep -q 'start version=' "$LAB_DIR/syslogged" && break; sleep 0.05; done
  check 'a line of the system log' "<22>[A-Z][a-z]{2} [ 0-9]{2} [0-9:]{8} mtastsd\\[$daemon\\]: start version=.*" \
    "$(grep 'start version=' "$LAB_DIR/syslogged")"
  kill -STOP $idle
  for ((i = 0; i < 1000; i++)); do
    printf '%s' "${outcome//good.example/d$i.example}"; printf '\0'
  done | while IFS= read -r -d '' one; do printf '%s' "$one" | "$LAB_TOOLS/ask" -d "$outcome_socket"; done
  kill -USR1 $daemon
  check 'a system log that does not read: questions are answered' 'enforce cache' "$(
    timeout 3 "$LAB_TOOLS/ask" "$ask_socket" decision good.example |
      sed 's/^OK //' | jq -r '.verdict + " " + .source')"
  kill -CONT $idle
  check 'and when it reads, the lines are there' yes "$(for ((i = 0; i < 100; i++)); do
    grep -q 'stats {"requests"' "$LAB_DIR/syslogged" && echo yes && break; sleep 0.05; done)"
  stop_daemon
  check 'to the last' 1 "$(for ((i = 0; i < 40; i++)); do
    grep -q ': stop {' "$LAB_DIR/syslogged" && break; sleep 0.05; done; grep -c ': stop {' "$LAB_DIR/syslogged")"
  kill $idle
  wait $idle 2>/dev/null
  idle=''
fi

# Starts after a bad end
configure
"$LAB_TOOLS/ask" -l "$LAB_DIR/notify" >"$LAB_DIR/notified" &
idle=$!
for ((i = 0; i < 60; i++)); do [ -S "$LAB_DIR/notify" ] && break; sleep 0.05; done
NOTIFY_SOCKET=$LAB_DIR/notify start_daemon
check 'the cache is kept' 'enforce cache 20260101T000000 -' "$(decision good)"
kill -HUP $daemon
says 'reload ' >/dev/null
stop_daemon
check 'systemd is notified' 'READY=1 RELOADING=1 MONOTONIC_USEC=[0-9]+ READY=1 STOPPING=1' \
  "$(paste -sd' ' "$LAB_DIR/notified")"
kill $idle
wait $idle 2>/dev/null
idle=''
start_daemon
stop_daemon KILL
check 'killed: nothing out of date is left of what is in use' no "$([ -e "$cache/use" ] && echo yes || echo no)"
start_daemon
check 'killed: the cache is kept' 'enforce cache 20260101T000000 -' "$(decision good)"
rm "$cache/data.mdb"
ask "$ask_socket" refresh http2.example >/dev/null
check 'a cache removed under it is logged' yes "$(says 'data.mdb was removed while it was in use')"
check 'and goes on' 'enforce cache 20260101T000000 -' "$(decision good)"
stop_daemon
head -c 20000 /dev/urandom >"$cache/data.mdb"
start_daemon
check 'a corrupt cache is logged' yes "$(says 'data.mdb is damaged')"
check 'and moved aside' 20000 "$(stat -c %s "$cache/data.mdb.damaged")"
check 'mail goes on' 'enforce network 20260101T000000 -' "$(decision good)"
stop_daemon
printf 'xx' | dd of="$cache/data.mdb" bs=1 seek=96 conv=notrunc status=none # a count of pages
printf 'xx' | dd of="$cache/data.mdb" bs=1 seek=4192 conv=notrunc status=none
start_daemon
check 'a damaged cache is salvaged' yes "$(says 'in a new one: 1 domains')"
check 'and its policies are in force' 'enforce cache 20260101T000000 -' "$(decision good)"
check 'and the one before is kept' 1 "$(ls "$cache" | grep -c 'data.mdb.damaged-')"
stop_daemon

# A backup while it runs, and put back as mtastsd(8) says
start_daemon
check 'a backup of the live cache' 0 "$("$MTASTS" --config "$conf" cache backup "$LAB_DIR/backup" >"$LAB_DIR/out" 2>&1; echo $?)"
check 'it is for its owner alone' 600 "$(stat -c %a "$LAB_DIR/backup")"
"$MTASTS" --config "$conf" cache export >"$LAB_DIR/export"
stop_daemon
rm -rf "$cache"/*
start_daemon
check 'without it nothing is known' 0 "$("$MTASTS" --config "$conf" cache export | wc -l)"
stop_daemon
install -m 640 "$LAB_DIR/backup" "$cache/data.mdb"
chown --reference="$cache" "$cache/data.mdb"
rm -f "$cache/lock.mdb"
start_daemon
check 'a backup that was put back' same "$("$MTASTS" --config "$conf" cache export |
  cmp -s - "$LAB_DIR/export" && echo same)"
check 'is in force' 'enforce cache 20260101T000000 -' "$(decision good)"
stop_daemon

# A CA bundle that is replaced, and one that is not there
bundle=$LAB_DIR/bundle.pem
replace_bundle() { # FILE
  install -m 644 "$1" "$bundle.new" && mv "$bundle.new" "$bundle" && kill -HUP $daemon
}
install -m 644 "$LAB_CA" "$bundle"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj '/CN=Other CA' \
  -keyout "$LAB_DIR/other.key" -out "$LAB_DIR/other.pem" 2>"$LAB_DIR/out"
configure "https { ca_file = \"$bundle\" }"
start_daemon
replace_bundle "$LAB_DIR/other.pem"
check 'a reload takes another CA bundle up' yes "$(says 'https: CA bundle .* was replaced: its 1 certificates')"
ask "$ask_socket" refresh good.example >/dev/null
check 'by which nothing new is learnt' 'enforce .* sts-webpki-invalid' "$(decision good)"
rm "$bundle"
kill -HUP $daemon
check 'one that is missing is logged' yes "$(says 'No such file or directory; the 1 certificates of before')"
replace_bundle "$LAB_CA"
for ((i = 0; i < 60; i++)); do [ "$(grep -c 'was replaced' "$log")" = 2 ] && break; sleep 0.05; done
ask "$ask_socket" refresh good.example >/dev/null
check 'and all is well with the first one' 'enforce .* -' "$(decision good)"
stop_daemon

# A disk that is full, to the daemon at least
limit_files() { # LIMIT
  local as=()
  ! may_change_user || as=(setpriv --reuid 65534 --regid 65534 --clear-groups)
  "${as[@]}" prlimit --pid "$daemon" --fsize="$1"
}
configure
trap '' XFSZ
start_daemon
trap - XFSZ
check 'healthy' ok "$(health_comes_to 200)"
limit_files 0:
ask "$ask_socket" refresh good.example >/dev/null
check 'a cache that cannot be written: /healthz' 'the cache cannot be written: see the log' \
  "$(health_comes_to 503)"
check 'and a metric' 0 "$(metric mtasts_healthy)"
limit_files unlimited:
check 'and healthy again' ok "$(health_comes_to 200)"
stop_daemon

# Addresses that others have, or that are not there yet
cat >"$LAB_DIR/holder" <<'END'
use IO::Socket::INET;
my $socket = IO::Socket::INET->new(Listen => 1, LocalAddr => "127.0.0.1", LocalPort => shift, ReuseAddr => 1) or die $!;
$0 = "other";
$| = 1;
print "ready\n";
sleep 60;
END
hold_port() { # PORT
  perl "$LAB_DIR/holder" "$1" >"$LAB_DIR/held" &
  idle=$!
  for ((i = 0; i < 60; i++)); do [ -s "$LAB_DIR/held" ] && break; sleep 0.05; done
}
configure
sed -i 's/"inet:127.0.0.1:8461"/&, "inet:127.0.0.77:8461", "inet:192.0.2.77:8465"/' "$conf"
hold_port 8461
start_daemon
check 'a port that another has: the others serve' 'enforce cache 20260101T000000 -' "$(decision good)"
check 'who has it is logged' yes "$(says "127.0.0.1:8461: Address already in use: process $idle (other) listens there; the other")"
check 'an address that is not there is logged' yes "$(says '192.0.2.77:8465: .*: this host does not have that address, or not yet; the other')"
check '/healthz names it' ".*127.0.0.1:8461: .*process $idle \(other\).*192.0.2.77:8465.*" "$(health_comes_to 503)"
check 'each is logged once' 2 "$(grep -c 'the other sockets serve' "$log")"
kill $idle
wait $idle 2>/dev/null
idle=''
ip address add 192.0.2.77/32 dev lo
listens_now() { # ADDRESS: within ten seconds
  local i
  for ((i = 0; i < 200; i++)); do said "$1: listening there now" && echo yes && return; sleep 0.05; done
  tail -n 3 "$log"
}
check 'the port is taken when it is free' yes "$(listens_now 127.0.0.1:8461)"
check 'and the address when it is there' yes "$(listens_now 192.0.2.77:8465)"
check 'it serves there' "[0-9]+:$secure" "$(timeout 5 bash -c \
  'exec 5<>/dev/tcp/127.0.0.1/8461; printf "20:postfix good.example," >&5; IFS= read -r -d , -u 5 reply; echo "$reply"')"
check '/healthz is content' ok "$(health_comes_to 200)"
ip address del 192.0.2.77/32 dev lo

# Sockets and the cache that are removed under it
rm "$ask_socket" "$map_socket" "$outcome_socket"
check 'sockets that were removed are made again' yes "$(for ((i = 0; i < 200; i++)); do
  [ -S "$ask_socket" ] && [ -S "$map_socket" ] && [ -S "$outcome_socket" ] && echo yes && break; sleep 0.05; done)"
check 'which is logged' 3 "$(grep -c 'was removed: a new socket is in its place' "$log")"
check 'it serves there' 'enforce cache 20260101T000000 -' "$(decision good)"
! may_change_user || check 'with the same modes' '660 666 660' \
  "$(stat -c '%a' "$ask_socket" "$map_socket" "$outcome_socket" | xargs)"
outcomes_before=$(metric mtasts_outcomes_total)
printf '%s' "$outcome" | "$LAB_TOOLS/ask" -d "$outcome_socket"
check 'outcomes are taken there' $((outcomes_before + 1)) "$(for ((i = 0; i < 60; i++)); do
  n=$(metric mtasts_outcomes_total); [ "$n" != "$outcomes_before" ] && break; sleep 0.05; done; echo "$n")"
mv "$cache" "$cache.moved"
check 'a cache that was renamed is logged' yes "$(for ((i = 0; i < 200; i++)); do
  said 'was renamed or removed while it is in use' && echo yes && break; sleep 0.05; done)"
check 'and by /healthz' "the cache $cache was renamed .*" "$(health_comes_to 503)"
check 'what is known goes on' 'enforce cache 20260101T000000 -' "$(decision good)"
mv "$cache.moved" "$cache"
check 'until it is back' ok "$(health_comes_to 200)"
stop_daemon

# In the background
processes() { # PROGRAM: those that read $conf
  local process
  for process in /proc/[0-9]*; do
    [ "$process/exe" -ef "$1" ] && grep -qzxF "$conf" "$process/cmdline" 2>/dev/null && echo "${process#/proc/}"
  done
}
check 'in the background: the command returns' 0 "$(exit_code "$MTASTS"d --config "$conf")"
check 'when it is ready' 'enforce cache 20260101T000000 -' "$(decision good)"
daemon=$(processes "$MTASTS"d)
check 'a second: its exit code' 75 "$(exit_code "$MTASTS"d --config "$conf")"
check 'a second: its words' "mtastsd: .*ask.sock: another server listens there: process $daemon \(mtastsd\)" "$(cat "$LAB_DIR/out")"
stop_daemon
check 'SIGTERM: the sockets are gone' '' "$(ls "$LAB_DIR/run")"

# Started by a process that has closed its standard descriptors, and ignores its children
for closed in '<&-' '2>&-' '>&- 2>&-' '<&- >&- 2>&-'; do
  timeout -s KILL 10 bash -c "trap '' CHLD; exec '${MTASTS}d' --config '$conf' $closed"
  check "with $closed: the command returns" 0 $?
  daemon=$(processes "$MTASTS"d)
  check "with $closed: it serves" 'enforce cache 20260101T000000 -' "$(decision good)"
  check "with $closed: no more than one" '[0-9]+' "$daemon"
  kill -HUP $daemon
  sleep 0.2
  stop_daemon
  check "with $closed: SIGTERM ends it" '' "$(ls "$LAB_DIR/run")"
done
check 'the tool without a standard output' 74 "$(timeout 10 "$MTASTS" --config "$conf" cache stats >&- 2>&-; echo $?)"

# Few descriptors: no look-up may fail because none is left. All are asked for at once over one connection,
# which the malformed request at the end closes.
mapfile -t enforced < <(awk -F'|' '!/^#/ && $6 ~ /^ *enforce / && $1 ~ /^[a-z0-9-]+ *$/ {
  gsub(/ /, "", $1); print $1 ".example" }' "$here/domains")
netstrings() { # DOMAIN…
  local domain
  for domain; do printf '%d:decision %s,' $((9 + ${#domain})) "$domain"; done
  printf 'the end'
}
configure
for limit in 64 128; do
  rm -rf "$cache"
  run_with=(prlimit "--nofile=$((limit / 2)):$limit")
  start_daemon
  run_with=()
  check "$limit descriptors: it is told" yes "$(says 'few descriptors .*: at most [0-9]* look-ups')"
  check 'the limit is raised' "$limit" "$(awk '/^Max open files/ { print $4 }' "/proc/$daemon/limits")"
  check "${#enforced[@]} domains at once: all are enforced" "${#enforced[@]}" "$(
    netstrings "${enforced[@]}" | timeout 60 "$LAB_TOOLS/ask" -r "$ask_socket" | grep -o '"verdict":"enforce"' | wc -l)"
  stop_daemon
done
daemon=''
