"""The log's entries: one line of canonical JSON each, in one file that only grows.

A line counts once its newline has reached the disk. A writer that died in the middle leaves a tail without one, which readers
pass over and the next writer cuts off.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from arcops.errors import Refused, Unavailable
from artifacts.canonical import canonical
from artifacts.envelope import strict_json
from artifacts.typed import dump, load

MOST_LINE = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One artifact that was put into the store: the digests of its bytes and of the evidence kept with it, and when."""

    artifact: str
    evidence: tuple[str, ...]
    at: datetime

    @property
    def line(self) -> bytes:
        """The entry's bytes, over which the Merkle leaf is made."""
        return canonical(dump(self))


def read_line(line: bytes) -> Entry:
    """The entry in *line*. Raises `Refused` where it is none, or not in the one form that is written."""
    entry = load(Entry, strict_json(line, "the log entry"), "the log entry")
    if entry.line != line:
        raise Refused("the log entry is not in canonical form")
    return entry


def read_lines(path: Path, offset: int = 0) -> Iterator[bytes]:
    """The finished lines of the log *path* from byte *offset* on, without their newline."""
    try:
        with path.open("rb") as file:
            file.seek(offset)
            while line := file.readline(MOST_LINE + 1):
                if line.endswith(b"\n"):
                    yield line[:-1]
                elif len(line) > MOST_LINE:
                    raise Refused(f"the log {path} has a line of more than {MOST_LINE} bytes")
    except FileNotFoundError:
        return
    except OSError as error:
        raise Unavailable(f"the log {path} cannot be read: {error.strerror}") from error


def append_line(path: Path, line: bytes) -> None:
    """Add *line* to the log *path*; the caller holds the store's lock.

    The line is on the disk when this returns. Raises `Unavailable`, with the log as it was, where it can't be written.
    """
    if len(line) >= MOST_LINE or b"\n" in line:
        raise Refused(f"a log entry of {len(line)} bytes cannot be one line; store fewer evidence bodies with one artifact")
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            size = _finished(descriptor)
            os.ftruncate(descriptor, size)
            try:
                _write_all(descriptor, line + b"\n", size)
                os.fsync(descriptor)
            except OSError:
                os.ftruncate(descriptor, size)
                raise
        finally:
            os.close(descriptor)
    except OSError as error:
        raise Unavailable(f"the log {path} cannot be written: {error.strerror}; the artifact was not stored") from error


def _finished(descriptor: int) -> int:
    """How many bytes of the file are whole lines."""
    end = os.fstat(descriptor).st_size
    while end > 0:
        start = max(0, end - 64 * 1024)
        newline = os.pread(descriptor, end - start, start).rfind(b"\n")
        if newline >= 0:
            return start + newline + 1
        end = start
    return 0


def _write_all(descriptor: int, data: bytes, offset: int) -> None:
    while data:
        written = os.pwrite(descriptor, data, offset)
        data, offset = data[written:], offset + written
