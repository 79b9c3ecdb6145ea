"""Tar: only the headers are read. Torch's oldest format is a tar; any other tar is only listed and searched for pickles.

Source: POSIX.1-1988 ``ustar`` and POSIX.1-2001 ``pax``; ``torch/serialization.py`` (``legacy_load``).
"""

from __future__ import annotations

from tasks.model.content import pickles
from tasks.model.content.draft import Draft, printable
from tasks.model.content.names import fault_of
from tasks.model.content.window import Malformed, Window

MOST_MEMBERS = 100_000
TORCH_MEMBERS = frozenset(("sys_info", "pickle", "storages", "tensors"))


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


def read(window: Window, draft: Draft) -> None:
    at = count = 0
    names: set[str] = set()
    while at + 512 <= window.size:
        header = window.read(at, 512)
        if header == bytes(512):
            _nothing_follows(window, at, draft)
            break
        if not _checksum_holds(header):
            raise Malformed(f"the tar header at byte {at} has a wrong checksum")
        count += 1
        if count > MOST_MEMBERS:
            raise Malformed(f"it has more than {MOST_MEMBERS} members")
        name = _name(header)
        size = _octal(header[124:136])
        if at + 512 + size > window.size:
            raise Malformed(f"the member {printable(name)!r} claims {size} bytes, more than are left")
        _member(window.part(at + 512, size), name, header[156:157], draft, names)
        at += 512 + (size + 511) // 512 * 512
    if names >= TORCH_MEMBERS - {"tensors"}:
        draft.format = "torch-tar"


def _name(header: bytes) -> str:
    name = header[:100].split(b"\x00", 1)[0]
    prefix = header[345:500].split(b"\x00", 1)[0] if header[257:262] == b"ustar" else b""
    return (prefix + b"/" + name if prefix else name).decode("utf-8", "backslashreplace")


def _member(content: Window, name: str, kind: bytes, draft: Draft, names: set[str]) -> None:
    called = printable(name)
    if kind in (b"x", b"g", b"L", b"K"):
        draft.problem(f"the member {called!r} renames another, and readers differ on how they do that")
        return
    if kind not in (b"0", b"\x00", b"5", b"7"):
        draft.problem(f"the member {called!r} is a link or a special file")
        return
    fault = fault_of(name)
    if fault:
        draft.problem(f"the member {called!r} {fault}")
    if name in names:
        draft.problem(f"the member {called!r} appears twice")
    names.add(name)
    base = name.removeprefix("./").rsplit("/", 1)[-1]
    if base in TORCH_MEMBERS or content.upto(0, 1) == b"\x80":
        at = 0
        # ``storages`` and ``tensors`` mix pickles with raw data; their first pickle holds a count.
        while at < content.size:
            inner = Draft("pickle")
            inner.steps = draft.steps
            walked = pickles.walk(content, inner, at=at, persistent=True)
            draft.steps = inner.steps
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
