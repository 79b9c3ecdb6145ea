"""A request in a revision of the protocol that is not spoken here is answered with those that are.

Specification: revision 2026-07-28, "Streamable HTTP", ``UnsupportedProtocolVersionError`` (-32022). The SDK looks at the
message first, and so tells a client of a later revision only that members are missing.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from mcp.shared.inbound import MCP_PROTOCOL_VERSION_HEADER
from mcp_types import UNSUPPORTED_PROTOCOL_VERSION
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
        error = {
            "code": UNSUPPORTED_PROTOCOL_VERSION,
            "message": f"Unsupported protocol version {requested!r}; this server speaks {', '.join(SPOKEN)}",
            "data": {"supported": list(SPOKEN), "requested": requested},
        }
        asked = _id(await Request(scope, receive).body())  # the guard before has read it, and bounds its size
        await JSONResponse({"jsonrpc": "2.0", "id": asked, "error": error}, status_code=400)(scope, receive, send)


def _id(body: bytes) -> str | int | None:
    """The id of the request in *body*, if there is one to answer to."""
    try:
        message = json.loads(body)
    except (ValueError, RecursionError):
        return None
    found = message.get("id") if isinstance(message, dict) else None
    return found if isinstance(found, str | int) and not isinstance(found, bool) else None
