# shellcheck shell=bash disable=SC2154,SC2012,SC2011,SC2034,SC2046 # read by tests/tool/run.sh, whose t, is, has, one and dir it uses
# mtasts publish: the options, what is refused, the files, their modes, and when the id changes. The web servers
# themselves are in the lab's part `publish`.

mkdir "$dir/publish" && cd "$dir/publish" || exit 74
P=(publish --domain example.com --mode testing --dir tree)
txt=tree/example.com/www/.well-known/mta-sts.txt
tree() { find tree -mindepth 1 -printf '%y%m %P\n' | sort -k2; }
published_id() { sed -n 's/.*v=STSv1; id=\([0-9A-Za-z]*\);.*/\1/p' tree/example.com/dns.zone; }
p() { "$MTASTS" "${P[@]}" "$@"; }
# nothing WHAT CODE WORD ARGUMENT…: refused with one line, and nothing is written
nothing() {
  local what=$1 code=$2 word=$3
  shift 3
  rm -rf tree
  t "$what" "$code" '' "$(one "$word")" "$@"
  is "$what: nothing is written" '' "$(ls -A tree 2>/dev/null)"
}

# What there is
(umask 077 && "$MTASTS" "${P[@]}" --mx mx.example.com >out)
is 'the files, and their modes' "d755 example.com
f644 example.com/Caddyfile
f644 example.com/apache.conf
f644 example.com/dns.nsupdate
f644 example.com/dns.txt
f644 example.com/dns.zone
f644 example.com/lighttpd.conf
f644 example.com/nginx.conf
f644 example.com/plan.txt
d755 example.com/www
d755 example.com/www/.well-known
f644 example.com/www/.well-known/mta-sts.txt" "$(tree)"
is 'the mode of DIR itself' 755 "$(stat -c %a tree)"
is 'the policy' $'version: STSv1\r\nmode: testing\r\nmx: mx.example.com\r\nmax_age: 604800\r' "$(<"$txt")"
(umask 000 && p --mx other.example >out)
is 'without an umask' '' "$(tree | grep -v -e '^d755' -e '^f644')"
t 'it parses without a warning' 0 "$(has '"warnings":\[\]')" '' --json policy parse "$txt"

# The DNS lines
rm -rf tree
p --mx mx.example.com --tlsrpt mailto:a@example.com https://r.example.com/v1 --web 192.0.2.1 2001:DB8::1 --ttl 60 >out
is 'dns.zone' "_mta-sts.example.com. 60 IN TXT \"v=STSv1; id=$(published_id);\"
_smtp._tls.example.com. 60 IN TXT \"v=TLSRPTv1; rua=mailto:a@example.com,https://r.example.com/v1\"
mta-sts.example.com. 60 IN A 192.0.2.1
mta-sts.example.com. 60 IN AAAA 2001:db8::1" "$(<tree/example.com/dns.zone)"
is 'dns.txt' "_mta-sts.example.com	TXT	v=STSv1; id=$(published_id);
_smtp._tls.example.com	TXT	v=TLSRPTv1; rua=mailto:a@example.com,https://r.example.com/v1
mta-sts.example.com	A	192.0.2.1
mta-sts.example.com	AAAA	2001:db8::1" "$(<tree/example.com/dns.txt)"
is 'dns.nsupdate: what is there goes first' 'add _mta-sts TXT:CNAME TXT, add _smtp TXT:CNAME TXT, add mta-sts A:CNAME A AAAA, add mta-sts AAAA:, send' \
  "$(awk '$2 == "delete" { sub(/\..*/, "", $3); gone = gone (gone ? " " : "") $4 }
    $2 == "add" { sub(/\..*/, "", $3); printf "add %s %s:%s, ", $3, $6, gone; gone = "" }
    $1 == "send" { print }' tree/example.com/dns.nsupdate)"
