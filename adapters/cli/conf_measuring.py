"""What the configuration service measures of itself: fetches and how long they take, validations, subscribers and what was
sent to them, the age of what says what is newest; and a span for each request, which names the artifact.

A span of publishing names the same artifact, so a trace is followed from a release to its last fetch by that.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from prometheus_client import Counter, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from adapters.http.configuration import Configuration
from adapters.http.metrics import Metrics
from foundation.telemetry.spans import Span, begin

_ASK = "arcops.config.ask"
_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.5)
"""In seconds; the specification asks for 0.2 and 0.3."""
_JUDGES = ("ValidateDraft", "Publish")
_STREAM = "SubscribeConfigUpdates"
_MOST_JUDGED = 4096
"""So much of the answer to a validation is looked at: its verdict stands at its beginning."""


class ConfigurationMetrics(Metrics):
    """The metrics of a door, and those of the services *measured* at it."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.requests = Counter(
            "arcops_config_requests",
            "Requests to the configuration service.",
            ("organisation", "operation", "status"),
            registry=self._registry,
        )
        self.seconds = Histogram(
            "arcops_config_seconds",
            "How long requests took, without streams of updates.",
            ("organisation", "operation"),
            buckets=_BUCKETS,
            registry=self._registry,
        )
        self.judged = Counter(
            "arcops_config_validations", "Drafts that were judged.", ("organisation", "verdict"), registry=self._registry
        )
        self.sent = Counter(
            "arcops_config_events", "Releases that were sent to subscribers.", ("organisation",), registry=self._registry
        )
        self._services = _Services()
        self._registry.register(self._services)

    def about(self, made: Configuration, organisation: str = "") -> Measured:
        """The service *made*, measured."""
        self._services.found.append((organisation, made))
        for verdict in ("GREEN", "AMBER", "RED"):
            self.judged.labels(organisation, verdict)
        self.sent.labels(organisation)
        return Measured(app=made, organisation=organisation, metrics=self, artifact=_artifact_of(made))


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """``app``, measured. ``artifact`` says which artifact a request asked for, if it did."""

    app: ASGIApp
    organisation: str
    metrics: ConfigurationMetrics
    artifact: Callable[[Any], str]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        seen = _Seen(began=time.monotonic(), sent=self.metrics.sent.labels(self.organisation))
        span = begin("conf", parent=Headers(scope=scope).get("traceparent", ""), served=True)
        error = ""

        async def noted(message: Message) -> None:
            seen.note(message, scope)
            await send(message)

        try:
            with span.inside():
                await self.app(scope, receive, noted)
        except BaseException as raised:
            error = type(raised).__name__
            raise
        finally:
            self._ended(scope, seen, span)
            span.end(error)

    def _ended(self, scope: Scope, seen: _Seen, span: Span) -> None:
        asked = scope.get(_ASK)
        operation = asked.operation.name if asked is not None else "other"
        status = f"{seen.status // 100}xx" if seen.status else "none"
        self.metrics.requests.labels(self.organisation, operation, status).inc()
        if operation != _STREAM:
            self.metrics.seconds.labels(self.organisation, operation).observe(time.monotonic() - seen.began)
        if operation in _JUDGES and (verdict := seen.verdict()):
            self.metrics.judged.labels(self.organisation, verdict).inc()
        if span.traced is not None and asked is not None:
            span.say(tool=asked.operation.tool.name, outcome=status, artifact=self.artifact(asked))


@dataclass(slots=True, kw_only=True)
class _Seen:
    """What passed by of one answer."""

    began: float
    sent: Counter
    status: int = 0
    body: bytes = b""

    def note(self, message: Message, scope: Scope) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            return
        body = message.get("body", b"")
        asked = scope.get(_ASK)
        if asked is None:
            return
        if asked.operation.name == _STREAM:
            if b"\nevent: release\n" in body:
                self.sent.inc()
        elif asked.operation.name in _JUDGES and len(self.body) < _MOST_JUDGED:
            self.body += body[:_MOST_JUDGED]

    def verdict(self) -> str:
        """The verdict in an answer; RED if it was refused for that."""
        if self.status == 422:
            return "RED" if b"the draft is RED" in self.body else ""
        place = self.body.find(b'"verdict":"')
        found = self.body[place + 11 : place + 16].split(b'"')[0].decode("ascii", "replace") if place >= 0 else ""
        return found if found in ("GREEN", "AMBER", "RED") else ""


def _artifact_of(made: Configuration) -> Callable[[Any], str]:
    def artifact(asked: Any) -> str:
        given = asked.arguments
        if asked.operation.name != "GetConfig":
            return str(given.get("current") or given.get("artifact") or "")
        try:
            found = made.served.reading.get(
                given["client"], given["profile"], schema=given.get("schema", ""), who=given.get("machine", "")
            )
        except Exception:  # it was refused: there is no artifact
            return ""
        return found.row.artifact

    return artifact


@dataclass(slots=True, eq=False)
class _Services(Collector):
    """The state of the services at the moment of the request."""

    found: list[tuple[str, Configuration]] = field(default_factory=list)

    def collect(self) -> Iterator[Metric]:
        label = ("organisation",)
        subscribers = GaugeMetricFamily("arcops_config_subscribers", "Clients that wait for releases.", labels=label)
        newest = GaugeMetricFamily("arcops_config_newest_position", "The log's position of the newest release.", labels=label)
        ends = GaugeMetricFamily(
            "arcops_config_metadata_ends_timestamp_seconds",
            "Until when machines take what says what is newest, in seconds since 1970; 0 if there is nothing.",
            labels=label,
        )
        for organisation, made in self.found:
            subscribers.add_metric((organisation,), made.subscribers.count)
            newest.add_metric((organisation,), made.served.reading.last)
            ends.add_metric((organisation,), _ends(made.served.metadata))
        yield from (subscribers, newest, ends)


def _ends(metadata: Callable[[str], bytes]) -> float:
    from datetime import datetime

    try:
        said = json.loads(metadata("timestamp.json"))["signed"]["expires"]
        return datetime.fromisoformat(said).timestamp()
    except Exception:  # nothing is there yet, or it cannot be read: that is what 0 says
        return 0.0
