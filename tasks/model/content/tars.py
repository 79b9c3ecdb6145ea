"""Tar: its headers. Torch's oldest format is a tar, too.

Source: POSIX.1-1988 ``ustar`` and POSIX.1-2001 ``pax``; ``torch/serialization.py`` (``legacy_load``).
"""

from __future__ import annotations

from tasks.model.content import pickles
from tasks.model.content.draft import Draft, printable
from tasks.model.content.members import Held
from tasks.model.content.names import fault_of
from tasks.model.content.window import Malformed, Window

MOST_MEMBERS = 100_000
NOTES_LIMIT = 64 * 1024
TORCH_MEMBERS = frozenset(("sys_info", "pickle", "storages", "tensors"))
_NOTES = frozenset((b"mtime", b"atime", b"ctime", b"uid", b"gid", b"uname", b"gname", b"comment", b"SCHILY.fflags"))
"""Keys of extended headers that change neither the name, the size nor the kind of a file."""


def looks_like(head: bytes) -> bool:
    """Does a header of a tar member, with a true checksum, come first?"""
    return len(head) >= 512 and head[:1] != b"\x00" and _checksum_holds(head[:512])


def _checksum_holds(header: bytes) -> bool:
    try:
        return _octal(header[148:156]) == sum(header[:148]) + 8 * 32 + sum(header[156:512])
    except Malformed:
        return False


def _octal(field: bytes) -> int:
    if field[:1] in (b"\x80", b"\xff"):
        return int.from_bytes(field[1:], "big")
    text = field.strip(b" \x00")
    if not text or text.translate(None, b"01234567"):
        raise Malformed("a number in a tar header is not octal")
    return int(text, 8)


def members(window: Window, draft: Draft) -> list[Held]:
    """All files in the archive. Raises `Malformed` if it ends in the middle of one; other faults are problems of *draft*."""
    at = count = 0
    names: set[str] = set()
    found: list[Held] = []
    while at + 512 <= window.size:
        header = window.read(at, 512)
        if header == bytes(512):
            _nothing_follows(window, at, draft)
            return found
        if not _checksum_holds(header):
            raise Malformed(f"the tar header at byte {at} has a wrong checksum")
        count += 1
        if count > MOST_MEMBERS:
            raise Malformed(f"it has more than {MOST_MEMBERS} members")
        name = _name(header)
        size = _octal(header[124:136])
        if at + 512 + size > window.size:
            raise Malformed(f"the member {printable(name)!r} claims {size} bytes, more than are left")
        content = window.part(at + 512, size)
        if _sound(content, name, header[156:157], draft, names):
            found.append(Held(name, size, lambda _, content=content: content))  # type: ignore[misc]  # binds this turn's content
        at += 512 + (size + 511) // 512 * 512
    if at < window.size:
        draft.problem(f"after its last member there are {window.size - at} bytes that are no header")
    return found


def is_torch(held: list[Held]) -> bool:
    """Has it the members that `torch.load` asks for?"""
    return {file.name for file in held} >= TORCH_MEMBERS - {"tensors"}


def read_torch(held: list[Held], draft: Draft) -> list[Held]:
    """Walk the pickles in the members that torch reads; returns the other members."""
    draft.format = "torch-tar"
    for file in held:
        if file.name in TORCH_MEMBERS:
            _pickles(file.opened(draft), printable(file.name), draft)
    return [file for file in held if file.name not in TORCH_MEMBERS]


def _name(header: bytes) -> str:
    name = header[:100].split(b"\x00", 1)[0]
    prefix = header[345:500].split(b"\x00", 1)[0] if header[257:262] == b"ustar" else b""
    return (prefix + b"/" + name if prefix else name).decode("utf-8", "backslashreplace")


def _sound(content: Window, name: str, kind: bytes, draft: Draft, names: set[str]) -> bool:
    """Is it a file that every reader sees alike? Every other case is a problem, except notes that change no name or size."""
    called = printable(name)
    if kind in (b"x", b"g") and _only_notes(content):
        return False
    if kind in (b"x", b"g", b"L", b"K"):
        draft.problem(f"the member {called!r} renames another, and readers differ on how they do that")
        return False
    if kind not in (b"0", b"\x00", b"5", b"7"):
        draft.problem(f"the member {called!r} is a link or a special file")
        return False
    fault = fault_of(name)
    if fault:
        draft.problem(f"the member {called!r} {fault}")
    plain = name.removeprefix("./").rstrip("/")
    if plain in names:
        draft.problem(f"the member {called!r} appears twice")
    names.add(plain)
    if kind == b"5" and content.size:
        draft.problem(f"the member {called!r} is a folder, but holds {content.size} bytes")
    return kind != b"5"


def _only_notes(content: Window) -> bool:
    """Does an extended header hold only times, owners and comments? Python writes one with a time for each file."""
    if content.size > NOTES_LIMIT:
        return False
    data = content.read(0, content.size)
    while data:
        length, space, _ = data.partition(b" ")
        if not space or not length.isdigit() or len(length) > 6 or not len(length) + 3 < int(length) <= len(data):
            return False
        record, data = data[: int(length)], data[int(length) :]
        key, equals, _ = record[len(length) + 1 :].partition(b"=")
        if (
            not equals
            or not record.endswith(b"\n")
            or not (key in _NOTES or key.startswith((b"SCHILY.xattr.", b"LIBARCHIVE.")))
        ):
            return False
    return True


def _pickles(content: Window, called: str, draft: Draft) -> None:
    """``storages`` and ``tensors`` mix pickles with raw data; their first pickle holds a count."""
    at = 0
    while at < content.size:
        inner = draft.part("pickle")
        walked = pickles.walk(content, inner, at=at, persistent=True)
        draft.absorb(inner, called)
        if not walked.stopped:
            return
        at = walked.end


def _nothing_follows(window: Window, at: int, draft: Draft) -> None:
    while at < window.size:
        piece = window.upto(at, 65_536)
        if piece.strip(b"\x00"):
            draft.problem("data follows the end of the tar archive")
            return
        at += len(piece)
