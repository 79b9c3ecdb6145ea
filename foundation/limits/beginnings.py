"""How often one address may begin something that takes no account: to log in, or to join.

Each address has a bucket in memory; one that is full again is forgotten. If there is no room for one address more, that one has
to wait, because to forget another one would let it through. A network of IPv6 counts as one address by its first 64 bits, as
one customer has them all.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass, field

from arcops.errors import Unavailable
from foundation.limits.memory import Memory
from foundation.limits.rules import MICROS, MINUTE, Charge, Numbers, Rule

MOST_ADDRESSES = 100_000
"""Addresses that are counted at a time."""
EACH_MINUTE = 60
"""Beginnings of one address, if the operator says nothing."""
_FULL_SECONDS = 30
_TOGETHER = 20
"""So many times as much do all have together, if addresses do not tell callers apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Beginnings:
    """``each`` in a minute, all of them at once or one after the other. ``together``: addresses do not tell callers apart, as
    behind a proxy, so all count as one that has more.
    """

    each: int = EACH_MINUTE
    together: bool = False
    memory: Memory = field(default_factory=lambda: Memory(most=MOST_ADDRESSES))

    def wait(self, address: str) -> int:
        """Count one beginning of *address*. 0 if it may, else in how many whole seconds it may."""
        many = self.each * (_TOGETHER if self.together else 1)
        numbers = Numbers(calls=many, burst=many)
        rule = Rule(name="beginnings", quota=False, per=MINUTE, numbers=numbers)
        charge = Charge(key=("" if self.together else network(address),), rule=rule, numbers=numbers)
        try:
            (standing,) = self.memory.take((charge,))
        except Unavailable:
            return _FULL_SECONDS
        return 0 if standing.let else max(1, -(-standing.wait // MICROS))


def beginnings(each: int | None, *, together: bool, clock: Callable[[], int] | None = None) -> Beginnings:
    """`Beginnings` with *each* as the operator set it, or as usual; by another *clock* in microseconds for tests."""
    memory = Memory(most=MOST_ADDRESSES, clock=clock) if clock is not None else Memory(most=MOST_ADDRESSES)
    return Beginnings(each=each or EACH_MINUTE, together=together, memory=memory)


def network(address: str) -> str:
    """What counts as one address: an address of IPv4, also one written as IPv6, or the first 64 bits of IPv6."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address[:64]
    if found.version == 6:
        return str(found.ipv4_mapped or ipaddress.ip_network((found, 64), strict=False).network_address)
    return str(found)
