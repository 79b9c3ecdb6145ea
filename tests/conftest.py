"""How tests are named and in which order they begin, on which workers that share a run must agree; and what they may cost."""

from __future__ import annotations

import os

import pytest

from tests.budgets import BEGINNING, BUDGETS, Spending
from tests.examples import register_profiles

pytest_plugins = ["tests.leftovers", "tests.site_files"]

_MOST_SHOWN = 40
_LONGEST = ("site", "server-lost", "server", "postgresql")
"""Groups of tests, the longest first; beside it the one that waits most, because two that work would share the processors."""

register_profiles()  # before the first module with a property is imported

_MEASURED = "COVERAGE_PROCESS_START" in os.environ
"""Whether this is `make coverage`, which measures its workers and not what a test starts: that may be able to write nowhere."""
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.pop("COVERAGE_PROCESS_START", None)


def pytest_configure(config: pytest.Config) -> None:
    if not _MEASURED:  # which costs time of its own
        config.pluginmanager.register(Spending(config, BUDGETS, BEGINNING), "spending")


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """A short name for long bytes, which may hold the time or a new key."""
    return f"{argname} of {len(val)} bytes" if isinstance(val, bytes) and len(val) > _MOST_SHOWN else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Those that keep together, on one server of their own, take minutes: they begin first, so that no worker ends alone."""
    items.sort(key=_turn)


def _turn(item: pytest.Item) -> int:
    group = item.get_closest_marker("xdist_group")
    if group is None:
        return len(_LONGEST) + 1
    return _LONGEST.index(group.args[0]) if group.args[0] in _LONGEST else len(_LONGEST)
