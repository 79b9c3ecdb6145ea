"""A tool of the fixture: what `tools/list` says of it, and the coroutine that answers a call."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import mcp_types as types
from mcp import MCPError
from mcp.server.context import ServerRequestContext

Context = ServerRequestContext[Any, Any]
Answer = types.CallToolResult | types.InputRequiredResult
Call = Callable[[Context, types.CallToolRequestParams], Awaitable[Answer]]

NOTHING: dict[str, Any] = {"type": "object", "properties": {}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """One tool."""

    tool: types.Tool
    call: Call


Register = Callable[[Call], Call]


def registry() -> tuple[dict[str, Offered], Callable[..., Register]]:
    """A table of tools, and the decorator that puts a coroutine into it under its own name and docstring."""
    table: dict[str, Offered] = {}

    def offered(schema: Mapping[str, Any] = NOTHING) -> Register:
        def register(call: Call) -> Call:
            name = call.__name__
            about = (call.__doc__ or "").strip()
            table[name] = Offered(tool=types.Tool(name=name, description=about, input_schema=dict(schema)), call=call)
            return call

        return register

    return table, offered


def texts(required: bool = True, **about: str) -> dict[str, Any]:
    """The schema of arguments that are all strings."""
    properties = {name: {"type": "string", "description": what} for name, what in about.items()}
    return {"type": "object", "properties": properties, "required": list(about) if required else []}


def said(*parts: str) -> types.CallToolResult:
    return types.CallToolResult(content=[types.TextContent(type="text", text=part) for part in parts])


def needs(ctx: Context, name: str, capability: types.ClientCapabilities) -> None:
    """Raises if the client has not declared *capability*."""
    if not ctx.session.check_client_capability(capability):
        data = types.MissingRequiredClientCapabilityErrorData(required_capabilities=capability)
        raise MCPError(
            types.MISSING_REQUIRED_CLIENT_CAPABILITY,
            f"this takes a client with the capability {name}",
            data.model_dump(by_alias=True, mode="json", exclude_none=True),
        )
