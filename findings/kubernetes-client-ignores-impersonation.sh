#!/usr/bin/env bash
# kubernetes (Python client) 36.0.3: the field `as` of a kubeconfig's user (impersonation; kubectl sends it as Impersonate-User) is
# read by nothing and refused by nothing: the request carries no Impersonate-User header, so a check looks with other rights than
# kubectl does with the same file.
# Seen on CPython 3.11: accept, accept-encoding, authorization, content-type, host and user-agent, and no impersonate-user.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check 'kubernetes==36.0.3'
cat > "$folder/seen.py" <<'PY'
import json, pathlib, sys, threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.metadata import version

seen = []

class Api(BaseHTTPRequestHandler):
    def do_GET(self):
        seen.append({name.lower(): value for name, value in self.headers.items()})
        body = json.dumps({"kind": "NamespaceList", "apiVersion": "v1", "metadata": {}, "items": []}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words):
        pass

server = HTTPServer(("127.0.0.1", 0), Api)
threading.Thread(target=server.serve_forever, daemon=True).start()
file = pathlib.Path(sys.argv[1]) / "config"
file.write_text(json.dumps({
    "apiVersion": "v1", "kind": "Config", "current-context": "c",
    "clusters": [{"name": "a", "cluster": {"server": f"http://127.0.0.1:{server.server_port}"}}],
    "users": [{"name": "u", "user": {"token": "t", "as": "auditor", "as-groups": ["auditors"]}}],
    "contexts": [{"name": "c", "context": {"cluster": "a", "user": "u"}}],
}))
from kubernetes import client, config
client.CoreV1Api(config.new_client_from_config(str(file))).list_namespace()
names = sorted(seen[0])
print("kubernetes", version("kubernetes"), "sent", names)
assert version("kubernetes") == "36.0.3"
assert seen[0]["authorization"] == "Bearer t"
assert not [name for name in names if name.startswith("impersonate")], "it impersonates now: the finding no longer holds"
PY
"$folder/venv/bin/python" "$folder/seen.py" "$folder"
