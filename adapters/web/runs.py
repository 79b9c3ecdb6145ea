"""The page of the run in Prefect that made an artifact, if the artifact names a run."""

from __future__ import annotations

import re

from arcops.result import Report
from foundation.settings import Settings

_RUN = re.compile(r"prefect/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?:/[0-9a-f]{1,64})?\Z")
_API = "/api"


def run_of(report: Report, settings: Settings, engine: str) -> str:
    """The address of the run's page at *engine*, the address of Prefect's pages, or at the API of *settings*; or empty.

    The report's ``runner`` is ``prefect/RUN/DIGEST`` (`flows.subjects.evaluation`), and Prefect's pages show a run at
    ``runs/flow-run/RUN`` (Prefect 3, ``prefect.utilities.urls``).
    """
    found = _RUN.match(report.runner)
    pages = engine or _pages_of(settings.prefect_api)
    return f"{pages.rstrip('/')}/runs/flow-run/{found[1]}" if found and pages else ""


def _pages_of(api: str) -> str:
    """A server shows its pages beside its API; those of other services are somewhere else."""
    return api.rstrip("/").removesuffix(_API) if api.rstrip("/").endswith(_API) else ""
