"""A window on bytes: every reader reads through it, so that no header can cause a read past the end or without limit."""

from __future__ import annotations

from collections.abc import Callable

READ_LIMIT = 64 * 1024 * 1024
"""The most bytes of one read; a reader that asks for more has trusted a wrong header."""


class Malformed(Exception):
    """These bytes are not what they claim to be. The message is a part of a sentence, for people."""


class Window:
    """*size* bytes behind a function that reads some of them. Reading past the end raises `Malformed`."""

    __slots__ = ("_some", "size")

    def __init__(self, pread: Callable[[int, int], bytes], size: int) -> None:
        self._some = pread
        self.size = size

    def _pread(self, offset: int, length: int) -> bytes:
        return self._some(offset, length)

    @staticmethod
    def over(data: bytes) -> Window:
        return _Held(data)

    def read(self, offset: int, length: int) -> bytes:
        """Exactly *length* bytes from *offset*."""
        if offset < 0 or length < 0 or offset + length > self.size:
            raise Malformed(f"it names bytes {offset} to {offset + length}, but there are {self.size}")
        if length > READ_LIMIT:
            raise Malformed(f"it claims a part of {length} bytes; the limit for one read is {READ_LIMIT}")
        data = self._pread(offset, length)
        if len(data) != length:
            raise Malformed(f"only {len(data)} of {length} bytes could be read at byte {offset}")
        return data

    def upto(self, offset: int, length: int) -> bytes:
        """At most *length* bytes from *offset*, fewer at the end."""
        return self.read(offset, max(0, min(length, self.size - offset))) if offset < self.size else b""

    def part(self, offset: int, size: int) -> Window:
        """The window on *size* bytes from *offset* of this one."""
        if offset < 0 or size < 0 or offset + size > self.size:
            raise Malformed(f"it names bytes {offset} to {offset + size}, but there are {self.size}")
        outer = self._pread
        return Window(lambda inner, length: outer(offset + inner, length), size)


class _Held(Window):
    """A window on bytes in memory: most files are small, and these are read many times over."""

    __slots__ = ("_data",)

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.size = len(data)

    def read(self, offset: int, length: int) -> bytes:
        if offset >= 0 and 0 <= length <= READ_LIMIT and offset + length <= self.size:
            return self._data[offset : offset + length]
        return super().read(offset, length)  # raises what is wrong

    def _pread(self, offset: int, length: int) -> bytes:
        return self._data[offset : offset + length]

    def upto(self, offset: int, length: int) -> bytes:
        if offset >= 0 and 0 <= length <= READ_LIMIT:
            return self._data[offset : offset + length]
        return super().upto(offset, length)


class Cursor:
    """A position in a window that advances with each read; buffered, so that small reads are cheap."""

    __slots__ = ("_at", "_buffer", "_chunk", "_start", "window")

    def __init__(self, window: Window, at: int = 0, chunk: int = 64 * 1024) -> None:
        self.window = window
        self._at = at
        self._chunk = chunk
        self._start = at
        self._buffer = b""

    @property
    def at(self) -> int:
        return self._at

    @property
    def left(self) -> int:
        return self.window.size - self._at

    def take(self, length: int) -> bytes:
        """The next *length* bytes."""
        start = self._at - self._start
        end = start + length
        if end > len(self._buffer) or start < 0:
            if length > self.left:
                raise Malformed(f"it ends too early: {length} bytes are needed at byte {self._at}, but {self.left} are left")
            if length > self._chunk:
                data = self.window.read(self._at, length)
                self._at += length
                return data
            self._buffer = self.window.upto(self._at, self._chunk)
            self._start = self._at
            start, end = 0, length
        self._at += length
        return self._buffer[start:end]

    def skip(self, length: int) -> None:
        """Move on by *length* bytes without reading them."""
        if length < 0 or length > self.left:
            raise Malformed(f"it names {length} bytes at byte {self._at}, but only {self.left} are left")
        self._at += length

    def line(self, limit: int) -> bytes:
        """The bytes up to the next newline, which is read but not returned; at most *limit*."""
        start = self._at - self._start
        if 0 <= start < len(self._buffer):
            end = self._buffer.find(b"\n", start, start + limit + 1)
            if end >= 0:
                self._at += end + 1 - start
                return self._buffer[start:end]
        self._buffer = self.window.upto(self._at, max(self._chunk, limit + 1))
        self._start = self._at
        end = self._buffer.find(b"\n", 0, limit + 1)
        if end < 0:
            raise Malformed(f"a line at byte {self._at} has no end within {limit} bytes")
        self._at += end + 1
        return self._buffer[:end]
