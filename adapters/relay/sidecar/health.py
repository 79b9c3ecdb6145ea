"""How the sidecar is, at a port of its own without TLS and tokens: the kubelet has neither.

``/live``: the event loop runs. ``/ready``: the server spoke MCP as its resource says, and this replica does not end.
``/handshake``: what it said, for the operator. ``/metrics``: counts, without names of callers and tools.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from starlette.types import Receive, Scope, Send

from adapters.relay.sidecar import spoken
from adapters.relay.sidecar.made import Sidecar
from services.host import envelope

_JSON = b"application/json"
_TEXT = b"text/plain; version=0.0.4"


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """The application."""

    sidecar: Sidecar
    counted: Mapping[tuple[str, str], int]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        path, problem = scope["path"], self.sidecar.problem()
        if scope["method"] not in ("GET", "HEAD"):
            await _answer(send, 405, {"problem": "these addresses take GET"})
        elif path == "/live":
            await _answer(send, 200, {"alive": True})
        elif path == "/ready":
            await _answer(send, 503 if problem else 200, {"ready": not problem, "problem": problem})
        elif path == "/handshake":
            await _answer(send, 200, self._handshake(problem))
        elif path == "/metrics":
            await _send(send, 200, self._metrics(problem).encode(), _TEXT)
        else:
            await _answer(send, 404, {"problem": "here are /live, /ready, /handshake and /metrics"})

    def _handshake(self, problem: str) -> dict[str, object]:
        heard = self.sidecar.alone.spoken
        return {
            "problem": problem,
            "server": spoken.server(heard),
            "protocolVersions": spoken.versions(heard),
            "capabilities": spoken.capabilities(heard),
        }

    def _metrics(self, problem: str) -> str:
        shown = self.sidecar.alone.shown(self.sidecar.alone.name)
        lines = [
            "# HELP arcops_sidecar_ready Is the server to be asked here?",
            "# TYPE arcops_sidecar_ready gauge",
            f"arcops_sidecar_ready {0 if problem else 1}",
            "# HELP arcops_sidecar_sessions Sessions of clients.",
            "# TYPE arcops_sidecar_sessions gauge",
            f"arcops_sidecar_sessions {len(self.sidecar.relay.sessions)}",
            "# HELP arcops_sidecar_requests_total Requests that were sent to the server.",
            "# TYPE arcops_sidecar_requests_total counter",
            f"arcops_sidecar_requests_total {shown.calls if shown is not None else 0}",
            "# HELP arcops_sidecar_ended_total Sessions that the server ended by itself.",
            "# TYPE arcops_sidecar_ended_total counter",
            f"arcops_sidecar_ended_total {shown.restarts if shown is not None else 0}",
            "# HELP arcops_sidecar_calls_total Calls of tools and requests that were refused, by how they ended.",
            "# TYPE arcops_sidecar_calls_total counter",
        ]
        for (outcome, reason), count in sorted(self.counted.items()):
            lines.append(f'arcops_sidecar_calls_total{{outcome="{outcome}",reason="{reason}"}} {count}')
        return "\n".join(lines) + "\n"


async def _answer(send: Send, status: int, said: dict[str, object]) -> None:
    await _send(send, status, envelope.encoded(said), _JSON)


async def _send(send: Send, status: int, body: bytes, kind: bytes) -> None:
    headers = [(b"content-type", kind), (b"content-length", b"%d" % len(body)), (b"cache-control", b"no-store")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
