"""The log's file: lines of bytes, which only grow.

A line counts once its newline is on the disk. A writer that died in the middle leaves an end without a newline, which readers
ignore and the next writer cuts off.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from arcops.errors import Refused, Unavailable
from artifacts.writing import sync_folder

MOST_LINE = 1024 * 1024
MOST_LOG = 2 * 1024**3
_TAIL = 64 * 1024


def read_lines(path: Path, offset: int = 0) -> Iterator[bytes]:
    """The finished lines of the log *path* from byte *offset* on, without their newline."""
    try:
        with os.fdopen(_opened(path), "rb") as file:
            file.seek(offset)
            while line := file.readline(MOST_LINE + 1):
                if line.endswith(b"\n"):
                    yield line[:-1]
                elif len(line) > MOST_LINE:
                    raise _too_long(path)
    except FileNotFoundError:
        return
    except OSError as error:
        raise _unreadable(path, error) from error


def read_whole(path: Path) -> tuple[bytes, ...]:
    """All finished lines of the log *path* at once, which is several times faster than one by one."""
    try:
        descriptor = _opened(path)
        try:
            if os.fstat(descriptor).st_size > MOST_LOG:
                raise Refused(f"the log {path} has more than {MOST_LOG} bytes")
            with os.fdopen(descriptor, "rb", closefd=False) as file:
                data = file.read()
        finally:
            os.close(descriptor)
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise _unreadable(path, error) from error
    *lines, _ = data.split(b"\n")
    if lines and max(map(len, lines)) >= MOST_LINE:
        raise _too_long(path)
    return tuple(lines)


def last_line(path: Path) -> bytes | None:
    """The last finished line of the log *path*, read from its end only. ``None`` if no line is finished."""
    try:
        descriptor = _opened(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _unreadable(path, error) from error
    try:
        end = _finished(descriptor)
        start = _finished(descriptor, end - 1) if end else 0
        if end - start > MOST_LINE:
            raise _too_long(path)
        return os.pread(descriptor, end - start, start)[:-1] if end else None
    except OSError as error:
        raise _unreadable(path, error) from error
    finally:
        os.close(descriptor)


def append_line(path: Path, line: bytes) -> None:
    """Add *line* to the log *path*; the caller holds the store's lock.

    The line is on the disk when this returns. Raises `Unavailable`, with the log as it was, if it can't be written.
    """
    if len(line) >= MOST_LINE or b"\n" in line:
        raise Refused(f"a log entry of {len(line)} bytes is too long; store fewer evidence bodies with one artifact")
    try:
        new = not path.exists()
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            size = _finished(descriptor)
            os.ftruncate(descriptor, size)
            _extend(descriptor, line + b"\n", size)
        finally:
            os.close(descriptor)
        if new:
            sync_folder(path.parent)  # else a power cut could lose the name, and the memory would be ahead of the log
    except OSError as error:
        raise Unavailable(f"the log {path} cannot be written: {error.strerror}; the artifact was not stored") from error


def append_lines(path: Path, lines: Sequence[bytes], *, size: int) -> int:
    """Add *lines*, all or none of them, to the log *path*, which has *size* bytes; returns its new size.

    The caller alone writes to it. The lines are on the disk when this returns. Raises `Refused` if the file is not as long as
    the caller left it, and `Unavailable`, with the log as it was, if it can't be written.
    """
    block = b"".join(line + b"\n" for line in lines)
    if block.count(b"\n") != len(lines) or max(map(len, lines), default=0) >= MOST_LINE:
        raise Refused(f"a line for the log {path} is too long, or has a line break in it")
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            found = os.fstat(descriptor).st_size
            if found != size:
                raise Refused(f"the log {path} has {found} bytes and not the {size} that were written: another one changed it")
            _extend(descriptor, block, size)
        finally:
            os.close(descriptor)
        if size == 0:
            sync_folder(path.parent)
    except OSError as error:
        raise Unavailable(f"the log {path} cannot be written: {error.strerror}") from error
    return size + len(block)


def cut(path: Path, size: int) -> None:
    """Leave only the first *size* bytes of the log *path*. The caller alone writes to it, and knows that the rest does not
    count.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            os.ftruncate(descriptor, size)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise Unavailable(f"the end of the log {path} cannot be cut off: {error.strerror}") from error


def _opened(path: Path) -> int:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise Refused(f"the log {path} is not a regular file")
    return descriptor


def _finished(descriptor: int, before: int | None = None) -> int:
    """How many bytes of the file, or of its bytes *before* a place, are finished lines."""
    end = os.fstat(descriptor).st_size if before is None else before
    while end > 0:
        start = max(0, end - _TAIL)
        newline = os.pread(descriptor, end - start, start).rfind(b"\n")
        if newline >= 0:
            return start + newline + 1
        end = start
    return 0


def _extend(descriptor: int, data: bytes, size: int) -> None:
    """Write *data* after the first *size* bytes, to the disk; if that fails, the file has *size* bytes again."""
    try:
        _write_all(descriptor, data, size)
        os.fsync(descriptor)
    except OSError:
        os.ftruncate(descriptor, size)
        raise


def _write_all(descriptor: int, data: bytes, offset: int) -> None:
    while data:
        written = os.pwrite(descriptor, data, offset)
        data, offset = data[written:], offset + written


def _too_long(path: Path) -> Refused:
    return Refused(f"the log {path} has a line of more than {MOST_LINE} bytes")


def _unreadable(path: Path, error: OSError) -> Unavailable:
    return Unavailable(f"the log {path} cannot be read: {error.strerror}")
