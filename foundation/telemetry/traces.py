"""OpenTelemetry traces, if a site configures them: to a collector over OTLP/HTTP, or to a file.

The SDK is imported only then. Its provider is our own and never the process's global one, because other libraries write error
texts with paths into their spans.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from arcops.errors import Refused
from arcops.extras import refuse_without
from arcops.tier import Tier
from foundation.egress.permission import permit, plain
from foundation.telemetry import spans
from foundation.telemetry.destination import ENDPOINT, PURPOSE, Traces

if TYPE_CHECKING:
    from foundation.telemetry.otel import Otel

SIGNAL_ENDPOINT, FILE = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "ARCOPS_TRACES"
_HEADERS = ("OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_TRACES_HEADERS")
_PROTOCOLS = ("OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL")
_SECONDS = 10.0


def read_traces(environment: Mapping[str, str], tier: Tier) -> Traces | None:
    """The destination in the environment, or nothing. Raises `Refused` if it is not a URL or *tier* does not reach it."""
    endpoint = environment.get(SIGNAL_ENDPOINT, "")
    if not endpoint and environment.get(ENDPOINT):
        endpoint = f"{environment[ENDPOINT].rstrip('/')}/v1/traces"
    file = environment.get(FILE, "")
    if not endpoint and not file:
        return None
    return Traces(
        endpoint=endpoint,
        tier=tier,
        here=bool(endpoint) and _on_this_machine(endpoint, environment, tier),
        file=Path(file).absolute() if file else None,
    )


def begin(environment: Mapping[str, str], tier: Tier) -> None:
    """Trace this process, if the environment says so; a second call changes nothing. Raises as `read_traces`."""
    global _begun
    where = read_traces(environment, tier)
    if where is None or _begun is not None:
        return
    refuse_without(("telemetry",))
    from foundation.telemetry.otel import Otel

    _begun = Otel(where)
    spans.use(_begun)


def flush() -> None:
    """Send what waits, for a process that may end without warning. It takes a few seconds at most, and never raises."""
    if _begun is not None:
        _begun.flush(_SECONDS)


def _on_this_machine(url: str, environment: Mapping[str, str], tier: Tier) -> bool:
    to = plain(url, PURPOSE)
    for name in _PROTOCOLS:
        if environment.get(name, "http/protobuf") not in ("", "http/protobuf"):
            raise Refused(f"{name} is {environment[name][:50]!r}; traces are sent as http/protobuf, so unset it")
    permit(tier, to, PURPOSE)
    if to.in_the_clear and any(environment.get(name) for name in _HEADERS):
        raise Refused(f"{ENDPOINT} is not https, so {_HEADERS[0]} would be sent unencrypted; use https")
    return to.here


_begun: Otel | None = None
