"""Blocks of addresses that are too wide to name anyone, or any host: counted together."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_network


def wide_blocks(values: tuple[str, ...], widest: Mapping[int, int]) -> str:
    """*values* in words, if they are together more than one block of the *widest* prefix (by IP version); else empty."""
    sizes = {4: 0, 6: 0}
    for value in values:
        try:
            block = ip_network(value, strict=False)
        except ValueError:
            continue
        sizes[block.version] += block.num_addresses
    wide = sizes[4] > 1 << (32 - widest[4]) or sizes[6] > 1 << (128 - widest[6])
    return ", ".join(values[:3]) + (f" and {len(values) - 3} more" if len(values) > 3 else "") if wide else ""
