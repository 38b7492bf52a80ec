# shellcheck shell=bash disable=SC2154 # read by tests/tool/run.sh after report.sh, whose functions it uses
# shellcheck disable=SC2094 # the first argument of report is no file
# mtasts report show, beyond its tables: names of addresses, spans compared, reports explained, metrics,
# limits, signatures. Each check makes its own input.
mkdir views && cd views || exit 74
report a >a.json

# Names of addresses: a DNS server on loopback that answers PTR queries, and notes them. One of its names takes longer
# than anyone waits.
cat >ptr.py <<'P'
import socket, sys
names = {"9.9.9.9.in-addr.arpa": "dns9.reporter.example", "4.4.8.8.in-addr.arpa": "bad name!.example",
         "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.7.4.6.0.6.2.ip6.arpa": "six.reporter.example"}
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("127.0.0.1", 0))
print(server.getsockname()[1], flush=True)
wire = lambda name: b"".join(bytes([len(part)]) + part.encode() for part in name.split(".")) + b"\0"
while True:
    query, peer = server.recvfrom(4096)
    at, labels = 12, []
    while query[at]:
        labels.append(query[at + 1:at + 1 + query[at]].decode("latin-1").lower())
        at += 1 + query[at]
    name, question, kind = ".".join(labels), query[12:at + 5], query[at + 2]
    if kind == 12:
        open("asked", "a").write(name + "\n")
    if name.startswith("8.8.8.8"):
        continue
    found = names.get(name) if kind == 12 else None
    answer = b"\xc0\x0c\0\x0c\0\1\0\0\0\x3c" + len(wire(found)).to_bytes(2, "big") + wire(found) if found else b""
    server.sendto(query[:2] + (b"\x81\x80" if found or kind != 12 else b"\x81\x83") + b"\0\1" +
                  (b"\0\1" if found else b"\0\0") + b"\0\0\0\0" + question + answer, peer)
P
: >asked
python3 ptr.py >port 2>ptr.err &
server=$!
for _ in $(seq 100); do [ -s port ] && break; sleep 0.05; done
at="127.0.0.1@$(<port)"
for source in 9.9.9.9 10.0.0.1 192.168.7.7 127.0.0.1 8.8.4.4 8.8.8.8 2606:4700::1 not-an-address 9.9.9.10; do
  report "$source" ".policies[0].\"failure-details\"[0].\"sending-mta-ip\"=\"$source\"" >"source-$source"
done
start=$SECONDS
is 'names of addresses' '[["10.0.0.1",null],["127.0.0.1",null],["192.168.7.7",null],["2606:4700::1","six.reporter.example"],["8.8.4.4",null],["8.8.8.8",null],["9.9.9.10",null],["9.9.9.9","dns9.reporter.example"],["not-an-address",null]]' \
  "$("$MTASTS" --resolver "$at" --json report show --reverse-dns source-* | jq -c '[.sources[]|[.sending_mta_ip,.name]]')"
is 'a server that is silent for one holds nothing up' yes "$([ $((SECONDS - start)) -lt 9 ] && echo yes)"
is 'private addresses are never asked for' 0 "$(grep -cE '^(1\.0\.0\.10|7\.7\.168\.192|1\.0\.0\.127)\.' asked)"
if [ "$(id -u)" = 0 ] && setpriv --reuid 65534 --regid 65534 --clear-groups true 2>/dev/null; then
  printf 'user = "nobody"\ngroup = "nogroup"\ncache { directory = "%s/nowhere" }\n' "$dir" >names-conf
  "$MTASTS" --config names-conf --resolver "$at" report show --reverse-dns source-8.8.8.8 >out 2>err &
  asking=$!
  who=
  for _ in $(seq 200); do
    for process in $asking $(cat "/proc/$asking/task/$asking/children" 2>/dev/null); do
      ! find "/proc/$process/fd" -lname 'socket:*' 2>/dev/null | grep -q . ||
        who=$(awk '/^(Uid|CapEff|NoNewPrivs)/ { printf "%s ", $2 }' "/proc/$process/status")
    done
    [ -z "$who" ] || break
    sleep 0.02
  done
  wait $asking
  is 'root gives up its rights before it asks the DNS' '65534 0000000000000000 1 ' "$who"
fi
rm source-8.8.8.8
t 'names of addresses, as text' 0 "$(has $'\n  9\.9\.9\.9 dns9\.reporter\.example ')" '' --resolver "$at" report show --reverse-dns --by source source-*
is 'names of addresses, CSV' 'sending_mta_ip,name,sessions 9.9.9.9,dns9.reporter.example,1' "$("$MTASTS" --resolver "$at" report show --reverse-dns --by source --csv source-9.9.9.9 | xargs)"
is 'without the option no name and no query' '[null]' "$(: >asked; "$MTASTS" --resolver "$at" --json report show source-9.9.9.9 | jq -c '[.sources[0].name]')$(<asked)"
t 'names of addresses, on the page' 0 '.*' '' --resolver "$at" report show --reverse-dns --html names.html source-*
is 'names of addresses, on the page: one' 1 "$(grep -c 'dns9.reporter.example' names.html)"
kill $server
wait $server 2>/dev/null
t 'no DNS server: the addresses alone' 0 "$(has $'\n  9\.9\.9\.9 ')" '' --resolver "$at" report show --reverse-dns --by source source-9.9.9.9

