"""The only module that imports Prefect. It first turns off what calls out, because Prefect reads these settings at import.

A setting that an operator already made stays. Then it lets Prefect's clients ask again soon: on SQLite its server answers 503
whenever two requests write at the same moment, and a client would wait two seconds before it asks again (``findings/``).
"""

# ruff: noqa: E402  # the environment must be set before the import below

from __future__ import annotations

import os
from importlib import import_module
from typing import Any

from flows.prefect.quiet import QUIET

for _name, _value in QUIET.items():
    os.environ.setdefault(_name, _value)

from httpx import HTTPError
from prefect import Flow, State, flow, get_client
from prefect.client.orchestration import PrefectClient, SyncPrefectClient
from prefect.client.schemas.actions import (
    ArtifactCreate,
    DeploymentScheduleCreate,
    DeploymentUpdate,
    WorkPoolCreate,
    WorkPoolUpdate,
)
from prefect.client.schemas.filters import (
    ArtifactFilter,
    ArtifactFilterFlowRunId,
    ArtifactFilterType,
    FlowRunFilter,
    FlowRunFilterEndTime,
    FlowRunFilterId,
    FlowRunFilterState,
    FlowRunFilterStateType,
    FlowRunFilterTags,
    WorkQueueFilter,
    WorkQueueFilterName,
)
from prefect.client.schemas.objects import ConcurrencyOptions, FlowRun, StateType
from prefect.client.schemas.responses import DeploymentResponse, OrchestrationResult, SetStateStatus
from prefect.client.schemas.schedules import CronSchedule
from prefect.context import FlowRunContext
from prefect.deployments import arun_deployment
from prefect.events import (
    AutomationCore,
    ChangeFlowRunState,
    DeploymentEventTrigger,
    EventTrigger,
    Posture,
    RunDeployment,
    emit_event,
)
from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError
from prefect.logging.loggers import flow_run_logger
from prefect.settings import get_current_settings
from prefect.states import Cancelled, Cancelling, Completed, Crashed, Failed, Pending, Scheduled
from prefect.utilities.callables import parameter_schema

from foundation.telemetry.logs import take_over

_clients: Any = import_module("prefect.client.base")
_wait: Any = _clients.clamped_poisson_interval


def _wait_less(average: float, factor: float) -> Any:
    """Prefect's waits of 2, 4, 8, 16 and 32 seconds, the first three of which are shorter here: 0.03, 0.25 and 2 seconds."""
    return _wait(min(average, average**3 / 256), factor)


_clients.clamped_poisson_interval = _wait_less  # Prefect has a setting for how often a client asks again, not for how soon
take_over()  # if this process keeps a log, the lines of Prefect's client go there, too

__all__ = [
    "ArtifactCreate",
    "ArtifactFilter",
    "ArtifactFilterFlowRunId",
    "ArtifactFilterType",
    "AutomationCore",
    "Cancelled",
    "Cancelling",
    "ChangeFlowRunState",
    "Completed",
    "ConcurrencyOptions",
    "Crashed",
    "CronSchedule",
    "DeploymentEventTrigger",
    "DeploymentResponse",
    "DeploymentScheduleCreate",
    "DeploymentUpdate",
    "EventTrigger",
    "Failed",
    "Flow",
    "FlowRun",
    "FlowRunContext",
    "FlowRunFilter",
    "FlowRunFilterEndTime",
    "FlowRunFilterId",
    "FlowRunFilterState",
    "FlowRunFilterStateType",
    "FlowRunFilterTags",
    "HTTPError",
    "ObjectNotFound",
    "OrchestrationResult",
    "Pending",
    "Posture",
    "PrefectClient",
    "PrefectHTTPStatusError",
    "RunDeployment",
    "Scheduled",
    "SetStateStatus",
    "State",
    "StateType",
    "SyncPrefectClient",
    "WorkPoolCreate",
    "WorkPoolUpdate",
    "WorkQueueFilter",
    "WorkQueueFilterName",
    "arun_deployment",
    "emit_event",
    "flow",
    "flow_run_logger",
    "get_client",
    "get_current_settings",
    "parameter_schema",
]
