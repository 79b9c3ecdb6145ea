"""How tests are named and in which order they begin. Workers that share the tests of one run must agree on both."""

from __future__ import annotations

import pytest

pytest_plugins = ["tests.leftovers", "tests.site_files"]

_MOST_SHOWN = 40


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """A short name for long bytes, which may hold the time or a new key."""
    return f"{argname} of {len(val)} bytes" if isinstance(val, bytes) and len(val) > _MOST_SHOWN else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Those that keep together, on one server of their own, take minutes: they begin first, so that no worker ends alone."""
    items.sort(key=lambda item: item.get_closest_marker("xdist_group") is None)
