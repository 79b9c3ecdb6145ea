"""A connection to a Redis server that the tier reaches: for counts and hints, never for what has to be true.

The address is ``redis://[USER@]HOST[:PORT][/DATABASE]``, or ``rediss://`` with TLS, whose certificate is checked. Other parts
of a URL, such as a password or options in the query, are refused.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from arcops.errors import Refused, Unavailable
from arcops.extras import refuse_without
from arcops.tier import Tier
from foundation.egress.destination import Destination, NotPlain, read_destination
from foundation.egress.permission import Purpose, permit
from foundation.egress.remotes import HERE
from foundation.egress.tls import authorities_file

PURPOSE = Purpose(
    what="ARCOPS_REDIS",
    form="use one like rediss://redis.example.org:6379/0",
    instead="unset it, or set ARCOPS_TIER to restricted",
)
PORT = 6379
_URL = re.compile(
    r"(?P<scheme>rediss?)://(?:(?P<user>[A-Za-z0-9_.-]{1,100})@)?(?P<at>[^/?#@]{1,300})(?:/(?P<db>[0-9]{1,3})?)?", re.ASCII
)
_HAS_PORT = re.compile(r".*:[0-9]+", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisServer:
    """Where a Redis server is. ``user`` is empty for the default one."""

    to: Destination
    tls: bool
    user: str
    number: int


def read_redis(url: str) -> RedisServer:
    """The server at *url*. Raises `Refused`; what it says shows no part of a URL that may hold a password."""
    found = _URL.fullmatch(url)
    try:
        if found is None:
            raise NotPlain
        at = found["at"] if _HAS_PORT.fullmatch(found["at"]) else f"{found['at']}:{PORT}"
        to = read_destination(f"http://{at}")
    except NotPlain:
        raise Refused(
            f"{PURPOSE.what} is not the plain address of a Redis server; {PURPOSE.form}, and give a password by "
            "ARCOPS_REDIS_PASSWORD_FILE"
        ) from None
    return RedisServer(to=to, tls=found["scheme"] == "rediss", user=found["user"] or "", number=int(found["db"] or 0))


class Script:
    """One Lua script at a Redis server, run whole or not at all; each run takes at most about *seconds*.

    Raises `Refused` for a server that *tier* does not reach, and for a password that others on the network could read.
    """

    def __init__(self, tier: Tier, at: RedisServer, text: str, *, password: str, seconds: float) -> None:
        permit(tier, at.to, PURPOSE)
        if password and not at.tls and not at.to.here:
            raise Refused(f"{PURPOSE.what} would send a password in the clear to {at.to.host[:200]}; use rediss://")
        refuse_without(("redis",))
        from redis import Redis
        from redis.backoff import NoBackoff
        from redis.retry import Retry

        tls: dict[str, Any] = {"ssl": True, "ssl_ca_certs": authorities_file() or None} if at.tls else {}
        self._client = Redis(
            host=at.to.addresses[0],
            port=at.to.port,
            db=at.number,
            username=at.user or None,
            password=password or None,
            socket_timeout=seconds,
            socket_connect_timeout=seconds,
            retry=Retry(NoBackoff(), 1),  # a connection that the server closed while it was idle is opened again once
            client_name="arcops",
            **tls,
        )
        self._name = f"redis{'s' if at.tls else ''}://{at.to.host}:{at.to.port}"
        self._script = self._client.register_script(text)

    def run(self, keys: Sequence[str], values: Sequence[str | int | bytes]) -> list[bytes]:
        """What the script returns for *keys* and *values*: a list of texts. Raises `Unavailable`, which shows no value."""
        from redis.exceptions import ConnectionError as ConnectionFault
        from redis.exceptions import RedisError
        from redis.exceptions import TimeoutError as TimeoutFault

        try:
            with HERE.asking(self._name, (ConnectionFault, TimeoutFault, OSError)):
                found = self._script(keys=list(keys), args=list(values))
        except (RedisError, OSError) as error:
            raise Unavailable(f"the Redis server of ARCOPS_REDIS does not answer ({type(error).__name__})") from error
        if not isinstance(found, list) or not all(isinstance(one, bytes) for one in found):
            raise Unavailable("the Redis server of ARCOPS_REDIS gave an unexpected answer")
        return found

    def close(self) -> None:
        """Close its connections."""
        self._client.close()
