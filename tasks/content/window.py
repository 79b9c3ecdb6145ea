"""A file as a window that readers look through: small reads at any place, each checked against the size."""

from __future__ import annotations

import os


class Malformed(Exception):
    """The bytes are not what the format promises. The message is a sentence for people."""


class Window:
    """*size* bytes behind the open descriptor *fd*. Reading past the end is `Malformed`, never a short answer."""

    __slots__ = ("_fd", "size")

    def __init__(self, fd: int, size: int) -> None:
        self._fd = fd
        self.size = size

    def at(self, offset: int, length: int) -> bytes:
        """Exactly *length* bytes from *offset*."""
        if offset < 0 or length < 0 or offset + length > self.size:
            raise Malformed(f"it promises {length} bytes at offset {offset}, but has only {self.size} bytes")
        parts = []
        while length:
            part = os.pread(self._fd, length, offset)
            if not part:
                raise Malformed("it became shorter while it was read")
            parts.append(part)
            offset += len(part)
            length -= len(part)
        return b"".join(parts)

    def head(self, most: int) -> bytes:
        return self.at(0, min(most, self.size))

    def tail(self, most: int) -> bytes:
        length = min(most, self.size)
        return self.at(self.size - length, length)


class BytesWindow(Window):
    """The same over bytes that are already in memory: a member of an archive."""

    __slots__ = ("_data",)

    def __init__(self, data: bytes) -> None:
        super().__init__(-1, len(data))
        self._data = data

    def at(self, offset: int, length: int) -> bytes:
        if offset < 0 or length < 0 or offset + length > self.size:
            raise Malformed(f"it promises {length} bytes at offset {offset}, but has only {self.size} bytes")
        return self._data[offset : offset + length]
