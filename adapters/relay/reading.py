"""A request as it is read: its headers, of which those that decide are there once, and its body, in its bound and time."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from starlette.types import Receive, Scope, Send

from adapters.relay import modern
from adapters.relay.answers import refuse
from adapters.relay.failing import failed
from services.host import envelope

BODY_SECONDS = 30.0
_ONCE = frozenset((b"authorization", b"content-type", b"mcp-session-id", b"last-event-id", b"origin", b"host", *modern.ROUTING))
"""If one of these is there twice, two readers could use different values."""

Fields = Mapping[bytes, bytes]


async def read(receive: Receive, send: Send, most: int) -> bytes | None:
    """The body; or ``None``, and an answer is given, if it is too long or does not come."""
    first = await receive()
    if first["type"] == "http.request" and not first.get("more_body", False):
        body: bytes = first.get("body", b"")
        if len(body) <= most:
            return body
    parts, size, message = [], 0, first
    try:
        async with asyncio.timeout(BODY_SECONDS):
            while True:
                if message["type"] != "http.request":
                    return None
                parts.append(message.get("body", b""))
                size += len(parts[-1])
                if size > most:
                    await refuse(send, 413, f"the body is longer than {most} bytes", headers=((b"connection", b"close"),))
                    return None
                if not message.get("more_body", False):
                    return b"".join(parts)
                message = await receive()
    except TimeoutError:
        await refuse(send, 408, f"the body did not come within {BODY_SECONDS:.0f} seconds")
        return None


def fields_of(scope: Scope) -> Fields:
    """The headers by their names, without white space around their values, which not every server strips. Raises `Failed`."""
    headers = scope["headers"]
    fields: dict[bytes, bytes] = {name: value.strip() for name, value in headers}
    if len(fields) != len(headers):
        seen: set[bytes] = set()
        for name, _ in headers:
            if name in seen and name in _ONCE:
                code = envelope.HEADER_MISMATCH if name in modern.ROUTING else envelope.INVALID_REQUEST
                raise failed(400, code, f"the header {name.decode('latin-1')} is there twice")
            seen.add(name)
        fields[b"accept"] = b",".join(value for name, value in headers if name == b"accept")
    return fields
