"""New files: whole under their name, or not there at all, whatever happens in between."""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path

from arcops.errors import Refused, Unavailable

PARTIAL = ".partial-"
"""How the names of unfinished files begin. A kill may leave one behind; it counts for nothing and may be deleted."""


def write_new(path: Path, data: bytes, *, mode: int = 0o644) -> None:
    """Write *data* to *path*, which must not exist yet.

    The bytes go to a file beside it, reach the disk, and are then linked to the name in one step, which fails where somebody
    was faster. Raises `Refused` where *path* exists, `Unavailable` where the disk or the permissions do not allow it.
    """
    if os.path.lexists(path):
        raise Refused(f"{path} exists already and is not overwritten; move it away or choose another name")
    partial = path.parent / f"{PARTIAL}{secrets.token_hex(8)}"
    try:
        try:
            _write_synced(partial, data, mode)
            os.link(partial, path, follow_symlinks=False)
        finally:
            partial.unlink(missing_ok=True)
        sync_folder(path.parent)
    except FileExistsError as error:
        raise Refused(f"{path} exists already and is not overwritten; move it away or choose another name") from error
    except OSError as error:
        raise Unavailable(f"{path} cannot be written: {error.strerror}; nothing was left behind") from error


def replace_whole(path: Path, data: bytes, *, mode: int = 0o644) -> None:
    """Write *data* to *path*, in place of what was there. A reader sees the old bytes or the new ones, never a mixture.

    Raises as `replaceable` does, and `Unavailable` where the disk or the permissions do not allow it.
    """
    replaceable(path)
    partial = path.parent / f"{PARTIAL}{secrets.token_hex(8)}"
    try:
        try:
            _write_synced(partial, data, mode)
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
        sync_folder(path.parent)
    except OSError as error:
        raise Unavailable(f"{path} cannot be written: {error.strerror}; what was there before is unchanged") from error


def replaceable(path: Path) -> None:
    """Raise `Refused` where `replace_whole` could not write *path*: a link, device or folder is not replaced by a file."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        if not path.parent.is_dir():
            raise Refused(f"{path} cannot be written: {path.parent} is not a directory; make it first") from None
        return
    except OSError as error:
        raise Unavailable(f"{path} cannot be written: {error.strerror}") from error
    if not stat.S_ISREG(found.st_mode):
        raise Refused(f"{path} is not a plain file and is not replaced by one; choose another name")


def _write_synced(path: Path, data: bytes, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
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
