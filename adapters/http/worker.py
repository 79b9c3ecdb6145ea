"""Prefect's worker on this machine: create our deployments and automations in Prefect, then work on them.

It starts as a child of the server (`adapters.http.prefect`). It creates only what is missing and corrects only what we changed,
so a restart undoes nothing that an operator switched.

The work pool says how a run starts: isolated, as every process of ours. So a folder with a package of its own
named ``flows`` cannot run in place of ours. The process that starts hands the run to one that is warm, if there is one.
"""

from __future__ import annotations

import asyncio
import os
import shlex
import time
from importlib import import_module
from pathlib import Path
from typing import Any

from adapters.http.prefect import ENGINE, POOL, PUT, RUNS, answers
from foundation.processes import environments
from foundation.processes.starting import become, python

_WAIT_SECONDS = 120.0


def main() -> None:
    """Wait for the server, create everything, and give this process to the worker."""
    _wait(os.environ["PREFECT_API_URL"])
    asyncio.run(_put())
    print("arcops: deployments and automations are created", flush=True)
    (Path(os.environ["PREFECT_HOME"]) / PUT).touch()
    command = python("prefect", "--no-prompt", "worker", "start", "--pool", POOL, "--type", "process")
    become(command, environment=environments.of_sealer(os.environ), folder="/")


async def _put() -> None:
    put = import_module("flows.prefect.put")
    await put.put_pool(POOL, template(Path(os.environ["PREFECT_HOME"]) / RUNS))
    plan = await put.compare(import_module("flows.prefect.deployments").completed(prefect_file().read_text()))
    await put.correct(plan.changed)
    await put.create(plan.missing)
    await import_module("flows.prefect.automations").apply()


def template(runs: Path) -> dict[str, Any]:
    """Prefect's own job template for processes, with the command that starts our runs: it hands them over at *runs*."""
    process = import_module("prefect.workers.process")
    made: dict[str, Any] = process.ProcessWorker.get_default_base_job_template()
    command = python("foundation.processes.handed", str(runs), ENGINE)
    made["variables"]["properties"]["command"]["default"] = shlex.join(command)
    return made


def prefect_file() -> Path:
    """Our ``prefect.yaml``: beside the packages in a checkout, inside `flows` in an installation."""
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
