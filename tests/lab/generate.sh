# From the tables to all that the lab's servers read, in $LAB_DIR.
# shellcheck shell=bash

# A record, into the zone that its name is in.
zone() {
  local name=${1%% *} file=example
  case .$name in
    *".${own_zone:-.}.") file=$own_zone ;;
    *.dane.) file=dane ;;
    *.hoster.example.) file=hoster.example ;;
  esac
  printf '%s\n' "$*" >>"$LAB_DIR/zones/$file"
}

# A zone that NSD knows of and has no data for: SERVFAIL.
broken_zone() {
  zone "$1 NS ns.example."
  printf 'zone:\n  name: "%s"\n  zonefile: "missing"\n' "$1" >>"$LAB_DIR/broken.conf"
}

zone_record() {
  local name=_mta-sts.$domain. text
  case $record in
    none) ;;
    ok) zone "$name TXT \"v=STSv1; id=20260101T000000;\"" ;;
    servfail) broken_zone "$name" ;;
    dropped) zone "$name NS ns.dropped.example." ;;
    'cname '*) zone "$name CNAME ${record#* }." ;;
    *) while IFS= read -r text; do zone "$name TXT $text"; done <<<"${record// & /$'\n'}" ;;
  esac
}

zone_policy_host() {
  local name=mta-sts.$domain. address
  case $web in
    - | 'at none') ;;
    h2) zone "$name A $H2" ;;
    rogue) zone "$name A $ROGUE" ;;
    servfail) broken_zone "$name" ;;
    dropped) zone "$name NS ns.dropped.example." ;;
    'cname '*) zone "$name CNAME ${web#* }." ;;
    'at '*)
      for address in ${web#at }; do
        case $address in
          web) zone "$name A $WEB" ;;
          refused) zone "$name A $REFUSED" ;;
          unreachable) zone "$name A $UNREACHABLE" ;;
          ipv6) zone "$name AAAA $IPV6" ;;
        esac
      done
      ;;
    differs) zone "$name A $WEB" && zone "$name AAAA $IPV6" ;;
    *) zone "$name A $WEB" ;;
  esac
}

zone_mx() {
  local host i
  case $mx in
    nothing) ;;
    none) zone "$domain. A $WEB" ;;
    ok) zone "$domain. MX 10 mx.$domain." ;;
    'many '*) for ((i = 1; i <= ${mx#* }; i++)); do zone "$domain. MX $i mx$i.$domain."; done ;;
    *) while IFS= read -r host; do zone "$domain. MX ${host%.}."; done <<<"${mx//, /$'\n'}" ;;
  esac
}

# The policy on standard output.
policy_text() {
  local i text
  text=$(printf '%s\n' 'version: STSv1' 'mode: enforce' "mx: mx.$domain" 'max_age: 86400')
  case $policy in
    ok) printf '%s\n' "$text" ;;
    'mx '*)
      printf '%s\n' "$text"
      for ((i = 1; i <= ${policy#* }; i++)); do printf 'mx: mx%d.%s\n' "$i" "$domain"; done
      ;;
    'size '*) printf '%s\npad: %0*d\n' "$text" $((${policy#* } - ${#text} - 7)) 0 ;;
    *) LC_ALL=C sed "$policy" <<<"$text" ;;
  esac
}

web_server() {
  local host=mta-sts.$domain kind=good
  local files=$LAB_DIR/www/$host/.well-known
  case $web in
    - | servfail | dropped | 'at none') return ;;
    'cert '*) kind=${web#* } ;;
    differs) # at its IPv6 address another policy
      printf 'server { listen [%s]:443 ssl; server_name %s; root www/%s.other; }\n' \
        "$IPV6" "$host" "$host" >>"$LAB_DIR/sites.conf"
      mkdir -p "$LAB_DIR/www/$host.other/.well-known"
      policy_text | sed s/enforce/testing/ >"$LAB_DIR/www/$host.other/.well-known/mta-sts.txt"
      ;;
    'nginx '*)
      printf 'server { listen %s:443 ssl; server_name %s; root www/%s; location / { %s } }\n' \
        "$WEB" "$host" "$host" "${web#* }" >>"$LAB_DIR/sites.conf"
      ;;
  esac
  printf '%s %s\n' "$host" "$kind" >>"$LAB_DIR/certificates"
  mkdir -p "$files"
  policy_text >"$files/mta-sts.txt"
  case $web in *gzip_static*) gzip -k "$files/mta-sts.txt" ;; esac
}

# A host that receives mail; its name may be in many MX sets.
mail_host() { # HOST RECEIVER[,RECEIVER…] [CERTIFICATE [tlsa]]
  local at
  case $2 in
    nowhere) return ;;
    servfail) broken_zone "$1." && return ;;
    cname=*) zone "$1. CNAME ${2#*=}." ;;
    no-route) zone "$1. AAAA $NO_ROUTE" ;;
    no-route+*) zone "$1. AAAA $NO_ROUTE" && zone "$1. A ${MAIL[${2#*+}]}" ;;
    *,*) for at in ${2//,/ }; do zone "$1. A ${MAIL[$at]}"; done ;;
    ipv6+*) zone "$1. AAAA $IPV6" && zone "$1. A ${MAIL[${2#*+}]}" ;;
    *) zone "$1. A ${MAIL[$2]}" ;;
  esac
  printf '%s %s %s\n' "${1,,}" "${3:-good}" "${4:-}" >>"$LAB_DIR/certificates"
}

