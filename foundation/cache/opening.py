"""The cache of this place, as its settings say."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from arcops.errors import Refused
from foundation.cache.memory import Memory
from foundation.cache.shared import SCRIPT, Shared
from foundation.cache.tiers import Cache
from foundation.database.late import Late
from foundation.settings import Settings

if TYPE_CHECKING:
    from foundation.database.engine import Database

_SECONDS = 0.5
"""How long the Redis server may take. A value that is slow to get is better made."""


def cache_of(settings: Settings, environment: Mapping[str, str] = os.environ) -> Cache:
    """The cache. Raises `Refused` if it is to be shared, and no Redis server is named, or the tier does not reach it."""
    memory = Memory(clock=time.monotonic)
    if not settings.shared_cache:
        return Cache(memory=memory)
    if not settings.redis:
        raise Refused("ARCOPS_SHARED_CACHE is redis, but ARCOPS_REDIS names no server; set it like rediss://redis.example.org")
    from foundation.egress.redis_server import Script, read_redis
    from foundation.secrets import referred

    password = referred(environment, settings.redis_password, "password of Redis") if settings.redis_password else ""
    script = Script(settings.tier, read_redis(settings.redis), SCRIPT, password=password, seconds=_SECONDS)
    key = Late(settings=settings, made=_key)
    return Cache(memory=memory, shared=Shared(script=script, key=key.opened))


def _key(database: Database) -> bytes:
    from foundation.database.shared_keys import CACHE, shared_key

    return shared_key(database, CACHE)
