# What `mtasts publish` writes, in the real web servers: each accepts its snippets by its own checker, and serves
# the policies and nothing else. The servers run in a network of their own, where port 443 is free.
# shellcheck shell=bash

tree=$LAB_DIR/published
site=$LAB_DIR/site
long=a-name-that-no-hash-table-of-nginx-has-room-for.example # 64 bytes with mta-sts., the most of the lab's certificates
domains=(one.example two.example xn--bcher-kva.example "$long")
for ((i = 0; i < 20; i++)); do domains+=("customer-with-a-long-name-$i.several.labels.example"); done
mkdir -p "$site"/{certs,own}
echo '<p>the site' >"$site/own/index.html"
mkdir -p "$site/own/known"
echo 'of the site' >"$site/own/known/mta-sts.txt"
for domain in "${domains[@]}"; do echo "mta-sts.$domain"; done | "$LAB_TOOLS/certs" "$site/certs"
printf '%s\n' "${domains[@]/%/ mx.here.example # a customer}" >"$site/list"
mtasts publish --file "$site/list" --mode testing --dir "$tree" --cert "$site/certs/{host}.crt" \
  --key "$site/certs/{host}.key" >"$LAB_DIR/out" 2>&1
check 'all are published' 0 $?

# Each site has set types of its own, and lists directories. What it has set for all hosts, such as an alias of
# /.well-known or a password, must not count for the policy hosts.
cat >"$site/nginx" <<END
user root;
pid $site/nginx.pid;
error_log stderr;
events { }
http {
  access_log off;
  types { text/html html txt; }
  default_type application/octet-stream;
  autoindex on;
  root $site/own;
  auth_basic "the site";
  auth_basic_user_file /dev/null;
  deny all;
  include $tree/*/nginx.conf;
}
END
modules=/usr/lib/apache2/modules
cat >"$site/apache" <<END
ServerName localhost
ServerRoot $site
PidFile $site/apache.pid
Mutex file:$site
ErrorLog $site/apache.log
User www-data
Group www-data
LoadModule mpm_event_module $modules/mod_mpm_event.so
LoadModule authz_core_module $modules/mod_authz_core.so
LoadModule mime_module $modules/mod_mime.so
LoadModule dir_module $modules/mod_dir.so
LoadModule autoindex_module $modules/mod_autoindex.so
LoadModule alias_module $modules/mod_alias.so
LoadModule ssl_module $modules/mod_ssl.so
Listen 443
TypesConfig /dev/null
AddType text/html .txt
AddHandler no-such-handler .txt
DocumentRoot $site/own
Alias /icons $site/own
Alias /.well-known $site/own/known
LoadModule proxy_module $modules/mod_proxy.so
LoadModule proxy_http_module $modules/mod_proxy_http.so
LoadModule rewrite_module $modules/mod_rewrite.so
ProxyPass /.well-known http://127.0.0.1:9/
RewriteEngine on
RewriteOptions InheritDown
RewriteRule mta-sts.txt /index.html
Options +Indexes
<Directory />
  AllowOverride All
  Require all denied
</Directory>
<Directory $site/own>
  Require all granted
</Directory>
IncludeOptional $tree/*/apache.conf
END
printf '%s\n' '{' ' admin off' ' auto_https disable_redirects' " storage file_system $site/caddy-data" '}' \
  "import $tree/*/Caddyfile" >"$site/caddy"
cat >"$site/lighttpd" <<END
server.document-root = "$site/own"
server.port = 443
server.stat-cache-engine = "disable"
server.modules = ( "mod_openssl", "mod_access", "mod_alias", "mod_rewrite", "mod_redirect", "mod_proxy" )
ssl.engine = "enable"
ssl.pemfile = "$site/certs/mta-sts.one.example.crt"
ssl.privkey = "$site/certs/mta-sts.one.example.key"
index-file.names = ( "index.html" )
mimetype.assign = ( ".html" => "text/html", ".txt" => "text/html" )
dir-listing.activate = "enable"
alias.url = ( "/icons" => "$site/own", "/.well-known" => "$site/own/known" )
url.rewrite-once = ( "^/(.*)" => "/index.html" )
url.redirect = ( "^/(.*)" => "https://other.example/" )
proxy.server = ( "" => ( ( "host" => "127.0.0.1", "port" => 9 ) ) )
include "$tree/*/lighttpd.conf"
END
sed 's/, "mod_access".*"mod_proxy"//; /^alias\|^url\|^proxy/d' "$site/lighttpd" >"$site/lighttpd-bare"

check_site() { # SERVER: its own checker
  case $1 in
    nginx) nginx -t -e stderr -c "$site/nginx" ;;
    apache) apache2 -t -f "$site/apache" ;;
    caddy) HOME=$site caddy validate --adapter caddyfile --config "$site/caddy" ;;
    lighttpd*) lighttpd -tt -f "$site/$1" ;;
  esac
}

