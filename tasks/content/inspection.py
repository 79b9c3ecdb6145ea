"""Which reader a file gets: its first bytes decide, and its name may only raise doubts."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import PurePosixPath

from arcops.seen.content import Content
from tasks.content import gguf, legacy_torch, numpy_array, onnx, pickles, safetensors, zips
from tasks.content.window import Malformed, Window

_HEAD = 64 * 1024
_MOST_JSON = 32 * 1024 * 1024
_EXECUTABLES = (b"\x7fELF", b"MZ", b"\xcf\xfa\xed\xfe", b"\xce\xfa\xed\xfe", b"\xca\xfe\xba\xbe", b"\x00asm", b"#!")
_ARCHIVES = (
    b"\x1f\x8b",
    b"BZh",
    b"\xfd7zXZ",
    b"\x28\xb5\x2f\xfd",
    b"7z\xbc\xaf",
    b"Rar!",
    b"\x04\x22\x4d\x18",
    b"\x78\x01",
    b"ZF0x",
)
_IMAGES = (b"\x89PNG\r\n", b"\xff\xd8\xff", b"GIF8", b"RIFF")
_PROMISED = {
    ".safetensors": {"safetensors"}, ".gguf": {"gguf"}, ".onnx": {"onnx"}, ".npy": {"numpy"}, ".npz": {"numpy"},
    ".json": {"json"}, ".txt": {"text"}, ".md": {"text"}, ".keras": {"keras"}, ".h5": {"hdf5"},
    ".pt": {"torch-zip", "torch-legacy", "torchscript", "pickle"},
    ".pth": {"torch-zip", "torch-legacy", "torchscript", "pickle"},
    ".png": {"image"}, ".jpg": {"image"}, ".jpeg": {"image"},
}  # fmt: skip
_PICKLE_STARTS = frozenset(b"(c]})NIKJMGFVXUCTS0i\x88\x89l")


def inspect(window: Window, name: str) -> Content:
    """What the file *name* is. Never raises on content: what does not parse is a problem of the format that it began as."""
    content = _by_bytes(window, name)
    promised = _PROMISED.get(PurePosixPath(name.lower()).suffix)
    if promised and content.format not in promised and window.size:
        doubt = f"Its name promises {' or '.join(sorted(promised))}, but its bytes are {content.format}."
        return Content(format=content.format, imports=content.imports, problems=(*content.problems, doubt), code=content.code)
    return content


def _by_bytes(window: Window, name: str) -> Content:
    if window.size == 0:
        return Content(format="empty")
    try:
        head = window.head(_HEAD)
        suffix = PurePosixPath(name.lower()).suffix
        if head.startswith(gguf.MAGIC) or suffix == ".gguf":
            return _read(gguf.FORMAT, gguf.read, window) if head.startswith(gguf.MAGIC) else _other(window, head, name)
        if safetensors.looks_like(window) or suffix == ".safetensors":
            return _read(safetensors.FORMAT, safetensors.read, window)
        if head.startswith(b"PK\x03\x04") or b"PK\x05\x06" in window.tail(65557):
            return _read("zip", zips.read, window)
        if head.startswith(legacy_torch.MAGIC):
            return _read(legacy_torch.FORMAT, legacy_torch.read, window)
        if head.startswith(numpy_array.MAGIC):
            return _read(numpy_array.FORMAT, numpy_array.read, window)
        if head[:1] == b"\x80" and len(head) > 1 and head[1] <= 5:
            return _read(pickles.FORMAT, pickles.read, window)
        return _other(window, head, name)
    except Malformed as error:
        return _malformed("other", error)


def _read(format_: str, reader: Callable[[Window], Content], window: Window) -> Content:
    try:
        return reader(window)
    except Malformed as error:
        return _malformed(format_, error)


def _malformed(format_: str, error: Malformed) -> Content:
    text = str(error)
    return Content(
        format=format_, problems=(f"{text[0].upper()}{text[1:]}.",), code=format_ in ("pickle", "zip", "torch-legacy")
    )


def _other(window: Window, head: bytes, name: str) -> Content:
    suffix = PurePosixPath(name.lower()).suffix
    if head.startswith(_EXECUTABLES):
        return Content(format="executable", code=True)
    if suffix == ".onnx":
        return _read(onnx.FORMAT, onnx.read, window)
    if head.startswith(b"\x89HDF\r\n\x1a\n"):
        return Content(format="hdf5", code=True)
    if head[257:262] == b"ustar" or head.startswith(_ARCHIVES):
        return Content(format="archive", code=True)
    hidden = _hidden_pickle(window, head)
    if hidden is not None:
        return hidden
    if head.startswith(_IMAGES):
        return Content(format="image")
    if head.startswith(b"%PDF-"):
        return Content(format="pdf")
    if _is_text(head, whole=window.size <= len(head)):
        return _text(window, suffix)
    return Content(format="other")


def _hidden_pickle(window: Window, head: bytes) -> Content | None:
    """A pickle without the protocol mark: it counts when it parses to its STOP and imports something."""
    if head[0] not in _PICKLE_STARTS:
        return None
    try:
        walked = pickles.walk(window)
    except Malformed:
        return None
    if not walked.imports and not walked.problems:
        return None
    return pickles.read(window)


def _is_text(head: bytes, *, whole: bool) -> bool:
    if b"\x00" in head:
        return False
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        return not whole and error.start > len(head) - 4
    return True


def _text(window: Window, suffix: str) -> Content:
    if suffix in (".py", ".pyc", ".pyw", ".so", ".sh", ".bat", ".ps1", ".js"):
        return Content(format="script", code=True)
    if suffix != ".json":
        return Content(format="text")
    if window.size > _MOST_JSON:
        return Content(format="json", problems=(f"It has {window.size} bytes; at most {_MOST_JSON} of JSON are looked into.",))
    try:
        document = json.loads(window.head(_MOST_JSON))
    except (ValueError, RecursionError) as error:
        return Content(format="json", problems=(f"It is not JSON: {' '.join(str(error).split())}.",))
    if isinstance(document, dict) and "auto_map" in document:
        # Transformers imports the Python files that auto_map names, where remote code is trusted.
        return Content(format="json", code=True)
    return Content(format="json")
