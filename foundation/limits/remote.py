"""Counts in Redis, for many hosts: one script counts a call everywhere or nowhere, by the clock of the Redis server.

A Redis server that restarts without its data has forgotten the counts; the database does not forget.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Protocol

from arcops.errors import Unavailable
from foundation.limits.bucket import Standing, bucket_standing
from foundation.limits.counting import hashed
from foundation.limits.rules import Charge, windows

SCRIPT = """
local clock = redis.call('TIME')
local now = tonumber(clock[1]) * 1000000 + tonumber(clock[2])
local all, kept, lives, told = true, {}, {}, {string.format('%.0f', now)}
for i, key in ipairs(KEYS) do
  local a = (i - 1) * 6
  local x, y = tonumber(ARGV[a + 2]), tonumber(ARGV[a + 3])
  local found = redis.call('GET', key)
  local value, ends, let
  if ARGV[a + 1] == 'quota' then
    local used, known = 0, 0
    if found then
      local u, e = string.match(found, '^(%d+) (%d+)$')
      used, known = tonumber(u), tonumber(e)
    end
    if known * 1000 <= now then
      used = 0
      for n = 4, 6 do
        known = tonumber(ARGV[a + n])
        if known * 1000 > now then break end
      end
      if known * 1000 <= now then return redis.error_reply('the clock of the caller is wrong') end
    end
    let, value, ends = used + y <= x, used, known
    kept[i] = string.format('%.0f %.0f', used + y, known)
    lives[i] = known - math.floor(now / 1000) + 1
    if let then value = used + y end
  else
    local mark = found and tonumber(found) or 0
    local begun = math.max(mark, now)
    let, value, ends = begun + x - now <= x * y, mark, 0
    kept[i] = string.format('%.0f', begun + x)
    lives[i] = math.floor((begun + x - now) / 1000) + 1
    if let then value = begun + x end
  end
  all = all and let
  table.insert(told, let and '1' or '0')
  table.insert(told, string.format('%.0f', value))
  table.insert(told, string.format('%.0f', ends))
end
if all then
  for i, key in ipairs(KEYS) do redis.call('SET', key, kept[i], 'PX', string.format('%.0f', lives[i])) end
end
return told
"""
"""For each key: 'rate', interval and burst; or 'quota', the most, the calls and the ends of three windows. Returns the clock in
microseconds, and for each key whether it lets the call through, its mark or its calls after that, and the window's end."""


class Run(Protocol):
    """A script at a Redis server."""

    def run(self, keys: Sequence[str], values: Sequence[str | int]) -> list[bytes]:
        """What it returns. Raises `Unavailable`."""

    def close(self) -> None:
        """Close its connections."""


class Remote:
    """The counts of *script*, which is `SCRIPT` at a server. *wall* is in milliseconds since 1970."""

    def __init__(self, script: Run, *, wall: Callable[[], int] = lambda: time.time_ns() // 1_000_000) -> None:
        self._script = script
        self._wall = wall

    def take(self, charges: Sequence[Charge]) -> tuple[Standing, ...]:
        """As `Counters`."""
        wall = self._wall()
        values: list[str | int] = []
        for one in charges:
            if one.rule.quota:
                values += ["quota", one.numbers.calls, 1 + one.owed, *windows(one.rule.per, wall)]
            else:
                values += ["rate", one.interval, one.numbers.burst, 0, 0, 0]
        told = self._script.run([f"arcops:limit:{hashed(one)}" for one in charges], values)
        try:
            now, *rest = (int(one) for one in told)
            if len(rest) != 3 * len(charges):
                raise ValueError
        except ValueError:
            raise Unavailable("the Redis server of ARCOPS_REDIS gave an unexpected answer") from None
        let = all(rest[::3])
        return tuple(
            _standing(one, now, bool(rest[3 * at]), rest[3 * at + 1], rest[3 * at + 2], counted=let)
            for at, one in enumerate(charges)
        )

    def close(self) -> None:
        """Close the connections."""
        self._script.close()


def _standing(one: Charge, now: int, let: bool, value: int, ends: int, *, counted: bool) -> Standing:
    undone = let and not counted  # the script says how it would stand, but another count let nothing through
    if not one.rule.quota:
        mark = value - one.interval if undone else value
        return bucket_standing(mark, now, one.interval, one.numbers.burst, let=let)
    used = value - 1 - one.owed if undone else value
    left, remain = max(0, ends * 1000 - now), max(0, one.numbers.calls - used)
    return Standing(let=let, remain=remain, used=used, wait=0 if remain else left, reset=left)
