# shellcheck shell=bash disable=SC2154 # read by tests/tool/run.sh, whose t, is, has, one and dir it uses
# shellcheck disable=SC2094 # the first argument of report is no file
# mtasts report show: what is read, what is rejected and why, how a report is read, and each form of
# output. Each check makes its own input.

# report ID [JQ…]: a report, changed by a jq program.
report() {
  jq -cn --arg id "$1" '{"organization-name":"Org","date-range":{"start-datetime":"2026-03-01T00:00:00Z",
    "end-datetime":"2026-03-01T23:59:59Z"},"contact-info":"a@org.example","report-id":$id,"policies":[{
    "policy":{"policy-type":"sts","policy-string":["version: STSv1","mode: enforce"],"policy-domain":"example.com",
    "mx-host":["mx.example.com"]},"summary":{"total-successful-session-count":9,"total-failure-session-count":1},
    "failure-details":[{"result-type":"certificate-expired","sending-mta-ip":"192.0.2.1",
    "receiving-mx-hostname":"mx.example.com","failed-session-count":1}]}]} | '"${2:-.}"
}
# mail_of FILE: a message that holds it.
mail_of() {
  printf 'From: a@org.example\nSubject: Report\nMIME-Version: 1.0\nContent-Type: multipart/report; boundary="b;1"\n\n'
  printf -- '--b;1\nContent-Type: text/plain\n\nhello\n--b;1\nContent-Type: application/octet-stream\n'
  printf 'Content-Transfer-Encoding: BASE64\n\n'
  base64 <"$1"
  printf -- '--b;1--\n'
}
# j JQ ARGUMENT…: what jq says of the JSON of the arguments.
j() {
  local program=$1
  shift
  "$MTASTS" --json report show "$@" 2>/dev/null | jq -c "$program"
}
all='[.reports,.duplicates,(.rejected|length),(.warnings|length)]'
# rejected WHAT WORD FILE: nothing but that.
rejected() {
  t "rejected: $1" 65 '.*' "$(one "$2")" report show "$3"
  is "rejected, JSON: $1" "[0,0,1,0]" "$(j "$all" "$3")"
}
# warned WHAT JQ-CHANGE JQ EXPECTED: read with a warning
warned() {
  report w "$2" >w.json
  is "read: $1" "$4" "$(j "$3" w.json)"
  is "warned of: $1" '[1,0,0,1]' "$(j "$all" w.json)"
}
# quiet WHAT JQ-CHANGE JQ EXPECTED: read without one
quiet() {
  report w "$2" >w.json
  is "read: $1" "$4" "$(j "$3" w.json)"
  is "no warning: $1" '[1,0,0,0]' "$(j "$all" w.json)"
}

mkdir reports && cd reports || exit 74
report a >a.json
report b >b.json

# What bytes are
gzip -c a.json >a.gz
gzip -c b.json >b.gz
is 'JSON' '[1,0,0,0]' "$(j "$all" a.json)"
is 'gzip' '[1,0,0,0]' "$(j "$all" a.gz)"
{ cat a.gz b.gz; printf '\0\0\r\n'; } >two.gz
is 'gzip of two members, bytes behind' '[2,0,0,0]' "$(j "$all" two.gz)"
gzip -c a.gz >twice.gz
is 'gzip in gzip' '[1,0,0,0]' "$(j "$all" twice.gz)"
{ printf '\xef\xbb\xbf\n'; cat a.json; printf ' \r\n\t'; cat b.json; printf '\0\0\n\0'; } >many
is 'several texts, a BOM, NULs behind' '[2,0,0,0]' "$(j "$all" many)"
{ printf '\n \t'; cat a.json; } >space
is 'white space before' '[1,0,0,0]' "$(j "$all" space)"
{ cat a.json; echo rubbish; } >behind
is 'other bytes behind' '[1,0,0,1]' "$(j "$all" behind)"
{ cat a.json; echo '{"policies":'; } >second
is 'a malformed text behind a good one' '[1,0,1,0]' "$(j "$all" second)"
mail_of a.gz >mail
is 'mail' '[1,0,0,0]' "$(j "$all" mail)"
sed 's/$/\r/' mail >crlf
is 'mail, CRLF' '[1,0,0,0]' "$(j "$all" crlf)"
sed '$d' mail >open
is 'mail without its last boundary' '[1,0,0,0]' "$(j "$all" open)"
{ printf 'Subject: fwd\nContent-Type: message/rfc822\n\n'; cat mail; } >forward
is 'mail in mail' '[1,0,0,0]' "$(j "$all" forward)"
gzip -c mail >mail.gz
is 'mail in gzip' '[1,0,0,0]' "$(j "$all" mail.gz)"
mail_of b.gz >mail2
{ echo 'From a@b Thu Jan  1 00:00:00 1970'; cat mail; printf '\n>From quoted\n\nFrom here is text\n\nFrom c@d Thu Jan  1 00:00:00 1970\n'
  cat mail2; printf '\nFrom e@f Thu Jan  1 00:00:00 1970\nSubject: none\n\nhello\n'; } >mbox
