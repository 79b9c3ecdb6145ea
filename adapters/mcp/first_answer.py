"""The first answers over standard streams, given while the rest of the server is still being imported.

A client that starts the server waits for answers to ``initialize`` and ``tools/list``, and gives up if they take long. The
first needs nothing that takes long to import; the second is kept from an earlier start of the same code
(`adapters.mcp.kept_list`). So a thread gives them, and passes all that the client wrote on to the server. The server answers
again for itself; these second answers are dropped. From the first message of any other kind on, all is only passed on.
"""

from __future__ import annotations

import json
import os
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from adapters.mcp.about import DESCRIPTION, INSTRUCTIONS, NAME, TITLE, version

if TYPE_CHECKING:
    from adapters.mcp.kept_list import KeptList

HANDSHAKES = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")
"""The revisions that begin with ``initialize``, the newest last: as the SDK has them, which is not imported yet."""
CAPABILITIES: dict[str, Any] = {
    "completions": {},
    "prompts": {"listChanged": False},
    "resources": {"listChanged": True, "subscribe": True},
    "tools": {"listChanged": False},
}
_CLIENT = {"name", "version", "title", "description", "websiteUrl"}
"""What a client says of itself in texts. Its icons are left to the server."""
_MOST_FIRST = 64 * 1024
_PART = 64 * 1024


class FirstAnswer:
    """``waiting`` are the ids of the requests that were answered here, until the server's own answers to them were dropped.

    ``listing`` is the id of the request for the tools, if it was the first after the handshake; ``protocol`` the revision.
    """

    def __init__(self, kept: KeptList | None = None) -> None:
        self.waiting: list[str | int] = []
        self.listing: str | int | None = None
        self.protocol = ""
        self._kept = kept
        self._listed: object = None

    def begin(self) -> None:
        """Take over standard input: from now on the server reads from here what the client writes."""
        client = os.dup(0)
        end, begin = os.pipe()
        os.dup2(end, 0)
        os.close(end)
        threading.Thread(target=self._pass_on, args=(client, begin, os.dup(1)), name="first answer", daemon=True).start()

    def drops(self, answered: object, result: object = None) -> bool:
        """Is the server's own answer, *result*, to the request with the id *answered* dropped? Only the first one is.

        The server's own list of tools is kept for the next start, if it is another than what was kept.
        """
        if self._kept is not None and _same(answered, self.listing):
            self.listing = None
            if result != self._listed:
                self._kept.keep(self.protocol, result)
        for number, one in enumerate(self.waiting):
            if _same(answered, one):
                del self.waiting[number]
                return True
        return False

    def _pass_on(self, client: int, server: int, output: int) -> None:
        with suppress(OSError):  # the server has ended
            held = b""
            while True:
                while b"\n" not in held and len(held) < _MOST_FIRST:
                    part = os.read(client, _PART)
                    if not part:
                        break
                    held += part
                line, ended, rest = held.partition(b"\n")
                found = self._first(line)
                if found:
                    self.waiting.append(found["id"])
                    _write(output, json.dumps(found, ensure_ascii=False).encode() + b"\n")
                elif found is None or not ended:
                    break
                _write(server, line + ended)
                held = rest
            os.close(output)
            _write(server, held)
            while part := os.read(client, _PART):
                _write(server, part)
        os.close(server)

    def _first(self, line: bytes) -> dict[str, Any] | None:
        """The answer to *line*; nothing to say for a notification that the handshake has ended; ``None`` from then on."""
        if not self.protocol:
            found = answer(line)
            if found is not None:
                self.protocol = found["result"]["protocolVersion"]
            return found
        message = _read(line)
        if message == {"jsonrpc": "2.0", "method": "notifications/initialized"}:
            return {}
        if self._kept is None or self.listing is not None or not _lists(message) or message["id"] in self.waiting:
            return None
        self.listing = message["id"]
        self._listed = self._kept.read(self.protocol)
        return None if self._listed is None else {"jsonrpc": "2.0", "id": self.listing, "result": self._listed}


def answer(line: bytes) -> dict[str, Any] | None:
    """The response to the message in *line* if it is a plain ``initialize``; nothing if the server must see it first."""
    message = _read(line)
    if set(message) != {"jsonrpc", "id", "method", "params"}:
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


def _read(line: bytes) -> dict[str, Any]:
    """The object in *line*; an empty one if it holds none."""
    try:
        message = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return message if isinstance(message, dict) else {}


def _lists(message: dict[str, Any]) -> bool:
    """Does it ask for the tools, and for nothing besides?"""
    plain = {"jsonrpc": "2.0", "id": message.get("id"), "method": "tools/list"}
    if type(plain["id"]) not in (int, str):
        return False
    params = message.get("params", {})
    meta = params.get("_meta", {}) if isinstance(params, dict) else None
    if not isinstance(meta, dict) or set(meta) - {"progressToken"} or set(params) - {"_meta"}:
        return False
    return {name: one for name, one in message.items() if name != "params"} == plain


def _same(one: object, other: object) -> bool:
    """Are both one id? For JSON ``1``, ``1.0`` and ``true`` are three values."""
    return one == other and type(one) is type(other)


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
        and {"name", "version"} <= set(client) <= _CLIENT
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
