"""How long a question may take that nobody keeps an artifact of: a deadline, and the caller's own wish to stop."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from arcops.errors import Unavailable
from flows.place import Place
from reach.effort import told

SECONDS = 120.0
"""For one question about manifests; reading the largest network that is measured takes a fraction of it."""


def patience(at: Place, seconds: float = SECONDS) -> Callable[[], None]:
    """What a long reader calls often: it raises `Unavailable` once *seconds* have passed, or the caller has stopped."""
    end = time.monotonic() + seconds

    def tick() -> None:
        if at.stop.is_set():
            raise Unavailable("the question was stopped before it was answered; ask again")
        if time.monotonic() > end:
            raise Unavailable(f"no answer within {seconds:g} s; ask about fewer manifests, or when the machine is less busy")

    return tick


@contextmanager
def patient(at: Place, seconds: float = SECONDS) -> Iterator[Callable[[], None]]:
    """`patience` for readers, and within it for the engine that answers, too."""
    tick = patience(at, seconds)
    with told(tick):
        yield tick
