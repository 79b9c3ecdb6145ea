"""Zip archives and the model formats that are one: PyTorch, NumPy's .npz, Keras v3 (APPNOTE.TXT 6.3.10, sections 4.3 and 4.4).

The central directory is what loaders trust and local headers are what some scanners read; where the two disagree, so could
they.
"""

from __future__ import annotations

import io
import stat
import struct
import zipfile
import zlib

from arcops.seen.content import Content
from tasks.content import numpy_array, pickles
from tasks.content.window import BytesWindow, Malformed, Window

_MOST_MEMBERS = 100_000
_MOST_DIRECTORY = 64 * 1024 * 1024
_MOST_MEMBER = 64 * 1024 * 1024
_ENCRYPTED = 0x1 | 0x40 | 0x2000


class _File(io.RawIOBase):
    """A window as the seekable file that `zipfile` wants."""

    def __init__(self, window: Window) -> None:
        self._window = window
        self._position = 0

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._window.size}[whence]
        self._position = max(0, start + offset)
        return self._position

    def read(self, size: int = -1) -> bytes:
        left = max(0, self._window.size - self._position)
        length = left if size < 0 else min(size, left)
        if length > _MOST_DIRECTORY:
            raise Malformed(f"its directory claims {length} bytes; at most {_MOST_DIRECTORY} are accepted")
        data = self._window.at(self._position, length)
        self._position += length
        return data


def read(window: Window) -> Content:
    """Which of the formats it is, what its pickles import, and every way in which it could show two readers two contents."""
    try:
        with zipfile.ZipFile(_File(window)) as archive:
            return _read(archive, window)
    except (zipfile.BadZipFile, NotImplementedError, EOFError, ValueError, OverflowError, zlib.error, struct.error) as error:
        raise Malformed(f"it is a broken zip archive: {error}") from error


def _read(archive: zipfile.ZipFile, window: Window) -> Content:
    members = archive.infolist()
    if not members:
        raise Malformed("it is a zip archive with nothing in it")
    if len(members) > _MOST_MEMBERS:
        raise Malformed(f"it has {len(members)} members; at most {_MOST_MEMBERS} are accepted")
    problems = _structure(members, window)
    names = [member.filename for member in members]
    if problems:
        return Content(format="zip", problems=tuple(problems), code=True)
    if any(name.endswith("/data.pkl") or name == "data.pkl" for name in names):
        return _torch(archive, members)
    if all(name.endswith(".npy") for name in names):
        return _npz(archive, members)
    if {"metadata.json", "config.json", "model.weights.h5"} <= set(names):
        return _keras(archive)
    return Content(format="zip", code=any(name.endswith((".pkl", ".pickle", ".py", ".so")) for name in names))


def _structure(members: list[zipfile.ZipInfo], window: Window) -> list[str]:
    problems = []
    names = [member.filename for member in members]
    if len(set(names)) != len(names):
        problems.append("Two members of the archive have one name.")
    if min(member.header_offset for member in members) != 0:
        problems.append("Bytes stand before the archive's first member.")
    for member in members:
        where = f"Member {member.filename!r}"
        if member.flag_bits & _ENCRYPTED:
            problems.append(f"{where} is encrypted.")
        if member.filename.startswith("/") or "\\" in member.filename or ".." in member.filename.split("/"):
            problems.append(f"{where} escapes the archive.")
        if stat.S_ISLNK(member.external_attr >> 16):
            problems.append(f"{where} is a symbolic link.")
        local = window.at(member.header_offset, 30)
        length = struct.unpack("<H", local[26:28])[0]
        raw = window.at(member.header_offset + 30, length)
        method = struct.unpack("<H", local[8:10])[0]
        if local[:4] != b"PK\x03\x04" or raw != _raw_name(member) or method != member.compress_type:
            problems.append(f"{where} has a local header that disagrees with the directory.")
        if len(problems) > 20:
            break
    return problems


def _raw_name(member: zipfile.ZipInfo) -> bytes:
    return member.orig_filename.encode("utf-8" if member.flag_bits & 0x800 else "cp437", errors="replace")


def _member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> BytesWindow:
    if member.file_size > _MOST_MEMBER:
        raise Malformed(f"member {member.filename!r} has {member.file_size} bytes; at most {_MOST_MEMBER} are looked into")
    with archive.open(member) as file:
        data = file.read(_MOST_MEMBER + 1)
    if len(data) != member.file_size:
        raise Malformed(f"member {member.filename!r} does not have the size that the directory says")
    return BytesWindow(data)


def _torch(archive: zipfile.ZipFile, members: list[zipfile.ZipInfo]) -> Content:
    root = next(m.filename for m in members if m.filename.endswith("data.pkl")).removesuffix("data.pkl")
    imports: set[str] = set()
    problems: list[str] = []
    script = False
    for member in members:
        inner = member.filename.removeprefix(root)
        if not member.filename.startswith(root):
            problems.append(f"Member {member.filename!r} lies outside the archive's own folder {root!r}.")
        elif inner.endswith(".pkl"):
            walked = pickles.walk(_member(archive, member))
            imports |= walked.imports
            problems += [f"{member.filename}: {problem}" for problem in walked.problems]
            if walked.end != member.file_size:
                problems.append(f"Bytes follow the end of the pickle in {member.filename!r}.")
        elif inner.startswith("code/"):
            script = True
        elif not inner.startswith(("data/", "constants/", ".data/", "extra/")) and inner not in (
            "version", "byteorder", ".format_version", ".storage_alignment",
        ):  # fmt: skip
            problems.append(f"Member {member.filename!r} is no part of the format.")
    name = "torchscript" if script else "torch-zip"
    return Content(format=name, imports=tuple(sorted(imports)), problems=tuple(problems), code=script or bool(imports))


def _npz(archive: zipfile.ZipFile, members: list[zipfile.ZipInfo]) -> Content:
    problems: list[str] = []
    for member in members:
        with archive.open(member) as file:
            head = file.read(32 * 1024)
        if not head.startswith(numpy_array.MAGIC):
            problems.append(f"Member {member.filename!r} is no NumPy array.")
            continue
        problems += [f"{member.filename}: {problem}" for problem in numpy_array.read(BytesWindow(head)).problems]
    return Content(format="numpy", problems=tuple(problems), code=bool(problems))


def _keras(archive: zipfile.ZipFile) -> Content:
    config = _member(archive, archive.getinfo("config.json")).head(_MOST_MEMBER)
    code = b"Lambda" in config or b"__lambda__" in config
    return Content(format="keras", code=code)
