"""The sessions in this place's database, which is opened when the first person logs in or shows a session."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from foundation.login.settings import LoginSettings
from foundation.settings import Settings

if TYPE_CHECKING:
    from foundation.login.sessions import Sessions


@dataclass(slots=True, kw_only=True)
class StoredSessions:
    """The sessions of the place with these ``settings``. Threads may share it."""

    settings: Settings
    login: LoginSettings
    _sessions: Sessions | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def opened(self) -> Sessions:
        """The sessions. Raises `Unavailable` or `Refused` if the database cannot be read."""
        with self._lock:
            if self._sessions is None:
                from foundation.database.opening import opened
                from foundation.login.sessions import Sessions

                self._sessions = Sessions(opened(self.settings), self.login)
            return self._sessions
