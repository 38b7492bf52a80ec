# Reads the table `domains`: each_domain FUNCTION calls it for every line, with the columns in
# $asked $domain $record $web $policy $mx $expect $proves. @ is replaced by the domain.
# shellcheck shell=bash

trim() { # VARIABLE: without the spaces around it
  local -n text=$1
  text=${text#"${text%%[! ]*}"}
  text=${text%"${text##*[! ]}"}
}

each_domain() {
  local line asked domain record web policy mx expect proves column
  while IFS= read -r line; do
    case $line in '' | '#'*) continue ;; esac
    # The expectation may hold a `|` of its own, so the columns are parted by ` | `.
    IFS=$'\t' read -r asked record web policy mx expect proves <<<"${line// | /$'\t'}"
    for column in asked record web policy mx expect proves; do trim "$column"; done
    domain=${asked#*=}.example
    case $asked in *=*) asked=${asked%=*} ;; *) asked=$domain ;; esac
    record=${record//@/$domain} mx=${mx//@/$domain}
    "$1"
  done <"$here/domains"
}

# The same for the table `deliveries`, with the columns in $name $policy $mx $outcome $proves.
each_delivery() {
  local line name domain policy mx outcome proves column
  while IFS= read -r line; do
    case $line in '' | '#'*) continue ;; esac
    IFS='|' read -r name policy mx outcome proves <<<"$line"
    for column in name policy mx outcome proves; do trim "$column"; done
    domain=$name.mail.example
    policy=${policy//@/$domain} mx=${mx//@/$domain} outcome=${outcome//@/$domain}
    "$1"
  done <"$here/deliveries"
}

# And for the table `dane`, with the columns in $name $zone $mx $policy $query $outcome $proves.
each_signed() { # FUNCTION
  local line name domain zone mx policy query outcome proves column
  while IFS= read -r line; do
    case $line in '' | '#'*) continue ;; esac
    IFS='|' read -r name zone mx policy query outcome proves <<<"$line"
    for column in name zone mx policy query outcome proves; do trim "$column"; done
    domain=$name.dane
    zone=${zone//@/$domain} mx=${mx//@/$domain} policy=${policy//@/$domain} outcome=${outcome//@/$domain}
    "$1"
  done < <(cat "$here/dane" ${LAB_SIGNED:+"$LAB_SIGNED"})
}

# And for the table `findings`, with the columns in $name $record $tlsrpt $web $policy $mx $finds $proves, and
# the domain of a line that only names one of another table in $other.
each_checked() { # FUNCTION
  local line name domain other record tlsrpt web policy mx finds proves column
  while IFS= read -r line; do
    case $line in '' | '#'*) continue ;; esac
    other=
    if [[ $line == '= '* ]]; then
      IFS=$'\t' read -r name finds proves <<<"${line// | /$'\t'}"
      for column in name finds proves; do trim "$column"; done
      other=${name#= } domain=${name#= }
    else
      IFS=$'\t' read -r name record tlsrpt web policy mx finds proves <<<"${line// | /$'\t'}"
      for column in name record tlsrpt web policy mx finds proves; do trim "$column"; done
      domain=$name.check.example
      record=${record//@/$domain} policy=${policy//@/$domain} mx=${mx//@/$domain}
    fi
    "$1"
  done <"$here/findings"
}

# Calls FUNCTION for every host of the column $mx, with its words in $role (mx, also, none, null) $host
# $receiver $certificate ${tlsa[@]}.
each_host() { # FUNCTION
  local line words role host receiver certificate tlsa
  while IFS= read -r line; do
    read -ra words <<<"$line"
    role=mx
    case ${words[0]} in
      nothing) continue ;;
      null | also) role=${words[0]} words=("${words[@]:1}") ;;
      none) role=none words[0]=$domain ;;
    esac
    host=${words[0]:-} receiver=${words[1]:-} certificate=${words[2]:-} tlsa=("${words[@]:3}")
    "$1"
  done <<<"${mx//, /$'\n'}"
}
