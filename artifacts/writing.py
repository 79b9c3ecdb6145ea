"""New files: complete under their name, or not there at all, whatever happens in between."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from arcops.errors import Refused, Unavailable
from arcops.roots import ANYWHERE, Roots
from artifacts.beneath import open_within

PARTIAL = ".partial-"
"""How the names of unfinished files begin. A kill may leave one behind; it has no effect and may be deleted."""


def write_new(path: Path, data: bytes, *, mode: int = 0o644, within: Roots = ANYWHERE) -> None:
    """Write *data* to *path*, which must not exist yet and whose folder lies *within* these roots.

    The bytes go to a file beside it, reach the disk, and are then linked to the name in one step, which fails if another
    process was faster. All of it is done below a handle of the folder, so no link that is put on the way is followed. Raises
    `Refused` if *path* exists, `Unavailable` if the disk or the permissions do not allow it.
    """
    taken = f"{path} exists already and is not overwritten; move it away or choose another name"
    try:
        with _folder_of(path, within) as folder:
            if _lies(folder, path.name) is not None:
                raise Refused(taken)
            partial = _partial()
            try:
                _write_synced(folder, partial, data, mode)
                os.link(partial, path.name, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=False)
            finally:
                _drop(folder, partial)
            os.fsync(folder)
    except FileExistsError as error:
        raise Refused(taken) from error
    except OSError as error:
        raise Unavailable(f"{path} cannot be written: {error.strerror}; nothing was left behind") from error


def stream_new(path: Path, write: Callable[[BinaryIO], None], *, mode: int = 0o644, within: Roots = ANYWHERE) -> None:
    """As `write_new`, for more than fits into memory: *write* is called with the open file. Raises as `write_new`, and as
    *write*.
    """
    taken = f"{path} exists already and is not overwritten; move it away or choose another name"
    try:
        with _folder_of(path, within) as folder:
            if _lies(folder, path.name) is not None:
                raise Refused(taken)
            partial = _partial()
            try:
                flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
                with os.fdopen(os.open(partial, flags, mode, dir_fd=folder), "wb") as file:
                    write(file)
                    file.flush()
                    os.fsync(file.fileno())
                os.link(partial, path.name, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=False)
            finally:
                _drop(folder, partial)
            os.fsync(folder)
    except FileExistsError as error:
        raise Refused(taken) from error
    except OSError as error:
        raise Unavailable(f"{path} cannot be written: {error.strerror}; nothing was left behind") from error


def _partial() -> str:
    import secrets  # most processes that read never write

    return f"{PARTIAL}{secrets.token_hex(8)}"


def replace_whole(path: Path, data: bytes, *, mode: int = 0o644, within: Roots = ANYWHERE) -> None:
    """Write *data* to *path*, whose folder is *within* these roots, and replace what was there.

    A reader sees the old bytes or the new ones, never a mixture. Raises as `replaceable` does, and `Unavailable` if the disk
    or the permissions do not allow it.
    """
    replaceable(path, within=within)
    try:
        with _folder_of(path, within) as folder:
            partial = _partial()
            try:
                _write_synced(folder, partial, data, mode)
                os.replace(partial, path.name, src_dir_fd=folder, dst_dir_fd=folder)  # below a handle
            finally:
                _drop(folder, partial)
            os.fsync(folder)
    except OSError as error:
        raise Unavailable(f"{path} cannot be written: {error.strerror}; what was there before is unchanged") from error


def replaceable(path: Path, *, within: Roots = ANYWHERE) -> None:
    """Raise `Refused` if `replace_whole` cannot write *path*: a link, device or folder is not replaced by a file."""
    found = _found(path, within)
    if found is not None and not stat.S_ISREG(found.st_mode):
        raise Refused(f"{path} is not a regular file, so it is not overwritten; choose another name")


def vacant(path: Path, *, within: Roots = ANYWHERE) -> None:
    """Raise `Refused` if `write_new` cannot write *path* now: it exists, or its folder does not."""
    if _found(path, within) is not None:
        raise Refused(f"{path} exists already and is not overwritten; move it away, or choose another name")


def _found(path: Path, within: Roots) -> os.stat_result | None:
    """What is at *path*. Raises `Refused` if its folder is not there, `Unavailable` if it cannot be read."""
    try:
        with _folder_of(path, within) as folder:
            return _lies(folder, path.name)
    except (FileNotFoundError, NotADirectoryError):
        raise Refused(f"{path} cannot be written: {path.parent} is not a directory; make it first") from None
    except OSError as error:
        raise Unavailable(f"{path} cannot be written: {error.strerror}") from error


@contextmanager
def _folder_of(path: Path, within: Roots) -> Iterator[int]:
    folder = open_within(path.parent, os.O_RDONLY | os.O_DIRECTORY, within)
    try:
        yield folder
    finally:
        os.close(folder)


def _lies(folder: int, name: str) -> os.stat_result | None:
    try:
        return os.stat(name or ".", dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return None


def _drop(folder: int, name: str) -> None:
    with suppress(FileNotFoundError):
        os.unlink(name, dir_fd=folder)


def _write_synced(folder: int, name: str, data: bytes, mode: int) -> None:
    descriptor = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode, dir_fd=folder)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Make the names in *folder* as durable as the files."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