# Two spans
day() { printf '."date-range"={"start-datetime":"%sT00:00:00Z","end-datetime":"%sT23:59:59Z"}' "$1" "$1"; }
report n1 "$(day 2026-03-02)" >n1
report b1 "$(day 2026-02-02) | .\"organization-name\"=\"Old\" | .policies[0].\"failure-details\"[0].\"result-type\"=\"dnssec-invalid\" | .policies[0].summary.\"total-failure-session-count\"=3" >b1
is 'two spans' '{"reports":1,"failed":3,"period":{"start":"2026-02-02T00:00:00Z","end":"2026-02-02T23:59:59Z"},"new":["certificate-expired"],"gone":["dnssec-invalid"],"reporters":["Old"]}' \
  "$(j '.against|{reports,failed,period,new:.new.results,gone:.gone.results,reporters:.gone.reporters}' --since 2026-03-01 --against 2026-02-01..2026-02-28 n1 b1)"
is 'the numbers are those of the first span' '[1,1]' "$(j '[.reports,.failed]' --since 2026-03-01 --against 2026-02-01..2026-02-28 n1 b1)"
t 'two spans, as text' 0 "$(has 'now +2026-03-02 to 2026-03-02: 1 of 10.*before +2026-02-02 to 2026-02-02: 3 of 12.*new result: certificate-expired.*gone result: dnssec-invalid')" '' report show --since 2026-03-01 --against 2026-02-01..2026-02-28 n1 b1
for span in 2026-02-01 2026-02-01.. ..2026-02-01 2026-02-01..2026-02-30 x; do
  t "no span: $span" 64 '' "$(one 'no span')" report show --against "$span" a.json
done

# One report, explained
report x '."contact-info"=null | ."date-range"."start-datetime"="2026-03-01T00:00:00" | .policies[0].policy."mx-host"="mx" | .policies[0].summary."total-failure-session-count"=5 | .policies[0].policy."policy-string"="mode: testing"' >odd
for words in 'Report x of Org' 'from 2026-03-01 00:00:00 UTC' 'example\.com, policy sts in mode testing: 9 succeeded, 5 failed' '1 x certificate-expired, from 192\.0\.2\.1 to mx\.example\.com' 'Renew the certificate' \
  'start-datetime has no time zone[^-]*RFC 3339' 'contact-info is empty[^-]*RFC 8460 section 4\.4' 'mx-host is a string[^-]*erratum' 'details count 1 sessions, the summary 5' 'policy-string is a string'; do
  t "explained: $words" 0 ".*${words// /[[:space:]]+}.*" '' report show --explain odd
done
t 'a report without an oddity' 0 "$(has 'as RFC 8460 wants it')" '' report show --explain a.json
t 'explained, and one that is rejected' 0 "$(has 'as RFC 8460 wants it')" "$(one 'neither')" report show --explain <(report w '.x="@" | del(."date-range")' | sed 's/@/\xff/') a.json
is 'explained, JSON' '["a","example.com","certificate-expired",[]]' "$("$MTASTS" --json report show --explain a.json | jq -c '[.report_id,.policies[0].policy_domain,.policies[0].details[0].result_type,.quirks]')"
is 'explained, no control character' '' "$("$MTASTS" report show --explain ../reports/evil 2>&1 | LC_ALL=C grep -nP "$evil")"
is 'explained, 80 columns' 0 "$("$MTASTS" report show --explain ../reports/long | python3 -c "$wide")"

