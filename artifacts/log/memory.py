"""The memory of a log, outside of the log's folder, so that write access to that folder alone cannot hide a removal.

One small file for each name of the folder: the name that was used, and the name with all links resolved. So a link that is
changed to another log is noticed as well. A memory may be behind the log, never ahead: it is written after the log.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import field, replace
from datetime import datetime
from pathlib import Path

from arcops.errors import Refused, Unavailable
from arcops.late_dataclass import dataclass
from arcops.left_out import LEFT_OUT
from artifacts.canonical import canonical
from artifacts.envelope import strict_json
from artifacts.private_folder import make_private, refuse_if_open
from artifacts.reading import read_file
from artifacts.typed import dump, load
from artifacts.writing import replace_whole

_MOST_BYTES = 64 * 1024
_Seen = tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Remembered:
    """The log of the folder *store*: its name, its first *size* entries (*bytes* of lines), their Merkle *root* in hex, and
    the newest moment at which an entry was made.

    ``signed`` is how many entries the newest checkpoint signed. ``intended`` is the leaf hash, in hex, of an entry that a
    writer was about to add: if the writer died in between, the entry may be there or not.
    """

    store: str
    origin: str
    size: int
    bytes: int
    root: str
    newest: datetime | None
    signed: int
    intended: str = field(default="", metadata=LEFT_OUT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recalled:
    """A memory, and the file that holds it."""

    path: Path
    what: Remembered


class Memory:
    """The memory in *folder* of the log in the folder *store*."""

    def __init__(self, folder: Path, store: Path) -> None:
        self.folder = folder
        names = dict.fromkeys((store.absolute(), store.resolve()))
        self.paths = tuple(folder / f"{hashlib.sha256(os.fsencode(name)).hexdigest()[:32]}.json" for name in names)
        self._written: dict[Path, tuple[_Seen, Remembered]] = {}
        """What this object wrote last, and how the file looked then: it need not be read again as long as it looks so."""

    def recall(self) -> tuple[Recalled, ...]:
        """What is remembered; empty if nothing is.

        Raises `Refused` if a file is not a memory or others can write into the folder, `Unavailable` if it can't be read.
        """
        refuse_if_open(self.folder, "the memory of a store")
        return tuple(found for path in self.paths if (found := _read(path)) is not None)

    def remember(self, what: Remembered) -> None:
        """Write *what*, a log that the caller compared with the memory before. A memory never shrinks: it keeps the larger one.

        Raises as `recall` does, and `Unavailable` if it can't be written.
        """
        try:
            make_private(self.folder)
        except OSError as error:
            raise Unavailable(f"the memory {self.folder} cannot be made: {error.strerror}") from error
        refuse_if_open(self.folder, "the memory of a store")
        with self._locked():
            for path in self.paths:
                earlier = self._earlier(path)
                kept = _grown(earlier, what) if earlier is not None else what
                if earlier is None or kept != earlier:
                    replace_whole(path, canonical(dump(kept)), mode=0o600)
                    if (seen := _seen(path)) is not None:
                        self._written[path] = (seen, kept)

    def _earlier(self, path: Path) -> Remembered | None:
        seen, written = _seen(path), self._written.get(path)
        if written is not None and seen == written[0]:
            return written[1]
        found = _read(path)
        return found.what if found is not None else None

    @contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            descriptor = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise Unavailable(f"the memory {self.folder} cannot be locked for writing: {error.strerror}") from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def _seen(path: Path) -> _Seen | None:
    """How the file *path* looks; ``None`` if it cannot be looked at, so that it is read."""
    try:
        found = os.lstat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_mode


def recalled_in(folder: Path) -> tuple[Recalled, ...]:
    """Every memory in *folder*, in the order of their files. Raises as `Memory.recall` does."""
    refuse_if_open(folder, "the memory of a log")
    try:
        paths = sorted(folder.glob("*.json"))
    except OSError as error:
        raise Unavailable(f"the memory {folder} cannot be read: {error.strerror}") from error
    return tuple(found for path in paths if (found := _read(path)) is not None)


def _grown(earlier: Remembered, now: Remembered) -> Remembered:
    larger = now if now.size >= earlier.size else earlier
    moments = [one.newest for one in (earlier, now) if one.newest is not None]
    return replace(larger, newest=max(moments, default=None), signed=max(earlier.signed, now.signed))


def _read(path: Path) -> Recalled | None:
    if not os.path.lexists(path):
        return None
    try:
        what = load(Remembered, strict_json(read_file(path, _MOST_BYTES, follow=False), "the memory"), "the memory")
    except Refused as error:
        raise Refused(
            f"{path}, the memory of the store, cannot be understood ({error}); run 'arcops store check' with a checkpoint "
            "that was kept elsewhere, and delete the file only after that check finds no problem"
        ) from error
    return Recalled(path=path, what=what)
