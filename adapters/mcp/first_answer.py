"""The first answer over standard streams, given while the rest of the server is still being imported.

A client that starts the server waits for an answer to ``initialize``, and gives up if it takes long. That answer needs nothing
that takes long to import. So a thread gives it, and passes all that the client wrote on to the server. The server answers
``initialize`` again for itself; that second answer is dropped. A first message of any other kind is only passed on.
"""

from __future__ import annotations

import json
import os
import threading
from contextlib import suppress
from typing import Any

from adapters.mcp.about import DESCRIPTION, INSTRUCTIONS, NAME, TITLE, version

HANDSHAKES = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")
"""The revisions that begin with ``initialize``, the newest last: as the SDK has them, which is not imported yet."""
CAPABILITIES: dict[str, Any] = {
    "completions": {},
    "prompts": {"listChanged": False},
    "resources": {"listChanged": False, "subscribe": False},
    "tools": {"listChanged": False},
}
_MOST_FIRST = 64 * 1024
_PART = 64 * 1024


class FirstAnswer:
    """``waiting`` is the id of the request that was answered here, until the server's own answer to it was dropped."""

    def __init__(self) -> None:
        self.waiting: str | int | None = None

    def begin(self) -> None:
        """Take over standard input: from now on the server reads from here what the client writes."""
        client = os.dup(0)
        end, begin = os.pipe()
        os.dup2(end, 0)
        os.close(end)
        threading.Thread(target=self._pass_on, args=(client, begin, os.dup(1)), name="first answer", daemon=True).start()

    def drops(self, answered: object) -> bool:
        """Is the server's own answer to the request with the id *answered* dropped? Only the first one is."""
        if self.waiting is None or answered != self.waiting or type(answered) is not type(self.waiting):
            return False
        self.waiting = None
        return True

    def _pass_on(self, client: int, server: int, output: int) -> None:
        with suppress(OSError):  # the server has ended
            held = b""
            while b"\n" not in held and len(held) < _MOST_FIRST:
                part = os.read(client, _PART)
                if not part:
                    break
                held += part
            found = answer(held.partition(b"\n")[0])
            if found is not None:
                self.waiting = found["id"]
                _write(output, json.dumps(found, ensure_ascii=False).encode() + b"\n")
            os.close(output)
            _write(server, held)
            while part := os.read(client, _PART):
                _write(server, part)
        os.close(server)


def answer(line: bytes) -> dict[str, Any] | None:
    """The response to the message in *line* if it is a plain ``initialize``; nothing if the server must see it first."""
    try:
        message = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(message, dict) or set(message) != {"jsonrpc", "id", "method", "params"}:
        return None
    number, params = message["id"], message["params"]
    if message["jsonrpc"] != "2.0" or message["method"] != "initialize" or type(number) not in (int, str):
        return None
    if not _plain(params):
        return None
    asked = params["protocolVersion"]
    return {
        "jsonrpc": "2.0",
        "id": number,
        "result": {
            "capabilities": CAPABILITIES,
            "instructions": INSTRUCTIONS,
            "protocolVersion": asked if asked in HANDSHAKES else HANDSHAKES[-1],
            "serverInfo": {"name": NAME, "title": TITLE, "version": version(), "description": DESCRIPTION},
        },
    }


def _plain(params: object) -> bool:
    """Are *params* what every client sends, with nothing in them that the server could refuse?"""
    if not isinstance(params, dict) or set(params) != {"protocolVersion", "capabilities", "clientInfo"}:
        return False
    capabilities, client = params["capabilities"], params["clientInfo"]
    return (
        isinstance(params["protocolVersion"], str)
        and isinstance(capabilities, dict)
        and all(_is_plain(name, one) for name, one in capabilities.items())
        and isinstance(client, dict)
        and {"name", "version"} <= set(client) <= {"name", "version", "title"}
        and all(isinstance(one, str) for one in client.values())
    )


def _is_plain(name: str, capability: object) -> bool:
    if not isinstance(capability, dict):
        return False
    if name == "roots":
        return set(capability) <= {"listChanged"} and all(isinstance(one, bool) for one in capability.values())
    if name in ("sampling", "elicitation"):
        return all(isinstance(one, dict) and not one for one in capability.values())
    return name in ("experimental", "extensions") and all(isinstance(one, dict) for one in capability.values())


def _write(file: int, data: bytes) -> None:
    while data:
        data = data[os.write(file, data) :]