# Metrics
is 'metrics' 'mtasts_tlsrpt_sessions{policy_domain="example.com",outcome="failed"} 1' "$("$MTASTS" report show --prometheus a.json | grep 'outcome="failed"')"
for i in $(seq 150); do report "$i" ".\"organization-name\"=\"o$i\" | .policies[0].policy.\"policy-domain\"=\"d$i.example\" | .policies[0].\"failure-details\"[0].\"result-type\"=\"r$i\""; done >many
report evil '(."organization-name",.policies[0].policy."policy-domain")="a\u0001\"\\\n" | ."report-id"="e1"' >evil1
report evil '(."organization-name",.policies[0].policy."policy-domain")="a\u0002\"\\\n" | ."report-id"="e2"' >evil2
"$MTASTS" report show --prometheus many evil1 evil2 >metrics 2>/dev/null
is 'metrics are bounded' '202 2 100' "$(grep -c ^mtasts_tlsrpt_sessions metrics) $(grep -c ^mtasts_tlsrpt_failures metrics) $(grep -c ^mtasts_tlsrpt_last metrics)"
is 'no metric twice' '' "$(grep -v '^#' metrics | sed 's/ [0-9]*$//' | sort | uniq -d)"
is 'metrics: all sessions are there' 1520 "$(awk '/^mtasts_tlsrpt_sessions/ { n += $NF } END { print n }' metrics)"
is 'metrics: every line has the form' '' "$(grep -vE '^# (HELP|TYPE) mtasts_tlsrpt_[a-z_]+ .+$|^mtasts_tlsrpt_[a-z_]+(\{[a-z_]+="([^"\\]|\\["\\])*"(,outcome="(successful|failed)")?\})? [0-9]+$' metrics)"
for other in --json --csv '--by day' '--against 2026-01-01..2026-01-02'; do
  # shellcheck disable=SC2086 # words
  t "metrics not with $other" 64 '' "$(one 'not together')" report show --prometheus $other a.json
done

# A multiple of what is usual
usual() { # DAYS FAILED: that many days of 1000 sessions, then one with FAILED
  for i in $(seq "$1"); do report "u$i" "$(day "$(date -u -d "2026-03-01 $i days ago" +%F)") | .policies[0].summary={\"total-successful-session-count\":990,\"total-failure-session-count\":10}"; done
  report now "$(day 2026-03-01) | .policies[0].summary={\"total-successful-session-count\":$((1000 - $2)),\"total-failure-session-count\":$2}"
}
for case in '28 30 3x=0' '28 31 3x=1' '28 16 1.5x=1' '28 15 1.5x=0' '6 999 3x=0' '7 999 3x=1'; do
  read -r days bad limit <<<"${case%=*}"
  usual "$days" "$bad" >usual
  t "fail over $limit of $days days: $bad of 1000" "${case##*=}" '.*' '' report show --fail-over "$limit" usual
done
for wrong in x 0.5x 1001x 3xx 3X -3x 3.x; do
  t "fail over: $wrong" 64 '' "$(one 'no percentage')" report show --fail-over "$wrong" a.json
done

# Signatures
signed() { # AUTHENTICATION-RESULTS… (a field each): a report in mail of that header
  printf 'Received: x\n'
  printf 'Authentication-Results: %b\n' "$@"
  printf 'TLS-Report-Submitter: Org.Example\nContent-Type: application/tlsrpt+json\n\n'
  cat a.json
}
sig='.signatures|map([.organization,.submitter,.signed,.unsigned])'
pass='mx.my.example; spf=pass smtp.mailfrom=a@b;\n dkim=pass (2048-bit; ok) header.d=org.example header.i=@org.example header.b="a=b;c"'
is 'signed' '[["Org","Org.Example",1,0]]' "$(signed "$pass" | j "$sig" -)"
is 'signed by the domain above' 1 "$(signed 'x 1; dkim=pass header.d=bad.example; dkim = PASS HEADER.I=u@Org.example' | j '.signatures[0].signed' -)"
for results in 'x; none' 'x; dkim=fail header.d=org.example' 'x; dkim=pass header.d=evil.example' 'x; dkim=pass header.d=example' 'x; dkim=pass header.d=notorg.example' 'x; (dkim=pass header.d=org.example)' 'x; spf=pass header.d=org.example' 'x; dkim=pass; spf=pass header.d=org.example' 'x; a="dkim=pass header.d=org.example"'; do
  is "not signed: $results" '[["Org","Org.Example",0,1]]' "$(signed "$results" | j "$sig" -)"
done
is 'the topmost field counts' '[["Org","Org.Example",0,1]]' "$(signed 'x; none' "$pass" | j "$sig" -)"
is 'the field of the named host counts' '[["Org","Org.Example",1,0]]' "$(signed 'x; none' "$pass" | j "$sig" --authserv-id MX.my.example -)"
is 'no field of the named host' '[]' "$(signed 'x; none' | j "$sig" --authserv-id mx.my.example -)"
is 'no field' '[]' "$(j "$sig" a.json ../reports/mail)"
{ printf 'Authentication-Results: %b\nTLS-Report-Submitter: fwd.example\nContent-Type: message/rfc822\n\n' 'x; dkim=pass header.d=fwd.example'; signed "$pass"; } >forwarded
is 'a forwarded message says nothing of signatures' '[]' "$(j "$sig" forwarded)"
signed 'x; none' >unsigned
t 'a finding' 0 "$(has 'no signature of')" '' report show unsigned
t 'by reporter' 0 "$(has 'Org\.Example signed 0 of 1 reports of Org')" '' report show --by reporter unsigned
t 'explained' 0 "$(has 'signed by Org\.Example, as the mail says: no')" '' report show --explain unsigned
t 'a finding without --authserv-id' 0 "$(has 'reports, as the mail says')" '' report show unsigned
cd "$dir" || exit 74
