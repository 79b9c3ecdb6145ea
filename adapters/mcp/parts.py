"""Large resources in parts: what is longer than one message should be is read by its bytes, from an offset.

A client asks for ``…/part/OFFSET/LENGTH`` below the resource's own address. The parts are exact bytes, so they are sent as such
(base64), and each says how long the whole is.
"""

from __future__ import annotations

from dataclasses import dataclass

from arcops.errors import Refused
from arcops.late_pattern import late

MOST_WHOLE = 1024 * 1024
"""Bytes. What is longer is not sent in one message."""
MOST_PART = 512 * 1024
RANGE = "dev.arcops/range"
"""In ``_meta`` of a part: its offset, its length, and the size of the whole, in bytes."""
TEMPLATE = "/part/{offset}/{length}"
_PART = late(r"(?P<name>[^/]+)/part/(?P<offset>0|[1-9][0-9]{0,11})/(?P<length>[1-9][0-9]{0,7})\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """So many bytes (``length``) of the resource ``name``, from ``offset``."""

    name: str
    offset: int
    length: int

    def of(self, data: bytes) -> tuple[bytes, int]:
        """These bytes of *data*, and how many it has in all. Raises `Refused` for a part behind its end."""
        if self.offset >= len(data):
            raise Refused(f"it has {len(data)} bytes, so there is no part at {self.offset}; read from 0")
        return data[self.offset : self.offset + self.length], len(data)


def read_part(name: str) -> Part | None:
    """The part that *name* asks for; ``None`` if it asks for a whole. Raises `Refused` for a part that is too long."""
    found = _PART.match(name)
    if found is None:
        if "/part" in name:
            raise Refused(f"{name[:200]!r} is no part: a part ends with /part/OFFSET/LENGTH, two whole numbers of bytes")
        return None
    length = int(found["length"])
    if length > MOST_PART:
        raise Refused(f"a part has at most {MOST_PART} bytes, and {length} were asked for")
    return Part(name=found["name"], offset=int(found["offset"]), length=length)


def refuse_long(address: str, text: str) -> None:
    """Raise `Refused`, saying how to read it, if *text* at *address* is too long for one message."""
    size = len(text) if text.isascii() else len(text.encode())
    if size > MOST_WHOLE:
        raise too_long(address, size)


def too_long(address: str, size: int) -> Refused:
    """That what is at *address*, with so many bytes, is read in parts, and how."""
    return Refused(
        f"{address[:200]} has {size} bytes, and one message takes {MOST_WHOLE}; read it in parts: "
        f"{address[:200]}/part/0/{MOST_PART} and so on"
    )
