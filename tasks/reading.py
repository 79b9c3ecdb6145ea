"""Small files of the subject: the bytes that the tree named, or an error; never through a link, never without a limit."""

from __future__ import annotations

import hashlib
from pathlib import Path

from arcops.errors import Refused, Unavailable
from arcops.seen.tree import FileSeen
from artifacts.reading import read_file

MIB = 1024 * 1024


def read_limited(path: Path, limit: int) -> bytes:
    """The bytes of *path*, as `artifacts.reading.read_file` reads them, but never through a link."""
    return read_file(path, limit, follow=False)


def read_seen(root: Path, file: FileSeen, limit: int) -> bytes:
    """The bytes of *file* under *root*, exactly those that the tree hashed. Raises `Unavailable` where they changed since."""
    path = root / file.path if root.is_dir() else root
    if file.size > limit:
        raise Refused(f"{path} has {file.size} bytes; at most {limit} are read of a file of this kind")
    data = read_limited(path, limit)
    if hashlib.sha256(data).hexdigest() != file.sha256:
        raise Unavailable(f"{path} changed while it was being checked; check again when nobody writes to it")
    return data