run_site() { # SERVER: in the foreground
  case $1 in
    nginx) exec nginx -e stderr -c "$site/nginx" -g 'daemon off;' ;;
    apache) exec apache2 -D FOREGROUND -f "$site/apache" ;;
    caddy) HOME=$site exec caddy run --adapter caddyfile --config "$site/caddy" ;;
    lighttpd*) exec lighttpd -D -f "$site/$1" ;;
  esac
}

get() { # DOMAIN PATH: prints code and type; leaves $site/body
  curl -s --path-as-is --max-time 10 --cacert "$site/certs/ca.pem" --resolve "mta-sts.$1:443:127.0.0.1" \
    -o "$site/body" -w '%{http_code} %{content_type}\n' "https://mta-sts.$1$2"
}

ask_site() { # SERVER: a line for each answer that is not right; `done` at the end
  local domain path got i
  ip link set lo up
  run_site "$1" >>"$site/log" 2>&1 &
  for ((i = 0; i < 200; i++)); do
    ! (: >/dev/tcp/127.0.0.1/443) 2>/dev/null || break
    kill -0 $! 2>/dev/null || { echo 'ended' && return; }
    sleep 0.05
  done
  for domain in "${domains[@]}"; do
    got=$(get "$domain" /.well-known/mta-sts.txt)
    [[ ${got,,} =~ ^200\ text/plain\;?\ ?(charset=.*)?$ ]] || echo "$domain: $got"
    cmp -s "$tree/$domain/www/.well-known/mta-sts.txt" "$site/body" || echo "$domain: another text"
  done
  got=$(get one.example '/.well-known/mta-sts.txt?x=1')
  [[ $got == 200* ]] || echo "with a query: $got"
  for path in / /.well-known /.well-known/ /mta-sts.txt /index.html /icons/ /icons/index.html /dns.zone \
    /.well-known/mta-sts.txt/ /.well-known/mta-sts.txt/x /.well-known/mta-sts.txt.new /.well-known/.mta-sts.txt.new \
    /.well-known/mta-sts /nothing /nothing/ /WELL-KNOWN/mta-sts.txt /.well-known/MTA-STS.TXT; do
    got=$(get two.example "$path")
    [[ $got == 40[34]\ * ]] || echo "$path: $got"
  done
  for path in /../dns.zone /.well-known/../../plan.txt /%2e%2e/plan.txt /..%2fplan.txt /.well-known/..%2f..%2fplan.txt; do
    got=$(get two.example "$path")
    [[ $got == 40[034]\ * ]] || echo "$path: $got"
  done
  kill $! && wait $! 2>/dev/null
  echo 'done'
}
export -f ask_site run_site get
export site tree

read -r _ _ users </proc/self/uid_map
for server in nginx apache caddy lighttpd lighttpd-bare; do
  program=${server%-bare}
  [ "$server" != apache ] || program=apache2
  if ! command -v "$program" >/dev/null; then
    skip "no $program here. Run: make deps"
  elif [ "$server" = apache ] && [ "$users" = 1 ]; then
    skip 'Apache needs root: it becomes a user of its own'
  else
    check_site "$server" >"$LAB_DIR/out" 2>&1
    check "$server: its own checker" 0 $?
    [ "$failed" = 0 ] || cat "$LAB_DIR/out"
    check "$server: what it serves" 'done' \
      "$(unshare -n bash -c "domains=(${domains[*]}); ask_site $server")"
  fi
done

