#!/usr/bin/env bash
# rfc3161-client 1.0.9: a response in which a timestamp authority says "rejection" (RFC 3161, section 2.4.2: PKIStatus 2, no token) decodes
# without an error, and its `status` is 2. What fails is the attribute `tst_info`, with ValueError and not with the package's own
# error: a program that reads the token's time and catches only the package's errors ends in a traceback at an authority's plain "no".
# Seen on CPython 3.11.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check 'rfc3161-client==1.0.9'
cat > "$folder/seen.py" <<'PY'
from importlib.metadata import version

from rfc3161_client import decode_timestamp_response

# TimeStampResp ::= SEQUENCE { status PKIStatusInfo ::= SEQUENCE { status INTEGER 2 } }
answer = decode_timestamp_response(bytes.fromhex("30053003020102"))
print("rfc3161-client", version("rfc3161-client"), "decodes a rejection; status", answer.status)
assert answer.status == 2
try:
    answer.tst_info
except ValueError as error:
    print("tst_info:", type(error).__name__, error)
    assert type(error) is ValueError
else:
    raise SystemExit("tst_info can be read now: the finding no longer holds")
PY
"$folder/venv/bin/python" "$folder/seen.py"
