"""What a server writes to its standard error, as lines for people: without its secrets, and never more than this host can bear.

All servers of a host share its loop. One that floods is read on, so that it is not held up, but not all of it is told.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator

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
        self._hidden = 0
        """Bytes at the beginning of the rest that belong to a secret whose mask was told."""
        self._second, self._lines, self._bytes = -1, 0, 0

    def data_received(self, data: bytes) -> None:
        """As `asyncio.Protocol.data_received`."""
        second = int(self._clock())
        if second != self._second:
            self._second, self._lines, self._bytes, self._last = second, 0, 0, b""
        data = self._rest + data
        if self._over():
            if end := data.rfind(b"\n") + 1:
                self._last = self._masked(data, end).removesuffix(b"\n").rpartition(b"\n")[2][-MOST_LINE:]
                data = data[end:]
            cut = max(0, len(data) - MOST_LINE - self._within)
            self._masked(data, cut)
            self._rest = data[cut:]
            return
        *lines, self._rest = data.split(b"\n")
        for one in lines:
            self._tell(self._masked(one, len(one)))
        if len(self._rest) > MOST_LINE + self._within:
            cut = len(self._rest) - self._within
            told, self._rest = self._masked(self._rest, cut), self._rest[cut:]
            for at in range(0, len(told), MOST_LINE):
                self._tell(told[at : at + MOST_LINE])

    def connection_lost(self, exc: Exception | None) -> None:
        """Its last words are told, however much it said before."""
        if last := self._masked(self._rest, len(self._rest)) or self._last:
            self._line(_printable(last))

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

    def _masked(self, data: bytes, end: int) -> bytes:
        """What is told of *data* before *end*; *data* is what follows the end of the last call, and may go on after *end*.

        Secrets that overlap are masked as one. Only what was masked is not told.
        """
        told, covered = bytearray(), self._hidden
        for start, stop in sorted(self._found(data)):
            if start >= end:
                break
            if start >= covered:
                told += data[covered:start] + MASKED.encode()
            covered = max(covered, stop)
        self._hidden = max(0, covered - end)
        return bytes(told + data[covered:end])

    def _found(self, data: bytes) -> Iterator[tuple[int, int]]:
        """Where each secret begins and ends in *data*."""
        for secret in self._secrets:
            at = data.find(secret)
            while at >= 0:
                yield at, at + len(secret)
                at = data.find(secret, at + 1)


def _parts(secrets: Iterable[str]) -> tuple[bytes, ...]:
    """*secrets*, the longest first, and the lines of those that have several: a key in PEM is shown line by line."""
    whole = [one for one in secrets if one]
    lines = [line.strip() for one in whole if "\n" in one for line in one.splitlines()]
    found = {*whole, *(one for one in lines if len(one) >= _LEAST_PART)}
    return tuple(sorted((one.encode("utf-8", "surrogateescape") for one in found), key=len, reverse=True))


def _printable(line: bytes) -> str:
    text = line.decode("utf-8", "replace").rstrip("\r")
    return "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in text)
