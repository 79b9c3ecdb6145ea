"""Callbacks that do nothing, for callers that need no progress and no remarks."""

from __future__ import annotations


def silent(done: int, total: int) -> None:
    """Ignore the progress."""


def unheard(sentence: str) -> None:
    """Ignore the remark."""