# Hosted for others: Caddy gets certificates on demand, by its own CA here, and asks us for whom.
ask() { # NAME…: the answers of serve-ask
  local name
  for name; do curl -sg -o /dev/null -w '%{http_code} ' "http://127.0.0.1:8464/?domain=$name"; done
}
on_demand() {
  local i
  ip link set lo up
  "$MTASTS" publish serve-ask --dir "$tree" &
  local asked=$!
  HOME=$site caddy run --adapter caddyfile --config "$site/on-demand" >>"$site/log" 2>&1 &
  for ((i = 0; i < 200; i++)); do
    ! (: >/dev/tcp/127.0.0.1/443 && : >/dev/tcp/127.0.0.1/8464) 2>/dev/null || break
    sleep 0.05
  done
  ask mta-sts.one.example MTA-STS.Two.Example. one.example mta-sts.other.example mta-sts. mta-sts.. '' \
    mta-sts.../one.example mta-sts.one.example/www mta-sts.one.example:443 '[mta-sts.one.example]'
  echo
  curl -s -o /dev/null -w '%{http_code} %{content_type}\n' http://127.0.0.1:8464/
  get_any() { curl -sk --max-time 10 --resolve "$1:443:127.0.0.1" -H "Host: $2" -o "$site/body" -w '%{http_code} %{content_type}' "https://$1$3"; }
  get_any mta-sts.one.example mta-sts.one.example /.well-known/mta-sts.txt
  cmp "$tree/one.example/www/.well-known/mta-sts.txt" "$site/body" && echo ' the policy'
  get_any mta-sts.one.example mta-sts... /.well-known/mta-sts.txt && echo
  get_any mta-sts.one.example mta-sts.one.example /plan.txt && echo
  get_any mta-sts.other.example mta-sts.other.example /.well-known/mta-sts.txt || echo "no certificate"
  mtasts publish --domain other.example --mode none --dir "$tree" >/dev/null
  get_any mta-sts.other.example mta-sts.other.example /.well-known/mta-sts.txt && echo
  kill $asked $!
  wait $asked
  echo "ended: $?"
}
if command -v caddy >/dev/null; then
  sed "s|/srv/mta-sts|$tree|; s|^{|{\n admin off\n local_certs\n skip_install_trust\n storage file_system $site/caddy-on-demand|;" \
    "$here/../../contrib/caddy/Caddyfile" >"$site/on-demand"
  mtasts() { "$MTASTS" --config "$LAB_CONF" "$@"; }
  export -f ask on_demand mtasts
  check 'hosted for others' $'200 200 404 404 404 404 404 404 404 404 404 \n400 text/plain; charset=utf-8\n200 text/plain the policy\n404 \n404 \n000 no certificate\n200 text/plain\nended: 0' \
    "$(unshare -n bash -c on_demand)"
fi

# From the DNS, and the MX hosts before enforce.
publish() { mtasts --json publish --dir "$site/live" "$@" 2>"$LAB_DIR/err"; }
mx_of() { publish --mode testing --from-mx --domain "$@" | jq -r '.mx | join(" ")'; }
check 'from the DNS' mx.good.example "$(mx_of good.example)"
check 'in lower case' mx.upper-mx.example "$(mx_of upper-mx.example)"
check 'sorted by name' 'a.b.wildcard-mx.example a.wildcard-mx.example wildcard-mx.example' "$(mx_of wildcard-mx.example)"
check 'all of a hundred' 100 "$(mx_of many-mx.example | wc -w)"
check 'beside others, and each once' 'spare.example mx.good.example' "$(mx_of good.example --mx spare.example mx.Good.example. | awk '{ print $1, $2 }')"
check 'without an MX record' implicit-mx.example "$(mx_of implicit-mx.example)"
check 'as root or another, the user owns the tree' "$(id -u)" "$(stat -c %u "$site/live/good.example/plan.txt")"
printf '%s\n' some-mx.example 'good.example *.good.example' >"$site/live-list"
check 'a list' $'mail.elsewhere.example mx.some-mx.example\n\\*.good.example mx.good.example' \
  "$(publish --mode testing --from-mx --file "$site/live-list" | jq -r '.mx | join(" ")')"
refuse() { # WHAT CODE WORD ARGUMENT…: and nothing is written
  rm -rf "$site/live"
  check_error "$1" "$2" "$3" mtasts publish --dir "$site/live" "${@:4}"
  check "$1: nothing is written" '' "$(ls "$site/live" 2>/dev/null)"
}
refuse 'a null MX' 65 'null-mx.example: takes no mail' --mode testing --from-mx --domain null-mx.example
refuse 'no such domain' 65 'no-domain.example: takes no mail' --mode testing --from-mx --domain no-domain.example
printf '%s\n' good.example '# remark' null-mx.example >"$site/live-list"
refuse 'one of a list' 65 'live-list: line 3: null-mx.example: takes no mail' --mode testing --from-mx --file "$site/live-list"
refuse 'a look-up that fails' 75 'MX good.example' --mode testing --from-mx --domain good.example --resolver 127.0.0.9
refuse 'enforce: an MX that is not listed' 1 'mx.not-in-policy mx.good.example.*--force' --mode enforce --mx other.example --domain good.example
refuse 'enforce: nothing listens' 1 'smtp.unreachable implicit-mx.example \[10.8.0.1\].*--force' --mode enforce --from-mx --domain implicit-mx.example
printf '%s\n' good.example wrong-mx.example >"$site/live-list"
refuse 'enforce: one of a list' 1 'wrong-mx.example: mx.not-in-policy mail.elsewhere.example' --mode enforce --mx '*.good.example' --file "$site/live-list"
refuse 'enforce: no DNS' 75 'no DNS server answers' --mode enforce --mx mx.good.example --domain good.example --resolver 127.0.0.9
check 'enforce, and all is well' '"enforce"' "$(publish --mode enforce --from-mx --domain good.example | jq .mode)"
check 'enforce by force' '"enforce"' "$(publish --mode enforce --mx other.example --force --domain wrong-mx.example | jq .mode)"
check 'what is published now does not count' '"enforce"' "$(publish --mode enforce --from-mx --domain expired-certificate.example | jq .mode)"

