#!/bin/bash
# The pages of `mtasts report show --html` in headless Chromium (browser.py): many reports, none, hostile names, one
# day, names in the DNS, an index. MTASTS names the tool. Each line of `N passed, M failed` counts.
set -u
# shellcheck source=/dev/null
. "$(dirname "$0")/../environment.sh"
here=$(realpath "$(dirname "$0")")
MTASTS=$(realpath "${MTASTS:-build/mtasts}")
if ! command -v chromium >/dev/null; then
  echo 'SKIPPED page: chromium is not installed: make deps'
  [ -z "${CI:-}" ]
  exit
fi
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 74

# many: five weeks with a gap, of six reporters and four domains; one of them is in mode testing.
mkdir many none
jq -cn 'def hash: (. * 7919 + 104729) % 1009;
  ["Google Inc.", "Microsoft Corporation", "Mail.ru", "Comcast", "GMX", "A Very Long Organisation Name for Electronic Correspondence GmbH & Co. KG"] as $who |
  ["example.com", "mail.example.net", "a-rather-long-domain-name-that-goes-on.subdomain.of.example.org", "xn--bcher-kva.example"] as $domains |
  ["certificate-expired", "sts-policy-fetch-error", "starttls-not-supported", "certificate-host-mismatch", "validation-failure", "some-result-type-that-no-rfc-has-ever-heard-of"] as $types |
  range(35) as $day | select($day != 11 and $day != 12) | range($who | length) as $w |
  (1792454400 + $day * 86400 | todate[:10]) as $date |
  {"organization-name": $who[$w], "report-id": "\($day)-\($w)", "date-range": {"start-datetime": "\($date)T00:00:00Z", "end-datetime": "\($date)T23:59:59Z"},
   policies: [range(4) as $d | (($day * 31 + $w * 7 + $d) | hash) as $h | (if $d == 1 then 0 else $h % 23 end) as $bad |
     {policy: {"policy-type": "sts", "policy-domain": $domains[$d], "policy-string": ["mode: \(if $d == 1 then "testing" else "enforce" end)"]},
      summary: {"total-successful-session-count": ($h * 3 + 40), "total-failure-session-count": $bad},
      "failure-details": (if $bad > 0 then [{"result-type": $types[$h % 6], "failed-session-count": $bad, "receiving-mx-hostname": "backup-mail-exchanger-number-\($h % 4).\($domains[$d])",
        "sending-mta-ip": (if $h % 2 == 0 then "192.0.2.\($h % 9)" else "2001:db8:1234:5678:9abc:def0:1234:\($h % 7)" end)}] else [] end)}]}' >many/reports
jq -cn '{"organization-name": ("W" * 300), "report-id": "x", "date-range": {"start-datetime": "2026-10-20T00:00:00Z"}, policies: [{policy: {"policy-type": "sts", "policy-domain": ("\u0001<b>\u202e\"&" + "m" * 300)},
  summary: {"total-successful-session-count": 9007199254740991, "total-failure-session-count": 9007199254740991}, "failure-details": [{"result-type": ("</td>" * 50), "failed-session-count": 9007199254740991,
  "sending-mta-ip": ("漢字" * 80), "receiving-mx-hostname": ("x" * 300)}]}]}' >hostile
jq -c 'select(."report-id" == "3-2")' many/reports >day
passed=0
failed=0
look() { # NAME PAGE
  local p f
  timeout 120 python3 "$here/browser.py" "$2" "$1" | tee "$1.said"
  [ "${PIPESTATUS[0]}" -lt 124 ] || echo "FAILED $1: the browser hangs: 0 passed, 1 failed"
  read -r p f < <(sed -nE "s/.*: ([0-9]+) passed, ([0-9]+) failed$/\1 \2/p" "$1.said" | tail -n 1)
  passed=$((passed + ${p:-0})) failed=$((failed + ${f:-1}))
}
for page in many none hostile day; do
  "$MTASTS" report show --html "$page.html" "$page" >/dev/null 2>&1
  look "$page" "$page.html"
done
"$MTASTS" report show --html pages/ many >/dev/null 2>&1
look index pages/index.html
[ "$failed" = 0 ]
