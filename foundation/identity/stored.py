"""The API keys in this place's database, which is opened when the first key is shown: most servers are shown none."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from arcops.identity import Identity
from foundation.claims import NotAccepted
from foundation.database.late import Late
from foundation.settings import Settings

if TYPE_CHECKING:
    from foundation.database.engine import Database
    from foundation.identity.api_keys import ApiKeys


@dataclass(slots=True, kw_only=True)
class StoredKeys:
    """The API keys of the place with these ``settings``. Threads may share it."""

    settings: Settings
    _keys: Late[ApiKeys] = field(init=False)

    def __post_init__(self) -> None:
        self._keys = Late(settings=self.settings, made=_keys)

    def caller(self, secret: str, now: datetime) -> Identity:
        """Who *secret* is the key of. Raises `NotAccepted`; `Unavailable` or `Refused` if the database cannot be read."""
        keys = self._keys.there()
        if keys is None:
            raise NotAccepted("no API key was made here; ask the operator for one (arcops access key new)")
        return keys.caller(secret, now)


def _keys(database: Database) -> ApiKeys:
    from foundation.identity.api_keys import ApiKeys

    return ApiKeys(database)
