"""Addresses outside the cluster, cut into the ranges that no rule distinguishes."""

from __future__ import annotations

import ipaddress
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from arcops.seen.network import Block
from reach.arrays import np
from reach.selectors import Flags

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_END = {4: 1 << 32, 6: 1 << 128}


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class AddressSpan:
    """The addresses *first* to *last*, of IP *version*."""

    version: int
    first: int
    last: int

    def __str__(self) -> str:
        return f"{_address(self.version, self.first)}-{_address(self.version, self.last)}"

    @property
    def whole(self) -> bool:
        """Is this every address of its version?"""
        return self.first == 0 and self.last == _END[self.version] - 1


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Domain:
    """The addresses outside of a host name, or of all names that match a pattern; the addresses are not known."""

    name: str

    def __str__(self) -> str:
        return self.name


def _address(version: int, value: int) -> Address:
    return ipaddress.IPv4Address(value) if version == 4 else ipaddress.IPv6Address(value)


@lru_cache(maxsize=4096)  # the same addresses are named again and again
def span(text: str) -> AddressSpan | None:
    """The range of the CIDR or address *text*; `None` if it is neither."""
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None
    first = int(network.network_address)
    return AddressSpan(version=network.version, first=first, last=int(network.broadcast_address))


def meets(one: str, other: str) -> bool:
    """Have the CIDRs or addresses *one* and *other* an address in common? IPv4 addresses written as IPv6 are the same ones."""
    first, second = _unmapped(one), _unmapped(other)
    if first is None or second is None or first.version != second.version:
        return False
    return first.first <= second.last and second.first <= first.last


def _unmapped(text: str) -> AddressSpan | None:
    found = span(text)
    if found is None or found.version == 4 or {found.first >> 32, found.last >> 32} != {_MAPPED}:
        return found
    return AddressSpan(version=4, first=found.first & _LOW, last=found.last & _LOW)


_MAPPED, _LOW = 0xFFFF, (1 << 32) - 1
"""The upper bits of an IPv4 address written as IPv6 (RFC 4291, section 2.5.5.2), and a mask of the lower."""


def written(text: str) -> str:
    """*text* as its CIDR or address is usually written, so that equal ones are equal text; itself if it is neither."""
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        return text
    return str(network.network_address if network.num_addresses == 1 else network)


class Outside:
    """Every address of both IP versions as ranges in order, and then the host names that rules name.

    ``points`` cut it, too, so that questions about them are exact. A range of addresses never holds a host name, and a host
    name never holds a range.
    """

    def __init__(self, blocks: Iterable[Block], points: Iterable[str] = (), domains: Iterable[str] = ()) -> None:
        cuts = {4: {0, _END[4]}, 6: {0, _END[6]}}
        for text in (*(one for block in blocks for one in (block.cidr, *block.excepts)), *points):
            found = span(text)
            if found is not None:
                cuts[found.version] |= {found.first, found.last + 1}
        self._starts = {version: sorted(values)[:-1] for version, values in cuts.items()}
        self._before = {4: 0, 6: len(self._starts[4])}
        ends = {version: [*starts[1:], _END[version]] for version, starts in self._starts.items()}
        self.spans = tuple(
            AddressSpan(version=version, first=first, last=end - 1)
            for version in (4, 6)
            for first, end in zip(self._starts[version], ends[version], strict=True)
        )
        self.domains = tuple(Domain(name=one) for one in sorted(set(domains)))
        self.ends: tuple[AddressSpan | Domain, ...] = (*self.spans, *self.domains)
        self._of_name = {one.name: len(self.spans) + number for number, one in enumerate(self.domains)}

    def within(self, text: str) -> Flags:
        """Which ranges lie in the CIDR *text*, which must have cut them."""
        flags = np.zeros(len(self.ends), dtype=np.bool_)
        flags[self._reach_of(text)] = True
        return flags

    def _reach_of(self, text: str) -> slice:
        found = span(text)
        if found is None:
            return slice(0)
        starts, before = self._starts[found.version], self._before[found.version]
        return slice(before + bisect_left(starts, found.first), before + bisect_right(starts, found.last))

    def of_block(self, block: Block) -> Flags:
        """Which ranges *block* holds."""
        flags = self.within(block.cidr)
        for one in block.excepts:
            flags[self._reach_of(one)] = False
        return flags

    def of_domain(self, name: str) -> Flags:
        """The host name *name*, which a rule must name."""
        flags = np.zeros(len(self.ends), dtype=np.bool_)
        flags[self._of_name[name]] = True
        return flags

    def position(self, address: Address | Domain) -> int:
        """The position of the range that holds *address*, or of that host name."""
        if isinstance(address, Domain):
            return self._of_name[address.name]
        return self._before[address.version] + bisect_right(self._starts[address.version], int(address)) - 1
