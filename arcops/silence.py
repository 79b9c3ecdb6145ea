"""What is called where nobody listens."""

from __future__ import annotations


def silent(done: int, total: int) -> None:
    """Progress that nobody watches."""


def unheard(sentence: str) -> None:
    """A remark that nobody hears."""
