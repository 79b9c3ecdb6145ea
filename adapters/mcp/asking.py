"""One request to an MCP server in revision 2026-07-28, over HTTP, and its answer.

Specification: revision 2026-07-28, "Streamable HTTP". A request stands alone in this revision: no session is begun, and its
``_meta`` says who asks and what that client can do. The SDK's client takes longer to import than most commands take in all.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING, Any

from adapters.mcp.names import TASKS
from arcops.errors import ArcOpsError, Refused, Unavailable
from foundation.telemetry.spans import traceparent

if TYPE_CHECKING:
    from foundation.egress.web import AsyncClient, Response

VERSION = "2026-07-28"
_PREFIX = "io.modelcontextprotocol/"
_INVALID_PARAMS = -32602
_ID = 1
_MOST_ANSWER = 256 * 1024 * 1024
_MOST_SAID = 1000
_STREAM = "text/event-stream"


class Asking:
    """Sends requests by *http* to *endpoint*; ``tasks`` says that a tool may answer with the handle of a task."""

    def __init__(self, http: AsyncClient, endpoint: str, *, tasks: bool) -> None:
        self._http = http
        self._endpoint = endpoint
        self._able: dict[str, Any] = {"extensions": {TASKS: {}}} if tasks else {}

    async def ask(self, method: str, name: str, params: Mapping[str, Any], meta: Mapping[str, Any] | None = None) -> Any:
        """The result of *method* about *name*, the tool or the task that *params* names.

        Raises `Refused` if the server refuses the request, and `Unavailable` for any other answer that is no result.
        """
        about = {
            f"{_PREFIX}protocolVersion": VERSION,
            f"{_PREFIX}clientInfo": {"name": "arcops", "version": "1"},
            f"{_PREFIX}clientCapabilities": self._able,
            **({"traceparent": parent} if (parent := traceparent()) else {}),
        }
        body = {"jsonrpc": "2.0", "id": _ID, "method": method, "params": {**params, "_meta": {**about, **(meta or {})}}}
        headers = {
            "Accept": f"application/json, {_STREAM}",
            "MCP-Protocol-Version": VERSION,
            "Mcp-Method": method,
            "Mcp-Name": name,
        }
        async with self._http.stream("POST", self._endpoint, json=body, headers=headers) as response:
            async for message in _messages(response):
                if message.get("id") == _ID and "result" in message:
                    return message["result"]
                if isinstance(error := message.get("error"), Mapping):
                    raise self._raised(error, response.status_code)
            raise Unavailable(
                f"no ArcOps server answers at {self._endpoint} (status {response.status_code}, and no message of MCP); "
                "is it running there?"
            )

    def _raised(self, error: Mapping[str, Any], status: int) -> ArcOpsError:
        said = f"the server at {self._endpoint} answered: {str(error.get('message', ''))[:_MOST_SAID]}"
        return Refused(said) if error.get("code") == _INVALID_PARAMS else Unavailable(said)


async def _messages(response: Response) -> AsyncIterator[Mapping[str, Any]]:
    """The messages of *response*, which is one message, or a stream of events (HTML Living Standard, section 9.2)."""
    if not response.headers.get("content-type", "").lower().startswith(_STREAM):
        if (message := _message(b"".join([part async for part in _bounded(response)]))) is not None:
            yield message
        return
    data: list[bytes] = []
    async for line in _lines(_bounded(response)):
        if line.startswith(b"data:"):
            data.append(line[5:].removeprefix(b" "))
        elif not line and data:
            if (message := _message(b"\n".join(data))) is not None:
                yield message
            data = []


async def _lines(parts: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    rest = bytearray()
    async for part in parts:
        rest += part
        if b"\n" not in part:
            continue
        *whole, last = rest.split(b"\n")
        rest = last
        for line in whole:
            yield bytes(line).removesuffix(b"\r")


async def _bounded(response: Response) -> AsyncIterator[bytes]:
    size = 0
    async for part in response.aiter_bytes():
        size += len(part)
        if size > _MOST_ANSWER:
            raise Unavailable(f"the answer of the server has more than {_MOST_ANSWER:,} bytes; ask for less")
        yield part


def _message(text: bytes) -> Mapping[str, Any] | None:
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return message if isinstance(message, dict) else None
