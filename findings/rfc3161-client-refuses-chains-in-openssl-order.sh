#!/usr/bin/env bash
# rfc3161-client 1.0.9 and OpenSSL's `openssl ts`: a timestamp response that carries its chain (`-chain`) has the certificates in the order
# in which the authority was told them, the signer's first. DER orders the members of a SET by their bytes; OpenSSL does not, and accepts
# its own token. decode_timestamp_response refuses it with ValueError, "InvalidSetOrdering" at SignedData::certificates.
# Seen with OpenSSL 3.0.19: a chain of two is refused in both orders, and `openssl ts -verify` accepts both tokens.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check 'rfc3161-client==1.0.9'
cd "$folder"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.pem -subj /CN=ca -days 30 2>/dev/null
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout middle.key -out middle.csr -subj /CN=middle 2>/dev/null
printf 'basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign\n' > middle.ext
openssl x509 -req -in middle.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 -extfile middle.ext -out middle.pem 2>/dev/null
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout tsa.key -out tsa.csr -subj /CN=tsa 2>/dev/null
printf 'extendedKeyUsage=critical,timeStamping\nkeyUsage=critical,digitalSignature\n' > tsa.ext
openssl x509 -req -in tsa.csr -CA middle.pem -CAkey middle.key -CAcreateserial -days 30 -extfile tsa.ext -out tsa.pem 2>/dev/null
printf '[tsa]\ndefault_tsa=t\n[t]\nserial=serial\ncrypto_device=builtin\nsigner_digest=sha256\ndefault_policy=1.2.3.4\ndigests=sha256\n' > tsa.cnf
echo 01 > serial; echo data > data
openssl ts -query -data data -sha256 -cert -out query 2>/dev/null
cat middle.pem ca.pem > one.pem; cat ca.pem middle.pem > other.pem
for order in one other; do
  openssl ts -reply -config tsa.cnf -queryfile query -signer tsa.pem -inkey tsa.key -chain $order.pem -out $order.tsr 2>/dev/null
  openssl ts -verify -data data -in $order.tsr -CAfile ca.pem -untrusted middle.pem 2>/dev/null | grep -q OK
done
"$folder/venv/bin/python" - <<'PY'
from importlib.metadata import version
from pathlib import Path
from rfc3161_client import decode_timestamp_response

said = []
for order in ("one", "other"):
    try:
        decode_timestamp_response(Path(f"{order}.tsr").read_bytes())
        said.append("read")
    except ValueError as error:
        said.append("InvalidSetOrdering" if "InvalidSetOrdering" in str(error) else str(error))
print("rfc3161-client", version("rfc3161-client"), said)
assert version("rfc3161-client") == "1.0.9"
assert "InvalidSetOrdering" in said, "it reads such tokens now"
PY
