#!/usr/bin/env bash
# docker-registry 2.8.2 (Debian 12): an upload that has no byte yet and one that has a byte both answer "Range: 0-0". The range of the OCI
# Distribution Specification is inclusive, so "0-0" reads as one byte; a client that goes on after a broken piece from there would leave
# the first byte out, and the digest would be refused at the end. What is there can be told only from two bytes on.
# Seen: POST 0-0, GET 0-0, PATCH of one byte 0-0, PATCH of one byte more 0-1.
set -euo pipefail
folder=$(mktemp -d); trap 'kill "${server:-0}" 2>/dev/null || true; rm -rf "$folder"' EXIT
cd "$folder"
apt-get -qq download docker-registry=2.8.2+ds1-1
dpkg -x docker-registry_*.deb .
echo '{"version": 0.1, "log": {"level": "info"}, "storage": {"inmemory": {}}, "http": {"addr": "127.0.0.1:0"}}' > registry.yml
usr/bin/docker-registry serve registry.yml > log 2>&1 & server=$!
until grep -q 'listening on' log; do kill -0 "$server"; sleep 0.1; done
address=$(grep -o 'listening on 127[.0-9:]*' log | head -1 | cut -d' ' -f3)
of() { tr -d '\r' < answer | grep -i "^$1:" | cut -d' ' -f2; }
ask() { curl -si -o answer "$@"; echo "$1 $2: Range $(of range)"; }
ask -X POST "http://$address/v2/a/blobs/uploads/"; none=$(of range)
ask -X GET "$(of location)"; still=$(of range)
ask -X PATCH -H 'Content-Type: application/octet-stream' -H 'Content-Range: 0-0' --data-binary x "$(of location)"; one=$(of range)
ask -X PATCH -H 'Content-Type: application/octet-stream' -H 'Content-Range: 1-1' --data-binary y "$(of location)"; two=$(of range)
[ "$none $still $one $two" = "0-0 0-0 0-0 0-1" ] || { echo "it says something else now" >&2; exit 1; }
