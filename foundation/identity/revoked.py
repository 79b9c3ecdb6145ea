"""What was revoked here, as this process knows it: never older than a few seconds, whichever host revoked it.

If it cannot be read, no token and no API key is accepted: one of them may be revoked.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from arcops.errors import ArcOpsError, Unavailable
from foundation.database.late import Late
from foundation.identity.accepted import Accepted
from foundation.identity.withdrawn import Withdrawn
from foundation.settings import Settings

if TYPE_CHECKING:
    from foundation.database.engine import Database
    from foundation.identity.revocations import Revocations

FRESH_SECONDS = 1.0
"""How old what is known may be before it is read again."""
SEEN_SECONDS = 5.0
"""So soon a revocation counts at every host, or else no token does."""
_FAILED_SECONDS = 1.0
_log = logging.getLogger(__name__)


@dataclass(slots=True, kw_only=True)
class StoredRevocations:
    """The revocations in the database of the place with these ``settings``. ``clock`` is in seconds. Threads may share it."""

    settings: Settings
    clock: Callable[[], float] = time.monotonic
    _known: tuple[Withdrawn, float] | None = None
    _failed: tuple[float, bool] = (0.0, False)
    _kept: Late[Revocations] = field(init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._kept = Late(settings=self.settings, made=_revocations)

    def refuse(self, shown: Accepted, digests: Iterable[bytes]) -> None:
        """Raise `Revoked` if *shown* was revoked, and `Unavailable` if that cannot be known now."""
        self._current().refuse(shown, digests)

    def known(self) -> Withdrawn | None:
        """What was revoked, if it need not be read again; it waits for no one."""
        return self._within(FRESH_SECONDS)

    def _current(self) -> Withdrawn:
        """What is revoked, read again if it is not fresh. One thread reads; the others go on with what is young enough."""
        if (fresh := self._within(FRESH_SECONDS)) is not None:
            return fresh
        young = self._within(SEEN_SECONDS)
        if not self._lock.acquire(blocking=young is None, timeout=-1 if young is not None else SEEN_SECONDS):
            return self._or_unavailable(young)
        try:
            if (fresh := self._within(FRESH_SECONDS)) is not None:
                return fresh
            since, failed = self._failed
            if failed and self.clock() - since < _FAILED_SECONDS:
                return self._or_unavailable(self._within(SEEN_SECONDS))
            return self._again()
        finally:
            self._lock.release()

    def _again(self) -> Withdrawn:
        began = self.clock()
        try:
            found = self._read(self._known[0] if self._known is not None else None)
        except ArcOpsError as error:
            _log.warning("what was revoked here cannot be read: %s", error)
            self._failed = self.clock(), True
            return self._or_unavailable(self._within(SEEN_SECONDS))
        self._known, self._failed = (found, began), (0.0, False)
        return found

    def _within(self, seconds: float) -> Withdrawn | None:
        known = self._known
        return known[0] if known is not None and 0 <= self.clock() - known[1] < seconds else None

    def _or_unavailable(self, young: Withdrawn | None) -> Withdrawn:
        if young is None:
            raise Unavailable("what was revoked here cannot be read, so no token is accepted now; try again in a few seconds")
        return young

    def _read(self, before: Withdrawn | None) -> Withdrawn:
        kept, known = self._kept.there(), before or Withdrawn()
        return known if kept is None else kept.withdrawn(known.state) or known


def _revocations(database: Database) -> Revocations:
    from foundation.identity.revocations import Revocations

    return Revocations(database)
