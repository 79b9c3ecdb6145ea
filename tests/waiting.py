"""Waiting for other processes: looking again and again, with a limit that no busy machine reaches."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

import pytest

T = TypeVar("T")

_LONGEST_REST = 0.5


def until(found: Callable[[], T], what: str, *, seconds: float = 900, log: Callable[[], str] = str) -> T:
    """What *found* gives as soon as it is something."""
    end = time.monotonic() + seconds
    rest = 0.1
    while time.monotonic() < end:
        value = found()
        if value:
            return value
        time.sleep(rest)
        rest = min(rest * 1.2, _LONGEST_REST)  # looking costs time of what is waited for
    pytest.fail(f"{what}: not within {seconds:g} s\n{log()}")
