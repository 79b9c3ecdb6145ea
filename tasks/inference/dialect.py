"""The parts of a request that a server may refuse, and how to ask without them.

The standard request is made first. If it is refused as wrong (400 or 422), fewer of these parts are sent, the fewest changes
first; what was left out is in the evidence.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from itertools import product

from arcops.endpoint import Route

REFUSALS = (400, 422)


class Limit(Enum):
    """How the number of tokens is limited: newer servers know only ``max_completion_tokens``, and some know neither."""

    STANDARD = "max_tokens"
    NEWER = "max_completion_tokens"
    NONE = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """What a request holds beside model and prompt. ``counts`` asks for the count of tokens, ``greedy`` for temperature 0."""

    counts: bool = True
    limit: Limit = Limit.STANDARD
    greedy: bool = True

    def body(self, route: Route, model: str, prompt: str, tokens: int) -> dict[str, object]:
        """The request's body, for at most *tokens* tokens."""
        body: dict[str, object] = {"model": model}
        if self.limit is not Limit.NONE:
            body[self.limit.value] = tokens
        if self.greedy:
            body["temperature"] = 0
        body["stream"] = True
        if self.counts:
            body["stream_options"] = {"include_usage": True}
        if route is Route.CHAT:
            body["messages"] = [{"role": "user", "content": prompt}]
        else:
            body["prompt"] = prompt
        return body

    @property
    def left_out(self) -> tuple[str, ...]:
        """The names of what is not sent, or not as usual."""
        limit = {Limit.STANDARD: "", Limit.NEWER: "max_tokens (max_completion_tokens was sent)", Limit.NONE: "max_tokens"}
        parts = ("" if self.counts else "stream_options", limit[self.limit], "" if self.greedy else "temperature")
        return tuple(part for part in parts if part)


STANDARD = Dialect()


def others() -> Iterator[Dialect]:
    """Every other way to ask, the fewest changes first."""
    ways = [
        Dialect(counts=counts, limit=limit, greedy=greedy)
        for counts, limit, greedy in product((True, False), Limit, (True, False))
    ]
    yield from sorted((way for way in ways if way != STANDARD), key=lambda way: (len(way.left_out), way.limit is Limit.NONE))
