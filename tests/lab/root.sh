# Root file systems for MTAs: this machine's own root, or one of the other Debian, with one of them in it,
# an overlay. Debian lets no machine have two. ./roots makes what they are raised from. A script that root
# runs inside the lab sources this, and servers.sh for `stop`:
#
#   why=$(root_cannot_run postfix) || { raise_root postfix && in_root postfix postconf mail_version; }
#
# With debian=other it is the other Debian's Postfix. In such a root $LAB_DIR, the source tree and the
# build trees stand where they stand outside; DNS, /etc/hosts and the CAs are the lab's. The rest changes
# only there and is gone with the lab. It has no processes of its own: a daemon's pid goes to
# $LAB_DIR/NAME.started, and `stop NAME` ends it.
# shellcheck shell=bash

roots=$(realpath -m "$here/../../build-roots")
of_other=${debian:+other-} # before the names of what is the other Debian's
root_of() { echo "$LAB_DIR/root-$of_other$1"; } # MTA

# The root directory, of which LAYERS takes the changes. LAYERS must not lie on a disk: no file
# system can be both layers of an overlay, one inside the other.
mount_overlay() { # LAYERS ROOT [UPPER-TAR [LOWER]]
  mkdir -p "$1" "$2" && mount -t tmpfs -o mode=755 tmpfs "$1" && mkdir -m 755 "$1"/{upper,work} || return
  [ -z "${3:-}" ] || tar -C "$1/upper" --xattrs --xattrs-include='*' -xpf "$3" || return
  # Written out, for the defaults are the kernel's, and a tar has to fit all of them.
  mount -t overlay overlay "$2" -o redirect_dir=off,metacopy=off,index=off \
    -o "lowerdir=${4:-/},upperdir=$1/upper,workdir=$1/work" &&
    mount --rbind /dev "$2/dev" && mount --rbind /proc "$2/proc"
}

# The sources of an MTA's root: $tar and $lower. Exim is installed on this machine itself.
layers_of() { # MTA
  tar=$roots/$of_other$1.tar lower=/
  [ -z "$of_other" ] || lower=$roots/other
  [ "$of_other$1" != exim ] || tar=
}

# Prints why no root can be made here; fails if one can.
root_cannot_run() { # MTA
  local users tar lower
  layers_of "$1"
  read -r _ _ users </proc/self/uid_map
  if [ "$users" = 1 ]; then
    echo "$of_other$1 needs root: its programs become users of their own"
  elif [ -n "$tar" ] && [ ! -e "$tar" ]; then
    echo "there is no $tar; as root: tests/lab/roots $of_other$1"
  elif [ ! -d "$lower" ]; then
    echo "there is no $lower; as root: tests/lab/roots"
  elif [ -n "$of_other" ] && grep -qE '__(a|t)san_init' "${LAB_TOOLS%/tests/lab}/mtasts"; then
    echo "nothing of the other Debian's is built with a sanitizer"
  elif [ ! -x "$built/mtastsd" ]; then
    echo "$built/mtastsd is not built: make${debian:+ other}"
  else
    false
  fi
}

raise_root() { # MTA
  local root tree tar lower
  root=$(root_of "$1")
  [ ! -d "$root" ] || return 0 # another part has done it
  layers_of "$1"
  mount_overlay "$LAB_DIR/layers-$of_other$1" "$root" "$tar" "$lower" || return
  for tree in "$(realpath "$here/../..")" "${LAB_TOOLS%/tests/lab}" "$built" "$LAB_DIR"; do
    mkdir -p "$root$tree" && mount --bind "$tree" "$root$tree" || return
  done
  cp --remove-destination "$LAB_DIR/resolv.conf" "$root/etc/resolv.conf" &&
    mkdir -p "$root/etc/ssl/certs" &&
    cp --remove-destination "$LAB_CA" "$root/etc/ssl/certs/ca-certificates.crt" &&
    printf '%s localhost\n' 127.0.0.1 >"$root/etc/hosts" &&
    printf '%s sender.example %s\n' "${MAIL[this]}" "$(uname -n)" >>"$root/etc/hosts"
}

in_root() { chroot "$(root_of "$1")" "${@:2}"; } # MTA COMMAND…

# From here on $MTASTS is the tool as that root's Debian has built it, run there.
tool_in_root() { # MTA
  local tool=$LAB_DIR/${of_other}mtasts
  printf '#!/bin/sh\nexec chroot "%s" "%s" "$@"\n' "$(root_of "$1")" "$built/mtasts" >"$tool" &&
    chmod 755 "$tool" && MTASTS=$tool
}

lower_root() { # MTA: the next part raises it again, as it was at first
  umount -l "$(root_of "$1")" "$LAB_DIR/layers-$of_other$1" &&
    rmdir "$(root_of "$1")" "$LAB_DIR/layers-$of_other$1"
}

# Before $LAB_DIR is removed: through a root that is still there, that would remove the sources too.
lower_roots() {
  local root
  for root in "$LAB_DIR"/root-* "$LAB_DIR"/layers-*; do
    [ ! -d "$root" ] || umount -l "$root"
  done
  ! cut -d' ' -f5 /proc/self/mountinfo | grep "^$LAB_DIR/" >&2
}
