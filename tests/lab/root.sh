# Root file systems for MTAs that Debian lets nobody install beside Exim: this machine's own root
# with one of them in it, an overlay. ./roots makes what they are raised from. A script that root
# runs inside the lab sources this, and servers.sh for `stop`:
#
#   why=$(root_cannot_run postfix) || { raise_root postfix && in_root postfix postconf mail_version; }
#
# In such a root $LAB_DIR, the source tree and the build tree stand where they stand outside; DNS,
# /etc/hosts and the CAs are the lab's. The rest changes only there and is gone with the lab. It has no
# processes of its own: a daemon's pid goes to $LAB_DIR/NAME.started, and `stop NAME` ends it.
# shellcheck shell=bash

roots=$(realpath -m "$here/../../build-roots")

# The root directory, of which LAYERS takes the changes. LAYERS must not lie on a disk: no file
# system can be both layers of an overlay, one inside the other.
mount_overlay() { # LAYERS ROOT [UPPER-TAR]
  mkdir -p "$1" "$2" && mount -t tmpfs -o mode=755 tmpfs "$1" && mkdir -m 755 "$1"/{upper,work} || return
  [ -z "${3:-}" ] || tar -C "$1/upper" --xattrs --xattrs-include='*' -xpf "$3" || return
  # Written out, for the defaults are the kernel's, and a tar has to fit all of them.
  mount -t overlay overlay "$2" -o redirect_dir=off,metacopy=off,index=off \
    -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" &&
    mount --rbind /dev "$2/dev" && mount --rbind /proc "$2/proc"
}

# Says why no root can be raised here; fails where it can.
root_cannot_run() { # MTA
  local users
  read -r _ _ users </proc/self/uid_map
  if [ "$users" = 1 ]; then
    echo "$1 needs root: its programs become users of their own"
  elif [ ! -e "$roots/$1.tar" ]; then
    echo "there is no $roots/$1.tar; as root: tests/lab/roots $1"
  else
    false
  fi
}

raise_root() { # MTA
  local root=$LAB_DIR/root-$1 tree
  [ ! -d "$root" ] || return 0 # another part has done it
  mount_overlay "$LAB_DIR/layers-$1" "$root" "$roots/$1.tar" || return
  for tree in "$(realpath "$here/../..")" "$(realpath "$LAB_TOOLS/../..")" "$LAB_DIR"; do
    mkdir -p "$root$tree" && mount --bind "$tree" "$root$tree" || return
  done
  cp --remove-destination "$LAB_DIR/resolv.conf" "$root/etc/resolv.conf" &&
    cp --remove-destination "$LAB_CA" "$root/etc/ssl/certs/ca-certificates.crt" &&
    printf '%s localhost\n' 127.0.0.1 >"$root/etc/hosts" &&
    printf '%s sender.example %s\n' "${MAIL[this]}" "$(uname -n)" >>"$root/etc/hosts"
}

in_root() { chroot "$LAB_DIR/root-$1" "${@:2}"; } # MTA COMMAND…

# Before $LAB_DIR is removed: through a root that is still there, that would remove the sources too.
lower_roots() {
  local root
  for root in "$LAB_DIR"/root-* "$LAB_DIR"/layers-*; do
    [ ! -d "$root" ] || umount -l "$root"
  done
  ! cut -d' ' -f5 /proc/self/mountinfo | grep "^$LAB_DIR/" >&2
}
