"""Where traces go: decided by `foundation.telemetry.traces`, heeded by `foundation.telemetry.otel`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Traces:
    """Where traces go. ``endpoint`` is the URL that takes them, ``here`` says that it is on this machine."""

    endpoint: str = ""
    here: bool = False
    file: Path | None = None
