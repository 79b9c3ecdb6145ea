"""One caller's files below the output folder: recorded after they are written, read and removed only if they are unchanged."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from arcops.errors import Refused, Unavailable
from artifacts.beneath import held, open_within
from foundation.sandbox.index import Filed, FileIndex

MOST_FILES = 10_000
"""Files of one caller."""
_ANOTHER = "was changed since it was written for you, so it is not yours any more"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sandbox:
    """The files of ``owner`` below ``folder``, by ``index``. The owner has at most ``most`` bytes there."""

    folder: Path
    index: FileIndex
    owner: str
    most: int

    def refuse_full(self) -> None:
        """Raise `Refused` if the owner has no room for another file."""
        count, size = self.index.totals(self.owner)
        if count >= MOST_FILES or size >= self.most:
            raise Refused(
                f"you have {count} files with {size} bytes here, and the limit is {MOST_FILES} files or {self.most} bytes; "
                "remove some first (list_files, remove_files)"
            )

    def record(self, path: Path, tool: str, at: datetime) -> None:
        """Put the file at *path*, which *tool* has written now, into the index, if it is a file below the folder."""
        try:
            name = path.relative_to(self.folder).as_posix()
            with self._opened(path) as descriptor:
                found = os.fstat(descriptor)
                if not stat.S_ISREG(found.st_mode):
                    return
                with os.fdopen(os.dup(descriptor), "rb") as file:
                    digest = hashlib.file_digest(file, "sha256").hexdigest()
        except (OSError, ValueError, Refused):
            return
        self.index.record(
            Filed(
                path=name,
                owner=self.owner,
                tool=tool,
                size=found.st_size,
                sha256=digest,
                inode=found.st_ino,
                changed=found.st_mtime_ns,
                written=round(at.timestamp() * 1000),
            )
        )

    def files(self, begun: str = "", most: int = 1000) -> tuple[tuple[Filed, str], ...]:
        """The owner's files whose paths begin with *begun*, each with ``there``, ``changed`` or ``gone``."""
        return tuple((one, self._state(one)) for one in self.index.of(self.owner, begun, most))

    def part(self, path: str, offset: int, length: int) -> tuple[bytes, Filed]:
        """So many bytes of the owner's file at *path*, from *offset*; no more of it is read. Raises `Refused`."""
        one = self._mine(path)
        with self._unchanged(one) as descriptor:
            return os.pread(descriptor, length, offset), one

    def remove(self, path: str) -> Filed:
        """Remove the owner's file at *path* from the folder and the index. Raises `Refused` if it is another one by now."""
        one = self._mine(path)
        if self._state(one) != "gone":
            whole = self.folder / one.path
            with self._unchanged(one), self._opened(whole.parent, os.O_RDONLY | os.O_DIRECTORY) as parent:
                try:
                    os.unlink(whole.name, dir_fd=parent)
                except OSError as error:
                    raise Unavailable(f"{one.path} cannot be removed: {error.strerror}") from error
        self.index.drop(self.owner, path)
        return one

    def _mine(self, path: str) -> Filed:
        found = self.index.find(self.owner, path)
        if found is None:
            raise Refused(f"no file {path[:200]!r} was written for you here; list_files lists yours")
        return found

    def _state(self, one: Filed) -> str:
        try:
            with self._opened(self.folder / one.path) as descriptor:
                return "there" if _same(one, os.fstat(descriptor)) else "changed"
        except FileNotFoundError:
            return "gone"
        except (OSError, Refused):
            return "changed"

    @contextmanager
    def _unchanged(self, one: Filed) -> Iterator[int]:
        try:
            with self._opened(self.folder / one.path) as descriptor:
                if not _same(one, os.fstat(descriptor)):
                    raise Refused(f"{one.path} {_ANOTHER}")
                yield descriptor
        except FileNotFoundError as error:
            raise Refused(f"{one.path} is gone; make it again") from error
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.ENOTDIR):  # a link or a file is there now
                raise Refused(f"{one.path} {_ANOTHER}") from error
            raise Unavailable(f"{one.path} cannot be read: {error.strerror}") from error

    @contextmanager
    def _opened(self, path: Path, flags: int = os.O_RDONLY | os.O_NONBLOCK) -> Iterator[int]:
        descriptor = open_within(path, flags, held((self.folder,)), follow=False)
        try:
            yield descriptor
        finally:
            os.close(descriptor)


def _same(one: Filed, found: os.stat_result) -> bool:
    return stat.S_ISREG(found.st_mode) and (found.st_ino, found.st_size, found.st_mtime_ns) == (
        one.inode,
        one.size,
        one.changed,
    )
