"""Sending spans to a site's collector, over OTLP/HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING

from arcops.tier import Tier
from foundation.egress.permission import Purpose, permitted

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter


def exporter(tier: Tier, endpoint: str, purpose: Purpose, *, seconds: float | None) -> SpanExporter:
    """An exporter of spans to *endpoint*, each batch within *seconds*, or as its own variables say. Raises `Refused`."""
    to = permitted(tier, endpoint, purpose)
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from requests import Session

    session = Session()
    session.trust_env = not to.here  # what is for this machine goes through no proxy
    return OTLPSpanExporter(endpoint=endpoint, session=session, timeout=seconds)
