"""Ports, cut into the ranges that no rule distinguishes, and sets of them in words."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass

from arcops.seen.network import Protocol
from reach.arrays import np
from reach.selectors import Flags

FIRST, LAST = 1, 65535


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """Ports *first* to *last* of one protocol."""

    protocol: Protocol
    first: int
    last: int


class PortSpace:
    """All ports of all protocols as ranges in order of protocol and number."""

    def __init__(self, ranges: Iterable[Ports]) -> None:
        cuts = {protocol: {FIRST, LAST + 1} for protocol in Protocol}
        for one in ranges:
            if one.first <= one.last:
                cuts[one.protocol] |= {one.first, one.last + 1}
        self._starts = {protocol: sorted(values)[:-1] for protocol, values in cuts.items()}
        self._before: dict[Protocol, int] = {}
        pieces: list[Ports] = []
        for protocol, starts in self._starts.items():
            self._before[protocol] = len(pieces)
            ends = [*starts[1:], LAST + 1]
            pieces += [Ports(protocol=protocol, first=first, last=end - 1) for first, end in zip(starts, ends, strict=True)]
        self.pieces = tuple(pieces)

    def within(self, ports: Ports) -> Flags:
        """Which pieces lie in *ports*, which must have cut them."""
        flags = np.zeros(len(self.pieces), dtype=np.bool_)
        starts, before = self._starts[ports.protocol], self._before[ports.protocol]
        flags[before + bisect_left(starts, ports.first) : before + bisect_right(starts, ports.last)] = True
        return flags

    def position(self, protocol: Protocol, number: int) -> int:
        """The position of the range that holds the port *number*."""
        return self._before[protocol] + bisect_right(self._starts[protocol], number) - 1

    def said(self, flags: Flags) -> str:
        """The pieces of *flags* as people write ports: ``TCP 80,8080-8090,UDP 53``; ``all ports`` and ``no port``."""
        if flags.all():
            return "all ports"
        parts = []
        for protocol in sorted(Protocol, key=lambda one: one.value):
            spans: list[list[int]] = []
            for piece, chosen in zip(self.pieces, flags, strict=True):
                if chosen and piece.protocol is protocol:
                    if spans and spans[-1][1] == piece.first - 1:
                        spans[-1][1] = piece.last
                    else:
                        spans.append([piece.first, piece.last])
            if spans:
                words = ",".join(str(first) if first == last else f"{first}-{last}" for first, last in spans)
                parts.append(f"{protocol.value} {words}")
        return ",".join(parts) or "no port"
