# mtastsd and the tool on a full file system that copies what it writes (btrfs). LMDB maps lock.mdb, and a write
# through a map that finds no place there is SIGBUS.
# shellcheck shell=bash

disk=$LAB_DIR/disk disk_conf=$LAB_DIR/disk.conf disk_log=$LAB_DIR/log/disk disk_socket=$LAB_DIR/run/disk.sock
disk_daemon=''
cache=$disk/cache
trap 'kill $disk_daemon 2>/dev/null; umount "$disk" 2>/dev/null' EXIT

mount_disk() {
  truncate -s 120M "$LAB_DIR/disk.image" && mkfs.btrfs --mixed -q "$LAB_DIR/disk.image" && mkdir -p "$disk" &&
    mount -o loop "$LAB_DIR/disk.image" "$disk"
}
start_disk_daemon() {
  local i
  "$MTASTS"d --config "$disk_conf" --foreground 2>>"$disk_log" &
  disk_daemon=$!
  for ((i = 0; i < 200; i++)); do
    [ -n "$(disk_ask good.example)" ] && return
    sleep 0.05
  done
}
disk_ask() { "$LAB_TOOLS/ask" "$disk_socket" postfix "$1" 2>/dev/null; }
disk_says() { # TEXT [SECONDS]
  local i
  for ((i = 0; i < ${2:-5} * 10; i++)); do grep -q -- "$1" "$disk_log" && echo yes && return; sleep 0.1; done
  tail -n 3 "$disk_log"
}
disk_outcome() { # DOMAIN: one session
  printf '{"d":"%s","policies":[{"policy-type":9,"f":0}]}' "$1" | "$LAB_TOOLS/ask" -d "$LAB_DIR/run/disk-outcome.sock"
}
# Domains and days in the store of outcomes.
disk_outcomes() {
  "$MTASTS" --config "$disk_conf" --json cache stats | python3 -c 'import json, sys
print((json.load(sys.stdin)["outcomes"] or {"domains": "no store"})["domains"])'
}
# To the last page.
fill_disk() {
  local block
  for block in 1M 4k 4k; do dd if=/dev/urandom of="$disk/filler$RANDOM" bs=$block oflag=sync; done 2>/dev/null
}

if ! error=$(mount_disk 2>&1); then
  skip "no btrfs can be made and mounted here: ${error##*$'\n'}"
else
  {
    cat "$LAB_CONF"
    printf '%s\n' "cache { directory = \"$cache\" }" "ask { socket = \"$LAB_DIR/run/disk-ask.sock\" }" \
      "outcome { socket = \"$LAB_DIR/run/disk-outcome.sock\" }" "socketmap { listen = {\"unix:$disk_socket\"} }" \
      'user = "root" group = "root"'
  } >"$disk_conf"
  mkdir -p "$LAB_DIR/run"
  start_disk_daemon
  check 'an answer while there is room' 'OK secure match=mx.good.example .*' "$(disk_ask good.example)"
  disk_outcome before.example
  sleep 1.2 # outcomes are on disk within a second
  check 'an outcome while there is room' 1 "$(disk_outcomes)"
  fill_disk
  for ((i = 0; i < 500; i++)); do disk_outcome "full$i.example"; done
  check 'a full disk: outcomes wait, and why' yes \
    "$(disk_says "outcome: the store $cache/outcomes: cannot be written: No space left on device; outcomes are kept" 20)"
  check 'a full disk: what is known' 'OK secure match=mx.good.example .*' "$(disk_ask good.example)"
  check 'a full disk: a new domain' 'NOTFOUND.*' "$(disk_ask testing.example)"
  check 'a full disk: an invalid one' 'NOTFOUND.*' "$(disk_ask two-records.example)"
  check 'a full disk: it is said' yes "$(disk_says 'lock.mdb cannot be written')"
  check 'a full disk: the tool reads outcomes' 1 "$(disk_outcomes)"
  rm -f "$disk"/filler*
  sync
  check 'room again: outcomes are written' yes "$(disk_says "outcome: the store $cache/outcomes is written again" 20)"
  check 'room again: none is lost' 501 "$(disk_outcomes)"
  check 'a line each' '1 1' "$(grep -c 'outcome: .* cannot be written' "$disk_log") $(grep -c 'outcome: .* is written again' "$disk_log")"
  fill_disk
  check 'a full disk: the tool reads' '.*good.example.*' "$(mtasts cache list)"
  kill -KILL $disk_daemon
  wait $disk_daemon 2>/dev/null
  check 'a full disk: the tool without mtastsd' '.*good.example.*' "$(mtasts cache list)"
  fill_disk # what the killed process has given back
  start_disk_daemon
  check 'a full disk: after a start' 'OK secure match=mx.good.example .*' "$(disk_ask good.example)"
  check 'a full disk: it lives' yes "$(kill -0 $disk_daemon && echo yes)"
  rm -f "$disk"/filler*
  sync
  check 'room again: an answer' 'NOTFOUND.*' "$(disk_ask testing.example)"
  check 'room again: it is said' yes "$(disk_says 'lock.mdb can be written again' 20)"
  check 'room again: the file is whole' 0 "$(mtasts cache verify >/dev/null 2>&1; echo $?)"
  check 'room again: what was learnt is stored' '.*testing.example.*' "$(mtasts cache list)"
  kill $disk_daemon
  wait $disk_daemon
  check 'it ends' 0 $?
fi
