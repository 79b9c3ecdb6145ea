"""A collector of traces on loopback: takes OTLP over HTTP as protobuf, as real ones do, and keeps what came."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest, ExportTraceServiceResponse

_PATIENCE_SECONDS = 30.0


@dataclass(frozen=True, kw_only=True)
class Spanned:
    """A span as it came, its ids in hexadecimal."""

    trace: str
    id: str
    parent: str
    name: str
    kind: int
    failed: bool
    said: str
    began: int
    ended: int
    attributes: dict[str, str]


@dataclass(kw_only=True)
class Collected:
    """``endpoint`` is what clients are told; ``headers`` are those of each request."""

    endpoint: str = ""
    spans: list[Spanned] = field(default_factory=list)
    services: set[str] = field(default_factory=set)
    headers: list[dict[str, str]] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)

    def until(self, found: Callable[[Sequence[Spanned]], bool]) -> list[Spanned]:
        """The spans, as soon as *found* is true for them."""
        end = time.monotonic() + _PATIENCE_SECONDS
        with self.changed:
            while not found(self.spans):
                if not self.changed.wait(end - time.monotonic()):
                    raise AssertionError(f"not all spans came; these did: {[one.name for one in self.spans]}")
            return list(self.spans)

    def take(self, body: bytes) -> None:
        """Keep what *body* holds. Raises if it is not a request of this kind."""
        request = ExportTraceServiceRequest.FromString(body)
        with self.changed:
            for resource in request.resource_spans:
                self.services |= {one.value.string_value for one in resource.resource.attributes if one.key == "service.name"}
                for scope in resource.scope_spans:
                    for one in scope.spans:
                        self.spans.append(
                            Spanned(
                                trace=one.trace_id.hex(),
                                id=one.span_id.hex(),
                                parent=one.parent_span_id.hex(),
                                name=one.name,
                                kind=one.kind,
                                failed=one.status.code == one.status.STATUS_CODE_ERROR,
                                said=one.status.message,
                                began=one.start_time_unix_nano,
                                ended=one.end_time_unix_nano,
                                attributes={pair.key: pair.value.string_value for pair in one.attributes},
                            )
                        )
            self.changed.notify_all()


@contextmanager
def collecting() -> Iterator[Collected]:
    """A collector, until the block ends."""
    collected = Collected()

    class Takes(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            collected.headers.append({name.lower(): value for name, value in self.headers.items()})
            right = self.path == "/v1/traces" and self.headers["Content-Type"] == "application/x-protobuf"
            if right:
                collected.take(body)
            answer = ExportTraceServiceResponse().SerializeToString()
            self.send_response(200 if right else 404)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            """Nothing: the test reads ``spans``."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Takes)
    collected.endpoint = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield collected
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
