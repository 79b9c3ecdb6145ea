"""A server of MCP by the SDK, over any transport: it says where it runs, and what it may do.

TRANSPORT NAME [PORT [HOST]]
"""

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
def process() -> str:
    """Which process it is, by when it began."""
    return Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19]


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


match sys.argv[1]:
    case "stdio":
        server.run("stdio")
    case "sse":
        uvicorn.run(server.sse_app(), host="127.0.0.1", port=int(sys.argv[3]), log_level="warning")
    case _:
        app = server.streamable_http_app(host=sys.argv[4] if len(sys.argv) > 4 else "127.0.0.1")
        uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[3]), log_level="warning")
