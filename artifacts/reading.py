"""Reading a file whole, with a limit, and only if it is a file: no pipe that never ends, no device, no surprise."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from arcops.errors import Refused, Unavailable


def read_file(path: Path, limit: int, *, follow: bool = True) -> bytes:
    """The bytes of the regular file *path*, at most *limit* of them. *follow* says whether *path* may be a link.

    Raises `Refused` where it does not exist, is no regular file or is longer than *limit*, and `Unavailable` where it can't be
    read.
    """
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | (0 if follow else os.O_NOFOLLOW)
    try:
        descriptor = os.open(path, flags)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise Refused(f"{path} does not exist") from error
    except OSError as error:
        raise Unavailable(f"{path} cannot be opened as a plain file: {error.strerror}") from error
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise Refused(f"{path} is not a regular file")
        if status.st_size > limit:
            raise _too_long(path, limit)
        return _read(descriptor, path, limit)
    finally:
        os.close(descriptor)


def _read(descriptor: int, path: Path, limit: int) -> bytes:
    try:
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            data = file.read(limit + 1)
    except OSError as error:
        raise Unavailable(f"{path} cannot be read: {error.strerror}") from error
    if len(data) > limit:
        raise _too_long(path, limit)  # it grew, or it is one of those that the kernel makes up while they are read
    return data


def _too_long(path: Path, limit: int) -> Refused:
    return Refused(f"{path} is larger than {limit} bytes, the most that is read of a file of this kind")
