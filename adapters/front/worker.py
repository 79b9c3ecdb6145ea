"""``python -m adapters.front.worker``: put our deployments and automations to Prefect, then become its worker here.

Everything that it puts may be put again, so a worker that falls and is begun anew changes nothing.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from importlib import import_module
from pathlib import Path

from adapters.front.prefect import POOL, answers

_WAIT_SECONDS = 120.0


def main() -> None:
    """Wait for the server, put everything, and hand this process over to the worker."""
    _wait(os.environ["PREFECT_API_URL"])
    prefect = (sys.executable, "-m", "prefect", "--no-prompt")
    inspect = subprocess.run([*prefect, "work-pool", "inspect", POOL], check=False, capture_output=True)
    if inspect.returncode != 0:
        subprocess.run([*prefect, "work-pool", "create", POOL, "--type", "process"], check=True)
    subprocess.run([*prefect, "deploy", "--all", "--prefect-file", str(prefect_file())], check=True)
    automations = import_module("flows.automations")
    asyncio.run(automations.apply())
    print("arcops: deployments and automations are put", flush=True)
    os.execv(sys.executable, [*prefect, "worker", "start", "--pool", POOL, "--type", "process"])  # noqa: S606  # no shell is wanted


def prefect_file() -> Path:
    """Our ``prefect.yaml``: beside the packages in a checkout, inside of `flows` where they were installed."""
    flows = Path(str(import_module("flows").__file__)).parent
    return next(path for path in (flows / "prefect.yaml", flows.parent / "prefect.yaml") if path.is_file())


def _wait(api: str) -> None:
    until = time.monotonic() + _WAIT_SECONDS
    while time.monotonic() < until:
        if answers(api):
            return
        time.sleep(0.5)
    raise SystemExit(f"Prefect's server did not answer within {_WAIT_SECONDS:.0f} seconds")


if __name__ == "__main__":
    main()
