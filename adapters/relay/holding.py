"""How many bytes of answers wait for clients that are slow to take them: bounded for each caller, and over all.

A server is not held up by a slow client, because other sessions may share it. So the memory is bounded instead: an answer that
finds no room is not given, and its call errs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from services.host.calls import TooMuch
from services.host.sessions import Owner

MOST_EACH = 256 * 1024 * 1024
MOST = 1024 * 1024 * 1024
FREE = 64 * 1024
"""Answers up to so many bytes are not counted: the number of requests bounds them."""


@dataclass(slots=True, kw_only=True)
class Holding:
    """What is held now, in bytes. The first answer of a caller always finds room."""

    most_each: int = MOST_EACH
    most: int = MOST
    _each: Counter[Owner] = field(default_factory=Counter)
    _all: int = 0

    @contextmanager
    def one(self, owner: Owner, size: int) -> Iterator[None]:
        """Hold an answer of *size* bytes for *owner* meanwhile. Raises `TooMuch`."""
        held = self._each[owner]
        if held and (held + size > self.most_each or self._all + size > self.most):
            raise TooMuch(f"{held} bytes of answers wait for you already, so one of {size} bytes is not kept; take those first")
        self._each[owner] += size
        self._all += size
        try:
            yield
        finally:
            self._each[owner] -= size
            self._all -= size
            if self._each[owner] <= 0:
                del self._each[owner]
