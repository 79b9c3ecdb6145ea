"""Looking for patches of hosted servers again and again: soon after the advisories or the rows have changed, and each hour.

One of the hosts that share a database looks, under a lease.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress

from arcops.errors import ArcOpsError
from foundation.database.lease import Leases

LOOK_SECONDS = 30.0
AGAIN_SECONDS = 3600.0
_LEASE = "hosted/patches"
_LEASE_SECONDS = 900.0

_log = logging.getLogger(__name__)


class Repeating:
    """Calls *work* if *mark* gives something else than after the last time, or `AGAIN_SECONDS` after that.

    *stop* ends a *work* that goes on when this host ends.
    """

    def __init__(
        self,
        leases: Leases,
        *,
        mark: Callable[[], object],
        work: Callable[[], object],
        stop: Callable[[], object],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._leases, self._mark, self._work, self._stop, self._clock = leases, mark, work, stop, clock
        self._seen: object = None
        self._at = float("-inf")

    async def always(self) -> None:
        """Look for ever."""
        try:
            while True:
                await asyncio.sleep(LOOK_SECONDS)
                with suppress(ArcOpsError):
                    await asyncio.to_thread(self.look)
        finally:
            self._stop()

    def look(self) -> bool:
        """Look once; was there work? Raises `Unavailable` if the database does not answer."""
        mark = self._mark()
        if mark == self._seen and self._clock() - self._at < AGAIN_SECONDS:
            return False
        lease = self._leases.take(_LEASE, _LEASE_SECONDS)
        if lease is None:
            return False
        try:
            self._work()
        except ArcOpsError as error:
            _log.warning("patches of hosted servers could not be looked for, and will be again: %s", error)
        finally:
            self._leases.give(lease)
        self._seen, self._at = self._mark(), self._clock()
        return True
