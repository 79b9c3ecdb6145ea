#!/bin/sh
# A release: the wheel and the source archive, with their SBOM, provenance and signature, all made by ArcOps; then ArcOps judges it.
#   release.sh FOLDER BUILDER SOURCE [POLICY]
# FOLDER is new. BUILDER and SOURCE are the URIs of who builds, and of the repository. REVISION is the commit, by default the one that is checked
# out, without a change. PACKAGES is the site-packages folder with what the release runs on, by default a new one from the lock.
# It exits as `arcops check` does: 0 GREEN, 4 AMBER, 3 RED.
set -eu

[ $# -ge 3 ] || { sed -n '3,6s/^# *//p' "$0" >&2; exit 2; }
folder=$1 builder=$2 source=$3
here=$(cd "$(dirname "$0")" && pwd)
house=$(cd "$here/../.." && pwd)
policy=${4:-$here/release-policy.yaml}
python=${PYTHON:-$house/.venv/bin/python}
: "${ARCOPS:=$python -m adapters.cli}" "${SOURCE_DATE_EPOCH:=1580601600}"
export SOURCE_DATE_EPOCH

[ ! -e "$folder" ] || { echo "$folder exists; name a new folder, so that nothing else is in the release" >&2; exit 2; }
if [ -z "${REVISION:-}" ]; then
    [ -z "$(git -C "$house" status --porcelain)" ] || { echo "there are changes that are not committed; a release is of a commit" >&2; exit 2; }
    REVISION=$(git -C "$house" rev-parse HEAD)
fi
started=$(date +%s)
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

(cd "$house" && "$python" -m hatchling build -d "$folder" >/dev/null)

# Anyone can make the same wheel from the archive: nothing of this machine is in it.
mkdir "$work/source"
tar -xzf "$folder"/*.tar.gz -C "$work/source" --strip-components 1
rm "$work/source/PKG-INFO"
(cd "$work/source" && "$python" -m hatchling build -t wheel -d "$work/again" >/dev/null)
cmp "$folder"/*.whl "$work/again"/*.whl || { echo "the wheel is another one when it is built from the source archive" >&2; exit 1; }

if [ -z "${PACKAGES:-}" ]; then
    "$python" -m venv --without-pip "$work/env"
    "$python" -m pip --python "$work/env/bin/python" install --quiet --disable-pip-version-check --no-deps --no-compile \
        --require-hashes --only-binary :all: --requirement "$house/requirements.lock"
    PACKAGES=$(cd "$work/env"/lib/python3*/site-packages && pwd)
fi
version=$(basename "$folder"/*.whl | cut -d - -f 2)

cd "$house"
$ARCOPS sbom "$folder" --version "$version" --supplier 'The ArcOps founders' --licence Apache-2.0 --python "$PACKAGES"
"$python" "$here/provenance.py" "$folder" "$builder" "$source" "$REVISION" "$started"
$ARCOPS sign "$folder"
code=0
$ARCOPS check "$folder" --policy "$policy" || code=$?
exit $code
