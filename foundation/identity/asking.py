"""Asks an issuer about single tokens, and what keeps a flood of them away from it and from the memory of this process.

An answer counts for a while. One token is asked about once at a time, however many callers show it, and only a few tokens at
once. If the issuer does not answer, nothing is accepted but what it answered before and what still counts.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from arcops.errors import ArcOpsError, Unavailable
from arcops.identity import Identity
from foundation.claims import NotAccepted
from foundation.identity.accepted import Accepted, who
from foundation.identity.issuers import Issuer
from foundation.issuing import NoAnswer

MOST_ANSWERS = 4096
"""So many tokens that were accepted, and as many that were not, are remembered: the oldest go first."""
REFUSED_SECONDS = 10.0
MOST_ASKED = 4
"""So many questions at once."""
MOST_WAITING = 16
"""So many callers wait for the answers to them. Every one holds a thread, so that the others must not wait, too."""
PAUSE_SECONDS = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    """``found`` or ``error``, from ``at`` until ``until``."""

    found: Accepted | None
    error: NotAccepted | None
    at: float
    until: float


@dataclass(slots=True)
class _Question:
    """A question that was put, and what came of it once ``done`` is set."""

    done: threading.Event = field(default_factory=threading.Event)
    found: Accepted | None = None
    error: ArcOpsError | None = None


@dataclass(slots=True, kw_only=True)
class Asked:
    """Tokens of ``issuer``, which ``ask`` asks about one of them. ``now`` is in seconds since 1970. Threads may share it.

    ``before`` raises `NotAccepted` for what need not be asked about. ``ask`` raises `NotAccepted` if the issuer says no,
    `NoAnswer` if it says nothing, and `Unavailable` or `Refused` if the question or the answer has a fault.
    """

    issuer: Issuer
    ask: Callable[[str], Accepted]
    now: Callable[[], float]
    before: Callable[[str], None] | None = None
    most: int = MOST_ANSWERS
    _accepted: OrderedDict[bytes, _Answer] = field(default_factory=OrderedDict)
    _refused: OrderedDict[bytes, _Answer] = field(default_factory=OrderedDict)
    _questions: dict[bytes, _Question] = field(default_factory=dict)
    _waiting: int = 0
    _silent: tuple[float, str] = (0.0, "")
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def accepted(self, token: str, digest: bytes) -> Accepted:
        """Who shows *token*, whose SHA-256 is *digest*. Raises `NotAccepted`; `Unavailable` if that cannot be known now."""
        if (known := self.said(digest)) is not None:
            return known
        if self.before is not None:
            self.before(token)
        with self._lock:
            if (known := self._known(digest)) is not None:
                return known
            question = self._questions.get(digest)
            if question is None:
                mine = self._put(digest)
            elif self._waiting >= MOST_WAITING:
                raise Unavailable("too many callers wait for the issuer of their tokens; try again in a few seconds")
            else:
                self._waiting += 1
        if question is None:
            return self._answered(mine, token, digest)
        try:
            question.done.wait()  # the one who asks is bounded in time
        finally:
            with self._lock:
                self._waiting -= 1
        if question.found is not None:
            return question.found
        raise _again(question.error or Unavailable("the question to the issuer about the token was not answered; try again"))

    def forget(self, identity: Identity | None = None) -> int:
        """Ask again about everything that was accepted, or about what *identity* showed. How much was it?"""
        with self._lock:
            gone = [
                digest
                for digest, one in self._accepted.items()
                if identity is None or (one.found is not None and who(one.found.identity) == who(identity))
            ]
            for digest in gone:
                del self._accepted[digest]
        return len(gone)

    def said(self, digest: bytes) -> Accepted | None:
        """What was answered before and still counts; ``None`` if nothing was. Raises `NotAccepted` if that was a refusal."""
        with self._lock:
            return self._known(digest)

    def _known(self, digest: bytes) -> Accepted | None:
        now = self.now()
        for answers in (self._accepted, self._refused):
            one = answers.get(digest)
            if one is not None and one.at <= now < one.until:
                answers.move_to_end(digest)
                if one.error is not None:
                    raise _again(one.error)
                return one.found
            if one is not None:
                del answers[digest]
        return None

    def _put(self, digest: bytes) -> _Question:
        since, said = self._silent
        if said and 0 <= self.now() - since < PAUSE_SECONDS:
            raise Unavailable(said)
        if len(self._questions) >= MOST_ASKED:
            raise Unavailable("too many tokens are asked about at once; try again in a few seconds")
        question = self._questions[digest] = _Question()
        return question

    def _answered(self, question: _Question, token: str, digest: bytes) -> Accepted:
        silent = ""
        try:
            question.found = self.ask(token)
            return question.found
        except ArcOpsError as error:
            question.error = error
            silent = str(error) if isinstance(error, NoAnswer) else ""
            raise
        finally:
            with self._lock:
                self._silent = (self.now(), silent)
                self._remember(digest, question)
                del self._questions[digest]
            question.done.set()

    def _remember(self, digest: bytes, question: _Question) -> None:
        now = self.now()
        if question.found is not None:
            until, answers, error = question.found.until, self._accepted, None
        elif isinstance(question.error, NotAccepted):
            until, answers, error = now + REFUSED_SECONDS, self._refused, question.error
        else:
            return
        answers[digest] = _Answer(found=question.found, error=error, at=now, until=until)
        while len(answers) > self.most:
            answers.popitem(last=False)


def _again(error: ArcOpsError) -> ArcOpsError:
    """The same error for another thread: one exception must not be raised in two of them."""
    if isinstance(error, NotAccepted):
        again = NotAccepted(str(error))
        again.caller = error.caller
        return again
    return Unavailable(str(error))