p --mx mx.example.com --web Web.Example.NET. >out
is 'an alias for the policy host' 'mta-sts.example.com. 3600 IN CNAME web.example.net.' "$(grep -v STSv1 tree/example.com/dns.zone)"
uris=()
for ((i = 10; i < 30; i++)); do uris+=("mailto:tls-reports-$i@reports.example.com"); done
p --mx mx.example.com --tlsrpt "${uris[@]}" >out
is 'a long record is split into strings' "v=TLSRPTv1; rua=$(IFS=,; echo "${uris[*]}")" \
  "$(sed -n 's/.*TXT "\(v=TLSRPT.*\)"/\1/p' tree/example.com/dns.zone | sed 's/" "//g')"
is 'none is too long' '' "$(grep -o '"[^"]*"' tree/example.com/dns.zone | awk 'length > 257')"

# Paths
is 'DIR is absolute in what it writes' "$PWD/tree/example.com/www" "$(sed -n 's/.*root \(.*\);/\1/p' tree/example.com/nginx.conf)"
is 'the certificate' /etc/letsencrypt/live/mta-sts.example.com/fullchain.pem "$(sed -n 's/.*ssl_certificate \(.*\);/\1/p' tree/example.com/nginx.conf)"
is 'Caddy has its own' 0 "$(grep -c '^.tls' tree/example.com/Caddyfile)"
p --mx mx.example.com --cert 'c/{host}/{host}.pem' --key /k.pem >out
is 'a given one' "	tls $PWD/c/mta-sts.example.com/mta-sts.example.com.pem /k.pem" "$(grep tls tree/example.com/Caddyfile)"
# shellcheck disable=SC2016 # they are not to be expanded
for path in 'a b' $'a\tb' $'a\nb' 'a"b' "a'b" 'a`b' 'a{b' 'a}b' '{host}' 'a$b' 'a;b' 'a\b' 'a*b' $'a\u00a0b' $'a\xffb'; do
  nothing "a path: $path" 65 'the path may have' publish --domain example.com --mode none --dir "tree/$path"
  [ "$path" = '{host}' ] || nothing "a path of --cert: $path" 65 'the path may have' "${P[@]}" --mx a.example --cert "$path" --key k
  [ "$path" = '{host}' ] || nothing "a path of --key: $path" 65 'the path may have' "${P[@]}" --mx a.example --cert c --key "/$path"
done
mkdir 'with space' && cd 'with space' || exit 74
t 'a relative path below one with a space' 65 '' "$(one 'the path may have')" "${P[@]}" --mx a.example
cd ..
t 'a path of UTF-8' 0 "$(has 'new')" '' publish --domain example.com --mode none --dir $'tr\u00e4e'

# The id
rm -rf tree
p --mx a.example b.example >out
first=$(published_id)
is 'an id' 1 "$(grep -cxE '[0-9A-Za-z]{1,32}' <<<"$first")"
touch -d '2020-01-01' "$txt" tree/example.com/nginx.conf
t 'the same once more' 0 "$(has '"id":"'"$first"'","changed":false')" '' --json "${P[@]}" --mx B.example. --mx a.example b.example
is 'the file is left alone' "$first 2020" "$(published_id) $(date -r "$txt" +%Y)"
is 'and so is a file without a change' 2020 "$(date -r tree/example.com/nginx.conf +%Y)"
for change in '--ttl 5' '--tlsrpt mailto:a@b.example' '--web 192.0.2.9' '--cert /c --key /k' '--provider sts.example'; do
  # shellcheck disable=SC2086 # a list of words
  "$MTASTS" "${P[@]}" --mx a.example b.example $change >out
  is "no new id: $change" "$first" "$(published_id)"
done
is 'the file is left alone then, too' 2020 "$(date -r "$txt" +%Y)"
seen=$first
for change in '--mx a.example' '--mx a.example b.example' '--mx a.example --max-age 1' '--mx a.example --max-age 2' \
  '--mx a.example --mode none' '--mx a.example c.example --mode none' '--mode none' '--mx a.example b.example'; do
  # shellcheck disable=SC2086 # a list of words
  "$MTASTS" --json "${P[@]}" $change >out
  is "a new id: $change" 'true 0' "$(jq -r .changed out) $(grep -cw "$(published_id)" <<<"$seen")"
  seen+=" $(published_id)"
done
is 'all of them differ, and in order' 9 "$(tr ' ' '\n' <<<"$seen" | sort -cu && wc -w <<<"$seen")"
sed -i 's/testing/none/' "$txt"
before=$(published_id)
p --mx a.example b.example >out
is 'a file that somebody changed' "1 1" "$([ "$before" != "$(published_id)" ] && echo 1) $(grep -c testing "$txt")"
before=$(published_id)
printf 'max_age:604800\nmode: testing\nversion: STSv1\nmx: B.example\nmx: a.example\nmx: a.example' >"$txt"
p --mx a.example b.example >out
is 'the same in other words' "$before 5" "$(published_id) $(wc -l <"$txt")"
rm "$txt"
p --mx a.example b.example >out
is 'a file that is gone' 1 "$([ "$before" != "$(published_id)" ] && echo 1)"
sed -i 's/id=[0-9T]*/id=20991231T235959999999/' tree/example.com/dns.*
p --mx a.example >out
is 'a clock that went back' 21000101T000000000000 "$(published_id)"
rm tree/example.com/dns.zone
p --mx a.example >out
is 'the id of another file' 21000101T000000000000 "$(published_id)"
rm tree/example.com/dns.*
p --mx a.example >out
is 'an id that nothing knows any more' 1 "$([ -n "$(published_id)" ] && [ "$(published_id)" != 21000101T000000000000 ] && echo 1)"
# Ended between the policy and the DNS lines: the record still names the policy before.
before=$(published_id)
cp tree/example.com/dns.zone tree/example.com/.dns.zone.new
sed -i 's/id=2/id=3/' tree/example.com/.dns.zone.new
p --mx a.example >out
is 'a call that was interrupted' 1 "$([ "$before" != "$(published_id)" ] && echo 1)"
is 'nothing else is left' '' "$(find tree -name '.*.new')"

# Links and other things in the place of files
rm -rf tree elsewhere
mkdir elsewhere
p --mx a.example >out
echo precious >elsewhere/file
ln -sf ../../elsewhere/file tree/example.com/dns.zone
ln -sf ../../elsewhere/nothing tree/example.com/plan.txt
mv "$txt" elsewhere/policy
ln -s ../../../../elsewhere/policy "$txt"
before=$(published_id)
p --mx a.example >out
is 'links are replaced' '' "$(find tree -type l)"
is 'and not followed' 'precious: file policy ' "$(<elsewhere/file): $(ls elsewhere | tr '\n' ' ')"
for link in example.com example.com/www example.com/www/.well-known; do
  rm -rf "tree/$link" elsewhere/*
  mkdir -p "tree/$(dirname "$link")"
  ln -s "$PWD/elsewhere" "tree/$link"
  p --mx a.example >out
  is "a link in the place of a directory: $link" ' directory' "$(ls elsewhere) $(stat -c %F "tree/$link")"
done
rm tree/example.com/nginx.conf && mkdir tree/example.com/nginx.conf
before=$(published_id)
t 'a directory in the place of a file' 73 '' "$(one 'nginx.conf: Is a directory')" "${P[@]}" --mx new.example
is 'then nothing changed' "$before 0 " "$(published_id) $(grep -c new.example "$txt") $(find tree -name '.*.new')"
rm -rf tree && mkdir tree && echo file >tree/example.com
t 'a file in the place of the directory' 73 '' "$(one 'example.com: Not a directory')" "${P[@]}" --mx a.example
rm -rf tree && echo file >tree
t 'DIR is a file' 73 '' "$(one tree)" "${P[@]}" --mx a.example
rm -rf tree
t 'DIR below a file' 73 '' "$(one 'Not a directory')" publish --domain example.com --mode none --dir out/tree
t 'DIR and what is above it are made' 0 "$(has new)" '' publish --domain example.com --mode none --dir tree/a/b
is 'with their modes' '755 755 755' "$(stat -c %a tree tree/a tree/a/b | xargs)"
if [ "$(id -u)" = 0 ]; then
  rm -rf tree && mkdir tree && chmod 555 tree && chmod 755 "$dir" "$dir/publish"
  as=(setpriv --reuid 65534 --regid 65534 --clear-groups)
  t 'no permission' 77 '' "$(one 'Permission denied')" "${P[@]}" --mx a.example
  as=()
fi
if mkdir full && unshare -nm mount -t tmpfs none full 2>/dev/null; then
  is 'a full disk' '74 0' "$(unshare -nm bash -c "mount -t tmpfs -o size=32k,nr_inodes=64 tmpfs full && cd full && head -c 24k /dev/zero >fill &&
    '$MTASTS' ${P[*]} --mx a.example >/dev/null 2>../err; echo \$? \$(find tree -type f | wc -l)")"
fi

# Usage, and malformed values
nothing 'no domain' 64 '--domain or --file' publish --mode none --dir tree
nothing 'two' 64 'do not go together' publish --domain a.example --file list --mode none --dir tree
nothing 'no mode' 64 '--mode is missing' publish --domain a.example --dir tree
nothing 'no such mode' 64 'Testing: no such mode' publish --domain a.example --mode Testing --dir tree
nothing 'no directory' 64 '--dir is missing' publish --domain a.example --mode none
nothing 'no patterns' 64 'needs --mx' "${P[@]}"
nothing 'a stray word' 64 'too many' "${P[@]}" --mx a.example --ttl 5 b.example
nothing '--cert alone' 64 'go together' "${P[@]}" --mx a.example --cert /c
for pattern in '*' 'a.*.example' '192.0.2.1' 'a b' 'bücher.example' $'a\n.example'; do
  nothing "a pattern: $pattern" 65 'not an mx pattern' "${P[@]}" --mx good.example "$pattern"
done
for value in 31557601 99999999999999999999 -1 1w '1 ' 0x10; do
  nothing "a max_age: $value" 65 '--max-age is' "${P[@]}" --mx a.example "--max-age=$value"
done
for value in 2147483648 -1 1h; do nothing "a TTL: $value" 65 '--ttl is' "${P[@]}" --mx a.example "--ttl=$value"; done
for domain in a..example '[192.0.2.1]' 192.0.2.1 a.example:25 .a.example ../a 'a/b' 'a b' under_score.example \
  "$(printf 'a%.0s' {1..64}).example" "$(printf 'a.%.0s' {1..121})example"; do
  nothing "a domain: $domain" 65 '' publish --domain "$domain" --mode none --dir tree
done
for uri in a@b.example mailto: mailto:a mailto:a@b 'mailto:a@b.example!10m' 'mailto:a@b.example,mailto:c@d.example' http://r.example/ \
  https:// ftp://r.example/ 'mailto:a@b.example;' 'https://r.example/a b' 'https://r.example/"'; do
  nothing "a URI: $uri" 65 '' "${P[@]}" --mx a.example --tlsrpt mailto:good@b.example "$uri"
done
for web in 192.0.2.256 192.0.2 2001:db8::g '[2001:db8::1]' a..example under_score.example mta-sts.example.com 'a b'; do
  nothing "an address: $web" 65 '' "${P[@]}" --mx a.example --web "$web"
done
nothing 'an address and a name' 65 'one host name alone' "${P[@]}" --mx a.example --web 192.0.2.1 web.example
nothing 'two names' 65 'one host name alone' "${P[@]}" --mx a.example --web a.example web.example
nothing 'a policy that is too long' 65 'example.com' "${P[@]}" --mx $(printf 'a-long-label-%d.of-many.mail-hosts.example ' {1..1500})
nothing 'bytes are made visible' 65 'a\\x1b\[1m: not' publish --domain $'a\e[1m' --mode none --dir tree

# LIST
rm -rf tree
printf '\xef\xbb\xbf# customers\r\n\r\nOne.example. own.example *.own.example # a remark\r\n\ttwo.example\t\r\nbücher.example#\nlast.example' >list
t 'a list' 0 "$(has '"one.example".*own.example","\*.own.example.*"two.example".*"common.example".*"xn--bcher-kva.example".*"last.example"')" '' \
  --json publish --file list --mode testing --dir tree --mx common.example
is 'a directory each' 'last.example one.example two.example xn--bcher-kva.example' "$(ls tree | xargs)"
t 'a list on standard input' 0 "$(has 'two.example')" '' publish --file - --mode none --dir tree < <(echo two.example)
L=(publish --file list --mode testing --dir tree --mx a.example)
printf 'a.example\nb.example\n\n*.c.example\n' >list && nothing 'a bad domain in a list' 65 'list: line 4: \*.c.example' "${L[@]}"
printf 'a.example\nb.example m..x # x\n' >list && nothing 'a bad pattern in a list' 65 'list: line 2: m\.\.x' "${L[@]}"
printf 'a.example\nB.example\nb.example.\n' >list && nothing 'a domain twice' 65 'list: line 3: b.example: .*line 2' "${L[@]}"
printf 'a.example mx.example\nb.example\n' >list && nothing 'a domain without patterns' 65 'list: line 2: b.example' publish --file list --mode testing --dir tree
printf 'a.example\nb\x00.example\n' >list && nothing 'a NUL in a list' 65 'list: line 2' "${L[@]}"
printf 'a.example x.example\n' >list && nothing 'a bad --mx beside a list' 65 'a\.\.b: not an mx' publish --file list --mode testing --dir tree --mx a..b
printf 'a.example\nmta-sts.example\n' >list && nothing 'a name that is its own alias' 65 'list: line 2' "${L[@]}" --web mta-sts.mta-sts.example
nothing 'no such list' 66 'nothing: No such file' publish --file nothing --mode none --dir tree
nothing 'a directory' 74 'Is a directory' publish --file . --mode none --dir tree

# A provider's zone
rm -rf tree
p --mx a.example --provider STS.provider.example --tlsrpt mailto:a@b.example --web 192.0.2.1 >out
is 'the provider sets records' "_mta-sts.example.com.sts.provider.example. 3600 IN TXT \"v=STSv1; id=$(published_id);\"
_smtp._tls.example.com.sts.provider.example. 3600 IN TXT \"v=TLSRPTv1; rua=mailto:a@b.example\"
mta-sts.example.com.sts.provider.example. 3600 IN A 192.0.2.1" "$(<tree/example.com/dns.zone)"
is 'the customer sets aliases' "_mta-sts.example.com	CNAME	_mta-sts.example.com.sts.provider.example
_smtp._tls.example.com	CNAME	_smtp._tls.example.com.sts.provider.example
mta-sts.example.com	CNAME	mta-sts.example.com.sts.provider.example" "$(<tree/example.com/dns.txt)"

# The plan
rm -rf tree
p --mx a.example >out
today=$(published_id | sed 's/\(....\)\(..\)\(..\)T.*/\1-\2-\3/')
t 'the plan names its days' 0 '.*' '' --version
is 'testing since today, enforce in two weeks' "$today $(date -d "$today + 14 days" +%F)" \
  "$(sed -n 's/.*mode testing since //p; s/^Step 3, not before \(.*\): .*/\1/p' tree/example.com/plan.txt | xargs)"
cp tree/example.com/plan.txt plan
p --mx a.example >out
is 'it stays until the policy changes' '' "$(diff plan tree/example.com/plan.txt)"

# serve-ask
t 'serve-ask without a directory' 64 '' "$(one '--dir is missing')" publish serve-ask
t 'serve-ask of no directory' 66 '' "$(one 'no such directory')" publish serve-ask --dir nowhere
for listen in 192.0.2.1:80 0.0.0.0:80 localhost:80 127.0.0.1 unix:/x '[2001:db8::1]:80'; do
  t "serve-ask at $listen" 65 '' "$(one 'no loopback address')" publish serve-ask --dir tree --listen "$listen"
done
cd "$dir" || exit 74
