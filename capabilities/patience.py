"""How long a question without an artifact may take: a deadline, and the caller's wish to stop."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from arcops.errors import Unavailable
from flows.place import Place
from reach.effort import told

SECONDS = 120.0
"""For one question about manifests; reading the largest network in the tests takes a small part of it."""


def patience(at: Place, seconds: float = SECONDS) -> Callable[[], None]:
    """A function that a long reader calls often. It raises `Unavailable` if *seconds* have passed or the caller has stopped."""
    end = time.monotonic() + seconds

    def tick() -> None:
        if at.stop.is_set():
            raise Unavailable("the question was stopped before it was answered; ask again")
        if time.monotonic() > end:
            raise Unavailable(f"no answer within {seconds:g} s; ask about fewer manifests, or when the machine is less busy")

    return tick


@contextmanager
def patient(at: Place, seconds: float = SECONDS) -> Iterator[Callable[[], None]]:
    """`patience` for readers, and inside it also for the engine that answers."""
    tick = patience(at, seconds)
    with told(tick):
        yield tick
