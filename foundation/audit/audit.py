"""The audit log of this process: a bounded queue, and one thread that writes what is in it in batches.

`Audit.tell` costs its caller little more than putting the record into the queue. The thread writes at most a tenth of a second
later, or as soon as there are a thousand records; each batch is on the disk with its checkpoint before the next begins. A
killed process loses what was still in the queue, and leaves a log that verifies.

If the log cannot be written (a full disk, a changed log), records wait in the queue. When it is full and the log is
``required``, `Audit.reserve` and `Audit.tell` raise `Unavailable`, so that nothing is done that cannot be recorded; by
``best-effort`` the record is dropped and counted, and the count is recorded when the log can be written again.
"""

from __future__ import annotations

import atexit
import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime

from arcops.errors import ArcOpsError, Broken, Unavailable
from foundation.audit.keys import open_keys
from foundation.audit.masking import Masking, Told
from foundation.audit.place import AuditPlace, this_host
from foundation.audit.record import Outcome, Record, fitted
from foundation.audit.seals import MOST_BATCH
from foundation.audit.telling import Reserving
from foundation.audit.writing import SOON_FULL, LogWriter, open_next
from foundation.settings import Settings

MOST_WAITING = 10_000
"""Most records in the queue. At some 600 bytes each it takes some 10 MB."""
EVERY_SECONDS = 0.1
_AGAIN_SECONDS = 1.0
_CLOSE_SECONDS = 10.0
_SECOND_TRIES = 3

_log = logging.getLogger(__name__)


def _now() -> datetime:
    return datetime.now(UTC)


