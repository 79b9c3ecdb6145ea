"""A request in a revision of the protocol that is not spoken here is answered with those that are.

Specification: revision 2026-07-28, "Streamable HTTP", ``UnsupportedProtocolVersionError`` (-32022). The SDK looks at the
message first, and so tells a client of a later revision only that members are missing. A request that names its revision itself
can be sent again in a revision that has such requests, and not in one that begins with ``initialize``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from mcp.shared.inbound import MCP_PROTOCOL_VERSION_HEADER
from mcp_types import PROTOCOL_VERSION_META_KEY, UNSUPPORTED_PROTOCOL_VERSION
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS, MODERN_PROTOCOL_VERSIONS
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

SPOKEN = (*HANDSHAKE_PROTOCOL_VERSIONS, *MODERN_PROTOCOL_VERSIONS)
_HEADER = MCP_PROTOCOL_VERSION_HEADER.encode("ascii")
_MOST = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Versions:
    """Passes a request on if its header names one spoken revision or none, and answers 400 itself if not."""

    app: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        named = [value.decode("latin-1") for name, value in scope.get("headers", ()) if name == _HEADER]
        if all(one in SPOKEN for one in named) and len(set(named)) <= 1:
            await self.app(scope, receive, send)
            return
        requested = ", ".join(dict.fromkeys(named))[:_MOST]
        message = _read(await Request(scope, receive).body())  # the guard before has read it, and bounds its size
        fit = MODERN_PROTOCOL_VERSIONS if _names_its_own(message) else SPOKEN
        error = {
            "code": UNSUPPORTED_PROTOCOL_VERSION,
            "message": f"Unsupported protocol version {requested!r}; this server speaks {', '.join(SPOKEN)}",
            "data": {"supported": list(fit), "requested": requested},
        }
        answer = {"jsonrpc": "2.0", "id": _id(message), "error": error}
        await JSONResponse(answer, status_code=400)(scope, receive, send)


def _read(body: bytes) -> dict[str, Any]:
    """The message in *body*; an empty one if it is not an object."""
    try:
        message = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return message if isinstance(message, dict) else {}


def _names_its_own(message: dict[str, Any]) -> bool:
    """Is *message* a request of the revisions that have no handshake?"""
    params = message.get("params")
    meta = params.get("_meta") if isinstance(params, dict) else None
    return isinstance(meta, dict) and PROTOCOL_VERSION_META_KEY in meta


def _id(message: dict[str, Any]) -> str | int | None:
    """The id of the request *message*, if there is one to answer to."""
    found = message.get("id")
    return found if isinstance(found, str | int) and not isinstance(found, bool) else None
