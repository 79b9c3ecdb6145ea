"""The first words with a server, by a client that does nothing for it: what both ways to it, by pipes and over HTTP, share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NoReturn

from arcops.errors import Refused
from artifacts.envelope import strict_json

LEGACY, MODERN = "2025-11-25", "2026-07-28"
META = "io.modelcontextprotocol/"
MOST_MESSAGE, MOST_ALL = 8 << 20, 64 << 20
"""Bytes of one message, and of all that is read of a server."""
_MOST_STRAY, _MOST_PAGES = 50, 100
_US = {"name": "arcops", "version": "1"}


@dataclass(slots=True, kw_only=True)
class Talk:
    """``stray`` are lines that are no message."""

    stray: list[str] = field(default_factory=list)

    def call(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """The message that answers. Raises `Unavailable` if it does not come in time, `Refused` if it cannot be read."""
        raise NotImplementedError

    def notify(self, method: str) -> None:
        """Say something that has no answer."""
        raise NotImplementedError

    def leftover(self, seconds: float) -> None:
        """Hear what it still says for a moment: output that no one asked for is stray too."""
        raise NotImplementedError

    def listed(self, method: str, member: str, more: dict[str, Any]) -> list[Any] | None:
        """Everything that *method* lists under *member*, page by page; ``None`` if the server has no such method."""
        found: list[Any] = []
        cursor: str | None = None
        for _ in range(_MOST_PAGES):
            answer = self.call(method, {**more, **({"cursor": cursor} if cursor else {})})
            result = answer.get("result")
            if "error" in answer or not isinstance(result, dict):
                if found:
                    refuse(f"{method} failed on a later page")
                return None
            page = result.get(member, [])
            if not isinstance(page, list):
                refuse(f"{method} gives no list of {member}")
            found += page
            if len(found) > 10_000:
                refuse(f"{method} lists more than 10000")
            cursor = result.get("nextCursor")
            if not cursor:
                return found
            if not isinstance(cursor, str):
                refuse(f"{method} gives a cursor that is no text")
        raise Refused(f"{method} does not end after {_MOST_PAGES} pages")

    def message(self, line: bytes) -> dict[str, Any] | None:
        """The message in *line*; ``None`` for a stray one, which is noted."""
        try:
            read = strict_json(line, "a message")
            if isinstance(read, dict) and read.get("jsonrpc") == "2.0":
                return dict(read)
        except Refused:
            pass
        if line.strip() and len(self.stray) < _MOST_STRAY:
            self.stray.append(line[:200].decode("utf-8", "replace"))
        return None


def answers(message: dict[str, Any], number: int) -> bool:
    """Is *message* the answer to the request *number*?"""
    return message.get("id") == number and ("result" in message or "error" in message)


def asks(message: dict[str, Any]) -> bool:
    """Does the server ask something of its client?"""
    return "method" in message and "id" in message


def refusing(message: dict[str, Any]) -> dict[str, Any]:
    """The answer of a client that can do nothing."""
    return {"jsonrpc": "2.0", "id": message["id"], "error": {"code": -32601, "message": "not here"}}


def discovering() -> dict[str, Any]:
    """The parameters with which a client of 2026-07-28 asks."""
    meta = {f"{META}protocolVersion": MODERN, f"{META}clientInfo": _US, f"{META}clientCapabilities": {}}
    return {"_meta": meta}


def initializing(*, able: bool) -> dict[str, Any]:
    """The parameters of ``initialize`` as a client of 2025-11-25 sends them: one that can nothing, or is *able* to do all."""
    can: dict[str, Any] = {"roots": {"listChanged": True}, "sampling": {}, "elicitation": {}} if able else {}
    return {"protocolVersion": LEGACY, "capabilities": can, "clientInfo": _US}


def refuse(why: str) -> NoReturn:
    """Raise `Refused`."""
    raise Refused(why)
