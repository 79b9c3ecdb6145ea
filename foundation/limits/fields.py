"""What an answer says about limits, in HTTP: RateLimit-Policy and RateLimit.

They are lists of structured fields (RFC 9651): each limit by its name with q, the calls in a window of w seconds, or with r,
the calls that remain, and t, the seconds until more may come (draft-ietf-httpapi-ratelimit-headers-10).
"""

from __future__ import annotations

from collections.abc import Sequence

from foundation.limits.deciding import Line

_MOST_LINES = 8


def policy_field(lines: Sequence[Line]) -> str:
    """The value of RateLimit-Policy."""
    return ", ".join(f'"{one.name}";q={one.calls};w={one.window}' for one in _nearest(lines))


def limit_field(lines: Sequence[Line]) -> str:
    """The value of RateLimit."""
    return ", ".join(f'"{one.name}";r={one.remain};t={one.reset}' for one in _nearest(lines))


def _nearest(lines: Sequence[Line]) -> list[Line]:
    """The limits that are nearest to their end, in the operator's order: a field is read by machines, and has to stay short."""
    chosen = sorted(range(len(lines)), key=lambda place: lines[place].remain)[:_MOST_LINES]
    return [lines[place] for place in sorted(chosen)]
