# Real Exim in a root of its own, with contrib/exim in its configurations, and mtastsd: for a script that
# root runs inside the lab. Spool, log and mailboxes are in $EXIM_DIR. The configurations are
#   plain      a small one
#   smarthost  all mail to one host
#   debian     Debian's own, unsplit; `split` is Debian's split one
#   relay      Debian's own for a smart host
#   bare       Debian's own, without mtasts
# shellcheck shell=bash
. "$here/root.sh"
. "$here/mtastsd.sh"

EXIM_DIR=$LAB_DIR/${of_other}exim
mta_root=$(root_of exim) mta_etc=$mta_root/etc mta_group=Debian-exim mta_dir=$EXIM_DIR
fragments=/etc/exim4/mtasts
house_rule='${if eq{$host}{mx.house-rule.mail.example}{*}}'
plugin=$EXIM_DIR/exim-mtasts.so
built_plugin=$built/exim-mtasts.so

plain_conf() { # ROUTERS-FILE
  cat <<END
MTASTS_SO = $plugin
MTASTS_SMARTHOST = implicit.mail.example
MTASTS_HOUSE_TLS = $EXIM_DIR/house-tls
.include $fragments/macros.conf
keep_environment =
primary_hostname = sender.example
local_interfaces = ${MAIL[this]}
domainlist local_domains = lab.example
message_logs = false
tls_advertise_hosts =

begin routers
.include $fragments/$1
dnslookup:
  driver = dnslookup
  domains = ! +local_domains
  transport = remote_smtp
  no_more
local:
  driver = accept
  transport = discard

begin transports
.include $fragments/transports.conf
remote_smtp:
  driver = smtp
discard:
  driver = appendfile
  file = /dev/null
  user = mail

begin retry
* * F,2h,15m
END
}

# Debian's configuration, as its package asks for it, with README.md's lines for mtasts.
debian_etc() {
  local etc=$1/exim4
  cat >"$etc/update-exim4.conf.conf" <<END
dc_eximconfig_configtype='internet'
dc_other_hostnames='lab.example'
dc_local_interfaces='${MAIL[this]}'
dc_use_split_config='false'
END
  cat >"$etc/exim4.conf.localmacros" <<END
MTASTS_SO = $plugin
MAIN_HARDCODE_PRIMARY_HOSTNAME = sender.example
CHECK_RCPT_VERIFY_SENDER = true
REMOTE_SMTP_HOSTS_REQUIRE_TLS = $house_rule
REMOTE_SMTP_SMARTHOST_HOSTS_REQUIRE_TLS = smart.lab.example
ROUTER_DNSLOOKUP_IGNORE_TARGET_HOSTS = <; 127.0.0.0/8 ; 203.0.113.0/24
DKIM_DOMAIN = lab.example
DKIM_SELECTOR = lab
DKIM_PRIVATE_KEY = $EXIM_DIR/dkim.key
END
  cp "$etc/exim4.conf.template" "$EXIM_DIR/bare.template"
  sed -i -e "/^UPEX4Cmacros/a .include $fragments/macros.conf" \
    -e "/^### end router\/150/a .include $fragments/routers.conf" \
    -e "/^begin retry/i .include $fragments/transports.conf" "$etc/exim4.conf.template"
  echo ".include $fragments/macros.conf" >"$etc/conf.d/main/05_mtasts"
  echo ".include $fragments/routers.conf" >"$etc/conf.d/router/160_mtasts"
  echo ".include $fragments/transports.conf" >"$etc/conf.d/transport/40_mtasts"
  cp -r "$etc" "$EXIM_DIR/split"
  sed -i s/false/true/ "$EXIM_DIR/split/update-exim4.conf.conf"
  cp "$EXIM_DIR/split/exim4.conf.localmacros" "$EXIM_DIR/split/conf.d/main/000_localmacros"
  echo 'MTASTS_PRELOAD = yes' >>"$EXIM_DIR/split/conf.d/main/000_localmacros"
  cp -r "$etc" "$EXIM_DIR/relay"
  sed -i -e s/internet/smarthost/ -e "\$a dc_smarthost='implicit.mail.example::25'" \
    "$EXIM_DIR/relay/update-exim4.conf.conf"
  sed -i s/routers.conf/routers-smarthost.conf/ "$EXIM_DIR/relay/exim4.conf.template"
  cp -r "$etc" "$EXIM_DIR/bare"
  mv "$EXIM_DIR/bare.template" "$EXIM_DIR/bare/exim4.conf.template"
}

# Prints why Exim cannot run here; fails if it can.
exim_cannot_run() {
  root_cannot_run exim && return
  if [ -z "$of_other" ] && ! command -v exim4 update-exim4.conf >/dev/null; then
    echo 'there is no Exim: apt-get install exim4-daemon-heavy'
  elif [ ! -e "$built_plugin" ]; then
    echo "$built_plugin is not built: make"
  else
    grep -q __asan_init "$built_plugin" && echo 'Exim loads no plugin that is built with a sanitizer'
  fi
}

