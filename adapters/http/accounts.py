"""The record of who called what, and of who was not let in: one line each in the audit log of this process."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

from starlette.types import Scope

from arcops.errors import ArcOpsError, Refused, Stopped
from arcops.identity import Identity
from arcops.tier import Tier
from capabilities.watching import came_to, done_to
from foundation.audit.record import NO_ONE, Actor, Outcome, Record
from foundation.audit.telling import Tells
from foundation.telemetry.spans import REQUEST

_TRACE = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")


@dataclass(slots=True)
class Account:
    """One call that may be done, because there is a place for its record. It is told once: when the call ended.

    ``known`` makes the record of what is known from the beginning and of how it ended. ``about`` is what it is done to, which
    is a caller's text, and no name of ours, until it was done.
    """

    audit: Tells
    known: Callable[..., Record]
    about: str = ""
    _began: float = field(default_factory=time.perf_counter)
    _told: bool = False

    def answered(self, answer: object) -> None:
        """The call was done, with this *answer*."""
        found = came_to(answer)
        self._tell(Outcome.DONE, verdict=found.get("verdict", ""), object=done_to(answer))

    def ended(self, status: int) -> None:
        """It was answered with this *status* of HTTP."""
        outcome = Outcome.DONE if status < 400 else Outcome.REFUSED if status < 500 else Outcome.FAILED
        self._tell(outcome, reason="" if status < 400 else f"status-{status}")

    def failed(self, error: BaseException) -> None:
        """The call was refused, or did not come to its end."""
        self._tell(Outcome.REFUSED if isinstance(error, Refused) else Outcome.FAILED, reason=type(error).__name__)

    def elsewhere(self, run: str) -> None:
        """The call goes on as a *run* of another process, which leaves an artifact of its own."""
        self._tell(Outcome.ALLOWED, object=f"run/{run}")

    def follow(self, future: Future[Any]) -> None:
        """Tell how *future* ends, also if no one waits for it any more."""
        future.add_done_callback(self._ended)

    def _ended(self, future: Future[Any]) -> None:
        if future.cancelled():
            self.failed(Stopped("the call was cancelled before it began"))
        elif (error := future.exception()) is not None:
            self.failed(error)
        else:
            self.answered(future.result())

    def _tell(self, outcome: Outcome, *, verdict: str = "", reason: str = "", object: str = "") -> None:
        if self._told:
            return
        self._told = True
        took = round((time.perf_counter() - self._began) * 1e6)
        record = self.known(
            outcome=outcome,
            verdict=verdict,
            reason=reason,
            object=object or (self.about if outcome is Outcome.DONE else ""),
            latency_us=took,
        )
        self.audit.tell(record, reserved=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Accounts:
    """Keeps the record in ``audit``. ``door`` is how calls of tools come in."""

    audit: Tells
    tier: Tier
    door: str = "mcp"

    def begin(
        self, scope: Mapping[str, Any], caller: Identity | None, *, tool: str, arguments: object, known: Collection[str]
    ) -> Account:
        """The account of a call of *tool*, whose arguments have the *known* names.

        Raises `Unavailable` if it cannot be recorded: then it must not be done.
        """
        told = self.audit.masked(arguments if isinstance(arguments, Mapping) else None, known)
        record = partial(
            Record, **self._known("tools/call", self.door, scope, caller), tool=tool, arguments=told.names, digest=told.digest
        )
        self.audit.reserve()  # last, because nothing gives the place back if making the record fails
        return Account(self.audit, record)

    def reading(
        self, scope: Mapping[str, Any], caller: Identity | None, *, action: str, door: str, object: str = "", tool: str = ""
    ) -> Account:
        """The account of *action* with *object*, or of a *tool* of this door alone. Raises as `begin`."""
        known = partial(Record, **self._known(action, door, scope, caller), tool=tool)
        self.audit.reserve()
        return Account(self.audit, known, object)

    @contextmanager
    def doing(
        self, scope: Mapping[str, Any], caller: Identity | None, *, action: str, door: str, object: str = "", tool: str = ""
    ) -> Iterator[None]:
        """Inside this, what `reading` begins is done; it is recorded as it ends."""
        kept = self.reading(scope, caller, action=action, door=door, object=object, tool=tool)
        try:
            yield
        except BaseException as error:
            kept.failed(error)
            raise
        kept.ended(200)

    def denied(self, scope: Scope, caller: Identity | None, reason: str, *, tool: str = "", action: str = "access") -> None:
        """Record that a request was not let in. It is not done in any case, so it needs no place kept for it."""
        record = self._record("tools/call" if tool else action, "http", scope, caller)
        with suppress(ArcOpsError):
            self.audit.tell(replace(record, outcome=Outcome.DENIED, reason=reason, tool=tool))

    def limited(self, scope: Scope, caller: Identity | None, limit: str, *, tool: str = "") -> None:
        """Record that a call was not let through, because its caller reached the *limit* of this name."""
        record = self._record("tools/call", "mcp", scope, caller)
        with suppress(ArcOpsError):
            self.audit.tell(replace(record, outcome=Outcome.LIMIT, reason=limit, tool=tool))

    @contextmanager
    def logging_in(self, scope: Scope) -> Iterator[Callable[[Identity], None]]:
        """Inside this a person is logged in; gives the function that tells who. Raises `Unavailable` if it cannot be recorded:
        then no one may be logged in.
        """
        with self.audit.recording() as tell:
            yield lambda who: tell(replace(self._record("login", "http", scope, who), outcome=Outcome.DONE))

    def left(self, scope: Scope, who: Identity, reason: str = "") -> None:
        """Record that a person was logged out, which is done in any case."""
        with suppress(ArcOpsError):
            self.audit.tell(replace(self._record("logout", "http", scope, who), outcome=Outcome.DONE, reason=reason))

    def _record(self, action: str, door: str, scope: Mapping[str, Any], caller: Identity | None) -> Record:
        return Record(**self._known(action, door, scope, caller), outcome=Outcome.ALLOWED)

    def _known(self, action: str, door: str, scope: Mapping[str, Any], caller: Identity | None) -> dict[str, Any]:
        """What a record says before it is known how it ended."""
        trace = next((value for name, value in scope.get("headers") or () if name == b"traceparent"), b"").decode("latin-1")
        return {
            "at": datetime.now(UTC),
            "action": action,
            "actor": Actor.of(caller) if caller is not None else NO_ONE,
            "door": door,
            "tier": self.tier.value,
            "trace": trace if _TRACE.fullmatch(trace) else "",
            "request": str(scope.get(REQUEST, "")),
            "source": str((scope.get("client") or ("",))[0]),
        }
