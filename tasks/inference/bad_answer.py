"""An answer of an endpoint that is wrong."""

from __future__ import annotations

from arcops.seen.inference import Fault


class BadAnswer(Exception):
    """The answer is wrong. ``said`` holds no text of it, because a server may repeat the key that it got.

    ``status`` is its HTTP status if that is the error, else 0.
    """

    def __init__(self, fault: Fault, said: str, status: int = 0) -> None:
        super().__init__(said)
        self.fault, self.said, self.status = fault, said, status
