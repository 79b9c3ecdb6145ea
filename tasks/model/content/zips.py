"""Zip: the central directory, compared with every local header, so that two readers cannot see different archives.

Source: APPNOTE.TXT 6.3.10, sections 4.3 to 4.5.
"""

from __future__ import annotations

import struct
import zlib

from arcops.late_dataclass import dataclass
from tasks.model.content.draft import Draft, printable
from tasks.model.content.members import Held
from tasks.model.content.names import fault_of
from tasks.model.content.window import Malformed, Window

MOST_MEMBERS = 200_000
DIRECTORY_LIMIT = 64 * 1024 * 1024
INFLATE_LIMIT = 64 * 1024 * 1024
INFLATE_TOTAL = 256 * 1024 * 1024
BOMB_RATIO = 500

END, _END64, _LOCATOR64 = b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07"
_CENTRAL = struct.Struct("<4s6H3I5H2I")
_LOCAL = struct.Struct("<4s5H3I2H")


@dataclass(frozen=True, slots=True)
class Member:
    """One entry of the central directory; ``data`` is the offset of its bytes in the file."""

    name: str
    method: int
    packed: int
    size: int
    crc: int
    data: int


@dataclass(frozen=True, slots=True)
class _Directory:
    offset: int
    size: int
    count: int
    end: int


def has_end(window: Window) -> bool:
    """Does the file end like a zip archive, whatever it begins with?"""
    return _find_end(window) >= 0


def _find_end(window: Window) -> int:
    start = max(0, window.size - 65_557)
    tail = window.upto(start, 65_557)
    at = tail.rfind(END)
    while at >= 0:
        # A record whose comment would not end the file is a coincidence in other data, or a trick; the caller decides.
        if at + 22 <= len(tail) and start + at + 22 + int.from_bytes(tail[at + 20 : at + 22], "little") == window.size:
            return start + at
        at = tail.rfind(END, 0, at)
    return -1


def members(window: Window, draft: Draft, *, after: bool = False) -> list[Member]:
    """All members. Raises `Malformed` if there is no usable directory; every difference is a problem of *draft*. *after* says
    that the archive follows other data, which its offsets count in.
    """
    directory = _directory(window)
    if directory.size > DIRECTORY_LIMIT or directory.count > MOST_MEMBERS:
        raise Malformed(f"its directory claims {directory.count} members in {directory.size} bytes, too many to check")
    if directory.offset + directory.size != directory.end:
        raise Malformed("there are bytes between its directory and its end record, or other data before it")
    data = window.read(directory.offset, directory.size)
    found: list[Member] = []
    names: set[str] = set()
    extents: list[tuple[int, int, str]] = []
    at = 0
    for _ in range(directory.count):
        at, member, local = _central(data, at, draft)
        if member.name in names:
            draft.problem(f"the member {printable(member.name)!r} appears twice")
        names.add(member.name)
        checked, end = _held_against_local(window, member, *local, directory.offset, draft)
        extents.append((local[0], end, member.name))
        found.append(checked)
    if at != len(data):
        draft.problem("its directory holds more than the members that it counts")
    _contiguous(extents, directory.offset, draft, begin=min(extents, default=(0,))[0] if after else 0)
    return found


def _directory(window: Window) -> _Directory:
    end = _find_end(window)
    if end < 0:
        raise Malformed("it has no end record of a zip archive at the end of the file")
    disk, start_disk, here, count, size, offset, _ = struct.unpack("<4H2IH", window.read(end + 4, 18))
    if disk or start_disk or here != count:
        raise Malformed("it is one of several volumes")
    if (
        count != 0xFFFF
        and size != 0xFFFFFFFF
        and offset != 0xFFFFFFFF
        and not (end >= 20 and window.read(end - 20, 4) == _LOCATOR64)
    ):
        return _Directory(offset, size, count, end)
    if end < 76 or window.read(end - 20, 4) != _LOCATOR64:
        raise Malformed("its end record needs a 64-bit end record, which is missing")
    at = int.from_bytes(window.read(end - 12, 8), "little")
    record = window.read(at, 56)
    length, here64, count64, size64, offset64 = (
        *struct.unpack("<Q", record[4:12]),
        *struct.unpack("<4Q", record[24:56]),
    )
    if record[:4] != _END64 or at + 12 + length != end - 20 or here64 != count64 or record[16:24] != bytes(8):
        raise Malformed("its 64-bit end record does not match its position")
    for narrow, wide, most in ((count, count64, 0xFFFF), (size, size64, 0xFFFFFFFF), (offset, offset64, 0xFFFFFFFF)):
        if narrow not in (most, wide):
            raise Malformed("its two end records disagree")
    return _Directory(offset64, size64, count64, at)


