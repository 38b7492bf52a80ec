# The parts themselves: one that fails, dies or hangs takes no other along, and its caller's environment
# changes nothing. Parts for that are written here, and run as the others are.
# shellcheck shell=bash
# shellcheck disable=SC2016 # the parts' own variables

parts=$LAB_DIR/parts
mkdir -p "$parts"
write_part() { # NAME TEXT…: what it does once mtastsd has answered there
  printf '%s\n' '. "$LAB_PARTS/begin"' "${@:2}" >"$parts/check_$1.sh"
}
run_parts() { # [NAME=VALUE…] PART…: leaves $LAB_DIR/out; prints its last line
  local settings=()
  while [[ $1 == *=* ]]; do
    settings+=("$1")
    shift
  done
  env -u CI LAB_PARTS="$parts" "${settings[@]}" "$here/checks.sh" "$@" >"$LAB_DIR/out" 2>&1
  tail -n 1 "$LAB_DIR/out"
}

# All of them need the same port, and a resolver that answers.
cat >"$parts/begin" <<'EOF_BEGIN'
{ cat "$LAB_CONF"
  printf '%s\n' "cache { directory = \"$cache\" }" "ask { socket = \"$LAB_PARTS/ask.sock\" }" \
    "outcome { socket = \"$LAB_PARTS/tlsrpt.sock\" }" 'socketmap { listen = {"inet:127.0.0.1:8461"} }'
} >"$LAB_PARTS/mtastsd.conf"
"$MTASTS"d --config "$LAB_PARTS/mtastsd.conf" --foreground 2>"$LAB_PARTS/log" &
for ((i = 0; i < 200; i++)); do
  { ! exec 3<>/dev/tcp/127.0.0.1/8461; } 2>/dev/null || break
  sleep 0.05
done
printf '20:postfix good.example,' >&3
read -rd , -t 10 answer <&3
rm -rf "$cache"
check 'mtastsd answers' '51:OK secure match=mx.good.example .*' "${answer:-$(cat "$LAB_PARTS/log")}"
EOF_BEGIN

unbound='unbound-control -q -c "$LAB_DIR/unbound.conf" local_zone example refuse'
write_part next 'kill $!'
write_part fails "$unbound" 'check this that other'
write_part dies 'stop nginx' 'echo "$no_such_variable"'
write_part exits "$unbound" 'kill -STOP $!' 'exit 0'
write_part hangs 'trap "echo bye" EXIT' 'sleep 600' 'check hangs yes no'
check 'a part that fails leaves the next one well' '2 passed, 1 failed' "$(run_parts fails next)"
check 'a part that dies' '1 passed, 1 failed' "$(run_parts dies next)"
check 'a part that dies: what is said' '.*FAILED dies: it ended before its last check .*' "$(<"$LAB_DIR/out")"
check 'a part that ends early' '1 passed, 1 failed' "$(run_parts exits next)"
check 'a part that hangs' '0 passed, 1 failed' "$(run_parts LAB_PART_SECONDS=3 LAB_PART_GRACE=1 hangs)"
check 'and the next one' '1 passed, 0 failed' "$(run_parts next)"

# Order, characters, words and times.
cat >"$parts/check_words.sh" <<'EOF_WORDS'
check order 'A B a ä' "$(printf '%s\n' ä a B A | sort | xargs)"
check characters '[[:print:]]{2}' '✓ä'
check words 'cat: /none: No such file or directory' "$(cat /none 2>&1)"
check times UTC "$(date +%Z)"
check proxy '' "${https_proxy:-}"
EOF_WORDS
for environment in LANG= LANG=xx LC_ALL=xx LC_ALL=de_DE.UTF-8 'LANG=C LC_CTYPE=POSIX LANGUAGE=de TZ=Asia/Tokyo'; do
  # shellcheck disable=SC2086 # a list of words
  check "called with $environment" '5 passed, 0 failed' \
    "$(unset LC_ALL && run_parts $environment https_proxy=http://198.51.100.1:9 words)"
done
