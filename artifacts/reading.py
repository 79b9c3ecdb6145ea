"""Reading a whole file, with a limit on its size, and only if it is a regular file: no endless pipe, no device."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path

from arcops.errors import Refused, Unavailable
from arcops.roots import ANYWHERE, Roots
from artifacts.beneath import open_below, open_within

_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK


def read_file(path: Path, limit: int, *, follow: bool = True, within: Roots = ANYWHERE, named: str = "") -> bytes:
    """The bytes of the regular file *path*, at most *limit* of them. *follow* says whether *path* may be a link.

    It is opened below the roots *within* which the caller may name files. Errors call it *named*, if that is set.
    Raises `Refused` if it does not exist, is not a regular file or is longer than *limit*, and `Unavailable` if it can't be
    read.
    """
    what = named or str(path)
    try:
        descriptor = open_within(path, _FLAGS, within, follow=follow)
    except OSError as error:
        raise _unopened(what, error) from error
    try:
        return read_open(descriptor, what, limit)
    finally:
        os.close(descriptor)


def digest_if_readable(path: Path) -> str:
    """``sha256:…`` of the file *path*, of any size; empty if it cannot be read."""
    try:
        with path.open("rb") as file:
            return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
    except OSError:
        return ""


def read_at(folder: int, relative: str, limit: int) -> bytes:
    """The bytes of the regular file *relative* below the descriptor *folder*; no part of it may be a link.

    Raises as `read_file`, whose sentences say *relative*.
    """
    try:
        descriptor = open_below(folder, relative, _FLAGS)
    except OSError as error:
        raise _unopened(relative, error) from error
    try:
        return read_open(descriptor, relative, limit)
    finally:
        os.close(descriptor)


def _unopened(what: str, error: OSError) -> Refused | Unavailable:
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return Refused(f"{what} does not exist")
    return Unavailable(f"{what} cannot be opened as a regular file: {error.strerror}")


def read_open(descriptor: int, what: str, limit: int) -> bytes:
    """All of the open *descriptor*, which stays open and which errors call *what*. Raises as `read_file` does."""
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        raise Refused(f"{what} is not a regular file")
    if status.st_size > limit:
        raise _too_long(what, limit)
    return _read(descriptor, what, limit)


def _read(descriptor: int, what: str, limit: int) -> bytes:
    try:
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            data = file.read(limit + 1)
    except OSError as error:
        raise Unavailable(f"{what} cannot be read: {error.strerror}") from error
    if len(data) > limit:
        raise _too_long(what, limit)  # it grew, or the kernel makes its content while it is read
    return data


def _too_long(what: str, limit: int) -> Refused:
    return Refused(f"{what} is larger than {limit} bytes, the limit for this kind of file")
