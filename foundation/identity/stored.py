"""The API keys in this place's database, which is opened when the first key is shown: most servers are shown none."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from arcops.identity import Identity
from foundation.claims import NotAccepted
from foundation.database.address import SqliteFile, read_address
from foundation.settings import Settings

if TYPE_CHECKING:
    from foundation.identity.api_keys import ApiKeys


@dataclass(slots=True, kw_only=True)
class StoredKeys:
    """The API keys of the place with these ``settings``. Threads may share it."""

    settings: Settings
    _keys: ApiKeys | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def caller(self, secret: str, now: datetime) -> Identity:
        """Who *secret* is the key of. Raises `NotAccepted`; `Unavailable` or `Refused` if the database cannot be read."""
        return self._opened().caller(secret, now)

    def _opened(self) -> ApiKeys:
        with self._lock:
            if self._keys is None:
                if not is_made(self.settings):
                    raise NotAccepted("no API key was made here; ask the operator for one (arcops access key new)")
                from foundation.database.opening import opened
                from foundation.identity.api_keys import ApiKeys

                self._keys = ApiKeys(opened(self.settings))
            return self._keys


def is_made(settings: Settings) -> bool:
    """May there be a key? Not if the database is a file that is not there, which is not made only to look into it."""
    address = read_address(settings.database)
    return not isinstance(address, SqliteFile) or address.path.exists()
