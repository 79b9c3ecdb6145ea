"""The first words with a server over its standard input and output, as a client that can do nothing (MCP, stdio transport)."""

from __future__ import annotations

import json
import os
import select
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NoReturn

from arcops.errors import Refused, Unavailable
from artifacts.envelope import strict_json

LEGACY, MODERN = "2025-11-25", "2026-07-28"
_MOST_LINE, _MOST_ALL = 8 << 20, 64 << 20
_MOST_STRAY, _MOST_PAGES = 50, 100
_META = "io.modelcontextprotocol/"
_US = {"name": "arcops", "version": "1"}


@dataclass(slots=True, kw_only=True)
class Conversation:
    """With a server whose input is *into* and whose output is *out*, both descriptors. *alive* may raise to end it.

    ``stray`` are lines that are no message.
    """

    into: int
    out: int
    seconds: float
    alive: Callable[[], object]
    stray: list[str] = field(default_factory=list)
    _rest: bytes = b""
    _size: int = 0
    _numbers: int = 0

    def call(self, method: str, params: dict[str, Any], *, seconds: float = 0.0) -> dict[str, Any]:
        """The message that answers. Raises `Unavailable` if it does not come in time, `Refused` if it cannot be read."""
        self._numbers += 1
        number = self._numbers
        self._send({"jsonrpc": "2.0", "id": number, "method": method, "params": params})
        ends = time.monotonic() + (seconds or self.seconds)
        for line in self._lines(ends, method):
            message = self._message(line)
            if message is None:
                continue
            if message.get("id") == number and ("result" in message or "error" in message):
                return message
            if "method" in message and "id" in message:  # it asks something of a client that can do nothing
                self._send({"jsonrpc": "2.0", "id": message["id"], "error": {"code": -32601, "message": "not here"}})
        raise Unavailable(f"it ended before it answered {method}")

    def notify(self, method: str) -> None:
        """Say something that has no answer."""
        self._send({"jsonrpc": "2.0", "method": method})

    def listed(self, method: str, member: str, more: dict[str, Any]) -> list[Any] | None:
        """Everything that *method* lists under *member*, page by page; ``None`` if the server has no such method."""
        found: list[Any] = []
        cursor: str | None = None
        for _ in range(_MOST_PAGES):
            answer = self.call(method, {**more, **({"cursor": cursor} if cursor else {})})
            result = answer.get("result")
            if "error" in answer or not isinstance(result, dict):
                if found:
                    _refuse(f"{method} failed on a later page")
                return None
            page = result.get(member, [])
            if not isinstance(page, list):
                _refuse(f"{method} gives no list of {member}")
            found += page
            if len(found) > 10_000:
                _refuse(f"{method} lists more than 10000")
            cursor = result.get("nextCursor")
            if not cursor:
                return found
            if not isinstance(cursor, str):
                _refuse(f"{method} gives a cursor that is no text")
        raise Refused(f"{method} does not end after {_MOST_PAGES} pages")

    def leftover(self, seconds: float) -> None:
        """Hear what it still says for a moment: output that no one asked for is stray too."""
        try:
            for line in self._lines(time.monotonic() + seconds, "nothing"):
                self._message(line)
        except Unavailable:
            return

    def _message(self, line: bytes) -> dict[str, Any] | None:
        try:
            read = strict_json(line, "a message")
            if isinstance(read, dict) and read.get("jsonrpc") == "2.0":
                return dict(read)
        except Refused:
            pass
        if line.strip() and len(self.stray) < _MOST_STRAY:
            self.stray.append(line[:200].decode("utf-8", "replace"))
        return None

    def _send(self, message: dict[str, Any]) -> None:
        data, ends = json.dumps(message).encode() + b"\n", time.monotonic() + self.seconds
        while data:
            _, ready, _ = select.select([], [self.into], [], 0.2)
            self.alive()
            if ready:
                try:
                    data = data[os.write(self.into, data[:4096]) :]
                except OSError as error:
                    raise Unavailable("it ended before it was asked") from error
            elif time.monotonic() > ends:
                raise Unavailable("it does not read its input")

    def _lines(self, ends: float, method: str) -> Iterator[bytes]:
        while True:
            line, newline, rest = self._rest.partition(b"\n")
            if newline:
                self._rest = rest
                yield line
                continue
            if len(self._rest) > _MOST_LINE or self._size > _MOST_ALL:
                _refuse("it writes more than is read of a server")
            ready, _, _ = select.select([self.out], [], [], 0.2)
            self.alive()
            if ready:
                data = os.read(self.out, 65536)
                if not data:
                    if self._rest.strip():
                        rest, self._rest = self._rest, b""
                        yield rest
                    return
                self._rest += data
                self._size += len(data)
            elif time.monotonic() > ends:
                raise Unavailable(f"it did not answer {method} in time")


def discovering() -> dict[str, Any]:
    """The parameters with which a client of 2026-07-28 asks."""
    meta = {f"{_META}protocolVersion": MODERN, f"{_META}clientInfo": _US, f"{_META}clientCapabilities": {}}
    return {"_meta": meta}


def initializing(*, able: bool) -> dict[str, Any]:
    """The parameters of ``initialize`` as a client of 2025-11-25 sends them: one that can nothing, or is *able* to do all."""
    can: dict[str, Any] = {"roots": {"listChanged": True}, "sampling": {}, "elicitation": {}} if able else {}
    return {"protocolVersion": LEGACY, "capabilities": can, "clientInfo": _US}


def _refuse(why: str) -> NoReturn:
    raise Refused(why)
