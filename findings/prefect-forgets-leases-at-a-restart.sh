#!/usr/bin/env bash
# Prefect 3.9.1: by default its server keeps the leases of concurrency limits in its memory, and the slots in its database. After a
# restart the slot is still taken, but the lease is gone: who holds it is answered 410 when they renew it (a run of a deployment with
# a limit is then ended as Crashed), and 204 when they give it back, as if that had freed the slot. The store of leases in files, which
# PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE chooses, keeps them. Seen with a real server on this machine, restarted on one database.
set -euo pipefail
folder=$(mktemp -d); server=; trap 'kill $server 2>/dev/null || true; wait; rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'prefect==3.9.1' 'sqlalchemy<2.1' 'fastapi<0.151' 2>/dev/null
export HOME="$folder" PREFECT_SERVER_ANALYTICS_ENABLED=false DO_NOT_TRACK=1
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
cat > "$folder/seen.py" <<'PY'
import json
import sys
import time
import urllib.error
import urllib.request

api, step, kept = sys.argv[1:]


def ask(method, path, body=None):
    data = None if body is None else json.dumps(body).encode()
    asked = urllib.request.Request(api + path, data, {"Content-Type": "application/json"}, method=method)
    try:
        with urllib.request.urlopen(asked, timeout=30) as answer:
            return answer.status, json.loads(answer.read() or b"null")
    except urllib.error.HTTPError as error:
        if error.code == 503:  # its database is busy
            time.sleep(0.3)
            return ask(method, path, body)
        return error.code, None


until = time.monotonic() + 120
while True:
    try:
        if ask("GET", "/health")[0] == 200:
            break
    except OSError:
        pass
    assert time.monotonic() < until
    time.sleep(0.3)
if step == "take":
    made = ask("POST", "/v2/concurrency_limits/", {"name": "one", "limit": 1})
    assert made[0] == 201, made
    taken = ask("POST", "/v2/concurrency_limits/increment-with-lease", {"names": ["one"], "slots": 1, "lease_duration": 300})
    assert taken[0] == 200, taken
    open(kept, "w").write(taken[1]["lease_id"])
else:
    lease = open(kept).read()
    renewed = ask("POST", f"/v2/concurrency_limits/leases/{lease}/renew", {"lease_duration": 300})[0]
    back = ask("POST", "/v2/concurrency_limits/decrement-with-lease", {"lease_id": lease})[0]
    slots = ask("GET", "/v2/concurrency_limits/one")[1]["active_slots"]
    import prefect

    print("prefect", prefect.__version__, f"| {step}: after a restart, renew: {renewed}, give back: {back}, slots still taken: {slots}")
    assert (renewed, back, slots) == {"memory": (410, 204, 1), "filesystem": (204, 204, 0)}[step]
PY
start() { "$folder/venv/bin/prefect" server start --host 127.0.0.1 --port "$port" >"$folder/log" 2>&1 & server=$!; }
for store in memory filesystem; do
  export PREFECT_HOME="$folder/$store"
  if [ "$store" = filesystem ]; then export PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE=prefect.server.concurrency.lease_storage.filesystem; fi
  start; "$folder/venv/bin/python" -W ignore "$folder/seen.py" "http://127.0.0.1:$port/api" take "$folder/lease"
  kill "$server"; wait "$server" || true
  start; "$folder/venv/bin/python" -W ignore "$folder/seen.py" "http://127.0.0.1:$port/api" "$store" "$folder/lease"
  kill "$server"; wait "$server" || true
done
