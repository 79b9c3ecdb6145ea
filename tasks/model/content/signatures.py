"""Signatures: formats that are known by the first bytes of a file."""

from __future__ import annotations

from tasks.model.content.window import Window

EXECUTABLES = frozenset(("elf", "pe", "mach-o", "wasm", "java-class", "script", "python-bytecode", "dos-executable"))
"""Formats that a system, or a runtime on it, executes."""

ARCHIVES = frozenset(("zip", "tar", "gzip", "bzip2", "xz", "zstd", "lz4", "7z", "rar", "zlib", "lzma", "cab", "squashfs"))
"""Formats that hold other files or bytes, which ArcOps does not read."""

PACKERS = frozenset(("gzip", "bzip2", "xz", "lzma", "zlib"))
"""Those of them that Python unpacks by itself: packed streams of one file or one tar."""

_STARTS = (
    (b"\x7fELF", "elf"),
    (b"\x00asm", "wasm"),
    (b"\xfe\xed\xfa\xce", "mach-o"),
    (b"\xfe\xed\xfa\xcf", "mach-o"),
    (b"\xce\xfa\xed\xfe", "mach-o"),
    (b"\xcf\xfa\xed\xfe", "mach-o"),
    (b"#!", "script"),
    (b"\x1f\x8b\x08", "gzip"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"\x04\x22\x4d\x18", "lz4"),
    (b"7z\xbc\xaf\x27\x1c", "7z"),
    (b"Rar!\x1a\x07", "rar"),
    (b"MSCF\x00\x00\x00\x00", "cab"),
    (b"hsqs", "squashfs"),
    (b"\x93NUMPY", "numpy"),
    (b"GGUF", "gguf"),
    (b"\x89HDF\r\n\x1a\n", "hdf5"),
    (b"\x89PNG\r\n\x1a\n", "image"),
    (b"\xff\xd8\xff", "image"),
    (b"GIF87a", "image"),
    (b"GIF89a", "image"),
    (b"%PDF-", "pdf"),
)

_BY_FIRST_BYTE = {
    first: tuple((start, form) for start, form in _STARTS if start[:1] == first)
    for first in {start[:1] for start, _ in _STARTS}
}
_ZLIB = (b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda")


def of(head: bytes, window: Window) -> str:
    """The format by signature; empty if there is no signature."""
    for start, form in _BY_FIRST_BYTE.get(head[:1], ()):
        if head.startswith(start):
            return form
    if head[:4] in (b"\xca\xfe\xba\xbe", b"\xca\xfe\xba\xbf"):
        # At this place, Java classes have a version of at least 45, and universal binaries a small count of architectures.
        return "mach-o" if int.from_bytes(head[4:8], "big") < 30 else "java-class"
    if head.startswith(b"MZ") and len(head) >= 64:
        at = int.from_bytes(head[60:64], "little")
        return "pe" if window.upto(at, 4) == b"PE\x00\x00" else "dos-executable"
    if head[4:8] == b"TFL3":
        return "tflite"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image"
    if head[2:4] == b"\r\n" and len(head) >= 16 and head[4:8] in (bytes(4), b"\x01\x00\x00\x00", b"\x03\x00\x00\x00"):
        return "python-bytecode"
    if head[:3] == b"\x5d\x00\x00" and _lzma(head):
        return "lzma"
    for at in (512, 1024, 2048):
        if head[at : at + 8] == b"\x89HDF\r\n\x1a\n":
            return "hdf5"
    return "zlib" if head[:2] in _ZLIB and len(head) > 6 and not is_text(head) else ""


def _lzma(head: bytes) -> bool:
    """After the first properties: the size of a dictionary, then the size of the content, or -1."""
    size = head[5:13]
    return head[3:5] == b"\x80\x00" or (len(size) == 8 and head[4] < 8 and (size == b"\xff" * 8 or size[5:] == bytes(3)))


def is_text(data: bytes, *, cut: bool = True) -> bool:
    """Is *data* UTF-8 without control characters? *cut*: its last character may be incomplete."""
    if data.translate(None, _CONTROL) != data:
        return False
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        return cut and error.reason == "unexpected end of data" and len(data) - error.start < 4
    return True


_CONTROL = bytes(set(range(32)) - set(b"\t\n\r\f\x1b")) + b"\x7f"

TEXTUAL = tuple(start for start, _ in _STARTS if is_text(start, cut=False))
"""Signatures that are text themselves."""
