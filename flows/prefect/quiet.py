"""Settings for every process of Prefect, so that it contacts no one. Only data: it is read before Prefect is imported."""

from __future__ import annotations

QUIET = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_CLOUD_ENABLE_ORCHESTRATION_TELEMETRY": "false",
    # The ephemeral server costs more than a whole check, and times out on a busy machine. A flow needs a real API.
    "PREFECT_SERVER_EPHEMERAL_ENABLED": "false",
    # A run that sends nothing for three of these is lost (`flows.prefect.automations`). It is the shortest that Prefect allows.
    "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30",
}
