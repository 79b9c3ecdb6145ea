#!/usr/bin/env bash
# sigstore (Python) 4.5.1: a Sigstore bundle v0.3 whose verification material is a public key hint, as the bundle format allows and as
# `cosign sign-blob --key` writes, cannot even be loaded: Bundle.from_json raises InvalidBundle. sigstore-models, which the package
# depends on, reads the same bytes. A site that signs with enrolled keys needs another reader.
# Seen on CPython 3.11.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check 'sigstore==4.5.1' 'sigstore-models==0.0.6'
cat > "$folder/seen.py" <<'PY'
import base64, json
from importlib.metadata import version

from sigstore.models import Bundle, InvalidBundle
from sigstore_models.bundle.v1 import Bundle as Model

text = json.dumps({
    "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
    "verificationMaterial": {"publicKey": {"hint": "site"}, "tlogEntries": []},
    "dsseEnvelope": {
        "payload": base64.b64encode(b'{"_type":"https://in-toto.io/Statement/v1"}').decode(),
        "payloadType": "application/vnd.in-toto+json",
        "signatures": [{"sig": base64.b64encode(bytes(64)).decode(), "keyid": "site"}],
    },
})
print("sigstore-models", version("sigstore-models"), "reads the hint", Model.from_json(text).verification_material.public_key.hint)
try:
    Bundle.from_json(text)
except InvalidBundle as error:
    print("sigstore", version("sigstore"), "refuses:", str(error).splitlines()[0])
else:
    raise SystemExit("it loads now: the finding no longer holds")
PY
"$folder/venv/bin/python" "$folder/seen.py"
