#!/bin/sh
# The two bases of the images, made from Debian's packages: base.tar without a shell, and build-base.tar with one.
#   base.sh FOLDER [MIRROR]      MIRROR is a Debian archive, by default that of this machine's own sources
# For sites that take no base of others. It takes mmdebstrap, and root or a user with subordinate ids. Debian signs what it reads.
set -eu

folder=${1:?usage: base.sh FOLDER [MIRROR]}
mirror=${2:-}
suite=${SUITE:-bookworm}
: "${SOURCE_DATE_EPOCH:=1580601600}"
export SOURCE_DATE_EPOCH PATH="$PATH:/usr/sbin:/sbin"
mkdir -p "$folder"

# What Python and the compiled packages take, unpacked and not set up: no shell runs in it, and none is in it. The certificates are joined
# here, because the program that does so would not run there; so are Python's own modules compiled, by content, or each start would do it.
# shellcheck disable=SC2016  # mmdebstrap puts the folder of the new root in place of $1
mmdebstrap --quiet --variant=extract \
    --include=python3-minimal,python3.11-minimal,libpython3.11-stdlib,libstdc++6,libgcc-s1,ca-certificates,tzdata,netbase \
    --extract-hook='cat "$1"/usr/share/ca-certificates/mozilla/*.crt > "$1"/etc/ssl/certs/ca-certificates.crt' \
    --extract-hook='printf "root:x:0:0:root:/root:/nonexistent\narcops:x:65532:65532:arcops:/var/lib/arcops:/nonexistent\n" > "$1"/etc/passwd' \
    --extract-hook='printf "root:x:0:\narcops:x:65532:\n" > "$1"/etc/group' \
    --extract-hook='chroot "$1" /usr/bin/python3.11 -I -m compileall -q --invalidation-mode unchecked-hash /usr/lib/python3.11' \
    --extract-hook='mkdir -p "$1"/proc "$1"/sys "$1"/dev "$1"/run && install -d -m 1777 "$1"/tmp' \
    --extract-hook='cd "$1" && rm -f bin/tar sbin/start-stop-daemon usr/sbin/* && find usr/bin -mindepth 1 ! -name "python3*" -delete' \
    --extract-hook='rm -rf "$1"/usr/share/doc "$1"/usr/share/man "$1"/usr/share/lintian "$1"/var/cache/apt "$1"/var/lib/apt/lists' \
    "$suite" "$folder/base.tar" ${mirror:+"$mirror"}

mmdebstrap --quiet --variant=minbase --include=python3,python3-venv,python3-pip "$suite" "$folder/build-base.tar" ${mirror:+"$mirror"}