# The receiver of the mail of the table `domains`: it does nothing wrong.
one_receiver() {
  [ "$mx" != ok ] || mail_host "mx.$domain" tls
}

# A line of the table `deliveries` or `dane`: its MX hosts, then the rest as for the table `domains`.
one_delivery() {
  local hosts=() i=0 record=none web=- pattern patterns
  # Postfix tells outcomes of domains that want reports (RFC 8460 section 3), and of no others.
  [ "$mx" = nothing ] || zone "_smtp._tls.$domain. TXT \"v=TLSRPTv1; rua=mailto:tls@rx.enforced.example\""
  read -ra patterns <<<"$policy"
  [ "$policy" = - ] || record=ok web=ok policy="s/enforce/${patterns[0]}/"
  if [ ${#patterns[@]} -gt 1 ]; then
    policy+=';/^mx/d'
    for pattern in "${patterns[@]:1}"; do policy+=";\$s/\$/\\nmx: $pattern/"; done
  fi
  each_host one_host
  mx=$(printf ', %s' "${hosts[@]}")
  mx=${mx#, }
  [ -n "$mx" ] || mx=nothing
  one_domain
}

one_host() {
  case $role in
    null) hosts=('0 .') && return ;;
    mx) hosts+=("$((i += 10)) $host") ;;
  esac
  mail_host "$host" "$receiver" "$certificate" "${tlsa:+tlsa}"
}

# A line of the table `findings`.
one_checked() {
  local hosts=() i=0 tlsrpt_name=_smtp._tls.$domain. text
  [ -z "$other" ] || return 0
  case $tlsrpt in
    none) ;;
    ok) zone "$tlsrpt_name TXT \"v=TLSRPTv1; rua=mailto:tls@mail.elsewhere.example\"" ;;
    servfail) broken_zone "$tlsrpt_name" ;;
    *) while IFS= read -r text; do zone "$tlsrpt_name TXT $text"; done <<<"${tlsrpt// & /$'\n'}" ;;
  esac
  case $policy in
    ok) policy='s/86400/1209600/' ;;
    'size '*) ;;
    *) policy="s/86400/1209600/;$policy" ;;
  esac
  case $mx in
    servfail) broken_zone "$domain." && mx=nothing ;;
    *)
      each_host one_host
      mx=$(printf ', %s' "${hosts[@]}")
      mx=${mx#, }
      [ -n "$mx" ] || mx=nothing
      ;;
  esac
  one_domain
}

one_domain() {
  zone_record
  zone_policy_host
  zone_mx
  web_server
}

zone_head() {
  printf '%s\n' '$TTL 300' '@ SOA ns.example. hostmaster.example. 1 3600 600 86400 300' \
    '@ NS ns.example.'
}

# The root, the lab's domains, another program's where CNAMEs lead to, and one that will change.
zones() {
  local name
  for name in root example hoster.example change.example dane; do
    zone_head >"$LAB_DIR/zones/$name"
  done
  printf '%s\n' 'example. NS ns.example.' 'dane. NS ns.example.' "ns.example. A $DNS" >>"$LAB_DIR/zones/root"
  printf '%s\n' "ns A $DNS" 'hoster NS ns' 'change NS ns' "ns.dropped A $DROP" \
    >>"$LAB_DIR/zones/example"
  printf '%s\n' '_mta-sts TXT "v=STSv1; id=hoster1"' "web A $WEB" >>"$LAB_DIR/zones/hoster.example"
}

nsd_conf() {
  local name
  cat <<END
server:
  ip-address: $DNS
  username: ""
  chroot: ""
  zonesdir: "$LAB_DIR/zones"
  database: ""
  pidfile: ""
  xfrdfile: ""
  zonelistfile: "$LAB_DIR/nsd.zones"
  logfile: "$LAB_DIR/log/nsd"
  server-count: 1
  rrl-ratelimit: 0
remote-control:
  control-enable: no
END
  for name in root example hoster.example change.example dane "${!own_zones[@]}"; do
    printf 'zone:\n  name: "%s"\n  zonefile: "%s"\n' "${name/root/.}" "$name"
  done
  cat "$LAB_DIR/broken.conf"
}

# One resolver forwards DNSSEC records without validation, so that our programs must validate; the other
# validates, and says so (AD), for MTAs that trust it.
unbound_conf() { # ADDRESS NAME [LINE…]
  cat <<END
server:
  interface: $1
  directory: "$LAB_DIR"
  chroot: ""
  username: ""
  pidfile: ""
  logfile: "$LAB_DIR/log/$2"
  use-syslog: no
  log-servfail: yes
  do-daemonize: no
  do-not-query-localhost: no
  qname-minimisation: no
  so-rcvbuf: 1m
  msg-cache-size: 16m
  rrset-cache-size: 16m
$(printf '  %s\n' "${@:3}")
remote-control:
  control-enable: yes
  control-interface: "$LAB_DIR/$2.control"
stub-zone:
  name: "."
  stub-addr: $DNS
END
}

