"""New files: complete under their name, or not there at all, whatever happens in between."""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from arcops.errors import Refused, Unavailable
from arcops.late_pattern import late
from arcops.roots import ANYWHERE, Roots
from artifacts.beneath import open_within

PARTIAL = ".partial-"
"""How the names of unfinished files begin. A kill may leave one behind; it has no effect, and `sweep` removes it."""
_WHOLE_NAME = late(r"\.partial-[0-9a-f]{16}\Z")


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
            with _written(folder, data, mode) as partial:
                os.link(partial, path.name, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=False)
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
            partial, descriptor = _begun(folder, mode)
            try:
                with os.fdopen(descriptor, "wb") as file:
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


def new_partial() -> str:
    """A name for an unfinished file."""
    import secrets  # most processes that read never write

    return f"{PARTIAL}{secrets.token_hex(8)}"


def is_partial(name: str) -> bool:
    """Is *name* that of an unfinished file?"""
    return _WHOLE_NAME.match(name) is not None


def sweep(folder: Path) -> None:
    """Remove the unfinished files in *folder* whose writers died. A writer holds a lock on its file for as long as it lives.

    What cannot be read or removed stays: it has no effect.
    """
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            with os.scandir(handle) as entries:
                left = [entry.name for entry in entries if is_partial(entry.name) and entry.is_file(follow_symlinks=False)]
            for name in left:
                _sweep(handle, name)
        finally:
            os.close(handle)


def folders_of(folder: Path) -> tuple[Path, ...]:
    """The folders in *folder*, no links among them; none if it cannot be read."""
    with suppress(OSError), os.scandir(folder) as entries:
        return tuple(Path(entry.path) for entry in entries if entry.is_dir(follow_symlinks=False))
    return ()


def _sweep(folder: int, name: str) -> None:
    with suppress(OSError):  # among them BlockingIOError: its writer lives
        descriptor = os.open(name, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.unlink(name, dir_fd=folder)
        finally:
            os.close(descriptor)


def replace_whole(path: Path, data: bytes, *, mode: int = 0o644, within: Roots = ANYWHERE) -> None:
    """Write *data* to *path*, whose folder is *within* these roots, and replace what was there.

    A reader sees the old bytes or the new ones, never a mixture. Raises as `replaceable` does, and `Unavailable` if the disk
    or the permissions do not allow it.
    """
    replaceable(path, within=within)
    try:
        with _folder_of(path, within) as folder:
            with _written(folder, data, mode) as partial:
                os.replace(partial, path.name, src_dir_fd=folder, dst_dir_fd=folder)  # below a handle
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


@contextmanager
def _written(folder: int, data: bytes, mode: int) -> Iterator[str]:
    """The name of a new file in *folder* with *data*, on the disk. It is removed at the end, if it still has this name."""
    name, descriptor = _begun(folder, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
            yield name
    finally:
        _drop(folder, name)


def _begun(folder: int, mode: int) -> tuple[str, int]:
    """A new file, locked: `sweep` leaves it alone. If one was at work in between and removed it, there is another."""
    while True:
        name = new_partial()
        descriptor = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode, dir_fd=folder)
        with suppress(OSError):  # a file system without locks
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        if os.fstat(descriptor).st_nlink:
            return name, descriptor
        os.close(descriptor)


def sync_folder(folder: Path) -> None:
    """Make the names in *folder* as durable as the files."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
