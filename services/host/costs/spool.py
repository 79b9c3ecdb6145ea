"""Events of cost that the database did not take, in a file of this machine until it does. Bounded; nothing is dropped here."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, fields
from pathlib import Path

from arcops.errors import Unavailable
from artifacts.private_folder import make_private
from services.host.costs.event import CostEvent

MOST_BYTES = 64 * 1024 * 1024
_BATCH = 1000
_NAMES = frozenset(one.name for one in fields(CostEvent))


class Spool:
    """The file of *host* in *folder*, of at most *most* bytes. For one thread. The file is made when something is put into it.

    A process that was killed leaves its file, which no one holds locked then: the next one takes it over.
    """

    def __init__(self, folder: Path, host: str, *, most: int = MOST_BYTES) -> None:
        self._folder, self._path, self._most = folder, folder / f"{host}.jsonl", most
        self._file: int | None = None
        self.size = 0

    def put(self, events: Sequence[CostEvent]) -> None:
        """Keep *events*, on the disk, all or none. Raises `Unavailable` if there is no room or the file cannot be written."""
        data = b"".join(json.dumps(asdict(one), separators=(",", ":")).encode() + b"\n" for one in events)
        if self.size + len(data) > self._most:
            raise Unavailable(f"{self._path.name} would have more than {self._most} bytes")
        try:
            file = self._opened()
            written = 0
            while written < len(data):
                written += os.write(file, data[written:])
            os.fsync(file)
        except OSError as error:
            if self._file is not None:
                os.ftruncate(self._file, self.size)  # no half event stays
            raise Unavailable(f"{self._path.name} cannot be written: {error.strerror}") from error
        self.size += len(data)

    def batches(self) -> Iterator[tuple[CostEvent, ...]]:
        """What is kept here, in order, each batch of one host; first what processes left that were killed."""
        for path in self._left():
            yield from _batches(path)
            path.unlink(missing_ok=True)
        if self.size:
            yield from _batches(self._path)

    def clear(self) -> None:
        """All of it is in the database now."""
        if self._file is not None and self.size:
            os.ftruncate(self._file, 0)
            os.lseek(self._file, 0, os.SEEK_SET)
        self.size = 0

    def close(self) -> None:
        """Let go of the file; one without events is removed."""
        if self._file is None:
            return
        if not self.size:
            self._path.unlink(missing_ok=True)
        os.close(self._file)
        self._file = None

    def _opened(self) -> int:
        if self._file is None:
            make_private(self._folder)
            file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                self.size = os.fstat(file).st_size
            except OSError:
                os.close(file)  # without its lock, a neighbour would take it over
                raise
            self._file = file
        return self._file

    def _left(self) -> list[Path]:
        found = []
        for path in sorted(self._folder.glob("*.jsonl")) if self._folder.is_dir() else ():
            if path == self._path:
                continue
            try:
                file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
            except OSError:  # a neighbour removed it, or it is not one of ours
                continue
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                found.append(path)
            except OSError:
                continue  # its process lives
            finally:
                os.close(file)
        return found


def _batches(path: Path) -> Iterator[tuple[CostEvent, ...]]:
    batch: list[CostEvent] = []
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            event = _event(line)
            if event is None:
                continue
            if len(batch) >= _BATCH or (batch and batch[-1].host != event.host):
                yield tuple(batch)
                batch = []
            batch.append(event)
    if batch:
        yield tuple(batch)


def _event(line: str) -> CostEvent | None:
    """The event of a *line*; ``None`` for the end of one that a killed process began."""
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return CostEvent(**found) if isinstance(found, dict) and found.keys() == _NAMES else None
