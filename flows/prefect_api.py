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
    # A run that says nothing for three of these is lost (`flows.automations`). It is the shortest that Prefect allows.
    "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30",
}

for _name, _value in QUIET.items():
    os.environ.setdefault(_name, _value)

from httpx import HTTPError
from prefect import State, flow, get_client, task
from prefect.cache_policies import NO_CACHE
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.actions import ArtifactCreate
from prefect.client.schemas.filters import (
    ArtifactFilter,
    ArtifactFilterFlowRunId,
    ArtifactFilterType,
)
from prefect.client.schemas.objects import FlowRun
from prefect.context import FlowRunContext
from prefect.deployments import arun_deployment
from prefect.events import emit_event
from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError
from prefect.states import Cancelling, Completed, Failed

__all__ = [
    "NO_CACHE",
    "ArtifactCreate",
    "ArtifactFilter",
    "ArtifactFilterFlowRunId",
    "ArtifactFilterType",
    "Cancelling",
    "Completed",
    "Failed",
    "FlowRun",
    "FlowRunContext",
    "HTTPError",
    "ObjectNotFound",
    "PrefectClient",
    "PrefectHTTPStatusError",
    "State",
    "arun_deployment",
    "emit_event",
    "flow",
    "get_client",
    "task",
]
