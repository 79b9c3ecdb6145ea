"""The nodes of the log's tree in their own file, so that a proof needs a few reads and not the whole log.

    nodes   records of 40 bytes: first the stamp of the log's file as it was when the last record was written; then each
            complete subtree, in the order in which the subtrees become complete: its hash, and where in the log its lines end

So the place of each record can be computed. The file is derived from the log and is never trusted: a proof that is made from it
is checked against a signed root and the entry's own line. The answer is ``None`` if the check fails, or if the log's file has
changed since. The caller then reads the whole log and rebuilds the file.

The stamp shows whether another line of the log was edited. Someone who forges the stamp as well can hide that edit from a
single proof, but not from a reader of the whole log. The proof is still correct for its own entry.
"""

from __future__ import annotations

import os
import stat
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from arcops.errors import Refused, Unavailable
from arcops.late_dataclass import dataclass
from artifacts.log.checkpoint import Checkpoint
from artifacts.log.lines import MOST_LINE
from artifacts.log.merkle import (
    Frontier,
    consistency_path,
    inclusion_path,
    leaf_hash,
    node_hash,
    split,
    verify_consistency,
    verify_inclusion,
)
from artifacts.log.proven import Proven
from artifacts.writing import replace_whole

Stamp = tuple[int, ...]
"""A file's identity, its length and the time of its last change; empty if there is no file."""

_RECORD = 40
_END = struct.Struct(">Q")
_STAMP = struct.Struct(">5Q")
_FLAGS = os.O_CLOEXEC | os.O_NONBLOCK


class _Unfit(Exception):
    """The file does not hold the requested records."""


def stamp_of(seen: os.stat_result) -> Stamp:
    """The stamp of the file that *seen* describes."""
    return (seen.st_dev, seen.st_ino, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns)


