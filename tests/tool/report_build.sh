# shellcheck shell=bash disable=SC2154 # read by tests/tool/run.sh, whose t, is, has, one and dir it uses
# mtasts report build: a real mtastsd records outcomes, and the reports of the day are built.

mkdir -p outcomes/cache
cat >outcomes/conf <<END
cache { directory = "$dir/outcomes/cache" }
dns { servers = {"127.0.0.1@9"} dnssec = "off" }
ask { socket = "$dir/outcomes/ask" }
socketmap { listen = {"unix:$dir/outcomes/map"} }
outcome { socket = "$dir/outcomes/tlsrpt" }
report { organization = "Site" contact = "tls@site.example" from = "noreply@site.example" }
user = "$(id -un)"
group = "$(id -gn)"
END
sed 's/ from = .*/ }/' outcomes/conf >outcomes/no-from
rb=(--config outcomes/conf)

t 'report build: nothing was recorded' 0 '' '' "${rb[@]}" report build --dir outcomes/none
is 'its directory is made' yes "$([ -d outcomes/none ] && echo yes)"
t 'report build: no date' 64 '' "$(one 'no date')" "${rb[@]}" report build --day 2026-13-01
t 'report build: a date and more' 64 '' "$(one 'no date')" "${rb[@]}" report build --day 2026-01-01x
t 'report build: no domain' 64 '' "$(one 'not a domain')" "${rb[@]}" report build 'a b'
t 'report build: a setting is empty' 78 '' "$(one report.from)" --config outcomes/no-from report build
touch outcomes/file
t 'report build: no directory can be made' 73 '' "$(one 'outcomes/file/reports')" "${rb[@]}" report build --dir outcomes/file/reports
t 'report build: a file in its place' 73 '' "$(one 'outcomes/file')" "${rb[@]}" report build --dir outcomes/file

record_up() {
  "$MTASTS"d --config outcomes/conf --foreground 2>>outcomes/log &
  recorder=$!
  for _ in $(seq 200); do [ -S outcomes/tlsrpt ] && [ -S outcomes/ask ] && break; sleep 0.05; done
}
# tell DATAGRAM [COUNT]
tell() {
  python3 -c 'import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.connect("outcomes/tlsrpt")
for _ in range(int(sys.argv[2])): s.send(sys.argv[1].encode())' "$1" "${2:-1}"
}
build_json() { "$MTASTS" "${rb[@]}" --json report build --day "$day" --dir outcomes/reports "$@"; }

if ! command -v python3 >/dev/null; then
  echo 'SKIPPED report build: no python3'
else
  day=$(date -u +%F)
  record_up
  tell '{"d":"a.example","policies":[{"policy-type":2,"policy-string":["version: STSv1","mode: enforce"],"mx-host":["mx.a.example"],"f":0}]}' 20
  tell '{"d":"A.example.","policies":[{"policy-type":1,"policy-domain":"mx.a.example","policy-string":["3 1 1 00"],"f":1,"failure-details":[{"c":304,"h":"250-mx.a.example\r\n250 STARTTLS"}]}]}' 3
  tell '{"d":"b.example","policies":[{"policy-type":9,"f":0}]}'
  tell ''
  tell '{"d":"b.example","policies":[{"policy-type":9,"f":2}]}'
  tell '{"d":"b.example","policies":[{"policy-type":9,"f":0}]}'
  kill -HUP "$recorder"
  tell '{"d":"b.example","policies":[{"policy-type":9,"f":0}]}'
  kill "$recorder" && wait "$recorder" # an orderly end loses none
  is 'report build: a line for each policy domain' \
    '["a.example",20,3] ["b.example",3,0] ["mx.a.example",0,3]' \
    "$(build_json | jq -c '[.policy_domain,.successful,.failed]' | xargs -d '\n')"
  is 'report build: the keys of a line' 'day,failed,file,policy_domain,report_id,successful' \
    "$(build_json | jq -r 'keys|join(",")' | sort -u)"
  file=$(build_json b.example | jq -r .file)
  midnight=$(date -u -d "$day" +%s)
  is 'report build: the name of a file' "outcomes/reports/site.example!b.example!$midnight!$((midnight + 86399)).json.gz" "$file"
  is 'report build: what a report holds' \
    '{"organization-name":"Site","contact-info":"tls@site.example","policies":[{"policy":{"policy-type":"no-policy-found","policy-domain":"b.example"},"summary":{"total-successful-session-count":3,"total-failure-session-count":0}}]}' \
    "$(gzip -dc "$file" | jq -c 'del(.["date-range"],.["report-id"])')"
  is 'report build: the report-id is that of the line' "$(gzip -dc "$file" | jq -r '.["report-id"]')" \
    "$(build_json b.example | jq -r .report_id)"
  sum=$(cat outcomes/reports/* | sha256sum)
  build_json >/dev/null
  is 'report build: the same bytes again' "$sum" "$(cat outcomes/reports/* | sha256sum)"
  is 'report build: report show reads them' '[3,0,0,0]' "$("$MTASTS" --json report show outcomes/reports | jq -c "$all")"
  is 'report build: another day has nothing' '' "$("$MTASTS" "${rb[@]}" --json report build --day 2001-02-03 --dir outcomes/reports)"
  is 'report build: a domain without outcomes has no line' '' "$(build_json c.example)"
  is 'cache stats tells of outcomes' "[1,3,\"$day\",true]" \
    "$("$MTASTS" "${rb[@]}" --json cache stats | jq -c '.outcomes|[.days,.domains,.last,.bytes_used>0]')"
  is 'what is not counted is logged' 2 "$(grep -c 'outcome not counted: reason=\(empty\|bad-flag\)' outcomes/log)"
  record_up # a restart goes on with the day
  tell '{"d":"b.example","policies":[{"policy-type":9,"f":0}]}' 4
  sleep 1
  kill -9 "$recorder" && wait "$recorder" 2>/dev/null
  is 'kill -9 after a second loses none' 7 "$(build_json b.example | jq .successful)"
  # Pages that LMDB would follow: neither mtastsd nor the tool maps them.
  python3 -c 'import os, sys
size = os.path.getsize(sys.argv[1])
with open(sys.argv[1], "r+b") as file:
    file.seek(8192)
    file.write(b"\x5a" * (size - 8192))' outcomes/cache/outcomes/data.mdb
  t 'report build: a damaged store' 74 '' "$(one 'data.mdb is damaged; mtastsd begins a new one')" "${rb[@]}" report build --day "$day" --dir outcomes/reports
  t 'report status: a damaged store' 74 '' "$(one 'data.mdb is damaged')" "${rb[@]}" report status --day "$day"
  t 'report send: a damaged store' 74 '' "$(one 'data.mdb is damaged')" "${rb[@]}" report send
  "$MTASTS" "${rb[@]}" --json cache stats >outcomes/stats 2>/dev/null
  is 'cache stats: a damaged store' 0 $?
  record_up
  tell '{"d":"b.example","policies":[{"policy-type":9,"f":0}]}' 5
  kill "$recorder" && wait "$recorder"
  is 'mtastsd starts with a damaged store' 0 $?
  is 'mtastsd says what is lost' 1 "$(grep -c 'renamed to data.mdb.damaged, and a new one begins: the reports of' outcomes/log)"
  is 'mtastsd records in a new store' 5 "$(build_json b.example | jq .successful)"
fi
