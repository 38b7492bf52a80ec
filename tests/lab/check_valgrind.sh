# mtastsd, the milter, and Exim with the plugin, each under valgrind's memcheck: no invalid read or write, no
# use of what was never set, nothing lost for good. By hand: `make valgrind`. Needs root.
# shellcheck shell=bash
. "$here/exim.sh"

reports=$LAB_DIR/valgrind
memcheck=(valgrind --quiet --vgdb=no --leak-check=full --show-leak-kinds=definite --num-callers=30
  --keep-debuginfo=yes "--suppressions=$here/valgrind.supp")
under() { # NAME: $run_under is valgrind, whose reports are of that name
  run_under=("${memcheck[@]}" "--log-file=$reports/$1.%p")
}

# All that was reported of a program, in the first lines.
reported() { cat "$reports/$1".* 2>/dev/null | head -n 60; }
# A record is a paragraph; those that name the plugin are ours, whatever Exim does by itself.
of_the_plugin() { sed 's/^==[0-9]*== \{0,1\}//' "$reports/exim".* | awk -v RS= '/mtasts/'; }

# Ends a program in order: valgrind looks for leaks at its end.
end_program() { # NAME
  local pid i
  pid=$(cat "$LAB_DIR/$1.started")
  kill "$pid"
  for ((i = 0; i < 1200; i++)); do
    kill -0 "$pid" 2>/dev/null || return 0
    sleep 0.05
  done
  kill -KILL "$pid"
  return 1
}

# Every domain of the table, on each of mtastsd's sockets, before and after a reload.
ask_all() {
  ask_one() {
    "$LAB_TOOLS/ask" "$mta_dir/run/ask.sock" decision "$domain" >/dev/null 2>&1
    "$LAB_TOOLS/ask" "$mta_dir/run/socketmap.sock" postfix "$domain" >/dev/null 2>&1
  }
  each_delivery ask_one
}

check_mtastsd() {
  ask_all
  reload mtastsd 'outcome { socket = "'"$mta_dir"'/run/tlsrpt.sock" }' 'ask { socket = "'"$mta_dir"'/run/ask.sock" deadline = 30 }'
  ask_all
  check 'mtastsd answers' 'OK .*"verdict":"enforce".*' \
    "$("$LAB_TOOLS/ask" "$mta_dir/run/ask.sock" decision good.mail.example 2>&1)"
}

# Messages through the milter: a policy, none, a refused one, a forged field, a broken connection.
check_the_milter() {
  talk() { "$LAB_TOOLS/milter_client" "$mta_dir/run/milter.sock" | paste -sd'|'; }
  message() { # RECIPIENT [HEADER]
    printf 'new\nconnect local\nmail <sender@lab.example>\nmacro R {rcpt_mailer} esmtp\nrcpt <%s>\n' "$1"
    printf 'header %s\n' "${2:-Subject: hello}"
    printf 'macro E i V1\nend\nquit\n'
  }
  local i
  for i in good none unlisted testing nxdomain; do message "a@$i.mail.example" | talk >/dev/null; done
  message a@good.mail.example 'X-MTA-STS: protected=yes' | talk >/dev/null
  printf 'new\nconnect local\nmail <sender@lab.example>\n' | talk >/dev/null
  check 'the milter answers' '.*X-MTA-STS: protected=yes; verdict=enforce; .*' "$(message b@good.mail.example | talk)"
}

# Exim's own program is setuid, which valgrind does not run: a copy, as root, delivers the queue.
check_the_plugin() {
  local name queue
  cp "$mta_root/usr/sbin/exim4" "$EXIM_DIR/exim4" && chmod 755 "$EXIM_DIR/exim4"
  for name in good no-starttls self-signed wrong-name unlisted second-up testing no-policy alias starttls-454; do
    queue=-odq send plain "v@$name.mail.example"
  done
  under exim
  in_root exim "${run_under[@]}" "$EXIM_DIR/exim4" -C "$EXIM_DIR/plain.conf" -qff >"$LAB_DIR/log/exim-valgrind" 2>&1
  check 'Exim delivers' "$(fated verified)" "$(fate v@good.mail.example)"
  check 'Exim holds back' "$(fated 'deferred certificate')" "$(fate v@self-signed.mail.example)"
  check 'nothing is said of the plugin' '' "$(of_the_plugin | head -n 60)"
}

if why=$(exim_cannot_run); then
  skip "$why"
elif ! command -v valgrind >/dev/null; then
  skip 'there is no valgrind: contrib/deps lint'
else
  mkdir -p "$reports" && chmod 1777 "$reports"
  start_seconds=60
  # shellcheck disable=SC2119 # settings of their own are for the reload
  if ! raise_exim || ! { under mtastsd && start_mtastsd && under milter && start_milter; }; then
    failed=$((failed + 1))
  else
    check_mtastsd
    check_the_milter
    check_the_plugin
    check 'each program was watched' 'exim milter mtastsd' \
      "$(find "$reports" -type f -printf '%f\n' | cut -d. -f1 | sort -u | xargs)"
    check 'the milter ends' 0 "$(end_program milter; echo $?)"
    check 'mtastsd ends' 0 "$(end_program mtastsd; echo $?)"
    check 'nothing is said of the milter' '' "$(reported milter)"
    check 'nothing is said of mtastsd' '' "$(reported mtastsd)"
  fi
fi
