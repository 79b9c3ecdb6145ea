"""The database that this place's settings name, ready to use."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from foundation.database.address import read_address
from foundation.settings import Settings

if TYPE_CHECKING:
    from foundation.database.engine import Database


def opened(settings: Settings, environment: Mapping[str, str] = os.environ) -> Database:
    """The database with this version's schema; a file that is missing is made. The caller closes it.

    Raises `Refused` if it is damaged, made by a newer version or out of the tier's reach, and `Unavailable`.
    """
    from arcops.extras import refuse_without

    address = read_address(settings.database)
    refuse_without(("server",))
    from foundation.database.engine import connected
    from foundation.database.migrating import ready

    database = connected(address, settings.tier, settings.database_password, environment)
    try:
        return ready(database)
    except BaseException:
        database.close()
        raise
