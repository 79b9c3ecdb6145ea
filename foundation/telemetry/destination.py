"""Where traces go: decided by `foundation.telemetry.traces`, heeded by `foundation.telemetry.otel`."""

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
"""Why a collector is reached."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Traces:
    """Where traces go. ``endpoint`` is the URL that takes them by leave of ``tier``, ``here`` if it is on this machine."""

    endpoint: str = ""
    tier: Tier = Tier.AIR_GAPPED
    here: bool = False
    file: Path | None = None