is 'mbox' '[2,0,1,0]' "$(j "$all" mbox)"
is 'a message of an mbox is named' '["mbox:3"]' "$(j '[.rejected[].file]' mbox)"
printf 'From a\nSubject: x\n\n>From {\n' >quoted
rejected 'an mbox with no report' 'no TLS report' quoted
printf 'From a\nContent-Type: application/json\n\n' >jsonbox
cat a.json >>jsonbox
is 'JSON as the body of a message' '[1,0,0,0]' "$(j "$all" jsonbox)"
is 'standard input' '["-"]' "$(echo x | j '[.rejected[].file]' -)"
is 'standard input, a report' '[1,0,0,0]' "$(j "$all" - <a.gz)"
is 'standard input by a pipe' '[2,0,1,0]' "$(j "$all" - < <(cat mbox))"

# parts TYPE BOUNDARY [HEADER FILE]…: a message of that Content-Type, its boundary, and the parts.
parts() {
  printf 'Subject: x\nContent-Type: %s\n\npreamble\n' "$1"
  local boundary=$2
  shift 2
  while [ $# -gt 0 ]; do
    printf -- '--%s\n%b\n' "$boundary" "$1"
    cat "$2"
    printf '\n'
    shift 2
  done
  printf -- '--%s--\n' "$boundary"
}
is 'pieces of a boundary, out of order' '[1,0,0,0]' "$(parts 'multipart/mixed; boundary*1=c; boundary*0=b' bc 'X: y\n' a.json | j "$all" -)"
is 'pieces of a boundary, escaped and out of order' '[1,0,0,0]' "$(parts "multipart/mixed; boundary*1*=%63; boundary*0*=us-ascii'en'b" bc 'X: y\n' a.json | j "$all" -)"
is 'a boundary of twelve pieces' '[1,0,0,0]' "$(parts 'multipart/mixed; boundary*0=0; boundary*11=b; boundary*10=a; boundary*1=1; boundary*2=2; boundary*3=3; boundary*4=4; boundary*5=5; boundary*6=6; boundary*7=7; boundary*8=8; boundary*9=9' 0123456789ab 'X: y\n' a.json | j "$all" -)"
for before in 'From a@b Mon' '>From a@b Mon' ''; do
  { printf '%s\n' "$before"; cat mail; } >inner
  is "a message in a message, after a line '$before'" '[1,0,0,0]' "$(parts 'multipart/mixed; boundary=o' o 'Content-Type: message/rfc822\n' inner | j "$all" -)"
done
python3 -c 'import quopri, sys; quopri.encode(open("mail", "rb"), sys.stdout.buffer, True)' >quoted
is 'a message in a message, quoted-printable' '[1,0,0,0]' "$(parts 'multipart/mixed; boundary=o' o 'Content-Type: message/rfc822\nContent-Transfer-Encoding: quoted-printable\n' quoted | j "$all" -)"
is 'the same, not really quoted' '[1,0,0,0]' "$(parts 'multipart/mixed; boundary=o' o 'Content-Type: message/rfc822\nContent-Transfer-Encoding: quoted-printable\n' mail | j "$all" -)"
for code in UTF-16LE UTF-16; do
  iconv -t $code a.json >wide
  is "$code in mail is named" 1 "$(mail_of wide | j '.rejected[0].error' - | grep -c UTF-16)"
done
{ cat a.gz; printf '\x1f\x8bgarbage'; } >tail.gz
is 'gzip, and bytes that resemble a member' '[1,0,0,0]' "$(j "$all" tail.gz)"

# What is rejected
: >empty
rejected 'empty' '[Ee]mpty' empty
printf 'PK\007\010rest' >a.zip
rejected 'zip, split' '[Zz]ip' a.zip
printf 'PK\003\004rest' >a.zip
rejected 'zip' '[Zz]ip' a.zip
printf '<?xml version="1.0"?>\n<d:feedback xmlns:d="x"/>\n' >prefixed.xml
rejected 'DMARC with a prefix' DMARC prefixed.xml
mail_of a.zip >zip.mail
rejected 'zip in mail' '[Zz]ip' zip.mail
printf '<?xml version="1.0"?>\n<feedback><report_metadata/></feedback>\n' >dmarc.xml
gzip -c dmarc.xml >dmarc.gz
mail_of dmarc.gz >dmarc.mail
for kind in dmarc.xml dmarc.gz dmarc.mail; do rejected "$kind" DMARC $kind; done
iconv -t UTF-16LE a.json >le
iconv -t UTF-16 a.json >bom
iconv -t UTF-16BE a.json >be
for kind in le bom be; do rejected "UTF-16 $kind" UTF-16 $kind; done
head -c 100 a.gz >cut.gz
rejected 'gzip, truncated' gzip cut.gz
{ head -c -6 a.gz; printf 'xxxxxx'; } >damaged.gz
rejected 'gzip, damaged' gzip damaged.gz
head -c 21000000 /dev/zero | tr '\0' ' ' >large
{ printf '{'; cat large; } >large.json
gzip -1c large.json >large.gz
rejected 'large JSON' '20 MiB' large.json
rejected 'large in gzip' '20 MiB' large.gz
{ printf 'Subject: x\n\n'; cat large; } >large.mail
rejected 'a large message' '20 MiB' large.mail
{ printf 'From a\n'; cat large.mail; printf '\n\nFrom b\n'; cat mail; } >large.mbox
is 'an mbox goes on behind a large message' '[1,0,1,0]' "$(j "$all" large.mbox)"
rm large large.*
printf '{"a":1,"a":2}' >keys
printf '{"a":NaN}' >nan
printf '{"policies":[' >cut.json
{ printf '{"a":'; head -c 5000 /dev/zero | tr '\0' '['; } >deep
for kind in keys nan cut.json deep; do rejected "JSON $kind" JSON $kind; done
echo '{}' >object
rejected 'an object without policies' policies object
echo '[]' >array
rejected 'JSON that is no object' 'no TLS report' array
report w 'del(."date-range")' >undated
rejected 'without dates' date undated
report w '."date-range"={"start-datetime":"yesterday","end-datetime":7}' >undated
rejected 'dates that are none' date undated
printf 'Subject: hello\n\nworld\n' >letter
rejected 'mail without a report' 'no TLS report' letter
{ mail_of a.zip | sed '$d'; printf -- '--b;1\n\n'; cat a.json; printf -- '\n--b;1--\n'; } >half
is 'a rejected part beside a good one' '[1,0,1,0]' "$(j "$all" half)"
t 'a rejected file, the rest goes on' 0 "$(has 'reports +1')" "$(one 'empty: empty')" report show empty a.json

# Directories
mkdir -p tree/sub tree/box/{cur,new,tmp} tree/box/.Folder/{cur,new,tmp} tree/box/plain
cp a.json tree/sub/x
for at in cur new tmp .Folder/cur .Folder/tmp; do report "$at" >"tree/box/$at/1"; done
report index >tree/box/index
report index2 >tree/box/plain/dovecot.index
mkfifo tree/fifo
ln -s ../b.json tree/link
ln -s ../tree tree/loop
ln -s nowhere tree/dangling
is 'a directory' '[5,0,0,0]' "$(j "$all" tree)"
is 'a Maildir' '[3,0,0,0]' "$(j "$all" tree/box)"
is 'its folder' '[1,0,0,0]' "$(j "$all" tree/box/.Folder)"
is 'its folder, by a path with a slash' '[1,0,0,0]' "$(j "$all" tree/box/.Folder/)"
is 'its new mail' '[1,0,0,0]' "$(j "$all" tree/box/new)"
long=$(printf 'd%.0s' {1..200})
mkdir -p "far/$long/$long/$long/$long/$long" && : >"far/$long/$long/$long/$long/$long/file"
is 'a long path is named whole' "far/$long/$long/$long/$long/$long/file" "$("$MTASTS" --json report show far | jq -r '.rejected[0].file')"
t 'a long path is named whole, as text' 65 '.*' "mtasts: far/$long/$long/$long/$long/$long/file: empty" report show far
for i in $(seq 1200); do printf 'From a\nSubject: %s\n\nx\n\n' "$i"; done >none.mbox
is 'each message without a report is named' '[0,0,1200,0]' "$(j "$all" none.mbox)"
is 'each is named, as text' 1200 "$("$MTASTS" report show none.mbox 2>&1 >/dev/null | grep -c 'no TLS report')"
mkdir nothing
t 'an empty directory' 0 '.*' '' report show nothing
is 'an empty directory, JSON' '[0,0,0,0]' "$(j "$all" nothing)"
is 'arrays are there, also empty' '[]' "$(j '[.policies,.results,.sources,.reporters,.mx,.days,.domains] | add' nothing)"
is 'no report, no period' null "$(j .period nothing)"

# How a report is read: counts
count() { printf '.policies[0].summary."total-successful-session-count"=%s' "$1"; }
for value in '"12"=12' '-1=0' '1.5=0' '"x"=0' '""=0' 'null=0' 'true=0' '[]=0' '9007199254740992=0' '"9007199254740992"=0' '"9007199254740991"=9007199254740991'; do
  warned "a count ${value%=*}" "$(count "${value%=*}")" .successful "${value##*=}"
done
quiet 'the largest count' "$(count 9007199254740991)" .successful 9007199254740991
quiet 'none' "$(count 0)" .successful 0
warned 'a count left out' 'del(.policies[0].summary."total-failure-session-count")' .failed 0
for value in 1e3=1000 5.0=5 1.5e1=15 -0.0=0 1e-1=0; do
  report w | sed "s/\"total-successful-session-count\":9/\"total-successful-session-count\":${value%=*}/" >number
  is "a count ${value%=*}" "[${value#*=},1]" "$(j '[.successful,(.warnings|length)]' number)"
done
report w | sed 's/"total-successful-session-count":9/"total-successful-session-count":99999999999999999999999/' >huge
is 'a count that no integer holds' '[0,1]' "$(j '[.successful,(.warnings|length)]' huge)"
report w | sed 's/"total-successful-session-count":9/"total-successful-session-count":1e999/' >huge
is 'a count that no number holds' '[0,1]' "$(j '[.successful,(.warnings|length)]' huge)"
report w '.x="@"' | sed "s/\"@\"/[$(printf '1e999,99999999999999999999,%.0s' {1..50})-1e999]/" >huge
is 'very many numbers that are too large' '[1,0,0,0]' "$(j "$all" huge)"
{ for _ in $(seq 100); do report w '.x="@"' | sed 's/"@"/1e999/'; done; } >huge
is 'numbers that are too large, in many texts' '[1,99,0,0]' "$(j "$all" huge)"
printf '\\\\ud83d\\\\ude00 \\\\ud800 \\\\udc00\\\\ud83d' >halves
report w '."organization-name"="@"' | sed "s/@/$(cat halves)/" >halves.json
is 'halves of surrogate pairs' '["😀 � ��",1]' "$(j '[.reporters[0].organization,(.warnings|length)]' halves.json)"
# dates
dated() { printf '."date-range"."%s-datetime"="%s"' "$1" "$2"; }
quiet 'a date in small letters' "$(dated start 2026-03-01t00:00:00.123456789z)" .period.start '"2026-03-01T00:00:00Z"'
quiet 'an offset' "$(dated start 2026-03-01T01:00:00+02:00)" '[.period.start,.days[0].day]' '["2026-02-28T23:00:00Z","2026-02-28"]'
warned 'no zone' "$(dated start 2026-03-01T00:00:00)" .period.start '"2026-03-01T00:00:00Z"'
is 'a space for T, and no zone' 2 "$(report w "$(dated start '2026-03-01 00:00:00')" | j '.warnings|length' -)"
warned 'a space for T' "$(dated start '2026-03-01 00:00:00Z')" .period.start '"2026-03-01T00:00:00Z"'
warned 'no end' 'del(."date-range"."end-datetime")' .period.end '"2026-03-01T00:00:00Z"'
warned 'no start' "$(dated start soon)" '[.period.start,.days[0].day]' '["2026-03-01T23:59:59Z","2026-03-01"]'
warned 'end before start' "$(dated end 2026-02-27T00:00:00Z)" '[.period.end,.days[0].day]' '["2026-03-01T00:00:00Z","2026-03-01"]'
warned 'a day that is not there' "$(dated end 2026-02-30T00:00:00Z)" .period.end '"2026-03-01T00:00:00Z"'
quiet 'a week counts for its first day' "$(dated end 2026-03-07T00:00:00Z)" '[.days[].day]' '["2026-03-01"]'
# names
quiet 'a domain in capitals, a last dot' '.policies[0].policy."policy-domain"="EXAMPLE.Com."' '.domains[0].policy_domain' '"example.com"'
quiet 'an MX host in capitals' '.policies[0]."failure-details"[0]."receiving-mx-hostname"="MX.Example.com."' '.mx[0].receiving_mx_hostname' '"mx.example.com"'
quiet 'types in capitals, white space' '.policies[0].policy."policy-type"=" STS\n" | .policies[0]."failure-details"[0]."result-type"=" Certificate-Expired "' '[.policies[0].policy_type,.results[0].result_type]' '["sts","certificate-expired"]'
quiet 'strings that are none' '."organization-name"=7 | .policies[0].policy."policy-domain"=null | del(.policies[0]."failure-details"[0]."sending-mta-ip") | .policies[0]."failure-details"[0]."receiving-mx-hostname"=[]' \
  '[.reporters[0].organization,.domains[0].policy_domain,.sources[0].sending_mta_ip,.mx[0].receiving_mx_hostname]' '["","","",""]'
warned 'an unknown result' '.policies[0]."failure-details"[0]."result-type"="New-Thing"' '.results[0].result_type' '"new-thing"'
warned 'no result' 'del(.policies[0]."failure-details"[0]."result-type")' '.results[0].result_type' '""'
warned 'an unknown policy type' '.policies[0].policy."policy-type"="other"' '.policies[0].policy_type' '"other"'
warned 'no policy type' 'del(.policies[0].policy."policy-type")' '.policies[0].policy_type' '""'
warned 'a misspelled MX host' '.policies[0]."failure-details"[0] |= (."receiving-mx-host-name"=."receiving-mx-hostname" | del(."receiving-mx-hostname"))' '.mx[0].receiving_mx_hostname' '"mx.example.com"'
warned 'a misspelled MX host beside null' '.policies[0]."failure-details"[0] |= (."receiving-mx-host-name"="Other." | ."receiving-mx-hostname"=null)' '.mx[0].receiving_mx_hostname' '"other"'
for address in 2001:DB8:0:0:0:0:0:1=2001:db8::1 2001:db8:0:1:1:1:1:1=2001:db8:0:1:1:1:1:1 192.0.2.7=192.0.2.7 ::FFFF:192.0.2.1=::ffff:192.0.2.1 192.0.2.07=192.0.2.07 '[2001:DB8::1]=[2001:DB8::1]' 2001:0db8::0001=2001:db8::1; do
  quiet "the address ${address%=*}" ".policies[0].\"failure-details\"[0].\"sending-mta-ip\"=\"${address%=*}\"" '.sources[0].sending_mta_ip' "\"${address##*=}\""
done
# shapes
for shape in 'null=null' '"mode: testing"="testing"' '["a","mode: none"]="none"' '[]=null' '"version: STSv1\nmode: testing\n"="testing"' 'del=null'; do
  change=".policies[0].policy.\"policy-string\"=${shape%=*}"
  [ "${shape%=*}" != del ] || change='del(.policies[0].policy."policy-string")'
  quiet "policy-string ${shape%=*}" "$change" '.policies[0].mode' "${shape##*=}"
done
quiet 'policies as an object' '.policies|=.[0]' '[.successful,.failed]' '[9,1]'
quiet 'details as an object' '.policies[0]."failure-details"|=.[0]' '.results[0].sessions' 1
for details in null '"none"' '[]' ''; do
  change=".policies[0].\"failure-details\"=$details"
  [ -n "$details" ] || change='del(.policies[0]."failure-details")'
  quiet "details ${details:-left out}" "$change" '[.failed,(.results|length)]' '[1,0]'
done
quiet 'optional keys left out, unknown ones' 'del(."contact-info",.policies[0].policy."mx-host") | .x={"y":1}' .failed 1
quiet 'no policies at all' '.policies=[]' '[.reporters[0].organization,(.policies|length)]' '["Org",0]'
quiet 'an escaped NUL' '."organization-name"="a\u0000b"' '.reporters[0].organization' '"a\u0000b"'
report w | sed 's/"Org"/"O\xff\xe2\x82g"/' >bytes
is 'bytes that are no UTF-8' '["O��g",1]' "$(j '[.reporters[0].organization,(.warnings|length)]' bytes | sed 's/���/��/')"
report w '.policies[0].policy."policy-domain"=null' >undomained
{ printf 'TLS-Report-Domain: Example.NET\n\n'; cat undomained; } >undomained.mail
is 'the domain of the mail' '["example.net",1]' "$(j '[.domains[0].policy_domain,(.warnings|length)]' undomained.mail)"

# Duplicates
is 'the same report in each wrapping' '[1,4,0,0]' "$(j "$all" a.json a.gz mail twice.gz a.json)"
is 'the same with the domain of the mail' '[1,1]' "$(j '[.reports,.duplicates]' undomained undomained.mail)"
jq -S . a.json >sorted
is 'the same in another order of keys' '[1,1,0,0]' "$(j "$all" a.json sorted)"
report a "$(dated end 2026-03-02T00:00:00Z)" >range
report a '.policies[0].policy."policy-domain"="example.org"' >other
report a '."organization-name"="Other"' >org
is 'the same id, another report' '[4,0,0,0]' "$(j "$all" a.json range other org)"
report '' 'del(."report-id")' >none1
report '' 'del(."report-id") | ."contact-info"="b"' >none2
is 'without an id' '[2,1,0,0]' "$(j "$all" none1 none2 none1)"
is 'a duplicate counts nowhere' '[9,1]' "$(j '[.successful,.failed]' a.json a.gz)"

# Filters
report f1 "$(dated start 2026-03-02T23:59:59Z) | .policies[0].policy.\"policy-domain\"=\"Mail.Example.ORG\" | .policies[0].summary.\"total-failure-session-count\"=0 | .policies[0].\"failure-details\"=[]" >f1.json
is 'since' 1 "$(j .reports --since 2026-03-02 a.json f1.json)"
is 'until' 1 "$(j .reports --until 2026-03-01 a.json f1.json)"
is 'since and until are included' 2 "$(j .reports --since 2026-03-01 --until 2026-03-02 a.json f1.json)"
is 'nothing left' '[0,0]' "$(j '[.reports,.successful]' --since 2026-04-01 a.json f1.json)"
t 'nothing left is no error' 0 '.*' '' report show --since 2026-04-01 a.json
is 'a domain and those below it' '["mail.example.org"]' "$(j '[.domains[].policy_domain]' --domain eXample.org a.json f1.json)"
is 'not a domain of the same end' 0 "$(j .reports --domain ple.org a.json f1.json)"
is 'failures' '[1,9]' "$(j '[.reports,.successful]' --failures a.json f1.json)"
report f2 '.policies += [.policies[0] | .policy."policy-domain"="clean.example" | .summary."total-failure-session-count"=0 | ."failure-details"=[]]' >f2.json
is 'failures, by policy' '["example.com"]' "$(j '[.domains[].policy_domain]' --failures f2.json)"
is 'duplicates go before filters' '[0,1]' "$(j '[.reports,.duplicates]' --since 2027-01-01 a.json a.gz)"

# Order, saturation
report o1 '.policies[0].policy."policy-domain"="b.example"' >o1
report o2 '.policies[0].policy."policy-domain"="a.example"' >o2
report o3 '.policies[0].policy."policy-domain"="z.example" | .policies[0].summary."total-successful-session-count"=100' >o3
is 'largest first, then by name' '["z.example","a.example","b.example"]' "$(j '[.domains[].policy_domain]' o1 o2 o3)"
report m1 '.policies[0].policy."policy-string"="mode: testing"' >m1
report m2 "$(dated start 2026-03-05T00:00:00Z) | $(dated end 2026-03-06T00:00:00Z)" >m2
is 'the mode of the newest report' '"enforce"' "$(j '.policies[0].mode' m2 m1)"
for _ in $(seq 1100); do printf '%s' '{"policy":{"policy-type":"sts","policy-domain":"x"},"summary":{"total-successful-session-count":9007199254740991,"total-failure-session-count":0}},'; done |
  sed 's/^/{"date-range":{"start-datetime":"2026-03-01T00:00:00Z","end-datetime":"2026-03-01T00:00:00Z"},"policies":[/;s/,$/]}/' >saturated
is 'sums stop' 9223372036854775807 "$("$MTASTS" --json report show saturated | grep -oE '"successful":[0-9]+' | sort -u | grep -oE '[0-9]+')"

# Exit status
t 'without FILE' 64 '' "$(one '')" report show
for wrong in '--since x' '--since 2026-02-30' '--until 2026-3-1' '--by nothing' '--fail-over x' '--fail-over 101' '--fail-over 100.1' '--fail-over -1' '--fail-over 1.' '--csv --json' '--nosuch'; do
  # shellcheck disable=SC2086 # words
  t "usage: $wrong" 64 '' "$(one '')" report show $wrong a.json
done
t 'a file that is missing, the others shown' 66 "$(has 'reports +1')" "$(one 'nosuch: no such file')" report show nosuch a.json
t 'a file that is missing, alone' 66 '.*' "$(one 'nosuch: no such file')" report show nosuch
t 'a rejected file beside a report' 0 "$(has reports)" "$(one empty)" report show a.json empty
t 'a page that cannot be created' 73 '.*' "$(one 'nosuch/page.html: cannot be created')" report show --html nosuch/page.html a.json
report p '.policies[0].summary={"total-successful-session-count":93,"total-failure-session-count":7}' >p.json
for rate in 7=0 7.0=0 6.99=1 0=1 100=0 7.0000001=0 6.999999999999=1; do
  t "fail over ${rate%=*}" "${rate##*=}" '.*' '' report show --fail-over "${rate%=*}" p.json
done
t 'fail over, without a session' 0 '.*' '' report show --fail-over 0 nothing

# Text
newline=$'\n'
t 'an overview' 0 "$(has '2026-03-01.*reports +1.*reporters +1.*successful +9.*failed +1.*90\.0 %.*certificate-expired +1')" '' report show a.json
for by in result=certificate-expired source=192.0.2.1 reporter=Org mx=mx.example.com day=2026-03-01 domain=example.com; do
  t "by ${by%=*}" 0 "$(has "$newline  ${by##*=} ")" '' report show --by "${by%=*}" a.json
done
for type in starttls-not-supported certificate-host-mismatch certificate-expired certificate-not-trusted validation-failure tlsa-invalid dnssec-invalid dane-required sts-policy-fetch-error sts-policy-invalid sts-webpki-invalid; do
  report "$type" ".policies[0].\"failure-details\"[0].\"result-type\"=\"$type\"" >"type-$type"
done
is 'each result type has its meaning and remedy' 0 "$("$MTASTS" report show --by result type-* | awk '/^  [a-z]/ && !/^      / { if (name && lines < 2) bad++; name = $1; lines = 0 } /^      / { lines++ } END { print bad + 0 }')"
wide='import sys, unicodedata
def columns(line): return sum(2 if unicodedata.east_asian_width(c) in "WF" else not unicodedata.combining(c) for c in line)
print(sum(columns(line.rstrip("\n")) > 80 for line in open(0, encoding="utf-8")))'
long=$(printf 'x%.0s' {1..300})
report long ".\"organization-name\"=\"$long\" | .policies[0].policy.\"policy-domain\"=\"$long\" | .policies[0].summary.\"total-successful-session-count\"=9007199254740991 | .policies[0].\"failure-details\"[0] |= (.\"result-type\"=\"$long\" | .\"receiving-mx-hostname\"=\"日本語$long\" | .\"sending-mta-ip\"=\"$long\")" >long
for by in '' result source reporter mx day domain; do
  for locale in C C.UTF-8; do
    is "80 columns: $by $locale" 0 "$(LC_ALL=$locale "$MTASTS" report show ${by:+--by $by} long saturated tree 2>/dev/null | python3 -c "$wide")"
  done
  is "ASCII: $by" '' "$(LC_ALL=C "$MTASTS" report show ${by:+--by $by} long tree 2>/dev/null | LC_ALL=C grep -n '[^ -~]')"
done

# What a report says never controls a terminal, a spreadsheet or a page.
report evil '(."organization-name",.policies[0].policy."policy-domain",.policies[0]."failure-details"[0]["result-type","sending-mta-ip","receiving-mx-hostname"]) = "x\u001b[31m\u0007\u007f\u009b\r\ny\u202e\u2066\u2029<script>\"&'"'"'"' >evil
evil='[\x00-\x09\x0b-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80[\xa8-\xae]|\xe2\x81[\xa6-\xa9]'
for locale in C C.UTF-8; do
  for by in '' result source reporter mx day domain; do
    for form in '' --csv; do
      # shellcheck disable=SC2086 # words
      is "no control character: $locale $by $form" '' "$(LC_ALL=$locale "$MTASTS" report show ${by:+--by $by} $form evil 2>&1 | LC_ALL=C grep -nP "$evil")"
    done
  done
done
"$MTASTS" report show --html evil.html evil >/dev/null 2>&1
is 'no control character: HTML' '' "$(LC_ALL=C grep -nP "$evil" evil.html)"
is 'every string is text' 0 "$(grep -c '<script' evil.html)"
t 'a rejected name with control characters' 66 '.*' "$(one 'no such file')" report show $'no\e[31m\nsuch'
is 'JSON has escapes only' '' "$("$MTASTS" --json report show evil | LC_ALL=C grep -nP '[\x00-\x09\x0b-\x1f\x7f]|\xc2[\x80-\x9f]')"
is 'JSON has the strings, byte for byte' "$(jq -r '."organization-name"' evil | sha256sum)" "$("$MTASTS" --json report show evil 2>/dev/null | jq -r '.reporters[0].organization' | sha256sum)"

# Colours on a terminal alone
if command -v script >/dev/null; then
  for state in TERM=xterm=yes TERM=dumb=no 'TERM=xterm NO_COLOR=1=no'; do
    is "colours: ${state%=*}" "${state##*=}" "$(script -qec "env ${state%=*} $MTASTS report show a.json" /dev/null | grep -q $'\e' && echo yes || echo no)"
  done
  is 'colours: --no-color' no "$(script -qec "env TERM=xterm $MTASTS --no-color report show a.json" /dev/null | grep -q $'\e' && echo yes || echo no)"
fi

# CSV
t 'CSV' 0 $'start,end,organization,report_id,policy_domain,policy_type,successful,failed\n2026-03-01T00:00:00Z,2026-03-01T23:59:59Z,Org,a,example.com,sts,9,1' '' report show --csv a.json
for by in result=result_type,sessions source=sending_mta_ip,sessions mx=receiving_mx_hostname,sessions reporter=organization,successful,failed day=day,successful,failed domain=policy_domain,successful,failed; do
  is "CSV by ${by%%=*}" "${by#*=}" "$("$MTASTS" report show --csv --by "${by%%=*}" a.json | head -n 1)"
done
for cell in '=1+1' '+1' '-1' '@x'; do
  report c ".\"organization-name\"=\"$cell\"" >cell
  is "CSV, no formula: $cell" "'$cell" "$("$MTASTS" report show --csv cell | sed 1d | cut -d, -f3)"
done
report c '."organization-name"="a, \"b\""' >cell
is 'CSV, quotes' '"a, ""b"""' "$("$MTASTS" report show --csv --by reporter cell | sed 1d | sed 's/,9,1$//')"

# HTML
t 'a page beside the text' 0 "$(has 'reports +1')" '' report show --html page.html a.json
is 'nothing beside the page' page.html "$(echo page.html*)"
cat >page.py <<'P'
import html.parser, sys
VOID = {"meta", "br", "link", "img", "hr", "input"}
class Page(html.parser.HTMLParser):
    def __init__(self):
        super().__init__(); self.open = []; self.bad = []; self.days = 0
    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.days += attrs.get("class") == "day" and tag == "g"
        if tag in ("script", "form", "iframe", "object", "embed", "link", "a") or any(a.startswith("on") for a in attrs):
            self.bad.append(tag)
        if any("http" in (v or "") for a, v in attrs.items() if a not in ("xmlns", "http-equiv")):
            self.bad.append(str(attrs))
        if tag not in VOID: self.open.append(tag)
    def handle_startendtag(self, tag, attrs): self.handle_starttag(tag, attrs); tag in VOID or self.open.pop()
    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag: self.bad.append("/" + tag)
page = Page(); page.feed(open(sys.argv[1], encoding="utf-8").read()); page.close()
print(page.days, page.open, page.bad)
P
"$MTASTS" report show --html days.html a.json f1.json evil m2 >/dev/null 2>&1
is 'a page: every element closed, a mark a day' '3 [] []' "$(python3 page.py days.html)"
for words in '<!DOCTYPE html>' 'lang="' '<meta charset="utf-8"' '<title>TLS' 'name="viewport"' "default-src 'none'" '<svg role="img" aria-label=' '<th scope="col"' '<th scope="row"' 'prefers-color-scheme: dark' '@media print'; do
  is "a page has $words" 1 "$(grep -cFm1 -- "$words" days.html)"
done
t 'a page of nothing' 0 '.*' '' report show --html none.html nothing
is 'a page of nothing, closed' '0 [] []' "$(python3 page.py none.html)"
mkdir pages
t 'a page for each domain' 0 '.*' "$(one 'is unknown')" report show --html pages a.json f2.json evil
is 'their names' 'clean.example.html example.com.html index.html' "$(cd pages && echo [!d]*)"
"$MTASTS" report show --failures --html failing/ f2.json >/dev/null
is 'pages of domains with failures' 'example.com.html index.html' "$(cd failing && echo *)"
cd "$dir" || exit 74