# A new file, for the old one may be mapped.
install_plugin() { cp "$1" "$plugin.new" && mv "$plugin.new" "$plugin"; } # FILE

raise_exim() {
  local name
  [ ! -d "$EXIM_DIR" ] || return 0 # another part has done it
  raise_root exim || return
  : >"$LAB_DIR/mail" # of other MTAs
  mkdir -p "$EXIM_DIR"/{spool,log,mail}
  install_plugin "$built_plugin" || return
  debian_etc "$mta_etc"
  cp -r "$here/../../contrib/exim" "$mta_etc/exim4/mtasts"
  plain_conf routers.conf >"$EXIM_DIR/plain.conf"
  plain_conf routers-smarthost.conf >"$EXIM_DIR/smarthost.conf"
  echo "hosts_require_tls = $house_rule" >"$EXIM_DIR/house-tls"
  write_mtastsd_conf
  printf '%s\n' "$EXIM_DIR"/{plain,smarthost,debian,split,relay,bare}.conf >"$mta_etc/exim4/trusted_configs"
  openssl genrsa -out "$EXIM_DIR/dkim.key" 2048 2>/dev/null
  in_root exim chown -R Debian-exim: "$EXIM_DIR"/{spool,log,mail,dkim.key}
  mount --bind "$EXIM_DIR/spool" "$mta_root/var/spool/exim4" &&
    mount --bind "$EXIM_DIR/log" "$mta_root/var/log/exim4" &&
    mount --bind "$EXIM_DIR/mail" "$mta_root/var/mail" || return
  in_root exim update-exim4.conf -o "$EXIM_DIR/debian.conf" || return
  for name in split relay bare; do
    in_root exim update-exim4.conf -d "$EXIM_DIR/$name" -o "$EXIM_DIR/$name.conf" || return
  done
}

clear_queue() { rm -rf "$EXIM_DIR"/spool/{input,msglog,db}/*; }
run_queue() { exim "$1" -qff; } # CONFIGURATION

exim() { # CONFIGURATION ARGUMENT…
  local conf=$1
  shift
  in_root exim exim4 -C "$EXIM_DIR/$conf.conf" "$@"
}

# One message, delivered before this returns if it can be.
send() { # CONFIGURATION RECIPIENT… [-- HEADER-FIELD…]
  local conf=$1 recipients=()
  shift
  while [ $# -gt 0 ] && [ "$1" != -- ]; do
    recipients+=("$1")
    shift
  done
  { [ $# -lt 2 ] || printf '%s\n' "${@:2}"; printf 'Subject: from the lab\n\nhello\n'; } |
    exim "$conf" "${queue:--odi}" -f sender@lab.example "${recipients[@]}"
}

# What the main log says last of a recipient, and how many messages to it were taken, and how:
#   => user@… R=… | 1 tls=TLSv1.3
fate() { # RECIPIENT
  local log taken
  log=$(grep -E " (=>|->|==|\*\*) $1[: ]" "$EXIM_DIR/log/mainlog" | tail -n 1)
  taken=$(grep -E "to=([^ ]*,)?$1[, ]" "$LAB_DIR/mail" | grep -Eo 'tls=[^ ]*' | uniq -c | xargs)
  echo "${log#* * * } |${taken:+ $taken}"
}

# The log text that an outcome of the table `deliveries` or `dane` stands for, a regular expression.
fated() { # OUTCOME: verified | dane | encrypted | tls | clear [HOST], deferred | bounced WORDS
  local host=${1#* }
  [[ $1 == *' '* ]] || host='[^ ]*'
  case $1 in
    verified*) echo "[=-]> .* T=remote_smtp_mtasts H=$host \\[.* X=TLS.* CV=yes .* \| 1 tls=TLSv1.[23]" ;;
    dane*) echo "[=-]> .* T=remote_smtp_dane H=$host \\[.* X=TLS.* CV=dane .* \| 1 tls=TLSv1.[23]" ;;
    encrypted*) echo "[=-]> .* T=remote_smtp_encrypt H=$host \\[.* X=TLS.* \| 1 tls=TLSv1.[23]" ;;
    tls*) echo "[=-]> .* T=remote_smtp_opportunistic H=$host \\[.* X=TLS.* \| 1 tls=TLSv1.[23]" ;;
    clear*) echo "[=-]> .* T=remote_smtp_opportunistic H=$host \\[[0-9.]*\\] C=.* \| 1 tls=no" ;;
    deferred*) echo "== .* defer .*${1#* }.* \|" ;;
    bounced*) echo "\\*\\* .* \|" ;;
  esac
}
