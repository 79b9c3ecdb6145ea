"""Which records are asked for: by time, actor, tool, object and outcome."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from json.encoder import encode_basestring as _quoted

from arcops.errors import Refused
from artifacts.moments import moment
from foundation.audit.record import Outcome, Record, read_record
from foundation.audit.seals import BEGINNING
from foundation.audit.verifying import LogRead

_AT = b'"at":"'
"""What is before a record's moment in its line, and nowhere else: inside of a JSON string its quotes would be escaped."""
_SECOND = len("2031-12-24T10:00:00")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is asked for; an empty value asks for everything.

    ``since`` is the first moment, ``until`` the first one that is too late. ``actor`` is an id, with or without its issuer and
    tenant: ``ID``, ``TENANT/ID`` or ``ISSUER/TENANT/ID``. ``tools`` are those of which one is asked for. ``object`` is a whole
    one, or without the digest that follows ``@`` in it.
    """

    since: datetime | None = None
    until: datetime | None = None
    actor: str = ""
    tools: tuple[str, ...] = ()
    object: str = ""
    outcome: Outcome | None = None

    def fits(self, record: Record) -> bool:
        """Is *record* asked for?"""
        actor = record.actor
        return (
            (self.since is None or record.at >= self.since)
            and (self.until is None or record.at < self.until)
            and (not self.tools or record.tool in self.tools)
            and (not self.object or record.object == self.object or record.object.startswith(f"{self.object}@"))
            and (self.outcome is None or record.outcome is self.outcome)
            and (
                not self.actor
                or self.actor in (actor.id, f"{actor.tenant}/{actor.id}", f"{actor.issuer}/{actor.tenant}/{actor.id}")
            )
        )

    def may_fit(self) -> Callable[[bytes], bool]:
        """A quick look at a line: false only if its record cannot fit. Most lines need not be parsed."""
        parts = [
            *((f'"object":{_quoted(self.object)[:-1]}'.encode(),) if self.object else ()),
            *((f'"outcome":"{self.outcome.value}"'.encode(),) if self.outcome is not None else ()),
            *((_quoted(self.actor.rpartition("/")[2])[:-1].encode()[1:],) if self.actor else ()),
        ]
        tools = [f'"tool":{_quoted(one)}'.encode() for one in self.tools]
        first = moment(self.since)[:_SECOND].encode() if self.since is not None else b""
        last = moment(self.until)[:_SECOND].encode() if self.until is not None else b"~"

        def may_fit(line: bytes) -> bool:
            if first or last != b"~":
                begin = line.find(_AT) + len(_AT)
                if not first <= line[begin : begin + _SECOND] <= last:
                    return False
            return all(part in line for part in parts) and (not tools or any(one in line for one in tools))

        return may_fit


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A record, the name of its log and its line there, from 1; ``verified`` says that the log is what was written."""

    log: str
    line: int
    verified: bool
    record: Record


def newest(logs: Iterable[LogRead], wanted: Wanted, most: int) -> tuple[tuple[Found, ...], tuple[str, ...]]:
    """The *most* newest records of *logs* that are *wanted*, newest first, and a sentence for each line that is no record.

    Of each log they are those that were written last; a record is written when a call ends.
    """
    found: list[Found] = []
    unread: list[str] = []
    for log in logs:
        found = heapq.nlargest(most, [*found, *islice(matching(log, wanted, unread, last_first=True), most)], key=_place)
    return tuple(found), tuple(unread)


def matching(log: LogRead, wanted: Wanted, unread: list[str], *, last_first: bool = False) -> Iterator[Found]:
    """The records of *log* that are *wanted*, in the order of its lines; a sentence about each line that is no record to
    *unread*.
    """
    may_fit, verified = wanted.may_fit(), not log.problems
    size = len(log.lines)
    numbered = zip(range(size, 0, -1), reversed(log.lines), strict=True) if last_first else enumerate(log.lines, 1)
    for number, line in numbered:
        if line.startswith(BEGINNING) or not may_fit(line):
            continue
        try:
            record = read_record(line)
        except Refused as error:
            unread.append(f"{log.name}: line {number} is no record: {error}.")
            continue
        if wanted.fits(record):
            yield Found(log=log.name, line=number, verified=verified, record=record)


def _place(found: Found) -> tuple[datetime, str, int]:
    return found.record.at, found.log, found.line