class Audit(Reserving):
    """The audit log that this process writes. One object serves all threads of the process."""

    def __init__(
        self,
        open_log: Callable[[], LogWriter],
        masking: Masking,
        *,
        required: bool,
        now: Callable[[], datetime] = _now,
        most: int = MOST_WAITING,
        again: float = _AGAIN_SECONDS,
    ) -> None:
        super().__init__()
        self._open_log = open_log
        self._writer: LogWriter | None = None
        try:
            self._writer = open_log()
        except Unavailable:
            if required:
                raise
        self._masking = masking
        self._required = required
        self._now = now
        self._most = most
        self._again = again
        self._queue: deque[Record] = deque()
        self._lost = 0
        self._problem = ""
        self._told, self._plenty, self._ending = threading.Event(), threading.Event(), threading.Event()
        self._idle = threading.Condition()
        self._busy = False
        self._closed = False
        self._process = os.getpid()
        self._queue.append(self._own("audit/begun", Outcome.ALLOWED))
        self._told.set()
        self._thread = threading.Thread(target=self._run, name="audit", daemon=True)
        self._thread.start()
        atexit.register(self.close)

    @classmethod
    def open(cls, settings: Settings, *, now: Callable[[], datetime] = _now, soon: str = "") -> Audit:
        """The audit log of this process at the folders of *settings*. Call it once, and `close` it at the end.

        A process that ends soon names its kind in *soon*: such processes have shorter logs of their own, which open faster.

        Raises `Refused` if the log that would be continued was changed, or its key is gone; `Unavailable` if the log is
        required and cannot be written. By best effort it is tried again as long as the process lives.
        """
        place, host = AuditPlace.at(settings.audit, settings.memory), f"{this_host()}-{soon}" if soon else this_host()
        most = SOON_FULL if soon else 0
        try:
            masking = open_keys(place).masking
        except Unavailable:
            if settings.audit_required:
                raise
            masking = Masking(key=os.urandom(32))  # for what waits until the folder can be written
        return cls(
            lambda: open_next(place, host, open_keys(place).signer, most), masking, required=settings.audit_required, now=now
        )

    def masked(self, arguments: Mapping[str, object] | None, known: Collection[str]) -> Told:
        """What a record may say of *arguments*; *known* are the names that the tool declares (`Masking.told`)."""
        return self._masking.told(arguments, known)

    def reserve(self) -> None:
        """Keep a place for the record of what is about to be done; then `tell` it with ``reserved``, whatever happens.

        Raises `Unavailable` if the log is required and there is no place: then it must not be done.
        """
        with self._counting:
            if self._required and len(self._queue) + self._reserved >= self._most:
                raise self._full()
            self._reserved += 1

    def tell(self, record: Record, *, reserved: bool = False) -> None:
        """Have *record* written. With ``reserved`` it is always taken; see `reserve`.

        Without it, raises `Unavailable` if the log is required and the queue is full, or this object was closed.
        """
        if reserved:
            self._give_back()
        if len(self._queue) >= self._most and not (reserved and self._required):
            if self._required:
                raise self._full()
            with self._counting:
                self._lost += 1
            return
        if self._closed or self._process != os.getpid():
            self._refuse(reserved)
            return
        self._queue.append(record)
        if not self._told.is_set():
            self._told.set()
        if len(self._queue) >= MOST_BATCH and not self._plenty.is_set():
            self._plenty.set()

    def healthy(self) -> str:
        """Empty if what is told is written; else what is wrong, in one sentence without folders, for a probe."""
        if self._closed:
            return "the audit log is closed"
        if not self._thread.is_alive():
            return "the writer of the audit log ended"
        if self._problem:
            return f"{self._waiting():,} audit records cannot be written, and {self._lost:,} were dropped; the log says why"
        if self._writer is not None and self._writer.memory_problem:
            return "the memory of the audit log cannot be written; the log says why"
        return ""

    def flush(self, seconds: float = _CLOSE_SECONDS) -> bool:
        """Wait until all that was told before is on the disk; false if that is not so after so many *seconds*."""
        ends = time.monotonic() + seconds
        self._plenty.set()
        with self._idle:
            while self._queue or self._busy:
                left = ends - time.monotonic()
                if left <= 0 or not self._thread.is_alive():
                    return False
                self._told.set()
                self._plenty.set()
                self._idle.wait(min(left, EVERY_SECONDS))
        return True

    def close(self) -> None:
        """Write all that was told, and end. It is called at the end of the process, too; a second call does nothing."""
        if self._closed or self._process != os.getpid():
            return
        self._queue.append(self._own("audit/ended", Outcome.DONE))
        self._closed = True
        self._ending.set()
        self._told.set()
        self._plenty.set()
        self._thread.join(_CLOSE_SECONDS)
        if self._thread.is_alive() or self._queue:
            _log.error("the audit log was closed with %d records that are not written: %s", len(self._queue), self._problem)
        if self._writer is not None and not self._thread.is_alive():
            self._writer.close()
        atexit.unregister(self.close)

    def _waiting(self) -> int:
        return len(self._queue)

    def _full(self) -> Unavailable:
        return Unavailable(
            f"this call cannot be recorded in the audit log, so it is not done: {self._waiting():,} records wait to be "
            "written; try again, and tell the operator (ARCOPS_AUDIT says whether a record is required)"
        )

    def _refuse(self, reserved: bool) -> None:
        if self._process != os.getpid():
            raise Broken("the audit log was opened in another process; each process opens its own")
        if self._required and not reserved:
            raise Unavailable("the audit log is closed, because this process ends; try again")
        with self._counting:
            self._lost += 1
        _log.error("a record came after the audit log was closed, and is lost")

    def _own(self, action: str, outcome: Outcome) -> Record:
        return Record(at=self._now().astimezone(UTC), action=action, outcome=outcome, door="audit")

    def _run(self) -> None:
        tries = 0
        while True:
            self._told.wait()
            if not self._ending.is_set():
                self._plenty.wait(EVERY_SECONDS)
            with self._idle:
                self._busy = True
            self._told.clear()
            self._plenty.clear()
            wrote = self._write_all()
            with self._idle:
                self._busy = False
                self._idle.notify_all()
            if self._ending.is_set():
                tries += 1
                if wrote or tries >= _SECOND_TRIES:
                    return
            if not wrote:
                self._ending.wait(self._again)
                self._told.set()

    def _write_all(self) -> bool:
        """Write what is in the queue. False, with what is left still in it, if that is not possible now.

        What comes meanwhile waits its tenth of a second: a batch costs as much with one record as with a hundred.
        """
        left = len(self._queue)
        while left > 0 or (self._ending.is_set() and self._queue):
            batch = [self._queue[number] for number in range(min(len(self._queue), MOST_BATCH - 1))]
            lost = self._lost
            try:
                records = [fitted(one) for one in batch]
                if lost:
                    told = self._own("audit/lost", Outcome.FAILED)
                    records.append(fitted(_counted(told, lost)))
                writer = self._following()
                writer.append([one.line for one in records], newest=max(one.at for one in records))
            except Exception as error:  # whatever it is, nothing may end this thread: what is told later would wait for ever
                self._tell_problem(error)
                return False
            with self._counting:
                self._lost -= lost
            for _ in batch:
                self._queue.popleft()
            left -= len(batch)
        if self._problem:
            _log.warning("the audit log can be written again")
            self._problem = ""
        return True

    def _following(self) -> LogWriter:
        """The writer of the log that gets the next batch. Raises as `open_next` does."""
        if self._writer is None:
            self._writer = self._open_log()
        elif self._writer.full:
            following = self._open_log()
            self._writer.close()
            self._writer = following
        return self._writer

    def _tell_problem(self, error: Exception) -> None:
        said = str(error) if isinstance(error, ArcOpsError) else type(error).__name__
        if said != self._problem:
            self._problem = said
            _log.error("the audit log cannot be written: %s", said)


def _counted(record: Record, lost: int) -> Record:
    from dataclasses import replace

    return replace(record, reason=f"{lost}-records")
