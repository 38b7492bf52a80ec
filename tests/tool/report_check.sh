# shellcheck shell=bash disable=SC2154 # read by tests/tool/run.sh after report.sh, whose functions it uses
# mtasts report show --check, of a DNS server on loopback. Nothing is connected to: all addresses are private ones, and
# what mail servers and policy hosts do is in the lab (check_check.sh).
mkdir beside && cd beside || exit 74
failure() { # DOMAIN RESULT SESSIONS
  report "$1 $2" ".policies[0].policy.\"policy-domain\"=\"$1\" | .policies[0].\"failure-details\"[0]+={\"result-type\":\"$2\",\"failed-session-count\":$3}"
}
cat >dns.py <<'P'
import socket
wire = lambda name: b"".join(bytes([len(part)]) + part.encode() for part in name.split(".") if part) + b"\0"
text = lambda words: bytes([len(words)]) + words.encode()
names = {("example.com", 15): b"\0\x0a" + wire("mx.example.com"), ("mx.example.com", 1): bytes([10, 0, 0, 1]),
         ("_mta-sts.example.com", 16): text("v=STSv1; id=1;"), ("gone.example", 15): b"\0\0\0"}
soa = b"\0\0\x06\0\1\0\0\0\x3c\0\x16\0\0" + b"\0\0\0\1" * 5
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("127.0.0.1", 0))
print(server.getsockname()[1], flush=True)
while True:
    query, peer = server.recvfrom(4096)
    at, labels = 12, []
    while query[at]:
        labels.append(query[at + 1:at + 1 + query[at]].decode("latin-1").lower())
        at += 1 + query[at]
    name, question = ".".join(labels), query[12:at + 5]
    found = names.get((name, query[at + 2]))
    open("asked", "a").write(name + "\n")
    answer = b"\xc0\x0c" + query[at + 1:at + 5] + b"\0\0\0\x3c" + len(found).to_bytes(2, "big") + found if found else b""
    counts = b"\0\1\0\0\0\0" if found else b"\0\0\0\1\0\0" # a negative answer has a SOA record (RFC 2308)
    server.sendto(query[:2] + b"\x81\x80\0\1" + counts + question + (answer or soa), peer)
P
: >asked
python3 dns.py >port 2>dns.err &
server=$!
for _ in $(seq 100); do [ -s port ] && break; sleep 0.05; done
echo 'dns { timeout = 2 }' >conf
now=(--config conf --cache cache --resolver "127.0.0.1@$(<port)")
{
  failure example.com certificate-expired 5
  failure example.com sts-policy-fetch-error 4
  failure example.com sts-policy-invalid 3
  failure gone.example certificate-not-trusted 2
  failure example.com dnssec-invalid 1
  report fine '.policies[0].policy."policy-domain"="fine.example" | .policies[0]."failure-details"=[]'
} >failures
is 'check: each result' '{"certificate-expired":["not-judged","not judged: mx.private-address mx.example.com"],"sts-policy-fetch-error":["still-so","still so: host.no-address mta-sts.example.com"],"sts-policy-invalid":["not-judged","not judged: host.no-address mta-sts.example.com"],"certificate-not-trusted":["not-seen","not seen by a check of now"],"dnssec-invalid":["not-judged","not judged: DNSSEC is not validated here"]}' \
  "$("$MTASTS" "${now[@]}" --json report show --check failures | jq -c '[.results[]|{key:.result_type,value:[.check.verdict,.check.text]}]|from_entries')"
is 'check: only domains that failed are asked about' 0 "$(grep -c 'fine\.example' asked)"
is 'check: the finding of a single cause' '["not-seen","not seen by a check of now"]' "$("$MTASTS" "${now[@]}" --json report show --check failures | jq -c '.findings[]|select(.id=="single-cause").check|[.verdict,.text]')"
is 'check: a type of their own has none' '[null]' "$("$MTASTS" "${now[@]}" --json report show --check <(failure gone.example of-their-own 1) | jq -c '[.results[].check]')"
is 'check: no memory is kept' '' "$(ls -A cache 2>/dev/null)"
t 'check: by result, beside the remedy' 0 "$(has $'Check that https[^\n]*\n +still so: host\.no-address mta-sts\.example\.com\n')" '' "${now[@]}" report show --check --by result failures
t 'check: the overview' 0 "$(has 'not seen by a check of now.*What to look at.*authority\.'$'\n +not seen by a check of now')" '' "${now[@]}" report show --check failures
is 'check: 80 columns' '' "$(grep -E '.{81}' out)"
t 'check: the page' 0 '.*' '' "${now[@]}" report show --check --html page.html failures
is 'check: the page says it' 1 "$(grep -c 'still so: host.no-address mta-sts.example.com' page.html)"
t 'check: pages' 0 '.*' '' "${now[@]}" report show --check --html pages/ failures
is 'check: a domain has its own page, in the table and the finding' '0 2' "$(grep -c 'still so' pages/gone.example.html) $(grep -c 'not seen by a check' pages/gone.example.html)"
: >asked
is 'without --check no key and no query' '[null]0' "$("$MTASTS" "${now[@]}" --json report show failures | jq -c '[.results[].check]|unique')$(wc -l <asked)"

# 21 domains and what is none: the one with fewest failures is not checked.
{ for i in $(seq 21); do failure "d$i.example" certificate-expired "$((30 - i))"; done; failure '192.0.2.1' tlsa-invalid 90; } >many
is 'check: 20 domains' 'not judged: mx.absent d' "$("$MTASTS" "${now[@]}" --json report show --check many | jq -r '.results[]|select(.result_type=="certificate-expired").check.text[:23]')"
is 'check: the others are named' 'not checked: d21.example' "$("$MTASTS" "${now[@]}" --json report show --check many | jq -r '.results[]|select(.result_type=="certificate-expired").check.text|split("; ")[1]')"
is 'check: no question of the 21st' 0 "$(grep -c 'd21\.example' asked)"
is 'check: an address is no domain' 'not judged: none of its domains was checked; not checked: 192.0.2.1' "$("$MTASTS" "${now[@]}" --json report show --check many | jq -r '.results[]|select(.result_type=="tlsa-invalid").check.text')"
kill $server
wait $server 2>/dev/null

t 'check: nothing failed, nothing is asked' 0 "$(has 'none')" '' --resolver 127.0.0.1@1 report show --check <(report fine '.policies[0]."failure-details"=[]')
t 'check: a dead resolver' 0 "$(has 'not judged: check\.resolver')" '' --config conf --resolver 127.0.0.1@1 report show --check --by result failures
t 'check: a resolver that is none' 78 '' "$(one 'nonsense')" --resolver nonsense report show --check failures
for other in --csv --prometheus --explain; do
  t "check not with $other" 64 '' "$(one 'not together')" report show --check $other failures
done
t 'check not with another table' 64 '' "$(one '--by result')" report show --check --by day failures
cd "$dir" || exit 74
