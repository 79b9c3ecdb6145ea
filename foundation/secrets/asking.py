"""What the remote places share: a question that a JSON object answers, and the token of a login, kept while it counts."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from arcops.errors import Refused, Unavailable
from foundation.egress.question import Answer
from foundation.secrets.source import Given

_EARLIER = 0.9
"""A token is used for this part of its time."""
_MOST_SECONDS = 10**12
_LATER = (408, 412, 425, 429)


class Asks(Protocol):
    """`foundation.egress.question.Way.ask`, or what a test gives for it."""

    def __call__(self, method: str, url: str, headers: Mapping[str, str], body: bytes = b"", /) -> Answer: ...


@dataclass(frozen=True, slots=True)
class Replied:
    """An answer: its ``status``, and its JSON object, which may hold secrets; empty if it has none."""

    status: int
    body: Mapping[str, Any] = field(repr=False)

    def text(self, *path: str) -> str | None:
        """The text at *path*, or ``None`` if there is something else or nothing."""
        found = self.at(*path)
        return found if isinstance(found, str) else None

    def seconds(self, *path: str) -> float | None:
        """The whole number of seconds at *path*, if it is more than 0. Some services write it as text."""
        found = self.at(*path)
        if isinstance(found, str) and found.isascii() and found.isdigit() and len(found) < 10:
            found = int(found)
        return float(found) if isinstance(found, int) and not isinstance(found, bool) and 0 < found < _MOST_SECONDS else None

    def at(self, *path: str) -> Any:
        """What is at *path*, or ``None``."""
        here: Any = self.body
        for name in path:
            here = here.get(name) if isinstance(here, Mapping) else None
        return here


def replied(answer: Answer) -> Replied:
    """*answer* as a JSON object. Raises `Unavailable` for a fault of the service, `Refused` for what is no answer of it."""
    if answer.status >= 500 or answer.status in _LATER:
        raise Unavailable(f"it answers {answer.status}, so it cannot give it now; try again")
    if 300 <= answer.status < 400:
        raise Refused(f"it answers {answer.status}, a redirect, which is not followed; name the address of the service itself")
    try:
        body = json.loads(answer.body, parse_constant=_no_number)
    except (ValueError, RecursionError):  # its text would quote the answer
        body = None
    if isinstance(body, dict):
        return Replied(answer.status, body)
    if answer.status < 300:
        raise Refused("it answers with something else than a JSON object; check the address")
    return Replied(answer.status, {})


def member(text: str, name: str) -> str:
    """The text of the member *name* of the JSON object *text*. Raises `Refused`, which quotes nothing of it."""
    try:
        found = json.loads(text, parse_constant=_no_number)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise Refused(f"the secret there is no JSON object, so it has no field {name}; leave out #{name}")
    return given_field(found, name)


def given_field(fields: Mapping[str, Any], name: str) -> str:
    """The text of the field *name*. Raises `Refused` if it is missing or no text."""
    value = fields.get(name)
    if value is None:
        raise Refused(f"the secret there has no field {name}; check the part after #")
    if not isinstance(value, str):
        raise Refused(f"the field {name} there is not text; write it in quotation marks")
    return value


class Login:
    """The token that *log_in* gives, while it counts. *clock* gives seconds."""

    def __init__(self, log_in: Callable[[], Given], *, clock: Callable[[], float], seconds: float) -> None:
        self._log_in = log_in
        self._clock = clock
        self._seconds = seconds
        self._lock = threading.Lock()
        self._held: tuple[str, float] | None = None

    def token(self) -> str:
        """A token that counts, as far as is known."""
        with self._lock:  # others wait for this login instead of making their own
            if self._held is None or self._clock() >= self._held[1]:
                self._held = None
                given = self._log_in()
                lasts = self._seconds if given.seconds is None else min(given.seconds * _EARLIER, self._seconds)
                self._held = (given.value, self._clock() + lasts)
            return self._held[0]

    def refused(self, token: str) -> None:
        """The service refused *token*: it is not used again."""
        with self._lock:
            if self._held is not None and self._held[0] == token:
                self._held = None

    def with_token(self, ask: Callable[[str], Replied], refusals: frozenset[int]) -> Replied:
        """The answer of *ask* with a token; if it is one of the *refusals*, once more with a token of a new login."""
        token = self.token()
        found = ask(token)
        if found.status not in refusals:
            return found
        self.refused(token)
        return ask(self.token())


def _no_number(word: str) -> None:
    raise ValueError(word)
