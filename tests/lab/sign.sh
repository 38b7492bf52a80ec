# The table `dane` to zones, and their signatures: real DNSSEC, with new keys each time.
#
# The root and `dane` are signed, and so are most zones below that. `example` is not, and the root
# proves it: for its domains DNSSEC changes nothing. $LAB_DIR/root.key is the trust anchor,
# retired.key a key that the root no longer uses.
# shellcheck shell=bash

# The zones of the table `dane` below `dane`, and what each is.
declare -A own_zones=()

one_signed() {
  local own_zone='' words fault
  IFS=, read -ra words <<<"$zone"
  for fault in "${words[@]:1}"; do echo "${fault# }." >>"$LAB_DIR/faults"; done
  if [ "${words[0]}" != signed ]; then
    own_zone=$domain own_zones[$domain]=${words[0]}
    zone_head >"$LAB_DIR/zones/$domain"
    echo "$domain. NS ns.example." >>"$LAB_DIR/zones/dane"
  fi
  one_delivery
}

# Once the certificates are there.
tlsa_records() {
  local own_zone=''
  [ "${zone%%,*}" = signed ] || own_zone=$domain
  each_host tlsa_of_host
}

tlsa_of_host() {
  local name record usage selector matching variant data
  for record in "${tlsa[@]}"; do
    name=_25._tcp.$host.
    case $record in
      servfail) broken_zone "$name" && continue ;;
      dropped) zone "$name NS ns.dropped.example." && continue ;;
      *'>'*) zone "$name CNAME ${record#*>}." && name=${record#*>}. ;;
    esac
    IFS=- read -r usage selector matching variant <<<"${record%>*}"
    tlsa_data
    zone "$name TLSA $usage $selector $matching $data"
  done
}

# $data: the record's data for the certificate; if there is no such selector or matching type,
# the data of the usual ones.
tlsa_data() {
  local of=ee known_selector=$selector known_matching=$matching line
  case $usage in 0 | 2) of=ta ;; esac
  [ "$selector" -le 1 ] || known_selector=1
  [ "$matching" -le 2 ] || known_matching=1
  while IFS= read -r line; do
    case $line in "$of $known_selector $known_matching "*) data=${line##* } ;; esac
  done <"$LAB_DIR/certs/$host.tlsa"
  case $variant in
    other) data=${data:8}${data:0:8} ;;
    short) data=${data:2} ;;
  esac
}

new_key() { # ZONE: prints its path, without .key, .private, .ds
  (cd "$LAB_DIR/keys" && echo "$PWD/$(ldns-keygen -a ECDSAP256SHA256 -k "$1")")
}

# Then the faults that the table asks for.
sign() { # ORIGIN FILE KEY [OPTION…]
  local file=$LAB_DIR/zones/$2
  ldns-signzone "${@:4}" -o "$1" -f "$file.signed" "$file" "$3" || exit 73
  awk 'NR == FNR { fault[$3, $2] = $1; next }
    $4 == "RRSIG" && ($1, $5) in fault {
      if (fault[$1, $5] == "stripped") next
      $13 = (substr($13, 1, 1) == "A" ? "B" : "A") substr($13, 2)
    }
    { print }' "$LAB_DIR/faults" "$file.signed" >"$file"
}

sign_own_zone() { # ZONE KIND
  local key
  [ "$2" != unsigned ] || return
  key=$(new_key "$1")
  case $2 in
    own) sign "$1" "$1" "$key" -n ;;
    expired) sign "$1" "$1" "$key" -i 20200101 -e 20210101 ;;
    no-ds | other-ds) sign "$1" "$1" "$key" ;;
  esac
  [ "$2" != other-ds ] || key=$(new_key "$1")
  [ "$2" = no-ds ] || cat "$key.ds" >>"$LAB_DIR/zones/dane"
}

# From the leaves to the root, since a parent signs its children's DS records.
sign_zones() {
  local name key
  for name in "${!own_zones[@]}"; do sign_own_zone "$name" "${own_zones[$name]}"; done
  key=$(new_key dane)
  sign dane dane "$key"
  cat "$key.ds" >>"$LAB_DIR/zones/root"
  key=$(new_key .)
  sign . root "$key"
  cp "$key.key" "$LAB_DIR/root.key"
  key=$(new_key .)
  cp "$key.key" "$LAB_DIR/retired.key"
}
