"""Sending spans to a site's collector, over OTLP/HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from arcops.tier import Tier
from foundation.egress.permission import Purpose, permitted
from foundation.egress.remotes import HERE, NotAsked

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter


def exporter(tier: Tier, endpoint: str, purpose: Purpose, *, seconds: float | None) -> SpanExporter:
    """An exporter of spans to *endpoint*, each batch within *seconds*, or as its own variables say. Raises `Refused`."""
    to = permitted(tier, endpoint, purpose)
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from requests import ConnectionError as NoConnection
    from requests import RequestException, Response, Session

    class Asking(Session):
        """Leaves a collector alone that does not answer; the exporter itself tries again."""

        def request(self, *words: Any, **more: Any) -> Response:
            try:
                with HERE.asking(to, (RequestException,)):
                    return super().request(*words, **more)
            except NotAsked as error:
                raise NoConnection(str(error)) from error

    session = Asking()
    session.trust_env = not to.here  # what is for this machine goes through no proxy
    return OTLPSpanExporter(endpoint=endpoint, session=session, timeout=seconds)
