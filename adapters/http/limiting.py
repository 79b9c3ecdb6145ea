"""The limits of this place: the file that the operator wrote, and where its counts are."""

from __future__ import annotations

import os
from collections.abc import Mapping

from arcops.errors import Broken, Refused
from arcops.extras import refuse_without
from capabilities.access.known import known_objects
from foundation.authorization.objects import APPROVE, CALL
from foundation.database.address import PostgresServer, read_address
from foundation.egress import postgresql
from foundation.egress.permission import permit
from foundation.egress.redis_server import PURPOSE, RedisServer, Script, read_redis
from foundation.limits.counting import Counters
from foundation.limits.deciding import SHARED_SECONDS, Deciding
from foundation.limits.limits_file import LimitsFile
from foundation.limits.rules import Limits, Numbers, Rule, Where
from foundation.secrets import referred
from foundation.settings import Settings

USUAL = Limits(rules=(Rule(name="calls", quota=False, per="minute", numbers=Numbers(calls=600, burst=100)),))
"""What counts for callers with a token or a key if the operator wrote nothing."""
NONE = Limits()
"""What counts if only the user of this machine is served, and wrote nothing."""


def limits_of(settings: Settings, *, alone: bool) -> Deciding:
    """What decides about calls here; *alone*: only this machine's user calls. Raises `Refused` if the file is wrong now."""
    objects = known_objects()
    if settings.limits is None:
        raise Broken("no file of limits is named in the settings")
    file = LimitsFile(
        path=settings.limits,
        named=settings.limits_named,
        usual=NONE if alone else USUAL,
        actions=_called(objects.actions),
        groups=objects.groups,
    )
    if (wrong := file.wrong()) is not None:
        raise wrong

    refuse_unfit(settings, file.limits())

    def opened(where: Where) -> Counters:
        refuse_unfit(settings, file.limits())  # the file may have changed since
        return counters_of(settings, where)

    return Deciding(file=file, opened=opened)


def refuse_unfit(settings: Settings, limits: Limits) -> None:
    """Raise `Refused` if the counters of *limits* are not named here, out of the tier's reach, or not shared by its hosts."""
    if limits.where is Where.REDIS:
        redis_of(settings)
    if limits.where is Where.DATABASE:
        address = read_address(settings.database)
        if isinstance(address, PostgresServer):
            postgresql.refuse_unreached(settings.tier, address.to, os.environ)
        elif limits.hosts > 1:
            raise Refused(
                f"the limits are counted in the database for {limits.hosts} hosts, but the database is a file of this machine; "
                "set ARCOPS_DATABASE to a PostgreSQL server, or hosts to 1"
            )


def counters_of(settings: Settings, where: Where) -> Counters:
    """The shared counters. Raises `Refused` if they are out of the tier's reach or not named, and `Unavailable`."""
    if where is Where.DATABASE:
        from foundation.database.opening import opened
        from foundation.limits.stored import Stored

        return Stored(opened(settings))
    from foundation.limits.remote import SCRIPT, Remote

    at = redis_of(settings)
    password = referred(os.environ, settings.redis_password, "password of Redis") if settings.redis_password else ""
    return Remote(Script(settings.tier, at, SCRIPT, password=password, seconds=SHARED_SECONDS / 2))


def redis_of(settings: Settings) -> RedisServer:
    """The Redis server that the operator named. Raises `Refused` if there is no such address, or the tier does not reach it."""
    if not settings.redis:
        raise Refused(
            "the limits are counted in Redis, but ARCOPS_REDIS names no server; set it like rediss://redis.example.org"
        )
    at = read_redis(settings.redis)
    permit(settings.tier, at.to, PURPOSE)
    refuse_without(("redis",))
    return at


def _called(actions: Mapping[str, frozenset[str]]) -> Mapping[str, frozenset[str]]:
    """Only what is called: a waiver is approved, and never called."""
    return {name: found - {APPROVE} for name, found in actions.items() if CALL in found}