def _central(data: bytes, at: int, draft: Draft) -> tuple[int, Member, tuple[int, int, bytes]]:
    """One directory entry: the start of the next entry, the member, and (local offset, flags, raw name)."""
    if at + _CENTRAL.size > len(data):
        raise Malformed("its directory ends in the middle of a member")
    fields = _CENTRAL.unpack_from(data, at)
    if fields[0] != b"PK\x01\x02":
        raise Malformed("its directory holds an entry that is not a member")
    made_by, _, flags, method, _, _, crc, packed, size, name_length, extra_length, comment, disk, _, attributes, offset = (
        fields[1:]
    )
    after = at + _CENTRAL.size + name_length + extra_length + comment
    if after > len(data):
        raise Malformed("its directory ends in the middle of a member")
    raw = data[at + _CENTRAL.size : at + _CENTRAL.size + name_length]
    extra = data[at + _CENTRAL.size + name_length : after - comment]
    size, packed, offset = _wide(extra, (size, packed, offset))
    name = raw.decode("utf-8", "backslashreplace")
    called = repr(printable(name))
    if flags & 0x2041:
        draft.problem(f"the member {called} is encrypted")
    if method not in (0, 8):
        draft.problem(f"the member {called} is packed by method {method}, which ArcOps cannot unpack")
    if method == 0 and size != packed:
        draft.problem(f"the member {called} is stored without packing, but claims two different sizes")
    if size > 1024 * 1024 and size > packed * BOMB_RATIO:
        draft.problem(f"the member {called} claims to unpack {packed} bytes to {size}")
    if made_by >> 8 == 3 and (attributes >> 16) & 0o170000 not in (0, 0o100000, 0o040000):
        draft.problem(f"the member {called} is a link or a special file")
    if disk not in (0, 0xFFFF):
        draft.problem(f"the member {called} is in another volume")
    fault = fault_of(name)
    if fault:
        draft.problem(f"the member {called} {fault}")
    return after, Member(name, method, packed, size, crc, 0), (offset, flags, raw)


def _wide(extra: bytes, narrow: tuple[int, int, int]) -> tuple[int, int, int]:
    """Sizes and offset, from the zip64 extra field if the narrow ones point there."""
    wide = list(narrow)
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, at)
        body = extra[at + 4 : at + 4 + length]
        if kind == 1:
            for index in range(3):
                if wide[index] == 0xFFFFFFFF:
                    if len(body) < 8:
                        raise Malformed("a 64-bit field of its directory is cut off")
                    wide[index] = int.from_bytes(body[:8], "little")
                    body = body[8:]
            break
        at += 4 + length
    return wide[0], wide[1], wide[2]


