"""The second tier: a Redis server that the hosts of one database share. It holds hints only, and everything works without it.

For a value that is not there, the server says whether another host makes it now, so that this one can wait for a moment.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from arcops.errors import ArcOpsError
from foundation.cache.sealed import hidden_name, seal, unseal

MOST_VALUE = 4 * 1024 * 1024
"""Bytes. A longer value stays in memory."""
MAKING_SECONDS = 5.0
"""How long a host that says that it makes a value is believed."""

SCRIPT = """
if ARGV[1] == 'find' then
  local found = redis.call('GET', KEYS[1])
  if found then return {'found', found} end
  local mine = redis.call('SET', KEYS[2], '1', 'NX', 'PX', ARGV[2])
  return {mine and 'mine' or 'busy'}
end
if ARGV[1] == 'keep' then redis.call('SET', KEYS[1], ARGV[3], 'PX', ARGV[2]) end
redis.call('DEL', KEYS[2])
return {'done'}
"""
"""``find``: the value; or ``mine`` if no other host makes it, so this one does; or ``busy``. ``keep`` and ``give`` end that."""


class Run(Protocol):
    """A script at a Redis server."""

    def run(self, keys: Sequence[str], values: Sequence[str | int | bytes]) -> list[bytes]:
        """What it returns. Raises `Unavailable`."""

    def close(self) -> None:
        """Close its connections."""


class Standing(Enum):
    """What is known of a value that is not there."""

    MINE = "mine"
    """No other host makes it."""
    BUSY = "busy"
    """Another host makes it now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """``script`` is `SCRIPT` at a server; ``key`` gives the key that the hosts share; ``wall`` is in milliseconds since 1970.

    Whatever goes wrong, the answer is as if there were nothing: never an error.
    """

    script: Run
    key: Callable[[], bytes]
    wall: Callable[[], int] = lambda: time.time_ns() // 1_000_000

    def find(self, name: str, seconds: float) -> bytes | Standing:
        """The value of *name*, which is kept for at most so many *seconds*; or who makes it."""
        try:
            key = self.key()
            said = self.script.run(_keys(name, key), ["find", round(MAKING_SECONDS * 1000)])
            if said[0] == b"found":
                value = unseal(said[1], name, key, self.wall(), round(seconds * 1000))
                return Standing.MINE if value is None else value
            return Standing.BUSY if said[0] == b"busy" else Standing.MINE
        except (ArcOpsError, IndexError):
            return Standing.MINE

    def keep(self, name: str, value: bytes | None, seconds: float) -> None:
        """Keep *value* for so many *seconds*; with ``None`` say only that this host makes it no longer."""
        try:
            key, lives = self.key(), round(seconds * 1000)
            if value is None or len(value) > MOST_VALUE:
                self.script.run(_keys(name, key), ["give"])
            else:
                self.script.run(_keys(name, key), ["keep", lives, seal(value, name, key, self.wall() + lives)])
        except ArcOpsError:
            return

    def close(self) -> None:
        """Close the connections."""
        self.script.close()


def _keys(name: str, key: bytes) -> tuple[str, str]:
    hidden = hidden_name(name, key)
    return f"arcops:cache:{hidden}", f"arcops:making:{hidden}"
