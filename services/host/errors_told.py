"""What a server writes to its standard error, as lines for people: without its secrets, and never more than this host can bear.

All servers of a host share its loop. One that floods is read on, so that it is not held up, but not all of it is told.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable

MASKED = "(secret)"
MOST_LINE = 2000
"""Bytes of one line; a longer one is cut, and one that never ends is cut into several."""
MOST_LINES, MOST_BYTES = 500, 256 * 1024
"""Of one process in one second."""
LEFT_OUT = f"(over {MOST_LINES} lines or {MOST_BYTES // 1024} KiB in a second: the rest of that second is left out here)"
_LEAST_PART = 8
"""Letters of a line of a secret that is masked by itself: a shorter one may be any word."""


class Errors(asyncio.Protocol):
    """Tells *line* each whole line, in which *secrets* are masked: a server that cannot use one likes to show it."""

    def __init__(
        self, line: Callable[[str], None], secrets: Iterable[str] = (), clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._line, self._clock = line, clock
        self._secrets = _parts(secrets)
        self._within = max(map(len, self._secrets), default=1) - 1
        """Bytes at the end of a cut that may be the beginning of a secret."""
        self._rest = self._last = b""
        self._second, self._lines, self._bytes = -1, 0, 0

    def data_received(self, data: bytes) -> None:
        """As `asyncio.Protocol.data_received`."""
        second = int(self._clock())
        if second != self._second:
            self._second, self._lines, self._bytes, self._last = second, 0, 0, b""
        if self._over():
            before, ends, rest = self._masked(self._rest + data).rpartition(b"\n")
            if ends:
                self._last = before.rpartition(b"\n")[2][-MOST_LINE:]
            self._rest = rest[-MOST_LINE - self._within :]
            return
        *lines, self._rest = (self._rest + data).split(b"\n")
        for one in lines:
            self._tell(self._masked(one))
        if len(self._rest) > MOST_LINE + self._within:
            told = self._masked(self._rest)
            cut = len(told) - self._within
            self._rest = told[cut:]
            for at in range(0, cut, MOST_LINE):
                self._tell(told[at : min(at + MOST_LINE, cut)])

    def connection_lost(self, exc: Exception | None) -> None:
        """Its last words are told, however much it said before."""
        if last := self._rest or self._last:
            self._line(_printable(self._masked(last)))

    def _over(self) -> bool:
        return self._lines >= MOST_LINES or self._bytes >= MOST_BYTES

    def _tell(self, line: bytes) -> None:
        if self._over():
            self._last = line
            return
        self._lines += 1
        self._bytes += len(line)
        self._line(_printable(line[:MOST_LINE]))
        if self._over():
            self._line(LEFT_OUT)

    def _masked(self, line: bytes) -> bytes:
        for secret in self._secrets:
            line = line.replace(secret, MASKED.encode())
        return line


def _parts(secrets: Iterable[str]) -> tuple[bytes, ...]:
    """*secrets*, the longest first, and the lines of those that have several: a key in PEM is shown line by line."""
    whole = [one for one in secrets if one]
    lines = [line.strip() for one in whole if "\n" in one for line in one.splitlines()]
    found = {*whole, *(one for one in lines if len(one) >= _LEAST_PART)}
    return tuple(sorted((one.encode("utf-8", "surrogateescape") for one in found), key=len, reverse=True))


def _printable(line: bytes) -> str:
    text = line.decode("utf-8", "replace").rstrip("\r")
    return "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in text)