class Nodes:
    """The nodes of the log in *folder*."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "nodes"
        self._log = folder / "log"

    def inclusion(self, position: int, signed: Checkpoint) -> Proven | None:
        """The entry at *position*, proven to be one of those that *signed* says; ``None`` if this cannot be shown from here.

        The last entry under *signed* is checked as well, so that a log whose end was cut off never passes.
        """
        if not 0 <= position < signed.size:
            return None
        try:
            with self._opened() as opened:
                found = opened.proven(position, signed)
                opened.proven(signed.size - 1, signed)
                return found
        except (OSError, _Unfit):
            return None

    def consistency(self, earlier: Checkpoint, now: Checkpoint) -> tuple[bytes, ...] | None:
        """The proof that the log of *now* only added to that of *earlier*; ``None`` if this cannot be shown from here."""
        if not 0 <= earlier.size <= now.size:
            return None
        try:
            with self._opened() as opened:
                path = consistency_path(opened.node, earlier.size, now.size)
        except (OSError, _Unfit):
            return None
        sound = verify_consistency(
            first=earlier.size, second=now.size, proof=path, first_root=earlier.root, second_root=now.root
        )
        return path if sound else None

    def add(self, before: Frontier, lines: Sequence[bytes], stamp: Stamp) -> None:
        """Add the last of *lines*, the whole log, whose tree was *before* without it. The caller holds the lock.

        *stamp* is that of the log's file now. If the file does not belong to *before*, it is rebuilt. If it cannot be written,
        it stays as it is, and proofs take longer.
        """
        with suppress(OSError, Refused, Unavailable):
            if stamp and not self._grown(before, lines[-1], stamp):
                self.build(lines, stamp)

    def build(self, lines: Sequence[bytes], stamp: Stamp) -> None:
        """Make the file from *lines*, the whole log, read after its file had the *stamp*. The caller holds the lock."""
        data, peaks, end = bytearray(_stamped(stamp)), list[bytes](), 0
        for number, line in enumerate(lines):
            end += len(line) + 1
            for node in _completed(peaks, number, leaf_hash(line)):
                data += node + _END.pack(end)
        replace_whole(self.path, bytes(data), mode=0o600)

    def _grown(self, before: Frontier, line: bytes, stamp: Stamp) -> bool:
        """Add *line* to the file. False, with the file as it was, if the file does not belong to *before*."""
        try:
            descriptor = os.open(self.path, os.O_RDWR | os.O_NOFOLLOW | _FLAGS)
        except FileNotFoundError:
            return False
        try:
            seen, here = os.fstat(descriptor), _records(before.size) * _RECORD
            end = stamp[2]
            if not stat.S_ISREG(seen.st_mode) or seen.st_size < here:
                return False
            if not _holds(descriptor, before, end - len(line) - 1):
                return False
            data = b"".join(node + _END.pack(end) for node in _completed(list(before.peaks), before.size, leaf_hash(line)))
            if seen.st_size > here:
                os.ftruncate(descriptor, here)
            # The stamp is written last: until then, a proof is made from the log.
            return os.pwrite(descriptor, data, here) == len(data) and os.pwrite(descriptor, _stamped(stamp), 0) == _RECORD
        finally:
            os.close(descriptor)

    @contextmanager
    def _opened(self) -> Iterator[_Opened]:
        """Both files, if the log's is the one that the nodes were written for."""
        nodes = os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW | _FLAGS)
        try:
            log = os.open(self._log, os.O_RDONLY | _FLAGS)
            try:
                seen, found = os.fstat(log), os.fstat(nodes)
                if not stat.S_ISREG(seen.st_mode) or not stat.S_ISREG(found.st_mode):
                    raise _Unfit
                if os.pread(nodes, _RECORD, 0) != _stamped(stamp_of(seen)):
                    raise _Unfit
                yield _Opened(log=log, length=seen.st_size, nodes=nodes, records=found.st_size // _RECORD)
            finally:
                os.close(log)
        finally:
            os.close(nodes)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Opened:
    """The open log with its *length* in bytes, and its open nodes with the number of *records*."""

    log: int
    length: int
    nodes: int
    records: int

    def proven(self, position: int, signed: Checkpoint) -> Proven:
        line, path = self.line(position), inclusion_path(self.node, position, signed.size)
        if not verify_inclusion(leaf=leaf_hash(line), index=position, size=signed.size, proof=path, root=signed.root):
            raise _Unfit
        return Proven(line=line, path=path)

    def node(self, low: int, high: int) -> bytes:
        """The root over the leaves from *low* up to *high*, as RFC 6962 splits a tree: without a record, it is made of two."""
        width = high - low
        if not width & (width - 1):
            return self._record(width.bit_length() - 1, low // width)[0]
        middle = low + split(width)
        return node_hash(self.node(low, middle), self.node(middle, high))

    def line(self, position: int) -> bytes:
        """The line at *position*; the log's bytes show that it is a whole line."""
        start = self._record(0, position - 1)[1] if position else 0
        end = self._record(0, position)[1]
        if not start < end <= min(self.length, start + MOST_LINE):
            raise _Unfit
        data = os.pread(self.log, end - start, start)
        if data.find(b"\n") != end - start - 1 or (start and os.pread(self.log, 1, start - 1) != b"\n"):
            raise _Unfit
        return data[:-1]

    def _record(self, level: int, index: int) -> tuple[bytes, int]:
        place = _place(level, index)
        if place >= self.records:
            raise _Unfit
        data = os.pread(self.nodes, _RECORD, place * _RECORD)
        if len(data) != _RECORD:
            raise _Unfit
        return data[:32], _END.unpack_from(data, 32)[0]


def _completed(peaks: list[bytes], size: int, leaf: bytes) -> Iterator[bytes]:
    """The nodes that *leaf* completes in a tree of *size* leaves with these *peaks*, itself first; *peaks* follow."""
    yield leaf
    while size & 1:
        leaf, size = node_hash(peaks.pop(), leaf), size >> 1
        yield leaf
    peaks.append(leaf)


def _holds(descriptor: int, tree: Frontier, end: int) -> bool:
    """Do the open nodes hold *tree*, whose lines end at the byte *end* of the log?"""
    first, peaks = 0, iter(tree.peaks)
    for level in reversed(range(tree.size.bit_length())):
        if tree.size >> level & 1:
            record = os.pread(descriptor, _RECORD, _place(level, first >> level) * _RECORD)
            first += 1 << level
            if record[:32] != next(peaks) or (first == tree.size and record[32:] != _END.pack(end)):
                return False
    return True


def _place(level: int, index: int) -> int:
    """Which record holds the subtree number *index* among those over ``2 ** level`` leaves. Its last leaf completes it."""
    last = ((index + 1) << level) - 1
    return _records(last) + level


def _records(size: int) -> int:
    """How many records the file of a log of *size* entries has, the stamp among them."""
    return 1 + 2 * size - size.bit_count()


def _stamped(stamp: Stamp) -> bytes:
    return _STAMP.pack(*(part & 0xFFFF_FFFF_FFFF_FFFF for part in stamp))
