#!/bin/sh
# Runs a program in an unpacked image as a container engine would: its root is read only, one folder and /tmp can be written, processes of
# its own, no capability, the user 65532.
#   alone.sh ROOT HOME PROGRAM [ARGUMENT…]      with the environment of the caller, and HOME in place of /var/lib/arcops
set -eu
root=$1 home=$2
shift 2
if [ -z "${ARCOPS_ALONE:-}" ]; then
    export ARCOPS_ALONE=yes
    exec unshare --mount --pid --ipc --uts --fork --kill-child --propagation private "$0" "$root" "$home" "$@"
fi
unset ARCOPS_ALONE
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
mount --bind "$home" "$root/var/lib/arcops"
mount --rbind /dev "$root/dev"
mount -o remount,bind,ro "$root"
exec setpriv --no-new-privs --bounding-set=-all,+sys_chroot,+setuid,+setgid \
    chroot --userspec=65532:65532 --groups=65532 "$root" "$@"
