"""Folders and files that only their owner can use: made so whatever the umask, and checked."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from arcops.errors import Refused, Unavailable


def make_private(folder: Path) -> None:
    """Make *folder* and its missing parents with mode 0700, whatever the umask. What exists stays as it is.

    `pathlib.Path.mkdir` with ``parents`` makes the parents with the umask's mode, and a user who can write there can put
    another folder in its place. Raises `OSError` as `mkdir` does.
    """
    if folder.is_dir():  # mostly; one look is enough then
        return
    for path in reversed([folder, *folder.parents]):
        if not path.is_dir():
            path.mkdir(mode=0o700, exist_ok=True)


def writable_by_group(folder: Path) -> bool:
    """Can the whole group of *folder* write into it? That is usual for Kubernetes volumes, so it is reported, not refused."""
    try:
        return bool(folder.stat().st_mode & stat.S_IWGRP)
    except OSError:
        return False


def refuse_if_open(folder: Path, what: str) -> None:
    """Raise `Refused` if every user of this machine can write into *folder*, which is called *what* in the sentence.

    A folder on a read-only file system is not open, whatever its mode says: Kubernetes mounts ConfigMaps like this. A folder
    that does not exist is not open either.
    """
    try:
        mode = folder.stat().st_mode
        if mode & stat.S_IWOTH and not os.statvfs(folder).f_flag & os.ST_RDONLY:
            raise Refused(
                f"every user of this machine can write into {folder}, so {what} there proves nothing; "
                f"check its files, and run 'chmod o-w {folder}'"
            )
    except FileNotFoundError:
        return
    except OSError as error:
        raise Unavailable(f"the folder {folder} cannot be read: {error.strerror}") from error


def refuse_if_read_by_others(path: Path, descriptor: int) -> None:
    """Raise `Refused` if users besides its owner can read the open private key *path*, encrypted or not.

    Kubernetes mounts a secret read-only, and for the group of a pod whose user is not root. There the mode cannot be changed,
    so the group may read it.
    """
    mode = stat.S_IMODE(os.fstat(descriptor).st_mode)
    if not mode & 0o077:
        return
    if not mode & 0o027 and os.fstatvfs(descriptor).f_flag & os.ST_RDONLY:
        return
    others = "every user of this machine" if mode & 0o007 else "the whole group of the file"
    raise Refused(f"the private key {path} is open to {others}; run 'chmod 600 {path}', and replace the key if others had it")
