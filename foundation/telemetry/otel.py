"""The tracer itself, on OpenTelemetry's SDK. Only `foundation.telemetry.traces` imports it, if traces are on."""

from __future__ import annotations

import base64
import json
import logging
import os
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from google.protobuf.json_format import MessageToDict  # type: ignore[import-untyped]  # it ships no types
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import Span as OtelSpan
from opentelemetry.trace import SpanKind, StatusCode, format_span_id, format_trace_id, use_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from arcops.errors import Refused
from foundation.egress.spans import exporter
from foundation.telemetry.destination import PURPOSE, Traces

_log = logging.getLogger(__name__)

ATTRIBUTES = {
    "request": "arcops.request.id",
    "run": "arcops.run.id",
    "artifact": "arcops.artifact.digest",
    "verdict": "arcops.verdict",
    "tool": "arcops.tool",
    "flow": "arcops.flow",
    "gate": "arcops.gate",
    "collector": "arcops.collector",
    "outcome": "arcops.outcome",
}
"""The names of `foundation.telemetry.spans.Known` in a trace."""
_SECONDS = 3.0
"""How long a batch is sent to the site's collector: a command that ends waits for it."""
_w3c = TraceContextTextMapPropagator()


class Otel:
    """A tracer that sends its spans to the given place. Raises `Refused` if that is a file that cannot be written."""

    def __init__(self, where: Traces) -> None:
        named = {} if os.environ.get("OTEL_SERVICE_NAME") else {SERVICE_NAME: "arcops"}
        self._provider = TracerProvider(resource=Resource.create(named))
        for one in _exporters(where):
            self._provider.add_span_processor(BatchSpanProcessor(one))
        self._tracer = self._provider.get_tracer("arcops")

    def begin(self, name: str, parent: str, served: bool, what: Mapping[str, str]) -> OneSpan:
        """As `foundation.telemetry.spans.Tracer`. A *parent* that is not a traceparent is ignored."""
        context = _w3c.extract({"traceparent": parent}, Context()) if parent else Context() if served else None
        kind = SpanKind.SERVER if served else SpanKind.INTERNAL
        return OneSpan(self._tracer.start_span(name, context=context, kind=kind, attributes=_attributes(what)))

    def flush(self, seconds: float) -> None:
        """Send what waits."""
        self._provider.force_flush(int(seconds * 1000))


class OneSpan:
    """As `foundation.telemetry.spans.Traced`. What is added after its end is lost."""

    def __init__(self, span: OtelSpan) -> None:
        self._span = span
        context = span.get_span_context()
        self.trace = format_trace_id(context.trace_id)
        self.parent = f"00-{self.trace}-{format_span_id(context.span_id)}-{int(context.trace_flags):02x}"

    def say(self, what: Mapping[str, str]) -> None:
        if self._span.is_recording():
            self._span.set_attributes(_attributes(what))

    def end(self, error: str) -> None:
        if self._span.is_recording():
            if error:
                self._span.set_status(StatusCode.ERROR, error)
            self._span.end()

    def current(self) -> AbstractContextManager[object]:
        return use_span(self._span, end_on_exit=False, record_exception=False, set_status_on_exception=False)


class ToFile(SpanExporter):
    """Appends each batch to *path* as one line of OTLP's JSON, which a collector reads elsewhere (``otlpjsonfile``)."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            os.close(self._open())
        except OSError as error:
            raise Refused(f"the file {path} in ARCOPS_TRACES cannot be written ({error.strerror}); name another") from error

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        line = json.dumps(as_json(spans), separators=(",", ":")).encode() + b"\n"
        try:
            descriptor = self._open()  # each time, so that the file may be moved away
            try:
                os.write(descriptor, line)  # at once: other processes append to the same file
            finally:
                os.close(descriptor)
        except OSError as error:
            _log.warning("traces cannot be written: %s", error.strerror)
            return SpanExportResult.FAILURE
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        """Nothing is kept open."""

    def _open(self) -> int:
        return os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)


def as_json(spans: Sequence[ReadableSpan]) -> Any:
    """*spans* in OTLP's JSON: protobuf's own, but ids in hexadecimal and enumerations as numbers."""
    made = MessageToDict(encode_spans(spans), use_integers_for_enums=True)
    for resource in made.get("resourceSpans", ()):
        for scope in resource.get("scopeSpans", ()):
            for one in scope.get("spans", ()):
                for name in ("traceId", "spanId", "parentSpanId"):
                    if name in one:
                        one[name] = base64.b64decode(one[name]).hex()
    return made


def _exporters(where: Traces) -> list[SpanExporter]:
    found: list[SpanExporter] = []
    if where.file is not None:
        found.append(ToFile(where.file))
    if where.endpoint:
        given = any(os.environ.get(name) for name in ("OTEL_EXPORTER_OTLP_TIMEOUT", "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT"))
        found.append(exporter(where.tier, where.endpoint, PURPOSE, seconds=None if given else _SECONDS))
    return found


def _attributes(what: Mapping[str, str]) -> dict[str, str]:
    return {ATTRIBUTES[name]: value for name, value in what.items()}
