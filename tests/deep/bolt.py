"""A writer of bbolt files (go.etcd.io/bbolt, file version 2): enough for a small database that real programs open.

The format: pages of 4096 bytes. Each begins with its number (8 bytes), its kind (2), its number of elements (2) and how many
pages follow that belong to it (4). Pages 0 and 1 hold the same head, page 2 the list of free pages (none here). A bucket is one
leaf page, as long as it takes; the value of a nested bucket is the number of its page and a sequence, or, if the bucket is
small, 0 and the page itself. All numbers are little-endian.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Union

Bucket = Mapping[str, Union["Bucket", bytes]]

PAGE = 4096
_MAGIC, _VERSION = 0xED0CDAED, 2
_LEAF, _META, _FREE = 0x02, 0x04, 0x10
_HEAD = struct.Struct("<QHHI")
_ELEMENT = struct.Struct("<IIII")
_PLACE = struct.Struct("<QQ")
_NESTED = 1  # the flag of an element that is a bucket
_INLINE = PAGE // 4  # a bucket without buckets that takes no more is kept in its parent


@dataclass(slots=True)
class _File:
    pages: list[bytes] = field(default_factory=list)

    def add(self, page: bytes) -> int:
        """The number of the first page that *page*, with its head still to be numbered, gets."""
        number = len(self.pages)
        whole = -(-len(page) // PAGE)
        _, kind, count, _ = _HEAD.unpack_from(page)
        page = (_HEAD.pack(number, kind, count, whole - 1) + page[_HEAD.size :]).ljust(whole * PAGE, b"\0")
        self.pages += [page[at : at + PAGE] for at in range(0, len(page), PAGE)]
        return number


def bolt(root: Bucket) -> bytes:
    """The file that holds the buckets of *root*, whose own entries must all be buckets."""
    file = _File(pages=[b"", b""])
    free = file.add(_HEAD.pack(0, _FREE, 0, 0))
    place = file.add(_leaf(file, root))
    for number in (0, 1):
        head = struct.pack("<IIII", _MAGIC, _VERSION, PAGE, 0) + _PLACE.pack(place, 0)
        head += struct.pack("<QQQ", free, len(file.pages), number)
        page = _HEAD.pack(number, _META, 0, 0) + head + struct.pack("<Q", _fnv(head))
        file.pages[number] = page.ljust(PAGE, b"\0")
    return b"".join(file.pages)


def _leaf(file: _File, bucket: Bucket) -> bytes:
    entries = [(name.encode(), *_value(file, value)) for name, value in bucket.items()]
    entries.sort()
    elements, data = bytearray(), bytearray()
    for index, (key, flags, value) in enumerate(entries):
        # A position counts from the element itself.
        position = (len(entries) - index) * _ELEMENT.size + len(data)
        elements += _ELEMENT.pack(flags, position, len(key), len(value))
        data += key + value
    return _HEAD.pack(0, _LEAF, len(entries), 0) + bytes(elements) + bytes(data)


def _value(file: _File, value: Bucket | bytes) -> tuple[int, bytes]:
    if isinstance(value, bytes):
        return 0, value
    page = _leaf(file, value)
    if len(page) <= _INLINE and all(isinstance(entry, bytes) for entry in value.values()):
        return _NESTED, _PLACE.pack(0, 0) + page
    return _NESTED, _PLACE.pack(file.add(page), 0)


def _fnv(data: bytes) -> int:
    """FNV-1a of 64 bits, which is the checksum of a head."""
    found = 0xCBF29CE484222325
    for byte in data:
        found = (found ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return found
