"""Documents of tests, in the format of the MCP registry."""

from __future__ import annotations

import json
from typing import Any

from services.host.catalog.document import Document, read_document

NAME = "io.example/time"


def server(name: str = NAME, version: str = "1.0.0", **more: Any) -> dict[str, Any]:
    """A document of an MCP server as a package of PyPI."""
    package = {"registryType": "pypi", "identifier": "mcp-server-time", "version": version, "transport": {"type": "stdio"}}
    usual = {"name": name, "version": version, "description": "Tells the time in every zone.", "packages": [package]}
    return {**usual, **more}


def document(name: str = NAME, version: str = "1.0.0", *, meta: dict[str, Any] | None = None, **more: Any) -> Document:
    return read_document({"server": server(name, version, **more), "_meta": meta or {}}, "it")


def page(*servers: dict[str, Any]) -> bytes:
    """An answer of a registry."""
    return json.dumps({"servers": [{"server": one} for one in servers], "metadata": {"count": len(servers)}}).encode()


CARD: dict[str, Any] = {
    "name": "Travel planner",
    "description": "Plans journeys with several legs.",
    "version": "2.1.0",
    "supportedInterfaces": [
        {"url": "https://agents.example.com/a2a/v1", "protocolBinding": "JSONRPC", "protocolVersion": "1.0"},
    ],
    "capabilities": {"streaming": True},
    "defaultInputModes": ["text/plain"],
    "defaultOutputModes": ["text/plain"],
    "skills": [{"id": "plan", "name": "Plan a journey", "description": "From A to B.", "tags": ["travel", "trains"]}],
}
