#!/usr/bin/env bash
# kubernetes (Python client) 36.0.3: when the `exec` program of a kubeconfig's user fails (here it exits with 1, as a cloud's program does
# when the login ran out), loading the kubeconfig does not fail. One line is logged, and the client that comes back sends requests
# without any credential, so the cluster is asked as system:anonymous. kubectl stops with an error instead.
# Seen on CPython 3.11: one ERROR record of the logger `root`, and no Authorization header.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check 'kubernetes==36.0.3'
cat > "$folder/seen.py" <<'PY'
import json, logging, pathlib, sys, threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.metadata import version

seen, told = [], []

class Keep(logging.Handler):
    def emit(self, record):
        told.append((record.levelname, record.name))

logging.getLogger().addHandler(Keep())

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
program = {"apiVersion": "client.authentication.k8s.io/v1", "command": "false", "interactiveMode": "Never"}
file.write_text(json.dumps({
    "apiVersion": "v1", "kind": "Config", "current-context": "c",
    "clusters": [{"name": "a", "cluster": {"server": f"http://127.0.0.1:{server.server_port}"}}],
    "users": [{"name": "u", "user": {"exec": program}}],
    "contexts": [{"name": "c", "context": {"cluster": "a", "user": "u"}}],
}))
from kubernetes import client, config
client.CoreV1Api(config.new_client_from_config(str(file))).list_namespace()
print("kubernetes", version("kubernetes"), "logged", told, "and sent", sorted(seen[0]))
assert version("kubernetes") == "36.0.3"
assert ("ERROR", "root") in told, "it says so otherwise now"
assert "authorization" not in seen[0], "it sends a credential"
PY
"$folder/venv/bin/python" "$folder/seen.py" "$folder"