# Who has delegated what.
rm -rf "$site/live"
for domain in delegated.example record-cname.example good.example record-servfail.example; do
  publish --mode none --domain "$domain" --provider hoster.example >/dev/null
done
mkdir "$site/live/no-policy.example" "$site/live/.hidden"
check 'delegations' 'delegated.example delegated delegated absent true,good.example absent absent absent false,record-cname.example other absent absent false,record-servfail.example (unknown|absent) absent absent false' \
  "$(mtasts --json publish delegations --dir "$site/live" --provider Hoster.example. | jq -r '"\(.domain) \(.record) \(.host) \(.reports) \(.delegated)"' | paste -sd,)"
check 'delegations: one lacks' 1 "$(mtasts publish delegations --dir "$site/live" --provider hoster.example >"$LAB_DIR/out"; echo $?)"
check 'delegations: the table' 'delegated.example delegated delegated absent' "$(sed -n 's/  */ /g; s/ $//; /^delegated/p' "$LAB_DIR/out")"
rm -rf "$site/live"/[g-r]*
check 'delegations: none lacks' 0 "$(mtasts publish delegations --dir "$site/live" --provider hoster.example >"$LAB_DIR/out"; echo $?)"
check_error 'delegations: no directory' 66 nowhere mtasts publish delegations --dir "$site/nowhere" --provider hoster.example
check_error 'delegations: no zone' 64 'are needed' mtasts publish delegations --dir "$site/live"
check_error 'delegations: a malformed zone' 65 'a..b' mtasts publish delegations --dir "$site/live" --provider a..b

# What is published, in each server, by the eyes of `mtasts check`; then what goes wrong with it.
rm -rf "$site/live"
publish --mode enforce --from-mx --domain good.example --cert "$LAB_DIR/certs/{host}.crt" --key "$LAB_DIR/certs/{host}.key" >/dev/null
served=$site/live/good.example/www/.well-known/mta-sts.txt
faults() { # the errors of good.example, and warnings about policy host and policy
  "$MTASTS" --config "$LAB_CONF" --cache "$cache" --json check --state "$site/state" good.example | jq -r '.findings[] |
    select(.severity == "error" or (.severity == "warning" and (.id | test("^(host|http|policy|mx)")))) | .id' | sort -u | paste -sd' '
}
check 'before: as the lab serves it' '' "$(faults)"
stop nginx && stop rogue
for server in nginx apache caddy lighttpd; do
  sed "s|$tree/|$site/live/|; s|$site/certs/mta-sts.one.example|$LAB_DIR/certs/mta-sts.good.example|" "$site/$server" >"$site/$server-live"
  mv "$site/$server-live" "$site/$server"
  [ "$server$users" != apache1 ] || continue
  run_site "$server" >>"$site/log" 2>&1 &
  pid=$!
  for ((i = 0; i < 200; i++)); do
    ! (: >"/dev/tcp/$WEB/443") 2>/dev/null || break
    sleep 0.05
  done
  check "$server: check finds nothing" '' "$(faults)"
  sed -i 's/^mx: .*/mx: mx.elsewhere.example\r/' "$served"
  check "$server: another MX" 'change.id-unchanged mx.not-in-policy|mx.not-in-policy' "$(faults)"
  sed -i 's/^mode: .*/mode: enforced/' "$served"
  check "$server: no such mode" 'policy.mode' "$(faults)"
  mv "$served" "$served.away"
  check "$server: no file" 'http.status' "$(faults)"
  rm "$served.away"
  publish --mode enforce --from-mx --domain good.example --cert "$LAB_DIR/certs/{host}.crt" --key "$LAB_DIR/certs/{host}.key" >/dev/null
  check "$server: published again" '' "$(faults | tr ' ' '\n' | grep -v '^change')"
  kill "$pid" && wait "$pid" 2>/dev/null
done
check 'nothing listens' 'host.unreachable' "$(faults)"
start nginx && start rogue
