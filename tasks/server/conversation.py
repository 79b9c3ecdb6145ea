"""The first words with a server over its standard input and output (MCP, stdio transport)."""

from __future__ import annotations

import json
import os
import select
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from arcops.errors import Unavailable
from tasks.server.talk import MOST_ALL, MOST_MESSAGE, Talk, answers, asks, refuse, refusing


@dataclass(slots=True, kw_only=True)
class Conversation(Talk):
    """With a server whose input is *into* and whose output is *out*, both descriptors. *alive* may raise to end it."""

    into: int
    out: int
    seconds: float
    alive: Callable[[], object]
    _rest: bytes = b""
    _size: int = 0
    _numbers: int = 0

    def call(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """As `Talk.call`."""
        self._numbers += 1
        number = self._numbers
        self._send({"jsonrpc": "2.0", "id": number, "method": method, "params": params})
        for line in self._lines(time.monotonic() + self.seconds, method):
            message = self.message(line)
            if message is None:
                continue
            if answers(message, number):
                return message
            if asks(message):
                self._send(refusing(message))
        raise Unavailable(f"it ended before it answered {method}")

    def notify(self, method: str) -> None:
        """As `Talk.notify`."""
        self._send({"jsonrpc": "2.0", "method": method})

    def leftover(self, seconds: float) -> None:
        """As `Talk.leftover`."""
        try:
            for line in self._lines(time.monotonic() + seconds, "nothing"):
                self.message(line)
        except Unavailable:
            return

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
            if len(self._rest) > MOST_MESSAGE or self._size > MOST_ALL:
                refuse("it writes more than is read of a server")
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
