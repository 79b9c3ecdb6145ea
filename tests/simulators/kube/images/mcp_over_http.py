"""A server of MCP over streamable HTTP, by the SDK: it says where it runs and what it may do there."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

import uvicorn
from mcp.server import MCPServer

server = MCPServer(sys.argv[2])


@server.tool()
def echo(text: str) -> str:
    """Says it again."""
    return text


@server.tool()
def where() -> str:
    """The name of the pod."""
    return os.environ["HOSTNAME"]


@server.tool()
def user() -> str:
    """Its user, and the group."""
    return f"{os.getuid()} {os.getgid()}"


@server.tool()
def reaches(host: str, port: int) -> str:
    """Whether it reaches an address."""
    try:
        socket.create_connection((host, port), 1).close()
    except OSError as error:
        return f"no: {error.strerror}"
    return "yes"


@server.tool()
def writes(path: str) -> str:
    """Whether it can write a file."""
    try:
        Path(path).write_text("x")
    except OSError as error:
        return f"no: {error.strerror}"
    return "yes"


@server.tool()
def reads(path: str) -> str:
    """A file's content."""
    try:
        return Path(path).read_text()
    except OSError as error:
        return f"no: {error.strerror}"


@server.tool()
def environment(name: str) -> str:
    """A variable."""
    return os.environ.get(name, "")


uvicorn.run(server.streamable_http_app(), host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")
