"""How tests are named. Workers that share the tests of one run must all collect the same names."""

from __future__ import annotations

_MOST_SHOWN = 40


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """A short name for long bytes, which may hold the time or a new key."""
    return f"{argname} of {len(val)} bytes" if isinstance(val, bytes) and len(val) > _MOST_SHOWN else None
