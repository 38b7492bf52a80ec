# mtasts watch: what is new and what is gone since the last run, and each way of telling it.
# shellcheck shell=bash

state=$LAB_DIR/watch-state
watch() { # CA ARGUMENT…: leaves $LAB_DIR/out and err; prints the exit code
  "$MTASTS" --config "$LAB_DIR/watch.conf" --cache "$cache" --ca-file "$1" "${@:2}" >"$LAB_DIR/out" 2>"$LAB_DIR/err"
  echo $?
}
changes() { jq -r '"\(.change) \(.severity) \(.id) \(.subject)"' "$LAB_DIR/out" | sort | xargs; }
cat >"$LAB_DIR/mailer" <<END
#!/bin/sh
grep NoNewPrivs /proc/self/status >"$LAB_DIR/watch-rights"
{ echo "\$*"; cat; } >>"$LAB_DIR/watch-mail"
exit \$(cat "$LAB_DIR/watch-status")
END
chmod 755 "$LAB_DIR/mailer"
echo 0 >"$LAB_DIR/watch-status"
{ cat "$LAB_CONF" && echo "report { sendmail = \"$LAB_DIR/mailer\" from = \"mtasts@example.com\" timeout = 10 }
watch { domains = {\"expired-certificate.example\", \"good.example\"} }"; } >"$LAB_DIR/watch.conf"
"$LAB_TOOLS/certs" "$LAB_DIR/watch-certs" </dev/null 2>/dev/null || { mkdir -p "$LAB_DIR/watch-certs" && echo other.example | "$LAB_TOOLS/certs" "$LAB_DIR/watch-certs"; }
other_ca=$LAB_DIR/watch-certs/ca.pem
w=(--json watch --no-smtp --state "$state")

check 'the first run: exit code' 0 "$(watch "$LAB_CA" "${w[@]}")"
check 'the first run' '.*appeared error host.cert-expired mta-sts.expired-certificate.example.*' "$(changes)"
check 'a good domain has no errors' '' "$(jq -r 'select(.domain == "good.example" and .severity == "error")' "$LAB_DIR/out")"
check 'the second run: exit code' 0 "$(watch "$LAB_CA" "${w[@]}")"
check 'the second run' '' "$(changes)"
check 'no DNS: exit code' 0 "$(watch "$LAB_CA" --resolver 127.0.0.9 "${w[@]}")"
check 'no DNS, once: nothing is gone' '' "$(changes)"
check 'a CA that nothing is signed by: exit code' 0 "$(watch "$other_ca" "${w[@]}" good.example)"
check 'a CA that nothing is signed by' 'appeared error host.cert-untrusted mta-sts.good.example' "$(changes)"
check 'it goes: exit code' 0 "$(watch "$LAB_CA" "${w[@]}" good.example)"
check 'it goes' 'went error host.cert-untrusted mta-sts.good.example' "$(changes)"

# By mail, by a command, and for Prometheus.
rm -rf "$state"
tell=(watch --no-smtp --state "$state" --mail postmaster@example.com --command "cat >>'$LAB_DIR/watch-lines'" --metrics "$LAB_DIR/watch.prom")
echo 75 >"$LAB_DIR/watch-status"
check 'sendmail fails: exit code' 75 "$(watch "$LAB_CA" "${tell[@]}")"
check 'sendmail fails: message' 'mtasts: watch: .*ended with status 75; the next run sends it again' "$(<"$LAB_DIR/err")"
check 'the command is run all the same' '"appeared"' "$(jq 'select(.id == "host.cert-expired") | .change' "$LAB_DIR/watch-lines")"
echo 0 >"$LAB_DIR/watch-status"
mv "$LAB_DIR/watch-lines" "$LAB_DIR/watch-lines-first"
rm "$LAB_DIR/watch-mail"
check 'the next run: exit code' 0 "$(watch "$LAB_CA" "${tell[@]}")"
check 'the next run prints nothing' '' "$(<"$LAB_DIR/out")"
check 'the next run gives the command nothing' '' "$(cat "$LAB_DIR/watch-lines" 2>/dev/null)"
mv "$LAB_DIR/watch-lines-first" "$LAB_DIR/watch-lines"
check 'sendmail may regain rights, as one with set-group-ID must' 0 "$(awk '$1 == "NoNewPrivs:" { print $2 }' "$LAB_DIR/watch-rights")"
check 'the arguments of sendmail' '-i -f mtasts@example.com -- postmaster@example.com' "$(head -1 "$LAB_DIR/watch-mail")"
check 'the mail' $'From: mtasts@example.com\nTo: postmaster@example.com\nSubject: mtasts watch: [0-9]+ new, 0 gone\nAuto-Submitted: auto-generated\n.*expired-certificate.example: new error: host.cert-expired mta-sts.expired-certificate.example\n    .*' \
  "$(tail -n +2 "$LAB_DIR/watch-mail")"
check 'the command' '"appeared"' "$(jq 'select(.id == "host.cert-expired") | .change' "$LAB_DIR/watch-lines")"
check 'for Prometheus' 1 "$(grep -c 'mtasts_watch_finding{domain="expired-certificate.example",id="host.cert-expired",severity="error",subject="mta-sts.expired-certificate.example"} 1' "$LAB_DIR/watch.prom")"
check 'each measure has its type' '' "$(awk '$1 == "#" { type[$3] = 1; next } { sub(/[{ ].*/, ""); if (!($0 in type)) print }' "$LAB_DIR/watch.prom")"
check 'what our dashboard and alerts name is there' '' "$(comm -13 <(grep -o '^mtasts_[a-z_]*' "$LAB_DIR/watch.prom" | sort -u) \
  <(grep -oh 'mtasts_watch_[a-z_]*' contrib/prometheus/*.yml contrib/grafana/*.json | sort -u))"
rm "$LAB_DIR/watch-mail" "$LAB_DIR/watch-lines" "$LAB_DIR/watch.prom"
check 'nothing is new: exit code' 0 "$(watch "$LAB_CA" "${tell[@]}")"
check 'nothing is told, but for Prometheus' 'watch.prom' "$(cd "$LAB_DIR" && ls watch-mail watch-lines watch.prom 2>/dev/null)"

# A command that fails, or cannot be written to, makes no second mail.
rm -rf "$state"
check 'a command fails: exit code' 75 "$(watch "$LAB_CA" watch --no-smtp --state "$state" --mail postmaster@example.com --command 'exit 3')"
check 'a command fails: message' '.*mtasts: exit 3: .*the next run gives it the same again' "$(<"$LAB_DIR/err")"
rm "$LAB_DIR/watch-mail"
check 'the command again: exit code' 0 "$(watch "$LAB_CA" watch --no-smtp --state "$state" --mail postmaster@example.com --command "grep SigIgn /proc/self/status >'$LAB_DIR/watch-signals'; cat >'$LAB_DIR/watch-lines'")"
check 'the command gets it, and no second mail is sent' 'watch-lines' "$(cd "$LAB_DIR" && ls watch-mail watch-lines 2>/dev/null)"
check 'the command ignores no signal' 0 "$((0x$(awk '{ print $2 }' "$LAB_DIR/watch-signals") & 0x1000))"
check 'its memory is not that of check: exit code' 0 "$(watch "$LAB_CA" watch --no-smtp good.example)"
check 'its memory is not that of check' watch "$(cd "$cache" && ls -d watch check 2>/dev/null)"
rm -f "$LAB_DIR/watch-lines"
echo damaged >"$state/.watch"
check 'a damaged state: exit code' 0 "$(watch "$LAB_CA" "${w[@]}")"
check 'a damaged state: message' 'mtasts: .*\.watch: .*all findings are new' "$(<"$LAB_DIR/err")"
check 'a damaged state: all is new' '.*appeared error host.cert-expired.*' "$(changes)"
check_error 'a metrics file that cannot be written' 74 nowhere "$MTASTS" --config "$LAB_DIR/watch.conf" --cache "$cache" --ca-file "$LAB_CA" \
  watch --no-smtp --state "$state" --metrics "$LAB_DIR/nowhere/watch.prom"
check_error 'no domain' 78 'no domain' "$MTASTS" --config "$LAB_CONF" --cache "$cache" watch
check_error 'no domain name' 65 'a b: not a domain' "$MTASTS" --config "$LAB_CONF" --cache "$cache" watch 'a b'
check_error 'no address' 65 'a@: the address' "$MTASTS" --config "$LAB_CONF" --cache "$cache" watch --mail a@ good.example
