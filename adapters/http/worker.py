"""Prefect's worker on this machine: create our deployments and automations in Prefect, then work on them.

It starts as a child of the server (`adapters.http.prefect`). It creates only what is missing and corrects only what we changed,
so a restart undoes nothing that an operator switched.

The work pool says how a run starts: isolated, as every process of ours. So a folder with a package of its own
named ``flows`` cannot run in place of ours.
"""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import time
from importlib import import_module
from pathlib import Path
from typing import Any

from adapters.http.prefect import POOL, PUT, answers
from foundation.processes import environments
from foundation.processes.starting import become, empty_folder, python, run

_WAIT_SECONDS = 120.0


def main() -> None:
    """Wait for the server, create everything, and give this process to the worker."""
    _wait(os.environ["PREFECT_API_URL"])
    with empty_folder() as folder:
        pool = _Pool(folder)
        if not pool.update():
            pool.create()
        put = import_module("flows.prefect.put")
        plan = asyncio.run(put.compare(import_module("flows.prefect.deployments").completed(prefect_file().read_text())))
        asyncio.run(put.correct(plan.changed))
        if plan.missing:
            entries = Path(folder) / "prefect.yaml"
            entries.write_text(plan.missing)
            _prefect(folder, "deploy", "--all", "--prefect-file", str(entries))
    automations = import_module("flows.prefect.automations")
    asyncio.run(automations.apply())
    print("arcops: deployments and automations are created", flush=True)
    (Path(os.environ["PREFECT_HOME"]) / PUT).touch()
    command = python("prefect", "--no-prompt", "worker", "start", "--pool", POOL, "--type", "process")
    become(command, environment=environments.of_sealer(os.environ), folder="/")


class _Pool:
    """The work pool, whose runs start with our own command."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._template = Path(folder) / "pool.json"
        self._template.write_text(json.dumps(template()))

    def update(self) -> bool:
        """Tell an existing pool how its runs start. Does it exist?"""
        if _asked(self._folder, "work-pool", "inspect", POOL, quiet=True):
            return False
        _prefect(self._folder, "work-pool", "update", POOL, "--base-job-template", str(self._template))
        return True

    def create(self) -> None:
        _prefect(self._folder, "work-pool", "create", POOL, "--type", "process", "--base-job-template", str(self._template))


def template() -> dict[str, Any]:
    """Prefect's own job template for processes, with the command that starts our runs."""
    process = import_module("prefect.workers.process")
    made: dict[str, Any] = process.ProcessWorker.get_default_base_job_template()
    made["variables"]["properties"]["command"]["default"] = shlex.join(python("prefect.engine"))
    return made


def prefect_file() -> Path:
    """Our ``prefect.yaml``: beside the packages in a checkout, inside `flows` in an installation."""
    flows = Path(str(import_module("flows").__file__)).parent
    return next(path for path in (flows / "prefect.yaml", flows.parent / "prefect.yaml") if path.is_file())


def _prefect(folder: str, *words: str) -> None:
    if code := _asked(folder, *words):
        raise SystemExit(f"'prefect {' '.join(words[:2])}' ended with {code}")


def _asked(folder: str, *words: str, quiet: bool = False) -> int:
    """The exit code of Prefect's command line. It is told how to reach the server, and none of our secrets."""
    command = python("prefect", "--no-prompt", *words)
    return run(command, environment=environments.of_client(os.environ), folder=folder, quiet=quiet)


def _wait(api: str) -> None:
    until = time.monotonic() + _WAIT_SECONDS
    while time.monotonic() < until:
        if answers(api):
            return
        time.sleep(0.5)
    raise SystemExit(f"Prefect's server did not answer within {_WAIT_SECONDS:.0f} seconds")


if __name__ == "__main__":
    main()
