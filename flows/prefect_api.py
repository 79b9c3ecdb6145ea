"""The one door to Prefect: told not to call out before it is imported, for it reads these settings while it is.

What an operator set already stays as it is.
"""

# ruff: noqa: E402  # the environment must be set before the import below

from __future__ import annotations

import os

QUIET = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_CLOUD_ENABLE_ORCHESTRATION_TELEMETRY": "false",
    # The ephemeral server costs more than a whole check and times out on a busy machine; a flow needs a real API.
    "PREFECT_SERVER_EPHEMERAL_ENABLED": "false",
}

for _name, _value in QUIET.items():
    os.environ.setdefault(_name, _value)

from prefect import State, flow, task
from prefect.cache_policies import NO_CACHE
from prefect.states import Completed, Failed

__all__ = ["NO_CACHE", "Completed", "Failed", "State", "flow", "task"]