def _held_against_local(
    window: Window, member: Member, offset: int, flags: int, raw: bytes, limit: int, draft: Draft
) -> tuple[Member, int]:
    """The member with the position of its data, and the end of its bytes."""
    called = repr(printable(member.name))
    signature, _, local_flags, method, _, _, crc, packed, size, name_length, extra_length = _LOCAL.unpack(
        window.read(offset, _LOCAL.size)
    )
    if signature != b"PK\x03\x04":
        raise Malformed(f"the member {called} does not begin at the byte that the directory names")
    rest = window.read(offset + _LOCAL.size, name_length + extra_length)
    data = offset + _LOCAL.size + name_length + extra_length
    end = data + member.packed
    if end > limit:
        raise Malformed(f"the member {called} reaches into the directory")
    if packed == 0xFFFFFFFF or size == 0xFFFFFFFF:
        size, packed, _ = _wide(rest[name_length:], (size, packed, 0))
    streamed = bool(flags & 8)
    same = (rest[:name_length], method, local_flags) == (raw, member.method, flags)
    if not same or not (
        (size, packed, crc) == (member.size, member.packed, member.crc) or (streamed and not (size or packed or crc))
    ):
        draft.problem(f"the member {called} has different descriptions in the directory and in its own header")
    if streamed:
        # A descriptor follows the data: 12 to 24 bytes; its signature and its width are optional.
        descriptor = window.upto(end, min(24, limit - end))
        crc_bytes = member.crc.to_bytes(4, "little")
        for lead in (b"PK\x07\x08", b""):
            for width in (4, 8):
                body = lead + crc_bytes + (member.packed % 2 ** (8 * width)).to_bytes(width, "little")
                body += (member.size % 2 ** (8 * width)).to_bytes(width, "little")
                if descriptor.startswith(body):
                    return Member(member.name, member.method, member.packed, member.size, member.crc, data), end + len(body)
    return Member(member.name, member.method, member.packed, member.size, member.crc, data), end


def _contiguous(extents: list[tuple[int, int, str]], limit: int, draft: Draft, begin: int) -> None:
    reached = begin
    for start, end, name in sorted(extents):
        if start < reached:
            draft.problem(f"the member {printable(name)!r} shares bytes with another")
        elif start > reached:
            where = "before the first member" if reached == 0 else f"before the member {printable(name)!r}"
            draft.problem(f"there are {start - reached} bytes {where} that the directory does not list")
        reached = max(reached, end)
    if reached != limit:
        draft.problem("there are bytes between the last member and the directory")


def content_of(window: Window, member: Member, draft: Draft, limit: int = INFLATE_LIMIT) -> Window:
    """The bytes of *member*: a view if it is stored, else unpacked, at most *limit* of them. Raises `Malformed`, also
    if all bytes that were unpacked for *draft* exceed `INFLATE_TOTAL`."""
    if member.method == 0:
        return window.part(member.data, member.size)
    if member.method != 8 or member.size > limit:
        raise Malformed(f"{printable(member.name)!r} unpacks to {member.size} bytes; the limit is {limit}")
    draft.unpacked += member.size
    if draft.unpacked > INFLATE_TOTAL:
        raise Malformed(f"its members unpack to more than {INFLATE_TOTAL} bytes, the limit for reading")
    data = _inflate(window, member, member.size + 1)
    if len(data) != member.size or zlib.crc32(data) != member.crc:
        raise Malformed(f"{printable(member.name)!r} does not unpack to the content that the directory describes")
    return Window.over(data)


def held(window: Window, member: Member) -> Held:
    """*member* as a file of its own."""
    return Held(member.name, member.size, lambda draft: content_of(window, member, draft))


def first_bytes(window: Window, member: Member, length: int) -> bytes:
    """At most the first *length* bytes of *member*."""
    if member.method == 0:
        return window.upto(member.data, min(length, member.packed))
    return _inflate(window, member, length) if member.method == 8 else b""


def _inflate(window: Window, member: Member, limit: int) -> bytes:
    unpacker = zlib.decompressobj(-15)
    out = bytearray()
    at, end = member.data, member.data + member.packed
    try:
        while len(out) < limit and not unpacker.eof:
            given = unpacker.unconsumed_tail
            if not given:
                if at >= end:
                    break
                given = window.read(at, min(65_536, end - at))
                at += len(given)
            out += unpacker.decompress(given, limit - len(out))
    except zlib.error as error:
        raise Malformed(f"{printable(member.name)!r} does not unpack: {error}") from error
    return bytes(out)