nginx_conf() {
  cat <<END
user root;
worker_processes auto;
pid $LAB_DIR/nginx.pid;
error_log $LAB_DIR/log/nginx;
events { worker_connections 4096; }
http {
  log_format lab '\$host \$status \$request';
  access_log $LAB_DIR/log/access lab;
  types { }
  default_type text/plain;
  server_names_hash_bucket_size 128;
  client_body_temp_path tmp;
  proxy_temp_path tmp;
  fastcgi_temp_path tmp;
  uwsgi_temp_path tmp;
  scgi_temp_path tmp;
  ssl_protocols TLSv1.2 TLSv1.3;
  ssl_certificate $LAB_DIR/certs/\$ssl_server_name.crt;
  ssl_certificate_key $LAB_DIR/certs/\$ssl_server_name.key;
  server {
    listen $WEB:443 ssl default_server backlog=4096;
    listen [$IPV6]:443 ssl;
    listen $H2:443 ssl http2;
    root www/\$host;
  }
  include sites.conf;
}
END
}

# The tool's configuration: `mtasts --config $LAB_CONF query DOMAIN` is all that it needs.
mtasts_conf() {
  cat <<END
cache { directory = "$LAB_DIR/cache" }
dns   { servers = {"127.0.0.1"} timeout = 2 trust_anchor = "$LAB_DIR/root.key" }
https { ca_file = "$LAB_DIR/certs/ca.pem" allow_private = true timeout = 3 }
user  = "$(id -un)"
group = "$(id -gn)"
END
}

# A line of the table `reports`.
one_report() {
  local owner=_smtp._tls.$domain. text
  case $record in
    none) ;;
    servfail) broken_zone "$owner" ;;
    'cname '*) zone "$owner CNAME _smtp._tls.${record#* }.report.example." ;;
    *) while IFS= read -r text; do zone "$owner TXT $text"; done <<<"${record// & /$'\n'}" ;;
  esac
}

# Where reports go by HTTPS; and TLSRPT records of hosts and domains with DANE.
report_hosts() {
  zone 'rua.example. A 127.0.0.1'
  echo 'rua.example good' >>"$LAB_DIR/certificates"
  zone '_smtp._tls.base.report.example. TXT "v=TLSRPTv1;rua=mailto:host@rx.example"'
  zone '_smtp._tls.equal-base.report.example. TXT "v=TLSRPTv1;rua=mailto:b@rx.example,mailto:a@rx.example"'
  zone '_smtp._tls.tlsa-one.report.example. TXT "v=TLSRPTv1;rua=mailto:one@rx.example"'
  zone '_smtp._tls.tlsa-two.report.example. TXT "v=TLSRPTv1;rua=mailto:a@rx.example, mailto:b@RX.example"'
  zone '_smtp._tls.mail-report.example. TXT "v=TLSRPTv1;rua=mailto:tls@rx.enforced.example"'
  # Its policy is enforced, and its MX host has no STARTTLS.
  local domain=rx.enforced.example record=ok web=ok policy=ok mx=ok
  one_domain
  zone "mx.rx.enforced.example. A ${MAIL[collector]}"
}

generate() {
  mkdir -p "$LAB_DIR"/{certs,www,zones,keys,log,tmp}
  zones
  touch "$LAB_DIR"/{sites.conf,broken.conf,faults}
  printf '%s\n' mta-sts.change.example 'no-sni self-signed' >"$LAB_DIR/certificates"
  each_domain one_domain
  each_domain one_receiver
  mail_host mail.elsewhere.example tls
  each_delivery one_delivery
  each_signed one_signed
  each_report one_report
  report_hosts
  each_checked one_checked
  local i domain record=ok web=ok policy=ok mx=ok
  for ((i = 0; i < bench_hosts; i++)); do
    domain=h$i.bench.example
    one_domain
  done
  "$LAB_TOOLS/certs" "$LAB_DIR/certs" <"$LAB_DIR/certificates"
  each_signed tlsa_records
  sign_zones
  nsd_conf >"$LAB_DIR/nsd.conf"
  unbound_conf 127.0.0.1 unbound 'module-config: "iterator"' >"$LAB_DIR/unbound.conf"
  unbound_conf "$VALIDATOR" validator 'module-config: "validator iterator"' \
    "trust-anchor-file: \"$LAB_DIR/root.key\"" >"$LAB_DIR/validator.conf"
  nginx_conf >"$LAB_DIR/nginx.conf"
  mtasts_conf >"$LAB_DIR/mtasts.conf"
  printf 'nameserver 127.0.0.1\n' >"$LAB_DIR/resolv.conf"
}
