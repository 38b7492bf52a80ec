#!/bin/bash
# Makes the small signed tree that tests/unit/net asks for: tree.txt, and the trust anchors. To be
# run by hand, and its results committed, when a zone here changes; it needs ldnsutils.
#
#   tree.txt     for each zone a line `zone ORIGIN`, and every record of it as `OWNER TTL TYPE
#                RDATA-IN-HEX`. Signatures last until 2088.
#   root.key     DNSKEY of the root: the trust anchor
#   retired.key  a key that the root has given up
#   rfc5011.key  as unbound keeps its anchors: the root's key, valid, and one that it does not
#                trust yet
#   pending.key  the same with the root's key as the one that is not trusted yet
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

good=("-i" 20240101000000 "-e" 20880101000000)
expired=("-i" 20200101000000 "-e" 20210101000000)
hash=$(printf '%064d' 1)

key() { ldns-keygen -a ECDSAP256SHA256 -k "$1"; }

# Signs the zone on standard input; without a key it stays unsigned.
zone() { # ORIGIN [KEY [SIGNZONE-OPTION…]]
  local origin=$1
  {
    printf "\$ORIGIN %s\n\$TTL 3600\n" "$origin"
    printf '@ 600 SOA ns.example. hostmaster.example. 1 3600 600 86400 300\n@ NS ns.example.\n'
    cat
  } >zone
  if [ $# -gt 1 ]; then
    ldns-signzone -o "$origin" -f signed "${@:3}" zone "$2"
  else
    cp zone signed
  fi
  printf 'zone %s\n' "$origin"
  ldns-read-zone -U ANY signed 2>/dev/null |
    sed -nE 's/^([^ \t]+)\t([0-9]+)\tIN\tTYPE([0-9]+)\t\\# [0-9]+ ([0-9a-f]*) *(;.*)?$/\1 \2 \3 \4/p' |
    sed -E 's/^([^ ]*[^. ])\. /\1 /'
}

ds() { ldns-key2ds -n -2 "$1.key"; }

# Another byte in the middle of the signatures over one type at a name.
spoil() { # NAME TYPE
  awk -v name="$1" -v type="$(printf '%04x' "$2")" '
    $1 == name && $3 == 46 && substr($4, 1, 4) == type {
      at = length($4) - 20
      $4 = substr($4, 1, at - 1) (substr($4, at, 1) == "0" ? "1" : "0") substr($4, at + 1)
      done = 1
    }
    { print }
    END { if (!done) exit 1 }'
}

declare -A keys
for name in . example. good.example. outside.example. implicit.example. null.example. badsig.example. \
  expired.example. unsigned-by-mistake.example. no-ds.example. alias.example.; do
  keys[$name]=$(key "$name")
done
retired=$(key .)

{
  zone . "${keys[.]}" "${good[@]}" <<END
example. NS ns.example.
ns.example. A 192.0.2.53
$(ds "${keys[example.]}")
END

  zone example. "${keys[example.]}" "${good[@]}" <<END
ns A 192.0.2.53
unsigned NS ns
$(for child in good outside implicit null badsig expired unsigned-by-mistake no-ds alias; do
    echo "$child NS ns"
    ds "${keys[$child.example.]}"
  done)
END

  zone good.example. "${keys[good.example.]}" "${good[@]}" <<END |
@ MX 10 mx
@ MX 20 mx2
mx A 192.0.2.1
_25._tcp.mx 1200 TLSA 3 1 1 $hash
mx2 A 192.0.2.2
_25._tcp.mx2 TLSA 2 0 1 $hash
v6 AAAA 2001:db8::1
_25._tcp.v6 TLSA 3 1 1 $hash
plain A 192.0.2.3
pkix A 192.0.2.4
_25._tcp.pkix TLSA 0 0 1 $hash
_25._tcp.pkix TLSA 3 1 1 00
mixed A 192.0.2.5
_25._tcp.mixed TLSA 1 1 1 $hash
_25._tcp.mixed TLSA 3 1 1 $hash
nothing TXT "no address"
_25._tcp.nothing TLSA 3 1 1 $hash
alias CNAME mx
alias-plain CNAME plain
_25._tcp.alias-plain TLSA 3 1 1 $hash
alias-out CNAME mx.unsigned.example.
_25._tcp.alias-out TLSA 3 1 1 $hash
tlsa-alias A 192.0.2.6
_25._tcp.tlsa-alias CNAME _25._tcp.mx
tlsa-alias-out A 192.0.2.7
_25._tcp.tlsa-alias-out CNAME _25._tcp.mx.unsigned.example.
tlsa-fails A 192.0.2.8
a-fails AAAA 2001:db8::2
_25._tcp.a-fails TLSA 3 1 1 $hash
fails A 192.0.2.9
tlsa-bogus A 192.0.2.10
_25._tcp.tlsa-bogus TLSA 3 1 1 $hash
bogus A 192.0.2.11
_25._tcp.bogus TLSA 3 1 1 $hash
half-bogus A 192.0.2.12
half-bogus AAAA 2001:db8::3
_25._tcp.half-bogus TLSA 3 1 1 $hash
END
    spoil _25._tcp.tlsa-bogus.good.example 52 | spoil bogus.good.example 1 |
    spoil half-bogus.good.example 1

  zone outside.example. "${keys[outside.example.]}" "${good[@]}" <<END
@ MX 10 mx.unsigned.example.
END
  zone implicit.example. "${keys[implicit.example.]}" "${good[@]}" <<END
@ A 192.0.2.20
_25._tcp TLSA 3 1 1 $hash
END
  zone null.example. "${keys[null.example.]}" "${good[@]}" <<END
@ MX 0 .
END
  zone badsig.example. "${keys[badsig.example.]}" "${good[@]}" <<END | spoil badsig.example 15
@ MX 10 mx.good.example.
END
  zone expired.example. "${keys[expired.example.]}" "${expired[@]}" <<END
@ MX 10 mx.good.example.
END
  zone unsigned-by-mistake.example. <<END
@ MX 10 mx.good.example.
END
  # The test's server withholds its DS.
  zone no-ds.example. "${keys[no-ds.example.]}" "${good[@]}" <<END
@ MX 10 mx.good.example.
END
  zone alias.example. "${keys[alias.example.]}" "${good[@]}" <<END
@ TXT "its mail is another's"
mail CNAME good.example.
END
  zone unsigned.example. <<END
@ MX 10 mx
mx A 192.0.2.30
_25._tcp.mx TLSA 3 1 1 $hash
secure MX 10 mx.good.example.
END
} >"$here/tree.txt"

cat "${keys[.]}.key" >"$here/root.key"
cat "$retired.key" >"$here/retired.key"
state() { sed "s/\$/ ;;state=$2 [$3] ;;count=0 ;;lastchange=1700000000 ;;Tue Nov 14 22:13:20 2023/" "$1.key"; }
head='; autotrust trust anchor file
;;id: . 1
;;last_queried: 1700000000 ;;Tue Nov 14 22:13:20 2023'
{ echo "$head"; state "${keys[.]}" 2 '  VALID  '; state "$retired" 1 ' ADDPEND '; } >"$here/rfc5011.key"
{ echo "$head"; state "$retired" 2 '  VALID  '; state "${keys[.]}" 1 ' ADDPEND '; } >"$here/pending.key"
