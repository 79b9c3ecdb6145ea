"""Server-sent events, as the WHATWG HTML standard reads them (section 9.2.6): bytes in, events out.

Lines end with CR, LF or both; a byte order mark at the beginning, comments and fields that it does not know are passed over.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from arcops.seen.inference import Fault
from tasks.inference.bad_answer import BadAnswer

MOST_EVENT = 1024 * 1024
_END = re.compile(rb"[\r\n]")
_MARK = b"\xef\xbb\xbf"


@dataclass(slots=True)
class ServerEvents:
    """The events of one stream. After `close`, no more are read from it."""

    _rest: bytearray = field(default_factory=bytearray)
    _data: list[bytes] = field(default_factory=list)
    _kind: bytes = b""
    _size: int = 0
    _looked: int = 0
    _begun: bool = False
    _after_cr: bool = False
    _closed: bool = False

    def close(self) -> None:
        self._closed = True

    def feed(self, data: bytes) -> Iterator[tuple[str, bytes]]:
        """The type (empty if none is given) and the data of each event that *data* ends. Raises `BadAnswer`."""
        self._rest += data
        if not self._begun and not self._begin():
            return
        for line in self._lines():
            if line:
                self._line(line)
                continue
            kind, event, any_data = self._kind, b"\n".join(self._data), bool(self._data)
            self._kind, self._data, self._size = b"", [], 0
            if any_data:
                yield kind.decode("utf-8", "replace"), event
        if len(self._rest) > MOST_EVENT:
            raise _too_large()

    def _begin(self) -> bool:
        """Pass over the byte order mark. Is it known whether there is one?"""
        if len(self._rest) < len(_MARK) and _MARK.startswith(self._rest):
            return False
        if self._rest.startswith(_MARK):
            del self._rest[: len(_MARK)]
        self._begun = True
        return True

    def _lines(self) -> Iterator[bytes]:
        begin = 0
        while not self._closed and (end := _END.search(self._rest, max(begin, self._looked))):
            line = bytes(self._rest[begin : end.start()])
            second = self._after_cr and not line and end[0] == b"\n"  # it ends the same line as the CR before it
            begin = self._looked = end.end()
            self._after_cr = end[0] == b"\r"
            if not second:
                yield line
        del self._rest[:begin]
        self._looked = len(self._rest)  # no line ends before this point, so the next search begins here

    def _line(self, line: bytes) -> None:
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"event":
            self._kind = value
        elif name == b"data":
            self._data.append(value)
            self._size += len(value)
            if self._size > MOST_EVENT:
                raise _too_large()


def _too_large() -> BadAnswer:
    return BadAnswer(Fault.TOO_LARGE, f"an event is larger than {MOST_EVENT} bytes")
