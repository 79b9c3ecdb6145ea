"""Telling one receiver what it has not taken yet: in the order of the log, each until it is taken. No one waits for another.

The receiver's position in the log moves after it took an entry, so one that was told and not noted is told again: at least
once. Only the holder of the receiver's lease tells it, so the order holds with several instances, too.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from arcops.errors import Refused, Unavailable
from artifacts.canonical import canonical
from artifacts.json_values import JSON
from artifacts.moments import moment
from artifacts.vouch import Grounds
from artifacts.wire import to_json
from flows.publish.announcement import Announcement
from flows.publish.feed import Feed
from foundation.database.lease import Lease, Leases, Lost
from foundation.database.receivers import ReceiverRow, Receivers
from foundation.egress.breaker import backoff
from tasks.publishing.webhook import Gone, Message

LEASE_SECONDS = 60.0
"""More than one message may take."""
FIRST_SECONDS, MOST_SECONDS = 1.0, 300.0
"""How long a receiver that did not take a message is left alone: first, and at most."""
_BATCH = 50

Send = Callable[[ReceiverRow, Message], None]
"""Tells a receiver one message: raises `Unavailable` if it was not taken, `Gone` if it wants nothing more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """How a pass over one receiver went: how many messages it took, whether more is waiting, and what went wrong."""

    name: str
    took: int
    behind: int
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """What a pass needs. ``send`` has one function for each kind of receiver; ``drawn`` gives a number from 0 to 1."""

    receivers: Receivers
    leases: Leases
    feed: Feed
    send: Mapping[str, Send]
    grounds: Callable[[], Grounds]
    now: Callable[[], datetime]
    drawn: Callable[[], float]

    def tell(self, name: str, *, stop: Callable[[], bool] = lambda: False) -> Told:
        """Tell the receiver *name* all that it has not taken, until it takes no more or *stop* says so.

        Raises `Lost` if another instance tells it now, and `Unavailable` if the database does not answer.
        """
        lease = self.leases.take(f"receiver/{name}", LEASE_SECONDS)
        if lease is None:
            raise Lost(f"another instance tells the receiver {name} now")
        try:
            return self._told(name, lease, stop)
        finally:
            self.leases.give(lease)

    def _told(self, name: str, lease: Lease, stop: Callable[[], bool]) -> Told:
        took = 0
        while not stop():
            row = self.receivers.found(name)
            if row is None or row.ended:
                break
            if row.kind not in self.send:
                said = f"receivers of the kind {row.kind!r} are told only by a server that has one"
                return Told(name=name, took=took, behind=self._behind(row.position), problem=said)
            problem = self._misfit(row)
            if problem:
                if problem != row.problem:
                    self.receivers.failed(self.leases, lease, name, problem, seconds=MOST_SECONDS)
                return Told(name=name, took=took, behind=self._behind(row.position), problem=problem)
            entries, end = self.feed.after(row.position, _BATCH)
            if end == row.position:
                return Told(name=name, took=took, behind=0)
            for one in self.feed.told(entries, self.grounds(), self.now()):
                if stop():
                    return Told(name=name, took=took, behind=self._behind(one.position))
                lease = self.leases.renew(lease, LEASE_SECONDS)
                if not _wanted(one, row):
                    continue
                try:
                    self.send[row.kind](row, message(one))
                except (Unavailable, Refused) as error:
                    rest = backoff(row.failures, FIRST_SECONDS, MOST_SECONDS, self.drawn())
                    ended = isinstance(error, Gone)
                    self.receivers.passed(self.leases, lease, name, one.position)
                    self.receivers.failed(self.leases, lease, name, str(error), seconds=rest, ended=ended)
                    return Told(name=name, took=took, behind=self._behind(one.position), problem=str(error))
                took += 1
                self.receivers.took(self.leases, lease, name, one.position + 1)
            self.receivers.passed(self.leases, lease, name, end)
        return Told(name=name, took=took, behind=0)

    def _misfit(self, row: ReceiverRow) -> str:
        """Why the position of *row* means nothing in this log; empty if it does, or if there is no log yet."""
        log = self.feed.log
        if log and row.log and row.log != log:
            return f"it was told about the log {row.log!r}, and this one is {log!r}; remove it, and add it again"
        if row.position > self.feed.size():
            return (
                f"it has the first {row.position} entries of a log that has {self.feed.size()} now; "
                "run 'arcops store check', which says whether entries were removed"
            )
        return ""

    def _behind(self, position: int) -> int:
        return max(0, self.feed.size() - position)


def message(one: Announcement) -> Message:
    """*one* as it is sent: the same bytes each time, as long as its signer counts or does not count."""
    log = hashlib.sha256(one.log.encode()).hexdigest()[:16]
    said: dict[str, JSON] = {"type": "artifact.kept", "timestamp": moment(one.kept_at), "data": to_json(one)}
    return Message(id=f"artifact-{log}-{one.position}", body=canonical(said))


def _wanted(one: Announcement, row: ReceiverRow) -> bool:
    """Does the receiver want it? What no one vouches for has no verdict and no kind, so it is told to all."""
    if one.verdict is None and one.problem:
        return True
    verdict = one.verdict.value if one.verdict is not None else ""
    return _among(verdict, row.verdicts) and _among(one.kind, row.kinds)


def _among(word: str, words: str) -> bool:
    return not words or word in words.split()
