"""The digest cache: what was read of a file that, as the kernel says, no process has written since.

One file for each target, private to its owner, sealed by a checksum; if anything about it is odd, it counts as absent. An
entry is found by absolute path, device, inode, size, modification and change time, and is kept only if both times were
`MARGIN_NS` before the reading began. The change time cannot be set by a program, so a file that was written, replaced,
touched or had its time forged back is read again. The margin covers clocks of coarse resolution (the "racy git" problem)
and stores through a memory map, whose pages a disk file system writes back, and stamps again, within about 30 seconds.
Not seen: a store through a memory map that was already dirty on a file system without write-back (tmpfs), a clock that an
administrator sets back, a file system that lies about its times, and bits that rot on the disk.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, NamedTuple

from arcops.seen.content import UNDESCRIBED, Base, Belongs, Content, Names, RawData, Shard, Split
from artifacts.private_folder import make_private
from artifacts.reading import read_file
from tasks.files.walk import FileIdentity, WalkedEntry

MARGIN_NS = 60 * 1_000_000_000
LIMIT = 512 * 1024 * 1024
FORMAT = "arcops-digests-2"
_FIELDS = tuple(field.name for field in fields(Content))
_SAID_OF_UNDESCRIBED: dict[str, object] = {}
"""An entry that says nothing of the content; it is read back as `UNDESCRIBED`."""


class RememberedFile(NamedTuple):
    """What an earlier reading found."""

    sha256: str
    content: Content


def settled(identity: FileIdentity, now_ns: int) -> bool:
    """Was the file unchanged for so long before *now_ns* that any later write must change its times?"""
    return max(identity.mtime_ns, identity.ctime_ns) < now_ns - MARGIN_NS


class DigestCache:
    """The entries of one target (an absolute path), as read by readers of one *version*."""

    __slots__ = ("_file", "_version")

    def __init__(self, folder: Path, target: Path, version: str) -> None:
        name = hashlib.sha256(os.fsencode(target)).hexdigest()[:40]
        kind = ".digests" if version.endswith(".digests") else ""
        self._file = folder / "digests" / f"{name}{kind}.json"
        self._version = f"{FORMAT} {version} {name}"

    def load(self) -> Mapping[tuple[str, FileIdentity], RememberedFile]:
        """Every entry; nothing if the file is absent, for another target, damaged or could have been written by other users."""
        try:
            if not _private(self._file.parent.lstat(), stat.S_ISDIR) or not _private(self._file.lstat(), stat.S_ISREG):
                return {}
            version, seal, text = read_file(self._file, LIMIT, follow=False).split(b"\n", 2)
            if version.decode() != self._version or hashlib.sha256(text).hexdigest().encode() != seal:
                return {}
            contents, rows = json.loads(text)
            known = [_content(said) for said in contents]
            if any(type(place) is not int or place < 0 for *_, place in rows):
                return {}
            return {(path, FileIdentity(*key)): RememberedFile(digest, known[place]) for path, key, digest, place in rows}
        except Exception:  # a cache may be lost at any time: then the files themselves are read
            return {}

    def save(self, entries: Iterable[tuple[WalkedEntry, RememberedFile]]) -> None:
        """Replace the file by *entries*, whole or not at all; a folder that can't be written to is left alone."""
        places: dict[int, int] = {}  # most files have one of a few contents, which is written once
        contents: list[dict[str, object]] = []
        rows = []
        for entry, known in entries:
            place = places.get(id(known.content))
            if place is None:
                place = places[id(known.content)] = len(contents)
                contents.append(_said(known.content))
            rows.append((entry.path, entry.identity, known.sha256, place))
        text = json.dumps((contents, rows), separators=(",", ":")).encode()
        try:
            make_private(self._file.parent)
            if not _private(self._file.parent.lstat(), stat.S_ISDIR):
                return
            descriptor, name = tempfile.mkstemp(dir=self._file.parent)  # mode 0600
            try:
                with os.fdopen(descriptor, "wb") as file:
                    file.write(f"{self._version}\n{hashlib.sha256(text).hexdigest()}\n".encode() + text)
                Path(name).replace(self._file)
            except BaseException:
                Path(name).unlink(missing_ok=True)
                raise
        except OSError:
            return


def _private(status: os.stat_result, kind: object) -> bool:
    of_kind = kind(status.st_mode) if callable(kind) else False
    return bool(of_kind) and status.st_uid == os.getuid() and not status.st_mode & 0o022


def _said(content: Content) -> dict[str, object]:
    if content is UNDESCRIBED:
        return _SAID_OF_UNDESCRIBED
    said = {name: value for name in _FIELDS if (value := getattr(content, name))}
    if content.belongs is not None:
        said["belongs"] = asdict(content.belongs)
    return said


def _content(said: dict[str, Any]) -> Content:
    if not said:
        return UNDESCRIBED
    if not isinstance(said["format"], str) or not isinstance(said.get("code", False), bool):
        raise TypeError(said)
    made: dict[str, Any] = {name: tuple(map(str, value)) for name, value in said.items() if isinstance(value, list)}
    if "belongs" in said:
        made["belongs"] = _belongs(**said["belongs"])
    return Content(format=said["format"], code=bool(said.get("code", False)), **made)


def _belongs(tensors: Any, shards: Any, split: Any, bases: Any, data: Any) -> Belongs:
    return Belongs(
        tensors=None if tensors is None else Names(**tensors),
        shards=tuple(Shard(path=one["path"], names=Names(**one["names"])) for one in shards),
        split=None if split is None else Split(**split),
        bases=tuple(Base(**one) for one in bases),
        data=tuple(RawData(**one) for one in data),
    )
