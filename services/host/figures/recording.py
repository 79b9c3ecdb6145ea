"""Records of the host itself: taken at once in its loop, and written by another thread, also when the database comes back."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime

from arcops.errors import ArcOpsError, Unavailable
from foundation.database.engine import Database
from services.host.figures.records import Ending, Kind, record

EVERY_SECONDS = 1.0
MOST_WAITING = 10_000

_log = logging.getLogger(__name__)
Told = tuple[Kind, str, datetime, datetime, Ending]


class Recording:
    """Writes records to *database*. Over `MOST_WAITING` of them the oldest is dropped, and the log says so."""

    def __init__(self, database: Database, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._database, self.now = database, now
        self._waiting: deque[Told] = deque()

    def tell(self, kind: Kind, subject: str, began: datetime, outcome: Ending) -> None:
        """Something of this *kind* that *began* then ended now. Never waits."""
        if len(self._waiting) >= MOST_WAITING:
            _log.error("a record of %s is dropped, because the database has not taken any for too long", self._waiting[0][0])
            self._waiting.popleft()
        self._waiting.append((kind, subject, began, self.now(), outcome))

    async def always(self) -> None:
        """Write for ever."""
        while True:
            await asyncio.sleep(EVERY_SECONDS)
            with suppress(ArcOpsError):
                await asyncio.to_thread(self.write)

    def write(self) -> None:
        """Write what waits. Raises `Unavailable`, and keeps the rest."""
        while self._waiting:
            one = self._waiting[0]
            try:
                record(self._database, *one)
            except Unavailable:
                raise
            except ArcOpsError as error:
                _log.error("a record of %s cannot be written: %s", one[0], error)
            self._waiting.popleft()
