#!/usr/bin/env bash
# Prefect 3.9.1: every run of a deployment has a thread that watches whether someone suspends it. When the run has ended, the run's
# process waits for that thread, which sleeps 0.2 s at a time: so each run ends up to 200 ms later, 100 ms on average, although its
# state is final and nothing is left to do. A flow without tasks has no use for the watcher. Seen with a real server on this machine.
set -euo pipefail
folder=$(mktemp -d); trap 'kill %1 2>/dev/null || true; wait; rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'prefect==3.9.1' 'sqlalchemy<2.1' 'fastapi<0.151' 2>/dev/null
export HOME="$folder" PREFECT_HOME="$folder/prefect" PREFECT_SERVER_ANALYTICS_ENABLED=false DO_NOT_TRACK=1
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
"$folder/venv/bin/prefect" server start --host 127.0.0.1 --port "$port" >"$folder/log" 2>&1 &
cat > "$folder/seen.py" <<'PY'
import time
from uuid import UUID

import prefect
from prefect import flow
from prefect._flow_run_suspension import FlowRunSuspensionRequest, observe_flow_run_suspension
from prefect.client.orchestration import get_client

with get_client(sync_client=True) as client:
    until = time.monotonic() + 120
    while client.api_healthcheck() is not None and time.monotonic() < until:
        time.sleep(0.5)

    @flow
    def nothing() -> None: ...

    run = client.create_flow_run(nothing)
waits = []
for _ in range(10):
    with observe_flow_run_suspension(UUID(str(run.id)), FlowRunSuspensionRequest()):
        time.sleep(0.05)
        ended = time.monotonic()
    waits.append(time.monotonic() - ended)
average = sum(waits) / len(waits)
print("prefect", prefect.__version__, "| the block has ended; until its watcher has:", f"{average * 1000:.0f} ms on average,", f"{max(waits) * 1000:.0f} ms at most")
assert average > 0.08
PY
PREFECT_API_URL="http://127.0.0.1:$port/api" "$folder/venv/bin/python" -W ignore "$folder/seen.py"
