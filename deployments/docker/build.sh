#!/bin/sh
# Builds images with Buildah, Podman or Docker, without a network.
#   build.sh BUILD_BASE BASE WHEELS [TARGET…]
# BUILD_BASE and BASE are images by digest (NAME@sha256:…); WHEELS is the folder that wheels.sh filled; targets are server, worker, operator
# and relay, by default all. ENGINE names the program and its options, CC a C compiler. The images are NAME/TARGET, and NAME is arcops by default.
set -eu

[ $# -ge 3 ] || { sed -n '2,5s/^# *//p' "$0" >&2; exit 2; }
build_base=$1 base=$2 wheels=$3
shift 3
for one in "$build_base" "$base"; do
    case $one in
    *@sha256:????????????????????????????????????????????????????????????????) ;;
    *) echo "$one names no digest; write NAME@sha256:…, so that the image stays what it is" >&2; exit 2 ;;
    esac
done
[ -d "$wheels" ] || { echo "the folder $wheels does not exist; deployments/docker/wheels.sh fills one" >&2; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)
if [ -z "${ENGINE:-}" ]; then
    for one in buildah podman docker; do
        if command -v "$one" >/dev/null; then ENGINE=$one; break; fi
    done
fi
: "${ENGINE:?there is no buildah, podman or docker on this machine}"
: "${SOURCE_DATE_EPOCH:=1580601600}"
export SOURCE_DATE_EPOCH

# Docker writes dates by SOURCE_DATE_EPOCH, the two others by an option.
dated=
case $ENGINE in *docker*) ;; *) dated="--timestamp $SOURCE_DATE_EPOCH --layers=false --pull-never" ;; esac

context=$(mktemp -d)
trap 'rm -rf "$context"' EXIT
cp "$here/relay.txt" "$context/"
"${CC:-cc}" -std=c11 -O2 -static -Wall -Wextra -Werror -o "$context/arcops-shim" "$here/../shim/arcops-shim.c"
cp -rl "$wheels" "$context/wheels" 2>/dev/null || cp -r "$wheels" "$context/wheels"

[ $# -gt 0 ] || set -- server worker operator relay
for target; do
    # shellcheck disable=SC2086  # the engine and its options are several words
    $ENGINE build $dated --network none --target "$target" --build-arg "BUILD_BASE=$build_base" --build-arg "BASE=$base" \
        -f "$here/Dockerfile" -t "${NAME:-arcops}/$target" "$context"
done
