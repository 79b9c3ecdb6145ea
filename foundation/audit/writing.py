"""The one writer of an audit log: it adds batches of lines, each with its checkpoint, and remembers outside what was written.

In this order, each on the disk before the next: the batch with its checkpoint, in one write; the hashes of its lines; the
memory. So the memory is never ahead of the log. A log is read and checked as a whole before the first line is added.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from arcops.errors import Refused, Unavailable
from artifacts.log.lines import append_lines, cut, read_whole
from artifacts.log.memory import Memory, Remembered
from artifacts.log.merkle import Frontier, grown, leaf_hash, trees
from artifacts.private_folder import make_private, refuse_if_open
from artifacts.private_key import Signer
from artifacts.writing import replace_whole
from foundation.audit.place import AuditLog, AuditPlace
from foundation.audit.seals import MOST_BATCH, last_seal, opened, seal

FULL = 64 * 1024 * 1024
"""A log of so many bytes gets no more batches; the process goes on in the next. Its size bounds what a start has to read."""
SOON_FULL = 1024 * 1024
"""The same for processes that write a few records and end: each of them reads what is there."""


class LogWriter:
    """Writes one log, which it holds locked until `close`. ``memory_problem`` says in a sentence if it could not be
    remembered.
    """

    def __init__(self, log: AuditLog, signer: Signer, lock: int, most: int = 0) -> None:
        self.log = log
        self._most = most or FULL
        self.memory_problem = ""
        self._signer = signer
        self._lock = lock
        self._memory: Memory = log.memory
        self._leaves = log.leaves
        self._size, self._tree, leaves = _checked(log, signer)
        self._leaves_written = _renew(self._leaves, leaves)

    @property
    def full(self) -> bool:
        """Is it time for the next log?"""
        return self._size >= self._most

    def append(self, lines: Sequence[bytes], *, newest: datetime) -> None:
        """Add *lines*, at most `MOST_BATCH`, the newest of the moment *newest*. All of them are on the disk after this.

        Raises `Unavailable`, with the log as it was, if they cannot be written, and `Refused` if the log is not as it was left.
        """
        leaves = [leaf_hash(line) for line in lines]
        covered = grown(self._tree, leaves)
        sealed = seal(covered, self.log.origin, self._signer)
        leaves.append(leaf_hash(sealed))
        size = append_lines(self.log.path, (*lines, sealed), size=self._size)
        self._size, self._tree = size, grown(covered, leaves[-1:])
        self._remember(leaves, newest)

    def _remember(self, leaves: list[bytes], newest: datetime) -> None:
        """The batch is on the disk, so a failure here refuses nothing; the memory is behind until it can be written again."""
        root = self._tree.root.hex()
        what = Remembered(
            store=str(self.log.folder),
            origin=self.log.origin,
            size=self._tree.size,
            bytes=self._size,
            root=root,
            newest=newest,
            signed=self._tree.size - 1,
        )
        try:
            if self._leaves_written:
                self._leaves_written = False
                _add(self._leaves, b"".join(leaves))
                self._leaves_written = True
            self._memory.remember(what)
            self.memory_problem = ""
        except (Unavailable, Refused, OSError) as error:
            self.memory_problem = f"the audit log's memory cannot be written, so that a removed end might not show: {error}"

    def close(self) -> None:
        """Let another process write this log."""
        os.close(self._lock)


def open_next(place: AuditPlace, host: str, signer: Signer, most: int = 0) -> LogWriter:
    """The writer of the first log of *host* that is neither full, nor written by another process, nor carried away. It is full
    with *most* bytes, or with `FULL`.

    Raises `Refused` if that log was changed, and `Unavailable` if it cannot be written.
    """
    try:
        make_private(place.logs)
    except OSError as error:
        raise Unavailable(f"the folder of the audit logs {place.logs} cannot be made: {error.strerror}") from error
    refuse_if_open(place.logs, "the audit log")
    remembered = place.remembered()
    for log in place.numbered(host):
        if log.name in remembered and not log.folder.exists():
            continue  # it was carried away, and its name is not used again
        lock = _locked(log.folder)
        if lock is None:
            continue
        try:
            if not _is_full(log.path, most or FULL):
                return LogWriter(log, signer, lock, most)
        except BaseException:
            os.close(lock)
            raise
        os.close(lock)
    raise Unavailable(f"every audit log of {host} in {place.logs} is full or in use; carry full ones away")


def _locked(folder: Path) -> int | None:
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        refuse_if_open(folder, "the audit log")
        descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise Unavailable(f"the audit log {folder} cannot be opened for writing: {error.strerror}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


def _is_full(path: Path, most: int) -> bool:
    with suppress(FileNotFoundError):
        return path.stat().st_size >= most
    return False


def _checked(log: AuditLog, signer: Signer) -> tuple[int, Frontier, bytes]:
    """The bytes, the tree and the leaf hashes of *log* up to its last checkpoint; what follows is cut off.

    Raises `Refused` if its lines are not those that are signed and remembered.
    """
    lines = read_whole(log.path)
    recalled = log.memory.recall()
    last = last_seal(lines)
    sealed = 0 if last is None else last + 1
    over = trees(lines, {sealed - 1, sealed, *(one.what.size for one in recalled)})
    for one in recalled:
        if sealed < one.what.size:
            raise _changed(log, f"it has {sealed} signed lines, and {one.path} remembers {one.what.size}: its end was removed")
        if over[one.what.size].root.hex() != one.what.root:
            raise _changed(log, f"its first {one.what.size} lines are not those that {one.path} remembers")
    if last is not None:
        try:
            signed = opened(lines[last], [signer.public], log.origin)
        except Refused as error:
            raise _changed(log, f"its last checkpoint does not count: {error}") from error
        if (signed.size, signed.root) != (last, over[last].root):
            raise _changed(log, "its lines are not those that its last checkpoint signs")
    if len(lines) - sealed > MOST_BATCH + 1:
        raise _changed(log, f"{len(lines) - sealed} lines follow its last checkpoint, which is more than a writer leaves")
    size = sum(map(len, lines[:sealed])) + sealed
    if log.path.exists() and log.path.stat().st_size > size:
        cut(log.path, size)
    return size, over[sealed], b"".join(leaf_hash(line) for line in lines[:sealed])


def _changed(log: AuditLog, what: str) -> Refused:
    return Refused(
        f"the audit log {log.folder} was changed: {what}. Nothing is added to it. Run 'arcops audit verify', then move this "
        "folder away and keep it as evidence; a new log begins beside it"
    )


def _renew(path: Path, leaves: bytes) -> bool:
    """Make the file *path* hold *leaves*. It is derived, so what cannot be written is left out."""
    try:
        if not path.exists() or path.read_bytes() != leaves:
            make_private(path.parent)
            replace_whole(path, leaves, mode=0o600)
        return True
    except (OSError, Unavailable, Refused):
        return False


def _add(path: Path, leaves: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        os.write(descriptor, leaves)
    finally:
        os.close(descriptor)
