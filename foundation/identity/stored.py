"""The API keys in this place's database, which is opened when the first key is shown: most servers are shown none."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from arcops.errors import ArcOpsError, Unavailable
from arcops.identity import Identity
from foundation.claims import NotAccepted
from foundation.database.late import Late
from foundation.settings import Settings

if TYPE_CHECKING:
    from foundation.database.engine import Database
    from foundation.identity.api_keys import ApiKeys

_log = logging.getLogger(__name__)


@dataclass(slots=True, kw_only=True)
class StoredKeys:
    """The API keys of the place with these ``settings``. Threads may share it."""

    settings: Settings
    _keys: Late[ApiKeys] = field(init=False)

    def __post_init__(self) -> None:
        self._keys = Late(settings=self.settings, made=_keys)

    def caller(self, secret: str, now: datetime) -> Identity:
        """Who *secret* is the key of. Raises `NotAccepted`; `Unavailable` if the database cannot be read.

        One who only shows a text as a key is not told where the database is, so what is wrong with it is only in the log.
        """
        try:
            keys = self._keys.there()
            if keys is not None:
                return keys.caller(secret, now)
        except NotAccepted:
            raise
        except ArcOpsError as error:
            _log.warning("no API key can be looked up: %s", error)
            raise Unavailable(
                "the API keys of this place cannot be read, so no key is accepted now; try again later"
            ) from error
        raise NotAccepted("no API key was made here; ask the operator for one (arcops access key new)")


def _keys(database: Database) -> ApiKeys:
    from foundation.identity.api_keys import ApiKeys

    return ApiKeys(database)
