"""Records as lines of JSON on a stream, for a process in a container: the cluster collects what it prints.

No log is signed here and none is chained, so what becomes of a line is the collector's to prove. What cannot be written is not
lost in silence: if more than `MOST_WAITING` records wait, nothing is done that would need one more.
"""

from __future__ import annotations

import logging
import os
import threading
from collections import Counter, deque
from collections.abc import Collection, Mapping
from typing import BinaryIO

from arcops.errors import Unavailable
from foundation.audit.masking import Masking, Told
from foundation.audit.record import Record, fitted
from foundation.audit.telling import Reserving

MOST_WAITING = 10_000
_MOST_AT_ONCE = 500
_CLOSE_SECONDS = 5.0
_log = logging.getLogger(__name__)


class LinesAudit(Reserving):
    """As `foundation.audit.telling.Tells`, onto *stream*, by a thread of its own: a stream that no one reads stops no loop.

    ``counts`` are the records so far by outcome and reason, which are words of ours.
    """

    def __init__(self, stream: BinaryIO, *, most: int = MOST_WAITING) -> None:
        super().__init__()
        self._stream, self._most = stream, most
        self._masking = Masking(key=os.urandom(32))
        self._queue: deque[Record] = deque()
        self.counts: Counter[tuple[str, str]] = Counter()
        self._told = threading.Event()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="audit", daemon=True)
        self._thread.start()

    def masked(self, arguments: Mapping[str, object] | None, known: Collection[str]) -> Told:
        """As `Audit.masked`, with a key of this process alone."""
        return self._masking.told(arguments, known)

    def reserve(self) -> None:
        """As `Audit.reserve`."""
        with self._counting:
            if len(self._queue) + self._reserved >= self._most or not self._thread.is_alive():
                raise Unavailable(
                    "this call cannot be recorded, so it is not done: no one takes the records; tell the operator"
                )
            self._reserved += 1

    def tell(self, record: Record, *, reserved: bool = False) -> None:
        """As `Audit.tell`."""
        if reserved:
            self._give_back()
        elif len(self._queue) >= self._most:
            raise Unavailable("this cannot be recorded: no one takes the records; tell the operator")
        with self._counting:
            self.counts[record.outcome.value, record.reason] += 1
        self._queue.append(record)
        self._told.set()

    def healthy(self) -> str:
        """Empty if records are taken; if not, what is wrong, for a probe."""
        if not self._thread.is_alive():
            return "the records of calls cannot be written"
        return f"{len(self._queue)} records of calls wait to be written" if len(self._queue) >= self._most else ""

    def close(self) -> None:
        """Write what was told, and end."""
        self._closed = True
        self._told.set()
        self._thread.join(_CLOSE_SECONDS)

    def _run(self) -> None:
        while True:
            self._told.wait()
            self._told.clear()
            while self._queue:
                batch = [self._queue[number] for number in range(min(len(self._queue), _MOST_AT_ONCE))]
                try:
                    self._stream.write(b"".join(fitted(one).line + b"\n" for one in batch))
                    self._stream.flush()
                except (OSError, ValueError) as error:
                    _log.error("the records of calls cannot be written: %s", error)
                    return
                for _ in batch:
                    self._queue.popleft()
            if self._closed:
                return
