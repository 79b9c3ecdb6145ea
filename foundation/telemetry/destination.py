"""The destination of traces: `foundation.telemetry.traces` decides it, `foundation.telemetry.otel` uses it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from arcops.tier import Tier
from foundation.egress.permission import Purpose

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
PURPOSE = Purpose(
    what=ENDPOINT,
    form="use one like http://127.0.0.1:4318, or unset it",
    instead="unset it, set ARCOPS_TRACES to a file, or set ARCOPS_TIER to restricted",
)
"""Why a connection to a collector is opened."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Traces:
    """Where traces go. ``endpoint`` is the URL of the collector, which ``tier`` allows; ``here``: it is on this machine."""

    endpoint: str = ""
    tier: Tier = Tier.AIR_GAPPED
    here: bool = False
    file: Path | None = None
