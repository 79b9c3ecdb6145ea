"""A link that adds a hosted server to VS Code, which asks its user first: ``vscode:mcp/install?`` and the server as JSON.

Source: VS Code, extension guide for MCP, "Create an MCP installation URL"; the JSON is an entry of ``mcp.json`` with its name.
"""

from __future__ import annotations

import json
from urllib.parse import quote


def install_link(name: str, url: str) -> str:
    """The link for the server *name* at *url*, which holds no secret: VS Code gets a token by itself (OAuth), or asks."""
    said = json.dumps({"name": name, "type": "http", "url": url}, separators=(",", ":"))
    return f"vscode:mcp/install?{quote(said, safe='')}"
