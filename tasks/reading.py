"""Small files of the subject: the bytes that the tree named, or an error; never through a link, never without a limit."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path

from arcops.errors import Refused, Unavailable
from arcops.seen.tree import FileSeen

MIB = 1024 * 1024


def read_limited(path: Path, limit: int) -> bytes:
    """The bytes of the regular file *path*, at most *limit* of them.

    Raises `Refused` where it is a link, no regular file or longer than *limit*, and `Unavailable` where it can't be read.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError as error:
        raise Refused(f"{path} does not exist") from error
    except OSError as error:
        raise Unavailable(f"{path} cannot be opened as a plain file: {error.strerror}") from error
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise Refused(f"{path} is not a regular file")
        try:
            data = file.read(limit + 1)
        except OSError as error:
            raise Unavailable(f"{path} cannot be read: {error.strerror}") from error
    if len(data) > limit:
        raise Refused(f"{path} is larger than {limit} bytes, the most that is read of a file of this kind")
    return data


def read_seen(root: Path, file: FileSeen, limit: int) -> bytes:
    """The bytes of *file* under *root*, exactly those that the tree hashed. Raises `Unavailable` where they changed since."""
    path = root / file.path if root.is_dir() else root
    if file.size > limit:
        raise Refused(f"{path} has {file.size} bytes; at most {limit} are read of a file of this kind")
    data = read_limited(path, limit)
    if hashlib.sha256(data).hexdigest() != file.sha256:
        raise Unavailable(f"{path} changed while it was being checked; check again when nobody writes to it")
    return data
