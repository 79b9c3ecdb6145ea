#!/usr/bin/env bash
# Prefect 3.9.1: every client that `get_client` makes loads a whole file of certificate authorities (certifi's) into a TLS context
# of its own, also if the API's address is plain http on this machine and no TLS will ever be spoken. It is some 40 ms of CPU for
# each client, and a flow run makes several. Seen with an API at http://127.0.0.1:1, which is never asked here.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'prefect==3.9.1' 'sqlalchemy<2.1' 'fastapi<0.151' 2>/dev/null
cat > "$folder/seen.py" <<'PY'
import ssl, time

loaded = []
own = ssl.SSLContext.load_verify_locations

def counted(context, *words, **more):
    loaded.append(words or more)
    return own(context, *words, **more)

ssl.SSLContext.load_verify_locations = counted

import prefect
from prefect.client.orchestration import get_client

loaded.clear()
began = time.process_time()
clients = [get_client() for _ in range(5)]
took = (time.process_time() - began) / 5
print("prefect", prefect.__version__, "|", clients[0].api_url, "| files loaded:", len(loaded), f"| {took * 1000:.0f} ms of CPU a client")
assert str(clients[0].api_url).startswith("http://")
assert len(loaded) == 5
PY
HOME="$folder" PREFECT_API_URL=http://127.0.0.1:1/api "$folder/venv/bin/python" -W ignore "$folder/seen.py"
