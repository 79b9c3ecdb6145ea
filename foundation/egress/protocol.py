"""Connections to an MCP server: a transport for MCP's own client."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from arcops.tier import Tier
from foundation.egress.permission import Purpose
from foundation.egress.web import client

if TYPE_CHECKING:
    from mcp.client._transport import TransportStreams

_SECONDS = 30.0


@asynccontextmanager
async def transport(
    tier: Tier, endpoint: str, purpose: Purpose, *, headers: Mapping[str, str], read_seconds: float, most: int
) -> AsyncIterator[TransportStreams]:
    """Streamable HTTP to *endpoint*; an answer has at most *most* bytes. Raises `Refused` if *tier* does not reach it."""
    http = client(tier, endpoint, purpose, seconds=_SECONDS, read_seconds=read_seconds, headers=headers)
    from mcp.client.streamable_http import streamable_http_client

    # It follows a redirect only to the same host and port, whatever the client's settings say.
    async with http, streamable_http_client(endpoint, http_client=http, max_sse_event_size=most) as streams:
        yield streams
