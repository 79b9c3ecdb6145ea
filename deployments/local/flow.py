"""Run one flow in this process, at the Prefect of the `arcops server` on this machine: a debugger stops in it.

    python deployments/local/flow.py readiness target=model policy=pilot

The server may still be starting. ``ARCOPS_HOME`` and the key are those of the server; ``ARCOPS_SERVER`` is its address.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from importlib import import_module
from typing import Any

from flows.prefect.quiet import QUIET
from foundation.egress.permission import Purpose
from foundation.egress.web import answers
from foundation.settings import read_settings

_WAIT_SECONDS = 300.0
_PURPOSE = Purpose(what="ARCOPS_SERVER", form="write http://127.0.0.1:8420", instead="start the server on this machine")


def main() -> int:
    """Run the flow that the first argument names; 0 if it is GREEN or AMBER."""
    name, *given = sys.argv[1:]
    parameters = dict(one.split("=", 1) for one in given)
    settings = read_settings(os.environ)
    url = os.environ.get("ARCOPS_SERVER") or "http://127.0.0.1:8420"
    password = settings.cache.parent / "prefect" / "auth"
    until = time.monotonic() + _WAIT_SECONDS
    while not (password.is_file() and answers(settings.tier, f"{url}/readyz", _PURPOSE, seconds=5.0)):
        if time.monotonic() > until:
            print(f"no arcops server answers at {url} with the home of {password}; start one", file=sys.stderr)
            return 1
        time.sleep(1)
    os.environ |= {
        **QUIET,
        "PREFECT_API_URL": f"{url}/prefect/api",
        "PREFECT_API_AUTH_STRING": password.read_text().strip(),
        "PREFECT_CLIENT_CSRF_SUPPORT_ENABLED": "false",
        "PREFECT_HOME": str(password.parent / "by-hand"),
    }
    flow: Any = getattr(import_module("flows.prefect.made"), name.replace("-", "_"))
    state = asyncio.run(flow(**parameters, return_state=True))
    print(f"{state.name}: {state.message}")
    return 0 if state.is_completed() else 3


if __name__ == "__main__":
    sys.exit(main())
