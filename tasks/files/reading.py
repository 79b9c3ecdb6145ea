"""Reads small files of the subject: the bytes that the tree named, or an error; never through a link, never without a limit.

A file that a caller named is opened below the roots of the request, so both functions need the request, not only a path.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from arcops.errors import Refused, Unavailable
from arcops.request import Request
from arcops.roots import Roots
from arcops.seen.tree import FileSeen
from artifacts.beneath import open_within
from artifacts.reading import read_at, read_file, read_open

MIB = 1024 * 1024


def read_limited(request: Request, path: Path, limit: int) -> bytes:
    """The bytes of *path*, a file that was attached, as `artifacts.reading.read_file` reads them, but never through a link.

    Errors name only the last part of the path, because they become evidence, and evidence names no folder of this machine.
    """
    return read_file(path, limit, follow=False, within=request.within, named=path.name)


def read_seen(request: Request, file: FileSeen, limit: int) -> bytes:
    """The bytes of *file* of the request's target, exactly those that the tree hashed.

    Raises `Unavailable` if they changed since then.
    """
    if file.size > limit:
        raise Refused(f"{file.path} has {file.size} bytes; the limit for a file of this kind is {limit} bytes")
    with opened(request.target, request.within) as (root, folder):
        data = (read_at if folder else read_open)(root, file.path, limit)
    if hashlib.sha256(data).hexdigest() != file.sha256:
        raise Unavailable(f"{file.path} changed during the check; check again when no process writes to it")
    return data


def is_folder(request: Request) -> bool:
    """Is the request's target a folder? If it cannot be opened, the answer is no."""
    try:
        with opened(request.target, request.within) as (_, folder):
            return folder
    except (Refused, Unavailable):
        return False


@contextmanager
def opened(target: Path, within: Roots) -> Iterator[tuple[int, bool]]:
    """A descriptor on *target*, which may be a link that a person typed, and whether it is a folder. If not, it is a file.

    Raises `Refused` if it does not exist or is neither, `Unavailable` if it cannot be opened.
    """
    try:
        descriptor = open_within(target, os.O_RDONLY | os.O_NONBLOCK, within)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise Refused(f"{target} does not exist") from error
    except OSError as error:
        raise Unavailable(f"{target} cannot be opened: {error.strerror}") from error
    try:
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISDIR(mode) and not stat.S_ISREG(mode):
            raise Refused(f"{target} is neither a folder nor a regular file")
        yield descriptor, stat.S_ISDIR(mode)
    finally:
        os.close(descriptor)
